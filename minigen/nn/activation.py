"""Activations and dropout as layers: each holds its options and calls the function of the same name."""

from __future__ import annotations

import minigen.functional as F
from minigen.functional.arguments import check_number
from minigen.nn.module import Module
from minigen.tensor import Tensor


class ReLU(Module):
    """max(x, 0).  ``inplace`` is accepted and ignored: results are the same, memory is not shared.

    Examples
    --------
    >>> import minigen
    >>> ReLU()(minigen.tensor([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """Apply `minigen.functional.relu`."""
        return F.relu(input)


class LeakyReLU(Module):
    """x where x > 0, else ``negative_slope * x``.  ``inplace`` is accepted and ignored.

    Examples
    --------
    >>> import minigen
    >>> LeakyReLU(0.25)(minigen.tensor([-1.0, 2.0])).tolist()
    [-0.25, 2.0]
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = check_number("LeakyReLU", "negative_slope", negative_slope, low=-float("inf"))

    def forward(self, input: Tensor) -> Tensor:
        """Apply `minigen.functional.leaky_relu`."""
        return F.leaky_relu(input, self.negative_slope)

    def extra_repr(self) -> str:
        """Return the slope."""
        return f"negative_slope={self.negative_slope}"


class Tanh(Module):
    """The hyperbolic tangent, into (-1, 1)."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply `minigen.functional.tanh`."""
        return F.tanh(input)


class Sigmoid(Module):
    """1 / (1 + exp(-x)), into (0, 1)."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply `minigen.functional.sigmoid`."""
        return F.sigmoid(input)


class Softplus(Module):
    """log(1 + exp(beta x)) / beta; x itself where beta x exceeds ``threshold``."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        """Apply `minigen.functional.softplus`."""
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Softmax(Module):
    """exp(x) / sum(exp(x)) along ``dim``.  Not before a `CrossEntropyLoss`, which takes scores.

    Examples
    --------
    >>> import minigen
    >>> Softmax(dim=1)(minigen.zeros(1, 2)).tolist()
    [[0.5, 0.5]]
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply `minigen.functional.softmax`."""
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        """Return the axis."""
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """The logarithm of the softmax along ``dim``."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply `minigen.functional.log_softmax`."""
        return F.log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        """Return the axis."""
        return f"dim={self.dim}"


class Dropout(Module):
    """In training, set each element to zero with probability ``p`` and divide the others by 1 - p.

    ``inplace`` is accepted and ignored.

    Examples
    --------
    >>> import minigen
    >>> Dropout(0.5).eval()(minigen.ones(2)).tolist()
    [1.0, 1.0]
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        self.p = check_number("Dropout", "p", p, low=0.0, high=1.0)

    def forward(self, input: Tensor) -> Tensor:
        """Apply `minigen.functional.dropout`."""
        return F.dropout(input, self.p, self.training)

    def extra_repr(self) -> str:
        """Return the probability."""
        return f"p={self.p}"
