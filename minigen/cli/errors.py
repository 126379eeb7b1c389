"""How a command fails: one line on stderr and exit code 2.  A traceback is for faults of minigen itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class CommandError(Exception):
    """What was asked for cannot be done; the message is the line to print."""


@contextmanager
def user_input() -> Iterator[None]:
    """Inside, an error is about what the user gave, and becomes a `CommandError`.

    To be put around the few calls that look at the user's names, folders and numbers for the first time;
    not around training, where a ValueError would be a fault of minigen.
    """
    try:
        yield
    except (ValueError, TypeError, RuntimeError) as error:
        raise CommandError(str(error)) from error
