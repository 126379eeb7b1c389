"""Likelihoods in nats per image: what they integrate or add up to, their extremes, and what misuse is told.

That their derivatives of every order are right is tested with all other functions, in test_functions.py.
"""

import math

import numpy as np
import pytest

import minigen
import minigen.nn.functional as F

random = np.random.default_rng(5)
LEVELS = np.arange(256.0).reshape(256, 1) / 127.5 - 1


def tensors(*arrays):
    return [minigen.tensor(a, requires_grad=True) for a in arrays]


# --- Gaussians ----------------------------------------------------------------------------------------------


def test_gaussian_kl_is_the_integral_in_nats_per_image():
    mu, logvar = np.array([[0.3, -1.0]]), np.array([[0.5, -2.0]])
    z, step = np.linspace(-20, 20, 200_001, retstep=True)
    total = 0.0
    for m, s in zip(mu[0], np.exp(0.5 * logvar[0])):
        log_q = -0.5 * ((z - m) / s) ** 2 - math.log(s * math.sqrt(2 * math.pi))
        log_p = -0.5 * z**2 - 0.5 * math.log(2 * math.pi)
        total += np.sum(np.exp(log_q) * (log_q - log_p)) * step
    batch = tensors(np.repeat(mu, 7, axis=0), np.repeat(logvar, 7, axis=0))
    assert F.gaussian_kl(*batch).item() == pytest.approx(total, rel=1e-9)


def test_gaussian_kl_keeps_its_digits_near_the_standard_normal():
    mu, logvar = minigen.zeros(1, 1), minigen.full((1, 1), 1e-3)
    assert F.gaussian_kl(mu, logvar).item() == pytest.approx((math.expm1(1e-3) - 1e-3) / 2, rel=1e-3)


def test_gaussian_kl_takes_any_latent_shape():
    mu, logvar = random.standard_normal((2, 3, 4, 4))[None], np.zeros((1, 2, 3, 4, 4))
    assert F.gaussian_kl(*tensors(mu, logvar)).item() == pytest.approx(0.5 * (mu**2).sum())


def test_the_kl_between_two_gaussians_is_the_difference_of_their_likelihoods():
    """KL(q | p) = E_q[log q - log p], by Gauss-Hermite quadrature, which is exact for polynomials."""
    mu, logvar, mu_prior, logvar_prior = random.standard_normal((4, 3, 2))
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    total = 0.0
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        z = minigen.tensor(mu + node * np.exp(logvar / 2))
        of_q = F.gaussian_nll(*tensors(mu, logvar), z)
        of_p = F.gaussian_nll(*tensors(mu_prior, logvar_prior), z)
        total += weight * (of_p - of_q).item()
    assert F.gaussian_kl(*tensors(mu, logvar, mu_prior, logvar_prior)).item() == pytest.approx(total, rel=1e-10)


def test_a_prior_may_be_shared_by_all_images():
    mu, logvar = random.standard_normal((2, 5, 3))
    shared = random.standard_normal((2, 3))
    repeated = [np.repeat(a[None], 5, axis=0) for a in shared]
    expected = F.gaussian_kl(*tensors(mu, logvar, *repeated)).item()
    assert F.gaussian_kl(*tensors(mu, logvar, *shared)).item() == pytest.approx(expected, rel=1e-12)
    standard = F.gaussian_kl(*tensors(mu, logvar), minigen.tensor(0.0).double(), minigen.tensor(0.0).double())
    assert standard.item() == pytest.approx(F.gaussian_kl(*tensors(mu, logvar)).item(), rel=1e-12)


def test_the_gaussian_density_integrates_to_one():
    x, step = np.linspace(-12, 12, 4001, retstep=True)
    mean, logvar = minigen.full((4001, 1), 0.7, dtype=minigen.float64), minigen.tensor(-0.4).double()
    density = (-F.gaussian_nll(mean, logvar, minigen.tensor(x[:, None]), reduction="none")).exp()
    assert density.sum().item() * step == pytest.approx(1, rel=1e-9)


# --- discretised logistics ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mean", [-1.4, -1.0, 0.0, 0.3, 1.0])
@pytest.mark.parametrize("log_scale", [-9.0, -7.0, -3.0, 0.0, 2.0])
@pytest.mark.parametrize("dtype", [minigen.float32, minigen.float64])
def test_the_256_probabilities_add_up_to_one(mean, log_scale, dtype):
    levels = minigen.tensor(LEVELS, dtype=dtype)
    means, scales = minigen.full_like(levels, mean), minigen.full_like(levels, log_scale)
    nats = F.discretised_logistic_nll(means, scales, levels, reduction="none")
    assert (nats >= 0).all()
    assert (-nats).exp().sum().item() == pytest.approx(1, abs=1e-12 if dtype == minigen.float64 else 2e-4)


@pytest.mark.parametrize("level", [0, 1, 100, 254, 255])
def test_improbable_levels_keep_their_loss_and_their_gradient(level):
    """Far from the mean the loss grows like a line with the slope 1 / scale, though the mass is 0 in float32."""
    mean, log_scale = -3.0 if level > 128 else 3.0, -4.0
    m, s = (minigen.full((1, 1), v, requires_grad=True) for v in (mean, log_scale))
    loss = F.discretised_logistic_nll(m, s, minigen.tensor(LEVELS[level : level + 1]).float())
    loss.backward()
    scale = math.exp(log_scale)
    edge = LEVELS[level, 0] + (1 / 255 if mean > 0 else -1 / 255)  # the nearer edge of the bin
    width = 0.0 if level in (0, 255) else -math.log(-math.expm1(-2 / 255 / scale))
    assert loss.item() == pytest.approx(abs(mean - edge) / scale + width, rel=1e-5)
    assert m.grad.item() == pytest.approx(math.copysign(1 / scale, mean), rel=1e-5)
    assert math.isfinite(s.grad.item())


def test_a_narrow_logistic_is_a_density():
    """Where the bin is narrow against the scale, P is the density times the width: PixelCNN++'s second branch."""
    mean, log_scale, x = (
        minigen.zeros(1, 1).double(),
        minigen.tensor([[3.0]]).double(),
        minigen.tensor([[0.0]]).double(),
    )
    density = 0.25 * math.exp(-3.0)
    nats = F.discretised_logistic_nll(mean, log_scale, x).item()
    assert nats == pytest.approx(-math.log(density * 2 / 255), rel=1e-6)


# --- nats per image -----------------------------------------------------------------------------------------

IMAGES = random.uniform(0.1, 0.9, (4, 3, 2, 2))
TERMS = {
    "bernoulli_nll": lambda a, **o: F.bernoulli_nll(*tensors(a, IMAGES[: len(a)]), **o),
    "gaussian_nll": lambda a, **o: F.gaussian_nll(*tensors(a, a, IMAGES[: len(a)]), **o),
    "gaussian_kl": lambda a, **o: F.gaussian_kl(*tensors(a, a), **o),
    "discretised_logistic_nll": lambda a, **o: F.discretised_logistic_nll(*tensors(a, -a, IMAGES[: len(a)]), **o),
}


@pytest.mark.parametrize("term", TERMS.values(), ids=TERMS.keys())
def test_summed_over_an_image_averaged_over_the_batch(term):
    each = term(IMAGES, reduction="none")
    assert each.shape == (4,)
    assert term(IMAGES).item() == pytest.approx(each.mean().item(), rel=1e-12)
    assert term(IMAGES, reduction="sum").item() == pytest.approx(each.sum().item(), rel=1e-12)
    assert term(IMAGES[:1]).item() == pytest.approx(each[0].item(), rel=1e-12)
    assert term(IMAGES[:0], reduction="none").shape == (0,)


# --- misuse -------------------------------------------------------------------------------------------------

scores, row = minigen.zeros(4, 3), minigen.zeros(4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.bernoulli_nll(scores, scores[:2]), "bernoulli_nll: logits has shape .*target has"),
        (lambda: F.bernoulli_nll(row, row), r"logits must be \(N, ...\) with one row for each image, not \(4,\)"),
        (lambda: F.bernoulli_nll(scores, scores - 1), r"target must lie in \[0, 1\]"),
        (lambda: F.bernoulli_nll(scores, scores, reduction="avg"), "reduction='avg'"),
        (lambda: F.gaussian_nll(scores, scores, scores[:, :2]), "target has"),
        (lambda: F.gaussian_nll(scores, minigen.zeros(2, 4, 3), scores), r"logvar has shape .* cannot be broadcast"),
        (lambda: F.gaussian_kl(scores, scores[:2]), "logvar has"),
        (lambda: F.gaussian_kl(scores, scores, scores), "give mu_prior and logvar_prior, or neither"),
        (lambda: F.gaussian_kl(scores, scores, scores, minigen.zeros(5)), "logvar_prior has shape"),
        (lambda: F.discretised_logistic_nll(scores, scores, scores + 2), r"lie in \[-1, 1\], .*x / 127.5 - 1"),
        (lambda: F.discretised_logistic_nll(scores, minigen.zeros(5), scores), "log_scale has shape"),
    ],
)
def test_misuse_is_told_what_to_do(call, message):
    with pytest.raises(ValueError, match=message):
        call()
