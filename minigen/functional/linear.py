"""The affine map of fully connected layers: a matrix product and a bias in one step.

The plain matrix product, with its batches and broadcasting, is an operation of tensors (``x @ y``); here is
only the layer's form of it, with PyTorch's weight layout (outputs, inputs).
"""

from __future__ import annotations

import math

from minigen.backend import Array
from minigen.engine import Function
from minigen.functional.arguments import check_floating
from minigen.parallel import matmul
from minigen.tensor import Tensor


class Linear(Function):
    """y = x W^T + b over the last axis of x, however many axes stand before it."""

    def forward(self, x: Array, w: Array, b: Array | None = None) -> Array:
        """Compute y (..., O) from x (..., I), w (O, I) and b (O,)."""
        y = matmul(x.reshape(-1, w.shape[1]), w.T)  # (..., I) -> (R, I) @ (I, O) -> (R, O): one product, not a stack
        if b is not None:
            y += b
        return y.reshape(*x.shape[:-1], w.shape[0])  # (R, O) -> (..., O)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Give dx = g W, dW = g^T x and db = the sum of g over all rows."""
        x, w = self.inputs[:2]
        needs_x, needs_w, *needs_b = self.needs_input_grad
        rows = grad.reshape(-1, w.shape[0]).contiguous()  # (..., O) -> (R, O); BLAS takes no broadcast memory
        grad_x = (rows @ w).reshape(x.shape) if needs_x else None
        grad_w = rows.transpose(0, 1) @ x.reshape(-1, w.shape[1]) if needs_w else None
        return grad_x, grad_w, *(rows.sum(dim=0) if needed else None for needed in needs_b)

    def reads(self) -> list[int]:
        """The gradient of w reads x, that of x reads w, and nothing reads the bias."""
        x, w = self.inputs[:2]
        return [0] * w.requires_grad + [1] * x.requires_grad


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Apply an affine map to the last axis: ``y = x @ weight.T + bias``.

    Parameters
    ----------
    input : Tensor
        x, of shape (..., I).
    weight : Tensor
        Of shape (O, I): one row for each output, as in PyTorch.
    bias : Tensor, optional
        Of shape (O,).

    Returns
    -------
    Tensor
        y, of shape (..., O).

    Raises
    ------
    ValueError
        If the shapes do not fit together.
    TypeError
        If an argument is no Tensor of floating-point numbers, or the dtypes differ.

    Notes
    -----
    With g = dL/dy and all axes but the last flattened to rows, dL/dx = g W, dL/dW = g^T x and dL/db is the
    sum of the rows of g.

    Examples
    --------
    >>> import minigen
    >>> x, weight = minigen.ones(2, 3), minigen.ones(4, 3)
    >>> linear(x, weight, bias=minigen.full((4,), 0.5)).tolist()[0]
    [3.5, 3.5, 3.5, 3.5]
    """
    check_floating("linear", input=input, weight=weight, **({} if bias is None else {"bias": bias}))
    if weight.ndim != 2:
        raise ValueError(f"linear: weight {weight.shape} must have two axes: (outputs, inputs)")
    if input.ndim == 0 or input.shape[-1] != weight.shape[1]:
        raise ValueError(_misfit(input.shape, weight.shape[1], weight.shape))
    if bias is None:
        return Linear.apply(input, weight)
    if bias.shape != weight.shape[:1]:
        raise ValueError(
            f"linear: bias {bias.shape} and weight {weight.shape} do not fit: bias must have one element for each "
            f"of the {weight.shape[0]} outputs"
        )
    return Linear.apply(input, weight, bias)


def _misfit(shape: tuple[int, ...], wanted: int, weight: tuple[int, ...]) -> str:
    """Say why an input does not fit, and what would: flattening, where that gives the features wanted."""
    if not shape:
        return f"linear: input has no axis, but weight {weight} wants {wanted} features along the last one"
    hint = "; flatten it first: input.flatten(1)" if math.prod(shape[1:]) == wanted else ""
    return f"linear: the last axis of input {shape} has {shape[-1]} features, but weight {weight} wants {wanted}{hint}"
