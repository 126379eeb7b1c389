"""Optimisers: how parameters follow their gradients.

One file a family; `Optimizer` holds all that they share.
"""

from minigen.optim.adam import Adam, AdamW
from minigen.optim.optimizer import Optimizer
from minigen.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]
