"""Functions of tensors over axes: sums, moments, norms, extrema, order: ``minigen.sum(x)`` beside ``x.sum()``.

Most only call the method.  Names that Python has, too (sum, max, any), are PyTorch's here.
"""

from __future__ import annotations

from typing import Any

from minigen.arguments import Dims
from minigen.operands import given
from minigen.tensor import Tensor, ValuesAndIndices

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "log_softmax",
    "logsumexp",
    "max",
    "mean",
    "min",
    "norm",
    "prod",
    "softmax",
    "sort",
    "std",
    "std_mean",
    "sum",
    "topk",
    "var",
    "var_mean",
]


def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """exp(x) / sum(exp(x)) along ``dim``."""
    return given("softmax", input).softmax(dim, dtype)


def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """The logarithm of the softmax along ``dim``."""
    return given("log_softmax", input).log_softmax(dim, dtype)


def logsumexp(input: Tensor, dim: Dims, keepdim: bool = False) -> Tensor:
    """log(sum(exp(x))) along ``dim``."""
    return given("logsumexp", input).logsumexp(dim, keepdim)


def sum(input: Tensor, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """The sum."""
    return given("sum", input).sum(dim, keepdim, dtype)


def mean(input: Tensor, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """The mean."""
    return given("mean", input).mean(dim, keepdim, dtype)


def amax(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The largest element."""
    return given("amax", input).amax(dim, keepdim)


def amin(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The smallest element."""
    return given("amin", input).amin(dim, keepdim)


def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element; along an axis (values, indices)."""
    return given("max", input).max(dim, keepdim)


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element; along an axis (values, indices)."""
    return given("min", input).min(dim, keepdim)


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the largest element."""
    return given("argmax", input).argmax(dim, keepdim)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the smallest element."""
    return given("argmin", input).argmin(dim, keepdim)


def any(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """True where any element is."""
    return given("any", input).any(dim, keepdim)


def all(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """True where all elements are."""
    return given("all", input).all(dim, keepdim)


def cumprod(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    r"""The running product along an axis: :math:`y_i = x_0 \cdots x_i`.

    Parameters
    ----------
    input : Tensor
        Of any shape; integers are multiplied as int64.
    dim : int
        The axis.
    dtype : dtype, optional
        What the input is converted to first.

    Returns
    -------
    Tensor
        Of the same shape.

    Raises
    ------
    IndexError
        If there is no such axis.

    Notes
    -----
    Composed of log2(n) products of slices, so that its derivatives are right at zeros too, where
    :math:`y_i / x_j` is not there to be taken.

    Examples
    --------
    >>> import minigen
    >>> minigen.cumprod(minigen.tensor([1.0, 2.0, 3.0, 0.5]), dim=0)
    tensor([1., 2., 6., 3.])
    """
    return given("cumprod", input).cumprod(dim, dtype)


def cumsum(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    r"""The running sum along an axis: :math:`y_i = x_0 + \dots + x_i`.

    Parameters
    ----------
    input : Tensor
        Of any shape; integers are added as int64.
    dim : int
        The axis.
    dtype : dtype, optional
        What the input is converted to first.

    Returns
    -------
    Tensor
        Of the same shape.

    Raises
    ------
    IndexError
        If there is no such axis.

    Notes
    -----
    x_i is in y_i and in all that follow, so the gradient is a running sum, too, from the other end.

    Examples
    --------
    >>> import minigen
    >>> minigen.cumsum(minigen.tensor([1.0, 2.0, 3.0]), dim=0)
    tensor([1., 3., 6.])
    """
    return given("cumsum", input).cumsum(dim, dtype)


def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """The product of all elements, or of those along one axis; an empty product is 1.

    Parameters
    ----------
    input : Tensor
        Of any shape; integers are multiplied as int64.
    dim : int, optional
        The axis; all elements without it.
    keepdim : bool, default False
        Leave the axis with length 1.
    dtype : dtype, optional
        What the input is converted to first.

    Notes
    -----
    The derivative with respect to an element is the product of all others.  It is not computed as product / element,
    so it is exact where elements are 0.

    Examples
    --------
    >>> import minigen
    >>> x = minigen.tensor([0.0, 2.0, 3.0], requires_grad=True)
    >>> minigen.grad(minigen.prod(x), x)[0]
    tensor([6., 0., 0.])
    """
    return given("prod", input).prod(dim, keepdim, dtype)


def norm(input: Tensor, p: Any = "fro", dim: Dims = None, keepdim: bool = False) -> Tensor:
    r"""The norm of order p of the elements along ``dim``.

    .. math:: \lVert x \rVert_p = \Big( \sum_i |x_i|^p \Big)^{1/p}

    Parameters
    ----------
    input : Tensor
        Floating point.
    p : float or "fro", default "fro"
        The order: 2 or "fro" is the root of the sum of squares, inf the largest absolute value, -inf the smallest,
        0 the number of elements that are not 0.
    dim : int or tuple of int, optional
        The axes over which is summed; all of them by default.
    keepdim : bool, default False
        Leave these axes with length 1.

    Raises
    ------
    ValueError
        If p is no number and not "fro".
    RuntimeError
        If the tensor holds integers.

    Notes
    -----
    The derivative is :math:`\operatorname{sign}(x_i) (|x_i| / \lVert x \rVert_p)^{p-1}`.  A norm has none where it is
    0; there 0 is taken, as in PyTorch, so that a gradient penalty at a gradient of 0 gives no NaN.

    Examples
    --------
    >>> import minigen
    >>> x = minigen.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
    >>> minigen.norm(x, dim=1).tolist()
    [5.0, 0.0]
    >>> minigen.grad(minigen.norm(x, dim=1).sum(), x)[0].tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    return given("norm", input).norm(p, dim, keepdim)


def var(
    input: Tensor, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *, correction: Any = None
) -> Tensor:
    r"""The variance along ``dim``.

    .. math:: \frac{1}{n - c} \sum_i (x_i - \bar x)^2

    Parameters
    ----------
    input : Tensor
        Floating point.
    dim : int or tuple of int, optional
        The axes; all of them by default.  ``var(x, False)`` is ``var(x, unbiased=False)``, as in PyTorch.
    unbiased : bool, default True
        c = 1 if True, else 0.
    keepdim : bool, default False
        Leave the axes with length 1.
    correction : number, optional
        c itself, instead of ``unbiased``.

    Returns
    -------
    Tensor
        NaN where n <= c and the deviations are 0, as for a single element with c = 1.

    Examples
    --------
    >>> import minigen
    >>> minigen.var(minigen.tensor([1.0, 3.0])).item(), minigen.var(minigen.tensor([1.0, 3.0]), correction=0).item()
    (2.0, 1.0)
    """
    return given("var", input).var(dim, unbiased, keepdim, correction=correction)


def std(
    input: Tensor, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *, correction: Any = None
) -> Tensor:
    """The square root of the variance; arguments as for `var`.

    Notes
    -----
    Computed as a `norm` of the deviations: where all elements are equal, its derivative is taken as 0.

    Examples
    --------
    >>> import minigen
    >>> minigen.std(minigen.tensor([[1.0, 3.0], [0.0, 4.0]]), dim=1, correction=0)
    tensor([1., 2.])
    """
    return given("std", input).std(dim, unbiased, keepdim, correction=correction)


def var_mean(
    input: Tensor, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *, correction: Any = None
) -> tuple[Tensor, Tensor]:
    """The variance and the mean; arguments as for `var`."""
    axes = None if isinstance(dim, bool) else dim
    return given("var_mean", input).var(dim, unbiased, keepdim, correction=correction), input.mean(axes, keepdim)


def std_mean(
    input: Tensor, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *, correction: Any = None
) -> tuple[Tensor, Tensor]:
    """The standard deviation and the mean; arguments as for `var`."""
    axes = None if isinstance(dim, bool) else dim
    return given("std_mean", input).std(dim, unbiased, keepdim, correction=correction), input.mean(axes, keepdim)


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> ValuesAndIndices:
    """The elements along an axis in order, and where they were.

    Parameters
    ----------
    input : Tensor
        Of any shape; NaN counts as larger than every number.
    dim : int, default -1
        The axis.
    descending : bool, default False
        The largest first.
    stable : bool, default False
        Whether equal elements must stay in their order; here they always do.

    Returns
    -------
    ValuesAndIndices
        ``values``, through which gradients flow, and ``indices`` (int64), both of the input's shape.

    Notes
    -----
    Sorting permutes, so the gradient is permuted back: ``values`` are gathered with ``indices`` held constant.

    Examples
    --------
    >>> import minigen
    >>> values, indices = minigen.sort(minigen.tensor([3.0, 1.0, 2.0]), descending=True)
    >>> values.tolist(), indices.tolist()
    ([3.0, 2.0, 1.0], [0, 2, 1])
    """
    return given("sort", input).sort(dim, descending, stable)


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The ``indices`` of `sort`: an int64 tensor without gradient."""
    return given("argsort", input).argsort(dim, descending, stable)


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesAndIndices:
    """The k largest (or smallest) elements along an axis, and where they were.

    Parameters
    ----------
    input : Tensor
        Of any shape; NaN counts as larger than every number.
    k : int
        How many; from 0 to the length of the axis.
    dim : int, default -1
        The axis.
    largest : bool, default True
        The largest; else the smallest.
    sorted : bool, default True
        Whether the best must come first; here it always does.

    Returns
    -------
    ValuesAndIndices
        ``values``, through which gradients flow, and ``indices`` (int64), of length k along the axis.

    Raises
    ------
    ValueError
        If k is longer than the axis.

    Examples
    --------
    >>> import minigen
    >>> minigen.topk(minigen.tensor([3.0, 1.0, 2.0]), 2).indices
    tensor([0, 2])
    """
    return given("topk", input).topk(k, dim, largest, sorted)


def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """The number of elements that are not 0, of all or along axes."""
    return given("count_nonzero", input).count_nonzero(dim)
