"""Conditional DCGAN: DCGAN's networks, with the label on the input of both.

The idea is that of `minigen.models.cgan` (Mirza and Osindero 2014): G is told which class to draw, and D judges image
and label together, so that G is caught if it draws something else.  For G, the label stands beside the noise as a
one-hot vector.  D sees an image, and to a convolution everything must be an image: there the label becomes one map a
class, all ones for the image's class and all zeros for the others, beside the colours.

That D *may* compare image and label does not mean that it does: while G's images look drawn, D wins by looking at the
image alone, and G is never told what the label is for.  Reed et al. (2016) give D a third kind of pair, a real image
under a wrong label, which only the label gives away; G is then taught by a D that can read.

References
----------
Mirza, Osindero, Conditional Generative Adversarial Nets, 2014, arXiv:1411.1784.
Radford, Metz, Chintala, Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks, 2016, arXiv:1511.06434.
Reed et al., Generative Adversarial Text to Image Synthesis, 2016, arXiv:1605.05396 (``wrong_labels``).
Yazici et al., The Unusual Effectiveness of Averaging in GAN Training, 2019, arXiv:1806.04498 (``ema``).

Deviations
----------
- The course's article 004 (section 4.2) makes the condition of an image's 784 pixels, and puts it beside an image of
  four axes as it is, which no library allows; and it counts the condition twice in D, before and after the
  convolutions, but puts it in once.  Here the condition is the class, and stands before D's convolutions alone.
- DCGAN's recipe with nothing but the label added reads the label slowly; making it louder in G (a learned vector as
  long as the noise) makes G obey at once, but draw every digit the same way.  Hence Reed's pairs (``wrong_labels``), at
  the price of a third batch for D.
- All else deviates as in `minigen.models.dcgan`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import minigen
import minigen.nn.functional as F
from minigen import Tensor, nn
from minigen.models import dcgan
from minigen.models.arguments import noise_for, pairs_for, wanted_labels
from minigen.models.averaging import moving_average
from minigen.models.objectives import OBJECTIVES
from minigen.models.system import (
    Mean,
    Shape,
    System,
    evaluating,
    option,
    refuse_gradients,
    standard_normal,
    with_batch_statistics,
    wrong_labels,
    wrong_weight,
)
from minigen.optim import Adam


@dataclass
class Options:
    """The settings of the conditional DCGAN: DCGAN's; the sections are those of Radford et al. (2016)."""

    batch_size: int = option(128, "images a step (section 4)")
    latent_size: int = option(100, "length Z of the noise vector z (section 3)")
    generator_width: int = option(64, "channels of the generator's last hidden layer (pytorch/examples; paper: 128)")
    discriminator_width: int = option(64, "channels of the discriminator's first layer (pytorch/examples)")
    lr_generator: float = option(2e-4, "Adam's step size in G (section 4)")
    lr_discriminator: float = option(2e-4, "Adam's step size in D (section 4)")
    beta1: float = option(0.5, "Adam's momentum (section 4)")
    beta2: float = option(0.999, "Adam's decay of the squared gradient (Kingma and Ba 2015, algorithm 1)")
    leaky_slope: float = option(0.2, "slope of the discriminator's LeakyReLU below 0 (section 4)")
    wrong_labels: float = option(
        0.5, "weight of real images with wrong labels among D's forgeries (Reed et al. 2016, algorithm 1); 0: none"
    )
    ema: float = option(0.0, "decay of the mean of G's weights that draws; 0: G itself (Yazici et al. 2019: 0.9999)")
    init_std: float = option(0.02, "standard deviation of the initial weights (section 4; scales: pytorch/examples)")


# ------------------------------------------------------------------------------------------------ networks


class Generator(nn.Module):
    """Noise (N, Z) and labels (N,) to images (N, C, H, W) in [-1, 1]: DCGAN's, from Z + classes numbers."""

    def __init__(self, shape: Shape, classes: int, options: Options) -> None:
        super().__init__()
        self.classes = classes
        self.network = dcgan.Generator(shape, dataclasses.replace(options, latent_size=options.latent_size + classes))
        dcgan.initialise(self.network, options.init_std)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Return images (N, C, H, W)."""
        y = F.one_hot(labels, self.classes).to(dtype=z.dtype)  # (N,) -> (N, K)
        return self.network(minigen.cat([z, y], dim=1))  # (N, Z + K) -> (N, C, H, W)


class Discriminator(nn.Module):
    """Images (N, C, H, W) and labels (N,) to logits (N,): DCGAN's, of images with C + classes channels."""

    def __init__(self, shape: Shape, classes: int, options: Options) -> None:
        super().__init__()
        self.classes = classes
        channels, height, width = shape
        self.network = dcgan.Discriminator((channels + classes, height, width), options)
        dcgan.initialise(self.network, options.init_std)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return the logits (N,) of "a real image, and this is its label"."""
        y = F.one_hot(labels, self.classes).to(dtype=x.dtype)  # (N,) -> (N, K)
        maps = y[:, :, None, None].expand(-1, -1, *x.shape[2:])  # (N, K, H, W)
        return self.network(minigen.cat([x, maps], dim=1))  # (N, C + K, H, W) -> (N,)


# -------------------------------------------------------------------------------------------------- system


class CDCGAN(System):
    """The conditional game of G and D with convolutional networks.

    D lowers -log D(x, y) - (1 - w) log(1 - D(G(z, y), y)) - w log(1 - D(x, y')), where y' is a wrong label of x and w
    the option ``wrong_labels`` (Reed et al. 2016, algorithm 1); G lowers -log D(G(z, y), y).  Both in nats, means over
    the images of a batch (`minigen.models.objectives`).  A data set of one class has no wrong labels: there w is 0.

    Examples
    --------
    >>> system = CDCGAN(Options(generator_width=8, discriminator_width=8), classes=3)
    >>> system.sample(2, labels=minigen.tensor([2, 0])).shape
    (2, 1, 28, 28)
    """

    name = "cdcgan"
    summary = "conditional DCGAN: draws the class that is asked for (Mirza and Osindero 2014)"
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
        fake = self.generator(self.noise(len(real)), labels)  # (N, Z), (N,) -> (N, C, H, W)

        # D's turn: the same labels stand beside real and beside drawn images, so they give nothing away by themselves.
        real_logits, fake_logits = self.discriminator(real, labels), self.discriminator(fake.detach(), labels)
        loss_d = self.objective.discriminator_loss(real_logits, fake_logits)
        if self.wrong_weight:  # and a third kind: the image is real, the label beside it is another one's
            wrong_logits = self.discriminator(real, wrong_labels(labels, self.classes))
            loss_wrong = self.objective.discriminator_loss(real_logits, wrong_logits)
            loss_d = (1 - self.wrong_weight) * loss_d + self.wrong_weight * loss_wrong
        self.zero_grad()
        loss_d.backward()
        refuse_gradients(self.generator, "discriminator", "give the discriminator fake.detach()")
        self.optimizers["discriminator"].step()

        # G's turn, against the D that has just learned.
        self.discriminator.requires_grad_(False)
        loss_g = self.objective.generator_loss(self.discriminator(fake, labels))
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
        with evaluating(generator), with_batch_statistics(self.discriminator):
            for batch in loader:
                real, labels = pairs_for(self, batch)
                fake = generator(self.noise(len(real)), labels)
                logits = self.discriminator(real, labels), self.discriminator(fake, labels)
                mean.add(len(real), **self.objective.figures(*logits))
        return mean.result()
