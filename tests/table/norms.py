"""Rows of normalisation, and of the sums over channels below it."""

import numpy as np

import minigen
import minigen.nn.functional as F
from minigen.checks import reference
from minigen.functional import channels, norm, rescale, samplenorm
from table.row import Row


def normalisation(title, shape, affine, training=True, eps=1e-5):
    n_channels = shape[1]
    mean, var = np.linspace(-0.5, 0.5, n_channels), np.linspace(0.5, 2.0, n_channels)

    def call(batch_norm, make, x, *affine):
        running = (make(statistic, dtype=x.dtype, device=x.device) for statistic in (mean, var))
        return batch_norm(x, *running, *affine, training=training, eps=eps)

    def ours(*xs):
        return call(F.batch_norm, minigen.tensor, *xs)

    def torchs(t, *xs):
        return call(t.nn.functional.batch_norm, t.tensor, *xs)

    return Row(
        f"batch_norm ({title})",
        ours,
        lambda d: (d.normal(*shape) * 1.5 + 0.5, *([d.normal(n_channels), d.normal(n_channels)] if affine else [])),
        lambda x, *affine: reference.batch_norm(x, mean, var, *affine, training=training, eps=eps),
        (norm.BatchNorm,) if training else (),
        torchs,
        batched=() if training else (0,),
    )


def with_affine(name, shape, affine_shape, *options, title=None, covers=(samplenorm.Standardise,), **keywords):
    """A row of a function (x, *options, weight, bias), which has one name here, in PyTorch and in the references."""

    def call(f):
        return lambda x, *affine: f(x, *options, **dict(zip(("weight", "bias"), affine, strict=False)), **keywords)

    shapes = [affine_shape] * (0 if affine_shape is None else 1 if name == "rms_norm" else 2)
    return Row(
        f"{name} ({title or shape})",
        call(getattr(F, name)),
        lambda d: (d.normal(*shape) * 1.5 + 0.5, *(d.normal(*s) for s in shapes)),
        call(getattr(reference, name)),
        covers,
        lambda t, x, *affine: call(getattr(t.nn.functional, name))(x, *affine),
        batched=(0,),
    )


def torch_adain(t, content, style):
    mean, var = style.mean((2, 3), keepdim=True), style.var((2, 3), correction=0, keepdim=True)
    return t.nn.functional.instance_norm(content) * (var + 1e-5).sqrt() + mean


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
    with_affine("layer_norm", (4, 3, 5), (5,), (5,)),
    with_affine("layer_norm", (3, 2, 4, 3), (2, 4, 3), (2, 4, 3), eps=0.1, title="images, eps"),
    with_affine("layer_norm", (4, 3, 2), None, (3, 2), title="not affine"),
    with_affine("group_norm", (4, 6, 2, 3), (6,), 3, title="images"),
    with_affine("group_norm", (5, 4), (4,), 2, eps=0.1, title="N, C, eps"),
    with_affine("instance_norm", (4, 3, 2, 3), (3,), title="images"),
    with_affine("instance_norm", (4, 2, 5), None, eps=0.1, title="N, C, L, not affine, eps"),
    with_affine("rms_norm", (4, 3, 5), (5,), (5,), covers=()),
    with_affine("rms_norm", (4, 2, 3), None, (2, 3), eps=0.1, title="not affine, eps", covers=()),
    Row(
        "inverse deviation",
        lambda x: samplenorm.InverseDeviation.apply(x, dim=(1, 3), eps=0.1),
        lambda d: (d.normal(4, 3, 2, 5) * 1.5 + 0.5,),
        lambda x: reference.reduce(lambda v: (reference.variance(v, 0) + 0.1) ** -0.5, x, (1, 3), keepdim=True),
        (samplenorm.InverseDeviation,),
        lambda t, x: (x.var((1, 3), correction=0, keepdim=True) + 0.1).rsqrt(),
        batched=(0,),
    ),
    Row(
        "adaptive_instance_norm",
        lambda x, style: F.adaptive_instance_norm(x, style),
        lambda d: (d.normal(4, 2, 3, 2) * 1.5 + 0.5, d.normal(4, 2, 2, 4) * 0.7 - 1),
        lambda x, style: reference.adaptive_instance_norm(x, style),
        (samplenorm.Standardise,),
        torch_adain,
        batched=(0, 1),
    ),
    *[
        with_affine(
            "local_response_norm",
            (4, 5, 2, 3),
            None,
            size,
            0.5,
            0.6,
            1.2,
            title=f"size {size}",
            covers=(rescale.ChannelWindowSum,),
        )
        for size in (1, 2, 3, 12)
    ],
    *[
        Row(
            f"normalize (p={p}, dim={dim})",
            lambda x, p=p, dim=dim: F.normalize(x, p, dim),
            lambda d: (d.away(3, 4, 2) + np.arange(4).reshape(4, 1) * 0.01,),  # no two of equal size
            lambda x, p=p, dim=dim: reference.normalize(x, p, dim),
            torch=lambda t, x, p=p, dim=dim: t.nn.functional.normalize(x, p, dim),
            batched=(0,) if dim else (),
        )
        for p, dim in ((2.0, 1), (1.0, -1), (3.0, 0), (float("inf"), 1), (0.5, 1))
    ],
]
