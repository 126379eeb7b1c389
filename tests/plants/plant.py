"""What is known of a planted fault."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Plant:
    """A wrong method: where it is put, which row must notice, in which derivative (or check), and which cannot."""

    fault: str
    cls: type
    method: str
    wrong: Callable
    row: str
    caught: int | str
    hidden_in: str | None = None
