"""Pages and their copies: with blanks for students, with their own constants, with a typical mistake for the checks.

A page (``tutorials/NN_name.py``) has solutions between markers, which name the exercise::

    def double(x):
        ### BEGIN SOLUTION double
        return 2 * x
        ### BLANK
        # return ...
        ### END SOLUTION

In the copy for students the lines below ``### BLANK`` stand there, without their ``# ``; without that part a line that
raises NotImplementedError.  ``### BLANK`` is a comment to Python, so the page itself runs with the solution.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from minigen.course.catalogue import chapter_of, tutorials
from minigen.course.exercise import Chapter, Exercise, Wrong

__all__ = ["blank", "constants_in", "owner_of", "page_of", "swapped", "text_of", "with_constants", "with_owner"]

BLOCK = re.compile(
    r"^(?P<indent>[ ]*)### BEGIN SOLUTION (?P<name>\w+)\n(?P<solution>.*?)"
    r"(?:^[ ]*### BLANK\n(?P<blank>.*?))?^[ ]*### END SOLUTION\n",
    re.DOTALL | re.MULTILINE,
)
OWNER = re.compile(r"^# Copy for: (?P<student>.*) \(seed (?P<seed>\d+)\)$", re.MULTILINE)


def text_of(chapter: Chapter) -> str:
    """Return the text of a page, with its solutions."""
    return (tutorials() / chapter.file).read_text(encoding="utf-8")


def page_of(exercise: Exercise) -> str:
    """Return the text of the page on which an exercise stands."""
    return text_of(chapter_of(exercise))


def blank(text: str) -> str:
    r"""Take the solutions out of a page.

    Examples
    --------
    >>> page = "def f(x):\n    ### BEGIN SOLUTION f\n    return x\n    ### END SOLUTION\n"
    >>> print(blank(page), end="")
    def f(x):
        raise NotImplementedError("f: your code here")
    """
    return BLOCK.sub(_blanked, text)


def _blanked(block: re.Match[str]) -> str:
    indent = block["indent"]
    if block["blank"] is None:
        return f'{indent}raise NotImplementedError("{block["name"]}: your code here")\n'
    return re.sub(r"^( *)# ?", r"\g<1>", block["blank"], flags=re.MULTILINE)


def swapped(text: str, exercise: Exercise, wrong: Wrong) -> str:
    """Make a typical mistake in the solution of an exercise.

    Raises
    ------
    ValueError
        If a piece to be swapped does not stand in the solution exactly once.
    """
    for old, new in wrong.swaps.items():
        blocks = [b for b in BLOCK.finditer(text) if b["name"] == exercise.name]
        count = sum(block["solution"].count(old) for block in blocks)
        if count != 1:
            raise ValueError(f"{exercise.name}: {old!r} stands {count} times in the solution, and should once")
        (block,) = [b for b in blocks if old in b["solution"]]
        start, end = block.span("solution")
        text = text[:start] + block["solution"].replace(old, new) + text[end:]
    return text


def with_constants(text: str, constants: Mapping[str, Any]) -> str:
    """Put a student's constants into a page: the lines ``NAME = value`` at its top level.

    Raises
    ------
    ValueError
        If a constant has no such line, or several.
    """
    for name, value in constants.items():
        text, count = re.subn(rf"^{name} = [^#\n]*?(?=  #|\n)", f"{name} = {value!r}", text, flags=re.MULTILINE)
        if count != 1:
            raise ValueError(f"the constant {name} is set {count} times at the top level, and should be once")
    return text


def constants_in(names: Mapping[str, Any], exercise: Exercise) -> dict[str, Any]:
    """Return the constants of an exercise as a module has them, the chapter's where they are none of the choices."""
    return {
        name: names[name] if name in names and names[name] in choices else choices[0]
        for name, choices in exercise.constants.items()
    }


def with_owner(text: str, student: str, seed: int) -> str:
    """Write down at the top of a copy whose it is."""
    return f"# Copy for: {student} (seed {seed})\n{text}"


def owner_of(text: str) -> tuple[str, int]:
    """Return student and seed of a copy; ("", 0) where it belongs to nobody."""
    found = OWNER.search(text)
    return (found["student"], int(found["seed"])) if found else ("", 0)


def defines(text: str, name: str) -> bool:
    """Whether a program seems to define a name at its top level, be it broken elsewhere or a notebook."""
    return (
        re.search(rf"(?:^|\n|\")[ ]*(?:class|def|async def) {name}\b|(?:^|\n|\"){name}\s*(?::[^=\n]*)?=", text)
        is not None
    )
