"""What operators and methods are given, brought into shape: numbers, arrays, dtypes, indices.

The rules of PyTorch for combining two tensors stand here (which dtype, which shapes), and the errors where they do not
combine.  Nothing is computed but indices, and nothing has a derivative; tensors are known by their attributes only.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from minigen import engine
from minigen.arguments import broadcastable, one_axis
from minigen.backend import Array, array_module, device_of, in_memory_order, to_device
from minigen.dtypes import KINDS, number_dtype, plain_number, promote_types

Tensor = Any  # this floor must not know the class; see the opening paragraph

# Whose values people hand over, and how they become tensors.
_LIBRARIES = {
    "numpy": ("NumPy's ", "minigen.from_numpy(array)"),
    "PIL": ("Pillow's ", "minigen.data.transforms.ToTensor()(image)"),
    "torch": ("PyTorch's ", "minigen.from_numpy(tensor.numpy())"),
}
_PLAIN = (bool, int, float, np.ndarray, np.generic)


def is_tensor(x: Any) -> bool:
    """True for a Tensor, told by its attributes."""
    return hasattr(x, "_wrap")


def given(name: str, x: Any, what: str = "input") -> Tensor:
    """Return x if it is a Tensor: what the function ``name`` is about."""
    if not is_tensor(x):
        raise not_a_tensor(name, what, x)
    return x


def one_number(name: str, what: str, value: Any) -> int | float:
    """Return a number, NumPy's number or a tensor of one element as Python's number; raise TypeError otherwise."""
    number = value.item() if is_tensor(value) and value.ndim == 0 else plain_number(value)
    if not isinstance(number, (bool, int, float)):
        raise TypeError(f"{name}: {what} must be a number, not {value!r}")
    return number


def not_a_tensor(owner: str, name: str, value: Any) -> TypeError:
    """The error for an argument that should be a Tensor; it says how a value of this kind becomes one."""
    library = type(value).__module__.split(".")[0]
    whose, remedy = _LIBRARIES.get(library, ("", "minigen.tensor(data)"))
    return TypeError(f"{owner}: {name} must be a Tensor, not {whose}{type(value).__name__}; make one with {remedy}")


# --- two tensors --------------------------------------------------------------------------------------------


def result_type(a: Tensor, b: Tensor) -> np.dtype:
    """The dtype that PyTorch gives to a combination of two tensors.

    Tensors without axes only count where they are of a higher kind (bool < integer < floating).
    """
    if is_tensor(a) != is_tensor(b):
        a, b = (a, as_operand("result_type", b, a)) if is_tensor(a) else (as_operand("result_type", a, b), b)
    kinds = [KINDS[given("result_type", x).dtype.kind] for x in (a, b)]
    if (a.ndim == 0) != (b.ndim == 0):
        with_axes, without = (0, 1) if b.ndim == 0 else (1, 0)
        return (a, b)[without if kinds[without] > kinds[with_axes] else with_axes].dtype
    return promote_types(a.dtype, b.dtype)


def as_array(name: str, x: Any, like: Array | None = None) -> Array:
    """Make an array of a number or array; a number takes the dtype of ``like`` where its kind allows."""
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, (bool, int, float)):
        dtype = number_dtype(x, None if like is None else like.dtype)
        try:
            if like is None or type(like) is np.ndarray:
                return np.asarray(x, dtype=dtype)
            return _number_on(device_of(like), array_module(like), repr(x), x, dtype)
        except OverflowError:
            raise ValueError(f"{name}: the number {x} does not fit into {dtype}") from None
    if isinstance(x, np.ndarray) or type(x).__module__.partition(".")[0] == "cupy":
        return x
    raise TypeError(f"{name}: a Tensor or a number is wanted, not {type(x).__name__}; minigen.tensor(data) makes one")


@functools.lru_cache(maxsize=1024)
def _number_on(device: str, xp: Any, text: str, x: Any, dtype: Any) -> Array:
    """A number as an array on a device: copied there once, not in each step.

    `text` tells apart what Python calls equal: 0.0 and -0.0.
    """
    return xp.asarray(x, dtype=dtype)


def as_operand(name: str, x: Any, like: Tensor) -> Tensor:
    """Make a tensor of a number or array; a number takes the dtype of ``like`` where its kind allows."""
    return x if is_tensor(x) else like._wrap(as_array(name, x, like.array))


def operands(name: str, a: Any, b: Any) -> tuple[Tensor, Tensor]:
    """Two tensors that NumPy combines with PyTorch's result, or an error that names the operation."""
    if not is_tensor(a):
        if not is_tensor(b):
            raise TypeError(f"{name}: one of the two must be a Tensor, not {type(a).__name__} and {type(b).__name__}")
        a = as_operand(name, a, b)
    elif not is_tensor(b):
        b = as_operand(name, b, a)
    x, y = a.array, b.array
    if x.dtype != y.dtype and not ((x.dtype.kind == "b" and y.ndim) or (y.dtype.kind == "b" and x.ndim)):
        dtype = result_type(a, b)  # beside a bool, NumPy does what PyTorch does, without a copy
        a, b = a.to(dtype=dtype), b.to(dtype=dtype)
    if x.shape != y.shape and x.ndim and y.ndim and not broadcastable(x.shape, y.shape):
        raise ValueError(
            f"{name}: shapes {x.shape} and {y.shape} do not broadcast: "
            "compared from the right, lengths must be equal or 1"
        )
    return a, b


def one_dtype(name: str, *tensors: Tensor) -> None:
    """Raise RuntimeError unless all tensors have one dtype: products of matrices convert nothing in silence."""
    dtypes = list(dict.fromkeys(str(x.dtype) for x in tensors))
    if len(dtypes) > 1:
        raise RuntimeError(
            f"{name}: the tensors must have one dtype, but have {' and '.join(dtypes)}; "
            "convert one of them: .float() makes float32"
        )


def _is_operand(x: Any) -> bool:
    return is_tensor(x) or isinstance(x, _PLAIN) or hasattr(x, "__cuda_array_interface__")


def binary(function: type[engine.Function], name: str, a: Any, b: Any, floating: bool = False) -> Any:
    """Apply a Function to two operands; NotImplemented where one of them is none, so that Python says so."""
    if not (_is_operand(a) and _is_operand(b)):
        return NotImplemented
    a, b = operands(name, a, b)
    if floating and a.array.dtype.kind != "f" and b.array.dtype.kind != "f":
        a, b = a.float(), b.float()
    if name == "sub" and a.array.dtype.kind == "b":
        raise TypeError("sub: bool tensors cannot be subtracted; use ^ (differ) or ~ (not), or convert with .int()")
    return function.apply(a, b)


def compare(operation: Callable, name: str, a: Tensor, b: Any) -> Any:
    """Compare two operands (or compute with integers): a tensor outside the graph."""
    if not _is_operand(b):
        return NotImplemented
    a, b = operands(name, a, b)
    if name.startswith("bitwise") and "f" in (a.dtype.kind, b.dtype.kind):
        raise TypeError(f"{name}: wants bool or integer tensors, not {a.dtype} and {b.dtype}")
    x, y = a.array, b.array
    if type(x) is np.ndarray:
        return a._wrap(np.asarray(operation(x, y)))
    return a._wrap(in_memory_order(operation, (x, y)))


# --- one tensor ---------------------------------------------------------------------------------------------


def unary(function: type[engine.Function], x: Tensor, **options: Any) -> Tensor:
    """Apply a Function that is defined for floating-point numbers: integers become float32 first."""
    return function.apply(x if x.array.dtype.kind == "f" else x.float(), **options)


def floating(name: str, x: Tensor) -> Tensor:
    """Return ``x``; raise RuntimeError if it does not hold floating-point numbers."""
    if x.array.dtype.kind != "f":
        raise RuntimeError(f"{name}: wants a floating-point tensor, not {x.dtype}; use .float() first")
    return x


def writeable(array: Array) -> bool:
    """False where writing would reach one number through several indices, or memory that is read-only."""
    repeated = array.size and any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape, strict=True))
    return not repeated and getattr(array.flags, "writeable", True)


# --- indices ------------------------------------------------------------------------------------------------


def as_index(x: Tensor, index: Any) -> tuple:
    """Turn what stands in x[...] into a tuple of numbers, slices and arrays that fits x, or say why it does not."""
    index = tuple(_index_part(x, part) for part in (index if isinstance(index, tuple) else (index,)))
    taken = [_axes_taken(part) for part in index]
    if sum(taken) > x.ndim or sum(part is Ellipsis for part in index) > 1:
        raise IndexError(
            f"index [{_show(index)}] is for {sum(taken)} axes{' or more' * (Ellipsis in map(_plain, index))}, "
            f"but the tensor of shape {x.shape} has {x.ndim}"
        )
    axis = 0
    for part, axes in zip(index, taken, strict=True):
        if part is Ellipsis:
            axis = x.ndim - sum(taken) + axis
            continue
        _check_range(x, index, part, axis)
        axis += axes
    shapes = [part.shape for part in index if hasattr(part, "dtype") and not _is_mask(part)]
    if any(not broadcastable(shape, other) for shape in shapes for other in shapes):
        raise IndexError(f"index [{_show(index)}]: the arrays of an index are used together, so they must broadcast")
    return index


def _plain(part: Any) -> Any:
    return None if hasattr(part, "dtype") else part  # arrays compare element by element


def _is_mask(part: Any) -> bool:
    return hasattr(part, "dtype") and part.dtype.kind == "b"


def _axes_taken(part: Any) -> int:
    """How many axes of the tensor a part of an index is for."""
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    return part.ndim if _is_mask(part) else 1


def _check_range(x: Tensor, index: tuple, part: Any, axis: int) -> None:
    """Refuse a number outside its axis, a mask of another length, and (on the host) an array with such numbers."""
    if part is None or isinstance(part, (bool, slice)):
        return
    if _is_mask(part):
        wanted = x.shape[axis : axis + part.ndim]
        if part.shape != wanted:
            raise IndexError(
                f"index [{_show(index)}] of a tensor of shape {x.shape}: a mask of shape {part.shape} chooses from "
                f"axes of shape {wanted}; they must be equal"
            )
        return
    length = x.shape[axis]
    if isinstance(part, int):
        low = high = part
    elif type(part) is not np.ndarray or part.size == 0:  # on a GPU this would wait for the device
        return
    else:
        low, high = int(part.min()), int(part.max())
    if low < -length or high >= length:
        raise IndexError(
            f"index [{_show(index)}]: {low if low < -length else high} is out of range for axis {axis} of a tensor of "
            f"shape {x.shape}: " + (f"use {-length} to {length - 1}" if length else "that axis is empty")
        )


def _index_part(x: Tensor, part: Any) -> Any:
    if isinstance(part, slice):
        if part.step is not None and operator.index(part.step) == 0:
            raise ValueError("index: the step of a slice must not be 0")
        return slice(*(None if n is None else operator.index(n) for n in (part.start, part.stop, part.step)))
    if part is None or part is Ellipsis or isinstance(part, (bool, int)):
        return part
    if isinstance(part, (list, np.ndarray, np.generic)):
        array = np.asarray(part, dtype=None if np.size(part) else "int64")
        part = x._wrap(to_device(array, device_of(x.array)))
    if not is_tensor(part) or part.dtype.kind not in "biu":
        kind = part.dtype if is_tensor(part) else type(part).__name__
        raise IndexError(f"a tensor is indexed by integers, slices, None, ... and integer or bool tensors, not {kind}")
    if part.ndim == 0 and part.dtype.kind != "b":
        return int(part)
    here, there = device_of(x.array), device_of(part.array)
    if here == there:
        return part.array
    if there != "cpu":
        raise RuntimeError(f"index: the tensor is on {here}, but the index is on {there}; move one of them with .to()")
    return to_device(part.array, here)


def _show(index: tuple) -> str:
    def show(part):
        if isinstance(part, slice):
            ends = ":".join("" if n is None else str(n) for n in (part.start, part.stop, part.step))
            return ends.removesuffix(":") if part.step is None else ends
        if hasattr(part, "dtype"):
            return f"<{part.dtype} array {part.shape}>"
        return "..." if part is Ellipsis else str(part)

    return ", ".join(map(show, index))


def integer_index(name: str, index: Any) -> Tensor:
    """Return ``index``; raise TypeError unless it is an integer tensor."""
    if not is_tensor(index) or index.dtype.kind not in "iu":
        kind = f"{index.dtype}" if is_tensor(index) else f"{type(index).__name__}"
        raise TypeError(f"{name}: index must be an integer tensor, not {kind}")
    return index


def gather_index(name: str, x: Tensor, dim: int, index: Any) -> tuple[int, Array]:
    """Check ``index`` of gather and scatter: as many axes as x, along which it may be shorter but for ``dim``."""
    axis = one_axis(name, dim, x.ndim)
    shape = integer_index(name, index).shape
    fits = index.ndim == x.ndim and all(
        i == axis or m <= n for i, (m, n) in enumerate(zip(shape, x.shape, strict=True))
    )
    if not fits and index.numel():
        raise ValueError(
            f"{name}: an index of shape {shape} does not fit a tensor of shape {x.shape} along dim {dim}: it must have "
            f"{x.ndim} axes, and only along dim {dim} may it be longer"
        )
    check_range(name, index, x.shape[axis] if x.ndim else 1, f"axis {axis} of shape {x.shape}")
    return axis, index.array


def check_range(name: str, index: Tensor, length: int, place: str) -> None:
    """Raise IndexError if a number of ``index`` is not in [0, length); looked at where the data is on the host."""
    if type(index.array) is not np.ndarray or not index.numel():  # on a GPU this would wait for the device
        return
    low, high = int(index.array.min()), int(index.array.max())
    if low < 0 or high >= length:
        raise IndexError(f"{name}: index {low if low < 0 else high} is out of range for {place}: use 0 to {length - 1}")
