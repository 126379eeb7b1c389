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
from minigen.functional.adaptive import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
)
from minigen.functional.classification import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    kl_div,
    nll_loss,
)
from minigen.functional.conv import conv2d, conv2d_weight, conv_transpose2d
from minigen.functional.conv1d import conv1d, conv_transpose1d
from minigen.functional.embedding import embedding
from minigen.functional.fold import fold, unfold
from minigen.functional.labels import one_hot
from minigen.functional.likelihoods import bernoulli_nll, discretised_logistic_nll, gaussian_kl, gaussian_nll
from minigen.functional.linear import linear
from minigen.functional.losses import gaussian_nll_loss, huber_loss, l1_loss, mse_loss, smooth_l1_loss
from minigen.functional.margins import (
    cosine_embedding_loss,
    cosine_similarity,
    hinge_embedding_loss,
    hinge_loss,
    soft_margin_loss,
)
from minigen.functional.noise import alpha_dropout, dropout, dropout1d, dropout2d, gumbel_softmax
from minigen.functional.norm import batch_norm
from minigen.functional.padding import pad
from minigen.functional.pool import avg_pool2d, max_pool2d
from minigen.functional.pool1d import avg_pool1d, max_pool1d
from minigen.functional.rectifiers import celu, elu, hardsigmoid, hardswish, hardtanh, prelu, relu6, selu
from minigen.functional.resample import interpolate
from minigen.functional.rescale import local_response_norm, normalize
from minigen.functional.samplenorm import adaptive_instance_norm, group_norm, instance_norm, layer_norm, rms_norm
from minigen.functional.shuffle import pixel_shuffle, pixel_unshuffle
from minigen.functional.similarity import ssim
from minigen.functional.smooth import gelu, glu, logsigmoid, mish, silu, softsign
from minigen.functional.unpool import max_unpool2d

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_instance_norm",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "bernoulli_nll",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "conv1d",
    "conv2d",
    "conv2d_weight",
    "conv_transpose1d",
    "conv_transpose2d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "discretised_logistic_nll",
    "dropout",
    "dropout1d",
    "dropout2d",
    "elu",
    "embedding",
    "fold",
    "gaussian_kl",
    "gaussian_nll",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "group_norm",
    "gumbel_softmax",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hinge_embedding_loss",
    "hinge_loss",
    "huber_loss",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log_softmax",
    "logsigmoid",
    "logsumexp",
    "max_pool1d",
    "max_pool2d",
    "max_unpool2d",
    "mish",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pixel_shuffle",
    "pixel_unshuffle",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softplus",
    "softsign",
    "ssim",
    "tanh",
    "unfold",
]
