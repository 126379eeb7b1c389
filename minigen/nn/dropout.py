"""Dropout as layers: active in training, and the identity in evaluation.

``inplace`` is accepted, shown as PyTorch shows it, and otherwise ignored: memory is not shared.
"""

from __future__ import annotations

from typing import Any

import minigen.functional as F
from minigen.functional.arguments import check_number
from minigen.nn.module import Module
from minigen.tensor import Tensor


class _Dropout(Module):
    """What all share: the probability, and the function of the same name."""

    function: Any

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        self.p = check_number(type(self).__name__, "p", p, low=0.0, high=1.0)
        self.inplace = bool(inplace)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function of the same name."""
        return type(self).function(input, self.p, self.training)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, set each element to zero with probability ``p`` and divide the others by 1 - p.

    Examples
    --------
    >>> import minigen
    >>> Dropout(0.5).eval()(minigen.ones(2)).tolist()
    [1.0, 1.0]
    """

    function = F.dropout


class Dropout1d(_Dropout):
    """In training, do so with whole channels of sequences (N, C, L) or (C, L)."""

    function = F.dropout1d


class Dropout2d(_Dropout):
    """In training, do so with whole channels of images (N, C, H, W)."""

    function = F.dropout2d


class AlphaDropout(_Dropout):
    """In training, set elements to what `SELU` saturates at, and keep mean 0 and variance 1."""

    function = F.alpha_dropout
