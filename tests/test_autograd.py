"""Jacobians, Hessians and their products, against PyTorch and by hand; checkpoints, which trade time for memory.

That single gradients are right is judged in tests/test_functions.py; here is what is built from them.
"""

import tracemalloc

import numpy as np
import pytest

import minigen
from minigen import autograd, nn, plot

F64 = minigen.float64
WITH_VECTOR = ["vjp", "jvp", "vhp", "hvp"]
SCALAR = ["hessian", "vhp", "hvp"]


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def to_numpy(result):
    """Tensors of either library, in nested tuples, as arrays."""
    return tuple(map(to_numpy, result)) if isinstance(result, tuple) else result.detach().numpy()


def assert_same(ours, theirs):
    assert isinstance(ours, tuple) == isinstance(theirs, tuple)
    if isinstance(ours, tuple):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b)
    else:
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)


# Functions that read the same in both libraries: inputs' shapes, outputs' shapes.
VECTOR_FUNCTIONS = {
    "one to one": (lambda x: x.exp() * x.sum(), [(2, 3)], [(2, 3)]),
    "two to one": (lambda x, y: (x @ y).tanh(), [(2, 3), (3, 2)], [(2, 2)]),
    "one to two": (lambda x: (x.sum(), x * x), [(3,)], [(), (3,)]),
    "two to two": (lambda x, y: (x * y, (x / (2 + y * y)).sum()), [(3,), (3,)], [(3,), ()]),
    "a tuple of one": (lambda x: (x**3,), [(2,)], [(2,)]),
    "linear": (lambda x: x * 3, [(2,)], [(2,)]),
    "an input unused": (lambda x, y: x**2, [(2,), (3,)], [(2,)]),
    "an output constant": (lambda x: (x.detach() + 1, x**2), [(2,)], [(2,), (2,)]),
    "no axes": (lambda x: x**3, [()], [()]),
}
SCALAR_FUNCTIONS = {
    "one": (lambda x: (x.exp() * x.sum()).sum(), [(2, 3)]),
    "two": (lambda x, y: ((x @ y).tanh() ** 2).sum(), [(2, 3), (3, 1)]),
    "linear": (lambda x: (x * 3).sum(), [(2,)]),
    "an input unused": (lambda x, y: (x**3).sum(), [(2,), (3,)]),
    "one element": (lambda x: (x**3).reshape(1, 1), [(1,)]),
}
CASES = [
    pytest.param(name, case, id=f"{name}-{label}")
    for names, cases in (
        (["jacobian", "vjp", "jvp"], VECTOR_FUNCTIONS),
        (["hessian", "vhp", "hvp"], SCALAR_FUNCTIONS),
    )
    for name in names
    for label, case in cases.items()
]


def call(library, name, case, create_graph=False, leaf=False, strict=False):
    """Run the function `name` of one library on a case; return inputs and result."""
    f, shapes = case[0], case[1]
    module = library.autograd.functional
    xs = tuple(library.tensor(numbers(*shape, seed=i)) for i, shape in enumerate(shapes))
    if leaf:
        xs = tuple(x.requires_grad_() for x in xs)
    inputs = xs if len(xs) > 1 else xs[0]
    args = ()
    if name in WITH_VECTOR:
        like = case[2] if name == "vjp" else shapes
        v = tuple(library.tensor(numbers(*shape, seed=10 + i)) for i, shape in enumerate(like))
        args = (v if len(v) > 1 else v[0],)
    return xs, getattr(module, name)(f, inputs, *args, create_graph=create_graph, strict=strict)


class TestAgainstTorch:
    @pytest.mark.parametrize(("name", "case"), CASES)
    @pytest.mark.parametrize("create_graph", [False, True], ids=["plain", "create_graph"])
    def test_value(self, name, case, create_graph):
        torch = pytest.importorskip("torch")
        _, ours = call(minigen, name, case, create_graph)
        _, theirs = call(torch, name, case, create_graph)
        assert_same(to_numpy(ours), to_numpy(theirs))

    @pytest.mark.parametrize(("name", "case"), CASES)
    def test_gradient_of_the_result(self, name, case):
        """Reduce what came back with random weights and differentiate once more."""
        torch = pytest.importorskip("torch")
        grads = []
        for library in (minigen, torch):
            xs, result = call(library, name, case, create_graph=True, leaf=True)
            flat = result if isinstance(result, tuple) else (result,)
            while any(isinstance(part, tuple) for part in flat):
                flat = tuple(p for part in flat for p in (part if isinstance(part, tuple) else (part,)))
            total = sum((y**2 * library.tensor(numbers(*y.shape, seed=3))).sum() for y in flat)
            found = [None] * len(xs)
            if total.requires_grad:  # a linear function's matrix is constant
                found = library.autograd.grad(total, xs, allow_unused=True)
            grads.append([np.zeros(tuple(x.shape)) if g is None else g.numpy() for x, g in zip(xs, found, strict=True)])
        for ours, theirs in zip(*grads, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-12)

    @pytest.mark.parametrize(("name", "case"), CASES)
    @pytest.mark.parametrize("create_graph", [False, True], ids=["plain", "create_graph"])
    def test_strict_refuses_what_torch_refuses(self, name, case, create_graph):
        torch = pytest.importorskip("torch")
        try:
            call(torch, name, case, create_graph, strict=True)
        except RuntimeError:
            with pytest.raises(RuntimeError, match=rf"^{name}: .*strict=True"):
                call(minigen, name, case, create_graph, strict=True)
        else:
            call(minigen, name, case, create_graph, strict=True)


class TestProducts:
    def test_both_products_are_those_with_the_matrix(self):
        x, (n, m) = minigen.tensor(numbers(3)), (3, 4)
        a = minigen.tensor(numbers(m, n, seed=1))

        def f(t):
            return (a @ t).tanh()

        u, v = minigen.tensor(numbers(n, seed=2)), minigen.tensor(numbers(m, seed=3))
        matrix = autograd.jacobian(f, x).numpy()
        np.testing.assert_allclose(autograd.jvp(f, x, u)[1].numpy(), matrix @ u.numpy(), rtol=1e-12)
        np.testing.assert_allclose(autograd.vjp(f, x, v)[1].numpy(), v.numpy() @ matrix, rtol=1e-12)

    def test_convolutions_and_norms(self):
        """Walks back twice through the graph: here against a difference of values."""
        minigen.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(2, 3, 3, stride=2), nn.BatchNorm2d(3), nn.Tanh(), nn.ConvTranspose2d(3, 1, 2))
        net.double()
        x, u, h = minigen.tensor(numbers(4, 2, 5, 7)), minigen.tensor(numbers(4, 2, 5, 7, seed=1)), 1e-6
        _, product = autograd.jvp(net, x, u)
        with minigen.no_grad():
            difference = (net(x + u * h) - net(x - u * h)) / (2 * h)
        np.testing.assert_allclose(product.numpy(), difference.numpy(), atol=1e-7)

    def test_float32_stays(self):
        x = minigen.randn(3)
        for name in ("jacobian", "hessian"):
            assert getattr(autograd, name)(lambda t: (t**3).sum(), x).dtype == minigen.float32

    def test_nothing_is_left_behind(self):
        x = minigen.tensor(numbers(2), requires_grad=True)
        for name in ("jacobian", "hessian"):
            result = getattr(autograd, name)(lambda t: (t**3).sum(), x)
            assert not result.requires_grad and x.grad is None

    @pytest.mark.parametrize("name", WITH_VECTOR)
    def test_results_leave_with_their_graph_only_where_asked(self, name):
        for create_graph in (False, True):
            x = minigen.tensor(2.0, requires_grad=True)
            results = getattr(autograd, name)(lambda t: t**3, x, create_graph=create_graph)
            assert [y.requires_grad for y in results] == [create_graph] * 2

    def test_no_grad_around_does_not_matter(self):
        with minigen.no_grad():
            assert autograd.jacobian(lambda t: t * t, minigen.ones(2)).tolist() == [[2.0, 0.0], [0.0, 2.0]]
            assert autograd.hvp(lambda t: (t**3).sum(), minigen.ones(2), minigen.ones(2))[1].tolist() == [6.0, 6.0]

    def test_channels_last_outputs(self):
        """The rows belong to the elements in the order of the indices, not of the memory."""
        x = minigen.tensor(numbers(1, 2, 2, 3).transpose(0, 2, 3, 1)).permute(0, 3, 1, 2)
        jacobian = autograd.jacobian(lambda t: t * 1, x)
        assert np.array_equal(jacobian.numpy().reshape(12, 12), np.eye(12))

    def test_of_an_empty_output(self):
        assert autograd.jacobian(lambda t: t[:0], minigen.ones(3)).shape == (0, 3)


class TestMisuse:
    X = minigen.ones(2)

    @pytest.mark.parametrize("name", ["jacobian", "hessian", *WITH_VECTOR])
    def test_inputs_that_are_no_tensors(self, name):
        f = getattr(autograd, name)
        with pytest.raises(TypeError, match=f"^{name}: inputs is a list"):
            f(lambda t: t, [1.0])
        with pytest.raises(TypeError, match=f"^{name}: number 1 of inputs is a float"):
            f(lambda s, t: s, (self.X, 1.0))
        with pytest.raises(ValueError, match=f"^{name}: inputs is an empty tuple"):
            f(lambda: self.X, ())

    @pytest.mark.parametrize("name", ["jacobian", "hessian", *WITH_VECTOR])
    def test_outputs_that_are_no_tensors(self, name):
        with pytest.raises(TypeError, match=f"^{name}: what the function returns is a NoneType"):
            getattr(autograd, name)(lambda t: None, minigen.ones(()))

    @pytest.mark.parametrize("name", SCALAR)
    def test_second_derivatives_of_more_than_one_number(self, name):
        f = getattr(autograd, name)
        with pytest.raises(RuntimeError, match=rf"^{name}: .*shape \(1, 2\).*sum"):
            f(lambda t: t.reshape(1, 2), self.X, *([self.X] * (name in WITH_VECTOR)))
        with pytest.raises(RuntimeError, match=rf"^{name}: .*2 outputs"):
            f(lambda t: (t.sum(), t.sum()), self.X, *([self.X] * (name in WITH_VECTOR)))

    @pytest.mark.parametrize("name", WITH_VECTOR)
    def test_v_of_the_wrong_shape_dtype_or_number(self, name):
        def f(t):
            return t * t if name in ("vjp", "jvp") else (t * t).sum()

        for v, words in [
            (minigen.ones(3), r"\(3,\).*\(2,\)"),
            (minigen.ones(2, dtype=F64), "float64.*float32"),
            ((self.X, self.X), "holds 2 tensors, but there are 1"),
        ]:
            with pytest.raises(ValueError, match=f"^{name}: v .*{words}"):
                getattr(autograd, name)(f, self.X, v)
        with pytest.raises(TypeError, match=f"^{name}: v is a ndarray"):
            getattr(autograd, name)(f, self.X, np.ones(2))

    @pytest.mark.parametrize("name", WITH_VECTOR)
    def test_v_left_out(self, name):
        f = getattr(autograd, name)
        assert f(lambda t: t**3, minigen.full((), 2.0))[1].item() == 12.0
        with pytest.raises(RuntimeError, match=rf"^{name}: v may be left out only .*\(2,\)"):
            f(lambda t: t * t if name in ("vjp", "jvp") else (t * t).sum(), self.X)


# ---- checkpoints ----------------------------------------------------------------------------------------------


def small_net():
    minigen.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 2)).double()


def train_step(net, run, x):
    """Gradients of the parameters and of x, buffers, and the random state after one step."""
    minigen.manual_seed(5)
    net.zero_grad()
    x.grad = None
    (run(x) ** 2).sum().backward()
    grads = [p.grad.tolist() for p in net.parameters()]
    return grads, x.grad.tolist(), [b.tolist() for b in net.buffers()], minigen.get_rng_state()


class TestCheckpoint:
    @pytest.mark.parametrize("how", ["module", "lambda", "method", "argument", "partial", "in a list"])
    def test_all_is_as_without(self, how):
        """Gradients, buffers and random numbers are bit for bit the same."""
        x = minigen.tensor(numbers(6, 4), requires_grad=True)
        plain = small_net()
        expected = train_step(plain, lambda t: plain(t), x)
        net = small_net()
        parts, apply = [net], lambda t, m: m(t)
        run = {
            "module": lambda t: autograd.checkpoint(net, t),
            "lambda": lambda t: autograd.checkpoint(lambda s: net(s), t),
            "method": lambda t: autograd.checkpoint(net.forward, t),
            "argument": lambda t: autograd.checkpoint(apply, t, net),
            "partial": lambda t: autograd.checkpoint_sequential([net, nn.Identity()], 2, t),
            "in a list": lambda t: autograd.checkpoint(lambda s: parts[0](s), t),
        }[how]
        assert train_step(net, run, x) == expected

    def test_buffers_are_not_counted_twice(self):
        """Seen to fail without the restoring: 2 batches counted, and means drawn twice towards the batch's."""
        norm = nn.BatchNorm1d(3)
        x = minigen.tensor(numbers(5, 3), dtype=minigen.float32, requires_grad=True)
        y = autograd.checkpoint(norm, x)
        norm(x * 2)  # a second batch comes in between
        before = [b.tolist() for b in norm.buffers()]
        y.sum().backward()
        assert [b.tolist() for b in norm.buffers()] == before and norm.num_batches_tracked.item() == 2

    def test_a_buffer_that_the_result_depends_on(self):
        """The second computation starts from the buffer as it was: the power iteration of a spectral norm, say."""

        class Counter(nn.Module):
            def __init__(self):
                super().__init__()
                self.register_buffer("n", minigen.ones(1))

            def forward(self, x):
                with minigen.no_grad():
                    self.n.mul_(2)
                return x.exp() * self.n.clone()

        layer, x = Counter(), minigen.zeros(1, requires_grad=True)
        y = autograd.checkpoint(layer, x)
        y.sum().backward()
        assert x.grad.tolist() == [2.0] and layer.n.tolist() == [2.0]

    def test_captured_tensors_get_gradients(self):
        x, w = (minigen.tensor([v], requires_grad=True) for v in (2.0, 3.0))
        inner = w * w
        y = autograd.checkpoint(lambda t: t.exp() * inner * w, x)
        gx, gw, gi = minigen.grad(y.sum(), [x, w, inner], retain_graph=True)
        e = np.exp(2.0)
        assert gx.item() == pytest.approx(27 * e, rel=1e-6)
        assert gw.item() == pytest.approx(27 * e, rel=1e-6), "d(w^3): through inner and directly, each once"
        assert gi.item() == pytest.approx(3 * e, rel=1e-6)
        assert x.grad is None and w.grad is None, "grad() leaves .grad alone, also inside"

    def test_an_argument_that_depends_on_another(self):
        """Partial derivatives: what goes from x to y is not the checkpoint's to count."""
        x = minigen.tensor([0.5], dtype=F64, requires_grad=True)
        y = x.exp()
        z = autograd.checkpoint(lambda a, b: (a * b).tanh(), x, y)
        assert minigen.grad(z.sum(), x)[0].item() == minigen.grad((x * x.exp()).tanh().sum(), x)[0].item()

    def test_second_order(self):
        minigen.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)).double()
        x = minigen.tensor(numbers(4, 3), requires_grad=True)
        results = []
        for run in (net, lambda t: autograd.checkpoint(net, t), lambda t: autograd.checkpoint_sequential(net, 3, t)):
            (slope,) = minigen.grad(run(x).sum(), x, create_graph=True)
            penalty = ((slope**2).sum(dim=1).sqrt() - 1) ** 2
            found = minigen.grad(penalty.sum(), [x, *net.parameters()], allow_unused=True, create_graph=True)
            third = minigen.grad((found[0] ** 2).sum(), x)
            results.append([g.numpy() for g in (*[g.detach() for g in found if g is not None], *third)])
        for other in results[1:]:
            for a, b in zip(results[0], other, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)

    def test_nested(self):
        x = minigen.tensor([0.3], dtype=F64, requires_grad=True)
        y = autograd.checkpoint(lambda a: autograd.checkpoint(lambda b: b.exp().tanh(), a * 2).exp(), x)
        y.sum().backward()
        plain = minigen.grad((x * 2).exp().tanh().exp().sum(), x)[0]
        assert x.grad.tolist() == plain.tolist()

    def test_several_outputs_and_keywords(self):
        x = minigen.tensor(numbers(2, 3), requires_grad=True)
        calls = []

        def f(t, power=1):
            calls.append(power)
            return t**power, t.sum()

        a, b = autograd.checkpoint(f, x, power=3)
        assert a.shape == (2, 3) and b.shape == ()
        (a.sum() + b * 2).backward()
        np.testing.assert_allclose(x.grad.numpy(), 3 * x.detach().numpy() ** 2 + 2, rtol=1e-12)
        assert calls == [3, 3], "both outputs together: one second computation"

    def test_without_gradients_nothing_is_kept(self):
        x = minigen.ones(2)
        assert autograd.checkpoint(lambda t: t.exp(), x).grad_fn is None
        with minigen.no_grad():
            assert autograd.checkpoint(lambda t: t.exp(), x.requires_grad_()).grad_fn is None
        assert autograd.checkpoint(lambda t: t, x) is x

    def test_a_second_backward_says_so_in_words(self):
        x = minigen.ones(2, requires_grad=True)
        y = autograd.checkpoint(lambda t: t.exp(), x).sum()
        y.backward()
        with pytest.raises(RuntimeError, match="second time through"):
            y.backward()

    def test_a_weight_changed_in_between(self):
        layer = nn.Linear(2, 2)
        y = autograd.checkpoint(layer, minigen.ones(1, 2))
        with minigen.no_grad():
            layer.weight.mul_(2)
        with pytest.raises(RuntimeError, match=r"'Linear\.weight'.*changed in place"):
            y.sum().backward()

    def test_a_function_that_computes_something_else_the_second_time(self):
        x, factors = minigen.ones(2, requires_grad=True), iter([1.0, 1.5])
        y = autograd.checkpoint(lambda t: t * next(factors), x)
        with pytest.raises(RuntimeError, match=r"checkpoint: .*differ by up to 0\.5"):
            y.sum().backward()
        drop = nn.Dropout()
        y = autograd.checkpoint(drop, x, preserve_rng_state=True)
        drop.eval()
        with pytest.raises(RuntimeError, match=r"checkpoint: .*same each time"):
            y.sum().backward()

    def test_misuse(self):
        x = minigen.ones(2, requires_grad=True)
        with pytest.raises(TypeError, match="checkpoint: the first argument must be a function"):
            autograd.checkpoint(x, x)
        with pytest.raises(TypeError, match="checkpoint: the function returned a NoneType"):
            autograd.checkpoint(lambda t: None, x)
        with pytest.raises(TypeError, match="one dtype, not float32, float64"):
            autograd.checkpoint(lambda t: (t, t.double()), x)
        for segments in (0, 3, 1.5):
            with pytest.raises(ValueError, match=f"from 1 to 2, not {segments}"):
                autograd.checkpoint_sequential([nn.Tanh(), nn.Tanh()], segments, x)

    def test_memory(self):
        """32 layers in 6 segments: the peak of forward and backward together."""
        net = nn.Sequential(*[nn.Tanh() for _ in range(32)])
        x = minigen.zeros(100_000, requires_grad=True)

        def peak(run):
            x.grad = None
            tracemalloc.start()
            try:
                run(x).sum().backward()
                return tracemalloc.get_traced_memory()[1] / x.array.nbytes
            finally:
                tracemalloc.stop()

        plain = peak(net)
        few = peak(lambda t: autograd.checkpoint_sequential(net, 6, t))
        assert plain > 32 and few < 20, (plain, few)


# ---- on a device ----------------------------------------------------------------------------------------------


class TestOnADevice:
    def test_everything_stays_there(self, device):
        x = minigen.tensor(numbers(3)).to(device).requires_grad_()
        for name in ("jacobian", "hessian"):
            assert getattr(autograd, name)(lambda t: (t**3).sum(), x).device == device
        for name in WITH_VECTOR:
            assert getattr(autograd, name)(lambda t: (t**3).sum(), x, None if name == "vjp" else x)[1].device == device

    def test_checkpoints_and_anomalies(self, device):
        net = small_net().to(device)
        x = minigen.tensor(numbers(6, 4)).to(device).requires_grad_()
        with autograd.detect_anomaly():
            autograd.checkpoint(net, x).sum().backward()
            assert net[1].num_batches_tracked.item() == 1
            with pytest.raises(RuntimeError, match=r"Log made a NaN.*NaN in \d+ of 24"):
                x.log()
        plain, again = (train_step(net, run, x)[1] for run in (net, lambda t: autograd.checkpoint(net, t)))
        np.testing.assert_allclose(again, plain, rtol=1e-10)

    def test_summary_and_drawing(self, device):
        net = small_net().to(device)
        assert minigen.summary(net, (6, 4)).multiply_adds == 6 * (4 * 8 + 8 * 2)
        assert len(plot.graph(net(minigen.ones(6, 4, dtype=F64).to(device)) * 2, net).boxes) > 5
