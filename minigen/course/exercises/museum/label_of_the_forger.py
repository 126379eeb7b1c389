"""Museum 2: the generator's loss has the label of a forgery, so that both players work for the same side."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _value(answer, draw):
    scores = draw.normal(draw.size(4, 9))
    want = sum(-math.log(1 / (1 + math.exp(-s))) for s in scores) / len(scores)
    expect(answer(scores), want, "the loss")


def _direction(answer, draw):
    """A forgery that is taken for real must cost less, most of all where it is recognised now."""
    low, high = float(answer(np.array([-6.0]))), float(answer(np.array([-5.0])))
    expect_that(
        high < low - 0.5, f"a score of -6 costs {low:.3f} and one of -5 costs {high:.3f}: little is gained by it"
    )


def _large(answer, draw):
    scores = 1000.0 * draw.away_from_zero(6)
    expect(answer(scores), np.maximum(-scores, 0).mean(), "the loss of large scores")


EXERCISE = Exercise(
    name="generator_loss",
    task="the loss of a generator that never learns",
    parts=[
        find_part("c"),
        Part("value", 2, _value),
        Part("direction", 1, _direction),
        Part("stability", 1, _large),
    ],
    wrong=[
        Wrong(
            {"bce(fake_scores, np.ones_like(fake_scores))": "-bce(fake_scores, np.zeros_like(fake_scores))"},
            "This points the right way, but it is flat where the forgery is recognised. Ask for the label 1 instead.",
        ),
        Wrong(
            {"bce(fake_scores, np.ones_like(fake_scores))": "np.mean(-np.log(1 / (1 + np.exp(-fake_scores))))"},
            "The formula is right, but log(0) is infinite where a score is very low; bce does not overflow.",
        ),
        Wrong(
            {"bce(fake_scores, np.ones_like(fake_scores))": "discriminator_loss(fake_scores, fake_scores)"},
            "The part for fakes with label 0 is still in it: the generator wants all of them taken for real.",
        ),
    ],
    suspects={
        "a": "A larger rate would make the forgeries easier to recognise, only faster. Follow one step.",
        "b": "The scores of real pictures do not depend on the generator at all.",
        "c": "",
        "d": "The cross entropy is written without overflow; try bce with a score of 1000.",
    },
)

CHAPTER = Chapter(2, "label_of_the_forger", "The forger who wants to be caught", 0.5, (12,), [EXERCISE], museum=True)
