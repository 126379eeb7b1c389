"""Exercises of chapter 16: the Fréchet distance, its bias, an unbiased distance, density and coverage, copies."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import expect
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import named

# ---- 16.1 ---------------------------------------------------------------------------------------------------------


def _gaussians(answer, draw, root1, root2):
    """Compare for covariances A A^T and B B^T: tr sqrt(product) is the sum of the singular values of A^T B."""
    mean1, mean2 = draw.normal(2, len(root1))
    covariance1, covariance2 = root1 @ root1.T, root2 @ root2.T
    shift = math.fsum((a - b) ** 2 for a, b in zip(mean1, mean2, strict=True))
    spread = math.fsum(np.concatenate([root1.ravel() ** 2, root2.ravel() ** 2]))
    overlap = math.fsum(np.linalg.svd(root1.T @ root2, compute_uv=False))
    got = answer(mean1, covariance1, mean2, covariance2)
    expect(got, shift + spread - 2 * overlap, "the distance", tolerance=1e-6)


def _diagonal(answer, draw):
    n = draw.size(3, 6)
    _gaussians(answer, draw, np.diag(draw.uniform(0.5, 3, n)), np.diag(draw.uniform(0.5, 3, n)))


def _crooked(answer, draw):
    n = draw.size(3, 6)
    _gaussians(answer, draw, *draw.normal(2, n, n))


def _deficient(answer, draw):
    for rank in (2, 3, 4):
        n = draw.size(10, 14)
        _gaussians(answer, draw, *draw.normal(2, n, rank))


FRECHET = Exercise(
    name="frechet",
    task="the Fréchet distance of two Gaussians, from their means and covariances",
    parts=[
        Part("diagonal", 1, _diagonal),
        Part("any", 2, _crooked),
        Part(
            "rank-deficient",
            1,
            _deficient,
            "Eigenvalues that should be 0 come out a little below: set these to 0 before you take roots.",
        ),
    ],
    wrong=[
        Wrong(
            {
                "root = vectors * np.sqrt(np.maximum(values, 0))": "root = covariance1",
                "root.T @ covariance2 @ root": "covariance1 @ covariance2",
            },
            "The function eigvalsh reads one triangle only: it is for symmetric matrices, and this product is not one.",
        ),
        Wrong(
            {"vectors * np.sqrt(np.maximum(values, 0))": "vectors * values"},
            "Here R times its transpose has the squares of the eigenvalues. R needs their roots.",
        ),
        Wrong(
            {
                "np.sqrt(np.maximum(values, 0))": "np.sqrt(values)",
                "np.sqrt(np.maximum(eigenvalues, 0))": "np.sqrt(eigenvalues)",
            },
            "An eigenvalue of 0 may come out as -1e-17, and its root is no number. Take max(value, 0) first.",
        ),
        Wrong(
            {"2 * np.sqrt(np.maximum(eigenvalues, 0)).sum()": "2 * np.maximum(eigenvalues, 0).sum()"},
            "This is the trace of the product itself. The roots of the eigenvalues are to be added.",
        ),
        Wrong(
            {"2 * np.sqrt(": "np.sqrt("},
            "The mixed term counts twice, as in (a - b)**2. With one, a set is not at distance 0 from itself.",
        ),
        Wrong(
            {"((mean1 - mean2) ** 2).sum()": "np.sqrt(((mean1 - mean2) ** 2).sum())"},
            "The means enter with the square of their distance, as the covariances are squares, too.",
        ),
    ],
)

# ---- 16.2 ---------------------------------------------------------------------------------------------------------


def _line(noise):
    def part(answer, draw):
        n = draw.size(5, 9)
        sizes = np.sort(draw.integers(50, 5000, n)) + np.arange(n)
        distances = draw.number(1, 5) + draw.number(300, 900) / sizes + noise * draw.normal(n)
        x = [1 / float(size) for size in sizes]
        mean_x, mean_y = math.fsum(x) / n, math.fsum(distances) / n
        slope = math.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, distances, strict=True))
        slope /= math.fsum((a - mean_x) ** 2 for a in x)
        expect(answer(sizes, distances), mean_y - slope * mean_x, "the distance at infinitely many images", 1e-7)

    return part


UNBIASED = Exercise(
    name="at_infinity",
    task="the distance at infinitely many images, by a line over 1 / N",
    parts=[Part("on a line", 1, _line(0.0)), Part("scattered", 2, _line(0.5))],
    wrong=[
        Wrong({"[1]": "[0]"}, "This is the slope. The value at 1 / N = 0 is wanted, where the line meets the axis."),
        Wrong(
            {"1 / np.asarray(sizes)": "1.0 * np.asarray(sizes)"},
            "The error falls with 1 / N, so the line is over 1 / N. Over N it would cross 0 somewhere.",
        ),
        Wrong(
            {"1 / np.asarray(sizes)": "1 / np.sqrt(np.asarray(sizes))"},
            "The error falls with 1 / N, not with its root: it is that of squares, such as |mean1 - mean2|**2.",
        ),
        Wrong(
            {"np.polyfit(1 / np.asarray(sizes), distances, 1)[1]": "distances[-1]"},
            "This is the distance at the largest N, which still has its error. Follow the line on to 1 / N = 0.",
        ),
        Wrong(
            {"np.polyfit(1 / np.asarray(sizes), distances, 1)[1]": "np.mean(distances)"},
            "A mean over different N has a mean error. Fit a line and read it at 1 / N = 0.",
        ),
    ],
)

# ---- 16.3 ---------------------------------------------------------------------------------------------------------


def _discrepancy(n, m):
    def part(answer, draw):
        d, *more = draw.sizes(3, 2, 6)
        x, y = draw.normal(n + more[0], d), draw.normal(m + more[1] if n != m else n + more[0], d) + 0.5
        power = draw.constants["POWER"]

        def k(a, b):
            return (math.fsum(float(p) * float(q) for p, q in zip(a, b, strict=True)) / d + 1) ** power

        def others(z):
            pairs = [k(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j]
            return math.fsum(pairs) / len(pairs)

        across = math.fsum(k(a, b) for a in x for b in y) / (len(x) * len(y))
        expect(answer(x, y), others(x) + others(y) - 2 * across, "the discrepancy", tolerance=1e-8)

    return part


KERNEL = Exercise(
    name="squared_discrepancy",
    task="the squared maximum mean discrepancy of two sets, without bias",
    constants={"POWER": (3, 2, 4, 5)},
    parts=[Part("as many of both", 2, _discrepancy(3, 3)), Part("unlike numbers", 1, _discrepancy(2, 8))],
    wrong=[
        Wrong(
            {
                "(xx.sum() - np.trace(xx)) / (n * (n - 1))": "xx.mean()",
                "(yy.sum() - np.trace(yy)) / (m * (m - 1))": "yy.mean()",
            },
            "A sample is paired with itself here, which is always the best match. Leave the diagonal out.",
        ),
        Wrong(
            {"(n * (n - 1))": "n**2", "(m * (m - 1))": "m**2"},
            "The diagonal is left out of the sums, so there are n * (n - 1) terms, not n * n.",
        ),
        Wrong(
            {"(yy.sum() - np.trace(yy)) / (m * (m - 1))": "(yy.sum() - np.trace(yy)) / (n * (n - 1))"},
            "The two sets need not be of one size: each mean is over its own pairs.",
        ),
        Wrong({" - 2 * xy.mean()": " - xy.mean()"}, "The mixed term counts twice, as in (a - b)**2."),
        Wrong(
            {"xy.mean()": "(xy.sum() - np.trace(xy)) / (n * (m - 1))"},
            "Across the two sets nobody meets himself: there is no diagonal to be left out.",
        ),
        Wrong({"a @ b.T / a.shape[1] + 1": "a @ b.T + 1"}, "The inner product is divided by the number of features."),
    ],
)

# ---- 16.4 ---------------------------------------------------------------------------------------------------------

NEIGHBOUR_NAMES = ("density", "coverage")


def _neighbours(name):
    def part(answer, draw):
        n, m, d = draw.size(14, 20), draw.size(25, 32), draw.size(2, 3)
        reference, k = draw.normal(m, d), draw.constants["K"]
        near = reference[draw.integers(0, m // 2, n)] + 0.2 * draw.normal(n, d)
        samples = np.concatenate([near, draw.normal(4, d) + 9])
        apart = [[math.dist(a, b) for b in reference] for a in reference]
        radii = [sorted(row)[k] for row in apart]  # each is itself at distance 0
        inside = [[math.dist(a, b) <= r for b in samples] for a, r in zip(reference, radii, strict=True)]
        want = {
            "density": sum(map(sum, inside)) / (k * len(samples)),
            "coverage": sum(map(any, inside)) / m,
        }
        expect(named(answer(samples, reference), NEIGHBOUR_NAMES)[name], want[name], name)

    return part


NEIGHBOURS = Exercise(
    name="density_and_coverage",
    task="how densely real images lie round the samples, and what share of the real ones is met",
    constants={"K": (5, 3, 4, 6, 7)},
    parts=[Part("density", 2, _neighbours("density")), Part("coverage", 1, _neighbours("coverage"))],
    wrong=[
        Wrong(
            {"[:, K]": "[:, K - 1]"},
            "Here each real image is its own first neighbour, at distance 0. Take the K-th of the others.",
        ),
        Wrong(
            {"<= radii[:, None]": "<= radii.mean()"},
            "Each real image has a radius of its own, smaller where real images lie close together.",
        ),
        Wrong(
            {"inside.sum() / (K * len(samples))": "inside.any(axis=0).mean()"},
            "This is precision: whether a sample lies in any ball. Density counts in how many, over K.",
        ),
        Wrong(
            {"inside.sum() / (K * len(samples))": "inside.sum() / len(samples)"},
            "This counts the balls round a sample. A real image would lie in K of them: divide by K.",
        ),
        Wrong(
            {"inside.any(axis=1).mean()": "inside.any(axis=0).mean()"},
            "Coverage is the share of the real images that are met, not the share of the samples that meet one.",
        ),
    ],
)

# ---- 16.5 ---------------------------------------------------------------------------------------------------------


def _ranked(ties):
    def part(answer, draw):
        n, m, t, d = draw.size(8, 11), draw.size(12, 15), draw.size(16, 20), draw.size(4, 6)
        train = 3.0 * draw.integers(0, 5, t, d) + draw.normal(t, d) * (not ties)
        reach = draw.uniform(0.2, 2.0, n + m, 1)
        steps = draw.integers(0, 2, n + m, d) * 1.0 if ties else reach * draw.normal(n + m, d)
        images = train[draw.integers(0, t, n + m)] + steps
        if ties:
            images[:3], images[n : n + 2] = train[:3], train[3:5]  # copies among both kinds
        samples, test = images[:n], images[n:]
        ours, theirs = ([min(math.dist(x, y) ** 2 for y in train) for x in kind] for kind in (samples, test))
        wins = sum((a < b - 1e-9) + (abs(a - b) <= 1e-9) / 2 for a in ours for b in theirs)
        expect(answer(samples, test, train), wins / (n * m), "the share")

    return part


CLOSER = Exercise(
    name="closer",
    task="the probability that a sample lies nearer to the training images than a test image does",
    parts=[Part("value", 2, _ranked(False)), Part("ties", 1, _ranked(True), "Equal distances count half.")],
    wrong=[
        Wrong(
            {"[:, None] < theirs": "[:, None] > theirs"},
            "This is the probability that a sample lies further off: copies would get 0.",
        ),
        Wrong(
            {" + (ours[:, None] == theirs).mean() / 2": ""},
            "Equal distances count half; else identical sets would not get 0.5.",
        ),
        Wrong(
            {" + (ours[:, None] == theirs).mean() / 2": " + (ours[:, None] == theirs).mean()"},
            "Equal distances count half. Here they count as nearer.",
        ),
        Wrong(
            {".min(axis=1)": ".mean(axis=1)"},
            "The mean over all training images says little. A copy is near to one of them: take the nearest.",
        ),
        Wrong(
            {"nearest(test)": "nearest(samples)"},
            "The samples are compared with themselves. The measure of what is near are the test images.",
        ),
    ],
)

CHAPTER = Chapter(
    number=16,
    name="measuring",
    title="Measuring generators: FID from scratch, coverage, memorisation",
    hours=3,
    needs=(9, 12),
    exercises=[FRECHET, UNBIASED, KERNEL, NEIGHBOURS, CLOSER],
)
