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


@pytest.mark.parametrize("options", [{"kernel_size": 2}, {"kernel_size": 3, "stride": 1, "padding": 1}])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_several_nans_in_a_window(torch, options, layout):
    x = np.random.default_rng(0).integers(0, 3, (2, 3, 6, 7)).astype(float)
    x[np.random.default_rng(1).random(x.shape) < 0.2] = np.nan
    if layout == "NHWC":
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    mine, theirs = Tensor(x).requires_grad_(), torch.tensor(x, requires_grad=True)
    y, places = F.max_pool2d(mine, **options, return_indices=True)
    wanted, wanted_places = torch.nn.functional.max_pool2d(theirs, **options, return_indices=True)
    np.testing.assert_array_equal(y.detach().numpy(), wanted.detach().numpy())
    assert np.array_equal(places.numpy(), wanted_places.numpy())
    seed = np.random.default_rng(2).standard_normal(y.shape)
    assert close(minigen.grad(y, mine, Tensor(seed))[0], torch.autograd.grad(wanted, theirs, torch.tensor(seed))[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{"kernel_size": 2}, {"kernel_size": 3, "stride": 1}])
def test_an_infinite_gradient_stays_where_it_belongs(dtype, options):
    x = Tensor(np.arange(36.0).reshape(1, 1, 6, 6).astype(dtype)).requires_grad_()
    y = F.max_pool2d(x, **options)
    seed = np.zeros(y.shape, dtype)
    seed[0, 0, 1, 1], seed[0, 0, 0, 1] = np.inf, -2.0
    g = minigen.grad(y, x, Tensor(seed))[0].numpy()
    wanted = np.zeros(x.shape, dtype)
    last = options["kernel_size"] + options.get("stride", 2) - 1  # a window's maximum is its last pixel
    wanted[0, 0, last, last], wanted[0, 0, options["kernel_size"] - 1, last] = np.inf, -2.0
    assert np.array_equal(g, wanted)
    assert not np.signbit(g[g == 0]).any()


def test_a_window_that_sees_only_minus_infinity(torch):
    x = np.full((1, 1, 3, 4), -np.inf)
    _, places = F.max_pool2d(Tensor(x), 3, 2, 1, return_indices=True)
    wanted = torch.nn.functional.max_pool2d(torch.tensor(x), 3, 2, 1, return_indices=True)[1]
    assert np.array_equal(places.numpy(), wanted.numpy())


@given(images("with ties"), *pooling, pairs(1, 2), st.booleans())
def test_the_places_of_maxima_are_those_of_torch(torch, x, kernel, stride, padding, dilation, ceil_mode):
    options = kernel, stride, padding, dilation, ceil_mode, True
    try:
        wanted, places = torch.nn.functional.max_pool2d(torch.tensor(x), *options)
    except RuntimeError:
        assume(False)
    assume(bool(torch.isfinite(wanted).all()))
    y, mine = F.max_pool2d(Tensor(x), *options)
    assert close(y, wanted)
    assert close(mine, places)


def lines(x):
    return np.array(x[:, :, 0])


@given(images("with ties"), st.integers(1, 4), st.none() | st.integers(1, 3), st.integers(0, 2), st.booleans())
def test_pooling_of_signals_is_that_of_torch(torch, x, kernel, stride, padding, flag):
    same_as_torch(torch, "max_pool1d", lines(x), kernel, stride, padding, 2 if flag else 1, flag)
    same_as_torch(torch, "avg_pool1d", lines(x), kernel, stride, padding, flag, not flag)


@given(images("with ties"), st.integers(1, 9) | st.tuples(st.integers(1, 9) | st.none(), st.integers(1, 9)))
def test_adaptive_pooling_is_that_of_torch(torch, x, size):
    same_as_torch(torch, "adaptive_avg_pool2d", x, size)
    same_as_torch(torch, "adaptive_max_pool2d", x, size)
    count = size if isinstance(size, int) else size[1]
    same_as_torch(torch, "adaptive_avg_pool1d", lines(x), count)
    same_as_torch(torch, "adaptive_max_pool1d", lines(x), count)
    places = F.adaptive_max_pool2d(Tensor(x), size, return_indices=True)[1]
    assert close(places, torch.nn.functional.adaptive_max_pool2d(torch.tensor(x), size, return_indices=True)[1])


def test_global_pooling_is_one_reduction():
    x = minigen.randn(2, 3, 8, 8, requires_grad=True)
    assert type(F.adaptive_avg_pool2d(x, 1).grad_fn) is type(x.mean((2, 3), keepdim=True).grad_fn)
    assert close(F.adaptive_max_pool2d(x, 1), x.amax((2, 3), keepdim=True))


def test_unpooling_puts_back_what_pooling_took(torch):
    x = minigen.randn(2, 3, 6, 7)
    y, places = F.max_pool2d(x, 2, return_indices=True)
    back = F.max_unpool2d(y, places, 2, output_size=x.shape)
    assert np.array_equal(F.max_pool2d(back.abs(), 2).numpy(), y.abs().numpy())
    theirs = torch.tensor(y.numpy()), torch.tensor(places.numpy())
    wanted = torch.nn.functional.max_unpool2d(*theirs, 2, output_size=(6, 7))
    assert close(back, wanted)


def test_of_two_that_name_one_pixel_the_last_counts():
    y = minigen.tensor([[[1.0, 2.0], [np.inf, 3.0]]], requires_grad=True)
    places = minigen.tensor([[[5, 5], [0, 0]]])
    x = F.max_unpool2d(y, places, 2)
    assert x.tolist() == [[[3, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]]
    assert minigen.grad(x.sum(), y)[0].tolist() == [[[0, 1], [0, 1]]]


def test_pooling_in_float32_with_another_divisor():
    assert F.avg_pool2d(minigen.ones(1, 2, 2), 2, divisor_override=np.int64(3)).dtype == np.float32


@pytest.mark.parametrize("length", [17, 50])
def test_a_window_of_many_pixels(length):
    x = Tensor(np.arange(length * length - 2.0, -2.0, -1.0).reshape(1, length, length)).requires_grad_()
    x.data[0, -1, -2] = 1e4  # neither the first nor the last
    F.max_pool2d(x, length).sum().backward()
    assert np.argmax(x.grad.numpy()) == length * length - 2
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
    "interpolate: mode='cubic' is not one of 'nearest'": lambda: F.interpolate(X, size=2, mode="cubic"),
    "interpolate: mode='linear' is not for input (2, 3, 4, 4); what blends there is 'bilinear' or 'bicubic'": lambda: (
        F.interpolate(X, size=2, mode="linear")
    ),
    "interpolate: align_corners is for modes that blend": lambda: F.interpolate(X, size=2, align_corners=True),
    "interpolate: recompute_scale_factor is about scale_factor": lambda: F.interpolate(
        X, size=2, recompute_scale_factor=True
    ),
    "interpolate: size is one integer or 2 for input (2, 3, 4, 4), not (1, 2, 3)": lambda: F.interpolate(
        X, size=(1, 2, 3)
    ),
    "pad: pad=(1, 2, 3) has 3 numbers, but two are wanted for each axis": lambda: F.pad(X, (1, 2, 3)),
    "pad: pad=(-2, -3) takes more off than input (2, 3, 4, 4) has": lambda: F.pad(X, (-2, -3)),
    "pad: pad is a tuple (left, right, top, bottom, ...), the last axis first, not 1": lambda: F.pad(X, 1),
    "pad: a border (4, 0) does not fit an axis of length 4 of input (2, 3, 4, 4): with mode='reflect'": lambda: F.pad(
        X, (4, 0, 1, 1), "reflect"
    ),
    "with mode='circular' it must be no longer than what is left of the axis": lambda: F.pad(
        X, (4, -1, 0, 0), "circular"
    ),
    "pad: mode='reflect' pads all axes but channels and batch": lambda: F.pad(X, (1, 1), "reflect"),
    "pad: mode='mirror' is not one of 'constant'": lambda: F.pad(X, (1, 1, 1, 1), "mirror"),
    "pad: value=1.0 is for mode='constant'": lambda: F.pad(X, (1, 1, 1, 1), "reflect", 1.0),
    "pad: value must be a number, not 'a'": lambda: F.pad(X, (1, 1), value="a"),
    "pad: input must be a Tensor": lambda: F.pad([1.0], (1, 1)),
    "pixel_shuffle: input (..., C, H, W) must have channels that 2 * 2 divides": lambda: F.pixel_shuffle(X, 2),
    "pixel_shuffle: upscale_factor must be an integer >= 1, not 0": lambda: F.pixel_shuffle(X, 0),
    "pixel_unshuffle: input (..., C, H, W) must have a height and width that downscale_factor=3": lambda: (
        F.pixel_unshuffle(X, 3)
    ),
    "max_pool1d: the kernel (9,) with dilation (1,) is larger than the image of input (3, 4, 4)": lambda: F.max_pool1d(
        X[0], 9
    ),
    "avg_pool1d: input is a batch of signals (N, C, L) or one signal (C, L)": lambda: F.avg_pool1d(X, 2),
    "max_pool2d: dilation must be an integer >= 1, not 0": lambda: F.max_pool2d(X, 2, dilation=0),
    "avg_pool2d: padding must be an integer >= 0, not -1": lambda: F.avg_pool2d(X, 2, padding=-1),
    "avg_pool2d: divisor_override must not be 0": lambda: F.avg_pool2d(X, 2, divisor_override=0),
    "adaptive_avg_pool2d: output_size must be an integer >= 1, not 0": lambda: F.adaptive_avg_pool2d(X, (0, 1)),
    "adaptive_max_pool2d: output_size is one integer or 2, one for each axis, not (1, 2, 3)": lambda: (
        F.adaptive_max_pool2d(X, (1, 2, 3))
    ),
    "adaptive_max_pool1d: input is a batch of signals": lambda: F.adaptive_max_pool1d(X, 2),
    "max_unpool2d: indices go from 0 to 99, but an image of size (8, 8) has 64 pixels": lambda: F.max_unpool2d(
        X, X.long() + minigen.tensor([0, 1, 2, 99]), 2
    ),
    "max_unpool2d: indices go from 64 to 64, but an image of size (8, 8) has 64 pixels": lambda: F.max_unpool2d(
        X, X.long() * 0 + 64, 2
    ),
    "max_unpool2d: padding must be an integer >= 0, not -1": lambda: F.max_unpool2d(X, X.long(), 2, padding=-1),
    "max_unpool2d: input has dtype int64": lambda: F.max_unpool2d(X.long(), X.long(), 2),
    "max_unpool2d: indices are integers, not float32": lambda: F.max_unpool2d(X, X, 2),
    "max_unpool2d: input has shape (2, 3, 4, 4), but indices has (2, 3, 4)": lambda: F.max_unpool2d(
        X, X.long()[..., 0], 2
    ),
    "max_unpool2d: output_size (10, 8) is not within a stride of (2, 2) of (8, 8)": lambda: F.max_unpool2d(
        X, X.long(), 2, output_size=(10, 8)
    ),
    "interpolate: size must be an integer >= 1": lambda: F.interpolate(X, size=(0, 3)),
    "interpolate: input is a batch of images (N, C, H, W), signals": lambda: F.interpolate(minigen.zeros(3, 4), size=2),
    "batch_norm: input is (N, C), (N, C, L) or (N, C, H, W)": lambda: F.batch_norm(minigen.zeros(3), None, None),
    "batch_norm: weight has shape (2,), but input (2, 3, 4, 4) has 3 channels": lambda: F.batch_norm(
        X, None, None, minigen.ones(2), training=True
    ),
    "only training=True has statistics to use": lambda: F.batch_norm(X, None, None),
    "no more than one value a channel": lambda: F.batch_norm(minigen.zeros(1, 3), None, None, training=True),
    "batch_norm: momentum must be a number": lambda: F.batch_norm(X, None, None, training=True, momentum=None),
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


@given(images(), pairs(1, 12) | st.floats(0.3, 3.2), st.booleans(), st.booleans())
@example(np.arange(6.0).reshape(1, 1, 3, 2), 1, True, False)  # one pixel has no corners to align
@example(np.arange(2.0).reshape(1, 1, 1, 2), 1.25, False, False)  # the size stays
def test_every_mode_of_interpolate_is_that_of_torch(torch, x, target, corners, recompute):
    by = {"size": target}
    if isinstance(target, float):
        by = {"scale_factor": target, "recompute_scale_factor": recompute}
    assume("size" in by or min(x.shape[2:]) * target >= 1)
    for mode in ("nearest-exact", "area", "bilinear", "bicubic"):
        options = {"mode": mode, **by} | ({"align_corners": corners} if mode[:2] == "bi" else {})
        mine, theirs = Tensor(x).requires_grad_(), torch.tensor(x, requires_grad=True)
        y, wanted = F.interpolate(mine, **options), torch.nn.functional.interpolate(theirs, **options)
        assert close(y, wanted)
        if mode == "bicubic" and y.shape == x.shape:
            continue  # PyTorch's backward copies the gradient here, though its forward has not copied the pixels
        seed = np.random.default_rng(0).standard_normal(y.shape)
        wanted = torch.autograd.grad(wanted, theirs, torch.tensor(seed))[0]
        assert close(minigen.grad(y, mine, Tensor(seed))[0], wanted)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "area", "bilinear", "bicubic"])
def test_interpolation_in_float32_is_that_of_torch_on_large_images(torch, mode):
    x = np.random.default_rng(0).standard_normal((1, 2, 301, 257), np.float32)
    wanted = torch.nn.functional.interpolate(torch.tensor(x), scale_factor=1.7, mode=mode)
    assert close(F.interpolate(Tensor(x), scale_factor=1.7, mode=mode), wanted, 1e-5)


def test_an_infinite_pixel_shows_where_it_is_seen_only():
    x = minigen.zeros(1, 1, 4, 4)
    x.array[0, 0, 1, 1] = np.inf
    for mode in ("nearest", "bilinear", "bicubic", "area"):
        y = F.interpolate(x, size=(8, 8), mode=mode).numpy()
        assert np.isinf(y).any()
        assert (y[0, 0, 7] == 0).all()


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_padding_keeps_channels_last_in_memory_and_the_type(mode):
    x = np.ascontiguousarray(np.ones((2, 5, 6, 3), np.float32)).transpose(0, 3, 1, 2)
    y = F.pad(Tensor(x), (1, 2, 0, 1), mode)
    assert y.dtype == np.float32
    assert y.array.transpose(0, 2, 3, 1).flags.c_contiguous
    assert F.pad(minigen.ones(2, 3, 4).long(), (1, 1), mode).dtype == np.int64


def test_fold_takes_one_image():
    columns = F.unfold(X, 2)
    np.testing.assert_array_equal(F.fold(columns[1], (4, 4), 2).numpy(), F.fold(columns, (4, 4), 2)[1].numpy())


# --- gradients as functions of their own: the adjoints, too, are differentiated ---------------------------------

LINEAR_OR_NEARLY = {
    "max_pool2d": lambda x: F.max_pool2d(x, (3, 2), 2, 1),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 3, 2, 1, True, False),
    "interpolate": lambda x: F.interpolate(x, size=(7, 3)),
    "bicubic": lambda x: F.interpolate(x, size=(7, 3), mode="bicubic"),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, (2, 3)),
    "adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(x, (2, 3)),
    "fold": lambda x: F.fold(F.unfold(x, (3, 2), 1, (1, 0), 2), (5, 4), (3, 2), 1, (1, 0), 2),
    "pad": lambda x: F.pad(F.pad(x, (1, 2, 0, 1), "reflect"), (-1, 1)),
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
