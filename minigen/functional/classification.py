"""Losses of classification: cross-entropies between predictions and classes, in nats.

For two classes there is one number an example (`binary_cross_entropy`, and from logits
`binary_cross_entropy_with_logits`), for many classes one score a class (`nll_loss` of log-probabilities,
`cross_entropy` of logits); `kl_div` compares whole distributions.  Where there is a choice, take the one on logits:
it never takes the logarithm of a rounded 0.

The mean divides by the number of elements, for class indices by the number of labels (or the sum of their weights).
Options that PyTorch puts behind its deprecated ``size_average`` and ``reduce`` go by keyword only.
"""

from __future__ import annotations

import math

from minigen.backend import Array, array_module
from minigen.engine import Function
from minigen.functional.activations import softplus
from minigen.functional.arguments import (
    check_choice,
    check_floating,
    check_integer,
    check_number,
    check_same_shape,
    check_tensor,
)
from minigen.functional.reduction import (
    REDUCTIONS,
    check_pair_of_tensors,
    check_range,
    check_some,
    on_host,
    reduce_losses,
    weigh,
)
from minigen.namespace import where
from minigen.tensor import Tensor

# --- two classes --------------------------------------------------------------------------------------------


class BinaryCrossEntropy(Function):
    """-t log p - (1 - t) log(1 - p), each logarithm at least -100 (as in PyTorch)."""

    pointwise = True

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

    pointwise = True

    def forward(self, x: Array, t: Array) -> Array:
        """Compute max(x, 0) - x t + log(1 + exp(-|x|)): exact for t = 0 and 1, however large x is."""
        xp = array_module(x)
        return (xp.maximum(x, 0) - x * t) + xp.log1p(xp.exp(-xp.abs(x)))

    def backward(self, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Give sigmoid(x) - t for x, and -x for t."""
        x, t = self.inputs
        needs_x, needs_t = self.needs_input_grad
        return grad * (x.sigmoid() - t) if needs_x else None, -grad * x if needs_t else None


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
        If the shapes differ, a probability or target lies outside [0, 1], or the mean is over nothing.

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
    check_pair_of_tensors(name, reduction, input, target)
    check_range(name, "input", input, "apply sigmoid, or call binary_cross_entropy_with_logits on logits")
    check_range(name, "target", target, "scale images to [0, 1] first")
    losses = BinaryCrossEntropy.apply(input, target)
    return reduce_losses(name, weigh(name, losses, weight), reduction, input=input, target=target)


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
        If the shapes differ, a target lies outside [0, 1], the mean is over nothing, or a logit is NaN.

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
    check_pair_of_tensors(name, reduction, input, target)
    check_range(name, "target", target, "scale images to [0, 1] first")
    losses = BinaryCrossEntropyWithLogits.apply(input, target)
    if pos_weight is not None:  # t (-log sigmoid(x)) counts pos_weight times instead of once
        positives = target * softplus(-input, threshold=math.inf)
        check_tensor(name, pos_weight=pos_weight)
        losses = losses + weigh(name, positives, pos_weight - 1, "pos_weight")
    return reduce_losses(name, weigh(name, losses, weight), reduction, input=input, target=target)


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
    check_integer(owner, "ignore_index", ignore_index, low=None)
    dim = _class_dim(input)
    classes, positions = input.shape[dim], input.shape[:dim] + input.shape[dim + 1 :]
    if target.dtype.kind not in "iu":
        raise TypeError(f"{owner}: target must be class indices (integers), not {target.dtype}; use .long()")
    if target.shape != positions:
        one_hot = f"one-hot labels become indices by target.argmax(dim={dim})"
        axis_too_many = target.ndim == input.ndim and target.shape[dim] == 1
        raise ValueError(
            f"{owner}: for input {input.shape} the target must be class indices of shape {positions}, "
            f"not {target.shape}; {f'drop the axis of length 1 by target.squeeze({dim})' if axis_too_many else one_hot}"
        )
    if not on_host(target):
        return
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
    valid = (labels >= 0) & (labels < input.shape[dim])
    labels = labels * valid  # a label that is ignored or wrong becomes some class, here 0
    picked = -input.gather(dim, labels.unsqueeze(dim)).squeeze(dim)  # (N, C, d1, ...) -> (N, d1, ...)
    counts = counted.to(input.dtype)
    if weight is not None:
        counts = counts * weight[labels]
        picked = picked * weight[labels]
    if smoothing:
        scores = input if weight is None else input * weight.reshape(-1, *[1] * (input.ndim - 1 - dim))
        picked = (1 - smoothing) * picked - smoothing * scores.mean(dim=dim)
    if not on_host(labels):  # there nobody has looked at the labels yet: a wrong one makes its loss NaN
        picked = where(valid, picked, math.nan)
    return where(counted, picked, 0.0), counts  # where, not a product: 0 * inf would be NaN


def _reduce_labels(owner: str, input: Tensor, losses: Tensor, counts: Tensor, reduction: str) -> Tensor:
    """Reduce the losses of labels: their mean divides by the sum of `counts`."""
    if reduction != "mean":
        return reduce_losses(owner, losses, reduction, input=input)
    check_some(owner, losses)
    total = counts.sum()
    if on_host(total) and total.item() == 0:
        raise ValueError(
            f"{owner}: the mean over no label is undefined: every label is ignored or of a class with weight 0; "
            "use reduction='sum', which is 0"
        )
    return reduce_losses(owner, losses, "sum", input=input) / total


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
        number).

    Returns
    -------
    Tensor
        A scalar, or for "none" one loss for each label.

    Raises
    ------
    ValueError
        If a class index is out of range, the shapes do not fit, no label counts in a mean, or a score is NaN.
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
    return _reduce_labels("nll_loss", input, *_label_losses(input, target, weight, ignore_index), reduction)


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
        If a class index is out of range, the shapes do not fit, an option is out of its range, no label counts in a
        mean, or a score is NaN.
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
        return reduce_losses("cross_entropy", -terms.sum(dim=dim), reduction, input=input, target=target)
    _check_labels("cross_entropy", input, target, ignore_index)
    parts = _label_losses(input.log_softmax(dim), target, weight, ignore_index, smoothing)
    return _reduce_labels("cross_entropy", input, *parts, reduction)


# --- distributions ------------------------------------------------------------------------------------------


def kl_div(input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False) -> Tensor:
    r"""Kullback-Leibler divergence of a target distribution from a predicted one, in nats.

    .. math:: t \, (\log t - \text{input}), \quad 0 \text{ where } t = 0

    Parameters
    ----------
    input : Tensor
        *Log*-probabilities of the prediction, for example from `log_softmax`: at most 0.
    target : Tensor
        Probabilities of the same shape, or with ``log_target`` their logarithms.
    reduction : {"batchmean", "mean", "sum", "none"}, default "mean"
        "batchmean" sums and divides by the length of the first axis: the divergence itself, averaged over the batch.
        "mean" divides by the number of *elements*, as in PyTorch, and is no divergence.
    log_target : bool, default False
        Whether the target is given as log-probabilities, which loses nothing where it is close to 0.

    Returns
    -------
    Tensor
        A scalar, or for "none" one term for each element.

    Raises
    ------
    ValueError
        If the shapes differ, the input holds values above 0 (probabilities or logits instead of log-probabilities),
        the target lies outside [0, 1], the mean is over nothing, or an input holds a NaN.

    Notes
    -----
    d/d input = -t, before the reduction.

    References
    ----------
    Kullback and Leibler, "On information and sufficiency", 1951.

    Examples
    --------
    >>> import minigen
    >>> even, sure = minigen.tensor([[0.5, 0.5]]), minigen.tensor([[1.0, 0.0]])
    >>> round(kl_div(even.log(), sure, reduction="batchmean").exp().item(), 5)
    2.0
    """
    check_choice("kl_div", "reduction", reduction, ("batchmean", *REDUCTIONS))
    check_floating("kl_div", input=input, target=target)
    check_same_shape("kl_div", input=input, target=target)
    _check_logarithms("input", input)
    if log_target:
        _check_logarithms("target", target)
        losses = target.exp() * (target - input)
    else:
        check_range("kl_div", "target", target, "for log-probabilities give log_target=True")
        zero = target == 0  # added to t, it makes the logarithm 0 there
        losses = target * (target + zero).log() - where(zero, 0.0, target * input)
    if reduction != "batchmean":
        return reduce_losses("kl_div", losses, reduction)
    check_some("kl_div", losses)
    return losses.sum() / (len(losses) if losses.ndim else 1)


def _check_logarithms(name: str, tensor: Tensor) -> None:
    """Raise ValueError for log-probabilities above 0; a rounding error is none."""
    check_range("kl_div", name, tensor, "take log_softmax of logits", low=-math.inf, high=0.0, slack=1e-4)
