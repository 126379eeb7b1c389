"""What the two players of a GAN want, each form once: pairs of losses, written in the discriminator's outputs.

G turns noise z into samples G(z), and D gives one number D(.) for a sample, its output without any sigmoid.  A pair is
``discriminator_loss(real, fake)``, which D lowers, and ``generator_loss(fake)``, which G lowers, where ``real`` are D's
outputs for real samples and ``fake`` those for drawn ones, (N,) each.  Every loss is a mean over its samples.

In the cross-entropy pairs the output is a *logit*: s(D(x)), s the sigmoid, is the probability that x is real, and the
loss is in nats.  In the others it is a plain score, and the loss has its unit, or that unit squared.

References
----------
Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661.
Salimans et al., Improved Techniques for Training GANs, 2016, arXiv:1606.03498.
Mao et al., Least Squares Generative Adversarial Networks, 2017, arXiv:1611.04076.
Arjovsky, Chintala, Bottou, Wasserstein GAN, 2017, arXiv:1701.07875.
Lim, Ye, Geometric GAN, 2017, arXiv:1705.02894.
Miyato et al., Spectral Normalization for Generative Adversarial Networks, 2018, arXiv:1802.05957.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass

import minigen
import minigen.nn.functional as F
from minigen import Tensor

# -------------------------------------------------------------------------------- cross-entropy: is this one real?


def cross_entropy_discriminator_loss(real: Tensor, fake: Tensor, label_smoothing: float = 0.0) -> Tensor:
    r"""D tells real samples from drawn ones: the cross-entropy of a classifier with two classes, in nats.

    .. math:: -\frac{1}{N} \sum_i \left[ (1 - \alpha) \log s(D(x_i)) + \alpha \log(1 - s(D(x_i))) \right]
              -\frac{1}{N} \sum_i \log(1 - s(D(G(z_i))))

    Parameters
    ----------
    real, fake : Tensor
        D's logits (N,).  From logits, because the logarithm of a rounded probability is -inf as soon as D is sure.
    label_smoothing : float
        alpha: the label of a real sample is 1 - alpha, so that D is held back from being sure.  One-sided: the label
        of a drawn sample stays 0, else D would praise whatever G draws already.

    Raises
    ------
    ValueError
        If ``label_smoothing`` is not in [0, 0.5).

    References
    ----------
    Goodfellow et al. 2014, equation 1 and algorithm 1; Salimans et al. 2016, section 3.4.

    Examples
    --------
    A D that cannot tell says 1/2, and pays log 2 for each kind:

    >>> undecided = minigen.zeros(3)
    >>> round(cross_entropy_discriminator_loss(undecided, undecided).item(), 4)
    1.3863
    """
    check_label_smoothing(label_smoothing)
    labels = minigen.full_like(real, 1.0 - label_smoothing)
    return F.binary_cross_entropy_with_logits(real, labels) + (
        F.binary_cross_entropy_with_logits(fake, minigen.zeros_like(fake))
    )


def check_label_smoothing(label_smoothing: float) -> None:
    """Raise ValueError unless the label of a real sample stays nearer to that of a real one than of a drawn one."""
    if not 0.0 <= label_smoothing < 0.5:
        raise ValueError(
            f"label_smoothing must be in [0, 0.5), not {label_smoothing}: real samples are labelled "
            "1 - label_smoothing, and from 0.5 on they would count as drawn; 0.1 is usual"
        )


def minimax_generator_loss(fake: Tensor) -> Tensor:
    r"""G raises the very loss that D lowers, as far as it depends on G; in nats, at most 0.

    .. math:: \frac{1}{N} \sum_i \log(1 - s(D(G(z_i))))

    Its derivative with respect to the logit is -s(D(G(z))): it vanishes just when D finds every drawn sample out, and
    G has most to learn.

    References
    ----------
    Goodfellow et al. 2014, equation 1 and algorithm 1.

    Examples
    --------
    >>> round(minimax_generator_loss(minigen.zeros(3)).item(), 4)
    -0.6931
    """
    return -F.binary_cross_entropy_with_logits(fake, minigen.zeros_like(fake))


def non_saturating_generator_loss(fake: Tensor) -> Tensor:
    r"""G makes D say "real"; in nats, at least 0.

    .. math:: -\frac{1}{N} \sum_i \log s(D(G(z_i)))

    Its derivative with respect to the logit is -(1 - s(D(G(z)))): strongest just when D finds every drawn sample out.
    Where both players stand still is the same as in the minimax form.

    References
    ----------
    Goodfellow et al. 2014, section 3.

    Examples
    --------
    >>> round(non_saturating_generator_loss(minigen.zeros(3)).item(), 4)
    0.6931
    """
    return F.binary_cross_entropy_with_logits(fake, minigen.ones_like(fake))


# ------------------------------------------------------------------------ least squares: how far from the label?


def least_squares_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    r"""D says 1 for real samples and 0 for drawn ones; in squared scores.

    .. math:: \frac{1}{2N} \sum_i (D(x_i) - 1)^2 + \frac{1}{2N} \sum_i D(G(z_i))^2

    The best D is p / (p + q), of the densities p of real and q of drawn samples: a probability without a sigmoid.

    References
    ----------
    Mao et al. 2017, equation 9 (a = 0, b = 1).

    Examples
    --------
    >>> least_squares_discriminator_loss(minigen.tensor([1.0, 3.0]), minigen.tensor([0.0])).item()
    1.0
    """
    return 0.5 * ((real - 1) ** 2).mean() + 0.5 * (fake**2).mean()


def least_squares_generator_loss(fake: Tensor) -> Tensor:
    r"""G makes D say 1; in squared scores.

    .. math:: \frac{1}{2N} \sum_i (D(G(z_i)) - 1)^2

    The cross-entropy leaves a drawn sample alone as soon as D takes it for real; this loss also pulls at one that D
    puts far beyond 1.

    References
    ----------
    Mao et al. 2017, equation 9 (c = 1).

    Examples
    --------
    >>> least_squares_generator_loss(minigen.tensor([3.0])).item()
    2.0
    """
    return 0.5 * ((fake - 1) ** 2).mean()


# ---------------------------------------------------------------------------------- scores: higher for real samples


def wasserstein_critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    r"""D, here called critic, gives real samples higher scores than drawn ones; in scores, without a lower bound.

    .. math:: \frac{1}{N} \sum_i D(G(z_i)) - \frac{1}{N} \sum_i D(x_i)

    Of a critic whose slope is nowhere above 1, the best has minus the earth mover's distance between both kinds of
    samples.  Something must hold it to that slope (clipped weights, a penalty); by itself this loss does not.

    References
    ----------
    Arjovsky et al. 2017, equations 2 and 3, algorithm 1 (which goes up the gradient; a loss has the other sign).

    Examples
    --------
    >>> wasserstein_critic_loss(minigen.tensor([2.0, 4.0]), minigen.tensor([-1.0])).item()
    -4.0
    """
    return fake.mean() - real.mean()


def wasserstein_generator_loss(fake: Tensor) -> Tensor:
    r"""G raises the scores of what it draws: for the Wasserstein distance and, alike, for the hinge; in scores.

    .. math:: -\frac{1}{N} \sum_i D(G(z_i))

    References
    ----------
    Arjovsky et al. 2017, algorithm 1; Lim and Ye 2017, section 3; Miyato et al. 2018, equation 17.

    Examples
    --------
    >>> wasserstein_generator_loss(minigen.tensor([-1.0, 3.0])).item()
    -1.0
    """
    return -fake.mean()


def hinge_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    r"""D gives real samples at least 1 and drawn ones at most -1, and cares no more for those that have it; in scores.

    .. math:: \frac{1}{N} \sum_i \max(0, 1 - D(x_i)) + \frac{1}{N} \sum_i \max(0, 1 + D(G(z_i)))

    References
    ----------
    Lim and Ye 2017, section 3; Miyato et al. 2018, equation 16.

    Examples
    --------
    >>> hinge_discriminator_loss(minigen.tensor([0.0, 5.0]), minigen.tensor([-0.5])).item()
    1.0
    """
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


# ------------------------------------------------------------------------------------------------------- by name


def unchanged(score: Tensor) -> Tensor:
    """Return what D says as it is."""
    return score


@dataclass(frozen=True)
class Objective:
    """What both players want.

    Parameters
    ----------
    discriminator_loss : callable
        ``(real, fake) -> loss``, of D's outputs (N,).
    generator_loss : callable
        ``(fake) -> loss``.
    verdict : callable
        What of an output is worth a look: the sigmoid of a logit, or the score itself.

    Examples
    --------
    >>> hinge = OBJECTIVES["hinge"]
    >>> hinge.figures(minigen.tensor([1.0]), minigen.tensor([0.0]))["loss_d"].item()
    1.0
    """

    discriminator_loss: Callable[..., Tensor]
    generator_loss: Callable[[Tensor], Tensor]
    verdict: Callable[[Tensor], Tensor]

    def smoothed(self, label_smoothing: float) -> Objective:
        """Return the same with smoothed labels of the real samples; only the cross-entropy pairs have labels."""
        check_label_smoothing(label_smoothing)
        loss = functools.partial(self.discriminator_loss, label_smoothing=label_smoothing)
        return dataclasses.replace(self, discriminator_loss=loss)

    def verdicts(self, real: Tensor, fake: Tensor) -> dict[str, Tensor | float]:
        """Return D's mean verdict on real and on drawn samples, for the log; nothing is recorded."""
        with minigen.no_grad():
            return {"D(x)": self.verdict(real).mean(), "D(G(z))": self.verdict(fake).mean()}

    def figures(self, real: Tensor, fake: Tensor) -> dict[str, Tensor | float]:
        """Return both losses and both mean verdicts, for an evaluation."""
        losses = {"loss_d": self.discriminator_loss(real, fake), "loss_g": self.generator_loss(fake)}
        return {**losses, **self.verdicts(real, fake)}


OBJECTIVES: dict[str, Objective] = {
    "minimax": Objective(cross_entropy_discriminator_loss, minimax_generator_loss, minigen.sigmoid),
    "non-saturating": Objective(cross_entropy_discriminator_loss, non_saturating_generator_loss, minigen.sigmoid),
    "least-squares": Objective(least_squares_discriminator_loss, least_squares_generator_loss, unchanged),
    "wasserstein": Objective(wasserstein_critic_loss, wasserstein_generator_loss, unchanged),
    "hinge": Objective(hinge_discriminator_loss, wasserstein_generator_loss, unchanged),
}
