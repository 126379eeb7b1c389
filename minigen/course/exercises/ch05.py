"""Exercises of chapter 5: the size of the output, what is shared, a convolution by loops, shifts, its gradients."""

from __future__ import annotations

import numpy as np

from minigen.course.compare import expect
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import named

# ---- 5.1 ----------------------------------------------------------------------------------------------------------


def _windows(length, kernel, stride, padding):
    """Count the windows that lie wholly on the padded axis, one after the other."""
    return sum(
        start + kernel <= length + padding
        for start in range(-padding, length + padding, stride)  # where a window would begin
    )


def _size(stride, padding):
    """Ask with as many pixels left over as can be, under little padding and under much, then with none, then any."""

    def part(answer, draw):
        step = draw.size(3, 5) if stride else 1
        kernel = step + draw.size(1, 3)
        most = step - 1
        for rest, p in ((most, draw.size(1, 2)), (most, step), (0, draw.size(1, 2)), (draw.size(0, most), 1)):
            p = p if padding else 0
            length = kernel + draw.size(3, 9) * step + rest - 2 * p
            expect(answer(length, kernel, step, p), _windows(length, kernel, step, p), "the number of windows")

    return part


SIZE = Exercise(
    name="output_size",
    task="how many windows fit along an axis",
    parts=[Part("plain", 1, _size(False, False)), Part("stride", 1, _size(True, False)),
           Part("padding", 1, _size(True, True))],
    wrong=[
        Wrong({"2 * padding": "padding"}, "The padding stands on both sides of the axis: count it twice."),
        Wrong({" + 1": ""}, "This counts the steps between the windows. There is one window more than steps."),
        Wrong(
            {"// stride": "/ stride"}, "A window that sticks out is left out: divide with //, which rounds down."
        ),
        Wrong(
            {"(length + 2 * padding - kernel) // stride + 1": "(length + 2 * padding) // stride"},
            "A window must fit as a whole: its last place is length - kernel, and not the last pixel.",
        ),
        Wrong(
            {"- kernel) // stride + 1": "- kernel + 1) // stride"},
            "The first window costs no step, so it is added after the division, not before.",
        ),
    ],
)  # fmt: skip

# ---- 5.2 ----------------------------------------------------------------------------------------------------------

COUNTS = ("shared", "local", "dense")


def _counted(channels, kernels, height, width, size):
    """Count with sets and loops over the places of the kernel."""
    rows = [i for i in range(height) if i + size <= height]
    columns = [j for j in range(width) if j + size <= width]
    taps = sum(1 for _ in np.ndindex(channels, size, size))
    pixels = len(rows) * len(columns)
    return {
        "shared": taps * kernels + kernels,
        "local": pixels * taps * kernels + pixels * kernels,
        "dense": channels * height * width * kernels * pixels + kernels * pixels,
    }


def _count(name):
    def part(answer, draw):
        channels, kernels = draw.sizes(2, 2, 9)
        height, width = draw.sizes(2, 10, 24)
        want = _counted(channels, kernels, height, width, draw.constants["KERNEL"])[name]
        got = named(answer(channels, kernels, height, width), COUNTS)[name]
        expect(got, want, f"the numbers of the {name} layer", tolerance=1e-12)

    return part


COUNT = Exercise(
    name="count_weights",
    task="the weights and biases of a shared, a local and a dense layer",
    constants={"KERNEL": (3, 5, 7, 4)},
    parts=[Part(name, 1, _count(name)) for name in COUNTS],
    wrong=[
        Wrong({"kernels * (window + 1)": "kernels * window"}, "The biases are missing: one for each kernel."),
        Wrong(
            {"window = channels * KERNEL * KERNEL": "window = KERNEL * KERNEL"},
            "A kernel has a slice for each input channel: channels * KERNEL * KERNEL weights.",
        ),
        Wrong(
            {"(height - KERNEL + 1) * (width - KERNEL + 1)": "height * width"},
            "Without padding the output is smaller than the image: height - KERNEL + 1 rows.",
        ),
        Wrong(
            {"(channels * height * width + 1)": "(height * width + 1)"},
            "In the dense layer an output pixel has a weight for every pixel of every channel.",
        ),
    ],
)

# ---- 5.3 ----------------------------------------------------------------------------------------------------------


def _convolved(x, w, b, stride, padding):
    """Compute it tap by tap, from a padded image that is written pixel by pixel into zeros."""
    n, c, height, width = x.shape
    o, _, kh, kw = w.shape
    rows, columns = (_windows(length, k, stride, padding) for length, k in ((height, kh), (width, kw)))
    wide = np.zeros((n, c, height + 2 * padding, width + 2 * padding))
    wide[:, :, padding : padding + height, padding : padding + width] = x
    y = np.zeros((n, o, rows, columns)) + np.asarray(b).reshape(1, o, 1, 1)
    for k, m in np.ndindex(kh, kw):
        seen = wide[:, :, k : k + (rows - 1) * stride + 1 : stride, m : m + (columns - 1) * stride + 1 : stride]
        y += np.einsum("ncij,oc->noij", seen, w[:, :, k, m])
    return y


def _drawn(draw, batch, channels, kernels):
    """Return images, kernels and biases, of height unlike width and of kernels of unlike sides."""
    kh, kw = draw.sizes(2, 2, 4)
    height, width = draw.sizes(2, 6, 9)
    return draw.normal(batch, channels, height, width), draw.normal(kernels, channels, kh, kw), draw.normal(kernels)


def _forward(batch, channels, kernels, stride=1, padding=0):
    def part(answer, draw):
        x, w, b = _drawn(draw, batch, channels, kernels)
        expect(answer(x, w, b, stride, padding), _convolved(x, w, b, stride, padding), "y")

    return part


FORWARD = Exercise(
    name="conv_loops",
    task="the cross-correlation of images with kernels, with bias, stride and padding",
    parts=[
        Part("one channel", 1, _forward(1, 1, 1)),
        Part("channels", 2, _forward(2, 3, 4)),
        Part("stride", 1, _forward(2, 2, 3, stride=2)),
        Part("padding", 1, _forward(2, 3, 2, stride=2, padding=1)),
    ],
    wrong=[
        Wrong(
            {"window * w[o]": "window * w[o, :, ::-1, ::-1]"},
            "The kernel is turned round: this is the convolution of the mathematicians. Slide it as it is.",
        ),
        Wrong({" + b[o]": ""}, "The bias of the kernel is missing."),
        Wrong(
            {"np.sum(window * w[o])": "np.sum(window[0] * w[o, 0])"},
            "Only the first channel is seen: an output pixel is one sum over all input channels.",
        ),
        Wrong(
            {"i * stride, j * stride": "i, j"},
            "The stride shrinks the output, but the windows still move by 1: window i begins at i * stride.",
        ),
        Wrong(
            {"(padding, padding), (padding, padding))": "(0, 2 * padding), (0, 2 * padding))"},
            "All the padding is at the bottom and on the right; it belongs on all four sides.",
        ),
        Wrong(
            {"(padding, padding)))": '(padding, padding)), mode="edge")'},
            "The padding repeats the pixels of the border; it should be zeros.",
        ),
    ],
)

# ---- 5.4 ----------------------------------------------------------------------------------------------------------


def _rolled(x, step):
    """Move the columns one by one."""
    moved = np.empty(x.shape)
    for j in range(x.shape[1]):
        moved[:, (j + step) % x.shape[1]] = x[:, j]
    return moved


def _error(f, x, step):
    return float(np.abs(f(_rolled(x, step)) - _rolled(f(x), step)).max())


def _unlike(sign):
    """A layer that multiplies by another number in each pixel, and one whose errors are nearly all of one sign."""

    def part(answer, draw):
        height, width = draw.sizes(2, 5, 8)
        ramp, x, step = draw.away_from_zero(height, width), draw.normal(height, width), draw.size(1, width - 2)
        for f in (lambda a: sign * a * ramp, lambda a: sign * a * ramp, lambda a: sign * (a + ramp) ** 2):
            expect(answer(f, x, step), _error(f, x, step), "the error of a layer that treats places unlike")

    return part


def _kinds(answer, draw):
    """An equivariant layer has the error 0 however large its output, and its negative has the same error."""
    height, width = draw.sizes(2, 5, 8)
    x, ramp, step = draw.normal(height, width), draw.away_from_zero(height, width), draw.size(1, width - 2)
    neighbour = lambda a: a * 3 - 2 * _rolled(a, 1) + np.roll(a, 1, axis=0)  # noqa: E731
    for f in (lambda a: neighbour(a) + ramp, neighbour):
        expect(answer(f, x, step), 0.0 if f is neighbour else _error(f, x, step), "the error")


SHIFT = Exercise(
    name="shift_error",
    task="how far f is from being equivariant to a shift by so many columns",
    parts=[Part("size", 2, _unlike(1.0)), Part("sign", 1, _unlike(-1.0)), Part("equivariant", 1, _kinds)],
    wrong=[
        Wrong(
            {"np.roll(f(x), step, axis=1)": "f(x)"},
            "This asks whether the output stays where it is: invariance. Shift f(x), too.",
        ),
        Wrong(
            {"f(np.roll(x, step, axis=1))": "f(x)"}, "The image must be shifted before f sees it, on one of the sides."
        ),
        Wrong({"np.max(np.abs(": "np.mean(np.abs("}, "The mean hides a border of one column: take the maximum."),
        Wrong(
            {"np.abs(seen_moved - moved_seen)": "seen_moved - moved_seen"},
            "Differences of both signs count: take absolute values before the maximum.",
        ),
        Wrong(
            {"np.roll(x, step, axis=1)": "np.roll(x, step, axis=0)",
             "np.roll(f(x), step, axis=1)": "np.roll(f(x), step, axis=0)"},
            "Axis 0 moves rows, up and down; the columns are axis 1.",
        ),
        Wrong(
            {"moved_seen = np.roll(f(x), step": "moved_seen = np.roll(f(x), -step"},
            "The two shifts go in opposite directions.",
        ),
    ],
)  # fmt: skip

# ---- 5.5 ----------------------------------------------------------------------------------------------------------

GRADIENTS = ("dx", "dw", "db")


def _differences(dout, x, w, stride, padding):
    """Measure the gradients of sum(dout * y): it is linear in each argument, so a step of 1 from 0 is exact."""
    loss = lambda x, w, b: float(np.sum(dout * _convolved(x, w, b, stride, padding)))  # noqa: E731
    zero = np.zeros(len(w))
    want = {"dx": np.zeros(x.shape), "dw": np.zeros(w.shape), "db": np.zeros(zero.shape)}
    for name, gradient in want.items():
        for index in np.ndindex(gradient.shape):
            nudge = np.zeros(gradient.shape)
            nudge[index] = 1.0
            arguments = {"dx": (nudge, w, zero), "dw": (x, nudge, zero), "db": (0 * x, w, nudge)}[name]
            gradient[index] = loss(*arguments)
    return want


def _backward(name):
    """Compare where windows overlap, and where they leave pixels out; with padding, and without."""

    def part(answer, draw):
        for stride, padding in ((1, 1), (2, 0), (3, 1)):
            x, w, _ = _drawn(draw, 2, 2, 3)
            rows, columns = (_windows(x.shape[a], w.shape[a], stride, padding) for a in (2, 3))
            dout = draw.normal(2, 3, rows, columns)
            got = named(answer(dout, x, w, stride, padding), GRADIENTS)[name]
            expect(got, _differences(dout, x, w, stride, padding)[name], f"{name} (stride {stride}, padding {padding})")

    return part


BACKWARD = Exercise(
    name="conv_loops_backward",
    task="the gradients of a convolution: of the images, the kernels and the biases",
    parts=[Part("dx", 2, _backward("dx")), Part("dw", 2, _backward("dw")), Part("db", 1, _backward("db"))],
    wrong=[
        Wrong(
            {"dwide[n, :, rows, columns] +=": "dwide[n, :, rows, columns] ="},
            "Windows overlap, and all kernels see each pixel: what reaches it is added (+=), not overwritten.",
        ),
        Wrong({"dw[o] +=": "dw[o] ="}, "All places of all images used this kernel, and only the last is kept: add."),
        Wrong(
            {"p : p + height, p : p + width": "p:-p, p:-p"},
            "With padding 0 the slice p:-p is 0:0, which is empty: use p : p + height.",
        ),
        Wrong(
            {"dwide[:, :, p : p + height, p : p + width]": "dwide"},
            "This is the gradient of the padded image; dx has the shape of x, so cut the padding off.",
        ),
        Wrong(
            {"p : p + height, p : p + width": ":height, :width"},
            "The padding must be cut off on all sides: the first p rows and columns belong to it, too.",
        ),
        Wrong(
            {"* w[o]": "* w[o, :, ::-1, ::-1]"},
            "Scattering turns the kernel by itself. Pixel (k, l) of the window got w[k, l], so it gets that back.",
        ),
        Wrong({"axis=(0, 2, 3)": "axis=0"}, "A bias is used in each image and at each place: sum over all but axis 1."),
        Wrong(
            {"dout.sum(axis=(0, 2, 3))": "dout.mean(axis=(0, 2, 3))"},
            "What is shared collects: db is a sum over images and places, not a mean.",
        ),
    ],
)

CHAPTER = Chapter(
    number=5,
    name="convolution",
    title="Convolution by loops: what it shares, what it is equivariant to",
    hours=2.5,
    needs=(2, 4),
    exercises=[SIZE, COUNT, FORWARD, SHIFT, BACKWARD],
)
