"""What goes wrong in training, by name: findings with their evidence, each told by a function of its own.

Each function looks for one thing that is known to go wrong, in records of the log, in arrays or in layers, and returns
a `Finding` or nothing: a finding names figures, says what to do, and points to its section of docs/doctor.md.  Who
gathers what they look at, and when, is in `minigen.training.doctor`.

References
----------
Odena, Dumoulin, Olah, Deconvolution and Checkerboard Artifacts, Distill, 2016.
Burda, Grosse, Salakhutdinov, Importance Weighted Autoencoders, 2016, arXiv:1509.00519 (active units).
Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville, Improved Training of Wasserstein GANs, 2017, arXiv:1704.00028.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigen import nn
from minigen.autograd.anomaly import detect_anomaly
from minigen.metrics import active_units
from minigen.models.system import System

PAGE = "docs/doctor.md"

# What is far outside of healthy runs; docs/doctor.md has the figures of those.
ALIKE = 0.1  # distance between drawn samples, in that of real ones: healthy ones have 0.6 to 1.2 after PATIENCE
GROWING = 1.1  # times what it was at the look before: a slow learner's samples spread yet, they do not collapse
SURE = 0.99  # D(x) and 1 - D(G(z)): the losses are below 0.01 nats then
SURE_RECORDS = 20  # of the log in a row; a D that wins for a moment loses again
UNMOVED = 1e-6  # length of the change, in that of the weights: float32 itself rounds at 6e-8
GROWN = 10.0  # an objective that is to fall, in its first value (at least 1)
GROWN_IN_A_GAME = 1000.0  # a player's loss may rise as the other learns, and a critic's scores have no scale
FEW_RECORDS = 5  # of the log, whose median stands for "at first" and "now"
ACTIVE_SHARE = 0.05  # of the latents; at most so many active ones (`minigen.metrics.active_units`) are near none
RARE = 0.1  # share of a class among drawn samples, in its share of the data
COMMON = 0.5  # share of a class in the data, in that of an average one; whether a rarer one is drawn is chance
RANGE_SLACK = 0.05  # of the width of the range


@dataclass(frozen=True)
class Finding:
    """Something that goes wrong.

    Attributes
    ----------
    name : str
        What it is called.
    evidence : str
        The figures that show it.
    remedy : str
        What to try first.
    page : str
        Where more about it is written.
    """

    name: str
    evidence: str
    remedy: str
    page: str

    def __str__(self) -> str:
        return f"{self.name}: {self.evidence}. {self.remedy} ({self.page})"


def finding(name: str, evidence: str, remedy: str, section: str = "") -> Finding:
    """Return a finding whose page is the section of docs/doctor.md with its name."""
    return Finding(name, evidence, remedy, f"{PAGE}#{(section or name).lower().replace(' ', '-')}")


# ------------------------------------------------------------------------------------------------------ the log


def exploding_loss(records: Sequence[Mapping[str, Any]], players: int) -> Finding | None:
    """An objective that has grown where it should fall, or a player's loss that is out of all proportion.

    Parameters
    ----------
    records : sequence of dict
        Of the log, the oldest first.
    players : int
        Number of optimizers: one lowers its objective; of two, each may raise the other's.

    Examples
    --------
    >>> records = [{"step": i, "loss": 2.0**i} for i in range(20)]
    >>> exploding_loss(records, players=1).evidence
    'loss grew from 4 to 1.31e+05'
    """
    for name in objectives(records):
        values = [record[name] for record in records if name in record]
        if len(values) < 2 * FEW_RECORDS:
            continue
        before, now = (float(np.median(part)) for part in (values[:FEW_RECORDS], values[-FEW_RECORDS:]))
        scale = max(1.0, abs(before))
        if now > GROWN * scale if players == 1 else abs(now) > GROWN_IN_A_GAME * scale:
            return finding(
                "exploding loss",
                f"{name} grew from {before:.3g} to {now:.3g}",
                "Make the step size (lr) ten times smaller, or clip the gradients.",
            )
    return None


def objectives(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names in a log that are losses: loss, loss_d, loss_g, nats."""
    names = {name for record in records for name in record}
    return sorted(name for name in names if name in ("loss", "nats") or name.startswith("loss_"))


def discriminator_won(records: Sequence[Mapping[str, Any]]) -> Finding | None:
    """A discriminator that has been sure of every sample for long: the generator learns nothing from it.

    Only verdicts that are probabilities are looked at; a critic's scores have no scale.
    """
    last = [record for record in records if "D(x)" in record and "D(G(z))" in record][-SURE_RECORDS:]
    if len(last) < SURE_RECORDS:
        return None
    if not all(SURE <= record["D(x)"] <= 1 and 0 <= record["D(G(z))"] <= 1 - SURE for record in last):
        return None
    real, drawn = (float(np.mean([record[name] for record in last])) for name in ("D(x)", "D(G(z))"))
    loss = f", loss_d {np.mean([record['loss_d'] for record in last]):.2g}" if "loss_d" in last[-1] else ""
    return finding(
        "discriminator won",
        f"D(x) {real:.4f}, D(G(z)) {drawn:.2g}{loss} on average from step {last[0]['step']} to {last[-1]['step']}",
        "Hold D back: a smaller step size for it, smoothed labels, spectral norm, or a Wasserstein critic.",
    )


# -------------------------------------------------------------------------------------------------- the weights


def dead_network(before: Mapping[str, np.ndarray], now: Mapping[str, np.ndarray], player: str) -> Finding | None:
    """Weights of one player that are where they were.

    Parameters
    ----------
    before, now : dict of str to array
        The same parameters at two looks, by name.
    player : str
        Whose they are.

    Examples
    --------
    >>> dead_network({"weight": np.ones(3)}, {"weight": np.ones(3)}, "generator").name
    'dead generator'
    """
    moved = sum(float(np.square(now[name] - before[name], dtype=np.float64).sum()) for name in before) ** 0.5
    length = sum(float(np.square(before[name], dtype=np.float64).sum()) for name in before) ** 0.5
    if not moved <= UNMOVED * length:  # NaN is another finding
        return None
    return finding(
        f"dead {player}",
        f"its {len(before)} parameters moved by {moved:.2g}, at a length of {length:.3g}",
        "See that its optimizer holds its parameters and steps, and that nothing detaches its output from its loss.",
        "dead generator",
    )


# ---------------------------------------------------------------------------------------- samples and latents


AGAINST_COLLAPSE = "Go back to a checkpoint with a smaller step size, or take wgan_gp or sngan, which collapse less."


def collapse(spread: float, before: float, of_class: str = "") -> Finding | None:
    """Drawn samples that are much more alike than real ones are, and do not get less so.

    Parameters
    ----------
    spread : float
        The mean distance between drawn samples, in that between real ones.
    before : float
        The same some steps earlier.
    of_class : str
        Which class they all are of, for the message.

    Examples
    --------
    >>> collapse(0.02, before=0.5).evidence
    'drawn samples are 0.02 times as far from each other as real ones are, 0.50 times some steps before'
    >>> collapse(0.02, before=0.01) is None  # they may yet become different
    True
    """
    if not spread < ALIKE or spread > GROWING * before:
        return None
    return finding(
        "collapse",
        f"drawn samples{of_class} are {spread:.2f} times as far from each other as real ones are, {before:.2f} times "
        "some steps before",
        AGAINST_COLLAPSE,
    )


def mean_distance(samples: np.ndarray) -> float:
    """Return the mean Euclidean distance between two of the samples (N, ...); 0 for a single one."""
    flat = samples.reshape(len(samples), -1).astype(np.float64)  # (N, D)
    flat = flat - flat.mean(axis=0)
    squares = (flat**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * flat @ flat.T, 0))  # (N, N)
    return float(distances.sum() / max(1, len(flat) * (len(flat) - 1)))


def missing_classes(found: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> Finding | None:
    """Classes of the data that are hardly ever drawn.

    Parameters
    ----------
    found : int array (N,)
        What a classifier takes drawn samples for; some hundreds, else a rare class is missing by chance.
    labels : int array (M,)
        Of the data.
    classes : sequence of str
        Their names.

    Examples
    --------
    >>> missing_classes(np.zeros(500, int), np.arange(500) % 2, ["cat", "dog"]).evidence
    'of 500 drawn samples, a classifier takes 0 for dog'
    """
    drawn, real = (np.bincount(a, minlength=len(classes)) for a in (found, labels))
    shares = drawn / len(found), real / len(labels)
    missing = [
        i for i, (ours, theirs) in enumerate(zip(*shares)) if ours < RARE * theirs and theirs * len(classes) > COMMON
    ]
    if not missing:
        return None
    counts = ", ".join(f"{drawn[i]} for {classes[i]}" for i in missing)
    return finding("collapse", f"of {len(found)} drawn samples, a classifier takes {counts}", AGAINST_COLLAPSE)


def posterior_collapse(mu: np.ndarray, logvar: np.ndarray) -> Finding | None:
    """An encoder that says the same of every image, namely the prior.

    Parameters
    ----------
    mu, logvar : array (N, Z)
        Mean and log-variance of q(z | x) for N images.

    Examples
    --------
    >>> posterior_collapse(np.zeros((100, 20)), np.zeros((100, 20))).evidence
    '0 of 20 latents are active, and the encoder says 0 nats an image'
    """
    if not np.isfinite(mu).all():
        return None  # another finding
    active = active_units(mu).active
    if active > ACTIVE_SHARE * mu.shape[1]:
        return None
    mu, logvar = mu.astype(np.float64), logvar.astype(np.float64)
    nats = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=1).mean()
    return finding(
        "posterior collapse",
        f"{active} of {mu.shape[1]} latents are active, and the encoder says {nats:.2g} nats an image",
        "Warm the KL term up from 0, give each latent free bits, lower beta, or make the decoder weaker.",
    )


OUTPUT_RANGES = {"Tanh": (-1.0, 1.0), "Sigmoid": (0.0, 1.0)}


def data_range(real: np.ndarray, value_range: tuple[float, float], activation: str | None) -> Finding | None:
    """Data in another range than the system's: the generator must draw what it is never shown, or cannot reach it.

    Parameters
    ----------
    real : array (N, C, H, W)
        Images of the training set, as the system is given them.
    value_range : (float, float)
        What the system says it wants.
    activation : str or None
        The last function of its generator; the range of `OUTPUT_RANGES` takes the place of ``value_range``.

    Examples
    --------
    >>> data_range(np.array([0.0, 1.0]), (-1.0, 1.0), "Tanh").evidence
    'the data lie in [0, 1], the output of Tanh in [-1, 1]'
    """
    low, high = OUTPUT_RANGES.get(activation or "", value_range)
    slack, least, most = RANGE_SLACK * (high - low), float(real.min()), float(real.max())
    only_a_part = least > (low + high) / 2 - slack
    if low - slack <= least and most <= high + slack and not only_a_part:
        return None
    whose = f"the output of {activation}" if activation in OUTPUT_RANGES else "what the system wants"
    return finding(
        "data range",
        f"the data lie in [{least:.3g}, {most:.3g}], {whose} in [{low:g}, {high:g}]",
        f"Load the data with value_range=({low:g}, {high:g}), or end the generator otherwise.",
    )


# --------------------------------------------------------------------------------------------------- the layers


def checkerboard(system: nn.Module) -> Finding | None:
    """A transposed convolution whose windows overlap unevenly: some pixels get more taps than their neighbours.

    Examples
    --------
    >>> checkerboard(nn.Sequential(nn.ConvTranspose2d(8, 1, kernel_size=3, stride=2))).evidence
    "layer '0': kernel_size (3, 3) is no multiple of stride (2, 2)"
    """
    for name, layer in system.named_modules():
        if isinstance(layer, (nn.ConvTranspose1d, nn.ConvTranspose2d)):
            kernel, stride = layer.kernel_size, layer.stride
            if any(k % s for k, s in zip(kernel, stride)):
                return finding(
                    "checkerboard",
                    f"layer {name!r}: kernel_size {tuple(kernel)} is no multiple of stride {tuple(stride)}",
                    "Take kernel_size=4 with stride=2, or upsample and convolve with stride 1.",
                )
    return None


def batch_norm_in_critic(count: int) -> Finding | None:
    """A gradient penalty on a network with batch norm, where "the slope at this sample" does not exist."""
    if not count:
        return None
    return finding(
        "batch norm in critic",
        f"the gradient of a gradient went through {count} batch norm{'s' * (count > 1)} in one training step",
        "Replace them by LayerNorm or by nothing: the penalty is about each sample by itself.",
    )


# ------------------------------------------------------------------------------------------------- not a number


def first_bad_function(system: System, batches: Iterable[Any]) -> str | None:
    """Train on, and say which function first makes a NaN or an infinity: its name, of what, on which line.

    Parameters
    ----------
    system : System
        As it was before; it goes on learning.
    batches : iterable
        What it was then given.

    Returns
    -------
    str or None
        What `minigen.autograd.detect_anomaly` says, and on which line of the system's file it happened; None if nothing
        of that kind does.
    """
    try:
        with detect_anomaly():
            for batch in batches:
                system.training_step(batch)
    except RuntimeError as error:
        if not str(error).startswith("detect_anomaly: "):
            raise
        what, *details = str(error).removeprefix("detect_anomaly: ").splitlines()
        return "; ".join([what, *place_of(error, type(system)), *(d.strip() for d in details if "File" not in d)])
    return None


def place_of(error: RuntimeError, kind: type[System]) -> list[str]:
    """Return the line of a system's own file on which an anomaly was made: one that it names, else that of the call."""
    file = kind.training_step.__code__.co_filename
    named = [line.partition(f"File {file!r}, ")[2] for line in str(error).splitlines()]
    called = [f"line {f.lineno}: {f.line}" for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    return [f"{os.path.basename(file)}, {line}" for line in [*called[-1:], *filter(None, named)][-1:]]


def is_about_nan(error: ValueError) -> bool:
    """Say whether an error is that of a loss that was given a NaN (on the host, losses look)."""
    return "is NaN at" in str(error)


def not_finite(failure: str, culprit: str | None) -> Finding:
    """A number that became NaN or infinite.

    Parameters
    ----------
    failure : str
        Which, and when.
    culprit : str or None
        What `first_bad_function` found.
    """
    return finding(
        "NaN",
        f"{failure}; {culprit or 'gone through again from the last checkpoint, it did not happen'}",
        "Look at that function's argument; a smaller step size (lr) is the first remedy.",
    )


def broken_weights(weights: Mapping[str, Mapping[str, np.ndarray]]) -> Finding | None:
    """Parameters that are no numbers any more; ``weights`` are those of `weights_of_players`."""
    broken = [name for own in weights.values() for name, array in own.items() if not np.isfinite(array).all()]
    if not broken:
        return None
    return not_finite(f"{broken[0]} holds NaN or infinity", "minigen doctor RUN looks for the function that made it")
