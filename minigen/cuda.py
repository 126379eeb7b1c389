"""Is there a GPU?  What programs ask of ``torch.cuda``, answered for CuPy.

Arrays and devices are the business of `minigen.backend`, what a GPU needs that of `minigen.cuda_setup`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigen.arguments import one_integer
from minigen.backend import array_module_on, find_device
from minigen.oldnames import DTYPES, TensorType

BoolTensor, ByteTensor, CharTensor, DoubleTensor, FloatTensor, HalfTensor, IntTensor, LongTensor, ShortTensor = (
    TensorType(name, "cuda") for name in DTYPES
)


def is_available() -> bool:
    """Return True if tensors can be moved to ``"cuda"`` on this machine.

    Examples
    --------
    >>> device = "cuda" if is_available() else "cpu"
    """
    try:
        find_device("cuda")
    except RuntimeError:
        return False
    return True


def manual_seed(seed: int) -> None:
    """Accept a seed, for programs that set all there are: without effect, as every number is drawn on the host.

    `minigen.manual_seed` decides, for every device.
    """
    one_integer("cuda.manual_seed", "seed", seed)


manual_seed_all = manual_seed


def device_count() -> int:
    """Return how many GPUs can be used."""
    if not is_available():
        return 0
    return _cupy().cuda.runtime.getDeviceCount()


def _cupy() -> Any:
    """The module ``cupy``, or RuntimeError with the sentence that says what is missing."""
    return array_module_on(find_device("cuda"))


def synchronize() -> None:
    """Wait until the GPU has done all that it was told: before looking at a clock, and at no other time."""
    _cupy().cuda.runtime.deviceSynchronize()


def get_device_name(device: int = 0) -> str:
    """Return the name of a GPU, by its number."""
    number = one_integer("cuda.get_device_name", "device", device)
    count = device_count() if number >= 0 else 0
    cupy = _cupy()
    if not 0 <= number < count:
        raise ValueError(f"cuda.get_device_name: there is no GPU number {number}, there are {count}")
    return cupy.cuda.runtime.getDeviceProperties(number)["name"].decode()


def memory_allocated() -> int:
    """Return how many bytes of the GPU's memory arrays take at the moment; what is kept for later is not counted."""
    return _cupy().get_default_memory_pool().used_bytes()


def empty_cache() -> None:
    """Give memory back that is kept for later arrays, so that other programs can have it."""
    _cupy().get_default_memory_pool().free_all_blocks()


_precision = "highest"


def get_float32_matmul_precision() -> str:
    """Return what `set_float32_matmul_precision` was told last; "highest" at first."""
    return _precision


def set_float32_matmul_precision(precision: str) -> None:
    """Say how exactly a GPU multiplies matrices of float32, and with them convolutions.

    Parameters
    ----------
    precision : {"highest", "high"}
        "highest", as at the start: with all 24 bits of a float32.  "high": with TF32, which rounds the factors to 11
        bits and adds up in float32; several times as fast on cards that have it (compute capability 8.0, of 2020, and
        later), and with relative errors about 1e-3.

    Raises
    ------
    ValueError
        For another word; PyTorch's "medium" is not there.

    Notes
    -----
    Without a GPU it has no effect, as in PyTorch: NumPy multiplies in full precision.

    Examples
    --------
    >>> set_float32_matmul_precision("highest")
    >>> get_float32_matmul_precision()
    'highest'
    """
    global _precision
    if precision not in ("highest", "high"):
        raise ValueError(f'set_float32_matmul_precision: precision is "highest" or "high" (TF32), not {precision!r}')
    if is_available():
        from cupy._core import _routines_linalg as products

        kind = products.COMPUTE_TYPE_TF32 if precision == "high" else products.COMPUTE_TYPE_DEFAULT
        products.set_compute_type(np.dtype(np.float32), kind)
    _precision = precision
