"""Rows of reductions, and of softmax and its relatives."""

import math

import minigen.nn.functional as F
from minigen.checks import reference
from minigen.ops import reductions
from table.row import Row


def reduction(name, f, covers, of_list, dim, keepdim=False):
    def slow(x):
        return reference.reduce(of_list, x, dim, keepdim)

    return Row(name, f, lambda d: (d.distinct(4, 3, 5),), slow, covers, lambda t, x: f(x))


ROWS = [
    reduction("sum", lambda x: x.sum(), (reductions.Sum,), math.fsum, None),
    reduction("sum (dim)", lambda x: x.sum(dim=1), (reductions.Sum,), math.fsum, 1),
    reduction(
        "sum (dims, keepdim)",
        lambda x: x.sum(dim=(0, -1), keepdim=True),
        (reductions.Sum,),
        math.fsum,
        (0, 2),
        True,
    ),
    reduction("mean", lambda x: x.mean(), (), reference.average, None),
    reduction("mean (dims)", lambda x: x.mean(dim=(0, 2)), (), reference.average, (0, 2)),
    reduction("var", lambda x: x.var(), (), reference.variance, None),
    reduction(
        "var (dims, biased)",
        lambda x: x.var(dim=(0, 2), correction=0, keepdim=True),
        (),
        lambda values: reference.variance(values, 0),
        (0, 2),
        True,
    ),
    reduction("std (dim)", lambda x: x.std(dim=-1), (), lambda v: math.sqrt(reference.variance(v)), 2),
    reduction("amax", lambda x: x.amax(dim=1), (reductions.Amax,), max, 1),
    reduction("amin", lambda x: x.amin(dim=(0, 2), keepdim=True), (reductions.Amin,), min, (0, 2), True),
    reduction("max", lambda x: x.max(), (), max, None),
    reduction("min", lambda x: x.min(), (), min, None),
    reduction("max (dim)", lambda x: x.max(dim=1).values, (), max, 1),
    reduction("min (dim)", lambda x: x.min(dim=0, keepdim=True).values, (), min, 0, True),
    Row(
        "logsumexp",
        lambda x: x.logsumexp(dim=1),
        lambda d: (d.normal(4, 3, 5),),
        lambda x: reference.logsumexp(x, 1),
        (reductions.LogSumExp,),
        lambda t, x: x.logsumexp(dim=1),
        batched=(0,),
    ),
    Row(
        "logsumexp (dims, keepdim)",
        lambda x: F.logsumexp(x, (0, 2), keepdim=True),
        lambda d: (d.normal(4, 3, 5),),
        lambda x: reference.logsumexp(x, (0, 2), keepdim=True),
        (reductions.LogSumExp,),
        lambda t, x: t.logsumexp(x, (0, 2), keepdim=True),
    ),
    *[
        Row(
            f"{name} (dim {dim})",
            lambda x, name=name, dim=dim: getattr(x, name)(dim),
            lambda d: (d.normal(3, 4, 2),),
            lambda x, name=name, dim=dim: getattr(reference, name)(x, dim),
            (cls,),
            lambda t, x, name=name, dim=dim: getattr(x, name)(dim),
            batched=(0,) if dim else (),
        )
        for name, cls in (("softmax", reductions.Softmax), ("log_softmax", reductions.LogSoftmax))
        for dim in (0, 1, -1)
    ],
]
