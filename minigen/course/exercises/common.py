"""What the declarations of several chapters share: the part "find" of the museum, results of several names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minigen.course.compare import expect_that
from minigen.course.exercise import Part

__all__ = ["find_part", "named"]


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
