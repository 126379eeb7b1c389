"""The row of a checkpoint: a small function that is computed again in backward, as one node."""

import math

from minigen import autograd
from minigen.autograd.recompute import Checkpoint
from minigen.checks import reference
from table.row import Row


def softly(x, w):
    return (x.tanh() * w).exp()


def slow(x, w):
    return reference.elementwise(lambda v, u: math.exp(math.tanh(v) * u), x, w)


ROWS = [
    Row(
        "checkpoint",
        lambda x, w: autograd.checkpoint(softly, x, w),
        lambda d: (d.normal(3, 4), d.normal(3, 4)),
        slow,
        (Checkpoint,),
        lambda t, x, w: t.utils.checkpoint.checkpoint(softly, x, w, use_reentrant=False),
        batched=(0, 1),
    ),
    Row(
        "checkpoint (what it captures)",
        lambda x, w: autograd.checkpoint(lambda v: softly(v, w), x),
        lambda d: (d.normal(3, 4), d.normal(3, 4)),
        slow,
        (Checkpoint,),
    ),
]
