"""CIFAR-10, from the original files of the binary version: small colour photographs of ten kinds of things.

A file is nothing but records of 3,073 bytes: a label, then 1,024 bytes of red, of green and of blue, each row by row.
There is no header to be wrong, so the length of a file and the range of its labels are what can be checked, and are.
(The pickles of the Python version would run whatever code they hold; they are not read.)

Where only the first training batch, and perhaps the first 2,000 test images, are at hand, these are taken: a PART, on
which no figure compares with a published one.  The object says which it is.

References
----------
Krizhevsky 2009, "Learning multiple layers of features from tiny images", technical report, University of Toronto.
The binary version: https://www.cs.toronto.edu/~kriz/cifar.html, section "Binary version".
"""

from __future__ import annotations

import gzip
import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from minigen.data.archives import ArchiveError, unpack
from minigen.data.download import download_file
from minigen.data.images import ImageSet
from minigen.files import data_folders

EDGE = 32  # pixels
RECORD = 1 + 3 * EDGE * EDGE  # bytes: a label, then the planes red, green, blue
META = "batches.meta.txt"  # the names of the classes, one a line
LONGEST_META = 10_000  # bytes; the published file has 61
MEMBERS = 100  # files in the published archive: 8


class CifarError(ValueError):
    """A file is not the part of CIFAR-10 that it should be; the message says what is wrong with it."""


class CIFAR10(ImageSet):
    """60,000 photographs, 32x32 colour: 50,000 to train on and 10,000 to test on; or a PART of them.

    All files of the full set are taken where they are in one folder; else the part that is there: 10,000 training
    images (``data_batch_1``), 2,000 test images (``test_batch_first2000``).  `repr` tells which, and so does ``part``.

    Parameters
    ----------
    root : str or path, optional
        The folder of the files, or the one that holds it as ``cifar-10`` or ``cifar-10-batches-bin``. By default the
        folder ``cifar-10`` in ``MINIGEN_DATA``, then the one in the cache folder.
    train : bool
        The training images, or the test images.
    transform : callable, optional
        Is given a Pillow image; see `ImageSet`.
    download : bool
        Fetch the full set where it is missing, into ``root`` or the cache folder: 162 MB, checked by sha256.
    value_range : (float, float)
        Range of the image tensors when no transform is given.

    Attributes
    ----------
    data : uint8 array (N, 32, 32, 3)
    targets : int64 array (N,)
    part : bool
        Whether these are not all the images there are.

    Raises
    ------
    FileNotFoundError
        If the files are not there, or some but not all of the five training batches are; or no mirror has them.
    CifarError
        If a file is damaged.
    """

    folder: ClassVar[str] = "cifar-10"
    names: ClassVar[tuple[str, ...]] = (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    )  # fmt: skip
    archive: ClassVar[str] = "cifar-10-binary.tar.gz"
    inner: ClassVar[str] = "cifar-10-batches-bin"  # the folder in the archive
    mirrors: ClassVar[tuple[str, ...]] = (
        "https://www.cs.toronto.edu/~kriz/",
        "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
        "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
    )
    sha256: ClassVar[str] = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
    #: How many images each file holds.
    counts: ClassVar[dict[str, int]] = {
        **{f"data_batch_{i}.bin": 10_000 for i in range(1, 6)},
        "test_batch.bin": 10_000,
        "test_batch_first2000.bin": 2_000,
    }

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        download: bool = False,
        value_range: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        folders = data_folders("CIFAR10", root, self.folder)
        files = self._whole(folders, train)
        if download and (not files or self._damaged(files)):
            self._download(folders[0] if root is not None else folders[-1])
            files = self._whole(folders, train)
        self.train, self.part = train, not files
        files = files or self._part(folders, train)
        check_names(files[0].parent / META, self.names)
        images, labels = zip(*(read_records(file, self.counts[file.name.removesuffix(".gz")]) for file in files))
        super().__init__(np.concatenate(images), np.concatenate(labels), transform, value_range, classes=self.names)

    def __repr__(self) -> str:
        whole = sum(self.counts[name] for name in self._names(self.train))
        kind = "training" if self.train else "test"
        if not self.part:
            return f"CIFAR10: all {whole:,} {kind} images"
        return (
            f"CIFAR10: a PART, {len(self):,} of {whole:,} {kind} images; figures on it compare with no published ones"
        )

    @classmethod
    def _names(cls, train: bool) -> list[str]:
        """Return the files of the full set."""
        return [f"data_batch_{i}.bin" for i in range(1, 6)] if train else ["test_batch.bin"]

    @classmethod
    def _places(cls, folders: list[Path]) -> list[Path]:
        """Return the folders and, after each, the one that the archive unpacks to inside it."""
        return [place for folder in folders for place in (folder, folder / cls.inner)]

    @classmethod
    def _whole(cls, folders: list[Path], train: bool) -> list[Path]:
        """Return the files of the full set in the first folder that has them all; none if no folder does."""
        for folder in cls._places(folders):
            found = files_in(folder, cls._names(train))
            if len(found) == len(cls._names(train)):
                return found
        return []

    @classmethod
    def where(cls) -> tuple[Path | None, bool]:
        """Return the folder in which the files lie, None if there is none; and whether the set there is whole."""
        folders = data_folders("CIFAR10", None, cls.folder)
        if (files := cls._whole(folders, True)) and cls._whole(folders, False):
            return files[0].parent, True
        try:
            return cls._part(folders, True)[0].parent, False
        except FileNotFoundError:
            return None, False

    @classmethod
    def _damaged(cls, files: list[Path]) -> bool:
        """Say whether one of the plain files, which have no checksum, has not the length that it should have."""
        return any(file.suffix == ".bin" and file.stat().st_size != RECORD * cls.counts[file.name] for file in files)

    @classmethod
    def _part(cls, folders: list[Path], train: bool) -> list[Path]:
        """Return the file of the part in the first folder that has it."""
        name = "data_batch_1.bin" if train else "test_batch_first2000.bin"
        for folder in cls._places(folders):
            found = files_in(folder, cls._names(train))
            if len(found) > 1:
                there = [path.name.partition(".")[0] for path in found]
                missing = [name for name in cls._names(train) if name.partition(".")[0] not in there]
                raise FileNotFoundError(
                    f"CIFAR10: {folder} holds {', '.join(there)}, but not {', '.join(missing)}. Say "
                    "CIFAR10(download=True) to fetch the full set, or leave data_batch_1 alone there: it is a part"
                )
            if found := files_in(folder, [name]):
                return found
        looked = " and ".join(str(folder) for folder in folders)
        raise FileNotFoundError(
            f"CIFAR10: neither {cls._names(train)[0]} nor another part of the {'training' if train else 'test'} images "
            f"was found in {looked}. Say CIFAR10(download=True), or --download on the command line, to fetch the full "
            f"set; or set MINIGEN_DATA to a folder that holds the binary version's files in {cls.folder}/"
        )

    @classmethod
    def _download(cls, folder: Path) -> None:
        """Fetch the archive, put the files that it holds into ``folder`` once all are there, and remove it.

        Only files that are asked for by name are taken out, so nothing else that stands in the archive matters.
        """
        names = (META, *cls._names(True), *cls._names(False))
        wanted = {f"{cls.inner}/{name}" for name in names}
        archive = download_file("CIFAR10", cls.archive, cls.sha256, cls.mirrors, folder)
        place = archive.with_name(f".{cls.archive}.unpacked")
        try:
            shutil.rmtree(place, ignore_errors=True)  # of a process that was killed
            unpack(archive, place, only=wanted.__contains__, max_files=MEMBERS)
            for name in names:
                if not (place / cls.inner / name).is_file():
                    raise CifarError(f"{archive}: there is no file {cls.inner}/{name} in this archive")
            for name in names:
                os.replace(place / cls.inner / name, folder / name)
        except ArchiveError as error:
            raise CifarError(str(error)) from error
        finally:
            shutil.rmtree(place, ignore_errors=True)
            archive.unlink(missing_ok=True)


def files_in(folder: Path, names: list[str]) -> list[Path]:
    """Return those files of ``names`` that a folder holds, plain or gzipped."""
    found = []
    for name in names:
        path = next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)
        if path is not None:
            found.append(path)
    return found


def read_records(path: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Read a file of the binary version, plain or gzipped.

    Parameters
    ----------
    path : Path
        The file; it is gzipped if its name ends in ``.gz``.
    count : int
        How many records it must hold.

    Returns
    -------
    images : uint8 array (count, 32, 32, 3)
    labels : int64 array (count,)

    Raises
    ------
    CifarError
        If it holds more or less than that, or a label above 9, or its gzip data is damaged.
    """
    wanted = count * RECORD
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            content = file.read(wanted + 1)  # never more, whatever a damaged file unpacks to
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise CifarError(f"{path}: the gzip data is cut off or damaged ({error}); fetch it again") from error
    if len(content) < wanted:
        raise CifarError(
            f"{path}: is cut off: {count:,} records of {RECORD:,} bytes are {wanted:,} bytes, but {len(content):,} are "
            "there; fetch it again"
        )
    if len(content) > wanted:
        raise CifarError(f"{path}: goes on after the {wanted:,} bytes of its {count:,} records: is it another file?")
    records = np.frombuffer(content, np.uint8).reshape(count, RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.size and labels.max() > 9:
        first = int(np.argmax(labels > 9))
        raise CifarError(
            f"{path}: record {first} begins with the label {labels[first]}, outside 0..9: the file is damaged, or "
            "not of the binary version of CIFAR-10 (CIFAR-100 has two labels a record)"
        )
    planes = records[:, 1:].reshape(count, 3, EDGE, EDGE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels  # (N, 3, 32, 32) -> (N, 32, 32, 3)


def check_names(path: Path, names: tuple[str, ...]) -> None:
    """Refuse a folder whose list of classes, where it has one, is not that of CIFAR-10.

    Raises
    ------
    CifarError
        Naming the first class that differs.
    """
    if not path.is_file():
        return
    with open(path, "rb") as file:
        stored = file.read(LONGEST_META).decode("utf-8", "replace").split()
    if stored != list(names):
        place = next(
            (i for i, pair in enumerate(zip(stored, names)) if pair[0] != pair[1]), min(len(stored), len(names))
        )
        is_there = repr(stored[place]) if place < len(stored) else "missing"
        wanted = names[place] if place < len(names) else "nothing"
        raise CifarError(f"{path}: class {place} is {is_there} here and should be {wanted}: is it another data set?")
