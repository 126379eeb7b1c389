"""Activation functions: what stands between two layers, and the softmax family that turns scores into probabilities.

relu, tanh, sigmoid and the softmax family are operations of tensors (in `minigen.ops`) and only get their
names and documentation here; leaky_relu and softplus are written out.  Choosing between two branches is done
by arithmetic with masks: ``where`` on large arrays of random sign costs many times more.
"""

from __future__ import annotations

import warnings
from typing import Any

from minigen.backend import Array, array_module, in_memory_order
from minigen.engine import Function
from minigen.functional.arguments import check_floating, check_number, check_tensor
from minigen.tensor import Tensor


class LeakyRelu(Function):
    """y = x where x > 0, else a x, with the option ``slope`` = a.

    The first-order shortcut reuses the memory of the slopes for the gradient: 20 ms instead of 38 for the
    largest layer of a 64-pixel DCGAN (64 x 64 x 32 x 32, one core).
    """

    pointwise = True

    def forward(self, x: Array) -> Array:
        """Compute y, of the shape and memory layout of x."""
        xp = array_module(x)
        if 0 < self.slope <= 1:  # then the larger of the two is the right branch
            y = xp.multiply(x, self.slope, out=xp.empty_like(x))
            return xp.maximum(x, y, out=y)
        return xp.maximum(x, 0) + self.slope * xp.minimum(x, 0)

    def backward(self, grad: Tensor) -> Tensor:
        """Multiply by the slope of the branch that was taken: 1 or a."""
        (x,) = self.inputs
        return grad * x._wrap(in_memory_order(self._slopes, [x.array]))

    def backward_arrays(self, grad: Array) -> tuple[Array]:
        """Do the same on arrays."""
        slopes = in_memory_order(self._slopes, [self.inputs[0].array])
        slopes *= grad
        return (slopes,)

    def _slopes(self, x: Array) -> Array:
        """Return 1 where x > 0, else a, in a fresh array."""
        xp, positive = array_module(x), x > 0
        if 0 <= self.slope <= 1:
            return xp.asarray(xp.maximum(positive, self.slope, dtype=x.dtype))
        return xp.asarray(positive + self.slope * (1 - positive.astype(x.dtype)))


class Softplus(Function):
    """y = log(1 + exp(beta x)) / beta; x itself where beta x > threshold."""

    pointwise = True

    def forward(self, x: Array) -> Array:
        """Compute y without overflow: max(z, 0) + log(1 + exp(-|z|)) with z = beta x, in two arrays."""
        xp = array_module(x)
        z = xp.multiply(x, self.beta, out=xp.empty_like(x))
        curve = xp.abs(z, out=xp.empty_like(x))
        xp.negative(curve, out=curve)
        xp.exp(curve, out=curve)
        xp.log1p(curve, out=curve)
        curve *= z <= self.threshold
        xp.maximum(z, 0, out=z)
        z += curve
        z /= self.beta
        return z

    def backward(self, grad: Tensor) -> Tensor:
        """Multiply by sigmoid(beta x), and by 1 on the straight part."""
        (x,) = self.inputs
        z = x * self.beta
        return grad * (z.sigmoid() * (z <= self.threshold) + (z > self.threshold))


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Rectify: ``max(x, 0)``.

    Parameters
    ----------
    input : Tensor
        x, of any shape.
    inplace : bool, default False
        Accepted for PyTorch's sake and ignored: the result is the same, memory is not shared.

    Returns
    -------
    Tensor
        Of the shape of ``input``.

    Notes
    -----
    The derivative is 1 where x > 0 and 0 elsewhere, at x = 0 too.

    Examples
    --------
    >>> import minigen
    >>> relu(minigen.tensor([-1.0, 0.0, 2.0])).tolist()
    [0.0, 0.0, 2.0]
    """
    check_tensor("relu", input=input)
    return input.relu()


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Rectify, but let a little through: x where x > 0, else ``negative_slope * x``.

    Parameters
    ----------
    input : Tensor
        x, of any shape.
    negative_slope : float, default 0.01
        DCGAN's discriminator uses 0.2 (Radford et al. 2016).
    inplace : bool, default False
        Accepted for PyTorch's sake and ignored: the result is the same, memory is not shared.

    Returns
    -------
    Tensor
        Of the shape of ``input``.

    Notes
    -----
    The derivative is 1 where x > 0 and ``negative_slope`` elsewhere, at x = 0 too.

    References
    ----------
    Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.

    Examples
    --------
    >>> import minigen
    >>> leaky_relu(minigen.tensor([-1.0, 0.0, 2.0]), 0.25).tolist()
    [-0.25, 0.0, 2.0]
    """
    check_floating("leaky_relu", input=input)
    slope = check_number("leaky_relu", "negative_slope", negative_slope, low=-float("inf"))
    return LeakyRelu.apply(input, slope=slope)


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent, into (-1, 1); the derivative is 1 - y^2.

    Examples
    --------
    >>> import minigen
    >>> tanh(minigen.tensor([0.0])).tolist()
    [0.0]
    """
    check_tensor("tanh", input=input)
    return input.tanh()


def sigmoid(input: Tensor) -> Tensor:
    """Logistic function ``1 / (1 + exp(-x))``, into (0, 1); the derivative is y (1 - y).

    Examples
    --------
    >>> import minigen
    >>> sigmoid(minigen.tensor([0.0])).tolist()
    [0.5]
    """
    check_tensor("sigmoid", input=input)
    return input.sigmoid()


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Smooth rectifier: ``log(1 + exp(beta * x)) / beta``.

    Parameters
    ----------
    input : Tensor
        x, of any shape.
    beta : float, default 1
        Positive: the larger, the nearer to relu.
    threshold : float, default 20
        Where beta * x exceeds it, the result is x itself, as in PyTorch.

    Returns
    -------
    Tensor
        Of the shape of ``input``; positive.

    Notes
    -----
    The derivative is sigmoid(beta x), and 1 beyond the threshold.

    Examples
    --------
    >>> import minigen
    >>> softplus(minigen.tensor([0.0, 100.0])).tolist()
    [0.6931471824645996, 100.0]
    """
    check_floating("softplus", input=input)
    beta = check_number("softplus", "beta", beta, low=0.0)
    if beta == 0:
        raise ValueError("softplus: beta must be positive, not 0")
    threshold = check_number("softplus", "threshold", threshold, low=-float("inf"))
    return Softplus.apply(input, beta=beta, threshold=threshold)


def softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """Turn scores into probabilities: ``exp(x) / sum(exp(x))`` along ``dim``.

    Parameters
    ----------
    input : Tensor
        Scores (logits) of any shape.
    dim : int
        The axis along which the result sums to one; for scores (N, C) it is 1.  Left out, it is guessed, with
        a warning, as PyTorch does: 1 for two axes or more than three, else 0.
    dtype : dtype, optional
        To what the scores are converted first.

    Returns
    -------
    Tensor
        Of the shape of ``input``, in [0, 1].

    Notes
    -----
    The largest score is subtracted first, so nothing overflows.  For a loss take `cross_entropy` on the
    scores, not the logarithm of this.

    Examples
    --------
    >>> import minigen
    >>> softmax(minigen.zeros(1, 4), dim=1).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    scores = _scores("softmax", input, dtype)
    return scores.softmax(_axis_or_guess("softmax", dim, scores.ndim))


def log_softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """Logarithm of `softmax`, ``x - logsumexp(x)`` along ``dim``, right where a probability underflows.

    The arguments are those of `softmax`.

    Examples
    --------
    >>> import minigen
    >>> log_softmax(minigen.tensor([[0.0, -1000.0]]), dim=1).tolist()
    [[0.0, -1000.0]]
    """
    scores = _scores("log_softmax", input, dtype)
    return scores.log_softmax(_axis_or_guess("log_softmax", dim, scores.ndim))


def _scores(owner: str, input: Tensor, dtype: Any) -> Tensor:
    """Return the input in the dtype that is asked for, checked."""
    check_tensor(owner, input=input)
    scores = input if dtype is None else input.to(dtype=dtype)
    check_floating(owner, input=scores)
    return scores


def _axis_or_guess(owner: str, dim: int | None, ndim: int) -> int:
    if dim is not None:
        return dim
    guess = 0 if ndim in (0, 1, 3) else 1
    warnings.warn(
        f"{owner}: dim was left out and guessed as {guess}; write dim={guess}, or what you mean", stacklevel=3
    )
    return guess


def logsumexp(input: Tensor, dim: int | tuple[int, ...], keepdim: bool = False) -> Tensor:
    """``log(sum(exp(x)))`` along ``dim``, without overflow: a smooth maximum.

    Examples
    --------
    >>> import minigen
    >>> round(logsumexp(minigen.tensor([1000.0, 1000.0]), dim=0).item(), 3)
    1000.693
    """
    check_floating("logsumexp", input=input)
    return input.logsumexp(dim, keepdim=keepdim)
