"""Distances between vectors as layers.  They hold options and no parameters."""

from __future__ import annotations

import minigen.functional as F
from minigen.functional.arguments import check_integer, check_number
from minigen.nn.module import Module
from minigen.tensor import Tensor


class CosineSimilarity(Module):
    """Cosine of the angle between vectors, see `minigen.functional.cosine_similarity`.

    Parameters
    ----------
    dim : int, default 1
        The axis along which the vectors lie.
    eps : float, default 1e-8
        The smallest length counted with.
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = check_integer("CosineSimilarity", "dim", dim, low=None)
        self.eps = check_number("CosineSimilarity", "eps", eps, low=0.0)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Compare two tensors of vectors."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
