"""Batch normalisation layers: they keep the running statistics; the computing is in `minigen.functional`.

`FeatureNorm` holds what they share with the instance normalisation of `minigen.nn.instancenorm`.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import minigen.functional as F
from minigen.creation import ones, tensor, zeros
from minigen.functional.arguments import check_integer, check_number, check_tensor
from minigen.modes import no_grad
from minigen.nn import init
from minigen.nn.module import Module
from minigen.nn.parameter import Parameter
from minigen.tensor import Tensor, int64


class FeatureNorm(Module):
    """What batch and instance normalisation share: a weight, a bias and running statistics for each channel."""

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: str | None,
        dtype: Any,
        bias: bool,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.num_features = check_integer(name, "num_features", num_features)
        self.eps = check_number(name, "eps", eps, low=0.0)
        self.momentum = None if momentum is None else check_number(name, "momentum", momentum, low=0.0, high=1.0)
        if self.eps > 0.1:
            warnings.warn(
                f"{name}({num_features}, {eps}): the second argument is eps, which is added to the variance; "
                f"did you mean momentum={eps}?",
                stacklevel=3,
            )
        self.affine, self.track_running_stats = bool(affine), bool(track_running_stats)
        if dtype is not None and np.dtype(dtype).kind != "f":
            raise TypeError(f"{name}: dtype must be one of floating-point numbers, not {np.dtype(dtype)}")
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        for parameter, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(parameter, Parameter(ones(self.num_features, **factory)) if wanted else None)
        tracked = self.track_running_stats
        self.register_buffer("running_mean", zeros(self.num_features, **factory) if tracked else None)
        self.register_buffer("running_var", ones(self.num_features, **factory) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0, dtype=int64, device=device) if tracked else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget what was seen: mean 0, variance 1."""
        if self.track_running_stats:
            for name, value in {"running_mean": 0, "running_var": 1, "num_batches_tracked": 0}.items():
                init.constant_(getattr(self, name), value)

    def reset_parameters(self) -> None:
        """Set weight 1, bias 0, and forget the running statistics."""
        self.reset_running_stats()
        for parameter, value in ((self.weight, 1.0), (self.bias, 0.0)):
            if parameter is not None:
                init.constant_(parameter, value)

    def extra_repr(self) -> str:
        """Return the options."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(FeatureNorm):
    """What batch normalisations share: x - mean over sqrt(var + eps), for each channel over the whole batch."""

    ndims: tuple[int, ...]
    shapes: str

    def _normalise(self, input: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
        """Normalise by the batch's statistics, or in evaluation the running ones; then scale and shift, if at all."""
        check_tensor(type(self).__name__, input=input)
        if input.ndim not in self.ndims or input.shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}: the input has shape {input.shape}, but {self.shapes} "
                f"with C = {self.num_features} channels is wanted"
            )
        factor = self.momentum
        if self.training and self.num_batches_tracked is not None:
            with no_grad():
                self.num_batches_tracked.add_(1)
            if factor is None:  # the plain mean over all batches so far
                factor = 1 / self.num_batches_tracked.item()
        return F.batch_norm(
            input,
            self.running_mean,
            self.running_var,
            weight,
            bias,
            training=self.training or self.running_mean is None,
            momentum=0.0 if factor is None else factor,  # None is left where nothing is tracked
            eps=self.eps,
        )


class _PlainBatchNorm(_BatchNorm):
    """Batch normalisation with one weight and one bias a channel."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: str | None = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise; in training by the batch's own statistics, which the running ones then follow."""
        return self._normalise(input, self.weight, self.bias)


class BatchNorm1d(_PlainBatchNorm):
    """Batch normalisation of (N, C) or (N, C, L), for each channel over all else.

    Parameters
    ----------
    num_features : int
        C.
    eps : float, default 1e-5
        Added to the variance.  It stands second: ``BatchNorm1d(64, 0.8)`` sets eps, not momentum.
    momentum : float or None, default 0.1
        The share of a new batch in the running statistics; None keeps the plain mean over all batches.
    affine : bool, default True
        Whether there are a weight and a bias for each channel.
    track_running_stats : bool, default True
        Without them evaluation uses the batch's own statistics too.
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
        (C,), buffers; the variance is the unbiased one.
    num_batches_tracked : Tensor or None
        How many batches they have seen.

    References
    ----------
    Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
    shift", 2015.

    Examples
    --------
    >>> import minigen
    >>> norm = BatchNorm1d(2)
    >>> norm(minigen.tensor([[1.0, 0.0], [3.0, 0.0]])).round().tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """

    ndims, shapes = (2, 3), "(N, C) or (N, C, L)"


class BatchNorm2d(_PlainBatchNorm):
    """Batch normalisation of images (N, C, H, W), for each channel over all else.

    Parameters, attributes and reference are those of `BatchNorm1d`.

    Examples
    --------
    >>> import minigen
    >>> BatchNorm2d(3)(minigen.zeros(8, 3, 16, 16)).shape
    (8, 3, 16, 16)
    """

    ndims, shapes = (4,), "(N, C, H, W)"


class ConditionalBatchNorm2d(_BatchNorm):
    """Batch normalisation whose scale and shift are those of each image's class: how a class enters a generator.

    ``y[n, c] = weight[k, c] * (x[n, c] - mean[c]) / sqrt(var[c] + eps) + bias[k, c]`` with k the class of image n;
    mean and variance are over the whole batch.

    Parameters
    ----------
    num_features : int
        C.
    num_classes : int
        K.
    eps, momentum, track_running_stats, device, dtype
        As for `BatchNorm1d`.

    Attributes
    ----------
    weight, bias : Parameter
        (K, C), a row for each class, at first 1 and 0.
    running_mean, running_var, num_batches_tracked : Tensor or None
        Buffers, as in `BatchNorm1d`.

    References
    ----------
    Dumoulin, Shlens and Kudlur (2017), "A learned representation for artistic style", ICLR, section 2.2; de Vries et
    al. (2017), "Modulating early visual processing by language", NeurIPS, section 3.

    Examples
    --------
    >>> import minigen
    >>> norm = ConditionalBatchNorm2d(3, num_classes=10)
    >>> norm(minigen.randn(4, 3, 8, 8), minigen.tensor([0, 9, 9, 2])).shape
    (4, 3, 8, 8)
    """

    weight: Parameter
    bias: Parameter
    ndims, shapes = (4,), "(N, C, H, W)"

    def __init__(
        self,
        num_features: int,
        num_classes: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        track_running_stats: bool = True,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, False, track_running_stats, device, dtype, bias=False)
        self.num_classes = check_integer("ConditionalBatchNorm2d", "num_classes", num_classes)
        shape = self.num_classes, self.num_features
        self.weight = Parameter(ones(shape, device=device, dtype=dtype))
        self.bias = Parameter(zeros(shape, device=device, dtype=dtype))

    def forward(self, input: Tensor, labels: Tensor) -> Tensor:
        """Normalise images (N, C, H, W) over the batch; scale and shift each as its class (N,) says."""
        check_tensor("ConditionalBatchNorm2d", input=input, labels=labels)
        if labels.dtype.kind not in "iu" or labels.shape != input.shape[:1]:
            raise ValueError(
                f"ConditionalBatchNorm2d: labels must be one integer an image, of shape {input.shape[:1]}, "
                f"not {labels.dtype} of shape {labels.shape}"
            )
        if labels.device == "cpu":  # reading them back from a GPU would make it wait
            for label in set(labels.tolist()) - set(range(self.num_classes)):
                raise ValueError(
                    f"ConditionalBatchNorm2d: label {label} is none of the {self.num_classes} classes, "
                    f"0 to {self.num_classes - 1}"
                )
        scale, shift = (table[labels].unsqueeze(-1).unsqueeze(-1) for table in (self.weight, self.bias))
        return self._normalise(input, None, None) * scale + shift  # scale, shift: (N, C, 1, 1)

    def extra_repr(self) -> str:
        """Return the options."""
        return (
            f"{self.num_features}, num_classes={self.num_classes}, eps={self.eps}, momentum={self.momentum}, "
            f"track_running_stats={self.track_running_stats}"
        )
