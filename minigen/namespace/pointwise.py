"""Functions of tensors that treat every element alike: ``minigen.exp(x)`` beside ``x.exp()``.

Most only call the method.  Names that Python has, too (abs, pow, round), are PyTorch's here.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from minigen.backend import array_module
from minigen.operands import given, not_a_tensor, one_number, operands
from minigen.ops import arithmetic
from minigen.tensor import Tensor, as_tensor

__all__ = [
    "abs",
    "add",
    "allclose",
    "arctan",
    "atan",
    "ceil",
    "clamp",
    "clip",
    "clone",
    "cos",
    "cosh",
    "div",
    "eq",
    "equal",
    "erf",
    "exp",
    "expm1",
    "floor",
    "ge",
    "gt",
    "is_tensor",
    "isfinite",
    "isinf",
    "isnan",
    "le",
    "lerp",
    "log",
    "log1p",
    "log2",
    "log10",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "maximum",
    "minimum",
    "mul",
    "nan_to_num",
    "ne",
    "neg",
    "numel",
    "pow",
    "reciprocal",
    "relu",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "sub",
    "tan",
    "tanh",
    "trunc",
    "where",
]


def exp(input: Tensor) -> Tensor:
    """E to the power of each element."""
    return given("exp", input).exp()


def expm1(input: Tensor) -> Tensor:
    """exp(x) - 1."""
    return given("expm1", input).expm1()


def log(input: Tensor) -> Tensor:
    """The natural logarithm."""
    return given("log", input).log()


def log1p(input: Tensor) -> Tensor:
    """log(1 + x)."""
    return given("log1p", input).log1p()


def sqrt(input: Tensor) -> Tensor:
    """The square root."""
    return given("sqrt", input).sqrt()


def rsqrt(input: Tensor) -> Tensor:
    """One over the square root."""
    return given("rsqrt", input).rsqrt()


def square(input: Tensor) -> Tensor:
    """Each element times itself."""
    return given("square", input).square()


def abs(input: Tensor) -> Tensor:
    """The absolute value."""
    return given("abs", input).abs()


def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1."""
    return given("sign", input).sign()


def floor(input: Tensor) -> Tensor:
    """The next integer below."""
    return given("floor", input).floor()


def ceil(input: Tensor) -> Tensor:
    """The next integer above."""
    return given("ceil", input).ceil()


def round(input: Tensor) -> Tensor:
    """The nearest integer, halves to even."""
    return given("round", input).round()


def neg(input: Tensor) -> Tensor:
    """-input."""
    return -given("neg", input)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return given("tanh", input).tanh()


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return given("sigmoid", input).sigmoid()


def relu(input: Tensor) -> Tensor:
    """max(x, 0)."""
    return given("relu", input).relu()


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Each element, not below ``min`` and not above ``max``."""
    return given("clamp", input).clamp(min, max)


def maximum(input: Tensor, other: Any) -> Tensor:
    """The larger of two, elementwise."""
    a, b = operands("maximum", input, other)
    return a.maximum(b)


def minimum(input: Tensor, other: Any) -> Tensor:
    """The smaller of two, elementwise."""
    a, b = operands("minimum", input, other)
    return a.minimum(b)


def add(input: Any, other: Any, alpha: Any = 1) -> Tensor:
    """Input + alpha * other."""
    return _combine("add", operator.add, input, other, alpha)


def sub(input: Any, other: Any, alpha: Any = 1) -> Tensor:
    """Input - alpha * other."""
    return _combine("sub", operator.sub, input, other, alpha)


def mul(input: Any, other: Any) -> Tensor:
    """Input * other."""
    return _combine("mul", operator.mul, input, other)


def div(input: Any, other: Any, rounding_mode: str | None = None) -> Tensor:
    """Input / other; with ``rounding_mode`` "trunc" rounded towards 0, with "floor" down."""
    if rounding_mode is None:
        return _combine("div", operator.truediv, input, other)
    return as_tensor("div", input).div(other, rounding_mode)


def pow(input: Any, exponent: Any) -> Tensor:
    """Input ** exponent."""
    return _combine("pow", operator.pow, input, exponent)


def _combine(name: str, operation: Callable, a: Any, b: Any, alpha: Any = 1) -> Tensor:
    """Apply an operator of Python; raise TypeError, in words of minigen's, unless one operand is a tensor at least."""
    alpha = one_number(name, "alpha", alpha)
    if not isinstance(a, Tensor) and not isinstance(b, Tensor):
        raise not_a_tensor(name, "input", a)
    for operand in (a, b):
        as_tensor(name, operand)  # refuses what is neither a tensor nor a number
    return operation(a, b if alpha == 1 else b * alpha)


def where(condition: Tensor, input: Any, other: Any) -> Tensor:
    """Elements of ``input`` where ``condition`` (bool) holds, of ``other`` elsewhere; all three broadcast."""
    if not isinstance(condition, Tensor) or condition.dtype.kind != "b":
        kind = condition.dtype if isinstance(condition, Tensor) else type(condition).__name__
        raise TypeError(f"where: the condition must be a bool tensor, not {kind}; compare first: x > 0")
    if not isinstance(other, Tensor):
        input = as_tensor("where", input)
    a, b = operands("where", input, other)
    operands("where", condition, a), operands("where", condition, b)  # must broadcast with both
    return arithmetic.Where.apply(a, b, condition=condition.array)


def equal(input: Tensor, other: Tensor) -> bool:
    """True if two tensors have the same shape and elements."""
    return given("equal", input).equal(other)


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """True if |input - other| <= atol + rtol * |other| everywhere."""
    rtol, atol = one_number("allclose", "rtol", rtol), one_number("allclose", "atol", atol)
    a, b = operands("allclose", given("allclose", input), given("allclose", other, "other"))
    return bool(array_module(a.array).allclose(a.array, b.array, rtol, atol, equal_nan))


def isnan(input: Tensor) -> Tensor:
    """True where an element is not a number."""
    return given("isnan", input).isnan()


def isfinite(input: Tensor) -> Tensor:
    """True where an element is neither infinite nor NaN."""
    return given("isfinite", input).isfinite()


def clone(input: Tensor) -> Tensor:
    """A copy with its own memory."""
    return given("clone", input).clone()


def numel(input: Tensor) -> int:
    """The number of elements."""
    return given("numel", input).numel()


def is_tensor(obj: Any) -> bool:
    """True for a Tensor."""
    return isinstance(obj, Tensor)


def erf(input: Tensor) -> Tensor:
    r"""The error function: how much of a normal distribution lies nearer to its mean than x.

    .. math:: \operatorname{erf}(x) = \frac{2}{\sqrt{\pi}} \int_0^x e^{-t^2} \, dt

    Parameters
    ----------
    input : Tensor
        Of any shape; integers become float32.

    Returns
    -------
    Tensor
        Of the same shape, in [-1, 1]; within 2e-16 of the true value in float64.

    Notes
    -----
    The derivative is :math:`2 / \sqrt{\pi} \cdot e^{-x^2}`.  The normal distribution function is
    :math:`(1 + \operatorname{erf}(x / \sqrt 2)) / 2`, and x times it is GELU.

    References
    ----------
    W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969), 631-637.

    Examples
    --------
    >>> import minigen
    >>> minigen.erf(minigen.tensor([0.0, 0.5, 1.0]))
    tensor([0.    , 0.5205, 0.8427])
    """
    return given("erf", input).erf()


def sin(input: Tensor) -> Tensor:
    """The sine of each element, in radians; its derivative is the cosine.

    Examples
    --------
    >>> import minigen
    >>> x = minigen.tensor(0.0, requires_grad=True)
    >>> minigen.grad(minigen.sin(x), x)[0].item()
    1.0
    """
    return given("sin", input).sin()


def cos(input: Tensor) -> Tensor:
    """The cosine of each element, in radians; its derivative is minus the sine."""
    return given("cos", input).cos()


def tan(input: Tensor) -> Tensor:
    """The tangent of each element, in radians; its derivative is 1 + tan(x)**2."""
    return given("tan", input).tan()


def atan(input: Tensor) -> Tensor:
    """The inverse of the tangent, in (-pi/2, pi/2); its derivative is 1 / (1 + x**2)."""
    return given("atan", input).atan()


arctan = atan


def sinh(input: Tensor) -> Tensor:
    """The hyperbolic sine; its derivative is the hyperbolic cosine."""
    return given("sinh", input).sinh()


def cosh(input: Tensor) -> Tensor:
    """The hyperbolic cosine; its derivative is the hyperbolic sine."""
    return given("cosh", input).cosh()


def log2(input: Tensor) -> Tensor:
    """The logarithm to the base 2; its derivative is 1 / (x log 2)."""
    return given("log2", input).log2()


def log10(input: Tensor) -> Tensor:
    """The logarithm to the base 10; its derivative is 1 / (x log 10)."""
    return given("log10", input).log10()


def reciprocal(input: Tensor) -> Tensor:
    """One over each element."""
    return given("reciprocal", input).reciprocal()


def trunc(input: Tensor) -> Tensor:
    """The next integer towards 0; its derivative is 0."""
    return given("trunc", input).trunc()


clip = clamp


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """From ``input`` (at weight 0) to ``end`` (at weight 1) in a straight line: input + weight * (end - input).

    Parameters
    ----------
    input, end : Tensor
        The two ends; they broadcast.
    weight : float or Tensor
        How far to go.

    Examples
    --------
    >>> import minigen
    >>> minigen.lerp(minigen.tensor([0.0, 10.0]), minigen.tensor([4.0, 20.0]), 0.25)
    tensor([ 1. , 12.5])
    """
    return given("lerp", input).lerp(end, weight)


def nan_to_num(input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """NaN replaced by ``nan``, infinities by ``posinf`` and ``neginf`` (default: the largest numbers of the dtype).

    No gradient flows to the replaced elements.

    Examples
    --------
    >>> import minigen
    >>> minigen.nan_to_num(minigen.tensor([1.0, float("nan"), float("inf")]), posinf=9.0)
    tensor([1., 0., 9.])
    """
    return given("nan_to_num", input).nan_to_num(nan, posinf, neginf)


def eq(input: Tensor, other: Any) -> Tensor:
    """Input == other, elementwise: a bool tensor."""
    return given("eq", input).eq(other)


def ne(input: Tensor, other: Any) -> Tensor:
    """Input != other, elementwise: a bool tensor."""
    return given("ne", input).ne(other)


def lt(input: Tensor, other: Any) -> Tensor:
    """Input < other, elementwise: a bool tensor."""
    return given("lt", input).lt(other)


def le(input: Tensor, other: Any) -> Tensor:
    """Input <= other, elementwise: a bool tensor."""
    return given("le", input).le(other)


def gt(input: Tensor, other: Any) -> Tensor:
    """Input > other, elementwise: a bool tensor."""
    return given("gt", input).gt(other)


def ge(input: Tensor, other: Any) -> Tensor:
    """Input >= other, elementwise: a bool tensor."""
    return given("ge", input).ge(other)


def isinf(input: Tensor) -> Tensor:
    """True where an element is infinite."""
    return given("isinf", input).isinf()


def logical_not(input: Tensor) -> Tensor:
    """True where an element is 0."""
    return given("logical_not", input).logical_not()


def logical_and(input: Tensor, other: Any) -> Tensor:
    """True where neither element is 0."""
    return given("logical_and", input).logical_and(other)


def logical_or(input: Tensor, other: Any) -> Tensor:
    """True where one of the elements is not 0."""
    return given("logical_or", input).logical_or(other)


def logical_xor(input: Tensor, other: Any) -> Tensor:
    """True where exactly one of the elements is 0."""
    return given("logical_xor", input).logical_xor(other)
