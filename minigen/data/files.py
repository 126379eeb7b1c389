"""Files on disk: where data is kept between runs, how it gets there, and how a file is written whole or not at all.

It knows folders and bytes, and neither images nor data sets.  Everything that minigen writes (pictures,
caches, logs of a run) goes through `atomic_write`, so that a full disk or a killed program leaves the
old file or the new one, never half of one.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


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
        if not isinstance(root, (str, os.PathLike)):
            raise TypeError(f"{owner}: root must be the path of a folder, not {root!r}")
        return [Path(root), Path(root) / name]
    shared = os.environ.get("MINIGEN_DATA")
    return [*([Path(shared) / name] if shared else []), cache_folder(name)]


def download_file(owner: str, name: str, sha256: str, mirrors: Sequence[str], folder: Path) -> Path:
    """Fetch one file into ``folder`` from the first mirror that has it, checked against its sha256.

    Raises
    ------
    FileNotFoundError
        If no mirror has it; the message says what each of them answered.
    """
    import pooch

    failures = []
    for mirror in mirrors:
        try:
            return Path(pooch.retrieve(mirror + name, f"sha256:{sha256}", fname=name, path=folder))
        except (OSError, ValueError) as error:  # no connection or no such file; wrong sha256
            failures.append(f"{mirror}: {str(error).splitlines()[0][:200]}")
    raise FileNotFoundError(
        f"{owner}: {name} could not be downloaded ({'; '.join(failures)}). "
        f"Fetch it by other means and put it into {folder}"
    )


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
    target = Path(path)
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        with os.fdopen(handle, mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp's files are for their owner only
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


def _umask() -> int:
    """Return the process's mask of file permissions (it can only be read by setting it)."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _remove(path: str | None) -> None:
    if path is not None:
        with suppress(OSError):
            os.unlink(path)
