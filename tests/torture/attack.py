"""Attack one kind of file: ``python -m torture.attack KIND --files 200 --seed 0`` (in tests/), one JSON line a file.

Every file is read in this process, which is watched: how long it takes, how much memory, whether anything is written
outside of the target, whether any code is run that did not come with Python and its packages, whether there is a
connection.  A process of its own, because the worst a file can do is to end it; `torture.run` counts that, too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import sys
import sysconfig
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import minigen
from torture import KINDS
from torture.damage import damage
from torture.kind import Kind

CANARY = "canary.py"  # a program beside each target, which tells on whoever runs it
KNOWN_CODE = tuple(
    os.path.realpath(place) + os.sep
    for place in (
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        Path(minigen.__file__).parents[1],
    )
)
WRITES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "shutil.rmtree"}
PATHS = (str, bytes, os.PathLike)
FORBIDDEN = {"pickle.find_class", "os.system", "os.exec", "subprocess.Popen", "socket.connect", "socket.getaddrinfo"}


class TooSlow(BaseException):
    """The time that a file may take is over."""


class Watch:
    """Looks on, inside ``with``, at what the reading of a file does beside reading."""

    def __init__(self) -> None:
        self.target: str | None = None
        self.seen: list[str] = []
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note what must not happen (an audit hook of Python's)."""
        if self.target is None:
            return
        if event in FORBIDDEN:
            self.seen.append(f"{event} {arguments[:1]}")
        elif event == "exec" and hasattr(arguments[0], "co_filename"):
            name = arguments[0].co_filename
            if not (name.startswith("<frozen ") or os.path.realpath(name).startswith(KNOWN_CODE)):
                self.seen.append(f"ran code of {name}")
        elif (event in WRITES or (event == "open" and self.writes(arguments))) and isinstance(arguments[0], PATHS):
            place = os.path.realpath(os.fsdecode(arguments[0]))
            if not (place + os.sep).startswith(self.target + os.sep) and not place.endswith(".pyc"):
                self.seen.append(f"{event} {place}")

    @staticmethod
    def writes(arguments: tuple[Any, ...]) -> bool:
        """Say whether the arguments of an ``open`` ask for writing."""
        _, mode, flags = arguments
        changing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        return bool(set(mode or "r") & set("wax+")) if mode is not None else bool((flags or 0) & changing)

    @contextlib.contextmanager
    def over(self, target: Path) -> Iterator[None]:
        """Watch while the block runs; the target folder may be written."""
        self.seen, self.target = [], os.path.realpath(target)
        try:
            yield
        finally:
            self.target = None


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise `TooSlow` in the block once it has taken so long."""

    def late(number: int, frame: Any) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def limit_memory(mebibytes: int) -> None:
    """Let this process's address space grow by so much and no more."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + mebibytes * 2**20, resource.getrlimit(resource.RLIMIT_AS)[1]))


def attempt(kind: Kind, path: Path, watch: Watch, root: Path) -> dict[str, Any]:
    """Read one file, and return what came of it: ``outcome`` is "read", "refused" or what is at fault."""
    target, before = path.parent, listing(root, path.parent)
    started, said = time.perf_counter(), ""
    try:
        with watch.over(target), limited(kind.seconds):
            kind.read(path)
        outcome = "read"
    except kind.errors as error:
        outcome, said = "refused", f"{type(error).__name__}: {error}"
    except TooSlow:
        outcome = f"fault: took more than {kind.seconds:g} s"
    except MemoryError:
        outcome = f"fault: wanted more than {kind.mebibytes} MiB"
    except BaseException as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        outcome = f"fault: {type(error).__name__} from {Path(place.filename).name}, line {place.lineno}: {error}"
    if watch.seen:
        outcome = f"fault: {watch.seen[0]}"
    elif (after := listing(root, target)) != before:
        outcome = f"fault: changed outside of the target: {sorted(set(after.items()) ^ set(before.items()))[:3]}"
    elif outcome == "refused" and not said.partition(": ")[2].strip():
        outcome = "fault: an error without a word"
    return {"outcome": outcome[:400], "said": said[:300], "seconds": round(time.perf_counter() - started, 4)}


def listing(root: Path, target: Path) -> dict[str, int]:
    """Return the size of every file below ``root`` that is not in the target folder."""
    found = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if Path(folder, name) != target]
        found |= {str(Path(folder, name)): Path(folder, name).lstat().st_size for name in names}
    return found


def fresh(kind: Kind, root: Path, seed: int) -> Path:
    """Make a good file in an empty target folder, and put the canary outside, where a wrong path would meet it."""
    target = root / "a" / "target"
    shutil.rmtree(root, ignore_errors=True)
    target.mkdir(parents=True)
    tells = f"open({str(root / 'sung')!r}, 'w').close()\n"
    for folder in (root, target):
        (folder / CANARY).write_text(tells)
    return kind.make(target, Random(seed))


def attack(kind: Kind, files: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield what comes of every crafted file, then of damaged ones until there were ``files`` in all.

    Raises
    ------
    AssertionError
        If the good file cannot be read: then no answer to a bad one means anything.
    """
    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    home = Path.cwd()
    watch = Watch()
    try:
        for number in range(2):  # what is imported and allocated once is; and the good files are good
            path = fresh(kind, folder / "root", seed + number)
            os.chdir(path.parent)
            result = attempt(kind, path, watch, folder / "root")
            assert result["outcome"] == "read", f"{kind.name}: the good file was not read: {result}"
        limit_memory(kind.mebibytes)
        for number in range(files):
            path = fresh(kind, folder / "root", seed + number)
            os.chdir(path.parent)
            if number < len(kind.crafted):
                how, craft = list(kind.crafted.items())[number]
                craft(path)
            else:
                how, content = (kind.damaged or damage)(path.read_bytes(), Random(f"{kind.name} {seed} {number}"))
                path.write_bytes(content)
            yield {"number": number, "how": how, "outcome": "fault: ended the process"}
            yield {"number": number, "how": how, **attempt(kind, path, watch, folder / "root")}
    finally:
        os.chdir(home)
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Attack, and print a line before each file and one after it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for result in attack(KINDS[arguments.kind], arguments.files, arguments.seed):
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) / 1024
        print(json.dumps(result | {"mebibytes": round(grown, 1)}), flush=True)


if __name__ == "__main__":
    main()
