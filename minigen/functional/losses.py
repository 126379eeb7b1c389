"""Losses: how far an output is from what was wanted, as one number to be minimised.

The functions with PyTorch's names have PyTorch's reductions: ``"mean"`` divides by the number of *elements*
(for `cross_entropy` and `nll_loss`: of labels, or by the sum of their class weights).  `gaussian_kl` is a
term of a likelihood and is in nats per image: summed over an image's latents, averaged over the batch.
Objectives of one system (the adversarial losses, the ELBO) are not here but in that system's file under
`minigen.models`.

Shapes are never broadcast: a prediction (N, 1) against a target (N,) would silently compare N x N pairs.
"""

from __future__ import annotations

import math

from minigen.backend import Array, array_module
from minigen.engine import Function
from minigen.functional.activations import softplus
from minigen.functional.arguments import (
    check_choice,
    check_floating,
    check_number,
    check_same_shape,
    check_tensor,
)
from minigen.namespace import where
from minigen.tensor import Tensor

REDUCTIONS = ("mean", "sum", "none")


def _reduce(losses: Tensor, reduction: str) -> Tensor:
    """Turn the losses of the elements into their mean or sum, or leave them."""
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


def _weighted(owner: str, losses: Tensor, weight: Tensor | None, name: str = "weight") -> Tensor:
    """Multiply by a weight that may be broadcast to the losses, but not beyond them."""
    if weight is None:
        return losses
    check_floating(owner, input=losses, **{name: weight})
    trailing = losses.shape[losses.ndim - weight.ndim :] if weight.ndim else ()
    if weight.ndim > losses.ndim or any(w not in (1, n) for w, n in zip(weight.shape, trailing)):
        raise ValueError(
            f"{owner}: {name} has shape {weight.shape}, which cannot be broadcast to the input's {losses.shape}"
        )
    return losses * weight


# --- regression ---------------------------------------------------------------------------------------------


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Squared error: ``(input - target) ** 2``.

    Parameters
    ----------
    input, target : Tensor
        Of one shape.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over all elements.

    Returns
    -------
    Tensor
        A scalar, or for "none" one loss for each element.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    d/d input = 2 (input - target), before the reduction.

    Examples
    --------
    >>> import minigen
    >>> mse_loss(minigen.tensor([1.0, 2.0]), minigen.tensor([1.0, 4.0])).item()
    2.0
    """
    check_choice("mse_loss", "reduction", reduction, REDUCTIONS)
    check_floating("mse_loss", input=input, target=target)
    check_same_shape("mse_loss", input=input, target=target)
    difference = input - target
    return _reduce(difference * difference, reduction)


def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Absolute error: ``|input - target|``.

    Parameters
    ----------
    input, target : Tensor
        Of one shape.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over all elements.

    Returns
    -------
    Tensor
        A scalar, or for "none" one loss for each element.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    d/d input = sign(input - target), before the reduction; 0 where they are equal.

    Examples
    --------
    >>> import minigen
    >>> l1_loss(minigen.tensor([1.0, 2.0]), minigen.tensor([1.0, 4.0])).item()
    1.0
    """
    check_choice("l1_loss", "reduction", reduction, REDUCTIONS)
    check_floating("l1_loss", input=input, target=target)
    check_same_shape("l1_loss", input=input, target=target)
    return _reduce((input - target).abs(), reduction)


# --- two classes --------------------------------------------------------------------------------------------


class BinaryCrossEntropy(Function):
    """-t log p - (1 - t) log(1 - p), each logarithm at least -100 (as in PyTorch)."""

    def forward(self, p: Array, t: Array) -> Array:
        """Compute one loss for each element."""
        xp = array_module(p)

        def at_least(logarithm, u, singular):
            at_zero = (u == singular).astype(p.dtype)  # shift these by 1, so that no -inf comes up
            return xp.maximum(logarithm(u + at_zero) - 100 * at_zero, -100)

        return (t - 1) * at_least(xp.log1p, -p, -1) - t * at_least(xp.log, p, 0)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Give (p - t) / (p (1 - p)) for p; for t, in which the loss is linear, its values at t = 1 and 0."""
        p, t = self.inputs
        needs_p, needs_t = self.needs_input_grad
        grad_p = grad_t = None
        if needs_p:
            grad_p = grad * (p - t) / (p * (1 - p)).clamp(min=1e-12)
        if needs_t:
            zero = t.new_zeros(t.shape)
            grad_t = grad * (BinaryCrossEntropy.apply(p, zero + 1) - BinaryCrossEntropy.apply(p, zero))
        return grad_p, grad_t


class BinaryCrossEntropyWithLogits(Function):
    """-t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)), for any x without overflow.

    Not composed of `relu`, ``abs`` and `softplus`: their one-sided derivatives at x = 0, where an untrained
    network may well be, do not add up to sigmoid(0).
    """

    def forward(self, x: Array, t: Array) -> Array:
        """Compute max(x, 0) - x t + log(1 + exp(-|x|)): exact for t = 0 and 1, however large x is."""
        xp = array_module(x)
        return (xp.maximum(x, 0) - x * t) + xp.log1p(xp.exp(-xp.abs(x)))

    def backward(self, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Give sigmoid(x) - t for x, and -x for t."""
        x, t = self.inputs
        needs_x, needs_t = self.needs_input_grad
        return grad * (x.sigmoid() - t) if needs_x else None, -grad * x if needs_t else None


def _check_range(owner: str, name: str, tensor: Tensor, remedy: str) -> None:
    """Raise ValueError unless all values lie in [0, 1] (NaN does not)."""
    x = tensor.array
    if not ((x >= 0) & (x <= 1)).all():
        low, high = float(x.min()), float(x.max())
        raise ValueError(f"{owner}: {name} must lie in [0, 1], but goes from {low:g} to {high:g}; {remedy}")


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """Cross-entropy between probabilities and targets, in nats: ``-t log p - (1 - t) log(1 - p)``.

    Parameters
    ----------
    input : Tensor
        Probabilities p in [0, 1].  Where they come from a sigmoid, `binary_cross_entropy_with_logits` on what
        went into it is more precise.
    target : Tensor
        t in [0, 1], of the same shape.
    weight : Tensor, optional
        Factor for each element, broadcast to the shape of ``input``.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over all elements.

    Returns
    -------
    Tensor
        A scalar, or for "none" one loss for each element.

    Raises
    ------
    ValueError
        If the shapes differ, or a probability or target lies outside [0, 1].

    Notes
    -----
    As in PyTorch the logarithms end at -100 and the derivative (p - t) / (p (1 - p)) has a denominator of at
    least 1e-12: where the output is confidently wrong (p = 0, t = 1) the loss is 100 and its gradient huge,
    not 0.

    Examples
    --------
    >>> import minigen
    >>> binary_cross_entropy(minigen.tensor([0.5, 0.0]), minigen.tensor([1.0, 1.0]), reduction="none").tolist()
    [0.6931471824645996, 100.0]
    """
    name = "binary_cross_entropy"
    check_choice(name, "reduction", reduction, REDUCTIONS)
    check_floating(name, input=input, target=target)
    check_same_shape(name, input=input, target=target)
    _check_range(name, "input", input, "apply sigmoid, or call binary_cross_entropy_with_logits on logits")
    _check_range(name, "target", target, "scale images to [0, 1] first")
    losses = BinaryCrossEntropy.apply(input, target)
    return _reduce(_weighted(name, losses, weight), reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of sigmoid(input) against targets, in nats, computed from the logits.

    Parameters
    ----------
    input : Tensor
        Logits x, any real numbers.
    target : Tensor
        t in [0, 1], of the same shape.
    weight : Tensor, optional
        Factor for each element, broadcast to the shape of ``input``.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over all elements.
    pos_weight : Tensor, optional
        Factor for the loss of positive targets only, broadcast to the shape of ``input``: above 1 it makes
        missed positives dearer.

    Returns
    -------
    Tensor
        A scalar, or for "none" one loss for each element.

    Raises
    ------
    ValueError
        If the shapes differ, or a target lies outside [0, 1].

    Notes
    -----
    The loss is max(x, 0) - x t + log(1 + exp(-|x|)) and its derivative sigmoid(x) - t: it never vanishes
    where the output is confidently wrong.

    Examples
    --------
    >>> import minigen
    >>> x, t = minigen.tensor([0.0, -200.0]), minigen.tensor([1.0, 1.0])
    >>> binary_cross_entropy_with_logits(x, t, reduction="none").tolist()
    [0.6931471824645996, 200.0]
    """
    name = "binary_cross_entropy_with_logits"
    check_choice(name, "reduction", reduction, REDUCTIONS)
    check_floating(name, input=input, target=target)
    check_same_shape(name, input=input, target=target)
    _check_range(name, "target", target, "scale images to [0, 1] first")
    losses = BinaryCrossEntropyWithLogits.apply(input, target)
    if pos_weight is not None:  # t (-log sigmoid(x)) counts pos_weight times instead of once
        positives = target * softplus(-input, threshold=math.inf)
        losses = losses + _weighted(name, positives, pos_weight - 1, "pos_weight")
    return _reduce(_weighted(name, losses, weight), reduction)


# --- many classes -------------------------------------------------------------------------------------------


def _check_classes(owner: str, input: Tensor, weight: Tensor | None) -> None:
    """Check scores (C,) or (N, C, d1, ...) and the class weights (C,)."""
    check_floating(owner, input=input, **({} if weight is None else {"weight": weight}))
    if input.ndim == 0:
        raise ValueError(f"{owner}: input must be (C,) or (N, C, ...), with one score a class, not a scalar")
    classes = input.shape[_class_dim(input)]
    if weight is not None and weight.shape != (classes,):
        raise ValueError(f"{owner}: weight must have shape ({classes},), one for each class, not {weight.shape}")


def _class_dim(input: Tensor) -> int:
    return 0 if input.ndim == 1 else 1


def _check_labels(owner: str, input: Tensor, target: Tensor, ignore_index: int) -> None:
    """Check class indices against scores: integers, one for each position, and in range."""
    check_tensor(owner, target=target)
    dim = _class_dim(input)
    classes, positions = input.shape[dim], input.shape[:dim] + input.shape[dim + 1 :]
    if target.dtype.kind not in "iu":
        raise TypeError(f"{owner}: target must be class indices (integers), not {target.dtype}; use .long()")
    if target.shape != positions:
        raise ValueError(
            f"{owner}: for input {input.shape} the target must be class indices of shape {positions}, "
            f"not {target.shape}; one-hot labels become indices by target.argmax(dim={dim})"
        )
    labels = target.array
    wrong = ((labels < 0) | (labels >= classes)) & (labels != ignore_index)
    if wrong.any():
        raise ValueError(
            f"{owner}: target contains the class index {int(labels[wrong][0])}, "
            f"but there are {classes} classes, 0 to {classes - 1}"
        )


def _label_losses(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return the weighted losses of the labels, and the weights whose sum is the divisor of their mean."""
    dim = _class_dim(input)
    labels = target.long()
    counted = labels != ignore_index
    labels = labels * counted  # an ignored label becomes some class, here 0
    picked = -input.gather(dim, labels.unsqueeze(dim)).squeeze(dim)  # (N, C, d1, ...) -> (N, d1, ...)
    counts = counted.to(input.dtype)
    if weight is not None:
        counts = counts * weight[labels]
        picked = picked * weight[labels]
    if smoothing:
        scores = input if weight is None else input * weight.reshape(-1, *[1] * (input.ndim - 1 - dim))
        picked = (1 - smoothing) * picked - smoothing * scores.mean(dim=dim)
    return where(counted, picked, 0.0), counts  # where, not a product: 0 * inf would be NaN


def _reduce_labels(losses: Tensor, counts: Tensor, reduction: str) -> Tensor:
    if reduction != "mean":
        return _reduce(losses, reduction)
    total = counts.sum()
    return losses.sum() / total if total.item() else losses.sum() * math.nan  # no label counts: as in PyTorch


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood: minus the log-probability of the right class, in nats.

    Parameters
    ----------
    input : Tensor
        Log-probabilities (N, C), (N, C, d1, ...) or (C,), for example from `log_softmax`.
    target : Tensor of integers
        Class indices in [0, C), of shape (N,), (N, d1, ...) or ().
    weight : Tensor, optional
        (C,): a factor for each class.
    ignore_index : int, default -100
        Labels of this value do not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean divides by the sum of the weights of the labels that count (without ``weight``: by their
        number; with no labels at all it is NaN, as in PyTorch).

    Returns
    -------
    Tensor
        A scalar, or for "none" one loss for each label.

    Raises
    ------
    ValueError
        If a class index is out of range or the shapes do not fit.
    TypeError
        If the labels are no integers.

    Examples
    --------
    >>> import minigen
    >>> log_p = minigen.tensor([[0.5, 0.5], [0.25, 0.75]]).log()
    >>> round(nll_loss(log_p, minigen.tensor([0, 0]), reduction="sum").exp().item(), 5)
    8.0
    """
    check_choice("nll_loss", "reduction", reduction, REDUCTIONS)
    check_tensor("nll_loss", input=input)
    _check_classes("nll_loss", input, weight)
    _check_labels("nll_loss", input, target, ignore_index)
    return _reduce_labels(*_label_losses(input, target, weight, ignore_index), reduction)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy of softmax(input) against classes, in nats, computed from the logits.

    Parameters
    ----------
    input : Tensor
        Logits (N, C), (N, C, d1, ...) or (C,): scores before any softmax.
    target : Tensor
        Either class indices (integers in [0, C)) of shape (N,), (N, d1, ...) or (), or probabilities of the
        shape and dtype of ``input``.
    weight : Tensor, optional
        (C,): a factor for each class.
    ignore_index : int, default -100
        Labels of this value do not count; of no meaning for probabilities.
    reduction : {"mean", "sum", "none"}, default "mean"
        For class indices as in `nll_loss`; for probabilities the mean is over the positions (N, d1, ...).
    label_smoothing : float, default 0
        epsilon in [0, 1]: mix the target with the uniform distribution, (1 - epsilon) t + epsilon / C.

    Returns
    -------
    Tensor
        A scalar, or for "none" one loss for each position.

    Raises
    ------
    ValueError
        If a class index is out of range, the shapes do not fit, or an option is out of its range.
    TypeError
        If the labels are neither integers nor of the shape of ``input``.

    Notes
    -----
    d/d input = softmax(input) - t, before weights and the reduction.

    References
    ----------
    Label smoothing: Szegedy et al., "Rethinking the Inception architecture for computer vision", 2016,
    section 7.

    Examples
    --------
    >>> import minigen
    >>> round(cross_entropy(minigen.zeros(5, 10), minigen.tensor([0, 1, 2, 3, 4])).exp().item(), 4)
    10.0
    """
    check_choice("cross_entropy", "reduction", reduction, REDUCTIONS)
    smoothing = check_number("cross_entropy", "label_smoothing", label_smoothing, low=0.0, high=1.0)
    check_tensor("cross_entropy", input=input, target=target)
    _check_classes("cross_entropy", input, weight)
    dim = _class_dim(input)
    if target.shape == input.shape and target.dtype.kind == "f":
        check_floating("cross_entropy", input=input, target=target)
        mixed = target * (1 - smoothing) + smoothing / input.shape[dim] if smoothing else target
        terms = mixed * input.log_softmax(dim)
        if weight is not None:
            terms = terms * weight.reshape(-1, *[1] * (input.ndim - 1 - dim))
        return _reduce(-terms.sum(dim=dim), reduction)
    _check_labels("cross_entropy", input, target, ignore_index)
    log_p = input.log_softmax(dim)
    return _reduce_labels(*_label_losses(log_p, target, weight, ignore_index, smoothing), reduction)


# --- likelihood terms, in nats per image --------------------------------------------------------------------


def gaussian_kl(mu: Tensor, logvar: Tensor) -> Tensor:
    r"""KL divergence of a diagonal Gaussian from the standard one, in nats per image.

    .. math:: \frac1N \sum_n \frac12 \sum_z \left(\mu_{nz}^2 + \sigma_{nz}^2 - 1 - \log \sigma_{nz}^2\right)

    Parameters
    ----------
    mu : Tensor
        Means, of shape (N, Z) or (N, ...).
    logvar : Tensor
        Logarithms of the *variances*, of the same shape.

    Returns
    -------
    Tensor
        A scalar: summed over all axes but the first, averaged over the batch.

    Raises
    ------
    ValueError
        If the shapes differ, or there is no batch axis.

    Notes
    -----
    d/d mu = mu / N and d/d logvar = (exp(logvar) - 1) / (2 N).

    References
    ----------
    Kingma and Welling, "Auto-encoding variational Bayes", 2014, appendix B.

    Examples
    --------
    >>> import minigen
    >>> gaussian_kl(minigen.ones(8, 20), minigen.zeros(8, 20)).item()
    10.0
    """
    check_floating("gaussian_kl", mu=mu, logvar=logvar)
    check_same_shape("gaussian_kl", mu=mu, logvar=logvar)
    if mu.ndim < 2:
        raise ValueError(f"gaussian_kl: mu must be (N, Z), one row for each image, not {mu.shape}")
    nats = 0.5 * (mu * mu + (logvar.expm1() - logvar))  # expm1: no digits lost near logvar = 0
    return nats.flatten(1).sum(dim=1).mean()
