"""detect_anomaly names the first function that makes a NaN or an infinity, its input, and the line of the program."""

import sys
import threading

import pytest

import minigen
from minigen import Function, nn
from minigen.autograd import detect_anomaly, set_detect_anomaly
from minigen.modes import observers


def leaf(*values):
    return minigen.tensor(list(values), requires_grad=True)


def caught(f):
    """Run f under detect_anomaly; return the message, and the number of f's first line."""
    with pytest.raises(RuntimeError, match=r"^detect_anomaly: ") as error, detect_anomaly():
        f()
    return str(error.value)


class TestForward:
    def test_function_input_and_line_are_named(self):
        def program():
            x = leaf(3.0, -1.0, 0.5)
            return (x.exp() + x.log()).sum()  # this line

        message = caught(program)
        assert "Log made a NaN: its output of shape (3,) has NaN in 1 of 3 elements, the first at (1,)" in message
        assert f"File {__file__!r}, line {program.__code__.co_firstlineno + 2}: return" in message
        assert "# this line" in message
        assert "input 0 of shape (3,): from -1 to 3, 1 negative, -1 at that place" in message

    def test_an_infinity_from_finite_numbers(self):
        assert "Exp made an infinity" in caught(lambda: leaf(1.0, 200.0).exp())
        message = caught(lambda: leaf(1.0, 2.0) / minigen.tensor([[1.0, 1.0], [0.0, 4.0]]))
        assert "Div made an infinity" in message and "the first at (1, 0)" in message
        assert "input 1 of shape (2, 2): from 0 to 4, 1 zero, 0 at that place" in message
        assert "input 0 of shape (2,): from 1 to 2, 1 at that place" in message

    def test_an_infinity_that_was_there_may_pass_but_not_become_nan(self):
        mask = minigen.tensor([0.0, float("-inf")])
        with detect_anomaly():
            y = (leaf(1.0, 2.0) + mask).exp()
        assert y.tolist()[1] == 0.0
        assert "Sub made a NaN" in caught(lambda: (leaf(1.0, 2.0) + mask) - mask)

    def test_a_nan_in_the_data(self):
        message = caught(lambda: leaf(1.0, 2.0) * minigen.tensor([1.0, float("nan")]))
        assert "Mul was given a NaN" in message
        assert "input 1 of shape (2,): from 1 to 1, 1 NaN, nan at that place" in message

    def test_a_parameter_is_named(self):
        layer = nn.Linear(2, 2)
        with minigen.no_grad():
            layer.weight.fill_(1e38)
        assert "input 1 (Linear.weight)" in caught(lambda: layer(minigen.full((1, 2), 1e10)))

    def test_the_line_is_the_programs_and_not_the_librarys(self):
        def program():
            return nn.Sequential(nn.Linear(2, 2), nn.Tanh())(minigen.full((1, 2), float("inf")))

        assert f"{__file__!r}, line {program.__code__.co_firstlineno + 1}" in caught(program)

    def test_integers_and_empty_tensors_are_fine(self):
        with detect_anomaly():
            assert minigen.arange(3).sum().item() == 3
            assert minigen.zeros(0).exp().shape == (0,)

    def test_where_nothing_is_recorded_too(self):
        with minigen.no_grad():
            assert "Log made an infinity" in caught(lambda: minigen.zeros(2).log())


class TestBackward:
    def test_function_input_and_the_line_of_the_forward_call_are_named(self):
        def program():
            x = leaf(4.0, 0.0)
            root = x.sqrt()  # here it was made
            loss = (root * 3).sum()
            loss.backward()

        message = caught(program)
        assert "Sqrt.backward made an infinity: the gradient of its input 0 of shape (2,)" in message
        assert "infinities in 1 of 2 elements, the first at (1,)" in message
        assert f"line {program.__code__.co_firstlineno + 2}: root = x.sqrt()" in message
        assert "the gradient of its output of shape (2,): from 3 to 3, 3 at that place" in message
        assert "input 0 of shape (2,): from 0 to 4, 1 zero, 0 at that place" in message

    def test_nothing_is_written_to_the_leaves(self):
        x = leaf(4.0, 0.0)
        caught(lambda: (x.sqrt() + x).sum().backward())
        assert x.grad is None

    def test_which_of_two_inputs(self):
        class Product(Function):
            def forward(self, a, b):
                return a * b

            def backward(self, grad):
                return grad, grad / (self.inputs[0] - 2)

        assert "Product.backward made an infinity: the gradient of its input 1" in caught(
            lambda: Product.apply(leaf(2.0), leaf(1.0)).sum().backward()
        )

    def test_zero_times_infinity(self):
        """The classic trap: where() keeps the bad value out of the result, not out of the gradient."""
        x = leaf(0.0, 4.0)

        def program():
            minigen.where(x > 0, x.sqrt(), minigen.zeros(2)).sum().backward()

        assert "Sqrt.backward made a NaN" in caught(program)

    def test_without_forward_the_line_is_not_known(self):
        loss = leaf(0.0).sqrt().sum()
        assert "the line is known where detect_anomaly is on in forward, too" in caught(loss.backward)

    def test_in_the_second_walk(self):
        x = leaf(0.0)

        def program():
            (first,) = minigen.grad((x**1.5).sum(), x, create_graph=True)
            minigen.grad(first, x)

        assert "backward made an infinity" in caught(program)

    def test_wrong_gradients_are_still_refused_as_such(self):
        class Custom(Function):
            def forward(self, x):
                return x * 1.0

            def backward(self, grad):
                return grad.array

        with detect_anomaly(), pytest.raises(TypeError, match=r"Custom\.backward returned a ndarray"):
            Custom.apply(leaf(1.0)).sum().backward()


class TestSwitching:
    def test_off_by_default_and_after_the_block(self):
        with detect_anomaly():
            assert observers.get()
        assert observers.get() == ()
        assert leaf(0.0).log().tolist() == [float("-inf")]

    def test_off_after_an_error(self):
        caught(lambda: leaf(0.0).log())
        assert observers.get() == ()

    def test_nested_and_switched_off_inside(self):
        with detect_anomaly():
            with detect_anomaly(check_nan=False):
                leaf(0.0).log()
            with detect_anomaly():
                assert len(observers.get()) == 1
            with pytest.raises(RuntimeError, match="Log"):
                leaf(0.0).log()

    def test_set_detect_anomaly(self):
        try:
            set_detect_anomaly(True)
            with pytest.raises(RuntimeError, match="Log"):
                leaf(0.0).log()
            with set_detect_anomaly(False):
                leaf(0.0).log()
            with pytest.raises(RuntimeError, match="Log"):
                leaf(0.0).log()
        finally:
            set_detect_anomaly(False)
        leaf(0.0).log()

    def test_per_thread(self):
        results = []
        with detect_anomaly():
            thread = threading.Thread(target=lambda: results.append(leaf(0.0).log().tolist()))
            thread.start()
            thread.join(5)
        assert results == [[float("-inf")]]

    def test_training_as_usual(self):
        """Values and gradients are not touched by looking."""
        net, x = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)), minigen.ones(2, 3)
        net(x).sum().backward()
        expected = [p.grad.tolist() for p in net.parameters()]
        net.zero_grad()
        with detect_anomaly():
            net(x).sum().backward()
        assert [p.grad.tolist() for p in net.parameters()] == expected

    def test_no_cost_where_it_is_off(self, monkeypatch):
        """Neither frames nor arrays are looked at."""
        monkeypatch.setattr(sys, "_getframe", lambda *_: pytest.fail("somebody looks at frames"))
        leaf(0.0).log().sum().backward()
