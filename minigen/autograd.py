"""The gradient functions under the name that PyTorch gives their home: ``minigen.autograd.grad``.

Nothing is computed here; `minigen.engine` does the work.
"""

from minigen.engine import Function, backward, enable_grad, grad, no_grad, set_grad_enabled

__all__ = ["Function", "backward", "enable_grad", "grad", "no_grad", "set_grad_enabled"]
