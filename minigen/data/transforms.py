"""Transforms: what is done to one image before it enters a batch, named and behaving as in torchvision.

An image here is one of three things: a Pillow image, a NumPy array (H, W) or (H, W, C), usually uint8, or a
Tensor (..., H, W).  `Resize` takes the first two, `ToTensor` turns them into the third, `Normalize` takes the
third, and crops and flips take all three.  Random transforms draw from `sample_generator()`, so that the
number of loader threads changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigen.arguments import check_callable
from minigen.creation import from_numpy
from minigen.data.sampling import sample_generator
from minigen.functional.arguments import check_number
from minigen.tensor import Tensor

Image = Any  # a Pillow image, a NumPy array (H, W) or (H, W, C), or a Tensor (..., H, W)


class Compose:
    """Apply transforms one after the other.

    Examples
    --------
    >>> transform = Compose([CenterCrop(24), ToTensor(), Normalize([0.5], [0.5])])
    >>> transform(np.zeros((28, 28), np.uint8)).shape
    (1, 24, 24)
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        if not isinstance(transforms, Sequence):
            raise TypeError(f"Compose: a list of transforms is wanted, not {transforms!r}; write Compose([...])")
        for transform in transforms:
            check_callable("Compose", "every transform", transform)
        self.transforms = list(transforms)

    def __call__(self, image: Any) -> Any:
        for transform in self.transforms:
            image = transform(image)
        return image

    def __repr__(self) -> str:
        inner = "".join(f"\n    {transform!r}," for transform in self.transforms)
        return f"Compose([{inner}\n])"


class Resize:
    """Scale an image by antialiased interpolation.

    Parameters
    ----------
    size : int or (int, int)
        An int is the length of the shorter edge, the other follows and keeps the proportions; a pair is the
        height and width to get.
    interpolation : "bilinear", "nearest", "bicubic", "lanczos" or "box"
        Pillow's filter of that name.

    Raises
    ------
    TypeError
        If the image is a tensor: resize before `ToTensor`.

    Examples
    --------
    >>> Resize(14)(np.zeros((28, 56, 3), np.uint8)).shape
    (14, 28, 3)
    """

    def __init__(self, size: int | Sequence[int], interpolation: str = "bilinear") -> None:
        names = ("nearest", "box", "bilinear", "bicubic", "lanczos")
        if interpolation not in names:
            raise ValueError(f"Resize: interpolation {interpolation!r} is unknown; take one of {names}")
        if not isinstance(size, int):
            size = _pair("Resize", size)
        elif size < 1:
            raise ValueError(f"Resize: size is {size}; it must be at least 1 pixel")
        self.size = size
        self.interpolation = interpolation

    def __call__(self, image: Image) -> Image:
        from PIL import Image as Pillow

        _check_image("Resize", image)
        if isinstance(image, Tensor):
            raise TypeError("Resize: the image is a tensor already; put Resize before ToTensor()")
        height, width = self._target(*_height_width(image))
        if (height, width) == _height_width(image):
            return image
        resample = getattr(Pillow.Resampling, self.interpolation.upper())
        if not isinstance(image, np.ndarray):
            return image.resize((width, height), resample)
        return np.asarray(_to_pillow("Resize", image).resize((width, height), resample))  # (height, width, C)

    def _target(self, height: int, width: int) -> tuple[int, int]:
        if not isinstance(self.size, int):
            return self.size
        short, long = min(height, width), max(height, width)
        scaled = int(self.size * long / short)  # cut off, not rounded: as torchvision does
        return (self.size, scaled) if height <= width else (scaled, self.size)

    def __repr__(self) -> str:
        return f"Resize({self.size}, interpolation={self.interpolation!r})"


class CenterCrop:
    """Cut the middle out of an image; where the image is smaller, it is padded with zeros first.

    Parameters
    ----------
    size : int or (int, int)
        Height and width to get; an int is both.
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = _pair("CenterCrop", size)

    def __call__(self, image: Image) -> Image:
        _check_image("CenterCrop", image)
        (height, width), (new_height, new_width) = _height_width(image), self.size
        missing = max(new_height - height, 0), max(new_width - width, 0)
        if any(missing):
            top, left = missing[0] // 2, missing[1] // 2
            image = _pad(image, (left, top, missing[1] - left, missing[0] - top))
            height, width = _height_width(image)
        top = round((height - new_height) / 2)  # half to even: as torchvision does
        left = round((width - new_width) / 2)
        return _crop(image, top, left, new_height, new_width)

    def __repr__(self) -> str:
        return f"CenterCrop({self.size})"


class RandomCrop:
    """Cut a piece of fixed size out of an image, at a random place.

    Parameters
    ----------
    size : int or (int, int)
        Height and width to get; an int is both.
    padding : int or sequence of 2 or 4 ints, optional
        Pixels to put around the image first: all sides; (left and right, top and bottom); or (left, top,
        right, bottom).
    pad_if_needed : bool
        Pad an image that is still too small, instead of raising.
    fill : number or tuple
        What constant padding is filled with; a tuple gives one number for each channel.
    padding_mode : "constant", "edge", "reflect" or "symmetric"
        What the padding is made of.

    Raises
    ------
    ValueError
        If the image is smaller than the piece.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        modes = ("constant", "edge", "reflect", "symmetric")
        if padding_mode not in modes:
            raise ValueError(f"RandomCrop: padding_mode {padding_mode!r} is unknown; take one of {modes}")
        self.size = _pair("RandomCrop", size)
        self.padding = None if padding is None else _sides(padding)
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    def __call__(self, image: Image) -> Image:
        _check_image("RandomCrop", image)
        new_height, new_width = self.size
        if self.padding is not None:
            image = _pad(image, self.padding, self.fill, self.padding_mode)
        height, width = _height_width(image)
        if self.pad_if_needed:
            x, y = max(new_width - width, 0), max(new_height - height, 0)
            image = _pad(image, (x, y, x, y), self.fill, self.padding_mode)
            height, width = _height_width(image)
        if height < new_height or width < new_width:
            raise ValueError(
                f"RandomCrop: cannot cut {self.size} out of an image of {(height, width)} pixels; put "
                "Resize before it, or set padding or pad_if_needed"
            )
        draw = sample_generator()
        top = int(draw.integers(height - new_height + 1))
        left = int(draw.integers(width - new_width + 1))
        return _crop(image, top, left, new_height, new_width)

    def __repr__(self) -> str:
        return f"RandomCrop({self.size}, padding={self.padding})"


class RandomHorizontalFlip:
    """Mirror an image left to right with probability ``p``."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = check_number("RandomHorizontalFlip", "p", p, 0, 1)

    def __call__(self, image: Image) -> Image:
        _check_image("RandomHorizontalFlip", image)
        if sample_generator().random() >= self.p:
            return image
        if isinstance(image, Tensor):
            return from_numpy(image.numpy()[..., ::-1].copy())
        if isinstance(image, np.ndarray):
            return image[:, ::-1]
        from PIL import ImageOps

        return ImageOps.mirror(image)

    def __repr__(self) -> str:
        return f"RandomHorizontalFlip(p={self.p})"


class ToTensor:
    """Turn an image (H, W) or (H, W, C) of bytes into a float32 Tensor (C, H, W) in [0, 1].

    Bytes are divided by 255. An array of another type keeps its type and its values, as in torchvision; so do
    Pillow's modes "I", "I;16" and "F".

    Examples
    --------
    >>> image = np.full((2, 3), 255, np.uint8)
    >>> ToTensor()(image).tolist()
    [[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]]
    """

    def __call__(self, image: Image) -> Tensor:
        _check_image("ToTensor", image)
        if isinstance(image, Tensor):
            raise TypeError("ToTensor: the image is a tensor already; use ToTensor once, and last of the crops")
        if isinstance(image, np.ndarray):
            array = image
        else:
            array = np.array(image)
            if image.mode == "1":
                array = array.astype(np.uint8) * 255
        if array.ndim == 2:
            array = array[:, :, None]  # (H, W) -> (H, W, 1)
        array = array.transpose(2, 0, 1)  # (H, W, C) -> (C, H, W)
        if array.dtype == np.uint8:
            return from_numpy(np.divide(array, 255, dtype=np.float32))
        return from_numpy(array.copy())

    def __repr__(self) -> str:
        return "ToTensor()"


class Normalize:
    """Shift and scale each channel: ``(x - mean[c]) / std[c]``.

    Parameters
    ----------
    mean, std : number or sequence of numbers
        One for each channel, or one for all. ``Normalize(0.5, 0.5)`` takes [0, 1] to [-1, 1], the range of a
        generator that ends in tanh.

    Raises
    ------
    ValueError
        If a standard deviation is 0 or the numbers do not fit the channels.
    TypeError
        If the image is no tensor of floats: put `ToTensor` before it.

    Examples
    --------
    >>> Normalize(0.5, 0.5)(from_numpy(np.array([[[0.0, 1.0]]]))).tolist()
    [[[-1.0, 1.0]]]
    """

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        self.mean, self.std = _numbers("mean", mean), _numbers("std", std)
        if (self.std == 0).any():
            raise ValueError(f"Normalize: std {self.std.tolist()} holds a 0: it would divide by zero")

    def __call__(self, tensor: Tensor) -> Tensor:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"Normalize: the image is a {type(tensor).__name__}; put ToTensor() before Normalize")
        if tensor.dtype.kind != "f":
            raise TypeError(f"Normalize: the image is of {tensor.dtype}, not of floats; ToTensor() gives floats")
        channels = tensor.shape[-3] if tensor.dim() >= 3 else 0
        if tensor.dim() < 3 or any(len(v) not in (1, channels) for v in (self.mean, self.std)):
            raise ValueError(
                f"Normalize: {len(self.mean)} means and {len(self.std)} deviations do not fit an image of "
                f"shape {tuple(tensor.shape)}: (..., C, H, W) wants 1 or C of each"
            )
        mean, std = (v.astype(tensor.dtype)[:, None, None] for v in (self.mean, self.std))  # (C,) -> (C, 1, 1)
        if tensor.requires_grad:
            return (tensor - from_numpy(mean)) / from_numpy(std)
        array = tensor.numpy() - mean
        array /= std
        return from_numpy(array)

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean.tolist()}, std={self.std.tolist()})"


def _numbers(what: str, values: float | Sequence[float]) -> np.ndarray:
    """Read one number, or one for each channel, as an array (C,)."""
    try:
        array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError):
        array = np.full(1, np.nan)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError(f"Normalize: {what} is {values!r}; it must be one number, or one for each channel")
    return array


def _check_image(name: str, image: Image) -> None:
    """Refuse what is no image, in the words of the transform that was handed it."""
    if isinstance(image, np.ndarray):
        if image.ndim not in (2, 3):
            raise ValueError(f"{name}: an array image is (H, W) or (H, W, C), not {image.shape}")
    elif isinstance(image, Tensor):
        if image.dim() < 2:
            raise ValueError(f"{name}: a tensor image is (..., H, W), not {tuple(image.shape)}")
    elif not (hasattr(image, "mode") and hasattr(image, "crop")):
        raise TypeError(
            f"{name}: {type(image).__name__} is no image; a Pillow image, an array (H, W, C) or a Tensor is wanted"
        )


def _to_pillow(name: str, image: np.ndarray) -> Any:
    from PIL import Image as Pillow

    if image.ndim == 3 and image.shape[2] == 1:
        raise ValueError(f"{name}: give a grey array as (H, W), not as {image.shape}")
    if image.dtype != np.uint8:
        raise TypeError(f"{name}: an array image must be of uint8 (bytes), not of {image.dtype}")
    return Pillow.fromarray(np.ascontiguousarray(image))


def _pair(name: str, size: int | Sequence[int]) -> tuple[int, int]:
    """Read a size: an int is height and width, a pair is (height, width)."""
    pair = tuple(size) if isinstance(size, Sequence) else (size, size)
    if len(pair) != 2 or any(not isinstance(edge, int) or edge < 1 for edge in pair):
        raise ValueError(f"{name}: size is {size!r}; it must be a positive int or (height, width)")
    return pair[0], pair[1]


def _sides(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """Read a padding: one number, (x, y) or (left, top, right, bottom)."""
    sides = tuple(padding) if isinstance(padding, Sequence) else (padding,)
    if len(sides) not in (1, 2, 4) or any(not isinstance(side, int) or side < 0 for side in sides):
        raise ValueError(f"RandomCrop: padding is {padding!r}; it must be 1, 2 or 4 numbers >= 0")
    left, top, right, bottom = sides * (4 // len(sides))
    return left, top, right, bottom


def _height_width(image: Image) -> tuple[int, int]:
    if isinstance(image, Tensor):
        return image.shape[-2], image.shape[-1]
    if isinstance(image, np.ndarray):
        return image.shape[0], image.shape[1]
    return image.height, image.width


def _crop(image: Image, top: int, left: int, height: int, width: int) -> Image:
    rows, columns = slice(top, top + height), slice(left, left + width)
    if isinstance(image, Tensor):
        return image[..., rows, columns]
    if isinstance(image, np.ndarray):
        return image[rows, columns]
    return image.crop((left, top, left + width, top + height))


def _pad(image: Image, sides: tuple[int, int, int, int], fill: Any = 0, mode: str = "constant") -> Image:
    """Put pixels around an image: ``sides`` are (left, top, right, bottom)."""
    if isinstance(image, Tensor):
        return from_numpy(_pad_array(image.numpy(), sides, fill, mode, first_axis=image.dim() - 2))
    if isinstance(image, np.ndarray):
        return _pad_array(image, sides, fill, mode)
    from PIL import Image as Pillow

    padded = Pillow.fromarray(_pad_array(np.asarray(image), sides, fill, mode))
    if image.mode == "P":
        padded.putpalette(image.getpalette())
    return padded


def _pad_array(
    array: np.ndarray, sides: tuple[int, int, int, int], fill: Any, mode: str, first_axis: int = 0
) -> np.ndarray:
    """Pad the two axes from ``first_axis`` on, the height and the width."""
    left, top, right, bottom = sides
    widths = [(0, 0)] * array.ndim
    widths[first_axis : first_axis + 2] = [(top, bottom), (left, right)]
    if mode != "constant":
        return np.pad(array, widths, mode=mode)  # type: ignore[call-overload]
    padded = np.empty([size + sum(extra) for size, extra in zip(array.shape, widths)], array.dtype)
    padded[...] = fill  # a tuple is spread over the channels, the last axis of an array image
    padded[tuple(slice(before, before + size) for size, (before, _) in zip(array.shape, widths))] = array
    return padded
