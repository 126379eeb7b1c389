"""Putting single samples together into a batch.

The loader's last step, and its default: a list of N samples becomes one sample whose tensors carry a batch
axis.  It knows shapes and containers, and neither data sets nor threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigen.creation import from_numpy
from minigen.namespace import stack
from minigen.tensor import Tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """Stack N samples into one batch, as ``torch.utils.data.default_collate`` does.

    Parameters
    ----------
    batch : sequence of N samples
        Each a tensor, a NumPy array, a number, a string, or a list, tuple or dict of these.

    Returns
    -------
    Tensor, list or dict
        Tensors and arrays (...) become a Tensor (N, ...); ints an int64 and floats a float64 Tensor (N,);
        strings stay a list; a tuple of parts becomes a list of batches, a dict a dict of batches.

    Raises
    ------
    ValueError
        If the batch is empty, or its samples differ in shape or in number of parts.
    TypeError
        If a sample is of another kind, for instance a Pillow image.

    Examples
    --------
    >>> images, labels = default_collate([(np.zeros((1, 28, 28)), 3), (np.ones((1, 28, 28)), 7)])
    >>> images.shape, labels.tolist()
    ((2, 1, 28, 28), [3, 7])
    """
    if not isinstance(batch, Sequence):
        raise TypeError(f"default_collate: a list of samples is wanted, not {type(batch).__name__}")
    if len(batch) == 0:
        raise ValueError("default_collate: the batch is empty")
    first = batch[0]
    _check_kinds(batch)
    if isinstance(first, Tensor):
        _check_shapes(batch)
        return stack(list(batch))  # N x (...) -> (N, ...)
    if isinstance(first, (np.ndarray, np.generic)):
        _check_shapes(batch)
        return from_numpy(np.stack(batch))  # N x (...) -> (N, ...)
    if isinstance(first, (bool, int, float)):
        return from_numpy(np.array(batch))  # N numbers -> (N,)
    if isinstance(first, (str, bytes)):
        return list(batch)
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, Sequence):
        return [default_collate(part) for part in zip(*batch)]
    remedy = "add ToTensor() to the data set's transform" if _is_pillow(first) else "or pass collate_fn"
    raise TypeError(
        f"default_collate: cannot batch {type(first).__name__}; it takes tensors, NumPy arrays, numbers, "
        f"strings, and lists, tuples and dicts of these: {remedy}"
    )


def _check_kinds(batch: Sequence[Any]) -> None:
    """Refuse samples that are not alike: a tensor beside a number, two parts beside three."""
    first = batch[0]
    for i, sample in enumerate(batch):
        if all(isinstance(x, (bool, int, float)) and not isinstance(x, np.generic) for x in (first, sample)):
            continue
        if not isinstance(sample, type(first)):
            raise ValueError(
                f"default_collate: sample 0 of the batch is of type {type(first).__name__}, "
                f"but sample {i} is of type {type(sample).__name__}"
            )
        if isinstance(first, Mapping) and set(sample) != set(first):
            raise ValueError(
                f"default_collate: sample 0 of the batch has the keys {list(first)}, but sample {i} has {list(sample)}"
            )
        if isinstance(first, (list, tuple)) and len(sample) != len(first):
            raise ValueError(
                f"default_collate: sample 0 of the batch has {len(first)} parts, but sample {i} has {len(sample)}"
            )


def _check_shapes(batch: Sequence[Any]) -> None:
    first = tuple(batch[0].shape)
    for i, sample in enumerate(batch):
        if tuple(sample.shape) != first:
            raise ValueError(
                f"default_collate: sample 0 of the batch has shape {first}, but sample {i} has "
                f"{tuple(sample.shape)}; images of one batch must be of one size: add Resize(size) and "
                "CenterCrop(size) to the data set's transform (or pass collate_fn)"
            )


def _is_pillow(image: Any) -> bool:
    """Say whether an object is a Pillow image, without importing Pillow."""
    return any(cls.__module__.startswith("PIL.") for cls in type(image).__mro__)
