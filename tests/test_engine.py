"""The engine's promises: what is recorded, when gradients appear, what is freed, and what is refused in words.

Values of derivatives are not judged here (tests/test_functions.py does that) but everything around them: leaves and
`.grad`, grad mode, hooks, versions, memory.
"""

import gc
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

import minigen
from minigen import Function, enable_grad, grad, is_grad_enabled, no_grad, plot
from minigen.checks import check_gradients


def leaf(*values, dtype=minigen.float64):
    return minigen.tensor(list(values), dtype=dtype, requires_grad=True)


def count_backwards(monkeypatch, cls):
    """Let a Function class count how often its backward runs."""
    calls = []
    original = cls.backward

    def counted(self, g):
        calls.append(self)
        return original(self, g)

    monkeypatch.setattr(cls, "backward", counted)
    monkeypatch.setattr(cls, "backward_arrays", None, raising=False)
    return calls


# ---- leaves and .grad ---------------------------------------------------------------------------------------


class TestLeaves:
    def test_backward_fills_leaves_only(self):
        x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
        inner = x * y
        inner.sum().backward()
        assert x.is_leaf and not inner.is_leaf
        assert x.grad.tolist() == [3.0, 4.0] and y.grad.tolist() == [1.0, 2.0]
        with pytest.warns(UserWarning, match="not a leaf"):
            assert inner.grad is None

    def test_gradient_has_shape_dtype_and_no_graph(self):
        x = leaf(1.0, 2.0, dtype=minigen.float32)
        (x * x).sum().backward()
        assert (x.grad.shape, x.grad.dtype) == (x.shape, x.dtype)
        assert not x.grad.requires_grad and x.grad.grad_fn is None

    def test_second_backward_adds(self):
        x = leaf(2.0)
        for _ in range(3):
            (x * x).sum().backward()
        assert x.grad.tolist() == [12.0]

    def test_setting_grad_to_none_starts_again(self):
        x = leaf(2.0)
        (x * 3).sum().backward()
        x.grad = None
        (x * 5).sum().backward()
        assert x.grad.tolist() == [5.0]

    def test_inner_gradients_do_not_accumulate_over_backwards(self):
        x = leaf(2.0)
        y = x * x
        z = y.sum()
        z.backward(retain_graph=True)
        z.backward()
        assert x.grad.tolist() == [8.0]  # 4 + 4, not 4 + 8

    def test_a_leaf_is_its_own_gradient_source(self):
        x = minigen.tensor(3.0, requires_grad=True)
        x.backward()
        assert x.grad.item() == 1.0

    def test_constants_get_none(self):
        x, c = leaf(1.0), minigen.tensor([2.0], dtype=minigen.float64)
        (x * c).sum().backward()
        assert c.grad is None and x.grad is not None

    def test_gradient_argument_weighs_the_outputs(self):
        x = leaf(1.0, 2.0)
        (x * x).backward(minigen.tensor([10.0, 100.0], dtype=minigen.float64))
        assert x.grad.tolist() == [20.0, 400.0]

    def test_integer_tensors_cannot_require_grad(self):
        with pytest.raises(RuntimeError, match=r"(?i)float"):
            minigen.tensor([1, 2], requires_grad=True)

    def test_used_twice_in_one_graph(self):
        x = leaf(3.0)
        (x * x + x * 2 - x / x).sum().backward()
        assert x.grad.tolist() == [8.0]

    def test_retain_grad_keeps_inner_gradients(self):
        x = leaf(2.0)
        y = x * 3
        y.retain_grad()
        (y * y).sum().backward()
        assert y.grad.tolist() == [12.0] and x.grad.tolist() == [36.0]

    def test_every_needed_gradient_or_nothing(self):
        """Leaf gradients are written only after the whole walk has succeeded."""

        class Faulty(Function):
            def forward(self, x):
                return x * 1.0

            def backward(self, g):
                raise RuntimeError("planted")

        x, y = leaf(1.0), leaf(1.0)
        with pytest.raises(RuntimeError, match="planted"):
            (Faulty.apply(x) + y).sum().backward()
        assert x.grad is None and y.grad is None


# ---- freeing and walking again --------------------------------------------------------------------------------


class TestGraph:
    def test_second_backward_says_so_in_words(self):
        x = leaf(2.0)
        y = (x * x).sum()
        y.backward()
        with pytest.raises(RuntimeError, match=r"retain_graph=True"):
            y.backward()
        assert x.grad.tolist() == [4.0]

    def test_retain_graph_allows_it(self):
        x = leaf(2.0)
        y = (x * x).sum()
        y.backward(retain_graph=True)
        y.backward()
        assert x.grad.tolist() == [8.0]

    def test_create_graph_gives_a_differentiable_gradient(self):
        x = leaf(2.0)
        (x**3).sum().backward(create_graph=True)
        first = x.grad
        assert first.requires_grad
        x.grad = None
        first.sum().backward()
        assert first.tolist() == [12.0] and x.grad.tolist() == [12.0]

    def test_create_graph_keeps_the_graph_of_a_gradient_that_is_passed_through(self):
        """The gradient of x + 1 is that of its output, the same tensor: no copy may cut it off."""
        x = leaf(2.0)
        ((x + 1) ** 3).sum().backward(create_graph=True)
        (second,) = grad(x.grad.sum(), x)
        assert second.tolist() == [18.0]

    def test_three_recorded_gradients_add_up_with_their_graphs(self):
        x = leaf(2.0)
        (first,) = grad((x**2 + x**3 + x**4).sum(), x, create_graph=True)
        (second,) = grad(first.sum(), x)
        assert (first.tolist(), second.tolist()) == ([48.0], [62.0])

    def test_accumulation_does_not_write_into_a_recorded_gradient(self):
        x = leaf(2.0)
        (x**3).sum().backward(create_graph=True)
        first = x.grad
        (x * 5).sum().backward()
        assert first.tolist() == [12.0] and x.grad.tolist() == [17.0]
        (second,) = grad(first.sum(), x)
        assert second.tolist() == [12.0]

    def test_a_freed_branch_that_leads_elsewhere_is_stepped_over(self):
        """As in PyTorch: only what lies on the way to the inputs is needed."""
        x, w = leaf(2.0), leaf(3.0)
        freed = w * w
        freed.sum().backward()
        assert grad((x * x + freed).sum(), x)[0].tolist() == [4.0]
        with pytest.raises(RuntimeError, match="second time"):
            grad((x * x + freed).sum(), w)
        with pytest.raises(RuntimeError, match="second time"):
            grad((x * x + freed * freed).sum(), [x, w])

    def test_a_freed_branch_on_the_way_to_an_inner_tensor(self):
        x = leaf(2.0)
        inner = x.exp()
        freed = inner.tanh()
        freed.sum().backward()
        with pytest.raises(RuntimeError, match="second time"):
            grad((freed + inner).sum(), inner)

    def test_shared_part_freed_by_another_backward(self):
        x = leaf(2.0)
        shared = x * x
        a, b = (shared * 2).sum(), (shared * 3).sum()
        a.backward()
        with pytest.raises(RuntimeError, match="second time"):
            b.backward()
        assert x.grad.tolist() == [8.0], "the failed walk must leave no trace"

    def test_outputs_that_died_are_walked_through(self):
        x = leaf(0.5)
        y = x
        for _ in range(5):
            y = (y * 2).exp().log() + x  # no intermediate tensor has a user left
        gc.collect()
        y.sum().backward()
        assert x.grad.tolist() == pytest.approx([63.0])

    def test_output_values_survive_the_death_of_the_tensor(self):
        """Functions that read their own output (exp, tanh) find it although nobody else holds it."""
        x = leaf(0.3)
        loss = (x.exp().tanh() * 2).sum()
        gc.collect()
        loss.backward()
        e = np.exp(0.3)
        np.testing.assert_allclose(x.grad.numpy(), [2 * e * (1 - np.tanh(e) ** 2)], rtol=1e-14)

    def test_a_branch_that_leads_nowhere(self):
        x = leaf(2.0)
        unused = x.exp()
        (x * 3).sum().backward()
        assert x.grad.tolist() == [3.0] and unused.requires_grad

    def test_chain_of_20000(self):
        x = leaf(1.0)
        y = x
        for _ in range(20_000):
            y = y + 1.0
        y.sum().backward()
        assert x.grad.tolist() == [1.0]

    def test_a_long_chain_dies_without_recursion(self):
        y = leaf(1.0)
        for _ in range(20_000):
            y = y * 1.0
        del y

    def test_60_doublings_visit_60_nodes(self, monkeypatch):
        x = leaf(1.0)
        y = x
        for _ in range(60):
            y = y + y
        calls = count_backwards(monkeypatch, type(y.grad_fn))
        y.sum().backward()
        assert len(calls) == 60
        assert x.grad.tolist() == [2.0**60]

    def test_gradient_is_complete_before_it_is_passed_on(self, monkeypatch):
        """A diamond: the bottom node is visited once, with the sum of both sides."""
        x = leaf(1.0)
        bottom = x.exp()
        calls = count_backwards(monkeypatch, type(bottom.grad_fn))
        (bottom * 2 + bottom.tanh()).sum().backward()
        assert len(calls) == 1

    def test_backward_through_two_roots_of_different_age(self):
        x = leaf(2.0)
        old = x * x
        young = x * 3
        (gradient,) = grad([old, young], x, [minigen.ones(1, dtype=minigen.float64)] * 2)
        assert gradient.tolist() == [7.0]

    def test_gradient_steps_over_what_nobody_needs(self):
        """needs_input_grad tells a backward what it may skip."""
        seen = []

        class Product(Function):
            def forward(self, a, b):
                return a * b

            def backward(self, g):
                seen.append(self.needs_input_grad)
                a, b = self.inputs
                needs_a, needs_b = self.needs_input_grad
                return g * b if needs_a else None, g * a if needs_b else None

        x, y, c = leaf(2.0), leaf(3.0), minigen.tensor([5.0], dtype=minigen.float64)
        Product.apply(x, c).sum().backward()
        Product.apply(c, x).sum().backward()
        grad(Product.apply(x, y).sum(), y)
        assert seen == [(True, False), (False, True), (False, True)]
        assert x.grad.tolist() == [10.0]


# ---- grad() -----------------------------------------------------------------------------------------------


class TestGrad:
    def test_leaves_dot_grad_alone(self):
        x = leaf(2.0)
        (g,) = grad((x * x).sum(), [x])
        assert g.tolist() == [4.0] and x.grad is None and not g.requires_grad

    def test_inner_tensors_as_inputs(self):
        x = leaf(2.0)
        y = x * 3
        z = (y * y).sum()
        gx, gy = grad(z, [x, y])
        assert gx.tolist() == [36.0] and gy.tolist() == [12.0]

    def test_inner_input_stops_the_walk_where_nothing_more_is_wanted(self, monkeypatch):
        x = leaf(2.0)
        y = x.exp()
        calls = count_backwards(monkeypatch, type(y.grad_fn))
        grad((y * y).sum(), y)
        assert calls == []

    def test_unused_input_is_an_error_or_none(self):
        x, y = leaf(2.0), leaf(1.0)
        with pytest.raises(RuntimeError, match="allow_unused"):
            grad((x * x).sum(), [x, y])
        gx, gy = grad((x * x).sum(), [x, y], allow_unused=True)
        assert gx.tolist() == [4.0] and gy is None

    def test_unused_input_as_zeros(self):
        x, y = leaf(2.0), leaf(1.0, 1.0)
        assert grad((x * x).sum(), [x, y], materialize_grads=True)[1].tolist() == [0.0, 0.0]
        with pytest.raises(ValueError, match="allow_unused"):
            grad((x * x).sum(), [x, y], allow_unused=False, materialize_grads=True)

    def test_several_outputs_with_weights(self):
        x = leaf(1.0, 2.0)
        outputs, weights = (x.sum(), x * x), (None, minigen.ones(2, dtype=minigen.float64))
        assert grad(outputs, (x,), weights)[0].tolist() == [3.0, 5.0]
        with pytest.raises(ValueError, match="2 outputs, but 1 gradients"):
            grad(outputs, x, weights[:1])

    def test_inputs_that_are_no_tensors(self):
        x = leaf(1.0)
        with pytest.raises(TypeError, match="input 0 is a float"):
            grad((x * x).sum(), 1.0)
        with pytest.raises(ValueError, match="empty"):
            grad((x * x).sum(), [])

    def test_output_with_respect_to_itself(self):
        x = leaf(2.0)
        y = (x * x).sum()
        assert grad(y, y)[0].item() == 1.0

    def test_backward_of_several_tensors(self):
        x = leaf(1.0, 2.0)
        minigen.autograd.backward([x.sum(), x * x], [None, minigen.ones(2, dtype=minigen.float64)])
        assert x.grad.tolist() == [3.0, 5.0]

    def test_backward_for_some_tensors_only(self):
        x, y = leaf(2.0), leaf(3.0)
        inner = x * y
        inner.retain_grad()
        inner.sum().backward(inputs=[x])
        assert x.grad.tolist() == [3.0] and y.grad is None and inner.grad is None
        (x * y).sum().backward(inputs=y)
        assert x.grad.tolist() == [3.0] and y.grad.tolist() == [2.0]
        with pytest.raises(ValueError, match="empty"):
            (x * y).sum().backward(inputs=[])
        with pytest.raises(RuntimeError, match="input 0 does not require grad"):
            (x * y).sum().backward(inputs=[minigen.ones(1)])

    def test_a_gradient_that_is_no_tensor(self):
        with pytest.raises(TypeError, match=r"ndarray was given.*\(2,\)"):
            (leaf(1.0, 2.0) * 2).backward(np.ones(2))

    def test_non_scalar_needs_weights(self):
        x = leaf(1.0, 2.0)
        with pytest.raises(RuntimeError, match="grad_outputs"):
            grad(x * x, x)
        (g,) = grad(x * x, x, minigen.tensor([1.0, 3.0], dtype=minigen.float64))
        assert g.tolist() == [2.0, 12.0]

    def test_weights_of_the_wrong_shape(self):
        x = leaf(1.0, 2.0)
        with pytest.raises(ValueError, match=r"\(3,\).*\(2,\)"):
            grad(x * x, x, minigen.ones(3, dtype=minigen.float64))

    def test_output_without_graph(self):
        with pytest.raises(RuntimeError, match="does not require grad"):
            grad(minigen.ones(()), leaf(1.0))
        with pytest.raises(RuntimeError, match="does not require grad"):
            minigen.ones(()).backward()

    def test_input_that_requires_no_grad(self):
        x = leaf(1.0)
        with pytest.raises(RuntimeError, match="requires_grad=True"):
            grad((x * x).sum(), minigen.ones(1))

    def test_third_derivative(self):
        x = minigen.tensor(2.0, dtype=minigen.float64, requires_grad=True)
        y = x**4
        for expected in (32.0, 48.0, 48.0, 24.0):
            ((y),) = grad(y, x, create_graph=True)
            assert y.item() == pytest.approx(expected, rel=1e-14)

    def test_square_has_a_third_derivative_at_zero(self):
        x = minigen.tensor(0.0, dtype=minigen.float64, requires_grad=True)
        (first,) = grad(x**2, x, create_graph=True)
        (second,) = grad(first, x, create_graph=True)
        assert (first.item(), second.item()) == (0.0, 2.0)
        if second.requires_grad:
            third = grad(second, x, allow_unused=True)[0]
            assert third is None or third.item() == 0.0

    def test_without_create_graph_nothing_is_recorded(self):
        x = leaf(2.0)
        modes = []

        class Spy(Function):
            def forward(self, x):
                return x * 1.0

            def backward(self, g):
                modes.append(is_grad_enabled())
                return g * 1.0

        grad(Spy.apply(x).sum(), x)
        grad(Spy.apply(x).sum(), x, create_graph=True)
        assert modes == [False, True]
        assert is_grad_enabled()

    def test_grad_mode_returns_after_a_failing_backward(self):
        class Faulty(Function):
            def forward(self, x):
                return x * 1.0

            def backward(self, g):
                raise RuntimeError("planted")

        with pytest.raises(RuntimeError, match="planted"):
            Faulty.apply(leaf(1.0)).sum().backward()
        assert is_grad_enabled()


# ---- grad mode, detach ----------------------------------------------------------------------------------------


class TestGradMode:
    def test_no_grad_as_context_manager(self):
        x = leaf(1.0)
        with no_grad():
            assert not is_grad_enabled()
            y = x * 2
            with enable_grad():
                z = x * 2
            assert not is_grad_enabled()
        assert is_grad_enabled()
        assert not y.requires_grad and z.requires_grad

    @pytest.mark.parametrize("decorator", [no_grad, no_grad()], ids=["bare", "called"])
    def test_no_grad_as_decorator(self, decorator):
        @decorator
        def double(x, times=1):
            """Doubles."""
            return double(x * 2, times - 1) if times else x

        y = double(leaf(1.0), times=3)
        assert not y.requires_grad and y.tolist() == [8.0]
        assert double.__name__ == "double" and is_grad_enabled()

    def test_enable_grad_as_decorator(self):
        @enable_grad()
        def double(x):
            return x * 2

        with no_grad():
            assert double(leaf(1.0)).requires_grad

    def test_mode_returns_after_an_exception(self):
        with pytest.raises(KeyError), no_grad():
            raise KeyError
        assert is_grad_enabled()

    def test_mode_is_per_thread(self):
        entered, finish, seen = threading.Event(), threading.Event(), []

        def other():
            with no_grad():
                entered.set()
                finish.wait(5)

        def third():
            seen.append(is_grad_enabled())

        threads = [threading.Thread(target=other)]
        threads[0].start()
        entered.wait(5)
        assert is_grad_enabled(), "another thread's no_grad must not be seen here"
        with no_grad():
            threads.append(threading.Thread(target=third))
            threads[1].start()
            threads[1].join(5)
        finish.set()
        threads[0].join(5)
        assert seen == [True]

    def test_nothing_is_kept_under_no_grad(self):
        x = leaf(1.0)
        with no_grad():
            y = x * 2
        assert y.grad_fn is None and y.is_leaf

    def test_detach_shares_memory_and_cuts_the_graph(self):
        x = leaf(1.0, 2.0)
        d = (x * 2).detach()
        assert not d.requires_grad and d.grad_fn is None
        cut = x.detach()
        assert np.shares_memory(cut.array, x.array)
        (x * cut).sum().backward()
        assert x.grad.tolist() == [1.0, 2.0]

    def test_requires_grad_of_an_inner_tensor_cannot_be_switched_off(self):
        y = leaf(1.0) * 2
        with pytest.raises(RuntimeError, match="detach"):
            y.requires_grad_(False)


# ---- hooks ------------------------------------------------------------------------------------------------


class TestHooks:
    def test_on_a_leaf_sees_the_complete_gradient(self):
        x, seen = leaf(2.0), []
        x.register_hook(lambda g: seen.append(g.tolist()))
        (x * x + x).sum().backward()
        assert seen == [[5.0]] and x.grad.tolist() == [5.0]

    def test_replacement_on_a_leaf(self):
        x = leaf(2.0)
        x.register_hook(lambda g: g * 10)
        (x * x).sum().backward()
        assert x.grad.tolist() == [40.0]

    def test_replacement_inside_goes_on_down(self):
        x = leaf(2.0)
        y = x * 3
        y.register_hook(lambda g: g * 10)
        (y * y).sum().backward()
        assert x.grad.tolist() == [360.0]

    def test_order_and_removal(self):
        x, seen = leaf(1.0), []
        first = x.register_hook(lambda g: seen.append("first"))
        x.register_hook(lambda g: seen.append("second"))
        (x * 1).sum().backward()
        first.remove()
        (x * 1).sum().backward()
        assert seen == ["first", "second", "second"]

    def test_runs_for_grad_too(self):
        x = leaf(2.0)
        x.register_hook(lambda g: g + 1)
        assert grad((x * x).sum(), x)[0].tolist() == [5.0]

    def test_wrong_shape_is_refused(self):
        x = leaf(2.0, 3.0)
        x.register_hook(lambda g: g.sum())
        with pytest.raises(RuntimeError, match="hook"):
            (x * x).sum().backward()

    def test_a_tensor_without_grad_has_no_hooks(self):
        with pytest.raises(RuntimeError, match="require"):
            minigen.ones(2).register_hook(lambda g: g)


# ---- versions and in-place -------------------------------------------------------------------------------------


IN_PLACE = {
    "copy_": lambda t: t.copy_(minigen.ones(t.shape, dtype=t.dtype)),
    "zero_": lambda t: t.zero_(),
    "fill_": lambda t: t.fill_(3.0),
    "clamp_": lambda t: t.clamp_(0.0, 1.0),
    "add_": lambda t: t.add_(1.0),
    "mul_": lambda t: t.mul_(2.0),
    "normal_": lambda t: t.normal_(),
    "uniform_": lambda t: t.uniform_(),
    "bump_version": lambda t: t.bump_version(),
}


class TestVersions:
    @pytest.mark.parametrize("change", IN_PLACE.values(), ids=IN_PLACE.keys())
    def test_a_change_between_forward_and_backward_raises(self, change):
        w = leaf(1.0, 2.0)
        loss = (w * w).sum()
        with no_grad():
            change(w)
        with pytest.raises(RuntimeError, match=r"changed in place"):
            loss.backward()
        assert w.grad is None

    @pytest.mark.parametrize(
        "handle",
        [
            lambda t: t.detach(),
            lambda t: t.data,
            lambda t: t.detach().reshape(2, 1),
            lambda t: t.detach().detach()[0],
            lambda t: t.data.transpose(0, 0),
        ],
        ids=["detach", "data", "reshape", "slice", "transpose"],
    )
    def test_changes_through_views_are_seen(self, handle):
        w = leaf(1.0, 2.0)
        loss = (w * w).sum()
        handle(w).fill_(5.0)
        assert 5.0 in w.tolist()
        with pytest.raises(RuntimeError, match="changed in place"):
            loss.backward()

    def test_a_detached_transposed_weight_changed_in_place(self):
        """Seen in an experiment: 10 instead of 2, silently."""
        w = minigen.tensor([[2.0]], dtype=minigen.float64)
        x = minigen.tensor([[1.0]], dtype=minigen.float64, requires_grad=True)
        y = x @ w.detach().transpose(0, 1)
        w.fill_(10.0)
        with pytest.raises(RuntimeError, match="changed in place"):
            y.sum().backward()

    def test_a_change_of_the_base_is_seen_through_the_view(self):
        base = minigen.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=minigen.float64)
        x = leaf(1.0, 1.0)
        loss = (x * base[0]).sum()
        base.zero_()
        with pytest.raises(RuntimeError, match="changed in place"):
            loss.backward()

    def test_a_parameter_is_named(self):
        layer = minigen.nn.Sequential(minigen.nn.Linear(2, 2), minigen.nn.Linear(2, 1))
        loss = layer(minigen.ones(3, 2)).sum()
        with no_grad():
            layer[1].weight.mul_(0.5)
        with pytest.raises(RuntimeError, match="weight"):
            loss.backward()

    def test_an_optimizer_step_between_forward_and_backward(self):
        """The classic mistake in the order of a GAN's updates."""
        w = minigen.nn.Parameter(minigen.ones(2))
        optimizer = minigen.optim.SGD([w], lr=0.1)
        first, second = (w * w).sum(), (w * w * 2).sum()
        first.backward()
        optimizer.step()
        with pytest.raises(RuntimeError, match="optimizer"):
            second.backward()

    def test_what_backward_does_not_read_may_change(self):
        c, x = minigen.ones(2, dtype=minigen.float64), leaf(1.0, 2.0)
        loss = (x + c).sum()
        c.zero_()
        loss.backward()
        assert x.grad.tolist() == [1.0, 1.0]

    def test_a_copy_has_a_version_of_its_own(self):
        w = leaf(1.0, 2.0)
        loss = (w * w).sum()
        w.detach().clone().fill_(5.0)
        loss.backward()
        assert w.grad.tolist() == [2.0, 4.0]


class TestInPlace:
    @pytest.mark.parametrize("change", list(IN_PLACE.values())[:-1], ids=list(IN_PLACE)[:-1])
    def test_on_a_leaf_while_recording_is_refused(self, change):
        with pytest.raises(RuntimeError, match="no_grad"):
            change(leaf(1.0, 2.0))

    @pytest.mark.parametrize("change", list(IN_PLACE.values())[:-1], ids=list(IN_PLACE)[:-1])
    def test_on_a_leaf_under_no_grad_writes_into_its_memory(self, change):
        w = leaf(0.25, 7.0)
        memory = w.array
        with no_grad():
            assert change(w) is w
        assert w.array is memory and w.requires_grad and w.is_leaf

    @pytest.mark.parametrize("symbol", ["+=", "-=", "*=", "/="])
    def test_augmented_assignment(self, symbol):
        def assign(t):
            names = {"t": t}
            exec(f"t {symbol} 2.0", names)
            return names["t"]

        expected = {"+=": 6.0, "-=": 2.0, "*=": 8.0, "/=": 2.0}[symbol]
        w = leaf(4.0)
        with pytest.raises(RuntimeError, match="no_grad"):
            assign(w)
        with no_grad():
            loss_before = w.array
            assert assign(w) is w and w.array is loss_before and w.tolist() == [expected]
        plain = minigen.tensor([4.0])
        inner = leaf(4.0) * 1
        assert assign(plain).tolist() == [expected] and plain.tolist() == [4.0]
        assert assign(inner).tolist() == [expected] and inner.tolist() == [4.0]
        assert assign(inner).requires_grad

    def test_augmented_assignment_under_no_grad_counts_as_a_change(self):
        w = leaf(4.0)
        loss = (w * w).sum()
        with no_grad():
            w += 1.0
        with pytest.raises(RuntimeError, match="changed in place"):
            loss.backward()

    def test_item_assignment_while_recording_shows_the_way(self):
        y = leaf(1.0, 2.0) * 1
        with pytest.raises(RuntimeError, match=r"where|cat"):
            y[0] = 5.0

    def test_item_assignment_without_grad(self):
        x = minigen.zeros(3)
        x[1] = 5.0
        assert x.tolist() == [0.0, 5.0, 0.0]


# ---- memory ---------------------------------------------------------------------------------------------------


@pytest.fixture
def without_gc():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class TestMemory:
    @pytest.mark.parametrize("how", ["dropped", "backward", "retained", "create_graph"])
    def test_a_graph_dies_with_its_last_user(self, without_gc, how):
        x = leaf(1.0, 2.0)
        inner = x.exp()
        watched = [weakref.ref(inner), weakref.ref(inner.grad_fn), weakref.ref(inner.array)]
        loss = (inner * inner).tanh().sum()
        if how == "backward":
            loss.backward()
        elif how == "retained":
            loss.backward(retain_graph=True)
        elif how == "create_graph":
            gradient = grad(loss, x, create_graph=True)
            del gradient
        del inner, loss
        assert [ref() for ref in watched] == [None, None, None]

    def test_backward_frees_as_it_goes(self, without_gc):
        """Of a chain of 50 arrays no more than a handful more are alive at any time while walking back."""
        alive = []

        class Spy(Function):
            def forward(self, x):
                return x * 1.0

            def backward(self, g):
                alive.append(sum(ref() is not None for ref in refs))
                return g * 1.0

        x = minigen.ones(1000, requires_grad=True)
        y, refs = x, []
        for _ in range(50):
            y = Spy.apply(y.exp().log())
            refs.append(weakref.ref(y))
        total = y.sum()
        del y
        total.backward()
        assert len(alive) == 50 and alive[-1] <= 2

    def test_memory_is_flat_over_200_gan_steps(self, without_gc):
        minigen.manual_seed(0)
        generator = [minigen.randn(8, 16).requires_grad_(), minigen.randn(16, 32).requires_grad_()]
        critic = [minigen.randn(32, 16).requires_grad_(), minigen.randn(16, 1).requires_grad_()]

        def run(weights, x):
            return (x @ weights[0]).tanh() @ weights[1]

        def update(weights):
            with no_grad():
                for w in weights:
                    w.add_(w.grad * -1e-3)
                    w.grad = None

        def step():
            noise, real = minigen.randn(64, 8), minigen.randn(64, 32)
            fake = run(generator, noise).detach()
            between = (real * 0.5 + fake * 0.5).requires_grad_()
            (slope,) = grad(run(critic, between).sum(), between, create_graph=True)
            penalty = ((slope * slope).sum(dim=1).sqrt() - 1) ** 2
            (run(critic, fake).mean() - run(critic, real).mean() + penalty.mean()).backward()
            update(critic)
            (-run(critic, run(generator, noise)).mean()).backward()
            update(generator)

        def measure():
            """Bytes in arrays, and bytes in all."""
            snapshot = tracemalloc.take_snapshot()
            arrays = snapshot.filter_traces([tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)])
            return [sum(trace.size for trace in s.traces) for s in (arrays, snapshot)]

        for _ in range(20):
            step()
        tracemalloc.start()
        try:
            step()
            before = measure()
            for _ in range(200):
                step()
            arrays, everything = (after - b for after, b in zip(measure(), before, strict=True))
        finally:
            tracemalloc.stop()
        assert arrays < 64 * 32 * 4, (
            f"{arrays / 1024:.0f} KiB more in arrays after 200 steps: less than one batch allowed"
        )
        assert everything < 200 * 1024, "less than 1 KiB a step is left to Python's free lists"


class TestSpeed:
    """Not how fast it is, which depends on the machine, but what must not happen a thousand times over."""

    def test_numpy_is_silent_inside_a_function_and_as_loud_as_before_outside(self):
        class Inverse(Function):
            def forward(self, x):
                return 1 / x

        with np.errstate(divide="raise"):
            assert Inverse.apply(leaf(0.0)).tolist() == [np.inf]
            with pytest.raises(FloatingPointError):
                np.ones(1) / np.zeros(1)

    def test_numpy_is_as_loud_as_before_after_a_failing_forward(self):
        class Faulty(Function):
            def forward(self, x):
                raise KeyError("planted")

        before = np.geterr()
        with pytest.raises(KeyError):
            Faulty.apply(leaf(0.0))
        assert np.geterr() == before


class TestAliasing:
    """The gradients that a walk hands out must never share memory with anything else."""

    FUNCTIONS = {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "add twice": lambda a, b: (a + b) + (b + a),
        "add itself": lambda a, b: (a + a) + b,
        "reshape": lambda a, b: a.reshape(4).reshape(2, 2) + b,
        "transpose": lambda a, b: a.transpose(0, 1) + b.transpose(0, 1),
        "broadcast": lambda a, b: a.sum() + b.sum(),
        "cat": lambda a, b: minigen.cat([a, b]),
        "stack": lambda a, b: minigen.stack([a, b]),
        "slice": lambda a, b: a[:1] + b[1:],
        "mul": lambda a, b: a * b,
    }

    @pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS.keys())
    def test_gradients_share_no_memory(self, f):
        a = minigen.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        b = minigen.tensor([[5.0, 6.0], [7.0, 8.0]], requires_grad=True)
        y = f(a, b)
        seed = minigen.ones(y.shape)
        y.retain_grad()
        y.backward(seed)
        arrays = {"a": a.array, "b": b.array, "a.grad": a.grad.array, "b.grad": b.grad.array}
        arrays |= {"seed": seed.array, "y": y.array, "y.grad": y.grad.array}
        names = list(arrays)
        allowed = {("a", "y"), ("b", "y")}
        for i, p in enumerate(names):
            for q in names[i + 1 :]:
                assert (p, q) in allowed or not np.shares_memory(arrays[p], arrays[q]), (p, q)
        assert a.grad.array.flags.writeable and b.grad.array.flags.writeable
        first = a.grad.tolist(), b.grad.tolist()
        f(a, b).backward(seed)
        twice = [[[2 * v for v in row] for row in g] for g in first]
        assert [a.grad.tolist(), b.grad.tolist()] == twice

    def test_add_hands_the_same_gradient_to_both_sides(self):
        """Seen in an experiment: accumulating into one branch's array corrupted the other's."""
        a, b = leaf(1.0), leaf(1.0)
        s = a + b
        (s + a * 10).sum().backward()
        assert a.grad.tolist() == [11.0] and b.grad.tolist() == [1.0]

    def test_seed_is_not_written_to(self):
        x = leaf(1.0, 2.0)
        seed = minigen.ones(2, dtype=minigen.float64)
        (x + x + x).backward(seed)
        x.grad.zero_()
        assert seed.tolist() == [1.0, 1.0]

    def test_a_backward_that_returns_its_input(self):
        class Odd(Function):
            def forward(self, x):
                return x * 1.0

            def backward(self, g):
                return self.inputs[0]

        x = leaf(1.0, 2.0)
        Odd.apply(x).sum().backward()
        assert not np.shares_memory(x.grad.array, x.array)

    def test_a_backward_that_keeps_what_it_returns(self):
        kept = []

        class Keeper(Function):
            def forward(self, x):
                return x * 1.0

            def backward(self, g):
                kept.append(g * 2.0)
                return kept[-1]

        x = leaf(1.0)
        (Keeper.apply(x) + Keeper.apply(x)).sum().backward()
        assert x.grad.tolist() == [4.0]
        assert [k.tolist() for k in kept] == [[2.0], [2.0]]

    def test_a_backward_that_returns_one_tensor_for_two_inputs(self):
        class Sum(Function):
            def forward(self, a, b):
                return a + b

            def backward(self, g):
                doubled = g * 2.0
                return doubled, doubled

        a, b = leaf(1.0), leaf(1.0)
        Sum.apply(a, b).sum().backward()
        assert not np.shares_memory(a.grad.array, b.grad.array)

    def test_a_hook_that_returns_its_own_tensor(self):
        x, mine = leaf(1.0), minigen.tensor([7.0], dtype=minigen.float64)
        x.register_hook(lambda g: mine)
        (x * 2).sum().backward()
        x.grad.zero_()
        assert mine.tolist() == [7.0]

    def test_retained_gradient_is_not_changed_by_the_rest_of_the_walk(self):
        x = leaf(1.0)
        y = x * 1
        y.retain_grad()
        z = y + y
        z.retain_grad()
        (z + y + x).sum().backward()
        assert (z.grad.tolist(), y.grad.tolist(), x.grad.tolist()) == ([1.0], [3.0], [4.0])


# ---- what is refused ------------------------------------------------------------------------------------------


class TestRefusals:
    def apply(self, returned):
        class Custom(Function):
            def forward(self, a, b):
                return a * b

            def backward(self, g):
                return returned(g)

        Custom.apply(leaf(1.0, 2.0), leaf(3.0, 4.0)).sum().backward()

    @pytest.mark.parametrize(
        ("returned", "words"),
        [
            (lambda g: g, r"Custom.*1 gradients? for 2 inputs"),
            (lambda g: (g, g, g), r"Custom.*3 gradients? for 2 inputs"),
            (lambda g: (g, g[:1]), r"Custom.*\(1,\).*\(2,\)"),
            (lambda g: (g, g.sum()), r"Custom.*\(\).*\(2,\)"),
            (lambda g: (g, g.float()), r"Custom.*float32.*float64"),
            (lambda g: (g, g.array), r"Custom.*ndarray.*Tensor"),
            (lambda g: (g, [g]), r"Custom.*list; return one Tensor, or a tuple"),
        ],
        ids=["too few", "too many", "shape", "scalar", "dtype", "array", "list"],
    )
    def test_returned_gradients_are_checked_naming_the_function(self, returned, words):
        with pytest.raises((RuntimeError, TypeError), match=words):
            self.apply(returned)

    @pytest.mark.parametrize(
        ("shape", "returned", "remedy"),
        [
            ((4, 1), lambda g: minigen.ones(4, 3), r"broadcasts this input.*grad\.sum_to_size\(x\.shape\)"),
            ((3,), lambda g: minigen.ones(5, 3), r"grad\.sum_to_size\(x\.shape\)"),
            ((2, 3), lambda g: minigen.ones(3, 2), r"transposed, \.mT"),
            ((2, 3), lambda g: g.double(), r"grad\.to\(float32\)"),
            ((2, 3), lambda g: minigen.ones(2, 4), "the two must agree$"),
        ],
        ids=["broadcast", "repeated", "transposed", "dtype", "unknown"],
    )
    def test_a_remedy_for_a_wrong_gradient(self, shape, returned, remedy):
        class Custom(Function):
            def forward(self, x):
                return x * 1

            def backward(self, g):
                return returned(g)

        with pytest.raises(RuntimeError, match=remedy):
            Custom.apply(minigen.ones(shape, requires_grad=True)).sum().backward()

    def test_a_forgotten_return_in_backward(self):
        with pytest.raises(RuntimeError, match=r"Custom\.backward returned None.*return.*\(None, None\)"):
            self.apply(lambda g: None)

    @pytest.mark.parametrize(
        ("returned", "words"),
        [
            (lambda x: None, "returned None: is a `return` missing"),
            (lambda x: [1.0, 2.0], r"returned a list.*asarray"),
            (lambda x: 3.0, r"returned a float.*asarray"),
            (lambda x: (x, x), "returned a tuple of 2.*one output"),
            (lambda x: minigen.tensor(x), "returned a Tensor.*arrays"),
        ],
        ids=["None", "list", "float", "tuple", "tensor"],
    )
    def test_forward_must_return_one_array(self, returned, words):
        class Custom(Function):
            def forward(self, x):
                return returned(x)

        with pytest.raises(TypeError, match=rf"Custom\.forward {words}"):
            Custom.apply(leaf(1.0, 2.0))

    def test_a_scalar_of_numpy_is_an_array_of_no_axes(self):
        class Total(Function):
            def forward(self, x):
                return x.sum()

            def backward(self, g):
                return g.expand(self.inputs[0].shape)

        x = leaf(1.0, 2.0)
        Total.apply(x).backward()
        assert x.grad.tolist() == [1.0, 1.0]

    def test_options_by_position(self):
        class Scale(Function):
            def forward(self, x):
                return x * self.factor

        with pytest.raises(TypeError, match=r"Scale: argument 1 is of type float.*by keyword"):
            Scale.apply(leaf(1.0), 3.0)
        assert Scale.apply(leaf(2.0), factor=3.0).tolist() == [6.0]

    @pytest.mark.parametrize("name", ["inputs", "output", "order", "view"])
    def test_options_that_the_engine_needs_itself(self, name):
        class Scale(Function):
            def forward(self, x):
                return x

        with pytest.raises(TypeError, match=rf"Scale\.apply.*'{name}'.*rename"):
            Scale.apply(leaf(1.0), **{name: 3})

    def test_calling_an_object_of_the_class(self):
        class Cube(Function):
            def forward(self, x):
                return x**3

        with pytest.raises(TypeError, match=r"write Cube\.apply\(\.\.\.\)"):
            Cube()(leaf(1.0))

    def test_none_is_a_gradient(self):
        self.apply(lambda g: (None, g))

    def test_forward_in_the_style_of_pytorch_shows_the_translation(self):
        with pytest.raises(TypeError, match=r"self\.inputs.*ctx\.saved_tensors"):

            class Square(Function):
                @staticmethod
                def forward(ctx, x):
                    ctx.save_for_backward(x)
                    return x * x

    def test_apply_wants_tensors(self):
        class Double(Function):
            def forward(self, x):
                return x * 2

        with pytest.raises(TypeError, match=r"Double.*list.*Tensor"):
            Double.apply([1.0, 2.0])
        with pytest.raises(TypeError, match=r"Double.*ndarray.*Tensor"):
            Double.apply(np.ones(3))

    @pytest.mark.parametrize("missing", ["forward", "backward"])
    def test_missing_methods_are_named(self, missing):
        methods = {"forward": lambda self, x: x * 2, "backward": lambda self, g: g * 2}
        del methods[missing]
        half = type("Half", (Function,), methods)
        with pytest.raises(NotImplementedError, match=f"Half must define {missing}"):
            half.apply(leaf(1.0)).sum().backward()

    def test_backward_of_a_non_scalar(self):
        with pytest.raises(RuntimeError, match=r"\(2,\).*sum.*backward\(gradient="):
            (leaf(1.0, 2.0) * 2).backward()

    def test_backward_after_no_grad(self):
        x = leaf(1.0)
        with no_grad():
            y = (x * 2).sum()
        with pytest.raises(RuntimeError, match="no_grad"):
            y.backward()

    def test_mixed_dtypes_promote_and_each_gets_its_own(self):
        a = minigen.tensor([1.0, 2.0], dtype=minigen.float32, requires_grad=True)
        b = minigen.tensor([3.0, 4.0], dtype=minigen.float64, requires_grad=True)
        y = a * b
        y.sum().backward()
        assert (y.dtype, a.grad.dtype, b.grad.dtype) == (minigen.float64, minigen.float32, minigen.float64)
        assert a.grad.tolist() == [3.0, 4.0] and b.grad.tolist() == [1.0, 2.0]


class Scale(Function):
    """Somebody's own function, with an option, outside of the package: factor * x**2."""

    def forward(self, x):
        return self.factor * x * x

    def backward(self, grad):
        (x,) = self.inputs
        return grad * x * (2 * self.factor)


class WrongScale(Scale):
    """The same with a gradient that is right at first order only: it keeps an array of forward's."""

    def forward(self, x):
        self.slope = 2 * self.factor * x
        return self.factor * x * x

    def backward(self, grad):
        return grad * minigen.Tensor(self.slope)


class TestOwnFunctions:
    """What is written outside of minigen has all that a function of its own has."""

    def test_gradients_of_any_order(self):
        x = leaf(3.0)
        y = Scale.apply(x, factor=2.0) * x  # 2 x**3
        for expected in (54.0, 36.0, 12.0):
            (y,) = grad(y.sum(), x, create_graph=True)
            assert y.tolist() == pytest.approx([expected])

    def test_the_checks_take_it(self):
        x = minigen.tensor([0.5, -1.5, 2.0], dtype=minigen.float64)
        check_gradients(lambda t: Scale.apply(t, factor=2.0), x)
        with pytest.raises(AssertionError):
            check_gradients(lambda t: WrongScale.apply(t, factor=2.0), x)

    def test_it_is_drawn_with_its_options(self):
        box = plot.graph(Scale.apply(leaf(1.0), factor=2.5)).boxes[1]
        assert (box.title, box.lines) == ("Scale", ("factor=2.5",))

    def test_in_a_checkpoint_and_under_detect_anomaly(self):
        x = leaf(3.0)
        with minigen.autograd.detect_anomaly():
            minigen.autograd.checkpoint(lambda t: Scale.apply(t, factor=2.0), x).sum().backward()
            with pytest.raises(RuntimeError, match="Scale made an infinity"):
                Scale.apply(leaf(1e200), factor=1.0)
        assert x.grad.tolist() == [12.0]


class TestShortcut:
    """`backward_arrays` serves when nothing records, `backward` when something does."""

    def make(self, used):
        class Square(Function):
            def forward(self, x):
                return x * x

            def backward(self, g):
                used.append("tensors")
                return g * 2 * self.inputs[0]

            def backward_arrays(self, g):
                used.append("arrays")
                return (g * 2 * self.inputs[0].array,)

        return Square

    def test_which_is_taken(self):
        used = []
        square, x = self.make(used), leaf(3.0)
        square.apply(x).sum().backward()
        grad(square.apply(x).sum(), x)
        (first,) = grad(square.apply(x).sum(), x, create_graph=True)
        grad(first, x)
        assert used == ["arrays", "arrays", "tensors"]
        assert x.grad.tolist() == [6.0]
