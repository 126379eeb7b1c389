"""Rows of functions that change the size of images, and of their adjoints."""

import numpy as np

import minigen.nn.functional as F
from minigen.checks import reference
from minigen.functional import resample
from table.row import Row

ROW_COPIES, COLUMN_COPIES = np.array([0, 0, 1, 3, 3, 3]), np.array([0, 1, 1])

ROWS = [
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
    Row(
        "upsample nearest, adjoint",
        lambda y: resample.UpsampleNearestAdjoint.apply(y, image=(4, 2), sources=(ROW_COPIES, COLUMN_COPIES)),
        lambda d: (d.normal(2, 3, 6, 3),),
        lambda y: reference.added(y, (2, 3, 4, 2), lambda n, c, i, j: (n, c, ROW_COPIES[i], COLUMN_COPIES[j])),
        (resample.UpsampleNearestAdjoint,),
    ),
]
