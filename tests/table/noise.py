"""Rows of functions that draw random numbers: the same ones in every evaluation."""

import math

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


def mask_of_channels(f, p):
    """The same for whole channels: one factor each, found at its first place."""

    def slow(x):
        minigen.manual_seed(0)
        factors = f(minigen.ones(x.shape, dtype=minigen.float64), p).numpy()
        assert {round(v, 9) for v in np.ravel(factors)} == {0.0, round(1 / (1 - p), 9)}
        return reference.moved(x, x.shape, lambda *i: i) * reference.moved(
            factors, x.shape, lambda n, c, *_: (n, c) + (0,) * (x.ndim - 2)
        )

    return slow


def affine_map_of_alpha_dropout(x):
    """What is kept goes through one affine map, what is dropped becomes one number: with p = 0.3."""
    minigen.manual_seed(0)
    of_zeros = F.alpha_dropout(minigen.zeros(x.shape, dtype=minigen.float64), 0.3, training=True).tolist()
    low = 1.0507009873554805 * 1.6732632423543772
    scale = 1 / math.sqrt(0.7 + 0.7 * 0.3 * low * low)
    assert {round(v, 9) for v in np.ravel(of_zeros)} == {round(0.3 * low * scale, 9), round(-0.7 * low * scale, 9)}
    return reference.elementwise(lambda v, z: v * scale + z if z > 0 else z, x, of_zeros)


def noise_of_gumbel(x):
    """What gumbel_softmax adds from the seed 0: the logarithm of its result on zeros, up to a constant."""
    minigen.manual_seed(0)
    drawn = F.gumbel_softmax(minigen.zeros(x.shape, dtype=minigen.float64), dim=1).log().numpy()
    return reference.softmax(reference.elementwise(lambda v, g: (v + g) / 0.7, x, drawn), 1)


ROWS = [
    *[
        Row(
            name,
            lambda x, f=f: f(x, 0.4),
            lambda d, shape=shape: (d.normal(*shape),),
            mask_of_channels(f, 0.4),
            batched=(0,),
        )
        for name, f, shape in (("dropout1d", F.dropout1d, (4, 5, 3)), ("dropout2d", F.dropout2d, (4, 5, 3, 2)))
    ],
    Row(
        "alpha_dropout",
        lambda x: F.alpha_dropout(x, 0.3, training=True),
        lambda d: (d.normal(4, 5),),
        affine_map_of_alpha_dropout,
        batched=(0,),
    ),
    Row(
        "gumbel_softmax",
        lambda x: F.gumbel_softmax(x, tau=0.7, dim=1),
        lambda d: (d.normal(4, 5, 2),),
        noise_of_gumbel,
        batched=(0,),
    ),
    Row(
        "dropout",
        lambda x: F.dropout(x, 0.3),
        lambda d: (d.normal(4, 5),),
        mask_of_dropout(0.3),
        batched=(0,),
    ),
]
