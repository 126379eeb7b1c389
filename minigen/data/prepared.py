"""The pictures of a folder, decoded and cut to one size once, and kept in a file from which any of them is at hand.

The file lies in the cache folder and is named after what the pictures hold, not after where they lie: a folder that was
moved needs no second decoding, and one in which a picture has changed does.  It is mapped into memory, so a set may
be larger than that: the system reads what is asked for, and what was read is given back.

Which pictures cannot be read stands at the end of the file, with the reason.  What becomes of them others decide.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import mmap
import os
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from minigen.data.find import Found, state_of
from minigen.data.pictures import PictureError, bombs_are_errors, read_image, why
from minigen.data.transforms import CenterCrop, Resize
from minigen.files import WriteError, atomic_write, cache_folder, remove_stale, sha256_of

FORMAT = 1  # of the file, and of what is done to a picture: another number, and all are decoded anew
MAGIC = b"minigen1"
AT_ONCE = 64  # pictures that the threads are ahead of the file
THREADS = 4
LONG = 16  # times as long as wide: what is longer is cut before it is scaled
GIVE_BACK = 2**22  # bytes that were read from the map before their memory is given back: five times as much, as
# the system reads around what is asked for
RECENT = 2.0  # seconds: a file that has just changed may change again without a later time stamp


class Prepared:
    """Pictures of one size in a mapped file.

    Attributes
    ----------
    data : uint8 array (N, H, W) or (N, H, W, 3), not writeable
    bad : dict of int to str
        Which of the files could not be read, by their numbers, and why; the others are ``data``, in order.
    """

    def __init__(self, path: Path, bad: dict[int, str], shape: tuple[int, ...]) -> None:
        self.bad = bad
        self.path = path
        self._read = 0
        self._map = None
        self.data = np.zeros(shape, np.uint8)
        if self.data.size:
            with open(path, "rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self.data = np.frombuffer(self._map, np.uint8, count=self.data.size).reshape(shape)

    def give_back(self, count: int) -> None:
        """Note that ``count`` pictures were copied; now and then, let the system have the memory of what was read."""
        self._read += count * self.data[:1].nbytes
        if self._read > GIVE_BACK and self._map is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)  # they are read again from the file when they are asked for
            self._read = 0


def fit(image: Any, size: int) -> Any:
    """Scale a Pillow image until its shorter edge is ``size`` pixels, and cut out its middle."""
    if max(image.size) > LONG * min(image.size):  # else a thread of pixels would become a very large picture first
        image = CenterCrop([min(edge, LONG * min(image.size)) for edge in (image.height, image.width)])(image)
    return CenterCrop(size)(Resize(size)(image))


def prepare(files: Sequence[Found], size: int, channels: int) -> Prepared:
    """Return pictures at one size, from the cache where they are there, else decoded now.

    Parameters
    ----------
    files : sequence of Found
    size : int
        Edge in pixels; 0: look only whether they can be read.
    channels : 1 or 3

    Raises
    ------
    WriteError
        If the cache folder has no room for them, or cannot be written.
    """
    hashes, unreadable = _hashes(files)
    readable = [found for i, found in enumerate(files) if i not in unreadable]
    key = hashlib.sha256(json.dumps([FORMAT, size, channels, _pillow(), hashes]).encode()).hexdigest()
    path = cache_folder("pictures") / f"{key[:40]}.pixels"
    prepared = _open(path, len(readable), size, channels)
    if prepared is None:
        remove_stale(path.parent, ".*.part")
        with _room(path, len(readable), size, channels):
            _decode(readable, size, channels, path)
        prepared = _open(path, len(readable), size, channels)
        if prepared is None:
            raise WriteError(f"{path}: what was written there has changed; is the cache folder used by something else?")
    numbers = [i for i in range(len(files)) if i not in unreadable]
    prepared.bad = dict(sorted((unreadable | {numbers[i]: reason for i, reason in prepared.bad.items()}).items()))
    return prepared


# --- what the pictures hold ---


def _hashes(files: Sequence[Found]) -> tuple[list[str], dict[int, str]]:
    """Return the sha256 of every file that can be read, and for the others why not.

    What was found is kept, under what the file system says of the files: while that is the same, none is read again.
    """
    state = json.dumps([FORMAT, files]).encode("utf-8", "surrogatepass")
    note = cache_folder("pictures") / f"{hashlib.sha256(state).hexdigest()[:40]}.hashes"
    kept = _read_note(note, len(files))
    if kept is not None:
        return kept, {}
    hashes, unreadable = [], {}
    for i, answer in enumerate(_in_threads(_sha256, files, "looking at pictures")):
        if isinstance(answer, OSError):
            unreadable[i] = why(answer)
        else:
            hashes.append(answer)
    newest = max((max(found.state[1:3]) for found in files), default=0)
    if not unreadable and newest < (time.time() - RECENT) * 1e9:
        with suppress(WriteError), atomic_write(note, "w") as file:  # it saves time, and can be done without
            file.write("\n".join(hashes))
    return hashes, unreadable


def _read_note(note: Path, count: int) -> list[str] | None:
    try:
        hashes = note.read_text(encoding="ascii").split("\n")
    except (OSError, ValueError):
        return None
    return hashes if len(hashes) == count and all(len(text) == 64 for text in hashes) else None


def _sha256(found: Found) -> str | OSError:
    try:
        return sha256_of(found.path)
    except OSError as error:
        return error


def _pillow() -> str:
    import PIL

    return PIL.__version__


# --- the file: the pixels of all pictures, then JSON about them, its length in 8 bytes, and MAGIC ---


def _decode(files: Sequence[Found], size: int, channels: int, path: Path) -> None:
    """Decode pictures, a few at a time, and write the file."""

    def pixels(found: Found) -> bytes | PictureError:
        try:
            image = read_image(found.path, channels)
            content = np.asarray(fit(image, size)).tobytes() if size else b""
        except PictureError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno is not None:
                raise  # the disk's fault, not the picture's: nothing to be remembered
            return error
        if state_of(os.stat(found.path)) != found.state:  # what its sha256 was taken of may be something else
            raise PictureError(found.path, "it was changed while it was read", "; or try again")
        return content

    bad: dict[int, str] = {}
    with atomic_write(path) as file, bombs_are_errors():
        for i, answer in enumerate(_in_threads(pixels, files, "reading pictures")):
            if isinstance(answer, PictureError):
                bad[i] = answer.reason
            else:
                file.write(answer)
        about = json.dumps({"count": len(files), "size": size, "channels": channels, "bad": list(bad.items())}).encode()
        file.write(about + struct.pack(">Q", len(about)) + MAGIC)


def _open(path: Path, count: int, size: int, channels: int) -> Prepared | None:
    """Return what is in the file; None if it is missing, cut off or of something else."""
    end = 8 + len(MAGIC)
    try:
        with open(path, "rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(max(0, length - end))
            size_of_about, magic = struct.unpack(f">Q{len(MAGIC)}s", file.read(end))
            if magic != MAGIC or size_of_about > length - end:
                return None
            file.seek(length - end - size_of_about)
            about = json.loads(file.read(size_of_about))
        bad = {int(number): str(reason) for number, reason in about["bad"]}
    except (OSError, ValueError, TypeError, KeyError, struct.error, RecursionError):
        return None
    good = count - len(bad)
    shape = (good, size, size, 3) if channels == 3 else (good, size, size)
    named = (about.get("count"), about.get("size"), about.get("channels"))
    if named != (count, size, channels) or length != good * size * size * channels + size_of_about + end:
        return None
    return Prepared(path, bad, shape)


@contextmanager
def _room(path: Path, count: int, size: int, channels: int) -> Iterator[None]:
    """Inside, a full disk is told with what is needed, and what helps."""
    try:
        yield
    except WriteError as error:
        wanted = count * size * size * channels / 1e6
        raise WriteError(
            f"{error}. The cache folder {path.parents[1]} needs {wanted:,.1f} MB for these {count:,} pictures: make "
            "room, or set MINIGEN_CACHE to a folder that has it",
            error.errno,
        ) from error


def _in_threads(task: Callable[[Found], Any], files: Sequence[Found], saying: str) -> Iterator[Any]:
    """Yield what a task makes of each file, in order; threads are a little ahead, and a terminal sees how far."""
    from tqdm import tqdm

    shown = tqdm(total=len(files), desc=saying, unit="", delay=1, leave=False, disable=None)
    threads = min(THREADS, os.cpu_count() or 1)
    rest = iter(files)
    with shown:
        if len(files) <= AT_ONCE or threads == 1:
            for found in rest:
                yield task(found)
                shown.update()
            return
        with ThreadPoolExecutor(threads, thread_name_prefix="minigen-pictures") as pool:
            while some := list(itertools.islice(rest, AT_ONCE)):
                yield from pool.map(task, some)
                shown.update(len(some))
