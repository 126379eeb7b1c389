"""Museum 22: a column minus a row."""

from __future__ import annotations

import numpy as np

from minigen.course.compare import expect
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _value(answer, draw):
    n = draw.size(4, 9)
    predictions, targets = draw.normal(n, 1), draw.normal(n)
    want = np.mean([(float(p) - float(t)) ** 2 for p, t in zip(predictions[:, 0], targets, strict=True)])
    expect(answer(predictions, targets), want, "the loss")


def _perfect(answer, draw):
    """Take predictions that are all wrong by the same amount."""
    targets, shift = 3 * draw.normal(6), draw.number(0.5, 1.0)
    expect(
        answer((targets + shift)[:, None], targets), shift**2, f"the loss of predictions that are {shift:.3f} too high"
    )


EXERCISE = Exercise(
    name="score_error",
    task="a loss that asks for the mean",
    parts=[
        find_part("d"),
        Part("value", 2, _value),
        Part("nearly perfect", 1, _perfect),
    ],
    wrong=[
        Wrong(
            {"predictions[:, 0] - targets": "predictions - targets"},
            "A column minus a row is a table still: make both of shape (N,).",
        ),
        Wrong(
            {"predictions[:, 0] - targets": "predictions[0] - targets"},
            "This takes the first prediction for all; the column is predictions[:, 0].",
        ),
        Wrong({"np.mean(": "np.sum("}, "Wanted is the mean of the squares, not their sum."),
    ],
    suspects={
        "a": "Give the function perfect predictions; it does not return 0.",
        "b": "That helps training, but the loss of perfect predictions would be wrong still.",
        "c": "Then the loss is larger, by a factor.",
        "d": "",
    },
)

CHAPTER = Chapter(22, "square_of_differences", "A square of differences", 0.5, (2,), [EXERCISE], museum=True)
