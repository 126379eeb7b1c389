"""PyTorch's older spellings, with which programs written around 2017 are full: ``FloatTensor``, ``Variable``.

``FloatTensor(4, 1)``, ``LongTensor(labels)`` and ``x.type(FloatTensor)`` say a dtype (and a device, in
`minigen.cuda`); ``Variable(x)`` is a leaf with x's values.  New programs write ``tensor(..., dtype=)``,
``x.to(...)`` and ``x.detach()``.  The types are no classes here: every tensor is a `Tensor`.
"""

from __future__ import annotations

from typing import Any

from minigen.arguments import is_whole
from minigen.creation import empty, tensor
from minigen.dtypes import bool_, float16, float32, float64, int8, int16, int32, int64, uint8
from minigen.tensor import Tensor

__all__ = [
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
]

DTYPES = {
    "BoolTensor": bool_,
    "ByteTensor": uint8,
    "CharTensor": int8,
    "DoubleTensor": float64,
    "FloatTensor": float32,
    "HalfTensor": float16,
    "IntTensor": int32,
    "LongTensor": int64,
    "ShortTensor": int16,
}


class TensorType:
    """A dtype on a device, which is called to make tensors of it.

    Parameters
    ----------
    name : str
        One of PyTorch's names, such as "FloatTensor".
    device : str
        ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    TypeError
        When called with a tuple of integers: as a shape it is written ``FloatTensor(*shape)``, as data in a list.

    Examples
    --------
    >>> FloatTensor(2, 1).fill_(1.0)
    tensor([[1.],
            [1.]])
    >>> LongTensor([3, 4])
    tensor([3, 4])
    >>> LongTensor([3, 4]).type(FloatTensor)
    tensor([3., 4.])
    """

    def __init__(self, name: str, device: str = "cpu") -> None:
        self.name, self.dtype, self.device = name, DTYPES[name], device

    def __call__(self, *data: Any) -> Tensor:
        """Make a tensor of data, or of sizes: ``FloatTensor(2, 3)`` holds whatever the memory held."""
        if len(data) == 1 and not is_whole(data[0]):
            if isinstance(data[0], tuple) and data[0] and all(map(is_whole, data[0])):
                raise TypeError(
                    f"{self.name}: is {data[0]} a shape or data? Write {self.name}(*shape), or {self.name}([...])"
                )
            return tensor(data[0], dtype=self.dtype, device=self.device)
        return empty(*(data or (0,)), dtype=self.dtype, device=self.device)

    def __instancecheck__(self, x: Any) -> bool:
        return isinstance(x, Tensor) and x.dtype == self.dtype and x.device.type == self.device

    def __repr__(self) -> str:
        return f"<{self.device} {self.name}: {self.dtype}>"


BoolTensor, ByteTensor, CharTensor, DoubleTensor, FloatTensor, HalfTensor, IntTensor, LongTensor, ShortTensor = (
    TensorType(name) for name in __all__
)


def Variable(data: Any, requires_grad: bool = False) -> Tensor:
    """Return a leaf with the values (and the memory) of a tensor, cut off from its graph.

    Parameters
    ----------
    data : Tensor
        The values.
    requires_grad : bool, default False
        Whether gradients shall flow to it.

    Raises
    ------
    TypeError
        If ``data`` is no tensor.

    Examples
    --------
    >>> Variable(FloatTensor([1.0, 2.0]), requires_grad=True)
    tensor([1., 2.], requires_grad=True)
    """
    if not isinstance(data, Tensor):
        raise TypeError(f"Variable: a Tensor is wanted, not {type(data).__name__}; wrap data in minigen.tensor")
    return data.detach().requires_grad_(requires_grad)
