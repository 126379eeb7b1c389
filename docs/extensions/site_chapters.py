"""The course's pages as notebooks for the site: `chapters/NN_name.ipynb` and `museum/NN_name.ipynb`, with their lists.

A solution is folded: the reader sees the cell with its blank, then "Solution", then what the solved cell printed.
What was executed once is kept (jupyter-cache) until the page's code or the package changes.  Nothing here needs
Sphinx.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import nbformat

import minigen
from minigen.course.catalogue import chapters, tutorials
from minigen.course.copies import BLOCK, blank, text_of
from minigen.course.exercise import Chapter
from minigen.course.page import is_quick
from minigen.drawing.graphs import Box, Drawing
from minigen.drawing.layered import lay_out

__all__ = ["cells", "notebook", "prerequisites", "write", "write_if_new"]

CELL = re.compile(r"^# %%(?P<kind>[^\n]*)\n(?P<text>.*?)(?=^# %%|\Z)", re.DOTALL | re.MULTILINE)
QUIET = re.compile(r"^(minigen\.manual_seed\(\d+\))\Z", re.MULTILINE)  # what it returns is not worth a line
FOLDED = " [markdown] folded"


def cells(text: str) -> Iterator[tuple[str, str]]:
    """Yield the cells of a page: ("prose", text), ("folded", prose), ("code", text), or ("solution", text).

    The text of a "solution" still has its markers.
    """
    for cell in CELL.finditer(BLOCK.sub(_opened, text)):
        kind, inside = cell["kind"], cell["text"].strip("\n")
        if "[markdown]" in kind:
            yield "folded" if kind == FOLDED else "prose", re.sub(r"^# ?", "", inside, flags=re.MULTILINE)
        elif inside.strip():
            yield "solution" if BLOCK.search(inside + "\n") else "code", inside + "\n"


def _opened(block: re.Match[str]) -> str:
    """Take the markers off a solution that has prose in it (what it was, in the museum), and mark the prose."""
    if "# %% [markdown]" not in block["solution"]:
        return block[0]
    return block["solution"].replace("# %% [markdown]", f"# %%{FOLDED}")


def folded(prose: str) -> str:
    """Fold what stands below the first heading of a cell of prose, up to the next one."""
    heading, _, rest = prose.strip().partition("\n")
    answer, mark, after = rest.partition("\n## ")
    details = f"<details><summary>The answer</summary>\n\n{answer.strip()}\n\n</details>"
    return f"{heading}\n\n{details}\n\n{mark.strip()} {after}"


def notebook(text: str, digest: str) -> Any:
    """Make the notebook of a page.

    Parameters
    ----------
    text : str
        The page, with its solutions.
    digest : str
        What the outputs depend on beside the page: another one, and it is executed again.
    """
    made: list[Any] = []
    for kind, inside in cells(text):
        if kind == "solution":
            skeleton = blank(inside).strip()
            made.append(nbformat.v4.new_markdown_cell(f"```python\n{skeleton}\n```"))
            code = BLOCK.sub(lambda block: block["solution"], inside).strip()
            folding = {"code_prompt_show": "Solution", "code_prompt_hide": "Hide the solution"}
            made.append(nbformat.v4.new_code_cell(code, metadata={"tags": ["hide-input"], "mystnb": folding}))
        elif kind == "code":
            drawn = ", ".join(re.findall(r"^ *show\(.*\"(\w+)\"\)$", inside, flags=re.MULTILINE))
            described = {"mystnb": {"image": {"alt": f"What the code above draws: {drawn}"}}} if drawn else {}
            made.append(nbformat.v4.new_code_cell(QUIET.sub(r"\1;", inside.strip()), metadata=described))
        else:
            made.append(nbformat.v4.new_markdown_cell(folded(inside) if kind == "folded" else inside.strip()))
    for number, cell in enumerate(made):
        cell["id"] = f"cell-{number}"  # the same in every build
    kernel = {"name": "python3", "language": "python", "display_name": f"minigen {digest}"}  # part of the cache's key
    return nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


@functools.cache
def digest_of_package() -> str:
    """Return what the outputs of all pages depend on: the package's programs, less the declarations of exercises."""
    folder = Path(minigen.__file__).parent
    paths = [path for path in sorted(folder.rglob("*.py")) if "exercises" not in path.parts]
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def digest_of(chapter: Chapter) -> str:
    """Return what the outputs of a page depend on beside the page: package, checks, and whether runs are short."""
    modules = {inspect.getmodule(part.check) for exercise in chapter.exercises for part in exercise.parts}
    declarations = sorted(inspect.getsource(module) for module in modules if module is not None)
    sha = hashlib.sha256("".join([digest_of_package(), *declarations]).encode())
    return sha.hexdigest()[:12] + (" quick" if is_quick() else "")


def write_if_new(path: Path, text: str) -> Path:
    """Write a file, unless it is as it should be: Sphinx reads again what has a new date."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
    return path


def keep_only(folder: Path, wanted: Iterable[Path]) -> None:
    """Remove what an earlier build has left in a folder."""
    wanted = set(wanted)
    for path in folder.rglob("*"):
        if path.is_file() and path not in wanted:
            path.unlink()


def write(folder: Path) -> None:
    """Write the notebooks of all chapters and programs of the museum, and the lists of them, into a folder."""
    course = [chapter for chapter in chapters() if (tutorials() / chapter.file).is_file()]
    written = [
        write_if_new(
            (folder / chapter.file).with_suffix(".ipynb"),
            nbformat.writes(notebook(text_of(chapter), digest_of(chapter))),
        )
        for chapter in course
    ]
    for name, page in (("index.md", course_page(course)), ("museum/index.md", museum_page(course))):
        written.append(write_if_new(folder / name, page))
    written.append(write_if_new(folder / "prerequisites.svg", prerequisites(course).svg))
    keep_only(folder, written)


def course_page(course: Iterable[Chapter]) -> str:
    """Return the page that lists the chapters."""
    rows = [
        f"| [{c.number}. {c.title}]({Path(c.file).stem}.ipynb) | {c.hours:g} "
        f"| {', '.join(map(str, c.needs)) or 'nothing'} | {', '.join(f'`{e.name}`' for e in c.exercises)} |"
        for c in course
        if not c.museum
    ]
    return "\n".join(
        [
            "# The chapters",
            "",
            "Each was executed when this site was built: what stands below a cell, it printed.",
            "Solutions are folded.  For copies with blanks, to be filled in, see [Teaching](../teaching.md).",
            "",
            "| chapter | hours | needs | exercises |",
            "|---|---|---|---|",
            *rows,
            "",
            "## What needs what",
            "",
            f"![{described(course)}](prerequisites.svg)",
            "",
            *toctree(Path(c.file).stem for c in course if not c.museum),
        ]
    )


def museum_page(course: Iterable[Chapter]) -> str:
    """Return the page that lists the faulty programs."""
    museum = [c for c in course if c.museum]
    return "\n".join(
        [
            "# The museum of faults",
            "",
            "Small programs, each with one fault that somebody made.  Look at what one sees, suspect, find, repair;",
            "the answer is folded.  `minigen course student mine` makes copies with the faults in them, and",
            "`minigen course check` says what you have found.  Each stands by itself and takes half an hour.",
            "",
            *(f"- [{c.number}. {c.title}]({Path(c.file).stem}.ipynb)" for c in museum),
            "",
            *toctree(Path(c.file).stem for c in museum),
        ]
    )


def toctree(names: Iterable[str]) -> list[str]:
    """Return the lines of a hidden toctree: it puts pages into the navigation, and nothing on the page."""
    return ["```{toctree}", ":hidden:", "", *names, "```", ""]


def described(course: Iterable[Chapter]) -> str:
    """Say in words what the picture of the prerequisites shows."""
    parts = [f"chapter {c.number} needs {' and '.join(map(str, c.needs))}" for c in course if not c.museum and c.needs]
    return "Prerequisites: " + "; ".join(parts)


def prerequisites(course: Iterable[Chapter]) -> Drawing:
    """Draw which chapter needs which; arrows that follow from others are left out."""
    pages = [c for c in course if not c.museum]
    place = {c.number: number for number, c in enumerate(pages)}
    behind: dict[int, set[int]] = {}  # all that a chapter needs, directly or not
    for c in pages:
        behind[c.number] = set(c.needs).union(*(behind.get(need, set()) for need in c.needs))
    edges = [
        (place[need], place[c.number])
        for c in pages
        for need in c.needs
        if need in place and not any(need in behind.get(other, set()) for other in c.needs)
    ]
    boxes = [Box("call", str(c.number), (c.name.replace("_", " "),)) for c in pages]
    layout = lay_out([box.size for box in boxes], edges, [(0.0, 0.0)] * len(edges))
    return Drawing(boxes, edges, [""] * len(edges), layout)
