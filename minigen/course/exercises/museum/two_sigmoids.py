"""Museum 10: a sigmoid before a loss that has one."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import expect
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _scalar(score, label):
    """Compute the cross entropy of one score."""
    signed = score if label else -score
    return max(-signed, 0.0) + math.log1p(math.exp(-abs(signed)))


def _scores(size):
    def part(answer, draw):
        scores = size * draw.away_from_zero(draw.size(5, 9))
        labels = draw.integers(0, 2, len(scores)).astype(float)
        labels[:2] = scores[0] < 0, scores[1] > 0  # one wrong, one right
        want = np.mean([_scalar(float(s), t) for s, t in zip(scores, labels, strict=True)])
        expect(answer(scores, labels), want, "the loss")

    return part


EXERCISE = Exercise(
    name="loss_of_scores",
    task="a loss that does not fall below a half",
    parts=[
        find_part("b"),
        Part("value", 2, _scores(1.0)),
        Part("large scores", 1, _scores(1000.0)),
    ],
    wrong=[
        Wrong(
            {"cross_entropy_of_logits(scores, labels)": "cross_entropy_of_logits(squash(scores), labels)"},
            "The loss has a sigmoid inside: give it the scores as they are.",
        ),
        Wrong(
            {"cross_entropy_of_logits(scores, labels)": "-np.log(np.abs(1 - labels - squash(scores))).mean()"},
            "The formula is right, but log(0) comes from scores that are very wrong: use the loss from logits.",
        ),
        Wrong(
            {"cross_entropy_of_logits(scores, labels)": "np.mean((squash(scores) - labels) ** 2)"},
            "This is the squared error of the probability, which is flat where the answer is most wrong.",
        ),
    ],
    suspects={
        "a": "No rate will do: give the function perfect scores, and look at what it returns.",
        "b": "",
        "c": "There is a loss for such labels; this formula is for 0 and 1.",
        "d": "A sum is larger, but just as flat.",
    },
)

CHAPTER = Chapter(10, "two_sigmoids", "A classifier that is never sure", 0.5, (10,), [EXERCISE], museum=True)
