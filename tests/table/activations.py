"""Rows of the activations (`minigen/functional/activations.py`, `rectifiers.py`, `smooth.py`)."""

import minigen.nn.functional as F
from minigen.checks import reference
from minigen.functional import activations, rectified, rectifiers, smooth
from table.elementwise import away, off_integers
from table.row import Row


def row(name, inputs, covers=(), **options):
    """One row of an activation without tensors but x: its reference and PyTorch's have the same name and options."""
    function = name.partition(" ")[0]
    return Row(
        name,
        lambda x: getattr(F, function)(x, **options),
        inputs,
        lambda x: getattr(reference, function)(x, *options.values()),
        covers,
        lambda t, x: getattr(t.nn.functional, function)(x, **options),
        batched=(0,),
    )


def wide(d):
    """From -6 to 6, away from the integers, where these functions have their kinks."""
    return (d.rng.integers(-6, 6, (2, 3, 4)) + d.rng.uniform(0.1, 0.9, (2, 3, 4)),)


def smooth_ones(d):
    return (2 * d.normal(2, 3, 4),)


def halves(d):
    return (d.normal(2, 6, 3, 5),)


def slopes(count):
    return lambda d: (d.away(2, 3, 4, 2), d.normal(count))


ROWS = [
    row("elu", away, (rectifiers.Elu,)),
    row("elu (alpha)", away, (rectifiers.Elu,), alpha=1.7),
    row("celu", away, (rectifiers.Elu,), alpha=0.5),
    Row(
        "selu",
        lambda x: F.selu(x),
        away,
        reference.selu,
        (rectifiers.Elu,),
        lambda t, x: t.nn.functional.selu(x),
        batched=(0,),
    ),
    row("hardtanh", off_integers, (rectifiers.Hardtanh,)),
    row("hardtanh (bounds)", wide, (rectifiers.Hardtanh,), min_val=-2.0, max_val=4.0),
    Row(
        "relu6",
        lambda x: F.relu6(x),
        lambda d: (wide(d)[0] + 3,),
        lambda x: reference.hardtanh(x, 0.0, 6.0),
        (rectifiers.Hardtanh,),
        lambda t, x: t.nn.functional.relu6(x),
        batched=(0,),
    ),
    Row(
        "hardsigmoid",
        lambda x: F.hardsigmoid(x),
        wide,
        reference.hardsigmoid,
        # torch's backward has a constant of float32: table/layers.py compares the two
        batched=(0,),
    ),
    row("hardswish", wide),
    row("silu", smooth_ones),
    row("mish", smooth_ones, (activations.Softplus,)),
    row("gelu", smooth_ones),
    row("gelu (tanh)", smooth_ones, approximate="tanh"),
    row("softsign", away, (smooth.Softsign,)),
    row("logsigmoid", smooth_ones, (activations.Softplus,)),
    row("glu", halves, dim=1),
    *[
        Row(
            f"prelu ({count} slopes)",
            lambda x, w: F.prelu(x, w),
            slopes(count),
            reference.prelu,
            (),
            lambda t, x, w: t.nn.functional.prelu(x, w),
            batched=(0,),
        )
        for count in (1, 3)
    ],
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
    *(
        Row(
            f"bias and rectifier (slope {slope})",
            lambda x, b, slope=slope: rectified.bias_rectified(x, b, slope),
            lambda d: (d.away(4, 3, 2, 5), 0.05 * d.rng.uniform(-1, 1, 3)),
            lambda x, b, slope=slope: reference.leaky_relu(x + b[None, :, None, None], slope),
            (rectified.BiasRectified,),
            lambda t, x, b, slope=slope: t.nn.functional.leaky_relu(x + b[:, None, None], slope),
            batched=(0,),
        )
        for slope in (0.0, 0.2)
    ),
]
