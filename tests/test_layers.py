"""What holds for every layer, tried on every case of tests/table/layers.py, with PyTorch beside it.

The cases say which layer and which inputs; the tests say what must come out: a state that travels to PyTorch and
back, float32 that stays float32 through every optimizer, parameters that all learn, rows of a batch that do not see
each other, bad arguments refused by name. Derivatives of functions are tested in test_functions.py; here they are
checked once more through the layer, with its parameters.
"""

import copy
import inspect
import re

import numpy as np
import pytest
from table.layers import CASES
from table.row import Draw

import minigen
from minigen import Tensor, nn, optim
from minigen.checks import check_gradients

LAYERS = {
    name: cls
    for name, cls in vars(nn).items()
    if name in nn.__all__ and isinstance(cls, type) and issubclass(cls, nn.Module) and cls is not nn.Module
}
OPTIMIZERS = [
    cls
    for name, cls in vars(optim).items()
    if isinstance(cls, type) and issubclass(cls, optim.Optimizer) and cls is not optim.Optimizer
]
every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda cls: cls.__name__)
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def cases_with(condition):
    cases = [case for case in CASES if condition(case)]
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


computing = cases_with(lambda case: case.inputs)
learning = cases_with(lambda case: case.inputs and any(True for _ in case.make(nn).parameters()))
row_by_row = cases_with(lambda case: case.inputs and case.rows)
beside_torch = cases_with(lambda case: case.torch)
computing_beside_torch = cases_with(lambda case: case.torch and case.inputs)


def arrays_of(case, seed=0):
    return case.inputs(Draw(seed))


def tensors_of(arrays, dtype=minigen.float64, requires_grad=False):
    """Tensors over the arrays (no copy, so that their layout stays): real ones of one dtype, labels as they are."""
    return [
        Tensor(a.astype(dtype, copy=False)).requires_grad_(requires_grad) if a.dtype.kind == "f" else Tensor(a)
        for a in arrays
    ]


def first_of(output):
    """The output, or the first one where there are several, such as the indices of a pooling."""
    return output[0] if isinstance(output, tuple) else output


def call(layer, tensors):
    minigen.manual_seed(0)
    return first_of(layer(*tensors))


def readout(y, seed=1):
    """A random nonlinear number of y, so that no gradient is zero by chance."""
    rng = np.random.default_rng(seed)
    u, v = (Tensor(np.asarray(rng.standard_normal(y.shape), y.dtype)) for _ in range(2))
    return (u * y + v * y * y).sum()


def to_array(tensor):
    return tensor.detach().numpy()


def assert_near(actual, expected, tolerance):
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


# --- the table is complete ----------------------------------------------------------------------------------


def test_every_exported_layer_has_a_case():
    assert sorted(set(LAYERS) - {case.cls for case in CASES}) == [], "add a case to tests/table/layers.py"


def test_case_names_are_unique():
    assert len({case.name for case in CASES}) == len(CASES)


# What a constructor takes as it comes: flags, places in memory, tensors and modules, whose own checks are elsewhere.
FREE = set("align_corners args device dtype kwargs modules parameters pos_weight recompute_scale_factor weight".split())


@pytest.mark.parametrize("name", LAYERS)
def test_for_every_argument_there_is_a_value_that_is_refused(name):
    parameters = inspect.signature(LAYERS[name]).parameters.values()
    wanted = {p.name for p in parameters if p.name not in FREE and not isinstance(p.default, bool)}
    tried = {argument for case in CASES if case.cls == name for argument in case.bad}
    assert sorted(wanted - tried) == []


@pytest.mark.parametrize(
    ("case", "argument", "value"),
    [
        pytest.param(case, argument, value, id=f"{case.name}-{argument}={value!r}")
        for case in CASES
        for argument, values in case.bad.items()
        for value in values
    ],
)
def test_a_bad_argument_is_refused_by_name(case, argument, value):
    """When the layer is made, not when it is first called; the message names the layer, the argument and the value."""
    with pytest.raises(ValueError, match=re.escape(argument)) as caught:
        case.make(nn, **{argument: value})
    assert case.cls in str(caught.value)
    wrong = value if not isinstance(value, tuple) else next((n for n in value if repr(n) in str(caught.value)), value)
    assert repr(wrong) in str(caught.value) or f"{value}" in str(caught.value)


# --- what a layer shows and keeps ---------------------------------------------------------------------------


@beside_torch
def test_repr_is_torchs(case, torch):
    assert repr(case.make(nn)) == repr(case.make(torch.nn))


@cases_with(lambda case: case.echo and case.make_with is None)
def test_repr_makes_the_layer_again(case):
    text = repr(case.make(nn))
    assert repr(eval(text, vars(nn).copy())) == text


@every_case
def test_state_makes_a_twin(case):
    """state_dict -> a new layer -> the same state and the same outputs; nothing else is needed."""
    layer, twin = case.make(nn).double(), case.make(nn).double()
    if case.inputs:
        call(layer, tensors_of(arrays_of(case)))  # moves what is tracked
    assert twin.load_state_dict(layer.state_dict()) == ([], [])
    for name, tensor in layer.state_dict().items():
        assert minigen.equal(tensor, twin.state_dict()[name]), name
    if case.inputs:
        tensors = tensors_of(arrays_of(case, 1))
        for mode in (True, False):
            assert minigen.equal(call(layer.train(mode), tensors), call(twin.train(mode), tensors))


@every_case
def test_a_deep_copy_shares_nothing(case):
    layer = case.make(nn)
    twin = copy.deepcopy(layer)
    assert repr(twin) == repr(layer)
    assert list(twin.state_dict()) == list(layer.state_dict())
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    with minigen.no_grad():
        for tensor in (*twin.parameters(), *twin.buffers()):
            tensor.fill_(7)
    assert all(minigen.equal(tensor, before[name]) for name, tensor in layer.state_dict().items())


@every_case
def test_train_and_eval_reach_everything_and_change_no_number(case):
    layer = case.make(nn)
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    assert layer.training
    assert layer.eval() is layer
    assert not any(module.training for module in layer.modules())
    assert all(module.training for module in layer.train().modules())
    assert all(minigen.equal(tensor, before[name]) for name, tensor in layer.state_dict().items())


@computing
def test_evaluation_is_deterministic_and_changes_nothing(case):
    layer, tensors = case.make(nn).double(), tensors_of(arrays_of(case))
    layer(*tensors)
    layer.eval()
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    minigen.manual_seed(1)
    first = first_of(layer(*tensors))
    minigen.manual_seed(2)
    assert minigen.equal(first, first_of(layer(*tensors)))
    assert all(minigen.equal(tensor, before[name]) for name, tensor in layer.state_dict().items())


# --- PyTorch ------------------------------------------------------------------------------------------------


@computing_beside_torch
def test_outputs_gradients_and_buffers_are_torchs(case, torch):
    """With torch's weights; after two batches in training, then in evaluation."""
    ours, theirs = case.make(nn).double(), case.make(torch.nn).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert ours.load_state_dict(theirs.state_dict()) == ([], [])
    random = any(
        isinstance(module, nn.AlphaDropout | nn.Dropout | nn.Dropout1d | nn.Dropout2d) for module in ours.modules()
    )
    for seed in range(0 if random else 2):
        arrays = arrays_of(case, seed)
        mine = tensors_of(arrays, requires_grad=True)
        other = [torch.tensor(a).requires_grad_(a.dtype.kind == "f") for a in arrays]
        y, expected = first_of(ours(*mine)), first_of(theirs(*(x.clone() for x in other)))
        assert_near(to_array(y), expected.detach(), case.near)
        weights = np.random.default_rng(seed).standard_normal(y.shape)
        (y * Tensor(weights)).sum().backward()
        (expected * torch.tensor(weights)).sum().backward()
        for x, z in zip(mine, other, strict=True):
            assert (x.grad is None) == (z.grad is None)
            if z.grad is not None:
                assert_near(x.grad.numpy(), z.grad, case.near)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert (p.grad is None) == (q.grad is None)
        if q.grad is not None:
            assert_near(p.grad.numpy(), q.grad, case.near)
    for p, q in zip(ours.buffers(), theirs.buffers(), strict=True):
        assert_near(p.numpy(), q, case.near)
    arrays = arrays_of(case, 3)
    expected = first_of(theirs.eval()(*map(torch.tensor, arrays)))
    assert_near(to_array(first_of(ours.eval()(*tensors_of(arrays)))), expected.detach(), case.near)


@beside_torch
def test_weights_travel_to_torch(case, torch):
    ours, theirs = case.make(nn).double(), case.make(torch.nn).double()
    theirs.load_state_dict({name: torch.tensor(tensor.numpy()) for name, tensor in ours.state_dict().items()})
    if case.inputs:
        arrays = arrays_of(case)
        expected = first_of(theirs.eval()(*map(torch.tensor, arrays)))
        assert_near(to_array(first_of(ours.eval()(*tensors_of(arrays)))), expected.detach(), case.near)


@computing_beside_torch
def test_what_torch_takes_without_a_batch_is_taken_without_a_batch(case, torch):
    ours, theirs = case.make(nn).double().eval(), case.make(torch.nn).double().eval()
    single = [a[0] for a in arrays_of(case)]
    ours.load_state_dict(theirs.state_dict())
    try:
        expected = first_of(theirs(*map(torch.tensor, single)))
    except (RuntimeError, ValueError, IndexError, UserWarning):  # a warning: not what is meant by it
        return
    assert_near(to_array(first_of(ours(*tensors_of(single)))), expected.detach(), case.near)


# --- dtypes -------------------------------------------------------------------------------------------------


def dtypes_of(tensors):
    return {str(t.dtype) for t in tensors if t is not None and t.dtype.kind == "f"}


@computing
@every_optimizer
def test_float32_is_kept_from_the_input_to_the_optimizer(case, optimizer, made_dtypes):
    layer = case.make(nn)
    inputs = tensors_of(arrays_of(case), minigen.float32, requires_grad=True)
    readout(call(layer, inputs)).backward()
    everything = [*layer.parameters(), *layer.buffers(), *(t.grad for t in (*layer.parameters(), *inputs))]
    if parameters := list(layer.parameters()):
        steps = optimizer(parameters, lr=0.1)
        steps.step()
        steps.step()
        everything += [*parameters, *tensors_in(steps.state_dict())]
    assert dtypes_of(everything) <= {"float32"}
    assert "float64" not in made_dtypes, f"{made_dtypes['float64']} made a float64 from float32"


def tensors_in(tree):
    """The tensors in nested dicts and lists."""
    if isinstance(tree, Tensor):
        return [tree]
    branches = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list | tuple) else ()
    return [tensor for branch in branches for tensor in tensors_in(branch)]


@computing
def test_double_makes_float64_of_everything(case):
    layer = case.make(nn).double()
    assert dtypes_of([*layer.parameters(), *layer.buffers()]) <= {"float64"}
    assert call(layer, tensors_of(arrays_of(case))).dtype == minigen.float64
    assert dtypes_of([*layer.float().parameters(), *layer.buffers()]) <= {"float32"}


@cases_with(lambda case: case.make_with is None and any(True for _ in case.make(nn).parameters()))
def test_dtype_and_device_say_how_the_parameters_are_made(case):
    layer = case.make(nn, dtype=minigen.float64, device="cpu")
    assert dtypes_of([*layer.parameters(), *layer.buffers()]) <= {"float64"}  # a norm may have none of either
    assert call(layer, tensors_of(arrays_of(case))).dtype == minigen.float64
    with pytest.raises((TypeError, RuntimeError, ValueError), match="int64"):
        case.make(nn, dtype=minigen.int64)


# --- learning -----------------------------------------------------------------------------------------------


@cases_with(lambda case: case.inputs and case.smooth)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_derivatives_through_the_layer(case, training):
    """With respect to inputs and parameters, orders 1 and 2."""
    layer, arrays = case.make(nn).double(), arrays_of(case)
    layer(*tensors_of(arrays))  # running statistics that are not 0 and 1
    if not any(a.dtype.kind == "f" for a in arrays) and not list(layer.parameters()):
        return
    report = check_gradients(layer.train(training), *arrays, order=2, name=case.name)
    assert {c.order for c in report.comparisons} == {1, 2}


@learning
@every_optimizer
def test_every_parameter_learns(case, optimizer):
    layer = case.make(nn)
    parameters = dict(layer.named_parameters())
    before = {name: to_array(p).copy() for name, p in parameters.items()}
    steps = optimizer(list(parameters.values()), lr=0.1)
    readout(call(layer, tensors_of(arrays_of(case), minigen.float32))).backward()
    steps.step()
    assert [name for name, p in parameters.items() if p.grad is None or not p.grad.numpy().any()] == []
    assert [name for name, p in parameters.items() if np.array_equal(before[name], to_array(p))] == []


# --- batches and layouts ------------------------------------------------------------------------------------


@row_by_row
def test_rows_of_a_batch_do_not_see_each_other(case):
    layer, arrays = case.make(nn).double(), arrays_of(case)
    layer(*tensors_of(arrays))
    whole = to_array(first_of(layer.eval()(*tensors_of(arrays))))
    other = [a.copy() for a in arrays_of(case, 5)]
    for mixed, a in zip(other, arrays, strict=True):
        mixed[2] = a[2]
    assert_near(to_array(first_of(layer(*tensors_of(other))))[2], whole[2], 1e-12)
    alone = [a[2:3] for a in arrays]
    assert_near(to_array(first_of(layer(*tensors_of(alone))))[0], whole[2], 1e-12)


@row_by_row
def test_an_empty_batch_gives_an_empty_batch(case):
    layer, arrays = case.make(nn).eval(), arrays_of(case)
    full = first_of(layer(*tensors_of(arrays, minigen.float32)))
    inputs = tensors_of([a[:0] for a in arrays], minigen.float32, requires_grad=True)
    y = first_of(layer(*inputs))
    assert (y.shape, y.dtype) == ((0, *full.shape[1:]), full.dtype)
    if y.requires_grad:
        y.sum().backward()
        assert not any(p.grad.numpy().any() for p in layer.parameters() if p.grad is not None)


def gapped(a):
    """Every second element of a larger array, along every axis."""
    whole = np.zeros([2 * n for n in a.shape], a.dtype)
    view = whole[(slice(None, None, 2),) * a.ndim]
    view[...] = a
    return view


def channels_last(a):
    return np.ascontiguousarray(np.moveaxis(a, 1, -1)).swapaxes(-1, 1).swapaxes(2, -1) if a.ndim == 4 else a.copy("F")


@computing
@pytest.mark.parametrize("layout", [gapped, channels_last])
def test_the_layout_in_memory_changes_nothing(case, layout):
    layer, arrays = case.make(nn).double(), arrays_of(case)
    stored = [layout(a) for a in arrays]
    assert all(np.array_equal(a, b) for a, b in zip(arrays, stored, strict=True))
    twin = copy.deepcopy(layer)
    expected, y = call(twin, tensors_of(arrays)), call(layer, tensors_of(stored))
    assert_near(to_array(y), to_array(expected), 1e-12)
    if y.requires_grad:
        readout(y).backward()
        readout(expected).backward()
        for p, q in zip(layer.parameters(), twin.parameters(), strict=True):
            assert_near(p.grad.numpy(), q.grad.numpy(), 1e-11)
