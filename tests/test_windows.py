"""The arithmetic on plain arrays under convolution and pooling: against slow loops, and against itself.

Here are memory layouts, blocks and buffers, which nobody above can see; what the functions for tensors do is in
test_conv_geometry.py.
"""

import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import minigen
import minigen.nn.functional as F
from minigen import parallel
from minigen.checks import reference
from minigen.functional import depthwise, windows, winograd
from minigen.functional.windows import Geometry, channels_first, channels_last


def close(a, b, tolerance=1e-10):
    assert a.shape == b.shape
    return a.size == 0 or np.abs(a - b).max() <= tolerance * max(np.abs(b).max(), 1e-30)


def pairs(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def problems(draw, max_images=3):
    """Random x (N, H, W, C), w (O, KH, KW, C/G), y (N, OH, OW, O) and the geometry that joins them."""
    kernel, stride, padding, dilation = draw(pairs(1, 5)), draw(pairs(1, 3)), draw(pairs(0, 3)), draw(pairs(1, 3))
    groups, n = draw(st.integers(1, 3)), draw(st.integers(0, max_images))
    size, surplus = draw(pairs(1, 4)), draw(pairs(0, 2))
    image = tuple(
        max(1, (o - 1) * s + d * (k - 1) + 1 - 2 * p + min(e, s - 1))
        for o, s, d, k, p, e in zip(size, stride, dilation, kernel, padding, surplus)
    )
    geometry = Geometry(stride, padding, dilation, groups)
    size = tuple(windows.output_length(*axis) for axis in zip(image, kernel, *geometry[:3]))
    channels, filters = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x, w = rng.standard_normal((n, *image, channels)), rng.standard_normal((filters, *kernel, channels // groups))
    return x, w, rng.standard_normal((n, *size, filters)), geometry


def conv_of(x, w, y, geometry):
    return windows.conv(x, w, y.shape[1:3], geometry)


def loops(geometry):
    return {
        "stride": geometry.stride,
        "padding": geometry.padding,
        "dilation": geometry.dilation,
        "groups": geometry.groups,
    }


@given(problems(max_images=2))
def test_the_three_products_equal_slow_loops(problem):
    x, w, y, geometry = problem
    nchw = [channels_first(a) for a in problem[:3]]
    options = loops(geometry)
    assert close(channels_first(conv_of(*problem)), reference.conv2d(nchw[0], nchw[1], **options))
    slow = reference.conv_transpose2d(nchw[2], nchw[1], size=x.shape[1:3], **options)
    assert close(channels_first(windows.conv_transpose(y, w, x.shape[1:3], geometry)), slow)
    if geometry.groups == 1:
        for way in (windows._gather, windows._scatter):  # by phases, and channel by channel
            out = np.full_like(x, np.nan)
            way(y, w, geometry, out)
            assert close(channels_first(out), slow)
    slow = reference.conv2d_weight(nchw[0], nchw[2], w.shape[1:3], **options)
    assert close(channels_first(windows.conv_weight(x, y, w.shape[1:3], geometry)), slow)


@given(problems())
def test_the_three_products_are_one_trilinear_form(problem):
    x, w, y, geometry = problem
    number = np.vdot(y, conv_of(*problem))
    assert np.isclose(np.vdot(x, windows.conv_transpose(y, w, x.shape[1:3], geometry)), number, atol=1e-9)
    assert np.isclose(np.vdot(w, windows.conv_weight(x, y, w.shape[1:3], geometry)), number, atol=1e-9)


@given(problems(), st.sampled_from([1, 300, 10**9]))
def test_the_products_with_one_channel_a_group_are_those_of_all(problem, block_bytes):
    x, w, y, geometry = problem
    channels = w.shape[3] * geometry.groups
    geometry = geometry._replace(groups=channels)
    w, y = np.resize(w, (channels, *w.shape[1:3], 1)), np.resize(y, (*y.shape[:3], channels))
    size, kernel, bias = y.shape[1:3], w.shape[1:3], np.arange(1.0, channels + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "rows_in_block", lambda xp, row_bytes, _=None: max(1, block_bytes // max(1, row_bytes)))
        assert close(depthwise.conv(x, w, size, geometry, bias), windows.conv(x, w, size, geometry, bias))
        back = depthwise.conv_transpose(y, w, x.shape[1:3], geometry, bias)
        assert close(back, windows.conv_transpose(y, w, x.shape[1:3], geometry, bias))
        assert close(depthwise.conv_weight(x, y, kernel, geometry), windows.conv_weight(x, y, kernel, geometry))


@given(problems(), st.sampled_from([1, 300, 2000]))
def test_blocks_of_any_size_give_the_same(problem, block_bytes):
    x, w, y, geometry = problem
    bias_y, bias_x = np.arange(1.0, y.shape[3] + 1), np.arange(1.0, x.shape[3] + 1)

    def products():
        yield windows.conv(x, w, y.shape[1:3], geometry, bias_y)
        yield windows.conv_transpose(y, w, x.shape[1:3], geometry, bias_x)
        yield windows.conv_weight(x, y, w.shape[1:3], geometry)

    whole = list(products())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "rows_in_block", lambda xp, row_bytes, _=None: max(1, block_bytes // max(1, row_bytes)))
        assert all(close(a, b) for a, b in zip(products(), whole))


@given(problems())
def test_taps_and_untap_are_adjoint(problem):
    x, _, y, geometry = problem
    kernel, size = problem[1].shape[1:3], y.shape[1:3]
    seen = [tap.copy() for tap in windows.taps(x, kernel, size, geometry)]
    parts = [np.random.default_rng(i).standard_normal(tap.shape) for i, tap in enumerate(seen)]
    back = np.full_like(x, np.nan)  # every pixel must be written
    windows.untap(lambda tap, part: np.copyto(part, parts[tap]), kernel, size, geometry, out=back)
    assert np.isclose(sum(np.vdot(a, b) for a, b in zip(seen, parts)), np.vdot(x, back), atol=1e-9)


@given(problems())
def test_im2col_holds_what_the_taps_see(problem):
    x, w, y, geometry = problem
    kernel, size = w.shape[1:3], y.shape[1:3]
    n, groups, per_group = len(x), geometry.groups, w.shape[3]
    if n == 0:
        return
    cols = windows.im2col(x, kernel, size, geometry).copy()
    seen = np.stack(windows.taps(x, kernel, size, geometry), axis=3)  # (N, OH, OW, KH*KW, C)
    wanted = seen.reshape(*seen.shape[:4], groups, per_group).transpose(4, 0, 1, 2, 3, 5)
    assert np.array_equal(cols, wanted.reshape(cols.shape))


def layouts(a):
    """One array of images (N, H, W, C) in many memory layouts."""
    spaced = np.full((*a.shape[:2], 2 * a.shape[2], a.shape[3]), np.nan)
    spaced[:, :, ::2] = a
    wider = np.full((*a.shape[:3], a.shape[3] + 3), np.nan)
    wider[..., 1:-2] = a
    return {
        "channels last": a,
        "channels first": channels_last(np.ascontiguousarray(channels_first(a))),
        "columns apart": spaced[:, :, ::2],
        "some channels of more": wider[..., 1:-2],
        "upside down": np.ascontiguousarray(a[:, ::-1])[:, ::-1],
        "repeated": np.broadcast_to(a[:1], a.shape),
    }


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("layout", layouts(np.ones((1, 1, 1, 1))))
@pytest.mark.parametrize("padding", [(0, 0), (1, 2)])
@pytest.mark.parametrize("image", [(6, 5), (6, 1), (1, 5)])
def test_every_memory_layout_gives_the_same(channels, layout, padding, image):
    rng = np.random.default_rng(0)
    plain = rng.standard_normal((2, *image, channels))
    x = layouts(plain)[layout]
    plain = np.array(x)  # the same numbers, row by row
    kernel = tuple(min(3, n) for n in image)
    geometry = Geometry(padding=padding)
    size = tuple(windows.output_length(*axis) for axis in zip(image, kernel, *geometry[:3]))
    w, y = rng.standard_normal((2, *kernel, channels)), rng.standard_normal((2, *size, 2))
    assert close(windows.conv(x, w, size, geometry), windows.conv(plain, w, size, geometry))
    assert close(windows.conv_weight(x, y, kernel, geometry), windows.conv_weight(plain, y, kernel, geometry))
    assert close(
        windows.conv_transpose(x, w.repeat(channels, 0)[:channels], (8, 8), geometry),
        windows.conv_transpose(plain, w.repeat(channels, 0)[:channels], (8, 8), geometry),
    )


def test_a_grey_batch_whose_last_stride_is_arbitrary():
    # NumPy calls this contiguous although its last axis has the stride of an image: that of one element is never used.
    x = channels_last(np.arange(2.0 * 4 * 4).reshape(2, 1, 4, 4))
    assert x.strides[3] != x.itemsize
    cols = windows.im2col(x, (2, 2), (3, 3), Geometry())
    assert cols[0, 0].tolist() == [0, 1, 4, 5]
    assert cols[0, -1].tolist() == [26, 27, 30, 31]


def test_extend_pads_crops_and_does_both():
    x = np.arange(1.0, 7.0).reshape(1, 2, 3, 1)
    assert windows.extend(x, (1, 0), (0, 1))[0, :, :, 0].tolist() == [[0, 0, 0, 0], [1, 2, 3, 0], [4, 5, 6, 0]]
    assert windows.extend(x, (-1, -1), (0, -1))[0, :, :, 0].tolist() == [[5]]
    assert windows.extend(x, (-1, 1), (1, -2), fill=9.0)[0, :, :, 0].tolist() == [[9, 4], [9, 9]]
    assert windows.extend(x, (-4, 0), (5, 0))[0, :, :, 0].tolist() == [[0] * 3] * 3  # beyond all of it
    assert windows.extend(x, (5, 0), (-4, 0))[0, :, :, 0].tolist() == [[0] * 3] * 3
    assert np.shares_memory(windows.extend(x, (-1, 0), (0, 0)), x)


def test_a_kernel_shorter_than_the_stride_leaves_pixels_out():
    y, w = np.ones((1, 2, 2, 1)), np.ones((1, 1, 1, 1))
    x = windows.conv_transpose(y, w, (6, 5), Geometry(stride=(3, 3)), bias=np.array([10.0]))
    assert x[0, :, :, 0].tolist() == [
        [11, 10, 10, 11, 10],
        [10, 10, 10, 10, 10],
        [10, 10, 10, 10, 10],
        [11, 10, 10, 11, 10],
        [10, 10, 10, 10, 10],
        [10, 10, 10, 10, 10],
    ]


def test_a_lone_input_pixel_becomes_its_kernel():
    rng = np.random.default_rng(0)
    y, w = rng.standard_normal((5, 1, 1, 3)), rng.standard_normal((3, 4, 4, 2))
    assert close(windows.conv_transpose(y, w, (4, 4), Geometry()), np.einsum("no,oklc->nklc", y[:, 0, 0], w))


def test_results_do_not_share_the_buffers():
    x, w = np.ones((2, 6, 6, 3)), np.ones((4, 3, 3, 3))
    geometry = Geometry(padding=(1, 1))
    first = windows.conv(x, w, (6, 6), geometry)
    kept = first.copy()
    windows.conv(-x, w, (6, 6), geometry)
    assert np.array_equal(first, kept)


def test_threads_have_their_own_buffers():
    rng = np.random.default_rng(0)
    geometry, w = Geometry(padding=(1, 1)), rng.standard_normal((4, 3, 3, 3))
    images = [rng.standard_normal((8, 16, 16, 3)) for _ in range(4)]
    wanted = [windows.conv(x, w, (16, 16), geometry) for x in images]
    wrong = []

    def work(x, y):
        for _ in range(30):
            if not np.array_equal(windows.conv(x, w, (16, 16), geometry), y):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(images, wanted)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_memory_stays_near_that_of_the_images():
    x, w = np.zeros((1, 400, 400, 8), np.float32), np.zeros((8, 5, 5, 8), np.float32)  # 128 MB of windows
    tracemalloc.start()
    windows.conv(x, w, (400, 400), Geometry(padding=(2, 2)))
    windows.conv_transpose(x, w, (400, 400), Geometry(padding=(2, 2)))
    windows.conv_weight(x, x, (5, 5), Geometry(padding=(2, 2)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * x.nbytes + 16 * 2**20


def test_the_same_input_gives_the_same_bits():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((9, 17, 13, 5), np.float32), rng.standard_normal((7, 3, 3, 5), np.float32)
    geometry = Geometry((2, 2), (1, 1))
    results = [windows.conv(x, w, (9, 7), geometry).tobytes() for _ in range(3)]
    assert len(set(results)) == 1


@st.composite
def paired_problems(draw):
    """Problems that `winograd` can solve: kernels of twice the stride, an even number of outputs."""
    stride, n = draw(pairs(1, 3)), draw(st.integers(0, 3))
    kernel, size = (2 * stride[0], 2 * stride[1]), tuple(2 * half for half in draw(pairs(1, 3)))
    padding, surplus, channels, filters = draw(pairs(0, 3)), draw(pairs(0, 2)), draw(st.integers(1, 3)), 2
    image = tuple(
        (o - 1) * s + k - 2 * p + min(e, s - 1) for o, s, k, p, e in zip(size, stride, kernel, padding, surplus)
    )
    assume(min(image) > 0)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x, w = rng.standard_normal((n, *image, channels)), rng.standard_normal((filters, *kernel, channels))
    return x, w, rng.standard_normal((n, *size, filters)), Geometry(stride, padding)


@given(paired_problems(), st.integers(1, 3))
def test_products_of_tiles_are_those_of_windows(problem, threads):
    x, w, y, geometry = problem
    bias_y, bias_x, size, image = np.arange(1.0, 3.0), np.arange(1.0, x.shape[3] + 1), y.shape[1:3], x.shape[1:3]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "_threads", threads)
        patch.setattr(parallel, "_pool", None)
        patch.setattr(winograd, "_LEAST_TILES", 1)
        patch.setattr(winograd, "_BLOCK_BYTES", 1)  # each image by itself
        assert close(winograd.conv(x, w, size, geometry, bias_y), windows.conv(x, w, size, geometry, bias_y))
        back = winograd.conv_transpose(y, w, image, geometry, bias_x)
        assert close(back, windows.conv_transpose(y, w, image, geometry, bias_x))
        kernel = w.shape[1:3]
        assert close(winograd.conv_weight(x, y, kernel, geometry), windows.conv_weight(x, y, kernel, geometry))


def test_tiles_see_what_their_windows_see():
    """An output is NaN where its own window holds NaN, and nowhere else; so is a transposed convolution."""
    rng = np.random.default_rng(0)
    x, w, y = rng.standard_normal((1, 12, 12, 2)), rng.standard_normal((3, 4, 4, 2)), rng.standard_normal((1, 6, 6, 3))
    geometry = Geometry((2, 2), (1, 1))
    for i, j in ((0, 0), (5, 6), (11, 3)):
        x[0, i, j, 0] = np.nan
        ours, wanted = (f.conv(x, w, (6, 6), geometry) for f in (winograd, windows))
        assert np.array_equal(np.isnan(ours), np.isnan(wanted))
    for i, j in ((0, 0), (2, 3), (5, 1)):
        y[0, i, j, 0] = np.nan
        ours, wanted = (f.conv_transpose(y, w, (12, 12), geometry) for f in (winograd, windows))
        assert np.array_equal(np.isnan(ours), np.isnan(wanted))


def test_tiles_are_for_geometries_that_have_pairs():
    x, w, geometry = np.zeros((1, 8, 8, 64), "float32"), (64, 4, 4, 64), Geometry((2, 2), (1, 1))
    assert winograd.suits(x, w, (4, 4), geometry)
    assert not winograd.suits(x, w, (4, 5), geometry)
    assert not winograd.suits(x, (64, 3, 3, 64), (4, 4), geometry)
    assert not winograd.suits(x, (64, 4, 4, 32), (4, 4), geometry)
    assert not winograd.suits(x, w, (4, 4), geometry._replace(dilation=(1, 2)))
    assert not winograd.suits(x, w, (4, 4), geometry._replace(groups=2))
    assert not winograd.suits(x, w, (4, 4), geometry._replace(stride=(1, 2)))
    assert not winograd.suits(x, w, (512, 512), geometry)  # lifted it would take 590 MB


@pytest.mark.parametrize(
    ("kernels", "size"), [((1, 11, 11, 3), (100, 100)), ((64, 4, 4, 64), (128, 128)), ((48, 4, 4, 3), (64, 64))]
)
def test_a_large_image_needs_no_large_buffers(kernels, size):
    """Transposed convolution of one image: less than four times the memory of what it is given and makes."""
    rng = np.random.default_rng(0)
    y, w = rng.random((1, kernels[0], *size), "float32"), rng.random((kernels[0], kernels[3], *kernels[1:3]), "float32")
    y, w, bytes_seen = minigen.from_numpy(y), minigen.from_numpy(w), []

    def measure():  # in a thread, which begins without buffers
        tracemalloc.start()
        bytes_seen.append(F.conv_transpose2d(y, w, stride=2).array.nbytes)
        bytes_seen.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    thread = threading.Thread(target=measure)
    thread.start()
    thread.join()
    made, peak = bytes_seen
    assert peak - made <= 3 * (made + y.array.nbytes) + 2**23


@pytest.mark.parametrize("magnitude", [1.0, 1e4])
def test_tiles_round_as_little_as_windows(magnitude):
    """In float32 against float64: sums of two numbers more, so not much more."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 8, 8, 64)) + magnitude - 1, rng.standard_normal((64, 4, 4, 64))
    geometry, y = Geometry((2, 2), (1, 1)), rng.standard_normal((2, 4, 4, 64))
    short_x, short_w, short_y = (a.astype("float32") for a in (x, w, y))
    for name, long, short, size in (
        ("conv", (x, w), (short_x, short_w), (4, 4)),
        ("conv_weight", (x, y), (short_x, short_y), (4, 4)),
        ("conv_transpose", (y, w), (short_y, short_w), (8, 8)),
    ):
        exact = getattr(windows, name)(*long, size, geometry)
        ours, theirs = (np.abs(getattr(f, name)(*short, size, geometry) - exact).max() for f in (winograd, windows))
        assert ours <= 4 * theirs
