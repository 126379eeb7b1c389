"""Normalisation."""

from __future__ import annotations

import math

import numpy as np

from minigen.checks.reference.elements import average, variance


def batch_norm(x, running_mean=None, running_var=None, weight=None, bias=None, training=False, eps=1e-5):
    """Each channel (dimension 1) by its own mean and biased variance, or by the running ones."""
    result = np.zeros(x.shape)
    for c in range(x.shape[1]):
        places = [index for index in np.ndindex(*x.shape) if index[1] == c]
        values = [float(x[index]) for index in places]
        if training:
            mean, var = average(values), variance(values, correction=0)
        else:
            mean, var = float(running_mean[c]), float(running_var[c])
        scale = 1.0 if weight is None else float(weight[c])
        shift = 0.0 if bias is None else float(bias[c])
        for index, value in zip(places, values, strict=True):
            result[index] = shift + scale * (value - mean) / math.sqrt(var + eps)
    return result
