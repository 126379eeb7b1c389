"""Activations."""

from __future__ import annotations

import math

import numpy as np

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


def elu(x, alpha=1.0):
    """Alpha (exp(x) - 1) where x is negative."""
    return elementwise(lambda v: v if v > 0 else alpha * math.exp(v) - alpha, x)


def celu(x, alpha=1.0):
    """Alpha (exp(x / alpha) - 1) where x is negative."""
    return elementwise(lambda v: v if v > 0 else alpha * math.exp(v / alpha) - alpha, x)


def selu(x):
    """1.0507 times elu with alpha = 1.6733, the constants in full."""
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


def gelu(x, approximate="none"):
    """X times the distribution function of the normal distribution, or its approximation by tanh."""
    if approximate == "none":
        return elementwise(lambda v: v * math.erfc(-v / math.sqrt(2)) / 2, x)
    bend = math.sqrt(2 / math.pi)
    return elementwise(lambda v: v * (1 + math.tanh(bend * (v + 0.044715 * v * v * v))) / 2, x)


def silu(x):
    """X sigmoid(x)."""
    return elementwise(lambda v: v * _sigmoid(v), x)


def mish(x):
    """X tanh(log(1 + exp(x)))."""
    return elementwise(lambda v: v * math.tanh(math.log(1 + math.exp(v))), x)


def hardtanh(x, low=-1.0, high=1.0):
    """X between two bounds, and the nearer bound outside."""
    return elementwise(lambda v: low if v < low else high if v > high else v, x)


def hardsigmoid(x):
    """A straight line from 0 at -3 to 1 at 3."""
    return elementwise(_hardsigmoid, x)


def hardswish(x):
    """X hardsigmoid(x)."""
    return elementwise(lambda v: v * _hardsigmoid(v), x)


def _hardsigmoid(v):
    return 0.0 if v < -3 else 1.0 if v > 3 else 0.5 + v / 6


def prelu(x, weight):
    """x, times the slope of its channel (axis 1) where x is negative."""
    y = np.zeros(x.shape)
    for index in np.ndindex(*x.shape):
        slope = float(weight[index[1] if len(weight) > 1 else 0])
        y[index] = float(x[index]) if x[index] > 0 else slope * float(x[index])
    return y


def glu(x, dim=-1):
    """The first half along a dimension times the sigmoid of the second half."""
    half = x.shape[dim] // 2
    first, second = np.split(x, [half], dim)
    return elementwise(lambda a, b: a * _sigmoid(b), first, second)


def softsign(x):
    """The softsign: ``x / (1 + |x|)``."""
    return elementwise(lambda v: v / (1 + v) if v > 0 else v / (1 - v), x)


def logsigmoid(x):
    """log(sigmoid(x))."""
    return elementwise(lambda v: math.log(_sigmoid(v)), x)
