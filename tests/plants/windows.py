"""Faults in functions that look through windows or map along an axis: fold, padding, resampling, 1-d convolution."""

from minigen.functional import conv, padding, pool, rescale
from minigen.functional.axis_map import MapAxis
from minigen.functional.fold import Fold, Unfold
from plants.plant import Plant

fold_forward = Fold.forward
transposed_backward = conv.ConvTranspose2d.backward
conv_backward = conv.Conv2d.backward


def columns_counted_once(self, columns):
    """Windows that overlap share a pixel instead of adding to it."""
    return fold_forward(self, columns) / fold_forward(self, columns * 0 + 1).clip(1)


def with_turned(name):
    """Unfold.backward with a pair of the geometry turned round: down for across."""

    def backward(self, grad):
        geometry = self.geometry._replace(**{name: getattr(self.geometry, name)[::-1]})
        return Fold.apply(grad, **self._options() | {"geometry": geometry})

    return backward


def weight_by_stride(self, grad):
    """The weight's gradient of a transposed convolution with stride and dilation exchanged."""
    first, _, *rest = transposed_backward(self, grad)
    y, w = self.inputs[:2]
    geometry = self.geometry._replace(stride=self.geometry.dilation, dilation=self.geometry.stride)
    return first, conv.Conv2dWeight.apply(grad, y, size=w.shape[2:], geometry=geometry), *rest


def without_last_output(self, grad):
    """The gradient of x never sees the last column of windows: off by one at the border."""
    _, *rest = conv_backward(self, grad)
    seen = padding.ConstantPad.apply(grad[..., :-1], borders=((0, 0),) * 3 + ((0, 1),), value=0.0)
    return conv_backward(self, seen)[0], *rest


PLANTS = [
    Plant(
        "unfold: detaches grad",
        Unfold,
        "backward",
        lambda self, grad: Fold.apply(grad.detach(), **self._options()),
        "unfold (2x2)",
        2,
    ),
    Plant(
        "unfold: padding of rows and columns exchanged",
        Unfold,
        "backward",
        with_turned("padding"),
        "unfold (all options)",
        1,
        hidden_in="unfold (2x2)",
    ),
    Plant(
        "unfold: dilation of rows and columns exchanged",
        Unfold,
        "backward",
        with_turned("dilation"),
        "unfold (all options)",
        1,
        hidden_in="unfold (2x2)",
    ),
    Plant(
        "fold: overlapping windows are averaged",
        Fold,
        "forward",
        columns_counted_once,
        "unfold (all options)",
        1,
    ),
    Plant(
        "resampling: the adjoint's weights are forgotten",
        MapAxis,
        "backward",
        lambda self, grad: MapAxis.apply(grad, axis=self.axis, taps=self.taps.transposed()._replace(weights=None)),
        "interpolate bilinear (2 times)",
        1,
        hidden_in="interpolate nearest (2 times)",
    ),
    Plant(
        "resampling: detaches grad",
        MapAxis,
        "backward",
        lambda self, grad: MapAxis.apply(grad.detach(), axis=self.axis, taps=self.taps.transposed()),
        "interpolate bicubic (corners)",
        2,
    ),
    Plant(
        "padding: the adjoint crops the other side",
        padding.ConstantPad,
        "backward",
        lambda self, grad: padding.ConstantPad.apply(
            grad, borders=tuple((-after, -before) for before, after in self.borders), value=0.0
        ),
        "pad constant (all axes)",
        1,
    ),
    Plant(
        "padding: the adjoint pads with the value again",
        padding.ConstantPad,
        "backward",
        lambda self, grad: padding.ConstantPad.apply(
            grad, borders=tuple((-before, -after) for before, after in self.borders), value=1.0
        ),
        "pad constant (adding and cropping)",
        1,
        hidden_in="pad constant (one axis)",
    ),
    Plant(
        "transposed conv: stride and dilation exchanged in the weight's gradient",
        conv.ConvTranspose2d,
        "backward",
        weight_by_stride,
        "conv_transpose2d (dilation)",
        1,
        hidden_in="conv_transpose2d (plain)",
    ),
    Plant(
        "transposed conv: detaches grad",
        conv.ConvTranspose2d,
        "backward",
        lambda self, grad: transposed_backward(self, grad.detach()),
        "conv_transpose2d (groups)",
        2,
    ),
    Plant(
        "conv: the last column of windows gives no gradient to x",
        conv.Conv2d,
        "backward",
        without_last_output,
        "conv2d (plain)",
        1,
    ),
    Plant(
        "local response: the window of the adjoint is not mirrored",
        rescale.ChannelWindowSum,
        "backward",
        lambda self, grad: rescale.ChannelWindowSum.apply(grad, before=self.before, after=self.after),
        "local_response_norm (size 2)",
        1,
        hidden_in="local_response_norm (size 3)",
    ),
    Plant(
        "mean pool: detaches grad",
        pool.AvgPool2d,
        "backward",
        lambda self, grad, right=pool.AvgPool2d.backward: right(self, grad.detach()),
        "avg_pool2d (2x2)",
        2,
    ),
]
