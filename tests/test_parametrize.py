"""Weights that are computed at each use: spectral and weight normalisation beside PyTorch's, and what carries them."""

import copy
import gc
import weakref

import numpy as np
import pytest

import minigen
from minigen import nn, optim
from minigen.checks import check_gradients
from minigen.nn import utils
from minigen.nn.utils import parametrizations, parametrize

SPELLINGS = {"parametrizations": lambda nn: nn.utils.parametrizations, "older names": lambda nn: nn.utils}
LAYERS = {
    "Linear": (lambda nn: nn.Linear(6, 4), (5, 6)),
    "Conv2d": (lambda nn: nn.Conv2d(3, 4, (3, 2), stride=2, padding=1), (4, 3, 6, 5)),
    "ConvTranspose1d": (lambda nn: nn.ConvTranspose1d(3, 4, 3), (4, 3, 5)),
    "ConvTranspose2d": (lambda nn: nn.ConvTranspose2d(3, 4, 3, stride=2), (4, 3, 3, 4)),
}
NORMS = {
    "spectral_norm": lambda where, layer: where.spectral_norm(layer),
    "spectral_norm, 3 steps, dim 1": lambda where, layer: where.spectral_norm(layer, n_power_iterations=3, dim=1),
    "weight_norm": lambda where, layer: where.weight_norm(layer),
    "weight_norm, dim 1": lambda where, layer: where.weight_norm(layer, dim=1),
    "weight_norm, dim None": lambda where, layer: where.weight_norm(layer, dim=None),
}
all_norms = pytest.mark.parametrize("norm", NORMS.values(), ids=NORMS.keys())
all_layers = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS.keys())
both_spellings = pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS.keys())


def largest_singular_value(weight, dim=0):
    return np.linalg.svd(np.moveaxis(weight.detach().numpy(), dim, 0).reshape(weight.shape[dim], -1))[1][0]


# --- as PyTorch does it -------------------------------------------------------------------------------------------


def steps_of(model, optimizer, batches, square_mean):
    """Train on pairs of batches, as a discriminator is: two forwards, one backward; then look at it in evaluation."""
    seen = []
    for real, fake in batches:
        optimizer.zero_grad()
        loss = square_mean(model(real)) - 0.3 * square_mean(model(fake))
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
    model.eval()
    return seen, model(batches[0][0]).detach().numpy()


@all_layers
@all_norms
@both_spellings
@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning", "ignore:.*spectral_norm.*:FutureWarning")
def test_training_is_that_of_torch(torch, layer, norm, spelling):
    make, shape = layer
    mine = norm(spelling(nn), make(nn).double())
    theirs = norm(spelling(torch.nn), make(torch.nn).double())
    assert list(mine.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict({k: torch.tensor(v.numpy().copy()) for k, v in mine.state_dict().items()})
    rng = np.random.default_rng(0)
    batches = [(rng.standard_normal(shape), rng.standard_normal(shape)) for _ in range(5)]
    a, y = steps_of(
        mine,
        optim.Adam(mine.parameters(), lr=0.01),
        [[minigen.Tensor(b) for b in pair] for pair in batches],
        lambda y: (y * y).mean(),
    )
    b, wanted = steps_of(
        theirs,
        torch.optim.Adam(theirs.parameters(), lr=0.01),
        [[torch.tensor(b) for b in pair] for pair in batches],
        lambda y: (y * y).mean(),
    )
    np.testing.assert_allclose(a, b, rtol=1e-9)
    np.testing.assert_allclose(y, wanted, rtol=1e-9, atol=1e-11)
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(mine.state_dict()[name].numpy(), value.numpy(), rtol=1e-8, atol=1e-11)


@all_norms
@both_spellings
@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning", "ignore:.*spectral_norm.*:FutureWarning")
def test_a_state_of_torch_loads(torch, norm, spelling):
    theirs = norm(spelling(torch.nn), torch.nn.Conv2d(3, 4, 3)).eval()
    mine = norm(spelling(nn), nn.Conv2d(3, 4, 3)).eval()
    mine.load_state_dict(theirs.state_dict())
    theirs(torch.zeros(1, 3, 4, 4))  # in the older spelling the weight is computed by a forward pass only
    np.testing.assert_allclose(mine.weight.detach().numpy(), theirs.weight.detach().numpy(), rtol=1e-5, atol=1e-7)


def test_a_vector_is_divided_by_its_length(torch):
    mine = parametrizations.spectral_norm(nn.BatchNorm1d(3))
    theirs = torch.nn.utils.parametrizations.spectral_norm(torch.nn.BatchNorm1d(3))
    assert list(mine.state_dict()) == list(theirs.state_dict())
    np.testing.assert_allclose(mine.weight.tolist(), theirs.weight.tolist(), rtol=1e-6)


# --- what they promise --------------------------------------------------------------------------------------------


@all_layers
@both_spellings
def test_the_largest_singular_value_becomes_1(layer, spelling):
    make, shape = layer
    module = spelling(nn).spectral_norm(make(nn).double())
    dim = 1 if "Transpose" in repr(module) else 0
    x = minigen.randn(*shape, dtype=minigen.float64)
    assert abs(largest_singular_value(module.weight, dim) - 1) < 0.1  # after the first iterations
    for _ in range(200):
        module(x)
    assert abs(largest_singular_value(module.weight, dim) - 1) < 1e-6


@both_spellings
def test_evaluation_leaves_the_vectors_alone_and_training_moves_them(spelling):
    layer = spelling(nn).spectral_norm(nn.Linear(6, 4))
    nn.init.normal_(next(p for n, p in layer.named_parameters() if "orig" in n))
    before = {k: v.clone() for k, v in layer.state_dict().items()}
    x = minigen.randn(2, 6)
    layer.eval()
    first, second = layer(x), layer(x)
    assert first.tolist() == second.tolist()
    assert all((v == before[k]).all() for k, v in layer.state_dict().items())
    layer.train()
    layer(x)
    moved = [k for k, v in layer.state_dict().items() if not (v == before[k]).all()]
    assert [k[-1] for k in moved] == ["u", "v"]


@both_spellings
def test_two_forwards_then_one_backward(spelling):
    """The second forward moves u and v; the first one's backward must not see it."""
    layer = spelling(nn).spectral_norm(nn.Linear(6, 4).double())
    state = {k: v.clone() for k, v in layer.state_dict().items()}
    real, fake = (minigen.randn(3, 6, dtype=minigen.float64) for _ in range(2))
    (layer(real).sum() * 2 - layer(fake).square().sum()).backward()
    together = next(p for n, p in layer.named_parameters() if "orig" in n).grad
    layer.load_state_dict(state)
    layer.zero_grad()
    (layer(real).sum() * 2).backward()
    (-layer(fake).square().sum()).backward()
    apart = next(p for n, p in layer.named_parameters() if "orig" in n).grad
    np.testing.assert_allclose(together.numpy(), apart.numpy(), rtol=1e-12)


@pytest.mark.parametrize("name", ["spectral_norm", "weight_norm"])
@both_spellings
def test_derivatives_to_the_third_order(name, spelling):
    layer = getattr(spelling(nn), name)(nn.Conv2d(2, 3, (3, 2)).double()).eval()
    originals = [n for n, _ in layer.named_parameters() if "bias" not in n]
    holders = [
        (layer.get_submodule(path), key) for path, _, key in (original.rpartition(".") for original in originals)
    ]

    def f(x, *weights):
        for (module, key), weight in zip(holders, weights, strict=True):
            vars(module)["_parameters"][key] = weight
        return layer(x)

    starts = [vars(module)["_parameters"][key].detach().numpy().copy() for module, key in holders]
    x = np.random.default_rng(0).standard_normal((4, 2, 4, 3))
    check_gradients(f, x, *starts, order=3)


@both_spellings
def test_a_gradient_penalty_goes_through(spelling):
    layer = spelling(nn).spectral_norm(nn.Linear(3, 1).double())
    x = minigen.randn(4, 3, dtype=minigen.float64, requires_grad=True)
    (slope,) = minigen.grad(layer(x).sum(), x, create_graph=True)
    (slope.square().sum(1) - 1).square().sum().backward()
    # the slope is w / |w|: its length is 1 whatever w is, so the penalty's gradient must vanish
    original = next(p for n, p in layer.named_parameters() if "orig" in n)
    assert original.grad.abs().max().item() < 1e-12


def test_the_memory_layout_of_a_convolution_stays():
    for make in (parametrizations.spectral_norm, parametrizations.weight_norm, utils.spectral_norm, utils.weight_norm):
        layer = make(nn.Conv2d(8, 16, 3))
        assert layer.weight.permute(0, 2, 3, 1).is_contiguous()


@pytest.mark.parametrize("name", ["spectral_norm", "weight_norm"])
@both_spellings
def test_float32_stays(name, spelling):
    layer = getattr(spelling(nn), name)(nn.Linear(3, 2))
    y = layer(minigen.randn(4, 3))
    y.sum().backward()
    assert y.dtype == minigen.float32
    assert {p.grad.dtype for p in layer.parameters()} == {minigen.float32}


# --- removing -----------------------------------------------------------------------------------------------------


def test_removing_leaves_the_computed_weight():
    removals = {
        parametrizations.spectral_norm: lambda m: parametrize.remove_parametrizations(m, "weight"),
        parametrizations.weight_norm: lambda m: parametrize.remove_parametrizations(m, "weight"),
        utils.spectral_norm: utils.remove_spectral_norm,
        utils.weight_norm: utils.remove_weight_norm,
    }
    for add, remove in removals.items():
        layer = add(nn.Conv2d(2, 3, 3)).eval()
        weight, x = layer.weight.tolist(), minigen.randn(1, 2, 5, 5)
        y = layer(x).tolist()
        assert remove(layer) is layer
        assert sorted(layer.state_dict()) == ["bias", "weight"]
        assert isinstance(layer.weight, nn.Parameter)
        assert layer.weight.tolist() == weight
        assert layer.train()(x).tolist() == y
        assert not layer._forward_pre_hooks
        assert not parametrize.is_parametrized(layer)
        assert add(layer) is layer  # and once more


def test_going_back_to_the_original():
    layer = nn.Linear(3, 2)
    weight, values = layer.weight, layer.weight.tolist()
    parametrizations.spectral_norm(layer)
    assert layer.parametrizations.weight.original is weight  # an optimizer that has it goes on working
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    assert layer.weight is weight
    assert layer.weight.tolist() == values


# --- parametrisations in general ------------------------------------------------------------------------------------


class Double(nn.Module):
    def forward(self, x):
        return x * 2

    def right_inverse(self, y):
        return y / 2


class Transposed(nn.Module):
    def forward(self, x):
        return x.T


class Sum(nn.Module):
    def forward(self, x, y):
        return x + y

    def right_inverse(self, z):
        return z - 1, z * 0 + 1


def test_the_original_starts_where_the_weight_was():
    layer = nn.Linear(3, 3)
    values = layer.weight.tolist()
    parametrize.register_parametrization(layer, "weight", Double())
    assert layer.weight.tolist() == values
    np.testing.assert_allclose(layer.parametrizations.weight.original.tolist(), np.array(values) / 2)
    parametrize.register_parametrization(layer, "weight", Transposed())
    assert layer.weight.tolist() == np.array(values).T.tolist()
    assert [type(p) for p in layer.parametrizations.weight] == [Double, Transposed]
    assert isinstance(layer.parametrizations.weight[1], Transposed)
    assert parametrize.is_parametrized(layer)
    assert parametrize.is_parametrized(layer, "weight")
    assert not parametrize.is_parametrized(layer, "bias")


def test_several_originals_and_a_buffer():
    layer = parametrize.register_parametrization(nn.Linear(2, 2), "bias", Sum())
    assert list(layer.state_dict())[1:] == ["parametrizations.bias.original0", "parametrizations.bias.original1"]
    norm = nn.BatchNorm1d(2)
    parametrize.register_parametrization(norm, "running_var", Double())
    assert norm.running_var.tolist() == [1, 1]
    assert "parametrizations.running_var.original" in dict(norm.named_buffers())
    parametrize.remove_parametrizations(norm, "running_var")
    assert "running_var" in dict(norm.named_buffers())


@pytest.mark.parametrize("add", [parametrizations.spectral_norm, utils.spectral_norm, utils.weight_norm])
def test_a_copy_is_independent(add):
    layer = add(nn.Linear(3, 2))
    twin = copy.deepcopy(layer)
    before, x = {k: v.tolist() for k, v in layer.state_dict().items()}, minigen.randn(2, 3)
    with minigen.no_grad():
        for parameter in twin.parameters():
            parameter.fill_(1.0)
    twin(x)
    assert {k: v.tolist() for k, v in layer.state_dict().items()} == before
    np.testing.assert_allclose(twin.eval().weight.tolist(), np.full((2, 3), twin.weight[0, 0].item()))
    assert dir(twin).count("weight") == 1


def test_train_and_eval_reach_the_parametrisation():
    layer = parametrizations.spectral_norm(nn.Linear(3, 2).eval())
    assert not layer.parametrizations.weight.training
    assert layer.train().parametrizations.weight.training


def test_a_normalised_layer_dies_with_its_last_user():
    gc.disable()
    try:
        for add in (parametrizations.spectral_norm, utils.spectral_norm, utils.weight_norm):
            layer = add(nn.Linear(3, 2))
            weight = weakref.ref(layer.weight)
            layer(minigen.randn(4, 3)).sum().backward()
            assert weight() is None
            dead = weakref.ref(layer)
            del layer
            assert dead() is None
    finally:
        gc.enable()


REFUSED = {
    "register_parametrization: Linear has no parameter 'wheight'": lambda m: parametrize.register_parametrization(
        m, "wheight", Double()
    ),
    "turns shape (2, 3) and dtype float32 into (3, 2)": lambda m: parametrize.register_parametrization(
        m, "weight", Transposed()
    ),
    "register_parametrization: parametrization must be an nn.Module, not a function": lambda m: (
        parametrize.register_parametrization(m, "weight", lambda x: x)
    ),
    "only the first parametrization": lambda m: parametrizations.weight_norm(parametrizations.spectral_norm(m)),
    "remove_parametrizations: Linear.weight is not parametrised": lambda m: parametrize.remove_parametrizations(
        m, "weight"
    ),
    "computed from several tensors": lambda m: parametrize.remove_parametrizations(
        parametrizations.weight_norm(m), "weight", leave_parametrized=False
    ),
    "Linear.weight is computed from other parameters": lambda m: setattr(
        utils.weight_norm(m), "weight", nn.Parameter(minigen.zeros(2, 3))
    ),
    "spectral_norm: n_power_iterations must be an integer >= 1, not 0": lambda m: utils.spectral_norm(
        m, n_power_iterations=0
    ),
    "spectral_norm: eps must be a number at least 0": lambda m: parametrizations.spectral_norm(m, eps=-1.0),
    "spectral_norm: dim 2 is out of range": lambda m: parametrizations.spectral_norm(m, dim=2),
    "weight_norm: dim 3 is out of range": lambda m: utils.weight_norm(m, dim=3),
    "spectral_norm: Linear has no parameter 'wheight'": lambda m: utils.spectral_norm(m, "wheight"),
    "spectral_norm: module must be an nn.Module, not a Parameter": lambda m: utils.spectral_norm(m.weight),
    "spectral_norm: 'bias' has shape (2,)": lambda m: utils.spectral_norm(m, "bias"),
    "spectral_norm: Linear.weight is no parameter, or is computed already": lambda m: utils.spectral_norm(
        utils.spectral_norm(m)
    ),
    "remove_spectral_norm: Linear.weight has no spectral_norm": lambda m: utils.remove_spectral_norm(
        utils.weight_norm(m)
    ),
    "remove_weight_norm: Linear.weight has no weight_norm": lambda m: utils.remove_weight_norm(m),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_fit_is_refused_in_words(message):
    with pytest.raises((ValueError, TypeError, IndexError)) as caught:
        REFUSED[message](nn.Linear(3, 2))
    assert message in str(caught.value)
