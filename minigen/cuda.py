"""Is there a GPU?  The two questions that programs ask of ``torch.cuda``, answered for CuPy.

Arrays and devices are the business of `minigen.backend`.
"""

from __future__ import annotations

from minigen.backend import find_device
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


def device_count() -> int:
    """Return how many GPUs can be used."""
    if not is_available():
        return 0
    import cupy

    return cupy.cuda.runtime.getDeviceCount()
