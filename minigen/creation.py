"""Tensors made from data, from a rule, or from random numbers, as PyTorch's functions of the same names.

Floating-point tensors are float32 unless a dtype is given.  Random numbers are drawn on the host, from the
global generator or the one given, and then moved, so that every device starts from the same ones.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigen.arguments import as_sizes, one_integer
from minigen.backend import Array, Generator, OutOfMemoryError, array_module, to_device, to_numpy
from minigen.backend import generator as global_generator
from minigen.dtypes import as_dtype, bool_, drawn_dtype, float32, int64, number_dtype, plain_number
from minigen.modes import claim
from minigen.operands import one_number
from minigen.tensor import Tensor

__all__ = [
    "arange",
    "as_tensor",
    "bernoulli",
    "empty",
    "empty_like",
    "eye",
    "from_numpy",
    "full",
    "full_like",
    "linspace",
    "multinomial",
    "normal",
    "ones",
    "ones_like",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "tensor",
    "zeros",
    "zeros_like",
]


def _finish(array: Array, device: str | None, requires_grad: bool) -> Tensor:
    return Tensor(to_device(array, device), requires_grad=requires_grad)


def tensor(data: Any, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Copy data into a new tensor.

    Parameters
    ----------
    data : number, nested sequence, numpy.ndarray or Tensor
        Python floats become float32, integers int64, bools bool; arrays keep their dtype.
    dtype : dtype, optional
        Another type of the elements.
    device : str, optional
        ``"cpu"`` (default) or ``"cuda"``.
    requires_grad : bool, default False
        Whether gradients shall flow to it; floating-point tensors only.

    Raises
    ------
    ValueError
        If nested sequences differ in length.
    TypeError
        If the data are no numbers.

    Examples
    --------
    >>> tensor([[1, 2], [3, 4]], dtype=float32)
    tensor([[1., 2.],
            [3., 4.]])
    """
    if isinstance(data, Tensor):
        device = data.device if device is None else device
        array = data.array
    elif isinstance(data, (list, tuple)) and _holds_tensors(data):
        array = np.asarray([tensor(item).cpu().array for item in _alike(data)])
    elif hasattr(data, "__cuda_array_interface__"):
        array, device = data, device or "cuda"
    else:
        array = _from_python(data, dtype)
    array = array.astype(array.dtype if dtype is None else as_dtype("tensor", dtype), copy=True)
    return _finish(array, device, requires_grad)


def _holds_tensors(data: Any) -> bool:
    return any(isinstance(item, Tensor) or (isinstance(item, (list, tuple)) and _holds_tensors(item)) for item in data)


def _alike(data: Any) -> Any:
    """Return a sequence of tensors, perhaps with numbers among them; raise ValueError unless all have one shape."""
    shapes = [np.shape(item.array if isinstance(item, Tensor) else item) for item in data]
    if len(set(shapes)) > 1:
        raise ValueError(
            f"tensor: the parts have the shapes {', '.join(map(str, shapes))}, so they form no array; minigen.cat "
            "joins tensors of different lengths"
        )
    return data


def _from_python(data: Any, dtype: Any) -> np.ndarray:
    try:
        array = np.asarray(data)
    except ValueError:
        raise ValueError(f"tensor: {_ragged(data)}, so they form no array") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"tensor: numbers are wanted, not {type(data).__name__} of {array.dtype}")
    python_floats = not isinstance(data, (np.ndarray, np.generic)) and (array.dtype.kind == "f" or not array.size)
    if python_floats and dtype is None:
        array = array.astype(float32)
    return array


def _ragged(data: Any) -> str:
    """Say which two neighbours of nested sequences differ in length."""
    lengths = [len(row) if isinstance(row, (list, tuple)) else None for row in data]
    for i, n in enumerate(lengths):
        if n != lengths[0]:
            said = ["no sequence" if m is None else f"{m} elements" for m in (lengths[0], n)]
            return f"the nested sequences differ in length: row 0 has {said[0]}, row {i} has {said[1]}"
    deeper = [_ragged(row) for row in data if isinstance(row, (list, tuple))]
    return next(filter(None, deeper), "the nested sequences differ in length")


def as_tensor(data: Any, dtype: Any = None, device: str | None = None) -> Tensor:
    """As `tensor`, but without copying where nothing changes."""
    if isinstance(data, Tensor):
        return data.to(dtype=dtype, device=device)
    if isinstance(data, np.ndarray):
        return from_numpy(data).to(dtype=dtype, device=device)
    return tensor(data, dtype, device)


def from_numpy(array: np.ndarray) -> Tensor:
    """Wrap a NumPy array: the tensor shares its memory and keeps its dtype."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: a numpy.ndarray is wanted, not {type(array).__name__}")
    return Tensor(array)


# --- constant and regular values ---


def zeros(*size: Any, dtype: Any = float32, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Zeros: ``zeros(2, 3)`` or ``zeros((2, 3))``."""
    return _finish(_allocate("zeros", size, dtype), device, requires_grad)


def ones(*size: Any, dtype: Any = float32, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Ones."""
    return _finish(_allocate("ones", size, dtype), device, requires_grad)


def empty(*size: Any, dtype: Any = float32, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Whatever the memory holds."""
    return _finish(_allocate("empty", size, dtype), device, requires_grad)


def full(
    size: Any, fill_value: Any, dtype: Any = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """One number, everywhere."""
    value = fill_value.item() if isinstance(fill_value, Tensor) else plain_number(fill_value)
    if not isinstance(value, (bool, int, float)):
        raise TypeError(f"full: fill_value must be a number, not {value!r}")
    array = _allocate("full", (size,), dtype or number_dtype(value, None), value)
    return _finish(array, device, requires_grad)


def eye(
    n: int, m: int | None = None, dtype: Any = float32, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """The identity matrix, (n, m)."""
    array = _allocate("zeros", (n, n if m is None else m), dtype, owner="eye")
    np.fill_diagonal(array, 1)
    return _finish(array, device, requires_grad)


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    dtype: Any = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from ``start`` to before ``end`` in steps; int64 if all three are integers, else float32."""
    if end is None:
        start, end = 0, start
    start, end, step = (one_number("arange", what, n) for what, n in (("start", start), ("end", end), ("step", step)))
    if step == 0 or not 0 <= (end - start) / step < math.inf:
        raise ValueError(f"arange: steps of {step} do not lead from {start} to {end}")
    whole = all(isinstance(n, (int, np.integer)) for n in (start, end, step))
    dtype = as_dtype("arange", dtype or (int64 if whole else float32))
    return _finish(np.arange(start, end, step).astype(dtype), device, requires_grad)


def linspace(
    start: float, end: float, steps: int, dtype: Any = float32, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """``steps`` numbers at equal distances, both ends included."""
    (steps,) = _shape("linspace", (one_integer("linspace", "steps", steps),))
    first, last = one_number("linspace", "start", start), one_number("linspace", "end", end)
    array = np.linspace(float(first), float(last), steps, dtype=as_dtype("linspace", dtype or float32))
    return _finish(array, device, requires_grad)


def _like(name: str, x: Tensor, dtype: Any, device: str | None, requires_grad: bool) -> Tensor:
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}: a Tensor is wanted, not {type(x).__name__}")
    make = getattr(array_module(x.array), name)
    return _finish(make(x.array, dtype=dtype or x.dtype), device or x.device, requires_grad)


def zeros_like(input: Tensor, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Zeros of another tensor's shape, dtype, memory layout and device."""
    return _like("zeros_like", input, dtype, device, requires_grad)


def ones_like(input: Tensor, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Ones of another tensor's shape, dtype, memory layout and device."""
    return _like("ones_like", input, dtype, device, requires_grad)


def empty_like(input: Tensor, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Uninitialised memory of another tensor's shape, dtype, layout and device."""
    return _like("empty_like", input, dtype, device, requires_grad)


def full_like(
    input: Tensor, fill_value: Any, dtype: Any = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """One number in another tensor's shape, dtype, memory layout and device."""
    return empty_like(input, dtype, device).fill_(fill_value).requires_grad_(requires_grad)


def _allocate(make: str, size: Any, dtype: Any, *value: Any, owner: str = "") -> np.ndarray:
    """Memory of a shape, filled as NumPy's function of the name ``make`` does."""
    owner = owner or make
    shape, dtype = _shape(owner, size), as_dtype(owner, float32 if dtype is None else dtype)
    try:
        return getattr(np, make)(shape, *value, dtype=dtype)
    except (MemoryError, OverflowError, ValueError):  # too large for the machine, for a number, for an address
        what = f"of shape {shape} filled with {value[0]}" if value else f"of shape {shape}"
        raise OutOfMemoryError(f"{owner}: a tensor {what} does not fit into memory as {dtype}") from None


# --- random values ---


def _shape(name: str, size: Any) -> tuple[int, ...]:
    shape = as_sizes(name, size)
    if any(n < 0 for n in shape):
        raise ValueError(f"{name}: lengths must not be negative, but the shape is {shape}")
    claim(shape)
    return shape


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers uniformly distributed in [0, 1)."""
    dtype = as_dtype("rand", dtype or float32)
    draw = (generator or global_generator).numpy.random(_shape("rand", size), drawn_dtype(dtype))
    return _finish(draw.astype(dtype, copy=False), device, requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = float32,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from the standard normal distribution."""
    source = (generator or global_generator).numpy
    dtype = as_dtype("randn", dtype or float32)
    draw = source.standard_normal(_shape("randn", size), drawn_dtype(dtype))
    return _finish(draw.astype(dtype, copy=False), device, requires_grad)


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = int64,
    device: str | None = None,
) -> Tensor:
    """Integers from ``low`` to ``high - 1``: ``randint(10, (2, 3))`` or ``randint(0, 10, (2, 3))``."""
    if size is None:
        low, high, size = 0, low, high
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"randint: size must be a tuple, not {size!r}")
    if low >= high:
        raise ValueError(f"randint: there is no integer from {low} to below {high}")
    draw = (generator or global_generator).numpy.integers(low, high, _shape("randint", (size,)))
    return _finish(draw.astype(dtype or int64), device, False)


def randperm(n: int, generator: Generator | None = None, device: str | None = None) -> Tensor:
    """The integers 0 ... n - 1 in random order."""
    return _finish((generator or global_generator).numpy.permutation(n).astype(int64), device, False)


def rand_like(input: Tensor, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Uniform numbers in [0, 1) in another tensor's shape, dtype and device."""
    return rand(input.shape, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def randn_like(input: Tensor, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Standard normal numbers in another tensor's shape, dtype and device."""
    return randn(input.shape, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def randint_like(input: Tensor, low: int, high: Any = None) -> Tensor:
    """Random integers in another tensor's shape, dtype and device."""
    if high is None:
        low, high = 0, low
    return randint(low, high, input.shape, dtype=input.dtype, device=input.device)


def bernoulli(input: Tensor, generator: Generator | None = None) -> Tensor:
    """1 with the probability that each element names, else 0; no gradient."""
    if bool(((input < 0) | (input > 1)).any()):
        raise ValueError("bernoulli: probabilities must lie in [0, 1]")
    draw = rand(input.shape, generator=generator, dtype=input.dtype, device=input.device)
    return (draw < input).to(dtype=bool_).to(dtype=input.dtype)


def normal(
    mean: Tensor | float,
    std: Tensor | float,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: str | None = None,
) -> Tensor:
    """Numbers from normal distributions: one for each element of ``mean`` and ``std``, or ``size`` numbers of one.

    Parameters
    ----------
    mean, std : Tensor or float
        Tensors are broadcast; ``std`` must not be negative.
    size : tuple of int, optional
        The shape, where both are numbers.
    generator : Generator, optional
        The source; the global one if None.
    dtype, device : optional
        Where both are numbers, as in `randn`.

    Returns
    -------
    Tensor
        No gradient flows to ``mean`` and ``std``; ``mean + std * randn_like(mean)`` lets it.

    Raises
    ------
    ValueError
        If a ``std`` is negative.
    TypeError
        If both are numbers and no size is given, or one is a tensor and a size is.
    """
    tensors = [x for x in (mean, std) if isinstance(x, Tensor)]
    if bool(tensors) != (size is None):
        raise TypeError("normal: give a size with two numbers, and none with a tensor")
    if bool((std < 0).any() if isinstance(std, Tensor) else std < 0):
        raise ValueError(f"normal: std must not be negative, but is {std}")
    if not tensors:
        return randn(size, generator=generator, dtype=dtype, device=device) * std + mean
    like = sum(x.detach() * 0 for x in tensors)
    draw = randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)
    return (draw * std + mean).detach()


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, generator: Generator | None = None
) -> Tensor:
    """Indices drawn with the probabilities that ``input`` names.

    Parameters
    ----------
    input : Tensor
        (K,) or (N, K): for each row K weights, not negative, which need not add up to 1.
    num_samples : int
        How many indices a row gives.
    replacement : bool, default False
        Whether an index may be drawn again.
    generator : Generator, optional
        The source; the global one if None.

    Returns
    -------
    Tensor
        int64, (num_samples,) or (N, num_samples).

    Raises
    ------
    ValueError
        If a weight is negative or not finite, a row has none above 0, or K cannot give so many samples.

    Notes
    -----
    With replacement, the place of a uniform number among the summed weights is drawn.  Without, every index
    waits for an exponential time of rate w: the first that comes is k with probability w_k / sum(w), and so
    on among those that are left.

    Examples
    --------
    >>> multinomial(tensor([0.0, 1.0, 0.0]), 2, replacement=True)
    tensor([1, 1])
    """
    if not isinstance(input, Tensor) or input.ndim not in (1, 2) or input.dtype.kind != "f":
        what = f"{input.dtype} {input.shape}" if isinstance(input, Tensor) else type(input).__name__
        raise TypeError(f"multinomial: input must be a floating-point Tensor (K,) or (N, K), not {what}")
    weights = to_numpy(input.array).astype(np.float64)
    if not np.isfinite(weights).all() or (weights < 0).any() or not (weights.sum(-1) > 0).all():
        raise ValueError("multinomial: weights must be finite and not negative, and in each row one above 0")
    count, most = one_integer("multinomial", "num_samples", num_samples), weights.shape[-1]
    if count < 1 or (count > most and not replacement):
        raise ValueError(f"multinomial: {count} samples of {most} indices; give 1 to {most}, or replacement=True")
    source = (generator or global_generator).numpy
    if replacement:
        sums = weights.cumsum(-1)  # (..., K)
        draw = source.random((*weights.shape[:-1], count)) * sums[..., -1:]  # (..., num_samples)
        indices = (draw[..., None] >= sums[..., None, :]).sum(-1)
    else:
        waits = source.exponential(size=weights.shape) / np.where(weights > 0, weights, 1)
        indices = np.where(weights > 0, waits, np.inf).argsort(-1)[..., :count]
    return _finish(indices.astype(int64), input.device, False)
