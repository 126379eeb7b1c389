"""Stopping and resuming, as it happens: processes that are killed or interrupted in the middle of an epoch.

Each test compares whole checkpoint files: weights, buffers, optimizer state, random state and place in the
data of a resumed run must be those of a run that never stopped, bit for bit.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minigen.training import read_log

# A program that trains a small net with all that has a memory: Adam, batch norm, dropout, random flips,
# threads. With a step to hang at, it stops dead inside that step, after the weights have moved, and waits
# to be killed.
PROGRAM = """
import sys, time
from dataclasses import dataclass
from pathlib import Path
import numpy as np
import minigen
import minigen.nn.functional as F
from minigen import nn
from minigen.data import DataLoader, ImageSet
from minigen.data.transforms import Compose, RandomHorizontalFlip, ToTensor
from minigen.models import System
from minigen.optim import Adam
from minigen.training import Trainer

folder, steps, hang = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])

@dataclass
class Options:
    batch_size: int = 8

class Small(System):
    name, Options, image_sizes, generates = "small", Options, (8,), False
    def __init__(self):
        super().__init__(shape=(1, 8, 8))
        self.net = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
            nn.Dropout(0.5), nn.Linear(256, 10),
        )
        self.optimizers = {"net": Adam(self.net.parameters(), lr=1e-2)}
        self.calls = 0
    def training_step(self, batch):
        images, labels = batch
        loss = F.cross_entropy(self.net(images), labels)
        self.optimizers["net"].zero_grad()
        loss.backward()
        self.optimizers["net"].step()
        self.calls += 1
        if self.calls == hang:
            (folder / "hanging").touch()
            time.sleep(600)
        return {"loss": loss}

minigen.manual_seed(5)
draw = np.random.default_rng(0)
images = ImageSet(
    draw.integers(0, 256, (300, 8, 8), dtype=np.uint8),
    draw.integers(0, 10, 300),
    transform=Compose([RandomHorizontalFlip(), ToTensor()]),
)
loader = DataLoader(images, batch_size=8, shuffle=True, seed=1, num_workers=2)
trainer = Trainer(Small(), loader, folder, checkpoint_every=50, log_every=1, quiet=True)
if (folder / "checkpoints").exists():
    trainer.resume()
trainer.fit(steps=steps)
"""


def start(*command):
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process, expect=0):
    out, err = process.communicate(timeout=300)
    assert process.returncode == expect, out + err
    return out, err


def wait_for(condition, process):
    deadline = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "waited for five minutes"
        time.sleep(0.01)


def log_without_times(folder):
    return [{**record, "seconds": 0} for record in read_log(folder / "log.jsonl")]


def test_kill_in_mid_epoch_then_resume_gives_the_same_bits(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    steps, killed_at = (
        120,
        75,
    )  # the last checkpoint is 25 steps back, the end 45 ahead; an epoch has 38 steps
    finish(start(program, whole, steps, 0))

    process = start(program, broken, steps, killed_at)
    wait_for((broken / "hanging").exists, process)
    os.kill(process.pid, signal.SIGKILL)
    finish(process, expect=-signal.SIGKILL)
    assert [path.name for path in sorted((broken / "checkpoints").iterdir())] == [
        "step-00000000.safetensors",
        "step-00000050.safetensors",
    ]
    assert read_log(broken / "log.jsonl")[-1]["step"] == killed_at - 1
    finish(start(program, broken, steps, 0))

    last = Path("checkpoints") / f"step-{steps:08d}.safetensors"
    assert (broken / last).read_bytes() == (whole / last).read_bytes()
    assert log_without_times(broken) == log_without_times(whole)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for one process on Windows")
def test_ctrl_c_saves_and_names_the_command_that_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIGEN_CACHE", str(tmp_path))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    command = "-m minigen train dcgan --generator-width 2 --discriminator-width 2 --batch-size 16 --images 320"
    command += " --steps 60 --seed 3 --log-every 1 --sample-every 20 --quiet --out"
    finish(start(*command.split(), whole))

    process = start(*command.split(), broken)
    log = broken / "log.jsonl"
    wait_for(lambda: log.exists() and log.read_text().count("\n") >= 5, process)
    process.send_signal(signal.SIGINT)
    out, _ = finish(process, expect=130)
    stopped_at = read_log(log)[-1]["step"]
    assert 5 <= stopped_at < 60
    assert f"step {stopped_at}" in out
    assert f"minigen train --resume {broken}" in out
    finish(start("-m", "minigen", "train", "--resume", broken, "--quiet"))

    for path in [*sorted(whole.rglob("*.png")), whole / "checkpoints" / "step-00000060.safetensors"]:
        if path.name != "curves.png":
            assert (broken / path.relative_to(whole)).read_bytes() == path.read_bytes(), path.name
    assert log_without_times(broken) == log_without_times(whole)


def test_a_log_line_cut_off_by_the_kill_is_dropped(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps({"step": 1, "loss": 2.0}) + "\n" + '{"step": 2, "lo')
    assert read_log(log) == [{"step": 1, "loss": 2.0}]
