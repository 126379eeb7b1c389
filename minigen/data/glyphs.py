"""`Glyphs`: digits that minigen draws by itself, so that a first run needs no download.

Every image is one of the digits 0 to 9 of Pillow's built-in font, drawn large once at several stroke widths
and then bent: an affine map (rotation, slant, scale, shift), a smooth random displacement in the manner of
Simard et al. 2003, a stroke width of its own, and a little noise.  The look is MNIST's (white on black,
centred, antialiased), the difficulty is not: a font varies less than people do.

Same parameters, same versions of NumPy and Pillow, same bytes.  And image i does not depend on how many are
asked for.

References
----------
Simard, Steinkraus and Platt 2003, "Best practices for convolutional neural networks applied to visual
document analysis" (elastic distortion).
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from minigen.data.images import ImageSet
from minigen.files import WriteError, atomic_write, cache_folder

VERSION = 1  # of the drawing: raise it when a change alters a byte, so that old caches are left aside

BLOCK = 500  # images drawn at once: its arrays stay in the processor's cache
TEMPLATE = 64  # edge of a template, pixels
LARGE = 4 * TEMPLATE  # edge of the drawing that a template is scaled down from
STROKES = (-3, -1, 2, 6, 10)  # pixels of the large drawing by which each side of a stroke grows

# How far an image may be from its template.  Lengths are fractions of the image's edge.
ROTATION = 0.14  # radians, standard deviation
SLANT = 0.15  # shear, standard deviation
STRETCH = 0.09  # of width and height each, standard deviation of the logarithm
SHIFT = 0.03  # standard deviation
ELASTIC = 0.018  # displacement of a knot, standard deviation
KNOTS = 5  # knots of the displacement along each edge
NOISE = 0.02  # standard deviation, of a range of 1


class Glyphs(ImageSet):
    """Procedural digits: any number of labelled images, the same for the same seed.

    Parameters
    ----------
    n : int
        How many; every run of ten images holds each digit once.
    size : int
        Edge of an image in pixels.
    color : bool
        False: white on black, (1, size, size). True: a coloured digit on a coloured ground, (3, size, size).
    seed : int
        What they are drawn from.
    train : bool
        Which of two sets that share no image.
    transform : callable, optional
        Is given a Pillow image; see `ImageSet`.
    value_range : (float, float)
        Range of the image tensors when no transform is given.

    Notes
    -----
    The images are kept in the cache folder (``MINIGEN_CACHE``). A broken cache file is drawn again, and a
    cache that cannot be written is done without.

    Examples
    --------
    >>> digits = Glyphs(n=20)
    >>> image, label = digits[0]
    >>> image.shape, sorted(digits.targets[:10].tolist())
    ((1, 28, 28), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """

    def __init__(
        self,
        n: int = 10_000,
        size: int = 28,
        color: bool = False,
        seed: int = 0,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        value_range: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        for name, value, least in (("n", n, 1), ("size", size, 8), ("seed", seed, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"Glyphs: {name} is {value!r}; it must be an integer >= {least}")
        data, targets = _cached(n, size, bool(color), seed, bool(train))
        super().__init__(data, targets, transform, value_range, classes="0123456789")


def draw_glyphs(
    n: int, size: int = 28, color: bool = False, seed: int = 0, train: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Draw digits, without a look at the cache.

    Returns
    -------
    images : uint8 array (n, size, size), or (n, size, size, 3) in colour
    labels : int64 array (n,)
    """
    blocks = range(-(-n // BLOCK))
    images, labels = zip(*(_draw_block(block, size, color, seed, train) for block in blocks))
    return np.concatenate(images)[:n], np.concatenate(labels)[:n]


def _draw_block(block: int, size: int, color: bool, seed: int, train: bool) -> tuple[np.ndarray, np.ndarray]:
    """Draw images ``block * BLOCK`` and following; the block number is part of their seed."""
    draw = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(int(train), block)))
    tens = np.tile(np.arange(10), (BLOCK // 10, 1))
    labels = draw.permuted(tens, axis=1).reshape(-1)  # every ten in a row hold each digit once
    y, x = _positions(draw, size)  # (B, size, size) each
    ink = _sample_templates(labels, draw.uniform(0, len(STROKES) - 1, BLOCK), y, x)
    values = _coloured(draw, ink) if color else _grey(draw, ink)  # (B, size, size) or (B, size, size, 3)
    values += NOISE * draw.standard_normal(values.shape, dtype=np.float32)
    return (values.clip(0, 1) * 255 + 0.5).astype(np.uint8), labels


def _positions(draw: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Say for every pixel of every image where in its template it comes from.

    Returns
    -------
    y, x : float32 arrays (B, size, size)
        Template coordinates in pixels, from 0 to TEMPLATE - 1.
    """
    angle, slant = ROTATION * draw.standard_normal(BLOCK), SLANT * draw.standard_normal(BLOCK)
    tall, wide = np.exp(STRETCH * draw.standard_normal((2, BLOCK)))
    cos, sin = np.cos(angle), np.sin(angle)
    # The inverse map, from the image to the template: shift back, rotate back, slant back, scale back.
    pixel = (np.arange(size) + 0.5) / size - 0.5  # -0.5 .. 0.5
    shift_y, shift_x = SHIFT * draw.standard_normal((2, BLOCK, 1, 1))
    v, u = pixel[:, None] - shift_y, pixel[None, :] - shift_x  # (B, size, 1), (B, 1, size)
    cos, sin, slant, tall, wide = (a[:, None, None] for a in (cos, sin, slant, tall, wide))
    y = (cos * v + sin * u) / tall  # (B, size, size)
    x = (cos * u - sin * v + slant * (cos * v + sin * u)) / wide  # (B, size, size)
    bend = _smooth(ELASTIC * draw.standard_normal((2 * BLOCK, KNOTS, KNOTS)), size)  # (2 B, size, size)
    y, x = y + bend[:BLOCK], x + bend[BLOCK:]
    return tuple(((a + 0.5) * TEMPLATE - 0.5).clip(0, TEMPLATE - 1.001).astype(np.float32) for a in (y, x))


def _smooth(knots: np.ndarray, size: int) -> np.ndarray:
    """Spread random numbers at knots (N, K, K) smoothly over images (N, size, size)."""
    centres = (np.arange(KNOTS) + 0.5) / KNOTS
    distance = (np.arange(size)[:, None] + 0.5) / size - centres  # (size, K)
    weight = np.exp(-0.5 * (distance * KNOTS / 0.8) ** 2)
    weight /= np.sqrt((weight**2).sum(axis=1, keepdims=True))  # so that the variance stays that of a knot
    rows = np.einsum("yk,nkj->nyj", weight, knots)  # (N, K, K) -> (N, size, K)
    return np.einsum("xj,nyj->nyx", weight, rows)  # (N, size, K) -> (N, size, size)


def _sample_templates(labels: np.ndarray, stroke: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Read the templates of ``labels`` (B,) at fractional positions (B, size, size), bilinearly.

    ``stroke`` (B,) is a stroke width as a fractional number in STROKES: two templates are mixed.
    """
    thin = np.minimum(stroke.astype(np.int64), len(STROKES) - 2)
    mix = (stroke - thin).astype(np.float32)[:, None, None]  # (B, 1, 1)
    ours = _templates()[labels]  # (B, strokes, TEMPLATE, TEMPLATE)
    each = np.arange(len(labels))
    template = (ours[each, thin] * (1 - mix) + ours[each, thin + 1] * mix).reshape(-1)
    top, left = y.astype(np.int64), x.astype(np.int64)
    down, right = y - top, x - left
    corner = (each[:, None, None] * TEMPLATE + top) * TEMPLATE + left
    upper = template[corner] * (1 - right) + template[corner + 1] * right
    lower = template[corner + TEMPLATE] * (1 - right) + template[corner + TEMPLATE + 1] * right
    return upper * (1 - down) + lower * down


def _grey(draw: np.random.Generator, ink: np.ndarray) -> np.ndarray:
    """Let the pens differ a little in brightness: ink (B, size, size) to values of the same shape."""
    return ink * draw.uniform(0.85, 1.0, (BLOCK, 1, 1)).astype(np.float32)


def _coloured(draw: np.random.Generator, ink: np.ndarray) -> np.ndarray:
    """Paint the ink (B, size, size) in one colour on a ground of another: a light one and a dark one."""
    dark = draw.uniform(0.0, 0.4, (BLOCK, 1, 1, 3)).astype(np.float32)
    light = draw.uniform(0.6, 1.0, (BLOCK, 1, 1, 3)).astype(np.float32)
    swap = draw.random((BLOCK, 1, 1, 1)) < 0.5
    ground, pen = np.where(swap, light, dark), np.where(swap, dark, light)
    return ground + ink[..., None] * (pen - ground)  # (B, size, size, 3)


@cache
def _templates() -> np.ndarray:
    """Draw every digit at every stroke width: float32 (10, strokes, TEMPLATE, TEMPLATE) in [0, 1]."""
    from PIL import Image, ImageDraw, ImageFilter, ImageFont

    font = ImageFont.load_default(size=0.94 * LARGE)
    templates = np.zeros((10, len(STROKES), TEMPLATE, TEMPLATE), np.float32)
    for digit in range(10):
        for i, stroke in enumerate(STROKES):
            image = Image.new("L", (LARGE, LARGE))
            pen = ImageDraw.Draw(image)
            left, top, right, bottom = pen.textbbox((0, 0), str(digit), font=font)
            corner = ((LARGE - left - right) / 2, (LARGE - top - bottom) / 2)  # the digit in the middle
            pen.text(corner, str(digit), fill=255, font=font, stroke_width=max(stroke, 0))
            if stroke < 0:
                image = image.filter(ImageFilter.MinFilter(1 - 2 * stroke))
            image = image.resize((TEMPLATE, TEMPLATE), Image.Resampling.BOX)
            templates[digit, i] = np.asarray(image.filter(ImageFilter.GaussianBlur(0.8)), np.float32) / 255
    return templates


def _cached(n: int, size: int, color: bool, seed: int, train: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the images of the cache file; draw them, and write it, where it is missing or broken."""
    path = _cache_path(n, size, color, seed, train)
    shape = (n, size, size, 3) if color else (n, size, size)
    broken = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
    with suppress(*broken), open(path, "rb") as raw, np.load(raw) as file:
        data, targets = file["data"], file["targets"]
        if data.shape == shape and data.dtype == np.uint8 and targets.shape == (n,):
            return data, targets
    data, targets = draw_glyphs(n, size, color, seed, train)
    with suppress(WriteError), atomic_write(path) as file:
        np.savez(file, data=data, targets=targets)
    return data, targets


def _cache_path(n: int, size: int, color: bool, seed: int, train: bool) -> Path:
    """Name a cache file after all that the bytes depend on."""
    import PIL
    from PIL import features

    look = "colour" if color else "grey"
    part = "train" if train else "test"
    made_by = f"numpy{np.__version__}-pillow{PIL.__version__}-freetype{features.version('freetype2')}"
    return cache_folder("glyphs") / f"v{VERSION}-{part}-{look}-{size}px-n{n}-seed{seed}-{made_by}.npz"
