"""Batch normalisation layers: they keep the running statistics; the computing is in `minigen.functional`."""

from __future__ import annotations

import warnings

import minigen.functional as F
from minigen.creation import ones, tensor, zeros
from minigen.engine import no_grad
from minigen.functional.arguments import check_integer, check_number
from minigen.nn import init
from minigen.nn.module import Module
from minigen.nn.parameter import Parameter
from minigen.tensor import Tensor, int64


class _BatchNorm(Module):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, for each channel."""

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    ndims: tuple[int, ...]
    shapes: str

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
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
        for parameter in ("weight", "bias"):
            self.register_parameter(parameter, Parameter(ones(self.num_features)) if affine else None)
        tracked = self.track_running_stats
        self.register_buffer("running_mean", zeros(self.num_features) if tracked else None)
        self.register_buffer("running_var", ones(self.num_features) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0, dtype=int64) if tracked else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget what was seen: mean 0, variance 1."""
        if self.track_running_stats:
            for name, value in {"running_mean": 0, "running_var": 1, "num_batches_tracked": 0}.items():
                init.constant_(getattr(self, name), value)

    def reset_parameters(self) -> None:
        """Set weight 1, bias 0, and forget the running statistics."""
        self.reset_running_stats()
        if self.weight is not None and self.bias is not None:
            init.ones_(self.weight)
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise; in training by the batch's own statistics, which the running ones then follow."""
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
            self.weight,
            self.bias,
            training=self.training or self.running_mean is None,
            momentum=0.0 if factor is None else factor,  # None is left where nothing is tracked
            eps=self.eps,
        )

    def extra_repr(self) -> str:
        """Return the options."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
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


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images (N, C, H, W), for each channel over all else.

    Parameters, attributes and reference are those of `BatchNorm1d`.

    Examples
    --------
    >>> import minigen
    >>> BatchNorm2d(3)(minigen.zeros(8, 3, 16, 16)).shape
    (8, 3, 16, 16)
    """

    ndims, shapes = (4,), "(N, C, H, W)"
