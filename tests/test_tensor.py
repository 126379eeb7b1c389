"""The Tensor as an array: creation, dtypes, shapes, indices, reductions, conversion, and the errors that teach.

Gradients are judged elsewhere (tests/test_functions.py); where PyTorch defines what comes out, it is asked.
"""

import itertools
import operator

import numpy as np
import pytest

import minigen
from minigen import Tensor, backend
from minigen.backend import Backend, Device

REAL = ("float32", "float64")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
DTYPES = ("bool", *INTEGERS, "float16", *REAL)


def rng():
    return np.random.default_rng(0)


def values(*shape):
    return rng().standard_normal(shape).astype(np.float32)


def name_of(torch_dtype):
    return str(torch_dtype).removeprefix("torch.")


def assert_equals(ours, theirs):
    """A tensor of ours and one of PyTorch's (or an array) agree in shape, dtype and values."""
    theirs = theirs.detach().numpy() if hasattr(theirs, "detach") else np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours.detach().numpy(), theirs, rtol=2e-6, atol=1e-6)


# ---- creation ---------------------------------------------------------------------------------------------------


class TestCreation:
    @pytest.mark.parametrize(
        ("data", "dtype"),
        [
            (1, "int64"),
            (1.5, "float32"),
            (True, "bool"),
            ([1, 2], "int64"),
            ([1, 2.5], "float32"),
            ([[True], [False]], "bool"),
            ([], "float32"),
            (np.float64(2.5), "float64"),
            (np.arange(3, dtype=np.int16), "int16"),
            (np.zeros(2), "float64"),
        ],
        ids=str,
    )
    def test_dtype_of_data(self, data, dtype, torch):
        assert minigen.tensor(data).dtype == dtype == name_of(torch.tensor(data).dtype)

    def test_tensor_copies_and_from_numpy_shares(self):
        array = np.zeros(2, np.float32)
        copied, shared, maybe = minigen.tensor(array), minigen.from_numpy(array), minigen.as_tensor(array)
        array[0] = 7
        assert copied.tolist() == [0, 0]
        assert shared.tolist() == maybe.tolist() == [7, 0]

    def test_float64_is_exact(self):
        assert minigen.tensor([0.1], dtype=minigen.float64).item() == 0.1
        assert minigen.tensor(0.1, dtype=minigen.float64).item() == 0.1
        assert minigen.as_tensor(0.1, dtype=minigen.float64).item() == 0.1
        assert minigen.full((1,), 0.1, dtype=minigen.float64).item() == 0.1
        assert (minigen.ones(1, dtype=minigen.float64) * 0.1).item() == 0.1
        assert (0.1 + minigen.zeros(1, dtype=minigen.float64)).item() == 0.1
        assert minigen.zeros(1, dtype=minigen.float64).fill_(0.1).item() == 0.1

    def test_nested_tensors(self):
        assert minigen.tensor([minigen.tensor(1.0), minigen.tensor(2.0)]).tolist() == [1.0, 2.0]

    @pytest.mark.parametrize(
        "call",
        [
            "zeros(2, 3)",
            "zeros((2, 3))",
            "zeros([2, 3])",
            "ones(2, dtype={}.float64)",
            "ones((), dtype={}.int32)",
            "full((2, 2), 3)",
            "full((2, 2), 3.5)",
            "full((2,), True)",
            "full((2,), 1, dtype={}.float32)",
            "arange(4)",
            "arange(1, 4)",
            "arange(1.0, 2.0, 0.25)",
            "arange(5, 0, -2)",
            "arange(3, dtype={}.float32)",
            "linspace(-1, 1, 5)",
            "linspace(0, 1, 1)",
            "eye(3)",
            "eye(2, 3)",
            "zeros_like({}.ones(2, 3))",
            "ones_like({}.zeros(2, dtype={}.int64))",
            "full_like({}.zeros(2), 3)",
            "zeros_like({}.ones(2), dtype={}.float64)",
            "zeros(0, 3)",
        ],
    )
    def test_constants_as_torch(self, call, torch):
        name, arguments = call.split("(", 1)

        def run(module):
            return eval(f"module.{name}({arguments.replace('{}', 'module')}", {"module": module})

        assert_equals(run(minigen), run(torch))

    def test_empty_has_the_shape(self):
        assert minigen.empty(2, 3).shape == minigen.empty_like(minigen.zeros(2, 3)).shape == (2, 3)

    @pytest.mark.parametrize("make", [minigen.zeros, minigen.ones, minigen.rand, minigen.randn, minigen.empty])
    def test_requires_grad_and_dtype_keywords(self, make):
        x = make(2, 3, dtype=minigen.float64, requires_grad=True)
        assert (x.shape, x.dtype, x.requires_grad, x.is_leaf) == ((2, 3), np.float64, True, True)

    @pytest.mark.parametrize(
        ("data", "error", "words"),
        [
            ([[1, 2], [3]], ValueError, "length"),
            ("text", TypeError, "number"),
            (["a"], TypeError, "number"),
            ({"a": 1}, TypeError, "number"),
            (None, TypeError, "number"),
            ([None, 1.0], TypeError, "number"),
        ],
        ids=str,
    )
    def test_what_is_no_array_is_refused(self, data, error, words):
        with pytest.raises(error, match=words):
            minigen.tensor(data)

    def test_negative_lengths_are_refused(self):
        with pytest.raises(ValueError, match=r"zeros.*-1"):
            minigen.zeros(2, -1)

    def test_arange_that_leads_nowhere(self):
        with pytest.raises(ValueError, match="arange"):
            minigen.arange(0, 5, -1)


class TestRandom:
    DRAWS = {
        "rand": lambda: minigen.rand(3, 4),
        "randn": lambda: minigen.randn(3, 4),
        "randint": lambda: minigen.randint(0, 100, (5,)),
        "randperm": lambda: minigen.randperm(20),
        "normal": lambda: minigen.normal(minigen.zeros(3), 1.0),
        "multinomial": lambda: minigen.multinomial(minigen.ones(50), 8),
        "rand_like": lambda: minigen.rand_like(minigen.zeros(3)),
        "randn_like": lambda: minigen.randn_like(minigen.zeros(3)),
        "normal_": lambda: minigen.zeros(3).normal_(),
        "uniform_": lambda: minigen.zeros(3).uniform_(-1, 1),
    }

    @pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
    def test_seed_decides_and_stream_moves_on(self, draw):
        minigen.manual_seed(3)
        first, second = draw().tolist(), draw().tolist()
        minigen.manual_seed(3)
        assert draw().tolist() == first != second

    @pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
    def test_state_can_be_kept_and_put_back(self, draw):
        state = minigen.get_rng_state()
        first = draw().tolist()
        minigen.set_rng_state(state)
        assert draw().tolist() == first

    def test_own_generator_leaves_the_global_one_alone(self):
        minigen.manual_seed(0)
        state = minigen.get_rng_state()
        a = minigen.randn(3, generator=minigen.Generator().manual_seed(5))
        b = minigen.randn(3, generator=minigen.Generator().manual_seed(5))
        assert a.tolist() == b.tolist()
        assert minigen.get_rng_state() == state

    def test_ranges(self):
        u, k = minigen.rand(2000), minigen.randint(2, 5, (2000,))
        assert 0 <= u.min().item() < 0.01 and 0.99 < u.max().item() < 1
        assert set(k.tolist()) == {2, 3, 4} and k.dtype == np.int64
        assert sorted(minigen.randperm(50).tolist()) == list(range(50))
        n = minigen.randn(4000)
        assert abs(n.mean().item()) < 0.1 and abs(n.std().item() - 1) < 0.05

    def test_normal_takes_numbers_and_tensors(self):
        mean = minigen.tensor([[10.0], [-10.0]], requires_grad=True)
        x = minigen.normal(mean, minigen.full((4000,), 2.0))  # (2, 1), (4000,) -> (2, 4000)
        assert x.shape == (2, 4000) and not x.requires_grad
        assert np.allclose(x.mean(1).numpy(), [10, -10], atol=0.2) and np.allclose(x.std(1).numpy(), 2, atol=0.1)
        assert minigen.normal(minigen.zeros(2), 0.0).tolist() == [0.0, 0.0]
        y = minigen.normal(3.0, 0.5, (4000,), dtype=minigen.float64)
        assert y.dtype == np.float64 and abs(y.mean().item() - 3) < 0.05 and abs(y.std().item() - 0.5) < 0.05

    @pytest.mark.parametrize("replacement", [True, False])
    def test_multinomial_draws_by_weight(self, replacement):
        weights = minigen.tensor([2.0, 0.0, 6.0]).expand(4000, 3)
        first = minigen.multinomial(weights, 1, replacement)
        assert first.shape == (4000, 1) and first.dtype == np.int64
        assert np.allclose(np.bincount(first.numpy()[:, 0], minlength=3) / 4000, [0.25, 0, 0.75], atol=0.03)
        assert minigen.multinomial(minigen.tensor([0.0, 1.0]), 7, True).tolist() == [1] * 7

    def test_multinomial_without_replacement_names_no_index_twice(self):
        x = minigen.multinomial(minigen.rand(50, 6) + 0.1, 6)
        assert np.array_equal(np.sort(x.numpy(), 1), np.tile(np.arange(6), (50, 1)))
        second = minigen.multinomial(minigen.tensor([8.0, 1.0, 3.0]).expand(4000, 3), 2).numpy()[:, 1]
        chances = [1 / 12 * 8 / 11 + 3 / 12 * 8 / 9, 8 / 12 * 1 / 4 + 3 / 12 * 1 / 9, 8 / 12 * 3 / 4 + 1 / 12 * 3 / 11]
        assert np.allclose(np.bincount(second) / 4000, chances, atol=0.03)
        assert minigen.multinomial(minigen.tensor([0.0, 1.0]), 2).tolist() == [1, 0]  # as PyTorch does

    @pytest.mark.parametrize(
        ("draw", "error", "words"),
        [
            (lambda: minigen.normal(0.0, 1.0), TypeError, "normal: give a size with two numbers"),
            (lambda: minigen.normal(minigen.zeros(2), 1.0, (2,)), TypeError, "none with a tensor"),
            (lambda: minigen.normal(0.0, -1.0, (2,)), ValueError, "normal: std must not be negative, but is -1.0"),
            (lambda: minigen.normal(0.0, -minigen.ones(2)), ValueError, "normal: std"),
            (lambda: minigen.multinomial(minigen.ones(2), 3), ValueError, "3 samples of 2 indices; .*replacement=True"),
            (lambda: minigen.multinomial(minigen.ones(2), 0), ValueError, "multinomial: 0 samples"),
            (lambda: minigen.multinomial(minigen.zeros(2, 2), 1), ValueError, "in each row one above 0"),
            (lambda: minigen.multinomial(minigen.tensor([1.0, -1.0]), 1), ValueError, "not negative"),
            (lambda: minigen.multinomial(minigen.tensor([1.0, minigen.nan]), 1), ValueError, "finite"),
            (lambda: minigen.multinomial(minigen.arange(3), 1), TypeError, r"multinomial: .*not int64 \(3,\)"),
            (lambda: minigen.multinomial([0.5, 0.5], 1), TypeError, "multinomial: .*not list"),
        ],
    )
    def test_draws_that_are_refused(self, draw, error, words):
        with pytest.raises(error, match=words):
            draw()

    def test_wrong_arguments(self):
        with pytest.raises(ValueError, match="seed"):
            minigen.manual_seed(-1)
        with pytest.raises(ValueError, match="randint"):
            minigen.randint(5, 5, (2,))


# ---- dtypes -----------------------------------------------------------------------------------------------------


class TestPromotion:
    """PyTorch's table, over all pairs; a tensor without axes counts by its kind only, a Python number too."""

    @pytest.mark.parametrize("kinds", ["array, array", "array, 0-d", "0-d, array", "0-d, 0-d"])
    @pytest.mark.parametrize("operation", ["add", "mul", "truediv"])
    def test_all_pairs(self, operation, kinds, torch):
        shapes = [() if kind == "0-d" else (2,) for kind in kinds.split(", ")]
        f = getattr(operator, operation)
        wrong = []
        for names in itertools.product(DTYPES, DTYPES):
            expected = f(*(torch.ones(s, dtype=getattr(torch, n)) for s, n in zip(shapes, names, strict=True))).dtype
            ours = f(*(minigen.ones(s, dtype=getattr(minigen, n)) for s, n in zip(shapes, names, strict=True))).dtype
            if str(ours) != name_of(expected):
                wrong.append(f"{names}: {ours}, torch {name_of(expected)}")
        assert wrong == []

    @pytest.mark.parametrize("number", [True, 2, 2.0], ids=["bool", "int", "float"])
    @pytest.mark.parametrize("operation", ["add", "mul", "truediv", "pow"])
    @pytest.mark.parametrize("shape", [(2,), ()], ids=["array", "0-d"])
    def test_python_numbers(self, operation, number, shape, torch):
        f = getattr(operator, operation)
        wrong = []
        for name, swap in itertools.product(DTYPES, (False, True)):
            if operation == "pow" and (name == "bool" or number is True):
                continue  # PyTorch has no powers of bools

            def run(module, name=name, swap=swap):
                x = module.ones(shape, dtype=getattr(module, name))
                return f(number, x) if swap else f(x, number)

            ours, theirs = run(minigen).dtype, name_of(run(torch).dtype)
            if str(ours) != theirs:
                wrong.append(f"{name}, swapped={swap}: {ours}, torch {theirs}")
        assert wrong == []

    @pytest.mark.parametrize(
        "operation", ["sum", "mean", "exp", "sqrt", "abs", "sigmoid", "amax", "argmax", "neg", "relu"]
    )
    def test_functions_of_one_tensor(self, operation, torch):
        wrong = []
        for name in DTYPES:
            try:
                theirs = getattr(torch.ones(2, dtype=getattr(torch, name)), operation)()
            except RuntimeError:
                continue  # PyTorch refuses; what we do there is our own affair
            ours = getattr(minigen.ones(2, dtype=getattr(minigen, name)), operation)()
            if str(ours.dtype) != name_of(theirs.dtype):
                wrong.append(f"{name}: {ours.dtype}, torch {name_of(theirs.dtype)}")
        assert wrong == []

    def test_the_traps(self):
        assert (minigen.tensor([1, 2]) * 0.5).tolist() == [0.5, 1.0]
        assert ((minigen.tensor([1.0, -1.0]) > 0) * 0.5).tolist() == [0.5, 0.0]
        assert (minigen.ones(2) * minigen.tensor(2.0, dtype=minigen.float64)).dtype == np.float32
        assert (minigen.ones(2) * np.float64(2.0)).dtype == np.float32
        assert (np.float64(2.0) * minigen.ones(2)).dtype == np.float32
        assert (minigen.tensor([7, 8]) / 2).tolist() == [3.5, 4.0]
        assert (minigen.tensor([7, -7]) // 2).tolist() == [3, -4]
        assert (minigen.tensor([7, -7]) % 4).tolist() == [3, 1]

    def test_numpy_array_on_the_left(self):
        y = np.ones(2, np.float32) * minigen.tensor([1.0, 2.0], requires_grad=True)
        assert isinstance(y, Tensor) and y.requires_grad

    def test_joined_tensors_promote(self, torch):
        pairs = list(itertools.product(("bool", "int64", "float32", "float64"), repeat=2))
        for a, b in pairs:
            ours = minigen.cat([minigen.ones(1, dtype=getattr(minigen, n)) for n in (a, b)])
            theirs = torch.cat([torch.ones(1, dtype=getattr(torch, n)) for n in (a, b)])
            assert str(ours.dtype) == name_of(theirs.dtype)

    def test_bools_cannot_be_subtracted(self):
        with pytest.raises(TypeError, match="bool"):
            minigen.tensor([True]) - minigen.tensor([False])


class TestConversion:
    def test_to(self):
        x = minigen.tensor([1.7, -1.7])
        assert x.long().tolist() == [1, -1] and x.long().dtype == np.int64
        assert x.double().dtype == np.float64 and x.double().float().dtype == np.float32
        assert x.to(minigen.float64).dtype == x.to(dtype=minigen.float64).dtype == np.float64
        assert x.to(minigen.zeros(1, dtype=minigen.float64)).dtype == np.float64
        assert x.to("cpu") is x and x.cpu() is x and x.to(minigen.float32) is x
        assert minigen.tensor([0.0, 2.0]).bool().tolist() == [False, True]

    def test_gradient_passes_casts(self):
        x = minigen.tensor([1.0, 2.0], requires_grad=True)
        y = x.double() ** 2
        y.sum().backward()
        assert x.grad.dtype == np.float32 and x.grad.tolist() == [2.0, 4.0]
        assert not x.long().requires_grad

    def test_unknown_device(self):
        with pytest.raises(ValueError, match=r"tpu.*cpu"):
            minigen.zeros(2).to("tpu")

    def test_mixed_devices_are_refused_by_name(self, monkeypatch):
        class Elsewhere(np.ndarray):
            """An array of another library."""

        place = Device("elsewhere")
        library = Backend(place, np, Elsewhere, lambda a: a.view(Elsewhere), lambda a: a.view(np.ndarray))
        monkeypatch.setitem(backend._backends, place.type, library)
        monkeypatch.setitem(backend._by_type, Elsewhere, library)
        x, y = minigen.ones(2), minigen.ones(2).to("elsewhere")
        assert y.device == "elsewhere" and y.cpu().device == "cpu"
        with pytest.raises(RuntimeError, match=r"Add.*argument 0 is on cpu.*argument 1 is on elsewhere"):
            x + y

    def test_numpy_shares_and_guards_the_graph(self):
        x = minigen.zeros(2)
        x.numpy()[0] = 5
        assert x.tolist() == [5, 0]
        with pytest.raises(RuntimeError, match=r"detach\(\)\.numpy\(\)"):
            minigen.zeros(2, requires_grad=True).numpy()

    def test_array_protocol(self):
        x = minigen.tensor([1.0, 2.0])
        assert np.asarray(x).dtype == np.float32
        assert np.asarray(x, dtype=np.float64).tolist() == [1.0, 2.0]
        np.testing.assert_array_equal(x, [1.0, 2.0])

    def test_python_numbers(self):
        assert minigen.tensor([[2.5]]).item() == 2.5 and type(minigen.tensor(2.5).item()) is float
        assert type(minigen.tensor(2).item()) is int and type(minigen.tensor(True).item()) is bool
        assert float(minigen.tensor(2.5)) == 2.5 and int(minigen.tensor(7)) == 7
        assert [10, 20, 30][minigen.tensor(1)] == 20 and list(range(minigen.tensor(2))) == [0, 1]
        assert f"{minigen.tensor(2.5):.2f}" == "2.50"
        with pytest.raises(RuntimeError, match=r"\(2,\)"):
            minigen.zeros(2).item()
        with pytest.raises(TypeError, match="float32"):
            [1, 2][minigen.tensor(1.0)]

    def test_truth(self):
        assert minigen.tensor([1.0]) and not minigen.tensor(0)
        with pytest.raises(RuntimeError, match=r"any\(\).*all\(\)"):
            bool(minigen.ones(2))

    def test_iteration_and_length(self):
        x = minigen.arange(6).reshape(3, 2)
        assert [row.tolist() for row in x] == [[0, 1], [2, 3], [4, 5]] and len(x) == 3
        a, b, c = minigen.tensor([1.0, 2.0, 3.0], requires_grad=True)
        assert a.requires_grad and c.item() == 3.0 and b.shape == ()
        with pytest.raises(TypeError, match="axes"):
            iter(minigen.tensor(1.0))
        with pytest.raises(TypeError, match="axes"):
            len(minigen.tensor(1.0))

    def test_attributes(self):
        x = minigen.zeros(2, 3)
        assert x.shape == x.size() == (2, 3) and x.size(-1) == 3
        assert x.ndim == x.dim() == 2 and x.numel() == 6 and x.device == "cpu" and x.device.type == "cpu"

    def test_can_be_a_key(self):
        x, y = minigen.zeros(2), minigen.zeros(2)
        assert {x: 1, y: 2}[x] == 1


class TestRepr:
    def test_plain(self):
        assert repr(minigen.tensor([1.0, 2.0])) == "tensor([1., 2.])"
        assert repr(minigen.tensor([1, 2])) == "tensor([1, 2])"

    def test_says_what_is_unusual(self):
        assert "dtype=float64" in repr(minigen.zeros(1, dtype=minigen.float64))
        assert "requires_grad=True" in repr(minigen.zeros(1, requires_grad=True))

    @pytest.mark.parametrize(
        ("f", "name"),
        [
            (lambda x: x.exp(), "Exp"),
            (lambda x: x @ x, "MatMul"),
            (lambda x: x[0], "GetItem"),
            (lambda x: x + 1, "Add"),
        ],
        ids=["Exp", "MatMul", "GetItem", "Add"],
    )
    def test_names_the_function_that_made_it(self, f, name):
        assert f"grad_fn=<{name}>" in repr(f(minigen.ones(2, 2, requires_grad=True)))

    def test_large_tensors_are_shortened(self):
        assert len(repr(minigen.zeros(1000, 1000))) < 500

    def test_rows_are_aligned(self):
        assert repr(minigen.zeros(2, 2)).splitlines()[1].startswith("        [0.")


# ---- shapes -----------------------------------------------------------------------------------------------------

SHAPES = {
    "reshape": lambda x: x.reshape(3, 8),
    "reshape tuple": lambda x: x.reshape((4, -1)),
    "reshape to 0-d and back": lambda x: x[0, 0, :1].reshape(()).reshape(1, 1),
    "view": lambda x: x.view(6, -1),
    "permute": lambda x: x.permute(2, 0, 1),
    "permute tuple": lambda x: x.permute((2, 0, 1)),
    "permute negative": lambda x: x.permute(-1, 0, 1),
    "transpose": lambda x: x.transpose(0, -1),
    "mT": lambda x: x.mT,
    "t": lambda x: x[0].t(),
    "flatten": lambda x: x.flatten(),
    "flatten from 1": lambda x: x.flatten(1),
    "flatten to 1": lambda x: x.flatten(0, 1),
    "unflatten": lambda x: x.unflatten(2, (2, 2)),
    "squeeze": lambda x: x[:, :1].squeeze(),
    "squeeze dim": lambda x: x[:1, :1].squeeze(1),
    "squeeze long dim": lambda x: x.squeeze(1),
    "unsqueeze": lambda x: x.unsqueeze(0).unsqueeze(-1).unsqueeze(2),
    "expand": lambda x: x[:, :1].expand(2, 5, 4),
    "expand -1": lambda x: x[:, :1].expand(3, -1, 5, -1),
    "expand_as": lambda x: x[0].expand_as(x),
    "repeat": lambda x: x.repeat(2, 1, 3),
    "repeat new axis": lambda x: x.repeat(2, 1, 1, 2),
    "flip": lambda x: x.flip(0, 2),
    "flip tuple": lambda x: x.flip((1,)),
    "contiguous": lambda x: x.permute(2, 1, 0).contiguous(),
    "clone": lambda x: x.clone(),
    "split": lambda x: x.split(2, dim=1)[-1],
    "split sizes": lambda x: x.split([1, 2], dim=1)[1],
    "chunk": lambda x: x.chunk(3, dim=2)[-1],
    "unbind": lambda x: x.unbind(1)[2],
    "sum_to_size": lambda x: x.sum_to_size(3, 1),
}


class TestShapes:
    @pytest.mark.parametrize("f", SHAPES.values(), ids=SHAPES.keys())
    def test_as_torch(self, f, torch):
        array = values(2, 3, 4)
        assert_equals(f(minigen.tensor(array)), f(torch.tensor(array)))

    @pytest.mark.parametrize("name", sorted(set(SHAPES) - {"reshape to 0-d and back", "t", "expand_as"}))
    def test_on_an_empty_batch(self, name, torch):
        """As PyTorch does: the same shape, or a refusal, and then not in NumPy's words."""
        f = SHAPES[name]
        try:
            expected = tuple(f(torch.zeros(0, 3, 4)).shape)
        except RuntimeError:
            with pytest.raises(ValueError, match=r"^(reshape|expand|sum_to_size)"):
                f(minigen.zeros(0, 3, 4))
        else:
            assert f(minigen.zeros(0, 3, 4)).shape == expected

    @pytest.mark.parametrize(
        ("name", "lengths"),
        [("split", (4,)), ("split", (3,)), ("split", ([3, 3, 4],)), ("chunk", (3,)), ("chunk", (4,)), ("chunk", (20,))],
        ids=str,
    )
    def test_pieces_have_torchs_lengths(self, name, lengths, torch):
        ours, theirs = (getattr(m.arange(10), name)(*lengths) for m in (minigen, torch))
        assert [p.tolist() for p in ours] == [p.tolist() for p in theirs]

    def test_views_share_memory(self):
        x = minigen.zeros(2, 3)
        for view in (x.reshape(3, 2), x.transpose(0, 1), x[0], x[:, 1:], x.detach(), x.unsqueeze(0), x.expand(4, 2, 3)):
            assert np.shares_memory(view.array, x.array)
        assert not np.shares_memory(x.clone().array, x.array)

    def test_zero_dimensional_views_share_memory(self):
        x = minigen.zeros(3)
        x[1].fill_(5.0)
        assert x.tolist() == [0.0, 5.0, 0.0]

    def test_clone_passes_gradients(self):
        x = minigen.ones(2, requires_grad=True)
        (x.clone() * 3).sum().backward()
        assert x.grad.tolist() == [3.0, 3.0]

    @pytest.mark.parametrize(
        ("f", "error", "words"),
        [
            (lambda x: x.reshape(5, 5), ValueError, r"reshape.*\(2, 3, 4\).*\(5, 5\)"),
            (lambda x: x.reshape(-1, -1), ValueError, r"reshape.*\(-1, -1\)"),
            (lambda x: x.reshape(-1, 7), ValueError, r"reshape.*\(-1, 7\)"),
            (lambda x: x.permute(0, 1), ValueError, r"permute.*\(0, 1\).*\(2, 3, 4\)"),
            (lambda x: x.permute(0, 1, 1), ValueError, r"permute"),
            (lambda x: x.transpose(0, 3), IndexError, r"transpose.*3"),
            (lambda x: x.squeeze(5), IndexError, r"squeeze.*5"),
            (lambda x: x.unsqueeze(-6), IndexError, r"unsqueeze.*-6"),
            (lambda x: x.expand(2, 5, 4), ValueError, r"expand.*\(2, 3, 4\).*\(2, 5, 4\)"),
            (lambda x: x.expand(3, 4), ValueError, r"expand"),
            (lambda x: x.t(), ValueError, r"t:.*\(2, 3, 4\)"),
            (lambda x: x.split(0), ValueError, r"split.*0"),
            (lambda x: x.split([1, 1], dim=1), ValueError, r"split.*\[1, 1\].*3"),
            (lambda x: x.chunk(0), ValueError, r"chunk.*0"),
            (lambda x: x.flatten(2, 1), ValueError, r"flatten"),
            (lambda x: minigen.cat([]), ValueError, r"cat.*empty"),
            (lambda x: minigen.cat([x, x[0]]), ValueError, r"cat.*\(3, 4\).*\(2, 3, 4\)"),
            (lambda x: minigen.cat([x, x[:, :2]], dim=0), ValueError, r"cat.*\(2, 2, 4\).*\(2, 3, 4\)"),
            (lambda x: minigen.cat(x), TypeError, r"cat.*list"),
            (lambda x: minigen.stack([x, x[:1]]), ValueError, r"stack.*\(1, 3, 4\).*\(2, 3, 4\)"),
            (lambda x: x + x[:, :2], ValueError, r"add.*\(2, 3, 4\).*\(2, 2, 4\)"),
            (lambda x: x * minigen.zeros(3), ValueError, r"mul.*\(2, 3, 4\).*\(3,\)"),
            (lambda x: x > minigen.zeros(3), ValueError, r"gt.*\(2, 3, 4\).*\(3,\)"),
            (lambda x: minigen.where(x > 0, x, minigen.zeros(3)), ValueError, r"where.*\(3,\)"),
            (lambda x: minigen.where(x, x, x), TypeError, r"where.*bool.*float32"),
            (lambda x: x @ x, ValueError, r"matmul.*\(2, 3, 4\) @ \(2, 3, 4\)"),
            (lambda x: x @ minigen.tensor(1.0), ValueError, r"matmul.*axis"),
            (lambda x: x.sum(dim=3), IndexError, r"sum.*3"),
            (lambda x: x.sum(dim=(0, 0)), (ValueError, RuntimeError), r"sum.*twice"),
            (lambda x: x.softmax(4), IndexError, r"softmax.*4"),
            (lambda x: x.long().mean(), RuntimeError, r"mean.*int64.*float"),
            (lambda x: x.long().softmax(0), RuntimeError, r"softmax.*int64"),
            (lambda x: x[:0].amax(dim=0), IndexError, r"amax.*\(0, 3, 4\)"),
            (lambda x: x[:0].argmax(), IndexError, r"argmax.*\(0, 3, 4\)"),
            (lambda x: x + "a", TypeError, r"Tensor.*str"),
            (lambda x: x + {1.0}, TypeError, r"Tensor.*set"),
            (lambda x: x + None, TypeError, r"Tensor.*NoneType"),
            (lambda x: x.maximum([1.0]), TypeError, r"maximum.*list"),
            (lambda x: x.copy_(minigen.zeros(7)), ValueError, r"copy_.*\(7,\).*\(2, 3, 4\)"),
            (lambda x: x.expand(2, 2, 3, 4).zero_(), RuntimeError, r"expand.*clone"),
            (lambda x: x.clamp(), ValueError, r"clamp"),
            (lambda x: x.gather(0, x), TypeError, r"gather.*integer"),
            (lambda x: x.gather(0, minigen.full((1, 1, 1), 9)), IndexError, r"gather.*9"),
            (lambda x: x.long() ** -1, RuntimeError, r"pow.*float"),
        ],
    )
    def test_errors_name_function_and_shapes(self, f, error, words):
        with pytest.raises(error, match=words):
            f(minigen.ones(2, 3, 4))


# ---- indices ----------------------------------------------------------------------------------------------------

INDICES = {
    "integer": (1,),
    "negative": (-1,),
    "slice": (slice(1, None),),
    "steps": (slice(None, None, 2), slice(3, 0, -1)),
    "ellipsis": (Ellipsis, 0),
    "newaxis": (None, 0, None, slice(None)),
    "all integers": (1, 2, 3),
    "mask": ("mask",),
    "mask of rows": ("rows",),
    "list": ([0, 1, 1],),
    "array": (np.array([[0, 1], [1, 0]]),),
    "two arrays": (np.array([0, 1]), np.array([2, 0])),
    "array between": (slice(None), np.array([2, 0, 2]), slice(None)),
    "arrays apart": (np.array([0, 1]), slice(None), np.array([3, 3])),
    "array and integer": (np.array([0, 1]), 1),
    "negative array": (np.array([-1, -2]),),
    "empty list": ([],),
    "numpy integer": (np.int64(1),),
}


class TestIndexing:
    @pytest.mark.parametrize("index", INDICES.values(), ids=INDICES.keys())
    def test_as_numpy(self, index):
        array = values(2, 3, 4)
        masks = {"mask": array > 0, "rows": np.array([True, False])}
        index = tuple(masks[i] if isinstance(i, str) else i for i in index)
        expected = array[index]
        assert_equals(minigen.tensor(array)[index], expected)
        as_tensors = tuple(minigen.tensor(i) if isinstance(i, np.ndarray) else i for i in index)
        assert_equals(minigen.tensor(array)[as_tensors], expected)

    @pytest.mark.parametrize("index", [1, slice(0, 2), np.array([0, 2]), "mask"], ids=["int", "slice", "array", "mask"])
    def test_assignment_as_numpy(self, index):
        array = values(3, 4)
        ours = minigen.tensor(array)
        index = array > 0 if isinstance(index, str) else index
        ours[index] = 7.0
        array[index] = 7.0
        assert_equals(ours, array)

    def test_gradient_of_repeated_choice_adds_up(self):
        x = minigen.tensor([1.0, 2.0, 3.0], requires_grad=True)
        x[[0, 0, 2]].sum().backward()
        assert x.grad.tolist() == [2.0, 0.0, 1.0]

    @pytest.mark.parametrize(
        ("index", "words"),
        [
            (5, r"5.*\(2, 3\)"),
            ((0, 0, 0), r"\(2, 3\)"),
            (minigen.tensor([0, 7]), r"\(2, 3\)"),
            (1.5, r"float"),
            ("a", r"str"),
            (minigen.tensor([0.5]), r"float32"),
            (minigen.tensor([True, False, True]), r"\(2, 3\)"),
        ],
        ids=["too large", "too many", "array too large", "float", "string", "float tensor", "mask too long"],
    )
    def test_errors(self, index, words):
        with pytest.raises(IndexError, match=words):
            minigen.zeros(2, 3)[index]

    def test_gather_as_torch(self, torch):
        array, index = values(3, 4), rng().integers(0, 3, (2, 4))
        assert_equals(
            minigen.tensor(array).gather(0, minigen.tensor(index)), torch.tensor(array).gather(0, torch.tensor(index))
        )


# ---- reductions -------------------------------------------------------------------------------------------------


class TestReductions:
    @pytest.mark.parametrize("keepdim", [False, True])
    @pytest.mark.parametrize("dim", [None, 0, -1, (0, 2), (-1, 0), (0, 1, 2)], ids=str)
    @pytest.mark.parametrize("name", ["sum", "mean", "var", "std", "amax", "amin", "logsumexp"])
    def test_as_torch(self, name, dim, keepdim, torch):
        array = values(3, 4, 5)
        dim = (0, 1, 2) if dim is None and (keepdim or name in ("amax", "amin", "logsumexp")) else dim
        options = {} if dim is None else {"dim": dim, "keepdim": keepdim}
        assert_equals(getattr(minigen.tensor(array), name)(**options), getattr(torch.tensor(array), name)(**options))

    @pytest.mark.parametrize("correction", [0, 1, 2])
    @pytest.mark.parametrize("name", ["var", "std"])
    def test_correction(self, name, correction, torch):
        array = values(3, 5)
        ours, theirs = (getattr(m.tensor(array), name)(dim=1, correction=correction) for m in (minigen, torch))
        assert_equals(ours, theirs)

    @pytest.mark.parametrize("keepdim", [False, True])
    @pytest.mark.parametrize("name", ["max", "min"])
    def test_extremes_along_an_axis_give_values_and_indices(self, name, keepdim, torch):
        array = rng().integers(0, 3, (4, 6)).astype(np.float32)  # with ties: the first counts
        for dim in (0, 1, -1):
            ours, theirs = (getattr(m.tensor(array), name)(dim, keepdim=keepdim) for m in (minigen, torch))
            best, where = ours
            assert ours.values is best and ours.indices is where
            assert_equals(best, theirs.values)
            assert where.dtype == np.int64
            picked = np.take_along_axis(array, where.numpy() if keepdim else np.expand_dims(where.numpy(), dim), dim)
            assert_equals(best, picked if keepdim else picked.squeeze(dim))

    def test_extremes_of_all_and_of_two(self):
        x = minigen.tensor([[1.0, 5.0], [7.0, 2.0]])
        assert x.max().item() == 7 and x.min().item() == 1
        assert x.max(minigen.tensor(3.0)).tolist() == [[3, 5], [7, 3]]
        assert minigen.maximum(x, minigen.tensor(3.0)).tolist() == [[3, 5], [7, 3]]

    @pytest.mark.parametrize("dim", [None, 0, 1, -1], ids=str)
    @pytest.mark.parametrize("name", ["argmax", "argmin"])
    def test_index_of_extreme(self, name, dim, torch):
        array = values(4, 5)
        assert_equals(getattr(minigen.tensor(array), name)(dim), getattr(torch.tensor(array), name)(dim))
        assert_equals(
            getattr(minigen.tensor(array), name)(dim=1, keepdim=True),
            getattr(torch.tensor(array), name)(dim=1, keepdim=True),
        )

    def test_any_all(self, torch):
        array = values(3, 4) > 0
        for name in ("any", "all"):
            assert_equals(getattr(minigen.tensor(array), name)(), getattr(torch.tensor(array), name)())
            assert_equals(getattr(minigen.tensor(array), name)(dim=1), getattr(torch.tensor(array), name)(dim=1))

    def test_empty_sums(self):
        assert minigen.zeros(0).sum().item() == 0.0
        assert minigen.zeros(0, 3).sum(dim=0).tolist() == [0.0, 0.0, 0.0]

    @pytest.mark.filterwarnings("ignore:invalid value")
    def test_mean_of_nothing_is_nan(self):
        assert np.isnan(minigen.zeros(0).mean().item())

    TIES = {
        "amax": lambda x: x.amax(),
        "amin": lambda x: x.amin(),
        "amax (dim)": lambda x: x.amax(dim=1),
        "max": lambda x: x.max(),
        "maximum": lambda x: x.maximum(x.detach() * 0 + 2),
        "minimum": lambda x: x.minimum(x.detach() * 0 + 2),
        "clamp": lambda x: x.clamp(1.0, 2.0),
        "abs": lambda x: (x - 2).abs(),
        "relu": lambda x: (x - 2).relu(),
    }

    @pytest.mark.parametrize("f", TIES.values(), ids=TIES.keys())
    def test_gradient_at_ties_and_kinks_as_torch(self, f, torch):
        """Among equals the gradient is shared or goes to one, exactly as in PyTorch; also thirds in float64."""
        data = [[2.0, 1.0, 2.0], [2.0, 1.0, 1.0]]
        gradients = []
        for module in (minigen, torch):
            x = module.tensor(data, dtype=module.float64, requires_grad=True)
            y = f(x)
            (y * y).sum().backward()
            gradients.append(x.grad)
        np.testing.assert_allclose(gradients[0].numpy(), gradients[1].numpy(), rtol=1e-15)


# ---- comparison, matmul, where ------------------------------------------------------------------------------------


class TestOperators:
    @pytest.mark.parametrize("name", ["eq", "ne", "lt", "le", "gt", "ge"])
    def test_comparison(self, name):
        compare = getattr(operator, name)
        a, b = np.array([1.0, 2.0, 3.0], np.float32), np.array([2.0, 2.0, 2.0], np.float32)
        assert_equals(compare(minigen.tensor(a), minigen.tensor(b)), compare(a, b))
        assert_equals(compare(minigen.tensor(a), 2), compare(a, 2))
        assert not compare(minigen.tensor(a, requires_grad=True), 2).requires_grad

    def test_comparison_promotes_first(self):
        assert (minigen.tensor([1, 2]) == 1.5).tolist() == [False, False]
        assert (minigen.tensor([1, 2]) < 1.5).tolist() == [True, False]

    def test_comparison_with_something_else(self):
        assert minigen.zeros(2) != "a"
        assert minigen.zeros(2) not in (None, "a")

    def test_logic(self):
        a, b = minigen.tensor([True, True, False]), minigen.tensor([True, False, False])
        assert (a & b).tolist() == [True, False, False] and (a | b).tolist() == [True, True, False]
        assert (a ^ b).tolist() == [False, True, False] and (~a).tolist() == [False, False, True]

    @pytest.mark.parametrize(
        ("a", "b"),
        [
            ((3,), (3,)),
            ((2, 3), (3,)),
            ((3,), (3, 2)),
            ((2, 3), (3, 4)),
            ((5, 2, 3), (3, 4)),
            ((5, 2, 3), (5, 3, 4)),
            ((5, 1, 2, 3), (4, 3, 2)),
            ((3,), (5, 3, 2)),
            ((5, 2, 3), (3,)),
            ((0, 3), (3, 2)),
            ((2, 0), (0, 3)),
        ],
        ids=str,
    )
    def test_matmul_as_torch(self, a, b, torch):
        a, b = values(*a), values(*b)
        assert_equals(minigen.tensor(a) @ minigen.tensor(b), torch.tensor(a) @ torch.tensor(b))
        assert_equals(minigen.matmul(minigen.tensor(a), minigen.tensor(b)), torch.tensor(a) @ torch.tensor(b))

    def test_where(self):
        c = minigen.tensor([True, False])
        assert minigen.where(c, minigen.tensor([1.0, 2.0]), 0.0).tolist() == [1.0, 0.0]
        assert minigen.where(c, 1.0, minigen.tensor([5.0, 6.0])).tolist() == [1.0, 6.0]
        assert minigen.where(c, minigen.ones(3, 1), minigen.zeros(2)).shape == (3, 2)

    def test_where_hides_nan_in_the_branch_not_taken(self):
        x = minigen.tensor([0.0, 4.0], requires_grad=True)
        minigen.where(x > 0, x, x * 0 + 1).sum().backward()
        assert x.grad.tolist() == [0.0, 1.0]

    def test_stack_and_cat(self, torch):
        a, b = values(2, 3), values(2, 3)
        for dim in (0, 1, -1):
            assert_equals(
                minigen.cat([minigen.tensor(a), minigen.tensor(b)], dim=dim),
                torch.cat([torch.tensor(a), torch.tensor(b)], dim=dim),
            )
            assert_equals(
                minigen.stack([minigen.tensor(a), minigen.tensor(b)], dim=dim),
                torch.stack([torch.tensor(a), torch.tensor(b)], dim=dim),
            )

    @pytest.mark.parametrize(
        "name",
        [
            "exp",
            "expm1",
            "log",
            "log1p",
            "sqrt",
            "abs",
            "sign",
            "floor",
            "ceil",
            "round",
            "tanh",
            "sigmoid",
            "relu",
            "neg",
        ],
    )
    def test_namespace_equals_methods(self, name, torch):
        array = np.abs(values(2, 3)) + 0.5
        ours = getattr(minigen, name)(minigen.tensor(array))
        assert_equals(ours, getattr(torch, name)(torch.tensor(array)))
        assert_equals(ours, getattr(minigen.tensor(array), name)().numpy())

    def test_extreme_values(self):
        x = minigen.tensor([-1000.0, 0.0, 1000.0])
        assert x.sigmoid().tolist() == [0.0, 0.5, 1.0]
        assert x.softmax(0).tolist() == [0.0, 0.0, 1.0]
        assert x.log_softmax(0).tolist() == [-2000.0, -1000.0, 0.0]
        assert x.logsumexp(0).item() == 1000.0
        assert minigen.tensor([-10.0], dtype=minigen.float64).sigmoid().item() == pytest.approx(
            4.5397868702434395e-05, rel=1e-14
        )
        assert minigen.tensor([-20.0]).sigmoid().item() == pytest.approx(2.0611536e-09, rel=1e-6)


@pytest.mark.parametrize("f", [minigen.exp, minigen.neg, minigen.sum, minigen.flatten, minigen.sort])
@pytest.mark.parametrize("value", [2.0, [1.0], np.ones(2)], ids=["number", "list", "array"])
def test_functions_of_the_namespace_want_tensors(f, value):
    with pytest.raises(TypeError, match=rf"^{f.__name__}: input must be a Tensor, not .*make one with minigen\."):
        f(value)
