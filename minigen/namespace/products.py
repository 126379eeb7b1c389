"""Products of vectors, matrices and stacks of them, and Einstein's sums."""

from __future__ import annotations

from typing import Any

from minigen.operands import given
from minigen.ops import einsum as einstein
from minigen.tensor import Tensor, as_tensor

__all__ = [
    "addmm",
    "baddbmm",
    "bmm",
    "dot",
    "einsum",
    "matmul",
    "mm",
    "mv",
    "outer",
]


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product."""
    return as_tensor("matmul", input).matmul(other)


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices, (I, K) and (K, J) -> (I, J); nothing broadcasts."""
    return given("mm", input).mm(mat2)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two stacks of matrices, (N, I, K) and (N, K, J) -> (N, I, J); nothing broadcasts.

    Raises
    ------
    ValueError
        If one has not three axes, or they do not fit; `matmul` takes more.
    RuntimeError
        If the dtypes differ.

    Examples
    --------
    >>> import minigen
    >>> minigen.bmm(minigen.ones(8, 2, 3), minigen.ones(8, 3, 4)).shape
    (8, 2, 4)
    """
    return given("bmm", input).bmm(mat2)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix and a vector, (I, K) and (K,) -> (I,)."""
    return given("mv", input).mv(vec)


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The sum of the products of the elements of two vectors, (K,) and (K,) -> ()."""
    return given("dot", input).dot(tensor)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """All products of an element of one vector and one of another, (I,) and (J,) -> (I, J).

    Examples
    --------
    >>> import minigen
    >>> minigen.outer(minigen.tensor([1, 2]), minigen.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    return given("outer", input).outer(vec2)


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """Beta * input + alpha * (mat1 @ mat2); the input broadcasts to the product, and with beta = 0 it is not read."""
    return given("addmm", input).addmm(mat1, mat2, beta, alpha)


def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """Beta * input + alpha * (batch1 @ batch2), for stacks of matrices; with beta = 0 the input is not read."""
    return given("baddbmm", input).baddbmm(batch1, batch2, beta, alpha)


def einsum(equation: str, *operands: Any) -> Tensor:
    r"""Einstein's sum: multiply tensors, and sum over every axis whose letter is not in the result.

    .. math:: y_{ik} = \sum_j a_{ij} b_{jk} \qquad \text{is} \qquad \texttt{einsum("ij,jk->ik", a, b)}

    Parameters
    ----------
    equation : str
        A term of letters for each tensor, a letter for each axis, and after ``->`` those of the result.  Without
        ``->`` the result has the letters that stand once, in alphabetical order.  ``...`` stands for any number of
        axes, which broadcast.  A letter twice in one term is the diagonal.
    *operands : Tensor
        The tensors, of one dtype, or one list of them.  Axes of one letter have one length, or length 1.

    Returns
    -------
    Tensor
        With the axes of the result.

    Raises
    ------
    ValueError
        If terms and shapes, or the lengths of two axes of one letter, do not fit.
    RuntimeError
        If the dtypes differ.

    Notes
    -----
    The derivative of einsum is einsum again: with respect to a it is ``einsum("ik,jk->ij", grad, b)``, the letters of
    the result in the place of a's.  So gradients of all orders need nothing else.

    Examples
    --------
    >>> import minigen
    >>> a = minigen.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> minigen.einsum("ij,kj->ik", a, a)
    tensor([[ 5., 11.],
            [11., 25.]])
    >>> minigen.einsum("ii", a).item()
    5.0
    """
    return einstein.einsum(equation, operands)
