"""A generator of digits judged as a whole: every figure beside what real images and what noise would get.

One function, which takes arrays of images and knows no system.  It asks the course classifier for features and
verdicts, and leaves the figures to the other files of this folder.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minigen.functional.arguments import check_integer
from minigen.metrics.arguments import CLASSES, as_array, check_labels
from minigen.metrics.classifier import SHA256, course_classifier, weights_path
from minigen.metrics.distances import frechet_distance, kernel_distance
from minigen.metrics.neighbours import compare_distances, density_coverage, nearest_distances, precision_recall
from minigen.metrics.verdicts import (
    class_histogram,
    conditional_accuracy,
    confidence_share,
    inception_score,
    within_class_variance,
)

LEAST = 20  # images of a kind; fewer have no neighbours and no spread to speak of


class _Seen(NamedTuple):
    """Images (N, 1, 28, 28) with their features (N, 64) and probabilities (N, 10)."""

    images: np.ndarray
    features: np.ndarray
    probabilities: np.ndarray


def judge_generator(
    samples: Any,
    test_images: Any,
    train_images: Any,
    labels: Any = None,
    *,
    test_labels: Any = None,
    neighbours: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure drawn digits, and beside them real ones (the floor) and uniform noise (the ceiling).

    Parameters
    ----------
    samples, test_images, train_images : array or Tensor (N, 1, 28, 28), (M, 1, 28, 28), (L, 1, 28, 28)
        Drawn images, real ones that the generator has not seen, and those that it learned from: white on black, in
        [0, 1].  `to_grey28` brings others into that form; all three must come the same way.
    labels : int array or Tensor (N,), optional
        The classes that the samples were asked to be of.
    test_labels : int array or Tensor (M,), optional
        The classes of the test images; only the floor of the conditional accuracy needs them.
    neighbours : int, default 1000
        For how many images of a kind the nearest training images are looked for.
    seed : int, default 0
        What the noise, and parts of larger sets, are drawn from.

    Returns
    -------
    dict
        All numbers are Python's, so that JSON can hold them.

        - ``figures``: by name, each a dict of ``value``, ``floor`` and ``ceiling``: what the samples get, what
          as many training images in their place, and what noise.  ``frechet_distance``, ``kernel_distance``,
          ``precision``, ``recall``, ``density`` and ``coverage`` compare with the test images;
          ``inception_score``, ``confidence_share``, ``mean_confidence``, ``smallest_class`` (the share of the rarest
          digit) and ``within_class_variance`` (of the features, by the classes that the classifier finds) do not;
          ``conditional_accuracy`` is there if ``labels`` are, and its floor, if ``test_labels`` are, is the
          classifier's accuracy on test images, else None; ``closer_in_features``, ``copies_in_features``,
          ``closer_in_pixels`` and ``copies_in_pixels`` are those of `Memorisation`, and their floor is that of test
          images.
        - ``classes``: the share of each digit, by the same three names.
        - ``images``: how many samples, test and training images there were.
        - ``classifier``: the name of its weights.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than 20 images of a kind, or they are not of that form.

    Examples
    --------
    >>> from minigen.data import Glyphs
    >>> train, test = (Glyphs(500, train=train).data[:, None] / 255 for train in (True, False))
    >>> verdict = judge_generator(train[:250], test, train)  # a "generator" that has learned by heart
    >>> closer = verdict["figures"]["closer_in_pixels"]
    >>> closer["value"], 0.3 < closer["floor"] < 0.7
    (1.0, True)
    """
    owner = "judge_generator"
    count = check_integer(owner, "neighbours", neighbours)
    draw = np.random.default_rng(check_integer(owner, "seed", seed, low=0))
    given = {"samples": samples, "test_images": test_images, "train_images": train_images}
    arrays = {name: _many(owner, name, images) for name, images in given.items()}
    if labels is not None:
        labels = check_labels(owner, "labels", labels, CLASSES, len(arrays["samples"]))
    if test_labels is not None:
        test_labels = check_labels(owner, "test_labels", test_labels, CLASSES, len(arrays["test_images"]))
    drawn, test, train = (_examined(images) for images in arrays.values())
    noise = _examined(draw.random(drawn.images.shape, dtype=np.float32))
    columns = {"value": drawn, "floor": _part(train, len(drawn.images), draw), "ceiling": noise}
    found = {name: _figures(seen, test) for name, seen in columns.items()}
    if labels is not None:
        for name, seen in (("value", drawn), ("ceiling", noise)):
            found[name]["conditional_accuracy"] = conditional_accuracy(seen.probabilities, labels)
        if test_labels is not None:
            found["floor"]["conditional_accuracy"] = conditional_accuracy(test.probabilities, test_labels)
    for name, copying in _copying(drawn, test, train, noise, count, draw).items():
        found[name] |= copying
    return {
        "figures": {figure: {name: found[name].get(figure) for name in columns} for figure in found["value"]},
        "classes": {
            name: class_histogram(seen.probabilities.argmax(axis=1)).tolist() for name, seen in columns.items()
        },
        "images": {"samples": len(drawn.images), "test": len(test.images), "train": len(train.images)},
        "classifier": weights_path(SHA256).name,
    }


def _many(owner: str, name: str, images: Any) -> np.ndarray:
    """Return images as an array, if there are enough of them."""
    array = as_array(owner, name, images)
    if array.ndim == 4 and len(array) < LEAST:
        raise ValueError(f"{owner}: {len(array)} {name} are too few for any figure; at least {LEAST} are needed")
    return array


def _examined(images: np.ndarray) -> _Seen:
    """Show images to the classifier."""
    return _Seen(images, *course_classifier().examine(images))


def _part(seen: _Seen, count: int, draw: np.random.Generator) -> _Seen:
    """Return ``count`` images at random, or all: the first ones may differ (MNIST's come from another source)."""
    rows = draw.permutation(len(seen.images))[:count]
    return _Seen(*(array[rows] for array in seen))


def _figures(seen: _Seen, test: _Seen) -> dict[str, float]:
    """Return the figures of one kind of images beside the test images."""
    p, classes = seen.probabilities, seen.probabilities.argmax(axis=1)
    return {
        "frechet_distance": frechet_distance(seen.features, test.features),
        "kernel_distance": kernel_distance(seen.features, test.features).mean,
        "inception_score": inception_score(p).mean,
        **precision_recall(seen.features, test.features)._asdict(),
        **density_coverage(seen.features, test.features)._asdict(),
        "confidence_share": confidence_share(p),
        "mean_confidence": float(p.max(axis=1).mean()),
        "smallest_class": float(class_histogram(classes).min()),
        "within_class_variance": within_class_variance(seen.features, classes),
    }


def _copying(
    drawn: _Seen, test: _Seen, train: _Seen, noise: _Seen, count: int, draw: np.random.Generator
) -> dict[str, dict[str, float]]:
    """Compare distances from the training images; one half of the test images is measured against the other."""
    held_out = _part(test, 2 * count, draw)
    half = len(held_out.images) // 2
    kinds = {"value": _part(drawn, count, draw), "floor": _Seen(*(x[:half] for x in held_out))}
    kinds |= {"ceiling": _part(noise, count, draw), "other half": _Seen(*(x[half:] for x in held_out))}
    ends = np.cumsum([len(seen.images) for seen in kinds.values()])[:-1]
    found: dict[str, dict[str, float]] = {name: {} for name in ("value", "floor", "ceiling")}
    for space in ("features", "pixels"):
        known, *asked = (
            seen.features if space == "features" else seen.images.reshape(len(seen.images), -1)  # (N, 784)
            for seen in (train, *kinds.values())
        )
        *ours, theirs = np.split(nearest_distances(np.concatenate(asked), known), ends)
        for name, distances in zip(found, ours, strict=True):
            result = compare_distances(distances, theirs)
            found[name] |= {f"closer_in_{space}": result.closer, f"copies_in_{space}": result.copies}
    return found
