"""Exercises of chapter 15: points between samples, a backward of a backward, a penalty's gradient, spectral norm."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import complex_steps, named

# ---- 15.1 ---------------------------------------------------------------------------------------------------------


def _places(answer, draw, n, *shape):
    """Ask for points between samples, and return how far along its line each is, (N,)."""
    fake = draw.normal(n, *shape)
    real = fake + draw.away_from_zero(n, *shape)
    seed = draw.size(1, 10_000)
    got = np.asarray(answer(real, fake, seed))
    expect(got * 0, np.zeros((n, *shape)), "0 times the points")
    places = ((got - fake) / (real - fake)).reshape(n, -1)  # (N, C*H*W)
    expect(places, np.repeat(places[:, :1], places.shape[1], axis=1), "how far along its line each number is")
    return places[:, 0]


def _on_lines(*axes):
    def part(answer, draw):
        n, *shape = draw.sizes(1 + len(axes), 3, 6)
        places = _places(answer, draw, n, *shape)
        expect_that(len(set(places.round(9))) == n, "all samples lie equally far along their lines")

    return part


def _uniform(answer, draw):
    places = _places(answer, draw, 1000, *draw.sizes(3, 1, 3))
    expect_that(places.min() > -1e-9 and places.max() < 1 + 1e-9, f"a point lies {places.max():.3g} along its line")
    counts = np.histogram(places, bins=4, range=(0, 1))[0]  # 250 +- 14 in each quarter
    expect_that(counts.min() > 180, f"the quarters of the lines hold {counts.tolist()} of 1000 points")


BETWEEN = Exercise(
    name="between",
    task="one random point on the line from each drawn sample to its real one",
    parts=[Part("images", 2, _on_lines(0, 0, 0)), Part("points", 1, _on_lines(0)), Part("uniform", 1, _uniform)],
    wrong=[
        Wrong(
            {"(len(real),) + (1,) * (real.ndim - 1)": "real.shape"},
            "One epsilon for each pixel fills a whole box; one for each sample stays on its line.",
        ),
        Wrong(
            {"(len(real),) + (1,) * (real.ndim - 1)": "(1,) * real.ndim"},
            "This is one epsilon for the whole batch. Each sample should have its own.",
        ),
        Wrong(
            {"(len(real),) + (1,) * (real.ndim - 1)": "(len(real), 1, 1, 1)"},
            "This fits images (N, C, H, W) only. Points (N, D) need an epsilon of shape (N, 1).",
        ),
        Wrong(
            {"(1 - epsilon) * fake": "epsilon * fake"},
            "The two weights must add up to 1: epsilon and 1 - epsilon. Else the point is not on the line.",
        ),
        Wrong(
            {".random(": ".standard_normal("},
            "Normal numbers lie outside of [0, 1), too: beyond the ends of the line. Draw uniform ones.",
        ),
    ],
)

# ---- 15.2 ---------------------------------------------------------------------------------------------------------

TWICE_NAMES = ("for_x", "for_dy")


def _twice(name):
    def part(answer, draw):
        x, dy, u = draw.normal(3, *draw.sizes(2, 2, 6))

        def loss(x, dy):
            return (u * dy / np.cosh(x) ** 2).sum()

        want = {
            "for_x": lambda: complex_steps(lambda v: loss(v, dy), x),
            "for_dy": lambda: complex_steps(lambda v: loss(x, v), dy),
        }[name]()
        expect(named(answer(x, dy, u), TWICE_NAMES)[name], want, name)

    return part


TWICE = Exercise(
    name="tanh_twice",
    task="the backward of the backward of tanh",
    parts=[Part("dy", 1, _twice("for_dy")), Part("x", 2, _twice("for_x"))],
    wrong=[
        Wrong(
            {"u * dy * -2 * y * (1 - y**2)": "0 * x"},
            "The slope was taken for a constant. It is a function of x: 1 - tanh(x)**2.",
        ),
        Wrong(
            {"u * dy * -2 * y * (1 - y**2)": "u * dy * -2 * y"},
            "This is the derivative with respect to y. One step is left, from y to x: its slope is 1 - y**2.",
        ),
        Wrong({"u * dy * -2 * y": "u * dy * 2 * y"}, "The sign of for_x: the derivative of 1 - y**2 is -2 * y."),
        Wrong(
            {"u * dy * -2 * y": "u * -2 * y"}, "In for_x, dy is missing: it is a factor of dx, so it stays a factor."
        ),
        Wrong({"for_dy = u * (1 - y**2)": "for_dy = u"}, "Going back, dy was multiplied by the slope, so u is, too."),
        Wrong(
            {"for_dy = u * (1 - y**2)": "for_dy = dy * (1 - y**2)"},
            "In for_dy stands dx itself. What is wanted is the gradient of sum(u * dx) with respect to dy.",
        ),
    ],
)

# ---- 15.3 ---------------------------------------------------------------------------------------------------------

PENALTY_NAMES = ("penalty", "dw1", "dw2")


def _critic(draw, scale=1.0):
    """Draw samples and a critic; no hidden unit is near its kink, and slopes lie on both sides of 1."""
    n, d, h = draw.sizes(3, 3, 7)
    x, w1, w2 = draw.normal(n, d), draw.normal(h, d), scale * draw.away_from_zero(h)
    b1 = draw.normal(h)
    while np.abs(x @ w1.T + b1).min() < 1e-3:
        b1 = draw.normal(h)
    return x, w1, b1, w2 / math.sqrt(h)


def _penalty(x, w1, b1, w2, leak):
    """Compute the penalty sample by sample, for complex weights, too."""
    total = 0.0
    for sample in x:
        gradient = np.zeros(len(sample), complex)
        for h in range(len(w2)):
            hidden = (w1[h] * sample).sum() + b1[h]
            gradient = gradient + w2[h] * (1.0 if hidden.real > 0 else leak) * w1[h]
        total = total + ((gradient * gradient).sum() ** 0.5 - 1) ** 2
    return total / len(x)


def _penalised(name):
    def part(answer, draw):
        x, w1, b1, w2 = _critic(draw)
        leak = draw.constants["LEAK"]
        want = {
            "penalty": lambda: _penalty(x, w1, b1, w2, leak).real,
            "dw1": lambda: complex_steps(lambda v: _penalty(x, v, b1, w2, leak), w1),
            "dw2": lambda: complex_steps(lambda v: _penalty(x, w1, b1, v, leak), w2),
        }[name]()
        expect(named(answer(x, w1, b1, w2), PENALTY_NAMES)[name], want, name)

    return part


def _flat(answer, draw):
    x, w1, b1, w2 = _critic(draw)
    got = named(answer(x, w1, b1, 0 * w2), PENALTY_NAMES)
    expect(got["penalty"], 1.0, "the penalty of a flat critic")
    expect(got["dw2"], 0 * w2, "dw2 of a flat critic")
    expect(got["dw1"], 0 * w1, "dw1 of a flat critic")


PENALTY = Exercise(
    name="penalty_gradients",
    task="the gradient penalty of a critic of two layers, and its gradients with respect to the weights",
    constants={"LEAK": (0.2, 0.1, 0.15, 0.25, 0.3)},
    parts=[
        Part("penalty", 1, _penalised("penalty")),
        Part("dw2", 2, _penalised("dw2")),
        Part("dw1", 2, _penalised("dw1")),
        Part("flat critic", 1, _flat),
    ],
    wrong=[
        Wrong(
            {"np.mean((norms - 1) ** 2)": "np.mean(norms - 1) ** 2"},
            "This squares the mean: a slope too large here would make up for one too small there. Square first.",
        ),
        Wrong(
            {"np.sqrt((g**2).sum(axis=1))": "(g**2).sum(axis=1)"},
            "The root is missing: the length of a gradient should be 1, not merely its square be near 1.",
        ),
        Wrong(
            {"LEAK)": "0.0)"},
            "Where a hidden unit is below 0 its slope is LEAK, not 0: this critic has leaky relu.",
        ),
        Wrong(
            {"2 * (norms - 1) / len(x)": "2 * (norms - 1)"},
            "The penalty is right, but its gradients are len(x) times too large: it is a mean.",
        ),
        Wrong(
            {"g / np.maximum(norms, 1e-300)[:, None]": "g / norms[:, None]"},
            "A flat critic has g = 0, and 0 / 0 is no number. There the derivative of the norm counts as 0.",
        ),
        Wrong(
            {"g / np.maximum(norms, 1e-300)[:, None]": "g"},
            "The derivative of the length of g is the direction g / |g|, of length 1; here it is g itself.",
        ),
        Wrong(
            {"(slopes * w2).T @ dg": "slopes.T @ dg"},
            "In g, each row of w1 stands times its slope and its w2; in dw1 the w2 is missing.",
        ),
        Wrong(
            {"(slopes * (dg @ w1.T)).sum(axis=0)": "(dg @ w1.T).sum(axis=0)"},
            "In g, each w2 stands times the slope of its hidden unit; in dw2 the slopes are missing.",
        ),
    ],
)

# ---- 15.4 ---------------------------------------------------------------------------------------------------------

POWER_NAMES = ("sigma", "u", "v")


def _unit(x):
    return x / math.sqrt(math.fsum(float(value) ** 2 for value in x))


def _weight(draw):
    """Draw the weight of a convolution, and a unit vector for its outputs."""
    o, c, kh, kw = draw.sizes(4, 2, 5)
    return draw.normal(o, c, kh, kw), _unit(draw.normal(o))


def _power(name):
    def part(answer, draw):
        weight, start = _weight(draw)
        rows = np.array([filter_.ravel() for filter_ in weight])  # (O, C*KH*KW)
        u = start
        for _ in range(draw.constants["STEPS"]):
            v = _unit(sum(a * row for a, row in zip(u, rows, strict=True)))
            u = _unit(np.array([math.fsum(row * v) for row in rows]))
        sigma = math.fsum(a * math.fsum(row * v) for a, row in zip(u, rows, strict=True))
        want = {"sigma": sigma, "u": u, "v": v}
        got = named(answer(weight, start), POWER_NAMES)
        for key in name.split():
            expect(got[key], want[key], key)

    return part


def _near(answer, draw):
    weight, u = _weight(draw)
    sigma = 0.0
    for _ in range(60):
        sigma, u, _ = named(answer(weight, u), POWER_NAMES).values()
    exact = float(np.linalg.svd(weight.reshape(len(weight), -1), compute_uv=False)[0])
    expect(float(sigma) / exact, 1.0, "sigma after many calls, over the exact one,", tolerance=0.01)


POWER = Exercise(
    name="power_steps",
    task="steps of the power method: the largest singular value of a convolution's weight, and its vectors",
    constants={"STEPS": (2, 1, 3, 4)},
    parts=[Part("u and v", 2, _power("v u")), Part("sigma", 1, _power("sigma")), Part("near the SVD", 1, _near)],
    wrong=[
        Wrong(
            {"weight.reshape(len(weight), -1)": "weight.reshape(-1, len(weight)).T"},
            "Rows must be filters: weight[0] with all its numbers is the first row. Keep the first axis as it is.",
        ),
        Wrong(
            {"v = v / np.sqrt((v**2).sum())": "v = v * 1"},
            "The vector v must have length 1; without that, sigma comes out in wrong units.",
        ),
        Wrong(
            {"u = u / np.sqrt((u**2).sum())": "u = u * 1"},
            "The vector u must have length 1; without that it grows by sigma from step to step.",
        ),
        Wrong(
            {"u @ (matrix @ v)": "u @ (matrix @ (matrix.T @ u))"},
            "This is about the square of sigma: the matrix and its transpose each stretch by sigma.",
        ),
        Wrong({"range(STEPS)": "range(STEPS + 1)"}, "This is one step more than STEPS."),
        Wrong(
            {
                "        u = matrix @ v\n        u = u / np.sqrt((u**2).sum())\n": "",
            },
            "Only v moves here. The better v gives a better u, and that the next v.",
        ),
    ],
)

# ---- 15.5 ---------------------------------------------------------------------------------------------------------


def _exact_vectors(answer, draw):
    w, dout = draw.normal(2, *draw.sizes(2, 3, 6))
    w += 2 * np.outer(_unit(draw.normal(len(w))), _unit(draw.normal(w.shape[1])))  # one value stands out
    left, _, right = np.linalg.svd(w)
    want, step = np.zeros(w.shape), 1e-3

    def loss(w):
        return float((dout * w).sum() / np.linalg.svd(w, compute_uv=False)[0])

    for i in np.ndindex(*w.shape):
        bump = np.zeros(w.shape)
        bump[i] = step
        near, far = loss(w + bump) - loss(w - bump), loss(w + 2 * bump) - loss(w - 2 * bump)
        want[i] = (8 * near - far) / (12 * step)
    expect(answer(dout, w, left[:, 0], right[0]), want, "dw", tolerance=1e-6)


def _any_vectors(answer, draw):
    w, dout = draw.normal(2, *draw.sizes(2, 3, 6))
    u, v = _unit(draw.normal(len(w))), _unit(draw.normal(w.shape[1]))
    w += draw.number(2, 4) * np.outer(u, v)  # sigma is not near 0
    want = complex_steps(lambda x: (dout * x).sum() / (u @ (x @ v)), w)
    expect(answer(dout, w, u, v), want, "dw with vectors that are not exact yet")


SPECTRAL = Exercise(
    name="spectral_backward",
    task="the gradient of a loss with respect to W, given that with respect to W / sigma",
    parts=[Part("exact vectors", 2, _exact_vectors), Part("any vectors", 1, _any_vectors)],
    wrong=[
        Wrong(
            {" - (dout * w).sum() / sigma * np.outer(u, v)": ""},
            "This takes sigma for a constant. It is a function of W, and its gradient is the outer product of u and v.",
        ),
        Wrong({"dout - (dout": "dout + (dout"}, "The sign: sigma stands in the denominator, so a larger one lowers."),
        Wrong(
            {"(dout * w).sum() / sigma *": "(dout * w).sum() *"},
            "The inner product is of dout with W / sigma, what came out; here it is with W itself.",
        ),
        Wrong({") / sigma\n": ")\n"}, "All of it is divided by sigma once more: the output is W / sigma."),
        Wrong(
            {"(dout * w).sum() / sigma * np.outer(u, v)": "dout * w / sigma * np.outer(u, v)"},
            "The sum is missing: sigma is one number, and every element of the output depends on it.",
        ),
    ],
)

CHAPTER = Chapter(
    number=15,
    name="wgan_gp",
    title="Gradients of gradients: WGAN-GP and spectral norm",
    hours=3,
    needs=(2, 4, 8, 12),
    exercises=[BETWEEN, TWICE, PENALTY, POWER, SPECTRAL],
)
