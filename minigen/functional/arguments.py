"""The checks at the door that many functions and layers share.

Each raises one sentence that names the function, the argument and its value, and says what to do.  Checks
that belong to a single function stand in that function; nothing here computes.
"""

from __future__ import annotations

import numbers
import operator
from collections.abc import Collection
from typing import Any

from minigen.operands import not_a_tensor
from minigen.tensor import Tensor


def check_tensor(owner: str, **arguments: Any) -> None:
    """Raise TypeError for an argument that is no Tensor.

    Examples
    --------
    >>> check_tensor("relu", input=[1.0, -1.0])
    Traceback (most recent call last):
        ...
    TypeError: relu: input must be a Tensor, not list; make one with minigen.tensor(data)
    """
    for name, value in arguments.items():
        if not isinstance(value, Tensor):
            raise not_a_tensor(owner, name, value)


def check_floating(owner: str, **arguments: Any) -> None:
    """Raise TypeError for an argument that is no Tensor of floating-point numbers, or if their dtypes differ."""
    check_tensor(owner, **arguments)
    first, *_ = arguments
    for name, tensor in arguments.items():
        if tensor.dtype.kind != "f":
            raise TypeError(
                f"{owner}: {name} has dtype {tensor.dtype}, but floating-point numbers are wanted; "
                f"convert it with {name}.float()"
            )
        if tensor.dtype != arguments[first].dtype:
            raise TypeError(
                f"{owner}: {first} has dtype {arguments[first].dtype}, but {name} has {tensor.dtype}; "
                "convert one of them: .float() makes float32, which layers have unless told otherwise"
            )


def check_same_shape(owner: str, **arguments: Tensor) -> None:
    """Raise ValueError unless all arguments have one shape: nothing is broadcast in silence."""
    (first, wanted), *others = arguments.items()
    for name, tensor in others:
        if tensor.shape != wanted.shape:
            raise ValueError(
                f"{owner}: {first} has shape {wanted.shape}, but {name} has {tensor.shape}; "
                "they must agree (use reshape, squeeze or unsqueeze)"
            )


def check_choice(owner: str, name: str, value: Any, choices: Collection[str]) -> None:
    """Raise ValueError if an option is none of the words it can be."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{owner}: {name}={value!r} is not one of {', '.join(map(repr, choices))}")


def check_number(owner: str, name: str, value: Any, low: float, high: float = float("inf")) -> float:
    """Return ``value`` as a float; raise unless ``low <= value <= high`` (NaN never is)."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not low <= float(value) <= high:
        bounds = f"at least {low:g}" if high == float("inf") else f"from {low:g} to {high:g}"
        raise ValueError(f"{owner}: {name} must be a number {bounds}, not {value!r}")
    return float(value)


def check_integer(owner: str, name: str, value: Any, low: int | None = 1) -> int:
    """Return ``value`` as an int; raise ValueError unless it is an integer (True is none), ``>= low`` or any (None)."""
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or (low is not None and number < low):
        bound = "" if low is None else f" >= {low}"
        hint = f" (for a layer without bias write bias={value})" if isinstance(value, bool) else ""
        raise ValueError(f"{owner}: {name} must be an integer{bound}, not {value!r}{hint}")
    return number


def check_sizes(owner: str, name: str, value: Any, axes: int, low: int = 1) -> tuple[int, ...]:
    """Return ``value`` as a tuple of ``axes`` integers, one for each axis of an image: one number counts for all.

    Examples
    --------
    >>> check_sizes("conv1d", "stride", 2, axes=1), check_sizes("pad", "pad", (0, -1), axes=2, low=-9)
    ((2,), (0, -1))
    """
    if not isinstance(value, (tuple, list)):
        return (check_integer(owner, name, value, low),) * axes
    if len(value) not in (1, axes):
        what = "one integer or two (height, width)" if axes == 2 else "one integer" if axes == 1 else f"{axes} integers"
        raise ValueError(f"{owner}: {name} must be {what}, not {value!r}")
    sizes = tuple(check_integer(owner, name, number, low) for number in value)
    return sizes * axes if len(sizes) == 1 else sizes


def check_pair(owner: str, name: str, value: Any, low: int = 1) -> tuple[int, int]:
    """Return ``value`` as a pair of integers (height, width): one number counts for both.

    Examples
    --------
    >>> check_pair("conv2d", "stride", 2), check_pair("conv2d", "padding", (0, 1), low=0)
    ((2, 2), (0, 1))
    """
    height, width = check_sizes(owner, name, value, 2, low)
    return height, width
