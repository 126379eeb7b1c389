"""Normalisation."""

from __future__ import annotations

import math

import numpy as np

from minigen.checks.reference.elements import along, average, variance


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


def _standardised(x, groups, scale, shift, eps):
    """Every group of places by its own mean and biased variance; `scale` and `shift` say what for a place."""
    result = np.zeros(x.shape)
    for places in groups.values():
        values = [float(x[index]) for index in places]
        mean, var = average(values), variance(values, correction=0)
        for index, value in zip(places, values, strict=True):
            result[index] = shift(index) + scale(index) * (value - mean) / math.sqrt(var + eps)
    return result


def _grouped(x, key):
    """The places of `x`, gathered by what `key` says of a place."""
    groups = {}
    for index in np.ndindex(*x.shape):
        groups.setdefault(key(index), []).append(index)
    return groups


def _at(array, default, place):
    """A function of a place: the number of the array that belongs to it."""
    return lambda index: default if array is None else float(array[place(index)])


def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Each slice over the last axes by its own mean and biased variance."""
    lead = x.ndim - len(normalized_shape)
    scale, shift = (_at(a, default, lambda index: index[lead:]) for a, default in ((weight, 1.0), (bias, 0.0)))
    return _standardised(x, _grouped(x, lambda index: index[:lead]), scale, shift, eps)


def group_norm(x, num_groups, weight=None, bias=None, eps=1e-5):
    """Each group of channels of each image by its own mean and biased variance."""
    width = x.shape[1] // num_groups
    scale, shift = (_at(a, default, lambda index: index[1]) for a, default in ((weight, 1.0), (bias, 0.0)))
    return _standardised(x, _grouped(x, lambda index: (index[0], index[1] // width)), scale, shift, eps)


def instance_norm(x, weight=None, bias=None, eps=1e-5):
    """Each channel of each image by its own mean and biased variance."""
    return group_norm(x, x.shape[1], weight, bias, eps)


def adaptive_instance_norm(content, style, eps=1e-5):
    """Each channel of each image, brought to the mean and deviation of the same channel of `style`."""
    result = np.zeros(content.shape)
    for n in range(content.shape[0]):
        for c in range(content.shape[1]):
            mine, theirs = ([float(v) for v in image[n, c].ravel()] for image in (content, style))
            ratio = (variance(theirs, correction=0) + eps) / (variance(mine, correction=0) + eps)
            for place in np.ndindex(*content.shape[2:]):
                distance = float(content[(n, c, *place)]) - average(mine)
                result[(n, c, *place)] = average(theirs) + math.sqrt(ratio) * distance
    return result


def rms_norm(x, normalized_shape, weight=None, eps=2.0**-52):
    """Each slice over the last axes by the root of its mean square."""
    lead = x.ndim - len(normalized_shape)
    result = np.zeros(x.shape)
    for places in _grouped(x, lambda index: index[:lead]).values():
        root = math.sqrt(average([float(x[index]) ** 2 for index in places]) + eps)
        for index in places:
            result[index] = float(x[index]) / root * _at(weight, 1.0, lambda index: index[lead:])(index)
    return result


def local_response_norm(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """Each element by what the channels around it are worth."""
    result = np.zeros(x.shape)
    for n, c, *rest in np.ndindex(*x.shape):
        window = [d for d in range(c - size // 2, c - size // 2 + size) if 0 <= d < x.shape[1]]
        total = math.fsum(float(x[(n, d, *rest)]) ** 2 for d in window)
        result[(n, c, *rest)] = float(x[(n, c, *rest)]) / math.pow(k + alpha * total / size, beta)
    return result


def normalize(x, p=2.0, dim=1, eps=1e-12):
    """Each line along `dim` divided by its p-norm, or by eps where that is larger."""

    def size_of(line):
        if p == math.inf:
            return max(abs(v) for v in line)
        return math.pow(math.fsum(math.pow(abs(v), p) for v in line), 1 / p)

    return along(lambda line: [v / max(size_of(line), eps) for v in line], x, dim)
