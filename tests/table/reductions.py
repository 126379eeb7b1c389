"""Rows of reductions, and of softmax and its relatives."""

import math

import numpy as np

import minigen
import minigen.nn.functional as F
from minigen.checks import reference
from minigen.ops import reductions
from table.row import Row


def reduction(name, f, covers, of_list, dim, keepdim=False, inputs=lambda d: (d.distinct(4, 3, 5),), torch=None):
    def slow(x):
        return reference.reduce(of_list, x, dim, keepdim)

    return Row(name, f, inputs, slow, covers, torch or (lambda t, x: f(x)))


def deviation(values):
    return math.sqrt(reference.variance(values, 2))


def root_of_squares(values):
    return math.sqrt(math.fsum(v * v for v in values))


def var_mean(t, x):
    return t.var_mean(x, 1)[0]


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
    reduction("std (dims, correction)", lambda x: x.std(dim=(0, 2), correction=2), (), deviation, (0, 2)),
    reduction("var_mean", lambda x: minigen.var_mean(x, 1)[0], (), reference.variance, 1, torch=var_mean),
    reduction("prod", lambda x: (x / 4).prod(), (), lambda v: math.prod(n / 4 for n in v), None),
    reduction("prod (dim)", lambda x: x.prod(2, keepdim=True), (), math.prod, 2, True),
    Row(
        "prod (of zeros)",
        lambda x: x.prod(dim=0),
        lambda d: (np.array([[0.0, 0.0, 1.5], [2.0, 0.0, 0.5], [-1.0, 3.0, 0.7]]),),
        lambda x: reference.reduce(math.prod, x, 0),
        (),
        lambda t, x: x.prod(dim=0),
    ),
    *[
        Row(
            f"cumsum (dim {dim})",
            lambda x, dim=dim: x.cumsum(dim),
            lambda d: (d.normal(4, 3, 5),),
            lambda x, dim=dim: reference.along(lambda v: [math.fsum(v[: i + 1]) for i in range(len(v))], x, dim),
            (reductions.CumSum,),
            lambda t, x, dim=dim: x.cumsum(dim),
            batched=(0,),
        )
        for dim in (0, 1, -1)
    ],
    *[
        Row(
            f"cumprod (dim {dim})",
            lambda x, dim=dim: x.cumprod(dim),
            lambda d: (d.normal(4, 3, 5) * [1, 1, 1, 0, 1],),  # at zeros, too
            lambda x, dim=dim: reference.along(lambda v: [math.prod(v[: i + 1]) for i in range(len(v))], x, dim),
            (),
            lambda t, x, dim=dim: x.cumprod(dim),
            batched=(0,),
        )
        for dim in (1, -1)
    ],
    *[
        reduction(
            f"norm {p}",
            lambda x, p=p: x.norm(p, dim=(0, 2)),
            covers,
            lambda v, p=p: sum(abs(n) ** p for n in v) ** (1 / p),
            (0, 2),
            inputs=lambda d: (d.away(4, 3, 5),),
        )
        for p, covers in (
            (1, ()),
            (2, (reductions.VectorNorm,)),
            (3, (reductions.VectorNorm,)),
            (0.5, (reductions.VectorNorm,)),
            (-1.5, (reductions.VectorNorm,)),
        )
    ],
    reduction("norm (fro, keepdim)", lambda x: x.norm(dim=1, keepdim=True), (), root_of_squares, 1, True),
    reduction("norm inf", lambda x: x.norm(math.inf), (), lambda v: max(map(abs, v)), None),
    reduction("norm -inf", lambda x: x.norm(-math.inf, 1), (), lambda v: min(map(abs, v)), 1),
    reduction("norm 0", lambda x: x.norm(0, 1), (), lambda v: float(sum(n != 0 for n in v)), 1),
    *[
        Row(
            f"sort (descending {descending})",
            lambda x, descending=descending: x.sort(1, descending).values,
            lambda d: (d.distinct(4, 3, 5),),
            lambda x, descending=descending: reference.along(lambda v: sorted(v, reverse=descending), x, 1),
            (),
            lambda t, x, descending=descending: x.sort(1, descending).values,
            batched=(0,),
        )
        for descending in (False, True)
    ],
    *[
        Row(
            f"topk (largest {largest})",
            lambda x, largest=largest: x.topk(2, dim=0, largest=largest).values,
            lambda d: (d.distinct(4, 3),),
            lambda x, largest=largest: np.stack([sorted(column, reverse=largest)[:2] for column in x.T], axis=1),
            (),
            lambda t, x, largest=largest: x.topk(2, dim=0, largest=largest).values,
        )
        for largest in (False, True)
    ],
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
