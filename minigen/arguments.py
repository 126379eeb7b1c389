"""Checking and normalising what people pass as axes, sizes and shapes; plain Python, no arrays.

Every function names the operation it speaks for, so that its errors read as that operation's.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

Dims = int | Sequence[int] | None
Shape = tuple[int, ...]


def broadcastable(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Tell whether two shapes broadcast: from the right, lengths are equal or one of them is 1."""
    return all(m == n or m == 1 or n == 1 for m, n in zip(reversed(a), reversed(b), strict=False))


def is_whole(n: Any) -> bool:
    """Tell whether this is a Python integer (True and False are none)."""
    return isinstance(n, int) and not isinstance(n, bool)


def one_integer(name: str, what: str, value: Any) -> int:
    """Return ``value`` as an int; raise TypeError unless it is a single integer."""
    try:
        return operator.index(value)
    except (TypeError, RuntimeError):  # RuntimeError: a tensor of many elements
        hint = "; / makes floats, // makes integers" if isinstance(value, float) else ""
        raise TypeError(f"{name}: {what} must be an integer, not {value!r}{hint}") from None


def check_callable(name: str, what: str, value: Any) -> None:
    """Raise TypeError unless ``value`` is a function, or another thing that can be called."""
    if not callable(value):
        kind = "None" if value is None else f"a {type(value).__name__}"
        raise TypeError(f"{name}: {what} must be a function, not {kind}")


def one_axis(name: str, dim: Any, ndim: int) -> int:
    """Check one axis number; negative ones count from the end."""
    axis = one_integer(name, "dim", dim)
    bound = max(ndim, 1)
    if not -bound <= axis < bound:
        raise IndexError(f"{name}: dim {axis} is out of range for a tensor of {ndim} axes: use {-bound} to {bound - 1}")
    return axis % bound


def check_keepdim(name: str, keepdim: Any) -> None:
    """Raise TypeError unless this is True or False: the 1 of ``x.sum(0, 1)`` was meant as an axis."""
    if not isinstance(keepdim, bool):
        raise TypeError(f"{name}: keepdim must be True or False, not {keepdim!r}; several axes are given as dim=(0, 1)")


def all_axes(name: str, dim: Dims, ndim: int, keepdim: bool = False) -> tuple[int, ...]:
    """Normalise one axis, several, or None (all of them) to a tuple of non-negative axes."""
    check_keepdim(name, keepdim)
    if dim is None or (isinstance(dim, (tuple, list)) and not dim and name != "flip"):
        return tuple(range(ndim))
    axes = [one_axis(name, d, ndim) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))]
    if len(set(axes)) != len(axes):
        raise ValueError(f"{name}: dim {dim} names an axis twice")
    return tuple(axes) if ndim else ()


def count_along(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    """The number of elements along some axes together."""
    count = 1
    for axis in axes:
        count *= shape[axis]
    return count


def as_sizes(name: str, sizes: Any, what: str = "a length") -> tuple[int, ...]:
    """Accept f(2, 3) and f((2, 3)) alike."""
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = sizes[0]
    return tuple(one_integer(name, what, n) for n in sizes)


def fill_shape(old: Shape, shape: Shape, name: str = "reshape") -> tuple[int, ...]:
    """Fill in a -1, and check that the number of elements stays the same."""
    total, known = count_along(old, tuple(range(len(old)))), 1
    for n in shape:
        known *= 1 if n == -1 else n
    if shape.count(-1) == 1 and known > 0 and total % known == 0 and min(shape) >= -1:
        return tuple(total // known if n == -1 else n for n in shape)
    if -1 in shape or known != total or min(shape, default=0) < 0:
        if shape.count(-1) > 1 or min(shape, default=0) < -1:
            why = "lengths are 0 or more, and one of them may be -1: it is computed"
        elif -1 in shape:
            why = f"{total} is no multiple of {known}" if known else "-1 could be any number beside a length of 0"
        else:
            why = f"that takes {known}; one length may be -1: it is computed"
        raise ValueError(f"{name}: {old} has {total} elements and does not fill {tuple(shape)}: {why}")
    return shape
