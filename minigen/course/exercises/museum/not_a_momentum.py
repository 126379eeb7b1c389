"""Museum 25: a momentum that was given as eps."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import expect
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part, named


def _case(answer, draw, size):
    n, d = draw.size(40, 60), draw.size(2, 5)
    x, running_mean = size * draw.normal(n, d) + draw.normal(d), draw.normal(d)
    return named(answer(x, running_mean), ("y", "running_mean")), x, running_mean


def _normal(size):
    def part(answer, draw):
        got, x, _ = _case(answer, draw, size)
        want = np.zeros(x.shape)
        for k, column in enumerate(x.T):
            mean = math.fsum(column) / len(column)
            variance = math.fsum((float(v) - mean) ** 2 for v in column) / len(column)
            want[:, k] = [(float(v) - mean) / math.sqrt(variance + 1e-5) for v in column]
        expect(got["y"], want, f"features of size {size:g}, normalised,")

    return part


def _running(answer, draw):
    got, x, old = _case(answer, draw, 1.0)
    expect(got["running_mean"], 0.8 * old + 0.2 * x.mean(axis=0), "the running mean")


EXERCISE = Exercise(
    name="normed_features",
    task="a batch norm that does not normalise",
    parts=[
        find_part("b"),
        Part("ordinary", 2, _normal(0.7)),
        Part("quiet", 1, _normal(0.01)),
        Part("running mean", 1, _running),
    ],
    wrong=[
        Wrong({"momentum=0.2": "0.8"}, "The first free place is that of eps: give the momentum by its name."),
        Wrong(
            {"momentum=0.2": "momentum=0.8"},
            "By its name it is a momentum, but here it is the share of the new mean: a fifth is 0.2.",
        ),
        Wrong({"momentum=0.2": "0.2"}, "This is an eps of 0.2: only with its name is it the momentum."),
    ],
    suspects={
        "a": "It would be large, but momentum is only about the running statistics. And is it one?",
        "b": "",
        "c": "For a batch of fifty that is a difference of 2 %.",
        "d": "Then it would not be batch norm; and no mean changes a variance.",
    },
)

CHAPTER = Chapter(25, "not_a_momentum", "A number in the wrong place", 0.5, (8,), [EXERCISE], museum=True)
