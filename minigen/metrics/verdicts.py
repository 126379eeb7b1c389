"""What a classifier says of drawn images: whether they are sharp, diverse, and each what was asked for.

All here works on probabilities (N, C), one row an image, or on labels (N,); where they come from does not matter, but
two figures can be compared only if they come from one classifier.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from minigen.functional.arguments import check_integer, check_number
from minigen.metrics.arguments import CLASSES, check_labels, check_numbers, check_probabilities


class MeanAndSpread(NamedTuple):
    """A mean over parts of the data, and the standard deviation between the parts."""

    mean: float
    std: float


def inception_score(probabilities: Any, splits: int = 1) -> MeanAndSpread:
    r"""Sharpness and diversity in one number: from 1, and up to the number of classes.

    .. math:: \exp\left( \frac1N \sum_n \mathrm{KL}(p(y | x_n) \,\|\, \bar p(y)) \right), \quad
              \bar p = \frac1N \sum_n p(y | x_n)

    It is high if the classifier is sure of each image, and finds every class among them.

    Parameters
    ----------
    probabilities : array or Tensor (N, C)
        Of the classes, for each image.
    splits : int, default 1
        Into how many parts, in the order given, the images are divided; each has a score.  The paper takes 10.

    Returns
    -------
    MeanAndSpread
        Over the parts; the spread of one part is 0.

    Raises
    ------
    TypeError, ValueError
        If rows are no probabilities, or there are fewer images than parts.

    Notes
    -----
    With another classifier than Inception-v3 it is an analogue, to be compared with itself only.  It sees neither
    memorised images nor a class of which all images are alike.  Fewer images in a part give a smaller score.

    References
    ----------
    Salimans et al., "Improved techniques for training GANs", 2016, section 4.
    Barratt and Sharma, "A note on the Inception score", 2018.

    Examples
    --------
    >>> [round(inception_score(p).mean, 6) for p in (np.eye(10), np.full((5, 10), 0.1))]
    [10.0, 1.0]
    """
    p = check_probabilities("inception_score", probabilities)
    splits = check_integer("inception_score", "splits", splits)
    if len(p) < splits:
        raise ValueError(f"inception_score: {len(p)} images cannot be divided into {splits} parts")
    scores = []
    for part in np.split(p, [len(p) * i // splits for i in range(1, splits)]):
        nats = _plogp(part).sum(axis=1).mean() - _plogp(part.mean(axis=0)).sum()  # mean KL = H(y) - H(y | x)
        scores.append(math.exp(nats))
    return MeanAndSpread(float(np.mean(scores)), float(np.std(scores)))


def _plogp(p: np.ndarray) -> np.ndarray:
    return p * np.log(np.where(p > 0, p, 1.0))  # 0 log 0 = 0


def confidence_share(probabilities: Any, threshold: float = 0.9) -> float:
    """Return the share of images of whose class the classifier is at least so sure.

    Parameters
    ----------
    probabilities : array or Tensor (N, C)
        Of the classes, for each image.
    threshold : float, default 0.9
        How probable the most probable class must be.

    Examples
    --------
    >>> confidence_share([[0.95, 0.05], [0.6, 0.4]])
    0.5
    """
    p = check_probabilities("confidence_share", probabilities)
    return float((p.max(axis=1) >= check_number("confidence_share", "threshold", threshold, 0.0, 1.0)).mean())


def class_histogram(labels: Any, classes: int = CLASSES) -> np.ndarray:
    """Return the share of each class among labels.

    Parameters
    ----------
    labels : int array or Tensor (N,)
        Classes that were found.
    classes : int, default 10
        How many there are.

    Returns
    -------
    float64 array (classes,)
        At least 0, and 1 in all.

    Examples
    --------
    >>> class_histogram([0, 1, 1, 1], classes=3)
    array([0.25, 0.75, 0.  ])
    """
    found = check_labels("class_histogram", "labels", labels, classes)
    return np.bincount(found, minlength=classes) / len(found)


def conditional_accuracy(probabilities: Any, wanted: Any) -> float:
    """Return the share of images in which the classifier finds the class that was asked for.

    Parameters
    ----------
    probabilities : array or Tensor (N, C)
        Of the classes, for each image.
    wanted : int array or Tensor (N,)
        The classes that the generator was given.

    Examples
    --------
    >>> conditional_accuracy([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]], [0, 1, 0, 1])
    0.75
    """
    p = check_probabilities("conditional_accuracy", probabilities)
    labels = check_labels("conditional_accuracy", "wanted", wanted, p.shape[1], len(p))
    return float((p.argmax(axis=1) == labels).mean())


def confusion_matrix(wanted: Any, found: Any, classes: int = CLASSES) -> np.ndarray:
    """Count which class was taken for which.

    Parameters
    ----------
    wanted, found : int array or Tensor (N,)
        True labels (or those asked for), and those that a classifier found.
    classes : int, default 10
        How many there are.

    Returns
    -------
    int64 array (classes, classes)
        Entry [i, j]: how many images of class i were taken for class j.

    Examples
    --------
    >>> confusion_matrix([0, 0, 1], [0, 1, 1], classes=2)
    array([[1, 1],
           [0, 1]])
    """
    rows = check_labels("confusion_matrix", "wanted", wanted, classes)
    columns = check_labels("confusion_matrix", "found", found, classes, len(rows))
    return np.bincount(rows * classes + columns, minlength=classes**2).reshape(classes, classes)


def within_class_variance(features: Any, labels: Any) -> float:
    r"""How much images of one class differ: the mean squared distance from their class's mean.

    .. math:: \frac{1}{C} \sum_c \frac{1}{N_c - 1} \sum_{n: y_n = c} \|f_n - \bar f_c\|^2

    A conditional generator that draws one perfect image a class has the right classes and no variance.

    Parameters
    ----------
    features : array or Tensor (N, D)
        Of the images.
    labels : int array or Tensor (N,)
        Their classes; a class of which there are fewer than 2 images is left out.

    Raises
    ------
    TypeError, ValueError
        If the shapes do not fit, or no class has 2 images.

    Examples
    --------
    >>> within_class_variance([[0.0], [2.0], [5.0], [5.0]], [0, 0, 1, 1])
    1.0
    """
    f = check_numbers("within_class_variance", "features", features, "N D")
    y = check_labels("within_class_variance", "labels", labels, 2**62, len(f))
    groups = [f[y == label] for label in np.unique(y)]
    variances = [group.var(axis=0, ddof=1).sum() for group in groups if len(group) > 1]
    if not variances:
        raise ValueError(f"within_class_variance: no class has 2 of the {len(f)} images, so none has a variance")
    return float(np.mean(variances))


class Calibration(NamedTuple):
    """Confidence against accuracy, in bins of equal width.

    Attributes
    ----------
    error : float
        The expected calibration error: the mean of |accuracy - confidence|, each bin weighing by its images.
    counts : int64 array (bins,)
        Images whose confidence falls into the bin.
    confidence, accuracy : float64 array (bins,)
        Their means in the bin; NaN where it is empty.
    """

    error: float
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray


def calibration(probabilities: Any, labels: Any, bins: int = 15) -> Calibration:
    r"""Compare how sure a classifier is with how often it is right.

    .. math:: \mathrm{ECE} = \sum_b \frac{N_b}{N} \, | \mathrm{acc}_b - \mathrm{conf}_b |

    Parameters
    ----------
    probabilities : array or Tensor (N, C)
        Of the classes, for each image.
    labels : int array or Tensor (N,)
        The true classes.
    bins : int, default 15
        Of equal width, from 0 to 1, each with its upper edge (Guo et al. 2017, section 2 and table 1).

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017.

    Examples
    --------
    >>> p = np.tile([0.75, 0.25], (4, 1))
    >>> calibration(p, [0, 0, 0, 1]).error, calibration(p, [0, 0, 1, 1]).error
    (0.0, 0.25)
    """
    p = check_probabilities("calibration", probabilities)
    y = check_labels("calibration", "labels", labels, p.shape[1], len(p))
    bins = check_integer("calibration", "bins", bins)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    total = np.where(counts > 0, counts, np.nan)  # an empty bin has no mean
    means = [np.bincount(place, weights=weights, minlength=bins) / total for weights in (confidence, right)]
    error = np.nansum(counts * np.abs(means[1] - means[0])) / len(p)
    return Calibration(float(error), counts, *means)
