"""Parametrisation: a weight that is computed, at each use, from what is learnt.

`register_parametrization` takes the parameter out of the module, puts it under ``parametrizations.weight.original``,
and makes ``module.weight`` the result of the parametrisation.  The layer does not notice: it reads ``self.weight``,
and gradients flow through to the original.  Names in the ``state_dict`` are PyTorch's.

What is at work in `minigen.nn.Module` is a single table, ``_computed``: name -> function of the module.  No class is
patched, nothing is cached.  The parametrisations that image models use are in `minigen.nn.utils.parametrizations`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from minigen.modes import no_grad
from minigen.nn.container import ModuleDict, ModuleList
from minigen.nn.module import Module
from minigen.nn.parameter import Parameter
from minigen.tensor import Tensor


class ParametrizationList(ModuleList):
    """One or more parametrisations of one tensor, applied one after the other, and the original.

    Called without arguments it computes the tensor.  Its parameter is ``original``, or ``original0``, ``original1``
    and so on where the first parametrisation takes several.

    Parameters
    ----------
    parametrization : Module
        The first one; its ``right_inverse(weight)``, if it has one, says which original gives that weight.
    original : Tensor
        The parameter or buffer; where there is one original it stays this very object, so that an optimizer that
        knows it goes on working.
    """

    def __init__(self, parametrization: Module, original: Tensor) -> None:
        super().__init__([parametrization])
        start: Any = original.data
        if hasattr(parametrization, "right_inverse"):
            with no_grad():
                start = parametrization.right_inverse(start)
        self.several = not isinstance(start, Tensor)
        if not self.several:
            original.data = start
            self._add("original", original)
        for i, part in enumerate(start if self.several else ()):
            self._add(f"original{i}", Parameter(part, original.requires_grad))

    def _add(self, name: str, tensor: Tensor) -> None:
        if isinstance(tensor, Parameter):
            self.register_parameter(name, tensor)
        else:
            self.register_buffer(name, tensor)

    def originals(self) -> list[Tensor]:
        """Return what is learnt."""
        return [*self.parameters(recurse=False), *self.buffers(recurse=False)]

    def forward(self) -> Tensor:
        """Compute the tensor."""
        first, *others = self
        value = first(*self.originals())
        for parametrization in others:
            value = parametrization(value)
        return value


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Tell whether a tensor of a module (or, without a name, any) is parametrised.

    Examples
    --------
    >>> from minigen import nn
    >>> is_parametrized(nn.Linear(3, 2), "weight")
    False
    """
    table = module._modules.get("parametrizations")
    return isinstance(table, ModuleDict) and (tensor_name is None or tensor_name in table)


def register_parametrization(module: Module, tensor_name: str, parametrization: Module) -> Module:
    """Compute a parameter (or buffer) of a module, from now on, as ``parametrization(original)``.

    Parameters
    ----------
    module : Module
        The layer, which is changed.
    tensor_name : str
        Usually "weight".  If it is parametrised already, the new parametrisation comes on top.
    parametrization : Module
        Tensor in, tensor of the same shape and dtype out.  With a method ``right_inverse``, the original starts as
        ``right_inverse(weight)``; that may return several tensors, which ``forward`` then takes.

    Returns
    -------
    Module
        The same module.

    Raises
    ------
    ValueError, TypeError
        If there is no such tensor, or the parametrisation changes its shape or dtype.

    Examples
    --------
    A matrix that stays symmetric, whatever the optimizer does:

    >>> from minigen import nn
    >>> class Symmetric(nn.Module):
    ...     def forward(self, x):
    ...         return (x + x.T) / 2
    >>> layer = register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all())
    True
    >>> list(layer.state_dict())
    ['bias', 'parametrizations.weight.original']
    """
    for name, value in (("module", module), ("parametrization", parametrization)):
        if not isinstance(value, Module):
            raise TypeError(f"register_parametrization: {name} must be an nn.Module, not a {type(value).__name__}")
    if not isinstance(tensor_name, str):
        raise TypeError(f"register_parametrization: tensor_name must be a name such as 'weight', not {tensor_name!r}")
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        stack = module.parametrizations[tensor_name]
        with no_grad():
            value = stack()
            if hasattr(parametrization, "right_inverse") and not isinstance(
                parametrization.right_inverse(value), Tensor
            ):
                raise ValueError(
                    "register_parametrization: only the first parametrization of a tensor may take several, but "
                    f"{type(module).__name__}.{tensor_name} has one already"
                )
            _check_like(value, parametrization(value))
        stack.append(parametrization)
        return module
    original = {**module._parameters, **module._buffers}.get(tensor_name)
    if original is None:
        raise ValueError(f"register_parametrization: {type(module).__name__} has no parameter {tensor_name!r}")
    with no_grad():
        stack = ParametrizationList(parametrization, original)
        _check_like(original, stack())
    stack.train(module.training)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        module.parametrizations = ModuleDict()
    module.parametrizations[tensor_name] = stack
    module._computed[tensor_name] = partial(_compute, tensor_name)
    return module


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make a computed tensor an ordinary parameter again.

    Parameters
    ----------
    module : Module
        The layer, which is changed.
    tensor_name : str
        Usually "weight".
    leave_parametrized : bool, default True
        Keep the computed value; False goes back to the original, if that is a single tensor.

    Returns
    -------
    Module
        The same module.

    Raises
    ------
    ValueError
        If the tensor is not parametrised, or if the original that is asked for is several tensors.

    Examples
    --------
    >>> from minigen import nn
    >>> from minigen.nn.utils.parametrizations import weight_norm
    >>> layer = remove_parametrizations(weight_norm(nn.Linear(3, 2)), "weight")
    >>> list(layer.state_dict())
    ['bias', 'weight']
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"remove_parametrizations: {type(module).__name__}.{tensor_name} is not parametrised")
    stack = module.parametrizations[tensor_name]
    if stack.several and not leave_parametrized:
        raise ValueError(
            f"remove_parametrizations: {type(module).__name__}.{tensor_name} is computed from several tensors, none of "
            "which is the original; use leave_parametrized=True"
        )
    original = stack.originals()[0]
    if leave_parametrized:
        with no_grad():
            value = stack()
            if stack.several:
                original = Parameter(value, original.requires_grad)
            else:
                original.copy_(value)  # the same object, in its memory layout
    del module._computed[tensor_name], module.parametrizations[tensor_name]
    if not len(module.parametrizations):
        del module.parametrizations
    if isinstance(original, Parameter):
        module.register_parameter(tensor_name, original)
    else:
        module.register_buffer(tensor_name, original)
    return module


def _compute(tensor_name: str, module: Module) -> Tensor:
    return module.parametrizations[tensor_name]()


def _check_like(wanted: Tensor, value: Any) -> None:
    """Refuse a parametrisation that would change what a layer expects of its parameter."""
    if not isinstance(value, Tensor):
        raise ValueError(f"register_parametrization: the parametrization returned no Tensor, but {type(value)}")
    if value.shape != wanted.shape or value.dtype != wanted.dtype:
        raise ValueError(
            f"register_parametrization: the parametrization turns shape {wanted.shape} and dtype {wanted.dtype} into "
            f"{value.shape} and {value.dtype}; both must stay as they are"
        )
