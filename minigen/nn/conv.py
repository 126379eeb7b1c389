"""Convolution layers: weights of the shapes and with the first values that PyTorch gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import minigen.functional as F
from minigen.creation import empty
from minigen.functional.arguments import check_choice, check_integer, check_sizes
from minigen.nn import init
from minigen.nn.module import Module
from minigen.nn.parameter import Parameter
from minigen.tensor import Tensor

Size = int | tuple[int, ...]
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """What all convolutions share: their arguments, checked, and their parameters."""

    axes = 2  # 1 for signals
    weight: Parameter
    bias: Parameter | None
    padding: Any  # integers, or one of the words

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size,
        padding: Size,
        dilation: Size,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: str | None,
        dtype: Any,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.in_channels = check_integer(name, "in_channels", in_channels)
        self.out_channels = check_integer(name, "out_channels", out_channels)
        self.kernel_size = check_sizes(name, "kernel_size", kernel_size, self.axes)
        self.stride = check_sizes(name, "stride", stride, self.axes)
        self.padding = check_sizes(name, "padding", padding, self.axes, low=0)
        self.dilation = check_sizes(name, "dilation", dilation, self.axes)
        self.groups = check_integer(name, "groups", groups)
        check_choice(name, "padding_mode", padding_mode, PADDING_MODES)
        self.padding_mode = padding_mode
        for argument in ("in_channels", "out_channels"):
            if getattr(self, argument) % self.groups:
                raise ValueError(
                    f"{name}: {argument}={getattr(self, argument)} cannot be divided into groups={self.groups}"
                )
        first, second = self._channels_of_weight()
        weight = empty(first, *self.kernel_size, second, device=device, dtype=dtype)
        # In memory (O, KH, KW, C), to the eye (O, C, KH, KW).
        self.weight = Parameter(weight.permute(0, self.axes + 1, *range(1, self.axes + 1)))
        bias_of_channels = empty(self.out_channels, device=device, dtype=dtype) if bias else None
        self.register_parameter("bias", None if bias_of_channels is None else Parameter(bias_of_channels))
        self.reset_parameters()

    def _channels_of_weight(self) -> tuple[int, int]:
        """Return the lengths of the first two axes of ``weight``."""
        return self.out_channels, self.in_channels // self.groups

    def reset_parameters(self) -> None:
        """Draw the weights anew, as PyTorch does."""
        init.reset(self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the geometry, as far as it is not the default."""
        parts = [f"{self.in_channels}, {self.out_channels}", f"kernel_size={self.kernel_size}", f"stride={self.stride}"]
        zeros, ones = (0,) * self.axes, (1,) * self.axes
        defaults = {"padding": zeros, "dilation": ones, "output_padding": zeros, "groups": 1}
        for name, default in defaults.items():
            value = getattr(self, name, default)
            if value != default:
                parts.append(f"{name}={value}")
        parts += [] if self.bias is not None else ["bias=False"]
        return ", ".join(parts if self.padding_mode == "zeros" else [*parts, f"padding_mode={self.padding_mode}"])


class _Conv(_ConvNd):
    """A convolution: padding may be a word, and show the image itself."""

    convolution: Any  # of minigen.functional

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        number = 0 if isinstance(padding, str) else padding
        super().__init__(
            in_channels, out_channels, kernel_size, stride, number, dilation, groups, bias, padding_mode, device, dtype
        )
        if isinstance(padding, str):
            name = type(self).__name__
            check_choice(name, "padding", padding, ("same", "valid"))
            if padding == "same" and set(self.stride) != {1}:
                raise ValueError(f'{name}: padding="same" works with stride 1 only, not stride={stride}')
            self.padding = padding

    def forward(self, input: Tensor) -> Tensor:
        """Compute (N, O, OH, OW) from (N, C, H, W), or (N, O, OL) from (N, C, L)."""
        return self._convolve(input, self.bias)

    def without_bias(self, input: Tensor) -> Tensor:
        """Compute the products only: for who adds the bias together with something else."""
        return self._convolve(input, None)

    def _convolve(self, input: Tensor, bias: Tensor | None) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros" and padding != "valid":
            input, padding = F.pad(input, self._borders(), self.padding_mode), 0
        return self.convolution(input, self.weight, bias, self.stride, padding, self.dilation, self.groups)

    def _borders(self) -> tuple[int, ...]:
        """Return the padding as `minigen.functional.pad` wants it, the last axis first."""
        if self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size)]
            both = [(total // 2, total - total // 2) for total in totals]
        else:
            both = [(p, p) for p in self.padding]
        return tuple(p for before_and_after in reversed(both) for p in before_and_after)


class _ConvTranspose(_ConvNd):
    """A transposed convolution: it may be told which of several sizes is wanted."""

    convolution: Any

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        name = type(self).__name__
        if padding_mode != "zeros":
            raise ValueError(f'{name}: padding_mode is "zeros" only, not {padding_mode!r}: here padding cuts off')
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )
        self.output_padding = check_sizes(name, "output_padding", output_padding, self.axes, low=0)

    def _channels_of_weight(self) -> tuple[int, int]:
        return self.in_channels, self.out_channels // self.groups

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Compute (N, O, OH, OW) from (N, C, H, W); of the sizes that are possible, `output_size` chooses one."""
        extra = self.output_padding if output_size is None else self._surplus(input, output_size)
        return self.convolution(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )

    def without_bias(self, input: Tensor) -> Tensor:
        """Compute the products only: for who adds the bias together with something else."""
        return self.convolution(
            input, self.weight, None, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )

    def _surplus(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """Return how much larger `output_size` is than the least size that is possible."""
        geometry = zip(input.shape[-self.axes :], self.kernel_size, self.stride, self.padding, self.dilation)
        least = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, k, s, p, d in geometry]
        surplus = tuple(n - low for n, low in zip(tuple(output_size)[-self.axes :], least, strict=False))
        if len(surplus) < self.axes or any(not 0 <= more < s for more, s in zip(surplus, self.stride)):
            most = [low + s - 1 for low, s in zip(least, self.stride)]
            raise ValueError(
                f"{type(self).__name__}: from input {input.shape} an output_size from {tuple(least)} to {tuple(most)} "
                f"can be made, not {tuple(output_size)}"
            )
        return surplus


class Conv1d(_Conv):
    """Convolution of signals (as in all of deep learning, without flipping the kernel).

    Parameters
    ----------
    in_channels, out_channels : int
        C and O.
    kernel_size, stride, padding, dilation : int
        In numbers of the signal.  The padding may also be "valid" (none) or, with
        stride 1, "same" (as much as keeps the size).
    groups : int, default 1
        Channels are split into so many groups that do not see each other; divides both C and O.
    bias : bool, default True
        Whether a number is added to each output channel.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}, default "zeros"
        What the padding shows: see `minigen.functional.pad`.
    device, dtype : optional
        Where the parameters lie, and their type; by default float32 on the CPU.

    Attributes
    ----------
    weight : Parameter
        (O, C / groups, K), at first uniform in [-b, b] with b = 1 / sqrt(C / groups * K).
    bias : Parameter or None
        (O,), at first from the same range.

    See Also
    --------
    minigen.functional.conv1d : the formula and its derivatives.

    Examples
    --------
    >>> import minigen
    >>> Conv1d(3, 64, 4, 2, 1, bias=False)(minigen.zeros(8, 3, 32)).shape
    (8, 64, 16)
    """

    axes = 1
    convolution = staticmethod(F.conv1d)


class Conv2d(_Conv):
    """Convolution of images (as in all of deep learning, without flipping the kernel).

    Parameters
    ----------
    in_channels, out_channels : int
        C and O.
    kernel_size, stride, padding, dilation : int or (int, int)
        In pixels, (height, width) where two are given.  The padding may also be "valid" (none) or, with
        stride 1, "same" (as much as keeps the size).
    groups : int, default 1
        Channels are split into so many groups that do not see each other; divides both C and O.
    bias : bool, default True
        Whether a number is added to each output channel.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}, default "zeros"
        What the padding shows: see `minigen.functional.pad`.
    device, dtype : optional
        Where the parameters lie, and their type; by default float32 on the CPU.

    Attributes
    ----------
    weight : Parameter
        (O, C / groups, KH, KW), at first uniform in [-b, b] with b = 1 / sqrt(C / groups * KH * KW).
    bias : Parameter or None
        (O,), at first from the same range.

    See Also
    --------
    minigen.functional.conv2d : the formula and its derivatives.

    Examples
    --------
    >>> import minigen
    >>> Conv2d(3, 64, 4, 2, 1, bias=False)(minigen.zeros(8, 3, 32, 32)).shape
    (8, 64, 16, 16)
    """

    axes = 2
    convolution = staticmethod(F.conv2d)


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution of signals: the way back from the output size of a convolution to its input size.

    Parameters
    ----------
    in_channels, out_channels : int
        C and O.
    kernel_size, stride, padding, dilation : int
        Those of the convolution that is transposed, so ``stride=2`` doubles the size.
    output_padding : int, default 0
        Numbers added at the end: several input sizes give one output size where the
        stride is above 1, and this chooses between them.  Smaller than stride or dilation.
    groups : int, default 1
        Divides both C and O.
    bias : bool, default True
        Whether a number is added to each output channel.
    padding_mode : {"zeros"}
        There is no other.
    device, dtype : optional
        Where the parameters lie, and their type; by default float32 on the CPU.

    Attributes
    ----------
    weight : Parameter
        (C, O / groups, K): input channels first, the weight of the convolution that is transposed.
    bias : Parameter or None
        (O,).

    See Also
    --------
    minigen.functional.conv_transpose1d : the formula and its derivatives.

    Examples
    --------
    >>> import minigen
    >>> layer = ConvTranspose1d(64, 3, 3, 2, 1, bias=False)
    >>> layer(minigen.zeros(8, 64, 16)).shape, layer(minigen.zeros(8, 64, 16), output_size=(32,)).shape
    ((8, 3, 31), (8, 3, 32))
    """

    axes = 1
    convolution = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution of images: the way back from the output size of a convolution to its input size.

    Parameters
    ----------
    in_channels, out_channels : int
        C and O.
    kernel_size, stride, padding, dilation : int or (int, int)
        Those of the convolution that is transposed, so ``stride=2`` doubles the size.
    output_padding : int or (int, int), default 0
        Rows and columns added at the bottom and right: several input sizes give one output size where the
        stride is above 1, and this chooses between them.  Smaller than stride or dilation.
    groups : int, default 1
        Divides both C and O.
    bias : bool, default True
        Whether a number is added to each output channel.
    padding_mode : {"zeros"}
        There is no other.
    device, dtype : optional
        Where the parameters lie, and their type; by default float32 on the CPU.

    Attributes
    ----------
    weight : Parameter
        (C, O / groups, KH, KW): input channels first, the weight of the convolution that is transposed.
    bias : Parameter or None
        (O,).

    See Also
    --------
    minigen.functional.conv_transpose2d : the formula and its derivatives.

    Examples
    --------
    >>> import minigen
    >>> layer = ConvTranspose2d(64, 3, 3, 2, 1, bias=False)
    >>> layer(minigen.zeros(8, 64, 16, 16)).shape, layer(minigen.zeros(8, 64, 16, 16), output_size=(32, 32,)).shape
    ((8, 3, 31, 31), (8, 3, 32, 32))
    """

    axes = 2
    convolution = staticmethod(F.conv_transpose2d)
