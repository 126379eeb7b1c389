"""Choosing elements, and putting them back: two pairs of functions, each the other's adjoint.

`GetItem` and `PutItem` take an index in NumPy's sense (numbers, slices, arrays, masks); `Gather` and
`ScatterAdd` take one index for every element along one axis, as PyTorch's functions of those names.
"""

from __future__ import annotations

from minigen.backend import array_module
from minigen.engine import Function


def is_basic(index: tuple) -> bool:
    """True if an index holds only numbers, slices, None and Ellipsis: then it gives a view."""
    return all(i is None or i is Ellipsis or (isinstance(i, (int, slice)) and i is not True) for i in index)


class GetItem(Function):
    """x[index]; the index is a tuple."""

    view = True

    def forward(self, x):
        if is_basic(self.index) and Ellipsis not in self.index:
            return x[(*self.index, ...)]  # a view even where the index names a single element
        return x[self.index]

    def backward(self, grad):
        return PutItem.apply(grad, index=self.index, shape=self.inputs[0].shape)

    def reads(self):
        return ()


class PutItem(Function):
    """Zeros of ``shape`` with y added at ``index``: an element chosen twice receives both."""

    def forward(self, y):
        xp = array_module(y)
        out = xp.zeros_like(y, shape=self.shape)  # channels stay last in memory, where they are
        if is_basic(self.index):
            out[self.index] = y
        else:
            xp.add.at(out, self.index, y)
        return out

    def backward(self, grad):
        return GetItem.apply(grad, index=self.index)

    def reads(self):
        return ()


class Gather(Function):
    """out[i][j] = x[index[i][j]][j] for dim = 0, and so on for the other axes."""

    @staticmethod
    def places(xp, index, dim: int) -> tuple:
        """Write "this index along dim, its own place along every other axis" as a NumPy index."""
        if index.ndim == 0:
            return ()
        places = xp.ogrid[tuple(slice(n) for n in index.shape)]
        return tuple(index if axis == dim else place for axis, place in enumerate(places))

    def forward(self, x):
        return x[self.places(array_module(x), self.index, self.dim)]

    def backward(self, grad):
        return ScatterAdd.apply(grad, dim=self.dim, index=self.index, shape=self.inputs[0].shape)

    def reads(self):
        return ()


class ScatterAdd(Function):
    """Zeros of ``shape``, each element of y added at the place that ``index`` names along ``dim``."""

    def forward(self, y):
        xp = array_module(y)
        out = xp.zeros(self.shape, y.dtype)
        xp.add.at(out, Gather.places(xp, self.index, self.dim), y)
        return out

    def backward(self, grad):
        return Gather.apply(grad, dim=self.dim, index=self.index)

    def reads(self):
        return ()
