"""docs/teaching.md is true: its path from nothing to a checked exercise is followed, command by command."""

import re
from pathlib import Path

import pytest

from minigen.cli import main
from minigen.course.catalogue import chapters

PAGE = (Path(__file__).parents[1] / "docs" / "teaching.md").read_text(encoding="utf-8")
STEP = re.compile(
    r"<!-- (?P<what>follow|write|printed)(?P<more>[^>]*) -->\s*```(?:python)?\n(?P<text>.*?)```", re.DOTALL
)


def test_the_path_to_a_checked_exercise(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "mine" / "01_gradients.py"
    steps = list(STEP.finditer(PAGE))
    assert [step["what"] for step in steps] == "follow write follow printed write follow printed".split()
    last, printed = 'raise NotImplementedError("loss_gradient: your code here")', ""
    for step in steps:
        text = step["text"].strip()
        if step["what"] == "follow":
            words = text.split()
            assert words[0] == "minigen"
            assert main(words[1:]) == int(step["more"].strip(", ") or 0)
            printed = capsys.readouterr().out
        elif step["what"] == "write":
            program = page.read_text()
            assert program.count(last) == 1
            page.write_text(program.replace(last, text))
            last = text
        else:
            assert text in printed


def test_the_table_of_chapters_is_the_course():
    rows = re.findall(r"^\| (\d+)\. (.*?) \| ([\d.]+) \| ([\d, ]*) ?\|$", PAGE, flags=re.MULTILINE)
    declared = [
        (str(c.number), c.title, f"{c.hours:g}", ", ".join(map(str, c.needs))) for c in chapters() if not c.museum
    ]
    assert [(a, b, c, d.strip()) for a, b, c, d in rows] == declared


@pytest.mark.parametrize("command", re.findall(r"^minigen (course .*)$", PAGE, flags=re.MULTILINE))
def test_every_command_of_the_page_can_be_read(command, tmp_path, monkeypatch):
    """It is tried in an empty folder: it may find nothing to do, but not misunderstand."""
    monkeypatch.chdir(tmp_path)
    assert main(command.split()) in (0, 2)


def plans():
    """Return the plans of the page: for each week its chapters, and its programs of the museum."""
    found = []
    for table in PAGE.partition("## Two plans")[2].partition("\n## ")[0].split("| week | chapters | museum |")[1:]:
        rows = re.findall(r"^\| (\d+) \| ([\d, ]*?) ?\| ([\d, ]*?) ?\|$", table, flags=re.MULTILINE)
        found.append(
            [([int(n) for n in re.findall(r"\d+", a)], [int(n) for n in re.findall(r"\d+", b)]) for _, a, b in rows]
        )
    return found


def test_the_plans_can_be_taught():
    """Nothing comes before what it needs, no week is too long, and the long plan leaves nothing out."""
    course = {chapter.number: chapter for chapter in chapters() if not chapter.museum}
    museum = {chapter.number: chapter for chapter in chapters() if chapter.museum}
    long, short = plans()
    assert (len(long), len(short)) == (12, 6)
    assert set(course) <= {number for week, _ in long for number in week}
    for plan in (long, short):
        taught = [number for week, _ in plan for number in week]
        shown = [number for _, rooms in plan for number in rooms]
        assert len(set(taught)) == len(taught) and len(set(shown)) == len(shown) and set(shown) <= set(museum)
        for place, number in enumerate(taught):
            assert number not in course or set(course[number].needs) <= set(taught[:place])
        for number, (_, rooms) in enumerate(plan, 1):
            so_far = {chapter for week, _ in plan[:number] for chapter in week}
            assert all(set(museum[room].needs) <= so_far for room in rooms)
        assert all(sum(course[n].hours for n in week if n in course) <= 6 for week, _ in plan)
