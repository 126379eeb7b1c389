"""Convolution where every channel has one kernel to itself: as many groups as channels, and as many outputs.

The same three products as in `windows.py`, on plain arrays (N, H, W, C).  There a window becomes a row of a matrix; but
here nothing is summed over channels, so the matrices would have a single column, and laying out the windows would cost
more than the arithmetic.  So each of the KH*KW taps is one multiplication of whole images, whose sum is the result:
two to four times as fast.
"""

from __future__ import annotations

import math

from minigen.backend import Array, array_module
from minigen.functional.windows import Geometry, Pair, blocks, from_row, scratch, taps, untap


def _rows_of_taps(w: Array, width: int) -> Array:
    """The taps of kernels (C, KH, KW, 1) as (KH*KW, width, C): repeated, so that they meet a row in one run."""
    xp, numbers = array_module(w), w.reshape(len(w), -1).T  # (KH*KW, C)
    return xp.ascontiguousarray(xp.broadcast_to(numbers[:, None], (len(numbers), width, len(w))))


def conv(x: Array, w: Array, size: Pair, geometry: Geometry, bias: Array | None = None) -> Array:
    """Convolution, tap by tap: what all windows see there, times the kernels' number.

    Parameters
    ----------
    x : array (N, H, W, C)
    w : array (C, KH, KW, 1)
    size : (OH, OW)
    geometry : Geometry
    bias : array (C,), optional

    Returns
    -------
    array (N, OH, OW, C)
    """
    xp, (channels, *kernel, _), rows_of_taps = array_module(x), w.shape, _rows_of_taps(w, size[1])
    y = xp.empty((len(x), *size, channels), x.dtype)
    for images, rows in blocks(xp, len(x), size[0], 4 * size[1] * channels * x.itemsize):
        block = y[images, rows]
        part = scratch(xp, "product", block.shape, x.dtype)
        views = taps(x[images], tuple(kernel), block.shape[1:3], from_row(geometry, rows.start))
        xp.multiply(views[0], rows_of_taps[0], out=block)
        for view, numbers in zip(views[1:], rows_of_taps[1:]):
            block += xp.multiply(view, numbers, out=part)
        if bias is not None:
            block += bias
    return y


def conv_transpose(y: Array, w: Array, size: Pair, geometry: Geometry, bias: Array | None = None) -> Array:
    """Transposed convolution, tap by tap: the image times the kernels' number, added to what the windows see there.

    Parameters
    ----------
    y : array (N, OH, OW, C)
    w : array (C, KH, KW, 1)
    size : (H, W)
    geometry : Geometry
    bias : array (C,), optional

    Returns
    -------
    array (N, H, W, C)
    """
    xp, (channels, *kernel, _), rows_of_taps = array_module(y), w.shape, _rows_of_taps(w, y.shape[2])
    x = xp.empty((len(y), *size, channels), y.dtype)
    for images, _ in blocks(xp, len(y), 1, 4 * x[:1].nbytes):

        def write(tap: int, part: Array, some: Array = y[images]) -> None:
            xp.multiply(some, rows_of_taps[tap], out=part)

        untap(write, tuple(kernel), y.shape[1:3], geometry, out=x[images])
    if bias is not None:
        x += bias
    return x


def conv_weight(x: Array, y: Array, kernel: Pair, geometry: Geometry) -> Array:
    """Correlation, tap by tap: what all windows see there, times the other image, summed over all places.

    Parameters
    ----------
    x : array (N, H, W, C)
    y : array (N, OH, OW, C)
    kernel : (KH, KW)
    geometry : Geometry

    Returns
    -------
    array (C, KH, KW, 1)
    """
    xp, (_, *size, channels) = array_module(x), y.shape
    w = xp.zeros((math.prod(kernel), channels), x.dtype)
    for images, rows in blocks(xp, len(x), size[0], 4 * size[1] * channels * x.itemsize):
        block = y[images, rows]
        pixels = math.prod(block.shape[:3])
        part = scratch(xp, "product", block.shape, x.dtype)
        for tap, view in enumerate(taps(x[images], kernel, block.shape[1:3], from_row(geometry, rows.start))):
            xp.multiply(view, block, out=part)
            w[tap] += xp.matmul(xp.ones(pixels, x.dtype), part.reshape(pixels, channels))
    return w.T.reshape(channels, *kernel, 1)
