"""Layers without weights that change the size of an image: pooling and upsampling."""

from __future__ import annotations

import minigen.functional as F
from minigen.functional.arguments import check_pair
from minigen.nn.module import Module
from minigen.tensor import Tensor

Size = int | tuple[int, int]


class _Pool2d(Module):
    """What both poolings share: kernel, stride (by default the kernel's size) and padding."""

    def __init__(self, kernel_size: Size, stride: Size | None, padding: Size, ceil_mode: bool) -> None:
        super().__init__()
        name = type(self).__name__
        check_pair(name, "kernel_size", kernel_size)
        check_pair(name, "padding", padding, low=0)
        if stride is not None:
            check_pair(name, "stride", stride)
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, bool(ceil_mode)

    def extra_repr(self) -> str:
        """Return the geometry."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxPool2d(_Pool2d):
    """The largest element of each window.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Size of the window in pixels.
    stride : int or (int, int), optional
        Step from window to window; by default ``kernel_size``.
    padding : int or (int, int), default 0
        Border of minus infinity.
    dilation : int or (int, int), default 1
        Distance between the elements of a window.
    ceil_mode : bool, default False
        Whether windows may reach over the edge at the bottom and right.

    Examples
    --------
    >>> import minigen
    >>> MaxPool2d(2)(minigen.zeros(8, 3, 32, 32)).shape
    (8, 3, 16, 16)
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        *,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode)
        check_pair("MaxPool2d", "dilation", dilation)
        self.dilation = dilation

    def forward(self, input: Tensor) -> Tensor:
        """Compute (N, C, OH, OW) from (N, C, H, W)."""
        return F.max_pool2d(input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)

    def extra_repr(self) -> str:
        """Return the geometry."""
        return f"{super().extra_repr()}, dilation={self.dilation}, ceil_mode={self.ceil_mode}"


class AvgPool2d(_Pool2d):
    """The mean of each window.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Size of the window in pixels.
    stride : int or (int, int), optional
        Step from window to window; by default ``kernel_size``.
    padding : int or (int, int), default 0
        Border of zeros.
    ceil_mode : bool, default False
        Whether windows may reach over the edge at the bottom and right.
    count_include_pad : bool, default True
        Whether the zeros of the border count in the mean.

    Examples
    --------
    >>> import minigen
    >>> AvgPool2d(2)(minigen.zeros(8, 3, 32, 32)).shape
    (8, 3, 16, 16)
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode)
        self.count_include_pad = bool(count_include_pad)

    def forward(self, input: Tensor) -> Tensor:
        """Compute (N, C, OH, OW) from (N, C, H, W)."""
        return F.avg_pool2d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class Upsample(Module):
    """Enlarge images by repeating pixels.

    Parameters
    ----------
    size : int or (int, int), optional
        The new size in pixels; give either this or ``scale_factor``.
    scale_factor : float or (float, float), optional
        How many times as large.
    mode : {"nearest"}
        The only one there is.

    Examples
    --------
    >>> import minigen
    >>> Upsample(scale_factor=2)(minigen.zeros(8, 3, 16, 16)).shape
    (8, 3, 32, 32)
    """

    def __init__(
        self,
        size: Size | None = None,
        scale_factor: float | tuple[float, float] | None = None,
        mode: str = "nearest",
    ) -> None:
        super().__init__()
        if (size is None) == (scale_factor is None):
            raise ValueError(
                f"Upsample: give either size or scale_factor, not size={size} and scale_factor={scale_factor}"
            )
        self.size, self.scale_factor, self.mode = size, scale_factor, mode

    def forward(self, input: Tensor) -> Tensor:
        """Compute (N, C, OH, OW) from (N, C, H, W)."""
        return F.interpolate(input, self.size, self.scale_factor, self.mode)

    def extra_repr(self) -> str:
        """Return the size or the factor."""
        what = f"scale_factor={self.scale_factor}" if self.size is None else f"size={self.size}"
        return f"{what}, mode={self.mode!r}"
