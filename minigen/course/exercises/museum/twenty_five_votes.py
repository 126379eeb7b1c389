"""Museum 3: a generator and a discriminator made for pictures of another size than the real ones."""

from __future__ import annotations

import numpy as np

from minigen.course.compare import expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _run(answer, name, x):
    (y,), _ = answer.drive("modules", name, {}, None, x.astype(np.float32))
    return np.asarray(y)


def _pictures(answer, draw):
    z = draw.normal(3, 16, 1, 1)
    fakes = _run(answer, "Generator32", z)
    expect_that(
        fakes.shape == (3, 1, 32, 32), f"three fakes have the shape {fakes.shape}, but should have (3, 1, 32, 32)"
    )
    expect_that(np.abs(fakes).max() <= 1, "pictures should be in [-1, 1], as tanh makes them")
    expect_that(np.ptp(fakes, axis=0).max() > 0, "all fakes are the same, whatever the noise")


def _one_number(answer, draw):
    reals = draw.uniform(-1, 1, 3, 1, 32, 32)
    scores = _run(answer, "Discriminator32", reals)
    votes = scores.size // 3
    expect_that(scores.size == 3, f"each real picture gets {votes} votes ({scores.shape}), but should get one")
    expect_that(np.ptp(scores) > 0, "all pictures get the same score")


EXERCISE = Exercise(
    name="Generator32",
    task="two networks that were made for pictures of different sizes",
    names=("Discriminator32",),
    library=True,
    parts=[
        find_part("b"),
        Part("generator", 2, _pictures),
        Part("discriminator", 2, _one_number),
    ],
    wrong=[
        Wrong(
            {"nn.Conv2d(16, 32, 4, stride=2, padding=1)": "nn.Conv2d(16, 32, 3, padding=1)"},
            "The generator is repaired, but the discriminator still gives 5 by 5 votes: it needs one more halving.",
        ),
        Wrong(
            {"nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1)": "nn.ConvTranspose2d(8, 1, 3, padding=1)"},
            "The last layer of the generator does not double the size: it should have stride 2.",
        ),
        Wrong(
            {"nn.Conv2d(32, 1, 4)": "nn.Conv2d(32, 1, 4, padding=1)"},
            "With a padding the last convolution gives several votes; it should cover all of 4 by 4 at once.",
        ),
    ],
    suspects={
        "a": "Tanh reaches 1, which is white, as closely as one likes.",
        "b": "",
        "c": "Few numbers limit how different the samples are, but not how large.",
        "d": "That is what it is for; the discriminators of the papers all have it.",
    },
)

CHAPTER = Chapter(3, "twenty_five_votes", "Twenty-five votes against one", 0.5, (13,), [EXERCISE], museum=True)
