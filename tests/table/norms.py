"""Rows of normalisation, and of the sums over channels below it."""

import numpy as np

import minigen
import minigen.nn.functional as F
from minigen.checks import reference
from minigen.functional import channels, norm
from table.row import Row


def normalisation(title, shape, affine, training=True, eps=1e-5):
    n_channels = shape[1]
    mean, var = np.linspace(-0.5, 0.5, n_channels), np.linspace(0.5, 2.0, n_channels)

    def call(batch_norm, make, x, *affine):
        running = make(mean, x.dtype), make(var, x.dtype)
        return batch_norm(x, *running, *affine, training=training, eps=eps)

    def ours(*xs):
        return call(F.batch_norm, lambda a, dtype: minigen.tensor(a, dtype=dtype), *xs)

    def torchs(t, *xs):
        return call(t.nn.functional.batch_norm, lambda a, dtype: t.tensor(a, dtype=dtype), *xs)

    return Row(
        f"batch_norm ({title})",
        ours,
        lambda d: (d.normal(*shape) * 1.5 + 0.5, *([d.normal(n_channels), d.normal(n_channels)] if affine else [])),
        lambda x, *affine: reference.batch_norm(x, mean, var, *affine, training=training, eps=eps),
        (norm.BatchNorm,) if training else (),
        torchs,
        batched=() if training else (0,),
    )


ROWS = [
    normalisation("N, C", (5, 3), affine=True),
    normalisation("images", (4, 2, 2, 3), affine=True),
    normalisation("images, not affine, eps", (4, 2, 3, 2), affine=False, eps=0.1),
    normalisation("evaluation", (4, 2, 2, 3), affine=True, training=False),
    *[
        Row(
            f"channel sum {shape}",
            lambda x: channels.channel_sum(x),
            lambda d, shape=shape: (d.normal(*shape),),
            lambda x: reference.added(x, x.shape[1:2], lambda *at: at[1:2]),
            (channels.ChannelSum,),
            lambda t, x: x.transpose(0, 1).flatten(1).sum(1),
        )
        for shape in ((5, 3), (2, 3, 4, 5))
    ],
]
