"""What a row says, and the random inputs that rows draw."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


class Draw:
    """Random inputs that keep away from kinks and poles; every row gets its own, from a seed."""

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)

    def normal(self, *shape):
        return self.rng.standard_normal(shape)

    def positive(self, *shape, low=0.5, high=2.0):
        return self.rng.uniform(low, high, shape)

    def away(self, *shape):
        """Of both signs, at least 0.1 away from 0."""
        return self.rng.uniform(0.1, 2.0, shape) * self.rng.choice([-1.0, 1.0], shape)

    def distinct(self, *shape):
        """All elements at least 0.1 apart, in random order: no ties, also after a small step."""
        n = math.prod(shape)
        return (self.rng.permutation(n).reshape(shape) - n / 2 + self.rng.uniform(-0.2, 0.2, shape)) * 0.25

    def labels(self, *shape, classes):
        return self.rng.integers(0, classes, shape)

    def mask(self, *shape):
        return self.rng.random(shape) < 0.5


@dataclass(frozen=True)
class Row:
    """One function and what the tests need to know about it.

    Attributes
    ----------
    name : str
        The function and, where it has several rows, what is special about this one.
    f : callable
        Tensors -> Tensor.
    inputs : callable
        Draw -> the arrays at which it is tested, float64 where they are differentiated.
    reference : callable
        Arrays -> array: the slow oracle.
    covers : tuple of Function classes
        What the row is there for; its graph must contain them.
    torch : callable or None
        (torch, torch tensors) -> torch tensor.
    batched : tuple of int
        Which inputs have the batch as first dimension; then the function must map an empty batch to an empty batch.
    broadcasts : bool
        Two inputs that may be broadcast against each other.
    """

    name: str
    f: Callable
    inputs: Callable
    reference: Callable
    covers: tuple = ()
    torch: Callable | None = None
    batched: tuple = ()
    broadcasts: bool = False

    def arrays(self, seed=0):
        return tuple(self.inputs(Draw(seed)))
