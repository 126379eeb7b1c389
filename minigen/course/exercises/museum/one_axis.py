"""Museum 5: the gradient penalty with a norm over the channels only."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import expect
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _value(axes):
    def part(answer, draw):
        n, *rest = draw.sizes(axes, 2, 6)
        gradients = draw.normal(n, *rest)
        want = np.mean([(math.sqrt(math.fsum(float(v) ** 2 for v in g.ravel())) - 1) ** 2 for g in gradients])
        expect(answer(gradients), want, f"the penalty of gradients {gradients.shape}")

    return part


def _steep(answer, draw):
    """Scale gradients of a known length."""
    length = draw.number(2.0, 3.0)
    gradients = np.full((3, 2, 5, 4), length / math.sqrt(40))
    expect(answer(gradients), (length - 1) ** 2, f"the penalty of gradients of length {length:.3f}")


EXERCISE = Exercise(
    name="penalty_of_gradients",
    task="a gradient penalty that is wrong for pictures",
    parts=[
        find_part("b"),
        Part("pictures", 2, _value(4)),
        Part("volumes", 1, _value(5)),
        Part("length", 1, _steep),
    ],
    wrong=[
        Wrong(
            {"(gradients.reshape(len(gradients), -1) ** 2).sum(axis=1)": "(gradients**2).sum(axis=1)"},
            "This is one length a pixel still: make one long row of each picture first.",
        ),
        Wrong(
            {"(gradients.reshape(len(gradients), -1) ** 2).sum(axis=1)": "(gradients**2).sum()"},
            "This is one length for the whole batch; every picture has its own.",
        ),
        Wrong(
            {".sum(axis=1)": ".mean(axis=1)"},
            "The length is the root of the sum of squares; with the mean it depends on the size of the picture.",
        ),
        Wrong({".sum(axis=1)": ".sum(axis=0)"}, "This sums over the pictures: the axis of the batch must stay."),
    ],
    suspects={
        "a": "That is another penalty, and a good one; this one pulls both ways, and wrong lengths go into it.",
        "b": "",
        "c": "The mean over the pictures is what the paper has; the batch size would change the weight.",
        "d": "It has, but only at a gradient of exactly 0. Here even ordinary gradients give a wrong number.",
    },
)

CHAPTER = Chapter(5, "one_axis", "A norm of three numbers", 0.5, (15,), [EXERCISE], museum=True)
