"""The table: ONE ROW PER FUNCTION, from which tests/test_functions.py makes all of a function's tests.

A row says how to call the function, at which inputs (random, away from kinks), what a slow reference says the value
is, how PyTorch spells it, and which Function classes of minigen it is there for.  A new Function without a row fails
the suite.  No test is written here: what holds for all functions is in test_functions.py.  One file a family.
"""

from table import (
    activations,
    arithmetic,
    convolution,
    elementwise,
    embedding,
    losses,
    noise,
    norms,
    pooling,
    products,
    recomputed,
    reductions,
    resampling,
    shapes,
)

FAMILIES = (
    arithmetic,
    elementwise,
    activations,
    reductions,
    shapes,
    products,
    embedding,
    losses,
    convolution,
    pooling,
    resampling,
    norms,
    noise,
    recomputed,
)
ROWS = [row for family in FAMILIES for row in family.ROWS]
