"""The process of a hand-in: ``python -m minigen.course.child``, started by `minigen.course.process`, once an exercise.

It reads the hand-in, cuts out what the exercise needs, gives up what it does not need (memory, files, other processes,
the course itself), runs the slice, and then does one thing: it calls the student's functions with the values that the
grader sends, and sends back what they return.  It knows no right answers and gives no grades.

The locks here keep honest people from accidents and make cheating loud.  They are no sandbox against an attacker: what
holds against everybody is that this process decides nothing.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import importlib.util
import os
import runpy
import site
import struct
import subprocess
import sys
import sysconfig
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minigen.course.drivers import DRIVERS
from minigen.course.slicing import slice_for, source_of
from minigen.course.wire import WireError, decode, encode

HAS_LIMITS = importlib.util.find_spec("resource") is not None  # not on Windows
if HAS_LIMITS:
    import resource

__all__ = ["main", "perform"]

FRAME = struct.Struct("<cQ")
ANSWER = "answer.py"

# Python's own events: https://docs.python.org/3/library/audit_events.html
FORBIDDEN = {
    "cpython.PyInterpreterState_New",
    "gc.get_objects",
    "gc.get_referents",
    "gc.get_referrers",
    "pty.spawn",
    "sys._current_frames",
    "sys.addaudithook",
    "sys.setprofile",
    "sys.settrace",
    "syslog.openlog",
    "webbrowser.open",
}
FORBIDDEN_FAMILIES = (
    "_winapi.", "ctypes.", "ftplib.", "http.client.", "os.", "poplib.", "resource.", "shutil.", "signal.", "smtplib.",
    "socket.", "sqlite3.", "subprocess.", "tempfile.", "urllib.", "winreg.",
)  # fmt: skip
ALLOWED = {"os.add_dll_directory", "os.listdir", "os.putenv", "os.scandir", "os.unsetenv", "os.walk"}
# Modules that serve to leave the process, or to see into it from below.
CLOSED = {"_ctypes", "_posixsubprocess", "ctypes"}


# ---- calling the student's functions ------------------------------------------------------------------------------


def perform(objects: Mapping[str, Any], how: str, name: str, args: list, kwargs: dict) -> tuple[Any, list[int]]:
    """Do what the grader asks with a student's objects.

    Parameters
    ----------
    objects : mapping
        The objects by name.
    how : "call", "value" or "drive"
        Call a function, return a constant, or run a driver (`minigen.course.drivers`).
    name : str
        Which of them.
    args, kwargs
        Plain values, and functions.

    Returns
    -------
    result, changed
        What came back, and the places of arrays among the arguments that were written into.
    """
    if how == "value":
        return objects[name], []
    before = [a.copy() if isinstance(a, np.ndarray) else None for a in args]
    if how == "drive":
        return DRIVERS[name](objects, *args, **kwargs), []
    result = objects[name](*args, **kwargs)
    if isinstance(result, np.ndarray | np.generic):
        result = np.array(result)  # else writing into the argument afterwards would change it, too
    changed = [i for i, (a, b) in enumerate(zip(args, before, strict=True)) if b is not None and not _same(a, b)]
    return result, changed


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and a.tobytes() == b.tobytes()


# ---- the pipe -----------------------------------------------------------------------------------------------------


class Pipe:
    """Messages to and from the grader: a letter, a length, and that many bytes."""

    def __init__(self, reading: int, writing: int) -> None:
        self.reading, self.writing = reading, writing
        self.read, self.write = os.read, os.write

    def send(self, kind: bytes, content: bytes) -> None:
        """Write one message."""
        data = memoryview(FRAME.pack(kind, len(content)) + content)
        while data:
            data = data[self.write(self.writing, data) :]

    def receive(self) -> tuple[bytes, bytes]:
        """Read one message; without a grader this process ends."""
        kind, size = FRAME.unpack(self.exactly(FRAME.size))
        return kind, self.exactly(size)

    def exactly(self, size: int) -> bytes:
        """Read so many bytes."""
        pieces = []
        while size:
            piece = self.read(self.reading, min(size, 2**20))
            if not piece:
                os._exit(0)
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)


class Callbacks:
    """Functions that the grader handed in as arguments: each call is a question to the grader."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe = pipe

    def __getitem__(self, number: int) -> Callable[..., Any]:
        def ask(*args: Any) -> Any:
            self.pipe.send(b"B", encode([number, list(args)]))
            kind, content = self.pipe.receive()
            if kind != b"V":
                raise ValueError(decode(content))
            return decode(content)

        return ask


def serve(pipe: Pipe, objects: Mapping[str, Any], answer: str) -> None:
    """Do what the grader asks, for as long as it asks."""
    while True:
        _, content = pipe.receive()
        try:
            how, name, args, kwargs = decode(content, Callbacks(pipe))  # type: ignore[arg-type]
            result, changed = perform(objects, how, name, args, kwargs)
            reply = encode([result, changed])
        except WireError as error:
            pipe.send(b"E", encode(["WireError", f"it returned {error}", 0]))
        except BaseException as error:
            pipe.send(b"E", encode(told(error, answer)))
        else:
            pipe.send(b"O", reply)


def told(error: BaseException, answer: str) -> list[Any]:
    """Say what an error is, and in which line of the hand-in it was raised."""
    try:
        frames = traceback.walk_tb(error.__traceback__)  # (extract_tb would open files)
        lines = [line for frame, line in frames if frame.f_code.co_filename == answer]
        line = lines[-1] if lines else getattr(error, "lineno", 0) or 0
        return [type(error).__name__[:80], str(error)[:500], int(line or 0)]
    except BaseException:
        return ["Exception", "an error that cannot even be described", 0]


# ---- giving up what is not needed ---------------------------------------------------------------------------------


def limit(seconds: float, mebibytes: int) -> None:
    """Let the system hold this process to its time and memory (not on Windows, and memory not on macOS)."""
    if not HAS_LIMITS:
        return
    limits = {"RLIMIT_CPU": int(seconds) + 2, "RLIMIT_FSIZE": 0, "RLIMIT_CORE": 0, "RLIMIT_NPROC": 0}
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limits["RLIMIT_AS"] = pages * resource.getpagesize() + mebibytes * 2**20
    for name, value in limits.items():
        with contextlib.suppress(OSError, ValueError, AttributeError):
            resource.setrlimit(getattr(resource, name), (value, value))


def forget(library: bool, without: list[str]) -> None:
    """Drop what the hand-in may not use: the course, what the exercise forbids, and all of minigen if it says so."""
    for path in without:
        module, _, name = path.rpartition(".")
        refusal = forbidden(path)
        original = getattr(sys.modules[module], name)
        for loaded in [m for key, m in sys.modules.items() if key.split(".")[0] == "minigen"]:
            for key in [key for key, value in vars(loaded).items() if value is original]:
                setattr(loaded, key, refusal)
    for name in ("_fork_exec", "_posixsubprocess"):  # new processes without an event; `subprocess` may be imported
        vars(subprocess).pop(name, None)
    sys.modules.pop("_posixsubprocess", None)
    for name in [n for n in sys.modules if n.startswith("minigen.course") or (not library and n.startswith("minigen"))]:
        del sys.modules[name]
    if library:
        vars(sys.modules["minigen"]).pop("course", None)


def forbidden(path: str) -> Callable[..., Any]:
    """Return what stands in the place of a function that is not to be used."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"this exercise is to be written without {path}")

    return refuse


def lock(pipe: Pipe, library: bool, answer: str, package: str) -> None:  # noqa: C901  (see below)
    """From here on, what would leave this process ends it, and the grader is told why.

    The hook and what it needs are local names, so that no program reaches them through a module.
    """
    course = os.path.join(package, "course")
    folders = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders += [*site.getsitepackages(), site.getusersitepackages(), os.path.dirname(np.__file__)]
    folders += [package] if library else []
    readable = tuple(place + os.sep for folder in folders for place in (folder, os.path.realpath(folder)))
    single_files = frozenset((answer, *sys.path))  # Python looks into python311.zip
    closed = (course + os.sep, os.path.realpath(course) + os.sep)
    modules = (frozenset(sys.stdlib_module_names) | {"numpy"} | ({"minigen"} if library else set())) - CLOSED
    send, leave, text = pipe.send, os._exit, str
    families, single, allowed = FORBIDDEN_FAMILIES, FORBIDDEN, ALLOWED
    writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def refuse(what: str) -> None:
        send(b"X", encode(what[:300]))
        leave(77)

    def opened(path: Any, mode: Any, flags: Any) -> None:
        name = path.decode("utf-8", "replace") if type(path) is bytes else path
        if type(name) is not text:
            refuse("it opens something that is no plain path")
        if (type(mode) is text and set(mode) & set("wax+")) or (mode is None and flags and flags & writes):
            refuse(f"it opens {name} for writing")
        if name not in single_files and (not name.startswith(readable) or name.startswith(closed) or ".." in name):
            refuse(f"it opens {name}")

    def imported(name: str) -> None:
        if name.startswith("minigen.course"):
            refuse(f"it imports {name}")
        if name.partition(".")[0] not in modules:
            raise ImportError(f"{name} is not there: {NO_LIBRARY if name.startswith('minigen') else ONLY}")

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            if type(args[0]) is not int:
                opened(*args)
        elif event == "import":
            imported(args[0])
        elif event in single or (event.startswith(families) and event not in allowed):
            refuse(f"it calls {event}")

    sys.addaudithook(hook)


NO_LIBRARY = "this exercise is to be written without minigen"
ONLY = "exercises are written with NumPy and Python's own modules"


# ---- from the beginning to the end --------------------------------------------------------------------------------


def main() -> None:
    """Serve one hand-in."""
    pipe = Pipe(os.dup(0), os.dup(1))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    setup = decode(pipe.receive()[1])
    answer = os.path.join(os.getcwd(), ANSWER)
    try:
        text = source_of(Path(setup["file"]).read_bytes(), setup["file"].endswith(".ipynb"))
        sliced = slice_for(text, setup["names"])
    except BaseException as error:
        pipe.send(
            b"R", encode([list(setup["names"]), [f"it cannot be read: {type(error).__name__}: {error}"[:500]], None])
        )
        return
    Path(answer).write_text(sliced.program, encoding="utf-8", errors="replace")
    objects: dict[str, Any] = {"minigen": sys.modules["minigen"]} if setup["library"] else {}
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if setup["library"]:
        sys.modules["minigen"].set_num_threads(1)  # it loads what it needs to know of threads, before the lock
    forget(setup["library"], setup["without"])
    gc.collect()
    limit(setup["seconds"], setup["mebibytes"])
    lock(pipe, setup["library"], answer, package)
    try:
        found = runpy.run_path(answer, run_name="answer")
        trouble = None
    except BaseException as error:
        found, trouble = {}, told(error, answer)
    objects |= {name: found[name] for name in setup["names"] if name in found}
    pipe.send(b"R", encode([[n for n in setup["names"] if n not in objects], list(sliced.notes)[:20], trouble]))
    serve(pipe, objects, answer)


if __name__ == "__main__":
    builtins.input = lambda *args: ""  # there is nobody to ask
    main()
