"""How near one image is to another, and how often a classifier is right.

Images are compared pixel by pixel (PSNR) and by local structure (SSIM); photographs, by custom, in their luma alone.
Nothing here judges an image by itself: there must be one that it should have been.

`accuracy` and `luma` serve in training steps too: they are made of tensor methods alone, and never wait for a device.
"""

from __future__ import annotations

import math
from typing import Any

import minigen.nn.functional as F
from minigen.functional.arguments import check_number
from minigen.metrics.arguments import as_tensor
from minigen.tensor import Tensor


def psnr(a: Any, b: Any, data_range: float = 1.0) -> Tensor:
    """Peak signal-to-noise ratio in decibels: ``10 * log10(data_range**2 / mean((a - b)**2))``, one an image.

    Parameters
    ----------
    a, b : Tensor or array
        Images (N, C, H, W).
    data_range : float
        The largest value that a pixel can have, less the smallest: 1, 2 or 255.

    Returns
    -------
    Tensor
        (N,), float64; infinite for equal images.  Where figures are averaged over images, papers average these.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ or are no images, ``data_range`` is not positive, or integers lie further apart than that.

    Examples
    --------
    >>> import minigen
    >>> grey = minigen.full((1, 1, 4, 4), 0.5)
    >>> round(psnr(grey, grey + 0.1).item(), 3)
    20.0
    """
    a, b = check_pairs("psnr", a, b)
    if check_number("psnr", "data_range", data_range, low=0.0) in (0.0, math.inf):
        raise ValueError(f"psnr: data_range must be positive and finite, not {data_range!r}")
    ends = [end.item() for x in (a, b) if not x.is_floating_point() for end in (x.min(), x.max())]
    if ends and max(ends) - min(ends) > data_range:
        raise ValueError(
            f"psnr: integers from {min(ends)} to {max(ends)} are further apart than data_range={data_range:g}; "
            "bytes have data_range=255"
        )
    error = ((a.double() - b.double()) ** 2).mean((1, 2, 3))  # (N, C, H, W) -> (N,)
    return 10 * (data_range**2 / error).log10()


def ssim(a: Any, b: Any, data_range: float = 1.0) -> Tensor:
    """Structural similarity with the window of Wang et al. (2004), one an image; `minigen.functional.ssim` in float64.

    Parameters
    ----------
    a, b : Tensor or array
        Images (N, C, H, W) of at least 11 x 11 pixels, from 0 to ``data_range``.
    data_range : float
        The largest value that a pixel can have: 1 or 255.

    Returns
    -------
    Tensor
        (N,), float64; 1 for equal images.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, the images are too small, or their values are of another range.

    Notes
    -----
    scikit-image gives the same for ``gaussian_weights=True, sigma=1.5, use_sample_covariance=False``; its defaults
    are another window and another variance.

    Examples
    --------
    >>> import minigen
    >>> images = minigen.rand(2, 3, 16, 16)
    >>> [round(value, 6) for value in ssim(images, images).tolist()]
    [1.0, 1.0]
    """
    a, b = check_pairs("ssim", a, b)
    return F.ssim(a.double(), b.double(), data_range, reduction="none")


def luma(images: Any) -> Tensor:
    """Y' of ITU-R BT.601 for 8-bit video, divided by 255: what photographs are compared in.

    ``Y = (16 + 65.481 R + 128.553 G + 24.966 B) / 255``, from 16/255 for black to 235/255 for white; Matlab's
    ``rgb2ycbcr`` computes the same.  The formula of JPEG, without 16 and with the full range, gives figures that are
    lower by 20 * log10(255 / 219) = 1.3 dB.

    Parameters
    ----------
    images : Tensor or array
        (N, 3, H, W) in [0, 1]; or grey (N, 1, H, W), which counts as a colour image of three equal channels.

    Returns
    -------
    Tensor
        (N, 1, H, W).

    Raises
    ------
    TypeError, ValueError
        If there are neither 1 nor 3 channels, or the images are integers.

    Examples
    --------
    >>> import minigen
    >>> black_and_white = minigen.tensor([0.0, 1.0]).reshape(1, 1, 1, 2)
    >>> [round(255 * y, 3) for y in luma(black_and_white).flatten().tolist()]
    [16.0, 235.0]
    """
    images = as_tensor("luma", "images", images)
    if len(images.shape) != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"luma: images must be (N, 3, H, W) or (N, 1, H, W), not {tuple(images.shape)}")
    if not images.is_floating_point():
        raise TypeError(f"luma: images must be floats in [0, 1], not {images.dtype}; bytes become such by x / 255")
    if images.shape[1] == 1:
        return (16 + 219 * images) / 255
    red, green, blue = images[:, 0:1], images[:, 1:2], images[:, 2:3]  # (N, 1, H, W) each
    return (16 + 65.481 * red + 128.553 * green + 24.966 * blue) / 255


def accuracy(logits: Any, labels: Any) -> Tensor:
    """The share, in [0, 1], of images whose largest logit is that of their label.

    Parameters
    ----------
    logits : Tensor or array
        (N, classes); probabilities do as well.
    labels : Tensor or array
        (N,), whole numbers.

    Returns
    -------
    Tensor
        A scalar.

    Raises
    ------
    TypeError, ValueError
        If there is not one label an image.

    Examples
    --------
    >>> import minigen
    >>> accuracy(minigen.tensor([[0.1, 2.0], [3.0, 1.0]]), minigen.tensor([1, 1])).item()
    0.5
    """
    logits, labels = as_tensor("accuracy", "logits", logits), as_tensor("accuracy", "labels", labels)
    if len(logits.shape) != 2 or tuple(labels.shape) != tuple(logits.shape[:1]):
        raise ValueError(
            "accuracy: logits must be (N, classes) and labels (N,), "
            f"not {tuple(logits.shape)} and {tuple(labels.shape)}"
        )
    return (logits.argmax(1) == labels).float().mean()


def check_pairs(owner: str, a: Any, b: Any) -> tuple[Any, Any]:
    """Return two batches of images as tensors; refuse those of unequal shapes."""
    a, b = as_tensor(owner, "a", a), as_tensor(owner, "b", b)
    if len(a.shape) != 4 or tuple(a.shape) != tuple(b.shape) or 0 in tuple(a.shape):
        raise ValueError(
            f"{owner}: both must be images (N, C, H, W) of one shape, not {tuple(a.shape)} and {tuple(b.shape)}; "
            "a single image becomes a batch by unsqueeze(0)"
        )
    return a, b
