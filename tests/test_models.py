"""The systems: each one's interface, its objective against a formula, and one step that moves all of it.

That they learn something worth looking at is tested where they are trained for longer.
"""

import dataclasses
import math
import re

import numpy as np
import pytest
from table.systems import SMALL, make, shapes_of

import minigen
from minigen import Tensor, data, models
from minigen.data import DataLoader, TensorDataset
from minigen.models import classification, dcgan, vae
from minigen.models.system import evaluating, random_state_of
from minigen.nn.utils.parametrize import ParametrizationList

CASES = [(name, shape) for name in models.SYSTEMS for shape in shapes_of(name)]
every_case = pytest.mark.parametrize(("name", "shape"), CASES)
every_generator = pytest.mark.parametrize("name", [n for n, s in models.SYSTEMS.items() if s.generates])


def batch_for(system, n=6):
    low, high = system.value_range
    images = low + (high - low) * minigen.rand(n, *system.shape)
    return [images, minigen.randint(0, system.classes, (n,))]


def snapshot(module):
    return {name: tensor.numpy().copy() for name, tensor in module.state_dict().items()}


def test_every_system_has_a_small_version_here():
    assert set(SMALL) == set(models.SYSTEMS)


@every_case
def test_one_step_moves_every_parameter_of_every_network(name, shape):
    system = make(name, shape)
    system.train()
    before = snapshot(system)
    values = system.training_step(batch_for(system))
    assert all(math.isfinite(float(value)) for value in values.values())
    after = snapshot(system)
    still = [n for n, _ in system.named_parameters() if np.array_equal(before[n], after[n])]
    assert still == []
    assert all(parameter.requires_grad for parameter in system.parameters())


@pytest.mark.parametrize("name", models.SYSTEMS)
def test_a_step_makes_no_float64(name, made_dtypes):
    """Whatever any function makes is watched, forward and backward; then what the system holds."""
    system = make(name)
    system.train()
    system.training_step(batch_for(system))
    system.training_step(batch_for(system))
    assert "float64" not in made_dtypes, f"{made_dtypes['float64']} made a float64 from float32"
    gradients = [p.grad for p in system.parameters() if p.grad is not None]
    tensors = [*system.parameters(), *system.buffers(), *gradients]
    assert {str(t.dtype) for t in tensors} <= {"float32", "int64"}
    assert {str(t.dtype) for t in system.parameters()} == {"float32"}


@pytest.mark.parametrize(("name", "shape"), [case for case in CASES if models.SYSTEMS[case[0]].generates])
def test_samples_have_their_shape_and_range_and_change_nothing(name, shape):
    system = make(name, shape)
    system.training_step(batch_for(system))
    before = snapshot(system)
    noise = system.fixed_noise(4)
    images = system.sample(4, noise)
    low, high = system.value_range if len(shape) == 3 else (-math.inf, math.inf)
    assert images.shape == (4, *shape)
    assert images.dtype == minigen.float32
    assert not images.requires_grad
    assert low <= images.min().item() < images.max().item() <= high
    assert system.training
    assert all(np.array_equal(before[n], array) for n, array in snapshot(system).items())
    assert np.array_equal(images[:2].numpy(), system.sample(2, noise).numpy()), "an image depends on its noise alone"


@every_generator
def test_fixed_noise_is_fixed_and_draws_nothing_from_the_global_source(name):
    system = make(name)
    minigen.manual_seed(1)
    state = minigen.get_rng_state()
    first = system.fixed_noise(3).numpy()
    assert minigen.get_rng_state() == state
    minigen.manual_seed(2)
    assert np.array_equal(first, system.fixed_noise(3).numpy())
    assert not np.array_equal(first, system.fixed_noise(3, seed=1).numpy())


@pytest.mark.parametrize("name", ["lenet", "vae"])
def test_evaluate_weighs_a_smaller_last_batch_by_its_size(name):
    system = make(name)
    images, labels = batch_for(system, 5)
    batches = TensorDataset(images, labels)
    with random_state_of(0):
        whole = system.evaluate(DataLoader(batches, batch_size=5))
    with random_state_of(0):
        parts = system.evaluate(DataLoader(batches, batch_size=2))
    assert whole == pytest.approx(parts, rel=1e-4)


@pytest.mark.parametrize("name", models.SYSTEMS)
def test_evaluate_changes_nothing(name):
    system = make(name)
    before = snapshot(system)
    figures = system.evaluate([batch_for(system), batch_for(system, 3)])
    assert all(math.isfinite(value) for value in figures.values())
    assert all(np.array_equal(before[n], array) for n, array in snapshot(system).items())
    assert all(module.training for module in system.modules())
    with pytest.raises(ValueError, match="the data set is empty"):
        system.evaluate([])


# --- what is refused at the door -----------------------------------------------------------------------------------

WRONG_BATCHES = {
    "nothing": (lambda x, y: None, TypeError, "a batch must be a tensor, or (images, labels), not None"),
    "an empty list": (lambda x, y: [], TypeError, "a batch must be a tensor, or (images, labels), not []"),
    "an array": (lambda x, y: (x.numpy(), y.numpy()), TypeError, "a batch must be a tensor, or (images, labels)"),
    "bytes": (lambda x, y: ((255 * x).to(minigen.uint8), y), TypeError, "must be floats, not uint8; bytes become such"),
    "no sample": (lambda x, y: (x[:0], y[:0]), ValueError, "a batch must be"),
    "one sample": (lambda x, y: (x[0], y), ValueError, "one sample becomes a batch by x[None]"),
    "other channels": (lambda x, y: (minigen.cat([x, x], 1), y), ValueError, "a batch must be"),
}


@pytest.mark.parametrize("wrong", WRONG_BATCHES)
@pytest.mark.parametrize(("name", "shape"), [case for case in CASES if case[1] in (shapes_of(case[0])[0], (2,))])
def test_no_step_is_taken_on_what_is_no_batch(name, shape, wrong):
    system = make(name, shape)
    make_batch, error, words = WRONG_BATCHES[wrong]
    batch = make_batch(*batch_for(system))
    calls = [lambda: system.training_step(batch), lambda: system.evaluate([batch])]
    if system.restores:
        calls.append(lambda: system.restore(batch[0] if isinstance(batch, tuple) else batch))
    for call in calls:
        with pytest.raises(error, match=f"^{name}: .*{re.escape(words)}"):
            call()


@pytest.mark.parametrize("name", models.SYSTEMS)
def test_images_of_another_range_are_refused_and_noise_on_them_is_not(name):
    system = make(name)
    images, labels = batch_for(system)
    low, high = system.value_range
    for wrong, words in (
        (images * 0 + 255, "go from 255 to 255; bytes become such by x / "),
        (images * math.nan, "NaN"),
    ):
        for call in (system.training_step, lambda batch: system.evaluate([batch])):
            with pytest.raises(ValueError, match=f"^{name}: .*images.*{words}"):
                call((wrong, labels))
    if low < 0:  # from 0 on they may be probabilities
        noisy = images.clone()
        noisy[0, 0, 0, :2] = minigen.tensor([low - (high - low), high + (high - low)])
        assert all(math.isfinite(loss.item()) for loss in system.training_step((noisy, labels)).values())


def test_an_iwae_draws_pixels_from_probabilities_only():
    with pytest.raises(ValueError, match=r"^iwae: images must lie in \[0, 1\], but go from -1 to 1; their grey levels"):
        make("iwae").training_step(minigen.linspace(-1, 1, 784).reshape(1, 1, 28, 28))


@pytest.mark.parametrize("name", [name for name, kind in models.SYSTEMS.items() if kind.needs_labels])
def test_who_learns_from_labels_wants_one_an_image(name):
    system = make(name)
    images, labels = batch_for(system)
    for batch in (images, (images,), (images, labels.numpy()), (images, labels, labels)):
        with pytest.raises(TypeError, match=rf"^{name}: it learns from labels, so a batch must be \(images, labels\)"):
            system.training_step(batch)
    for wrong in (labels[:2], labels[:, None]):
        with pytest.raises(ValueError, match=rf"^{name}: 6 images want labels \(6,\), not "):
            system.evaluate([(images, wrong)])


@every_generator
def test_what_is_no_number_of_images_and_no_noise_for_them_is_refused(name):
    system = make(name)
    for n in (-1, 1.5, "2", None, True):
        with pytest.raises(ValueError, match=f"^{name}: n, the number of images, must be an integer >= 0, not {n!r}"):
            system.sample(n)
        with pytest.raises(ValueError, match=f"must be an integer >= 0, not {n!r}"):
            system.fixed_noise(n)
    for noise in (system.fixed_noise(3), "noise", np.zeros((4, 5)), minigen.tensor(1.0)):
        with pytest.raises(ValueError, match=f"^{name}: noise for 4 images must be a tensor of as many rows, not"):
            system.sample(4, noise)


WRONG_SHAPES = [28, (28, 28), (1, 28, 28.0), None, "x", (), (0, 28, 28), (-1, 28, 28), (1, 5, 5), (1, 28, 32)]


@pytest.mark.parametrize("name", models.SYSTEMS)
def test_a_system_is_built_for_shapes_classes_and_options_that_exist(name):
    kind = models.find_system(name)
    for shape in WRONG_SHAPES:
        with pytest.raises(ValueError, match=f"^{name}: "):
            kind(shape=shape)
    for classes in (0, -1, "x", None, 1.5):
        with pytest.raises(ValueError, match=f"^{name}: classes must be an integer >= 1, not {classes!r}"):
            kind(classes=classes)
    with pytest.raises(TypeError, match=rf"^{name}: options must be made by \w+\.Options, not a dict of 1"):
        kind({"lr": 0.1})


@pytest.mark.parametrize("name", models.SYSTEMS)
def test_every_option_has_the_type_of_its_default(name):
    kind = models.find_system(name)
    wrong = {bool: (1, "yes", None), int: (1.5, "1", None, True, (1, 2)), float: ("1", None, True, (1, 2), math.nan)}
    for field in dataclasses.fields(kind.Options):
        for value in wrong.get(type(field.default), (1, None, True)):
            with pytest.raises(ValueError, match=f"^{name}: option {field.name} must be "):
                kind(kind.Options(**{field.name: value}))


def test_a_classifier_refuses_to_draw():
    with pytest.raises(NotImplementedError, match="lenet draws no images"):
        make("lenet").sample(3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (1, 30, 30)}, "dcgan: images of 30 pixels are not among its sizes: 28, 32, 64"),
        ({"shape": (1, 28, 32)}, "dcgan: images of 28x32 pixels"),
        ({"shape": (2,)}, "dcgan learns from images, not from points"),
        ({"shape": (2, 28, 28)}, "channels must be 1"),
        ({"options": dcgan.Options(latent_size=0)}, "option latent_size must be at least 1"),
        ({"options": dcgan.Options(lr_generator=-1.0)}, "option lr_generator must be at least 0"),
        ({"options": dcgan.Options(lr_generator=math.nan)}, "option lr_generator must be at least 0 and finite"),
    ],
)
def test_what_a_system_cannot_be_built_for_is_said(arguments, message):
    with pytest.raises(ValueError, match=message):
        models.DCGAN(**arguments)


def test_an_unknown_name_is_met_with_the_closest_one():
    with pytest.raises(ValueError, match="unknown system 'dgcan'; did you mean 'dcgan'"):
        models.find_system("dgcan")


def test_evaluating_puts_each_network_back_as_it_was():
    one, two = make("vae"), make("vae").eval()
    with evaluating(one, two):
        assert not one.training
        assert not minigen.is_grad_enabled()
    assert one.training
    assert not two.training


# --- derivatives
# ----------------------------------------------------------------------------------------------------


def standing_step(system, batch):
    """Do a training step in which nothing moves; return what each optimizer would have stepped on.

    That is a list of (name of the optimizer, loss, gradient of every parameter): the loss is what `backward` was called
    on since the last step, so this is about the very numbers that train the system.
    """
    losses, found = [], []
    backward = Tensor.backward

    def watched(loss, *args, **kwargs):
        losses.append(loss.item())
        return backward(loss, *args, **kwargs)

    def standing(name, optimizer):
        def step():
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            found.append((name, sum(losses), [p.grad.numpy().copy() for p in parameters]))
            losses.clear()

        return step

    with random_state_of(1), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tensor, "backward", watched)
        for name, optimizer in system.optimizers.items():
            patch.setattr(optimizer, "step", standing(name, optimizer))
        system.training_step(batch)
    return found


def settle_spectral_norms(system):
    """Bring singular vectors to where they belong: the derivative takes them for constants, which they are there."""
    for stack in system.modules():
        if isinstance(stack, ParametrizationList) and hasattr(stack[0], "n_power_iterations"):
            usual, stack[0].n_power_iterations = stack[0].n_power_iterations, 1000
            stack()
            stack[0].n_power_iterations = usual


def check_model(name):
    """Each gradient that an optimizer gets, along a random direction, against the difference quotient of the loss."""
    system = make(name).to(dtype=minigen.float64)
    drawn = system.noise
    system.noise = lambda n: drawn(n).double()
    batch = [part.double() if part.is_floating_point() else part for part in batch_for(system)]
    names = {id(p): n for n, p in system.named_parameters()}
    settle_spectral_norms(system)
    rng, step = np.random.default_rng(0), 1e-6
    for turn, (optimizer, _, gradients) in enumerate(standing_step(system, batch)):
        parameters = [p for group in system.optimizers[optimizer].param_groups for p in group["params"]]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            direction = rng.standard_normal(parameter.shape)
            direction /= np.linalg.norm(direction)
            kept, ends = parameter.array.copy(), []
            for sign in (1, -1):
                parameter.array[...] = kept + sign * step * direction
                parameter.bump_version()
                ends.append(standing_step(system, batch)[turn][1])
            parameter.array[...] = kept
            numeric, analytic = (ends[0] - ends[1]) / (2 * step), float((gradient * direction).sum())
            error = abs(analytic - numeric) / max(1, abs(analytic))
            assert error <= 1e-6, f"{name}: loss of {optimizer}, {names[id(parameter)]}: {analytic} is not {numeric}"


@pytest.mark.parametrize("name", models.SYSTEMS)
def test_the_gradients_that_train_a_system_are_those_of_its_loss(name):
    check_model(name)


def test_a_loss_that_is_not_differentiated_whole_is_noticed(monkeypatch):
    whole = classification.classification_loss
    monkeypatch.setattr(
        classification, "classification_loss", lambda y, labels: whole(y, labels) + 0.1 * (y.detach() * y).mean()
    )
    with pytest.raises(AssertionError, match=r"loss of network, network\.conv1\.weight"):
        check_model("lenet")


# --- DCGAN
# ----------------------------------------------------------------------------------------------------


def test_the_generators_turn_leaves_the_discriminators_gradients_alone():
    system = make("dcgan")
    system.train()
    seen = []
    step = system.optimizers["discriminator"].step
    gradients = lambda: [p.grad.numpy().copy() for p in system.discriminator.parameters()]  # noqa: E731
    system.optimizers["discriminator"].step = lambda: (seen.append(gradients()), step())
    system.training_step(batch_for(system))
    assert all(np.array_equal(a, b) for a, b in zip(seen[0], gradients(), strict=True))


def test_initial_weights_have_the_papers_standard_deviation():
    system = models.DCGAN()
    assert system.generator.project.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert system.generator.layers[2].weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert system.generator.layers[0].weight.mean().item() == pytest.approx(1.0, abs=0.01)


def test_a_discriminator_is_evaluated_as_it_learns():
    """On the batch that it learned from, D's verdict in `evaluate` is the one in `training_step`."""
    system = make("dcgan")
    system.train()
    for optimizer in system.optimizers.values():
        optimizer.step = lambda: None
    batch = batch_for(system, 8)
    learning = system.training_step(batch)
    assert system.evaluate([batch])["D(x)"] == pytest.approx(learning["D(x)"].item(), rel=1e-5)


def test_two_dcgan_steps_equal_pytorchs(torch):
    """The same nets, weights, images and noise: losses, and every weight after two steps."""
    minigen.manual_seed(3)
    system = models.DCGAN(dcgan.Options(generator_width=8, discriminator_width=8, batch_size=16))
    nn = torch.nn
    generator = nn.Sequential(
        nn.BatchNorm2d(16), nn.ReLU(),
        nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.ConvTranspose2d(8, 1, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Conv2d(1, 8, 4, 2, 1, bias=False), nn.LeakyReLU(0.2),
        nn.Conv2d(8, 16, 4, 2, 1, bias=False), nn.BatchNorm2d(16), nn.LeakyReLU(0.2),
        nn.Conv2d(16, 1, 7, bias=False),
    )  # fmt: skip
    project = nn.Linear(100, 7 * 7 * 16, bias=False)
    theirs = {
        "generator.project": project,
        "generator.layers": generator,
        "discriminator.layers": discriminator,
    }
    for prefix, module in theirs.items():
        names = [name for name in module.state_dict() if "num_batches" not in name]
        weights = {name: torch.tensor(system.state_dict()[f"{prefix}.{name}"].numpy()) for name in names}
        module.load_state_dict(weights, strict=False)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    settings = {"lr": 2e-4, "betas": (0.5, 0.999)}
    optimizer_d = torch.optim.Adam(discriminator.parameters(), **settings)
    optimizer_g = torch.optim.Adam([*project.parameters(), *generator.parameters()], **settings)
    for seed in (9, 10):
        images = minigen.rand(16, 1, 28, 28) * 2 - 1
        with random_state_of(seed):
            z = torch.tensor(system.noise(16).numpy())
        with random_state_of(seed):
            ours = system.training_step([images, None])

        real, fake = torch.tensor(images.numpy()), generator(project(z).reshape(16, 7, 7, 16).permute(0, 3, 1, 2))
        on_real, on_fake = discriminator(real).flatten(), discriminator(fake.detach()).flatten()
        loss_d = bce(on_real, torch.ones(16)) + bce(on_fake, torch.zeros(16))
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
        loss_g = bce(discriminator(fake).flatten(), torch.ones(16))
        optimizer_g.zero_grad()
        loss_g.backward()
        optimizer_g.step()
        assert ours["loss_d"].item() == pytest.approx(loss_d.item(), rel=1e-4)
        assert ours["loss_g"].item() == pytest.approx(loss_g.item(), rel=1e-4)

    for prefix, module in theirs.items():
        for name, value in module.state_dict().items():
            own = system.state_dict()[f"{prefix}.{name}"].numpy()
            error = np.abs(own - value.numpy()).max() / np.abs(value.numpy()).max()
            assert error < 3e-3, f"{prefix}.{name} differs by {error:.1e}"


# --- VAE
# ------------------------------------------------------------------------------------------------------


def test_the_elbo_is_in_nats_per_image():
    """With all weights 0, p = 1/2 for every pixel and q = N(0, I): 784 log 2 nats, and no divergence."""
    system = models.VAE()
    with minigen.no_grad():
        for parameter in system.parameters():
            parameter.zero_()
    reconstruction, kl = system.negative_elbo(minigen.rand(4, 1, 28, 28))
    assert reconstruction.item() == pytest.approx(784 * math.log(2), rel=1e-5)
    assert kl.item() == pytest.approx(0, abs=1e-6)


def test_the_divergence_counts_all_latents_of_an_image():
    """For mu = 2, sigma = 1 in each of 20 latents: 20 * 2**2 / 2 nats per image, for any number of images."""
    system = models.VAE()
    with minigen.no_grad():
        for parameter in system.encoder.parameters():
            parameter.zero_()
        system.encoder.mu.bias.fill_(2.0)
    for n in (1, 5):
        assert system.negative_elbo(minigen.rand(n, 1, 28, 28))[1].item() == pytest.approx(40.0, rel=1e-6)


def test_two_vae_steps_equal_pytorchs(torch):
    minigen.manual_seed(3)
    system = models.VAE(vae.Options(hidden_size=16, latent_size=4))
    names = [name for name, _ in system.named_parameters()]
    theirs = {name: torch.tensor(system.state_dict()[name].numpy(), requires_grad=True) for name in names}
    optimizer = torch.optim.Adam(theirs.values(), lr=1e-3)
    linear = lambda x, name: x @ theirs[f"{name}.weight"].T + theirs[f"{name}.bias"]  # noqa: E731
    for seed in (9, 10):
        images = minigen.rand(8, 1, 28, 28)
        with random_state_of(seed):
            epsilon = torch.tensor(system.noise(8).numpy())
        with random_state_of(seed):
            ours = system.training_step([images, None])
        x = torch.tensor(images.numpy()).flatten(1)
        hidden = torch.relu(linear(x, "encoder.hidden"))
        q = torch.distributions.Normal(linear(hidden, "encoder.mu"), (linear(hidden, "encoder.logvar") / 2).exp())
        logits = linear(torch.relu(linear(q.loc + q.scale * epsilon, "decoder.hidden")), "decoder.pixels")
        kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
        log_p = x * torch.log(torch.sigmoid(logits)) + (1 - x) * torch.log(1 - torch.sigmoid(logits))
        loss = kl - log_p.sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert ours["kl"].item() == pytest.approx(kl.item(), rel=1e-4)
        assert ours["nats"].item() == pytest.approx(loss.item(), rel=1e-4)
    for name, value in theirs.items():
        own, value = system.state_dict()[name].numpy(), value.detach().numpy()
        error = np.abs(own - value).max() / np.abs(value).max()
        assert error < 3e-3, f"{name} differs by {error:.1e}"


def test_a_vae_reconstructs_what_it_has_learned():
    images = np.zeros((8, 1, 28, 28), np.float32)
    images[:4, :, 4:20, 4:20] = 1.0
    images = minigen.from_numpy(images)
    system = models.VAE(vae.Options(hidden_size=32, latent_size=2, lr=1e-2))
    for _ in range(150):
        system.training_step([images, None])
    errors = (system.restore(images)["reconstruction"] - images).abs().mean().item()
    assert errors < 0.02


# --- learning, in seconds
# -------------------------------------------------------------------------------------


@pytest.mark.learning
@pytest.mark.parametrize(
    ("name", "figure", "sign", "steps", "bar"),
    [("lenet", "accuracy", 1, 120, 0.9), ("vae", "nats", -1, 120, 235.0)],
)
def test_a_system_learns_the_built_in_digits(name, figure, sign, steps, bar):
    system = models.find_system(name)()
    train, test = (data.load("glyphs", n=n, train=n > 1000) for n in (4000, 500))
    loader = DataLoader(train, batch_size=64, shuffle=True, seed=0, drop_last=True)
    done = 0
    while done < steps:
        for batch in loader:
            system.training_step(batch)
            done += 1
            if done == steps:
                break
    # The mean image alone, as every prediction, gets 10 % and 249 nats.
    reached = system.evaluate(DataLoader(test, batch_size=250))[figure]
    assert sign * reached > sign * bar, f"{name}: {figure} is {reached}"


def test_dcgan_notices_a_missing_detach(monkeypatch):
    system = make("dcgan")
    monkeypatch.setattr(Tensor, "detach", lambda self: self)
    with pytest.raises(RuntimeError, match=r"discriminator's loss left a gradient on .*weight.*fake\.detach\(\)"):
        system.training_step(batch_for(system))
