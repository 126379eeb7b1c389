"""What a gradient check hands back: every comparison it made, and the error that a student reads.  No checking here."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field

import numpy as np

from minigen.checks.diagnosis import Diagnosis

__all__ = ["Comparison", "GradientError", "GradientReport", "Kink"]


@dataclass(frozen=True)
class Comparison:
    """One derivative, computed twice: of this `order`, last along one direction in this `input`."""

    order: int
    input: str
    shape: tuple[int, ...]
    analytic: float
    numeric: float

    @property
    def error(self) -> float:
        """``|analytic - numeric| / max(1, |analytic|)``; infinite if either is not finite."""
        error = abs(self.analytic - self.numeric) / max(1.0, abs(self.analytic))
        return error if np.isfinite(error) else float("inf")


@dataclass(frozen=True)
class Kink:
    """An input that stood on a kink, and the elements that were moved away from it."""

    input: str
    indices: tuple[tuple[int, ...], ...]

    def __str__(self) -> str:
        if not self.indices:
            return f"{self.input} stands on a kink or close to one"
        places = ", ".join(place(index) for index in self.indices[:3])
        many = len(self.indices)
        if many == 1:
            return f"{self.input} at index {places} stands on a kink"
        rest = f" and {many - 3} more elements" if many > 3 else ""
        return f"{self.input} at {places}{rest}: these stand on a kink"


@dataclass
class GradientReport:
    """What a check found: every comparison it made, in the order in which it made them.

    Attributes
    ----------
    name
        What messages call the function.
    tolerance
        The largest error allowed.
    comparisons
        Those of the point where the check ended.
    moved
        The kinks that were found and left; empty where the function was smooth at the inputs given.
    diagnoses
        What is likely to be wrong, for each input with a failure; empty where nothing is.
    """

    name: str
    tolerance: float
    comparisons: list[Comparison] = field(default_factory=list)
    moved: list[Kink] = field(default_factory=list)
    diagnoses: list[Diagnosis] = field(default_factory=list)

    @property
    def worst(self) -> Comparison:
        """The comparison with the largest error."""
        return max(self.comparisons, key=lambda comparison: comparison.error)

    @property
    def worst_by_order(self) -> dict[int, Comparison]:
        """The comparison with the largest error, for each order."""
        orders = sorted({c.order for c in self.comparisons})
        return {k: max((c for c in self.comparisons if c.order == k), key=lambda c: c.error) for k in orders}

    @property
    def failures(self) -> list[Comparison]:
        """The comparisons whose error is above the tolerance."""
        return [c for c in self.comparisons if not c.error <= self.tolerance]

    def __str__(self) -> str:
        orders = max(c.order for c in self.comparisons)
        many = len(self.comparisons)
        head = f"{self.name}: {many} derivative{'s' * (many != 1)} up to order {orders}"
        notes = self.notes()
        if not self.failures:
            worst = ", ".join(f"{c.error:.1e}" for c in self.worst_by_order.values())
            agree = f"agree{'s' * (many == 1)}"
            return "\n".join([f"{head} {agree} with finite differences (worst error {worst})", *notes])
        return "\n".join([f"{head}, {len(self.failures)} wrong:", *map(self.describe, self.failures), *notes])

    def notes(self) -> list[str]:
        """One sentence about each kink that was left."""
        return [f"{kink}; everything was compared a little beside it" for kink in self.moved]

    def describe(self, c: Comparison) -> str:
        """One sentence about one comparison: which derivative, both values, the error."""
        return (
            f"{self.name}: the derivative of order {c.order} with respect to {c.input} {c.shape} is wrong: "
            f"analytic {c.analytic:.10g}, numeric {c.numeric:.10g} (error {c.error:.1e}, allowed {self.tolerance:.0e})"
        )


class GradientError(AssertionError):
    """A derivative disagrees with finite differences: ``.report`` holds all comparisons, ``.diagnoses`` the causes."""

    def __init__(self, report: GradientReport):
        self.report, self.diagnoses = report, report.diagnoses
        wrong, order = report.failures, report.failures[0].order
        compared = sum(c.order == order for c in report.comparisons)
        which = "the derivative" if compared == 1 else f"{len(wrong)} of {compared} derivatives"
        lines = [f"{report.name}: {which} of order {order} {'are' if wrong[1:] else 'is'} wrong"]
        diagnoses = {diagnosis.input: diagnosis for diagnosis in report.diagnoses}
        for c in wrong:
            lines += [
                "",
                f"{c.input} {c.shape}: along a random direction, analytic {c.analytic:.10g} and numeric "
                f"{c.numeric:.10g} (error {c.error:.1e}, allowed {report.tolerance:.0e})",
            ]
            if c.input in diagnoses:
                lines += [*_table(diagnoses[c.input]), *_explanation(diagnoses[c.input])]
        super().__init__("\n".join([*lines, *report.notes()]))


def place(index: tuple[int, ...]) -> str:
    """An index as messages write it: (1, 2)."""
    return f"({', '.join(map(str, index))})"


def _table(diagnosis: Diagnosis) -> list[str]:
    """The elements that differ most, one a line."""
    rows = [("index", "analytic", "numeric", "ratio")]
    for sample in diagnosis.samples:
        ratio = sample.analytic / sample.numeric if sample.numeric else float("inf")
        shown = f"{ratio:.5g}" if abs(ratio) < 1e6 else "-"
        rows.append((place(sample.index), f"{sample.analytic:.8g}", f"{sample.numeric:.8g}", shown))
    width = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = [f"    {row[0]:<{width[0]}}" + "".join(f"   {row[i]:>{width[i]}}" for i in (1, 2, 3)) for row in rows]
    some = f" ({diagnosis.looked_at} of {diagnosis.size} were looked at)" * (diagnosis.looked_at < diagnosis.size)
    shown = f"; the {len(diagnosis.samples)} that differ most:" if len(diagnosis.samples) < diagnosis.wrong else ":"
    return [f"    {diagnosis.wrong} of {diagnosis.looked_at} elements are wrong{some}{shown}", *lines]


def _explanation(diagnosis: Diagnosis) -> list[str]:
    """The likely cause and what to look at, in lines that fit a terminal."""
    told = (f"    Likely cause: {diagnosis.sentence}", f"    Look at: {diagnosis.look}")
    return [textwrap.fill(part, 114, subsequent_indent=" " * 8) for part in told]
