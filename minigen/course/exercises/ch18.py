"""Exercises of chapter 18: sizes by pencil, bounds of a loss, a bound that is one, an audit, what chance explains."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import as_numbers, expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import named

# ---- 18.1 ---------------------------------------------------------------------------------------------------------


def _after(side, kind, numbers):
    """Count places along one axis one by one; 0 if there are none."""
    if kind == "pool":
        return len(range(0, side - numbers[0] + 1, numbers[0]))
    _, kernel, stride, padding = numbers
    if kind == "conv":
        return len(range(-padding, side + padding - kernel + 1, stride))
    touched = max(place * stride + kernel for place in range(side))
    return max(0, touched - 2 * padding)


def _features(shape, layers):
    channels, *sides = shape
    for kind, *numbers in layers:
        channels = channels if kind == "pool" else numbers[0]
        sides = [_after(side, kind, numbers) for side in sides]
        if 0 in sides:
            return 0
    return channels * sides[0] * sides[1]


def _layer(draw, kind):
    kernel = draw.size(3, 4)
    return ("pool", draw.size(2, 3)) if kind == "pool" else (kind, draw.size(3, 9), kernel, draw.size(2, 3), 1)


def _stack(*kinds):
    def part(answer, draw):
        stacks = [((draw.size(2, 5), *draw.sizes(2, 14, 30)), [_layer(draw, k) for k in kinds]) for _ in range(5)]
        found = [answer(*stack) for stack in stacks]  # all, so that mistakes which agree on one stack are told apart
        for got, (shape, layers) in zip(found, stacks, strict=True):
            expect(got, _features(shape, layers), f"{shape} after {layers}")

    return part


def _no_room(answer, draw):
    """Two layers that have room, and one whose window is larger than the picture both ways, by four or more."""
    for end in ("conv", "pool"):
        shape = (draw.size(2, 5), *draw.sizes(2, 4, 7))
        least = draw.size(12, 14)
        last = ("conv", draw.size(3, 9), least, 1, 0) if end == "conv" else ("pool", least)
        layers = [("conv", draw.size(3, 9), 3, 1, 1), last]
        expect(answer(shape, layers), 0, f"{shape} after {layers}, where the last has no room")
        fits = [layers[0], ("pool", 2)]
        expect(answer(shape, fits), _features(shape, fits), f"{shape} after {fits}")


FLATTEN = Exercise(
    name="flatten_size",
    task="how many numbers a picture has after some layers, or 0 where a layer has no room",
    parts=[
        Part("convolutions", 1, _stack("conv", "conv")),
        Part("pooling", 1, _stack("conv", "pool")),
        Part("transposed", 1, _stack("up", "up")),
        Part("all", 1, _stack("conv", "up", "pool", "conv")),
        Part("no room", 1, _no_room),
    ],
    wrong=[
        Wrong({"// stride + 1 for": "// stride for"}, "There is one window more than steps: add 1."),
        Wrong({"side + 2 * padding - kernel": "side + padding - kernel"}, "Both ends of a side are padded."),
        Wrong({" - 2 * padding for": " for"}, "A transposed convolution crops its result by the padding, both ends."),
        Wrong(
            {"(side - 1) * stride + kernel - 2 * padding": "side * stride"},
            "So it is for kernel 4, stride 2, padding 1. In general: (side - 1) * stride + kernel - 2 * padding.",
        ),
        Wrong(
            {"        if min(sides) < 1:\n            return 0\n": ""},
            "Where a window is larger than the picture a side becomes 0 or less: return 0 there.",
        ),
        Wrong({"channels * sides[0] * sides[1]": "sides[0] * sides[1]"}, "Each channel has so many: times channels."),
        Wrong({"sides[0] * sides[1]": "sides[0] ** 2"}, "Pictures need not be square: height times width."),
        Wrong(
            {"sides = [side // numbers[0] for side in sides]": "sides = [side - numbers[0] + 1 for side in sides]"},
            "The windows of this pooling touch, they do not overlap: a side is divided by the kernel.",
        ),
    ],
)  # fmt: skip

# ---- 18.2 ---------------------------------------------------------------------------------------------------------


def _bounds(name, kind):
    def part(answer, draw):
        n, k = draw.size(4, 7), draw.size(8, 12)
        if kind == "labels":
            t = np.eye(k)[draw.integers(0, k, n)]
        elif kind == "soft":
            t = 0.8 * np.eye(k)[draw.integers(0, k, n)] + 0.2 / k
        else:
            t = draw.uniform(0.2, 3, n, k) * (draw.uniform(0, 1, n, k) < 0.7)
            t[:, 0] = 1.0  # no row is empty
        rows = [[float(v) for v in row if v > 0] for row in t]
        want = {
            "untrained": math.fsum(map(math.fsum, rows)) * math.log(k) / n,
            "least": math.fsum(v * (math.log(math.fsum(row)) - math.log(v)) for row in rows for v in row) / n,
        }
        expect(named(answer(t), want)[name], want[name], f"{name}, for {kind}")

    return part


BOUNDS = Exercise(
    name="loss_bounds",
    task="a cross entropy of a guess that knows nothing, and the least that it can be",
    parts=[
        Part("untrained", 1, _bounds("untrained", "labels")),
        Part("untrained, any sum", 1, _bounds("untrained", "weights of any sum")),
        Part("least, soft labels", 1, _bounds("least", "soft")),
        Part("least, zeros and any sum", 2, _bounds("least", "weights of any sum")),
    ],
    wrong=[
        Wrong({"weight.mean() * np.log": "np.log"}, "A row that sums to 2 counts twice: its loss is 2 ln K."),
        Wrong({"np.log(t.shape[1])": "np.log(2)"}, "The guess is among K classes, not among two."),
        Wrong({"np.log(t.shape[1])": "np.log(len(t))"}, "Classes are along axis 1; this is the logarithm of N."),
        Wrong(
            {"t / np.where(weight > 0, weight, 1)": "t * 1.0"},
            "Probabilities sum to 1, targets need not: the best p is t divided by the sum of its row.",
        ),
        Wrong(
            {"np.log(np.where(shares > 0, shares, 1))": "np.log(shares)"},
            "The product 0 * ln 0 is no number for NumPy, but 0 here: replace the 0 inside of the logarithm.",
        ),
        Wrong(
            {"return untrained, least": "return untrained, 0.0 * least"},
            "The least is 0 only where a row has one target. Soft labels have an entropy, and no loss is below it.",
        ),
        Wrong(
            {"np.mean(np.sum(-t * np.log(np.where(shares > 0, shares, 1)), axis=1))":
             "np.sum(-t * np.log(np.where(shares > 0, shares, 1)))"},
            "This loss is a mean over the rows: divide by N.",
        ),
    ],
)  # fmt: skip

# ---- 18.3 ---------------------------------------------------------------------------------------------------------


def _log_evidence(x, slope):
    """Compute log p(x), whose variance is that of the slope times z, and 1."""
    variance = slope**2 + 1
    return -0.5 * (math.log(2 * math.pi * variance) + x**2 / variance)


def _bound_value(answer, draw):
    """Integrate over z on a fine grid: log p(x|z) + log p0(z) - log q(z), weighed by q."""
    n, slope = draw.size(3, 6), draw.constants["SLOPE"]
    x, m, s = 2 * draw.normal(n), draw.normal(n), draw.uniform(0.3, 1.5, n)
    t = np.linspace(-12, 12, 4001)
    weights = np.exp(-(t**2) / 2) / np.exp(-(t**2) / 2).sum()
    want = []
    for a, b, c in zip(x, m, s, strict=True):
        z = b + c * t
        joint = -math.log(2 * math.pi) - ((a - slope * z) ** 2 + z**2) / 2
        want.append(np.sum(weights * (joint + math.log(c) + (math.log(2 * math.pi) + t**2) / 2)))
    expect(answer(x, m, s), want, "the bound", 1e-8)


def _bound_tight(answer, draw):
    """At the true distribution of z given x the bound is log p(x)."""
    n, slope = draw.size(3, 6), draw.constants["SLOPE"]
    x = 2 * draw.normal(n)
    m, s = slope * x / (slope**2 + 1), np.full(n, 1 / math.sqrt(slope**2 + 1))
    expect(answer(x, m, s), _log_evidence(x, slope), "the bound where q is the true distribution of z")


def _bound_below(answer, draw):
    n, slope = 40, draw.constants["SLOPE"]
    x = 2 * draw.normal(n)
    mean, spread = slope * x / (slope**2 + 1), 1 / math.sqrt(slope**2 + 1)
    m, s = mean + 0.3 * draw.normal(n), spread * draw.uniform(0.5, 1.5, n)
    got, most = np.asarray(answer(x, m, s)), _log_evidence(x, slope)
    expect_that(got.shape == (n,), f"the bounds should have shape ({n},)")
    gap = math.log(spread) - np.log(s) + (s**2 + (m - mean) ** 2) / (2 * spread**2) - 0.5  # of q from the true one
    above = int(np.argmax(got - most))
    expect_that(
        np.all(got <= most + 1e-9),
        f"at index {above} the bound is {got[above]:.6g}, above log p(x) = {most[above]:.6g}",
    )
    expect(most - got, gap, "log p(x) minus the bound")


EVIDENCE = Exercise(
    name="evidence_bound",
    task="the lower bound of log p(x) for a Gaussian model and a Gaussian q, in nats",
    constants={"SLOPE": (2.0, 0.5, 1.5, 3.0)},
    parts=[
        Part("value", 2, _bound_value),
        Part("tight", 1, _bound_tight),
        Part("never above", 1, _bound_below),
    ],
    wrong=[
        Wrong(
            {"return reconstruction - divergence":
             "return reconstruction - divergence - (np.log(2 * np.pi) + m**2 + s**2) / 2"},
            "The prior is counted twice: it is in the divergence already.",
        ),
        Wrong(
            {"reconstruction - divergence": "reconstruction + divergence"},
            "The divergence is subtracted: q may stray from the prior, but it costs.",
        ),
        Wrong(
            {" + SLOPE**2 * s**2": ""},
            "The mean of a square is not the square at the mean: the spread of z adds SLOPE**2 * s**2.",
        ),
        Wrong({"SLOPE**2 * s**2": "s**2"}, "The spread of z reaches x through the slope: SLOPE**2 * s**2."),
        Wrong(
            {"-(np.log(2 * np.pi) + square) / 2": "-square / 2"},
            "The density of a normal has a factor in front; without -ln(2 pi) / 2 the bound lies above log p(x).",
        ),
        Wrong({"- np.log(s)": "- 2 * np.log(s)"}, "Half of ln s**2 is ln s, and not 2 ln s."),
        Wrong(
            {"-(np.log(2 * np.pi) + square) / 2": "-(np.log(2 * np.pi) / 2 + square)"},
            "The square is halved, too: ln N(x; a, 1) = -(ln 2 pi + (x - a)**2) / 2.",
        ),
    ],
)  # fmt: skip

# ---- 18.4 ---------------------------------------------------------------------------------------------------------


def _game(uses_real, uses_drawn, sign):
    """A GAN on a line, with or without each of its parts; sign is 1 for a G that fools, -1 for one that helps."""

    def program(g, d, real, noise):
        g, d, real, noise = (np.asarray(a, dtype=float) for a in (g, d, real, noise))
        drawn = g[0] * noise + g[1]
        for_d = np.zeros(2)
        if uses_real:
            wrong = 1 / (1 + np.exp(d[0] * real + d[1]))
            for_d -= [np.mean(wrong * real), np.mean(wrong)]
        if uses_drawn:
            wrong = 1 / (1 + np.exp(-d[0] * drawn - d[1]))
            for_d += [np.mean(wrong * drawn), np.mean(wrong)]
        pull = sign * d[0] / (1 + np.exp(d[0] * drawn + d[1]))
        return for_d, -np.array([np.mean(pull * noise), np.mean(pull)])

    return program


def _audit(place):
    def part(answer, draw):
        wants, gots = [], []
        for uses_real, uses_drawn, sign in draw.rng.permutation(
            [[1, 1, 1], [1, 0, 1], [0, 1, 1], [1, 1, -1], [1, 1, 0], [0, 1, -1], [1, 0, -1]]
        ):
            n = draw.size(5, 9)
            g, d = draw.uniform(0.5, 1.5, 2), draw.uniform(0.5, 1.5, 2) * draw.rng.choice([-1.0, 1.0], 2)
            noise = draw.uniform(-1, 1, n)  # smaller than 1, so that a right step surely raises the score
            program = _game(bool(uses_real), bool(uses_drawn), int(sign))
            names = ("sees_real", "sees_drawn", "fools")
            got = named(answer(program, g, d, draw.normal(n), noise), names)
            wants.append([bool(uses_real), bool(uses_drawn), sign > 0][place])
            gots.append(got[names[place]])
        numbers = [as_numbers(got, names[place]) for got in gots]
        expect_that(all(got.shape == () and got.dtype.kind == "b" for got in numbers), "it should say True or False")
        words = ("D learns from real samples", "D learns from drawn samples", "a step of G raises D's score")
        for want, said in zip(wants, numbers, strict=True):
            expect_that(bool(said) == want, f"of one program it says: '{words[place]}' is {bool(said)}; it is {want}")

    return part


AUDIT = Exercise(
    name="audit",
    task="does D learn from real samples, does it learn from drawn ones, does a step of G fool it: by experiment",
    parts=[Part("real", 1, _audit(0)), Part("drawn", 2, _audit(1)), Part("fools", 2, _audit(2))],
    wrong=[
        Wrong(
            {"program(g, d, real, noise + 1)[0], for_d": "program(g, d, real, noise + 1)[1], for_g"},
            "This asks whether G's gradient depends on the noise. Compare D's.",
        ),
        Wrong(
            {"program(g, d, real + 1, noise)": "program(g, d, real + 1, noise + 1)"},
            "Two things are changed at once, so nobody knows which one was felt. Change the real samples alone.",
        ),
        Wrong({"g - 0.001 * for_g": "g + 0.001 * for_g"}, "The program steps against its gradient: g - 0.001 * for_g."),
        Wrong(
            {"score(g - 0.001 * for_g) > score(g)": "score(g) > 0"},
            "This says whether D is fooled now. Ask whether a step makes its score larger.",
        ),
        Wrong(
            {"sees_real = not np.allclose": "sees_real = np.allclose"},
            "If D's gradient stays the same, it does *not* depend on the real samples.",
        ),
        Wrong(
            {"score(g - 0.001 * for_g) > score(g)": "bool(np.any(for_g))"},
            "This says whether G moves at all. It may move the wrong way: compare scores before and after.",
        ),
    ],
)  # fmt: skip

# ---- 18.5 ---------------------------------------------------------------------------------------------------------


def _share(a, b):
    """Go through all bit masks; whole numbers, so that equal is equal."""
    scores, n, m = [int(v) for v in (*a, *b)], len(a), len(b)
    total = sum(scores)

    def gap(part):  # n * m times the difference of the means
        return abs(m * part - n * (total - part))

    masks = [mask for mask in range(2 ** (n + m)) if mask.bit_count() == n]
    fact = gap(sum(scores[:n]))
    sums = [sum(score for i, score in enumerate(scores) if mask >> i & 1) for mask in masks]
    return sum(gap(part) >= fact for part in sums) / len(masks)


def _gap(n, m, shift):
    def part(answer, draw):
        pairs = [(draw.integers(-6, 6, n) + 0.0, draw.integers(-6, 6, m) + draw.number(*shift) // 1) for _ in range(5)]
        shares = [answer(*pair) for pair in pairs]  # all, so that mistakes which agree on one pair are told apart
        for share, (a, b) in zip(shares, pairs, strict=True):
            expect(share, _share(a, b), f"the share for {a.tolist()} and {b.tolist()}")

    return part


CHANCE = Exercise(
    name="chance_of_gap",
    task="the share of ways to name the runs in which the gap of means is at least as large",
    parts=[
        Part("as many of each", 2, _gap(4, 4, (1, 4))),
        Part("more of one", 2, _gap(3, 5, (1, 4))),
        Part("no overlap", 1, _gap(3, 4, (12, 20))),
    ],
    wrong=[
        Wrong(
            {"gap = abs(np.mean(a) - np.mean(b))": "gap = np.mean(b) - np.mean(a)",
             "abs(np.mean(scores[list(chosen)]) - np.mean(rest))": "np.mean(rest) - np.mean(scores[list(chosen)])"},
            "These differences have a sign. A gap that favours the other method surprises as much: take sizes.",
        ),
        Wrong(
            {">= gap - 1e-9": "> gap + 1e-9"},
            "Gaps *as large* count, too; the fact itself is one of the ways, so the share is never 0.",
        ),
        Wrong(
            {"abs(np.mean(scores[list(chosen)]) - np.mean(rest))": "abs(np.sum(scores[list(chosen)]) - np.sum(rest))",
             "abs(np.mean(a) - np.mean(b))": "abs(np.sum(a) - np.sum(b))"},
            "These are sums, of which the larger group has more: compare means.",
        ),
        Wrong(
            {"abs(np.mean(a) - np.mean(b))": "abs(np.max(a) - np.max(b))",
             "abs(np.mean(scores[list(chosen)]) - np.mean(rest))": "abs(np.max(scores[list(chosen)]) - np.max(rest))"},
            "These are the best runs. The best of five is better than the best of three by chance: compare means.",
        ),
        Wrong(
            {"np.mean(np.array(gaps) >= gap - 1e-9)": "np.sum(np.array(gaps) >= gap - 1e-9)"},
            "This is how many ways there are; divide by how many there are in all.",
        ),
        Wrong(
            {"np.mean(np.array(gaps) >= gap - 1e-9)": "np.mean(np.array(gaps) < gap - 1e-9)"},
            "This is the share of *smaller* gaps. What counts is how often chance gives one at least as large.",
        ),
    ],
)  # fmt: skip

CHAPTER = Chapter(
    number=18,
    name="reading_critically",
    title="Reading five articles critically",
    hours=3,
    needs=(5, 10, 12),
    exercises=[FLATTEN, BOUNDS, EVIDENCE, AUDIT, CHANCE],
)
