"""Figures for toy distributions, whose densities are known: here a generator can be measured exactly.

For mixtures of Gaussians in the plane: which modes are found, and how evenly.  For points on a line: the exact
transport distance.  For two known densities: the discriminator that no network can beat.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from minigen.functional.arguments import check_integer, check_number
from minigen.metrics.arguments import as_array, check_numbers, check_two_sets


class ModeCoverage(NamedTuple):
    """How well points cover the modes of a mixture.

    Attributes
    ----------
    counts : int64 array (modes,)
        Points within ``within`` standard deviations of each mode.
    covered : dict of int to int
        For each threshold, how many modes have at least so many of these points.
    high_quality : float
        The share of all points that lie within ``within`` standard deviations of any mode.
    kl : float
        KL divergence of the histogram of nearest modes from the uniform one, in nats: from 0 to log(modes).
    """

    counts: np.ndarray
    covered: dict[int, int]
    high_quality: float
    kl: float


def mode_coverage(
    points: Any, centers: Any, sigma: float, *, least: tuple[int, ...] = (20, 100), within: float = 3.0
) -> ModeCoverage:
    r"""Count which modes of a mixture of equal Gaussians are found, and how evenly.

    .. math:: \mathrm{KL}(h \,\|\, u) = \sum_m h_m \log (M h_m),

    with h the shares of points whose nearest mode is m.

    Parameters
    ----------
    points : array or Tensor (N, D)
        Drawn points.
    centers : array (M, D)
        Of the modes (``Toy2D.centers`` of `minigen.data`).
    sigma : float
        Standard deviation of a mode in each direction.
    least : tuple of int, default (20, 100)
        Thresholds, for 10,000 points: with 20 a mode has been found, with 100 it has a quarter of its share in
        grid-25.
    within : float, default 3
        Standard deviations; in the plane 98.9 % of a Gaussian lie within 3.

    Returns
    -------
    ModeCoverage

    Raises
    ------
    TypeError, ValueError
        If the shapes do not fit, or an option is out of its range.

    Notes
    -----
    A generator can touch every mode and yet draw one of them half of the time, which only the divergence shows; and
    uniform noise has a small divergence, which the share of high quality shows.  Read them together.

    References
    ----------
    Gulrajani et al., "Improved training of Wasserstein GANs", 2017, figure 1 (grid and ring).
    Lin, Khetan, Fanti and Oh, "PacGAN: the power of two samples in generative adversarial networks", 2018, section 4
    (the three figures).

    Examples
    --------
    >>> from minigen.data import Toy2D
    >>> toy = Toy2D("grid-25", n=10_000)
    >>> found = mode_coverage(toy.data, toy.centers, toy.sigma)
    >>> found.covered, round(found.high_quality, 2), round(found.kl, 2)
    ({20: 25, 100: 25}, 0.99, 0.0)
    """
    owner = "mode_coverage"
    x, modes = check_two_sets(owner, points=points, centers=centers)
    sigma, within = check_number(owner, "sigma", sigma, 0.0), check_number(owner, "within", within, 0.0)
    least = tuple(check_integer(owner, "least", threshold) for threshold in least)
    squares = sum((x[:, None, axis] - modes[:, axis]) ** 2 for axis in range(x.shape[1]))  # (N, M)
    nearest = squares.argmin(axis=1)
    good = squares.min(axis=1) <= (within * sigma) ** 2
    counts = np.bincount(nearest[good], minlength=len(modes))
    shares = np.bincount(nearest, minlength=len(modes)) / len(x)
    found = shares[shares > 0]
    kl = max(0.0, float((found * np.log(len(modes) * found)).sum()))
    covered = {threshold: int((counts >= threshold).sum()) for threshold in least}
    return ModeCoverage(counts, covered, float(good.mean()), kl)


def wasserstein_1d(a: Any, b: Any) -> float:
    r"""Exact Wasserstein-1 distance between two sets of numbers.

    .. math:: \int | F_a(x) - F_b(x) | \, dx,

    the area between their distribution functions: how far, on average, a must be moved to become b.

    Parameters
    ----------
    a, b : array or Tensor (N,), (M,)
        Numbers; each of a set weighs the same.

    Returns
    -------
    float
        In the unit of the numbers.

    Raises
    ------
    TypeError, ValueError
        If they are no vectors of finite numbers.

    References
    ----------
    Villani, "Topics in optimal transportation", 2003, section 2.2.

    Examples
    --------
    >>> wasserstein_1d([0.0, 1.0], [5.0, 6.0]), wasserstein_1d([0.0, 1.0], [0.5])
    (5.0, 0.5)
    """
    a, b = (np.sort(check_numbers("wasserstein_1d", name, x, "N")) for name, x in (("a", a), ("b", b)))
    places = np.sort(np.concatenate([a, b]))  # (N + M,)
    left = places[:-1]
    gaps = np.abs(np.searchsorted(a, left, "right") / len(a) - np.searchsorted(b, left, "right") / len(b))
    return float((gaps * np.diff(places)).sum())


def mixture_log_density(points: Any, centers: Any, sigma: float) -> np.ndarray:
    r"""Logarithm of the density of a mixture of equal Gaussians.

    .. math:: \log \frac1M \sum_m \mathcal{N}(x; c_m, \sigma^2 I)

    Parameters
    ----------
    points : array or Tensor (N, D)
        Where.
    centers : array (M, D)
        Of the modes.
    sigma : float
        Standard deviation of a mode in each direction.

    Returns
    -------
    float64 array (N,)

    Examples
    --------
    >>> np.exp(mixture_log_density([[0.0]], [[0.0]], 1.0)).round(4)  # 1 / sqrt(2 pi)
    array([0.3989])
    """
    owner = "mixture_log_density"
    x, modes = check_two_sets(owner, points=points, centers=centers)
    sigma = check_number(owner, "sigma", sigma, float(np.finfo(float).tiny))
    size = x.shape[1]
    squares = sum((x[:, None, axis] - modes[:, axis]) ** 2 for axis in range(size))  # (N, M)
    exponents = -squares / (2 * sigma**2)
    top = exponents.max(axis=1)
    total = np.log(np.exp(exponents - top[:, None]).sum(axis=1))
    return top + total - math.log(len(modes)) - size * math.log(sigma * math.sqrt(2 * math.pi))


def optimal_discriminator(log_p: Any, log_q: Any) -> np.ndarray:
    r"""Return what the best discriminator says, given the two densities.

    .. math:: D^*(x) = \frac{p(x)}{p(x) + q(x)} = \sigma(\log p(x) - \log q(x))

    Parameters
    ----------
    log_p, log_q : array or Tensor (N,)
        Logarithms of the densities of the data and of the generator at the same N places (`mixture_log_density`); a
        density of 0 has the logarithm -inf.

    Returns
    -------
    float64 array (N,)
        Probabilities that x is real; 1/2 wherever the densities are equal.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, a value is NaN or +inf, or both densities are 0 at a place.

    References
    ----------
    Goodfellow et al., "Generative adversarial nets", 2014, proposition 1.

    Examples
    --------
    >>> optimal_discriminator(np.log([0.3, 0.2]), np.log([0.1, 0.2])).round(6)
    array([0.75, 0.5 ])
    """
    owner = "optimal_discriminator"
    p, q = (_log_density(owner, name, x) for name, x in (("log_p", log_p), ("log_q", log_q)))
    if p.shape != q.shape:
        raise ValueError(f"{owner}: log_p {p.shape} and log_q {q.shape} must be given at the same places")
    if (np.maximum(p, q) == -np.inf).any():
        raise ValueError(f"{owner}: at some place both densities are 0; there every discriminator is as good")
    odds = p - q
    small = np.exp(-np.abs(odds))  # never above 1
    return np.where(odds >= 0, 1.0, small) / (1 + small)


def _log_density(owner: str, name: str, value: Any) -> np.ndarray:
    array = as_array(owner, name, value).astype(np.float64)
    check_numbers(owner, name, np.where(array == -np.inf, 0.0, array), "N")
    return array
