"""How values travel between the grader and the process of a hand-in: plain data in a fixed binary format.

Arrays, numbers, texts, and lists, tuples and dictionaries of them; nothing that is read can become code, and every size
is looked at before memory is taken.  Whoever writes into the pipe by force can only send other values, or nonsense,
which is a `WireError`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["MOST_BYTES", "WireError", "decode", "encode"]

MOST_BYTES = 64 * 2**20  # of one message
MOST_ITEMS = 20_000  # in all lists, tuples and dictionaries of one message together
MOST_DEPTH = 16
MOST_AXES = 16
DTYPES = tuple(np.dtype(name) for name in "bool u1 i1 i2 i4 i8 f2 f4 f8".split())
LENGTH = struct.Struct("<I")
INTEGER, REAL = struct.Struct("<q"), struct.Struct("<d")


class WireError(ValueError):
    """A value that cannot be sent, or bytes that are no value."""


def encode(value: Any, functions: list[Callable[..., Any]] | None = None) -> bytes:
    """Turn a value into bytes.

    Parameters
    ----------
    value
        None, a bool, an int of 64 bits, a float, a text, an array of numbers, or a list, a tuple or a dict (whose keys
        are texts) of them.
    functions : list, optional
        Functions in the value are appended here and sent as their place in it.  Without it a function cannot be sent.

    Raises
    ------
    WireError
        If the value is something else, or too large; the message says what it is.

    Examples
    --------
    >>> decode(encode({"x": np.arange(3.0), "names": ("a", None)}))
    {'x': array([0., 1., 2.]), 'names': ('a', None)}
    """
    parts: list[bytes] = []
    _write(value, parts, functions, 0, [0, 0])
    return b"".join(parts)


def _write(value: Any, parts: list[bytes], functions: list | None, depth: int, used: list[int]) -> None:
    """Append the bytes of one value; ``used`` counts items and bytes."""
    if depth > MOST_DEPTH:
        raise WireError(f"lists in lists, more than {MOST_DEPTH} deep")
    used[0] += 1
    if used[0] > MOST_ITEMS:
        raise WireError(f"more than {MOST_ITEMS} values")
    kind = type(value)
    if kind in SIMPLE and not (kind is int and not -(2**63) <= value < 2**63):
        content = SIMPLE[kind](value)
        _count(used, len(content))
        parts.append(content)
    elif isinstance(value, np.ndarray | np.generic):
        _write_array(np.asarray(value), parts, used)
    elif kind in (list, tuple):
        parts.append((b"l" if kind is list else b"t") + LENGTH.pack(len(value)))
        for item in value:
            _write(item, parts, functions, depth + 1, used)
    elif kind is dict and all(type(key) is str for key in value):
        parts.append(b"d" + LENGTH.pack(len(value)))
        for key, item in value.items():
            _write(key, parts, functions, depth + 1, used)
            _write(item, parts, functions, depth + 1, used)
    elif callable(value) and functions is not None:
        parts.append(b"c" + LENGTH.pack(len(functions)))
        functions.append(value)
    else:
        remedy = "; make it an array with .numpy()" if kind.__name__ == "Tensor" else ""
        raise WireError(f"a {kind.__name__}, where arrays, numbers, texts and lists of them are understood{remedy}")


def _write_text(value: str) -> bytes:
    text = value.encode("utf-8", "replace")
    return b"s" + LENGTH.pack(len(text)) + text


SIMPLE: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda value: b"N",
    bool: lambda value: b"T" if value else b"F",
    int: lambda value: b"i" + INTEGER.pack(value),
    float: lambda value: b"f" + REAL.pack(value),
    str: _write_text,
}


def _count(used: list[int], size: int) -> None:
    """Add to the bytes of a message."""
    used[1] += size
    if used[1] > MOST_BYTES:
        raise WireError(f"more than {MOST_BYTES // 2**20} MiB")


def _write_array(array: np.ndarray, parts: list[bytes], used: list[int]) -> None:
    """Append an array: its type, its shape, its numbers in C order."""
    dtype = array.dtype.newbyteorder("<") if array.dtype.kind in "iuf" else array.dtype
    if dtype not in DTYPES or array.ndim > MOST_AXES:
        raise WireError(f"an array of {array.dtype} with {array.ndim} axes, where arrays of numbers are understood")
    _count(used, array.nbytes)
    shape = struct.pack(f"<{array.ndim}Q", *array.shape)
    parts.append(b"a" + bytes((DTYPES.index(dtype), array.ndim)) + shape)
    parts.append(np.asarray(array, dtype, order="C").tobytes())


def decode(data: bytes, functions: list[Callable[..., Any]] | None = None) -> Any:
    """Turn bytes into the value that they stand for.

    Raises
    ------
    WireError
        If the bytes are not those of one value.
    """
    if len(data) > MOST_BYTES + MOST_ITEMS * 16:
        raise WireError(f"a message of {len(data)} bytes")
    reader = _Reader(data, functions)
    try:
        value = reader.value(0)
    except (struct.error, IndexError, KeyError, UnicodeDecodeError) as error:
        raise WireError(f"a message that breaks off or is none: {error}") from None
    if reader.at != len(data):
        raise WireError("a message with something behind its end")
    return value


class _Reader:
    """Reads one value from bytes, and trusts none of them."""

    def __init__(self, data: bytes, functions: list | None) -> None:
        self.data, self.functions, self.at, self.items = data, functions, 0, 0

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        if size > len(self.data) - self.at:
            raise WireError("a message that breaks off")
        piece = self.data[self.at : self.at + size]
        self.at += size
        return piece

    def length(self) -> int:
        """Read how many there are of something."""
        return LENGTH.unpack(self.take(4))[0]

    def value(self, depth: int) -> Any:
        """Read one value."""
        self.items += 1
        if depth > MOST_DEPTH or self.items > MOST_ITEMS:
            raise WireError("a message of too many values")
        kind = self.take(1)
        if kind in b"NTF":
            return {b"N": None, b"T": True, b"F": False}[kind]
        if kind == b"i":
            return INTEGER.unpack(self.take(8))[0]
        if kind == b"f":
            return REAL.unpack(self.take(8))[0]
        if kind == b"s":
            return self.take(self.length()).decode()
        if kind == b"a":
            return self.array()
        if kind in b"lt":
            items = [self.value(depth + 1) for _ in range(self.length())]
            return items if kind == b"l" else tuple(items)
        if kind == b"d":
            return {self.text(depth): self.value(depth + 1) for _ in range(self.length())}
        if kind == b"c" and self.functions is not None:
            return self.functions[self.length()]
        raise WireError(f"an unknown kind of value: {kind!r}")

    def text(self, depth: int) -> str:
        """Read the key of a dictionary."""
        key = self.value(depth + 1)
        if type(key) is not str:
            raise WireError("a dictionary whose key is no text")
        return key

    def array(self) -> np.ndarray:
        """Read an array, of its own memory."""
        code, axes = self.take(2)
        if code >= len(DTYPES) or axes > MOST_AXES:
            raise WireError("an array of an unknown kind")
        dtype, shape = DTYPES[code], struct.unpack(f"<{axes}Q", self.take(8 * axes))
        size = math.prod(shape) * dtype.itemsize
        if any(n > MOST_BYTES for n in shape):
            raise WireError("an array that is too large")
        content = self.take(size)
        if dtype == np.bool_:
            return np.frombuffer(content, np.uint8).reshape(shape).astype(np.bool_)
        return np.frombuffer(content, dtype).reshape(shape).copy()
