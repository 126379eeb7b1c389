"""Functions of one tensor, element by element.

Where the derivative is short in terms of the result (exp, sqrt, tanh), backward uses ``self.output``, which
is a tensor of the graph, so that it can be differentiated again.  Masks and signs are constants: their
derivative is zero wherever it exists.
"""

from __future__ import annotations

from minigen.backend import array_module
from minigen.engine import Function


class _FromOutput(Function):
    """Base of the functions whose derivative is written with their output alone."""

    def reads(self):
        return (-1,)


class Exp(_FromOutput):
    """e**x."""

    def forward(self, x):
        return array_module(x).exp(x)

    def backward(self, grad):
        return grad * self.output


class Expm1(_FromOutput):
    """e**x - 1, exact for small x."""

    def forward(self, x):
        return array_module(x).expm1(x)

    def backward(self, grad):
        return grad * (self.output + 1)


class Log(Function):
    """The natural logarithm."""

    def forward(self, x):
        return array_module(x).log(x)

    def backward(self, grad):
        return grad / self.inputs[0]


class Log1p(Function):
    """log(1 + x), exact for small x."""

    def forward(self, x):
        return array_module(x).log1p(x)

    def backward(self, grad):
        return grad / (self.inputs[0] + 1)


class Sqrt(_FromOutput):
    """The square root; its derivative at 0 is infinite."""

    def forward(self, x):
        return array_module(x).sqrt(x)

    def backward(self, grad):
        return grad * 0.5 / self.output


class Tanh(_FromOutput):
    """The hyperbolic tangent; its derivative is 1 - tanh(x)**2."""

    def forward(self, x):
        return array_module(x).tanh(x)

    def backward(self, grad):
        y = self.output
        return grad * (1 - y * y)


class Sigmoid(_FromOutput):
    """1 / (1 + exp(-x)), from exp(-|x|) alone, so that it neither overflows nor loses small values."""

    def forward(self, x):
        xp = array_module(x)
        e = xp.abs(x, out=xp.empty_like(x))
        e = xp.exp(xp.negative(e, out=e), out=e)
        return xp.maximum(e, x >= 0) / (1 + e)  # numerator: 1 for x >= 0, else exp(x)

    def backward(self, grad):
        y = self.output
        return grad * (y * (1 - y))


class Relu(_FromOutput):
    """max(x, 0); the derivative at 0 is 0.

    The gradient is multiplied by the mask: choosing by the mask (``where``) costs a mispredicted branch for
    every other element.
    """

    def forward(self, x):
        return array_module(x).maximum(x, 0)

    def backward(self, grad):
        return grad * (self.output > 0)


class Abs(Function):
    """|x|; the derivative at 0 is 0."""

    def forward(self, x):
        return array_module(x).abs(x)

    def backward(self, grad):
        return grad * self.inputs[0].detach().sign()


class Clamp(Function):
    """x, not below ``min`` and not above ``max`` (None: no bound); the derivative on a bound is 1."""

    def forward(self, x):
        return array_module(x).clip(x, self.min, self.max)

    def backward(self, grad):
        (x,) = self.inputs
        if self.min is not None:
            grad = grad * (x >= self.min)
        if self.max is not None:
            grad = grad * (x <= self.max)
        return grad


class Step(Function):
    """A piecewise constant function, by its NumPy name: sign, floor, ceil, round.  The derivative is 0."""

    def forward(self, x):
        return getattr(array_module(x), self.name)(x)

    def backward(self, grad):
        return grad.new_zeros(grad.shape)

    def reads(self):
        return ()
