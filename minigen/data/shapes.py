"""`Shapes`: one coloured shape on black, at 32 pixels, whose factors are all known; minigen draws it by itself.

Every image follows from six numbers: which shape, its colour, its size, how far it is turned, and where it stands.  So
one can ask a model for a red heart and see whether it comes, or whether a latent number of a VAE stands for one factor
and for no other.  That is the idea of dSprites, here in colour, with a triangle more, and small.

All combinations of the factors are the whole of the data: each is one image, and it lies either in the training part or
in the test part.  An image is computed in a few microseconds from the distance of each pixel to the edge of the shape,
so nothing is stored.

References
----------
Matthey, Higgins, Hassabis and Lerchner 2017, "dSprites: Disentanglement testing Sprites dataset",
https://github.com/google-deepmind/dsprites-dataset.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigen.data.images import ImageSet

NAMES = ("square", "ellipse", "heart", "triangle")
HUES = np.arange(8) / 8  # turns of the colour wheel: red, orange, yellow-green, ... magenta
SIZES = np.linspace(0.20, 0.34, 5)  # the square root of the shape's area, as a fraction of the image's edge
ANGLES = np.arange(10) * (math.pi / 20)  # radians; less than a quarter turn, after which a square looks as before
PLACES = (np.arange(13) - 6) / 32  # of the centre, from the middle, as fractions of the edge: a shape stays inside
HELD_OUT = 8  # one combination of so many is for testing
BLOCK = 500  # images drawn at once: its arrays stay in the processor's cache


class Shapes(ImageSet):
    """Procedural shapes with known factors: labelled images, the same for the same seed.

    The label is the shape. No image comes twice, and no test image is among the training images, whatever the seed.

    Parameters
    ----------
    n : int
        How many; image i does not depend on it.
    size : int
        Edge of an image in pixels.
    color : bool
        True: eight hues on black, (3, size, size). False: white on black, (1, size, size), and no factor ``colour`` (it
        has one value).
    seed : int
        Which combinations of the factors come first.
    train : bool
        Which of two parts: seven eighths of all combinations, or the others.
    transform : callable, optional
        Is given a Pillow image; see `ImageSet`.
    value_range : (float, float)
        Range of the image tensors when no transform is given.

    Attributes
    ----------
    factors : int64 array (n, 6)
        The number of each factor's value, from 0.
    factor_names : tuple of str
        ``shape, colour, size, rotation`` (counter-clockwise), ``x`` (rightwards), ``y`` (downwards).
    factor_sizes : tuple of int
        How many values each factor has: 4, 8, 5, 10, 13, 13.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or there are not so many images: in colour there are 236,600 to train on and
        33,800 to test on, in grey an eighth of that.

    Examples
    --------
    >>> shapes = Shapes(n=20)
    >>> image, label = shapes[0]
    >>> image.shape, shapes.classes[label]
    ((3, 32, 32), 'square')
    >>> dict(zip(shapes.factor_names, shapes.factors[0].tolist()))
    {'shape': 0, 'colour': 6, 'size': 4, 'rotation': 7, 'x': 4, 'y': 6}
    """

    factor_names = ("shape", "colour", "size", "rotation", "x", "y")

    def __init__(
        self,
        n: int = 10_000,
        size: int = 32,
        color: bool = True,
        seed: int = 0,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        value_range: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        for name, value, least in (("n", n, 1), ("size", size, 8), ("seed", seed, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"Shapes: {name} is {value!r}; it must be an integer >= {least}")
        self.factor_sizes = (len(NAMES), len(HUES) if color else 1, *map(len, (SIZES, ANGLES, PLACES, PLACES)))
        combinations = chosen(math.prod(self.factor_sizes), seed, train)
        if n > len(combinations):
            raise ValueError(
                f"Shapes: n is {n:,}, but there are {len(combinations):,} combinations of the factors "
                f"in the {'training' if train else 'test'} part; each is one image"
            )
        self.factors = np.stack(np.unravel_index(combinations[:n], self.factor_sizes), axis=1)  # (n, 6)
        data = draw_shapes(self.factors, size, color)
        super().__init__(data, self.factors[:, 0].copy(), transform, value_range, classes=NAMES)


def chosen(total: int, seed: int, train: bool) -> np.ndarray:
    """Return the numbers of all combinations in one part, in the order that ``seed`` gives them.

    The parts do not depend on the seed.
    """
    shuffled = np.random.default_rng(0).permutation(total)
    part = shuffled[total // HELD_OUT :] if train else shuffled[: total // HELD_OUT]
    return np.random.default_rng(seed).permutation(part)


def draw_shapes(factors: np.ndarray, size: int = 32, color: bool = True) -> np.ndarray:
    """Draw one image for each row of factors.

    Parameters
    ----------
    factors : int array (n, 6)
        As in `Shapes`.
    size : int
        Edge of an image in pixels.
    color : bool
        Hues, or white.

    Returns
    -------
    uint8 array (n, size, size, 3), or (n, size, size) in grey

    Examples
    --------
    The middle of a large red square that stands upright in the middle:

    >>> draw_shapes(np.array([[0, 0, 4, 0, 6, 6]]))[0, 16, 16].tolist()
    [255, 0, 0]
    """
    images = np.empty((len(factors), size, size, 3) if color else (len(factors), size, size), np.uint8)
    for start in range(0, len(factors), BLOCK):
        rows = factors[start : start + BLOCK]
        ink = coverage(rows, size)  # (B, size, size)
        values = ink[..., None] * hue_to_rgb(HUES[rows[:, 1]])[:, None, None] if color else ink  # (B, size, size, 3)
        images[start : start + BLOCK] = (values * 255 + 0.5).astype(np.uint8)
    return images


def coverage(factors: np.ndarray, size: int) -> np.ndarray:
    """Say for every pixel how much of it the shape covers, from 0 to 1: float32 (B, size, size).

    A pixel whose centre lies d pixels outside the edge is covered by 1/2 - d, between 0 and 1: exactly so for an edge
    along the pixels, nearly so for others.
    """
    shape, _, scale, angle, x, y = factors.T
    pixel = ((np.arange(size) + 0.5) / size - 0.5).astype(np.float32)  # -0.5 .. 0.5
    scale, angle, x, y = (
        values[numbers].astype(np.float32)[:, None, None]  # (B, 1, 1)
        for values, numbers in ((SIZES, scale), (ANGLES, angle), (PLACES, x), (PLACES, y))
    )
    right, up = (pixel[None, None, :] - x) / scale, (y - pixel[None, :, None]) / scale  # rows count downwards
    u = np.cos(angle) * right + np.sin(angle) * up  # (B, size, size): turned back, in units of the shape's size
    v = np.cos(angle) * up - np.sin(angle) * right
    distance = np.empty_like(u)
    for number, edge in enumerate((square, ellipse, heart, triangle)):
        own = shape == number
        distance[own] = edge(u[own], v[own])
    return (0.5 - distance * scale * size).clip(0, 1)


def hue_to_rgb(hue: np.ndarray) -> np.ndarray:
    """Return pure colours (..., 3) in [0, 1] of hues (...) in turns: 0 is red, 1/3 green, 2/3 blue.

    Each channel is a trapezium round the colour wheel, and the three are a third of a turn apart.

    Examples
    --------
    >>> hue_to_rgb(np.array([0, 0.5])).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]
    """
    away = np.abs((hue[..., None] - np.arange(3) / 3 + 0.5) % 1 - 0.5)  # (..., 3): turns from the channel's own hue
    return (2 - 6 * away).clip(0, 1).astype(np.float32)


# ---------------------------------------------------------------------------------------------------- the shapes
#
# Each function takes points (u right, v up) and returns their distance to the edge, negative inside.  All shapes have
# the area 1 and their centre of mass at the origin, so that size and place say nothing about the shape.


def square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Distance to a square of edge 1."""
    return np.maximum(np.abs(u), np.abs(v)) - 0.5


def ellipse(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Distance, to first order, to an ellipse twice as wide as it is tall: (f - 1) / |grad f|, f = |(u/a, v/b)|."""
    b = math.sqrt(1 / (2 * math.pi))
    a = 2 * b
    f = np.sqrt((u / a) ** 2 + (v / b) ** 2) + 1e-6  # not 0 in the middle
    slope = np.sqrt((u / a**2) ** 2 + (v / b**2) ** 2) / f
    return (f - 1) / np.maximum(slope, 1 / a)  # 1/a is its least: 0/0 in the middle


def heart(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Distance to a heart: a square that stands on a corner, with half a disc on each of its upper edges."""
    s = 1 / math.sqrt(4 + math.pi)  # half the square's edge; 4 s^2 + pi s^2 = 1
    shift = s * (math.pi / 2 + 2 / 3) / (4 + math.pi)  # of the centre of mass, along each axis of the square
    p, q = (u + v) / math.sqrt(2) + shift, (v - u) / math.sqrt(2) + shift  # along the upper edges
    body = np.maximum(np.abs(p), np.abs(q)) - s
    lobes = np.minimum(np.hypot(p - s, q), np.hypot(p, q - s)) - s
    return np.minimum(body, lobes)


def triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Distance to a triangle of three equal edges, one corner up."""
    inner = 1 / math.sqrt(3 * math.sqrt(3))  # radius of the circle inside; the area is 3 sqrt(3) inner^2
    slanted = np.abs(u) * (math.sqrt(3) / 2) + v / 2
    return np.maximum(slanted, -v) - inner
