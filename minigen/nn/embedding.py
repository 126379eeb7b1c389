"""The embedding layer: a table of learned rows, looked up by their numbers."""

from __future__ import annotations

from typing import Any, Self

import minigen.functional as F
from minigen.creation import empty
from minigen.functional.arguments import check_floating, check_integer
from minigen.functional.embedding import check_padding_idx
from minigen.modes import no_grad
from minigen.nn import init
from minigen.nn.module import Module
from minigen.nn.parameter import Parameter
from minigen.tensor import Tensor


class Embedding(Module):
    """A learned row of numbers for each word, class or code.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
        V, the number of rows, and D, their length.
    padding_idx : int, optional
        A row that is 0 at first and gets no gradient; negative numbers count from the end.
    device, dtype : optional
        Of the weight.

    Attributes
    ----------
    weight : Parameter
        (V, D), at first standard normal.

    See Also
    --------
    minigen.functional.embedding : the lookup and its derivative.

    Examples
    --------
    >>> import minigen
    >>> Embedding(10, 3)(minigen.tensor([[1, 2, 4, 5], [4, 3, 2, 9]])).shape
    (2, 4, 3)
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = check_integer("Embedding", "num_embeddings", num_embeddings)
        self.embedding_dim = check_integer("Embedding", "embedding_dim", embedding_dim)
        self.padding_idx = check_padding_idx("Embedding", padding_idx, self.num_embeddings)
        self.weight = Parameter(empty(self.num_embeddings, self.embedding_dim, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the rows anew, as PyTorch does; the padding row is 0."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None) -> Self:
        """Make a layer of given rows (V, D), which share memory with it; frozen unless ``freeze=False``.

        Examples
        --------
        >>> import minigen
        >>> layer = Embedding.from_pretrained(minigen.tensor([[1.0, 2.0], [3.0, 4.0]]))
        >>> layer(minigen.tensor(1)).tolist(), layer.weight.requires_grad
        ([3.0, 4.0], False)
        """
        check_floating("Embedding.from_pretrained", embeddings=embeddings)
        if embeddings.ndim != 2:
            raise ValueError(
                f"Embedding.from_pretrained: embeddings {embeddings.shape} must have two axes: rows, length"
            )
        rows, length = embeddings.shape
        layer = cls(rows, length, padding_idx)
        layer.weight = Parameter(embeddings.detach(), requires_grad=not freeze)
        return layer

    def forward(self, input: Tensor) -> Tensor:
        """Look up the rows: integers (...) to (..., D)."""
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """Return the sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
