"""DCGAN: two convolutional networks in a game, one drawing images and one telling them from real ones.

Goodfellow et al. (2014) train a generator G, which turns noise z into an image, against a discriminator D,
which says how probably an image is real.  D learns from real and drawn images; G learns from D alone, and
never sees a real image.  Radford, Metz and Chintala (2016) found convolutional networks and settings with
which that game becomes stable: strides instead of pooling, batch norm, ReLU in G, LeakyReLU in D, and Adam
with a short memory.  What others found later to steady it further are options, off unless asked for.

References
----------
Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661.
Radford, Metz, Chintala, Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks, 2016, arXiv:1511.06434.
Salimans et al., Improved Techniques for Training GANs, 2016, arXiv:1606.03498 (``label_smoothing``).
Heusel et al., GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium, 2017,
arXiv:1706.08500 (``lr_discriminator`` other than ``lr_generator``).
Mescheder et al., Which Training Methods for GANs do actually Converge?, 2018, arXiv:1801.04406 (``r1``).
Yazici et al., The Unusual Effectiveness of Averaging in GAN Training, 2019, arXiv:1806.04498 (``ema``).

Deviations
----------
- z is drawn from N(0, 1), as most programs do today; the paper draws from a uniform distribution.
- 28 x 28 images begin at 7 x 7 and are doubled twice; the paper knows 64 x 64 alone (4 x 4, doubled four
  times).
- The default width is 64, as in the program of pytorch/examples; the paper's G is twice as wide.
- G learns from the same drawn images as D did in that step (pytorch/examples), not from fresh ones: it
  saves one of the two passes through G, and the game is the same.
- Samples are drawn with batch norm's running statistics, so that an image depends on its own z only.
- With ``r1`` D has no batch norm: the penalty is about one image at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from minigen import Tensor, nn
from minigen.models.arguments import images_for, noise_for
from minigen.models.averaging import moving_average
from minigen.models.objectives import OBJECTIVES
from minigen.models.penalties import r1_penalty
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
    """The settings of DCGAN; sections without a name are those of Radford et al. (2016)."""

    batch_size: int = option(128, "images a step (section 4)")
    latent_size: int = option(100, "length Z of the noise vector z (section 3)")
    generator_width: int = option(64, "channels of the generator's last hidden layer (pytorch/examples; paper: 128)")
    discriminator_width: int = option(64, "channels of the discriminator's first layer (pytorch/examples)")
    objective: str = option(
        "non-saturating",
        "what G wants: non-saturating, or minimax (both Goodfellow et al. 2014, section 3)",
        choices=("non-saturating", "minimax"),
    )
    label_smoothing: float = option(0.0, "label a real image 1 minus this (Salimans et al. 2016, section 3.4: 0.1)")
    lr_generator: float = option(2e-4, "Adam's step size in G (section 4)")
    lr_discriminator: float = option(2e-4, "Adam's step size in D (section 4; Heusel et al. 2017 take a larger one)")
    beta1: float = option(0.5, "Adam's momentum; the usual 0.9 made training oscillate (section 4)")
    beta2: float = option(0.999, "Adam's decay of the squared gradient (Kingma and Ba 2015, algorithm 1)")
    leaky_slope: float = option(0.2, "slope of the discriminator's LeakyReLU below 0 (section 4)")
    ema: float = option(0.0, "decay of the mean of G's weights that draws; 0: G itself (Yazici et al. 2019: 0.9999)")
    r1: float = option(0.0, "weight gamma of the R1 penalty; D then has no batch norm (Mescheder et al. 2018: 10)")
    init_std: float = option(0.02, "standard deviation of the initial weights (section 4; scales: pytorch/examples)")


# ------------------------------------------------------------------------------------------------ networks


def doublings(image_size: int) -> tuple[int, int]:
    """Return the size of the smallest feature map, and how many doublings lead from there to the image.

    Examples
    --------
    >>> doublings(28), doublings(64)
    ((7, 2), (4, 4))
    """
    return {28: (7, 2), 32: (4, 3), 64: (4, 4)}[image_size]


class Generator(nn.Module):
    """Noise (N, Z) to images (N, C, H, W) in [-1, 1]: project, reshape, then double the size repeatedly."""

    def __init__(self, shape: Shape, options: Any) -> None:
        super().__init__()
        channels, image_size, _ = shape
        self.start, times = doublings(image_size)
        width = self.width = options.generator_width * 2 ** (times - 1)
        self.project = nn.Linear(options.latent_size, self.start**2 * width, bias=False)
        layers: list[nn.Module] = [nn.BatchNorm2d(width), nn.ReLU()]
        for _ in range(times - 1):
            layers += [
                nn.ConvTranspose2d(width, width // 2, kernel_size=4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(width // 2),
                nn.ReLU(),
            ]
            width //= 2
        layers += [
            nn.ConvTranspose2d(width, channels, kernel_size=4, stride=2, padding=1, bias=False),
            nn.Tanh(),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """Return images (N, C, H, W)."""
        x = self.project(z)  # (N, Z) -> (N, 7*7*W), or 4*4*W
        x = x.reshape(len(z), self.start, self.start, self.width)  # (N, 7, 7, W)
        x = x.permute(0, 3, 1, 2)  # (N, W, 7, 7): channels stay last in memory, which convolutions like
        return self.layers(x)  # (N, C, H, W)


class Discriminator(nn.Module):
    """Images (N, C, H, W) in [-1, 1] to logits (N,): halve the size until one number is left.

    The logit is log(D / (1 - D)); D itself, the probability of "real", is its sigmoid.
    """

    def __init__(self, shape: Shape, options: Any, batch_norm: bool = True) -> None:
        super().__init__()
        channels, image_size, _ = shape
        start, times = doublings(image_size)
        width, slope = options.discriminator_width, options.leaky_slope
        layers: list[nn.Module] = [  # no batch norm on D's input, nor on G's output (section 3)
            nn.Conv2d(channels, width, kernel_size=4, stride=2, padding=1, bias=False),
            nn.LeakyReLU(slope),
        ]
        for _ in range(times - 1):
            layers += [
                nn.Conv2d(width, 2 * width, kernel_size=4, stride=2, padding=1, bias=False),
                *([nn.BatchNorm2d(2 * width)] if batch_norm else []),
                nn.LeakyReLU(slope),
            ]
            width *= 2
        layers += [nn.Conv2d(width, 1, kernel_size=start, bias=False)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N,)."""
        return self.layers(x).flatten()  # (N, C, H, W) -> (N, 1, 1, 1) -> (N,)


def initialise(network: nn.Module, std: float) -> None:
    """Draw the weights from N(0, std), and batch norm's scales, the weights of one axis, from N(1, std)."""
    for name, parameter in network.named_parameters():
        if name.endswith("weight"):
            nn.init.normal_(parameter, mean=1.0 if parameter.dim() == 1 else 0.0, std=std)


# -------------------------------------------------------------------------------------------------- system


class DCGAN(System):
    """The game of G and D with convolutional networks.

    D lowers -log D(x) - log(1 - D(G(z))), the loss of a classifier, and G by default -log D(G(z)); both in nats, means
    over the images of a batch (`minigen.models.objectives`).

    Examples
    --------
    >>> system = DCGAN(Options(generator_width=8, discriminator_width=8))
    >>> system.sample(2).shape
    (2, 1, 28, 28)
    """

    name = "dcgan"
    summary = "convolutional GAN (Radford et al. 2016)"
    Options = Options
    value_range = (-1.0, 1.0)  # tanh's

    def __init__(self, options: Any = None, *, shape: Shape = (1, 28, 28), classes: int = 10) -> None:
        super().__init__(options, shape=shape, classes=classes)
        options = self.options
        self.generator = Generator(shape, options)
        self.discriminator = Discriminator(shape, options, batch_norm=options.r1 == 0)
        initialise(self, options.init_std)
        self.average = moving_average(self.generator, options.ema)
        self.objective = OBJECTIVES[options.objective].smoothed(options.label_smoothing)
        betas = (options.beta1, options.beta2)
        self.optimizers = {
            "discriminator": Adam(self.discriminator.parameters(), lr=options.lr_discriminator, betas=betas),
            "generator": Adam(self.generator.parameters(), lr=options.lr_generator, betas=betas),
        }

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """One round of the game (Goodfellow et al. 2014, algorithm 1, with k = 1)."""
        real = images_for(self, batch)  # (N, C, H, W)
        fake = self.generator(self.noise(len(real)))  # (N, Z) -> (N, C, H, W)

        # D's turn.  detach() cuts the drawn images off from G, so that backward stops at them.
        real_logits, fake_logits = self.discriminator(real), self.discriminator(fake.detach())
        loss_d = self.objective.discriminator_loss(real_logits, fake_logits)
        figures = {"loss_d": loss_d, **self.objective.verdicts(real_logits, fake_logits)}
        if self.options.r1 > 0:  # gamma / 2 times the mean squared slope of the logit at real images
            figures["r1"] = r1_penalty(self.discriminator, real)
            loss_d = loss_d + 0.5 * self.options.r1 * figures["r1"]
        self.zero_grad()
        loss_d.backward()
        refuse_gradients(self.generator, "discriminator", "give the discriminator fake.detach()")
        self.optimizers["discriminator"].step()

        # G's turn, against the D that has just learned.  The gradient must pass *through* D to reach G, but D's
        # own weights do not move now: their gradients are not computed, which saves 8 % of a step at 64 x 64.
        self.discriminator.requires_grad_(False)
        loss_g = self.objective.generator_loss(self.discriminator(fake))
        loss_g.backward()
        self.optimizers["generator"].step()
        self.discriminator.requires_grad_(True)

        if self.average is not None:
            self.average.update_parameters(self.generator)
        return {**figures, "loss_g": loss_g}

    def noise(self, n: int) -> Tensor:
        """Draw z (n, Z) from N(0, 1)."""
        return standard_normal(n, self.options.latent_size, self.device)

    def sample(self, n: int, noise: Tensor | None = None) -> Tensor:
        """Draw ``n`` images (n, C, H, W) in [-1, 1], from ``noise`` (n, Z) where it is given."""
        generator = self.average or self.generator
        with evaluating(generator):
            return generator(noise_for(self, n, noise))

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return both losses and D's mean verdicts on images that D did not learn from.

        These say how the game stands, not how good the images are: D(x) on new images well below D(x) in
        training means that D has learned its images by heart.
        """
        mean, generator = Mean(), self.average or self.generator
        with evaluating(generator), with_batch_statistics(self.discriminator):
            for batch in loader:
                real = images_for(self, batch)
                fake = generator(self.noise(len(real)))
                mean.add(len(real), **self.objective.figures(self.discriminator(real), self.discriminator(fake)))
        return mean.result()
