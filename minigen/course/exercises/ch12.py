"""Exercises of chapter 12: the best discriminator, the distance it measures, what G feels, mode coverage."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import expect
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import named


def _log_sigmoid(x):
    """Compute log(1 / (1 + exp(-x))) in scalars."""
    x = float(x)
    return -math.log1p(math.exp(-x)) if x > 0 else x - math.log1p(math.exp(x))


# ---- 12.1 ---------------------------------------------------------------------------------------------------------


def _best(share, log_p, log_q):
    """Compute the share of real ones among the samples at a place, in scalars."""
    if log_p == -math.inf or log_q == -math.inf:
        return float(log_q == -math.inf)
    return math.exp(_log_sigmoid(log_p - log_q + math.log(share) - math.log(1 - share)))


def _compare_best(answer, draw, log_p, log_q):
    want = [_best(draw.constants["REAL_SHARE"], float(p), float(q)) for p, q in zip(log_p, log_q, strict=True)]
    expect(answer(log_p, log_q), want, "D*")


def _best_value(answer, draw):
    n = draw.size(5, 9)
    _compare_best(answer, draw, draw.normal(n), draw.normal(n) - 1)


def _best_far(answer, draw):
    log_p, log_q = draw.normal(2, 2 * draw.size(3, 5)) * 3 - 2000
    log_p[::2] += draw.number(5, 10)
    _compare_best(answer, draw, log_p, log_q)


def _best_empty(answer, draw):
    log_p, log_q = draw.normal(2, 3 * draw.size(2, 3))
    log_p[::3], log_q[1::3] = -np.inf, -np.inf
    _compare_best(answer, draw, log_p, log_q)


BEST = Exercise(
    name="best_discriminator",
    task="the best D(x) at N places, from the logarithms of both densities and the share of real samples",
    constants={"REAL_SHARE": (0.25, 0.2, 0.3, 0.4, 0.6, 0.75)},
    parts=[Part("value", 2, _best_value), Part("far out", 1, _best_far), Part("empty places", 1, _best_empty)],
    wrong=[
        Wrong(
            {" + np.log(REAL_SHARE / (1 - REAL_SHARE))": ""},
            "This is right where half of the samples are real. Weigh p by REAL_SHARE and q by the rest.",
        ),
        Wrong(
            {" + np.log(REAL_SHARE / (1 - REAL_SHARE))": " + np.log(REAL_SHARE)"},
            "Here p is weighed, but q is not: its weight is 1 - REAL_SHARE.",
        ),
        Wrong(
            {"logit = log_p - log_q": "logit = log_q - log_p"}, "Here p and q are exchanged: D says 1 to real samples."
        ),
        Wrong(
            {"np.where(logit >= 0, 1, small) / (1 + small)": "np.exp(logit)"},
            "These are the odds, real samples for each drawn one. The probability is odds / (1 + odds).",
        ),
        Wrong(
            {"np.where(logit >= 0, 1, small) / (1 + small)": "1 / (1 + small)"},
            "This is the sigmoid of |logit|, never below 1/2. Where the logit is negative it is exp(logit)/(1 + exp).",
        ),
        Wrong(
            {
                "np.where(logit >= 0, 1, small) / (1 + small)": (
                    "(REAL_SHARE * np.exp(log_p) / (REAL_SHARE * np.exp(log_p) + (1 - REAL_SHARE) * np.exp(log_q)))"
                )
            },
            "Far out both densities are rounded to 0, and 0 / 0 is no number. Subtract logarithms first.",
        ),
    ],
)

# ---- 12.2 ---------------------------------------------------------------------------------------------------------


def _divergence(scale):
    def part(answer, draw):
        n, m = draw.sizes(2, 3, 9)
        real, fake = scale * draw.normal(n) + 1, scale * draw.normal(m) - 1
        if scale > 1:  # some real sample is surely taken for drawn, and some drawn one for real
            real[0], fake[0] = -draw.number(800, 1000), draw.number(800, 1000)
        for_real = math.fsum(_log_sigmoid(x) for x in real) / n
        for_fake = math.fsum(_log_sigmoid(-x) for x in fake) / m
        expect(answer(real, fake), math.log(2) + (for_real + for_fake) / 2, "the divergence")

    return part


DIVERGENCE = Exercise(
    name="jensen_shannon",
    task="the Jensen-Shannon divergence that D's logits on real and on drawn samples show, in nats",
    parts=[Part("value", 2, _divergence(1.0)), Part("stability", 1, _divergence(1000.0))],
    wrong=[
        Wrong({"np.log(2) + ": ""}, "A D that always says 1/2 must give 0: the log 2 is missing."),
        Wrong(
            {"(for_real + for_fake) / 2": "(for_real + for_fake)"},
            "V is twice the divergence, less 2 log 2: take half of it.",
        ),
        Wrong(
            {"np.logaddexp(0, fake)": "np.logaddexp(0, -fake)"},
            "For drawn samples it is log(1 - D), and 1 - s(x) = s(-x): the sign of the logit changes.",
        ),
        Wrong(
            {"-np.logaddexp(0, -real).mean()": "np.log(1 / (1 + np.exp(-real))).mean()"},
            "Here D is rounded to 0 before its logarithm is taken. log s(x) is -softplus(-x) = -logaddexp(0, -x).",
        ),
        Wrong(
            {"(for_real + for_fake) / 2": ("(for_real * len(real) + for_fake * len(fake)) / (len(real) + len(fake))")},
            "This is one mean over all samples. Each kind has a mean of its own, however many samples there are of it.",
        ),
    ],
)

# ---- 12.3 ---------------------------------------------------------------------------------------------------------


def _pull(name, low, high, about):
    """Compare with scalars, relative to what is right: small pulls must have all their digits."""

    def part(answer, draw):
        logits = draw.uniform(low, high, draw.size(4, 9))
        s = {"minimax": [_log_sigmoid(x) for x in logits], "non_saturating": [_log_sigmoid(-x) for x in logits]}
        want = np.array([-math.exp(value) / len(logits) for value in s[name]])
        got = named(answer(logits), s)[name]
        expect(np.shape(got), want.shape, "the shape")
        expect(got / want, np.ones(len(want)), f"{name}, divided by the right one, {about},")

    return part


def _ends(answer, draw):
    _pull("minimax", -200, -100, "where D is sure")(answer, draw)
    _pull("non_saturating", 100, 200, "where D is fooled")(answer, draw)


PULLS = Exercise(
    name="generator_pulls",
    task="the derivatives of both generator losses with respect to D's logits on drawn samples",
    parts=[
        Part("minimax", 2, _pull("minimax", -3, 3, "at small logits")),
        Part("non-saturating", 2, _pull("non_saturating", -3, 3, "at small logits")),
        Part("both ends", 1, _ends),
    ],
    wrong=[
        Wrong(
            {
                "minimax = -np.exp(-np.logaddexp(0, -logits)) / n": "minimax = -np.exp(-np.logaddexp(0, -logits))",
                "non_saturating = -np.exp(-np.logaddexp(0, logits)) / n": (
                    "non_saturating = -np.exp(-np.logaddexp(0, logits))"
                ),
            },
            "Both losses are means over N samples, so each derivative has a 1/N.",
        ),
        Wrong(
            {"minimax = -np.exp": "minimax = np.exp"},
            "The sign of minimax is wrong. G lowers log(1 - D), which falls when the logit grows.",
        ),
        Wrong(
            {"non_saturating = -np.exp": "non_saturating = np.exp"},
            "The sign of non_saturating is wrong. G lowers -log D, which falls when the logit grows.",
        ),
        Wrong(
            {"-np.exp(-np.logaddexp(0, logits)) / n": "-1 / np.exp(-np.logaddexp(0, -logits)) / n"},
            "This is the derivative with respect to D. The logit is one step further: times D * (1 - D).",
        ),
        Wrong(
            {"-np.exp(-np.logaddexp(0, logits)) / n": "-(1 - np.exp(-np.logaddexp(0, -logits))) / n"},
            "The difference 1 - s(x) loses all digits where s is near 1. Write it as s(-x).",
        ),
        Wrong(
            {
                "minimax = -np.exp(-np.logaddexp(0, -logits)) / n": "minimax = -np.exp(-np.logaddexp(0, logits)) / n",
                "non_saturating = -np.exp(-np.logaddexp(0, logits)) / n": (
                    "non_saturating = -np.exp(-np.logaddexp(0, -logits)) / n"
                ),
            },
            "The two are exchanged. The minimax form fades where D finds the samples out.",
        ),
    ],
)

# ---- 12.4 ---------------------------------------------------------------------------------------------------------


def _points(draw):
    """Draw points round some modes of a crooked lattice: many, just enough, too few, or none; and some far off."""
    sigma = draw.constants["SIGMA"]
    modes = draw.size(7, 10)
    centers = np.array([[i % 3, i // 3] for i in range(modes)]) * 3.0 + draw.uniform(-0.5, 0.5, modes, 2)
    counts = draw.rng.permutation(np.concatenate([[0, 20, 19, 5, 45], draw.integers(1, 60, modes - 5)]))
    pieces = []
    for center, count in zip(centers, counts, strict=True):
        stray = draw.size(2, 8)
        radius = sigma * np.concatenate([draw.uniform(0, 2.8, count), draw.uniform(3.5, 10, stray * (count > 0))])
        angle = draw.uniform(0, 2 * math.pi, len(radius))
        pieces.append(center + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    return draw.rng.permutation(np.concatenate(pieces)), centers


def _covered(name):
    def part(answer, draw):
        points, centers = _points(draw)
        near, good = [0] * len(centers), [0] * len(centers)
        for x in points:
            distances = [math.dist(x, center) for center in centers]
            mode = distances.index(min(distances))
            near[mode] += 1
            good[mode] += distances[mode] <= 3 * draw.constants["SIGMA"]
        shares = [n / len(points) for n in near]
        want = {
            "modes": sum(n >= 20 for n in good),
            "high_quality": sum(good) / len(points),
            "kl": math.fsum(h * math.log(h * len(centers)) for h in shares if h),
        }
        expect(named(answer(points, centers), want)[name], want[name], name)

    return part


COVERAGE = Exercise(
    name="coverage",
    task="how many modes are found, the share of points of high quality, and KL to uniform",
    constants={"SIGMA": (0.02, 0.03, 0.04, 0.05)},
    parts=[
        Part("modes", 2, _covered("modes")),
        Part("high quality", 1, _covered("high_quality")),
        Part("kl", 2, _covered("kl")),
    ],
    wrong=[
        Wrong(
            {"distances.min(axis=1) <= 3 * SIGMA": "distances.min(axis=1) <= SIGMA"},
            "This allows one standard deviation. In the plane that leaves 39 % of a perfect sample; take 3.",
        ),
        Wrong(
            {"np.sum(counts >= 20)": "np.sum(counts > 0)"},
            "One point may have got there by chance. A mode counts as found with 20 points.",
        ),
        Wrong(
            {"np.bincount(nearest[good], minlength=m)": "np.bincount(nearest, minlength=m)"},
            "Points far from every mode are counted for their nearest one: only those within 3 sigma find a mode.",
        ),
        Wrong(
            {"np.bincount(nearest, minlength=m) / n": "counts / counts.sum()"},
            "The divergence is of all points, each counted for its nearest mode, not only of the good ones.",
        ),
        Wrong(
            {"shares = shares[shares > 0]": "shares = shares * 1"},
            "The product 0 * log(0) is no number for NumPy, but 0 here: leave modes without points out of the sum.",
        ),
        Wrong(
            {"np.log(m * shares)": "np.log(shares)"},
            "This is minus the entropy. The divergence compares with the share 1/M that each mode should have.",
        ),
        Wrong(
            {"good.mean()": "good.sum()"},
            "This is how many points are good; the share is wanted.",
        ),
    ],
)

CHAPTER = Chapter(
    number=12,
    name="gan",
    title="GAN: a game, and how it goes wrong",
    hours=2.5,
    needs=(2, 10),
    exercises=[BEST, DIVERGENCE, PULLS, COVERAGE],
)
