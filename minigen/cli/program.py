"""Running a Python file that the user named on the command line: the one place of minigen where that happens.

Nothing that minigen reads causes an import, neither a checkpoint nor a configuration nor a log: where one of them
names a program, the user types its path again.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from minigen.checks import GradientError
from minigen.cli.errors import CommandError
from minigen.cli.parser import Parser
from minigen.models import SYSTEMS, System, find_system


def load_program(path: Path) -> ModuleType:
    """Run a Python file as a module.  The path must come from this command line, never from a file.

    Raises
    ------
    CommandError
        If there is no such file, it is no Python file, or running it fails; the message names the line.
    """
    if not path.is_file():
        raise CommandError(f"{path}: there is no such file")
    name = f"own_file_{path.stem}"  # a file called random.py must not take the place of Python's own
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CommandError(f"{path}: this is no Python file; name one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    sys.path.insert(0, str(path.resolve().parent))  # so that it finds the files beside it
    try:
        with blame_the_file(path):
            spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


def load_system_class(path: Path) -> type[System]:
    """Return the system that a Python file defines: its one subclass of `System`.

    Raises
    ------
    CommandError
        If the file cannot be run, or defines none, or several.
    """
    module = load_program(path)
    found = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, System)]
    own = [kind for kind in found if kind.__module__ == module.__name__]
    if len(own) != 1:
        names = ", ".join(kind.__name__ for kind in own) or "none"
        raise CommandError(f"{path}: a file with one subclass of minigen.models.System is wanted; here is {names}")
    own[0].source = str(path.resolve())
    return own[0]


def typed_system(name: str) -> type[System]:
    """Return the system that was typed: one of minigen's by its name, or the one of a Python file by its path."""
    return load_system_class(Path(name)) if name.endswith(".py") and name not in SYSTEMS else find_system(name)


def add_system(parser: Parser, when: str = "") -> None:
    """Add the option ``--system``, by which the user's own program is named again."""
    text = f"the Python file of a system of your own{', ' * bool(when)}{when}: a run names it, but never runs it"
    parser.add_argument("--system", dest="own_system", metavar="FILE.py", help=text)


def own_system(given: Mapping[str, Any]) -> type[System] | None:
    """Return the system that was typed with ``--system``; None where none was."""
    typed = given.get("own_system")
    if typed is None:
        return None
    if not typed.endswith(".py"):
        raise CommandError(f"--system {typed}: this is for the Python file of a system of your own; leave it out")
    return load_system_class(Path(typed))


class blame_the_file:
    """Inside, an error becomes a `CommandError` that says where in the user's file it was raised."""

    def __init__(self, path: Path, remedy: str = "") -> None:
        self.path, self.remedy = path, f" ({remedy})" if remedy else ""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind, error, trace) -> None:
        if not isinstance(error, Exception | SystemExit) or isinstance(error, GradientError | CommandError):
            return
        here = str(self.path.resolve())
        lines = [frame.lineno for frame in traceback.extract_tb(trace) if str(Path(frame.filename).resolve()) == here]
        if isinstance(error, SyntaxError):
            lines = [error.lineno]
        place = f"{self.path}, line {lines[-1]}: {type(error).__name__}: " if lines else ""
        raise CommandError(f"{place}{error}{self.remedy}") from error
