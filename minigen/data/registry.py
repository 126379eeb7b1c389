"""`load`: a data set by its name, or a folder of pictures by its path, as the command line takes it.

A table of names and one function; each data set is told in its own file.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from minigen.data.cifar10 import CIFAR10
from minigen.data.dataset import Dataset
from minigen.data.folder import FOLDER_SIZE, LARGEST_EDGE, ImageFolder
from minigen.data.glyphs import Glyphs
from minigen.data.images import ImageSet
from minigen.data.mnist import MNIST, FashionMNIST
from minigen.data.shapes import Shapes
from minigen.data.toy2d import SHAPES as DISTRIBUTIONS
from minigen.data.toy2d import Toy2D
from minigen.data.transforms import Resize

#: The sets that are read from files, and can be fetched.
FROM_FILES: dict[str, type[MNIST | CIFAR10]] = {"mnist": MNIST, "fashion-mnist": FashionMNIST, "cifar10": CIFAR10}

#: Every name that `load` knows, and what is behind it.
NAMES: dict[str, str] = {
    "glyphs": "digits that minigen draws itself; no download, any size, grey or colour",
    "mnist": "handwritten digits, 28x28 grey, 60,000 + 10,000",
    "fashion-mnist": "pictures of clothes, 28x28 grey, 60,000 + 10,000",
    "cifar10": "photographs of ten kinds of things, 32x32 colour, 50,000 + 10,000; or a PART of them, 10,000 + 2,000",
    "shapes": "one coloured shape with known factors, that minigen draws itself; no download, any size, colour or grey",
    **dict.fromkeys(DISTRIBUTIONS, "points in the plane"),
}


def load(
    name: str | os.PathLike[str],
    *,
    image_size: int | None = None,
    channels: int | None = None,
    train: bool = True,
    n: int | None = None,
    seed: int = 0,
    transform: Callable[[Any], Any] | None = None,
    value_range: tuple[float, float] = (0.0, 1.0),
    download: bool = False,
    on_bad_image: str = "error",
) -> Dataset:
    """Return a data set by name, or the pictures of a folder.

    Parameters
    ----------
    name : str or path
        One of `NAMES`, or a folder of pictures (see `ImageFolder`).
    image_size : int, optional
        Edge of the images in pixels. By default the set's own size, 64 for a folder. Images of another size
        are scaled; glyphs and shapes are drawn at this size.
    channels : 1 or 3, optional
        Grey or colour. By default the set's own, 3 for a folder. Grey images asked for in colour are repeated
        in three channels, colour images asked for in grey lose their hue; glyphs and shapes are drawn as asked.
    train : bool
        The training part, or the test part. A folder has no parts and is the same for both.
    n : int, optional
        How many glyphs, shapes or points to draw (10,000 by default); of a folder n pictures, shared out
        among its classes; of other sets the first n samples.
    seed : int
        What glyphs, shapes and points are drawn from.
    transform : callable, optional
        Is given a Pillow image; see `ImageSet`.
    value_range : (float, float)
        Range of the image tensors when no transform is given.
    download : bool
        Fetch missing files of ``mnist``, ``fashion-mnist`` and ``cifar10``.
    on_bad_image : "error" or "skip"
        What becomes of a picture of a folder that cannot be read; see `ImageFolder`.

    Raises
    ------
    ValueError
        If the name is unknown, or an option does not fit the set.
    OSError
        If the files are not there or cannot be read.

    Examples
    --------
    >>> load("glyphs", image_size=32, channels=3, n=100).image_shape
    (3, 32, 32)
    >>> load("mnits")
    Traceback (most recent call last):
    ...
    ValueError: data: 'mnits' is neither a data set nor a folder; did you mean 'mnist'? ...
    """
    name = _as_name(name)
    _check_options(image_size, channels, n)
    if name in DISTRIBUTIONS:
        if (image_size, channels, transform) != (None, None, None):
            raise ValueError(f"data: {name} is made of points: image_size, channels and transform do not apply")
        return Toy2D(name, n or 10_000, _part_seed(seed, train))
    if name == "glyphs":
        return Glyphs(n or 10_000, image_size or 28, channels == 3, seed, train, transform, value_range)
    if name == "shapes":
        return Shapes(n or 10_000, image_size or 32, channels != 1, seed, train, transform, value_range)
    if name in FROM_FILES:
        whole = FROM_FILES[name](train=train, download=download)
        return _adapted(whole, n, image_size, channels, transform, value_range)
    if not _is_path(name):
        close = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(
            f"data: {name!r} is neither a data set nor a folder; {hint}The data sets are: {', '.join(NAMES)}"
        )
    return ImageFolder(name, image_size or FOLDER_SIZE, channels or 3, transform, value_range, on_bad_image, n)


def _check_options(image_size: int | None, channels: int | None, n: int | None) -> None:
    if channels not in (None, 1, 3):
        raise ValueError(f"data: channels is {channels!r}; it must be 1 (grey) or 3 (colour)")
    if image_size is not None and not 1 <= image_size <= LARGEST_EDGE:
        raise ValueError(f"data: image_size is {image_size}; it must be 1 to {LARGEST_EDGE} pixels")
    if n is not None and n < 1:
        raise ValueError(f"data: n is {n}; it must be at least 1 sample")


def _part_seed(seed: int, train: bool) -> int:
    """Return the seed of a part of a data set that is drawn: training and test points differ."""
    return 2 * seed + (0 if train else 1)


def _as_name(name: Any) -> str:
    if not isinstance(name, (str, os.PathLike)):
        raise TypeError(f"data: the name of a data set or a folder is wanted, not {name!r}")
    return os.fspath(name)


def _is_path(name: str) -> bool:
    return os.path.exists(name) or any(mark in name for mark in ("/", os.sep)) or name.startswith((".", "~"))


def _adapted(
    whole: ImageSet,
    n: int | None,
    image_size: int | None,
    channels: int | None,
    transform: Callable[[Any], Any] | None,
    value_range: tuple[float, float],
) -> ImageSet:
    """Return the first n images at another size, in three channels or in one."""
    data, targets = whole.data[:n], whole.targets[:n]
    if channels == 1 and data.ndim == 4:
        data = _grey(data)
    if image_size is not None and image_size != data.shape[1]:
        data = _resized(data, image_size)
    if channels == 3 and data.ndim == 3:
        data = np.repeat(data[..., None], 3, axis=3)  # (N, H, W) -> (N, H, W, 3)
    return ImageSet(data, targets, transform, value_range, whole.classes)


def _grey(data: np.ndarray) -> np.ndarray:
    """Turn colour images (N, H, W, 3) grey, (N, H, W), as Pillow would one by one: they stand below one another."""
    from PIL import Image

    count, height, width, _ = data.shape
    tall = Image.fromarray(data.reshape(count * height, width, 3)).convert("L")  # (N H, W)
    return np.asarray(tall).reshape(count, height, width)


def _resized(data: np.ndarray, size: int) -> np.ndarray:
    """Scale images (N, H, W) or (N, H, W, 3) to height and width ``size``, as `Resize` would one by one, but at once.

    Pillow, too, scales the rows first and then the columns, and each channel by itself, so the bytes are the same: here
    all images stand below one another, their rows are scaled, and then height and width change places for a second
    round.
    """
    if data.ndim == 4:
        return np.stack([_resized(data[..., channel], size) for channel in range(3)], axis=3)
    for _ in range(2):
        count, height, width = data.shape
        tall = Resize((count * height, size))(data.reshape(count * height, width))  # -> (N H, size)
        data = np.asarray(tall).reshape(count, height, size).swapaxes(1, 2)  # (N H, size) -> (N, size, H)
    return np.ascontiguousarray(data)
