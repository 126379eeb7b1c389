"""The chapters as readers meet them: they run, they have the parts that a chapter has, and what they quote is printed.

Each is run in an empty folder with ``MINIGEN_QUICK=1``; a mark printed before each cell tells which cell printed what.
The long form runs with `make test-nightly`, as a program of its own.
"""

import ast
import contextlib
import io
import os
import re
import runpy
import subprocess
import sys

import pytest

from minigen.course.catalogue import chapters, tutorials
from minigen.course.copies import BLOCK, blank, text_of
from minigen.course.page import QUICK

CHAPTERS = chapters()
MARK = "\x1ecell "
SECTIONS = (
    "What you will learn",
    "Before you start",
    "The library's version",
    "What it cannot do",
    "Common misconceptions",
    "Further exercises",
    "Further reading",
)
ROOMS = ("What one sees", "Suspects", "What it was", "Further reading")  # of a program of the museum
NUMBER = re.compile(r"`(~?)([+-]?\d[\d,]*\.?\d*(?:e[+-]?\d+)?%?)`")
QUICK_SECONDS, FULL_SECONDS = 5.0, 60.0

# One run of a page serves all its tests, so they go to one worker.
PAGES = [pytest.param(chapter, marks=pytest.mark.xdist_group(f"page {chapter.file}")) for chapter in CHAPTERS]
every_page = pytest.mark.parametrize("chapter", PAGES, ids=lambda chapter: chapter.file)


def cells_of(text):
    """Return the cells of a page: (is it prose?, its text)."""
    pieces = re.split(r"^# %%(.*)$", text, flags=re.MULTILINE)[1:]
    return [("[markdown]" in kind, piece) for kind, piece in zip(pieces[::2], pieces[1::2], strict=True)]


def prose_of(text):
    """Return the prose of a page, without the comment signs."""
    prose = "\n".join(piece for is_prose, piece in cells_of(text) if is_prose)
    return re.sub(r"^# ?", "", prose, flags=re.MULTILINE)


def marked(text):
    """Return the page with a line before each cell that prints the cell's number, and how many cells there are."""
    pieces, number = [], -1
    for line in text.split("\n"):
        if line.startswith("# %%"):
            number += 1
            pieces.append(f"print({f'{MARK}{number}'!r}, flush=True)")
        pieces.append(line)
    return "\n".join(pieces), number + 1


def by_cell(stdout, count):
    """Return what each cell printed."""
    printed = dict.fromkeys(range(count), "")
    for piece in stdout.split(MARK)[1:]:
        which, _, said = piece.partition("\n")
        printed[int(which)] = said
    return printed


def processor_seconds():
    """Return the time that this process and those that it has waited for took of processors: others do not count."""
    return sum(os.times()[:4])


def run_here(text, folder, name="page.py"):
    """Run the short form of a page in this process, and return what each cell printed, and the processor's seconds."""
    program, count = marked(text)
    path = folder / name
    path.write_text(program, encoding="utf-8")
    stdout, start = io.StringIO(), processor_seconds()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(stdout):
        patch.chdir(folder)
        patch.setenv(QUICK, "1")
        runpy.run_path(str(path), run_name="__main__")
    return by_cell(stdout.getvalue(), count), processor_seconds() - start


def run_alone(text, folder):
    """Run the long form of a page as a program of its own."""
    program, count = marked(text)
    (folder / "page.py").write_text(program, encoding="utf-8")
    variables = os.environ | {QUICK: "0", "PYTHONWARNINGS": "error"}
    command = [sys.executable, "page.py"]
    start = processor_seconds()
    run = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    return by_cell(run.stdout, count), processor_seconds() - start


@pytest.fixture(scope="module")
def quick_runs(tmp_path_factory):
    """Each page is run once; what it printed, its time, its folder."""
    cache = {}

    def get(chapter):
        if chapter.file not in cache:
            folder = tmp_path_factory.mktemp("page")
            cache[chapter.file] = (*run_here(text_of(chapter), folder), folder)
        return cache[chapter.file]

    return get


def unprinted(text, printed, full):
    """Return the numbers that the prose quotes and no cell beside it prints."""
    missing = []
    for number, (is_prose, piece) in enumerate(cells_of(text)):
        if not is_prose:
            continue
        beside = []
        for step in (-1, 1):  # the nearest cell of code before, and the one behind, that print something
            near = number + step
            while near in printed and not printed[near].strip():
                near += step
            beside.append(printed.get(near, ""))
        words = set(re.findall(r"[+-]?\d[\d,]*\.?\d*(?:e[+-]?\d+)?%?", " ".join(beside)))
        words |= {word.rstrip(".,").lstrip("+-") for word in words} | {word.rstrip(".,") for word in words}
        missing += [
            value for only_full, value in NUMBER.findall(piece) if (full or not only_full) and value not in words
        ]
    return missing


@every_page
def test_it_runs_quickly(chapter, quick_runs):
    _, seconds, _ = quick_runs(chapter)
    assert seconds < 2 * QUICK_SECONDS, "quick(...) should make it shorter"  # 5 s on a machine that does nothing else


@every_page
def test_all_its_exercises_are_checked_and_right(chapter, quick_runs):
    printed = "".join(quick_runs(chapter)[0].values())
    for exercise in chapter.exercises:
        assert f"{exercise.name}: right, {exercise.points} of {exercise.points} points" in printed


@every_page
def test_numbers_that_the_prose_quotes_are_printed_beside_it(chapter, quick_runs):
    assert unprinted(text_of(chapter), quick_runs(chapter)[0], full=False) == []


@every_page
def test_its_figures_are_drawn(chapter, quick_runs):
    printed, _, folder = quick_runs(chapter)
    drawn = re.findall(r"figures/\S+", "".join(printed.values()))
    assert drawn or chapter.museum, "a chapter has a figure"
    for name in drawn:
        content = (folder / name).read_bytes()
        assert content.startswith((b"\x89PNG", b"<svg")) and len(content) > 1000


@pytest.mark.nightly
@every_page
def test_the_long_form_runs_and_prints_what_is_quoted(chapter, tmp_path):
    printed, seconds = run_alone(text_of(chapter), tmp_path)
    assert unprinted(text_of(chapter), printed, full=True) == []
    assert seconds < FULL_SECONDS


@every_page
def test_a_blank_copy_runs_to_its_end(chapter, tmp_path):
    """In Jupyter people run all cells first."""
    printed = "".join(run_here(blank(text_of(chapter)), tmp_path, "blank.py")[0].values())
    for exercise in chapter.exercises:
        assert f"{exercise.name}: " in printed
        assert f"{exercise.name}: right" not in printed


@every_page
def test_it_has_the_parts_of_a_chapter(chapter):
    text = text_of(chapter)
    prose = prose_of(text)
    headings = re.findall(r"^#+ (.*)$", prose, flags=re.MULTILINE)
    wanted = ROOMS if chapter.museum else SECTIONS
    assert [name for name in wanted if name not in headings] == []
    assert [name for name in headings if name in wanted] == list(wanted), "in this order"
    assert headings[0] == f"{'Museum ' * chapter.museum}{chapter.number}. {chapter.title}"
    before = " ".join(prose.partition("## Before you start")[2].partition("\n## ")[0].split())
    assert chapter.museum or all(re.search(rf"\bchapters? (\d+[, and]*)*\b{n}\b", before) for n in chapter.needs)
    assert chapter.museum or f"About {chapter.hours:g} hour" in before
    assert len(re.findall(r"^- .*?\((?:19|20)\d\d\)", prose.rpartition("## Further reading")[2], re.M | re.S)) >= 1


@every_page
def test_it_asks_before_it_tells_and_checks_every_exercise(chapter):
    text = text_of(chapter)
    if not chapter.museum:
        assert 2 <= len(chapter.exercises) <= 5
        assert "**Predict before you run.**" in prose_of(text)
        assert "show(" in text and "source(" in text
        for number, _ in enumerate(chapter.exercises, 1):
            assert f"### Exercise {chapter.number}.{number}: " in prose_of(text)
    for exercise in chapter.exercises:
        assert re.search(rf"^check\.{exercise.name}\({exercise.name}\b", text, flags=re.MULTILINE)
    assert {block["name"] for block in BLOCK.finditer(text)} == {exercise.name for exercise in chapter.exercises}
    assert "BEGIN SOLUTION" not in BLOCK.sub("", text) and "END SOLUTION" not in BLOCK.sub("", text)


@every_page
def test_it_is_short(chapter):
    code = [line for is_prose, piece in cells_of(text_of(chapter)) if not is_prose for line in piece.split("\n")]
    code = [line for line in code if line.strip() and not line.strip().startswith("#")]
    assert len(code) <= (80 if chapter.museum else 250)


@every_page
def test_quick_changes_numbers_only(chapter):
    """`quick` stands where a value is made, with two numbers; no branch looks at it."""
    tree = ast.parse(text_of(chapter))
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "quick"]
    assert all(isinstance(value, ast.Constant) for call in calls for value in call.args)
    conditions = [n.test for n in ast.walk(tree) if isinstance(n, ast.If | ast.IfExp | ast.While)]
    assert not any(call in ast.walk(condition) for condition in conditions for call in calls)
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} | {
        a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names
    }
    assert not names & {"is_quick", "QUICK"} and "MINIGEN_QUICK" not in text_of(chapter)


def test_every_page_has_its_declaration_and_no_other_file_lies_there():
    found = {path.relative_to(tutorials()).as_posix() for path in tutorials().rglob("*") if path.is_file()}
    found = {name for name in found if "__pycache__" not in name and not name.endswith(".pyc")}
    assert found == {chapter.file for chapter in CHAPTERS}
    numbers = [chapter.number for chapter in CHAPTERS if not chapter.museum]
    assert len(set(numbers)) == len(numbers)
    assert all(need < chapter.number for chapter in CHAPTERS if not chapter.museum for need in chapter.needs)


def test_a_quoted_number_that_nobody_prints_is_seen():
    text = "# %% [markdown]\n# It is `0.25` and `~0.5` and `17`.\n# %%\nprint(0.25)\n"
    assert unprinted(text, {0: "", 1: "0.25\n"}, full=False) == ["17"]
    assert unprinted(text, {0: "", 1: "0.25\n"}, full=True) == ["0.5", "17"]
