"""Einstein's sums: products of tensors, whose axes are letters, summed over the letters that the result lacks.

The family is closed.  With one letter for every axis, the number ``T = sum of y * a * b * c`` over all letters is
linear in each factor; einsum is its derivative with respect to y, so the derivative of einsum with respect to a is
einsum again, with ``grad`` in y's place and a's letters as the result.  `Einsum` needs for this that each letter of an
operand occurs elsewhere; `einsum` sees to it: it takes diagonals, sums and broadcast axes out beforehand.
"""

from __future__ import annotations

import string
from typing import Any

from minigen.backend import array_module
from minigen.engine import Function
from minigen.operands import Tensor, is_tensor, one_dtype

_LETTERS = string.ascii_uppercase + string.ascii_lowercase  # sorted, as the implicit result is


class Einsum(Function):
    """``Einsum.apply(a, b, equation="ij,jk->ik")``: two operands or more; each letter of one is elsewhere, too."""

    def forward(self, *xs):
        return array_module(xs[0]).einsum(self.equation, *xs, optimize=True)

    def backward(self, grad):
        terms, _, result = self.equation.partition("->")
        terms = terms.split(",")
        grads = []
        for i, needed in enumerate(self.needs_input_grad):
            others = [j for j in range(len(terms)) if j != i]
            equation = ",".join([result, *(terms[j] for j in others)]) + "->" + terms[i]
            xs = [self.inputs[j] for j in others]
            grads.append(Einsum.apply(grad, *xs, equation=equation) if needed else None)
        return tuple(grads)

    def reads(self):
        wanted = [i for i, x in enumerate(self.inputs) if x.requires_grad]
        return [j for j in range(len(self.inputs)) if any(i != j for i in wanted)]


def einsum(equation: str, xs: tuple) -> Tensor:
    """Bring an equation into the form of `Einsum` and apply it."""
    xs = tuple(xs[0]) if len(xs) == 1 and isinstance(xs[0], (list, tuple)) else xs
    terms, result = _parse(equation, xs)
    lengths = _lengths(equation, terms, xs)
    missing = "".join(letter for letter in result if letter not in lengths)
    if missing:
        raise ValueError(f"einsum: {equation!r}: the result has {missing!r}, which no operand has")
    one_dtype("einsum", *xs)
    pairs = [_without_ones(*_diagonals(x, term)) for x, term in zip(xs, terms, strict=True)]
    for i, (x, term) in enumerate(pairs):
        others = "".join(term for j, (_, term) in enumerate(pairs) if j != i)
        pairs[i] = _summed(x, term, result + others)
    kept = "".join(letter for letter in result if any(letter in term for _, term in pairs))
    if len(pairs) == 1:
        y, term = pairs[0]
        y = y.permute([term.index(letter) for letter in kept])
    else:
        y = Einsum.apply(*(x for x, _ in pairs), equation=f"{','.join(term for _, term in pairs)}->{kept}")
    return y.reshape([lengths[letter] for letter in result])  # letters of length 1 come back


def _parse(equation: Any, xs: tuple) -> tuple[list[str], str]:
    """The letters of each operand and of the result; every ``...`` becomes letters of its own."""
    if not isinstance(equation, str):
        raise TypeError(f"einsum: the equation comes first and is a string such as 'ij,jk->ik', not {equation!r}")
    if not xs or not all(map(is_tensor, xs)):
        raise TypeError("einsum: after the equation come the tensors, one for each term")
    left, arrow, result = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(xs):
        raise ValueError(f"einsum: {equation!r} has {len(terms)} terms, but {len(xs)} tensors were given")
    widths = [_width(equation, term, x) for term, x in zip(terms, xs, strict=True)]
    free = [letter for letter in _LETTERS if letter not in equation]
    dots = "".join(free[: max(widths)])
    if not arrow:
        result = "..." + "".join(letter for letter in _LETTERS if left.count(letter) == 1)
    _check_term(equation, result)
    result = result.replace("...", dots)
    if len(set(result)) < len(result):
        raise ValueError(f"einsum: {equation!r}: a letter stands twice in the result")
    return [t.replace("...", dots[len(dots) - w :]) for t, w in zip(terms, widths, strict=True)], result


def _check_term(equation: str, term: str) -> None:
    if not all(letter in _LETTERS for letter in term.replace("...", "", 1)):
        raise ValueError(f"einsum: {equation!r}: {term!r} may hold letters and one '...' only")


def _width(equation: str, term: str, x: Tensor) -> int:
    """How many axes of an operand its ``...`` stands for."""
    _check_term(equation, term)
    width = x.ndim - len(term.replace("...", ""))
    if width < 0 or (width > 0 and "..." not in term):
        raise ValueError(f"einsum: {equation!r}: {term!r} does not name the {x.ndim} axes of shape {x.shape}")
    return width


def _lengths(equation: str, terms: list[str], xs: tuple) -> dict[str, int]:
    """How long the axis of each letter is; beside a longer one, 1 is repeated."""
    lengths: dict[str, int] = {}
    for term, x in zip(terms, xs, strict=True):
        for letter, length in zip(term, x.shape, strict=True):
            before = lengths.get(letter, 1)
            if before != length and 1 not in (before, length):
                shapes = ", ".join(str(x.shape) for x in xs)
                raise ValueError(
                    f"einsum: {equation!r} with {shapes}: an axis {letter!r} is {before} long and another {length}"
                )
            lengths[letter] = length if before == 1 else before
    return lengths


def _diagonals(x: Tensor, term: str) -> tuple[Tensor, str]:
    """Take the diagonal over every letter that stands twice in a term."""
    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            first = term.index(letter)
            second = term.index(letter, first + 1)
            if x.shape[first] != x.shape[second]:
                raise ValueError(f"einsum: {term!r} wants a diagonal, but {x.shape} is not square in {letter!r}")
            x = x.diagonal(0, first, second)
            term = term[:first] + term[first + 1 : second] + term[second + 1 :] + letter
    return x, term


def _without_ones(x: Tensor, term: str) -> tuple[Tensor, str]:
    """Drop axes of length 1: beside a longer axis of that letter they would be repeated."""
    kept = [i for i, length in enumerate(x.shape) if length != 1]
    return x.reshape([x.shape[i] for i in kept]), "".join(term[i] for i in kept)


def _summed(x: Tensor, term: str, elsewhere: str) -> tuple[Tensor, str]:
    """Sum over letters that occur nowhere else."""
    alone = [i for i, letter in enumerate(term) if letter not in elsewhere]
    if not alone:
        return x, term
    return x.sum(alone), "".join(letter for i, letter in enumerate(term) if i not in alone)
