"""Rows of functions that draw random numbers: the same ones in every evaluation."""

import numpy as np

import minigen
import minigen.nn.functional as F
from minigen.checks import reference
from table.row import Row


def mask_of_dropout(p):
    """The factors that dropout draws from the seed 0: what it makes of ones."""

    def slow(x):
        minigen.manual_seed(0)
        factors = F.dropout(minigen.ones(x.shape, dtype=minigen.float64), p).tolist()
        kept = 1 / (1 - p)
        assert {round(v, 9) for v in np.ravel(factors)} == {0.0, round(kept, 9)}
        return reference.elementwise(lambda v, m: v * kept if m > 0 else 0.0, x, factors)

    return slow


ROWS = [
    Row(
        "dropout",
        lambda x: F.dropout(x, 0.3),
        lambda d: (d.normal(4, 5),),
        mask_of_dropout(0.3),
        batched=(0,),
    ),
]
