"""From a hand-in to the program that one exercise needs: its function, and what that uses, and nothing else.

A hand-in is a whole chapter: figures, experiments, several exercises, one of them perhaps broken.  What is graded is a
slice of it: the statements that define the names of the exercise, those that these use, and so on.  What a cell merely
runs is left out, and a cell that does not parse harms no other.  One thing is kept although nobody needs it: what
reaches for the system (leaves, opens, starts something, never ends), so that it is met where it can do no harm, and is
told.  The program is read here and never run.
"""

from __future__ import annotations

import ast
import itertools
import json
import symtable
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["Slice", "slice_for", "source_of"]

SYSTEM = {
    "builtins", "ctypes", "faulthandler", "gc", "importlib", "multiprocessing", "os", "resource", "runpy", "shutil",
    "signal", "socket", "subprocess", "sys",
}  # fmt: skip
HARMLESS = {
    "cpu_count",
    "flush",
    "get",
    "getcwd",
    "getrecursionlimit",
    "getsizeof",
    "join",
    "setrecursionlimit",
    "write",
}
BUILTINS = {"__import__", "compile", "eval", "exec", "exit", "open", "quit"}
COURSE = {"check", "figures", "page", "quick", "show", "source"}
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True)
class Slice:
    """The program of one exercise.

    Attributes
    ----------
    program : str
        Its lines stand where they stood in the hand-in; the others are empty.
    missing : tuple of str
        Names that the hand-in does not define.
    notes : tuple of str
        Cells that could not be read.
    """

    program: str
    missing: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Statement:
    """A statement at the top level: its lines, what it uses and what it changes."""

    first: int
    last: int
    uses: frozenset[str]
    changes: frozenset[str]
    reaches_out: bool = False


def source_of(content: bytes, notebook: bool) -> str:
    """Return the text of a hand-in: of a Python file, or of the code cells of a notebook.

    Raises
    ------
    ValueError
        If it is neither.
    """
    text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    if not notebook:
        return text
    try:
        document = json.loads(text)
        cells = [cell["source"] for cell in document["cells"] if cell["cell_type"] == "code"]
        sources = [cell if isinstance(cell, str) else "".join(cell) for cell in cells]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"this is no notebook ({type(error).__name__}: {error})") from None
    return "".join(f"# %%\n{_without_magics(source)}\n\n" for source in sources)


def _without_magics(source: str) -> str:
    """Empty the lines that only a notebook understands: %matplotlib inline, !pip install."""
    lines = source.split("\n")
    if lines[0].startswith("%%"):
        return ""
    return "\n".join("" if line.lstrip()[:1] in ("%", "!") else line for line in lines)


def slice_for(text: str, names: Iterable[str]) -> Slice:
    r"""Return the part of a program that defines some names.

    Examples
    --------
    >>> text = "import numpy as np\nprint(1)\nk = 2\ndef f(x):\n    return k * x"
    >>> slice_for(text, ["f"]).program.split("\n")
    ['', '', 'k = 2', 'def f(x):', '    return k * x']
    """
    lines = text.split("\n")
    statements, notes, modules = [], [], set()
    for start, stop in _cells(lines):
        try:
            cell = ast.parse("\n".join(lines[start:stop])).body
            imported = [name for node in cell if isinstance(node, ast.Import) for name in node.names]
            modules |= {name.asname or name.name.partition(".")[0] for name in imported}
            statements += [_statement(node, start, modules) for node in cell]
        except UNREADABLE as error:
            line = start + (getattr(error, "lineno", None) or 1)
            notes.append(f"line {line}: {type(error).__name__}: {getattr(error, 'msg', None) or error}")
    names = list(names)
    needed, kept = set(names), set()
    grown = True
    while grown:
        chosen = [s for s in statements if s not in kept and (s.changes & needed or "*" in s.changes or s.reaches_out)]
        kept.update(chosen)
        needed.update(*(s.uses for s in chosen))
        grown = bool(chosen)
    wanted = {line for s in kept for line in range(s.first, s.last + 1)}
    program = "\n".join(line if number in wanted else "" for number, line in enumerate(lines))
    defined: frozenset[str] = frozenset().union(*(s.changes for s in kept))
    return Slice(program, tuple(name for name in names if name not in defined), tuple(notes))


def _cells(lines: list[str]) -> list[tuple[int, int]]:
    """Return where cells begin and end."""
    starts = [0, *(i for i, line in enumerate(lines) if line.startswith("# %%") and i), len(lines)]
    return list(itertools.pairwise(starts))


def _statement(node: ast.stmt, offset: int, modules: set[str]) -> Statement:
    """Read a statement of a cell whose first line is ``offset`` in the whole."""
    decorators = [d.lineno for d in getattr(node, "decorator_list", [])]
    first = min([node.lineno, *decorators])
    uses, changes = _names(node)
    last = (node.end_lineno or first) - 1 + offset
    return Statement(first - 1 + offset, last, uses, changes | _mutated(node, modules), _reaches_out(node))


def _names(node: ast.stmt) -> tuple[frozenset[str], frozenset[str]]:
    """Return the global names that a statement uses, and those that it binds or changes."""
    if isinstance(node, ast.ImportFrom) and (node.module == "__future__" or node.names[0].name == "*"):
        return frozenset(), frozenset("*")
    uses: set[str] = set()
    changes: set[str] = set()
    top = symtable.symtable(ast.unparse(node), "hand-in", "exec")
    for symbol in top.get_symbols():
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
            changes.add(symbol.get_name())
        if symbol.is_referenced():
            uses.add(symbol.get_name())
    tables = list(top.get_children())
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_global():
                (changes if symbol.is_assigned() else uses).add(symbol.get_name())
    return frozenset(uses), frozenset(changes)


def _mutated(node: ast.stmt, modules: set[str]) -> set[str]:
    """Names whose objects a statement changes: ``table[k] = v``, ``Value.__add__ = add``, ``names.append(n)``.

    A function of a module changes what it is given (``np.fill_diagonal(counts, 0)``) and, if that has no name, the
    module (``np.random.seed(0)``).
    """
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return set()
    targets: list[Any] = [
        n for n in ast.walk(node) if isinstance(n, ast.Subscript | ast.Attribute) and isinstance(n.ctx, ast.Store)
    ]
    for call in [n for n in ast.walk(node) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Call)]:
        function = call.value.func  # type: ignore[attr-defined]
        if isinstance(function, ast.Attribute):
            base = _base(function)
            given = [a for a in call.value.args if isinstance(_base(a), ast.Name)]  # type: ignore[attr-defined]
            of_module = isinstance(base, ast.Name) and base.id in modules
            targets += given if of_module and given else [function]
        elif isinstance(function, ast.Name) and function.id == "setattr":
            targets += call.value.args[:1]  # type: ignore[attr-defined]
    return {base.id for target in targets if isinstance(base := _base(target), ast.Name)}


def _reaches_out(node: ast.stmt) -> bool:
    """Whether a statement at the top level does what no exercise needs: leaves, opens, starts something, never ends."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [f"{node.module}.{a.name}" if isinstance(node, ast.ImportFrom) else a.name for a in node.names]
        return any(n.startswith("minigen.course.") and n.split(".")[2] not in COURSE for n in names)
    for part in ast.walk(node):
        if isinstance(part, ast.While) and isinstance(part.test, ast.Constant) and part.test.value:
            return True
        if isinstance(part, ast.Raise):
            return True
        if isinstance(part, ast.Call):
            base, last = _base(part.func), part.func
            if isinstance(base, ast.Name) and base.id in (SYSTEM if isinstance(last, ast.Attribute) else BUILTINS):
                return not (isinstance(last, ast.Attribute) and last.attr in HARMLESS)
    return False


def _base(node: ast.expr) -> ast.expr:
    """The name at the beginning of ``a.b[0].c``."""
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node
