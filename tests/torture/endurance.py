"""Ten thousand steps and fifty checkpoints: ``python -m torture.endurance STEPS CHECKPOINTS`` (in tests/), as JSON.

It trains a small system with all that a run does now and then, and counts memory, open files and threads.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from torture.run import ONE_THREAD, TESTS


def measure(steps: int, checkpoints: int) -> dict[str, Any]:
    """Train so many steps, and return how memory, files and threads have grown since the first tenth."""
    import minigen
    from minigen.data import DataLoader, TensorDataset
    from minigen.models import DCGAN, dcgan
    from minigen.training import Trainer

    minigen.manual_seed(0)
    minigen.tune_allocator()
    data = TensorDataset(minigen.rand(64, 1, 28, 28), minigen.zeros(64))
    loader = DataLoader(data, batch_size=4, shuffle=True, num_workers=2, seed=1)
    system = DCGAN(dcgan.Options(batch_size=4, generator_width=2, discriminator_width=2, latent_size=4))
    seen: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            system, loader, folder, test_loader=DataLoader(data, batch_size=64), samples=16, quiet=True,
            checkpoint_every=max(1, steps // checkpoints), sample_every=max(1, steps // 20),
            evaluate_every=max(1, steps // 10 // len(loader)),
        )  # fmt: skip
        step, started = system.training_step, time.monotonic()

        def counted(batch: Any) -> dict[str, Any]:
            if trainer.step and trainer.step % (steps // 10) == 0:
                seen.append(now())
            return step(batch)

        system.training_step = counted  # type: ignore[method-assign]
        trainer.fit(steps=steps)
        saved = len(list(Path(folder, "checkpoints").glob("step-*")))
        seconds = time.monotonic() - started
    first, rest = seen[0], seen[1:]
    grown = {name: max(one[name] for one in rest) - first[name] for name in first}
    return {"steps": steps, "checkpoints": steps // max(1, steps // checkpoints), "kept": saved, "seconds": seconds,
            "start": first, "grown": grown, "mebibytes": [round(one["mebibytes"], 1) for one in seen]}  # fmt: skip


def now() -> dict[str, float]:
    """Count what this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "mebibytes": pages * resource.getpagesize() / 2**20,
        "files": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
    }


def in_a_process(steps: int, checkpoints: int) -> dict[str, Any]:
    """Measure in a process of its own."""
    env = os.environ | ONE_THREAD | {"PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent)))}
    command = [sys.executable, "-m", "torture.endurance", str(steps), str(checkpoints)]
    done = subprocess.run(command, cwd=TESTS, env=env, capture_output=True, text=True, timeout=3600, check=False)
    if done.returncode:
        raise RuntimeError(f"endurance: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))))
