"""Instance normalisation layers: each image by itself, in a style of its own or in one that is handed in."""

from __future__ import annotations

import warnings
from typing import Any

import minigen.functional as F
from minigen.functional.arguments import check_integer, check_number, check_tensor
from minigen.nn import init
from minigen.nn.batchnorm import FeatureNorm
from minigen.nn.linear import Linear
from minigen.nn.module import Module
from minigen.tensor import Tensor


class _InstanceNorm(FeatureNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, for each channel of each image."""

    axes: int  # of a batch
    shapes: str

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: str | None = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise each channel of each image; one image without a batch does as well."""
        name = type(self).__name__
        check_tensor(name, input=input)
        if input.ndim not in (self.axes - 1, self.axes):
            raise ValueError(f"{name}: the input has shape {input.shape}, but {self.shapes} is wanted")
        if input.ndim < self.axes:
            return self.forward(input.unsqueeze(0)).squeeze(0)
        if input.shape[1] != self.num_features:
            problem = f"{name}: the input has shape {input.shape}, but num_features is {self.num_features}"
            if self.affine or self.track_running_stats:
                raise ValueError(f"{problem}; both must name the same number of channels")
            warnings.warn(f"{problem}; without affine it is not used, so give the right number", stacklevel=3)
        return F.instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            use_input_stats=self.training or not self.track_running_stats,
            momentum=0.0 if self.momentum is None else self.momentum,
            eps=self.eps,
        )


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation of sequences (N, C, L) or (C, L): each channel of each sample over its L numbers.

    Parameters
    ----------
    num_features : int
        C.
    eps : float, default 1e-5
        Added to the variance.
    momentum : float or None, default 0.1
        The share of a new batch in the running statistics; with None they stay as they are.
    affine : bool, default False
        Whether there are a weight and a bias for each channel.
    track_running_stats : bool, default False
        Whether evaluation uses the statistics seen in training instead of each sample's own.
    device : str, optional
        Where the tensors are, by default "cpu".
    dtype : dtype, optional
        Of floating-point numbers, by default float32.
    bias : bool, default True
        By keyword: whether there is a bias beside the weight.

    Attributes
    ----------
    weight, bias : Parameter or None
        (C,), at first 1 and 0.
    running_mean, running_var : Tensor or None
        (C,), buffers: averages over samples of their means and unbiased variances.

    See Also
    --------
    minigen.functional.instance_norm : the formula and its derivative.

    References
    ----------
    Ulyanov, Vedaldi and Lempitsky (2016), "Instance normalization: the missing ingredient for fast stylization".

    Examples
    --------
    >>> import minigen
    >>> InstanceNorm1d(2)(minigen.tensor([[[1.0, 3.0], [10.0, 50.0]]])).round().tolist()
    [[[-1.0, 1.0], [-1.0, 1.0]]]
    """

    axes, shapes = 3, "(N, C, L) or (C, L)"


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation of images (N, C, H, W) or (C, H, W): each channel of each image over its pixels.

    Parameters, attributes and reference are those of `InstanceNorm1d`.

    Examples
    --------
    >>> import minigen
    >>> InstanceNorm2d(3, affine=True)(minigen.randn(8, 3, 16, 16)).shape
    (8, 3, 16, 16)
    """

    axes, shapes = 4, "(N, C, H, W) or (C, H, W)"


class AdaptiveInstanceNorm2d(Module):
    """Instance normalisation whose scale and shift are computed from a style vector: how a style enters a generator.

    ``y[n, c] = scale[n, c] * (x[n, c] - mean) / sqrt(var + eps) + shift[n, c]`` with scale and shift from a linear
    layer of the style.  (`minigen.functional.adaptive_instance_norm` takes them from another image.)

    Parameters
    ----------
    num_features : int
        C.
    style_features : int
        The length of a style vector.
    eps : float, default 1e-5
        Added to the variance.
    device : str, optional
        Where the tensors are, by default "cpu".
    dtype : dtype, optional
        Of floating-point numbers, by default float32.

    Attributes
    ----------
    affine : Linear
        From the style to C scales, then C shifts; its bias is 1 for scales and 0 for shifts at first.

    References
    ----------
    Huang and Belongie (2017), "Arbitrary style transfer in real-time with adaptive instance normalization", ICCV;
    Karras, Laine and Aila (2019), "A style-based generator architecture for generative adversarial networks", CVPR,
    equation 1.

    Examples
    --------
    >>> import minigen
    >>> norm = AdaptiveInstanceNorm2d(3, style_features=8)
    >>> norm(minigen.randn(2, 3, 4, 4), minigen.randn(2, 8)).shape
    (2, 3, 4, 4)
    """

    def __init__(
        self,
        num_features: int,
        style_features: int,
        eps: float = 1e-5,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_features = check_integer("AdaptiveInstanceNorm2d", "num_features", num_features)
        self.style_features = check_integer("AdaptiveInstanceNorm2d", "style_features", style_features)
        self.eps = check_number("AdaptiveInstanceNorm2d", "eps", eps, low=0.0)
        self.affine = Linear(self.style_features, 2 * self.num_features, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew; at first every style scales by about 1 and shifts by about 0."""
        self.affine.reset_parameters()
        if self.affine.bias is not None:
            init.ones_(self.affine.bias.data[: self.num_features])
            init.zeros_(self.affine.bias.data[self.num_features :])

    def forward(self, input: Tensor, style: Tensor) -> Tensor:
        """Normalise images (N, C, H, W), then scale and shift as the styles (N, style_features) say."""
        check_tensor("AdaptiveInstanceNorm2d", input=input, style=style)
        n, c = input.shape[0] if input.ndim else 0, self.num_features
        if input.ndim != 4 or input.shape[1] != c or style.shape != (n, self.style_features):
            raise ValueError(
                f"AdaptiveInstanceNorm2d: input has shape {input.shape}, style {style.shape}; "
                f"(N, {c}, H, W) and (N, {self.style_features}) are wanted"
            )
        scale, shift = self.affine(style).reshape(n, 2, c, 1, 1).unbind(1)  # (N, 2C) -> two of (N, C, 1, 1)
        return F.instance_norm(input, eps=self.eps) * scale + shift

    def extra_repr(self) -> str:
        """Return the options."""
        return f"{self.num_features}, style_features={self.style_features}, eps={self.eps}"
