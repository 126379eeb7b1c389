"""Faults in the family of convolutions."""

from minigen.functional import conv
from minigen.functional.channels import channel_sum
from plants.plant import Plant

conv_backward = conv.Conv2d.backward
weight_forward = conv.Conv2dWeight.forward


def with_geometry(**exchange):
    """Conv2d.backward with a pair of the geometry the wrong way round in the weight's gradient."""

    def backward(self, grad):
        x, w = self.inputs[:2]
        wrong = {name: getattr(self.geometry, name)[::-1] for name in exchange}
        weight = conv.Conv2dWeight.apply(x, grad, size=w.shape[2:], geometry=self.geometry._replace(**wrong))
        first, _, *rest = conv_backward(self, grad)
        return first, weight, *rest

    return backward


def unflipped(self, grad):
    """The gradient of x as a plain convolution: right for symmetric kernels only."""
    _, *rest = conv_backward(self, grad)
    x, w = self.inputs[:2]
    flipped = w.flip(2, 3)
    return conv.ConvTranspose2d.apply(grad, flipped, size=x.shape[2:], geometry=self.geometry), *rest


def of_detached_weight(self, grad):
    _, *rest = conv_backward(self, grad)
    x, w = self.inputs[:2]
    return conv.ConvTranspose2d.apply(grad, w.detach(), size=x.shape[2:], geometry=self.geometry), *rest


def transposed_size(self, grad):
    x, w = self.inputs[:2]
    _, *rest = conv_backward(self, grad)
    return conv.ConvTranspose2d.apply(grad, w, size=x.shape[:1:-1], geometry=self.geometry), *rest


PLANTS = [
    Plant(
        "conv: detaches grad",
        conv.Conv2d,
        "backward",
        lambda self, grad: conv_backward(self, grad.detach()),
        "conv2d (plain)",
        2,
    ),
    Plant("conv: detaches the weight", conv.Conv2d, "backward", of_detached_weight, "conv2d (plain)", 2),
    Plant("conv: missing flip", conv.Conv2d, "backward", unflipped, "conv2d (plain)", 1),
    Plant(
        "conv: padding of rows and columns exchanged",
        conv.Conv2d,
        "backward",
        with_geometry(padding=True),
        "conv2d (groups)",
        1,
        hidden_in="conv2d (4x4, stride 2, padding 1)",
    ),
    Plant(
        "conv: stride down and across exchanged",
        conv.Conv2d,
        "backward",
        with_geometry(stride=True),
        "conv2d (stride above kernel)",
        1,
        hidden_in="conv2d (4x4, stride 2, padding 1)",
    ),
    Plant(
        "conv: height and width exchanged",
        conv.Conv2d,
        "backward",
        transposed_size,
        "conv2d (plain)",
        "shape",
    ),
    Plant(
        "conv: weight gradient of the first image only",
        conv.Conv2dWeight,
        "forward",
        lambda self, x, y: weight_forward(self, x[:1], y[:1]),
        "conv2d (plain)",
        1,
    ),
    Plant(
        "conv: the weight gradient's own derivative is lost",
        conv.Conv2dWeight,
        "backward",
        lambda self, grad: (None, None),
        "conv2d (dilation)",
        2,
    ),
    Plant(
        "transposed conv: bias gradient averaged over the batch",
        conv.ConvTranspose2d,
        "backward",
        lambda self, grad, right=conv.ConvTranspose2d.backward: (
            *right(self, grad)[:2],
            channel_sum(grad) / len(grad),
        ),
        "conv_transpose2d (groups)",
        1,
    ),
]
