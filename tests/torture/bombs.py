"""Small files that unpack to large ones; they are made when they are needed, and never lie in memory themselves."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

BLOCK = 2**20  # bytes
GZIP, PLAIN = 31, 15  # as zlib calls the headers


def later(content: Callable[[], bytes]) -> Callable[[Path], None]:
    """Return an attack that makes its content when it is needed."""

    def craft(path: Path) -> None:
        path.write_bytes(content())

    return craft


def squeezed(head: bytes, zeros: int, tail: bytes = b"", kind: int = GZIP) -> bytes:
    """Return a beginning, so many zeros and an end, compressed by zlib."""
    return b"".join(_through(zlib.compressobj(9, zlib.DEFLATED, kind), head, zeros, tail))


def squeezed_by_bzip2(head: bytes, zeros: int, tail: bytes = b"") -> bytes:
    """Return the same, compressed by bzip2."""
    return b"".join(_through(bz2.BZ2Compressor(), head, zeros, tail))


def _through(compressor: Any, head: bytes, zeros: int, tail: bytes) -> Iterator[bytes]:
    yield compressor.compress(head)
    for start in range(0, zeros, BLOCK):
        yield compressor.compress(bytes(min(BLOCK, zeros - start)))
    yield compressor.compress(tail)
    yield compressor.flush()
