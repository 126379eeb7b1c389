"""Critics: penalties on their slope, clipped and normalised weights, and the rhythm of critic and generator.

What every system must do is in test_models.py; here is what is particular to `wgan`, `wgan_gp` and `sngan`.
"""

import math

import numpy as np
import pytest
from table.systems import make
from test_models import batch_for, snapshot, standing_step

import minigen
from minigen import data, models, nn
from minigen.data import DataLoader
from minigen.models import penalties, sngan, wgan, wgan_gp
from minigen.models.system import evaluating, random_state_of
from minigen.training.checkpoint import write_checkpoint
from minigen.training.state import load_system, restore_system, system_state

CRITICS = ["wgan", "wgan_gp", "sngan"]
every_critic = pytest.mark.parametrize("name", CRITICS)


class Bowl(nn.Module):
    """D(x) = sum of c x^2 / 2 over all pixels: its gradient is c x, and that of each sample is known by hand."""

    def __init__(self, shape):
        super().__init__()
        self.c = nn.Parameter(minigen.rand(*shape, dtype=minigen.float64) + 0.5)

    def forward(self, x):
        self.seen = x.detach().numpy().copy()
        return (self.c * x**2 / 2).flatten(1).sum(1)  # (N, C, H, W) -> (N,)


def pair_of(shape, n=16):
    """Real and drawn samples that are far apart, so that it is seen where between them a penalty looks."""
    real = minigen.randn(n, *shape, dtype=minigen.float64)
    return real, minigen.randn(n, *shape, dtype=minigen.float64) + 3


# --- the gradient penalty
# -----------------------------------------------------------------------------------------


def check_gradient_penalty(penalise, shape, target=1.0):
    """Value, place and gradient of a penalty on the critic whose slope is known, against the formula in NumPy."""
    critic = Bowl(shape)
    real, fake = pair_of(shape, 200)
    penalty, norm = penalise(critic, real, fake)
    x, c = critic.seen, critic.c.detach().numpy()
    # on the lines, and evenly: one epsilon a sample, between 0 and 1
    epsilon = (x - fake.numpy()) / (real.numpy() - fake.numpy())  # (N, C, H, W)
    epsilon = epsilon.reshape(len(x), -1)
    assert np.ptp(epsilon, axis=1).max() < 1e-9, "one epsilon a sample"
    assert epsilon.min() >= 0 and epsilon.max() < 1, "between real and drawn"
    assert abs(epsilon[:, 0].mean() - 0.5) < 0.1 and abs(epsilon[:, 0].std() - 12**-0.5) < 0.05, "uniform"
    # the value
    norms = np.sqrt(((c * x) ** 2).reshape(len(x), -1).sum(1))
    assert penalty.item() == pytest.approx(((norms - target) ** 2).mean(), rel=1e-12)
    assert norm.item() == pytest.approx(norms.mean(), rel=1e-12)
    assert not norm.requires_grad
    # its gradient: d/dc (|c x| - t)^2 = 2 (|c x| - t) c x^2 / |c x|, for each sample
    (gradient,) = minigen.grad(penalty, critic.c)
    factor = (2 * (norms - target) / norms).reshape(-1, *(1,) * len(shape))
    assert np.allclose(gradient.numpy(), (factor * c * x**2).mean(0), rtol=1e-10)


@pytest.mark.parametrize("target", [1.0, 0.0])
@pytest.mark.parametrize("shape", [(2,), (3, 4, 4)])
def test_the_gradient_penalty_is_the_formula_of_the_paper(shape, target):
    check_gradient_penalty(
        lambda critic, real, fake: penalties.gradient_penalty(critic, real, fake, target=target), shape, target
    )


def faulty_penalty(epsilon_like=None, normal=False, norm_axes=1, flat=True, detach=False, reduction="mean"):
    """A gradient penalty with one of the slips that are found in programs for WGAN-GP."""

    def penalise(critic, real, fake):
        shape = real.shape if epsilon_like == "pixel" else (1,) * real.dim()
        shape = shape if epsilon_like else (len(real),) + (1,) * (real.dim() - 1)
        epsilon = (minigen.randn if normal else minigen.rand)(*shape, dtype=real.dtype)
        x = (epsilon * real + (1 - epsilon) * fake).requires_grad_()
        (g,) = minigen.autograd.grad(critic(x).sum(), x, create_graph=True)
        norms = (g.flatten(1) if flat else g).norm(dim=norm_axes)
        norms = norms.detach() if detach else norms
        penalty = getattr((norms - 1) ** 2, reduction)()
        return penalty + 0 * critic.c.sum(), norms.mean().detach()

    return penalise


def test_the_penalty_without_any_slip_passes():
    check_gradient_penalty(faulty_penalty(), (3, 4, 4))


@pytest.mark.parametrize(
    "slip",
    [
        {"epsilon_like": "pixel"},
        {"epsilon_like": "batch"},
        {"normal": True},
        {"flat": False},
        {"norm_axes": None},
        {"detach": True},
        {"reduction": "sum"},
    ],
    ids=str,
)
def test_slips_in_a_penalty_are_caught(slip):
    """One epsilon a pixel or a batch, a normal one, a norm over one axis or over the batch, no gradient, a sum."""
    with pytest.raises(AssertionError):
        check_gradient_penalty(faulty_penalty(**slip), (3, 4, 4))


def conv_critic(nn):
    return nn.Sequential(
        nn.Conv2d(2, 4, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
        nn.Conv2d(4, 6, 4, stride=2, padding=1), nn.GroupNorm(1, 6), nn.Tanh(),
        nn.Conv2d(6, 1, 2, bias=False), nn.Flatten(),
    )  # fmt: skip


def dense_critic(nn):
    return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))


@pytest.mark.parametrize(("build", "shape"), [(conv_critic, (2, 8, 8)), (dense_critic, (2,))])
def test_both_penalties_and_what_they_teach_the_critic_equal_pytorchs(torch, build, shape):
    """In float64: the value, and the gradient with respect to every parameter, which is a second derivative."""
    ours, theirs = build(nn).double(), build(torch.nn).double()
    theirs.load_state_dict({name: torch.tensor(tensor.numpy()) for name, tensor in ours.state_dict().items()})
    real, fake = pair_of(shape, 5)
    with random_state_of(7):
        penalty, norm = penalties.gradient_penalty(ours, real, fake)
    with random_state_of(7):
        epsilon = minigen.rand(5, *(1,) * len(shape), dtype=minigen.float64)
    x = torch.tensor((epsilon * real + (1 - epsilon) * fake).numpy(), requires_grad=True)
    (slopes,) = torch.autograd.grad(theirs(x).sum(), x, create_graph=True)
    norms = slopes.reshape(5, -1).pow(2).sum(1).sqrt()
    x = torch.tensor(real.numpy(), requires_grad=True)
    (slopes,) = torch.autograd.grad(theirs(x).sum(), x, create_graph=True)
    for mine, other in (
        (penalty, (norms - 1).pow(2).mean()),
        (penalties.r1_penalty(ours, real), slopes.pow(2).sum() / 5),
    ):
        assert mine.item() == pytest.approx(other.item(), rel=1e-10)
        parameters = dict(ours.named_parameters())
        found = minigen.grad(mine, list(parameters.values()), materialize_grads=True)
        expected = torch.autograd.grad(other, list(theirs.parameters()), materialize_grads=True)
        assert any(np.abs(g.numpy()).max() > 1e-3 for g in found)
        for name, a, b in zip(parameters, found, expected, strict=True):
            assert np.allclose(a.numpy(), b.numpy(), rtol=1e-8, atol=1e-11), name
    assert norm.item() == pytest.approx(norms.mean().item(), rel=1e-10)


def test_r1_is_the_formula_of_the_paper():
    critic = Bowl((3, 4, 4))
    real, _ = pair_of((3, 4, 4), 6)
    penalty = penalties.r1_penalty(critic, real)
    c, x = critic.c.detach().numpy(), real.numpy()
    assert penalty.item() == pytest.approx(((c * x) ** 2).sum() / 6, rel=1e-12)
    (gradient,) = minigen.grad(penalty, critic.c)
    assert np.allclose(gradient.numpy(), (2 * c * x**2).sum(0) / 6, rtol=1e-10)


def test_a_critic_that_is_flat_somewhere_still_learns():
    """All units dead: the gradient of each sample is exactly 0, and the derivative of its norm is 0, not NaN."""
    critic = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
    with minigen.no_grad():
        critic[0].bias.fill_(-100.0)
    penalty, norm = penalties.gradient_penalty(critic, minigen.rand(3, 2), minigen.rand(3, 2))
    assert (penalty.item(), norm.item()) == (1.0, 0.0)
    for gradient in minigen.grad(penalty, list(critic.parameters()), materialize_grads=True):
        assert np.array_equal(gradient.numpy(), np.zeros(gradient.shape))


def test_a_penalty_teaches_the_critic_alone_and_leaves_the_samples_as_they_are():
    critic = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    start, real = minigen.rand(4, 2, requires_grad=True), minigen.rand(4, 2)
    penalties.gradient_penalty(critic, real, start * 2)[0].backward()
    penalties.r1_penalty(critic, real).backward()
    assert start.grad is None and real.grad is None
    assert not real.requires_grad
    assert critic[0].weight.grad is not None


@pytest.mark.parametrize("kind", ["BatchNorm1d", "BatchNorm2d", "ConditionalBatchNorm2d"])
def test_a_critic_with_batch_norm_is_refused_by_name(kind):
    layer = nn.ConditionalBatchNorm2d(2, 4) if kind.startswith("C") else getattr(nn, kind)(4)
    critic = nn.ModuleDict({"first": nn.Linear(2, 4), "second": nn.Sequential(layer)})
    for penalty, samples in (("gradient_penalty", 2), ("r1_penalty", 1)):
        with pytest.raises(ValueError, match=rf"{penalty}: layer 'second\.0' of the critic is a {kind}.*LayerNorm"):
            getattr(penalties, penalty)(critic, *[minigen.rand(3, 2)] * samples)


def test_what_a_penalty_cannot_work_with_is_said():
    critic = nn.Conv2d(1, 1, 4)
    with pytest.raises(ValueError, match=r"one score a sample.*\(3, 1, 8, 8\).*\(3, 1, 5, 5\)"):
        penalties.r1_penalty(critic, minigen.rand(3, 1, 8, 8))
    with pytest.raises(ValueError, match=r"real samples have shape \(3, 2\), drawn ones \(4, 2\)"):
        penalties.gradient_penalty(nn.Linear(2, 1), minigen.rand(3, 2), minigen.rand(4, 2))


@pytest.mark.parametrize("shape", [(1, 28, 28), (2,)])
def test_the_penalty_reaches_the_critic_of_wgan_gp(shape):
    """Its gradient is affine in lambda, and not constant: a penalty that is logged but not learned from shows here."""
    found = []
    for weight in (5.0, 10.0, 15.0):
        minigen.manual_seed(0)
        system = make("wgan_gp", shape, penalty_weight=weight).double()
        batch = minigen.rand(6, *shape, dtype=minigen.float64)
        drawn = system.noise
        system.noise = lambda n, drawn=drawn: drawn(n).double()
        found.append(np.concatenate([g.ravel() for g in standing_step(system, batch)[0][2]]))
    assert np.abs(found[1] - found[0]).max() > 1e-3
    assert np.allclose(found[2] - found[1], found[1] - found[0], rtol=1e-6, atol=1e-9)


# --- what holds the slopes
# ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 28, 28), (2,)])
def test_weights_are_clipped_after_every_step(shape):
    system = make("wgan", shape, clip=0.02, lr=0.01)
    for _ in range(4):
        system.training_step(batch_for(system))
        for parameter in system.critic.parameters():
            assert parameter.abs().max().item() <= np.float32(0.02)
    assert max(parameter.abs().max().item() for parameter in system.generator.parameters()) > 0.05


def test_the_critic_of_wgan_gp_finds_the_distance():
    """Drawn points, and the same moved by d: W1 is |d| exactly, and the estimate tells 1 from 2."""
    for moved in ((0.6, 0.8), (1.2, 1.6)):
        system = models.WGANGP(
            wgan_gp.Options(hidden_size=32, lr=3e-3, penalty_weight=20.0, n_critic=10**6), shape=(2,)
        )
        for _ in range(150):
            with minigen.no_grad():
                real = system.generator(system.noise(64)) + minigen.tensor(moved)
            values = system.training_step(real)
        figures = system.evaluate([real])
        assert values["w1"].item() == pytest.approx(math.hypot(*moved), rel=0.1)
        assert figures["w1"] == pytest.approx(math.hypot(*moved), rel=0.1)
        assert figures["gradient_norm"] == pytest.approx(1, abs=0.1)


def test_a_layer_norm_can_be_had_in_the_critic_of_wgan_gp():
    system = make("wgan_gp", critic_norm="layer")
    assert [type(layer).__name__ for layer in system.critic.modules()].count("GroupNorm") == 1
    before = snapshot(system)
    system.training_step(batch_for(system))
    assert all(not np.array_equal(before[n], a) for n, a in snapshot(system).items())


def test_what_is_left_open_is_set_by_the_kind_of_data():
    images, points = models.WGANGP(), models.WGANGP(shape=(2,))
    assert [images.options.penalty_weight, images.options.lr, images.options.latent_size] == [10.0, 1e-4, 128]
    assert [points.options.penalty_weight, points.options.lr, points.options.latent_size] == [0.283, 5e-4, 2]
    asked = models.WGANGP(wgan_gp.Options(lr=1e-3, latent_size=3), shape=(2,))
    assert [asked.options.penalty_weight, asked.options.lr, asked.options.latent_size] == [0.283, 1e-3, 3]
    assert asked.optimizers["critic"].param_groups[0]["lr"] == 1e-3


def test_broken_weights_have_no_singular_values():
    system = make("sngan")
    with minigen.no_grad():
        system.discriminator.layers[0].parametrizations.weight.original.fill_(math.nan)
    with pytest.raises(ValueError, match=r"singular_values: the weight of layers\.0 .* NaN or infinite"):
        sngan.singular_values(system.discriminator)


def test_sigma_follows_the_weights_through_training():
    """After 32 steps, one step of the power method each time: within 1 % of the SVD, in every layer."""
    system = models.SNGAN(sngan.Options(generator_width=8, discriminator_width=8, lr=1e-3))
    start = sngan.singular_values(system.discriminator)
    images = data.load("glyphs", n=64, value_range=(-1.0, 1.0))
    for _ in range(8):
        for batch in DataLoader(images, batch_size=16, seed=0):
            system.training_step(batch)
    found = sngan.singular_values(system.discriminator)
    assert len(found) == 3
    for name, (used, exact) in found.items():
        assert used == pytest.approx(exact, rel=0.01), name
        assert abs(exact / start[name][1] - 1) > 0.01, "the weights have moved, and sigma with them"
    assert system.evaluate([next(iter(DataLoader(images, batch_size=16)))])["sigma_error"] < 0.01
    for layer in system.discriminator.modules():
        if isinstance(layer, nn.Conv2d):
            matrix = layer.weight.detach().numpy().reshape(layer.out_channels, -1)
            assert np.linalg.norm(matrix, 2) == pytest.approx(1, abs=0.02)


# --- the rhythm
# ---------------------------------------------------------------------------------------------------


def generator_moves(system, steps):
    """Do steps; return for each whether the generator has moved."""
    moves = []
    for _ in range(steps):
        before = snapshot(system.generator)
        system.training_step(batch_for(system))
        after = snapshot(system.generator)
        weights = [name for name, _ in system.generator.named_parameters()]
        moves.append(any(not np.array_equal(before[n], after[n]) for n in weights))
    return moves


@every_critic
def test_the_generator_moves_with_every_n_critic_th_step_also_after_a_restart(name):
    system = make(name, n_critic=3)
    assert generator_moves(system, 7) == [False, False, True, False, False, True, False]
    twin = make(name, n_critic=3)
    restore_system(twin, *system_state(system))
    assert generator_moves(twin, 5) == [False, True, False, False, True]


@every_critic
def test_a_run_that_was_interrupted_between_two_turns_ends_alike(name, tmp_path):
    system = make(name, n_critic=2, ema=0.5)
    batches = [batch_for(system) for _ in range(7)]
    for batch in batches[:3]:
        system.training_step(batch)
    write_checkpoint(tmp_path / "step-00000003.safetensors", *system_state(system))
    state = minigen.get_rng_state()
    for batch in batches[3:]:
        system.training_step(batch)
    again = load_system(tmp_path / "step-00000003.safetensors")
    minigen.set_rng_state(state)
    for batch in batches[3:]:
        again.training_step(batch)
    expected = snapshot(system)
    assert all(np.array_equal(array, expected[n]) for n, array in snapshot(again).items())


@every_critic
def test_the_average_of_the_generator_is_what_draws(name):
    system = make(name, ema=0.75)
    weights = []
    for _ in range(3):
        system.training_step(batch_for(system))
        weights.append(next(system.generator.parameters()).detach().numpy().copy())
    expected = 0.75 * (0.75 * weights[0] + 0.25 * weights[1]) + 0.25 * weights[2]
    assert np.allclose(next(system.average.parameters()).detach().numpy(), expected, rtol=1e-5, atol=1e-7)
    noise = system.fixed_noise(3)
    with evaluating(system.average, system.generator):
        averaged, last = system.average(noise).numpy(), system.generator(noise).numpy()
    assert np.array_equal(system.sample(3, noise).numpy(), averaged)
    assert not np.array_equal(averaged, last)
    optimised = {id(p) for o in system.optimizers.values() for g in o.param_groups for p in g["params"]}
    assert not optimised & {id(p) for p in system.average.parameters()}


@every_critic
def test_neither_player_moves_the_other(name):
    system = make(name, n_critic=2)
    critic = next(n for n in system.optimizers if n != "generator")
    generator_before = snapshot(system.generator)
    system.training_step(batch_for(system))  # the critic's turn alone
    weights = [n for n, _ in system.generator.named_parameters()]
    assert all(np.array_equal(generator_before[n], snapshot(system.generator)[n]) for n in weights)
    assert all(p.grad is None for p in system.generator.parameters())
    critic_before = {n: p.detach().numpy().copy() for n, p in getattr(system, critic).named_parameters()}
    gradients = {n: p.grad.numpy().copy() for n, p in getattr(system, critic).named_parameters()}
    system.generator_step(4)
    for n, parameter in getattr(system, critic).named_parameters():
        assert np.array_equal(parameter.detach().numpy(), critic_before[n]), n
        assert np.array_equal(parameter.grad.numpy(), gradients[n]), n
        assert parameter.requires_grad


# --- smoke: seconds, tiny, on built-in data
# -----------------------------------------------------------------------


def mean_score(system):
    """What the critic says to samples from always the same noise, both as they are in training."""
    critic = getattr(system, next(n for n in system.optimizers if n != "generator"))
    with minigen.no_grad():
        return critic(system.generator(system.fixed_noise(64))).mean().item()


@pytest.mark.parametrize(
    ("name", "shape"),
    [("wgan", (1, 28, 28)), ("wgan", (2,)), ("wgan_gp", (1, 28, 28)), ("wgan_gp", (2,)), ("sngan", (1, 28, 28))],
)
def test_each_player_gets_better_while_the_other_stands_still(name, shape):
    """The objective of both falls, every parameter moves, samples vary."""
    options = {"hidden_size": 32} if shape == (2,) else {"generator_width": 8, "discriminator_width": 8}
    system = make(name, shape, n_critic=10**6, **options | ({"clip": 0.01} if name == "wgan" else {}))
    what = {"n": 64} if shape == (2,) else {"n": 64, "value_range": (-1.0, 1.0)}
    (batch,) = DataLoader(data.load("grid-25" if shape == (2,) else "glyphs", **what), batch_size=64)
    before = snapshot(system)
    figures = [system.training_step(batch) for _ in range(40)]
    gap = [float(f["K*w1"] if name == "wgan" else -f["loss_d"]) for f in figures]
    assert np.mean(gap[-5:]) > np.mean(gap[1:6])  # the first is that of weights not clipped yet
    scores = []
    for _ in range(40):
        scores.append(mean_score(system))
        system.generator_step(64)
    assert np.mean(scores[-5:]) > np.mean(scores[:5])
    after = snapshot(system)
    assert [n for n, _ in system.named_parameters() if np.array_equal(before[n], after[n])] == []
    assert system.sample(8).std(dim=0).max().item() > 1e-3


def test_a_wgan_holds_the_count_of_its_steps_in_the_critics_optimizer():
    system = make("wgan")
    assert wgan.steps_of(system.optimizers["critic"]) == 0
    for _ in range(3):
        system.training_step(batch_for(system))
    assert wgan.steps_of(system.optimizers["critic"]) == 3
