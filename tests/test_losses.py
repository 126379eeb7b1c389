"""Losses: closed forms, PyTorch as a second opinion, the corners where losses go wrong, and what misuse is told.

That their derivatives of every order are right is tested with all other functions, in test_functions.py.
"""

import functools
import inspect
import math

import numpy as np
import pytest
import standin

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
SIGNS = np.array([[1, -1, 1], [-1, -1, 1], [1, 1, -1], [1, -1, -1]])


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
        (nn.SmoothL1Loss(beta=0.3), (PROBABILITIES, TARGETS)),
        (nn.HuberLoss("none", 0.2), (PROBABILITIES, TARGETS)),
        (nn.GaussianNLLLoss(full=True, eps=0.2, reduction="sum"), (PROBABILITIES, TARGETS, TARGETS[::-1].copy())),
        (nn.KLDivLoss(reduction="batchmean"), (np.log(PROBABILITIES), TARGETS)),
        (nn.KLDivLoss(reduction="sum", log_target=True), (np.log(PROBABILITIES), np.log(TARGETS))),
        (nn.HingeEmbeddingLoss(0.4), (PROBABILITIES, SIGNS)),
        (nn.SoftMarginLoss(reduction="none"), (SCORES[:4, :3], SIGNS)),
        (nn.CosineEmbeddingLoss(0.2), (SCORES[:4], SCORES[2:], SIGNS[:, 0])),
        (nn.CosineSimilarity(dim=0, eps=0.1), (SCORES, SCORES[::-1].copy())),
    ],
    ids=lambda x: type(x).__name__,
)
def test_modules(torch, ours, arrays):
    names = inspect.signature(type(ours)).parameters
    options = {name: getattr(ours, name) for name in names if getattr(ours, name) is not None}
    theirs = getattr(torch.nn, type(ours).__name__)(**options)
    assert repr(ours) == repr(theirs)
    assert_same_as_torch(torch, ours, theirs, *arrays)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
def test_weights_of_a_regression(torch, name, reduction):
    """The means of the first two divide by the sum of the weights, that of the third does not: as in PyTorch."""
    weight = random.uniform(0.1, 2, (4, 3))

    def loss(library, function):
        return lambda x, t: function(x, t, reduction=reduction, weight=library.tensor(weight))

    ours, theirs = getattr(F, name), getattr(torch.nn.functional, name)
    assert_same_as_torch(torch, loss(minigen, ours), loss(torch, theirs), PROBABILITIES, TARGETS)


@pytest.mark.parametrize("bound", [0.25, 0.5, 1.0])
def test_on_the_bound_between_parabola_and_line(torch, bound):
    d, zero = np.array([-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0]), np.zeros(7)
    for name, option in (("huber_loss", "delta"), ("smooth_l1_loss", "beta")):
        options = {option: bound, "reduction": "none"}
        losses = [functools.partial(getattr(library, name), **options) for library in (F, torch.nn.functional)]
        assert_same_as_torch(torch, *losses, d, zero)


def test_the_curvature_at_the_target_is_that_of_a_parabola():
    x = minigen.zeros(1, requires_grad=True)
    (slope,) = minigen.grad(F.huber_loss(x, minigen.zeros(1)), x, create_graph=True)
    assert minigen.grad(slope.sum(), x)[0].item() == 1.0


@pytest.mark.parametrize("shape", [(4, 3), (4,), (4, 1), (1, 3)])
@pytest.mark.parametrize("full", [False, True])
def test_variances_of_every_shape(torch, shape, full):
    var = random.uniform(0, 1, shape)  # some below eps
    options = {"full": full, "eps": 0.3, "reduction": "none"}
    ours, theirs = F.gaussian_nll_loss, torch.nn.functional.gaussian_nll_loss
    assert_same_as_torch(
        torch, lambda *xs: ours(*xs, **options), lambda *xs: theirs(*xs, **options), PROBABILITIES, TARGETS, var
    )
    if 1 in shape:  # then the target may have such an axis as well
        mean = TARGETS.mean(shape.index(1), keepdims=True)
        assert_same_as_torch(torch, lambda *xs: ours(*xs, 0.5), lambda *xs: theirs(*xs, 0.5), PROBABILITIES, mean)
    assert_same_as_torch(torch, lambda x, t: ours(x, t, 0.5), lambda x, t: theirs(x, t, 0.5), PROBABILITIES, TARGETS)


def test_impossible_classes_cost_a_divergence_nothing(torch):
    target = np.array([[0.0, 1.0, 0.0], [0.5, 0.0, 0.5]])

    def loss(library, function):
        return lambda x: function(x.log_softmax(1), library.tensor(target), reduction="batchmean")

    ours, theirs = loss(minigen, F.kl_div), loss(torch, torch.nn.functional.kl_div)
    assert_same_as_torch(torch, ours, theirs, SCORES[:2, :3])
    log_p = minigen.tensor([[-math.inf, 0.0]])
    assert F.kl_div(log_p, minigen.tensor([[0.0, 1.0]]), reduction="sum").item() == 0.0


def test_similarity_to_the_zero_vector(torch):
    """It is 0, and its gradient finite: the length counts as eps, here 0.5."""
    x, y = np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[1.0, 2.0], [4.0, -3.0]])
    ours, theirs = F.cosine_similarity, torch.nn.functional.cosine_similarity
    assert_same_as_torch(torch, lambda a, b: ours(a, b, eps=0.5), lambda a, b: theirs(a, b, eps=0.5), x, y)


@pytest.mark.parametrize(("first", "second", "dim"), [((3,), (3,), 0), ((2, 1, 3), (4, 3), -1), ((), (), 0)])
def test_similarity_broadcasts(torch, first, second, dim):
    x, y = random.standard_normal(first), random.standard_normal(second)
    x, y = np.asarray(x), np.asarray(y)
    ours, theirs = F.cosine_similarity, torch.nn.functional.cosine_similarity
    assert_same_as_torch(torch, lambda a, b: ours(a, b, dim=dim), lambda a, b: theirs(a, b, dim=dim), x, y)


# --- closed forms -------------------------------------------------------------------------------------------


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
    names = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy", "gaussian_kl")
    for name in (*names, "binary_cross_entropy_with_logits", "cosine_similarity"):
        p, t = tensors(*f32[:2])
        loss = getattr(F, name)(p, t)
        loss.sum().backward()
        assert {loss.dtype, p.grad.dtype, t.grad.dtype} == {minigen.float32}
    (x,) = tensors(f32[2])
    loss = F.cross_entropy(x, minigen.tensor(LABELS), minigen.tensor(CLASS_WEIGHTS).float(), label_smoothing=0.1)
    assert loss.dtype == minigen.float32


# --- misuse -------------------------------------------------------------------------------------------------

NOTHING = minigen.zeros(0, 3)


@pytest.mark.parametrize(
    "call",
    [
        lambda **o: F.mse_loss(NOTHING, NOTHING, **o),
        lambda **o: F.mse_loss(NOTHING, NOTHING, weight=NOTHING, **o),
        lambda **o: F.huber_loss(NOTHING, NOTHING, **o),
        lambda **o: F.binary_cross_entropy(NOTHING, NOTHING, **o),
        lambda **o: F.cross_entropy(NOTHING, NOTHING[:, 0].long(), **o),
        lambda **o: F.nll_loss(NOTHING, NOTHING[:, 0].long(), **o),
        lambda **o: F.cross_entropy(minigen.zeros(2, 3), minigen.tensor([-100, -100]), **o),
        lambda **o: F.kl_div(NOTHING, NOTHING, **o),
        lambda **o: F.cosine_embedding_loss(NOTHING, NOTHING, NOTHING[:, 0], **o),
        lambda **o: F.bernoulli_nll(NOTHING, NOTHING, **o),
    ],
)
def test_the_mean_over_nothing_is_an_error_and_the_sum_is_zero(call):
    with pytest.raises(ValueError, match=r"mean over no .* is undefined.*reduction='sum'"):
        call()
    assert call(reduction="sum").item() == 0


def nan_at(*index, shape=(4, 3), fill=0.5):
    array = np.full(shape, fill)
    array[index] = np.nan
    return minigen.tensor(array)


HALF = minigen.full((4, 3), 0.5, dtype=minigen.float64)
ONES = minigen.ones(4, dtype=minigen.int64)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("name", "inputs", "where"),
    [
        ("mse_loss", (nan_at(1, 2), HALF), "input"),
        ("mse_loss", (HALF, nan_at(1, 2)), "target"),
        ("l1_loss", (nan_at(1, 2), HALF), "input"),
        ("smooth_l1_loss", (nan_at(1, 2), HALF), "input"),
        ("huber_loss", (nan_at(1, 2), HALF), "input"),
        ("huber_loss", (HALF, nan_at(1, 2)), "target"),
        ("gaussian_nll_loss", (HALF, HALF, nan_at(1, 2)), "var"),
        ("binary_cross_entropy", (nan_at(1, 2), HALF), "input"),
        ("binary_cross_entropy_with_logits", (nan_at(1, 2), HALF), "input"),
        ("binary_cross_entropy_with_logits", (HALF, nan_at(1, 2)), "target"),
        ("cross_entropy", (nan_at(1, 2), ONES), "input"),
        ("cross_entropy", (HALF, nan_at(1, 2)), "target"),
        ("nll_loss", (nan_at(1, 1), ONES), "input"),
        ("kl_div", (nan_at(1, 2, fill=-0.5), HALF), "input"),
        ("hinge_loss", (nan_at(1, 2), HALF * 2), "input"),
        ("hinge_embedding_loss", (nan_at(1, 2), HALF * 2), "input"),
        ("soft_margin_loss", (nan_at(1, 2), HALF * 2), "input"),
        ("cosine_embedding_loss", (HALF, nan_at(1, 2), ONES), "input2"),
        ("bernoulli_nll", (nan_at(1, 2), HALF), "logits"),
        ("gaussian_nll", (HALF, nan_at(1, 2), HALF), "logvar"),
        ("gaussian_kl", (nan_at(1, 2), HALF), "mu"),
        ("discretised_logistic_nll", (HALF, nan_at(1, 2), HALF), "log_scale"),
    ],
)
def test_a_nan_is_explained(name, inputs, where, reduction):
    wanted = rf"^{name}: {where} of shape \(4, 3\) is NaN at 1 of 12 places, the first is {where}\[1, [12]\]; minigen"
    with pytest.raises(ValueError, match=wanted):
        getattr(F, name)(*inputs, reduction=reduction)


def test_infinities_are_no_nan():
    x = minigen.tensor([math.inf, -math.inf])
    assert F.l1_loss(x, minigen.zeros(2)).item() == math.inf
    assert F.mse_loss(x, x, reduction="none").isnan().all()  # made here, of no NaN in the input
    scalar = minigen.tensor(math.nan)
    with pytest.raises(ValueError, match=r"input of shape \(\) is NaN at 1 of 1 places, the first is input;"):
        F.mse_loss(scalar, minigen.tensor(0.0))


def test_on_a_device_wrong_labels_make_their_losses_nan(device):
    """Nobody waits for a device to look at labels; they are not taken for others either."""
    scores, labels = minigen.zeros(4, 3, device=device), minigen.tensor([0, 3, -1, -100], device=device)
    losses = F.cross_entropy(scores, labels, reduction="none").cpu()
    assert losses.isnan().tolist() == [False, True, True, False]
    p = minigen.tensor([0.5, 1.5, -0.5, math.nan], device=device)
    losses = F.binary_cross_entropy(p, 0.5 * minigen.ones_like(p), reduction="none").cpu()
    assert losses.isnan().tolist() == [False, True, True, True]
    waits = len(standin.waits)
    F.mse_loss(p, p)
    F.hinge_loss(p, minigen.ones_like(p))
    F.cross_entropy(scores, labels)
    assert len(standin.waits) == waits, "a loss waits for the device"


column, row = minigen.ones(4, 1) * 0.5, minigen.ones(4) * 0.5
scores, labels = minigen.zeros(4, 3), minigen.tensor([0, 1, 2, 0])


@pytest.mark.parametrize(
    "name",
    [
        "mse_loss",
        "l1_loss",
        "smooth_l1_loss",
        "huber_loss",
        "kl_div",
        "hinge_loss",
        "hinge_embedding_loss",
        "soft_margin_loss",
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
    ],
)
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
        (lambda: F.binary_cross_entropy(row * math.nan, row), ValueError, "input of shape .* NaN at 4 of 4 places"),
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
        (lambda: F.cross_entropy(scores, labels[:, None]), ValueError, r"not \(4, 1\); drop the axis .*squeeze\(1\)"),
        (lambda: F.cross_entropy(scores, labels, minigen.ones(4)), ValueError, r"weight must have shape \(3,\)"),
        (lambda: F.cross_entropy(scores, labels, label_smoothing=1.5), ValueError, "label_smoothing.*1.5"),
        (lambda: F.cross_entropy(scores.double(), scores), TypeError, "float64"),
        (lambda: F.nll_loss(scores, labels == 0), TypeError, "class indices"),
        (lambda: F.nll_loss(scores.sum(), labels), ValueError, "one score a class"),
        (
            lambda: F.binary_cross_entropy_with_logits(minigen.ones(2, 1, 5, 5), minigen.ones(2, 1, 1, 1)),
            ValueError,
            r"\(2, 1, 5, 5\), but target has \(2, 1, 1, 1\)",
        ),
        (lambda: F.mse_loss(row, row, weight=column), ValueError, r"input has shape \(4,\), but weight has \(4, 1\)"),
        (lambda: F.huber_loss(row, row, weight=row[:1]), ValueError, "weight has"),
        (lambda: F.huber_loss(row, row, delta=0), ValueError, "delta must be above 0, not 0"),
        (lambda: F.smooth_l1_loss(row, row, beta=-1), ValueError, "beta must be a number at least 0, not -1"),
        (lambda: F.gaussian_nll_loss(row, row, -row), ValueError, r"var must be at least 0, .*exp\(log-variance\)"),
        (lambda: F.gaussian_nll_loss(row, row, -1.0), ValueError, "var must be a number at least 0"),
        (lambda: F.gaussian_nll_loss(scores, scores, scores[:2]), ValueError, r"var has shape \(2, 3\).*\(4,\)"),
        (lambda: F.gaussian_nll_loss(row, row, row, eps=0), ValueError, "eps must be above 0"),
        (lambda: F.kl_div(row, row), ValueError, "input must be at most 0.*log_softmax of logits"),
        (lambda: F.kl_div(row.log(), row.log()), ValueError, "target must lie in .*give log_target=True"),
        (lambda: F.kl_div(row.log(), row, log_target=True), ValueError, "target must be at most 0"),
        (lambda: F.kl_div(row.log(), row, reduction="avg"), ValueError, "'batchmean', 'mean'"),
        (
            lambda: F.hinge_loss(row, labels),
            ValueError,
            r"target must hold 1 and -1 only, but has 0; .*2 \* labels - 1",
        ),
        (lambda: F.hinge_loss(row, labels == 0), ValueError, "1 and -1"),
        (lambda: F.hinge_embedding_loss(row, row), ValueError, "but has 0.5"),
        (lambda: F.hinge_embedding_loss(row, labels, margin="1"), ValueError, "1 and -1"),
        (lambda: F.hinge_embedding_loss(row, labels * 0 + 1, margin="1"), ValueError, "margin must be a number"),
        (lambda: F.soft_margin_loss(row, [1, 1, 1, 1]), TypeError, "target must be a Tensor"),
        (lambda: F.soft_margin_loss(row, (labels > 0).long()), ValueError, r"the labels 0 and 1, .*2 \* labels - 1"),
        (lambda: F.gaussian_nll_loss(scores, scores[:, 0], scores), ValueError, r"but target has \(4,\)"),
        (lambda: F.cosine_similarity(scores, scores[:, :2]), ValueError, r"x1 \(4, 3\) and x2 \(4, 2\)"),
        (lambda: F.cosine_similarity(scores, scores, dim=2), IndexError, "dim 2 is out of range"),
        (lambda: F.cosine_similarity(scores, scores, eps=-1), ValueError, "eps"),
        (lambda: F.cosine_similarity(scores, labels), TypeError, "x2 has dtype int64"),
        (lambda: F.cosine_embedding_loss(scores, scores, labels[:3]), ValueError, r"but target has \(3,\)"),
        (lambda: F.cosine_embedding_loss(scores, scores, labels), ValueError, "1 and -1"),
        (lambda: F.cosine_embedding_loss(scores, scores[:2], labels), ValueError, "input2 has"),
        (lambda: F.cosine_embedding_loss(scores[None], scores[None], labels), ValueError, r"\(N, D\) or \(D,\)"),
        (lambda: F.cosine_embedding_loss(scores, scores, labels, margin=2), ValueError, "margin.*from -1 to 1"),
        (lambda: nn.HuberLoss(delta=0), ValueError, "HuberLoss: delta must be above 0"),
        (lambda: nn.SmoothL1Loss(beta=-1), ValueError, "SmoothL1Loss: beta"),
        (lambda: nn.GaussianNLLLoss(eps=0), ValueError, "GaussianNLLLoss: eps"),
        (lambda: nn.KLDivLoss(reduction="avg"), ValueError, "KLDivLoss: reduction='avg'.*batchmean"),
        (lambda: nn.HingeEmbeddingLoss("1"), ValueError, "HingeEmbeddingLoss: margin"),
        (lambda: nn.CosineEmbeddingLoss(2), ValueError, "CosineEmbeddingLoss: margin"),
        (lambda: nn.CosineSimilarity(eps=-1), ValueError, "CosineSimilarity: eps"),
        (lambda: nn.CosineSimilarity(1.5), ValueError, "CosineSimilarity: dim must be an integer.*not 1.5"),
        (lambda: nn.CrossEntropyLoss(ignore_index=1.5), ValueError, "CrossEntropyLoss: ignore_index .*not 1.5"),
        (lambda: nn.MSELoss(reduction="avg"), ValueError, "MSELoss: reduction"),
        (lambda: nn.CrossEntropyLoss(label_smoothing=-1), ValueError, "label_smoothing"),
    ],
)
def test_misuse_is_told_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call()
