"""Checks at the door of the systems: how they are built, what they learn from, and what they are asked to draw.

Each raises one sentence that names the system, the argument and its shape or value, and says what is wanted.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from typing import TYPE_CHECKING, Any

import minigen
from minigen import Tensor
from minigen.functional.arguments import check_integer

if TYPE_CHECKING:
    from minigen.models.system import System

KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", dict: "a table"}
KINDS |= {list: "a list", tuple: "a list"}
FAR_OUT = 10  # Bytes lie over 100 ranges outside; noise on images, or another way to normalise them, only a few.


def check_shape(system: type[System], shape: Any) -> None:
    """Refuse samples of a shape that a system's networks cannot be built for.

    Raises
    ------
    ValueError
        Naming what the system wants.
    """
    sizes = ", ".join(map(str, system.image_sizes))
    whole = isinstance(shape, (tuple, list)) and all(isinstance(length, numbers.Integral) for length in shape)
    if not whole or len(shape) not in (1, 3):
        raise ValueError(f"{system.name}: shape must be (C, H, W), or (2,) for points, not {short(shape)}")
    if len(shape) == 1:
        if not system.takes_points:
            raise ValueError(f"{system.name} learns from images, not from points; its image sizes are: {sizes}")
        return
    channels, height, width = shape
    if height != width or height not in system.image_sizes:
        size = height if height == width else f"{height}x{width}"
        raise ValueError(f"{system.name}: images of {size} pixels are not among its sizes: {sizes}")
    if channels not in (1, 3):
        raise ValueError(f"{system.name}: channels must be 1 (grey) or 3 (colour), not {channels}")


def check_options(system: str, options: Any) -> None:
    """Refuse options that no system has a use for: of a wrong type, below their least, words that are no choice.

    Raises
    ------
    ValueError
        Naming the option and its value.
    """
    for field in dataclasses.fields(options):
        value, choices, least = getattr(options, field.name), field.metadata.get("choices"), field.metadata.get("least")
        if choices and value not in choices:
            raise ValueError(f"{system}: option {field.name} must be one of {', '.join(choices)}, not {short(value)}")
        if field.default is not None and field.default is not dataclasses.MISSING:
            check_type(f"{system}: option {field.name}", value, type(field.default))
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if number and least is not None and not least <= value < math.inf:
            raise ValueError(f"{system}: option {field.name} must be at least {least} and finite, not {value}")


def check_type(name: str, value: Any, kind: type) -> None:
    """Refuse a value of another type; a whole number does for a number.

    Raises
    ------
    ValueError
        Naming the value and the type wanted.
    """
    allowed = {float: (int, float), tuple: (list, tuple)}.get(kind, (kind,))
    if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{name} must be {KINDS.get(kind, kind.__name__)}, not {short(value)}")


def short(value: Any) -> str:
    """Return a value as it would be written, but no more than a line of it.

    Examples
    --------
    >>> short("x" * 1000)[-10:]
    'xxxxxxx...'
    """
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return "a number of more than 64 bits"
    if isinstance(value, (list, dict)) and not (len(value) <= 4 and all(isinstance(one, int) for one in value)):
        return f"a {type(value).__name__} of {len(value)}"  # it may be deep
    text = repr(value[:100] if isinstance(value, str) else value)[:100].replace("\n", " ")  # arrays have lines
    return text if len(text) <= 80 else text[:77] + "..."


def images_of(batch: Any) -> Tensor:
    """Return the images (N, C, H, W) of a batch: its first part, or all of it where there are no labels."""
    return batch[0] if isinstance(batch, (tuple, list)) and batch else batch


def images_for(system: System, batch: Any) -> Tensor:
    """Return the images (N, C, H, W), or points (N, 2), of a batch on the system's device; labels are left out.

    Raises
    ------
    TypeError
        If it is no batch.
    ValueError
        If it is empty, or its samples are none of the system's (height and width are left to the networks), or images
        lie more than `FAR_OUT` times the length of ``value_range`` outside of it (looked at on the host only): what
        is off by less is a finding of the doctor.

    Examples
    --------
    >>> from minigen.models import find_system
    >>> images_for(find_system("vae")(), minigen.zeros(28, 28))
    Traceback (most recent call last):
        ...
    ValueError: vae: a batch must be (N, 1, 28, 28), not (28, 28); one sample becomes a batch by x[None]
    """
    images = images_of(batch)
    if not hasattr(images, "detach"):
        raise TypeError(f"{system.name}: a batch must be a tensor, or (images, labels), not {short(batch)}")
    if not images.is_floating_point():
        raise TypeError(f"{system.name}: a batch must be floats, not {images.dtype}; bytes become such by x / 255")
    axes, shape = 1 + len(system.shape), tuple(images.shape)
    wanted = "images (N, 1 or 3, H, W)" if system.crops else f"(N, {', '.join(map(str, system.shape))})"
    channels = (1, 3) if system.crops else system.shape[:1]
    if len(shape) != axes or 0 in shape or shape[1] not in channels:
        hint = "; one sample becomes a batch by x[None]" if len(shape) < axes else ""
        raise ValueError(f"{system.name}: a batch must be {wanted}, not {shape}{hint}")
    low, high = system.value_range
    if axes == 4:
        remedy = "bytes become such by x / 255" if low == 0 else "bytes become such by x / 127.5 - 1"
        check_values(system.name, images, low, high, remedy, slack=FAR_OUT * (high - low))
    return images.to(system.device)


def check_values(system: str, images: Tensor, low: float, high: float, remedy: str, slack: float = 0.0) -> None:
    """Refuse images with a NaN, or values more than ``slack`` outside [low, high]; on a GPU that would mean waiting.

    Raises
    ------
    ValueError
        Naming the values.
    """
    if images.device.type != "cpu":
        return
    smallest, largest = images.min().item(), images.max().item()
    if math.isnan(smallest) or math.isnan(largest):
        raise ValueError(f"{system}: images hold a NaN; images.isnan().nonzero() says where")
    if smallest < low - slack or largest > high + slack:
        raise ValueError(
            f"{system}: images must lie in [{low:g}, {high:g}], but go from {smallest:g} to {largest:g}; {remedy}"
        )


def pairs_for(system: System, batch: Any) -> tuple[Tensor, Tensor]:
    """Return the images (N, C, H, W) and labels (N,) of a batch on the system's device.

    Raises
    ------
    TypeError, ValueError
        As `images_for`, and if there are no labels, or not one an image.
    """
    images = images_for(system, batch)
    if not isinstance(batch, (tuple, list)) or len(batch) != 2 or not hasattr(batch[1], "detach"):
        raise TypeError(f"{system.name}: it learns from labels, so a batch must be (images, labels), both tensors")
    labels = batch[1]
    if tuple(labels.shape) != (len(images),):
        raise ValueError(f"{system.name}: {len(images)} images want labels ({len(images)},), not {tuple(labels.shape)}")
    return images, labels.to(system.device)


def noise_for(system: System, n: int, noise: Tensor | None) -> Tensor:
    """Return what ``n`` images are made of: the first rows of ``noise``, or noise drawn for them.

    Raises
    ------
    ValueError
        If ``n`` is no number of images, or ``noise`` is for fewer.
    """
    n = check_integer(system.name, "n, the number of images,", n, low=0)
    if noise is None:
        return system.noise(n)
    if not hasattr(noise, "detach") or len(noise.shape) == 0 or len(noise) < n:
        given = tuple(noise.shape) if hasattr(noise, "shape") else short(noise)
        raise ValueError(f"{system.name}: noise for {n} images must be a tensor of as many rows, not {given}")
    return noise[:n]


def wanted_labels(system: System, n: int, labels: Any = None) -> Tensor:
    """Return the classes (n,) that a conditional system is to draw, on its device.

    Parameters
    ----------
    system : System
        Who draws; it knows the number of classes.
    n : int
        Number of samples.
    labels : Tensor or list of int, optional
        (n,), each from 0 to ``system.classes`` - 1; by default 0, 1, 2, ... in turn.

    Raises
    ------
    ValueError
        If there are more or fewer than n, or one is no class of the system.
    TypeError
        If they are no integers.

    Examples
    --------
    >>> from minigen.models import find_system
    >>> system = find_system("lenet")(classes=3)
    >>> wanted_labels(system, 5).tolist()
    [0, 1, 2, 0, 1]
    >>> wanted_labels(system, 2, [0, 3])
    Traceback (most recent call last):
        ...
    ValueError: lenet: label 3 is not one of the 3 classes 0 to 2
    """
    n = check_integer(system.name, "n, the number of images,", n, low=0)
    if labels is None:
        return (minigen.arange(n) % system.classes).to(system.device)
    labels = minigen.as_tensor(labels)
    if labels.is_floating_point():
        raise TypeError(f"{system.name}: labels are whole numbers, but these are {labels.dtype}; use labels.long()")
    if tuple(labels.shape) != (n,):
        raise ValueError(f"{system.name}: {n} samples want {n} labels, not {tuple(labels.shape)}")
    for label in labels.tolist():
        if not 0 <= label < system.classes:
            classes = f"the {system.classes} classes 0 to {system.classes - 1}"
            raise ValueError(f"{system.name}: label {label} is not one of {classes}")
    return labels.long().to(system.device)
