"""Smooth activations: those that let x pass through a soft gate (silu, mish, gelu, glu), softsign and logsigmoid.

Most are put together from functions that keep their small values exact, so that nothing overflows and nothing
cancels: log(sigmoid(20)) is -2e-9 here, not 0.  softplus stands in `minigen.functional.activations`.
"""

from __future__ import annotations

import math

from minigen.arguments import one_axis
from minigen.backend import Array, array_module
from minigen.engine import Function
from minigen.functional.activations import Softplus
from minigen.functional.arguments import check_choice, check_floating, check_tensor
from minigen.tensor import Tensor


class Softsign(Function):
    """y = x / (1 + |x|)."""

    pointwise = True

    def forward(self, x: Array) -> Array:
        """Compute y, of the shape and memory layout of x."""
        xp = array_module(x)
        size = xp.abs(x, out=xp.empty_like(x))
        size += 1
        return xp.divide(x, size, out=size)

    def backward(self, grad: Tensor) -> Tensor:
        """Divide by (1 + |x|)^2: one quotient, where the rule for quotients would cancel for large x."""
        (x,) = self.inputs
        size = x.abs() + 1
        return grad / size / size


def _softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)) by one formula everywhere: without the threshold that ends `softplus`."""
    return Softplus.apply(x, beta=1.0, threshold=math.inf)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Sigmoid linear unit, or swish: ``x * sigmoid(x)``.

    Parameters
    ----------
    input : Tensor
        x, of any shape.
    inplace : bool, default False
        Accepted for PyTorch's sake and ignored: the result is the same, memory is not shared.

    Returns
    -------
    Tensor
        Of the shape of ``input``; at least -0.2785.

    Notes
    -----
    With s = sigmoid(x), the derivative is s + x s (1 - s).

    References
    ----------
    Ramachandran, Zoph and Le, "Searching for activation functions", 2017.

    Examples
    --------
    >>> import minigen
    >>> silu(minigen.tensor([0.0, 100.0])).tolist()
    [0.0, 100.0]
    """
    check_floating("silu", input=input)
    return input * input.sigmoid()


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """Mish: ``x * tanh(softplus(x))``.

    Parameters
    ----------
    input : Tensor
        x, of any shape.
    inplace : bool, default False
        Accepted for PyTorch's sake and ignored: the result is the same, memory is not shared.

    Returns
    -------
    Tensor
        Of the shape of ``input``; at least -0.3089.

    Notes
    -----
    With t = tanh(softplus(x)), the derivative is t + x (1 - t^2) sigmoid(x).

    References
    ----------
    Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020.

    Examples
    --------
    >>> import minigen
    >>> mish(minigen.tensor([0.0, 30.0])).tolist()
    [0.0, 30.0]
    """
    check_floating("mish", input=input)
    return input * _softplus(input).tanh()


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    r"""Gaussian error linear unit: x times the probability that a standard normal number is below x.

    .. math:: y = x \, \Phi(x) = x \, (1 + \mathrm{erf}(x / \sqrt 2)) / 2

    Parameters
    ----------
    input : Tensor
        x, of any shape.
    approximate : "none" or "tanh", default "none"
        "tanh" takes (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3) for the probability; the results
        differ by less than 5e-4.

    Returns
    -------
    Tensor
        Of the shape of ``input``; at least -0.17.

    Raises
    ------
    ValueError
        If ``approximate`` is another word.

    Notes
    -----
    The derivative is Phi(x) + x phi(x), where phi is the normal density.  (1 + tanh(u)) / 2 is computed as
    sigmoid(2 u), its equal, which does not cancel for negative u; 1 + erf does, as in PyTorch: left of -3 the exact
    form is right to some 1e-7 in float32, and to few digits of its own.

    References
    ----------
    Hendrycks and Gimpel, "Gaussian error linear units", 2016, section 2.

    Examples
    --------
    >>> import minigen
    >>> x = minigen.linspace(-5, 5, 1001)
    >>> (gelu(x) - gelu(x, approximate="tanh")).abs().max().item() < 5e-4
    True
    """
    check_floating("gelu", input=input)
    check_choice("gelu", "approximate", approximate, ("none", "tanh"))
    if approximate == "none":
        return input * ((input * math.sqrt(0.5)).erf() + 1) * 0.5
    u = (input + 0.044715 * input**3) * math.sqrt(2 / math.pi)
    return input * (2 * u).sigmoid()


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Gated linear unit: the first half of the channels times the sigmoid of the second half.

    Parameters
    ----------
    input : Tensor
        Any shape with an even length along ``dim``: a and b, side by side.
    dim : int, default -1
        The axis that is halved.

    Returns
    -------
    Tensor
        ``a * sigmoid(b)``, half as long along ``dim``.

    Raises
    ------
    ValueError
        If the axis cannot be halved.

    Notes
    -----
    With s = sigmoid(b), the derivatives are s with respect to a and a s (1 - s) with respect to b.

    References
    ----------
    Dauphin et al., "Language modeling with gated convolutional networks", ICML 2017, section 2.

    Examples
    --------
    >>> import minigen
    >>> glu(minigen.tensor([[1.0, 2.0, 0.0, 0.0]])).tolist()
    [[0.5, 1.0]]
    """
    check_floating("glu", input=input)
    if input.ndim == 0:
        raise ValueError("glu: a tensor of shape () has no axis that could be halved")
    axis = one_axis("glu", dim, input.ndim)
    length = input.shape[axis]
    if length % 2:
        raise ValueError(f"glu: axis {dim} of input {input.shape} has {length} elements, which cannot be halved")
    a, b = input.unflatten(axis, (2, length // 2)).unbind(axis)
    return a * b.sigmoid()


def softsign(input: Tensor) -> Tensor:
    """A slow sigmoid: ``x / (1 + |x|)``, into (-1, 1).

    Parameters
    ----------
    input : Tensor
        x, of any shape.

    Returns
    -------
    Tensor
        Of the shape of ``input``.

    Notes
    -----
    The derivative is 1 / (1 + |x|)^2: where that of tanh vanishes exponentially, it falls by a power only.

    Examples
    --------
    >>> import minigen
    >>> softsign(minigen.tensor([-1.0, 0.0, 3.0])).tolist()
    [-0.5, 0.0, 0.75]
    """
    check_tensor("softsign", input=input)
    return Softsign.apply(input if input.is_floating_point() else input.float())


def logsigmoid(input: Tensor) -> Tensor:
    """Logarithm of the sigmoid: ``-log(1 + exp(-x))``, right where the sigmoid is 1 or 0 to all its digits.

    Parameters
    ----------
    input : Tensor
        x, of any shape.

    Returns
    -------
    Tensor
        Of the shape of ``input``; negative.

    Notes
    -----
    It is -softplus(-x), and its derivative sigmoid(-x).

    Examples
    --------
    >>> import minigen
    >>> logsigmoid(minigen.tensor([-1000.0])).tolist()
    [-1000.0]
    """
    check_floating("logsigmoid", input=input)
    return -_softplus(-input)
