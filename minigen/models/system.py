"""What all systems have in common: the small interface that the loop, the command line and the tests rely on.

A system is one idea of one paper, whole: its networks, its objective, one step of its algorithm, and how to
draw images from it.  `System` says which names such a file provides; it holds no algorithm of its own, so
that each file in this folder can be read alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

import minigen
from minigen import Tensor, nn
from minigen.backend import generator
from minigen.optim import Optimizer


def option(default: Any, text: str) -> Any:
    """Return a field of an `Options` dataclass: its default, and the help that the command line shows."""
    return dataclasses.field(default=default, metadata={"help": text})


class System(nn.Module):
    """The networks and optimizers of one method, with one step of its algorithm.

    A subclass sets the class attributes, builds its networks as submodules and its optimizers as entries of
    ``self.optimizers``, and writes `training_step` and `evaluate`; one that generates images also writes
    `noise` and `sample`.

    Parameters
    ----------
    options : Options, optional
        The settings of the method; the defaults of the subclass's ``Options`` where it is left out.
    image_size : int
        Height and width of the images in pixels, one of ``image_sizes``.
    channels : int
        1 for grey, 3 for colour.
    classes : int
        Number of classes of the data; only systems with ``needs_labels`` look at it.

    Attributes
    ----------
    name, summary : str
        The name on the command line, and one line for ``minigen list``.
    Options : type
        A dataclass; it has at least ``batch_size``.
    image_sizes : tuple of int
        The sizes that the networks can be built for, the default first.
    value_range : (float, float)
        The range of the images that `training_step` wants and that `sample` returns.
    needs_labels, generates : bool
        Whether training wants labels; whether there is a `sample`.
    optimizers : dict of str to Optimizer
        Named after the network that each one trains.

    Raises
    ------
    ValueError
        If the networks cannot be built for that image size or number of channels.
    """

    name: ClassVar[str] = "system"
    summary: ClassVar[str] = ""
    Options: ClassVar[type]
    image_sizes: ClassVar[tuple[int, ...]] = (28, 32, 64)
    value_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    needs_labels: ClassVar[bool] = False
    generates: ClassVar[bool] = True

    def __init__(self, options: Any = None, *, image_size: int = 28, channels: int = 1, classes: int = 10) -> None:
        super().__init__()
        check_images(type(self), image_size, channels)
        self.options = options if options is not None else self.Options()
        check_options(self.name, self.options)
        self.image_size, self.channels, self.classes = image_size, channels, classes
        self.optimizers: dict[str, Optimizer] = {}

    @property
    def device(self) -> str:
        """Where the parameters live."""
        return next(iter(self.parameters())).device

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """Do one step of the algorithm, optimizers included; return what is worth logging, by name."""
        raise NotImplementedError(f"{type(self).__name__} has no training_step")

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return the figures of merit over all images of ``loader``, by name."""
        raise NotImplementedError(f"{type(self).__name__} has no evaluate")

    def noise(self, n: int) -> Tensor:
        """Draw what `sample` makes ``n`` images of, from the global random source."""
        raise NotImplementedError(f"{self.name} draws no images")

    def sample(self, n: int, noise: Tensor | None = None) -> Tensor:
        """Draw ``n`` images (n, C, H, W) in ``value_range``, from ``noise`` where it is given."""
        raise NotImplementedError(f"{self.name} draws no images")

    def fixed_noise(self, n: int, seed: int = 0) -> Tensor:
        """Draw noise that depends on ``seed`` alone, so that pictures of different steps can be compared."""
        with random_state_of(seed):
            return self.noise(n)


def check_images(system: type[System], image_size: int, channels: int) -> None:
    """Refuse images that a system's networks cannot be built for.

    Raises
    ------
    ValueError
        Naming what the system wants.
    """
    if image_size not in system.image_sizes:
        sizes = ", ".join(map(str, system.image_sizes))
        raise ValueError(f"{system.name}: images of {image_size} pixels are not among its sizes: {sizes}")
    if channels not in (1, 3):
        raise ValueError(f"{system.name}: channels must be 1 (grey) or 3 (colour), not {channels}")


def check_options(system: str, options: Any) -> None:
    """Refuse options that no system has a use for: whole numbers below 1, other numbers below 0.

    Raises
    ------
    ValueError
        Naming the option and its value.
    """
    for name, value in dataclasses.asdict(options).items():
        least = 1 if type(value) is int else 0
        if isinstance(value, (int, float)) and not isinstance(value, bool) and not least <= value < math.inf:
            raise ValueError(f"{system}: option {name} must be at least {least} and finite, not {value}")


@contextmanager
def random_state_of(seed: int) -> Iterator[None]:
    """Inside, random numbers follow from ``seed``; afterwards the global source goes on as if none was drawn.

    Examples
    --------
    >>> def draw():
    ...     return minigen.rand(1).item()
    >>> source = minigen.manual_seed(1)
    >>> expected = draw()
    >>> source = minigen.manual_seed(1)
    >>> with random_state_of(5):
    ...     other = draw()
    >>> draw() == expected, other == expected
    (True, False)
    """
    state = minigen.get_rng_state()
    minigen.manual_seed(seed)
    try:
        yield
    finally:
        minigen.set_rng_state(state)


@contextmanager
def evaluating(*networks: nn.Module) -> Iterator[None]:
    """Inside, the networks are in ``eval`` mode and nothing is recorded; afterwards each is as it was."""
    were_training = [network.training for network in networks]
    for network in networks:
        network.eval()
    try:
        with minigen.no_grad():
            yield
    finally:
        for network, was_training in zip(networks, were_training, strict=True):
            network.train(was_training)


@contextmanager
def with_batch_statistics(network: nn.Module) -> Iterator[None]:
    """Inside, nothing is recorded and batch norm uses each batch's own statistics; its running ones stay as they are.

    For a discriminator, which learns from batches that are all real or all drawn: each kind is normalised by itself,
    and the running statistics, a mixture of both, fit neither.
    """
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    was_training = network.training
    network.train()
    try:
        with minigen.no_grad():
            yield
    finally:
        network.train(was_training)
        for name, buffer in network.named_buffers():
            buffer.copy_(before[name])


def refuse_gradients(network: nn.Module, player: str, remedy: str) -> None:
    """Raise if another player's backward left gradients on a network: the slip that nobody sees in the losses.

    Parameters
    ----------
    network : Module
        The one that was not to learn; its gradients were cleared before.
    player : str
        Whose loss was differentiated, for the message.
    remedy : str
        What to do instead, for the message.

    Raises
    ------
    RuntimeError
        If a parameter has a gradient.

    Examples
    --------
    >>> generator, discriminator = nn.Linear(2, 2), nn.Linear(2, 1)
    >>> drawn = generator(minigen.ones(1, 2))
    >>> discriminator(drawn).sum().backward()  # drawn.detach() was forgotten
    >>> refuse_gradients(generator, "discriminator", "give it drawn.detach()")
    Traceback (most recent call last):
        ...
    RuntimeError: the discriminator's loss left a gradient on weight (2, 2), not its to teach: give it drawn.detach()
    """
    for name, parameter in network.named_parameters():
        if parameter.grad is not None:
            raise RuntimeError(
                f"the {player}'s loss left a gradient on {name} {parameter.shape}, not its to teach: {remedy}"
            )


def images_of(batch: Any) -> Tensor:
    """Return the images (N, C, H, W) of a batch: its first part, or all of it where there are no labels."""
    return batch[0] if isinstance(batch, (tuple, list)) else batch


class Mean:
    """Means over a data set whose last batch is smaller: adds up batch means with the batch's size as weight.

    Examples
    --------
    >>> mean = Mean()
    >>> mean.add(3, loss=1.0)
    >>> mean.add(1, loss=5.0)
    >>> mean.result()
    {'loss': 2.0}
    """

    def __init__(self) -> None:
        self.count = 0
        self.sums: dict[str, float] = {}

    def add(self, n: int, **values: Tensor | float) -> None:
        """Take in the means over a batch of ``n``."""
        self.count += n
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + n * float(value)

    def result(self) -> dict[str, float]:
        """Return the means over all batches.

        Raises
        ------
        ValueError
            If there was no batch.
        """
        if self.count == 0:
            raise ValueError("evaluate: the loader gave no batch; the data set is empty")
        return {name: total / self.count for name, total in self.sums.items()}


def standard_normal(n: int, size: int, device: str) -> Tensor:
    """Draw (n, size) numbers from N(0, 1) on the host, and put them on ``device``."""
    numbers = generator.numpy.standard_normal((n, size), dtype=np.float32)
    return minigen.from_numpy(numbers).to(device)
