"""Activations, dropout, gumbel_softmax and embedding: what is special about them.

Values and derivatives are tested in test_functions.py, what holds for every layer in test_layers.py; here are the far
ends of the number line, the probabilities of what is drawn, and misuse.
"""

import math

import numpy as np
import pytest

import minigen
import minigen.nn.functional as F
from minigen import nn

random = np.random.default_rng(7)

# --- activations ----------------------------------------------------------------------------------------------

ACTIVATIONS = (
    "celu elu gelu hardsigmoid hardswish hardtanh leaky_relu logsigmoid mish relu relu6 selu sigmoid silu softplus "
    "softsign tanh"
).split()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_at_the_ends_of_the_number_line(torch, name):
    x = np.array([-np.inf, -1e30, -200.0, -0.0, 0.0, 19.9, 20.1, 1e30, np.inf, np.nan], np.float32)
    mine, other = minigen.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, expected = getattr(F, name)(mine), getattr(torch.nn.functional, name)(other)
    known = slice(1, -2) if name == "gelu" else slice(None)  # torch's gelu of infinity is NaN in float32
    np.testing.assert_allclose(y.detach().numpy()[known], expected.detach().numpy()[known], rtol=1e-6)
    y.sum().backward()
    expected.sum().backward()
    np.testing.assert_allclose(mine.grad.numpy()[1:-2], other.grad.numpy()[1:-2], rtol=1e-5)


# What float32 must reach, by formulas in which nothing cancels, computed with Python's float64.
TAILS = {
    "silu": lambda v: v / (1 + math.exp(-v)),
    "elu": lambda v: v if v > 0 else math.expm1(v),
    "softplus": lambda v: max(v, 0.0) + math.log1p(math.exp(-abs(v))),
    "logsigmoid": lambda v: min(v, 0.0) - math.log1p(math.exp(-abs(v))),
    "mish": lambda v: v * math.tanh(max(v, 0.0) + math.log1p(math.exp(-abs(v)))),
    "softsign": lambda v: v / (1 + abs(v)),
    "gelu": lambda v: v * math.erfc(-v / math.sqrt(2)) / 2,
}
SLOPES = {
    "silu": lambda v: (1 + v / (1 + math.exp(v))) / (1 + math.exp(-v)),
    "elu": lambda v: 1.0 if v > 0 else math.exp(v),
    "softplus": lambda v: 1 / (1 + math.exp(-v)),
    "logsigmoid": lambda v: 1 / (1 + math.exp(v)),
    "softsign": lambda v: 1 / (1 + abs(v)) ** 2,
}


@pytest.mark.parametrize("name", TAILS)
def test_activations_keep_their_digits_far_out(name):
    """Relative precision of values and slopes in float32 at -80 to 80; at -100 and 100 at least no NaN."""
    points = [-80.0, -20.0, -3.0, 3.0, 20.0, 80.0]
    x = minigen.tensor(points, requires_grad=True)
    y = getattr(F, name)(x)
    y.sum().backward()
    np.testing.assert_allclose(y.tolist(), [TAILS[name](v) for v in points], rtol=3e-6, atol=1e-38)
    if name in SLOPES:
        np.testing.assert_allclose(x.grad.tolist(), [SLOPES[name](v) for v in points], rtol=3e-6, atol=1e-38)

    far = minigen.tensor([-100.0, 100.0], requires_grad=True)
    value = getattr(F, name)(far)
    for _ in range(3):
        assert np.isfinite(value.detach().numpy()).all()
        (value,) = minigen.grad(value.sum(), far, create_graph=True)


@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 1e-7), (np.float64, 5e-16)])
def test_erf_is_right_to_its_last_digits(dtype, error):
    x = np.linspace(-7, 7, 100_001, dtype=dtype)
    exact = np.array([math.erf(v) for v in x.tolist()])
    y = minigen.tensor(x).erf().numpy()
    np.testing.assert_allclose(y, exact, rtol=error, atol=0)
    assert np.abs(y).max() == 1


def test_sigmoid_keeps_its_digits_where_a_logarithm_will_be_taken():
    y = F.sigmoid(minigen.tensor([-10.0, -20.0, -80.0]))
    np.testing.assert_allclose(y.numpy(), 1 / (1 + np.exp([10.0, 20.0, 80.0])), rtol=1e-6)
    assert F.sigmoid(minigen.tensor(-95.0)).item() == pytest.approx(math.exp(-95), rel=1e-3, abs=0)


@pytest.mark.parametrize("dtype", [minigen.float16, minigen.float32, minigen.float64])
def test_sigmoid_of_large_numbers_is_one(dtype):
    y = F.sigmoid(minigen.tensor([12.0, 100.0, 1000.0, math.inf, -math.inf, math.nan], dtype=dtype)).tolist()
    assert y[0] == pytest.approx(1, rel=1e-5)
    assert y[1:5] == [1.0, 1.0, 1.0, 0.0]
    assert math.isnan(y[5])


def test_activations_keep_channels_last():
    x = minigen.randn(2, 5, 4, 3).permute(0, 3, 1, 2)
    for name in (*ACTIVATIONS, "dropout", "dropout2d"):
        assert getattr(F, name)(x).array.strides == x.array.strides, name


def test_softmax_guesses_its_axis_as_torch_does(torch):
    for shape in ((3,), (2, 3), (2, 3, 4), (2, 3, 4, 2)):
        x = random.standard_normal(shape)
        with pytest.warns(UserWarning, match="softmax: dim was left out"):
            y = F.softmax(minigen.tensor(x))
        with pytest.warns(UserWarning, match="Implicit"):
            expected = torch.nn.functional.softmax(torch.tensor(x))
        np.testing.assert_allclose(y.numpy(), expected.numpy(), rtol=1e-12)
    with pytest.warns(UserWarning, match="log_softmax: dim"):
        nn.LogSoftmax()(minigen.zeros(2, 2))


def test_softmax_converts_first():
    for f in (F.softmax, F.log_softmax):
        y = f(minigen.tensor([[0, 1]]), 1, dtype=minigen.float64)
        assert y.dtype == minigen.float64
        assert minigen.equal(y, f(minigen.tensor([[0.0, 1.0]], dtype=minigen.float64), 1))


# --- dropout ------------------------------------------------------------------------------------------------


def test_dropout_keeps_the_mean_and_uses_one_mask_for_both_directions():
    x = minigen.ones(200, 500, requires_grad=True)
    y = F.dropout(x, 0.2)
    y.sum().backward()
    assert minigen.equal(x.grad, y)
    assert set(np.unique(y.detach().numpy())) == {np.float32(0), np.float32(1.25)}
    dropped = (y == 0).float().mean().item()
    assert abs(dropped - 0.2) < 4 * math.sqrt(0.2 * 0.8 / x.numel())


def test_dropout_draws_the_same_in_every_layout_and_dtype():
    def mask(x):
        minigen.manual_seed(3)
        return F.dropout(x, 0.5) != 0

    x = minigen.ones(2, 3, 4, 5)
    assert minigen.equal(mask(x), mask(minigen.ones(2, 4, 5, 3).permute(0, 3, 1, 2)))
    assert minigen.equal(mask(x), mask(x.double()))


def test_dropout_in_evaluation_and_at_its_ends():
    x = minigen.randn(3, 4)
    assert F.dropout(x, 0.5, training=False) is x
    assert nn.Dropout(0.5).eval()(x) is x
    assert F.dropout(x, 0.0) is x
    assert F.dropout(x, 1.0).tolist() == minigen.zeros(3, 4).tolist()


@pytest.mark.parametrize(("f", "shape"), [(F.dropout1d, (50, 40, 3)), (F.dropout2d, (50, 40, 3, 2))])
def test_channels_are_dropped_whole(f, shape):
    x = minigen.randn(*shape, requires_grad=True)
    y = f(x, 0.2)
    kept = (y != 0).numpy().reshape(shape[0], shape[1], -1)
    assert (kept.all(axis=2) == kept.any(axis=2)).all()
    assert abs(kept.all(axis=2).mean() - 0.8) < 4 * math.sqrt(0.2 * 0.8 / 2000)
    np.testing.assert_allclose(y.detach().numpy(), 1.25 * x.detach().numpy() * (y != 0).numpy(), rtol=1e-6)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 1.25 * (y != 0).numpy())
    assert f(x, 0.5, training=False) is x
    assert not f(x, 1.0).detach().numpy().any()


def test_alpha_dropout_keeps_mean_and_variance():
    x = minigen.randn(400, 500)
    for p in (0.1, 0.5, 0.9):
        y = F.alpha_dropout(x, p, training=True)
        assert abs(y.mean().item()) < 0.02
        assert abs(y.var().item() - 1) < 0.03
        values, counts = np.unique(y.numpy(), return_counts=True)
        assert abs(counts.max() / x.numel() - p) < 0.01, "the one value that many elements have"
        assert values[counts.argmax()] < 0
    assert F.alpha_dropout(x, 0.5) is x
    assert nn.AlphaDropout(0.5).eval()(x) is x
    assert F.alpha_dropout(x, 0, training=True) is x
    assert not F.alpha_dropout(x, 1, training=True).numpy().any()
    with pytest.raises(ValueError, match=r"alpha_dropout: p must be a number from 0 to 1, not 1\.5"):
        F.alpha_dropout(x, 1.5)


def test_dropout1d_takes_one_sequence():
    y = F.dropout1d(minigen.ones(200, 3))
    assert minigen.equal(y[:, 0], y[:, 2])
    assert set(y[:, 0].tolist()) == {0.0, 2.0}


def test_gumbel_softmax_draws_classes_by_their_probabilities():
    p, n = np.array([0.5, 0.2, 0.3]), 20_000
    draws = F.gumbel_softmax(minigen.tensor(np.log(p)).expand(n, 3), tau=0.5, hard=True).numpy()
    assert set(np.unique(draws)) == {0.0, 1.0}
    assert (draws.sum(axis=1) == 1).all()
    assert (abs(draws.mean(axis=0) - p) < 4 * np.sqrt(p * (1 - p) / n)).all()


def test_hard_gumbel_softmax_has_the_gradient_of_the_soft_one():
    gradients, values = [], []
    for hard in (False, True):
        minigen.manual_seed(2)
        x = minigen.tensor(np.random.default_rng(0).standard_normal((3, 4, 5)), requires_grad=True)
        y = F.gumbel_softmax(x, 0.7, hard, dim=1)
        (y * minigen.arange(60).reshape(3, 4, 5)).sum().backward()
        gradients.append(x.grad.numpy())
        values.append(y.detach().numpy())
    np.testing.assert_allclose(gradients[1], gradients[0], rtol=1e-12)
    assert (values[1].argmax(axis=1) == values[0].argmax(axis=1)).all()
    assert F.gumbel_softmax(minigen.zeros(0, 3), hard=True).shape == (0, 3)
    assert F.gumbel_softmax(minigen.zeros(2, 3)).dtype == minigen.float32
    assert sorted(F.gumbel_softmax(minigen.zeros(2), hard=True).tolist()) == [0.0, 1.0]


def test_one_slope_serves_a_vector():
    assert F.prelu(minigen.tensor([-2.0, 3.0]), minigen.tensor([0.5])).tolist() == [-1.0, 3.0]
    with pytest.raises(ValueError, match=r"weight \(2,\)"):
        F.prelu(minigen.tensor([-2.0, 3.0]), minigen.ones(2))


# --- embedding ----------------------------------------------------------------------------------------------


def test_embedding_equals_torch(torch):
    numbers = np.array([[1, 2, 2], [0, 3, 1]])
    weight = random.standard_normal((4, 5))
    readout = random.standard_normal((2, 3, 5))
    for padding in (None, 1, -1):
        ours, theirs = minigen.tensor(weight, requires_grad=True), torch.tensor(weight, requires_grad=True)
        y = F.embedding(minigen.tensor(numbers), ours, padding)
        expected = torch.nn.functional.embedding(torch.tensor(numbers), theirs, padding)
        np.testing.assert_array_equal(y.detach().numpy(), expected.detach().numpy())
        (y**2 * minigen.tensor(readout)).sum().backward()
        (expected**2 * torch.tensor(readout)).sum().backward()
        np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-12)


def test_embedding_takes_any_shape_and_integer():
    weight = minigen.randn(4, 3)
    assert minigen.equal(F.embedding(minigen.tensor(2), weight), weight[2])
    assert F.embedding(minigen.zeros(0, 7, dtype=minigen.int64), weight).shape == (0, 7, 3)
    for dtype in (minigen.uint8, minigen.int32):
        assert minigen.equal(F.embedding(minigen.tensor([3, 0], dtype=dtype), weight), weight[[3, 0]])


def test_the_padding_row_starts_at_zero_and_stays():
    layer = nn.Embedding(4, 3, padding_idx=-2)
    assert layer.weight[2].tolist() == [0, 0, 0]
    layer(minigen.tensor([2, 1, 2])).sum().backward()
    assert layer.weight.grad.tolist() == [[0] * 3, [1] * 3, [0] * 3, [0] * 3]


def test_an_embedding_of_given_rows_shares_them_and_is_frozen():
    rows = minigen.randn(4, 3)
    layer = nn.Embedding.from_pretrained(rows)
    assert layer.weight.array is rows.array
    assert not layer.weight.requires_grad
    assert nn.Embedding.from_pretrained(rows, freeze=False, padding_idx=0).weight.requires_grad


@pytest.mark.parametrize("shape", [(), (0, 3), (1,)])
def test_activations_and_losses_of_tensors_without_axes_or_elements(shape):
    for name in (*ACTIVATIONS, "dropout"):
        x = minigen.full(shape, 0.5, requires_grad=True)
        y = getattr(F, name)(x)
        y.sum().backward()
        assert y.shape == x.grad.shape == shape
    for name in ("mse_loss", "l1_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits"):
        x = minigen.full(shape, 0.5, requires_grad=True)
        getattr(F, name)(x, minigen.zeros(shape), reduction="sum").backward()
        assert x.grad.shape == shape


# --- misuse -------------------------------------------------------------------------------------------------

image = minigen.zeros(1, 3, 8, 8)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.Dropout(1.5), ValueError, r"p must be a number from 0 to 1, not 1\.5"),
        (lambda: F.dropout(image, math.nan), ValueError, "nan"),
        (lambda: nn.LeakyReLU("0.2"), ValueError, "negative_slope.*'0.2'"),
        (lambda: F.relu([1.0]), TypeError, "relu: input must be a Tensor, not list"),
        (lambda: F.elu(minigen.tensor([1])), TypeError, "elu: input has dtype int64"),
        (lambda: F.hardtanh(minigen.tensor([1], dtype=minigen.uint8)), ValueError, "dtype uint8.*lower bound of -1"),
        (lambda: F.softplus(image, beta=0), ValueError, "beta"),
        (lambda: F.prelu(image, minigen.ones(2)), ValueError, r"weight \(2,\).*input \(1, 3, 8, 8\).*3 channels"),
        (lambda: F.prelu(image, minigen.ones(3, 1)), ValueError, r"weight \(3, 1\)"),
        (lambda: F.prelu(image.double(), minigen.ones(3)), TypeError, "float64, but weight has float32"),
        (lambda: F.glu(minigen.ones(2, 3)), ValueError, r"axis -1 of input \(2, 3\) has 3 elements"),
        (lambda: F.glu(minigen.tensor(1.0)), ValueError, "no axis"),
        (lambda: F.glu(image, 4), IndexError, "glu: dim 4"),
        (lambda: F.elu(image, math.nan), ValueError, "elu: alpha.*nan"),
        (lambda: F.celu(image, 0), ValueError, "celu: alpha must not be 0"),
        (lambda: F.hardtanh(image, 2, 1), ValueError, "min_val=2 is above max_val=1"),
        (lambda: F.gelu(image, "erf"), ValueError, "approximate='erf' is not one of 'none', 'tanh'"),
        (lambda: F.silu(minigen.tensor([1, 2])), TypeError, "silu: input has dtype int64"),
        (lambda: F.softmax(minigen.tensor([1, 2]), 0), TypeError, "softmax: input has dtype int64"),
        (lambda: F.softmax(image, 4), IndexError, "softmax: dim 4"),
        (lambda: nn.Softmax2d()(minigen.ones(2, 3)), ValueError, r"Softmax2d: input \(2, 3\)"),
        (lambda: F.dropout1d(image), ValueError, r"dropout1d: input \(1, 3, 8, 8\) must be \(N, C, L\)"),
        (lambda: F.dropout2d(image[0]), ValueError, r"\(3, 8, 8\) must be \(N, C, H, W\).*unsqueeze"),
        (lambda: F.dropout2d(image, 2), ValueError, "dropout2d: p must be.*not 2"),
        (lambda: F.gumbel_softmax(image, 0), ValueError, "tau must be positive.*hard=True"),
        (lambda: F.gumbel_softmax(image, -1), ValueError, "gumbel_softmax: tau.*-1"),
        (lambda: F.embedding(image, minigen.ones(2, 2)), TypeError, "input has dtype float32.*long"),
        (lambda: F.embedding(minigen.tensor([0, 4]), minigen.ones(4, 2)), IndexError, "number 4.*rows 0 to 3"),
        (lambda: F.embedding(minigen.tensor([0, -1]), minigen.ones(4, 2)), IndexError, "number -1"),
        (lambda: F.embedding(minigen.tensor([0]), minigen.ones(4)), ValueError, r"weight \(4,\) must have two axes"),
        (lambda: F.embedding(minigen.tensor([0]), minigen.ones(4, 2), 4), ValueError, "padding_idx=4"),
        (lambda: nn.Embedding.from_pretrained(minigen.ones(3)), ValueError, r"embeddings \(3,\)"),
    ],
)
def test_misuse_is_told_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call()
