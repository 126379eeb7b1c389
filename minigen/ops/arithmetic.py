"""Arithmetic of two tensors, with broadcasting, and conversion between dtypes.

Forward broadcasts as NumPy does; so backward sums each gradient over the axes along which its input was
repeated (``sum_to_size``, the adjoint of broadcasting).  Both inputs arrive here with dtypes that NumPy
combines as PyTorch would: `minigen.tensor` has seen to that.
"""

from __future__ import annotations

from minigen.backend import array_module
from minigen.engine import Function


class Add(Function):
    """a + b."""

    pointwise = True

    def forward(self, a, b):
        return a + b

    def backward(self, grad):
        return tuple(
            grad.sum_to_size(x.shape) if needed else None
            for x, needed in zip(self.inputs, self.needs_input_grad, strict=True)
        )

    def reads(self):
        return ()


class Sub(Function):
    """a - b."""

    pointwise = True

    def forward(self, a, b):
        return a - b

    def backward(self, grad):
        a, b = self.inputs
        needs_a, needs_b = self.needs_input_grad
        return (
            grad.sum_to_size(a.shape) if needs_a else None,
            (-grad).sum_to_size(b.shape) if needs_b else None,
        )

    def reads(self):
        return ()


class Mul(Function):
    """a * b, elementwise."""

    pointwise = True

    def forward(self, a, b):
        return a * b

    def backward(self, grad):
        a, b = self.inputs
        needs_a, needs_b = self.needs_input_grad
        return (
            (grad * b).sum_to_size(a.shape) if needs_a else None,
            (grad * a).sum_to_size(b.shape) if needs_b else None,
        )

    def reads(self):
        a, b = self.inputs
        return [0] * b.requires_grad + [1] * a.requires_grad  # each gradient reads the other factor


class Div(Function):
    """a / b; the derivative with respect to b is -(a / b) / b."""

    pointwise = True

    def forward(self, a, b):
        return a / b

    def backward(self, grad):
        a, b = self.inputs
        needs_a, needs_b = self.needs_input_grad
        return (
            (grad / b).sum_to_size(a.shape) if needs_a else None,
            (-grad * self.output / b).sum_to_size(b.shape) if needs_b else None,
        )

    def reads(self):
        return (1, -1) if self.inputs[1].requires_grad else (1,)


class Neg(Function):
    """-a."""

    pointwise = True

    def forward(self, a):
        return -a

    def backward(self, grad):
        return -grad

    def reads(self):
        return ()


class PowScalar(Function):
    """a ** exponent, the exponent a Python number.

    Exponent 0 is a case of its own: ``0 * a**-1`` would be NaN at 0, and with it the third derivative of
    ``a**2``.
    """

    pointwise = True

    def forward(self, a):
        return a**self.exponent

    def backward(self, grad):
        (a,) = self.inputs
        if self.exponent == 0:
            return grad.new_zeros(grad.shape)
        return grad * (a ** (self.exponent - 1) * self.exponent)


class Pow(Function):
    """a ** b, both tensors.

    Where a is 0, b's derivative is 0 (as in PyTorch), and where both are 0 also a's.
    """

    pointwise = True

    def forward(self, a, b):
        return a**b

    def backward(self, grad):
        a, b = self.inputs
        needs_a, needs_b = self.needs_input_grad
        zero_base = a == 0  # added to a, it makes the logarithm 0 there
        both_zero = zero_base & (b == 0)
        return (
            (grad * b * a ** (b - 1 + both_zero)).sum_to_size(a.shape) if needs_a else None,
            (grad * self.output * (a + zero_base).log()).sum_to_size(b.shape) if needs_b else None,
        )

    def reads(self):
        return (0, 1, -1)


class _Extremum(Function):
    """Base of the elementwise maximum and minimum; equal elements share the gradient, as in PyTorch."""

    pointwise = True

    @staticmethod
    def first_wins(a, b):
        """Say where the result is a's element, and not an equal one of b's."""
        raise NotImplementedError

    def backward(self, grad):
        a, b = self.inputs
        needs_a, needs_b = self.needs_input_grad
        tie = (a == b).to(a.dtype) * 0.5
        return (
            (grad * (self.first_wins(a, b) + tie)).sum_to_size(a.shape) if needs_a else None,
            (grad * (self.first_wins(b, a) + tie)).sum_to_size(b.shape) if needs_b else None,
        )


class Maximum(_Extremum):
    """The larger of a and b, elementwise; NaN where either is NaN."""

    def forward(self, a, b):
        return array_module(a).maximum(a, b)

    @staticmethod
    def first_wins(a, b):
        return a > b


class Minimum(_Extremum):
    """The smaller of a and b, elementwise; NaN where either is NaN."""

    def forward(self, a, b):
        return array_module(a).minimum(a, b)

    @staticmethod
    def first_wins(a, b):
        return a < b


class Where(Function):
    """a where ``condition`` (a bool array) holds, else b."""

    def forward(self, a, b):
        return array_module(a).where(self.condition, a, b)

    def backward(self, grad):
        a, b = self.inputs
        needs_a, needs_b = self.needs_input_grad
        zero = grad.new_zeros(())
        return (
            Where.apply(grad, zero, condition=self.condition).sum_to_size(a.shape) if needs_a else None,
            Where.apply(zero, grad, condition=self.condition).sum_to_size(b.shape) if needs_b else None,
        )

    def reads(self):
        return ()


class Cast(Function):
    """The same values in another floating-point type; the gradient is cast back."""

    def forward(self, a):
        return a.astype(self.dtype)

    def backward(self, grad):
        return grad.to(self.inputs[0].dtype)

    def reads(self):
        return ()


class ToDevice(Function):
    """The same values on another device; the gradient travels back."""

    def forward(self, a):
        return self.move(a, self.device)

    def backward(self, grad):
        return grad.to(self.inputs[0].device)

    def reads(self):
        return ()
