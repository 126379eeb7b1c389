"""Same seed, same bits: every system, trained in two processes with other numbers of threads that make batches."""

import json
import os
import subprocess
import sys

import pytest
from table.systems import SMALL
from test_resume import log_without_times

from minigen import models

# Trains every system on the data that it names, some steps long, with a picture, a line of the log and a checkpoint a
# step, in an order that depends on the seed of Python's own hashes.
PROGRAM = """
import json, sys
from pathlib import Path
from minigen.training import Config, Trainer, build

folder, workers, small = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
for name in set(small):
    config = Config(system=name, images=24, seed=7, workers=workers, options={"batch_size": 8} | small[name])
    system, loader, test_loader = build(config)
    trainer = Trainer(
        system, loader, folder / name, test_loader=test_loader, log_every=1, sample_every=3, checkpoint_every=3,
        samples=8, quiet=True,
    )
    trainer.fit(steps=4)
"""
pytestmark = pytest.mark.xdist_group("determinism")  # one worker trains them all, once
PROCESSES = {"one": {"workers": 0, "hashes": 1}, "other": {"workers": 3, "hashes": 2}}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train all systems twice, each time in a process of its own."""
    folder = tmp_path_factory.mktemp("determinism")
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder / name), str(how["workers"]), json.dumps(SMALL)],
            env=os.environ | {"PYTHONHASHSEED": str(how["hashes"]), "MINIGEN_CACHE": str(folder / "cache")},
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, how in PROCESSES.items()
    ]
    for process in running:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
    return folder


@pytest.mark.parametrize("name", models.SYSTEMS)
def test_two_processes_end_with_the_same_bits(name, trained):
    one, other = (trained / process / name for process in PROCESSES)
    checkpoints = sorted(path.relative_to(one) for path in (one / "checkpoints").iterdir())
    pictures = sorted(path.relative_to(one) for path in (one / "samples").glob("*.png"))
    assert [path.stem for path in checkpoints if path.stem != "best"] == ["step-00000003", "step-00000004"]
    assert pictures or not (models.SYSTEMS[name].generates or models.SYSTEMS[name].restores)
    for path in [*checkpoints, *pictures]:
        assert (one / path).read_bytes() == (other / path).read_bytes(), path
    log = log_without_times(one)
    assert log == log_without_times(other)
    assert any("test/" in entry for record in log for entry in record)
