"""Files on disk: where data is kept between runs, and how a file is written whole or not at all.

It knows folders and bytes, and neither images nor data sets.  Everything that minigen writes (pictures,
caches, logs of a run) goes through `atomic_write`, so that a full disk or a killed program leaves the
old file or the new one, never half of one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

A_DAY = 86_400  # seconds


class WriteError(OSError):
    """A file could not be written; the message says which, why, and that nothing half-written is left."""

    def __init__(self, message: str, errno: int | None = None) -> None:
        super().__init__(message)
        self.errno = errno


def cache_folder(*parts: str) -> Path:
    r"""Return the folder for files that can be made or fetched again (it need not exist yet).

    ``MINIGEN_CACHE`` where it is set, else the platform's own place: ``~/.cache/minigen`` on Linux,
    ``~/Library/Caches/minigen`` on macOS, ``%LOCALAPPDATA%\minigen`` on Windows.

    Parameters
    ----------
    *parts : str
        Names of folders inside it.
    """
    chosen = os.environ.get("MINIGEN_CACHE")
    if chosen:
        return Path(chosen).expanduser().joinpath(*parts)
    if sys.platform == "win32":
        home = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        home = Path.home() / "Library" / "Caches"
    else:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home.joinpath("minigen", *parts)


def as_path(owner: str, name: str, value: Any, what: str = "file") -> Path:
    """Return a text or path as a path; ``what`` it should be the path of is told otherwise.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{owner}: {name} must be the path of a {what}, not {value!r:.60}")
    return Path(value)


def data_folders(owner: str, root: str | os.PathLike[str] | None, name: str) -> list[Path]:
    """Return the folders to look for a data set in, the first of them first.

    Parameters
    ----------
    owner : str
        Whose files they are, for messages.
    root : str or path, optional
        The folder of the files, or the one that holds it as ``name``; by default the folder ``name`` in
        ``MINIGEN_DATA``, then the one in the cache folder.
    name : str
        What the data set's folder is called.

    Raises
    ------
    TypeError
        If ``root`` is no path.
    """
    if root is not None:
        folder = as_path(owner, "root", root, "folder")
        return [folder, folder / name]
    shared = os.environ.get("MINIGEN_DATA")
    return [*([Path(shared) / name] if shared else []), cache_folder(name)]


def shown(path: str | os.PathLike[str]) -> str:
    """Return a path as it may be printed anywhere: bytes that are no text, and control characters, are escaped."""
    text = os.fspath(path)
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Return the sha256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def remove_stale(folder: Path, pattern: str) -> None:
    """Remove what a process that was killed has left in a folder: files and folders that are older than a day."""
    for path in folder.glob(pattern):
        with suppress(OSError):  # somebody else was quicker
            if path.lstat().st_mtime < time.time() - A_DAY:
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()


@contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "wb") -> Iterator[IO]:
    """Open a temporary file beside ``path``; put it in the place of ``path`` once all is written.

    Parameters
    ----------
    path : str or path
        The file to write. Its folder is made where it is missing.
    mode : "wb" or "w"
        Bytes, or text in UTF-8.

    Raises
    ------
    WriteError
        If the disk is full or the place cannot be written; ``path`` is then as it was before.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "notes.txt"
    >>> with atomic_write(path, "w") as file:
    ...     _ = file.write("whole or not at all")
    >>> path.read_text()
    'whole or not at all'
    """
    target = as_path("atomic_write", "path", path)
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        with os.fdopen(handle, mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~umask())  # mkstemp's files are for their owner only
        os.replace(temporary, target)
    except OSError as error:
        _remove(temporary)
        if isinstance(error, WriteError):
            raise
        reason = error.strerror or str(error)
        raise WriteError(f"cannot write {target}: {reason}; nothing half-written was left", error.errno) from error
    except BaseException:
        _remove(temporary)
        raise


def umask() -> int:
    """Return the process's mask of file permissions (it can only be read by setting it)."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _remove(path: str | None) -> None:
    if path is not None:
        with suppress(OSError):
            os.unlink(path)
