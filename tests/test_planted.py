"""Checks are checked: wrong derivatives, planted one at a time, must be caught by the suite that tests/table feeds.

Many keep the value and the first gradient right and are wrong only in the second or third derivative; some show only
where height and width, stride and kernel, or the images of a batch differ, and are invisible in other rows
(`hidden_in`).  The last class is about the checker itself.
"""

import numpy as np
import pytest
import table
import test_functions as suite
from plants import PLANTS
from plants.elementwise import SigmoidSlope

import minigen
from minigen import Function, Tensor
from minigen.checks import GradientError, check_gradients

ROWS = {row.name: row for row in table.ROWS}

# The checks of the suite that are not about derivatives; for those a plant says the first order that is wrong.
CHECKS = {
    "float32": lambda row: keeps_float32(row),
    "value": suite.test_value_equals_slow_reference,
    "shortcut": suite.test_first_order_walk_equals_the_recorded_one,
    "layout": lambda row: suite.test_layout_changes_nothing(row, suite.gapped),
}


def keeps_float32(row):
    y, gradients = suite.gradients_of(row.f, suite.tensors_of(row.arrays(), np.float32))
    assert {str(x.dtype) for x in (y, *gradients)} == {"float32"}


every_plant = pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.fault)


@every_plant
def test_planted_fault_is_caught(plant, monkeypatch):
    row = ROWS[plant.row]
    monkeypatch.setattr(plant.cls, plant.method, plant.wrong)
    if plant.caught == "shape":
        with pytest.raises((RuntimeError, ValueError)):
            check_gradients(row.f, *row.arrays(), order=1)
    elif isinstance(plant.caught, str):
        with pytest.raises((AssertionError, RuntimeError)):  # a wrong dtype is refused by the engine itself
            CHECKS[plant.caught](row)
    else:
        with pytest.raises(GradientError) as caught:
            suite.test_derivatives_of_orders_1_2_3(row)
        assert caught.value.report.failures[0].order == plant.caught


@pytest.mark.parametrize(
    "plant", [plant for plant in PLANTS if plant.hidden_in], ids=lambda plant: f"{plant.fault}: {plant.hidden_in}"
)
def test_fault_needs_its_row(plant, monkeypatch):
    """Elsewhere the fault does not show: without the row in the table it would go unnoticed."""
    row = ROWS[plant.hidden_in]
    monkeypatch.setattr(plant.cls, plant.method, plant.wrong)
    suite.test_derivatives_of_orders_1_2_3(row)


def test_a_third_keeps_value_and_first_gradient_right(monkeypatch):
    subtle = [plant for plant in PLANTS if plant.caught in (2, 3)]
    assert len(subtle) >= len(PLANTS) / 3
    for plant in subtle:
        row = ROWS[plant.row]
        with monkeypatch.context() as patch:
            patch.setattr(plant.cls, plant.method, plant.wrong)
            suite.test_value_equals_slow_reference(row)
            check_gradients(row.f, *row.arrays(), order=1)


# ---- the checker itself ------------------------------------------------------------------------------------------


def exact(f=lambda x: x.exp() * x, **options):
    return check_gradients(f, np.array([0.5, -1.0, 2.0]), **options)


class WrongCube(Function):
    """x**3, whose gradient lacks a factor."""

    def forward(self, x):
        return x**3

    def backward(self, grad):
        return grad * self.inputs[0] ** 2 * self.factor


class TestChecker:
    def test_report_says_what_was_compared(self):
        report = check_gradients(lambda a, b: a * b.tanh(), np.ones(2), np.ones(2), order=3)
        assert [(c.order, c.input) for c in report.comparisons] == [
            (k, name) for k in (1, 2, 3) for name in ("input 0", "input 1")
        ]
        assert report.worst.error < 1e-8
        assert not report.failures
        assert "6 derivatives up to order 3 agree" in str(report)

    def test_error_names_function_order_input_and_values(self):
        with pytest.raises(GradientError) as caught:
            check_gradients(lambda a, x: a + WrongCube.apply(x, factor=2.0), np.ones(2), np.full(2, 0.5), name="cube")
        words = str(caught.value)
        first = caught.value.report.failures[0]
        assert (first.order, first.input, first.shape) == (1, "input 1", (2,))
        assert first.analytic / first.numeric == pytest.approx(2 / 3, rel=1e-6)
        for part in ("cube", "order 1", "input 1 (2,)", f"{first.analytic:.10g}", f"{first.numeric:.10g}"):
            assert part in words
        assert isinstance(caught.value, AssertionError)

    def test_error_of_a_higher_order_says_that_the_first_is_right(self):
        with pytest.raises(GradientError, match=r"below order 2 are right.*does not carry its own derivative"):
            exact(SigmoidSlope.apply)

    def test_a_gradient_that_is_not_propagated(self):
        with pytest.raises(GradientError, match="not propagated"):
            exact(lambda x: x.detach() ** 2)

    def test_a_linear_readout_would_be_blind(self, monkeypatch):
        """With sum(u * y) the gradient that reaches relu is a constant: its faulty derivative is never asked for."""
        plant = next(plant for plant in PLANTS if plant.fault == "relu: the second derivative is halved")
        monkeypatch.setattr(plant.cls, plant.method, plant.wrong)
        x, u = Tensor(np.array([0.5, -1.0, 2.0])).requires_grad_(), Tensor(np.array([1.0, 2.0, 3.0]))
        (linear,) = minigen.grad((u * x.relu()).sum(), x, create_graph=True)
        assert not linear.requires_grad
        with pytest.raises(GradientError):
            check_gradients(lambda x: x.relu(), x)

    @pytest.mark.parametrize("order", [0, -1])
    def test_order(self, order):
        with pytest.raises(ValueError, match="order"):
            exact(order=order)

    def test_float32_is_refused_with_the_reason(self):
        with pytest.raises(TypeError, match=r"input 1 \(2,\) is float32.*digits.*double\(\)"):
            check_gradients(lambda a, b: a * b, np.ones(2), np.ones(2, np.float32))
        with pytest.raises(TypeError, match=r"weight.*float32"):
            check_gradients(minigen.nn.Linear(2, 1), np.ones((3, 2)))
        with pytest.raises(TypeError, match=r"output.*float32"):
            exact(lambda x: x.float())

    def test_constants_are_handed_on(self):
        index, flag = np.array([0, 0]), {"seen": []}
        check_gradients(lambda x, i, f: x[i] * (f["seen"] == []), np.ones(2), index, flag)

    def test_nothing_to_differentiate(self):
        with pytest.raises(ValueError, match="no float64"):
            check_gradients(lambda i: i, np.array([1, 2]))

    def test_wrt(self):
        report = check_gradients(lambda a, b: a * b.detach(), np.ones(2), np.ones(2), wrt=[0])
        assert {c.input for c in report.comparisons} == {"input 0"}
        with pytest.raises(ValueError, match="input 5"):
            exact(wrt=[5])

    def test_what_is_no_function_is_refused(self):
        rng = np.random.default_rng(0)
        with pytest.raises(ValueError, match="random source"):
            exact(lambda x: x * rng.random())
        with pytest.raises(TypeError, match="ndarray"):
            exact(lambda x: x.detach().numpy())

    def test_minigens_random_draws_are_frozen_and_the_state_is_put_back(self):
        state = minigen.get_rng_state()
        exact(lambda x: minigen.nn.functional.dropout(x * x))
        assert minigen.get_rng_state() == state

    def test_several_outputs_and_integers_among_them(self):
        exact(lambda x: (x * x, x.argmax(), x.exp().sum()), order=3)
        with pytest.raises(GradientError):
            exact(lambda x: (x * x, x.argmax(), WrongCube.apply(x, factor=1.0)))

    def test_seed_decides(self):
        first, again, other = (exact(seed=seed).comparisons for seed in (1, 1, 2))
        assert first == again != other

    def test_inputs_are_left_alone(self):
        x = Tensor(np.ones(2)).requires_grad_()
        check_gradients(lambda x: x * x, x)
        assert x.tolist() == [1.0, 1.0]
        assert x.grad is None

    def test_modules_with_parameters_and_running_statistics(self):
        nn = minigen.nn
        model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Dropout(0.4), nn.Tanh()).double()
        before = {name: value.tolist() for name, value in model.state_dict().items()}
        report = check_gradients(model, np.random.default_rng(0).standard_normal((6, 3)), order=2)
        names = {c.input for c in report.comparisons}
        assert names == {"input 0", "0.weight", "0.bias", "1.weight", "1.bias"}
        assert {name: value.tolist() for name, value in model.state_dict().items()} == before
        report = check_gradients(model, np.ones((4, 3)), wrt=["0.weight"])
        assert {c.input for c in report.comparisons} == {"0.weight"}
