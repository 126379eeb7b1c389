"""Optimisers: PyTorch step for step, closed forms, what is stored, and what misuse is told."""

import json
import math
import tracemalloc

import numpy as np
import pytest
import standin

import minigen
import minigen.nn.functional as F
from minigen import nn, optim
from minigen.optim.optimizer import PIECE

random = np.random.default_rng(3)
START = [random.standard_normal(shape) for shape in ((4, 3), (3,), (), (2, 3, 2, 2))]
GRADIENTS = [[random.standard_normal(a.shape) * 10 ** random.uniform(-4, 1) for a in START] for _ in range(100)]

OPTIMISERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.5, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 2e-4, "betas": (0.5, 0.999)}),
    ("Adam", {"lr": 0.1, "betas": (0.0, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True, "maximize": True}),
    ("AdamW", {"lr": 0.1}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.3, "amsgrad": True}),
    ("AdamW", {"lr": 0.1, "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.5, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.9, "centered": True, "alpha": 0.9}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.5, "alpha": 0.0}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "eps": 1e-3, "maximize": True}),
    ("Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.5}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.6, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    ("Adadelta", {"rho": 1.0}),
]
every_optimiser = pytest.mark.parametrize(("name", "options"), OPTIMISERS)


def parameters(dtype=minigen.float64):
    """Parameters of several shapes; that of four axes lies in memory with the channels last."""
    tensors = [minigen.tensor(a, dtype=dtype) for a in START]
    tensors[3] = tensors[3].permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    return [nn.Parameter(t) for t in tensors]


def run(library, optimizer, params, steps):
    for gradients in steps:
        for p, g in zip(params, gradients):
            p.grad = library.tensor(g, dtype=p.dtype)
        optimizer.step()


def assert_equal(ours, theirs, rtol=1e-9):
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=rtol, atol=rtol)


# --- PyTorch as a second opinion ----------------------------------------------------------------------------


@every_optimiser
def test_a_hundred_steps_equal_torch(torch, name, options):
    ours, theirs = parameters(), [torch.tensor(a, requires_grad=True) for a in START]
    run(minigen, getattr(optim, name)(ours, **options), ours, GRADIENTS)
    run(torch, getattr(torch.optim, name)(theirs, **options), theirs, GRADIENTS)
    assert_equal(ours, theirs)


@every_optimiser
def test_the_state_travels_to_torch_and_back(torch, name, options):
    ours, theirs = parameters(), [torch.tensor(a, requires_grad=True) for a in START]
    mine, other = getattr(optim, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)
    run(minigen, mine, ours, GRADIENTS[:5])
    run(torch, other, theirs, GRADIENTS[:3])
    other.load_state_dict(to_torch(torch, mine.state_dict(), other.state_dict()))
    for p, q in zip(ours, theirs):
        q.data = torch.tensor(p.detach().numpy())
    run(torch, other, theirs, GRADIENTS[5:10])
    run(minigen, mine, ours, GRADIENTS[5:10])
    assert_equal(ours, theirs)

    fresh = getattr(optim, name)(ours, **options)
    fresh.load_state_dict(other.state_dict())
    run(minigen, fresh, ours, GRADIENTS[10:20])
    run(torch, other, theirs, GRADIENTS[10:20])
    assert_equal(ours, theirs)


def to_torch(torch, state, like):
    """Our state_dict with torch's tensors in place of ours, and torch's own switches of its implementation."""
    entries = {
        number: {k: torch.tensor(v.numpy()) if isinstance(v, minigen.Tensor) else v for k, v in entry.items()}
        for number, entry in state["state"].items()
    }
    groups = [{**theirs, **ours} for ours, theirs in zip(state["param_groups"], like["param_groups"], strict=True)]
    return {"state": entries, "param_groups": groups}


def test_groups_have_options_of_their_own(torch):
    ours, theirs = parameters(), [torch.tensor(a, requires_grad=True) for a in START]

    def groups(params):
        return [{"params": params[:1], "lr": 0.5}, {"params": params[1], "weight_decay": 0.2}]

    mine, other = optim.AdamW(groups(ours), lr=0.1), torch.optim.AdamW(groups(theirs), lr=0.1)
    mine.add_param_group({"params": ours[2:], "betas": (0.1, 0.2)})
    other.add_param_group({"params": theirs[2:], "betas": (0.1, 0.2)})
    run(minigen, mine, ours, GRADIENTS[:10])
    run(torch, other, theirs, GRADIENTS[:10])
    mine.param_groups[0]["lr"] = other.param_groups[0]["lr"] = 0.01
    run(minigen, mine, ours, GRADIENTS[10:20])
    run(torch, other, theirs, GRADIENTS[10:20])
    assert_equal(ours, theirs)


# --- closed forms -------------------------------------------------------------------------------------------


def test_momentum_sums_a_geometric_series():
    """With the gradient 1 in each of n steps p moves by lr * sum over t of (1 - m^t) / (1 - m)."""
    (p,) = params = [nn.Parameter(minigen.zeros(1, dtype=minigen.float64))]
    run(minigen, optim.SGD(params, lr=0.1, momentum=0.9), params, [[np.ones(1)]] * 20)
    assert p.item() == pytest.approx(-0.1 * sum((1 - 0.9**t) / 0.1 for t in range(1, 21)), rel=1e-12)


def test_adam_moves_by_lr_whatever_the_size_of_the_gradient():
    params = [nn.Parameter(minigen.zeros(3, dtype=minigen.float64))]
    run(minigen, optim.Adam(params, lr=0.01), params, [[np.array([1e-3, 1.0, -1e3])]] * 10)
    np.testing.assert_allclose(params[0].detach().numpy(), [-0.1, -0.1, 0.1], rtol=1e-4)


def test_decoupled_decay_does_not_look_at_the_gradient():
    params = [nn.Parameter(minigen.ones(2, dtype=minigen.float64))]
    run(minigen, optim.AdamW(params, lr=0.5, weight_decay=0.2), params, [[np.zeros(2)]] * 3)
    np.testing.assert_allclose(params[0].detach().numpy(), 0.9**3, rtol=1e-12)


def test_a_steady_gradient_has_no_variance_to_divide_by():
    """Centred RMSprop takes the root of mean(g^2) - mean(g)^2, which rounding may push below 0."""
    params = [nn.Parameter(minigen.zeros(100))]
    steady = np.linspace(0.1, 3, 100)
    run(minigen, optim.RMSprop(params, lr=1e-4, alpha=0.5, centered=True), params, [[steady]] * 200)
    assert params[0].isfinite().all()


def test_adagrad_takes_steps_like_one_over_the_root_of_their_number():
    (p,) = params = [nn.Parameter(minigen.zeros(1, dtype=minigen.float64))]
    run(minigen, optim.Adagrad(params, lr=0.1), params, [[np.full(1, 7.0)]] * 20)
    assert p.item() == pytest.approx(-0.1 * sum(t**-0.5 for t in range(1, 21)), rel=1e-9)


def test_a_quadratic_bowl_is_descended():
    p = nn.Parameter(minigen.tensor([3.0, -2.0]))
    optimizer = optim.Adam([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with minigen.no_grad():  # the closure records all the same
        losses = [optimizer.step(closure).item() for _ in range(200)]
    assert losses[0] == 13.0
    assert losses[-1] < 1e-4


# --- the rules of a step ------------------------------------------------------------------------------------


@every_optimiser
def test_a_step_moves_every_parameter_and_keeps_what_it_is(name, options):
    net = nn.Sequential(
        nn.Conv2d(2, 3, 3, bias=False),  # before a batch norm a bias would have the gradient 0
        nn.BatchNorm2d(3),
        nn.LeakyReLU(),
        nn.ConvTranspose2d(3, 2, 2),
        nn.Flatten(),
        nn.Linear(50, 4),
    )
    optimizer = getattr(optim, name)(net.parameters(), **options)
    before = [(p.array, p.array.copy(), p.array.strides, p._version) for p in net.parameters()]
    F.cross_entropy(net(minigen.randn(5, 2, 6, 6)), minigen.tensor([0, 1, 2, 3, 0])).backward()
    optimizer.step()
    for p, (array, values, strides, version) in zip(net.parameters(), before, strict=True):
        assert p.array is array
        assert p.array.strides == strides
        assert p.dtype == minigen.float32
        assert p._version > version
        assert (p.array != values).any()
        assert all(
            t.dtype == minigen.float32 and t.array.strides == strides
            for t in optimizer.state[p].values()
            if isinstance(t, minigen.Tensor)
        )


@every_optimiser
def test_float32_follows_float64(name, options):
    double, single = parameters(), parameters(minigen.float32)
    for params in (double, single):
        run(minigen, getattr(optim, name)(params, **options), params, GRADIENTS[:20])
    assert_equal(single, double, rtol=2e-4)


def test_what_has_no_gradient_stays():
    a, b = parameters()[:2]
    optimizer = optim.Adam([a, b])
    a.grad = minigen.ones_like(a)
    optimizer.step()
    assert b.tolist() == START[1].tolist()
    assert b not in optimizer.state
    optimizer.zero_grad(set_to_none=False)
    assert a.grad.abs().sum().item() == 0
    optimizer.zero_grad()
    assert a.grad is None


@every_optimiser
def test_memory_of_any_kind_gives_the_same_step(name, options):
    """Transposed, with gaps, or a gradient that lies otherwise: the numbers are the same, and no write is lost."""
    grid = random.standard_normal((6, 8))
    layouts = [grid.copy(), grid.T.copy().T, np.pad(grid, ((0, 0), (0, 3)))[:, :8]]
    results = []
    for array in layouts:
        p = nn.Parameter(array)
        optimizer = getattr(optim, name)([p], **options)
        for gradient in GRADIENTS_OF_GRID:
            p.grad = minigen.from_numpy(gradient)
            optimizer.step()
        assert np.shares_memory(p.array, array)
        results.append(p.detach().numpy())
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    assert (results[0] != grid).all()


GRADIENTS_OF_GRID = [random.standard_normal((6, 8)), random.standard_normal((8, 6)).T, random.standard_normal((6, 8))]


def test_a_parameter_longer_than_one_piece(torch):
    start, g = random.standard_normal((2, PIECE + 7))
    ours, theirs = nn.Parameter(start.copy()), torch.tensor(start, requires_grad=True)
    run(minigen, optim.Adam([ours]), [ours], [[g], [-2 * g]])
    run(torch, torch.optim.Adam([theirs]), [theirs], [[g], [-2 * g]])
    assert_equal([ours], [theirs])


def test_a_step_between_forward_and_backward_is_noticed():
    layer = nn.Linear(2, 2)
    optimizer, x = optim.SGD(layer.parameters(), lr=0.1), minigen.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    loss = layer(x).sum()
    optimizer.step()
    with pytest.raises(RuntimeError, match=r"Linear.weight.*changed in place"):
        loss.backward()


def test_adam_needs_no_memory_of_the_size_of_its_parameters():
    p = nn.Parameter(minigen.zeros(1_000_000))
    optimizer = optim.Adam([p])
    p.grad = minigen.ones_like(p)
    optimizer.step()
    tracemalloc.start()
    optimizer.step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < p.array.nbytes / 20


# --- clipping -----------------------------------------------------------------------------------------------


def with_gradients(library, scale=1.0):
    params = [library.tensor(a, requires_grad=True) for a in START]
    for p, g in zip(params[:3], GRADIENTS[7]):  # the fourth has none
        p.grad = library.tensor(g * scale)
    return params


@pytest.mark.parametrize("norm_type", [2.0, 1, 3.5, 0.5, math.inf])
@pytest.mark.parametrize("max_norm", [1e-3, 1, 1e6, 0])
def test_clipped_norms_equal_torch(torch, norm_type, max_norm):
    ours, theirs = with_gradients(minigen), with_gradients(torch)
    total = nn.utils.clip_grad_norm_(ours, max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    assert total.shape == ()
    assert total.item() == pytest.approx(expected.item(), rel=1e-12)
    assert_equal([p.grad for p in ours[:3]], [p.grad for p in theirs[:3]], rtol=1e-12)
    assert ours[3].grad is None


def test_clipped_values_equal_torch(torch):
    ours, theirs = with_gradients(minigen), with_gradients(torch)
    assert nn.utils.clip_grad_value_(iter(ours), 0.01) is None
    torch.nn.utils.clip_grad_value_(iter(theirs), 0.01)
    assert_equal([p.grad for p in ours[:3]], [p.grad for p in theirs[:3]], rtol=0)


def test_clipping_changes_gradients_in_place_and_nothing_else():
    net = nn.Conv2d(2, 3, 3)
    net(minigen.randn(1, 2, 5, 5)).square().sum().backward()
    before = [(p.grad, p.grad.array, p.grad.array.strides, p._version) for p in net.parameters()]
    nn.utils.clip_grad_norm_(net.parameters(), 0.1)
    total = math.sqrt(sum(float((p.grad.array**2).sum()) for p in net.parameters()))
    assert total == pytest.approx(0.1, rel=1e-4)
    for p, (grad, array, strides, version) in zip(net.parameters(), before, strict=True):
        assert p.grad is grad
        assert p.grad.array is array
        assert (array.strides, array.dtype, p._version) == (strides, np.float32, version)


def test_gradients_of_two_dtypes_are_clipped_together(torch):
    results = []
    for library in (minigen, torch):
        params = [library.zeros(2, dtype=dtype, requires_grad=True) for dtype in (library.float32, library.float64)]
        for p in params:
            p.grad = library.ones(2, dtype=p.dtype)
        total = library.nn.utils.clip_grad_norm_(params, 1.0).item()
        results.append([total, *[v for p in params for v in p.grad.tolist()]])
        assert [p.grad.dtype for p in params] == [library.float32, library.float64]
    np.testing.assert_allclose(*results, rtol=1e-6)


def test_what_has_no_gradient_has_the_norm_zero():
    p = nn.Parameter(minigen.zeros(3))
    assert nn.utils.clip_grad_norm_(p, 1.0).item() == 0
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0
    nn.utils.clip_grad_value_(p, 1.0)
    assert p.grad is None


def test_clipping_waits_for_no_device(device):
    p = minigen.ones(3, device=device, requires_grad=True)
    p.grad = minigen.ones_like(p) * 2
    waits = len(standin.waits)
    nn.utils.clip_grad_norm_(p, 1.0)
    nn.utils.clip_grad_value_(p, 0.1)
    assert len(standin.waits) == waits
    np.testing.assert_allclose(p.grad.cpu().numpy(), 0.1, rtol=1e-6)


# --- storing ------------------------------------------------------------------------------------------------


@every_optimiser
def test_a_stored_run_continues_as_if_it_had_not_stopped(name, options):
    whole, first = parameters(), parameters()
    run(minigen, getattr(optim, name)(whole, **options), whole, GRADIENTS[:20])
    optimizer = getattr(optim, name)(first, **options)
    run(minigen, optimizer, first, GRADIENTS[:10])
    stored = through_json(optimizer.state_dict())

    second = [nn.Parameter(minigen.tensor(p.detach().numpy())) for p in first]
    resumed = getattr(optim, name)(second)  # with other options: those that were stored count
    resumed.load_state_dict(stored)
    run(minigen, resumed, second, GRADIENTS[10:20])
    for p, q in zip(whole, second):
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())


def through_json(state):
    """What a file of text gives back: keys are strings, tuples are lists, arrays are lists of numbers."""
    text = json.dumps(state, default=lambda tensor: {"array": tensor.tolist()})
    return json.loads(text, object_hook=lambda d: np.array(d["array"]) if "array" in d else d)


def test_a_loaded_state_is_a_copy_in_the_layout_of_the_parameter():
    params = parameters()
    optimizer, other = optim.Adam(params), optim.Adam(params)
    run(minigen, optimizer, params, GRADIENTS[:1])
    other.load_state_dict(optimizer.state_dict())
    for p in params:
        mine, copied = optimizer.state[p]["exp_avg"], other.state[p]["exp_avg"]
        assert minigen.equal(mine, copied)
        assert not np.shares_memory(mine.array, copied.array)
        assert copied.array.strides == p.array.strides


def test_loading_all_or_nothing():
    params = parameters()
    optimizer = optim.Adam(params, lr=0.5)
    run(minigen, optimizer, params, GRADIENTS[:2])
    good = optimizer.state_dict()
    entry = good["state"][0]
    faults = {
        "groups of": {**good, "param_groups": good["param_groups"] * 2},
        "parameter 9": {**good, "state": {9: entry}},
        "exp_avg has shape": {**good, "state": {**good["state"], 1: entry}},
        r"has no \['amsgrad'": {**good, "param_groups": optim.SGD(params).state_dict()["param_groups"]},
        "betas": {**good, "param_groups": [{**good["param_groups"][0], "betas": [2, 3]}]},
        'keys "state"': {},
    }
    for message, state in faults.items():
        with pytest.raises(ValueError, match=message):
            optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert optimizer.state[params[0]]["step"] == 2


def test_repr_shows_the_options():
    text = repr(optim.SGD(parameters(), lr=0.25))
    assert text.startswith("SGD (\nParameter Group 0\n")
    assert "    lr: 0.25\n" in text


# --- misuse -------------------------------------------------------------------------------------------------

p, q = parameters()[:2]


def clip_what_is_infinite():
    w = nn.Parameter(minigen.ones(2))
    w.grad = minigen.full((2,), math.inf)
    nn.utils.clip_grad_norm_([w], 1.0, error_if_nonfinite=True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: optim.Adam([]), ValueError, "empty"),
        (lambda: optim.Adam(p), TypeError, r"not a single one; write \[parameter\]"),
        (lambda: optim.Adam(nn.Linear(1, 1)), TypeError, r"not Linear; pass model.parameters\(\)"),
        (lambda: optim.Adam(nn.Linear(1, 1).parameters), TypeError, r"pass model.parameters\(\)"),
        (lambda: optim.Adam(nn.Linear(1, 1).state_dict()), TypeError, "not dict; pass a list"),
        (lambda: optim.Adam([p, 3]), TypeError, "parameter 1 is no Tensor but a int"),
        (lambda: optim.Adam([p * 2]), ValueError, "result of a computation.*only leaves"),
        (lambda: optim.Adam([minigen.tensor([1, 2])]), ValueError, "int64"),
        (lambda: optim.Adam([p, q, p]), ValueError, "parameter 2.*twice"),
        (lambda: optim.Adam([{"params": [p]}, {"params": [q, p]}]), ValueError, "twice"),
        (lambda: optim.Adam([{"params": [p], "learning_rate": 1}]), ValueError, r"unknown options \['learning_rate'\]"),
        (lambda: optim.Adam([{"weights": [p]}]), TypeError, '"params"'),
        (lambda: optim.Adam([{"params": [p], "lr": -1}]), ValueError, "lr must be a number at least 0, not -1"),
        (lambda: optim.Adam([p], lr=math.nan), ValueError, "lr.*nan"),
        (lambda: optim.Adam([p], lr="0.1"), ValueError, "lr.*'0.1'"),
        (lambda: optim.Adam([p], betas=(0.9, 1.0)), ValueError, r"betas\[1\] must be a number in \[0, 1\), not 1.0"),
        (lambda: optim.Adam([p], betas=0.9), ValueError, "betas must be two numbers"),
        (lambda: optim.Adam([p], eps=-1e-8), ValueError, "eps"),
        (lambda: optim.AdamW([p], weight_decay=-1), ValueError, "AdamW: weight_decay"),
        (lambda: optim.RMSprop([p], alpha=1.5), ValueError, "RMSprop: alpha must be a number"),
        (lambda: optim.RMSprop([p], momentum=-1), ValueError, "RMSprop: momentum"),
        (lambda: optim.RMSprop([p], lr=math.nan), ValueError, "RMSprop: lr.*nan"),
        (lambda: optim.Adagrad([p], lr_decay=-1), ValueError, "Adagrad: lr_decay must be a number at least 0"),
        (lambda: optim.Adagrad([p], initial_accumulator_value=-1), ValueError, "initial_accumulator_value"),
        (lambda: optim.Adagrad([p], eps=-1), ValueError, "Adagrad: eps"),
        (lambda: optim.Adadelta([p], rho=1.5), ValueError, r"Adadelta: rho must be a number in \[0, 1\)"),
        (lambda: optim.SGD([p], momentum=-0.1), ValueError, "SGD: momentum"),
        (lambda: nn.utils.clip_grad_norm_([p], -1.0), ValueError, "clip_grad_norm_: max_norm must be a number"),
        (lambda: nn.utils.clip_grad_norm_([p], 1.0, 0), ValueError, "norm_type must be above 0"),
        (lambda: nn.utils.clip_grad_norm_([p.array], 1.0), TypeError, "parameters must be a Tensor"),
        (lambda: nn.utils.clip_grad_norm_(nn.Linear(1, 1), 1.0), TypeError, r"not Linear; pass model.parameters\(\)"),
        (lambda: nn.utils.clip_grad_value_([p], math.nan), ValueError, "clip_value.*nan"),
        (lambda: clip_what_is_infinite(), RuntimeError, "norm of the gradients is inf.*detect_anomaly"),
        (lambda: optim.SGD([p], nesterov=True), ValueError, "nesterov wants a momentum"),
        (lambda: optim.SGD([p], momentum=0.9, dampening=0.1, nesterov=True), ValueError, "dampening=0.1"),
    ],
)
def test_misuse_is_told_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call()
