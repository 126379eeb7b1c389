"""Where did the NaN come from?  Every call is looked at, and the first that makes a NaN or an infinity is named.

In forward the culprit is easy to find once somebody looks.  In backward it is not: ``sqrt`` at 0 is a fine number, and
its derivative is infinite, three layers before the loss is.  So each call notes on which line of the program it was
made, and its backward is judged too.

This finds where a number went wrong, not why; and looking costs about as much time as computing, so it is off unless
asked for.
"""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterable, Sequence
from types import FrameType

import numpy as np

from minigen.backend import Array, array_module, to_numpy
from minigen.engine import Function
from minigen.modes import Observer, differentiating, observers
from minigen.tensor import Tensor

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class detect_anomaly:
    """Stop at the first function that makes a NaN or an infinity, and say which, of what, and on which line.

    A context manager for the current thread, as in PyTorch, which looks at backward only; here forward is looked at,
    too.  Put it around both: then the line of an error in backward is known.

    Parameters
    ----------
    check_nan : bool, default True
        Whether to look.  False switches an outer `detect_anomaly` off for a while.

    Raises
    ------
    RuntimeError
        Within the block, as soon as a function *makes* a NaN, or makes an infinity of finite numbers.  An infinity
        that was there before (the mask of an attention, say) may pass through; a NaN may not.

    Notes
    -----
    It has no cost where it is not used, and a second look at every array where it is: for searching, not for training.

    Examples
    --------
    >>> import minigen
    >>> x = minigen.tensor([1.0, 0.0], requires_grad=True)
    >>> with detect_anomaly():
    ...     x.sqrt().sum().backward()
    Traceback (most recent call last):
        ...
    RuntimeError: detect_anomaly: Sqrt.backward made an infinity: the gradient of its input 0 ...
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.mode = bool(check_nan)

    def __enter__(self) -> None:
        self._before = observers.get()
        _switch(self.mode)

    def __exit__(self, *_: object) -> None:
        observers.set(self._before)


class set_detect_anomaly:
    """Look for NaN and infinities or not, as ``mode`` says: from now on, or for the length of a ``with`` block.

    Parameters
    ----------
    mode : bool
        Whether to look, in this thread.
    check_nan : bool, default True
        False is the same as a False ``mode``.

    Examples
    --------
    >>> _ = set_detect_anomaly(True)
    >>> _ = set_detect_anomaly(False)
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = observers.get()
        _switch(bool(mode) and check_nan)

    def __enter__(self) -> None:
        pass  # it was switched when the object was made

    def __exit__(self, *_: object) -> None:
        observers.set(self._before)


def _switch(mode: bool) -> None:
    others = tuple(observer for observer in observers.get() if not isinstance(observer, _Detector))
    observers.set((*others, _Detector()) if mode else others)


class _Detector(Observer):
    """Looks at all that is computed, and raises."""

    def forward(self, call: Function, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        line = vars(call)["_line"] = _line_of_the_program()
        if differentiating.get() is not None:
            return  # part of a backward, which will be judged as a whole
        arrays = [x.array for x in inputs]
        kind = _made(output.array, arrays)
        if kind:
            raise RuntimeError(
                f"detect_anomaly: {type(call).__name__} {kind}: its output {_describe(output.array)}{line}"
                + _listing(output.array, zip(_numbered(inputs), arrays, strict=True))
            )

    def backward(self, call: Function, grad: Tensor, grads: Sequence[Tensor | None]) -> None:
        arrays = [x.array for x in call.inputs]
        read = {"the gradient of its output": grad.array, **dict(zip(_numbered(call.inputs), arrays, strict=True))}
        for i, g in enumerate(grads):
            if g is not None and (kind := _made(g.array, list(read.values()))):
                line = vars(call).get("_line", "\n  (the line is known where detect_anomaly is on in forward, too)")
                name = list(read)[i + 1]
                raise RuntimeError(
                    f"detect_anomaly: {type(call).__name__}.backward {kind}: the gradient of its {name} "
                    f"{_describe(g.array)}{line}" + _listing(g.array, read.items())
                )


def _made(array: Array, sources: list[Array]) -> str:
    """Say what was made of the sources that should not have been, if anything."""
    if _finite(array):
        return ""
    xp = array_module(array)
    if bool(xp.isnan(array).any()):
        came_in = any(s.dtype.kind == "f" and bool(xp.isnan(s).any()) for s in sources)
        return "was given a NaN" if came_in else "made a NaN"
    return "made an infinity" if all(_finite(s) for s in sources) else ""


def _finite(array: Array) -> bool:
    return array.dtype.kind != "f" or bool(array_module(array).isfinite(array).all())


def _numbered(inputs: Sequence[Tensor]) -> list[str]:
    """Names for the inputs: their numbers, and a parameter's name where it has one."""
    return [f"input {i}" + (f" ({x.name})" if x.name else "") for i, x in enumerate(inputs)]


def _first_bad(array: Array) -> tuple[int, ...]:
    values = to_numpy(array)
    bad = np.isnan(values) if np.isnan(values).any() else np.isinf(values)
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), bad.shape))


def _describe(array: Array) -> str:
    """Say how much of an array is not finite: "of shape (2, 3) has NaN in 1 of 6 elements, first at (0, 2)"."""
    values = to_numpy(array)
    counts = {"NaN": int(np.isnan(values).sum()), "infinities": int(np.isinf(values).sum())}
    found = " and ".join(f"{name} in {count}" for name, count in counts.items() if count)
    place = _first_bad(array)
    first = f", the first at {place}" if place else ""
    return f"of shape {values.shape} has {found} of {values.size} elements{first}"


def _listing(bad: Array, sources: Iterable[tuple[str, Array]]) -> str:
    """One line for each array that was read: its range, what is suspicious, the value where ``bad`` went wrong."""
    return "".join(f"\n  {name} {_summary(to_numpy(array), _first_bad(bad), bad.shape)}" for name, array in sources)


def _summary(values: np.ndarray, place: tuple[int, ...], shape: tuple[int, ...]) -> str:
    if values.size == 0 or values.dtype.kind == "b":
        return f"of shape {values.shape}"
    finite = values[np.isfinite(values)]
    parts = [f"from {finite.min():.6g} to {finite.max():.6g}"] if finite.size else []
    counts = {"zero": values == 0, "negative": values < 0, "NaN": np.isnan(values), "infinite": np.isinf(values)}
    parts += [f"{int(where.sum())} {name}" for name, where in counts.items() if where.any()]
    if len(values.shape) <= len(shape) and all(m in (1, n) for m, n in zip(values.shape[::-1], shape[::-1])):
        parts.append(f"{np.broadcast_to(values, shape)[place]:.6g} at that place")
    return f"of shape {values.shape}: {', '.join(parts)}"


def _line_of_the_program() -> str:
    """The line outside of this package from which the present call came: file, number and text."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    if frame is None:
        return ""
    file, number = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, number).strip()
    return f"\n  File {file!r}, line {number}" + (f": {text}" if text else "")
