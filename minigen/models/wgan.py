"""WGAN: instead of a verdict "real or drawn", a critic gives scores, and the gap between them is a distance.

When the drawn images are far from the real ones, a good discriminator is sure of every image, and its gradient says
nothing about which way to go.  Arjovsky, Chintala and Bottou (2017) measure how far they are: the Wasserstein distance
W1 is the least work that it takes to move the heap of drawn images onto the real ones.  By duality it is the largest
gap E D(x) - E D(G(z)) that a critic D can show whose slope is nowhere above 1 (a 1-Lipschitz function).  Such a critic
may be trained as far as it goes, and its gap falls as the images get better, which no loss of a GAN does.  Slopes are
bounded here in the simplest way: after each step, all weights are clipped to a small box.

References
----------
Arjovsky, Chintala, Bottou, Wasserstein GAN, 2017, arXiv:1701.07875.

Deviations
----------
- z is drawn from N(0, 1) for G as in the authors' program; there, the critic also does 100 steps for each of the
  first 25 steps of G, which the paper does not ask for, nor do we.
- Clipped weights bound the slope by some constant K that nobody knows, so the figure ``K*w1`` is a multiple of W1.
- For points in the plane, both networks have three hidden layers with ReLU, and see lengths in units of 2.828, the
  standard deviation of a coordinate of the 25 Gaussians, as in the program of Gulrajani et al. (2017) for such data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import minigen
from minigen import Tensor, nn
from minigen.models.arguments import images_for, noise_for
from minigen.models.averaging import moving_average
from minigen.models.dcgan import Discriminator, Generator, initialise
from minigen.models.objectives import wasserstein_critic_loss, wasserstein_generator_loss
from minigen.models.system import Mean, Shape, System, evaluating, option, standard_normal, with_batch_statistics
from minigen.optim import Optimizer, RMSprop


@dataclass
class Options:
    """The settings of WGAN; most are in algorithm 1 of Arjovsky et al. (2017)."""

    batch_size: int = option(64, "images a step of the critic (algorithm 1: m)")
    n_critic: int = option(5, "steps of the critic for one of the generator (algorithm 1)")
    clip: float = option(0.01, "largest weight of the critic in absolute value (algorithm 1: c)")
    lr: float = option(5e-5, "RMSprop's step size in both networks (algorithm 1: alpha)")
    latent_size: int = option(100, "length Z of the noise vector z (the authors' program)")
    generator_width: int = option(64, "channels of the generator's last hidden layer (the authors' program)")
    discriminator_width: int = option(64, "channels of the critic's first layer (the authors' program)")
    hidden_size: int = option(128, "for points: units of each hidden layer (Gulrajani et al. 2017's program: 512)")
    spread: float = option(2.828, "for points: the unit of length in the networks (Gulrajani's program)", least=1e-6)
    leaky_slope: float = option(0.2, "slope of the critic's LeakyReLU below 0 (Radford et al. 2016, section 4)")
    init_std: float = option(0.02, "for images: standard deviation of the initial weights (the authors' program)")
    ema: float = option(0.0, "decay of the moving average of G that draws the samples; 0: without, 0.999 is usual")


# ------------------------------------------------------------------------------------------------ networks


def dense_network(inputs: int, hidden: int, outputs: int, bias: bool = True) -> nn.Sequential:
    """Return the network for points in the plane: three hidden layers with ReLU, (N, inputs) to (N, outputs)."""
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, outputs, bias=bias),
    )


class PointGenerator(nn.Module):
    """Noise (N, Z) to points (N, 2) in the plane: ``spread`` times what the dense network says."""

    def __init__(self, options: Any) -> None:
        super().__init__()
        self.spread = options.spread
        self.layers = dense_network(options.latent_size, options.hidden_size, 2)

    def forward(self, z: Tensor) -> Tensor:
        """Return points (N, 2)."""
        return self.spread * self.layers(z)  # (N, Z) -> (N, 2)


class PointCritic(nn.Module):
    """Points (N, 2) to scores (N,).

    Length is measured in units of ``spread`` on the way in, and back in those of the data on the way out: so the
    network works with numbers near 1, and the slope of the scores is its own.
    """

    def __init__(self, options: Any) -> None:
        super().__init__()
        self.spread = options.spread
        self.layers = dense_network(2, options.hidden_size, 1, bias=False)  # a bias would cancel in the objective

    def forward(self, x: Tensor) -> Tensor:
        """Return scores (N,)."""
        return self.spread * self.layers(x / self.spread).flatten()  # (N, 2) -> (N, 1) -> (N,)


def make_generator(shape: Shape, options: Any) -> nn.Module:
    """Return the network from noise (N, Z) to images (N, C, H, W), DCGAN's; or to points (N, 2)."""
    if len(shape) == 1:
        return PointGenerator(options)
    generator = Generator(shape, options)
    initialise(generator, options.init_std)
    return generator


def make_critic(shape: Shape, options: Options) -> nn.Module:
    """Return the network from images (N, C, H, W), or points (N, 2), to scores (N,).

    For images it is DCGAN's discriminator: a logit may be any number, so a network that ends in logits ends in scores.
    """
    if len(shape) == 1:
        return PointCritic(options)
    critic = Discriminator(shape, options)
    initialise(critic, options.init_std)
    return critic


# ----------------------------------------------------------------------------------------------- objective


def clip_weights(network: nn.Module, limit: float) -> None:
    """Move each weight that is outside [-limit, limit] to the nearer end (algorithm 1, line 7).

    The objective itself, E D(x) - E D(G(z)), is in `minigen.models.objectives`; it bounds nothing.
    """
    with minigen.no_grad():
        for parameter in network.parameters():
            parameter.clamp_(-limit, limit)


# -------------------------------------------------------------------------------------------------- system


def steps_of(optimizer: Optimizer) -> int:
    """Return how many steps an optimizer has done.

    It counts them itself, next to the moving averages of each parameter, and a checkpoint keeps that: so the rhythm of
    critic and generator goes on after resuming, and no counter has to be fetched from the device.

    Examples
    --------
    >>> layer = nn.Linear(2, 1)
    >>> optimizer = RMSprop(layer.parameters())
    >>> before = steps_of(optimizer)
    >>> layer(minigen.ones(3, 2)).sum().backward()
    >>> optimizer.step()
    >>> before, steps_of(optimizer)
    (0, 1)
    """
    first = optimizer.param_groups[0]["params"][0]
    return int(optimizer.state.get(first, {}).get("step", 0))


class WGAN(System):
    """The game of generator and critic with clipped weights.

    One `training_step` is one step of the critic on one batch of real samples; with every ``n_critic``-th of them the
    generator does one, too.

    Examples
    --------
    >>> system = WGAN(Options(generator_width=8, discriminator_width=8))
    >>> system.sample(2).shape
    (2, 1, 28, 28)
    """

    name = "wgan"
    summary = "Wasserstein GAN with clipped weights (Arjovsky et al. 2017)"
    Options = Options
    takes_points = True
    value_range = (-1.0, 1.0)  # tanh's

    def __init__(self, options: Any = None, *, shape: Shape = (1, 28, 28), classes: int = 10) -> None:
        super().__init__(options, shape=shape, classes=classes)
        self.generator = make_generator(self.shape, self.options)
        self.critic = make_critic(self.shape, self.options)
        self.average = moving_average(self.generator, self.options.ema)
        self.optimizers = {
            "critic": RMSprop(self.critic.parameters(), lr=self.options.lr),
            "generator": RMSprop(self.generator.parameters(), lr=self.options.lr),
        }

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """One step of the critic, and where it is due one of the generator (algorithm 1)."""
        real = images_for(self, batch)  # (N, C, H, W)
        with minigen.no_grad():  # G does not learn now
            fake = self.generator(self.noise(len(real)))  # (N, Z) -> (N, C, H, W)
        loss = wasserstein_critic_loss(self.critic(real), self.critic(fake))
        self.optimizers["critic"].zero_grad()
        loss.backward()
        self.optimizers["critic"].step()
        clip_weights(self.critic, self.options.clip)
        values: dict[str, Tensor | float] = {"K*w1": -loss.detach()}
        if steps_of(self.optimizers["critic"]) % self.options.n_critic == 0:
            values["loss_g"] = self.generator_step(len(real))
        return values

    def generator_step(self, n: int) -> Tensor:
        """Move G up the critic's slope, on ``n`` new samples; the loss is -E D(G(z)) (algorithm 1, line 10)."""
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
        """Return the critic's estimate of K * W1 on samples that it did not learn from."""
        mean, generator = Mean(), self.average or self.generator
        with evaluating(generator), with_batch_statistics(self.critic):
            for batch in loader:
                real = images_for(self, batch)
                fake = generator(self.noise(len(real)))
                mean.add(len(real), **{"K*w1": -wasserstein_critic_loss(self.critic(real), self.critic(fake))})
        return mean.result()
