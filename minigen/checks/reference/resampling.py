"""Resizing, padding and shuffling of pixels."""

from __future__ import annotations

import math

import numpy as np


def interpolate(x, size, mode, align_corners=False, factors=(None, None)):
    """Sum up every pixel of x (N, C, H, W) times how much of it a pixel of the result shows."""
    result = np.zeros((*x.shape[:2], *size))
    for n, c, i, j in np.ndindex(*result.shape):
        rows = _amounts(i, x.shape[2], size[0], mode, align_corners, factors[0])
        columns = _amounts(j, x.shape[3], size[1], mode, align_corners, factors[1])
        products = [u * v * float(x[n, c, row, column]) for row, u in rows for column, v in columns]
        result[n, c, i, j] = math.fsum(products)
    return result


def _amounts(number, length, new, mode, align_corners, factor):
    """Pairs (old pixel, amount) of a new pixel on one axis."""
    step = length / new if factor is None else 1 / factor
    if mode == "nearest":
        return [(min(length - 1, math.floor(number * step)), 1.0)]
    if mode == "nearest-exact":
        return [(min(length - 1, math.floor((number + 0.5) * step)), 1.0)]
    if mode == "area":
        shown = [k for k in range(length) if k * new < (number + 1) * length and number * length < (k + 1) * new]
        return [(k, 1 / len(shown)) for k in shown]
    place = (number + 0.5) * step - 0.5
    if align_corners:
        place = number * (length - 1) / (new - 1) if new > 1 else 0.0
    if mode == "bicubic":
        around = range(math.floor(place) - 1, math.floor(place) + 3)
        return [(min(max(k, 0), length - 1), _cubic(abs(place - k))) for k in around]
    place = min(max(place, 0.0), length - 1.0)
    return [(k, 1 - abs(place - k)) for k in range(length) if abs(place - k) < 1]


def _cubic(x, a=-0.75):
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a


def pad(x, borders, mode="constant", value=0.0):
    """Every place of the result is looked up; `borders` holds (before, after) for each axis of x."""
    result = np.zeros([n + before + after for n, (before, after) in zip(x.shape, borders, strict=True)])
    for index in np.ndindex(*result.shape):
        places = [i - before for i, (before, _) in zip(index, borders, strict=True)]
        found = [_look_up(*line, mode) for line in zip(places, x.shape, borders, strict=True)]
        result[index] = value if None in found else float(x[tuple(found)])
    return result


def _look_up(place, length, border, mode):
    """The place that is shown where there is none in a line."""
    if 0 <= place < length or mode == "constant":
        return place if 0 <= place < length else None
    if mode == "replicate":
        return 0 if place < 0 else length - 1
    if mode == "reflect":  # walk back from the edge as far as the place lies beyond it
        return -place if place < 0 else length - 1 - (place - (length - 1))
    first, last = max(0, -border[0]), length - max(0, -border[1])  # what cropping leaves
    while not first <= place < last:
        place += (last - first) if place < first else (first - last)
    return place


def pixel_shuffle(x, factor):
    """Number c * r * r + a * r + b of a pixel's channels becomes the pixel (a, b) of a block of r x r."""
    n_images, channels, height, width = x.shape
    result = np.zeros((n_images, channels // factor**2, height * factor, width * factor))
    for n, channel, i, j in np.ndindex(*x.shape):
        c, place = divmod(channel, factor * factor)
        a, b = divmod(place, factor)
        result[n, c, i * factor + a, j * factor + b] = float(x[n, channel, i, j])
    return result
