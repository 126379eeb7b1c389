"""Everything above the functions on another device than the CPU: layers, optimizers, loading, training.

The device is the strict stand-in for CuPy, and CuPy where there is a GPU; functions are tried on both in
test_functions.py.  On the stand-in, waits of the host for the device are counted, too: a training step has none.
"""

import numpy as np
import pytest
import standin
from table.layers import CASES
from table.row import Draw
from test_models import batch_for, make, snapshot

import minigen
from minigen import Tensor, grad, models, nn, optim
from minigen.data import DataLoader, TensorDataset
from minigen.models.system import random_state_of
from minigen.training import Trainer

NEAR = 1e-9  # float64, between two array libraries
STEP = 3e-3  # float32, a whole training step


def to_array(x):
    return x.detach().cpu().numpy()


def assert_near(actual, expected, tolerance, what):
    """Near, seen from the largest number; where all are 0 but for rounding (a bias before batch norm), near 0."""
    error = np.abs(actual - expected).max(initial=0) / max(np.abs(expected).max(initial=0), 1e-3)
    assert actual.shape == expected.shape
    assert error <= tolerance or np.array_equal(actual, expected), f"{what}: off by {error:.1e}"


@pytest.mark.parametrize("case", [c for c in CASES if c.inputs], ids=lambda case: case.name)
def test_every_layer_agrees(case, device):
    """Values in training and in evaluation, gradients of inputs and parameters, and what the layer remembers."""
    results = []
    for place in ("cpu", device):
        minigen.manual_seed(0)
        layer = case.make(nn).to(dtype=minigen.float64, device=place)
        inputs = [Tensor(a).to(place) for a in case.inputs(Draw())]
        for x in inputs:
            x.requires_grad_(x.dtype.kind == "f")
        trained = layer(*inputs)
        first = trained[0] if isinstance(trained, tuple) else trained
        assert first.device == place
        leaves = [x for x in (*inputs, *layer.parameters()) if x.requires_grad]
        found = grad((first * first).sum(), leaves, allow_unused=True) if first.requires_grad else ()
        layer.eval()
        evaluated = layer(*inputs)
        values = [trained, evaluated] if not isinstance(trained, tuple) else [*trained, *evaluated]
        results.append([None if x is None else to_array(x) for x in (*values, *found, *layer.buffers())])
    for i, (expected, actual) in enumerate(zip(*results, strict=True)):
        assert (expected is None) == (actual is None)
        if expected is not None:
            assert_near(actual, expected, NEAR, f"{case.name}, number {i}")


OPTIMIZERS = [
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    (optim.Adam, {"lr": 0.1, "weight_decay": 0.01, "amsgrad": True}),
    (optim.AdamW, {"lr": 0.1}),
    (optim.RMSprop, {"lr": 0.1, "momentum": 0.9, "centered": True}),
    (optim.Adagrad, {"lr": 0.1, "lr_decay": 0.1}),
    (optim.Adadelta, {"weight_decay": 0.01}),
]


def test_every_optimizer_is_tried():
    assert {kind for kind, _ in OPTIMIZERS} == {getattr(optim, n) for n in optim.__all__} - {
        optim.Optimizer,
        optim.lr_scheduler,
        optim.swa_utils,
    }


@pytest.mark.parametrize(("kind", "options"), OPTIMIZERS, ids=lambda x: getattr(x, "__name__", ""))
def test_every_optimizer_agrees_and_waits_for_nothing(kind, options, device):
    results = []
    for place in ("cpu", device):
        minigen.manual_seed(0)
        convolution = nn.Conv2d(2, 3, 3, bias=False)  # a bias before batch norm has a gradient of rounding alone
        net = nn.Sequential(convolution, nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2)).to(place)
        x = minigen.randn(4, 2, 4, 4).to(place)
        optimizer = kind(net.parameters(), **options)
        standin.waits.clear()
        for _ in range(3):
            optimizer.zero_grad()
            (net(x) ** 2).sum().backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
        assert standin.waits == []
        results.append(optimizer.state_dict()["state"])
        results[-1]["parameters"] = dict(enumerate(net.parameters()))
    for key, state in results[0].items():
        for name, value in state.items():
            if isinstance(value, Tensor):
                assert results[1][key][name].device == device
                assert_near(to_array(results[1][key][name]), to_array(value), STEP, f"{key} {name}")


def test_moving_a_network_keeps_its_optimizer_going(device):
    """`to` moves the arrays of the parameters, which stay the same objects, and what was learned before counts."""
    net = nn.Linear(3, 2)
    optimizer = optim.Adam(net.parameters(), lr=0.1)
    twin = nn.Linear(3, 2)
    twin.load_state_dict(net.state_dict())
    other = optim.Adam(twin.parameters(), lr=0.1)
    x = minigen.randn(5, 3)
    for network, steps in ((net, optimizer), (twin, other)):
        (network(x) ** 2).sum().backward()
        steps.step()
        steps.zero_grad()
    net.to(device)
    optimizer.load_state_dict(optimizer.state_dict())
    for network, steps in ((net, optimizer), (twin, other)):
        (network(x.to(next(network.parameters()).device)) ** 2).sum().backward()
        steps.step()
    assert_near(to_array(net.weight), to_array(twin.weight), STEP, "weight")


def test_a_state_travels_between_devices(device):
    here, there = nn.BatchNorm2d(3), nn.BatchNorm2d(3).to(device)
    here(minigen.randn(4, 3, 2, 2))
    there.load_state_dict(here.state_dict())
    assert there.running_mean.device == device
    back = nn.BatchNorm2d(3)
    back.load_state_dict(there.state_dict())
    assert back.running_mean.device == "cpu"
    assert np.array_equal(to_array(back.running_mean), to_array(here.running_mean))


def test_batches_of_a_loader_move(device):
    images, labels = minigen.rand(5, 1, 4, 4), minigen.arange(5)
    for x, y in DataLoader(TensorDataset(images, labels), batch_size=2):
        moved = x.to(device), y.to(device)
        assert [t.device for t in moved] == [device] * 2
        assert [t.dtype for t in moved] == [x.dtype, y.dtype]
        assert np.array_equal(to_array(moved[0]), x.numpy())


def test_weights_keep_channels_last_on_the_device(device):
    """A convolution reads its weights in the order (O, KH, KW, C); C order would cost it a copy every time."""
    weight = nn.Conv2d(3, 4, 5).weight
    there = Tensor(weight.detach().array).to(device)
    assert there.array.strides == weight.array.strides
    assert there.cpu().array.strides == weight.array.strides


# ---- systems --------------------------------------------------------------------------------------------------------


def after_two_steps(name, place):
    minigen.manual_seed(0)
    system = make(name)
    batches = [batch_for(system) for _ in range(2)]
    system.to(place).train()
    with random_state_of(1):
        for batch in batches:
            values = system.training_step([part.to(place) for part in batch])
    return values, system


@pytest.mark.parametrize("name", models.SYSTEMS)
def test_every_system_trains_alike(name, device):
    (expected, twin), (values, system) = after_two_steps(name, "cpu"), after_two_steps(name, device)
    for key, value in expected.items():
        assert float(values[key]) == pytest.approx(float(value), rel=STEP, abs=STEP)
    moved = snapshot(system.cpu())
    for key, array in snapshot(twin).items():
        assert_near(moved[key], array, STEP, key)


@pytest.mark.parametrize("name", models.SYSTEMS)
def test_a_training_step_waits_for_nothing(name):
    """Not one float() of a loss, no mask as an index, no copy back: the host runs ahead of the device."""
    with standin.installed() as place:
        system = make(name).to(place)
        batch = [part.to(place) for part in batch_for(system)]
        system.train()
        system.training_step(batch)  # the first one makes the optimizers' states
        standin.waits.clear()
        system.training_step(batch)
        assert standin.waits == []


@pytest.mark.parametrize("name", models.SYSTEMS)
def test_the_loop_waits_for_what_it_logs_alone(name, tmp_path):
    with standin.installed() as place:
        system = make(name).to(place)
        loader = DataLoader(TensorDataset(*batch_for(system, 24)), batch_size=4)
        trainer = Trainer(system, loader, tmp_path, log_every=3, sample_every=100, checkpoint_every=100, quiet=True)
        during = []
        after_step = trainer.after_step

        def watched(values, goal, progress):
            if trainer.step < goal:  # at the end it draws pictures, and saves
                before = len(standin.waits)
                after_step(values, goal, progress)
                during.append((len(values), len(standin.waits) - before))
            else:
                after_step(values, goal, progress)

        trainer.after_step = watched
        standin.waits.clear()
        trainer.fit(steps=6)
        figures = during[0][0]
        assert [waited for _, waited in during] == [0, 0, figures, 0, 0]


@pytest.mark.parametrize("name", [n for n, s in models.SYSTEMS.items() if s.generates])
def test_every_generator_draws_alike(name, device):
    system = make(name)
    noise = system.fixed_noise(3)
    expected = system.sample(3, noise).numpy()
    drawn = system.to(device).sample(3, noise.to(device))
    assert drawn.device == device
    assert_near(to_array(drawn), expected, 1e-5, name)


def test_an_index_may_lie_on_the_host_but_not_on_another_device(device):
    x, rows = minigen.arange(6.0).reshape(3, 2), minigen.tensor([2, 0])
    assert x.to(device)[rows].cpu().tolist() == x[rows].tolist() == x.to(device)[rows.to(device)].cpu().tolist()
    with pytest.raises(RuntimeError, match=r"index: the tensor is on cpu, but the index is on .*\.to\(\)"):
        x[rows.to(device)]
