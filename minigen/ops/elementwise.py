"""Functions of one tensor, element by element.

Where the derivative is short in terms of the result (exp, sqrt, tanh), backward uses ``self.output``, which
is a tensor of the graph, so that it can be differentiated again.  Masks and signs are constants: their
derivative is zero wherever it exists.
"""

from __future__ import annotations

import math

from minigen.backend import array_module, rows_in_block
from minigen.engine import Function


class _FromOutput(Function):
    """Base of the functions whose derivative is written with their output alone."""

    pointwise = True

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

    pointwise = True

    def forward(self, x):
        return array_module(x).log(x)

    def backward(self, grad):
        return grad / self.inputs[0]


class Log1p(Function):
    """log(1 + x), exact for small x."""

    pointwise = True

    def forward(self, x):
        return array_module(x).log1p(x)

    def backward(self, grad):
        return grad / (self.inputs[0] + 1)


class LogOfBase(Function):
    """The logarithm to the base 2 or 10, by its NumPy name: log2, log10."""

    pointwise = True

    def forward(self, x):
        return getattr(array_module(x), self.name)(x)

    def backward(self, grad):
        return grad / (self.inputs[0] * math.log(float(self.name[3:])))


class Sin(Function):
    """The sine; its derivative is the cosine."""

    pointwise = True

    def forward(self, x):
        return array_module(x).sin(x)

    def backward(self, grad):
        return grad * self.inputs[0].cos()


class Cos(Function):
    """The cosine; its derivative is minus the sine."""

    pointwise = True

    def forward(self, x):
        return array_module(x).cos(x)

    def backward(self, grad):
        return -grad * self.inputs[0].sin()


class Tan(_FromOutput):
    """The tangent; its derivative is 1 + tan(x)**2."""

    def forward(self, x):
        return array_module(x).tan(x)

    def backward(self, grad):
        y = self.output
        return grad * (1 + y * y)


class Atan(Function):
    """The inverse of the tangent; its derivative is 1 / (1 + x**2)."""

    pointwise = True

    def forward(self, x):
        return array_module(x).arctan(x)

    def backward(self, grad):
        (x,) = self.inputs
        return grad / (1 + x * x)


class Sinh(Function):
    """(exp(x) - exp(-x)) / 2; its derivative is cosh."""

    pointwise = True

    def forward(self, x):
        return array_module(x).sinh(x)

    def backward(self, grad):
        return grad * self.inputs[0].cosh()


class Cosh(Function):
    """(exp(x) + exp(-x)) / 2; its derivative is sinh."""

    pointwise = True

    def forward(self, x):
        return array_module(x).cosh(x)

    def backward(self, grad):
        return grad * self.inputs[0].sinh()


# Cody 1969, erf on [0, 0.46875]: x * P(x**2) / Q(x**2); and erfc on [0.46875, 4]: exp(-x**2) * P(x) / Q(x).
# Highest power first; the leading coefficient of each Q is 1.
_ERF = (
    (
        1.85777706184603153e-1,
        3.16112374387056560e0,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
_ERFC = (
    (
        2.15311535474403846e-8,
        5.64188496988670089e-1,
        8.88314979438837594e0,
        6.61191906371416295e1,
        2.98635138197400131e2,
        8.81952221241769090e2,
        1.71204761263407058e3,
        2.05107837782607147e3,
        1.23033935479799725e3,
    ),
    (
        1.0,
        1.57449261107098347e1,
        1.17693950891312499e2,
        5.37181101862009858e2,
        1.62138957456669019e3,
        3.29079923573345963e3,
        4.36261909014324716e3,
        3.43936767414372164e3,
        1.23033935480374942e3,
    ),
)


def _polynomial(coefficients: tuple[float, ...], x):
    """Horner's rule, in place."""
    y = x * coefficients[0]
    for c in coefficients[1:-1]:
        y += c
        y *= x
    y += coefficients[-1]
    return y


# For float32, fitted at Chebyshev points: erf(x) / x - 1 in x**2 up to 0.93, log(erfc(x)) / x + 1 in x up to 4.
_ERF_SINGLE = (-5.9721025e-4, 4.9899444e-3, -2.67647840e-2, 1.12817787e-1, -3.76124918e-1, 1.28379151e-1)
_ERFC_SINGLE = (
    *(-1.25142769e-5, 3.35365767e-4, -3.69238947e-3, 2.38652434e-2),
    *(-1.06353879e-1, -6.35082245e-1, -1.28665105e-1),
)


def _erf_single(xp, x):
    x = xp.clip(x, -4, 4)
    size = xp.abs(x)
    inner = _polynomial(_ERF_SINGLE, x * x)
    inner *= x
    inner += x
    outer = _polynomial(_ERFC_SINGLE, size)
    outer *= size
    outer -= size
    outer = xp.copysign(1 - xp.exp(outer, out=outer), x)
    return _one_of(size <= 0.93, inner, outer)


def _erf_double(xp, x):
    x = xp.clip(x, -6, 6)
    size = xp.abs(x)
    square = x * x
    p, q = (_polynomial(coefficients, square) for coefficients in _ERF)
    inner = x * (p / q)
    p, q = (_polynomial(coefficients, size) for coefficients in _ERFC)
    outer = xp.copysign(1 - xp.exp(-square) * (p / q), x)
    return _one_of(size <= 0.46875, inner, outer)


def _one_of(near, inner, outer):
    """Choose by masks, not `where`: a mispredicted branch costs more."""
    inner *= near
    outer *= ~near
    inner += outer
    return inner


class Erf(Function):
    r"""The error function; its derivative is :math:`2 / \sqrt{\pi} \cdot e^{-x^2}`.

    Two formulas, one near 0 and one for the distance from 1; each element is given by the one in whose range it lies.
    Beyond 4 in float32, or 6 in float64, the result is 1, so x is cut off there and nothing overflows.

    References
    ----------
    W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969), 631-637: for float64.
    """

    pointwise = True

    def forward(self, x):
        xp = array_module(x)
        erf = _erf_double if x.dtype.itemsize > 4 else _erf_single
        if x.size == 0 or x.ndim == 0:
            return erf(xp, x.reshape(-1)).reshape(x.shape)
        y = xp.empty_like(x)
        step = rows_in_block(xp, x.nbytes // max(len(x), 1), 2**16)
        for start in range(0, len(x), step):  # some forty passes: over numbers that stay in the cache
            y[start : start + step] = erf(xp, x[start : start + step])
        return y

    def backward(self, grad):
        (x,) = self.inputs
        return grad * ((-x * x).exp() * (2 / math.sqrt(math.pi)))


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
    """exp(x) / (1 + exp(x)), which loses no small values; x is cut off where the result has long been 1."""

    def forward(self, x):
        xp = array_module(x)
        e = xp.minimum(x, 40 if x.dtype.itemsize > 2 else 10, out=xp.empty_like(x))  # from there on 1 + e is e
        xp.exp(e, out=e)
        return xp.divide(e, 1 + e, out=e)

    def backward(self, grad):
        y = self.output
        return grad * (y * (1 - y))


class Relu(_FromOutput):
    """max(x, 0); the derivative at 0 is 0.

    The gradient is multiplied by the mask: choosing by the mask (``where``) costs a mispredicted branch for
    every other element.  The price: an infinite gradient at a masked element gives NaN (infinity times 0), where
    PyTorch gives 0.
    """

    def forward(self, x):
        return array_module(x).maximum(x, 0)

    def backward(self, grad):
        return grad * (self.output > 0)


class Abs(Function):
    """|x|; the derivative at 0 is 0."""

    pointwise = True

    def forward(self, x):
        return array_module(x).abs(x)

    def backward(self, grad):
        return grad * self.inputs[0].detach().sign()


class Clamp(Function):
    """x, not below ``min`` and not above ``max`` (None: no bound); the derivative on a bound is 1.

    As in `Relu`, the gradient is multiplied by masks, so that an infinite one beyond a bound gives NaN.
    """

    pointwise = True

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
    """A piecewise constant function, by its NumPy name: sign, floor, ceil, rint, trunc.  The derivative is 0."""

    pointwise = True

    def forward(self, x):
        return getattr(array_module(x), self.name)(x)

    def backward(self, grad):
        return grad.new_zeros(grad.shape)

    def reads(self):
        return ()
