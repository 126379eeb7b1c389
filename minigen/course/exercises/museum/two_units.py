"""Museum 12: a divergence averaged over the latents beside a summed reconstruction."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import as_numbers, expect
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _value(answer, draw):
    n, p, d = draw.sizes(3, 2, 9)
    errors, divergences = draw.uniform(0, 2, n, p), draw.uniform(0, 1, n, d)
    want = math.fsum([*errors.ravel(), *divergences.ravel()]) / n
    expect(answer(errors, divergences), want, "the loss")


def _again(answer, draw):
    """Give every latent twice: the divergence counts twice."""
    errors, divergences = draw.uniform(0, 2, 3, 7), draw.uniform(0.5, 1, 3, 4)
    once = as_numbers(answer(errors, divergences), "the loss")
    twice = as_numbers(answer(errors, np.concatenate([divergences, divergences], axis=1)), "the loss")
    expect(twice - once, divergences.sum() / 3, "what as many latents once more add to the loss")


EXERCISE = Exercise(
    name="vae_loss",
    task="sharp reconstructions and scribbled samples",
    parts=[
        find_part("b"),
        Part("value", 2, _value),
        Part("twice the latents", 1, _again),
    ],
    wrong=[
        Wrong(
            {"divergences.sum(axis=1)": "divergences.mean(axis=1)"},
            "The latents are still averaged: the bound has the sum of their divergences.",
        ),
        Wrong(
            {"errors.sum(axis=1)": "errors.mean(axis=1)"},
            "Now the pixels are averaged, and the divergence is far too heavy: sum them as well.",
        ),
        Wrong({"np.mean(": "np.sum("}, "This is the sum over the batch; wanted is the mean of the pictures."),
        Wrong({"+ divergences": "- divergences"}, "The bound has minus the divergence; its negative has plus."),
    ],
    suspects={
        "a": "Then the other term is hundreds of times too heavy, and all pictures become the same.",
        "b": "",
        "c": "That is a factor for both terms alike: it changes the step, not the balance.",
        "d": "The reconstructions are sharp, so it is strong enough.",
    },
)

CHAPTER = Chapter(12, "two_units", "Two terms in two units", 0.5, (11,), [EXERCISE], museum=True)
