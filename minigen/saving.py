"""`save` and `load`: tensors, and dicts and lists of them, in a file that holds no code.

Where PyTorch pickles, this writes one safetensors file: the arrays, each under a name that says where it stood (those
of a ``state_dict`` keep their own), and one JSON text that says how they belong together.  So other programs can read
the arrays, and whoever reads a file runs nothing that is in it.
"""

from __future__ import annotations

import json
import os
from typing import IO, Any

import numpy as np
import safetensors.numpy

from minigen.backend import OutOfMemoryError, find_device
from minigen.creation import tensor
from minigen.files import as_path, atomic_write
from minigen.tensor import Tensor

STORED = tuple("bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64".split())
# All in one entry: safetensors writes several entries in an order that changes from run to run.
_STRUCTURE = "minigen.save"
_WANTED = "tensors, arrays, numbers, texts, None, and dicts, lists and tuples of these can be saved"


def save(obj: Any, f: str | os.PathLike[str] | IO[bytes]) -> None:
    """Write tensors, or dicts and lists with tensors in them, to a file.

    A tensor that stands in several places is stored once, and `load` gives back one.  The file of a ``state_dict`` is
    what ``safetensors.torch.load_file`` reads in PyTorch.

    Parameters
    ----------
    obj : Tensor, array, number, str, None, or dict, list or tuple of these
        For instance ``{"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}``.
    f : str, path or file object
        Where to; a path's folder is made where it is missing, and the file is there whole or not at all.

    Raises
    ------
    TypeError
        If something cannot be stored without code, such as a module; its ``state_dict()`` can.
    minigen.data.WriteError
        If the file cannot be written; what was there before still is.

    Examples
    --------
    >>> import os, tempfile
    >>> from minigen import nn
    >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
    >>> model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    >>> save(model.state_dict(), path)
    >>> other.load_state_dict(load(path))
    IncompatibleKeys(missing_keys=[], unexpected_keys=[])
    """
    packer = _Packer()
    try:
        structure = json.dumps(packer.pack(obj, ""))
    except RecursionError:
        raise ValueError("save: obj holds itself, or is nested too deeply") from None
    content = safetensors.numpy.save(packer.arrays, metadata={_STRUCTURE: structure})
    if hasattr(f, "write"):
        f.write(content)
        return
    with atomic_write(as_path("save", "f", f)) as file:
        file.write(content)


def load(f: str | os.PathLike[str] | IO[bytes], map_location: Any = None, *, weights_only: bool = True) -> Any:
    """Read what `save` wrote, or the tensors of any other safetensors file, as a dict by their names.

    Parameters
    ----------
    f : str, path or file object
        Where from.
    map_location : str, optional
        The device of the tensors; by default the CPU, wherever they were saved from.  `Module.load_state_dict` copies
        them to where the parameters are.
    weights_only : bool
        Without effect, since no file is trusted: reading never runs code.

    Returns
    -------
    object
        New tensors in what held them.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, or not of this kind: what PyTorch pickled can be read by PyTorch only.
    OutOfMemoryError
        If it does not fit into memory.

    Examples
    --------
    >>> import io
    >>> import minigen
    >>> file = io.BytesIO()
    >>> save({"weights": [minigen.ones(2)], "epoch": 3}, file)
    >>> _ = file.seek(0)
    >>> load(file)
    {'weights': [tensor([1., 1.])], 'epoch': 3}
    """
    device = find_device(map_location)
    name = str(getattr(f, "name", "the file")) if hasattr(f, "read") else str(as_path("load", "f", f))
    try:
        content = f.read() if hasattr(f, "read") else as_path("load", "f", f).read_bytes()
        arrays, structure = _parse(name, content)
        unpacker = _Unpacker(arrays, device)
        if structure is None:
            return {key: unpacker.tensor(key) for key in arrays}
        return unpacker.unpack(json.loads(structure))
    except MemoryError:
        raise OutOfMemoryError(f"load: {name} does not fit into memory") from None
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        if str(error).startswith("load: "):
            raise
        raise ValueError(f"load: {name} is damaged, or was not written by save: {error}") from None


def storable(owner: str, name: str, array: np.ndarray) -> np.ndarray:
    """Return an array in the order and with the byte order of the file format.

    safetensors stores wrong values for arrays that are not C-contiguous, and says nothing.

    Raises
    ------
    TypeError
        If such a file cannot hold numbers of its type.
    """
    array = np.asarray(array, order="C")  # ascontiguousarray would give an array without axes one
    if array.dtype.name not in STORED:
        raise TypeError(f"{owner}: {name} is {array.dtype}, but a checkpoint holds {', '.join(STORED)}")
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


class _Packer:
    """Takes the arrays out of what is saved, and leaves their names: what remains can be written as JSON."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.names: dict[int, str] = {}  # of tensors by their identity

    def pack(self, value: Any, place: str) -> Any:
        """Return numbers and texts as they are, all else as ``[kind, ...]``."""
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, Tensor):
            return ["tensor", self.store(value, value.detach().cpu().numpy(), place), value.requires_grad]
        if isinstance(value, np.ndarray):
            return ["array", self.store(value, value, place)]
        if isinstance(value, dict):
            items = ((self.key(key, place), self.pack(part, _below(place, key))) for key, part in value.items())
            return ["dict", *items]
        if isinstance(value, (list, tuple)):
            kind = "list" if isinstance(value, list) else "tuple"
            return [kind, *(self.pack(part, _below(place, i)) for i, part in enumerate(value))]
        hint = "save its state_dict()" if hasattr(value, "state_dict") else _WANTED
        raise TypeError(f"save: {place or 'obj'} is a {type(value).__name__}, which only code could bring back; {hint}")

    def key(self, key: Any, place: str) -> Any:
        if key is None or isinstance(key, (bool, int, float, str)):
            return key
        raise TypeError(f"save: a key of {place or 'obj'} is a {type(key).__name__}; numbers and texts can be saved")

    def store(self, owner: Any, array: np.ndarray, place: str) -> str:
        """Keep an array, once for all places where its owner stands; return its name."""
        if id(owner) not in self.names:
            name = place or "tensor"
            while name in self.arrays:  # {"a": {"b.c": x}, "a.b": {"c": y}}
                name += "'"
            self.arrays[name] = storable("save", name, array)
            self.names[id(owner)] = name
        return self.names[id(owner)]


def _below(place: str, key: Any) -> str:
    return f"{place}.{key}" if place else str(key)


def _parse(name: str, content: bytes) -> tuple[dict[str, np.ndarray], str | None]:
    """Return the arrays of a safetensors file, and the text that says how they belong together, if there is one."""
    try:
        arrays = safetensors.numpy.load(content)
    except safetensors.SafetensorError as error:
        if content[:2] == b"PK" or content[:1] == b"\x80":
            raise ValueError(
                f"load: {name} was pickled, as torch.save does: to read it is to run what is in it.  In PyTorch, write "
                "it with safetensors.torch.save_file(net.state_dict(), path); that file can be loaded here"
            ) from None
        raise ValueError(error) from None
    except KeyError as error:
        raise ValueError(f"NumPy has no numbers of the type {error}") from None
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return arrays, header.get("__metadata__", {}).get(_STRUCTURE)


class _Unpacker:
    """Puts together what `_Packer` took apart."""

    def __init__(self, arrays: dict[str, np.ndarray], device: str) -> None:
        self.arrays, self.device = arrays, device
        self.tensors: dict[str, Tensor] = {}

    def tensor(self, name: str) -> Tensor:
        """Make a tensor of an array, one for all places that name it."""
        if name not in self.tensors:
            self.tensors[name] = tensor(self.arrays[name]).to(self.device)
        return self.tensors[name]

    def unpack(self, node: Any) -> Any:
        """Return what stands in a node: itself, unless it is ``[kind, ...]``."""
        if not isinstance(node, list):
            return node
        kind, *parts = node
        if kind == "tensor":
            name, requires_grad = parts
            return self.tensor(name).requires_grad_(requires_grad)
        if kind == "array":
            return self.arrays[parts[0]]
        if kind == "dict":
            return {key: self.unpack(part) for key, part in parts}
        if kind in ("list", "tuple"):
            found = map(self.unpack, parts)
            return list(found) if kind == "list" else tuple(found)
        raise ValueError(f"there is no kind {kind!r}")
