"""Functions of tensors that networks are made of: ``import minigen.nn.functional as F``.

One file a family.  Each function checks its arguments and applies a `Function`; those with weights take them
as arguments (the layers of `minigen.nn` hold them).
"""

from minigen.functional.activations import (
    leaky_relu,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    softmax,
    softplus,
    tanh,
)
from minigen.functional.conv import conv2d, conv2d_weight, conv_transpose2d
from minigen.functional.linear import linear
from minigen.functional.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    gaussian_kl,
    l1_loss,
    mse_loss,
    nll_loss,
)
from minigen.functional.noise import dropout
from minigen.functional.norm import batch_norm
from minigen.functional.pool import avg_pool2d, max_pool2d
from minigen.functional.resample import interpolate

__all__ = [
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv2d",
    "conv2d_weight",
    "conv_transpose2d",
    "cross_entropy",
    "dropout",
    "gaussian_kl",
    "interpolate",
    "l1_loss",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsumexp",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "tanh",
]
