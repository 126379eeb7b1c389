"""``minigen course``: copies of the chapters with blanks, a check of one file, and the grades of a class."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minigen.cli.errors import CommandError, user_input
from minigen.cli.output import add_json, report
from minigen.cli.parser import Parser, natural_integer, positive_integer
from minigen.course.catalogue import chapters
from minigen.course.grading import check_file, collect, grade
from minigen.course.results import write_results
from minigen.course.student import has_jupytext, write_copies

DESCRIPTION = "The course: chapters with exercises, a check that says what is wrong and why, and a grader for classes."
EXAMPLES = """\
examples:
  minigen course list                                  chapters and exercises
  minigen course student mine                          copies with blanks, to be filled in: Python files and notebooks
  minigen course check mine/01_gradients.py            what is right already, what is not, and why
  minigen course grade hand-ins --seed 7 --out grades  the grades of a class: a folder or a file a student

Exit codes: 0 done (check: and all is right), 1 something is not right yet (check), 2 the input cannot be used.
"""
STUDENT = "Write copies of the chapters, with blanks in the place of the solutions, as Python files and as notebooks."
CHECK = "Check the exercises of one file: points, the first thing that is wrong, a hint."
GRADE = """\
Grade the hand-ins of a class.  SUBMISSIONS holds a folder or a file for each student.  Each exercise runs in a process
of its own with limits of time and memory.  Written are OUT/NAME/results.json (as Gradescope reads it),
OUT/NAME/prairielearn/results.json, OUT/class.csv and OUT/class.html.
"""
LIST = "List the chapters, their exercises, and what these are worth."


def add_parser(commands: Any, argv: list[str]) -> None:
    """Add the command and its own commands."""
    parser: Parser = commands.add_parser(
        "course", help="chapters and exercises: copies, checks, grades", description=DESCRIPTION, epilog=EXAMPLES
    )
    parser.set_defaults(run=show_help, parser=parser)
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    for name, text, run, add in (
        ("list", LIST, run_list, None),
        ("student", STUDENT, run_student, add_student),
        ("check", CHECK, run_check, add_check),
        ("grade", GRADE, run_grade, add_grade),
    ):
        action: Parser = actions.add_parser(
            name, help=text.partition(".")[0].lower(), description=text, epilog=EXAMPLES
        )
        action.set_defaults(run=run, parser=action)
        if add is not None:
            add(action)


def add_student(parser: Parser) -> None:
    """Add the options of ``minigen course student``."""
    parser.set_defaults(chapters=None, seed=0, per_student=[], overwrite=False)
    parser.add_argument("out", metavar="OUT", help="the folder to write to")
    parser.add_argument("--chapters", metavar="N", nargs="+", help="which: numbers, or museum (all)")
    parser.add_argument(
        "--per-student", metavar="NAME", nargs="+", help="a folder with other numbers for each; or a file of names"
    )
    parser.add_argument("--seed", type=natural_integer, metavar="S", help="of the students' numbers (0)")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")


def add_check(parser: Parser) -> None:
    """Add the options of ``minigen course check``."""
    parser.set_defaults(seed=0)
    parser.add_argument("file", metavar="FILE", help="a Python file or a notebook")
    parser.add_argument("--seed", type=natural_integer, metavar="S", help="other random inputs (0)")
    add_json(parser)


def add_grade(parser: Parser) -> None:
    """Add the options of ``minigen course grade``."""
    parser.set_defaults(chapters=None, seed=None, per_student=False, jobs=1, out=None)
    parser.add_argument("submissions", metavar="SUBMISSIONS", help="a folder with a folder or a file for each student")
    parser.add_argument("--out", metavar="OUT", required=True, help="the folder for the results")
    parser.add_argument("--seed", type=natural_integer, metavar="S", help="of the inputs (drawn, and printed)")
    parser.add_argument("--per-student", action="store_true", help="inputs and numbers of their own for each student")
    parser.add_argument("--chapters", metavar="N", nargs="+", help="which: numbers, or museum (those handed in)")
    parser.add_argument("--jobs", type=positive_integer, metavar="N", help="hand-ins at a time (1)")


def show_help(arguments: argparse.Namespace) -> int:
    """Print what there is to choose from, where nothing was chosen."""
    arguments.parser.print_help()
    return 0


# ---- what they do ------------------------------------------------------------------------------------------------


def chosen(words: Sequence[str] | None) -> list[Any]:
    """Return the chapters that are named: "3", "museum", or all."""
    found = []
    for word in words if words is not None else ("all",):
        fitting = [
            c
            for c in chapters()
            if word == "all" or (c.museum and word == "museum") or (not c.museum and word == str(c.number))
        ]
        if not fitting:
            numbers = ", ".join(str(c.number) for c in chapters() if not c.museum)
            raise CommandError(f"there is no chapter {word}; there are {numbers}, and museum")
        found += [c for c in fitting if c not in found]
    return found


def run_list(arguments: argparse.Namespace) -> int:
    """Print the chapters."""
    for chapter in chosen(None):
        place = "museum" if chapter.museum else "chapter"
        print(f"{place} {chapter.number}: {chapter.title}  (tutorials/{chapter.file})")
        for exercise in chapter.exercises:
            print(f"  {exercise.name:<24} {exercise.points:>2} points  {exercise.task}")
    return 0


def run_student(arguments: argparse.Namespace) -> int:
    """Write copies, and say where they are and what comes next."""
    out = Path(arguments.out)
    with user_input():
        students = names(arguments.per_student)
        written = write_copies(out, chosen(arguments.chapters), students, arguments.seed, arguments.overwrite)
    print(f"{len(written)} files in {out}{f', a folder for each of {len(students)} students' if students else ''}")
    if not has_jupytext():
        print('Python files only: notebooks want jupytext, pip install "minigen[course]"')
    first = next(path for path in written if path.suffix == ".py")
    print(f"Open {first}, fill in the first blank, then: minigen course check {first}")
    return 0


def names(given: Sequence[str]) -> list[str]:
    """Return names of students; one that is a file's stands for those in it, one a line."""
    found: list[str] = []
    for name in given:
        is_file = Path(name).is_file()
        lines = Path(name).read_text(encoding="utf-8").splitlines() if is_file else [name]
        found += [line.strip() for line in lines if line.strip()]
    return list(dict.fromkeys(found))


def run_check(arguments: argparse.Namespace) -> int:
    """Check one file, and return 0 if all of it is right."""
    file = Path(arguments.file)
    if file.suffix not in (".py", ".ipynb"):
        raise CommandError(f"{file}: a hand-in is a Python file (.py) or a notebook (.ipynb)")
    if not file.is_file():
        raise CommandError(f"{file}: there is no such file")
    with user_input():
        checked = check_file(file, arguments.seed)
    lines = []
    for chapter, some in checked:
        lines.append(f"{'Museum' if chapter.museum else 'Chapter'} {chapter.number}: {chapter.title}")
        lines += [f"  {line}" for found in some for line in str(found).splitlines()]
    reports = [found for _, some in checked for found in some]
    whole = {"score": sum(found.score for found in reports), "points": sum(found.points for found in reports)}
    lines.append("{score} of {points} points".format(**whole))
    report(arguments, whole | {"exercises": [found.as_dict() for found in reports]}, "\n".join(lines))
    return 0 if all(found.right for found in reports) else 1


def run_grade(arguments: argparse.Namespace) -> int:
    """Grade a class, a line a student, and say where the results are."""
    out, folder = Path(arguments.out), Path(arguments.submissions)
    if out.exists() and not out.is_dir():
        raise CommandError(f"{out} is a file; --out wants a folder for the results")
    if out.resolve() == folder.resolve():
        raise CommandError("--out: the results want a folder of their own, not that of the hand-ins")
    with user_input():
        hands = collect(folder, leave_out=[out])
        wanted = None if arguments.chapters is None else chosen(arguments.chapters)
    seed = arguments.seed
    if seed is None:
        seed = secrets.randbelow(10**6)
        print(f"seed {seed} (drawn; --seed {seed} grades the same again)")
    width = min(40, max(len(hand.student) for hand in hands))

    def show(result: Any) -> None:
        name = "".join(letter if letter.isprintable() else "?" for letter in result.student)
        print(f"{name:<{width}} {result.score:>4} of {result.points}", flush=True)

    results = grade(hands, seed, arguments.per_student, wanted, arguments.jobs, show)
    write_results(results, out, seed, arguments.per_student)
    print(f"{len(results)} students: {out / 'class.html'}, {out / 'class.csv'}, {out}{os.sep}NAME{os.sep}results.json")
    if results and not results[0].points:
        print("minigen: no hand-in defines an exercise of the course, so there was nothing to grade", file=sys.stderr)
    return 0
