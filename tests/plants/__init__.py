"""Wrong methods to plant in the library, one at a time: tests/test_planted.py sees each caught.  One file a family."""

from plants import catalogue, convolution, elementwise, norms, pooling, reductions, values, windows

FAMILIES = (pooling, windows, convolution, norms, elementwise, reductions, catalogue, values)
PLANTS = [plant for family in FAMILIES for plant in family.PLANTS]
