"""Hostile hand-ins: ``python -m torture.hand_ins --count 500`` (in tests/) grades so many, damaged at random.

Each is a right answer that was damaged (bytes, lines, words), with or without a cheat planted in it, as a program or as
a notebook.  What must hold for each: the grader comes to an end in time, gives between nothing and all points, nothing
to a cheat that is reached before the answer, and leaves neither a process nor a folder; a neighbour's right answer gets
all points, before and after.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import json
import os
import sys
import tempfile
import textwrap
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from minigen.course.catalogue import exercises
from minigen.course.copies import page_of
from minigen.course.grading import Hand, grade_hand
from torture.damage import damage

WHOLE = exercises()["loss_gradient"]
EXERCISE = dataclasses.replace(WHOLE, seconds=1.0)
SECONDS = 60.0  # that one hand-in may take on a busy machine
ANSWER = "return 2 * np.mean((w * x - y) * x)"

# Each ends what it is reached in, or cannot be part of a right answer.
CHEATS = (
    "import os; os._exit(0)",
    "import sys; sys.exit(0)",
    "raise SystemExit",
    "raise KeyboardInterrupt",
    "while True: pass",
    "import os; os.fork()",
    "import os; os.system('true')",
    "import subprocess; subprocess.run(['true'])",
    "import socket; socket.socket()",
    "open('results.json', 'w').write('{}')",
    "open('../results.json', 'a')",
    "import minigen.course.exercises.ch01",
    "from minigen.course import check",
    "import minigen",
    "import ctypes; ctypes.CDLL(None)",
    "import os; os.abort()",
    "import os; os.kill(os.getppid(), 9)",
    "a = [0] * 10**12",
    "a = np.ones(2**40)",
    "1 / 0",
    "return None",
    "return 'right'",
    "return [[]]",
    "return loss_gradient",
    "return loss_gradient(w, x, y)",
    "return np.array([None])",
    "return float('nan')",
    "x[...] = 0",
    "y += 1",
    "return True",
    "import gc; gc.get_objects()",
    "raise NotImplementedError",
    "return 2**10**5",
    "import os; os.closerange(3, 99)",
    "import sys; sys.addaudithook(print)",
    "def f(): yield\n    return f()",
    "import os\n    try: [os.write(i, b'O' * 99) for i in range(3, 9)]\n    except OSError: pass\n    return 0.5",
)
WORDS = (
    "",
    "(",
    ")",
    ":",
    "\t",
    "'''",
    '"""',
    "\\",
    "\0",
    "lambda",
    "yield",
    "await",
    "global w",
    "# %%",
    "é",
    "\u202e",
    "9" * 5000,
)


@dataclass
class Tally:
    """What came of the hand-ins."""

    count: int = 0
    scores: Counter = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0


def program_with(cheat: str) -> str:
    """Return a right answer with a cheat in front of it."""
    return f"import numpy as np\n\n\ndef loss_gradient(w, x, y):\n    {cheat or 'pass'}\n    {ANSWER}\n"


def as_notebook(text: str) -> str:
    """Return a program as a notebook of one cell a paragraph."""
    cells = [{"cell_type": "code", "source": part} for part in text.split("\n\n\n")]
    return json.dumps({"cells": cells, "nbformat": 4, "metadata": {}})


def scrambled(text: str, rng: Random) -> str:
    """Change lines and words as tired people and editors do."""
    lines = text.split("\n")
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(lines))
        way = rng.randrange(5)
        if way == 0:
            del lines[place : place + rng.randint(1, 3)]
        elif way == 1:
            lines.insert(place, lines[rng.randrange(len(lines))])
        elif way == 2:
            lines[place] = textwrap.indent(lines[place], " " * rng.randint(1, 5))
        elif way == 3:
            words = lines[place].split(" ")
            words[rng.randrange(len(words))] = rng.choice(WORDS)
            lines[place] = " ".join(words)
        else:
            lines[place] = lines[place][: rng.randrange(len(lines[place]) + 1)]
        lines = lines or [""]
    return "\n".join(lines)


def hand_in(number: int, seed: int) -> tuple[str, bytes, bool]:
    """Return a file's name and content, and whether it may earn nothing."""
    rng = Random(f"hand-in {seed} {number}")
    cheat = rng.choice(CHEATS) if rng.random() < 0.6 else ""
    text = (
        program_with(cheat)
        if rng.random() < 0.7
        else page_of(WHOLE).replace(ANSWER, f"{cheat or 'pass'}\n    {ANSWER}")
    )
    certain = bool(cheat)
    if rng.random() < 0.5:
        text, certain = scrambled(text, rng), False
    notebook = rng.random() < 0.2
    content = (as_notebook(text) if notebook else text).encode("utf-8", "replace")
    if rng.random() < 0.4:
        content, certain = damage(content, rng)[1], False
    return f"work{'.ipynb' if notebook else '.py'}", content, certain


def torture(count: int, seed: int = 0) -> Tally:
    """Grade so many hand-ins, and say what came of them."""
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="minigen-torture-") as folder:
        root = Path(folder)
        os.environ["TMPDIR"] = tempfile.tempdir = str(root)  # what is left there is seen
        neighbour = root / "neighbour.py"
        neighbour.write_text(program_with(""))
        for number in range(count):
            name, content, certain = hand_in(number, seed)
            (root / name).write_bytes(content)
            start = time.perf_counter()
            try:
                score = grade_hand(Hand("eve", (root / name,)), [EXERCISE], seed).score
            except BaseException as error:
                score = -1
                tally.faults.append(f"{number}: the grader raised {type(error).__name__}: {error}")
            seconds = time.perf_counter() - start
            tally.slowest = max(tally.slowest, seconds)
            tally.count, tally.scores[score] = tally.count + 1, tally.scores[score] + 1
            (root / name).unlink()
            left = sorted(path.name for path in root.iterdir())
            if left != ["neighbour.py"]:
                tally.faults.append(f"{number}: left behind: {left}")
            if seconds > SECONDS:
                tally.faults.append(f"{number}: took {seconds:.0f} s")
            if score > (0 if certain else EXERCISE.points):
                tally.faults.append(f"{number}: got {score} points")
            if number in (0, count - 1) and not grade_hand(Hand("ada", (neighbour,)), [WHOLE], seed).reports[0].right:
                tally.faults.append(f"{number}: a right answer was not right beside it")
        tempfile.tempdir = None
        del os.environ["TMPDIR"]
    if children := children_of(os.getpid()):
        tally.faults.append(f"processes are left: {children}")
    return tally


def children_of(parent: int) -> list[int]:
    """Return the processes that a process has started and that still are (Linux)."""
    listing = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(number) for number in listing.read_text().split()] if listing.exists() else []


def main() -> int:
    """Grade, print what came of it, and return 1 if there was a fault."""
    parser = argparse.ArgumentParser(description=ast.get_docstring(ast.parse(Path(__file__).read_text())))
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    tally = torture(arguments.count, arguments.seed)
    scores = ", ".join(f"{number} got {score}" for score, number in sorted(tally.scores.items()))
    print(
        f"hand-ins: {tally.count} graded, {len(tally.faults)} faults; {scores}; the slowest took {tally.slowest:.1f} s"
    )
    print("\n".join(tally.faults), file=sys.stderr, end="\n" * bool(tally.faults))
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
