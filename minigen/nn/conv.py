"""Convolution layers: they hold the weights and the geometry; the computing is in `minigen.functional`.

Weights have PyTorch's shapes, but lie in memory with the channels last, as the images do: (O, C, KH, KW) is
the transposed view of an array (O, KH, KW, C).  That is what makes the convolution fast, and why whoever sets
weights (initialisation, `load_state_dict`, optimizers) writes into the array instead of replacing it.
"""

from __future__ import annotations

from typing import Any

import minigen.functional as F
from minigen.creation import empty
from minigen.functional.arguments import check_choice, check_integer, check_pair
from minigen.nn import init
from minigen.nn.module import Module
from minigen.nn.parameter import Parameter
from minigen.tensor import Tensor

Size = int | tuple[int, int]


class _Conv(Module):
    """What both convolutions share: their arguments, checked, and their parameters."""

    weight: Parameter
    bias: Parameter | None
    padding: Any  # (int, int), or one of Conv2d's words

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
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.in_channels = check_integer(name, "in_channels", in_channels)
        self.out_channels = check_integer(name, "out_channels", out_channels)
        self.kernel_size = check_pair(name, "kernel_size", kernel_size)
        self.stride = check_pair(name, "stride", stride)
        self.padding = check_pair(name, "padding", padding, low=0)
        self.dilation = check_pair(name, "dilation", dilation)
        self.groups = check_integer(name, "groups", groups)
        for argument in ("in_channels", "out_channels"):
            if getattr(self, argument) % self.groups:
                raise ValueError(
                    f"{name}: {argument}={getattr(self, argument)} cannot be divided into groups={self.groups}"
                )
        first, second = self._channels_of_weight()
        weight = empty(first, *self.kernel_size, second)
        self.weight = Parameter(weight.permute(0, 3, 1, 2))  # in memory (O, KH, KW, C) -> (O, C, KH, KW)
        self.register_parameter("bias", Parameter(empty(self.out_channels)) if bias else None)
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
        defaults = {"padding": (0, 0), "output_padding": (0, 0), "dilation": (1, 1), "groups": 1}
        for name, default in defaults.items():
            value = getattr(self, name, default)
            if value != default:
                parts.append(f"{name}={value}")
        return ", ".join(parts if self.bias is not None else [*parts, "bias=False"])


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
    ) -> None:
        pixels = 0 if isinstance(padding, str) else padding
        super().__init__(in_channels, out_channels, kernel_size, stride, pixels, dilation, groups, bias)
        if isinstance(padding, str):
            check_choice("Conv2d", "padding", padding, ("same", "valid"))
            if padding == "same" and self.stride != (1, 1):
                raise ValueError(f'Conv2d: padding="same" works with stride 1 only, not stride={stride}')
            self.padding = padding

    def forward(self, input: Tensor) -> Tensor:
        """Compute (N, O, OH, OW) from (N, C, H, W)."""
        return F.conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class ConvTranspose2d(_Conv):
    """Transposed convolution: the way back from the output size of a convolution to its input size.

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
    >>> ConvTranspose2d(64, 3, 4, 2, 1, bias=False)(minigen.zeros(8, 64, 16, 16)).shape
    (8, 3, 32, 32)
    """

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
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
        self.output_padding = check_pair("ConvTranspose2d", "output_padding", output_padding, low=0)

    def _channels_of_weight(self) -> tuple[int, int]:
        return self.in_channels, self.out_channels // self.groups

    def forward(self, input: Tensor) -> Tensor:
        """Compute (N, O, OH, OW) from (N, C, H, W)."""
        return F.conv_transpose2d(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.dilation,
        )
