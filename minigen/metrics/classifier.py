"""The course classifier: a small frozen network on whose features and verdicts generators of digits are judged.

The figures that everybody quotes (FID, precision, Inception score) look at images through Inception-v3, which has
learned from photographs and takes 24 million weights.  For 28x28 digits a small network does better: it knows digits,
it is trained by minigen itself, and it comes with the package.  It was made and frozen before any generator was judged
by it; figures that were taken with different weights cannot be compared, so the file's name holds the beginning of its
sha256, and the whole is checked on loading.

`python -m benchmarks.course_classifier` made it, in ten epochs over the 60,000 training digits of MNIST and 20,000
drawn ones, shifted by up to two pixels, and beside them over noise and shuffled pixels, of which it was to be unsure;
the JSON file beside the weights is the record.  On images not seen before:

=================  ========  ===================  =================  =============================
test images        accuracy  mean confidence      at least 0.9 sure  expected calibration error
=================  ========  ===================  =================  =============================
MNIST, 10,000      99.37 %   0.995                98.71 %            0.0025
glyphs, 10,000     99.88 %   0.999                99.64 %            0.0010
uniform noise      -         0.100                0.00 %             -
=================  ========  ===================  =================  =============================

What it is not: a judge of anything else than white digits on black.  Some 20 of its 64 features are 0 for all digits,
and take no part in their distances.  Images of noise all have nearly the same features, in the midst of those of
digits, so that the precision of noise is 1 and its density high, while its recall is 0: read precision and density
with recall or coverage beside them.

References
----------
Hendrycks, Mazeika and Dietterich, Deep Anomaly Detection with Outlier Exposure, 2019 (learning to be unsure of noise).
Heusel et al., GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium, 2017 (distances
between features in the place of pixels).
Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, 2014.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load

import minigen
import minigen.nn.functional as F
from minigen import Tensor, nn
from minigen.metrics.arguments import CLASSES, as_array, check_finite

SIZE = 28  # pixels
FEATURES = 64
BATCH = 500  # images at once: some 30 MB of activations
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601, section 2.5.1)
SHA256 = "eafa63feb2d8ce14b61d8e9a23dbfbdd641047db65544877479995af09899933"


def weights_path(sha256: str) -> Path:
    """Return where the weights of that sha256 lie; the JSON record beside them has the same name."""
    return Path(__file__).with_name(f"course-classifier-{sha256[:10]}.safetensors")


class Network(nn.Module):
    """Three convolutions, each followed by pooling, and two linear layers: 61,130 weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=5, padding=2)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1)
        self.conv3 = nn.Conv2d(32, 64, kernel_size=3, padding=1)
        self.fc1 = nn.Linear(64 * 3 * 3, FEATURES)
        self.dropout = nn.Dropout(0.25)
        self.fc2 = nn.Linear(FEATURES, CLASSES)

    def features(self, x: Tensor) -> Tensor:
        """Return the 64 features (N, 64), each at least 0, of images (N, 1, 28, 28) in [0, 1]."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)  # (N, 1, 28, 28) -> (N, 16, 14, 14)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)  # (N, 16, 14, 14) -> (N, 32, 7, 7)
        x = F.max_pool2d(F.relu(self.conv3(x)), 2)  # (N, 32, 7, 7) -> (N, 64, 3, 3)
        return F.relu(self.fc1(x.flatten(1)))  # (N, 576) -> (N, 64)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, 10)."""
        return self.fc2(self.dropout(self.features(x)))


class CourseClassifier:
    """The frozen network, asked about arrays of images; `course_classifier` returns the one that is shipped.

    Parameters
    ----------
    network : Network
        It is put into ``eval`` mode, and its weights are frozen.

    Examples
    --------
    >>> from minigen.data import Glyphs
    >>> digits = Glyphs(100, train=False)
    >>> judge = course_classifier()
    >>> judge.features(digits.data[:, None] / 255).shape
    (100, 64)
    >>> right = judge.probabilities(digits.data[:, None] / 255).argmax(1) == digits.targets
    >>> bool(right.mean() > 0.95)
    True
    """

    def __init__(self, network: Network) -> None:
        self.network = network.eval().requires_grad_(False)

    def examine(self, images: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return features and probabilities in one pass.

        Parameters
        ----------
        images : array or Tensor (N, 1, 28, 28)
            Grey digits, white on black, in [0, 1].

        Returns
        -------
        features : float64 array (N, 64)
            The values behind the last hidden layer's ReLU.
        probabilities : float64 array (N, 10)
            What the network gives each digit.

        Raises
        ------
        TypeError, ValueError
            If the images are no such images; `to_grey28` brings others into that form.
        """
        array = _check_images(images)
        features, probabilities = np.empty((len(array), FEATURES)), np.empty((len(array), CLASSES))
        with minigen.no_grad():
            for start in range(0, len(array), BATCH):
                part = slice(start, start + BATCH)
                seen = self.network.features(minigen.from_numpy(array[part].astype(np.float32)))
                features[part] = seen.numpy()
                logits = self.network.fc2(seen).numpy().astype(np.float64)
                odds = np.exp(logits - logits.max(axis=1, keepdims=True))
                probabilities[part] = odds / odds.sum(axis=1, keepdims=True)
        return features, probabilities

    def features(self, images: Any) -> np.ndarray:
        """Return the features (N, 64); see `examine`."""
        return self.examine(images)[0]

    def probabilities(self, images: Any) -> np.ndarray:
        """Return the probability of each digit (N, 10); see `examine`."""
        return self.examine(images)[1]


@cache
def course_classifier() -> CourseClassifier:
    """Return the classifier that is shipped with minigen; it is read once.

    Raises
    ------
    RuntimeError
        If the file of weights is missing, or its sha256 is not the one that it was made with.
    """
    return CourseClassifier(load_weights(weights_path(SHA256), SHA256))


def load_weights(path: Path, sha256: str) -> Network:
    """Return a network with the weights of a file, once its sha256 is found right.

    Raises
    ------
    RuntimeError
        If the file is missing, or it is another one.
    """
    remedy = "install minigen again, or make it anew with `python -m benchmarks.course_classifier`"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise RuntimeError(f"course_classifier: {path} is missing; {remedy}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise RuntimeError(
            f"course_classifier: {path} has the sha256 {found[:10]}..., not {sha256[:10]}...: it was changed or "
            f"damaged, and figures taken with it could not be compared; {remedy}"
        )
    state = minigen.get_rng_state()  # a network draws its first weights: nobody's random numbers shall change by that
    network = Network()
    minigen.set_rng_state(state)
    network.load_state_dict(load(content))
    return network


def to_grey28(images: Any) -> np.ndarray:
    """Bring images to the size and colour that the course classifier looks at.

    Colour becomes luma, 0.299 R + 0.587 G + 0.114 B; larger images are averaged over areas, smaller ones enlarged
    bilinearly.  Compare only images that came the same way: resizing blurs, and a distance sees it.

    Parameters
    ----------
    images : array or Tensor (N, C, H, W)
        Of 1 or 3 channels, in [0, 1].

    Returns
    -------
    float32 array (N, 1, 28, 28)
        In [0, 1].

    Raises
    ------
    TypeError, ValueError
        If they are no images in [0, 1].

    Examples
    --------
    >>> to_grey28(np.ones((2, 3, 32, 32))).shape
    (2, 1, 28, 28)
    """
    array = as_array("to_grey28", "images", images)
    if array.ndim != 4 or array.shape[1] not in (1, 3):
        raise ValueError(f"to_grey28: images must be (N, 1, H, W) or (N, 3, H, W), not {array.shape}")
    array = _check_range("to_grey28", array)
    if array.shape[1] == 3:
        array = np.tensordot(array, LUMA, axes=(1, 0))[:, None]  # (N, 3, H, W) -> (N, 1, H, W)
    mode = "area" if min(array.shape[2:]) >= SIZE else "bilinear"
    parts = [
        F.interpolate(minigen.from_numpy(array[i : i + BATCH].astype(np.float32)), (SIZE, SIZE), mode=mode).numpy()
        for i in range(0, len(array), BATCH)
    ]
    return np.concatenate(parts).clip(0, 1)  # roundings may leave the range by 1e-7


def _check_images(images: Any) -> np.ndarray:
    """Return (N, 1, 28, 28) images as they are; refuse all others."""
    array = as_array("course_classifier", "images", images)
    if array.ndim != 4 or array.shape[1:] != (1, SIZE, SIZE):
        raise ValueError(
            f"course_classifier: it judges grey images (N, 1, 28, 28), not {array.shape}; "
            "minigen.metrics.to_grey28(images) brings (N, C, H, W) of other sizes, grey or colour, into that form"
        )
    return _check_range("course_classifier", array)


def _check_range(owner: str, array: np.ndarray) -> np.ndarray:
    if len(array) == 0:
        raise ValueError(f"{owner}: there is no image in an array of shape {array.shape}")
    if array.dtype.kind != "f":
        raise ValueError(f"{owner}: images must be floating-point numbers in [0, 1], not {array.dtype}: divide by 255")
    check_finite(owner, "images", array)
    low, high = float(array.min()), float(array.max())
    if low < -1e-6 or high > 1 + 1e-6:
        raise ValueError(
            f"{owner}: images must lie in [0, 1], but they run from {low:g} to {high:g}; "
            "scale [-1, 1] by (x + 1) / 2, and bytes by x / 255"
        )
    return array
