"""The files of MNIST (IDX) and of CIFAR-10 (the binary version), plain and gzipped."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from random import Random

import numpy as np
from datafiles import cifar_bytes, idx_bytes

from minigen.data import MNIST, CifarError, IdxError, read_idx
from minigen.data.cifar10 import read_records
from torture.bombs import later, squeezed
from torture.configs import with_text
from torture.kind import Kind

RECORDS = 4


def make_idx(folder: Path, rng: Random) -> Path:
    """Write a few digits and their labels; the images are attacked."""
    pack, ending = rng.choice(((gzip.compress, ".gz"), (bytes, "")))
    numbers = np.random.default_rng(rng.randrange(2**32))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(numbers.integers(0, 10, 5, dtype=np.uint8)))
    path = folder / f"train-images-idx3-ubyte{ending}"
    path.write_bytes(pack(idx_bytes(numbers.integers(0, 256, (5, 28, 28), dtype=np.uint8))))
    return path


def read_as_idx(path: Path) -> None:
    """Read it alone and as a part of MNIST; an array has as many bytes as its file, or a gzip may unpack to."""
    array = read_idx(path, max_bytes=2**26)
    assert array.dtype.byteorder in "=|"
    assert array.flags.writeable
    digits = MNIST(path.parent)
    assert digits.data.shape == (5, 28, 28)


def header(code: int, *shape: int) -> bytes:
    """Return the header of an IDX file."""
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, code, len(shape), *shape)


def make_cifar(folder: Path, rng: Random) -> Path:
    """Write a few records."""
    pack, ending = rng.choice(((gzip.compress, ".gz"), (bytes, "")))
    path = folder / f"data_batch_1.bin{ending}"
    path.write_bytes(pack(cifar_bytes(RECORDS, rng.randrange(20))[0]))
    return path


def read_as_cifar(path: Path) -> None:
    """Read it as `CIFAR10` does."""
    images, labels = read_records(path, RECORDS)
    assert images.shape == (RECORDS, 32, 32, 3)
    assert 0 <= labels.min() <= labels.max() < 10


GOOD = cifar_bytes(RECORDS)[0]
KINDS = [
    Kind(
        "IDX data set",
        make_idx,
        read_as_idx,
        errors=(IdxError,),
        crafted={
            "empty": with_text(b""),
            "255 axes": with_text(b"\0\0\x08\xff" + b"\0\0\0\1" * 255),
            "40 axes of nothing": with_text(header(8, *[0] * 40)),
            "nothing of a huge shape": with_text(header(8, 0, 2**32 - 1, 2**32 - 1)),
            "a product beyond 64 bits": with_text(header(8, *[2**32 - 1] * 3)),
            "promises a gigabyte": with_text(header(8, 2**20, 32, 32)),
            "fractions": with_text(header(0x0E, 5, 28, 28) + bytes(8 * 5 * 28 * 28)),
            "a bomb": later(lambda: squeezed(header(8, 5, 28, 28), 10**8)),
            "a bomb as it was promised": later(lambda: squeezed(header(8, 2**15, 2**5, 2**5), 2**25)),
            "gzip in gzip": with_text(gzip.compress(gzip.compress(header(8, 5, 28, 28)))),
            "ten thousand empty gzips": with_text(gzip.compress(b"") * 10_000),
            "a pickle": with_text(b"\x80\x04cos\nsystem\n(S'touch canary'\ntR."),
            "an array of NumPy's": with_text(b"\x93NUMPY\x01\x00\x76\x00{'descr': '|O', 'fortran_order': False}"),
        },
    ),
    Kind(
        "CIFAR-10 binary",
        make_cifar,
        read_as_cifar,
        errors=(CifarError,),
        crafted={
            "empty": with_text(b""),
            "one byte more": with_text(GOOD + b"\0"),
            "one byte less": with_text(GOOD[:-1]),
            "a label of ten": with_text(b"\x0a" + GOOD[1:]),
            "a last label of 255": with_text(GOOD[:-3073] + b"\xff" + GOOD[-3072:]),
            "records of CIFAR-100": with_text(b"".join(bytes([20, 50]) + bytes(3072) for _ in range(RECORDS))),
            "much more": later(lambda: bytes(10**8)),
            "a bomb": later(lambda: squeezed(b"", 10**8)),
            "a pickle": with_text(b"\x80\x04cos\nsystem\n(S'touch canary'\ntR."),
        },
    ),
]
