"""Rows of functions that change the size of images or move their pixels: resizing, padding, pixel shuffle."""

import numpy as np

import minigen.nn.functional as F
from minigen.checks import reference
from minigen.functional.axis_map import MapAxis, Taps
from minigen.functional.padding import ConstantPad
from table.row import Row


def resizing(title, shape, size, mode, factors=(None, None), **options):
    """Images, to a size, or by factors where these are given."""
    target = {"size": size} if factors == (None, None) else {"scale_factor": factors}
    corners = options.get("align_corners", False)
    seen = (None, None) if options.get("recompute_scale_factor") else factors
    return Row(
        f"interpolate {mode} ({title})",
        lambda x: F.interpolate(x, mode=mode, **target, **options),
        lambda d: (d.normal(*shape),),
        lambda x: reference.interpolate(x, size, mode, corners, seen),
        (MapAxis,),
        lambda t, x: t.nn.functional.interpolate(x, mode=mode, **target, **options),
        batched=(0,),
    )


def padding(title, shape, pad, mode="constant", **options):
    borders = [(0, 0)] * (len(shape) - len(pad) // 2) + [pad[i : i + 2] for i in range(len(pad) - 2, -1, -2)]
    return Row(
        f"pad {mode} ({title})",
        lambda x: F.pad(x, pad, mode, **options),
        lambda d: (d.normal(*shape),),
        lambda x: reference.pad(x, borders, mode, **options),
        (ConstantPad if mode == "constant" else MapAxis,),
        lambda t, x: t.nn.functional.pad(x, pad, mode, **options),
        batched=(0,),
    )


# y[1] and y[3] get two numbers each, y[2] none; x[0] is used three times and x[2] never.
TAPS = Taps(np.array([3, 1, 0, 1, 3]), np.array([0, 0, 1, 3, 0]), np.array([2.0, 1.0, -1.5, 0.5, -0.25]), 4, 4)


def map_rows(x):
    y = np.zeros((2, 3, 4, 2))
    for n, c, j in np.ndindex(2, 3, 2):
        for target, source, weight in zip(*TAPS[:3], strict=True):
            y[n, c, target, j] += float(weight) * float(x[n, c, source, j])
    return y


ROWS = [
    resizing("2 times", (2, 2, 3, 2), (6, 4), "nearest", (2.0, 2.0)),
    resizing("3 times and 1 time", (2, 2, 3, 2), (9, 2), "nearest", (3.0, 1.0)),
    resizing("to a size", (2, 2, 3, 4), (7, 2), "nearest"),
    resizing("to a size", (2, 2, 3, 4), (7, 2), "nearest-exact"),
    resizing("2 times", (2, 3, 3, 2), (6, 4), "bilinear", (2.0, 2.0)),
    resizing("up and down", (2, 2, 3, 5), (7, 2), "bilinear"),
    resizing("corners", (2, 2, 3, 5), (4, 1), "bilinear", align_corners=True),
    resizing("by a factor", (2, 1, 4, 5), (6, 4), "bilinear", (1.6, 0.9)),
    resizing("by the true factor", (2, 1, 4, 5), (6, 4), "bilinear", (1.6, 0.9), recompute_scale_factor=True),
    resizing("up and down", (2, 1, 3, 5), (7, 4), "bicubic"),
    resizing("corners", (2, 1, 4, 2), (5, 3), "bicubic", align_corners=True),
    resizing("to a size", (2, 2, 5, 4), (2, 3), "area"),
    Row(
        "interpolate linear",
        lambda x: F.interpolate(x, 7, mode="linear"),
        lambda d: (d.normal(2, 3, 4),),
        lambda x: reference.interpolate(x[..., None], (7, 1), "bilinear")[..., 0],
        (MapAxis,),
        lambda t, x: t.nn.functional.interpolate(x, 7, mode="linear"),
        batched=(0,),
    ),
    Row(
        "interpolate trilinear",
        lambda x: F.interpolate(x, (3, 1, 5), mode="trilinear"),
        lambda d: (d.normal(2, 1, 2, 1, 3),),
        lambda x: reference.interpolate(x[:, :, :, 0], (3, 5), "bilinear")[:, :, :, None],
        (MapAxis,),
        lambda t, x: t.nn.functional.interpolate(x, (3, 1, 5), mode="trilinear"),
        batched=(0,),
    ),
    Row(
        "map along an axis",
        lambda x: MapAxis.apply(x, axis=2, taps=TAPS),
        lambda d: (d.normal(2, 3, 4, 2),),
        map_rows,
        (MapAxis,),
    ),
    padding("one axis", (2, 3, 4), (1, 2), value=0.5),
    padding("adding and cropping", (2, 2, 4, 5), (-1, 2, 1, -2), value=0.5),
    padding("all axes", (2, 2, 3), (1, 0, 0, 1, 0, 0)),
    padding("image", (2, 2, 3, 4), (2, 1, 0, 2), "reflect"),
    padding("signal, cropping", (2, 2, 5), (3, -1), "reflect"),
    padding("image", (2, 2, 2, 3), (3, 1, 0, 2), "replicate"),
    padding("cropping", (2, 2, 3, 4), (-2, 1, 2, -1), "replicate"),
    padding("image", (2, 2, 2, 3), (3, 1, 0, 2), "circular"),
    padding("cropping", (2, 2, 3, 5), (-2, 3, 2, -1), "circular"),
    Row(
        "pixel_shuffle",
        lambda x: F.pixel_shuffle(x, 2),
        lambda d: (d.normal(2, 12, 2, 3),),
        lambda x: reference.pixel_shuffle(x, 2),
        torch=lambda t, x: t.nn.functional.pixel_shuffle(x, 2),
        batched=(0,),
    ),
    Row(
        "pixel_unshuffle",
        lambda x: F.pixel_unshuffle(x, 2),
        lambda d: (d.normal(2, 3, 4, 6),),
        lambda x: reference.moved(
            x, (len(x), 12, 2, 3), lambda n, c, i, j: (n, c // 4, 2 * i + c % 4 // 2, 2 * j + c % 2)
        ),
        torch=lambda t, x: t.nn.functional.pixel_unshuffle(x, 2),
        batched=(0,),
    ),
]
