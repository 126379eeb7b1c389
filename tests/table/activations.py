"""Rows of `minigen/functional/activations.py`."""

import minigen.nn.functional as F
from minigen.checks import reference
from minigen.functional import activations
from table.elementwise import away
from table.row import Row

ROWS = [
    *[
        Row(
            f"leaky_relu (slope {slope})",
            lambda x, slope=slope: F.leaky_relu(x, slope),
            away,
            lambda x, slope=slope: reference.leaky_relu(x, slope),
            (activations.LeakyRelu,),
            lambda t, x, slope=slope: t.nn.functional.leaky_relu(x, slope),
            batched=(0,),
        )
        for slope in (0.2, 1.5, -0.3)
    ],
    Row(
        "softplus",
        lambda x: F.softplus(x),
        lambda d: (d.normal(2, 3, 4),),
        reference.softplus,
        (activations.Softplus,),
        lambda t, x: t.nn.functional.softplus(x),
        batched=(0,),
    ),
    Row(
        "softplus (beta, threshold)",
        lambda x: F.softplus(x, beta=2.0, threshold=1.0),
        lambda d: (d.away(2, 3, 4) + 0.5,),  # away from x = threshold / beta
        lambda x: reference.softplus(x, 2.0, 1.0),
        (activations.Softplus,),
        lambda t, x: t.nn.functional.softplus(x, 2.0, 1.0),
        batched=(0,),
    ),
]
