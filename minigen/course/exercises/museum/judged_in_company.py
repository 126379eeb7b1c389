"""Museum 8: batch norm in a critic whose gradient is punished picture by picture."""

from __future__ import annotations

import numpy as np

from minigen.course.compare import expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _scores(answer, x):
    (scores,), _ = answer.drive("modules", "PenaltyCritic", {}, None, x.astype(np.float32))
    scores = np.asarray(scores)
    expect_that(scores.size == len(x), f"{len(x)} pictures get {scores.size} scores")
    return scores.ravel()


def _company(answer, draw):
    x = draw.normal(4, 1, 16, 16)
    others = np.concatenate([x[:1], 3 * draw.normal(3, 1, 16, 16) + 1])
    first, second = _scores(answer, x), _scores(answer, others)
    expect_that(np.ptp(first) > 1e-4, "all pictures get the same score")
    expect(second[0], first[0], "the score of a picture in other company", tolerance=1e-4)


def _alone(answer, draw):
    x = draw.normal(3, 1, 16, 16)
    together = _scores(answer, x)
    expect([_scores(answer, picture[None])[0] for picture in x], together, "the scores, one by one,", tolerance=1e-4)


def _normalised(answer, draw):
    """A norm makes the inner features, and so the score, nearly blind to the contrast of the picture."""
    x = draw.normal(3, 1, 16, 16)
    ratio = float(np.ptp(_scores(answer, 1000 * x)) / np.ptp(_scores(answer, x)))
    expect_that(ratio < 50, f"with 1000 times the contrast the scores are {ratio:.0f} times as far apart: no norm")
    _alone(answer, draw)


EXERCISE = Exercise(
    name="PenaltyCritic",
    task="a critic whose score depends on the other pictures of the batch",
    library=True,
    parts=[
        find_part("a"),
        Part("company", 2, _company),
        Part("alone", 1, _alone),
        Part("normalised", 1, _normalised),
    ],
    wrong=[
        Wrong(
            {"nn.GroupNorm(num_groups=1, num_channels=16)": "nn.BatchNorm2d(16)"},
            "This is the old one: what is normalised over the batch mixes the pictures.",
        ),
        Wrong(
            {"nn.GroupNorm(num_groups=1, num_channels=16)": "nn.Identity()"},
            "Now the scores are each picture's own, but nothing is normalised: take a norm within each picture.",
        ),
        Wrong({"num_channels=16": "num_channels=8"}, "There are 16 channels after the second convolution."),
    ],
    suspects={
        "a": "",
        "b": "A critic's score may be any number; a sigmoid would flatten its slope.",
        "c": "Away from the kink all is well, and nearly all points are away from it.",
        "d": "A kernel of 4 with a stride of 2 sees every pixel twice in each direction.",
    },
)

CHAPTER = Chapter(
    8,
    "judged_in_company",
    "Judged in company",
    0.5,
    (8, 15),
    [EXERCISE],
    museum=True,
)
