"""How a command fails: one line on stderr and exit code 2.  A traceback is for faults of minigen itself."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from minigen.data import PictureWarning


class CommandError(Exception):
    """What was asked for cannot be done; the message is the line to print."""


@contextmanager
def user_input() -> Iterator[None]:
    """Inside, an error is about what the user gave, and becomes a `CommandError`.

    To be put around the few calls that look at the user's names, folders and numbers for the first time;
    not around training, where a ValueError would be a fault of minigen.  What was left out of the data is told, once.
    """
    told = set()
    show = warnings.showwarning

    def tell(message: Warning | str, category: type[Warning], *where: Any, **options: Any) -> None:
        if not issubclass(category, PictureWarning):
            show(message, category, *where, **options)
        elif str(message) not in told:
            told.add(str(message))
            print(f"minigen: {message}", file=sys.stderr)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", PictureWarning)
            warnings.showwarning = tell
            yield
    except (ValueError, TypeError, RuntimeError) as error:
        raise CommandError(str(error)) from error
