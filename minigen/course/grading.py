"""Grading a class: every hand-in of a folder, every exercise of it, each in a process of its own.

Nothing that a hand-in does stops the run: an item that cannot be graded is worth nothing, with a sentence that says
why.  What is written for whom stands in `minigen.course.results`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from minigen.course.catalogue import chapters
from minigen.course.copies import defines, owner_of
from minigen.course.examine import NOT_WRITTEN, Report, Verdict, examine_file
from minigen.course.exercise import Chapter, Exercise
from minigen.course.process import MOST_TEXT

__all__ = ["Hand", "Result", "chapters_in", "collect", "grade", "grade_hand"]

ENDINGS = (".py", ".ipynb")
MOST_FILES = 200  # that are looked at in one student's folder


@dataclass(frozen=True)
class Hand:
    """What one student handed in.

    Attributes
    ----------
    student : str
        The name of the folder or of the file, without its ending.
    files : tuple of Path
        Python files and notebooks, in the order of their names.
    """

    student: str
    files: tuple[Path, ...]

    def texts(self) -> dict[Path, str]:
        """Return what the files say, as far as they can be read."""
        found = {}
        for file in self.files:
            try:
                with file.open("rb") as opened:
                    found[file] = opened.read(MOST_TEXT + 1).decode("utf-8", "replace")
            except OSError:
                found[file] = ""
        return found


@dataclass
class Result:
    """What one student reached.

    Attributes
    ----------
    student : str
        Whose it is.
    reports : list of Report
        One for each exercise that was graded.
    seconds : float
        How long it took.
    """

    student: str
    reports: list[Report] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def score(self) -> int:
        """What was earned."""
        return sum(report.score for report in self.reports)

    @property
    def points(self) -> int:
        """What could be earned."""
        return sum(report.points for report in self.reports)


def collect(folder: Path, leave_out: Iterable[Path] = ()) -> list[Hand]:
    """Find the hand-ins: each folder and each loose file in ``folder`` is a student's.

    Links, hidden files, and whatever is neither a Python file nor a notebook are passed over.

    Raises
    ------
    ValueError
        If there is none.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: there is no such folder")
    skipped = {path.resolve() for path in leave_out}
    found: dict[str, list[Path]] = {}
    for place in sorted(folder.iterdir()):
        if place.name.startswith(".") or place.is_symlink() or place.resolve() in skipped:
            continue
        if place.is_dir():
            found.setdefault(place.name, []).extend(_files_in(place))
        elif _is_hand_in(place):
            found.setdefault(place.stem, []).append(place)
    if not found:
        raise ValueError(f"{folder}: no hand-ins; it should hold a folder or a file (.py, .ipynb) for each student")
    return [Hand(student, tuple(files)) for student, files in sorted(found.items())]


def _files_in(folder: Path) -> list[Path]:
    """Return the hand-ins below a student's folder."""
    files: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        files += [Path(place, name) for name in sorted(names) if _is_hand_in(Path(place, name))]
        if len(files) >= MOST_FILES:
            break
    return files[:MOST_FILES]


def _is_hand_in(file: Path) -> bool:
    return file.suffix in ENDINGS and not file.name.startswith(".") and file.is_file() and not file.is_symlink()


def chapters_in(texts: Iterable[str]) -> list[Chapter]:
    """Return the chapters of which some text defines an exercise."""
    known = list(texts)
    return [c for c in chapters() if any(defines(text, e.name) for e in c.exercises for text in known)]


def grade(
    hands: Sequence[Hand],
    seed: int,
    per_student: bool = False,
    wanted: Sequence[Chapter] | None = None,
    jobs: int = 1,
    progress: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Grade a class.

    Parameters
    ----------
    hands : sequence of Hand
        What was handed in.
    seed : int
        Of all inputs; the same seed gives the same grades.
    per_student : bool
        Whether each student has inputs and constants of their own, drawn from the seed and the student's name.
    wanted : sequence of Chapter, optional
        By default those of which anybody handed in an exercise.
    jobs : int
        How many hand-ins are graded at a time.
    progress : callable
        Is called with each result as it comes.
    """
    if wanted is None:
        wanted = chapters_in(text for hand in hands for text in hand.texts().values())
    items = [exercise for chapter in wanted for exercise in chapter.exercises]

    def one(hand: Hand) -> Result:
        result = grade_hand(hand, items, seed, hand.student if per_student else "")
        progress(result)
        return result

    pool = ThreadPoolExecutor(max_workers=jobs)
    try:
        return list(pool.map(one, hands))
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C only what has begun is finished


def grade_hand(hand: Hand, items: Sequence[Exercise], seed: int, student: str = "") -> Result:
    """Grade what one student handed in: ``items`` in their order."""
    start = time.perf_counter()
    texts = hand.texts()
    result = Result(hand.student)
    for exercise in items:
        file = next((file for file, text in texts.items() if defines(text, exercise.name)), None)
        result.reports.append(_item(exercise, file, seed, student))
    result.seconds = time.perf_counter() - start
    return result


def _item(exercise: Exercise, file: Path | None, seed: int, student: str) -> Report:
    """Grade one exercise, and give nothing for it, with a reason, where that fails."""
    if file is None:
        return nothing(exercise, f"{exercise.name} was not handed in")
    try:
        return examine_file(exercise, file, seed, student)
    except Exception as error:  # whatever a hand-in has broken, the others are graded
        return nothing(exercise, f"it could not be graded: {type(error).__name__}: {error}"[:300])


def nothing(exercise: Exercise, why: str = NOT_WRITTEN) -> Report:
    """Return a report of no points."""
    return Report(exercise, [Verdict(part.name, 0, part.points, why) for part in exercise.parts])


def check_file(file: Path, seed: int) -> list[tuple[Chapter, list[Report]]]:
    """Check the exercises of one file, with the constants of the student whose copy it is.

    Raises
    ------
    ValueError
        If it defines no exercise of the course.
    """
    text = Hand("", (file,)).texts()[file]
    found = chapters_in([text])
    if not found:
        raise ValueError(f"{file}: it defines no exercise of the course; `minigen course list` shows their names")
    student, own_seed = owner_of(text)
    checked = []
    for chapter in found:
        reports = []
        for exercise in chapter.exercises:
            constants = exercise.constants_of(own_seed, student)
            if not defines(text, exercise.name):
                reports.append(nothing(exercise))
            else:
                reports.append(examine_file(exercise, file, seed, constants=constants))
        checked.append((chapter, reports))
    return checked
