"""Compare speed and memory with PyTorch: ``python -m benchmarks.speed``, or ``make bench`` for the page as well.

Three parts, each with minigen and PyTorch in turn (`benchmarks.sides`): whole training steps, also as multiples of
their floor; single functions, forward and backward; and how the first step grows with its batch and its images.
Ratios of one run mean something; times of two runs do not compare.

A part of it, quickly: ``python -m benchmarks.speed --only W1 --threads 1 --rounds 2``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.files import write_whole
from benchmarks.functions import FAMILIES
from benchmarks.sides import SIDES, Side, calls_within, in_turn, ratios, summary
from benchmarks.workloads import WORKLOADS

GROWTH = [(8, 64), (16, 64), (32, 64), (64, 64), (128, 64), (16, 32), (16, 128)]  # W1: batch, image size
PARTS = (*WORKLOADS, *FAMILIES, "growth")
Sides = dict[str, Side]


@contextmanager
def processes(names: tuple[str, ...], threads: int, cases: str, **options: int) -> Iterator[Sides]:
    """Start a process for each side, and load the cases called so."""
    with ExitStack() as stack:
        sides = {name: stack.enter_context(Side(name, threads)) for name in names}
        for side in sides.values():
            side.ask("load", cases, options)
        yield sides


def sgemm_peak(threads: int) -> float:
    """FLOP/s of NumPy's largest square product in a process of its own."""
    with Side("numpy", threads) as side:
        return side.ask("sgemm_peak")


def measure_step(
    name: str, threads: int, rounds: int, seconds: float, names: tuple[str, ...] = SIDES, **options: int
) -> dict[str, Any]:
    """Time one training step on the sides named (about ``seconds`` a turn), with its FLOPs and peak memory."""
    with processes(names, threads, name, **options) as sides:
        for side in sides.values():
            side.ask("run", name, 1)  # the first step allocates
        times = in_turn(sides, {name: calls_within(seconds, sides, name)}, rounds)[name]
        memory = {key: round(side.ask("peak_memory")) for key, side in sides.items()}
        flops = sides["torch"].ask("flops", name)  # last: it takes memory of its own
    row: dict[str, Any] = {"name": name, "threads": threads, **options, "flops": flops}
    row |= {key: {**summary(times[key]), "peak_mb": memory[key]} for key in times}
    row |= ratios(times["minigen"], times["torch"])
    return row | {"memory_ratio": round(memory["minigen"] / memory["torch"], 3)}


def measure_family(name: str, threads: int, rounds: int, seconds: float = 0.05) -> list[dict[str, Any]]:
    """Time every function of a family, forward and backward."""
    with processes(SIDES[:2], threads, name) as sides:
        cases = sides["torch"].ask("cases")
        for side in sides.values():
            for case in cases:
                side.ask("run", case, 2)
        times = in_turn(sides, {case: calls_within(seconds, sides, case, most=200) for case in cases}, rounds)
    rows = []
    for case, by_side in times.items():
        label, _, direction = case.partition("|")
        row = {"family": name, "name": label, "direction": direction, "threads": threads}
        row |= {key: summary(by_side[key]) for key in by_side}
        rows.append(row | ratios(by_side["minigen"], by_side["torch"]))
    return rows


def machine() -> dict[str, Any]:
    """What the figures are measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    with Side("numpy", 1) as side:
        blas = side.ask("blas")
    return {
        "CPU": model or platform.machine(),
        "cores": os.cpu_count(),
        "load before": round(os.getloadavg()[0], 2),
        "Python": platform.python_version(),
        "NumPy": version_of("numpy"),
        "BLAS of NumPy": blas,
        "PyTorch": version_of("torch"),
    }


def version_of(package: str) -> str:
    """The version of an installed package, without importing it."""
    return importlib.import_module("importlib.metadata").version(package)


# --- the lines on the terminal ---------------------------------------------------------------------------------------


STEP_HEAD = (
    "step threads   minigen ms    MB     torch ms    MB    torch+ ms    MB   ratio (of rounds)   memory   "
    "floor ms  minigen torch / floor"
)
FUNCTION_HEAD = f"{'family':16} {'function':34} {'direction':9} threads   minigen ms     torch ms   ratio"
GROWTH_HEAD = "step     images        GFLOP   minigen ms    MB     torch ms    MB"


def step_line(row: dict[str, Any], peak: float) -> str:
    """One line below `STEP_HEAD`; torch+ is torch with the allocator set."""
    floor = row["flops"] / peak * 1e3
    times = "".join(f" {row[key]['median_ms']:12.2f} {row[key]['peak_mb']:5}" for key in SIDES)
    ratio = f"{row['ratio']:6.2f} ({row['ratio_low']:.2f} {row['ratio_high']:.2f}) {row['memory_ratio']:10.2f}"
    shares = "".join(f" {row[key]['median_ms'] / floor:7.2f}" for key in SIDES[:2])
    return f"{row['name']:4} {row['threads']:7}{times}  {ratio} {floor:10.2f} {shares}"


def function_line(row: dict[str, Any]) -> str:
    """One line below `FUNCTION_HEAD`."""
    return (
        f"{row['family']:16} {row['name']:34} {row['direction']:9} {row['threads']:7} "
        f"{row['minigen']['median_ms']:12.3f} {row['torch']['median_ms']:12.3f} {row['ratio']:7.2f}"
    )


def growth_line(row: dict[str, Any]) -> str:
    """One line below `GROWTH_HEAD`."""
    times = "".join(f" {row[key]['min_ms']:12.1f} {row[key]['peak_mb']:5}" for key in SIDES[:2])
    return f"W1   {row['batch']:4} of {row['size']:3}x{row['size']:<3} {row['flops'] / 1e9:10.1f}{times}"


# --- the whole -------------------------------------------------------------------------------------------------------


def measure(only: list[str], threads: list[int], rounds: int, seconds: float) -> dict[str, Any]:
    """Measure the parts named, print a line for each, and return all figures."""
    figures: dict[str, Any] = {"machine": machine(), "rounds": rounds, "sgemm_peak": {}, "steps": [], "functions": []}
    print(", ".join(f"{key} {value}" for key, value in figures["machine"].items()), flush=True)
    for count in threads:
        measure_with(count, only, rounds, seconds, figures)
    if "growth" in only:
        figures["growth"] = measure_growth(min(threads), rounds)
    if set(WORKLOADS) & set(only):
        figures["profiles"] = measure_profiles([name for name in WORKLOADS if name in only], min(threads))
    return figures


def measure_with(threads: int, only: list[str], rounds: int, seconds: float, figures: dict[str, Any]) -> None:
    """Measure steps and single functions with so many threads; add them to the figures."""
    peak = sgemm_peak(threads)
    print(f"\nsgemm, {threads} threads: {peak / 1e9:.0f} GFLOP/s\n{STEP_HEAD}", flush=True)
    for name in [name for name in WORKLOADS if name in only]:
        figures["steps"].append(measure_step(name, threads, rounds, seconds))
        print(step_line(figures["steps"][-1], peak), flush=True)
    figures["sgemm_peak"][str(threads)] = max(peak, sgemm_peak(threads))  # neighbours may have come or gone
    print(FUNCTION_HEAD)
    for name in [name for name in FAMILIES if name in only]:
        rows = measure_family(name, threads, rounds)
        figures["functions"] += rows
        print("\n".join(function_line(row) for row in rows), flush=True)


def measure_growth(threads: int, rounds: int) -> list[dict[str, Any]]:
    """Time W1 with other batches and other images."""
    rows = []
    print(GROWTH_HEAD)
    for batch, size in GROWTH:
        rows.append(measure_step("W1", threads, min(rounds, 2), 0.0, SIDES[:2], batch=batch, size=size))
        print(growth_line(rows[-1]), flush=True)
    return rows


def measure_profiles(names: list[str], threads: int) -> list[dict[str, Any]]:
    """Where the time of minigen's steps goes."""
    rows = []
    for name in names:
        with processes(("minigen",), threads, name) as sides:
            rows.append({"name": name, "threads": threads, **sides["minigen"].ask("profile", name, 1.0)})
    return rows


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--threads", nargs="+", type=int, default=[2, 1])
    parser.add_argument("--rounds", type=int, default=6, help="turns of each side")
    parser.add_argument("--seconds", type=float, default=1.5, help="of steps a turn, two steps at least")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def main() -> None:
    """Measure, print, and write JSON where asked."""
    options = arguments()
    if importlib.util.find_spec("torch") is None:
        raise SystemExit("PyTorch is not installed here: .venv/bin/pip install torch")
    start = time.perf_counter()
    figures = measure(list(options.only), options.threads, options.rounds, options.seconds)
    if options.json:
        write_whole(options.json, (json.dumps(figures, indent=1) + "\n").encode())
    print(f"{(time.perf_counter() - start) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
