"""Losses and divergences."""

from __future__ import annotations

import math

import numpy as np

from minigen.checks.reference.activations import _sigmoid
from minigen.checks.reference.elements import Array, elementwise, log_softmax


def reduced(losses: Array, reduction: str) -> Array:
    """A loss a place -> "none": as it is, "sum": added up, "mean": divided by their number."""
    if reduction == "none":
        return losses
    total = math.fsum(float(v) for v in losses.flat)
    return np.array(total if reduction == "sum" else total / losses.size)


def mse_loss(x, target, reduction="mean"):
    """(x - target)**2."""
    return reduced(elementwise(lambda p, t: (p - t) ** 2, x, target), reduction)


def l1_loss(x, target, reduction="mean"):
    """|x - target|."""
    return reduced(elementwise(lambda p, t: max(p - t, t - p), x, target), reduction)


def binary_cross_entropy(p, target, reduction="mean"):
    """Nats; a logarithm is at least -100, as in torch."""

    def loss(p, t):
        surprise_of_one = -max(math.log(p), -100.0) if p > 0 else 100.0
        surprise_of_zero = -max(math.log(1 - p), -100.0) if p < 1 else 100.0
        return t * surprise_of_one + (1 - t) * surprise_of_zero

    return reduced(elementwise(loss, p, target), reduction)


def binary_cross_entropy_with_logits(x, target, reduction="mean", pos_weight=None):
    """Nats; the loss of positive targets counts `pos_weight` times."""

    def loss(v, t, weight_of_one):
        return -t * weight_of_one * math.log(_sigmoid(v)) - (1 - t) * math.log(1 - _sigmoid(v))

    return reduced(elementwise(loss, x, target, 1.0 if pos_weight is None else pos_weight), reduction)


def nll_loss(log_p, target, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """log_p (N, C) or (N, C, ...); target (N,) or (N, ...) holds the index of the right class.

    The mean divides by the sum of the right classes' weights.
    """
    n_classes = log_p.shape[1]
    weights = [1.0] * n_classes if weight is None else [float(w) for w in weight]
    losses, divisor = np.zeros(target.shape), 0.0
    for index in np.ndindex(*target.shape):
        right = int(target[index])
        if right == ignore_index:
            continue
        costs = [-weights[c] * float(log_p[index[0], c, *index[1:]]) for c in range(n_classes)]
        losses[index] = (1 - label_smoothing) * costs[right] + label_smoothing * math.fsum(costs) / n_classes
        divisor += weights[right]
    return np.array(math.fsum(losses.flat) / divisor) if reduction == "mean" else reduced(losses, reduction)


def cross_entropy(logits, target, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """`nll_loss` of `log_softmax`."""
    log_p = log_softmax(logits, 1)
    return nll_loss(log_p, target, weight, ignore_index, label_smoothing, reduction)


def huber_loss(x, target, reduction="mean", delta=1.0, weight=None):
    """A parabola, and beyond delta its tangent."""

    def loss(p, t, w):
        distance = max(p - t, t - p)
        tangent_begins = delta * delta / 2
        return w * (distance * distance / 2 if distance <= delta else tangent_begins + delta * (distance - delta))

    return reduced(elementwise(loss, x, target, 1.0 if weight is None else weight), reduction)


def smooth_l1_loss(x, target, reduction="mean", beta=1.0):
    """`huber_loss` whose tangent has the slope 1."""
    if beta == 0:
        return l1_loss(x, target, reduction)
    return reduced(elementwise(lambda v: v / beta, huber_loss(x, target, "none", beta)), reduction)


def kl_div(log_p, target, reduction="mean", log_target=False):
    """Sum of t (log t - log p), terms with t = 0 being 0; "batchmean" divides by the number of rows."""

    def term(lp, t):
        t = math.exp(t) if log_target else t
        return t * math.log(t / math.exp(lp)) if t > 0 else 0.0

    terms = elementwise(term, log_p, target)
    if reduction == "batchmean":
        return np.array(math.fsum(terms.flat) / len(log_p))
    return reduced(terms, reduction)


def hinge_loss(x, target, reduction="mean"):
    """What is missing to a margin of 1 on the target's side."""

    def loss(v, sign):
        on_its_side = v if sign > 0 else -v
        return 1 - on_its_side if on_its_side < 1 else 0.0

    return reduced(elementwise(loss, x, target), reduction)


def hinge_embedding_loss(x, target, reduction="mean", margin=1.0):
    """The distance itself, or what is missing to the margin."""
    return reduced(elementwise(lambda v, sign: v if sign > 0 else max(margin - v, 0.0), x, target), reduction)


def soft_margin_loss(x, target, reduction="mean"):
    """Minus the logarithm of the probability of the sign."""
    return reduced(elementwise(lambda v, s: -math.log(_sigmoid(v if s > 0 else -v)), x, target), reduction)


def _cosine(a, b):
    lengths = [math.sqrt(math.fsum(v * v for v in vector)) for vector in (a, b)]
    return math.fsum(v * w for v, w in zip(a, b, strict=True)) / (lengths[0] * lengths[1])


def cosine_similarity(x1, x2, dim=1):
    """One cosine for each pair of vectors along `dim`."""
    a, b = (np.moveaxis(x, dim, -1) for x in np.broadcast_arrays(x1, x2))
    cosines = np.zeros(a.shape[:-1])
    for index in np.ndindex(*cosines.shape):
        cosines[index] = _cosine(a[index].tolist(), b[index].tolist())
    return cosines


def cosine_embedding_loss(x1, x2, target, reduction="mean", margin=0.0):
    """1 - cos for pairs that belong together, the excess of cos over the margin for the others."""
    cosines = cosine_similarity(x1, x2, -1)
    losses = elementwise(lambda c, sign: 1 - c if sign > 0 else max(c - margin, 0.0), cosines, target)
    return reduced(losses, reduction)


def gaussian_nll_loss(mean, target, var, full=False, eps=1e-6, reduction="mean"):
    """Minus the logarithm of the density, with `full`; else without its constant."""

    def loss(m, t, v):
        v = max(v, eps)
        density = math.exp(-((t - m) ** 2) / (2 * v)) / math.sqrt(2 * math.pi * v)
        return -math.log(density) - (0 if full else math.log(2 * math.pi) / 2)

    return reduced(elementwise(loss, mean, target, var), reduction)


def per_image(losses, reduction="mean"):
    """Add up what belongs to an image."""
    sums = [math.fsum(float(v) for v in image.flat) for image in losses]
    return reduced(np.array(sums), reduction)


def bernoulli_nll(logits, target, reduction="mean"):
    """Nats per image."""
    return per_image(binary_cross_entropy_with_logits(logits, target, "none"), reduction)


def gaussian_nll(mean, logvar, target, reduction="mean"):
    """Nats per image."""
    return per_image(gaussian_nll_loss(mean, target, elementwise(math.exp, logvar), True, 0.0, "none"), reduction)


def discretised_logistic_nll(mean, log_scale, levels, reduction="mean"):
    """Nats per image of grey levels 0 to 255: the logistic's mass on the level's bin, tails in the outermost bins."""

    def below(level, m, scale):  # the mass below the edge between a level and the next one
        edge = -math.inf if level < 0 else math.inf if level >= 255 else (2 * level + 1 - 255) / 255
        return _sigmoid((edge - m) / scale)

    def loss(m, ls, level):
        if (2 * level - 255) / 255 > m:  # measured from the nearer end, where nothing cancels: mirror all
            m, level = -m, 255 - level
        return -math.log(below(level, m, math.exp(ls)) - below(level - 1, m, math.exp(ls)))

    return per_image(elementwise(loss, mean, log_scale, levels), reduction)


def ssim(x, y, data_range=1.0, window_size=11, sigma=1.5, reduction="mean"):
    """Structural similarity: at every place the weighted moments of the pixels in the window, one by one."""
    half, (_, channels, height, width) = window_size // 2, x.shape
    offsets = [(i, j) for i in range(-half, half + 1) for j in range(-half, half + 1)]
    weights = [math.exp(-(i * i + j * j) / (2 * sigma * sigma)) for i, j in offsets]
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2

    def at(a, b):
        mean_a, mean_b, total = (math.fsum(w * v for w, v in zip(weights, vs)) for vs in (a, b, [1.0] * len(a)))
        mean_a, mean_b = mean_a / total, mean_b / total

        def moment(us, mean_u, vs, mean_v):
            return math.fsum(w * (u - mean_u) * (v - mean_v) for w, u, v in zip(weights, us, vs)) / total

        luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
        spread = moment(a, mean_a, a, mean_a) + moment(b, mean_b, b, mean_b)
        return luminance * (2 * moment(a, mean_a, b, mean_b) + c2) / (spread + c2)

    values = np.zeros((len(x), channels, height - 2 * half, width - 2 * half))
    for n, c, h, w in np.ndindex(*values.shape):
        windows = ([float(image[n, c, h + half + i, w + half + j]) for i, j in offsets] for image in (x, y))
        values[n, c, h, w] = at(*windows)
    return per_image(elementwise(lambda v: v / values[0].size, values), reduction)


def gaussian_kl(mu, logvar, n_steps=400):
    """KL(N(mu, exp(logvar)) || N(0, 1)) in nats per image, by integration of q log(q / p) over 12 deviations.

    The trapezoidal rule converges faster than any power on such an integrand: 400 points leave about 1e-13.
    """

    def log_density(z, mean, std):
        return -((z - mean) ** 2) / (2 * std**2) - math.log(std * math.sqrt(2 * math.pi))

    def of_one(mean, log_variance):
        std = math.sqrt(math.exp(log_variance))
        points = [mean + std * (24 * k / n_steps - 12) for k in range(n_steps + 1)]
        q, p = ([log_density(z, *of) for z in points] for of in ((mean, std), (0.0, 1.0)))
        terms = (math.exp(a) * (a - b) for a, b in zip(q, p, strict=True))
        return math.fsum(terms) * std * 24 / n_steps

    per_latent = elementwise(of_one, mu, logvar)
    return np.array(math.fsum(per_latent.flat) / len(mu))


def gaussian_kl_between(mu, logvar, mu_prior, logvar_prior):
    """KL between two Gaussians: that of the same two after moving and scaling the second one to N(0, 1)."""

    def moved(m, m_prior, lv_prior):
        return (m - m_prior) / math.sqrt(math.exp(lv_prior))

    scaled = elementwise(lambda lv, lv_prior: lv - lv_prior, logvar, logvar_prior)
    return gaussian_kl(elementwise(moved, mu, mu_prior, logvar_prior), scaled)
