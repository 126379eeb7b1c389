"""What a variational autoencoder is worth: its bounds on the likelihood, and what its latent units carry.

All here works on numbers that a model has computed: log-weights, means of the posterior, factors of the data.  Bounds
are in nats per image.  Say "grey-level" or "binarised" beside each of them: the same network differs by 15 to 20 nats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minigen.functional.arguments import check_integer, check_number
from minigen.metrics.arguments import as_array, check_numbers


def negative_elbo(log_weights: Any) -> float:
    r"""Negative evidence lower bound, in nats per image: the bound that a VAE is trained on.

    .. math:: -\frac{1}{NK} \sum_{n, k} \log w_{nk}, \qquad
              \log w_{nk} = \log p(x_n | z_{nk}) + \log p(z_{nk}) - \log q(z_{nk} | x_n)

    Parameters
    ----------
    log_weights : array or Tensor (N, K)
        One row an image, one column a latent drawn from the posterior of that image.

    Returns
    -------
    float
        At least -log p(x) on average, as `importance_bounds` for k = 1.

    Raises
    ------
    TypeError, ValueError
        If it is no matrix of finite numbers.

    References
    ----------
    Kingma and Welling, "Auto-encoding variational Bayes", 2014, equation 2.

    Examples
    --------
    >>> negative_elbo([[-100.0, -102.0], [-90.0, -92.0]])
    96.0
    """
    return -float(check_numbers("negative_elbo", "log_weights", log_weights, "N K").mean())


def importance_bounds(log_weights: Any, k: Sequence[int]) -> dict[int, float]:
    r"""Importance-weighted bounds on -log p(x), in nats per image; the more weights, the tighter.

    .. math:: L_k = -\mathbb{E} \log \frac1k \sum_{i=1}^k w_i

    Parameters
    ----------
    log_weights : array or Tensor (N, K)
        One row an image, one column a latent drawn from the posterior of that image; see `negative_elbo`.
    k : sequence of int
        How many weights a bound takes. The columns are divided into K // k groups, which give a mean for each image;
        what is left over is not used.

    Returns
    -------
    dict of int to float
        The bound for each k: on average L_1 >= L_5 >= L_50 >= ... >= -log p(x).

    Raises
    ------
    TypeError, ValueError
        If it is no matrix of finite numbers, or has fewer columns than k.

    References
    ----------
    Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", 2016, equation 8 and theorem 1.

    Examples
    --------
    >>> weights = np.log([[1.0, 3.0, 2.0, 2.0]])
    >>> {k: round(bound, 4) for k, bound in importance_bounds(weights, k=(1, 2, 4)).items()}
    {1: -0.6212, 2: -0.6931, 4: -0.6931}
    """
    owner = "importance_bounds"
    rows = check_numbers(owner, "log_weights", log_weights, "N K")
    if not isinstance(k, Sequence):
        raise TypeError(f"{owner}: k must be a sequence of integers such as (1, 5, 50), not {k!r}")
    bounds = {}
    for size in k:
        size = check_integer(owner, "k", size)
        groups = rows.shape[1] // size
        if groups == 0:
            raise ValueError(f"{owner}: log_weights has {rows.shape[1]} columns; a bound of k={size} needs as many")
        parts = rows[:, : groups * size].reshape(len(rows), groups, size)  # (N, K) -> (N, groups, size)
        top = parts.max(axis=2, keepdims=True)  # of large weights the exponential would overflow
        log_means = top[..., 0] + np.log(np.exp(parts - top).mean(axis=2))  # (N, groups)
        bounds[size] = -float(log_means.mean())
    return bounds


class RateDistortion(NamedTuple):
    """What the code costs, and what is lost by it, in nats per image; their sum is the negative ELBO."""

    rate: float
    distortion: float


def rate_distortion(log_likelihood: Any, log_prior: Any, log_posterior: Any) -> RateDistortion:
    r"""Divide the negative ELBO into rate and distortion.

    .. math:: R = \mathbb{E}[\log q(z | x) - \log p(z)], \qquad D = -\mathbb{E} \log p(x | z)

    Parameters
    ----------
    log_likelihood, log_prior, log_posterior : array or Tensor (N, K)
        log p(x | z), log p(z) and log q(z | x) for K latents of each image.

    Returns
    -------
    RateDistortion
        The rate estimates the mean of KL(q(z | x) || p(z)); for Gaussians `minigen.functional.gaussian_kl` has it
        without noise.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, or a number is NaN or infinite.

    References
    ----------
    Alemi, Poole, Fischer, Dillon, Saurous and Murphy, "Fixing a broken ELBO", 2018, section 2.

    Examples
    --------
    >>> rate_distortion([[-80.0]], [[-30.0]], [[-5.0]])
    RateDistortion(rate=25.0, distortion=80.0)
    """
    owner = "rate_distortion"
    given = {"log_likelihood": log_likelihood, "log_prior": log_prior, "log_posterior": log_posterior}
    x, prior, posterior = (check_numbers(owner, name, value, "N K") for name, value in given.items())
    if not x.shape == prior.shape == posterior.shape:
        raise ValueError(f"{owner}: the shapes differ: {x.shape}, {prior.shape}, {posterior.shape}")
    return RateDistortion(float((posterior - prior).mean()), -float(x.mean()))


class ActiveUnits(NamedTuple):
    """How many latent units depend on the image, and each one's variance over the images (Z,)."""

    active: int
    variances: np.ndarray


def active_units(means: Any, threshold: float = 0.01) -> ActiveUnits:
    r"""Count the latent units whose posterior mean changes with the image.

    .. math:: A_z = \mathrm{Var}_x \left( \mathbb{E}_{q(z | x)} [z] \right) > 0.01

    Parameters
    ----------
    means : array or Tensor (N, Z)
        Posterior means of N images.
    threshold : float, default 0.01
        The variance above which a unit counts as active (Burda et al. 2016, section 5).

    Returns
    -------
    ActiveUnits
        None active is posterior collapse: the decoder ignores its code.

    Raises
    ------
    TypeError, ValueError
        If it is no matrix of finite numbers, or has one row only.

    References
    ----------
    Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", 2016, section 5.

    Examples
    --------
    >>> active_units([[0.0, 1.0, 0.001], [0.0, -1.0, -0.001]]).active
    1
    """
    owner = "active_units"
    variances = check_numbers(owner, "means", means, "N Z", least=2).var(axis=0, ddof=1)
    threshold = check_number(owner, "threshold", threshold, 0.0)
    return ActiveUnits(int((variances > threshold).sum()), variances)


# --- disentanglement ------------------------------------------------------------------------------------------------


class InformationGap(NamedTuple):
    """How exclusively factors are told by single units.

    Attributes
    ----------
    mig : float
        The mean of the gaps of the factors, in [0, 1].
    gaps : float64 array (F,)
        For each factor, by how much the most informed unit leads over the second, as a share of the factor's entropy.
    information : float64 array (Z, F)
        Mutual information of each unit and each factor, in nats.
    entropies : float64 array (F,)
        Of the factors, in nats.
    """

    mig: float
    gaps: np.ndarray
    information: np.ndarray
    entropies: np.ndarray


def mutual_information_gap(codes: Any, factors: Any, bins: int = 20) -> InformationGap:
    r"""Mutual information gap (MIG): whether each factor of the data is told by one latent unit alone.

    .. math:: \frac1F \sum_f \frac{1}{H(v_f)} \left( I(z_{(1)}; v_f) - I(z_{(2)}; v_f) \right),

    where :math:`z_{(1)}, z_{(2)}` are the units that share most information with the factor :math:`v_f`.

    Parameters
    ----------
    codes : array or Tensor (N, Z)
        Latent codes (posterior means) of N images, Z >= 2.
    factors : array or Tensor (N, F)
        Known factors of the same images. Whole numbers are taken as they are; a column of others, as of sizes and
        angles, is cut into bins.
    bins : int, default 20
        Bins of equal width, from the smallest to the largest value, for codes and for continuous factors (as Locatello
        et al. 2019 do it).

    Returns
    -------
    InformationGap

    Raises
    ------
    TypeError, ValueError
        If the shapes do not fit, there is one unit only, or a factor has one value only.

    Notes
    -----
    Deviation from Chen et al. (2018): the information is that between histograms of codes, not of the whole posterior.
    Histograms find some information in unrelated numbers, about (bins - 1)(values - 1) / (2 N) nats: take thousands of
    images.

    References
    ----------
    Chen, Li, Grosse and Duvenaud, "Isolating sources of disentanglement in variational autoencoders", 2018, section 4.
    Locatello et al., "Challenging common assumptions in the unsupervised learning of disentangled representations",
    2019.

    Examples
    --------
    >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> mutual_information_gap(factors * 2.0, factors).mig  # each unit is a factor
    1.0
    >>> mutual_information_gap(factors @ [[1.0, 1.0], [2.0, 2.0]], factors).mig  # both units tell both
    0.0
    """
    owner = "mutual_information_gap"
    bins = check_integer(owner, "bins", bins, low=2)
    units = check_numbers(owner, "codes", codes, "N Z", least=2)
    whole = as_array(owner, "factors", factors).dtype.kind in "biu"
    values = check_numbers(owner, "factors", factors, "N F", least=2)
    if len(units) != len(values):
        raise ValueError(f"{owner}: codes of {len(units)} images, but factors of {len(values)}")
    if units.shape[1] < 2:
        raise ValueError(f"{owner}: codes {units.shape} have one unit; a gap lies between two")
    z = [_binned(column, bins) for column in units.T]
    v = [_levels(column) if whole or _is_whole(column) else _binned(column, bins) for column in values.T]
    entropies = np.array([_entropy(np.bincount(column)) for column in v])
    if entropies.min() <= 0:
        raise ValueError(f"{owner}: factor {entropies.argmin()} has the same value in all images; leave it out")
    information = np.array([[_mutual_information(unit, factor) for factor in v] for unit in z])  # (Z, F)
    second, first = np.sort(information, axis=0)[-2:]  # (F,) each
    gaps = (first - second) / entropies
    return InformationGap(float(gaps.mean()), gaps, information, entropies)


def _is_whole(column: np.ndarray) -> bool:
    return bool((column == np.round(column)).all())


def _levels(column: np.ndarray) -> np.ndarray:
    """Number the different values 0, 1, ..."""
    return np.unique(column, return_inverse=True)[1]


def _binned(column: np.ndarray, bins: int) -> np.ndarray:
    """Number bins of equal width from the smallest to the largest value."""
    low, high = column.min(), column.max()
    width = (high - low) / bins or 1.0  # a unit that never changes lies in one bin
    return np.minimum(((column - low) / width).astype(np.int64), bins - 1)


def _entropy(counts: np.ndarray) -> float:
    """Entropy of a histogram, in nats."""
    shares = counts[counts > 0] / counts.sum()
    return -float((shares * np.log(shares)).sum())


def _mutual_information(a: np.ndarray, b: np.ndarray) -> float:
    """I(a; b) = H(a) + H(b) - H(a, b) of two columns of small whole numbers."""
    together = np.bincount(a * (b.max() + 1) + b)
    return max(0.0, _entropy(np.bincount(a)) + _entropy(np.bincount(b)) - _entropy(together))
