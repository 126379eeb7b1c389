"""What an exercise is: a declaration that copies, checks, grades and tests all read.

One exercise is the name of what a student writes, the parts it is checked in, and the typical wrong answers with the
hint that each should get.  How the declarations are run stands in `minigen.course.examine`; they stand in
`minigen.course.exercises`, a file a chapter.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from minigen.course.answers import Answer

__all__ = ["Chapter", "Draw", "Exercise", "Part", "Wrong"]


class Draw:
    """Random numbers for one part of one exercise: the same for the same seed and student.

    Parameters
    ----------
    seed : int
        The course's seed: a student's own runs take 0, a teacher another one.
    exercise, part : str
        What they are for.
    student : str
        Whose they are: "" for everybody's.
    constants : dict
        The student's constants of this exercise.
    """

    def __init__(self, seed: int, exercise: str, part: str, student: str, constants: Mapping[str, Any]) -> None:
        words = [zlib.crc32(word.encode()) for word in (exercise, part, student)]
        self.rng = np.random.default_rng([seed, *words])
        self.constants = dict(constants)

    def normal(self, *shape: int) -> np.ndarray:
        """Return standard normal numbers, in float64."""
        return self.rng.standard_normal(shape)

    def uniform(self, low: float, high: float, *shape: int) -> np.ndarray:
        """Return numbers between two bounds."""
        return self.rng.uniform(low, high, shape)

    def away_from_zero(self, *shape: int) -> np.ndarray:
        """Return numbers of both signs whose size is between 0.3 and 2: no kink of relu or abs is near."""
        return self.rng.uniform(0.3, 2.0, shape) * self.rng.choice([-1.0, 1.0], shape)

    def number(self, low: float, high: float) -> float:
        """Return one number between two bounds."""
        return float(self.rng.uniform(low, high))

    def size(self, low: int, high: int) -> int:
        """Return a whole number from ``low`` to ``high``, both included: the length of an axis."""
        return int(self.rng.integers(low, high + 1))

    def sizes(self, count: int, low: int, high: int) -> list[int]:
        """Return so many lengths, all different, so that no axis is mistaken for another."""
        return [int(n) for n in self.rng.permutation(np.arange(low, high + 1))[:count]]

    def integers(self, low: int, high: int, *shape: int) -> np.ndarray:
        """Return whole numbers from ``low`` to ``high - 1``: labels."""
        return self.rng.integers(low, high, shape)


@dataclass(frozen=True)
class Part:
    """A part of an exercise that earns points by itself.

    Attributes
    ----------
    name : str
        "forward", "dx", "dw", "stability", "speed", or whatever it is.
    points : int
        What it is worth.
    check : callable
        ``check(answer, draw)`` asks the answer (`minigen.course.answers.Answer`) and raises
        `minigen.course.compare.Mismatch` where it is wrong.
    hint : str, optional
        What to say when it fails and no typical wrong answer fits.
    """

    name: str
    points: int
    check: Callable[[Answer, Draw], None]
    hint: str = ""


@dataclass(frozen=True)
class Wrong:
    """A typical wrong answer: what is swapped in the solution, and the hint that it must get.

    Attributes
    ----------
    swaps : dict of str to str
        Pieces of the solution, each of which stands there exactly once, and what stands there instead.
    hint : str
        What a student who made this mistake should be told.
    """

    swaps: Mapping[str, str]
    hint: str


@dataclass(frozen=True)
class Exercise:
    """Something that a student writes, and how it is judged.

    Attributes
    ----------
    name : str
        The function or class to write; no two exercises of the course have the same name.
    task : str
        One line that says what is wanted.
    parts : sequence of Part
        In the order in which they are reported.
    wrong : sequence of Wrong
        At least three typical wrong answers (a program of the museum: its false suspects count).
    names : tuple of str
        Other functions, classes or constants of the same exercise.
    constants : dict of str to tuple
        Numbers in the chapter that ``--per-student`` varies, each with its choices; the chapter shows the first.
    library : bool
        Whether the answer may use minigen.  Without it, NumPy and Python's own modules are there, and no more.
    without : tuple of str
        What of minigen the answer may not use, by its full name: "minigen.functional.conv.conv2d".
    seconds : float
        How long all its parts together may take.
    suspects : dict of str to str, optional
        For the museum: the letters that the constant ``FAULT`` may be, each with what is said to whoever names it; the
        guilty one has "".
    """

    name: str
    task: str
    parts: Sequence[Part]
    wrong: Sequence[Wrong]
    names: tuple[str, ...] = ()
    constants: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    library: bool = False
    without: tuple[str, ...] = ()
    seconds: float = 10.0
    suspects: Mapping[str, str] = field(default_factory=dict)

    @property
    def points(self) -> int:
        """What all parts are worth."""
        return sum(part.points for part in self.parts)

    @property
    def wanted(self) -> tuple[str, ...]:
        """All names that the hand-in must define."""
        return (self.name, *self.names, *(("FAULT",) if self.suspects else ()))

    @property
    def fault(self) -> str:
        """The letter of the suspect that is guilty."""
        (letter,) = [letter for letter, rebuttal in self.suspects.items() if not rebuttal]
        return letter

    def constants_of(self, seed: int, student: str) -> dict[str, Any]:
        """Return a student's constants: the first choice of each, or by chance where there is a name."""
        if not student:
            return {name: choices[0] for name, choices in self.constants.items()}
        draw = Draw(seed, self.name, "constants", student, {})
        return {name: choices[draw.size(0, len(choices) - 1)] for name, choices in self.constants.items()}


@dataclass(frozen=True)
class Chapter:
    """A page of the course with exercises: a chapter, or a program of the museum.

    Attributes
    ----------
    number : int
        1 to 18; programs of the museum count by themselves, from 1.
    name : str
        Of its file: ``tutorials/01_gradients.py`` is chapter 1, "gradients".
    title : str
        As it stands at its top.
    hours : float
        What a student who meets the matter for the first time needs, exercises included.
    needs : tuple of int
        The chapters that come before it.
    exercises : sequence of Exercise
        In the order of the page.
    museum : bool
        Whether it is a program of the museum: ``tutorials/museum/01_folded_batch.py``.
    """

    number: int
    name: str
    title: str
    hours: float
    needs: tuple[int, ...]
    exercises: Sequence[Exercise]
    museum: bool = False

    @property
    def file(self) -> str:
        """Where its page is, below ``tutorials/``."""
        return f"{'museum/' if self.museum else ''}{self.number:02d}_{self.name}.py"
