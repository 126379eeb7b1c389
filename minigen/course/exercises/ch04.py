"""Exercises of chapter 4: a gradient by differences, the size of a step, one direction, a readout that sees."""

from __future__ import annotations

import numpy as np

from minigen.course.compare import expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import named

# ---- 4.1 ----------------------------------------------------------------------------------------------------------


def _cubic(draw, *shape):
    """Return a function of an array, and what central differences of it are, worked out by hand: a * (3x^2 + h^2)."""
    a, b = draw.normal(*shape), draw.normal(*shape)
    return lambda x: float(np.sum(a * x**3 + b * x)), lambda x, h: a * (3 * x**2 + h**2) + b


def _central(*shape):
    def part(answer, draw):
        sizes = draw.sizes(len(shape), 2, 5) if shape else []
        f, want = _cubic(draw, *sizes)
        x, step = draw.normal(*sizes), draw.number(0.01, 0.1)
        expect(answer(f, x, step), want(x, step), "the gradient")

    return part


def _calls(answer, draw):
    calls = []

    def f(x):
        calls.append(x)
        return float(x.sum())

    x = draw.normal(*draw.sizes(2, 2, 4))
    answer(f, x, 0.1)
    expect_that(
        len(calls) == 2 * x.size, f"f was called {len(calls)} times for {x.size} elements; two for each are enough"
    )


CENTRAL = Exercise(
    name="central_difference",
    task="the gradient of f at the array x, by nudging each element to both sides",
    parts=[
        Part("vector", 2, _central(0)),
        Part("any shape", 1, _central(0, 0, 0)),
        Part("calls", 1, _calls),
    ],
    wrong=[
        Wrong({"/ (2 * step)": "/ step"}, "The two places are 2 * step apart; this divides by one step only."),
        Wrong({"down[index] -= step": "pass"}, "This is the one-sided rule: nudge down as well as up."),
        Wrong(
            {"up, down = x.copy(), x.copy()": "up = down = x.copy()"},
            "Both names mean the same copy, so its nudges cancel. Make two copies.",
        ),
        Wrong(
            {"up[index] += step": "up += step", "down[index] -= step": "down -= step"},
            "All elements are nudged at once; only one may be.",
        ),
        Wrong({"(f(up) - f(down))": "(f(down) - f(up))"}, "The sign is wrong: up minus down."),
    ],
)

# ---- 4.2 ----------------------------------------------------------------------------------------------------------


def _step(low, high):
    def part(answer, draw):
        for x in (draw.number(low, high), -draw.number(low, high)):
            epsilon = 2.0 ** -draw.size(20, 52)
            want = float(np.cbrt(epsilon)) * (abs(x) if abs(x) > 1 else 1.0)
            expect(answer(x, epsilon) / want, 1.0, f"the step at x = {x:.4g}, divided by the right one,")

    return part


STEP = Exercise(
    name="good_step",
    task="a good step for central differences at x, for numbers precise to epsilon",
    parts=[Part("large x", 2, _step(10, 1000)), Part("small x", 1, _step(0.0, 0.5))],
    wrong=[
        Wrong(
            {"(1 / 3)": "(1 / 2)"},
            "The square root is best to one side. To both sides the error falls faster: the cube root.",
        ),
        Wrong({" * max(1.0, abs(x))": ""}, "Rounding is relative: at a large x the step must grow with x."),
        Wrong(
            {"max(1.0, abs(x))": "abs(x)"}, "At x = 0 this step is 0. It should be at least the one that belongs to 1."
        ),
        Wrong({"abs(x))": "x)"}, "A step is a length: take the size of x, also where x is negative."),
    ],
)

# ---- 4.3 ----------------------------------------------------------------------------------------------------------


def _direction(scale, spoil, about):
    """Compare with the closed form for a cubic, whose quotient is known exactly."""

    def part(answer, draw):
        shape, h = draw.sizes(2, 2, 5), draw.constants["STEP"]
        a, x, v = scale * draw.away_from_zero(*shape), draw.away_from_zero(*shape), draw.normal(*shape)
        gradient = 3 * a * x**2 + (scale * draw.away_from_zero(*shape) if spoil else 0.0)
        numeric = np.sum(a * (3 * x**2 * v + h**2 * v**3))
        analytic = np.sum(gradient * v)
        want = abs(analytic - numeric) / max(1.0, abs(analytic))
        got = answer(lambda y: float(np.sum(a * y**3)), x, gradient, v)
        expect(got, want, about, tolerance=1e-7 if spoil else 1e-8)

    return part


DIRECTION = Exercise(
    name="direction_error",
    task="the error of a gradient along one direction, relative where it is large",
    constants={"STEP": (0.001, 0.002, 0.0005, 0.005, 0.01)},
    parts=[
        Part("wrong gradient", 2, _direction(1.0, True, "the error of a wrong gradient")),
        Part("small gradient", 1, _direction(1e-3, True, "the error where the gradient is small")),
        Part("right gradient", 1, _direction(10.0, False, "the error of a right gradient")),
    ],
    wrong=[
        Wrong(
            {"np.sum(gradient * direction)": "np.sum(gradient)"},
            "The sum of the gradient is its slope along (1, 1, ...); take the direction that is given.",
        ),
        Wrong({"/ max(1.0, abs(analytic))": ""}, "The error should be relative where the gradient is large."),
        Wrong(
            {"max(1.0, abs(analytic))": "abs(analytic)"},
            "Where the slope is small this divides by nearly 0: divide by max(1, |analytic|).",
        ),
        Wrong(
            {"return abs(analytic - numeric)": "return (analytic - numeric)"},
            "An error has no sign: take the absolute value.",
        ),
        Wrong({"/ (2 * STEP)": "/ STEP"}, "The two places are 2 * STEP apart along the direction."),
    ],
)

# ---- 4.4 ----------------------------------------------------------------------------------------------------------


def _readout(index, about):
    def part(answer, draw):
        shape = draw.sizes(2, 2, 6)
        y, u, v = draw.normal(*shape), draw.normal(*shape), draw.normal(*shape)
        loss, dy = 0.0, np.zeros(shape)
        for i in np.ndindex(*shape):
            loss += float(u[i]) * float(y[i]) + float(v[i]) * float(y[i]) * float(y[i]) / 2
            dy[i] = float(u[i]) + float(v[i]) * float(y[i])
        got = named(answer(y, u, v), ("loss", "dy"))
        expect(list(got.values())[index], (loss, dy)[index], about)

    return part


READOUT = Exercise(
    name="readout",
    task="sum(u*y + v*y**2/2), and its gradient with respect to y",
    parts=[Part("forward", 1, _readout(0, "the loss")), Part("dy", 2, _readout(1, "dy"))],
    wrong=[
        Wrong({"dy = u + v * y": "dy = u"}, "The curved part has a gradient, too: v * y."),
        Wrong({"dy = u + v * y": "dy = u + v * y / 2"}, "The derivative of y**2 / 2 is y, without the half."),
        Wrong({"v * y**2 / 2)": "v * y**2)"}, "The half is missing: v * y**2 / 2."),
        Wrong({"dy = u + v * y": "dy = u * y + v * y"}, "The derivative of u * y with respect to y is u."),
    ],
)

CHAPTER = Chapter(
    number=4,
    name="finite_differences",
    title="Finite differences, and the ways they lie",
    hours=2,
    needs=(1, 2),
    exercises=[CENTRAL, STEP, DIRECTION, READOUT],
)
