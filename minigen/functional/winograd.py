"""The products of `windows.py` with 9 multiplications where they need 16, for the 4x4 kernels of stride 2 of DCGANs.

**The trick**, in one dimension.  Two neighbouring outputs of a kernel with two taps, y0 = d0 g0 + d1 g1 and
y1 = d1 g0 + d2 g1, cost four multiplications.  Three are enough::

      m0 = (d0 - d1) g0        m1 = d1 (g0 + g1)        m2 = (d2 - d1) g1        y0 = m0 + m1,   y1 = m1 + m2

In two dimensions, rows first and then columns, 3 * 3 = 9 products make 2x2 outputs, a *tile*, instead of 4 * 4 = 16.
The numbers d and y stand for whole vectors of channels, g for matrices, so that every product is a matrix product
over all tiles, and the additions cost little beside it.  This is F(2x2, 2x2) of Winograd's minimal filtering.

A kernel of 2 * stride taps is such a pair: the first `stride` taps are g0, the others g1, and d0, d1, d2 are groups of
`stride` neighbouring pixels, taken together as so many more channels.

**All three products.**  Lifting the images x, the images y and the kernels w each to nine matrices is linear, and the
sum of (lifted x) (lifted w) (lifted y) is the trilinear form that `conv.py` speaks of.  So each product is: lift two of
them, multiply, and apply the adjoint of the third one's lifting, here called dropping.

Every output is made of what its own window sees and nothing else, as without the trick.  Rounding differs.

References
----------
Winograd (1980), "Arithmetic Complexity of Computations"; Lavin and Gray (2016), "Fast Algorithms for Convolutional
Neural Networks", CVPR, section 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from minigen.backend import Array, array_module
from minigen.functional.windows import Geometry, Pair, extend, scratch
from minigen.parallel import shares, spread

_FEW = 64  # channels: with fewer the additions cost more than the multiplications saved
_LEAST_TILES = 128  # in a block: products of flatter matrices are slower
_BLOCK_BYTES = 2 * 2**20  # of lifted images
_MOST_BYTES = 2**25  # of a lifted image: it is not cut, so large ones are for `windows.py`, which takes some rows


def suits(x: Array, w_shape: tuple[int, ...], size: Pair, geometry: Geometry) -> bool:
    """True for geometries that can be computed here, and faster than in `windows.py`.

    Parameters
    ----------
    x : array
        One of the operands.  On GPUs nobody has measured which is faster, so they keep to `windows.py`.
    w_shape : (O, KH, KW, C)
    size : (OH, OW)
    geometry : Geometry
    """
    (down, across), (o, *kernel, c) = geometry.stride, w_shape
    return (
        array_module(x) is np
        and kernel == [2 * down, 2 * across]
        and geometry.dilation == (1, 1)
        and geometry.groups == 1
        and size[0] % 2 == size[1] % 2 == 0  # tiles filled in part, as of 7x7 outputs, cost what is saved
        and min(o, c) >= _FEW
        and 9 * math.prod(_tiles(size)) * max(o, down * across * c) * x.itemsize <= _MOST_BYTES
    )


def _tiles(size: Pair) -> Pair:
    """How many tiles down and across make so many outputs."""
    return size[0] // 2, size[1] // 2


# --- along one axis, the first: the liftings and their adjoints --------------------------------------------------


def _lift_x(d: Array, out: Array) -> None:
    """(2 T + 1, ...) -> (3, T, ...): of each three neighbours, d0 - d1, d1, d2 - d1."""
    even, odd = d[0::2], d[1::2]
    np.subtract(even[:-1], odd, out=out[0])
    out[1] = odd
    np.subtract(even[1:], odd, out=out[2])


def _drop_x(m: Array, out: Array) -> None:
    """(3, T, ...) -> (2 T + 1, ...): an even one belongs to two tiles."""
    even, odd = out[0::2], out[1::2]
    even[0], even[-1] = m[0, 0], m[2, -1]
    np.add(m[0, 1:], m[2, :-1], out=even[1:-1])
    np.subtract(m[1], m[0], out=odd)
    odd -= m[2]


def _lift_y(y: Array, out: Array) -> None:
    """(2 T, ...) -> (3, T, ...): of each two, y0, y0 + y1, y1.  The taps of a kernel are lifted like that, too."""
    out[0] = y[0::2]
    np.add(y[0::2], y[1::2], out=out[1])
    out[2] = y[1::2]


def _drop_y(m: Array, out: Array) -> None:
    """(3, T, ...) -> (2 T, ...)."""
    np.add(m[0], m[1], out=out[0::2])
    np.add(m[1], m[2], out=out[1::2])


# --- along both --------------------------------------------------------------------------------------------------

Step = Callable[[Array, Array], None]


def _lift(step: Step, image: Array, tiles: Pair, out: Array | None = None) -> Array:
    """Images (N, rows, S, columns, C) -> nine matrices (9, N*TH*TW, S*C), in `out` or in a buffer."""
    n, _, s, columns, c = image.shape
    rows = scratch(np, "lifted rows", (3, n, tiles[0], s, columns, c), image.dtype)
    step(image.swapaxes(0, 1), rows.swapaxes(1, 2))
    shape = (3, 3, n, *tiles, s, c)
    lifted = scratch(np, f"lifted {step.__name__}", shape, image.dtype) if out is None else out.reshape(shape)
    step(np.moveaxis(rows, 4, 0), np.moveaxis(lifted, 4, 1))
    return lifted.reshape(9, n * math.prod(tiles), s * c)


def _drop(step: Step, products: Array, tiles: Pair, out: Array) -> None:
    """The adjoint: nine matrices -> images, written to `out`."""
    n, _, s, columns, c = out.shape
    rows = scratch(np, "lifted rows", (3, n, tiles[0], s, columns, c), out.dtype)
    step(np.moveaxis(products.reshape(3, 3, n, *tiles, s, c), 4, 1), np.moveaxis(rows, 4, 0))
    step(rows.swapaxes(1, 2), out.swapaxes(0, 1))


def _seen(x_shape: tuple[int, ...], tiles: Pair, geometry: Geometry) -> tuple[Pair, Pair]:
    """How many pixels before and after an image the windows see."""
    lengths = [stride * (2 * t + 1) for stride, t in zip(geometry.stride, tiles, strict=True)]
    top, left = geometry.padding
    return (top, left), (lengths[0] - top - x_shape[1], lengths[1] - left - x_shape[2])


def _by_phase(wide: Array, stride: Pair) -> Array:
    """(N, rows*S, columns*S', C) -> (N, rows, S, columns, S'*C): the pixels of a step as channels; a view."""
    n, height, width, c = wide.shape
    return wide.reshape(n, height // stride[0], stride[0], width // stride[1], stride[1] * c)


def _lift_x_images(x: Array, tiles: Pair, geometry: Geometry) -> Array:
    """(N, H, W, C) -> (9, N*TH*TW, S*S*C)."""
    return _lift(_lift_x, _by_phase(extend(x, *_seen(x.shape, tiles, geometry)), geometry.stride), tiles)


def _lift_y_images(y: Array, tiles: Pair) -> Array:
    """(N, OH, OW, O) -> (9, N*TH*TW, O)."""
    return _lift(_lift_y, y[:, :, None], tiles)


def _lift_kernels(w: Array, stride: Pair) -> Array:
    """(O, KH, KW, C) -> (9, O, S*S*C)."""
    out = np.empty((9, len(w), math.prod(stride) * w.shape[3]), w.dtype)
    spread(np, lambda o: _lift(_lift_y, _by_phase(w[o], stride), (1, 1), out[:, o]), _some_kernels(len(w)))
    return out


def _some_kernels(count: int) -> list[slice]:
    return [slice(start, min(start + 64, count)) for start in range(0, count, 64)]


def _batches(count: int, tiles: Pair, numbers: int, itemsize: int) -> list[slice]:
    """Cut a batch into blocks of images that have a few megabytes when lifted, and matrices that are not flat."""
    step = max(_LEAST_TILES // math.prod(tiles), _BLOCK_BYTES // (9 * math.prod(tiles) * numbers * itemsize), 1)
    step = -(-count // -(-count // step)) if count else 1  # as many, of more equal sizes
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


# --- the three products ------------------------------------------------------------------------------------------


def conv(x: Array, w: Array, size: Pair, geometry: Geometry, bias: Array | None = None) -> Array:
    """Convolution, as `windows.conv`."""
    tiles, y = _tiles(size), np.empty((len(x), *size, len(w)), x.dtype)
    kernels = _lift_kernels(w, geometry.stride).transpose(0, 2, 1)  # (9, S*S*C, O)

    def compute(some: slice) -> None:
        lifted = _lift_x_images(x[some], tiles, geometry)
        shape = (*lifted.shape[:2], len(w))
        products = np.matmul(lifted, kernels, out=scratch(np, "product", shape, x.dtype))
        _drop(_drop_y, products, tiles, out=y[some][:, :, None])
        if bias is not None:
            y[some] += bias

    spread(np, compute, _batches(len(x), tiles, kernels.shape[1], x.itemsize))
    return y


def conv_transpose(y: Array, w: Array, size: Pair, geometry: Geometry, bias: Array | None = None) -> Array:
    """Transposed convolution, as `windows.conv_transpose`."""
    tiles, stride, channels = _tiles(y.shape[1:3]), geometry.stride, w.shape[3]
    x, kernels = np.zeros((len(y), *size, channels), y.dtype), _lift_kernels(w, stride)
    (top, left), (bottom, right) = _seen(x.shape, tiles, geometry)
    inside = (slice(top, top + size[0]), slice(left, left + size[1]))

    def compute(some: slice) -> None:
        lifted = _lift_y_images(y[some], tiles)
        shape = (*lifted.shape[:2], kernels.shape[2])
        products = np.matmul(lifted, kernels, out=scratch(np, "product", shape, y.dtype))
        wide_shape = (some.stop - some.start, top + size[0] + bottom, left + size[1] + right, channels)
        wide = scratch(np, "extend", wide_shape, y.dtype)
        _drop(_drop_x, products, tiles, out=_by_phase(wide, stride))
        seen = wide[:, *inside]
        x[some, : seen.shape[1], : seen.shape[2]] = seen  # pixels after the last window keep their zeros
        if bias is not None:
            x[some] += bias

    spread(np, compute, _batches(len(y), tiles, kernels.shape[2], y.itemsize))
    return x


def conv_weight(x: Array, y: Array, kernel: Pair, geometry: Geometry) -> Array:
    """Correlation of two images, as `windows.conv_weight`."""
    tiles, stride = _tiles(y.shape[1:3]), geometry.stride
    o, numbers = y.shape[3], math.prod(stride) * x.shape[3]
    walk = _batches(len(x), tiles, numbers, x.itemsize)

    def add_up(share: slice) -> Array:
        total = np.zeros((9, o, numbers), x.dtype)
        for number, some in enumerate(walk[share]):
            lifted = _lift_y_images(y[some], tiles).transpose(0, 2, 1), _lift_x_images(x[some], tiles, geometry)
            if number == 0:
                np.matmul(*lifted, out=total)
            else:
                total += np.matmul(*lifted, out=scratch(np, "product", total.shape, x.dtype))
        return total

    total, *others = spread(np, add_up, shares(len(walk)) or [slice(0)])
    for other in others:
        total += other
    w = np.empty((o, *kernel, x.shape[3]), x.dtype)
    spread(np, lambda o: _drop(_drop_y, total[:, o], (1, 1), out=_by_phase(w[o], stride)), _some_kernels(o))
    return w
