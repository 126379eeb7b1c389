"""Exercises of chapter 10: log-sum-exp, softplus, two cross-entropies from logits, nats per image and bits."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import as_numbers, expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import named

# ---- 10.1 ---------------------------------------------------------------------------------------------------------


def _log_sum(row):
    """Compute log(sum(exp(row))) in scalars."""
    largest = max(map(float, row))
    return largest + math.log(math.fsum(math.exp(float(s) - largest) for s in row))


def _rows(*axes, scale=1.0, shift=0.0):
    """Check drawn scores (..., K) against scalars; ``shift`` moves whole rows, each its own way."""

    def part(answer, draw):
        sizes = draw.sizes(len(axes), 2, 6)
        x = scale * draw.normal(*sizes)
        x += shift * np.linspace(-1, 1, sizes[0]).reshape(-1, *[1] * (x.ndim - 1))
        want = np.array([_log_sum(row) for row in x.reshape(-1, x.shape[-1])]).reshape(x.shape[:-1])
        expect(answer(x), want, "log-sum-exp")

    return part


LOG_SUM_EXP = Exercise(
    name="log_sum_exp",
    task="log(sum(exp(x))) over the last axis, without overflow",
    parts=[
        Part("value", 2, _rows(0, 0)),
        Part("any shape", 1, _rows(0, 0, 0)),
        Part("large", 1, _rows(0, 0, scale=1000.0)),
        Part("rows far apart", 1, _rows(0, 0, shift=3000.0)),
    ],
    wrong=[
        Wrong(
            {"largest = x.max(axis=-1)": "largest = np.zeros(x.shape[:-1])"},
            "Nothing is taken from the scores, so exp overflows: take the largest of its row from each row.",
        ),
        Wrong({"return largest + np.log": "return np.log"}, "What was taken from the scores must be added at the end."),
        Wrong(
            {"largest = x.max(axis=-1)": "largest = np.full(x.shape[:-1], x.max())"},
            "This is the largest score of all rows. A row far below it becomes 0 throughout: each row has its own.",
        ),
        Wrong(
            {"- largest[..., None]).sum(axis=-1)": "- largest[..., None]).mean(axis=-1)"},
            "This is the logarithm of the mean of the exponentials, not of their sum.",
        ),
        Wrong(
            {"return largest + np.log(": "return largest + ("},
            "The logarithm of the sum is missing.",
        ),
    ],
)

# ---- 10.2 ---------------------------------------------------------------------------------------------------------


def _softplus_of(x):
    """Compute log(1 + exp(x)) in scalars of double precision."""
    return [v + math.log1p(math.exp(-v)) if v > 0 else math.log1p(math.exp(v)) for v in map(float, x)]


def _softplus(*ranges, tolerance=1e-9, dtype=np.float64):
    """Check the relative error, for numbers drawn from each of some ranges."""

    def part(answer, draw):
        for low, high in ranges:
            x = draw.uniform(low, high, draw.size(6, 12)).astype(dtype)
            got = as_numbers(answer(x), "softplus").astype(float)
            want = np.array(_softplus_of(x))
            expect_that(got.shape == want.shape, f"softplus has shape {got.shape}, but should have {want.shape}")
            about = f"softplus between {low} and {high}, divided by the right one,"
            expect(got / want, np.ones(want.shape), about, tolerance)

    return part


SOFTPLUS = Exercise(
    name="stable_softplus",
    task="log(1 + exp(x)), precise for very negative and for large x",
    parts=[
        Part("value", 1, _softplus((-3, 3))),
        Part("large x", 1, _softplus((-3, 3), (800, 1000))),
        Part("very negative x", 1, _softplus((-80, -40))),
        Part("float32", 1, _softplus((-14, -9), (-80, -20), (90, 200), tolerance=1e-5, dtype=np.float32)),
    ],
    wrong=[
        Wrong(
            {"np.log1p(np.exp(-np.abs(x)))": "np.log(1 + np.exp(-np.abs(x)))"},
            "Where x is very negative, 1 + exp(x) is rounded to 1, whose logarithm is 0: np.log1p does both in one.",
        ),
        Wrong(
            {"np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))": "np.log(1 + np.exp(x))"},
            "The exponential of a large x overflows. Write it as max(x, 0) + log(1 + exp(-|x|)).",
        ),
        Wrong(
            {"np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))": "np.log1p(np.exp(x))"},
            "With log1p the small end is saved, but exp still overflows at the large one: give it at most 0.",
        ),
        Wrong(
            {"np.maximum(x, 0) + ": ""},
            "This is softplus(-|x|). For positive x the x that was taken out is missing: max(x, 0).",
        ),
    ],
)

# ---- 10.3 ---------------------------------------------------------------------------------------------------------


def _binary(x, t):
    """Compute each loss and its gradient in scalars."""
    loss = [
        value - float(v) * float(u) for value, v, u in zip(_softplus_of(x.ravel()), x.ravel(), t.ravel(), strict=True)
    ]
    p = [1 / (1 + math.exp(-v)) if v > 0 else math.exp(v) / (1 + math.exp(v)) for v in map(float, x.ravel())]
    return {"loss": np.array(loss).reshape(x.shape), "dx": np.array(p).reshape(x.shape) - t}


def _bce(name, scale=1.0, hard=False):
    def part(answer, draw):
        shape = draw.sizes(2, 3, 6)
        x = scale * draw.away_from_zero(*shape)
        t = draw.integers(0, 2, *shape).astype(float) if hard else draw.uniform(0, 1, *shape)
        want = _binary(x, t)
        expect(named(answer(x, t), want)[name], want[name], name)

    return part


def _bce_large(answer, draw):
    for name in ("loss", "dx"):
        for hard in (True, False):
            _bce(name, 500.0, hard)(answer, draw)


BINARY = Exercise(
    name="bce_from_logits",
    task="the binary cross entropy of logits and targets, and its gradient",
    parts=[
        Part("loss", 2, _bce("loss")),
        Part("dx", 2, _bce("dx")),
        Part("stability", 1, _bce_large),
    ],
    wrong=[
        Wrong(
            {
                "loss = np.maximum(x, 0) - x * t + np.log1p(small)": (
                    "loss = -t * np.log(1 / (1 + np.exp(-x))) - (1 - t) * np.log(1 - 1 / (1 + np.exp(-x)))"
                )
            },
            "Here p is rounded to 0 or 1 before its logarithm is taken. Write the loss in x: softplus(x) - t * x.",
        ),
        Wrong(
            {
                "loss = np.maximum(x, 0) - x * t + np.log1p(small)": (
                    "loss = (-t * np.log(1 / (1 + np.exp(-x)) + 1e-8)"
                    " - (1 - t) * np.log(1 - 1 / (1 + np.exp(-x)) + 1e-8))"
                )
            },
            "The 1e-8 makes it finite, and wrong: no loss is above 18.4. Written in x it needs no such number.",
        ),
        Wrong({"- x * t": "+ x * t"}, "The sign of x * t is wrong: where the target is 1, a larger x is better."),
        Wrong({"dx = p - t": "dx = t - p"}, "The sign of dx is wrong: what is believed minus what is true."),
        Wrong(
            {"dx = p - t": "dx = (p - t) * p * (1 - p)"},
            "The slope of the sigmoid, p * (1 - p), cancels with the 1/p of the logarithm; it is not in dx.",
        ),
        Wrong(
            {"np.where(x >= 0, 1, small) / (1 + small)": "1 / (1 + small)"},
            "This is the sigmoid of |x|. Where x is negative it is exp(x) / (1 + exp(x)).",
        ),
        Wrong(
            {"np.maximum(x, 0) - x * t": "np.abs(x) - x * t"}, "For negative x nothing is added: max(x, 0), not |x|."
        ),
    ],
)

# ---- 10.4 ---------------------------------------------------------------------------------------------------------


def _smoothed(name, scale=1.0):
    """Check the loss or its gradient against scalars."""

    def part(answer, draw):
        n, k = draw.sizes(2, 3, 7)
        logits, targets, epsilon = scale * draw.normal(n, k), draw.integers(0, k, n), draw.constants["EPSILON"]
        want = {"loss": 0.0, "dlogits": np.zeros((n, k))}
        for i in range(n):
            total = _log_sum(logits[i])
            for j in range(k):
                q, log_p = epsilon / k + (1 - epsilon) * (j == targets[i]), float(logits[i, j]) - total
                want["loss"] -= q * log_p / n
                want["dlogits"][i, j] = (math.exp(log_p) - q) / n
        expect(named(answer(logits, targets), want)[name], want[name], name)

    return part


def _smoothed_large(answer, draw):
    for name in ("loss", "dlogits"):
        _smoothed(name, 1000.0)(answer, draw)


SMOOTHED = Exercise(
    name="smoothed_cross_entropy",
    task="the cross entropy of logits with smoothed labels, and its gradient",
    constants={"EPSILON": (0.1, 0.05, 0.15, 0.2, 0.3)},
    parts=[
        Part("loss", 2, _smoothed("loss")),
        Part("dlogits", 2, _smoothed("dlogits")),
        Part("stability", 1, _smoothed_large),
    ],
    wrong=[
        Wrong(
            {"np.full((n, k), EPSILON / k)": "np.full((n, k), EPSILON / (k - 1))", "+= 1 - EPSILON": "= 1 - EPSILON"},
            "Here the others share all of EPSILON. It is spread over all K classes, the right one included.",
        ),
        Wrong(
            {"+= 1 - EPSILON": "= 1 - EPSILON"},
            "The right class has its share EPSILON / K, too: add 1 - EPSILON to it. Then q adds up to 1.",
        ),
        Wrong(
            {"+= 1 - EPSILON": "+= 1"},
            "This q adds up to more than 1. What all classes share is taken from the right one: 1 - EPSILON.",
        ),
        Wrong({"- q) / n": "- q)"}, "The loss is a mean over N examples, so its gradient has a 1/N."),
        Wrong(
            {"np.sum(q * log_p) / n": "np.mean(q * log_p)"}, "This also divides by K: sum over classes, mean over N."
        ),
        Wrong(
            {"logits - logits.max(axis=1, keepdims=True)": "logits - 0"},
            "The exponential of a large logit overflows: take the largest one of its row from each row first.",
        ),
        Wrong({"(np.exp(log_p) - q)": "(log_p - q)"}, "The gradient is p - q, with the probabilities, not log p."),
    ],
)

# ---- 10.5 ---------------------------------------------------------------------------------------------------------


def _cost(name, with_latents=True):
    def part(answer, draw):
        n, c, h, w, z = draw.sizes(5, 2, 7)
        pixels = draw.uniform(0.1, 2.0, n, c, h, w)
        latents = draw.uniform(0.1, 3.0, n, z) if with_latents else np.zeros((n, z))
        cost = 0.0
        for image, hidden in zip(pixels, latents, strict=True):
            cost += (math.fsum(map(float, image.ravel())) + math.fsum(map(float, hidden))) / n
        want = {"nats": cost, "bits": cost * math.log2(math.e) / math.prod([c, h, w])}
        expect(named(answer(pixels, latents), want)[name], want[name], name)

    return part


NATS = Exercise(
    name="nats_and_bits",
    task="what an image costs a VAE: nats per image, and bits per dimension",
    parts=[
        Part("pixels", 1, _cost("nats", with_latents=False)),
        Part("nats", 1, _cost("nats")),
        Part("bits", 2, _cost("bits")),
    ],
    wrong=[
        Wrong(
            {"(pixels.sum() + latents.sum()) / n": "pixels.mean() + latents.sum() / n"},
            "The pixels are averaged, the latents summed: their balance is off by the number of pixels. Sum both.",
        ),
        Wrong(
            {"(pixels.sum() + latents.sum()) / n": "pixels.sum() / n + latents.mean()"},
            "The latents are averaged: an image pays for all of them, so sum over Z.",
        ),
        Wrong(
            {"(pixels.sum() + latents.sum()) / n": "pixels.sum() + latents.sum()"},
            "This is what the whole batch costs; divide by the N images in it.",
        ),
        Wrong(
            {"nats / np.log(2) / (c * h * w)": "nats * np.log(2) / (c * h * w)"},
            "A nat is more than a bit, 1 / log(2) = 1.44 of them: divide by log(2).",
        ),
        Wrong({"/ (c * h * w)": "/ (h * w)"}, "Channels are dimensions, too: a colour image has C * H * W of them."),
        Wrong({"bits = nats / np.log(2) / (c * h * w)": "bits = nats / np.log(2)"}, "These are bits per image."),
    ],
)

CHAPTER = Chapter(
    number=10,
    name="losses",
    title="Losses that do not overflow: softmax, logits, nats",
    hours=2.5,
    needs=(2, 4),
    exercises=[LOG_SUM_EXP, SOFTPLUS, BINARY, SMOOTHED, NATS],
)
