"""VAE: an encoder that says which hidden causes z an image may have, and a decoder that draws from causes.

Kingma and Welling (2014) want to maximise log p(x), the probability that the decoder, fed with z from N(0,
I), draws the image x.  That is an integral over all z, out of reach; but the encoder's guess q(z | x) gives
a lower bound of it (the ELBO), whose gradient can be estimated with one drawn z an image, if z is written
as mu + sigma * epsilon, so that the randomness does not stand in the way of the derivative (the
"reparameterisation trick").

How probable an image is for a given z is one of two models of its pixels.  "bernoulli": every pixel is white
with the probability that the decoder names.  "gaussian": every pixel is normally distributed around what the
decoder names, with one variance for all pixels of all images, which is learned like a weight.  A variance that
is fixed instead only says how many nats an error of reconstruction is worth beside the KL term, and so sets
another balance between the two; the learned one is the variance that makes the images most probable.

References
----------
Kingma, Welling, Auto-Encoding Variational Bayes, 2014, arXiv:1312.6114.
Higgins et al., beta-VAE, 2017, appendix A.1: the convolutional networks.
Rybkin, Daniilidis, Levine, Simple and Effective VAE Training with Calibrated Decoders, 2021, arXiv:2006.13202: one
learned variance for all pixels.

Deviations
----------
- 400 hidden units with ReLU, 20 latent numbers and Adam, as in pytorch/examples; the paper has 500 with
  tanh, and Adagrad.
- Grey levels in [0, 1] are put into the Bernoulli likelihood as they are, as in pytorch/examples and most
  others. A figure in nats may therefore be compared with other *grey-level* figures only, not with
  binarised ones: those are lower by 15 to 20 nats.  The Gaussian likelihood is a density: its nats are on a
  scale of their own, and may be negative.
- The variance of the Gaussian likelihood is the same for all pixels; the paper's decoder names one for each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import minigen
import minigen.nn.functional as F
from minigen import Tensor, nn
from minigen.models.arguments import images_for, noise_for
from minigen.models.convolutional import Contraction, Expansion
from minigen.models.system import Mean, Shape, System, evaluating, option, standard_normal
from minigen.models.variational import reconstruction_loss, reparameterise
from minigen.optim import Adam


@dataclass
class Options:
    """The settings of the VAE; they are those of pytorch/examples."""

    batch_size: int = option(128, "images a step (pytorch/examples; paper: 100)")
    network: str = option("dense", "kind of encoder and decoder (pytorch/examples)", choices=("dense", "convolutional"))
    likelihood: str = option("bernoulli", "model of a pixel (paper, appendix C)", choices=("bernoulli", "gaussian"))
    hidden_size: int = option(400, "units of the hidden layer in encoder and decoder (pytorch/examples; paper: 500)")
    width: int = option(32, "channels of the first convolution (Higgins et al. 2017); dense networks have none")
    latent_size: int = option(20, "length Z of the hidden cause z (paper, figure 2: 3 to 200)")
    pixel_std: float = option(
        0.1, "a pixel's standard deviation at first, gaussian only; learned from there", least=1e-3
    )
    lr: float = option(1e-3, "Adam's step size (pytorch/examples)")


# ------------------------------------------------------------------------------------------------ networks


class DenseEncoder(nn.Module):
    """Images (N, C, H, W) to mean and log-variance, (N, Z) each, of the normal distribution q(z | x)."""

    def __init__(self, shape: Shape, options: Options) -> None:
        super().__init__()
        self.hidden = nn.Linear(math.prod(shape), options.hidden_size)
        self.mu = nn.Linear(options.hidden_size, options.latent_size)
        self.logvar = nn.Linear(options.hidden_size, options.latent_size)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mu and log(sigma**2), (N, Z) each."""
        hidden = F.relu(self.hidden(x.flatten(1)))  # (N, C, H, W) -> (N, 784) -> (N, 400)
        return self.mu(hidden), self.logvar(hidden)


class DenseDecoder(nn.Module):
    """Causes (N, Z) to one number a pixel (N, C, H, W), whose sigmoid is the expected grey level."""

    def __init__(self, shape: Shape, options: Options) -> None:
        super().__init__()
        self.shape = shape
        self.hidden = nn.Linear(options.latent_size, options.hidden_size)
        self.pixels = nn.Linear(options.hidden_size, math.prod(shape))

    def forward(self, z: Tensor) -> Tensor:
        """Return logits (N, C, H, W)."""
        logits = self.pixels(F.relu(self.hidden(z)))  # (N, 20) -> (N, 400) -> (N, 784)
        return logits.reshape(-1, *self.shape)  # (N, C, H, W)


class ConvolutionalEncoder(nn.Module):
    """As `DenseEncoder`, with convolutions before the hidden layer."""

    def __init__(self, shape: Shape, options: Options) -> None:
        super().__init__()
        self.hidden = Contraction(shape, options.width, options.hidden_size)
        self.mu = nn.Linear(options.hidden_size, options.latent_size)
        self.logvar = nn.Linear(options.hidden_size, options.latent_size)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mu and log(sigma**2), (N, Z) each."""
        hidden = self.hidden(x)  # (N, C, H, W) -> (N, 400)
        return self.mu(hidden), self.logvar(hidden)


def networks(shape: Shape, options: Options) -> tuple[nn.Module, nn.Module]:
    """Return the encoder and the decoder that the options ask for."""
    if options.network == "dense":
        return DenseEncoder(shape, options), DenseDecoder(shape, options)
    decoder = Expansion(shape, options.width, options.hidden_size, options.latent_size)
    return ConvolutionalEncoder(shape, options), decoder


# ----------------------------------------------------------------------------------------------- objective
# The negative ELBO, in nats per image: -log p(x | z) + KL(q(z | x) || N(0, I)).  For "bernoulli" the first term is
# `reconstruction_loss`, which cvae and others share; the second is `F.gaussian_kl`.


def gaussian_reconstruction_loss(outputs: Tensor, logvar: Tensor, x: Tensor) -> Tensor:
    """-log p(x | z) = sum_i 1/2 [log(2 pi s^2) + (x_i - m_i)^2 / s^2], m = sigmoid(outputs): nats per image.

    The sigmoid keeps the means where grey levels are (Kingma and Welling 2014, section 5).

    Parameters
    ----------
    outputs, x : Tensor
        (N, C, H, W) each; x in [0, 1].
    logvar : Tensor
        log(s**2), a scalar.
    """
    return F.gaussian_nll(outputs.sigmoid(), logvar, x)


# -------------------------------------------------------------------------------------------------- system


class VAE(System):
    """Encoder and decoder, trained together on the negative ELBO.

    Examples
    --------
    >>> system = VAE(Options(hidden_size=16, latent_size=2))
    >>> system.sample(3).shape
    (3, 1, 28, 28)
    """

    name = "vae"
    summary = "variational autoencoder (Kingma and Welling 2014)"
    Options = Options
    restores = True

    def __init__(self, options: Any = None, *, shape: Shape = (1, 28, 28), classes: int = 10) -> None:
        super().__init__(options, shape=shape, classes=classes)
        self.encoder, self.decoder = networks(self.shape, self.options)
        if self.options.likelihood == "gaussian":
            self.pixel_logvar = nn.Parameter(minigen.tensor(2 * math.log(self.options.pixel_std)))
        self.optimizers = {"vae": Adam(self.parameters(), lr=self.options.lr)}

    def distortion(self, z: Tensor, x: Tensor) -> Tensor:
        """Return -log p(x | z) in nats per image, for causes z (N, Z) and images x (N, C, H, W)."""
        outputs = self.decoder(z)  # (N, Z) -> (N, C, H, W)
        if self.options.likelihood == "gaussian":
            return gaussian_reconstruction_loss(outputs, self.pixel_logvar, x)
        return reconstruction_loss(outputs, x)

    def negative_elbo(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return -log p(x | z) and KL(q(z | x) || N(0, I)), in nats per image; their sum is >= -log p(x).

        Parameters
        ----------
        x : Tensor
            Images (N, C, H, W) in [0, 1].
        """
        mu, logvar = self.encoder(x)  # (N, C, H, W) -> (N, 20), (N, 20)
        z = reparameterise(mu, logvar, self.noise(len(x)))
        return self.distortion(z, x), F.gaussian_kl(mu, logvar)

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """One step of algorithm 1 (the AEVB algorithm, with one z an image)."""
        reconstruction, kl = self.negative_elbo(images_for(self, batch))
        loss = reconstruction + kl
        self.optimizers["vae"].zero_grad()
        loss.backward()
        self.optimizers["vae"].step()
        return {"nats": loss, "reconstruction": reconstruction, "kl": kl}

    def noise(self, n: int) -> Tensor:
        """Draw (n, Z) from N(0, 1): epsilon in training, z in sampling."""
        return standard_normal(n, self.options.latent_size, self.device)

    def sample(self, n: int, noise: Tensor | None = None) -> Tensor:
        """Draw ``n`` images (n, C, H, W) in [0, 1], from z in N(0, I), or from ``noise`` (n, Z).

        An image is made of the grey levels that are expected for its z; no pixel is drawn at random.
        """
        with evaluating(self.decoder):
            return self.decoder(noise_for(self, n, noise)).sigmoid()

    def restore(self, images: Tensor) -> dict[str, Tensor]:
        """Return images (N, C, H, W), and what the decoder draws from the encoder's means."""
        images = images_for(self, images)
        with evaluating(self.encoder, self.decoder):
            mu, _ = self.encoder(images)
            return {"image": images, "reconstruction": self.decoder(mu).sigmoid()}

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return the bound on -log p(x) and its two terms, in nats per image, grey-level where the images are."""
        mean = Mean()
        with evaluating(self.encoder, self.decoder):
            for batch in loader:
                x = images_for(self, batch)
                reconstruction, kl = self.negative_elbo(x)
                mean.add(len(x), nats=reconstruction + kl, reconstruction=reconstruction, kl=kl)
        return mean.result()
