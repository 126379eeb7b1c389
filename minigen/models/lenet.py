"""A convolutional classifier in the form of LeNet-5: it says which of ten digits an image shows.

LeCun et al. (1998) alternate convolutions, which look for the same small pattern everywhere, with pooling,
which forgets where exactly it was found, and end with fully connected layers that weigh what was found.  It
generates nothing; in this library it is the judge that tells whether a drawn digit can be read.

References
----------
LeCun, Bottou, Bengio, Haffner, Gradient-Based Learning Applied to Document Recognition, 1998.
Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, 2014.

Deviations
----------
- ReLU and max pooling instead of tanh and trainable average pooling; softmax and cross entropy instead of
  distances to drawn prototypes; Adam instead of a second-order method: what has been usual since 2012.
- 16 and 32 filters instead of 6 and 16, and dropout: 1 % of errors within two epochs instead of twenty.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import minigen.nn.functional as F
from minigen import Tensor, nn
from minigen.models.system import Mean, System, evaluating, option
from minigen.optim import Adam


@dataclass
class Options:
    """The settings of the classifier."""

    batch_size: int = option(128, "images a step")
    filters: int = option(16, "filters of the first convolution; the second has twice as many (LeNet-5: 6 and 16)")
    dropout: float = option(0.25, "share of the last features that is dropped in training (Srivastava et al. 2014)")
    lr: float = option(1e-3, "Adam's step size (Kingma and Ba 2015, algorithm 1)")


# ------------------------------------------------------------------------------------------------- network


class LeNet(nn.Module):
    """Images (N, C, H, W) in [0, 1] to one logit a class (N, classes)."""

    def __init__(self, image_size: int, channels: int, classes: int, options: Options) -> None:
        super().__init__()
        filters, side = options.filters, (image_size // 2 - 4) // 2  # 28 -> 14 -> 10 -> 5
        self.conv1 = nn.Conv2d(channels, filters, kernel_size=5, padding=2)
        self.conv2 = nn.Conv2d(filters, 2 * filters, kernel_size=5)
        self.fc1 = nn.Linear(2 * filters * side * side, 120)
        self.fc2 = nn.Linear(120, 84)
        self.dropout = nn.Dropout(options.dropout)
        self.fc3 = nn.Linear(84, classes)

    def features(self, x: Tensor) -> Tensor:
        """Return the 84 features (N, 84) on which the decision rests."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)  # (N, 1, 28, 28) -> (N, 16, 14, 14)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)  # (N, 32, 10, 10) -> (N, 32, 5, 5)
        x = F.relu(self.fc1(x.flatten(1)))  # (N, 800) -> (N, 120)
        return F.relu(self.fc2(x))  # (N, 84)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes)."""
        return self.fc3(self.dropout(self.features(x)))


# ----------------------------------------------------------------------------------------------- objective


def classification_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """-log p(label | image), in nats, averaged over the images; p = softmax(logits)."""
    return F.cross_entropy(logits, labels)


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the share, in [0, 1], of images whose largest logit is that of their label."""
    return (logits.argmax(1) == labels).float().mean()


# -------------------------------------------------------------------------------------------------- system


class CNN(System):
    """A LeNet and its optimizer.

    Examples
    --------
    >>> import minigen
    >>> system = CNN()
    >>> system(minigen.zeros(2, 1, 28, 28)).shape
    (2, 10)
    """

    name = "cnn"
    summary = "convolutional classifier (LeCun et al. 1998)"
    Options = Options
    image_sizes = (28, 32)
    needs_labels = True
    generates = False

    def __init__(self, options: Any = None, *, image_size: int = 28, channels: int = 1, classes: int = 10) -> None:
        super().__init__(options, image_size=image_size, channels=channels, classes=classes)
        self.network = LeNet(image_size, channels, classes, self.options)
        self.optimizers = {"network": Adam(self.network.parameters(), lr=self.options.lr)}

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) for images (N, C, H, W) in [0, 1]."""
        return self.network(x)

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """One step down the gradient of the loss on one batch (images, labels)."""
        images, labels = batch  # (N, C, H, W), (N,)
        logits = self.network(images)
        loss = classification_loss(logits, labels)
        self.optimizers["network"].zero_grad()
        loss.backward()
        self.optimizers["network"].step()
        return {"loss": loss, "accuracy": accuracy(logits.detach(), labels)}

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return the loss in nats and the accuracy in [0, 1] over all images of ``loader``."""
        mean = Mean()
        with evaluating(self.network):
            for images, labels in loader:
                labels = labels.to(self.device)
                logits = self.network(images.to(self.device))
                mean.add(len(labels), loss=classification_loss(logits, labels), accuracy=accuracy(logits, labels))
        return mean.result()
