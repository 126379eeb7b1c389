"""The gradient checker as a product: it names the cause of a wrong gradient, stays silent at kinks, takes homework.

Every cause of the catalogue is planted here; that the checker notices wrong derivatives at all is tested in
test_planted.py.
"""

import functools
import math
import re

import numpy as np
import pytest
import table

import minigen
from minigen import Function, Tensor
from minigen.checks import GradientError, check_backward, check_gradients
from minigen.checks.catalogue import CAUSES, name_cause
from minigen.checks.kinks import look_closer
from minigen.checks.patterns import Case


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def failure(check, *arguments, **options):
    """The error of a check that must fail."""
    with pytest.raises(GradientError) as caught:
        check(*arguments, **options)
    return caught.value


# ---- plants: NumPy functions with one thing wrong ----------------------------------------------------------------


def linear(x, w, b):
    return x @ w + b


def linear_backward(dx=lambda g, x, w: g @ w.T, dw=lambda g, x, w: x.T @ g, db=lambda g, x, w: g.sum(0)):
    return lambda g, x, w, b: (dx(g, x, w), dw(g, x, w), db(g, x, w))


def times(a, b):
    return a * b


def tanh(x):
    return np.tanh(x)


def centre(x):
    return (x - x.mean(0)) ** 3


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def unit(x):
    return x / np.sqrt((x * x).sum(1, keepdims=True))


def standardised(x):
    """Batch norm of (N, C) without weight, its parts beside it."""
    centred = x - x.mean(0)
    inv_std = 1 / np.sqrt((centred**2).mean(0) + 1e-5)
    return centred * inv_std, (centred * inv_std, inv_std)


def standardised_backward(g, cache):
    _, inv_std = cache
    return inv_std * (g - g.mean(0))  # as if the variance did not depend on x


def box(x):
    """Each pixel with its neighbours in the row: (N, C, H, W), zero padding."""
    padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (1, 1)))
    return padded[..., :-2] + 2 * padded[..., 1:-1] + 4 * padded[..., 2:]


def box_backward_wraps(g, x):
    return 4 * np.roll(g, 1, -1) + 2 * g + np.roll(g, -1, -1)


def halved(x):
    """Mean of 2 x 2 pixels."""
    return (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4


def spread(g, x, rows=(0, 1), columns=(0, 1)):
    """The backward of `halved`, for these phases."""
    dx = np.zeros_like(x)
    for i in rows:
        for j in columns:
            dx[..., i::2, j::2] = g / 4
    return dx


def conv1d(x, w):
    """(N, L) * (K,) -> (N, L - K + 1)."""
    k, length = len(w), x.shape[1] - len(w) + 1
    return sum(w[j] * x[:, j : j + length] for j in range(k))


def conv1d_dx(g, x, w, shift=0):
    dx = np.zeros((x.shape[0], x.shape[1] + abs(shift)))
    for j in range(len(w)):
        dx[:, j + shift : j + shift + g.shape[1]] += w[j] * g
    return dx[:, : x.shape[1]]


def conv1d_dx_overwrites(g, x, w):
    dx = np.zeros_like(x)
    for i in range(g.shape[1]):
        dx[:, i : i + len(w)] = w * g[:, i : i + 1]
    return dx


def conv1d_dw(g, x, w):
    return np.array([(g * x[:, j : j + g.shape[1]]).sum() for j in range(len(w))])


def take_twice(x):
    return x[[0, 1, 1, 2]] ** 2


def take_twice_backward(g, x):
    dx = np.zeros_like(x)
    np.add.at(dx, [0, 1, 1, 2], 2 * g * x[[0, 1, 1, 2]])
    dx[1] /= 2
    return dx


X, W, B = normal(5, 3), normal(3, 4, seed=1), normal(4, seed=2)
SQUARE = normal(5, 3), normal(3, 3, seed=1), normal(3, seed=2)
IMAGES = normal(3, 2, 6, 8)
SIGNAL = normal(4, 9), normal(3, seed=1)
SCALES = np.array([0.5, 2.0, 3.0])


def straight_through(x):
    return np.round(x) + 1


# cause: (forward, backward, arrays, the input that is wrong, words of the message)
PLANTS = {
    "zero": (linear, linear_backward(dw=lambda g, x, w: 0 * w), (X, W, B), "w", "not propagated to w"),
    "zero (None)": (times, lambda g, a, b: (g * b, None), (X, X + 1), "b", "not propagated"),
    "independent": (straight_through, lambda g, x: g, (X,), "x", "does not depend on x"),
    "not finite": (lambda x: x * np.abs(x), lambda g, x: 2 * g * x * x / np.abs(x), (X * (X > 0),), "x", "NaN"),
    "sign": (lambda a, b: a - b, lambda g, a, b: (g, g), (X, X + 1), "b", "wrong sign"),
    "sign (some)": (lambda x: x * np.abs(x), lambda g, x: 2 * g * x, (X,), "x", "some have the wrong sign"),
    "factor": (lambda x: x**2, lambda g, x: g * x, (X,), "x", "0.5 is 1/2.*the 2 of x"),
    "factor (1/N)": (linear, linear_backward(db=lambda g, x, w: g.mean(0)), (X, W, B), "b", "0.2 is 1/N, where N = 5"),
    "factor (N)": (lambda x: x.mean(0), lambda g, x: g + 0 * x, (X,), "x", "5 is N, .* axis 0 of x.*a mean"),
    "factor (root)": (
        lambda x: x / math.sqrt(len(x)),
        lambda g, x: g,
        (X,),
        "x",
        r"2\.2361 is sqrt\(5\) \(or sqrt\(N\), where N = 5",
    ),
    "swapped inputs": (times, lambda g, a, b: (g * a, g * b), (X, X + 1), "a", "this is the gradient of b"),
    "transposed": (linear, linear_backward(dw=lambda g, x, w: g.T @ x), SQUARE, "w", r"axes 0 and 1 exchanged"),
    "transposed (factor)": (
        linear,
        linear_backward(dx=lambda g, x, w: g @ w),
        SQUARE,
        "x",
        "right for w with axes 0 and 1",
    ),
    "permuted axes": (
        lambda x: x.transpose(1, 2, 0) ** 2,
        lambda g, x: 2 * x * g.transpose(1, 2, 0),
        (normal(3, 3, 3),),
        "x",
        "axes in the order",
    ),
    "flipped": (conv1d, lambda g, x, w: (conv1d_dx(g, x, w), conv1d_dw(g, x, w)[::-1]), SIGNAL, "w", "axis 0 reversed"),
    "flipped (kernel)": (
        conv1d,
        lambda g, x, w: (conv1d_dx(g, x, w[::-1]), conv1d_dw(g, x, w)),
        SIGNAL,
        "x",
        r"right for w with axis 0 reversed",
    ),
    "shifted": (
        conv1d,
        lambda g, x, w: (conv1d_dx(g, x, w, shift=1), conv1d_dw(g, x, w)),
        SIGNAL,
        "x",
        r"axis 1 shifted by \+1 element",
    ),
    "grad ignored": (tanh, lambda g, x: 1 - np.tanh(x) ** 2, (X,), "x", "is not used"),
    "grad ignored (sum)": (tanh, lambda g, x: g.sum() * (1 - np.tanh(x) ** 2), (X,), "x", "its sum or mean"),
    "missing sum": (linear, linear_backward(db=lambda g, x, w: g[0]), (X, W, B), "b", "only index 0 of axis 0.*all 5"),
    "missing sum (batch)": (
        linear,
        linear_backward(dw=lambda g, x, w: x[-1:].T @ g[-1:]),
        (X, W, B),
        "w",
        "only index 4 of axis 0",
    ),
    "overwritten": (
        conv1d,
        lambda g, x, w: (conv1d_dx_overwrites(g, x, w), conv1d_dw(g, x, w)),
        SIGNAL,
        "x",
        "keep only the last",
    ),
    "averaged": (take_twice, take_twice_backward, (X,), "x", "the mean of their gradients"),
    "statistic": (centre, lambda g, x: 3 * g * (x - x.mean(0)) ** 2, (X,), "x", "over axis 0 the error is a constant"),
    "statistic (variance)": (standardised, standardised_backward, (X,), "x", "over axis 0.*treated as a constant"),
    "statistic (norm)": (
        unit,
        lambda g, x: g / np.sqrt((x * x).sum(1, keepdims=True)),
        (normal(3, 5),),
        "x",
        "over axis 1 the error is a multiple of the input: a norm",
    ),
    "statistic (sum)": (
        softmax,
        lambda g, x: g * softmax(x),
        (normal(3, 5),),
        "x",
        "multiple of the output: a normaliser",
    ),
    "statistic (own path)": (
        softmax,
        lambda g, x: g * softmax(x) * (1 - softmax(x)),
        (normal(3, 5),),
        "x",
        "along axis 1, and only its own",
    ),
    "missing mask": (lambda x: np.maximum(x, 0), lambda g, x: g, (X,), "x", "does not depend get a gradient"),
    "partly zero": (lambda x: np.where(x > 0, x, 0.1 * x), lambda g, x: g * (x > 0), (X,), "x", "not propagated"),
    "border": (box, box_backward_wraps, (IMAGES,), "x", "start of axis 3, end of axis 3"),
    "stride": (halved, functools.partial(spread, rows=(0,)), (IMAGES,), "x", "i % 2 = 1"),
    "stride (both axes)": (
        halved,
        lambda g, x: spread(g, x, (0,), (0,)),
        (IMAGES,),
        "x",
        r"\(i % 2, j % 2\) = \(0, 1\) or \(1, 0\) or \(1, 1\)",
    ),
    "one slice": (
        lambda x: x**2,
        lambda g, x: np.concatenate([2 * g[:1] * x[:1], 0 * x[1:]]),
        (IMAGES,),
        "x",
        "only index 0 of axis 0 is right.*the loop over axis 0, the batch",
    ),
    "one slice (channel)": (
        lambda x: x**2,
        lambda g, x: 2 * g * x * np.array([1, 3])[:, None, None],
        (normal(2, 2, 3, 4),),
        "x",
        "",
    ),
    "missing factor": (times, lambda g, a, b: (g, g * a), (X, X + 1), "a", "not multiplied by b"),
    "factor twice": (lambda x: x**3, lambda g, x: 3 * g * x**3, (X,), "x", "multiplied by x once too often"),
    "factor along an axis": (
        lambda x: x * SCALES,
        lambda g, x: g * SCALES**2,
        (X,),
        "x",
        "each index of axis 1 has a factor of its own: 0.5, 2, 3",
    ),
    "output for input": (tanh, lambda g, x: g * (1 - np.tanh(np.tanh(x)) ** 2), (X,), "x", "at the output instead"),
    "unknown": (tanh, lambda g, x: g * np.cos(x) ** 2, (X,), "x", "none of the known patterns"),
}
EXPECTED = {"one slice (channel)": "factor along an axis"}  # both are true; a factor says more


@pytest.mark.parametrize("name", PLANTS)
def test_cause_is_named(name):
    forward, backward, arrays, wrong, words = PLANTS[name]
    cause = EXPECTED.get(name, name.partition(" (")[0])
    error = failure(check_backward, forward, backward, *arrays)
    diagnosis = next(d for d in error.diagnoses if d.input == wrong)
    assert diagnosis.cause == cause
    assert re.search(words, f"{diagnosis.sentence} {diagnosis.look}"), diagnosis.sentence
    assert " ".join(diagnosis.sentence.split()) in " ".join(str(error).split())


class Loses(Function):
    """x**2, and what its backward does is an option."""

    def forward(self, x):
        return x**2

    def backward(self, grad):
        return self.how(grad, self.inputs[0])


class Through(Function):
    """A copy, whose backward detaches the gradient it is given."""

    def forward(self, x):
        return x.copy()

    def backward(self, grad):
        return grad.detach()


class Slope(Function):
    """2 g x, whose own backward is wrong by a factor or detaches what it is given."""

    def forward(self, g, x):
        return 2 * g * x

    def backward(self, grad):
        g, x = self.inputs
        return self.how(grad, g, x)


HIGHER = {
    "an array": (2, "detached", lambda g, x: 2 * g * Tensor(x.array)),
    "the grad detached": (2, "detached", lambda g, x: 2 * g.detach() * x),
    "everything detached": (2, "detached", lambda g, x: (2 * g * x).detach()),
    "an adjoint's factor": (
        2,
        "factor",
        lambda g, x: Slope.apply(g, x, how=lambda d, g, x: (d * x, d * g)),
    ),
    "an adjoint that detaches": (
        3,
        "detached",
        lambda g, x: Slope.apply(g, x, how=lambda d, g, x: (2 * d.detach() * x, 2 * d.detach() * g)),
    ),
}


@pytest.mark.parametrize("name", HIGHER)
def test_cause_of_a_higher_order_is_named(name):
    order, cause, how = HIGHER[name]
    error = failure(check_gradients, lambda x: Loses.apply(x, how=how), X, order=3)
    (diagnosis,) = error.diagnoses
    assert (error.report.failures[0].order, diagnosis.cause) == (order, cause)
    assert f"below order {order} are right" in str(error)


class HasShortcut(Function):
    """A copy, whose backward is wrong and whose shortcut on arrays is right."""

    def forward(self, x):
        return x.copy()

    def backward(self, grad):
        return -grad

    def backward_arrays(self, grad):
        return (grad,)


def test_the_backward_is_looked_at_and_not_its_shortcut():
    (diagnosis,) = failure(check_gradients, HasShortcut.apply, X).diagnoses
    assert diagnosis.cause == "sign"


def test_a_detach_in_the_backward_of_backward_is_seen_at_order_3_only():
    how = HIGHER["an adjoint that detaches"][2]
    check_gradients(lambda x: Loses.apply(x, how=how), X, order=2)
    error = failure(check_gradients, lambda x: Loses.apply(x, how=how), X, order=3)
    assert "was detached" in str(error)


def test_every_cause_of_the_catalogue_is_planted():
    planted = {EXPECTED.get(name, name.partition(" (")[0]) for name in PLANTS} | {
        cause for _, cause, _ in HIGHER.values()
    }
    assert planted == set(CAUSES)


def case_of(analytic, numeric, x=None):
    scale = max(np.abs(analytic).max(), np.abs(numeric).max())
    wrong = np.abs(analytic - numeric) > 1e-6 * scale
    x = normal(*numeric.shape, seed=99) if x is None else x
    return Case(1, "x", x, analytic, numeric, wrong)


@pytest.mark.parametrize("shape", [(7,), (3, 4), (4, 4), (2, 3, 5), (2, 3, 4, 4), (4, 2, 3, 3)])
def test_what_fits_no_pattern_is_not_given_a_name(shape):
    for seed in range(10):
        right, noise = normal(*shape, seed=seed), normal(*shape, seed=seed + 100)
        for analytic in (noise, right + 0.1 * noise, right * (1 + 0.1 * noise), np.sin(right), right + 1e-3 * right**2):
            assert name_cause(case_of(analytic, right)).cause == "unknown"
        some = np.where(np.random.default_rng(seed).random(shape) < 0.4, noise, right)
        assert name_cause(case_of(some, right)).cause in ("unknown", "border", "one slice")


def test_scattered_errors_are_no_border_no_stride_and_no_slice():
    right = normal(4, 3, 6, 8)
    wrong = right.copy()
    rng = np.random.default_rng(0)
    for _ in range(20):
        places = tuple(rng.integers(0, n, 12) for n in right.shape)
        wrong = right.copy()
        wrong[places] += 1
        assert name_cause(case_of(wrong, right)).cause == "unknown"


# ---- what a student reads ----------------------------------------------------------------------------------------


def test_the_message():
    error = failure(check_backward, linear, linear_backward(db=lambda g, x, w: g.mean(0)), X, W, B, name="linear")
    lines = str(error).splitlines()
    assert lines[0] == "linear: 1 of 3 derivatives of order 1 is wrong"
    assert lines[2].startswith("b (4,): along a random direction, analytic ")
    assert lines[3] == "    4 of 4 elements are wrong:"
    assert lines[4].split() == ["index", "analytic", "numeric", "ratio"]
    assert [line.split()[0] for line in lines[5:9]] == ["(0)", "(1)", "(2)", "(3)"]
    assert all(line.split()[-1] == "0.2" for line in lines[5:9])
    assert lines[9].startswith("    Likely cause: each element is 0.2 times the right one; 0.2 is 1/N, where N = 5")
    assert any(line.startswith("    Look at: ") for line in lines)
    assert max(map(len, lines)) <= 120


def test_the_values_in_the_table_are_those_of_the_elements():
    def backward(g, x):
        dx = 2 * g * x
        dx[1, 2] += 1
        return dx

    (diagnosis,) = failure(check_backward, lambda x: x**2, backward, X).diagnoses
    (sample,) = diagnosis.samples
    assert sample.index == (1, 2)
    assert sample.analytic - sample.numeric == pytest.approx(1, abs=1e-6)
    assert (diagnosis.wrong, diagnosis.looked_at, diagnosis.size) == (1, 15, 15)


def test_each_wrong_input_has_its_own_diagnosis():
    backward = linear_backward(dx=lambda g, x, w: -g @ w.T, db=lambda g, x, w: g[0])
    error = failure(check_backward, linear, backward, X, W, B)
    assert [(d.input, d.cause) for d in error.diagnoses] == [("x", "sign"), ("b", "missing sum")]


def test_large_inputs_are_looked_at_in_part():
    error = failure(check_backward, lambda x: x**2, lambda g, x: g * x, normal(100, 100))
    (diagnosis,) = error.diagnoses
    assert diagnosis.cause == "factor"
    assert 0 < diagnosis.looked_at < diagnosis.size == 10_000
    assert f"({diagnosis.looked_at} of 10000 were looked at)" in str(error)


def test_worst_by_order_and_report_in_words():
    report = check_gradients(lambda x: x.exp(), X, order=3)
    assert list(report.worst_by_order) == [1, 2, 3]
    assert report.worst.error == max(c.error for c in report.worst_by_order.values())
    assert str(report).count("e-") == 3
    assert "1 derivative up to order 1 agrees" in str(check_gradients(lambda x: x.exp(), X, order=1, name="exp"))


# ---- kinks -------------------------------------------------------------------------------------------------------

KINKS = {
    "relu at 0": (lambda x: x.relu(), np.array([[0.0, 1, -1], [2, 0, 3]]), {(0, 0), (1, 1)}),
    "abs at 0": (lambda x: x.abs(), np.array([0.0, 1.0]), {(0,)}),
    "clamp at its bound": (lambda x: x.clamp(-1, 1), np.array([1.0, 0.5, -1.0, 2.0]), {(0,), (2,)}),
    "ties of a maximum": (lambda x: x.amax(dim=0), np.array([[1.0, 2.0], [1.0, 0.0]]), {(0, 0), (1, 0)}),
    "a norm at 0": (lambda x: (x * x).sum().sqrt(), np.zeros(3), {(0,), (1,), (2,)}),
    "a step": (lambda x: x * (x > 0), np.array([0.0, 1.0]), {(0,)}),
}


@pytest.mark.parametrize("kink", KINKS)
@pytest.mark.parametrize("seed", range(3))
def test_a_kink_is_left_and_named(kink, seed):
    f, x, places = KINKS[kink]
    report = check_gradients(f, x, order=3, seed=seed)
    assert not report.failures
    assert {index for moved in report.moved for index in moved.indices} == places
    assert "kink" in str(report)
    assert {c.order for c in report.comparisons} == {1, 2, 3}


def test_a_kink_is_named_with_its_place():
    words = str(check_gradients(lambda x: x.relu(), np.array([[0.0, 1, -1], [2, 1, 3]])))
    assert "input 0 at index (0, 0) stands on a kink; everything was compared a little beside it" in words


@pytest.mark.parametrize("distance", [1e-6, 1e-5, 1e-4, 3e-4])
@pytest.mark.parametrize("seed", range(3))
def test_a_kink_between_the_probing_points_is_no_error(distance, seed):
    x = normal(4, 5, seed=seed)
    x[seed, seed] = distance
    assert not check_gradients(lambda x: x.relu() * 2, x, order=3, seed=seed).failures


def test_a_wrong_gradient_at_a_kink_is_still_wrong():
    x = np.array([0.0, 1.0, -1.0, 2.0])
    error = failure(check_backward, lambda x: np.maximum(x, 0), lambda g, x: 3 * g * (x > 0), x)
    assert error.diagnoses[0].cause == "factor"
    assert error.report.moved[0].indices == ((0,),)
    assert "stands on a kink" in str(error)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(1, 31))
def test_right_functions_give_no_false_alarm(seed):
    """More than 300 rows with 30 seeds each: 10,000 checks."""
    for row in table.ROWS:
        assert not check_gradients(row.f, *row.arrays(seed), order=2, seed=seed, name=row.name).failures


def test_steep_functions_are_judged_by_smaller_steps():
    assert not check_gradients(lambda x: 1 / x, np.array([0.01, -0.01, 0.5]), order=2).failures
    failure(check_backward, lambda x: 1 / x, lambda g, x: -g / x**2 * (1 + 1e-4), np.array([0.01, -0.01, 0.5]))


def test_a_noisy_function_is_not_judged():
    with pytest.raises(ValueError, match=r"do not settle as the step shrinks|is not smooth around"):
        check_gradients(lambda x: x.float().double().exp(), X)


def test_nan_is_not_judged():
    with pytest.raises(ValueError, match=r"NaN or infinity at this point.*domain"):
        check_gradients(lambda x: x.log(), np.array([-1.0, 1.0]))


def test_inputs_are_put_back_after_a_move():
    model = minigen.nn.Sequential(minigen.nn.Linear(2, 2), minigen.nn.ReLU()).double()
    with minigen.no_grad():
        for p in model.parameters():
            p.zero_()
    report = check_gradients(model, normal(3, 2))
    assert report.moved
    assert all(not p.detach().numpy().any() for p in model.parameters())


@pytest.mark.parametrize(
    ("f", "right", "verdict"),
    [
        (lambda t: math.exp(t), 1.0, "right"),
        (lambda t: math.exp(t), 1.1, "wrong"),
        (lambda t: max(t, 0.0), 0.0, "kink"),
        (lambda t: abs(t - 1e-5), -1.0, "right"),
        (lambda t: abs(t - 1e-5), -1.1, "wrong"),
        (lambda t: float(t > 0), 0.0, "kink"),
        (lambda t: t + (1e-5 * math.sin(1e9 * t)), 1.0, "unsettled"),
    ],
)
def test_look_closer(f, right, verdict):
    assert look_closer(f, right, 2e-4, 1e-6).verdict == verdict


# ---- kinds of functions and inputs -------------------------------------------------------------------------------


def test_python_floats_are_tensors_where_there_is_nothing_else():
    report = check_gradients(lambda x, y: x * y.exp(), 0.5, 2.0, order=2)
    assert {c.input for c in report.comparisons} == {"input 0", "input 1"}
    report = check_gradients(lambda x, factor: x * factor, X, 0.5)
    assert {c.input for c in report.comparisons} == {"input 0"}


def test_tuples_and_lists_of_tensors():
    report = check_gradients(lambda xs, y: minigen.cat(xs) * y, (normal(2), Tensor(normal(3))), normal(5))
    assert {c.input for c in report.comparisons} == {"input 0[0]", "input 0[1]", "input 1"}
    report = check_gradients(minigen.cat, [normal(2), normal(3)], wrt=["input 0[1]"])
    assert {c.input for c in report.comparisons} == {"input 0[1]"}


def test_partial_functions_classes_and_dicts_of_outputs():
    assert check_gradients(functools.partial(minigen.sum, dim=0), X).name == "sum"
    assert failure(check_gradients, functools.partial(Loses.apply, how=lambda g, x: g * x), X).report.name == "Loses"
    check_gradients(lambda x: {"a": x * x, "b": [x.exp()]}, X, order=2)


# ---- homework ----------------------------------------------------------------------------------------------------


def test_homework_in_three_ways():
    def cached(x, w, b):
        return linear(x, w, b), (x, w)

    def loss(x, labels):
        p = softmax(x)
        d = p.copy()
        d[np.arange(len(x)), labels] -= 1
        return -np.log(p[np.arange(len(x)), labels]).mean(), d / len(x)

    right = linear_backward()
    check_backward(linear, right, X, W, B)
    check_backward(cached, lambda g, cache: right(g, *cache, None), X, W, B)
    report = check_backward(loss, None, X, np.array([0, 2, 1, 1, 0]))
    assert [c.input for c in report.comparisons] == ["x"]
    check_backward(lambda x: x * x, lambda g, x: 2 * g * x, 0.5)


def test_options_and_labels_are_handed_on_and_gradients_may_be_given_for_each_argument():
    def forward(x, options, index):
        return x[index] * options["scale"]

    def backward(g, x, options, index):
        dx = np.zeros_like(x)
        np.add.at(dx, index, g * options["scale"])
        return dx, None, None

    check_backward(forward, backward, X, {"scale": 3.0}, np.array([0, 0, 2]))


def square(x):
    return x * x


def changes_input(x):
    x *= 2
    return x


def changes_in_backward(g, x):
    x += 1
    return 2 * g * (x - 1)


UNFIT = {
    "two values too many": (lambda x: (x, x, x), lambda g, x: g, TypeError, "returned 3 values"),
    "a list": (lambda x: [1.0], lambda g, x: g, TypeError, "returned a list, not a NumPy array"),
    "float32": (lambda x: x.astype(np.float32), lambda g, x: g, TypeError, "returned float32.*float64"),
    "an integer": (lambda x: x.astype(int), lambda g, x: g, TypeError, "returned int64"),
    "too many gradients": (square, lambda g, x: (g, g), ValueError, "returned 2 gradients.*1 float arrays: x"),
    "no array": (square, lambda g, x: "dx", TypeError, "returned a str for x"),
    "a float32 gradient": (square, lambda g, x: (2 * g * x).astype(np.float32), TypeError, "float32 for x"),
    "an integer gradient": (square, lambda g, x: np.zeros(x.shape, int), TypeError, "int64 for x.*zeros_like"),
    "a wrong shape": (square, lambda g, x: g[0], ValueError, r"shape \(3,\) for x, which has shape \(5, 3\)"),
    "a transposed shape": (square, lambda g, x: g.T, ValueError, r"transposed: \.T"),
    "a flat gradient": (square, lambda g, x: g.ravel(), ValueError, r"reshape\(5, 3\)"),
    "forward changes its input": (
        changes_input,
        lambda g, x: 2 * g,
        ValueError,
        r"forward.*changes.*x in place",
    ),
    "backward changes its input": (square, changes_in_backward, ValueError, "backward of square changes"),
    "a backward without x": (square, lambda g: g, TypeError, r"backward\(grad_output, \*arguments of forward\), but"),
    "a backward with too much": (
        lambda x: (x, 1),
        lambda g, a, b: g,
        TypeError,
        r"backward\(grad_output, cache\), but",
    ),
    "no gradient beside the loss": (lambda x: x.sum(), None, TypeError, r"pair \(loss, gradients\)"),
}


@pytest.mark.parametrize("mistake", UNFIT)
def test_mistakes_of_homework_are_explained(mistake):
    forward, backward, kind, words = UNFIT[mistake]
    with pytest.raises(kind, match=words):
        check_backward(forward, backward, X)


@pytest.mark.parametrize(
    ("shape", "words"),
    [((4,), r"\.sum\(axis=0\)"), ((1, 4), r"\.sum\(axis=0, keepdims=True\)"), ((), r"\.sum\(axis=\(0, 1\)\)")],
)
def test_a_missing_sum_over_a_broadcast_axis_is_said_where_the_shape_tells(shape, words):
    with pytest.raises(ValueError, match=f"b, which has shape.*broadcasts.*{words}"):
        check_backward(lambda x, b: x + b, lambda g, x, b: (g, g), normal(5, 4), normal(*shape))


def test_forward_must_be_a_function_of_its_inputs():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="at the same point"):
        check_backward(lambda x: x * rng.random(), lambda g, x: g, X)
    with pytest.raises(ValueError, match="no float64"):
        check_backward(square, lambda g, x: 2 * g * x, np.array([1, 2]))
    with pytest.raises(TypeError, match=r"argument 0 of square is a Tensor.*check_gradients"):
        check_backward(square, lambda g, x: 2 * g * x, minigen.ones(2))
    with pytest.raises(TypeError, match=r"check_backward: x .*float32, but finite differences need float64"):
        check_backward(square, lambda g, x: 2 * g * x, np.ones(2, np.float32))


def test_backward_may_write_into_the_gradient_it_is_given():
    def backward(g, x):
        g[x < 0] = 0
        return g

    check_backward(lambda x: np.maximum(x, 0), backward, X)
