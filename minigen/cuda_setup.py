"""What of CUDA is on this machine, and in one sentence what is missing where a GPU cannot be used.

Four things must fit together: a driver (it comes with the GPU), CuPy (made for one major version of CUDA), and two of
CUDA's libraries that CuPy loads when it needs them, NVRTC, which compiles kernels, and cuBLAS, which multiplies
matrices.  Each may be missing or of another version, and each then fails at another moment with words of its own; here
all are tried once, before the first array is made.  CuPy is imported inside functions, and nowhere else.
"""

from __future__ import annotations

import importlib.util
from typing import Any

_INSTALL = 'pip install "minigen[cuda13]"'
_OR_CPU = 'or use device "cpu"'
_NO_DEVICE, _TOO_OLD = 100, 35  # cudaErrorNoDevice, cudaErrorInsufficientDriver: from CUDA's driver_types.h


def usable_cupy() -> Any:
    """Return the module ``cupy`` if arrays can be made and computed with on a GPU.

    Raises
    ------
    RuntimeError
        With one sentence: what is missing, and how to get it.
    """
    if importlib.util.find_spec("cupy") is None:
        raise RuntimeError(
            f'device "cuda" needs CuPy, which is not installed: {_INSTALL} (or "minigen[cuda12]" for an older driver), '
            f"{_OR_CPU}"
        )
    try:
        import cupy
    except Exception as error:
        raise _unusable(
            f"CuPy is installed but cannot be imported ({_words(error)}): remove what pip list shows of it (pip "
            f"uninstall cupy cupy-cuda12x cupy-cuda13x), then {_INSTALL}, {_OR_CPU}"
        ) from error
    _check_driver(cupy)
    _check_libraries(cupy)
    return cupy


def _unusable(what: str) -> RuntimeError:
    return RuntimeError(f'device "cuda": {what}')


def _words(error: BaseException) -> str:
    """The first line of an error's message, or its name."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(" .:")


def version(number: int) -> str:
    """CUDA's way to write versions as numbers, undone.

    Examples
    --------
    >>> version(13020)
    '13.2'
    """
    return f"{number // 1000}.{number % 1000 // 10}"


def _check_driver(cupy: Any) -> None:
    runtime = cupy.cuda.runtime
    made_for, offered = runtime.runtimeGetVersion(), runtime.driverGetVersion()
    if not offered:
        raise _unusable(
            "no NVIDIA driver was found on this machine; where there is a GPU, install its driver (nvidia-smi then "
            f"shows it), {_OR_CPU}"
        )
    if offered // 1000 < made_for // 1000:
        wanted, remedy = made_for // 1000, offered // 1000
        older = f'pip uninstall cupy-cuda{wanted}x, then pip install "minigen[cuda{remedy}]"'
        advice = f"{older}, or update the driver" if remedy >= 12 else "update the driver"
        raise _unusable(
            f"the driver offers CUDA {version(offered)}, but CuPy {cupy.__version__} was made for CUDA {wanted}: "
            f"{advice}, {_OR_CPU}"
        )
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        if getattr(error, "status", None) == _TOO_OLD:
            raise _unusable(
                f"the driver is too old for CuPy {cupy.__version__}: update it, {_OR_CPU} ({_words(error)})"
            ) from error
        if getattr(error, "status", None) != _NO_DEVICE:
            raise _unusable(f"the driver does not answer ({_words(error)}): restart the machine, {_OR_CPU}") from error
        count = 0
    if not count:
        raise _unusable(
            "the driver shows no GPU: look at nvidia-smi, and whether CUDA_VISIBLE_DEVICES or the container hides it, "
            f"{_OR_CPU}"
        )


def _check_libraries(cupy: Any) -> None:
    """Compile a function, multiply two matrices, and look at the answer."""
    major = cupy.cuda.runtime.runtimeGetVersion() // 1000
    with_libraries = f'pip install "cupy-cuda{major}x[ctk]" (minigen[cuda{major}] does it)'
    steps = {
        "NVRTC, which compiles kernels,": cupy.cuda.nvrtc.getVersion,
        "what NVRTC needs to compile (CUDA's headers)": lambda: cupy.arange(4.0) + 1,
        "cuBLAS, which multiplies matrices,": lambda: cupy.ones((2, 2)) @ cupy.ones((2, 2)),
    }
    for name, attempt in steps.items():
        try:
            attempt()
        except cupy.cuda.memory.OutOfMemoryError as error:
            raise _unusable(f"the GPU's memory is full ({_words(error)}): end what else runs there") from error
        except Exception as error:
            raise _unusable(
                f"{name} cannot be used ({_words(error)}): {with_libraries}, or, with a CUDA {major} toolkit of your "
                f"own, set CUDA_PATH to its folder, {_OR_CPU}"
            ) from error


def cards(cupy: Any) -> list[str]:
    """One line for each GPU: name, memory, compute capability."""
    found = []
    for number in range(cupy.cuda.runtime.getDeviceCount()):
        properties = cupy.cuda.runtime.getDeviceProperties(number)
        memory = properties["totalGlobalMem"] / 2**30
        name = properties["name"].decode()
        found.append(f"{name}, {memory:.1f} GiB, compute capability {properties['major']}.{properties['minor']}")
    return found


def versions(cupy: Any) -> dict[str, str]:
    """The versions of what must fit together."""
    runtime = cupy.cuda.runtime
    return {
        "driver (CUDA)": version(runtime.driverGetVersion()),
        "CUDA runtime": version(runtime.runtimeGetVersion()),
        "NVRTC": ".".join(map(str, cupy.cuda.nvrtc.getVersion())),
        "CuPy": cupy.__version__,
    }
