"""Norms under the names that PyTorch's ``torch.linalg`` gives them; nothing else of linear algebra is here.

Norms of vectors only: a norm of a matrix by its singular values needs a decomposition, which minigen does not have.
"""

from __future__ import annotations

from typing import Any

from minigen.arguments import Dims
from minigen.operands import given
from minigen.ops import statistics
from minigen.tensor import Tensor

__all__ = ["norm", "vector_norm"]


def vector_norm(x: Tensor, ord: Any = 2, dim: Dims = None, keepdim: bool = False) -> Tensor:
    r"""The norm of order ``ord`` of the elements along ``dim``, taken as one vector.

    .. math:: \lVert x \rVert_p = \Big( \sum_i |x_i|^p \Big)^{1/p}

    Parameters
    ----------
    x : Tensor
        Floating point.
    ord : float, default 2
        The order; also inf, -inf and 0 (see `minigen.norm`).
    dim : int or tuple of int, optional
        The axes; all of them by default.
    keepdim : bool, default False
        Leave these axes with length 1.

    Raises
    ------
    ValueError
        If ``ord`` is no number.

    Notes
    -----
    The derivative at a norm of 0 is taken as 0.

    Examples
    --------
    >>> import minigen
    >>> vector_norm(minigen.tensor([[3.0, 4.0], [6.0, 8.0]]), dim=1)
    tensor([ 5., 10.])
    """
    if isinstance(ord, str):
        raise ValueError(f"vector_norm: ord must be a number, not {ord!r}")
    return statistics.norm("vector_norm", given("vector_norm", x, "x"), ord, dim, keepdim)


def norm(A: Tensor, ord: Any = None, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The norm of vectors, or the Frobenius norm of matrices.

    Parameters
    ----------
    A : Tensor
        Floating point.
    ord : float or "fro", optional
        Without it: the root of the sum of squares.  A number: the norm of that order, for one axis only, since of a
        matrix it would be another norm.
    dim : int or tuple of int, optional
        The axes; all of them by default.
    keepdim : bool, default False
        Leave these axes with length 1.

    Raises
    ------
    ValueError
        If a norm of matrices other than "fro" is asked for; `vector_norm` takes several axes as one vector.

    Examples
    --------
    >>> import minigen
    >>> norm(minigen.tensor([[1.0, 2.0], [2.0, 4.0]])).item()
    5.0
    """
    given("norm", A, "A")
    axes = A.ndim if dim is None else len(dim) if isinstance(dim, (tuple, list)) else 1
    if ord is not None and (axes != 1 if ord != "fro" else axes != 2):
        raise ValueError(
            f'norm: ord={ord!r} over {axes} axes is not here: numbers go with one axis, "fro" with two; '
            "vector_norm takes several axes as one vector"
        )
    return statistics.norm("norm", A, ord, dim, keepdim)
