"""What holds for every differentiable function, tried on every row of tests/table.

The rows say what to try; the tests here say what must come out: the value of a slow reference, derivatives of the
orders 1, 2 and 3 that agree with finite differences, PyTorch's value and derivatives, float32 that stays float32, the
same numbers from any memory layout and any array library.
"""

import gc
import importlib
import inspect
import itertools
import pkgutil

import numpy as np
import pytest
import standin
import table

import minigen
import minigen.nn.functional as F
from minigen import Function, Tensor, grad
from minigen.checks import check_gradients
from minigen.modes import Observer, observing
from minigen.operands import writeable
from minigen.ops import arithmetic

FLOAT64, FLOAT32 = 1e-10, 1e-5  # norm-wise, a function
DEVICE = 1e-9  # between two array libraries, second gradients included

FUNCTIONALS = [name for name, f in vars(F).items() if inspect.isfunction(f) and not name.startswith("_")]

every_row = pytest.mark.parametrize("row", table.ROWS, ids=lambda row: row.name)


def rows_with(condition):
    return pytest.mark.parametrize("row", [row for row in table.ROWS if condition(row)], ids=lambda row: row.name)


def is_real(array):
    return array.dtype.kind == "f"


def tensors_of(arrays, dtype=np.float64, requires_grad=True, device="cpu"):
    """Leaves over the arrays themselves (no copy on the CPU, so that their layout stays)."""
    tensors = [Tensor(a.astype(dtype, copy=False) if is_real(a) else a).to(device) for a in arrays]
    return [t.requires_grad_(requires_grad and t.dtype.kind == "f") for t in tensors]


def run(f, tensors):
    minigen.manual_seed(0)
    return f(*tensors)


def normal_like(x, rng):
    """Random numbers of the shape, dtype and device of x; the same ones for every dtype and device."""
    return Tensor(np.asarray(rng.standard_normal(x.shape), dtype=x.dtype)).to(x.device)


def readout(y, seed=1):
    """A random nonlinear scalar of y: see minigen.checks.gradients."""
    rng = np.random.default_rng(seed)
    u, v, w = (normal_like(y, rng) for _ in range(3))
    return (u * y + v * y * y / 2 + w * y * y * y / 6).sum()


def gradients_of(f, tensors, seed=1):
    """The value of f and the gradients of its readout with respect to the real inputs."""
    y = run(f, tensors)
    leaves = [t for t in tensors if t.requires_grad]
    return y, grad(readout(y, seed), leaves, allow_unused=True)


def second_gradients_of(f, tensors, seed=1):
    """The recorded gradients of the readout, and the gradients of their product with a random direction."""
    leaves = [t for t in tensors if t.requires_grad]
    first = grad(readout(run(f, tensors), seed), leaves, create_graph=True, allow_unused=True)
    rng = np.random.default_rng(seed)
    slope = sum((g * normal_like(g, rng)).sum() for g in first if g is not None)
    return first, grad(slope, leaves, allow_unused=True) if slope.requires_grad else (None,) * len(leaves)


def to_array(x):
    return x.detach().cpu().numpy()


def assert_near(actual, expected, tolerance, what=""):
    """Max |a - b| / max |b| <= tolerance; shapes must agree."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, expected {expected.shape}"
    if expected.size:
        error = float(np.abs(actual - expected).max()) / max(float(np.abs(expected).max()), 1e-300)
        assert error <= tolerance or np.array_equal(actual, expected), f"{what}: off by {error:.1e}"


def assert_same(first, second, tolerance=1e-12):
    """Two results of `gradients_of` agree."""
    assert_near(to_array(first[0]), to_array(second[0]), tolerance, "value")
    assert_same_gradients(first[1], second[1], tolerance)


def assert_same_gradients(first, second, tolerance=1e-12):
    """Two lists of gradients agree, also in what has none."""
    for i, (a, b) in enumerate(zip(first, second, strict=True)):
        assert (a is None) == (b is None)
        if a is not None:
            assert_near(to_array(a), to_array(b), tolerance, f"gradient {i}")


def functions_in(y):
    """The classes of all calls in the graph of y."""
    found, stack = set(), [y.grad_fn]
    while stack:
        call = stack.pop()
        if call is not None:
            found.add(type(call))
            stack.extend(x.grad_fn for x in call.inputs)
    return found


def is_pointwise(row):
    """True if an element of the result depends on the elements at its own place alone: so says the slow reference."""
    arrays = row.arrays()
    if row in table.noise.ROWS or not all(a.shape == arrays[0].shape and a.ndim for a in arrays):
        return False
    whole = np.asarray(row.reference(*arrays))
    if whole.shape != arrays[0].shape:
        return False
    for place in ((0,) * whole.ndim, (-1,) * whole.ndim):
        try:
            piece = row.reference(*[np.array(a[place]) for a in arrays])
        except (ArithmeticError, LookupError, TypeError, ValueError):  # it wants axes
            return False
        if np.shape(piece) or not np.allclose(piece, whole[place], rtol=1e-12, atol=1e-12):
            return False
    return True


# ---- the table is complete ------------------------------------------------------------------------------------


def all_functions():
    """Every Function of minigen that computes something, after importing every module of it."""
    for module in pkgutil.walk_packages(minigen.__path__, "minigen."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    stack, found = [Function], set()
    while stack:
        for cls in stack.pop().__subclasses__():
            stack.append(cls)
            ours = cls.__module__.startswith("minigen.") and not cls.__module__.startswith("minigen.checks.")
            if ours and cls.forward is not Function.forward:
                found.add(cls)
    return found


def uncovered(functions):
    covered = {cls for row in table.ROWS for cls in row.covers}
    return sorted(f"{cls.__module__}.{cls.__name__}" for cls in functions - covered)


def test_every_function_has_a_row():
    assert uncovered(all_functions()) == [], "add a row to tests/table"


def test_a_function_without_a_row_is_noticed():
    planted = type("Planted", (Function,), {"forward": lambda self, x: x, "__module__": "minigen.functional.pool"})
    assert planted in all_functions()
    assert uncovered({planted}) == ["minigen.functional.pool.Planted"]
    del planted
    gc.collect()  # or another test would find it


def test_every_public_function_is_in_a_row():
    source = "".join(inspect.getsource(module) for module in (table, *table.FAMILIES))
    missing = [name for name in FUNCTIONALS if f"F.{name}" not in source and f'"{name}"' not in source]
    assert FUNCTIONALS
    assert missing == []


def test_names_are_unique():
    names = [row.name for row in table.ROWS]
    assert len(set(names)) == len(names)


def test_at_most_eight_functions_have_a_shortcut():
    assert len([cls for cls in all_functions() if "backward_arrays" in vars(cls)]) <= 8


@rows_with(lambda row: row.covers)
def test_row_covers_what_it_says(row):
    assert set(row.covers) <= functions_in(run(row.f, tensors_of(row.arrays())))


# ---- values and derivatives -----------------------------------------------------------------------------------


@every_row
def test_value_equals_slow_reference(row):
    arrays = row.arrays()
    assert_near(to_array(run(row.f, tensors_of(arrays))), row.reference(*arrays), FLOAT64)


@every_row
def test_derivatives_of_orders_1_2_3(row):
    report = check_gradients(row.f, *row.arrays(), order=3, name=row.name)
    assert {c.order for c in report.comparisons} == {1, 2, 3}


@rows_with(lambda row: row.torch)
def test_torch_agrees_on_value_first_and_second_gradient(row, torch):
    arrays = row.arrays()

    def all_orders(make, f, grad, sum_of):
        xs = [make(a) for a in arrays]
        leaves = [x for x, a in zip(xs, arrays, strict=True) if is_real(a)]
        y = f(*xs)
        rng = np.random.default_rng(1)
        u, v, w = (make(np.asarray(rng.standard_normal(tuple(y.shape))), False) for _ in range(3))
        loss = (u * y + v * y * y / 2 + w * y * y * y / 6).sum()
        first = grad(loss, leaves)
        directions = [make(np.asarray(rng.standard_normal(tuple(x.shape))), False) for x in leaves]
        slope = sum_of([(g * d).sum() for g, d in zip(first, directions, strict=True)])
        second = grad(slope, leaves) if slope.requires_grad else [0 * x for x in leaves]
        return [z.detach().numpy() for z in (y, *first, *second)]

    def torch_leaf(array, requires_grad=True):
        x = torch.tensor(array)
        return x.requires_grad_() if requires_grad and is_real(array) else x

    def torch_grad(y, xs):
        gs = torch.autograd.grad(y, xs, create_graph=True, allow_unused=True)
        return [torch.zeros_like(x) if g is None else g for x, g in zip(xs, gs, strict=True)]

    def our_grad(y, xs):
        gs = grad(y, xs, create_graph=True, allow_unused=True)
        return [x * 0 if g is None else g for x, g in zip(xs, gs, strict=True)]

    ours = all_orders(
        lambda a, requires_grad=True: Tensor(a.copy()).requires_grad_(requires_grad and is_real(a)),
        row.f,
        our_grad,
        sum,
    )
    theirs = all_orders(torch_leaf, lambda *xs: row.torch(torch, *xs), torch_grad, sum)
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert_near(a, b, FLOAT64, f"number {i} of value, first and second gradients")


@every_row
def test_first_order_walk_equals_the_recorded_one(row):
    """Covers the shortcuts on raw arrays: they serve without create_graph only."""
    arrays = row.arrays()
    y = run(row.f, tensors_of(arrays))
    tensors = tensors_of(arrays)
    recorded = grad(
        readout(run(row.f, tensors)), [t for t in tensors if t.requires_grad], create_graph=True, allow_unused=True
    )
    assert_same((y, gradients_of(row.f, tensors_of(arrays))[1]), (y, recorded))


@every_row
def test_used_twice_in_one_graph(row):
    tensors = tensors_of(row.arrays())
    leaves = [t for t in tensors if t.requires_grad]
    both = readout(run(row.f, tensors), 1) + readout(run(row.f, tensors), 2)
    both.backward()
    separate = [gradients_of(row.f, tensors, seed)[1] for seed in (1, 2)]
    for leaf, first, second in zip(leaves, *separate, strict=True):
        if first is not None:
            assert_near(to_array(leaf.grad), to_array(first) + to_array(second), 1e-12)


class Unneeded(Observer):
    """Notes the gradients that a backward returned and nobody will use."""

    def __init__(self):
        self.seen = []

    def backward(self, call, grad, grads):
        self.seen += [
            type(call).__name__ for g, need in zip(grads, call.needs_input_grad) if g is not None and not need
        ]


@rows_with(lambda row: sum(is_real(a) for a in row.arrays()) > 1)
def test_gradients_that_nobody_needs_are_not_computed(row):
    arrays, unneeded = row.arrays(), Unneeded()
    for wanted in [i for i, a in enumerate(arrays) if is_real(a)]:
        tensors = tensors_of(arrays, requires_grad=False)
        y = run(row.f, [x.requires_grad_(i == wanted) for i, x in enumerate(tensors)])
        if y.requires_grad:
            with observing(unneeded):
                grad(y, tensors[wanted], minigen.ones_like(y), create_graph=True)
    assert unneeded.seen == []


@every_row
def test_a_change_of_what_backward_reads_is_refused(row):
    """After an input or the result was written to, backward refuses, or it never read those numbers."""

    def forward():
        tensors = tensors_of(row.arrays())
        leaves, y = [t for t in tensors if t.requires_grad], run(row.f, tensors)
        weights = Tensor(np.random.default_rng(1).standard_normal(y.shape))
        return [*leaves, y], lambda: grad(y, leaves, weights, allow_unused=True)

    tensors, gradients = forward()
    expected = tensors[-1], gradients()
    for i in [i for i, x in enumerate(tensors) if writeable(x.array)]:
        tensors, gradients = forward()
        with minigen.no_grad():
            tensors[i].data.add_(0.5)
        try:
            found = gradients()
        except RuntimeError as error:
            refusal = str(error)
            assert "changed in place" in refusal or "computing the function again" in refusal
        else:
            assert_same((expected[0], found), expected)


@rows_with(lambda row: row.broadcasts and row.name not in ("maximum", "minimum"))  # equal inputs are their kink
def test_same_tensor_for_both_inputs(row):
    first, _ = row.arrays()
    positive = np.abs(first) + 0.5
    check_gradients(lambda x: row.f(x, x), positive, order=3, name=f"{row.name} of x with itself")


# ---- broadcasting -----------------------------------------------------------------------------------------------

CUTS = {
    "(2, 3, 4) with (3, 4)": (lambda a: a, lambda b: b[0]),
    "(4,) with (2, 3, 4)": (lambda a: a[0, 0], lambda b: b),
    "(2, 1, 4) with (1, 3, 1)": (lambda a: a[:, :1], lambda b: b[:1, :, :1]),
    "(2, 3, 4) with ()": (lambda a: a, lambda b: b[1, 1, 1]),
    "() with (2, 3, 4)": (lambda a: a[1, 1, 1], lambda b: b),
}


@rows_with(lambda row: row.broadcasts)
@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS.keys())
def test_broadcasting(row, cuts):
    arrays = [np.array(cut(a)) for cut, a in zip(cuts, row.arrays(3), strict=True)]
    assert_near(to_array(run(row.f, tensors_of(arrays))), row.reference(*arrays), FLOAT64)
    check_gradients(row.f, *arrays, order=2, name=row.name)


# ---- dtypes -----------------------------------------------------------------------------------------------------


@every_row
def test_float32_is_kept(row, made_dtypes):
    arrays = row.arrays()
    exact = gradients_of(row.f, tensors_of(arrays))
    made_dtypes.clear()
    result = gradients_of(row.f, tensors_of(arrays, np.float32))
    assert "float64" not in made_dtypes, f"{made_dtypes['float64']} made a float64 from float32"
    assert result[0].dtype == np.float32
    assert all(g is None or g.dtype == np.float32 for g in result[1])
    assert_same(result, exact, FLOAT32)


@rows_with(lambda row: row.torch)
def test_torch_agrees_in_float32(row, torch):
    arrays = [a.astype(np.float32) if is_real(a) else a for a in row.arrays()]
    y, gradients = gradients_of(row.f, tensors_of(arrays, np.float32))
    inputs = [torch.tensor(a, requires_grad=is_real(a)) for a in arrays]
    leaves = [x for x in inputs if x.requires_grad]
    theirs = row.torch(torch, *inputs)
    u, v, w = np.random.default_rng(1).standard_normal((3, *y.shape)).astype(np.float32)
    loss = (torch.tensor(u) * theirs + torch.tensor(v) * theirs**2 / 2 + torch.tensor(w) * theirs**3 / 6).sum()
    expected = torch.autograd.grad(loss, leaves, allow_unused=True)
    assert_near(to_array(y), theirs.detach().numpy(), FLOAT32, "value")
    for i, (ours, g) in enumerate(zip(gradients, expected, strict=True)):
        if g is not None:
            assert_near(to_array(ours), g.numpy(), FLOAT32, f"gradient {i}")


@rows_with(lambda row: row.torch and len(row.arrays()) == 1 and is_pointwise(row))
@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool], ids=lambda dtype: np.dtype(dtype).name)
def test_whole_numbers_become_what_torch_makes_of_them(row, dtype, torch):
    whole = np.array([[1, 0, 2], [3, 1, 1]], dtype)
    try:
        theirs = row.torch(torch, torch.tensor(whole)).numpy()
    except (RuntimeError, TypeError):  # torch has it for floating-point numbers only
        return
    ours = to_array(row.f(Tensor(whole)))
    assert ours.dtype == theirs.dtype
    assert np.allclose(ours, theirs, rtol=1e-6, equal_nan=True)


@pytest.fixture
def numpy_options(monkeypatch):
    """Every number that a public function is given as an option, or has as a default, arrives as NumPy's."""

    def with_numpy(f):
        signature = inspect.signature(f)

        def call(*args, **kwargs):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            for name, value in bound.arguments.items():
                if type(value) in (int, float):
                    bound.arguments[name] = np.float64(value) if type(value) is float else np.int64(value)
            return f(*bound.args, **bound.kwargs)

        return call

    for name in FUNCTIONALS:
        monkeypatch.setattr(F, name, with_numpy(getattr(F, name)))


@every_row
def test_numpys_scalars_as_options_change_nothing(row, numpy_options, made_dtypes, monkeypatch):
    tensors = tensors_of(row.arrays(), np.float32)
    made_dtypes.clear()
    found = gradients_of(row.f, tensors)
    assert "float64" not in made_dtypes, f"{made_dtypes['float64']} made a float64 of a NumPy scalar"
    monkeypatch.undo()
    assert_same(found, gradients_of(row.f, tensors))


@every_row
def test_float16_is_kept(row):
    y, gradients = gradients_of(row.f, tensors_of(row.arrays(), np.float16))
    assert {x.dtype for x in (y, *gradients) if x is not None} == {np.dtype(np.float16)}


# ---- memory layouts ---------------------------------------------------------------------------------------------


def gapped(a):
    """Every second element of a larger array, along every axis."""
    whole = np.full([2 * n for n in a.shape], np.nan if is_real(a) else 0).astype(a.dtype)
    view = whole[(..., *(slice(None, None, 2),) * a.ndim)]
    view[...] = a
    return view


def reversed_in_memory(a):
    flip = (..., *(slice(None, None, -1),) * a.ndim)
    return a[flip].copy()[flip]


LAYOUTS = {
    "gapped": gapped,
    "reversed": reversed_in_memory,
    "column-major": lambda a: np.array(a, order="F"),
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
}


@every_row
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layout_changes_nothing(row, layout):
    arrays = row.arrays()
    before = [a.copy() for a in arrays]
    stored = [layout(a) for a in arrays]
    assert_same(gradients_of(row.f, tensors_of(stored)), gradients_of(row.f, tensors_of(arrays)))
    assert all(np.array_equal(a, b) for a, b in zip(stored, before, strict=True)), "an input was written to"


@rows_with(lambda row: any(a.ndim == 4 for a in row.arrays()))
def test_channels_last_changes_nothing(row):
    def last(a):
        return np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) if a.ndim == 4 else a

    arrays = row.arrays()
    assert_same(gradients_of(row.f, tensors_of([last(a) for a in arrays])), gradients_of(row.f, tensors_of(arrays)))


@rows_with(lambda row: any(is_real(a) and a.ndim > 1 for a in row.arrays()))
def test_expanded_inputs_change_nothing(row):
    """Inputs that repeat one row without copying it: strides of 0."""
    arrays = row.arrays()
    expanded = [np.broadcast_to(a[:1], a.shape) if is_real(a) and a.ndim > 1 else a for a in arrays]
    copied = [a.copy() for a in expanded]
    assert_same(gradients_of(row.f, tensors_of(expanded)), gradients_of(row.f, tensors_of(copied)))


# ---- sizes: none, one, and no axis at all ---------------------------------------------------------------------------


@rows_with(lambda row: row.batched)
def test_empty_batch(row):
    arrays = row.arrays()
    full = run(row.f, tensors_of(arrays))
    none = tensors_of([a[:0] if i in row.batched else a for i, a in enumerate(arrays)])
    y, gradients = gradients_of(row.f, none)
    assert y.shape == (0, *full.shape[1:])
    for g in gradients:
        assert g is None or not g.numpy().any()


@rows_with(lambda row: row.batched)
def test_batch_of_one(row):
    arrays = [a[:1] if i in row.batched else a for i, a in enumerate(row.arrays())]
    assert_near(to_array(run(row.f, tensors_of(arrays))), row.reference(*arrays), FLOAT64)
    check_gradients(row.f, *arrays, order=2, name=row.name)


@rows_with(is_pointwise)
@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1, 1)], ids=str)
def test_one_element_with_any_number_of_axes(row, shape):
    arrays = row.arrays()
    whole = to_array(run(row.f, tensors_of(arrays)))
    middle = tuple(n // 2 for n in whole.shape)
    one = [np.array(a[middle]).reshape(shape) for a in arrays]
    assert_near(to_array(run(row.f, tensors_of(one))), whole[middle].reshape(shape), FLOAT64)
    check_gradients(row.f, *one, order=2, name=row.name)


# ---- what a call may and may not do ---------------------------------------------------------------------------------


@every_row
def test_a_call_leaves_no_trace(row):
    """It shares no memory with its inputs (but where it is a view), and the next call gives the same."""
    tensors = tensors_of(row.arrays())
    y = run(row.f, tensors)
    if not any(cls.view or cls is arithmetic.ToDevice for cls in functions_in(y)):  # it is there: nothing to move
        assert not any(np.shares_memory(y.array, t.array) for t in tensors), "the result shares memory with an input"
    first = gradients_of(row.f, tensors)
    again = gradients_of(row.f, tensors)
    assert np.array_equal(to_array(first[0]), to_array(again[0]), equal_nan=True)
    for a, b in zip(first[1], again[1], strict=True):
        assert (a is None and b is None) or np.array_equal(to_array(a), to_array(b))


@rows_with(lambda row: 2 <= sum(is_real(a) for a in row.arrays()) <= 3)
def test_gradients_of_some_inputs_only(row):
    """Each input's gradient is the same whether or not the others want theirs; those that do not get none."""
    tensors = tensors_of(row.arrays())
    leaves = [t for t in tensors if t.requires_grad]
    everything = gradients_of(row.f, tensors)[1]
    for wanted in itertools.product((False, True), repeat=len(leaves)):
        if not any(wanted):
            continue
        for leaf, wants in zip(leaves, wanted, strict=True):
            leaf.grad = None
            leaf.requires_grad_(wants)
        y = run(row.f, tensors)
        if y.requires_grad:
            readout(y).backward()
        expected = [g if wants else None for g, wants in zip(everything, wanted, strict=True)]
        assert_same_gradients([leaf.grad for leaf in leaves], expected)


@every_row
def test_any_layout_of_the_gradient(row):
    """Gradients arrive as views of all kinds; `sum` alone sends back one that repeats a single number."""
    tensors = tensors_of(row.arrays())
    leaves = [t for t in tensors if t.requires_grad]
    y = run(row.f, tensors)
    recorded = {False, any(cls.backward_arrays is not None for cls in functions_in(y))}  # with a shortcut: both ways
    one = np.broadcast_to(np.float64(0.7), y.shape)
    drawn = np.random.default_rng(1).standard_normal(y.shape)
    for values, layouts in ((one, [one]), (drawn, [gapped(drawn), np.array(drawn, order="F")])):
        for create_graph in recorded:
            expected, *found = (
                grad(run(row.f, tensors), leaves, Tensor(g), create_graph=create_graph, allow_unused=True)
                for g in (values.copy(), *layouts)
            )
            for gradients in found:
                assert_same_gradients(gradients, expected)


# ---- array libraries ------------------------------------------------------------------------------------------------


@every_row
def test_every_array_library_agrees(row, device):
    """Value, first gradients by shortcut and by recording, and second gradients."""
    arrays = row.arrays()
    found, expected = (tensors_of(arrays, device=place) for place in (device, "cpu"))
    y, gradients = gradients_of(row.f, found)
    assert y.device == device
    assert all(g is None or g.device == device for g in gradients)
    assert_same((y, gradients), gradients_of(row.f, expected), DEVICE)
    for a, b in zip(second_gradients_of(row.f, found), second_gradients_of(row.f, expected), strict=True):
        assert_same_gradients(a, b, DEVICE)


def has_a_kernel(row):
    """True for rows of functions that a GPU computes with a kernel of ours."""
    families = ("conv", "pool", "norm", "rectified", "fold")
    return any(cls.__module__ in [f"minigen.functional.{family}" for family in families] for cls in row.covers)


@rows_with(has_a_kernel)
@pytest.mark.parametrize("device", ["compiled"], indirect=True)
def test_kernels_take_any_layout_and_any_batch(row, device):
    """Arrays with gaps, backwards, of one sample and of none: a kernel knows nothing of them, who launches it must."""
    arrays = row.arrays()
    batches = [[a[:n] if i in row.batched else a for i, a in enumerate(arrays)] for n in (0, 1) if row.batched]
    for inputs in [*batches, *([layout(a) for a in arrays] for layout in LAYOUTS.values())]:
        found = [Tensor(standin.Array(a)).requires_grad_(is_real(a)) for a in inputs]  # as they lie
        assert_same(gradients_of(row.f, found), gradients_of(row.f, tensors_of(inputs)), DEVICE)


@rows_with(has_a_kernel)
@pytest.mark.parametrize("device", ["compiled", "cuda"], indirect=True)
def test_kernels_agree_in_float32(row, device):
    """Value and first gradients, and nothing becomes float64 on the way."""
    arrays = row.arrays()
    found, expected = (gradients_of(row.f, tensors_of(arrays, np.float32, device=place)) for place in (device, "cpu"))
    assert {x.dtype for x in (found[0], *found[1]) if x is not None} == {np.dtype(np.float32)}
    assert_same(found, expected, FLOAT32)
