"""Values between the grader and a hand-in: what goes in comes out, and any bytes are a value or an error."""

import struct

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minigen.course.slicing import slice_for, source_of
from minigen.course.wire import DTYPES, MOST_BYTES, WireError, decode, encode

ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
)
SIMPLE = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=20), ARRAYS
)
VALUES = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=5), inner, max_size=4),
    ),
    max_leaves=12,
)


def same(a, b):
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and a.dtype == b.dtype
            and a.shape == b.shape
            and np.asarray(a, order="C").tobytes() == b.tobytes()
        )
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return type(a) is type(b) and (a == b or a != a)


@given(VALUES)
def test_what_goes_in_comes_out(value):
    assert same(value, decode(encode(value)))


@given(st.binary(max_size=80))
@example(b"a\x08\x01" + struct.pack("<Q", 2**60))
@example(b"a\x08\x02" + struct.pack("<2Q", 2**33, 2**33))
@example(b"l" + struct.pack("<I", 2**32 - 1))
@example(b"l\x01\0\0\0" * 16)
@example(b"d\x01\0\0\0NN")
@example(b"s\xff\xff\xff\xffabc")
def test_any_bytes_are_a_value_or_an_error(data):
    try:
        value = decode(data)
    except WireError:
        return
    encode(value)


@given(VALUES, st.data())
def test_damaged_bytes_are_a_value_or_an_error(value, data):
    content = bytearray(encode(value))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    test_any_bytes_are_a_value_or_an_error.hypothesis.inner_test(bytes(content))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "a object"),
        (2**63, "a int"),
        ({1: 2}, "a dict"),
        (np.array([None]), "an array of object"),
        (np.array(["a"]), "an array of <U1"),
        (np.zeros(3, complex), "an array of complex128"),
        (np.zeros(MOST_BYTES + 1, bool), "more than 64 MiB"),
        ([0] * 30_000, "more than 20000 values"),
        (print, "a builtin_function_or_method"),
    ],
)
def test_what_cannot_travel(value, message):
    with pytest.raises(WireError, match=message):
        encode(value)


def test_a_list_in_itself():
    endless: list = []
    endless.append(endless)
    with pytest.raises(WireError, match="deep"):
        encode(endless)


def test_functions_travel_as_numbers():
    functions: list = []
    data = encode([print, 3, max], functions)
    assert functions == [print, max]
    assert decode(data, functions) == [print, 3, max]
    with pytest.raises(WireError):
        decode(data)
    assert not encode(np.zeros(2)).startswith(b"\x80")  # not a pickle


def test_a_message_that_is_too_long_is_not_even_read():
    with pytest.raises(WireError, match="bytes"):
        decode(bytes(MOST_BYTES + 10**6))


# ---- slices of hand-ins -------------------------------------------------------------------------------------------

PAGE = """\
# %%
import math
import numpy as np
SCALE, unused = 2.0, 3
table = {}
table["a"] = SCALE
for name in "bc":
    table[name] = len(name)
x = [math.sqrt(i) for i in range(10)]
print(x)
# %%
def broken(:
# %%
class Node:
    pass
Node.show = lambda self: math.pi
setattr(Node, "other", 1)
def helper(x):
    return table["a"] * x
@np.vectorize
def answer(x, y=SCALE):
    total = Node()
    return helper(x) + total.show()
check.answer(answer)
"""


def test_a_slice_has_what_is_needed_where_it_stood():
    sliced = slice_for(PAGE, ["answer"])
    lines, kept = PAGE.split("\n"), sliced.program.split("\n")
    dropped = [line for line, other in zip(lines, kept, strict=True) if line and not other and not line.startswith("#")]
    assert dropped == ["x = [math.sqrt(i) for i in range(10)]", "print(x)", "def broken(:", "check.answer(answer)"]
    assert all(other in ("", line) for line, other in zip(lines, kept, strict=True))
    assert sliced.missing == ()
    assert sliced.notes == ("line 12: SyntaxError: invalid syntax",)


def test_what_a_slice_does_not_find():
    assert slice_for(PAGE, ["nowhere", "answer"]).missing == ("nowhere",)
    assert slice_for("", ["a"]).missing == ("a",)
    assert (
        slice_for("a = 1\ndef f():\n    global b\n    b = a\n", ["b"]).program
        == "a = 1\ndef f():\n    global b\n    b = a\n"
    )


def test_a_name_that_is_local_is_not_looked_for():
    text = "x = train()\ndef f(x):\n    y = [x for x in range(3)]\n    return x, y\n"
    assert slice_for(text, ["f"]).program.startswith("\ndef f")


def test_a_function_of_a_module_changes_what_it_is_given():
    text = "import numpy as np\nnp.random.seed(0)\ncounts = slow()\nnp.fill_diagonal(counts, 0)\n"
    f, g = "def f(x):\n    return np.sum(x)", "def g(x):\n    return counts"
    assert slice_for(text + f, ["f"]).program == "import numpy as np\nnp.random.seed(0)\n\n\n" + f
    assert slice_for(text + g, ["g"]).program == text + g


def test_a_notebook_becomes_a_program():
    content = b'{"cells": [{"cell_type": "code", "source": ["!pip install x\\n", "a = 1"]},'
    content += b'{"cell_type": "raw", "source": "b"},'
    content += b'{"cell_type": "code", "source": "%%bash\\nrm -r /"}]}'
    assert source_of(content, notebook=True) == "# %%\n\na = 1\n\n# %%\n\n\n"
    with pytest.raises(ValueError, match="no notebook"):
        source_of(b"{}", notebook=True)
