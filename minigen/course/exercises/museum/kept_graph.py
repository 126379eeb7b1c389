"""Museum 9: the discriminator is trained on forgeries that are not detached."""

from __future__ import annotations

import numpy as np

from minigen.course.compare import expect
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import find_part


def _sigmoid(s):
    return 1 / (1 + np.exp(-s))


def _step(scale):
    def part(answer, draw):
        a, b, u = draw.number(0.5, 2), draw.number(0.5, 1), scale * draw.number(0.5, 1.5)
        z, real = draw.normal(draw.size(4, 8)), draw.normal(draw.size(4, 8))
        fake = a * z + b
        down = -u * _sigmoid(-u * fake)  # the slope of the generator's loss with respect to each forgery
        want = [
            np.mean(down * z),
            np.mean(down),
            np.mean(_sigmoid(u * fake) * fake) - np.mean(_sigmoid(-u * real) * real),
        ]
        expect(answer(a, b, u, z, real), want, "the gradients of a, b and u", tolerance=1e-7)

    return part


EXERCISE = Exercise(
    name="one_gan_step",
    task="a step of a GAN in which the wrong loss reaches the generator",
    library=True,
    parts=[
        find_part("d"),
        Part("gradients", 2, _step(1.0)),
        Part("undecided", 1, _step(0.1)),
    ],
    wrong=[
        Wrong(
            {"fake.detach(), {}": "fake, {}"},
            "Now the error is back, and it is right: cut the forgeries off in the discriminator's step.",
        ),
        Wrong(
            {"fake.detach(), {}": 'fake, {"retain_graph": True}'},
            "The discriminator's loss still runs back to a and b.",
        ),
        Wrong(
            {"fake.detach()": "fake.detach() * 0"},
            "The discriminator must see the forgeries themselves; only their way back is to be cut.",
        ),
    ],
    suspects={
        "a": "A kept graph gives the same gradients; it only costs memory. What else flows along it?",
        "b": "softplus(-s) is -log(sigmoid(s)): the usual loss, from scores.",
        "c": "Either will do; the usual program makes them once and uses them twice.",
        "d": "",
    },
)

CHAPTER = Chapter(9, "kept_graph", "The error that was silenced", 0.5, (12,), [EXERCISE], museum=True)
