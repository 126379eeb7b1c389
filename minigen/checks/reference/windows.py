"""Convolution, pooling and resampling."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np


def _pair(value) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _starts(size, kernel, stride, padding, dilation, ceil_mode=False) -> list[int]:
    """Where windows begin along one axis: from -padding on, as long as they end inside the padded axis.

    With `ceil_mode` a window may reach out at the end, but must begin before the end of what is not padding.
    """
    last = size + padding - dilation * (kernel - 1) - 1
    starts = list(range(-padding, last + 1, stride))
    following = starts[-1] + stride if starts else -padding
    if ceil_mode and following - stride < last and following < size:
        starts.append(following)
    return starts


def _taps(x_shape, w_shape, stride, padding, dilation, groups) -> Iterable[tuple[tuple, tuple, tuple]]:
    """Every product of a convolution: the indices (into x, into weight, into y) of its three numbers.

    x (N, C, H, W), weight (O, C / groups, KH, KW), y (N, O, OH, OW); taps in the padding are left out.
    """
    (n_images, channels, height, width), (n_filters, per_group, *kernel) = x_shape, w_shape
    if channels != per_group * groups:
        raise ValueError(f"x has {channels} channels, but weight wants {per_group} in each of {groups} groups")
    rows, columns = (
        _starts(size, k, s, p, d)
        for size, k, s, p, d in zip(
            (height, width), kernel, _pair(stride), _pair(padding), _pair(dilation), strict=True
        )
    )
    down, right = _pair(dilation)
    for n, o, i, j in np.ndindex(n_images, n_filters, len(rows), len(columns)):
        group = o // (n_filters // groups)
        for c, k, m in np.ndindex(per_group, *kernel):
            row, column = rows[i] + k * down, columns[j] + m * right
            if 0 <= row < height and 0 <= column < width:
                yield (n, group * per_group + c, row, column), (o, c, k, m), (n, o, i, j)


def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Sum over each window: x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,) -> (N, O, OH, OW)."""
    result = np.zeros(_conv_shape(x.shape, weight.shape, stride, padding, dilation))
    for at_x, at_w, at_y in _taps(x.shape, weight.shape, stride, padding, dilation, groups):
        result[at_y] += float(x[at_x]) * float(weight[at_w])
    return _add_per_channel(result, bias)


def _conv_shape(x_shape, w_shape, stride, padding, dilation):
    sizes = zip(x_shape[2:], w_shape[2:], _pair(stride), _pair(padding), _pair(dilation), strict=True)
    return (x_shape[0], w_shape[0], *(len(_starts(*size)) for size in sizes))


def conv_transpose2d(y, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1, size=None):
    """Every number of `y` (N, O, OH, OW) is spread by the kernel `weight` (O, C / groups, KH, KW)."""
    sizes = size or [
        (n - 1) * s + d * (k - 1) + 1 - 2 * p + extra
        for n, k, s, p, extra, d in zip(
            y.shape[2:],
            weight.shape[2:],
            _pair(stride),
            _pair(padding),
            _pair(output_padding),
            _pair(dilation),
            strict=True,
        )
    ]
    result = np.zeros((y.shape[0], weight.shape[1] * groups, *sizes))
    for at_x, at_w, at_y in _taps(result.shape, weight.shape, stride, padding, dilation, groups):
        if all(i < n for i, n in zip(at_y, y.shape, strict=True)):
            result[at_x] += float(y[at_y]) * float(weight[at_w])
    return _add_per_channel(result, bias)


def conv2d_weight(x, y, kernel_size, stride=1, padding=0, dilation=1, groups=1):
    """The sum over all places of x under the kernel times y at the place; (O, C / groups, KH, KW)."""
    result = np.zeros((y.shape[1], x.shape[1] // groups, *_pair(kernel_size)))
    for at_x, at_w, at_y in _taps(x.shape, result.shape, stride, padding, dilation, groups):
        if all(i < n for i, n in zip(at_y, y.shape, strict=True)):
            result[at_w] += float(x[at_x]) * float(y[at_y])
    return result


def _add_per_channel(y, bias):
    for index in np.ndindex(*y.shape) if bias is not None else ():
        y[index] += float(bias[index[1]])
    return y


def max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The largest number of x under each window."""

    def largest(values, _):
        return max(values)

    return _pool(largest, x, kernel_size, stride, padding, dilation, ceil_mode)


def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The mean under each window; zeros of the padding count or do not."""

    def mean(values, n_with_padding):
        return math.fsum(values) / (n_with_padding if count_include_pad else len(values))

    return _pool(mean, x, kernel_size, stride, padding, 1, ceil_mode)


def _pool(f, x, kernel_size, stride, padding, dilation, ceil_mode):
    """f(numbers of x under the window, number of places of the window inside x and its padding)."""
    kernel, pads, steps = _pair(kernel_size), _pair(padding), _pair(dilation)
    strides = kernel if stride is None else _pair(stride)
    starts = [_starts(*axis, ceil_mode) for axis in zip(x.shape[2:], kernel, strides, pads, steps, strict=True)]
    result = np.zeros((*x.shape[:2], len(starts[0]), len(starts[1])))
    for n, c, i, j in np.ndindex(*result.shape):
        window = [(starts[0][i] + k * steps[0], starts[1][j] + m * steps[1]) for k, m in np.ndindex(*kernel)]
        height, width = x.shape[2:]
        padded = [p for p in window if p[0] < height + pads[0] and p[1] < width + pads[1]]
        inside = [float(x[n, c, p, q]) for p, q in padded if 0 <= p < height and 0 <= q < width]
        result[n, c, i, j] = f(inside, len(padded))
    return result


def conv1d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """`conv2d` of images that are one pixel wide: x (N, C, L), weight (O, C / groups, K)."""
    y = conv2d(x[..., None], weight[..., None], bias, (stride, 1), (padding, 0), (dilation, 1), groups)
    return y[..., 0]


def conv_transpose1d(y, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """`conv_transpose2d` of images that are one pixel wide."""
    geometry = (stride, 1), (padding, 0), (output_padding, 0), groups, (dilation, 1)
    return conv_transpose2d(y[..., None], weight[..., None], bias, *geometry)[..., 0]


def _columns(shape, kernel_size, dilation, padding, stride):
    """Every number of every window: its index in the columns, and the index of the pixel that it looks at or None."""
    (n_images, channels, *image), kernel = shape, _pair(kernel_size)
    starts = [_starts(*axis) for axis in zip(image, kernel, _pair(stride), _pair(padding), _pair(dilation))]
    down, right = _pair(dilation)
    for n, c, k, m in np.ndindex(n_images, channels, *kernel):
        for window, (i, j) in enumerate((i, j) for i in starts[0] for j in starts[1]):
            row, column = i + k * down, j + m * right
            inside = 0 <= row < image[0] and 0 <= column < image[1]
            yield (n, (c * kernel[0] + k) * kernel[1] + m, window), (n, c, row, column) if inside else None


def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """Every window of x as a column."""
    pairs = list(_columns(x.shape, kernel_size, dilation, padding, stride))
    result = np.zeros([1 + max(index[axis] for index, _ in pairs) for axis in range(3)])
    for index, pixel in pairs:
        result[index] = 0.0 if pixel is None else float(x[pixel])
    return result


def fold(columns, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Every number of every column goes back to its pixel."""
    height, width = _pair(kernel_size)
    result = np.zeros((columns.shape[0], columns.shape[1] // (height * width), *_pair(output_size)))
    for index, pixel in _columns(result.shape, kernel_size, dilation, padding, stride):
        if pixel is not None:
            result[pixel] += float(columns[index])
    return result


def max_unpool2d(y, indices, size):
    """Zeros, but for the numbers of y at the pixels that the indices count; the last one stays."""
    result = np.zeros((*y.shape[:2], *size))
    for n, c, i, j in np.ndindex(*y.shape):
        row, column = divmod(int(indices[n, c, i, j]), size[1])
        result[n, c, row, column] = float(y[n, c, i, j])
    return result


def adaptive_pool2d(f, x, output_size):
    """Apply f to the list of numbers in each of `output_size` windows: all pixels with a part in it."""
    result = np.zeros((*x.shape[:2], *output_size))
    for n, c, i, j in np.ndindex(*result.shape):
        window = [
            float(x[n, c, row, column])
            for row, column in np.ndindex(*x.shape[2:])
            if _overlap(row, x.shape[2], i, output_size[0]) and _overlap(column, x.shape[3], j, output_size[1])
        ]
        result[n, c, i, j] = f(window)
    return result


def _overlap(pixel, pixels, part, parts) -> bool:
    """True if the interval [pixel, pixel + 1] / pixels shares more than a point with [part, part + 1] / parts."""
    return pixel * parts < (part + 1) * pixels and part * pixels < (pixel + 1) * parts
