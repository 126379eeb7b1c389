"""Rows of the family of convolutions, and of windows as columns."""

import numpy as np

import minigen.nn.functional as F
from minigen.checks import reference
from minigen.functional import conv
from minigen.functional.fold import Fold, Unfold
from table.row import Row


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


def transposed(title, y, w, bias=True, name="conv_transpose2d", **options):
    return Row(
        f"{name} ({title})",
        lambda *xs: getattr(F, name)(*xs, **options),
        lambda d: (d.normal(*y), d.normal(*w), *([d.normal(w[1] * options.get("groups", 1))] if bias else [])),
        lambda *xs: getattr(reference, name)(*xs, **options),
        (conv.ConvTranspose2d,),
        lambda t, *xs: getattr(t.nn.functional, name)(*xs, **options),
        batched=(0,),
    )


def signals(title, x, w, **options):
    return Row(
        f"conv1d ({title})",
        lambda *xs: F.conv1d(*xs, **options),
        lambda d: (d.normal(*x), d.normal(*w), d.normal(w[0])),
        lambda *xs: reference.conv1d(*xs, **options),
        (conv.Conv2d,),
        lambda t, *xs: t.nn.functional.conv1d(*xs, **options),
        batched=(0,),
    )


def columns(title, x, **options):
    """Rows of unfold and fold."""

    def draw_columns(d):
        return (d.normal(*reference.unfold(np.zeros(x), **options).shape),)

    return [
        Row(
            f"unfold ({title})",
            lambda x: F.unfold(x, **options),
            lambda d: (d.normal(*x),),
            lambda x: reference.unfold(x, **options),
            (Unfold,),
            lambda t, x: t.nn.functional.unfold(x, **options),
            batched=(0,),
        ),
        Row(
            f"fold ({title})",
            lambda c: F.fold(c, x[2:], **options),
            draw_columns,
            lambda c: reference.fold(c, x[2:], **options),
            (Fold,),
            lambda t, c: t.nn.functional.fold(c, x[2:], **options),
            batched=(0,),
        ),
    ]


ROWS = [
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
    transposed("depthwise", (2, 3, 3, 2), (3, 1, 2, 3), groups=3, stride=(2, 1), padding=(1, 0)),
    signals("plain", (2, 3, 6), (2, 3, 3)),
    signals("stride, padding, groups", (2, 4, 7), (2, 2, 4), stride=2, padding=1, groups=2),
    signals("dilation", (2, 1, 9), (3, 1, 3), dilation=3, padding=2),
    transposed("plain", (2, 3, 4), (3, 2, 3), name="conv_transpose1d"),
    transposed("stride, padding", (2, 2, 4), (2, 3, 3), name="conv_transpose1d", stride=3, padding=1, output_padding=2),
    *columns("2x2", (2, 3, 3, 4), kernel_size=2),
    *columns("all options", (2, 2, 5, 6), kernel_size=(3, 2), dilation=(1, 2), padding=(1, 2), stride=(2, 3)),
]
