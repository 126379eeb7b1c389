"""Grading is safe: what a hand-in does to its process, its files and its neighbours earns it nothing, and stops nobody.

`CHEATS` are planted one at a time in front of a right answer, so that a cheat which is not noticed gets full points.
"""

import csv
import dataclasses
import json
import os
import re
import signal
import textwrap
import time
from pathlib import Path

import pytest
from torture.hand_ins import torture

from minigen.cli import main
from minigen.course import grading
from minigen.course.catalogue import chapters, exercises
from minigen.course.copies import blank, text_of
from minigen.course.examine import examine_file, program
from minigen.course.grading import Hand, collect, grade_hand
from minigen.course.process import HandIn
from minigen.course.results import as_csv, as_gradescope, as_html, as_prairielearn, clean, write_results

pytestmark = pytest.mark.xdist_group("grading")  # one worker grades the class, once
WHOLE = exercises()["loss_gradient"]
EXERCISE = dataclasses.replace(WHOLE, seconds=1.0, parts=WHOLE.parts[:1])  # one process a cheat
LIBRARY = dataclasses.replace(exercises()["FoldedNet"], seconds=3.0)
RIGHT = "return 2 * np.mean((w * x - y) * x)"
TARGET = "results.json"  # in the folder of the process, and beside the hand-in

# What is written at the beginning of the function, before the right answer.
CHEATS = {
    "leaves with 0": "os._exit(0)",
    "leaves with 1": "os._exit(1)",
    "leaves politely": "sys.exit(0)",
    "raises SystemExit": "raise SystemExit(0)",
    "raises KeyboardInterrupt": "raise KeyboardInterrupt",
    "kills itself": "os.abort()",
    "crashes": "import faulthandler; faulthandler._sigsegv()",
    "kills the grader": "os.kill(os.getppid(), 15)",
    "kills its group": "os.killpg(0, 9)",
    "runs for ever": "while True: pass",
    "runs for ever in a sum": "sum(iter(int, 1))",
    "sleeps": "import time; time.sleep(60)",
    "calls itself": "return loss_gradient(w, x, y)",
    "fork": "os.fork()",
    "fork bomb": "while True: os.fork()",
    "new process": "import subprocess; subprocess.run(['true'])",
    "new processes": "import multiprocessing; multiprocessing.Process(target=print).start()",
    "new process from below": "import _posixsubprocess",
    "new process from within": "import subprocess; subprocess._fork_exec",
    "shell": "os.system('true')",
    "spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "exec": "os.execv('/bin/true', ['true'])",
    "much memory": "block = np.ones(2**34)",
    "more memory than it may have": "block = np.empty(2**29)",
    "much memory, slowly": "blocks = []\nwhile True: blocks.append(bytearray(2**26))",
    "writes results": f"open({TARGET!r}, 'w').write('{{\"score\": 100}}')",
    "writes results from below": f"os.open({TARGET!r}, os.O_WRONLY | os.O_CREAT)",
    "removes files": f"os.remove({TARGET!r})",
    "links": f"os.symlink('/etc/passwd', {TARGET!r})",
    "reads the solution": "open(PAGE).read()",
    "imports the solution": "import minigen.course.exercises.ch01",
    "imports the checker": "from minigen.course import examine",
    "imports the library": "import minigen",
    "connects": "import socket; socket.create_connection(('127.0.0.1', 9), 1)",
    "foreign code": "import ctypes; ctypes.CDLL(None).exit(0)",
    "looks for secrets": "import gc; gc.get_objects()",
    "raises its own limits": "import resource; resource.setrlimit(resource.RLIMIT_CPU, (-1, -1))",
    "reads the grader's memory": "open(f'/proc/{os.getppid()}/mem', 'rb')",
    "a second interpreter": "import _xxsubinterpreters as s; s.run_string(s.create(), 'import os; os.fork()')",
    "a hook of its own": "sys.addaudithook(lambda *args: None)",
    "closes the pipe": "os.closerange(3, 50)",
    "nonsense in the pipe": "[os.write(fd, b'O' * 4096) for fd in range(3, 20) if writable(fd)]",
    "a flood in the pipe": "while True: [os.write(fd, b'O' + b'\\xff' * 65536) for fd in range(3, 20) if writable(fd)]",
    "a grade in the pipe": '[os.write(fd, b\'{"score": 100, "right": true}\') for fd in range(3, 20) if writable(fd)]',
    "a huge answer": "return np.zeros(2**27)",
    "an answer that equals all": "return Everything()",
    "an array that equals all": "return np.zeros(1).view(Yes)",
    "changes the input": "result = 2 * np.mean((w * x - y) * x)\nx[:] = 0\nreturn result",
    "a deep answer": "a = []\nfor _ in range(10**5): a = [a]\nreturn a",
    "an object array": "return np.array([object()])",
}
# Much like another one: a process costs a third of a second.
VARIANTS = {
    "leaves with 1", "raises SystemExit", "runs for ever in a sum", "fork bomb", "new process from below", "spawn",
    "exec", "imports the checker", "a grade in the pipe", "an object array", "raises KeyboardInterrupt", "kills itself",
    "much memory", "removes files", "calls itself",
}  # fmt: skip
HEAD = """\
import os, sys
import numpy as np
PAGE = {page!r}
def writable(fd):
    try:
        return bool(os.fstat(fd)) and os.write(fd, b"") == 0
    except OSError:
        return False
def change(**names):
    f = sys._getframe(1)
    while f:
        f.f_globals.update(names)
        f = f.f_back
class Everything:
    def __eq__(self, other): return True
    def __float__(self): return 1.0
    def __array__(self, *args, **kwargs): return np.ones(())
    @property
    def __class__(self): return np.ndarray
class Yes(np.ndarray):
    def __eq__(self, other): return np.ones(self.shape, bool)
    def __sub__(self, other): return np.zeros(self.shape)
def loss_gradient(w, x, y):
"""


def with_cheat(code):
    """Return a hand-in: the cheat, and then the right answer."""
    page = str(grading.__file__).replace("grading.py", "exercises/ch01.py")
    return HEAD.format(page=page) + textwrap.indent(f"{code}\n{RIGHT}\n", "    ")


def judge(text, exercise=EXERCISE):
    with program(text) as file:
        (file.parent / TARGET).write_text("untouched")
        report = examine_file(exercise, file, seed=5)
        assert (file.parent / TARGET).read_text() == "untouched"
    return report


def test_who_may_run_what():
    """Hand-ins run in the child only; the grader runs its own pages, and finds its own modules."""
    running = {
        "child.py": {"import runpy"},
        "examine.py": {"import runpy"},
        "catalogue.py": {"importlib.import_module"},
    }
    words = r"import runpy|importlib\.import_module|exec_module|__import__\(|import pickle|import marshal"
    for path in Path(grading.__file__).parent.rglob("*.py"):
        assert set(re.findall(words, path.read_text())) == running.get(path.name, set()), path.name
    own = (Path(grading.__file__).parent / "examine.py").read_text()
    assert own.count("runpy.run_path(") == 1 == own.count("open_trusted(exercise, text)\n")


def test_without_a_cheat_it_is_right():
    assert judge(with_cheat("pass")).right


def test_there_are_enough_cheats():
    assert set(CHEATS) > VARIANTS
    assert len(CHEATS) - len(VARIANTS) >= 30


@pytest.mark.skipif(os.name == "nt", reason="what the system can limit is asked of POSIX only")
@pytest.mark.parametrize("cheat", [pytest.param(c, marks=[pytest.mark.nightly] * (c in VARIANTS)) for c in CHEATS])
def test_a_cheat_earns_nothing(cheat):
    start = time.perf_counter()
    report = judge(with_cheat(CHEATS[cheat]))
    assert report.score == 0, str(report)
    assert time.perf_counter() - start < 40
    assert all(verdict.message for verdict in report.verdicts)


# The same at the top level of a file, where nothing of the answer needs it.
AT_THE_TOP = {
    "leaves": "import os\nos._exit(0)",
    "leaves in a branch": "import sys\nif __name__:\n    sys.exit(0)",
    "quits": "quit()",
    "raises": "raise SystemExit(0)",
    "runs for ever": "while True:\n    pass",
    "forks": "import os\nfor _ in range(9):\n    os.fork()",
    "writes": "open('results.json', 'w').write('100')",
    "writes in a with": "with open('results.json', 'w') as file:\n    file.write('100')",
    "imports the solutions": "from minigen.course.exercises.ch01 import LOSS",
    "imports the grader": "import minigen.course.grading\nminigen.course.grading.grade = None",
    "imports it by name": "import importlib\nimportlib.import_module('minigen.course.compare').expect = print",
}


@pytest.mark.skipif(os.name == "nt", reason="what the system can limit is asked of POSIX only")
@pytest.mark.parametrize("cheat", AT_THE_TOP)
def test_a_cheat_at_the_top_earns_nothing(cheat):
    report = judge(f"{AT_THE_TOP[cheat]}\n{with_cheat('pass')}")
    assert report.score == 0 and report.verdicts[0].message, str(report)


TAMPERING = {
    "comparison": "np.allclose = np.array_equal = lambda *a, **k: True\nreturn 0.0",
    "absolute value": "np.abs = lambda x: x * 0\nreturn 0.0",
    "print": "print('{\"score\": 4}'); sys.stdout.flush()\nreturn 0.0",
    "stderr": "os.write(2, b'passed')\nreturn 0.0",
    "the caller's code": "change(perform=lambda *a: (0.0, []))\nreturn 0.0",
    "the encoder": "change(encode=lambda v: b'T')\nreturn 0.0",
    "the frames of the pipe": "change(FRAME=None)\nreturn 0.0",
    "builtins": "import builtins; builtins.abs = builtins.max = lambda *a, **k: 0.0\nreturn 0.0",
    "a note of success": "return 'right, 4 of 4 points'",
    "true": "return True",
    "nan": "return float('nan')",
    "infinity": "return float('inf')",
}


@pytest.mark.parametrize("what", TAMPERING)
def test_tampering_with_its_own_process_changes_no_grade(what):
    assert judge(with_cheat(TAMPERING[what])).score == 0


def test_a_library_exercise_has_minigen_and_neither_course_nor_what_is_forbidden():
    text = (
        "import minigen\nfrom minigen import nn\nFAULT = 'b'\n{}\nclass FoldedNet(nn.Module):\n    pass\n    k = {}\n"
    )
    refused = judge(text.format("from minigen.course import drivers", "drivers"), LIBRARY)
    assert refused.score == 0 and "imports minigen.course" in str(refused)
    assert judge(text.format("", "0"), LIBRARY).score == 1  # its letter is right
    without = dataclasses.replace(LIBRARY, without=("minigen.functional.conv.conv2d",))
    for way in ("minigen.nn.functional.conv2d", "minigen.functional.conv.conv2d"):
        used = judge(
            text.format("import minigen.nn.functional\nimport minigen.functional.conv", f"{way}(1, 2)"), without
        )
        assert "without minigen.functional.conv.conv2d" in str(used)


HOSTILE_FILES = {
    "empty.py": b"",
    "zeros.py": b"\0" * 1000,
    "bytes.py": bytes(range(256)) * 10,
    "syntax.py": b"def loss_gradient(w, x, y)\n  return 1",
    "brackets.py": b"def loss_gradient(): pass\n" + b"(" * 50_000,
    "minus.py": b"def loss_gradient(): pass\nx = " + b"-" * 100_000 + b"1",
    "indent.py": b"def loss_gradient():\n" + b"".join(b" " * i + b"if 1:\n" for i in range(1, 200)),
    "cookie.py": b"# -*- coding: nonsense -*-\ndef loss_gradient(w, x, y): return 1",
    "large.py": b"def loss_gradient(): pass\n" + b"# " * 2**21,
    "list.ipynb": b"[]",
    "text.ipynb": b"def loss_gradient(w, x, y): return 0",
    "cells.ipynb": b'{"cells": 3, "x": "def loss_gradient"}',
    "deep.ipynb": b'{"def loss_gradient": ' + b"[" * 100_000,
    "source.ipynb": b'{"cells": [{"cell_type": "code", "source": [1, 2]}], "x": "\\ndef loss_gradient"}',
}


@pytest.mark.parametrize("name", HOSTILE_FILES)
def test_a_hostile_file_earns_nothing(name, tmp_path):
    (tmp_path / name).write_bytes(HOSTILE_FILES[name])
    result = grade_hand(Hand("eve", (tmp_path / name,)), [EXERCISE], seed=1)
    assert result.score == 0
    assert all(verdict.message for verdict in result.reports[0].verdicts)


def test_links_devices_and_hidden_files_are_passed_over(tmp_path):
    secret = tmp_path / "secret.py"
    secret.write_text(with_cheat("pass"))
    folder = tmp_path / "hand-ins"
    (folder / "ada").mkdir(parents=True)
    (folder / ".hidden.py").write_text("")
    (folder / "ada" / "answer.py").write_text("")
    (folder / "link.py").symlink_to(secret)
    (folder / "ada" / "loop").symlink_to(folder)
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.py")
    hands = collect(folder)
    assert [(hand.student, [file.name for file in hand.files]) for hand in hands] == [("ada", ["answer.py"])]


def test_the_process_is_gone_afterwards(tmp_path):
    file = tmp_path / "a.py"
    file.write_text(with_cheat("while True: pass"))
    hand_in = HandIn(file, EXERCISE.wanted, seconds=0.5)
    number, folder = hand_in.process.pid, hand_in.folder
    with pytest.raises(Exception, match=r"more than 0\.5 s"):
        hand_in.ask("call", "loss_gradient", [1.0, None, None], {})
    hand_in.close()
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(number, signal.SIGTERM * 0)


# ---- a class ------------------------------------------------------------------------------------------------------

SMALL = text_of(chapters()[0])


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    """A class: one who has it all, one who began, one blank, one in a notebook, three who cheat."""
    folder = tmp_path_factory.mktemp("school") / "hand-ins"
    texts = {
        "ada/01_gradients.py": SMALL,
        "began/work.py": blank(SMALL).replace('raise NotImplementedError("loss_gradient: your code here")', RIGHT),
        "blank.py": blank(SMALL),
        "cheat.py": with_cheat("os._exit(0)"),
        "loop.py": with_cheat("open('results.json', 'w')"),
        "=1+1.py": with_cheat("raise ValueError('<script>alert(1)</script>')"),
    }
    cells = [{"cell_type": "code", "source": ["%matplotlib inline\n", "import numpy as np\n"]},
             {"cell_type": "markdown", "source": "# no code"},
             {"cell_type": "code", "source": f"def loss_gradient(w, x, y):\n    {RIGHT}\n"}]  # fmt: skip
    texts["note.ipynb"] = json.dumps({"cells": cells, "nbformat": 4})
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def graded(school, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "results"
    assert main(["course", "grade", str(school), "--seed", "3", "--out", str(out), "--jobs", "2"]) == 0
    return out


def test_the_class_is_graded_whatever_some_do(graded):
    rows = {row["student"]: row for row in csv.DictReader((graded / "class.csv").read_text().splitlines())}
    scores = {student: int(row["score"]) for student, row in rows.items()}
    assert scores == {"ada": 17, "began": 4, "blank": 0, "cheat": 0, "loop": 0, "note": 4, "'=1+1": 0}
    assert {row["points"] for row in rows.values()} == {"17"}
    assert rows["note"]["loss_gradient"] == "4"


def test_each_has_a_file_for_gradescope_and_one_for_prairielearn(graded):
    scope = json.loads((graded / "began" / "results.json").read_text())
    assert scope["score"] == 4.0 == sum(test["score"] for test in scope["tests"])
    assert all(0 <= test["score"] <= test["max_score"] for test in scope["tests"])
    assert {test["status"] for test in scope["tests"]} == {"passed", "failed"}
    lark = json.loads((graded / "began" / "prairielearn" / "results.json").read_text())
    assert lark["gradable"] is True and lark["score"] == pytest.approx(4 / 17, abs=1e-6)
    assert sum(test["points"] for test in lark["tests"]) == 4
    assert [test["name"] for test in lark["tests"]] == [test["name"] for test in scope["tests"]]
    assert {folder.name for folder in graded.iterdir() if folder.is_dir()} >= {"ada", "blank", "cheat", "note"}


def test_the_page_escapes_what_students_wrote(graded):
    page = (graded / "class.html").read_text()
    assert "<script" not in page and "&lt;script&gt;alert(1)" in page
    assert "http" not in page and "src=" not in page, "it needs nothing but itself"
    assert page.count("<details") == 7 and "17 of 17 points" in page


def test_results_may_lie_among_the_hand_ins_and_be_written_again(school, graded):
    out = school / "results"
    before = [hand.student for hand in collect(school)]
    write_results([grade_hand(hand, [], 3) for hand in collect(school, leave_out=[out])], out, 3)
    write_results([grade_hand(hand, [], 3) for hand in collect(school, leave_out=[out])], out, 3)
    assert [hand.student for hand in collect(school, leave_out=[out])] == before
    assert not list(out.rglob("*.part"))


def test_the_same_seed_gives_the_same_grades(school, graded):
    (began,) = [hand for hand in collect(school) if hand.student == "began"]
    again = grade_hand(began, chapters()[0].exercises, 3)
    told = [test["output"] for test in json.loads((graded / "began" / "results.json").read_text())["tests"]]
    assert [test["output"] for test in as_gradescope(again)["tests"]] == told


def test_what_cannot_be_written_as_it_is(tmp_path):
    result = grade_hand(Hand("a\x1b[2J\u202eb", ()), [EXERCISE], 0)
    assert "\x1b" not in as_html([result], 0, False) and "\x1b" not in as_csv([result])
    assert clean("plain\ttext\n") == "plain\ttext\n"
    assert as_prairielearn(result)["score"] == 0.0
    assert as_gradescope(result)["score"] == 0.0
    write_results([], tmp_path, 0)
    assert as_csv([]) == "student,score,points\n"


def test_an_error_of_the_grader_itself_stops_nobody(monkeypatch, tmp_path):
    """A fault of ours in one item is said, and costs that item."""
    file = tmp_path / "a.py"
    file.write_text(with_cheat("pass"))

    def broken(*args, **kwargs):
        raise RuntimeError("a fault of the grader")

    monkeypatch.setattr(grading, "examine_file", broken)
    (report,) = grade_hand(Hand("ada", (file,)), [EXERCISE], 0).reports
    assert report.score == 0 and "could not be graded" in str(report)


def test_some_damaged_hand_ins():
    """The short form of what `make torture` does with five hundred."""
    tally = torture(8, seed=1)
    assert tally.faults == []
    assert tally.count == sum(tally.scores.values()) == 8
    assert set(tally.scores) <= {0, 3, 4}


HONEST = """\
np.random.default_rng(0).normal(); np.random.seed(0); np.random.rand(2)
np.linalg.inv(np.eye(2)); np.fft.fft(np.ones(4)); np.einsum("i,i", x, x); np.testing.assert_allclose(1, 1)
import math, itertools, functools, collections, dataclasses, heapq, fractions, random, time, typing, uuid
import copy, decimal, enum, operator, re, statistics, string, textwrap, abc, contextlib, logging, json, subprocess
import warnings, pprint, threading, traceback, doctest, unittest, csv, datetime, hashlib, queue, types, weakref
warnings.warn("careful"); np.log(np.zeros(1)); np.zeros(1) / 0
print("x" * 10**6); sys.stderr.write("y" * 10**6); pprint.pprint([1]); logging.warning("z"); datetime.datetime.now()
try:
    1 / 0
except ZeroDivisionError:
    traceback.print_exc()
os.environ["OMP_NUM_THREADS"] = "1"; os.getcwd(); os.path.exists("x"); os.listdir("."); time.sleep(0.01)
thread = threading.Thread(target=print); thread.start(); thread.join()
class A: pass
def f(n): return n and f(n - 1)
f(500); [A() for _ in range(9)]; sorted(random.sample(range(9), 3)); hash("a"); id(x); sys.getrecursionlimit()
"""


def test_what_honest_people_do_costs_nothing():
    report = judge(with_cheat(HONEST), dataclasses.replace(EXERCISE, seconds=10.0))
    assert report.right, str(report)
