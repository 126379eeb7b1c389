"""Patterns of where a gradient is wrong, and of what the error is made of: masks, borders, strides, slices, statistics.

The other half of `minigen.checks.patterns`, whose `Case` they look at; no arithmetic on Tensors here.
"""

from __future__ import annotations

import itertools

import numpy as np

from minigen.checks.patterns import Case, Finding, alike, axes_in_words

MOST = 0.6  # a border is wrong if so many of its elements are
ALL = 0.9  # a slice or a phase, of which small arrays have many, if so many are


# ---- which elements are wrong ------------------------------------------------------------------------------------


def _spatial_axes(ndim: int) -> tuple[int, ...]:
    """Rows and columns: the last two axes of images (N, C, H, W), the last of signals (N, C, L); else all."""
    return tuple(range(2, ndim)) if ndim > 2 else tuple(range(ndim))


def _wrong_along(case: Case, axis: int) -> np.ndarray:
    """The share of wrong elements for each index of an axis."""
    return case.wrong.mean(tuple(i for i in range(case.x.ndim) if i != axis))


def missing_mask(case: Case) -> Finding | None:
    """A gradient where the output does not depend on the input, and a right one elsewhere."""
    right = ~case.wrong
    none = np.abs(case.numeric[case.wrong]) <= 1e-7 * max(1.0, np.abs(case.numeric).max(initial=0))
    if not (right & (case.numeric != 0)).any() or not none.all():
        return None
    return Finding(
        "missing mask",
        "elements on which the output does not depend get a gradient; the others are right.",
        "the mask of relu, clamp, max or dropout: the gradient passes where the value passed, and only there.",
    )


def stride_phase(case: Case) -> Finding | None:
    """Only every s-th row or column is wrong, the same in each period of s."""
    axes = _spatial_axes(case.x.ndim) if case.x.size >= 12 else ()  # few elements are periodic by chance
    for s in (2, 3, 4):
        for chosen in [(axis,) for axis in axes] + ([axes] if len(axes) > 1 else []):
            if any(case.x.shape[axis] < 2 * s for axis in chosen):
                continue
            phases = _wrong_by_phase(case, chosen, s)
            wrong = [phase for phase, share in phases.items() if share >= ALL]
            if wrong and len(wrong) < len(phases) and all(phases[p] == 0 for p in phases if p not in wrong):
                letters = "ijk"[: len(chosen)]
                index = ", ".join(f"{letter} % {s}" for letter in letters)
                which = " or ".join(str(p) if len(p) > 1 else str(p[0]) for p in wrong)
                index = f"({index})" if len(chosen) > 1 else index
                return Finding(
                    "stride",
                    f"with the indices {', '.join(letters)} along {axes_in_words(chosen)}, only those with {index} = "
                    f"{which} are wrong.",
                    f"the stride of {s} in backward: where each window begins, and what lies between the windows.",
                )
    return None


def _wrong_by_phase(case: Case, axes: tuple[int, ...], s: int) -> dict[tuple[int, ...], float]:
    """The least share of wrong elements that a row (column, pixel) has, for each phase; 0 where none is wrong.

    NaN for phases that are wrong at some indices and right at others: then s is no period.
    """
    rest = tuple(i for i in range(case.x.ndim) if i not in axes)
    share = case.wrong.mean(rest)
    phases = {}
    for phase in itertools.product(range(s), repeat=len(axes)):
        part = share[tuple(slice(r, None, s) for r in phase)]
        mixed = part.min() < ALL and part.max() > 0
        phases[phase] = float("nan") if mixed else float(part.min())
    return phases


def slice_of_axis(case: Case) -> Finding | None:
    """Only some indices of one axis are wrong."""
    axes = [0, 1] if case.x.ndim > 2 else range(case.x.ndim)
    for axis in axes:
        share = _wrong_along(case, axis)
        wrong, right = np.flatnonzero(share), np.flatnonzero(share == 0)
        if not len(right) or (len(share) < 3 and axis != 0) or not (share[wrong] >= ALL).all():
            continue
        if case.x.ndim == 1 and len(wrong) > 1:
            continue
        zero = " (they are zero)" if not case.analytic[case.wrong].any() else ""
        if len(right) == 1:
            what = f"only index {right[0]} of axis {axis} is right, the others are wrong{zero}."
        elif len(wrong) == 1:
            what = f"only index {wrong[0]} of axis {axis} is wrong{zero.replace('they are', 'it is')}."
        else:
            what = f"along axis {axis} only the indices {', '.join(map(str, wrong[:8]))} are wrong{zero}."
        return Finding(
            "one slice",
            what,
            f"the loop over axis {axis}" + (", the batch" * (axis == 0)) + ": where it starts and ends, what it "
            "indexes, and whether each round adds to the result or replaces it.",
        )
    return None


def border(case: Case) -> Finding | None:
    """Only elements near the edge are wrong."""
    axes = [a for a in _spatial_axes(case.x.ndim) if case.x.shape[a] >= 3]
    for width in (1, 2, 3):
        edge = np.zeros(case.x.shape, bool)
        for axis in axes:
            n = case.x.shape[axis]
            if n > 2 * width:
                near = (np.arange(n) < width) | (np.arange(n) >= n - width)
                edge |= near.reshape([n if i == axis else 1 for i in range(case.x.ndim)])
        if edge.all() or not edge.any() or (case.wrong & ~edge).any():
            continue
        sides = _sides(case, axes, width)
        if sides:
            wide = "" if width == 1 else f", {width} wide,"
            return Finding(
                "border",
                f"only the border{wide} is wrong ({', '.join(sides)}); the interior is right.",
                "padding: how much of it, on which side, and whether the gradient of the padding is cut off again.",
            )
    return None


def _sides(case: Case, axes, width: int) -> list[str]:
    """The sides of the border that are wrong; empty unless each of them mostly is, and together they hold all."""
    sides, held = [], np.zeros(case.x.shape, bool)
    for axis in axes:
        share = _wrong_along(case, axis)
        n = len(share)
        for words, part in ((f"start of axis {axis}", range(width)), (f"end of axis {axis}", range(n - width, n))):
            if all(share[i] >= MOST for i in part):
                sides.append(words)
                inside = np.isin(np.arange(n), list(part))
                held |= inside.reshape([n if i == axis else 1 for i in range(case.x.ndim)])
    return sides if sides and not (case.wrong & ~held).any() else []


def zero_somewhere(case: Case) -> Finding | None:
    """The wrong elements are all zero."""
    if case.wrong.all() or case.analytic[case.wrong].any():
        return None
    return Finding(
        "partly zero",
        "the wrong elements are all zero, the others are right: a part of the gradient is not propagated.",
        "a mask that is too strict, a branch that backward forgets, indices that a loop does not reach.",
    )


# ---- what the error is made of -----------------------------------------------------------------------------------


def constant_statistic(case: Case) -> Finding | None:
    """The error is constant over some axes, or a multiple of the input or output there."""
    error = case.analytic - case.numeric
    if case.x.ndim == 0 or not np.isfinite(error).all() or case.wrong.mean() < MOST:
        return None
    bases = [("a constant", ()), ("a multiple of the input", (case.x,))]
    output = case.output
    if output is not None and output.shape == case.x.shape:
        bases.append(("a multiple of the output", (output,)))
    bases.append(("a constant and a multiple of the input", (np.ones_like(case.x), case.x)))
    for words, columns in bases:
        columns = columns or (np.ones_like(case.x),)
        for axes in _axes_largest_first(case.x.ndim):
            if _spanned(error, columns, axes):
                return _statistic(words, axes, case)
    return None


def _axes_largest_first(ndim: int):
    for n in range(ndim, 0, -1):
        yield from itertools.combinations(range(ndim), n)


def _spanned(error: np.ndarray, columns: tuple[np.ndarray, ...], axes: tuple[int, ...]) -> bool:
    """True if over these axes the error is a combination of the columns, with room for it not to be."""

    def groups(a):
        rest = [i for i in range(a.ndim) if i not in axes]
        return a.transpose(*rest, *axes).reshape(-1, int(np.prod([a.shape[i] for i in axes])))

    errors, basis = groups(error), np.stack([groups(a) for a in columns], axis=-1)
    if errors.shape[1] < len(columns) + 2:
        return False
    for e, b in zip(errors, basis, strict=True):
        fitted = b @ np.linalg.lstsq(b, e, rcond=None)[0]
        if np.abs(e - fitted).max() > 1e-5 * np.abs(error).max():
            return False
    return True


def _statistic(words: str, axes: tuple[int, ...], case: Case) -> Finding:
    over = axes_in_words(axes)
    what = {
        "a constant": ("a mean (or sum)", "the term of the mean: it is missing, or its 1/N is"),
        "a multiple of the input": ("a norm, variance or sum of squares", "the term of the norm (or a penalty on x)"),
        "a multiple of the output": (
            "a normaliser (softmax's sum, a norm, a standard deviation)",
            "the term of the normaliser",
        ),
    }.get(words, ("a mean or a variance", "the terms of mean and variance: one is missing, or its 1/N is"))
    return Finding(
        "statistic",
        f"over {over} the error is {words}: {what[0]} over {over} was treated as a constant.",
        f"{what[1]}; a statistic of x depends on every x that it was computed from.",
    )


def only_own_path(case: Case) -> Finding | None:
    """Only the diagonal of the Jacobian: how each element acts on its own output."""
    if case.jacobian is None or case.output is None or case.output.shape != case.x.shape:
        return None
    diagonal = np.diag(case.jacobian).reshape(case.x.shape) * case.grad_outputs[0]
    if not case.is_analytic(diagonal):
        return None
    across = _axes_coupled(case)
    return Finding(
        "statistic",
        f"each element acts on other outputs too, along {axes_in_words(across)}, and only its own is counted: "
        "what couples them (a sum, mean or maximum) was treated as a constant.",
        "the terms off the diagonal of the Jacobian, such as -y_i * y_j of softmax.",
    )


def _axes_coupled(case: Case) -> list[int]:
    """The axes along which an input element acts on outputs other than its own."""
    assert case.jacobian is not None and case.output is not None
    used = np.argwhere(np.abs(case.jacobian) > 1e-7 * np.abs(case.jacobian).max())
    outputs = np.stack(np.unravel_index(used[:, 0], case.output.shape))
    inputs = np.stack(np.unravel_index(used[:, 1], case.x.shape))
    return [int(axis) for axis in np.flatnonzero((outputs != inputs).any(1))] or [0]


# ---- factors that are not constant -------------------------------------------------------------------------------


def factor_of_arrays(case: Case) -> Finding | None:
    """The ratio of the two gradients is an input, an output, or their inverse."""
    known = {case.input: case.x, **case.others}
    if case.output is not None:
        known |= {"the output": case.output, "the gradient from above": case.grad_outputs[0]}
    for name, values in known.items():
        try:
            factor = np.broadcast_to(values, case.x.shape)
        except ValueError:
            continue
        if np.ptp(values) == 0:
            continue
        if case.is_analytic(case.numeric * factor):
            how, look = f"multiplied by {name} once too often", "counted twice"
        elif (factor != 0).all() and alike(case.analytic * factor, case.numeric):
            how, look = f"not multiplied by {name}", "missing"
        elif alike(case.analytic, case.numeric * factor**2):
            how, look = f"multiplied by the square of {name}, which is too much", "counted twice"
        elif (factor != 0).all() and alike(case.analytic * factor**2, case.numeric):
            how, look = f"not multiplied by the square of {name}", "missing"
        else:
            continue
        return Finding(
            "missing factor" if look == "missing" else "factor twice",
            f"the gradient is {how}.",
            f"the product rule: where {name} stands as a factor in backward ({look}).",
        )
    return None


def factor_along_axis(case: Case) -> Finding | None:
    """The ratio depends on the index along one axis only."""
    for axis in range(case.x.ndim):
        rest = tuple(i for i in range(case.x.ndim) if i != axis)
        if not rest or case.x.size // case.x.shape[axis] < 3 or case.x.shape[axis] < 2:
            continue
        factor = (case.analytic * case.numeric).sum(rest, keepdims=True)
        factor = factor / np.maximum((case.numeric**2).sum(rest, keepdims=True), 1e-300)
        if case.is_analytic(factor * case.numeric):
            values = ", ".join(f"{v:.4g}" for v in factor.ravel()[:5])
            return Finding(
                "factor along an axis",
                f"each index of axis {axis} has a factor of its own: {values}{', ...' * (factor.size > 5)}.",
                f"a scale for each index of axis {axis} (weight, 1/std, a count) that is missing or counted twice.",
            )
    return None
