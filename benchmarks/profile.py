"""Where the time of a training step goes: ``python -m benchmarks.profile W1 --threads 1``.

Every moment of the main thread is filed under the function that runs, and under the kind of work that it belongs to:
matrix products, copies around convolutions, norms, and so on, known by the names of modules and functions.  What a
function without a kind of its own does, belongs to the kind of its caller: a multiplication inside the backward of
relu to the activations.  NumPy's own functions are seen one by one where they are called by name (``np.matmul``), as
part of their caller where an operator stands (``a * b``).  Of several threads only the main one is looked at.
"""

from __future__ import annotations

import argparse
import functools
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np

from benchmarks.sides import Side
from benchmarks.workloads import WORKLOADS, Case

REST = "the rest"
PRODUCTS, COPIES, PADDING, NORMS = "matrix products", "copies of convolutions", "padding", "norms"
# The first pattern found in "module:function" counts; a function without one belongs to its caller's kind.
KINDS: list[tuple[str, str]] = [
    (r"^numpy:(matmul|dot|vdot|einsum|tensordot)$", PRODUCTS),
    (r"functional\.linear:|ops\.(matmul|products):", PRODUCTS),
    (r"functional\.(windows|winograd|conv\w*|depthwise|fold|padding):.*(pad|extend)", PADDING),
    (r"functional\.(windows|winograd|conv\w*|depthwise|fold):", COPIES),
    (r"functional\.\w*norm\w*:|functional\.rescale:", NORMS),
    (r"functional\.(losses|classification|likelihoods|margins|reduction):", "losses"),
    (r"functional\.(activations|rectifiers|smooth):", "activations"),
    (r"ops\.elementwise:(Relu|Tanh|Sigmoid|Step|Clamp)\b", "activations"),
    (r"functional\.\w*pool\w*:", "pooling"),
    (r"^minigen\.optim\b", "optimisers"),
    (r"^minigen\.creation:|backend:Generator\.", "new tensors, random numbers"),
]
INNER = (PRODUCTS, PADDING)  # kinds that stand inside others


def kind_of(function: str, caller: str) -> str:
    """The kind of work of a function ("module:name"), given that of its caller."""
    own = next((kind for pattern, kind in KINDS if re.search(pattern, function)), None)
    if own is None or (caller == NORMS and own == PRODUCTS):  # their sums are done by BLAS
        return caller
    return own if caller == REST or own in INNER else caller


class Profile:
    """Adds up time by kind and function, from the events of Python's own profiling hook."""

    def __init__(self) -> None:
        self.seconds: Counter[tuple[str, str]] = Counter()
        self.stack = [(REST, "the step")]
        self.last = 0.0

    def event(self, frame: FrameType, event: str, _: Any) -> None:
        """Account for the time since the last event; follow calls and returns of Python functions."""
        self.seconds[self.stack[-1]] += time.perf_counter() - self.last
        if event == "call":
            function = name_of(frame.f_code, frame.f_globals["__name__"])
            self.stack.append((kind_of_cached(function, self.stack[-1][0]), function))
        elif event == "return" and len(self.stack) > 1:
            self.stack.pop()
        self.last = time.perf_counter()  # the time spent here belongs to nobody

    def run(self, call: Callable[[], Any]) -> None:
        """Call something under the hook."""
        self.last = time.perf_counter()
        sys.setprofile(self.event)
        try:
            call()
        finally:
            sys.setprofile(None)


kind_of_cached = functools.cache(kind_of)


@functools.cache
def name_of(code: Any, module: str) -> str:
    """Name a function as "module:name"."""
    return f"numpy:{code.co_name}" if code.co_filename == "numpy by name" else f"{module}:{code.co_qualname}"


def visible(function: Any, name: str) -> Callable[..., Any]:
    """Wrap a function of NumPy, written in C, in a Python function of its name, which the hook sees."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    call.__code__ = call.__code__.replace(co_name=name, co_filename="numpy by name")
    for method in ("reduce", "accumulate", "outer", "at", "reduceat"):
        if hasattr(function, method):
            setattr(call, method, getattr(function, method))
    return call


@contextmanager
def numpy_by_name() -> Iterator[None]:
    """Let the hook see NumPy's ufuncs and its other functions in C, one by one."""
    kinds = (np.ufunc, type(np.copyto))
    before = {name: value for name, value in vars(np).items() if isinstance(value, kinds)}
    try:
        for name, function in before.items():
            setattr(np, name, visible(function, name))
        yield
    finally:
        for name, function in before.items():
            setattr(np, name, function)


def measure(case: Case, seconds: float) -> dict[str, Any]:
    """Profile about so many seconds of steps: median time without the hook, and milliseconds a step by kind."""

    def step() -> None:
        case.timed(case.prepare())

    def timed() -> float:
        start = time.perf_counter()
        step()
        return time.perf_counter() - start

    count = max(2, min(50, int(seconds / min(timed(), timed()))))
    plain = [timed() for _ in range(count)]
    profile = Profile()
    with numpy_by_name():
        for _ in range(count):
            profile.run(step)
    kinds: Counter[str] = Counter()
    for (kind, _), spent in profile.seconds.items():
        kinds[kind] += spent
    return {
        "median_ms": round(statistics.median(plain) * 1e3, 3),
        "kinds_ms": {kind: round(spent / count * 1e3, 3) for kind, spent in kinds.most_common()},
        "functions_ms": [
            [kind, function, round(spent / count * 1e3, 3)]
            for (kind, function), spent in profile.seconds.most_common(30)
        ],
    }


def main() -> None:
    """Profile one step in a process of its own and print it beside its floor."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    with Side("numpy", options.threads) as side:
        peak = side.ask("sgemm_peak")
    with Side("torch", options.threads) as side:
        side.ask("load", options.workload, {})
        floor = side.ask("flops", options.workload) / peak * 1e3
    with Side("minigen", options.threads) as side:
        side.ask("load", options.workload, {})
        found = side.ask("profile", options.workload, options.seconds)
    total = sum(found["kinds_ms"].values())
    print(f"{options.workload}, {options.threads} threads: {found['median_ms']:.1f} ms a step, {total:.1f} ms profiled")
    print(f"floor: {floor:.1f} ms, by {peak / 1e9:.0f} GFLOP/s of sgemm\n")
    for kind, spent in found["kinds_ms"].items():
        print(f"{spent:9.2f} ms {100 * spent / total:5.1f} %  {spent / floor:5.2f} of the floor  {kind}")
    print()
    for kind, function, spent in found["functions_ms"]:
        print(f"{spent:9.2f} ms {100 * spent / total:5.1f} %  {kind:28} {function}")


if __name__ == "__main__":
    main()
