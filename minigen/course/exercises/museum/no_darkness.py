"""Museum 13: real pictures in [0, 1] beside the forgeries of a tanh."""

from __future__ import annotations

import numpy as np

from minigen.course.compare import as_numbers, expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _value(answer, draw):
    pictures = draw.integers(0, 256, *draw.sizes(4, 1, 6)).astype(np.uint8)
    want = np.array([2 * int(v) / 255 - 1 for v in pictures.ravel()]).reshape(pictures.shape)
    expect(answer(pictures), want, "the pictures", tolerance=1e-6)


def _kind(answer, draw):
    got = as_numbers(answer(np.array([[0, 255]], dtype=np.uint8)), "the pictures")
    expect(got, [[-1.0, 1.0]], "black and white", tolerance=1e-6)
    expect_that(got.dtype == np.float32, f"the pictures are {got.dtype}; networks compute in float32")


EXERCISE = Exercise(
    name="prepare_pictures",
    task="real pictures in another range than the forgeries",
    parts=[
        find_part("a"),
        Part("value", 2, _value),
        Part("ends and kind", 1, _kind),
    ],
    wrong=[
        Wrong(
            {"pictures.astype(np.float32) / 127.5 - 1": "pictures.astype(np.float32) / 255"},
            "This is [0, 1] still; tanh makes [-1, 1].",
        ),
        Wrong(
            {"pictures.astype(np.float32) / 127.5 - 1": "pictures * 2 / np.float32(255) - 1"},
            "Twice a byte does not fit into a byte, so bright pixels become dark: make floats first.",
        ),
        Wrong({"/ 127.5 - 1": "/ 128 - 1"}, "White is 255, which becomes 0.992 here: divide by 127.5."),
        Wrong({"/ 127.5 - 1": "/ 255 - 0.5"}, "This is centred, but goes from -0.5 to 0.5 only."),
    ],
    suspects={
        "a": "",
        "b": "Then white would never be white. 255 steps lie between 0 and 255.",
        "c": "No gradient goes through bytes, and the range would be wrong still.",
        "d": "Then no convolution could find anything.",
    },
)

CHAPTER = Chapter(13, "no_darkness", "Forgeries by their darkness", 0.5, (12,), [EXERCISE], museum=True)
