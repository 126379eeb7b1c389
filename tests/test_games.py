"""Games of two players: their objectives, the average that draws, labels that are obeyed, and a little learning.

What every system must do is tested in `test_models.py`; critics with a Lipschitz condition have a file of their own.
"""

import math

import numpy as np
import pytest
import standin
from table.systems import SMALL, make
from test_models import batch_for, check_model, snapshot

import minigen
import minigen.nn.functional as F
from minigen import Tensor, models, nn
from minigen.models import gan
from minigen.models.averaging import moving_average
from minigen.models.objectives import OBJECTIVES, cross_entropy_discriminator_loss
from minigen.models.system import evaluating, random_state_of, wrong_labels
from minigen.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from minigen.training.state import restore_system, system_state

GAMES = ["gan", "dcgan", "lsgan", "cgan", "cdcgan"]
CONDITIONAL = ["cgan", "cdcgan"]
every_game = pytest.mark.parametrize("name", GAMES)
every_conditional = pytest.mark.parametrize("name", CONDITIONAL)
every_objective = pytest.mark.parametrize("objective", OBJECTIVES)

REAL, FAKE = [2.0, -1.0, 0.3], [0.5, 3.0]


# --- objectives
# ----------------------------------------------------------------------------------------------------


def sigmoid(v):
    return 1 / (1 + math.exp(-v))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


# Discriminator's and generator's loss as the papers write them, in scalars.
FORMULAS = {
    "minimax": (
        lambda r, f: -mean(math.log(sigmoid(v)) for v in r) - mean(math.log(1 - sigmoid(v)) for v in f),
        lambda f: mean(math.log(1 - sigmoid(v)) for v in f),
    ),
    "non-saturating": (
        lambda r, f: -mean(math.log(sigmoid(v)) for v in r) - mean(math.log(1 - sigmoid(v)) for v in f),
        lambda f: -mean(math.log(sigmoid(v)) for v in f),
    ),
    "least-squares": (
        lambda r, f: mean((v - 1) ** 2 for v in r) / 2 + mean(v**2 for v in f) / 2,
        lambda f: mean((v - 1) ** 2 for v in f) / 2,
    ),
    "wasserstein": (lambda r, f: mean(f) - mean(r), lambda f: -mean(f)),
    "hinge": (lambda r, f: mean(max(0, 1 - v) for v in r) + mean(max(0, 1 + v) for v in f), lambda f: -mean(f)),
}


def theirs(torch, objective, real, fake):
    """Both losses, written with PyTorch's own losses where it has one."""
    f = torch.nn.functional
    bce, mse = f.binary_cross_entropy_with_logits, f.mse_loss
    one, zero = torch.ones_like, torch.zeros_like
    cross_entropy = bce(real, one(real)) + bce(fake, zero(fake))
    return {
        "minimax": lambda: (cross_entropy, f.logsigmoid(-fake).mean()),
        "non-saturating": lambda: (cross_entropy, bce(fake, one(fake))),
        "least-squares": lambda: (0.5 * (mse(real, one(real)) + mse(fake, zero(fake))), 0.5 * mse(fake, one(fake))),
        "wasserstein": lambda: (fake.mean() - real.mean(), -fake.mean()),
        "hinge": lambda: (torch.clamp(1 - real, min=0).mean() + torch.clamp(1 + fake, min=0).mean(), -fake.mean()),
    }[objective]()


def test_every_objective_has_its_formula_here():
    assert set(FORMULAS) == set(OBJECTIVES)


@every_objective
def test_the_losses_are_those_of_the_papers(objective):
    pair = OBJECTIVES[objective]
    real, fake = minigen.tensor(REAL), minigen.tensor(FAKE)
    discriminator, generator = FORMULAS[objective]
    assert pair.discriminator_loss(real, fake).item() == pytest.approx(discriminator(REAL, FAKE), rel=1e-6)
    assert pair.generator_loss(fake).item() == pytest.approx(generator(FAKE), rel=1e-6)


@every_objective
def test_losses_and_gradients_are_pytorchs(torch, objective):
    values = np.random.default_rng(0).standard_normal((2, 7)) * 3
    ours = [minigen.tensor(v, requires_grad=True) for v in values]
    other = [torch.tensor(v, requires_grad=True) for v in values]
    pair = OBJECTIVES[objective]
    losses = pair.discriminator_loss(*ours), pair.generator_loss(ours[1])
    for mine, loss in zip(losses, theirs(torch, objective, *other), strict=True):
        assert mine.item() == pytest.approx(loss.item(), rel=1e-12)
        for x in (*ours, *other):
            x.grad = None
        mine.backward()
        loss.backward()
        for x, y in zip(ours, other, strict=True):
            assert (x.grad is None) == (y.grad is None)
            if x.grad is not None:
                assert np.allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-10, atol=1e-14)


@every_objective
def test_each_players_step_moves_the_verdict_its_way(objective):
    """The generator's raises D(G(z)); the discriminator's raises D(x), and lowers D(G(z))."""
    pair = OBJECTIVES[objective]
    real, fake = (minigen.tensor(v, requires_grad=True) for v in ([0.3, -0.5], [0.4, 0.2]))
    (for_fake,) = minigen.autograd.grad(pair.generator_loss(fake), [fake])
    to_real, to_fake = minigen.autograd.grad(pair.discriminator_loss(real, fake), [real, fake])
    assert (pair.verdict(fake - 0.1 * for_fake) > pair.verdict(fake)).all()
    assert (pair.verdict(fake - 0.1 * to_fake) < pair.verdict(fake)).all()
    assert (pair.verdict(real - 0.1 * to_real) > pair.verdict(real)).all()


def generators_slope(objective, logit):
    fake = minigen.tensor([logit], requires_grad=True)
    OBJECTIVES[objective].generator_loss(fake).backward()
    return fake.grad.item()


def test_the_minimax_gradient_fades_where_the_other_is_strongest():
    """D finds every drawn image out: D(G(z)) = 0.00034."""
    assert generators_slope("minimax", -8.0) == pytest.approx(-sigmoid(-8), rel=1e-4)
    assert generators_slope("non-saturating", -8.0) == pytest.approx(-(1 - sigmoid(-8)), rel=1e-4)
    assert generators_slope("minimax", 0.0) == pytest.approx(generators_slope("non-saturating", 0.0)) == -0.5


def test_a_discriminator_that_is_sure_and_wrong_still_learns():
    assert generators_slope("non-saturating", -80.0) == pytest.approx(-1.0)
    real = minigen.tensor([-80.0], requires_grad=True)
    cross_entropy_discriminator_loss(real, minigen.tensor([0.0])).backward()
    assert real.grad.item() == pytest.approx(-1.0)


def test_least_squares_pull_back_what_lies_beyond_the_label():
    assert generators_slope("least-squares", 3.0) == pytest.approx(2.0)
    assert generators_slope("non-saturating", 3.0) < 0


@every_objective
def test_the_verdict_on_a_logit_is_a_probability_and_on_a_score_the_score(objective):
    figures = OBJECTIVES[objective].figures(minigen.tensor(REAL), minigen.tensor(FAKE))
    said = sigmoid if objective in ("minimax", "non-saturating") else float
    assert list(figures) == ["loss_d", "loss_g", "D(x)", "D(G(z))"]
    assert figures["D(x)"].item() == pytest.approx(mean(map(said, REAL)), rel=1e-6)
    assert figures["D(G(z))"].item() == pytest.approx(mean(map(said, FAKE)), rel=1e-6)


# --- label smoothing
# ----------------------------------------------------------------------------------------------------


def test_smoothed_labels_are_one_sided():
    """The best logit of a real sample is that of 0.9; drawn ones are judged as before."""
    smoothed = OBJECTIVES["non-saturating"].smoothed(0.1)
    real, fake = minigen.tensor([math.log(9.0)], requires_grad=True), minigen.tensor(FAKE, requires_grad=True)
    loss = smoothed.discriminator_loss(real, fake)
    expected = -0.9 * math.log(0.9) - 0.1 * math.log(0.1) - mean(math.log(1 - sigmoid(v)) for v in FAKE)
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    loss.backward()
    assert real.grad.item() == pytest.approx(0.0, abs=1e-7)
    assert fake.grad.tolist() == pytest.approx([sigmoid(v) / len(FAKE) for v in FAKE], rel=1e-6)
    assert smoothed.generator_loss is OBJECTIVES["non-saturating"].generator_loss


@pytest.mark.parametrize("amount", [-0.1, 0.5, 1.0, math.nan])
def test_labels_are_not_smoothed_into_their_opposite(amount):
    real = minigen.tensor(REAL)
    with pytest.raises(ValueError, match=r"label_smoothing must be in \[0, 0\.5\)"):
        cross_entropy_discriminator_loss(real, real, label_smoothing=amount)


def test_dcgan_smooths_the_labels_that_it_trains_on():
    batch = batch_for(make("dcgan"))
    losses = {}
    for amount in (0.0, 0.25):
        minigen.manual_seed(0)
        system = make("dcgan", label_smoothing=amount)
        with random_state_of(1):
            losses[amount] = system.training_step(batch)["loss_d"].item()
    assert losses[0.0] != losses[0.25]
    with pytest.raises(ValueError, match="label_smoothing must be in"):
        make("dcgan", label_smoothing=0.7)


# --- averaged weights
# ----------------------------------------------------------------------------------------------------


def network(lib_nn):
    return lib_nn.Sequential(lib_nn.Linear(3, 4), lib_nn.BatchNorm1d(4), lib_nn.Linear(4, 2))


def walk(net, step):
    """Move every parameter, and let batch norm see a batch."""
    numbers = np.random.default_rng(step).standard_normal((64,))
    batch = np.random.default_rng(step).standard_normal((5, 3)) + step
    for parameter in net.parameters():
        numbers = np.roll(numbers, 7)
        new = numbers[: int(np.prod(parameter.shape))].reshape(tuple(parameter.shape))
        parameter.data.copy_(type(parameter.data)(new) if isinstance(parameter, Tensor) else parameter.new_tensor(new))
    return batch


AVERAGES = {
    "plain mean": lambda utils: {},
    "exponential": lambda utils: {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.9)},
    "exponential, far": lambda utils: {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.25)},
    "one's own": lambda utils: {"avg_fn": lambda average, value, n: 0.5 * average + 0.5 * value / (n + 1)},
}


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("kind", AVERAGES)
def test_averaged_models_are_pytorchs(torch, kind, use_buffers):
    from torch.optim import swa_utils

    ours, other = network(nn), network(torch.nn)
    other.load_state_dict({name: torch.tensor(value.numpy()) for name, value in ours.state_dict().items()})
    mine = AveragedModel(ours, use_buffers=use_buffers, **AVERAGES[kind](minigen.optim.swa_utils))
    their = swa_utils.AveragedModel(other, use_buffers=use_buffers, **AVERAGES[kind](swa_utils))
    assert list(mine.state_dict()) == list(their.state_dict())
    for step in range(5):
        with torch.no_grad():
            batch = walk(other, step)
            other(torch.tensor(batch, dtype=torch.float32))
        with minigen.no_grad():
            walk(ours, step)
            ours(minigen.tensor(batch, dtype=minigen.float32))
        mine.update_parameters(ours)
        their.update_parameters(other)
        for name, value in their.state_dict().items():
            own = mine.state_dict()[name]
            assert str(own.dtype) == str(value.dtype).removeprefix("torch.")
            assert np.allclose(own.numpy(), value.numpy(), rtol=1e-5, atol=1e-6), f"step {step}: {name}"
    fresh = AveragedModel(network(nn), **AVERAGES[kind](minigen.optim.swa_utils))
    fresh.load_state_dict(their.state_dict())
    x = np.ones((2, 3), np.float32)
    with torch.no_grad():
        expected = their.eval()(torch.tensor(x)).numpy()
    assert np.allclose(fresh.eval()(minigen.tensor(x)).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_the_first_update_takes_the_weights_as_they_are_and_the_next_a_share():
    net = nn.Linear(1, 1, bias=False)
    average = moving_average(net, 0.75)
    seen = []
    for weight in (8.0, 0.0, 4.0):
        nn.init.constant_(net.weight, weight)
        average.update_parameters(net)
        seen.append(average.module.weight.item())
    assert seen == [8.0, 6.0, 5.5]
    assert net.weight.item() == 4.0
    assert average.n_averaged.item() == 3


def test_an_average_goes_on_from_a_stored_one():
    """Also from one that was stored before its first update, into one that has done some."""
    net = nn.Linear(1, 1, bias=False)

    def averaged(*weights, state=None):
        average = moving_average(net, 0.5)
        if state is not None:
            average.update_parameters(net)
            average.load_state_dict(state)
        for weight in weights:
            nn.init.constant_(net.weight, weight)
            average.update_parameters(net)
        return average

    stored = {name: value.clone() for name, value in averaged(2.0, 4.0).state_dict().items()}
    assert averaged(9.0, state=stored).module.weight.item() == 6.0
    fresh = moving_average(net, 0.5)
    fresh.load_state_dict(stored)
    fresh.update_parameters(net)
    assert fresh.module.weight.item() == 6.0
    assert averaged(5.0, state=averaged().state_dict()).module.weight.item() == 5.0


def test_misused_averages_say_so():
    net = network(nn)
    with pytest.raises(AssertionError, match="avg_fn or multi_avg_fn, not both"):
        AveragedModel(net, avg_fn=lambda a, v, n: a, multi_avg_fn=get_ema_multi_avg_fn())
    for decay in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match=r"decay must be in \[0, 1\]"):
            get_ema_multi_avg_fn(decay)
    average = AveragedModel(net)
    for other in (nn.Linear(3, 4), nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 2))):
        with pytest.raises(ValueError, match=r"differ in number or shape.*give the network that is averaged"):
            average.update_parameters(other)
    assert average.n_averaged.item() == 0
    for decay in (1.0, 2.0):
        with pytest.raises(ValueError, match=r"option ema\) must be in \[0, 1\)"):
            moving_average(net, decay)


def test_an_average_waits_for_its_device_once():
    with standin.installed() as place:
        net = network(nn).to(place)
        average = AveragedModel(net, place, multi_avg_fn=get_ema_multi_avg_fn(0.9))
        average.update_parameters(net)
        standin.waits.clear()
        average.update_parameters(net)
        average.update_parameters(net)
        assert standin.waits == []
        assert average.n_averaged.cpu().item() == 3


@every_game
def test_a_game_draws_with_the_average_of_its_generator(name):
    """Two steps: the average is the mean of the weights after each; batch norm's buffers are the generator's."""
    system = make(name, ema=0.5)
    after = []
    for _ in range(2):
        system.training_step(batch_for(system))
        after.append(snapshot(system.generator))
    averaged = snapshot(system.average.module)
    parameters = {n for n, _ in system.generator.named_parameters()}
    for key, value in averaged.items():
        expected = (after[0][key] + after[1][key]) / 2 if key in parameters else after[1][key]
        assert np.allclose(value, expected, rtol=1e-5, atol=1e-7), key
    noise = system.fixed_noise(3)
    drawn = system.sample(3, noise).numpy()
    system.generator.load_state_dict(averaged)
    assert np.array_equal(drawn, system.sample(3, noise).numpy())
    system.average = None
    assert np.allclose(drawn, system.sample(3, noise).numpy(), atol=1e-6)


@every_game
def test_an_average_is_stored_and_nobody_learns_from_it(name):
    system = make(name, ema=0.5)
    system.training_step(batch_for(system))
    learning = {id(p) for o in system.optimizers.values() for group in o.param_groups for p in group["params"]}
    assert not learning & {id(p) for p in system.average.parameters()}
    assert learning == {id(p) for player in (system.generator, system.discriminator) for p in player.parameters()}
    twin = make(name, ema=0.5)
    restore_system(twin, *system_state(system))
    noise, batch = system.fixed_noise(3), batch_for(system)
    for game in (system, twin):
        with random_state_of(3):
            game.training_step(batch)
    assert np.array_equal(system.sample(3, noise).numpy(), twin.sample(3, noise).numpy())
    assert make(name, ema=0.0).average is None
    with pytest.raises(ValueError, match=r"\(option ema\) must be in"):
        make(name, ema=1.0)


@every_game
def test_the_average_is_what_is_evaluated(name):
    system = make(name, ema=0.5)
    for _ in range(3):
        system.training_step(batch_for(system))
    batches = [batch_for(system)]
    with random_state_of(0):
        figures = system.evaluate(batches)
    system.generator.load_state_dict(system.average.module.state_dict())
    system.average = None
    with random_state_of(0):
        assert system.evaluate(batches) == pytest.approx(figures, rel=1e-5)


# --- options
# ----------------------------------------------------------------------------------------------------


@every_game
def test_each_player_has_its_own_step_size(name):
    system = make(name, lr_generator=0.25, lr_discriminator=0.125)
    assert system.optimizers["generator"].param_groups[0]["lr"] == 0.25
    assert system.optimizers["discriminator"].param_groups[0]["lr"] == 0.125


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dcgan", {"objective": "minimax", "label_smoothing": 0.1, "ema": 0.9}),
        ("dcgan", {"r1": 10.0, "init_std": 0.3}),
        ("gan", {"objective": "minimax"}),
        ("gan", {"objective": "least-squares"}),
        ("gan", {"objective": "hinge"}),
    ],
)
def test_gradients_under_other_options(name, options, monkeypatch):
    monkeypatch.setitem(SMALL, name, SMALL[name] | options)
    check_model(name)


def test_the_penalty_is_half_of_gamma_times_the_squared_slope(monkeypatch):
    system = make("dcgan", r1=6.0, init_std=0.5)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in system.discriminator.modules())
    assert any(isinstance(module, nn.BatchNorm2d) for module in make("dcgan").discriminator.modules())
    real = batch_for(system)[0].requires_grad_()
    (slope,) = minigen.autograd.grad(system.discriminator(real).sum(), [real])
    expected = (slope**2).sum().item() / len(real)
    assert expected > 0.1
    losses, backward = [], Tensor.backward
    monkeypatch.setattr(Tensor, "backward", lambda loss, *a, **k: (losses.append(loss.item()), backward(loss, *a, **k)))
    values = system.training_step([real.detach()])
    assert values["r1"].item() == pytest.approx(expected, rel=1e-5)
    assert losses[0] == pytest.approx(values["loss_d"].item() + 6 / 2 * expected, rel=1e-5)
    assert "r1" not in make("dcgan").training_step(batch_for(system))


@pytest.mark.parametrize("objective", ["non-saturating", "minimax", "least-squares", "hinge"])
def test_the_game_is_played_for_the_objective_that_was_chosen(objective):
    system = make("gan", (2,), objective=objective)
    batch = batch_for(system)
    with evaluating(system.generator, system.discriminator), random_state_of(1):
        logits = system.discriminator(batch[0]), system.discriminator(system.generator(system.noise(6)))
        expected = {key: value.item() for key, value in OBJECTIVES[objective].figures(*logits).items()}
    with random_state_of(1):
        assert system.evaluate([batch]) == pytest.approx(expected, rel=1e-5)


# --- labels
# ----------------------------------------------------------------------------------------------------


@every_conditional
def test_labels_are_drawn_in_turn_unless_named(name):
    system = make(name)
    noise = system.fixed_noise(12)
    named = minigen.tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1])
    assert np.array_equal(system.sample(12, noise).numpy(), system.sample(12, noise, named).numpy())


@every_conditional
def test_the_same_noise_under_another_label_is_another_image(name):
    system = make(name)
    system.training_step(batch_for(system))
    noise = system.fixed_noise(1).expand(10, -1)
    images = system.sample(10, noise).numpy().reshape(10, -1)
    for a in range(10):
        for b in range(a):
            assert np.abs(images[a] - images[b]).max() > 1e-4


@every_conditional
def test_the_discriminator_looks_at_the_label(name):
    system = make(name)
    images = batch_for(system, 1)[0].expand(10, -1, -1, -1)
    with evaluating(system.discriminator):
        logits = system.discriminator(images, minigen.arange(10)).numpy()
    assert len(np.unique(logits)) == 10


@every_conditional
@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([0, 10], ValueError, "label 10 is not one of the 10 classes 0 to 9"),
        ([0, -1], ValueError, "label -1 is not one of the 10 classes 0 to 9"),
        ([0, 1, 2], ValueError, "2 samples want 2 labels"),
        ([0.0, 1.0], TypeError, "labels are whole numbers"),
    ],
)
def test_labels_that_name_no_class_are_refused(name, labels, error, message):
    system = make(name)
    with pytest.raises(error, match=message):
        system.sample(2, labels=minigen.tensor(labels))


@every_conditional
def test_a_batch_with_a_label_of_no_class_is_refused(name):
    system = make(name)
    images, _ = batch_for(system, 2)
    with pytest.raises((ValueError, IndexError), match=r"(label|number) 10"):
        system.training_step([images, minigen.tensor([3, 10])])


def test_a_label_is_a_loud_number_beside_noise_and_pixels():
    system = models.CGAN(models.cgan.Options(generator_label_gain=3, discriminator_label_gain=8, **SMALL["cgan"]))
    seen = []
    for player in (system.generator, system.discriminator):
        player.network.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    labels, z = minigen.tensor([4, 0]), system.noise(2)
    images = system.generator(z, labels)
    system.discriminator(images, labels)
    for loud, beside, inputs in zip((3, 8), (z, images.flatten(1)), seen, strict=True):
        assert np.array_equal(inputs[:, :-10].detach().numpy(), beside.detach().numpy())
        assert inputs[:, -10:].tolist() == [[loud * (k == 4) for k in range(10)], [loud * (k == 0) for k in range(10)]]


def test_a_label_is_a_map_of_ones_beside_the_colours():
    system = make("cdcgan", (3, 32, 32))
    seen = []
    system.discriminator.network.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    images = batch_for(system, 2)[0]
    system.discriminator(images, minigen.tensor([4, 0]))
    assert seen[0].shape == (2, 3 + 10, 32, 32)
    assert np.array_equal(seen[0][:, :3].numpy(), images.numpy())
    assert seen[0][:, 3:].sum((2, 3)).argmax(1).tolist() == [4, 0]
    assert seen[0][:, 3:].sum().item() == 2 * 32 * 32


def test_a_wrong_label_is_any_of_the_others():
    labels = minigen.tensor(np.arange(10).repeat(200))
    wrong = wrong_labels(labels, 10)
    pairs = {(right, other) for right, other in zip(labels.tolist(), wrong.tolist(), strict=True)}
    assert pairs == {(right, other) for right in range(10) for other in range(10) if right != other}


@every_conditional
@pytest.mark.parametrize(("weight", "classes"), [(0.3, 10), (0.0, 10), (0.3, 1)])
def test_a_discriminator_learns_from_real_images_with_wrong_labels(name, weight, classes):
    """Its loss is the formula's of Reed et al. (2016), algorithm 1, the forgeries' two kinds weighted by w."""
    kind = models.find_system(name)
    system = kind(kind.Options(wrong_labels=weight, **SMALL[name]), classes=classes).train()
    images, labels = batch_for(system, 6)
    labels, seen = labels % classes, []
    system.discriminator.register_forward_hook(lambda module, args, out: seen.append((*args, out)))
    loss = system.training_step([images, labels])["loss_d"].item()
    turns = seen[:-1]  # the last one is G's
    if classes == 1 or not weight:
        weight, wrong = 0.0, minigen.zeros(6)
        assert len(turns) == 2
    else:
        pictures, others, wrong = turns.pop()
        assert pictures is images
        assert not (others == labels).any()
    (*_, real), (*_, fake) = turns
    expected = F.softplus(-real).mean() + (1 - weight) * F.softplus(fake).mean() + weight * F.softplus(wrong).mean()
    assert loss == pytest.approx(expected.item(), rel=1e-5)


@every_conditional
def test_a_discriminator_that_never_looks_at_drawn_images_is_refused(name):
    kind = models.find_system(name)
    with pytest.raises(ValueError, match=f"{name}: option wrong_labels must be below 1, not 1.5"):
        kind(kind.Options(wrong_labels=1.5))


# --- learning, in seconds
# ----------------------------------------------------------------------------------------------------


# Networks that learn within seconds: options, and how many steps the lesson takes.
CONVOLUTIONAL = {
    "generator_width": 4,
    "discriminator_width": 4,
    "latent_size": 4,
    "lr_generator": 1e-2,
    "lr_discriminator": 1e-3,
}
QUICK = {
    "gan": ({"hidden_size": 32, "latent_size": 4, "dropout": 0.0, "lr_generator": 2e-3, "lr_discriminator": 5e-3}, 120),
    "dcgan": (CONVOLUTIONAL, 150),
    "lsgan": (CONVOLUTIONAL, 120),
    "cgan": (
        {"hidden_size": 32, "latent_size": 4, "dropout": 0.0, "lr_generator": 2e-3, "lr_discriminator": 5e-3},
        240,
    ),
    "cdcgan": (CONVOLUTIONAL, 60),
}


def halves(n):
    """Images of two classes: the left half is bright, or the right one; how bright varies."""
    labels = np.arange(n) % 2
    images = np.full((n, 1, 28, 28), -0.9, np.float32)
    for image, label, bright in zip(images, labels, np.random.default_rng(0).uniform(0.2, 0.9, n), strict=True):
        image[:, :, 14 * label : 14 * label + 14] = bright
    return [minigen.tensor(images), minigen.tensor(labels)]


def quick(name):
    kind = models.find_system(name)
    return kind(kind.Options(**QUICK[name][0]), classes=2).train()


@every_game
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_a_player_whose_opponent_stands_still_lowers_its_loss(name, player):
    system = quick(name)
    for other, optimizer in system.optimizers.items():
        if other != player:
            optimizer.step = lambda: None
    batch = halves(16)
    losses = [system.training_step(batch)[f"loss_{player[0]}"].item() for _ in range(25)]
    assert mean(losses[-5:]) < 0.8 * mean(losses[:5])


@every_game
def test_a_game_learns_two_halves(name):
    """Every parameter moves, drawn images come near to the real ones, differ, and obey their label."""
    system = quick(name)
    images, labels = halves(16)
    start, noise = snapshot(system), system.fixed_noise(64)
    before = system.sample(64, noise).numpy()
    for _ in range(QUICK[name][1]):
        system.training_step([images, labels])
    assert [n for n, _ in system.named_parameters() if np.array_equal(start[n], snapshot(system)[n])] == []
    drawn = system.sample(64, noise).numpy()
    real = images.numpy().reshape(16, -1)

    def distance(some):  # to the nearest real image: the mean absolute difference of a pixel
        return np.abs(some.reshape(64, 1, -1) - real).mean(2).min(1).mean()

    assert distance(drawn) < 0.8 * distance(before)
    assert drawn.std(0).mean() > 0.02
    if name in CONDITIONAL:
        left = drawn[..., :14].mean((1, 2, 3)) > drawn[..., 14:].mean((1, 2, 3))
        assert (left == (np.arange(64) % 2 == 0)).mean() >= 0.9


def test_points_go_where_the_data_is():
    """From a speck at the origin to a cloud around (2, -1)."""
    system = models.GAN(gan.Options(lr_generator=1e-3, lr_discriminator=1e-3, beta1=0.0), shape=(2,))
    cloud = minigen.tensor([2.0, -1.0]) + 0.5 * minigen.randn(64, 2)
    before = system.sample(200).numpy()
    assert np.abs(before.mean(0)).max() < 0.3
    for _ in range(120):
        system.training_step(cloud)
    drawn = system.sample(200).numpy()
    assert np.abs(drawn.mean(0) - [2.0, -1.0]).max() < 0.6
    assert drawn.std(0).min() > 3 * before.std(0).max()


def test_noise_is_seen_in_a_dense_generators_images_from_the_start():
    assert models.GAN().sample(100).std(0).mean().item() > 0.2


def test_what_suits_points_does_not_suit_images():
    points, images = models.GAN(shape=(2,)), models.GAN()
    assert points.noise(3).shape == (3, 2)
    assert images.noise(3).shape == (3, 100)
    assert points.generator.layers[2].weight.shape == (128, 128)
    assert not any(isinstance(module, nn.Dropout) for module in points.modules())
    assert models.GAN(gan.Options(latent_size=7, hidden_size=9), shape=(2,)).generator.layers[0].weight.shape == (9, 7)
