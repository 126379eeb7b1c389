"""Museum 17: weights clipped before the step instead of after it."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import as_numbers, expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _clipped(value, c):
    return min(max(value, -c), c)


def _walk(answer, draw, rate, c):
    d, n = draw.sizes(2, 2, 5)
    w = 3 * c * draw.away_from_zero(d)
    batches = [(draw.normal(n, d), draw.normal(n, d)) for _ in range(4)]
    want = [float(v) for v in w]
    for real, fake in batches:
        for k in range(d):
            slope = math.fsum(real[:, k]) / n - math.fsum(fake[:, k]) / n
            want[k] = _clipped(want[k] + rate * slope, c)
    return answer(w, batches, rate, c), want


def _value(answer, draw):
    got, want = _walk(answer, draw, draw.number(0.1, 0.3), draw.number(0.1, 0.2))
    expect(got, want, "the weights")


def _inside(answer, draw):
    c = draw.number(0.01, 0.02)
    got, want = _walk(answer, draw, 1.0, c)
    expect_that(as_numbers(got, "the weights").shape == (len(want),), "there should be as many weights as came in")
    largest = float(np.abs(got).max())
    expect_that(largest <= c * (1 + 1e-9), f"the largest weight is {largest:.4f}, and {c:.4f} is allowed")


EXERCISE = Exercise(
    name="critic_steps",
    task="a critic whose weights are not where they were clipped to",
    parts=[
        find_part("a"),
        Part("value", 2, _value),
        Part("inside", 1, _inside),
    ],
    wrong=[
        Wrong(
            {"np.clip(w + rate * slope, -c, c)": "np.clip(w, -c, c) + rate * slope"},
            "The step still comes after the clipping: clip its result.",
        ),
        Wrong(
            {"np.clip(w + rate * slope, -c, c)": "w + rate * np.clip(slope, -c, c)"},
            "This clips the gradient; it is the weights that should stay within c.",
        ),
        Wrong(
            {"w + rate * slope": "w - rate * slope"}, "The critic climbs: real pictures should get the higher scores."
        ),
        Wrong(
            {"np.clip(w + rate * slope, -c, c)": "np.minimum(w + rate * slope, c)"},
            "Weights must not be below -c either.",
        ),
    ],
    suspects={
        "a": "",
        "b": "That limits a step, but not where many steps lead.",
        "c": "However often: after clipping, no weight is outside.",
        "d": "Then the distance would be negative, not too large.",
    },
)

CHAPTER = Chapter(17, "clipped_too_soon", "Clipped too soon", 0.5, (15,), [EXERCISE], museum=True)
