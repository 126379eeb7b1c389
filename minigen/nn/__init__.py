"""Layers and networks, under PyTorch's names.

`Module` is the base class; the layers stand in one file a family, each thin: it checks its arguments, holds
its parameters and calls a function of `minigen.functional`.
"""

from minigen.nn import functional, init, utils
from minigen.nn.activation import Dropout, LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Softplus, Tanh
from minigen.nn.batchnorm import BatchNorm1d, BatchNorm2d
from minigen.nn.container import ModuleDict, ModuleList, ParameterList, Sequential
from minigen.nn.conv import Conv2d, ConvTranspose2d
from minigen.nn.linear import Flatten, Identity, Linear, Unflatten
from minigen.nn.loss import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss, NLLLoss
from minigen.nn.module import Module
from minigen.nn.parameter import Parameter
from minigen.nn.pooling import AvgPool2d, MaxPool2d, Upsample

__all__ = [
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv2d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "Identity",
    "L1Loss",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "ParameterList",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "Unflatten",
    "Upsample",
    "functional",
    "init",
    "utils",
]
