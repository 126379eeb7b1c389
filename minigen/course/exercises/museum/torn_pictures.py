"""Museum 24: a reshape in the place of a transposition."""

from __future__ import annotations

import numpy as np

from minigen.course.compare import as_numbers, expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _value(answer, draw):
    pictures = draw.normal(*draw.sizes(4, 2, 6))
    n, h, w, c = pictures.shape
    want = np.zeros((n, c, h, w))
    for i, y, x, k in np.ndindex(n, h, w, c):
        want[i, k, y, x] = pictures[i, y, x, k]
    expect(answer(pictures), want, "the pictures")


def _colour(answer, draw):
    """Fill pictures with one colour each."""
    colours = draw.normal(3, 3)
    pictures = np.broadcast_to(colours[:, None, None, :], (3, 4, 4, 3)).copy()
    got = as_numbers(answer(pictures), "the pictures")
    expect_that(got.shape == (3, 3, 4, 4), f"(3, 4, 4, 3) becomes {got.shape}, but should become (3, 3, 4, 4)")
    for k in range(3):
        expect(got[:, k], np.broadcast_to(colours[:, k, None, None], (3, 4, 4)), f"channel {k} of even pictures")


EXERCISE = Exercise(
    name="channels_first",
    task="pictures that fall into stripes",
    parts=[
        find_part("a"),
        Part("value", 2, _value),
        Part("even colours", 1, _colour),
    ],
    wrong=[
        Wrong(
            {"transpose(0, 3, 1, 2)": "reshape(len(pictures), pictures.shape[3], *pictures.shape[1:3])"},
            "The shape is right, and the numbers stand in the old order: move the axes with transpose.",
        ),
        Wrong(
            {"transpose(0, 3, 1, 2)": "transpose(0, 3, 2, 1)"},
            "Height and width have changed places: the pictures lie on their side.",
        ),
        Wrong(
            {"transpose(0, 3, 1, 2)": "transpose(0, 2, 3, 1)"},
            "This is the way back, from channels first to channels last.",
        ),
    ],
    suspects={
        "a": "",
        "b": "Then the colours would be wrong, and the shapes of things right.",
        "c": "They should: a filter looks at all channels.",
        "d": "They should, but bytes are not torn either.",
    },
)

CHAPTER = Chapter(24, "torn_pictures", "Torn into three", 0.5, (5,), [EXERCISE], museum=True)
