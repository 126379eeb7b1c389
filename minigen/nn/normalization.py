"""Layers that normalise each sample by itself: layer, RMS, group and local response normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import minigen.functional as F
from minigen.creation import ones, zeros
from minigen.functional.arguments import check_integer, check_number
from minigen.nn import init
from minigen.nn.module import Module
from minigen.nn.parameter import Parameter
from minigen.tensor import Tensor


class _Affine(Module):
    """What these layers share: a weight of 1 and a bias of 0 at first, where they are wanted."""

    weight: Parameter | None
    bias: Parameter | None

    def _register_affine(
        self, shape: tuple[int, ...], weight: bool, bias: bool, device: str | None, dtype: Any
    ) -> None:
        self.register_parameter("weight", Parameter(ones(shape, device=device, dtype=dtype)) if weight else None)
        self.register_parameter("bias", Parameter(zeros(shape, device=device, dtype=dtype)) if bias else None)

    def reset_parameters(self) -> None:
        """Set weight 1 and bias 0."""
        for parameter, value in ((self.weight, 1.0), (self.bias, 0.0)):
            if parameter is not None:
                init.constant_(parameter, value)


def _shape(name: str, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    """Return the shape as a tuple, checked."""
    lengths = normalized_shape if isinstance(normalized_shape, Sequence) else (normalized_shape,)
    shape = tuple(check_integer(name, "normalized_shape", n) for n in lengths)
    if not shape:
        raise ValueError(f"{name}: normalized_shape must name at least one axis, not {normalized_shape!r}")
    return shape


class LayerNorm(_Affine):
    """Layer normalisation: each sample over its last axes, whatever the batch.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The lengths of those axes; an integer is the last one.
    eps : float, default 1e-5
        Added to the variance.
    elementwise_affine : bool, default True
        Whether there are a weight and a bias for each element.
    bias : bool, default True
        Whether there is a bias beside the weight.
    device : str, optional
        Where the tensors are, by default "cpu".
    dtype : dtype, optional
        Of floating-point numbers, by default float32.

    Attributes
    ----------
    weight, bias : Parameter or None
        Of shape ``normalized_shape``, at first 1 and 0.

    See Also
    --------
    minigen.functional.layer_norm : the formula and its derivative.

    References
    ----------
    Ba, Kiros and Hinton (2016), "Layer normalization".

    Examples
    --------
    >>> import minigen
    >>> LayerNorm((3, 8, 8))(minigen.randn(4, 3, 8, 8)).shape
    (4, 3, 8, 8)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape("LayerNorm", normalized_shape)
        self.eps = check_number("LayerNorm", "eps", eps, low=0.0)
        self.elementwise_affine = bool(elementwise_affine)
        with_bias = self.elementwise_affine and bool(bias)
        self._register_affine(self.normalized_shape, self.elementwise_affine, with_bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise ``(..., *normalized_shape)``."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the options."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(_Affine):
    """Division of each sample by the root of its mean square over the last axes.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The lengths of those axes; an integer is the last one.
    eps : float, optional
        Added to the mean square; by default the distance from 1 to the next number of the input's dtype.
    elementwise_affine : bool, default True
        Whether there is a weight for each element.
    device : str, optional
        Where the tensors are, by default "cpu".
    dtype : dtype, optional
        Of floating-point numbers, by default float32.

    Attributes
    ----------
    weight : Parameter or None
        Of shape ``normalized_shape``, at first 1.

    References
    ----------
    Zhang and Sennrich (2019), "Root mean square layer normalization", NeurIPS.

    Examples
    --------
    >>> import minigen
    >>> RMSNorm(3)(minigen.tensor([2.0, -2.0, 2.0])).round().tolist()
    [1.0, -1.0, 1.0]
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape("RMSNorm", normalized_shape)
        self.eps = None if eps is None else check_number("RMSNorm", "eps", eps, low=0.0)
        self.elementwise_affine = bool(elementwise_affine)
        self._register_affine(self.normalized_shape, self.elementwise_affine, False, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise ``(..., *normalized_shape)``."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Affine):
    """Group normalisation: each sample over groups of neighbouring channels and all their pixels.

    Parameters
    ----------
    num_groups : int
        How many groups; divides the number of channels.
    num_channels : int
        C.
    eps : float, default 1e-5
        Added to the variance.
    affine : bool, default True
        Whether there are a weight and a bias for each channel.
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

    See Also
    --------
    minigen.functional.group_norm : the formula and its derivative.

    References
    ----------
    Wu and He (2018), "Group normalization", ECCV.

    Examples
    --------
    >>> import minigen
    >>> GroupNorm(2, 6)(minigen.randn(4, 6, 8, 8)).shape
    (4, 6, 8, 8)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: str | None = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_groups = check_integer("GroupNorm", "num_groups", num_groups)
        self.num_channels = check_integer("GroupNorm", "num_channels", num_channels)
        if self.num_channels % self.num_groups:
            raise ValueError(f"GroupNorm: num_groups={num_groups} does not divide num_channels={num_channels}")
        self.eps, self.affine = check_number("GroupNorm", "eps", eps, low=0.0), bool(affine)
        self._register_affine((self.num_channels,), self.affine, self.affine and bool(bias), device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (N, C, ...)."""
        if isinstance(input, Tensor) and input.shape[1:2] != (self.num_channels,):
            raise ValueError(
                f"GroupNorm: the input has shape {input.shape}, but (N, C, ...) with C = {self.num_channels} channels "
                "is wanted"
            )
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the options."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """Local response normalisation: each channel divided by the strength of its neighbours, pixel by pixel.

    Parameters
    ----------
    size : int
        How many channels make a neighbourhood.
    alpha, beta, k : float, default 1e-4, 0.75, 1
        The numbers of the formula, see `minigen.functional.local_response_norm`.

    References
    ----------
    Krizhevsky, Sutskever and Hinton (2012), "ImageNet classification with deep convolutional neural networks", NIPS.

    Examples
    --------
    >>> import minigen
    >>> LocalResponseNorm(5)(minigen.randn(4, 16, 8, 8)).shape
    (4, 16, 8, 8)
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = check_integer("LocalResponseNorm", "size", size)
        self.alpha, self.beta, self.k = (
            check_number("LocalResponseNorm", name, value, low=-float("inf"))
            for name, value in (("alpha", alpha), ("beta", beta), ("k", k))
        )

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (N, C, ...)."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
