"""The least time of a training step on a given card, function by function: its *roofline*.

A function must at least do its multiplications, at the rate of the card's matrix products, and read its inputs and
write its result, at the bandwidth of its memory; it cannot be quicker than the larger of the two times.  Their sum over
all functions of a step, forward and backward, is the floor that `benchmarks.gpu` compares with.  Functions that were
fused would need less, copies of windows and the like are not counted, and neither are optimizers.

References
----------
Williams, Waterman and Patterson (2009), "Roofline: an insightful visual performance model for multicore
architectures", Communications of the ACM 52(4).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minigen.functional.conv import Conv2d, Conv2dWeight, ConvTranspose2d
from minigen.functional.linear import Linear
from minigen.modes import Observer, observing
from minigen.ops.matmul import MatMul


def flops_of(call: Any, inputs: tuple[Any, ...], output: Any) -> int:
    """Two for each multiplication of a matrix product or convolution; 0 for all else."""
    if isinstance(call, (Conv2d, ConvTranspose2d, Conv2dWeight)):
        images = {Conv2d: (output, inputs[1]), ConvTranspose2d: inputs[:2], Conv2dWeight: (inputs[1], output)}
        y, w = images[type(call)]
        return 2 * y.shape[0] * math.prod(y.shape[2:]) * math.prod(w.shape)
    if isinstance(call, Linear):
        return 2 * math.prod(inputs[0].shape) * inputs[1].shape[0]
    if isinstance(call, MatMul):
        return 2 * math.prod(output.shape) * inputs[0].shape[-1]
    return 0


class Counter(Observer):
    """Notes FLOPs and bytes of every function that computes something."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def forward(self, call: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Count a function; also one that a backward calls."""
        if call.view or 0 in output.array.strides:
            return  # it looks at memory in another way, and moves nothing
        self.calls.append((flops_of(call, inputs, output), sum(x.array.nbytes for x in (*inputs, output))))

    def backward(self, call: Any, grad: Any, grads: tuple[Any, ...]) -> None:
        """Count a backward on raw arrays: the others call functions."""
        if call.backward_arrays is not None:
            moved = [grad, *call.inputs[:1], *(g for g in grads if g is not None)]
            self.calls.append((0, sum(x.array.nbytes for x in moved)))


def count(step: Callable[[], Any]) -> list[tuple[int, int]]:
    """FLOPs and bytes of every function of a step.

    Examples
    --------
    >>> import minigen
    >>> a, b = minigen.ones(2, 3), minigen.ones(3, 5)
    >>> count(lambda: a @ b)
    [(60, 124)]
    """
    with observing(Counter()) as counter:
        step()
    return counter.calls


def floor_seconds(calls: list[tuple[int, int]], flops_a_second: float, bytes_a_second: float) -> float:
    """The sum of what each function takes at least.

    Examples
    --------
    >>> floor_seconds([(60, 10), (0, 40)], 30.0, 20.0)
    4.0
    """
    return sum(max(flops / flops_a_second, nbytes / bytes_a_second) for flops, nbytes in calls)
