"""Copies for students: blanks, notebooks, constants of one's own, and nobody's work overwritten."""

import dataclasses
import json
import re

import pytest

from minigen.cli import main
from minigen.course import student
from minigen.course.catalogue import chapters, exercises, tutorials
from minigen.course.copies import BLOCK, blank, owner_of, text_of, with_constants
from minigen.course.grading import check_file, collect, grade
from minigen.course.slicing import source_of
from minigen.course.student import copy_for, notebook, write_copies

FIRST = chapters()[0]
every_page = pytest.mark.parametrize("chapter", chapters(), ids=lambda chapter: chapter.file)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@every_page
def test_a_copy_has_no_solution_in_it(chapter):
    copy = copy_for(chapter)
    for word in ("BEGIN SOLUTION", "END SOLUTION", "### BLANK", "What it was"):
        assert word not in copy
    solutions = "".join(block["solution"] for block in BLOCK.finditer(text_of(chapter))).split("\n")
    code = [line for line in solutions if len(line.strip()) > 20 and not line.startswith("#")]
    assert code and [line for line in code if line in copy.split("\n")] == []
    for exercise in chapter.exercises:
        assert not exercise.suspects or 'FAULT = ""' in copy


@every_page
def test_a_notebook_has_the_program_in_it_cell_by_cell(chapter):
    copy = copy_for(chapter)
    document = json.loads(notebook(copy))
    assert document["nbformat"] == 4
    assert document["metadata"]["kernelspec"]["name"] == "python3"
    assert document["cells"][0]["cell_type"] == "markdown" or "%pip" in "".join(document["cells"][0]["source"])
    code = ["".join(cell["source"]) for cell in document["cells"] if cell["cell_type"] == "code"]
    assert [cell.split("\n")[1:] for cell in code if "%pip" in cell] == [["# %pip install minigen"]]
    program = source_of(notebook(copy).encode(), notebook=True)
    lines = [line for line in program.split("\n") if line.strip() and not line.startswith("#")]
    assert lines == [line for line in copy.split("\n") if line.strip() and not line.startswith("#")]
    assert notebook(copy) == notebook(copy), "the same each time"
    assert not re.search(r'"outputs": \[[^\]]', notebook(copy))


def test_the_command_writes_programs_and_notebooks(empty_folder, capsys):
    assert main(["course", "student", "mine"]) == 0
    names = sorted(path.relative_to(empty_folder / "mine").as_posix() for path in (empty_folder / "mine").rglob("*.*"))
    assert names == sorted(name for c in chapters() for name in (c.file, c.file.replace(".py", ".ipynb")))
    assert "minigen course check" in capsys.readouterr().out


def test_without_jupytext_there_are_programs(empty_folder, capsys, monkeypatch):
    monkeypatch.setattr(student.importlib.util, "find_spec", lambda name: None)
    assert main(["course", "student", "mine", "--chapters", "1"]) == 0
    assert [path.name for path in (empty_folder / "mine").iterdir()] == ["01_gradients.py"]
    assert 'pip install "minigen[course]"' in capsys.readouterr().out


def test_nobody_s_work_is_overwritten(empty_folder, capsys):
    assert main(["course", "student", "mine", "--chapters", "2"]) == 0
    work = empty_folder / "mine" / "02_backpropagation.py"
    work.write_text("hours of work")
    assert main(["course", "student", "mine"]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert work.read_text() == "hours of work"
    assert not (empty_folder / "mine" / "01_gradients.py").exists(), "nothing at all is written then"
    assert main(["course", "student", "mine", "--overwrite"]) == 0
    assert work.read_text() != "hours of work"


def test_students_have_folders_and_numbers_of_their_own(empty_folder):
    (empty_folder / "names.txt").write_text("ada\n\n grace \nada\n")
    words = ["course", "student", "class", "--chapters", "1", "--seed", "7", "--per-student", "names.txt", "alan"]
    assert main(words) == 0
    copies = {name: (empty_folder / "class" / name / FIRST.file).read_text() for name in ("ada", "alan", "grace")}
    assert {path.name for path in (empty_folder / "class").iterdir()} == set(copies)
    assert {name: owner_of(text) for name, text in copies.items()} == {name: (name, 7) for name in copies}
    numbers = {tuple(re.findall(r"^(?:RATE|STEPS) = (\S+)$", text, re.MULTILINE)) for text in copies.values()}
    assert len(numbers) >= 2 and all(len(pair) == 2 for pair in numbers)


def test_what_each_made_with_their_own_numbers_is_right_for_them_only(empty_folder):
    exercise = exercises()["descend"]
    names = ["ada", "alan", "grace"]
    for name in names:
        text = with_constants(text_of(FIRST), exercise.constants_of(7, name))
        (empty_folder / "hand-ins").mkdir(exist_ok=True)
        (empty_folder / "hand-ins" / f"{name}.py").write_text(f"# Copy for: {name} (seed 7)\n{text}")
    ada = (empty_folder / "hand-ins" / "ada.py").read_text()
    (empty_folder / "hand-ins" / "copycat.py").write_text(ada)
    only = dataclasses.replace(FIRST, exercises=[exercise])
    results = grade(collect(empty_folder / "hand-ins"), seed=7, per_student=True, wanted=[only])
    assert [(r.student, r.score == r.points) for r in results] == [
        ("ada", True), ("alan", True), ("copycat", False), ("grace", True),
    ]  # fmt: skip
    ((_, reports),) = check_file(empty_folder / "hand-ins" / "copycat.py", seed=0)
    assert reports[-1].right, "by itself it is a right copy: ada's"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("student mine --chapters 99", "there is no chapter 99; there are 1"),
        ("student mine --per-student ../x", "becomes the name of a folder"),
        ("student mine --per-student .hidden", "becomes the name of a folder"),
        ("check nowhere.py", "there is no such file"),
        ("check folder", "a Python file (.py) or a notebook"),
        ("check other.py", "it defines no exercise of the course"),
        ("check other.py --seed -1", "a whole number of at least 0"),
        ("grade folder --out out", "no hand-ins"),
        ("grade nowhere --out out", "there is no such folder"),
        ("grade folder --out other.py", "is a file"),
        ("grade folder --out folder", "a folder of their own"),
        ("grade folder", "--out"),
        ("grade . --out out --jobs 0", "a whole number of at least 1"),
        ("chek other.py", "check"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(words, message, empty_folder, capsys):
    (empty_folder / "folder").mkdir()
    (empty_folder / "other.py").write_text("x = 1\n")
    assert main(["course", *words.split()]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and message in err
    assert not (empty_folder / "out").exists() and not (empty_folder / "mine").exists()


def test_the_list_and_the_help(capsys):
    assert main(["course"]) == 0
    assert main(["course", "list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in exercises())
    for action in ("student", "check", "grade", "list"):
        with pytest.raises(SystemExit) as leaving:
            main(["course", action, "--help"])
        assert leaving.value.code == 0


def test_the_check_tells_where_one_stands(empty_folder, capsys):
    page = empty_folder / "01_gradients.py"
    page.write_text(blank(text_of(FIRST)))
    assert main(["course", "check", str(page)]) == 1
    assert "0 of 17 points" in capsys.readouterr().out
    assert main(["course", "check", str(page), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["score"], found["points"], len(found["exercises"])) == (0, 17, 4)
    assert found["exercises"][0]["parts"][0] == {
        "part": "value", "score": 0, "points": 3, "message": "not written yet", "hint": "",
    }  # fmt: skip
    page.write_text(text_of(FIRST))
    assert main(["course", "check", str(page), "--seed", "5"]) == 0
    assert "17 of 17 points" in capsys.readouterr().out


def test_the_pages_lie_where_they_are_looked_for():
    assert (tutorials() / FIRST.file).is_file()
    assert write_copies(tutorials().parent / "nowhere-at-all", [], []) == []
