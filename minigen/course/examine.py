"""Checking one exercise: every part of it, with points, a sentence where it is wrong, and the hint that fits.

A hint is found by imitation.  The questions that a wrong answer was asked are put to the typical mistakes; the mistake
that answers alike is the one that was made.
"""

from __future__ import annotations

import dataclasses
import functools
import runpy
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from minigen.course.answers import Answer, Asked, LocalAnswer, RemoteAnswer
from minigen.course.catalogue import exercises
from minigen.course.compare import Mismatch
from minigen.course.copies import constants_in, page_of, swapped, with_constants
from minigen.course.exercise import Draw, Exercise, Part
from minigen.course.process import AnswerError, HandIn
from minigen.course.slicing import slice_for

__all__ = ["Report", "Verdict", "examine", "examine_file"]

NOT_WRITTEN = "not written yet"
_running = threading.Lock()  # runpy is for one thread at a time
Opener = Callable[[], Answer]


@dataclass(frozen=True)
class Verdict:
    """What came of one part.

    Attributes
    ----------
    part : str
        Its name.
    score, points : int
        What it earned, and what it is worth.
    message : str
        Where and how it is wrong; "" where it is right.
    hint : str
        The likely cause, in words; "" where none is known.
    """

    part: str
    score: int
    points: int
    message: str = ""
    hint: str = ""

    @property
    def right(self) -> bool:
        """Whether nothing is wrong."""
        return not self.message


@dataclass
class Report:
    """What came of an exercise: a verdict for each part.

    Attributes
    ----------
    exercise : Exercise
        Which one.
    verdicts : list of Verdict
        In the order of the parts.
    """

    exercise: Exercise
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def score(self) -> int:
        """What was earned."""
        return sum(verdict.score for verdict in self.verdicts)

    @property
    def points(self) -> int:
        """What could be earned."""
        return self.exercise.points

    @property
    def right(self) -> bool:
        """Whether every part is right."""
        return all(verdict.right for verdict in self.verdicts)

    @property
    def written(self) -> bool:
        """Whether there is anything to speak of: not in a blank copy."""
        return not all(verdict.message.endswith(NOT_WRITTEN) for verdict in self.verdicts)

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"exercise": self.exercise.name, "score": self.score, "points": self.points,
                "parts": [dataclasses.asdict(verdict) for verdict in self.verdicts]}  # fmt: skip

    def __str__(self) -> str:
        """Write it as a terminal shows it."""
        if self.right:
            return f"{self.exercise.name}: right, {self.score} of {self.points} points"
        if not self.written:
            return f"{self.exercise.name}: {NOT_WRITTEN} ({self.points} points): {self.exercise.task}"
        lines = [f"{self.exercise.name}: {self.score} of {self.points} points"]
        width = max(len(verdict.part) for verdict in self.verdicts)
        said = set()
        for verdict in self.verdicts:
            lines.append(f"  {verdict.part:<{width}}  {verdict.score}/{verdict.points}  {verdict.message or 'right'}")
            if verdict.hint and verdict.hint not in said:
                lines.append(f"  {'':<{width}}       Hint: {verdict.hint}")
                said.add(verdict.hint)
        return "\n".join(lines)


def open_file(exercise: Exercise, file: Path) -> RemoteAnswer:
    """Start the process that answers from a file.

    Raises
    ------
    AnswerError
        If the file does not define what the exercise wants, or cannot be run.
    """
    hand_in = HandIn(file, exercise.wanted, exercise.library, exercise.without, exercise.seconds)
    return RemoteAnswer(exercise, hand_in)


def examine(
    exercise: Exercise,
    open_answer: Opener,
    seed: int = 0,
    student: str = "",
    constants: Mapping[str, Any] | None = None,
) -> Report:
    """Check every part of an exercise.

    Parameters
    ----------
    exercise : Exercise
        Which one.
    open_answer : callable
        Returns a fresh answer; it is called again where a part has ended the process of the one before.
    seed : int
        Of the inputs that are drawn.
    student : str
        Whose inputs, where each student has their own.
    constants : dict, optional
        The student's constants; by default those that seed and student have.
    """
    given = exercise.constants_of(seed, student) if constants is None else dict(constants)
    report = Report(exercise)
    answer: Answer | None = None
    fatal: AnswerError | None = None
    deaths = 0
    for part in exercise.parts:
        if fatal is not None and (deaths > 1 or fatal.kind in ("refused", "missing")):
            report.verdicts.append(Verdict(part.name, 0, part.points, _said(fatal)))
            continue
        try:
            answer = answer or open_answer()
            answer.transcript.clear()
            draw = Draw(seed, exercise.name, part.name, student, given)
            verdict = examine_part(part, answer, draw, given)
        except AnswerError as error:  # the answer cannot even begin
            fatal, deaths, answer = error, 2, None
            verdict = Verdict(part.name, 0, part.points, _said(error))
        if answer is not None and isinstance(answer, RemoteAnswer) and not answer.hand_in.alive:
            last = answer.transcript[-1].error if answer.transcript else None
            fatal, deaths = last or fatal or AnswerError("too slow", "its time is over"), deaths + 1
            answer.close()
            answer = None
        report.verdicts.append(verdict)
    if answer is not None:
        answer.close()
    if fatal is not None and fatal.kind == "refused":  # one forbidden thing, and the whole item is worth nothing
        report.verdicts = [Verdict(v.part, 0, v.points, _said(fatal)) for v in report.verdicts]
    return report


def examine_part(part: Part, answer: Answer, draw: Draw, constants: Mapping[str, Any]) -> Verdict:
    """Check one part, and look for the hint if it is wrong."""
    try:
        with np.errstate(all="ignore"):
            part.check(answer, draw)
        return Verdict(part.name, part.points, part.points)
    except Mismatch as error:
        asked = f"{answer.transcript[-1]}: " if answer.transcript else ""
        message, general = f"{asked}{error}", part.hint
    except AnswerError as error:
        message, general = _said(error, answer.transcript[-1] if answer.transcript else None), ""
        if error.fatal or error.kind == "NotImplementedError":
            return Verdict(part.name, 0, part.points, message)
    except Exception as error:  # the check cannot even calculate with what came
        last = answer.transcript[-1] if answer.transcript else None
        kind = type(last.result).__name__ if last else "nothing"
        message, general = f"{last}: it returned a {kind}, which cannot be used here ({error})"[:300], part.hint
    hint = _rebuttal(answer) or find_hint(answer.exercise, answer.transcript, constants) or general
    return Verdict(part.name, 0, part.points, message, hint)


def _said(error: AnswerError, asked: Asked | None = None) -> str:
    """Write down an error for a student."""
    if error.kind == "NotImplementedError":
        return NOT_WRITTEN
    if error.fatal:
        return str(error)
    line = f" in line {error.line}" if error.line else ""
    return f"{f'{asked}: ' if asked else ''}{error.kind}{line}: {error}"


def _rebuttal(answer: Answer) -> str:
    """Why the suspect that was named is innocent."""
    last = answer.transcript[-1] if answer.transcript else None
    if last is None or last.how != "value" or type(last.result) is not str:
        return ""
    return answer.exercise.suspects.get(last.result, "")


# ---- hints --------------------------------------------------------------------------------------------------------


def find_hint(exercise: Exercise, transcript: Sequence[Asked], constants: Mapping[str, Any]) -> str:
    """Return the hint of the typical mistake that answers as the student did, or ""."""
    for number, wrong in enumerate(exercise.wrong if transcript else ()):
        with np.errstate(all="ignore"):
            mistake = open_mistake(exercise.name, number, tuple(constants.items()))
            mistake.transcript.clear()
            if all(_alike(asked, mistake) for asked in transcript):
                return wrong.hint
    return ""


@functools.lru_cache(maxsize=512)
def open_mistake(name: str, number: int, constants: tuple[tuple[str, Any], ...]) -> LocalAnswer:
    """Run the slice of our own page with a mistake in it; it is as trusted as this file is."""
    exercise = exercises()[name]
    text = with_constants(swapped(page_of(exercise), exercise, exercise.wrong[number]), dict(constants))
    return open_trusted(exercise, text)


def open_trusted(exercise: Exercise, text: str) -> LocalAnswer:
    """Run the slice of a text of our own in this process, and return its answer."""
    with program(slice_for(text, exercise.wanted).program) as file, _running:
        found = runpy.run_path(str(file), run_name="mistake")
    return LocalAnswer(exercise, {name: found[name] for name in exercise.wanted})


def _alike(asked: Asked, mistake: Answer) -> bool:
    """Whether a mistake answers a question as the student did."""
    try:
        result = mistake.ask(asked.how, asked.name, asked.args, asked.kwargs)
    except AnswerError as error:
        return asked.error is not None and (asked.error.kind, str(asked.error)) == (error.kind, str(error))
    except Mismatch:
        result = mistake.transcript[-1].result
    return asked.error is None and _same(result, asked.result)


def _same(a: Any, b: Any) -> bool:
    """Whether two plain values agree up to rounding."""
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    numbers = bool | int | float | np.ndarray
    if not (isinstance(a, numbers) and isinstance(b, numbers)):
        return type(a) is type(b) and a == b
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    with np.errstate(all="ignore"):
        return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-7, atol=1e-10, equal_nan=True))


# ---- files and objects ----------------------------------------------------------------------------------------------


def examine_file(
    exercise: Exercise, file: Path, seed: int = 0, student: str = "", constants: Mapping[str, Any] | None = None
) -> Report:
    """Check what a file says about an exercise, in a process of its own."""
    return examine(exercise, lambda: open_file(exercise, file), seed, student, constants)


def examine_objects(exercise: Exercise, objects: Mapping[str, Any], seed: int = 0) -> Report:
    """Check functions of this process, with the constants that their own module has."""
    f = objects[exercise.name]
    constants = constants_in(getattr(f, "__globals__", {}), exercise)
    return examine(exercise, lambda: LocalAnswer(exercise, objects), seed, constants=constants)


@contextmanager
def program(text: str) -> Iterator[Path]:
    """Put a program into a file for a moment."""
    with tempfile.TemporaryDirectory(prefix="minigen-course-") as folder:
        file = Path(folder) / "program.py"
        file.write_text(text, encoding="utf-8")
        yield file
