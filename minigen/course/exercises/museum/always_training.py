"""Museum 19: a network that answers in training mode."""

from __future__ import annotations

import numpy as np

from minigen.course.compare import expect
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _case(draw):
    n, d = draw.size(30, 40), draw.size(3, 5)
    seen = draw.normal(n, d) * draw.uniform(0.5, 2, d) + draw.normal(d)
    x, weight = 2 * draw.normal(draw.size(2, 4), d), draw.away_from_zero(d)
    means, variances = seen.mean(axis=0), seen.var(axis=0, ddof=1)  # what the running statistics settle at
    want = [float(((row - means) / np.sqrt(variances + 1e-5)) @ weight) for row in x]
    return (seen, x, weight), want


def _value(answer, draw):
    arguments, want = _case(draw)
    expect(answer(*arguments), want, "the scores", tolerance=1e-3)


def _stays(answer, draw):
    """Ask for the same row many times: nothing may move."""
    (seen, x, weight), want = _case(draw)
    expect(answer(seen, np.repeat(x[:1], 30, axis=0), weight), want[:1] * 30, "the scores of one row", tolerance=1e-3)


EXERCISE = Exercise(
    name="scores_alone",
    task="a network that says the same about every single picture",
    library=True,
    parts=[
        find_part("c"),
        Part("value", 2, _value),
        Part("nothing moves", 1, _stays),
    ],
    wrong=[
        Wrong(
            {"        net.eval()\n": "", "row[None]": "np.stack([row, row])"},
            "The network is still in training mode: no_grad does not change that, eval() does.",
        ),
        Wrong(
            {"        net.eval()\n": ""},
            "The error is right: one picture has no variance. Let the layer use its running statistics.",
        ),
        Wrong(
            {"net.eval()": "net.reset_running_stats()\n        net.eval()"},
            "The statistics of the training were thrown away here, and they are what is needed.",
        ),
    ],
    suspects={
        "a": "It moves well enough. The question is who looks at it.",
        "b": "It can: that is what the running statistics are for.",
        "c": "",
        "d": "`no_grad` saves memory, and changes no number.",
    },
)

CHAPTER = Chapter(19, "always_training", "Alone, everybody is average", 0.5, (8,), [EXERCISE], museum=True)
