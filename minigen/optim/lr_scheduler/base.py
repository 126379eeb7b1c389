"""What all schedules share: counting, writing the rates into the groups, storing.

A subclass of one's own writes `get_lr`, as in PyTorch.  Where the rate is a formula of the step, it is written once, in
`Formula.lr_at`, and the base class makes of it what PyTorch's recursions do.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

from minigen.optim.optimizer import Optimizer


class LRScheduler:
    """Base class of the schedules.

    Parameters
    ----------
    optimizer : Optimizer
        Whose groups' learning rates are changed.  Their values now, ``group["initial_lr"]`` from then on, are what the
        formulas start from.
    last_epoch : int, default -1
        The number of the last step, to go on with a run; then the groups must have their "initial_lr", and the next
        step is made at once.  (PyTorch makes it too, but some of its schedules leave the rate behind by one.)

    Attributes
    ----------
    base_lrs : list of float
        The initial learning rate of each group.
    last_epoch : int
        How often `step` was called.

    Raises
    ------
    TypeError
        If ``optimizer`` is none.
    ValueError
        If an option is out of its range.

    Examples
    --------
    >>> import minigen
    >>> class Halving(LRScheduler):
    ...     def get_lr(self):
    ...         return [base_lr / (self.last_epoch + 1) for base_lr in self.base_lrs]
    >>> optimizer = minigen.optim.SGD([minigen.zeros(1, requires_grad=True)], lr=0.5)
    >>> schedule = Halving(optimizer)
    >>> optimizer.step()
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    """

    not_stored: tuple[str, ...] = ("optimizer",)

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self._attach(optimizer)
        if last_epoch == -1:
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])
        if not all("initial_lr" in group for group in optimizer.param_groups):
            raise ValueError(
                f"{type(self).__name__}: to go on after step last_epoch={last_epoch}, every parameter group needs its "
                '"initial_lr"; load the optimizer\'s state_dict first'
            )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    def _attach(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"{type(self).__name__}: optimizer must be one of minigen.optim, not {type(optimizer).__name__}"
            )
        self.optimizer = optimizer

    def get_lr(self) -> list[float]:
        """Return the learning rate of each group for step ``self.last_epoch``; a subclass writes it."""
        raise NotImplementedError(f"{type(self).__name__} has no get_lr()")

    def get_last_lr(self) -> list[float]:
        """Return the learning rates that were set last, one for each group."""
        return list(self._last_lr)

    def step(self) -> None:
        """Count one step and set the learning rates; to be called after ``optimizer.step()``."""
        if self.last_epoch == 0 and not self.optimizer.stepped:
            warnings.warn(
                f"{type(self).__name__}.step() was called before optimizer.step(), so the first learning rate was "
                "never used; call them in the other order",
                stacklevel=2,
            )
        self.last_epoch += 1
        self._set(self.get_lr())

    def restart(self) -> None:
        """Begin anew, from the initial learning rates."""
        for group, base_lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = base_lr
        self.last_epoch = -1
        self.step()

    def _set(self, rates: list[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    # --- storing --------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return all that the schedule remembers: numbers, words and lists, which go into JSON."""
        return {key: value for key, value in vars(self).items() if key not in self.not_stored}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take up what `state_dict` returned.  The rates themselves come back with the optimiser's state.

        Raises
        ------
        ValueError
            If it is another schedule's; then nothing has changed.
        """
        mine = set(self.state_dict())
        if not isinstance(state_dict, Mapping) or mine - set(state_dict):
            missing = sorted(mine - set(state_dict)) if isinstance(state_dict, Mapping) else sorted(mine)
            raise ValueError(f"{type(self).__name__}: the state_dict has no {missing}: it is another schedule's")
        vars(self).update({key: state_dict[key] for key in mine})

    # --- checks ---------------------------------------------------------------------------------------------

    def _check_number(self, name: str, value: Any, low: float, high: float = math.inf) -> float:
        """Raise ValueError unless an option is a number in [low, high]."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            bounds = f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
            raise ValueError(f"{type(self).__name__}: {name} must be a number {bounds}, not {value!r}")
        return value

    def _check_count(self, name: str, value: Any, low: int = 1) -> int:
        """Raise ValueError unless an option is a whole number, at least `low`."""
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise ValueError(f"{type(self).__name__}: {name} must be an integer >= {low}, not {value!r}")
        return value

    def _for_each_group(self, name: str, value: Any) -> list[Any]:
        """Repeat an option for all groups, unless it is a list with one for each."""
        groups = len(self.optimizer.param_groups)
        if not isinstance(value, (list, tuple)):
            return [value] * groups
        if len(value) != groups:
            raise ValueError(
                f"{type(self).__name__}: {name} has {len(value)} entries, but the optimizer {groups} parameter groups"
            )
        return list(value)


class Formula(LRScheduler):
    """Base of the schedules that are a formula of the initial rate and the number of the step.

    Each step multiplies the group's rate by the formula's ratio of now and before.  For one schedule that is the
    formula itself; two schedules on one optimiser multiply, and a rate that was changed by hand stays changed.
    """

    def lr_at(self, base_lr: float, epoch: int) -> float:
        """Return the learning rate of step ``epoch`` >= 0; a subclass writes it."""
        raise NotImplementedError(f"{type(self).__name__} has no lr_at(base_lr, epoch)")

    def get_lr(self) -> list[float]:
        """Return the rates of now: those of the groups times the formula's ratio."""
        rates = []
        for group, base_lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            before = self.lr_at(base_lr, self.last_epoch - 1) if self.last_epoch else base_lr
            now = self.lr_at(base_lr, self.last_epoch)
            rates.append(group["lr"] * (now / before) if before else now)
        return rates
