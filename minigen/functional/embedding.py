"""Embedding: one learned row for each word, class or code.

A row is chosen by its number, which is no more than indexing ``weight[input]``; what is added here are checks, and
a row that stays as it is.  One-hot vectors are not made: the product with them is the same and costs more.
"""

from __future__ import annotations

from minigen.functional.arguments import check_floating, check_tensor
from minigen.namespace import where
from minigen.tensor import Tensor


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Look up rows: ``y[i, j, :] = weight[input[i, j], :]``.

    Parameters
    ----------
    input : Tensor
        Row numbers, integers from 0 to V - 1, of any shape.
    weight : Tensor
        (V, D): V rows of D numbers.
    padding_idx : int, optional
        A row that gets no gradient: that of the word that fills up short sentences.  Negative numbers count from
        the end.

    Returns
    -------
    Tensor
        Of shape (..., D).

    Raises
    ------
    TypeError
        If ``input`` holds no integers.
    IndexError
        If a number is no row of ``weight`` (looked at only where ``input`` is on the CPU).
    ValueError
        If ``weight`` is no table, or ``padding_idx`` is not one of its rows.

    Notes
    -----
    dL/dweight adds each dL/dy[i, j, :] to the row that was chosen, a scatter-add of rows, whose adjoint is the
    lookup itself.

    Examples
    --------
    >>> import minigen
    >>> weight = minigen.tensor([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]])
    >>> embedding(minigen.tensor([2, 0, 2]), weight).tolist()
    [[3.0, 4.0], [0.0, 0.0], [3.0, 4.0]]
    """
    check_tensor("embedding", input=input)
    check_floating("embedding", weight=weight)
    if input.dtype.kind not in "iu":
        raise TypeError(
            f"embedding: input has dtype {input.dtype}, but row numbers are integers; convert it with input.long()"
        )
    if weight.ndim != 2:
        raise ValueError(f"embedding: weight {weight.shape} must have two axes: (rows, length of a row)")
    rows = weight.shape[0]
    padding_idx = check_padding_idx("embedding", padding_idx, rows)
    numbers = input.long()
    if input.device == "cpu" and input.numel():
        low, high = int(numbers.array.min()), int(numbers.array.max())
        if low < 0 or high >= rows:
            wrong = low if low < 0 else high
            raise IndexError(
                f"embedding: input holds the number {wrong}, but weight {weight.shape} has rows 0 to {rows - 1}"
            )
    y = weight[numbers]  # (..., D)
    if padding_idx is None:
        return y
    return where((numbers != padding_idx).unsqueeze(-1), y, y.detach())  # (..., 1), (..., D) -> (..., D)


def check_padding_idx(owner: str, padding_idx: int | None, rows: int) -> int | None:
    """Return the padding row's number, counted from 0; raise ValueError unless there is such a row."""
    if padding_idx is None:
        return None
    if isinstance(padding_idx, bool) or not isinstance(padding_idx, int) or not -rows <= padding_idx < rows:
        raise ValueError(
            f"{owner}: padding_idx={padding_idx!r} must be one of the {rows} rows, from {-rows} to {rows - 1}"
        )
    return padding_idx % rows
