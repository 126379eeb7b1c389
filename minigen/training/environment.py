"""What a run was computed with: the things besides seed and options that its last bits depend on.

``environment.json`` in a run's folder has one entry for each set of versions, threads and hardware that the run has
been trained with, and the step from which on.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

import minigen
from minigen import cuda_setup
from minigen.files import atomic_write
from minigen.parallel import get_num_threads

ENVIRONMENT_FILE = "environment.json"


def environment(device: str = "cpu") -> dict[str, Any]:
    """Return versions, threads and hardware, ready for JSON.

    Examples
    --------
    >>> found = environment()
    >>> found["numpy"] == np.__version__, found["threads"] >= 1, "blas" in found
    (True, True, True)
    """
    threads = get_num_threads()
    found = {
        "minigen": minigen.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": sys.platform,
        "machine": platform.machine(),
        "device": device,
        "threads": threads,
        "blas": blas(),
    }
    if device.startswith("cuda"):
        cupy, number = cuda_setup.usable_cupy(), int(device.partition(":")[2] or 0)
        found |= {"gpu": cuda_setup.cards(cupy)[number], "cuda": cuda_setup.versions(cupy)}
    return found


def machine_memory() -> int:
    """Return how many bytes of memory the machine has; what an address can reach where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return 2**48


def blas() -> list[dict[str, Any]]:
    """Return name, version, threads and kind of processor of each BLAS that NumPy works with."""
    from threadpoolctl import threadpool_info

    wanted = ("internal_api", "version", "num_threads", "threading_layer", "architecture")
    return [{key: one[key] for key in wanted if key in one} for one in threadpool_info() if one["user_api"] == "blas"]


def read_environments(folder: Path) -> list[dict[str, Any]]:
    """Return the entries of a run, the first of them first; none where the file is missing or damaged."""
    try:
        path = folder / ENVIRONMENT_FILE
        entries = json.loads(path.read_bytes()) if path.is_file() else []
    except (OSError, ValueError, RecursionError):
        return []
    return entries if isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries) else []


def comparable(value: Any) -> Any:
    """Return an entry without the threads of BLAS, which minigen takes over while it works: ``threads`` tells them."""
    if isinstance(value, list):
        return [{k: v for k, v in one.items() if k != "num_threads"} if isinstance(one, dict) else one for one in value]
    return value


def note_environment(folder: Path, step: int, device: str) -> str:
    """Write into a run's folder what it is trained with from ``step`` on, where that has changed.

    Returns
    -------
    str
        Where something has changed, a sentence about it; else nothing.

    Raises
    ------
    minigen.data.WriteError
        If the folder cannot be written.
    """
    entries = [entry for entry in read_environments(folder) if isinstance(entry.get("step"), int)]
    entries = [entry for entry in entries if entry["step"] < step or entry["step"] == 0]
    now, last = environment(device), entries[-1] if entries else {}
    changed = [name for name in now if name in last and comparable(now[name]) != comparable(last[name])]
    if last and not changed:
        return ""
    with atomic_write(folder / ENVIRONMENT_FILE, "w") as file:
        file.write(json.dumps([*entries, {"step": step, **now}], indent=1) + "\n")
    if not changed:
        return ""
    what = ", ".join(f"{name} was {last[name]}, is {now[name]}" for name in changed)
    return f"this run goes on with another environment ({what}): its last bits may differ from those of one machine"
