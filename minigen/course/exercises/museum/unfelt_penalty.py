"""Museum 6: a gradient penalty that is computed without a graph."""

from __future__ import annotations

import numpy as np

from minigen.course.compare import expect
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part, named


def _loss(w1, w2, x):
    """Compute the loss in plain arrays, with the slope written down by hand."""
    hidden = np.tanh(x @ w1)
    slope = (w2[:, 0] * (1 - hidden**2)) @ w1.T
    return float((hidden @ w2).mean() + 10 * np.mean((np.sqrt((slope**2).sum(1)) - 1) ** 2))


def _difference(arrays, which):
    """Differentiate the loss by central differences."""
    out = np.zeros(arrays[which].shape)
    for i in np.ndindex(*out.shape):
        values = []
        for h in (1e-5, -1e-5):
            moved = [np.array(a) for a in arrays]
            moved[which][i] += h
            values.append(_loss(*moved))
        out[i] = (values[0] - values[1]) / 2e-5
    return out


def _pull(which):
    def part(answer, draw):
        n, d, k = draw.sizes(3, 2, 5)
        arrays = [draw.normal(d, k), 2 * draw.normal(k, 1), draw.normal(n, d)]
        got = named(answer(*arrays), ("dw1", "dw2"))
        name = ("dw1", "dw2")[which]
        expect(got[name], _difference(arrays, which), name, tolerance=1e-5)

    return part


EXERCISE = Exercise(
    name="critic_pull",
    task="a gradient penalty that does not reach the weights",
    library=True,
    parts=[
        find_part("c"),
        Part("dw1", 2, _pull(0)),
        Part("dw2", 1, _pull(1)),
    ],
    wrong=[
        Wrong(
            {", create_graph=True": ""},
            "The first walk frees the graph of the scores. It should be kept, and the walk itself recorded.",
        ),
        Wrong(
            {", create_graph=True": ", retain_graph=True"},
            "This keeps the scores' graph for a second walk; the walk itself is recorded by create_graph=True.",
        ),
        Wrong(
            {"scores.sum()": "scores.mean()"},
            "The mean divides each picture's slope by the size of the batch: sum the scores here.",
        ),
    ],
    suspects={
        "a": "1000 changed nothing at all, so no weight will do: follow the gradient, not the number.",
        "b": "Its slopes are between 0 and 1, never nothing: the scores' own gradient comes through it.",
        "c": "",
        "d": "The loss is written to be made smaller, so what is unwanted is added to it.",
    },
)

CHAPTER = Chapter(6, "unfelt_penalty", "The penalty that nobody feels", 0.5, (15,), [EXERCISE], museum=True)
