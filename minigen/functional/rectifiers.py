"""Rectifiers beyond relu, and their bounded cousins: functions put together from straight pieces and exponentials.

Each has a kink, or at least a jump in its second derivative, where its pieces meet; which piece's derivative holds
there is said in its notes, and is PyTorch's choice.  relu and leaky_relu stand in `minigen.functional.activations`,
what is smooth everywhere in `minigen.functional.smooth`.
"""

from __future__ import annotations

from minigen.backend import Array, array_module
from minigen.engine import Function
from minigen.functional.arguments import check_floating, check_number, check_tensor
from minigen.tensor import Tensor

# The fixed point (mean 0, variance 1) of the map that selu makes of the moments of its input; Klambauer et al. 2017,
# equation (14), to the digits of a float64.
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


class Elu(Function):
    """y = ``scale`` x where x > 0, else ``height`` (exp(``rate`` x) - 1)."""

    pointwise = True

    def forward(self, x: Array) -> Array:
        """Compute y from one formula: the piece that is not meant is 0, since exp(0) - 1 = 0."""
        xp = array_module(x)
        curve = xp.minimum(x, 0, out=xp.empty_like(x))
        curve *= self.rate
        xp.expm1(curve, out=curve)
        curve *= self.height
        line = xp.maximum(x, 0, out=xp.empty_like(x))
        line *= self.scale
        line += curve
        return line

    def backward(self, grad: Tensor) -> Tensor:
        """Multiply by scale, or by height rate exp(rate x): taken from x, as y + height would cancel far left."""
        (x,) = self.inputs
        slope = (x.clamp(max=0) * self.rate).exp() * (self.height * self.rate)
        return grad * ((x > 0).to(x.dtype) * self.scale + slope * (x <= 0))


class Hardtanh(Function):
    """y = x, but at least ``low`` and at most ``high``; on the bounds the derivative is 0."""

    pointwise = True

    def forward(self, x: Array) -> Array:
        """Compute y, of the shape and memory layout of x."""
        xp = array_module(x)
        return xp.clip(x, self.low, self.high, out=xp.empty_like(x))

    def backward(self, grad: Tensor) -> Tensor:
        """Pass the gradient between the bounds."""
        (x,) = self.inputs
        return grad * (x > self.low) * (x < self.high)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Rectify with a learned slope: x where x > 0, else ``weight * x``.

    Parameters
    ----------
    input : Tensor
        x, of shape (N, C, ...) where ``weight`` has one slope for each channel, else of any shape.
    weight : Tensor
        One slope, or C of them, of shape (1,) or (C,).

    Returns
    -------
    Tensor
        Of the shape of ``input``.

    Raises
    ------
    ValueError
        If ``weight`` has neither one element nor one for each channel.

    Notes
    -----
    With w = ``weight``, dy/dx is 1 where x > 0 and w elsewhere, at x = 0 too; dL/dw sums min(x, 0) dL/dy over
    everything that shares the slope.

    References
    ----------
    He et al., "Delving deep into rectifiers", ICCV 2015, section 2.1.

    Examples
    --------
    >>> import minigen
    >>> prelu(minigen.tensor([-1.0, 0.0, 2.0]), minigen.tensor([0.25])).tolist()
    [-0.25, 0.0, 2.0]
    """
    check_floating("prelu", input=input, weight=weight)
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1 or weight.numel() not in (1, channels):
        raise ValueError(
            f"prelu: weight {weight.shape} does not fit input {input.shape}: it must have one slope, or one for "
            f"each of the {channels} channels (axis 1)"
        )
    slopes = weight.reshape(-1, *[1] * (input.ndim - 2)) if input.ndim > 1 else weight.reshape(())  # (C,) -> (C, 1, 1)
    return input.relu() + slopes * input.clamp(max=0)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Exponential linear unit: x where x > 0, else ``alpha * (exp(x) - 1)``.

    Parameters
    ----------
    input : Tensor
        x, of any shape.
    alpha : float, default 1
        The negative of what the result approaches far left.
    inplace : bool, default False
        Accepted for PyTorch's sake and ignored: the result is the same, memory is not shared.

    Returns
    -------
    Tensor
        Of the shape of ``input``; above -alpha.

    Notes
    -----
    The derivative is 1 where x > 0 and alpha exp(x) elsewhere, at x = 0 too; for alpha = 1 it has no jump.

    References
    ----------
    Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by exponential linear units",
    ICLR 2016.

    Examples
    --------
    >>> import minigen
    >>> elu(minigen.tensor([-100.0, 0.0, 2.0]), alpha=0.5).tolist()
    [-0.5, 0.0, 2.0]
    """
    check_floating("elu", input=input)
    alpha = check_number("elu", "alpha", alpha, low=-float("inf"))
    return Elu.apply(input, scale=1.0, height=alpha, rate=1.0)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Continuously differentiable elu: x where x > 0, else ``alpha * (exp(x / alpha) - 1)``.

    Parameters
    ----------
    input : Tensor
        x, of any shape.
    alpha : float, default 1
        The negative of what the result approaches far left; not 0.
    inplace : bool, default False
        Accepted for PyTorch's sake and ignored: the result is the same, memory is not shared.

    Returns
    -------
    Tensor
        Of the shape of ``input``.

    Raises
    ------
    ValueError
        If alpha is 0.

    Notes
    -----
    The derivative is 1 where x > 0 and exp(x / alpha) elsewhere: 1 from both sides at x = 0, whatever alpha is.

    References
    ----------
    Barron, "Continuously differentiable exponential linear units", 2017.

    Examples
    --------
    >>> import minigen
    >>> celu(minigen.tensor([-100.0, 0.0, 2.0]), alpha=0.5).tolist()
    [-0.5, 0.0, 2.0]
    """
    check_floating("celu", input=input)
    alpha = check_number("celu", "alpha", alpha, low=-float("inf"))
    if alpha == 0:
        raise ValueError("celu: alpha must not be 0: x is divided by it")
    return Elu.apply(input, scale=1.0, height=alpha, rate=1 / alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Self-normalising elu: ``scale * elu(x, alpha)`` with two constants, about 1.0507 and 1.6733.

    Parameters
    ----------
    input : Tensor
        x, of any shape.
    inplace : bool, default False
        Accepted for PyTorch's sake and ignored: the result is the same, memory is not shared.

    Returns
    -------
    Tensor
        Of the shape of ``input``; above -1.7581.

    Notes
    -----
    The constants are those for which a standard normal x gives a result of mean 0 and variance 1 again.  The
    derivative is scale where x > 0 and scale alpha exp(x) elsewhere, at x = 0 too.

    References
    ----------
    Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017, equation (2).

    Examples
    --------
    >>> import minigen
    >>> y = selu(minigen.randn(100_000))
    >>> abs(y.mean().item()) < 0.02, abs(y.var().item() - 1) < 0.02
    (True, True)
    """
    check_floating("selu", input=input)
    return Elu.apply(input, scale=SELU_SCALE, height=SELU_SCALE * SELU_ALPHA, rate=1.0)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """Cut off at two bounds: ``min(max(x, min_val), max_val)``.

    Parameters
    ----------
    input : Tensor
        x, of any shape.
    min_val, max_val : float, default -1 and 1
        The bounds, the lower one first.
    inplace : bool, default False
        Accepted for PyTorch's sake and ignored: the result is the same, memory is not shared.

    Returns
    -------
    Tensor
        Of the shape of ``input``, in [min_val, max_val].

    Raises
    ------
    ValueError
        If min_val is above max_val.

    Notes
    -----
    The derivative is 1 between the bounds and 0 elsewhere, on the bounds too (that of ``clamp`` is 1 there).

    Examples
    --------
    >>> import minigen
    >>> hardtanh(minigen.tensor([-3.0, 0.5, 3.0])).tolist()
    [-1.0, 0.5, 1.0]
    """
    return _bounded("hardtanh", input, *check_bounds("hardtanh", min_val, max_val))


def _bounded(owner: str, input: Tensor, low: float, high: float) -> Tensor:
    """Apply Hardtanh to floating-point numbers; whole numbers stay whole, as in PyTorch."""
    check_tensor(owner, input=input)
    if input.dtype.kind == "f":
        return Hardtanh.apply(input, low=low, high=high)
    if input.dtype.kind == "u" and low < 0:
        raise ValueError(f"{owner}: input has dtype {input.dtype}, so a lower bound of {low:g} makes no sense")
    return input.clamp(int(low), int(high))


def check_bounds(owner: str, min_val: float, max_val: float) -> tuple[float, float]:
    """Return both bounds as floats; raise ValueError unless they are numbers, the lower one first."""
    low = check_number(owner, "min_val", min_val, low=-float("inf"))
    high = check_number(owner, "max_val", max_val, low=-float("inf"))
    if low > high:
        raise ValueError(f"{owner}: min_val={min_val} is above max_val={max_val}")
    return low, high


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Rectify, but not above 6: ``min(max(x, 0), 6)``.

    Parameters
    ----------
    input : Tensor
        x, of any shape.
    inplace : bool, default False
        Accepted for PyTorch's sake and ignored: the result is the same, memory is not shared.

    Returns
    -------
    Tensor
        Of the shape of ``input``, in [0, 6].

    Notes
    -----
    The derivative is 1 between 0 and 6, and 0 elsewhere, on both bounds too.

    Examples
    --------
    >>> import minigen
    >>> relu6(minigen.tensor([-1.0, 2.0, 7.0])).tolist()
    [0.0, 2.0, 6.0]
    """
    return _bounded("relu6", input, 0.0, 6.0)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """A sigmoid of three straight pieces: ``relu6(x + 3) / 6``.

    Parameters
    ----------
    input : Tensor
        x, of any shape.
    inplace : bool, default False
        Accepted for PyTorch's sake and ignored: the result is the same, memory is not shared.

    Returns
    -------
    Tensor
        Of the shape of ``input``, in [0, 1].

    Notes
    -----
    The derivative is 1/6 between -3 and 3, and 0 elsewhere.

    References
    ----------
    Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.2.

    Examples
    --------
    >>> import minigen
    >>> hardsigmoid(minigen.tensor([-4.0, 0.0, 4.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    check_floating("hardsigmoid", input=input)
    return relu6(input + 3) / 6


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """Multiply x by a sigmoid of three straight pieces: ``x * relu6(x + 3) / 6``.

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
    The derivative is 0 left of -3, 1 right of 3, and (2 x + 3) / 6 between.

    References
    ----------
    Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.2.

    Examples
    --------
    >>> import minigen
    >>> hardswish(minigen.tensor([-1.5, 0.0, 4.0])).tolist()
    [-0.375, 0.0, 4.0]
    """
    check_floating("hardswish", input=input)
    return input * hardsigmoid(input)
