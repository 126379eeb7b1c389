"""The IDX format, in which MNIST was published: read strictly, and never more than the header promises.

Two zero bytes, a byte that names the type, a byte that counts the axes, the length of each axis as a
big-endian 32-bit integer, then the numbers.  The file may be gzipped.  Nothing here knows of digits.

References
----------
LeCun, Cortes and Burges, "The MNIST database of handwritten digits", section "File formats".
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from minigen.files import as_path

_TYPES: dict[int, np.dtype] = {
    0x08: np.dtype(np.uint8),
    0x09: np.dtype(np.int8),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_GZIP_MAGIC = b"\x1f\x8b"
MAX_BYTES = 2**30  # a header that promises more is taken for a broken file
MAX_AXES = 32  # NumPy's arrays have no more in some versions
BLOCK = 2**20  # bytes


class IdxError(ValueError):
    """A file is not the IDX file it should be; the message says what is wrong with it."""


def read_idx(path: str | os.PathLike[str], ndim: int | None = None, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """Read an IDX file, plain or gzipped.

    Parameters
    ----------
    path : str or path
        The file; whether it is gzipped is seen from its first bytes.
    ndim : int, optional
        How many axes it must have.
    max_bytes : int
        How large the array may be.

    Returns
    -------
    array
        In the byte order of this machine, writeable.

    Raises
    ------
    IdxError
        If the file is no IDX file, is cut off, or goes on after its last number.
    OSError
        If it cannot be opened.
    """
    path = as_path("read_idx", "path", path)
    with open(path, "rb") as raw:
        zipped = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        try:
            return _parse(gzip.open(raw) if zipped else raw, path, ndim, max_bytes)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise IdxError(f"{path}: the gzip data is cut off or damaged ({error}); fetch it again") from error


def _parse(file: gzip.GzipFile | IO[bytes], path: Path, ndim: int | None, max_bytes: int) -> np.ndarray:
    magic = file.read(4)
    if len(magic) < 4:
        raise IdxError(f"{path}: {len(magic)} bytes are too short for an IDX file")
    if magic[:2] != b"\0\0" or magic[2] not in _TYPES or not 1 <= magic[3] <= MAX_AXES:
        raise IdxError(f"{path}: starts with the bytes {magic.hex(' ')}, which open no IDX file")
    dtype, axes = _TYPES[magic[2]], magic[3]
    if ndim is not None and axes != ndim:
        raise IdxError(f"{path}: holds an array of {axes} axes, but {ndim} were expected: is it another file?")
    lengths = file.read(4 * axes)
    if len(lengths) < 4 * axes:
        raise IdxError(f"{path}: ends within its header")
    shape = struct.unpack(f">{axes}I", lengths)
    expected = math.prod(shape) * dtype.itemsize
    if expected > max_bytes:
        raise IdxError(f"{path}: its header promises {expected:,} bytes (shape {shape}); the limit is {max_bytes:,}")
    if expected == 0 and max(shape) > max_bytes:
        raise IdxError(f"{path}: its header promises an array of shape {shape}, which holds nothing")
    content = _read(file, expected)
    if len(content) < expected:
        raise IdxError(
            f"{path}: is cut off: shape {shape} wants {expected:,} bytes, but {len(content):,} are there; "
            "fetch it again"
        )
    if file.read(1):
        raise IdxError(f"{path}: goes on after the {expected:,} bytes that its shape {shape} wants")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _read(file: gzip.GzipFile | IO[bytes], count: int) -> bytearray:
    """Read at most ``count`` bytes; memory is taken for those that are there, not for those that are promised."""
    content = bytearray()
    while len(content) < count and (block := file.read(min(BLOCK, count - len(content)))):
        content += block
    return content
