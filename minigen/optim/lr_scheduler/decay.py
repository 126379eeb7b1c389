"""Schedules that go one way: in steps, exponentially, along a line, or as a function of one's own says.

`LinearLR` from a small factor to 1 is the warm-up that stands before another schedule, in a `SequentialLR`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

from minigen.optim.lr_scheduler.base import Formula, LRScheduler
from minigen.optim.optimizer import Optimizer


class StepLR(Formula):
    """Multiply the learning rate by ``gamma`` every ``step_size`` steps.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates are changed.
    step_size : int
        Number of steps between two changes.
    gamma : float, default 0.1
        The factor.
    last_epoch : int, default -1
        See `LRScheduler`.

    Raises
    ------
    ValueError
        If ``step_size`` is below 1 or ``gamma`` is negative.

    Examples
    --------
    >>> import minigen
    >>> optimizer = minigen.optim.SGD([minigen.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule, rates = StepLR(optimizer, step_size=2, gamma=0.5), []
    >>> for _ in range(5):
    ...     rates += schedule.get_last_lr()
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = self._check_count("step_size", step_size)
        self.gamma = self._check_number("gamma", gamma, 0.0)
        super().__init__(optimizer, last_epoch)

    def lr_at(self, base_lr: float, epoch: int) -> float:
        """Return base_lr * gamma ** (how many times step_size fits)."""
        return base_lr * self.gamma ** (epoch // self.step_size)


class MultiStepLR(Formula):
    """Multiply the learning rate by ``gamma`` at each of the milestones.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates are changed.
    milestones : iterable of int
        Numbers of steps, in any order.
    gamma : float, default 0.1
        The factor.
    last_epoch : int, default -1
        See `LRScheduler`.

    Raises
    ------
    ValueError
        If a milestone is no integer >= 0, or ``gamma`` is negative.

    Examples
    --------
    >>> import minigen
    >>> optimizer = minigen.optim.SGD([minigen.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = MultiStepLR(optimizer, milestones=[30, 80], gamma=0.5)
    >>> [schedule.lr_at(1.0, epoch) for epoch in (29, 30, 80)]
    [1.0, 0.5, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        if not isinstance(milestones, Iterable):
            raise TypeError(f"MultiStepLR: milestones must be a list of epochs, not {milestones!r}")
        self.milestones = sorted(self._check_count("a milestone", milestone, low=0) for milestone in milestones)
        self.gamma = self._check_number("gamma", gamma, 0.0)
        super().__init__(optimizer, last_epoch)

    def lr_at(self, base_lr: float, epoch: int) -> float:
        """Return base_lr * gamma ** (number of milestones that have been reached)."""
        return base_lr * self.gamma ** bisect_right(self.milestones, epoch)


class ExponentialLR(Formula):
    """Multiply the learning rate by ``gamma`` in every step.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates are changed.
    gamma : float
        The factor.
    last_epoch : int, default -1
        See `LRScheduler`.

    Raises
    ------
    ValueError
        If ``gamma`` is negative.

    Examples
    --------
    >>> import minigen
    >>> optimizer = minigen.optim.SGD([minigen.zeros(1, requires_grad=True)], lr=1.0)
    >>> [ExponentialLR(optimizer, gamma=0.5).lr_at(1.0, epoch) for epoch in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = self._check_number("gamma", gamma, 0.0)
        super().__init__(optimizer, last_epoch)

    def lr_at(self, base_lr: float, epoch: int) -> float:
        """Return base_lr * gamma ** epoch."""
        return base_lr * self.gamma**epoch


class ConstantLR(Formula):
    """Learn with a fraction of the learning rate for ``total_iters`` steps, then with all of it.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates are changed.
    factor : float, default 1/3
        The fraction, in [0, 1].
    total_iters : int, default 5
        For how many steps.
    last_epoch : int, default -1
        See `LRScheduler`.

    Raises
    ------
    ValueError
        If an option is out of its range.

    Examples
    --------
    >>> import minigen
    >>> optimizer = minigen.optim.SGD([minigen.zeros(1, requires_grad=True)], lr=1.0)
    >>> [ConstantLR(optimizer, factor=0.5, total_iters=2).lr_at(1.0, epoch) for epoch in range(4)]
    [0.5, 0.5, 1.0, 1.0]
    """

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        self.factor = self._check_number("factor", factor, 0.0, 1.0)
        self.total_iters = self._check_count("total_iters", total_iters, low=0)
        super().__init__(optimizer, last_epoch)

    def lr_at(self, base_lr: float, epoch: int) -> float:
        """Return base_lr * factor, or after total_iters steps base_lr."""
        return base_lr * (self.factor if epoch < self.total_iters else 1.0)


class LinearLR(Formula):
    """Move the learning rate along a line from one fraction to another: a warm-up, or a decay to 0.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates are changed.
    start_factor : float, default 1/3
        The fraction at the beginning, in (0, 1].
    end_factor : float, default 1
        The fraction after ``total_iters`` steps and from then on, in [0, 1].
    total_iters : int, default 5
        Number of steps from one to the other.
    last_epoch : int, default -1
        See `LRScheduler`.

    Raises
    ------
    ValueError
        If an option is out of its range.

    References
    ----------
    Warm-up: Goyal et al., "Accurate, large minibatch SGD", 2017, section 2.2.

    Examples
    --------
    >>> import minigen
    >>> optimizer = minigen.optim.SGD([minigen.zeros(1, requires_grad=True)], lr=1.0)
    >>> [LinearLR(optimizer, start_factor=0.5, total_iters=2).lr_at(1.0, epoch) for epoch in range(4)]
    [0.5, 0.75, 1.0, 1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.start_factor = self._check_number("start_factor", start_factor, 0.0, 1.0)
        if start_factor == 0:
            raise ValueError("LinearLR: start_factor must be above 0, not 0: the first step would teach nothing")
        self.end_factor = self._check_number("end_factor", end_factor, 0.0, 1.0)
        self.total_iters = self._check_count("total_iters", total_iters)
        super().__init__(optimizer, last_epoch)

    def lr_at(self, base_lr: float, epoch: int) -> float:
        """Return base_lr times the fraction that the line has reached."""
        share = min(epoch, self.total_iters) / self.total_iters
        return base_lr * (self.start_factor + (self.end_factor - self.start_factor) * share)


class LambdaLR(LRScheduler):
    """Set the learning rate to its initial value times a function of the number of the step.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates are changed.
    lr_lambda : callable or list of callable
        Number of the step -> factor; one for all groups, or one for each.
    last_epoch : int, default -1
        See `LRScheduler`.

    Raises
    ------
    TypeError
        If ``lr_lambda`` cannot be called.
    ValueError
        If there are not as many functions as groups.

    Notes
    -----
    `state_dict` does not hold the functions: make the schedule with the same ones before loading it.

    Examples
    --------
    >>> import minigen
    >>> optimizer = minigen.optim.SGD([minigen.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = LambdaLR(optimizer, lambda epoch: 1 / (epoch + 1))
    >>> optimizer.step()
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.5]
    """

    not_stored = ("optimizer", "lr_lambdas")

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self._attach(optimizer)
        self.lr_lambdas = self._for_each_group("lr_lambda", lr_lambda)
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"LambdaLR: lr_lambda must be a function of the step's number, not {function!r}")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the initial rates times what the functions say."""
        return [
            base_lr * factor(self.last_epoch) for factor, base_lr in zip(self.lr_lambdas, self.base_lrs, strict=True)
        ]
