"""A checkpoint, which ``minigen sample``, ``evaluate`` and ``train --resume`` read.  A sha256 keeps no stranger out."""

from __future__ import annotations

import contextlib
import functools
import json
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

import minigen
from minigen.data import DataLoader, TensorDataset
from minigen.models import VAE, vae
from minigen.training import CheckpointError, Trainer, load_system, read_checkpoint, write_checkpoint
from minigen.training.checkpoint import checkpoint_path
from torture.configs import with_text
from torture.kind import Kind

OPTIONS = vae.Options(batch_size=4, hidden_size=4, latent_size=2)


@functools.cache
def trained() -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Train two steps in a folder of its own, and return what the checkpoint holds."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        trainer = new_trainer(Path(folder))
        trainer.fit(steps=2)
        return read_checkpoint(checkpoint_path(trainer.checkpoints, 2))


def new_trainer(folder: Path) -> Trainer:
    """Build the run whose checkpoints are attacked."""
    minigen.manual_seed(1)
    data = TensorDataset(minigen.rand(8, 1, 28, 28), minigen.zeros(8))
    return Trainer(VAE(OPTIONS), DataLoader(data, batch_size=4, shuffle=True, seed=2), folder, samples=4, quiet=True)


def make(folder: Path, rng: Random) -> Path:
    """Write the checkpoint of a small run."""
    path = checkpoint_path(folder / "checkpoints", 2)
    arrays, record = trained()
    write_checkpoint(path, arrays, dict(record))
    (folder / "checkpoints" / "canary.py").write_text((folder / "canary.py").read_text())
    return path


def read(path: Path) -> None:
    """Read it in the three ways there are; a refused state must leave a trainer as it was."""
    own = new_trainer(path.parents[1])
    before = {name: tensor.numpy().copy() for name, tensor in own.system.state_dict().items()}
    optimizers = {name: optimizer.state_dict()["param_groups"] for name, optimizer in own.system.optimizers.items()}
    random, place = minigen.get_rng_state(), own.loader.state_dict()
    try:
        read_checkpoint(path)
        own.restore()
    except CheckpointError:
        after = own.system.state_dict()
        assert all(np.array_equal(before[name], after[name].numpy()) for name in before), "weights half restored"
        for name, optimizer in own.system.optimizers.items():
            now = optimizer.state_dict()
            assert not now["state"] and now["param_groups"] == optimizers[name], "optimizers half restored"
        assert (own.step, minigen.get_rng_state(), own.loader.state_dict()) == (0, random, place), "half restored"
        with contextlib.suppress(CheckpointError):  # this needs less of the file, and may work
            load_system(path)
        raise
    load_system(path)


# ------------------------------------------------------------------------------------ with a sha256 that is right


def with_record(**changes: Any) -> Callable[[Path], None]:
    """Return an attack that changes entries of the record (None removes one), and signs it again."""

    def craft(path: Path) -> None:
        arrays, record = trained()
        changed = {**record, **changes}
        write_checkpoint(path, arrays, {name: value for name, value in changed.items() if value is not None})

    return craft


def with_arrays(change: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]) -> Callable[[Path], None]:
    """Return an attack that changes arrays, and signs them again."""

    def craft(path: Path) -> None:
        arrays, record = trained()
        write_checkpoint(path, change(dict(arrays)), dict(record))

    return craft


def with_options(**changes: Any) -> Callable[[Path], None]:
    """Return an attack that changes the system's options."""
    options = {"batch_size": 4, "hidden_size": 4, "latent_size": 2}

    def craft(path: Path) -> None:
        with_record(options={**trained()[1]["options"], **options, **changes})(path)

    return craft


def with_header(header: Any, body: bytes = b"", length: int | None = None) -> Callable[[Path], None]:
    """Return an attack that is a safetensors file with such a header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return with_text(struct.pack("<Q", len(text) if length is None else length) + text + body)


def deep(depth: int) -> Any:
    """Return a nest of lists."""
    nest: Any = 1
    for _ in range(depth):
        nest = [nest]
    return nest


def tensor_entry(**changes: Any) -> dict[str, Any]:
    """Return a header with one tensor of eight bytes."""
    return {"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}


ARRAYS: dict[str, Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]] = {
    "no arrays": lambda arrays: {},
    "one array less": lambda arrays: dict(list(arrays.items())[1:]),
    "one array more": lambda arrays: {**arrays, "system.other": np.zeros(3)},
    "arrays of other shapes": lambda arrays: {name: a.reshape(-1) for name, a in arrays.items()},
    "arrays of numbers that are none": lambda arrays: {name: np.full_like(a, np.nan) for name, a in arrays.items()},
    "arrays of other types": lambda arrays: {name: a.astype(np.int8) for name, a in arrays.items()},
    "ten thousand arrays": lambda arrays: arrays | {f"system.x{i}": np.zeros(0) for i in range(10_000)},
}
HEADERS: dict[str, Callable[[Path], None]] = {
    "header longer than the file": with_header({}, length=10**6),
    "header of 2**63 bytes": with_header({}, length=2**63),
    "header that is a list": with_header([]),
    "deep header": with_header(b"[" * 100_000),
    "offsets beyond the end": with_header(tensor_entry(data_offsets=[0, 2**40]), b"\0" * 8),
    "offsets backwards": with_header(tensor_entry(data_offsets=[8, 0]), b"\0" * 8),
    "shape of 2**62": with_header(tensor_entry(shape=[2**31, 2**31]), b"\0" * 8),
    "shape below none": with_header(tensor_entry(shape=[-1]), b"\0" * 8),
    "a shape of a thousand axes": with_header(tensor_entry(shape=[1] * 1000 + [2]), b"\0" * 8),
    "bfloat16": with_header(tensor_entry(dtype="BF16", shape=[4]) | {"__metadata__": {"minigen": "{}"}}, b"\0" * 8),
    "unknown type": with_header(tensor_entry(dtype="OBJECT"), b"\0" * 8),
    "metadata that is no text": with_header({"__metadata__": {"minigen": 3}}),
    "record that is no JSON": with_header({"__metadata__": {"minigen": "{"}}),
    "record that is a list": with_header({"__metadata__": {"minigen": "[]"}}),
    "record that is a number": with_header({"__metadata__": {"minigen": "3"}}),
    "record that is deep": with_header({"__metadata__": {"minigen": "[" * 100_000}}),
    "record with a large number": with_header({"__metadata__": {"minigen": '{"format": ' + "9" * 10_000 + "}"}}),
    "format that is a text": with_header({"__metadata__": {"minigen": '{"format": "2", "sha256": "0"}'}}),
    "empty": with_text(b""),
    "a pickle": with_text(
        b"\x80\x04\x95\x1c\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R."
    ),
    "a zip, as PyTorch writes": with_text(b"PK\x03\x04" + b"\0" * 100),
}
RECORDS: dict[str, Callable[[Path], None]] = {
    "a program for a system": with_record(system="canary.py"),
    "a program by its whole path": lambda path: with_record(system=str(path.parent / "canary.py"))(path),
    "a system that is a list": with_record(system=["vae"]),
    "a system that is none": with_record(system="../../vae"),
    "another system": with_record(system="lenet"),
    "no system": with_record(system=None),
    "no options": with_record(options=None),
    "options that are a list": with_record(options=[1, 2]),
    "a system of many gigabytes": with_options(hidden_size=10**7),
    "a system of more bytes than there are": with_options(hidden_size=10**14),
    "an option of 2**70": with_options(latent_size=2**70),
    "an option below none": with_options(hidden_size=-4),
    "an option that is a text": with_options(hidden_size="4"),
    "an option that is a list": with_options(hidden_size=[4]),
    "an option that is unknown": with_options(__class__="x"),
    "a shape of points": with_record(shape=[2]),
    "a large shape": with_record(shape=[1, 2**20, 2**20]),
    "a shape that is a text": with_record(shape="abc"),
    "a shape that is deep": with_record(shape=deep(50)),
    "many classes": with_record(classes=2**40),
    "classes that are a text": with_record(classes="10"),
    "a step that is a text": with_record(step="2"),
    "a step below none": with_record(step=-1),
    "a step of 2**80": with_record(step=2**80),
    "a step that is no number": with_record(step=float("nan")),
    "no random state": with_record(random=None),
    "a random state that is none": with_record(random={"bit_generator": "os", "state": 1}),
    "a random state that is a text": with_record(random="x"),
    "a place that is none": with_record(loader={"epoch": -1, "position": 10**9}),
    "a place that is a text": with_record(loader="x"),
    "optimizers that are a list": with_record(optimizers=[]),
    "no optimizers": with_record(optimizers={}),
    "an optimizer that is deep": with_record(optimizers={"vae": deep(400)}),
    "an optimizer with arrays that are none": with_record(optimizers={"vae": {"array": "nowhere"}}),
    "an optimizer with pairs that are none": with_record(optimizers={"vae": {"pairs": [1, 2, 3]}}),
}

KINDS = [
    Kind(
        "safetensors checkpoint",
        make,
        read,
        errors=(CheckpointError,),
        crafted=HEADERS | RECORDS | {name: with_arrays(change) for name, change in ARRAYS.items()},
    )
]
