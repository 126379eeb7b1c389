"""Functions of tensors under PyTorch's names: ``minigen.exp(x)`` beside ``x.exp()``.

Most only call the method, and accept a number or an array where PyTorch does; those of several tensors (cat,
stack, where) are at home here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigen.arguments import Dims, one_axis
from minigen.backend import array_module
from minigen.dtypes import promote_types
from minigen.ops import arithmetic, shapes
from minigen.tensor import Tensor, _as_tensor, _binary, _operands

__all__ = [
    "abs",
    "add",
    "all",
    "allclose",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "bmm",
    "broadcast_to",
    "cat",
    "ceil",
    "chunk",
    "clamp",
    "clip",
    "clone",
    "div",
    "equal",
    "exp",
    "expm1",
    "flatten",
    "flip",
    "floor",
    "gather",
    "is_tensor",
    "isfinite",
    "isnan",
    "log",
    "log1p",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mm",
    "mul",
    "neg",
    "numel",
    "permute",
    "pow",
    "relu",
    "reshape",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "softmax",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "sub",
    "sum",
    "tanh",
    "transpose",
    "unbind",
    "unsqueeze",
    "var",
    "where",
]


# --- several tensors ---


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
    return [_as_tensor(name, x) for x in tensors]


def _common_dtype(tensors: list[Tensor]) -> list[Tensor]:
    dtype = tensors[0].dtype
    for x in tensors[1:]:
        dtype = promote_types(dtype, x.dtype)
    return [x.to(dtype=dtype) for x in tensors]


def where(condition: Tensor, input: Any, other: Any) -> Tensor:
    """Elements of ``input`` where ``condition`` (bool) holds, of ``other`` elsewhere; all three broadcast."""
    if not isinstance(condition, Tensor) or condition.dtype.kind != "b":
        kind = condition.dtype if isinstance(condition, Tensor) else type(condition).__name__
        raise TypeError(f"where: the condition must be a bool tensor, not {kind}; compare first: x > 0")
    like = next((x for x in (input, other) if isinstance(x, Tensor)), None)
    a, b = _operands("where", _as_tensor("where", input, like), _as_tensor("where", other, like))
    _operands("where", condition, a), _operands("where", condition, b)  # must broadcast with both
    return arithmetic.Where.apply(a, b, condition=condition.array)


def maximum(input: Tensor, other: Any) -> Tensor:
    """The larger of two, elementwise."""
    return _binary(arithmetic.Maximum, "maximum", input, other)


def minimum(input: Tensor, other: Any) -> Tensor:
    """The smaller of two, elementwise."""
    return _binary(arithmetic.Minimum, "minimum", input, other)


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product."""
    return _as_tensor("matmul", input).matmul(other)


mm = bmm = matmul


def add(input: Any, other: Any, alpha: Any = 1) -> Tensor:
    """Input + alpha * other."""
    return input + (other if alpha == 1 else other * alpha)


def sub(input: Any, other: Any, alpha: Any = 1) -> Tensor:
    """Input - alpha * other."""
    return input - (other if alpha == 1 else other * alpha)


def mul(input: Any, other: Any) -> Tensor:
    """Input * other."""
    return input * other


def div(input: Any, other: Any) -> Tensor:
    """Input / other."""
    return input / other


def pow(input: Any, exponent: Any) -> Tensor:
    """Input ** exponent."""
    return input**exponent


def equal(input: Tensor, other: Tensor) -> bool:
    """True if two tensors have the same shape and elements."""
    return input.shape == other.shape and bool((input == other).all())


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """True if |input - other| <= atol + rtol * |other| everywhere."""
    return bool(array_module(input.array).allclose(input.array, other.array, rtol, atol, equal_nan))


# --- one tensor: the methods as functions ---


def exp(input: Tensor) -> Tensor:
    """E to the power of each element."""
    return input.exp()


def expm1(input: Tensor) -> Tensor:
    """exp(x) - 1."""
    return input.expm1()


def log(input: Tensor) -> Tensor:
    """The natural logarithm."""
    return input.log()


def log1p(input: Tensor) -> Tensor:
    """log(1 + x)."""
    return input.log1p()


def sqrt(input: Tensor) -> Tensor:
    """The square root."""
    return input.sqrt()


def rsqrt(input: Tensor) -> Tensor:
    """One over the square root."""
    return input.rsqrt()


def square(input: Tensor) -> Tensor:
    """Each element times itself."""
    return input.square()


def abs(input: Tensor) -> Tensor:
    """The absolute value."""
    return input.abs()


def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1."""
    return input.sign()


def floor(input: Tensor) -> Tensor:
    """The next integer below."""
    return input.floor()


def ceil(input: Tensor) -> Tensor:
    """The next integer above."""
    return input.ceil()


def round(input: Tensor) -> Tensor:
    """The nearest integer, halves to even."""
    return input.round()


def neg(input: Tensor) -> Tensor:
    """-input."""
    return -input


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return input.tanh()


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return input.sigmoid()


def relu(input: Tensor) -> Tensor:
    """max(x, 0)."""
    return input.relu()


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Each element, not below ``min`` and not above ``max``."""
    return input.clamp(min, max)


clip = clamp


def softmax(input: Tensor, dim: int) -> Tensor:
    """exp(x) / sum(exp(x)) along ``dim``."""
    return input.softmax(dim)


def log_softmax(input: Tensor, dim: int) -> Tensor:
    """The logarithm of the softmax along ``dim``."""
    return input.log_softmax(dim)


def logsumexp(input: Tensor, dim: Dims, keepdim: bool = False) -> Tensor:
    """log(sum(exp(x))) along ``dim``."""
    return input.logsumexp(dim, keepdim)


def sum(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The sum."""
    return input.sum(dim, keepdim)


def mean(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The mean."""
    return input.mean(dim, keepdim)


def var(input: Tensor, dim: Dims = None, correction: int = 1, keepdim: bool = False) -> Tensor:
    """The variance."""
    return input.var(dim, correction, keepdim)


def std(input: Tensor, dim: Dims = None, correction: int = 1, keepdim: bool = False) -> Tensor:
    """The square root of the variance."""
    return input.std(dim, correction, keepdim)


def amax(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The largest element."""
    return input.amax(dim, keepdim)


def amin(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The smallest element."""
    return input.amin(dim, keepdim)


def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element; along an axis (values, indices)."""
    return input.max(dim, keepdim)


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element; along an axis (values, indices)."""
    return input.min(dim, keepdim)


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the largest element."""
    return input.argmax(dim, keepdim)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the smallest element."""
    return input.argmin(dim, keepdim)


def any(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """True where any element is."""
    return input.any(dim, keepdim)


def all(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """True where all elements are."""
    return input.all(dim, keepdim)


def isnan(input: Tensor) -> Tensor:
    """True where an element is not a number."""
    return input.isnan()


def isfinite(input: Tensor) -> Tensor:
    """True where an element is neither infinite nor NaN."""
    return input.isfinite()


def reshape(input: Tensor, shape: Sequence[int]) -> Tensor:
    """The same elements in another shape."""
    return input.reshape(shape)


def permute(input: Tensor, dims: Sequence[int]) -> Tensor:
    """The axes in a new order."""
    return input.permute(dims)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Swap two axes."""
    return input.transpose(dim0, dim1)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Merge neighbouring axes into one."""
    return input.flatten(start_dim, end_dim)


def squeeze(input: Tensor, dim: Dims = None) -> Tensor:
    """Drop axes of length 1."""
    return input.squeeze(dim)


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Insert an axis of length 1."""
    return input.unsqueeze(dim)


def broadcast_to(input: Tensor, shape: Sequence[int]) -> Tensor:
    """Repeat along axes of length 1, without copying."""
    return input.broadcast_to(shape)


def flip(input: Tensor, dims: Sequence[int]) -> Tensor:
    """The elements in reverse order along ``dims``."""
    return input.flip(dims)


def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Cut into pieces of given length."""
    return tensor.split(split_size_or_sections, dim)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Cut into a given number of pieces."""
    return input.chunk(chunks, dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along one axis."""
    return input.unbind(dim)


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Along ``dim`` take the elements that ``index`` names."""
    return input.gather(dim, index)


def clone(input: Tensor) -> Tensor:
    """A copy with its own memory."""
    return input.clone()


def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


def is_tensor(obj: Any) -> bool:
    """True for a Tensor."""
    return isinstance(obj, Tensor)
