"""Containers: modules in a row, in a list, in a dict; parameters in a list, in a dict.

`Sequential` computes: it hands the output of each module to the next.  The others only store, so that what
they hold is found by ``parameters()`` and ``state_dict()``, as it would not be in a plain Python list.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

from minigen.arguments import one_integer
from minigen.nn.fusion import pairs
from minigen.nn.module import Module
from minigen.nn.parameter import Parameter
from minigen.tensor import Tensor


class _ModuleSequence(Module):
    """What `Sequential` and `ModuleList` share: modules under the names "0", "1", ..., or names of their own."""

    def _check(self, module: Any) -> Module:
        if isinstance(module, Module):
            return module
        owner = type(self).__name__
        hint = f"; write {owner}(*layers) to pass a list" if isinstance(module, (list, tuple)) else ""
        if callable(module):
            hint = "; write the call of a layer class, such as nn.ReLU()"
        raise TypeError(f"{owner}: every entry must be a Module, not a {type(module).__name__}{hint}")

    def _name(self, index: int) -> str:
        """Turn a position, perhaps negative, into the name of an entry."""
        position = one_integer(type(self).__name__, "an index", index)
        if not -len(self) <= position < len(self):
            raise IndexError(f"{type(self).__name__}: index {position} is out of range, there are {len(self)} modules")
        return list(self._modules)[position]

    def _renumber(self, modules: Iterable[Module]) -> None:
        vars(self)["_modules"] = {str(i): module for i, module in enumerate(modules)}

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(list(self._modules.values()))  # type: ignore[arg-type]

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self._of(dict(list(self._modules.items())[index]))
        return self._modules[self._name(index)]

    def _of(self, modules: dict[str, Module | None]) -> Self:
        """Return a container of the same class with some of the modules."""
        raise NotImplementedError

    def __setitem__(self, index: int, module: Module) -> None:
        self._modules[self._name(index)] = self._check(module)

    def __delitem__(self, index: int | slice) -> None:
        gone = list(self._modules)[index] if isinstance(index, slice) else [self._name(index)]
        self._renumber(module for name, module in self._modules.items() if name not in gone)  # type: ignore[misc]

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), self._check(module))
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before the one at ``index``; those behind it move up."""
        modules = list(self)
        modules.insert(one_integer(type(self).__name__, "an index", index), self._check(module))
        self._renumber(modules)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add several modules at the end."""
        if not isinstance(modules, Iterable):
            raise TypeError(f"{type(self).__name__}: a list of modules is wanted, not a {type(modules).__name__}")
        for module in list(modules):
            self.append(module)
        return self

    def pop(self, index: int = -1) -> Module:
        """Remove a module and return it; those behind it move down."""
        module = self[index]
        del self[index]
        return module

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __add__(self, modules: Iterable[Module]) -> Self:
        return self._of({str(i): module for i, module in enumerate([*self, *modules])})


class Sequential(_ModuleSequence):
    """Modules in a row: the output of each is the input of the next.

    Parameters
    ----------
    *modules : Module
        Named "0", "1", ...; or one dict, whose keys are the names.

    Examples
    --------
    >>> import minigen
    >>> from minigen import nn
    >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> net(minigen.ones(1, 4)).shape, len(net), net[-1]
    ((1, 2), 3, Linear(in_features=3, out_features=2, bias=True))
    """

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        named = modules[0].items() if len(modules) == 1 and isinstance(modules[0], Mapping) else enumerate(modules)
        for name, module in named:
            self.add_module(str(name), self._check(module))

    def _of(self, modules: dict[str, Module | None]) -> Self:
        return type(self)(modules)

    def forward(self, input: Any) -> Any:
        """Apply the modules one after the other."""
        for apply in pairs(self, input):
            input = apply(input)
        return input


class ModuleList(_ModuleSequence):
    """A list of modules; what is computed with them is up to the ``forward`` that uses them.

    Examples
    --------
    >>> from minigen import nn
    >>> layers = nn.ModuleList(nn.Linear(3, 3) for _ in range(2))
    >>> len(list(layers.parameters()))
    4
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    def _of(self, modules: dict[str, Module | None]) -> Self:
        return type(self)(modules.values())  # type: ignore[arg-type]

    def __repr__(self) -> str:  # modules of equal text are counted: (0-3): 4 x ReLU()
        lines, first = [], 0
        for text, same in itertools.groupby(map(repr, self)):
            count = len(list(same))
            lines.append(f"({first}): {text}" if count == 1 else f"({first}-{first + count - 1}): {count} x {text}")
            first += count
        name = type(self).__name__
        return f"{name}(\n{textwrap.indent(chr(10).join(lines), '  ')}\n)" if lines else f"{name}()"


class _Dict(Module):
    """What `ModuleDict` and `ParameterDict` share: the entries of one of a module's tables, by their names."""

    table: str

    def _check(self, key: str, value: Any) -> Any:
        """Return what is to be stored under a key."""
        raise NotImplementedError

    @property
    def _entries(self) -> dict[str, Any]:
        return vars(self)[self.table]

    def __getitem__(self, key: str) -> Any:
        if key not in self._entries:
            raise KeyError(f"{type(self).__name__}: there is no {key!r}, only {', '.join(map(repr, self._entries))}")
        return self._entries[key]

    def __setitem__(self, key: str, value: Any) -> None:
        entry = self._check(key, value)
        self._check_new(self.table, key, entry, type(entry))
        self._put(self.table, key, entry)

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def keys(self) -> Any:
        """The names."""
        return self._entries.keys()

    def values(self) -> Any:
        """What is stored under them."""
        return self._entries.values()

    def items(self) -> Any:
        """Names and what is stored under them."""
        return self._entries.items()

    def get(self, key: str, default: Any = None) -> Any:
        """What is stored under a name, or a default."""
        return self._entries.get(key, default)

    def update(self, entries: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Add or replace several entries."""
        try:
            entries = dict(entries)
        except (TypeError, ValueError):
            raise TypeError(f"{type(self).__name__}: a dict is wanted, not a {type(entries).__name__}") from None
        for key, value in entries.items():
            self[key] = value

    def pop(self, key: str) -> Any:
        """Remove an entry and return it."""
        entry = self[key]
        del self._entries[key]
        return entry

    def clear(self) -> None:
        """Remove all entries."""
        self._entries.clear()


class ModuleDict(_Dict):
    """A dict of modules, in the order of insertion.

    Examples
    --------
    >>> from minigen import nn
    >>> heads = nn.ModuleDict({"mean": nn.Linear(4, 2), "log_variance": nn.Linear(4, 2)})
    >>> "mean" in heads, list(heads.state_dict())[0]
    (True, 'mean.weight')
    """

    table = "_modules"

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        super().__init__()
        self.update(modules)

    def _check(self, key: str, value: Any) -> Module:
        if not isinstance(value, Module):
            raise TypeError(f"ModuleDict: the entry {key!r} must be a Module, not a {type(value).__name__}")
        return value


class ParameterList(Module):
    """A list of parameters; plain tensors become parameters.

    Examples
    --------
    >>> import minigen
    >>> from minigen import nn
    >>> scales = nn.ParameterList([minigen.ones(3), minigen.ones(2)])
    >>> [name for name, _ in scales.named_parameters()]
    ['0', '1']
    """

    def __init__(self, parameters: Iterable[Tensor] = ()) -> None:
        super().__init__()
        self.extend(parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(list(self._parameters.values()))  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> Parameter:
        return list(self)[index]

    def __setitem__(self, index: int, parameter: Tensor) -> None:
        self.register_parameter(str(range(len(self))[index]), _as_parameter("ParameterList", parameter))

    def append(self, parameter: Tensor) -> Self:
        """Add a parameter at the end."""
        self.register_parameter(str(len(self)), _as_parameter("ParameterList", parameter))
        return self

    def extend(self, parameters: Iterable[Tensor]) -> Self:
        """Add several parameters at the end."""
        if not isinstance(parameters, Iterable):
            raise TypeError(f"ParameterList: a list of parameters is wanted, not a {type(parameters).__name__}")
        for parameter in parameters:
            self.append(parameter)
        return self

    def __iadd__(self, parameters: Iterable[Tensor]) -> Self:
        return self.extend(parameters)

    def __repr__(self) -> str:
        return _show_parameters(self)


class ParameterDict(_Dict):
    """A dict of parameters, in the order of insertion; plain tensors become parameters.

    Examples
    --------
    >>> import minigen
    >>> from minigen import nn
    >>> styles = nn.ParameterDict({"scale": minigen.ones(3), "shift": minigen.zeros(3)})
    >>> [name for name, _ in styles.named_parameters()], styles["scale"].requires_grad
    (['scale', 'shift'], True)
    """

    table = "_parameters"

    def __init__(self, parameters: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]] | None = None) -> None:
        super().__init__()
        self.update(parameters or ())

    def _check(self, key: str, value: Any) -> Parameter:
        return _as_parameter(type(self).__name__, value)

    def __repr__(self) -> str:
        return _show_parameters(self)


def _as_parameter(owner: str, tensor: Any) -> Parameter:
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{owner}: every entry must be a Tensor, not a {type(tensor).__name__}")
    return tensor if isinstance(tensor, Parameter) else Parameter(tensor.detach())


def _show_parameters(container: Module) -> str:
    lines = [f"  ({name}): Parameter of {p.dtype}, shape {p.shape}\n" for name, p in container.named_parameters()]
    return f"{type(container).__name__}(\n{''.join(lines)})"
