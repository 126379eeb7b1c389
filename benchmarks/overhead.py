"""What minigen costs beyond NumPy's own work: a call of a function, the import, a batch of a data loader.

    python -m benchmarks.overhead       measure (half a minute), and print tables; `make bench` does it, too

Times are minima of many repetitions: what is left of them on a machine that does other things, too.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import minigen
from benchmarks.files import write_whole
from benchmarks.workloads import w3
from minigen.data import DataLoader, Dataset
from minigen.data.transforms import Compose, Normalize, RandomCrop, RandomHorizontalFlip, ToTensor

Row = dict[str, float]

_IMPORT = """
import time, numpy
before = time.perf_counter()
import minigen
print(time.perf_counter() - before)
"""


def best(function: Callable[[], Any], calls: int, rounds: int = 30) -> float:
    """Seconds a call in the quickest of some rounds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls):
            function()
        times.append(time.perf_counter() - start)
    return min(times) / calls


def measure_calls(length: int = 200) -> Row:
    """Microseconds that one call of ``exp`` and its part of the walk back take beyond NumPy's, on eight numbers."""
    x = minigen.zeros(8).requires_grad_()
    array = x.array
    forward = best(x.exp, 1000) - best(lambda: np.exp(array), 1000)

    def walk(functions: int) -> float:
        times = []
        for _ in range(60):
            y = x
            for _ in range(functions):
                y = y.sin()
            start = time.perf_counter()
            y.backward(x)
            times.append(time.perf_counter() - start)
        return min(times)

    backward = (walk(length) - walk(1)) / (length - 1) - best(lambda: array * np.cos(array), 1000)
    return {"forward_us": forward * 1e6, "backward_us": backward * 1e6}


def measure_import(processes: int = 7) -> Row:
    """Seconds that ``import minigen`` takes beyond ``import numpy``, in fresh processes, from compiled files."""
    with tempfile.TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled, "PYTHONPATH": os.pathsep.join(sys.path)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        command = [sys.executable, "-c", _IMPORT]
        times = [
            float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
            for _ in range(processes + 1)
        ]
    return {"import_s": min(times[1:]), "import_median_s": statistics.median(times[1:])}  # the first one compiles


class Pictures(Dataset):
    """Colour images of 32x32 pixels, changed at random, one by one, as people train on them."""

    def __init__(self, count: int) -> None:
        self.images = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
        self.transform = Compose(
            [RandomCrop(32, padding=4), RandomHorizontalFlip(), ToTensor(), Normalize([0.5] * 3, [0.5] * 3)]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        return self.transform(self.images[index]), index % 10


def measure_loader(steps: int = 20, rounds: int = 3) -> dict[str, Row]:
    """Milliseconds that a training step (W3) waits for its batch and takes in all: 0, 1 and 2 threads that load."""
    step, pictures = w3(minigen), Pictures(64 * (steps + 1))
    times: dict[int, list[tuple[float, float]]] = {0: [], 1: [], 2: []}
    for _ in range(rounds):
        for workers, taken in times.items():
            batches = iter(DataLoader(pictures, 64, shuffle=True, seed=0, num_workers=workers))
            next(batches), step()
            for _ in range(steps):
                start = time.perf_counter()
                next(batches)
                waited = time.perf_counter()
                step()
                taken.append((waited - start, time.perf_counter() - start))
    return {str(workers): _waiting(taken) for workers, taken in times.items()}


def _waiting(taken: list[tuple[float, float]]) -> Row:
    waits, totals = zip(*taken, strict=True)
    return {
        "wait_ms": statistics.median(waits) * 1e3,
        "step_ms": statistics.median(totals) * 1e3,
        "step_min_ms": min(totals) * 1e3,
        "share": sum(waits) / sum(totals),
    }


def measure() -> dict[str, Any]:
    """All of it."""
    minigen.tune_allocator()
    return {"calls": measure_calls(), "import": measure_import(), "loader": measure_loader()}


def table(measured: dict[str, Any]) -> str:
    """What was measured, as Markdown."""
    calls, start = measured["calls"], measured["import"]
    rows = [
        "| beyond NumPy | |",
        "|---|---|",
        f"| forward call that records, 8 numbers | {calls['forward_us']:.1f} µs |",
        f"| its part of the walk back | {calls['backward_us']:.1f} µs |",
        f"| `import minigen` | {start['import_s']:.2f} s (median {start['import_median_s']:.2f}) |",
        "",
        "| threads that load | waiting for a batch, ms | step with batch, ms (fastest) | share of waiting |",
        "|---|---|---|---|",
    ]
    for workers, row in measured["loader"].items():
        times = f"{row['wait_ms']:.2f} | {row['step_ms']:.1f} ({row['step_min_ms']:.1f}) | {row['share']:.1%}"
        rows.append(f"| {workers} | {times} |")
    return "\n".join(rows)


def main() -> None:
    """Measure, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    measured = measure()
    print(table(measured))
    if options.json:
        write_whole(options.json, (json.dumps(measured, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
