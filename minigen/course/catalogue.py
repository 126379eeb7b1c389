"""Which chapters and exercises there are, and where their pages lie.

A file in `minigen.course.exercises` that defines ``CHAPTER`` is a chapter, and is found by being there.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from pathlib import Path

import minigen.course.exercises
import minigen.course.exercises.museum
from minigen.course.exercise import Chapter, Exercise

__all__ = ["chapter_of", "chapters", "exercises", "find", "tutorials"]


@functools.cache
def chapters() -> tuple[Chapter, ...]:
    """Return the chapters in their order, then the programs of the museum."""
    found: list[Chapter] = []
    for package in (minigen.course.exercises, minigen.course.exercises.museum):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if not module.ispkg and module.name.rpartition(".")[2] != "common":
                found.append(importlib.import_module(module.name).CHAPTER)
    return tuple(sorted(found, key=lambda chapter: (chapter.museum, chapter.number)))


@functools.cache
def exercises() -> dict[str, Exercise]:
    """Return all exercises by name."""
    return {exercise.name: exercise for chapter in chapters() for exercise in chapter.exercises}


@functools.cache
def _homes() -> dict[str, Chapter]:
    return {exercise.name: chapter for chapter in chapters() for exercise in chapter.exercises}


def chapter_of(exercise: Exercise) -> Chapter:
    """Return the chapter of an exercise."""
    return _homes()[exercise.name]


def find(name: str) -> Exercise:
    """Return the exercise of a name.

    Raises
    ------
    KeyError
        If there is none; the message says which is like it.
    """
    if name not in exercises():
        close = difflib.get_close_matches(name, exercises(), n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(exercises())}"
        raise KeyError(f"the course has no exercise {name}; {hint}")
    return exercises()[name]


def tutorials() -> Path:
    """Return the folder of the pages: in the wheel inside the package, in a checkout at its top."""
    inside = Path(__file__).parent / "tutorials"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "tutorials"
