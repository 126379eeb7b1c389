"""Pooling, batch normalisation and resampling: PyTorch's rules at edges, ties and extremes, and every refusal."""

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import minigen
import minigen.nn.functional as F
from minigen import Tensor
from minigen.checks import check_gradients
from minigen.functional.channels import channel_sum
from minigen.functional.norm import BatchNorm


def close(a, b, tolerance=1e-10):
    a, b = np.asarray(a.detach()), np.asarray(b.detach())
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    return a.size == 0 or np.abs(a - b).max() <= tolerance * max(np.abs(b).max(), 1e-30)


def pairs(low, high):
    return st.integers(low, high) | st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def images(draw, values=None):
    shape = (draw(st.integers(0, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.integers(-2, 3, shape).astype(float) if values == "with ties" else rng.standard_normal(shape)
    return x if draw(st.booleans()) else np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


# --- pooling ---------------------------------------------------------------------------------------------


def same_as_torch(torch, name, x, *options):
    mine, theirs = Tensor(x).requires_grad_(), torch.tensor(x, requires_grad=True)
    try:
        wanted = getattr(torch.nn.functional, name)(theirs, *options)
    except RuntimeError:
        with pytest.raises(ValueError, match=name):
            getattr(F, name)(mine, *options)
        return
    assume(bool(torch.isfinite(wanted).all()))  # PyTorch writes outside of memory for a window of padding alone
    y = getattr(F, name)(mine, *options)
    assert close(y, wanted)
    seed = np.random.default_rng(0).standard_normal(y.shape)
    assert close(minigen.grad(y, mine, Tensor(seed))[0], torch.autograd.grad(wanted, theirs, torch.tensor(seed))[0])


pooling = (pairs(1, 4), st.none() | pairs(1, 3), pairs(0, 2))


@given(images("with ties"), *pooling, pairs(1, 2), st.booleans())
def test_max_pool2d_is_that_of_torch(torch, x, kernel, stride, padding, dilation, ceil_mode):
    same_as_torch(torch, "max_pool2d", x, kernel, stride, padding, dilation, ceil_mode)


@given(images(), *pooling, st.booleans(), st.booleans())
@example(np.ones((1, 1, 4, 4)), 3, 2, 1, True, True)  # the last windows look past the padding
def test_avg_pool2d_is_that_of_torch(torch, x, kernel, stride, padding, ceil_mode, count_include_pad):
    same_as_torch(torch, "avg_pool2d", x, kernel, stride, padding, ceil_mode, count_include_pad)


def test_the_gradient_of_a_tie_goes_to_the_first():
    x = minigen.zeros(1, 1, 4, 4, requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    assert x.grad.tolist() == [[[[1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]]]


def test_padding_never_wins():
    y = F.max_pool2d(minigen.full((1, 1, 3, 3), -7.0), 3, stride=2, padding=1)
    assert y.tolist() == [[[[-7.0, -7.0], [-7.0, -7.0]]]]


def test_nan_shows():
    x = minigen.zeros(1, 4, 4)
    x.array[0, 1, 2] = np.nan
    assert np.isnan(F.max_pool2d(x, 2).numpy()).tolist() == [[[False, True], [False, False]]]


def test_a_window_of_more_than_255_pixels():
    x = Tensor(np.arange(17.0 * 17).reshape(1, 17, 17)).requires_grad_()
    F.max_pool2d(x, 17).sum().backward()
    assert np.argmax(x.grad.numpy()) == 17 * 17 - 1
    assert x.grad.sum().item() == 1


def test_pooling_one_image_without_a_batch():
    x = minigen.randn(3, 6, 6)
    for pool in (F.max_pool2d, F.avg_pool2d):
        assert pool(x, 2).tolist() == pool(x.unsqueeze(0), 2)[0].tolist()


X = minigen.zeros(2, 3, 4, 4)
REFUSED = {
    "max_pool2d: padding (2, 2) is more than half of the kernel (3, 3)": lambda: F.max_pool2d(X, 3, padding=2),
    "avg_pool2d: the kernel (5, 5) with dilation (1, 1) is larger than the image": lambda: F.avg_pool2d(X, 5),
    "max_pool2d: kernel_size must be an integer >= 1, not 0": lambda: F.max_pool2d(X, 0),
    "max_pool2d: stride must be an integer >= 1, not 0": lambda: F.max_pool2d(X, 2, 0),
    "max_pool2d: input is a batch of images": lambda: F.max_pool2d(minigen.zeros(4, 4), 2),
    "but its shape is (2, 3, 0, 4)": lambda: F.avg_pool2d(minigen.zeros(2, 3, 0, 4), 2),
    "avg_pool2d: input has dtype int64": lambda: F.avg_pool2d(X.long(), 2),
    "interpolate: give either size or scale_factor": lambda: F.interpolate(X),
    "interpolate: scale_factor is a positive number": lambda: F.interpolate(X, scale_factor=-1),
    "interpolate: scale_factor=0.1 leaves no pixel": lambda: F.interpolate(X, scale_factor=0.1),
    "interpolate: mode='bilinear' is not one of 'nearest'": lambda: F.interpolate(X, size=2, mode="bilinear"),
    "interpolate: size must be an integer >= 1": lambda: F.interpolate(X, size=(0, 3)),
    "interpolate: input is a batch of images (N, C, H, W)": lambda: F.interpolate(minigen.zeros(3, 4), size=2),
    "batch_norm: input is (N, C), (N, C, L) or (N, C, H, W)": lambda: F.batch_norm(minigen.zeros(3), None, None),
    "batch_norm: weight has shape (2,), but input (2, 3, 4, 4) has 3 channels": lambda: F.batch_norm(
        X, None, None, minigen.ones(2), training=True
    ),
    "only training=True has statistics to use": lambda: F.batch_norm(X, None, None),
    "no more than one value a channel": lambda: F.batch_norm(minigen.zeros(1, 3), None, None, training=True),
    "batch_norm: momentum must be a number from 0 to 1": lambda: F.batch_norm(X, None, None, training=True, momentum=2),
    "batch_norm: eps must be a number at least 0": lambda: F.batch_norm(X, None, None, training=True, eps=-1.0),
    "batch_norm: input has dtype float32, but running_mean has float64": lambda: F.batch_norm(
        X, minigen.zeros(3).double(), minigen.ones(3)
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_fit_is_refused_in_words(message):
    with pytest.raises((ValueError, TypeError)) as caught:
        REFUSED[message]()
    assert message in str(caught.value)


# --- resampling ----------------------------------------------------------------------------------------------


@given(images(), pairs(1, 20) | st.integers(1, 3).map(float) | st.floats(0.3, 3.2))
@example(np.arange(4.0).reshape(1, 1, 2, 2), 1.4)  # the size stays, so the pixels do
@example(np.arange(4.0).reshape(1, 1, 2, 2), 82)  # rounding in float64 would copy another pixel
def test_interpolate_is_that_of_torch(torch, x, target):
    x = x.astype(np.float32)  # in float64 PyTorch's own forward and backward disagree on that pixel
    by = "scale_factor" if isinstance(target, float) else "size"
    assume(by == "size" or min(x.shape[2:]) * target >= 1)
    mine, theirs = Tensor(x).requires_grad_(), torch.tensor(x, requires_grad=True)
    y, wanted = F.interpolate(mine, **{by: target}), torch.nn.functional.interpolate(theirs, **{by: target})
    assert close(y, wanted, 0.0)
    seed = np.random.default_rng(0).standard_normal(y.shape, np.float32)
    wanted = torch.autograd.grad(wanted, theirs, torch.tensor(seed))[0]
    assert close(minigen.grad(y, mine, Tensor(seed))[0], wanted, 1e-5)


# --- gradients as functions of their own: the adjoints, too, are differentiated ---------------------------------

LINEAR_OR_NEARLY = {
    "max_pool2d": lambda x: F.max_pool2d(x, (3, 2), 2, 1),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 3, 2, 1, True, False),
    "interpolate": lambda x: F.interpolate(x, size=(7, 3)),
    "channel_sum": channel_sum,
}


@pytest.mark.parametrize("name", LINEAR_OR_NEARLY)
def test_a_penalty_on_the_gradient_has_right_derivatives(name):
    f = LINEAR_OR_NEARLY[name]

    def slope(x):
        if not x.requires_grad:
            x = x.detach().requires_grad_()
        return minigen.grad((f(x) ** 3).sum(), x, create_graph=True)[0]

    rng = np.random.default_rng(0)
    x = rng.permutation(2 * 2 * 5 * 4).reshape(2, 2, 5, 4) / 20 - 2  # far from ties
    check_gradients(slope, Tensor(x), order=2)


# --- batch normalisation ---------------------------------------------------------------------------------------

SHAPES = [(7, 3), (5, 3, 4), (4, 3, 5, 2), (64, 16, 8, 8), (33, 5, 7, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_is_that_of_torch(torch, shape, dtype, training):
    rng, c = np.random.default_rng(0), shape[1]
    arrays = [rng.standard_normal(s).astype(dtype) for s in (shape, (c,), (c,))]
    running = [rng.standard_normal(c).astype(dtype), rng.uniform(0.5, 2, c).astype(dtype)]
    mine, my_running = [Tensor(a).requires_grad_() for a in arrays], [Tensor(a.copy()) for a in running]
    theirs, their_running = [torch.tensor(a, requires_grad=True) for a in arrays], [torch.tensor(a) for a in running]
    options = {"training": training, "momentum": 0.3, "eps": 1e-3}
    y = F.batch_norm(mine[0], *my_running, *mine[1:], **options)
    wanted = torch.nn.functional.batch_norm(theirs[0], *their_running, *theirs[1:], **options)
    tolerance = 1e-10 if dtype == "float64" else 1e-5
    assert close(y, wanted, tolerance)
    seed = rng.standard_normal(shape).astype(dtype)
    wanted = torch.autograd.grad(wanted, theirs, torch.tensor(seed))
    for create_graph in (False, True):  # the shortcut, and the backward that can be differentiated
        grads = minigen.grad(y, mine, Tensor(seed), retain_graph=True, create_graph=create_graph)
        assert all(close(a, b, tolerance) for a, b in zip(grads, wanted))
    assert all(close(a, b, tolerance) for a, b in zip(my_running, their_running))


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (1, 2)])
def test_batch_norm_without_gradients_that_nobody_wants(wanted):
    x, weight, bias = inputs = [minigen.randn(6, 3, 2, 2), minigen.randn(3), minigen.randn(3)]
    for i in wanted:
        inputs[i].requires_grad_()
    y = F.batch_norm(x, None, None, weight, bias, training=True)
    seed = minigen.randn(6, 3, 2, 2)
    once = minigen.grad(y, [inputs[i] for i in wanted], seed, retain_graph=True)
    again = minigen.grad(y, [inputs[i] for i in wanted], seed, create_graph=True)
    assert all(close(a, b, 1e-5) for a, b in zip(once, again))


def test_the_shortcut_keeps_out_of_second_derivatives():
    x = minigen.randn(6, 3, dtype=minigen.float64, requires_grad=True)
    y = F.batch_norm(x, None, None, training=True)
    (slope,) = minigen.grad((y**3).sum(), x, create_graph=True)
    (exact,) = minigen.grad((slope * slope).sum(), x)
    direction, h = minigen.randn(6, 3, dtype=minigen.float64), 1e-5

    def at(t):
        moved = (x + t * direction).detach().requires_grad_()
        (slope,) = minigen.grad((F.batch_norm(moved, None, None, training=True) ** 3).sum(), moved)
        return (slope * slope).sum().item()

    assert np.isclose((exact * direction).sum().item(), (at(h) - at(-h)) / (2 * h), rtol=1e-6)


@pytest.mark.parametrize("layout", ["channels first", "channels last"])
@pytest.mark.parametrize("outlier", [0.0, 1e4])
def test_statistics_survive_a_large_mean_and_an_outlier(layout, outlier):
    rng = np.random.default_rng(0)
    x = (100 + 0.1 * rng.standard_normal((64, 4, 32, 32))).astype(np.float32)
    x[0, :, 0, 0] += np.float32(outlier)
    if layout == "channels last":
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    mean, var = minigen.zeros(4), minigen.zeros(4)
    y = F.batch_norm(Tensor(x), mean, var, training=True, momentum=1.0)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean.numpy(), exact.mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(var.numpy(), exact.var((0, 2, 3), ddof=1), rtol=1e-4)
    normal = (exact - exact.mean((0, 2, 3), keepdims=True)) / np.sqrt(exact.var((0, 2, 3), keepdims=True) + 1e-5)
    assert np.abs(y.numpy() - normal).max() < 2e-4 * np.abs(normal).max()


def test_running_statistics_count_as_changed_and_stay_in_their_memory():
    mean, var = minigen.zeros(3), minigen.ones(3)
    arrays, versions = (mean.array, var.array), (mean._version, var._version)
    F.batch_norm(minigen.randn(4, 3), mean, var, training=True)
    assert mean.array is arrays[0]
    assert var.array is arrays[1]
    assert (mean._version, var._version) == (versions[0] + 1, versions[1] + 1)
    F.batch_norm(minigen.randn(4, 3), mean, var)
    assert (mean._version, var._version) == (versions[0] + 1, versions[1] + 1)


def test_a_constant_channel_gives_the_bias():
    y = F.batch_norm(minigen.full((4, 1, 3, 3), 5.0), None, None, None, minigen.full((1,), 2.0), training=True)
    assert (y.numpy() == 2.0).all()


def test_batch_norm_never_calls_its_slow_backward_in_training(monkeypatch):
    monkeypatch.setattr(BatchNorm, "backward", None)
    x = minigen.randn(4, 3, 2, 2, requires_grad=True)
    F.batch_norm(x, None, None, training=True).sum().backward()
    assert x.grad is not None


# --- sums over channels --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 3), (0, 3, 4, 4), (5, 1, 7, 7), (64, 64, 32, 32), (7, 600, 3, 1), (262145, 16)])
def test_channel_sums_are_precise(shape):
    x = np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)
    exact = x.astype(np.float64).sum(axis=(0, *range(2, x.ndim)))
    np.testing.assert_allclose(channel_sum(Tensor(x)).numpy(), exact, rtol=1.5e-6)
