"""Unpacking tar and zip archives from strangers: into one new folder, whole or not at all.

Names in an archive may lead out of the folder, links may point anywhere, a small archive may unpack to more than the
disk holds, and one header may claim more than the memory.  So: plain files and folders only, below the target, no more
of them and no larger than the limits, counted as they are written, in a folder that gets its name when all is there.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import os
import re
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO

from minigen.data.pictures import why
from minigen.files import WriteError, as_path, shown, umask

MAX_FILES = 1_000_000
MAX_BYTES = 2**36  # 64 GiB in all
SMALL, RATIO = 2**27, 100  # an archive may unpack to 128 MiB, or to so many times its own size
BLOCK = 2**14  # bytes; also the longest header of a tar that is read
OWN_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG, errno.EMFILE, errno.EIO}


class ArchiveError(ValueError):
    """An archive cannot be unpacked; the message says why, and that nothing was written."""


def unpack(
    archive: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    only: Callable[[str], bool] | None = None,
    max_files: int = MAX_FILES,
    max_bytes: int = MAX_BYTES,
) -> int:
    """Unpack a tar (plain, gzip, bzip2) or zip archive into a new folder.

    Parameters
    ----------
    archive : str or path
        Its content, not its name, says what it is.
    folder : str or path
        It must not exist, or be empty.
    only : callable, optional
        Given the name of an entry, it says whether that is wanted; what is not wanted is passed by unseen.
    max_files, max_bytes : int
        How many files it may hold, and how large they may be together. An archive is refused, too, that unpacks to more
        than 100 times its size and more than 128 MiB.

    Returns
    -------
    int
        How many files there are now.

    Raises
    ------
    ArchiveError
        If it is damaged or none, locked, beyond a limit, or holds a link or a name that leads out of the folder.
    WriteError
        If the folder cannot be written.

    Examples
    --------
    >>> place = Path(tempfile.mkdtemp())
    >>> with zipfile.ZipFile(place / "notes.zip", "w") as made:
    ...     made.writestr("a/notes.txt", "some words")
    >>> unpack(place / "notes.zip", place / "notes")
    1
    >>> (place / "notes" / "a" / "notes.txt").read_text()
    'some words'
    """
    archive, folder = as_path("unpack", "archive", archive), as_path("unpack", "folder", folder, "folder")
    with _opened(archive) as file, _new_folder(folder) as place, _own_errors(archive):
        length = file.seek(0, os.SEEK_END)
        file.seek(0)
        limits = _Limits(max_files, min(max_bytes, max(SMALL, RATIO * length)))
        if zipfile.is_zipfile(file):
            file.seek(0)
            _unpack_zip(file, place, only, limits)
        else:
            file.seek(0)
            _unpack_tar(file, place, only, limits)
        if not limits.files:
            raise ArchiveError("it holds no file" if only is None else "it holds no file that was wanted")
    return limits.files


class _Limits:
    """Counts what is unpacked, and raises where it is too much."""

    def __init__(self, max_files: int, max_bytes: int) -> None:
        self.max_files, self.max_bytes = max_files, max_bytes
        self.entries = self.files = self.bytes = 0

    def entry(self) -> None:
        self.entries += 1
        if self.entries > self.max_files:
            raise ArchiveError(f"it holds more than {self.max_files:,} files")

    def add(self, size: int) -> None:
        self.bytes += size
        if self.bytes > self.max_bytes:
            raise ArchiveError(f"it unpacks to more than {self.max_bytes:,} bytes")


def _target(name: str, place: Path) -> Path:
    """Return where an entry belongs, below the folder.

    Raises
    ------
    ArchiveError
        If its name leads elsewhere, or two entries have it.
    """
    parts = PurePosixPath(name).parts
    if name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name) or ":" in "".join(parts[:1]) or "\0" in name:
        raise ArchiveError(f"the entry {shown(name[:200])!r} leads out of the folder")
    target = place.joinpath(*parts)
    if target.is_symlink() or target.is_file():
        raise ArchiveError(f"two entries are called {shown(name[:200])!r}")
    return target


def _write(source: IO[bytes], target: Path, limits: _Limits) -> None:
    """Copy one file, counting."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "xb") as file:
        while block := source.read(BLOCK):
            limits.add(len(block))
            file.write(block)
    limits.files += 1


def _unpack_zip(file: IO[bytes], place: Path, only: Callable[[str], bool] | None, limits: _Limits) -> None:
    with zipfile.ZipFile(file) as entries:
        wanted = [entry for entry in entries.infolist() if only is None or only(entry.filename)]
        if sum(entry.file_size for entry in wanted) > limits.max_bytes:  # before anything is written
            raise ArchiveError(f"it unpacks to more than {limits.max_bytes:,} bytes")
        for entry in wanted:
            limits.entry()
            kind = stat.S_IFMT(entry.external_attr >> 16)
            target = _target(_zip_name(entry), place)
            if entry.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            elif kind not in (0, stat.S_IFREG):
                raise ArchiveError(f"the entry {shown(entry.filename[:200])!r} is a link or a device and no file")
            elif entry.flag_bits & 1:
                raise ArchiveError("it is locked with a password; unpack it by other means")
            elif entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ArchiveError("it is packed in a way that is not read here; pack it again as a plain zip")
            else:
                with entries.open(entry) as source:
                    _write(source, target, limits)


def _zip_name(entry: zipfile.ZipInfo) -> str:
    """Return an entry's name in any script: many programs write UTF-8 and do not say so; some write backslashes."""
    name = entry.filename
    if not entry.flag_bits & 0x800:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _unpack_tar(file: IO[bytes], place: Path, only: Callable[[str], bool] | None, limits: _Limits) -> None:
    start = file.read(3)
    file.seek(0)
    with ExitStack() as opened:
        if start[:2] == b"\x1f\x8b":
            file = opened.enter_context(io.BufferedReader(gzip.GzipFile(fileobj=file)))
        elif start == b"BZh":
            file = opened.enter_context(bz2.open(file))
        careful = _Careful(file, 2 * limits.max_bytes)  # headers and padding come on top of the files
        entries = opened.enter_context(tarfile.open(fileobj=careful, mode="r:"))
        while (entry := entries.next()) is not None:
            entries.members = []  # type: ignore[attr-defined]  # it would keep them all
            limits.entry()
            if entry.size < 0:
                raise ArchiveError("one of its headers says that a file has less than no bytes")
            if only is None or only(entry.name):
                _take(entries, entry, place, limits)
        careful.seek(entries.offset)  # where tarfile saw the end, or what it cannot read
        if careful.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise ArchiveError("it is cut off, or damaged in the middle")
        while careful.read(BLOCK):
            careful.seek(careful.tell())  # to the end, where gzip keeps its checksum


def _take(entries: tarfile.TarFile, entry: tarfile.TarInfo, place: Path, limits: _Limits) -> None:
    """Unpack one entry of a tar."""
    target = _target(entry.name, place)
    if entry.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    if not entry.isreg() or entry.issparse():
        raise ArchiveError(f"the entry {shown(entry.name[:200])!r} is a link or a device and no file")
    limits.add(entry.size)
    entries.extract(entry, place, set_attrs=False, filter="data")
    limits.files += 1


class _Careful(io.RawIOBase):
    """The bytes of a tar, of which no header may be long and which must come to an end."""

    def __init__(self, file: IO[bytes], end: int) -> None:
        self.file, self.end = file, end

    def read(self, size: int = -1) -> bytes:
        """Read ``size`` bytes, not too many."""
        if not 0 <= size <= BLOCK:
            raise ArchiveError("one of its headers claims to be very long")
        return self.file.read(size)

    def seek(self, place: int, whence: int = 0) -> int:
        """Go to a place, not too far."""
        if not 0 <= place <= self.end:
            raise ArchiveError("one of its headers claims that a file is very long")
        return self.file.seek(place, whence)

    def tell(self) -> int:
        """Return the place."""
        return self.file.tell()


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Make a folder beside the target; give it its name once the block is done, remove it if it fails."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ArchiveError(f"unpack: {shown(folder)} is there already and not empty; name a new folder")
    made = [parent for parent in folder.parents if not parent.exists()]
    place = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name[:50]}."))
        yield place
        place.chmod(0o777 & ~umask())
        if folder.exists():
            folder.rmdir()
        os.replace(place, folder)
        place = None
    except OSError as error:
        if error.errno is None or isinstance(error, WriteError):
            raise
        raise WriteError(f"cannot write {shown(folder)}: {error.strerror}; nothing was left", error.errno) from error
    finally:
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)
            for parent in made:
                with suppress(OSError):
                    parent.rmdir()


def _opened(archive: Path) -> IO[bytes]:
    try:
        return open(archive, "rb")
    except (OSError, ValueError) as error:
        raise ArchiveError(f"unpack: cannot read {shown(archive)}: {why(error)}") from None


@contextmanager
def _own_errors(archive: Path) -> Iterator[None]:
    """Inside, whatever tarfile and zipfile raise over a damaged archive becomes an `ArchiveError` that names it."""
    try:
        yield
    except MemoryError:
        raise
    except ArchiveError as error:
        raise ArchiveError(f"{shown(archive)}: {error}; nothing was unpacked") from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno in OWN_DISK:
            raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ArchiveError(
            f"{shown(archive)}: it is no archive (tar or zip), or damaged ({reason}); nothing was unpacked"
        ) from error
