"""The table: ONE ROW PER FUNCTION, from which tests/test_functions.py makes all of a function's tests.

A row says how to call the function, at which inputs (random, away from kinks), what a slow reference says the value
is, how PyTorch spells it, and which Function classes of minigen it is there for.  A new Function without a row fails
the suite.  No test is written here: what holds for all functions is in test_functions.py.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import minigen
import minigen.nn.functional as F
from minigen.backend import to_device
from minigen.checks import reference
from minigen.functional import activations, channels, conv, losses, norm, pool, resample
from minigen.functional.linear import Linear
from minigen.functional.windows import Geometry
from minigen.ops import arithmetic, elementwise, indexing, matmul, reductions, shapes


class Draw:
    """Random inputs that keep away from kinks and poles; every row gets its own, from a seed."""

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)

    def normal(self, *shape):
        return self.rng.standard_normal(shape)

    def positive(self, *shape, low=0.5, high=2.0):
        return self.rng.uniform(low, high, shape)

    def away(self, *shape):
        """Of both signs, at least 0.1 away from 0."""
        return self.rng.uniform(0.1, 2.0, shape) * self.rng.choice([-1.0, 1.0], shape)

    def distinct(self, *shape):
        """All elements at least 0.1 apart, in random order: no ties, also after a small step."""
        n = math.prod(shape)
        return (self.rng.permutation(n).reshape(shape) - n / 2 + self.rng.uniform(-0.2, 0.2, shape)) * 0.25

    def labels(self, *shape, classes):
        return self.rng.integers(0, classes, shape)

    def mask(self, *shape):
        return self.rng.random(shape) < 0.5


@dataclass(frozen=True)
class Row:
    """One function and what the tests need to know about it.

    Attributes
    ----------
    name : str
        The function and, where it has several rows, what is special about this one.
    f : callable
        Tensors -> Tensor.
    inputs : callable
        Draw -> the arrays at which it is tested, float64 where they are differentiated.
    reference : callable
        Arrays -> array: the slow oracle.
    covers : tuple of Function classes
        What the row is there for; its graph must contain them.
    torch : callable or None
        (torch, torch tensors) -> torch tensor.
    batched : tuple of int
        Which inputs have the batch as first dimension; then the function must map an empty batch to an empty batch.
    broadcasts : bool
        Two inputs that may be broadcast against each other.
    """

    name: str
    f: Callable
    inputs: Callable
    reference: Callable
    covers: tuple = ()
    torch: Callable | None = None
    batched: tuple = ()
    broadcasts: bool = False

    def arrays(self, seed=0):
        return tuple(self.inputs(Draw(seed)))


# ---- arithmetic ---------------------------------------------------------------------------------------------


def binary(name, f, covers, number, inputs=lambda d: (d.normal(2, 3, 4), d.normal(2, 3, 4)), torch=None):
    def slow(a, b):
        return reference.elementwise(number, a, b)

    return Row(name, f, inputs, slow, covers, torch or (lambda t, a, b: f(a, b)), (0, 1), broadcasts=True)


def near_but_apart(d):
    a = d.normal(2, 3, 4)
    return a, a + d.away(2, 3, 4)


ARITHMETIC = [
    binary("add", lambda a, b: a + b, (arithmetic.Add,), lambda a, b: a + b),
    binary("sub", lambda a, b: a - b, (arithmetic.Sub,), lambda a, b: a - b),
    binary("mul", lambda a, b: a * b, (arithmetic.Mul,), lambda a, b: a * b),
    binary(
        "div",
        lambda a, b: a / b,
        (arithmetic.Div,),
        lambda a, b: a / b,
        lambda d: (d.normal(2, 3, 4), d.positive(2, 3, 4)),
    ),
    binary(
        "pow (tensor)",
        lambda a, b: a**b,
        (arithmetic.Pow,),
        lambda a, b: math.exp(b * math.log(a)),
        lambda d: (d.positive(2, 3, 4), d.normal(2, 3, 4)),
    ),
    binary(
        "maximum",
        minigen.maximum,
        (arithmetic.Maximum,),
        max,
        near_but_apart,
        lambda t, a, b: t.maximum(a, b),
    ),
    binary(
        "minimum",
        minigen.minimum,
        (arithmetic.Minimum,),
        min,
        near_but_apart,
        lambda t, a, b: t.minimum(a, b),
    ),
    Row(
        "where",
        lambda c, a, b: minigen.where(c, a, b),
        lambda d: (d.mask(2, 3), d.normal(2, 3), d.normal(2, 3)),
        lambda c, a, b: reference.elementwise(lambda c, a, b: a if c else b, c, a, b),
        (arithmetic.Where,),
        lambda t, c, a, b: t.where(c, a, b),
        batched=(0, 1, 2),
    ),
    Row(
        "where (broadcast)",
        lambda c, a, b: minigen.where(c, a, b),
        lambda d: (d.mask(2, 3), d.normal(3), d.normal(2, 1)),
        lambda c, a, b: reference.elementwise(lambda c, a, b: a if c else b, c, a, b),
        (arithmetic.Where,),
        lambda t, c, a, b: t.where(c, a, b),
    ),
    Row(
        "cast",
        lambda x: arithmetic.Cast.apply(x, dtype=x.dtype),
        lambda d: (d.normal(2, 3),),
        lambda x: reference.elementwise(lambda v: v, x),
        (arithmetic.Cast,),
        lambda t, x: x.to(x.dtype),
        batched=(0,),
    ),
    Row(
        "to (device)",
        lambda x: arithmetic.ToDevice.apply(x, device=x.device, move=to_device),
        lambda d: (d.normal(2, 3),),
        lambda x: reference.elementwise(lambda v: v, x),
        (arithmetic.ToDevice,),
        lambda t, x: x.to("cpu"),
        batched=(0,),
    ),
]


# ---- elementwise --------------------------------------------------------------------------------------------


def unary(name, f, covers, number, inputs=lambda d: (d.normal(2, 3, 4),), torch=None):
    def slow(x):
        return reference.elementwise(number, x)

    return Row(name, f, inputs, slow, covers, torch or (lambda t, x: f(x)), batched=(0,))


def positive(d):
    return (d.positive(2, 3, 4),)


def away(d):
    return (d.away(2, 3, 4),)


def off_integers(d):
    return (d.rng.integers(-3, 3, (2, 3, 4)) + d.rng.uniform(0.1, 0.4, (2, 3, 4)),)


ELEMENTWISE = [
    unary("neg", lambda x: -x, (arithmetic.Neg,), lambda v: -v),
    unary("pow 2", lambda x: x**2, (arithmetic.PowScalar,), lambda v: v * v),
    unary("pow 3", lambda x: x**3, (arithmetic.PowScalar,), lambda v: v * v * v),
    unary("pow -1.5", lambda x: x**-1.5, (arithmetic.PowScalar,), lambda v: 1 / (v * math.sqrt(v)), positive),
    unary("scalar - x", lambda x: 2 - x, (), lambda v: 2 - v),
    unary("scalar / x", lambda x: 2 / x, (), lambda v: 2 / v, away),
    unary("scalar ** x", lambda x: 2**x, (), lambda v: math.exp(v * math.log(2))),
    unary("exp", lambda x: x.exp(), (elementwise.Exp,), math.exp),
    unary("expm1", lambda x: x.expm1(), (elementwise.Expm1,), lambda v: math.exp(v) - 1),
    unary("log", lambda x: x.log(), (elementwise.Log,), math.log, positive),
    unary("log1p", lambda x: x.log1p(), (elementwise.Log1p,), lambda v: math.log(1 + v), positive),
    unary("sqrt", lambda x: x.sqrt(), (elementwise.Sqrt,), math.sqrt, positive),
    unary("abs", lambda x: x.abs(), (elementwise.Abs,), lambda v: v if v > 0 else -v, away),
    unary("sign", lambda x: x.sign(), (elementwise.Step,), lambda v: math.copysign(1, v), away),
    unary("floor", lambda x: x.floor(), (elementwise.Step,), math.floor, off_integers),
    unary(
        "clamp",
        lambda x: x.clamp(-0.5, 0.55),
        (elementwise.Clamp,),
        lambda v: min(max(v, -0.5), 0.55),
        lambda d: (d.distinct(4, 6) / 2,),
    ),
    unary(
        "clamp (one bound)",
        lambda x: x.clamp(min=0.05),
        (elementwise.Clamp,),
        lambda v: max(v, 0.05),
        away,
    ),
    unary(
        "tanh",
        lambda x: x.tanh(),
        (elementwise.Tanh,),
        lambda v: math.sinh(v) / math.cosh(v),
    ),
    unary("sigmoid", lambda x: x.sigmoid(), (elementwise.Sigmoid,), lambda v: 1 / (1 + math.exp(-v))),
    unary("relu", lambda x: x.relu(), (elementwise.Relu,), lambda v: max(v, 0.0), away),
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


# ---- reductions ---------------------------------------------------------------------------------------------


def reduction(name, f, covers, of_list, dim, keepdim=False):
    def slow(x):
        return reference.reduce(of_list, x, dim, keepdim)

    return Row(name, f, lambda d: (d.distinct(4, 3, 5),), slow, covers, lambda t, x: f(x))


REDUCTIONS = [
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


# ---- shapes and indices ---------------------------------------------------------------------------------------


def moving(name, f, covers, shape, source, inputs=lambda d: (d.normal(3, 4),), torch=None, batched=()):
    def slow(*xs):
        return reference.moved(*xs[:1], shape, source)

    return Row(name, f, inputs, slow, covers, torch or (lambda t, *xs: f(*xs)), batched)


def picked(index):
    """The index as integers for `GetItem`: every place of every axis, spelt out."""
    return lambda *at: tuple(int(i[at]) for i in index)


PICK_ROWS = np.array([2, 0, 2, 2])
PICK_BOTH = (np.array([[0, 1], [2, 2]]), np.array([[3, 3], [0, 0]]))
GATHER = np.array([[0, 2, 1, 0], [2, 2, 0, 1]])


def joined(dim):
    def slow(*xs):
        shape = list(xs[0].shape)
        shape[dim] = sum(x.shape[dim] for x in xs)
        result, start = np.zeros(shape), 0
        for x in xs:
            for index in np.ndindex(*x.shape):
                target = list(index)
                target[dim] += start
                result[tuple(target)] = float(x[index])
            start += x.shape[dim]
        return result

    return slow


SHAPES = [
    moving(
        "reshape",
        lambda x: x.reshape(2, -1),
        (shapes.Reshape,),
        (2, 6),
        lambda i, j: divmod(6 * i + j, 4),
    ),
    moving("flatten", lambda x: x.flatten(), (), (12,), lambda i: divmod(i, 4)),
    moving(
        "squeeze, unsqueeze",
        lambda x: x.unsqueeze(1).squeeze(1).unsqueeze(-1),
        (),
        (3, 4, 1),
        lambda i, j, _: (i, j),
        batched=(0,),
    ),
    moving("transpose", lambda x: x.transpose(0, 1), (shapes.Permute,), (4, 3), lambda i, j: (j, i)),
    moving(
        "permute",
        lambda x: x.permute(2, 0, 1),
        (shapes.Permute,),
        (4, 2, 3),
        lambda i, j, k: (j, k, i),
        lambda d: (d.normal(2, 3, 4),),
    ),
    moving(
        "expand",
        lambda x: x.expand(2, 3, 4),
        (shapes.BroadcastTo,),
        (2, 3, 4),
        lambda i, j, k: (j, 0),
        lambda d: (d.normal(3, 1),),
    ),
    Row(
        "sum_to_size",
        lambda x: x.sum_to_size((3, 1)),
        lambda d: (d.normal(2, 3, 4),),
        lambda x: reference.added(x, (3, 1), lambda i, j, k: (j, 0)),
        (shapes.SumTo,),
        lambda t, x: x.sum_to_size(3, 1),
    ),
    Row(
        "cat",
        lambda a, b, c: minigen.cat([a, b, c], dim=1),
        lambda d: (d.normal(2, 3), d.normal(2, 1), d.normal(2, 2)),
        joined(1),
        (shapes.Cat,),
        lambda t, a, b, c: t.cat([a, b, c], dim=1),
        batched=(0, 1, 2),
    ),
    Row(
        "stack",
        lambda a, b: minigen.stack([a, b], dim=1),
        lambda d: (d.normal(3, 4), d.normal(3, 4)),
        lambda a, b: joined(1)(a[:, None], b[:, None]),
        (),
        lambda t, a, b: t.stack([a, b], dim=1),
        batched=(0, 1),
    ),
    Row(
        "clone",
        lambda x: x.clone(),
        lambda d: (d.normal(2, 3),),
        lambda x: reference.elementwise(lambda v: v, x),
        (shapes.Clone,),
        lambda t, x: x.clone(),
        batched=(0,),
    ),
    moving("split", lambda x: x.split(3, dim=1)[1], (), (3, 1), lambda i, j: (i, 3 + j), batched=(0,)),
    moving("chunk", lambda x: x.chunk(2, dim=1)[1], (), (3, 2), lambda i, j: (i, 2 + j), batched=(0,)),
    moving("slice", lambda x: x[:, 1:4:2], (indexing.GetItem,), (3, 2), lambda i, j: (i, 1 + 2 * j), batched=(0,)),
    moving("reversed newaxis", lambda x: x[..., None, 1], (), (3, 1), lambda i, _: (i, 1)),
    moving(
        "index (repeated rows)",
        lambda x: x[minigen.tensor(PICK_ROWS)],
        (indexing.GetItem,),
        (4, 4),
        lambda i, j: (PICK_ROWS[i], j),
        torch=lambda t, x: x[t.tensor(PICK_ROWS)],
    ),
    moving(
        "index (repeated places)",
        lambda x: x[PICK_BOTH],
        (indexing.GetItem,),
        (2, 2),
        picked(PICK_BOTH),
    ),
    moving(
        "index (mask)",
        lambda x: x[minigen.tensor(np.eye(3, 4, dtype=bool))],
        (indexing.GetItem,),
        (3,),
        lambda i: (i, i),
        torch=lambda t, x: x[t.eye(3, 4).bool()],
    ),
    Row(
        "putitem (slice)",
        lambda y: indexing.PutItem.apply(y, index=(slice(None), slice(1, 4, 2)), shape=(3, 5)),
        lambda d: (d.normal(3, 2),),
        lambda y: reference.added(y, (3, 5), lambda i, j: (i, 1 + 2 * j)),
        (indexing.PutItem,),
        lambda t, y: t.zeros(3, 5, dtype=y.dtype).index_add(1, t.tensor([1, 3]), y),
    ),
    Row(
        "putitem (repeated rows)",
        lambda y: indexing.PutItem.apply(y, index=(PICK_ROWS,), shape=(3, 2)),
        lambda d: (d.normal(4, 2),),
        lambda y: reference.added(y, (3, 2), lambda i, j: (PICK_ROWS[i], j)),
        (indexing.PutItem,),
        lambda t, y: t.zeros(3, 2, dtype=y.dtype).index_add(0, t.tensor(PICK_ROWS), y),
    ),
    moving(
        "gather",
        lambda x: x.gather(0, minigen.tensor(GATHER)),
        (indexing.Gather,),
        (2, 4),
        lambda i, j: (GATHER[i, j], j),
        torch=lambda t, x: x.gather(0, t.tensor(GATHER)),
    ),
    Row(
        "scatter_add",
        lambda y: indexing.ScatterAdd.apply(y, dim=0, index=GATHER, shape=(3, 4)),
        lambda d: (d.normal(2, 4),),
        lambda y: reference.added(y, (3, 4), lambda i, j: (GATHER[i, j], j)),
        (indexing.ScatterAdd,),
        lambda t, y: t.zeros(3, 4, dtype=y.dtype).scatter_add(0, t.tensor(GATHER), y),
    ),
]


# ---- products -----------------------------------------------------------------------------------------------


def product(name, shape_a, shape_b, batched=()):
    return Row(
        f"matmul {name}",
        lambda a, b: a @ b,
        lambda d: (d.normal(*shape_a), d.normal(*shape_b)),
        reference.matmul,
        (matmul.MatMul,),
        lambda t, a, b: a @ b,
        batched,
    )


PRODUCTS = [
    product("(2-d)", (3, 4), (4, 2), batched=(0,)),
    product("(vector, vector)", (4,), (4,)),
    product("(matrix, vector)", (3, 4), (4,), batched=(0,)),
    product("(vector, stack)", (4,), (2, 4, 3)),
    product("(stack, vector)", (2, 3, 4), (4,), batched=(0,)),
    product("(stack, stack)", (2, 3, 4), (2, 4, 5), batched=(0, 1)),
    product("(broadcast stacks)", (2, 1, 3, 4), (3, 4, 2)),
    *[
        Row(
            name,
            lambda *xs: F.linear(*xs),
            lambda d, shape=shape, bias=bias: (d.normal(*shape), d.normal(5, 3), *([d.normal(5)] if bias else [])),
            reference.linear,
            (Linear,),
            lambda t, *xs: t.nn.functional.linear(*xs),
            batched=(0,),
        )
        for name, shape, bias in (
            ("linear", (4, 3), True),
            ("linear (no bias)", (4, 3), False),
            ("linear (N, L, I)", (2, 4, 3), True),
        )
    ],
]


# ---- losses -------------------------------------------------------------------------------------------------


def loss(name, inputs, covers=(), batched=(0, 1), reductions=("mean", "sum", "none"), title="", **options):
    """Rows of one loss for each reduction; only "none" keeps the batch."""
    arrays = {key: value for key, value in options.items() if isinstance(value, np.ndarray)}

    def call(module, make, xs, reduction):
        made = {key: make(value, xs[0].dtype) for key, value in arrays.items()}
        return getattr(module, name)(*xs, reduction=reduction, **(options | made))

    return [
        Row(
            f"{name} ({reduction}{title})",
            lambda *xs, r=reduction: call(F, lambda a, dtype: minigen.tensor(a, dtype=dtype), xs, r),
            inputs,
            lambda *xs, r=reduction: getattr(reference, name)(*xs, reduction=r, **options),
            covers,
            lambda t, *xs, r=reduction: call(t.nn.functional, lambda a, dtype: t.tensor(a, dtype=dtype), xs, r),
            batched=batched if reduction == "none" else (),
        )
        for reduction in reductions
    ]


CLASS_WEIGHTS = np.array([0.5, 2.0, 1.0])


def labelled(*shape, classes=3, ignored=False):
    """Scores (N, classes, ...) and labels (N, ...); with `ignored` the first label does not count."""

    def inputs(d):
        labels = d.labels(*shape, classes=classes)
        if ignored:
            labels.flat[0] = -100
        return d.normal(shape[0], classes, *shape[1:]), labels

    return inputs


LOSSES = [
    *loss("mse_loss", lambda d: (d.normal(4, 3), d.normal(4, 3))),
    *loss("l1_loss", near_but_apart),
    *loss(
        "binary_cross_entropy",
        lambda d: (d.positive(4, 3, low=0.2, high=0.8), d.positive(4, 3, low=0.1, high=0.9)),
        (losses.BinaryCrossEntropy,),
    ),
    *loss(
        "binary_cross_entropy_with_logits",
        lambda d: (d.normal(4, 3), d.positive(4, 3, low=0.1, high=0.9)),
        (losses.BinaryCrossEntropyWithLogits,),
    ),
    *loss(
        "binary_cross_entropy_with_logits",
        lambda d: (d.normal(4, 3), d.positive(4, 3, low=0.1, high=0.9)),
        (losses.BinaryCrossEntropyWithLogits,),
        reductions=("mean",),
        title=", pos_weight",
        pos_weight=CLASS_WEIGHTS,
    ),
    *[
        row
        for name in ("nll_loss", "cross_entropy")
        for row in (
            *loss(name, labelled(5)),
            *loss(name, labelled(2, 2, 3), reductions=("mean", "none"), title=", images"),
            *loss(
                name,
                labelled(5, ignored=True),
                reductions=("mean", "sum"),
                title=", weight, ignored",
                weight=CLASS_WEIGHTS,
            ),
        )
    ],
    *loss(
        "cross_entropy",
        labelled(5),
        reductions=("mean", "none"),
        title=", smoothed, weight",
        weight=CLASS_WEIGHTS,
        label_smoothing=0.2,
    ),
    Row(
        "gaussian_kl",
        F.gaussian_kl,
        lambda d: (d.normal(4, 3), d.normal(4, 3)),
        reference.gaussian_kl,
        (),
        lambda t, mu, logvar: (mu**2 + logvar.exp() - 1 - logvar).sum() / (2 * len(mu)),
    ),
]


# ---- convolution ----------------------------------------------------------------------------------------------


def convolution(title, x, w, bias=True, **options):
    """Rows of the three of the family; x and w are shapes, no two of their sizes equal where it can be helped."""
    torch_weight = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1} | options

    def y_shape():
        return reference.conv2d(np.zeros(x), np.zeros(w), **options).shape

    forward = Row(
        f"conv2d ({title})",
        lambda *xs: F.conv2d(*xs, **options),
        lambda d: (d.normal(*x), d.normal(*w), *([d.normal(w[0])] if bias else [])),
        lambda *xs: reference.conv2d(*xs, **options),
        (conv.Conv2d,),
        lambda t, *xs: t.nn.functional.conv2d(*xs, **options),
        batched=(0,),
    )
    weight = Row(
        f"conv2d_weight ({title})",
        lambda x, y: F.conv2d_weight(x, w, y, **options),
        lambda d: (d.normal(*x), d.normal(*y_shape())),
        lambda x, y: reference.conv2d_weight(x, y, w[2:], **options),
        (conv.Conv2dWeight,),
        lambda t, x, y: t.nn.grad.conv2d_weight(x, w, y, **torch_weight),
    )
    return [forward, weight]


def transposed(title, y, w, bias=True, **options):
    return Row(
        f"conv_transpose2d ({title})",
        lambda *xs: F.conv_transpose2d(*xs, **options),
        lambda d: (d.normal(*y), d.normal(*w), *([d.normal(w[1] * options.get("groups", 1))] if bias else [])),
        lambda *xs: reference.conv_transpose2d(*xs, **options),
        (conv.ConvTranspose2d,),
        lambda t, *xs: t.nn.functional.conv_transpose2d(*xs, **options),
        batched=(0,),
    )


CONVOLUTION = [
    *convolution("plain", (2, 3, 4, 5), (2, 3, 3, 2)),
    *convolution("stride, padding", (2, 2, 6, 5), (3, 2, 4, 3), stride=(2, 1), padding=(1, 2)),
    *convolution("4x4, stride 2, padding 1", (2, 1, 6, 8), (2, 1, 4, 4), bias=False, stride=2, padding=1),
    *convolution("dilation", (2, 1, 6, 7), (2, 1, 2, 3), dilation=(3, 2), padding=1),
    *convolution("groups", (2, 4, 4, 3), (6, 2, 2, 2), groups=2, stride=(1, 2), padding=(0, 1)),
    *convolution("depthwise", (2, 3, 4, 5), (3, 1, 3, 3), groups=3, padding=1),
    *convolution("1x1, stride 2", (2, 3, 5, 4), (2, 3, 1, 1), stride=2),
    *convolution("stride above kernel", (2, 1, 7, 8), (2, 1, 2, 1), stride=(3, 2)),
    transposed("plain", (2, 3, 3, 4), (3, 2, 3, 2)),
    transposed("4x4, stride 2, padding 1", (2, 3, 3, 4), (3, 1, 4, 4), bias=False, stride=2, padding=1),
    transposed("output padding", (2, 2, 3, 2), (2, 3, 3, 2), stride=(3, 2), padding=(1, 0), output_padding=(2, 1)),
    transposed("dilation", (2, 1, 3, 2), (1, 2, 2, 3), dilation=(3, 2), padding=1),
    transposed("groups", (2, 4, 3, 2), (4, 2, 2, 3), groups=2, stride=2),
    transposed("from 1x1", (2, 3, 1, 1), (3, 2, 4, 3)),
]


# ---- pooling, resampling, normalisation, noise ------------------------------------------------------------------


def pooling(name, covers, title, shape, **options):
    return Row(
        f"{name} ({title})",
        lambda x: getattr(F, name)(x, **options),
        lambda d: (d.distinct(*shape),),
        lambda x: getattr(reference, name)(x, **options),
        covers,
        lambda t, x: getattr(t.nn.functional, name)(x, **options),
        batched=(0,),
    )


POOLING = [
    pooling("max_pool2d", (pool.MaxPool2d,), "2x2", (2, 3, 4, 6), kernel_size=2),
    pooling("max_pool2d", (pool.MaxPool2d,), "2x2, odd sizes", (2, 1, 5, 7), kernel_size=2),
    pooling(
        "max_pool2d",
        (pool.MaxPool2d,),
        "overlapping, padding",
        (2, 2, 5, 6),
        kernel_size=(3, 2),
        stride=(2, 1),
        padding=(1, 1),
    ),
    pooling(
        "max_pool2d",
        (pool.MaxPool2d,),
        "dilation, ceil",
        (2, 1, 6, 7),
        kernel_size=2,
        stride=(2, 3),
        dilation=(2, 3),
        ceil_mode=True,
    ),
    pooling("avg_pool2d", (pool.AvgPool2d,), "2x2", (2, 3, 4, 6), kernel_size=2),
    pooling(
        "avg_pool2d",
        (pool.AvgPool2d,),
        "overlapping, padding",
        (2, 2, 5, 6),
        kernel_size=(3, 2),
        stride=(2, 1),
        padding=(1, 1),
    ),
    pooling(
        "avg_pool2d",
        (pool.AvgPool2d,),
        "padding not counted, ceil",
        (2, 1, 6, 5),
        kernel_size=3,
        stride=2,
        padding=1,
        ceil_mode=True,
        count_include_pad=False,
    ),
    *[
        Row(
            f"interpolate nearest {factor}",
            lambda x, factor=factor: F.interpolate(x, scale_factor=factor, mode="nearest"),
            lambda d: (d.normal(2, 2, 3, 2),),
            lambda x, factor=factor: reference.upsample_nearest(x, factor),
            (resample.UpsampleNearest,),
            lambda t, x, factor=factor: t.nn.functional.interpolate(x, scale_factor=factor, mode="nearest"),
            batched=(0,),
        )
        for factor in (2, (3, 1))
    ],
    Row(
        "interpolate nearest, to a size",
        lambda x: F.interpolate(x, size=(7, 2), mode="nearest"),
        lambda d: (d.normal(2, 2, 3, 4),),
        lambda x: reference.moved(x, (2, 2, 7, 2), lambda n, c, i, j: (n, c, i * 3 // 7, j * 4 // 2)),
        (resample.UpsampleNearest,),
        lambda t, x: t.nn.functional.interpolate(x, size=(7, 2), mode="nearest"),
        batched=(0,),
    ),
]


# ---- the adjoints of pooling and upsampling ---------------------------------------------------------------------

# Windows of 3 x 2 pixels, two rows and one column apart, over images of 5 x 4 with a row of padding above and below.
KERNEL, IMAGE, SIZE, WINDOWS = (3, 2), (5, 4), (3, 3), Geometry((2, 1), (1, 0), (1, 1))
POOLED, POOLED_IMAGE = (2, 2, *SIZE), (2, 2, *IMAGE)
POOL_OPTIONS = {"kernel": KERNEL, "size": SIZE, "image": IMAGE, "geometry": WINDOWS}


def pixel(n, c, i, j, tap):
    """The place in the image that tap number `tap` of the window (i, j) looks at."""
    return n, c, 2 * i - 1 + tap // 2, j + tap % 2


def inside(n, c, row, column):
    return 0 <= row < IMAGE[0] and 0 <= column < IMAGE[1]


def some_taps():
    """A random tap for every window, inside the image: (N, OH, OW, C), channels last as `where` is kept."""
    chosen = np.zeros((2, *SIZE, 2), int)
    for n, i, j, c in np.ndindex(*chosen.shape):
        chosen[n, i, j, c] = Draw(i + j).rng.choice([t for t in range(6) if inside(*pixel(n, c, i, j, t))])
    return chosen


TAPS = some_taps()


def spread_evenly(y):
    result = np.zeros(POOLED_IMAGE)
    for (n, c, i, j), value in np.ndenumerate(y):
        for place in (pixel(n, c, i, j, tap) for tap in range(6)):
            if inside(*place):
                result[place] += float(value) * 0.25
    return result


ROW_COPIES, COLUMN_COPIES = np.array([0, 0, 1, 3, 3, 3]), np.array([0, 1, 1])

ADJOINTS = [
    Row(
        "take at maxima",
        lambda x: pool.TakeAtMaxima.apply(x, where=TAPS, **POOL_OPTIONS),
        lambda d: (d.normal(*POOLED_IMAGE),),
        lambda x: reference.moved(x, POOLED, lambda n, c, i, j: pixel(n, c, i, j, TAPS[n, i, j, c])),
        (pool.TakeAtMaxima,),
    ),
    Row(
        "put at maxima",
        lambda y: pool.PutAtMaxima.apply(y, where=TAPS, **POOL_OPTIONS),
        lambda d: (d.normal(*POOLED),),
        lambda y: reference.added(y, POOLED_IMAGE, lambda n, c, i, j: pixel(n, c, i, j, TAPS[n, i, j, c])),
        (pool.PutAtMaxima,),
    ),
    Row(
        "avg unpool",
        lambda y: pool.AvgUnpool2d.apply(y, scale=0.25, **POOL_OPTIONS),
        lambda d: (d.normal(*POOLED),),
        spread_evenly,
        (pool.AvgUnpool2d,),
    ),
    Row(
        "upsample nearest, adjoint",
        lambda y: resample.UpsampleNearestAdjoint.apply(y, image=(4, 2), sources=(ROW_COPIES, COLUMN_COPIES)),
        lambda d: (d.normal(2, 3, 6, 3),),
        lambda y: reference.added(y, (2, 3, 4, 2), lambda n, c, i, j: (n, c, ROW_COPIES[i], COLUMN_COPIES[j])),
        (resample.UpsampleNearestAdjoint,),
    ),
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


def mask_of_dropout(p):
    """The factors that dropout draws from the seed 0: what it makes of ones."""

    def slow(x):
        minigen.manual_seed(0)
        factors = F.dropout(minigen.ones(x.shape, dtype=minigen.float64), p).tolist()
        kept = 1 / (1 - p)
        assert {round(v, 9) for v in np.ravel(factors)} == {0.0, round(kept, 9)}
        return reference.elementwise(lambda v, m: v * kept if m > 0 else 0.0, x, factors)

    return slow


NORMALISATION = [
    normalisation("N, C", (5, 3), affine=True),
    normalisation("images", (4, 2, 2, 3), affine=True),
    normalisation("images, not affine, eps", (4, 2, 3, 2), affine=False, eps=0.1),
    normalisation("evaluation", (4, 2, 2, 3), affine=True, training=False),
    Row(
        "dropout",
        lambda x: F.dropout(x, 0.3),
        lambda d: (d.normal(4, 5),),
        mask_of_dropout(0.3),
        batched=(0,),
    ),
]

ROWS = [
    *ARITHMETIC,
    *ELEMENTWISE,
    *REDUCTIONS,
    *SHAPES,
    *PRODUCTS,
    *LOSSES,
    *CONVOLUTION,
    *POOLING,
    *ADJOINTS,
    *NORMALISATION,
]
