"""What holds for all calls of a thread: whether they are recorded, who looks on, how much memory they may claim.

Modes are context variables, so each thread has its own: loading data in the background does not see the `no_grad` of
the training loop.  Nothing is computed here, and no graph is built (`minigen.engine` does that).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar, copy_context
from typing import Any

import numpy as np

from minigen.backend import OutOfMemoryError

recording: ContextVar[bool] = ContextVar("minigen_recording", default=True)  # one value per thread
observers: ContextVar[tuple[Observer, ...]] = ContextVar("minigen_observers", default=())  # one value per thread
differentiating: ContextVar[Any] = ContextVar("minigen_differentiating", default=None)  # kept for observers only
allowance: ContextVar[_Allowance | None] = ContextVar("minigen_allowance", default=None)  # None: what fits


def _silence() -> tuple[ContextVar, Any]:
    """Find the context variable of ``np.errstate``, and its value that ignores all floating-point errors.

    As in PyTorch, infinities and NaN are results, not warnings.  Setting the variable is what ``np.errstate`` does,
    but without making the value anew: a microsecond saved in each call.  (Should NumPy keep its mode elsewhere one
    day, a variable that nobody reads is returned, and NumPy's warnings will be seen.)
    """
    outside = copy_context()
    with np.errstate(all="ignore"):
        inside = copy_context()
    changed = [(variable, value) for variable, value in inside.items() if outside.get(variable) is not value]
    return changed[0] if changed else (ContextVar("minigen_unread"), None)


numpy_errors, ignored = _silence()


# --- grad mode ----------------------------------------------------------------------------------------------


def is_grad_enabled() -> bool:
    """Tell whether operations are recorded in this thread."""
    return recording.get()


class _GradMode(ContextDecorator):
    """Base of the context managers that switch recording on or off; each also decorates functions."""

    mode = True

    def __new__(cls, function=None):
        self = super().__new__(cls)
        return self if function is None else self(function)  # lets @no_grad do without parentheses

    def __enter__(self):
        self._before = recording.get()
        recording.set(self.mode)
        return self

    def __exit__(self, *_):
        recording.set(self._before)

    def _recreate_cm(self):
        return type(self)()  # a fresh one for each call of a decorated function: recursion is safe


class no_grad(_GradMode):
    """Compute without recording: for evaluation and for updates of parameters.

    A context manager and a decorator, as in PyTorch; it holds for the current thread.

    Examples
    --------
    >>> import minigen
    >>> x = minigen.ones(2, requires_grad=True)
    >>> with minigen.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    mode = False


class enable_grad(_GradMode):
    """Record again inside a `no_grad` block.  A context manager and a decorator."""

    mode = True


class set_grad_enabled(_GradMode):
    """Record or not, as ``mode`` says: from now on, or for the length of a ``with`` block."""

    def __new__(cls, mode: bool):
        return super().__new__(cls)

    def __init__(self, mode: bool) -> None:
        self.mode = bool(mode)
        self._before = recording.get()
        recording.set(self.mode)

    def __enter__(self):
        recording.set(self.mode)  # what to go back to was noted when the object was made
        return self

    def __call__(self, function):
        recording.set(self._before)  # as a decorator it is about the function's body, not about now
        return (enable_grad if self.mode else no_grad)(function)


# --- looking on ---------------------------------------------------------------------------------------------


class Observer:
    """Somebody who looks on while functions are applied and differentiated: a base class that does nothing."""

    def forward(self, call: Any, inputs: tuple, output: Any) -> None:
        """See a call that has just been made (also where nothing records)."""

    def backward(self, call: Any, grad: Any, grads: tuple) -> None:
        """See what a call's backward has just returned, and the gradient of its output, which it was given."""


@contextmanager
def observing(observer: Observer) -> Iterator[Observer]:
    """Let ``observer`` see every call in this thread for the length of a ``with`` block.

    Examples
    --------
    >>> import minigen
    >>> class Names(Observer):
    ...     def forward(self, call, inputs, output):
    ...         print(type(call).__name__, output.shape)
    >>> with observing(Names()):
    ...     y = minigen.ones(2, 3).exp().sum()
    Exp (2, 3)
    Sum ()
    """
    token = observers.set((*observers.get(), observer))
    try:
        yield observer
    finally:
        observers.reset(token)


# --- memory ---------------------------------------------------------------------------------------------------


class _Allowance:
    """How many numbers may still be made."""

    def __init__(self, numbers: int) -> None:
        self.left = numbers


@contextmanager
def allowing(numbers: int) -> Iterator[None]:
    """Inside, this thread makes tensors of so many numbers in all, and no more.

    For building what a file describes: its words must not claim more memory than there is reason to.

    Raises
    ------
    minigen.backend.OutOfMemoryError
        Before the first tensor beyond is made.

    Examples
    --------
    >>> import minigen
    >>> with allowing(100):
    ...     x = minigen.zeros(60), minigen.rand(5, 9)
    Traceback (most recent call last):
        ...
    minigen.backend.OutOfMemoryError: a tensor of shape (5, 9) is more than the 40 numbers that are left of ...
    """
    token = allowance.set(_Allowance(numbers))
    try:
        yield
    finally:
        allowance.reset(token)


def claim(shape: tuple[int, ...]) -> None:
    """Count a tensor that is about to be made, where there is an allowance."""
    own = allowance.get()
    if own is None:
        return
    if math.prod(shape) > own.left:
        raise OutOfMemoryError(
            f"a tensor of shape {shape} is more than the {own.left} numbers that are left of what is allowed"
        )
    own.left -= math.prod(shape)
