"""Exercises of chapter 11: the divergence of a Gaussian, the pathwise gradient, the loss, active latents, free bits."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import named


def _divergence(mu, v):
    """Compute the KL divergence of one latent in scalars; by its series where v is so small that digits cancel."""
    mu, v = float(mu), float(v)
    if abs(v) < 1e-4:
        return mu * mu / 2 + v * v / 4 * (1 + v / 3 + v * v / 12)
    return 0.5 * math.fsum([mu * mu, math.exp(v), -1, -v])


def _divergences(mu, logvar):
    flat = [_divergence(m, v) for m, v in zip(mu.ravel(), logvar.ravel(), strict=True)]
    return np.array(flat).reshape(mu.shape)


# ---- 11.1 ---------------------------------------------------------------------------------------------------------


def _gaussian(mu, logvar):
    """Compute all three results in scalars."""
    slopes = np.array([math.expm1(float(v)) / 2 for v in logvar.ravel()]).reshape(logvar.shape)
    return {"kl": _divergences(mu, logvar), "dmu": mu, "dlogvar": slopes}


def _rate(name):
    def part(answer, draw):
        n, z = draw.sizes(2, 2, 7)
        mu, logvar = 2 * draw.normal(n, z), 2 * draw.normal(n, z)
        want = _gaussian(mu, logvar)
        expect(named(answer(mu, logvar), want)[name], want[name], name)

    return part


def _relative(answer, mu, logvar, where):
    want = _gaussian(mu, logvar)
    got = named(answer(mu, logvar), want)
    for name in ("kl", "dlogvar"):
        expect(np.shape(got[name]), mu.shape, f"the shape of {name}")
        about = f"{name}, divided by the right one, {where},"
        expect(np.asarray(got[name], float) / want[name], np.ones(mu.shape), about, 1e-6)


def _rate_large(answer, draw):
    """Far from the prior: variances from exp(-2000), which is 0 in floating point, to exp(600), which is not."""
    n, z = draw.sizes(2, 2, 7)
    mu = draw.normal(n, z)
    _relative(answer, mu, draw.uniform(-2000, -800, n, z), "where logvar is below -800")
    _relative(answer, mu, draw.uniform(300, 600, n, z), "where logvar is above 300")


def _rate_small(answer, draw):
    """So near to the prior that 1 and the variance differ in the last digits only."""
    n, z = draw.sizes(2, 2, 7)
    size = 10.0 ** draw.uniform(-7, -5.5, n, z)
    _relative(answer, np.zeros((n, z)), size * np.sign(draw.normal(n, z)), "where logvar is about 1e-6")


RATE = Exercise(
    name="gaussian_rate",
    task="KL(N(mu, exp(logvar)) || N(0, 1)) of each latent, and its derivatives",
    parts=[
        Part("kl", 2, _rate("kl")),
        Part("dmu", 1, _rate("dmu")),
        Part("dlogvar", 1, _rate("dlogvar")),
        Part("far from the prior", 1, _rate_large),
        Part("near the prior", 1, _rate_small),
    ],
    wrong=[
        Wrong(
            {
                "np.expm1(logvar)": "np.exp(logvar) - 1",
            },
            "Near the prior exp(logvar) - 1 has lost its digits to the 1: np.expm1 does both in one.",
        ),
        Wrong(
            {"(excess - logvar)": "(excess - np.log(np.exp(logvar)))"},
            "The variance underflows to 0, and its logarithm is infinite. It is given: log(sigma**2) is logvar.",
        ),
        Wrong(
            {"np.expm1(logvar)": "np.expm1(2 * logvar)", "(excess - logvar)": "(excess - 2 * logvar)"},
            "Here logvar is taken for log(sigma). It is log(sigma**2), so the variance is exp(logvar).",
        ),
        Wrong({"0.5 * (mu**2": "(mu**2"}, "The 1/2 before the divergence is missing."),
        Wrong({"0.5 * (mu**2 + (excess - logvar))": "0.5 * (mu**2 + excess)"}, "The term -log(sigma**2) is missing."),
        Wrong(
            {"0.5 * (mu**2 + (excess - logvar))": "-0.5 * (mu**2 + (excess - logvar))"},
            "The sign is wrong: a divergence is never negative. The bound has it with a minus, the loss with a plus.",
        ),
        Wrong(
            {"dlogvar = 0.5 * excess": "dlogvar = excess"},
            "The 1/2 of the divergence stands before its derivative with respect to logvar, too.",
        ),
        Wrong(
            {"dlogvar = 0.5 * excess": "dlogvar = 0.5 - 0.5 / (excess + 1)"},
            "This is the derivative with respect to the variance. Times exp(logvar), it is that for logvar.",
        ),
        Wrong({"dmu = mu": "dmu = 2 * mu"}, "The derivative of mu**2 / 2 is mu: the 1/2 is forgotten."),
    ],
)

# ---- 11.2 ---------------------------------------------------------------------------------------------------------


def _wave(draw, latents):
    """Return a function of points (K, Z) in which the latents meet, f (K,), and its gradient (K, Z)."""
    a, b = draw.away_from_zero(latents), draw.normal(latents)
    return (lambda z: np.sin(z @ a) + z**2 @ b), (lambda z: np.cos(z @ a)[:, None] * a + 2 * z * b)


def _differences(name):
    """Nudge mu or logvar, with the noise held fast: central differences of the mean of f."""

    def part(answer, draw):
        k, latents = draw.sizes(2, 3, 7)
        f, slope = _wave(draw, latents)
        mu, logvar, epsilon = draw.normal(latents), draw.away_from_zero(latents), draw.normal(k, latents)
        got = named(answer(slope, mu, logvar, epsilon), ("dmu", "dlogvar"))
        want = np.zeros(latents)
        for j in range(latents):
            for sign in (1, -1):
                m, v = mu.copy(), logvar.copy()
                (m if name == "dmu" else v)[j] += sign * 1e-5
                want[j] += sign * float(np.mean(f(m + np.exp(v / 2) * epsilon))) / 2e-5
        expect(got[name], want, name, 1e-6)

    return part


def _expectation(answer, draw):
    """For a z**2 + b z the mean is a (mu**2 + sigma**2) + b mu, just so for noise of mean 0 and variance 1."""
    latents = draw.size(2, 5)
    a, b, mu = draw.away_from_zero(latents), draw.normal(latents), draw.normal(latents)
    logvar = draw.away_from_zero(latents)
    epsilon = draw.normal(4 * latents, latents)
    epsilon = (epsilon - epsilon.mean(axis=0)) / epsilon.std(axis=0)
    got = named(answer(lambda z: 2 * a * z + b, mu, logvar, epsilon), ("dmu", "dlogvar"))
    expect(got["dmu"], 2 * a * mu + b, "dmu of a quadratic function")
    expect(got["dlogvar"], a * np.exp(logvar), "dlogvar of a quadratic function")


PATHWISE = Exercise(
    name="pathwise_gradients",
    task="the gradients of the mean of f(mu + sigma * epsilon) with respect to mu and logvar",
    parts=[
        Part("dmu", 2, _differences("dmu")),
        Part("dlogvar", 2, _differences("dlogvar")),
        Part("expectation", 1, _expectation),
    ],
    wrong=[
        Wrong(
            {"sigma = np.exp(0.5 * logvar)": "sigma = np.exp(logvar)"},
            "The exponential of logvar is the variance; its square root is sigma, exp(logvar / 2).",
        ),
        Wrong(
            {"at_z * epsilon * sigma / 2": "at_z * epsilon * sigma"},
            "This is sigma times the derivative with respect to sigma. sigma = exp(logvar / 2) brings a 1/2.",
        ),
        Wrong(
            {"at_z * epsilon * sigma / 2": "at_z * epsilon"},
            "This is the derivative with respect to sigma. Times dsigma/dlogvar = sigma / 2 it is that for logvar.",
        ),
        Wrong(
            {"at_z * epsilon * sigma / 2": "at_z * sigma / 2"},
            "The noise is missing: sigma stands before epsilon in z, so dz/dsigma is epsilon.",
        ),
        Wrong(
            {"slope(mu + sigma * epsilon)": "slope(mu + 0 * epsilon)"},
            "The slope is asked at mu. It must be asked where f was: at each drawn z.",
        ),
        Wrong(
            {
                "at_z.mean(axis=0)": "at_z.sum(axis=0)",
                "(at_z * epsilon * sigma / 2).mean(axis=0)": "(at_z * epsilon * sigma / 2).sum(axis=0)",
            },
            "These are sums over the K draws; an expectation is estimated by their mean.",
        ),
        Wrong(
            {"dmu = at_z.mean(axis=0)": "dmu = (at_z * epsilon / sigma).mean(axis=0)"},
            "This mixes the two ways: epsilon / sigma belongs to the score function, with f. Here dz/dmu is 1.",
        ),
    ],
)

# ---- 11.3 ---------------------------------------------------------------------------------------------------------


def _images(draw, scale=1.0):
    n, c, h, w, z = draw.sizes(5, 2, 7)
    x = draw.integers(0, 2, n, c, h, w).astype(float)
    return scale * draw.away_from_zero(n, c, h, w), x, draw.normal(n, z), draw.normal(n, z)


def _terms(logits, x, mu, logvar, beta):
    """Compute the three numbers in scalars."""
    pixels = []
    for s, t in zip(logits.ravel(), x.ravel(), strict=True):
        wrong = float(s) * (1 - 2 * float(t))  # the logit of the wrong colour
        pixels.append(max(wrong, 0.0) + math.log1p(math.exp(-abs(wrong))))
    distortion, rate = math.fsum(pixels) / len(x), math.fsum(_divergences(mu, logvar).ravel()) / len(x)
    return {"distortion": distortion, "rate": rate, "loss": distortion + beta * rate}


def _term(name, scale=1.0):
    def part(answer, draw):
        logits, x, mu, logvar = _images(draw, scale)
        want = _terms(logits, x, mu, logvar, draw.constants["BETA"])
        expect(named(answer(logits, x, mu, logvar), want)[name], want[name], name)

    return part


def _terms_large(answer, draw):
    for name in ("distortion", "loss"):
        _term(name, 500.0)(answer, draw)


ELBO = Exercise(
    name="beta_elbo",
    task="distortion, rate, and distortion + BETA * rate, in nats per image",
    constants={"BETA": (4.0, 0.5, 2.0, 3.0, 8.0)},
    parts=[
        Part("distortion", 2, _term("distortion")),
        Part("rate", 2, _term("rate")),
        Part("loss", 1, _term("loss")),
        Part("stability", 1, _terms_large),
    ],
    wrong=[
        Wrong(
            {"(np.logaddexp(0, logits) - x * logits).sum() / n": "(np.logaddexp(0, logits) - x * logits).mean()"},
            "The pixels are averaged: the rate then weighs C * H * W times as much, and the latents fall silent. Sum.",
        ),
        Wrong(
            {"- logvar).sum() / n": "- logvar).mean()"},
            "The latents are averaged: the bound has the sum of their divergences, whatever their number.",
        ),
        Wrong({"n = len(x)": "n = 1"}, "These are nats of the whole batch; divide both by the N images in it."),
        Wrong(
            {"distortion + BETA * rate": "BETA * distortion + rate"},
            "The price stands before the wrong term: beta is what a nat of rate costs in nats of distortion.",
        ),
        Wrong(
            {"distortion + BETA * rate": "distortion - BETA * rate"},
            "The loss is minus the bound: the rate is a cost, too, so it is added.",
        ),
        Wrong({"distortion + BETA * rate": "distortion + rate"}, "This is the loss for beta = 1: BETA is missing."),
        Wrong(
            {
                "(np.logaddexp(0, logits) - x * logits)": (
                    "-(x * np.log(1 / (1 + np.exp(-logits))) + (1 - x) * np.log(1 - 1 / (1 + np.exp(-logits))))"
                )
            },
            "Probabilities are rounded to 0 or 1 before their logarithm is taken: softplus(logit) - x * logit (10.3).",
        ),
        Wrong(
            {"np.expm1(logvar) - logvar": "np.expm1(2 * logvar) - 2 * logvar"},
            "Here logvar is taken for log(sigma); the variance is exp(logvar).",
        ),
        Wrong({"rate = 0.5 * (mu**2": "rate = (mu**2"}, "The 1/2 before the divergence is missing."),
    ],
)

# ---- 11.4 ---------------------------------------------------------------------------------------------------------

KINDS = {"silent": 0.0, "always 3": 0.3, "precise only": 0.3, "quiet": 0.7, "faint": 1.4, "speaking": 40.0}


def _latents(draw):
    """Draw an encoder's outputs: of each kind one latent or more, in any order."""
    threshold = draw.constants["THRESHOLD"]
    n = draw.size(40, 60)
    kinds = draw.rng.permutation([*KINDS, *draw.rng.choice(list(KINDS), draw.size(1, 3))])
    mu, logvar = np.zeros((n, len(kinds))), np.zeros((n, len(kinds)))
    for j, kind in enumerate(kinds):
        news = draw.normal(n)
        news = (news - news.mean()) / news.std()  # of variance 1
        spread = KINDS[str(kind)] * threshold  # the variance of mu; "silent" has a still smaller one
        mu[:, j] = max(math.sqrt(spread), threshold / 5) * news + (draw.number(2, 3) if kind == "always 3" else 0)
        logvar[:, j] = draw.number(-4, -3) if kind in ("precise only", "speaking") else 1e-2 * draw.normal(n)
    return mu, logvar, [str(kind) for kind in kinds]


def _rates(answer, draw):
    mu, logvar, _ = _latents(draw)
    want = _divergences(mu, logvar).mean(axis=0)
    expect(named(answer(mu, logvar), ("rates", "active"))["rates"], want, "rates")


def _active(*unlike):
    """Check which are active; of latents whose rate misleads only where they are asked for."""

    def part(answer, draw):
        mu, logvar, kinds = _latents(draw)
        wanted = [kind in ("silent", "speaking", *unlike) for kind in kinds]
        mu, logvar = mu[:, wanted], logvar[:, wanted]
        kinds = [kind for kind in kinds if kind in ("silent", "speaking", *unlike)]
        want = np.array([kind in ("faint", "speaking") for kind in kinds])
        got = named(answer(mu, logvar), ("rates", "active"))["active"]
        expect(np.shape(got), want.shape, "the shape of active")
        for kind, is_active, said in zip(kinds, want, np.asarray(got).tolist(), strict=True):
            spread = "greater" if is_active else "less"
            message = f"a latent whose mu has a variance {spread} than THRESHOLD is called {'' if said else 'in'}active"
            expect_that(bool(said) == is_active, f"{message} (of the kind: {kind})")

    return part


IN_USE = Exercise(
    name="latents_in_use",
    task="the mean rate of each latent, and whether its mean moves with the image",
    constants={"THRESHOLD": (0.01, 0.02, 0.04, 0.1)},
    parts=[
        Part("rates", 2, _rates),
        Part("active", 1, _active()),
        Part("cost without news", 2, _active("always 3", "precise only")),
        Part("little news", 1, _active("quiet", "faint")),
    ],
    wrong=[
        Wrong(
            {"mu.var(axis=0) > THRESHOLD": "rates > THRESHOLD"},
            "A rate is a cost, not news: a latent that says 3 of every image costs 4.5 nats and tells nothing.",
        ),
        Wrong(
            {"mu.var(axis=0) > THRESHOLD": "(mu**2).mean(axis=0) > THRESHOLD"},
            "The mean square is large for a constant mu, too. Take the variance over the images.",
        ),
        Wrong(
            {"mu.var(axis=0) > THRESHOLD": "mu.std(axis=0) > THRESHOLD"},
            "This compares the standard deviation. The threshold is for the variance, its square.",
        ),
        Wrong(
            {"mu.var(axis=0) > THRESHOLD": "(mu.var(axis=0) + np.exp(logvar).mean(axis=0)) > THRESHOLD"},
            "This is the variance of the drawn z, which is about 1 for a collapsed latent: take that of mu alone.",
        ),
        Wrong(
            {"mu.var(axis=0) > THRESHOLD": "mu.var(axis=0) < THRESHOLD"},
            "These are the latents that are not in use: active is greater than the threshold.",
        ),
        Wrong({"kl.mean(axis=0)": "kl.sum(axis=0)"}, "The rates are summed over the images; take their mean."),
        Wrong(
            {"kl.mean(axis=0)": "kl.mean(axis=1)"},
            "These are means over the latents of each image. Each latent has its mean over the images, axis 0.",
        ),
    ],
)

# ---- 11.5 ---------------------------------------------------------------------------------------------------------


def _divergences_drawn(draw):
    """Draw divergences (N, Z) of latents below and above what is free, whose images are above and below it, too."""
    n, free = draw.size(4, 8), draw.constants["FREE_NATS"]
    levels = draw.rng.permutation(
        np.concatenate([draw.uniform(0.3, 0.8, draw.size(2, 3)), draw.uniform(1.25, 3, draw.size(2, 4))])
    )
    pattern = draw.uniform(0.05, 2, n, len(levels))
    return free * levels * pattern / pattern.mean(axis=0)


def _free(kl, free):
    n, z = kl.shape
    want = {"paid": 0.0, "dkl": np.zeros((n, z))}
    for j in range(z):
        mean = math.fsum(map(float, kl[:, j])) / n
        want["paid"] += max(mean, free)
        for i in range(n):
            want["dkl"][i, j] = (mean > free) / n
    return want


def _paid(name):
    def part(answer, draw):
        kl = _divergences_drawn(draw)
        want = _free(kl, draw.constants["FREE_NATS"])
        expect(named(answer(kl), want)[name], want[name], name)

    return part


def _all_silent(answer, draw):
    """Of Z silent latents Z * FREE_NATS is paid, and nothing pulls."""
    n, z = draw.sizes(2, 3, 8)
    kl, free = draw.uniform(0, 1e-3, n, z), draw.constants["FREE_NATS"]
    got = named(answer(kl), ("paid", "dkl"))
    expect(got["paid"], z * free, "paid, where all latents are silent")
    expect(got["dkl"], np.zeros((n, z)), "dkl, where all latents are silent")


FREE = Exercise(
    name="paid_rate",
    task="the rate with so many nats free for each latent, and its gradient",
    constants={"FREE_NATS": (0.5, 0.25, 0.4, 0.75, 1.0)},
    parts=[Part("paid", 2, _paid("paid")), Part("dkl", 2, _paid("dkl")), Part("all silent", 1, _all_silent)],
    wrong=[
        Wrong(
            {"np.maximum(means, FREE_NATS).sum()": "np.maximum(means.sum(), FREE_NATS)"},
            "Here all latents share one allowance. Each latent has its own: maximum first, then the sum.",
        ),
        Wrong(
            {"np.maximum(means, FREE_NATS).sum()": "np.maximum(kl, FREE_NATS).mean(axis=0).sum()"},
            "The maximum is taken for each image. Average over the batch first: a latent may be loud for some images.",
        ),
        Wrong(
            {"np.maximum(means, FREE_NATS).sum()": "np.maximum(means - FREE_NATS, 0).sum()"},
            "Here what is free is subtracted: another number, though with the same gradient. Below, FREE_NATS counts.",
        ),
        Wrong(
            {"np.maximum(means, FREE_NATS).sum()": "np.minimum(means, FREE_NATS).sum()"},
            "The minimum pays for what should be free and for nothing more.",
        ),
        Wrong(
            {"dkl[:, means > FREE_NATS] = 1 / len(kl)": "dkl[:, means > FREE_NATS] = 1"},
            "A latent's divergence is a mean over N images, so the gradient has a 1/N.",
        ),
        Wrong(
            {"dkl[:, means > FREE_NATS]": "dkl[kl > FREE_NATS]"},
            "The mask is made of single images. Whether a latent is paid for is decided by its mean over the batch.",
        ),
        Wrong(
            {"dkl[:, means > FREE_NATS]": "dkl[:, means > 0]"},
            "Below what is free the paid rate is constant, so the gradient of these latents is 0: that frees them.",
        ),
    ],
)

CHAPTER = Chapter(
    number=11,
    name="vae",
    title="Autoencoders and the VAE: ELBO term by term, posterior collapse, beta",
    hours=3,
    needs=(2, 10),
    exercises=[RATE, PATHWISE, ELBO, IN_USE, FREE],
)
