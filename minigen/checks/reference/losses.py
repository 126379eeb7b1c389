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
