"""Measure minigen on a GPU beside PyTorch, and write docs/gpu.md: ``python -m benchmarks.gpu``, or ``make test-gpu``.

Both libraries work in this process, in turn, on the same card; each with float32 products in full precision and with
TF32.  Timed are whole training steps (DCGAN, ResNet-20, VAE) and single functions, beside the floor that the card's
measured copy bandwidth and matrix rate set.  What TF32 costs in accuracy is measured, too, and whether a step makes the
host wait.

    python -m benchmarks.gpu --check      is there a GPU that can be used?  One sentence, and exit code 1 if not
    python -m benchmarks.gpu --smoke      run every line in tiny sizes, also on the CPU; no page is written
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import minigen
from benchmarks import roofline
from benchmarks.files import write_whole
from benchmarks.functions import FAMILIES, family
from benchmarks.gpu_page import write_page
from benchmarks.placed import placed
from benchmarks.workloads import WORKLOADS, Case, step_case
from minigen import cuda_setup
from minigen.backend import array_module_on, find_device

Row = dict[str, Any]

# (name on the page, workload, options, options in --smoke)
STEPS: list[tuple[str, str, dict[str, int], dict[str, int]]] = [
    ("DCGAN 64x64, batch 128", "W1", {"batch": 128, "size": 64}, {"batch": 2, "size": 16}),
    ("ResNet-20 32x32, batch 128", "W6", {"batch": 128}, {"batch": 2}),
    ("VAE 784-400-20, batch 128", "W4", {"batch": 128}, {"batch": 4}),
]
SMOKE_FAMILIES = ("softmax", "linear", "optimisers")
PRECISIONS = ("float32", "TF32")


@dataclass
class Side:
    """One library on the device: how to wait for it, and how exactly it is to multiply."""

    name: str
    lib: Any
    wait: Callable[[], Any]
    set_precision: Callable[[str], None]
    memory_held: Callable[[], int]


# --- the two libraries ------------------------------------------------------------------------------------------------


def minigen_side(device: str) -> Side:
    """The library of this repository."""
    on_gpu = device.startswith("cuda")

    def set_precision(precision: str) -> None:
        minigen.set_float32_matmul_precision("high" if precision == "TF32" else "highest")

    def memory_held() -> int:
        return array_module_on(find_device(device)).get_default_memory_pool().total_bytes() if on_gpu else 0

    wait = minigen.cuda.synchronize if on_gpu else _nothing
    return Side("minigen", placed(minigen, device), wait, set_precision, memory_held)


def torch_side(device: str) -> Side | None:
    """PyTorch on the same device, with cuDNN's choice by trial; None where it is not installed or sees no GPU."""
    if importlib.util.find_spec("torch") is None:
        return None
    torch = importlib.import_module("torch")
    on_gpu = device.startswith("cuda")
    if on_gpu and not torch.cuda.is_available():
        return None
    torch.set_default_device(device if on_gpu else "cpu")
    torch.backends.cudnn.benchmark = True

    def set_precision(precision: str) -> None:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "TF32"

    def memory_held() -> int:
        return torch.cuda.memory_reserved() if on_gpu else 0

    return Side("torch", torch, torch.cuda.synchronize if on_gpu else _nothing, set_precision, memory_held)


def _nothing() -> None:
    """The CPU needs no waiting for."""


@contextlib.contextmanager
def both_sides(device: str) -> Iterator[list[Side]]:
    """The sides that there are; afterwards precision and PyTorch's default device are what they were."""
    sides = [side for side in (minigen_side(device), torch_side(device)) if side is not None]
    try:
        yield sides
    finally:
        for side in sides:
            side.set_precision("float32")
            if side.name == "torch":
                side.lib.set_default_device(None)


# --- time -------------------------------------------------------------------------------------------------------------


def seconds_a_call(side: Side, case: Case, calls: int) -> float:
    """Seconds of one call, of so many that follow each other without waiting, in the end for all of them."""
    given = [case.prepare() for _ in range(calls)]
    side.wait()
    start = time.perf_counter()
    for argument in given:
        case.timed(argument)
    side.wait()
    return (time.perf_counter() - start) / calls


def in_turn(sides: dict[str, tuple[Side, Case]], rounds: int, seconds: float) -> Row:
    """Time the same case of all sides in turn, each for about so many seconds a round: milliseconds by side."""
    calls = {}
    for key, (side, case) in sides.items():
        seconds_a_call(side, case, 1)  # compiles, allocates
        most = 200 if case.prepare() is None else 30  # what is prepared is held: a graph for each call
        calls[key] = max(1, min(most, int(seconds / max(seconds_a_call(side, case, 1), 1e-6))))
    times: dict[str, list[float]] = {key: [] for key in sides}
    for _ in range(rounds):
        for key, (side, case) in sides.items():
            times[key].append(1e3 * seconds_a_call(side, case, calls[key]))
    return {
        key: {"median_ms": statistics.median(found), "min_ms": min(found), "max_ms": max(found)}
        for key, found in times.items()
    }


def measure_card(side: Side, size: int, megabytes: int) -> Row:
    """Copy bandwidth (bytes read and written a second), and FLOP/s of a square product in both precisions."""
    lib, figures = side.lib, {}
    x = lib.zeros(megabytes * 2**18)

    def best(call: Callable[[], Any]) -> float:
        case = Case(lambda: None, lambda _: call())
        seconds_a_call(side, case, 2)
        return min(seconds_a_call(side, case, 10) for _ in range(5))

    figures["copy bytes a second"] = 2 * x.array.nbytes / best(x.clone)
    a = lib.rand(size, size)
    for precision in PRECISIONS:
        side.set_precision(precision)
        figures[f"{precision} flops a second"] = 2 * size**3 / best(lambda: a @ a)
    side.set_precision("float32")
    return figures


def measure_step(sides: list[Side], label: str, name: str, options: dict[str, int], rounds: int, seconds: float) -> Row:
    """One training step on all sides, in both precisions, with what it must at least compute and move."""
    row: Row = {"name": label}
    for precision in PRECISIONS:
        cases = {}
        for side in sides:
            side.set_precision(precision)
            side.lib.manual_seed(0)
            cases[side.name] = (side, step_case(side.lib, name, **options))
        row[precision] = in_turn(cases, rounds, seconds)
        if precision == "float32":
            ours = cases["minigen"][1]
            row["calls"] = roofline.count(lambda case=ours: case.timed(case.prepare()))
            row["waits"] = waits_of(ours)
    row["memory_mb"] = {side.name: round(side.memory_held() / 2**20) for side in sides}
    return row


def waits_of(case: Case) -> str:
    """Whether a step makes the host wait: CuPy is told to raise where it would."""
    if importlib.util.find_spec("cupyx") is None or "cuda" not in map(str, minigen.backend.registered_devices()):
        return "not looked at"
    cupyx = importlib.import_module("cupyx")
    try:
        with cupyx.allow_synchronize(False):
            case.timed(case.prepare())
    except cupyx.DeviceSynchronized as error:
        return f"waits: {error}"
    return "no"


def measure_functions(sides: list[Side], families: tuple[str, ...], rounds: int, seconds: float) -> list[Row]:
    """Every function of the families, forward and backward, in full precision."""
    rows = []
    for name in families:
        cases = {side.name: (side, family(side.lib, name)) for side in sides}
        for label in cases["minigen"][1]:
            row = in_turn({key: (side, found[label]) for key, (side, found) in cases.items()}, rounds, seconds)
            function, _, direction = label.partition("|")
            rows.append({"family": name, "name": function, "direction": direction, **row})
            print(f"{name:16} {label:44} " + "  ".join(f"{k} {v['median_ms']:.3f} ms" for k, v in row.items()))
    return rows


# --- accuracy ---------------------------------------------------------------------------------------------------------


def measure_accuracy(side: Side, batch: int, width: int) -> Row:
    """How far a convolutional network's output and gradient are from those in float64, in both precisions."""
    nn, lib = side.lib.nn, side.lib

    def outputs(precision: str, dtype: Any) -> list[Any]:
        side.set_precision(precision)
        lib.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(3, width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, 4, 1, 0),
        ).to(dtype=dtype)
        y = net(lib.randn(batch, 3, 32, 32).to(dtype=dtype))
        (y * y).mean().backward()
        return [y.detach(), next(iter(net.parameters())).grad]

    exact = outputs("float32", lib.float64)
    row = {}
    for precision in PRECISIONS:
        found = outputs(precision, lib.float32)
        errors = [((a.to(dtype=lib.float64) - b).abs().max() / b.abs().max()).item() for a, b in zip(found, exact)]
        row[precision] = {"output": errors[0], "gradient": errors[1]}
    side.set_precision("float32")
    return row


# --- the whole --------------------------------------------------------------------------------------------------------


def machine(device: str) -> Row:
    """The card and the versions."""
    found = {"Python": platform.python_version(), "minigen": minigen.__version__, "PyTorch": "not installed"}
    if device.startswith("cuda"):
        cupy = cuda_setup.usable_cupy()
        found |= {"card": cuda_setup.cards(cupy)[find_device(device).index or 0], **cuda_setup.versions(cupy)}
    if importlib.util.find_spec("torch") is not None:
        torch = importlib.import_module("torch")
        found |= {"PyTorch": f"{torch.__version__}, cuDNN {torch.backends.cudnn.version()}"}
    return found


def measure(device: str, smoke: bool, rounds: int, seconds: float) -> Row:
    """Measure everything, and print a line for each part."""
    with both_sides(device) as sides:
        figures: Row = {"machine": machine(device), "rounds": rounds}
        print(", ".join(f"{key} {value}" for key, value in figures["machine"].items()))
        figures["card"] = measure_card(sides[0], *((64, 1) if smoke else (8192, 1024)))
        figures["steps"] = []
        for label, name, options, tiny in STEPS:
            assert name in WORKLOADS
            row = measure_step(sides, label, name, tiny if smoke else options, rounds, seconds)
            figures["steps"].append(row)
            times = [f"{p} {key} {v['median_ms']:.2f} ms" for p in PRECISIONS for key, v in row[p].items()]
            print(f"{label}: " + ", ".join(times), flush=True)
        families = SMOKE_FAMILIES if smoke else tuple(FAMILIES)
        figures["functions"] = measure_functions(sides, families, rounds, seconds / 10)
        figures["accuracy"] = {side.name: measure_accuracy(side, *((2, 4) if smoke else (64, 64))) for side in sides}
    return figures


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only say whether there is a GPU that can be used")
    parser.add_argument("--smoke", action="store_true", help="run every line in tiny sizes, and write no page")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=6, help="turns of each library")
    parser.add_argument("--seconds", type=float, default=0.5, help="of steps a turn")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Measure, print, and write the page."""
    options = arguments(argv)
    try:
        device = find_device(options.device)
    except (RuntimeError, ValueError) as error:
        raise SystemExit(f"benchmarks.gpu: {error}") from None
    if device.type == "cpu" and not options.smoke:
        raise SystemExit("benchmarks.gpu: the CPU is measured by `make bench`; here only with --smoke")
    if options.check:
        print(machine(device))
        return
    figures = measure(device, options.smoke, *((1, 0.0) if options.smoke else (options.rounds, options.seconds)))
    if options.json:
        write_whole(options.json, (json.dumps(figures, indent=1) + "\n").encode())
    if not options.smoke:
        write_page(figures)


if __name__ == "__main__":
    sys.exit(main())
