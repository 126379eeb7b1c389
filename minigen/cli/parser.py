"""An argument parser whose errors are one line with a remedy, and the kinds of values that options take."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import Any, NoReturn

from minigen.cli.errors import CommandError


class Parser(argparse.ArgumentParser):
    """argparse's parser with one-line errors, no abbreviations, and only what was given in its result."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, argument_default=argparse.SUPPRESS, **options)

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing a usage text and leaving; a wrong choice is told the closest right one."""
        wrong = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        if wrong:
            close = difflib.get_close_matches(wrong[1], re.findall(r"[\w.-]+", wrong[2]), n=1)
            message += f"; did you mean {close[0]}?" if close else ""
        raise CommandError(f"{message} (see: {self.prog} --help)")

    def unknown(self, argument: str) -> NoReturn:
        """Refuse an argument that no one takes, with the closest one that exists."""
        options = re.findall(r"--[a-z][a-z0-9-]*", self.format_help())
        close = difflib.get_close_matches(argument.partition("=")[0], options, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        self.error(f"unknown argument {argument}{hint}")


def add_offline(parser: Any) -> None:
    """Add the option ``--offline``, which `minigen.cli.run` obeys."""
    parser.add_argument("--offline", action="store_true", help="make no connection (as MINIGEN_OFFLINE=1 does)")


def positive_integer(text: str) -> int:
    """Read a whole number >= 1."""
    return number(text, int, 1, "a whole number of at least 1")


def natural_integer(text: str) -> int:
    """Read a whole number >= 0."""
    return number(text, int, 0, "a whole number of at least 0")


def positive_number(text: str) -> float:
    """Read a number > 0."""
    return number(text, float, 1e-300, "a number above 0")


def number(text: str, kind: type, least: float, wanted: str) -> Any:
    """Read a number of at least ``least``, or say what was wanted."""
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not least <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"wants {wanted}, not {text!r}")
    return value
