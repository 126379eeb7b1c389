"""Random layers: dropout of elements and of whole channels, and draws from a softmax that let gradients through.

Masks and noise are drawn on the host from minigen's one seeded source, so a run starts alike on every device.
Noise for sampling (``randn``) is a creation function of tensors; augmentation of images belongs to `minigen.data`.
"""

from __future__ import annotations

import math

import numpy as np

import minigen.backend as backend
from minigen.arguments import one_axis
from minigen.creation import arange
from minigen.functional.arguments import check_floating, check_number
from minigen.functional.rectifiers import SELU_ALPHA, SELU_SCALE
from minigen.tensor import Tensor


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set each element to zero with probability ``p`` and divide the others by 1 - p.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    p : float, default 0.5
        The probability of dropping an element, in [0, 1].
    training : bool, default True
        False returns ``input`` as it is.
    inplace : bool, default False
        Accepted for PyTorch's sake and ignored: the result is the same, memory is not shared.

    Returns
    -------
    Tensor
        Of the shape of ``input``.  Its expectation is ``input`` ("inverted" dropout): nothing is to be
        rescaled in evaluation.

    Raises
    ------
    ValueError
        If p is outside [0, 1].

    Notes
    -----
    y = m x with a mask m of zeros and 1 / (1 - p), so dL/dx = m dL/dy with the same mask: it is drawn once,
    in the forward pass.  One number is drawn for each element, in the order of the indices, whatever the
    memory layout and dtype of ``input`` are.

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 2014.

    Examples
    --------
    >>> import minigen
    >>> _ = minigen.manual_seed(0)
    >>> y = dropout(minigen.ones(1000), p=0.25)
    >>> sorted(set(y.tolist())) == [0.0, minigen.tensor(1 / 0.75).item()]
    True
    """
    check_floating("dropout", input=input)
    return _drop("dropout", input, p, training, input.shape)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set each whole channel of a sequence to zero with probability ``p``, and divide the others by 1 - p.

    Parameters
    ----------
    input : Tensor
        (N, C, L), or (C, L) without a batch; the channels of each sample are dropped by themselves.
    p, training, inplace
        As in `dropout`.

    Returns
    -------
    Tensor
        Of the shape of ``input``.

    Raises
    ------
    ValueError
        If p is outside [0, 1], or the input has other axes.

    Notes
    -----
    The derivative is that of `dropout`, by one mask of shape (N, C, 1).

    References
    ----------
    Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015, section 3.2.

    Examples
    --------
    >>> import minigen
    >>> y = dropout1d(minigen.ones(100, 8, 5))
    >>> minigen.equal(y.amax(dim=2), y.amin(dim=2)), sorted(set(y.flatten().tolist()))
    (True, [0.0, 2.0])
    """
    check_floating("dropout1d", input=input)
    if input.ndim not in (2, 3):
        raise ValueError(f"dropout1d: input {input.shape} must be (N, C, L) or (C, L)")
    return _drop("dropout1d", input, p, training, (*input.shape[:-1], 1))


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set each whole channel of an image to zero with probability ``p``, and divide the others by 1 - p.

    Neighbouring pixels tell much the same, so dropping single ones hides little; a channel is dropped as a whole.

    Parameters
    ----------
    input : Tensor
        (N, C, H, W); the channels of each image are dropped by themselves.
    p, training, inplace
        As in `dropout`.

    Returns
    -------
    Tensor
        Of the shape of ``input``.

    Raises
    ------
    ValueError
        If p is outside [0, 1], or the input has other axes.  (Three axes are (N, C, L) to PyTorch's function of
        this name and (C, H, W) to its documentation: say which is meant, by `dropout1d` or ``unsqueeze(0)``.)

    Notes
    -----
    The derivative is that of `dropout`, by one mask of shape (N, C, 1, 1).

    References
    ----------
    Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015, section 3.2.

    Examples
    --------
    >>> import minigen
    >>> y = dropout2d(minigen.ones(100, 8, 2, 2))
    >>> minigen.equal(y[:, :, 0], y[:, :, 1]), sorted(set(y.flatten().tolist()))
    (True, [0.0, 2.0])
    """
    check_floating("dropout2d", input=input)
    if input.ndim != 4:
        hint = "; for one image write input.unsqueeze(0), for sequences dropout1d" if input.ndim == 3 else ""
        raise ValueError(f"dropout2d: input {input.shape} must be (N, C, H, W){hint}")
    return _drop("dropout2d", input, p, training, (*input.shape[:2], 1, 1))


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    r"""Set elements to what `selu` saturates at, with probability ``p``, and keep mean 0 and variance 1.

    .. math:: y = a \, (m x + (1 - m) s) + b, \quad a = 1 / \sqrt{(1 - p) (1 + p s^2)}, \quad b = -a p s

    Parameters
    ----------
    input : Tensor
        x, of any shape.
    p : float, default 0.5
        The probability of dropping an element, in [0, 1]; 1 gives zeros.
    training : bool, default False
        False returns ``input`` as it is.
    inplace : bool, default False
        Accepted for PyTorch's sake and ignored: the result is the same, memory is not shared.

    Returns
    -------
    Tensor
        Of the shape of ``input``.

    Raises
    ------
    ValueError
        If p is outside [0, 1].

    Notes
    -----
    The mask m is 0 or 1, and s = -1.7581 the limit of selu at minus infinity.  With x of mean 0 and variance 1,
    m x + (1 - m) s has mean p s and variance (1 - p) (1 + p s^2), which a and b put right.  dy/dx = a m.

    References
    ----------
    Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017, section 2, "New dropout technique".

    Examples
    --------
    >>> import minigen
    >>> y = alpha_dropout(minigen.randn(100_000), 0.2, training=True)
    >>> abs(y.mean().item()) < 0.02, abs(y.var().item() - 1) < 0.02
    (True, True)
    """
    check_floating("alpha_dropout", input=input)
    p = check_number("alpha_dropout", "p", p, low=0.0, high=1.0)
    if not training or p in (0, 1):
        return input * 0 if training and p else input
    kept = input._wrap(_kept(input, p, input.shape))
    limit = -SELU_SCALE * SELU_ALPHA
    scale = 1 / math.sqrt((1 - p) * (1 + p * limit * limit))
    return input * (kept * scale) + ((1 - kept) * (scale * limit) - scale * p * limit)


def _drop(owner: str, input: Tensor, p: float, training: bool, shape: tuple[int, ...]) -> Tensor:
    """Multiply by a mask of zeros and 1 / (1 - p), drawn anew, of a shape that broadcasts."""
    p = check_number(owner, "p", p, low=0.0, high=1.0)
    if not training or p == 0:
        return input
    mask = _kept(input, p, shape)
    if p < 1:
        mask *= 1 / (1 - p)
    return input * input._wrap(mask)


def _kept(input: Tensor, p: float, shape: tuple[int, ...]) -> backend.Array:
    """Draw a mask with 0 for what is dropped and 1 for the rest, in the dtype and memory layout of the input."""
    drawn = np.asarray(backend.generator.numpy.random(shape, dtype=np.float32) >= p)
    x, xp = input.array, backend.array_module(input.array)
    mask = xp.empty_like(x) if shape == x.shape else xp.empty(shape, x.dtype)
    mask[...] = backend.to_device(drawn, input.device)
    return mask


def gumbel_softmax(logits: Tensor, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    r"""Draw from a categorical distribution in a way that lets gradients through.

    .. math:: y = \mathrm{softmax}((x + g) / \tau), \quad g = -\log(-\log u), \quad u \sim U(0, 1)

    Parameters
    ----------
    logits : Tensor
        x, logarithms of probabilities up to a constant, of any shape.
    tau : float, default 1
        The temperature, positive: near 0, samples are nearly one-hot and gradients large.
    hard : bool, default False
        Return one-hot vectors, whose gradient is taken to be that of y ("straight-through").
    eps : float
        Accepted for PyTorch's sake and ignored, as there.
    dim : int, default -1
        The axis of the classes, along which the result sums to one.

    Returns
    -------
    Tensor
        Of the shape of ``logits``.

    Raises
    ------
    ValueError
        If tau is not positive.

    Notes
    -----
    The largest x + g is that of class k with probability softmax(x)_k (the Gumbel trick); the softmax makes the
    choice smooth, so dL/dx is that of a softmax at the drawn g.  With ``hard`` the value is a step function, whose
    derivative would be 0: what comes back is a biased estimate, of less variance than one by scores.

    References
    ----------
    Jang, Gu and Poole, "Categorical reparameterization with Gumbel-softmax", ICLR 2017, section 2.

    Examples
    --------
    >>> import minigen
    >>> draws = gumbel_softmax(minigen.tensor([0.2, 0.8]).log().expand(10_000, 2), hard=True)
    >>> sorted(set(draws[:, 0].tolist())), abs(draws[:, 1].mean().item() - 0.8) < 0.02
    ([0.0, 1.0], True)
    """
    check_floating("gumbel_softmax", logits=logits)
    tau = check_number("gumbel_softmax", "tau", tau, low=0.0)
    if tau == 0:
        raise ValueError("gumbel_softmax: tau must be positive, not 0; for one-hot samples give hard=True")
    axis = one_axis("gumbel_softmax", dim, logits.ndim)
    uniform = 1 - backend.generator.numpy.random(logits.shape)  # in (0, 1]
    gumbel = -np.log(np.maximum(-np.log(uniform), np.finfo(np.float64).tiny))
    noise = backend.to_device(np.asarray(gumbel, logits.dtype), logits.device)
    soft = ((logits + logits._wrap(noise)) / tau).softmax(axis)
    if not hard or soft.numel() < 2:
        return soft
    classes = arange(soft.shape[axis], device=soft.device).reshape(-1, *[1] * (soft.ndim - axis - 1))  # (K, 1, 1)
    return soft - soft.detach() + (classes == soft.argmax(dim=axis, keepdim=True))
