"""Schedules: the learning rate as a function of the number of steps, under PyTorch's names.

A schedule writes into the groups of an optimiser.  Its ``step()`` comes after ``optimizer.step()``: after every epoch,
or after every batch where a schedule counts batches.  Schedules of training loops are not stored by the optimiser:
keep ``schedule.state_dict()`` beside ``optimizer.state_dict()``.
"""

from minigen.optim.lr_scheduler.base import LRScheduler
from minigen.optim.lr_scheduler.cycles import CosineAnnealingLR, CosineAnnealingWarmRestarts, OneCycleLR
from minigen.optim.lr_scheduler.decay import ConstantLR, ExponentialLR, LambdaLR, LinearLR, MultiStepLR, StepLR
from minigen.optim.lr_scheduler.plateau import ReduceLROnPlateau
from minigen.optim.lr_scheduler.sequential import SequentialLR

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
