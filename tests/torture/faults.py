"""A disk that is full, at every file that a run writes: one line, the last state, the same end once there is room."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minigen.cli import main
from torture.kills import minigen, results, state_of

TRAIN = (
    "train vae --hidden-size 4 --latent-size 2 --batch-size 8 --images 40 --steps 12 --log-every 2 --sample-every 4 "
    "--checkpoint-every 3 --evaluate-every 1 --quiet"
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass
class Faults:
    """What came of failing writes.

    Attributes
    ----------
    places : int
        At how many moments a write failed, each in a run of its own.
    began_again : int
        How often nothing had been saved yet, and nothing was left.
    went_on : int
        How often the run went on from a saved state, and ended with the bits of a run that never failed.
    faults : list of str
        What was found wrong.
    """

    places: int = 0
    began_again: int = 0
    went_on: int = 0
    faults: list[str] = field(default_factory=list)


class FullDisk:
    """Lets the n-th opening for writing, or renaming, within a folder fail (an audit hook of Python's may raise)."""

    def __init__(self) -> None:
        self.folder: str | None = None
        self.left = 0
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Count, and fail when it is time."""
        if self.folder is None or event not in ("open", "os.rename"):
            return
        if not isinstance(arguments[0], (str, os.PathLike)):
            return
        place, writes = os.path.abspath(arguments[0]), event == "os.rename"
        if event == "open":
            writes = bool((arguments[2] or 0) & WRITING)
        if writes and place.startswith(self.folder + os.sep):
            self.left -= 1
            if self.left == 0:
                raise OSError(errno.ENOSPC, "No space left on device")


def fail_everywhere(folder: Path, places: Iterable[int] = range(1, 10_000)) -> Faults:
    """Let each write of a small run fail in turn, or those of some numbers, resume, and compare."""
    found, disk = Faults(), FullDisk()
    whole = folder / "whole"
    with contextlib.redirect_stdout(io.StringIO()):
        assert main([*TRAIN.split(), "--out", str(whole)]) == 0
    expected = results(whole)
    for place in places:
        run = folder / f"full-{place}"
        code, said = attempt(disk, run, place, [*TRAIN.split(), "--out", str(run)])
        if disk.left > 0:  # there are no more writes than that
            return found
        found.places += 1
        check(found, place, run, code, said, expected)
        shutil.rmtree(run, ignore_errors=True)
    return found


def attempt(disk: FullDisk, run: Path, place: int, words: list[str]) -> tuple[int, str]:
    """Run a command with a disk that is full at one place; return its exit code, and what it said."""
    said = io.StringIO()
    disk.folder, disk.left = str(run), place
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            return main(words), said.getvalue()
    finally:
        disk.folder = None


def check(found: Faults, place: int, run: Path, code: int, said: str, expected: dict[str, object]) -> None:
    """Look at what a failed write has left."""
    if code != 2 or said.count("\n") != 1 or "No space left" not in said:
        found.faults.append(f"write {place}: exit code {code}, {said!r}")
    if not run.exists():
        found.began_again += 1
        return
    left = [path.name for path in run.rglob(".*.part")] + ["lock"] * (run / "lock").exists()
    if left:
        found.faults.append(f"write {place}: {left} left over")
    if "minigen train --resume" not in said:
        found.faults.append(f"write {place}: no word on how to go on: {said!r}")
    state_of(run)
    with contextlib.redirect_stdout(io.StringIO()):
        code = main(["train", "--resume", str(run), "--quiet"])
    differ = [name for name, content in expected.items() if results(run).get(name) != content]
    if code or differ:
        found.faults.append(f"write {place}: resumed, exit code {code}, {differ} differ")
    else:
        found.went_on += 1


def small_disk(folder: Path, mebibytes: int = 1) -> str:
    """Train on a disk that is really full, where this machine lets us make one; return what came of it.

    Raises
    ------
    AssertionError
        If what is left is not what is promised.
    """
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        return "not tried: this user may not mount a file system"
    try:
        run = disk / "run"
        words = TRAIN.replace("--steps 12", "--steps 3000").replace("--sample-every 4", "--sample-every 1")
        process = minigen(*words.split(), "--keep", "100", "--out", run)
        _, said = process.communicate(timeout=300)
        assert process.returncode == 2, (process.returncode, said)
        assert "No space left" in said and "minigen train --resume" in said, said
        step = state_of(run)
        room = subprocess.run(
            ["mount", "-o", "remount,size=64m", str(disk)], capture_output=True, check=False
        ).returncode
        assert room == 0
        process = minigen("train", "--resume", run, "--steps", str(step + 20), "--quiet")
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        return f"full after step {step}; with more room it went on to step {state_of(run)}"
    finally:
        subprocess.run(["umount", "-l", str(disk)], capture_output=True, check=False)
