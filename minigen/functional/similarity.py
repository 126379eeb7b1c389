"""Structural similarity: how alike two images look, as a number that can be differentiated.

A measure of quality for metrics, and 1 minus it a loss.  It compares local means, contrasts and structure under a
Gaussian window; it is no distance, and it sees no colour: the channels are compared one by one.
"""

from __future__ import annotations

import numpy as np

from minigen.creation import tensor
from minigen.functional.arguments import (
    check_choice,
    check_floating,
    check_integer,
    check_number,
    check_same_shape,
)
from minigen.functional.reduction import REDUCTIONS, check_positive, check_range, reduce_losses
from minigen.namespace import stack
from minigen.tensor import Tensor


def ssim(
    input: Tensor,
    target: Tensor,
    data_range: float = 1.0,
    window_size: int = 11,
    sigma: float = 1.5,
    *,
    k1: float = 0.01,
    k2: float = 0.03,
    reduction: str = "mean",
) -> Tensor:
    r"""Structural similarity of images, 1 for equal ones.

    .. math:: \frac{(2 \mu_x \mu_y + C_1) \, (2 \sigma_{xy} + C_2)}
              {(\mu_x^2 + \mu_y^2 + C_1) \, (\sigma_x^2 + \sigma_y^2 + C_2)},
              \quad C_i = (k_i \cdot \text{data\_range})^2,

    with means, variances and covariance under a Gaussian window, averaged over all places where the window lies
    within the image, and over the channels.

    Parameters
    ----------
    input, target : Tensor
        Images (N, C, H, W) or (C, H, W) with values from 0 to ``data_range``.
    data_range : float, default 1
        The largest value that a pixel can have: 1 or 255.
    window_size : int, default 11
        Side of the window, odd.
    sigma : float, default 1.5
        Standard deviation of the Gaussian, in pixels.
    k1, k2 : float, default 0.01 and 0.03
        They keep the quotient steady where means and variances are near 0 (Wang et al. 2004, section III.B).
    reduction : {"mean", "sum", "none"}, default "mean"
        Over the images; "none" gives one number an image.

    Returns
    -------
    Tensor
        A scalar, or (N,) for "none"; in [-1, 1] for a single image.

    Raises
    ------
    ValueError
        If the shapes differ, the images are smaller than the window, their values lie further than half a
        ``data_range`` outside [0, data_range] (then they are of another range), or one of them is NaN.

    Notes
    -----
    The window is separable, and to move it over all rows is to multiply by a banded matrix; so the local means are two
    matrix products, and the gradient needs no code of its own.

    References
    ----------
    Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural similarity",
    2004, section III.

    Examples
    --------
    >>> import minigen
    >>> x = minigen.rand(2, 3, 16, 20)
    >>> round(ssim(x, x).item(), 6)
    1.0
    >>> grey, dark = minigen.full((1, 1, 11, 11), 0.5), minigen.full((1, 1, 11, 11), 0.25)
    >>> round(ssim(grey, dark).item(), 4)  # only the means differ: 2 * 0.5 * 0.25 / (0.25 + 0.0625)
    0.8001
    """
    check_choice("ssim", "reduction", reduction, REDUCTIONS)
    check_floating("ssim", input=input, target=target)
    check_same_shape("ssim", input=input, target=target)
    size, options = _check_options(data_range, window_size, sigma, k1, k2)
    if input.ndim not in (3, 4) or min(input.shape[-2:]) < size:
        raise ValueError(
            f"ssim: input must be (N, C, H, W) or (C, H, W) with H and W at least window_size={size}, "
            f"not {input.shape}; give a smaller window"
        )
    for name, images in (("input", input), ("target", target)):
        remedy = f"ssim wants [0, data_range={data_range:g}]: give the data_range, and scale [-1, 1] by (x + 1) / 2"
        check_range("ssim", name, images, remedy, high=data_range, slack=data_range / 2)
    rows, columns = (_window_matrix(input, length, size, options["sigma"]) for length in input.shape[-2:])

    maps = stack([input, target, input * input, target * target, input * target])
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = rows @ maps @ columns.t()  # (..., H, W) -> (..., H', W')
    c1, c2 = (options["k1"] * data_range) ** 2, (options["k2"] * data_range) ** 2
    product, squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    covariance, variances = mean_xy - product, mean_xx + mean_yy - squares
    similarity = ((2 * product + c1) * (2 * covariance + c2)) / ((squares + c1) * (variances + c2))
    return reduce_losses("ssim", similarity.mean((-3, -2, -1)), reduction, input=input, target=target)


def _check_options(data_range: float, window_size: int, sigma: float, k1: float, k2: float) -> tuple[int, dict]:
    """Return the side of the window, and the other options as floats."""
    size = check_integer("ssim", "window_size", window_size)
    if size % 2 == 0:
        raise ValueError(f"ssim: window_size must be odd, so that the window has a centre, not {size}")
    options = {
        name: check_positive("ssim", name, value) for name, value in (("data_range", data_range), ("sigma", sigma))
    }
    options |= {name: check_number("ssim", name, value, low=0.0) for name, value in (("k1", k1), ("k2", k2))}
    return size, options


def _window_matrix(like: Tensor, length: int, size: int, sigma: float) -> Tensor:
    """Return the matrix (length - size + 1, length) that moves a Gaussian window along an axis."""
    places = np.arange(length) - np.arange(length - size + 1)[:, None]  # of each pixel in each window
    matrix = np.exp(-(((places - size // 2) / sigma) ** 2) / 2) * ((places >= 0) & (places < size))
    return tensor(matrix / matrix[0].sum(), dtype=like.dtype, device=like.device)
