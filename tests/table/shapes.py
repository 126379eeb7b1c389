"""Rows of functions that move elements: shapes, indices, joining."""

import numpy as np

import minigen
from minigen.checks import reference
from minigen.ops import indexing, shapes
from table.row import Row


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
