"""Signals as images of height 1, and one image as a batch of one: how all that slides windows sees its input.

Convolutions and poolings are written once, for batches of images (N, C, H, W).  Here is the way there from what people
may pass, (N, C, L), (C, H, W) or (C, L), and the way back.  Nothing is computed or copied.
"""

from __future__ import annotations

from minigen.functional.windows import Pair
from minigen.tensor import Tensor


def check_images(owner: str, x: Tensor, axes: int) -> None:
    """Raise ValueError unless `x` is a batch or a single one of images (axes=2) or signals (axes=1), none empty."""
    if x.ndim in (axes + 1, axes + 2) and 0 not in x.shape[-axes - 1 :]:
        return
    if axes == 2:
        what = "a batch of images (N, C, H, W) or one image (C, H, W), with pixels and channels"
    else:
        what = "a batch of signals (N, C, L) or one signal (C, L), with numbers and channels"
    raise ValueError(f"{owner}: input is {what}, but its shape is {x.shape}")


def as_images(x: Tensor, axes: int) -> Tensor:
    """(N, C, H, W) from what `check_images` lets pass."""
    if x.ndim == axes + 1:
        x = x.unsqueeze(0)
    return x.unsqueeze(2) if axes == 1 else x


def from_images(y: Tensor, ndim: int, axes: int) -> Tensor:
    """The way back, for an input that had `ndim` axes."""
    if axes == 1:
        y = y.squeeze(2)
    return y.squeeze(0) if ndim == axes + 1 else y


def pair(sizes: tuple[int, ...], neutral: int = 1) -> Pair:
    """(height, width) from sizes for one axis or two; `neutral` is what the height of a signal has."""
    return (neutral, sizes[0]) if len(sizes) == 1 else (sizes[0], sizes[1])
