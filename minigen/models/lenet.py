"""A convolutional classifier in the form of LeNet-5: it says which of ten digits an image shows.

LeCun et al. (1998) alternate convolutions, which look for the same small pattern everywhere, with pooling, which
forgets where exactly it was found, and end with fully connected layers that weigh what was found.

References
----------
LeCun, Bottou, Bengio, Haffner, Gradient-Based Learning Applied to Document Recognition, 1998.
Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, 2014.

Deviations
----------
- ReLU and max pooling instead of tanh and trainable average pooling; softmax and cross entropy instead of distances to
  drawn prototypes; Adam instead of a second-order method: what has been usual since 2012.
- 16 and 32 filters instead of 6 and 16, and dropout: 1 % of errors within two epochs instead of twenty.
- The step size falls steadily; the paper lowers it by hand after epochs 2, 5, 8 and 12 (section III.B).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import minigen.nn.functional as F
from minigen import Tensor, nn
from minigen.models.classification import ClassifierSystem
from minigen.models.system import Shape, option
from minigen.optim import Adam


@dataclass
class Options:
    """The settings of the classifier."""

    batch_size: int = option(128, "images a step")
    filters: int = option(16, "filters of the first convolution; the second has twice as many (LeNet-5: 6 and 16)")
    dropout: float = option(0.25, "share of the last features that is dropped in training (Srivastava et al. 2014)")
    lr: float = option(3e-3, "Adam's step size in the first step (chosen on training images held out)")
    decay_steps: int = option(2000, "steps within which it falls to a tenth; 0: never", least=0)


# ------------------------------------------------------------------------------------------------- network


class Classifier(nn.Module):
    """Images (N, C, H, W) in [0, 1] to one logit a class (N, classes)."""

    def __init__(self, shape: Shape, classes: int, options: Options) -> None:
        super().__init__()
        channels, image_size, _ = shape
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


# -------------------------------------------------------------------------------------------------- system


class LeNet(ClassifierSystem):
    """The classifier and its optimizer; loss and step are those of `classification.py`.

    Examples
    --------
    >>> import minigen
    >>> system = LeNet()
    >>> system(minigen.zeros(2, 1, 28, 28)).shape
    (2, 10)
    """

    name = "lenet"
    summary = "convolutional classifier (LeCun et al. 1998)"
    Options = Options
    image_sizes = (28, 32)

    def __init__(self, options: Any = None, *, shape: Shape = (1, 28, 28), classes: int = 10) -> None:
        super().__init__(options, shape=shape, classes=classes)
        self.network = Classifier(shape, classes, self.options)
        self.optimizers = {"network": Adam(self.network.parameters(), lr=self.options.lr)}
