"""Exercises of chapter 9: what a stack of layers sees, a confusion matrix, saliency by hand, Grad-CAM."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import named

# ---- 9.1 ----------------------------------------------------------------------------------------------------------

FIELD_NAMES = ("width", "size", "step", "start")


def _pixels(layers, unit):
    """Collect the pixels, some of them beyond the edge, that a unit of the last layer sees: layer by layer back."""
    seen = {unit}
    for kernel, stride, padding in reversed(layers):
        seen = {i * stride - padding + t for i in seen for t in range(kernel)}
    return seen


def _stack(draw):
    """Draw a width and some layers (kernel, stride, padding) that fit into it; there is a stride before a kernel."""
    layers = []
    for kernel, stride in ((draw.size(3, 5), 1), (2, 2), (draw.size(3, 5), draw.size(1, 2)), (3, draw.size(2, 3))):
        layers.append([kernel, stride, draw.size(1, kernel // 2)])
    if draw.size(0, 1):
        layers.append([draw.size(2, 4), 1, 0])
    return draw.size(60, 90), layers


def _field(name):
    def part(answer, draw):
        for width, layers in ((draw.size(20, 40), [[5, 1, 2]]), _stack(draw), _stack(draw), _stack(draw)):
            first, second = _pixels(layers, 0), _pixels(layers, 1)
            want = {"size": len(first), "step": min(second) - min(first), "start": min(first), "width": width}
            for kernel, stride, padding in layers:  # how often the kernel can be put down
                places = range(-padding, want["width"] + padding - kernel + 1, stride)
                want["width"] = len(places)
            got = named(answer(width, layers), FIELD_NAMES)
            expect(got[name], want[name], f"{name} after the layers {layers}")

    return part


FIELD = Exercise(
    name="receptive_field",
    task="the width of the last map of a stack of layers, and which pixels its units see",
    parts=[Part(name, 1, _field(name)) for name in FIELD_NAMES],
    wrong=[
        Wrong(
            {"(kernel - 1) * step": "(kernel - 1)"},
            "The units under a kernel lie step pixels apart: each further one adds step pixels to the field, not 1.",
        ),
        Wrong(
            {"size += (kernel - 1) * step": "size += kernel * step"},
            "A kernel of 1 sees no more than the map before it: it adds kernel - 1 steps.",
        ),
        Wrong(
            {
                "(kernel - 1) * step": "(kernel - 1) * step * stride",
                "padding * step": "padding * step * stride",
            },
            "The kernel stands on the map before it, so its own stride counts only for the layers that come after.",
        ),
        Wrong(
            {"padding * step": "padding"},
            "Padding is counted in units of the map it is put around; in pixels it is step times as much.",
        ),
        Wrong({"step *= stride": "step += stride"}, "A step of 2 units that lie 2 pixels apart is 4 pixels: multiply."),
        Wrong(
            {"// stride + 1": "// stride"}, "The first place of the kernel counts, too: one more than there are moves."
        ),
        Wrong({"width + 2 * padding": "width + padding"}, "Padding is put on both sides, so it counts twice."),
        Wrong(
            {"start -= padding": "start += padding"},
            "Padding lets unit 0 look beyond the edge: start becomes negative.",
        ),
    ],
)

# ---- 9.2 ----------------------------------------------------------------------------------------------------------


def _probabilities(logits):
    """Compute the softmax of one row, in scalars."""
    most = max(float(x) for x in logits)
    powers = [math.exp(float(x) - most) for x in logits]
    return [power / math.fsum(powers) for power in powers]


def _counted(answer, draw, spread, lift, scale=1.0):
    """Ask about images of which each class has several; none has a probability too near to SURE."""
    sure, classes = draw.constants["SURE"], draw.size(3, 6)
    labels = np.concatenate([np.arange(classes), draw.integers(0, classes, 40)])
    rows = []
    for label in labels:
        target = int(label) if draw.number(0, 1) < 0.6 else draw.size(0, classes - 1)
        while True:
            row = scale * spread * draw.normal(classes)
            row[target] += scale * lift
            if abs(max(_probabilities(row)) - sure) > 0.01:
                break
        rows.append(row + scale * draw.number(-1, 1))
    want = np.zeros((classes, classes + 1))
    for row, label in zip(rows, labels, strict=True):
        p = _probabilities(row)
        want[label, p.index(max(p)) if max(p) >= sure else classes] += 1
    got = answer(np.array(rows), labels)
    expect_that(np.shape(got) == want.shape, f"the counts have shape {np.shape(got)}, but should have {want.shape}")
    expect(got, want, "the counts")


CONFUSION = Exercise(
    name="confusion",
    task="how many images of each class were taken for which, or for none where the network is not sure",
    constants={"SURE": (0.9, 0.6, 0.7, 0.8)},
    parts=[
        Part("counts", 2, lambda answer, draw: _counted(answer, draw, 0.3, 8.0)),
        Part("unsure", 2, lambda answer, draw: _counted(answer, draw, 1.0, 2.0)),
        Part("large logits", 1, lambda answer, draw: _counted(answer, draw, 1.0, 2.0, 1000.0)),
    ],
    wrong=[
        Wrong(
            {"(labels, said), 1": "(said % classes, labels), 1"},
            "Rows and columns are exchanged: rows are the true classes.",
        ),
        Wrong(
            {"np.add.at(counts, (labels, said), 1)": "counts[labels, said] += 1"},
            "With arrays as indices, += counts a pair once, however often it occurs. np.add.at counts all of them.",
        ),
        Wrong(
            {"np.where(p.max(axis=1) >= SURE, p.argmax(axis=1), classes)": "p.argmax(axis=1)"},
            "Here every image gets an answer. Where the largest probability is below SURE, the last column counts.",
        ),
        Wrong(
            {"p.max(axis=1) >= SURE": "logits.max(axis=1) >= SURE"},
            "Here a logit is compared with SURE. Only after the softmax is it a probability.",
        ),
        Wrong(
            {"shifted = logits - logits.max(axis=1, keepdims=True)": "shifted = logits"},
            "The exponential of 1000 is infinite. Take the largest logit of each row away first: p stays the same.",
        ),
        Wrong(
            {"np.exp(shifted).sum(axis=1, keepdims=True)": "np.exp(shifted).sum(axis=0, keepdims=True)"},
            "The probabilities of one image add up to 1, so the sum is over its classes, not over the images.",
        ),
        Wrong(
            {"return counts": "return counts / counts.sum(axis=1, keepdims=True)"},
            "These are shares of each true class. Counts are wanted.",
        ),
    ],
)

# ---- 9.3 ----------------------------------------------------------------------------------------------------------


def _asked_of_pixels(channels, bias):
    def part(answer, draw):
        height, width, hidden, classes = draw.sizes(4, 4, 8)  # so many pixels that some slope down in all colours
        x, label = draw.uniform(0, 1, channels, height, width), draw.size(1, classes - 1)
        w1, w2 = draw.normal(hidden, channels * height * width), draw.away_from_zero(classes, hidden)
        before = w1 @ x.ravel()
        b1 = 1 - before + draw.uniform(0, 1, hidden) if bias else draw.away_from_zero(hidden) - before
        if not bias:
            b1[0], b1[1] = 1 - before[0], -1 - before[1]  # one unit is on, one is off
        slopes = np.zeros(x.shape)
        for pixel, place in enumerate(np.ndindex(x.shape)):
            on = [k for k in range(hidden) if float(before[k] + b1[k]) > 0]
            slopes[place] = math.fsum(w2[label, k] * w1[k, pixel] for k in on)
        want = np.abs(slopes[0])
        for other in slopes[1:]:
            want = np.where(np.abs(other) > want, np.abs(other), want)
        expect(answer(x, label, w1, b1, w2), want, "the saliency")

    return part


SALIENCY = Exercise(
    name="saliency",
    task="the size of the slope of a class's score in each pixel, for a network of two layers",
    parts=[
        Part("all units on", 1, _asked_of_pixels(1, True)),
        Part("relu", 2, _asked_of_pixels(1, False)),
        Part("colour", 1, _asked_of_pixels(3, False)),
    ],
    wrong=[
        Wrong(
            {"w2[label] * on": "w2[label]"},
            "Where relu has cut a hidden unit off, no pixel can change the score through it: its slope is 0.",
        ),
        Wrong(
            {"np.abs(gradient.reshape(x.shape)).max": "gradient.reshape(x.shape).max"},
            "A pixel that lowers the score matters as much as one that raises it: take the size of the slope.",
        ),
        Wrong(
            {"gradient.reshape(x.shape)": "gradient.reshape(x.shape) * x"},
            "This is gradient times pixel: a black pixel gets 0, however much it matters. Saliency is the slope alone.",
        ),
        Wrong(
            {"w2[label] * on": "w2.sum(axis=0) * on"},
            "This is the slope of the sum of all scores. Only the score of the class asked for counts.",
        ),
        Wrong(
            {"w2[label] * on": "np.maximum(w2[label], 0) * on"},
            "Here only positive slopes are let through (guided back-propagation). That is no longer the derivative.",
        ),
        Wrong({".max(axis=0)": ".sum(axis=0)"}, "Over the colours of a pixel the largest slope counts, not the sum."),
        Wrong(
            {"np.abs(gradient.reshape(x.shape)).max(axis=0)": "np.abs(gradient.reshape(x.shape).max(axis=0))"},
            "First the size, then the largest over the colours: else a strongly negative slope is lost.",
        ),
        Wrong({" + b1 > 0": " > 0"}, "Whether a unit is on is decided with its bias: w1 @ x + b1 > 0."),
    ],
)

# ---- 9.4 ----------------------------------------------------------------------------------------------------------


def _heat(maps, gradients):
    """Compute Grad-CAM cell by cell, before it is scaled."""
    weights = [math.fsum(g.ravel()) / g.size for g in gradients]
    heat = np.zeros(maps.shape[1:])
    for i, j in np.ndindex(*heat.shape):
        heat[i, j] = max(0.0, math.fsum(w * m[i, j] for w, m in zip(weights, maps, strict=True)))
    return heat


def _compare_heat(answer, maps, gradients):
    heat = _heat(maps, gradients)
    expect(answer(maps, gradients), heat / heat.max() if heat.max() > 0 else heat, "the map")


def _maps(draw):
    """Draw maps as relu leaves them, and gradients of which some maps speak for the class and some against it."""
    k, h, w = draw.sizes(3, 3, 7)
    maps = np.maximum(draw.normal(k, h, w), 0) + 0.1 * draw.uniform(0, 1, k, h, w)
    return maps, draw.normal(k, h, w), draw.rng.permutation(np.arange(k))


def _all_for(answer, draw):
    maps, gradients, _ = _maps(draw)
    weights = gradients.mean(axis=(1, 2), keepdims=True)
    _compare_heat(answer, maps, gradients - weights + draw.uniform(0.2, 1.0, *weights.shape))


def _some_against(answer, draw):
    maps, gradients, order = _maps(draw)
    signs = np.where(order % 2 == 0, 1.0, -1.0)[:, None, None]
    weights = gradients.mean(axis=(1, 2), keepdims=True)
    maps[order == 1] += 1.0  # where little else is, this one is what counts
    _compare_heat(answer, maps, gradients - weights + signs * draw.uniform(0.3, 0.6, *weights.shape))


def _nothing_for(answer, draw):
    maps, gradients, _ = _maps(draw)
    weights = gradients.mean(axis=(1, 2), keepdims=True)
    against = gradients - weights - draw.uniform(0.2, 1.0, *weights.shape)
    _compare_heat(answer, maps, against)
    _compare_heat(answer, maps, -against)


GRAD_CAM = Exercise(
    name="grad_cam",
    task="where the last maps speak for a class: their sum, each weighted by its mean gradient",
    parts=[Part("all for", 2, _all_for), Part("some against", 1, _some_against), Part("nothing for", 1, _nothing_for)],
    wrong=[
        Wrong(
            {"np.maximum(np.tensordot(weights, maps, axes=1), 0)": "np.tensordot(weights, maps, axes=1)"},
            "Cells that speak against the class should be 0: the relu is missing.",
        ),
        Wrong(
            {"np.maximum(np.tensordot(weights, maps, axes=1), 0)": "np.abs(np.tensordot(weights, maps, axes=1))"},
            "The absolute value shows what speaks against the class as if it spoke for it. Keep the positive.",
        ),
        Wrong(
            {"np.tensordot(weights, maps, axes=1)": "np.tensordot(np.maximum(weights, 0), maps, axes=1)"},
            "The relu is for the sum. Here maps that speak against the class are left out before they can count.",
        ),
        Wrong(
            {"np.tensordot(weights, maps, axes=1)": "(gradients * maps).sum(axis=0)"},
            "Each cell has its own gradient here. In Grad-CAM a map has one weight, the mean of its gradient.",
        ),
        Wrong(
            {"weights = gradients.mean": "weights = maps.mean"},
            "The weight of a map is the mean of its gradient, not of the map: brightness says nothing of the class.",
        ),
        Wrong(
            {"heat / top if top > 0 else heat": "heat"},
            "The sum is right, but not scaled: divide by its largest value.",
        ),
        Wrong(
            {"heat / top if top > 0 else heat": "heat / top"},
            "Where nothing speaks for the class, the largest value is 0, and 0 / 0 is no number.",
        ),
    ],
)

CHAPTER = Chapter(
    number=9,
    name="train_a_cnn",
    title="Train a CNN, and look inside",
    hours=3,
    needs=(3, 7, 8),
    exercises=[FIELD, CONFUSION, SALIENCY, GRAD_CAM],
)
