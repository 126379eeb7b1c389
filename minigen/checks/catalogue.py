"""Which pattern is asked first: the catalogue of mistakes as a list, and every cause that it can name."""

from __future__ import annotations

from minigen.checks import patterns, places
from minigen.checks.patterns import Case, Finding

__all__ = ["CAUSES", "name_cause"]

# The most specific first.  Those above the line need no whole array: they hold for elements drawn at random, too.
OF_ELEMENTS = (
    patterns.not_finite,
    patterns.of_higher_order,
    patterns.not_propagated,
    patterns.independent,
    patterns.constant_factor,
    patterns.wrong_signs,
)
OF_ARRAYS = (
    patterns.swapped_inputs,
    patterns.rearranged,
    patterns.grad_output_unused,
    patterns.grad_output_rearranged,
    patterns.missing_sum,
    places.only_own_path,
    patterns.overwritten,
    places.missing_mask,
    places.stride_phase,
    places.slice_of_axis,
    places.border,
    places.zero_somewhere,
    places.factor_of_arrays,
    places.factor_along_axis,
    places.constant_statistic,
    patterns.other_input_rearranged,
    patterns.output_for_input,
)

CAUSES = {
    "averaged": "the mean of several gradients where their sum belongs",
    "border": "only the border is wrong: padding",
    "detached": "right at first order, wrong at a later one: something does not carry its derivative",
    "factor": "a constant factor, such as 2 or 1/N",
    "factor along an axis": "a factor for each channel or row",
    "factor twice": "a factor that is counted twice",
    "flipped": "a flip that is missing, as of a convolution's kernel",
    "grad ignored": "the gradient from above is not used",
    "independent": "a gradient for an input that the output does not depend on",
    "missing factor": "an input or output that is missing as a factor",
    "missing mask": "a gradient where no value passed",
    "missing sum": "one element of a broadcast or batch axis instead of the sum over it",
    "not finite": "NaN or infinity",
    "one slice": "only some indices of one axis: a loop",
    "output for input": "the slope taken at the output",
    "overwritten": "several gradients for one element, of which one is kept",
    "partly zero": "zero at some elements",
    "permuted axes": "axes in the wrong order",
    "shifted": "off by one along an axis",
    "sign": "the wrong sign",
    "statistic": "a mean, variance or sum that was treated as a constant",
    "stride": "only every s-th row or column",
    "swapped inputs": "the gradient of another input",
    "transposed": "two axes exchanged",
    "unknown": "none of these",
    "zero": "not propagated",
}


def name_cause(case: Case) -> Finding:
    """Ask one pattern after the other; the last word is "unknown"."""
    for pattern in OF_ELEMENTS + (OF_ARRAYS if case.whole else ()):
        finding = pattern(case)
        if finding is not None:
            return finding
    return patterns.unknown(case)
