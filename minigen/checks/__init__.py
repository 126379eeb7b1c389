"""Ways to find out whether a gradient or a value is right: finite differences and slow reference loops.

Nothing here is needed to train a model, and nothing here is fast.  `check_gradients` serves the
tests of minigen and your own functions alike; `reference` holds the oracles that values are compared with.
"""

from minigen.checks.gradients import Comparison, GradientError, GradientReport, check_gradients

__all__ = ["Comparison", "GradientError", "GradientReport", "check_gradients"]
