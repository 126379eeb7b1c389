"""Layers without weights that rearrange pixels: resizing, pixel shuffle, windows to columns and back."""

from __future__ import annotations

from typing import Any

import minigen.functional as F
from minigen.functional.arguments import check_choice, check_integer, check_number, check_pair
from minigen.functional.resample import MODES
from minigen.nn.module import Module
from minigen.tensor import Tensor

Size = int | tuple[int, ...]
Factor = float | tuple[float, ...]


def _check_size(name: str, size: Any) -> Any:
    """Return a size as it is; raise unless it consists of positive integers."""
    for n in size if isinstance(size, (tuple, list)) else (size,):
        if n is not None:
            check_integer(name, "size", n)
    return size


def _check_factor(name: str, factor: Any) -> Any:
    """Return a factor as a float, or several as a tuple of them; raise unless they are positive."""
    if factor is None:
        return None
    if isinstance(factor, (tuple, list)):
        return tuple(_check_factor(name, one) for one in factor)
    if check_number(name, "scale_factor", factor, 0.0) == 0:
        raise ValueError(f"{name}: scale_factor must be above 0, not {factor!r}: how many times as large images become")
    return float(factor)


class Upsample(Module):
    """Enlarge (or shrink) images by copying pixels or by blending them.

    Parameters
    ----------
    size : int or (int, int), optional
        The new size in pixels; give either this or ``scale_factor``.
    scale_factor : float or (float, float), optional
        How many times as large.
    mode : {"nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area"}
        See `minigen.functional.interpolate`.
    align_corners, recompute_scale_factor : bool, optional
        See `minigen.functional.interpolate`.

    Examples
    --------
    >>> import minigen
    >>> Upsample(scale_factor=2)(minigen.zeros(8, 3, 16, 16)).shape
    (8, 3, 32, 32)
    """

    def __init__(
        self,
        size: Size | None = None,
        scale_factor: Factor | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if (size is None) == (scale_factor is None):
            raise ValueError(
                f"{name}: give either size or scale_factor, not size={size} and scale_factor={scale_factor}"
            )
        check_choice(name, "mode", mode, MODES)
        self.size, self.scale_factor, self.mode = _check_size(name, size), _check_factor(name, scale_factor), mode
        self.align_corners, self.recompute_scale_factor = align_corners, recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Compute (N, C, OH, OW) from (N, C, H, W)."""
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        """Return the size or the factor."""
        what = f"scale_factor={self.scale_factor}" if self.size is None else f"size={self.size}"
        return f"{what}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Enlarge images by repeating pixels: `Upsample` under an older name.

    Parameters
    ----------
    size : int or (int, int), optional
        The new size in pixels; give either this or ``scale_factor``.
    scale_factor : float or (float, float), optional
        How many times as large.

    Examples
    --------
    >>> import minigen
    >>> UpsamplingNearest2d(scale_factor=2)(minigen.zeros(8, 3, 16, 16)).shape
    (8, 3, 32, 32)
    """

    def __init__(self, size: Size | None = None, scale_factor: Factor | None = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Enlarge images by blending pixels, the corners of both in one place: `Upsample` under an older name.

    Parameters
    ----------
    size : int or (int, int), optional
        The new size in pixels; give either this or ``scale_factor``.
    scale_factor : float or (float, float), optional
        How many times as large.

    Examples
    --------
    >>> import minigen
    >>> UpsamplingBilinear2d(size=5)(minigen.zeros(8, 3, 16, 16)).shape
    (8, 3, 5, 5)
    """

    def __init__(self, size: Size | None = None, scale_factor: Factor | None = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class PixelShuffle(Module):
    """Turn r * r channels into pixels of an image r times as large.

    Parameters
    ----------
    upscale_factor : int
        r.

    Examples
    --------
    >>> import minigen
    >>> PixelShuffle(2)(minigen.zeros(8, 12, 16, 16)).shape
    (8, 3, 32, 32)
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = check_integer("PixelShuffle", "upscale_factor", upscale_factor)

    def forward(self, input: Tensor) -> Tensor:
        """Compute (N, C, H * r, W * r) from (N, C * r * r, H, W)."""
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """Return the factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Turn each r x r pixels into r * r channels of an image r times as small.

    Parameters
    ----------
    downscale_factor : int
        r.

    Examples
    --------
    >>> import minigen
    >>> PixelUnshuffle(2)(minigen.zeros(8, 3, 32, 32)).shape
    (8, 12, 16, 16)
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = check_integer("PixelUnshuffle", "downscale_factor", downscale_factor)

    def forward(self, input: Tensor) -> Tensor:
        """Compute (N, C * r * r, H, W) from (N, C, H * r, W * r)."""
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """Return the factor."""
        return f"downscale_factor={self.downscale_factor}"


class _Windows(Module):
    kernel_size: Any
    dilation: Any
    padding: Any
    stride: Any

    def __init__(self, kernel_size: Size, dilation: Size, padding: Size, stride: Size) -> None:
        super().__init__()
        name = type(self).__name__
        check_pair(name, "kernel_size", kernel_size), check_pair(name, "dilation", dilation)
        check_pair(name, "padding", padding, low=0), check_pair(name, "stride", stride)
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def extra_repr(self) -> str:
        """Return the geometry."""
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Unfold(_Windows):
    """Every window of an image as a column of a matrix (im2col).

    Parameters
    ----------
    kernel_size, dilation, padding, stride : int or (int, int)
        Which windows: see `minigen.functional.unfold`.

    Examples
    --------
    >>> import minigen
    >>> Unfold(3, padding=1)(minigen.zeros(8, 2, 5, 5)).shape
    (8, 18, 25)
    """

    def __init__(self, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1) -> None:
        super().__init__(kernel_size, dilation, padding, stride)

    def forward(self, input: Tensor) -> Tensor:
        """Compute (N, C * KH * KW, windows) from (N, C, H, W)."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)


class Fold(_Windows):
    """The sum of windows, given as columns of a matrix (col2im): the adjoint of `Unfold`.

    Parameters
    ----------
    output_size : int or (int, int)
        The size (H, W) of the image.
    kernel_size, dilation, padding, stride : int or (int, int)
        Which windows: see `minigen.functional.unfold`.

    Examples
    --------
    >>> import minigen
    >>> Fold(5, 3, padding=1)(minigen.zeros(8, 18, 25)).shape
    (8, 2, 5, 5)
    """

    def __init__(
        self, output_size: Size, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1
    ) -> None:
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = check_pair("Fold", "output_size", output_size)

    def forward(self, input: Tensor) -> Tensor:
        """Compute (N, C, H, W) from (N, C * KH * KW, windows)."""
        geometry = (self.kernel_size, self.dilation, self.padding, self.stride)
        return F.fold(input, self.output_size, *geometry)

    def extra_repr(self) -> str:
        """Return the geometry."""
        return f"output_size={self.output_size}, {super().extra_repr()}"
