"""Exercises of chapter 8: the backward of max and mean pooling, batch norm in both modes, its first two derivatives."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import expect
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import complex_steps, named

EPS = 1e-5

# ---- 8.1 ----------------------------------------------------------------------------------------------------------


def _windows(draw, overlap):
    """Draw the size of a window, the stride, how many windows there are, and the height and width of the image."""
    size = draw.size(3, 4)
    stride = size - draw.size(1, 2) if overlap else size
    oh, ow = draw.sizes(2, 2, 4)
    rest = draw.size(0, stride - 1)  # pixels at the edge that no window sees
    return size, stride, oh, ow, (oh - 1) * stride + size + rest, (ow - 1) * stride + size


def _routed(dy, x, size, stride):
    """Send each gradient to the first of the largest pixels, found by comparing one pixel after the other."""
    dx = np.zeros(x.shape)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            best, place = -math.inf, (0, 0)
            for r in range(i * stride, i * stride + size):
                for c in range(j * stride, j * stride + size):
                    if x[r, c] > best:
                        best, place = x[r, c], (r, c)
            dx[place] += dy[i, j]
    return dx


def _max(overlap, ties=False):
    def part(answer, draw):
        size, stride, oh, ow, height, width = _windows(draw, overlap)
        x = draw.normal(height, width)
        if overlap:  # a pixel that several windows see, and all choose
            x[stride : stride + size - stride, stride : stride + size - stride] += 9.0
        if ties:
            x = np.maximum(draw.integers(-2, 3, height, width), 0).astype(float)  # as relu leaves it
            x[0, 0] = x[1, 1] = 2.0
        dy = draw.away_from_zero(oh, ow)
        expect(answer(dy, x, size, stride), _routed(dy, x, size, stride), "dx")

    return part


MAX = Exercise(
    name="max_pool_backward",
    task="the gradient of max pooling: all of it to the first largest pixel of each window",
    parts=[Part("dx", 2, _max(False)), Part("overlap", 1, _max(True)), Part("ties", 1, _max(False, True))],
    wrong=[
        Wrong(
            {"left + column] += dy[i, j]": "left + column] = dy[i, j]"},
            "Where windows overlap, one pixel can be the largest of several: its gradients are added, not overwritten.",
        ),
        Wrong(
            {
                "        row, column = np.unravel_index(np.argmax(window), window.shape)\n": "",
                "dx[top + row, left + column] += dy[i, j]": (
                    "dx[top : top + size, left : left + size] += dy[i, j] * (window == window.max())"
                ),
            },
            "At a tie every largest pixel gets the whole gradient here. Only the first of them may.",
        ),
        Wrong(
            {"np.argmax(window)": "window.size - 1 - np.argmax(window[::-1, ::-1])"},
            "At a tie this takes the last largest pixel; agreed upon is the first, row by row.",
        ),
        Wrong(
            {"dx[top + row, left + column] += dy[i, j]": "dx[row, column] += dy[i, j]"},
            "The place of the maximum is counted from the corner of its window: add top and left.",
        ),
        Wrong(
            {"+= dy[i, j]": "+= dy[i, j] * x[top + row, left + column]"},
            "The output is the largest pixel itself, so its slope is 1: the value of the pixel is no factor.",
        ),
    ],
)

# ---- 8.2 ----------------------------------------------------------------------------------------------------------


def _mean(overlap):
    def part(answer, draw):
        size, stride, oh, ow, height, width = _windows(draw, overlap)
        dy, want = draw.away_from_zero(oh, ow), np.zeros((height, width))
        for r in range(height):
            for c in range(width):  # the windows that see this pixel
                for i in range(oh):
                    for j in range(ow):
                        if 0 <= r - i * stride < size and 0 <= c - j * stride < size:
                            want[r, c] += dy[i, j] / (size * size)
        expect(answer(dy, height, width, size, stride), want, "dx")

    return part


MEAN = Exercise(
    name="mean_pool_backward",
    task="the gradient of mean pooling: the same share to each pixel of a window",
    parts=[
        Part("dx", 2, _mean(False)),
        Part(
            "overlap",
            1,
            _mean(True),
            "Go through the windows, stride by stride, and add each one's share to its pixels.",
        ),
    ],
    wrong=[
        Wrong({" / size**2": ""}, "The mean divides by the number of pixels, so each gets only its share of dy."),
        Wrong({"/ size**2": "/ size"}, "A window has size * size pixels; this divides by the length of one side only."),
        Wrong(
            {"left : left + size] += dy": "left : left + size] = dy"},
            "Where windows overlap, a pixel is part of several: add what they send, do not overwrite it.",
        ),
        Wrong(
            {"top : top + size, left : left + size]": "top, left]"},
            "Only the corner of each window gets something. The mean is made of all its pixels.",
        ),
    ],
)

# ---- 8.3 ----------------------------------------------------------------------------------------------------------

FORWARD_NAMES = ("y", "running_mean", "running_var")


def _layer(draw):
    """Draw an input whose channels have means and spreads of their own, and what the layer has learnt and kept."""
    n, c, h, w = draw.sizes(4, 2, 5)
    x = draw.normal(n, c, h, w) * draw.uniform(0.5, 2.0, c, 1, 1) + draw.normal(c, 1, 1)
    return x, draw.away_from_zero(c), draw.normal(c), draw.normal(c), draw.uniform(0.5, 3.0, c)


def _moments(x):
    """Return the mean of each channel and the sum of squares around it, by plain sums."""
    means, squares = [], []
    for k in range(x.shape[1]):
        values = [float(v) for v in x[:, k].ravel()]
        mean = math.fsum(values) / len(values)
        means.append(mean)
        squares.append(math.fsum((v - mean) ** 2 for v in values))
    return np.array(means), np.array(squares), x.size // x.shape[1]


def _normalised(x, mean, var, weight, bias):
    y = np.zeros(x.shape)
    for i in np.ndindex(*x.shape):
        k = i[1]
        y[i] = weight[k] * (x[i] - mean[k]) / math.sqrt(var[k] + EPS) + bias[k]
    return y


def _training(answer, draw):
    x, weight, bias, *running = _layer(draw)
    mean, squares, n = _moments(x)
    y = named(answer(x, weight, bias, *running, True), FORWARD_NAMES)["y"]
    expect(y, _normalised(x, mean, squares / n, weight, bias), "y in training")


def _running(answer, draw):
    x, weight, bias, *running = _layer(draw)
    mean, squares, n = _moments(x)
    m = draw.constants["MOMENTUM"]
    got = named(answer(x, weight, bias, *running, True), FORWARD_NAMES)
    expect(got["running_mean"], running[0] + m * (mean - running[0]), "running_mean")
    expect(got["running_var"], running[1] + m * (squares / (n - 1) - running[1]), "running_var")


def _evaluation(answer, draw):
    x, weight, bias, mean, var = _layer(draw)
    got = named(answer(x, weight, bias, mean, var, False), FORWARD_NAMES)
    expect(got["y"], _normalised(x, mean, var, weight, bias), "y in evaluation")
    expect(got["running_mean"], mean, "running_mean in evaluation")
    expect(got["running_var"], var, "running_var in evaluation")


def _constant(answer, draw):
    x, weight, bias, *running = _layer(draw)
    x[:, 0] = draw.size(2, 9)  # a whole number: no rounding in its mean
    y = named(answer(x, weight, bias, *running, True), FORWARD_NAMES)["y"]
    mean, squares, n = _moments(x)
    expect(y, _normalised(x, mean, squares / n, weight, bias), "y with a constant channel")


FORWARD = Exercise(
    name="batch_norm_forward",
    task="batch norm in training and in evaluation, with its running statistics",
    constants={"MOMENTUM": (0.1, 0.2, 0.05, 0.25, 0.3)},
    parts=[
        Part("training", 2, _training),
        Part("running statistics", 2, _running),
        Part("evaluation", 1, _evaluation),
        Part("stability", 1, _constant, "A constant channel has variance 0: EPS under the root keeps it from 0 / 0."),
    ],
    wrong=[
        Wrong(
            {"MOMENTUM * var * n / (n - 1)": "MOMENTUM * var"},
            "The variance that enters the running one is the unbiased: divide the squares by n - 1.",
        ),
        Wrong(
            {"x.var(axis=(0, 2, 3))": "x.var(axis=(0, 2, 3), ddof=1)", " * n / (n - 1)": ""},
            "Values are normalised by the variance that is divided by n; only the running one takes n - 1.",
        ),
        Wrong(
            {
                "(1 - MOMENTUM) * running_mean + MOMENTUM * mean": "MOMENTUM * running_mean + (1 - MOMENTUM) * mean",
                "(1 - MOMENTUM) * running_var + MOMENTUM * var * n / (n - 1)": (
                    "MOMENTUM * running_var + (1 - MOMENTUM) * var * n / (n - 1)"
                ),
            },
            "The momentum is the share of the new batch; here it is the share of the old statistics.",
        ),
        Wrong(
            {"    scale = weight": "    mean, var = running_mean, running_var\n    scale = weight"},
            "In training values are normalised by the statistics of this batch, not by the running ones.",
        ),
        Wrong({"if training:": "if True:"}, "In evaluation the batch has no say: use the running statistics as given."),
        Wrong(
            {"np.sqrt(var + EPS)": "(np.sqrt(var) + EPS)"}, "EPS is added to the variance, under the root, not to it."
        ),
        Wrong(
            {"n = x.size // x.shape[1]": "n = len(x)"},
            "Each channel has N * H * W values, one for each pixel of each picture, not N.",
        ),
        Wrong({"np.sqrt(var + EPS)": "(var + EPS)"}, "Divide by the standard deviation: the root is missing."),
    ],
)

# ---- 8.4 ----------------------------------------------------------------------------------------------------------

BACKWARD_NAMES = ("dx", "dweight", "dbias")


def _loss(x, weight, bias, eps, dy):
    """Return sum(dy * y), for complex numbers, too."""
    total = 0.0
    for k in range(x.shape[1]):
        values, grads = x[:, k].ravel(), dy[:, k].ravel()
        centred = values - values.sum() / values.size
        std = ((centred * centred).sum() / values.size + eps) ** 0.5
        total = total + (grads * (weight[k] * centred / std + bias[k])).sum()
    return total


def _backward(name, eps=(1e-5, 1e-3)):
    def part(answer, draw):
        x, weight, bias, *_ = _layer(draw)
        dy, e = draw.normal(*x.shape) + 1.0, draw.number(*eps)
        want = {
            "dx": lambda: complex_steps(lambda v: _loss(v, weight, bias, e, dy), x),
            "dweight": lambda: complex_steps(lambda v: _loss(x, v, bias, e, dy), weight),
            "dbias": lambda: complex_steps(lambda v: _loss(x, weight, v, e, dy), bias),
        }[name]()
        expect(named(answer(dy, x, weight, e), BACKWARD_NAMES)[name], want, name)

    return part


BACKWARD = Exercise(
    name="batch_norm_backward",
    task="dx, dweight and dbias of batch norm in training",
    parts=[
        Part("dx", 3, _backward("dx")),
        Part("large eps", 1, _backward("dx", (0.5, 1.0)), "The variance and eps are added before the root is taken."),
        Part("dweight", 1, _backward("dweight")),
        Part("dbias", 1, _backward("dbias")),
    ],
    wrong=[
        Wrong(
            {"    dcentred += dvar * 2 * centred / n\n": ""},
            "The path through the variance is missing: each value is a part of it, too.",
        ),
        Wrong(
            {"dx = dcentred + dmean / n": "dx = dcentred"},
            "The path through the mean is missing: what is taken away from all values depends on each of them.",
        ),
        Wrong(
            {"    dcentred += dvar * 2 * centred / n\n": "", "dx = dcentred + dmean / n": "dx = dcentred"},
            "This is the gradient of evaluation. In training mean and variance are functions of x: two more paths.",
        ),
        Wrong({"dxhat = dy * weight[:, None, None]": "dxhat = dy"}, "On its way to x the gradient passes the weight."),
        Wrong(
            {"dvar * 2 * centred / n": "dvar * 2 * centred"},
            "The variance is a mean over n values, so each gets 1/n of its gradient.",
        ),
        Wrong(
            {"x.size // x.shape[1]": "len(x)"},
            "Mean and variance are over N * H * W values, one for each pixel of each picture, not over N.",
        ),
        Wrong(
            {"* -0.5 * inv_std**3": "* -0.5 * inv_std**2"},
            "The derivative of v**-0.5 is -0.5 * v**-1.5, and that is -0.5 * inv_std**3.",
        ),
        Wrong(
            {"(dy * centred * inv_std).sum": "(dy * centred).sum"},
            "The weight multiplies the normalised values, so these stand in dweight: inv_std is missing.",
        ),
        Wrong(
            {"dbias = dy.sum(axis=axes)": "dbias = dy.mean(axis=axes)"},
            "The bias is added to every value of its channel: its gradients are summed, not averaged.",
        ),
    ],
)

# ---- 8.5 ----------------------------------------------------------------------------------------------------------


def _gradient(x, dy):
    """Return the gradient of sum(dy * y) by the chain of lines, column by column; for complex numbers, too."""
    columns = []
    for k in range(x.shape[1]):
        values, grads, n = x[:, k], dy[:, k], len(x)
        centred = values - values.sum() / n
        std = ((centred * centred).sum() / n + EPS) ** 0.5
        slope = (grads * centred).sum() / (n * std**3)
        columns.append((grads - grads.sum() / n) / std - slope * centred)
    return np.stack(columns, axis=1)


def _second(name):
    def part(answer, draw):
        n, c = draw.sizes(2, 3, 6)
        x, dy, u = 0.3 * draw.normal(n, c) + draw.normal(c), draw.normal(n, c) + 0.5, draw.normal(n, c)
        dx, gradients = answer.drive("function_gradients", "norm_gradient", [x, dy], {}, u)
        if name == "dx":
            expect(dx, _gradient(x, dy), "dx", tolerance=1e-8)
            return
        about, wrt = ("the gradient of sum(u * dx) with respect to " + name, 0 if name == "x" else 1)
        want = complex_steps(
            lambda v: (u * _gradient(*((v, dy.astype(complex)) if wrt == 0 else (x.astype(complex), v)))).sum(),
            (x, dy)[wrt],
        )
        expect(gradients[wrt], want, about, tolerance=1e-8)

    return part


GRADIENT = Exercise(
    name="norm_gradient",
    task="the gradient of batch norm, written so that it can be differentiated again",
    library=True,
    without=("minigen.functional.norm.batch_norm", "minigen.functional.norm.BatchNorm"),
    parts=[
        Part("dx", 1, _second("dx")),
        Part("second, x", 2, _second("x"), "Everything that depends on x must be computed from x, as a tensor."),
        Part("second, dy", 1, _second("dy")),
    ],
    wrong=[
        Wrong(
            {"** -0.5": "** -0.5\n    inv_std = inv_std.detach()"},
            "Here 1/std is a constant, but it depends on x: the second derivative misses that. Do not detach it.",
        ),
        Wrong(
            {"y = centred * inv_std": "y = (centred * inv_std).detach()"},
            "The normalised values are a constant here, but they depend on x. Do not detach them.",
        ),
        Wrong(
            {" - y * (dy * y).mean(dim=0)": ""},
            "The path through the variance is missing: take y * mean(dy * y) away, too.",
        ),
        Wrong(
            {"(centred * centred).mean(dim=0)": "x.var(dim=0)"},
            "In PyTorch's manner var divides by N - 1 unless told otherwise; values are normalised by 1/N.",
        ),
        Wrong({"dy - dy.mean(dim=0) - y": "dy - y"}, "The path through the mean is missing: take mean(dy) away."),
    ],
)

CHAPTER = Chapter(
    number=8,
    name="pooling_batch_norm",
    title="Pooling and batch normalisation",
    hours=3,
    needs=(2, 4),
    exercises=[MAX, MEAN, FORWARD, BACKWARD, GRADIENT],
)
