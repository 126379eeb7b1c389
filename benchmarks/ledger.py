"""The rows of docs/results.md: what is trained, what is measured of it, and what was wanted.

Settings and lengths were fixed before any test set was looked at; the last weights count, not the best ones.  Every
row's figures are computed by one function, from a run's folder, whichever library trained it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import linear_vae
from minigen.metrics import active_units, confidence_share, course_classifier, mutual_information_gap
from minigen.models.arguments import images_of
from minigen.models.iwae import binarised
from minigen.models.system import System, evaluating
from minigen.training import Config, load_system, read_config
from minigen.training.config import evaluation_loader, load_samples
from minigen.training.evaluation import all_images, as_judged, sample_figures

SIDES = ("minigen", "torch")  # who trains every row
SAMPLES = 10_000  # judged of every generator
Figures = dict[str, float]


class Bar(NamedTuple):
    """What was wanted of a figure: ``figure relation limit``, or ``limit`` times the figure of `of`.

    The worst seed counts; where ``mean`` is set, the mean over the seeds.  A figure of another row is the mean over its
    seeds; where ``by_seed`` is set, each seed is held against the same seed there, and all must hold.
    """

    figure: str
    relation: str  # "<=", ">=" or "within": no further than `limit` from it
    limit: float
    of: str = ""  # "torch", the same row's with PyTorch; or the name of another row
    mean: bool = False
    by_seed: bool = False


class Row(NamedTuple):
    """One line of the ledger: a command, its seeds, its figures and bars."""

    name: str
    command: str  # what stands after ``minigen train``, without seed and folder; or a program, "python -m ..."
    figures: Callable[..., Figures]  # of a run's folder, or of a program's seed and side
    bars: tuple[Bar, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2)
    published: str = ""
    note: str = ""

    @property
    def is_program(self) -> bool:
        """Whether the figures come from a program of their own, and not from a run."""
        return self.command.startswith("python -m ")

    def words(self, seed: int) -> list[str]:
        """The words of ``minigen train`` for one seed."""
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
    found["in_order"] = float(list(found.values()) == sorted(found.values(), reverse=True))
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


def linear(seed: int, side: str) -> Figures:
    """How far a linear VAE on digits is from the closed form."""
    found = linear_vae.measure("mnist", seed, side)
    return {
        "likelihood": found.likelihood,
        "best": found.best,
        "apart": abs(found.best - found.likelihood),
        "degrees": found.angle,
    }


# --- the rows -----------------------------------------------------------------------------------------------------

BETAS = (0.5, 1, 2, 4, 8)
GAME = (
    Bar("smallest_class", ">=", 0.03),
    Bar("fid", "<=", 1.1, of="torch"),
    Bar("confident_to_real", ">=", 0.55),
)
COVERED = (Bar("modes_100", ">=", 25), Bar("high_quality", ">=", 0.8), Bar("kl", "<=", 0.05))


def beta_row(before: float | None, beta: float) -> Row:
    """A beta-VAE on shapes: more beta, less rate, more distortion."""
    of = f"beta_vae-{before}"
    bars = (Bar("rate", "<=", 1, of, by_seed=True), Bar("distortion", ">=", 1, of, by_seed=True))
    return Row(
        f"beta_vae-{beta}",
        f"beta_vae --data shapes --beta {beta} --epochs 15",
        factors,
        () if before is None else bars,
    )


ROWS: tuple[Row, ...] = (
    Row("linear_vae", "python -m benchmarks.linear_vae --data mnist", linear,
        (Bar("apart", "<=", 1e-3), Bar("degrees", "<=", 1)),
        note="The optimum is that of probabilistic PCA, in closed form (Tipping and Bishop 1999; Lucas et al. 2019)."),
    Row("demo", "dcgan --data glyphs --steps 2500 --batch-size 32 --lr-generator 8e-4 --lr-discriminator 8e-4 "
        "--generator-width 32 --discriminator-width 32", digits, seeds=(0,),
        note="What `make demo` trains.  Its settings were chosen by such figures, so they are no independent test."),
    Row("lenet-mnist", "lenet --data mnist --epochs 10", evaluated, (Bar("accuracy", ">=", 0.99),),
        published="0.95 % of errors (LeCun et al. 1998, LeNet-5)"),
    Row("lenet-fashion", "lenet --data fashion-mnist --filters 32 --epochs 10", evaluated,
        (Bar("accuracy", ">=", 0.90),)),
    Row("cnn-cifar10", "cnn --data cifar10 --epochs 10", evaluated,
        (Bar("accuracy", "within", 0.015, of="torch", mean=True),), seeds=(0, 1, 2, 3, 4),
        note="On a part of CIFAR-10, 10,000 images to learn from and 2,000 to test on: no published figure compares."),
    Row("vae-10", "vae --data mnist --epochs 10", evaluated, (Bar("nats", "<=", 107),),
        published="106.66 nats at epoch 7, grey-level (pytorch/examples, pull request 1416)",
        note="Nats per grey-level image: 15 to 20 above those of binarised ones."),
    Row("vae-20", "vae --data mnist --epochs 20", with_own(digits, "nats"), (Bar("nats", "<=", 105),)),
    Row("iwae", "iwae --data mnist --k 5 --epochs 5", bounds, (Bar("in_order", ">=", 1),),
        published="after 3,280 epochs, k = 5, L_5000: 85.54 nats, binarised (Burda et al. 2016, table 1)",
        note="-L_k on 1,000 binarised test images, in nats, for 1, 5, 50 and 5,000 draws of z."),
    Row("cvae", "cvae --data mnist --epochs 5", digits,
        (Bar("conditional_accuracy", ">=", 0.95), Bar("variance_to_real", ">=", 0.6))),
    *(beta_row(before, beta) for before, beta in zip((None, *BETAS), BETAS)),
    Row("gan-grid", "gan --data grid-25 --images 100000 --batch-size 128 --lr-generator 5e-4 --lr-discriminator 5e-4 "
        "--beta2 0.9 --steps 9000", points,
        note="No bar: shown beside wgan_gp-grid, with as many steps of the generator."),
    Row("wgan_gp-grid", "wgan_gp --data grid-25 --images 100000 --batch-size 128 --steps 45000 --ema 0.999", points,
        COVERED),
    Row("super_resolution", "super_resolution --data {data}/superres/CBSD68-part --test-data {data}/superres/Set5 "
        "--steps 10000", evaluated, (Bar("gain", ">=", 1),),
        published="Set5 x3, PSNR on Y: bicubic 30.39 dB, ESPCN 32.55 dB (with more images to learn from)",
        note="The picture, a photograph of neither set: enlarged by bicubic interpolation, by the network, and as it "
        "was.  Those of Set5 may not be passed on: `minigen sample runs/results/super_resolution-0`."),
    Row("inpainting-mnist", "inpainting --data mnist --steps 4000", holes,
        (Bar("gain", ">=", 4), Bar("read_filled", ">=", 0.9)), note="Holes of 12x12 pixels at a random place.  "
        "Pictures, with originals that may not be passed on: `minigen sample runs/results/inpainting-mnist-0`."),
    Row("inpainting-facades", "inpainting --data {runs}/facades-train --test-data {runs}/facades-test --image-size 64 "
        "--hole 24 --depth 3 --batch-size 16 --steps 1000 --decay-steps 1000", evaluated, seeds=(0,),
        note="Photographs of facades at 64x64, 120 to learn from and 30 to test on; holes of 24x24 pixels.  "
        "Pictures, with originals that may not be passed on: `minigen sample runs/results/inpainting-facades-0`."),
    Row("dcgan", "dcgan --data mnist --epochs 10", digits, (*GAME, Bar("fid", "<=", 0.5, of="vae-20")), seeds=(0,)),
    Row("lsgan", "lsgan --data mnist --epochs 10", digits, GAME, seeds=(0,)),
    Row("sngan", "sngan --data mnist --epochs 10", with_own(digits, "sigma_error"),
        (*GAME, Bar("sigma_error", "<=", 0.01)), seeds=(0,)),
    Row("wgan_gp", "wgan_gp --data mnist --epochs 10 --penalty-weight 40 --lr 5e-4 --n-critic 3 "
        "--ema 0.99", with_own(digits, "gradient_norm"),
        (*GAME, Bar("gradient_norm", ">=", 0.9), Bar("gradient_norm", "<=", 1.1)), seeds=(0,)),
    Row("cdcgan", "cdcgan --data mnist --epochs 10 --ema 0.99", digits,
        (Bar("conditional_accuracy", ">=", 0.97), Bar("variance_to_real", ">=", 0.6)), seeds=(0,),
        note="How it is told the label was chosen by such figures after two epochs, some of which compare with the "
        "test set (fid, variance): they are no independent test."),
)  # fmt: skip
# The pictures of the page: a run's name, and what stands behind ``minigen sample RUN``.  Drawn images and points only:
# what a system restores is shown beside originals, and these have no licence that would let us pass them on.  But the
# photograph beside super-resolution is in the public domain (CC0, Stefan van der Walt's cat Chelsea).
PICTURES: dict[str, str] = {
    **dict.fromkeys(("demo-0", "dcgan-0", "lsgan-0", "sngan-0", "wgan_gp-0", "vae-20-0"), "--n 80 --nrow 16"),
    **dict.fromkeys(("cdcgan-0", "cvae-0"), "--n 80"),
    **dict.fromkeys(("gan-grid-0", "wgan_gp-grid-0"), "--n 2000"),
    "super_resolution-0": "--data {data}/style/content --n 1",
}
