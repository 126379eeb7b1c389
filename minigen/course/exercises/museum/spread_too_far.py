"""Museum 4: the exponential of a log-variance, used as a standard deviation."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import expect
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _value(answer, draw):
    shape = draw.sizes(2, 2, 6)
    mean, log_variance, noise = draw.normal(*shape), draw.normal(*shape), draw.normal(*shape)
    want = np.zeros(shape)
    for i in np.ndindex(*shape):
        want[i] = mean[i] + math.sqrt(math.exp(log_variance[i])) * noise[i]
    expect(answer(mean, log_variance, noise), want, "the latents")


def _variance(answer, draw):
    """Look at many draws: their variance is what the encoder said."""
    variance, noise = draw.number(3.0, 5.0), draw.normal(20000)
    drawn = answer(np.zeros(20000), np.full(20000, math.log(variance)), noise)
    expect(np.var(drawn) / np.var(noise), variance, "the variance of many latents, divided by that of the noise,")


EXERCISE = Exercise(
    name="draw_latent",
    task="latents that scatter otherwise than the encoder says",
    parts=[find_part("b"), Part("value", 2, _value), Part("variance", 1, _variance)],
    wrong=[
        Wrong(
            {"np.exp(log_variance / 2)": "np.exp(log_variance)"},
            "This is the variance still; its square root is wanted.",
        ),
        Wrong(
            {"np.exp(log_variance / 2)": "np.exp(log_variance) / 2"},
            "Half of the variance is not its square root: halve inside exp.",
        ),
        Wrong(
            {"mean + np.exp(log_variance / 2) * noise": "mean + noise"},
            "Now the variance is 1 for every picture, and the encoder has no say.",
        ),
        Wrong(
            {"np.exp(log_variance / 2)": "np.sqrt(np.abs(log_variance))"},
            "This is the square root of the logarithm. Take the exponential first.",
        ),
    ],
    suspects={
        "a": "The prior is normal, and so is the posterior; normal noise is what makes them so.",
        "b": "",
        "c": "The latent is a shifted and stretched noise: mean plus deviation times noise, of the mean's shape.",
        "d": "A logarithm may be any number, so the network needs no care; that is why it is used.",
    },
)

CHAPTER = Chapter(4, "spread_too_far", "Spread too far", 0.5, (11,), [EXERCISE], museum=True)
