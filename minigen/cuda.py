"""Is there a GPU?  What programs ask of ``torch.cuda``, answered for CuPy.

Arrays and devices are the business of `minigen.backend`.
"""

from __future__ import annotations

from minigen.arguments import one_integer
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
    import cupy

    return cupy.cuda.runtime.getDeviceCount()
