"""The log of a run: one JSON object a line, so that it can be followed while it grows and read by anything.

Each line has ``step``, ``epoch`` (with its fraction) and ``seconds`` (of training, since the first step),
and the numbers of that step by name.  Names that begin with ``test/`` are figures over the test set, after
an epoch.  A line with ``failed`` tells why a run ended, one with ``skipped`` why a step was undone.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from minigen.files import WriteError, as_path, atomic_write

MOST_BYTES = 2**30  # of a log: some million steps


class Log:
    """Append records to a file of JSON lines.

    Parameters
    ----------
    path : str or Path
        The file; it is made with the first record.

    Examples
    --------
    >>> import tempfile
    >>> log = Log(Path(tempfile.mkdtemp()) / "log.jsonl")
    >>> log.write({"step": 1, "loss": 0.5})
    >>> log.write({"step": 2, "loss": 0.25})
    >>> log.cut_after(1)
    >>> read_log(log.path)
    [{'step': 1, 'loss': 0.5}]
    """

    def __init__(self, path: str | Path) -> None:
        self.path = as_path("Log", "path", path)

    def write(self, record: dict[str, Any]) -> None:
        """Append one record; when this returns, a reader of the file sees it.

        Raises
        ------
        minigen.data.WriteError
            If the disk is full or the place cannot be written.
        """
        try:
            with open(self.path, "a", encoding="utf-8", opener=_not_through_a_link) as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise WriteError(f"cannot write {self.path}: {error.strerror}", error.errno) from error

    def sync(self) -> None:
        """Force what was written to the disk: before a checkpoint, which must not know more than the log.

        Raises
        ------
        minigen.data.WriteError
            If the disk is full or broken.
        """
        if not self.path.exists():
            return
        try:
            with open(self.path, "ab", opener=_not_through_a_link) as file:
                os.fsync(file.fileno())
        except OSError as error:
            raise WriteError(f"cannot write {self.path}: {error.strerror}", error.errno) from error

    def cut_after(self, step: int) -> None:
        """Remove the records of steps after ``step``: a resumed run goes through them again."""
        if not self.path.exists():
            return
        kept = [record for record in read_log(self.path) if record["step"] <= step]
        with atomic_write(self.path, "w") as file:
            file.writelines(json.dumps(record) + "\n" for record in kept)


def read_log(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Return the records of a log; a last line that was being written when the program died is left out.

    Raises
    ------
    ValueError
        If a line before the last is no JSON object with a step and plain values; the message gives its number.
    """
    path = as_path("read_log", "path", path)
    size = path.stat().st_size
    if not path.is_file() or size > MOST_BYTES:
        raise ValueError(f"{path}: this is no log of a run: {size} bytes, or no file at all")
    lines = path.read_bytes().split(b"\n")
    lines.pop()  # what follows the last end of a line: nothing, or a line that was cut off
    return [_record(f"{path}: line {number}", line) for number, line in enumerate(lines, start=1)]


def _not_through_a_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


def _record(place: str, line: bytes) -> dict[str, Any]:
    """Read one line of a log."""
    try:
        record = json.loads(line.decode())
        good = isinstance(record, dict) and all(map(_is_plain, record.values())) and _is_step(record["step"])
        good = good and all(_is_number(record.get(name, 0)) for name in ("epoch", "seconds"))
    except (ValueError, KeyError, RecursionError):
        good = False
    if not good:
        raise ValueError(f"{place} is not a record of a log: {line.strip()[:60].decode(errors='replace')!r}")
    return record


def _is_step(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_plain(value: Any) -> bool:
    """Say whether a value is one that a log holds: a text, or a number that a float can be."""
    return value is None or isinstance(value, (str, float)) or (isinstance(value, int) and abs(value) < 2**63)
