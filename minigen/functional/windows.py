"""Sliding windows over images: the arithmetic under convolution and pooling.

Plain arrays in, plain arrays out. There are no tensors here and no gradients of anything: the three products
at the end happen to be each other's derivatives, but it is `conv.py` that says so and makes use of it.

**The picture.** Lay a 3x3 kernel on an image and slide it. At every stop it covers a *window* of KH*KW pixels, and
the output pixel is the dot product of that window with the kernel. So write every window as one row of a tall
matrix, write the kernel of every output channel as one column of a small one, and the whole convolution is a
single matrix product, the operation that computers have been tuned for longest::

      image (H, W)            cols: one row a window                  kernels
      a b c d              [ a b c  e f g  i j k ]  <- window (0, 0)
      e f g h   3x3  ->    [ b c d  f g h  j k l ]  <- window (0, 1)   x   (KH*KW*C, O)   =   (OH*OW, O)
      i j k l              [ e f g  i j k  m n o ]  <- window (1, 0)
      m n o p              [ f g h  j k l  n o p ]  <- window (1, 1)

Copying windows into rows is called *im2col*. Three things make it as fast as a compiled library:

1. **Channels last.** Every image here is (N, H, W, C): the C numbers of a pixel lie side by side in memory, and so do
   the pixels of a row. A window is then KH runs of KW*C neighbouring numbers, copied a run at a time, and the matrix
   product writes its (pixels, O) result straight into an image of the same kind. Weights are (O, KH, KW, C), so that
   a reshape turns them into the matrix. (`conv.py` shows such memory to the world as (N, C, H, W), by a transpose
   that moves nothing.)
2. **Blocks.** All windows of a batch take KH*KW times its memory. They are made a few megabytes at a time in one
   buffer that is used again and again, and consumed while they are still in the processor's cache.
3. **No scattering.** The transposed convolution (`conv_transpose`) would have to add overlapping windows back into an
   image (*col2im*), which is slow. Look instead at the output pixels whose row is even: only every other row of a
   stride-2 kernel ever meets them, and those taps form a small kernel that slides with stride 1. So a transposed
   convolution of stride s is s*s ordinary ones, a *phase* each, that write to `x[:, a::s, b::s]`: the sub-pixel
   view of Shi et al. (2016), "Real-Time Single Image and Video Super-Resolution", CVPR.  (Only where the image is
   thin, of one to four channels, there is so little to scatter that it is the faster way.)

On a GPU every phase would be three launches, so there *col2im* it is: one product for all taps, and one kernel in which
each pixel collects what windows have for it.  It and im2col are the first two of `minigen.kernels`.

Letters: N batch, C channels in, O channels out, H W image, KH KW kernel, OH OW output, G groups.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from minigen import kernels
from minigen.backend import Array, array_module, rows_in_block
from minigen.parallel import shares, spread

Pair = tuple[int, int]  # (height, width)
Block = tuple[slice, slice]  # some images, and some rows of each


class Geometry(NamedTuple):
    """How a kernel walks over an image, as (height, width) pairs, and into how many groups channels are split.

    Output pixel i of an axis sees the input pixels ``i * stride - padding + k * dilation`` for ``k`` in the
    kernel. Pixels outside the image count as zero, so `padding` says where the first window begins, and the size of
    the output (given apart) says where the last one ends.
    """

    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1


def output_length(length: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """How many windows fit on an axis: floor((length + 2 padding - extent) / stride) + 1; <= 0 where none does.

    The extent of a kernel is ``dilation * (kernel - 1) + 1``.

    Examples
    --------
    >>> output_length(28, kernel=4, stride=2, padding=1)
    14
    """
    return (length + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def channels_last(x: Array) -> Array:
    """(N, C, H, W) -> (N, H, W, C): a view."""
    return x.transpose(0, 2, 3, 1)


def channels_first(x: Array) -> Array:
    """(N, H, W, C) -> (N, C, H, W): a view."""
    return x.transpose(0, 3, 1, 2)


# --- blocks and buffers ----------------------------------------------------------------------------------------------

_BLOCK_BYTES = 4 * 2**20  # with what is made of it, it fits into the second and third cache of a core
_THIN = 4  # channels
_buffers = threading.local()


def scratch(xp: Any, use: str, shape: tuple[int, ...], dtype: Any) -> Array:
    """An array with arbitrary contents, in memory that the next call with the same `use` in this thread takes again."""
    name, size = f"{xp.__name__} {use} {dtype.char}", math.prod(shape)  # str(dtype) is ten times as slow
    buffer = getattr(_buffers, name, None)
    if buffer is None or buffer.size < size:
        buffer = xp.empty(size, dtype)
        setattr(_buffers, name, buffer)
    return buffer[:size].reshape(shape)


def may_hold_nan(x: Array) -> bool:
    """True if an array holds NaN; on a GPU, where asking would mean waiting for an answer, always."""
    return array_module(x) is not np or (x.size > 0 and bool(np.isnan(x.max())))


def blocks(xp: Any, count: int, rows: int, row_bytes: int) -> Iterator[Block]:
    """Cut `count` images of `rows` rows each into blocks: (slice of images, slice of rows).

    A block is some whole images or, where an image is too large, some rows of one: so its part of a contiguous
    array is contiguous.  Where they are small there are still some eight of them, for as many threads.
    """
    step = rows_in_block(xp, row_bytes, min(_BLOCK_BYTES, max(_BLOCK_BYTES // 16, count * rows * row_bytes // 8)))
    images = max(1, step // rows)
    images = -(-count // -(-count // images)) if count else 1  # as many blocks, of more equal sizes
    for n in range(0, count, images):
        for row in range(0, rows, step):
            yield slice(n, min(n + images, count)), slice(row, min(row + step, rows))


def extend(x: Array, before: Pair, after: Pair, fill: float = 0.0) -> Array:
    """Add rows and columns of `fill` around (N, H, W, C) images, or take some off where a number is negative.

    The result is a view of `x` where it can be one, and else lies in a buffer that the next call overwrites.
    Either way the numbers of its rows lie side by side, ready to be copied in runs.
    """
    n, height, width, channels = x.shape
    (top, left), (bottom, right) = before, after
    if max(top, left, bottom, right) <= 0:
        x = x[:, -top : height + bottom, -left : width + right]
        if _runs_are_contiguous(x):
            return x
        (n, height, width, _), (top, left, bottom, right) = x.shape, (0, 0, 0, 0)
    shape = (n, top + height + bottom, left + width + right, channels)
    wide = scratch(array_module(x), "extend", shape, x.dtype)
    first, last = max(0, top), max(0, top, min(top + height, shape[1]))  # the rows and columns that x fills
    start, stop = max(0, left), max(0, left, min(left + width, shape[2]))
    wide[:, :first], wide[:, last:] = fill, fill
    wide[:, :, :start], wide[:, :, stop:] = fill, fill
    wide[:, first:last, start:stop] = x[:, first - top : last - top, start - left : stop - left]
    return wide


def _runs_are_contiguous(x: Array) -> bool:
    *_, width, channels = x.shape  # an axis of length 1 may have any stride: it is never walked
    return (channels == 1 or x.strides[3] == x.itemsize) and (width == 1 or x.strides[2] == channels * x.itemsize)


def _reach(x: Array, kernel: Pair, size: Pair, geometry: Geometry, fill: float = 0.0) -> Array:
    """What `size` windows see of the images `x`, from the first pixel of the first to the last of the last."""
    stride, padding, dilation, _ = geometry
    after = [
        (size[a] - 1) * stride[a] + dilation[a] * (kernel[a] - 1) + 1 - padding[a] - x.shape[1 + a] for a in (0, 1)
    ]
    return extend(x, padding, (after[0], after[1]), fill)


# --- looking through windows -----------------------------------------------------------------------------------------


def im2col(x: Array, kernel: Pair, size: Pair, geometry: Geometry) -> Array:
    """Copy the windows of images into the rows of a matrix, one for each group of channels.

    Parameters
    ----------
    x : array (N, H, W, C)
    kernel : (KH, KW)
    size : (OH, OW)
        How many windows down and across.
    geometry : Geometry

    Returns
    -------
    array (G, N*OH*OW, KH*KW*C/G)
        It lies in a buffer that the next call overwrites, or is a view of `x` where the windows already lie in
        memory as they should (a 1x1 kernel, or a kernel as large as the image).

    Examples
    --------
    >>> image = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> im2col(image, (3, 3), (2, 2), Geometry())[0, 1]
    array([ 1.,  2.,  3.,  5.,  6.,  7.,  9., 10., 11.])
    """
    xp, (stride, _, dilation, groups) = array_module(x), geometry
    if kernels.usable(x) and not _lie_ready(x, kernel, size, geometry):
        rows, numbers = len(x) * math.prod(size), math.prod(kernel) * x.shape[3] // groups
        cols = scratch(xp, "cols", (groups, rows, numbers), x.dtype)
        kernels.im2col(x, kernel, size, geometry, out=cols)
        return cols
    x = _reach(x, kernel, size, geometry)
    n, channels = x.shape[0], x.shape[3] // groups
    image, row, column, channel = x.strides
    # A window is a view with four more axes: the same memory, walked with other strides.
    shape = (groups, n, *size, *kernel, channels)
    to_next_window, to_next_tap = (stride[0] * row, stride[1] * column), (dilation[0] * row, dilation[1] * column)
    strides = (channels * channel, image, *to_next_window, *to_next_tap, channel)
    view = xp.lib.stride_tricks.as_strided(x, shape, strides)
    if not view.flags.c_contiguous:
        cols = scratch(xp, "cols", view.shape, x.dtype)
        cols[...] = view
        view = cols
    return view.reshape(groups, n * math.prod(size), math.prod(kernel) * channels)


def _lie_ready(x: Array, kernel: Pair, size: Pair, geometry: Geometry) -> bool:
    """True where the windows of a contiguous image are its pixels, or the whole of it: rows of a matrix as they are."""
    taps, image = tuple(kernel), x.shape[1:3]
    all_pixels = taps == (1, 1) and size == image and geometry.stride == (1, 1)
    whole = taps == image and size == (1, 1) and geometry.dilation == (1, 1)
    return x.flags.c_contiguous and geometry.groups == 1 and geometry.padding == (0, 0) and (all_pixels or whole)


def _tap_slices(kernel: Pair, size: Pair, geometry: Geometry) -> list[tuple[slice, slice]]:
    """For each of KH*KW taps, the rows and columns that it meets, counted from the first window's corner."""
    (down, across), (d, e) = geometry.stride, geometry.dilation
    last_row, last_column = (size[0] - 1) * down, (size[1] - 1) * across
    rows = [slice(k * d, k * d + last_row + 1, down) for k in range(kernel[0])]
    columns = [slice(k * e, k * e + last_column + 1, across) for k in range(kernel[1])]
    return [(i, j) for i in rows for j in columns]


def taps(x: Array, kernel: Pair, size: Pair, geometry: Geometry, fill: float = 0.0) -> list[Array]:
    """KH*KW views (N, OH, OW, C) of images: what all windows see at their first pixel, at their second, ...

    Pixels outside of `x` have the value `fill`. The views share memory with `x`, or with a buffer that the next
    call overwrites.
    """
    x = _reach(x, kernel, size, geometry, fill)
    return [x[:, i, j] for i, j in _tap_slices(kernel, size, geometry)]


def untap(write: Callable[[int, Array], None], kernel: Pair, size: Pair, geometry: Geometry, out: Array) -> None:
    """The adjoint of `taps` (for all taps known as *col2im*): add up images where the taps saw them.

    Parameters
    ----------
    write : callable
        ``write(tap, part)`` fills the array ``part`` (N, OH, OW, C) with what goes back to tap number ``tap``.
    kernel, size : (KH, KW), (OH, OW)
    geometry : Geometry
    out : array (N, H, W, C)
        Is overwritten with the sum; what falls outside is dropped.
    """
    xp, slices = array_module(out), _tap_slices(kernel, size, geometry)
    (top, left), (height, width) = geometry.padding, out.shape[1:3]
    bottom, right = max(top + height, slices[-1][0].stop), max(left + width, slices[-1][1].stop)
    inside = (bottom, right) == (height, width)
    wide = out if inside else xp.empty((len(out), bottom, right, out.shape[3]), out.dtype)
    if _disjoint(kernel, geometry):  # no pixel is seen twice, so every tap writes to its place
        if math.prod(size) * math.prod(kernel) < bottom * right:
            wide[...] = 0  # some pixel is not seen at all
        for tap, (i, j) in enumerate(slices):
            write(tap, wide[:, i, j])
    else:
        wide[...] = 0
        part = xp.empty((len(out), *size, out.shape[3]), out.dtype)
        for tap, (i, j) in enumerate(slices):
            write(tap, part)
            wide[:, i, j] += part
    if not inside:
        out[...] = wide[:, top : top + height, left : left + width]


def _disjoint(kernel: Pair, geometry: Geometry) -> bool:
    """True if windows do not overlap."""
    return all(
        stride > dilation * (taps - 1) for taps, stride, dilation in zip(kernel, geometry.stride, geometry.dilation)
    )


# --- the three products ----------------------------------------------------------------------------------------------


def _by_group(a: Array, groups: int) -> Array:
    """(N, H, W, C) -> (G, N*H*W, C/G): a view of contiguous images."""
    pixels, channels = math.prod(a.shape[:3]), a.shape[3] // groups
    return a.reshape(pixels, groups, channels).transpose(1, 0, 2)


def _matmul(a: Array, b: Array, out: Array) -> Array:
    """Multiply (G, rows, inner) by (G, inner, columns) matrices into `out`; two detours for speed."""
    xp = array_module(a)
    if a.shape[2] == 1:
        xp.multiply(a, b, out=out)  # outer products: matmul takes ten times as long (NumPy has no BLAS path for them)
    elif len(a) == 1:
        xp.matmul(a[0], b[0], out=out[0])  # CuPy multiplies transposed matrices as they are, but copies stacks of them
    else:
        xp.matmul(a, b, out=out)
    return out


def conv(x: Array, w: Array, size: Pair, geometry: Geometry, bias: Array | None = None) -> Array:
    """Convolution: every window times every kernel.

    y[n, i, j, o] = bias[o] + sum over k, l, c of w[o, k, l, c] x[n, i s - p + k d, j s - p + l d, c].

    Parameters
    ----------
    x : array (N, H, W, C)
    w : array (O, KH, KW, C/G)
    size : (OH, OW)
    geometry : Geometry
    bias : array (O,), optional

    Returns
    -------
    array (N, OH, OW, O)
    """
    xp, (out_channels, *kernel, _), groups = array_module(x), w.shape, geometry.groups
    y = xp.empty((len(x), *size, out_channels), x.dtype)
    matrix = w.reshape(groups, out_channels // groups, -1).transpose(0, 2, 1)  # (G, KH*KW*C/G, O/G)
    row_bytes = size[1] * math.prod(kernel) * x.shape[3] * x.itemsize

    def compute(images_and_rows: Block) -> None:
        images, rows = images_and_rows
        cols = im2col(x[images], kernel, (rows.stop - rows.start, size[1]), from_row(geometry, rows.start))
        block = y[images, rows]
        _matmul(cols, matrix, out=_by_group(block, groups))
        if bias is not None:
            block += bias

    spread(xp, compute, blocks(xp, len(x), size[0], row_bytes))
    return y


def conv_weight(x: Array, y: Array, kernel: Pair, geometry: Geometry) -> Array:
    """Correlation of two images, at every offset that the kernel has.

    w[o, k, l, c] = sum over n, i, j of y[n, i, j, o] x[n, i s - p + k d, j s - p + l d, c].

    Parameters
    ----------
    x : array (N, H, W, C)
    y : array (N, OH, OW, O)
    kernel : (KH, KW)
    geometry : Geometry

    Returns
    -------
    array (O, KH, KW, C/G)
    """
    xp, groups, (_, *size, out_channels) = array_module(x), geometry.groups, y.shape
    in_channels = x.shape[3] // groups
    shape = (groups, out_channels // groups, math.prod(kernel) * in_channels)
    row_bytes = size[1] * math.prod(kernel) * x.shape[3] * x.itemsize
    walk = list(blocks(xp, len(x), size[0], row_bytes))

    def add_up(share: slice) -> Array:
        w = (xp.empty if walk[share] else xp.zeros)(shape, x.dtype)
        for number, (images, rows) in enumerate(walk[share]):
            cols = im2col(x[images], kernel, (rows.stop - rows.start, size[1]), from_row(geometry, rows.start))
            pixels = _by_group(y[images, rows], groups).transpose(0, 2, 1)  # (G, O/G, N*OH*OW)
            if number == 0:
                _matmul(pixels, cols, out=w)
            else:
                w += _matmul(pixels, cols, out=scratch(xp, "product", shape, x.dtype))
        return w

    total, *others = spread(xp, add_up, shares(len(walk)) or [slice(0)])
    for w in others:
        total += w
    return total.reshape(out_channels, *kernel, in_channels)


def from_row(geometry: Geometry, row: int) -> Geometry:
    """The same walk, begun at a lower output row."""
    top, left = geometry.padding
    return geometry._replace(padding=(top - row * geometry.stride[0], left))


class _Phase(NamedTuple):
    """The outputs ``start, start + stride, ...`` of a transposed convolution along one axis."""

    start: int
    outputs: int  # how many they are
    first: int  # the first kernel tap that meets them; the others follow in steps
    taps: int  # how many taps do; none where the kernel is shorter than the stride
    padding: int  # how far before the first input pixel their first window begins


class _Split(NamedTuple):
    """One axis of a transposed convolution as phases, each an ordinary convolution of stride 1."""

    phases: list[_Phase]
    stride: int  # from one output of a phase to its next
    step: int  # from one kernel tap of a phase to its next
    dilation: int  # from one input pixel of a phase's window to its next
    before: int  # how far before the first input pixel the first window of a phase begins, at most
    beyond: int  # how far after it one ends, at most


def _split(length: int, kernel: int, inputs: int, stride: int, padding: int, dilation: int) -> _Split:
    """Split an axis with `length` outputs and `inputs` inputs.

    Output j gets tap k of input i where ``j = i * stride - padding + k * dilation``. So only the taps with
    ``k * dilation = j + padding (mod stride)`` meet j, and neighbouring ones of them are ``stride / g`` apart, g being
    the greatest common divisor of stride and dilation. From one to the next, i falls by ``dilation / g``: hence
    a convolution with these taps in reverse.
    """
    if inputs == 1:
        stride = kernel * dilation  # a lone window takes no step, so any stride is right; this one wastes nothing
    common = math.gcd(stride, dilation)
    phases = []
    for start in range(min(stride, length)):
        meets = [k for k in range(kernel) if (start + padding - k * dilation) % stride == 0]
        first, last = (meets[0], meets[-1]) if meets else (0, 0)
        begin = (last * dilation - start - padding) // stride
        phases.append(_Phase(start, -(-(length - start) // stride), first, len(meets), begin))
    step, dilation = stride // common, dilation // common
    before = max((p.padding for p in phases if p.taps), default=0)
    beyond = max((dilation * (p.taps - 1) - p.padding for p in phases if p.taps), default=0)
    return _Split(phases, stride, step, dilation, before, beyond)


def conv_transpose(y: Array, w: Array, size: Pair, geometry: Geometry, bias: Array | None = None) -> Array:
    """Transposed convolution: every pixel of `y` adds its multiple of the kernel to its window of an image.

    x[n, i s - p + k d, j s - p + l d, c] = bias[c] + sum over i, j, k, l, o of y[n, i, j, o] w[o, k, l, c].

    Parameters
    ----------
    y : array (N, OH, OW, O)
    w : array (O, KH, KW, C/G)
    size : (H, W)
    geometry : Geometry
    bias : array (C,), optional

    Returns
    -------
    array (N, H, W, C)
    """
    xp = array_module(y)
    x = xp.empty((len(y), *size, geometry.groups * w.shape[3]), y.dtype)
    if y.shape[1:3] == (1, 1) and size == w.shape[1:3] and geometry == Geometry(geometry.stride):
        # A lone window that is the whole image: no phases, one product.
        n, o, numbers = len(y), len(w), math.prod(w.shape[1:])
        _matmul(y.reshape(1, n, o), w.reshape(1, o, numbers), out=x.reshape(1, n, numbers))
    elif kernels.usable(y) and geometry.groups == 1 and w.shape[3] <= len(w):  # else the columns of x are the larger
        _collect(y, w, geometry, x)
    elif geometry.groups == 1 and w.shape[3] <= _THIN and math.prod(w.shape[1:]) <= 2 * len(w):
        _scatter(y, w, geometry, x)
    else:
        _gather(y, w, geometry, x)
    if bias is not None:
        x += bias
    return x


def _gather(y: Array, w: Array, geometry: Geometry, x: Array) -> None:
    """The transposed convolution, phase by phase: each pixel of `x` collects what meets it."""
    xp, groups, size = array_module(y), geometry.groups, x.shape[1:3]
    down, across = (_split(*axis) for axis in zip(size, w.shape[1:3], y.shape[1:3], *geometry[:3], strict=True))
    parts = [(v, h, _phase_matrix(w, groups, down, v, across, h)) for v in down.phases for h in across.phases]
    rows_of_phase, columns = down.phases[0].outputs, across.phases[0].outputs
    taps = max(v.taps * h.taps for v, h, _ in parts)

    def compute(images_and_rows: Block) -> None:
        images, rows = images_and_rows
        before = (down.before - rows.start, across.before)
        after = (rows.stop + down.beyond - y.shape[1], columns + across.beyond - y.shape[2])
        seen = extend(y[images], before, after)  # by all phases together
        for v, h, matrix in parts:
            target = x[images, v.start :: down.stride, h.start :: across.stride][:, rows]
            if not target.size:
                continue
            block = target if target.flags.c_contiguous else scratch(xp, "product", target.shape, x.dtype)
            if v.taps and h.taps:
                padding = (v.padding - down.before, h.padding - across.before)
                walk = Geometry(padding=padding, dilation=(down.dilation, across.dilation), groups=groups)
                cols = im2col(seen, (v.taps, h.taps), target.shape[1:3], walk)
                _matmul(cols, matrix, out=_by_group(block, groups))
            else:
                block[...] = 0.0
            if block is not target:
                target[...] = block

    spread(xp, compute, blocks(xp, len(y), rows_of_phase, columns * taps * y.shape[3] * y.itemsize))


def _scatter(y: Array, w: Array, geometry: Geometry, x: Array) -> None:
    """The transposed convolution of images with few channels, as grey ones: tap by tap, each channel by itself.

    The many products for the phases would have few columns; this is one with many, and its numbers are so few that
    adding them up where they belong costs little.  (With more taps than `y` has channels they would not be few.)
    """
    xp, (o, *kernel, c), size = array_module(y), w.shape, y.shape[1:3]
    matrix = w.reshape(o, -1).T  # (KH*KW*C, O)

    def compute(images_and_rows: Block) -> None:
        images, _ = images_and_rows
        pixels = y[images].reshape(-1, o).T
        planes = scratch(xp, "product", (len(matrix), pixels.shape[1]), x.dtype)
        _matmul(matrix[None], pixels[None], out=planes[None])
        planes = planes.reshape(len(matrix) // c, -1, *size, 1)  # (KH*KW, C*N, OH, OW, 1)
        wide = scratch(xp, "planes", (planes.shape[1], *x.shape[1:3], 1), x.dtype)
        untap(lambda tap, part: xp.copyto(part, planes[tap]), (kernel[0], kernel[1]), size, geometry, out=wide)
        x[images] = wide.reshape(c, -1, *x.shape[1:3]).transpose(1, 2, 3, 0)

    spread(xp, compute, blocks(xp, len(y), 1, len(matrix) * math.prod(size) * y.itemsize))


def _collect(y: Array, w: Array, geometry: Geometry, x: Array) -> None:
    """The transposed convolution on a GPU: all multiples of all kernels, and a kernel that adds up what meets."""
    xp, (o, *kernel, _), size = array_module(y), w.shape, y.shape[1:3]
    matrix = w.reshape(o, -1)  # (O, KH*KW*C)
    for images, _ in blocks(xp, len(y), 1, matrix.shape[1] * math.prod(size) * y.itemsize):
        pixels = y[images].reshape(-1, o)
        cols = scratch(xp, "cols", (len(pixels), matrix.shape[1]), x.dtype)
        _matmul(pixels[None], matrix[None], out=cols[None])
        kernels.col2im(cols, (kernel[0], kernel[1]), size, geometry, out=x[images])


def _phase_matrix(w: Array, groups: int, down: _Split, v: _Phase, across: _Split, h: _Phase) -> Array:
    """The taps of a phase in reverse, as the matrix (G, taps*O/G, C/G) by which its windows are multiplied."""
    w = w[:, v.first :: down.step, h.first :: across.step][:, ::-1, ::-1]
    w = w.reshape(groups, -1, *w.shape[1:]).transpose(0, 2, 3, 1, 4)  # (G, KH, KW, O/G, C/G)
    return w.reshape(groups, -1, w.shape[-1])
