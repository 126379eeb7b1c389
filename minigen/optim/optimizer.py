"""Optimizer: what all optimisers share, which is everything but the formula.

It keeps the parameters in groups with their options, the state of each parameter, and stores and restores
both in PyTorch's structure.  A subclass writes `update`, the formula for one parameter, on raw arrays and in
place: an optimiser step is no part of any graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from minigen.arguments import check_callable
from minigen.backend import Array, array_module, to_device
from minigen.modes import enable_grad
from minigen.parallel import spread
from minigen.tensor import Tensor

Group = dict[str, Any]

PIECE = 1 << 15  # elements; five float32 arrays of this length take 640 KB


class Optimizer:
    """Base class of the optimisers.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        The parameters, or groups of them: dicts with the key "params" and options that differ from the
        defaults.
    defaults : dict
        The options of the optimiser with their values.

    Attributes
    ----------
    param_groups : list of dict
        Each with "params" and all options; changing an option there takes effect with the next step.
    state : dict of Tensor to dict
        What the formula remembers about each parameter.
    stepped : bool
        Whether `step` has been called: schedules look at it.

    Raises
    ------
    ValueError
        If there are no parameters, one appears twice or is not a leaf, or an option is out of its range.
    TypeError
        If ``params`` is a single tensor or module, or holds something that is no tensor.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        self.stepped = False
        owner = type(self).__name__
        if isinstance(params, Tensor):
            raise TypeError(f"{owner}: params must be a list of tensors, not a single one; write [parameter]")
        if isinstance(params, Mapping) or not isinstance(params, Iterable):
            hint = "model.parameters()" if hasattr(params, "parameters") or callable(params) else "a list"
            raise TypeError(f"{owner}: params must be an iterable of tensors, not {type(params).__name__}; pass {hint}")
        groups = list(params)
        if not groups:
            raise ValueError(f"{owner}: the list of parameters is empty (was a generator used twice?)")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters with options of their own, for example of a layer that is thawed later."""
        owner = type(self).__name__
        if not isinstance(param_group, dict) or "params" not in param_group:
            raise TypeError(f'{owner}: a parameter group is a dict with the key "params", not {param_group!r}')
        params = param_group["params"]
        params = [params] if isinstance(params, Tensor) else list(params)
        unknown = set(param_group) - {"params", "name", "initial_lr", *self.defaults}
        if unknown:
            raise ValueError(f"{owner}: unknown options {sorted(unknown)}; there are {sorted(self.defaults)}")
        known = {id(p) for group in self.param_groups for p in group["params"]}
        for i, p in enumerate(params):
            if not isinstance(p, Tensor):
                raise TypeError(f"{owner}: parameter {i} is no Tensor but a {type(p).__name__}")
            if not p.is_leaf or p.dtype.kind != "f":
                what = "the result of a computation" if not p.is_leaf else f"of dtype {p.dtype}"
                raise ValueError(
                    f"{owner}: parameter {i} is {what}; only leaves of floating-point numbers can be optimised"
                )
            if id(p) in known:
                raise ValueError(f"{owner}: parameter {i} {p.shape} appears twice; each must be in one place only")
            known.add(id(p))
        group = {**self.defaults, **param_group, "params": params}
        self.check_options(group)
        self.param_groups.append(group)

    def check_options(self, group: Group) -> None:
        """Raise ValueError for an option out of its range; a subclass adds its own."""
        for name in ("lr", "weight_decay", "eps"):
            if name in group:
                self.check_number(name, group[name], 0.0, math.inf)

    def check_number(self, name: str, value: Any, low: float, below: float) -> None:
        """Raise ValueError unless an option is a number with ``low <= value < below``."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value < below:
            bounds = f"at least {low:g}" if below == math.inf else f"in [{low:g}, {below:g})"
            raise ValueError(f"{type(self).__name__}: {name} must be a number {bounds}, not {value!r}")

    # --- stepping -------------------------------------------------------------------------------------------

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; with ``set_to_none=False`` fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad = None if set_to_none else p.grad.detach().zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss anew, calls ``backward()`` and returns the loss; called first, while recording.

        Returns
        -------
        object
            What the closure returned, or None.
        """
        loss = None
        if closure is not None:
            check_callable("step", "closure", closure)
            with enable_grad():
                loss = closure()
        self.stepped = True
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            self.step_group(params, group)
            for p in params:
                p.bump_version()
        return loss

    def step_group(self, params: list[Tensor], group: Group) -> None:
        """Change the parameters of a group that have gradients: one after the other, unless a subclass can do more."""
        for p in params:
            assert p.grad is not None
            self._step(p, p.grad, group)

    def _step(self, p: Tensor, grad: Tensor, group: Group) -> None:
        """Change one parameter, piece by piece, going through all arrays in the order of its memory."""
        state = self.state.setdefault(p, {})
        numbers = self.begin(p.array, state, group)
        arrays = {name: value.array for name, value in state.items() if isinstance(value, Tensor)}
        arrays |= {"p": p.array, "g": grad.array}
        order = sorted(range(p.ndim), key=lambda axis: -p.array.strides[axis])  # the outermost axis first
        flat = {name: array.transpose(order).reshape(-1) for name, array in arrays.items()}
        xp, size = array_module(p.array), p.numel()
        length = min(size, PIECE) if p.device == "cpu" else size

        def change(start: int) -> None:
            piece = {name: array[start : start + length] for name, array in flat.items()}
            self.update(piece["p"], piece["g"], xp.empty_like(piece["p"]), {**piece, **numbers}, group)

        spread(xp, change, range(0, size, length or 1))
        for name, array in arrays.items():
            if name != "g" and not xp.may_share_memory(flat[name], array):  # reshape had to copy: write it back
                view = array.transpose(order)
                view[...] = flat[name].reshape(view.shape)

    def begin(self, p: Array, state: dict[str, Any], group: Group) -> dict[str, Any]:
        """Make or count on the state of a parameter; return the numbers that `update` wants."""
        raise NotImplementedError(f"{type(self).__name__} has no begin(p, state, group)")

    def update(self, p: Array, g: Array, scratch: Array, state: dict[str, Any], group: Group) -> None:
        """Change a piece of a parameter in place.

        Parameters
        ----------
        p, g : array
            A piece of the parameter and of its gradient, as vectors.
        scratch : array
            As long as they are, to compute in.
        state : dict
            The same piece of each tensor of the state, and the numbers that `begin` returned.
        group : dict
            The options.
        """
        raise NotImplementedError(f"{type(self).__name__} has no update(p, g, scratch, state, group)")

    # --- storing --------------------------------------------------------------------------------------------

    def _numbered(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def state_dict(self) -> dict[str, Any]:
        """Return the state in PyTorch's structure: parameters are named by their numbers, in order.

        The tensors in it share memory with the optimiser.

        Examples
        --------
        >>> import minigen
        >>> p = minigen.ones(2, requires_grad=True)
        >>> state = minigen.optim.SGD([p], lr=0.1).state_dict()
        >>> state["state"], state["param_groups"][0]["params"], state["param_groups"][0]["lr"]
        ({}, [0], 0.1)
        """
        number = {id(p): i for i, p in enumerate(self._numbered())}
        groups = [{**group, "params": [number[id(p)] for p in group["params"]]} for group in self.param_groups]
        return {"state": {number[id(p)]: dict(entry) for p, entry in self.state.items()}, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Copy state and options from what `state_dict` returned (or PyTorch's).  If it raises, nothing has changed.

        Raises
        ------
        ValueError
            If it was made for other parameters or another optimiser.
        """
        owner = type(self).__name__
        if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= set(state_dict):
            raise ValueError(f'{owner}: a state_dict has the keys "state" and "param_groups"')
        saved_groups = state_dict["param_groups"]
        sizes = [[len(group["params"]) for group in groups] for groups in (saved_groups, self.param_groups)]
        if sizes[0] != sizes[1]:
            raise ValueError(
                f"{owner}: the state_dict has groups of {sizes[0]} parameters, the optimiser of {sizes[1]}"
            )
        groups = [self._loaded_group(saved, group) for saved, group in zip(saved_groups, self.param_groups)]
        saved_numbers = [number for group in saved_groups for number in group["params"]]
        parameter = dict(zip(map(str, saved_numbers), self._numbered()))  # str: JSON makes keys strings
        state = {}
        for number, entry in state_dict["state"].items():
            if str(number) not in parameter:
                raise ValueError(f"{owner}: the state_dict has a state for parameter {number}, which is in no group")
            p = parameter[str(number)]
            state[p] = {name: self._loaded_value(name, value, p) for name, value in entry.items()}
        self.param_groups, self.state = groups, state

    def _loaded_group(self, saved: Group, mine: Group) -> Group:
        missing = sorted(set(self.defaults) - set(saved))
        if missing:
            raise ValueError(f"{type(self).__name__}: the state_dict has no {missing}: it is another optimiser's")
        group = {k: tuple(v) if isinstance(v, list) else v for k, v in saved.items()}  # JSON makes tuples lists
        group["params"] = mine["params"]
        self.check_options(group)
        return group

    def _loaded_value(self, name: str, value: Any, p: Tensor) -> Any:
        """Copy an array into one of the parameter's layout, dtype and device; leave numbers."""
        if name == "step":  # PyTorch counts steps in a tensor
            return int(value)
        if value is None or isinstance(value, (bool, int, float)):
            return value
        array = value.array if isinstance(value, Tensor) else np.asarray(value)
        if array.shape != p.shape:
            raise ValueError(f"{type(self).__name__}: {name} has shape {array.shape}, but its parameter has {p.shape}")
        mine = array_module(p.array).empty_like(p.array)
        mine[...] = to_device(array, p.device)
        return p._wrap(mine)

    def __repr__(self) -> str:
        lines = []
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {name}: {value}" for name, value in group.items() if name != "params"]
        return f"{type(self).__name__} (\n" + "\n".join(lines) + "\n)"


def zeros_like(p: Array) -> Tensor:
    """Return a tensor of zeros in the shape, dtype and memory layout of an array: the start of a moving average."""
    return Tensor(array_module(p).zeros_like(p))
