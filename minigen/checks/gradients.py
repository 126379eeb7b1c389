"""Finite differences: the only authority on gradients in minigen.

`check_gradients` compares the derivatives that `backward` computes with differences of function
values, to any order, and says where they part.  It is a check and not a proof: it looks at one
point and at random directions, it needs float64, and it needs a point where the function is smooth
(at a kink, such as relu at 0, a difference quotient and a subgradient rightly disagree).

How it works.  The function's outputs y are turned into one number by a random readout

    loss = sum(u*y + v*y**2/2 + w*y**3/6)        (u, v, w fixed random arrays)

which is nonlinear on purpose: the gradient that reaches the function, u + v*y + w*y**2/2, then depends
on the inputs itself.  With sum(y) softmax and batch norm would have the gradient zero, right or
wrong, and with any linear readout the second derivative of a linear function such as a convolution
would never be computed at all.

Then, for order k = 1, 2, ...: the loss differentiated k-1 times by `backward` along random directions is
a number again, s(x).  Its slope along one more direction is taken twice, once by `backward` and
once by central differences of s, and the two must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigen.autograd import grad
from minigen.backend import array_module, get_rng_state, set_rng_state
from minigen.nn import Module
from minigen.tensor import Tensor

__all__ = ["Comparison", "GradientError", "GradientReport", "check_gradients"]


@dataclass(frozen=True)
class Comparison:
    """One derivative, computed twice: of this `order`, last along one direction in this `input`."""

    order: int
    input: str
    shape: tuple[int, ...]
    analytic: float
    numeric: float

    @property
    def error(self) -> float:
        """``|analytic - numeric| / max(1, |analytic|)``; infinite if either is not finite."""
        error = abs(self.analytic - self.numeric) / max(1.0, abs(self.analytic))
        return error if np.isfinite(error) else float("inf")


@dataclass
class GradientReport:
    """What `check_gradients` found: every comparison it made, in the order in which it made them."""

    name: str
    tolerance: float
    comparisons: list[Comparison] = field(default_factory=list)

    @property
    def worst(self) -> Comparison:
        """The comparison with the largest error."""
        return max(self.comparisons, key=lambda comparison: comparison.error)

    @property
    def failures(self) -> list[Comparison]:
        """The comparisons whose error is above the tolerance."""
        return [c for c in self.comparisons if not c.error <= self.tolerance]

    def __str__(self) -> str:
        orders = max(c.order for c in self.comparisons)
        head = f"{self.name}: {len(self.comparisons)} derivatives up to order {orders}"
        if not self.failures:
            return f"{head} agree with finite differences (worst error {self.worst.error:.1e})"
        return "\n".join([f"{head}, {len(self.failures)} wrong:"] + [self.describe(c) for c in self.failures])

    def describe(self, c: Comparison) -> str:
        """One sentence about one comparison: which derivative, both values, the error."""
        return (
            f"{self.name}: the derivative of order {c.order} with respect to {c.input} {c.shape} is wrong: "
            f"analytic {c.analytic:.10g}, numeric {c.numeric:.10g} (error {c.error:.1e}, allowed {self.tolerance:.0e})"
        )


class GradientError(AssertionError):
    """A derivative disagrees with finite differences; `.report` holds all comparisons made."""

    def __init__(self, report: GradientReport):
        self.report = report
        lines = [str(report)]
        order = report.failures[0].order
        if order > 1:
            lines.append(
                f"The derivatives below order {order} are right: backward computes the right values, but from "
                "something that does not carry its own derivative (an array kept by forward, .array, detach())."
            )
        elif all(c.analytic == 0.0 for c in report.failures):
            lines.append("The analytic gradient is zero: it was not propagated (None, detach(), .array or no_grad()).")
        super().__init__("\n".join(lines))


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
        Any function of Tensors that returns a Tensor or a tuple of them, or a `Module`, whose
        parameters are then checked as well.  It may draw random numbers from minigen's source (dropout) and update
        buffers of the module (running statistics): both are put back before every evaluation.
    *inputs
        Tensors or arrays.  Those of float64 are differentiated; anything else is handed on as it is.
    order
        The highest order of derivative to check, 1 or more.
    wrt
        Which derivatives to check: positions of inputs and names of parameters. Default: all of them.
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
        Every comparison that was made; ``report.worst.error`` is the largest error.

    Raises
    ------
    GradientError
        If a derivative is wrong; it names the function, the order, the input and both values. Orders above the first
        wrong one are not looked at.
    TypeError
        If an input, a parameter or an output is float32: a difference of two float32 values keeps 3 of its 7 digits.
    ValueError
        If there is nothing to differentiate, or `f` is not a function of its inputs alone.

    Notes
    -----
    The differences are central, from four points, (8 (s(h) - s(-h)) - (s(2h) - s(-2h))) / 12h: their error is of
    order h**4 instead of h**2, so that h can be as large as 2e-4 and rounding costs 4 digits of 16.  Errors of a right
    derivative are then about 1e-9.
    The point must be farther than ``2 * eps`` from every kink.

    With n inputs and parameters, order k takes 4 n evaluations of the derivative of order k - 1.

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
    name = str(name or getattr(f, "__name__", type(f).__name__))
    experiment = _Experiment(f, inputs, wrt, np.random.default_rng(seed), name)
    report = GradientReport(name, tolerance)
    scalar = experiment.loss
    try:
        experiment.refuse_unfrozen()
        for k in range(1, order + 1):
            directions = experiment.directions()
            slopes = experiment.slopes(scalar, directions)
            for leaf, direction, slope in zip(experiment.leaves, directions, slopes, strict=True):
                numeric = experiment.difference(scalar, leaf, direction, eps)
                report.comparisons.append(Comparison(k, leaf.name, leaf.tensor.shape, slope.item(), numeric))
            if report.failures:
                raise GradientError(report)
            scalar = experiment.total_slope(scalar, directions)
    finally:
        experiment.restore()
    return report


@dataclass
class _Leaf:
    """A tensor that is differentiated, what to call it, and the value at which."""

    name: str
    tensor: Tensor
    origin: np.ndarray


class _Experiment:
    """One function at one point: evaluates the loss there and beside it, always under the same conditions."""

    def __init__(self, f, inputs, wrt, rng, name):
        self.f, self.rng, self.name = f, rng, name
        self.inputs = [_copy(x) for x in inputs]
        self.readout: list[list[Tensor]] | None = None  # u, v, w for each output, drawn at the first evaluation
        named = {f"input {i}": x for i, x in enumerate(self.inputs) if _is_real(x)}
        state = []
        if isinstance(f, Module):
            named |= {key: p for key, p in f.named_parameters() if p.requires_grad}
            state = [*f.parameters(), *f.buffers()]
        if wrt is not None:
            wanted = [f"input {key}" if isinstance(key, int) else key for key in wrt]
            unknown = [key for key in wanted if key not in named]
            if unknown:
                raise ValueError(
                    f"check_gradients: wrt asks for {', '.join(unknown)}, but {name} has {', '.join(named)}"
                )
            named = {key: named[key] for key in wanted}
        if not named:
            raise ValueError(f"check_gradients: {name} has no float64 input or parameter to differentiate")
        for key, x in named.items():
            _require_float64(key, x)
        self.leaves = [_Leaf(key, x.requires_grad_(), x.array.copy(order="K")) for key, x in named.items()]
        leaves = {id(leaf.tensor) for leaf in self.leaves}
        constants = [x for x in [*self.inputs, *state] if isinstance(x, Tensor) and id(x) not in leaves]
        self.frozen = [(x, x.array.copy(order="K")) for x in constants]
        self.rng_state = get_rng_state()

    def restore(self):
        """Put random state, buffers and parameters back to what they were."""
        for tensor, value in [*self.frozen, *((leaf.tensor, leaf.origin) for leaf in self.leaves)]:
            _write(tensor, value)
        set_rng_state(self.rng_state)

    def outputs(self) -> list[Tensor]:
        """What f returns at the leaves' present values, under the same random draws and buffers as ever."""
        set_rng_state(self.rng_state)
        for tensor, value in self.frozen:
            _write(tensor, value)
        returned = self.f(*self.inputs)
        returned = returned if isinstance(returned, tuple | list) else [returned]
        for y in returned:
            if not isinstance(y, Tensor):
                raise TypeError(f"check_gradients: {self.name} returned a {type(y).__name__}, not a Tensor")
        outputs = [y for y in returned if y.is_floating_point()]
        for y in outputs:
            _require_float64("its output", y)
        if not outputs:
            raise ValueError(f"check_gradients: {self.name} returned no floating-point tensor to differentiate")
        return outputs

    def loss(self) -> Tensor:
        """The random nonlinear readout of the outputs: sum(u*y + v*y**2/2 + w*y**3/6)."""
        outputs = self.outputs()
        if self.readout is None:
            self.readout = [[self._random(y, self.rng.standard_normal) for _ in range(3)] for y in outputs]
        terms = [
            (u * y + v * y * y / 2 + w * y * y * y / 6).sum()
            for y, (u, v, w) in zip(outputs, self.readout, strict=True)
        ]
        return sum(terms[1:], terms[0])

    def directions(self) -> list[Tensor]:
        """A random direction for every leaf, entries in [-1, 1]."""
        return [self._random(leaf.tensor, lambda shape: self.rng.uniform(-1, 1, shape)) for leaf in self.leaves]

    def slopes(self, scalar, directions) -> list[Tensor]:
        """The slope of `scalar` along each leaf's direction, by backward; 0 where no gradient arrives."""
        y = scalar()
        if not y.requires_grad:
            return [(0.0 * direction).sum() for direction in directions]
        gradients = grad(y, [leaf.tensor for leaf in self.leaves], create_graph=True, allow_unused=True)
        return [((0.0 if g is None else g) * v).sum() for g, v in zip(gradients, directions, strict=True)]

    def total_slope(self, scalar, directions) -> Callable[[], Tensor]:
        """The function whose value is the slope of `scalar` along all directions at once."""

        def slope():
            slopes = self.slopes(scalar, directions)
            return sum(slopes[1:], slopes[0])

        return slope

    def difference(self, scalar, leaf, direction, eps) -> float:
        """The slope of `scalar` along one leaf's direction, by central differences from four points."""

        def at(steps):
            _write(leaf.tensor, leaf.origin + (steps * eps) * direction.array)
            return scalar().item()

        slope = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * eps)
        _write(leaf.tensor, leaf.origin)
        return slope

    def refuse_unfrozen(self):
        """Raise if two evaluations at the same point differ: no difference quotient would mean anything."""
        first, second = self.loss().item(), self.loss().item()
        if first != second and not (np.isnan(first) and np.isnan(second)):
            raise ValueError(
                f"check_gradients: {self.name} gave {first!r} and then {second!r} at the same point: it draws from a "
                "random source other than minigen's or keeps something from call to call"
            )

    def _random(self, like, draw) -> Tensor:
        xp = array_module(like.array)
        return Tensor(xp.asarray(draw(like.shape)))


def _is_real(x) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point()


def _copy(x):
    """A leaf of its own with the values and the memory layout of `x`; what is no array stays what it is."""
    if isinstance(x, Tensor):
        return Tensor(x.array.copy(order="K"))
    return Tensor(x.copy(order="K")) if isinstance(x, np.ndarray) else x


def _require_float64(what, x):
    if x.dtype != np.float64:
        raise TypeError(
            f"check_gradients: {what} {x.shape} is {x.dtype}, but finite differences need float64 (a difference of two "
            "float32 values keeps about 3 digits, too few to judge a gradient): use x.double() or model.double()"
        )


def _write(tensor, value):
    """Overwrite a tensor's values in place, as an optimizer does."""
    tensor.array[...] = value
    tensor.bump_version()
