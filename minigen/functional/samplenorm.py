"""Normalisation of each sample by itself: layer, group, instance and adaptive instance normalisation, and RMS.

Batch normalisation ties the samples of a batch together and needs running statistics for evaluation; these do
neither.  They differ only in the axes over which mean and variance are taken:

    layer      the last axes, of the shape of the weights        (N, C, H, W) -> statistics (N, 1, 1, 1), say
    group      the pixels of C / G neighbouring channels         (N, C, H, W) -> statistics (N, G)
    instance   the pixels of one channel                         (N, C, H, W) -> statistics (N, C)

So one function, `Standardise`, computes all of them; what stands around it brings arguments into shape.

Not here: normalisation over the batch (`minigen.functional.norm`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minigen.backend import Array, array_module
from minigen.engine import Function
from minigen.functional.arguments import check_floating, check_integer, check_number
from minigen.functional.channels import per_channel
from minigen.functional.norm import batch_norm
from minigen.modes import no_grad
from minigen.ops.reductions import blocks_without
from minigen.tensor import Tensor

_SHORT = 64  # numbers in a row below which starting it costs more than the arithmetic


class Standardise(Function):
    """(x - mean) / sqrt(var + eps), with mean and (biased) variance over the axes ``dim``."""

    dim: tuple[int, ...]
    eps: float

    def forward(self, x: Array) -> Array:
        """Work through the samples in blocks that stay in the cache."""
        xp = array_module(x)
        y = xp.empty_like(x)
        self.inv_std = xp.empty(_kept(x.shape, self.dim), x.dtype)
        for block in blocks_without(self.dim, x):
            centred = _centred(x[block], self.dim, y[block])
            self.inv_std[block] = inv_std = _inverse_deviation(centred, self.dim, self.eps)
            centred *= _in_long_rows(inv_std, centred, self.dim)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        """(grad - mean(grad) - y mean(grad y)) / sigma; y and sigma depend on x, so both are tensors of the graph."""
        (x,), y, dim = self.inputs, self.output, self.dim
        inv_std = InverseDeviation.apply(x, dim=dim, eps=self.eps)
        return (grad - _mean(grad, dim) - y * _mean(grad * y, dim)) * inv_std

    def backward_arrays(self, grad: Array) -> tuple[Array]:
        """The same with the sigma of `forward`, block by block in place: 3 times as fast as `backward`."""
        xp, y, dim = array_module(grad), self.output.array, self.dim
        if grad.strides != y.strides:  # sums round alike, however a gradient lies in memory
            grad, given = xp.empty_like(y), grad
            grad[...] = given
        grad_x = xp.empty_like(y)
        for block in blocks_without(dim, y):
            out, g = grad_x[block], grad[block]
            xp.multiply(g, y[block], out=out)
            slope, shift = _array_mean(out, dim), _array_mean(g, dim)
            xp.multiply(y[block], _in_long_rows(slope, out, dim), out=out)
            out += _in_long_rows(shift, out, dim)
            xp.subtract(g, out, out=out)
            out *= _in_long_rows(self.inv_std[block], out, dim)
        return (grad_x,)

    def reads(self) -> tuple[int, ...]:
        """The gradient reads x and the output."""
        return (0, -1)


class InverseDeviation(Function):
    """1 / sqrt(var + eps), with the (biased) variance over the axes ``dim``, which are kept with length 1."""

    dim: tuple[int, ...]
    eps: float

    def forward(self, x: Array) -> Array:
        """Take block by block what `Standardise` divides by."""
        xp = array_module(x)
        result = xp.empty(_kept(x.shape, self.dim), x.dtype)
        for block in blocks_without(self.dim, x):
            centred = _centred(x[block], self.dim, xp.empty_like(x[block]))
            result[block] = _inverse_deviation(centred, self.dim, self.eps)
        return result

    def backward(self, grad: Tensor) -> Tensor:
        """With r the result and n elements: -r^3 (x - mean) / n."""
        (x,), r = self.inputs, self.output
        return grad * r**3 * (-1 / _count(x.shape, self.dim)) * (x - _mean(x, self.dim))

    def reads(self) -> tuple[int, ...]:
        """The gradient reads x and the output."""
        return (0, -1)


def _kept(shape: tuple[int, ...], dim: tuple[int, ...]) -> list[int]:
    """The shape of the statistics: the axes of ``dim`` have length 1."""
    return [1 if i in dim else n for i, n in enumerate(shape)]


def _centred(x: Array, dim: tuple[int, ...], out: Array) -> Array:
    """Take the mean away twice: the second time what rounding left of it, where it is large beside sigma."""
    array_module(x).subtract(x, _in_long_rows(_array_mean(x, dim), x, dim), out=out)
    out -= _in_long_rows(_array_mean(out, dim), out, dim)
    return out


def _in_long_rows(v: Array, x: Array, dim: tuple[int, ...]) -> Array:
    """Repeat statistics along the innermost axis of x, where few numbers lie side by side that share one.

    NumPy's inner loop then runs on across the groups.
    """
    inner, *others = sorted((i for i, n in enumerate(x.shape) if n > 1), key=lambda i: x.strides[i]) or [0]
    if inner not in dim or x.shape[inner] >= _SHORT or not others or others[0] in dim:
        return v
    return array_module(v).repeat(v, x.shape[inner], axis=inner)


def _inverse_deviation(centred: Array, dim: tuple[int, ...], eps: float) -> Array:
    """1 / sqrt(var + eps) of what has mean 0."""
    return 1 / array_module(centred).sqrt(_array_mean(centred * centred, dim) + eps)


def _array_mean(x: Array, dim: tuple[int, ...]) -> Array:
    """The mean over some axes: at once where they lie side by side in memory, which adds pairs of pairs.

    Else one after the other, the outermost in memory first: long rows are added fastest.
    """
    others = [stride for i, stride in enumerate(x.strides) if i not in dim and x.shape[i] > 1]
    if all(x.strides[i] < stride for i in dim for stride in others if x.shape[i] > 1):
        return x.sum(axis=dim, keepdims=True) / _count(x.shape, dim)
    total = x
    for i in sorted(dim, key=lambda i: -abs(x.strides[i])):
        total = total.sum(axis=i, keepdims=True)
    return total / _count(x.shape, dim)


def _mean(x: Tensor, dim: tuple[int, ...]) -> Tensor:
    """The same of a tensor."""
    total, strides = x, x.array.strides
    for i in sorted(dim, key=lambda i: -abs(strides[i])):
        total = total.sum(i, keepdim=True)
    return total / _count(x.shape, dim)


def _count(shape: tuple[int, ...], dim: tuple[int, ...]) -> int:
    """How many elements share a mean; at least 1, for tensors without elements."""
    return max(1, math.prod(shape[i] for i in dim))


def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each sample over its last axes: ``weight * (x - mean) / sqrt(var + eps) + bias``.

    Parameters
    ----------
    input : Tensor
        x, of shape ``(..., *normalized_shape)``.
    normalized_shape : int or sequence of int
        The lengths of the axes over which mean and (biased) variance are taken; an integer is the last one.
    weight, bias : Tensor, optional
        Of shape ``normalized_shape``, one number an element; 1 and 0 where missing.
    eps : float, default 1e-5
        Added to the variance.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    ValueError, TypeError
        If ``normalized_shape`` is not the end of the input's shape, or weight or bias are of another shape or dtype.

    Notes
    -----
    With y the normalised x and n its elements, dL/dx = (g - mean(g) - y mean(g y)) / sigma, where g is the gradient
    that reaches y: what a common shift or a common scale of the n elements would change is taken out.

    References
    ----------
    Ba, Kiros and Hinton (2016), "Layer normalization", section 3.

    Examples
    --------
    >>> import minigen
    >>> layer_norm(minigen.tensor([[1.0, 3.0], [10.0, 50.0]]), (2,)).round()
    tensor([[-1.,  1.],
            [-1.,  1.]])
    """
    shape = _check_layer("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    eps = check_number("layer_norm", "eps", eps, low=-math.inf)
    y = Standardise.apply(input, dim=tuple(range(input.ndim - len(shape), input.ndim)), eps=eps)
    return _affine(y, weight, bias)


def rms_norm(
    input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divide each sample by the root of its mean square: ``weight * x / sqrt(mean(x**2) + eps)``.

    Layer normalisation without the mean.

    Parameters
    ----------
    input : Tensor
        x, of shape ``(..., *normalized_shape)``.
    normalized_shape : int or sequence of int
        The lengths of the axes over which the mean square is taken.
    weight : Tensor, optional
        Of shape ``normalized_shape``.
    eps : float, optional
        Added to the mean square; by default the distance from 1 to the next number of the input's dtype.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    ValueError, TypeError
        As in `layer_norm`.

    Notes
    -----
    With y = x / r and r the root, dL/dx = (g - y mean(g y)) / r.

    References
    ----------
    Zhang and Sennrich (2019), "Root mean square layer normalization", NeurIPS, section 4.

    Examples
    --------
    >>> import minigen
    >>> rms_norm(minigen.tensor([3.0, 3.0, -3.0]), 3).round()
    tensor([ 1.,  1., -1.])
    """
    shape = _check_layer("rms_norm", input, normalized_shape, weight=weight)
    eps = float(np.finfo(input.dtype).eps) if eps is None else check_number("rms_norm", "eps", eps, low=-math.inf)
    mean_square = (input * input).mean(tuple(range(-len(shape), 0)), keepdim=True)
    return _affine(input * (mean_square + eps) ** -0.5, weight, None)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalise each sample over groups of channels: ``weight * (x - mean) / sqrt(var + eps) + bias``.

    Parameters
    ----------
    input : Tensor
        x, of shape (N, C, ...).
    num_groups : int
        G, which divides C: channels 0 to C/G - 1 are the first group.  1 takes all channels together, C each alone.
    weight, bias : Tensor, optional
        Of shape (C,), one number a channel; 1 and 0 where missing.
    eps : float, default 1e-5
        Added to the variance.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    ValueError, TypeError
        If G does not divide C, if shapes or dtypes do not fit together, or if there is but one value to normalise.

    Notes
    -----
    The derivative is that of `layer_norm`, group by group.

    References
    ----------
    Wu and He (2018), "Group normalization", ECCV, section 3.

    Examples
    --------
    >>> import minigen
    >>> x = minigen.tensor([[1.0, 3.0, 10.0, 50.0]])
    >>> group_norm(x, 2).round().tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """
    groups = check_integer("group_norm", "num_groups", num_groups)
    eps = check_number("group_norm", "eps", eps, low=-math.inf)
    _check_channels("group_norm", input, weight=weight, bias=bias)
    n, channels, *pixels = input.shape
    if channels % groups:
        raise ValueError(f"group_norm: num_groups={groups} does not divide the {channels} channels of {input.shape}")
    if input.numel() == groups:
        raise ValueError(
            f"group_norm: input {input.shape} in {groups} groups has one value a group, which its own mean turns "
            "into 0; use fewer groups"
        )
    x = input.reshape(n, groups, channels // groups, *pixels)  # (N, C, ...) -> (N, G, C/G, ...)
    y = Standardise.apply(x, dim=tuple(range(2, x.ndim)), eps=eps).reshape(input.shape)  # -> (N, C, ...)
    return _affine_channels(y, weight, bias)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of each image over its pixels: ``weight * (x - mean) / sqrt(var + eps) + bias``.

    That takes away contrast and brightness, and with them much of what is called style.

    Parameters
    ----------
    input : Tensor
        x, of shape (N, C, L) or (N, C, H, W).
    running_mean, running_var : Tensor, optional
        Of shape (C,).  Where the input's statistics are used, they follow them (in place), averaged over the batch;
        otherwise they are what is used.
    weight, bias : Tensor, optional
        Of shape (C,); 1 and 0 where missing.
    use_input_stats : bool, default True
        Whether to normalise by the image's own statistics, with the biased variance.
    momentum : float, default 0.1
        The share of this batch in the running statistics, sensibly in [0, 1]; the variance that enters them is the
        unbiased one.
    eps : float, default 1e-5
        Added to the variance.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    ValueError, TypeError
        If shapes or dtypes do not fit together, if an image has a single pixel, if only one of the two running
        statistics is given, or if none are given and the input's are not to be used.

    Notes
    -----
    The derivative is that of `layer_norm`, channel by channel.

    References
    ----------
    Ulyanov, Vedaldi and Lempitsky (2016), "Instance normalization: the missing ingredient for fast stylization".

    Examples
    --------
    >>> import minigen
    >>> instance_norm(minigen.tensor([[[1.0, 3.0], [10.0, 50.0]]])).round().tolist()
    [[[-1.0, 1.0], [-1.0, 1.0]]]
    """
    given = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    _check_channels("instance_norm", input, **given)
    momentum = check_number("instance_norm", "momentum", momentum, low=-math.inf)
    eps = check_number("instance_norm", "eps", eps, low=-math.inf)
    if (running_mean is None) != (running_var is None):
        raise ValueError("instance_norm: give both running_mean and running_var, or neither")
    if not use_input_stats:
        if running_mean is None:
            raise ValueError("instance_norm: use_input_stats=False needs running_mean and running_var")
        return batch_norm(input, running_mean, running_var, weight, bias, training=False, eps=eps)
    if math.prod(input.shape[2:]) == 1:
        raise ValueError(
            f"instance_norm: input {input.shape} has one value a channel, which its own mean turns into 0; "
            "images of more than one pixel are wanted"
        )
    if running_mean is not None and running_var is not None and input.numel():
        _follow(running_mean, running_var, input, momentum)
    y = Standardise.apply(input, dim=tuple(range(2, input.ndim)), eps=eps)
    return _affine_channels(y, weight, bias)


@no_grad()
def _follow(running_mean: Tensor, running_var: Tensor, x: Tensor, momentum: float) -> None:
    """Move the running statistics towards those of the images, averaged over the batch."""
    pixels = tuple(range(2, x.ndim))
    for running, new in ((running_mean, x.mean(pixels)), (running_var, x.var(pixels))):  # each new one (N, C)
        running.add_(momentum * (new.mean(0) - running))


def adaptive_instance_norm(content: Tensor, style: Tensor, eps: float = 1e-5) -> Tensor:
    r"""Give each channel of one image the mean and the deviation that it has in another (AdaIN).

    .. math:: y = \sigma(s) \frac{x - \mu(x)}{\sigma(x)} + \mu(s), \qquad \sigma = \sqrt{\mathrm{var} + \text{eps}}

    Parameters
    ----------
    content : Tensor
        x, of shape (N, C, H, W) (or (N, C, ...)), usually features inside a network: what stays.
    style : Tensor
        s, of shape (N, C, ...) with the same N and C, of any size: whose statistics are taken.
    eps : float, default 1e-5
        Added to both variances, so that an image in its own style stays as it is.

    Returns
    -------
    Tensor
        Of the content's shape and dtype.

    Raises
    ------
    ValueError, TypeError
        If N or C differ, if an image has a single pixel, or dtypes differ.

    Notes
    -----
    Gradients flow to both images: to the content as in `instance_norm`, to the style through its mean and deviation.
    Statistics are per image, so nothing depends on the rest of the batch.

    References
    ----------
    Huang and Belongie (2017), "Arbitrary style transfer in real-time with adaptive instance normalization", ICCV,
    equation 8.

    Examples
    --------
    >>> import minigen
    >>> content, style = minigen.tensor([[[1.0, 3.0]]]), minigen.tensor([[[10.0, 50.0, 10.0, 50.0]]])
    >>> adaptive_instance_norm(content, style).round().tolist()
    [[[10.0, 50.0]]]
    """
    check_floating("adaptive_instance_norm", content=content, style=style)
    if content.ndim < 3 or style.ndim < 3 or content.shape[:2] != style.shape[:2]:
        raise ValueError(
            f"adaptive_instance_norm: content has shape {content.shape}, style {style.shape}; both are (N, C, ...) "
            "with pixels behind the channels, and the same N and C"
        )
    pixels = tuple(range(2, style.ndim))
    mean = style.mean(pixels)  # (N, C, ...) -> (N, C)
    deviation = (style.var(pixels, correction=0) + check_number("adaptive_instance_norm", "eps", eps, low=0.0)).sqrt()
    broadcast = (*content.shape[:2], *(1,) * (content.ndim - 2))
    return instance_norm(content, eps=eps) * deviation.reshape(broadcast) + mean.reshape(broadcast)


def _affine(y: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Scale and shift, as far as there is something to do it by."""
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def _affine_channels(y: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Do the same with one number a channel."""
    return _affine(y, *(None if v is None else per_channel(v, y.ndim) for v in (weight, bias)))


def _check_layer(owner: str, x: Tensor, normalized_shape: int | Sequence[int], **affine: Tensor | None) -> tuple:
    """Return the normalised shape as a tuple; raise unless the input's shape ends with it, and weights have it."""
    given = {name: tensor for name, tensor in affine.items() if tensor is not None}
    check_floating(owner, input=x, **given)
    lengths = normalized_shape if isinstance(normalized_shape, Sequence) else (normalized_shape,)
    shape = tuple(check_integer(owner, "normalized_shape", n, low=0) for n in lengths)
    if not shape or x.shape[-len(shape) :] != shape:
        raise ValueError(
            f"{owner}: normalized_shape={shape} is not what the input's shape {x.shape} ends with; "
            "name its last axes, at least one"
        )
    for name, tensor in given.items():
        if tensor.shape != shape:
            raise ValueError(f"{owner}: {name} has shape {tensor.shape}, but normalized_shape is {shape}")
    return shape


def _check_channels(owner: str, x: Tensor, **of_channels: Tensor | None) -> None:
    """Raise unless the input is (N, C, ...) and everything else (C,)."""
    given = {name: tensor for name, tensor in of_channels.items() if tensor is not None}
    check_floating(owner, input=x, **given)
    if x.ndim < 2:
        raise ValueError(f"{owner}: input is (N, C, ...), channels second, but its shape is {x.shape}")
    for name, tensor in given.items():
        if tensor.shape != x.shape[1:2]:
            raise ValueError(f"{owner}: {name} has shape {tensor.shape}, but input {x.shape} has {x.shape[1]} channels")
