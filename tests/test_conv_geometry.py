"""Everything that slides windows or maps pixels linearly: any geometry, any order of derivative, and every refusal.

Hypothesis draws the geometry.  What a linear function must fulfil is written once (`assert_adjoint`) and asked of all;
where PyTorch has the function, it is asked for its opinion.
"""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import minigen
import minigen.nn.functional as F
from minigen import Tensor
from minigen.checks import check_gradients
from minigen.functional.conv import ConvTranspose2d


def close(a, b, tolerance):
    a, b = (x.detach().numpy() for x in (a, b))
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    return a.size == 0 or np.abs(a - b).max() <= tolerance * max(np.abs(b).max(), 1e-30)


def pairs(low, high):
    return st.integers(low, high) | st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def calls(draw, transposed=False):
    """Random inputs (as arrays) and options of a call that is legal."""
    kernel, groups = draw(st.tuples(st.integers(1, 5), st.integers(1, 5))), draw(st.integers(1, 3))
    options = {
        "stride": draw(pairs(1, 3)),
        "padding": draw(pairs(0, 3)),
        "dilation": draw(pairs(1, 2)),
        "groups": groups,
    }
    stride, padding, dilation = (np.broadcast_to(options[name], 2) for name in ("stride", "padding", "dilation"))
    extent = dilation * (np.array(kernel) - 1) + 1
    if transposed:
        options["output_padding"] = tuple(draw(st.integers(0, int(n) - 1)) for n in np.maximum(stride, dilation))
        least = np.maximum(1, -(-(2 * padding + 1 - extent) // stride) + 1)
    else:
        least = np.maximum(1, extent - 2 * padding)
    image = tuple(int(n) + draw(st.integers(0, 6)) for n in least)
    n, per_group, filters = draw(st.integers(0, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    channels = groups * (filters if transposed else per_group)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype, layout = draw(st.sampled_from(["float32", "float64"])), draw(st.sampled_from("NHWC NCHW strided".split()))
    x = rng.standard_normal((n, channels, *image)).astype(dtype)
    w = rng.standard_normal((groups * filters, per_group, *kernel)).astype(dtype)
    b = rng.standard_normal(groups * per_group if transposed else groups * filters).astype(dtype)
    return [in_layout(x, layout), in_layout(w, layout), b], options


def in_layout(a, layout):
    if layout == "NHWC":
        return np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    return a if layout == "NCHW" else np.repeat(a, 2, axis=3)[..., ::2]


def same_as_torch(torch, name, arrays, options):
    mine = [Tensor(a).requires_grad_() for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, wanted = getattr(F, name)(*mine, **options), getattr(torch.nn.functional, name)(*theirs, **options)
    tolerance = 1e-10 if arrays[0].dtype == np.float64 else 1e-5
    assert close(y, wanted, tolerance)
    seed = np.random.default_rng(0).standard_normal(y.shape).astype(arrays[0].dtype)
    grads = minigen.grad(y, mine, Tensor(seed))
    wanted = torch.autograd.grad(wanted, theirs, torch.tensor(seed))
    for mine, theirs in zip(grads[:2], wanted[:2]):
        assert close(mine, theirs, tolerance)
    assert np.abs(grads[2].numpy() - wanted[2].numpy()).max() <= tolerance * max(1.0, np.abs(seed).sum())


@given(calls())
def test_conv2d_is_that_of_torch(torch, call):
    same_as_torch(torch, "conv2d", *call)


@given(calls(transposed=True))
def test_conv_transpose2d_is_that_of_torch(torch, call):
    same_as_torch(torch, "conv_transpose2d", *call)


@given(st.integers(1, 5), st.integers(1, 5), pairs(1, 3), st.integers(4, 9))
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_padding_same_keeps_the_size(torch, height, width, dilation, length):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in ((2, 2, length, length + 1), (3, 2, height, width), (3,))]
    same_as_torch(torch, "conv2d", arrays, {"padding": "same", "dilation": dilation})


def test_words_for_padding():
    x, w = minigen.randn(2, 3, 5, 6), minigen.randn(4, 3, 2, 4)
    assert F.conv2d(x, w, padding="same").shape == (2, 4, 5, 6)
    assert F.conv2d(x, w, padding="valid").tolist() == F.conv2d(x, w).tolist()


@given(calls(), st.integers(0, 2), st.integers(0, 2))
def test_a_shifted_image_gives_a_shifted_result(call, down, right):
    (x, w, _), options = call
    stride = np.broadcast_to(options["stride"], 2)
    down, right = int(down * stride[0]), int(right * stride[1])
    y = F.conv2d(Tensor(x), Tensor(w), **options).numpy()
    shifted = np.pad(x, ((0, 0), (0, 0), (down, 0), (right, 0)))
    y_shifted = F.conv2d(Tensor(shifted), Tensor(w), **options).numpy()
    inner = y_shifted[:, :, down // stride[0] :, right // stride[1] :]
    np.testing.assert_allclose(inner, y, atol=1e-4 if x.dtype == np.float32 else 1e-12)


@given(st.integers(1, 4), st.integers(1, 4), pairs(1, 2))
def test_a_single_bright_pixel_shows_the_kernel(height, width, dilation):
    w = minigen.randn(2, 1, height, width)
    down, right = np.broadcast_to(dilation, 2)
    x = minigen.zeros(1, 1, 2 * (height - 1) * down + 1, 2 * (width - 1) * right + 1)
    x.array[0, 0, (height - 1) * down, (width - 1) * right] = 1.0
    y = F.conv2d(x, w, dilation=dilation)
    assert np.array_equal(y.numpy()[0, :, ::-down, ::-right], w.numpy()[:, 0])


@given(st.integers(1, 4), st.integers(1, 4), pairs(1, 3), pairs(1, 2), st.integers(0, 2), st.integers(0, 2))
def test_a_single_bright_pixel_becomes_its_kernel(height, width, stride, dilation, i, j):
    w = minigen.randn(1, 2, height, width)
    (s, t), (d, e) = np.broadcast_to(stride, 2), np.broadcast_to(dilation, 2)
    y = minigen.zeros(1, 1, 3, 3)
    y.array[0, 0, i, j] = 1.0
    x = F.conv_transpose2d(y, w, stride=stride, dilation=dilation).numpy()
    rows, columns = slice(i * s, i * s + d * (height - 1) + 1, d), slice(j * t, j * t + e * (width - 1) + 1, e)
    assert np.array_equal(x[0, :, rows, columns], w.numpy()[0])
    x[0, :, rows, columns] = 0.0
    assert not x.any()


# --- adjoints ----------------------------------------------------------------------------------------------------


def assert_adjoint(f, x):
    """<y, f(x)> = <f*(y), x>, f* being what backward does; and f of nothing is nothing."""
    x = Tensor(np.asarray(x, np.float64)).requires_grad_()
    fx = f(x)
    y = np.random.default_rng(1).standard_normal(fx.shape)
    back = minigen.grad(fx, x, Tensor(y))[0].numpy()
    assert back.shape == x.shape
    scale = np.linalg.norm(y) * np.linalg.norm(fx.detach().numpy()) + np.linalg.norm(back) * np.linalg.norm(x.array)
    assert abs(np.vdot(y, fx.detach().numpy()) - np.vdot(back, x.array)) <= 1e-12 * scale
    assert not f(Tensor(np.zeros(x.shape))).numpy().any()


def drawn(shape, seed):
    return np.random.default_rng(seed).standard_normal(shape)


seeds = st.integers(0, 2**32 - 1)
shapes = st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(1, 8), st.integers(1, 8))


@given(calls())
def test_conv2d_is_adjoint_to_its_backward_in_both_arguments(call):
    (x, w, _), options = call
    assert_adjoint(lambda x: F.conv2d(x, Tensor(w.astype(float)), **options), x)
    assert_adjoint(lambda w: F.conv2d(Tensor(x.astype(float)), w, **options), w)


@given(calls(transposed=True))
def test_conv_transpose2d_is_adjoint_to_its_backward_in_both_arguments(call):
    (y, w, _), options = call
    assert_adjoint(lambda y: F.conv_transpose2d(y, Tensor(w.astype(float)), **options), y)
    assert_adjoint(lambda w: F.conv_transpose2d(Tensor(y.astype(float)), w, **options), w)


@given(calls())
def test_the_family_is_one_trilinear_form(call):
    """T(x, w, y) = <y, conv2d(x, w)> = <w, conv2d_weight(x, y)> = <x, what ConvTranspose2d makes of y and w>."""
    (x, w, _), options = call
    x, w = (Tensor(a.astype(float)).requires_grad_() for a in (x, w))
    out = F.conv2d(x, w, **options)
    y = Tensor(drawn(out.shape, 2))
    thrice = [
        (y, out),
        (w, F.conv2d_weight(x, w.shape, y, **options)),
        (x, ConvTranspose2d.apply(y, w, size=x.shape[2:], geometry=out.grad_fn.geometry)),
    ]
    pairs_of_arrays = [[t.detach().numpy() for t in pair] for pair in thrice]
    numbers = [np.vdot(a, b) for a, b in pairs_of_arrays]
    scale = max(np.linalg.norm(a) * np.linalg.norm(b) for a, b in pairs_of_arrays)
    assert max(numbers) - min(numbers) <= 1e-12 * scale


@st.composite
def window_options(draw, shape):
    """A kernel that fits the image, with stride and padding, as keywords."""
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    kernel = tuple(
        draw(st.integers(max(1, 2 * p), max(1, 2 * p, min(5, n + 2 * p)))) for n, p in zip(shape[2:], padding)
    )
    return {"kernel_size": kernel, "stride": draw(pairs(1, 3)), "padding": padding}


@given(st.data(), shapes, seeds)
def test_fold_and_unfold_are_adjoint(data, shape, seed):
    options = data.draw(window_options(shape))
    assume(all(k <= n + 2 * p for n, k, p in zip(shape[2:], options["kernel_size"], options["padding"])))
    x = drawn(shape, seed)
    assert_adjoint(lambda x: F.unfold(x, **options), x)
    columns = F.unfold(Tensor(x), **options)
    assert_adjoint(lambda c: F.fold(c, shape[2:], **options), drawn(columns.shape, seed))
    times_seen = F.fold(F.unfold(minigen.ones(*shape, dtype="float64"), **options), shape[2:], **options)
    np.testing.assert_allclose(F.fold(columns, shape[2:], **options).numpy(), x * times_seen.numpy(), atol=1e-12)


@given(calls())
def test_a_convolution_is_a_product_with_the_columns(call):
    (x, w, _), options = call
    assume(options.pop("groups") == 1)
    x, w = Tensor(x.astype(float)), Tensor(w.astype(float))
    y = F.conv2d(x, w, **options)
    product = w.flatten(1) @ F.unfold(x, tuple(w.shape[2:]), **options)
    assert close(product.reshape(y.shape), y, 1e-12)


@given(st.data(), shapes, seeds)
def test_pooling_is_adjoint_to_its_backward(data, shape, seed):
    options = data.draw(window_options(shape))
    assume(all(k <= n + 2 * p for n, k, p in zip(shape[2:], options["kernel_size"], options["padding"])))
    counts = data.draw(st.booleans())
    x = drawn(shape, seed)
    assert_adjoint(lambda x: F.avg_pool2d(x, **options, ceil_mode=counts, count_include_pad=not counts), x)
    size = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    assert_adjoint(lambda x: F.adaptive_avg_pool2d(x, size), x)
    _, indices = F.max_pool2d(Tensor(x), kernel_size=2, stride=3, padding=1, return_indices=True)
    pixels = (3 * indices.shape[2] + 3, 3 * indices.shape[3] + 3)
    assert_adjoint(
        lambda y: F.max_unpool2d(y, indices, 2, 3, 0, (pixels[0] - 3, pixels[1] - 3)), drawn(indices.shape, seed)
    )


@given(calls(), st.integers(0, 2), st.integers(0, 2), st.sampled_from(["max_pool2d", "avg_pool2d"]))
def test_a_shifted_image_gives_a_shifted_pooling(call, down, right, name):
    (x, w, _), options = call
    stride = [int(s) for s in np.broadcast_to(options["stride"], 2)]
    assume(all(k <= n for k, n in zip(w.shape[2:], x.shape[2:])))
    y = getattr(F, name)(Tensor(x), w.shape[2:], stride).numpy()
    shifted = np.pad(x, ((0, 0), (0, 0), (down * stride[0], 0), (right * stride[1], 0)))
    y_shifted = getattr(F, name)(Tensor(shifted), w.shape[2:], stride).numpy()
    np.testing.assert_allclose(y_shifted[:, :, down:, right:], y, atol=1e-6)


@given(shapes, seeds, st.tuples(st.integers(1, 12), st.integers(1, 12)), st.booleans())
def test_interpolation_is_adjoint_to_its_backward(shape, seed, size, align_corners):
    x = drawn(shape, seed)
    for mode in ("nearest", "nearest-exact", "area", "bilinear", "bicubic"):
        options = {"align_corners": align_corners} if mode in ("bilinear", "bicubic") else {}
        assert_adjoint(lambda x, mode=mode, options=options: F.interpolate(x, size, mode=mode, **options), x)
        constant = F.interpolate(minigen.ones(1, 1, *shape[2:], dtype="float64"), size, mode=mode, **options)
        np.testing.assert_allclose(constant.numpy(), 1.0, atol=1e-12)  # the weights of every pixel add up to 1


@st.composite
def borders(draw, shape, mode):
    """What fits the last two axes, the last first."""
    both = []
    for n in reversed(shape[2:]):
        most = {"constant": 4, "replicate": 4, "reflect": n - 1, "circular": n}[mode]
        before, after = draw(st.integers(-2, most)), draw(st.integers(-2, most))
        left = n + min(0, before) + min(0, after)
        both += [before, after] if left >= 1 and (mode != "circular" or max(before, after) <= left) else [0, 0]
    return tuple(both)


@given(st.data(), shapes, seeds)
def test_padding_is_adjoint_to_its_backward(data, shape, seed):
    for mode in ("constant", "reflect", "replicate", "circular"):
        border = data.draw(borders(shape, mode))
        assert_adjoint(lambda x, border=border, mode=mode: F.pad(x, border, mode), drawn(shape, seed))


@given(st.data(), shapes, seeds)
def test_padding_is_that_of_torch(torch, data, shape, seed):
    x = drawn(shape, seed)
    for mode in ("constant", "reflect", "replicate", "circular"):
        border = data.draw(borders(shape, mode))
        wanted = torch.nn.functional.pad(torch.tensor(x), border, mode)
        assert np.array_equal(F.pad(Tensor(x), border, mode).numpy(), wanted.numpy())


@given(shapes, seeds, st.integers(1, 3))
def test_shuffling_back_and_forth_is_nothing(shape, seed, factor):
    n, channels, height, width = shape
    x = Tensor(drawn((n, channels * factor**2, height, width), seed))
    assert np.array_equal(F.pixel_unshuffle(F.pixel_shuffle(x, factor), factor).numpy(), x.numpy())
    assert_adjoint(lambda x: F.pixel_shuffle(x, factor), x.numpy())


# --- signals -----------------------------------------------------------------------------------------------------


@given(calls(), st.sampled_from(["conv1d", "conv_transpose1d"]))
def test_convolutions_of_signals_are_those_of_torch(torch, call, name):
    (x, w, b), options = call
    options = {key: value if key == "groups" else int(np.broadcast_to(value, 2)[0]) for key, value in options.items()}
    if name == "conv_transpose1d":
        x = np.repeat(x, w.shape[0] // options["groups"], axis=1)[:, : w.shape[0]]
        x = np.concatenate([x] * w.shape[0], axis=1)[:, : w.shape[0]]
        b = np.resize(b, w.shape[1] * options["groups"])
        extent = options["dilation"] * (w.shape[2] - 1) + 1
        assume((x.shape[2] - 1) * options["stride"] + extent > 2 * options["padding"])
    same_as_torch(torch, name, [np.array(x[..., 0]), np.array(w[..., 0]), b], options)


@given(calls(), st.floats(-2, 2), st.floats(-2, 2))
def test_the_family_is_linear_in_each_argument(call, a, b):
    (x, w, _), options = call
    x, w = (np.array(v, np.float64) for v in (x, w))
    y = F.conv2d(Tensor(x), Tensor(w), **options).numpy()
    members = {
        "conv2d": (lambda u, v: F.conv2d(u, v, **options), x, w),
        "conv2d_weight": (lambda u, v: F.conv2d_weight(u, w.shape, v, **options), x, y),
    }
    for f, *arguments in members.values():
        for i in range(2):
            u, v = arguments[i], np.roll(arguments[i], 1, axis=-1)

            def at(z, f=f, arguments=arguments, i=i):
                return f(*(Tensor(z if k == i else other) for k, other in enumerate(arguments))).numpy()

            np.testing.assert_allclose(at(a * u + b * v), a * at(u) + b * at(v), atol=1e-9)


GEOMETRIES = {
    "stride over kernel": ((2, 2, 7, 5), (3, 2, 2, 2), {"stride": 3}),
    "overhang": ((2, 1, 8, 7), (2, 1, 3, 2), {"stride": 2, "padding": (1, 0)}),
    "dilated groups": ((4, 4, 6, 5), (2, 2, 2, 3), {"dilation": (2, 1), "groups": 2, "padding": 1}),
    "depthwise": ((2, 3, 5, 4), (3, 1, 3, 3), {"groups": 3, "padding": 1}),
}


@pytest.mark.parametrize("title", GEOMETRIES)
def test_derivatives_of_three_orders(title):
    x_shape, w_shape, options = GEOMETRIES[title]
    rng = np.random.default_rng(1)
    x, w, b = (Tensor(rng.standard_normal(s)) for s in (x_shape, w_shape, w_shape[:1]))
    check_gradients(lambda *t: F.conv2d(*t, **options), x, w, b, order=3)
    y = Tensor(rng.standard_normal(F.conv2d(x, w, **options).shape))
    check_gradients(lambda x, y: F.conv2d_weight(x, w_shape, y, **options), x, y, order=3)
    b = Tensor(rng.standard_normal(x_shape[1]))
    check_gradients(lambda *t: F.conv_transpose2d(*t, **options), y, w, b, order=3)


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (0, 2), (1, 2)])
@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
def test_gradients_that_nobody_wants_are_not_computed(name, wanted):
    tensors = [minigen.randn(2, 3, 5, 5), minigen.randn(3, 3, 2, 2), minigen.randn(3)]
    for i in wanted:
        tensors[i].requires_grad_()
    y = getattr(F, name)(*tensors)
    call = y.grad_fn
    call.needs_input_grad = tuple(i in wanted for i in range(3))
    assert [g is not None for g in call.backward(y.detach())] == [i in wanted for i in range(3)]


def test_a_weight_changed_in_place_is_noticed_only_where_it_matters():
    x, w = minigen.randn(1, 2, 4, 4), minigen.randn(3, 2, 2, 2, requires_grad=True)
    y = F.conv2d(x, w).sum()
    with minigen.no_grad():
        w.mul_(2.0)
    y.backward()  # the weight's own gradient reads the image only
    y = F.conv2d(x.requires_grad_(), w).sum()
    with minigen.no_grad():
        w.mul_(2.0)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_one_image_without_a_batch():
    x, w, b = minigen.randn(3, 6, 5), minigen.randn(4, 3, 3, 3), minigen.randn(4)
    assert F.conv2d(x, w, b).tolist() == F.conv2d(x.unsqueeze(0), w, b)[0].tolist()
    y = minigen.randn(4, 6, 5)
    assert F.conv_transpose2d(y, w).tolist() == F.conv_transpose2d(y.unsqueeze(0), w)[0].tolist()


def test_an_empty_batch_has_zero_gradients():
    x, w, b = (
        minigen.randn(0, 3, 6, 5),
        minigen.randn(4, 3, 3, 3, requires_grad=True),
        minigen.zeros(4, requires_grad=True),
    )
    y = F.conv2d(x, w, b, padding=1)
    assert y.shape == (0, 4, 6, 5)
    y.sum().backward()
    assert not w.grad.numpy().any()
    assert not b.grad.numpy().any()


def test_results_are_channels_last_in_memory():
    y = F.conv2d(minigen.randn(2, 3, 6, 5), minigen.randn(4, 3, 3, 3))
    assert y.array.transpose(0, 2, 3, 1).flags.c_contiguous


def tensor(*shape, dtype="float32"):
    return Tensor(np.zeros(shape, dtype))


X, W = tensor(8, 3, 32, 32), tensor(16, 3, 3, 3)
REFUSED = {
    "conv2d: input (8, 3, 32, 32) has 3 channels, but weight (16, 4, 3, 3) wants 4": lambda: F.conv2d(
        X, tensor(16, 4, 3, 3)
    ),
    "its last axis has 3: channels come first, (N, C, H, W), so use input.permute(0, 3, 1, 2)": lambda: F.conv2d(
        tensor(8, 28, 28, 3), W
    ),
    "its last axis has 3: channels come first, (C, L), so use input.permute(1, 0)": lambda: F.conv1d(
        tensor(28, 3), tensor(16, 3, 3)
    ),
    "has 3 channels, but weight (16, 3, 3, 3) wants 3 x 2 groups": lambda: F.conv2d(X, W, groups=2),
    "conv2d: 16 output channels cannot be split into 3 groups": lambda: F.conv2d(tensor(1, 9, 8, 8), W, groups=3),
    "is larger than the image of input (1, 3, 2, 2) with padding (0, 0)": lambda: F.conv2d(tensor(1, 3, 2, 2), W),
    "with dilation (20, 20) is larger than the image": lambda: F.conv2d(X, W, dilation=20),
    "conv2d: bias has shape (3,), but weight (16, 3, 3, 3) wants (16,)": lambda: F.conv2d(X, W, tensor(3)),
    "conv2d: stride must be an integer >= 1, not 0": lambda: F.conv2d(X, W, stride=0),
    "conv2d: stride must be one integer or two": lambda: F.conv2d(X, W, stride=(1, 1, 1)),
    "conv2d: dilation must be an integer >= 1, not -1": lambda: F.conv2d(X, W, dilation=(1, -1)),
    "conv2d: padding must be an integer >= 0, not 0.5": lambda: F.conv2d(X, W, padding=0.5),
    "conv2d: groups must be an integer >= 1, not 0": lambda: F.conv2d(X, W, groups=0),
    'conv2d: padding is an integer or a pair or "valid" or "same", not \'full\'': lambda: F.conv2d(
        X, W, padding="full"
    ),
    'conv2d: padding="same" works with stride 1 only, not (2, 2)': lambda: F.conv2d(X, W, padding="same", stride=2),
    "or one image (C, H, W), with pixels and channels, but its shape is (3, 3)": lambda: F.conv2d(tensor(3, 3), W),
    "conv2d: weight has four axes, none of them empty, but its shape is (3, 3)": lambda: F.conv2d(X, tensor(3, 3)),
    "with pixels and channels, but its shape is (8, 3, 0, 4)": lambda: F.conv2d(tensor(8, 3, 0, 4), W, padding=4),
    "conv2d: input has dtype float32, but weight has float64": lambda: F.conv2d(
        X, tensor(16, 3, 3, 3, dtype="float64")
    ),
    "conv2d: input has dtype int64": lambda: F.conv2d(tensor(8, 3, 32, 32, dtype="int64"), W),
    "conv2d: weight must be a Tensor, not NumPy's ndarray": lambda: F.conv2d(X, W.numpy()),
    "conv_transpose2d: input (8, 3, 32, 32) has 3 channels, but weight (16, 3, 3, 3) wants 16": lambda: (
        F.conv_transpose2d(X, W)
    ),
    "conv_transpose2d: stride must be an integer >= 1, not 0": lambda: F.conv_transpose2d(X, W, stride=0),
    "conv_transpose2d: 3 channels cannot be split into 2 groups": lambda: F.conv_transpose2d(
        X, tensor(3, 1, 2, 2), groups=2
    ),
    "output_padding (2, 2) must be smaller than stride (2, 2) or dilation (1, 1)": lambda: F.conv_transpose2d(
        X, tensor(3, 1, 2, 2), stride=2, output_padding=2
    ),
    "output_padding must be an integer >= 0, not -1": lambda: F.conv_transpose2d(
        X, tensor(3, 1, 2, 2), output_padding=-1
    ),
    "conv_transpose2d: bias has shape (4,), but weight (4, 1, 2, 2) wants (2,)": lambda: F.conv_transpose2d(
        tensor(1, 4, 4, 4), tensor(4, 1, 2, 2), tensor(4), groups=2
    ),
    "padding (9, 9) cuts off the whole result": lambda: F.conv_transpose2d(
        tensor(1, 3, 2, 2), tensor(3, 1, 2, 2), padding=9
    ),
    "conv_transpose2d: padding is an integer or a pair, not 'same'": lambda: F.conv_transpose2d(
        X, tensor(3, 1, 2, 2), padding="same"
    ),
    "(16, 3, 3, 3) has shape (8, 16, 30, 30), but grad_output has (8, 16, 32, 32)": lambda: F.conv2d_weight(
        X, (16, 3, 3, 3), tensor(8, 16, 32, 32)
    ),
    "weight_size (16, 2, 3, 3) do not fit 1 groups": lambda: F.conv2d_weight(X, (16, 2, 3, 3), tensor(8, 16, 30, 30)),
    "conv1d: input (2, 3, 9) has 3 channels, but weight (4, 2, 3) wants 2": lambda: F.conv1d(
        tensor(2, 3, 9), tensor(4, 2, 3)
    ),
    "conv1d: the kernel of weight (4, 3, 5) with dilation (2,) is larger than the": lambda: F.conv1d(
        tensor(2, 3, 8), tensor(4, 3, 5), dilation=2
    ),
    "conv1d: input is a batch of signals (N, C, L) or one signal (C, L)": lambda: F.conv1d(X, tensor(4, 3, 3)),
    "conv1d: weight has three axes, none of them empty, but its shape is (4, 3)": lambda: F.conv1d(
        tensor(2, 3, 9), tensor(4, 3)
    ),
    "conv1d: stride must be one integer, not (1, 2)": lambda: F.conv1d(tensor(2, 3, 9), tensor(4, 3, 3), stride=(1, 2)),
    'conv1d: padding is an integer or "valid" or "same"': lambda: F.conv1d(
        tensor(2, 3, 9), tensor(4, 3, 3), padding="full"
    ),
    "conv_transpose1d: padding (9,) cuts off the whole result": lambda: F.conv_transpose1d(
        tensor(2, 3, 9), tensor(3, 4, 3), padding=9
    ),
    "conv_transpose1d: output_padding (1,) must be smaller than stride (1,)": lambda: F.conv_transpose1d(
        tensor(2, 3, 9), tensor(3, 4, 3), output_padding=1
    ),
    "unfold: the kernel (5, 5) with dilation (1, 1) is larger than the image (4, 4)": lambda: F.unfold(
        tensor(1, 1, 4, 4), 5
    ),
    "unfold: input is a batch of images (N, C, H, W) or one image (C, H, W)": lambda: F.unfold(tensor(4, 4), 2),
    "unfold: kernel_size must be an integer >= 1, not 0": lambda: F.unfold(X, 0),
    "unfold: dilation must be an integer >= 1, not -1": lambda: F.unfold(X, 2, dilation=-1),
    "there are 9 windows of 4 numbers a channel, so input is (N, C * 4, 9)": lambda: F.fold(tensor(1, 4, 8), 4, 2),
    "or (C * 4, 9), but its shape is (1, 0, 9)": lambda: F.fold(tensor(1, 0, 9), 4, 2),
    "or (C * 4, 9), but its shape is (1, 5, 9)": lambda: F.fold(tensor(1, 5, 9), 4, 2),
    "fold: the kernel (5, 5) with dilation (1, 1) is larger than the image": lambda: F.fold(tensor(1, 25, 1), 4, 5),
    "conv2d_weight: input (N, C, H, W), weight_size": lambda: F.conv2d_weight(X, (3, 3), tensor(8, 16, 30, 30)),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_fit_is_refused_in_words(message):
    with pytest.raises((ValueError, TypeError)) as caught:
        REFUSED[message]()
    assert message in str(caught.value)
