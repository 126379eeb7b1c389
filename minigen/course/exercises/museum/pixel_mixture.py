"""Museum 7: a share for each pixel where each picture should have one."""

from __future__ import annotations

import numpy as np

from minigen.course.compare import as_numbers, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _uniform(seed):
    """Return a source of numbers that gives the same for the same shape: mistakes are asked with it again."""

    def uniform(shape):
        return np.random.default_rng(seed).uniform(size=[int(n) for n in shape])

    return uniform


def _shares(answer, draw, n):
    c, h, w = draw.sizes(3, 2, 5)
    real, fake = draw.normal(n, c, h, w), draw.normal(n, c, h, w)
    got = as_numbers(answer(real, fake, _uniform(draw.size(0, 10**6))), "the mixture")
    expect_that(got.shape == real.shape, f"the mixture has shape {got.shape}, but should have {real.shape}")
    return ((got - real) / (fake - real)).reshape(n, -1), c, h * w


def _line(answer, draw):
    shares, _, _ = _shares(answer, draw, 6)
    for k, row in enumerate(shares):
        spread = float(np.ptp(row))
        expect_that(spread < 1e-6, f"in picture {k} the shares of the pixels differ by {spread:.3f}: not on the line")
    expect_that(shares.min() > 0 and shares.max() < 1, f"shares are from {shares.min():.2f} to {shares.max():.2f}")


def _own(answer, draw):
    shares, _, _ = _shares(answer, draw, 6)
    means = shares.mean(axis=1)
    expect_that(np.ptp(shares, axis=1).max() < 1e-6, "the pixels of a picture have different shares")
    expect_that(np.ptp(means) > 1e-3, f"all pictures have the share {means[0]:.3f}")


EXERCISE = Exercise(
    name="between_real_and_fake",
    task="pictures between real and forged ones, which look like noise",
    parts=[
        find_part("d"),
        Part("line", 2, _line),
        Part("each its own", 1, _own),
    ],
    wrong=[
        Wrong(
            {"(len(real), 1, 1, 1)": "real.shape"},
            "This is one number for each pixel; the pixels of a picture must share one.",
        ),
        Wrong(
            {"(len(real), 1, 1, 1)": "(1, 1, 1, 1)"},
            "Now all pictures have the same share: the length of the batch must be in the shape.",
        ),
        Wrong(
            {"(len(real), 1, 1, 1)": "(*real.shape[:2], 1, 1)"},
            "Each colour channel has its own share here, so colours change: one number a picture.",
        ),
        Wrong(
            {"uniform((len(real), 1, 1, 1))": "2 * uniform((len(real), 1, 1, 1)) - 0.5"},
            "A share must be between 0 and 1, or the point lies beyond one of the two pictures.",
        ),
    ],
    suspects={
        "a": "Then some shares are below 0 or above 1: outside the line between the two pictures.",
        "b": "Other penalties do that; this one wants the slope between the two kinds.",
        "c": "Pairs by chance are what the paper has, and the pictures would still be noise.",
        "d": "",
    },
)

CHAPTER = Chapter(7, "pixel_mixture", "Not on the line", 0.5, (15,), [EXERCISE], museum=True)
