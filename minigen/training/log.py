"""The log of a run: one JSON object a line, so that it can be followed while it grows and read by anything.

Each line has ``step``, ``epoch`` (with its fraction) and ``seconds`` (of training, since the first step),
and the numbers of that step by name.  Names that begin with ``test/`` are figures over the test set, after
an epoch.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from minigen.data.files import WriteError, atomic_write


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
        self.path = Path(path)

    def write(self, record: dict[str, Any]) -> None:
        """Append one record; when this returns, a reader of the file sees it.

        Raises
        ------
        minigen.data.WriteError
            If the disk is full or the place cannot be written.
        """
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
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
        If a line before the last is no JSON object with a step; the message gives its number.
    """
    lines = Path(path).read_text(encoding="utf-8").splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            record["step"]
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{path}: line {number} is not a record of a log: {line.strip()[:60]!r}") from None
        records.append(record)
    return records
