"""Fully connected layers, and the layers that only reshape: Linear, Flatten, Unflatten, Identity."""

from __future__ import annotations

from typing import Any

import minigen.functional as F
from minigen.creation import empty
from minigen.functional.arguments import check_integer, check_tensor
from minigen.nn import init
from minigen.nn.module import Module
from minigen.nn.parameter import Parameter
from minigen.tensor import Tensor


class Linear(Module):
    """y = x W^T + b, over the last axis of x.

    Parameters
    ----------
    in_features, out_features : int
        I and O, the lengths of the last axis of x and of y.
    bias : bool, default True
        Whether there is a b.
    device, dtype : optional
        Where the parameters lie, and their type; by default float32 on the CPU.

    Attributes
    ----------
    weight : Parameter
        (O, I), at first uniform in [-1/sqrt(I), 1/sqrt(I)].
    bias : Parameter or None
        (O,), at first from the same range.

    Examples
    --------
    >>> import minigen
    >>> Linear(3, 2)(minigen.ones(5, 3)).shape
    (5, 2)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.in_features = check_integer("Linear", "in_features", in_features)
        self.out_features = check_integer("Linear", "out_features", out_features)
        self.weight = Parameter(empty(self.out_features, self.in_features, **factory))
        self.register_parameter("bias", Parameter(empty(self.out_features, **factory)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew, as PyTorch does."""
        init.reset(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Compute y (..., O) from x (..., I)."""
        return F.linear(input, self.weight, self.bias)

    def without_bias(self, input: Tensor) -> Tensor:
        """Compute x W^T only: for who adds the bias together with something else."""
        return F.linear(input, self.weight)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Flatten(Module):
    """Merge the axes from ``start_dim`` to ``end_dim``; by default all but the batch.

    Examples
    --------
    >>> import minigen
    >>> Flatten()(minigen.ones(5, 3, 4, 4)).shape
    (5, 48)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = check_integer("Flatten", "start_dim", start_dim, low=None)
        self.end_dim = check_integer("Flatten", "end_dim", end_dim, low=None)

    def forward(self, input: Tensor) -> Tensor:
        """Return the same elements with fewer axes."""
        check_tensor("Flatten", input=input)
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Return the axes."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Split one axis into several: the way back from `Flatten`.

    Parameters
    ----------
    dim : int
        The axis to split.
    unflattened_size : tuple of int
        What it becomes; one length may be -1.

    Examples
    --------
    >>> import minigen
    >>> Unflatten(1, (3, 4, 4))(minigen.ones(5, 48)).shape
    (5, 3, 4, 4)
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)) or not unflattened_size:
            raise ValueError(f"Unflatten: unflattened_size must be a tuple of lengths, not {unflattened_size!r}")
        self.dim = check_integer("Unflatten", "dim", dim, low=None)
        self.unflattened_size = tuple(
            check_integer("Unflatten", "a length of unflattened_size", n, low=-1) for n in unflattened_size
        )

    def forward(self, input: Tensor) -> Tensor:
        """Return the same elements with more axes."""
        check_tensor("Unflatten", input=input)
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """Return the axis and its parts."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Identity(Module):
    """Return the input as it is: a placeholder, which takes and ignores any arguments.

    Examples
    --------
    >>> Identity(54, unused=True)(3)
    3
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """Return ``input``."""
        return input
