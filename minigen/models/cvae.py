"""cVAE: a VAE that is told which class it is to draw.

Sohn, Lee and Yan (2015) give the condition to both halves of a VAE: the encoder guesses q(z | x, y), the decoder draws
from p(x | z, y).  Since the class y is known, z need not say it, and it is left with what differs *within* a class:
slant, weight, style.  The same z with another y is the same handwriting with another digit.

References
----------
Sohn, Lee, Yan, Learning Structured Output Representation using Deep Conditional Generative Models, 2015.
Kingma, Rezende, Mohamed, Welling, Semi-supervised Learning with Deep Generative Models, 2014, arXiv:1406.5298, section
2.1, model M2: a class as the condition.

Deviations
----------
- The condition is a class, as one-hot vector beside the pixels and beside z; the paper's is an image.
- p(z | y) = N(0, I) for every class, one of the two choices of section 4; the paper's experiments learn a prior.
- The weights of the class begin larger than the others (see `label_layer`), which the paper's images do not need.
- The settings are those of our VAE (pytorch/examples) where nothing else is said.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import minigen.nn.functional as F
from minigen import Tensor, nn
from minigen.models.arguments import noise_for, pairs_for, wanted_labels
from minigen.models.system import Mean, Shape, System, evaluating, option, standard_normal
from minigen.models.variational import reconstruction_loss, reparameterise
from minigen.optim import Adam


@dataclass
class Options:
    """The settings of the conditional VAE."""

    batch_size: int = option(128, "images a step (pytorch/examples)")
    hidden_size: int = option(400, "units of the hidden layer in encoder and decoder (pytorch/examples)")
    latent_size: int = option(
        8, "length Z of what differs within a class (ours: with more, drawn digits get less legible)"
    )
    label_std: float = option(3.0, "standard deviation of a class's first weights (ours; see `label_layer`)")
    lr: float = option(1e-3, "Adam's step size (pytorch/examples)")


# ------------------------------------------------------------------------------------------------ networks


def label_layer(classes: int, options: Options) -> nn.Linear:
    """Return the layer from a one-hot class (N, K) to the hidden units.

    Its weights begin much larger than those of other layers, so that each class has hidden units of its own from the
    first step on.  From small ones the autoencoder finds out sooner what z is good for, puts the class into it, and
    hardly listens to the class that it is told: with the usual weights and 20 latents, after five epochs of MNIST 54 %
    of the digits drawn were those asked for.
    """
    layer = nn.Linear(classes, options.hidden_size, bias=False)
    nn.init.normal_(layer.weight, std=options.label_std)
    return layer


class Encoder(nn.Module):
    """Images (N, C, H, W) and classes (N, K), one-hot, to mean and log-variance, (N, Z) each, of q(z | x, y)."""

    def __init__(self, shape: Shape, classes: int, options: Options) -> None:
        super().__init__()
        self.pixels = nn.Linear(math.prod(shape), options.hidden_size)
        self.label = label_layer(classes, options)
        self.mu = nn.Linear(options.hidden_size, options.latent_size)
        self.logvar = nn.Linear(options.hidden_size, options.latent_size)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return mu and log(sigma**2), (N, Z) each."""
        hidden = (self.pixels(x.flatten(1)) + self.label(y)).relu()  # (N, 784) and (N, K) -> (N, 400)
        return self.mu(hidden), self.logvar(hidden)


class Decoder(nn.Module):
    """Causes (N, Z) and classes (N, K), one-hot, to one logit a pixel; its sigmoid is the expected grey level."""

    def __init__(self, shape: Shape, classes: int, options: Options) -> None:
        super().__init__()
        self.shape = shape
        self.latents = nn.Linear(options.latent_size, options.hidden_size)
        self.label = label_layer(classes, options)
        self.pixels = nn.Linear(options.hidden_size, math.prod(shape))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Return logits (N, C, H, W)."""
        hidden = (self.latents(z) + self.label(y)).relu()  # (N, 8) and (N, K) -> (N, 400)
        return self.pixels(hidden).reshape(-1, *self.shape)  # (N, 784) -> (N, C, H, W)


# ----------------------------------------------------------------------------------------------- objective
# The negative ELBO of log p(x | y), in nats per image: -log p(x | z, y) + KL(q(z | x, y) || N(0, I)).  The terms are
# those of vae.py: `reconstruction_loss` and `F.gaussian_kl`.


# -------------------------------------------------------------------------------------------------- system


class CVAE(System):
    """Encoder and decoder, both told the class, trained together on the negative ELBO.

    Examples
    --------
    >>> system = CVAE(Options(hidden_size=16, latent_size=2))
    >>> system.sample(3, labels=[7, 7, 7]).shape
    (3, 1, 28, 28)
    """

    name = "cvae"
    summary = "VAE that draws the class asked for (Sohn et al. 2015)"
    Options = Options
    needs_labels = True
    conditional = True

    def __init__(self, options: Any = None, *, shape: Shape = (1, 28, 28), classes: int = 10) -> None:
        super().__init__(options, shape=shape, classes=classes)
        self.encoder = Encoder(self.shape, classes, self.options)
        self.decoder = Decoder(self.shape, classes, self.options)
        self.optimizers = {"vae": Adam(self.parameters(), lr=self.options.lr)}

    def one_hot(self, labels: Tensor, like: Tensor) -> Tensor:
        """Return labels (N,) as vectors (N, K) of the dtype of ``like``."""
        return F.one_hot(labels, self.classes).to(like.dtype)

    def negative_elbo(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return -log p(x | z, y) and KL(q(z | x, y) || N(0, I)), in nats per image; their sum is >= -log p(x | y).

        Parameters
        ----------
        x : Tensor
            Images (N, C, H, W) in [0, 1].
        labels : Tensor
            Their classes (N,), int64.
        """
        y = self.one_hot(labels, x)  # (N,) -> (N, K)
        mu, logvar = self.encoder(x, y)  # (N, Z), (N, Z)
        z = reparameterise(mu, logvar, self.noise(len(x)))
        return reconstruction_loss(self.decoder(z, y), x), F.gaussian_kl(mu, logvar)

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """One step down the gradient of the negative ELBO, on one batch (images, labels)."""
        images, labels = pairs_for(self, batch)  # (N, C, H, W), (N,)
        reconstruction, kl = self.negative_elbo(images, labels)
        loss = reconstruction + kl
        self.optimizers["vae"].zero_grad()
        loss.backward()
        self.optimizers["vae"].step()
        return {"nats": loss, "reconstruction": reconstruction, "kl": kl}

    def noise(self, n: int) -> Tensor:
        """Draw (n, Z) from N(0, 1): epsilon in training, z in sampling."""
        return standard_normal(n, self.options.latent_size, self.device)

    def sample(self, n: int, noise: Tensor | None = None, labels: Any = None) -> Tensor:
        """Draw ``n`` images (n, C, H, W) in [0, 1] of the classes ``labels`` (n,), by default 0, 1, 2, ... in turn.

        z is in N(0, I), or ``noise`` (n, Z).  An image is made of the grey levels that are expected for its z.

        Raises
        ------
        ValueError
            If there are not n labels, or one is no class.
        """
        labels = wanted_labels(self, n, labels)
        z = noise_for(self, n, noise)
        with evaluating(self.decoder):
            return self.decoder(z, self.one_hot(labels, z)).sigmoid()

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return the bound on -log p(x | y) and its two terms, in nats per image, grey-level where the images are."""
        mean = Mean()
        with evaluating(self.encoder, self.decoder):
            for batch in loader:
                x, labels = pairs_for(self, batch)
                reconstruction, kl = self.negative_elbo(x, labels)
                mean.add(len(x), nats=reconstruction + kl, reconstruction=reconstruction, kl=kl)
        return mean.result()
