"""Ways to find out whether a gradient or a value is right: finite differences and slow reference loops.

Nothing here is needed to train a model, and nothing here is fast.  `check_gradients` serves the tests of minigen and
your own functions alike, `check_backward` a NumPy function with a backward written by hand; where a gradient is wrong,
both say which elements are and what is the likely cause.  `reference` holds the oracles that values are compared with.
"""

from minigen.checks.backward import check_backward
from minigen.checks.diagnosis import Diagnosis
from minigen.checks.gradients import check_gradients
from minigen.checks.report import Comparison, GradientError, GradientReport

__all__ = [
    "Comparison",
    "Diagnosis",
    "GradientError",
    "GradientReport",
    "check_backward",
    "check_gradients",
]
