"""Pooling of signals (N, C, L): that of images, with a height of 1.

Only the doors are here; what happens behind them, and the derivatives, is in `pool.py`.
"""

from __future__ import annotations

from typing import Any

from minigen.functional.pool import avg_pool, max_pool, pooling_options
from minigen.tensor import Tensor

Size = int | tuple[int]


def max_pool1d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Take the largest value of every window of a signal: ``y[i] = max over k of x[i*stride + k*dilation - padding]``.

    Parameters
    ----------
    input : Tensor
        x, of shape (N, C, L), or (C, L) for one signal.
    kernel_size : int
        The length of a window, K.
    stride : int, optional
        From one window to the next; by default `kernel_size`.
    padding : int, default 0
        How many -inf on each side; at most half of the kernel.
    dilation : int, default 1
        From one number of a window to the next.
    ceil_mode : bool, default False
        Round the length of the output up: the last window may look past the end.
    return_indices : bool, default False
        Return also where in the signal the maxima were.

    Returns
    -------
    Tensor, or (Tensor, Tensor) with `return_indices`
        Of shape (N, C, OL) with ``OL = (L + 2*padding - dilation*(K - 1) - 1) // stride + 1``; without N where the
        input has none.

    Raises
    ------
    ValueError, TypeError
        If shape, dtype or options do not fit together.

    Notes
    -----
    The derivative is that of `max_pool2d`: the first maximum of a window gets the gradient.

    Examples
    --------
    >>> import minigen
    >>> max_pool1d(minigen.tensor([[1.0, 3.0, 2.0, 0.0]]), 2).tolist()
    [[3.0, 2.0]]
    """
    options = pooling_options("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode)
    return max_pool(input, 1, options, return_indices)


def avg_pool1d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Take the mean of every window of a signal: ``y[i] = mean over k of x[i*stride + k - padding]``.

    Parameters
    ----------
    input : Tensor
        x, of shape (N, C, L), or (C, L) for one signal.
    kernel_size : int
        The length of a window, K.
    stride : int, optional
        From one window to the next; by default `kernel_size`.
    padding : int, default 0
        How many zeros on each side; at most half of the kernel.
    ceil_mode : bool, default False
        Round the length of the output up; what the last window sees past the padding is not counted.
    count_include_pad : bool, default True
        Count the zeros of the padding, too, when dividing.

    Returns
    -------
    Tensor
        Of shape (N, C, OL) with ``OL = (L + 2*padding - K) // stride + 1``; without N where the input has none.

    Raises
    ------
    ValueError, TypeError
        If shape, dtype or options do not fit together.

    Notes
    -----
    The derivative is that of `avg_pool2d`: all numbers of a window get equal parts of the gradient.

    Examples
    --------
    >>> import minigen
    >>> avg_pool1d(minigen.tensor([[1.0, 3.0, 2.0, 0.0]]), 2).tolist()
    [[2.0, 1.0]]
    """
    options = pooling_options("avg_pool1d", 1, input, kernel_size, stride, padding, 1, ceil_mode)
    return avg_pool(input, 1, options, count_include_pad)
