"""Denoising autoencoder: it is shown spoiled images, and must give back the clean ones.

A code with more numbers than the image has pixels could hold a mere copy, and nothing would be learned.  Vincent et
al. (2008) spoil the image before the encoder sees it, and compare with the clean one: a copy no longer helps, the
network has to know which pixels usually go together, and there need be no bottleneck.  The way from the spoiled image
to the clean one points to where images are likely; a diffusion model is made of many such small steps.

References
----------
Vincent, Larochelle, Bengio, Manzagol, Extracting and Composing Robust Features with Denoising Autoencoders, 2008.
Vincent, Larochelle, Lajoie, Bengio, Manzagol, Stacked Denoising Autoencoders, JMLR 11, 2010.

Deviations
----------
- One layer, not a stack of layers that are trained one after the other.
- Adam; the papers have plain stochastic gradient descent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import minigen
import minigen.nn.functional as F
from minigen import Tensor, nn
from minigen.models.arguments import images_for
from minigen.models.autoencoder import squared_error
from minigen.models.system import Mean, Shape, System, evaluating, option
from minigen.models.variational import reconstruction_loss
from minigen.optim import Adam


@dataclass
class Options:
    """The settings of the denoising autoencoder; sections and tables are those of Vincent et al. (2010)."""

    batch_size: int = option(128, "images a step")
    noise: str = option("masking", "how images are spoiled (section 3.3)", choices=("masking", "gaussian"))
    masked: float = option(0.25, "share of pixels that masking turns black (table 2: 0, 0.10, 0.25, 0.40)")
    noise_std: float = option(0.3, "standard deviation of gaussian noise (table 2: 0.05 to 0.5)")
    hidden_size: int = option(1000, "units of the hidden layer (table 2: 1000, 2000, 3000)")
    lr: float = option(1e-3, "Adam's step size (Kingma and Ba 2015, algorithm 1)")


# ------------------------------------------------------------------------------------------------- network


class TiedAutoencoder(nn.Module):
    """Images (N, C, H, W) to as many numbers without bounds, whose sigmoid is the clean image.

    y = sigmoid(W x + b) and out = W^T y + b': the decoder looks with the same filters as the encoder ("tied weights",
    2008, section 2.1), so each hidden unit adds to the image the very pattern that it was looking for.
    """

    def __init__(self, shape: Shape, options: Options) -> None:
        super().__init__()
        self.encoder = nn.Linear(math.prod(shape), options.hidden_size)
        self.pixel_bias = nn.Parameter(minigen.zeros(math.prod(shape)))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, C, H, W)."""
        y = self.encoder(x.flatten(1)).sigmoid()  # (N, C, H, W) -> (N, 784) -> (N, 1000)
        return F.linear(y, self.encoder.weight.t(), self.pixel_bias).reshape(x.shape)  # (N, 784) -> (N, C, H, W)


# ----------------------------------------------------------------------------------------------- objective
# The cross-entropy between the *clean* image and what the network makes of a spoiled one, in nats per image: it is
# `reconstruction_loss` of variational.py.


def spoil(x: Tensor, options: Options) -> Tensor:
    """Return spoiled images (N, C, H, W): some pixels black, or noise on all of them (which may leave [0, 1]).

    A pixel is one number: of a coloured image, each channel is masked by itself.

    Examples
    --------
    >>> spoil(minigen.ones(1, 1, 2, 2), Options(masked=1.0)).flatten().tolist()
    [0.0, 0.0, 0.0, 0.0]
    """
    if options.noise == "gaussian":
        return x + options.noise_std * minigen.randn_like(x)
    return x * (minigen.rand_like(x) >= options.masked)


# -------------------------------------------------------------------------------------------------- system


class DenoisingAutoencoder(System):
    """A hidden layer, trained to undo the spoiling.

    Examples
    --------
    >>> system = DenoisingAutoencoder(Options(hidden_size=16))
    >>> list(system.restore(minigen.rand(3, 1, 28, 28)))
    ['image', 'noisy', 'denoised']
    """

    name = "denoising_autoencoder"
    summary = "spoiled images to clean ones (Vincent et al. 2008)"
    Options = Options
    generates = False
    restores = True

    def __init__(self, options: Any = None, *, shape: Shape = (1, 28, 28), classes: int = 10) -> None:
        super().__init__(options, shape=shape, classes=classes)
        if self.options.masked > 1:
            raise ValueError(
                f"{self.name}: option masked is a share of the pixels, at most 1, not {self.options.masked}"
            )
        self.network = TiedAutoencoder(self.shape, self.options)
        self.optimizers = {"network": Adam(self.network.parameters(), lr=self.options.lr)}

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """One step down the gradient of the objective, with images that are spoiled anew."""
        x = images_for(self, batch)
        loss = reconstruction_loss(self.network(spoil(x, self.options)), x)
        self.optimizers["network"].zero_grad()
        loss.backward()
        self.optimizers["network"].step()
        return {"nats": loss}

    def restore(self, images: Tensor) -> dict[str, Tensor]:
        """Return images (N, C, H, W) in [0, 1], the same spoiled (cut off at 0 and 1), and what is made of those."""
        images = images_for(self, images)
        with evaluating(self.network):
            noisy = spoil(images, self.options)
            return {"image": images, "noisy": noisy.clamp(0, 1), "denoised": self.network(noisy).sigmoid()}

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return the objective in nats, and the squared error after and before denoising, all per image."""
        mean = Mean()
        with evaluating(self.network):
            for batch in loader:
                x = images_for(self, batch)
                noisy = spoil(x, self.options)
                outputs = self.network(noisy)
                mean.add(
                    len(x),
                    nats=reconstruction_loss(outputs, x),
                    squared_error=squared_error(outputs, x),
                    noisy_squared_error=((noisy - x) * (noisy - x)).sum() / len(x),
                )
        return mean.result()
