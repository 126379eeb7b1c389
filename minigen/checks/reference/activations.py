"""Activations."""

from __future__ import annotations

import math

from minigen.checks.reference.elements import elementwise


def relu(x):
    """x, or 0 where x is negative."""
    return elementwise(lambda v: v if v > 0 else 0.0, x)


def leaky_relu(x, negative_slope=0.01):
    """x, times the slope where x is negative."""
    return elementwise(lambda v: v if v > 0 else v * negative_slope, x)


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return elementwise(_sigmoid, x)


def _sigmoid(v):
    return 1.0 / (1.0 + math.exp(-v))


def tanh(x):
    """sinh(x) / cosh(x)."""
    return elementwise(lambda v: math.sinh(v) / math.cosh(v), x)


def softplus(x, beta=1.0, threshold=20.0):
    """log(1 + exp(beta x)) / beta, and x itself where beta x > threshold."""
    return elementwise(lambda v: v if v * beta > threshold else math.log(1.0 + math.exp(beta * v)) / beta, x)
