"""Windows as columns of a matrix, and back: the im2col and col2im of which convolutions are made, for everybody.

With `unfold` a convolution is one matrix product, ``weight.flatten(1) @ unfold(x)``, as a student writes it first.
The two functions are linear and each other's adjoint.  (`conv.py` does not use them: it makes a few windows at a time,
in the order in which memory likes them.)
"""

from __future__ import annotations

import math
from typing import Any

from minigen.backend import Array, array_module
from minigen.engine import Function
from minigen.functional.arguments import check_floating, check_pair
from minigen.functional.windows import Geometry, Pair, channels_first, channels_last, output_length, taps, untap
from minigen.tensor import Tensor


class _Columns(Function):
    """What both functions are told."""

    kernel: Pair
    size: Pair  # how many windows down and across
    image: Pair  # (H, W)
    geometry: Geometry

    def _options(self) -> dict[str, Any]:
        return {"kernel": self.kernel, "size": self.size, "image": self.image, "geometry": self.geometry}

    def reads(self) -> tuple[int, ...]:
        """A linear function's derivative reads no values."""
        return ()


class Unfold(_Columns):
    """Images (N, C, H, W) -> columns (N, C*KH*KW, windows)."""

    def forward(self, x: Array) -> Array:
        """Copy what all windows see at one place, place by place."""
        n, channels = x.shape[:2]
        columns = array_module(x).empty((n, channels, math.prod(self.kernel), *self.size), x.dtype)
        for tap, view in enumerate(taps(channels_last(x), self.kernel, self.size, self.geometry)):
            columns[:, :, tap] = channels_first(view)
        return columns.reshape(n, channels * math.prod(self.kernel), math.prod(self.size))

    def backward(self, grad: Tensor) -> Tensor:
        """The adjoint."""
        return Fold.apply(grad, **self._options())


class Fold(_Columns):
    """Columns (N, C*KH*KW, windows) -> images (N, C, H, W): the sum of all windows, each in its place."""

    def forward(self, columns: Array) -> Array:
        """Add place by place."""
        n, count = len(columns), math.prod(self.kernel)
        columns = columns.reshape(n, columns.shape[1] // count, count, *self.size)  # (N, C, KH*KW, OH, OW)
        images = array_module(columns).empty((n, *self.image, columns.shape[1]), columns.dtype)

        def write(tap: int, part: Array) -> None:
            part[...] = channels_last(columns[:, :, tap])

        untap(write, self.kernel, self.size, self.geometry, out=images)
        return channels_first(images)

    def backward(self, grad: Tensor) -> Tensor:
        """The adjoint."""
        return Unfold.apply(grad, **self._options())


def unfold(
    input: Tensor,
    kernel_size: int | Pair,
    dilation: int | Pair = 1,
    padding: int | Pair = 0,
    stride: int | Pair = 1,
) -> Tensor:
    """Write every window of an image as a column of a matrix (im2col).

    ``y[n, c*KH*KW + k*KW + l, i*OW + j] = x[n, c, i*stride + k*dilation - padding, ...]``, 0 outside of the image.

    Parameters
    ----------
    input : Tensor
        x, of shape (N, C, H, W), or (C, H, W) for one image.
    kernel_size : int or (int, int)
        The size of a window (KH, KW).
    dilation : int or (int, int), default 1
        Pixels from one number of a window to the next.
    padding : int or (int, int), default 0
        Rows and columns of zeros on each side.
    stride : int or (int, int), default 1
        Pixels from one window to the next.

    Returns
    -------
    Tensor
        Of shape (N, C*KH*KW, OH*OW), OH and OW as in `conv2d`; without N where the input has none.

    Raises
    ------
    ValueError, TypeError
        If shape, dtype or options do not fit together.

    Notes
    -----
    The gradient is `fold`, the adjoint: a pixel that many windows see gets the sum of what they bring back.

    Examples
    --------
    >>> import minigen
    >>> unfold(minigen.arange(9.0).reshape(1, 3, 3), 2).tolist()
    [[0.0, 1.0, 3.0, 4.0], [1.0, 2.0, 4.0, 5.0], [3.0, 4.0, 6.0, 7.0], [4.0, 5.0, 7.0, 8.0]]
    """
    check_floating("unfold", input=input)
    if input.ndim not in (3, 4) or 0 in input.shape[-3:]:
        raise ValueError(
            "unfold: input is a batch of images (N, C, H, W) or one image (C, H, W), with pixels and channels, "
            f"but its shape is {input.shape}"
        )
    options = _check("unfold", input.shape[-2:], kernel_size, dilation, padding, stride)
    if input.ndim == 3:
        return Unfold.apply(input.unsqueeze(0), **options).squeeze(0)
    return Unfold.apply(input, **options)


def fold(
    input: Tensor,
    output_size: int | Pair,
    kernel_size: int | Pair,
    dilation: int | Pair = 1,
    padding: int | Pair = 0,
    stride: int | Pair = 1,
) -> Tensor:
    """Add up windows, given as columns of a matrix, to an image (col2im): the adjoint of `unfold`.

    Parameters
    ----------
    input : Tensor
        Of shape (N, C*KH*KW, OH*OW), or (C*KH*KW, OH*OW) for one image: as `unfold` makes it.
    output_size : int or (int, int)
        The size (H, W) of the image.
    kernel_size, dilation, padding, stride
        As for `unfold`.

    Returns
    -------
    Tensor
        Of shape (N, C, H, W); without N where the input has none.

    Raises
    ------
    ValueError, TypeError
        If shape, dtype or options do not fit together.

    Notes
    -----
    The adjoint, not the inverse: ``fold(unfold(x))`` is x times the number of windows that see each pixel.

    Examples
    --------
    >>> import minigen
    >>> windows = unfold(minigen.ones(1, 3, 3), 2)
    >>> fold(windows, (3, 3), 2).tolist()
    [[[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]]
    """
    check_floating("fold", input=input)
    image = check_pair("fold", "output_size", output_size)
    options = _check("fold", image, kernel_size, dilation, padding, stride)
    values, windows = math.prod(options["kernel"]), math.prod(options["size"])
    if input.ndim not in (2, 3) or 0 in input.shape[-2:] or input.shape[-2] % values or input.shape[-1] != windows:
        raise ValueError(
            f"fold: for output_size {image} and kernel_size {options['kernel']} there are {windows} windows of "
            f"{values} numbers a channel, so input is (N, C * {values}, {windows}) or (C * {values}, {windows}), "
            f"but its shape is {input.shape}"
        )
    if input.ndim == 2:
        return Fold.apply(input.unsqueeze(0), **options).squeeze(0)
    return Fold.apply(input, **options)


def _check(name: str, image: Pair, kernel: Any, dilation: Any, padding: Any, stride: Any) -> dict[str, Any]:
    """The options of `_Columns` for what people passed in."""
    kernel, dilation = check_pair(name, "kernel_size", kernel), check_pair(name, "dilation", dilation)
    padding, stride = check_pair(name, "padding", padding, low=0), check_pair(name, "stride", stride)
    size = tuple(output_length(*axis) for axis in zip(image, kernel, stride, padding, dilation))
    if min(size) < 1:
        raise ValueError(
            f"{name}: the kernel {kernel} with dilation {dilation} is larger than the image {tuple(image)} with "
            f"padding {padding}; use a smaller kernel or more padding"
        )
    return {"kernel": kernel, "size": size, "image": tuple(image), "geometry": Geometry(stride, padding, dilation)}
