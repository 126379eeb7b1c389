"""A run's log.jsonl, which curves, doctor, evaluation and resuming read."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from minigen.training import read_log
from minigen.training.log import Log
from torture.configs import with_text
from torture.kind import Kind


def make(folder: Path, rng: Random) -> Path:
    """Write a log of some steps."""
    path = folder / "log.jsonl"
    lines = [{"step": step, "epoch": step / 10, "seconds": 0.1, "loss": rng.random()} for step in range(1, 30)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def read(path: Path) -> None:
    """Read it, as everything does that shows a run; and cut it, as resuming does."""
    for record in read_log(path):
        assert isinstance(record["step"], int)
        assert all(isinstance(value, (int, float, str, type(None))) for value in record.values()), record
    Log(path).cut_after(10)
    assert all(record["step"] <= 10 for record in read_log(path))


KINDS = [
    Kind(
        "JSONL log",
        make,
        read,
        errors=(ValueError,),
        crafted={
            "empty": with_text(""),
            "deep": with_text("[" * 100_000 + "\n"),
            "a deep value": with_text('{"step": 1, "loss": ' + "[" * 100_000 + "]" * 100_000 + "}\n"),
            "one long line": with_text('{"step": 1, "text": "' + "x" * 20_000_000 + '"}\n'),
            "no end of the line": with_text("x" * 20_000_000),
            "a large number": with_text('{"step": ' + "9" * 100_000 + "}\n"),
            "no number": with_text('{"step": NaN}\n{"step": Infinity}\n{"step": null}\n'),
            "a text for a step": with_text('{"step": "1"}\n'),
            "a truth for a step": with_text('{"step": true}\n'),
            "a step below none": with_text('{"step": -5}\n'),
            "not UTF-8": with_text(b'{"step": 1, "x": "\xff"}\n'),
            "other line ends": with_text('{"step": 1, "x": "a\\u2028b"}\r\n{"step": 2, "x": "\u2028"}\n'),
        },
    )
]
