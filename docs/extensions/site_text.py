"""What docstrings write that RST would misunderstand."""

from __future__ import annotations

import re

__all__ = ["as_written", "paragraphs"]

CODE = re.compile(r"(``.*?``|`[^`]*`)", re.DOTALL)
LONELY = re.compile(
    r"(?<![\w*\\])\*(?=[A-Za-z_])(?!(?:[^*]|\*\*)*?\S\*(?!\w))"
)  # of (N, *shape): no emphasis ends behind it
UNTOUCHED = re.compile(r"(?:>>>|\.\. math::|\.\. code-block::)")


def as_written(text: str) -> str:
    r"""Escape what RST would take for something else: bars, as in \|x\|, and stars, as in (N, \*shape)."""
    paragraphs, literal = re.split(r"(\n[ ]*\n)", text), None
    for number, paragraph in enumerate(paragraphs):
        indent = len(paragraph) - len(paragraph.lstrip(" "))
        if not paragraph.strip() or (literal is not None and indent > literal):
            continue
        literal = indent if UNTOUCHED.match(paragraph.strip()) else None
        if literal is None:
            pieces = CODE.split(paragraph)
            pieces[::2] = [LONELY.sub(r"\\*", piece.replace("|", r"\|")) for piece in pieces[::2]]
            paragraphs[number] = "".join(pieces)
    return "".join(paragraphs)


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a module's docstring as RST; what is indented is shown as it stands in the file."""
    made: list[str] = []
    for paragraph in re.split(r"\n[ ]*\n", text.strip("\n")):
        if paragraph.startswith("    "):
            inside = re.sub(r"^", "   ", paragraph, flags=re.MULTILINE)
            made += [inside if made and made[-1].startswith("    ") else f".. code-block:: text\n\n{inside}"]
        else:
            made.append(as_written(paragraph.replace("*", r"\*")))
    return made
