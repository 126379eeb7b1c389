"""Layers that add a border: of zeros, of a constant, mirrored, repeated, or from the other side."""

from __future__ import annotations

import minigen.functional as F
from minigen.functional.arguments import check_number, check_sizes
from minigen.nn.module import Module
from minigen.tensor import Tensor

Border = int | tuple[int, ...]


class _Pad(Module):
    """What all have in common: how wide the border is, and what it shows."""

    axes = 2  # 1 for signals
    mode = "constant"
    value = 0.0

    def __init__(self, padding: Border) -> None:
        super().__init__()
        self.padding = check_sizes(type(self).__name__, "padding", padding, 2 * self.axes, low=-(2**62))

    def forward(self, input: Tensor) -> Tensor:
        """Compute (N, C, H + top + bottom, W + left + right) from (N, C, H, W), and so for one image or signal."""
        return F.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        """Return the border."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: Border, value: float) -> None:
        super().__init__(padding)
        self.value = check_number(type(self).__name__, "value", value, low=-float("inf"))

    def extra_repr(self) -> str:
        """Return the border and its value."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """A border of a constant, around signals.

    Parameters
    ----------
    padding : int or (left, right)
        How wide it is; negative numbers crop.
    value : float
        What the border shows.

    See Also
    --------
    minigen.functional.pad

    Examples
    --------
    >>> import minigen
    >>> ConstantPad1d((1, 2), 9.0)(minigen.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[9.0, 1.0, 2.0, 3.0, 9.0, 9.0]]
    """

    axes = 1


class ConstantPad2d(_ConstantPad):
    """A border of a constant, around images.

    Parameters
    ----------
    padding : int or (left, right, top, bottom)
        How wide it is; negative numbers crop.
    value : float
        What the border shows.

    See Also
    --------
    minigen.functional.pad

    Examples
    --------
    >>> import minigen
    >>> ConstantPad2d((1, 2, 0, 1), 9.0)(minigen.zeros(8, 3, 5, 5)).shape
    (8, 3, 6, 8)
    """


class ZeroPad1d(_Pad):
    """A border of zeros, around signals.

    Parameters
    ----------
    padding : int or (left, right)
        How wide it is; negative numbers crop.

    See Also
    --------
    minigen.functional.pad

    Examples
    --------
    >>> import minigen
    >>> ZeroPad1d((1, 2))(minigen.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[0.0, 1.0, 2.0, 3.0, 0.0, 0.0]]
    """

    axes = 1


class ZeroPad2d(_Pad):
    """A border of zeros, around images.

    Parameters
    ----------
    padding : int or (left, right, top, bottom)
        How wide it is; negative numbers crop.

    See Also
    --------
    minigen.functional.pad

    Examples
    --------
    >>> import minigen
    >>> ZeroPad2d((1, 2, 0, 1))(minigen.zeros(8, 3, 5, 5)).shape
    (8, 3, 6, 8)
    """


class ReflectionPad1d(_Pad):
    """A border that mirrors the signal at its edge, which is not repeated, around signals.

    Parameters
    ----------
    padding : int or (left, right)
        How wide it is; negative numbers crop.

    See Also
    --------
    minigen.functional.pad

    Examples
    --------
    >>> import minigen
    >>> ReflectionPad1d((1, 2))(minigen.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[2.0, 1.0, 2.0, 3.0, 2.0, 1.0]]
    """

    axes = 1
    mode = "reflect"


class ReflectionPad2d(_Pad):
    """A border that mirrors the image at its edge, which is not repeated, around images.

    Parameters
    ----------
    padding : int or (left, right, top, bottom)
        How wide it is; negative numbers crop.

    See Also
    --------
    minigen.functional.pad

    Examples
    --------
    >>> import minigen
    >>> ReflectionPad2d((1, 2, 0, 1))(minigen.zeros(8, 3, 5, 5)).shape
    (8, 3, 6, 8)
    """

    mode = "reflect"


class ReplicationPad1d(_Pad):
    """A border that repeats the number at the edge, around signals.

    Parameters
    ----------
    padding : int or (left, right)
        How wide it is; negative numbers crop.

    See Also
    --------
    minigen.functional.pad

    Examples
    --------
    >>> import minigen
    >>> ReplicationPad1d((1, 2))(minigen.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[1.0, 1.0, 2.0, 3.0, 3.0, 3.0]]
    """

    axes = 1
    mode = "replicate"


class ReplicationPad2d(_Pad):
    """A border that repeats the pixels at the edge, around images.

    Parameters
    ----------
    padding : int or (left, right, top, bottom)
        How wide it is; negative numbers crop.

    See Also
    --------
    minigen.functional.pad

    Examples
    --------
    >>> import minigen
    >>> ReplicationPad2d((1, 2, 0, 1))(minigen.zeros(8, 3, 5, 5)).shape
    (8, 3, 6, 8)
    """

    mode = "replicate"


class CircularPad1d(_Pad):
    """A border that shows the other side of the signal, around signals.

    Parameters
    ----------
    padding : int or (left, right)
        How wide it is; negative numbers crop.

    See Also
    --------
    minigen.functional.pad

    Examples
    --------
    >>> import minigen
    >>> CircularPad1d((1, 2))(minigen.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[3.0, 1.0, 2.0, 3.0, 1.0, 2.0]]
    """

    axes = 1
    mode = "circular"


class CircularPad2d(_Pad):
    """A border that shows the other side of the image, around images.

    Parameters
    ----------
    padding : int or (left, right, top, bottom)
        How wide it is; negative numbers crop.

    See Also
    --------
    minigen.functional.pad

    Examples
    --------
    >>> import minigen
    >>> CircularPad2d((1, 2, 0, 1))(minigen.zeros(8, 3, 5, 5)).shape
    (8, 3, 6, 8)
    """

    mode = "circular"
