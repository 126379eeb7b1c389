"""Optimisers: how parameters follow their gradients; schedules: how the learning rate follows the steps; averages.

One file a family; `Optimizer` holds all that they share.
"""

from minigen.optim import lr_scheduler, swa_utils
from minigen.optim.adadelta import Adadelta
from minigen.optim.adagrad import Adagrad
from minigen.optim.adam import Adam, AdamW
from minigen.optim.optimizer import Optimizer
from minigen.optim.rmsprop import RMSprop
from minigen.optim.sgd import SGD

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler", "swa_utils"]
