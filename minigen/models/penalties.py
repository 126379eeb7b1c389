"""Penalties on the slope of a critic: what it costs to change its verdict faster than the method allows.

A penalty is a loss that holds a gradient, namely that of the critic's score with respect to its *input*, and learning
then takes the gradient of that with respect to the critic's *weights*: a gradient of a gradient, which is what
``create_graph=True`` is for.  Both penalties here are means over the samples of a batch, in units of score per unit of
input (squared); the caller multiplies them by a weight and adds them to the critic's loss.

They speak of one sample at a time, so they have no meaning for a critic with batch norm, whose verdict on an image
depends on the other images of its batch; such a critic is refused.

References
----------
Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville, Improved Training of Wasserstein GANs, 2017, arXiv:1704.00028.
Mescheder, Geiger, Nowozin, Which Training Methods for GANs do actually Converge?, 2018, arXiv:1801.04406.
"""

from __future__ import annotations

from collections.abc import Callable

import minigen
from minigen import Tensor, nn

Critic = Callable[[Tensor], Tensor]  # samples (N, ...) to scores (N,) or (N, 1)


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, *, target: float = 1.0) -> tuple[Tensor, Tensor]:
    r"""Penalise slopes other than ``target`` on the lines between real and drawn samples.

    .. math::
        \frac{1}{N} \sum_i (|\nabla_{\hat x} D(\hat x_i)|_2 - \text{target})^2,
        \qquad \hat x_i = \epsilon_i x_i + (1 - \epsilon_i) \tilde x_i, \quad \epsilon_i \sim U[0, 1)

    Parameters
    ----------
    critic : Module or callable
        Samples to one score each, (N,) or (N, 1); without batch norm.
    real, fake : Tensor
        x and x~, images (N, C, H, W) or points (N, 2).  Nothing flows back to whoever drew them.
    target : float
        The slope wanted.  1 is that of the best critic of a Wasserstein GAN, which rises by 1 a unit of distance from
        drawn to real samples (Gulrajani et al. 2017, section 2.3 and proposition 1).

    Returns
    -------
    penalty : Tensor
        A number to be multiplied by lambda (in the paper 10) and added to the critic's loss.
    norm : Tensor
        The mean of the gradients' norms, for the log; detached, and on the critic's device, so that nobody waits.

    Raises
    ------
    ValueError
        If the shapes of ``real`` and ``fake`` differ, the critic has batch norm, or it gives not one score a sample.

    Notes
    -----
    One epsilon a *sample* (one a pixel would leave the lines), from the uniform distribution, and the norm over all
    axes of a sample at once.  Where a gradient is exactly 0, so is the derivative of its norm.

    References
    ----------
    Gulrajani et al. 2017, algorithm 1, lines 4 to 7, and equation 3.

    Examples
    --------
    A plane that rises by 5 a unit is too steep by 4 wherever it is looked at:

    >>> plane = nn.Linear(2, 1)
    >>> with minigen.no_grad():
    ...     _ = plane.weight.copy_(minigen.tensor([[3.0, 4.0]]))
    >>> penalty, norm = gradient_penalty(plane, minigen.randn(6, 2), minigen.randn(6, 2))
    >>> round(penalty.item(), 4), round(norm.item(), 4)
    (16.0, 5.0)
    """
    if real.shape != fake.shape:
        raise ValueError(
            f"gradient_penalty: real samples have shape {tuple(real.shape)}, drawn ones {tuple(fake.shape)}; "
            "each drawn sample needs a real one to form a line with"
        )
    one_each = (len(real),) + (1,) * (real.dim() - 1)  # (N, 1, 1, 1) for images
    epsilon = minigen.rand(*one_each, dtype=real.dtype, device=real.device)
    between = epsilon * real.detach() + (1 - epsilon) * fake.detach()  # (N, C, H, W)
    norms = input_gradients("gradient_penalty", critic, between).norm(dim=1)  # (N, C*H*W) -> (N,)
    return ((norms - target) ** 2).mean(), norms.detach().mean()


def r1_penalty(discriminator: Critic, real: Tensor) -> Tensor:
    r"""Penalise any slope at the real samples: there, at the end of learning, a discriminator should be flat.

    .. math:: \frac{1}{N} \sum_i |\nabla_x D(x_i)|_2^2

    Parameters
    ----------
    discriminator : Module or callable
        Samples to one *logit* each, (N,) or (N, 1); without batch norm.
    real : Tensor
        Images (N, C, H, W) or points (N, 2).

    Returns
    -------
    Tensor
        A number to be multiplied by gamma / 2 (in the paper gamma = 10) and added to the discriminator's loss.

    Raises
    ------
    ValueError
        If the discriminator has batch norm, or gives not one logit a sample.

    References
    ----------
    Mescheder et al. 2018, equation 9 (section 4.1).

    Examples
    --------
    >>> plane = nn.Linear(2, 1)
    >>> with minigen.no_grad():
    ...     _ = plane.weight.copy_(minigen.tensor([[3.0, 4.0]]))
    >>> round(r1_penalty(plane, minigen.randn(6, 2)).item(), 4)
    25.0
    """
    gradients = input_gradients("r1_penalty", discriminator, real.detach())
    return (gradients**2).sum(1).mean()  # (N, C*H*W) -> (N,) -> ()


def input_gradients(penalty: str, critic: Critic, x: Tensor) -> Tensor:
    """Return the gradient of each score with respect to its own sample, flat and differentiable: (N, C*H*W).

    Scores of different samples do not depend on each other, so the gradient of their sum holds each one's gradient in
    its own row, and one backward does for all.
    """
    refuse_batch_norm(penalty, critic)
    x = x.clone().requires_grad_()  # a leaf of its own: the caller's tensor stays as it is
    scores = critic(x)  # (N, C, H, W) -> (N,) or (N, 1)
    if tuple(scores.shape) not in ((len(x),), (len(x), 1)):
        raise ValueError(
            f"{penalty}: one score a sample is wanted, but from samples of shape {tuple(x.shape)} the critic made "
            f"scores of shape {tuple(scores.shape)}; end it with a convolution over all that is left"
        )
    (gradients,) = minigen.autograd.grad(scores.sum(), x, create_graph=True)
    return gradients.flatten(1)  # (N, C, H, W) -> (N, C*H*W)


def refuse_batch_norm(penalty: str, critic: Critic) -> None:
    """Raise if a critic has batch norm, with which "the slope at this sample" does not exist.

    Parameters
    ----------
    penalty : str
        Who asks, for the message.
    critic : Module or callable
        Only a module can be looked into.

    Raises
    ------
    ValueError
        Naming the layer.

    References
    ----------
    Gulrajani et al. 2017, section 4, "No critic batch normalization".

    Examples
    --------
    >>> refuse_batch_norm("gradient_penalty", nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)))
    Traceback (most recent call last):
        ...
    ValueError: gradient_penalty: layer '1' of the critic is a BatchNorm1d, ... by nn.LayerNorm, or by nothing
    """
    for name, layer in critic.named_modules() if isinstance(critic, nn.Module) else ():
        if any("BatchNorm" in kind.__name__ for kind in type(layer).__mro__):
            raise ValueError(
                f"{penalty}: layer {name!r} of the critic is a {type(layer).__name__}, which makes the score of a "
                "sample depend on the rest of its batch, while the penalty is about one sample at a time; replace it "
                "by nn.LayerNorm, or by nothing"
            )
