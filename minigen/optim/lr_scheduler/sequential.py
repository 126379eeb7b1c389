"""One schedule after the other: a warm-up, and then what it warms up for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from minigen.optim.lr_scheduler.base import LRScheduler
from minigen.optim.lr_scheduler.plateau import ReduceLROnPlateau
from minigen.optim.optimizer import Optimizer


class SequentialLR(LRScheduler):
    """Let one schedule follow another; each begins anew, at the initial learning rate, when its turn comes.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates are changed.
    schedulers : list of LRScheduler
        All made for this optimiser.
    milestones : list of int
        The numbers of the steps at which the second, the third, ... takes over: one fewer than schedules.

    Raises
    ------
    ValueError
        If there is no schedule, one is made for another optimiser or wants a metric, or the milestones do not fit.

    Examples
    --------
    >>> import minigen
    >>> from minigen.optim.lr_scheduler import ExponentialLR, LinearLR
    >>> optimizer = minigen.optim.SGD([minigen.zeros(1, requires_grad=True)], lr=1.0)
    >>> parts = [LinearLR(optimizer, 0.5, total_iters=2), ExponentialLR(optimizer, 0.5)]
    >>> schedule, rates = SequentialLR(optimizer, parts, milestones=[2]), []
    >>> for _ in range(5):
    ...     rates += schedule.get_last_lr()
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [0.5, 0.75, 1.0, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]) -> None:
        self._attach(optimizer)
        self._schedulers, self._milestones = list(schedulers), list(milestones)
        for i, schedule in enumerate(self._schedulers):
            if not isinstance(schedule, LRScheduler) or isinstance(schedule, ReduceLROnPlateau):
                raise ValueError(f"SequentialLR: entry {i}, a {type(schedule).__name__}, cannot take turns")
            if schedule.optimizer is not optimizer:
                raise ValueError(f"SequentialLR: schedule {i}, a {type(schedule).__name__}, has another optimizer")
        if not self._schedulers or len(self._milestones) != len(self._schedulers) - 1:
            raise ValueError(
                "SequentialLR: there must be one milestone fewer than schedules, "
                f"not {len(self._schedulers)} schedules and {len(self._milestones)} milestones"
            )
        self.restart()

    def restart(self) -> None:
        """Begin anew, with the first schedule."""
        self.last_epoch = 0
        self._present.restart()

    @property
    def _present(self) -> LRScheduler:
        return self._schedulers[bisect_right(self._milestones, self.last_epoch)]

    def step(self) -> None:
        """Count one step of the present schedule, or begin with the next."""
        self.last_epoch += 1
        if self.last_epoch in self._milestones:
            self._present.restart()
        else:
            self._present.step()

    def get_last_lr(self) -> list[float]:
        """Return the learning rates that were set last, one for each group."""
        return self._present.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """Return its own state and those of all schedules."""
        return {**super().state_dict(), "_schedulers": [schedule.state_dict() for schedule in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take up what `state_dict` returned."""
        schedules = self._schedulers
        super().load_state_dict(state_dict)
        self._schedulers = schedules
        for schedule, state in zip(schedules, state_dict["_schedulers"], strict=True):
            schedule.load_state_dict(state)
