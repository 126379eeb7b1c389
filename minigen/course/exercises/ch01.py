"""Exercises of chapter 1: a slope by nudging, a gradient by calculus, a sum over paths, steps downhill."""

from __future__ import annotations

import numpy as np

from minigen.course.compare import expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong

# ---- 1.1 ----------------------------------------------------------------------------------------------------------


def _slope(answer, draw):
    """Of a cubic of three elements, whose value at the nudged place is known."""
    a, x = draw.normal(3), draw.normal(3)
    step, i = draw.number(0.01, 0.1), draw.size(0, 2)

    def f(x):
        return float(np.sum(a * x**3))

    want = a[i] * ((x[i] + step) ** 3 - x[i] ** 3) / step
    expect(answer(f, x, i, step), want, "the slope")


def _two_calls(answer, draw):
    """The function may be costly: two calls are enough."""
    calls = []

    def f(x):
        calls.append(x)
        return float(x.sum())

    answer(f, draw.normal(6), 2, 0.5)
    expect_that(len(calls) == 2, f"f was called {len(calls)} times; two calls are enough")


NUDGE = Exercise(
    name="nudge_slope",
    task="how fast f(x) changes when element i of x grows",
    parts=[Part("value", 3, _slope), Part("calls", 1, _two_calls)],
    wrong=[
        Wrong({"nudged[i] += step": "nudged += step"}, "All elements were nudged; only element i should be."),
        Wrong(
            {"(f(nudged) - f(x)) / step": "f(nudged) - f(x)"},
            "This is the change of f. A slope is the change divided by the nudge.",
        ),
        Wrong(
            {"(f(nudged) - f(x))": "(f(x) - f(nudged))"},
            "The difference is taken the wrong way round: after minus before.",
        ),
        Wrong(
            {"nudged = x.copy()": "nudged = x"},
            "Here nudged is x itself under another name, so f(x) sees the nudge, too. Work on a copy: x.copy().",
        ),
    ],
)

# ---- 1.2 ----------------------------------------------------------------------------------------------------------


def _loss_gradient(answer, draw):
    n = draw.size(4, 9)
    w, x, y = draw.number(-2, 2), draw.normal(n), draw.normal(n)
    residuals = [w * float(a) - float(b) for a, b in zip(x, y, strict=True)]
    want = sum(2 * r * float(a) for r, a in zip(residuals, x, strict=True)) / n
    expect(answer(w, x, y), want, "the gradient")


def _exact(answer, draw):
    """Where the loss is so curved that a nudge of any size is too coarse."""
    w, x = draw.number(1, 2), draw.uniform(1e6, 2e6, 5)
    expect(answer(w, x, 2 * w * x), -2 * w * np.mean(x * x), "the gradient for large x", tolerance=1e-12)


LOSS = Exercise(
    name="loss_gradient",
    task="the derivative of mean((w*x - y)**2) with respect to w",
    parts=[Part("value", 3, _loss_gradient), Part("exact", 1, _exact, "It should be exact: no nudging.")],
    wrong=[
        Wrong({"2 * np.mean": "np.mean"}, "A factor 2 is missing: the derivative of a square is twice its inside."),
        Wrong({"np.mean": "np.sum"}, "The loss is a mean, so its gradient is a mean, too: divide by N."),
        Wrong({" * x)": ")"}, "The chain rule's last factor is missing: the inside, w*x - y, has the derivative x."),
        Wrong({"(w * x - y)": "(y - w * x)"}, "The sign is wrong: the inside of the square is w*x - y."),
    ],
)

# ---- 1.3 ----------------------------------------------------------------------------------------------------------


def _by_listing(edges, node=0):
    """List all paths: the slow twin."""
    last = len(edges) - 1
    if node == last:
        return 1.0
    return sum(edges[node, j] * _by_listing(edges, j) for j in range(node + 1, last + 1) if edges[node, j])


def _paths(answer, draw):
    n = draw.size(5, 8)
    edges = np.triu(draw.away_from_zero(n, n), 1)
    edges[draw.integers(0, 2, n, n) == 0] = 0.0
    edges[np.arange(n - 1), np.arange(1, n)] = draw.away_from_zero(n - 1)  # at least the long path is there
    expect(answer(edges), _by_listing(edges), "the derivative")


def _diamonds(answer, draw):
    """So many paths that listing them would never end: 3 nodes a diamond, 2 paths each."""
    count = 40
    edges = np.zeros((3 * count + 1,) * 2)
    slopes = draw.uniform(0.3, 0.7, count, 4)
    for k, (a, b, c, d) in enumerate(slopes):
        edges[3 * k, 3 * k + 1], edges[3 * k, 3 * k + 2] = a, b
        edges[3 * k + 1, 3 * k + 3], edges[3 * k + 2, 3 * k + 3] = c, d
    want = np.prod(slopes[:, 0] * slopes[:, 2] + slopes[:, 1] * slopes[:, 3])
    expect(answer(edges) / want, 1.0, "the derivative, divided by the right one,")


PATHS = Exercise(
    name="sum_over_paths",
    task="the derivative of the last node with respect to node 0",
    parts=[
        Part("value", 3, _paths),
        Part("speed", 2, _diamonds, "Do not list the paths: let each node collect from the nodes before it, once."),
    ],
    wrong=[
        Wrong(
            {"effect[j] += ": "effect[j] = "},
            "Each path into a node overwrites the one before. Effects along different paths are added.",
        ),
        Wrong(
            {"effect[i] * edges[i, j]": "effect[i] + edges[i, j]"}, "Along a path the slopes are multiplied, not added."
        ),
        Wrong(
            {"effect[j] += effect[i] * edges[i, j]": "effect[j] = max(effect[j], effect[i] * edges[i, j], key=abs)"},
            "Only the strongest path is counted. All paths have an effect, and their effects are added.",
        ),
        Wrong(
            {"effect[0] = 1.0": "effect[0] = 0.0"},
            "Node 0 must begin with the effect 1, its slope with respect to itself; else nothing is collected.",
        ),
    ],
)

# ---- 1.4 ----------------------------------------------------------------------------------------------------------


def _bowl(draw):
    """A valley in the plane, its gradient, and where gradient descent is after some steps (known in closed form)."""
    curvature, lowest, start = draw.uniform(0.5, 3.0, 2), draw.normal(2), draw.normal(2)
    rate, steps = draw.constants["RATE"], draw.constants["STEPS"]
    return lambda w: curvature * (w - lowest), start, lowest + (1 - rate * curvature) ** steps * (start - lowest)


def _descend(answer, draw):
    gradient, start, want = _bowl(draw)
    expect(answer(gradient, start), want, "where it ends")


def _counts(answer, draw):
    calls = []
    slope, start, _ = _bowl(draw)

    def gradient(w):
        calls.append(w)
        return slope(w)

    answer(gradient, start)
    steps = draw.constants["STEPS"]
    expect_that(
        len(calls) == steps, f"the gradient was asked for {len(calls)} times; {steps} steps want it {steps} times"
    )


DESCEND = Exercise(
    name="descend",
    task="STEPS steps of gradient descent with the learning rate RATE",
    constants={"RATE": (0.1, 0.05, 0.15, 0.2, 0.25), "STEPS": (5, 4, 6, 7, 8)},
    parts=[Part("value", 3, _descend), Part("calls", 1, _counts)],
    wrong=[
        Wrong({"w - RATE": "w + RATE"}, "This climbs: the gradient points uphill, so it must be subtracted."),
        Wrong(
            {"gradient(w)": "gradient(start)"},
            "Every step uses the gradient at the start; ask again where you are now.",
        ),
        Wrong({"range(STEPS)": "range(STEPS - 1)"}, "One step is missing: there should be STEPS of them."),
        Wrong(
            {"w = w - RATE * gradient(w)": "w = -RATE * gradient(w)"},
            "The old w is lost: a step starts from where you are.",
        ),
    ],
)

CHAPTER = Chapter(
    number=1,
    name="gradients",
    title="Tensors, graphs, and what a gradient is",
    hours=1.5,
    needs=(),
    exercises=[NUDGE, LOSS, PATHS, DESCEND],
)
