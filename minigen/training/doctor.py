"""What goes wrong in training, by name: findings with their evidence, read off the log, samples, weights and layers.

A loss curve rarely says what is wrong, and a picture only that something is.  Each function here looks for one thing
that is known to go wrong, in what a run has at hand anyway, and returns a `Finding` or nothing: a finding names
figures, says what to do, and points to its section of docs/doctor.md.  `Doctor` asks all of them, now and then, while a
system is trained (`Trainer`) or afterwards (``minigen doctor``).

It looks and advises; it changes nothing, neither weights nor random numbers.  And it holds its tongue where it is not
sure: each threshold stands far outside of what healthy runs show.  So "nothing found" does not mean that all is well.

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
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigen import nn
from minigen.autograd.anomaly import detect_anomaly
from minigen.data import DataLoader
from minigen.data.dataset import fetch
from minigen.functional.norm import BatchNorm
from minigen.metrics import active_units
from minigen.models.system import System, images_of, random_state_of
from minigen.modes import Observer, is_grad_enabled, observing
from minigen.training.pictures import draw_samples

PAGE = "docs/doctor.md"

# How often and how long before something is said.
SAMPLES = 64  # real and drawn samples that are compared: the mean of 2,000 distances, in milliseconds
PATIENCE = 1000  # steps before samples and latents are judged: until then, healthy ones are alike, too
APART = 50  # steps at least between two looks that are compared: some optimizers step only now and then (n_critic: 5)

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


def weights_of_players(system: System) -> dict[str, dict[str, np.ndarray]]:
    """Return copies of the parameters that each optimizer moves, by the optimizer's name and theirs."""
    names = {id(parameter): name for name, parameter in system.named_parameters()}
    return {
        player: {
            names.get(id(p), f"{player}.{i}"): p.detach().cpu().numpy().copy()
            for i, p in enumerate(p for group in optimizer.param_groups for p in group["params"])
        }
        for player, optimizer in system.optimizers.items()
    }


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


class _Spy(Observer):
    """Looks on during a training step, and counts the batch norms that are differentiated to be differentiated again.

    That is what a gradient penalty does; any other backward records nothing.
    """

    def __init__(self) -> None:
        self.batch_norms = 0

    def backward(self, call: Any, grad: Any, grads: tuple) -> None:
        if isinstance(call, BatchNorm) and is_grad_enabled():
            self.batch_norms += 1


class _LastFunction(Observer):
    """Remembers the last function that was called, but for those that only move numbers about."""

    MOVES = ("Reshape", "Permute", "Clone", "Cat")

    def __init__(self) -> None:
        self.name: str | None = None

    def forward(self, call: Any, inputs: tuple, output: Any) -> None:
        if type(call).__name__ not in self.MOVES:
            self.name = type(call).__name__


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


# --------------------------------------------------------------------------------------------------- all of it


@dataclass
class Look:
    """What a `Doctor` has seen after so many steps.

    Attributes
    ----------
    step : int
    weights : dict of dict of str to array
        Copies of the parameters, by player and name.
    spread : float
        The mean distance between drawn samples, in that between real ones; 1 where nothing is drawn.
    of_class : str
        Of which class they all are, for a message.
    activation : str or None
        The last function of the generator.
    """

    step: int
    weights: dict[str, dict[str, np.ndarray]]
    spread: float = 1.0
    of_class: str = ""
    activation: str | None = None


class Doctor:
    """Looks at a system in training, and says each thing once.

    Parameters
    ----------
    system : System
        Who is looked at.
    loader : DataLoader
        What it is trained on; some samples are taken out of all of its data set.
    records : iterable of dict
        The log so far; more may be appended to ``self.records``.

    Examples
    --------
    >>> from minigen.data import DataLoader, Glyphs
    >>> from minigen.models import DCGAN
    >>> from minigen.models.dcgan import Options
    >>> in_0_to_1 = DataLoader(Glyphs(200), batch_size=50)
    >>> doctor = Doctor(DCGAN(Options(generator_width=4, discriminator_width=4)), in_0_to_1)
    >>> [found.name for found in doctor.look(step=0)]
    ['data range']
    >>> doctor.look(step=10)
    []
    """

    def __init__(self, system: System, loader: DataLoader, records: Iterable[dict[str, Any]] = ()) -> None:
        self.system = system
        self.records = list(records)
        self.said: set[str] = set()
        numbers = np.unique(np.linspace(0, len(loader.dataset) - 1, SAMPLES).astype(np.int64))
        with random_state_of(0):  # random transforms draw numbers, too
            self.batch = fetch(loader.dataset, numbers, loader.collate_fn)
        self.real = images_of(self.batch)
        self.spy, self.watched = _Spy(), False
        self.before: Look | None = None

    def watching(self) -> AbstractContextManager:
        """Return a context for a training step; in the first one, a gradient penalty is noticed."""
        watch, self.watched = not self.watched, True
        return observing(self.spy) if watch else nullcontext()

    def look(self, step: int) -> list[Finding]:
        """Return what is found after ``step`` steps and was not said before.

        On a GPU this waits for the device.  Random numbers go on afterwards as if none had been drawn.
        """
        weights = weights_of_players(self.system)
        found = [
            exploding_loss(self.records, len(self.system.optimizers)),
            discriminator_won(self.records),
            checkerboard(self.system),
            batch_norm_in_critic(self.spy.batch_norms),
            broken_weights(weights),
        ]
        if found[-1] is None:  # else there is nothing else to be seen
            with random_state_of(0):
                found += self.samples(Look(step, weights))
        new = {one.name: one for one in found if one is not None and one.name not in self.said}
        self.said |= set(new)
        return list(new.values())

    def samples(self, now: Look) -> list[Finding | None]:
        """Draw samples, ask the encoder, and compare with the last look that is long enough ago."""
        latents = self.latents() if now.step >= PATIENCE else None
        found = [latents]
        self.draw(now)
        if len(self.system.shape) == 3 and (self.system.generates or self.system.restores):
            found.append(data_range(self.real.numpy(), self.system.value_range, now.activation))
        if self.before is None or now.step - self.before.step >= APART:
            if self.before is not None:
                found += self.compare(self.before, now, latents is not None)
            self.before = now
        return found

    def draw(self, now: Look) -> None:
        """Draw samples, and note how far they are from each other, and which function made them."""
        if self.system.generates:
            real, label, last = self.real.numpy(), None, _LastFunction()
            if self.system.conditional:  # a generator that ignores its noise still draws different classes
                labels = self.batch[1].numpy()
                label = int(np.bincount(labels).argmax())
                real, now.of_class = real[labels == label], f" of class {label}"
            with observing(last):
                drawn = draw_samples(self.system, len(self.real), label=label)
            now.activation = last.name
            now.spread = mean_distance(drawn.cpu().numpy()) / max(mean_distance(real), 1e-12)

    def compare(self, before: Look, now: Look, explained: bool) -> list[Finding | None]:
        """Return what two looks show: weights that did not move, samples that are alike (unless that is explained)."""
        found = [dead_network(before.weights[player], now.weights[player], player) for player in now.weights]
        if now.step >= PATIENCE and not explained:
            found.append(collapse(now.spread, before.spread, now.of_class))
        return found

    def latents(self) -> Finding | None:
        """Listen to the encoder, where there is one that names a distribution, while the system is evaluated."""
        encoder = getattr(self.system, "encoder", None)
        if not isinstance(encoder, nn.Module):
            return None
        answers: list[Any] = []
        hook = encoder.register_forward_hook(lambda module, inputs, answer: answers.append(answer))
        try:
            self.system.evaluate([self.batch])
        except ValueError as error:
            if not is_about_nan(error):
                raise
        finally:
            hook.remove()
        if not (answers and isinstance(answers[0], tuple) and len(answers[0]) == 2):
            return None
        mu, logvar = (part.cpu().numpy() for part in answers[0])  # (N, Z) each
        return posterior_collapse(mu, logvar)
