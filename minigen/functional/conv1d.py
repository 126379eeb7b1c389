"""Convolution of signals (N, C, L): that of images, with a height of 1.

Only the doors are here; what happens behind them, and the derivatives, is in `conv.py`.
"""

from __future__ import annotations

from minigen.functional.conv import convolve, convolve_transposed
from minigen.tensor import Tensor

Size = int | tuple[int]


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Slide kernels over signals.

    ``y[n, o, i] = bias[o] + sum over c, k of weight[o, c, k] * x[n, c, i*stride + k*dilation - padding]``
    where x is zero outside of the signal.

    Parameters
    ----------
    input : Tensor
        x, of shape (N, C, L), or (C, L) for one signal.
    weight : Tensor
        Of shape (O, C/groups, K).
    bias : Tensor, optional
        Of shape (O,).
    stride : int, default 1
        From one window to the next.
    padding : int or {"valid", "same"}, default 0
        Zeros on each side; "valid" is none, "same" keeps L (with stride 1 only).
    dilation : int, default 1
        From one tap of the kernel to the next.
    groups : int, default 1
        Split the channels into so many groups, each with its own share of the kernels.

    Returns
    -------
    Tensor
        Of shape (N, O, OL) with ``OL = (L + 2*padding - dilation*(K - 1) - 1) // stride + 1``; without N where the
        input has none.

    Raises
    ------
    ValueError, TypeError
        If shapes, dtypes or options do not fit together.

    Notes
    -----
    The derivatives are those of `conv2d`: the transposed convolution for the input, a correlation for the weight.

    References
    ----------
    van den Oord et al. (2016), "WaveNet: A Generative Model for Raw Audio", arXiv:1609.03499: dilation in signals.

    Examples
    --------
    >>> import minigen
    >>> signal = minigen.tensor([[1.0, 2.0, 4.0, 8.0]])
    >>> conv1d(signal, minigen.tensor([[[-1.0, 1.0]]])).tolist()
    [[1.0, 2.0, 4.0]]
    """
    return convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """Let every number add its multiple of a kernel to a (longer) signal: the adjoint of `conv1d`.

    Parameters
    ----------
    input : Tensor
        Of shape (N, O, L), or (O, L) for one signal.
    weight : Tensor
        Of shape (O, C/groups, K): that of the convolution of which this is the transpose.
    bias : Tensor, optional
        Of shape (C,).
    stride : int, default 1
        How much longer the signal gets.
    padding : int, default 0
        How many numbers to cut off on each side of the result.
    output_padding : int, default 0
        How many to keep beyond that at the end; less than stride or dilation.
    groups : int, default 1
        Split the channels into so many groups.
    dilation : int, default 1
        From one tap of the kernel to the next.

    Returns
    -------
    Tensor
        Of shape (N, C, OL) with ``OL = (L - 1)*stride - 2*padding + dilation*(K - 1) + output_padding + 1``; without N
        where the input has none.

    Raises
    ------
    ValueError, TypeError
        If shapes, dtypes or options do not fit together.

    Notes
    -----
    The derivatives are those of `conv_transpose2d`: a convolution for the input, a correlation for the weight.

    Examples
    --------
    >>> import minigen
    >>> conv_transpose1d(minigen.tensor([[1.0, 2.0]]), minigen.ones(1, 1, 3), stride=2).tolist()
    [[1.0, 1.0, 3.0, 2.0, 2.0]]
    """
    return convolve_transposed(
        "conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation
    )
