"""The sides of a comparison: each library in a process of its own, driven in turn.

An idle thread pool spins for a while and would slow the other side down, so there is a pause between turns.  Each side
is told what to do line by line, and answers with a line of JSON.  Peak memory is read from /proc: this needs Linux.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.functions import FAMILIES, family
from benchmarks.workloads import Case, step_case

PAUSE = 0.5  # seconds between the sides
TUNED = "torch, allocator set"  # PyTorch with the setting of minigen.tune_allocator()
SIDES = ("minigen", "torch", TUNED)
SETTINGS = ("OPENBLAS_", "MKL_", "OMP_", "KMP_", "MALLOC_", "GLIBC_TUNABLES")  # a user has none of these


# --- in the worker --------------------------------------------------------------------------------------------------


def load_library(side: str, threads: int) -> Any:
    """Import the library of a side, with the allocator and the number of threads that belong to it."""
    if side != "torch":
        importlib.import_module("minigen").tune_allocator()
    lib = importlib.import_module(side.partition(",")[0])
    lib.set_num_threads(threads)
    lib.manual_seed(0)
    return lib


def load_cases(lib: Any, name: str, **options: int) -> dict[str, Case]:
    """Build the step called ``name``, or all functions of the family called so."""
    return family(lib, name) if name in FAMILIES else {name: step_case(lib, name, **options)}


def seconds_of(case: Case, count: int) -> list[float]:
    """Time ``count`` calls, one by one."""
    times = []
    for _ in range(count):
        given = case.prepare()
        start = time.perf_counter()
        case.timed(given)
        times.append(time.perf_counter() - start)
    return times


def flops_of(case: Case) -> int:
    """FLOPs of one step in PyTorch, as its convolutions and matrix products need them, done directly."""
    counter = importlib.import_module("torch.utils.flop_counter").FlopCounterMode(display=False)
    # Without its count for each module, which cannot look on while torch.autograd.grad runs.
    counter.mod_tracker = SimpleNamespace(parents={"Global"}, __enter__=lambda: None, __exit__=lambda *_: None)
    with counter:
        case.timed(case.prepare())
    return counter.get_total_flops()


def sgemm_peak(sizes: Iterable[int] = (1024, 2048), repeats: int = 8) -> float:
    """FLOP/s of NumPy's best square product in float32."""
    import numpy as np

    best = 0.0
    for size in sizes:
        a, out = np.ones((size, size), np.float32), np.empty((size, size), np.float32)
        for _ in range(repeats):
            start = time.perf_counter()
            np.matmul(a, a, out=out)
            best = max(best, 2 * size**3 / (time.perf_counter() - start))
    return best


def blas() -> str:
    """Name, version and kernel of the BLAS that NumPy has loaded, as threadpoolctl sees it."""
    importlib.import_module("numpy")
    pools = importlib.import_module("threadpoolctl").threadpool_info()
    found = [pool for pool in pools if pool["user_api"] == "blas"]
    return ", ".join(f"{p['internal_api']} {p['version']}, kernel {p.get('architecture', '?')}" for p in found)


def peak_memory() -> float:
    """Most memory this process has held at once, in MB; getrusage would include its parent's."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


def work(side: str, threads: int) -> None:
    """Do what the lines of stdin say, until they end."""
    lib = None if side == "numpy" else load_library(side, threads)
    cases: dict[str, Case] = {}
    for line in sys.stdin:
        verb, *arguments = json.loads(line)
        answer: Any = None
        if verb == "load":
            cases.clear()  # before the next ones need its memory
            cases |= load_cases(lib, arguments[0], **arguments[1])
        elif verb == "cases":
            answer = list(cases)
        elif verb == "run":
            answer = seconds_of(cases[arguments[0]], arguments[1])
        elif verb == "flops":
            answer = flops_of(cases[arguments[0]])
        elif verb == "profile":
            answer = importlib.import_module("benchmarks.profile").measure(cases[arguments[0]], arguments[1])
        else:
            answer = {"sgemm_peak": sgemm_peak, "blas": blas, "peak_memory": peak_memory}[verb]()
        print(json.dumps(answer), flush=True)


# --- in the program that compares ------------------------------------------------------------------------------------


class Side:
    """One library in its own process; ``with`` ends it."""

    def __init__(self, side: str, threads: int) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(SETTINGS)}
        environment |= {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
        command = [sys.executable, "-m", "benchmarks.sides", side, str(threads)]
        self.name = side
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,  # an interruption reaches the program that compares, and that ends its sides
        )

    def ask(self, *command: Any) -> Any:
        """Send a command, wait for the answer."""
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"the process of {self.name} ended at {command}; its message stands above")
        return json.loads(answer)

    def __enter__(self) -> Side:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def in_turn(sides: dict[str, Side], counts: dict[str, int], rounds: int) -> dict[str, dict[str, list[list[float]]]]:
    """Time the cases named in ``counts``, so many calls a turn: by case and side, the times of each round."""
    times: dict[str, dict[str, list[list[float]]]] = {case: {name: [] for name in sides} for case in counts}
    for _ in range(rounds):
        for name, side in sides.items():
            time.sleep(PAUSE)
            for case, count in counts.items():
                times[case][name].append(side.ask("run", case, count + 1)[1:])  # the first wakes the thread pool
    return times


def calls_within(seconds: float, sides: dict[str, Side], case: str, most: int = 50) -> int:
    """How many calls the slowest side does in so many seconds: two at least."""
    slowest = max(min(side.ask("run", case, 2)) for side in sides.values())
    return max(2, min(most, int(seconds / slowest)))


def summary(rounds: list[list[float]]) -> dict[str, float]:
    """Median and minimum of all times, in milliseconds."""
    times = [seconds * 1e3 for one in rounds for seconds in one]
    return {"median_ms": round(statistics.median(times), 4), "min_ms": round(min(times), 4)}


def ratios(ours: list[list[float]], theirs: list[list[float]]) -> dict[str, float]:
    """Our time over theirs: of the medians, of the minima, and the least and largest of the rounds' medians."""
    a, b = summary(ours), summary(theirs)
    each = [statistics.median(x) / statistics.median(y) for x, y in zip(ours, theirs, strict=True)]
    return {
        "ratio": round(a["median_ms"] / b["median_ms"], 3),
        "ratio_of_minima": round(a["min_ms"] / b["min_ms"], 3),
        "ratio_low": round(min(each), 3),
        "ratio_high": round(max(each), 3),
    }


if __name__ == "__main__":
    work(sys.argv[1], int(sys.argv[2]))
