"""Enlarging and shrinking images: every pixel of the result is a weighted sum of the pixels around its place.

The one question is which pixels, and how much of each; it is answered for rows and for columns apart, because the
weights of all modes here are products of a number for the row and one for the column.  An answer is a list of taps,
and `axis_map.py` applies such lists and their adjoints: nothing is derived here.

Where is a place?  Let `step` be how many old pixels a new one takes.  Pixels are little squares, and pixel i covers
[i, i + 1]: so the middle of the new one, i + 1/2, lies at ``(i + 1/2) * step`` of the old line, which is the place
``(i + 1/2) * step - 1/2`` counted from the middle of the first pixel.  With `align_corners` pixels are points instead,
and the first and last points of both lines fall together: the place is ``i * (length - 1) / (new - 1)``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigen.functional.adaptive import means
from minigen.functional.arguments import check_choice, check_floating, check_integer
from minigen.functional.axis_map import MapAxis, Taps
from minigen.tensor import Tensor

SMOOTH = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}  # how many axes each is for
MODES = ("nearest", "nearest-exact", "area", *SMOOTH)


def interpolate(
    input: Tensor,
    size: int | tuple[int, ...] | None = None,
    scale_factor: float | tuple[float, ...] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Tensor:
    """Enlarge or shrink images (signals, volumes), by copying pixels or by blending them.

    ``y[n, c, i, j] = sum over k, l of u_i[k] * v_j[l] * x[n, c, k, l]``, the weights u and v depending on the mode.

    Parameters
    ----------
    input : Tensor
        x, of shape (N, C, H, W); or (N, C, L), or (N, C, D, H, W), with one or three numbers in the place of two.
    size : int or (int, int), optional
        The size (OH, OW) of the result.
    scale_factor : float or (float, float), optional
        Instead of the size: how many times larger the result is, down and across; OH = floor(H * factor).
    mode : {"nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area"}
        Copy the pixel whose square the upper left corner of the new pixel lies in, or the one its middle lies in; blend
        the nearest two of a signal, 2x2 of an image, 2x2x2 of a volume; blend the nearest 4x4 of an image; or take the
        mean of the area under the new pixel (`adaptive_avg_pool2d`).
    align_corners : bool, optional
        For the modes that blend: let the middles of the corner pixels, not their corners, fall together.
    recompute_scale_factor : bool, optional
        Whether a place is found by the true ratio of the sizes; by default it is found by the `scale_factor` given,
        from which the ratio differs if H * factor is no integer.

    Returns
    -------
    Tensor
        Of shape (N, C, OH, OW), or as the input is.

    Raises
    ------
    ValueError, TypeError
        Unless just one of `size` and `scale_factor` is given and all fits together.

    Notes
    -----
    A linear function; the gradient brings every pixel back what it gave, with the same weights.  "bicubic" may leave
    the range of the image.  Shrinking by the modes that blend looks at a few pixels only and skips those between: use
    "area" for that.

    References
    ----------
    Keys (1981), "Cubic convolution interpolation for digital image processing", IEEE Transactions on Acoustics, Speech,
    and Signal Processing 29(6), with a = -0.75 as in PyTorch.  Odena, Dumoulin and Olah (2016), "Deconvolution and
    checkerboard artifacts", Distill: why to enlarge before a convolution.

    Examples
    --------
    >>> import minigen
    >>> x = minigen.tensor([[[[1.0, 2.0]]]])
    >>> interpolate(x, scale_factor=2).tolist()
    [[[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]]]
    >>> interpolate(x, size=(1, 4), mode="bilinear").tolist()
    [[[[1.0, 1.25, 1.75, 2.0]]]]
    >>> interpolate(x, size=(1, 3), mode="bilinear", align_corners=True).tolist()
    [[[[1.0, 1.5, 2.0]]]]
    """
    _check_input(input, mode, align_corners)
    image = input.shape[2:]
    new, steps = _sizes_and_steps(input, size, scale_factor, bool(recompute_scale_factor))
    for axis, (length, count, step) in enumerate(zip(image, new, steps), start=2):
        if _forgets_the_factor(mode, len(image), length, count):
            step = length / count
        if mode in SMOOTH:
            places = _places(length, count, step, bool(align_corners), input.dtype)
            taps = _cubic(places, length) if mode == "bicubic" else _linear(places, length)
        elif mode == "area":
            taps = means(length, count)
        else:
            taps = Taps.copying(_nearest(length, count, step, mode), length)
        input = MapAxis.apply(input, axis=axis, taps=taps)
    return input


# --- which pixels, and how much of each ------------------------------------------------------------------------


def _forgets_the_factor(mode: str, axes: int, length: int, count: int) -> bool:
    """Tell where PyTorch's kernels go by the lengths alone, whatever the factor: where a length stays, and more."""
    if mode == "nearest":
        return axes == 2 and count in (length, 2 * length)
    return mode in SMOOTH and mode != "bicubic" and count == length


def _nearest(length: int, count: int, step: float, mode: str) -> np.ndarray:
    """For each of `count` pixels the one of `length` that it copies; with PyTorch's roundings."""
    offset = np.float32(0.5 if mode == "nearest-exact" else 0.0)
    places = (np.arange(count, dtype=np.float32) + offset) * np.float32(step)
    return np.minimum(places, length - 1).astype(np.int64)


def _places(length: int, count: int, step: float, align_corners: bool, dtype: Any) -> np.ndarray:
    """Where the middles of `count` pixels lie, counted from the first old one's; with PyTorch's roundings."""
    number = np.arange(count, dtype=dtype)
    if align_corners:
        return number * number.dtype.type((length - 1) / (count - 1) if count > 1 else 0.0)
    half = number.dtype.type(0.5)
    return (number + half) * number.dtype.type(step) - half


def _linear(places: np.ndarray, length: int) -> Taps:
    """Blend the two old pixels beside each place; beyond the first and the last middle there is only one."""
    places = np.clip(places, 0, length - 1)
    left = np.minimum(places.astype(np.int64), max(0, length - 2))
    part = places - left  # how far from the left to the right one
    return _blend([left, np.minimum(left + 1, length - 1)], [1 - part, part], length)


def _cubic(places: np.ndarray, length: int) -> Taps:
    """Blend four old pixels by Keys' cubic; beyond the edge the pixel at the edge stands in."""
    left = np.floor(places).astype(np.int64)
    part = places - left
    neighbours = [np.clip(left + k, 0, length - 1) for k in (-1, 0, 1, 2)]
    return _blend(neighbours, [_keys(abs(part - k)) for k in (-1, 0, 1, 2)], length)


def _keys(distance: np.ndarray, a: float = -0.75) -> np.ndarray:
    """The weight of a pixel at some distance: Keys (1981), equation (4) with a free `a`."""
    x = distance
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, far)


def _blend(neighbours: list[np.ndarray], weights: list[np.ndarray], length: int) -> Taps:
    """Taps from the k-th neighbour of every place and its weight; those of weight 0 are left out."""
    count = len(neighbours[0])
    targets, sources = np.tile(np.arange(count), len(neighbours)), np.concatenate(neighbours)
    amounts = np.concatenate(weights)
    used = amounts != 0
    return Taps(targets[used], sources[used], amounts[used], count, length)


# --- checks at the door ------------------------------------------------------------------------------------------


def _check_input(x: Any, mode: str, align_corners: bool | None) -> None:
    check_floating("interpolate", input=x)
    check_choice("interpolate", "mode", mode, MODES)
    if x.ndim not in (3, 4, 5) or 0 in x.shape[1:]:
        raise ValueError(
            "interpolate: input is a batch of images (N, C, H, W), signals (N, C, L) or volumes (N, C, D, H, W), with "
            f"channels and pixels, but its shape is {x.shape}"
        )
    axes = x.ndim - 2
    if SMOOTH.get(mode, axes) != axes:
        modes = " or ".join(repr(mode) for mode, count in SMOOTH.items() if count == axes)
        raise ValueError(f"interpolate: mode={mode!r} is not for input {x.shape}; what blends there is {modes}")
    if align_corners is not None and mode not in SMOOTH:
        raise ValueError(f"interpolate: align_corners is for modes that blend: {', '.join(SMOOTH)}; not for {mode!r}")


def _sizes_and_steps(x: Tensor, size: Any, scale_factor: Any, recompute: bool) -> tuple[tuple[int, ...], list[float]]:
    """The new size, and for each axis how many old pixels a new one takes."""
    image, axes = x.shape[2:], x.ndim - 2
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give either size or scale_factor")
    if size is not None:
        if recompute:
            raise ValueError("interpolate: recompute_scale_factor is about scale_factor, but size is given")
        sizes = tuple(size) if isinstance(size, (tuple, list)) else (size,) * axes
        if len(sizes) != axes:
            raise ValueError(f"interpolate: size is one integer or {axes} for input {x.shape}, not {size!r}")
        new = tuple(check_integer("interpolate", "size", n) for n in sizes)
        return new, [old / n for old, n in zip(image, new)]
    factors = _check_factors(scale_factor, axes)
    new = tuple(math.floor(n * factor) for n, factor in zip(image, factors))
    if min(new) < 1:
        raise ValueError(f"interpolate: scale_factor={scale_factor} leaves no pixel of input {x.shape}")
    if recompute:
        return new, [old / n for old, n in zip(image, new)]
    return new, [1 / factor for factor in factors]


def _check_factors(scale_factor: Any, axes: int) -> tuple[float, ...]:
    factors = tuple(scale_factor) if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * axes
    if len(factors) != axes or not all(
        isinstance(f, (int, float)) and not isinstance(f, bool) and 0 < f < float("inf") for f in factors
    ):
        raise ValueError(
            f"interpolate: scale_factor is a positive number or one for each of {axes} axes, not {scale_factor!r}"
        )
    return tuple(float(f) for f in factors)
