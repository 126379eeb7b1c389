"""Functions that move elements without changing them: reshape, permute, broadcast, concatenate.

All are linear; each is filed with its adjoint, which is another function of this file (or a slice).
"""

from __future__ import annotations

from minigen.backend import array_module
from minigen.engine import Function


class Reshape(Function):
    """The same elements in logical (row-major) order, in another shape; a view where memory allows it."""

    view = True

    def forward(self, x):
        return x.reshape(self.shape)

    def backward(self, grad):
        return grad.reshape(self.inputs[0].shape)

    def reads(self):
        return ()


class Permute(Function):
    """The axes in the order ``dims``; the adjoint is the inverse order."""

    view = True

    def forward(self, x):
        return x.transpose(self.dims)

    def backward(self, grad):
        inverse = sorted(range(len(self.dims)), key=self.dims.__getitem__)
        return Permute.apply(grad, dims=tuple(inverse))

    def reads(self):
        return ()


class BroadcastTo(Function):
    """x repeated along new axes and axes of length 1, without copying; the adjoint of `SumTo`."""

    view = True

    def forward(self, x):
        return array_module(x).broadcast_to(x, self.shape)

    def backward(self, grad):
        return grad.sum_to_size(self.inputs[0].shape)

    def reads(self):
        return ()


class SumTo(Function):
    """x summed over the axes along which ``shape`` would be broadcast to x's shape."""

    def forward(self, x):
        lead = x.ndim - len(self.shape)
        repeated = tuple(i for i, n in enumerate(x.shape) if i < lead or (self.shape[i - lead] == 1 and n != 1))
        return x.sum(axis=repeated).reshape(self.shape)

    def backward(self, grad):
        return grad.broadcast_to(self.inputs[0].shape)

    def reads(self):
        return ()


class Clone(Function):
    """A copy with its own memory, in the layout of the original (``order="K"``) or row-major (``"C"``)."""

    order_in_memory = "K"

    def forward(self, x):
        return array_module(x).array(x, copy=True, order=self.order_in_memory)

    def backward(self, grad):
        return grad

    def reads(self):
        return ()


class Cat(Function):
    """The inputs one after the other along the axis ``dim``; the adjoint cuts them apart again."""

    def forward(self, *xs):
        xp, first = array_module(xs[0]), xs[0]
        shape = list(first.shape)
        shape[self.dim] = sum(x.shape[self.dim] for x in xs)
        return xp.concatenate(xs, axis=self.dim, out=xp.empty_like(first, shape=shape))  # in the first one's order

    def backward(self, grad):
        pieces, start = [], 0
        for x, needed in zip(self.inputs, self.needs_input_grad, strict=True):
            stop = start + x.shape[self.dim]
            cut = (slice(None),) * self.dim + (slice(start, stop),)
            pieces.append(grad[cut] if needed else None)
            start = stop
        return tuple(pieces)

    def reads(self):
        return ()
