"""`spectral_norm` and `weight_norm` under their older names in the state: ``weight_orig``, ``weight_u``, ``weight_g``.

``from torch.nn.utils import spectral_norm`` is what most programs write.  It computes what
`minigen.nn.utils.parametrizations` does, but keeps what is learnt beside the weight's old place, and moves u and v
once a forward pass instead of once a use.
"""

from __future__ import annotations

from typing import Any

from minigen.modes import no_grad
from minigen.nn.module import Module
from minigen.nn.parameter import Parameter
from minigen.nn.utils.parametrizations import (
    as_matrix,
    check_spectral,
    divide_by_sigma,
    kept_axis,
    norm_except,
    output_axis,
    parameter_of,
    power_iteration,
    singular_vectors,
)
from minigen.tensor import RemovableHandle, Tensor


class _Normalisation:
    """What computes a module's tensor ``name`` from others of the module."""

    owner: str
    name: str

    def __call__(self, module: Module) -> Tensor:
        """Compute the tensor."""
        raise NotImplementedError

    def start(self, module: Module, weight: Tensor) -> Parameter:
        """Let the module compute the tensor from now on, and return the parameter that it was."""
        if not isinstance(weight, Parameter):
            raise ValueError(
                f"{self.owner}: {type(module).__name__}.{self.name} is no parameter, or is computed already"
            )
        del module._parameters[self.name]
        module._computed[self.name] = self
        return weight

    @classmethod
    def stop(cls, module: Module, name: str, inputs: list[str]) -> Any:
        """Make the computed tensor a parameter again, and forget what it was computed from."""
        if not isinstance(module, Module):
            raise TypeError(f"remove_{cls.owner}: module must be an nn.Module, not a {type(module).__name__}")
        self = module._computed.get(name) if isinstance(name, str) else None
        if not isinstance(self, cls):
            raise ValueError(f"remove_{cls.owner}: {type(module).__name__}.{name} has no {cls.owner}")
        with no_grad():
            weight = self(module)
        del module._computed[name]
        for suffix in inputs:
            delattr(module, name + suffix)
        module.register_parameter(name, Parameter(weight))
        return self


class _SpectralNorm(_Normalisation):
    """Weight_orig / sigma, with the buffers weight_u and weight_v."""

    owner = "spectral_norm"
    handle: RemovableHandle

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def parts(self, module: Module) -> tuple[Tensor, Tensor, Tensor]:
        """Return the original, u and v."""
        return tuple(getattr(module, self.name + suffix) for suffix in ("_orig", "_u", "_v"))

    def __call__(self, module: Module) -> Tensor:
        """Divide by the largest singular value."""
        weight, u, v = self.parts(module)
        return divide_by_sigma(weight, u, v, self.dim)

    def before_forward(self, module: Module, args: tuple) -> None:
        """In training, take a step of the power method: v first, then u, as PyTorch does here."""
        if module.training:
            weight, u, v = self.parts(module)
            power_iteration(as_matrix(weight.detach(), self.dim).T, v, u, self.n_power_iterations, self.eps)


class _WeightNorm(_Normalisation):
    """Length times direction: weight_g * weight_v / |weight_v|."""

    owner = "weight_norm"

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, dim

    def __call__(self, module: Module) -> Tensor:
        """Give the direction its length."""
        length, direction = getattr(module, f"{self.name}_g"), getattr(module, f"{self.name}_v")
        return direction * (length / norm_except(direction, self.dim))


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a layer's weight by its largest singular value; the state has ``weight_orig, weight_u, weight_v``.

    Parameters, formula and references are those of `minigen.nn.utils.parametrizations.spectral_norm`, which stores
    the same under newer names.

    Examples
    --------
    >>> from minigen import nn
    >>> list(spectral_norm(nn.Linear(3, 2)).state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    steps, eps = check_spectral(n_power_iterations, eps)
    weight = parameter_of("spectral_norm", module, name)
    if weight.ndim < 2:
        raise ValueError(f"spectral_norm: {name!r} has shape {weight.shape}, but a matrix has at least two axes")
    norm = _SpectralNorm(name, steps, output_axis(module, dim, weight.ndim), eps)
    original = norm.start(module, weight)
    module.register_parameter(f"{name}_orig", original)
    for suffix, vector in zip(("_u", "_v"), singular_vectors(original, norm.dim, eps), strict=True):
        module.register_buffer(name + suffix, vector)
    norm.handle = module.register_forward_pre_hook(norm.before_forward)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight an ordinary parameter again, with the value that it has.

    Examples
    --------
    >>> from minigen import nn
    >>> list(remove_spectral_norm(spectral_norm(nn.Linear(3, 2))).state_dict())
    ['bias', 'weight']
    """
    _SpectralNorm.stop(module, name, ["_orig", "_u", "_v"]).handle.remove()
    return module


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learn length and direction of a layer's weight apart; the state has ``weight_g, weight_v``.

    Parameters, formula and references are those of `minigen.nn.utils.parametrizations.weight_norm`, which stores the
    same under newer names.

    Examples
    --------
    >>> from minigen import nn
    >>> list(weight_norm(nn.Linear(3, 2)).state_dict())
    ['bias', 'weight_g', 'weight_v']
    """
    weight = parameter_of("weight_norm", module, name)
    norm = _WeightNorm(name, kept_axis(dim, weight.ndim))
    original = norm.start(module, weight)
    with no_grad():
        module.register_parameter(f"{name}_g", Parameter(norm_except(original, norm.dim)))
    module.register_parameter(f"{name}_v", original)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight an ordinary parameter again, with the value that it has.

    Examples
    --------
    >>> from minigen import nn
    >>> list(remove_weight_norm(weight_norm(nn.Linear(3, 2))).state_dict())
    ['bias', 'weight']
    """
    _WeightNorm.stop(module, name, ["_g", "_v"])
    return module
