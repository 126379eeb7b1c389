"""Train every system, with minigen and with PyTorch, and write down what came out: ``make results``.

Each row of `benchmarks.ledger` is a command that anybody can type, with its seeds.  Runs are kept in runs/results and
resumed, figures in results.json, which is written after each run: an interrupted call goes on where it was, and a row
whose command has not changed is not trained again.  docs/results.md is rendered from results.json alone
(`benchmarks.results_page`).  Real data are taken from MINIGEN_DATA or the cache.

    python -m benchmarks.results                       all that is missing; takes hours
    python -m benchmarks.results --only lenet-mnist vae --side minigen
    python -m benchmarks.results --page                only render the page
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import minigen
from benchmarks import results_page
from benchmarks.ledger import PICTURES, ROWS, SIDES, Row
from minigen.files import atomic_write
from minigen.training import read_log

ROOT = Path(__file__).parents[1]
RUNS = Path("runs/results")  # of the folder that the command is called in
STORE = Path(__file__).with_name("results.json")
# What slows one library's BLAS on some machines and leaves the other alone; users have none of it.
NOT_A_USERS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def read_store() -> dict[str, Any]:
    """Return what was measured before: row, side, seed -> command, seconds, figures."""
    return json.loads(STORE.read_text()) if STORE.exists() else {}


def write_store(store: dict[str, Any]) -> None:
    """Write results.json: whole, or not at all."""
    with atomic_write(STORE, "w") as file:
        file.write(json.dumps(store, indent=1, sort_keys=True) + "\n")


def call(*words: str) -> None:
    """Show a command, and run it with this Python."""
    print("$", *words, flush=True)
    subprocess.run([sys.executable, "-m", *words], check=True)


def timed(run: Path, *words: str) -> None:
    """Call what trains a run, and write down its processor time; of a run that went on, as if all had gone so fast."""
    begun, before = last(run, "step"), os.times()
    call(*words)
    now, steps = os.times(), last(run, "step")
    if steps > begun:
        used = now.children_user + now.children_system - before.children_user - before.children_system
        seconds_of(run).write_text(f"{used * steps / (steps - begun):.1f}\n")


def seconds_of(run: Path) -> Path:
    """The file that says how long a run took."""
    return run.parent / f"{run.name}.seconds"


def last(run: Path, name: str) -> float:
    """A figure of the last line of a run's log; 0 before there is one."""
    log = run / "log.jsonl"
    records = read_log(log) if log.exists() else []
    return records[-1][name] if records else 0


def split_facades(photos: Path) -> None:
    """Copy the photographs of facades into two folders: the first 120 to learn from, the other 30 to test on."""
    for path in photos.glob("*_A.jpg"):
        folder = RUNS / ("facades-train" if int(path.stem.removesuffix("_A")) <= 120 else "facades-test")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / path.name)


def places() -> dict[str, Any]:
    """What the names in braces of a command stand for."""
    return {"data": os.environ.get("MINIGEN_DATA", ""), "runs": RUNS}


def train(row: Row, seed: int, side: str) -> Path:
    """Train one run, or go on with it; return its folder."""
    ours, theirs = RUNS / f"{row.name}-{seed}", RUNS / f"{row.name}-{seed}-torch"
    asked = RUNS / f"{ours.name}.command"  # a run of an older command is not gone on with
    if not asked.exists() or asked.read_text() != row.command:
        for old in (ours, theirs):
            shutil.rmtree(old, ignore_errors=True)
        RUNS.mkdir(parents=True, exist_ok=True)
        asked.write_text(row.command)
    if side == "minigen" and (ours / "checkpoints").exists():
        timed(ours, "minigen", "train", "--resume", str(ours), "--quiet")
    elif side == "minigen":
        if any("{runs}" in word for word in row.words(seed)):
            split_facades(Path(places()["data"]) / "facades" / "trainA")
        words = [word.format(**places()) for word in row.words(seed)]
        timed(ours, "minigen", "train", *words, "--out", str(ours), "--quiet")
    elif not (theirs / "checkpoints").exists():
        if not (ours / "config.toml").exists():
            raise SystemExit(f"{row.name}, seed {seed}: PyTorch repeats a run of minigen's; measure that first")
        timed(theirs, "benchmarks.torch_side", str(ours), "--out", str(theirs))
    return ours if side == "minigen" else theirs


def measure(row: Row, seed: int, side: str) -> dict[str, Any]:
    """Train and judge one run; return what is stored of it."""
    start = time.process_time()
    what: tuple[Any, ...] = (seed, side) if row.is_program else (train(row, seed, side),)
    minigen.manual_seed(0)
    figures = {name: float(value) for name, value in row.figures(*what).items()}
    seconds = time.process_time() - start if row.is_program else float(seconds_of(*what).read_text())
    return {
        "command": row.command,
        "seconds": round(seconds, 1),
        "figures": figures,
        "versions": versions(side),
    }


def versions(side: str) -> str:
    """The versions that a figure depends on."""
    text = f"minigen {minigen.__version__}, NumPy {np.__version__}, Python {platform.python_version()}"
    if side == "torch":
        import torch

        text += f", PyTorch {torch.__version__}"
    return text


def missing(store: dict[str, Any], row: Row, seed: int, side: str) -> bool:
    """True if a run has not been measured, or with another command."""
    return store.get(row.name, {}).get(side, {}).get(str(seed), {}).get("command") != row.command


def measure_both(row_name: str, seed: int, sides: Sequence[str]) -> dict[str, Any]:
    """Measure one seed of a row with each library in turn (a process of its own calls this)."""
    minigen.tune_allocator()
    row = next(row for row in ROWS if row.name == row_name)
    return {side: measure(row, seed, side) for side in sides}


def wanted(store: dict[str, Any], arguments: argparse.Namespace) -> list[tuple[str, int, list[str]]]:
    """What is to be measured: row, seed, sides; the first seeds of all rows, then the second ones, and so on."""
    found = []
    for row in ROWS:
        if arguments.only and row.name not in arguments.only:
            continue
        for rank, seed in enumerate(row.seeds):
            sides = [
                side
                for side in SIDES
                if side in arguments.side and (arguments.again or missing(store, row, seed, side))
            ]
            if sides and (not arguments.seeds or seed in arguments.seeds):
                found.append((rank, row.name, seed, sides))
    return [(name, seed, sides) for _, name, seed, sides in sorted(found, key=lambda one: one[0])]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=[row.name for row in ROWS], help="these rows")
    parser.add_argument("--side", nargs="+", choices=SIDES, default=SIDES, help="one library alone")
    parser.add_argument("--seeds", nargs="+", type=int, help="these seeds alone")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time, of one thread each (cores)")
    parser.add_argument("--again", action="store_true", help="judge finished runs again")
    parser.add_argument("--page", action="store_true", help="measure nothing, render the page")
    return parser


def main() -> None:
    """Measure what is missing, and render the page after each run."""
    arguments = parser().parse_args()
    for name in NOT_A_USERS:
        os.environ.pop(name, None)
    os.environ.update(ONE_THREAD)  # the processes below are started with them
    store, failed = read_store(), []
    with ProcessPoolExecutor(arguments.jobs, get_context("spawn"), max_tasks_per_child=1) as pool:
        todo = [] if arguments.page else wanted(store, arguments)
        measured = {pool.submit(measure_both, *one): one for one in todo}
        for done in as_completed(measured):
            name, seed, _ = measured[done]
            if done.exception() is not None:  # the others are not given up for it
                failed.append(f"{name}, seed {seed}: {done.exception()}")
                continue
            for side, found in done.result().items():
                store = read_store()
                store.setdefault(name, {}).setdefault(side, {})[str(seed)] = found
                write_store(store)
                print(name, side, seed, found["figures"], flush=True)
            results_page.write(store)
    draw_pictures(store)
    results_page.write(store)
    if failed:
        raise SystemExit("\n".join(failed))


def draw_pictures(store: dict[str, Any]) -> None:
    """Draw what the page shows of the runs that are on this machine and were measured: not of one that goes on."""
    for name, words in PICTURES.items():
        row, _, seed = name.rpartition("-")
        if seed in store.get(row, {}).get("minigen", {}) and (RUNS / name / "checkpoints").exists():
            out = str(ROOT / f"docs/_static/{name}.png")
            call("minigen", "sample", str(RUNS / name), "--out", out, *words.format(**places()).split())


if __name__ == "__main__":
    main()
