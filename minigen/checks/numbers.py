"""What a number is: 0.25 is 1/N for a batch of 4, 1.414 is a root of 2.  Plain arithmetic, no arrays."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

__all__ = ["describe_factor", "name_factor"]

CONSTANTS = {"pi": math.pi, "sqrt(2 pi)": math.sqrt(2 * math.pi), "ln 2": math.log(2), "ln 10": math.log(10)}


def name_factor(factor: float, lengths: Iterable[tuple[int, str]]) -> str | None:
    """Words for a factor that is made from a length, or from a small whole number; None where nothing fits.

    Examples
    --------
    >>> name_factor(0.25, [(4, "the length of axis 0 of input 0")])
    '1/N, where N = 4 is the length of axis 0 of input 0'
    >>> name_factor(2.0, [(2, "the length of axis 1 of input 0")])
    '2 (or N, where N = 2 is the length of axis 1 of input 0)'
    >>> name_factor(0.7312, [])
    """
    size = abs(factor)
    simple = {}
    for n, words in lengths:
        if n > 1:
            forms = {"N": n, "1/N": 1 / n, "sqrt(N)": math.sqrt(n), "1/sqrt(N)": 1 / math.sqrt(n)}
            forms |= {"N/(N-1)": n / (n - 1), "(N-1)/N": (n - 1) / n, "2/N": 2 / n, "N/2": n / 2}
            for form, value in forms.items():
                simple.setdefault(form, []).append((value, f"{form}, where N = {n} is {words}"))
    candidates = [pair for pairs in simple.values() for pair in pairs]  # N of any length before 1/N, before sqrt(N)
    found = [words for value, words in candidates if math.isclose(value, size, rel_tol=1e-5)]
    fraction = Fraction(size).limit_denominator(12)
    plain = None
    if fraction and math.isclose(fraction, size, rel_tol=1e-5) and fraction.numerator <= 36:
        plain = str(fraction)
    for name, value in CONSTANTS.items():
        for form, number in ((name, value), (f"1/{name}", 1 / value), (f"sqrt({name})", math.sqrt(value))):
            if math.isclose(number, size, rel_tol=1e-5):
                plain = form
    root = Fraction(size * size).limit_denominator(12)
    if plain is None and root and math.isclose(root, size * size, rel_tol=1e-5) and root.numerator <= 12:
        plain = f"sqrt({root})"
    if found and plain and not (found[0].startswith(("N,", "1/N,")) and max(size, 1 / size) > 3.5):
        return f"{plain} (or {found[0]})"
    return found[0] if found else plain


def describe_factor(factor: float, name: str | None) -> tuple[str, str]:
    """The sentence about a constant factor, and what to look at."""
    sign = " and has the wrong sign" if factor < 0 else ""
    sentence = f"each element is {factor:.5g} times the right one{sign}"
    if name is None:
        return f"{sentence}, a constant factor.", "a constant that is missing in backward, or counted twice."
    size = f"{abs(factor):.5g}"
    sentence += "." if name == size else f"; {size} is {name}."
    looks = {
        "2": "a factor 2 too many: a gradient that is added twice, or the 2 of a square that 1/2 cancels.",
        "1/2": "a factor 2 that is missing: the 2 of x**2, or one of two paths to the same input.",
        "N,": "the division by N: a mean in forward divides, and so must its backward.",
        "1/N,": "the division by N: gradients of a sum are summed, not averaged.",
    }
    return sentence, looks.get(name.split(" ")[0], "this factor in backward: is it missing, or counted twice?")
