"""Rows of products of matrices."""

import minigen
import minigen.nn.functional as F
from minigen.checks import reference
from minigen.functional.linear import Linear
from minigen.ops import einsum, matmul
from table.row import Row


def product(name, shape_a, shape_b, batched=()):
    return Row(
        f"matmul {name}",
        lambda a, b: a @ b,
        lambda d: (d.normal(*shape_a), d.normal(*shape_b)),
        reference.matmul,
        (matmul.MatMul,),
        lambda t, a, b: a @ b,
        batched,
    )


def summed(equation, *shapes, spelt=None, covers=()):
    terms, _, result = (spelt or equation).partition("->")

    def slow(*xs):
        return reference.einsum(terms.split(","), result, *xs)

    return Row(
        f"einsum {equation}",
        lambda *xs: minigen.einsum(equation, *xs),
        lambda d: [d.normal(*shape) for shape in shapes],
        slow,
        covers,
        lambda t, *xs: t.einsum(equation, *xs),
    )


ROWS = [
    product("(2-d)", (3, 4), (4, 2), batched=(0,)),
    product("(vector, vector)", (4,), (4,)),
    product("(matrix, vector)", (3, 4), (4,), batched=(0,)),
    product("(vector, stack)", (4,), (2, 4, 3)),
    product("(stack, vector)", (2, 3, 4), (4,), batched=(0,)),
    product("(stack, stack)", (2, 3, 4), (2, 4, 5), batched=(0, 1)),
    product("(broadcast stacks)", (2, 1, 3, 4), (3, 4, 2)),
    *[
        Row(
            name,
            lambda *xs, name=name: getattr(minigen, name)(*xs),
            lambda d, shapes=shapes: [d.normal(*shape) for shape in shapes],
            slow,
            (matmul.MatMul,) if name != "outer" else (),
            lambda t, *xs, name=name: getattr(t, name)(*xs),
            batched,
        )
        for name, shapes, slow, batched in (
            ("mm", ((3, 4), (4, 2)), reference.matmul, (0,)),
            ("bmm", ((2, 3, 4), (2, 4, 5)), reference.matmul, (0, 1)),
            ("mv", ((3, 4), (4,)), reference.matmul, (0,)),
            ("dot", ((4,), (4,)), reference.matmul, ()),
            ("outer", ((3,), (4,)), lambda a, b: reference.einsum(["i", "j"], "ij", a, b), (0,)),
        )
    ],
    Row(
        "addmm",
        lambda x, a, b: x.addmm(a, b, beta=0.5, alpha=3),
        lambda d: (d.normal(2), d.normal(3, 4), d.normal(4, 2)),
        lambda x, a, b: reference.elementwise(lambda p, q: 0.5 * p + 3 * q, x, reference.matmul(a, b)),
        (),
        lambda t, x, a, b: t.addmm(x, a, b, beta=0.5, alpha=3),
        batched=(1,),
    ),
    Row(
        "baddbmm",
        lambda x, a, b: x.baddbmm(a, b),
        lambda d: (d.normal(2, 3, 1), d.normal(2, 3, 4), d.normal(2, 4, 5)),
        lambda x, a, b: reference.elementwise(lambda p, q: p + q, x, reference.matmul(a, b)),
        (),
        lambda t, x, a, b: t.baddbmm(x, a, b),
        batched=(0, 1, 2),
    ),
    summed("ij,jk->ik", (3, 4), (4, 2), covers=(einsum.Einsum,)),
    summed("ij,kj", (3, 4), (2, 4), spelt="ij,kj->ik", covers=(einsum.Einsum,)),
    summed("bij,bjk,bk->bi", (2, 3, 4), (2, 4, 2), (2, 2), covers=(einsum.Einsum,)),
    summed("ij,ik,il->jkl", (3, 2), (3, 4), (3, 2), covers=(einsum.Einsum,)),
    summed("i,j->", (3,), (4,)),
    summed("ij->ji", (3, 4)),
    summed("ij->j", (3, 4)),
    summed("ii->i", (3, 3)),
    summed("iij,j->i", (3, 3, 2), (2,), covers=(einsum.Einsum,)),
    summed("iii", (3, 3, 3), spelt="iii->"),
    summed("ij,jk->ki", (3, 1), (4, 2), covers=()),
    summed("...i,...ij->...j", (5, 1, 3), (2, 3, 4), spelt="abi,bij->abj", covers=(einsum.Einsum,)),
    summed("...ij->...", (2, 3, 4), spelt="bij->b"),
    *[
        Row(
            name,
            lambda *xs: F.linear(*xs),
            lambda d, shape=shape, bias=bias: (d.normal(*shape), d.normal(5, 3), *([d.normal(5)] if bias else [])),
            reference.linear,
            (Linear,),
            lambda t, *xs: t.nn.functional.linear(*xs),
            batched=(0,),
        )
        for name, shape, bias in (
            ("linear", (4, 3), True),
            ("linear (no bias)", (4, 3), False),
            ("linear (N, L, I)", (2, 4, 3), True),
        )
    ],
]
