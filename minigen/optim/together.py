"""Optimisers that change all parameters at once on a GPU: one launch, where one after the other would be hundreds.

What stands here is which parameters can go together, and where they lie; the formula is the subclass's, once with
NumPy's names (`update`) and once as a kernel (`minigen.kernels`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigen import kernels
from minigen.backend import Array, array_module, device_of
from minigen.optim.optimizer import Group, Optimizer
from minigen.tensor import Tensor


class StepsTogether(Optimizer):
    """Base of the optimisers that have a kernel."""

    _tables: dict[int, kernels.ParameterTable]

    def likeness(self, state: dict[str, Any]) -> Any:
        """What parameters must have in common, so that `begin` returns the same numbers for all."""
        raise NotImplementedError(f"{type(self).__name__} has no likeness(state)")

    def arrays(self, state: dict[str, Any], group: Group) -> list[Array | None]:
        """The arrays of a parameter's state in the order in which the kernel wants them; None where there is none."""
        raise NotImplementedError(f"{type(self).__name__} has no arrays(state, group)")

    def launch(self, table: kernels.ParameterTable, like: Array, numbers: dict[str, float], group: Group) -> None:
        """Change all parameters of a table; ``numbers`` is what `begin` returned, ``like`` one of the parameters."""
        raise NotImplementedError(f"{type(self).__name__} has no launch(table, like, numbers, group)")

    def step_group(self, params: list[Tensor], group: Group) -> None:
        """On a GPU, change all parameters of one type in one launch; on the CPU one after the other."""
        fitting = [p for p in params if type(p.array) is not np.ndarray and self._fits(p)]
        together: dict[Any, list[Tensor]] = {}
        for p in fitting:
            alike = (device_of(p.array), p.dtype, self.likeness(self.state.get(p, {})))
            together.setdefault(alike, []).append(p)
        for members in together.values():
            self._step_at_once(members, group)
        chosen = {id(p) for p in fitting}
        super().step_group([p for p in params if id(p) not in chosen] if chosen else params, group)

    def _fits(self, p: Tensor) -> bool:
        """True for a parameter on a GPU that lies in memory without gaps, as its state does, in any order."""
        array, grad = p.array, p.grad
        if not kernels.usable(array) or grad is None or grad.dtype != p.dtype or not array.size:
            return False
        kept = [value.array for value in self.state.get(p, {}).values() if isinstance(value, Tensor)]
        alike = all(other.strides == array.strides and other.dtype == array.dtype for other in kept)
        order = sorted(range(p.ndim), key=lambda axis: -array.strides[axis])
        return alike and array.transpose(order).flags.c_contiguous

    def _step_at_once(self, params: list[Tensor], group: Group) -> None:
        rows: list[list[Array | None]] = []
        for p in params:
            state = self.state.setdefault(p, {})
            numbers = self.begin(p.array, state, group)  # the same for all
            rows.append([p.array, _laid_like(p, p.grad), *self.arrays(state, group)])
        table = vars(self).setdefault("_tables", {}).setdefault(id(params[0]), kernels.ParameterTable())
        table.update(list(zip(*rows)))
        self.launch(table, params[0].array, numbers, group)


def _laid_like(p: Tensor, grad: Tensor | None) -> Array:
    """A gradient in the memory layout of its parameter: itself, or a copy."""
    assert grad is not None
    if grad.array.strides == p.array.strides:
        return grad.array
    copy = array_module(p.array).empty_like(p.array)
    copy[...] = grad.array
    return copy
