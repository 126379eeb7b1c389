"""Likelihoods in nats per image: summed over all of an image, averaged over the batch.

The terms of a variational bound, and nothing divided away: their sums are comparable between models and papers.  The
first axis is the batch; all others belong to the image (or the latent vector).  Divide by ``log(2)`` times the number
of pixels and channels for bits per dimension.  Losses under PyTorch's names, which average over elements, are in
`minigen.functional.losses` and `minigen.functional.classification`.
"""

from __future__ import annotations

import math

from minigen.functional.activations import softplus
from minigen.functional.arguments import check_choice, check_floating, check_same_shape
from minigen.functional.classification import BinaryCrossEntropyWithLogits
from minigen.functional.reduction import REDUCTIONS, check_broadcasts_to, check_range, reduce_losses
from minigen.tensor import Tensor


def _check(owner: str, reduction: str, inputs: dict[str, Tensor], spread: tuple[str, ...] = ()) -> None:
    """Check images of one shape (N, ...); those named in `spread` may also be broadcast to it."""
    check_choice(owner, "reduction", reduction, REDUCTIONS)
    check_floating(owner, **inputs)
    check_same_shape(owner, **{name: tensor for name, tensor in inputs.items() if name not in spread})
    first, images = next(iter(inputs.items()))
    if images.ndim < 2:
        raise ValueError(f"{owner}: {first} must be (N, ...) with one row for each image, not {images.shape}")
    for name in spread:
        check_broadcasts_to(owner, name, inputs[name], images.shape)


def _per_image(owner: str, nats: Tensor, reduction: str, **inputs: Tensor) -> Tensor:
    """Sum over each image, and reduce over the batch."""
    return reduce_losses(owner, nats.flatten(1).sum(dim=1), reduction, **inputs)  # (N, ...) -> (N,)


def bernoulli_nll(logits: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Negative log-likelihood of binary images under independent pixels, in nats per image.

    .. math:: \sum_i -t_i \log \sigma(x_i) - (1 - t_i) \log (1 - \sigma(x_i))

    Parameters
    ----------
    logits : Tensor
        x, of shape (N, ...): what a sigmoid would turn into the probabilities of a 1.
    target : Tensor
        Images t in [0, 1], of the same shape.  For grey levels between 0 and 1 this is a cross-entropy and no
        likelihood; say so next to the figure.
    reduction : {"mean", "sum", "none"}, default "mean"
        Over the batch; "none" gives one number an image.

    Returns
    -------
    Tensor
        A scalar, or (N,) for "none".

    Raises
    ------
    ValueError
        If the shapes differ, there is no batch axis, a target lies outside [0, 1], or a logit is NaN.

    Notes
    -----
    d/d logits = (sigmoid(logits) - target) / N.

    References
    ----------
    Kingma and Welling, "Auto-encoding variational Bayes", 2014, appendix C.1.

    Examples
    --------
    >>> import minigen
    >>> round(bernoulli_nll(minigen.zeros(8, 1, 4, 4), minigen.ones(8, 1, 4, 4)).item() / 16, 5)  # log 2 a pixel
    0.69315
    """
    owner = "bernoulli_nll"
    _check(owner, reduction, {"logits": logits, "target": target})
    check_range(owner, "target", target, "scale images to [0, 1] first")
    nats = BinaryCrossEntropyWithLogits.apply(logits, target)
    return _per_image(owner, nats, reduction, logits=logits)


def gaussian_nll(mean: Tensor, logvar: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Negative log-likelihood of images under independent Gaussian pixels, in nats per image.

    .. math:: \sum_i \tfrac12 \left( \log 2\pi + \log \sigma_i^2 + \frac{(t_i - \mu_i)^2}{\sigma_i^2} \right)

    Parameters
    ----------
    mean : Tensor
        Of shape (N, ...).
    logvar : Tensor
        Logarithms of the *variances*, of the same shape or broadcast to it: ``minigen.tensor(0.0)`` is a variance of 1
        everywhere.
    target : Tensor
        Images of any range, of the shape of ``mean``.
    reduction : {"mean", "sum", "none"}, default "mean"
        Over the batch; "none" gives one number an image.

    Returns
    -------
    Tensor
        A scalar, or (N,) for "none".

    Raises
    ------
    ValueError
        If the shapes do not fit, there is no batch axis, or an input holds a NaN.

    Notes
    -----
    A density of continuous values: it has no lower bound, and a variance that is free to shrink on constant pixels
    will do so.  Use `discretised_logistic_nll` for 8-bit images.

    References
    ----------
    Kingma and Welling, "Auto-encoding variational Bayes", 2014, appendix C.2.

    Examples
    --------
    >>> import minigen
    >>> x = minigen.zeros(8, 3, 4, 4)
    >>> round(gaussian_nll(x, minigen.tensor(0.0), x).item() / 48, 5)  # log(2 pi) / 2
    0.91894
    """
    owner = "gaussian_nll"
    inputs = {"mean": mean, "logvar": logvar, "target": target}
    _check(owner, reduction, inputs, spread=("logvar",))
    difference = target - mean
    nats = 0.5 * (difference * difference * (-logvar).exp() + (logvar + math.log(2 * math.pi)))
    return _per_image(owner, nats, reduction, **inputs)


def gaussian_kl(
    mu: Tensor,
    logvar: Tensor,
    mu_prior: Tensor | None = None,
    logvar_prior: Tensor | None = None,
    *,
    reduction: str = "mean",
) -> Tensor:
    r"""KL divergence of a diagonal Gaussian from another one (by default the standard one), in nats per image.

    .. math:: \sum_z \frac12 \left(\frac{\sigma_z^2 + (\mu_z - \mu'_z)^2}{\sigma_z'^2} - 1
              - \log \frac{\sigma_z^2}{\sigma_z'^2}\right)

    Parameters
    ----------
    mu : Tensor
        Means, of shape (N, Z) or (N, ...).
    logvar : Tensor
        Logarithms of the *variances*, of the same shape.
    mu_prior, logvar_prior : Tensor, optional
        The Gaussian from which the divergence is measured, broadcast to the shape of ``mu``; both or neither, by
        default mean 0 and variance 1.
    reduction : {"mean", "sum", "none"}, default "mean"
        Over the batch; "none" gives one number an image.

    Returns
    -------
    Tensor
        A scalar, or (N,) for "none".

    Raises
    ------
    ValueError
        If the shapes do not fit, there is no batch axis, only one of the prior's tensors is given, or an input holds a
        NaN.

    Notes
    -----
    From the standard Gaussian d/d mu = mu / N and d/d logvar = (exp(logvar) - 1) / (2 N).

    References
    ----------
    Kingma and Welling, "Auto-encoding variational Bayes", 2014, appendix B.

    Examples
    --------
    >>> import minigen
    >>> gaussian_kl(minigen.ones(8, 20), minigen.zeros(8, 20)).item()
    10.0
    >>> one = minigen.ones(8, 20)
    >>> gaussian_kl(one, one, minigen.tensor(1.0), minigen.tensor(1.0)).item()
    0.0
    """
    owner = "gaussian_kl"
    if (mu_prior is None) != (logvar_prior is None):
        raise ValueError(f"{owner}: give mu_prior and logvar_prior, or neither; minigen.tensor(0.0) is broadcast")
    inputs = {"mu": mu, "logvar": logvar}
    if mu_prior is None or logvar_prior is None:
        _check(owner, reduction, inputs)
        squares, log_ratio = mu * mu, logvar
    else:
        inputs |= {"mu_prior": mu_prior, "logvar_prior": logvar_prior}
        _check(owner, reduction, inputs, spread=("mu_prior", "logvar_prior"))
        difference, log_ratio = mu - mu_prior, logvar - logvar_prior
        squares = difference * difference * (-logvar_prior).exp()
    nats = 0.5 * (squares + (log_ratio.expm1() - log_ratio))  # expm1: no digits lost near log_ratio = 0
    return _per_image(owner, nats, reduction, **inputs)


def discretised_logistic_nll(mean: Tensor, log_scale: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Negative log-likelihood of 8-bit images under independent discretised logistics, in nats per image.

    The probability of a grey level is what a logistic distribution has on the bin of width 2/255 around it; the bins
    of the darkest and the brightest level reach to infinity, so that the 256 probabilities add up to 1.

    .. math:: P(t) = \sigma(a) - \sigma(b), \quad a, b = (t - \mu \pm \tfrac{1}{255}) / s

    Parameters
    ----------
    mean : Tensor
        mu, of shape (N, ...), on the scale of the images.
    log_scale : Tensor
        Logarithms of the scale s (the standard deviation is 1.81 s), of the same shape or broadcast to it.
    target : Tensor
        8-bit images scaled to [-1, 1], ``x / 127.5 - 1``, of the shape of ``mean``.
    reduction : {"mean", "sum", "none"}, default "mean"
        Over the batch; "none" gives one number an image.

    Returns
    -------
    Tensor
        A scalar, or (N,) for "none".

    Raises
    ------
    ValueError
        If the shapes do not fit, there is no batch axis, a target lies outside [-1, 1], or an input holds a NaN.

    Notes
    -----
    Computed as log P = log(1 - exp(b - a)) - softplus(-a) - softplus(b), where nothing cancels: the paper's program
    takes the difference of two sigmoids and falls back to the density where that is below 1e-5.  In the darkest bin
    only the term of a is left, in the brightest only that of b.  As there, bound the scales from below:
    ``log_scale.clamp(min=-7)``.

    References
    ----------
    Salimans et al., "PixelCNN++", 2017, section 2.1.

    Examples
    --------
    >>> import minigen
    >>> levels = minigen.arange(256).float().reshape(256, 1) / 127.5 - 1
    >>> mean, log_scale = minigen.full((256, 1), 0.3), minigen.full((256, 1), -2.0)
    >>> nats = discretised_logistic_nll(mean, log_scale, levels, reduction="none")
    >>> round((-nats).exp().sum().item(), 5)
    1.0
    """
    owner = "discretised_logistic_nll"
    inputs = {"mean": mean, "log_scale": log_scale, "target": target}
    _check(owner, reduction, inputs, spread=("log_scale",))
    check_range(owner, "target", target, "scale 8-bit images by x / 127.5 - 1", low=-1.0)
    half = 1 / 255
    inverse_scale = (-log_scale).exp()
    a = (target - mean + half) * inverse_scale
    b = (target - mean - half) * inverse_scale
    not_darkest, not_brightest = target > half - 1, target < 1 - half
    inside = (-(-2 * half * inverse_scale).expm1()).log()  # log(1 - exp(b - a))
    nats = not_brightest * softplus(-a, threshold=math.inf) + not_darkest * softplus(b, threshold=math.inf)
    nats = nats - (not_darkest & not_brightest) * inside
    return _per_image(owner, nats, reduction, **inputs)
