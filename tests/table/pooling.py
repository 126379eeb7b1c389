"""Rows of pooling, and of the adjoints of pooling."""

import numpy as np

import minigen.nn.functional as F
from minigen import Tensor
from minigen.backend import to_device
from minigen.checks import reference
from minigen.functional import pool
from minigen.functional.axis_map import MapAxis
from minigen.functional.windows import Geometry
from table.row import Draw, Row


def pooling(name, covers, title, shape, slow=None, **options):
    return Row(
        f"{name} ({title})",
        lambda x: getattr(F, name)(x, **options),
        lambda d: (d.distinct(*shape),),
        slow or (lambda x: getattr(reference, name)(x, **options)),
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


def along_the_height(name, **options):
    """The pooling of signals as that of images one pixel wide."""
    pairs = {key: value if key.endswith(("mode", "pad")) else (value, FLAT[key]) for key, value in options.items()}
    return lambda x: getattr(reference, name)(x[..., None], **pairs)[..., 0]


FLAT = {"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1}


def cut(f, *output_size):
    """Adaptive pooling of images, or of signals (as images one pixel wide) where there is one number."""
    if len(output_size) == 2:
        return lambda x: reference.adaptive_pool2d(f, x, output_size)
    return lambda x: reference.adaptive_pool2d(f, x[..., None], (*output_size, 1))[..., 0]


def mean(numbers):
    return sum(numbers) / len(numbers)


def unpooling(title, shape, size, pixels, **options):
    """`pixels` of the result, as many as a channel of the input has, are the same in all channels."""
    indices = np.broadcast_to(np.reshape(pixels, shape[2:]), shape).copy()
    return Row(
        f"max_unpool2d ({title})",
        lambda y: F.max_unpool2d(y, Tensor(indices[: len(y)]).to(y.device), **options),
        lambda d: (d.normal(*shape),),
        lambda y: reference.max_unpool2d(y, indices, size),
        torch=lambda t, y: t.nn.functional.max_unpool2d(y, t.tensor(indices), **options),
        batched=(0,),
    )


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
    pooling(
        "avg_pool2d",
        (pool.AvgPool2d,),
        "another divisor",
        (2, 2, 5, 4),
        lambda x: reference.avg_pool2d(x, 2, 1) * 4 / 3,
        kernel_size=2,
        stride=1,
        divisor_override=3,
    ),
    pooling(
        "max_pool1d",
        (pool.MaxPool2d,),
        "all options",
        (2, 3, 8),
        along_the_height("max_pool2d", kernel_size=3, stride=2, padding=1, dilation=2, ceil_mode=True),
        kernel_size=3,
        stride=2,
        padding=1,
        dilation=2,
        ceil_mode=True,
    ),
    pooling(
        "avg_pool1d",
        (pool.AvgPool2d,),
        "all options",
        (2, 3, 8),
        along_the_height("avg_pool2d", kernel_size=3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
        kernel_size=3,
        stride=2,
        padding=1,
        ceil_mode=True,
        count_include_pad=False,
    ),
    pooling("adaptive_avg_pool2d", (MapAxis,), "5x7 to 3x4", (2, 2, 5, 7), cut(mean, 3, 4), output_size=(3, 4)),
    pooling("adaptive_avg_pool2d", (MapAxis,), "enlarging", (2, 1, 2, 4), cut(mean, 3, 4), output_size=(3, None)),
    pooling("adaptive_avg_pool2d", (), "global", (2, 3, 3, 4), cut(mean, 1, 1), output_size=1),
    pooling("adaptive_avg_pool1d", (MapAxis,), "7 to 3", (2, 3, 7), cut(mean, 3), output_size=3),
    pooling("adaptive_max_pool2d", (), "5x7 to 3x4", (2, 2, 5, 7), cut(max, 3, 4), output_size=(3, 4)),
    pooling("adaptive_max_pool2d", (), "global", (2, 3, 3, 4), cut(max, 1, 1), output_size=1),
    pooling("adaptive_max_pool1d", (), "7 to 3", (2, 3, 7), cut(max, 3), output_size=3),
    unpooling("2x2", (2, 3, 2, 3), (4, 6), [0, 9, 4, 18, 13, 23], kernel_size=2),
    unpooling("a given size", (2, 1, 2, 2), (5, 6), [7, 3, 24, 29], kernel_size=2, stride=3, output_size=(5, 6)),
    Row(
        "take at maxima",
        lambda x: pool.TakeAtMaxima.apply(x, where=to_device(TAPS, x.device), **POOL_OPTIONS),
        lambda d: (d.normal(*POOLED_IMAGE),),
        lambda x: reference.moved(x, POOLED, lambda n, c, i, j: pixel(n, c, i, j, TAPS[n, i, j, c])),
        (pool.TakeAtMaxima,),
    ),
    Row(
        "put at maxima",
        lambda y: pool.PutAtMaxima.apply(y, where=to_device(TAPS, y.device), **POOL_OPTIONS),
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
