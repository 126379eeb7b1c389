"""The Tensor: an array that remembers how it was computed.  Every operator and method is in sight here.

Each method is a line or a few: it brings its arguments into shape, says what is wrong with them, and applies
a `Function` of `minigen.ops`, where the derivative stands.  Names, argument order and semantics are
PyTorch's.
Functions that make tensors from nothing are in `minigen.creation`.
"""

from __future__ import annotations

import operator
import warnings
from builtins import bool as Bool
from builtins import float as Float
from builtins import int as Int
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from minigen import engine, modes
from minigen.arguments import (
    Dims,
    all_axes,
    as_sizes,
    broadcastable,
    check_keepdim,
    count_along,
    fill_shape,
    is_whole,
    one_axis,
    one_integer,
)
from minigen.backend import Array, array_module, device_of, find_device, in_memory_order, to_device, to_numpy
from minigen.backend import generator as global_generator
from minigen.dtypes import KINDS, as_dtype, bool_, drawn_dtype, float16, float32, float64, int32, int64, plain_number
from minigen.operands import (
    as_array,
    as_index,
    as_operand,
    binary,
    compare,
    floating,
    given,
    not_a_tensor,
    one_number,
    operands,
    unary,
    writeable,
)
from minigen.operands import result_type as result_type
from minigen.ops import arithmetic, choosing, elementwise, products, rearrange, reductions, shapes, statistics
from minigen.ops.indexing import GetItem


class ValuesAndIndices(NamedTuple):
    """What ``max`` and ``min`` along one axis return."""

    values: Tensor
    indices: Tensor


class RemovableHandle:
    """What `Tensor.register_hook` and a module's hook methods return: ``handle.remove()`` undoes them."""

    def __init__(self, hooks: dict) -> None:
        self._hooks, self._key = hooks, object()

    def add(self, hook: Callable) -> RemovableHandle:
        """Put ``hook`` into the dict that the handle watches over."""
        self._hooks[self._key] = hook
        return self

    def remove(self) -> None:
        """Forget the hook; a second call does nothing."""
        self._hooks.pop(self._key, None)


class Tensor:
    """An array, and how it came about.

    ``Tensor(data)`` wraps an array without copying it, and keeps its dtype; lists become float32.
    `minigen.tensor` copies and keeps the kind of the numbers.  ``Tensor(2, 3)`` names lengths of axes, as in
    PyTorch: float32, holding whatever the memory held.

    Attributes
    ----------
    array : numpy.ndarray or cupy.ndarray
        The values.
    requires_grad : bool
        Whether gradients flow to this tensor.
    grad : Tensor or None
        For leaves (and where `retain_grad` was called): the sum of the gradients of all backward passes.
    grad_fn : Function or None
        The call that made this tensor; None for leaves.

    Examples
    --------
    >>> import minigen
    >>> x = minigen.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __array_ufunc__ = None  # numpy_array * tensor -> Tensor.__rmul__
    _requires_grad = False
    _grad: Tensor | None = None
    _hooks: dict | None = None
    grad_fn: engine.Function | None = None
    retains_grad = False
    name: str | None = None  # of a parameter: what errors call it

    array: Array

    def __init__(self, *data: Any, requires_grad: Bool = False) -> None:
        array: Any = data[0] if len(data) == 1 and not is_whole(data[0]) else self._unfilled(data)
        if isinstance(array, Tensor):
            array = array.array
        if isinstance(array, np.generic):
            array = np.asarray(array)
        if isinstance(array, (list, tuple, int, float, bool)):
            array = np.asarray(array, dtype=float32)
        array_module(array)  # refuses what is no array
        if np.dtype(array.dtype).kind not in "biuf":
            raise TypeError(f"Tensor: the dtype {array.dtype} has no place here; use floats, integers or bool")
        self.array = array
        self._counter = [0]  # how often the memory was written in place; shared by views
        self.requires_grad = requires_grad

    @staticmethod
    def _unfilled(sizes: tuple) -> np.ndarray:
        """Memory for ``Tensor(2, 3)``, filled with whatever it held."""
        if not all(is_whole(n) and n >= 0 for n in sizes):
            raise TypeError(
                f"Tensor{sizes}: an array, a list, or the lengths of the axes are wanted; "
                f"write tensor({sizes[0]!r}, ...)"
            )
        return np.empty(sizes or (0,), float32)

    def _wrap(self, array: Array) -> Tensor:
        """Make a plain tensor of an array, quickly."""
        new = Tensor.__new__(Tensor)
        new.array = array
        new._counter = [0]
        return new

    def _view(self, array: Array) -> Tensor:
        """Make a tensor of an array that shares this one's memory, and so its version."""
        new = self._wrap(array)
        new._counter = self._counter
        return new

    def _made_by(self, call: engine.Function) -> None:
        self.grad_fn = call
        self._requires_grad = True

    # --- what it is ---

    shape = property(lambda self: self.array.shape, doc="The length of each axis, a tuple.")
    ndim = property(lambda self: self.array.ndim, doc="The number of axes.")
    dtype = property(lambda self: self.array.dtype, doc="The type of the elements, a numpy.dtype.")
    device = property(lambda self: device_of(self.array), doc="Where the array lives, a Device (a str).")
    is_leaf = property(lambda self: self.grad_fn is None, doc="True if no recorded call made this tensor.")
    is_cuda = property(lambda self: self.device.type == "cuda", doc="True on a GPU.")
    _version = property(lambda self: self._counter[0], doc="How often the memory was written in place.")

    @property
    def requires_grad(self) -> Bool:
        """Whether gradients flow to this tensor."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: Bool) -> None:
        if value and self.array.dtype.kind != "f":
            raise RuntimeError(
                f"requires_grad: only floating-point tensors have gradients, not {self.dtype}; use .float() first"
            )
        if not value and self.grad_fn is not None:
            raise RuntimeError("requires_grad can be switched off on leaves only; use .detach() to cut a tensor off")
        self._requires_grad = bool(value)

    @property
    def grad(self) -> Tensor | None:
        """The accumulated gradient of a leaf; None before the first backward."""
        if self._grad is None and self.grad_fn is not None and not self.retains_grad:
            warnings.warn(
                "the .grad of a tensor that is not a leaf is never filled; call .retain_grad() on it before "
                "backward(), or ask minigen.grad(output, tensor)",
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"grad: a Tensor or None is wanted, not {type(value).__name__}")
            if value.shape != self.shape or value.dtype != self.dtype:
                raise RuntimeError(
                    f"grad: {value.shape} {value.dtype} given for a tensor of {self.shape} {self.dtype}; "
                    "shape and dtype must agree"
                )
        self._grad = value

    @property
    def data(self) -> Tensor:
        """The same memory and version as a tensor outside the graph."""
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        self.array = as_tensor("data", value).array
        self.bump_version()

    def size(self, dim: Int | None = None) -> Any:
        """The shape, or the length of one axis."""
        if dim is None:
            return self.shape
        if self.ndim == 0:
            raise IndexError(f"size: a tensor without axes has no dim {dim}")
        return self.shape[one_axis("size", dim, self.ndim)]

    def dim(self) -> Int:
        """The number of axes."""
        return self.ndim

    def numel(self) -> Int:
        """The number of elements."""
        return self.array.size

    def element_size(self) -> Int:
        """Bytes an element takes."""
        return self.array.itemsize

    def is_floating_point(self) -> Bool:
        """True for float16, float32 and float64."""
        return self.dtype.kind == "f"

    def is_contiguous(self) -> Bool:
        """True if the elements lie in row-major order without gaps."""
        return self.array.flags.c_contiguous

    def __len__(self) -> Int:
        if self.ndim == 0:
            raise TypeError("len() of a tensor without axes")
        return self.shape[0]

    def __repr__(self) -> str:
        values = np.array2string(to_numpy(self.array), separator=", ", prefix="tensor(", threshold=200, precision=4)
        notes = [] if self.dtype in (float32, int64, bool_) else [f"dtype={self.dtype}"]
        if self.device != "cpu":
            notes.append(f"device='{self.device}'")
        if self.grad_fn is not None:
            notes.append(f"grad_fn={self.grad_fn!r}")
        elif self.requires_grad:
            notes.append("requires_grad=True")
        return f"tensor({', '.join([values, *notes])})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 else format(repr(self), spec)

    # --- the graph ---

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None) -> None:
        """Add the gradient of this tensor to ``.grad`` of every leaf; see `minigen.engine.backward`."""
        engine.backward(self, gradient, retain_graph, create_graph, inputs)

    def detach(self) -> Tensor:
        """The same memory, cut off from the graph."""
        return self._view(self.array)

    def requires_grad_(self, requires_grad: Bool = True) -> Tensor:
        """Switch gradients on or off, in place."""
        self.requires_grad = requires_grad
        return self

    def retain_grad(self) -> None:
        """Ask backward to fill ``.grad`` of this tensor although it is not a leaf."""
        if not self.requires_grad:
            raise RuntimeError("retain_grad: this tensor does not require grad")
        self.retains_grad = self.grad_fn is not None

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call ``hook(grad)`` when this tensor's gradient is complete; a returned tensor takes its place."""
        if not self.requires_grad:
            raise RuntimeError("register_hook: this tensor does not require grad, so no gradient will come by")
        if self._hooks is None:
            self._hooks = {}
        return RemovableHandle(self._hooks).add(hook)

    def bump_version(self) -> None:
        """Note that the memory was written in place; whoever writes to ``.array`` calls this."""
        self._counter[0] += 1

    # --- out of the tensor world ---

    def numpy(self) -> np.ndarray:
        """The values as a NumPy array that shares memory with the tensor (on the CPU)."""
        if self.requires_grad:
            raise RuntimeError("numpy() on a tensor that requires grad would lose the graph; use .detach().numpy()")
        if self.device.type != "cpu":
            raise TypeError("numpy() needs the tensor on the CPU; use .cpu().numpy()")
        return to_numpy(self.array)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def item(self) -> Any:
        """The only element as a Python number."""
        if self.array.size != 1:
            raise RuntimeError(
                f"item() wants a tensor of one element, but this one has shape {self.shape}; index it, reduce it "
                "(.mean()), or take all elements with .tolist()"
            )
        return self.array.item()

    def tolist(self) -> Any:
        """The values as (nested lists of) Python numbers."""
        return to_numpy(self.array).tolist()

    def __float__(self) -> Float:
        return float(self.item())

    def __int__(self) -> Int:
        return int(self.item())

    def __index__(self) -> Int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"only integer tensors of one element can be an index, not {self.dtype} {self.shape}")
        return int(self.item())

    def __bool__(self) -> Bool:
        if self.array.size != 1:
            raise RuntimeError(f"the truth of a tensor of shape {self.shape} is ambiguous; use .any() or .all()")
        return bool(self.item())

    # --- type and place ---

    def to(self, *args: Any, dtype: Any = None, device: str | None = None, **_: Any) -> Tensor:
        """Convert to a dtype and/or device, given by position or by name, or to those of another tensor."""
        for arg in args:
            if isinstance(arg, Tensor):
                dtype, device = arg.dtype, arg.device
            elif isinstance(arg, str) and arg.partition(":")[0] not in np.sctypeDict:
                device = arg
            elif isinstance(arg, (str, type, np.dtype)):
                dtype = arg
            elif not isinstance(arg, bool):  # non_blocking and copy, by position
                raise TypeError(f"to: {arg!r} is neither a dtype, a device nor a tensor")
        x = self
        if dtype is not None and (target := as_dtype("to", dtype)) != x.dtype:
            if x.requires_grad and target.kind == "f":
                x = arithmetic.Cast.apply(x, dtype=target)
            else:
                x = x._wrap(x.array.astype(target))
        if device is not None and find_device(device) != x.device:
            x = arithmetic.ToDevice.apply(x, device=device, move=to_device)
        return x

    def type(self, dtype: Any) -> Tensor:
        """Convert to a dtype, or to what ``FloatTensor`` and its like name: a dtype on a device."""
        if dtype is Tensor:
            dtype = float32
        return self.to(dtype=getattr(dtype, "dtype", dtype), device=getattr(dtype, "device", None))

    def type_as(self, other: Tensor) -> Tensor:
        """Convert to the dtype of another tensor."""
        return self.to(dtype=given("type_as", other, "other").dtype)

    def float(self) -> Tensor:
        """Convert to float32."""
        return self.to(dtype=float32)

    def double(self) -> Tensor:
        """Convert to float64."""
        return self.to(dtype=float64)

    def half(self) -> Tensor:
        """Convert to float16."""
        return self.to(dtype=float16)

    def int(self) -> Tensor:
        """Convert to int32."""
        return self.to(dtype=int32)

    def long(self) -> Tensor:
        """Convert to int64."""
        return self.to(dtype=int64)

    def bool(self) -> Tensor:
        """Convert to bool."""
        return self.to(dtype=bool_)

    def cpu(self) -> Tensor:
        """Move to the CPU."""
        return self.to(device="cpu")

    def cuda(self) -> Tensor:
        """Move to the GPU."""
        return self.to(device="cuda")

    def clone(self) -> Tensor:
        """A copy with its own memory; gradients pass through it."""
        return shapes.Clone.apply(self)

    def contiguous(self) -> Tensor:
        """Row-major memory: the tensor itself, or a copy of it."""
        return self if self.is_contiguous() else shapes.Clone.apply(self, order_in_memory="C")

    def new_zeros(self, *size: Any, **options: Any) -> Tensor:
        """Zeros of this dtype on this device; ``dtype``, ``device`` and ``requires_grad`` as in `minigen.zeros`."""
        return self._new("zeros", size, **options)

    def new_ones(self, *size: Any, **options: Any) -> Tensor:
        """Ones of this dtype on this device; options as in `minigen.ones`."""
        return self._new("ones", size, **options)

    def new_empty(self, *size: Any, **options: Any) -> Tensor:
        """Uninitialised memory of this dtype on this device; options as in `minigen.empty`."""
        return self._new("empty", size, **options)

    def new_tensor(self, data: Any, dtype: Any = None, device: Any = None, requires_grad: Bool = False) -> Tensor:
        """A copy of numbers, lists or arrays, in this dtype and on this device unless others are named."""
        name = "new_tensor"
        source = data if isinstance(data, Tensor) else as_tensor(name, np.asarray(data))
        return self._new("empty", source.shape, dtype, device).copy_(source.detach()).requires_grad_(requires_grad)

    def new_full(self, size: Any, fill_value: Any, requires_grad: Bool = False, **options: Any) -> Tensor:
        """One number everywhere, of this dtype on this device; options as in `minigen.full`."""
        return self._new("empty", (size,), **options).fill_(fill_value).requires_grad_(requires_grad)

    def _new(self, name: str, size: Any, dtype: Any = None, device: Any = None, requires_grad: Bool = False) -> Tensor:
        shape = as_sizes(f"new_{name}", size)
        if min(shape, default=0) < 0:
            raise ValueError(f"new_{name}: lengths must not be negative, but the shape is {shape}")
        new = self._wrap(getattr(array_module(self.array), name)(shape, as_dtype(f"new_{name}", dtype or self.dtype)))
        return (new if device is None else new.to(device=device)).requires_grad_(requires_grad)

    # --- arithmetic ---

    def __add__(self, other):
        return binary(arithmetic.Add, "add", self, other)

    def __radd__(self, other):
        return binary(arithmetic.Add, "add", other, self)

    def __sub__(self, other):
        return binary(arithmetic.Sub, "sub", self, other)

    def __rsub__(self, other):
        return binary(arithmetic.Sub, "sub", other, self)

    def __mul__(self, other):
        return binary(arithmetic.Mul, "mul", self, other)

    def __rmul__(self, other):
        return binary(arithmetic.Mul, "mul", other, self)

    def __truediv__(self, other):
        return binary(arithmetic.Div, "div", self, other, floating=True)

    def __rtruediv__(self, other):
        return binary(arithmetic.Div, "div", other, self, floating=True)

    def __pow__(self, exponent):
        if isinstance(exponent, (int, float)) and self.dtype.kind == "f":
            return arithmetic.PowScalar.apply(self, exponent=plain_number(exponent))
        if isinstance(exponent, int) and self.dtype.kind != "f" and exponent < 0:
            raise RuntimeError("pow: integers to negative integer powers are not integers; use .float() first")
        return binary(arithmetic.Pow, "pow", self, exponent)

    def __rpow__(self, base):
        return binary(arithmetic.Pow, "pow", base, self)

    def __floordiv__(self, other):
        a, b = operands("floor_divide", self, other)
        return (a / b).floor() if a.dtype.kind == "f" else compare(operator.floordiv, "floor_divide", a, b)

    def __mod__(self, other):
        a, b = operands("remainder", self, other)
        return a - b * (a / b).floor() if a.dtype.kind == "f" else compare(operator.mod, "remainder", a, b)

    def __matmul__(self, other):
        return self.matmul(other)

    def __rmatmul__(self, other):
        return as_operand("matmul", other, self).matmul(self)

    def __neg__(self):
        return arithmetic.Neg.apply(self)

    def __pos__(self):
        return self

    def __abs__(self):
        return self.abs()

    def add(self, other, alpha=1):
        """Self + alpha * other."""
        other = as_operand("add", other, self)
        return self + (other if alpha == 1 else other * alpha)

    def sub(self, other, alpha=1):
        """Self - alpha * other."""
        other = as_operand("sub", other, self)
        return self - (other if alpha == 1 else other * alpha)

    def mul(self, other):
        """Self * other."""
        return self * as_operand("mul", other, self)

    def div(self, other, rounding_mode: str | None = None):
        """Self / other, rounded towards 0 ("trunc") or down ("floor") where that is asked for."""
        other = as_operand("div", other, self)
        if rounding_mode == "floor":
            return self // other
        if rounding_mode not in (None, "trunc"):
            raise ValueError(f'div: rounding_mode must be None, "trunc" or "floor", not {rounding_mode!r}')
        y = self / other
        return y if rounding_mode is None else y.trunc().to(dtype=(self // other).dtype)

    def pow(self, exponent):
        """Self ** exponent."""
        return self ** (exponent if isinstance(exponent, (int, float)) else as_operand("pow", exponent, self))

    def neg(self):
        """-self."""
        return -self

    def __iadd__(self, other):
        return self._in_place_operator("+=", self.add_, self.__add__, other)

    def __isub__(self, other):
        return self._in_place_operator("-=", self.sub_, self.__sub__, other)

    def __imul__(self, other):
        return self._in_place_operator("*=", self.mul_, self.__mul__, other)

    def __itruediv__(self, other):
        return self._in_place_operator("/=", self.div_, self.__truediv__, other)

    def _in_place_operator(self, sign, in_place, fresh, other):
        """On a leaf that requires grad: write in place, under no_grad only.  Otherwise: a new tensor."""
        return in_place(other) if self.is_leaf and self.requires_grad else fresh(other)

    def lerp(self, end: Tensor, weight: Any) -> Tensor:
        """Self + weight * (end - self): from self at weight 0 to ``end`` at 1."""
        end = as_operand("lerp", end, self)
        if not isinstance(weight, (int, float)):
            weight = as_operand("lerp", weight, self)
        elif weight >= 0.5:
            return end - (end - self) * (1 - weight)  # exact at the nearer end
        return self + (end - self) * weight

    def maximum(self, other):
        """The larger of two, elementwise."""
        return binary(arithmetic.Maximum, "maximum", self, as_operand("maximum", other, self))

    def minimum(self, other):
        """The smaller of two, elementwise."""
        return binary(arithmetic.Minimum, "minimum", self, as_operand("minimum", other, self))

    def matmul(self, other: Tensor) -> Tensor:
        """The matrix product; vectors and stacks of matrices as in PyTorch."""
        return products.matmul(self, as_operand("matmul", other, self))

    def mm(self, mat2: Tensor) -> Tensor:
        """The product of two matrices; see `minigen.mm`."""
        return products.product("mm", self, mat2, (2, 2))

    def bmm(self, mat2: Tensor) -> Tensor:
        """The products of two stacks of matrices; see `minigen.bmm`."""
        return products.product("bmm", self, mat2, (3, 3))

    def mv(self, vec: Tensor) -> Tensor:
        """The product of a matrix and a vector; see `minigen.mv`."""
        return products.product("mv", self, vec, (2, 1))

    def dot(self, other: Tensor) -> Tensor:
        """The sum of the products of the elements of two vectors; see `minigen.dot`."""
        return products.product("dot", self, other, (1, 1))

    def outer(self, vec2: Tensor) -> Tensor:
        """All products of elements of two vectors; see `minigen.outer`."""
        return products.outer(self, vec2)

    ger = outer

    def addmm(self, mat1: Tensor, mat2: Tensor, beta: Any = 1, alpha: Any = 1) -> Tensor:
        """Beta * self + alpha * (mat1 @ mat2); see `minigen.addmm`."""
        return products.plus_product("addmm", self, mat1, mat2, beta, alpha, (2, 2))

    def baddbmm(self, batch1: Tensor, batch2: Tensor, beta: Any = 1, alpha: Any = 1) -> Tensor:
        """Beta * self + alpha * (batch1 @ batch2), for stacks; see `minigen.baddbmm`."""
        return products.plus_product("baddbmm", self, batch1, batch2, beta, alpha, (3, 3))

    # --- comparison and logic: no gradients ---

    def __eq__(self, other):
        return compare(operator.eq, "eq", self, other)

    def __ne__(self, other):
        return compare(operator.ne, "ne", self, other)

    def __lt__(self, other):
        return compare(operator.lt, "lt", self, other)

    def __le__(self, other):
        return compare(operator.le, "le", self, other)

    def __gt__(self, other):
        return compare(operator.gt, "gt", self, other)

    def __ge__(self, other):
        return compare(operator.ge, "ge", self, other)

    def __and__(self, other):
        return compare(operator.and_, "bitwise_and", self, other)

    def __or__(self, other):
        return compare(operator.or_, "bitwise_or", self, other)

    def __xor__(self, other):
        return compare(operator.xor, "bitwise_xor", self, other)

    def __invert__(self):
        return self._wrap(array_module(self.array).asarray(in_memory_order(operator.invert, [self.array])))

    __hash__ = object.__hash__

    def eq(self, other):
        """Self == other."""
        return self == as_operand("eq", other, self)

    def ne(self, other):
        """Self != other."""
        return self != as_operand("ne", other, self)

    def lt(self, other):
        """Self < other."""
        return self < as_operand("lt", other, self)

    def le(self, other):
        """Self <= other."""
        return self <= as_operand("le", other, self)

    def gt(self, other):
        """Self > other."""
        return self > as_operand("gt", other, self)

    def ge(self, other):
        """Self >= other."""
        return self >= as_operand("ge", other, self)

    def logical_not(self) -> Tensor:
        """True where an element is 0."""
        return ~self.bool()

    def logical_and(self, other: Any) -> Tensor:
        """True where neither element is 0."""
        return self.bool() & as_operand("logical_and", other, self).bool()

    def logical_or(self, other: Any) -> Tensor:
        """True where one of the elements is not 0."""
        return self.bool() | as_operand("logical_or", other, self).bool()

    def logical_xor(self, other: Any) -> Tensor:
        """True where exactly one of the elements is 0."""
        return self.bool() ^ as_operand("logical_xor", other, self).bool()

    def any(self, dim: Dims = None, keepdim: Bool = False) -> Tensor:
        """True where any element along ``dim`` is."""
        return self._constant("any", dim, keepdim)

    def all(self, dim: Dims = None, keepdim: Bool = False) -> Tensor:
        """True where all elements along ``dim`` are."""
        return self._constant("all", dim, keepdim)

    def equal(self, other: Tensor) -> Bool:
        """True if the two tensors have the same shape and elements."""
        if not isinstance(other, Tensor):
            raise not_a_tensor("equal", "other", other)
        return self.shape == other.shape and bool((self == other).all())

    def isnan(self) -> Tensor:
        """True where an element is not a number."""
        return self._of_each("isnan")

    def isinf(self) -> Tensor:
        """True where an element is infinite."""
        return self._of_each("isinf")

    def isfinite(self) -> Tensor:
        """True where an element is neither infinite nor NaN."""
        return self._of_each("isfinite")

    def _of_each(self, name: str) -> Tensor:
        xp = array_module(self.array)
        return self._wrap(xp.asarray(getattr(xp, name)(self.array)))  # of 0 axes, NumPy gives a scalar

    def argmax(self, dim: Int | None = None, keepdim: Bool = False) -> Tensor:
        """The index of the (first) largest element, of all elements or along one axis."""
        return self._index_of("argmax", dim, keepdim)

    def argmin(self, dim: Int | None = None, keepdim: Bool = False) -> Tensor:
        """The index of the (first) smallest element, of all elements or along one axis."""
        return self._index_of("argmin", dim, keepdim)

    def argsort(self, dim: Int = -1, descending: Bool = False, stable: Bool = False) -> Tensor:
        """The indices that sort along ``dim``; equal elements stay in their order."""
        return statistics.sort_order("argsort", self, dim, descending)

    def nonzero(self, as_tuple: Bool = False) -> Any:
        """The indices of the elements that are not 0, a row for each (or a tensor for each axis)."""
        return choosing.nonzero(self, as_tuple)

    def count_nonzero(self, dim: Dims = None) -> Tensor:
        """The number of elements that are not 0."""
        return (self != 0).sum(dim)

    def _index_of(self, name: str, dim: Int | None, keepdim: Bool) -> Tensor:
        check_keepdim(name, keepdim)
        axis = None if dim is None else one_axis(name, dim, self.ndim)
        if self.numel() == 0:
            raise IndexError(f"{name}: a tensor of shape {self.shape} has no elements to choose from")
        found = getattr(self.array, name)(axis=axis, keepdims=keepdim)
        return self._wrap(array_module(self.array).asarray(found, dtype=int64))

    def _constant(self, name: str, dim: Dims, keepdim: Bool) -> Tensor:
        xp = array_module(self.array)
        return self._wrap(
            xp.asarray(getattr(xp, name)(self.array, axis=all_axes(name, dim, self.ndim, keepdim), keepdims=keepdim))
        )

    # --- functions of one tensor ---

    def exp(self) -> Tensor:
        """E to the power of each element."""
        return unary(elementwise.Exp, self)

    def expm1(self) -> Tensor:
        """exp(x) - 1, exact for small x."""
        return unary(elementwise.Expm1, self)

    def log(self) -> Tensor:
        """The natural logarithm."""
        return unary(elementwise.Log, self)

    def log1p(self) -> Tensor:
        """log(1 + x), exact for small x."""
        return unary(elementwise.Log1p, self)

    def log2(self) -> Tensor:
        """The logarithm to the base 2."""
        return unary(elementwise.LogOfBase, self, name="log2")

    def log10(self) -> Tensor:
        """The logarithm to the base 10."""
        return unary(elementwise.LogOfBase, self, name="log10")

    def sin(self) -> Tensor:
        """The sine."""
        return unary(elementwise.Sin, self)

    def cos(self) -> Tensor:
        """The cosine."""
        return unary(elementwise.Cos, self)

    def tan(self) -> Tensor:
        """The tangent."""
        return unary(elementwise.Tan, self)

    def atan(self) -> Tensor:
        """The inverse of the tangent."""
        return unary(elementwise.Atan, self)

    arctan = atan

    def sinh(self) -> Tensor:
        """The hyperbolic sine."""
        return unary(elementwise.Sinh, self)

    def cosh(self) -> Tensor:
        """The hyperbolic cosine."""
        return unary(elementwise.Cosh, self)

    def erf(self) -> Tensor:
        """The error function; see `minigen.erf`."""
        return unary(elementwise.Erf, self)

    def sqrt(self) -> Tensor:
        """The square root."""
        return unary(elementwise.Sqrt, self)

    def rsqrt(self) -> Tensor:
        """One over the square root."""
        return 1 / self.sqrt()

    def square(self) -> Tensor:
        """Each element times itself."""
        return self**2

    def reciprocal(self) -> Tensor:
        """One over each element."""
        return 1 / self

    def tanh(self) -> Tensor:
        """The hyperbolic tangent."""
        return unary(elementwise.Tanh, self)

    def sigmoid(self) -> Tensor:
        """The logistic function 1 / (1 + exp(-x))."""
        return unary(elementwise.Sigmoid, self)

    def relu(self) -> Tensor:
        """max(x, 0)."""
        return elementwise.Relu.apply(self)

    def abs(self) -> Tensor:
        """The absolute value."""
        return elementwise.Abs.apply(self)

    def sign(self) -> Tensor:
        """-1, 0 or 1."""
        return self.clone() if self.dtype.kind == "b" else elementwise.Step.apply(self, name="sign")

    def floor(self) -> Tensor:
        """The next integer below."""
        return elementwise.Step.apply(self, name="floor")

    def ceil(self) -> Tensor:
        """The next integer above."""
        return elementwise.Step.apply(self, name="ceil")

    def round(self) -> Tensor:
        """The nearest integer, halves to even."""
        return elementwise.Step.apply(self, name="rint") if self.dtype.kind == "f" else self.clone()

    def trunc(self) -> Tensor:
        """The next integer towards 0."""
        return elementwise.Step.apply(self, name="trunc")

    def nan_to_num(self, nan: Float = 0.0, posinf: Any = None, neginf: Any = None) -> Tensor:
        """NaN and infinities replaced by numbers; the infinities by the largest ones of the dtype."""
        return choosing.nan_to_num(self, nan, posinf, neginf)

    def clamp_min(self, min: Any) -> Tensor:
        """Each element, not below ``min``."""
        return self.clamp(min=min)

    def clamp_max(self, max: Any) -> Tensor:
        """Each element, not above ``max``."""
        return self.clamp(max=max)

    def clamp(self, min: Any = None, max: Any = None) -> Tensor:
        """Each element, not below ``min`` and not above ``max`` (numbers or tensors)."""
        if min is None and max is None:
            raise ValueError("clamp: give min, max or both")
        low, high = plain_number(min), plain_number(max)
        for what, bound in (("min", low), ("max", high)):
            if not (bound is None or isinstance(bound, (Tensor, int, float))):
                raise TypeError(f"clamp: {what} must be a number or a Tensor, not {type(bound).__name__}")
        if isinstance(low, Tensor) or isinstance(high, Tensor):
            return choosing.clamp_between(self, low, high)
        x = self.float() if self.dtype.kind != "f" and float in (type(low), type(high)) else self
        return elementwise.Clamp.apply(x, min=low, max=high)

    clip = clamp

    def softmax(self, dim: Int, dtype: Any = None) -> Tensor:
        """exp(x) / sum(exp(x)) along ``dim``."""
        axis = one_axis("softmax", dim, self.ndim)
        return reductions.Softmax.apply(
            floating("softmax", self.to(dtype=dtype)), dim=all_axes("softmax", axis, self.ndim)
        )

    def log_softmax(self, dim: Int, dtype: Any = None) -> Tensor:
        """The logarithm of the softmax along ``dim``."""
        axis = one_axis("log_softmax", dim, self.ndim)
        return reductions.LogSoftmax.apply(
            floating("log_softmax", self.to(dtype=dtype)), dim=all_axes("log_softmax", axis, self.ndim)
        )

    def logsumexp(self, dim: Dims, keepdim: Bool = False) -> Tensor:
        """log(sum(exp(x))) along ``dim``, without overflow."""
        return unary(reductions.LogSumExp, self, dim=all_axes("logsumexp", dim, self.ndim, keepdim), keepdim=keepdim)

    # --- reductions ---

    def sum(self, dim: Dims = None, keepdim: Bool = False, dtype: Any = None) -> Tensor:
        """The sum over the axes ``dim`` (all of them by default)."""
        return reductions.Sum.apply(self.to(dtype=dtype), dim=all_axes("sum", dim, self.ndim, keepdim), keepdim=keepdim)

    def mean(self, dim: Dims = None, keepdim: Bool = False, dtype: Any = None) -> Tensor:
        """The mean over the axes ``dim`` (all of them by default)."""
        total = floating("mean", self.to(dtype=dtype)).sum(dim, keepdim)
        return total / count_along(self.shape, all_axes("mean", dim, self.ndim))

    def prod(self, dim: Int | None = None, keepdim: Bool = False, dtype: Any = None) -> Tensor:
        """The product of all elements, or along one axis; see `minigen.prod`."""
        return statistics.prod(self.to(dtype=dtype), dim, keepdim)

    def cumsum(self, dim: Int, dtype: Any = None) -> Tensor:
        """The running sum along ``dim``; see `minigen.cumsum`."""
        return reductions.CumSum.apply(self.to(dtype=dtype), dim=one_axis("cumsum", dim, self.ndim))

    def cumprod(self, dim: Int, dtype: Any = None) -> Tensor:
        """The running product along ``dim``; see `minigen.cumprod`."""
        return statistics.cumprod(self.to(dtype=dtype), dim)

    def norm(self, p: Any = "fro", dim: Dims = None, keepdim: Bool = False) -> Tensor:
        """The norm of order ``p`` of the elements; see `minigen.norm`."""
        return statistics.norm("norm", self, p, dim, keepdim)

    def var(self, dim: Any = None, unbiased: Bool = True, keepdim: Bool = False, *, correction: Any = None) -> Tensor:
        """The variance: the sum of squared deviations over (count - correction); see `minigen.var`."""
        return statistics.var(self, dim, unbiased, keepdim, correction)

    def std(self, dim: Any = None, unbiased: Bool = True, keepdim: Bool = False, *, correction: Any = None) -> Tensor:
        """The square root of the variance; its derivative is 0 where all elements are equal."""
        return statistics.std(self, dim, unbiased, keepdim, correction)

    def amax(self, dim: Dims = None, keepdim: Bool = False) -> Tensor:
        """The largest element over the axes ``dim``; equal ones share the gradient."""
        return self._extreme(reductions.Amax, "amax", dim, keepdim)

    def amin(self, dim: Dims = None, keepdim: Bool = False) -> Tensor:
        """The smallest element over the axes ``dim``; equal ones share the gradient."""
        return self._extreme(reductions.Amin, "amin", dim, keepdim)

    def _extreme(self, function, name: str, dim: Dims, keepdim: Bool) -> Tensor:
        axes = all_axes(name, dim, self.ndim, keepdim)
        if count_along(self.shape, axes) == 0:
            raise IndexError(f"{name}: nothing to choose from along {axes} of a tensor of shape {self.shape}")
        return function.apply(self, dim=axes, keepdim=keepdim)

    def max(self, dim: Any = None, keepdim: Bool = False) -> Any:
        """The largest element; along an axis (values, indices); with another tensor their maximum."""
        if isinstance(dim, Tensor):
            return self.maximum(dim)
        check_keepdim("max", keepdim)
        return self.amax() if dim is None else self._chosen(self.argmax(dim, keepdim=True), dim, keepdim)

    def min(self, dim: Any = None, keepdim: Bool = False) -> Any:
        """The smallest element; along an axis (values, indices); with another tensor their minimum."""
        if isinstance(dim, Tensor):
            return self.minimum(dim)
        check_keepdim("min", keepdim)
        return self.amin() if dim is None else self._chosen(self.argmin(dim, keepdim=True), dim, keepdim)

    def sort(self, dim: Int = -1, descending: Bool = False, stable: Bool = False) -> ValuesAndIndices:
        """The elements along ``dim`` in order, and where they were; see `minigen.sort`."""
        return self._chosen(statistics.sort_order("sort", self, dim, descending), dim, True)

    def topk(self, k: Int, dim: Int = -1, largest: Bool = True, sorted: Bool = True) -> ValuesAndIndices:
        """The ``k`` largest (or smallest) elements along ``dim``, and where they were; see `minigen.topk`."""
        return self._chosen(statistics.topk_order(self, k, dim, largest), dim, True)

    def _chosen(self, index: Tensor, dim: Int, keepdim: Bool) -> ValuesAndIndices:
        values = self.gather(dim, index)
        if keepdim or self.ndim == 0:
            return ValuesAndIndices(values, index)
        return ValuesAndIndices(values.squeeze(dim), index.squeeze(dim))

    # --- shapes ---

    def reshape(self, *shape: Any) -> Tensor:
        """The same elements in another shape; one length may be -1."""
        return shapes.Reshape.apply(self, shape=fill_shape(self.shape, as_sizes("reshape", shape)))

    def view(self, *shape: Any) -> Tensor:
        """As `reshape`: shares memory where the layout allows it, and copies where it does not."""
        return self.reshape(*shape)

    def view_as(self, other: Tensor) -> Tensor:
        """Reshape to the shape of another tensor."""
        return self.reshape(given("view_as", other, "other").shape)

    def permute(self, *dims: Any) -> Tensor:
        """The axes in a new order."""
        order = tuple(one_axis("permute", d, self.ndim) for d in as_sizes("permute", dims, "an axis"))
        if sorted(order) != list(range(self.ndim)):
            raise ValueError(f"permute: {order} does not name each of the {self.ndim} axes of {self.shape} once")
        return shapes.Permute.apply(self, dims=order)

    def transpose(self, dim0: Int, dim1: Int) -> Tensor:
        """Swap two axes."""
        order = list(range(max(self.ndim, 1)))
        i, j = one_axis("transpose", dim0, self.ndim), one_axis("transpose", dim1, self.ndim)
        order[i], order[j] = order[j], order[i]
        return shapes.Permute.apply(self, dims=tuple(order)) if self.ndim else self

    swapaxes = swapdims = transpose

    def t(self) -> Tensor:
        """The transpose of a matrix."""
        if self.ndim > 2:
            raise ValueError(f"t: at most two axes are wanted, not {self.shape}; use transpose(i, j)")
        return self if self.ndim < 2 else self.transpose(0, 1)

    T = property(lambda self: self.permute(*reversed(range(self.ndim))), doc="The axes in reverse order.")
    mT = property(lambda self: self.transpose(-2, -1), doc="The last two axes swapped.")

    def flatten(self, start_dim: Int = 0, end_dim: Int = -1) -> Tensor:
        """Merge the axes from ``start_dim`` to ``end_dim`` into one."""
        if self.ndim == 0:
            return self.reshape(1)
        start, end = one_axis("flatten", start_dim, self.ndim), one_axis("flatten", end_dim, self.ndim)
        if start > end:
            raise ValueError(f"flatten: start_dim {start_dim} lies behind end_dim {end_dim}")
        merged = count_along(self.shape, tuple(range(start, end + 1)))
        return self.reshape(*self.shape[:start], merged, *self.shape[end + 1 :])

    def unflatten(self, dim: Int, sizes: Sequence[Int]) -> Tensor:
        """Split one axis into several."""
        i = one_axis("unflatten", dim, self.ndim)
        inner = fill_shape((self.shape[i],), as_sizes("unflatten", (sizes,)), "unflatten")
        return self.reshape(*self.shape[:i], *inner, *self.shape[i + 1 :])

    def squeeze(self, dim: Dims = None) -> Tensor:
        """Drop axes of length 1: all of them, or those named."""
        axes = () if dim == () else all_axes("squeeze", dim, self.ndim)
        return self.reshape([n for i, n in enumerate(self.shape) if n != 1 or i not in axes])

    def unsqueeze(self, dim: Int) -> Tensor:
        """Insert an axis of length 1."""
        i = one_axis("unsqueeze", dim, self.ndim + 1)
        return self.reshape(*self.shape[:i], 1, *self.shape[i:])

    def broadcast_to(self, shape: Sequence[Int]) -> Tensor:
        """Repeat along new axes and axes of length 1, without copying."""
        if shape == self.shape:
            return self
        shape = as_sizes("broadcast_to", (shape,))
        possible = min(shape, default=0) >= 0 and broadcastable(self.shape, shape)
        if not possible or np.broadcast_shapes(self.shape, shape) != shape:
            raise ValueError(f"expand: {self.shape} cannot be repeated to {shape}; only axes of length 1 grow")
        return shapes.BroadcastTo.apply(self, shape=shape)

    def expand(self, *sizes: Any) -> Tensor:
        """As `broadcast_to`; -1 leaves an axis as it is."""
        sizes = as_sizes("expand", sizes)
        lead = len(sizes) - self.ndim
        if lead < 0 or -1 in sizes[:lead]:
            raise ValueError(f"expand: {sizes} does not fit a tensor of shape {self.shape}")
        return self.broadcast_to([self.shape[i - lead] if n == -1 else n for i, n in enumerate(sizes)])

    def expand_as(self, other: Tensor) -> Tensor:
        """Expand to the shape of another tensor."""
        return self.expand(given("expand_as", other, "other").shape)

    def sum_to_size(self, *size: Any) -> Tensor:
        """Sum over the axes along which ``size`` would be broadcast to this shape."""
        shape = as_sizes("sum_to_size", size)
        if shape == self.shape:
            return self
        if not broadcastable(self.shape, shape) or np.broadcast_shapes(self.shape, shape) != self.shape:
            raise ValueError(f"sum_to_size: {shape} does not broadcast to {self.shape}")
        return shapes.SumTo.apply(self, shape=shape)

    def repeat(self, *sizes: Any) -> Tensor:
        """Copies of the whole tensor, side by side, ``sizes[i]`` times along axis i."""
        return rearrange.repeat(self, as_sizes("repeat", sizes, "a number of copies"))

    def tile(self, *dims: Any) -> Tensor:
        """As `repeat`; a short ``dims`` counts from the last axis."""
        sizes = as_sizes("tile", dims, "a number of copies")
        return rearrange.repeat(self, (1,) * (self.ndim - len(sizes)) + sizes)

    def repeat_interleave(self, repeats: Any, dim: Int | None = None) -> Tensor:
        """Each slice along ``dim`` several times in a row; see `minigen.repeat_interleave`."""
        return choosing.repeat_interleave(self, repeats, dim)

    def roll(self, shifts: Any, dims: Any = None) -> Tensor:
        """The elements moved along axes, around the end; see `minigen.roll`."""
        return rearrange.roll(self, shifts, dims)

    def movedim(self, source: Any, destination: Any) -> Tensor:
        """Axes moved to other places, the rest in their order."""
        return rearrange.movedim(self, source, destination)

    moveaxis = movedim

    def tril(self, diagonal: Int = 0) -> Tensor:
        """The lower triangle of matrices, 0 above the diagonal."""
        return rearrange.triangle("tril", self, diagonal)

    def triu(self, diagonal: Int = 0) -> Tensor:
        """The upper triangle of matrices, 0 below the diagonal."""
        return rearrange.triangle("triu", self, diagonal)

    def diagonal(self, offset: Int = 0, dim1: Int = 0, dim2: Int = 1) -> Tensor:
        """The elements x[i, i + offset] of two axes, along a new last axis."""
        return rearrange.diagonal(self, offset, dim1, dim2)

    def diag(self, diagonal: Int = 0) -> Tensor:
        """A vector as a diagonal matrix; of a matrix its diagonal."""
        return rearrange.diag(self, diagonal)

    def diag_embed(self, offset: Int = 0, dim1: Int = -2, dim2: Int = -1) -> Tensor:
        """The last axis as the diagonal of matrices."""
        return rearrange.diag_embed(self, offset, dim1, dim2)

    def trace(self) -> Tensor:
        """The sum of the diagonal of a matrix."""
        if self.ndim != 2:
            raise ValueError(f"trace: a matrix is wanted, not a tensor of shape {self.shape}")
        return self.diagonal().sum()

    def flip(self, *dims: Any) -> Tensor:
        """The elements in reverse order along the axes ``dims``."""
        axes = all_axes("flip", as_sizes("flip", dims, "an axis"), self.ndim)
        return self[tuple(slice(None, None, -1 if i in axes else 1) for i in range(self.ndim))]

    def narrow(self, dim: Int, start: Int, length: Int) -> Tensor:
        """The ``length`` slices along ``dim`` from ``start`` on: a view."""
        return rearrange.narrow(self, dim, start, length)

    def split(self, split_size: Int | Sequence[Int], dim: Int = 0) -> tuple[Tensor, ...]:
        """Cut into pieces of one length (the last may be shorter), or of the lengths given."""
        return rearrange.split(self, split_size, dim)

    def chunk(self, chunks: Int, dim: Int = 0) -> tuple[Tensor, ...]:
        """Cut into at most ``chunks`` pieces of equal length (the last may be shorter)."""
        chunks = one_integer("chunk", "chunks", chunks)
        if chunks <= 0:
            raise ValueError(f"chunk: the number of pieces must be positive, not {chunks}")
        return self.split(max(1, -(-self.size(dim) // chunks)), dim)

    def unbind(self, dim: Int = 0) -> tuple[Tensor, ...]:
        """The slices along one axis, without that axis."""
        axis = one_axis("unbind", dim, self.ndim)
        if self.ndim == 0:
            raise IndexError("unbind: a tensor without axes has nothing to cut")
        return tuple(self[(slice(None),) * axis + (i,)] for i in range(self.shape[axis]))

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("iteration over a tensor without axes")
        return iter(self.unbind())

    # --- choosing elements ---

    def __getitem__(self, index: Any) -> Tensor:
        return GetItem.apply(self, index=as_index(self, index))

    def __setitem__(self, index: Any, value: Any) -> None:
        self._check_in_place("x[i] = v", value, "compose a new tensor with minigen.where or minigen.cat")
        index, new = as_index(self, index), as_operand("x[i] = v", value, self).array
        try:
            self.array[index] = new
        except ValueError:
            chosen = self.array[index].shape
            raise ValueError(
                f"x[i] = v: values of shape {new.shape} do not fit the {chosen} elements chosen of {self.shape}"
            ) from None
        self.bump_version()

    def gather(self, dim: Int, index: Tensor) -> Tensor:
        """Along ``dim`` the elements that ``index`` names; see `minigen.gather`."""
        return choosing.gather(self, dim, index)

    def take_along_dim(self, indices: Tensor, dim: Int | None = None) -> Tensor:
        """As `gather`, but the other axes broadcast."""
        return choosing.take_along_dim(self, indices, dim)

    def scatter(self, dim: Int, index: Tensor, src: Any) -> Tensor:
        """Elements of ``src`` (or one number) in the places that ``index`` names; see `minigen.scatter`."""
        return choosing.scatter("scatter", self, dim, index, src)

    def scatter_add(self, dim: Int, index: Tensor, src: Tensor) -> Tensor:
        """Elements of ``src`` added at the places that ``index`` names; see `minigen.scatter_add`."""
        return choosing.scatter_add("scatter_add", self, dim, index, src)

    def index_select(self, dim: Int, index: Tensor) -> Tensor:
        """The slices along ``dim`` that ``index`` names; see `minigen.index_select`."""
        return choosing.index_select(self, dim, index)

    def index_add(self, dim: Int, index: Tensor, source: Tensor, alpha: Any = 1) -> Tensor:
        """Slices of ``source`` added at the places that ``index`` names; see `minigen.index_add`."""
        return choosing.index_add("index_add", self, dim, index, source, alpha)

    def masked_fill(self, mask: Tensor, value: Any) -> Tensor:
        """``value`` where the mask is True; see `minigen.masked_fill`."""
        return choosing.masked_fill("masked_fill", self, mask, value)

    def masked_select(self, mask: Tensor) -> Tensor:
        """The elements where the mask is True, in a row."""
        return choosing.masked_select(self, mask)

    # --- in place: on tensors outside the graph, or under no_grad ---

    def copy_(self, other: Any) -> Tensor:
        """Write another tensor's values (broadcast) into this memory."""
        return self._write("copy_", lambda mine, new: new, other)

    def fill_(self, value: Any) -> Tensor:
        """Set every element."""
        return self._write("fill_", lambda mine, new: new, value)

    def zero_(self) -> Tensor:
        """Set every element to 0."""
        return self._write("zero_", lambda mine, new: new, 0)

    def add_(self, other: Any, alpha: Any = 1) -> Tensor:
        """Add ``alpha * other``."""
        return self._update("add_", lambda mine, new: mine + new, other, alpha)

    def sub_(self, other: Any, alpha: Any = 1) -> Tensor:
        """Subtract ``alpha * other``."""
        return self._update("sub_", lambda mine, new: mine - new, other, alpha)

    def mul_(self, other: Any) -> Tensor:
        """Multiply by ``other``."""
        return self._update("mul_", operator.mul, other)

    def div_(self, other: Any) -> Tensor:
        """Divide by ``other``."""
        return self._update("div_", operator.truediv, other)

    def clamp_(self, min: Any = None, max: Any = None) -> Tensor:
        """Clamp to [min, max]."""
        return self._write("clamp_", lambda mine, new: new, self.detach().clamp(min, max))

    def lerp_(self, end: Any, weight: Any) -> Tensor:
        """Move towards ``end`` by the share ``weight``."""
        return self._write("lerp_", lambda mine, new: new, self.detach().lerp(end, weight))

    def masked_fill_(self, mask: Tensor, value: Any) -> Tensor:
        """Write ``value`` where the mask is True."""
        return self._rewrite("masked_fill_", choosing.masked_fill, mask, value)

    def scatter_(self, dim: Int, index: Tensor, src: Any) -> Tensor:
        """Write elements of ``src`` (or one number) to the places that ``index`` names."""
        return self._rewrite("scatter_", choosing.scatter, dim, index, src)

    def scatter_add_(self, dim: Int, index: Tensor, src: Tensor) -> Tensor:
        """Add elements of ``src`` at the places that ``index`` names."""
        return self._rewrite("scatter_add_", choosing.scatter_add, dim, index, src)

    def index_add_(self, dim: Int, index: Tensor, source: Tensor, alpha: Any = 1) -> Tensor:
        """Add slices of ``source`` at the places that ``index`` names."""
        return self._rewrite("index_add_", choosing.index_add, dim, index, source, alpha)

    def normal_(self, mean: Float = 0.0, std: Float = 1.0, generator: Any = None) -> Tensor:
        """Fill with normally distributed numbers."""
        if std < 0:
            raise ValueError(f"normal_: std must not be negative, but is {std}")
        draw = (generator or global_generator).numpy.standard_normal(self.shape, drawn_dtype(self.dtype))
        return self._write("normal_", lambda mine, new: new * std + mean, to_device(draw, self.device))

    def uniform_(self, from_: Float = 0.0, to: Float = 1.0, generator: Any = None) -> Tensor:
        """Fill with numbers uniformly distributed in ``[from_, to)``."""
        draw = (generator or global_generator).numpy.random(self.shape, drawn_dtype(self.dtype))
        return self._write("uniform_", lambda mine, new: new * (to - from_) + from_, to_device(draw, self.device))

    def _write(self, name: str, compute: Callable[[Array, Array], Array], other: Any) -> Tensor:
        self._check_in_place(name, other, "use the operation without the underscore, or do it under no_grad()")
        other = as_operand(name, other, self)
        if not broadcastable(self.shape, other.shape) or np.broadcast_shapes(self.shape, other.shape) != self.shape:
            raise ValueError(f"{name}: values of shape {other.shape} cannot be written into shape {self.shape}")
        self.array[...] = compute(self.array, other.array)
        self.bump_version()
        return self

    def _update(self, name: str, compute: Callable[[Array, Array], Array], other: Any, alpha: Any = 1) -> Tensor:
        """Write the result of arithmetic, if this dtype can hold it."""
        alpha = one_number(name, "alpha", alpha)

        def checked(mine: Array, new: Array) -> Array:
            result = compute(mine, new if alpha == 1 else alpha * new)
            if KINDS[result.dtype.kind] > KINDS[mine.dtype.kind]:
                raise RuntimeError(
                    f"{name}: the result is {result.dtype}, which does not fit into this tensor of {mine.dtype}; "
                    f"use {name.removesuffix('_')}, which makes a new tensor"
                )
            return result

        return self._write(name, checked, other)

    def _rewrite(self, name: str, function: Callable, *arguments: Any) -> Tensor:
        """Write what a function of this tensor's values gives."""
        return self._write(name, lambda mine, new: new, function(name, self.detach(), *arguments))

    def _check_in_place(self, name: str, other: Any, remedy: str) -> None:
        """Refuse what would change the graph behind its back, or memory that is shared by repetition."""
        if modes.is_grad_enabled() and (self.requires_grad or getattr(other, "requires_grad", False)):
            raise RuntimeError(f"{name} in place on a tensor that gradients flow through, while recording; {remedy}")
        if not writeable(self.array):
            raise RuntimeError(f"{name}: this memory is read-only or repeated by expand(); use .clone() first")


def as_tensor(name: str, x: Any) -> Tensor:
    """Make a tensor of a number or array, for the operation called ``name``."""
    return x if isinstance(x, Tensor) else Tensor(as_array(name, x))
