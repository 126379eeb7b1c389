"""Unpooling: values put back to where the maxima of a pooling were, and zero everywhere else.

A decoder's answer to max pooling: the encoder remembers the places, the decoder uses them.  It is no inverse, for what
was not a maximum is gone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigen.backend import Array, array_module
from minigen.functional.arguments import check_floating, check_pair, check_same_shape, check_tensor
from minigen.functional.lifting import as_images, check_images, from_images
from minigen.functional.windows import Pair
from minigen.namespace import where
from minigen.ops.indexing import ScatterAdd
from minigen.tensor import Tensor


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    output_size: tuple[int, ...] | None = None,
) -> Tensor:
    """Put values to the pixels named by `indices`, and zero elsewhere.

    Parameters
    ----------
    input : Tensor
        Of shape (N, C, H, W), or (C, H, W) for one image.
    indices : Tensor of integers
        Of the same shape: pixels of the result as ``row * OW + column``, as `max_pool2d` returns them.
    kernel_size, stride, padding
        Those of the pooling: they say how large the image was.
    output_size : (..., OH, OW), optional
        How large it really was, where several sizes were pooled to this one: less than a stride away from the size
        that the other options tell, ``(H - 1) * stride - 2 * padding + KH``.

    Returns
    -------
    Tensor
        Of shape (N, C, OH, OW); without N where the input has none.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, or (on the host) if an index lies outside of the result.

    Notes
    -----
    Where windows overlap, two of them may name the same pixel.  One of them counts, and gets the gradient: the last,
    row by row (on a GPU, any).

    References
    ----------
    Zeiler and Fergus (2014), "Visualizing and Understanding Convolutional Networks", ECCV, section 2.1.

    Examples
    --------
    >>> import minigen
    >>> from minigen.functional import max_pool2d
    >>> y, indices = max_pool2d(minigen.arange(4.0).reshape(1, 2, 2), 2, return_indices=True)
    >>> max_unpool2d(y, indices, 2).tolist()
    [[[0.0, 0.0], [0.0, 3.0]]]
    """
    check_floating("max_unpool2d", input=input)
    check_tensor("max_unpool2d", indices=indices)
    check_images("max_unpool2d", input, 2)
    check_same_shape("max_unpool2d", input=input, indices=indices)
    size = _check_size(input, kernel_size, stride, padding, output_size)
    places = as_images(indices, 2).array
    if places.dtype.kind not in "iu":
        raise TypeError(f"max_unpool2d: indices are integers, not {indices.dtype}")
    on_host = array_module(places) is np
    if on_host and places.size and not 0 <= places.min() <= places.max() < math.prod(size):
        raise ValueError(
            f"max_unpool2d: indices go from {places.min()} to {places.max()}, but an image of size {size} has "
            f"{math.prod(size)} pixels; give the output_size that was pooled"
        )
    images = as_images(input, 2)
    n, channels = images.shape[:2]
    places = places.reshape(n, channels, math.prod(input.shape[-2:]))
    values = where(Tensor(_counts(places, math.prod(size))), images.flatten(2), 0.0)
    y = ScatterAdd.apply(values, dim=2, index=places, shape=(n, channels, math.prod(size)))
    return from_images(y.reshape(n, channels, *size), input.ndim, 2)


def _counts(places: Array, pixels: int) -> Array:
    """Of those that name the same pixel, True for the last, and False for the others: (N, C, H*W)."""
    xp, (n, channels, count) = array_module(places), places.shape
    winner = xp.zeros((n, channels, pixels), np.int64)
    pixel = (xp.arange(n)[:, None, None], xp.arange(channels)[:, None], places)
    winner[pixel] = xp.arange(count)  # the last one written stays
    return winner[pixel] == xp.arange(count)


def _check_size(x: Tensor, kernel: Any, stride: Any, padding: Any, output_size: Any) -> Pair:
    kernel = check_pair("max_unpool2d", "kernel_size", kernel)
    stride = kernel if stride is None else check_pair("max_unpool2d", "stride", stride)
    padding = check_pair("max_unpool2d", "padding", padding, low=0)
    told = [(n - 1) * s - 2 * p + k for n, k, s, p in zip(x.shape[-2:], kernel, stride, padding)]
    size = tuple(told if output_size is None else check_pair("max_unpool2d", "output_size", list(output_size)[-2:]))
    if min(size) < 1 or any(abs(n - t) >= s for n, t, s in zip(size, told, stride)):
        raise ValueError(
            f"max_unpool2d: output_size {size} is not within a stride of {stride} of {tuple(told)}, the size that "
            f"kernel {kernel}, padding {padding} and input {x.shape} tell"
        )
    return size[0], size[1]
