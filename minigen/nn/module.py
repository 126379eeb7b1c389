"""Module: the base class of layers and networks.

A module owns parameters, buffers (what is stored but not learned, such as running means) and further modules,
and finds them all by their names; its ``forward`` computes.  It knows nothing of gradients: those belong to
the tensors.  The names in a ``state_dict`` are PyTorch's, so weights travel both ways.
"""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from minigen.arguments import check_callable
from minigen.backend import Array, find_device, to_device
from minigen.dtypes import as_dtype
from minigen.nn.parameter import Parameter
from minigen.tensor import RemovableHandle, Tensor, float16, float32, float64

# The three tables of a module, and what may stand in each.
TABLES = {"_parameters": "an nn.Parameter", "_buffers": "a Tensor", "_modules": "an nn.Module"}


class IncompatibleKeys(NamedTuple):
    """What `Module.load_state_dict` with ``strict=False`` passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """Base class of everything with parameters.

    A subclass calls ``super().__init__()``, assigns parameters and submodules as attributes, and writes
    ``forward``.  The module is then called like a function.

    Attributes
    ----------
    training : bool
        True at first; layers such as dropout and batch norm compute differently in evaluation.

    Examples
    --------
    >>> import minigen
    >>> from minigen import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.hidden = nn.Linear(4, 8)
    ...         self.out = nn.Linear(8, 2)
    ...     def forward(self, x):
    ...         return self.out(self.hidden(x).relu())
    >>> net = Net()
    >>> net(minigen.ones(5, 4)).shape
    (5, 2)
    >>> net
    Net(
      (hidden): Linear(in_features=4, out_features=8, bias=True)
      (out): Linear(in_features=8, out_features=2, bias=True)
    )
    >>> list(net.state_dict())
    ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers: set[str]
    _forward_pre_hooks: dict[Any, Callable]
    _forward_hooks: dict[Any, Callable]
    _computed: dict[str, Callable[[Module], Tensor]]  # see minigen.nn.utils.parametrize

    def __init__(self) -> None:
        vars(self).update({table: {} for table in TABLES})
        vars(self)["_computed"] = {}
        self._non_persistent_buffers = set()
        self._forward_pre_hooks, self._forward_hooks = {}, {}
        self.training = True

    # --- calling --------------------------------------------------------------------------------------------

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; every subclass writes its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(self, x): write the method that computes")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for hook in list(self._forward_pre_hooks.values()):
            replaced = hook(self, args)
            if replaced is not None:
                args = replaced if isinstance(replaced, tuple) else (replaced,)
        output = self.forward(*args, **kwargs)
        for hook in list(self._forward_hooks.values()):
            replaced = hook(self, args, output)
            if replaced is not None:
                output = replaced
        return output

    def register_forward_pre_hook(self, hook: Callable[[Module, tuple], Any]) -> RemovableHandle:
        """Call ``hook(module, args)`` before every forward; what it returns replaces the arguments."""
        return RemovableHandle(self._forward_pre_hooks).add(hook)

    def register_forward_hook(self, hook: Callable[[Module, tuple, Any], Any]) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after every forward; what it returns replaces the output."""
        return RemovableHandle(self._forward_hooks).add(hook)

    # --- attributes -----------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(self).get("_computed", ()):
            raise TypeError(
                f"{type(self).__name__}.{name} is computed from other parameters at each use, so it cannot be set; "
                "change those, or call minigen.nn.utils.parametrize.remove_parametrizations first"
            )
        home = self._home_of(name)
        if isinstance(value, Parameter):
            self._put("_parameters", name, value)
        elif isinstance(value, Module):
            self._put("_modules", name, value)
        elif home is None:
            object.__setattr__(self, name, value)
        elif value is None or (home == "_buffers" and isinstance(value, Tensor)):
            self._put(home, name, value)
        else:
            raise TypeError(
                f"{type(self).__name__}.{name} can only be set to {TABLES[home]} or None, not to a "
                f"{type(value).__name__}; to change values in place, call .copy_() on it under minigen.no_grad()"
            )

    def __getattr__(self, name: str) -> Any:  # called only where the ordinary way found nothing
        home = self._home_of(name)
        if home is not None:
            return vars(self)[home][name]
        if name in vars(self).get("_computed", ()):
            return self._computed[name](self)
        self._check_ready(name)
        close = difflib.get_close_matches(name, [key for table in TABLES for key in vars(self)[table]], n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

    def __delattr__(self, name: str) -> None:
        home = self._home_of(name)
        if home is None:
            object.__delattr__(self, name)
        else:
            del vars(self)[home][name]
            self._non_persistent_buffers.discard(name)

    def __dir__(self) -> list[str]:
        return sorted(
            {*object.__dir__(self), *(name for table in (*TABLES, "_computed") for name in vars(self).get(table, ()))}
        )

    def _home_of(self, name: str) -> str | None:
        """Return which of the three tables holds this name, if any."""
        return next((table for table in TABLES if name in vars(self).get(table, ())), None)

    def _put(self, home: str, name: str, value: Any) -> None:
        """Set an entry of one table; the name leaves every other place."""
        self._check_ready(name)
        for other in (vars(self), *(vars(self)[table] for table in TABLES if table != home)):
            other.pop(name, None)
        if home != "_buffers":
            self._non_persistent_buffers.discard(name)
        if isinstance(value, Parameter) and value.name is None:
            value.name = f"{type(self).__name__}.{name}"  # what the engine's messages call it
        vars(self)[home][name] = value

    def _check_ready(self, name: str) -> None:
        if "_modules" not in vars(self):
            raise AttributeError(
                f"{type(self).__name__}.__init__ must call super().__init__() before anything else: "
                f"without it there is no place for {name!r}"
            )

    def _check_new(self, home: str, name: str, value: Any, kind: type) -> None:
        """Refuse a name or a value that cannot stand in a table."""
        self._check_ready(name)
        owner = type(self).__name__
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"{owner}: {name!r} cannot be a name here: it must be a string without dots, not empty")
        if hasattr(self, name) and self._home_of(name) != home:
            raise ValueError(f"{owner}: the attribute {name!r} exists already")
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"{owner}: {name!r} must be {TABLES[home]} or None, not a {type(value).__name__}")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter; None keeps the name free, for a layer without bias for example."""
        self._check_new("_parameters", name, param, Parameter)
        self._put("_parameters", name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that moves and is stored with the module but is not learned.

        With ``persistent=False`` it does not enter the ``state_dict``.
        """
        self._check_new("_buffers", name, tensor, Tensor)
        self._put("_buffers", name, tensor)
        (self._non_persistent_buffers.discard if persistent else self._non_persistent_buffers.add)(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a submodule under a name, as assigning it to an attribute does."""
        self._check_new("_modules", name, module, Module)
        self._put("_modules", name, module)

    register_module = add_module

    # --- finding what is inside -----------------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield name and module of the direct submodules, each module once."""
        seen: set[Module] = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """Yield the direct submodules, each once."""
        return (module for _, module in self.named_children())

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield dotted name and module: this one (with the name ``prefix``), then all below, each once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, _join(prefix, name), remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """Yield this module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield dotted name and parameter, in the order of definition; a shared parameter once."""
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield the parameters, in the order of definition; a shared one once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield dotted name and buffer, in the order of definition; a shared buffer once."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield the buffers, in the order of definition; a shared one once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _named_members(
        self, table: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        places = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in places:
            for name, member in vars(module)[table].items():
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield _join(path, name), member

    def get_submodule(self, target: str) -> Module:
        """Return the module of a dotted name; the empty name is this module.

        Raises
        ------
        AttributeError
            If there is none; the message says how far the name leads.
        """
        if not isinstance(target, str):
            raise TypeError(f"get_submodule: target must be a name such as 'layers.0', not {target!r}")
        module: Module = self
        walked = type(self).__name__
        for name in target.split(".") if target else ():
            inner = module._modules.get(name)
            if inner is None:
                raise AttributeError(f"get_submodule: {walked} has no submodule {name!r} (on the way to {target!r})")
            module, walked = inner, f"{walked}.{name}"
        return module

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter of a dotted name; AttributeError if there is none."""
        return self._get_member("get_parameter", "_parameters", target)

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer of a dotted name; AttributeError if there is none."""
        return self._get_member("get_buffer", "_buffers", target)

    def _get_member(self, owner: str, table: str, target: str) -> Any:
        path, _, name = target.rpartition(".")
        member = vars(self.get_submodule(path))[table].get(name)
        if member is None:
            raise AttributeError(f"{owner}: {type(self).__name__} has no {table[1:-1]} {target!r}")
        return member

    # --- storing --------------------------------------------------------------------------------------------

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> dict[str, Tensor]:
        """Return all parameters and persistent buffers by their dotted names, in the order of definition.

        The tensors share memory with the module: what is to stay as it is must be cloned.  With
        ``keep_vars=True`` they are the parameters themselves, else detached.
        """
        state: dict[str, Tensor] = {}
        for path, module in self.named_modules(prefix=prefix.removesuffix("."), remove_duplicate=False):
            stored = {k: v for k, v in module._buffers.items() if k not in module._non_persistent_buffers}
            for name, tensor in {**module._parameters, **stored}.items():
                if tensor is not None:
                    state[_join(path, name)] = tensor if keep_vars else tensor.detach()
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Copy values into the parameters and buffers, by name.  If it raises, nothing has changed.

        Parameters
        ----------
        state_dict : mapping of str to Tensor or array
            What `state_dict` returned; NumPy arrays and PyTorch's CPU tensors do as well.
        strict : bool, default True
            Whether missing and unexpected names are errors.  Wrong shapes always are.

        Returns
        -------
        IncompatibleKeys
            The names that were missing, and those that were unexpected.

        Raises
        ------
        RuntimeError
            If names are missing or unexpected or a shape is wrong; the message lists all of them.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"load_state_dict: a dict of tensors is wanted, not a {type(state_dict).__name__}")
        mine = self.state_dict(keep_vars=True)
        missing = [name for name in mine if name not in state_dict]
        unexpected = [name for name in state_dict if name not in mine]
        problems = []
        if strict and unexpected:
            problems.append(f"Unexpected key(s) in state_dict: {', '.join(map(repr, unexpected))}.")
        if strict and missing:
            problems.append(f"Missing key(s) in state_dict: {', '.join(map(repr, missing))}.")
        new = {name: _as_array(name, state_dict[name]) for name in mine if name in state_dict}
        problems += [
            f"size mismatch for {name}: the state_dict has shape {array.shape}, the model {mine[name].shape}."
            for name, array in new.items()
            if array.shape != mine[name].shape
        ]
        if problems:
            lines = "".join(f"\n\t{problem}" for problem in problems)
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:{lines}")
        for name, array in new.items():
            mine[name].array[...] = to_device(array, mine[name].device)  # into the memory layout that is there
            mine[name].bump_version()
        return IncompatibleKeys(missing, unexpected)

    # --- changing all at once -------------------------------------------------------------------------------

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call ``fn`` on every submodule and then on this module, for example to initialise weights."""
        check_callable("apply", "fn", fn)
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all below it to training (or, with False, to evaluation)."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: the mode must be True or False, not {mode!r}")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Switch to evaluation: no dropout, batch norm by its running statistics.  Gradients are not affected."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze (False) or thaw all parameters."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; with ``set_to_none=False`` fill them with zeros."""
        for parameter in self.parameters():
            if parameter.grad is not None:
                parameter.grad = None if set_to_none else parameter.grad.detach().zero_()

    def to(self, *args: Any, device: str | None = None, dtype: Any = None, non_blocking: bool = False) -> Self:
        """Move to a device and/or convert to a floating-point dtype, in place.

        Both can be given by position or by name, or as a tensor that has them.  Parameters stay the same
        objects, so an optimizer keeps working; integer buffers keep their dtype.  ``non_blocking`` is accepted
        for PyTorch's sake and ignored.

        Examples
        --------
        >>> import minigen
        >>> from minigen import nn
        >>> nn.Linear(2, 2).to("cpu", minigen.float64).weight.dtype
        dtype('float64')
        """
        for arg in args:
            if isinstance(arg, Tensor):
                device, dtype = arg.device, arg.dtype
            elif isinstance(arg, str):
                device = arg
            elif not isinstance(arg, bool):  # non_blocking, by position
                dtype = arg
        if dtype is not None and as_dtype("to", dtype).kind != "f":
            raise TypeError(f"to: a module can only be converted to a floating-point dtype, not {np.dtype(dtype)}")
        if device is not None:
            device = find_device(device)
        for tensor in (*self.parameters(), *self.buffers()):
            _convert(tensor, device, dtype if tensor.is_floating_point() else None)
        return self

    def cpu(self) -> Self:
        """Move to the CPU."""
        return self.to(device="cpu")

    def cuda(self) -> Self:
        """Move to the GPU."""
        return self.to(device="cuda")

    def float(self) -> Self:
        """Convert to float32."""
        return self.to(dtype=float32)

    def double(self) -> Self:
        """Convert to float64."""
        return self.to(dtype=float64)

    def half(self) -> Self:
        """Convert to float16: half the memory to store; to compute with it takes a GPU."""
        return self.to(dtype=float16)

    # --- showing --------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """Return what stands between the parentheses of this layer's repr."""
        return ""

    def __repr__(self) -> str:
        name, extra = type(self).__name__, self.extra_repr()
        if not self._modules:
            return f"{name}({extra})"
        lines = [extra] if extra else []
        lines += [f"({key}): {module!r}" for key, module in self._modules.items()]
        return f"{name}(\n{textwrap.indent(chr(10).join(lines), '  ')}\n)"


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _as_array(name: str, value: Any) -> Array:
    """Return the array of a tensor, or of what NumPy can read."""
    if isinstance(value, Tensor):
        return value.array
    array = np.asarray(value) if hasattr(value, "__array__") else None
    if array is None or array.dtype.kind not in "biuf":
        raise TypeError(f"load_state_dict: {name!r} must be a Tensor or an array, not a {type(value).__name__}")
    return array


def _convert(tensor: Tensor, device: str | None, dtype: Any) -> None:
    """Move and convert a tensor and its gradient, keeping the object."""
    moved = tensor.data.to(device=device, dtype=dtype)
    if moved.array is tensor.array:
        return
    gradient = tensor.grad
    tensor.data = moved
    if gradient is not None:
        tensor.grad = gradient.detach().to(device=device, dtype=dtype)
