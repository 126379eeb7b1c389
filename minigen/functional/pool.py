"""Pooling: the largest or the mean value of every window of an image.

Mean pooling is a linear function, filed with its adjoint.  Max pooling is linear too, once it is known where
the maxima are: `TakeAtMaxima` picks the values there, and its adjoint `PutAtMaxima` puts values there.  The places
are integers, constant under small changes of the image, so they may be kept (a kept *value* would lose its derivative).

The windows are looked at tap by tap (`windows.taps`): KH*KW large operations on whole images instead of a small
one for every window.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from minigen import kernels
from minigen.backend import Array, array_module
from minigen.engine import Function
from minigen.functional.arguments import check_floating, check_integer, check_sizes
from minigen.functional.lifting import as_images, check_images, from_images, pair
from minigen.functional.windows import (
    Block,
    Geometry,
    Pair,
    blocks,
    channels_first,
    channels_last,
    may_hold_nan,
    output_length,
    taps,
    untap,
)
from minigen.parallel import spread
from minigen.tensor import Tensor


class _Pool(Function):
    """What all functions here are told, and how they go through a batch: some images at a time."""

    kernel: Pair
    size: Pair  # (OH, OW)
    image: Pair  # (H, W)
    geometry: Geometry

    def _options(self) -> dict[str, Any]:
        return {"kernel": self.kernel, "size": self.size, "image": self.image, "geometry": self.geometry}

    def _look(self, x: Array, write: Callable[..., None], *others: Array, fill: float = 0.0, dtype=None) -> Array:
        """Images (N, H, W, C) -> (N, OH, OW, C), which ``write(taps, *others, out=)`` fills."""
        xp, x = array_module(x), channels_last(x)
        y = xp.empty((len(x), *self.size, x.shape[3]), dtype or x.dtype)

        def look(block: Block) -> None:
            some, _ = block
            views = taps(x[some], self.kernel, self.size, self.geometry, fill)
            write(views, *(other[some] for other in others), out=y[some])

        spread(xp, look, blocks(xp, len(x), 1, x[:1].nbytes))
        return y

    def _spread(self, y: Array, write: Callable[..., None], *others: Array) -> Array:
        """The adjoint, (N, OH, OW, C) -> (N, H, W, C): the sum of parts that ``write(y, *others, tap, part)`` fills."""
        xp, y = array_module(y), channels_last(y)
        x = xp.empty((len(y), *self.image, y.shape[3]), y.dtype)

        def place(block: Block) -> None:
            some, _ = block
            write_tap = partial(write, y[some], *(other[some] for other in others))
            untap(write_tap, self.kernel, self.size, self.geometry, out=x[some])

        spread(xp, place, blocks(xp, len(y), 1, x[:1].nbytes))
        return x

    def reads(self) -> tuple[int, ...]:
        """A linear function's derivative reads no values."""
        return ()


# --- the largest ------------------------------------------------------------------------------------------


class MaxPool2d(_Pool):
    """The largest value of every window; outside of the image there is -inf."""

    def forward(self, x: Array) -> Array:
        """Go through the taps and keep what is larger."""
        if kernels.usable(x):
            return channels_first(kernels.max_pool(channels_last(x), self.kernel, self.size, self.geometry))
        return channels_first(self._look(x, _largest, fill=-np.inf))

    def backward(self, grad: Tensor) -> Tensor:
        """Pass every gradient to the place where the maximum came from."""
        where = self.taps_of_maxima(self.inputs[0].array, self.output.array)
        return PutAtMaxima.apply(grad, where=where, **self._options())

    def taps_of_maxima(self, x: Array, y: Array) -> Array:
        """Which tap of its window each maximum in `y` came from: integers (N, OH, OW, C)."""
        if kernels.usable(x) and math.prod(self.kernel) <= 255:
            return kernels.first_maxima(channels_last(x), self.kernel, self.size, self.geometry)
        dtype = np.min_scalar_type(self.kernel[0] * self.kernel[1])
        return self._look(x, _first_largest, channels_last(y), fill=-np.inf, dtype=dtype)

    def reads(self) -> tuple[int, ...]:
        """The input and the output say where the maxima are."""
        return (0, -1)


class TakeAtMaxima(_Pool):
    """Of every window the value at tap number `where`, an array of integers (N, OH, OW, C)."""

    where: Array

    def forward(self, x: Array) -> Array:
        """Pick."""
        return channels_first(self._look(x, _pick, self.where))

    def backward(self, grad: Tensor) -> Tensor:
        """The adjoint."""
        return PutAtMaxima.apply(grad, where=self.where, **self._options())


class PutAtMaxima(_Pool):
    """The adjoint of `TakeAtMaxima`: add every value to the place of tap number `where` of its window."""

    where: Array

    def forward(self, y: Array) -> Array:
        """Place."""
        if kernels.usable(y) and self.where.dtype == np.uint8:
            x = kernels.put_at_maxima(channels_last(y), self.where, self.image, self.kernel, self.geometry)
            return channels_first(x)
        return channels_first(self._spread(y, _place, self.where))

    def backward(self, grad: Tensor) -> Tensor:
        """The adjoint."""
        return TakeAtMaxima.apply(grad, where=self.where, **self._options())


def _largest(views: list[Array], out: Array) -> None:
    first, *others = views
    if not others:
        out[...] = first
    for view in others:
        first = array_module(out).maximum(first, view, out=out)  # NaN wins, as in PyTorch


def _first_largest(views: list[Array], y: Array, out: Array) -> None:
    """The number of the first tap with the value of `y`: as many smaller ones come before it. Of NaN, the last."""
    xp = array_module(y)
    out[...] = 0
    smaller = xp.ones(y.shape, bool)
    for view in views[:-1]:
        smaller &= view < y
        out += smaller
    if may_hold_nan(y):
        for tap, view in enumerate(views):
            xp.copyto(out, tap, where=xp.isnan(view))


def _pick(views: list[Array], where: Array, out: Array) -> None:
    for tap, view in enumerate(views):
        array_module(out).copyto(out, view, where=where == tap)


def _place(y: Array, where: Array, tap: int, part: Array) -> None:
    # As whole numbers: 0 times the bits of an infinity is 0, which 0 times infinity is not.
    bits = f"i{part.itemsize}"
    array_module(y).multiply(y.view(bits), where == tap, out=part.view(bits))


# --- the mean ------------------------------------------------------------------------------------------------


class AvgPool2d(_Pool):
    """The sum of every window times `scale`: a number, or an array (OH, OW, 1)."""

    scale: Any

    def forward(self, x: Array) -> Array:
        """Add up the taps."""
        y = self._look(x, _sum)
        y *= self.scale
        return channels_first(y)

    def backward(self, grad: Tensor) -> Tensor:
        """The adjoint."""
        return AvgUnpool2d.apply(grad, scale=self.scale, **self._options())


class AvgUnpool2d(_Pool):
    """The adjoint of `AvgPool2d`: add every value times `scale` to each pixel of its window."""

    scale: Any

    def forward(self, y: Array) -> Array:
        """Give each tap the same."""
        return channels_first(self._spread(y, self._share))

    def _share(self, y: Array, tap: int, part: Array) -> None:
        array_module(y).multiply(y, self.scale, out=part)

    def backward(self, grad: Tensor) -> Tensor:
        """The adjoint."""
        return AvgPool2d.apply(grad, scale=self.scale, **self._options())


def _sum(views: list[Array], out: Array) -> None:
    out[...] = views[0]
    for view in views[1:]:
        out += view


# --- what people call ----------------------------------------------------------------------------------------


def max_pool2d(
    input: Tensor,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Take the largest value of every window.

    ``y[n, c, i, j] = max over k, l of x[n, c, i*stride + k*dilation - padding, ...]``

    Parameters
    ----------
    input : Tensor
        x, of shape (N, C, H, W), or (C, H, W) for one image.
    kernel_size : int or (int, int)
        The size of a window (KH, KW).
    stride : int or (int, int), optional
        Pixels from one window to the next; the kernel's size by default, so that the windows do not overlap.
    padding : int or (int, int), default 0
        Rows and columns of -inf on each side; at most half of the kernel, lest a window see nothing else.
    dilation : int or (int, int), default 1
        Pixels from one tap of a window to the next.
    ceil_mode : bool, default False
        Round the size of the output up: the last window may look past the edge.
    return_indices : bool, default False
        Return also where the maxima were: `max_unpool2d` puts values back there.

    Returns
    -------
    Tensor, or (Tensor, Tensor) with `return_indices`
        Of shape (N, C, OH, OW) with ``OH = (H + 2*padding - dilation*(KH - 1) - 1) // stride + 1``; without N where the
        input has none.  The indices count the pixels of an image row by row: ``row * W + column``.

    Raises
    ------
    ValueError, TypeError
        If shape, dtype or options do not fit together.

    Notes
    -----
    The gradient of a window goes to its first maximum (row by row), as in PyTorch.  A window that holds NaN gives NaN,
    and its last NaN gets the gradient.

    Examples
    --------
    >>> import minigen
    >>> y, indices = max_pool2d(minigen.arange(16.0).reshape(1, 4, 4), 2, return_indices=True)
    >>> y.tolist(), indices.tolist()
    ([[[5.0, 7.0], [13.0, 15.0]]], [[[5, 7], [13, 15]]])
    """
    options = pooling_options("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode)
    return max_pool(input, 2, options, return_indices)


def avg_pool2d(
    input: Tensor,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Take the mean of every window.

    ``y[n, c, i, j] = mean over k, l of x[n, c, i*stride + k - padding, ...]``

    Parameters
    ----------
    input : Tensor
        x, of shape (N, C, H, W), or (C, H, W) for one image.
    kernel_size : int or (int, int)
        The size of a window (KH, KW).
    stride : int or (int, int), optional
        Pixels from one window to the next; the kernel's size by default, so that the windows do not overlap.
    padding : int or (int, int), default 0
        Rows and columns of zeros on each side; at most half of the kernel.
    ceil_mode : bool, default False
        Round the size of the output up: the last window may look past the edge.  What it sees past the padding
        is not counted.
    count_include_pad : bool, default True
        Count the zeros of the padding, too, when dividing.
    divisor_override : int, optional
        Divide the sum of every window by this number, whatever it counts; not 0.

    Returns
    -------
    Tensor
        Of shape (N, C, OH, OW) with ``OH = (H + 2*padding - KH) // stride + 1``; without N where the input has none.

    Raises
    ------
    ValueError, TypeError
        If shape, dtype or options do not fit together.

    Notes
    -----
    The gradient of a window goes to all its pixels in equal parts.

    Examples
    --------
    >>> import minigen
    >>> avg_pool2d(minigen.arange(16.0).reshape(1, 4, 4), 2).tolist()
    [[[2.5, 4.5], [10.5, 12.5]]]
    """
    options = pooling_options("avg_pool2d", 2, input, kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override is not None:
        divisor_override = check_integer("avg_pool2d", "divisor_override", divisor_override, low=-(2**62))
    if divisor_override == 0:
        raise ValueError("avg_pool2d: divisor_override must not be 0")
    return avg_pool(input, 2, options, count_include_pad, divisor_override)


# --- for images and signals alike ----------------------------------------------------------------------------


def pooling_options(
    name: str, axes: int, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> dict[str, Any]:
    """The options of a `_Pool` over images (axes=2) or signals (axes=1) for what people passed in."""
    check_floating(name, input=x)
    check_images(name, x, axes)
    kernel = check_sizes(name, "kernel_size", kernel, axes)
    no_stride = stride is None or (isinstance(stride, (tuple, list)) and not stride)  # PyTorch's default is ()
    stride = kernel if no_stride else check_sizes(name, "stride", stride, axes)
    padding = check_sizes(name, "padding", padding, axes, low=0)
    dilation = check_sizes(name, "dilation", dilation, axes)
    if any(p > k // 2 for p, k in zip(padding, kernel)):
        raise ValueError(
            f"{name}: padding {padding} is more than half of the kernel {kernel}: a window could see nothing else"
        )
    image = x.shape[-axes:]
    size = tuple(_output_length(*axis, bool(ceil_mode)) for axis in zip(image, kernel, stride, padding, dilation))
    if min(size) < 1:
        raise ValueError(
            f"{name}: the kernel {kernel} with dilation {dilation} is larger than the image of input {x.shape} with "
            f"padding {padding}; use a smaller kernel or more padding"
        )
    geometry = Geometry(pair(stride), pair(padding, 0), pair(dilation))
    return {"kernel": pair(kernel), "size": pair(size), "image": pair(image), "geometry": geometry}


def _output_length(length: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    if not ceil_mode:
        return output_length(length, kernel, stride, padding, dilation)
    count = output_length(length + stride - 1, kernel, stride, padding, dilation)
    begins_past_the_image = (count - 1) * stride >= length + padding
    return count - 1 if begins_past_the_image else count


def max_pool(x: Tensor, axes: int, options: dict[str, Any], return_indices: bool) -> Any:
    """The maxima of `x`, and where they were if that is asked for."""
    images = as_images(x, axes)
    y = MaxPool2d.apply(images, **options)
    if not return_indices:
        return from_images(y, x.ndim, axes)
    indices = Tensor(_pixels_of_maxima(images.array, y.array, options))
    return from_images(y, x.ndim, axes), from_images(indices, x.ndim, axes)


def _pixels_of_maxima(x: Array, y: Array, options: dict[str, Any]) -> Array:
    """The number ``row * W + column`` of the pixel from which each maximum in `y` came: (N, C, OH, OW)."""
    call = MaxPool2d()
    vars(call).update(options)
    tap, xp = call.taps_of_maxima(x, y).astype(np.int64), array_module(x)
    (down, across), (top, left), (row_step, column_step), _ = call.geometry
    row = xp.arange(call.size[0])[:, None, None] * down - top + tap // call.kernel[1] * row_step
    column = xp.arange(call.size[1])[:, None] * across - left + tap % call.kernel[1] * column_step
    # In the border there is a "maximum" only where the whole window is -inf.
    return channels_first(row.clip(0, None) * call.image[1] + column.clip(0, None))


def avg_pool(
    x: Tensor, axes: int, options: dict[str, Any], count_include_pad: bool, divisor: int | None = None
) -> Tensor:
    """The means of `x`, or its sums over each window divided by `divisor`."""
    scale = _scale(x, options, count_include_pad) if divisor is None else 1 / divisor
    return from_images(AvgPool2d.apply(as_images(x, axes), **options, scale=scale), x.ndim, axes)


def _scale(x: Tensor, options: dict[str, Any], count_include_pad: bool) -> Any:
    """One over the count of each window: a number if all count the same, else an array (OH, OW, 1)."""
    counts = []
    axes = zip(options["image"], options["size"], options["kernel"], *options["geometry"][:2])
    for length, count, kernel, step, pad in axes:
        start = np.arange(count) * step - pad
        stop = np.minimum(start + kernel, length + pad)
        if not count_include_pad:
            start, stop = np.maximum(start, 0), np.minimum(stop, length)
        counts.append(stop - start)
    divisor = np.outer(*counts)[:, :, None]  # (OH, OW, 1)
    if (divisor == divisor.flat[0]).all():
        return 1 / int(divisor.flat[0])
    return array_module(x.array).asarray((1 / divisor).astype(x.dtype))
