"""SNGAN: a discriminator whose layers stretch nothing, because each weight is divided by its largest singular value.

`wgan` and `wgan_gp` bound the critic's slope by clipping and by a penalty, at the points that they happen to look at.
Miyato et al. (2018) bound it everywhere, at nearly no cost: a linear layer's largest slope is the largest singular
value sigma of its weight W, LeakyReLU's is 1, and slopes multiply; so if each layer computes with W / sigma, the whole
discriminator has slope 1 at most.  One step of the power method in each forward pass is enough to know sigma, since W
changes little from one step to the next.

References
----------
Miyato, Kataoka, Koyama, Yoshida, Spectral Normalization for Generative Adversarial Networks, 2018, arXiv:1802.05957.

Deviations
----------
- Both networks have DCGAN's shape, D without batch norm; the paper's plain D has a 3 x 3 convolution before each of
  these, which triples the work of a step.
- sigma is that of the weight as a matrix (O, C*KH*KW), as in the paper (section 2.1): it bounds the slope of a
  convolution up to a factor, as a pixel is seen by several of its windows.
- The last layer has no bias, as in `dcgan`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

import minigen
from minigen import Tensor, nn
from minigen.metrics.arguments import check_finite
from minigen.models.arguments import images_for, noise_for
from minigen.models.averaging import moving_average
from minigen.models.dcgan import Generator, doublings, initialise
from minigen.models.objectives import OBJECTIVES
from minigen.models.system import Mean, Shape, System, evaluating, option, standard_normal
from minigen.models.wgan import steps_of
from minigen.nn.utils.parametrizations import spectral_norm
from minigen.optim import Adam


@dataclass
class Options:
    """The settings of SNGAN; tables and appendices are those of Miyato et al. (2018)."""

    batch_size: int = option(64, "images a step (appendix B)")
    n_critic: int = option(1, "steps of the discriminator for one of the generator (table 1, setting C; 5 in others)")
    lr: float = option(2e-4, "Adam's step size in both networks (table 1, setting C; also their ResNets)")
    beta1: float = option(0.0, "Adam's momentum (that of their ResNets, as in Gulrajani et al. 2017)")
    beta2: float = option(0.9, "Adam's decay of the squared gradient (as beta1)")
    power_iterations: int = option(1, "steps of the power method in each forward pass (algorithm 1)")
    latent_size: int = option(128, "length Z of the noise vector z (appendix B)")
    generator_width: int = option(64, "channels of the generator's last hidden layer (table 3)")
    discriminator_width: int = option(64, "channels of the discriminator's first layer (table 3)")
    leaky_slope: float = option(0.1, "slope of the discriminator's LeakyReLU below 0 (table 3)")
    init_std: float = option(0.02, "standard deviation of G's initial weights (Radford et al. 2016, section 4)")
    ema: float = option(0.0, "decay of the moving average of G that draws the samples; 0: without, 0.999 is usual")


# ------------------------------------------------------------------------------------------------ networks


class Discriminator(nn.Module):
    """Images (N, C, H, W) in [-1, 1] to scores (N,), with a slope of about 1 at most.

    Spectral norm sets each layer's scale, so its initial weights may have any; they are those that `nn.Conv2d` draws.
    """

    def __init__(self, shape: Shape, options: Options) -> None:
        super().__init__()
        channels, image_size, _ = shape
        start, times = doublings(image_size)
        width, steps = options.discriminator_width, options.power_iterations
        layers: list[nn.Module] = []
        for _ in range(times):
            layers += [
                spectral_norm(nn.Conv2d(channels, width, kernel_size=4, stride=2, padding=1), n_power_iterations=steps),
                nn.LeakyReLU(options.leaky_slope),
            ]
            channels, width = width, 2 * width
        last = nn.Conv2d(channels, 1, kernel_size=start, bias=False)
        layers += [spectral_norm(last, n_power_iterations=steps)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores (N,)."""
        return self.layers(x).flatten()  # (N, C, H, W) -> (N, 1, 1, 1) -> (N,)


def singular_values(network: nn.Module) -> dict[str, tuple[float, float]]:
    """Return, for each layer with spectral norm, the sigma that it divides by, and the exact one by NumPy's SVD.

    After each step of training the power method takes one more step, so the first should follow the second closely;
    if it fell far below, the layer would stretch more than it promises.

    Examples
    --------
    >>> layer = spectral_norm(nn.Linear(3, 2), n_power_iterations=50)
    >>> _ = layer(minigen.zeros(1, 3))
    >>> used, exact = singular_values(layer)[""]
    >>> abs(used / exact - 1) < 1e-3
    True
    """
    found = {}
    with evaluating(network):  # reading the weight takes no step of the power method
        for name, layer in network.named_modules():
            if minigen.nn.utils.parametrize.is_parametrized(layer, "weight"):
                original = (
                    layer.parametrizations.weight.original.detach().cpu().flatten(1)
                )  # (O, C, KH, KW) -> (O, ...)
                weight = layer.weight.detach().cpu().flatten(1)
                used = float((original * weight).sum() / (weight * weight).sum())  # original = sigma * weight
                check_finite("singular_values", f"the weight of {name}", original.numpy())
                found[name] = used, float(np.linalg.svd(original.numpy(), compute_uv=False)[0])
    return found


# -------------------------------------------------------------------------------------------------- system


class SNGAN(System):
    """The game of generator and spectrally normalised discriminator, with the hinge loss.

    The objective is in `minigen.models.objectives`: D gives real samples at least 1 and drawn ones at most -1, and G
    raises the scores of what it draws (Miyato et al. 2018, equations 16 and 17).

    Examples
    --------
    >>> system = SNGAN(Options(generator_width=8, discriminator_width=8))
    >>> system.sample(2).shape
    (2, 1, 28, 28)
    """

    name = "sngan"
    summary = "GAN with spectral normalisation and hinge loss (Miyato et al. 2018)"
    Options = Options
    value_range = (-1.0, 1.0)  # tanh's

    def __init__(self, options: Any = None, *, shape: Shape = (1, 28, 28), classes: int = 10) -> None:
        super().__init__(options, shape=shape, classes=classes)
        options = self.options
        self.objective = OBJECTIVES["hinge"]
        self.generator = Generator(self.shape, options)
        initialise(self.generator, options.init_std)
        self.discriminator = Discriminator(self.shape, options)
        self.average = moving_average(self.generator, options.ema)
        betas = (options.beta1, options.beta2)
        self.optimizers = {
            "discriminator": Adam(self.discriminator.parameters(), lr=options.lr, betas=betas),
            "generator": Adam(self.generator.parameters(), lr=options.lr, betas=betas),
        }

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """One step of D, and where it is due one of G."""
        real = images_for(self, batch)  # (N, C, H, W)
        with minigen.no_grad():  # G does not learn now
            fake = self.generator(self.noise(len(real)))  # (N, Z) -> (N, C, H, W)
        real_scores, fake_scores = self.discriminator(real), self.discriminator(fake)
        loss = self.objective.discriminator_loss(real_scores, fake_scores)
        self.optimizers["discriminator"].zero_grad()
        loss.backward()
        self.optimizers["discriminator"].step()
        values = {"loss_d": loss, **self.objective.verdicts(real_scores, fake_scores)}
        if steps_of(self.optimizers["discriminator"]) % self.options.n_critic == 0:
            values["loss_g"] = self.generator_step(len(real))
        return values

    def generator_step(self, n: int) -> Tensor:
        """Raise D's scores of ``n`` new images; D's own weights do not move."""
        self.discriminator.requires_grad_(False)
        loss = self.objective.generator_loss(self.discriminator(self.generator(self.noise(n))))
        self.optimizers["generator"].zero_grad()
        loss.backward()
        self.optimizers["generator"].step()
        self.discriminator.requires_grad_(True)
        if self.average is not None:
            self.average.update_parameters(self.generator)
        return loss

    def noise(self, n: int) -> Tensor:
        """Draw z (n, Z) from N(0, 1)."""
        return standard_normal(n, self.options.latent_size, self.device)

    def sample(self, n: int, noise: Tensor | None = None) -> Tensor:
        """Draw ``n`` images (n, C, H, W) in [-1, 1], from ``noise`` (n, Z) where it is given."""
        generator = self.average or self.generator
        with evaluating(generator):
            return generator(noise_for(self, n, noise))

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return losses and mean scores on images that D did not learn from, and how wrong the sigmas are.

        ``sigma_error`` is the largest |used / exact - 1| over D's layers.
        """
        mean, generator = Mean(), self.average or self.generator
        with evaluating(generator, self.discriminator):
            for batch in loader:
                real = images_for(self, batch)
                fake = generator(self.noise(len(real)))
                mean.add(len(real), **self.objective.figures(self.discriminator(real), self.discriminator(fake)))
        errors = [abs(used / exact - 1) for used, exact in singular_values(self.discriminator).values()]
        return {**mean.result(), "sigma_error": max(errors)}
