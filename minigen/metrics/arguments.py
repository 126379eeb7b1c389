"""Checks at the door of the metrics: what is measured comes in as arrays or tensors and goes on as float64 arrays.

Each raises one sentence that names the metric, the argument and its shape or value, and says what to do.  Nothing here
computes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import minigen

CLASSES = 10


def as_array(owner: str, name: str, value: Any) -> np.ndarray:
    """Return numbers as an array on the host, of whatever type they have.

    Raises
    ------
    TypeError
        If ``value`` holds something else than numbers.
    """
    if hasattr(value, "detach"):  # a tensor, on any device
        value = value.detach().cpu().numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{owner}: {name} must be an array of numbers, not {type(value).__name__} of {array.dtype}")
    return array


def as_tensor(owner: str, name: str, value: Any) -> Any:
    """Return a tensor of whatever library as it is, and other numbers as a tensor of minigen.

    Raises
    ------
    TypeError
        If ``value`` holds something else than numbers.
    """
    return value if hasattr(value, "detach") else minigen.as_tensor(as_array(owner, name, value))


def check_finite(owner: str, name: str, array: np.ndarray) -> None:
    """Refuse NaN and infinity: the figure would be one too, or worse, would not."""
    if not np.isfinite(array).all():
        bad = array.size - np.count_nonzero(np.isfinite(array))
        raise ValueError(
            f"{owner}: {name} {array.shape} holds {bad} values that are NaN or infinite; "
            "look first at what drew them (minigen.autograd.detect_anomaly finds where training broke)"
        )


def check_numbers(owner: str, name: str, value: Any, axes: str, least: int = 1) -> np.ndarray:
    """Return finite numbers as a float64 array of the axes asked for.

    Parameters
    ----------
    owner, name : str
        The metric and its argument, for the message.
    value : array or Tensor
        The numbers.
    axes : str
        The axes by their letters: "N D".
    least : int
        How many rows there must be.

    Raises
    ------
    TypeError, ValueError
        If the shape is another, rows are too few, or a number is NaN or infinite.

    Examples
    --------
    >>> check_numbers("frechet_distance", "samples", np.ones(5), "N D")
    Traceback (most recent call last):
        ...
    ValueError: frechet_distance: samples must be (N, D), not (5,)
    """
    array = as_array(owner, name, value)
    if array.ndim != len(axes.split()):
        wanted = axes.replace(" ", ", ") + ("" if " " in axes else ",")
        raise ValueError(f"{owner}: {name} must be ({wanted}), not {array.shape}")
    if len(array) < least or array.size == 0:
        raise ValueError(f"{owner}: {name} {array.shape} has too few rows; at least {least} are needed")
    array = array.astype(np.float64)
    check_finite(owner, name, array)
    return array


def check_two_sets(owner: str, least: int = 1, **sets: Any) -> list[np.ndarray]:
    """Return two sets of rows, (N, D) and (M, D), as float64 arrays; refuse unequal widths.

    Raises
    ------
    TypeError, ValueError
        As `check_numbers`, and if D differs.
    """
    arrays = [check_numbers(owner, name, value, "N D", least) for name, value in sets.items()]
    (first, second), (a, b) = sets, arrays
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"{owner}: {first} has {a.shape[1]} features a row, but {second} has {b.shape[1]}; "
            "take both from the same network"
        )
    return arrays


def check_probabilities(owner: str, value: Any, name: str = "probabilities") -> np.ndarray:
    """Return (N, C) rows that are probabilities as a float64 array.

    Raises
    ------
    TypeError, ValueError
        If a number lies outside [0, 1] or a row does not add up to 1.
    """
    array = check_numbers(owner, name, value, "N C")
    sums = array.sum(axis=1)  # (N, C) -> (N,)
    if array.min() < 0 or np.abs(sums - 1).max() > 1e-3:
        worst = np.abs(sums - 1).argmax()
        raise ValueError(
            f"{owner}: {name} must be at least 0 and add up to 1 in each row, but the smallest is {array.min():g} and "
            f"row {worst} adds up to {sums[worst]:g}; logits become probabilities by softmax(1)"
        )
    return array


def check_labels(owner: str, name: str, value: Any, classes: int, n: int | None = None) -> np.ndarray:
    """Return labels (N,) from 0 to ``classes - 1`` as an int64 array.

    Raises
    ------
    TypeError, ValueError
        If they are no integers, lie outside, or are not ``n``.
    """
    array = as_array(owner, name, value)
    if array.dtype.kind not in "iu" or array.ndim != 1 or len(array) == 0:
        raise ValueError(
            f"{owner}: {name} must be whole numbers (N,), one an image, not {array.dtype} of shape {array.shape}; "
            "probabilities become labels by argmax(1)"
        )
    if n is not None and len(array) != n:
        raise ValueError(f"{owner}: {len(array)} {name} for {n} images; one an image is wanted")
    if array.min() < 0 or array.max() >= classes:
        raise ValueError(
            f"{owner}: {name} run from {array.min()} to {array.max()}; {classes} classes are 0 to {classes - 1}"
        )
    return array.astype(np.int64)
