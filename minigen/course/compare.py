"""What a check says about what an answer returned: `expect` compares it with what is right, and guesses at the cause.

The comparison happens where the grade is made, never in the process of the hand-in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["Mismatch", "as_numbers", "expect", "expect_that"]


class Mismatch(AssertionError):
    """What an answer returned is not right; the message says where, both values, and a likely cause."""


def expect(got: Any, want: Any, about: str = "the result", tolerance: float = 1e-9) -> None:
    """Raise `Mismatch` unless two arrays agree: max|got - want| <= tolerance * max(1, max|want|).

    Parameters
    ----------
    got
        What the answer returned: an array or a number, whatever came.
    want : array
        What is right.
    about : str
        What it is, for the message: "dx".
    tolerance : float
        1e-9 suits a few operations in float64, 1e-5 in float32.

    Examples
    --------
    >>> expect(np.array([1.0, 4.0]), [1.0, 2.0], "dx")
    Traceback (most recent call last):
    minigen.course.compare.Mismatch: dx at index (1): got 4, wanted 2
    """
    want = np.asarray(want)
    array = as_numbers(got, about)
    if array.shape != want.shape:
        raise Mismatch(f"{about} has shape {array.shape}, but should have {want.shape}{_about_shapes(array, want)}")
    if not array.size:
        return
    with np.errstate(all="ignore"):
        error = np.abs(array.astype(float) - want.astype(float))
        same = (array == want) | (np.isnan(array.astype(float)) & np.isnan(want.astype(float)))
    error = np.where(same, 0.0, error)
    allowed = tolerance * max(1.0, float(np.abs(want[np.isfinite(want)]).max(initial=0.0)))
    wrong = ~(error <= allowed)  # NaN is wrong, too
    if not wrong.any():
        return
    index = tuple(map(int, np.unravel_index(np.argmax(np.where(np.isnan(error), np.inf, error)), error.shape)))
    place = f" at index ({', '.join(map(str, index))})" if index else ""
    cause = _likely_cause(array.astype(float), want.astype(float))
    raise Mismatch(f"{about}{place}: got {array[index]:.9g}, wanted {want[index]:.9g}{cause}")


def expect_that(true: Any, message: str) -> None:
    """Raise `Mismatch` with a message unless something is true."""
    if not true:
        raise Mismatch(message)


def as_numbers(got: Any, about: str) -> np.ndarray:
    """Return what came as an array of numbers, or say what it is instead."""
    if got is None:
        raise Mismatch(f"{about} is None: is there a return?")
    if isinstance(got, bool | int | float | np.ndarray | np.generic):
        array = np.asarray(got)
    elif isinstance(got, list | tuple):
        try:
            array = np.asarray(got)
        except ValueError:
            array = np.asarray(None)
    else:
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise Mismatch(f"{about} is a {type(got).__name__}, where an array of numbers was expected")
    return array


def _about_shapes(got: np.ndarray, want: np.ndarray) -> str:
    """Say what may have happened where shapes differ."""
    if got.shape == want.shape[::-1]:
        return "; it is transposed"
    if got.ndim == want.ndim + 1 and want.shape in (got.shape[1:], got.shape[:-1]):
        return "; a sum over the axis that was broadcast is missing"
    if got.size == want.size:
        return "; the numbers are as many, but arranged otherwise"
    return ""


def _likely_cause(got: np.ndarray, want: np.ndarray) -> str:
    """Name a cause that explains all elements, or nothing."""
    for cause, holds in CAUSES.items():
        with np.errstate(all="ignore"):
            if holds(got, want):
                return cause
    with np.errstate(all="ignore"):
        ratios = (got / want)[np.abs(want) > 1e-12]
    if ratios.size > 1 and np.isfinite(ratios).all() and np.ptp(ratios) <= 1e-6 * np.abs(ratios).max(initial=0):
        return f"; every element is {ratios[0]:.6g} times what it should be"
    return ""


def _close(a: np.ndarray, b: np.ndarray, tolerance: float = 1e-9) -> bool:
    return bool(np.abs(a - b).max() <= tolerance * max(1.0, np.abs(b).max()))


# Sentences by what holds for all elements, the first that fits is said.
CAUSES: dict[str, Callable[[np.ndarray, np.ndarray], bool]] = {
    "; the result overflowed or divided 0 by 0": lambda got, want: bool((~np.isfinite(got) & np.isfinite(want)).any()),
    "; every element is 0": lambda got, want: got.size > 1 and not got.any(),
    "; the sign is wrong": lambda got, want: _close(got, -want),
    "; the difference looks like float32 rounding": lambda got, want: (
        _close(got, want, 1e-5) and _close(got, want.astype(np.float32), 1e-7)
    ),
    "; it is transposed": lambda got, want: got.ndim == 2 and got.shape == got.T.shape and _close(got.T, want),
}
