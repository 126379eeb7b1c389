"""Functions that join tensors, cut them and move their elements: ``minigen.cat``, ``minigen.flip``.

Most only call the method; those of several tensors are at home here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigen.arguments import Dims, one_axis
from minigen.dtypes import promote_types
from minigen.operands import given
from minigen.ops import shapes
from minigen.tensor import Tensor, as_tensor

__all__ = [
    "broadcast_tensors",
    "broadcast_to",
    "cat",
    "chunk",
    "concat",
    "diag",
    "diag_embed",
    "diagonal",
    "flatten",
    "flip",
    "hstack",
    "meshgrid",
    "moveaxis",
    "movedim",
    "narrow",
    "permute",
    "repeat_interleave",
    "reshape",
    "roll",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "swapdims",
    "t",
    "tile",
    "trace",
    "transpose",
    "tril",
    "triu",
    "unbind",
    "unsqueeze",
    "vstack",
]


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors along an axis that they have.

    Parameters
    ----------
    tensors : sequence of Tensor
        Of equal shape but for the axis ``dim``; their dtypes are promoted to a common one.
    dim : int, default 0
        The axis.

    Raises
    ------
    ValueError
        If there is no tensor, or shapes differ along another axis.

    Examples
    --------
    >>> import minigen
    >>> minigen.cat([minigen.zeros(1, 2), minigen.ones(2, 2)]).shape
    (3, 2)
    """
    tensors = _sequence("cat", tensors)
    if any(x.ndim != 1 for x in tensors):
        tensors = [x for x in tensors if x.shape != (0,)]  # as in PyTorch: to begin with nothing
    first = tensors[0]
    axis = one_axis("cat", dim, first.ndim)
    for i, x in enumerate(tensors):
        if x.ndim != first.ndim or first.ndim == 0:
            raise ValueError(f"cat: tensor {i} has shape {x.shape}, tensor 0 {first.shape}; the axes must match")
        differing = [d for d in range(first.ndim) if d != axis and x.shape[d] != first.shape[d]]
        if differing:
            raise ValueError(
                f"cat: tensor {i} of shape {x.shape} differs from tensor 0 of shape {first.shape} "
                f"along axis {differing[0]}; only axis {axis} may differ"
            )
    return shapes.Cat.apply(*_common_dtype(tensors), dim=axis)


concat = cat


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors of one shape along a new axis ``dim``."""
    tensors = _sequence("stack", tensors)
    for i, x in enumerate(tensors):
        if x.shape != tensors[0].shape:
            raise ValueError(f"stack: tensor {i} has shape {x.shape}, tensor 0 {tensors[0].shape}; all must be equal")
    axis = one_axis("stack", dim, tensors[0].ndim + 1)
    return cat([x.unsqueeze(axis) for x in tensors], axis)


def _sequence(name: str, tensors: Any) -> list[Tensor]:
    if isinstance(tensors, Tensor) or not isinstance(tensors, (list, tuple)):
        raise TypeError(f"{name}: a list or tuple of tensors is wanted, not {type(tensors).__name__}")
    if not tensors:
        raise ValueError(f"{name}: the list of tensors is empty")
    return [as_tensor(name, x) for x in tensors]


def _common_dtype(tensors: list[Tensor]) -> list[Tensor]:
    dtype = tensors[0].dtype
    for x in tensors[1:]:
        dtype = promote_types(dtype, x.dtype)
    return [x.to(dtype=dtype) for x in tensors]


def reshape(input: Tensor, shape: Sequence[int]) -> Tensor:
    """The same elements in another shape."""
    return given("reshape", input).reshape(shape)


def permute(input: Tensor, dims: Sequence[int]) -> Tensor:
    """The axes in a new order."""
    return given("permute", input).permute(dims)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Swap two axes."""
    return given("transpose", input).transpose(dim0, dim1)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Merge neighbouring axes into one."""
    return given("flatten", input).flatten(start_dim, end_dim)


def squeeze(input: Tensor, dim: Dims = None) -> Tensor:
    """Drop axes of length 1."""
    return given("squeeze", input).squeeze(dim)


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Insert an axis of length 1."""
    return given("unsqueeze", input).unsqueeze(dim)


def broadcast_to(input: Tensor, shape: Sequence[int]) -> Tensor:
    """Repeat along axes of length 1, without copying."""
    return given("broadcast_to", input).broadcast_to(shape)


def flip(input: Tensor, dims: Sequence[int]) -> Tensor:
    """The elements in reverse order along ``dims``."""
    return given("flip", input).flip(dims)


def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Cut into pieces of given length."""
    return given("split", tensor, "tensor").split(split_size_or_sections, dim)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Cut into a given number of pieces."""
    return given("chunk", input).chunk(chunks, dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along one axis."""
    return given("unbind", input).unbind(dim)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors side by side: along axis 1, vectors along their only axis."""
    tensors = [x.reshape(1) if x.ndim == 0 else x for x in _sequence("hstack", tensors)]
    return cat(tensors, 0 if tensors[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors one below the other: along axis 0, vectors as rows."""
    return cat([x.reshape(1, -1) if x.ndim < 2 else x for x in _sequence("vstack", tensors)], 0)


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Expand tensors to their common shape, without copying.

    Examples
    --------
    >>> import minigen
    >>> [x.shape for x in minigen.broadcast_tensors(minigen.zeros(3, 1), minigen.zeros(4))]
    [(3, 4), (3, 4)]
    """
    several = _sequence("broadcast_tensors", tensors)
    shapes_of = [x.shape for x in several]
    try:
        shape = np.broadcast_shapes(*shapes_of)
    except ValueError:
        raise ValueError(
            f"broadcast_tensors: shapes {', '.join(map(str, shapes_of))} do not broadcast: compared from the right, "
            "lengths must be equal or 1"
        ) from None
    return tuple(x.broadcast_to(shape) for x in several)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinates of the points of a grid: one tensor for each axis, all of the grid's shape.

    Parameters
    ----------
    *tensors : Tensor
        The coordinates along each axis: vectors (or numbers without axes).
    indexing : {"ij", "xy"}
        "ij": axis i of the grid is the i-th tensor's.  "xy": the first two are swapped, as images count.

    Examples
    --------
    >>> import minigen
    >>> rows, columns = minigen.meshgrid(minigen.arange(2), minigen.arange(3), indexing="ij")
    >>> rows.tolist(), columns.tolist()
    ([[0, 0, 0], [1, 1, 1]], [[0, 1, 2], [0, 1, 2]])
    """
    axes = _sequence("meshgrid", tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors)
    if indexing not in ("ij", "xy"):
        raise ValueError(f"meshgrid: indexing must be 'ij' or 'xy', not {indexing!r}")
    for i, x in enumerate(axes):
        if x.ndim > 1:
            raise ValueError(f"meshgrid: tensor {i} has shape {x.shape}, but coordinates have one axis")
    shape = [x.numel() for x in axes]
    lines = (x.reshape([-1 if i == j else 1 for j in range(len(axes))]) for i, x in enumerate(axes))
    grids = tuple(line.expand(shape) for line in lines)
    return tuple(g.transpose(0, 1) for g in grids) if indexing == "xy" and len(axes) > 1 else grids


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Axes moved to other places, the rest in their order.

    Examples
    --------
    >>> import minigen
    >>> minigen.movedim(minigen.zeros(8, 3, 32, 16), 1, -1).shape
    (8, 32, 16, 3)
    """
    return given("movedim", input).movedim(source, destination)


moveaxis = movedim
swapaxes = swapdims = transpose


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; vectors and numbers stay."""
    return given("t", input).t()


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """The ``length`` slices along ``dim`` from ``start`` on: a view."""
    return given("narrow", input).narrow(dim, start, length)


def tile(input: Tensor, dims: Sequence[int]) -> Tensor:
    """Copies of the whole tensor, side by side; a short ``dims`` counts from the last axis.

    Examples
    --------
    >>> import minigen
    >>> minigen.tile(minigen.tensor([[1, 2]]), (2,))
    tensor([[1, 2, 1, 2]])
    """
    return given("tile", input).tile(dims)


def repeat_interleave(input: Tensor, repeats: Any, dim: int | None = None) -> Tensor:
    """Each slice along an axis several times in a row.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    repeats : int or Tensor of int
        How often; a tensor has a number for each slice.
    dim : int, optional
        The axis; without it the elements are put in a row first.

    Examples
    --------
    >>> import minigen
    >>> minigen.repeat_interleave(minigen.tensor([1, 2]), minigen.tensor([3, 1]))
    tensor([1, 1, 1, 2])
    """
    return given("repeat_interleave", input).repeat_interleave(repeats, dim)


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """The elements moved along axes; what leaves at the end comes back at the beginning.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    shifts : int or tuple of int
        How far, for each axis; negative moves to the front.
    dims : int or tuple of int, optional
        The axes; without them all elements are moved in row-major order.

    Examples
    --------
    >>> import minigen
    >>> minigen.roll(minigen.arange(5), 2)
    tensor([3, 4, 0, 1, 2])
    """
    return given("roll", input).roll(shifts, dims)


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of matrices: 0 above the diagonal (or the ``diagonal``-th above it)."""
    return given("tril", input).tril(diagonal)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of matrices: 0 below the diagonal (or the ``diagonal``-th above it)."""
    return given("triu", input).triu(diagonal)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The elements x[i, i + offset] of two axes, along a new last axis; the adjoint of `diag_embed`."""
    return given("diagonal", input).diagonal(offset, dim1, dim2)


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A vector as a diagonal matrix; of a matrix its diagonal.

    Examples
    --------
    >>> import minigen
    >>> minigen.diag(minigen.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    return given("diag", input).diag(diagonal)


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The last axis as the diagonal of matrices that are 0 elsewhere; the adjoint of `diagonal`."""
    return given("diag_embed", input).diag_embed(offset, dim1, dim2)


def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix."""
    return given("trace", input).trace()
