"""Museum 21: pictures and labels in two different orders."""

from __future__ import annotations

import numpy as np

from minigen.course.compare import expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part, named


def _epoch(answer, draw, seed):
    n = draw.size(20, 30)
    pictures = draw.normal(n, 2, 3)
    labels = draw.rng.permutation(n) + 100
    got = named(answer(pictures, labels, seed), ("pictures", "labels"))
    expect_that(np.shape(got["pictures"]) == pictures.shape, f"the pictures have the shape {np.shape(got['pictures'])}")
    expect_that(np.shape(got["labels"]) == labels.shape, f"the labels have the shape {np.shape(got['labels'])}")
    expect(np.sort(got["labels"]), np.sort(labels), "the labels, sorted,")
    place = {int(label): i for i, label in enumerate(labels)}
    want = np.array([pictures[place[int(label)]] for label in got["labels"]])
    expect(got["pictures"], want, "the pictures that belong to the labels")
    return [place[int(label)] for label in got["labels"]]


def _together(answer, draw):
    _epoch(answer, draw, draw.size(0, 999))


def _order(answer, draw):
    first = _epoch(answer, draw, 1)
    expect_that(first != sorted(first), "the order is the old one")
    second = _epoch(answer, draw, 2)
    both = min(len(first), len(second))
    expect_that(first[:both] != second[:both], "two seeds give the same order")


EXERCISE = Exercise(
    name="mixed_epoch",
    task="pictures that lost their labels",
    parts=[
        find_part("b"),
        Part("together", 2, _together),
        Part("by chance", 1, _order),
    ],
    wrong=[
        Wrong(
            {"labels[order]": "labels[rng.permutation(len(labels))]"},
            "The labels still have an order of their own: use the one that was drawn.",
        ),
        Wrong({"labels[order]": "labels"}, "Now the labels stand as before, and only the pictures have moved."),
        Wrong(
            {"rng.permutation(len(pictures))": "np.arange(len(pictures))"},
            "They belong together again, but nothing is shuffled.",
        ),
        Wrong(
            {"rng.permutation(len(pictures))": "rng.integers(0, len(pictures), len(pictures))"},
            "This draws some pictures twice and others never: a permutation has each once.",
        ),
    ],
    suspects={
        "a": "It makes batches alike, which helps. Look at what is in a shuffled batch.",
        "b": "",
        "c": "A permutation has every number once.",
        "d": "It is one of many.",
    },
)

CHAPTER = Chapter(21, "two_shuffles", "Two shuffles", 0.5, (9,), [EXERCISE], museum=True)
