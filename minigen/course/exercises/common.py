"""What the declarations of several chapters share: the part "find" of the museum, named results, exact slopes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minigen.course.compare import expect_that
from minigen.course.exercise import Part

__all__ = ["complex_steps", "find_part", "named"]


def complex_steps(f: Callable[[np.ndarray], Any], x: np.ndarray) -> np.ndarray:
    """Differentiate exactly, to the last digits: Im f(x + ih) / h."""
    gradient = np.zeros(x.shape)
    for i in np.ndindex(*x.shape):
        bumped = x.astype(complex)
        bumped[i] += 1e-30j
        gradient[i] = f(bumped).imag / 1e-30
    return gradient


def find_part(letter: str) -> Part:
    """Return the part of a program of the museum that asks for the guilty suspect."""

    def check(answer: Any, draw: Any) -> None:
        said = answer.value("FAULT")
        expect_that(said == letter, f"{said!r} is not the fault" if said else "no suspect is named yet")

    return Part("find", 1, check)


def named(got: Any, names: Iterable[str]) -> dict[str, Any]:
    """Return what should be a tuple of so many results, by name, or raise `Mismatch`."""
    names = list(names)
    expect_that(
        isinstance(got, tuple | list) and len(got) == len(names),
        f"it should return ({', '.join(names)}), not {'nothing' if got is None else f'a {type(got).__name__}'}",
    )
    return dict(zip(names, got, strict=True))
