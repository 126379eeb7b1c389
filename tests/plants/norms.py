"""Faults in normalisation and in products of matrices."""

import math

from minigen import Tensor
from minigen.functional import norm
from minigen.functional.channels import channel_sum, per_channel
from minigen.functional.linear import Linear
from minigen.functional.samplenorm import InverseDeviation, Standardise
from minigen.ops import matmul
from plants.plant import Plant


def batch_norm_backward(constant=False, keep_product=True, divide=True, squares=True):
    """The backward of batch norm, with one thing wrong."""

    def backward(self, grad):
        x, weight, _ = self.inputs
        n = x.numel() // x.shape[1]
        mean_of = 1 / n if divide else 1.0
        centred = x - per_channel(channel_sum(x) / n, x.ndim)
        inv_std = (channel_sum(centred * centred) / n + self.eps) ** -0.5
        if constant:
            inv_std = Tensor(self.inv_std)  # the array of forward: its derivative is lost
        product = channel_sum(grad * centred) * inv_std
        slope = per_channel(inv_std * product / n, x.ndim) * keep_product
        through = grad - per_channel(channel_sum(grad) * mean_of, x.ndim) - centred * slope
        return per_channel(weight * inv_std, x.ndim) * through, product, channel_sum(grad)

    return backward


def standardise_backward(constant=False, keep_product=True, detach_output=False, eps_outside=False):
    """The backward of layer, group and instance norm, with one thing wrong."""

    def backward(self, grad):
        (x,), y, dim = self.inputs, self.output, self.dim
        var = ((x - x.mean(dim, True)) ** 2).mean(dim, True)
        inv_std = 1 / (var**0.5 + self.eps) if eps_outside else (var + self.eps) ** -0.5
        inv_std, y = inv_std.detach() if constant else inv_std, y.detach() if detach_output else y
        return (grad - grad.mean(dim, True) - y * (grad * y).mean(dim, True) * keep_product) * inv_std

    return backward


def shortcut_without_mean(self, grad, right=norm.BatchNorm.backward_arrays):
    x, *rest = right(self, grad)
    return x + grad.mean(), *rest


linear_backward = Linear.backward

PLANTS = [
    Plant(
        "batch norm: statistic kept by forward is constant to backward",
        norm.BatchNorm,
        "backward",
        batch_norm_backward(constant=True),
        "batch_norm (images)",
        2,
    ),
    Plant(
        "batch norm: the variance is treated as a constant",
        norm.BatchNorm,
        "backward",
        batch_norm_backward(keep_product=False),
        "batch_norm (images)",
        1,
    ),
    Plant(
        "batch norm: missing 1/N",
        norm.BatchNorm,
        "backward",
        batch_norm_backward(divide=False),
        "batch_norm (N, C)",
        1,
    ),
    Plant(
        "batch norm: a shortcut that differs from backward",
        norm.BatchNorm,
        "backward_arrays",
        shortcut_without_mean,
        "batch_norm (images)",
        "shortcut",
    ),
    Plant(
        "linear: the weight's gradient does not depend on x",
        Linear,
        "backward",
        lambda self, grad: (
            linear_backward(self, grad)[0],
            grad.transpose(0, 1) @ self.inputs[0].detach(),
            *linear_backward(self, grad)[2:],
        ),
        "linear",
        2,
    ),
    Plant(
        "linear: the bias' gradient is that of the first row",
        Linear,
        "backward",
        lambda self, grad: (*linear_backward(self, grad)[:2], grad.reshape(-1, grad.shape[-1])[0]),
        "linear",
        1,
    ),
    Plant(
        "matmul: a factor is detached",
        matmul.MatMul,
        "backward",
        lambda self, grad: (grad @ self.inputs[1].mT, self.inputs[0].mT.detach() @ grad),
        "matmul (2-d)",
        2,
    ),
    Plant(
        "matmul: missing transpose",
        matmul.MatMul,
        "backward",
        lambda self, grad: (grad @ self.inputs[1], self.inputs[0].mT @ grad),
        "matmul (2-d)",
        "shape",
    ),
    Plant(
        "layer norm: sigma is detached",
        Standardise,
        "backward",
        standardise_backward(constant=True),
        "layer_norm (not affine)",
        2,
    ),
    Plant(
        "layer norm: the variance is treated as a constant",
        Standardise,
        "backward",
        standardise_backward(keep_product=False),
        "layer_norm (not affine)",
        1,
    ),
    Plant(
        "instance norm: the output is detached",
        Standardise,
        "backward",
        standardise_backward(detach_output=True),
        "instance_norm (images)",
        2,
    ),
    Plant(
        "group norm: eps outside of the root",
        Standardise,
        "backward",
        standardise_backward(eps_outside=True),
        "group_norm (N, C, eps)",
        1,
    ),
    Plant(
        "deviation: the distance from the mean is detached",
        InverseDeviation,
        "backward",
        lambda self, grad: (
            grad
            * self.output**3
            * (self.inputs[0].mean(self.dim, True) - self.inputs[0]).detach()
            / math.prod(self.inputs[0].shape[i] for i in self.dim)
        ),
        "inverse deviation",
        2,
    ),
]
