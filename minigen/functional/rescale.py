"""Dividing by a size: local response normalisation by that of neighbouring channels, `normalize` by a norm.

Nothing is centred here and nothing depends on the batch; normalisation by mean and variance is in
`minigen.functional.norm` and `minigen.functional.samplenorm`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from minigen.backend import Array, array_module
from minigen.engine import Function
from minigen.functional.arguments import check_floating, check_integer, check_number
from minigen.ops.statistics import norm
from minigen.tensor import Tensor


class ChannelWindowSum(Function):
    """y[:, c] = the sum of x[:, c - before] to x[:, c + after]; channels outside count as 0.

    Linear; its adjoint is the same sum with the window mirrored.
    """

    before: int
    after: int

    def forward(self, x: Array) -> Array:
        """Add shifted copies: no running sum, whose differences would lose digits."""
        y = array_module(x).array(x, copy=True, order="K")
        for shift in range(1, min(self.after, x.shape[1]) + 1):
            y[:, :-shift] += x[:, shift:]
        for shift in range(1, min(self.before, x.shape[1]) + 1):
            y[:, shift:] += x[:, :-shift]
        return y

    def backward(self, grad: Tensor) -> Tensor:
        """Give every channel the gradients of the windows it is in."""
        return ChannelWindowSum.apply(grad, before=self.after, after=self.before)

    def reads(self) -> tuple[int, ...]:
        """Nothing: the function is linear."""
        return ()


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    r"""Divide each channel by the strength of its neighbours, pixel by pixel.

    .. math:: y_c = x_c \left(k + \frac{\alpha}{\text{size}} \sum_{c'} x_{c'}^2\right)^{-\beta}

    with c' from c - size // 2 to c + (size - 1) // 2, as far as there are such channels.

    Parameters
    ----------
    input : Tensor
        x, of shape (N, C, ...) with at least three axes.
    size : int
        How many channels make a neighbourhood.
    alpha, beta, k : float, default 1e-4, 0.75, 1
        As in the formula.  The paper, which does not divide by ``size``, has size 5, alpha 1e-4, beta 0.75 and k 2.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    ValueError, TypeError
        If the input has fewer than three axes, ``size`` is no positive integer, or a number is none.

    Notes
    -----
    With d the parenthesis, dL/dx = g d^-beta - 2 alpha beta / size * x * S(g x d^(-beta - 1)), where S sums over the
    mirrored window: the channels in whose neighbourhood this one is.

    References
    ----------
    Krizhevsky, Sutskever and Hinton (2012), "ImageNet classification with deep convolutional neural networks",
    NIPS, section 3.3.

    Examples
    --------
    >>> import minigen
    >>> local_response_norm(minigen.tensor([[[3.0], [4.0]]]), 2, alpha=2.0, beta=0.5, k=0.0).tolist()
    [[[1.0], [0.800000011920929]]]
    """
    check_floating("local_response_norm", input=input)
    size = check_integer("local_response_norm", "size", size)
    numbers = {"alpha": alpha, "beta": beta, "k": k}
    alpha, beta, k = (
        check_number("local_response_norm", name, value, low=-float("inf")) for name, value in numbers.items()
    )
    if input.ndim < 3:
        raise ValueError(
            f"local_response_norm: input is (N, C, ...) with at least three axes, but its shape is {input.shape}"
        )
    total = ChannelWindowSum.apply(input * input, before=size // 2, after=(size - 1) // 2)
    return input * (total * (alpha / size) + k) ** -beta


def normalize(
    input: Tensor, p: float = 2.0, dim: int | Sequence[int] | None = 1, eps: float = 1e-12, out: Any = None
) -> Tensor:
    r"""Divide by the p-norm along an axis: ``x / max(|x|_p, eps)``.

    Parameters
    ----------
    input : Tensor
        x, of any shape.
    p : float, default 2
        The exponent of the norm :math:`(\sum |x|^p)^{1/p}`; infinity for the largest absolute value.
    dim : int, sequence of int or None, default 1
        The axis, or axes, along which a vector lies; None takes all.
    eps : float, default 1e-12
        The least number that is divided by.
    out : None
        Only None is possible: nothing here writes into a given tensor.

    Returns
    -------
    Tensor
        Of the input's shape and dtype; vectors of zeros stay zeros.

    Raises
    ------
    ValueError, TypeError, IndexError
        If the input is not of floating-point numbers, an axis does not exist, or ``p`` or ``eps`` is no number.

    Notes
    -----
    For p = 2 and y = x / r, dL/dx = (g - y <g, y>) / r: the part of g along y is taken out.  A vector shorter than
    eps is divided by a constant; the derivative of the norm at 0 is taken to be 0.

    Examples
    --------
    >>> import minigen
    >>> normalize(minigen.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    check_floating("normalize", input=input)
    p = check_number("normalize", "p", p, low=-math.inf)
    eps = check_number("normalize", "eps", eps, low=0.0)
    if out is not None:
        raise TypeError("normalize: out is not supported, the result is a new tensor; leave it out")
    return input / norm("normalize", input, p, dim, keepdim=True).clamp(min=eps)
