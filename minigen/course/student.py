"""Copies for students: pages with blanks, as Python files and as notebooks.

A copy runs as it is: ``python FILE``, in Jupyter, in Colab.  The notebooks are made by jupytext, which comes with
``pip install "minigen[course]"``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from minigen.course.copies import blank, text_of, with_constants, with_owner
from minigen.course.exercise import Chapter
from minigen.files import atomic_write

__all__ = ["copy_for", "has_jupytext", "notebook", "write_copies"]

INSTALL = "# In Colab, or where minigen is missing: take the first # of the next line away, and run this cell once.\n# "
MAGIC = "%pip install minigen"  # kept out of what jupytext reads, which would take the # away


def has_jupytext() -> bool:
    """Whether notebooks can be written."""
    return importlib.util.find_spec("jupytext") is not None


def copy_for(chapter: Chapter, student: str = "", seed: int = 0) -> str:
    """Return the text of a copy: with blanks, and with a student's own constants where there is a name."""
    text = text_of(chapter)
    if student:
        for exercise in chapter.exercises:
            text = with_constants(text, exercise.constants_of(seed, student))
        text = with_owner(text, student, seed)
    return blank(text)


def notebook(text: str) -> str:
    """Return a copy as the text of a notebook (needs jupytext)."""
    import jupytext

    head, mark, rest = text.partition("# %%")
    document = jupytext.reads(f"{head}# %%\n{INSTALL}\n\n{mark}{rest}", fmt="py:percent")
    next(cell for cell in document.cells if cell["cell_type"] == "code").source = INSTALL + MAGIC
    document.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    for number, cell in enumerate(document.cells):
        cell["id"] = f"cell-{number}"  # else another one at each call
    return jupytext.writes(document, fmt="ipynb")


def write_copies(
    out: Path, chosen: Sequence[Chapter], students: Sequence[str] = (), seed: int = 0, overwrite: bool = False
) -> list[Path]:
    """Write copies of chapters into a folder, or into a folder of their own for each student.

    Parameters
    ----------
    out : Path
        The folder; it is made where it is missing.
    chosen : sequence of Chapter
        Which pages.
    students : sequence of str
        With names, each gets a folder ``out/NAME`` and constants drawn from the seed and the name.
    seed : int
        The course's seed; the same must be given when the hand-ins are graded.
    overwrite : bool
        Whether files that are there already may be replaced; they may hold somebody's work.

    Returns
    -------
    list of Path
        The files that were written.

    Raises
    ------
    ValueError
        If a name cannot be that of a folder.
    FileExistsError
        If a file is there already; then nothing is written.
    WriteError
        If a file cannot be written.
    """
    for student in students:
        if student != Path(student).name or student.startswith(".") or not student.isprintable():
            raise ValueError(f"a student's name becomes the name of a folder, which {student!r} cannot be")
    texts: dict[Path, str] = {}
    for student in students or [""]:
        for chapter in chosen:
            text = copy_for(chapter, student, seed)
            place = out / student / chapter.file
            texts[place] = text
            if has_jupytext():
                texts[place.with_suffix(".ipynb")] = notebook(text)
    there = [place for place in texts if place.exists()]
    if there and not overwrite:
        raise FileExistsError(f"{there[0]} is there already and may hold somebody's work; --overwrite replaces it")
    for place, text in texts.items():
        with atomic_write(place, "w") as file:
            file.write(text)
    return list(texts)
