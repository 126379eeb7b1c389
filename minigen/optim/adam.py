"""Adam and AdamW: steps scaled by running means of the gradient and of its square."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from minigen import kernels
from minigen.backend import Array, array_module
from minigen.optim.optimizer import Group, zeros_like
from minigen.optim.together import StepsTogether


class Adam(StepsTogether):
    r"""Adam.

    .. math::
        m &\leftarrow \beta_1 m + (1 - \beta_1) \, g &\qquad \hat m &= m / (1 - \beta_1^t) \\
        v &\leftarrow \beta_2 v + (1 - \beta_2) \, g^2 & \hat v &= v / (1 - \beta_2^t) \\
        p &\leftarrow p - \text{lr} \cdot \hat m / (\sqrt{\hat v} + \epsilon)

    Parameters
    ----------
    params : iterable of Tensor or of dict
        Parameters, or groups with options of their own.
    lr : float, default 1e-3
        Step size: about how far a parameter moves in a step.
    betas : (float, float), default (0.9, 0.999)
        Decay of the two means, in [0, 1).  DCGAN uses (0.5, 0.999) (Radford et al. 2016).
    eps : float, default 1e-8
        Keeps the denominator from zero.
    weight_decay : float, default 0
        L2 penalty: weight_decay * p is added to g.  For decay beside the gradient see `AdamW`.
    amsgrad : bool, default False
        Divide by the largest v so far instead of the present one (Reddi et al. 2018).
    maximize : bool, default False
        Climb instead of descending.

    Raises
    ------
    ValueError
        If an option is out of its range.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", 2015.
    Reddi, Kale and Kumar, "On the convergence of Adam and beyond", 2018.

    Examples
    --------
    >>> import minigen
    >>> p = minigen.tensor([1.0], requires_grad=True)
    >>> optimizer = Adam([p], lr=0.25)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.tolist()  # the first step is lr, whatever the size of the gradient
    [0.75]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
        }
        super().__init__(params, options)

    def check_options(self, group: Group) -> None:
        """Raise ValueError for an option out of its range."""
        super().check_options(group)
        betas = group["betas"]
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ValueError(f"{type(self).__name__}: betas must be two numbers, not {betas!r}")
        for i, beta in enumerate(betas):
            self.check_number(f"betas[{i}]", beta, 0.0, 1.0)

    def begin(self, p: Array, state: dict[str, Any], group: Group) -> dict[str, Any]:
        """Start the means with zeros, count the step, and correct the means' bias towards zero.

        The corrections belong to m and v, but lr and eps can take them over, which are numbers and not arrays:
        with c = sqrt(1 - beta2^t), lr / (1 - beta1^t) m / (sqrt(v) / c + eps) has the numerator rate * m and the
        denominator sqrt(v) + eps * c.
        """
        names = ("exp_avg", "exp_avg_sq") + ("max_exp_avg_sq",) * group["amsgrad"]
        for name in names:
            if name not in state:
                state[name] = zeros_like(p)
        state["step"] = t = state.get("step", 0) + 1
        beta1, beta2 = group["betas"]
        c = math.sqrt(1 - beta2**t)
        return {"rate": group["lr"] * c / (1 - beta1**t), "eps": group["eps"] * c}

    def decay(self, p: Array, g: Array, group: Group) -> Array:
        """Apply the weight decay: return the gradient to be used."""
        return g + group["weight_decay"] * p

    def decay_numbers(self, group: Group) -> dict[str, float]:
        """The same as numbers: by how much p shrinks, and how much of p is added to the gradient."""
        return {"shrink": 1.0, "decay": group["weight_decay"]}

    def likeness(self, state: dict[str, Any]) -> int:
        """How many steps were done: the corrections depend on it."""
        return state.get("step", 0)

    def arrays(self, state: dict[str, Any], group: Group) -> list[Array | None]:
        """Both means, and the largest v."""
        largest = state["max_exp_avg_sq"].array if group["amsgrad"] else None
        return [state["exp_avg"].array, state["exp_avg_sq"].array, largest]

    def launch(self, table: kernels.ParameterTable, like: Array, numbers: dict[str, float], group: Group) -> None:
        """Move all parameters by one step of Adam: on a GPU."""
        beta1, beta2 = group["betas"]
        numbers |= {"share_m": 1 - beta1, "share_v": 1 - beta2, "sign": -1.0 if group["maximize"] else 1.0}
        kernels.adam(table, like, numbers | self.decay_numbers(group), group["amsgrad"])

    def update(self, p: Array, g: Array, scratch: Array, state: dict[str, Any], group: Group) -> None:
        """Move a piece by one step of Adam."""
        xp, m, v = array_module(p), state["exp_avg"], state["exp_avg_sq"]
        beta1, beta2 = group["betas"]
        if group["maximize"]:
            g = -g
        if group["weight_decay"]:
            g = self.decay(p, g, group)

        xp.subtract(g, m, out=scratch)  # m += (1 - beta1) (g - m)
        scratch *= 1 - beta1
        m += scratch
        xp.multiply(g, g, out=scratch)  # v += (1 - beta2) (g^2 - v)
        scratch -= v
        scratch *= 1 - beta2
        v += scratch
        if group["amsgrad"]:
            v = xp.maximum(state["max_exp_avg_sq"], v, out=state["max_exp_avg_sq"])

        xp.sqrt(v, out=scratch)  # p -= rate m / (sqrt(v) + eps)
        scratch += state["eps"]
        xp.divide(m, scratch, out=scratch)
        scratch *= state["rate"]
        p -= scratch


class AdamW(Adam):
    """Adam with decoupled weight decay: p shrinks by lr * weight_decay * p, whatever its gradient is.

    Parameters are those of `Adam`, with ``weight_decay=0.01`` by default.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.

    Examples
    --------
    >>> import minigen
    >>> p = minigen.tensor([1.0], requires_grad=True)
    >>> optimizer = AdamW([p], lr=0.5, weight_decay=0.5)
    >>> (0 * p).sum().backward()
    >>> optimizer.step()
    >>> p.tolist()
    [0.75]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)

    def decay(self, p: Array, g: Array, group: Group) -> Array:
        """Shrink the parameter, and leave the gradient."""
        p *= 1 - group["lr"] * group["weight_decay"]
        return g

    def decay_numbers(self, group: Group) -> dict[str, float]:
        """The same as numbers."""
        return {"shrink": 1 - group["lr"] * group["weight_decay"], "decay": 0.0}
