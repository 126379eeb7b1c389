"""Matrix products, also of stacks of matrices whose leading axes broadcast."""

from __future__ import annotations

from minigen.engine import Function
from minigen.parallel import matmul


class MatMul(Function):
    """(..., I, K) @ (..., K, J) -> (..., I, J); each gradient is a product with the other factor."""

    def forward(self, a, b):
        return matmul(a, b)

    def backward(self, grad):
        a, b = self.inputs
        needs_a, needs_b = self.needs_input_grad
        return (
            (grad @ b.mT).sum_to_size(a.shape) if needs_a else None,
            (a.mT @ grad).sum_to_size(b.shape) if needs_b else None,
        )

    def reads(self):
        a, b = self.inputs
        return [0] * b.requires_grad + [1] * a.requires_grad
