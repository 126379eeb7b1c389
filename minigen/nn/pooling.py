"""Pooling layers: the largest or the mean value of each window, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import minigen.functional as F
from minigen.functional.arguments import check_integer, check_sizes
from minigen.nn.module import Module
from minigen.tensor import Tensor

Size = int | tuple[int, ...]


class _Pool(Module):
    """What all share: kernel, stride (by default the kernel's size) and padding."""

    axes = 2  # 1 for signals
    pooling: Any  # of minigen.functional
    kernel_size: Any
    stride: Any
    padding: Any

    def __init__(self, kernel_size: Size, stride: Size | None, padding: Size) -> None:
        super().__init__()
        name = type(self).__name__
        check_sizes(name, "kernel_size", kernel_size, self.axes)
        check_sizes(name, "padding", padding, self.axes, low=0)
        if stride is not None:
            check_sizes(name, "stride", stride, self.axes)
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding = padding

    def _write_out(self, *names: str) -> None:
        """Keep one number for all axes as a tuple, where PyTorch does."""
        for name in names:
            setattr(self, name, check_sizes(type(self).__name__, name, getattr(self, name), self.axes, low=0))

    def extra_repr(self) -> str:
        """Return the geometry."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _MaxPool(_Pool):
    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        check_sizes(type(self).__name__, "dilation", dilation, self.axes)
        self.dilation, self.return_indices, self.ceil_mode = dilation, bool(return_indices), bool(ceil_mode)

    def forward(self, input: Tensor) -> Any:
        """Compute (N, C, OH, OW) from (N, C, H, W), or (N, C, OL) from (N, C, L); with the indices where asked for."""
        geometry = (self.kernel_size, self.stride, self.padding, self.dilation)
        return self.pooling(input, *geometry, self.ceil_mode, self.return_indices)

    def extra_repr(self) -> str:
        """Return the geometry."""
        return f"{super().extra_repr()}, dilation={self.dilation}, ceil_mode={self.ceil_mode}"


class MaxPool2d(_MaxPool):
    """The largest element of each window of an image.

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
    return_indices : bool, default False
        Whether to return also where the maxima were, for `MaxUnpool2d`.
    ceil_mode : bool, default False
        Whether windows may reach over the edge at the bottom and right.

    Examples
    --------
    >>> import minigen
    >>> MaxPool2d(2)(minigen.zeros(8, 3, 32, 32)).shape
    (8, 3, 16, 16)
    """

    pooling = staticmethod(F.max_pool2d)


class MaxPool1d(_MaxPool):
    """The largest element of each window of a signal.

    Parameters
    ----------
    kernel_size, stride, padding, dilation : int
        As in `MaxPool2d`.
    return_indices, ceil_mode : bool, default False
        As in `MaxPool2d`.

    Examples
    --------
    >>> import minigen
    >>> MaxPool1d(2)(minigen.zeros(8, 3, 32)).shape
    (8, 3, 16)
    """

    axes = 1
    pooling = staticmethod(F.max_pool1d)


class MaxUnpool2d(_Pool):
    """Values put back to where the maxima were, and zero elsewhere.

    Parameters
    ----------
    kernel_size, stride, padding : int or (int, int)
        Those of the `MaxPool2d` that is to be undone.

    Examples
    --------
    >>> import minigen
    >>> y, indices = MaxPool2d(2, return_indices=True)(minigen.zeros(8, 3, 32, 32))
    >>> MaxUnpool2d(2)(y, indices).shape
    (8, 3, 32, 32)
    """

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__(kernel_size, stride, padding)
        self._write_out("kernel_size", "stride", "padding")

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Compute (N, C, OH, OW) from (N, C, H, W); of the sizes that were pooled to it, `output_size` chooses one."""
        geometry = (self.kernel_size, self.stride, self.padding)
        return F.max_unpool2d(input, indices, *geometry, None if output_size is None else tuple(output_size))


class AvgPool2d(_Pool):
    """The mean of each window of an image.

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
    divisor_override : int, optional
        What to divide the sum of each window by, whatever it counts.

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
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        if divisor_override is not None:
            check_integer("AvgPool2d", "divisor_override", divisor_override, low=-(2**62))
        if divisor_override == 0:
            raise ValueError("AvgPool2d: divisor_override must not be 0, by which nothing can be divided")
        self.ceil_mode, self.count_include_pad = bool(ceil_mode), bool(count_include_pad)
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """Compute (N, C, OH, OW) from (N, C, H, W)."""
        geometry = (self.kernel_size, self.stride, self.padding)
        return F.avg_pool2d(input, *geometry, self.ceil_mode, self.count_include_pad, self.divisor_override)


class AvgPool1d(_Pool):
    """The mean of each window of a signal.

    Parameters
    ----------
    kernel_size, stride, padding : int
        As in `AvgPool2d`.
    ceil_mode : bool, default False
        As in `AvgPool2d`.
    count_include_pad : bool, default True
        As in `AvgPool2d`.

    Examples
    --------
    >>> import minigen
    >>> AvgPool1d(2)(minigen.zeros(8, 3, 32)).shape
    (8, 3, 16)
    """

    axes = 1

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        self._write_out("kernel_size", "stride", "padding")
        self.ceil_mode, self.count_include_pad = bool(ceil_mode), bool(count_include_pad)

    def forward(self, input: Tensor) -> Tensor:
        """Compute (N, C, OL) from (N, C, L)."""
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class _AdaptivePool(Module):
    """What all share: the size of the result, None where an axis stays as it is."""

    axes = 2
    pooling: Any

    def __init__(self, output_size: int | Sequence[int | None] | None) -> None:
        super().__init__()
        sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size,)
        check_sizes(type(self).__name__, "output_size", tuple(1 if n is None else n for n in sizes), self.axes)
        self.output_size = output_size

    def forward(self, input: Tensor) -> Any:
        """Compute (N, C, OH, OW) from (N, C, H, W), or (N, C, OL) from (N, C, L)."""
        return self.pooling(input, self.output_size)

    def extra_repr(self) -> str:
        """Return the size."""
        return f"output_size={self.output_size}"


class _AdaptiveMaxPool(_AdaptivePool):
    def __init__(self, output_size: int | Sequence[int | None] | None, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = bool(return_indices)

    def forward(self, input: Tensor) -> Any:
        """Compute (N, C, OH, OW) from (N, C, H, W), or (N, C, OL) from (N, C, L); with the indices where asked for."""
        return self.pooling(input, self.output_size, self.return_indices)


class AdaptiveAvgPool2d(_AdaptivePool):
    """The means of as many windows as are wanted; ``AdaptiveAvgPool2d(1)`` is global pooling.

    Parameters
    ----------
    output_size : int or (int, int)
        (OH, OW); None keeps an axis as it is.

    Examples
    --------
    >>> import minigen
    >>> AdaptiveAvgPool2d((7, None))(minigen.zeros(8, 3, 32, 32)).shape
    (8, 3, 7, 32)
    """

    pooling = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool1d(_AdaptivePool):
    """The means of as many windows of a signal as are wanted.

    Parameters
    ----------
    output_size : int
        OL.

    Examples
    --------
    >>> import minigen
    >>> AdaptiveAvgPool1d(7)(minigen.zeros(8, 3, 32)).shape
    (8, 3, 7)
    """

    axes = 1
    pooling = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest elements of as many windows as are wanted; ``AdaptiveMaxPool2d(1)`` is global pooling.

    Parameters
    ----------
    output_size : int or (int, int)
        (OH, OW); None keeps an axis as it is.
    return_indices : bool, default False
        Whether to return also where the maxima were.

    Examples
    --------
    >>> import minigen
    >>> AdaptiveMaxPool2d(7)(minigen.zeros(8, 3, 32, 32)).shape
    (8, 3, 7, 7)
    """

    pooling = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest elements of as many windows of a signal as are wanted.

    Parameters
    ----------
    output_size : int
        OL.
    return_indices : bool, default False
        Whether to return also where the maxima were.

    Examples
    --------
    >>> import minigen
    >>> AdaptiveMaxPool1d(7)(minigen.zeros(8, 3, 32)).shape
    (8, 3, 7)
    """

    axes = 1
    pooling = staticmethod(F.adaptive_max_pool1d)
