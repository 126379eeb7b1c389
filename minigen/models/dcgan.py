"""DCGAN: two convolutional networks in a game, one drawing images and one telling them from real ones.

Goodfellow et al. (2014) train a generator G, which turns noise z into an image, against a discriminator D,
which says how probably an image is real.  D learns from real and drawn images; G learns from D alone, and
never sees a real image.  Radford, Metz and Chintala (2016) found convolutional networks and settings with
which that game becomes stable: strides instead of pooling, batch norm, ReLU in G, LeakyReLU in D, and Adam
with a short memory.

References
----------
Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661.
Radford, Metz, Chintala, Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks, 2016, arXiv:1511.06434.

Deviations
----------
- z is drawn from N(0, 1), as most programs do today; the paper draws from a uniform distribution.
- 28 x 28 images begin at 7 x 7 and are doubled twice; the paper knows 64 x 64 alone (4 x 4, doubled four
  times).
- The default width is 64, as in the program of pytorch/examples; the paper's G is twice as wide.
- G learns from the same drawn images as D did in that step (pytorch/examples), not from fresh ones: it
  saves one of the two passes through G, and the game is the same.
- Samples are drawn with batch norm's running statistics, so that an image depends on its own z only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import minigen
import minigen.nn.functional as F
from minigen import Tensor, nn
from minigen.models.system import (
    Mean,
    System,
    evaluating,
    images_of,
    option,
    refuse_gradients,
    standard_normal,
    with_batch_statistics,
)
from minigen.optim import Adam


@dataclass
class Options:
    """The settings of DCGAN; the sections are those of Radford et al. (2016)."""

    batch_size: int = option(128, "images a step (section 4)")
    latent_size: int = option(100, "length Z of the noise vector z (section 3)")
    generator_width: int = option(64, "channels of the generator's last hidden layer (pytorch/examples; paper: 128)")
    discriminator_width: int = option(64, "channels of the discriminator's first layer (pytorch/examples)")
    lr: float = option(2e-4, "Adam's step size in both networks (section 4)")
    beta1: float = option(0.5, "Adam's momentum; the usual 0.9 made training oscillate (section 4)")
    beta2: float = option(0.999, "Adam's decay of the squared gradient (Kingma and Ba 2015, algorithm 1)")
    leaky_slope: float = option(0.2, "slope of the discriminator's LeakyReLU below 0 (section 4)")
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

    def __init__(self, image_size: int, channels: int, options: Options) -> None:
        super().__init__()
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

    def __init__(self, image_size: int, channels: int, options: Options) -> None:
        super().__init__()
        start, times = doublings(image_size)
        width, slope = options.discriminator_width, options.leaky_slope
        layers: list[nn.Module] = [  # no batch norm on D's input, nor on G's output (section 3)
            nn.Conv2d(channels, width, kernel_size=4, stride=2, padding=1, bias=False),
            nn.LeakyReLU(slope),
        ]
        for _ in range(times - 1):
            layers += [
                nn.Conv2d(width, 2 * width, kernel_size=4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(2 * width),
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


# ----------------------------------------------------------------------------------------------- objective


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))), in nats, each term averaged over its images.

    Parameters
    ----------
    real, fake : Tensor
        D's logits (N,) for real and for drawn images.  From logits, because the logarithm of a rounded
        probability is -inf as soon as D is sure of itself.
    """
    return F.binary_cross_entropy_with_logits(real, minigen.ones_like(real)) + (
        F.binary_cross_entropy_with_logits(fake, minigen.zeros_like(fake))
    )


def generator_loss(fake: Tensor) -> Tensor:
    """-log D(G(z)), in nats, averaged over the images: the non-saturating form.

    The game itself says log(1 - D(G(z))), whose gradient vanishes just when D finds every drawn image out,
    and G has most to learn (Goodfellow et al. 2014, section 3).
    """
    return F.binary_cross_entropy_with_logits(fake, minigen.ones_like(fake))


# -------------------------------------------------------------------------------------------------- system


class DCGAN(System):
    """The game of G and D with convolutional networks.

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

    def __init__(self, options: Any = None, *, image_size: int = 28, channels: int = 1, classes: int = 10) -> None:
        super().__init__(options, image_size=image_size, channels=channels, classes=classes)
        options = self.options
        self.generator = Generator(image_size, channels, options)
        self.discriminator = Discriminator(image_size, channels, options)
        initialise(self, options.init_std)
        betas = (options.beta1, options.beta2)
        self.optimizers = {
            "discriminator": Adam(self.discriminator.parameters(), lr=options.lr, betas=betas),
            "generator": Adam(self.generator.parameters(), lr=options.lr, betas=betas),
        }

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """One round of the game (Goodfellow et al. 2014, algorithm 1, with k = 1)."""
        real = images_of(batch)  # (N, C, H, W)
        fake = self.generator(self.noise(len(real)))  # (N, Z) -> (N, C, H, W)

        # D's turn.  detach() cuts the drawn images off from G, so that backward stops at them.
        real_logits, fake_logits = self.discriminator(real), self.discriminator(fake.detach())
        loss_d = discriminator_loss(real_logits, fake_logits)
        self.zero_grad()
        loss_d.backward()
        refuse_gradients(self.generator, "discriminator", "give the discriminator fake.detach()")
        self.optimizers["discriminator"].step()

        # G's turn, against the D that has just learned.  The gradient must pass *through* D to reach G, but D's
        # own weights do not move now: their gradients are not computed, which saves 8 % of a step at 64 x 64.
        self.discriminator.requires_grad_(False)
        loss_g = generator_loss(self.discriminator(fake))
        loss_g.backward()
        self.optimizers["generator"].step()
        self.discriminator.requires_grad_(True)

        return {"loss_d": loss_d, "loss_g": loss_g, **probabilities(real_logits, fake_logits)}

    def noise(self, n: int) -> Tensor:
        """Draw z (n, Z) from N(0, 1)."""
        return standard_normal(n, self.options.latent_size, self.device)

    def sample(self, n: int, noise: Tensor | None = None) -> Tensor:
        """Draw ``n`` images (n, C, H, W) in [-1, 1], from ``noise`` (n, Z) where it is given."""
        with evaluating(self.generator):
            return self.generator(self.noise(n) if noise is None else noise[:n])

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return both losses and D's mean verdicts on images that D did not learn from.

        These say how the game stands, not how good the images are: D(x) on new images well below D(x) in
        training means that D has learned its images by heart.
        """
        mean = Mean()
        with evaluating(self.generator), with_batch_statistics(self.discriminator):
            for batch in loader:
                real = images_of(batch).to(self.device)
                real_logits = self.discriminator(real)
                fake_logits = self.discriminator(self.generator(self.noise(len(real))))
                mean.add(
                    len(real),
                    loss_d=discriminator_loss(real_logits, fake_logits),
                    loss_g=generator_loss(fake_logits),
                    **probabilities(real_logits, fake_logits),
                )
        return mean.result()


def probabilities(real: Tensor, fake: Tensor) -> dict[str, Tensor | float]:
    """Return D's mean probability of "real" for real and for drawn images, from its logits (N,)."""
    with minigen.no_grad():
        return {"D(x)": real.sigmoid().mean(), "D(G(z))": fake.sigmoid().mean()}
