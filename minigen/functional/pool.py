"""Pooling: the largest or the mean value of every window of an image.

Mean pooling is a linear function, filed with its adjoint.  Max pooling is linear too, once it is known where
the maxima are: `TakeAtMaxima` picks the values there, and its adjoint `PutAtMaxima` puts values there.  The places
are integers, constant under small changes of the image, so they may be kept (a kept *value* would lose its derivative).

The windows are looked at tap by tap (`windows.taps`): KH*KW large operations on whole images instead of a small
one for every window.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from minigen.backend import Array, array_module
from minigen.engine import Function
from minigen.functional.arguments import check_floating, check_pair
from minigen.functional.windows import (
    Geometry,
    Pair,
    blocks,
    channels_first,
    channels_last,
    output_length,
    taps,
    untap,
)
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
        x = channels_last(x)
        y = array_module(x).empty((len(x), *self.size, x.shape[3]), dtype or x.dtype)
        for some, _ in blocks(array_module(x), len(x), 1, x[:1].nbytes):
            views = taps(x[some], self.kernel, self.size, self.geometry, fill)
            write(views, *(other[some] for other in others), out=y[some])
        return y

    def _spread(self, y: Array, write: Callable[..., None], *others: Array) -> Array:
        """The adjoint, (N, OH, OW, C) -> (N, H, W, C): the sum of parts that ``write(y, *others, tap, part)`` fills."""
        y = channels_last(y)
        x = array_module(y).empty((len(y), *self.image, y.shape[3]), y.dtype)
        for some, _ in blocks(array_module(y), len(y), 1, x[:1].nbytes):
            write_tap = partial(write, y[some], *(other[some] for other in others))
            untap(write_tap, self.kernel, self.size, self.geometry, out=x[some])
        return x

    def reads(self) -> tuple[int, ...]:
        """A linear function's derivative reads no values."""
        return ()


# --- the largest ------------------------------------------------------------------------------------------


class MaxPool2d(_Pool):
    """The largest value of every window; outside of the image there is -inf."""

    def forward(self, x: Array) -> Array:
        """Go through the taps and keep what is larger."""
        return channels_first(self._look(x, _largest, fill=-np.inf))

    def backward(self, grad: Tensor) -> Tensor:
        """Pass every gradient to the place where the maximum came from."""
        x, y = self.inputs[0].array, channels_last(self.output.array)
        dtype = np.min_scalar_type(self.kernel[0] * self.kernel[1])
        where = self._look(x, _first_largest, y, fill=-np.inf, dtype=dtype)
        return PutAtMaxima.apply(grad, where=where, **self._options())

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
    """The number of the first tap with the value of `y`: as many smaller ones come before it (none, if y is NaN)."""
    out[...] = 0
    smaller = array_module(y).ones(y.shape, bool)
    for view in views[:-1]:
        smaller &= view < y
        out += smaller


def _pick(views: list[Array], where: Array, out: Array) -> None:
    for tap, view in enumerate(views):
        array_module(out).copyto(out, view, where=where == tap)


def _place(y: Array, where: Array, tap: int, part: Array) -> None:
    array_module(y).multiply(y, where == tap, out=part)


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
) -> Tensor:
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

    Returns
    -------
    Tensor
        Of shape (N, C, OH, OW) with ``OH = (H + 2*padding - dilation*(KH - 1) - 1) // stride + 1``; without N where the
        input has none.

    Raises
    ------
    ValueError, TypeError
        If shape, dtype or options do not fit together.

    Notes
    -----
    The gradient of a window goes to its first maximum (row by row), as in PyTorch.

    Examples
    --------
    >>> import minigen
    >>> max_pool2d(minigen.arange(16.0).reshape(1, 4, 4), 2).tolist()
    [[[5.0, 7.0], [13.0, 15.0]]]
    """
    dilation = check_pair("max_pool2d", "dilation", dilation)
    options = _check("max_pool2d", input, kernel_size, stride, padding, dilation, ceil_mode)
    return _apply(MaxPool2d, input, options)


def avg_pool2d(
    input: Tensor,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
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

    Returns
    -------
    Tensor
        Of shape (N, C, OH, OW) with ``OH = (H + 2*padding - KH) // stride + 1``; without N where the input has none.

    Raises
    ------
    ValueError, TypeError
        If shape, dtype or options do not fit together.

    Examples
    --------
    >>> import minigen
    >>> avg_pool2d(minigen.arange(16.0).reshape(1, 4, 4), 2).tolist()
    [[[2.5, 4.5], [10.5, 12.5]]]
    """
    options = _check("avg_pool2d", input, kernel_size, stride, padding, (1, 1), ceil_mode)
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
        scale = 1 / int(divisor.flat[0])
    else:
        scale = array_module(input.array).asarray((1 / divisor).astype(input.dtype))
    return _apply(AvgPool2d, input, options | {"scale": scale})


def _check(name: str, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Pair, ceil_mode: bool) -> dict:
    """The options of a `_Pool` for what people passed in."""
    check_floating(name, input=x)
    if x.ndim not in (3, 4) or 0 in x.shape[-3:]:
        raise ValueError(
            f"{name}: input is a batch of images (N, C, H, W) or one image (C, H, W), with pixels and channels, "
            f"but its shape is {x.shape}"
        )
    kernel = check_pair(name, "kernel_size", kernel)
    stride = kernel if stride is None else check_pair(name, "stride", stride)
    padding = check_pair(name, "padding", padding, low=0)
    if any(p > k // 2 for p, k in zip(padding, kernel)):
        raise ValueError(
            f"{name}: padding {padding} is more than half of the kernel {kernel}: a window could see nothing else"
        )
    image = x.shape[-2:]
    size = tuple(_output_length(*axis, ceil_mode) for axis in zip(image, kernel, stride, padding, dilation))
    if min(size) < 1:
        raise ValueError(
            f"{name}: the kernel {kernel} with dilation {dilation} is larger than the image of input {x.shape} with "
            f"padding {padding}"
        )
    return {"kernel": kernel, "size": size, "image": image, "geometry": Geometry(stride, padding, dilation)}


def _output_length(length: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    if not ceil_mode:
        return output_length(length, kernel, stride, padding, dilation)
    count = output_length(length + stride - 1, kernel, stride, padding, dilation)
    begins_past_the_image = (count - 1) * stride >= length + padding
    return count - 1 if begins_past_the_image else count


def _apply(kind: type[_Pool], x: Tensor, options: dict[str, Any]) -> Tensor:
    if x.ndim == 3:
        return kind.apply(x.unsqueeze(0), **options).squeeze(0)
    return kind.apply(x, **options)
