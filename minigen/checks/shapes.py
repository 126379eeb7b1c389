"""Do the sizes in a file of networks fit each other?  They are run on pictures and noise of likely sizes, and watched.

Found are what raises no error, or one that does not say why: a linear layer made for another number of features than
there are, pictures of a batch glued together by ``view(-1, ...)``, a generator and a discriminator made for pictures of
different sizes.  Nothing is said about values.
"""

from __future__ import annotations

import inspect
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigen.creation import from_numpy
from minigen.modes import Observer, no_grad, observing
from minigen.nn.conv import Conv2d, ConvTranspose2d
from minigen.nn.linear import Linear
from minigen.nn.module import Module
from minigen.tensor import Tensor

__all__ = ["Finding", "Network", "lint", "networks"]

SIZES = (28, 32, 64, 16, 96, 128, 48, 224, 256, 8)
USUAL = {1: 28, 3: 32}  # by the number of channels: MNIST, CIFAR-10
# What the parameters of a class are likely to be, where it has no defaults.
GUESSES = {
    r"(img|image|input|picture)?_?(size|height|width)": 32,
    r"(latent|noise|z|nz|hidden|embed\w*)_?(dim|size|features|channels)?": 16,
    r"(n|num)?_?(classes|class|labels)|classes": 10,
    r"(img|image|in|input)?_?(channels?|nc)": 3,
    r"n[gd]f|width|base|(n|num)_?filters|features": 8,
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """Something that does not fit: in which network, in which line of the file (0: unknown), and what to do."""

    network: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.network}{f', line {self.line}' if self.line else ''}: {self.message}"


@dataclass
class Network:
    """A network of the file, and what it does with a batch.

    Attributes
    ----------
    name : str
        Of the class, the function, or the object.
    module : Module
        The network.
    takes : "pictures", "noise" or ""
        Decided by its first layer with weights.
    channels : int
        Of what it takes.
    sizes : dict of int to tuple
        The sizes of pictures that it can work with (0 for noise), and the shape that comes of one picture.
    """

    name: str
    module: Module
    takes: str = ""
    channels: int = 0
    sizes: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        shown = [f"(N, {self.channels}, {s}, {s})" if s else f"(N, {self.channels}, ...)" for s in self.sizes]
        results = [f"(N, {', '.join(map(str, shape))})" for shape in self.sizes.values()]
        return f"{self.name}: {'; '.join(f'{a} -> {b}' for a, b in list(zip(shown, results, strict=True))[:3])}"


@dataclass
class Run:
    """What came of one run: the output's shape or an error, and where pictures were glued together."""

    shape: tuple[int, ...] | None = None
    error: str = ""
    line: int = 0
    glued: tuple[int, tuple[int, ...], tuple[int, ...]] | None = None  # line, from, to
    features: tuple[int, ...] = ()  # of one picture, before it was made flat


class _Watcher(Observer):
    """Notes where the first axis stops being the batch, and how large a picture was last."""

    def __init__(self, file: str, batch: int) -> None:
        self.file, self.batch, self.run = file, batch, Run()

    def forward(self, call: Any, inputs: tuple, output: Any) -> None:
        if output.ndim == 4 and output.shape[0] == self.batch:
            self.run.features = tuple(output.shape[1:])
        if type(call).__name__ == "Reshape" and inputs[0].shape[:1] == (self.batch,) != output.shape[:1]:
            line = _line_in(self.file)
            self.run.glued = self.run.glued or (line, tuple(inputs[0].shape), tuple(output.shape))


def _line_in(file: str) -> int:
    """Return the line of the file that is being run."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename != file:
        frame = frame.f_back  # type: ignore[assignment]
    return frame.f_lineno if frame is not None else 0


def lint(names: Mapping[str, Any], text: str, file: str) -> tuple[list[Network], list[Finding]]:
    """Look at all networks of a file.

    Parameters
    ----------
    names : mapping
        What the file defines.
    text : str
        Its text: constants and comments in it may say how large the pictures are.
    file : str
        Its path, as Python knows it.

    Returns
    -------
    networks, findings
        The networks that could be made and run, and what does not fit.
    """
    said = sizes_said(text)
    found = list(networks(names))
    findings: list[Finding] = []
    for network in found:
        findings += _look_at(network, said, file)
    generators = [n for n in found if n.takes == "noise" and any(len(shape) == 3 for shape in n.sizes.values())]
    for generator in generators:
        findings += _look_at_pair(generator, found, said)
    return found, findings


def sizes_said(text: str) -> list[int]:
    """Return the sizes of pictures that a file speaks of: image_size = 64, (N, 3, 64, 64), 64x64.

    Examples
    --------
    >>> sizes_said("img_size = 64  # not 32 x 32")
    [64, 32]
    """
    patterns = (
        r"(?:img|image|picture|input)_?size\s*[:=]\s*(?:int\s*=\s*)?(\d+)",
        r"(?:randn|rand|zeros|ones|empty)\(\s*\w+\s*,\s*\w+\s*,\s*(\d+)\s*,\s*\1\s*[,)]",
        r"\b(\d+)\s*[x×]\s*\1\b",
        r"Resize\(\s*\(?\s*(\d+)",
    )
    found = [int(match[1]) for pattern in patterns for match in re.finditer(pattern, text)]
    return [size for size in dict.fromkeys(found) if 8 <= size <= 512]


# ---- finding the networks -----------------------------------------------------------------------------------------


def networks(names: Mapping[str, Any]) -> Iterator[Network]:
    """Make the networks of a file: its objects, then classes and functions of which there is no object yet."""
    home = names.get("__name__")
    seen: set[type] = set()
    looks: set[str] = set()
    for name, value in names.items():
        if isinstance(value, Module):
            seen.add(type(value))
            looks.add(repr(value))
            yield _described(name, value)
    parts = _inner_classes(names)
    for name, value in names.items():
        if getattr(value, "__module__", None) != home or name.startswith("_") or value in parts:
            continue
        if (isinstance(value, type) and issubclass(value, Module) and value not in seen) or inspect.isfunction(value):
            module = _made(value)
            if module is not None and repr(module) not in looks:
                yield _described(name, module)


def _inner_classes(names: Mapping[str, Any]) -> set[Any]:
    """Classes of the file that others use as their parts."""
    classes = [value for value in names.values() if isinstance(value, type) and issubclass(value, Module)]
    inner: set[Any] = set()
    for cls in classes:
        made = _made(cls)
        inner |= {type(part) for part in made.modules() if part is not made} if made is not None else set()
    return inner


def _made(maker: Any) -> Module | None:
    """Call a class or a function, with guesses where it has no defaults; None if no Module comes of it."""
    try:
        parameters = inspect.signature(maker).parameters.values()
    except (TypeError, ValueError):
        return None
    if inspect.isfunction(maker) and any(p.default is p.empty for p in parameters):
        return None
    given = {}
    for parameter in parameters:
        if parameter.default is parameter.empty and parameter.kind in (1, 3):
            fitting = [value for pattern, value in GUESSES.items() if re.fullmatch(pattern, parameter.name.lower())]
            if not fitting:
                return None
            given[parameter.name] = fitting[0]
    try:
        made = maker(**given)
    except Exception:
        return None
    return made if isinstance(made, Module) else None


def _described(name: str, module: Module) -> Network:
    """Say what a network takes, by its first layer with weights."""
    first = next((part for part in module.modules() if isinstance(part, Conv2d | ConvTranspose2d | Linear)), None)
    spatial = any(isinstance(part, ConvTranspose2d) for part in module.modules())
    if isinstance(first, Conv2d):
        return Network(name, module, "pictures", first.in_channels)
    if isinstance(first, ConvTranspose2d):
        return Network(name, module, "noise", first.in_channels)
    if isinstance(first, Linear) and spatial:
        return Network(name, module, "noise", first.in_features)
    return Network(name, module)


# ---- running them -------------------------------------------------------------------------------------------------


def _run(network: Network, batch: int, size: int, file: str) -> Run:
    """Run a network on a batch: pictures of a size, or noise (0 and -1: with and without two axes of length 1)."""
    shape = (batch, network.channels, *{0: (1, 1), -1: ()}.get(size, (size, size)))
    x = from_numpy(np.random.default_rng(0).standard_normal(shape).astype(np.float32))
    training = network.module.training
    watcher = _Watcher(file, batch)
    network.module.eval()
    try:
        with no_grad(), observing(watcher):
            y = network.module(x)
        y = y[0] if isinstance(y, tuple | list) and y else y
        watcher.run.shape = tuple(y.shape) if isinstance(y, Tensor) else None
    except Exception as error:
        watcher.run.error = f"{type(error).__name__}: {error}"
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == file:
                watcher.run.line = trace.tb_lineno
            trace = trace.tb_next
    finally:
        network.module.train(training)
    return watcher.run


def _look_at(network: Network, said: list[int], file: str) -> list[Finding]:
    """Run a network on all likely sizes, keep those that work, and say what is wrong at the likeliest."""
    if network.takes == "noise":
        for size in (0, -1):
            run = _run(network, 3, size, file)
            if run.shape and run.shape[0] == 3:
                network.sizes[0] = run.shape[1:]
                return []
        return []
    if network.takes != "pictures":
        return []
    runs = {size: _run(network, 3, size, file) for size in dict.fromkeys((*said, *SIZES))}
    network.sizes = {size: run.shape[1:] for size, run in runs.items() if run.shape and run.shape[0] == 3}
    usual = said or [USUAL.get(network.channels, 32)]
    if any(size in network.sizes for size in usual):
        return []
    size = usual[0]
    finding = _explain(network, size, runs[size], file)
    honest = network.sizes and finding is not None and "glued" not in finding.message
    return [] if finding is None or (honest and not said) else [finding]


def _explain(network: Network, size: int, run: Run, file: str) -> Finding | None:
    """Say why a network does not work with pictures of a size."""
    features = math.prod(run.features)
    layer = next((part for part in network.module.modules() if isinstance(part, Linear)), None)
    wanted = layer.in_features if layer is not None else 0
    if not features or not wanted:
        return (
            Finding(network.name, run.line, f"pictures of {size} by {size} cannot be used: {run.error}")
            if run.error
            else None
        )
    had = f"a picture of {size} by {size} has {'*'.join(map(str, run.features))} = {features} features here"
    batch = wanted // math.gcd(wanted, features)
    again = _run(network, batch, size, file)
    if again.glued is not None or run.glued is not None:
        line, before, after = again.glued or run.glued  # type: ignore[misc]
        return Finding(
            network.name,
            line,
            f"pictures are glued together: {before} becomes {after}; {had}, and the linear layer wants {wanted}. Write "
            f"x.view(x.size(0), -1), which keeps the batch, and nn.Linear({features}, ...)",
        )
    return Finding(
        network.name, run.line, f"the linear layer wants {wanted} features, but {had}: write nn.Linear({features}, ...)"
    )


def _look_at_pair(generator: Network, found: Iterable[Network], said: list[int]) -> list[Finding]:
    """Compare a generator with the discriminators of its file, and with the size that the file speaks of."""
    channels, height, _ = next(shape for shape in generator.sizes.values() if len(shape) == 3)
    findings = []
    for judge in found:
        if judge.takes != "pictures" or not _judges(judge):
            continue
        one = [size for size, shape in judge.sizes.items() if math.prod(shape) == 1]
        made = f"{generator.name} makes pictures of ({channels}, {height}, {height})"
        if judge.channels != channels:
            findings.append(Finding(judge.name, 0, f"it takes {judge.channels} channels, but {made}"))
        elif height not in one and one:
            votes = math.prod(judge.sizes[height]) if height in judge.sizes else 0
            what = f"gives {votes} numbers for each of them" if votes else "cannot work with them"
            findings.append(
                Finding(judge.name, 0, f"{made}; {judge.name} {what}. It gives one number for {one[0]} by {one[0]}")
            )
        elif said and height not in said:
            votes = math.prod(judge.sizes.get(said[0], ()))
            gives = f", for which {judge.name} gives {votes} numbers each" if votes != 1 else ""
            findings.append(
                Finding(
                    generator.name,
                    0,
                    f"it makes pictures of {height} by {height}, but the file speaks of {said[0]} by {said[0]}{gives}",
                )
            )
    return findings


def _judges(network: Network) -> bool:
    """Whether a network looks like a discriminator: by its name, or because it can give one number."""
    named = re.fullmatch(r"D|.*(disc|critic|judge).*|(net)?_?D\d*", network.name, flags=re.IGNORECASE)
    return bool(named) or any(math.prod(shape) == 1 for shape in network.sizes.values())
