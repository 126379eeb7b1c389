"""Modules, containers, initial weights: what is special about each.

What holds for every layer is in test_layers.py.
"""

import copy
import gc
import math
import weakref

import numpy as np
import pytest

import minigen
import minigen.nn.functional as F
from minigen import nn
from minigen.nn import init, utils

random = np.random.default_rng(7)


class Block(nn.Module):
    """A module with everything: parameters, buffers, submodules, options."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(minigen.ones(3))
        self.register_parameter("shift", None)
        self.register_buffer("seen", minigen.zeros(2))
        self.register_buffer("cache", minigen.zeros(1), persistent=False)
        self.inner = nn.Linear(3, 2)
        self.option = 5

    def forward(self, x):
        return self.inner(x * self.scale)


def small_net(library=nn):
    """A layer of every kind that has weights, in minigen or in torch."""
    return library.Sequential(
        library.Conv2d(2, 4, 3, padding=1, bias=False),
        library.BatchNorm2d(4),
        library.LeakyReLU(0.2),
        library.ConvTranspose2d(4, 6, 4, 2, 1, groups=2),
        library.Flatten(),
        library.Linear(6 * 8 * 8, 5),
        library.BatchNorm1d(5),
    )


# --- Module: names and tables -------------------------------------------------------------------------------


def test_a_module_finds_what_it_owns_in_the_order_of_definition():
    net = nn.Sequential(Block(), Block())
    block_names = ["scale", "inner.weight", "inner.bias"]
    assert [n for n, _ in net.named_parameters()] == [f"{i}.{n}" for i in (0, 1) for n in block_names]
    assert [n for n, _ in net[0].named_buffers()] == ["seen", "cache"]
    assert [n for n, _ in net.named_modules()] == ["", "0", "0.inner", "1", "1.inner"]
    assert [n for n, _ in net.named_children()] == ["0", "1"]
    assert [n for n, _ in net.named_parameters(prefix="net", recurse=False)] == []
    assert [n for n, _ in net[0].named_parameters(prefix="b", recurse=False)] == ["b.scale"]
    assert list(net[0].state_dict()) == ["scale", "seen", "inner.weight", "inner.bias"]
    assert net.get_submodule("1.inner") is net[1].inner
    assert {"scale", "seen", "inner", "option"} <= set(dir(net[0]))


def test_what_is_shared_counts_once_as_parameter_and_twice_in_the_state():
    net = nn.Module()
    net.one = nn.Linear(2, 2)
    net.two = nn.Linear(2, 2)
    net.two.weight = net.one.weight
    net.again = net.one
    assert [n for n, _ in net.named_parameters()] == ["one.weight", "one.bias", "two.bias"]
    assert len(list(net.modules())) == 3
    assert len(net.state_dict()) == 6
    assert len(list(net.named_parameters(remove_duplicate=False))) == 6


def test_assigning_moves_a_name_between_the_tables():
    block = Block()
    block.shift = nn.Parameter(minigen.zeros(3))
    block.seen = None
    block.option = nn.Linear(1, 1)
    assert isinstance(block.option, nn.Linear)
    assert "option" not in vars(block)
    assert list(block.state_dict()) == ["scale", "shift", "inner.weight", "inner.bias", "option.weight", "option.bias"]
    block.seen = minigen.ones(4)
    assert "seen" in block.state_dict()
    del block.scale, block.seen, block.inner
    assert list(block.state_dict()) == ["shift", "option.weight", "option.bias"]
    with pytest.raises(AttributeError, match="'Block' object has no attribute 'scale'"):
        _ = block.scale


def test_a_parameter_knows_its_name_for_messages():
    layer, x = nn.Linear(2, 2), minigen.ones(1, 2, requires_grad=True)
    loss = layer(x).sum()
    with minigen.no_grad():
        layer.weight.mul_(2)
    with pytest.raises(RuntimeError, match=r"Linear.weight"):
        loss.backward()


def test_hooks_see_and_replace():
    layer, seen = nn.Identity(), []
    before = layer.register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    after = layer.register_forward_hook(lambda module, args, output: seen.append((args, output)))
    double = layer.register_forward_hook(lambda module, args, output: output * 2)
    assert layer(3) == 8
    assert seen == [((4,), 4)]
    before.remove()
    double.remove()
    double.remove()
    assert layer(3) == 3
    after.remove()


def test_train_and_eval_reach_everything():
    net = nn.Sequential(Block(), nn.Dropout())
    assert net.eval() is net
    assert {m.training for m in net.modules()} == {False}
    assert {m.training for m in net.train().modules()} == {True}


def test_apply_visits_children_first():
    names = []
    nn.Sequential(nn.Linear(1, 1), nn.ReLU()).apply(lambda module: names.append(type(module).__name__))
    assert names == ["Linear", "ReLU", "Sequential"]


def test_freezing_and_forgetting_gradients():
    net = Block()
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())
    net.requires_grad_()
    net(minigen.ones(1, 3)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert net.inner.weight.grad.tolist() == [[0, 0, 0], [0, 0, 0]]
    net.zero_grad()
    assert {p.grad for p in net.parameters()} == {None}


def test_conversion_keeps_the_objects_and_their_layout():
    net = small_net()
    before = {name: (p, p.array.strides) for name, p in net.named_parameters()}
    net(minigen.ones(4, 2, 4, 4)).sum().backward()
    assert net.double() is net
    for name, p in net.named_parameters():
        assert p is before[name][0]
        assert p.dtype == p.grad.dtype == minigen.float64
        assert [2 * s for s in before[name][1]] == list(p.array.strides)
    assert net[1].running_mean.dtype == minigen.float64
    assert net[1].num_batches_tracked.dtype == minigen.int64
    assert net.to(minigen.ones(1)).float().cpu()[0].weight.dtype == minigen.float32
    assert net(minigen.ones(4, 2, 4, 4)).dtype == minigen.float32


def test_a_deep_copy_is_independent_and_keeps_the_layout():
    net = small_net()
    twin = copy.deepcopy(net)
    for (name, p), (twin_name, q) in zip(net.named_parameters(), twin.named_parameters(), strict=True):
        assert name == twin_name
        assert isinstance(q, nn.Parameter)
        assert p.array.strides == q.array.strides
        init.zeros_(q)
    assert all(p.abs().sum().item() > 0 for n, p in net.named_parameters() if "weight" in n)


def test_a_module_dies_with_its_last_user():
    gc.disable()
    try:
        net = small_net()
        net(minigen.ones(4, 2, 4, 4)).sum().backward()
        ghost = weakref.ref(net)
        del net
        assert ghost() is None
    finally:
        gc.enable()


def test_repr_shows_the_tree():
    assert repr(nn.Sequential(nn.Linear(2, 1), nn.Sequential(nn.ReLU()))) == (
        "Sequential(\n"
        "  (0): Linear(in_features=2, out_features=1, bias=True)\n"
        "  (1): Sequential(\n"
        "    (0): ReLU()\n"
        "  )\n"
        ")"
    )


# --- state_dict ---------------------------------------------------------------------------------------------


def test_loading_writes_into_the_memory_that_is_there():
    net, source = small_net(), small_net()
    arrays = {name: (t.array, t.array.strides) for name, t in net.state_dict(keep_vars=True).items()}
    versions = [p._version for p in net.parameters()]
    assert net.load_state_dict(source.state_dict()) == ([], [])
    for name, tensor in net.state_dict(keep_vars=True).items():
        assert tensor.array is arrays[name][0]
        assert tensor.array.strides == arrays[name][1]
        np.testing.assert_array_equal(tensor.array, source.state_dict()[name].array)
    assert all(p._version > v for p, v in zip(net.parameters(), versions))


def test_every_fault_is_listed_at_once_and_nothing_changes():
    net = Block()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    state = {k: v + 1 for k, v in before.items()}
    del state["inner.bias"], state["seen"]
    state["inner.weight"] = minigen.zeros(3, 2)
    state["extra"] = minigen.zeros(1)
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    for part in (
        "Block",
        r"Unexpected.*'extra'",
        r"Missing.*'seen', 'inner.bias'",
        r"size mismatch.*\(3, 2\).*\(2, 3\)",
    ):
        assert caught.match(part)
    with pytest.raises(RuntimeError, match=r"size mismatch for inner\.weight"):
        net.load_state_dict(state, strict=False)
    with pytest.raises(TypeError, match="'seen' must be a Tensor"):
        net.load_state_dict({**before, "scale": before["scale"] + 1, "seen": "text"})
    assert all(minigen.equal(v, before[k]) for k, v in net.state_dict().items())
    del state["inner.weight"]
    report = net.load_state_dict(state, strict=False)
    assert report.missing_keys == ["seen", "inner.weight", "inner.bias"]
    assert report.unexpected_keys == ["extra"]
    assert minigen.equal(net.scale, before["scale"] + 1)


def test_loading_converts_to_the_dtype_that_is_there():
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": np.ones((1, 2)), "bias": np.ones(1, np.int64)})
    assert layer.weight.dtype == layer.bias.dtype == minigen.float32


# --- containers ---------------------------------------------------------------------------------------------


def test_sequential_is_a_list_of_modules_that_computes():
    a, b, c = nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)
    net = nn.Sequential(a, b, c)
    x = minigen.randn(4, 2)
    assert minigen.equal(net(x), c(b(a(x))))
    assert (net[0], net[-1], len(net), list(net)) == (a, c, 3, [a, b, c])
    assert list(net[1:].state_dict()) == ["2.weight", "2.bias"]  # names stay
    net.insert(1, nn.Tanh()).append(nn.Sigmoid()).extend([nn.Identity()])
    assert [type(m).__name__ for m in net] == ["Linear", "Tanh", "ReLU", "Linear", "Sigmoid", "Identity"]
    del net[1]
    del net[-2:]
    net[1] = nn.Tanh()
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert isinstance(net[1], nn.Tanh)


def test_sequential_takes_names():
    net = nn.Sequential({"first": nn.Linear(2, 2), "second": nn.ReLU()})
    assert list(net.state_dict()) == ["first.weight", "first.bias"]
    assert net.first is net[0]
    assert list(net[:1].state_dict()) == ["first.weight", "first.bias"]


def test_dicts_are_dicts():
    table = nn.ParameterDict({"b": minigen.ones(2)})
    table["a"] = nn.Parameter(minigen.zeros(3))
    table["b"] = minigen.zeros(1)
    assert (list(table), len(table), "a" in table, table.get("c")) == (["b", "a"], 2, True, None)
    assert [p.shape for p in table.values()] == [(1,), (3,)]
    assert all(isinstance(p, nn.Parameter) for _, p in table.items())
    assert list(table.state_dict()) == ["b", "a"]
    assert table.pop("b").shape == (1,)
    assert list(table.keys()) == ["a"]
    assert table.a is table["a"]
    table.clear()
    assert list(table.parameters()) == []
    modules = nn.ModuleDict([("a", nn.ReLU()), ("b", nn.Tanh())])
    del modules["a"]
    assert [type(m) for m in modules.values()] == [nn.Tanh]


def test_lists_grow_shrink_and_are_shown_as_torch_shows_them(torch):
    def show(library):
        layers = library.ModuleList([library.ReLU(), library.ReLU(), library.Linear(1, 2)])
        layers += [library.Tanh()]
        taken = layers.pop(0)
        longer = layers + library.ModuleList([library.ReLU()])
        row = library.Sequential(library.ReLU()) + library.Sequential(library.Tanh())
        return [repr(x) for x in (layers, taken, longer, row, row.pop(-1), row, library.ModuleList())]

    assert show(nn) == show(torch.nn)


def test_members_are_found_by_dotted_names():
    net = nn.Sequential(Block())
    assert net.get_parameter("0.inner.weight") is net[0].inner.weight
    assert net.get_buffer("0.seen") is net[0].seen
    assert nn.Linear(1, 1).half().weight.dtype == minigen.float16
    assert nn.Linear(1, 1).to("cpu", True).weight.dtype == minigen.float32


def test_module_list_and_dict_and_parameter_list():
    layers = nn.ModuleList([nn.Linear(1, 1)])
    layers += [nn.ReLU(), nn.Linear(1, 1)]
    assert list(layers.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert isinstance(layers[1:], nn.ModuleList)
    table = nn.ModuleDict({"b": nn.Linear(1, 1), "a": nn.ReLU()})
    table["c"] = nn.Tanh()
    assert (list(table), len(table), "c" in table, list(table.keys())) == (["b", "a", "c"], 3, True, ["b", "a", "c"])
    assert isinstance(table.pop("a"), nn.ReLU)
    assert [type(m).__name__ for _, m in table.items()] == ["Linear", "Tanh"]
    scales = nn.ParameterList([minigen.ones(2), nn.Parameter(minigen.zeros(1))])
    scales[0] = minigen.zeros(3)
    assert [p.shape for p in scales] == [(3,), (1,)]
    assert len(list(nn.Sequential(scales).parameters())) == 2


# --- initial weights ----------------------------------------------------------------------------------------


def test_weights_of_convolutions_lie_channels_last():
    for layer, shape in ((nn.Conv2d(4, 6, (2, 3)), (6, 4, 2, 3)), (nn.ConvTranspose2d(4, 6, (2, 3)), (4, 6, 2, 3))):
        assert layer.weight.shape == shape
        assert layer.weight.array.transpose(0, 2, 3, 1).flags.c_contiguous


def test_drawing_does_not_depend_on_the_layout():
    minigen.manual_seed(1)
    layer = nn.Conv2d(3, 4, 5, bias=False)
    minigen.manual_seed(1)
    plain = init.kaiming_uniform_(minigen.empty(4, 3, 5, 5), a=math.sqrt(5))
    assert minigen.equal(layer.weight, plain)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: n.Linear(40, 300),
        lambda n: n.Conv2d(8, 64, (3, 5), groups=2),
        lambda n: n.ConvTranspose2d(8, 64, (3, 5), groups=2),
    ],
)
def test_default_initialisation_is_torchs(torch, make):
    """Uniform, within the same bound: the largest weight and the mean square agree."""
    ours, theirs = make(nn), make(torch.nn)
    for name, p in ours.named_parameters():
        q = theirs.get_parameter(name)
        assert p.shape == tuple(q.shape)
        samples = p.numel()
        bound = q.abs().max().item()
        assert p.abs().max().item() == pytest.approx(bound, rel=20 / samples)
        assert (p * p).mean().item() == pytest.approx(bound**2 / 3, rel=5 / math.sqrt(samples))


@pytest.mark.parametrize(
    ("name", "options", "std"),
    [
        ("normal_", {"mean": 0.0, "std": 0.02}, 0.02),
        ("uniform_", {"a": -3, "b": 3}, math.sqrt(3)),
        ("xavier_uniform_", {"gain": 2.0}, 2 * math.sqrt(2 / (60 * 9 + 80 * 9))),
        ("xavier_normal_", {}, math.sqrt(2 / (60 * 9 + 80 * 9))),
        ("kaiming_uniform_", {"nonlinearity": "relu"}, math.sqrt(2 / (60 * 9))),
        ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "tanh"}, 5 / 3 / math.sqrt(80 * 9)),
        ("kaiming_normal_", {"a": 0.2}, math.sqrt(2 / 1.04 / (60 * 9))),
    ],
)
def test_initialisers_have_the_spread_of_their_formula(name, options, std):
    weight = minigen.empty(80, 60, 3, 3)
    assert getattr(init, name)(weight, **options) is weight
    assert weight.std().item() == pytest.approx(std, rel=0.01)
    assert abs(weight.mean().item()) < 4 * std / math.sqrt(weight.numel())


def test_constants():
    assert init.constant_(minigen.empty(2), 3).tolist() == [3, 3]
    assert init.ones_(init.zeros_(nn.Parameter(minigen.empty(1)))).tolist() == [1]


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 2, 3, 3), (20, 2, 3, 3)])
def test_orthogonal(shape):
    w = init.orthogonal_(minigen.empty(*shape, dtype=minigen.float64), gain=2.0).numpy().reshape(shape[0], -1)
    small = w @ w.T if shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-12)


def test_gains_are_torchs(torch):
    for name in init.GAINS:
        assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert init.calculate_gain("leaky_relu", 0.2) == torch.nn.init.calculate_gain("leaky_relu", 0.2)


# --- batch norm's bookkeeping, utilities --------------------------------------------------------------------


def test_batch_norm_without_momentum_keeps_the_plain_mean():
    norm, batches = nn.BatchNorm1d(3, momentum=None), minigen.randn(5, 8, 3)
    for batch in batches:
        norm(batch)
    np.testing.assert_allclose(norm.running_mean.numpy(), batches.mean(dim=(0, 1)).numpy(), rtol=1e-5, atol=1e-7)
    assert norm.num_batches_tracked.item() == 5
    norm.reset_running_stats()
    assert (norm.running_mean.tolist(), norm.running_var.tolist(), norm.num_batches_tracked.item()) == (
        [0] * 3,
        [1] * 3,
        0,
    )


def test_batch_norm_warns_of_an_eps_that_was_meant_as_momentum():
    with pytest.warns(UserWarning, match="second argument is eps.*momentum=0.8"):
        nn.BatchNorm2d(64, 0.8)


def test_parameters_as_a_vector():
    net = small_net()
    vector = utils.parameters_to_vector(net.parameters())
    assert vector.shape == (sum(p.numel() for p in net.parameters()),)
    vector.sum().backward()
    assert {p.grad.numpy().mean() for p in net.parameters()} == {1.0}
    twin = small_net()
    utils.vector_to_parameters(vector, twin.parameters())
    assert all(minigen.equal(p, q) for p, q in zip(net.parameters(), twin.parameters()))
    assert twin[0].weight.array.strides == net[0].weight.array.strides
    with pytest.raises(ValueError, match="want"):
        utils.vector_to_parameters(vector[1:], twin.parameters())


# --- misuse -------------------------------------------------------------------------------------------------


class Forgetful(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(1, 1)


class Thoughtless(nn.Module):
    def __init__(self):
        pass


def assign(name, value):
    setattr(Block(), name, value)


image = minigen.zeros(1, 3, 8, 8)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (Forgetful, AttributeError, r"Forgetful.__init__ must call super\(\).__init__\(\)"),
        (lambda: Thoughtless()(1), AttributeError, r"Thoughtless.__init__ must call super\(\).__init__\(\)"),
        (lambda: nn.Module()(1), NotImplementedError, "Module has no forward"),
        (
            lambda: assign("scale", minigen.zeros(3)),
            TypeError,
            r"Block.scale can only be set to an nn.Parameter.*copy_",
        ),
        (lambda: assign("inner", 3), TypeError, "an nn.Module or None"),
        (lambda: assign("seen", 3), TypeError, "a Tensor or None"),
        (lambda: Block().register_parameter("a.b", None), ValueError, "'a.b'.*without dots"),
        (lambda: Block().register_parameter("p", minigen.zeros(1)), TypeError, "'p' must be an nn.Parameter"),
        (lambda: Block().register_buffer("option", minigen.zeros(1)), ValueError, "'option' exists already"),
        (lambda: Block().add_module("m", nn.ReLU), TypeError, "'m' must be an nn.Module"),
        (lambda: Block().get_submodule("inner.deep"), AttributeError, "Block.inner has no submodule 'deep'"),
        (lambda: Block().load_state_dict([1]), TypeError, "dict of tensors"),
        (lambda: Block().to(minigen.int64), TypeError, "floating-point dtype, not int64"),
        (lambda: Block().to("tpu"), ValueError, "'tpu'"),
        (lambda: Block().train("yes"), ValueError, "'yes'"),
        (lambda: nn.Sequential([nn.ReLU()]), TypeError, r"Sequential\(\*layers\)"),
        (lambda: nn.Sequential(nn.ReLU), TypeError, r"nn.ReLU\(\)"),
        (lambda: nn.ModuleList([F.relu]), TypeError, "must be a Module"),
        (lambda: nn.Sequential(nn.ReLU())[1], IndexError, "index 1 is out of range"),
        (lambda: nn.Linear(0, 3), ValueError, "Linear: in_features must be an integer >= 1, not 0"),
        (lambda: nn.Linear(3, 2.0), ValueError, "out_features.*2.0"),
        (lambda: nn.Conv2d(3, 64, 4, 2, 1, False), ValueError, "dilation.*False.*bias=False"),
        (lambda: nn.Conv2d(3, 4, (2, 2, 2)), ValueError, r"kernel_size.*\(2, 2, 2\)"),
        (lambda: nn.Conv2d(3, 4, 3, padding=-1), ValueError, "padding.*-1"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "in_channels=3 cannot be divided into groups=2"),
        (lambda: nn.Conv2d(3, 4, 3, 2, padding="same"), ValueError, "stride 1 only"),
        (lambda: nn.Conv2d(3, 4, 3, padding="full"), ValueError, "padding='full'"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, padding="same"), ValueError, "padding.*'same'"),
        (lambda: nn.Conv2d(3, 4, 9)(image), ValueError, "kernel"),
        (lambda: nn.Conv2d(4, 4, 3)(image), ValueError, "3 channels.*wants 4"),
        (lambda: nn.MaxPool2d(0), ValueError, "MaxPool2d: kernel_size.*0"),
        (lambda: nn.AvgPool2d(2, stride=0), ValueError, "AvgPool2d: stride.*0"),
        (lambda: nn.Upsample(), ValueError, "either size or scale_factor"),
        (lambda: nn.Unflatten(1, 3), ValueError, "unflattened_size"),
        (lambda: nn.Linear(2, 2, dtype=minigen.int64), RuntimeError, "int64"),
        (lambda: nn.Linear(2, 2).wieght, AttributeError, "no attribute 'wieght'; did you mean 'weight'"),
        (lambda: Block().inner.get_parameter("wight"), AttributeError, "Linear has no parameter 'wight'"),
        (lambda: Block().get_buffer("inner.weight"), AttributeError, "Block has no buffer 'inner.weight'"),
        (lambda: nn.ModuleDict({"a": nn.ReLU}), TypeError, "entry 'a' must be a Module, not a type"),
        (lambda: nn.ModuleDict({"a": nn.ReLU()})["b"], KeyError, "there is no 'b', only 'a'"),
        (lambda: nn.ModuleDict({"keys": nn.ReLU()}), ValueError, "'keys' exists already"),
        (lambda: nn.ParameterDict({"a": [1.0]}), TypeError, "must be a Tensor, not a list"),
        (lambda: F.linear(minigen.ones(4, 8), minigen.ones(5, 10)), ValueError, r"\(4, 8\) has 8.*\(5, 10\) wants 10$"),
        (lambda: F.linear(image, minigen.ones(5, 192)), ValueError, r"input.flatten\(1\)"),
        (lambda: nn.BatchNorm2d(3, momentum=2), ValueError, "momentum.*2"),
        (lambda: nn.BatchNorm2d(4)(image), ValueError, r"\(1, 3, 8, 8\).*C = 4"),
        (lambda: nn.BatchNorm1d(3)(image), ValueError, r"BatchNorm1d.*\(N, C\)"),
        (lambda: F.linear(image, minigen.zeros(2, 3)), ValueError, r"\(1, 3, 8, 8\).*\(2, 3\)"),
        (lambda: F.linear(image, minigen.zeros(2, 8), minigen.zeros(3)), ValueError, r"bias \(3,\)"),
        (lambda: F.linear(image.double(), minigen.zeros(2, 8)), TypeError, "float64, but weight has float32"),
        (lambda: init.kaiming_normal_(minigen.zeros(3)), ValueError, "at least two axes"),
        (lambda: init.kaiming_normal_(image, mode="in"), ValueError, "mode='in'"),
        (lambda: init.calculate_gain("gelu"), ValueError, "'gelu' is not one of"),
        (lambda: init.normal_(image, std=-1), ValueError, "std.*-1"),
        (lambda: init.uniform_(image, 1, 0), ValueError, "a=1.*b=0"),
        (lambda: init.orthogonal_(minigen.zeros(3)), ValueError, "two axes"),
        (lambda: utils.parameters_to_vector([]), ValueError, "no parameters"),
    ],
)
def test_misuse_is_told_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call()
