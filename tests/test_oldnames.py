"""PyTorch's older spellings: types that make tensors, ``Tensor(2, 3)``, ``Variable``; small names of scripts."""

import numpy as np
import pytest

import minigen
from minigen import Tensor, autograd, nn, oldnames

TYPES = sorted(oldnames.DTYPES)
every_type = pytest.mark.parametrize("name", TYPES)


@every_type
def test_the_types_have_the_dtypes_of_pytorch(name):
    torch = pytest.importorskip("torch")
    make, theirs = getattr(minigen, name), getattr(torch, name)
    for data in ([3, 4], [[1], [0]], [], 5, (2, 3)):
        arguments = data if isinstance(data, tuple) else (data,)
        ours, wanted = make(*arguments), theirs(*arguments)
        assert ours.shape == tuple(wanted.shape)
        assert str(ours.dtype) == str(wanted.dtype).removeprefix("torch.")
        if isinstance(data, list):
            assert ours.tolist() == wanted.tolist()
    assert make().shape == (0,)
    assert isinstance(make([1]), make) and not isinstance([1], make)
    assert not isinstance(minigen.ones(1), make) or name == "FloatTensor"
    assert repr(make) == f"<cpu {name}: {make.dtype}>"
    assert repr(getattr(minigen.cuda, name)) == f"<cuda {name}: {make.dtype}>"


@every_type
def test_tensors_are_converted_to_the_types(name):
    make = getattr(minigen, name)
    assert minigen.tensor([0.0, 1.0]).type(make).dtype == make.dtype


def test_types_copy_exactly():
    assert minigen.LongTensor([2**53 + 1]).tolist() == [2**53 + 1]
    array = np.array([2**53 + 1, 3])
    x = minigen.LongTensor(array)
    array[1] = 7
    assert x.tolist() == [2**53 + 1, 3]
    assert minigen.FloatTensor(np.ones(2)).dtype == np.float32


def test_type_tensor_is_float32_as_in_pytorch():
    assert minigen.arange(2).type(Tensor).dtype == np.float32


def test_a_shape_that_could_be_data_is_refused():
    with pytest.raises(TypeError, match=r"FloatTensor: is \(2, 3\) a shape or data\? Write FloatTensor\(\*shape\)"):
        minigen.FloatTensor(minigen.zeros(2, 3).shape)


def test_integers_given_to_tensor_are_lengths():
    assert Tensor(2, 3).shape == (2, 3) and Tensor(4).shape == (4,) and Tensor().shape == (0,)
    assert Tensor(2, 3).dtype == np.float32
    assert Tensor(2, 3, requires_grad=True).requires_grad
    assert nn.Parameter(Tensor(2, 3)).shape == (2, 3)
    assert Tensor([2, 3]).tolist() == [2.0, 3.0]


@pytest.mark.parametrize("arguments", [(2, True), (2, 3.0), (-1, 2), ([1.0], True)], ids=str)
def test_what_names_no_lengths_is_refused(arguments):
    with pytest.raises(TypeError, match="the lengths of the axes are wanted"):
        Tensor(*arguments)


def test_variable_is_a_leaf_that_shares_memory():
    x = minigen.ones(2, requires_grad=True)
    v = autograd.Variable(x * 2)
    assert v.is_leaf and not v.requires_grad
    v = autograd.Variable(x, requires_grad=True)
    (v * 3).sum().backward()
    assert v.grad.tolist() == [3.0, 3.0] and x.grad is None
    v.data.zero_()
    assert x.tolist() == [0.0, 0.0]
    with pytest.raises(TypeError, match=r"Variable: a Tensor is wanted, not list; wrap data in minigen\.tensor"):
        autograd.Variable([1.0])


def test_small_names_of_scripts():
    x = minigen.tensor([-2.0, 0.5, 3.0], dtype=minigen.float64, requires_grad=True)
    assert x.clamp_min(0.0).tolist() == [0.0, 0.5, 3.0] and x.clamp_max(1.0).tolist() == [-2.0, 0.5, 1.0]
    assert x.equal(x.clone()) and not x.equal(x + 1) and not x.equal(x[:2])
    with pytest.raises(TypeError, match="equal: other must be a Tensor, not list"):
        x.equal([1.0])
    assert minigen.concat([x, x]).shape == (6,)
    assert (minigen.inf, minigen.pi) == (np.inf, np.pi) and minigen.nan != minigen.nan
    state = minigen.get_rng_state()
    minigen.cuda.manual_seed(3)
    minigen.cuda.manual_seed_all(3)
    assert minigen.get_rng_state() == state
    with pytest.raises(TypeError, match="seed must be an integer"):
        minigen.cuda.manual_seed("3")


@pytest.mark.parametrize(
    "data", [[1, 2], 3, np.ones((2, 1)), minigen.ones(2)], ids=["list", "number", "array", "tensor"]
)
def test_new_tensor_takes_after_its_tensor(data):
    like = minigen.zeros(1, dtype=minigen.float64)
    x = like.new_tensor(data)
    assert x.dtype == np.float64 and x.tolist() == np.asarray(data).tolist()
    assert like.new_tensor(data, dtype=minigen.int64).dtype == np.int64
    assert like.new_tensor(data, requires_grad=True).is_leaf
    if not isinstance(data, (list, int)):
        x += 1
        assert np.all(np.asarray(data) == 1)  # a copy


def test_gradients_of_whatever_can_be_gone_through():
    layer = nn.Linear(2, 1)
    weights = nn.ParameterList([nn.Parameter(minigen.ones(2)), nn.Parameter(minigen.zeros(1))])
    y = (weights[0].sum() * 2 + weights[1] * 3).sum()
    assert [g.tolist() for g in minigen.grad(y, weights)] == [[2.0, 2.0], [3.0]]
    assert len(minigen.grad(layer(minigen.ones(1, 2)).sum(), layer.parameters())) == 2
