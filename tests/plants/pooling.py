"""Faults in pooling and resampling."""

import numpy as np

from minigen.functional import pool
from plants.plant import Plant

put_forward = pool.PutAtMaxima.forward
avg_backward = pool.AvgPool2d.backward


def put_averages_overlaps(self, y):
    return put_forward(self, y) / np.maximum(put_forward(self, np.ones_like(y)), 1)


PLANTS = [
    Plant(
        "max pool: the adjoint's derivative is lost",
        pool.PutAtMaxima,
        "backward",
        lambda self, grad: (None,),
        "max_pool2d (2x2)",
        2,
    ),
    Plant(
        "max pool: the adjoint's derivative goes to the first tap, not to the maximum",
        pool.PutAtMaxima,
        "backward",
        lambda self, grad: pool.TakeAtMaxima.apply(grad, where=self.where * 0, **self._options()),
        "max_pool2d (overlapping, padding)",
        2,
    ),
    Plant(
        "max pool: overlapping windows share a gradient instead of adding theirs",
        pool.PutAtMaxima,
        "forward",
        put_averages_overlaps,
        "max_pool2d (overlapping, padding)",
        1,
        hidden_in="max_pool2d (2x2)",
    ),
    Plant(
        "mean pool: missing 1/N",
        pool.AvgPool2d,
        "backward",
        lambda self, grad: pool.AvgUnpool2d.apply(grad, scale=1.0, **self._options()),
        "avg_pool2d (2x2)",
        1,
    ),
    Plant(
        "mean pool: missing 1/N in the adjoint's derivative",
        pool.AvgUnpool2d,
        "backward",
        lambda self, grad: pool.AvgPool2d.apply(grad, scale=1.0, **self._options()),
        "avg_pool2d (2x2)",
        2,
    ),
    Plant(
        "mean pool: the number of counted pixels forgotten at the border",
        pool.AvgPool2d,
        "backward",
        lambda self, grad: pool.AvgUnpool2d.apply(grad, scale=float(np.min(self.scale)), **self._options()),
        "avg_pool2d (padding not counted, ceil)",
        1,
        hidden_in="avg_pool2d (2x2)",
    ),
]
