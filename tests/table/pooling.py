"""Rows of pooling, and of the adjoints of pooling."""

import numpy as np

import minigen.nn.functional as F
from minigen.checks import reference
from minigen.functional import pool
from minigen.functional.windows import Geometry
from table.row import Draw, Row


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


ROWS = [
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
]
