"""A hundred thousand pictures of 64x64: ``python -m torture.many 100000`` (in tests/), as JSON.

They are made, decoded into the cache and gone through three times in random order; memory is looked at all the while,
in processes of their own.  What is mapped from the cache is counted apart from what the process has for itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from torture.run import ONE_THREAD, TESTS

CLASSES = 10
WORKER = """
import sys, time
from minigen.data import DataLoader, ImageFolder

def mebibytes(kind):
    return int(open("/proc/self/status").read().split(kind)[1].split()[0]) / 1024

start = time.monotonic()
samples = ImageFolder(sys.argv[1], image_size=64)
opened, highest = time.monotonic() - start, mebibytes("VmHWM:")
before, mapped, own = mebibytes("RssFile:"), 0.0, []
loader = DataLoader(samples, 64, shuffle=True, seed=0, num_workers=2)
start = time.monotonic()
for epoch in range(int(sys.argv[2])):
    peak = 0.0
    for images, _ in loader:
        mapped, peak = max(mapped, mebibytes("RssFile:")), max(peak, mebibytes("RssAnon:"))
    own.append(peak)
spent = (time.monotonic() - start) / max(1, int(sys.argv[2]))
grown = own[-1] - own[0] if own else 0.0
print(len(samples), samples.data.nbytes / 2**20, opened, highest, mapped - before, grown, mebibytes("VmHWM:"), spent)
"""
FIELDS = ("pictures", "pixels", "seconds_to_open", "highest_opening", "mapped", "grown", "highest", "seconds_an_epoch")


def make_pictures(folder: Path, count: int) -> None:
    """Save PNGs of 64x64, each another one, in some classes."""
    import numpy as np
    from PIL import Image

    for label in range(CLASSES):
        (folder / f"{label}").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    pixels[8:] = 128  # most of it is quickly compressed
    for i in range(count):
        pixels[0, 0], pixels[1, 0] = i % 251, i // 251 % 256
        pixels[2, 0] = i // 251 // 256
        Image.fromarray(pixels).save(folder / f"{i % CLASSES}" / f"{i:06}.png", compress_level=1)


def go_through(folder: Path, epochs: int = 3) -> dict[str, float]:
    """Open a folder and go through it in another process; return its figures, those of memory in MiB.

    Returns
    -------
    dict
        ``pictures``, ``pixels`` (MiB of them), ``seconds_to_open``, ``highest_opening`` (memory until it is open),
        ``mapped`` (how much of the cache was in memory at most), ``grown`` (what the process had for itself at most, in
        the last epoch less in the first), ``highest`` (all memory, at any time), ``seconds_an_epoch``.
    """
    command = [sys.executable, "-c", WORKER, str(folder), str(epochs)]
    env = os.environ | ONE_THREAD | {"PYTHONPATH": str(TESTS.parent)}
    run = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    if run.returncode:
        raise RuntimeError(f"going through {folder} failed:\n{run.stderr[-2000:]}")
    return dict(zip(FIELDS, map(float, run.stdout.split()), strict=True))


def measure(count: int) -> dict[str, Any]:
    """Make pictures, open them twice (the second time they are in the cache), and return what both took."""
    with tempfile.TemporaryDirectory() as place:
        before = os.environ.get("MINIGEN_CACHE")
        os.environ["MINIGEN_CACHE"] = os.path.join(place, "cache")
        try:
            start = time.monotonic()
            make_pictures(Path(place, "pictures"), count)
            made = time.monotonic() - start
            time.sleep(2.5)  # what has just changed is not taken for unchanged
            first = go_through(Path(place, "pictures"), 0)
            return {"seconds_to_make": made, "first": first, "then": go_through(Path(place, "pictures"))}
        finally:
            if before is None:
                del os.environ["MINIGEN_CACHE"]
            else:
                os.environ["MINIGEN_CACHE"] = before


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1])), indent=1))
