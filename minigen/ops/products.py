"""Products of vectors, matrices and stacks of them, and Einstein's sums: shapes are checked here.

Plain functions of tensors; `MatMul` and `Einsum` are what they apply.
"""

from __future__ import annotations

from typing import Any

from minigen.arguments import broadcastable
from minigen.operands import Tensor, is_tensor, one_dtype, one_number
from minigen.ops.matmul import MatMul


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """The matrix product; a vector is a row on the left and a column on the right, leading axes broadcast."""
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError(f"matmul: {a.shape} @ {b.shape}: both need at least one axis; use * for numbers")
    inner_b = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] != inner_b or not broadcastable(a.shape[:-2], b.shape[:-2]):
        raise ValueError(
            f"matmul: {a.shape} @ {b.shape} do not fit: the last axis of the first ({a.shape[-1]}) must "
            f"be as long as the second to last of the second ({inner_b}), and leading axes must broadcast"
        )
    one_dtype("matmul", a, b)
    rows, columns = a.ndim > 1, b.ndim > 1
    y = MatMul.apply(a if rows else a.unsqueeze(0), b if columns else b.unsqueeze(1))
    if not columns:
        y = y.squeeze(-1)
    return y if rows else y.squeeze(-1 if not columns else -2)


def product(name: str, a: Tensor, b: Tensor, axes: tuple[int, int]) -> Tensor:
    """A product of two tensors that must have these numbers of axes: mm, bmm, mv, dot."""
    for i, (x, wanted) in enumerate(zip((a, b), axes, strict=True)):
        if not is_tensor(x):
            raise TypeError(f"{name}: argument {i} is a {type(x).__name__}, but a Tensor is wanted")
        if x.ndim != wanted:
            raise ValueError(
                f"{name}: argument {i} of shape {x.shape} must have {wanted} {'axis' if wanted == 1 else 'axes'}; "
                "matmul (@) takes vectors, matrices and stacks of them"
            )
    if a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0] or (name == "bmm" and len(a) != len(b)):
        stacks = " and be as many matrices" * (name == "bmm")
        raise ValueError(
            f"{name}: {a.shape} and {b.shape} do not fit: the last axis of the first must be as long as the "
            f"{'second to last' if b.ndim > 1 else 'only'} axis of the second{stacks}"
        )
    return matmul(a, b)


def outer(a: Tensor, b: Tensor) -> Tensor:
    """All products of an element of one vector and an element of another: (I,), (J,) -> (I, J)."""
    for i, x in enumerate((a, b)):
        if not is_tensor(x) or x.ndim != 1:
            what = f"of shape {x.shape}" if is_tensor(x) else f"a {type(x).__name__}"
            raise ValueError(f"outer: argument {i} is {what}, but vectors (one axis) are wanted")
    return a.unsqueeze(1) * b


def plus_product(name: str, x: Tensor, a: Tensor, b: Tensor, beta: Any, alpha: Any, axes: tuple[int, int]) -> Tensor:
    """Beta * x + alpha * (a @ b): addmm, baddbmm, addmv."""
    y = product(name, a, b, axes)
    beta, alpha = one_number(name, "beta", beta), one_number(name, "alpha", alpha)
    if not is_tensor(x) or not broadcastable(x.shape, y.shape) or x.ndim > y.ndim:
        raise ValueError(f"{name}: the input of shape {getattr(x, 'shape', x)} does not broadcast to {y.shape}")
    one_dtype(name, x, y)
    y = y if alpha == 1 else y * alpha
    return y if beta == 0 else y + (x if beta == 1 else x * beta)
