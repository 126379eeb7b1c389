"""The catalogue of mistakes: what a wrong gradient looks like beside the right one, one function a mistake.

A pattern looks at a `Case` (a gradient by `backward`, the same by differences, and what surrounds them) and returns a
`Finding` where it fits, or None.  A finding is a likely cause and not a proof: another mistake can leave the same
trace.  The patterns of single elements and sums are here, those of places and of statistics in
`minigen.checks.places`, and the order in which they are asked in `minigen.checks.catalogue`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from minigen.checks.numbers import describe_factor, name_factor

__all__ = ["Case", "Finding"]

ALIKE = 1e-5  # two gradients are the same if they differ by less, relative to the largest element


@dataclass(frozen=True)
class Finding:
    """What fits: the cause in a word or two, the sentence that says why, and what to look at."""

    cause: str
    sentence: str
    look: str


def _not_known(*_) -> None:
    """Stand in for a gradient that nobody can compute."""


@dataclass
class Case:
    """A gradient that is wrong, beside the right one.

    Attributes
    ----------
    order
        Of the derivative.
    input, x
        Name and values of what it is the gradient of.
    analytic, numeric, wrong
        The gradient by backward, by differences, and where the two differ.
    whole
        False where only some elements, drawn at random, were looked at: then the three are one-dimensional.
    jacobian
        (all outputs, all elements of x), of order 1 and where it is small enough; else None.
    outputs, grad_outputs
        The function's outputs, and the gradient that reaches each.
    others
        Values of the other inputs, by name.
    lost_in_direction
        The gradient that is wrong is the one with respect to the grad given to a backward.
    numeric_of, numeric_with
        The right gradient of another input; of this one, where another input (by name) has other values.
    """

    order: int
    input: str
    x: np.ndarray
    analytic: np.ndarray
    numeric: np.ndarray
    wrong: np.ndarray
    whole: bool = True
    jacobian: np.ndarray | None = None
    outputs: tuple[np.ndarray, ...] = ()
    grad_outputs: tuple[np.ndarray, ...] = ()
    others: dict[str, np.ndarray] = field(default_factory=dict)
    lost_in_direction: bool = False
    numeric_of: Callable[[str], np.ndarray | None] = _not_known
    numeric_with: Callable[[str, np.ndarray], np.ndarray | None] = _not_known

    @property
    def output(self) -> np.ndarray | None:
        """The output, where there is only one."""
        return self.outputs[0] if len(self.outputs) == 1 else None

    def gradient_for(self, grad_output: np.ndarray) -> np.ndarray:
        """The right gradient for another gradient of the one output."""
        assert self.jacobian is not None
        return (grad_output.ravel() @ self.jacobian).reshape(self.x.shape)

    def is_analytic(self, candidate: np.ndarray | None) -> bool:
        """True if a candidate explains the wrong gradient."""
        return candidate is not None and alike(self.analytic, candidate)

    def lengths(self) -> Iterator[tuple[int, str]]:
        """Every length above 1 that the function can have divided by, and what it is the length of."""
        arrays = {self.input: self.x, **self.others}
        if self.output is not None:
            arrays = {self.input: self.x, "the output": self.output, **self.others}
        y = self.output
        if y is not None and y.ndim == self.x.ndim > 2 and 0 < y.size < self.x.size and self.x.size % y.size == 0:
            yield self.x.size // y.size, f"the number of elements of {self.input} for each one of the output"
        for name, a in arrays.items():
            yield from ((n, f"the length of axis {i} of {name}") for i, n in enumerate(a.shape))
        for name, a in arrays.items():
            if a.ndim > 1:
                yield a.size, f"the number of elements of {name}"
                yield a.size // max(a.shape[0], 1), f"the number of elements of {name} for each index of axis 0"
                yield a.size // max(a.shape[1], 1), f"the number of elements of {name} for each index of axis 1"
            if a.ndim > 3:
                yield a.shape[-1] * a.shape[-2], f"the number of pixels of {name}"


def alike(a: np.ndarray, b: np.ndarray) -> bool:
    """True if two gradients agree, up to the errors of difference quotients."""
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    scale = np.abs(b).max(initial=0)
    return bool(np.abs(a - b).max(initial=0) <= ALIKE * scale and scale > 1e-6)


def axes_in_words(axes) -> str:
    """Axis 1; axes 0, 2 and 3."""
    words = [str(a) for a in axes]
    return f"axis {words[0]}" if len(words) == 1 else f"axes {', '.join(words[:-1])} and {words[-1]}"


# ---- nothing, everything, a factor -------------------------------------------------------------------------------


def not_finite(case: Case) -> Finding | None:
    """NaN or infinity in the gradient, where the function is finite."""
    if np.isfinite(case.analytic).all():
        return None
    return Finding(
        "not finite",
        "the gradient has NaN or infinite elements although the function is finite here.",
        "a division by zero, log of zero or 0 * infinity in backward; where a branch is masked, mask before it.",
    )


def not_propagated(case: Case) -> Finding | None:
    """The gradient is zero everywhere."""
    if case.analytic.any():
        return None
    return Finding(
        "zero",
        f"the analytic gradient is zero: it was not propagated to {case.input}.",
        "backward returning None or zeros for this input; detach(), .array, .numpy(), no_grad() on the way from it.",
    )


def independent(case: Case) -> Finding | None:
    """There is a gradient, but the output does not change."""
    if np.abs(case.numeric).max(initial=0) > 1e-7 * max(1.0, np.abs(case.analytic).max(initial=0)):
        return None
    return Finding(
        "independent",
        f"the output does not depend on {case.input} here, but backward returns a gradient for it.",
        "whether forward uses this input at all, and whether it rounds, compares or detaches it.",
    )


def constant_factor(case: Case) -> Finding | None:
    """Each element is the same multiple of the right one."""
    factor = np.vdot(case.analytic, case.numeric) / max(np.vdot(case.numeric, case.numeric), 1e-300)
    if not case.is_analytic(factor * case.numeric):
        return None
    if abs(factor + 1) < ALIKE:
        return Finding(
            "sign",
            "each element has the right size and the wrong sign.",
            "the sign of this gradient in backward: a - b gives -grad to b, 1/x gives -grad/x**2.",
        )
    name = name_factor(factor, case.lengths())
    enough = np.count_nonzero(np.abs(case.numeric) > ALIKE * np.abs(case.numeric).max()) >= 3
    if name is None and not enough:
        return None
    sentence, look = describe_factor(factor, name)
    return Finding("factor", sentence, look)


def wrong_signs(case: Case) -> Finding | None:
    """Some elements have the wrong sign, and nothing else is wrong."""
    if not alike(np.abs(case.analytic), np.abs(case.numeric)):
        return None
    return Finding(
        "sign",
        "each element has the right size, but some have the wrong sign.",
        "a missing sign(x), an abs() too many, or a sign that depends on the element.",
    )


# ---- the gradient of something else ------------------------------------------------------------------------------


def swapped_inputs(case: Case) -> Finding | None:
    """It is the gradient of another input."""
    for name, values in case.others.items():
        if values.shape == case.x.shape and case.is_analytic(case.numeric_of(name)):
            return Finding(
                "swapped inputs",
                f"this is the gradient of {name}.",
                "the order in which backward returns its gradients: that of forward's arguments.",
            )
    return None


def rearrangements(a: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    """Everything that exchanges, reverses or shifts axes of an array: cause, words, array."""
    for axes in itertools.permutations(range(a.ndim)):
        moved = [i for i, axis in enumerate(axes) if i != axis]
        if moved and a.transpose(axes).shape == a.shape:
            if len(moved) == 2:
                yield "transposed", f"{axes_in_words(moved)} exchanged (transposed)", a.transpose(axes)
            else:
                yield "permuted axes", f"its axes in the order {axes}", a.transpose(axes)
    for n in range(1, a.ndim + 1):
        for axes in itertools.combinations(range(a.ndim), n):
            if all(a.shape[axis] > 1 for axis in axes):
                yield "flipped", f"{axes_in_words(axes)} reversed (flipped)", np.flip(a, axes)
    for axis, n in enumerate(a.shape):
        for shift in (1, -1, 2, -2):
            if abs(shift) < n / 2:
                plural = "s" * (abs(shift) > 1)
                yield "shifted", f"axis {axis} shifted by {shift:+d} element{plural}", np.roll(a, shift, axis)


LOOK_AT_ORDER = {
    "transposed": "a missing .T (or mT, swapaxes) in backward, or one too many.",
    "permuted axes": "permute and reshape in backward: the inverse of dims is argsort(dims); reshape is no transpose.",
    "flipped": "a flip of the kernel: correlation forward is convolution backward, the kernel turned by 180 degrees.",
    "shifted": "an index that is off by one: padding, range(start, stop), or where a window begins.",
}


def rearranged(case: Case) -> Finding | None:
    """The right numbers in other places."""
    for cause, words, candidate in rearrangements(case.numeric):
        if case.is_analytic(candidate):
            return Finding(cause, f"the right gradient with {words}.", LOOK_AT_ORDER[cause])
    return shifted_with_border(case)


def shifted_with_border(case: Case) -> Finding | None:
    """The right numbers, shifted, and something else at the end that is left free."""
    for axis, n in enumerate(case.x.shape):
        for shift in (1, 2):
            if n < 3 + shift:
                continue
            head, tail = (np.arange(n - shift), np.arange(shift, n))
            for sign, to, of in ((1, tail, head), (-1, head, tail)):
                right = np.take(case.numeric, of, axis)
                if np.count_nonzero(right) >= 3 and alike(np.take(case.analytic, to, axis), right):
                    words = f"axis {axis} shifted by {sign * shift:+d} element{'s' * (shift > 1)}"
                    return Finding("shifted", f"the right gradient with {words}.", LOOK_AT_ORDER["shifted"])
    return None


# ---- the gradient that arrives -----------------------------------------------------------------------------------


def grad_output_unused(case: Case) -> Finding | None:
    """As if the gradient that arrives were constant."""
    if case.jacobian is None or case.output is None or case.output.size < 2:
        return None
    plain = case.gradient_for(np.ones(case.output.shape))
    factor = np.vdot(case.analytic, plain) / max(np.vdot(plain, plain), 1e-300)
    if not case.is_analytic(factor * plain) or np.count_nonzero(plain) < 2:
        return None
    how = "not used" if abs(factor - 1) < ALIKE else "used only through a single number (its sum or mean)"
    return Finding(
        "grad ignored",
        f"the gradient that arrives from above, backward's argument, is {how}.",
        "the chain rule: multiply by the grad that backward is given, element by element, before any sum.",
    )


def grad_output_rearranged(case: Case) -> Finding | None:
    """As if the gradient that arrives were transposed, flipped or shifted."""
    if case.jacobian is None or case.output is None:
        return None
    for cause, words, candidate in rearrangements(case.grad_outputs[0]):
        if case.is_analytic(case.gradient_for(candidate)):
            return Finding(cause, f"right for a gradient from above with {words}.", LOOK_AT_ORDER[cause])
    return None


def missing_sum(case: Case) -> Finding | None:
    """Of an axis that must be summed over, only one element arrives."""
    if case.jacobian is None or case.output is None:
        return None
    g = case.grad_outputs[0]
    for axis, n in enumerate(g.shape):
        for k in (0, n - 1):
            mask = np.zeros(n)
            mask[k] = 1
            candidate = g * mask.reshape([n if i == axis else 1 for i in range(g.ndim)])
            if n > 1 and case.is_analytic(case.gradient_for(candidate)) and not _is_part(case, axis):
                return Finding(
                    "missing sum",
                    f"only index {k} of axis {axis} of the gradient from above is counted; "
                    f"{case.input} was used for all {n}, so their gradients must be summed.",
                    f"a sum over axis {axis} in backward: what forward broadcasts (or a batch shares) is summed.",
                )
    return None


def _is_part(case: Case, axis: int) -> bool:
    """True if the analytic gradient is right where it is not zero: then a part is missing, not a sum."""
    return bool(np.array_equal(case.analytic[case.wrong], np.zeros(np.count_nonzero(case.wrong))))


def overwritten(case: Case) -> Finding | None:
    """Of several contributions to one element only the last (or first) is there, or their mean."""
    if case.jacobian is None or case.output is None:
        return None
    y = case.output
    parts = (case.grad_outputs[0].ravel()[:, None] * case.jacobian).reshape(*y.shape, -1)
    parts = np.where(np.abs(parts) > 1e-9 * np.abs(parts).max(initial=0), parts, 0.0)
    for axes in ((), *((axis,) for axis in {1, y.ndim - 1, 0} if 0 <= axis < y.ndim)):  # one loop may sum over channels
        grouped = parts.sum(axis=axes)
        grouped = grouped.reshape(-1, case.x.size)
        there = grouped != 0
        count = there.sum(0)
        if len(grouped) < 2 or count.max() < 2:
            continue
        columns = np.arange(case.x.size)
        last = grouped[len(grouped) - 1 - there[::-1].argmax(0), columns]
        first = grouped[there.argmax(0), columns]
        for word, candidate in (("last", last), ("first", first)):
            if case.is_analytic(candidate.reshape(case.x.shape)):
                return Finding(
                    "overwritten",
                    f"elements that are used several times keep only the {word} of their gradients.",
                    "= where += belongs (with repeated indices, np.add.at): every use of an element adds its gradient.",
                )
        if case.is_analytic((grouped.sum(0) / np.maximum(count, 1)).reshape(case.x.shape)):
            return Finding(
                "averaged",
                "elements that are used several times get the mean of their gradients instead of the sum.",
                "a division by the number of uses: every use of an element adds its gradient.",
            )
    return None


# ---- inputs that were used in another shape ----------------------------------------------------------------------


def other_input_rearranged(case: Case) -> Finding | None:
    """Right, if another input were transposed or flipped: the missing flip of a convolution's kernel."""
    if case.order > 1 or case.x.size > 500:
        return None
    for name, values in case.others.items():
        for cause, words, candidate in rearrangements(values):
            if cause not in ("transposed", "flipped") or (values.ndim > 2 and not _spatial(cause, words, values.ndim)):
                continue
            if case.is_analytic(case.numeric_with(name, np.ascontiguousarray(candidate))):
                return Finding(cause, f"right for {name} with {words}.", LOOK_AT_ORDER[cause])
    return None


def _spatial(cause: str, words: str, ndim: int) -> bool:
    """Of images and kernels only rows and columns are worth trying."""
    rows, columns = ndim - 2, ndim - 1
    one = (f"axis {rows} ", f"axis {columns} ") if cause == "flipped" else ()
    return words.startswith((axes_in_words((rows, columns)), *one))


def output_for_input(case: Case) -> Finding | None:
    """The slope at f(x) instead of x."""
    if case.order > 1 or case.output is None or case.output.shape != case.x.shape or case.x.size > 500:
        return None
    if not case.is_analytic(case.numeric_with(case.input, case.output)):
        return None
    return Finding(
        "output for input",
        "right for another point: the slope was taken at the output instead of the input.",
        "where backward puts self.output (or y) into a formula that wants the input x.",
    )


# ---- higher orders -----------------------------------------------------------------------------------------------


def of_higher_order(case: Case) -> Finding | None:
    """The first derivative is right and a later one is not."""
    if case.order == 1:
        return None
    sentence = f"derivatives below order {case.order} are right: what backward uses does not carry its own derivative"
    look = "an array kept by forward, .array, .numpy(), detach(), no_grad() or Tensor(...) in backward."
    if case.lost_in_direction:
        sentence += ". The gradient given to the backward of a function that a backward calls was detached."
        return Finding("detached", sentence, look)
    if not case.analytic.any():
        return Finding("detached", f"{sentence}. This one is zero: nothing was recorded.", look)
    factor = np.vdot(case.analytic, case.numeric) / max(np.vdot(case.numeric, case.numeric), 1e-300)
    if case.is_analytic(factor * case.numeric) and np.count_nonzero(case.numeric) >= 3:
        sentence, _ = describe_factor(factor, name_factor(factor, case.lengths()))
        return Finding(
            "factor",
            f"derivatives below order {case.order} are right, but in this one {sentence}",
            "the backward of a function that a backward calls (its adjoint), or a detach() of one factor of several.",
        )
    return Finding("detached", f"{sentence} (or the backward of a function that it calls is wrong).", look)


def unknown(case: Case) -> Finding:
    """None of the patterns fits."""
    size = np.abs(case.analytic).max(initial=0) / max(np.abs(case.numeric).max(initial=0), 1e-300)
    return Finding(
        "unknown",
        f"none of the known patterns fits; the largest element is {size:.3g} times the largest of the right gradient.",
        "the formula itself: derive it for one element by hand, for the smallest input that is still wrong.",
    )
