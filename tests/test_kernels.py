"""Our own kernels for a GPU, without a GPU: their source is compiled for the CPU and held to its NumPy twins.

Numbers over drawn geometries, in both precisions; memory around the arrays, which no kernel may read or write; threads
in the opposite order, which must not matter; NVIDIA's compiler, where there is one; and the count of launches and
passes that the docstring of `minigen.kernels` gives as the reason for each.
"""

import importlib.util
import math
import re
import shutil
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest
import standin
from hypothesis import given
from hypothesis import strategies as st
from standin import compiled

import minigen
from benchmarks.placed import placed
from benchmarks.workloads import WORKLOADS
from minigen import Tensor, kernels, nn
from minigen.functional import norm, pool, windows
from minigen.functional.rectified import BiasRectified
from minigen.functional.windows import Geometry, output_length
from minigen.optim import SGD, Adam, AdamW

pytestmark = pytest.mark.skipif(compiled.COMPILER is None, reason=compiled.WHY_NOT)

NEAR = {np.dtype("f4"): 2e-6, np.dtype("f8"): 1e-14}
xp = standin.module


@pytest.fixture(scope="module", autouse=True)
def device():
    with standin.installed(compiles=True) as name:
        yield name


# ---- arrays in guarded memory ----------------------------------------------------------------------------------------

GUARD = 64  # numbers before and after every array
SEAL = -12345.0


def guarded(values, order=None, around=np.nan):
    """An array of the device with a number (or 255) around it in memory, its axes there in the given order."""
    values = np.asarray(values)
    order = tuple(range(values.ndim)) if order is None else order
    whole = np.full(values.size + 2 * GUARD, around if values.dtype.kind == "f" else 255, values.dtype)
    inside = whole[GUARD : GUARD + values.size].reshape([values.shape[axis] for axis in order])
    array = inside.transpose(np.argsort(order))
    array[...] = values
    return standin.Array(array), whole


def to_fill(shape, dtype):
    """Memory for a result: NaN where it goes, and around it a number that no kernel makes, also not of NaN."""
    values = np.zeros(shape, dtype)
    values.fill(np.nan if values.dtype.kind == "f" else 255)
    return guarded(values, around=SEAL)


def untouched(whole):
    edges = np.concatenate([whole[:GUARD], whole[-GUARD:]])
    return bool((edges == (SEAL if whole.dtype.kind == "f" else 255)).all())


@pytest.fixture
def outputs(monkeypatch):
    """Whatever kernels allocate lies in guarded memory, filled with NaN, and is looked at when the test ends."""
    kept = []

    def empty(shape, dtype=float):
        array, whole = to_fill(shape, dtype)
        kept.append(whole)
        return array

    monkeypatch.setattr(xp, "empty", empty)
    monkeypatch.setattr(xp, "empty_like", lambda x: empty(x.shape, x.dtype))
    yield kept
    assert kept
    assert all(untouched(whole) for whole in kept), "a kernel wrote beside its array"


def both_orders(function):
    """Call twice, with the threads one way and then the other; the results must be the same bits."""
    results = []
    for backwards in (False, True):
        compiled.reversed_order[0] = backwards
        try:
            results.append([a.get() for a in function()])
        finally:
            compiled.reversed_order[0] = False
    for a, b in zip(*results, strict=True):
        assert np.array_equal(a, b, equal_nan=True), "the order of the threads matters"
    return results[0]


def assert_near(found, expected, dtype):
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    scale = max(float(np.abs(expected).max(initial=0)), 1e-3)
    assert float(np.abs(found - expected).max(initial=0)) <= NEAR[np.dtype(dtype)] * scale


# ---- windows ---------------------------------------------------------------------------------------------------------


@st.composite
def geometries(draw, groups=True):
    """Shape of the images, kernel, size of the output, geometry; in one case of four an output that sees too far."""
    pair = lambda low, high: (draw(st.integers(low, high)), draw(st.integers(low, high)))  # noqa: E731
    kernel, stride, padding, dilation = pair(1, 4), pair(1, 3), pair(0, 2), pair(1, 2)
    image = tuple(d * (k - 1) + 1 + draw(st.integers(0, 6)) for k, d in zip(kernel, dilation))
    size = tuple(output_length(*axis) for axis in zip(image, kernel, stride, padding, dilation))
    if draw(st.integers(0, 3)) == 0:
        size = (size[0] + 1, size[1])  # as padding="same" and ceil_mode ask for
    group = draw(st.sampled_from([1, 1, 2])) if groups else 1
    shape = (draw(st.integers(1, 3)), *image, group * draw(st.integers(1, 5)))
    return shape, kernel, size, Geometry(stride, padding, dilation, group), draw(st.integers(0, 2**16))


def drawn(shape, seed, dtype):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


ORDERS = [(0, 1, 2, 3), (0, 3, 1, 2), (3, 0, 1, 2)]
both_types = pytest.mark.parametrize("dtype", ["f4", "f8"])


@both_types
@given(case=geometries())
def test_im2col_equals_its_twin(dtype, case):
    shape, kernel, size, geometry, seed = case
    values = drawn(shape, seed, dtype)
    x, _ = guarded(values, ORDERS[seed % 3])
    expected = windows.im2col(values, kernel, size, geometry)

    def run():
        out, whole = to_fill(expected.shape, dtype)
        kernels.im2col(x, kernel, size, geometry, out=out)
        assert untouched(whole)
        return [out]

    assert np.array_equal(both_orders(run)[0], expected)


@both_types
@given(case=geometries(groups=False))
def test_col2im_equals_its_twin_bit_for_bit(dtype, case):
    """It gathers in the order of the taps, in which the twin scatters."""
    shape, kernel, size, geometry, seed = case
    parts = drawn((shape[0], *size, math.prod(kernel), shape[3]), seed, dtype)
    expected = np.empty(shape, dtype)

    def write(tap, part):
        part[...] = parts[:, :, :, tap]

    windows.untap(write, kernel, size, geometry, out=expected)
    cols, _ = guarded(parts.reshape(-1, math.prod(kernel) * shape[3]))

    def run():
        out, whole = to_fill(shape, dtype)
        kernels.col2im(cols, kernel, size, geometry, out=out)
        assert untouched(whole)
        return [out]

    assert np.array_equal(both_orders(run)[0], expected)


def with_ties_and_nan(shape, seed, dtype):
    """Whole numbers, so that maxima are shared; sometimes NaN and infinities."""
    rng = np.random.default_rng(seed)
    values = rng.integers(-2, 3, shape).astype(dtype)
    if seed % 2:
        values[rng.random(shape) < 0.1] = np.nan
        values[rng.random(shape) < 0.1] = -np.inf
    return values


def pooling(shape, kernel, size, geometry):
    call = pool.MaxPool2d()
    vars(call).update(kernel=kernel, size=size, image=shape[1:3], geometry=geometry)
    return call


@both_types
@given(case=geometries(groups=False))
def test_max_pooling_equals_its_twin_bit_for_bit(dtype, case):
    shape, kernel, size, geometry, seed = case
    call, values = pooling(shape, kernel, size, geometry), with_ties_and_nan(shape, seed, dtype)
    x, _ = guarded(values, ORDERS[seed % 3])
    y = call.forward(values.transpose(0, 3, 1, 2))
    first = call.taps_of_maxima(values.transpose(0, 3, 1, 2), y)
    assert np.array_equal(
        both_orders(lambda: [kernels.max_pool(x, kernel, size, geometry)])[0].transpose(0, 3, 1, 2), y, equal_nan=True
    )
    assert np.array_equal(both_orders(lambda: [kernels.first_maxima(x, kernel, size, geometry)])[0], first)

    grad = drawn(first.shape, seed, dtype)
    put = pool.PutAtMaxima()
    vars(put).update(vars(call), where=first)
    expected = put.forward(grad.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    given_grad, given_first = guarded(grad)[0], guarded(first)[0]
    found = both_orders(lambda: [kernels.put_at_maxima(given_grad, given_first, shape[1:3], kernel, geometry)])
    assert np.array_equal(found[0], expected)


def test_pooling_writes_to_its_own_memory_alone(outputs):
    for shape in ((2, 7, 5, 3), (1, 1, 1, 1), (3, 8, 8, 65)):
        kernel = (min(3, shape[1]), min(2, shape[2]))
        geometry = Geometry((2, 1), (kernel[0] // 2, 0))
        size = tuple(output_length(*axis) for axis in zip(shape[1:3], kernel, *geometry[:3]))
        x, _ = guarded(drawn(shape, 0, "f4"))
        first = kernels.first_maxima(x, kernel, size, geometry)
        kernels.put_at_maxima(kernels.max_pool(x, kernel, size, geometry), first, shape[1:3], kernel, geometry)


@pytest.mark.parametrize(
    ("image", "kernel", "padding", "copies"), [(5, 1, 0, 0), (4, 4, 0, 0), (5, 4, 0, 1), (5, 1, 1, 1), (4, 4, 1, 1)]
)
def test_windows_that_lie_ready_are_not_copied(image, kernel, padding, copies, device):
    x = minigen.randn(2, image, image, 3).permute(0, 3, 1, 2)
    layer = nn.Conv2d(3, 4, kernel, padding=padding)
    expected = layer(x).detach().numpy()
    x = x.to(device)
    layer.to(device)
    standin.launches.clear()
    found = layer(x)
    assert [name for name, _ in standin.launches].count("im2col") == copies
    assert_near(found.detach().cpu().numpy(), expected, "f4")


# ---- channels --------------------------------------------------------------------------------------------------------

ROWS = [(1, 1), (2, 3), (7, 5), (300, 64), (1000, 3), (70_000, 3), (5000, 130)]
every_shape = pytest.mark.parametrize("shape", ROWS, ids=str)


def cut(monkeypatch, seed):
    """Let there be few threads, so that each has many rows, and parts that do not come out even."""
    monkeypatch.setattr(kernels, "_PARTS", [2**18, 1000, 700][seed % 3])
    monkeypatch.setattr(kernels, "_FEW", [64, 5, 2][seed % 3])


@both_types
@every_shape
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_moments_equal_their_twin(dtype, shape, seed, monkeypatch, outputs):
    """Also far from 0, where a sum of squares would have no digits left."""
    cut(monkeypatch, seed)
    values = drawn(shape, seed, dtype) + np.linspace(-100, 100, shape[1], dtype=dtype)
    rows, _ = guarded(values)
    exact = values.astype("f8")
    momentum, before = 0.1, drawn((2, shape[1]), 3, dtype)
    running = [guarded(v)[0] for v in before]

    def run():
        for average, v in zip(running, before):
            average._host[...] = v
        return [*kernels.moments(rows, running, momentum), *running]

    mean, var, *averages = both_orders(run)
    scale = 1 + np.abs(exact).max(axis=0)
    assert (np.abs(mean - exact.mean(axis=0)) <= 4 * NEAR[np.dtype(dtype)] * scale).all()
    assert (np.abs(var - exact.var(axis=0)) <= 1e3 * NEAR[np.dtype(dtype)] * (1e-3 + exact.var(axis=0))).all()
    unbiased = var * shape[0] / max(shape[0] - 1, 1)
    for average, v, new in zip(averages, before, (mean, unbiased), strict=True):
        assert_near(average, v + momentum * (new - v), dtype)


def test_an_outlier_at_the_start_costs_no_digits():
    """A mean that is guessed from the first number, and squares around it, would be off by half."""
    values = (100 + 0.1 * np.random.default_rng(0).standard_normal((200_000, 1))).astype("f4")
    values[0] = -1000
    _, var = kernels.moments(guarded(values)[0], [], 0.0)
    assert var.get()[0] == pytest.approx(values.astype("f8").var(), rel=1e-4)


@both_types
@every_shape
@pytest.mark.parametrize("needs_x", [True, False])
def test_batch_norm_equals_its_twin(dtype, shape, needs_x, monkeypatch, outputs):
    cut(monkeypatch, shape[0])
    eps, channels = 1e-5, shape[1]
    x, grad = (3 * drawn(shape, seed, dtype) + 1 for seed in (0, 1))
    weight, bias = drawn((2, channels), 2, dtype)
    mean, var = x.mean(axis=0), x.var(axis=0)
    twin = norm.BatchNorm()
    vars(twin).update(mean=mean, var=var, eps=eps, needs_input_grad=(needs_x, True, True))
    twin.inputs = [SimpleNamespace(array=a) for a in (x, weight, bias)]
    expected = twin.forward(x, weight, bias)
    rows, grads, *of_channels = (guarded(a)[0] for a in (x, grad, mean, var, weight, bias))
    (found,) = both_orders(lambda: [kernels.normalise(rows, *of_channels, eps)])
    assert_near(found, expected, dtype)
    wanted = twin.backward_arrays(grad)

    def backward():
        gradients = kernels.normalise_backward(rows, grads, *of_channels[:3], eps, needs_x)
        return [g for g in gradients if g is not None]

    found = both_orders(backward)
    assert len(found) == 2 + needs_x
    for a, b in zip(found, [g for g in wanted if g is not None], strict=True):
        scale = np.abs(grad).sum() / channels if b.ndim == 1 else 1.0  # sums that cancel
        assert np.abs(a - b).max(initial=0) <= 10 * NEAR[np.dtype(dtype)] * max(scale, np.abs(b).max())


@both_types
@every_shape
@pytest.mark.parametrize("slope", [0.0, 0.2, 1.0, 3.0])
def test_bias_and_rectifier_equal_their_twin_bit_for_bit(dtype, shape, slope, monkeypatch, outputs):
    cut(monkeypatch, shape[1])
    values, bias = drawn(shape, 0, dtype), drawn(shape[1], 1, dtype)
    values[0, 0] = np.nan
    values[-1, -1] = -np.inf
    twin = BiasRectified()
    twin.slope = slope
    rows, added = guarded(values)[0], guarded(bias)[0]
    with np.errstate(invalid="ignore"):
        expected = twin.forward(values, bias)
    if slope == 0:
        expected = np.maximum(values + bias, 0)  # minus infinity times 0 is 0 in the kernel, as in relu
    (found,) = both_orders(lambda: [kernels.add_bias(rows, added, slope)])
    assert np.array_equal(found, expected, equal_nan=True)


# ---- Adam ------------------------------------------------------------------------------------------------------------

OPTIONS = [
    (Adam, {}),
    (Adam, {"weight_decay": 0.1, "amsgrad": True}),
    (Adam, {"maximize": True, "betas": (0.5, 0.9)}),
    (AdamW, {"weight_decay": 0.1, "eps": 1e-3}),
    (SGD, {}),
    (SGD, {"momentum": 0.9, "weight_decay": 0.1}),
    (SGD, {"momentum": 0.9, "dampening": 0.3, "maximize": True}),
    (SGD, {"momentum": 0.9, "nesterov": True}),
]
SHAPES = [(3,), (1,), (5000,), (4097,), (2, 3, 4, 5), (64, 65)]


@pytest.mark.parametrize(("kind", "options"), OPTIONS, ids=str)
@both_types
def test_optimisers_equal_their_twins_in_one_launch(kind, options, dtype, device):
    """Also for parameters that had no gradient once, for layouts of all kinds, and when gradients move."""
    name = "sgd" if kind is SGD else "adam"

    def parameters(place):
        rng = np.random.default_rng(0)
        arrays = [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]
        arrays[4] = arrays[4].transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)
        return [Tensor(a).to(place).requires_grad_() for a in arrays]

    ends = []
    for place in ("cpu", device):
        weights, rng = parameters(place), np.random.default_rng(1)
        optimizer = kind(weights, lr=0.01, **options)
        for step in range(4):
            for i, w in enumerate(weights):
                drawn = rng.standard_normal(w.shape).astype(dtype)
                w.grad = None if (i, step) in ((1, 2), (2, 0)) else Tensor(drawn).to(place)
            standin.launches.clear()
            optimizer.step()
            names = [launched for launched, _ in standin.launches if launched not in ("setitem", "zeros_like")]
            differ = {"adam": [1, 2, 2, 2], "sgd": [1, 2, 1, 1]}[name][step]  # counts of steps; first gradients
            assert names == ([] if place == "cpu" else [name] * (differ if options or kind is Adam else 1))
        ends.append([w.detach().cpu().numpy() for w in weights])
    for a, b in zip(*ends, strict=True):
        assert_near(b, a, dtype)


def test_adam_tells_the_device_once_where_everything_lies(device):
    weights = [minigen.ones(5, requires_grad=True), minigen.ones(3, 2, requires_grad=True)]
    weights = [w.detach().to(device).requires_grad_() for w in weights]
    optimizer = Adam(weights)
    for w in weights:
        w.grad = w.detach() * 2
    optimizer.step()
    standin.copies.clear()
    optimizer.step()
    assert standin.copies == []
    weights[0].grad = weights[0].detach() * 3  # elsewhere in memory
    standin.copies.clear()
    optimizer.step()
    assert [number for number, _ in standin.copies] == [2 * 5 * 8]  # two parameters, five addresses of each


def test_a_parameter_with_gaps_goes_by_itself(device):
    gapped = Tensor(minigen.ones(6).to(device).array[::2]).requires_grad_()
    dense = minigen.ones(3).to(device).requires_grad_()
    for w in (gapped, dense):
        w.grad = w.detach() * 2
    Adam([gapped, dense], lr=0.5).step()
    assert gapped.cpu().tolist() == dense.cpu().tolist() == [0.5] * 3


# ---- what the stand-in for a launch refuses --------------------------------------------------------------------------


def test_launches_are_checked():
    code = 'extern "C" {\n__global__ void f(const Real* x, int n, Real s)\n{\n    (void)x; (void)n; (void)s;\n}\n}'
    f = compiled.RawModule(code, options=("-DReal=float",)).get_function("f")
    x, n, s = xp.zeros(3, np.float32), np.int32(3), np.float32(1)
    f((1,), (32,), (x, n, s))
    for wrong, message in [
        ((x, 3, s), "argument 1 .int n. must be int32, not int"),
        ((x, np.int64(3), s), "must be int32, not int64"),
        ((x, n, 1.0), "argument 2 .Real s. must be float32, not float"),
        ((xp.zeros(3), n, s), "argument 0 .Real. x. must be float32, not float64"),
        ((np.zeros(3, np.float32), n, s), "argument 0"),
        ((x, n), "takes 3 arguments, not 2"),
    ]:
        with pytest.raises(TypeError, match=message):
            f((1,), (32,), wrong)
    for grid, block in [((1,), (1025,)), ((0,), (1,)), ((1, 65536), (1,))]:
        with pytest.raises(RuntimeError, match="are possible"):
            f(grid, block, (x, n, s))


def test_a_faulty_kernel_is_not_compiled():
    with pytest.raises(RuntimeError, match="the kernels do not compile"):
        compiled.RawModule('extern "C" {\n__global__ void f(int n)\n{\n    m = n;\n}\n}').get_function("f")


def test_threads_that_meddle_with_each_other_are_seen():
    code = 'extern "C" {\n__global__ void f(Real* x, int n)\n{\n    x[0] = threadIdx.x + n;\n}\n}'
    f, x = compiled.RawModule(code, options=("-DReal=float",)).get_function("f"), xp.zeros(1, np.float32)

    def run():
        f((1,), (8,), (x, np.int32(0)))
        return [x]

    with pytest.raises(AssertionError, match="the order of the threads matters"):
        both_orders(run)


# ---- NVIDIA's compiler -----------------------------------------------------------------------------------------------

CARDS = [pytest.param("80", marks=pytest.mark.nightly), "90"]  # A100, H100


@pytest.mark.parametrize("card", CARDS)
@both_types
def test_nvidias_compiler_takes_the_source(dtype, card, tmp_path):
    """NVRTC, where CuPy is installed, as on a GPU; else nvcc, where there is one.  Neither needs a GPU."""
    options = kernels.options(np.dtype(dtype))
    if importlib.util.find_spec("cupy"):
        nvrtc = importlib.import_module("cupy.cuda").nvrtc
        program = nvrtc.createProgram(kernels.SOURCE, "kernels.cu", (), ())
        try:
            nvrtc.compileProgram(program, (*options, f"--gpu-architecture=sm_{card}", "--std=c++17"))
        except nvrtc.NVRTCError:
            pytest.fail(nvrtc.getProgramLog(program))
        assert len(nvrtc.getCUBIN(program)) > 1000
    elif nvcc := shutil.which("nvcc"):
        without_names = "#undef INFINITY\n#undef NAN\n"  # NVRTC knows none of the C library's, nvcc does
        (tmp_path / "kernels.cu").write_text(without_names + kernels.SOURCE)
        command = [nvcc, "-cubin", f"-arch=sm_{card}", *options, "-Werror", "all-warnings", "kernels.cu"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    else:
        pytest.skip("neither CuPy (with NVRTC) nor nvcc is installed: nobody here compiles for a GPU")


# ---- the count -------------------------------------------------------------------------------------------------------

IMAGES = (32, 64, 32, 32)


def counted(function):
    """How many launches, and how many bytes go in and out."""
    standin.launches.clear()
    function()
    return len(standin.launches), sum(number for _, number in standin.launches)


def cases():
    """{kernel: what to count}, on images (N, C, H, W) that lie channels last."""
    n, channels, height, width = IMAGES
    rng = np.random.default_rng(0)
    image = lambda *shape: xp.asarray(rng.standard_normal(shape, np.float32))  # noqa: E731
    x, geometry, size = image(n, height, width, channels), Geometry((2, 2), (1, 1)), (height // 2, width // 2)
    shown = x.transpose(0, 3, 1, 2)
    y, w = image(n, *size, 2 * channels), image(2 * channels, 4, 4, channels)
    halves = pooling((n, height, width, channels), (2, 2), size, Geometry((2, 2)))
    put = pool.PutAtMaxima()
    vars(put).update(vars(halves), where=xp.asarray(rng.integers(0, 4, (n, *size, channels)).astype(np.uint8)))
    largest = halves.forward(shown)
    weight, bias, grad = image(channels), image(channels), image(*x.shape).transpose(0, 3, 1, 2)
    mean_and_var = norm._statistics(shown)
    call = norm.BatchNorm()
    vars(call).update(mean=mean_and_var[0], var=mean_and_var[1], eps=1e-5, needs_input_grad=(True, True, True))
    call.inputs = [SimpleNamespace(array=a) for a in (shown, weight, bias)]
    rectified = BiasRectified()
    rectified.slope = 0.2
    net = nn.Sequential(*[nn.Linear(300, 300) for _ in range(7)]).to("standin")
    adam = Adam(net.parameters())
    for p in net.parameters():
        p.grad = p.detach() * 2
    sgd = SGD(net.parameters(), lr=0.1, momentum=0.9)
    adam.step(), sgd.step()
    running = [Tensor(a) for a in image(2, channels)]
    statistics = (shown, *running, 0.1, n * height * width)

    def forward():
        call.inv_std = None
        call.forward(shown, weight, bias)

    return {
        "im2col": (lambda: windows.im2col(x, (4, 4), size, geometry), x),
        "col2im": (lambda: windows.conv_transpose(y, w, (height, width), geometry), x),
        "max_pool": (lambda: halves.forward(shown), x),
        "first_maxima": (lambda: halves.taps_of_maxima(shown, largest), x),
        "put_at_maxima": (lambda: put.forward(largest), x),
        "moments": (lambda: norm._learn_statistics(*statistics), x),
        "normalise": (forward, x),
        "normalise_backward": (lambda: call.backward_arrays(grad), x),
        "add_bias": (lambda: rectified.forward(shown, bias), x),
        "adam": (adam.step, np.empty(sum(p.numel() for p in net.parameters()), np.float32)),
        "sgd": (sgd.step, np.empty(sum(p.numel() for p in net.parameters()), np.float32)),
    }


def table():
    """{kernel: launches and passes of the twin, launches and passes with the kernel}."""
    found = {}
    for compiles in (False, True):
        with standin.installed(compiles=compiles):
            for name, (function, x) in cases().items():
                launches, number = counted(function)
                found.setdefault(name, []).extend([launches, round(number / x.nbytes, 1)])
    # Addresses do not say how much lies there: p, g, m and v are read, p, m and v written; without v two fewer.
    found["adam"][3], found["sgd"][3] = 7.0, 5.0
    return found


#: Launches of a training step, at most; where a change needs fewer, or more for a good reason, write it here.
LAUNCHES = {"W1": 424, "W4": 78, "W6": 529}


@pytest.mark.parametrize("name", LAUNCHES)
def test_a_step_takes_no_more_launches_than_recorded(name, device):
    """What docs/gpu.md says of these steps."""
    step = WORKLOADS[name](placed(minigen, device), **({"batch": 4} if name == "W4" else {"batch": 2}))
    step(), step()
    launches, _ = counted(step)
    assert 0.95 * LAUNCHES[name] <= launches <= LAUNCHES[name]


def test_the_reason_for_each_kernel_is_true():
    lines = re.findall(r"^(\w+) +\S.*?  +(\d+) +([\d.]+) +(\d+) +([\d.]+)$", kernels.__doc__, flags=re.MULTILINE)
    said = {name: [int(a), float(b), int(c), float(d)] for name, a, b, c, d in lines}
    found = table()
    assert said == found
    assert all(after < before for name, (_, before, _, after) in found.items())
