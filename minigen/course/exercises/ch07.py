"""Exercises of chapter 7: transposed convolution, the kernel's gradient, backward twice, sizes, overlaps."""

from __future__ import annotations

from itertools import product

import numpy as np

from minigen.course.compare import as_numbers, expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import named

# ---- the definition, meeting by meeting ---------------------------------------------------------------------------


def _meetings(size, kernel, places, stride, padding):
    """List (output pixel, tap, input pixel), all as pairs, for whatever falls inside of the image."""
    found = []
    for i, k in product(np.ndindex(*places), np.ndindex(*kernel)):
        j = tuple(stride * a + b - padding for a, b in zip(i, k, strict=True))
        if all(0 <= a < length for a, length in zip(j, size, strict=True)):
            found.append(
                ((slice(None), slice(None), *i), (slice(None), slice(None), *k), (slice(None), slice(None), *j))
            )
    return found


def _conv(x, w, places, stride, padding):
    y = np.zeros((len(x), len(w), *places))
    for i, k, j in _meetings(x.shape[2:], w.shape[2:], places, stride, padding):
        y[i] += x[j] @ w[k].T
    return y


def _transpose(y, w, size, stride, padding):
    x = np.zeros((len(y), w.shape[1], *size))
    for i, k, j in _meetings(size, w.shape[2:], y.shape[2:], stride, padding):
        x[j] += y[i] @ w[k]
    return x


def _weight(x, y, kernel, stride, padding):
    w = np.zeros((y.shape[1], x.shape[1], *kernel))
    for i, k, j in _meetings(x.shape[2:], kernel, y.shape[2:], stride, padding):
        w[k] += y[i].T @ x[j]
    return w


def _shapes(draw, stride, padding, one=False):
    """Draw places, kernel and size that fit, and (batch, in, out): all lengths of a pair unlike each other."""
    places, kernel = draw.sizes(2, 2, 4), draw.sizes(2, 3, 5)
    extra = draw.size(0, stride - 1)
    size = [(n - 1) * stride + k - 2 * padding + extra for n, k in zip(places, kernel, strict=True)]
    return tuple(places), tuple(kernel), tuple(size), (1, 1, 1) if one else tuple(draw.sizes(3, 2, 5))


# ---- 7.1 ----------------------------------------------------------------------------------------------------------


def _transposed(strides, padding, one=False):
    def part(answer, draw):
        stride = strides[draw.size(0, len(strides) - 1)]
        places, kernel, size, (n, c, o) = _shapes(draw, stride, padding, one)
        y, w = draw.normal(n, o, *places), draw.normal(o, c, *kernel)
        expect(answer(y, w, size, stride, padding), _transpose(y, w, size, stride, padding), "x")

    return part


TRANSPOSED = Exercise(
    name="conv_transposed",
    task="the transposed convolution: each pixel of y adds its multiple of the kernel to x",
    parts=[
        Part("one channel", 1, _transposed((1,), 0, one=True)),
        Part("channels", 1, _transposed((1,), 0)),
        Part("stride", 1, _transposed((2, 3), 0)),
        Part("padding", 1, _transposed((1, 2, 3), 1)),
    ],
    wrong=[
        Wrong(
            {"+= np.einsum": "= np.einsum"},
            "Where two kernels overlap, the later one overwrites the earlier: add them.",
        ),
        Wrong(
            {"w[:, :, k, m]": "w[:, :, -1 - k, -1 - m]"},
            "The kernel is flipped. That belongs to the other way of writing it, which collects for each pixel of x; "
            "where pixels of y spread what they have, tap k stays tap k.",
        ),
        Wrong(
            {
                "slice(k, k + stride * (rows - 1) + 1, stride)": "slice(k, k + rows)",
                "slice(m, m + stride * (columns - 1) + 1, stride)": "slice(m, m + columns)",
            },
            "Neighbours in y lie stride pixels apart in x; here they are neighbours in x, too.",
        ),
        Wrong(
            {"padding : padding + size[0], padding : padding + size[1]": ": size[0], : size[1]"},
            "The padding is cut off at the end only. Row i of x is row i + padding of the padded picture.",
        ),
    ],
)

# ---- 7.2 ----------------------------------------------------------------------------------------------------------


def _kernel(strides, padding, one=False):
    def part(answer, draw):
        stride = strides[draw.size(0, len(strides) - 1)]
        places, kernel, size, (n, c, o) = _shapes(draw, stride, padding, one)
        n = 1 if padding == 0 else n
        x, y = draw.normal(n, c, *size), draw.normal(n, o, *places)
        expect(answer(x, y, kernel, stride, padding), _weight(x, y, kernel, stride, padding), "dw")

    return part


KERNEL = Exercise(
    name="kernel_gradient",
    task="the derivative of sum(y * conv2d(x, w)) with respect to the kernel w",
    parts=[
        Part("one channel", 1, _kernel((1,), 0, one=True)),
        Part("stride and channels", 1, _kernel((2, 3), 0)),
        Part("padding and batch", 1, _kernel((1, 2, 3), 1)),
    ],
    wrong=[
        Wrong(
            {"= np.einsum(": "= 1 / len(x) * np.einsum("},
            "The pictures of the batch share the kernel, so their shares are added, not averaged.",
        ),
        Wrong(
            {"(padding, padding), (padding, padding)": "(0, 2 * padding), (0, 2 * padding)"},
            "All the zeros are at one end. There are padding rows and columns of them on each side.",
        ),
        Wrong(
            {
                "slice(k, k + stride * (y.shape[2] - 1) + 1, stride)": "slice(k, k + y.shape[2])",
                "slice(m, m + stride * (y.shape[3] - 1) + 1, stride)": "slice(m, m + y.shape[3])",
            },
            "Tap k meets every stride-th row of x, one for each row of y; here it meets neighbours.",
        ),
        Wrong(
            {"dw[:, :, k, m] =": "dw[:, :, -1 - k, -1 - m] ="},
            "The result is flipped: what tap (k, m) has met belongs to tap (k, m).",
        ),
    ],
)

# ---- 7.3 ----------------------------------------------------------------------------------------------------------


def _twice(name):
    """Check one gradient against the values of the number itself: it is linear, so a unit array brings an element."""

    def part(answer, draw):
        stride, padding = draw.size(1, 2), draw.size(0, 1)
        places, kernel, size, _ = _shapes(draw, stride, padding)
        n, c, o = draw.sizes(3, 1, 3)
        x, u = draw.normal(n, c, *size), draw.normal(n, c, *size)
        w, v = draw.normal(o, c, *kernel), draw.normal(o, c, *kernel)
        dy = draw.normal(n, o, *places)

        def conv(x, w):
            return _conv(x, w, places, stride, padding)

        def transpose(y, w):
            return _transpose(y, w, size, stride, padding)

        def weight(x, y):
            return _weight(x, y, kernel, stride, padding)

        def number(x, w, dy):
            return np.sum(dy * (conv(u, w) + conv(x, v)))

        point = {"x": x, "w": w, "dy": dy}
        still = number(**{**point, name: np.zeros(point[name].shape)})
        want = np.zeros(point[name].shape)
        for index in np.ndindex(*want.shape):
            unit = np.zeros(want.shape)
            unit[index] = 1.0
            want[index] = number(**{**point, name: unit}) - still
        got = named(answer(x, w, dy, u, v, conv, transpose, weight), point)
        expect(got[name], want, f"the gradient with respect to {name}")

    return part


TWICE = Exercise(
    name="backward_twice",
    task="the gradients of sum(u*dx) + sum(v*dw), where dx and dw are those of a convolution",
    parts=[Part("x", 1, _twice("x")), Part("w", 1, _twice("w")), Part("dy", 2, _twice("dy"))],
    wrong=[
        Wrong(
            {"conv(u, w) + conv(x, v)": "conv(u, w)"},
            "The gradient dw is made of dy, too: the second number brings conv(x, v).",
        ),
        Wrong(
            {"conv(u, w) + conv(x, v)": "conv(x, v)"},
            "The gradient dx is made of dy, too: the first number brings conv(u, w).",
        ),
        Wrong(
            {"transpose(dy, v)": "transpose(dy, w)"},
            "This is dx once more. x occurs in T(x, v, dy) only, and there the place of the kernel is taken by v.",
        ),
        Wrong(
            {"weight(u, dy)": "weight(x, dy)"},
            "This is dw once more. w occurs in T(u, w, dy) only, and there the place of the image is taken by u.",
        ),
        Wrong(
            {"return for_x, for_w, for_dy": "return for_dy, for_x, for_w"},
            "The right things in a wrong order: x, then w, then dy.",
        ),
    ],
)

# ---- 7.4 ----------------------------------------------------------------------------------------------------------


def _back(padded, first):
    """Compare with the lengths that are found by counting windows."""

    def part(answer, draw):
        stride, asked = draw.constants["STRIDE"], []
        for padding in (1, 2, 1, 2) if padded else (0, 0):
            length, kernel = draw.size(2, 9), draw.size(5, 7)
            asked.append((length, kernel, padding, answer(length, kernel, padding)))
        for length, kernel, padding, got in asked:  # all are asked before the first is judged: mistakes then differ
            want = [n for n in range(1, 80) if len(range(-padding, n + padding - kernel + 1, stride)) == length]
            numbers, about = as_numbers(got, "the list"), f"for length {length}, kernel {kernel}, padding {padding}"
            expect_that(numbers.ndim == 1 and numbers.size, "it should return a list of at least one length")
            if first:
                expect(numbers[0], want[0], f"the smallest length {about}")
            else:
                expect(numbers, want, f"the list {about}")

    return part


BACK = Exercise(
    name="sizes_back",
    task="all lengths that a convolution of stride STRIDE takes to a given one",
    constants={"STRIDE": (2, 3, 4, 5)},
    parts=[
        Part("smallest", 1, _back(False, True)),
        Part("with padding", 1, _back(True, True)),
        Part("all", 1, _back(True, False)),
    ],
    wrong=[
        Wrong(
            {"(length - 1) * STRIDE": "length * STRIDE"},
            "Between the first window and the last there are length - 1 steps, not length.",
        ),
        Wrong(
            {"smallest + STRIDE))": "smallest + 1))"},
            "There are more: the convolution leaves out what is too little for one more window.",
        ),
        Wrong(
            {"smallest + STRIDE))": "smallest + STRIDE + 1))"},
            "The last one is too long: with STRIDE pixels more, one more window fits.",
        ),
        Wrong({"- 2 * padding": "- padding"}, "There is padding at both ends, so it counts twice."),
        Wrong(
            {"- 2 * padding": "+ 2 * padding"},
            "The zeros are part of what the windows cover, so fewer real pixels are needed: subtract them.",
        ),
    ],
)

# ---- 7.5 ----------------------------------------------------------------------------------------------------------


def _overlap(rows):
    def part(answer, draw):
        for stride in (2, 3, 1):
            shape = (rows or draw.size(2, 4), draw.size(5, 7))
            kernel = stride + draw.size(1, 3)
            lengths = [(n - 1) * stride + kernel for n in shape]
            want = np.zeros(lengths)
            for r, c in np.ndindex(*lengths):
                want[r, c] = sum(0 <= r - i * stride < kernel and 0 <= c - j * stride < kernel
                                 for i, j in np.ndindex(*shape))  # fmt: skip
            expect(answer(shape, kernel, stride), want, f"the map of {shape}, kernel {kernel}, stride {stride}")

    return part


OVERLAP = Exercise(
    name="overlap_map",
    task="how many small pixels reach each pixel of the large picture",
    parts=[Part("one row", 1, _overlap(1)), Part("picture", 2, _overlap(0))],
    wrong=[
        Wrong({"+= 1": "= 1"}, "This says whether a pixel is reached. Count how often: add 1 for each kernel."),
        Wrong(
            {"(length - 1) * stride + kernel": "length * stride"},
            "The last kernel begins at (length - 1) * stride, and is kernel pixels wide.",
        ),
        Wrong(
            {"j * stride : j * stride + kernel": "j : j + kernel"}, "In a row, too, kernels begin stride pixels apart."
        ),
        Wrong({"range(shape[1])": "range(shape[0])"}, "The number of columns is shape[1]."),
    ],
)

CHAPTER = Chapter(
    number=7,
    name="conv_family",
    title="Three functions, one number: the convolution family, and checkerboards",
    hours=3,
    needs=(2, 5),
    exercises=[TRANSPOSED, KERNEL, TWICE, BACK, OVERLAP],
)
