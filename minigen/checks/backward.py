"""A gradient check for homework: a plain NumPy function and its backward, written by hand, without any Tensor.

`check_backward` wraps the pair into a `Function` and hands it to the same experiment, with the same readout and the
same diagnosis, as `check_gradients`.  What is added here is looking at what the two functions return.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from minigen.checks.experiment import Experiment
from minigen.checks.gradients import examine
from minigen.checks.report import GradientReport
from minigen.engine import Function
from minigen.tensor import Tensor

__all__ = ["check_backward"]


def check_backward(
    forward: Callable[..., Any],
    backward: Callable[..., Any] | None,
    *arrays: Any,
    seed: int = 0,
    eps: float = 2e-4,
    tolerance: float = 1e-6,
    name: str | None = None,
) -> GradientReport:
    """Check a backward written by hand for a plain NumPy function, by finite differences.

    Three ways of writing the pair are understood:

    - ``out = forward(x, w, b)`` and ``dx, dw, db = backward(dout, x, w, b)``;
    - ``out, cache = forward(x, w, b)`` and ``dx, dw, db = backward(dout, cache)``;
    - ``loss, dx = forward(x, y)`` with ``backward=None``: the gradient of a loss comes with its value.

    Parameters
    ----------
    forward
        The function: arrays in, one array out (or a number), with a cache beside it or without.
    backward
        Its derivative: given the gradient of a loss with respect to ``out``, of the shape of ``out``, it returns the
        gradients with respect to the float arrays in their order, or one for each argument (None where there is none).
    *arrays
        The arguments. Arrays of float64 are differentiated; anything else (labels, options, dicts) is handed on.
    seed, eps, tolerance, name
        As in `check_gradients`.

    Returns
    -------
    GradientReport
        Every comparison that was made.

    Raises
    ------
    GradientError
        If a gradient is wrong: which elements, both values, the likely cause.
    TypeError
        If ``backward`` does not take what it is given, or returns something else than float64 arrays.
    ValueError
        If it returns the wrong number of gradients or one of a wrong shape, if one of the two functions changes its
        arguments, if ``forward`` is not a function of its arguments alone, or if there is nothing to differentiate.

    Notes
    -----
    Only first derivatives are checked: a backward on plain arrays has no second one.

    Examples
    --------
    >>> import numpy as np
    >>> from minigen.checks import check_backward
    >>> def affine_forward(x, w, b):
    ...     return x @ w + b, (x, w)
    >>> def affine_backward(dout, cache):
    ...     x, w = cache
    ...     return dout @ w.T, x.T @ dout, dout.sum(axis=0)
    >>> rng = np.random.default_rng(0)
    >>> shapes = (4, 3), (3, 2), (2,)
    >>> report = check_backward(affine_forward, affine_backward, *map(rng.standard_normal, shapes))
    >>> print(report.name, report.failures)
    affine_forward []
    """
    name = name or getattr(forward, "__name__", type(forward).__name__)
    given = [np.array(a) if isinstance(a, float) and not _has_array(arrays) else a for a in arrays]
    pair = _Pair(forward, backward, given, name)
    rng = np.random.default_rng(seed)
    leaves = [given[i].copy() for i in pair.real]
    names = [pair.names[i] for i in pair.real]
    experiment = Experiment(pair, leaves, None, rng, name, "check_backward", names)
    return examine(experiment, 1, eps, tolerance)


def _has_array(arguments) -> bool:
    return any(isinstance(a, np.ndarray) for a in arguments)


class _Pair:
    """The pair as a function of Tensors."""

    def __init__(self, forward, backward, arguments, name):
        self.forward, self.backward, self.arguments, self.name = forward, backward, arguments, name
        tensors = [i for i, a in enumerate(arguments) if isinstance(a, Tensor)]
        if tensors:
            raise TypeError(
                f"check_backward: argument {tensors[0]} of {name} is a Tensor; this check is for functions of NumPy "
                "arrays (x.numpy()), check_gradients is for functions of Tensors"
            )
        self.real = [i for i, a in enumerate(arguments) if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
        self.names = _names(forward, arguments)

    def __call__(self, *tensors):
        return _HandWritten.apply(*tensors, pair=self)

    def run(self, arrays):
        """Call forward on copies; return its output and what backward needs."""
        arguments = self.with_arrays(arrays)
        returned = self.forward(*arguments)
        self.refuse_changes("forward", arguments, arrays)
        cached = isinstance(returned, tuple) and len(returned) == 2
        out, cache = returned if cached else (returned, None)
        if isinstance(returned, tuple) and not cached:
            raise TypeError(
                f"check_backward: {self.name} returned {len(returned)} values; return out, or the pair (out, cache)"
            )
        if not isinstance(out, np.ndarray | np.generic | float):
            raise TypeError(f"check_backward: {self.name} returned a {type(out).__name__}, not a NumPy array")
        out = np.asarray(out)
        if out.dtype != np.float64:
            raise TypeError(
                f"check_backward: {self.name} returned {out.dtype}, but finite differences need float64: look where "
                "forward makes an array of another dtype, or rounds"
            )
        if self.backward is None and not cached:
            raise TypeError(f"check_backward: without backward, {self.name} must return the pair (loss, gradients)")
        return out, (cached, cache, arguments)

    def gradients(self, grad, state, arrays):
        """Call backward, and return one array for each real argument."""
        cached, cache, arguments = state
        if self.backward is None:
            returned = cache
            pieces = returned if isinstance(returned, tuple | list) else (returned,)
            return [g * grad if g is not None else None for g in self.look_at(pieces, arrays)]
        given = (grad.copy(), cache) if cached else (grad.copy(), *arguments)
        self.refuse_signature(given, cached)
        with np.errstate(all="ignore"):  # the report speaks of NaN and infinity
            returned = self.backward(*given)
        self.refuse_changes("backward", arguments, arrays)
        return self.look_at(returned if isinstance(returned, tuple | list) else (returned,), arrays)

    def look_at(self, returned, arrays):
        """Check what backward returned: number, types and shapes."""
        if len(returned) not in (len(self.real), len(self.arguments)):
            names = ", ".join(self.names[i] for i in self.real)
            raise ValueError(
                f"check_backward: backward of {self.name} returned {len(returned)} gradients, but forward has "
                f"{len(self.real)} float arrays: {names}; return one for each, in this order"
            )
        if len(returned) != len(self.real):
            returned = [returned[i] for i in self.real]
        return [self.look_at_one(g, self.names[i], x) for g, i, x in zip(returned, self.real, arrays, strict=True)]

    def look_at_one(self, g, name, x):
        """Check one gradient; return it as an array, or None."""
        if g is None:
            return None
        if not isinstance(g, np.ndarray | np.generic | float | int):
            raise TypeError(
                f"check_backward: backward of {self.name} returned a {type(g).__name__} for {name}; "
                "return a NumPy array of its shape"
            )
        g = np.asarray(g)
        if g.shape != x.shape:
            raise ValueError(
                f"check_backward: backward of {self.name} returned a gradient of shape {g.shape} for {name}, which has "
                f"shape {x.shape}; {_remedy(g.shape, x.shape)}"
            )
        if g.dtype != np.float64:
            raise TypeError(
                f"check_backward: backward of {self.name} returned {g.dtype} for {name}, which is float64; make "
                "arrays with np.zeros_like of a float64 array, and convert masks by .astype(float)"
            )
        return g

    def with_arrays(self, arrays):
        """The arguments, with copies of these arrays in the places of the float ones."""
        arguments = [a.copy() if isinstance(a, np.ndarray) else a for a in self.arguments]
        for i, array in zip(self.real, arrays, strict=True):
            arguments[i] = array.copy()
        return arguments

    def refuse_changes(self, which, arguments, arrays):
        """Raise if a call has written into its arguments."""
        for i, array in zip(self.real, arrays, strict=True):
            changed = np.argwhere(~((arguments[i] == array) | (np.isnan(arguments[i]) & np.isnan(array))))
            if len(changed):
                place = tuple(map(int, changed[0]))
                raise ValueError(
                    f"check_backward: {which} of {self.name} changes its argument {self.names[i]} in place (first at "
                    f"index {place}); compute on a copy: {self.names[i].split(' ')[-1]}.copy()"
                )

    def refuse_signature(self, given, cached):
        """Raise if backward cannot be called like this."""
        try:
            inspect.signature(self.backward).bind(*given)
        except TypeError:
            how = "returned a pair, so it is called as backward(grad_output, cache)"
            if not cached:
                how = "returned an array, so it is called as backward(grad_output, *arguments of forward)"
            signature = f"{getattr(self.backward, '__name__', 'backward')}{inspect.signature(self.backward)}"
            raise TypeError(f"check_backward: {self.name} {how}, but it is {signature}") from None
        except ValueError:  # a builtin without signature
            pass


class _HandWritten(Function):
    """One call of the pair."""

    def forward(self, *arrays):
        out, self.state = self.pair.run(arrays)
        return out

    def backward(self, grad):
        """Wrap the gradients of the hand-written backward; they carry no derivative of their own."""
        arrays = [x.array for x in self.inputs]
        gradients = self.pair.gradients(grad.array, self.state, arrays)
        return tuple(None if g is None else Tensor(np.array(g)) for g in gradients)


def _names(forward, arguments) -> list[str]:
    """What messages call the arguments: their names in forward, else their numbers."""
    try:
        parameters = list(inspect.signature(forward).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [plain[i] if i < len(plain) else f"argument {i}" for i in range(len(arguments))]


def _remedy(got: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """What makes a gradient of one shape into one of another."""
    extra = len(got) - len(wanted)
    if extra >= 0:
        summed = [i for i in range(len(got)) if i < extra or (wanted[i - extra] == 1 and got[i] != 1)]
        left = tuple(1 if i in summed else n for i, n in enumerate(got))[extra:]
        if summed and left == wanted:
            axes = summed[0] if len(summed) == 1 else tuple(summed)
            keep = ", keepdims=True" if extra == 0 else ""
            return f"forward broadcasts it, so sum its gradient over what was added: .sum(axis={axes}{keep})"
    if got == wanted[::-1]:
        return "it is transposed: .T"
    if np.prod(got) == np.prod(wanted):
        return f"it has as many elements: .reshape{wanted}, if their order is right"
    return "a gradient has the shape of what it is the gradient of"
