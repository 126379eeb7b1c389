"""Losses with a margin or an angle: right is enough, and right by a margin costs nothing.

`hinge_loss` compares a score with a sign (support vector machines, and the discriminators of most GANs since 2018);
`hinge_embedding_loss` and `cosine_embedding_loss` say whether a pair belongs together; `soft_margin_loss` is the hinge
with its corner rounded off.  Targets are 1 and -1, of the scores' dtype or integers, and no gradient flows to them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from minigen.arguments import broadcastable, one_axis
from minigen.functional.activations import softplus
from minigen.functional.arguments import check_choice, check_floating, check_number, check_same_shape, check_tensor
from minigen.functional.reduction import REDUCTIONS, check_no_labels, check_signs, explain_nan, reduce_losses
from minigen.tensor import Tensor

Check = Callable[[str, Tensor], None]


def _signs(owner: str, reduction: str, input: Tensor, target: Tensor, check: Check = check_signs) -> Tensor:
    """Check scores and targets of 1 and -1; return the targets in the scores' dtype, outside the graph."""
    check_choice(owner, "reduction", reduction, REDUCTIONS)
    check_floating(owner, input=input)
    check_tensor(owner, target=target)
    check_same_shape(owner, input=input, target=target)
    check(owner, target)
    return target.detach().to(input.dtype)


def hinge_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Hinge loss of scores: ``max(0, 1 - target * input)``.

    Parameters
    ----------
    input : Tensor
        Scores, any real numbers.
    target : Tensor
        1 or -1 for each, of the same shape.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over all elements.

    Returns
    -------
    Tensor
        A scalar, or for "none" one loss for each element.

    Raises
    ------
    ValueError
        If the shapes differ, a target is neither 1 nor -1, the mean is over nothing, or a score is NaN.

    Notes
    -----
    d/d input = -target where the score is on the wrong side of its margin, else 0.  A GAN's discriminator minimises
    ``hinge_loss(D(x), ones) + hinge_loss(D(G(z)), -ones)``, and its generator ``-D(G(z)).mean()``, without a hinge:
    where the discriminator is sure of itself, a hinge would leave the generator no gradient.

    References
    ----------
    Cortes and Vapnik, "Support-vector networks", 1995.
    Lim and Ye, "Geometric GAN", 2017, section 3.

    Examples
    --------
    >>> import minigen
    >>> hinge_loss(minigen.tensor([2.0, 0.5, -1.0]), minigen.tensor([1, 1, 1]), reduction="none").tolist()
    [0.0, 0.5, 2.0]
    """
    signs = _signs("hinge_loss", reduction, input, target)
    return reduce_losses("hinge_loss", (1 - signs * input).clamp(min=0), reduction, input=input)


def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, *, reduction: str = "mean") -> Tensor:
    """Small distances for pairs that belong together, at least ``margin`` for the others.

    The loss of a distance x is x where the target is 1, and ``max(0, margin - x)`` where it is -1.

    Parameters
    ----------
    input : Tensor
        Distances.
    target : Tensor
        1 (together) or -1 (apart) for each, of the same shape.
    margin : float, default 1
        How far apart is far enough.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over all elements.

    Returns
    -------
    Tensor
        A scalar, or for "none" one loss for each element.

    Raises
    ------
    ValueError
        If the shapes differ, a target is neither 1 nor -1, the mean is over nothing, or a distance is NaN.

    References
    ----------
    Hadsell, Chopra and LeCun, "Dimensionality reduction by learning an invariant mapping", 2006.

    Examples
    --------
    >>> import minigen
    >>> x = minigen.tensor([0.25, 0.25, 3.0])
    >>> hinge_embedding_loss(x, minigen.tensor([1, -1, -1]), reduction="none").tolist()
    [0.25, 0.75, 0.0]
    """
    signs = _signs("hinge_embedding_loss", reduction, input, target)
    margin = check_number("hinge_embedding_loss", "margin", margin, low=-math.inf)
    together = (1 + signs) / 2
    losses = together * input + (1 - together) * (margin - input).clamp(min=0)
    return reduce_losses("hinge_embedding_loss", losses, reduction, input=input)


def soft_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Logistic loss of scores and signs: ``log(1 + exp(-target * input))``, in nats.

    Parameters
    ----------
    input : Tensor
        Scores, any real numbers.
    target : Tensor
        1 or -1 for each, of the same shape; other numbers weigh the score.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over all elements.

    Returns
    -------
    Tensor
        A scalar, or for "none" one loss for each element.

    Raises
    ------
    ValueError
        If the shapes differ, the targets are labels 0 and 1, the mean is over nothing, or a score is NaN.

    Notes
    -----
    The same as `binary_cross_entropy_with_logits` with targets 1 and 0 for 1 and -1.

    Examples
    --------
    >>> import minigen
    >>> round(soft_margin_loss(minigen.zeros(3), minigen.ones(3)).exp().item(), 5)
    2.0
    """
    signs = _signs("soft_margin_loss", reduction, input, target, check_no_labels)
    losses = softplus(-signs * input, threshold=math.inf)
    return reduce_losses("soft_margin_loss", losses, reduction, input=input)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    r"""Cosine of the angle between vectors: 1 along, 0 across, -1 against each other.

    .. math:: \frac{x_1 \cdot x_2}{\max(\lVert x_1 \rVert, \epsilon) \max(\lVert x_2 \rVert, \epsilon)}

    Parameters
    ----------
    x1, x2 : Tensor
        Of one shape, or of shapes that broadcast: ``cosine_similarity(x[:, None], y[None], dim=-1)`` compares all
        pairs.
    dim : int, default 1
        The axis along which the vectors lie, of the broadcast shape.
    eps : float, default 1e-8
        The smallest length counted with, so that the zero vector is across everything.

    Returns
    -------
    Tensor
        Of the broadcast shape without the axis ``dim``.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.
    IndexError
        If there is no such axis.

    Notes
    -----
    d/d x1 = (u2 - cos u1) / |x1| with the unit vectors u: it is across x1, as lengths do not matter.

    Examples
    --------
    >>> import minigen
    >>> round(cosine_similarity(minigen.tensor([[1.0, 0.0]]), minigen.tensor([[3.0, 4.0]])).item(), 6)
    0.6
    """
    owner = "cosine_similarity"
    check_floating(owner, x1=x1, x2=x2)
    if not broadcastable(x1.shape, x2.shape):
        raise ValueError(f"{owner}: x1 {x1.shape} and x2 {x2.shape} do not broadcast; their vectors must be as long")
    shape = np.broadcast_shapes(x1.shape, x2.shape)
    dim = one_axis(owner, dim, len(shape))
    smallest = check_number(owner, "eps", eps, low=0.0) ** 2
    units = []
    for x in (x1.broadcast_to(shape), x2.broadcast_to(shape)):
        square = (x * x).sum(dim, keepdim=True)
        units.append(x / square.clamp(min=smallest).sqrt())  # before the root, whose slope at 0 is infinite
    return (units[0] * units[1]).sum(dim)


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """Small angles for pairs of vectors that belong together, large ones for the others.

    The loss is ``1 - cos`` where the target is 1, and ``max(0, cos - margin)`` where it is -1.

    Parameters
    ----------
    input1, input2 : Tensor
        Vectors (N, D), or one of each (D,).
    target : Tensor
        1 (together) or -1 (apart) for each pair: (N,), or ().
    margin : float, default 0
        The largest cosine that costs nothing for pairs that are to be apart; in [-1, 1], PyTorch's advice is 0 to 0.5.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over the pairs.

    Returns
    -------
    Tensor
        A scalar, or for "none" one loss for each pair.

    Raises
    ------
    ValueError
        If the shapes do not fit, a target is neither 1 nor -1, the mean is over nothing, or an input holds a NaN.

    Notes
    -----
    As in PyTorch 1e-12 is added to the squared lengths (`cosine_similarity` has a bound instead).

    Examples
    --------
    >>> import minigen
    >>> x, y = minigen.tensor([[1.0, 0.0]] * 2), minigen.tensor([[3.0, 4.0]] * 2)
    >>> [round(v, 6) for v in cosine_embedding_loss(x, y, minigen.tensor([1, -1]), reduction="none").tolist()]
    [0.4, 0.6]
    """
    owner = "cosine_embedding_loss"
    check_floating(owner, input1=input1, input2=input2)
    check_same_shape(owner, input1=input1, input2=input2)
    if input1.ndim not in (1, 2):
        raise ValueError(f"{owner}: input1 must hold vectors, (N, D) or (D,), not {input1.shape}")
    margin = check_number(owner, "margin", margin, low=-1.0, high=1.0)
    product, *squares = ((a * b).sum(-1) for a, b in ((input1, input2), (input1, input1), (input2, input2)))
    cosine = product / ((squares[0] + 1e-12) * (squares[1] + 1e-12)).sqrt()
    explain_nan(owner, cosine, input1=input1, input2=input2)
    together = (1 + _signs(owner, reduction, cosine, target)) / 2
    losses = together * (1 - cosine) + (1 - together) * (cosine - margin).clamp(min=0)
    return reduce_losses(owner, losses, reduction)
