"""Reductions composed of others: means and variances, norms of every order, products, sorting.

Plain functions of tensors, by their methods only: each is as differentiable as what it is made of.
"""

from __future__ import annotations

import math
from typing import Any

from minigen.arguments import Dims, all_axes, check_keepdim, count_along, one_axis
from minigen.backend import array_module
from minigen.dtypes import plain_number
from minigen.operands import Tensor, floating, one_number
from minigen.ops.reductions import VectorNorm
from minigen.ops.shapes import Cat


def _degrees(name: str, x: Tensor, dim: Any, unbiased: bool, correction: float | None) -> tuple[Dims, float]:
    """Read ``var(dim, unbiased)``, ``var(unbiased)`` and ``var(dim, correction=...)``: the axes, and the divisor."""
    if isinstance(dim, bool):  # var(False)
        dim, unbiased = None, dim
    if correction is None:
        if not isinstance(unbiased, bool):
            raise TypeError(f"{name}: unbiased must be True or False, not {unbiased!r}; give a number as correction=")
        correction = int(unbiased)
    correction = one_number(name, "correction", correction)
    count = count_along(x.shape, all_axes(name, dim, x.ndim))
    return dim, max(count - correction, 0)


def var(x: Tensor, dim: Any, unbiased: bool, keepdim: bool, correction: float | None) -> Tensor:
    """The sum of squared deviations from the mean over (count - correction); NaN of too few."""
    dim, divisor = _degrees("var", floating("var", x), dim, unbiased, correction)
    deviation = x - x.mean(dim, keepdim=True)
    return (deviation * deviation).sum(dim, keepdim) / divisor


def std(x: Tensor, dim: Any, unbiased: bool, keepdim: bool, correction: float | None) -> Tensor:
    """The root of the variance, as a norm of the deviations: its derivative is 0 where all are 0."""
    dim, divisor = _degrees("std", floating("std", x), dim, unbiased, correction)
    deviation = x - x.mean(dim, keepdim=True)
    return deviation.norm(2, dim, keepdim) / math.sqrt(divisor)


def cumprod(x: Tensor, dim: int) -> Tensor:
    """The running product along an axis, by doubling: after k rounds y_i is the product of its last 2**k factors."""
    axis, y = one_axis("cumprod", dim, x.ndim), x if x.dtype.kind == "f" else x.long()
    length = x.shape[axis] if x.ndim else 1
    reach = 1
    while reach < length:
        early, late = y.narrow(axis, 0, reach), y.narrow(axis, reach, length - reach)
        y = Cat.apply(early, late * y.narrow(axis, 0, length - reach), dim=axis)
        reach *= 2
    return y if y is not x else x.clone()


def norm(name: str, x: Tensor, p: Any, dim: Dims, keepdim: bool) -> Tensor:
    """The norm of order p of the elements along ``dim``."""
    axes = all_axes(name, dim, floating(name, x).ndim)
    p = 2 if p in (None, "fro") else plain_number(p)
    if isinstance(p, bool) or not isinstance(p, (int, float)) or math.isnan(p):
        raise ValueError(f'{name}: the order p must be a number, inf, -inf or "fro", not {p!r}')
    if p == 0:
        return x.sign().abs().sum(axes, keepdim)  # the number of elements that are not 0
    if p == 1:
        return x.abs().sum(axes, keepdim)
    if math.isinf(p):
        return x.abs().amax(axes, keepdim) if p > 0 else x.abs().amin(axes, keepdim)
    return VectorNorm.apply(x, p=p, dim=axes, keepdim=keepdim)


def prod(x: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    """The product as a tournament: one half times the other, log2(n) rounds.

    No quotient product / element, as in the textbook derivative: so it is exact where elements are 0.
    """
    x = x if x.dtype.kind == "f" else x.long()
    check_keepdim("prod", keepdim)
    axis = 0 if dim is None else one_axis("prod", dim, x.ndim)
    y = x.flatten() if dim is None or x.ndim == 0 else x.movedim(axis, 0)  # (n, ...)
    if len(y) == 0:
        y = y.sum(0, keepdim=True) + 1  # an empty product is 1
    while len(y) > 1:
        half = len(y) // 2
        pairs = y[:half] * y[half : 2 * half]
        y = pairs if len(y) == 2 * half else Cat.apply(pairs, y[2 * half :], dim=0)
    if dim is None:
        return y.reshape((1,) * x.ndim if keepdim else ())
    return y[0].unsqueeze(axis) if keepdim and x.ndim else y[0]


def sort_order(name: str, x: Tensor, dim: int, descending: bool) -> Tensor:
    """The indices that sort x along ``dim``; equal elements stay in their order, and NaN counts as the largest."""
    axis = one_axis(name, dim, x.ndim)
    xp = array_module(x.array)
    if x.ndim == 0:
        return x._wrap(xp.zeros((), "int64"))
    if not descending:
        return x._wrap(xp.argsort(x.array, axis=axis, kind="stable").astype("int64", copy=False))
    # Sorting the reversed line and reading the result backwards keeps equal elements in their order.
    backwards = xp.argsort(xp.flip(x.array, axis), axis=axis, kind="stable")
    return x._wrap(x.shape[axis] - 1 - xp.flip(backwards, axis).astype("int64", copy=False))


def topk_order(x: Tensor, k: int, dim: int, largest: bool) -> Tensor:
    """The indices of the k largest (or smallest) elements along ``dim``, the best first."""
    axis = one_axis("topk", dim, x.ndim)
    length = x.shape[axis] if x.ndim else 1
    if isinstance(k, bool) or not isinstance(k, int) or not 0 <= k <= length:
        raise ValueError(
            f"topk: k must be an integer from 0 to {length}, the length of axis {dim} of {x.shape}; not {k}"
        )
    order = sort_order("topk", x, axis, largest)
    return order.narrow(axis, 0, k) if x.ndim else order
