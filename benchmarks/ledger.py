"""The rows of docs/results.md: what is trained, what is measured of it, and what was wanted.

Settings and lengths were fixed before any test set was looked at; the last weights count, not the best ones.  Every
row's figures are computed by one function, from a run's folder, whichever library trained it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minigen.metrics import active_units, confidence_share, course_classifier, mutual_information_gap
from minigen.models.iwae import binarised
from minigen.models.system import System, evaluating, images_of
from minigen.training import Config, load_system, read_config
from minigen.training.config import evaluation_loader, load_samples
from minigen.training.evaluation import all_images, as_judged, sample_figures

SAMPLES = 10_000  # judged of every generator
Figures = dict[str, float]


class Bar(NamedTuple):
    """What was wanted of a figure: ``figure relation limit``, or ``limit`` times the figure of `of`.

    The worst seed counts; where ``mean`` is set, the mean over the seeds.
    """

    figure: str
    relation: str  # "<=", ">=" or "within": no further than `limit` from it
    limit: float
    of: str = ""  # "torch", the same row's with PyTorch; or the name of another row
    mean: bool = False


class Row(NamedTuple):
    """One line of the ledger: a command, its seeds, its figures and bars."""

    name: str
    command: str  # what stands after ``minigen train``, without seed and folder
    figures: Callable[[Path], Figures]
    bars: tuple[Bar, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2)
    sides: tuple[str, ...] = ("minigen", "torch")
    published: str = ""
    note: str = ""

    def words(self, seed: int) -> list[str]:
        """The words of the command for one seed."""
        return [*self.command.split(), "--seed", str(seed), "--evaluate-every", "0", "--sample-every", "500"]


# --- figures ------------------------------------------------------------------------------------------------------


def opened(folder: Path) -> tuple[System, Config]:
    """A run's system and configuration."""
    return load_system(folder), read_config(folder)


def evaluated(folder: Path) -> Figures:
    """What the system says of itself over the test set."""
    system, config = opened(folder)
    return system.evaluate(evaluation_loader(load_samples(config, type(system), train=False, shape=system.shape)))


def points(folder: Path) -> Figures:
    """How well drawn points cover the modes."""
    found = sample_figures(*opened(folder), SAMPLES)
    assert found is not None
    return found


def digits(folder: Path) -> Figures:
    """Distance, variety and legibility of drawn digits."""
    system, config = opened(folder)
    judged = sample_figures(system, config, SAMPLES)
    assert judged is not None
    figures, kinds = judged["figures"], ("value", "floor")
    test = as_judged(all_images(load_samples(config, type(system), train=False)), type(system))
    real = confidence_share(course_classifier().examine(test)[1])
    found = {
        "fid": figures["frechet_distance"]["value"],
        "fid_floor": figures["frechet_distance"]["floor"],
        "smallest_class": figures["smallest_class"]["value"],
        "confident": figures["confidence_share"]["value"],
        "confident_to_real": figures["confidence_share"]["value"] / real,
        "precision": figures["precision"]["value"],
        "recall": figures["recall"]["value"],
        "closer_to_training": figures["closer_in_features"]["value"],
    }
    if system.conditional:
        value, floor = (figures["within_class_variance"][kind] for kind in kinds)
        found |= {"conditional_accuracy": figures["conditional_accuracy"]["value"], "variance_to_real": value / floor}
    return found


def with_own(figures: Callable[[Path], Figures], *names: str) -> Callable[[Path], Figures]:
    """Figures of samples, and some of those that the system gives itself."""

    def both(folder: Path) -> Figures:
        own = evaluated(folder)
        return {name: own[name] for name in names or own} | figures(folder)

    return both


def bounds(folder: Path) -> Figures:
    """-L_k of 1,000 binarised test images, in nats, for more and more draws; and the active units."""
    system, config = opened(folder)
    images = all_images(load_samples(config, type(system), train=False), 1000)
    x = binarised(images)
    found = {f"nats_{k}": float(system.bound(x, k).mean()) for k in (1, 5, 50, 5000)}
    with evaluating(system):
        found["active_units"] = active_units(system.encoder(x)[0].numpy()).active
    return found


def factors(folder: Path) -> Figures:
    """Rate, distortion, and how well single latents tell single factors of the shapes."""
    system, config = opened(folder)
    test = load_samples(config, type(system), train=False)
    with evaluating(system):
        codes = [system.encoder(images_of(batch))[0].numpy() for batch in evaluation_loader(test)]
    mu = np.concatenate(codes)  # (N, Z)
    own = system.evaluate(evaluation_loader(test))
    found = {name: own[name] for name in ("nats", "rate", "distortion")}
    return found | {"mig": mutual_information_gap(mu, test.factors).mig, "active_units": active_units(mu).active}


def holes(folder: Path) -> Figures:
    """How well holes are filled, and how many of the digits can still be read."""
    system, config = opened(folder)
    test = load_samples(config, type(system), train=False)
    right = {"read_filled": 0.0, "read_original": 0.0}
    for images, labels in evaluation_loader(test):
        filled = system.fill(images, system.holes(images))
        for name, shown in (("read_filled", filled), ("read_original", images)):
            classes = course_classifier().probabilities(as_judged(shown, type(system))).argmax(1)
            right[name] += float((classes == labels.numpy()).sum()) / len(test)
    return system.evaluate(evaluation_loader(test)) | right


ROWS: tuple[Row, ...] = ()
PICTURES: dict[str, str] = {}
