"""Activations as layers: each holds its options and calls the function of the same name.

``inplace`` is accepted everywhere PyTorch has it, shown, and otherwise ignored: results are the same, memory is
not shared.  What an activation computes, its derivative and where it comes from stand at its function.
"""

from __future__ import annotations

from typing import Any

import minigen.functional as F
from minigen.creation import full
from minigen.functional.arguments import check_choice, check_integer, check_number
from minigen.functional.rectifiers import check_bounds
from minigen.nn import init
from minigen.nn.module import Module
from minigen.nn.parameter import Parameter
from minigen.tensor import Tensor


class _Activation(Module):
    """What the activations share: options that are passed on to the function, and shown by their names."""

    function: Any
    options: tuple[str, ...] = ()

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function of the same name."""
        return type(self).function(input, **{name: getattr(self, name) for name in self.options})

    def extra_repr(self) -> str:
        """Return the options."""
        shown = [f"{name}={getattr(self, name)}" for name in self.options]
        return ", ".join([*shown, "inplace=True"] if getattr(self, "inplace", False) else shown)


class _InPlace(_Activation):
    """What has no option but ``inplace``."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = bool(inplace)


class ReLU(_InPlace):
    """max(x, 0).

    Examples
    --------
    >>> import minigen
    >>> ReLU()(minigen.tensor([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    function = F.relu


class ReLU6(_InPlace):
    """min(max(x, 0), 6)."""

    function = F.relu6


class SELU(_InPlace):
    """The self-normalising exponential linear unit."""

    function = F.selu


class SiLU(_InPlace):
    """x sigmoid(x), also called swish."""

    function = F.silu


class Mish(_InPlace):
    """x tanh(softplus(x))."""

    function = F.mish


class Hardsigmoid(_InPlace):
    """relu6(x + 3) / 6."""

    function = F.hardsigmoid


class Hardswish(_InPlace):
    """x relu6(x + 3) / 6."""

    function = F.hardswish


class LeakyReLU(_Activation):
    """x where x > 0, else ``negative_slope * x``.

    Examples
    --------
    >>> import minigen
    >>> LeakyReLU(0.25)(minigen.tensor([-1.0, 2.0])).tolist()
    [-0.25, 2.0]
    """

    function, options = F.leaky_relu, ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = check_number("LeakyReLU", "negative_slope", negative_slope, low=-float("inf"))
        self.inplace = bool(inplace)


class PReLU(Module):
    """x where x > 0, else ``weight * x``: the slope is learned.

    Parameters
    ----------
    num_parameters : int, default 1
        One slope for all channels, or C of them.
    init : float, default 0.25
        The slopes at first.
    device, dtype : optional
        Of the slopes.

    Attributes
    ----------
    weight : Parameter
        (num_parameters,).  Weight decay would pull it to 0, which is relu (He et al. 2015, section 2.1).

    Examples
    --------
    >>> import minigen
    >>> PReLU()(minigen.tensor([-1.0, 2.0])).tolist()
    [-0.25, 2.0]
    """

    weight: Parameter

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = check_integer("PReLU", "num_parameters", num_parameters)
        self.init = check_number("PReLU", "init", init, low=-float("inf"))
        self.weight = Parameter(full((self.num_parameters,), self.init, device=device, dtype=dtype))

    def reset_parameters(self) -> None:
        """Set the slopes to ``init`` again."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """Apply `minigen.functional.prelu`."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """Return the number of slopes."""
        return f"num_parameters={self.num_parameters}"


class _Exponential(_Activation):
    """What elu and celu share."""

    options = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = check_number(type(self).__name__, "alpha", alpha, low=-float("inf"))
        self.inplace = bool(inplace)


class ELU(_Exponential):
    """x where x > 0, else ``alpha * (exp(x) - 1)``."""

    function = F.elu


class CELU(_Exponential):
    """x where x > 0, else ``alpha * (exp(x / alpha) - 1)``; alpha is not 0."""

    function = F.celu

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha, inplace)
        if self.alpha == 0:
            raise ValueError("CELU: alpha must not be 0: x is divided by it")


class Hardtanh(_Activation):
    """min(max(x, min_val), max_val)."""

    function, options = F.hardtanh, ("min_val", "max_val")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.min_val, self.max_val = check_bounds("Hardtanh", min_val, max_val)
        self.inplace = bool(inplace)


class GELU(_Activation):
    """x times the probability that a standard normal number is below x.

    Examples
    --------
    >>> GELU(approximate="tanh")
    GELU(approximate='tanh')
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        check_choice("GELU", "approximate", approximate, ("none", "tanh"))
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Apply `minigen.functional.gelu`."""
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        """Return the option."""
        return f"approximate={self.approximate!r}"


class GLU(_Activation):
    """The first half along ``dim`` times the sigmoid of the second half."""

    function, options = F.glu, ("dim",)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = check_integer("GLU", "dim", dim, low=None)


class Tanh(_Activation):
    """The hyperbolic tangent, into (-1, 1)."""

    function = F.tanh


class Sigmoid(_Activation):
    """1 / (1 + exp(-x)), into (0, 1)."""

    function = F.sigmoid


class LogSigmoid(_Activation):
    """-log(1 + exp(-x))."""

    function = F.logsigmoid


class Softsign(_Activation):
    """x / (1 + |x|), into (-1, 1)."""

    function = F.softsign


class Softplus(_Activation):
    """log(1 + exp(beta x)) / beta; x itself where beta x exceeds ``threshold``."""

    function, options = F.softplus, ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = check_number("Softplus", "beta", beta, low=0.0)
        if beta == 0:
            raise ValueError("Softplus: beta must be positive, not 0")
        self.threshold = check_number("Softplus", "threshold", threshold, low=-float("inf"))


class Softmax(_Activation):
    """exp(x) / sum(exp(x)) along ``dim``.  Not before a `CrossEntropyLoss`, which takes scores.

    Examples
    --------
    >>> import minigen
    >>> Softmax(dim=1)(minigen.zeros(1, 2)).tolist()
    [[0.5, 0.5]]
    """

    function, options = F.softmax, ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = None if dim is None else check_integer("Softmax", "dim", dim, low=None)


class LogSoftmax(_Activation):
    """The logarithm of the softmax along ``dim``."""

    function, options = F.log_softmax, ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = None if dim is None else check_integer("LogSoftmax", "dim", dim, low=None)


class Softmax2d(Module):
    """The softmax over the channels, at each pixel: of (N, C, H, W) or (C, H, W).

    Examples
    --------
    >>> import minigen
    >>> Softmax2d()(minigen.zeros(1, 2, 1, 1)).flatten().tolist()
    [0.5, 0.5]
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply `minigen.functional.softmax` along the third axis from the end."""
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: input {input.shape} must be (N, C, H, W) or (C, H, W)")
        return F.softmax(input, -3)
