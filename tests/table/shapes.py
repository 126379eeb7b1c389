"""Rows of functions that move elements: shapes, indices, joining."""

import operator

import numpy as np

import minigen
import minigen.nn.functional as F
from minigen.checks import reference
from minigen.ops import arithmetic, indexing, shapes
from table.row import Row


def moving(name, f, covers, shape, source, inputs=lambda d: (d.normal(3, 4),), torch=None, batched=()):
    def slow(*xs):
        return reference.moved(xs[0], (len(xs[0]), *shape[1:]) if batched else shape, source)

    return Row(name, f, inputs, slow, covers, torch or (lambda t, *xs: f(*xs)), batched)


def picked(index):
    """The index as integers for `GetItem`: every place of every axis, spelt out."""
    return lambda *at: tuple(int(i[at]) for i in index)


PICK_ROWS = np.array([2, 0, 2, 2])
PICK_BOTH = (np.array([[0, 1], [2, 2]]), np.array([[3, 3], [0, 0]]))
GATHER = np.array([[0, 2, 1, 0], [2, 2, 0, 1]])


SCATTER = np.array([[3, 0, 1], [2, 1, 3]])


def written(x, y, target):
    result = x.copy()
    for index in np.ndindex(*y.shape):
        result[target(*index)] = float(y[index])
    return result


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


ROWS = [
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
    moving("narrow", lambda x: x.narrow(1, -3, 2), (), (3, 2), lambda i, j: (i, 1 + j), batched=(0,)),
    moving("tile", lambda x: x.tile(2), (), (3, 8), lambda i, j: (i, j % 4), batched=(0,)),
    moving("roll", lambda x: x.roll((1, -3), (0, 1)), (), (3, 4), lambda i, j: ((i - 1) % 3, (j + 3) % 4)),
    moving("roll (flat)", lambda x: x.roll(5), (), (3, 4), lambda i, j: divmod((4 * i + j - 5) % 12, 4)),
    moving("movedim", lambda x: x.unsqueeze(2).movedim((0, 1), (1, -1)), (), (1, 3, 4), lambda _, i, j: (i, j)),
    moving("repeat_interleave", lambda x: x.repeat_interleave(2, 1), (), (3, 8), lambda i, j: (i, j // 2)),
    moving(
        "repeat_interleave (tensor)",
        lambda x: x.repeat_interleave(minigen.tensor([2, 0, 1]), 0),
        (),
        (3, 4),
        lambda i, j: ((0, 0, 2)[i], j),
        torch=lambda t, x: x.repeat_interleave(t.tensor([2, 0, 1]), 0),
    ),
    moving(
        "one_hot (times a matrix)",
        lambda x: F.one_hot(minigen.tensor(PICK_ROWS, device=x.device), 3).to(x.dtype) @ x,
        (),
        (4, 4),
        lambda i, j: (PICK_ROWS[i], j),
        torch=lambda t, x: t.nn.functional.one_hot(t.tensor(PICK_ROWS), 3).to(x.dtype) @ x,
    ),
    moving("diagonal", lambda x: x.diagonal(1), (), (3,), lambda i: (i, i + 1)),
    moving(
        "diagonal (dims)",
        lambda x: x.diagonal(-1, 2, 0),
        (),
        (3, 3),
        lambda j, i: (i, j, i + 1),
        lambda d: (d.normal(3, 3, 4),),
    ),
    *[
        Row(
            f"{name} ({shift})",
            lambda x, name=name, shift=shift: getattr(x, name)(shift),
            lambda d: (d.normal(2, 3, 4),),
            lambda x, keep=keep, shift=shift: reference.moved(
                np.concatenate([x, 0 * x]), x.shape, lambda b, i, j: (b if keep(j - i, shift) else len(x) + b, i, j)
            ),
            (),
            lambda t, x, name=name, shift=shift: getattr(x, name)(shift),
        )
        for name, keep in (("tril", operator.le), ("triu", operator.ge))
        for shift in (0, 2, -1)
    ],
    Row(
        "diag_embed",
        lambda x: x.diag_embed(-1),
        lambda d: (d.normal(2, 3),),
        lambda x: reference.added(x, (len(x), 4, 4), lambda b, i: (b, i + 1, i)),
        (indexing.PutItem,),
        lambda t, x: x.diag_embed(-1),
    ),
    Row(
        "diag",
        lambda x: minigen.diag(x, 2),
        lambda d: (d.normal(3),),
        lambda x: reference.added(x, (5, 5), lambda i: (i, i + 2)),
        (),
        lambda t, x: t.diag(x, 2),
    ),
    Row(
        "meshgrid",
        lambda a, b: minigen.meshgrid(a, b, indexing="xy")[1],
        lambda d: (d.normal(2), d.normal(3)),
        lambda a, b: reference.moved(b, (3, 2), lambda i, j: (i,)),
        (),
        lambda t, a, b: t.meshgrid(a, b, indexing="xy")[1],
    ),
    Row(
        "hstack, vstack",
        lambda a, b: minigen.vstack([minigen.hstack([a, a]), b]),
        lambda d: (d.normal(3), d.normal(2, 6)),
        lambda a, b: joined(0)(joined(1)(a[None], a[None]), b),
        (),
        lambda t, a, b: t.vstack([t.hstack([a, a]), b]),
    ),
    moving(
        "index_select",
        lambda x: x.index_select(1, minigen.tensor([3, 0, 3])),
        (),
        (3, 3),
        lambda i, j: (i, (3, 0, 3)[j]),
        torch=lambda t, x: x.index_select(1, t.tensor([3, 0, 3])),
        batched=(0,),
    ),
    moving(
        "take_along_dim",
        lambda x: x.take_along_dim(minigen.tensor([[2], [0]]), 0),
        (),
        (2, 4),
        lambda i, j: ((2, 0)[i], j),
        torch=lambda t, x: x.take_along_dim(t.tensor([[2], [0]]), 0),
    ),
    moving(
        "masked_select",
        lambda x: x.masked_select(minigen.tensor([True, False, False, True])),
        (),
        (6,),
        lambda i: (i // 2, 3 * (i % 2)),
        torch=lambda t, x: x.masked_select(t.tensor([True, False, False, True])),
    ),
    Row(
        "index_add",
        lambda x, y: x.index_add(0, minigen.tensor(PICK_ROWS), y, alpha=-2),
        lambda d: (d.normal(3, 2), d.normal(4, 2)),
        lambda x, y: x - 2 * reference.added(y, (3, 2), lambda i, j: (PICK_ROWS[i], j)),
        (indexing.PutItem,),
        lambda t, x, y: x.index_add(0, t.tensor(PICK_ROWS), y, alpha=-2),
    ),
    Row(
        "masked_fill",
        lambda m, x, v: x.masked_fill(m, v),
        lambda d: (d.mask(3, 1), d.normal(3, 4), d.normal()),
        lambda m, x, v: reference.elementwise(lambda m, x, v: v if m else x, m, x, v),
        (arithmetic.Where,),
        lambda t, m, x, v: x.masked_fill(m, v),
        batched=(0, 1),
    ),
    Row(
        "scatter",
        lambda x, y: x.scatter(1, minigen.tensor(SCATTER), y),
        lambda d: (d.normal(3, 4), d.normal(2, 3)),
        lambda x, y: written(x, y, lambda i, j: (i, SCATTER[i, j])),
        (arithmetic.Where,),
        lambda t, x, y: x.scatter(1, t.tensor(SCATTER), y),
    ),
    Row(
        "scatter_add (onto a tensor)",
        lambda x, y: x.scatter_add(0, minigen.tensor(GATHER), y),
        lambda d: (d.normal(3, 4), d.normal(2, 4)),
        lambda x, y: x + reference.added(y, (3, 4), lambda i, j: (GATHER[i, j], j)),
        (indexing.ScatterAdd,),
        lambda t, x, y: x.scatter_add(0, t.tensor(GATHER), y),
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
