"""Helpers around parameters: all of them as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from minigen.namespace import cat
from minigen.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return all parameters in one vector, in their order; gradients pass through it.

    Examples
    --------
    >>> from minigen import nn
    >>> parameters_to_vector(nn.Linear(3, 2).parameters()).shape
    (8,)
    """
    flat = [parameter.flatten() for parameter in parameters]
    if not flat:
        raise ValueError("parameters_to_vector: there are no parameters")
    return cat(flat)


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the numbers of a vector into the parameters, in their order.

    Raises
    ------
    ValueError
        If the vector has not as many elements as the parameters; then nothing is written.

    Examples
    --------
    >>> import minigen
    >>> from minigen import nn
    >>> layer = nn.Linear(3, 2)
    >>> vector_to_parameters(minigen.ones(8), layer.parameters())
    >>> layer.bias.tolist()
    [1.0, 1.0]
    """
    targets = list(parameters)
    total = sum(parameter.numel() for parameter in targets)
    if vec.shape != (total,):
        raise ValueError(f"vector_to_parameters: vec has shape {vec.shape}, but the parameters want ({total},)")
    for parameter, piece in zip(targets, vec.detach().split([parameter.numel() for parameter in targets])):
        parameter.data.copy_(piece.reshape(parameter.shape))  # .data: the same memory, outside the graph
