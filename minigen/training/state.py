"""What a checkpoint holds: the way from a system in training to arrays and a JSON record, and back.

Weights, buffers and optimizer state become arrays; the system's name and options, random states and all
numbers become the record.  `minigen.training.checkpoint` writes both to a file.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

import minigen
from minigen import Tensor
from minigen.files import as_path
from minigen.models import System, find_system
from minigen.models.arguments import short
from minigen.modes import allowing
from minigen.training.checkpoint import CheckpointError, checkpoints_in, newest_checkpoint, read_checkpoint
from minigen.training.options import make_options, same_system

# What a record must have, beside its format.
ENTRIES = {"system": str, "options": dict, "shape": list, "classes": int, "optimizers": dict}
# What is raised by states that are not what they should be, from optimizers, modules, constructors.
MALFORMED = (KeyError, IndexError, ValueError, TypeError, AttributeError, RuntimeError, ArithmeticError, RecursionError)
SPARE = 2**16  # numbers that a system may make beside its weights while it is built


def system_state(system: System) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays of a system and its optimizers, and the record that says how to build it again."""
    arrays = {f"system.{name}": tensor.detach().cpu().numpy() for name, tensor in system.state_dict().items()}
    optimizers = {
        name: flatten_state(optimizer.state_dict(), f"optimizer.{name}", arrays)
        for name, optimizer in system.optimizers.items()
    }
    record = {"minigen": minigen.__version__, **identity(system), "optimizers": optimizers}
    return arrays, record


def restore_system(system: System, arrays: dict[str, np.ndarray], record: dict[str, Any]) -> None:
    """Write a stored state into a system, into the arrays that it has.  If it raises, nothing has changed.

    Raises
    ------
    CheckpointError
        If the state is that of another system, or of one with other options, or is not whole.
    """
    check_record(record)
    for name, own in identity(system).items():
        if record[name] != own and not (name == "system" and same_system(record[name], own)):
            raise CheckpointError(difference(name, record[name], own))
    weights = {name.removeprefix("system."): a for name, a in arrays.items() if name.startswith("system.")}
    before = {name: (optimizer.param_groups, optimizer.state) for name, optimizer in system.optimizers.items()}
    try:
        check_dtypes(system, weights)
        for name, optimizer in system.optimizers.items():
            optimizer.load_state_dict(unflatten_state(record["optimizers"][name], arrays))
        system.load_state_dict({name: minigen.from_numpy(array) for name, array in weights.items()})  # all or nothing
    except (CheckpointError, *MALFORMED) as error:
        for name, (groups, state) in before.items():
            system.optimizers[name].param_groups, system.optimizers[name].state = groups, state
        raise not_whole(error) from None


def load_system(path: str | Path, device: str = "cpu", kind: type[System] | None = None) -> System:
    """Build the system that a run trained, with its weights.

    Parameters
    ----------
    path : str or Path
        A run's folder (its newest checkpoint is taken), or one checkpoint file.
    device : str
        Where the system shall live.
    kind : type, optional
        The class of a system of your own.  A checkpoint names it, but nothing is imported because of that.

    Raises
    ------
    CheckpointError
        If there is no checkpoint, it is damaged, or its system is neither ``kind`` nor one of minigen's.
    """
    path = given = as_path("load_system", "path", path)
    older: list[Path] = []
    if given.is_dir():
        folder = given / "checkpoints"
        path, older = newest_checkpoint(folder), checkpoints_in(folder)[:-1]
    try:
        arrays, record = read_checkpoint(path)
    except CheckpointError as error:
        if given.is_dir() and not path.exists():  # a run that goes on has removed it, and written a newer one
            return load_system(given, device, kind)
        remedy = f". The one before it can be named in its place: {older[-1]}" if older else ""
        raise CheckpointError(f"{error}{remedy}") from None
    try:
        system = build_stored(arrays, record, kind)
        system.to(device)
        restore_system(system, arrays, record)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    return system


def build_stored(arrays: dict[str, np.ndarray], record: dict[str, Any], kind: type[System] | None) -> System:
    """Build the system that a checkpoint describes, no larger than the arrays that lie beside the description.

    Raises
    ------
    CheckpointError
        If the description is not one of a system, or does not fit the arrays.
    """
    check_record(record)
    if kind is not None and not same_system(record["system"], kind.source or kind.name):
        raise CheckpointError(difference("system", record["system"], kind.source or kind.name))
    weights = [array for name, array in arrays.items() if name.startswith("system.")]
    try:
        kind = kind or find_system(record["system"])
        options = make_options(kind, record["options"])
        with allowing(allowed_numbers(arrays)):
            system = kind(options, shape=tuple(record["shape"]), classes=record["classes"])
    except MemoryError as error:
        raise CheckpointError(f"its {record['system']} is larger than the arrays beside it: {error}") from None
    except MALFORMED as error:
        raise not_whole(error) from None
    floats = {array.dtype for array in weights if array.dtype.kind == "f"}
    return system.to(dtype=floats.pop()) if len(floats) == 1 else system


def allowed_numbers(arrays: dict[str, np.ndarray]) -> int:
    """Return how many numbers a system may be built of whose arrays these are: a weight may be drawn and copied."""
    return SPARE + 4 * sum(array.size for name, array in arrays.items() if name.startswith("system."))


def check_record(record: dict[str, Any]) -> None:
    """Refuse a record that lacks an entry, or whose entries are of another type.

    Raises
    ------
    CheckpointError
        Naming the entry.
    """
    for name, wanted in ENTRIES.items():
        if name not in record:
            raise CheckpointError(f"the checkpoint has no entry {name!r}")
        if not isinstance(record[name], wanted) or isinstance(record[name], bool):
            raise CheckpointError(f"the checkpoint's entry {name!r} is {short(record[name])}, no {wanted.__name__}")
    shape = record["shape"]
    if not (len(shape) in (1, 3) and all(isinstance(n, int) and 0 < n < 2**16 for n in shape)):
        raise CheckpointError(f"the checkpoint's entry 'shape' is {short(str(shape)[:80])}, no shape of a sample")
    if not 0 < record["classes"] < 2**31:
        raise CheckpointError(f"the checkpoint's entry 'classes' is {short(record['classes'])}, no number of classes")


def check_dtypes(system: System, weights: dict[str, np.ndarray]) -> None:
    """Refuse arrays of other types than the system has: numbers would be lost without a word."""
    for name, own in system.state_dict().items():
        if name in weights and weights[name].dtype != own.dtype:
            raise CheckpointError(f"the checkpoint does not fit: its {name} is {weights[name].dtype}, here {own.dtype}")


def not_whole(error: Exception) -> CheckpointError:
    """Return the error for a state in which something is missing or malformed, whatever noticed that."""
    if isinstance(error, CheckpointError):
        return error
    text = f"it lacks {error}" if isinstance(error, KeyError) else str(error).replace("\n\t", " ")
    return CheckpointError(f"the checkpoint does not fit: {text[:500]}")


def identity(system: System) -> dict[str, Any]:
    """Return what must agree before a state fits a system."""
    return {
        "system": system.source or system.name,
        "options": json.loads(json.dumps(dataclasses.asdict(system.options))),  # as a file gives it back
        "shape": list(system.shape),
        "classes": system.classes,
    }


def difference(name: str, stored: Any, own: Any) -> str:
    """Say in one sentence how a checkpoint differs from the system that it should go into."""
    if isinstance(stored, dict) and isinstance(own, dict):
        changed = [key for key in {**stored, **own} if stored.get(key) != own.get(key)]
        name, stored, own = f"option {changed[0]}", stored.get(changed[0]), own.get(changed[0])
    return f"the checkpoint does not fit: its {name} is {short(stored)}, here it is {short(own)}"


# ----------------------------------------------------------------------------------------- states as arrays


def flatten_state(state: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """Take the arrays out of nested dicts and lists.

    Parameters
    ----------
    state : dict, list, Tensor, array or scalar
        What a ``state_dict`` returned.
    name : str
        What the names of its arrays begin with.
    arrays : dict
        Receives the arrays, by name.

    Returns
    -------
    object
        The same nest for JSON, with ``{"array": name}`` where an array was, and dicts as lists of pairs
        (the keys of an optimizer's state are integers, which JSON would turn into strings).

    Examples
    --------
    >>> arrays = {}
    >>> flatten_state({"step": 3, "mean": np.zeros(2)}, "adam", arrays)
    {'pairs': [['step', 3], ['mean', {'array': 'adam.mean'}]]}
    >>> list(arrays)
    ['adam.mean']
    """
    if isinstance(state, Tensor):
        state = state.detach().cpu().numpy()
    if isinstance(state, (np.ndarray, np.generic)):
        arrays[name] = np.asarray(state)
        return {"array": name}
    if isinstance(state, dict):
        return {"pairs": [[key, flatten_state(value, f"{name}.{key}", arrays)] for key, value in state.items()]}
    if isinstance(state, (list, tuple)):
        return [flatten_state(value, f"{name}.{index}", arrays) for index, value in enumerate(state)]
    return state


def unflatten_state(tree: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Undo `flatten_state`; arrays come back as tensors, tuples as lists."""
    if isinstance(tree, dict) and "array" in tree:
        return minigen.from_numpy(arrays[tree["array"]])
    if isinstance(tree, dict):
        return {key: unflatten_state(value, arrays) for key, value in tree["pairs"]}
    if isinstance(tree, list):
        return [unflatten_state(value, arrays) for value in tree]
    return tree
