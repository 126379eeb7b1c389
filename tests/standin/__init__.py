"""A strict stand-in for CuPy that runs without a GPU: NumPy inside, and CuPy's refusals outside.

Code that works on it makes none of the mistakes that a machine without a GPU forgives: it hands no device array to
NumPy, mixes no host array with device arrays, calls nothing that CuPy lacks (`cupy_lacks.json`, read off the real
CuPy by `record_cupy.py`), and expects no Python number from a reduction.  And it waits where it means to: whatever
would make the host wait for the device is noted in `waits`, what is copied to the device in `copies`, and each function
that would be a launch in `launches`.  What it cannot show is speed.

`installed()` makes it known to minigen as the device "standin", for as long as a test lasts; with ``compiles=True``
minigen's own kernels are compiled for the CPU and used, too (`compiled.py`).
"""

import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from minigen import backend
from minigen.backend import Backend, Device
from standin import compiled, streams

DEVICE = Device("standin")
LACKS = json.loads(Path(__file__).with_name("cupy_lacks.json").read_text())

#: Where the host had to wait for the device, in order: "float at minigen/nn/utils/clip_grad.py:70".
waits: list[str] = []


#: What was copied from the host to the device: bytes, and the line that asked for it.
copies: list[tuple[int, str]] = []

#: Every function that would be a launch: its name, and the bytes of the arrays that it reads and writes.
launches = compiled.launches


def place_of_call():
    """The line outside of this file and of `minigen.backend` that is being run."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename in (__file__, backend.__file__):
        frame = frame.f_back
    return f"{'/'.join(Path(frame.f_code.co_filename).parts[-3:])}:{frame.f_lineno}"


def note_wait(what):
    """Note what made the host wait, and where."""
    waits.append(f"{what} at {place_of_call()}")


def note_copy(nbytes):
    """Note what is copied to the device, and where."""
    copies.append((nbytes, place_of_call()))
    streams.note_copy(nbytes)


def note_launch(name, given, made):
    """Note a function and the bytes that go in and out; what only looks at memory in another way is none."""
    if isinstance(made, Array) and not any(np.may_share_memory(made._host, x) for x in arrays_in(given)):
        launches.append((name, made._host.nbytes + sum(x.nbytes for x in arrays_in(given))))


# ---- what goes in and what comes out ----------------------------------------------------------------------------

SCALARS = (bool, int, float, complex, np.bool_, np.number)
HOLDERS = (list, tuple)


def opened(x):
    """The NumPy array inside a stand-in's array, also within lists; whatever lives on the host is refused."""
    if isinstance(x, Array):
        return x._host
    if isinstance(x, HOLDERS):
        parts = [opened(part) for part in x]
        return tuple(parts) if isinstance(x, tuple) else parts
    if isinstance(x, np.ndarray):
        raise TypeError(f"Unsupported type {type(x)}")
    return x


def closed(y, inputs=()):
    """NumPy's result as CuPy would give it: an array, even of one element; C-ordered where its memory is new."""
    if isinstance(y, HOLDERS):
        return (
            [closed(part, inputs) for part in y] if isinstance(y, list) else tuple(closed(part, inputs) for part in y)
        )
    if not isinstance(y, (np.ndarray, np.generic)):
        return y
    y = np.asarray(y)
    if not any(np.may_share_memory(y, x) for x in inputs):
        y = np.asarray(y, order="C")
    return Array(y)


def arrays_in(arguments):
    """The NumPy arrays among arguments, also within lists."""
    for x in arguments:
        if isinstance(x, np.ndarray):
            yield x
        elif isinstance(x, HOLDERS):
            yield from arrays_in(x)


def check_parameters(name, parameters, args, kwargs):
    """Refuse arguments that NumPy's function takes and CuPy's does not."""
    if parameters is None:
        return
    unknown = sorted(set(kwargs) - set(parameters))
    if unknown or len(args) > len(parameters):
        what = f"unexpected keyword arguments {unknown}" if unknown else f"{len(args)} positional arguments"
        raise TypeError(f"{name}() got {what}; CuPy's takes {parameters}")


def check_out(name, out):
    """Refuse an ``out`` that is no array of the device."""
    if out is not None and not all(isinstance(part, Array) for part in (out if isinstance(out, tuple) else (out,))):
        raise TypeError(f"{name}: return arrays must be of the device, not {type(out)}")


# ---- arrays -------------------------------------------------------------------------------------------------------


class Array:
    """An array "on the device".  It wraps a NumPy array and is none, so that NumPy cannot take it for one."""

    __slots__ = ("__weakref__", "_host")
    __hash__ = None

    def __init__(self, host):
        if host.dtype.kind not in "biufc":
            raise ValueError(f"Unsupported dtype {host.dtype}")
        self._host = host

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array "
            "explicitly."
        )

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        foreign = next((type(x) for x in inputs if not isinstance(x, Array)), type(self))
        raise TypeError(f"Unsupported type {foreign}: numpy.{ufunc.__name__} called on an array of the device")

    def __array_function__(self, function, types, args, kwargs):
        raise TypeError(f"numpy.{function.__name__} called on an array of the device; use its own module's")

    def __getattr__(self, name):
        if name in LACKS["missing attributes of ndarray"] or name.startswith("__"):
            raise AttributeError(f"'ndarray' object of CuPy has no attribute {name!r}")
        value = getattr(self._host, name)
        return self._method(name, value) if callable(value) else closed(value, [self._host])

    def _method(self, name, function):
        def call(*args, **kwargs):
            check_parameters(f"ndarray.{name}", LACKS["parameters of methods"].get(name), args, kwargs)
            check_out(name, kwargs.get("out"))
            if name in ("item", "tolist", "tobytes", "nonzero"):
                note_wait(name)
            args, kwargs = opened(args), {key: opened(value) for key, value in kwargs.items()}
            if name == "item":
                return function()
            made = closed(function(*args, **kwargs), [self._host])
            note_launch(name, [self._host, *args], made)
            return made

        return call

    def get(self):
        """Copy to the host, C-ordered, as CuPy does."""
        note_wait("get")
        return np.array(self._host, order="C")

    @property
    def device(self):
        return SimpleNamespace(id=0)

    @property
    def data(self):
        return SimpleNamespace(ptr=self._host.ctypes.data)

    @property
    def flags(self):
        names = ("c_contiguous", "f_contiguous", "owndata", "fnc", "forc")
        return SimpleNamespace(**{name: getattr(self._host.flags, name) for name in names})

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
        host = self._host.astype(dtype, order=order, copy=copy)
        launches.append(("astype", host.nbytes + self._host.nbytes))
        return self if host is self._host else Array(host)

    def __deepcopy__(self, memo):
        return Array(self._host.copy(order="K"))

    def take(self, indices, axis=None, out=None):
        return module.take(self, indices, axis=axis, out=out)

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key):
        return closed(self._host[within(self._host, key)], [self._host])

    def __setitem__(self, key, value):
        if not isinstance(value, (Array, *SCALARS)):
            raise TypeError(f"Unsupported type {type(value)}")
        place = within(self._host, key)
        launches.append(("setitem", np.asarray(self._host[place]).nbytes * (1 + isinstance(value, Array))))
        self._host[place] = opened(value)

    def __repr__(self):
        return f"standin.{self._host!r}"


def _waiting(name, convert):
    def method(self):
        note_wait(name)
        return convert(self._host)

    return method


def _operator(name, swapped=False):
    def method(self, other):
        if not isinstance(other, (Array, *SCALARS)):
            raise TypeError(f"Unsupported type {type(other)}")
        ufunc = getattr(module, name)
        return ufunc(other, self) if swapped else ufunc(self, other)

    return method


def _in_place(name):
    def method(self, other):
        return getattr(module, name)(self, other, out=self)

    return method


OPERATORS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "power",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "left_shift",
    "rshift": "right_shift",
}
COMPARISONS = {
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
}
for _name, _ufunc in OPERATORS.items():
    setattr(Array, f"__{_name}__", _operator(_ufunc))
    setattr(Array, f"__r{_name}__", _operator(_ufunc, swapped=True))
    setattr(Array, f"__i{_name}__", _in_place(_ufunc))
for _name, _ufunc in COMPARISONS.items():
    setattr(Array, f"__{_name}__", _operator(_ufunc))
for _name, _ufunc in {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}.items():
    setattr(Array, f"__{_name}__", lambda self, _ufunc=_ufunc: getattr(module, _ufunc)(self))
for _name, _convert in {"float": float, "int": int, "bool": bool, "complex": complex}.items():
    setattr(Array, f"__{_name}__", _waiting(_name, _convert))
Array.__matmul__ = _operator("matmul")
Array.__rmatmul__ = _operator("matmul", swapped=True)


def within(array, key):
    """An index for NumPy.  Numbers in arrays wrap around without a word where they are out of range, as in CuPy."""
    parts = key if isinstance(key, tuple) else (key,)
    parts = [np.asarray(opened(part)) if isinstance(part, (Array, list)) else part for part in parts]
    used = sum(axes_of(part) for part in parts)
    axis, found = 0, []
    for part in parts:
        if isinstance(part, np.ndarray) and part.dtype.kind == "b":
            note_wait("boolean mask")
        elif isinstance(part, np.ndarray) and part.dtype.kind in "iu" and axis < array.ndim and array.shape[axis]:
            part = part.astype(np.int64) % array.shape[axis]
        axis += array.ndim - used if part is Ellipsis else axes_of(part)
        found.append(part)
    return tuple(found)


def axes_of(part):
    """How many axes of an array one part of an index takes."""
    if part is None or part is Ellipsis:
        return 0
    return part.ndim if isinstance(part, np.ndarray) and part.dtype.kind == "b" else 1


# ---- functions ----------------------------------------------------------------------------------------------------


class Ufunc:
    """An elementwise function: no host arrays, no ``where``, new memory always in C order."""

    def __init__(self, ufunc):
        self._ufunc, self.__name__ = ufunc, ufunc.__name__

    def __call__(self, *args, **kwargs):
        for x in args:
            if not isinstance(x, (Array, *SCALARS)):
                raise TypeError(f"Unsupported type {type(x)}")
        if wrong := {name: value for name, value in kwargs.items() if name not in ("out", "dtype", "casting")}:
            raise TypeError(f"Wrong arguments {wrong}")
        out = kwargs.pop("out", None)
        check_out(self.__name__, out)
        given = opened(args)
        y = self._ufunc(*given, out=opened(out), **kwargs)
        made = closed(y) if out is None else out
        launches.append((self.__name__, np.asarray(y).nbytes + sum(x.nbytes for x in arrays_in(given))))
        return made

    def __getattr__(self, name):
        if name in ("at", "reduce", "accumulate", "reduceat"):
            if name not in LACKS["methods of ufuncs"].get(self.__name__, ()):
                raise NotImplementedError(f"`cupy_{self.__name__}.{name}` is not supported yet")
            return getattr(self, f"_{name}", None) or wrapped(f"{self.__name__}.{name}", getattr(self._ufunc, name))
        if name in LACKS["missing attributes of a ufunc"]:
            raise AttributeError(f"'cupy.ufunc' object has no attribute {name!r}")
        return getattr(self._ufunc, name)

    def _at(self, a, indices, b=None):
        self._ufunc.at(a._host, within(a._host, indices), opened(b))


#: Functions that take a host array to the device; no other accepts one.
FROM_THE_HOST = {"array", "asanyarray", "asarray", "ascontiguousarray", "asfortranarray"}
#: Functions whose answer is a plain Python value in CuPy, too.
ABOUT_ARRAYS = {"can_cast", "iscomplexobj", "isfortran", "isrealobj", "isscalar", "issubdtype", "iterable"}
ABOUT_ARRAYS |= {"may_share_memory", "ndim", "shape", "shares_memory", "size"}
#: Functions whose result's size or whose checks depend on values: CuPy waits for them.
WAITING = {"argwhere", "bincount", "flatnonzero", "nonzero", "unique", "compress", "extract", "histogram"}
#: Functions that give order 'K' in CuPy, too.
KEEPING_ORDER = {"array", "asarray", "asanyarray", "empty_like", "full_like", "ones_like", "zeros_like"}
KEEPING_ORDER |= {"asfortranarray", "copy"}
#: Functions that look at no numbers: they allocate, or they are answered on the host.
WITHOUT_LAUNCH = {"empty", "empty_like"} | ABOUT_ARRAYS
#: Functions that take an array for its shape alone.
MAKING = {"full_like", "ones_like", "zeros_like"}
#: What CuPy's documentation says about functions whose signature is open.
KEYWORDS = {"einsum": ["dtype", "optimize"]}


def wrapped(name, function, module_name=""):
    """A function of NumPy under CuPy's rules."""
    parameters = LACKS["parameters of functions"].get(module_name, {}).get(name)

    def call(*args, **kwargs):
        check_parameters(name, parameters, args, kwargs)
        if name in KEYWORDS:
            check_parameters(name, KEYWORDS[name], (), kwargs)
        check_out(name, kwargs.get("out"))
        if name in WAITING or (name == "where" and len(args) == 1):
            note_wait(name)
        if name in FROM_THE_HOST:
            if not isinstance(args[0], (Array, *HOLDERS)):
                note_copy(np.asarray(args[0]).nbytes)
            args = (source(args[0]), *args[1:])
        else:
            args, kwargs = opened(args), {key: opened(value) for key, value in kwargs.items()}
        if name == "take":
            args, kwargs = in_range(*args, **kwargs)
        y = function(*args, **kwargs)
        given = list(arrays_in((*args, *kwargs.values())))
        if isinstance(y, SCALARS) and given and name not in ABOUT_ARRAYS:
            y = np.asarray(y)
        made = Array(y) if name in KEEPING_ORDER else closed(y, given)
        if name not in WITHOUT_LAUNCH:
            note_launch(name, [] if name in MAKING else given, made)
        return made

    return call


def source(data):
    """What an array is made of: an array of the device, one of the host, numbers, or a list of one of these."""
    if isinstance(data, HOLDERS) and any(isinstance(x, Array) for x in data):
        if not all(isinstance(x, Array) for x in data):
            data[0].__array__()
        return opened(data)
    return data._host if isinstance(data, Array) else data


def in_range(a, indices, axis=None, out=None):
    """The arguments of `take`, with indices that wrap around."""
    length = a.size if axis is None else a.shape[axis]
    return (a, np.asarray(indices) % max(length, 1)), {"axis": axis, "out": out}


class Grid:
    """``ogrid`` and the like: made by indexing."""

    def __init__(self, grid):
        self._grid = grid

    def __getitem__(self, key):
        return closed(self._grid[opened(key)])


class Module:
    """NumPy's names under CuPy's rules; names that CuPy lacks do not exist."""

    def __init__(self, name=""):
        self._name = name
        self.__name__ = f"standin.{name}".rstrip(".")
        self._numpy = importlib.import_module(f"numpy.{name}".rstrip("."))

    def __getattr__(self, name):
        if name in LACKS["missing names"][self._name]:
            raise AttributeError(f"module 'cupy' has no attribute {name!r}")
        if name == "random":
            raise AttributeError("random numbers come from the host, so that every device gets the same ones")
        value = getattr(self._numpy, name)
        path = f"{self._name}.{name}".lstrip(".")
        if path in LACKS["missing names"]:
            value = Module(path)
        elif isinstance(value, np.ufunc):
            value = Ufunc(value)
        elif name in ("ogrid", "mgrid", "r_", "c_"):
            value = Grid(value)
        elif value is np.ndarray:
            value = Array
        elif callable(value) and not isinstance(value, type):
            value = wrapped(name, value, self._name)
        setattr(self, name, value)
        return value


module = Module()
module.RawModule = compiled.RawModule
module.cuda = streams.cuda


# ---- as a device of minigen ---------------------------------------------------------------------------------------


def to_device(host):
    """Copy to the device: like CuPy's, in C order, or in F order where it was so."""
    note_copy(host.nbytes)
    return Array(np.array(host, order="F" if host.flags.fnc else "C"))


@contextmanager
def installed(compiles=False) -> Iterator[Device]:
    """Inside, "standin" is a device of minigen, and the lists of what happened start empty."""
    for happened in (waits, copies, launches, streams.history):
        happened.clear()
    before = backend._backends.get(DEVICE)
    backend.register_backend(Backend(DEVICE, module, Array, to_device, Array.get, compiles))
    try:
        yield DEVICE
    finally:
        backend.unregister_backend(DEVICE)
        if before is not None:
            backend.register_backend(before)
