"""Work shared out among the processor's cores.

NumPy computes elementwise functions, copies and small matrix products on one core; only its BLAS uses several, for
large products.  But NumPy's loops run without Python's global lock, so threads of our own may work side by side:
each takes some images of a batch, does all steps of a function on them (copy windows, multiply, add the bias)
while they lie in its core's cache, and takes the next.

From the first such work on BLAS is kept to one thread: its own threads wait for more to do in a loop, on the cores that
ours need.
"""

from __future__ import annotations

import collections
import contextvars
import ctypes
import functools
import os
import threading
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from minigen.arguments import one_integer
from minigen.backend import Array, array_module

__all__ = ["get_num_threads", "set_num_threads"]

_MOST = 8  # threads unless more are asked for: Python's lock, taken between NumPy's loops, sets a limit
_HEAVY = 2**23  # multiplications in a matrix product from which on sharing it out pays

_lock = threading.Lock()
_threads: int | None = None  # None: nobody has asked yet
_pool: ThreadPoolExecutor | None = None
_here = threading.local()  # _here.busy is True in a thread that works on a task


def get_num_threads() -> int:
    """Return how many threads minigen's functions use on the CPU.

    Without `set_num_threads` as many as NumPy's BLAS was set up to use, but at most 8: so ``OPENBLAS_NUM_THREADS``,
    ``MKL_NUM_THREADS`` and ``OMP_NUM_THREADS``, set before the start, count.
    """
    global _threads
    if _threads is None:
        _threads = min(_MOST, max((library.num_threads for library in _blas()), default=os.cpu_count() or 1))
    return _threads


def set_num_threads(n: int) -> None:
    """Use ``n`` threads from now on.

    Results are the same bits in every run with the same number of threads; with another number sums may round
    differently.

    Parameters
    ----------
    n : int
        At least 1; more threads than cores gain nothing.

    Raises
    ------
    ValueError, TypeError
        If n is no positive integer.

    Notes
    -----
    From the first work that is shared out, or from this call on, NumPy's BLAS works with one thread in the whole
    process; ``threadpoolctl`` gives it more again.

    Examples
    --------
    >>> before = get_num_threads()
    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(before)
    """
    global _threads
    n = one_integer("set_num_threads", "n", n)
    if n < 1:
        raise ValueError(f"set_num_threads: n must be at least 1, not {n}")
    _threads = n
    _limit_blas()
    _forget_pool()


@functools.cache
def _blas() -> list[Any]:
    """The BLAS libraries of this process whose threads can be counted and limited."""
    from threadpoolctl import ThreadpoolController  # takes milliseconds: not at import

    return ThreadpoolController().select(user_api="blas").lib_controllers


def _limit_blas() -> None:
    for library in _blas():
        library.set_num_threads(1)


def _forget_pool() -> None:
    """Let the next work start new threads: after `set_num_threads`, and in a forked process, which has none."""
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def _started_pool() -> ThreadPoolExecutor:
    global _pool
    with _lock:
        if _pool is None:
            helpers = get_num_threads() - 1  # asked before BLAS is limited
            _limit_blas()
            _pool = ThreadPoolExecutor(max(1, helpers), "minigen")
        return _pool


def spread(xp: Any, task: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Call ``task(item)`` for every item, in several threads, and return the results in the order of the items.

    Which thread takes which item is left to chance, so a task writes to places of its own only; it makes no tensors.
    Where ``xp`` is not NumPy the calling thread does all: a GPU is busy by itself.

    Examples
    --------
    >>> spread(np, lambda item: item * item, range(4))
    [0, 1, 4, 9]
    """
    items = list(items)
    if xp is not np or len(items) < 2 or get_num_threads() == 1 or getattr(_here, "busy", False):
        return [task(item) for item in items]
    results: list[Any] = [None] * len(items)
    waiting = collections.deque(enumerate(items))

    def work() -> None:
        _here.busy = True
        try:
            while (turn := _next(waiting)) is not None:
                i, item = turn
                results[i] = task(item)
        except BaseException:
            waiting.clear()  # nothing more is begun
            raise
        finally:
            _here.busy = False

    pool = _started_pool()
    _keep_off_this_cpu(pool)
    helpers = min(get_num_threads(), len(items)) - 1
    futures = [pool.submit(contextvars.copy_context().run, work) for _ in range(helpers)]
    try:
        work()
    finally:
        errors = [future.exception() for future in futures]
    for error in filter(None, errors):
        raise error
    return results


def _next(waiting: collections.deque) -> Any:
    """Take the first one of a queue, or None: asking for its length before would be too early."""
    try:
        return waiting.popleft()
    except IndexError:
        return None


def _keep_off_this_cpu(pool: ThreadPoolExecutor) -> None:
    """Forbid the helpers the CPU that the calling thread runs on.

    Linux may wake a thread on the CPU of the one that wakes it, and then they take turns for milliseconds while the
    next CPU is idle; for short tasks nothing would be gained.
    """
    if _current_cpu is None:
        return
    cpu = _current_cpu()
    for thread in pool._threads:
        if thread.native_id and _kept_off.get(thread) != cpu:
            others = os.sched_getaffinity(0) - {cpu}
            if others:
                os.sched_setaffinity(thread.native_id, others)
            _kept_off[thread] = cpu


_current_cpu = getattr(ctypes.CDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None
_kept_off: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # thread: the CPU that it was forbidden last


def shares(length: int) -> list[slice]:
    """Cut ``range(length)`` into as many equal slices as there are threads."""
    step = -(-length // get_num_threads()) or 1
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def matmul(a: Array, b: Array) -> Array:
    """``a @ b``; a large product of two matrices is shared out by the rows or the columns of the result."""
    xp = array_module(a)
    fits = a.ndim == b.ndim == 2 and a.shape[1] == len(b)
    if xp is not np or not fits or len(a) * b.size < _HEAVY or get_num_threads() == 1:
        return xp.matmul(a, b)
    out = np.empty((len(a), b.shape[1]), np.result_type(a, b))
    if len(a) >= b.shape[1]:
        spread(np, lambda rows: np.matmul(a[rows], b, out=out[rows]), shares(len(a)))
    else:
        spread(np, lambda columns: np.matmul(a, b[:, columns], out=out[:, columns]), shares(b.shape[1]))
    return out
