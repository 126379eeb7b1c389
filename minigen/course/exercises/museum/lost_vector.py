"""Museum 18: a power iteration that forgets its vector."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import as_numbers, expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _matrix(draw):
    rows, columns = draw.sizes(2, 4, 8)
    return draw.normal(rows, columns), draw.normal(rows)


def _converges(answer, draw):
    """Give it a weight whose first two singular values are far apart."""
    weight, start = _matrix(draw)
    u, s, v = np.linalg.svd(weight, full_matrices=False)
    s[0] = 2 * s[1]
    weight = (u * s) @ v
    got = as_numbers(answer(weight, start, 40), "the estimates")
    expect_that(got.shape == (40,), f"40 calls return estimates of shape {got.shape}")
    expect(got[-1], s[0], "the estimate after 40 calls", tolerance=1e-6)


def _steps(answer, draw):
    weight, start = _matrix(draw)
    u, want = start, []
    for _ in range(5):
        v = weight.T @ u
        u = weight @ (v / math.sqrt(v @ v))
        want.append(math.sqrt(u @ u))  # u / |u| times weight times v
    expect(answer(weight, start, 5), want, "the estimates of 5 calls")


EXERCISE = Exercise(
    name="norm_estimates",
    task="a spectral norm that stays too small",
    parts=[
        find_part("b"),
        Part("converges", 2, _converges),
        Part("every step", 1, _steps),
    ],
    wrong=[
        Wrong(
            {"self.u = u / np": "u = u / np", "return self.u @": "return u @"},
            "The next call begins where this one began: keep the vector in the object.",
        ),
        Wrong(
            {"self.u = u / np.linalg.norm(u)": "self.u = u"},
            "The vector must have length 1, or the estimate has its length as a factor.",
        ),
        Wrong(
            {"self.u = u / np.linalg.norm(u)": "self.u = self.u + u / np.linalg.norm(u)"},
            "The new vector takes the place of the old one; nothing is added up.",
        ),
    ],
    suspects={
        "a": "One is enough if each begins where the last one ended. Look at what the next call begins with.",
        "b": "",
        "c": "That is another norm; the largest stretching is the singular value.",
        "d": "Then they would grow without end; the iteration is about directions.",
    },
)

CHAPTER = Chapter(18, "lost_vector", "A memory of one step", 0.5, (15,), [EXERCISE], museum=True)
