"""What is written after grading: a file for Gradescope and one for PrairieLearn a student, and two for the class.

Every text that comes from a hand-in or a file's name is escaped where it goes into HTML, and made harmless where a
spreadsheet might take it for a formula.  Files are written whole or not at all.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from minigen.course.catalogue import chapter_of
from minigen.course.examine import Report
from minigen.course.grading import Result
from minigen.files import atomic_write

__all__ = ["as_csv", "as_gradescope", "as_html", "as_prairielearn", "write_results"]

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """Return a text without characters that no page should show."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def as_gradescope(result: Result) -> dict[str, Any]:
    """Return a student's result as Gradescope reads it from ``results.json``: points, and a test a part."""
    tests = [
        {
            "name": f"{report.exercise.name}: {verdict.part}",
            "score": float(verdict.score),
            "max_score": float(verdict.points),
            "status": "passed" if verdict.right else "failed",
            "output": _told(verdict),
            "visibility": "visible",
        }
        for report in result.reports
        for verdict in report.verdicts
    ]
    return {
        "score": float(result.score),
        "execution_time": round(result.seconds, 2),
        "output": f"{result.score} of {result.points} points",
        "visibility": "visible",
        "tests": tests,
    }


def as_prairielearn(result: Result) -> dict[str, Any]:
    """Return a student's result as PrairieLearn reads it from ``results.json``: a share of 1, and a test a part."""
    tests = [
        {
            "name": f"{report.exercise.name}: {verdict.part}",
            "description": report.exercise.task,
            "points": verdict.score,
            "max_points": verdict.points,
            "message": _told(verdict),
            "output": "",
        }
        for report in result.reports
        for verdict in report.verdicts
    ]
    share = result.score / result.points if result.points else 0.0
    return {
        "gradable": True,
        "score": round(share, 6),
        "message": f"{result.score} of {result.points} points",
        "output": "",
        "tests": tests,
    }


def _told(verdict: Any) -> str:
    """What a student is told about a part."""
    hint = f"\nHint: {verdict.hint}" if verdict.hint else ""
    return clean(f"{verdict.message or 'right'}{hint}")


def as_csv(results: Sequence[Result]) -> str:
    """Return the class as a table: a line a student, a column an exercise.

    A name that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    names = [report.exercise.name for report in results[0].reports] if results else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["student", "score", "points", *names])
    for result in results:
        student = clean(result.student)
        student = f"'{student}" if student[:1] in ("=", "+", "-", "@", "\t") else student
        writer.writerow([student, result.score, result.points, *(report.score for report in result.reports)])
    return text.getvalue()


STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; }
.wide { overflow-x: auto; }
th, td { border: 1px solid #8886; padding: .3rem .6rem; text-align: left; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.all { background: #0a03; } .some { background: #fa03; } .none { background: #f003; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; min-width: 18rem; }
summary { cursor: pointer; }
"""


def as_html(results: Sequence[Result], seed: int, per_student: bool) -> str:
    """Return the class as a page: a table, and below it what each student was told.  It needs nothing but itself."""
    rows, details = [], []
    exercises = [report.exercise for report in results[0].reports] if results else []
    head = "".join(
        f'<th scope="col" title="{escape(chapter_of(e).title)}">{escape(e.name)}<br>of {e.points}</th>'
        for e in exercises
    )
    for number, result in enumerate(results):
        student = escape(clean(result.student))
        cells = "".join(f'<td class="n {_shade(r.score, r.points)}">{r.score}</td>' for r in result.reports)
        rows.append(
            f'<tr><th scope="row"><a href="#s{number}">{student}</a></th>'
            f'<td class="n {_shade(result.score, result.points)}">{result.score}</td>{cells}</tr>'
        )
        details.append(
            f'<details id="s{number}"><summary>{student}: {result.score} of {result.points} points</summary>'
            f'<div class="wide"><table><tr><th scope="col">exercise</th><th scope="col">part</th>'
            f'<th scope="col">points</th><th scope="col">what is to be said</th></tr>'
            f"{''.join(map(_detail, result.reports))}</table></div></details>"
        )
    total = results[0].points if results else 0
    mean = sum(result.score for result in results) / max(1, len(results))
    own = ", inputs and constants of their own for each" if per_student else ""
    corner = f'<th scope="col">student</th><th scope="col">points<br>of {total}</th>'
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Grades</title><style>{STYLE}</style></head>\n<body><h1>Grades</h1>\n"
        f"<p>{len(results)} students, {mean:.1f} of {total} points on average; seed {seed}{own}.</p>\n"
        f'<div class="wide"><table>\n<tr>{corner}{head}</tr>\n'
        + "\n".join([*rows, "</table></div>", "<h2>What each was told</h2>", *details, "</body></html>\n"])
    )


def _shade(score: int, points: int) -> str:
    return "all" if score == points else "some" if score else "none"


def _detail(report: Report) -> str:
    """The rows of one exercise in a student's table."""
    return "".join(
        f'<tr class="{_shade(v.score, v.points)}"><td>{escape(report.exercise.name)}</td><td>{escape(v.part)}</td>'
        f'<td class="n">{v.score}/{v.points}</td><td><pre>{escape(_told(v))}</pre></td></tr>\n'
        for v in report.verdicts
    )


def write_results(results: Sequence[Result], out: Path, seed: int, per_student: bool = False) -> None:
    """Write all files: ``NAME/results.json``, ``NAME/prairielearn/results.json``, ``class.csv``, ``class.html``.

    Raises
    ------
    WriteError
        If a file cannot be written; it is then as it was before.
    """
    for result in results:
        folder = out / result.student
        for path, content in (
            (folder / "results.json", as_gradescope(result)),
            (folder / "prairielearn" / "results.json", as_prairielearn(result)),
        ):
            with atomic_write(path, "w") as file:
                file.write(json.dumps(content, indent=2) + "\n")
    for name, text in (("class.csv", as_csv(results)), ("class.html", as_html(results, seed, per_student))):
        with atomic_write(out / name, "w") as file:
            file.write(text)
