"""Rows of arithmetic on two tensors, of choosing between them, and of casts."""

import math

import minigen
from minigen.backend import to_device
from minigen.checks import reference
from minigen.ops import arithmetic
from table.row import Row


def binary(name, f, covers, number, inputs=lambda d: (d.normal(2, 3, 4), d.normal(2, 3, 4)), torch=None):
    def slow(a, b):
        return reference.elementwise(number, a, b)

    return Row(name, f, inputs, slow, covers, torch or (lambda t, a, b: f(a, b)), (0, 1), broadcasts=True)


def near_but_apart(d):
    a = d.normal(2, 3, 4)
    return a, a + d.away(2, 3, 4)


def sub_three(t, a, b):
    return t.sub(a, b, alpha=3)


ROWS = [
    binary("add", lambda a, b: a + b, (arithmetic.Add,), lambda a, b: a + b),
    binary("sub", lambda a, b: a - b, (arithmetic.Sub,), lambda a, b: a - b),
    binary("mul", lambda a, b: a * b, (arithmetic.Mul,), lambda a, b: a * b),
    binary(
        "div",
        lambda a, b: a / b,
        (arithmetic.Div,),
        lambda a, b: a / b,
        lambda d: (d.normal(2, 3, 4), d.positive(2, 3, 4)),
    ),
    binary(
        "pow (tensor)",
        lambda a, b: a**b,
        (arithmetic.Pow,),
        lambda a, b: math.exp(b * math.log(a)),
        lambda d: (d.positive(2, 3, 4), d.normal(2, 3, 4)),
    ),
    binary(
        "maximum",
        minigen.maximum,
        (arithmetic.Maximum,),
        max,
        near_but_apart,
        lambda t, a, b: t.maximum(a, b),
    ),
    binary(
        "minimum",
        minigen.minimum,
        (arithmetic.Minimum,),
        min,
        near_but_apart,
        lambda t, a, b: t.minimum(a, b),
    ),
    binary("add (alpha)", lambda a, b: a.add(b, alpha=2.5), (), lambda a, b: a + 2.5 * b),
    binary("sub (alpha)", lambda a, b: minigen.sub(a, b, alpha=3), (), lambda a, b: a - 3 * b, torch=sub_three),
    binary("lerp", lambda a, b: a.lerp(b, 0.3), (), lambda a, b: 0.7 * a + 0.3 * b),
    binary("lerp (far)", lambda a, b: a.lerp(b, 0.8), (), lambda a, b: 0.2 * a + 0.8 * b),
    binary("clamp (tensor)", lambda a, b: a.clamp(min=b), (arithmetic.Where,), max, near_but_apart),
    binary("clamp (max tensor)", lambda a, b: a.clamp(max=b), (arithmetic.Where,), min, near_but_apart),
    Row(
        "where",
        lambda c, a, b: minigen.where(c, a, b),
        lambda d: (d.mask(2, 3), d.normal(2, 3), d.normal(2, 3)),
        lambda c, a, b: reference.elementwise(lambda c, a, b: a if c else b, c, a, b),
        (arithmetic.Where,),
        lambda t, c, a, b: t.where(c, a, b),
        batched=(0, 1, 2),
    ),
    Row(
        "where (broadcast)",
        lambda c, a, b: minigen.where(c, a, b),
        lambda d: (d.mask(2, 3), d.normal(3), d.normal(2, 1)),
        lambda c, a, b: reference.elementwise(lambda c, a, b: a if c else b, c, a, b),
        (arithmetic.Where,),
        lambda t, c, a, b: t.where(c, a, b),
    ),
    Row(
        "cast",
        lambda x: arithmetic.Cast.apply(x, dtype=x.dtype),
        lambda d: (d.normal(2, 3),),
        lambda x: reference.elementwise(lambda v: v, x),
        (arithmetic.Cast,),
        lambda t, x: x.to(x.dtype),
        batched=(0,),
    ),
    Row(
        "to (device)",
        lambda x: arithmetic.ToDevice.apply(x, device=x.device, move=to_device),
        lambda d: (d.normal(2, 3),),
        lambda x: reference.elementwise(lambda v: v, x),
        (arithmetic.ToDevice,),
        lambda t, x: x.to("cpu"),
        batched=(0,),
    ),
]
