"""Stochastic gradient descent, plain or with momentum."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from minigen import kernels
from minigen.backend import Array, array_module
from minigen.optim.optimizer import Group, zeros_like
from minigen.optim.together import StepsTogether


class SGD(StepsTogether):
    r"""Stochastic gradient descent.

    .. math::
        d &= g + \text{weight\_decay} \cdot p \\
        b &\leftarrow \text{momentum} \cdot b + (1 - \text{dampening}) \, d \\
        p &\leftarrow p - \text{lr} \cdot b

    Parameters
    ----------
    params : iterable of Tensor or of dict
        Parameters, or groups with options of their own.
    lr : float, default 1e-3
        Step size.
    momentum : float, default 0
        With 0, p moves by lr * d.  In the first step b = d.
    dampening : float, default 0
        See the formula.
    weight_decay : float, default 0
        L2 penalty.
    nesterov : bool, default False
        Move by d + momentum * b instead of b; wants momentum, and no dampening.
    maximize : bool, default False
        Climb instead of descending.

    Raises
    ------
    ValueError
        If an option is out of its range.

    References
    ----------
    Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013.

    Examples
    --------
    >>> import minigen
    >>> p = minigen.tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([p], lr=0.25)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.tolist()
    [0.5]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, options)

    def check_options(self, group: Group) -> None:
        """Raise ValueError for an option out of its range."""
        super().check_options(group)
        self.check_number("momentum", group["momentum"], 0.0, math.inf)
        self.check_number("dampening", group["dampening"], -math.inf, math.inf)
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise ValueError(
                f"SGD: nesterov wants a momentum above 0 and dampening=0, not momentum={group['momentum']} "
                f"and dampening={group['dampening']}"
            )

    def begin(self, p: Array, state: dict[str, Any], group: Group) -> dict[str, Any]:
        """Start b with zeros; the first gradient enters it undampened."""
        if not group["momentum"]:
            return {}
        first = state.get("momentum_buffer") is None
        if first:
            state["momentum_buffer"] = zeros_like(p)
        return {"share": 1.0 if first else 1 - group["dampening"]}

    def likeness(self, state: dict[str, Any]) -> bool:
        """Whether there was a gradient before: the first one is not dampened."""
        return state.get("momentum_buffer") is None

    def arrays(self, state: dict[str, Any], group: Group) -> list[Array | None]:
        """The velocity b, where there is a momentum."""
        return [state["momentum_buffer"].array if group["momentum"] else None]

    def launch(self, table: kernels.ParameterTable, like: Array, numbers: dict[str, float], group: Group) -> None:
        """Move all parameters against their gradients: on a GPU."""
        numbers |= {name: float(group[name]) for name in ("lr", "momentum", "weight_decay")}
        kernels.sgd(table, like, numbers, -1.0 if group["maximize"] else 1.0, group["nesterov"])

    def update(self, p: Array, g: Array, scratch: Array, state: dict[str, Any], group: Group) -> None:
        """Move a piece against its gradient."""
        xp, momentum = array_module(p), group["momentum"]
        d = xp.multiply(g, -1.0 if group["maximize"] else 1.0, out=scratch)
        if group["weight_decay"]:
            d += group["weight_decay"] * p
        direction = d
        if momentum:
            b = state["momentum_buffer"]
            b *= momentum
            b += state["share"] * d
            direction = d + momentum * b if group["nesterov"] else b
        p -= xp.multiply(direction, group["lr"], out=scratch)
