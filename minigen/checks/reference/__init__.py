"""The slow twins: every function once more, as loops over single numbers.

An oracle is worth something if it cannot be wrong in the same way as what it judges.  So nothing here shares an
expression with `minigen.functional` or `minigen.ops`: no matrix product, no window view, no reduction, only Python
floats, the `math` module and loops that follow the definition.  NumPy arrays carry the numbers in and out and
nothing more.  These functions take arrays, not Tensors; they know no gradients (finite differences judge those)
and are for small sizes only.
"""

from minigen.checks.reference.activations import leaky_relu, relu, sigmoid, softplus, tanh
from minigen.checks.reference.elements import (
    added,
    along,
    average,
    elementwise,
    linear,
    log_softmax,
    logsumexp,
    matmul,
    moved,
    reduce,
    softmax,
    variance,
)
from minigen.checks.reference.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    gaussian_kl,
    l1_loss,
    mse_loss,
    nll_loss,
    reduced,
)
from minigen.checks.reference.norms import batch_norm
from minigen.checks.reference.windows import (
    avg_pool2d,
    conv2d,
    conv2d_weight,
    conv_transpose2d,
    max_pool2d,
    upsample_nearest,
)

__all__ = [
    "added",
    "along",
    "average",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv2d",
    "conv2d_weight",
    "conv_transpose2d",
    "cross_entropy",
    "elementwise",
    "gaussian_kl",
    "l1_loss",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max_pool2d",
    "moved",
    "mse_loss",
    "nll_loss",
    "reduce",
    "reduced",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "tanh",
    "upsample_nearest",
    "variance",
]
