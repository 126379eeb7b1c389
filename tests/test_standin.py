"""The stand-in for CuPy gives NumPy's numbers and CuPy's refusals: a check that refuses nothing would prove nothing."""

import copy
import operator

import numpy as np
import pytest
import standin

import minigen
from minigen import backend
from minigen.backend import registered_devices

xp = standin.module
LACKS = standin.LACKS
RNG = np.random.default_rng(0)


def on_device(values):
    return xp.asarray(np.array(values))


@pytest.fixture
def a():
    return on_device([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


@pytest.fixture
def waits():
    standin.waits.clear()
    return standin.waits


def host(x):
    return x.get()


# ---- what is refused ------------------------------------------------------------------------------------------------

HOST = np.ones(3)
REFUSED = {
    "np.asarray": (lambda a: np.asarray(a), "Implicit conversion to a NumPy array is not allowed"),
    "np.array of a list of arrays": (lambda a: np.array([a, a]), "Implicit conversion"),
    "buffer": (lambda a: memoryview(a), "bytes-like object is required"),
    "assignment into a host array": (lambda a: HOST.copy().__setitem__(slice(None), a[0]), "Implicit conversion"),
    "a NumPy ufunc": (lambda a: np.exp(a), "numpy.exp called on an array of the device"),
    "a NumPy ufunc's out": (lambda a: np.exp(HOST, out=a[0]), "numpy.exp called on an array of the device"),
    "a NumPy function": (lambda a: np.concatenate([a, a]), "numpy.concatenate called on an array of the device"),
    "a NumPy scalar at the left": (lambda a: np.float64(2) * a, "Unsupported type <class 'numpy.float64'>"),
    "array + host array": (lambda a: a + HOST, "Unsupported type <class 'numpy.ndarray'>"),
    "host array + array": (lambda a: HOST + a, "Unsupported type <class 'numpy.ndarray'>"),
    "array += host array": (lambda a: a.__iadd__(HOST), "Unsupported type <class 'numpy.ndarray'>"),
    "array == host array": (lambda a: a == HOST, "Unsupported type <class 'numpy.ndarray'>"),
    "array @ host array": (lambda a: a @ HOST, "Unsupported type <class 'numpy.ndarray'>"),
    "array + list": (lambda a: operator.add(a, [1, 2, 3]), "Unsupported type <class 'list'>"),
    "array + None": (lambda a: a + None, "Unsupported type <class 'NoneType'>"),
    "assignment of a host array": (lambda a: a.__setitem__(0, HOST), "Unsupported type <class 'numpy.ndarray'>"),
    "ufunc of a host array": (lambda a: xp.exp(HOST), "Unsupported type <class 'numpy.ndarray'>"),
    "function of a host array": (lambda a: xp.concatenate([a[0], HOST]), "Unsupported type <class 'numpy.ndarray'>"),
    "where with a host condition": (lambda a: xp.where(HOST > 0, a, 0.0), "Unsupported type <class 'numpy.ndarray'>"),
    "a host array by name": (lambda a: xp.copyto(a, 0.0, where=HOST > 0), "Unsupported type <class 'numpy.ndarray'>"),
    "host out of a ufunc": (lambda a: xp.exp(a[0], out=HOST), "return arrays must be of the device"),
    "host out of a function": (lambda a: xp.sum(a, axis=0, out=HOST), "return arrays must be of the device"),
    "host out of a method": (lambda a: a.sum(axis=0, out=HOST), "return arrays must be of the device"),
    "a list of arrays and numbers": (lambda a: xp.asarray([a[0, 0], 1.0]), "Implicit conversion"),
    "where= of a ufunc": (lambda a: xp.exp(a, where=a > 0), "Wrong arguments"),
    "order= of a ufunc": (lambda a: xp.exp(a, order="K"), "Wrong arguments"),
    "initial= of sum": (lambda a: xp.sum(a, initial=1.0), r"unexpected keyword arguments \['initial'\]"),
    "where= of a method": (lambda a: a.max(where=a > 0), r"unexpected keyword arguments \['where'\]"),
    "mode= of take": (lambda a: xp.take(a, on_device([0]), mode="clip"), r"unexpected keyword arguments \['mode'\]"),
    "out= of einsum": (lambda a: xp.einsum("ij->i", a, out=a[:, 0]), r"unexpected keyword arguments \['out'\]"),
    "item of an index": (lambda a: a.item(3), "1 positional arguments"),
    "as_strided, not writeable": (
        lambda a: xp.lib.stride_tricks.as_strided(a, (2,), (8,), writeable=False),
        r"unexpected keyword arguments \['writeable'\]",
    ),
    "an array as a length": (lambda a: range(on_device(3)), "cannot be interpreted as an integer"),
    "an array as the bound of a slice": (lambda a: a[: on_device(1)], "slice indices must be integers"),
    "hash": (lambda a: hash(a), "unhashable"),
}


@pytest.mark.parametrize(("attempt", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cupy_refuses_is_refused(attempt, message, a):
    with pytest.raises(TypeError, match=message):
        attempt(a)


@pytest.mark.parametrize(
    "attempt",
    [lambda a: xp.asarray(["text"]), lambda a: xp.asarray([None]), lambda a: a.astype(object)],
    ids=["text", "None", "astype(object)"],
)
def test_only_numbers_are_elements(attempt, a):
    with pytest.raises(ValueError, match="Unsupported dtype"):
        attempt(a)


@pytest.mark.parametrize("module", LACKS["missing names"])
def test_names_that_cupy_lacks_do_not_exist(module):
    place = xp
    for part in filter(None, module.split(".")):
        place = getattr(place, part)
    for name in LACKS["missing names"][module]:
        with pytest.raises(AttributeError, match=f"module 'cupy' has no attribute '{name}'"):
            getattr(place, name)


def test_the_list_of_missing_names_is_cupys():
    """What is known of CuPy 14 from its documentation; the list itself is read off the installed one."""
    assert LACKS["cupy"].startswith("14.")
    assert {"errstate", "einsum_path", "block", "insert", "nditer"} <= set(LACKS["missing names"][""])
    assert {"setflags", "__imatmul__", "__index__"} <= set(LACKS["missing attributes of ndarray"])
    assert not {"exp", "pad", "einsum", "tensordot", "take_along_axis"} & set(LACKS["missing names"][""])


@pytest.mark.parametrize("name", [*LACKS["missing attributes of ndarray"], "__array_interface__"])
def test_attributes_that_cupy_lacks_do_not_exist(name, a):
    assert not hasattr(a, name)


def test_flags_cannot_say_whether_an_array_is_writeable(a):
    assert a.flags.c_contiguous
    assert not hasattr(a.flags, "writeable")


@pytest.mark.parametrize("name", ["reduce", "accumulate"])
def test_few_ufuncs_reduce(name, a):
    assert np.array_equal(host(getattr(xp.add, name)(a, axis=1)), getattr(np.add, name)(host(a), axis=1))
    with pytest.raises(NotImplementedError, match=f"`cupy_maximum.{name}` is not supported yet"):
        getattr(xp.maximum, name)(a)


def test_random_numbers_come_from_the_host():
    with pytest.raises(AttributeError, match="random numbers come from the host"):
        xp.random  # noqa: B018


# ---- what differs in silence ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reduce",
    [lambda a: a.sum(), lambda a: xp.max(a), lambda a: a.mean(), lambda a: a.argmax(), lambda a: xp.array_equal(a, a)],
    ids=["sum", "max", "mean", "argmax", "array_equal"],
)
def test_reductions_return_arrays(reduce, a, waits):
    y = reduce(a)
    assert type(y) is standin.Array
    assert y.shape == ()
    assert waits == []


def test_an_element_is_an_array(a):
    assert type(a[0, 0]) is standin.Array
    assert [type(x) for x in a[0]] == [standin.Array] * 3


def test_indices_out_of_range_wrap_around(a):
    rows = on_device([2, -3, 5])
    assert np.array_equal(host(a[rows]), host(a)[[0, 1, 1]])
    assert np.array_equal(host(a[:, on_device([4])]), host(a)[:, [1]])
    assert np.array_equal(host(a[..., None, on_device([4])]), host(a)[..., None, [1]])
    assert np.array_equal(host(xp.take(a, rows, axis=0)), host(a)[[0, 1, 1]])
    assert np.array_equal(host(a.take(rows, axis=0)), host(a)[[0, 1, 1]])
    xp.add.at(a, rows, 1.0)
    a[on_device([2])] *= 2.0
    assert np.array_equal(host(a), [[4, 6, 8], [6, 7, 8]])


def test_numbers_out_of_range_do_not_wrap(a):
    with pytest.raises(IndexError, match="out of bounds"):
        a[2]


def test_new_memory_is_c_ordered(a):
    """Whoever wants another layout must ask: ``out=xp.empty_like(x)``."""
    t = a.T
    assert not t.flags.c_contiguous
    for y in (t + 1, xp.exp(t), t.clip(0, 1), xp.where(t > 2, t, 0.0), t[on_device([0, 1])]):
        assert y.flags.c_contiguous
    for y in (xp.empty_like(t), t.astype(np.float32), xp.exp(t, out=xp.empty_like(t)), xp.array(t)):
        assert y.flags.f_contiguous


def test_a_copy_between_host_and_device_keeps_c_and_f_order_only():
    images = np.zeros((2, 4, 5, 3)).transpose(0, 3, 1, 2)
    assert standin.to_device(images).flags.c_contiguous
    assert standin.to_device(np.zeros((2, 3)).T).flags.f_contiguous
    assert xp.zeros((2, 3)).T.get().flags.c_contiguous


# ---- what is counted ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("look", "what"),
    [
        (lambda a: float(a[0, 0]), "float"),
        (lambda a: int(a[0, 0]), "int"),
        (lambda a: bool(a[0, 0]), "bool"),
        (lambda a: 1 if a.any() else 0, "bool"),
        (lambda a: a[0, 0].item(), "item"),
        (lambda a: a.tolist(), "tolist"),
        (lambda a: a.get(), "get"),
        (lambda a: a[a > 2], "boolean mask"),
        (lambda a: a.__setitem__(a > 2, 0.0), "boolean mask"),
        (lambda a: a.nonzero(), "nonzero"),
        (lambda a: xp.where(a > 2), "where"),
        (lambda a: xp.unique(a), "unique"),
        (lambda a: a[0, 0] in [a[0, 0]], "bool"),
    ],
)
def test_the_host_waits_once_and_the_place_is_named(look, what, a, waits):
    look(a)
    assert len(waits) == 1
    assert waits[0].startswith(f"{what} at ")
    assert "tests/test_standin.py:" in waits[0]


def test_computing_waits_for_nothing(a, waits):
    y = xp.exp(a) @ a.T + a.sum() * 2 - xp.where(a[:, :2] > 1, a[:, 1:], 0.0)
    y[0] = 1.0
    xp.maximum(y, 0, out=y)
    assert waits == []


# ---- NumPy's numbers ------------------------------------------------------------------------------------------------


NUMBERS = {
    "float32": RNG.uniform(1, 5, (2, 3)).astype(np.float32),
    "float64": RNG.uniform(1, 5, (2, 3)),
    "int64": RNG.integers(1, 5, (2, 3)),
    "uint8": RNG.integers(1, 5, (2, 3)).astype(np.uint8),
}
SCALARS = {"int": 2, "float": 2.0, "numpy's float64": np.float64(2), "numpy's float32": np.float32(2)}
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow]
OPERATORS += [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne, operator.iadd]


def same(found, expected):
    expected = np.asarray(expected)
    assert type(found) is standin.Array
    assert found.dtype == expected.dtype
    assert np.array_equal(host(found), expected)


@pytest.mark.parametrize("apply", OPERATORS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", NUMBERS)
def test_operators_equal_numpys(apply, dtype):
    """Python's numbers promote weakly and NumPy's strongly, in CuPy 14 as in NumPy 2."""
    x = NUMBERS[dtype]
    for other in (x[:1], *SCALARS.values()):
        theirs = on_device(other) if isinstance(other, np.ndarray) else other
        try:
            expected = apply(x.copy(), other)
        except TypeError:  # a float added in place to whole numbers
            with pytest.raises(TypeError):
                apply(on_device(x), theirs)
            continue
        same(apply(on_device(x), theirs), expected)


@pytest.mark.parametrize("apply", OPERATORS[:6], ids=lambda f: f.__name__)
def test_operators_with_a_number_at_the_left_equal_numpys(apply):
    for x in NUMBERS.values():
        same(apply(2, on_device(x)), apply(2, x))


FUNCTIONS = {
    "negative": lambda x, m: -x,
    "abs": lambda x, m: abs(x - 3),
    "invert": lambda x, m: ~(x > 2),
    "and, or, xor": lambda x, m: ((x > 2) & (x < 4)) | ((x > 3) ^ (x > 1)),
    "matmul": lambda x, m: x @ x.T,
    "exp": lambda x, m: m.exp(x),
    "sum": lambda x, m: x.sum(axis=1, keepdims=True),
    "var": lambda x, m: m.var(x, axis=0, ddof=1),
    "slice": lambda x, m: x[:, ::-2],
    "list": lambda x, m: x[[1, 0, 1]],
    "mask": lambda x, m: x[x > 2],
    "None, Ellipsis": lambda x, m: x[None, ..., 1],
    "concatenate": lambda x, m: m.concatenate([x, x], axis=1),
    "stack": lambda x, m: m.stack((x, x)),
    "split": lambda x, m: m.split(x, 3, axis=1)[2],
    "where": lambda x, m: m.where(x > 2, x, 0.0),
    "einsum": lambda x, m: m.einsum("ij,ik->jk", x, x),
    "pad": lambda x, m: m.pad(x, ((1, 0), (0, 2))),
    "clip": lambda x, m: m.clip(x, 2, 3),
    "argsort": lambda x, m: m.argsort(x, axis=1),
    "take_along_axis": lambda x, m: m.take_along_axis(x, m.argsort(x, axis=1), axis=1),
    "cumsum": lambda x, m: x.cumsum(axis=1),
    "arange": lambda x, m: m.arange(3) + x,
    "ogrid": lambda x, m: x + m.ogrid[:2, :3][0],
    "windows": lambda x, m: m.lib.stride_tricks.sliding_window_view(x, 2, axis=1),
    "norm": lambda x, m: m.linalg.norm(x),
    "reshape": lambda x, m: x.reshape(3, -1).transpose(1, 0).ravel(),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS.keys())
@pytest.mark.parametrize("dtype", NUMBERS)
def test_functions_equal_numpys(function, dtype):
    x = NUMBERS[dtype]
    same(function(on_device(x), xp), function(x, np))


def test_out_is_written_and_returned(a):
    out = xp.empty_like(a)
    assert xp.multiply(a, 2.0, out=out) is out
    assert np.array_equal(host(out), 2 * host(a))


def test_a_slice_is_a_view_and_a_copy_is_none(a):
    view, apart = a[0], copy.deepcopy(a)
    view[...] = 9.0
    assert host(a)[0].tolist() == [9.0] * 3
    assert host(apart)[0].tolist() == [1.0, 2.0, 3.0]
    assert xp.may_share_memory(a, view)
    assert not xp.may_share_memory(a, apart)


# ---- as a device of minigen -----------------------------------------------------------------------------------------


def test_it_is_a_device_for_as_long_as_it_is_installed():
    before = registered_devices()
    with standin.installed() as name:
        x = minigen.ones(2, 3).to(name)
        assert x.device == "standin"
        assert (x * 2).cpu().tolist() == [[2.0] * 3] * 2
        with pytest.raises(RuntimeError, match="argument 0 is on standin, argument 1 is on cpu"):
            x + minigen.ones(3)
    assert registered_devices() == before
    with pytest.raises(ValueError, match="device: 'standin' is unknown"):
        minigen.ones(2).to("standin")


def test_moving_keeps_the_order_in_memory():
    """CuPy copies C and F order only; `to_device` asks it for no other."""
    with standin.installed() as name:
        images = np.arange(120.0).reshape(2, 4, 5, 3).transpose(0, 3, 1, 2)  # channels last
        there = backend.to_device(images, name)
        assert there.strides == images.strides
        back = backend.to_device(there, "cpu")
        assert back.strides == images.strides
        assert np.array_equal(back, images)
