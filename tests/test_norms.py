"""Normalisation layers beside PyTorch's, in what the table does not see: precision, running statistics, refusals."""

import math

import numpy as np
import pytest

import minigen
import minigen.nn.functional as F
from minigen import Tensor, nn
from minigen.checks import check_gradients
from minigen.nn import init


def random(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def channels_last(x):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


# --- layers -------------------------------------------------------------------------------------------------------

LAYERS = {
    "LayerNorm(5)": (lambda n: n.LayerNorm(5), (3, 4, 5)),
    "LayerNorm((4, 5), 0.1)": (lambda n: n.LayerNorm((4, 5), 0.1), (3, 4, 5)),
    "LayerNorm without bias": (lambda n: n.LayerNorm([5], bias=False), (3, 5)),
    "LayerNorm without affine": (lambda n: n.LayerNorm(5, 1e-5, False), (5,)),
    "RMSNorm": (lambda n: n.RMSNorm((4, 5)), (3, 4, 5)),
    "RMSNorm without affine": (lambda n: n.RMSNorm(5, 0.1, False), (3, 5)),
    "GroupNorm": (lambda n: n.GroupNorm(2, 6), (3, 6, 4, 5)),
    "GroupNorm of (N, C)": (lambda n: n.GroupNorm(3, 6, 0.1), (3, 6)),
    "GroupNorm without affine": (lambda n: n.GroupNorm(6, 6, affine=False), (3, 6, 4)),
    "InstanceNorm1d": (lambda n: n.InstanceNorm1d(4), (3, 4, 5)),
    "InstanceNorm1d of one": (lambda n: n.InstanceNorm1d(4, affine=True), (4, 5)),
    "InstanceNorm1d tracking": (lambda n: n.InstanceNorm1d(4, 0.1, 0.3, True, True), (3, 4, 5)),
    "InstanceNorm2d": (lambda n: n.InstanceNorm2d(4, affine=True), (3, 4, 5, 2)),
    "InstanceNorm2d of one": (lambda n: n.InstanceNorm2d(4), (4, 5, 2)),
    "InstanceNorm2d tracking": (lambda n: n.InstanceNorm2d(4, track_running_stats=True), (3, 4, 5, 2)),
    "InstanceNorm2d without momentum": (
        lambda n: n.InstanceNorm2d(4, momentum=None, track_running_stats=True),
        (3, 4, 5, 2),
    ),
    "LocalResponseNorm": (lambda n: n.LocalResponseNorm(3, 0.5, 0.6, 1.2), (3, 5, 4, 2)),
    "LocalResponseNorm of (N, C, L)": (lambda n: n.LocalResponseNorm(4), (3, 5, 4)),
    "BatchNorm1d of (N, C)": (lambda n: n.BatchNorm1d(4), (6, 4)),
    "BatchNorm1d of (N, C, L)": (lambda n: n.BatchNorm1d(4, 1e-3, 0.3), (6, 4, 3)),
    "BatchNorm1d, plain mean": (lambda n: n.BatchNorm1d(4, momentum=None), (6, 4)),
    "BatchNorm2d": (lambda n: n.BatchNorm2d(4), (6, 4, 3, 2)),
    "BatchNorm2d, plain mean": (lambda n: n.BatchNorm2d(4, momentum=None), (6, 4, 3, 2)),
    "BatchNorm2d without affine": (lambda n: n.BatchNorm2d(4, affine=False), (6, 4, 3, 2)),
    "BatchNorm2d without bias": (lambda n: n.BatchNorm2d(4, bias=False), (6, 4, 3, 2)),
    "BatchNorm2d without tracking": (lambda n: n.BatchNorm2d(4, track_running_stats=False), (6, 4, 3, 2)),
    "BatchNorm2d of nothing": (lambda n: n.BatchNorm2d(4), (0, 4, 3, 2)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_those_of_torch(torch, name):
    """Three batches in training, then evaluation: outputs, gradients of everything, and the whole state."""
    make, shape = LAYERS[name]
    mine, theirs = make(nn).double(), make(torch.nn).double()
    assert list(mine.state_dict()) == list(theirs.state_dict())
    with torch.no_grad():
        for seed, (a, b) in enumerate(zip(mine.parameters(), theirs.parameters(), strict=True)):
            a.data.copy_(random(*a.shape, seed=seed))
            b.copy_(torch.tensor(a.detach().numpy()))

    def same(a, b):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-10)
        assert a.shape == tuple(b.shape)

    for step in range(4):
        mine.train(step < 3)
        theirs.train(step < 3)
        x, seed = random(*shape, seed=10 + step) * 2 + 3, random(*shape, seed=20 + step)
        a, b = Tensor(x).requires_grad_(), torch.tensor(x, requires_grad=True)
        y, wanted = mine(a), theirs(b)
        same(y, wanted)
        y.backward(Tensor(seed))
        wanted.backward(torch.tensor(seed))
        same(a.grad, b.grad)
        for p, q in zip(mine.parameters(), theirs.parameters(), strict=True):
            same(p.grad, q.grad)
        for key, value in theirs.state_dict().items():
            same(mine.state_dict()[key], value)


def test_reprs_say_what_matters():
    assert repr(nn.GroupNorm(2, 4)) == "GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)"
    assert repr(nn.LayerNorm((3, 4), bias=False)) == "LayerNorm((3, 4), eps=1e-05, elementwise_affine=True, bias=False)"
    assert repr(nn.RMSNorm(3)) == "RMSNorm((3,), eps=None, elementwise_affine=True)"
    assert repr(nn.LocalResponseNorm(2)) == "LocalResponseNorm(2, alpha=0.0001, beta=0.75, k=1.0)"
    assert "bias=False" in repr(nn.BatchNorm2d(3, bias=False))
    assert "num_classes=7" in repr(nn.ConditionalBatchNorm2d(3, 7))
    assert "style_features=7" in repr(nn.AdaptiveInstanceNorm2d(3, 7))


def test_reset_parameters():
    for layer in (nn.LayerNorm(3), nn.GroupNorm(1, 3), nn.BatchNorm1d(3), nn.ConditionalBatchNorm2d(3, 2)):
        init.constant_(layer.weight, 7.0)
        init.constant_(layer.bias, 7.0)
        layer.reset_parameters()
        assert layer.weight.mean().item() == 1
        assert layer.bias.abs().sum().item() == 0


def test_instance_norm_warns_of_a_wrong_number_that_it_does_not_use():
    with pytest.warns(UserWarning, match="num_features is 3"):
        assert nn.InstanceNorm2d(3)(minigen.randn(2, 4, 5, 5)).shape == (2, 4, 5, 5)


# --- precision ----------------------------------------------------------------------------------------------------

AXES = {
    "layer_norm": (lambda x: F.layer_norm(x, x.shape[1:]), (1, 2, 3)),
    "layer_norm, last axis": (lambda x: F.layer_norm(x, x.shape[-1]), (3,)),
    "group_norm": (lambda x: F.group_norm(x, 1), (1, 2, 3)),
    "instance_norm": (lambda x: F.instance_norm(x), (2, 3)),
}


@pytest.mark.parametrize("layout", [np.ascontiguousarray, channels_last])
@pytest.mark.parametrize("name", AXES)
def test_float32_survives_a_mean_much_larger_than_the_deviation(name, layout):
    f, axes = AXES[name]
    x = layout((100 + 0.1 * random(4, 8, 64, 48)).astype(np.float32))
    exact = x.astype(np.float64)
    centred = exact - exact.mean(axes, keepdims=True)
    inv_std = 1 / np.sqrt(centred.var(axes, keepdims=True) + 1e-5)
    wanted = centred * inv_std
    seed = random(*x.shape, seed=1)
    gradient = inv_std * (seed - seed.mean(axes, keepdims=True) - wanted * (seed * wanted).mean(axes, keepdims=True))
    leaf = Tensor(x).requires_grad_()
    y = f(leaf)
    assert y.dtype == np.float32
    assert np.abs(y.detach().numpy() - wanted).max() < 5e-6 * np.abs(wanted).max()
    y.backward(Tensor(seed.astype(np.float32)))
    assert np.abs(leaf.grad.numpy() - gradient).max() < 1e-5 * np.abs(gradient).max()


def test_a_mean_over_the_first_axis_is_over_all_of_it():
    """An input larger than the blocks in which samples are worked through."""
    x = random(300, 1000)
    y = F.layer_norm(Tensor(x), x.shape).numpy()
    np.testing.assert_allclose(y, (x - x.mean()) / np.sqrt(x.var() + 1e-5), rtol=1e-9, atol=1e-12)


def test_the_memory_order_stays():
    x = Tensor(channels_last(random(2, 6, 4, 4)))
    for y in (F.group_norm(x, 2), F.instance_norm(x), F.layer_norm(x, (6, 4, 4)), F.local_response_norm(x, 3)):
        assert np.moveaxis(y.numpy(), 1, -1).flags.c_contiguous


def test_constant_inputs_give_the_bias():
    x, bias = minigen.full((2, 4, 3, 3), 5.0), minigen.full((4,), 2.0)
    for y in (F.group_norm(x, 2, bias=bias), F.instance_norm(x, bias=bias)):
        assert (y.numpy() == 2.0).all()


@pytest.mark.parametrize("shape", [(0, 4, 3, 3), (2, 4, 0, 3), (2, 4, 0)])
def test_empty_inputs(shape):
    x = minigen.zeros(*shape, requires_grad=True)
    affine = minigen.ones(4, requires_grad=True), minigen.zeros(4, requires_grad=True)
    for y in (
        F.group_norm(x, 2, *affine),
        F.instance_norm(x, None, None, *affine),
        F.batch_norm(x, None, None, *affine, training=True),
        F.local_response_norm(x, 2),
        F.layer_norm(x, shape[2:]),
        F.normalize(x),
    ):
        assert y.shape == shape
        y.sum().backward()
    assert x.grad.shape == shape
    assert affine[0].grad.tolist() == affine[1].grad.tolist() == [0, 0, 0, 0]


def test_an_empty_batch_leaves_the_running_statistics_alone():
    mean, var = minigen.zeros(3), minigen.ones(3)
    F.batch_norm(minigen.zeros(0, 3), mean, var, training=True)
    F.instance_norm(minigen.zeros(0, 3, 4), mean, var)
    assert mean.tolist() == [0, 0, 0]
    assert var.tolist() == [1, 1, 1]


# --- conditional and adaptive -------------------------------------------------------------------------------------


def test_conditional_batch_norm_takes_the_row_of_the_class():
    norm, plain = nn.ConditionalBatchNorm2d(3, 5).double(), nn.BatchNorm2d(3, affine=False).double()
    init.normal_(norm.weight)
    init.normal_(norm.bias)
    x, labels = Tensor(random(4, 3, 5, 2)), [4, 0, 4, 2]
    wanted = np.stack(
        [
            y * norm.weight.detach().numpy()[k][:, None, None] + norm.bias.detach().numpy()[k][:, None, None]
            for y, k in zip(plain(x).numpy(), labels, strict=True)
        ]
    )
    np.testing.assert_allclose(norm(x, minigen.tensor(labels)).detach().numpy(), wanted, rtol=1e-12)
    assert norm.running_mean.tolist() == plain.running_mean.tolist()
    assert norm.num_batches_tracked.item() == 1
    assert [k for k, _ in norm.named_parameters()] == ["weight", "bias"]


def test_only_the_classes_seen_get_a_gradient():
    norm = nn.ConditionalBatchNorm2d(3, 5)
    (norm(minigen.randn(4, 3, 5, 2), minigen.tensor([4, 0, 4, 2])) ** 2).sum().backward()
    for parameter in norm.parameters():
        assert (parameter.grad != 0).any(1).tolist() == [True, False, True, False, True]


def test_conditional_batch_norm_has_right_derivatives():
    labels = minigen.tensor([1, 0, 1, 1])

    def f(x, weight, bias):
        norm = nn.ConditionalBatchNorm2d(2, 2, track_running_stats=False)
        norm._parameters.update(weight=weight, bias=bias)
        return norm(x, labels)

    check_gradients(f, random(4, 2, 3, 2), random(2, 2, seed=1), random(2, 2, seed=2), order=3)


def test_adain_gives_the_statistics_of_the_style():
    content, style = Tensor(random(2, 3, 8, 6)), Tensor(random(2, 3, 5, 4, seed=1) * 3 + 7)
    y = F.adaptive_instance_norm(content, style, eps=0.0)
    np.testing.assert_allclose(y.mean((2, 3)).numpy(), style.mean((2, 3)).numpy(), rtol=1e-10)
    np.testing.assert_allclose(y.std((2, 3), correction=0).numpy(), style.std((2, 3), correction=0).numpy(), rtol=1e-10)
    np.testing.assert_allclose(F.adaptive_instance_norm(content, content).numpy(), content.numpy(), rtol=1e-10)


def test_adaptive_layer_starts_near_the_plain_norm_and_hears_the_style():
    norm, x = nn.AdaptiveInstanceNorm2d(3, 4), minigen.randn(2, 3, 5, 5)
    np.testing.assert_allclose(
        norm(x, minigen.zeros(2, 4)).detach().numpy(), F.instance_norm(x).numpy(), rtol=1e-5, atol=1e-6
    )
    style = minigen.randn(2, 4, requires_grad=True)
    (norm(x, style) ** 2).sum().backward()
    assert all((p.grad != 0).any() for p in norm.parameters())
    assert (style.grad != 0).any()


# --- local response norm and normalize ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9, 12])
def test_local_response_norm_is_that_of_torch(torch, size):
    x = random(2, 5, 3, 4)
    a, b = Tensor(x).requires_grad_(), torch.tensor(x, requires_grad=True)
    y, wanted = F.local_response_norm(a, size, 2.0), torch.nn.functional.local_response_norm(b, size, 2.0)
    np.testing.assert_allclose(y.detach().numpy(), wanted.detach().numpy(), rtol=1e-12)
    (y**3).sum().backward()
    (wanted**3).sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("p", [2.0, 1, 3.5, 0.5, math.inf, -math.inf, 0, -1.0])
@pytest.mark.parametrize("dim", [0, -1, (0, 2), None])
def test_normalize_is_that_of_torch(torch, p, dim):
    x = random(3, 4, 2)
    a, b = Tensor(x).requires_grad_(), torch.tensor(x, requires_grad=True)
    y, wanted = F.normalize(a, p, dim), torch.nn.functional.normalize(b, p, dim)
    np.testing.assert_allclose(y.detach().numpy(), wanted.detach().numpy(), rtol=1e-12)
    (y**3).sum().backward()
    (wanted**3).sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("p", [2.0, 1.0, 0.5, 3.0, math.inf])
def test_vectors_of_zeros_stay_zeros_and_have_finite_derivatives(p):
    x = minigen.tensor([[0.0, 0.0], [3.0, 0.0], [1.0, -2.0]], requires_grad=True)
    y = F.normalize(x, p)
    assert y[0].tolist() == [0, 0]
    (slope,) = minigen.grad((y * minigen.randn(3, 2)).sum(), x, create_graph=True)
    (second,) = minigen.grad((slope[1:] ** 2).sum(), x)
    assert slope.isfinite().all()
    assert second.isfinite().all()


def test_normalize_of_a_number():
    assert F.normalize(minigen.tensor(-3.0), dim=0).item() == -1


# --- initialisation -----------------------------------------------------------------------------------------------


def test_truncated_normal_is_one():
    w = init.trunc_normal_(minigen.empty(100, 1000), 1.0, 2.0, -1.0, 4.0).numpy()
    assert w.min() >= -1
    assert w.max() <= 4
    alpha, beta = -1.0, 1.5  # the bounds in standard deviations
    density = [math.exp(-t * t / 2) / math.sqrt(2 * math.pi) for t in (alpha, beta)]
    mass = (math.erf(beta / math.sqrt(2)) - math.erf(alpha / math.sqrt(2))) / 2
    mean = 1 + 2 * (density[0] - density[1]) / mass
    spread = 1 + (alpha * density[0] - beta * density[1]) / mass - ((density[0] - density[1]) / mass) ** 2
    assert abs(w.mean() - mean) < 0.02
    assert abs(w.std() - 2 * math.sqrt(spread)) < 0.02


def test_truncated_normal_of_almost_nothing_warns_and_stays_inside():
    with pytest.warns(UserWarning, match="almost nothing"):
        w = init.trunc_normal_(minigen.empty(100), 0.0, 1.0, 50.0, 51.0)
    assert w.min().item() >= 50
    assert w.max().item() <= 51


@pytest.mark.parametrize("shape", [(6, 3, 5), (6, 2, 3, 4), (4, 5, 3, 3)])
@pytest.mark.parametrize("groups", [1, 2])
def test_dirac_and_eye_are_those_of_torch(torch, shape, groups):
    mine, theirs = minigen.ones(*shape), torch.ones(*shape)
    assert init.dirac_(mine, groups).tolist() == torch.nn.init.dirac_(theirs, groups).tolist()
    assert init.eye_(mine[0].reshape(shape[1], -1)[:, :3]).tolist() == torch.eye(shape[1], 3).tolist()


WRITERS = {
    "trunc_normal_": init.trunc_normal_,
    "dirac_": init.dirac_,
    "orthogonal_": init.orthogonal_,
    "xavier_normal_": init.xavier_normal_,
    "kaiming_uniform_": init.kaiming_uniform_,
    "ones_": init.ones_,
}


@pytest.mark.parametrize("name", WRITERS)
def test_initialisation_writes_into_the_memory_that_is_there(name):
    weight = nn.Conv2d(8, 16, 3).weight
    array, version = weight.array, weight._version
    plain = minigen.empty(*weight.shape)
    minigen.manual_seed(3)
    assert WRITERS[name](weight) is weight
    minigen.manual_seed(3)
    assert WRITERS[name](plain).tolist() == weight.tolist()  # the layout changes nothing
    assert weight.array is array
    assert weight.permute(0, 2, 3, 1).is_contiguous()
    assert weight._version > version
    assert weight.requires_grad


@pytest.mark.parametrize(
    "name",
    [
        "uniform_",
        "normal_",
        "trunc_normal_",
        "xavier_uniform_",
        "xavier_normal_",
        "kaiming_uniform_",
        "kaiming_normal_",
        "orthogonal_",
    ],
)
def test_a_generator_of_ones_own(name):
    def draw(seed):
        return getattr(init, name)(minigen.empty(4, 3), generator=minigen.Generator().manual_seed(seed)).tolist()

    minigen.manual_seed(0)
    before = minigen.get_rng_state()
    assert draw(5) == draw(5) != draw(6)
    assert minigen.get_rng_state() == before


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 2, 3, 3)])
def test_weights_without_elements(shape):
    for fill in (init.kaiming_uniform_, init.xavier_normal_, init.orthogonal_, init.trunc_normal_, init.normal_):
        assert fill(minigen.empty(*shape)).shape == shape


# --- refusals -----------------------------------------------------------------------------------------------------

X = minigen.zeros(2, 4, 3, 3)
REFUSED = {
    "layer_norm: normalized_shape=(4,) is not what the input's shape (2, 3) ends with": lambda: F.layer_norm(
        minigen.zeros(2, 3), (4,)
    ),
    "layer_norm: normalized_shape=() is not": lambda: F.layer_norm(X, ()),
    "layer_norm: weight has shape (2,), but normalized_shape is (3,)": lambda: F.layer_norm(X, 3, minigen.ones(2)),
    "layer_norm: input has dtype int64": lambda: F.layer_norm(X.long(), 3),
    "layer_norm: eps must be a number": lambda: F.layer_norm(X, 3, eps=math.nan),
    "LayerNorm: eps must be a number at least 0": lambda: nn.LayerNorm(3, eps=-1.0),
    "rms_norm: normalized_shape=(4,) is not": lambda: F.rms_norm(X, 4),
    "LayerNorm: normalized_shape must name at least one axis": lambda: nn.LayerNorm(()),
    "LayerNorm: normalized_shape must be an integer >= 1, not 0": lambda: nn.LayerNorm(0),
    "group_norm: num_groups=3 does not divide the 4 channels": lambda: F.group_norm(X, 3),
    "group_norm: num_groups must be an integer >= 1, not 0": lambda: F.group_norm(X, 0),
    "group_norm: input (1, 3) in 3 groups has one value a group": lambda: F.group_norm(minigen.zeros(1, 3), 3),
    "group_norm: input is (N, C, ...)": lambda: F.group_norm(minigen.zeros(4), 2),
    "group_norm: weight has shape (3,), but input (2, 4, 3, 3) has 4 channels": lambda: F.group_norm(
        X, 2, minigen.ones(3)
    ),
    "group_norm: bias has shape (3,), but input (2, 4, 3, 3) has 4 channels": lambda: F.group_norm(
        X, 2, None, minigen.ones(3)
    ),
    "GroupNorm: num_groups=3 does not divide num_channels=4": lambda: nn.GroupNorm(3, 4),
    "GroupNorm: the input has shape (2, 4, 3, 3), but (N, C, ...) with C = 6": lambda: nn.GroupNorm(3, 6)(X),
    "instance_norm: input (2, 3, 1) has one value a channel": lambda: F.instance_norm(minigen.zeros(2, 3, 1)),
    "instance_norm: give both running_mean and running_var": lambda: F.instance_norm(X, minigen.zeros(4)),
    "instance_norm: use_input_stats=False needs running_mean": lambda: F.instance_norm(X, use_input_stats=False),
    "InstanceNorm2d: momentum must be a number from 0 to 1": lambda: nn.InstanceNorm2d(4, momentum=2.0),
    "InstanceNorm2d: the input has shape (2, 4)": lambda: nn.InstanceNorm2d(4)(minigen.zeros(2, 4)),
    "InstanceNorm2d: the input has shape (2, 4, 3, 3), but num_features is 3": lambda: nn.InstanceNorm2d(
        3, affine=True
    )(X),
    "batch_norm: give both running_mean and running_var": lambda: F.batch_norm(
        X, minigen.zeros(4), None, training=True
    ),
    "no more than one value a channel": lambda: nn.BatchNorm1d(3)(minigen.zeros(1, 3)),
    "BatchNorm2d: the input has shape (2, 4, 3, 3)": lambda: nn.BatchNorm2d(3)(X),
    "ConditionalBatchNorm2d: label 5 is none of the 5 classes": lambda: nn.ConditionalBatchNorm2d(4, 5)(
        X, minigen.tensor([0, 5])
    ),
    "ConditionalBatchNorm2d: label -1 is none": lambda: nn.ConditionalBatchNorm2d(4, 5)(X, minigen.tensor([0, -1])),
    "labels must be one integer an image, of shape (2,), not float32 of shape (2,)": lambda: nn.ConditionalBatchNorm2d(
        4, 5
    )(X, minigen.zeros(2)),
    "not int64 of shape (3,)": lambda: nn.ConditionalBatchNorm2d(4, 5)(X, minigen.zeros(3).long()),
    "ConditionalBatchNorm2d: num_classes must be an integer >= 1": lambda: nn.ConditionalBatchNorm2d(4, 0),
    "adaptive_instance_norm: content has shape (2, 4, 3, 3), style (2, 3, 3, 3)": lambda: F.adaptive_instance_norm(
        X, minigen.zeros(2, 3, 3, 3)
    ),
    "AdaptiveInstanceNorm2d: input has shape (2, 4, 3, 3), style (2, 8)": lambda: nn.AdaptiveInstanceNorm2d(4, 7)(
        X, minigen.zeros(2, 8)
    ),
    "local_response_norm: input is (N, C, ...) with at least three axes": lambda: F.local_response_norm(
        minigen.zeros(2, 3), 2
    ),
    "local_response_norm: size must be an integer >= 1, not 0": lambda: F.local_response_norm(X, 0),
    "local_response_norm: alpha must be a number": lambda: F.local_response_norm(X, 2, math.nan),
    "normalize: input has dtype int64": lambda: F.normalize(X.long()),
    "dim 4 is out of range": lambda: F.normalize(X, dim=4),
    "normalize: p must be a number": lambda: F.normalize(X, "fro"),
    "normalize: out is not supported": lambda: F.normalize(X, out=X),
    "trunc_normal_: a=1 must not be larger than b=0": lambda: init.trunc_normal_(X, a=1, b=0),
    "trunc_normal_: std must be a number": lambda: init.trunc_normal_(X, std=0),
    "eye_: a matrix is wanted": lambda: init.eye_(X),
    "dirac_: the weights of a convolution are wanted": lambda: init.dirac_(minigen.zeros(2, 2)),
    "dirac_: groups=3 does not divide the 2 outputs": lambda: init.dirac_(X, groups=3),
    "calculate_gain: nonlinearity='swish' is not one of": lambda: init.calculate_gain("swish"),
    "kaiming: mode='fan' is not one of": lambda: init.kaiming_normal_(X, mode="fan"),
    "fan in and fan out need a tensor of at least two axes": lambda: init.xavier_uniform_(minigen.zeros(3)),
    "xavier: tensor must be a Tensor, not list": lambda: init.xavier_uniform_([1.0]),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_fit_is_refused_in_words(message):
    with pytest.raises((ValueError, TypeError, IndexError)) as caught:
        REFUSED[message]()
    assert message in str(caught.value)
