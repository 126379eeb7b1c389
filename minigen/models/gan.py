"""GAN: the game as it was first played, by two networks of dense layers.

Goodfellow et al. (2014) train two networks against each other.  The generator G turns noise z into a sample G(z); the
discriminator D is shown real samples and drawn ones, and says how probably each is real.  D learns to tell them apart,
G to make D err, and G sees nothing of the data but the gradient that comes through D.  If both were as good as can be,
drawn samples would have the distribution of real ones, and D would say 1/2 to everything (theorem 1).

With points in the plane instead of images one can watch the game, and see how it goes wrong: G leaves out a part of
the data, and jumps from one part to another.

References
----------
Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661.
Their program: github.com/goodfeli/adversarial, mnist.yaml.
He et al., Delving Deep into Rectifiers, 2015, arXiv:1502.01852 (initial weights).
Yazici et al., The Unusual Effectiveness of Averaging in GAN Training, 2019, arXiv:1806.04498 (``ema``).

Deviations
----------
- D's hidden layers are LeakyReLU (for points ReLU) instead of maxout, and both networks have three of them, not two.
- Adam with DCGAN's settings instead of SGD with momentum and a falling step size.
- For images, G's initial weights are those of He et al. (2015): with PyTorch's usual ones, which are smaller, z is
  hardly to be seen in what G draws, and stays so for long.
- Images lie in [-1, 1] and G ends in tanh; in the paper they lie in [0, 1] and G ends in a sigmoid.
- z is drawn from N(0, 1); the authors' program draws from a uniform distribution.
- Two more objectives can be tried, which the paper did not know: see `minigen.models.objectives`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import minigen
from minigen import Tensor, nn
from minigen.models.arguments import images_for, noise_for
from minigen.models.averaging import moving_average
from minigen.models.objectives import OBJECTIVES
from minigen.models.system import Mean, Shape, System, evaluating, option, standard_normal
from minigen.optim import Adam


@dataclass
class Options:
    """The settings of the GAN; 0 stands for what suits the data, images or points in the plane."""

    batch_size: int = option(100, "samples a step (the authors' program)")
    latent_size: int = option(0, "length Z of the noise vector z; 0: 100 (the authors' program), for points 2", least=0)
    hidden_size: int = option(
        0, "units of each of the three hidden layers; 0: 512 (the authors' program: 1200), for points 128", least=0
    )
    dropout: float = option(0.3, "for images: share of D's hidden units left out at each step (their program: 0.5)")
    objective: str = option(
        "non-saturating",
        "what both want (non-saturating, minimax: section 3; least-squares: Mao et al. 2017; hinge: Lim, Ye 2017)",
        choices=("non-saturating", "minimax", "least-squares", "hinge"),
    )
    lr_generator: float = option(2e-4, "Adam's step size in G (Radford et al. 2016, section 4)")
    lr_discriminator: float = option(2e-4, "Adam's step size in D (Radford et al. 2016, section 4)")
    beta1: float = option(0.5, "Adam's momentum (Radford et al. 2016, section 4)")
    beta2: float = option(0.999, "Adam's decay of the squared gradient (Kingma and Ba 2015, algorithm 1)")
    ema: float = option(0.0, "decay of the mean of G's weights that draws; 0: G itself (Yazici et al. 2019: 0.9999)")


# ------------------------------------------------------------------------------------------------ networks


class Generator(nn.Module):
    """Noise (N, Z) to images (N, C, H, W) in [-1, 1], or to points (N, 2) anywhere in the plane."""

    def __init__(self, shape: Shape, latent_size: int, hidden_size: int) -> None:
        super().__init__()
        self.shape = shape
        self.layers = nn.Sequential(
            nn.Linear(latent_size, hidden_size),
            nn.ReLU(),
            nn.Linear(hidden_size, hidden_size),
            nn.ReLU(),
            nn.Linear(hidden_size, hidden_size),
            nn.ReLU(),
            nn.Linear(hidden_size, math.prod(shape)),
            nn.Tanh() if len(shape) == 3 else nn.Identity(),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Return samples (N, *shape)."""
        return self.layers(z).reshape(len(z), *self.shape)  # (N, Z) -> (N, 784) -> (N, C, H, W)


class Discriminator(nn.Module):
    """Images (N, C, H, W) or points (N, 2) to logits (N,): the sigmoid of a logit is the probability of "real"."""

    def __init__(self, shape: Shape, hidden_size: int, dropout: float) -> None:
        super().__init__()
        sizes = (math.prod(shape), hidden_size, hidden_size, hidden_size)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(sizes):
            layers += [nn.Linear(before, after)]
            layers += [nn.LeakyReLU(0.2), nn.Dropout(dropout)] if len(shape) == 3 else [nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden_size, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N,)."""
        return self.layers(x.flatten(1)).flatten()  # (N, C, H, W) -> (N, 784) -> (N, 1) -> (N,)


def initialise(network: nn.Module) -> None:
    """Draw all weights so that ReLUs pass signals on at full strength (He et al. 2015, section 2.2); biases are 0."""
    for parameter in network.parameters():
        if parameter.dim() == 2:
            nn.init.kaiming_normal_(parameter)
        else:
            nn.init.zeros_(parameter)


# -------------------------------------------------------------------------------------------------- system


class GAN(System):
    """The game of G and D with dense networks.

    D lowers -log D(x) - log(1 - D(G(z))), the loss of a classifier.  G lowers log(1 - D(G(z))) in the minimax form, and
    by default -log D(G(z)), whose gradient does not vanish when D finds every drawn sample out (section 3).  All are in
    nats, means over the samples of a batch.

    Examples
    --------
    >>> system = GAN(Options(hidden_size=8), shape=(2,))
    >>> system.sample(3).shape
    (3, 2)
    """

    name = "gan"
    summary = "GAN with dense layers, for images or points in the plane (Goodfellow et al. 2014)"
    Options = Options
    image_sizes = (28, 32)
    takes_points = True
    value_range = (-1.0, 1.0)  # tanh's

    def __init__(self, options: Any = None, *, shape: Shape = (1, 28, 28), classes: int = 10) -> None:
        super().__init__(options, shape=shape, classes=classes)
        options, points = self.options, len(self.shape) == 1
        self.latent_size = options.latent_size or (2 if points else 100)
        hidden_size = options.hidden_size or (128 if points else 512)
        self.generator = Generator(self.shape, self.latent_size, hidden_size)
        self.discriminator = Discriminator(self.shape, hidden_size, options.dropout)
        if not points:
            initialise(self.generator)
        self.average = moving_average(self.generator, options.ema)
        self.objective = OBJECTIVES[options.objective]
        betas = (options.beta1, options.beta2)
        self.optimizers = {
            "discriminator": Adam(self.discriminator.parameters(), lr=options.lr_discriminator, betas=betas),
            "generator": Adam(self.generator.parameters(), lr=options.lr_generator, betas=betas),
        }

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """One round of the game: algorithm 1, with one step of D (k = 1, as in the paper)."""
        real = images_for(self, batch)  # (N, *shape)

        # D's turn.  Its loss is none of G's business: what G draws here is not recorded.
        with minigen.no_grad():
            fake = self.generator(self.noise(len(real)))  # (N, Z) -> (N, *shape)
        real_logits, fake_logits = self.discriminator(real), self.discriminator(fake)
        loss_d = self.objective.discriminator_loss(real_logits, fake_logits)
        self.optimizers["discriminator"].zero_grad()
        loss_d.backward()
        self.optimizers["discriminator"].step()

        # G's turn, with new noise, against the D that has just learned and now stands still.
        self.discriminator.requires_grad_(False)
        loss_g = self.objective.generator_loss(self.discriminator(self.generator(self.noise(len(real)))))
        self.optimizers["generator"].zero_grad()
        loss_g.backward()
        self.optimizers["generator"].step()
        self.discriminator.requires_grad_(True)

        if self.average is not None:
            self.average.update_parameters(self.generator)
        return {"loss_d": loss_d, "loss_g": loss_g, **self.objective.verdicts(real_logits, fake_logits)}

    def noise(self, n: int) -> Tensor:
        """Draw z (n, Z) from N(0, 1)."""
        return standard_normal(n, self.latent_size, self.device)

    def sample(self, n: int, noise: Tensor | None = None) -> Tensor:
        """Draw ``n`` images (n, C, H, W) in [-1, 1], or points (n, 2), from ``noise`` (n, Z) where it is given."""
        generator = self.average or self.generator
        with evaluating(generator):
            return generator(noise_for(self, n, noise))

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return both losses and D's mean verdicts on samples that D did not learn from.

        These say how the game stands, not how good the drawn samples are.
        """
        mean, generator = Mean(), self.average or self.generator
        with evaluating(generator, self.discriminator):
            for batch in loader:
                real = images_for(self, batch)
                fake = generator(self.noise(len(real)))
                mean.add(len(real), **self.objective.figures(self.discriminator(real), self.discriminator(fake)))
        return mean.result()
