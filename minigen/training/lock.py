"""One run, one process: a file ``lock`` in a run's folder says who trains there, and keeps others out.

The lock is the operating system's, on that file: it goes when the process goes, however that ends.  What the file
says (process, user, machine, since when) is for people, and for machines that share a folder but no locks.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import socket
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from minigen.files import WriteError, as_path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK_FILE = "lock"
OWN = ("checkpoints", "samples", "evaluation", "log.jsonl", LOCK_FILE)  # what a run writes into
FAR = 2**30  # Windows locks bytes and lets nobody read them: one that the file does not have


class LockError(RuntimeError):
    """Nobody may train in this folder now; the message says why, who else does, and what to do."""


class RunLock:
    """Hold a run's folder for this process, inside ``with``; it may be entered again while it is held.

    Parameters
    ----------
    folder : str or Path
        The run's folder; it is made where it is missing.

    Attributes
    ----------
    notice : str
        After entering: what to tell about a process that held the lock and ended without giving it back; else empty.

    Raises
    ------
    LockError
        On entering, if another process, or another trainer in this one, holds it; or if links lead out of the folder.
    minigen.data.WriteError
        If the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with RunLock(folder):
    ...     (folder / "lock").exists()
    True
    >>> (folder / "lock").exists()
    False
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = as_path("RunLock", "folder", folder, "folder") / LOCK_FILE
        self.depth, self.descriptor, self.notice = 0, -1, ""

    def __enter__(self) -> RunLock:
        if self.depth == 0:
            self.take()
        self.depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.depth -= 1
        if self.depth == 0:
            self.give_back()

    def take(self) -> None:
        """Lock the file, and write into it who did."""
        refuse_links(self.path.parent)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            while True:
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
                before = owner(self.path)
                if not lock_file(descriptor):
                    os.close(descriptor)
                    raise LockError(busy(self.path, before))
                if is_still(descriptor, self.path):  # its last owner may have removed it in the meantime
                    break
                os.close(descriptor)
        except OSError as error:
            raise WriteError(f"cannot write {self.path}: {error.strerror}", error.errno) from error
        if before.get("host", socket.gethostname()) != socket.gethostname():
            os.close(descriptor)
            raise LockError(busy(self.path, before))
        self.descriptor, self.notice = descriptor, left_behind(before)
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps(myself()).encode() + b"\n")
        except OSError as error:
            self.give_back()
            raise WriteError(f"cannot write {self.path}: {error.strerror}", error.errno) from error

    def give_back(self) -> None:
        """Remove the file, then let go of it."""
        with contextlib.suppress(OSError):
            if is_still(self.descriptor, self.path):
                self.path.unlink()
        with contextlib.suppress(OSError):
            os.close(self.descriptor)
        self.descriptor = -1


def refuse_links(folder: Path) -> None:
    """Refuse a run's folder from which links lead elsewhere: what is written would land there.

    Raises
    ------
    LockError
        Naming the link.
    """
    for name in OWN:
        path = folder / name
        if path.is_symlink():
            raise LockError(f"{path}: this is a link, and a run writes into its own folder only; link the whole folder")


def lock_file(descriptor: int) -> bool:
    """Lock an open file without waiting; False where somebody else has."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def is_still(descriptor: int, path: Path) -> bool:
    """Say whether an open file is the one that has this name now."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def myself() -> dict[str, Any]:
    """Return what a lock says about this process."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container without a name for its user
        user = str(getattr(os, "getuid", lambda: "?")())
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    return {"pid": os.getpid(), "user": user, "host": socket.gethostname(), "since": since}


def owner(path: Path) -> dict[str, Any]:
    """Return what a lock file says; nothing where it says nothing that makes sense."""
    try:
        said = json.loads(path.read_bytes()[:1000]) if path.is_file() else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def named(said: dict[str, Any]) -> str:
    """Name the owner of a lock: process, user, machine, since when."""
    words = {name: str(said.get(name, "?"))[:60] for name in ("pid", "user", "host", "since")}
    return "process {pid} of {user} on {host}, since {since}".format(**words)


def busy(path: Path, said: dict[str, Any]) -> str:
    """Return the message to whoever comes second."""
    if said.get("host", socket.gethostname()) != socket.gethostname():
        remedy = f"if it has ended (this machine cannot see that), remove {path}"
    elif said.get("pid") == os.getpid():
        remedy = "it is this very process: end the other training first"
    else:
        remedy = "wait for it, stop it (Ctrl-C saves), or name another folder"
    return f"{path.parent}: a run is being trained in this folder by {named(said)}; {remedy}"


def left_behind(said: dict[str, Any]) -> str:
    """Return what to say about a lock whose owner ended without giving it back."""
    if not said:
        return ""
    return f"the lock of {named(said)}, was left behind: that process ended without a chance to save; it is taken over"
