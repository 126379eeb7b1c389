"""Every exercise of the course: its solution is right, its blank is not, and each typical mistake gets its hint.

The table is the course itself (`minigen.course.catalogue`): an exercise that is added is tested.  Mistakes run in this
process, for time's sake; that the process of a hand-in judges alike is tested on each solution, and in
``test_course_grading.py``.
"""

import numpy as np
import pytest

from minigen.course import examine as examining
from minigen.course.answers import LocalAnswer
from minigen.course.catalogue import chapter_of, chapters, exercises
from minigen.course.copies import blank, defines, page_of, swapped, text_of, with_constants
from minigen.course.examine import examine, examine_file, open_trusted, program

EXERCISES = exercises()
MISTAKES = [(name, i) for name, exercise in EXERCISES.items() for i in range(len(exercise.wrong))]

VARIED = [name for name, exercise in EXERCISES.items() if exercise.constants]

# A process costs half a second, so by default it is one exercise a page; the nightly run takes all.
FIRST = {chapter.exercises[0].name for chapter in chapters()}
IN_PROCESSES = [pytest.param(name, marks=[] if name in FIRST else pytest.mark.nightly) for name in EXERCISES]

every_exercise = pytest.mark.parametrize("name", EXERCISES)


def judge(exercise, text, seed=0, student=""):
    """Check a text in this process."""
    return examine(exercise, lambda: open_trusted(exercise, text), seed, student)


@every_exercise
def test_the_solution_is_right_whatever_is_drawn(name):
    exercise = EXERCISES[name]
    for seed in range(3):
        report = judge(exercise, page_of(exercise), seed)
        assert report.right and report.score == exercise.points, str(report)


@pytest.mark.parametrize("name", IN_PROCESSES)
def test_the_solution_is_right_in_the_process_of_a_hand_in(name):
    exercise = EXERCISES[name]
    with program(page_of(exercise)) as file:
        report = examine_file(exercise, file, seed=3)
    assert report.right, str(report)


@every_exercise
def test_the_blank_is_worth_nothing(name):
    report = judge(EXERCISES[name], blank(page_of(EXERCISES[name])))
    assert report.score == 0, str(report)
    assert EXERCISES[name].suspects or not report.written


@pytest.mark.parametrize(("name", "number"), MISTAKES)
def test_a_typical_mistake_gets_its_hint(name, number):
    exercise = EXERCISES[name]
    wrong = exercise.wrong[number]
    for seed in (0, 1):
        report = judge(exercise, swapped(page_of(exercise), exercise, wrong), seed)
        assert report.score < exercise.points
        hints = [verdict.hint for verdict in report.verdicts if verdict.hint]
        assert wrong.hint in hints, str(report)


@pytest.mark.parametrize("name", [name for name, exercise in EXERCISES.items() if exercise.suspects])
def test_a_false_suspect_is_rebutted(name):
    exercise = EXERCISES[name]
    for letter, rebuttal in exercise.suspects.items():
        text = page_of(exercise).replace(f'FAULT = "{exercise.fault}"', f'FAULT = "{letter}"')
        report = judge(exercise, text)
        assert report.right == (letter == exercise.fault)
        assert [v.hint for v in report.verdicts if v.hint] == [rebuttal] * (letter != exercise.fault)


@every_exercise
def test_the_declaration_is_whole(name):
    exercise = EXERCISES[name]
    assert len(exercise.wrong) + max(0, len(exercise.suspects) - 1) >= 3
    assert len(exercise.wrong) >= 1
    assert len({wrong.hint for wrong in exercise.wrong}) == len(exercise.wrong), "each mistake has its own hint"
    assert all(wrong.hint[0].isupper() and wrong.hint[-1] in ".!?" for wrong in exercise.wrong)
    assert len({part.name for part in exercise.parts}) == len(exercise.parts)
    assert all(part.points >= 1 for part in exercise.parts)
    assert exercise.task and not exercise.task.endswith(".")
    assert exercise.name.isidentifier()
    for constant, choices in exercise.constants.items():
        assert len(set(choices)) == len(choices) >= 3
        assert f"\n{constant} = {choices[0]!r}\n" in page_of(exercise).replace("  #", "\n#")


def test_names_are_used_once():
    """Else a page's own example would be graded as the answer to another page's exercise."""
    names = [exercise.name for chapter in chapters() for exercise in chapter.exercises]
    assert len(set(names)) == len(names)
    for chapter in chapters():
        own = {exercise.name for exercise in chapter.exercises}
        assert [name for name in names if name not in own and defines(text_of(chapter), name)] == []
    assert all(chapter_of(exercise).exercises for exercise in EXERCISES.values())


@pytest.mark.parametrize("name", VARIED)
def test_students_have_their_own_numbers_and_these_are_graded(name):
    exercise = EXERCISES[name]
    seen = {tuple(exercise.constants_of(7, f"student {i}").values()) for i in range(30)}
    assert len(seen) >= 3
    given = exercise.constants_of(7, "ada")
    assert given == exercise.constants_of(7, "ada")
    other = next(s for s in map(str, range(99)) if exercise.constants_of(7, s) != given)
    mine = with_constants(page_of(exercise), given)
    assert judge(exercise, mine, 7, "ada").right
    assert not judge(exercise, mine, 7, other).right, "an answer with somebody else's numbers"


@pytest.mark.parametrize("name", [name for name, e in EXERCISES.items() if not e.suspects])
def test_inputs_differ_by_seed_and_by_student(name):
    """What is asked of the solution, as bytes: three settings, three different examinations."""
    exercise, asked = EXERCISES[name], []
    for seed, student in ((0, ""), (1, ""), (1, "ada")):
        answers = []

        def keep(text, answers=answers):
            answers.append(open_trusted(exercise, text))
            answers[0].transcript = Keep()
            return answers[0]

        given = with_constants(page_of(exercise), exercise.constants_of(seed, student))
        examine(exercise, lambda text=given: keep(text), seed, student)
        asked.append(repr([[_plain(a) for a in question.args] for question in answers[0].transcript.all]))
    assert len(set(asked)) == 3


class Keep(list):
    """A transcript that remembers what was cleared."""

    def __init__(self):
        super().__init__()
        self.all = []

    def append(self, item):
        super().append(item)
        self.all.append(item)


def _plain(value):
    return value.tobytes() if isinstance(value, np.ndarray) else "function" if callable(value) else value


@every_exercise
@pytest.mark.parametrize("trivial", [lambda *a: 0.0, lambda *a: a[0], lambda *a: None], ids="0 x none".split())
def test_a_trivial_answer_earns_nothing(name, trivial):
    exercise = EXERCISES[name]
    objects = dict.fromkeys(exercise.wanted, trivial)
    report = examine(exercise, lambda: LocalAnswer(exercise, objects), 0)
    assert report.score == 0, str(report)


def test_there_is_a_hint_where_nothing_typical_fits():
    exercise = EXERCISES["loss_gradient"]
    report = judge(exercise, page_of(exercise).replace("2 * np.mean", "2.5 * np.mean"))
    assert "1.25 times" in str(report) or "got" in str(report)
    assert examining.find_hint(exercise, [], {}) == ""
