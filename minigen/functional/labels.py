"""Labels as vectors: a 1 in the place of the class.

A label says which class a thing belongs to; its one-hot vector says the same to a network that wants numbers.  Losses
take the labels themselves (`cross_entropy`), and an embedding looks its rows up: neither needs these vectors.
"""

from __future__ import annotations

from minigen.backend import array_module
from minigen.functional.arguments import check_integer, check_tensor
from minigen.functional.reduction import on_host
from minigen.tensor import Tensor


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Turn labels into vectors of zeros with a single one: ``y[..., c] = 1 if tensor[...] == c else 0``.

    Parameters
    ----------
    tensor : Tensor
        Labels: integers from 0 to C - 1, of any shape.
    num_classes : int, default -1
        C; -1 takes the largest label plus one (which another batch may not contain: better say it).

    Returns
    -------
    Tensor
        Of shape (..., C), int64, without gradient; ``.float()`` makes it an input of a network.

    Raises
    ------
    TypeError
        If the labels are no integers.
    ValueError
        If a label is negative or not below C (looked at where the labels are on the CPU; elsewhere such a label
        gives zeros), or there is no label to take C from.

    Examples
    --------
    >>> import minigen
    >>> one_hot(minigen.tensor([0, 2]), num_classes=3)
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    check_tensor("one_hot", tensor=tensor)
    if tensor.dtype.kind not in "iu":
        raise TypeError(f"one_hot: labels are integers, but these are {tensor.dtype}; convert them with .long()")
    if isinstance(num_classes, int) and num_classes == -1:
        if tensor.numel() == 0:
            raise ValueError(f"one_hot: no label to count classes from in shape {tensor.shape}; give num_classes")
        num_classes = int(tensor.max()) + 1
    classes = check_integer("one_hot", "num_classes", num_classes, low=1)
    if on_host(tensor) and tensor.numel():
        low, high = int(tensor.min()), int(tensor.max())
        if low < 0 or high >= classes:
            wrong = low if low < 0 else high
            raise ValueError(f"one_hot: label {wrong} is not one of the {classes} classes 0 to {classes - 1}")
    numbers = tensor._wrap(array_module(tensor.array).arange(classes))
    return (tensor.unsqueeze(-1) == numbers).long()  # (..., C)
