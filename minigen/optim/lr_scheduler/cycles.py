"""Schedules that follow a half cosine, once or again and again, and the single large cycle."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import pairwise
from typing import Any

from minigen.optim.lr_scheduler.base import Formula, LRScheduler
from minigen.optim.optimizer import Group, Optimizer


def _half_cosine(start: float, end: float, share: float) -> float:
    """Go from start (share 0) to end (share 1), slowly at both ends."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def _line(start: float, end: float, share: float) -> float:
    """Go from start (share 0) to end (share 1), evenly."""
    return start + (end - start) * share


class CosineAnnealingLR(Formula):
    """Let the learning rate fall to ``eta_min`` along a half cosine, in ``T_max`` steps.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates are changed.
    T_max : int
        Number of steps of the fall; after it the rate rises again as it fell.
    eta_min : float, default 0
        The lowest learning rate.
    last_epoch : int, default -1
        See `LRScheduler`.

    Raises
    ------
    ValueError
        If an option is out of its range.

    References
    ----------
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, equation 5.

    Examples
    --------
    >>> import minigen
    >>> optimizer = minigen.optim.SGD([minigen.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = CosineAnnealingLR(optimizer, T_max=4)
    >>> [round(schedule.lr_at(1.0, epoch), 3) for epoch in range(5)]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = self._check_count("T_max", T_max)
        self.eta_min = self._check_number("eta_min", eta_min, 0.0)
        super().__init__(optimizer, last_epoch)

    def lr_at(self, base_lr: float, epoch: int) -> float:
        """Return what the half cosine says."""
        return _half_cosine(base_lr, self.eta_min, epoch / self.T_max)


class CosineAnnealingWarmRestarts(LRScheduler):
    """Fall along a half cosine again and again, each time from the initial learning rate.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates are changed.
    T_0 : int
        Number of steps of the first fall.
    T_mult : int, default 1
        How many times longer each fall is than the one before.
    eta_min : float, default 0
        The lowest learning rate.
    last_epoch : int, default -1
        See `LRScheduler`.

    Raises
    ------
    ValueError
        If an option is out of its range.

    References
    ----------
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.

    Examples
    --------
    >>> import minigen
    >>> optimizer = minigen.optim.SGD([minigen.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule, rates = CosineAnnealingWarmRestarts(optimizer, T_0=2), []
    >>> for _ in range(4):
    ...     rates += schedule.get_last_lr()
    ...     optimizer.step()
    ...     schedule.step()
    >>> [round(rate, 3) for rate in rates]
    [1.0, 0.5, 1.0, 0.5]
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_0, self.T_mult = self._check_count("T_0", T_0), self._check_count("T_mult", T_mult)
        self.eta_min = self._check_number("eta_min", eta_min, 0.0)
        self.T_i, self.T_cur = T_0, 0.0
        super().__init__(optimizer, last_epoch)

    def step(self, epoch: float | None = None) -> None:
        """Count one step; with ``epoch`` go there, also between two: ``step(epoch + batch / batches)``."""
        if epoch is None:
            place: float = self.last_epoch + 1
        else:
            place = self._check_number("epoch", epoch, 0.0)
        self.last_epoch = math.floor(place) - 1
        self.T_cur, self.T_i = place, self.T_0
        while self.T_cur >= self.T_i:
            self.T_cur -= self.T_i
            self.T_i *= self.T_mult
        super().step()

    def get_lr(self) -> list[float]:
        """Return what the half cosine of the present fall says."""
        return [_half_cosine(base_lr, self.eta_min, self.T_cur / self.T_i) for base_lr in self.base_lrs]


class OneCycleLR(LRScheduler):
    """One cycle: up from a small learning rate to a large one, and down to almost nothing; the momentum inversely.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates, and momentum or first beta, are changed.
    max_lr : float or list of float
        The largest rate, for all groups or one for each.
    total_steps : int, optional
        Number of steps of the cycle; or give the next two.
    epochs, steps_per_epoch : int, optional
        Their product is ``total_steps``.
    pct_start : float, default 0.3
        The share of the steps in which the rate rises.
    anneal_strategy : {"cos", "linear"}, default "cos"
        Along half cosines or lines.
    cycle_momentum : bool, default True
        Whether the momentum falls while the rate rises.
    base_momentum, max_momentum : float or list of float, default 0.85 and 0.95
        Between what.
    div_factor : float, default 25
        The first rate is max_lr / div_factor.
    final_div_factor : float, default 1e4
        The last rate is the first one / final_div_factor.
    three_phase : bool, default False
        Whether to come down as slowly as it went up, and then once more to the last rate (as the paper does).
    last_epoch : int, default -1
        See `LRScheduler`.

    Raises
    ------
    ValueError
        If an option is out of its range, a phase would have no step, or the optimiser has no momentum to cycle; from
        ``step`` if it is called more than ``total_steps`` times.

    Notes
    -----
    One step is one *batch*.  The groups keep what the cycle needs ("initial_lr", "max_lr", "min_lr").

    References
    ----------
    Smith and Topin, "Super-convergence: very fast training of neural networks using large learning rates", 2019.

    Examples
    --------
    >>> import minigen
    >>> optimizer = minigen.optim.SGD([minigen.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    >>> schedule, rates = OneCycleLR(optimizer, max_lr=1.0, total_steps=10, anneal_strategy="linear"), []
    >>> for _ in range(10):
    ...     rates += schedule.get_last_lr()
    ...     optimizer.step()
    ...     schedule.step()
    >>> [round(rate, 2) for rate in rates]
    [0.04, 0.52, 1.0, 0.86, 0.71, 0.57, 0.43, 0.29, 0.14, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self._attach(optimizer)
        self.total_steps = self._count_steps(total_steps, epochs, steps_per_epoch)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy={anneal_strategy!r} is not one of 'cos', 'linear'")
        self.anneal_strategy = anneal_strategy
        self.phases = self._plan(self._check_number("pct_start", pct_start, 0.0, 1.0), three_phase)
        self.cycle_momentum = cycle_momentum
        if last_epoch == -1:
            factors = [self._check_number("div_factor", div_factor, 0.0), final_div_factor]
            if 0 in factors:
                raise ValueError(f"OneCycleLR: div_factor and final_div_factor must be above 0, not {factors}")
            for group, largest in zip(optimizer.param_groups, self._for_each_group("max_lr", max_lr), strict=True):
                group["max_lr"] = self._check_number("max_lr", largest, 0.0)
                group["initial_lr"] = largest / div_factor
                group["min_lr"] = group["initial_lr"] / final_div_factor
            if cycle_momentum:
                self._note_momenta(base_momentum, max_momentum)
        super().__init__(optimizer, last_epoch)

    def _count_steps(self, total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
        if total_steps is not None:
            return self._check_count("total_steps", total_steps)
        if epochs is None or steps_per_epoch is None:
            raise ValueError("OneCycleLR: give total_steps, or epochs and steps_per_epoch")
        return self._check_count("epochs", epochs) * self._check_count("steps_per_epoch", steps_per_epoch)

    def _plan(self, pct_start: float, three_phase: bool) -> list[list[Any]]:
        """Return the phases: the step at which each ends, and its rates and momenta by their names in the group."""
        rise = pct_start * self.total_steps - 1
        last = self.total_steps - 1
        up: list[Any] = [rise, "initial_lr", "max_lr", "max_momentum", "base_momentum"]
        if three_phase:
            down: list[Any] = [
                rise + pct_start * self.total_steps - 1,
                "max_lr",
                "initial_lr",
                "base_momentum",
                "max_momentum",
            ]
            phases = [up, down, [last, "initial_lr", "min_lr", "max_momentum", "max_momentum"]]
        else:
            phases = [up, [last, "max_lr", "min_lr", "base_momentum", "max_momentum"]]
        ends: list[float] = [phase[0] for phase in phases]
        if any(end == start for start, end in pairwise([0.0, *ends])) or ends != sorted(ends):
            raise ValueError(
                f"OneCycleLR: with total_steps={self.total_steps} and pct_start={pct_start:g} a phase has no step "
                f"(they end at {ends}); take more steps or another share"
            )
        return phases

    def _note_momenta(self, base: float | list[float], largest: float | list[float]) -> None:
        """Write the bounds of the momentum into the groups."""
        if not {"momentum", "betas"} & set(self.optimizer.defaults):
            raise ValueError(
                f"OneCycleLR: {type(self.optimizer).__name__} has no momentum and no betas to cycle; "
                "give cycle_momentum=False"
            )
        bounds = self._for_each_group("base_momentum", base), self._for_each_group("max_momentum", largest)
        for group, low, high in zip(self.optimizer.param_groups, *bounds, strict=True):
            group["base_momentum"] = self._check_number("base_momentum", low, 0.0, 1.0)
            group["max_momentum"] = self._check_number("max_momentum", high, 0.0, 1.0)

    def get_lr(self) -> list[float]:
        """Return the rates of the present step, and set the momenta."""
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"OneCycleLR: step {self.last_epoch} is past the end of the cycle of total_steps={self.total_steps}; "
                "call step() once a batch, and count batches, not epochs, in total_steps"
            )
        ends = [phase[0] for phase in self.phases]
        present = min(bisect_left(ends, self.last_epoch), len(ends) - 1)  # one step past the end prolongs the last
        start = ends[present - 1] if present else 0.0
        share = (self.last_epoch - start) / (ends[present] - start)
        anneal = _half_cosine if self.anneal_strategy == "cos" else _line
        _, first, last, first_momentum, last_momentum = self.phases[present]
        for group in self.optimizer.param_groups if self.cycle_momentum else ():
            _set_momentum(group, anneal(group[first_momentum], group[last_momentum], share))
        return [anneal(group[first], group[last], share) for group in self.optimizer.param_groups]


def _set_momentum(group: Group, momentum: float) -> None:
    """Set the momentum, or what takes its place in Adam: the first beta."""
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum
