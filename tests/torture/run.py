"""Run the attack on one kind of file in a process of its own, and count what came of the files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torture.kind import Kind

TESTS = Path(__file__).parents[1]
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass
class Tally:
    """What came of the files of one kind.

    Attributes
    ----------
    kind : str
        Its name.
    files, read, refused : int
        How many there were, could be read all the same, and were refused with minigen's own error.
    faults : list of dict
        What must not be, with number, way and outcome: enough to make the same file again.
    seconds, mebibytes : float
        The longest that one file took, and by how much the process grew over all of them.
    """

    kind: str
    files: int = 0
    read: int = 0
    refused: int = 0
    faults: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    mebibytes: float = 0.0


def run_attack(kind: Kind, files: int, seed: int = 0, deadline: float = 600.0) -> Tally:
    """Attack in another process, which may be ended by a file; then go on in a new one.

    Raises
    ------
    RuntimeError
        If the attack itself fails: the good file cannot be made or read.
    """
    command = [sys.executable, "-m", "torture.attack", kind.name, "--files", str(files), "--seed", str(seed)]
    env = os.environ | ONE_THREAD | {"PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent)))}
    try:
        done = subprocess.run(
            command, cwd=TESTS, env=env, capture_output=True, text=True, timeout=deadline, check=False
        )
        out, err, code = done.stdout, done.stderr, done.returncode
    except subprocess.TimeoutExpired as expired:
        out, err, code = (expired.stdout or b"").decode(), f"no end after {deadline} s", -1
    last: dict[int, dict[str, Any]] = {}
    for line in out.splitlines():
        result = json.loads(line)
        last[result["number"]] = result  # the line after the file, or the one before it if that was the end
    if not last:
        raise RuntimeError(f"{kind.name}: no file was tried:\n{err[-2000:]}")
    results = list(last.values())
    outcomes = Counter(result["outcome"] for result in results)
    tally = Tally(kind.name, len(results), outcomes["read"], outcomes["refused"])
    tally.faults = [result for result in results if result["outcome"].startswith("fault")]
    tally.seconds = max(result.get("seconds", 0.0) for result in results)
    tally.mebibytes = max(result["mebibytes"] for result in results) - min(result["mebibytes"] for result in results)
    if code and not tally.faults:
        raise RuntimeError(f"{kind.name}: the attack ended with {code}:\n{err[-2000:]}")
    if code and len(results) < files:
        tally.faults.append({"number": len(results), "how": "", "outcome": f"fault: the process ended with {code}"})
    return tally
