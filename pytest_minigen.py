"""The pytest plugin of minigen: a fixture ``gradcheck`` that fails a test whose gradients are wrong.

    def test_swish(gradcheck):
        gradcheck(swish, x)                                      # a function of Tensors, a Module
        gradcheck.backward(conv_forward, conv_backward, x, w)    # NumPy functions of a homework

It stands beside the package instead of inside: pytest imports every plugin at its start, and a project that has
minigen installed shall not wait for NumPy before it asks for the fixture.  Nothing is checked here;
`minigen.checks` does the work.
"""

from __future__ import annotations

import os
from types import TracebackType

import pytest


@pytest.fixture(scope="session")
def gradcheck():
    """gradcheck(f, *inputs) and gradcheck.backward(forward, backward, *arrays): finite differences of minigen."""
    return GradCheck()


class GradCheck:
    """`minigen.checks.check_gradients` and `check_backward`, with failures that are short enough to be read."""

    def __call__(self, f, *inputs, **options):
        """Check a function of Tensors or a Module; see `minigen.checks.check_gradients` for the options."""
        __tracebackhide__ = True
        from minigen.checks import check_gradients

        return _run(check_gradients, f, *inputs, **options)

    def backward(self, forward, backward, *arrays, **options):
        """Check a NumPy function with a backward written by hand; see `minigen.checks.check_backward`."""
        __tracebackhide__ = True
        from minigen.checks import check_backward

        return _run(check_backward, forward, backward, *arrays, **options)


def _run(check, *arguments, **options):
    """Call a check; of the traceback of an error, keep the lines of the user's own program."""
    __tracebackhide__ = True
    try:
        return check(*arguments, **options)
    except Exception as error:
        raise error.with_traceback(_own_lines(error.__traceback__)) from None


def _own_lines(trace: TracebackType | None) -> TracebackType | None:
    """Leave out what lies in minigen."""
    import minigen

    if trace is None:
        return None
    rest, file = _own_lines(trace.tb_next), trace.tb_frame.f_code.co_filename
    if file.startswith((os.path.dirname(minigen.__file__), __file__)):
        return rest
    return TracebackType(rest, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)
