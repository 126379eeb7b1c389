"""The schedule that looks at the result: smaller steps when a metric stops getting better."""

from __future__ import annotations

import math
from typing import Any

from minigen.optim.lr_scheduler.base import LRScheduler
from minigen.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """Multiply the learning rate by ``factor`` when a metric has not improved for more than ``patience`` steps.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates are changed.
    mode : {"min", "max"}, default "min"
        Whether less or more is better.
    factor : float, default 0.1
        By what the rate is multiplied, below 1.
    patience : int, default 10
        How many steps without improvement are borne.
    threshold : float, default 1e-4
        How much counts as an improvement.
    threshold_mode : {"rel", "abs"}, default "rel"
        Whether ``threshold`` is a share of the best value so far, or a difference.
    cooldown : int, default 0
        For how many steps after a change nothing is counted.
    min_lr : float or list of float, default 0
        Below this no rate falls; for all groups or one for each.
    eps : float, default 1e-8
        Changes smaller than this are left out.

    Raises
    ------
    ValueError
        If an option is out of its range.

    Examples
    --------
    >>> import minigen
    >>> optimizer = minigen.optim.SGD([minigen.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     optimizer.step()
    ...     schedule.step(loss)
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        self._attach(optimizer)
        for name, word, words in (("mode", mode, ("min", "max")), ("threshold_mode", threshold_mode, ("rel", "abs"))):
            if word not in words:
                raise ValueError(f"ReduceLROnPlateau: {name}={word!r} is not one of {words[0]!r}, {words[1]!r}")
        self.mode, self.threshold_mode = mode, threshold_mode
        self.factor = self._check_number("factor", factor, 0.0, math.nextafter(1.0, 0.0))
        self.patience = self._check_count("patience", patience, low=0)
        self.threshold = self._check_number("threshold", threshold, 0.0)
        self.cooldown = self._check_count("cooldown", cooldown, low=0)
        self.min_lrs = self._for_each_group("min_lr", min_lr)
        self.eps = self._check_number("eps", eps, 0.0)
        self.best = math.inf if mode == "min" else -math.inf
        self.last_epoch = self.num_bad_epochs = self.cooldown_counter = 0
        self._set([group["lr"] for group in optimizer.param_groups])

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """Look at a metric (a number, or a tensor of one element), and reduce the rates if it is time."""
        try:
            value = float(metrics)
        except (TypeError, ValueError):
            raise TypeError(f"ReduceLROnPlateau: step wants the metric, one number, not {metrics!r}") from None
        self.last_epoch += 1
        if self._is_better(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            self._set(self.get_lr())

    def get_lr(self) -> list[float]:
        """Return the reduced rates."""
        rates = []
        for group, smallest in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            reduced = max(group["lr"] * self.factor, smallest)
            rates.append(reduced if group["lr"] - reduced > self.eps else group["lr"])
        return rates

    def _is_better(self, value: float) -> bool:
        margin = -self.threshold if self.mode == "min" else self.threshold
        bound = self.best * (1 + margin) if self.threshold_mode == "rel" else self.best + margin
        return value < bound if self.mode == "min" else value > bound
