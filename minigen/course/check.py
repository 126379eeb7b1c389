"""``check.NAME(my_function)``: is the answer to the exercise NAME right?  It prints what is, what is not, and why.

>>> from minigen.course import check
>>> def relu_backward(dout, x):
...     return dout * (x > 0)
>>> check.relu_backward(relu_backward)
relu_backward: right, 3 of 3 points

The grader of a class runs the same check with another seed.  Nothing here raises for a wrong answer, so a notebook runs
to its end with blanks in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigen.course.catalogue import exercises, find
from minigen.course.examine import examine_objects

__all__: list[str] = []


def __getattr__(name: str) -> Callable[..., None]:
    """Return the check of an exercise."""
    if name.startswith("__"):
        raise AttributeError(name)
    try:
        exercise = find(name)
    except KeyError as error:
        raise AttributeError(error.args[0]) from None

    def check(*objects: Any, seed: int = 0) -> None:
        if len(objects) != len(exercise.wanted):
            raise TypeError(f"check.{name} wants {', '.join(exercise.wanted)}, but was given {len(objects)} of them")
        print(examine_objects(exercise, dict(zip(exercise.wanted, objects, strict=True)), seed))

    check.__name__, check.__doc__ = name, f"Check the exercise {name}: {exercise.task}"
    return check


def __dir__() -> list[str]:
    return sorted(exercises())
