"""Autoencoder: a network that must say in few numbers what an image shows, and another that must draw it from them.

Hinton and Salakhutdinov (2006) press 784 pixels through 30 numbers, the *code*, and train both halves together to
give the image back.  With linear layers the best code would be that of principal components; with nonlinear layers
it follows curved sheets of images, and keeps more in as many numbers.  An autoencoder is no generator: nothing says
which codes belong to images.  What it takes to draw is told in vae.py.

References
----------
Hinton, Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks, Science 313, 2006.

Deviations
----------
- ReLU and Adam from random weights; the paper has logistic units, and needed a stack of restricted Boltzmann machines
  to begin from, because deep networks of these did not learn otherwise.
- The convolutional network is not the paper's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from minigen import Tensor, nn
from minigen.models.arguments import images_for
from minigen.models.convolutional import Contraction, Expansion
from minigen.models.system import Mean, Shape, System, evaluating, option
from minigen.models.variational import reconstruction_loss
from minigen.optim import Adam


@dataclass
class Options:
    """The settings of the autoencoder."""

    batch_size: int = option(128, "images a step")
    network: str = option("dense", "kind of encoder and decoder (paper: dense)", choices=("dense", "convolutional"))
    objective: str = option(
        "bernoulli", "what an error costs (paper: cross-entropy, as here)", choices=("bernoulli", "squared_error")
    )
    hidden_size: int = option(1000, "units of the first hidden layer; the next have a half and a quarter (paper)")
    width: int = option(32, "channels of the first convolution (Higgins et al. 2017); dense networks have none")
    latent_size: int = option(30, "length Z of the code (paper)")
    lr: float = option(1e-3, "Adam's step size (Kingma and Ba 2015, algorithm 1)")


# ------------------------------------------------------------------------------------------------ networks


class DenseEncoder(nn.Module):
    """Images (N, C, H, W) to codes (N, Z), which are linear: 784-1000-500-250-30 by default."""

    def __init__(self, shape: Shape, options: Options) -> None:
        super().__init__()
        pixels, widest = math.prod(shape), options.hidden_size
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(pixels, widest),
            nn.ReLU(),
            nn.Linear(widest, widest // 2),
            nn.ReLU(),
            nn.Linear(widest // 2, widest // 4),
            nn.ReLU(),
            nn.Linear(widest // 4, options.latent_size),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return codes (N, Z)."""
        return self.layers(x)


class DenseDecoder(nn.Module):
    """Codes (N, Z) to one number a pixel (N, C, H, W), whose sigmoid is the grey level: the encoder turned round."""

    def __init__(self, shape: Shape, options: Options) -> None:
        super().__init__()
        pixels, widest = math.prod(shape), options.hidden_size
        self.layers = nn.Sequential(
            nn.Linear(options.latent_size, widest // 4),
            nn.ReLU(),
            nn.Linear(widest // 4, widest // 2),
            nn.ReLU(),
            nn.Linear(widest // 2, widest),
            nn.ReLU(),
            nn.Linear(widest, pixels),
            nn.Unflatten(1, shape),
        )

    def forward(self, code: Tensor) -> Tensor:
        """Return logits (N, C, H, W)."""
        return self.layers(code)


def networks(shape: Shape, options: Options) -> tuple[nn.Module, nn.Module]:
    """Return the encoder and the decoder that the options ask for."""
    if options.network == "dense":
        return DenseEncoder(shape, options), DenseDecoder(shape, options)
    features = options.hidden_size // 4
    encoder = nn.Sequential(
        Contraction(shape, options.width, features),  # (N, C, H, W) -> (N, 250)
        nn.Linear(features, options.latent_size),  # -> (N, 30)
    )
    return encoder, Expansion(shape, options.width, features, options.latent_size)


# ----------------------------------------------------------------------------------------------- objective


def squared_error(outputs: Tensor, x: Tensor) -> Tensor:
    """sum_i (x_i - y_i)^2, y = sigmoid(outputs): per image, averaged over the batch; no nats, but grey levels squared.

    The figure of the paper (30 numbers, MNIST test digits): 3.00, where 30 principal components leave 13.87.

    Parameters
    ----------
    outputs, x : Tensor
        (N, C, H, W) each; x in [0, 1].
    """
    error = x - outputs.sigmoid()
    return (error * error).sum() / len(x)


#: "bernoulli": the cross-entropy between grey levels and sigmoid(outputs), in nats per image.
OBJECTIVES = {"bernoulli": reconstruction_loss, "squared_error": squared_error}


# -------------------------------------------------------------------------------------------------- system


class Autoencoder(System):
    """Encoder and decoder, trained together to give the image back.

    Examples
    --------
    >>> import minigen
    >>> system = Autoencoder(Options(hidden_size=16, latent_size=2))
    >>> list(system.restore(minigen.rand(3, 1, 28, 28)))
    ['image', 'reconstruction']
    """

    name = "autoencoder"
    summary = "images through a bottleneck and back (Hinton and Salakhutdinov 2006)"
    Options = Options
    generates = False
    restores = True

    def __init__(self, options: Any = None, *, shape: Shape = (1, 28, 28), classes: int = 10) -> None:
        super().__init__(options, shape=shape, classes=classes)
        self.encoder, self.decoder = networks(self.shape, self.options)
        self.optimizers = {"autoencoder": Adam(self.parameters(), lr=self.options.lr)}

    def forward(self, x: Tensor) -> Tensor:
        """Return images (N, C, H, W) as they come back: numbers without bounds, their sigmoid is the grey level."""
        return self.decoder(self.encoder(x))  # (N, C, H, W) -> (N, Z) -> (N, C, H, W)

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """One step down the gradient of the objective."""
        x = images_for(self, batch)
        loss = OBJECTIVES[self.options.objective](self(x), x)
        self.optimizers["autoencoder"].zero_grad()
        loss.backward()
        self.optimizers["autoencoder"].step()
        return {"loss": loss}

    def restore(self, images: Tensor) -> dict[str, Tensor]:
        """Return images (N, C, H, W) in [0, 1], and what is left of them after the bottleneck."""
        images = images_for(self, images)
        with evaluating(self.encoder, self.decoder):
            return {"image": images, "reconstruction": self(images).sigmoid()}

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return the objective, and the squared error, both per image: summed over the pixels."""
        mean = Mean()
        with evaluating(self.encoder, self.decoder):
            for batch in loader:
                x = images_for(self, batch)
                outputs = self(x)
                loss = OBJECTIVES[self.options.objective](outputs, x)
                mean.add(len(x), loss=loss, squared_error=squared_error(outputs, x))
        return mean.result()
