"""Losses: closed forms, PyTorch as a second opinion, the corners where losses go wrong, and what misuse is told.

That their derivatives of every order are right is tested with all other functions, in test_functions.py.
"""

import math

import numpy as np
import pytest

import minigen
import minigen.nn.functional as F
from minigen import nn

random = np.random.default_rng(5)
SCORES = random.standard_normal((6, 5))
PICTURES = random.standard_normal((3, 5, 4, 2))  # scores for every pixel: (N, C, H, W)
PROBABILITIES = random.uniform(0.05, 0.95, (4, 3))
TARGETS = random.uniform(0, 1, (4, 3))
LABELS = np.array([0, 4, 2, 2, 1, 3])
PIXEL_LABELS = random.integers(0, 5, (3, 4, 2))
SOFT_LABELS = random.dirichlet(np.ones(5), 6)
CLASS_WEIGHTS = random.uniform(0.5, 2, 5)


def tensors(*arrays, requires_grad=True):
    return [minigen.tensor(a, requires_grad=requires_grad and a.dtype.kind == "f") for a in arrays]


def value_and_gradients(library, function, arrays):
    """The loss, weighted where it is not a scalar, and its gradients for the floating-point inputs."""
    xs = [library.tensor(a) for a in arrays]
    floats = [x.requires_grad_() for x, a in zip(xs, arrays) if a.dtype.kind == "f"]
    loss = function(*xs)
    weights = np.random.default_rng(1).standard_normal(tuple(loss.shape))
    (loss * library.tensor(weights)).sum().backward()
    return loss.detach().numpy(), [x.grad.numpy() for x in floats]


def assert_same_as_torch(torch, ours, theirs, *arrays, rtol=1e-11):
    loss, gradients = value_and_gradients(minigen, ours, arrays)
    expected, expected_gradients = value_and_gradients(torch, theirs, arrays)
    np.testing.assert_allclose(loss, expected, rtol=1e-12, atol=1e-14)
    for gradient, wanted in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(gradient, wanted, rtol=rtol, atol=1e-14)


# --- PyTorch as a second opinion ----------------------------------------------------------------------------

REDUCTIONS = ["mean", "sum", "none"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("name", "arrays"),
    [
        ("mse_loss", (PROBABILITIES, TARGETS)),
        ("l1_loss", (PROBABILITIES, TARGETS)),
        ("binary_cross_entropy", (PROBABILITIES, TARGETS)),
        ("binary_cross_entropy_with_logits", (SCORES[:4, :3] * 8, TARGETS)),
    ],
)
def test_two_tensors_of_one_shape(torch, name, arrays, reduction):
    ours, theirs = getattr(F, name), getattr(torch.nn.functional, name)
    assert_same_as_torch(
        torch, lambda *xs: ours(*xs, reduction=reduction), lambda *xs: theirs(*xs, reduction=reduction), *arrays
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [random.uniform(0, 2, (4, 3)), random.uniform(0, 2, 3)], ids=["each", "column"])
def test_binary_weights(torch, weight, reduction):
    options = {"reduction": reduction}
    for name, x in [("binary_cross_entropy", PROBABILITIES), ("binary_cross_entropy_with_logits", SCORES[:4, :3])]:
        ours, theirs = getattr(F, name), getattr(torch.nn.functional, name)
        assert_same_as_torch(
            torch,
            lambda x, t, f=ours: f(x, t, minigen.tensor(weight), **options),
            lambda x, t, f=theirs: f(x, t, torch.tensor(weight), **options),
            x,
            TARGETS,
        )


@pytest.mark.parametrize("with_weight", [False, True])
def test_pos_weight(torch, with_weight):
    pos_weight, weight = np.array([0.2, 1.0, 7.0]), TARGETS[::-1].copy() if with_weight else None

    def loss(library, function):
        def options():
            return library.tensor(weight) if with_weight else None

        return lambda x, t: function(x, t, options(), pos_weight=library.tensor(pos_weight))

    f = F.binary_cross_entropy_with_logits
    g = torch.nn.functional.binary_cross_entropy_with_logits
    assert_same_as_torch(torch, loss(minigen, f), loss(torch, g), SCORES[:4, :3] * 5, TARGETS)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, CLASS_WEIGHTS], ids=["even", "weighted"])
@pytest.mark.parametrize("ignore_index", [-100, 2])
@pytest.mark.parametrize(
    ("scores", "labels"),
    [(SCORES, LABELS), (PICTURES, PIXEL_LABELS), (SCORES[0], np.array(3))],
    ids=["images", "pixels", "one"],
)
@pytest.mark.parametrize("smoothing", [None, 0.0, 0.3], ids=["nll", "hard", "smooth"])
def test_class_indices(torch, scores, labels, weight, ignore_index, reduction, smoothing):
    def loss(library, functions):
        options = {"ignore_index": ignore_index, "reduction": reduction}
        options["weight"] = None if weight is None else library.tensor(weight)
        if smoothing is None:
            return lambda x, t: functions.nll_loss(x, t, **options)
        return lambda x, t: functions.cross_entropy(x, t, label_smoothing=smoothing, **options)

    assert_same_as_torch(torch, loss(minigen, F), loss(torch, torch.nn.functional), scores, labels)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, CLASS_WEIGHTS], ids=["even", "weighted"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("pixels", [False, True])
def test_class_probabilities(torch, weight, reduction, smoothing, pixels):
    def loss(library, functions):
        w = None if weight is None else library.tensor(weight)
        return lambda x, t: functions.cross_entropy(x, t, w, reduction=reduction, label_smoothing=smoothing)

    scores, targets = (PICTURES, np.abs(PICTURES[::-1])) if pixels else (SCORES, SOFT_LABELS)
    assert_same_as_torch(torch, loss(minigen, F), loss(torch, torch.nn.functional), scores, targets.copy())


@pytest.mark.parametrize(
    ("ours", "arrays"),
    [
        (nn.MSELoss(reduction="sum"), (PROBABILITIES, TARGETS)),
        (nn.L1Loss(), (PROBABILITIES, TARGETS)),
        (nn.BCELoss(), (PROBABILITIES, TARGETS)),
        (nn.BCEWithLogitsLoss(reduction="none"), (PROBABILITIES, TARGETS)),
        (nn.NLLLoss(ignore_index=2), (SCORES, LABELS)),
        (nn.CrossEntropyLoss(label_smoothing=0.1), (SCORES, LABELS)),
    ],
    ids=lambda x: type(x).__name__,
)
def test_modules(torch, ours, arrays):
    options = {k: getattr(ours, k) for k in ("reduction", "ignore_index", "label_smoothing") if hasattr(ours, k)}
    theirs = getattr(torch.nn, type(ours).__name__)(**options)
    assert_same_as_torch(torch, ours, theirs, *arrays)


# --- closed forms -------------------------------------------------------------------------------------------


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


def test_cross_entropy_of_even_scores_is_the_logarithm_of_the_number_of_classes():
    assert F.cross_entropy(minigen.zeros(4, 10), minigen.tensor([1, 2, 3, 4])).item() == pytest.approx(math.log(10))


def test_cross_entropy_is_right_for_scores_that_overflow():
    scores = minigen.tensor([[1000.0, 0.0, -1000.0]], requires_grad=True)
    loss = F.cross_entropy(scores, minigen.tensor([1]))
    loss.backward()
    assert loss.item() == 1000.0
    assert scores.grad.tolist() == [[1.0, -1.0, 0.0]]


def test_an_impossible_class_does_not_spoil_ignored_labels():
    scores = minigen.tensor([[-math.inf, 0.0], [0.0, 0.0]], requires_grad=True)
    loss = F.nll_loss(scores.log_softmax(1), minigen.tensor([-100, 1]))
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2))
    np.testing.assert_allclose(scores.grad.numpy(), [[0, 0], [0.5, -0.5]])


def test_no_label_at_all_is_nan_as_in_torch(torch):
    for library, functions in ((minigen, F), (torch, torch.nn.functional)):
        loss = functions.cross_entropy(library.zeros(2, 3), library.tensor([-100, -100]))
        assert math.isnan(loss.item())


# --- binary cross-entropy where it is extreme ---------------------------------------------------------------


@pytest.mark.parametrize("dtype", [minigen.float32, minigen.float64])
def test_logits_give_exact_losses_and_live_gradients_at_any_size(dtype):
    """The loss of x against 1 is log(1 + exp(-x)): from 100 down to exp(-80), with every digit."""
    x = minigen.tensor([-100.0, -20.0, 0.0, 10.0, 80.0], dtype=dtype, requires_grad=True)
    losses = F.binary_cross_entropy_with_logits(x, minigen.ones_like(x), reduction="none")
    losses.sum().backward()
    digits = 1e-6 if dtype == minigen.float32 else 1e-14
    np.testing.assert_allclose(
        losses.detach().numpy(),
        [100, 20 + math.log1p(math.exp(-20)), math.log(2), math.log1p(math.exp(-10)), math.exp(-80)],
        rtol=digits,
    )
    np.testing.assert_allclose(x.grad.numpy()[:3], [-1, -1, -0.5], rtol=1e-6)
    assert x.grad.dtype == dtype


def test_the_mirror_image_costs_the_same():
    x = minigen.tensor([-100.0, -5.0, 0.0, 30.0])
    one = F.binary_cross_entropy_with_logits(x, minigen.ones(4), reduction="none")
    zero = F.binary_cross_entropy_with_logits(-x, minigen.zeros(4), reduction="none")
    assert one.tolist() == zero.tolist()


def test_probabilities_of_zero_and_one(torch):
    """Confidently wrong costs 100 and has a huge gradient; confidently right costs nothing."""
    p, t = np.array([0.0, 1.0, 0.0, 1.0, 1e-20]), np.array([1.0, 0.0, 0.0, 1.0, 1.0])

    def losses(library, functions):
        return lambda p: functions.binary_cross_entropy(p, library.tensor(t), reduction="none")

    values, (gradient,) = value_and_gradients(minigen, losses(minigen, F), [p])
    assert values.tolist()[:4] == [100, 100, 0, 0]
    assert abs(gradient[:2]).min() > 1e10
    # rtol: PyTorch's smallest denominator is the float32 nearest to 1e-12
    assert_same_as_torch(torch, losses(minigen, F), losses(torch, torch.nn.functional), p, rtol=1e-8)


def test_the_logit_loss_is_smooth_at_zero():
    """An untrained last layer gives 0: the gradient there is sigmoid(0) - t and the curvature 1/4."""
    x = minigen.tensor([0.0], requires_grad=True)
    (slope,) = minigen.grad(F.binary_cross_entropy_with_logits(x, minigen.ones(1)), x, create_graph=True)
    (curvature,) = minigen.grad(slope.sum(), x)
    assert (slope.item(), curvature.item()) == (-0.5, 0.25)


def test_float32_stays_float32():
    f32 = [a.astype(np.float32) for a in (PROBABILITIES, TARGETS, SCORES)]
    for name in ("mse_loss", "l1_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "gaussian_kl"):
        p, t = tensors(*f32[:2])
        loss = getattr(F, name)(p, t)
        loss.backward()
        assert {loss.dtype, p.grad.dtype, t.grad.dtype} == {minigen.float32}
    (x,) = tensors(f32[2])
    loss = F.cross_entropy(x, minigen.tensor(LABELS), minigen.tensor(CLASS_WEIGHTS).float(), label_smoothing=0.1)
    assert loss.dtype == minigen.float32


# --- misuse -------------------------------------------------------------------------------------------------

column, row = minigen.ones(4, 1) * 0.5, minigen.ones(4) * 0.5
scores, labels = minigen.zeros(4, 3), minigen.tensor([0, 1, 2, 0])


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits"])
def test_shapes_are_not_broadcast(name):
    with pytest.raises(ValueError, match=rf"{name}: input has shape \(4, 1\), but target has \(4,\)"):
        getattr(F, name)(column, row)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: F.mse_loss(row, row, reduction="avg"),
            ValueError,
            "reduction='avg' is not one of 'mean', 'sum', 'none'",
        ),
        (lambda: F.mse_loss(row, [0.0] * 4), TypeError, "target must be a Tensor, not list"),
        (lambda: F.mse_loss(row, row.double()), TypeError, "input has dtype float32, but target has float64"),
        (lambda: F.mse_loss(row, row.long()), TypeError, "target has dtype int64.*target.float()"),
        (lambda: F.binary_cross_entropy(row * 4, row), ValueError, "from 2 to 2.*sigmoid"),
        (lambda: F.binary_cross_entropy(row * math.nan, row), ValueError, "from nan"),
        (lambda: F.binary_cross_entropy(row, row * 255), ValueError, "target must lie in"),
        (lambda: F.binary_cross_entropy_with_logits(row, -row), ValueError, "target must lie in"),
        (lambda: F.binary_cross_entropy(row, row, minigen.ones(2, 4)), ValueError, "weight has shape"),
        (lambda: F.binary_cross_entropy(column, column, minigen.ones(2)), ValueError, "weight has shape"),
        (
            lambda: F.binary_cross_entropy_with_logits(row, row, pos_weight=minigen.ones(3)),
            ValueError,
            "pos_weight has",
        ),
        (lambda: F.cross_entropy(scores, labels + 1), ValueError, "class index 3.*3 classes, 0 to 2"),
        (lambda: F.cross_entropy(scores, labels - 1), ValueError, "class index -1"),
        (lambda: F.cross_entropy(scores, labels.float()), TypeError, "class indices.*float32.*long"),
        (lambda: F.cross_entropy(scores, labels[:3]), ValueError, r"shape \(4,\), not \(3,\)"),
        (lambda: F.cross_entropy(scores, scores.long()), ValueError, "argmax"),
        (lambda: F.cross_entropy(scores, labels, minigen.ones(4)), ValueError, r"weight must have shape \(3,\)"),
        (lambda: F.cross_entropy(scores, labels, label_smoothing=1.5), ValueError, "label_smoothing.*1.5"),
        (lambda: F.cross_entropy(scores.double(), scores), TypeError, "float64"),
        (lambda: F.nll_loss(scores, labels == 0), TypeError, "class indices"),
        (lambda: F.nll_loss(scores.sum(), labels), ValueError, "one score a class"),
        (lambda: F.gaussian_kl(scores, scores[:2]), ValueError, "logvar has"),
        (lambda: F.gaussian_kl(row, row), ValueError, r"\(N, Z\)"),
        (lambda: nn.MSELoss(reduction="avg"), ValueError, "MSELoss: reduction"),
        (lambda: nn.CrossEntropyLoss(label_smoothing=-1), ValueError, "label_smoothing"),
    ],
)
def test_misuse_is_told_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call()
