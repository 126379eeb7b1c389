"""From "this derivative is wrong" to "these elements are, and probably for this reason".

`diagnose` measures the gradient of the failing input element by element, by `backward` and by differences, and
asks the `minigen.checks.catalogue` of mistakes which of them fits.  It decides nothing about right or wrong: that was
done before.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minigen.autograd import grad
from minigen.backend import array_module
from minigen.checks.catalogue import name_cause
from minigen.checks.experiment import Experiment, Leaf, Move, to_numpy, write
from minigen.checks.kinks import slope
from minigen.checks.patterns import Case
from minigen.tensor import Tensor

__all__ = ["Diagnosis", "Sample", "diagnose"]

SECONDS, SECONDS_LATER = 4.0, 0.5  # that measuring one gradient of order 1, or of a later order, may take
ELEMENTS = 4096  # that are measured at most
JACOBIAN = 2_000_000  # entries that are kept at most
SHOWN = 6


@dataclass(frozen=True)
class Sample:
    """One element of the gradient, computed twice."""

    index: tuple[int, ...]
    analytic: float
    numeric: float


@dataclass(frozen=True)
class Diagnosis:
    """Where a gradient is wrong, and the likely cause.

    Attributes
    ----------
    cause : str
        One word or two, from `minigen.checks.catalogue.CAUSES`.
    sentence : str
        What in the numbers says so, and what is likely to have happened.
    look : str
        What to look at in the program.
    input : str
        Whose gradient it is.
    wrong, looked_at, size : int
        How many elements are wrong, of how many that were looked at, of how many that there are.
    samples : tuple of Sample
        The elements that differ most, in their order in the array.
    """

    cause: str
    sentence: str
    look: str
    input: str
    wrong: int
    looked_at: int
    size: int
    samples: tuple[Sample, ...]


def diagnose(experiment: Experiment, leaf: Leaf, move: Move, scalar: Callable[[], Tensor], order: int, eps: float):
    """Measure one leaf's gradient of ``scalar`` element by element, and name the likely cause."""
    measured = _Measured(experiment, leaf.tensor, scalar, order, eps)
    lost_in_direction = order > 2 and not measured.mismatch().any()
    if lost_in_direction:  # the derivative of backward's backward with respect to the gradient given to it
        measured = _Measured(experiment, move[-1][0], scalar, order, eps)
    case = Case(
        order=order,
        input=leaf.name,
        x=measured.x,
        analytic=measured.analytic,
        numeric=measured.numeric,
        wrong=measured.mismatch(),
        whole=measured.whole,
        jacobian=measured.jacobian,
        outputs=measured.outputs,
        grad_outputs=measured.grad_outputs,
        others={other.name: to_numpy(other.tensor) for other in experiment.leaves if other is not leaf},
        lost_in_direction=lost_in_direction,
        numeric_of=lambda name: _numeric_of(experiment, name, eps),
        numeric_with=lambda name, values: _numeric_with(experiment, leaf, name, values, measured, eps),
    )
    finding = name_cause(case)
    samples = measured.samples()
    return Diagnosis(
        finding.cause,
        finding.sentence,
        finding.look,
        leaf.name,
        int(case.wrong.sum()),
        len(measured.indices),
        measured.x.size,
        samples,
    )


class _Measured:
    """The gradient of a scalar with respect to one tensor, by backward and by differences, for each element.

    At order 1 the outputs are kept too: together they give the Jacobian for the same price.
    """

    def __init__(self, experiment, tensor, scalar, order, eps):
        self.tensor, self.eps = tensor, eps
        self.x = to_numpy(tensor)
        y = scalar()
        (g,) = grad(y, tensor, create_graph=True, allow_unused=True) if y.requires_grad else (None,)
        whole = np.zeros_like(self.x) if g is None else to_numpy(g)
        self.outputs: tuple[np.ndarray, ...] = ()
        self.grad_outputs: tuple[np.ndarray, ...] = ()
        if order == 1:
            self.outputs = tuple(to_numpy(y) for y in experiment.outputs())
            self.grad_outputs = tuple(experiment.grad_outputs())
        entries = self.x.size * sum(y.size for y in self.outputs)
        keep = order == 1 and entries <= JACOBIAN
        columns = self._columns(experiment, scalar, keep)
        self.indices = sorted(columns)
        self.whole = len(columns) == self.x.size
        values = np.array([columns[i] for i in self.indices])
        self.jacobian = values.T if keep and self.whole else None
        if keep:
            values = values @ _flat(self.grad_outputs)
        self.analytic = whole if self.whole else whole.ravel()[self.indices]
        self.numeric = values.reshape(self.analytic.shape)

    def _columns(self, experiment, scalar, keep):
        """The derivatives with respect to element i: of all outputs where they are kept, or of the scalar."""

        def value():
            return _flat([to_numpy(y) for y in experiment.outputs()]) if keep else scalar().item()

        order = np.random.default_rng(0).permutation(self.x.size)[:ELEMENTS]
        columns, deadline = {}, time.monotonic() + (SECONDS if keep else SECONDS_LATER)
        for i in order.tolist():
            columns[i] = _partial(self.tensor, self.x, i, value, self.eps)
            if time.monotonic() > deadline:
                break
        return columns

    def mismatch(self):
        """Which elements are wrong: off by more than a millionth of the largest."""
        scale = max(np.abs(self.analytic).max(initial=0), np.abs(self.numeric).max(initial=0), 1e-3)
        return ~(np.abs(self.analytic - self.numeric) <= 1e-6 * scale)

    def samples(self):
        """The elements that differ most."""
        difference = np.abs(self.analytic - self.numeric).ravel()
        worst = np.argsort(-np.nan_to_num(difference, nan=np.inf), kind="stable")[:SHOWN]
        wrong = self.mismatch().ravel()
        chosen = sorted(int(i) for i in worst if wrong[i])
        pairs = list(zip(self.analytic.ravel().tolist(), self.numeric.ravel().tolist(), strict=True))
        places = [np.unravel_index(self.indices[i], self.x.shape) for i in chosen]
        return tuple(Sample(tuple(map(int, index)), *pairs[i]) for i, index in zip(chosen, places, strict=True))


def _flat(arrays) -> np.ndarray:
    return np.concatenate([np.ravel(a) for a in arrays])


def _partial(tensor, x, i, value, eps):
    """The derivative of ``value()`` with respect to element i of a tensor that is now x."""

    def at(t):
        stepped = x.copy()
        stepped.ravel()[i] += t  # x is contiguous: ravel is a view
        write(tensor, array_module(tensor.array).asarray(stepped))
        return value()

    derivative = slope(at, eps)
    write(tensor, array_module(tensor.array).asarray(x))
    return derivative


def _numeric_of(experiment, name, eps) -> np.ndarray:
    """The numeric gradient of the loss with respect to another leaf."""
    leaf = next(leaf for leaf in experiment.leaves if leaf.name == name)
    x = to_numpy(leaf.tensor)
    partials = [_partial(leaf.tensor, x, i, lambda: experiment.loss().item(), eps) for i in range(x.size)]
    return np.array(partials).reshape(x.shape)


def _numeric_with(experiment, leaf, name, values, measured, eps) -> np.ndarray | None:
    """The gradient that ``leaf`` would have if the leaf called ``name`` had other values, grad_outputs being the same.

    None where the function cannot be evaluated there.
    """
    other = next(leaf for leaf in experiment.leaves if leaf.name == name)
    before, x = to_numpy(other.tensor), measured.x if other is not leaf else values
    weights = measured.grad_outputs

    def loss():
        return sum(float((g * to_numpy(y)).sum()) for g, y in zip(weights, experiment.outputs(), strict=True))

    write(other.tensor, array_module(other.tensor.array).asarray(values))
    try:
        partials = [_partial(leaf.tensor, x, i, loss, eps) for i in range(x.size)]
    except (ValueError, RuntimeError, ArithmeticError):
        return None
    finally:
        write(other.tensor, array_module(other.tensor.array).asarray(before))
    return np.array(partials).reshape(x.shape)
