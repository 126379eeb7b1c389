"""Elements in other places, composed of slices, permutations and joins: split, roll, tile, diagonals, triangles.

Plain functions of tensors, by their methods only; arguments are checked here.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from minigen.arguments import all_axes, as_sizes, one_axis, one_integer
from minigen.backend import array_module
from minigen.operands import Tensor
from minigen.ops.arithmetic import Where
from minigen.ops.indexing import GetItem, PutItem
from minigen.ops.shapes import Cat


def repeat(x: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Copies of the whole tensor, side by side."""
    if len(sizes) < x.ndim or min(sizes, default=0) < 0:
        raise ValueError(f"repeat: {sizes} must name a number >= 0 for each axis of {x.shape}")
    shape = (1,) * (len(sizes) - x.ndim) + x.shape
    pairs = [m for n in shape for m in (1, n)]  # each axis behind an axis of length 1 that repeats it
    grown = [m for k, n in zip(sizes, shape, strict=True) for m in (k, n)]
    tiled = [k * n for k, n in zip(sizes, shape, strict=True)]
    return x.reshape(pairs).broadcast_to(grown).reshape(tiled)


def split(x: Tensor, split_size: int | Sequence[int], dim: int) -> tuple[Tensor, ...]:
    """Cut into pieces of one length (the last may be shorter), or of the lengths given."""
    axis = one_axis("split", dim, x.ndim)
    if x.ndim == 0:
        raise IndexError("split: a tensor without axes has nothing to cut")
    length = x.shape[axis]
    if not isinstance(split_size, (tuple, list)):
        split_size = one_integer("split", "split_size (or each of several)", split_size)
        if split_size <= 0:
            raise ValueError(f"split: split_size must be positive, not {split_size}")
        stops = [*range(split_size, length, split_size), length]
    else:
        stops = list(itertools.accumulate(as_sizes("split", (split_size,))))
        if not stops or stops[-1] != length or min(split_size) < 0:
            raise ValueError(f"split: the lengths {list(split_size)} do not add up to {length}, axis {dim}")
    return tuple(x.narrow(axis, a, b - a) for a, b in zip([0, *stops[:-1]], stops, strict=True))


def narrow(x: Tensor, dim: int, start: int, length: int) -> Tensor:
    """The ``length`` slices along ``dim`` from ``start`` on."""
    axis = one_axis("narrow", dim, x.ndim)
    if x.ndim == 0:
        raise IndexError("narrow: a tensor without axes has nothing to cut")
    start, length = one_integer("narrow", "start", start), one_integer("narrow", "length", length)
    n = x.shape[axis]
    first = start + n if start < 0 else start
    if not 0 <= first <= n or not 0 <= length <= n - first:
        raise ValueError(f"narrow: {length} slices from {start} on are not in axis {axis} of a tensor of {x.shape}")
    return x[(slice(None),) * axis + (slice(first, first + length),)]


def movedim(x: Tensor, source: Any, destination: Any) -> Tensor:
    """The axes ``source`` at the places ``destination``, the others in their order."""
    sources, places = (
        [one_axis("movedim", d, x.ndim) for d in (dims if isinstance(dims, (tuple, list)) else (dims,))]
        for dims in (source, destination)
    )
    if len(sources) != len(places) or len(set(sources)) != len(sources) or len(set(places)) != len(places):
        raise ValueError(f"movedim: {source} and {destination} must name as many axes, none of them twice")
    if x.ndim == 0:
        return x
    rest = iter([axis for axis in range(x.ndim) if axis not in sources])
    return x.permute([sources[places.index(i)] if i in places else next(rest) for i in range(x.ndim)])


def roll(x: Tensor, shifts: Any, dims: Any) -> Tensor:
    """The elements moved along axes; what leaves at the end comes back at the beginning."""
    if dims is None or (isinstance(dims, tuple) and not dims):
        return roll(x.flatten(), shifts, 0).reshape(x.shape)
    shifts, dims = as_sizes("roll", (shifts,), "a shift"), as_sizes("roll", (dims,), "an axis")
    if len(shifts) != len(dims):
        raise ValueError(f"roll: {len(shifts)} shifts, but {len(dims)} axes")
    for shift, dim in zip(shifts, dims, strict=True):
        axis = one_axis("roll", dim, x.ndim)
        n = x.shape[axis] if x.ndim else 0
        if n and shift % n:
            cut = n - shift % n
            x = Cat.apply(x.narrow(axis, cut, n - cut), x.narrow(axis, 0, cut), dim=axis)
    return x


def triangle(name: str, x: Tensor, diagonal: int) -> Tensor:
    """The matrices with 0 above (tril) or below (triu) a diagonal."""
    if x.ndim < 2:
        raise ValueError(f"{name}: a matrix or a stack of them is wanted, not a tensor of shape {x.shape}")
    xp = array_module(x.array)
    diagonal = one_integer(name, "diagonal", diagonal)
    shift = diagonal if name == "tril" else diagonal - 1
    lower = xp.tri(*x.shape[-2:], shift, "bool")
    return Where.apply(x, x.new_zeros(()), condition=lower if name == "tril" else ~lower)


def _diagonal_places(x: Tensor, rows: int, columns: int, offset: int) -> tuple:
    """The index (..., rows, columns) of a diagonal."""
    count = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    xp = array_module(x.array)
    return (..., xp.arange(count) + max(-offset, 0), xp.arange(count) + max(offset, 0))


def diagonal(x: Tensor, offset: int, dim1: int, dim2: int) -> Tensor:
    """The elements x[i, i + offset] of two axes, along a new last axis."""
    offset = one_integer("diagonal", "offset", offset)
    first, second = all_axes("diagonal", (dim1, dim2), x.ndim)
    x = x.movedim((first, second), (-2, -1))
    rows, columns = x.shape[-2:]
    return GetItem.apply(x, index=_diagonal_places(x, rows, columns, offset))


def diag_embed(x: Tensor, offset: int, dim1: int, dim2: int) -> Tensor:
    """The last axis as a diagonal of matrices that are 0 elsewhere: the adjoint of `diagonal`."""
    if x.ndim == 0:
        raise ValueError("diag_embed: a tensor without axes has no diagonal to fill; use reshape(1)")
    offset = one_integer("diag_embed", "offset", offset)
    first, second = all_axes("diag_embed", (dim1, dim2), x.ndim + 1)
    side = x.shape[-1] + abs(offset)
    places = _diagonal_places(x, side, side, offset)
    return PutItem.apply(x, index=places, shape=(*x.shape[:-1], side, side)).movedim((-2, -1), (first, second))


def diag(x: Tensor, offset: int) -> Tensor:
    """A vector as a diagonal matrix; of a matrix its diagonal."""
    if x.ndim not in (1, 2):
        raise ValueError(f"diag: a vector or a matrix is wanted, not a tensor of shape {x.shape}; use diagonal")
    return diag_embed(x, offset, -2, -1) if x.ndim == 1 else diagonal(x, offset, 0, 1)
