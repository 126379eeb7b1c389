"""What a checkpoint holds: the way from a system in training to arrays and a JSON record, and back.

Weights, buffers and optimizer state become arrays; the system's name and options, random states and all
numbers become the record.  `minigen.training.checkpoint` writes both to a file.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

import minigen
from minigen import Tensor
from minigen.models import System, find_system
from minigen.training.checkpoint import CheckpointError, newest_checkpoint, read_checkpoint


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
    """Write a stored state into a system, into the arrays that it has.

    Raises
    ------
    CheckpointError
        If the state is that of another system, or of one with other options.
    """
    for name, own in identity(system).items():
        if record[name] != own:
            raise CheckpointError(difference(name, record[name], own))
    weights = {name.removeprefix("system."): a for name, a in arrays.items() if name.startswith("system.")}
    system.load_state_dict({name: minigen.from_numpy(array) for name, array in weights.items()})
    for name, optimizer in system.optimizers.items():
        optimizer.load_state_dict(unflatten_state(record["optimizers"][name], arrays))


def load_system(path: str | Path, device: str = "cpu") -> System:
    """Build the system that a run trained, with its weights.

    Parameters
    ----------
    path : str or Path
        A run's folder (its newest checkpoint is taken), or one checkpoint file.
    device : str
        Where the system shall live.

    Raises
    ------
    CheckpointError
        If there is no checkpoint, it is damaged, or its system is not one of minigen's.
    """
    path = Path(path)
    if path.is_dir():
        path = newest_checkpoint(path / "checkpoints")
    arrays, record = read_checkpoint(path)
    try:
        kind = find_system(record["system"])
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None
    system = kind(
        kind.Options(**record["options"]),
        shape=tuple(record["shape"]),
        classes=record["classes"],
    )
    system.to(device)
    restore_system(system, arrays, record)
    return system


def identity(system: System) -> dict[str, Any]:
    """Return what must agree before a state fits a system."""
    return {
        "system": system.source or system.name,
        "options": dataclasses.asdict(system.options),
        "shape": list(system.shape),
        "classes": system.classes,
    }


def difference(name: str, stored: Any, own: Any) -> str:
    """Say in one sentence how a checkpoint differs from the system that it should go into."""
    if isinstance(stored, dict) and isinstance(own, dict):
        changed = [key for key in {**stored, **own} if stored.get(key) != own.get(key)]
        name, stored, own = f"option {changed[0]}", stored.get(changed[0]), own.get(changed[0])
    return f"the checkpoint does not fit: its {name} is {stored!r}, here it is {own!r}"


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
