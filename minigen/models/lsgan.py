"""LSGAN: DCGAN's networks, with squared errors in place of the classifier's loss.

The cross-entropy cares on which side of its boundary D puts a drawn image, and little how far from it: an image that D
takes for real teaches G next to nothing, even if it is far from all real ones.  Mao et al. (2017) let D's output be a
number that should be 1 for real and 0 for drawn images, and punish the squared distance, on both sides.  G then lowers
(at the best D) Pearson's chi-squared divergence between p + q and 2q, of the densities p of real and q of drawn images.

References
----------
Mao et al., Least Squares Generative Adversarial Networks, 2017, arXiv:1611.04076.
Yazici et al., The Unusual Effectiveness of Averaging in GAN Training, 2019, arXiv:1806.04498 (``ema``).

Deviations
----------
- Networks and settings are those of `minigen.models.dcgan`, so that the objective is all that differs; the paper's
  networks for scenes have more layers.
- Labels are 0 and 1 (equation 9); with -1, 1 and 0 for G (equation 8) the divergence above is exact, and the paper
  finds both to do alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from minigen import Tensor
from minigen.models.arguments import images_for, noise_for
from minigen.models.averaging import moving_average
from minigen.models.dcgan import Discriminator, Generator, initialise
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
)
from minigen.optim import Adam


@dataclass
class Options:
    """The settings of LSGAN: DCGAN's; the sections are those of Radford et al. (2016)."""

    batch_size: int = option(128, "images a step (section 4)")
    latent_size: int = option(100, "length Z of the noise vector z (section 3)")
    generator_width: int = option(64, "channels of the generator's last hidden layer (pytorch/examples; paper: 128)")
    discriminator_width: int = option(64, "channels of the discriminator's first layer (pytorch/examples)")
    lr_generator: float = option(2e-4, "Adam's step size in G (section 4)")
    lr_discriminator: float = option(2e-4, "Adam's step size in D (section 4)")
    beta1: float = option(0.5, "Adam's momentum (section 4)")
    beta2: float = option(0.999, "Adam's decay of the squared gradient (Kingma and Ba 2015, algorithm 1)")
    leaky_slope: float = option(0.2, "slope of the discriminator's LeakyReLU below 0 (section 4)")
    ema: float = option(0.0, "decay of the mean of G's weights that draws; 0: G itself (Yazici et al. 2019: 0.9999)")
    init_std: float = option(0.02, "standard deviation of the initial weights (section 4; scales: pytorch/examples)")


class LSGAN(System):
    """The game of G and D with squared errors.

    D lowers (D(x) - 1)**2 / 2 + D(G(z))**2 / 2, and G lowers (D(G(z)) - 1)**2 / 2: squared scores, means over the
    images of a batch (`minigen.models.objectives`).  DCGAN's discriminator ends in numbers without a sigmoid already.

    Examples
    --------
    >>> system = LSGAN(Options(generator_width=8, discriminator_width=8))
    >>> system.sample(2).shape
    (2, 1, 28, 28)
    """

    name = "lsgan"
    summary = "least squares GAN (Mao et al. 2017)"
    Options = Options
    value_range = (-1.0, 1.0)  # tanh's

    def __init__(self, options: Any = None, *, shape: Shape = (1, 28, 28), classes: int = 10) -> None:
        super().__init__(options, shape=shape, classes=classes)
        options = self.options
        self.generator = Generator(self.shape, options)
        self.discriminator = Discriminator(self.shape, options)
        initialise(self, options.init_std)
        self.average = moving_average(self.generator, options.ema)
        self.objective = OBJECTIVES["least-squares"]
        betas = (options.beta1, options.beta2)
        self.optimizers = {
            "discriminator": Adam(self.discriminator.parameters(), lr=options.lr_discriminator, betas=betas),
            "generator": Adam(self.generator.parameters(), lr=options.lr_generator, betas=betas),
        }

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """One round of the game; it is DCGAN's, with other losses."""
        real = images_for(self, batch)  # (N, C, H, W)
        fake = self.generator(self.noise(len(real)))  # (N, Z) -> (N, C, H, W)

        # D's turn: real images should get 1, drawn ones 0.
        real_scores, fake_scores = self.discriminator(real), self.discriminator(fake.detach())
        loss_d = self.objective.discriminator_loss(real_scores, fake_scores)
        self.zero_grad()
        loss_d.backward()
        refuse_gradients(self.generator, "discriminator", "give the discriminator fake.detach()")
        self.optimizers["discriminator"].step()

        # G's turn: the same images should get 1 from the D that has just learned.
        self.discriminator.requires_grad_(False)
        loss_g = self.objective.generator_loss(self.discriminator(fake))
        loss_g.backward()
        self.optimizers["generator"].step()
        self.discriminator.requires_grad_(True)

        if self.average is not None:
            self.average.update_parameters(self.generator)
        return {"loss_d": loss_d, "loss_g": loss_g, **self.objective.verdicts(real_scores, fake_scores)}

    def noise(self, n: int) -> Tensor:
        """Draw z (n, Z) from N(0, 1)."""
        return standard_normal(n, self.options.latent_size, self.device)

    def sample(self, n: int, noise: Tensor | None = None) -> Tensor:
        """Draw ``n`` images (n, C, H, W) in [-1, 1], from ``noise`` (n, Z) where it is given."""
        generator = self.average or self.generator
        with evaluating(generator):
            return generator(noise_for(self, n, noise))

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return both losses and D's mean scores on images that D did not learn from."""
        mean, generator = Mean(), self.average or self.generator
        with evaluating(generator), with_batch_statistics(self.discriminator):
            for batch in loader:
                real = images_for(self, batch)
                fake = generator(self.noise(len(real)))
                mean.add(len(real), **self.objective.figures(self.discriminator(real), self.discriminator(fake)))
        return mean.result()
