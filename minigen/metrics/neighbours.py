"""Nearest neighbours: what share of the samples look real, what share of the real is found, what is merely copied.

A set of features stands for the region in which every point has a neighbour as near as the points have among
themselves.  Distances are Euclidean.  All pairs are compared, in blocks of rows: time grows with N * M, memory does
not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from minigen.functional.arguments import check_integer
from minigen.metrics.arguments import as_array, check_numbers, check_two_sets

BLOCK_BYTES = 16 * 2**20  # of distances at a time
REFERENCE_ROWS = 10_000  # of training images at a time: 60 MB of digits


class PrecisionRecall(NamedTuple):
    """Shares in [0, 1]: of samples that look real, and of real images that a sample looks like."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """How densely real images lie around the samples (1 for real ones), and what share of the real is met."""

    density: float
    coverage: float


def precision_recall(samples: Any, reference: Any, k: int = 3) -> PrecisionRecall:
    """Precision: the share of samples within the real images' region; recall: of real ones within the samples'.

    A set's region is made of a ball around each of its points, which reaches to the k-th nearest of the others.

    Parameters
    ----------
    samples, reference : array or Tensor (N, D), (M, D)
        Features of drawn and of real images, from one network; about as many of both.
    k : int, default 3
        Which neighbour a ball reaches to (3 in Kynkäänniemi et al. 2019).

    Returns
    -------
    PrecisionRecall
        Sharp but few kinds of images have high precision and low recall; varied but bad ones the contrary.

    Raises
    ------
    TypeError, ValueError
        If the shapes do not fit, or a set has no k + 1 rows.

    Notes
    -----
    A ball holds its edge, as in the paper, so that identical sets have precision and recall 1 even if rows repeat.
    One outlier has a large ball, which is why `density_coverage` exists.

    References
    ----------
    Kynkäänniemi, Karras, Laine, Lehtinen and Aila, "Improved precision and recall metric for assessing generative
    models", 2019, section 2.

    Examples
    --------
    >>> real = np.arange(10.0)[:, None]
    >>> precision_recall(real[:5], real)  # half of it, well drawn
    PrecisionRecall(precision=1.0, recall=0.8)
    """
    fake, real, k = _check("precision_recall", samples, reference, k)
    fake_radii, real_radii = _radii(fake, k), _radii(real, k)
    inside_real, inside_fake = np.zeros(len(fake), bool), np.zeros(len(real), bool)
    for rows, squares in _squared_distances(fake, real):
        inside_real[rows] = (squares <= real_radii).any(axis=1)
        inside_fake |= (squares <= fake_radii[rows, None]).any(axis=0)
    return PrecisionRecall(float(inside_real.mean()), float(inside_fake.mean()))


def density_coverage(samples: Any, reference: Any, k: int = 5) -> DensityCoverage:
    r"""Density: how many real images' balls a sample lies in, over k; coverage: the share of balls with a sample.

    .. math:: \frac{1}{k N} \sum_{j} \sum_i \mathbf{1}[y_j \in B_i], \qquad
              \frac{1}{M} \sum_i \mathbf{1}[\exists j: y_j \in B_i]

    with :math:`B_i` the ball around the real image i that reaches to its k-th nearest other one.

    Parameters
    ----------
    samples, reference : array or Tensor (N, D), (M, D)
        Features of drawn and of real images, from one network.
    k : int, default 5
        Which neighbour a ball reaches to (5 in Naeem et al. 2020).

    Returns
    -------
    DensityCoverage
        For samples of the real distribution the density is 1 on average, and the coverage 1 - 0.5**k for as many
        samples as real images.

    Raises
    ------
    TypeError, ValueError
        If the shapes do not fit, or ``reference`` has no k + 1 rows.

    Notes
    -----
    Balls are drawn around real images only: a generator's outliers cannot widen what it is judged by.

    References
    ----------
    Naeem, Oh, Uh, Choi and Yoo, "Reliable fidelity and diversity metrics for generative models", 2020, section 3.

    Examples
    --------
    >>> real = np.arange(10.0)[:, None]
    >>> density_coverage(np.full((10, 1), 4.5), real, k=1)  # all within the balls of two real points
    DensityCoverage(density=2.0, coverage=0.2)
    """
    fake, real, k = _check("density_coverage", samples, reference, k, both=False)
    radii = _radii(real, k)
    hits, covered = 0, np.zeros(len(real), bool)
    for _, squares in _squared_distances(fake, real):
        inside = squares <= radii  # (rows, M)
        hits += int(np.count_nonzero(inside))
        covered |= inside.any(axis=0)
    return DensityCoverage(hits / (k * len(fake)), float(covered.mean()))


def nearest_neighbours(queries: Any, reference: Any, k: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Find the k rows of a set that are nearest to each query.

    Parameters
    ----------
    queries, reference : array or Tensor (N, D), (M, D)
        Features; or images, flattened.
    k : int, default 1
        How many.

    Returns
    -------
    distances : float64 array (N, k)
        Euclidean, the nearest first.
    indices : int64 array (N, k)
        Rows of ``reference``.

    Raises
    ------
    TypeError, ValueError
        If the shapes do not fit, or ``reference`` has no k rows.

    Examples
    --------
    >>> distances, indices = nearest_neighbours([[0.0, 0.0]], [[3.0, 4.0], [1.0, 0.0]], k=2)
    >>> distances.tolist(), indices.tolist()
    ([[1.0, 5.0]], [[1, 0]])
    """
    owner = "nearest_neighbours"
    a, b = check_two_sets(owner, queries=queries, reference=reference)
    k = check_integer(owner, "k", k)
    if len(b) < k:
        raise ValueError(f"{owner}: reference has {len(b)} rows, so nothing has {k} neighbours there")
    distances, indices = np.empty((len(a), k)), np.empty((len(a), k), np.int64)
    for rows, squares in _squared_distances(a, b):
        edge = np.partition(squares, k - 1, axis=1)[:, k - 1 : k]  # the k-th smallest: no more than k are below it
        for i, (row, last) in enumerate(zip(squares, edge, strict=True), start=rows.start):
            near = np.flatnonzero(row <= last)
            indices[i] = near[np.argsort(row[near], kind="stable")[:k]]
            distances[i] = np.sqrt(row[indices[i]])
    return distances, indices


def nearest_distances(queries: Any, reference: Any) -> np.ndarray:
    """Return how far each query is from the nearest row of a set, which may be large: it is taken in parts.

    Parameters
    ----------
    queries, reference : array or Tensor (N, D), (M, D)
        Features; or images, flattened.

    Returns
    -------
    float64 array (N,)

    Examples
    --------
    >>> nearest_distances([[0.0, 0.0], [1.0, 1.0]], [[3.0, 4.0], [1.0, 0.0]])
    array([1., 1.])
    """
    known = as_array("nearest_distances", "reference", reference)
    if known.ndim != 2:
        raise ValueError(f"nearest_distances: reference must be (M, D), not {known.shape}")
    parts = [known[i : i + REFERENCE_ROWS] for i in range(0, max(1, len(known)), REFERENCE_ROWS)]
    return np.min([nearest_neighbours(queries, part)[0][:, 0] for part in parts], axis=0)


class Memorisation(NamedTuple):
    """Whether samples lie nearer to the training images than new real images do.

    Attributes
    ----------
    closer : float
        The probability that a sample lies nearer than a test image: 0.5 for new samples of the real distribution,
        near 1 for copies, and below 0.5 for samples that are like no real image at all.
    copies : float
        The share of samples nearer than all but 1 % of the test images: about 0.01, unless something is copied.
    median_ratio : float
        The samples' median distance over the test images': about 1; 0 if more than half are copies.
    """

    closer: float
    copies: float
    median_ratio: float


def memorisation(samples: Any, test: Any, train: Any) -> Memorisation:
    r"""Compare the samples' distances to their nearest training images with those of test images.

    .. math:: \mathrm{closer} = P(d(\mathrm{sample}) < d(\mathrm{test})) + \tfrac12 P(d(\mathrm{sample}) =
              d(\mathrm{test})),

    which is the Mann-Whitney statistic over N * M.

    Parameters
    ----------
    samples, test, train : array or Tensor (N, D), (M, D), (L, D)
        Features, or images flattened, of drawn images, of real ones not trained on, and of those trained on.

    Returns
    -------
    Memorisation

    Raises
    ------
    TypeError, ValueError
        If the shapes do not fit.

    Notes
    -----
    A nearest neighbour shown beside a sample proves little: every digit has one that looks like it.  What counts is
    whether it is nearer than for images which cannot have been copied.  Blurred images are near to everything in
    pixels; features are the better judge, pixels find exact copies.

    References
    ----------
    Meehan, Chaudhuri and Dasgupta, "A non-parametric test to detect data-copying in generative models", 2020, section
    3 (without its partition into cells).

    Examples
    --------
    >>> train, test, new = np.random.default_rng(0).standard_normal((3, 500, 2))
    >>> memorisation(train, test, train).closer, 0.4 < memorisation(new, test, train).closer < 0.6
    (1.0, True)
    """
    return compare_distances(nearest_distances(samples, train), nearest_distances(test, train))


def compare_distances(samples: Any, test: Any) -> Memorisation:
    """Do the comparison of `memorisation`, given the distances.

    Parameters
    ----------
    samples, test : array (N,), (M,)
        Distances of samples and of test images to their nearest training images.

    Returns
    -------
    Memorisation

    Examples
    --------
    >>> compare_distances([0.0, 0.0, 3.0, 0.0], [2.0, 4.0])
    Memorisation(closer=0.875, copies=0.75, median_ratio=0.0)
    """
    owner = "compare_distances"
    ours, theirs = (check_numbers(owner, name, x, "N") for name, x in (("samples", samples), ("test", test)))
    ranked = np.sort(theirs)
    below, up_to = np.searchsorted(ranked, ours, "left"), np.searchsorted(ranked, ours, "right")
    closer = 1 - (below + up_to).mean() / (2 * len(ranked))
    copies = (ours < np.quantile(theirs, 0.01)).mean()
    median = np.median(theirs)
    ratio = np.median(ours) / median if median > 0 else np.nan
    return Memorisation(float(closer), float(copies), float(ratio))


# --- distances ------------------------------------------------------------------------------------------------------


def _check(owner: str, samples: Any, reference: Any, k: Any, both: bool = True) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the two sets as arrays, and k; each ball needs k other points."""
    k = check_integer(owner, "k", k)
    fake, real = check_two_sets(owner, samples=samples, reference=reference)
    for name, points in (("samples", fake), ("reference", real)):
        if len(points) <= k and (both or name == "reference"):
            raise ValueError(
                f"{owner}: {name} has {len(points)} rows; k={k} neighbours besides itself need at least {k + 1}"
            )
    return fake, real, k


def _squared_distances(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield slices of the rows of ``a`` (N, D), and their squared distances (rows, M) from all of ``b`` (M, D).

    |x - y|^2 = |x|^2 + |y|^2 - 2 x.y, one matrix product.  Where x and y are (nearly) equal, the terms cancel and leave
    roundings; these are set to 0, so that equal rows have the distance 0 whatever the block they are in.
    """
    centre = b.mean(axis=0)  # small numbers have small roundings
    a, b = a - centre, b - centre
    a_squares, b_squares = (a**2).sum(axis=1), (b**2).sum(axis=1)  # (N,), (M,)
    count = max(1, BLOCK_BYTES // (8 * len(b)))
    for start in range(0, len(a), count):
        rows = slice(start, start + count)
        sums = a_squares[rows, None] + b_squares  # (rows, M)
        squares = np.matmul(a[rows], b.T)  # (rows, D), (D, M) -> (rows, M)
        squares *= -2
        squares += sums
        sums *= 1e-12
        squares[squares < sums] = 0
        del sums  # or it would stay until the next block has been made
        yield rows, squares


def _radii(x: np.ndarray, k: int) -> np.ndarray:
    """Return the squared distance (N,) of each row from the k-th nearest of the others."""
    radii = np.empty(len(x))
    for rows, squares in _squared_distances(x, x):
        own = np.arange(rows.start, rows.start + len(squares))
        squares[own - rows.start, own] = np.inf  # itself does not count
        radii[rows] = np.partition(squares, k - 1, axis=1)[:, k - 1]
    return radii
