"""``kill -9`` at random moments of training and of saving: what is left then loads, and ends with the same bits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from minigen.training import load_system, newest_checkpoint, read_checkpoint, read_log
from torture.run import ONE_THREAD

STEPS_A_KILL = 30  # more than are done between two kills, so that the run is not over before the last of them
# All that has a memory: batch norm, Adam, an average of the generator, random order, threads, pictures, a film.
TRAIN = (
    "train lsgan --generator-width 2 --discriminator-width 2 --latent-size 4 --ema 0.9 --batch-size 8 --images 120 "
    "--log-every 1 --sample-every 20 --checkpoint-every 3 --evaluate-every 2 --quiet"
)
# Writes one checkpoint after the other into the same place, each array full of its number, and says when each is done.
SAVE = """
import sys
import numpy as np
from minigen.training import write_checkpoint
number = int(sys.argv[2])
while True:
    number += 1
    arrays = {f"array {i}": np.full((500, 1000), number, np.float32) for i in range(4)}
    write_checkpoint(sys.argv[1], arrays, {"number": number})
    print(number, flush=True)
"""


@dataclass
class Kills:
    """What came of killing a process again and again.

    Attributes
    ----------
    kills : int
        How often it was killed.
    loaded : int
        How often what was there afterwards was whole, and not older than what had been there before.
    inside : int
        How often a write was in hand: a half-written file was left over.
    same : bool
        Whether all that came out in the end is what comes out without kills, bit for bit.
    faults : list of str
        What was found wrong.
    """

    kills: int
    loaded: int
    inside: int
    same: bool
    faults: list[str]


def minigen(*words: str | Path) -> subprocess.Popen[str]:
    """Start a command of minigen's in a process of its own."""
    command = [sys.executable, "-m", "minigen", *map(str, words)]
    return subprocess.Popen(
        command, env=os.environ | ONE_THREAD, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(process: subprocess.Popen[str]) -> str:
    """Wait for a command that must succeed; return what it said on stderr."""
    out, err = process.communicate(timeout=600)
    if process.returncode:
        raise RuntimeError(f"{process.args} ended with {process.returncode}: {out}{err}")
    return err


def kill_training(folder: Path, kills: int, seed: int = 0) -> Kills:
    """Kill one run so many times, resume it each time, and compare its end with that of a run left in peace."""
    rng, faults, loaded, inside = Random(seed), [], 0, 0
    steps = ("--steps", str(kills * STEPS_A_KILL))
    whole, broken = folder / "whole", folder / "broken"
    finished(minigen(*TRAIN.split(), *steps, "--out", whole))
    process, newest = minigen(*TRAIN.split(), *steps, "--out", broken), 0
    for number in range(kills):
        wait_until_it_trains(process, broken / "log.jsonl", rng.random() < 0.8)
        time.sleep(rng.uniform(0, 0.3))
        if process.poll() is not None:
            faults.append(f"kill {number}: the run was over before: {process.communicate()}")
            break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        inside += any(True for _ in broken.rglob(".*.part"))
        try:
            step = state_of(broken)
            loaded += step >= newest
            faults += [f"kill {number}: step {step}, but {newest} had been saved"] * (step < newest)
            newest = max(newest, step)
        except Exception as error:
            faults.append(f"kill {number}: {type(error).__name__}: {error}")
        process = minigen("train", "--resume", broken, "--quiet")
    faults += [] if process.poll() else what_differs(process, whole, broken)
    return Kills(kills, loaded, inside, not faults, faults)


def what_differs(process: subprocess.Popen[str], whole: Path, broken: Path) -> list[str]:
    """Wait for the last resumed run, and compare what it leaves."""
    finished(process)
    differ = [f"{name} differs" for name, content in results(whole).items() if results(broken).get(name) != content]
    left = [path.name for path in broken.rglob(".*.part")] + [name for name in ("lock",) if (broken / name).exists()]
    return differ + [f"{name} was left over" for name in left]


def wait_until_it_trains(process: subprocess.Popen[str], log: Path, wait: bool) -> None:
    """Wait until a log grows; or, to be killed while it starts and resumes, only a little."""
    before, deadline = log.stat().st_size if log.exists() else 0, time.monotonic() + 60
    if not wait and before:
        return
    while process.poll() is None and time.monotonic() < deadline:
        if log.exists() and log.stat().st_size != before and log.stat().st_size > 0:
            return
        time.sleep(0.005)


def state_of(folder: Path) -> int:
    """Read all that a killed run has left, and return the step of its newest checkpoint."""
    if not (folder / "checkpoints").exists():
        return 0
    _, record = read_checkpoint(newest_checkpoint(folder / "checkpoints"))
    load_system(folder)
    best = folder / "checkpoints" / "best.safetensors"
    if best.exists():
        read_checkpoint(best)
    if (folder / "log.jsonl").exists():
        read_log(folder / "log.jsonl")
    return record["step"]


def results(folder: Path) -> dict[str, object]:
    """Return what a run has left, by name: checkpoints, pictures, the log without its times."""
    paths = [path for path in folder.rglob("*") if path.suffix in (".safetensors", ".png", ".gif")]
    found: dict[str, object] = {str(p.relative_to(folder)): p.read_bytes() for p in paths if p.stem != "curves"}
    return found | {"log": [{**record, "seconds": 0} for record in read_log(folder / "log.jsonl")]}


def kill_saving(folder: Path, kills: int, seed: int = 0) -> Kills:
    """Kill a process that does nothing but save; the old state or the new one must be there, never another."""
    rng, faults, loaded, inside = Random(seed), [], 0, 0
    path, number = folder / "saved.safetensors", 0
    for _ in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVE, str(path), str(number)],
            env=os.environ | ONE_THREAD,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        said = process.communicate()[0].split()
        inside += any(True for _ in folder.glob(".*.part"))
        for part in folder.glob(".*.part"):
            part.unlink()
        done = int(said[-1]) if said else number + 1
        try:
            arrays, record = read_checkpoint(path)
            number = record["number"]
            right = number in (done, done + 1) and all(np.all(array == number) for array in arrays.values())
            loaded += right
            faults += [] if right else [f"saved was {done}, found {number}"]
        except Exception as error:
            faults.append(f"after {done}: {type(error).__name__}: {error}")
    return Kills(kills, loaded, inside, not faults, faults)
