"""Padding and cropping: a border of a constant, of the mirrored image, of its edge, or of its other side.

Cropping is padding by a negative number, and the adjoint of padding by zeros is cropping: one function is both.
The other borders copy numbers of the image, each along one axis: linear maps, whose adjoint adds up the copies.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from minigen.backend import Array, array_module
from minigen.engine import Function
from minigen.functional.arguments import check_choice, check_integer, check_tensor
from minigen.functional.axis_map import MapAxis, Taps
from minigen.tensor import Tensor

Border = tuple[int, int]  # how many numbers to add before and after a line; negative: how many to take off


class ConstantPad(Function):
    """Add `value` around an array, (before, after) for each axis in `borders`; negative numbers crop."""

    borders: tuple[Border, ...]
    value: float

    def forward(self, x: Array) -> Array:
        """Copy what stays, in the memory layout of x."""
        shape = tuple(n + before + after for n, (before, after) in zip(x.shape, self.borders))
        y = array_module(x).empty_like(x, shape=shape)
        y[...] = self.value
        places = [_common(n, *border) for n, border in zip(x.shape, self.borders)]
        y[tuple(in_y for in_y, _ in places)] = x[tuple(in_x for _, in_x in places)]
        return y

    def backward(self, grad: Tensor) -> Tensor:
        """The adjoint: crop what was added, add zeros for what was cropped."""
        borders = tuple((-before, -after) for before, after in self.borders)
        return ConstantPad.apply(grad, borders=borders, value=0.0)

    def reads(self) -> tuple[int, ...]:
        """A linear function's derivative reads no values."""
        return ()


def _common(length: int, before: int, after: int) -> tuple[slice, slice]:
    """Where the part of a line that stays lies in the result, and where it lies in the line."""
    first, last = max(0, -before), max(0, -before, min(length, length + after))
    return slice(first + before, last + before), slice(first, last)


def _mirrored(places: np.ndarray, length: int) -> np.ndarray:
    return length - 1 - np.abs(length - 1 - np.abs(places))


def _nearest(places: np.ndarray, length: int) -> np.ndarray:
    return np.clip(places, 0, length - 1)


def _wrapped(places: np.ndarray, length: int) -> np.ndarray:
    first, last = max(0, int(places[0])), min(length - 1, int(places[-1]))  # what was cropped does not come back
    return first + (places - first) % (last + 1 - first)


# For each place of the result, counted from the first number of a line of some length, the place that it copies.
SOURCES = {"reflect": _mirrored, "replicate": _nearest, "circular": _wrapped}


def pad(input: Tensor, pad: tuple[int, ...], mode: str = "constant", value: float | None = None) -> Tensor:
    """Add a border around the last axes of a tensor, or crop them.

    Parameters
    ----------
    input : Tensor
        Of any shape; for the modes "reflect", "replicate" and "circular" a batch (N, C, ...) or a single (C, ...),
        of which all axes but those are padded: (N, C, L) or (C, L) by two numbers, (N, C, H, W) or (C, H, W) by four.
    pad : tuple of int
        (before, after) for the last axis, then for the one before it, and so on: ``(left, right, top, bottom)`` for
        images.  Negative numbers crop.
    mode : {"constant", "reflect", "replicate", "circular"}, default "constant"
        What the border shows: ``value``; the image mirrored at its edge, which is not repeated; the number at the edge;
        the other end of the image.
    value : float, optional
        That of the constant border, 0 by default.

    Returns
    -------
    Tensor
        Longer by ``before + after`` along each padded axis.

    Raises
    ------
    ValueError, TypeError
        If the tensor does not have so many axes, if nothing or too little of it is left, or if the border is larger
        than what there is to show: "reflect" needs less than the length of the axis, "circular" at most that.

    Notes
    -----
    The gradient of a number is the sum of the gradients of its copies; of a constant border there is none.

    Examples
    --------
    >>> import minigen
    >>> x = minigen.tensor([1.0, 2.0, 3.0])
    >>> pad(x, (1, 2)).tolist(), pad(x, (-1, 0)).tolist()
    ([0.0, 1.0, 2.0, 3.0, 0.0, 0.0], [2.0, 3.0])
    >>> [pad(x.reshape(1, 3), (2, 1), mode).tolist() for mode in ("reflect", "replicate")]
    [[[3.0, 2.0, 1.0, 2.0, 3.0, 2.0]], [[1.0, 1.0, 1.0, 2.0, 3.0, 3.0]]]
    """
    check_tensor("pad", input=input)
    check_choice("pad", "mode", mode, ("constant", *SOURCES))
    borders = _check_borders(input, pad)
    if mode == "constant":
        return ConstantPad.apply(input, borders=borders, value=_check_value(value))
    if value is not None and value != 0:
        raise ValueError(f"pad: value={value} is for mode='constant'; mode={mode!r} shows what is in the input")
    count = len(pad) // 2
    if input.ndim not in (count + 1, count + 2):
        raise ValueError(
            f"pad: mode={mode!r} pads all axes but channels and batch, but pad={tuple(pad)} is for the last {count} "
            f"of input {input.shape}; give two numbers for (N, C, L) and four for (N, C, H, W)"
        )
    y = input
    for axis, (length, border) in enumerate(zip(input.shape, borders)):
        if border != (0, 0):
            y = MapAxis.apply(y, axis=axis, taps=_copies(mode, length, border, input.shape))
    return y


def _check_value(value: Any) -> Any:
    if value is not None and not isinstance(value, numbers.Real):
        raise TypeError(f"pad: value must be a number, not {value!r}")
    return 0 if value is None else value


def _check_borders(x: Tensor, pad: Any) -> tuple[Border, ...]:
    """(before, after) for each axis of x, the first axis first."""
    if not isinstance(pad, (tuple, list)):
        raise TypeError(f"pad: pad is a tuple (left, right, top, bottom, ...), the last axis first, not {pad!r}")
    if len(pad) % 2 or len(pad) > 2 * x.ndim:
        raise ValueError(
            f"pad: pad={tuple(pad)} has {len(pad)} numbers, but two are wanted for each axis to be padded, and input "
            f"{x.shape} has {x.ndim} of them"
        )
    sizes = [check_integer("pad", "each number of pad", n, low=-(2**62)) for n in pad]
    borders = [(0, 0)] * (x.ndim - len(pad) // 2) + [(sizes[i], sizes[i + 1]) for i in range(len(pad) - 2, -1, -2)]
    if any(n + before + after < 0 for n, (before, after) in zip(x.shape, borders)):
        raise ValueError(f"pad: pad={tuple(pad)} takes more off than input {x.shape} has")
    return tuple(borders)


def _copies(mode: str, length: int, border: Border, shape: tuple[int, ...]) -> Taps:
    """The taps of a border along one axis."""
    most = {"reflect": length - 1, "circular": length + min(0, *border), "replicate": max(border)}[mode]
    if max(border) > most or length + sum(border) < 1 or (most < 1 and mode == "circular"):
        limit = {"reflect": "shorter than the axis", "circular": "no longer than what is left of the axis"}
        raise ValueError(
            f"pad: a border {border} does not fit an axis of length {length} of input {shape}: with mode={mode!r} it "
            f"must be {limit.get(mode, 'of any length')}, and something must be left to show"
        )
    places = np.arange(-border[0], length + border[1])
    return Taps.copying(SOURCES[mode](places, length), length)
