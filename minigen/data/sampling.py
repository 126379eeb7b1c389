"""Random numbers for one sample: what a random transform draws from.

A random crop must not depend on how many threads load the data, nor on which of them took the image.  So
the numbers for an image are drawn from (seed, epoch, index), and from nothing else: the loader says which
sample is being made, and a transform asks `sample_generator()` for the generator of that sample.  Outside a
loader there is no such sample, and the numbers come from minigen's global generator.

The sample being made is a context variable, hence one per thread.  It is no argument, so that a transform
is called as in torchvision: ``transform(image)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from minigen.backend import generator

# Which stream of a seed: one numbers the shuffles, the other the samples.
_ORDER, _SAMPLE = 0, 1


class _Sample:
    """The sample being made; its generator is built only when a transform asks for it."""

    def __init__(self, seed: int, epoch: int, index: int) -> None:
        self.key = (seed, epoch, index)
        self.generator: np.random.Generator | None = None


_epoch: ContextVar[tuple[int, int] | None] = ContextVar("epoch", default=None)  # (seed, epoch)
_sample: ContextVar[_Sample | None] = ContextVar("sample", default=None)


def sample_generator() -> np.random.Generator:
    """Return the generator that random transforms draw from.

    Inside a `DataLoader` it belongs to the sample being made and was seeded with (seed, epoch, index);
    elsewhere it is minigen's global generator, the one that `manual_seed` seeds.

    Examples
    --------
    A transform of your own, the same whatever the number of loader threads:

    >>> class RandomInvert:
    ...     def __call__(self, image):
    ...         return 1 - image if sample_generator().random() < 0.5 else image
    """
    sample = _sample.get()
    if sample is None:
        return generator.numpy
    if sample.generator is None:
        seed, epoch, index = sample.key
        stream = np.random.SeedSequence(seed, spawn_key=(_SAMPLE, epoch, index))
        sample.generator = np.random.default_rng(stream)
    return sample.generator


def epoch_order(seed: int, epoch: int, length: int) -> np.ndarray:
    """Return the order of a shuffled epoch: ``0 .. length - 1`` permuted by (seed, epoch) only."""
    stream = np.random.SeedSequence(seed, spawn_key=(_ORDER, epoch))
    return np.random.default_rng(stream).permutation(length)


@contextmanager
def in_epoch(seed: int, epoch: int) -> Iterator[None]:
    """Let the samples made inside the block draw from (seed, epoch, their index)."""
    token = _epoch.set((seed, epoch))
    try:
        yield
    finally:
        _epoch.reset(token)


@contextmanager
def making_sample(index: int) -> Iterator[None]:
    """Say that sample ``index`` is being made; outside an epoch this changes nothing."""
    epoch = _epoch.get()
    token = _sample.set(None if epoch is None else _Sample(*epoch, index))
    try:
        yield
    finally:
        _sample.reset(token)
