"""Museum 14: gradients that nobody clears."""

from __future__ import annotations

import numpy as np

from minigen.course.compare import expect
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _descend(x, y, rate, steps):
    """Walk down in plain numbers."""
    slope = 0.0
    for _ in range(steps):
        slope -= rate * 2 * float(np.mean((slope * x - y) * x))
    return slope


def _value(answer, draw):
    n = draw.size(5, 9)
    x, y, rate, steps = draw.normal(n), draw.normal(n), draw.number(0.05, 0.15), draw.size(3, 7)
    expect(answer(x, y, rate, steps), _descend(x, y, rate, steps), f"the slope after {steps} steps", tolerance=1e-6)


def _rest(answer, draw):
    x = draw.away_from_zero(8)
    slope = draw.number(2.0, 4.0)
    expect(answer(x, slope * x, 0.1, 200), slope, "the slope after 200 steps", tolerance=1e-3)


EXERCISE = Exercise(
    name="fitted_slope",
    task="a slope that swings for ever",
    library=True,
    parts=[
        find_part("d"),
        Part("value", 2, _value),
        Part("rest", 1, _rest),
    ],
    wrong=[
        Wrong(
            {"        optimizer.zero_grad()\n": ""},
            "The gradients still pile up: clear them in each step, before backward.",
        ),
        Wrong(
            {"optimizer.zero_grad()": "slope.grad = None if slope.grad is None else slope.grad / 2"},
            "What was there is only halved; each step's gradient must begin from nothing.",
        ),
        Wrong(
            {"optimizer.zero_grad()": "slope.detach().zero_()"},
            "This clears the slope itself, and all that was learnt with it; clear its gradient.",
        ),
    ],
    suspects={
        "a": "A smaller rate swings as far. With one that is too large the swings would grow.",
        "b": "The mean of squares of a line is a parabola in the slope.",
        "c": "It was made without. But something else remembers the steps before.",
        "d": "",
    },
)

CHAPTER = Chapter(14, "heap_of_gradients", "The ball that never stops", 0.5, (3,), [EXERCISE], museum=True)
