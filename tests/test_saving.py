"""`save` and `load`: what comes back is what went in, other programs can read it, and no file runs anything."""

import io
import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigen
from minigen import nn, optim
from minigen.data import WriteError

DTYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")


def again(value):
    """What comes back of something that is saved."""
    file = io.BytesIO()
    minigen.save(value, file)
    file.seek(0)
    return minigen.load(file)


def same(a, b):
    """Whether two things are of one type, and equal to the last bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, minigen.Tensor):
        return a.requires_grad == b.requires_grad and same(a.detach().numpy(), b.detach().numpy())
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


TENSORS = st.builds(
    lambda dtype, shape: minigen.ones(*shape).to(dtype),
    st.sampled_from(DTYPES),
    st.lists(st.integers(0, 3), max_size=3),
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
KEYS = st.text(max_size=3) | st.integers() | st.booleans() | st.none()
NESTED = st.recursive(
    PLAIN | TENSORS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.sampled_from(["a", "b", "a.b", "b.a", "", "'"]) | KEYS, inner, max_size=4)
    ),
    max_leaves=12,
)


@given(NESTED)
def test_what_comes_back_is_what_went_in(value):
    assert same(again(value), value)


def state_of(seed):
    """A model with a convolution, whose weight lies in memory in another order, and all that is saved of training."""
    minigen.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(27, 2))
    optimizer = optim.Adam(model.parameters(), lr=0.1, betas=(0.5, 0.9))
    return model, optimizer, optim.lr_scheduler.StepLR(optimizer, 2)


def steps(model, optimizer, schedule, n):
    for _ in range(n):
        optimizer.zero_grad()
        model(minigen.randn(4, 2, 5, 5)).square().mean().backward()
        optimizer.step()
        schedule.step()
    return [parameter.detach().numpy().copy() for parameter in model.parameters()]


def test_a_loop_that_was_saved_goes_on_as_if_it_had_not_stopped(tmp_path):
    parts = state_of(0)
    steps(*parts, n=3)
    path = tmp_path / "new" / "checkpoint.pt"
    states = [part.state_dict() for part in parts]
    minigen.save({"parts": states, "epoch": 3, "random": minigen.get_rng_state(), "best": math.inf}, path)
    expected = steps(*parts, n=3)

    others = state_of(1)
    kept = minigen.load(path, map_location=minigen.device("cpu"), weights_only=False)
    for part, state in zip(others, kept["parts"], strict=True):
        part.load_state_dict(state)
    minigen.set_rng_state(kept["random"])
    assert (kept["epoch"], kept["best"]) == (3, math.inf)
    assert all(np.array_equal(a, b) for a, b in zip(expected, steps(*others, n=3), strict=True))


def test_one_tensor_in_two_places_is_one_again():
    weight = minigen.ones(2, requires_grad=True)
    found = again({"first": weight, "second": [weight]})
    assert found["first"] is found["second"][0]
    assert found["first"].requires_grad
    found["first"].data.fill_(3)  # and can be written to
    assert found["second"][0].tolist() == [3, 3]


def test_places_of_one_name_are_kept_apart():
    value = {"a": {"b": minigen.zeros(1)}, "a.b": minigen.ones(1), "": [minigen.full((1,), 2.0)], "0": minigen.ones(2)}
    assert same(again(value), value)


def test_numbers_of_numpy_become_pythons_and_arrays_stay_arrays():
    rng = np.random.default_rng(0)
    array = rng.random((3, 4)).T[:, ::2]  # neither contiguous nor in order
    found = again({"loss": np.float32(0.5), "n": np.int64(3), "array": array, "big": array.astype(">f4")})
    assert same(again(np.array([1j], np.complex64)), np.array([1j], np.complex64)), "though no tensor may hold them"
    assert same(found["loss"], 0.5)
    assert same(found["n"], 3)
    assert np.array_equal(found["array"], array)
    assert np.array_equal(found["big"], array.astype("f4"))
    found["array"][0] = 1


def test_pytorch_reads_a_state_and_its_states_are_read(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    ours, path = nn.Conv2d(2, 3, 3), str(tmp_path / "weights.safetensors")
    minigen.save(ours.state_dict(), path)
    theirs = torch.nn.Conv2d(2, 3, 3)
    theirs.load_state_dict(load_file(path))
    assert np.array_equal(theirs.weight.detach().numpy(), ours.weight.detach().numpy())

    other = torch.nn.Conv2d(2, 3, 3)
    save_file(other.state_dict(), path)
    ours.load_state_dict(minigen.load(path))
    assert np.array_equal(other.weight.detach().numpy(), ours.weight.detach().numpy())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (nn.Linear(2, 2), "save: obj is a Linear, which only code could bring back; save its state_dict()"),
        ({"a": [optim.SGD([nn.Parameter(minigen.ones(1))], lr=1)]}, "save: a.0 is a SGD, .* save its state_dict"),
        ({"x": {1, 2}}, "save: x is a set, .*; tensors, arrays, numbers, texts, None, and dicts, lists and tuples"),
        ({(1, 2): 3}, "save: a key of obj is a tuple"),
        (np.zeros(2, complex), "save: tensor is complex128, but a checkpoint holds bool, int8"),
        (np.array([None]), "save: tensor is object"),
    ],
)
def test_what_needs_code_is_not_saved(value, words, tmp_path):
    path = tmp_path / "kept"
    minigen.save(1, path)
    with pytest.raises(TypeError, match=words):
        minigen.save(value, path)
    assert minigen.load(path) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_what_holds_itself_is_not_saved():
    endless = []
    endless.append(endless)
    with pytest.raises(ValueError, match="save: obj holds itself"):
        minigen.save(endless, io.BytesIO())


def test_places_and_devices_that_are_none(tmp_path):
    for call in (lambda: minigen.save(1, None), lambda: minigen.load(None)):
        with pytest.raises(TypeError, match="f must be the path of a file, not None"):
            call()
    with pytest.raises(FileNotFoundError):
        minigen.load(tmp_path / "nowhere")
    with pytest.raises(WriteError):
        minigen.save(1, tmp_path)
    with pytest.raises(ValueError, match="device: 'gpu' is unknown"):
        minigen.load(tmp_path, map_location="gpu")


def test_a_pickle_is_told_from_a_damaged_file_and_never_read(tmp_path):
    torch = pytest.importorskip("torch")
    for name, old in (("new", False), ("old", True)):
        torch.save({"a": torch.ones(2)}, tmp_path / name, _use_new_zipfile_serialization=not old)
        with pytest.raises(ValueError, match=rf"load: .*{name} was pickled, .* safetensors\.torch\.save_file"):
            minigen.load(tmp_path / name)


def with_structure(text):
    """A file with one tensor "x" and this text in the place of the structure."""
    header = {"__metadata__": {"minigen.save": text}, "x": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}}
    content = json.dumps(header).encode()
    return struct.pack("<Q", len(content)) + content + bytes(8)


STRUCTURES = ["", "{", '["tensor"]', '["tensor", "y", false]', '["tensor", "x", true]', '["tensor", ["x"], 1, 2]']
STRUCTURES += ['["array", "y"]', '["dict", 3]', '["dict", [[], 1]]', '["dict", [["list"], 1]]', "[]", '["exec", "x"]']
STRUCTURES += ["[" * 100_000, '["list", ' * 5_000 + "1" + "]" * 5_000]


@pytest.mark.parametrize("text", STRUCTURES, ids=lambda text: text[:25])
def test_a_structure_that_makes_no_sense(text):
    with pytest.raises(ValueError, match="load: the file is damaged, or was not written by save"):
        minigen.load(io.BytesIO(with_structure(text)))


def read_or_message(content):
    try:
        return minigen.load(io.BytesIO(content))
    except ValueError as error:
        return str(error)


def test_damaged_files_are_refused_or_read_but_nothing_else():
    """Cut off everywhere, and with every byte of the header changed: numbers alone may be others."""
    file = io.BytesIO()
    minigen.save({"a": minigen.ones(3), "b": (1, [minigen.zeros(2, 2)])}, file)
    whole = file.getvalue()
    rng = np.random.default_rng(0)
    damaged = [whole[:n] for n in range(len(whole))]
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= int(rng.integers(1, 256))
        damaged.append(bytes(changed))
    found = [read_or_message(content) for content in damaged]
    refused = [one for one in found if isinstance(one, str)]
    assert all(message.startswith("load: the file ") for message in refused)
    assert len(refused) > len(whole)


def test_a_file_as_large_as_memory_is_refused_in_words(monkeypatch):
    def read(self):
        raise MemoryError

    monkeypatch.setattr("pathlib.Path.read_bytes", read)
    with pytest.raises(RuntimeError, match="load: huge does not fit into memory"):
        minigen.load("huge")
