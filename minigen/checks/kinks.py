"""Where a difference quotient may not be believed: at kinks and jumps, and where a function is steep or noisy.

A derivative that disagrees with the first difference quotient is not wrong yet.  `look_closer` takes smaller and
smaller steps and tells four cases apart: the derivative is right after all (a kink lay between the probing points, or
the function is steep), it is wrong, the point itself stands on a kink, or the quotients do not settle and say nothing.
Only values of the function are used here, never its derivatives.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Look", "look_closer", "slope", "stands_on_kink"]

At = Callable[[float], float]
ROUNDING = 1e-15  # relative error of a value of the function


def slope(at: At, step: float) -> float:
    """The derivative of ``at`` at 0 by central differences from four points; its error is of order ``step**4``."""
    return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)


@dataclass(frozen=True)
class Look:
    """What small steps say: ``verdict`` is "right", "wrong", "kink" or "unsettled"; ``numeric`` the best slope."""

    verdict: str
    numeric: float


def look_closer(at: At, analytic: float, step: float, tolerance: float) -> Look:
    """Judge a derivative that disagrees with the quotient at ``step``, from steps down to ``step / 256``.

    Parameters
    ----------
    at
        t -> value of the function after a step of t.
    analytic
        The derivative at 0 that is judged.
    step
        The widest step that is taken again.
    tolerance
        The largest difference from ``analytic`` allowed, relative to ``max(1, |analytic|)``.

    Notes
    -----
    For a smooth function the slopes ahead of the point and behind it differ by ``step * f''``: 16 times less
    when the step is 16 times smaller, and so do the values on both sides.  At a kink the slopes stay apart, at a jump
    the values do.
    """
    allowed = tolerance * max(1.0, abs(analytic))
    steps = [step / 4**j for j in range(5)]
    slopes = [slope(at, h) for h in steps]
    if any(abs(s - analytic) <= allowed for s in slopes):
        return Look("right", min(slopes, key=lambda s: abs(s - analytic) if np.isfinite(s) else np.inf))
    if stands_on_kink(at, steps[-3], allowed):
        return Look("kink", slopes[0])
    changes = [abs(a - b) if np.isfinite(a) and np.isfinite(b) else np.inf for a, b in itertools.pairwise(slopes)]
    best = int(np.argmin(changes))
    if not np.isfinite(changes[best]):
        return Look("kink", slopes[0])  # no value on one side: the edge of the domain
    noise = max(change * h for change, h in list(zip(changes, steps[1:], strict=True))[best:])  # of a value
    doubt = 5 * max(changes[best], noise / steps[best])
    if np.isfinite(analytic) and abs(slopes[best] - analytic) <= doubt:
        return Look("unsettled", slopes[best])
    return Look("wrong", slopes[best])


def stands_on_kink(at: At, step: float, allowed: float) -> bool:
    """True if the two sides of 0 stay apart, in slope or in value, as the step shrinks to ``step / 16``."""
    centre = at(0.0)
    noise = 20 * ROUNDING * max(1.0, abs(centre)) / (step / 16)

    def apart(between):
        values = [between(h) for h in (step, step / 4, step / 16)]
        sizes = [abs(v) for v in values]
        same = min(sizes) > 0.7 * max(sizes) and (min(values) > 0 or max(values) < 0)
        return same and min(sizes) > max(noise, allowed / 10)

    kink = apart(lambda h: (at(h) - 2 * centre + at(-h)) / h)
    jump = apart(lambda h: at(h) - at(-h))
    return bool(kink or jump)
