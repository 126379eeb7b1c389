"""Compare whole training steps with PyTorch: ``python -m benchmarks.compare [W1 W2 ...] [--threads 2]``.

One process a side, driven in turn with a pause between (an idle thread pool still spins for a while and would
slow the other side), medians and minima of the times, and the peak memory of each process.  Both sides run
the same program (`benchmarks.workloads`).  Ratios
of one run mean something; times of two runs do not compare.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.workloads import WORKLOADS

PAUSE = 0.5  # seconds between the sides


def work(library: str, workload: str) -> None:
    """Worker process: for each line read, do one step and print its seconds; at the end the peak memory."""
    lib = importlib.import_module(library)
    if library == "minigen":
        lib.tune_allocator()
    else:
        lib.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    lib.manual_seed(0)
    step = WORKLOADS[workload](lib)
    for _ in sys.stdin:
        start = time.perf_counter()
        step()
        print(time.perf_counter() - start, flush=True)
    status = Path("/proc/self/status").read_text()  # not getrusage: its figure includes the parent's
    print(int(status.partition("VmHWM:")[2].split()[0]) / 1024, flush=True)


class Side:
    """One library in its own process."""

    def __init__(self, library: str, workload: str, threads: int) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
        environment |= {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
        command = [sys.executable, "-m", "benchmarks.compare", "--worker", library, workload]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.times: list[float] = []

    def steps(self, count: int, keep: bool = True) -> None:
        """Let it do ``count`` steps."""
        for _ in range(count):
            self.process.stdin.write("step\n")
            self.process.stdin.flush()
            seconds = float(self.process.stdout.readline())
            if keep:
                self.times.append(seconds)

    def close(self) -> float:
        """End the process; return its peak memory in MB."""
        self.process.stdin.close()
        peak = float(self.process.stdout.readline())
        self.process.wait()
        return peak


def compare(workload: str, threads: int, rounds: int, seconds: float = 1.5) -> dict:
    """Measure one workload on both sides, in turn; about ``seconds`` of steps each round."""
    sides = {name: Side(name, workload, threads) for name in ("minigen", "torch")}
    for side in sides.values():
        side.steps(3, keep=False)  # first steps allocate
    side.steps(1)
    count = max(2, min(50, int(seconds / side.times.pop())))
    for _ in range(rounds):
        for side in sides.values():
            time.sleep(PAUSE)
            side.steps(1, keep=False)  # wakes the thread pool
            side.steps(count)
    row = {"workload": workload, "threads": threads, "steps": count * rounds}
    for name, side in sides.items():
        row[name] = {
            "median_ms": round(statistics.median(side.times) * 1e3, 2),
            "min_ms": round(min(side.times) * 1e3, 2),
            "peak_mb": round(side.close()),
        }
    ours, theirs = row["minigen"], row["torch"]
    row["ratio"] = round(ours["median_ms"] / theirs["median_ms"], 2)
    row["ratio_min"] = round(ours["min_ms"] / theirs["min_ms"], 2)
    row["memory_ratio"] = round(ours["peak_mb"] / theirs["peak_mb"], 2)
    return row


def machine() -> dict:
    """What the figures were measured on."""
    import numpy as np

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), cpu)
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
        "torch": importlib.import_module("torch").__version__,
    }


def main() -> None:
    """Parse the command line, measure, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("workloads", nargs="*", metavar="W", help=f"of {', '.join(WORKLOADS)}; default: all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file too")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(*options.worker)
        return
    unknown = set(options.workloads) - set(WORKLOADS)
    if unknown:
        parser.error(f"unknown workload {sorted(unknown)[0]!r}; the workloads are {', '.join(WORKLOADS)}")
    about = machine()
    print(", ".join(f"{key} {value}" for key, value in about.items()))
    print("workload threads | minigen ms (min)  MB | torch ms (min)    MB | time ratio (of minima)  memory")
    rows = []
    for name in options.workloads or WORKLOADS:
        row = compare(name, options.threads, options.rounds)
        rows.append(row)
        ours, theirs = row["minigen"], row["torch"]
        print(
            f"{name:8} {row['threads']:7} | "
            f"{ours['median_ms']:7.1f} ({ours['min_ms']:6.1f}) {ours['peak_mb']:4} | "
            f"{theirs['median_ms']:7.1f} ({theirs['min_ms']:6.1f}) {theirs['peak_mb']:4} | "
            f"{row['ratio']:10.2f} ({row['ratio_min']:.2f}) {row['memory_ratio']:13.2f}",
            flush=True,
        )
    if options.out:
        options.out.write_text(json.dumps({"machine": about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
