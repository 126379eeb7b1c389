"""Museum 23: labels of 0.9 in an array of whole numbers."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import as_numbers, expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _loss(score, target):
    """Compute the cross entropy of one score with one label."""
    return max(score, 0.0) - score * target + math.log1p(math.exp(-abs(score)))


def _value(answer, draw):
    scores, target = draw.normal(draw.size(4, 9)), draw.number(0.7, 0.95)
    expect(answer(scores, target), np.mean([_loss(float(s), target) for s in scores]), "the loss")


def _lowest(answer, draw):
    """Compare the score whose sigmoid is the label with lower and higher ones."""
    target = draw.number(0.7, 0.95)
    best = math.log(target / (1 - target))
    losses = [float(as_numbers(answer(np.full(3, best + step), target), "the loss")) for step in (-1, 0, 1)]
    expect_that(losses[1] < min(losses[0], losses[2]), f"the loss is not smallest where the sigmoid is {target:.2f}")


EXERCISE = Exercise(
    name="softened_loss",
    task="smoothed labels that tell a lie",
    parts=[
        find_part("c"),
        Part("value", 2, _value),
        Part("lowest", 1, _lowest),
    ],
    wrong=[
        Wrong(
            {"np.full(len(real_scores), target)": "np.full(len(real_scores), target, dtype=int)"},
            "The labels are whole numbers still, so the target is cut off to 0: let them be floats.",
        ),
        Wrong(
            {"np.full(len(real_scores), target)": "np.ones(len(real_scores))"},
            "The labels are 1 now, and nothing is smoothed.",
        ),
        Wrong(
            {"np.full(len(real_scores), target)": "np.full(len(real_scores), 1 - target)"},
            "This is the label for the other side: real pictures should have the target itself.",
        ),
    ],
    suspects={
        "a": "Only one side is smoothed, on purpose; and the low scores are about the real ones.",
        "b": "0.9 is what the paper used. Print the labels.",
        "c": "",
        "d": "It is defined for any label between them.",
    },
)

CHAPTER = Chapter(23, "whole_labels", "Nine tenths of nothing", 0.5, (12,), [EXERCISE], museum=True)
