"""Which pictures a folder holds, and which class each belongs to; no picture is opened for that.

Either the pictures lie in the folder itself, then they are one class, or each of its sub-folders is a class, with all
that lies in it, however deep: as in torchvision.  One folder around all classes is passed through.  What is not taken
is counted by its kind.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minigen.data.pictures import EXTENSIONS, why
from minigen.files import shown

ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz")


class Found(NamedTuple):
    """A file that is to be a picture: where it lies, and its `state_of`."""

    path: str
    state: tuple[int, int, int, int]


def state_of(status: os.stat_result) -> tuple[int, int, int, int]:
    """Return what changes with the content of a file: its size, two times in nanoseconds, and its number."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


@dataclass
class Listing:
    """What a folder holds.

    Attributes
    ----------
    root : Path
    files : list of Found
        The pictures, class by class, in each by name.
    targets : int64 array (N,)
        The class of each.
    classes : list of str
        The names of the classes: of the sub-folders, in alphabetical order, or of the folder itself.
    skipped : Counter
        How many entries of each kind were not taken.
    """

    root: Path
    files: list[Found]
    targets: np.ndarray
    classes: list[str]
    skipped: Counter[str] = field(default_factory=Counter)

    def only(self, chosen: np.ndarray) -> Listing:
        """Return the listing of some of its pictures, given by their numbers; the classes stay."""
        return Listing(self.root, [self.files[i] for i in chosen], self.targets[chosen], self.classes, self.skipped)

    def first(self, n: int | None) -> Listing:
        """Return n of the pictures: the first of every class, then the second of every class, and so on."""
        if n is None or n >= len(self.files):
            return self
        starts = np.searchsorted(self.targets, self.targets)  # (N,): where the class of each begins
        rank = np.arange(len(self.targets)) - starts
        return self.only(np.sort(np.lexsort((self.targets, rank))[:n]))


def find_pictures(owner: str, root: str | os.PathLike[str]) -> Listing:
    """List the pictures of a folder.

    Parameters
    ----------
    owner : str
        Who asks, for messages.
    root : str or path
        The folder.

    Raises
    ------
    NotADirectoryError, FileNotFoundError, PermissionError
        If the folder, or one inside it, is none, is missing, or cannot be read.
    ValueError
        If it holds no picture; or pictures beside sub-folders with pictures, so that nothing says what the classes are.
    """
    root = Path(root).expanduser()
    skipped, inside = Counter[str](), Counter[str]()
    loose: list[Found] = []
    folders: dict[str, list[Found]] = {}
    for entry in _entries(owner, str(root), skipped):
        if _is_folder(entry):
            folders[entry.name] = list(_below(owner, entry.path, inside, frozenset({_identity(str(root))})))
        else:
            loose += _picture(owner, entry, skipped)
    classes = [name for name, files in folders.items() if files]
    skipped["empty folder"] += len(folders) - len(classes)
    if loose and classes:
        raise ValueError(
            f"{owner}: {shown(root)} holds pictures itself ({shown(os.path.basename(loose[0].path))}) and in its "
            f"sub-folders ({shown(classes[0])}), so nothing says what the classes are; move the pictures into a "
            "sub-folder of their own, or name one of the sub-folders"
        )
    if not loose and len(classes) == 1 and (inner := _folder_around(folders[classes[0]])):
        listing = find_pictures(owner, inner)
        listing.skipped += skipped
        return listing
    skipped = +(skipped + inside)  # without what was not there at all
    if not loose and not classes:
        raise ValueError(
            f"{owner}: no picture in {shown(root)} or its sub-folders"
            f"{f' ({said(skipped)})' if skipped else ''}; pictures end in {', '.join(EXTENSIONS)}"
        )
    if loose:
        return Listing(root, loose, np.zeros(len(loose), np.int64), [root.resolve().name], skipped)
    lengths = [len(folders[name]) for name in classes]
    files = [found for name in classes for found in folders[name]]
    return Listing(root, files, np.repeat(np.arange(len(classes)), lengths), classes, skipped)


def is_inside(path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> bool:
    """Say whether a file or folder, which need not be there yet, is or would be in a folder that is there."""
    return os.path.isdir(folder) and Path(folder).resolve() in (Path(path).resolve(), *Path(path).resolve().parents)


def said(skipped: Counter[str]) -> str:
    """Say what was not taken: "3 .txt files, 1 hidden file"."""
    return ", ".join(f"{count:,} {kind}{'s' if count > 1 else ''}" for kind, count in skipped.most_common())


def _below(owner: str, folder: str, skipped: Counter[str], above: frozenset[tuple[int, int]]) -> Iterator[Found]:
    """Yield the pictures of a folder and of all that are inside it."""
    waiting = [(folder, above)]
    while waiting:
        folder, above = waiting.pop()
        here = _identity(folder)
        if here in above:
            skipped["link back to its own folder"] += 1
            continue
        inner = []
        for entry in _entries(owner, folder, skipped):
            if _is_folder(entry):
                inner.append((entry.path, above | {here}))
            else:
                yield from _picture(owner, entry, skipped)
        waiting += reversed(inner)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to where nobody may look
        return False


def _folder_around(files: list[Found]) -> str | None:
    """Return the folder around all pictures that holds none itself, as in most archives; None if it holds one."""
    folders = {os.path.dirname(found.path) for found in files}
    common = os.path.commonpath(folders)
    return None if common in folders else common


def _picture(owner: str, entry: os.DirEntry[str], skipped: Counter[str]) -> list[Found]:
    """Return a file if it is to be a picture; else count it."""
    ending = os.path.splitext(entry.name)[1].lower()
    if ending not in EXTENSIONS:
        skipped[f"{shown(ending)} file" if ending and len(ending) < 8 else "other file"] += 1
        return []
    try:
        status = entry.stat()
    except PermissionError:
        raise PermissionError(f"{owner}: no permission to look at {shown(entry.path)}") from None
    except OSError:
        skipped["broken link"] += 1
        return []
    if not stat.S_ISREG(status.st_mode):
        skipped["pipe or device"] += 1  # reading it might never end
        return []
    return [Found(entry.path, state_of(status))]


def _entries(owner: str, folder: str, skipped: Counter[str]) -> list[os.DirEntry[str]]:
    """List a folder but for what is hidden, in an order that is the same everywhere; or say why that is impossible."""
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except NotADirectoryError:
        hint = "give the folder that holds it"
        if folder.lower().endswith(ARCHIVES):
            hint = f"unpack it first: minigen data unpack {shown(folder)}"
        raise NotADirectoryError(f"{owner}: {shown(folder)} is a file; {hint}") from None
    except FileNotFoundError:
        raise FileNotFoundError(f"{owner}: there is no folder {shown(folder)}") from None
    except PermissionError:
        raise PermissionError(f"{owner}: no permission to read the folder {shown(folder)}") from None
    except (OSError, ValueError) as error:  # a name that is too long, or no name
        raise OSError(f"{owner}: cannot read the folder {shown(folder)}: {why(error)}") from None
    seen = [entry for entry in entries if not entry.name.startswith(".")]
    skipped["hidden file"] += len(entries) - len(seen)
    return sorted(seen, key=lambda entry: (unicodedata.normalize("NFC", entry.name), entry.name))


def _identity(folder: str) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino
