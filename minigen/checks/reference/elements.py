"""Single numbers one by one, along dimensions, and moved from place to place."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Array = np.ndarray


def elementwise(f: Callable[..., float], *arrays) -> Array:
    """Apply a function of numbers at every position, after broadcasting the arrays against each other."""
    positions = np.broadcast(*arrays)
    values = [f(*(float(v) for v in numbers)) for numbers in positions]
    return np.array(values).reshape(positions.shape)


def along(f: Callable[[list[float]], list[float]], x: Array, dim: int) -> Array:
    """Replace every line of `x` along `dim` by what a function of a list of numbers makes of it."""
    result = np.zeros(x.shape)
    dim = dim % x.ndim
    for index in np.ndindex(*x.shape[:dim], *x.shape[dim + 1 :]):
        line = (*index[:dim], slice(None), *index[dim:])
        result[line] = f([float(v) for v in x[line]])
    return result


def softmax(x, dim):
    """exp(x) / sum(exp(x)) along `dim`."""

    def of_line(line):
        total = math.fsum(math.exp(v) for v in line)
        return [math.exp(v) / total for v in line]

    return along(of_line, x, dim)


def log_softmax(x, dim):
    """The logarithm of `softmax`."""
    return elementwise(math.log, softmax(x, dim))


def reduce(f: Callable[[list[float]], float], x: Array, dim=None, keepdim=False) -> Array:
    """Apply a function of a list of numbers to all elements of `x` that differ only in their index along `dim`.

    `dim` is an integer, a tuple of them, or None for all.
    """
    dims = range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    dims = {d % x.ndim for d in dims}
    bags: dict[tuple, list[float]] = {}
    for index in np.ndindex(*x.shape):
        kept = tuple(0 if d in dims else i for d, i in enumerate(index))
        bags.setdefault(kept, []).append(float(x[index]))
    result = np.zeros([1 if d in dims else n for d, n in enumerate(x.shape)])
    for kept, values in bags.items():
        result[kept] = f(values)
    return result if keepdim else result.reshape([n for d, n in enumerate(x.shape) if d not in dims])


def logsumexp(x, dim=None, keepdim=False):
    """log(sum(exp(x))) over the dimensions `dim`."""
    return reduce(lambda values: math.log(math.fsum(math.exp(v) for v in values)), x, dim, keepdim)


def average(values: list[float]) -> float:
    """The sum over the count."""
    return math.fsum(values) / len(values)


def variance(values: list[float], correction: float = 1) -> float:
    """The sum over all pairs of their squared difference, so that no mean has to be subtracted."""
    pairs = math.fsum((a - b) ** 2 for i, a in enumerate(values) for b in values[:i])
    return pairs / (len(values) * (len(values) - correction))


def moved(x: Array, shape: tuple[int, ...], source: Callable[..., tuple]) -> Array:
    """An array of this shape, in which the element at ``(i, j, ...)`` is that of `x` at ``source(i, j, ...)``."""
    result = np.zeros(shape)
    for index in np.ndindex(*shape):
        result[index] = float(x[source(*index)])
    return result


def added(y: Array, shape: tuple[int, ...], target: Callable[..., tuple]) -> Array:
    """Zeros of this shape, to which the element of `y` at ``(i, j, ...)`` is added at ``target(i, j, ...)``."""
    result = np.zeros(shape)
    for index in np.ndindex(*y.shape):
        result[target(*index)] += float(y[index])
    return result


def einsum(terms: list[str], result: str, *arrays) -> Array:
    """Loop over all values of all letters; each product is added where the result's letters point.

    An axis of length 1 is repeated.  Letters only: no ellipsis.
    """
    lengths: dict[str, int] = {}
    for term, x in zip(terms, arrays, strict=True):
        for letter, n in zip(term, x.shape, strict=True):
            lengths[letter] = max(n, lengths.get(letter, 1))
    total = np.zeros([lengths[letter] for letter in result])
    for values in np.ndindex(*lengths.values()):
        at = dict(zip(lengths, values, strict=True))
        product = 1.0
        for term, x in zip(terms, arrays, strict=True):
            product *= float(x[tuple(0 if n == 1 else at[letter] for letter, n in zip(term, x.shape, strict=True))])
        total[tuple(at[letter] for letter in result)] += product
    return total


def matmul(a, b):
    """Row times column; leading dimensions broadcast, a vector is a row on the left and a column on the right."""
    left = a[np.newaxis, :] if a.ndim == 1 else a
    right = b[:, np.newaxis] if b.ndim == 1 else b
    lead = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    left = np.broadcast_to(left, lead + left.shape[-2:])
    right = np.broadcast_to(right, lead + right.shape[-2:])
    result = np.zeros((*lead, left.shape[-2], right.shape[-1]))
    for *batch, i, j in np.ndindex(*result.shape):
        row, column = left[*batch, i], right[*batch, :, j]
        result[*batch, i, j] = math.fsum(float(p) * float(q) for p, q in zip(row, column, strict=True))
    if b.ndim == 1:
        result = result[..., 0]
    return result[..., 0, :] if a.ndim == 1 and b.ndim > 1 else result[..., 0] if a.ndim == 1 else result


def linear(x, weight, bias=None):
    """Products of rows: x (..., I), weight (O, I), bias (O,) -> (..., O)."""
    result = np.zeros((*x.shape[:-1], weight.shape[0]))
    for *batch, o in np.ndindex(*result.shape):
        total = 0.0 if bias is None else float(bias[o])
        for c in range(x.shape[-1]):
            total += float(x[*batch, c]) * float(weight[o, c])
        result[*batch, o] = total
    return result
