"""Checkpoints: forget what lies inside a part of a network, and compute it again when backward comes by.

A graph keeps every array that backward will read.  `checkpoint` keeps only what goes into a part and what comes out,
and pays with a second forward pass through it.  With a network cut into k parts of equal size, memory is that of k
borders and one part.  (Files with a training run's state are also called checkpoints; those are not here.)
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigen.backend import Array, get_rng_state, set_rng_state
from minigen.engine import Function, partial_grads
from minigen.modes import enable_grad, is_grad_enabled
from minigen.namespace import cat
from minigen.tensor import Tensor


class Checkpoint(Function):
    """A part of a network as one node: its inputs are all tensors that the part reads from outside."""

    value: Array
    again: Callable[[], Tensor]

    def forward(self, *arrays: Array) -> Array:
        """Hand over what has just been computed."""
        return self.__dict__.pop("value")

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the part again, this time keeping its graph, and walk back through that."""
        with enable_grad():
            output = self.again()
        _check_same(output, self.output)
        wanted = [x for x, needed in zip(self.inputs, self.needs_input_grad, strict=True) if needed]
        found = iter(partial_grads(output, wanted, grad, create_graph=is_grad_enabled()))
        return tuple(next(found) if needed else None for needed in self.needs_input_grad)


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Return ``function(*args, **kwargs)`` without keeping what lies inside; backward computes it a second time.

    Parameters
    ----------
    function : callable
        A module, or any function of tensors; returns a Tensor or a tuple of Tensors of one dtype.  It must compute the
        same when it is called again.
    *args, **kwargs
        Its arguments.
    use_reentrant : bool, optional
        Accepted for PyTorch's sake and ignored: gradients arrive here as with PyTorch's False.
    preserve_rng_state : bool, default True
        Let the second computation draw the same random numbers (dropout's mask) as the first.

    Returns
    -------
    Tensor or tuple of Tensor
        What ``function`` returned.

    Raises
    ------
    TypeError
        If ``function`` returns anything else.
    RuntimeError
        In backward, if the second computation gives another result than the first, or if something that was read is
        no longer what it was.

    Notes
    -----
    Gradients arrive at the arguments and at all else that ``function`` reads: parameters of a module, tensors from an
    enclosing scope.  (They are found in the graph of the first computation, which is then dropped.)  The second
    computation is recorded where the walk back is, so there are gradients of gradients.

    Some layers change buffers while computing: batch norm its running statistics, spectral norm its vectors.  For the
    second computation the buffers are put back to what they were before the first, and afterwards to what they are
    now, so nothing is counted twice.  That holds for modules that ``function`` is, is a method of, is given, or names
    in its scope, also in lists and dicts there.

    References
    ----------
    Chen, Xu, Zhang and Guestrin (2016), "Training deep nets with sublinear memory cost", arXiv:1604.06174.

    Examples
    --------
    >>> import minigen
    >>> x = minigen.ones(2, requires_grad=True)
    >>> y = checkpoint(lambda t: t.exp().log().exp(), x)
    >>> y.grad_fn
    <Checkpoint>
    >>> y.sum().backward()
    >>> x.grad
    tensor([2.7183, 2.7183])
    """
    if not callable(function):
        raise TypeError(f"checkpoint: the first argument must be a function or a module, not {type(function).__name__}")
    if not is_grad_enabled():
        return function(*args, **kwargs)
    before = Function.calls_so_far()
    state = Snapshot(function, args, kwargs, random=preserve_rng_state)
    outputs = function(*args, **kwargs)
    whole = _joined(outputs)
    read = _read_from_outside(whole, before)
    if not read or (whole.grad_fn is None or whole.grad_fn.order <= before):
        return outputs  # nothing was recorded, so nothing is kept

    def again() -> Tensor:
        with state.as_before():
            return _joined(function(*args, **kwargs))

    given = [x for x in (*args, *kwargs.values()) if isinstance(x, Tensor) and not any(x is y for y in read)]
    result = Checkpoint.apply(*read, *given, value=whole.array, again=again)
    return _split(result, outputs)


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Tensor,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
) -> Any:
    """Run functions one after another, cut into segments that are checkpointed, all but the last.

    Parameters
    ----------
    functions : nn.Sequential or sequence of callable
        Each takes what the one before returned.
    segments : int
        How many parts to make of them; the square root of their number keeps memory lowest.
    input : Tensor
        What the first function is given.
    use_reentrant, preserve_rng_state
        As for `checkpoint`.

    Returns
    -------
    Tensor
        What the last function returned.

    Raises
    ------
    ValueError
        If there are not between 1 and ``len(functions)`` segments.

    Examples
    --------
    >>> import minigen
    >>> from minigen import nn
    >>> net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1))
    >>> checkpoint_sequential(net, 2, minigen.ones(3, 4)).shape
    (3, 1)
    """
    if not isinstance(functions, Iterable):
        raise TypeError(f"checkpoint_sequential: functions must be a list of them, not {type(functions).__name__}")
    steps = list(functions)
    if not isinstance(segments, int) or not 1 <= segments <= len(steps):
        raise ValueError(f"checkpoint_sequential: segments must be from 1 to {len(steps)}, not {segments!r}")
    length, value = len(steps) // segments, input
    for start in range(0, length * (segments - 1), length):
        run = functools.partial(_run, steps[start : start + length])
        value = checkpoint(run, value, use_reentrant=use_reentrant, preserve_rng_state=preserve_rng_state)
    return _run(steps[length * (segments - 1) :], value)  # the last is walked back at once: nothing would be saved


def _run(steps: Sequence[Callable[[Any], Any]], value: Any) -> Any:
    for step in steps:
        value = step(value)
    return value


# --- what is read, and what is returned -----------------------------------------------------------------------


def _read_from_outside(output: Tensor, before: int) -> list[Tensor]:
    """The tensors with gradients that calls made after ``before`` read, and that are older than those calls."""
    read: dict[int, Tensor] = {}
    seen, stack = set(), [output.grad_fn]
    while stack:
        call = stack.pop()
        if call is None or call in seen:
            continue
        seen.add(call)
        for x in call.inputs or ():
            if x.grad_fn is not None and x.grad_fn.order > before:
                stack.append(x.grad_fn)
            elif x.requires_grad:
                read[id(x)] = x
    return list(read.values())


def _joined(outputs: Any) -> Tensor:
    """One tensor of all outputs: a node has one output."""
    if isinstance(outputs, Tensor):
        return outputs
    if not isinstance(outputs, (tuple, list)) or not outputs or not all(isinstance(y, Tensor) for y in outputs):
        raise TypeError(
            f"checkpoint: the function returned a {type(outputs).__name__}; a Tensor or a tuple of Tensors is wanted"
        )
    if len({y.dtype for y in outputs}) > 1:
        kinds = ", ".join(str(y.dtype) for y in outputs)
        raise TypeError(f"checkpoint: the outputs of the function must have one dtype, not {kinds}")
    return cat([y.reshape(-1) for y in outputs])  # each (...) -> (its number of elements,)


def _split(whole: Tensor, outputs: Any) -> Any:
    """Undo `_joined`."""
    if isinstance(outputs, Tensor):
        return whole
    parts, start = [], 0
    for y in outputs:
        parts.append(whole[start : start + y.numel()].reshape(y.shape))
        start += y.numel()
    return type(outputs)(parts)


def _check_same(output: Tensor, first: Tensor) -> None:
    """Compare the second computation with the first; values only on the host, where that does not wait."""
    difference = ""
    if output.shape != first.shape or output.dtype != first.dtype:
        difference = f"{output.shape} {output.dtype} instead of {first.shape} {first.dtype}"
    elif type(first.array) is np.ndarray and first.numel():
        gap = float(np.max(np.abs(output.array - first.array), initial=0.0))
        if gap > 1e-3 * float(np.max(np.abs(first.array), initial=0.0)):
            difference = f"values that differ by up to {gap:.3g}"
    if difference:
        raise RuntimeError(
            f"checkpoint: computing the function again in backward gave {difference}; it must compute the same each "
            "time (no change of mode or of weights in between, random numbers from minigen's generator only)"
        )


# --- what changes while computing -------------------------------------------------------------------------------


class Snapshot:
    """The random source and the buffers of modules, as they are now; modules are also found in functions and lists."""

    def __init__(self, *places: Any, random: bool = True) -> None:
        self.rng = get_rng_state() if random else None
        self.buffers = [(buffer, buffer._version, buffer.array.copy()) for buffer in _buffers(*places)]

    @contextmanager
    def as_before(self) -> Iterator[None]:
        """Go back for the length of a ``with`` block, and leave no trace of what happens in it."""
        rng = get_rng_state()
        now = [(buffer, buffer._version, buffer.array.copy()) for buffer, _, _ in self.buffers]
        for buffer, version, values in self.buffers:
            if buffer._version != version:
                buffer.array[...] = values
                buffer.bump_version()
        if self.rng is not None:
            set_rng_state(self.rng)
        try:
            yield
        finally:
            if self.rng is not None:
                set_rng_state(rng)
            for buffer, version, values in now:
                if buffer._version != version:
                    buffer.array[...] = values
                    buffer._counter[0] = version  # the values are those of that version again


def _buffers(*places: Any) -> list[Tensor]:
    """The buffers of all modules in sight of some functions and values, each once."""
    found: dict[int, Tensor] = {}
    seen: set[int] = set()
    stack = list(places)
    while stack:
        thing = stack.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, (tuple, list)):
            stack += thing
        elif isinstance(thing, dict):
            stack += thing.values()
        elif isinstance(thing, functools.partial):
            stack += [thing.func, thing.args, thing.keywords]
        elif inspect.ismethod(thing):
            stack += [thing.__self__, thing.__func__]
        elif inspect.isfunction(thing):
            names = inspect.getclosurevars(thing)
            stack += [names.nonlocals, names.globals]
        elif not isinstance(thing, type) and callable(getattr(thing, "buffers", None)):
            found.update((id(buffer), buffer) for buffer in thing.buffers())
    return list(found.values())
