"""Exercises of chapter 2: a formula line by line, a linear layer, relu, softmax with cross entropy."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import Mismatch, expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import named

# ---- 2.1 ----------------------------------------------------------------------------------------------------------


def _scalar(name):
    """Check one of the three gradients, by the formula as a whole."""

    def part(answer, draw):
        x, w, c = draw.number(0.5, 1.5), draw.number(-1, 1), draw.number(-0.5, 0.5)
        power = draw.constants["POWER"]
        slope = 1 - math.tanh(x * w + c) ** 2
        want = {
            "dx": power * x ** (power - 1) * math.tanh(x * w + c) + x**power * slope * w,
            "dw": x ** (power + 1) * slope,
            "dc": x**power * slope,
        }
        expect(named(answer(x, w, c), want)[name], want[name], name)

    return part


SCALAR = Exercise(
    name="scalar_backward",
    task="the gradients of tanh(x*w + c) * x**POWER with respect to x, w and c",
    constants={"POWER": (2, 3, 4, 5)},
    parts=[Part("dx", 2, _scalar("dx")), Part("dw", 1, _scalar("dw")), Part("dc", 1, _scalar("dc"))],
    wrong=[
        Wrong({"dx += da * w": "dx = da * w"}, "What reached x through p is overwritten: x is used twice, so add."),
        Wrong({"(1 - d**2)": "(1 - b**2)"}, "The slope of tanh is 1 - tanh(b)**2, and tanh(b) is d, not b."),
        Wrong({"dd = p": "dd = 1.0"}, "In y = d * p each factor gets dy times the other one: dd = p."),
        Wrong({"POWER * x ** (POWER - 1)": "x ** (POWER - 1)"}, "The slope of x**n is n * x**(n-1); the n is missing."),
        Wrong({"dw = da * x": "dw = da * w"}, "In a = x * w each factor gets da times the other one: dw = da * x."),
    ],
)

# ---- 2.2 ----------------------------------------------------------------------------------------------------------


def _affine(name):
    """Check one gradient against loops over all products."""

    def part(answer, draw):
        n, d, m = draw.sizes(3, 2, 6)
        x, w, dout = draw.normal(n, d), draw.normal(d, m), draw.normal(n, m)
        want = {"dx": np.zeros((n, d)), "dw": np.zeros((d, m)), "db": np.zeros(m)}
        for i in range(n):
            for k in range(m):
                want["db"][k] += dout[i, k]
                for j in range(d):
                    want["dx"][i, j] += dout[i, k] * w[j, k]
                    want["dw"][j, k] += dout[i, k] * x[i, j]
        expect(named(answer(dout, x, w), want)[name], want[name], name)

    return part


def _quick(answer, draw):
    """A layer of 400 to 400, a batch of 200: 64 million products, which loops would need a minute for."""
    x, w, dout = draw.normal(200, 400), draw.normal(400, 400), draw.normal(200, 400)
    got = named(answer(dout, x, w), ("dx", "dw", "db"))
    expect(got["dx"], np.einsum("nm,dm->nd", dout, w), "dx")
    expect_that(answer.seconds < 2.0, f"it took {answer.seconds:.1f} s for a layer of 400 to 400")


AFFINE = Exercise(
    name="affine_backward",
    task="dx, dw and db of x @ w + b",
    parts=[
        Part("dx", 1, _affine("dx")),
        Part("dw", 1, _affine("dw")),
        Part("db", 1, _affine("db")),
        Part("speed", 1, _quick, "Use products of whole matrices (@) instead of loops over their elements."),
    ],
    wrong=[
        Wrong({"x.T @ dout": "dout.T @ x"}, "This dw is transposed: w is (D, M), and x.T @ dout is, too."),
        Wrong(
            {"dout.sum(axis=0)": "dout.mean(axis=0)"},
            "The bias is added to each of the N rows, so its gradients are summed, not averaged.",
        ),
        Wrong(
            {"dout.sum(axis=0)": "dout"}, "The bias is (M,), but dout is (N, M): all rows shared it, so sum over them."
        ),
        Wrong(
            {"dw = x.T @ dout": "dw = x.T @ dout / len(x)"},
            "Nothing is averaged here: if the loss is a mean, dout has the 1/N in it.",
        ),
        Wrong(
            {"dx = dout @ w.T": "dx = dout @ w.T * x"}, "The line out = x @ w is linear in x, so x has no part in dx."
        ),
    ],
)

# ---- 2.3 ----------------------------------------------------------------------------------------------------------


def _relu(answer, draw):
    x = draw.away_from_zero(*draw.sizes(2, 3, 7))
    dout = draw.normal(*x.shape)
    want = np.array([g if v > 0 else 0.0 for g, v in zip(dout.ravel(), x.ravel(), strict=True)]).reshape(x.shape)
    expect(answer(dout, x), want, "dx")


def _relu_at_zero(answer, draw):
    """At 0 itself everybody has agreed on 0."""
    x, dout = np.array([-1.0, 0.0, 1.0]), draw.away_from_zero(3)
    expect(answer(dout, x), dout * [0, 0, 1], "dx")


RELU = Exercise(
    name="relu_backward",
    task="the gradient of relu",
    parts=[Part("dx", 2, _relu), Part("at 0", 1, _relu_at_zero)],
    wrong=[
        Wrong(
            {"dout * (x > 0)": "dout * (dout > 0)"},
            "The mask is made of dout. Whether relu lets through is decided by x.",
        ),
        Wrong({"dout * (x > 0)": "(x > 0) * 1.0"}, "This is the slope of relu. Times dout, it is the gradient."),
        Wrong({"x > 0": "x >= 0"}, "At x = 0 the slope is taken to be 0: x > 0."),
        Wrong(
            {"dout * (x > 0)": "dout * np.maximum(x, 0)"},
            "The slope of relu is 1 where x is positive, and not x.",
        ),
    ],
)

# ---- 2.4 ----------------------------------------------------------------------------------------------------------


def _loss_and_gradient(scores, targets):
    """Compute both in scalar loops; math.fsum and math.exp only."""
    n, k = scores.shape
    loss, gradient = 0.0, np.zeros((n, k))
    for i in range(n):
        largest = max(scores[i])
        terms = [math.exp(s - largest) for s in scores[i]]
        loss -= (scores[i, targets[i]] - largest - math.log(math.fsum(terms))) / n
        for j in range(k):
            gradient[i, j] = (terms[j] / math.fsum(terms) - (j == targets[i])) / n
    return {"loss": loss, "dscores": gradient}


def _entropy(name, scale=1.0):
    def part(answer, draw):
        n, k = draw.sizes(2, 3, 7)
        scores, targets = scale * draw.normal(n, k), draw.integers(0, k, n)
        want = _loss_and_gradient(scores, targets)
        try:
            expect(named(answer(scores, targets), want)[name], want[name], name)
        except Mismatch as error:
            raise Mismatch(
                f"{error}{f' (scores as large as {np.abs(scores).max():.0f})' if scale > 1 else ''}"
            ) from None

    return part


def _stable(answer, draw):
    for name in ("loss", "dscores"):
        _entropy(name, 1000.0)(answer, draw)


ENTROPY = Exercise(
    name="cross_entropy",
    task="the loss of softmax and cross entropy, and its gradient",
    parts=[
        Part("forward", 2, _entropy("loss")),
        Part("dscores", 2, _entropy("dscores")),
        Part("stability", 1, _stable),
    ],
    wrong=[
        Wrong(
            {"scores - scores.max(axis=1, keepdims=True)": "scores - 0"},
            "The exponential of a large score overflows: take the largest score of its row from each row first.",
        ),
        Wrong({"    dscores /= len(scores)\n": ""}, "The loss is a mean over N examples, so its gradient has a 1/N."),
        Wrong({"-np.mean(": "-np.sum("}, "This loss is a sum over the batch; it should be the mean."),
        Wrong(
            {"    dscores[rows, targets] -= 1\n": ""}, "At the right class 1 is missing: the gradient is p - 1 there."
        ),
        Wrong(
            {"np.exp(shifted).sum(axis=1, keepdims=True)": "np.exp(shifted).sum()"},
            "The sum goes over the whole batch. Each row has probabilities of its own: sum over axis 1.",
        ),
    ],
)

CHAPTER = Chapter(
    number=2,
    name="backpropagation",
    title="Back-propagation by hand",
    hours=2.5,
    needs=(1,),
    exercises=[SCALAR, AFFINE, RELU, ENTROPY],
)
