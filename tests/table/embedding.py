"""Rows of `minigen/functional/embedding.py`."""

import minigen.nn.functional as F
from minigen.checks import reference
from minigen.ops import indexing
from table.row import Row


def look_up(numbers, weight):
    """Row by row, number by number."""
    shape = (*numbers.shape, weight.shape[1])
    return reference.moved(weight, shape, lambda *i: (numbers[i[:-1]], i[-1]))


ROWS = [
    Row(
        "embedding",
        lambda numbers, weight: F.embedding(numbers, weight),
        lambda d: (d.labels(4, 3, classes=5), d.normal(5, 2)),  # some rows are chosen twice
        look_up,
        (indexing.GetItem,),
        lambda t, numbers, weight: t.nn.functional.embedding(numbers, weight),
        batched=(0,),
    ),
]
