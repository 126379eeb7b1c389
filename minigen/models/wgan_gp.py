"""WGAN-GP: a Wasserstein critic whose slope is held at 1 by a penalty, instead of by clipping its weights.

`wgan` keeps the critic's slope bounded by clipping, and pays for it: the best clipped critics are very simple
functions, and gradients fade or explode on their way through them.  Gulrajani et al. (2017) show that the *best*
critic has slope 1 almost everywhere on the lines between real and drawn samples, and so they ask for just that: the
penalty is the squared distance of the gradient's norm from 1, at random points of such lines.

References
----------
Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville, Improved Training of Wasserstein GANs, 2017, arXiv:1704.00028.

Deviations
----------
- For images the generator is DCGAN's, with its batch norm, and 4 x 4 kernels; the authors' program for MNIST has 5 x 5
  kernels, and no batch norm in G either.
- For points the networks have 128 hidden units and a step size of 5e-4; the authors' program for toy data has 512 and
  1e-4. That program divides the points of the 25 Gaussians by 2.828; here the networks do, and all figures are in the
  units of the data.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import minigen
from minigen import Tensor, nn
from minigen.models.arguments import images_for, noise_for
from minigen.models.averaging import moving_average
from minigen.models.dcgan import doublings
from minigen.models.objectives import wasserstein_critic_loss, wasserstein_generator_loss
from minigen.models.penalties import gradient_penalty
from minigen.models.system import Mean, Shape, System, evaluating, option, standard_normal
from minigen.models.wgan import PointCritic, make_generator, steps_of
from minigen.optim import Adam


@dataclass
class Options:
    """The settings of WGAN-GP; 0 stands for what suits the data, images or points in the plane."""

    batch_size: int = option(64, "images a step of the critic (the authors' program for 64x64)")
    n_critic: int = option(5, "steps of the critic for one of the generator (algorithm 1)")
    penalty_weight: float = option(0.0, "weight of the penalty; 0: 10 (algorithm 1), for points 0.283 (0.1 * 2.828)")
    lr: float = option(0.0, "Adam's step size; 0: 1e-4 (algorithm 1: alpha), for points 5e-4")
    beta1: float = option(0.5, "Adam's momentum (the authors' program; algorithm 1 in its last version: 0)")
    beta2: float = option(0.9, "Adam's decay of the squared gradient (algorithm 1)")
    latent_size: int = option(0, "length Z of the noise vector z; 0: 128 (the authors' program), for points 2", least=0)
    generator_width: int = option(64, "channels of the generator's last hidden layer (the authors' program)")
    discriminator_width: int = option(64, "channels of the critic's first layer (the authors' program)")
    hidden_size: int = option(128, "for points: units of each of the three hidden layers (the authors' program: 512)")
    spread: float = option(2.828, "for points: the unit of length in the networks (the authors' program)", least=1e-6)
    critic_norm: str = option("none", "normalisation in the critic (section 4)", choices=("none", "layer"))
    leaky_slope: float = option(0.2, "slope of the critic's LeakyReLU below 0 (the authors' program)")
    init_std: float = option(0.02, "for images: standard deviation of G's initial weights (Radford et al. 2016)")
    ema: float = option(0.0, "decay of the moving average of G that draws the samples; 0: without, 0.999 is usual")


FOR_IMAGES: dict[str, Any] = {"penalty_weight": 10.0, "lr": 1e-4, "latent_size": 128}
# The authors' program for toy data has 0.1 where lengths, and with them W1, are 2.828 times smaller: 0.1 * 2.828.
FOR_POINTS: dict[str, Any] = {"penalty_weight": 0.283, "lr": 5e-4, "latent_size": 2}


def suited_to(shape: Shape, options: Options) -> Options:
    """Return the options with what suits images, or points, in place of the zeros.

    Examples
    --------
    >>> suited_to((2,), Options(latent_size=8)).penalty_weight, suited_to((2,), Options(latent_size=8)).latent_size
    (0.283, 8)
    """
    suited = FOR_POINTS if len(shape) == 1 else FOR_IMAGES
    return dataclasses.replace(options, **{name: value for name, value in suited.items() if not getattr(options, name)})


# ------------------------------------------------------------------------------------------------ networks


class Critic(nn.Module):
    """Images (N, C, H, W) in [-1, 1] to scores (N,): halve the size until one number is left.

    Batch norm would make the score of an image depend on its batch, and the penalty is about one image at a time;
    where normalisation is wanted, it is over all numbers of an image (layer norm, as one group of channels).
    """

    def __init__(self, shape: Shape, options: Options) -> None:
        super().__init__()
        channels, image_size, _ = shape
        start, times = doublings(image_size)
        width = options.discriminator_width
        layers: list[nn.Module] = []
        for i in range(times):
            layers += [nn.Conv2d(channels, width, kernel_size=4, stride=2, padding=1)]
            if options.critic_norm == "layer" and i > 0:
                layers += [nn.GroupNorm(1, width)]
            layers += [nn.LeakyReLU(options.leaky_slope)]
            channels, width = width, 2 * width
        layers += [nn.Conv2d(channels, 1, kernel_size=start, bias=False)]  # a bias would cancel in the objective
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores (N,)."""
        return self.layers(x).flatten()  # (N, C, H, W) -> (N, 1, 1, 1) -> (N,)


# ----------------------------------------------------------------------------------------------- objective


def critic_loss(real: Tensor, fake: Tensor, penalty: Tensor, weight: float) -> Tensor:
    """E D(G(z)) - E D(x) + lambda * penalty, in units of the score (equation 3).

    Parameters
    ----------
    real, fake : Tensor
        Scores (N,) or (N, 1).
    penalty : Tensor
        The mean of (|gradient| - 1)**2.
    weight : float
        Lambda.
    """
    return wasserstein_critic_loss(real, fake) + weight * penalty


# -------------------------------------------------------------------------------------------------- system


class WGANGP(System):
    """The game of generator and critic with the gradient penalty.

    One `training_step` is one step of the critic on one batch of real samples; with every ``n_critic``-th of them the
    generator does one, too.

    Examples
    --------
    >>> system = WGANGP(Options(hidden_size=8), shape=(2,))
    >>> system.sample(3).shape
    (3, 2)
    """

    name = "wgan_gp"
    summary = "Wasserstein GAN with gradient penalty (Gulrajani et al. 2017)"
    Options = Options
    takes_points = True
    value_range = (-1.0, 1.0)  # tanh's

    def __init__(self, options: Any = None, *, shape: Shape = (1, 28, 28), classes: int = 10) -> None:
        super().__init__(options, shape=shape, classes=classes)
        self.options = options = suited_to(self.shape, self.options)
        self.generator = make_generator(self.shape, options)
        points = len(self.shape) == 1
        self.critic = PointCritic(options) if points else Critic(self.shape, options)
        self.average = moving_average(self.generator, options.ema)
        betas = (options.beta1, options.beta2)
        self.optimizers = {
            "critic": Adam(self.critic.parameters(), lr=options.lr, betas=betas),
            "generator": Adam(self.generator.parameters(), lr=options.lr, betas=betas),
        }

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """One step of the critic, and where it is due one of the generator (algorithm 1)."""
        real = images_for(self, batch)  # (N, C, H, W)
        with minigen.no_grad():  # G does not learn now
            fake = self.generator(self.noise(len(real)))  # (N, Z) -> (N, C, H, W)
        real_scores, fake_scores = self.critic(real), self.critic(fake)  # (N,) or (N, 1)
        penalty, norm = gradient_penalty(self.critic, real, fake)
        loss = critic_loss(real_scores, fake_scores, penalty, self.options.penalty_weight)
        self.optimizers["critic"].zero_grad()
        loss.backward()
        self.optimizers["critic"].step()
        values: dict[str, Tensor | float] = {"loss_d": loss, "gradient_norm": norm}
        values["w1"] = -wasserstein_critic_loss(real_scores, fake_scores).detach()
        if steps_of(self.optimizers["critic"]) % self.options.n_critic == 0:
            values["loss_g"] = self.generator_step(len(real))
        return values

    def generator_step(self, n: int) -> Tensor:
        """Move G up the critic's slope, on ``n`` new samples; the loss is -E D(G(z)) (algorithm 1, line 12)."""
        self.critic.requires_grad_(False)
        loss = wasserstein_generator_loss(self.critic(self.generator(self.noise(n))))
        self.optimizers["generator"].zero_grad()
        loss.backward()
        self.optimizers["generator"].step()
        self.critic.requires_grad_(True)
        if self.average is not None:
            self.average.update_parameters(self.generator)
        return loss

    def noise(self, n: int) -> Tensor:
        """Draw z (n, Z) from N(0, 1)."""
        return standard_normal(n, self.options.latent_size, self.device)

    def sample(self, n: int, noise: Tensor | None = None) -> Tensor:
        """Draw ``n`` images (n, C, H, W) in [-1, 1], or points (n, 2), from ``noise`` (n, Z) where it is given."""
        generator = self.average or self.generator
        with evaluating(generator):
            return generator(noise_for(self, n, noise))

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return the critic's estimate of W1, and its slope between real and drawn samples that it did not learn from.

        The slope should be near 1.  It settles at about 1 + W1 / (2 lambda), where a steeper critic would gain as much
        in the objective as it pays in the penalty: above 1 as long as G draws badly, or if lambda is small for the
        unit of the data.  An estimate far below that on the training data means that the critic has learned those by
        heart (Gulrajani et al. 2017, figure 5).
        """
        mean, generator = Mean(), self.average or self.generator
        with evaluating(generator, self.critic):
            for batch in loader:
                real = images_for(self, batch)
                fake = generator(self.noise(len(real)))
                distance = -wasserstein_critic_loss(self.critic(real), self.critic(fake))
                with minigen.enable_grad():  # of the scores, with respect to the samples
                    _, norm = gradient_penalty(self.critic, real, fake)
                mean.add(len(real), w1=distance, gradient_norm=norm)
        return mean.result()
