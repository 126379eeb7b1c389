"""What holds of a run on a GPU as a whole, shown on the stand-in for CuPy, and on CuPy itself where there is a GPU.

The same start and the same data as on the CPU; images that stay channels-last; batches that travel beside the
computing; no wait and no copy in a step but those that are meant; memory that does not grow; the same bits in every
run.  And what is said where a GPU cannot be used, in one sentence for each thing that can be missing.
"""

import contextlib
import gc
import importlib.util
import json
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import standin
from standin import streams
from test_devices import NEAR, STEP, assert_near, to_array
from test_models import batch_for, make

import minigen
from benchmarks import gpu, gpu_page, roofline
from benchmarks.placed import placed
from benchmarks.sides import flops_of
from benchmarks.workloads import WORKLOADS, step_case
from minigen import backend, cuda, models, nn
from minigen.cli import main
from minigen.data import DataLoader, TensorDataset
from minigen.data.ahead import to_device
from minigen.functional.conv import Conv2d, Conv2dWeight, ConvTranspose2d
from minigen.models.system import random_state_of
from minigen.modes import Observer, observing

ROOT = Path(__file__).parents[1]
IMAGE_NETS = {"W1": {"batch": 2, "size": 16}, "W6": {"batch": 2}}


@pytest.fixture
def compiled_device():
    """The stand-in with our own kernels."""
    if standin.compiled.COMPILER is None:
        pytest.skip(standin.compiled.WHY_NOT)
    with standin.installed(compiles=True) as name:
        yield name


# ---- the same run on every device ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", models.SYSTEMS)
def test_initial_weights_are_the_same_bits(name, device):
    weights = []
    for place in ("cpu", device):
        minigen.manual_seed(3)
        weights.append([to_array(p) for p in make(name).to(place).parameters()])
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


def test_the_order_of_the_data_is_the_same(device):
    order = []
    for place in ("cpu", device):
        minigen.manual_seed(3)
        loader = DataLoader(TensorDataset(minigen.arange(10)), batch_size=3, shuffle=True)
        order.append([to_array(x).tolist() for _ in range(2) for (x,) in loader.batches_on(place)])
    assert order[0] == order[1]


@pytest.mark.parametrize("name", models.SYSTEMS)
def test_a_step_in_float64_is_the_cpus(name, device):
    """Closer than any rounding that float32 would hide."""
    ends = []
    for place in ("cpu", device):
        minigen.manual_seed(0)
        system = make(name).to(dtype=minigen.float64)
        batch = [part.double() if part.is_floating_point() else part for part in batch_for(system)]
        system.to(place).train()
        if hasattr(system, "noise"):
            system.noise = lambda n, drawn=system.noise: drawn(n).double()
        with random_state_of(1):
            values = system.training_step([part.to(place) for part in batch])
        ends.append(({key: float(value) for key, value in values.items()}, [to_array(p) for p in system.parameters()]))
    for key, value in ends[0][0].items():
        assert ends[1][0][key] == pytest.approx(value, rel=NEAR, abs=NEAR)
    for i, (a, b) in enumerate(zip(ends[0][1], ends[1][1], strict=True)):
        assert_near(b, a, NEAR, f"parameter {i}")


def test_two_runs_on_the_device_are_the_same_bits(device):
    ends = []
    for _ in range(2):
        minigen.manual_seed(0)
        step = WORKLOADS["W1"](placed(minigen, device), batch=2, size=16)
        with capturing_parameters() as parameters:
            for _ in range(2):
                step()
        ends.append([to_array(p) for p in parameters])
    assert ends[0]
    assert all(np.array_equal(a, b) for a, b in zip(*ends, strict=True))


@contextlib.contextmanager
def capturing_parameters():
    """Whatever a backward inside fills the .grad of, in the order of the first time."""
    found = {}

    class Watch(Observer):
        def forward(self, call, inputs, output):
            found.update({id(x): x for x in inputs if isinstance(x, nn.Parameter)})

    parameters = []
    with observing(Watch()):
        yield parameters
    parameters += found.values()


# ---- layout ----------------------------------------------------------------------------------------------------------


class Layouts(Observer):
    """Notes the images that convolutions are given and that do not lie channels-last."""

    def __init__(self):
        self.seen, self.wrong = 0, []

    def forward(self, call, inputs, output):
        if isinstance(call, (Conv2d, ConvTranspose2d, Conv2dWeight)):
            for x in inputs:
                if not isinstance(x, nn.Parameter) and x.shape[1] > 1 and x.shape[2:] != (1, 1):
                    self.seen += 1
                    if not x.array.transpose(0, 2, 3, 1).flags.c_contiguous:
                        self.wrong.append((type(call).__name__, x.shape))


@pytest.mark.parametrize("name", IMAGE_NETS)
def test_images_stay_channels_last_through_a_training_step(name, device):
    """The data, which come as (N, C, H, W) in memory, are the only images that do not."""
    wrong = []
    for place in ("cpu", device):
        minigen.manual_seed(0)
        step = WORKLOADS[name](placed(minigen, place), **IMAGE_NETS[name])
        step()
        with observing(Layouts()) as layouts:
            step()
        assert layouts.seen > 10
        wrong.append(sorted(set(layouts.wrong)))
    assert wrong[1] == wrong[0], "on the CPU NumPy keeps these"
    assert all(shape[1] == 3 for _, shape in wrong[1]), wrong[1]


POINTWISE = {
    "a + b": lambda x: x + x,
    "a - 1": lambda x: x - 1,
    "2 * a": lambda x: 2 * x,
    "a / b": lambda x: x / (x + 9),
    "-a": lambda x: -x,
    "a ** 2": lambda x: x**2,
    "a > 0": lambda x: x > 0,
    "~(a > 0)": lambda x: ~(x > 0),
    "by channel": lambda x: x * minigen.ones(3, 1, 1).to(x.device),
    "of another channel order": lambda x: minigen.ones(1, 1, 1, 1).to(x.device) + x,
    "maximum": lambda x: minigen.maximum(x, x * 2),
    "exp": lambda x: x.exp(),
    "clamp": lambda x: x.clamp(-1, 1),
    "relu": nn.functional.relu,
    "leaky_relu": lambda x: nn.functional.leaky_relu(x, 0.2),
    "leaky_relu (slope 2)": lambda x: nn.functional.leaky_relu(x, 2.0),
    "tanh": nn.functional.tanh,
    "sigmoid": nn.functional.sigmoid,
    "softplus": nn.functional.softplus,
    "elu": nn.functional.elu,
    "gelu": nn.functional.gelu,
    "silu": nn.functional.silu,
    "hardswish": nn.functional.hardswish,
    "softsign": nn.functional.softsign,
    "dropout": nn.functional.dropout,
    "batch norm": lambda x: nn.functional.batch_norm(x, None, None, training=True),
    "bce_with_logits": lambda x: nn.functional.binary_cross_entropy_with_logits(x, x.sigmoid(), reduction="none"),
    "huber": lambda x: nn.functional.huber_loss(x, x * 2, reduction="none"),
    "max_pool2d": lambda x: nn.functional.max_pool2d(x, 2),
    "avg_pool2d": lambda x: nn.functional.avg_pool2d(x, 2),
}


@pytest.mark.parametrize("function", POINTWISE.values(), ids=POINTWISE.keys())
def test_what_follows_a_convolution_keeps_its_layout(function, device):
    """Forward, and the gradient that comes back."""
    x = minigen.randn(2, 4, 6, 3).to(device).permute(0, 3, 1, 2).detach().requires_grad_()
    y = function(x)
    assert y.array.transpose(0, 2, 3, 1).flags.c_contiguous
    if y.requires_grad:
        weights = minigen.randn(*[y.shape[i] for i in (0, 2, 3, 1)]).to(device).permute(0, 3, 1, 2)
        (gradient,) = minigen.grad(y, x, weights)
        assert gradient.array.transpose(0, 2, 3, 1).flags.c_contiguous


# ---- two layers in one call ------------------------------------------------------------------------------------------


def calls_of(net, x):
    class Names(Observer):
        def __init__(self):
            self.names = []

        def forward(self, call, inputs, output):
            self.names.append(type(call).__name__)

    with observing(Names()) as names:
        y = net(x)
    return y, names.names


def nets():
    return {
        "linear, relu": (nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2)), (3, 5), 1),
        "conv, leaky": (nn.Sequential(nn.Conv2d(3, 4, 3), nn.LeakyReLU(0.2)), (2, 3, 5, 5), 1),
        "transposed": (nn.Sequential(nn.ConvTranspose2d(3, 4, 3), nn.ReLU()), (2, 3, 5, 5), 1),
        "reflected": (nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), nn.ReLU()), (2, 3, 5, 5), 1),
        "no bias": (nn.Sequential(nn.Linear(5, 4, bias=False), nn.ReLU()), (3, 5), 0),
        "tanh": (nn.Sequential(nn.Linear(5, 4), nn.Tanh()), (3, 5), 0),
        "negative slope": (nn.Sequential(nn.Linear(5, 4), nn.LeakyReLU(-0.5)), (3, 5), 0),
        "one image": (nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), (3, 5, 5), 0),
        "rows of rows": (nn.Sequential(nn.Linear(5, 4), nn.ReLU()), (2, 3, 5), 0),
        "nothing in it": (nn.Sequential(nn.Linear(5, 4), nn.ReLU()), (0, 5), 1),
        "weight norm": (nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(5, 4)), nn.ReLU()), (3, 5), None),
    }


@pytest.mark.parametrize("name", nets())
def test_a_layer_and_its_rectifier_are_one_call_on_a_gpu_alone(name, compiled_device):
    results = []
    for place in ("cpu", compiled_device):
        minigen.manual_seed(0)
        net, shape, fused = nets()[name]
        net.to(place)
        x = minigen.randn(*shape).to(place).requires_grad_()
        y, names = calls_of(net, x)
        if fused is not None:
            assert names.count("BiasRectified") == (fused if place != "cpu" else 0)
        results.append([y, *minigen.grad((y * y).sum(), [x, *net.parameters()])])
    for expected, found in zip(*results, strict=True):
        assert_near(to_array(found), to_array(expected), STEP, name)


def test_hooks_keep_the_two_apart(compiled_device):
    for at in (0, 1):
        net, seen = nn.Sequential(nn.Linear(5, 4), nn.ReLU()).to(compiled_device), []
        net[at].register_forward_hook(lambda module, args, output, seen=seen: seen.append(output.shape))
        _, names = calls_of(net, minigen.ones(3, 5).to(compiled_device))
        assert seen == [(3, 4)]
        assert "BiasRectified" not in names


def test_a_bias_that_does_not_fit_is_refused_as_ever(compiled_device):
    net = nn.Sequential(nn.Linear(5, 4), nn.ReLU()).to(compiled_device)
    for wrong in (minigen.ones(3), minigen.ones(4).double()):
        net[0].bias = nn.Parameter(wrong.to(compiled_device))
        with pytest.raises((ValueError, TypeError), match="linear"):
            net(minigen.ones(2, 5).to(compiled_device))


# ---- waits and copies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", models.SYSTEMS)
def test_a_step_copies_noise_to_the_device_and_nothing_else(name, compiled_device):
    """Numbers in expressions are there already, and Adam's table of addresses is small."""
    system = make(name).to(compiled_device)
    batch = [part.to(compiled_device) for part in batch_for(system)]
    system.train()
    for _ in range(3):
        system.training_step(batch)
    standin.copies.clear()
    system.training_step(batch)
    drawn = ("creation.py", "noise.py", "kernels.py")
    strange = [place for _, place in standin.copies if not any(name in place for name in drawn)]
    assert not [place for place in strange if "operands.py" in place]
    assert sum(nbytes for nbytes, _ in standin.copies) <= sum(x.array.nbytes for x in batch) + 2**16


@pytest.mark.parametrize("value", [0.0, -0.0, 1, True, 0.5, float("inf"), float("nan")])
def test_a_number_arrives_as_it_is(value, device):
    """It is kept on the device by its text: 0.0 and -0.0, 1 and 1.0 and True are not the same."""
    for _ in range(2):
        for other in (0.0, -0.0, 1, 1.0, True):
            _ = minigen.ones(1).to(device) * other
        found = to_array(minigen.ones(1).to(device) * value)
        expected = minigen.ones(1) * value
        assert found.dtype == expected.dtype
        assert np.array_equal(found, expected.numpy(), equal_nan=True)
        assert np.signbit(found) == np.signbit(expected.numpy())


@pytest.mark.parametrize("name", models.SYSTEMS)
def test_cupy_itself_sees_no_wait_in_a_step(name):
    if not cuda.is_available():
        pytest.skip("no GPU that CuPy can use: the stand-in alone speaks for it")
    cupyx = pytest.importorskip("cupyx")
    system = make(name).to("cuda")
    batch = [part.to("cuda") for part in batch_for(system)]
    system.train()
    system.training_step(batch)
    with cupyx.allow_synchronize(False):
        system.training_step(batch)


def loader_of(count, **options):
    return DataLoader(TensorDataset(minigen.arange(2.0 * count).reshape(count, 2)), batch_size=2, **options)


def test_batches_travel_beside_the_computing():
    """A copy waits for what reads the memory that it may be given, and not for the step that is being computed."""
    with standin.installed() as place:
        batches = loader_of(12).batches_on(place)
        streams.history.clear()
        for number, (x,) in enumerate(batches):
            assert x.device == place
            assert to_array(x).ravel().tolist() == [4.0 * number + i for i in range(4)]
            streams.history.append(("step", number))
        history = list(streams.history)
    at = {entry: i for i, entry in enumerate(history)}
    copies = [i for i, entry in enumerate(history) if entry[0] == "copy"]
    recorded = {entry[2]: i for i, entry in enumerate(history) if entry[0] == "record"}
    assert len(copies) == 6
    for number, copied in enumerate(copies):
        assert history[copied][1] == "copying"
        waited = max(recorded.get(e[2], -1) for e in history[:copied] if e[:2] == ("wait", "copying"))
        if number >= 2:
            assert waited > at["step", number - 2], "the memory of older batches may still be read"
            assert waited < at["step", number - 1], "the copy would wait for the step before it"
        arrived = next(i for i, e in enumerate(history) if e[0] == "record" and e[1] == "copying" and i > copied)
        ready = next(i for i, e in enumerate(history) if e[:2] == ("wait", "computing") and i > arrived)
        assert history[ready][2] is history[arrived][2]
        assert ready < at["step", number], "the step would not wait for its batch"


def test_a_loop_that_is_left_frees_the_road():
    """Whoever copies next waits for all that was computed until then."""
    with standin.installed() as place:
        first = loader_of(8).batches_on(place)
        next(first)
        streams.history.clear()
        streams.history.append(("step", 0))
        first.close()
        next(loader_of(8).batches_on(place))
        events = [entry[2] for entry in streams.history if entry[0] == "record" and entry[1] == "computing"]
        waits = [entry[2] for entry in streams.history if entry[0] == "wait" and entry[1] == "copying"]
        assert waits[0] is events[0]
        assert streams.history.index(("record", "computing", events[0])) > streams.history.index(("step", 0))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_on_a_device_knows_where_it_stands(workers, device):
    loader = loader_of(10, shuffle=True, seed=1, num_workers=workers)
    expected = [to_array(x) for _ in range(2) for (x,) in loader]
    loader = loader_of(10, shuffle=True, seed=1, num_workers=workers)
    found = []
    for (x,) in loader.batches_on(device):
        found.append(to_array(x))
        if len(found) == 3:
            break
    state = loader.state_dict()
    assert state["position"] == 3
    again = loader_of(10, shuffle=True, seed=5, num_workers=workers)
    again.load_state_dict(state)
    for _ in range(2):
        found += [to_array(x) for (x,) in again.batches_on(device)]
    assert all(np.array_equal(a, b) for a, b in zip(expected, found[: len(expected)], strict=True))


def test_batches_of_all_kinds_move(device):
    moved = to_device({"images": minigen.ones(2), "names": ["a", "b"], "pair": (minigen.ones(1), 3)}, device)
    assert moved["images"].device == moved["pair"][0].device == device
    assert (moved["names"], moved["pair"][1]) == (["a", "b"], 3)


# ---- memory ----------------------------------------------------------------------------------------------------------


def bytes_in_use(place):
    """On the device: what the arrays of the stand-in hold, or CuPy's pool."""
    if place == "cuda":
        return cuda.memory_allocated()
    return sum(x._host.nbytes for x in gc.get_objects() if type(x) is standin.Array)


def steps_of(place, system, images):
    """Endless training steps: of a system, or of a small network with a layer of each kind, which is quicker."""
    loader = DataLoader(TensorDataset(images), batch_size=4, shuffle=True)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.LeakyReLU(0.2), nn.MaxPool2d(2), nn.BatchNorm2d(2), nn.Flatten()).to(
        place
    )
    adam = minigen.optim.Adam(net.parameters())
    system = None if system is None else make(system).to(place).train()
    while True:
        for (x,) in loader.batches_on(place):
            if system is not None:
                system.training_step([x])
            else:
                adam.zero_grad()
                (net(x) ** 2).mean().backward()
                adam.step()
            yield


@pytest.mark.parametrize(
    "system", [None, *(pytest.param(name, marks=pytest.mark.nightly) for name in ("dcgan", "wgan_gp", "vae"))]
)
@pytest.mark.parametrize("device", ["compiled", "cuda"], indirect=True)
def test_memory_is_flat_over_500_steps(system, device):
    """With the garbage collector off: what a step leaves behind then, it leaves for good."""
    images = minigen.rand(8, 1, 4, 4) if system is None else batch_for(make(system), 8)[0]
    held, steps = [], steps_of(device, system, images)
    gc.collect()
    gc.disable()
    try:
        for step in range(1, 501):
            next(steps)
            if step in (20, 500):
                held.append(bytes_in_use(device))
    finally:
        gc.enable()
    assert held[0] > 0
    assert held[1] <= held[0] + 1000


# ---- what is said where a GPU cannot be used ---------------------------------------------------------------------


class CUDARuntimeError(RuntimeError):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def fake_cupy(made_for=13000, offered=13000, cards=1, count_error=None, nvrtc=None, compiling=None, product=None):
    """As much of CuPy as is looked at, with one thing or the other wrong."""

    def fail_or(error, value):
        def call(*_):
            if error is not None:
                raise error
            return value

        return call

    class Array:
        __add__ = fail_or(compiling, None)
        __matmul__ = fail_or(product, None)

    runtime = types.SimpleNamespace(
        runtimeGetVersion=lambda: made_for,
        driverGetVersion=lambda: offered,
        getDeviceCount=fail_or(count_error, cards),
        getDeviceProperties=lambda i: {"name": b"NVIDIA Paper", "totalGlobalMem": 8 << 30, "major": 9, "minor": 0},
        CUDARuntimeError=CUDARuntimeError,
    )
    memory = types.SimpleNamespace(OutOfMemoryError=MemoryError)
    library = types.SimpleNamespace(getVersion=fail_or(nvrtc, (13, 0)))
    module = types.ModuleType("cupy")
    module.__spec__ = importlib.util.spec_from_loader("cupy", None)
    vars(module).update(
        __version__="14.2.0",
        cuda=types.SimpleNamespace(runtime=runtime, memory=memory, nvrtc=library),
        arange=lambda n: Array(),
        ones=lambda shape: Array(),
        ndarray=Array,
        asarray=None,
        asnumpy=None,
    )
    return module


def broken(status, text):
    return CUDARuntimeError(status, text)


CASES = {
    "CuPy missing": (None, r'needs CuPy, which is not installed: pip install "minigen\[cuda13\]"'),
    "CuPy broken": (ImportError("libcuda.so: too short\nmore"), r"cannot be imported \(libcuda.so: too short\): .*pip"),
    "no driver": ({"offered": 0}, "no NVIDIA driver was found on this machine"),
    "driver of CUDA 12": (
        {"offered": 12040},
        r'offers CUDA 12.4, but CuPy 14.2.0 was .* CUDA 13: .*"minigen\[cuda12\]"',
    ),
    "driver of CUDA 11": ({"offered": 11080}, "offers CUDA 11.8, .*: update the driver, or"),
    "driver too old": ({"count_error": broken(35, "insufficient driver")}, "the driver is too old for CuPy 14.2.0"),
    "no card": ({"count_error": broken(100, "no device")}, "the driver shows no GPU: .*CUDA_VISIBLE_DEVICES"),
    "none visible": ({"cards": 0}, "the driver shows no GPU"),
    "driver stuck": ({"count_error": broken(999, "unknown error")}, r"does not answer \(unknown error\): restart"),
    "no NVRTC": (
        {"nvrtc": RuntimeError("no libnvrtc.so.13")},
        r"NVRTC, .*\(no libnvrtc.so.13\): .*cupy-cuda13x\[ctk\]",
    ),
    "no headers": ({"compiling": RuntimeError("cuda_fp16.h")}, "headers.* cannot be used .*CUDA_PATH"),
    "no cuBLAS": ({"product": ImportError("libcublas.so.13")}, r"cuBLAS, .* cannot be used \(libcublas.so.13\)"),
    "memory full": ({"compiling": MemoryError("out of memory")}, "the GPU's memory is full"),
}


@pytest.fixture
def installed_cupy(monkeypatch):
    """Let this be the CuPy of this machine: a fake one, or none, or one that cannot be imported."""

    def install(what):
        monkeypatch.delitem(backend._backends, "cuda", raising=False)
        find = importlib.util.find_spec
        if what is None:
            monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "cupy" else find(name))
        elif isinstance(what, Exception):
            monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if name == "cupy" else find(name))
            monkeypatch.delitem(sys.modules, "cupy", raising=False)

            class Finder:
                @staticmethod
                def find_spec(name, path=None, target=None):
                    if name == "cupy":
                        raise what

            monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
        else:
            monkeypatch.setitem(sys.modules, "cupy", fake_cupy(**what))
        for name in ("_backends", "_by_type"):  # what is registered meanwhile is forgotten afterwards
            monkeypatch.setattr(backend, name, dict(getattr(backend, name)))

    return install


@pytest.mark.parametrize(("what", "sentence"), CASES.values(), ids=CASES.keys())
def test_what_is_missing_is_said_in_one_sentence(what, sentence, installed_cupy, capsys):
    installed_cupy(what)
    with pytest.raises(RuntimeError, match=sentence) as error:
        minigen.ones(2).to("cuda")
    said = str(error.value)
    assert said.startswith('device "cuda"')
    assert "\n" not in said
    assert said.endswith('or use device "cpu"') or "memory is full" in said or "driver is too old" in said
    assert not cuda.is_available()
    assert cuda.device_count() == 0
    assert main(["list", "--devices"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(said)
    assert main(["train", "vae", "--device", "cuda", "--steps", "1"]) == 2
    assert said in capsys.readouterr().err


def test_devices_are_listed(installed_cupy, capsys):
    installed_cupy({"cards": 2})
    assert main(["list", "--devices"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("  cpu     NumPy ")
    assert lines[2] == "  cuda    NVIDIA Paper, 8.0 GiB, compute capability 9.0"
    assert lines[3] == "  cuda:1  NVIDIA Paper, 8.0 GiB, compute capability 9.0"
    assert lines[4].strip() == "driver (CUDA) 13.0, CUDA runtime 13.0, NVRTC 13.0, CuPy 14.2.0"
    assert cuda.get_device_name(1) == "NVIDIA Paper"
    with pytest.raises(ValueError, match="there is no GPU number 2, there are 2"):
        cuda.get_device_name(2)


@pytest.mark.parametrize("function", [cuda.synchronize, cuda.get_device_name, cuda.memory_allocated, cuda.empty_cache])
def test_what_needs_a_gpu_says_so(function, installed_cupy):
    installed_cupy({"offered": 0})
    with pytest.raises(RuntimeError, match="no NVIDIA driver was found"):
        function()


def test_nothing_of_cupy_is_imported_without_being_asked():
    program = "import sys, minigen.models, minigen.cli, minigen.kernels; print([m for m in sys.modules if 'cup' in m])"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# ---- precision -------------------------------------------------------------------------------------------------------


def test_tf32_is_asked_for_by_pytorchs_name():
    assert minigen.get_float32_matmul_precision() == "highest"
    try:
        minigen.set_float32_matmul_precision("high")
        assert minigen.get_float32_matmul_precision() == "high"
    finally:
        minigen.set_float32_matmul_precision("highest")
    for wrong in ("medium", "low", None, 1):
        with pytest.raises(ValueError, match='precision is "highest" or "high"'):
            minigen.set_float32_matmul_precision(wrong)


def test_tf32_rounds_products_on_a_gpu_and_nowhere_else(device):
    a = minigen.rand(64, 64).to(device)
    exact = to_array(a @ a)
    try:
        minigen.set_float32_matmul_precision("high")
        rough = to_array(a @ a)
    finally:
        minigen.set_float32_matmul_precision("highest")
    assert np.array_equal(to_array(a @ a), exact)
    error = np.abs(rough - exact).max() / exact.max()
    assert error == 0 if device != "cuda" else error < 5e-3


# ---- the benchmark ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beside_torch", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_the_benchmark_runs_to_its_end(beside_torch, compiled_device, monkeypatch, capsys, tmp_path):
    """In tiny sizes, on the stand-in: a misspelt name would be found here, and not on the day when there is a GPU."""
    before = gpu_page.PAGE.read_bytes()
    monkeypatch.setattr(gpu, "STEPS", [gpu.STEPS[0], gpu.STEPS[2]] if not beside_torch else gpu.STEPS)
    if not beside_torch:
        monkeypatch.setattr(gpu, "torch_side", lambda device: None)
    monkeypatch.setattr(gpu, "SMOKE_FAMILIES", ("softmax",))
    gpu.main(["--smoke", "--device", compiled_device, "--json", str(tmp_path / "figures.json")])
    printed = capsys.readouterr().out
    for name, *_ in gpu.STEPS:
        assert name in printed
    assert gpu_page.PAGE.read_bytes() == before
    assert minigen.get_float32_matmul_precision() == "highest"
    figures = json.loads((tmp_path / "figures.json").read_text())
    page = gpu_page.render(before.decode(), figures)
    assert page.startswith("Measured on no card; Python ")
    assert "| DCGAN 64x64, batch 128 | float32 |" in page
    assert "No GPU" not in page.splitlines()[0]
    assert gpu_page.render(page, figures) == page


def test_the_page_says_what_was_reached():
    times = {"minigen": {"median_ms": 3.0}, "torch": {"median_ms": 2.0}}
    step = {"name": "one", "float32": times, "TF32": times, "calls": [(10, 10)], "waits": "no", "memory_mb": {}}
    card = {"copy bytes a second": 1e4, "float32 flops a second": 1e4, "TF32 flops a second": 1e5}
    table = gpu_page.steps_table({"card": card, "steps": [step]})
    assert "| one | float32 | 3.00 | 2.00 | 1.50 | 1.00 | 3.0 | 2.0 | no |" in table
    assert "1.50, the bar is met." in table
    times["minigen"]["median_ms"] = 4.1
    assert "2.05, missed." in gpu_page.steps_table({"card": card, "steps": [step]})


def test_without_a_gpu_the_benchmark_says_one_sentence_and_writes_nothing(installed_cupy):
    before = gpu_page.PAGE.read_bytes()
    installed_cupy({"offered": 0})
    for argv in ([], ["--check"]):
        with pytest.raises(SystemExit) as error:
            gpu.main(argv)
        assert str(error.value).startswith('benchmarks.gpu: device "cuda": no NVIDIA driver was found')
    with pytest.raises(SystemExit, match="only with --smoke"):
        gpu.main(["--device", "cpu"])
    assert gpu_page.PAGE.read_bytes() == before


def test_the_page_claims_nothing_without_a_gpu():
    """Either figures of a card, or the sentence that there was none and no figure."""
    page = gpu_page.PAGE.read_text()
    measured = page.splitlines()[0].startswith("Measured on ")
    assert measured or page.splitlines()[0].startswith("No GPU could be had")
    assert measured == (" ms |" in page)


@pytest.mark.parametrize(("name", "options"), [("W1", {"batch": 2, "size": 16}), ("W4", {"batch": 4})])
def test_the_floor_counts_the_products_that_are_done(name, options):
    """FLOPs of the counted calls are those of PyTorch's counter, which `make bench` uses."""
    minigen.manual_seed(0)
    step = WORKLOADS[name](minigen, **options)
    flops = sum(f for f, _ in roofline.count(step))
    torch = pytest.importorskip("torch", reason="torch is not installed: no second opinion")
    assert flops == flops_of(step_case(torch, name, **options))
