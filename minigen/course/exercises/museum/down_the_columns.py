"""Museum 16: a softmax over the batch."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import as_numbers, expect
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _shares(row):
    """Compute the shares of one picture in scalars."""
    largest = max(map(float, row))
    powers = [math.exp(float(s) - largest) for s in row]
    return [p / math.fsum(powers) for p in powers]


def _rows(scale):
    def part(answer, draw):
        scores = scale * draw.normal(*draw.sizes(2, 2, 6))
        expect(answer(scores), [_shares(row) for row in scores], "the shares")

    return part


def _alone(answer, draw):
    scores = draw.normal(4, 3)
    alone = [as_numbers(answer(row[None]), "the shares").ravel() for row in scores]
    expect(np.array(alone), [_shares(row) for row in scores], "the shares of single pictures")


EXERCISE = Exercise(
    name="shares_of_classes",
    task="probabilities that sum to 1 over the wrong axis",
    parts=[
        find_part("b"),
        Part("value", 2, _rows(1.0)),
        Part("alone", 1, _alone),
        Part("large", 1, _rows(900.0)),
    ],
    wrong=[
        Wrong(
            {
                "scores.max(axis=1, keepdims=True)": "scores.max(axis=0)",
                "powers.sum(axis=1, keepdims=True)": "powers.sum(axis=0)",
            },
            "The shares sum to 1 down the columns still: axis 0 is the batch.",
        ),
        Wrong({"powers.sum(axis=1, keepdims=True)": "powers.sum()"}, "Now the whole batch sums to 1; each row should."),
        Wrong(
            {"powers.sum(axis=1, keepdims=True)": "powers.sum(axis=0)"},
            "The largest score is the row's, but the sum is still the column's.",
        ),
        Wrong(
            {"scores - scores.max(axis=1, keepdims=True)": "scores"},
            "The formula is right, but the exponential of a large score overflows: take off the row's largest first.",
        ),
        Wrong(
            {"scores.max(axis=1, keepdims=True)": "scores.max()"},
            "A row far below the largest of the batch becomes 0 / 0: take off the row's own.",
        ),
    ],
    suspects={
        "a": "There is no layer in here that has a mode.",
        "b": "",
        "c": "Scores of any size must give shares that sum to 1.",
        "d": "It is between 0 and 1.",
    },
)

CHAPTER = Chapter(16, "down_the_columns", "Shares of the wrong whole", 0.5, (10,), [EXERCISE], museum=True)
