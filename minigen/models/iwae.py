"""IWAE: a VAE with a tighter bound, from several guesses about each image, weighed by how good they are.

A VAE judges each z that the encoder draws by itself, and so wants *every* draw to explain the image: the encoder is
held to simple, timid guesses.  Burda, Grosse and Salakhutdinov (2016) draw k of them and take the logarithm of the
mean of their weights w = p(x, z) / q(z | x), as in importance sampling.  That is a lower bound of log p(x) too, it
rises with k, and reaches log p(x) as k grows without end.  For k = 1 it is the VAE's.

References
----------
Burda, Grosse, Salakhutdinov, Importance Weighted Autoencoders, 2016, arXiv:1509.00519.

Deviations
----------
- One step size; the paper lowers it in eight stages of 3^i epochs, from 1e-3 to 1e-4 over 3,280 epochs.
- The bias of the last layer begins at 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import minigen
import minigen.nn.functional as F
from minigen import Tensor, nn
from minigen.models.arguments import check_values, images_for, noise_for
from minigen.models.system import Mean, Shape, System, evaluating, option, standard_normal
from minigen.models.variational import reparameterise
from minigen.optim import Adam


@dataclass
class Options:
    """The settings of the IWAE; they are those of Burda et al. (2016, section 5) for one stochastic layer."""

    batch_size: int = option(20, "images a step (section 5)")
    k: int = option(5, "draws of z for each image (table 1: 1, 5, 50); 1 is a VAE")
    hidden_size: int = option(200, "units of each of the two hidden layers, tanh (section 5)")
    latent_size: int = option(50, "length Z of the hidden cause z (section 5)")
    lr: float = option(1e-3, "Adam's step size, the first of the paper's (section 5)")
    eps: float = option(1e-4, "Adam's epsilon (section 5)")


# ------------------------------------------------------------------------------------------------ networks


class Encoder(nn.Module):
    """Images (N, C, H, W) to mean and log-variance, (N, Z) each, of the normal distribution q(z | x)."""

    def __init__(self, shape: Shape, options: Options) -> None:
        super().__init__()
        hidden = options.hidden_size
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Linear(math.prod(shape), hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh()
        )
        self.mu = nn.Linear(hidden, options.latent_size)
        self.logvar = nn.Linear(hidden, options.latent_size)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mu and log(sigma**2), (N, Z) each."""
        hidden = self.hidden(x)  # (N, C, H, W) -> (N, 784) -> (N, 200) -> (N, 200)
        return self.mu(hidden), self.logvar(hidden)


class Decoder(nn.Module):
    """Causes (..., Z) to one logit a pixel (..., C*H*W); its sigmoid is the probability of white."""

    def __init__(self, shape: Shape, options: Options) -> None:
        super().__init__()
        hidden = options.hidden_size
        self.layers = nn.Sequential(
            nn.Linear(options.latent_size, hidden),
            nn.Tanh(),
            nn.Linear(hidden, hidden),
            nn.Tanh(),
            nn.Linear(hidden, math.prod(shape)),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Return logits (..., C*H*W)."""
        return self.layers(z)  # (k, N, 50) -> (k, N, 200) -> (k, N, 200) -> (k, N, 784)


def initialise(network: nn.Module) -> None:
    """Draw the weights as Glorot and Bengio (2010) do, and begin with all biases at 0 (section 5)."""
    for parameter in network.parameters():
        if parameter.ndim == 2:
            nn.init.xavier_uniform_(parameter)
        else:
            nn.init.zeros_(parameter)


# ----------------------------------------------------------------------------------------------- objective


def binarised(x: Tensor) -> Tensor:
    """Draw each pixel black or white, white with its grey level as probability: other images every time (section 5)."""
    check_values("iwae", x, 0, 1, "their grey levels are probabilities")
    return (minigen.rand_like(x) < x).to(x.dtype)


def log_mean_weight(log_weights: Tensor) -> Tensor:
    """L_k = log(1/k sum_i w_i), from log w (k, N) to (N,), in nats; its mean over draws is at most log p(x).

    With the largest weight taken out before the exponential (logsumexp): w itself would be 0 in any number format.
    """
    return log_weights.logsumexp(dim=0) - math.log(len(log_weights))  # (k, N) -> (N,)


# -------------------------------------------------------------------------------------------------- system


class IWAE(System):
    """Encoder and decoder, trained together on -L_k.

    Examples
    --------
    >>> system = IWAE(Options(hidden_size=16, latent_size=2))
    >>> system.bound(minigen.ones(3, 1, 28, 28), k=10).shape
    (3,)
    """

    name = "iwae"
    summary = "importance weighted autoencoder (Burda et al. 2016)"
    Options = Options

    def __init__(self, options: Any = None, *, shape: Shape = (1, 28, 28), classes: int = 10) -> None:
        super().__init__(options, shape=shape, classes=classes)
        self.encoder = Encoder(self.shape, self.options)
        self.decoder = Decoder(self.shape, self.options)
        initialise(self)
        self.optimizers = {"iwae": Adam(self.parameters(), lr=self.options.lr, eps=self.options.eps)}

    def log_weights(self, x: Tensor, mu: Tensor, logvar: Tensor, k: int) -> Tensor:
        """Return log w = log p(x | z) + log p(z) - log q(z | x), (k, N), of k draws of z for each image.

        Parameters
        ----------
        x : Tensor
            Images (N, C, H, W) of zeros and ones.
        mu, logvar : Tensor
            Of q(z | x), (N, Z) each.
        k : int
            Number of draws.
        """
        epsilon = self.noise(k * len(x)).reshape(k, len(x), -1)  # (k*N, Z) -> (k, N, Z)
        z = reparameterise(mu, logvar, epsilon)  # (k, N, Z)
        logits = self.decoder(z)  # (k, N, 784)
        x = x.flatten(1).expand(k, -1, -1)  # (N, 784) -> (k, N, 784), without a copy
        log_p_x = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)  # (k, N)
        # log p(z) - log q(z | x): both have log(2 pi) / 2 a latent, and (z - mu) / sigma is epsilon
        log_ratio = 0.5 * (epsilon * epsilon + logvar - z * z).sum(-1)  # (k, N)
        return log_p_x + log_ratio

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """One step down the gradient of -L_k (section 3), on images that are binarised anew.

        The gradient is a mean over the draws of z, each weighed by its share of the weights: backward finds that
        by itself, as the derivative of logsumexp.
        """
        x = binarised(images_for(self, batch))
        mu, logvar = self.encoder(x)
        loss = -log_mean_weight(self.log_weights(x, mu, logvar, self.options.k)).mean()
        self.optimizers["iwae"].zero_grad()
        loss.backward()
        self.optimizers["iwae"].step()
        return {"nats": loss}

    def bound(self, x: Tensor, k: int, *, rows: int = 5000) -> Tensor:
        """Return -L_k (N,), an upper bound of -log p(x) in nats, for images of zeros and ones.

        Parameters
        ----------
        x : Tensor
            (N, C, H, W); see `binarised`.
        k : int
            Draws of z for each image; the paper's figures are of 5000.
        rows : int
            Images that the decoder draws at once: what bounds the memory, to some 5 kB * ``rows`` for 784 pixels.
        """
        if k < 1:
            raise ValueError(f"iwae: the bound takes at least k = 1 draw for each image, not {k}")
        images = max(1, min(len(x), rows // k))  # together, as many as fit with all their draws
        draws = max(1, rows // images)
        return minigen.cat([self.bound_of_few(part, k, draws) for part in x.split(images)])

    def bound_of_few(self, x: Tensor, k: int, draws: int) -> Tensor:
        """Return -L_k (N,) of images, from ``draws`` draws at a time."""
        with evaluating(self.encoder, self.decoder):
            mu, logvar = self.encoder(x)
            sums = []
            for done in range(0, k, draws):
                sums.append(self.log_weights(x, mu, logvar, min(draws, k - done)).logsumexp(dim=0))  # (N,)
            return math.log(k) - minigen.stack(sums).logsumexp(dim=0)

    def noise(self, n: int) -> Tensor:
        """Draw (n, Z) from N(0, 1): epsilon in training, z in sampling."""
        return standard_normal(n, self.options.latent_size, self.device)

    def sample(self, n: int, noise: Tensor | None = None) -> Tensor:
        """Draw ``n`` images (n, C, H, W) in [0, 1], from z in N(0, I), or from ``noise`` (n, Z).

        An image is made of the probabilities of white that belong to its z; no pixel is drawn at random.
        """
        with evaluating(self.decoder):
            logits = self.decoder(noise_for(self, n, noise))
        return logits.sigmoid().reshape(-1, *self.shape)  # (n, 784) -> (n, C, H, W)

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return -L_k with the k of training, and -L_1, in nats per binarised image."""
        mean = Mean()
        for batch in loader:
            x = binarised(images_for(self, batch))
            mean.add(len(x), nats=self.bound(x, self.options.k).mean(), nats_1=self.bound(x, 1).mean())
        return mean.result()
