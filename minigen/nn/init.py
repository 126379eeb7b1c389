r"""Initial weights, written into tensors in place; names and formulas are PyTorch's.

A layer's output stays as large as its input if the variance of its weights is about 1 / fan_in, where fan_in
is the number of inputs that an output sums up; gradients on their way back want 1 / fan_out.
`xavier_uniform_` strikes the mean of the two, `kaiming_uniform_` takes one and a gain that makes up for what
the activation cuts off.

The numbers are drawn on the host in the order of the indices, so they depend neither on the device nor on the
memory layout.
"""

from __future__ import annotations

import math

import numpy as np

import minigen.backend as backend
from minigen.engine import no_grad
from minigen.functional.arguments import check_choice, check_number, check_tensor
from minigen.tensor import Tensor

GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3,
    "relu": math.sqrt(2),
    "selu": 3.0 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor by which weights before an activation are to be larger.

    Parameters
    ----------
    nonlinearity : str
        "linear", "conv2d", "sigmoid" (1), "tanh" (5/3), "relu" (sqrt 2), "leaky_relu" (sqrt(2 / (1 + a^2)))
        and so on.
    param : float, optional
        The slope a of leaky_relu, by default 0.01.

    Examples
    --------
    >>> round(calculate_gain("leaky_relu", 0.2), 4)
    1.3868
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else check_number("calculate_gain", "param", param, low=-math.inf)
        return math.sqrt(2 / (1 + slope**2))
    check_choice("calculate_gain", "nonlinearity", nonlinearity, [*GAINS, "leaky_relu"])
    return GAINS[nonlinearity]


def fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """Return how many inputs an output sums up, and how many outputs an input goes to.

    Weights are (O, I) or (O, C, KH, KW); for the latter each counts KH * KW times.  As in PyTorch the first
    axis is taken for the outputs even where, in a transposed convolution, it is not.

    Examples
    --------
    >>> import minigen
    >>> fan_in_and_fan_out(minigen.zeros(64, 3, 4, 4))
    (48, 1024)
    """
    if tensor.ndim < 2:
        raise ValueError(f"init: fan in and fan out need a tensor of at least two axes, not {tensor.shape}")
    pixels = math.prod(tensor.shape[2:])
    return tensor.shape[1] * pixels, tensor.shape[0] * pixels


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Fill with numbers uniformly distributed in [a, b).

    Examples
    --------
    >>> import minigen
    >>> 2 <= uniform_(minigen.empty(5), 2, 3).min().item() <= 3
    True
    """
    check_tensor("uniform_", tensor=tensor)
    if not a <= b:
        raise ValueError(f"uniform_: a={a} must not be larger than b={b}")
    with no_grad():
        return tensor.uniform_(a, b)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Fill with normally distributed numbers; DCGAN's weights are N(0, 0.02) (Radford et al. 2016).

    Examples
    --------
    >>> import minigen
    >>> normal_(minigen.empty(3, 4), std=0.02).shape
    (3, 4)
    """
    check_tensor("normal_", tensor=tensor)
    std = check_number("normal_", "std", std, low=0.0)
    with no_grad():
        return tensor.normal_(mean, std)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value."""
    check_tensor("constant_", tensor=tensor)
    with no_grad():
        return tensor.fill_(val)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return constant_(tensor, 1.0)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Fill uniformly within gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    bound = math.sqrt(3) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound)


def xavier_normal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Fill from N(0, std) with std = gain * sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    return normal_(tensor, 0.0, _xavier_std(tensor, gain))


def _xavier_std(tensor: Tensor, gain: float) -> float:
    return gain * math.sqrt(2 / sum(fan_in_and_fan_out(tensor)))


def kaiming_uniform_(tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Tensor:
    """Fill uniformly within gain * sqrt(3 / fan) (He et al. 2015).

    Parameters
    ----------
    tensor : Tensor
        The weights.
    a : float, default 0
        The slope of leaky_relu.
    mode : {"fan_in", "fan_out"}
        Keep the size of what goes forward, or of the gradients that come back.
    nonlinearity : str
        What follows the layer, see `calculate_gain`.
    """
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Tensor:
    """Fill from N(0, std) with std = gain / sqrt(fan) (He et al. 2015); the parameters of `kaiming_uniform_`."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity))


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    check_choice("kaiming", "mode", mode, ("fan_in", "fan_out"))
    fan = fan_in_and_fan_out(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def orthogonal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Fill with a (semi-)orthogonal matrix times ``gain`` (Saxe et al. 2014); axes from the second on are one.

    Examples
    --------
    >>> import minigen
    >>> w = orthogonal_(minigen.empty(2, 5))
    >>> minigen.allclose(w @ w.T, minigen.eye(2), atol=1e-6)
    True
    """
    check_tensor("orthogonal_", tensor=tensor)
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_: a tensor of at least two axes is wanted, not {tensor.shape}")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    normal = backend.generator.numpy.standard_normal((rows, columns))
    q, r = np.linalg.qr(normal if rows >= columns else normal.T)
    q *= np.sign(np.diag(r))  # the factor is unique, and q uniform over all rotations, if r's diagonal is positive
    matrix = (q if rows >= columns else q.T) * gain
    with no_grad():
        return tensor.copy_(tensor._wrap(backend.to_device(matrix.reshape(tensor.shape), tensor.device)))


def reset(weight: Tensor, bias: Tensor | None) -> None:
    """Draw a layer's weight and bias as PyTorch does: both uniform within 1 / sqrt(fan_in)."""
    kaiming_uniform_(weight, a=math.sqrt(5))  # gain / sqrt(fan) * sqrt(3), which is 1 / sqrt(fan_in)
    if bias is not None:
        bound = 1 / math.sqrt(fan_in_and_fan_out(weight)[0])
        uniform_(bias, -bound, bound)
