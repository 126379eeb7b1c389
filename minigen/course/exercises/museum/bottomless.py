"""Museum 11: the divergence from the prior with the wrong sign."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import as_numbers, expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _one(mean, log_variance):
    """Compute the divergence of one normal distribution from the standard one."""
    variance = math.exp(log_variance)
    return -0.5 * math.log(variance) + (variance + mean * mean) / 2 - 0.5


def _value(answer, draw):
    n, d = draw.sizes(2, 2, 6)
    mean, log_variance = draw.normal(n, d), draw.normal(n, d)
    want = [math.fsum(map(_one, *map(np.ndarray.tolist, pair))) for pair in zip(mean, log_variance, strict=True)]
    expect(answer(mean, log_variance), want, "the divergence")


def _bottom(answer, draw):
    """Look at the prior and around it."""
    spread = draw.uniform(0.5, 1.0, 6, 3)
    spread[0] = 0.0
    kl = as_numbers(answer(spread, -spread), "the divergence")
    expect_that(kl.shape == (6,), f"six pictures get divergences of shape {kl.shape}")
    expect_that(abs(kl[0]) < 1e-9, f"of the prior from itself it is {kl[0]:.3g}")
    expect_that(kl[1:].min() > 0.05, f"of another distribution it is {kl[1:].min():.3g}, which should be above 0")


EXERCISE = Exercise(
    name="kl_to_prior",
    task="a divergence that pays for going away",
    parts=[
        find_part("c"),
        Part("value", 2, _value),
        Part("bottom", 1, _bottom),
    ],
    wrong=[
        Wrong(
            {"mean**2 + np.exp(log_variance) - 1 - log_variance": "1 + log_variance - mean**2 - np.exp(log_variance)"},
            "This is minus the divergence: in a loss that is made smaller it must be turned around.",
        ),
        Wrong(
            {"- 1 - log_variance": "- log_variance"},
            "At the prior the divergence must be 0; the -1 of each latent is missing.",
        ),
        Wrong(
            {"np.exp(log_variance)": "log_variance**2"},
            "The variance is the exponential of its logarithm, not its square.",
        ),
        Wrong({"axis=1": "axis=0"}, "This sums over the pictures; sum over the latents of each picture."),
        Wrong({"0.5 * np.sum(": "np.sum("}, "Every term of the divergence has the factor 1/2."),
    ],
    suspects={
        "a": "They did not yet when the loss was -1,000. Which term can become negative?",
        "b": "With a smaller one the loss falls to the same place, more slowly.",
        "c": "",
        "d": "It may be any number: a variance below 1 has a negative logarithm.",
    },
)

CHAPTER = Chapter(11, "bottomless", "The loss without a bottom", 0.5, (11,), [EXERCISE], museum=True)
