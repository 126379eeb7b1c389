"""Functions that choose elements by indices and masks, or write to chosen places: ``minigen.gather``.

All only call the method; what an index may be is said here.  An index out of range raises where the index is on the
host; on a GPU nobody looks, for looking would wait for the device.
"""

from __future__ import annotations

from typing import Any

from minigen.operands import given
from minigen.tensor import Tensor

__all__ = [
    "gather",
    "index_add",
    "index_select",
    "masked_fill",
    "masked_select",
    "nonzero",
    "scatter",
    "scatter_add",
    "take_along_dim",
]


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Along one axis take the elements that an index names; along the others stay in place.

    For ``dim=1``: out[i, j] = input[i, index[i, j]].

    Parameters
    ----------
    input : Tensor
        Of any shape.
    dim : int
        The axis.
    index : Tensor of int
        With as many axes as the input; along the others it may be shorter, then only the beginning is looked at.

    Returns
    -------
    Tensor
        Of the index's shape.

    Raises
    ------
    IndexError
        If a number of the index is not in [0, input.shape[dim]).
    TypeError, ValueError
        If the index holds no integers, or its shape does not fit.

    Notes
    -----
    The gradient is added back where each element came from: `scatter_add`, the adjoint.

    Examples
    --------
    >>> import minigen
    >>> scores = minigen.tensor([[0.1, 0.9], [0.8, 0.2]])
    >>> minigen.gather(scores, 1, minigen.tensor([[1], [0]])).tolist()  # of each row, that of its label
    [[0.8999999761581421], [0.800000011920929]]
    """
    return given("gather", input).gather(dim, index)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """The input, with elements of ``src`` added at the places that an index names: the adjoint of `gather`.

    For ``dim=1``: out = input, then out[i, index[i, j]] += src[i, j] for all i, j.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    dim : int
        The axis.
    index : Tensor of int
        With as many axes as the input, not longer than it along the other axes.
    src : Tensor
        Of the input's dtype, at least as long as the index along every axis; the rest is not read.

    Raises
    ------
    IndexError
        If a number of the index is not in [0, input.shape[dim]).
    TypeError, ValueError
        If dtypes or shapes do not fit.

    Examples
    --------
    >>> import minigen
    >>> labels = minigen.tensor([0, 2, 2])
    >>> minigen.scatter_add(minigen.zeros(3), 0, labels, minigen.ones(3))  # a histogram
    tensor([1., 0., 2.])
    """
    return given("scatter_add", input).scatter_add(dim, index, src)


def scatter(input: Tensor, dim: int, index: Tensor, src: Any) -> Tensor:
    """The input, with elements of ``src`` (or one number) in the places that an index names.

    For ``dim=1``: out = input, then out[i, index[i, j]] = src[i, j] for all i, j.

    Parameters
    ----------
    input, dim, index
        As for `scatter_add`.
    src : Tensor or number
        What is written.

    Raises
    ------
    IndexError, TypeError, ValueError
        As for `scatter_add`.

    Notes
    -----
    Where a place is named twice the last element stays, and only it has a gradient (PyTorch's gradient is wrong there,
    as its documentation says).  Elements of the input that are overwritten have none.

    Examples
    --------
    >>> import minigen
    >>> minigen.scatter(minigen.zeros(2, 3), 1, minigen.tensor([[2], [0]]), 1.0)
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    return given("scatter", input).scatter(dim, index, src)


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """As `gather`, but the other axes broadcast; without ``dim`` of all elements in a row."""
    return given("take_along_dim", input).take_along_dim(indices, dim)


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices along an axis that an index names, in that order.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    dim : int
        The axis.
    index : Tensor of int
        With one axis (or none).

    Raises
    ------
    IndexError
        If a number of the index is not in [0, input.shape[dim]).
    TypeError, ValueError
        If the index holds no integers, or has several axes.

    Notes
    -----
    The gradient is added back slice by slice: `index_add`, the adjoint.

    Examples
    --------
    >>> import minigen
    >>> minigen.index_select(minigen.tensor([[1, 2], [3, 4]]), 1, minigen.tensor([1, 1, 0]))
    tensor([[2, 2, 1],
            [4, 4, 3]])
    """
    return given("index_select", input).index_select(dim, index)


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, alpha: Any = 1) -> Tensor:
    """The input, with ``alpha`` times the slices of ``source`` added at the places that an index names.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    dim : int
        The axis.
    index : Tensor of int
        With one axis (or none): where each slice of ``source`` goes.
    source : Tensor
        Of the input's dtype and shape, but along ``dim`` as long as the index.
    alpha : number, default 1
        A factor.

    Raises
    ------
    IndexError, TypeError, ValueError
        As for `index_select`, and if ``source`` does not fit.

    Examples
    --------
    >>> import minigen
    >>> minigen.index_add(minigen.zeros(3), 0, minigen.tensor([0, 0, 2]), minigen.ones(3))
    tensor([2., 0., 1.])
    """
    return given("index_add", input).index_add(dim, index, source, alpha)


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """The input, with one number where a mask is True.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    mask : Tensor of bool
        It broadcasts with the input.
    value : number or Tensor without axes
        What is written.

    Raises
    ------
    TypeError
        If the mask is not bool, or a fraction shall be written among integers.
    ValueError
        If shapes do not broadcast, or ``value`` is more than one number.

    Notes
    -----
    No gradient flows to what is masked, not even an infinite one: the gradient is masked, not multiplied.

    Examples
    --------
    >>> import minigen
    >>> x = minigen.tensor([1.0, 2.0, 3.0])
    >>> minigen.masked_fill(x, x > 1.5, 0.0)
    tensor([1., 0., 0.])
    """
    return given("masked_fill", input).masked_fill(mask, value)


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where a mask (bool; it broadcasts with the input) is True, in a row.

    Examples
    --------
    >>> import minigen
    >>> x = minigen.tensor([[1, 2], [3, 4]])
    >>> minigen.masked_select(x, x > 1)
    tensor([2, 3, 4])
    """
    return given("masked_select", input).masked_select(mask)


def nonzero(input: Tensor, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not 0: a row for each, or (``as_tuple``) a tensor for each axis.

    Examples
    --------
    >>> import minigen
    >>> minigen.nonzero(minigen.tensor([[0, 7], [8, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    return given("nonzero", input).nonzero(as_tuple)
