"""Distances between two sets of images, taken between the features that a network has for them.

The Fréchet distance compares means and covariances, the kernel distance all mixed moments up to the third.  Both are 0
for two infinite samples of one distribution and say nothing else by themselves: read them beside the distance of
training images from test images, and compare only figures from one network and one number of images.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from minigen.functional.arguments import check_integer
from minigen.metrics.arguments import check_numbers, check_two_sets
from minigen.metrics.verdicts import MeanAndSpread


def frechet_distance(samples: Any, reference: Any) -> float:
    r"""Fréchet distance of two Gaussians with the means and covariances of two sets of features: the "FID".

    .. math:: \|\mu_1 - \mu_2\|^2 + \mathrm{tr}\left(\Sigma_1 + \Sigma_2 - 2 (\Sigma_1 \Sigma_2)^{1/2}\right)

    Parameters
    ----------
    samples, reference : array or Tensor (N, D), (M, D)
        Features of drawn and of real images, from one network.

    Returns
    -------
    float
        At least 0 but for roundings, in the square of the features' unit.

    Raises
    ------
    TypeError, ValueError
        If the shapes do not fit, there are fewer than 2 rows, or a feature is NaN or infinite.

    Warns
    -----
    UserWarning
        If a set has fewer than 2 D rows.

    Notes
    -----
    Too few images make it larger: the error is of the order 1 / N, and it depends on the generator (Binkowski et al.
    2018, section 4 and appendix D).  See `frechet_from_moments` for the root.

    References
    ----------
    Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", 2017,
    "Experiments: performance measure".
    Dowson and Landau, "The Fréchet distance between multivariate normal distributions", 1982.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((1000, 2))
    >>> round(frechet_distance(x + [3, 4], x), 6)  # the same covariance: what is left is the square of the shift
    25.0
    """
    moments = []
    sets = check_two_sets("frechet_distance", least=2, samples=samples, reference=reference)
    for name, x in zip(("samples", "reference"), sets, strict=True):
        if len(x) < 2 * x.shape[1]:
            warnings.warn(
                f"frechet_distance: {name} has {len(x)} rows for {x.shape[1]} features; with fewer than "
                f"{2 * x.shape[1]} the covariance is hardly known, and the distance comes out too large",
                stacklevel=2,
            )
        mean = x.mean(axis=0)  # (N, D) -> (D,)
        centred = x - mean
        moments += [mean, np.matmul(centred.T, centred) / (len(x) - 1)]  # (D, N), (N, D) -> (D, D)
    return frechet_from_moments(*moments)


def frechet_from_moments(mean1: Any, covariance1: Any, mean2: Any, covariance2: Any) -> float:
    r"""Fréchet distance of two Gaussians that are known by their moments.

    Parameters
    ----------
    mean1, mean2 : array (D,)
        Means.
    covariance1, covariance2 : array (D, D)
        Covariances, symmetric.

    Raises
    ------
    TypeError, ValueError
        If the shapes do not fit or a covariance is not symmetric with eigenvalues of at least 0.

    Notes
    -----
    :math:`\Sigma_1 \Sigma_2` is not symmetric, and the square root of such a matrix may come out complex.  With
    :math:`\Sigma_1 = R R^T` it has the eigenvalues of :math:`R^T \Sigma_2 R`, which is symmetric, and the trace of the
    root is the sum of their roots: real numbers throughout.  Eigenvalues below the roundings count as 0.

    References
    ----------
    Dowson and Landau, "The Fréchet distance between multivariate normal distributions", 1982.

    Examples
    --------
    >>> frechet_from_moments([0.0], [[9.0]], [4.0], [[1.0]])  # (0 - 4)**2 + (3 - 1)**2
    20.0
    """
    owner = "frechet_from_moments"
    means = [check_numbers(owner, f"mean{i}", mean, "D") for i, mean in ((1, mean1), (2, mean2))]
    given = ((1, covariance1), (2, covariance2))
    covariances = [check_numbers(owner, f"covariance{i}", covariance, "D D") for i, covariance in given]
    size = len(means[0])
    for i, (mean, covariance) in enumerate(zip(means, covariances, strict=True), start=1):
        if len(mean) != size or covariance.shape != (size, size):
            raise ValueError(
                f"{owner}: mean{i} {mean.shape} and covariance{i} {covariance.shape} do not fit mean1 {means[0].shape}"
            )
        scale = np.abs(covariance).max()
        if np.abs(covariance - covariance.T).max() > 1e-9 * scale:
            raise ValueError(f"{owner}: covariance{i} is not symmetric; np.cov(features, rowvar=False) makes one")
    values, vectors = np.linalg.eigh(covariances[0])
    root = vectors * np.sqrt(_without_roundings(owner, "covariance1", values))  # R, (D, D)
    product = np.matmul(root.T, np.matmul(covariances[1], root))
    _without_roundings(owner, "covariance2", np.linalg.eigvalsh(covariances[1]))
    eigenvalues = _without_roundings(owner, "the product", np.linalg.eigvalsh((product + product.T) / 2))
    shift = ((means[0] - means[1]) ** 2).sum()
    return float(shift + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.sqrt(eigenvalues).sum())


def _without_roundings(owner: str, name: str, eigenvalues: np.ndarray) -> np.ndarray:
    """Set eigenvalues to 0 that are no larger than roundings; refuse those that are truly negative."""
    largest = np.abs(eigenvalues).max()
    if eigenvalues.min() < -1e-9 * largest:
        raise ValueError(f"{owner}: {name} has the eigenvalue {eigenvalues.min():g}; of a covariance none is below 0")
    return np.where(eigenvalues > len(eigenvalues) * np.finfo(float).eps * largest, eigenvalues, 0.0)


def kernel_distance(
    samples: Any, reference: Any, *, blocks: int = 100, block_size: int | None = None, seed: int = 0
) -> MeanAndSpread:
    r"""Squared maximum mean discrepancy of two sets of features under a cubic kernel: the "KID".

    .. math:: \frac{\sum_{i \ne j} k(x_i, x_j) + \sum_{i \ne j} k(y_i, y_j)}{m (m - 1)}
              - \frac{2}{m^2} \sum_{i, j} k(x_i, y_j), \qquad k(x, y) = (x \cdot y / D + 1)^3,

    averaged over blocks of m rows of each set, drawn without replacement.

    Parameters
    ----------
    samples, reference : array or Tensor (N, D), (M, D)
        Features of drawn and of real images, from one network.
    blocks : int, default 100
        How many blocks.
    block_size : int, optional
        m; by default 1000, or as many rows as the smaller set has.
    seed : int, default 0
        What the blocks are drawn from.

    Returns
    -------
    MeanAndSpread
        Over the blocks.

    Raises
    ------
    TypeError, ValueError
        If the shapes do not fit, there are fewer than 2 rows, or a block is larger than a set.

    Notes
    -----
    Unlike the Fréchet distance it is unbiased, so that figures from different numbers of images can be compared; for
    two samples of one distribution it is as often below 0 as above.

    References
    ----------
    Binkowski, Sutherland, Arbel and Gretton, "Demystifying MMD GANs", 2018, equation 4 and section 4.

    Examples
    --------
    >>> x, y = np.random.default_rng(0).standard_normal((2, 2000, 4))
    >>> same, moved = kernel_distance(x, y, blocks=10), kernel_distance(x + 1, y, blocks=10)
    >>> abs(same.mean) < 0.01 < moved.mean
    True
    """
    owner = "kernel_distance"
    x, y = check_two_sets(owner, least=2, samples=samples, reference=reference)
    most = min(len(x), len(y))
    blocks = check_integer(owner, "blocks", blocks)
    size = check_integer(owner, "block_size", min(1000, most) if block_size is None else block_size, low=2)
    if size > most:
        raise ValueError(f"{owner}: a block of {size} rows cannot be drawn from {most}; give a smaller block_size")
    draw = np.random.default_rng(check_integer(owner, "seed", seed, low=0))
    distances = []
    for _ in range(blocks):
        rows = (draw.choice(len(features), size, replace=False) for features in (x, y))
        distances.append(_squared_mmd(*(features[chosen] for features, chosen in zip((x, y), rows, strict=True))))
    return MeanAndSpread(float(np.mean(distances)), float(np.std(distances)))


def _squared_mmd(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased estimate from two sets of m rows each."""
    m, size = x.shape
    xx, yy, xy = ((np.matmul(a, b.T) / size + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))  # (m, m) each
    within = xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)
    return float(within / (m * (m - 1)) - 2 * xy.sum() / m**2)
