"""Exercises of chapter 6: windows as rows, one product, bytes, windows put back, the adjoint identity as a test."""

from __future__ import annotations

import numpy as np

from minigen.course.compare import expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import named

# ---- 6.1 ----------------------------------------------------------------------------------------------------------


def _places(shape, kernel, stride):
    """For each row and column of the matrix, the number of the pixel that stands there, by its formula."""
    n, c, height, width = shape
    table = [
        [((m * c + k) * height + top + a) * width + left + b for k, a, b in np.ndindex(c, kernel, kernel)]
        for m in range(n)
        for top in range(0, height - kernel + 1, stride)
        for left in range(0, width - kernel + 1, stride)
    ]
    return np.array(table)


def _shape(draw, n, channels, kernel):
    """Return the shape of images of height unlike width, both larger than the kernel."""
    return n, channels, *draw.sizes(2, kernel + 2, kernel + 6)


def _rows(n, channels, stride):
    def part(answer, draw):
        kernel = draw.size(2, 3)
        x = draw.normal(*_shape(draw, n, channels, kernel))
        expect(answer(x, kernel, stride), x.ravel()[_places(x.shape, kernel, stride)], "the matrix")

    return part


ROWS = Exercise(
    name="im2col_rows",
    task="the matrix whose rows are the windows of images",
    parts=[
        Part("one image", 1, _rows(1, 1, 1)),
        Part("batch and channels", 2, _rows(3, 2, 1)),
        Part("stride", 1, _rows(2, 2, 2)),
    ],
    wrong=[
        Wrong(
            {"i * stride, j * stride": "i, j"}, "Window (i, j) begins at (i * stride, j * stride); these all touch."
        ),
        Wrong(
            {"channels * kernel * kernel)": "channels * kernel * kernel).T"},
            "The windows are columns here; each should be a row.",
        ),
        Wrong(
            {"(n, rows, columns, channels, kernel, kernel)": "(rows, columns, n, channels, kernel, kernel)",
             "cols[:, i, j]": "cols[i, j]"},
            "The rows should go through all windows of the first image, then through those of the second.",
        ),
        Wrong(
            {"(n, rows, columns, channels, kernel, kernel)": "(n, rows, columns, kernel, kernel, channels)",
             "left : left + kernel]": "left : left + kernel].transpose(0, 2, 3, 1)"},
            "Within a row the channel should change last: all numbers of the first channel, then of the second.",
        ),
        Wrong(
            {"(n, rows, columns, channels, kernel, kernel)": "(n, channels, rows, columns, kernel, kernel)",
             "cols[:, i, j]": "cols[:, :, i, j]"},
            "The channels stand before the places, so that reshape mixes windows: cols is (N, OH, OW, C, K, K).",
        ),
    ],
)  # fmt: skip

# ---- 6.2 ----------------------------------------------------------------------------------------------------------


def _product(n, channels):
    def part(answer, draw):
        o, rows, columns, kernel = draw.sizes(4, 2, 6)
        cols = draw.normal(n * rows * columns, channels * kernel * kernel)
        w, b = draw.normal(o, channels, kernel, kernel), draw.normal(o)
        want = np.zeros((n, o, rows, columns))
        for m, p, i, j in np.ndindex(want.shape):
            window = cols[(m * rows + i) * columns + j].reshape(channels, kernel, kernel)
            want[m, p, i, j] = np.einsum("ckl,ckl->", window, w[p]) + b[p]
        expect(answer(cols, w, b, (n, rows, columns)), want, "y")

    return part


def _speed(answer, draw):
    """3600 windows and 128 kernels: half a million sums of 144 products."""
    cols, w, b = draw.normal(3600, 144), draw.normal(128, 16, 3, 3), draw.normal(128)
    got = answer(cols, w, b, (4, 30, 30))
    want = np.einsum("nk,ok->no", cols, w.reshape(128, 144)) + b
    expect(got, np.moveaxis(want.reshape(4, 30, 30, 128), 3, 1), "y")
    expect_that(answer.seconds < 1.0, f"it took {answer.seconds:.1f} s for 3600 windows and 128 kernels")


PRODUCT = Exercise(
    name="conv_from_rows",
    task="the convolution as one product, from the matrix of windows",
    parts=[
        Part("one image", 1, _product(1, 2)),
        Part("batch", 2, _product(3, 2)),
        Part("speed", 1, _speed, "Use one product of matrices (@) instead of a loop over windows or kernels."),
    ],
    wrong=[
        Wrong(
            {"product.reshape(*size, len(w)).transpose(0, 3, 1, 2)": "product.reshape(size[0], len(w), *size[1:])"},
            "A reshape keeps the numbers in their order. In the product the kernels change fastest: reshape to "
            "(N, OH, OW, O), then transpose.",
        ),
        Wrong({" + b": ""}, "The bias is missing: one number for each kernel, added to each row."),
        Wrong(
            {"w.reshape(len(w), -1).T": "w.reshape(-1, len(w))"},
            "This cuts the kernels up. Each kernel should be a column: reshape to (O, C*KH*KW), then transpose.",
        ),
        Wrong({".transpose(0, 3, 1, 2)": ""}, "This is (N, OH, OW, O); the kernels belong to axis 1: transpose."),
        Wrong(
            {".transpose(0, 3, 1, 2)": ".transpose(0, 3, 2, 1)"}, "Height and width have changed places: (0, 3, 1, 2)."
        ),
    ],
)

# ---- 6.3 ----------------------------------------------------------------------------------------------------------


def _bytes(index, blocks=None):
    """Ask for the whole, or for how many at a time: so many as the budget holds, one, or all."""

    def part(answer, draw):
        n, channels = draw.size(12, 20), draw.size(5, 9)
        kernel, side, stride = draw.size(2, 5), draw.size(15, 25), draw.constants["STRIDE"]
        image = 4 * len(range(0, side - kernel + 1, stride)) ** 2 * channels * kernel**2
        for fit in blocks or (3,):
            budget = fit * image + draw.size(1, image - 1)
            want = (n * image, sorted((1, fit, n))[1])[index]
            got = named(answer(n, channels, side, kernel, budget), ("whole", "at_once"))
            expect(list(got.values())[index], want, ("the bytes of the matrix", "images at a time")[index], 1e-12)

    return part


BYTES = Exercise(
    name="matrix_bytes",
    task="the bytes of the matrix of windows, and how many images at a time fit into a budget",
    constants={"STRIDE": (1, 2, 3, 4)},
    parts=[Part("whole", 2, _bytes(0)), Part("at once", 1, _bytes(1, (5, 0, 40)))],
    wrong=[
        Wrong({" * 4": " * 8"}, "A number of float64 has 8 bytes; one of float32 has 4."),
        Wrong({" * 4": ""}, "These are numbers, not bytes: a number of float32 has 4 bytes."),
        Wrong({"places * channels": "places"}, "A window has kernel * kernel numbers in each of its channels."),
        Wrong({" + 1) ** 2": ") ** 2"}, "There is one window more than steps: (side - kernel) // STRIDE + 1."),
        Wrong({"max(1, budget // image)": "budget // image"}, "With a small budget that is 0 images; take at least 1."),
        Wrong({"min(n, max(1, budget // image))": "max(1, budget // image)"}, "There are no more than n images."),
    ],
)

# ---- 6.4 ----------------------------------------------------------------------------------------------------------


def _back(n, channels, touching):
    def part(answer, draw):
        kernel = draw.size(2, 3)
        stride = kernel if touching else kernel - 1
        shape = _shape(draw, n, channels, kernel)
        places = _places(shape, kernel, stride)
        cols = draw.normal(*places.shape)
        pixels = shape[0] * shape[1] * shape[2] * shape[3]
        want = np.bincount(places.ravel(), weights=cols.ravel(), minlength=pixels).reshape(shape)
        expect(answer(cols, shape, kernel, stride), want, "the images")

    return part


BACK = Exercise(
    name="col2im_rows",
    task="the images that windows make when each is added to its place",
    parts=[
        Part("windows that touch", 1, _back(2, 2, True)),
        Part("windows that overlap", 2, _back(1, 1, False)),
        Part("batch and channels", 1, _back(3, 2, False)),
    ],
    wrong=[
        Wrong({"left + kernel] +=": "left + kernel] ="}, "Windows overlap: add what they bring (+=)."),
        Wrong(
            {"i * stride, j * stride": "i, j"}, "Window (i, j) came from (i * stride, j * stride) and goes back there."
        ),
        Wrong(
            {"cols.reshape(n, rows, columns, channels, kernel, kernel)":
             "cols.reshape(n, channels, rows, columns, kernel, kernel).transpose(0, 2, 3, 1, 4, 5)"},
            "A row of cols is a window with all its channels: reshape to (N, OH, OW, C, K, K).",
        ),
        Wrong(
            {"+= parts[:, i, j]": "+= parts[:, i, j].swapaxes(2, 3)"},
            "The windows are transposed: within a row the numbers go across first, then down.",
        ),
    ],
)  # fmt: skip

# ---- 6.5 ----------------------------------------------------------------------------------------------------------


def _gap(spoil, scale, about):
    """Ask about a matrix and its transpose, with a fault in some elements or without."""

    def part(answer, draw):
        rows, columns = draw.sizes(2, 3, 6)
        for sign in (1.0, -1.0):
            a, y = scale * draw.away_from_zero(rows, columns), draw.away_from_zero(rows)
            b = a.T + (sign * scale * draw.away_from_zero(columns, rows) if spoil else 0.0)
            x = np.sign(a.T @ y) * draw.uniform(0.5, 2.0, columns)  # <Ax, y> is not near 0
            x = sign * x
            there, back = (sum(float(p) * float(q) for p, q in zip(*pair, strict=True))
                           for pair in ((a @ x, y), (x, b @ y)))  # fmt: skip
            want = abs(there - back) / (abs(there) if abs(there) > 1 else 1.0)
            expect(answer(lambda v, a=a: a @ v, lambda v, b=b: b @ v, x, y), want, about)

    return part


def _both(answer, draw):
    """A right pair has no gap; and a pair that is not one is told from it."""
    _gap(False, 1.0, "the gap of a right pair")(answer, draw)
    _gap(True, 1.0, "the gap of a wrong pair")(answer, draw)


GAP = Exercise(
    name="adjoint_gap",
    task="how far two linear functions are from being adjoint, for one x and one y",
    parts=[
        Part("wrong pair", 2, _gap(True, 3.0, "the gap of a wrong pair")),
        Part("small numbers", 1, _gap(True, 1e-3, "the gap where the numbers are small")),
        Part("right pair", 1, _both),
    ],
    wrong=[
        Wrong({"abs(there - back_again)": "(there - back_again)"}, "A gap has no sign: take the absolute value."),
        Wrong({" / max(1.0, abs(there))": ""}, "Large numbers round more: divide by max(1, |<Ax, y>|)."),
        Wrong(
            {"max(1.0, abs(there))": "abs(there)"},
            "Where <Ax, y> is near 0 this divides by nearly 0: divide by max(1, |<Ax, y>|).",
        ),
        Wrong(
            {"np.sum(forward(x) * y)": "np.sum(forward(x))", "np.sum(x * back(y))": "np.sum(back(y))"},
            "These are sums of Ax and of A'y; the identity is about their products with y and with x.",
        ),
        Wrong({"max(1.0, abs(there))": "max(1.0, there)"}, "The number <Ax, y> may be negative: divide by its size."),
    ],
)

CHAPTER = Chapter(
    number=6,
    name="im2col",
    title="im2col, and why it is fast",
    hours=2,
    needs=(2, 5),
    exercises=[ROWS, PRODUCT, BYTES, BACK, GAP],
)
