"""`Doctor`: looks at a system now and then while it is trained (`Trainer`) or afterwards (``minigen doctor``).

A loss curve rarely says what is wrong, and a picture only that something is.  So a look takes in the log, samples, the
encoder's answers, the weights and the layers, and lets the functions of `minigen.training.findings` judge them.

It looks and advises; it changes nothing, neither weights nor random numbers.  And it holds its tongue where it is not
sure: each threshold stands far outside of what healthy runs show.  So "nothing found" does not mean that all is well.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigen import nn
from minigen.data import DataLoader
from minigen.data.dataset import fetch
from minigen.functional.norm import BatchNorm
from minigen.models.arguments import images_of
from minigen.models.system import System, random_state_of
from minigen.modes import Observer, is_grad_enabled, observing
from minigen.training.findings import (
    Finding,
    batch_norm_in_critic,
    broken_weights,
    checkerboard,
    collapse,
    data_range,
    dead_network,
    discriminator_won,
    exploding_loss,
    is_about_nan,
    mean_distance,
    posterior_collapse,
)
from minigen.training.pictures import draw_samples

# How often and how long before something is said.
SAMPLES = 64  # real and drawn samples that are compared: the mean of 2,000 distances, in milliseconds
PATIENCE = 1000  # steps before samples and latents are judged: until then, healthy ones are alike, too
APART = 50  # steps at least between two looks that are compared: some optimizers step only now and then (n_critic: 5)


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
