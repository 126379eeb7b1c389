"""Finite differences: the only authority on gradients in minigen.

`check_gradients` compares the derivatives that `backward` computes with differences of function
values, to any order, and says where they part.  It is a check and not a proof: it looks at one
point and at random directions, it needs float64, and it needs a point where the function is smooth
(at a kink, such as relu at 0, a difference quotient and a subgradient rightly disagree; it notices, and moves away).

How it works.  The function's outputs are turned into one number, the loss, by a random and nonlinear readout
(`minigen.checks.experiment`).  Then, for order k = 1, 2, ...: the loss differentiated k-1 times by `backward` along
random directions is a number again, s(x).  Its slope along one more direction is taken twice, once by `backward` and
once by central differences of s, and the two must agree.  Where they do not, smaller steps say whether the derivative
or the quotient is at fault (`minigen.checks.kinks`), and a difference quotient for every element of the
input says what is wrong (`minigen.checks.diagnosis`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigen.checks.diagnosis import diagnose
from minigen.checks.experiment import Experiment, Leaf, write
from minigen.checks.kinks import look_closer, slope, stands_on_kink
from minigen.checks.report import Comparison, GradientError, GradientReport, Kink

__all__ = ["check_gradients"]

TRIES = 4  # points that are tried before a function is said to have kinks everywhere
DIAGNOSED = 4  # inputs with a wrong gradient that are looked at element by element
LOCATED = 2000  # kinks are located in inputs of at most so many elements; larger ones are moved as a whole


def check_gradients(
    f: Callable[..., Any],
    *inputs: Any,
    order: int = 2,
    wrt: Sequence[int | str] | None = None,
    seed: int = 0,
    eps: float = 2e-4,
    tolerance: float = 1e-6,
    name: str | None = None,
) -> GradientReport:
    """Compare the derivatives of `f` with finite differences, up to `order`.

    The criterion is ``|analytic - numeric| / max(1, |analytic|) <= tolerance``.

    Parameters
    ----------
    f
        Any function of Tensors that returns a Tensor or several (in tuples, lists, dicts), or a `Module`, whose
        parameters are then checked as well.  It may draw random numbers from minigen's source (dropout) and update
        buffers of the module (running statistics): both are put back before every evaluation.
    *inputs
        Tensors or arrays, also in tuples and lists.  Those of float64 are differentiated; anything else is handed on
        as it is.  Where there is no tensor at all, Python floats are taken for tensors of one number.  Options go by
        ``functools.partial`` or a lambda.
    order
        The highest order of derivative to check, 1 or more.
    wrt
        Which derivatives to check: positions of inputs and names of parameters (inside a tuple: ``"input 0[1]"``).
        Default: all of them.
    seed
        Of the readout and of the directions.
    eps
        Step of the differences; directions have entries in [-1, 1], so no element moves by more than ``2 * eps``.
    tolerance
        The largest error allowed.
    name
        What messages call the function. Default: its ``__name__``.

    Returns
    -------
    GradientReport
        Every comparison that was made; ``report.worst.error`` is the largest error, ``report.moved`` names the elements
        that stood on a kink.

    Raises
    ------
    GradientError
        If a derivative is wrong; it names the function, the order, the input, the elements and both values, and the
        likely cause. Orders above the first wrong one are not looked at.
    TypeError
        If an input, a parameter or an output is float32: a difference of two float32 values keeps 3 of its 7 digits.
    ValueError
        If there is nothing to differentiate, if `f` is not a function of its inputs alone, or if no point near the
        inputs can be judged.

    Notes
    -----
    The differences are central, from four points, (8 (s(h) - s(-h)) - (s(2h) - s(-2h))) / 12h: their error is of
    order h**4 instead of h**2, so that h can be as large as 2e-4 and rounding costs 4 digits of 16.  Errors of a right
    derivative are then about 1e-9.  A derivative that seems wrong is judged again with steps down to h/256.

    With n inputs and parameters, order k takes 4 n evaluations of the derivative of order k - 1.  From order 3 on the
    directions of lower orders are differentiated too: a backward that detaches the gradient it is given
    computes right numbers for constant directions.

    Examples
    --------
    >>> import minigen
    >>> from minigen.checks import check_gradients
    >>> x = minigen.tensor([0.5, -1.0, 2.0], dtype=minigen.float64)
    >>> report = check_gradients(lambda x: x.exp() * x, x, order=3, name="x exp(x)")
    >>> report.worst.error < 1e-6
    True
    """
    if order < 1:
        raise ValueError(f"check_gradients: order is {order}, but the lowest derivative there is has order 1")
    experiment = Experiment(f, inputs, wrt, np.random.default_rng(seed), name_of(f, name))
    return examine(experiment, order, eps, tolerance)


def name_of(f, name=None) -> str:
    """What messages call a function; `functools.partial` has the name of its function, `Exp.apply` is Exp."""
    f = getattr(f, "func", f)
    owner = getattr(f, "__self__", None)
    if getattr(f, "__name__", "") == "apply" and isinstance(owner, type):
        f = owner
    return str(name or getattr(f, "__name__", type(f).__name__))


class _OnKink(Exception):
    """The point cannot be judged: along a direction of this leaf, this scalar has a kink or is not smooth."""

    def __init__(self, leaf, scalar, verdict):
        self.leaf, self.scalar, self.verdict = leaf, scalar, verdict


def examine(experiment: Experiment, order: int, eps: float, tolerance: float) -> GradientReport:
    """Compare all derivatives up to an order; where the point stands on a kink, do so at another one nearby."""
    report = GradientReport(experiment.name, tolerance)
    try:
        experiment.refuse_unfrozen()
        for _ in range(TRIES):
            try:
                _compare(experiment, report, order, eps)
            except _OnKink as found:
                report.comparisons.clear()
                report.moved.append(_step_away(experiment, found, eps))
                verdict = found.verdict
            else:
                return report
        raise ValueError(_no_verdict(experiment, report, verdict))
    finally:
        experiment.restore()


def _no_verdict(experiment: Experiment, report: GradientReport, verdict: str) -> str:
    """Why no point near the inputs could be judged."""
    if verdict == "kink":
        return (
            f"{experiment.caller}: {experiment.name}: {report.moved[-1]}, and {TRIES} points beside it do, too; "
            "a function that is not smooth around a point cannot be judged there: give other inputs"
        )
    return (
        f"{experiment.caller}: the difference quotients of {experiment.name} with respect to {report.moved[-1].input} "
        "do not settle as the step shrinks: it is noisy (float32 inside, an iteration that stops early) or very "
        "steep here, and its derivative cannot be judged"
    )


def _compare(experiment: Experiment, report: GradientReport, order: int, eps: float) -> None:
    """Compare order by order at the present point; raise at the first order that is wrong."""
    scalar = experiment.loss
    for leaf in experiment.leaves:
        leaf.tangents.clear()
    for k in range(1, order + 1):
        moves = experiment.moves()
        slopes = [s.item() for s in experiment.slopes(scalar, moves)]
        for leaf, move, analytic in zip(experiment.leaves, moves, slopes, strict=True):
            at = experiment.along(scalar, move)
            numeric = slope(at, eps)
            comparison = Comparison(k, leaf.name, leaf.tensor.shape, analytic, numeric)
            if not comparison.error <= report.tolerance:
                look = look_closer(at, analytic, eps, report.tolerance)
                if look.verdict in ("kink", "unsettled"):
                    raise _OnKink(leaf, scalar, look.verdict)
                comparison = Comparison(k, leaf.name, leaf.tensor.shape, analytic, look.numeric)
            report.comparisons.append(comparison)
        if report.failures:
            failing = {comparison.input for comparison in report.failures}
            for leaf, move in zip(experiment.leaves, moves, strict=True):
                if leaf.name in failing and len(report.diagnoses) < DIAGNOSED:
                    report.diagnoses.append(diagnose(experiment, leaf, move, scalar, k, eps))
            raise GradientError(report)
        scalar = experiment.total_slope(scalar, moves)


def _step_away(experiment: Experiment, found: _OnKink, eps: float) -> Kink:
    """Move the elements that stand on a kink by 25 to 50 steps, each by its own distance."""
    leaf: Leaf = found.leaf
    where = _elements_on_kink(experiment, leaf, found.scalar, eps)
    distance = experiment.rng.uniform(25, 50, leaf.tensor.shape) * experiment.rng.choice([-1, 1], leaf.tensor.shape)
    step = distance * eps * (where if where.any() else 1.0)
    leaf.origin = leaf.origin + experiment.random(leaf.tensor, lambda shape: step).array
    write(leaf.tensor, leaf.origin)
    return Kink(leaf.name, tuple(tuple(map(int, index)) for index in np.argwhere(where)))


def _elements_on_kink(experiment: Experiment, leaf: Leaf, scalar, eps: float) -> np.ndarray:
    """Which elements of a leaf stand on a kink, each moved by itself."""
    where = np.zeros(leaf.tensor.shape, bool)
    if where.size > LOCATED:
        return where
    for index in np.ndindex(where.shape):
        one = np.zeros(where.shape)
        one[index] = 1.0
        direction = experiment.random(leaf.tensor, lambda shape, one=one: one)
        at = experiment.along(scalar, [(leaf.tensor, leaf.origin, direction)])
        where[index] = stands_on_kink(at, eps / 16, 1e-6) or not np.isfinite(at(eps) + at(-eps))
    return where
