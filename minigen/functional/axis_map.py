"""Linear maps along one axis: every number of a line's result is a weighted sum of a few numbers of the line.

Enlarging and shrinking images, adaptive mean pooling and padding by reflection are all of this kind, one axis after
the other.  What they have in common stands here: a map is a list of *taps* (this output gets so much of that input),
its adjoint is the same list read backwards (this input gets so much of that output), and so a single `Function` is
its own family.  Which taps make a bicubic enlargement is the business of `resample.py`; here is no geometry.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from minigen.backend import Array, array_module
from minigen.engine import Function
from minigen.functional.windows import channels_first, channels_last
from minigen.tensor import Tensor


class Taps(NamedTuple):
    """A sparse matrix: the output `targets[t]` gets `weights[t]` times the input `sources[t]`, for every tap t."""

    targets: np.ndarray  # integers
    sources: np.ndarray  # integers
    weights: np.ndarray | None  # None: all are 1, and nothing is multiplied
    outputs: int  # how many there are
    inputs: int

    @classmethod
    def copying(cls, sources: np.ndarray, inputs: int) -> Taps:
        """The map y[i] = x[sources[i]]."""
        return cls(np.arange(len(sources)), sources, None, len(sources), inputs)

    def transposed(self) -> Taps:
        """The adjoint map."""
        return Taps(self.sources, self.targets, self.weights, self.inputs, self.outputs)

    def rounds(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
        """Targets, sources and weights, in rounds in which no target comes twice.

        First of each target its first tap, then of each that has one its second, and so on: in one round plain
        indexing does, and the order of the sums is always the same.
        """
        order = np.argsort(self.targets, kind="stable")
        targets = self.targets[order]
        turn = np.arange(len(targets)) - np.searchsorted(targets, targets)
        for number in range(turn.max(initial=-1) + 1):
            chosen = order[turn == number]
            yield self.targets[chosen], self.sources[chosen], None if self.weights is None else self.weights[chosen]


class MapAxis(Function):
    """The map `taps` along the axis `axis`; the adjoint is the transposed map."""

    axis: int
    taps: Taps

    def forward(self, x: Array) -> Array:
        """Add up round by round; images come out channels-last in memory."""
        if x.ndim == 4:
            return channels_first(_combine(channels_last(x), (0, 3, 1, 2)[self.axis], self.taps))
        return _combine(x, self.axis, self.taps)

    def backward(self, grad: Tensor) -> Tensor:
        """The adjoint."""
        return MapAxis.apply(grad, axis=self.axis, taps=self.taps.transposed())

    def reads(self) -> tuple[int, ...]:
        """A linear function's derivative reads no values."""
        return ()


def _combine(x: Array, axis: int, taps: Taps) -> Array:
    xp, before, after = array_module(x), (slice(None),) * axis, (1,) * (x.ndim - axis - 1)
    y = None
    for targets, sources, weights in taps.rounds():
        index = _index(xp, sources)
        is_view = isinstance(index, slice) and weights is None
        part = x[(*before, index)] if isinstance(index, slice) else x.take(index, axis=axis)
        if weights is not None:
            part = part * xp.asarray(weights.astype(x.dtype)).reshape(-1, *after)
        if y is not None:
            y[(*before, _index(xp, targets))] += part
        elif len(targets) == taps.outputs:
            y = part.copy() if is_view else part
        else:  # some outputs get nothing at all
            y = xp.zeros((*x.shape[:axis], taps.outputs, *x.shape[axis + 1 :]), x.dtype)
            y[(*before, _index(xp, targets))] = part
    return y


def _index(xp: Any, places: np.ndarray) -> Any:
    """Integers as an index: where they rise in even steps a slice, which copies nothing."""
    steps = np.diff(places)
    if len(places) == 1 or (steps[0] > 0 and (steps == steps[0]).all()):
        return slice(int(places[0]), int(places[-1]) + 1, int(steps[0]) if len(steps) else 1)
    return xp.asarray(places)
