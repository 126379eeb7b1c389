"""Adagrad: steps scaled by the sum of all squared gradients so far."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from minigen.backend import Array, array_module
from minigen.optim.optimizer import Group, Optimizer, zeros_like


class Adagrad(Optimizer):
    r"""Adagrad: what has moved much moves less and less, what is rarely touched moves far.

    .. math::
        s &\leftarrow s + g^2 \\
        p &\leftarrow p - \frac{\text{lr}}{1 + (t - 1) \, \text{lr\_decay}} \cdot \frac{g}{\sqrt{s} + \epsilon}

    Parameters
    ----------
    params : iterable of Tensor or of dict
        Parameters, or groups with options of their own.
    lr : float, default 1e-2
        Step size.
    lr_decay : float, default 0
        How fast the step size shrinks with the number t of steps.
    weight_decay : float, default 0
        L2 penalty: weight_decay * p is added to g.
    initial_accumulator_value : float, default 0
        What s starts with; above 0 it shortens the first steps.
    eps : float, default 1e-10
        Keeps the denominator from zero.
    maximize : bool, default False
        Climb instead of descending.

    Raises
    ------
    ValueError
        If an option is out of its range.

    References
    ----------
    Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic optimization", 2011.

    Examples
    --------
    >>> import minigen
    >>> p = minigen.tensor([1.0], requires_grad=True)
    >>> optimizer = Adagrad([p], lr=0.25)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.tolist()  # the first step is lr, whatever the size of the gradient
    [0.75]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
            "maximize": maximize,
        }
        super().__init__(params, options)

    def check_options(self, group: Group) -> None:
        """Raise ValueError for an option out of its range."""
        super().check_options(group)
        for name in ("lr_decay", "initial_accumulator_value"):
            self.check_number(name, group[name], 0.0, math.inf)

    def begin(self, p: Array, state: dict[str, Any], group: Group) -> dict[str, Any]:
        """Start the sum, count the step, and shorten it by its number."""
        if "sum" not in state:
            state["sum"] = zeros_like(p).fill_(group["initial_accumulator_value"])
        state["step"] = t = state.get("step", 0) + 1
        return {"rate": group["lr"] / (1 + (t - 1) * group["lr_decay"])}

    def update(self, p: Array, g: Array, scratch: Array, state: dict[str, Any], group: Group) -> None:
        """Move a piece by one step of Adagrad."""
        xp, s = array_module(p), state["sum"]
        if group["maximize"]:
            g = -g
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        s += xp.multiply(g, g, out=scratch)
        xp.sqrt(s, out=scratch)
        scratch += group["eps"]
        xp.divide(g, scratch, out=scratch)
        scratch *= state["rate"]
        p -= scratch
