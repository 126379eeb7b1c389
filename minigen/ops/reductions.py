"""Sums, norms and extrema over axes, running sums, and the softmax family.

What is composed of them (var, prod, the norms of every order) is in `minigen.ops.statistics`.  ``dim`` is a tuple
of non-negative axes here (of `CumSum` one axis): who applies a function has normalised it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minigen.backend import Array, array_module, rows_in_block
from minigen.engine import Function

_BLOCK_BYTES = 2**19  # with what is made of it, it fits in the second-level cache of a core


def _kept(shape: tuple[int, ...], dim: tuple[int, ...]) -> tuple[int, ...]:
    """The shape after a reduction that leaves the reduced axes with length 1."""
    return tuple(1 if i in dim else n for i, n in enumerate(shape))


def blocks_without(dim: tuple[int, ...], x: Array) -> Iterator[Any]:
    """Cut the first axis into blocks that stay in the cache; leave it whole where it is one of ``dim``."""
    if x.ndim == 0 or 0 in dim:
        yield ...
        return
    step = rows_in_block(array_module(x), x.nbytes // max(len(x), 1), _BLOCK_BYTES)
    for start in range(0, len(x), step):
        yield slice(start, min(start + step, len(x)))


class Sum(Function):
    """The sum over the axes ``dim``; filed with its adjoint, broadcasting."""

    def forward(self, x):
        dtype = x.dtype if x.dtype.kind == "f" else "int64"
        return x.sum(axis=self.dim, keepdims=self.keepdim, dtype=dtype)

    def backward(self, grad):
        (x,) = self.inputs
        return grad.reshape(_kept(x.shape, self.dim)).broadcast_to(x.shape)

    def reads(self):
        return ()


class CumSum(Function):
    """The running sum along the axis ``dim``: y[i] = x[0] + ... + x[i].

    x[i] is in y[i] and all that follow, so the adjoint is the running sum from the other end.
    """

    def forward(self, x):
        if x.ndim == 0:
            return x.copy()
        return x.cumsum(axis=self.dim, dtype=x.dtype if x.dtype.kind == "f" else "int64")

    def backward(self, grad):
        return grad.flip(self.dim).cumsum(self.dim).flip(self.dim) if grad.ndim else grad

    def reads(self):
        return ()


class VectorNorm(Function):
    r"""The norm of order p over the axes ``dim``: (sum abs(x)**p)**(1/p), for a finite p that is not 0.

    With y the norm, its derivative is sign(x) * (abs(x) / y)**(p - 1).  Where y is 0 it has none, and 0 is
    taken, as in PyTorch; also where x is 0 and p < 1.
    """

    def forward(self, x):
        xp = array_module(x)
        if self.p == 2:
            return xp.sqrt((x * x).sum(axis=self.dim, keepdims=self.keepdim))
        return (xp.abs(x) ** self.p).sum(axis=self.dim, keepdims=self.keepdim) ** (1 / self.p)

    def backward(self, grad):
        (x,) = self.inputs
        kept = _kept(x.shape, self.dim)
        y, grad = self.output.reshape(kept), grad.reshape(kept)
        zero = y == 0
        scale = grad * ~zero / (y + zero) ** (self.p - 1)  # 0 where y is 0, and no 0 / 0 on the way
        if self.p == 2:
            return x * scale
        zero = x == 0
        return x.sign() * (x.abs() + zero) ** (self.p - 1) * scale

    def reads(self):
        return (0, -1)


class _Extreme(Function):
    """Base of amax and amin over the axes ``dim``: equal extremes share the gradient evenly."""

    def backward(self, grad):
        (x,) = self.inputs
        kept = _kept(x.shape, self.dim)
        hit = x.detach() == self.output.detach().reshape(kept)
        hit = hit.to(grad.dtype)
        return grad.reshape(kept) * (hit / hit.sum(dim=self.dim, keepdim=True))

    def reads(self):
        return (0, -1)


class Amax(_Extreme):
    """The largest element over the axes ``dim``."""

    def forward(self, x):
        return x.max(axis=self.dim, keepdims=self.keepdim)


class Amin(_Extreme):
    """The smallest element over the axes ``dim``."""

    def forward(self, x):
        return x.min(axis=self.dim, keepdims=self.keepdim)


class LogSumExp(Function):
    """log(sum(exp(x))) over the axes ``dim``, shifted by the maximum; its derivative is the softmax."""

    def forward(self, x):
        xp = array_module(x)
        if x.size == 0:
            return xp.log(xp.exp(x).sum(axis=self.dim, keepdims=self.keepdim))  # of nothing: -inf
        top = x.max(axis=self.dim, keepdims=True)
        top = xp.where(xp.isfinite(top), top, 0).astype(x.dtype)  # all -inf: shifting would give NaN
        total = top + xp.log(xp.exp(x - top).sum(axis=self.dim, keepdims=True))
        return total if self.keepdim else total.reshape([n for i, n in enumerate(x.shape) if i not in self.dim])

    def backward(self, grad):
        (x,) = self.inputs
        kept = _kept(x.shape, self.dim)
        return grad.reshape(kept) * (x - self.output.reshape(kept)).exp()

    def reads(self):
        return (0, -1)


class Softmax(Function):
    """exp(x) / sum(exp(x)) over the axis ``dim``."""

    def forward(self, x):
        if x.size == 0:
            return x.copy()
        xp = array_module(x)
        y = xp.empty_like(x)
        for block in blocks_without(self.dim, x):
            e = xp.subtract(x[block], x[block].max(axis=self.dim, keepdims=True), out=y[block])
            xp.exp(e, out=e)
            e /= e.sum(axis=self.dim, keepdims=True)
        return y

    def backward(self, grad):
        y = self.output
        return y * (grad - (grad * y).sum(dim=self.dim, keepdim=True))

    def reads(self):
        return (-1,)


class LogSoftmax(Function):
    """x - log(sum(exp(x))) over the axis ``dim``."""

    def forward(self, x):
        if x.size == 0:
            return x.copy()
        xp = array_module(x)
        y = xp.empty_like(x)
        for block in blocks_without(self.dim, x):
            less = xp.subtract(x[block], x[block].max(axis=self.dim, keepdims=True), out=y[block])
            less -= xp.log(xp.exp(less).sum(axis=self.dim, keepdims=True))
        return y

    def backward(self, grad):
        return grad - self.output.exp() * grad.sum(dim=self.dim, keepdim=True)

    def reads(self):
        return (-1,)
