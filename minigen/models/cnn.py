"""The two convolutional classifiers of the course's articles: one for 32 x 32, one for 28 x 28 images.

Both are what a first CNN looks like: convolutions of 3 x 3 pixels with ever more filters, each followed by ReLU and
most by pooling, then two dense layers.  They differ at the edges of images: the first pads them with zeros, so that a
convolution keeps the size, the second does not, so that it takes a pixel off each side.

References
----------
The course's article 000, section 4.1 (PyTorch; CIFAR-10, 32 x 32 colour): conv 3-32, pool, conv 32-64, pool,
dense 4096-128-10.
The course's article 002, section 4.1 (Keras; MNIST, 28 x 28 grey): conv 1-32, pool, conv 32-64, pool, conv 64-128,
dense 1152-512-10.

Deviations
----------
- Article 000 counts 64 * 16 * 16 features where two poolings leave 64 * 8 * 8, and ``view(-1, 64 * 16 * 16)`` hides it:
  four images are glued into one row, and 64 images get 16 verdicts.  Here the features are counted right, and
  ``flatten(1)`` can glue nothing.
- Article 000 loads its images without turning them into tensors, forgets two imports, and looks at no test set; article
  002 gives integers to a loss that wants one-hot labels, and chooses on the test set.  Here labels are integers, images
  are in [0, 1], and the test set is only looked at.
- Article 002 puts softmax into the network; here the loss has it, which is the same and safe from log(0).
- Weights begin as PyTorch's do, not as Keras's, in both networks, and batches are 64 as in article 000 (002: 128).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from minigen import nn
from minigen.models.classification import ClassifierSystem
from minigen.models.system import Shape, option
from minigen.optim import Adam


@dataclass
class Options:
    """The settings of both classifiers."""

    batch_size: int = option(64, "images a step (article 000; 002: 128)")
    filters: int = option(32, "filters of the first convolution; the other widths are multiples of it (both articles)")
    lr: float = option(1e-3, "Adam's step size (article 000; 002 takes Keras's default, which is the same)")


# ------------------------------------------------------------------------------------------------ networks


def network_for_32(channels: int, classes: int, filters: int) -> nn.Sequential:
    """Images (N, C, 32, 32) to logits (N, classes): article 000, with as many features as there are."""
    hidden = 4 * filters
    return nn.Sequential(
        nn.Conv2d(channels, filters, kernel_size=3, padding=1),  # (N, 3, 32, 32) -> (N, 32, 32, 32)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 32, 16, 16)
        nn.Conv2d(filters, 2 * filters, kernel_size=3, padding=1),  # (N, 64, 16, 16)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 64, 8, 8)
        nn.Flatten(),  # (N, 4096)
        nn.Linear(2 * filters * 8 * 8, hidden),  # (N, 128)
        nn.ReLU(),
        nn.Linear(hidden, classes),
    )


def network_for_28(channels: int, classes: int, filters: int) -> nn.Sequential:
    """Images (N, C, 28, 28) to logits (N, classes): article 002; without padding 28 becomes 26, 13, 11, 5 and 3."""
    hidden = 16 * filters
    return nn.Sequential(
        nn.Conv2d(channels, filters, kernel_size=3),  # (N, 1, 28, 28) -> (N, 32, 26, 26)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 32, 13, 13)
        nn.Conv2d(filters, 2 * filters, kernel_size=3),  # (N, 64, 11, 11)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 64, 5, 5): the last row and column are left out
        nn.Conv2d(2 * filters, 4 * filters, kernel_size=3),  # (N, 128, 3, 3)
        nn.ReLU(),
        nn.Flatten(),  # (N, 1152)
        nn.Linear(4 * filters * 3 * 3, hidden),  # (N, 512)
        nn.ReLU(),
        nn.Linear(hidden, classes),
    )


# -------------------------------------------------------------------------------------------------- system


class CNN(ClassifierSystem):
    """The article's classifier for the images' size; loss and step are those of `classification.py`.

    Examples
    --------
    >>> import minigen
    >>> system = CNN(shape=(3, 32, 32))
    >>> system(minigen.zeros(64, 3, 32, 32)).shape  # article 000 makes 16 rows of 64 images
    (64, 10)
    """

    name = "cnn"
    summary = "the course's convolutional classifiers, for 32x32 and for 28x28 images"
    Options = Options
    data = "shapes"
    image_sizes = (32, 28)

    def __init__(self, options: Any = None, *, shape: Shape = (3, 32, 32), classes: int = 10) -> None:
        super().__init__(options, shape=shape, classes=classes)
        network = {32: network_for_32, 28: network_for_28}[shape[1]]
        self.network = network(shape[0], classes, self.options.filters)
        self.optimizers = {"network": Adam(self.network.parameters(), lr=self.options.lr)}
