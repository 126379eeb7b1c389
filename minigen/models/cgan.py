"""Conditional GAN: the generator is told what to draw, and the discriminator what it should be looking at.

A GAN draws whatever it likes.  Mirza and Osindero (2014) give the label y to *both* players: G makes an image from z
and y, and D says how probably (x, y) is a real image with its real label.  A fine 3 under the label 8 is then a forgery
like any other, and G is caught unless it draws what was asked for.  Told to G alone, the label would be ignored.

The networks are those of `minigen.models.gan`, and the label is one more input of both: a one-hot vector, beside the
noise and beside the pixels.  How loud it is there decides: too faint, and it is not heard among a hundred numbers of
noise or 784 pixels; too loud, and G hears nothing else and draws every digit the same way.

That D *may* compare image and label does not mean that it does: while G's images look drawn, D wins by looking at the
image alone, and G is never told what the label is for.  Reed et al. (2016) give D a third kind of pair, a real image
under a wrong label, which only the label gives away; G is then taught by a D that can read.

References
----------
Mirza, Osindero, Conditional Generative Adversarial Nets, 2014, arXiv:1411.1784.
Reed et al., Generative Adversarial Text to Image Synthesis, 2016, arXiv:1605.05396 (``wrong_labels``).
Yazici et al., The Unusual Effectiveness of Averaging in GAN Training, 2019, arXiv:1806.04498 (``ema``).

Deviations
----------
- The paper maps z and y, and x and y, to hidden layers of their own before it joins them (G: 200 and 1000 units, then
  1200; D: maxout).  So built, and with Adam, D wins: after four epochs of MNIST G drew one image a class, and 60 % of
  them were the digit that was asked for.
- The gains of the labels, which the paper has not.  After two epochs of MNIST with ``ema`` 0.99, of the digits that G
  drew 95 % were those asked for, with 43 % of the real ones' variance within a class; with a gain of 28 in D 99 % and
  19 %, with 3 in D 92 % and 34 % (2,000 samples, one seed).
- Adam with DCGAN's settings instead of SGD with a growing momentum and a falling step size; dropout in D alone.
- Reed's pairs (``wrong_labels``), which the paper did not know.
- All else deviates as in `minigen.models.gan`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import minigen
import minigen.nn.functional as F
from minigen import Tensor, nn
from minigen.models import gan
from minigen.models.arguments import noise_for, pairs_for, wanted_labels
from minigen.models.averaging import moving_average
from minigen.models.objectives import OBJECTIVES
from minigen.models.system import Mean, Shape, System, evaluating, option, standard_normal, wrong_labels, wrong_weight
from minigen.optim import Adam


@dataclass
class Options:
    """The settings of the conditional GAN: the GAN's for images; sections are those of Mirza and Osindero (2014)."""

    batch_size: int = option(100, "images a step (section 4.1)")
    latent_size: int = option(100, "length Z of the noise vector z (section 4.1)")
    hidden_size: int = option(512, "units of each of the three hidden layers (section 4.1: 1200 at most)")
    dropout: float = option(0.3, "share of D's hidden units left out at each step (section 4.1: 0.5)")
    lr_generator: float = option(2e-4, "Adam's step size in G (Radford et al. 2016, section 4)")
    lr_discriminator: float = option(2e-4, "Adam's step size in D (Radford et al. 2016, section 4)")
    beta1: float = option(0.5, "Adam's momentum (Radford et al. 2016, section 4)")
    beta2: float = option(0.999, "Adam's decay of the squared gradient (Kingma and Ba 2015, algorithm 1)")
    generator_label_gain: float = option(3.0, "the number in G's one-hot labels that is not 0 (see Deviations)")
    discriminator_label_gain: float = option(8.0, "the number in D's one-hot labels that is not 0 (see Deviations)")
    wrong_labels: float = option(
        0.5, "weight of real images with wrong labels among D's forgeries (Reed et al. 2016, algorithm 1); 0: none"
    )
    ema: float = option(0.0, "decay of the mean of G's weights that draws; 0: G itself (Yazici et al. 2019: 0.9999)")


# ------------------------------------------------------------------------------------------------ networks


class Generator(nn.Module):
    """Noise (N, Z) and labels (N,) to images (N, C, H, W) in [-1, 1]: the GAN's, from Z + classes numbers."""

    def __init__(self, shape: Shape, classes: int, options: Options) -> None:
        super().__init__()
        self.classes, self.label_gain = classes, options.generator_label_gain
        self.network = gan.Generator(shape, options.latent_size + classes, options.hidden_size)
        gan.initialise(self.network)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Return images (N, C, H, W)."""
        y = self.label_gain * F.one_hot(labels, self.classes).to(dtype=z.dtype)  # (N,) -> (N, K)
        return self.network(minigen.cat([z, y], dim=1))  # (N, Z + K) -> (N, C, H, W)


class Discriminator(nn.Module):
    """Images (N, C, H, W) and labels (N,) to logits (N,) of "a real image, and this is its label": the GAN's."""

    def __init__(self, shape: Shape, classes: int, options: Options) -> None:
        super().__init__()
        self.classes, self.label_gain = classes, options.discriminator_label_gain
        inputs = (math.prod(shape) + classes, 1, 1)
        self.network = gan.Discriminator(inputs, options.hidden_size, options.dropout)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return logits (N,)."""
        pixels = x.flatten(1)  # (N, C, H, W) -> (N, CHW)
        y = self.label_gain * F.one_hot(labels, self.classes).to(dtype=x.dtype)  # (N,) -> (N, K)
        return self.network(minigen.cat([pixels, y], dim=1))  # (N, CHW + K) -> (N,)


# -------------------------------------------------------------------------------------------------- system


class CGAN(System):
    """The conditional game of G and D with dense networks.

    D lowers -log D(x, y) - (1 - w) log(1 - D(G(z, y), y)) - w log(1 - D(x, y')), where y' is a wrong label of x and w
    the option ``wrong_labels`` (Reed et al. 2016, algorithm 1); G lowers -log D(G(z, y), y) (section 3.2, equation 2).
    Both in nats, means over the images of a batch (`minigen.models.objectives`).  A data set of one class has no wrong
    labels: there w is 0.

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
        self.wrong_weight = wrong_weight(self)
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
        real, labels = pairs_for(self, batch)  # (N, C, H, W), (N,)

        # D's turn.
        with minigen.no_grad():
            fake = self.generator(self.noise(len(real)), labels)  # (N, Z), (N,) -> (N, C, H, W)
        real_logits, fake_logits = self.discriminator(real, labels), self.discriminator(fake, labels)
        loss_d = self.objective.discriminator_loss(real_logits, fake_logits)
        if self.wrong_weight:  # and a third kind: the image is real, the label beside it is another one's
            wrong_logits = self.discriminator(real, wrong_labels(labels, self.classes))
            loss_wrong = self.objective.discriminator_loss(real_logits, wrong_logits)
            loss_d = (1 - self.wrong_weight) * loss_d + self.wrong_weight * loss_wrong
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
            return generator(noise_for(self, n, noise), labels)

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return both losses and D's mean verdicts on images with labels that D did not learn from."""
        mean, generator = Mean(), self.average or self.generator
        with evaluating(generator, self.discriminator):
            for batch in loader:
                real, labels = pairs_for(self, batch)
                fake = generator(self.noise(len(real)), labels)
                logits = self.discriminator(real, labels), self.discriminator(fake, labels)
                mean.add(len(real), **self.objective.figures(*logits))
        return mean.result()
