"""Checkpoint files: everything that training needs in order to go on as if it had never stopped.

A checkpoint is one safetensors file: the arrays (weights, buffers, optimizer state), and beside them one JSON
record (which system with which options, the step, random states, the position in the data).  Nothing in it is
executed on reading, as a pickle would be.  This file knows files and arrays; what is put in is decided in
`minigen.training.state`.

The promises:

- A checkpoint is there whole or not at all: it is written under another name, forced to the disk, then
  renamed.
- A damaged file is noticed: a sha256 over record and arrays is stored and compared.
- The last few are kept, and the best (`best_path`), where a figure over the test set says which that is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from minigen.files import as_path, atomic_write
from minigen.saving import storable
from minigen.training.environment import machine_memory

FORMAT = 2
KEEP = 2  # checkpoints, unless a run asks for more
# All in one entry: safetensors writes several entries in an order that changes from run to run.
RECORD = "minigen"


class CheckpointError(RuntimeError):
    """A checkpoint that is missing, damaged, or made for something else; the message says what to do."""


# -------------------------------------------------------------------------------------------------- one file


def fingerprint(arrays: dict[str, np.ndarray], record: dict[str, Any]) -> str:
    """Return the sha256 over the record and over name, type, shape and bytes of each array."""
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def write_checkpoint(path: str | Path, arrays: dict[str, np.ndarray], record: dict[str, Any]) -> None:
    """Write arrays and a JSON-able record to ``path``: whole, or not at all.

    Raises
    ------
    minigen.files.WriteError
        If it cannot be written (a full disk, no permission); what was at ``path`` before is still there.
    TypeError
        If an array has a type that such a file cannot hold.
    """
    arrays = {name: storable("write_checkpoint", name, array) for name, array in arrays.items()}
    record = {"format": FORMAT, **record}
    record["sha256"] = fingerprint(arrays, record)
    path = as_path("write_checkpoint", "path", path)
    with atomic_write(path) as file:
        file.write(save(arrays, metadata={RECORD: json.dumps(record, sort_keys=True)}))
    sync_folder(path.parent)


def read_checkpoint(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return arrays and record of the checkpoint at ``path``.

    Raises
    ------
    CheckpointError
        If the file is missing, cut off, changed, no checkpoint of minigen, or made by a later minigen.
    """
    path = as_path("read_checkpoint", "path", path)
    if not path.exists():
        raise CheckpointError(f"{path}: there is no such checkpoint")
    if not path.is_file():
        raise CheckpointError(f"{path}: this is no file; name a checkpoint, or the folder of a run")
    if path.stat().st_size > machine_memory():  # the file may have holes, and cost its author nothing
        raise CheckpointError(f"{path}: this checkpoint is larger than the memory of this machine")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
    except OSError as error:
        raise CheckpointError(f"{path}: this checkpoint cannot be read: {error.strerror or error}") from None
    except (SafetensorError, ValueError, TypeError) as error:  # the last two: types and shapes that NumPy has not
        raise CheckpointError(f"{path}: this checkpoint is damaged or cut off ({error})") from None
    if RECORD not in metadata:
        raise CheckpointError(f"{path}: this is a safetensors file, but not a checkpoint of minigen")
    record, stored = read_record(path, metadata[RECORD])
    try:
        whole = fingerprint(arrays, record) == stored
    except RecursionError:  # of json, which stands a little deeper in the stack than when it read the record
        whole = False
    if not whole:
        raise CheckpointError(f"{path}: this checkpoint is damaged: its contents do not have the sha256 they had")
    return arrays, record


def read_record(path: Path, text: str) -> tuple[dict[str, Any], str]:
    """Return the record of a checkpoint, and the sha256 that it was written with.

    Raises
    ------
    CheckpointError
        If it is no record, or one of another format.
    """
    try:
        record = json.loads(text)
        stored, version = record.pop("sha256"), record["format"]
    except KeyError as error:
        raise CheckpointError(f"{path}: this checkpoint's record is damaged: it has no {error}") from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path}: this checkpoint's record is damaged ({error})") from None
    if not isinstance(version, int) or not isinstance(stored, str):
        raise CheckpointError(f"{path}: this checkpoint's record is damaged (format or sha256)")
    if version < FORMAT:
        raise CheckpointError(
            f"{path}: this checkpoint has format {version}, this minigen reads format {FORMAT}; train again"
        )
    if version > FORMAT:
        raise CheckpointError(
            f"{path}: this checkpoint has format {version}, this minigen reads up to format {FORMAT}; "
            "it was made by a later minigen: pip install --upgrade minigen"
        )
    return record, stored


def sync_folder(folder: Path) -> None:
    """Force a folder's names to the disk, so that a new one survives a power cut (not on Windows)."""
    with contextlib.suppress(OSError, AttributeError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# ---------------------------------------------------------------------------------------- a folder of them


def checkpoint_path(folder: str | Path, step: int) -> Path:
    """Return the name of the checkpoint after ``step`` steps."""
    return Path(folder) / f"step-{step:08d}.safetensors"


def best_path(folder: str | Path) -> Path:
    """Return the name of the checkpoint with the best figure over the test set."""
    return Path(folder) / "best.safetensors"


def checkpoints_in(folder: str | Path) -> list[Path]:
    """Return the checkpoints in ``folder``, the one with the fewest steps first."""
    found = [
        p
        for p in as_path("checkpoints_in", "folder", folder, "folder").glob("step-*.safetensors")
        if re.fullmatch(r"step-\d{1,18}", p.stem)
    ]
    return sorted(found, key=lambda p: (int(p.stem.removeprefix("step-")), p.name))


def newest_checkpoint(folder: str | Path) -> Path:
    """Return the checkpoint with the most steps.

    Raises
    ------
    CheckpointError
        If ``folder`` holds none.
    """
    found = checkpoints_in(folder)
    if not found:
        raise CheckpointError(f"{folder}: no checkpoint here; give the folder of a run, as `minigen train` makes it")
    return found[-1]


def remove_old_checkpoints(folder: str | Path, keep: int = KEEP) -> None:
    """Keep the last ones: more than one, in case the last is lost to a bad disk."""
    for path in checkpoints_in(folder)[:-keep]:
        path.unlink(missing_ok=True)
