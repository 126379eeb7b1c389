"""Enlarging and shrinking images: every pixel of the result copies its nearest pixel of the image.

Copying is a linear function, filed with its adjoint: adding up what was copied.  Only the nearest pixel is on offer;
interpolation between pixels is not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigen.backend import Array, array_module
from minigen.engine import Function
from minigen.functional.arguments import check_choice, check_floating, check_pair
from minigen.functional.windows import Pair, channels_first, channels_last
from minigen.tensor import Tensor


class _Upsample(Function):
    """What both functions are told."""

    image: Pair  # (H, W)
    sources: tuple[np.ndarray, np.ndarray]  # for each row and for each column of the result, the one it copies

    def reads(self) -> tuple[int, ...]:
        """A linear function's derivative reads no values."""
        return ()


class UpsampleNearest(_Upsample):
    """(N, C, H, W) -> (N, C, OH, OW): y[..., i, j] = x[..., rows[i], columns[j]]."""

    def forward(self, x: Array) -> Array:
        """Copy columns, then rows."""
        xp, (rows, columns) = array_module(x), self.sources
        x = channels_last(x).take(xp.asarray(columns), axis=2)  # (N, H, OW, C)
        return channels_first(x.take(xp.asarray(rows), axis=1))  # (N, OH, OW, C)

    def backward(self, grad: Tensor) -> Tensor:
        """The adjoint."""
        return UpsampleNearestAdjoint.apply(grad, image=self.image, sources=self.sources)


class UpsampleNearestAdjoint(_Upsample):
    """(N, C, OH, OW) -> (N, C, H, W): every pixel gets the sum of its copies."""

    def forward(self, y: Array) -> Array:
        """Add up rows, then columns."""
        (height, width), (rows, columns) = self.image, self.sources
        x = _add_copies(channels_last(y), 1, height, rows)  # (N, H, OW, C)
        return channels_first(_add_copies(x, 2, width, columns))  # (N, H, W, C)

    def backward(self, grad: Tensor) -> Tensor:
        """The adjoint."""
        return UpsampleNearest.apply(grad, image=self.image, sources=self.sources)


def _add_copies(y: Array, axis: int, length: int, sources: np.ndarray) -> Array:
    """x[s] = the sum of all y[i] with sources[i] = s, along one axis; the sources are in order.

    First of each source its first copy, then of each that has one its second, and so on: no number is written to
    twice in one step, so plain indexing does, and the order of the sums is always the same.
    """
    xp, before = array_module(y), (slice(None),) * axis
    x = xp.zeros((*y.shape[:axis], length, *y.shape[axis + 1 :]), y.dtype)
    copies = np.arange(len(sources)) - np.searchsorted(sources, sources)  # first, second, ... copy of its source
    for copy in range(copies.max() + 1):
        chosen = np.flatnonzero(copies == copy)
        x[*before, _index(xp, sources[chosen])] += y[*before, _index(xp, chosen)]
    return x


def _index(xp: Any, places: np.ndarray) -> Any:
    """Rising integers as an index: where they are evenly spaced a slice, which copies nothing."""
    steps = np.diff(places)
    if len(places) == 1 or (steps == steps[0]).all():
        return slice(int(places[0]), int(places[-1]) + 1, int(steps[0]) if len(steps) else 1)
    return xp.asarray(places)


def interpolate(
    input: Tensor,
    size: int | Pair | None = None,
    scale_factor: float | tuple[float, float] | None = None,
    mode: str = "nearest",
) -> Tensor:
    """Enlarge or shrink images: ``y[n, c, i, j] = x[n, c, floor(i * H / OH), floor(j * W / OW)]``.

    Parameters
    ----------
    input : Tensor
        x, of shape (N, C, H, W).
    size : int or (int, int), optional
        The size (OH, OW) of the result.
    scale_factor : float or (float, float), optional
        Instead of the size: how many times larger the result is, down and across; OH = floor(H * factor), and
        1 / factor takes the place of H / OH.
    mode : {"nearest"}
        Copy the nearest pixel.

    Returns
    -------
    Tensor
        Of shape (N, C, OH, OW).

    Raises
    ------
    ValueError, TypeError
        Unless just one of `size` and `scale_factor` is given and all fits together.

    References
    ----------
    Odena, Dumoulin and Olah (2016), "Deconvolution and checkerboard artifacts", Distill: why to enlarge by copying
    before a convolution.

    Examples
    --------
    >>> import minigen
    >>> interpolate(minigen.tensor([[[[1.0, 2.0]]]]), scale_factor=2).tolist()
    [[[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]]]
    """
    check_floating("interpolate", input=input)
    check_choice("interpolate", "mode", mode, ["nearest"])
    if input.ndim != 4 or 0 in input.shape[1:]:
        raise ValueError(f"interpolate: input is a batch of images (N, C, H, W), but its shape is {input.shape}")
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give either size or scale_factor")
    image = input.shape[2:]
    if size is not None:
        new = check_pair("interpolate", "size", size)
        steps = [length / n for length, n in zip(image, new)]
    else:
        factors = _check_factors(scale_factor)
        new = (int(image[0] * factors[0]), int(image[1] * factors[1]))
        steps = [1 / factor for factor in factors]
        if min(new) < 1:
            raise ValueError(f"interpolate: scale_factor={scale_factor} leaves no pixel of input {input.shape}")
    sources = tuple(_nearest(*axis) for axis in zip(image, new, steps))
    return UpsampleNearest.apply(input, image=image, sources=sources)


def _nearest(length: int, new: int, step: float) -> np.ndarray:
    """For each of `new` pixels the one of `length` that it copies; with PyTorch's roundings."""
    if new in (length, 2 * length):
        step = length / new  # whatever the factor was
    return np.minimum(np.arange(new, dtype=np.float32) * np.float32(step), length - 1).astype(np.int64)


def _check_factors(scale_factor: object) -> tuple[float, float]:
    factors = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor, scale_factor)
    if len(factors) != 2 or not all(
        isinstance(f, (int, float)) and not isinstance(f, bool) and 0 < f < float("inf") for f in factors
    ):
        raise ValueError(f"interpolate: scale_factor is a positive number or a pair of them, not {scale_factor!r}")
    return float(factors[0]), float(factors[1])
