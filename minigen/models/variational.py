"""What the variational autoencoders share: the trick that lets a gradient pass through chance, and terms of the bound.

For an image x and hidden causes z, with the encoder's guess q(z | x) and the prior p(z),

    log p(x)  >=  E_q[log p(x | z)]  -  KL(q(z | x) || p(z)),

the evidence lower bound, ELBO (Kingma and Welling 2014, equation 3).  The first term, with its sign turned, is the
*distortion*: how badly the image can be told from z.  The second is the *rate*: how much z says about the image
(Alemi et al. 2018).  Both are in nats per image, summed over pixels or latents and averaged over the batch.  The KL
divergence from the standard normal distribution is `minigen.nn.functional.gaussian_kl`.

References
----------
Kingma, Welling, Auto-Encoding Variational Bayes, 2014, arXiv:1312.6114.
Kingma, Salimans, Jozefowicz, Chen, Sutskever, Welling, Improving Variational Inference with Inverse Autoregressive
Flow, 2016, arXiv:1606.04934.
Alemi, Poole, Fischer, Dillon, Saurous, Murphy, Fixing a Broken ELBO, 2018, arXiv:1711.00464.
"""

from __future__ import annotations

import minigen.nn.functional as F
from minigen import Tensor


def reparameterise(mu: Tensor, logvar: Tensor, epsilon: Tensor) -> Tensor:
    """Draw z = mu + sigma * epsilon from N(mu, sigma**2), so that gradients reach mu and sigma (Kingma, section 2.4).

    Parameters
    ----------
    mu, logvar : Tensor
        Mean and logarithm of the *variance*, (N, Z); sigma = exp(logvar / 2).
    epsilon : Tensor
        Draws from N(0, 1), (N, Z), or of any shape that they can be broadcast to.

    Examples
    --------
    >>> import minigen
    >>> reparameterise(minigen.tensor([1.0]), minigen.tensor([4.0]).log(), minigen.tensor([0.5])).item()
    2.0
    """
    return mu + (0.5 * logvar).exp() * epsilon


def reconstruction_loss(logits: Tensor, x: Tensor) -> Tensor:
    """-log p(x | z) = -sum_i [x_i log p_i + (1 - x_i) log(1 - p_i)], p = sigmoid(logits): nats per image.

    Summed over the pixels of an image (a mean would weigh it 784 times too low against the KL term),
    averaged over the batch.  Of grey levels between 0 and 1 it is a cross-entropy, and its least value is not 0.

    Parameters
    ----------
    logits, x : Tensor
        (N, C, H, W), or any other shape that begins with the batch; x in [0, 1].

    Examples
    --------
    >>> import minigen
    >>> round(reconstruction_loss(minigen.zeros(8, 784), minigen.rand(8, 784)).item(), 2)  # 784 log 2
    543.43
    """
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)


def kl_of_each_latent(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(q(z_j | x) || N(0, 1)) of every latent j, averaged over the batch: (N, Z) and (N, Z) to (Z,), in nats.

    Their sum over the latents is the rate.

    Examples
    --------
    >>> import minigen
    >>> kl_of_each_latent(minigen.tensor([[2.0, 0.0], [0.0, 0.0]]), minigen.zeros(2, 2)).tolist()
    [1.0, 0.0]
    """
    sums = F.gaussian_kl(mu.t(), logvar.t(), reduction="none")  # (Z, N) -> (Z,): each row is one latent's
    return sums / len(mu)


def with_free_bits(mu: Tensor, logvar: Tensor, least: float) -> Tensor:
    """The rate, but with no gain from pressing a latent below ``least`` nats: sum_j max(least, KL_j).

    KL_j is the mean over the batch of what the latent j says; each latent is a group of its own, and ``least`` is
    lambda of Kingma et al. (2016, appendix C.8), in nats per latent.  Where a latent lies below, its gradient is 0, so
    that it may begin to say something before the divergence puts it down.

    Parameters
    ----------
    mu, logvar : Tensor
        Of q(z | x), (N, Z).
    least : float
        lambda, in nats.

    Returns
    -------
    Tensor
        A scalar in nats per image, at least Z * lambda.

    Examples
    --------
    >>> import minigen
    >>> with_free_bits(minigen.tensor([[2.0, 0.0], [0.0, 0.0]]), minigen.zeros(2, 2), 0.25).item()
    1.25
    """
    return kl_of_each_latent(mu, logvar).clamp(min=least).sum()
