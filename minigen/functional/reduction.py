"""What all losses share: their mean or sum, weights that may be broadcast, and the checks of their values.

No loss stands here.  Values are looked at where that waits for nobody: on the host.  On a GPU a probability or
label out of range makes the loss NaN, which is seen when the loss is logged.
"""

from __future__ import annotations

import math

from minigen.backend import array_module
from minigen.functional.arguments import check_choice, check_floating, check_number, check_same_shape
from minigen.tensor import Tensor

REDUCTIONS = ("mean", "sum", "none")


def check_pair_of_tensors(owner: str, reduction: str, input: Tensor, target: Tensor) -> None:
    """Check what a loss of two tensors takes: floating point, of one shape, and a known reduction."""
    check_choice(owner, "reduction", reduction, REDUCTIONS)
    check_floating(owner, input=input, target=target)
    check_same_shape(owner, input=input, target=target)


def check_positive(owner: str, name: str, value: float) -> float:
    """Return an option as a float; raise ValueError unless it is a number above 0."""
    if check_number(owner, name, value, low=0.0) == 0:
        raise ValueError(f"{owner}: {name} must be above 0, not {value!r}")
    return float(value)


def reduce_losses(owner: str, losses: Tensor, reduction: str, **inputs: Tensor) -> Tensor:
    """Turn the losses of the elements into their mean or sum, or leave them.

    Parameters
    ----------
    owner : str
        The function that is computed, for messages.
    losses : Tensor
        One loss for each element.
    reduction : {"mean", "sum", "none"}
        What is wanted.
    **inputs : Tensor
        What the losses were computed from: where they are NaN, the message says where the NaN came in.

    Raises
    ------
    ValueError
        If the mean is over nothing, or an input holds a NaN (on the host only).

    Examples
    --------
    >>> import minigen
    >>> reduce_losses("mse_loss", minigen.zeros(0), "mean")
    Traceback (most recent call last):
        ...
    ValueError: mse_loss: the mean over no element (the losses have shape (0,)) is undefined; use reduction='sum', ...
    """
    if reduction == "mean":
        check_some(owner, losses)
    result = losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()
    explain_nan(owner, result, **inputs)
    return result


def check_some(owner: str, losses: Tensor) -> None:
    """Raise ValueError if there is nothing to take the mean of."""
    if not losses.numel():
        raise ValueError(
            f"{owner}: the mean over no element (the losses have shape {losses.shape}) is undefined; "
            "use reduction='sum', which is 0, or leave empty batches out"
        )


def on_host(tensor: Tensor) -> bool:
    """Tell whether a look at the values waits for nothing."""
    return tensor.device == "cpu"


def explain_nan(owner: str, loss: Tensor, **inputs: Tensor) -> None:
    """Raise ValueError if the loss is NaN because an input is; in the ordinary case this costs one comparison."""
    if not on_host(loss):
        return
    total = (loss if loss.ndim == 0 else loss.detach().sum()).array
    if total == total:  # NaN is the only number that differs from itself
        return
    for name, tensor in inputs.items():
        nan = array_module(tensor.array).isnan(tensor.array)
        if nan.any():
            first = tuple(int(i[0]) for i in nan.nonzero()) if nan.ndim else ()
            raise ValueError(
                f"{owner}: {name} of shape {tensor.shape} is NaN at {int(nan.sum())} of {nan.size} places, the first "
                f"is {name}{list(first) or ''}; minigen.autograd.detect_anomaly() finds the function that made it"
            )


def check_range(
    owner: str, name: str, tensor: Tensor, remedy: str, low: float = 0.0, high: float = 1.0, slack: float = 0.0
) -> None:
    """Raise ValueError unless all values lie in [low, high], or no further than ``slack`` outside (NaN does not)."""
    x = tensor.array
    if on_host(tensor) and not ((x >= low - slack) & (x <= high + slack)).all():
        explain_nan(owner, tensor, **{name: tensor})
        bounds = f"lie in [{low:g}, {high:g}]" if high < math.inf else f"be at least {low:g}"
        bounds = bounds if low > -math.inf else f"be at most {high:g}"
        raise ValueError(
            f"{owner}: {name} must {bounds}, but goes from {float(x.min()):g} to {float(x.max()):g}; {remedy}"
        )


def check_signs(owner: str, target: Tensor) -> None:
    """Raise ValueError unless all targets are 1 or -1."""
    if on_host(target):
        wrong = abs(target.array) != 1
        if wrong.any():
            raise ValueError(
                f"{owner}: target must hold 1 and -1 only, but has {float(target.array[wrong][0]):g}; "
                "labels 0 and 1 become signs by 2 * labels - 1"
            )


def check_no_labels(owner: str, target: Tensor) -> None:
    """Raise ValueError for targets that are labels 0 and 1 instead of signs."""
    if on_host(target) and (target.array == 0).any() and ((target.array == 0) | (target.array == 1)).all():
        raise ValueError(f"{owner}: target holds the labels 0 and 1, but 1 and -1 are wanted; write 2 * labels - 1")


def check_broadcasts_to(owner: str, name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless a tensor can be broadcast to a shape without enlarging it."""
    trailing = shape[len(shape) - tensor.ndim :] if tensor.ndim else ()
    if tensor.ndim > len(shape) or any(w not in (1, n) for w, n in zip(tensor.shape, trailing, strict=True)):
        raise ValueError(f"{owner}: {name} has shape {tensor.shape}, which cannot be broadcast to the input's {shape}")


def weigh(owner: str, losses: Tensor, weight: Tensor | None, name: str = "weight") -> Tensor:
    """Multiply by a weight that may be broadcast to the losses, but not beyond them."""
    if weight is None:
        return losses
    check_floating(owner, input=losses, **{name: weight})
    check_broadcasts_to(owner, name, weight, losses.shape)
    return losses * weight
