"""Data sets: things with a length whose samples are asked for by number.

`Dataset` is what a data set of your own derives from; `TensorDataset`, `Subset` and `random_split` put data
sets together.  No images, no files and no shuffling here: see the data sets' own files and `DataLoader`.

A data set may also offer ``get_batch(indices)``, which makes a whole batch at once: a set that lies in an
array is then indexed once a batch, not once a sample, and costs next to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np

from minigen.arguments import one_integer
from minigen.backend import Generator
from minigen.backend import generator as global_generator
from minigen.data.collate import default_collate
from minigen.data.sampling import making_sample
from minigen.tensor import Tensor


class Dataset:
    """The base of all data sets: define ``__len__`` and ``__getitem__(index)``.

    ``get_batch(indices)``, with an integer array (N,), may be added: it must give what collating the samples
    one by one would give.

    Examples
    --------
    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 5
    ...     def __getitem__(self, index):
    ...         return index**2
    >>> Squares()[3]
    9
    """

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} must define __getitem__(self, index), which returns sample number index"
        )


class TensorDataset(Dataset):
    """Samples that lie in tensors: sample i is ``(tensors[0][i], tensors[1][i], ...)``.

    Parameters
    ----------
    *tensors : Tensor
        Each of shape (N, ...), with the same N.

    Raises
    ------
    ValueError
        If no tensor is given or their first axes differ.

    Examples
    --------
    >>> import minigen
    >>> pairs = TensorDataset(minigen.arange(6).view(3, 2), minigen.tensor([7, 8, 9]))
    >>> x, y = pairs[1]
    >>> x.tolist(), y.item()
    ([2, 3], 8)
    """

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise ValueError("TensorDataset: give it at least one tensor")
        for tensor in tensors:
            if not isinstance(tensor, Tensor):
                raise TypeError(f"TensorDataset: {type(tensor).__name__} is no tensor; wrap arrays: minigen.from_numpy")
        if any(tensor.dim() == 0 for tensor in tensors) or len({t.shape[0] for t in tensors}) > 1:
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
            raise ValueError(f"TensorDataset: the tensors differ in their first axis: {shapes}")
        self.tensors = tensors

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def get_batch(self, indices: np.ndarray) -> list[Tensor]:
        """Return the samples of ``indices`` (N,) as one list of tensors (N, ...)."""
        return [tensor[indices] for tensor in self.tensors]


class Subset(Dataset):
    """The samples of ``dataset`` whose numbers stand in ``indices``, in that order.

    Parameters
    ----------
    dataset : Dataset
        The whole.
    indices : sequence of int
        Numbers of samples of ``dataset``; a repeated number repeats its sample.

    Raises
    ------
    IndexError
        If a number lies outside the data set.
    """

    def __init__(self, dataset: Any, indices: Any) -> None:
        self.dataset = dataset
        if not isinstance(indices, (Sequence, np.ndarray, Tensor)):
            raise TypeError(f"Subset: indices must be a list of integers, not {indices!r}")
        self.indices = np.array([one_integer("Subset", "each of indices", i) for i in indices], dtype=np.int64)
        length = len(dataset)
        outside = self.indices[(self.indices < -length) | (self.indices >= length)]
        if outside.size:
            raise IndexError(f"Subset: index {outside[0]} lies outside a data set of {length} samples")

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= one_integer("Subset", "an index", index) < len(self):
            raise IndexError(f"Subset: index {index} lies outside a subset of {len(self)} samples")
        return self.dataset[int(self.indices[index])]

    def get_batch(self, indices: np.ndarray) -> Any:
        """Return the samples of ``indices`` (N,), numbers within the subset, as one batch."""
        return fetch(self.dataset, self.indices[indices])


def random_split(dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None) -> list[Subset]:
    """Split a data set at random into parts that do not overlap.

    Parameters
    ----------
    dataset : Dataset
        The whole, of n samples.
    lengths : sequence of int or float
        The lengths of the parts, which add up to n; or fractions, which add up to 1: then part i gets
        ``floor(n * fraction)`` samples, and what is left over is dealt out one by one from the first part on.
    generator : Generator, optional
        Where the order is drawn from; minigen's global generator by default.

    Raises
    ------
    TypeError, ValueError
        If the data set has no length, or those wanted do not add up.

    Examples
    --------
    >>> train, valid = random_split(range(10), [0.75, 0.25])
    >>> len(train), len(valid)
    (8, 2)
    """
    if not hasattr(dataset, "__len__"):
        raise TypeError(f"random_split: a data set that knows its length is wanted, not {type(dataset).__name__}")
    total = len(dataset)
    if not isinstance(lengths, Sequence) or not all(isinstance(part, Real) for part in lengths):
        raise TypeError(f"random_split: lengths must be a list of numbers, not {lengths!r}")
    if any(part < 0 for part in lengths):
        raise ValueError(f"random_split: lengths {list(lengths)} must not be negative")
    if any(isinstance(part, float) for part in lengths):
        if not math.isclose(sum(lengths), 1):
            raise ValueError(f"random_split: fractions {list(lengths)} add up to {sum(lengths)}, not to 1")
        counts = [math.floor(total * part) for part in lengths]
        for i in range(total - sum(counts)):
            counts[i % len(counts)] += 1
    else:
        counts = [int(part) for part in lengths]
    if sum(counts) != total:
        raise ValueError(
            f"random_split: lengths {counts} add up to {sum(counts)}, but the data set has {total} samples"
        )
    order = (generator or global_generator).numpy.permutation(total)
    ends = np.cumsum(counts)
    return [Subset(dataset, order[end - count : end].tolist()) for count, end in zip(counts, ends)]


def take(dataset: Any, indices: np.ndarray) -> list[Any]:
    """Make samples one by one, each with its own random numbers (see `sample_generator`)."""
    samples = []
    for index in indices.tolist():
        with making_sample(index):
            samples.append(dataset[index])
    return samples


def fetch(dataset: Any, indices: np.ndarray, collate_fn: Callable[[list[Any]], Any] | None = None) -> Any:
    """Make one batch: at once where the data set can, else sample by sample."""
    if collate_fn is None and _offers_batches(dataset):
        return dataset.get_batch(indices)
    return (collate_fn or default_collate)(take(dataset, indices))


def _offers_batches(dataset: Any) -> bool:
    """Say whether ``get_batch`` may stand for ``__getitem__``.

    Not where a subclass replaced ``__getitem__`` alone: the inherited ``get_batch`` would pass it by.
    """
    for cls in type(dataset).__mro__:
        if "get_batch" in vars(cls):
            return True
        if "__getitem__" in vars(cls):
            return False
    return False
