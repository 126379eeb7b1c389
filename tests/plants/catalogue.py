"""Faults in functions made of one formula: sums along an axis, norms, products, activations and losses."""

import math

import numpy as np

from minigen.functional import activations, losses, rectifiers, smooth
from minigen.ops import arithmetic, einsum, elementwise, indexing, reductions
from plants.plant import Plant

div_backward = arithmetic.Div.backward
pow_backward = arithmetic.Pow.backward


def norm_of_detached(self, grad):
    """The derivative of the 2-norm with the norm as a constant."""
    y = self.output.detach().reshape(reductions._kept(self.inputs[0].shape, self.dim))
    return self.inputs[0] * (grad.reshape(y.shape) / y)


def einsum_with_detached(self, grad, right=einsum.Einsum.backward):
    inputs, self.inputs = self.inputs, tuple(x.detach() for x in self.inputs)
    try:
        return right(self, grad)
    finally:
        self.inputs = inputs


def put_over(self, y):
    """Of elements with one target the last one wins."""
    out = np.zeros(self.shape, y.dtype)
    out[indexing.Gather.places(np, self.index, self.dim)] = y
    return out


def elu_slope(scale=True, rate=True, constant=False):
    """Elu's backward, with one thing wrong."""

    def backward(self, grad):
        (x,) = self.inputs
        left = (x.detach() if constant else x).clamp(max=0)
        slope = (left * self.rate).exp() * (self.height if scale else 1.0) * (self.rate if rate else 1.0)
        return grad * ((x > 0) * self.scale + slope * (x <= 0))

    return backward


OPS = [
    Plant(
        "sin: the cosine is detached",
        elementwise.Sin,
        "backward",
        lambda self, grad: grad * self.inputs[0].cos().detach(),
        "sin",
        2,
    ),
    Plant("cos: missing sign", elementwise.Cos, "backward", lambda self, grad: grad * self.inputs[0].sin(), "cos", 1),
    Plant(
        "erf: the bell is detached",
        elementwise.Erf,
        "backward",
        lambda self, grad: grad * (-(self.inputs[0].detach() ** 2)).exp() * (2 / math.sqrt(math.pi)),
        "erf",
        2,
    ),
    Plant(
        "clamp: the gradient passes the bounds",
        elementwise.Clamp,
        "backward",
        lambda self, grad: grad * 1,
        "clamp",
        1,
    ),
    Plant(
        "div: the quotient is detached",
        arithmetic.Div,
        "backward",
        lambda self, grad: (div_backward(self, grad)[0], -grad * self.output.detach() / self.inputs[1]),
        "div",
        2,
    ),
    Plant(
        "pow: the logarithm is detached",
        arithmetic.Pow,
        "backward",
        lambda self, grad: (pow_backward(self, grad)[0], grad * self.output * self.inputs[0].log().detach()),
        "pow (tensor)",
        2,
    ),
    Plant(
        "where: both branches get the whole gradient",
        arithmetic.Where,
        "backward",
        lambda self, grad: tuple(grad.sum_to_size(x.shape) for x in self.inputs),
        "where",
        1,
    ),
    Plant(
        "cumsum: from the same end again",
        reductions.CumSum,
        "backward",
        lambda self, grad: grad.cumsum(self.dim),
        "cumsum (dim 1)",
        1,
    ),
    Plant(
        "cumsum: detaches grad",
        reductions.CumSum,
        "backward",
        lambda self, grad: grad.detach().flip(self.dim).cumsum(self.dim).flip(self.dim),
        "cumsum (dim 0)",
        2,
    ),
    Plant("norm: the norm is detached", reductions.VectorNorm, "backward", norm_of_detached, "norm 2", 2),
    Plant(
        "log_softmax: the softmax is detached",
        reductions.LogSoftmax,
        "backward",
        lambda self, grad: grad - self.output.detach().exp() * grad.sum(dim=self.dim, keepdim=True),
        "log_softmax (dim 1)",
        2,
    ),
    Plant(
        "einsum: the other operands are detached",
        einsum.Einsum,
        "backward",
        einsum_with_detached,
        "einsum ij,jk->ik",
        2,
    ),
    Plant(
        "scatter_add: one target's last element instead of their sum",
        indexing.ScatterAdd,
        "forward",
        put_over,
        "gather",
        1,
    ),
]

ACTIVATIONS = [
    Plant("elu: the slope is detached", rectifiers.Elu, "backward", elu_slope(constant=True), "elu", 2),
    Plant(
        "elu: alpha is forgotten",
        rectifiers.Elu,
        "backward",
        elu_slope(scale=False),
        "elu (alpha)",
        1,
        hidden_in="elu",
    ),
    Plant(
        "elu: the rate of the exponential is forgotten",
        rectifiers.Elu,
        "backward",
        elu_slope(rate=False),
        "celu",
        1,
        hidden_in="elu",
    ),
    Plant(
        "hardtanh: bounds of -1 and 1 whatever was asked",
        rectifiers.Hardtanh,
        "backward",
        lambda self, grad: grad * (self.inputs[0] > -1) * (self.inputs[0] < 1),
        "hardtanh (bounds)",
        1,
        hidden_in="hardtanh",
    ),
    Plant(
        "softsign: the size is detached",
        smooth.Softsign,
        "backward",
        lambda self, grad: grad / (self.inputs[0].detach().abs() + 1) ** 2,
        "softsign",
        2,
    ),
    Plant(
        "leaky relu: nothing passes through a gradient penalty",
        activations.LeakyRelu,
        "backward",
        lambda self, grad, right=activations.LeakyRelu.backward: right(self, grad.detach()),
        "leaky_relu (slope 0.2)",
        2,
    ),
]

LOSSES = [
    Plant(
        "huber: the clamped difference is detached",
        losses.Huber,
        "backward",
        lambda self, grad: grad * self.inputs[0].detach().clamp(-self.delta, self.delta),
        "huber_loss (none, delta)",
        2,
    ),
    Plant(
        "huber: large differences pull as if there were no delta",
        losses.Huber,
        "backward",
        lambda self, grad: grad * self.inputs[0],
        "huber_loss (none, delta)",
        1,
    ),
]

PLANTS = [*OPS, *ACTIVATIONS, *LOSSES]
