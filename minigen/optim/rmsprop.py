"""RMSprop: steps scaled by a running mean of the squared gradient, without Adam's correction and momentum."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from minigen.backend import Array, array_module
from minigen.optim.optimizer import Group, Optimizer, zeros_like


class RMSprop(Optimizer):
    r"""RMSprop: the gradient divided by the root of the running mean of its square.

    .. math::
        v &\leftarrow \alpha v + (1 - \alpha) \, g^2 \\
        d &= g / (\sqrt{v} + \epsilon) \quad (\text{centered: } g / (\sqrt{v - m^2} + \epsilon)) \\
        b &\leftarrow \text{momentum} \cdot b + d \\
        p &\leftarrow p - \text{lr} \cdot b

    Parameters
    ----------
    params : iterable of Tensor or of dict
        Parameters, or groups with options of their own.
    lr : float, default 1e-2
        Step size.  WGANs with clipped weights use 5e-5 (Arjovsky et al. 2017).
    alpha : float, default 0.99
        Decay of the mean, in [0, 1].
    eps : float, default 1e-8
        Keeps the denominator from zero; added to the root.
    weight_decay : float, default 0
        L2 penalty: weight_decay * p is added to g.
    momentum : float, default 0
        With 0, p moves by lr * d.
    centered : bool, default False
        Divide by the deviation of the gradient from its running mean m (decay alpha as well) instead of its size.
    maximize : bool, default False
        Climb instead of descending.

    Raises
    ------
    ValueError
        If an option is out of its range.

    References
    ----------
    Tieleman and Hinton, "Neural networks for machine learning", lecture 6.5, 2012.
    Graves, "Generating sequences with recurrent neural networks", 2013, equations 38 to 45 (centered).

    Examples
    --------
    >>> import minigen
    >>> p = minigen.tensor([1.0], requires_grad=True)
    >>> optimizer = RMSprop([p], lr=0.05, alpha=0.75)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> round(p.item(), 5)  # the first step is lr / sqrt(1 - alpha)
    0.9
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
            "maximize": maximize,
        }
        super().__init__(params, options)

    def check_options(self, group: Group) -> None:
        """Raise ValueError for an option out of its range."""
        super().check_options(group)
        self.check_number("momentum", group["momentum"], 0.0, math.inf)
        self.check_number("alpha", group["alpha"], 0.0, math.nextafter(1.0, 2.0))

    def begin(self, p: Array, state: dict[str, Any], group: Group) -> dict[str, Any]:
        """Start the means with zeros, and count the step (which only PyTorch asks for)."""
        names = ("square_avg",) + ("momentum_buffer",) * (group["momentum"] > 0) + ("grad_avg",) * group["centered"]
        for name in names:
            if name not in state:
                state[name] = zeros_like(p)
        state["step"] = state.get("step", 0) + 1
        return {}

    def update(self, p: Array, g: Array, scratch: Array, state: dict[str, Any], group: Group) -> None:
        """Move a piece by one step of RMSprop."""
        xp, v, fresh = array_module(p), state["square_avg"], 1 - group["alpha"]
        if group["maximize"]:
            g = -g
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p

        v *= group["alpha"]  # v = alpha v + (1 - alpha) g^2
        xp.multiply(g, g, out=scratch)
        scratch *= fresh
        v += scratch
        if group["centered"]:
            m = state["grad_avg"]
            xp.subtract(g, m, out=scratch)  # m += (1 - alpha) (g - m)
            scratch *= fresh
            m += scratch
            xp.multiply(m, m, out=scratch)
            xp.subtract(v, scratch, out=scratch)
            v = xp.maximum(scratch, 0, out=scratch)  # a variance below 0 can only be rounding

        xp.sqrt(v, out=scratch)  # d = g / (sqrt(v) + eps)
        scratch += group["eps"]
        d = xp.divide(g, scratch, out=scratch)
        if group["momentum"]:
            b = state["momentum_buffer"]
            b *= group["momentum"]
            b += d
            d = b
        p -= xp.multiply(d, group["lr"], out=scratch)
