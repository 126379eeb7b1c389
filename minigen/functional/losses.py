"""Losses of regression: how far an output is from what was wanted, as one number to be minimised.

The functions with PyTorch's names have PyTorch's reductions: ``"mean"`` divides by the number of *elements*.
Losses of classes are in `minigen.functional.classification`, those with margins and angles in
`minigen.functional.margins`, likelihoods in nats per image in `minigen.functional.likelihoods`.  Objectives of one
system (the adversarial losses, the ELBO) are not here but in that system's file under `minigen.models`.

Shapes are never broadcast: a prediction (N, 1) against a target (N,) would silently compare N x N pairs.  Options
that PyTorch puts behind its deprecated ``size_average`` and ``reduce`` go by keyword only, and those two are absent.
"""

from __future__ import annotations

import math

from minigen.backend import Array, array_module
from minigen.engine import Function
from minigen.functional.arguments import check_choice, check_floating, check_number, check_same_shape
from minigen.functional.reduction import (
    REDUCTIONS,
    check_pair_of_tensors,
    check_positive,
    check_range,
    check_some,
    reduce_losses,
    weigh,
)
from minigen.tensor import Tensor


def _mean_by_weight(owner: str, losses: Tensor, weight: Tensor | None, reduction: str, **inputs: Tensor) -> Tensor:
    """Weigh the losses and reduce them; their mean is over the weights, not over the elements."""
    if weight is None:
        return reduce_losses(owner, losses, reduction, **inputs)
    check_same_shape(owner, input=losses, weight=weight)
    losses = weigh(owner, losses, weight)
    if reduction != "mean":
        return reduce_losses(owner, losses, reduction, **inputs)
    check_some(owner, losses)
    return reduce_losses(owner, losses, "sum", **inputs) / weight.sum()


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """Squared error: ``(input - target) ** 2``.

    Parameters
    ----------
    input, target : Tensor
        Of one shape.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over all elements; with weights it divides by their sum.
    weight : Tensor, optional
        Factor for each element, of the same shape.

    Returns
    -------
    Tensor
        A scalar, or for "none" one loss for each element.

    Raises
    ------
    ValueError
        If the shapes differ, the mean is over nothing, or an input holds a NaN.

    Notes
    -----
    d/d input = 2 (input - target), before the reduction.

    Examples
    --------
    >>> import minigen
    >>> mse_loss(minigen.tensor([1.0, 2.0]), minigen.tensor([1.0, 4.0])).item()
    2.0
    """
    check_pair_of_tensors("mse_loss", reduction, input, target)
    difference = input - target
    return _mean_by_weight("mse_loss", difference * difference, weight, reduction, input=input, target=target)


def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """Absolute error: ``|input - target|``.

    Parameters
    ----------
    input, target : Tensor
        Of one shape.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over all elements; with weights it divides by their sum.
    weight : Tensor, optional
        Factor for each element, of the same shape.

    Returns
    -------
    Tensor
        A scalar, or for "none" one loss for each element.

    Raises
    ------
    ValueError
        If the shapes differ, the mean is over nothing, or an input holds a NaN.

    Notes
    -----
    d/d input = sign(input - target), before the reduction; 0 where they are equal.

    Examples
    --------
    >>> import minigen
    >>> l1_loss(minigen.tensor([1.0, 2.0]), minigen.tensor([1.0, 4.0])).item()
    1.0
    """
    check_pair_of_tensors("l1_loss", reduction, input, target)
    return _mean_by_weight("l1_loss", (input - target).abs(), weight, reduction, input=input, target=target)


class Huber(Function):
    """d^2 / 2 for |d| up to the option ``delta``, then a straight line: delta (|d| - delta / 2)."""

    pointwise = True

    def forward(self, d: Array) -> Array:
        """Compute c (d - c / 2), where c is d clamped to [-delta, delta]: both branches in one expression."""
        c = array_module(d).clip(d, -self.delta, self.delta)
        return c * (d - c / 2)

    def backward(self, grad: Tensor) -> Tensor:
        """Multiply by the clamped difference: large ones pull no harder than ``delta``."""
        (d,) = self.inputs
        return grad * d.clamp(-self.delta, self.delta)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    r"""Squared near the target, absolute far from it: outliers pull with a bounded force.

    .. math:: \tfrac12 d^2 \text{ if } |d| \le \delta, \text{ else } \delta (|d| - \tfrac12 \delta),
              \quad d = \text{input} - \text{target}

    Parameters
    ----------
    input, target : Tensor
        Of one shape.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over all elements, weighted or not.
    delta : float, default 1
        Where the parabola becomes a line; above 0.
    weight : Tensor, optional
        Factor for each element, of the same shape.

    Returns
    -------
    Tensor
        A scalar, or for "none" one loss for each element.

    Raises
    ------
    ValueError
        If the shapes differ, ``delta`` is not above 0, the mean is over nothing, or an input holds a NaN.

    Notes
    -----
    d/d input = d clamped to [-delta, delta], before the reduction.

    References
    ----------
    Huber, "Robust estimation of a location parameter", 1964.

    Examples
    --------
    >>> import minigen
    >>> huber_loss(minigen.tensor([0.5, 10.0]), minigen.zeros(2), reduction="none", delta=2.0).tolist()
    [0.125, 18.0]
    """
    check_pair_of_tensors("huber_loss", reduction, input, target)
    losses = Huber.apply(input - target, delta=check_positive("huber_loss", "delta", delta))
    if weight is not None:
        check_same_shape("huber_loss", input=input, weight=weight)
    losses = weigh("huber_loss", losses, weight)
    return reduce_losses("huber_loss", losses, reduction, input=input, target=target)


def smooth_l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    r"""Absolute error with its kink at 0 rounded off: `huber_loss` divided by its bound.

    .. math:: \tfrac12 d^2 / \beta \text{ if } |d| < \beta, \text{ else } |d| - \tfrac12 \beta,
              \quad d = \text{input} - \text{target}

    Parameters
    ----------
    input, target : Tensor
        Of one shape.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over all elements.
    beta : float, default 1
        How far the rounding reaches; with 0 this is `l1_loss`.

    Returns
    -------
    Tensor
        A scalar, or for "none" one loss for each element.

    Raises
    ------
    ValueError
        If the shapes differ, ``beta`` is negative, the mean is over nothing, or an input holds a NaN.

    Notes
    -----
    d/d input = d / beta clamped to [-1, 1], before the reduction.

    References
    ----------
    Girshick, "Fast R-CNN", 2015, equation 3.

    Examples
    --------
    >>> import minigen
    >>> smooth_l1_loss(minigen.tensor([0.5, 10.0]), minigen.zeros(2), reduction="none", beta=2.0).tolist()
    [0.0625, 9.0]
    """
    check_pair_of_tensors("smooth_l1_loss", reduction, input, target)
    beta = check_number("smooth_l1_loss", "beta", beta, low=0.0)
    d = input - target
    losses = Huber.apply(d, delta=beta) / beta if beta else d.abs()
    return reduce_losses("smooth_l1_loss", losses, reduction, input=input, target=target)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    r"""Negative log-likelihood of a target under a Gaussian whose variance is predicted too, in nats.

    .. math:: \tfrac12 \left(\log \max(\text{var}, \epsilon) + \frac{(\text{input} - \text{target})^2}
              {\max(\text{var}, \epsilon)}\right) \; \left[ + \tfrac12 \log 2\pi \right]

    Parameters
    ----------
    input : Tensor
        Means, of any shape.
    target : Tensor
        Of the same shape, where one axis may have the length 1.
    var : Tensor or float
        Variances, not negative: of the same shape, where one axis may have the length 1, or of that shape without the
        last axis.
    full : bool, default False
        Whether to add the constant, so that this is the whole likelihood.
    eps : float, default 1e-6
        The smallest variance counted with.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over all elements.

    Returns
    -------
    Tensor
        A scalar, or for "none" one loss for each element.

    Raises
    ------
    ValueError
        If the shapes do not fit, a variance is negative, the mean is over nothing, or an input holds a NaN.

    Notes
    -----
    As in PyTorch the gradient passes by ``eps``: a variance below it still learns to grow.  For networks that give
    the logarithm of the variance, `gaussian_nll` is the better form.

    References
    ----------
    Nix and Weigend, "Estimating the mean and variance of the target probability distribution", 1994.

    Examples
    --------
    >>> import minigen
    >>> gaussian_nll_loss(minigen.zeros(3), minigen.full((3,), 2.0), minigen.ones(3)).item()
    2.0
    """
    owner = "gaussian_nll_loss"
    check_choice(owner, "reduction", reduction, REDUCTIONS)
    check_floating(owner, input=input, target=target)
    if not _one_axis_shared(target.shape, input.shape):
        check_same_shape(owner, input=input, target=target)
    eps = check_positive(owner, "eps", eps)
    if isinstance(var, Tensor):
        check_floating(owner, input=input, var=var)
        variances = _spread(owner, var, input.shape)
    else:
        variances = input.new_ones(input.shape) * check_number(owner, "var", var, low=0.0)
    check_range(owner, "var", variances, "a variance is a square; give exp(log-variance)", high=math.inf)
    clamped = variances + (variances.clamp(min=eps) - variances).detach()  # the value is clamped, the gradient is not
    difference = input - target
    losses = 0.5 * (clamped.log() + difference * difference / clamped)
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduce_losses(owner, losses, reduction, input=input, target=target, var=variances)


def _spread(owner: str, var: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Give variances that are shared along one axis the number of axes of the input."""
    if shape and var.shape == shape[:-1]:
        return var.unsqueeze(-1)
    if not _one_axis_shared(var.shape, shape):
        raise ValueError(
            f"{owner}: var has shape {var.shape}, but for input {shape} it must be {shape}, {shape[:-1]}, "
            "or the first with one axis of length 1"
        )
    return var


def _one_axis_shared(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Tell whether two shapes are equal but for at most one axis, which has the length 1 in the first."""
    return len(small) == len(large) and [m for m, n in zip(small, large, strict=True) if m != n] in ([], [1])
