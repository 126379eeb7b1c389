"""Autoencoders of every kind: objectives against formulas and PyTorch, what options do, and that all of them learn.

What holds for every system (each parameter moves, gradients are those of the loss, samples in range) is tested in
test_models.py, and a run beside PyTorch's in test_torch_side.py; here their other networks and likelihoods pass, too.
"""

import math
import tracemalloc

import numpy as np
import pytest
from table.systems import SMALL, make
from test_models import batch_for, check_model, snapshot

import minigen
import minigen.nn.functional as F
from benchmarks import linear_vae
from minigen import data, models
from minigen.data import DataLoader
from minigen.models import autoencoder, beta_vae, cvae, denoising_autoencoder, iwae, vae
from minigen.models.system import random_state_of
from minigen.models.variational import kl_of_each_latent, reconstruction_loss, with_free_bits
from minigen.training.state import restore_system, system_state

FAMILY = ["autoencoder", "denoising_autoencoder", "vae", "beta_vae", "cvae", "iwae"]
# The choices that the small versions do not take.
VARIANTS = [
    ("autoencoder", {"network": "convolutional", "width": 2}),
    ("autoencoder", {"objective": "squared_error"}),
    ("denoising_autoencoder", {"noise": "gaussian"}),
    ("vae", {"network": "convolutional", "width": 2}),
    ("vae", {"likelihood": "gaussian"}),
    ("beta_vae", {"network": "dense", "likelihood": "gaussian", "free_bits": 0.01}),
    ("iwae", {"k": 1}),
]
random = np.random.default_rng(3)


def as_small(monkeypatch, name, options):
    """Make the small version of a system one with other options, for tests that build it themselves."""
    monkeypatch.setitem(SMALL, name, SMALL[name] | options)


# --- objectives -------------------------------------------------------------------------------------------------------


def test_the_cross_entropy_is_summed_over_an_image_and_averaged_over_the_batch():
    logits, x = random.standard_normal((5, 3, 4, 4)), random.random((5, 3, 4, 4))
    p = 1 / (1 + np.exp(-logits))
    expected = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum() / 5
    assert reconstruction_loss(minigen.tensor(logits), minigen.tensor(x)).item() == pytest.approx(expected, rel=1e-12)


def test_the_squared_error_is_that_of_the_paper():
    outputs, x = random.standard_normal((5, 1, 4, 4)), random.random((5, 1, 4, 4))
    expected = ((x - 1 / (1 + np.exp(-outputs))) ** 2).sum() / 5
    found = autoencoder.squared_error(minigen.tensor(outputs), minigen.tensor(x)).item()
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_gaussian_likelihood_is_pytorchs(torch):
    outputs, x = random.standard_normal((5, 1, 4, 4)), random.random((5, 1, 4, 4))
    normal = torch.distributions.Normal(torch.sigmoid(torch.tensor(outputs)), math.exp(-0.7))
    expected = -normal.log_prob(torch.tensor(x)).sum() / 5
    arguments = minigen.tensor(outputs), minigen.tensor(np.array(-1.4)), minigen.tensor(x)
    assert vae.gaussian_reconstruction_loss(*arguments).item() == pytest.approx(expected.item(), rel=1e-12)


def test_the_divergence_of_each_latent_is_pytorchs(torch):
    mu, logvar = random.standard_normal((2, 6, 4))
    q = torch.distributions.Normal(torch.tensor(mu), torch.tensor(logvar / 2).exp())
    expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).mean(0)
    found = kl_of_each_latent(minigen.tensor(mu), minigen.tensor(logvar))
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-12)


def test_the_vae_of_before_is_still_there_bit_for_bit():
    """The loss written out as in pytorch/examples, on flat images: 784-400-20 is what it was, to the last bit."""
    system, x = models.VAE(), minigen.rand(8, 1, 28, 28)
    weights = dict(system.named_parameters())
    linear = lambda y, name: F.linear(y, weights[f"{name}.weight"], weights[f"{name}.bias"])  # noqa: E731
    flat = x.flatten(1)
    hidden = F.relu(linear(flat, "encoder.hidden"))
    mu, logvar = linear(hidden, "encoder.mu"), linear(hidden, "encoder.logvar")
    with random_state_of(5):
        z = mu + (0.5 * logvar).exp() * system.noise(8)
    logits = linear(F.relu(linear(z, "decoder.hidden")), "decoder.pixels")
    expected = F.binary_cross_entropy_with_logits(logits, flat, reduction="sum") / 8 + F.gaussian_kl(mu, logvar)
    with random_state_of(5):
        reconstruction, kl = system.negative_elbo(x)
    assert (reconstruction + kl).item() == expected.item()
    assert list(weights) == [
        f"{part}.{kind}"
        for part in ("encoder.hidden", "encoder.mu", "encoder.logvar", "decoder.hidden", "decoder.pixels")
        for kind in ("weight", "bias")
    ]


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_other_networks_and_likelihoods_have_right_gradients(name, options, monkeypatch):
    as_small(monkeypatch, name, options)
    check_model(name)


@pytest.mark.parametrize(("name", "options"), VARIANTS)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 64, 64)])
def test_other_networks_and_likelihoods_take_every_size(name, options, shape):
    system = make(name, shape, **options)
    before = snapshot(system)
    system.training_step(batch_for(system))
    after = snapshot(system)
    assert [n for n, _ in system.named_parameters() if np.array_equal(before[n], after[n])] == []
    figures = system.evaluate([batch_for(system)])
    assert all(math.isfinite(value) for value in figures.values())
    if system.generates:
        images = system.sample(3)
        assert images.shape == (3, *shape)
        assert 0 <= images.min().item() < images.max().item() <= 1
    if system.restores:
        images = minigen.rand(4, *shape)
        kinds = system.restore(images)
        assert all(kind.shape == images.shape for kind in kinds.values())
        assert np.array_equal(kinds["image"].numpy(), images.numpy())
        assert all(kind.min().item() >= 0 and kind.max().item() <= 1 for kind in kinds.values())


def test_the_learned_variance_becomes_that_of_the_errors():
    """With means held still, and the same for every z, the best log-variance is the log of the mean squared error."""
    system = models.VAE(vae.Options(hidden_size=8, latent_size=2, likelihood="gaussian", pixel_std=0.2, lr=0.05))
    assert (system.pixel_logvar / 2).exp().item() == pytest.approx(0.2)
    x = minigen.rand(32, 1, 28, 28)
    with minigen.no_grad():
        system.decoder.pixels.weight.zero_()
    system.decoder.requires_grad_(False)
    for _ in range(200):
        system.training_step([x, None])
    mean = system.decoder(minigen.zeros(1, 2)).sigmoid().detach()
    assert system.pixel_logvar.item() == pytest.approx(math.log(((x - mean) ** 2).mean().item()), abs=0.05)


# --- beta-VAE ---------------------------------------------------------------------------------------------------------


def test_a_beta_of_one_is_the_vae_bit_for_bit():
    shared = {"network": "convolutional", "hidden_size": 8, "width": 2, "latent_size": 3, "lr": 1e-3}
    plain = models.VAE(vae.Options(**shared))
    priced = models.BetaVAE(beta_vae.Options(**shared, beta=1.0))
    priced.load_state_dict(plain.state_dict(), strict=False)
    for seed in range(3):
        batch = batch_for(plain)
        with random_state_of(seed):
            ours = plain.training_step(batch)
        with random_state_of(seed):
            theirs = priced.training_step(batch)
        assert theirs["loss"].item() == ours["nats"].item()
    weights = snapshot(priced)
    assert all(np.array_equal(array, weights[name]) for name, array in snapshot(plain).items())


def test_the_rate_is_multiplied_by_beta():
    system = make("beta_vae", beta=8.0)
    values = {name: float(value) for name, value in system.training_step(batch_for(system)).items()}
    assert values["loss"] == pytest.approx(values["distortion"] + 8 * values["rate"], rel=1e-6)
    assert values["rate"] > 0


def test_evaluation_does_not_know_beta():
    """What is said of new images is a bound on log p(x), whatever was paid in training."""
    dear, cheap = make("beta_vae", beta=8.0, free_bits=1.0, warmup_steps=5), make("beta_vae", beta=1.0)
    cheap.load_state_dict(dear.state_dict())
    batch = batch_for(dear)
    with random_state_of(0):
        figures = dear.evaluate([batch])
    with random_state_of(0):
        assert cheap.evaluate([batch]) == figures
    assert figures["nats"] == pytest.approx(figures["rate"] + figures["distortion"], rel=1e-6)


def test_free_bits_are_free():
    """Latents below lambda cost lambda, and are not pushed; the others cost what they say, and are."""
    mu = minigen.tensor(np.array([[0.0, 0.5, 2.0], [0.0, -0.5, 3.0]]), requires_grad=True)
    rates = [0.0, 0.125, 3.25]  # mu**2 / 2, averaged over the two images
    logvar = minigen.zeros(2, 3).double()
    paid = with_free_bits(mu, logvar, 0.3)
    assert paid.item() == pytest.approx(0.3 + 0.3 + rates[2])
    paid.backward()
    assert mu.grad.numpy()[:, :2].tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert mu.grad.numpy()[:, 2].tolist() == [1.0, 1.5]  # mu / N


def test_free_bits_look_at_the_batch_not_at_one_image():
    """The mean of KL over the images is held against lambda: one image may say less than lambda, another more."""
    mu = minigen.tensor([[0.0], [2.0]])  # 0 and 2 nats
    assert with_free_bits(mu, minigen.zeros(2, 1), 0.9).item() == pytest.approx(1.0)


def test_beta_warms_up_and_a_checkpoint_remembers_how_far():
    system = make("beta_vae", beta=2.0, warmup_steps=4)
    betas = [float(system.training_step(batch_for(system))["beta"]) for _ in range(2)]
    again = make("beta_vae", beta=2.0, warmup_steps=4)
    restore_system(again, *system_state(system))
    betas += [float(again.training_step(batch_for(again))["beta"]) for _ in range(4)]
    assert betas == [0.0, 0.5, 1.0, 1.5, 2.0, 2.0]
    assert str(again.steps.dtype) == "int64"


def test_a_cold_beta_leaves_the_rate_out_of_the_loss():
    system = make("beta_vae", warmup_steps=10)
    values = system.training_step(batch_for(system))
    assert values["loss"].item() == values["distortion"].item()


# --- cVAE -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([0, 1], ValueError, "cvae: 3 samples want 3 labels, not"),
        ([0, 1, 10], ValueError, "cvae: label 10 is not one of the 10 classes 0 to 9"),
        ([0, -1, 2], ValueError, "cvae: label -1 is not one of the 10 classes 0 to 9"),
        ([0.0, 1.0, 2.0], TypeError, "cvae: labels are whole numbers, but these are float32"),
        (5, ValueError, "cvae: 3 samples want 3 labels, not"),
    ],
)
def test_labels_that_name_no_class_are_refused(labels, error, message):
    with pytest.raises(error, match=message):
        make("cvae").sample(3, labels=labels)


def test_classes_come_in_turn_unless_asked_for():
    system = models.CVAE(cvae.Options(**SMALL["cvae"]), classes=3)
    noise = system.noise(1).repeat(5, 1)
    in_turn = system.sample(5, noise).numpy()
    asked = system.sample(5, noise, labels=minigen.tensor([0, 1, 2, 0, 1])).numpy()
    assert np.array_equal(in_turn, asked)
    assert np.array_equal(in_turn[0], in_turn[3])
    assert not np.array_equal(in_turn[0], in_turn[1])


def halves(n):
    """Images (n, 1, 28, 28) of two classes: white to the left, white to the right; brighter or darker."""
    labels = minigen.randint(0, 2, (n,))
    images = np.zeros((n, 1, 28, 28), np.float32)
    for image, label in zip(images, labels.tolist(), strict=True):
        image[0, :, 14 * label : 14 * label + 14] = random.uniform(0.5, 1.0)
    return minigen.from_numpy(images), labels


def test_the_class_asked_for_is_drawn():
    system = models.CVAE(cvae.Options(hidden_size=32, latent_size=1, lr=1e-2), classes=2)
    for _ in range(60):
        system.training_step(halves(32))
    images = system.sample(100, labels=[0] * 50 + [1] * 50).numpy()
    left, right = images[..., :14].mean((1, 2, 3)), images[..., 14:].mean((1, 2, 3))
    assert (left[:50] > right[:50] + 0.2).all()
    assert (right[50:] > left[50:] + 0.2).all()


def test_what_a_cvae_says_of_an_image_depends_on_the_class():
    system = make("cvae")
    images, _ = batch_for(system)
    bounds = []
    for label in (0, 1):
        with random_state_of(0):
            terms = system.negative_elbo(images, minigen.full((6,), label))
        bounds.append([term.item() for term in terms])
    assert bounds[0][0] != bounds[1][0], "the decoder does not see the class"
    assert bounds[0][1] != bounds[1][1], "the encoder does not see the class"


# --- IWAE -------------------------------------------------------------------------------------------------------------


def double_iwae(**options):
    system = make("iwae", **options).double()
    drawn = system.noise
    system.noise = lambda n: drawn(n).double()
    return system


@pytest.mark.parametrize("k", [1, 4])
def test_the_bound_is_pytorchs(torch, k):
    """With log-densities of PyTorch's distributions: k = 1 is the VAE's bound, its divergence estimated by one draw."""
    system, normal = double_iwae(k=k), torch.distributions.Normal
    x = (minigen.rand(5, 1, 28, 28) < 0.4).double()
    with random_state_of(1):
        epsilon = torch.tensor(system.noise(k * 5).numpy()).reshape(k, 5, 3)
    with random_state_of(1):
        mu, logvar = system.encoder(x)
        log_weights = system.log_weights(x, mu, logvar, k)
        found = iwae.log_mean_weight(log_weights)
    mu, logvar = torch.tensor(mu.detach().numpy()), torch.tensor(logvar.detach().numpy())
    q = normal(mu, (logvar / 2).exp())
    z = q.loc + q.scale * epsilon
    logits = torch.tensor(system.decoder(minigen.tensor(z.numpy())).detach().numpy())
    log_p_x = torch.distributions.Bernoulli(logits=logits).log_prob(torch.tensor(x.flatten(1).numpy())).sum(-1)
    expected = log_p_x + normal(0.0, 1.0).log_prob(z).sum(-1) - q.log_prob(z).sum(-1)  # (k, 5)
    assert log_weights.detach().numpy() == pytest.approx(expected.numpy(), rel=1e-10)
    mean_weight = torch.logsumexp(expected, 0) - math.log(k)
    assert found.detach().numpy() == pytest.approx(mean_weight.numpy(), rel=1e-10)


def test_weights_too_small_for_any_number_still_have_a_mean():
    log_weights = minigen.tensor([[-2000.0, -90.0], [-2000.0 + math.log(3), -90.0]])
    assert iwae.log_mean_weight(log_weights).tolist() == pytest.approx([-2000 + math.log(2), -90.0], rel=1e-6)


def test_each_draw_is_weighed_by_its_share_of_the_weights():
    """The derivative of L_k by log w_i is w_i / sum(w) (Burda et al. 2016, section 3)."""
    log_weights = minigen.tensor([[0.0], [math.log(3)]], requires_grad=True)
    iwae.log_mean_weight(log_weights).sum().backward()
    assert log_weights.grad.flatten().tolist() == pytest.approx([0.25, 0.75])


def test_a_bound_with_more_draws_is_tighter():
    """Means over many draws: -L_1 >= -L_5 >= -L_50, on a model whose encoder and decoder do not fit each other."""
    system = make("iwae")
    with minigen.no_grad():
        system.decoder.layers[0].weight.mul_(3.0)
    x = iwae.binarised(minigen.rand(1, 1, 28, 28)).expand(400, -1, -1, -1)
    means = [system.bound(x, k).mean().item() for k in (1, 5, 50)]
    assert means[0] > means[1] > means[2]


def test_a_bound_with_many_draws_is_the_likelihood():
    """A decoder that does not look at z gives log p(x) = -784 log 2; L_1 is below by the divergence, L_5000 hardly."""
    system = make("iwae")
    with minigen.no_grad():
        for parameter in (*system.decoder.layers[4].parameters(), *system.encoder.parameters()):
            parameter.zero_()
        system.encoder.mu.bias.fill_(0.8)  # 0.32 nats in each of three latents
    x = iwae.binarised(minigen.rand(3, 1, 28, 28))
    assert system.bound(x, 5000).tolist() == pytest.approx([784 * math.log(2)] * 3, abs=0.1)
    x = x[:1].expand(3000, -1, -1, -1)
    assert system.bound(x, 1).mean().item() == pytest.approx(784 * math.log(2) + 0.96, abs=0.1)


@pytest.mark.parametrize("rows", [1, 7, 40, 10_000])
def test_a_bound_does_not_depend_on_how_it_is_divided(rows):
    system, x = make("iwae"), iwae.binarised(minigen.rand(1, 1, 28, 28))
    with random_state_of(4):
        whole = system.bound(x, 40, rows=40)
    with random_state_of(4):
        assert system.bound(x, 40, rows=rows).item() == pytest.approx(whole.item(), rel=1e-6)


@pytest.mark.parametrize("rows", [3, 30, 70, 1000])  # an image in parts, one whole, some together, all at once
def test_each_image_has_its_own_bound(rows):
    """A decoder that does not look at z, and the prior as q(z | x): all weights are p(x), and the bound is exact."""
    system = make("iwae")
    with minigen.no_grad():
        for parameter in (system.decoder.layers[4].weight, *system.encoder.parameters()):
            parameter.zero_()
        system.decoder.layers[4].bias.normal_()
    logits = system.decoder.layers[4].bias.detach().numpy().astype(np.float64)
    x = iwae.binarised(minigen.rand(5, 1, 28, 28))
    expected = (np.logaddexp(0, logits) - x.flatten(1).numpy() * logits).sum(1)
    assert system.bound(x, 20, rows=rows).numpy() == pytest.approx(expected, rel=1e-5)


def test_thousands_of_draws_fit_into_little_memory():
    system, x = models.IWAE(), iwae.binarised(minigen.rand(3, 1, 28, 28))
    tracemalloc.start()
    system.bound(x, 5000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 120e6  # one array of 3 * 5000 * 784 numbers alone takes 47 MB


def test_a_bound_takes_at_least_one_draw():
    with pytest.raises(ValueError, match="iwae: the bound takes at least k = 1 draw for each image, not 0"):
        make("iwae").bound(minigen.zeros(1, 1, 28, 28), 0)


def test_binarised_images_are_drawn_anew_with_the_grey_levels_as_probabilities():
    x = minigen.tensor([0.0, 0.25, 1.0]).repeat(4000, 1)
    first, second = iwae.binarised(x).numpy(), iwae.binarised(x).numpy()
    assert set(first.flatten()) == {0.0, 1.0}
    assert first.mean(0) == pytest.approx([0, 0.25, 1], abs=0.03)
    assert not np.array_equal(first, second)


def test_initial_weights_are_glorots():
    system = models.IWAE()
    weight = system.decoder.layers[4].weight
    assert weight.abs().max().item() == pytest.approx(math.sqrt(6 / (200 + 784)), rel=0.01)
    assert all(p.abs().max().item() == 0 for n, p in system.named_parameters() if n.endswith("bias"))


# --- denoising --------------------------------------------------------------------------------------------------------


def test_masking_blackens_the_share_and_gaussian_noise_has_the_deviation_that_were_asked_for():
    x = minigen.full((50, 1, 28, 28), 0.5)
    options = denoising_autoencoder.Options(masked=0.4, noise_std=0.2)
    masked = denoising_autoencoder.spoil(x, options).numpy()
    assert set(masked.flatten()) == {0.0, 0.5}
    assert (masked == 0).mean() == pytest.approx(0.4, abs=0.01)
    options.noise = "gaussian"
    noise = denoising_autoencoder.spoil(x, options).numpy() - 0.5
    assert noise.std() == pytest.approx(0.2, rel=0.02)
    assert noise.mean() == pytest.approx(0.0, abs=0.01)


def test_a_share_is_at_most_one():
    with pytest.raises(ValueError, match=r"option masked is a share of the pixels, at most 1, not 1\.5"):
        make("denoising_autoencoder", masked=1.5)


def test_the_clean_image_is_what_is_wanted():
    """With everything masked, the network sees black only; what it learns is the mean of the clean images."""
    system = models.DenoisingAutoencoder(denoising_autoencoder.Options(hidden_size=4, masked=1.0, lr=0.05))
    images = minigen.full((8, 1, 28, 28), 0.8)
    for _ in range(60):
        system.training_step([images, None])
    assert system.restore(images)["denoised"].mean().item() == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("noise", ["masking", "gaussian"])
def test_noise_is_taken_away(noise):
    """After a hundred steps on drawn digits, the error is well below that of the spoiled images, on new digits, too."""
    options = denoising_autoencoder.Options(hidden_size=100, noise=noise, masked=0.5, noise_std=0.5, lr=1e-2)
    system = models.DenoisingAutoencoder(options)
    train, test = data.load("glyphs", n=1000), data.load("glyphs", n=200, train=False)
    for _ in range(8):
        for batch in DataLoader(train, batch_size=64, shuffle=True, seed=0):
            system.training_step(batch)
    figures = system.evaluate(DataLoader(test, batch_size=200))
    assert figures["squared_error"] < 0.6 * figures["noisy_squared_error"]


# --- learning, in seconds ---------------------------------------------------------------------------------------------

SMOKE = {  # the figure that must fall, and how a system is made that learns in seconds
    "autoencoder": ("loss", {"hidden_size": 64, "latent_size": 8}),
    "denoising_autoencoder": ("nats", {"hidden_size": 64}),
    "vae": ("nats", {"hidden_size": 64, "latent_size": 8}),
    "beta_vae": ("loss", {"hidden_size": 32, "width": 4, "latent_size": 8, "lr": 3e-3}),
    "cvae": ("nats", {"hidden_size": 64, "latent_size": 8}),
    "iwae": ("nats", {"hidden_size": 64, "latent_size": 8, "k": 3}),
}


def test_every_one_of_the_family_has_a_smoke_test():
    assert list(SMOKE) == FAMILY


@pytest.mark.parametrize("name", FAMILY)
def test_it_learns_at_all(name):
    figure, options = SMOKE[name]
    system = make(name, (1, 28, 28), **options)
    before = snapshot(system)
    values = []
    loader = DataLoader(data.load("glyphs", n=512), batch_size=64, shuffle=True, seed=0)
    for _ in range(8):
        values += [float(system.training_step(batch)[figure]) for batch in loader]
    assert np.mean(values[-8:]) < 0.75 * np.mean(values[:3]), values
    after = snapshot(system)
    assert [n for n, _ in system.named_parameters() if np.array_equal(before[n], after[n])] == []
    if system.generates:
        images = system.sample(20).numpy()
        assert images.std(axis=0).max() > 0.02, "all samples are the same"


def test_a_dearer_rate_buys_less_of_it():
    """After as many steps from the same weights, the rate falls and the distortion rises with beta."""
    images = data.load("glyphs", n=256)
    found = []
    for beta in (0.5, 2.0, 8.0):
        minigen.manual_seed(0)
        system = make("beta_vae", (1, 28, 28), network="dense", hidden_size=64, latent_size=8, lr=3e-3, beta=beta)
        for epoch in range(25):
            for batch in DataLoader(images, batch_size=64, shuffle=True, seed=epoch):
                system.training_step(batch)
        found.append(system.evaluate(DataLoader(images, batch_size=256)))
    rates, distortions = ([figures[name] for figures in found] for name in ("rate", "distortion"))
    assert rates[0] > 1.5 * rates[1] > 1.5**2 * rates[2]
    assert distortions[0] < distortions[1] < distortions[2]


# --- the linear VAE ---------------------------------------------------------------------------------------------------


def test_a_linear_vae_becomes_probabilistic_pca():
    found = linear_vae.measure("toy")
    assert 0 <= found.best - found.likelihood < 1e-3
    assert -1e-6 <= found.likelihood - found.bound < 1e-3
    assert found.angle <= 1


def test_the_closed_form_is_the_likelihood_of_its_own_solution():
    """A model that is given Tipping and Bishop's solution has their likelihood, their directions, and a tight bound."""
    minigen.manual_seed(0)
    x = linear_vae.toy()
    values, vectors = np.linalg.eigh(np.cov(x.numpy().T.astype(np.float64), bias=True))
    noise = values[:-3].mean()
    W = vectors[:, -3:] * np.sqrt(values[-3:] - noise)
    M = W.T @ W + noise * np.eye(3)
    V = np.linalg.solve(M, W.T)
    model = linear_vae.LinearVAE(12, 3).double()
    mean = x.numpy().mean(0, dtype=np.float64)
    with minigen.no_grad():
        model.decoder.weight.copy_(minigen.tensor(W))
        model.decoder.bias.copy_(minigen.tensor(mean))
        model.encoder.weight.copy_(minigen.tensor(V))
        model.encoder.bias.copy_(minigen.tensor(-V @ mean))
        model.logvar.copy_(minigen.tensor(np.log(noise / np.diag(M))))
        model.noise_logvar.fill_(math.log(noise))
    found = linear_vae.compare(model, x)
    assert found.likelihood == pytest.approx(found.best, abs=1e-9)
    assert found.bound == pytest.approx(found.best, abs=1e-9)
    assert found.angle < 1e-4
