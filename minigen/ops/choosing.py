"""Choosing elements by indices and masks, and writing to chosen places: what `minigen.ops.indexing` is applied to.

Plain functions of tensors.  Arguments are checked here; indices are looked at where the data is on the host (on a GPU
that would wait for the device).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigen.arguments import broadcastable, one_axis, one_integer
from minigen.backend import array_module
from minigen.operands import Tensor, as_operand, check_range, gather_index, integer_index, is_tensor, operands
from minigen.ops.arithmetic import Where
from minigen.ops.indexing import Gather, GetItem, PutItem, ScatterAdd


def gather(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """Along ``dim`` take the elements that ``index`` names."""
    if integer_index("gather", index).ndim + x.ndim == 1:  # one of the two has no axes: it counts as a vector
        return x.reshape(-1).gather(dim, index.reshape(-1)).reshape(index.shape)
    axis, chosen = gather_index("gather", x, dim, index)
    if index.numel() == 0:
        return x.flatten().narrow(0, 0, 0).reshape(index.shape)
    return Gather.apply(x, dim=axis, index=chosen)


def take_along_dim(x: Tensor, indices: Tensor, dim: int | None) -> Tensor:
    """As `gather`, but the other axes broadcast; without ``dim`` all is flattened."""
    integer_index("take_along_dim", indices)
    if dim is None:
        return x.flatten().gather(0, indices.flatten())
    axis = one_axis("take_along_dim", dim, x.ndim)
    if x.ndim != indices.ndim:
        raise ValueError(f"take_along_dim: x {x.shape} and indices {indices.shape} must have as many axes")
    others = [(m, n) for i, (m, n) in enumerate(zip(x.shape, indices.shape, strict=True)) if i != axis]
    length = x.shape[axis] if x.ndim else 1
    indices = indices + (indices < 0).long() * length  # negative ones count from the end
    if any(m != n and 1 not in (m, n) for m, n in others):
        raise ValueError(f"take_along_dim: x {x.shape} and indices {indices.shape} do not broadcast but for dim {dim}")
    lengths = [n if m == 1 else m for m, n in others]
    wide, chosen = ([*lengths[:axis], y.shape[axis], *lengths[axis:]] for y in (x, indices))
    return x.broadcast_to(wide).gather(axis, indices.broadcast_to(chosen))


def _source(name: str, x: Tensor, index: Tensor, src: Any) -> Tensor:
    """The part of ``src`` that is written: its beginning, of the index's shape."""
    if not is_tensor(src):
        raise TypeError(f"{name}: src must be a Tensor, not {type(src).__name__}")
    if src.dtype != x.dtype:
        raise TypeError(f"{name}: src has dtype {src.dtype}, but the tensor {x.dtype}; they must agree")
    if src.shape == index.shape:
        return src
    if src.ndim != index.ndim or any(n > m for n, m in zip(index.shape, src.shape, strict=True)):
        raise ValueError(f"{name}: src {src.shape} must be at least as long as index {index.shape} along every axis")
    return src[tuple(slice(n) for n in index.shape)]


def scatter_add(name: str, x: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """The tensor, with each element of ``src`` added at the place that ``index`` names along ``dim``."""
    axis, places = gather_index(name, x, dim, index)
    if index.numel() == 0:
        return x.clone()
    return x + ScatterAdd.apply(_source(name, x, index, src), dim=axis, index=places, shape=x.shape)


def scatter(name: str, x: Tensor, dim: int, index: Tensor, src: Any) -> Tensor:
    """The tensor, with the elements of ``src`` in the places that ``index`` names; of several, the last stays.

    Which one stays is found by writing numbers first.  Then the others are replaced by 0 and all are added, so that
    value and gradient agree also where a place is named twice.
    """
    axis, places = gather_index(name, x, dim, index)
    if index.numel() == 0:
        return x.clone()
    src = _source(name, x, index, src) if is_tensor(src) and src.ndim else as_operand(name, src, x).to(x.dtype)
    xp = array_module(x.array)
    numbers = xp.arange(1, index.numel() + 1).reshape(index.shape)
    written = xp.zeros(x.shape, "int64")
    at = Gather.places(xp, places, axis)
    written[at] = numbers
    zero = x.new_zeros(())
    last = Where.apply(src, zero, condition=written[at] == numbers).broadcast_to(index.shape)
    new = ScatterAdd.apply(last, dim=axis, index=places, shape=x.shape)
    return Where.apply(new, x, condition=written > 0)


def index_select(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices along ``dim`` that ``index`` names, in that order."""
    axis = one_axis("index_select", dim, x.ndim)
    places = _places("index_select", x, axis, index)
    if x.ndim == 0:
        return x.expand(len(places)).reshape(()) if len(places) == 1 else x.expand(len(places))
    return GetItem.apply(x, index=(*[slice(None)] * axis, places))


def _places(name: str, x: Tensor, axis: int, index: Tensor) -> Any:
    if integer_index(name, index).ndim > 1:
        raise ValueError(f"{name}: index must have one axis, not shape {index.shape}; gather takes more")
    check_range(name, index, x.shape[axis] if x.ndim else 1, f"axis {axis} of shape {x.shape}")
    return index.reshape(-1).array


def index_add(name: str, x: Tensor, dim: int, index: Tensor, source: Tensor, alpha: Any) -> Tensor:
    """The tensor, with the slices of ``source`` along ``dim`` added at the places that ``index`` names."""
    axis = one_axis(name, dim, x.ndim)
    places = _places(name, x, axis, index)
    if not is_tensor(source) or source.dtype != x.dtype:
        raise TypeError(f"{name}: source must be a Tensor of dtype {x.dtype}")
    wanted = tuple(len(places) if i == axis else n for i, n in enumerate(x.shape))
    if source.shape != wanted:
        raise ValueError(f"{name}: source has shape {source.shape}, but {len(places)} slices of {x.shape} are {wanted}")
    if x.ndim == 0:
        return x.add(source, alpha=alpha)
    added = PutItem.apply(source, index=(*[slice(None)] * axis, places), shape=x.shape)
    return x.add(added, alpha=alpha)


def check_mask(name: str, x: Tensor, mask: Tensor) -> None:
    """Raise unless ``mask`` is a bool tensor that broadcasts with x."""
    if not is_tensor(mask) or mask.dtype.kind != "b":
        kind = mask.dtype if is_tensor(mask) else type(mask).__name__
        raise TypeError(f"{name}: the mask must be a bool tensor, not {kind}; compare first: x > 0")
    if not broadcastable(x.shape, mask.shape):
        raise ValueError(f"{name}: a mask of shape {mask.shape} does not broadcast with a tensor of shape {x.shape}")


def masked_fill(name: str, x: Tensor, mask: Tensor, value: Any) -> Tensor:
    """The tensor, with ``value`` where the mask is True."""
    check_mask(name, x, mask)
    value = as_operand(name, value, x)
    if value.ndim:
        raise ValueError(f"{name}: value must be one number, not a tensor of shape {value.shape}; use where")
    if x.dtype.kind != "f" and value.dtype.kind == "f":
        raise TypeError(f"{name}: a value of dtype {value.dtype} does not fit into a tensor of {x.dtype}")
    return Where.apply(value.to(x.dtype), x, condition=mask.array)


def masked_select(x: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask is True, in a row."""
    check_mask("masked_select", x, mask)
    shape = np.broadcast_shapes(x.shape, mask.shape)
    return x.broadcast_to(shape)[mask.broadcast_to(shape)]


def repeat_interleave(x: Tensor, repeats: Any, dim: int | None) -> Tensor:
    """Each slice along ``dim`` several times in a row: ``repeats`` times, or as often as its own number says."""
    if dim is None:
        x, dim = x.flatten(), 0
    axis = one_axis("repeat_interleave", dim, x.ndim)
    if x.ndim == 0:
        x = x.reshape(1)
    if is_tensor(repeats):
        counts = integer_index("repeat_interleave", repeats).reshape(-1).tolist()
    else:
        counts = [one_integer("repeat_interleave", "repeats (or a tensor of them)", repeats)]
    if len(counts) not in (1, x.shape[axis]) or min(counts, default=0) < 0:
        raise ValueError(
            f"repeat_interleave: repeats {counts} must be one number >= 0, or one for each of the {x.shape[axis]} "
            f"slices along axis {axis}"
        )
    places = array_module(x.array).arange(x.shape[axis]).repeat(counts)
    return x.index_select(axis, x._wrap(places))


def nonzero(x: Tensor, as_tuple: bool) -> Any:
    """The indices of the elements that are not 0: a row for each, or a tensor for each axis."""
    if as_tuple:
        return tuple(x._wrap(places) for places in (x.array if x.ndim else x.array.reshape(1)).nonzero())
    return x._wrap(array_module(x.array).argwhere(x.array))


def clamp_between(x: Tensor, low: Any, high: Any) -> Tensor:
    """Not below ``low`` and not above ``high``, of which one is a tensor; where a bound acts, it has the gradient."""
    for bound, is_low in ((low, True), (high, False)):
        if bound is not None:
            x, bound = operands("clamp", x, bound)
            beyond = (x < bound) if is_low else (x > bound)
            x = Where.apply(bound, x, condition=beyond.array)
    return x


def nan_to_num(x: Tensor, nan: float, posinf: float | None, neginf: float | None) -> Tensor:
    """NaN and infinities replaced; no gradient flows to them."""
    if x.dtype.kind != "f":
        return x.clone()
    largest = float(np.finfo(x.dtype).max)
    x = x.masked_fill(x.isnan(), nan)
    x = x.masked_fill(x == math.inf, largest if posinf is None else posinf)
    return x.masked_fill(x == -math.inf, -largest if neginf is None else neginf)
