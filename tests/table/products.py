"""Rows of products of matrices."""

import minigen.nn.functional as F
from minigen.checks import reference
from minigen.functional.linear import Linear
from minigen.ops import matmul
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
