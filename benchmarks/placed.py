"""A library whose tensors and layers are made on a device, for programs that name none: `placed(minigen, "cuda")`.

`benchmarks.workloads` and `benchmarks.functions` are written once for the CPU; so that the same text is timed on a GPU,
they are given minigen through this.  PyTorch has ``torch.set_default_device`` for it.
"""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

MAKERS = ("arange", "empty", "eye", "full", "ones", "rand", "randint", "randn", "zeros")


class _PlacedLayer(type):
    """The class of a layer, whose objects are moved as soon as they are made."""

    original: type
    device: str

    def __call__(cls, *args: Any, **options: Any) -> Any:
        return cls.original(*args, **options).to(cls.device)

    def __instancecheck__(cls, thing: Any) -> bool:
        return isinstance(thing, cls.original)


class _Layers:
    """The layers of a library, made on a device; what others derive from (``Module``) is what it is."""

    def __init__(self, nn: Any, device: str) -> None:
        self.nn, self.device = nn, device

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.nn, name)
        if name == "Module" or not (isinstance(found, type) and issubclass(found, self.nn.Module)):
            return found
        return _PlacedLayer(name, (), {"original": found, "device": self.device})


def placed(lib: Any, device: str) -> Any:
    """Return ``lib`` with its makers of tensors and its layers on a device.

    Examples
    --------
    >>> import minigen
    >>> lib = placed(minigen, "cpu")
    >>> lib.nn.Linear(3, 2)(lib.ones(1, 3)).shape, isinstance(minigen.nn.ReLU(), lib.nn.ReLU)
    ((1, 2), True)
    """
    makers = {name: functools.partial(getattr(lib, name), device=device) for name in MAKERS}
    public = {name: value for name, value in vars(lib).items() if not name.startswith("_")}
    return SimpleNamespace(**{**public, **makers, "nn": _Layers(lib.nn, device), "__name__": lib.__name__})
