"""What all systems have in common: the small interface that the loop, the command line and the tests rely on.

A system is one idea of one paper, whole: its networks, its objective, one step of its algorithm, and how to
draw images from it.  `System` says which names such a file provides; it holds no algorithm of its own, so
that each file in this folder can be read alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

import minigen
from minigen import Tensor, nn
from minigen.backend import generator
from minigen.functional.arguments import check_integer
from minigen.models.arguments import check_options, check_shape, short
from minigen.optim import Optimizer

Shape = tuple[int, ...]


def option(default: Any, text: str, *, choices: tuple[str, ...] = (), least: float | None = None) -> Any:
    """Return a field of an `Options` dataclass.

    Parameters
    ----------
    default : bool, int, float or str
        Its type is that of the option.
    text : str
        What it is and where the default is from; the command line shows it.
    choices : tuple of str
        The words that a text may be.
    least : float, optional
        The smallest number allowed: by default 1 for whole numbers, 0 for others.
    """
    if least is None:
        least = 1 if type(default) is int else 0
    return dataclasses.field(default=default, metadata={"help": text, "choices": choices, "least": least})


class System(nn.Module):
    """The networks and optimizers of one method, with one step of its algorithm.

    A subclass sets the class attributes, builds its networks as submodules and its optimizers as entries of
    ``self.optimizers``, and writes `training_step` and `evaluate`; one that generates also writes `noise` and
    `sample`, one that changes given images `restore`.

    Parameters
    ----------
    options : Options, optional
        The settings of the method; the defaults of the subclass's ``Options`` where it is left out.
    shape : (C, H, W) or (2,)
        The shape of one sample: 1 grey or 3 colour channels, height and width one of ``image_sizes``; or, where the
        subclass ``takes_points``, that of a point in the plane.
    classes : int
        Number of classes of the data; only systems with ``needs_labels`` look at it.

    Attributes
    ----------
    name, summary : str
        The name on the command line, and one line for ``minigen list``.
    source : str
        Of a user's own system the path of the file that it is from; checkpoints and configurations name it.
    Options : type
        A dataclass; it has at least ``batch_size``.
    data : str
        The data set that ``minigen train NAME`` takes unless told otherwise.
    image_sizes : tuple of int
        The sizes that the networks can be built for, the default first.
    takes_points : bool
        Whether the networks can also be built for points in the plane.
    value_range : (float, float)
        The range of the images that `training_step` wants and that `sample` returns.
    crops : bool
        Whether pictures of a folder are learned from in random pieces of ``image_size`` pixels and evaluated whole, one
        at a time, as for a network that looks at details; otherwise each is scaled to that size.
    needs_labels, conditional : bool
        Whether training wants labels; whether `sample` takes some, and draws what was asked for.
    generates, restores : bool
        Whether there is a `sample`; whether there is a `restore`.
    optimizers : dict of str to Optimizer
        Named after the network that each one trains.

    Raises
    ------
    TypeError, ValueError
        If the networks cannot be built for samples of that shape, or an option is out of its range.
    """

    name: ClassVar[str] = "system"
    summary: ClassVar[str] = ""
    source: ClassVar[str] = ""
    Options: ClassVar[type]
    data: ClassVar[str] = "glyphs"
    image_sizes: ClassVar[tuple[int, ...]] = (28, 32, 64)
    takes_points: ClassVar[bool] = False
    value_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    crops: ClassVar[bool] = False
    needs_labels: ClassVar[bool] = False
    conditional: ClassVar[bool] = False
    generates: ClassVar[bool] = True
    restores: ClassVar[bool] = False

    def __init__(self, options: Any = None, *, shape: Shape = (1, 28, 28), classes: int = 10) -> None:
        super().__init__()
        check_shape(type(self), shape)
        self.shape, self.classes = tuple(map(int, shape)), check_integer(self.name, "classes", classes)
        self.options = options if options is not None else self.Options()
        if not isinstance(self.options, self.Options):
            raise TypeError(f"{self.name}: options must be made by {type(self).__name__}.Options, not {short(options)}")
        check_options(self.name, self.options)
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
        """Draw ``n`` samples ``(n, *shape)`` in ``value_range``, from ``noise`` where it is given.

        A ``conditional`` system takes also ``labels`` (n,), the classes wanted; by default 0, 1, 2, ... in turn.
        """
        raise NotImplementedError(f"{self.name} draws no images")

    def restore(self, images: Tensor) -> dict[str, Tensor]:
        """Return by name, in the order to be shown: what the system is given, makes of it, and what was wanted.

        Parameters
        ----------
        images : Tensor
            (N, C, H, W) in ``value_range``, as they should come out.

        Returns
        -------
        dict of str to Tensor
            Images of the shape of ``images``.
        """
        raise NotImplementedError(f"{self.name} restores no images")

    def fixed_noise(self, n: int, seed: int = 0) -> Tensor:
        """Draw noise that depends on ``seed`` alone, so that pictures of different steps can be compared."""
        with random_state_of(seed):
            return self.noise(n)


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


def wrong_weight(system: System) -> float:
    """Return the weight of real images with wrong labels in D's loss: the option ``wrong_labels``, 0 for one class.

    Raises
    ------
    ValueError
        If it is 1 or more: D would not learn from G's images at all.
    """
    weight = system.options.wrong_labels
    if weight >= 1:
        raise ValueError(f"{system.name}: option wrong_labels must be below 1, not {weight}")
    return weight if system.classes > 1 else 0.0


def wrong_labels(labels: Tensor, classes: int) -> Tensor:
    """For each label (N,) draw one of the other classes, all equally likely.

    Examples
    --------
    >>> wrong_labels(minigen.tensor([0, 1, 1]), classes=2).tolist()
    [1, 0, 0]
    """
    return (labels + minigen.randint(1, classes, (len(labels),), device=labels.device)) % classes


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


def decay_rate(optimizer: Optimizer, steps: int) -> None:
    """Lower the step size of an optimizer a little: called in every step, to a tenth within ``steps`` steps.

    It keeps no count: the present rate, which every checkpoint holds, is all that is needed to go on.

    Parameters
    ----------
    optimizer : Optimizer
        Whose groups' rates are changed.
    steps : int
        0 leaves them as they are.

    Examples
    --------
    >>> optimizer = minigen.optim.SGD([minigen.zeros(1, requires_grad=True)], lr=0.5)
    >>> for _ in range(100):
    ...     decay_rate(optimizer, 100)
    >>> round(optimizer.param_groups[0]["lr"], 6)
    0.05
    """
    if steps:
        for group in optimizer.param_groups:
            group["lr"] *= 0.1 ** (1 / steps)


def standard_normal(n: int, size: int, device: str) -> Tensor:
    """Draw (n, size) numbers from N(0, 1) on the host, and put them on ``device``."""
    n = check_integer("noise", "n, the number of rows,", n, low=0)
    numbers = generator.numpy.standard_normal((n, size), dtype=np.float32)
    return minigen.from_numpy(numbers).to(device)
