"""Trading channels for pixels: what a network computes as r*r small images becomes one large image, and back.

Nothing is computed here: both functions move numbers, each is the other's inverse and adjoint, and both are made of
reshape and permute, which know their derivatives.
"""

from __future__ import annotations

import math

from minigen.functional.arguments import check_integer, check_tensor
from minigen.tensor import Tensor


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Make large images of many channels: ``y[c, i*r + a, j*r + b] = x[c*r*r + a*r + b, i, j]``.

    Parameters
    ----------
    input : Tensor
        x, of shape (..., C * r * r, H, W).
    upscale_factor : int
        r, how many times larger the image gets.

    Returns
    -------
    Tensor
        Of shape (..., C, H * r, W * r).

    Raises
    ------
    ValueError, TypeError
        If the channels cannot be divided by r * r.

    Notes
    -----
    The gradient is `pixel_unshuffle` of the gradient: every number has one place.

    References
    ----------
    Shi et al. (2016), "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional
    Neural Network", CVPR, section 3.2.

    Examples
    --------
    >>> import minigen
    >>> pixel_shuffle(minigen.arange(4.0).reshape(4, 1, 1), 2).tolist()
    [[[0.0, 1.0], [2.0, 3.0]]]
    """
    check_tensor("pixel_shuffle", input=input)
    r = check_integer("pixel_shuffle", "upscale_factor", upscale_factor)
    if input.ndim < 3 or input.shape[-3] % r**2:
        raise ValueError(
            f"pixel_shuffle: input (..., C, H, W) must have channels that {r} * {r} divides for "
            f"upscale_factor={r}, but its shape is {input.shape}"
        )
    *batch, channels, height, width = input.shape
    c, n = channels // r**2, math.prod(batch)
    x = input.reshape(n, c, r, r, height, width).permute(0, 4, 2, 5, 3, 1)  # (N, H, r, W, r, C)
    x = x.reshape(n, height * r, width * r, c).permute(0, 3, 1, 2)  # (N, C, H*r, W*r), channels last in memory
    return x.reshape(*batch, c, height * r, width * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Make many channels of large images: ``y[c*r*r + a*r + b, i, j] = x[c, i*r + a, j*r + b]``.

    Parameters
    ----------
    input : Tensor
        x, of shape (..., C, H * r, W * r).
    downscale_factor : int
        r, how many times smaller the image gets.

    Returns
    -------
    Tensor
        Of shape (..., C * r * r, H, W).

    Raises
    ------
    ValueError, TypeError
        If height or width cannot be divided by r.

    Notes
    -----
    The inverse of `pixel_shuffle`, which the gradient goes through.

    Examples
    --------
    >>> import minigen
    >>> pixel_unshuffle(minigen.tensor([[[0.0, 1.0], [2.0, 3.0]]]), 2).tolist()
    [[[0.0]], [[1.0]], [[2.0]], [[3.0]]]
    """
    check_tensor("pixel_unshuffle", input=input)
    r = check_integer("pixel_unshuffle", "downscale_factor", downscale_factor)
    if input.ndim < 3 or input.shape[-2] % r or input.shape[-1] % r:
        raise ValueError(
            f"pixel_unshuffle: input (..., C, H, W) must have a height and width that downscale_factor={r} divides, "
            f"but its shape is {input.shape}"
        )
    *batch, channels, tall, wide = input.shape
    height, width, n = tall // r, wide // r, math.prod(batch)
    x = input.reshape(n, channels, height, r, width, r).permute(0, 2, 4, 1, 3, 5)  # (N, H, W, C, r, r)
    x = x.reshape(n, height, width, channels * r**2).permute(0, 3, 1, 2)  # (N, C*r*r, H, W), channels last in memory
    return x.reshape(*batch, channels * r**2, height, width)
