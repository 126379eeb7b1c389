"""A bias for every channel, and the rectifier behind it, in one call: for GPUs, where each call is a launch.

On a GPU `minigen.nn.Sequential` puts it in the place of a layer's bias and the `ReLU` or `LeakyReLU` that follows
(`minigen.nn.fusion` says when).  On the CPU nobody does: there the bias is added to a block of the product while it
lies in the cache.
"""

from __future__ import annotations

import numpy as np

from minigen import kernels
from minigen.backend import Array, array_module, in_memory_order
from minigen.engine import Function
from minigen.functional.channels import channel_sum, rows_by_channel
from minigen.tensor import Tensor


class BiasRectified(Function):
    """x + bias (N, C, ...) where that is positive, else ``slope`` times it; the option is not negative."""

    slope: float

    def forward(self, x: Array, bias: Array) -> Array:
        """Add and rectify."""
        if kernels.usable(x):
            rows = kernels.add_bias(rows_by_channel(x), bias, self.slope)
            return array_module(x).moveaxis(rows.reshape(len(x), *x.shape[2:], x.shape[1]), -1, 1)
        xp = array_module(x)
        total = in_memory_order(xp.add, [x, bias.reshape(1, -1, *(1,) * (x.ndim - 2))])
        below = xp.minimum(total, 0, out=xp.empty_like(total))
        below *= self.slope
        xp.maximum(total, 0, out=total)
        total += below
        return total

    def backward(self, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Multiply by 1 or the slope, which the sign of the result tells; the bias gets the sum over its channel."""
        positive = self.output > 0
        grad = grad * (positive if self.slope == 0 else positive.to(grad.dtype) * (1 - self.slope) + self.slope)
        needs_x, needs_bias = self.needs_input_grad
        return grad if needs_x else None, channel_sum(grad) if needs_bias else None

    def reads(self) -> tuple[int, ...]:
        """The sign of the result."""
        return (-1,)


def bias_rectified(x: Tensor, bias: Tensor, slope: float) -> Tensor:
    """Add a number to every channel of x (N, C, ...) and multiply what is negative by ``slope``, at least 0.

    Examples
    --------
    >>> import minigen
    >>> bias_rectified(minigen.tensor([[1.0, -4.0]]), minigen.tensor([1.0, 2.0]), 0.25).tolist()
    [[2.0, -0.5]]
    """
    return BiasRectified.apply(x, bias, slope=slope)


def is_worth_it(x: Tensor) -> bool:
    """True where one call is quicker than two: on a GPU, for types that its kernel knows."""
    return type(x.array) is not np.ndarray and kernels.usable(x.array)
