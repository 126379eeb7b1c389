"""Which array library an array belongs to, where it lives, and where random numbers come from.

The lowest floor of minigen: it knows arrays and devices, and neither tensors nor gradients.  Every other
file asks `array_module(x)` and then calls the module it got (``xp.exp(x)``), so one text serves NumPy on the
CPU, CuPy on the GPU, and any further array library that is registered here.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigen.cuda_setup import usable_cupy

Array = Any  # numpy.ndarray, cupy.ndarray, or the array type of a registered backend


class OutOfMemoryError(RuntimeError, MemoryError):
    """An array does not fit into memory; a RuntimeError, as in PyTorch."""


class Device(str):
    """The place where an array lives: ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.

    A string, so that ``x.device == "cpu"`` reads as it should, with PyTorch's two attributes.

    Examples
    --------
    >>> Device("cuda:1").type, Device("cuda:1").index
    ('cuda', 1)
    """

    __slots__ = ()

    @property
    def type(self) -> str:
        """The kind of device, without its number."""
        return self.partition(":")[0]

    @property
    def index(self) -> int | None:  # type: ignore[override]
        """The number after the colon, or None where there is none."""
        number = self.partition(":")[2]
        return int(number) if number else None

    def __repr__(self) -> str:
        return f"device('{self}')"


@dataclass(frozen=True)
class Backend:
    """One array library: its module, its array type, and the two ways between it and NumPy.

    `compiles` says that ``module.RawModule`` takes CUDA source: then `minigen.kernels` are used.
    """

    device: Device
    module: Any
    array_type: type
    from_numpy: Callable[[np.ndarray], Array]
    to_numpy: Callable[[Array], np.ndarray]
    compiles: bool = False


_backends: dict[str, Backend] = {}
_by_type: dict[type, Backend] = {}


def register_backend(backend: Backend) -> None:
    """Make an array library known: its arrays become legal contents of tensors.

    Parameters
    ----------
    backend : Backend
        ``backend.module`` must offer the part of NumPy's names that minigen calls.
    """
    _backends[backend.device.type] = backend
    _by_type[backend.array_type] = backend


def unregister_backend(device: str) -> None:
    """Forget an array library again; tensors that are made of its arrays become unusable."""
    backend = _backends.pop(Device(device).type)
    del _by_type[backend.array_type]


def registered_devices() -> list[Device]:
    """The devices whose array library has been registered so far, the CPU first."""
    return [backend.device for backend in _backends.values()]


def backend_of(array: Array) -> Backend:
    """Return the backend that an array belongs to.

    Raises
    ------
    TypeError
        If the object is no array of a registered library.
    """
    backend = _by_type.get(type(array))
    if backend is None:
        backend = next((b for kind, b in _by_type.items() if isinstance(array, kind)), None)
    if backend is None:
        raise TypeError(
            f"{type(array).__name__} is not an array that minigen knows; "
            "make a tensor of it first: minigen.tensor(data)"
        )
    return backend


def array_module(array: Array) -> Any:
    """Return the module (``numpy``, ``cupy``, ...) whose functions work on ``array``.

    Examples
    --------
    >>> array_module(np.zeros(3)).__name__
    'numpy'
    """
    if type(array) is np.ndarray:
        return np
    return backend_of(array).module


def array_module_on(device: Device) -> Any:
    """Return the module whose arrays live on a device that `find_device` found."""
    return _backends[device.type].module


def device_of(array: Array) -> Device:
    """Return the device on which an array lives."""
    if type(array) is np.ndarray:
        return CPU
    backend = backend_of(array)
    number = getattr(getattr(array, "device", None), "id", 0)
    return Device(f"{backend.device}:{number}") if number else backend.device


def find_device(device: str | None) -> Device:
    """Check the name of a device and make sure that its array library is loaded.

    Parameters
    ----------
    device : str or None
        ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or the device of a registered backend; None is the CPU.

    Raises
    ------
    ValueError
        If no such device exists.
    RuntimeError
        If it names a GPU and this machine cannot use one; the message says what to do.
    """
    if device is None:
        return CPU
    found = Device(device)
    if found.type not in _backends and found.type == "cuda":
        _register_cupy()
    if found.type not in _backends:
        names = ", ".join(sorted({*_backends, "cuda"}))
        raise ValueError(f"device: {device!r} is unknown; the devices are: {names}")
    return found


def to_device(array: Array, device: str | None) -> Array:
    """Return ``array`` on ``device``: itself where it is there already, else a copy with the same order in memory."""
    target = find_device(device)
    source = backend_of(array)
    if source.device.type == target.type and (target.index or 0) == (device_of(array).index or 0):
        return array
    axes = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))  # from the slowest to the fastest
    back = sorted(range(array.ndim), key=axes.__getitem__)
    host = source.to_numpy(array.transpose(axes))  # C-ordered: CuPy moves no other order as it is
    if target.type == "cuda":
        with _backends["cuda"].module.cuda.Device(target.index or 0):
            return _backends["cuda"].from_numpy(host).transpose(back)
    return _backends[target.type].from_numpy(host).transpose(back)


def to_numpy(array: Array) -> np.ndarray:
    """Return the values as a NumPy array; on the CPU the array itself, not a copy."""
    return backend_of(array).to_numpy(array)


def _register_cupy() -> None:
    """Load CuPy, or say in one sentence why a GPU cannot be used here."""
    cupy = usable_cupy()
    register_backend(Backend(Device("cuda"), cupy, cupy.ndarray, cupy.asarray, cupy.asnumpy, compiles=True))


def in_memory_order(function: Callable[..., Array], arrays: Sequence[Array]) -> Array:
    """``function(*arrays)`` for an elementwise function, with a result that lies in memory as the largest array does.

    NumPy does that by itself.  CuPy makes every result in row-major order, so each activation would turn images that
    are channels-last in memory around; here it is shown views whose row-major order is the one in memory.
    """
    if type(arrays[0]) is np.ndarray:
        return function(*arrays)
    largest = max(arrays, key=lambda array: (array.size, 0 not in array.strides))  # repeated ones say nothing
    axes = sorted(range(largest.ndim), key=lambda axis: -abs(largest.strides[axis]))  # from the slowest to the fastest
    if largest.flags.c_contiguous or 0 in largest.strides or any(array.ndim > largest.ndim for array in arrays):
        return function(*arrays)
    padded = [array.reshape((1,) * (largest.ndim - array.ndim) + array.shape) for array in arrays]
    back = sorted(axes, key=axes.__getitem__)
    return function(*(array.transpose(axes) for array in padded)).transpose(back)


def rows_in_block(xp: Any, row_bytes: int, block_bytes: int = 4 * 2**20) -> int:
    """How many rows to work on at a time: a block should stay in a processor's cache; a GPU wants large ones."""
    return max(1, (1 if xp is np else 64) * block_bytes // max(1, row_bytes))


def tune_allocator() -> bool:
    """Ask the C library to keep large freed blocks instead of returning them to the system at once.

    A training step allocates and frees arrays of many megabytes; by default glibc gives each one back, and
    the next one is paid for page by page.  It holds for the whole process, so it is never done unasked: the
    command line does it, and a program may.

    Returns
    -------
    bool
        True if it was done; False where the C library is not glibc.

    Notes
    -----
    ``mallopt`` with M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of 1 GB; memory in use stays the same, memory
    held by the process may be more.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not glibc: macOS, Windows, musl
        return False
    m_trim_threshold, m_mmap_threshold = -1, -3  # from <malloc.h>
    return bool(mallopt(m_mmap_threshold, 1 << 30) and mallopt(m_trim_threshold, 1 << 30))


class Generator:
    """A seeded source of random numbers; always on the host, so that every device gets the same ones.

    Examples
    --------
    >>> a, b = Generator().manual_seed(3), Generator().manual_seed(3)
    >>> bool(a.numpy.random() == b.numpy.random())
    True
    """

    def __init__(self, seed: int | None = None) -> None:
        self.numpy = np.random.Generator(np.random.PCG64(seed))

    def manual_seed(self, seed: int) -> Generator:
        """Start again from ``seed`` (a non-negative integer) and return the generator."""
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise ValueError(f"manual_seed: the seed must be a non-negative integer, not {seed!r}")
        self.numpy = np.random.Generator(np.random.PCG64(int(seed)))
        return self

    def get_state(self) -> dict[str, Any]:
        """Return the state as a dict of strings and integers, ready for JSON."""
        return dict(self.numpy.bit_generator.state)

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state that `get_state` returned."""
        self.numpy.bit_generator.state = state


CPU = Device("cpu")
register_backend(Backend(CPU, np, np.ndarray, np.asarray, np.asarray))

#: The source of all random numbers that minigen draws and that no other generator was given for.
generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the global generator, as ``torch.manual_seed`` does, and return it."""
    return generator.manual_seed(seed)


def get_rng_state() -> dict[str, Any]:
    """Return the global generator's state as a dict of strings and integers."""
    return generator.get_state()


def set_rng_state(state: dict[str, Any]) -> None:
    """Let the global generator continue from a state that `get_rng_state` returned."""
    generator.set_state(state)
