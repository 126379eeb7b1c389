"""VAE: an encoder that says which hidden causes z an image may have, and a decoder that draws from causes.

Kingma and Welling (2014) want to maximise log p(x), the probability that the decoder, fed with z from N(0,
I), draws the image x.  That is an integral over all z, out of reach; but the encoder's guess q(z | x) gives
a lower bound of it (the ELBO), whose gradient can be estimated with one drawn z an image, if z is written
as mu + sigma * epsilon, so that the randomness does not stand in the way of the derivative (the
"reparameterisation trick").

References
----------
Kingma, Welling, Auto-Encoding Variational Bayes, 2014, arXiv:1312.6114.

Deviations
----------
- 400 hidden units with ReLU, 20 latent numbers and Adam, as in pytorch/examples; the paper has 500 with
  tanh, and Adagrad.
- Grey levels in [0, 1] are put into the Bernoulli likelihood as they are, as in pytorch/examples and most
  others. A figure in nats may therefore be compared with other *grey-level* figures only, not with
  binarised ones: those are lower by 15 to 20 nats.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import minigen.nn.functional as F
from minigen import Tensor, nn
from minigen.models.system import Mean, System, evaluating, images_of, option, standard_normal
from minigen.optim import Adam


@dataclass
class Options:
    """The settings of the VAE; they are those of pytorch/examples."""

    batch_size: int = option(128, "images a step (pytorch/examples; paper: 100)")
    hidden_size: int = option(400, "units of the hidden layer in encoder and decoder (pytorch/examples; paper: 500)")
    latent_size: int = option(20, "length Z of the hidden cause z (paper, figure 2: 3 to 200)")
    lr: float = option(1e-3, "Adam's step size (pytorch/examples)")


# ------------------------------------------------------------------------------------------------ networks


class Encoder(nn.Module):
    """Flat images (N, C*H*W) to mean and log-variance, (N, Z) each, of the normal distribution q(z | x)."""

    def __init__(self, pixels: int, options: Options) -> None:
        super().__init__()
        self.hidden = nn.Linear(pixels, options.hidden_size)
        self.mu = nn.Linear(options.hidden_size, options.latent_size)
        self.logvar = nn.Linear(options.hidden_size, options.latent_size)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mu and log(sigma**2), (N, Z) each."""
        hidden = F.relu(self.hidden(x))  # (N, 784) -> (N, 400)
        return self.mu(hidden), self.logvar(hidden)


class Decoder(nn.Module):
    """Causes (N, Z) to one logit a pixel (N, C*H*W); its sigmoid is the expected grey level."""

    def __init__(self, pixels: int, options: Options) -> None:
        super().__init__()
        self.hidden = nn.Linear(options.latent_size, options.hidden_size)
        self.pixels = nn.Linear(options.hidden_size, pixels)

    def forward(self, z: Tensor) -> Tensor:
        """Return logits (N, C*H*W)."""
        return self.pixels(F.relu(self.hidden(z)))  # (N, 20) -> (N, 400) -> (N, 784)


# ----------------------------------------------------------------------------------------------- objective


def reconstruction_loss(logits: Tensor, x: Tensor) -> Tensor:
    """-log p(x | z) = -sum_i [x_i log p_i + (1 - x_i) log(1 - p_i)], p = sigmoid(logits): nats per image.

    Summed over the pixels of an image (a mean would weigh it 784 times too low against the KL term),
    averaged over the batch.

    Parameters
    ----------
    logits, x : Tensor
        (N, C*H*W) each; x in [0, 1].
    """
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)


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
    summary = "variational autoencoder with two dense layers a side (Kingma and Welling 2014)"
    Options = Options

    def __init__(self, options: Any = None, *, image_size: int = 28, channels: int = 1, classes: int = 10) -> None:
        super().__init__(options, image_size=image_size, channels=channels, classes=classes)
        pixels = channels * image_size**2
        self.encoder = Encoder(pixels, self.options)
        self.decoder = Decoder(pixels, self.options)
        self.optimizers = {"vae": Adam(self.parameters(), lr=self.options.lr)}

    def negative_elbo(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return -log p(x | z) and KL(q(z | x) || N(0, I)), in nats per image; their sum is >= -log p(x).

        Parameters
        ----------
        x : Tensor
            Images (N, C, H, W) in [0, 1].
        """
        x = x.flatten(1)  # (N, C, H, W) -> (N, 784)
        mu, logvar = self.encoder(x)  # (N, 784) -> (N, 20), (N, 20)
        z = mu + (0.5 * logvar).exp() * self.noise(len(x))  # sigma = exp(log(sigma**2) / 2)
        return reconstruction_loss(self.decoder(z), x), F.gaussian_kl(mu, logvar)

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """One step of algorithm 1 (the AEVB algorithm, with one z an image)."""
        reconstruction, kl = self.negative_elbo(images_of(batch))
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
            logits = self.decoder(self.noise(n) if noise is None else noise[:n])
        return logits.sigmoid().reshape(-1, self.channels, self.image_size, self.image_size)

    def reconstruct(self, images: Tensor) -> Tensor:
        """Return the images (N, C, H, W) that the decoder draws from the encoder's means."""
        with evaluating(self.encoder, self.decoder):
            mu, _ = self.encoder(images.flatten(1))
            return self.decoder(mu).sigmoid().reshape(images.shape)

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return the bound on -log p(x) and its two terms, in nats per (grey-level) image."""
        mean = Mean()
        with evaluating(self.encoder, self.decoder):
            for batch in loader:
                x = images_of(batch).to(self.device)
                reconstruction, kl = self.negative_elbo(x)
                mean.add(len(x), nats=reconstruction + kl, reconstruction=reconstruction, kl=kl)
        return mean.result()
