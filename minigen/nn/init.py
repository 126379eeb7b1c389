r"""Initial weights, written into tensors in place; names and formulas are PyTorch's.

A layer's output stays as large as its input if the variance of its weights is about 1 / fan_in, where fan_in
is the number of inputs that an output sums up; gradients on their way back want 1 / fan_out.
`xavier_uniform_` strikes the mean of the two, `kaiming_uniform_` takes one and a gain that makes up for what
the activation cuts off.

The numbers are drawn on the host in the order of the indices, so they depend neither on the device nor on the
memory layout; ``generator`` says from which source, by default the global one (`minigen.manual_seed`).
"""

from __future__ import annotations

import math
import warnings
from statistics import NormalDist

import numpy as np

import minigen.backend as backend
from minigen.backend import Generator
from minigen.functional.arguments import check_choice, check_integer, check_number, check_tensor
from minigen.modes import no_grad
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


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
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
        return tensor.uniform_(a, b, generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
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
        return tensor.normal_(mean, std, generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with normally distributed numbers, of which those outside [a, b] are drawn again.

    The cumulative distribution at such a number is uniform between its values at a and b, so uniform numbers are
    drawn there and sent back through its inverse.

    Parameters
    ----------
    tensor : Tensor
        The weights.
    mean, std : float, default 0 and 1
        Of the normal distribution before it is cut.
    a, b : float, default -2 and 2
        The bounds themselves, not in units of ``std``.
    generator : Generator, optional
        Where the random numbers come from.

    Examples
    --------
    >>> import minigen
    >>> w = trunc_normal_(minigen.empty(1000), std=0.02, a=-0.04, b=0.04)
    >>> w.abs().max().item() <= 0.04
    True
    """
    check_tensor("trunc_normal_", tensor=tensor)
    normal = NormalDist(
        check_number("trunc_normal_", "mean", mean, low=-math.inf),
        check_number("trunc_normal_", "std", std, low=1e-300),
    )
    if not a <= b:
        raise ValueError(f"trunc_normal_: a={a} must not be larger than b={b}")
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            f"trunc_normal_: mean={mean} is more than two std={std} outside of [{a}, {b}]: "
            "almost nothing of the distribution is left",
            stacklevel=2,
        )
    uniform = (generator or backend.generator).numpy.uniform(normal.cdf(a), normal.cdf(b), tensor.shape)
    inside = np.clip(uniform, 1e-300, 1 - 2**-53)  # at 0 and 1 the inverse is infinite
    numbers = np.fromiter(map(normal.inv_cdf, inside.ravel()), float, inside.size)
    return _write(tensor, np.clip(numbers, a, b))


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


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity: a linear layer that passes on its inputs, as many as fit.

    Examples
    --------
    >>> import minigen
    >>> eye_(minigen.empty(2, 3)).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    check_tensor("eye_", tensor=tensor)
    if tensor.ndim != 2:
        raise ValueError(f"eye_: a matrix is wanted, a tensor of two axes, not {tensor.shape}")
    return _write(tensor, np.eye(*tensor.shape))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a kernel so that the convolution passes on its input channels, as many as fit, in each group.

    Parameters
    ----------
    tensor : Tensor
        The weights (O, C / groups, KH, KW), or with one or three axes of pixels; all is 0 but the middle of kernel
        (i, i), which is 1.
    groups : int, default 1
        That of the convolution; divides O.

    Examples
    --------
    >>> import minigen, minigen.nn.functional as F
    >>> x = minigen.randn(1, 2, 4, 4)
    >>> bool((F.conv2d(x, dirac_(minigen.empty(2, 2, 3, 3)), padding=1) == x).all())
    True
    """
    check_tensor("dirac_", tensor=tensor)
    groups = check_integer("dirac_", "groups", groups)
    if tensor.ndim not in (3, 4, 5):
        raise ValueError(f"dirac_: the weights of a convolution are wanted (3, 4 or 5 axes), not {tensor.shape}")
    outputs, inputs, *kernel = tensor.shape
    if 0 in kernel:
        raise ValueError(f"dirac_: the kernel of {tensor.shape} has no middle")
    if outputs % groups:
        raise ValueError(f"dirac_: groups={groups} does not divide the {outputs} outputs of {tensor.shape}")
    weights = np.zeros(tensor.shape)
    for o in range(outputs):
        if o % (outputs // groups) < inputs:
            weights[(o, o % (outputs // groups), *(n // 2 for n in kernel))] = 1
    return _write(tensor, weights)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill uniformly within gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    bound = math.sqrt(3) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill from N(0, std) with std = gain * sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def _xavier_std(tensor: Tensor, gain: float) -> float:
    check_tensor("xavier", tensor=tensor)
    gain = check_number("xavier", "gain", gain, low=0.0)
    return gain * math.sqrt(2 / max(sum(fan_in_and_fan_out(tensor)), 1))


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
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
    generator : Generator, optional
        Where the random numbers come from.
    """
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill from N(0, std) with std = gain / sqrt(fan) (He et al. 2015); the parameters of `kaiming_uniform_`."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    check_tensor("kaiming", tensor=tensor)
    check_choice("kaiming", "mode", mode, ("fan_in", "fan_out"))
    fan = fan_in_and_fan_out(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))  # without inputs there are no weights to fill


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
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
    normal = (generator or backend.generator).numpy.standard_normal((rows, columns))
    q, r = np.linalg.qr(normal if rows >= columns else normal.T)
    q *= np.sign(np.diag(r))  # the factor is unique, and q uniform over all rotations, if r's diagonal is positive
    return _write(tensor, (q if rows >= columns else q.T) * gain)


def _write(tensor: Tensor, values: np.ndarray) -> Tensor:
    """Write values from the host, in the order of the indices, into the tensor's memory."""
    values = values.reshape(tensor.shape).astype(tensor.dtype)
    with no_grad():
        return tensor.copy_(tensor._wrap(backend.to_device(values, tensor.device)))


def reset(weight: Tensor, bias: Tensor | None) -> None:
    """Draw a layer's weight and bias as PyTorch does: both uniform within 1 / sqrt(fan_in)."""
    kaiming_uniform_(weight, a=math.sqrt(5))  # gain / sqrt(fan) * sqrt(3), which is 1 / sqrt(fan_in)
    if bias is not None:
        bound = 1 / math.sqrt(fan_in_and_fan_out(weight)[0])
        uniform_(bias, -bound, bound)
