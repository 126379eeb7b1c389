"""Museum 15: one-hot labels that are used as class numbers."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import expect
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _rows(square):
    def part(answer, draw):
        n, k = draw.sizes(2, 3, 7)
        n = k if square else n
        scores, classes = draw.normal(n, k), draw.integers(0, k, n)
        labels = np.zeros((n, k))
        losses = []
        for i, c in enumerate(map(int, classes)):
            labels[i, c] = 1
            losses.append(math.log(math.fsum(map(math.exp, scores[i]))) - float(scores[i, c]))
        expect(answer(scores, labels), np.mean(losses), f"the loss of {n} pictures and {k} classes")

    return part


EXERCISE = Exercise(
    name="loss_of_classes",
    task="a classifier that says 0 to everything",
    parts=[
        find_part("c"),
        Part("as many as classes", 2, _rows(True)),
        Part("any number", 1, _rows(False)),
    ],
    wrong=[
        Wrong(
            {"(log_shares * labels).sum(axis=1)": "log_shares[np.arange(len(labels)), labels.astype(int)]"},
            "The rows of zeros and ones are still used as column numbers: multiply by them instead.",
        ),
        Wrong(
            {"(log_shares * labels).sum(axis=1).mean()": "(log_shares * labels).mean()"},
            "This divides by the number of classes as well: sum each row, then take the mean of the rows.",
        ),
        Wrong(
            {"(log_shares * labels).sum(axis=1)": "log_shares[np.arange(len(labels)), labels.argmax(axis=0)]"},
            "The class is the place of the 1 in each row: argmax along axis 1.",
        ),
        Wrong(
            {"(log_shares * labels).sum(axis=1).mean()": "log_shares[:, labels.argmax(axis=1)].mean()"},
            "This takes all columns that are right for any picture: each row wants its own.",
        ),
    ],
    suspects={
        "a": "Small batches are noisy, but not blind. Why does any other size fail?",
        "b": "The largest score is taken off first, so no exponential is above 1.",
        "c": "",
        "d": "In the example below there is one of each.",
    },
)

CHAPTER = Chapter(15, "ten_of_ten", "Everything is a zero", 0.5, (10,), [EXERCISE], museum=True)
