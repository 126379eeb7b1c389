"""Museum 20: a transposed convolution whose kernel is no multiple of its stride."""

from __future__ import annotations

import numpy as np

from minigen.course.compare import expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _ones(answer, height, width):
    """Run the layer with weights that are all 1 on a picture of ones."""
    x = np.ones((1, 1, height, width), dtype=np.float32)
    _, shapes = answer.drive("modules", "Doubler", {}, None, x)
    state = {name: np.ones([int(n) for n in shape], dtype=np.float32) for name, shape in shapes.items()}
    (y,), _ = answer.drive("modules", "Doubler", {}, state, x)
    want = (1, 1, 2 * height, 2 * width)
    expect_that(np.shape(y) == want, f"{(1, 1, height, width)} becomes {np.shape(y)}, but should become {want}")
    return np.asarray(y)[0, 0, 4:-4, 4:-4]


def _even(answer, draw):
    middle = _ones(answer, *draw.sizes(2, 6, 10))
    low, high = float(middle.min()), float(middle.max())
    expect_that(high > 0, "the middle is empty")
    expect_that(high - low < 1e-4 * high, f"the middle of an even picture is between {low:g} and {high:g}")


def _both_ways(answer, draw):
    """Look at rows and columns, each by itself."""
    middle = _ones(answer, 9, draw.size(7, 9))
    for axis, name in ((0, "columns"), (1, "rows")):
        sums = middle.sum(axis=axis)
        expect_that(np.ptp(sums) < 1e-4 * sums.max(), f"the {name} have sums between {sums.min():g} and {sums.max():g}")


EXERCISE = Exercise(
    name="Doubler",
    task="a layer that draws a chessboard",
    library=True,
    parts=[
        find_part("b"),
        Part("even", 3, _even),
        Part("both ways", 1, _both_ways),
    ],
    wrong=[
        Wrong(
            {"4, stride=2, padding=1": "3, stride=2, padding=1, output_padding=1"},
            "A kernel of 3 does not fill strides of 2 evenly: take a multiple of 2.",
        ),
        Wrong(
            {"4, stride=2, padding=1": "4, stride=2"},
            "Even it is, but two pixels too large: the padding takes one from each side.",
        ),
        Wrong(
            {"4, stride=2, padding=1": "(4, 3), stride=2, padding=1, output_padding=(0, 1)"},
            "Height is even now, but the kernel's width is 3 still.",
        ),
    ],
    suspects={
        "a": "With weights that are all 1 the pattern is there, too: try it.",
        "b": "",
        "c": "It acts on each pixel alone, so it makes no pattern.",
        "d": "A bias adds the same to every pixel.",
    },
)

CHAPTER = Chapter(20, "uneven_comb", "The chessboard that nobody drew", 0.5, (7,), [EXERCISE], museum=True)
