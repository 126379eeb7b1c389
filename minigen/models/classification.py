"""What all classifiers have in common: the loss, one step down its gradient, and counting what is right.

A classifier says how probably an image belongs to each class.  It generates nothing; it is where convolutions,
pooling and residual connections were found, and what judges whether a drawn digit can be read.  The networks and their
papers are in the files `lenet.py`, `cnn.py` and `resnet20.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import minigen.nn.functional as F
from minigen import Tensor, nn
from minigen.metrics.images import accuracy
from minigen.models.arguments import pairs_for
from minigen.models.system import Mean, System, decay_rate, evaluating


def classification_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """-log p(label | image), in nats, averaged over the images; p = softmax(logits).

    Parameters
    ----------
    logits : Tensor
        (N, classes).
    labels : Tensor
        (N,), whole numbers from 0 to classes - 1.
    """
    return F.cross_entropy(logits, labels)


class ClassifierSystem(System):
    """A network from images to one logit a class, and the optimizer that trains it.

    A subclass sets ``self.network`` and ``self.optimizers["network"]``; where its ``Options`` has ``decay_steps``, the
    step size falls to a tenth within so many steps.
    """

    network: nn.Module
    needs_labels = True
    generates = False

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) for images (N, C, H, W) in ``value_range``."""
        return self.network(x)

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """One step down the gradient of the loss on one batch (images, labels)."""
        images, labels = pairs_for(self, batch)  # (N, C, H, W), (N,)
        logits = self.network(images)
        loss = classification_loss(logits, labels)
        optimizer = self.optimizers["network"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay_rate(optimizer, getattr(self.options, "decay_steps", 0))
        return {"loss": loss, "accuracy": accuracy(logits.detach(), labels)}

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return the loss in nats and the accuracy in [0, 1] over all images of ``loader``."""
        mean = Mean()
        with evaluating(self.network):
            for batch in loader:
                images, labels = pairs_for(self, batch)
                logits = self.network(images)
                mean.add(len(labels), loss=classification_loss(logits, labels), accuracy=accuracy(logits, labels))
        return mean.result()
