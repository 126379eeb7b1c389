"""The pytest plugin: the fixture `gradcheck` in somebody else's test suite, where minigen is merely installed."""

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

PROGRAM = """
import numpy as np
import minigen

X = np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]])

class Cube(minigen.Function):
    def forward(self, x):
        return x**3
    def backward(self, grad):
        return grad * {factor} * self.inputs[0] ** 2

def test_cube(gradcheck):
    report = gradcheck(Cube.apply, X, order=2)
    assert report.worst.error < 1e-6

def affine(x, w):
    return x @ w, (x, w)

def affine_backward(dout, cache):
    x, w = cache
    return {dx}, x.T @ dout

def test_affine(gradcheck):
    gradcheck.backward(affine, affine_backward, X, np.eye(3) + X[:1])
"""


BROKEN = """
def broken(x):
    return x.exp() / undefined

def test_broken(gradcheck):
    gradcheck(broken, X)
"""


@pytest.fixture
def run(pytester):
    """Run tests as another project would: in a process of its own, every warning an error."""
    pytester.makeini("[pytest]\nfilterwarnings = error\n")

    def run(program, *options):
        pytester.makepyfile(program)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)

    return run


def test_right_gradients_pass_beside_xdist_too(run):
    run(PROGRAM.format(factor=3, dx="dout @ w.T"), "-n", "1").assert_outcomes(passed=2)


def test_failures_show_the_cause_and_nothing_of_minigen(run):
    result = run(PROGRAM.format(factor=2, dx="dout @ w") + BROKEN)
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "*report = gradcheck(Cube.apply, X, order=2)",
            "E*GradientError: Cube: the derivative of order 1 is wrong",
            "E*index*analytic*numeric*ratio",
            "E*Likely cause: each element is 0.66667 times the right one; 0.66667 is 2/3*",
            "*gradcheck.backward(affine, affine_backward, X, np.eye(3) + X[[]:1[]])",
            "E*Likely cause: right for w with axes 0 and 1 exchanged*",
            "*return x.exp() / undefined",
            "E*NameError: name 'undefined' is not defined",
        ]
    )
    text = result.stdout.str()
    failures = text[text.index("= FAILURES") : text.index("= short test summary")]
    assert "minigen/" not in failures
    assert len(failures.splitlines()) <= 75


def test_pytest_starts_without_numpy():
    """A project that does not ask for the fixture does not wait for it."""
    program = "import sys, pytest_minigen; print(*{name.split('.')[0] for name in sys.modules})"
    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "pytest_minigen" in modules
    assert not {"numpy", "minigen"} & set(modules)
