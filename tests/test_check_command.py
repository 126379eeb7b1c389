"""``minigen check`` as it is used: on a file of one's own; exit codes 0 for right, 1 for wrong and 2 for unusable."""

import pytest

from minigen.cli import main

MINE = """\
import numpy as np
from helper import one
import minigen
from minigen import Function, nn


def swish(x):
    return x * x.sigmoid() * one


class Cube(Function):
    def forward(self, x):
        return x**3

    def backward(self, grad):
        return grad * 2 * self.inputs[0] ** 2


class Area(Function):
    def forward(self, height, width):
        return height * width

    def backward(self, grad):
        height, width = self.inputs
        return grad * width, grad * height


def affine_forward(x, w, b):
    return x @ w + b, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.mean(0)


def affine_inputs():
    rng = np.random.default_rng(0)
    return rng.standard_normal((5, 3)), rng.standard_normal((3, 2)), rng.standard_normal(2)


def times_forward(a, b):
    return a * b


def times_backward(grad, a, b):
    return grad * b, grad * a


def root(x):
    return x.sqrt()


root_inputs = (np.array([1.0, 2.0]),)


def fails(x):
    return 1 / 0


def to_numpy(x):
    return x.detach().numpy()


class Net(nn.Module):
    def __init__(self, width=2):
        super().__init__()
        self.layer = nn.Linear(3, width)

    def forward(self, x):
        return self.layer(x).tanh()


class Wide(nn.Module):
    def __init__(self, width):
        super().__init__()


model = nn.Linear(3, 2)
number = 3
"""


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "helper.py").write_text("one = 1.0\n")
    (tmp_path / "broken.py").write_text("import numpy as np\nx = np.zeros(3)\ny = x[5]\n")
    (tmp_path / "unfinished.py").write_text("def f(x):\n    return (x\n")
    return tmp_path


def check(*words):
    return main(["check", *words])


@pytest.mark.parametrize(
    "words",
    [
        "mine.py::swish",
        "mine.py::swish --shapes 2,3,4",
        "mine.py::swish --shapes 7 --order 3 --seed 5",
        "mine.py::Area",
        "mine.py::times",
        "mine.py::times_forward --shapes 5 5",
        "mine.py::times_forward,times_backward",
        "mine.py::root",
        "mine.py::Net --shapes 4,3",
        "mine.py::model --shapes 4,3",
    ],
)
def test_what_is_right(words, capsys):
    assert check(*words.split()) == 0
    out, err = capsys.readouterr()
    assert "agree" in out
    assert err == ""


def test_order_and_seed_count(capsys):
    printed = []
    for words in ("--order 1", "--order 3", "--order 3 --seed 1", "--order 3 --seed 1"):
        check("mine.py::swish", *words.split())
        printed.append(capsys.readouterr().out)
    assert "1 derivative up to order 1" in printed[0]
    assert "3 derivatives up to order 3" in printed[1]
    assert printed[1] != printed[2] == printed[3]


@pytest.mark.parametrize("name", ["Cube", "affine", "affine_forward", "affine_forward,affine_backward"])
def test_what_is_wrong(name, capsys):
    assert check(f"mine.py::{name}") == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert "of order 1 is wrong" in out.splitlines()[0]
    assert "Likely cause: each element is" in out
    assert ("2/3" if name == "Cube" else "0.2 is 1/N, where N = 5") in out


UNUSABLE = {
    "": "the following arguments are required: FILE::NAME",
    "nowhere.py::f": "nowhere.py: there is no such file",
    "mine.py": "say what to check in it: mine.py::NAME; it has swish, Cube,",
    "mine.py::swis": "mine.py has no swis; did you mean swish?",
    "mine.py::zzz": "mine.py has no zzz; it has swish, Cube,",
    "mine.py::times_forward,times_back": "mine.py has no times_back; did you mean times_backward?",
    "mine.py::number": "mine.py::number is a int, not a function",
    "mine.py::fails": "mine.py, line 58: ZeroDivisionError: division by zero",
    "mine.py::to_numpy": "to_numpy returned a ndarray, not a Tensor",
    "mine.py::Wide": "make an instance in the file and check that: model = Wide(...)",
    "mine.py::Area --shapes 3": "Area wants height, width, but --shapes has 1 of them",
    "mine.py::Area --shapes 3 4": "mine.py, line 21: ValueError: operands could not be broadcast",
    "mine.py::Area --shapes 4,1 1,3": "Area.backward returned a gradient of shape (4, 3)",
    "mine.py::swish --shapes 2,x": "wants shapes such as 2,3 or 8, not '2,x'",
    "mine.py::swish --shapes 0": "wants shapes such as 2,3 or 8, not '0'",
    "mine.py::swish --order 0": "--order: wants a whole number of at least 1, not '0'",
    "mine.py::swish --tolerance 1": "unknown argument --tolerance",
    "broken.py::f": "broken.py, line 3: IndexError: index 5 is out of bounds",
    "unfinished.py::f": "unfinished.py, line 2: SyntaxError: '(' was never closed",
}


@pytest.mark.parametrize("words", UNUSABLE)
def test_what_cannot_be_checked_is_one_line_and_exit_code_2(words, capsys):
    assert check(*words.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("minigen: ")
    assert err.count("\n") == 1
    assert UNUSABLE[words] in err


def test_a_file_that_is_no_program(mine, capsys):
    (mine / "notes.txt").write_text("x")
    assert check("notes.txt::f") == 2
    assert "no Python file" in capsys.readouterr().err


def test_the_help_shows_how(capsys):
    with pytest.raises(SystemExit) as leaving:
        main(["check", "--help"])
    assert leaving.value.code == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("FILE::NAME", "--shapes", "--order", "--seed", "_inputs()", "Exit codes"))
