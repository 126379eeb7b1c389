"""Helpers around parameters: all of them as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from minigen.functional.arguments import check_tensor
from minigen.namespace import cat
from minigen.nn.module import Module
from minigen.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return all parameters in one vector, in their order; gradients pass through it.

    Examples
    --------
    >>> from minigen import nn
    >>> parameters_to_vector(nn.Linear(3, 2).parameters()).shape
    (8,)
    """
    flat = [parameter.flatten() for parameter in _listed("parameters_to_vector", parameters)]
    if not flat:
        raise ValueError("parameters_to_vector: there are no parameters")
    return cat(flat)


def _listed(owner: str, parameters: Iterable[Tensor]) -> list[Tensor]:
    """Return the parameters as a list; raise TypeError unless they are tensors, and several."""
    if not isinstance(parameters, Iterable) or isinstance(parameters, (str, Module)):
        raise TypeError(
            f"{owner}: parameters must be an iterable of tensors, not {type(parameters).__name__}; "
            "pass model.parameters()"
        )
    tensors = list(parameters)
    for i, parameter in enumerate(tensors):
        check_tensor(owner, **{f"parameter {i}": parameter})
    return tensors


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
    check_tensor("vector_to_parameters", vec=vec)
    targets = _listed("vector_to_parameters", parameters)
    total = sum(parameter.numel() for parameter in targets)
    if vec.shape != (total,):
        raise ValueError(f"vector_to_parameters: vec has shape {vec.shape}, but the parameters want ({total},)")
    for parameter, piece in zip(targets, vec.detach().split([parameter.numel() for parameter in targets])):
        parameter.data.copy_(piece.reshape(parameter.shape))  # .data: the same memory, outside the graph
