"""Derivatives of functions under the names that PyTorch gives them: ``minigen.autograd.grad``, ``.jacobian``, ``.jvp``.

`minigen.engine` computes the gradients; here is what is built from them.  The two halves are files of their own:
`functional` (whole matrices of derivatives, and their products with vectors) and, for training, `recompute`
(checkpoints: memory for time) and `anomaly` (where did the NaN come from?).
"""

from minigen.autograd import functional
from minigen.autograd.anomaly import detect_anomaly, set_detect_anomaly
from minigen.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp
from minigen.autograd.recompute import checkpoint, checkpoint_sequential
from minigen.engine import Function, backward, grad
from minigen.modes import enable_grad, no_grad, set_grad_enabled
from minigen.oldnames import Variable

__all__ = [
    "Function",
    "Variable",
    "backward",
    "checkpoint",
    "checkpoint_sequential",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "vhp",
    "vjp",
]
