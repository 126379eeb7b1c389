"""Conditional GAN: the generator is told what to draw, and the discriminator what it should be looking at.

A GAN draws whatever it likes.  Mirza and Osindero (2014) give the label y to *both* players: G makes an image from z
and y, and D says how probably (x, y) is a real image with its real label.  A fine 3 under the label 8 is then a forgery
like any other, and G is caught unless it draws what was asked for.  Told to G alone, the label would be ignored.

References
----------
Mirza, Osindero, Conditional Generative Adversarial Nets, 2014, arXiv:1411.1784.
Yazici et al., The Unusual Effectiveness of Averaging in GAN Training, 2019, arXiv:1806.04498 (``ema``).

Deviations
----------
- D's hidden layers are LeakyReLU, as wide as the paper's maxout layers have linear pieces (240 units of 5 pieces for
  the image, 50 of 5 for the label, 240 of 4 for both).
- Adam with DCGAN's settings instead of SGD with a growing momentum and a falling step size; dropout in D alone.
- Images lie in [-1, 1] and G ends in tanh; in the paper they lie in [0, 1] and G ends in a sigmoid.
- z is drawn from N(0, 1); the paper draws from a uniform distribution.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import minigen
import minigen.nn.functional as F
from minigen import Tensor, nn
from minigen.models.averaging import moving_average
from minigen.models.objectives import OBJECTIVES
from minigen.models.system import Mean, Shape, System, evaluating, option, standard_normal, wanted_labels
from minigen.optim import Adam


@dataclass
class Options:
    """The settings of the conditional GAN; sections without a name are those of Mirza and Osindero (2014)."""

    batch_size: int = option(100, "images a step (section 4.1)")
    latent_size: int = option(100, "length Z of the noise vector z (section 4.1)")
    noise_units: int = option(200, "G: hidden units for z (section 4.1)")
    label_units: int = option(1000, "G: hidden units for the label (section 4.1)")
    joint_units: int = option(1200, "G: hidden units for both together (section 4.1)")
    critic_image_units: int = option(1200, "D: hidden units for the image (section 4.1: 240 of 5 pieces)")
    critic_label_units: int = option(250, "D: hidden units for the label (section 4.1: 50 of 5 pieces)")
    critic_joint_units: int = option(960, "D: hidden units for both together (section 4.1: 240 of 4 pieces)")
    dropout: float = option(0.5, "share of D's hidden units left out at each step (section 4.1)")
    leaky_slope: float = option(0.2, "slope of D's LeakyReLU below 0 (Radford et al. 2016, section 4)")
    lr_generator: float = option(2e-4, "Adam's step size in G (Radford et al. 2016, section 4)")
    lr_discriminator: float = option(2e-4, "Adam's step size in D (Radford et al. 2016, section 4)")
    beta1: float = option(0.5, "Adam's momentum (Radford et al. 2016, section 4)")
    beta2: float = option(0.999, "Adam's decay of the squared gradient (Kingma and Ba 2015, algorithm 1)")
    ema: float = option(0.0, "decay of the mean of G's weights that draws; 0: G itself (Yazici et al. 2019: 0.9999)")


# ------------------------------------------------------------------------------------------------ networks


class Generator(nn.Module):
    """Noise (N, Z) and labels (N,) to images (N, C, H, W) in [-1, 1]."""

    def __init__(self, shape: Shape, classes: int, options: Options) -> None:
        super().__init__()
        self.shape = shape
        self.noise = nn.Linear(options.latent_size, options.noise_units)
        self.label = nn.Embedding(classes, options.label_units)  # a linear layer of the label as one-hot vector
        self.joint = nn.Linear(options.noise_units + options.label_units, options.joint_units)
        self.pixels = nn.Linear(options.joint_units, math.prod(shape))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Return images (N, C, H, W)."""
        hidden = minigen.cat([self.noise(z), self.label(labels)], dim=1)  # (N, 200), (N, 1000) -> (N, 1200)
        hidden = F.relu(self.joint(F.relu(hidden)))  # (N, 1200)
        return self.pixels(hidden).tanh().reshape(-1, *self.shape)  # (N, 784) -> (N, C, H, W)


class Discriminator(nn.Module):
    """Images (N, C, H, W) and labels (N,) to logits (N,) of "a real image, and this is its label"."""

    def __init__(self, shape: Shape, classes: int, options: Options) -> None:
        super().__init__()
        self.image = nn.Linear(math.prod(shape), options.critic_image_units)
        self.label = nn.Embedding(classes, options.critic_label_units)
        self.joint = nn.Linear(options.critic_image_units + options.critic_label_units, options.critic_joint_units)
        self.logit = nn.Linear(options.critic_joint_units, 1)
        self.activation = nn.LeakyReLU(options.leaky_slope)
        self.dropout = nn.Dropout(options.dropout)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return logits (N,)."""
        hidden = minigen.cat([self.image(x.flatten(1)), self.label(labels)], dim=1)  # (N, 1200), (N, 250)
        hidden = self.dropout(self.activation(hidden))  # (N, 1450)
        hidden = self.dropout(self.activation(self.joint(hidden)))  # (N, 1450) -> (N, 960)
        return self.logit(hidden).flatten()  # (N, 960) -> (N, 1) -> (N,)


# -------------------------------------------------------------------------------------------------- system


class CGAN(System):
    """The conditional game of G and D with dense networks.

    D lowers -log D(x, y) - log(1 - D(G(z, y), y)), and G lowers -log D(G(z, y), y); both in nats, means over the images
    of a batch (section 3.2, equation 2; `minigen.models.objectives`).

    Examples
    --------
    >>> system = CGAN(classes=3)
    >>> system.sample(2, labels=minigen.tensor([2, 0])).shape
    (2, 1, 28, 28)
    """

    name = "cgan"
    summary = "conditional GAN with dense layers (Mirza and Osindero 2014)"
    Options = Options
    image_sizes = (28, 32)
    value_range = (-1.0, 1.0)  # tanh's
    needs_labels = True
    conditional = True

    def __init__(self, options: Any = None, *, shape: Shape = (1, 28, 28), classes: int = 10) -> None:
        super().__init__(options, shape=shape, classes=classes)
        options = self.options
        self.generator = Generator(self.shape, classes, options)
        self.discriminator = Discriminator(self.shape, classes, options)
        self.average = moving_average(self.generator, options.ema)
        self.objective = OBJECTIVES["non-saturating"]
        betas = (options.beta1, options.beta2)
        self.optimizers = {
            "discriminator": Adam(self.discriminator.parameters(), lr=options.lr_discriminator, betas=betas),
            "generator": Adam(self.generator.parameters(), lr=options.lr_generator, betas=betas),
        }

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """One round of the game, on images with their labels; G is asked for just these labels."""
        real, labels = batch  # (N, C, H, W), (N,)

        # D's turn.
        with minigen.no_grad():
            fake = self.generator(self.noise(len(real)), labels)  # (N, Z), (N,) -> (N, C, H, W)
        real_logits, fake_logits = self.discriminator(real, labels), self.discriminator(fake, labels)
        loss_d = self.objective.discriminator_loss(real_logits, fake_logits)
        self.optimizers["discriminator"].zero_grad()
        loss_d.backward()
        self.optimizers["discriminator"].step()

        # G's turn, with new noise for the same labels.
        self.discriminator.requires_grad_(False)
        fake = self.generator(self.noise(len(real)), labels)
        loss_g = self.objective.generator_loss(self.discriminator(fake, labels))
        self.optimizers["generator"].zero_grad()
        loss_g.backward()
        self.optimizers["generator"].step()
        self.discriminator.requires_grad_(True)

        if self.average is not None:
            self.average.update_parameters(self.generator)
        return {"loss_d": loss_d, "loss_g": loss_g, **self.objective.verdicts(real_logits, fake_logits)}

    def noise(self, n: int) -> Tensor:
        """Draw z (n, Z) from N(0, 1)."""
        return standard_normal(n, self.options.latent_size, self.device)

    def sample(self, n: int, noise: Tensor | None = None, labels: Tensor | None = None) -> Tensor:
        """Draw ``n`` images (n, C, H, W) in [-1, 1] of the classes ``labels`` (n,), by default 0, 1, 2, ... in turn."""
        generator = self.average or self.generator
        labels = wanted_labels(self, n, labels)
        with evaluating(generator):
            return generator(self.noise(n) if noise is None else noise[:n], labels)

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return both losses and D's mean verdicts on images with labels that D did not learn from."""
        mean, generator = Mean(), self.average or self.generator
        with evaluating(generator, self.discriminator):
            for batch in loader:
                real, labels = (part.to(self.device) for part in batch)
                fake = generator(self.noise(len(real)), labels)
                logits = self.discriminator(real, labels), self.discriminator(fake, labels)
                mean.add(len(real), **self.objective.figures(*logits))
        return mean.result()
