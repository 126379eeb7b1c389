"""Adaptive pooling: into how many windows an image is cut is given, and their size follows.

Window i of an axis of length L cut into n goes from ``floor(i * L / n)`` to ``ceil((i + 1) * L / n)``, so windows may
overlap by a pixel and differ in size by one.  Cut into one, the axis becomes its mean or its maximum: global pooling,
which ends many a classifier, and goes the straight way here, a single reduction.

The mean of a rectangle is the mean of its rows' means: a linear map along each axis (`axis_map.py`).  For the maximum,
its place is found first, and the value then fetched from there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigen.backend import Array, array_module
from minigen.functional.arguments import check_floating, check_integer
from minigen.functional.axis_map import MapAxis, Taps
from minigen.functional.lifting import as_images, check_images, from_images, pair
from minigen.functional.windows import Pair
from minigen.tensor import Tensor

Size = int | None | tuple[int | None, int | None]


def adaptive_avg_pool2d(input: Tensor, output_size: Size) -> Tensor:
    """Cut images into OH x OW windows and take the mean of each.

    Parameters
    ----------
    input : Tensor
        Of shape (N, C, H, W), or (C, H, W) for one image.
    output_size : int or (int, int)
        The size (OH, OW) of the result; None keeps that axis as it is.  1 is global pooling: the mean of each channel.

    Returns
    -------
    Tensor
        Of shape (N, C, OH, OW); without N where the input has none.

    Raises
    ------
    ValueError, TypeError
        If shape, dtype or size are not such.

    Notes
    -----
    The gradient of a window goes to its pixels in equal parts.  Global pooling is one `mean`, as fast as that.

    References
    ----------
    Lin, Chen and Yan (2014), "Network In Network", ICLR, section 3.2: global average pooling.

    Examples
    --------
    >>> import minigen
    >>> image = minigen.arange(9.0).reshape(1, 3, 3)
    >>> adaptive_avg_pool2d(image, 1).tolist(), adaptive_avg_pool2d(image, (1, 2)).tolist()
    ([[[4.0]]], [[[3.5, 4.5]]])
    """
    return _avg("adaptive_avg_pool2d", 2, input, output_size)


def adaptive_avg_pool1d(input: Tensor, output_size: int | tuple[int]) -> Tensor:
    """Cut signals into OL windows and take the mean of each: `adaptive_avg_pool2d` with a height of 1.

    Parameters
    ----------
    input : Tensor
        Of shape (N, C, L), or (C, L) for one signal.
    output_size : int
        The length OL of the result.

    Returns
    -------
    Tensor
        Of shape (N, C, OL); without N where the input has none.

    Raises
    ------
    ValueError, TypeError
        If shape, dtype or size are not such.

    Examples
    --------
    >>> import minigen
    >>> adaptive_avg_pool1d(minigen.tensor([[1.0, 3.0, 2.0]]), 2).tolist()
    [[2.0, 2.5]]
    """
    return _avg("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_max_pool2d(input: Tensor, output_size: Size, return_indices: bool = False) -> Any:
    """Cut images into OH x OW windows and take the largest value of each.

    Parameters
    ----------
    input : Tensor
        Of shape (N, C, H, W), or (C, H, W) for one image.
    output_size : int or (int, int)
        The size (OH, OW) of the result; None keeps that axis as it is.  1 is global pooling: the maximum of a channel.
    return_indices : bool, default False
        Return also where the maxima were, as ``row * W + column``.

    Returns
    -------
    Tensor, or (Tensor, Tensor) with `return_indices`
        Of shape (N, C, OH, OW); without N where the input has none.

    Raises
    ------
    ValueError, TypeError
        If shape, dtype or size are not such.

    Notes
    -----
    The gradient of a window goes to its first maximum, row by row.  There is one search a window, so global pooling
    is a single one; for many small windows of equal size `max_pool2d` is faster.

    Examples
    --------
    >>> import minigen
    >>> y, indices = adaptive_max_pool2d(minigen.arange(9.0).reshape(1, 3, 3), (1, 2), return_indices=True)
    >>> y.tolist(), indices.tolist()
    ([[[7.0, 8.0]]], [[[7, 8]]])
    """
    return _max("adaptive_max_pool2d", 2, input, output_size, return_indices)


def adaptive_max_pool1d(input: Tensor, output_size: int | tuple[int], return_indices: bool = False) -> Any:
    """Cut signals into OL windows and take the largest value of each: `adaptive_max_pool2d` with a height of 1.

    Parameters
    ----------
    input : Tensor
        Of shape (N, C, L), or (C, L) for one signal.
    output_size : int
        The length OL of the result.
    return_indices : bool, default False
        Return also where the maxima were.

    Returns
    -------
    Tensor, or (Tensor, Tensor) with `return_indices`
        Of shape (N, C, OL); without N where the input has none.

    Raises
    ------
    ValueError, TypeError
        If shape, dtype or size are not such.

    Examples
    --------
    >>> import minigen
    >>> adaptive_max_pool1d(minigen.tensor([[1.0, 3.0, 2.0]]), 2).tolist()
    [[3.0, 3.0]]
    """
    return _max("adaptive_max_pool1d", 1, input, output_size, return_indices)


def _cuts(length: int, count: int) -> list[tuple[int, int]]:
    """Where each of `count` windows over an axis begins and ends."""
    return [(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]


def _avg(name: str, axes: int, x: Tensor, output_size: Any) -> Tensor:
    size = _check(name, axes, x, output_size)
    if set(size) == {1}:
        return x.mean(tuple(range(-axes, 0)), keepdim=True)
    for axis, (length, count) in enumerate(zip(x.shape[-axes:], size), start=x.ndim - axes):
        if length != count:
            x = MapAxis.apply(x, axis=axis, taps=means(length, count))
    return x


def means(length: int, count: int) -> Taps:
    """Take the mean of each of `count` windows over an axis: all its numbers in equal parts."""
    cuts = _cuts(length, count)
    targets = np.concatenate([np.full(stop - start, i) for i, (start, stop) in enumerate(cuts)])
    sources = np.concatenate([np.arange(start, stop) for start, stop in cuts])
    weights = np.concatenate([np.full(stop - start, 1 / (stop - start)) for start, stop in cuts])
    return Taps(targets, sources, weights, count, length)


def _max(name: str, axes: int, x: Tensor, output_size: Any, return_indices: bool) -> Any:
    size = pair(_check(name, axes, x, output_size))
    images = as_images(x, axes)
    indices = Tensor(_pixels_of_maxima(images.array, size))  # (N, C, OH, OW)
    y = images.flatten(2).gather(2, indices.flatten(2)).reshape(indices.shape)
    y, indices = from_images(y, x.ndim, axes), from_images(indices, x.ndim, axes)
    return (y, indices) if return_indices else y


def _pixels_of_maxima(x: Array, size: Pair) -> Array:
    """The number ``row * W + column`` of the largest pixel of each window: (N, C, OH, OW)."""
    xp, (n, channels, height, width) = array_module(x), x.shape
    places = xp.empty((n, channels, *size), np.int64)
    for i, (top, bottom) in enumerate(_cuts(height, size[0])):
        for j, (left, right) in enumerate(_cuts(width, size[1])):
            window = x[:, :, top:bottom, left:right].reshape(n, channels, (bottom - top) * (right - left))
            place = window.argmax(2)
            places[:, :, i, j] = (top + place // (right - left)) * width + left + place % (right - left)
    return places


def _check(name: str, axes: int, x: Any, output_size: Any) -> tuple[int, ...]:
    """The size of the result, one number for each axis that is pooled."""
    check_floating(name, input=x)
    check_images(name, x, axes)
    sizes = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * axes
    if len(sizes) != axes:
        raise ValueError(f"{name}: output_size is one integer or {axes}, one for each axis, not {output_size!r}")
    lengths = x.shape[-axes:]
    return tuple(n if size is None else check_integer(name, "output_size", size) for n, size in zip(lengths, sizes))
