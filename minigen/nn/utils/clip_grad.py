"""Clipping gradients: between ``backward()`` and ``optimizer.step()``, where a single step might go astray.

Both functions change ``.grad`` in place and nothing else; parameters without a gradient are passed over.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from minigen.creation import tensor
from minigen.functional.arguments import check_number, check_tensor
from minigen.functional.reduction import check_positive
from minigen.modes import no_grad
from minigen.namespace import stack
from minigen.tensor import Tensor


@no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    r"""Scale all gradients by one factor, so that their norm, as one long vector, is at most ``max_norm``.

    .. math:: g \leftarrow g \cdot \min(1, \text{max\_norm} / (\lVert g \rVert + 10^{-6}))

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Whose ``.grad`` is scaled; those without one are passed over.
    max_norm : float
        The largest norm allowed.
    norm_type : float, default 2
        The p of the norm, above 0; ``float("inf")`` for the largest absolute value.
    error_if_nonfinite : bool, default False
        Whether a norm that is infinite or NaN is an error; then nothing is scaled.

    Returns
    -------
    Tensor
        The norm before the clipping, without axes: worth logging.

    Raises
    ------
    RuntimeError
        If the norm is not finite and ``error_if_nonfinite`` is True.
    ValueError
        If ``max_norm`` is negative or ``norm_type`` not above 0.

    Notes
    -----
    Each gradient is multiplied, also by a factor of 1: to look whether it is needed would wait for a GPU.

    References
    ----------
    Pascanu, Mikolov and Bengio (2013), "On the difficulty of training recurrent neural networks", ICML, algorithm 1.

    Examples
    --------
    >>> import minigen
    >>> w = minigen.zeros(2, requires_grad=True)
    >>> (w * minigen.tensor([3.0, 4.0])).sum().backward()
    >>> clip_grad_norm_(w, 1.0).item()
    5.0
    >>> [round(g, 4) for g in w.grad.tolist()]
    [0.6, 0.8]
    """
    max_norm = check_number("clip_grad_norm_", "max_norm", max_norm, low=0.0)
    norm_type = check_positive("clip_grad_norm_", "norm_type", norm_type)
    grads = _gradients("clip_grad_norm_", parameters)
    if not grads:
        return tensor(0.0)
    total = _norm(stack([_norm(grad, norm_type) for grad in grads]), norm_type)  # of all numbers: the norm of the norms
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"clip_grad_norm_: the norm of the gradients is {total.item()}, so no factor can mend them; "
            "minigen.autograd.detect_anomaly() finds the first function that made a NaN or an infinity"
        )
    factor = (max_norm / (total + 1e-6)).clamp(max=1.0)
    for grad in grads:
        grad.mul_(factor)
    return total


@no_grad()
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Clamp every element of every gradient to [-clip_value, clip_value].

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Whose ``.grad`` is clamped; those without one are passed over.
    clip_value : float
        The largest absolute value allowed.

    Raises
    ------
    ValueError
        If ``clip_value`` is negative.

    Notes
    -----
    Unlike `clip_grad_norm_` this changes the direction of the step.

    Examples
    --------
    >>> import minigen
    >>> w = minigen.zeros(2, requires_grad=True)
    >>> (w * minigen.tensor([3.0, -0.5])).sum().backward()
    >>> clip_grad_value_(w, 1.0)
    >>> w.grad.tolist()
    [1.0, -0.5]
    """
    clip_value = check_number("clip_grad_value_", "clip_value", clip_value, low=0.0)
    for grad in _gradients("clip_grad_value_", parameters):
        grad.clamp_(-clip_value, clip_value)


def _norm(x: Tensor, p: float) -> Tensor:
    """Return the p-norm of all numbers of a tensor; of none it is 0."""
    if p == math.inf:
        return x.abs().amax() if x.numel() else x.sum()
    return (x.abs() ** p).sum() ** (1 / p)


def _gradients(owner: str, parameters: Any) -> list[Tensor]:
    """Return the gradients that are there."""
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    elif not isinstance(parameters, Iterable):
        hint = "; pass model.parameters()" if hasattr(parameters, "parameters") else ""
        raise TypeError(f"{owner}: parameters must be tensors, not {type(parameters).__name__}{hint}")
    parameters = list(parameters)
    for parameter in parameters:
        check_tensor(owner, parameters=parameter)
    return [parameter.grad for parameter in parameters if parameter.grad is not None]
