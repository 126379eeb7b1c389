"""The grader's side of a hand-in's process: starting it, asking it, and ending it whatever it does.

Every question has a deadline, every answer a size, and what comes back is read as plain values (`minigen.course.wire`).
A process that ends, floods the pipe, says nonsense or says nothing is an `AnswerError` with a sentence for the student.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from minigen.course.child import FRAME
from minigen.course.wire import MOST_BYTES, MOST_ITEMS, WireError, decode, encode

__all__ = ["AnswerError", "HandIn"]

MEBIBYTES = 1024  # beyond what the process has when the hand-in begins
START_SECONDS = 60.0  # for Python, NumPy and minigen to start on a busy machine
MOST_TEXT = 2 * 2**20  # bytes of a hand-in


class AnswerError(Exception):
    """A hand-in did not answer.

    Attributes
    ----------
    kind : str
        The type of the error that it raised, or "ended", "too slow", "refused", "missing", "nonsense".
    line : int
        The line of the hand-in, or 0.
    """

    def __init__(self, kind: str, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.kind, self.line = kind, line

    @property
    def fatal(self) -> bool:
        """Whether the process is gone."""
        return self.kind in ("ended", "too slow", "refused", "missing", "nonsense")


class HandIn:
    """A hand-in in a process of its own.

    Parameters
    ----------
    file : path
        The Python file or notebook that was handed in, or the text of a program.
    names : sequence of str
        What it must define.
    library, without
        As in `minigen.course.exercise.Exercise`.
    seconds : float
        How long all answers together may take.
    """

    def __init__(
        self,
        file: Path,
        names: Sequence[str],
        library: bool = False,
        without: Sequence[str] = (),
        seconds: float = 10.0,
        mebibytes: int = MEBIBYTES,
    ) -> None:
        self.seconds, self.left = seconds, seconds
        self.folder = Path(tempfile.mkdtemp(prefix="minigen-hand-in-"))
        self.process: subprocess.Popen | None = None
        self.received: queue.Queue = queue.Queue(maxsize=8)
        self.buffer = b""
        try:
            copy = self.folder / f"hand-in{'.ipynb' if file.suffix == '.ipynb' else '.py'}"
            copy.write_bytes(_content(file))
            self.start()
            setup = {"file": str(copy), "names": list(names), "library": library, "without": list(without)}
            self.send(b"S", encode(setup | {"seconds": seconds, "mebibytes": mebibytes}), START_SECONDS)
            kind, content = self.receive(START_SECONDS + seconds)
            self.look_at_start(kind, content)
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start the process, with nothing of ours but two ends of pipes."""
        kept = ("PATH", "HOME", "LANG", "SYSTEMROOT", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONPATH", "LD_LIBRARY_PATH")
        variables = {name: os.environ[name] for name in kept if name in os.environ}
        variables |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "minigen.course.child"],
            cwd=self.folder,
            env=variables | {"PYTHONHASHSEED": "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=os.name != "nt",
        )
        threading.Thread(target=_read, args=(self.process.stdout, self.received), daemon=True).start()

    def look_at_start(self, kind: bytes, content: bytes) -> None:
        """Read what the process says before the first question."""
        missing, notes, trouble = self.value(kind, content, b"R")
        if trouble is not None:
            error, message, line = trouble
            raise AnswerError(str(error), str(message), int(line))
        if missing:
            why = f"; {notes[0]}" if notes else ""
            raise AnswerError("missing", f"it defines no {' and no '.join(map(str, missing))}{why}")

    # ---- asking ---------------------------------------------------------------------------------------------------

    def ask(self, how: str, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, list[int]]:
        """Ask for one answer; see `minigen.course.child.perform`.

        Raises
        ------
        AnswerError
            If none comes.
        """
        functions: list[Callable[..., Any]] = []
        question = encode([how, name, list(args), kwargs], functions)
        end = time.perf_counter() + self.left
        try:
            self.send(b"C", question, self.left)
            while True:
                kind, content = self.receive(end - time.perf_counter())
                if kind != b"B":
                    break
                self.send(*self.call_back(content, functions), end - time.perf_counter())
            result = self.value(kind, content, b"O")
        finally:
            self.left = max(0.0, end - time.perf_counter())
        try:
            value, changed = result
            return value, [int(i) for i in changed]
        except (TypeError, ValueError):
            raise AnswerError("nonsense", "its process answered with nonsense") from None

    def call_back(self, content: bytes, functions: list[Callable[..., Any]]) -> tuple[bytes, bytes]:
        """Call a function of ours for the hand-in, which it was given as an argument."""
        try:
            number, args = decode(content)
            return b"V", encode(functions[number](*args))
        except Exception as error:
            return b"Z", encode(f"a function that was given cannot be called so: {error}"[:300])

    def value(self, kind: bytes, content: bytes, wanted: bytes) -> Any:
        """Read a message of the wanted kind, or raise what it says instead."""
        try:
            value = decode(content)
            if kind == b"E":
                error, message, line = value
                raise AnswerError(str(error), str(message), int(line))
            if kind == b"X":
                raise AnswerError("refused", f"{value}, which a hand-in may not do")
        except (WireError, TypeError, ValueError):
            kind = b""
        if kind != wanted:
            self.close()
            raise AnswerError("nonsense", "its process answered with nonsense")
        return value

    def send(self, kind: bytes, content: bytes, seconds: float) -> None:
        """Write a message; a process that does not read it in time is ended."""
        assert self.process is not None and self.process.stdin is not None
        timer = threading.Timer(max(0.0, seconds), self.kill)
        timer.start()
        try:
            data = memoryview(FRAME.pack(kind, len(content)) + content)
            while data:
                data = data[self.process.stdin.write(data) :]
        except (OSError, ValueError):
            raise self.ended(seconds) from None
        finally:
            timer.cancel()

    def receive(self, seconds: float) -> tuple[bytes, bytes]:
        """Read a message."""
        end = time.perf_counter() + seconds
        kind, size = FRAME.unpack(self.exactly(FRAME.size, end, seconds))
        if size > MOST_BYTES + MOST_ITEMS * 16:
            self.close()
            raise AnswerError("nonsense", f"its process sent {size} bytes at once")
        return kind, self.exactly(size, end, seconds)

    def exactly(self, size: int, end: float, seconds: float) -> bytes:
        """Read so many bytes, or raise when the time is over or the process is."""
        pieces, have = [self.buffer], len(self.buffer)
        while have < size:
            try:
                piece = self.received.get(timeout=max(0.0, end - time.perf_counter()))
            except queue.Empty:
                self.close()
                raise AnswerError("too slow", f"it took more than {self.seconds:g} s") from None
            if not piece:
                raise self.ended(seconds)
            pieces.append(piece)
            have += len(piece)
        data = b"".join(pieces)
        self.buffer = data[size:]
        return data[:size]

    # ---- the end --------------------------------------------------------------------------------------------------

    def ended(self, seconds: float) -> AnswerError:
        """Say how the process ended."""
        assert self.process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1.0)
        code = self.process.poll()
        self.close()
        if code in (-getattr(signal, "SIGXCPU", 0), -getattr(signal, "SIGKILL", 0)) and code:
            return AnswerError("too slow", f"it took more than {self.seconds:g} s, or more memory than there is")
        if code is not None and code < 0:
            return AnswerError("ended", f"its process was ended by {signal.Signals(-code).name}")
        return AnswerError("ended", f"its process ended (exit code {code}) before it had answered")

    def kill(self) -> None:
        """End the process and all that it may have started."""
        if self.process is None:
            return
        with contextlib.suppress(OSError):
            if os.name == "nt":
                self.process.kill()
            else:
                os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the process and remove its folder; a second time does nothing."""
        process, self.left = self.process, 0.0
        if process is not None:
            self.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5.0)
            with contextlib.suppress(OSError, ValueError):
                process.stdin.close()  # type: ignore[union-attr]
            with contextlib.suppress(queue.Empty):
                while self.received.get_nowait():  # else the thread that reads would wait for room for ever
                    pass
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def alive(self) -> bool:
        """Whether it can be asked again."""
        return self.process is not None and self.process.poll() is None and self.left > 0


def _content(file: Path) -> bytes:
    """Read a hand-in: a plain file of a sensible size."""
    if file.is_symlink() or not file.is_file():
        raise AnswerError("missing", f"{file.name} is no plain file")
    with file.open("rb") as opened:
        content = opened.read(MOST_TEXT + 1)
    if len(content) > MOST_TEXT:
        raise AnswerError("missing", f"{file.name} has more than {MOST_TEXT // 2**20} MiB")
    return content


def _read(pipe: Any, received: queue.Queue) -> None:
    """Read pieces in a thread of its own, for as long as there are any; b"" is the end."""
    while True:
        try:
            piece = os.read(pipe.fileno(), 2**20)
        except (OSError, ValueError):
            piece = b""
        try:
            received.put(piece, timeout=60.0)
        except queue.Full:
            break
        if not piece:
            break
    with contextlib.suppress(OSError):
        pipe.close()
