"""Parameter: a tensor that a module counts among the things it learns."""

from __future__ import annotations

from typing import Any

from minigen.tensor import Tensor


class Parameter(Tensor):
    """A leaf tensor that requires gradients, and that a `Module` registers when it becomes its attribute.

    Parameters
    ----------
    data : Tensor or array
        The first values.  Memory is shared, not copied, so its layout stays too.
    requires_grad : bool, default True
        False freezes it.

    Examples
    --------
    >>> import minigen
    >>> scale = Parameter(minigen.ones(3))
    >>> scale.requires_grad, scale.is_leaf
    (True, True)
    """

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad=requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"
