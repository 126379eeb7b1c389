"""Rows of functions that treat every element alike (`minigen/ops/elementwise.py`)."""

import math

from minigen.checks import reference
from minigen.ops import arithmetic, elementwise
from table.row import Row


def unary(name, f, covers, number, inputs=lambda d: (d.normal(2, 3, 4),), torch=None):
    def slow(x):
        return reference.elementwise(number, x)

    return Row(name, f, inputs, slow, covers, torch or (lambda t, x: f(x)), batched=(0,))


def positive(d):
    return (d.positive(2, 3, 4),)


def away(d):
    return (d.away(2, 3, 4),)


def gentle(d):
    return (d.rng.uniform(-1.0, 1.0, (2, 3, 4)),)


def off_integers(d):
    return (d.rng.integers(-3, 3, (2, 3, 4)) + d.rng.uniform(0.1, 0.4, (2, 3, 4)),)


ROWS = [
    unary("neg", lambda x: -x, (arithmetic.Neg,), lambda v: -v),
    unary("pow 2", lambda x: x**2, (arithmetic.PowScalar,), lambda v: v * v),
    unary("pow 3", lambda x: x**3, (arithmetic.PowScalar,), lambda v: v * v * v),
    unary("pow -1.5", lambda x: x**-1.5, (arithmetic.PowScalar,), lambda v: 1 / (v * math.sqrt(v)), positive),
    unary("scalar - x", lambda x: 2 - x, (), lambda v: 2 - v),
    unary("scalar / x", lambda x: 2 / x, (), lambda v: 2 / v, away),
    unary("scalar ** x", lambda x: 2**x, (), lambda v: math.exp(v * math.log(2))),
    unary("exp", lambda x: x.exp(), (elementwise.Exp,), math.exp),
    unary("expm1", lambda x: x.expm1(), (elementwise.Expm1,), lambda v: math.exp(v) - 1),
    unary("log", lambda x: x.log(), (elementwise.Log,), math.log, positive),
    unary("log1p", lambda x: x.log1p(), (elementwise.Log1p,), lambda v: math.log(1 + v), positive),
    unary("log2", lambda x: x.log2(), (elementwise.LogOfBase,), lambda v: math.log(v) / math.log(2), positive),
    unary("log10", lambda x: x.log10(), (elementwise.LogOfBase,), lambda v: math.log(v) / math.log(10), positive),
    unary("sin", lambda x: x.sin(), (elementwise.Sin,), math.sin),
    unary("cos", lambda x: x.cos(), (elementwise.Cos,), math.cos),
    unary("tan", lambda x: x.tan(), (elementwise.Tan,), lambda v: math.sin(v) / math.cos(v), gentle),
    unary("atan", lambda x: x.atan(), (elementwise.Atan,), lambda v: math.atan2(v, 1)),
    unary("sinh", lambda x: x.sinh(), (elementwise.Sinh,), lambda v: (math.exp(v) - math.exp(-v)) / 2),
    unary("cosh", lambda x: x.cosh(), (elementwise.Cosh,), lambda v: (math.exp(v) + math.exp(-v)) / 2),
    unary("erf", lambda x: x.erf(), (elementwise.Erf,), math.erf),
    unary("erf (near 0)", lambda x: x.erf(), (elementwise.Erf,), math.erf, lambda d: (d.normal(3, 4) / 5,)),
    unary("erf (far out)", lambda x: x.erf(), (elementwise.Erf,), math.erf, lambda d: (2 + d.positive(3, 4),)),
    unary("nan_to_num", lambda x: (1 / x).nan_to_num(), (), lambda v: 1 / v, away),
    unary("sqrt", lambda x: x.sqrt(), (elementwise.Sqrt,), math.sqrt, positive),
    unary("abs", lambda x: x.abs(), (elementwise.Abs,), lambda v: v if v > 0 else -v, away),
    unary("sign", lambda x: x.sign(), (elementwise.Step,), lambda v: math.copysign(1, v), away),
    unary("trunc", lambda x: x.trunc(), (elementwise.Step,), lambda v: float(int(v)), off_integers),
    unary("floor", lambda x: x.floor(), (elementwise.Step,), math.floor, off_integers),
    unary(
        "clamp",
        lambda x: x.clamp(-0.5, 0.55),
        (elementwise.Clamp,),
        lambda v: min(max(v, -0.5), 0.55),
        lambda d: (d.distinct(4, 6) / 2,),
    ),
    unary(
        "clamp (one bound)",
        lambda x: x.clamp(min=0.05),
        (elementwise.Clamp,),
        lambda v: max(v, 0.05),
        away,
    ),
    unary(
        "tanh",
        lambda x: x.tanh(),
        (elementwise.Tanh,),
        lambda v: math.sinh(v) / math.cosh(v),
    ),
    unary("sigmoid", lambda x: x.sigmoid(), (elementwise.Sigmoid,), lambda v: 1 / (1 + math.exp(-v))),
    unary("relu", lambda x: x.relu(), (elementwise.Relu,), lambda v: max(v, 0.0), away),
]
