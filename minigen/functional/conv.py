"""Convolution, its transpose, and its weight gradient: a family of three.

Take an image x, a kernel w and an image y of the output's size.  The number

    T(x, w, y) = sum(y * conv2d(x, w))

is linear in each of the three (the other two held still), and the three functions are its derivatives:

    conv2d(x, w)            = dT/dy        what the kernel sees at every place
    conv_transpose2d(y, w)  = dT/dx        what every place adds to the image
    conv2d_weight(x, y)     = dT/dw        how alike the two images are, at every offset

So the derivative of any one of them is another one with ``grad`` put in the missing place: nothing has to be derived,
the family is closed, and there are gradients of any order.  Each member is told the size of what it makes, because
the two others do not say it (a stride of 2 makes 4 pixels of 8, and of 7).

The arithmetic on arrays is in `windows.py` (in `depthwise.py` where every channel has a kernel to itself, in
`winograd.py` for the large kernels of DCGANs); here are the derivatives, and the checks of what people pass in.
"""

from __future__ import annotations

from typing import Any

from minigen.backend import Array
from minigen.engine import Function
from minigen.functional import depthwise, windows, winograd
from minigen.functional.arguments import check_floating, check_integer, check_sizes
from minigen.functional.channels import channel_sum
from minigen.functional.lifting import as_images, check_images, from_images, pair
from minigen.functional.windows import Geometry, Pair, channels_first, channels_last
from minigen.tensor import Tensor

# --- the family ------------------------------------------------------------------------------------------


class Conv2d(Function):
    """dT/dy, plus a bias for each channel: (N, C, H, W) x (O, C/G, KH, KW) -> (N, O, *size)."""

    size: Pair
    geometry: Geometry

    def forward(self, x: Array, w: Array, bias: Array | None = None) -> Array:
        """Slide the kernels over the images."""
        x, w = channels_last(x), channels_last(w)
        products = _products(x, w.shape, self.size, self.geometry)
        return channels_first(products.conv(x, w, self.size, self.geometry, bias))

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Put `grad` in the place of y."""
        x, w = self.inputs[:2]
        needs_x, needs_w, *needs_bias = self.needs_input_grad
        return (
            ConvTranspose2d.apply(grad, w, size=x.shape[2:], geometry=self.geometry) if needs_x else None,
            Conv2dWeight.apply(x, grad, size=w.shape[2:], geometry=self.geometry) if needs_w else None,
            *(channel_sum(grad) if needed else None for needed in needs_bias),
        )

    def reads(self) -> list[int]:
        """The gradient of w reads x, and that of x reads w."""
        return _partners(self)


class ConvTranspose2d(Function):
    """dT/dx, plus a bias for each channel: (N, O, OH, OW) x (O, C/G, KH, KW) -> (N, C, *size)."""

    size: Pair
    geometry: Geometry

    def forward(self, y: Array, w: Array, bias: Array | None = None) -> Array:
        """Add every pixel's multiple of its kernel to the images."""
        y, w = channels_last(y), channels_last(w)
        products = _products(y, w.shape, y.shape[1:3], self.geometry)
        return channels_first(products.conv_transpose(y, w, self.size, self.geometry, bias))

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Put `grad` in the place of x."""
        y, w = self.inputs[:2]
        needs_y, needs_w, *needs_bias = self.needs_input_grad
        return (
            Conv2d.apply(grad, w, size=y.shape[2:], geometry=self.geometry) if needs_y else None,
            Conv2dWeight.apply(grad, y, size=w.shape[2:], geometry=self.geometry) if needs_w else None,
            *(channel_sum(grad) if needed else None for needed in needs_bias),
        )

    def reads(self) -> list[int]:
        """The gradient of w reads y, and that of y reads w."""
        return _partners(self)


class Conv2dWeight(Function):
    """dT/dw: (N, C, H, W) x (N, O, OH, OW) -> (O, C/G, *size)."""

    size: Pair
    geometry: Geometry

    def forward(self, x: Array, y: Array) -> Array:
        """Correlate the images of both batches."""
        x, y = channels_last(x), channels_last(y)
        shape = (y.shape[3], *self.size, x.shape[3] // self.geometry.groups)
        products = _products(x, shape, y.shape[1:3], self.geometry)
        return channels_first(products.conv_weight(x, y, self.size, self.geometry))

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Put `grad` in the place of w."""
        x, y = self.inputs
        needs_x, needs_y = self.needs_input_grad
        return (
            ConvTranspose2d.apply(y, grad, size=x.shape[2:], geometry=self.geometry) if needs_x else None,
            Conv2d.apply(x, grad, size=y.shape[2:], geometry=self.geometry) if needs_y else None,
        )

    def reads(self) -> list[int]:
        """The gradient of y reads x, and that of x reads y."""
        return _partners(self)


def _products(operand: Array, kernels: tuple[int, ...], size: Pair, geometry: Geometry) -> Any:
    """The module whose products are the fast ones for kernels of shape (O, KH, KW, C/G) and images y of this size."""
    if geometry.groups == kernels[0] and kernels[3] == 1:
        return depthwise
    return winograd if winograd.suits(operand, kernels, size, geometry) else windows


def _partners(call: Function) -> list[int]:
    first, second = call.inputs[:2]
    return [0] * second.requires_grad + [1] * first.requires_grad


# --- what people call ----------------------------------------------------------------------------------------


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | Pair | str = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> Tensor:
    """Slide kernels over images (a cross-correlation, as everywhere in deep learning).

    ``y[n, o, i, j] = bias[o] + sum over c, k, l of weight[o, c, k, l] * x[n, c, i*stride + k*dilation - padding, ...]``
    where x is zero outside of the image.

    Parameters
    ----------
    input : Tensor
        x, of shape (N, C, H, W), or (C, H, W) for one image.
    weight : Tensor
        Of shape (O, C/groups, KH, KW).
    bias : Tensor, optional
        Of shape (O,).
    stride : int or (int, int), default 1
        Pixels from one window to the next, down and across.
    padding : int or (int, int) or {"valid", "same"}, default 0
        Rows and columns of zeros on each side; "valid" is none, "same" keeps H and W (with stride 1 only).
    dilation : int or (int, int), default 1
        Pixels from one tap of the kernel to the next.
    groups : int, default 1
        Split the channels into so many groups, each with its own share of the kernels.

    Returns
    -------
    Tensor
        Of shape (N, O, OH, OW) with ``OH = (H + 2*padding - dilation*(KH - 1) - 1) // stride + 1``; without N
        where the input has none.

    Raises
    ------
    ValueError, TypeError
        If shapes, dtypes or options do not fit together.

    Notes
    -----
    The derivatives are the two other members of the family: `conv_transpose2d` for the input, `conv2d_weight` for the
    weight.  Fastest for weights that lie in memory as (O, KH, KW, C), as those of the layers do.

    References
    ----------
    Dumoulin and Visin (2016), "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.

    Examples
    --------
    >>> import minigen
    >>> image = minigen.arange(9.0).reshape(1, 1, 3, 3)
    >>> conv2d(image, minigen.ones(1, 1, 2, 2)).tolist()
    [[[[8.0, 12.0], [20.0, 24.0]]]]
    """
    return convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    output_padding: int | Pair = 0,
    groups: int = 1,
    dilation: int | Pair = 1,
) -> Tensor:
    """Let every pixel add its multiple of a kernel to a (larger) image: the adjoint of `conv2d`.

    ``x[n, c, i*stride + k*dilation - padding, ...] += weight[o, c, k, l] * y[n, o, i, j]``, beginning with bias[c].

    Parameters
    ----------
    input : Tensor
        y, of shape (N, O, H, W), or (O, H, W) for one image.
    weight : Tensor
        Of shape (O, C/groups, KH, KW): that of the convolution of which this is the transpose.
    bias : Tensor, optional
        Of shape (C,).
    stride : int or (int, int), default 1
        Pixels of the result from one window to the next: how much larger the image gets.
    padding : int or (int, int), default 0
        Rows and columns to cut off on each side of the result.
    output_padding : int or (int, int), default 0
        Rows and columns to keep beyond that at the bottom and on the right: of the sizes that `conv2d` would shrink
        to the input's, take a larger one.  Less than stride or dilation.
    groups : int, default 1
        Split the channels into so many groups.
    dilation : int or (int, int), default 1
        Pixels from one tap of the kernel to the next.

    Returns
    -------
    Tensor
        Of shape (N, C, OH, OW) with
        ``OH = (H - 1)*stride - 2*padding + dilation*(KH - 1) + output_padding + 1``; without N where the input has
        none.

    Raises
    ------
    ValueError, TypeError
        If shapes, dtypes or options do not fit together.

    Notes
    -----
    Often called "deconvolution", which it is not: it undoes the shapes of a convolution, not its values.  The
    derivatives are the other members of the family: `conv2d` for the input, `conv2d_weight` for the weight.

    References
    ----------
    Dumoulin and Visin (2016), "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, section 4.

    Examples
    --------
    >>> import minigen
    >>> image = minigen.tensor([[[[1.0, 2.0]]]])
    >>> conv_transpose2d(image, minigen.ones(1, 1, 1, 3), stride=2).tolist()
    [[[[1.0, 1.0, 3.0, 2.0, 2.0]]]]
    """
    return convolve_transposed(
        "conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv2d_weight(
    input: Tensor,
    weight_size: tuple[int, int, int, int],
    grad_output: Tensor,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> Tensor:
    """Correlate two batches of images: the derivative of ``sum(grad_output * conv2d(input, w))`` with respect to w.

    ``w[o, c, k, l] = sum over n, i, j of grad_output[n, o, i, j] * x[n, c, i*stride + k*dilation - padding, ...]``

    Parameters
    ----------
    input : Tensor
        x, of shape (N, C, H, W).
    weight_size : (O, C/groups, KH, KW)
        The shape of the result.
    grad_output : Tensor
        Of the shape that `conv2d` gives, (N, O, OH, OW).
    stride, padding, dilation, groups
        As for `conv2d`.

    Returns
    -------
    Tensor
        Of shape `weight_size`.

    Raises
    ------
    ValueError, TypeError
        If shapes, dtypes or options do not fit together.

    Notes
    -----
    PyTorch has it as ``torch.nn.grad.conv2d_weight``.

    Examples
    --------
    >>> import minigen
    >>> image = minigen.arange(9.0).reshape(1, 1, 3, 3)
    >>> conv2d_weight(image, (1, 1, 2, 2), minigen.ones(1, 1, 2, 2)).tolist()
    [[[[8.0, 12.0], [20.0, 24.0]]]]
    """
    geometry = _check_geometry("conv2d_weight", 2, stride, padding, dilation, groups)
    check_floating("conv2d_weight", input=input, grad_output=grad_output)
    if input.ndim != 4 or grad_output.ndim != 4 or len(weight_size) != 4:
        raise ValueError(
            "conv2d_weight: input (N, C, H, W), weight_size (O, C/groups, KH, KW) and grad_output (N, O, OH, OW) are "
            f"wanted, not {input.shape}, {tuple(weight_size)} and {grad_output.shape}"
        )
    out_channels, in_channels, *kernel = (check_integer("conv2d_weight", "weight_size", n) for n in weight_size)
    axes = zip(input.shape[2:], kernel, *geometry[:3])
    wanted = (input.shape[0], out_channels, *(windows.output_length(*axis) for axis in axes))
    if grad_output.shape != wanted or min(wanted[2:]) < 1:
        raise ValueError(
            f"conv2d_weight: conv2d of input {input.shape} with a weight {tuple(weight_size)} has shape {wanted}, "
            f"but grad_output has {grad_output.shape}"
        )
    if input.shape[1] != in_channels * geometry.groups or out_channels % geometry.groups:
        raise ValueError(
            f"conv2d_weight: input {input.shape} and weight_size {tuple(weight_size)} "
            f"do not fit {geometry.groups} groups"
        )
    return Conv2dWeight.apply(input, grad_output, size=tuple(kernel), geometry=geometry)


# --- for images and signals alike ------------------------------------------------------------------------------


def convolve(
    name: str,
    axes: int,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
) -> Tensor:
    """Check what people passed to the convolution called `name`, over so many axes, and apply `Conv2d`."""
    if isinstance(padding, str):
        _check_word(name, axes, stride, padding)
    same = padding == "same"
    geometry = _check_geometry(name, axes, stride, 0 if isinstance(padding, str) else padding, dilation, groups)
    _check_arrays(name, axes, x, weight)
    _check_bias(name, weight, bias, weight.shape[0])
    groups, channels = geometry.groups, x.shape[-1 - axes]
    if channels != weight.shape[1] * groups:
        wants = f"wants {weight.shape[1]}" + (f" x {groups} groups" if groups > 1 else "")
        raise ValueError(
            f"{name}: input {x.shape} has {channels} channels, but weight {weight.shape} {wants}"
            + _channels_last_hint(x, axes, weight.shape[1] * groups)
        )
    if weight.shape[0] % groups:
        raise ValueError(f"{name}: {weight.shape[0]} output channels cannot be split into {groups} groups")
    images, kernels = as_images(x, axes), _as_kernels(weight)
    lines = list(zip(images.shape[2:], kernels.shape[2:], *geometry[:3]))
    if same:
        # An even kernel needs one zero more at the bottom and on the right, which the size of the output sees to.
        size = images.shape[2:]
        geometry = geometry._replace(padding=tuple(d * (k - 1) // 2 for _, k, _, _, d in lines))
    else:
        size = tuple(windows.output_length(*line) for line in lines)
    if min(size) < 1:
        raise ValueError(
            f"{name}: the kernel of weight {weight.shape} with dilation {geometry.dilation[-axes:]} is larger than the "
            f"image of input {x.shape} with padding {geometry.padding[-axes:]}; use a smaller kernel or more padding"
        )
    y = Conv2d.apply(images, kernels, *_given(bias), size=size, geometry=geometry)
    return from_images(y, x.ndim, axes)


def convolve_transposed(
    name: str,
    axes: int,
    y: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: Any,
    dilation: Any,
) -> Tensor:
    """Check what people passed to the transposed convolution called `name`, and apply `ConvTranspose2d`."""
    if isinstance(padding, str):
        what = "an integer or a pair" if axes == 2 else "an integer"
        raise ValueError(f"{name}: padding is {what}, not {padding!r}")
    geometry = _check_geometry(name, axes, stride, padding, dilation, groups)
    extra = pair(check_sizes(name, "output_padding", output_padding, axes, low=0), 0)
    _check_arrays(name, axes, y, weight)
    groups, channels = geometry.groups, y.shape[-1 - axes]
    _check_bias(name, weight, bias, weight.shape[1] * groups)
    if channels != weight.shape[0]:
        raise ValueError(
            f"{name}: input {y.shape} has {channels} channels, but weight {weight.shape} "
            f"wants {weight.shape[0]} (its first axis is the input's channels)"
        )
    if weight.shape[0] % groups:
        raise ValueError(f"{name}: {weight.shape[0]} channels cannot be split into {groups} groups")
    if any(e >= max(s, d) for e, s, d in zip(extra, geometry.stride, geometry.dilation)):
        raise ValueError(
            f"{name}: output_padding {extra[-axes:]} must be smaller than stride {geometry.stride[-axes:]} "
            f"or dilation {geometry.dilation[-axes:]}"
        )
    images, kernels = as_images(y, axes), _as_kernels(weight)
    lines = zip(images.shape[2:], kernels.shape[2:], *geometry[:3], extra)
    size = tuple((n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, k, s, p, d, e in lines)
    if min(size) < 1:
        raise ValueError(
            f"{name}: padding {geometry.padding[-axes:]} cuts off the whole result of input {y.shape} and "
            f"weight {weight.shape}: its size would be {size[-axes:]}"
        )
    x = ConvTranspose2d.apply(images, kernels, *_given(bias), size=size, geometry=geometry)
    return from_images(x, y.ndim, axes)


# By the number of axes that windows slide over, and of all: what is wanted, and how to get there from channels last.
ORDERS = {
    (2, 4): ("(N, C, H, W)", (0, 3, 1, 2)),
    (2, 3): ("(C, H, W)", (2, 0, 1)),
    (1, 3): ("(N, C, L)", (0, 2, 1)),
    (1, 2): ("(C, L)", (1, 0)),
}


def _channels_last_hint(x: Tensor, axes: int, channels: int) -> str:
    """What to add where the channels wanted stand last, as in pictures read from a file."""
    if x.shape[-1] != channels:
        return ""
    letters, order = ORDERS[axes, x.ndim]
    return f"; its last axis has {channels}: channels come first, {letters}, so use input.permute{order}"


def _as_kernels(weight: Tensor) -> Tensor:
    return weight.unsqueeze(2) if weight.ndim == 3 else weight  # (O, C/G, K) -> (O, C/G, 1, K)


def _given(bias: Tensor | None) -> tuple[Tensor, ...]:
    return () if bias is None else (bias,)


# --- checks at the door ----------------------------------------------------------------------------------------


def _check_word(name: str, axes: int, stride: Any, padding: str) -> None:
    if padding not in ("valid", "same"):
        what = "an integer or a pair" if axes == 2 else "an integer"
        raise ValueError(f'{name}: padding is {what} or "valid" or "same", not {padding!r}')
    strides = check_sizes(name, "stride", stride, axes)
    if padding == "same" and set(strides) != {1}:
        raise ValueError(f'{name}: padding="same" works with stride 1 only, not {strides}')


def _check_geometry(name: str, axes: int, stride: Any, padding: Any, dilation: Any, groups: Any) -> Geometry:
    """The options as a Geometry of images."""
    return Geometry(
        pair(check_sizes(name, "stride", stride, axes)),
        pair(check_sizes(name, "padding", padding, axes, low=0), 0),
        pair(check_sizes(name, "dilation", dilation, axes)),
        check_integer(name, "groups", groups),
    )


def _check_arrays(name: str, axes: int, x: Tensor, weight: Tensor) -> None:
    """Check ranks and dtypes."""
    check_floating(name, input=x, weight=weight)
    if weight.ndim != axes + 2 or 0 in weight.shape:
        count = {1: "three", 2: "four"}[axes]
        raise ValueError(f"{name}: weight has {count} axes, none of them empty, but its shape is {weight.shape}")
    check_images(name, x, axes)


def _check_bias(name: str, weight: Tensor, bias: Tensor | None, channels: int) -> None:
    """Check that the bias has one number for each of so many output channels."""
    if bias is None:
        return
    check_floating(name, weight=weight, bias=bias)
    if bias.shape != (channels,):
        raise ValueError(
            f"{name}: bias has shape {bias.shape}, but weight {weight.shape} wants ({channels},), "
            "one number for each output channel"
        )
