"""Faults in values, not in derivatives."""

import numpy as np

from minigen import Tensor
from minigen.functional import conv, norm, padding
from minigen.ops import elementwise, reductions, shapes
from plants.plant import Plant


def border_of_zeros(self, x, right=padding.ConstantPad.forward):
    self.value = 0.0
    return right(self, x)


PLANTS = [
    Plant(
        "relu: leaks",
        elementwise.Relu,
        "forward",
        lambda self, x: np.maximum(x, 0) + 1e-6 * x,
        "relu",
        "value",
    ),
    Plant(
        "conv: bias of the wrong channel",
        conv.Conv2d,
        "forward",
        lambda self, x, w, bias=None, right=conv.Conv2d.forward: right(self, x, w, bias[::-1]),
        "conv2d (plain)",
        "value",
    ),
    Plant(
        "batch norm: eps outside of the root",
        norm.BatchNorm,
        "forward",
        lambda self, x, weight, bias, right=norm.BatchNorm.forward: right(self, x, weight, bias) * (1 + 1e-4),
        "batch_norm (images)",
        "value",
    ),
    Plant(
        "reshape: reads memory instead of elements",
        shapes.Reshape,
        "forward",
        lambda self, x: np.lib.stride_tricks.as_strided(x, self.shape, np.empty(self.shape, x.dtype).strides),
        "reshape",
        "layout",
    ),
    Plant(
        "sqrt: float64 leaks from float32",
        elementwise.Sqrt,
        "forward",
        lambda self, x: np.sqrt(x.astype(np.float64)),
        "sqrt",
        "float32",
    ),
    Plant(
        "sum: a float64 constant leaks into the gradient",
        reductions.Sum,
        "backward",
        lambda self, grad, right=reductions.Sum.backward: right(self, grad) * Tensor(np.ones(())),
        "sum",
        "float32",
    ),
    Plant(
        "erf: a rough approximation",
        elementwise.Erf,
        "forward",
        lambda self, x: np.tanh(1.1283792 * x + 0.1009 * x**3),
        "erf",
        "value",
    ),
    Plant(
        "abs: writes to its input",
        elementwise.Abs,
        "forward",
        lambda self, x: np.abs(x, out=x).copy(),
        "abs",
        "layout",
    ),
    Plant(
        "padding: the value of the border is forgotten",
        padding.ConstantPad,
        "forward",
        border_of_zeros,
        "pad constant (one axis)",
        "value",
    ),
]
