"""Checks are checked: wrong derivatives, planted one at a time, must be caught by the suite that tests/table feeds.

Many keep the value and the first gradient right and are wrong only in the second or third derivative; some show only
where height and width, stride and kernel, or the images of a batch differ, and are invisible in other rows
(`hidden_in`).  The last class is about the checker itself.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import table
import test_functions as suite

import minigen
from minigen import Function, Tensor
from minigen.checks import GradientError, check_gradients
from minigen.functional import activations, conv, losses, norm, pool, resample
from minigen.functional.channels import channel_sum, per_channel
from minigen.functional.linear import Linear
from minigen.ops import arithmetic, elementwise, indexing, matmul, reductions, shapes

ROWS = {row.name: row for row in table.ROWS}

# The checks of the suite that are not about derivatives; for those a plant says the first order that is wrong.
CHECKS = {
    "value": suite.test_value_equals_slow_reference,
    "shortcut": suite.test_first_order_walk_equals_the_recorded_one,
    "layout": lambda row: suite.test_layout_changes_nothing(row, suite.gapped),
}


@dataclass(frozen=True)
class Plant:
    """A wrong method: where it is put, which row must notice, in which derivative (or check), and which cannot."""

    fault: str
    cls: type
    method: str
    wrong: Callable
    row: str
    caught: int | str
    hidden_in: str | None = None


# ---- pooling ----------------------------------------------------------------------------------------------------

put_forward = pool.PutAtMaxima.forward
avg_backward = pool.AvgPool2d.backward


def put_averages_overlaps(self, y):
    return put_forward(self, y) / np.maximum(put_forward(self, np.ones_like(y)), 1)


POOLING = [
    Plant(
        "max pool: the adjoint's derivative is lost",
        pool.PutAtMaxima,
        "backward",
        lambda self, grad: None,
        "max_pool2d (2x2)",
        2,
    ),
    Plant(
        "max pool: the adjoint's derivative goes to the first tap, not to the maximum",
        pool.PutAtMaxima,
        "backward",
        lambda self, grad: pool.TakeAtMaxima.apply(grad, where=self.where * 0, **self._options()),
        "max_pool2d (overlapping, padding)",
        2,
    ),
    Plant(
        "max pool: overlapping windows share a gradient instead of adding theirs",
        pool.PutAtMaxima,
        "forward",
        put_averages_overlaps,
        "max_pool2d (overlapping, padding)",
        1,
        hidden_in="max_pool2d (2x2)",
    ),
    Plant(
        "mean pool: missing 1/N",
        pool.AvgPool2d,
        "backward",
        lambda self, grad: pool.AvgUnpool2d.apply(grad, scale=1.0, **self._options()),
        "avg_pool2d (2x2)",
        1,
    ),
    Plant(
        "mean pool: missing 1/N in the adjoint's derivative",
        pool.AvgUnpool2d,
        "backward",
        lambda self, grad: pool.AvgPool2d.apply(grad, scale=1.0, **self._options()),
        "avg_pool2d (2x2)",
        2,
    ),
    Plant(
        "mean pool: the number of counted pixels forgotten at the border",
        pool.AvgPool2d,
        "backward",
        lambda self, grad: pool.AvgUnpool2d.apply(grad, scale=float(np.min(self.scale)), **self._options()),
        "avg_pool2d (padding not counted, ceil)",
        1,
        hidden_in="avg_pool2d (2x2)",
    ),
    Plant(
        "upsampling: gradient of rows and columns exchanged",
        resample.UpsampleNearest,
        "backward",
        lambda self, grad: resample.UpsampleNearestAdjoint.apply(grad.flip(2), image=self.image, sources=self.sources),
        "interpolate nearest 2",
        1,
    ),
    Plant(
        "upsampling: the adjoint's derivative scaled",
        resample.UpsampleNearestAdjoint,
        "backward",
        lambda self, grad: resample.UpsampleNearest.apply(grad, image=self.image, sources=self.sources) * 2,
        "interpolate nearest 2",
        2,
    ),
]


# ---- convolution ------------------------------------------------------------------------------------------------

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


CONVOLUTION = [
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


# ---- normalisation, products --------------------------------------------------------------------------------------


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


def shortcut_without_mean(self, grad, right=norm.BatchNorm.backward_arrays):
    x, *rest = right(self, grad)
    return x + grad.mean(), *rest


linear_backward = Linear.backward

NORMALISATION = [
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
]


# ---- elementwise, arithmetic ----------------------------------------------------------------------------------------


class HalfOfMask(Function):
    """grad * mask, with half of the right derivative."""

    def forward(self, grad):
        return grad * self.mask

    def backward(self, grad):
        return HalfOfMask.apply(grad, mask=self.mask) * 0.5


class SigmoidSlope(Function):
    """y (1 - y), whose own derivative is right once and then constant."""

    def forward(self, y):
        return y * (1 - y)

    def backward(self, grad):
        return grad * (1 - 2 * self.inputs[0].detach())


def log_softmax_over(axis):
    def backward(self, grad):
        return grad - self.output.exp() * grad.sum(dim=axis, keepdim=True)

    return backward


ELEMENTWISE = [
    Plant(
        "relu: the second derivative is halved",
        elementwise.Relu,
        "backward",
        lambda self, grad: HalfOfMask.apply(grad, mask=self.output.array > 0),
        "relu",
        2,
    ),
    Plant(
        "tanh: the second derivative is halved",
        elementwise.Tanh,
        "backward",
        lambda self, grad: grad * (1 - self.output * self.output.detach()),
        "tanh",
        2,
    ),
    Plant(
        "sigmoid: the third derivative is wrong",
        elementwise.Sigmoid,
        "backward",
        lambda self, grad: grad * SigmoidSlope.apply(self.output),
        "sigmoid",
        3,
    ),
    Plant(
        "exp: the output is an array",
        elementwise.Exp,
        "backward",
        lambda self, grad: grad * Tensor(self.output.array),
        "exp",
        2,
    ),
    Plant(
        "log: the input is detached",
        elementwise.Log,
        "backward",
        lambda self, grad: grad / self.inputs[0].detach(),
        "log",
        2,
    ),
    Plant(
        "leaky relu: nothing leaks back",
        activations.LeakyRelu,
        "backward",
        lambda self, grad: grad * (self.inputs[0] > 0),
        "leaky_relu (slope 0.2)",
        1,
    ),
    Plant(
        "softplus: the straight part forgotten",
        activations.Softplus,
        "backward",
        lambda self, grad: grad * (self.inputs[0] * self.beta).sigmoid(),
        "softplus (beta, threshold)",
        1,
        hidden_in="softplus",
    ),
    Plant(
        "sub: missing sign",
        arithmetic.Sub,
        "backward",
        lambda self, grad: (grad, grad),
        "sub",
        1,
    ),
    Plant(
        "mul: one factor detached",
        arithmetic.Mul,
        "backward",
        lambda self, grad: (grad * self.inputs[1], grad * self.inputs[0].detach()),
        "mul",
        2,
    ),
    Plant(
        "div: dropped term",
        arithmetic.Div,
        "backward",
        lambda self, grad: (grad / self.inputs[1], None),
        "div",
        1,
    ),
    Plant(
        "pow: the exponent is not reduced",
        arithmetic.PowScalar,
        "backward",
        lambda self, grad: grad * self.inputs[0] ** self.exponent * self.exponent,
        "pow 3",
        1,
    ),
]

putitem_forward = indexing.PutItem.forward


def put_overwrites(self, y):
    x = np.zeros(self.shape, y.dtype)
    x[self.index] = y
    return x


REDUCTIONS = [
    Plant(
        "softmax: the sum is treated as a constant",
        reductions.Softmax,
        "backward",
        lambda self, grad: self.output * (1 - self.output) * grad,
        "softmax (dim 1)",
        1,
    ),
    Plant(
        "softmax: the output is detached",
        reductions.Softmax,
        "backward",
        lambda self, grad: (
            self.output.detach() * (grad - (grad * self.output.detach()).sum(dim=self.dim, keepdim=True))
        ),
        "softmax (dim 1)",
        2,
    ),
    Plant(
        "log_softmax: sum over the wrong axis",
        reductions.LogSoftmax,
        "backward",
        log_softmax_over(0),
        "log_softmax (dim 1)",
        1,
        hidden_in="log_softmax (dim 0)",
    ),
    Plant(
        "logsumexp: the softmax is an array",
        reductions.LogSumExp,
        "backward",
        lambda self, grad, right=reductions.LogSumExp.backward: (
            right(self, grad * 0 + 1).detach()
            * grad.reshape([1 if i in self.dim else n for i, n in enumerate(self.inputs[0].shape)])
        ),
        "logsumexp",
        2,
    ),
    Plant(
        "sum: each element gets its share only",
        reductions.Sum,
        "backward",
        lambda self, grad, right=reductions.Sum.backward: (
            right(self, grad) * (self.output.numel() / self.inputs[0].numel())
        ),
        "sum (dim)",
        1,
    ),
    Plant(
        "amax: everybody gets the gradient",
        reductions.Amax,
        "backward",
        lambda self, grad: grad.reshape(4, 1, 5).broadcast_to(self.inputs[0].shape),
        "amax",
        1,
    ),
    Plant(
        "index: a row chosen twice gets its last gradient only",
        indexing.PutItem,
        "forward",
        put_overwrites,
        "index (repeated rows)",
        1,
        hidden_in="slice",
    ),
    Plant(
        "broadcast: the mean of the gradients instead of their sum",
        shapes.SumTo,
        "forward",
        lambda self, x, right=shapes.SumTo.forward: right(self, x) * np.prod(self.shape) / x.size,
        "expand",
        1,
    ),
    Plant(
        "permute: the same order instead of the inverse one",
        shapes.Permute,
        "backward",
        lambda self, grad: shapes.Permute.apply(grad, dims=self.dims),
        "permute",
        "shape",
        hidden_in="transpose",
    ),
    Plant(
        "cat: every piece is the first",
        shapes.Cat,
        "backward",
        lambda self, grad: tuple(grad[:, : x.shape[1]] for x in self.inputs),
        "cat",
        1,
    ),
    Plant(
        "cross-entropy with logits: sigmoid detached",
        losses.BinaryCrossEntropyWithLogits,
        "backward",
        lambda self, grad: (
            grad * (self.inputs[0].sigmoid().detach() - self.inputs[1]),
            -grad * self.inputs[0],
        ),
        "binary_cross_entropy_with_logits (mean)",
        2,
    ),
]

VALUES = [
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
]

PLANTS = [*POOLING, *CONVOLUTION, *NORMALISATION, *ELEMENTWISE, *REDUCTIONS, *VALUES]

every_plant = pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.fault)


@every_plant
def test_planted_fault_is_caught(plant, monkeypatch):
    row = ROWS[plant.row]
    monkeypatch.setattr(plant.cls, plant.method, plant.wrong)
    if plant.caught == "shape":
        with pytest.raises((RuntimeError, ValueError)):
            check_gradients(row.f, *row.arrays(), order=1)
    elif isinstance(plant.caught, str):
        with pytest.raises(AssertionError):
            CHECKS[plant.caught](row)
    else:
        with pytest.raises(GradientError) as caught:
            suite.test_derivatives_of_orders_1_2_3(row)
        assert caught.value.report.failures[0].order == plant.caught


@pytest.mark.parametrize(
    "plant", [plant for plant in PLANTS if plant.hidden_in], ids=lambda plant: f"{plant.fault}: {plant.hidden_in}"
)
def test_fault_needs_its_row(plant, monkeypatch):
    """Elsewhere the fault does not show: without the row in the table it would go unnoticed."""
    row = ROWS[plant.hidden_in]
    monkeypatch.setattr(plant.cls, plant.method, plant.wrong)
    suite.test_derivatives_of_orders_1_2_3(row)


def test_a_third_keeps_value_and_first_gradient_right(monkeypatch):
    subtle = [plant for plant in PLANTS if plant.caught in (2, 3)]
    assert len(subtle) >= len(PLANTS) / 3
    for plant in subtle:
        row = ROWS[plant.row]
        with monkeypatch.context() as patch:
            patch.setattr(plant.cls, plant.method, plant.wrong)
            suite.test_value_equals_slow_reference(row)
            check_gradients(row.f, *row.arrays(), order=1)


# ---- the checker itself -------------------------------------------------------------------------------------------


def exact(f=lambda x: x.exp() * x, **options):
    return check_gradients(f, np.array([0.5, -1.0, 2.0]), **options)


class WrongCube(Function):
    """x**3, whose gradient lacks a factor."""

    def forward(self, x):
        return x**3

    def backward(self, grad):
        return grad * self.inputs[0] ** 2 * self.factor


class TestChecker:
    def test_report_says_what_was_compared(self):
        report = check_gradients(lambda a, b: a * b.tanh(), np.ones(2), np.ones(2), order=3)
        assert [(c.order, c.input) for c in report.comparisons] == [
            (k, name) for k in (1, 2, 3) for name in ("input 0", "input 1")
        ]
        assert report.worst.error < 1e-8
        assert not report.failures
        assert "6 derivatives up to order 3 agree" in str(report)

    def test_error_names_function_order_input_and_values(self):
        with pytest.raises(GradientError) as caught:
            check_gradients(lambda a, x: a + WrongCube.apply(x, factor=2.0), np.ones(2), np.full(2, 0.5), name="cube")
        words = str(caught.value)
        first = caught.value.report.failures[0]
        assert (first.order, first.input, first.shape) == (1, "input 1", (2,))
        assert first.analytic / first.numeric == pytest.approx(2 / 3, rel=1e-6)
        for part in ("cube", "order 1", "input 1 (2,)", f"{first.analytic:.10g}", f"{first.numeric:.10g}"):
            assert part in words
        assert isinstance(caught.value, AssertionError)

    def test_error_of_a_higher_order_says_that_the_first_is_right(self):
        with pytest.raises(GradientError, match=r"below order 2 are right.*does not carry its own derivative"):
            exact(SigmoidSlope.apply)

    def test_a_gradient_that_is_not_propagated(self):
        with pytest.raises(GradientError, match="not propagated"):
            exact(lambda x: x.detach() ** 2)

    def test_a_linear_readout_would_be_blind(self, monkeypatch):
        """With sum(u * y) the gradient that reaches relu is a constant: its faulty derivative is never asked for."""
        plant = next(plant for plant in PLANTS if plant.fault == "relu: the second derivative is halved")
        monkeypatch.setattr(plant.cls, plant.method, plant.wrong)
        x, u = Tensor(np.array([0.5, -1.0, 2.0])).requires_grad_(), Tensor(np.array([1.0, 2.0, 3.0]))
        (linear,) = minigen.grad((u * x.relu()).sum(), x, create_graph=True)
        assert not linear.requires_grad
        with pytest.raises(GradientError):
            check_gradients(lambda x: x.relu(), x)

    @pytest.mark.parametrize("order", [0, -1])
    def test_order(self, order):
        with pytest.raises(ValueError, match="order"):
            exact(order=order)

    def test_float32_is_refused_with_the_reason(self):
        with pytest.raises(TypeError, match=r"input 1 \(2,\) is float32.*digits.*double\(\)"):
            check_gradients(lambda a, b: a * b, np.ones(2), np.ones(2, np.float32))
        with pytest.raises(TypeError, match=r"weight.*float32"):
            check_gradients(minigen.nn.Linear(2, 1), np.ones((3, 2)))
        with pytest.raises(TypeError, match=r"output.*float32"):
            exact(lambda x: x.float())

    def test_constants_are_handed_on(self):
        index, flag = np.array([0, 0]), {"seen": []}
        check_gradients(lambda x, i, f: x[i] * (f["seen"] == []), np.ones(2), index, flag)

    def test_nothing_to_differentiate(self):
        with pytest.raises(ValueError, match="no float64"):
            check_gradients(lambda i: i, np.array([1, 2]))

    def test_wrt(self):
        report = check_gradients(lambda a, b: a * b.detach(), np.ones(2), np.ones(2), wrt=[0])
        assert {c.input for c in report.comparisons} == {"input 0"}
        with pytest.raises(ValueError, match="input 5"):
            exact(wrt=[5])

    def test_what_is_no_function_is_refused(self):
        rng = np.random.default_rng(0)
        with pytest.raises(ValueError, match="random source"):
            exact(lambda x: x * rng.random())
        with pytest.raises(TypeError, match="ndarray"):
            exact(lambda x: x.detach().numpy())

    def test_minigens_random_draws_are_frozen_and_the_state_is_put_back(self):
        state = minigen.get_rng_state()
        exact(lambda x: minigen.nn.functional.dropout(x * x))
        assert minigen.get_rng_state() == state

    def test_several_outputs_and_integers_among_them(self):
        exact(lambda x: (x * x, x.argmax(), x.exp().sum()), order=3)
        with pytest.raises(GradientError):
            exact(lambda x: (x * x, x.argmax(), WrongCube.apply(x, factor=1.0)))

    def test_seed_decides(self):
        first, again, other = (exact(seed=seed).comparisons for seed in (1, 1, 2))
        assert first == again != other

    def test_inputs_are_left_alone(self):
        x = Tensor(np.ones(2)).requires_grad_()
        check_gradients(lambda x: x * x, x)
        assert x.tolist() == [1.0, 1.0]
        assert x.grad is None

    def test_modules_with_parameters_and_running_statistics(self):
        nn = minigen.nn
        model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Dropout(0.4), nn.Tanh()).double()
        before = {name: value.tolist() for name, value in model.state_dict().items()}
        report = check_gradients(model, np.random.default_rng(0).standard_normal((6, 3)), order=2)
        names = {c.input for c in report.comparisons}
        assert names == {"input 0", "0.weight", "0.bias", "1.weight", "1.bias"}
        assert {name: value.tolist() for name, value in model.state_dict().items()} == before
        report = check_gradients(model, np.ones((4, 3)), wrt=["0.weight"])
        assert {c.input for c in report.comparisons} == {"0.weight"}
