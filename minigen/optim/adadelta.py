"""Adadelta: steps as large as the last ones were, in place of a learning rate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minigen.backend import Array, array_module
from minigen.optim.optimizer import Group, Optimizer, zeros_like


class Adadelta(Optimizer):
    r"""Adadelta: what Adagrad does with all gradients, over the last ones; and each step has the parameter's unit.

    .. math::
        v &\leftarrow \rho v + (1 - \rho) g^2 \\
        d &= g \, \frac{\sqrt{u + \epsilon}}{\sqrt{v + \epsilon}} \\
        u &\leftarrow \rho u + (1 - \rho) d^2 \\
        p &\leftarrow p - \text{lr} \cdot d

    Parameters
    ----------
    params : iterable of Tensor or of dict
        Parameters, or groups with options of their own.
    lr : float, default 1.0
        What the step d is multiplied by.
    rho : float in [0, 1], default 0.9
        The share of the past in both averages.
    eps : float, default 1e-6
        Keeps the denominator from zero, and lets the first step begin.
    weight_decay : float, default 0
        L2 penalty: weight_decay * p is added to g.
    maximize : bool, default False
        Climb instead of descending.

    Raises
    ------
    ValueError
        If an option is out of its range.

    References
    ----------
    Zeiler, "ADADELTA: an adaptive learning rate method", 2012.

    Examples
    --------
    >>> import minigen
    >>> p = minigen.tensor([1.0], requires_grad=True)
    >>> optimizer = Adadelta([p], rho=0.75, eps=1.0)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> round(p.item(), 4)  # d = 2 sqrt(1 / (0.25 * 4 + 1))
    -0.4142
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, options)

    def check_options(self, group: Group) -> None:
        """Raise ValueError for an option out of its range."""
        super().check_options(group)
        if group["rho"] != 1:
            self.check_number("rho", group["rho"], 0.0, 1.0)

    def begin(self, p: Array, state: dict[str, Any], group: Group) -> dict[str, Any]:
        """Start both averages, and count the step."""
        for name in ("square_avg", "acc_delta"):
            if name not in state:
                state[name] = zeros_like(p)
        state["step"] = state.get("step", 0) + 1
        return {}

    def update(self, p: Array, g: Array, scratch: Array, state: dict[str, Any], group: Group) -> None:
        """Move a piece by one step of Adadelta."""
        xp, v, u, fresh = array_module(p), state["square_avg"], state["acc_delta"], 1 - group["rho"]
        if group["maximize"]:
            g = -g
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p

        v *= group["rho"]  # v = rho v + (1 - rho) g^2
        xp.multiply(g, g, out=scratch)
        scratch *= fresh
        v += scratch

        d = u + group["eps"]  # d = g sqrt(u + eps) / sqrt(v + eps)
        d /= xp.add(v, group["eps"], out=scratch)
        xp.sqrt(d, out=d)
        d *= g

        u *= group["rho"]  # u = rho u + (1 - rho) d^2
        xp.multiply(d, d, out=scratch)
        scratch *= fresh
        u += scratch
        d *= group["lr"]
        p -= d
