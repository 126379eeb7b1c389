"""Two layers in one call, on a GPU: a layer with a bias, and the rectifier that follows it.

`Sequential` asks `pairs` for the modules in its row.  Results are those of the two layers, and so are the gradients; a
hook on either of them, or a weight that is computed from others, keeps them apart, for then somebody looks in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from minigen.functional.rectified import bias_rectified, is_worth_it
from minigen.nn.activation import LeakyReLU, ReLU
from minigen.nn.conv import Conv2d, ConvTranspose2d
from minigen.nn.linear import Linear
from minigen.nn.module import Module
from minigen.tensor import Tensor

#: The layers whose bias can wait, and how many axes a batch has for them.
_AXES = {Linear: 2, Conv2d: 4, ConvTranspose2d: 4}


def pairs(modules: Iterable[Module], input: Any) -> Iterable[Callable[[Any], Any]]:
    """What to apply one after the other: the modules themselves, or on a GPU some of them two at a time."""
    if not isinstance(input, Tensor) or not is_worth_it(input):
        return modules
    return _in_pairs(list(modules))


def _in_pairs(modules: list[Module]) -> Iterator[Callable[[Any], Any]]:
    i = 0
    while i < len(modules):
        first, *rest = modules[i : i + 2]
        together = bool(rest) and _fit(first, rest[0])
        yield _Pair(first, rest[0]) if together else first
        i += 1 + together


def _fit(layer: Module, rectifier: Module) -> bool:
    """True for a layer with a bias of its own and a rectifier, neither of which anybody watches."""
    if type(layer) not in _AXES or getattr(layer, "bias", None) is None or type(rectifier) not in (ReLU, LeakyReLU):
        return False
    hooks = [m._forward_pre_hooks or m._forward_hooks for m in (layer, rectifier)]
    return not any(hooks) and getattr(rectifier, "negative_slope", 0.0) >= 0


class _Pair:
    """A layer and the rectifier behind it, as one function."""

    def __init__(self, layer: Module, rectifier: Module) -> None:
        self.layer, self.rectifier = layer, rectifier

    def __call__(self, input: Any) -> Any:
        if not isinstance(input, Tensor) or input.ndim != _AXES[type(self.layer)] or not is_worth_it(input):
            return self.rectifier(self.layer(input))
        product, bias = self.layer.without_bias(input), self.layer.bias
        if bias.shape != product.shape[1:2] or bias.dtype != product.dtype:  # the layer has words for that
            return self.rectifier(self.layer(input))
        return bias_rectified(product, bias, float(getattr(self.rectifier, "negative_slope", 0.0)))
