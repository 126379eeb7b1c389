"""Count the work of one training step of each workload: what a slower program does more of, whatever the machine.

Counted are matrix products and their FLOPs, the bytes of the buffers that are filled on the way (columns of windows,
images with their padding, products of a block), and the peak of traced memory.  None of it is a time, so the default
tests can hold minigen to the figures of ``work.json`` (`tests/test_work.py`).

    python -m benchmarks.work           count again, and write work.json
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import minigen
from benchmarks.workloads import WORKLOADS
from minigen.functional import windows

RECORD = Path(__file__).with_name("work.json")
OPTIONS = {"W1": {"batch": 16}}  # a quarter, so that the tests stay quick


@dataclass
class Work:
    """What has been counted so far."""

    products: int = 0  # calls of np.matmul
    flops: int = 0  # two for each multiplication in them
    buffer_bytes: int = 0  # of buffers filled
    memory_bytes: int = 0  # the peak above what was there before the model
    _lock: Any = field(default_factory=threading.Lock, repr=False)

    def product(self, shape: tuple[int, ...], inner: int) -> None:
        """Count one product (or stack of them) of the shape ``shape``."""
        with self._lock:
            self.products += 1
            self.flops += 2 * inner * math.prod(shape)

    def buffer(self, nbytes: int) -> None:
        """Count one filling of a buffer."""
        with self._lock:
            self.buffer_bytes += nbytes

    def figures(self) -> dict[str, int]:
        """The counts by name."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}


@contextlib.contextmanager
def counted() -> Iterator[Work]:
    """Count the products and buffers of what runs inside, in every thread.

    The library multiplies arrays by ``np.matmul`` alone, which is looked up anew at each call; `tests/test_work.py`
    holds it to that.

    Examples
    --------
    >>> with counted() as work:
    ...     _ = minigen.ones(2, 3) @ minigen.ones(3, 5)
    >>> work.products, work.flops
    (1, 60)
    """
    work, matmul, scratch = Work(), np.matmul, windows.scratch

    def counting_matmul(a: Any, b: Any, *args: Any, **options: Any) -> Any:
        result = matmul(a, b, *args, **options)
        work.product(np.shape(result), np.shape(a)[-1])
        return result

    def counting_scratch(*args: Any, **options: Any) -> Any:
        buffer = scratch(*args, **options)
        work.buffer(buffer.nbytes)
        return buffer

    users = [sys.modules[name] for name in list(sys.modules) if name.partition(".")[0] == "minigen"]
    users = [module for module in users if getattr(module, "scratch", None) is scratch]
    try:
        np.matmul = counting_matmul
        for module in users:
            module.scratch = counting_scratch
        yield work
    finally:
        np.matmul = matmul
        for module in users:
            module.scratch = scratch


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """How blocks are shared out must not depend on the machine, nor memory on when the garbage collector comes."""
    before = minigen.get_num_threads()
    minigen.set_num_threads(1)
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        minigen.set_num_threads(before)


def work_of(build: Callable[[], Callable[[], Any]]) -> Work:
    """Build a step, take it once, which makes the optimiser's state and the buffers, and count it the second time."""

    def measure() -> Work:
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            step = build()
            step()
            gc.collect()
            with counted() as work:
                tracemalloc.reset_peak()
                step()
            work.memory_bytes = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
        return work

    with _one_thread(), ThreadPoolExecutor(1) as fresh:  # a thread without buffers of earlier calls
        return fresh.submit(measure).result()


def workload(name: str) -> dict[str, int]:
    """Count one step of the workload called ``name``."""
    minigen.manual_seed(0)
    return work_of(lambda: WORKLOADS[name](minigen, **OPTIONS.get(name, {}))).figures()


def main() -> None:
    """Count all workloads, and write the record."""
    record = {name: workload(name) for name in WORKLOADS}
    for name, figures in record.items():
        print(name, *(f"{value:>14,} {key}" for key, value in figures.items()))
    RECORD.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
