"""The types of elements, and which type a combination of them has, as in PyTorch.

float32 is the default of everything floating-point; integers beside it do not widen it (NumPy's own rule
would make float64 of int64 and float32).
"""

from __future__ import annotations

from typing import Any

import numpy as np

float16, float32, float64 = np.dtype("float16"), np.dtype("float32"), np.dtype("float64")
uint8, int8, int16, int32, int64 = (np.dtype(n) for n in ("uint8", "int8", "int16", "int32", "int64"))
bool_ = np.dtype("bool")

#: bool < integers < floating-point numbers, by NumPy's letter for the kind
KINDS = {"b": 0, "i": 1, "u": 1, "f": 2}


def as_dtype(name: str, dtype: Any) -> np.dtype:
    """Return what names a dtype (``minigen.float32``, ``"float32"``, ``float``) as one; raise TypeError otherwise."""
    if isinstance(dtype, np.dtype) and dtype.kind in KINDS:
        return dtype
    try:
        found = np.dtype(dtype) if isinstance(dtype, (type, str, np.dtype)) else None
    except TypeError:
        found = None
    if found is None or found.kind not in KINDS:
        raise TypeError(
            f"{name}: {dtype!r} is no dtype of tensors; these are minigen.float32 (the usual one), float64, float16, "
            "int64, int32, int16, int8, uint8 and bool"
        )
    return found


def promote_types(a: Any, b: Any) -> np.dtype:
    """The smallest dtype that holds both; an integer beside a floating-point type does not widen it."""
    a, b = as_dtype("promote_types", a), as_dtype("promote_types", b)
    if (a.kind == "f") != (b.kind == "f"):
        return a if a.kind == "f" else b
    return np.promote_types(a, b)


def number_dtype(x: bool | int | float, like: np.dtype | None) -> np.dtype:
    """The dtype of a Python number beside a tensor of dtype ``like``: that one, unless of a lower kind."""
    own, kind = (bool_, 0) if isinstance(x, bool) else (int64, 1) if isinstance(x, int) else (float32, 2)
    return like if like is not None and KINDS[like.kind] >= kind else own


def plain_number(x: Any) -> Any:
    """Turn a NumPy scalar into the Python number that it holds."""
    return x.item() if isinstance(x, np.generic) else x


def drawn_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype in which random numbers are drawn: NumPy draws float32 and float64."""
    return float64 if dtype == float64 else float32
