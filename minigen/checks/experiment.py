"""One function at one point: the experiment that a gradient check makes.  It measures and judges nothing.

The function's outputs y are turned into one number by a random readout

    loss = sum(u*y + v*y**2/2 + w*y**3/6)        (u, v, w fixed random arrays)

which is nonlinear on purpose: the gradient that reaches the function, u + v*y + w*y**2/2, then depends
on the inputs itself.  With sum(y) softmax and batch norm would have the gradient zero, right or
wrong, and with any linear readout the second derivative of a linear function such as a convolution
would never be computed at all.

An `Experiment` evaluates that number at the point and beside it, always under the same conditions: the same random
draws, the same buffers, the same readout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigen.autograd import grad
from minigen.backend import array_module, get_rng_state, set_rng_state
from minigen.nn import Module
from minigen.tensor import Tensor

__all__ = ["Experiment", "Leaf", "Move"]

Scalar = Callable[[], Tensor]
Move = list[tuple[Tensor, np.ndarray, Tensor]]  # tensors that change together: each with its origin and its direction


@dataclass
class Leaf:
    """A tensor that is differentiated, what to call it, and the value at which.

    ``tangents`` are the directions along which it was differentiated at lower orders.  All but the last are
    differentiated themselves: the derivative of order 3 depends on the direction of order 1 through the backward of
    backward, and only this dependence shows whether a gradient was detached there.
    """

    name: str
    tensor: Tensor
    origin: np.ndarray
    tangents: list[list[Tensor]] = field(default_factory=list)

    def moving(self) -> list[Tensor]:
        """The leaf and those of its directions that the next derivative depends on through the graph."""
        return [self.tensor, *(tensor for drawn in self.tangents[:-1] for tensor in drawn)]


class Experiment:
    """One function, one point, one readout; see the opening paragraph.

    Parameters
    ----------
    f
        The function or Module.
    inputs
        Its arguments; Tensors and arrays in tuples and lists are found.
    wrt
        Positions and names to differentiate, or None for all.
    rng
        The source of readout and directions.
    name
        What messages call the function.
    caller
        What messages call the check.
    names
        What messages call the inputs; by default "input 0", "input 1", ...
    """

    def __init__(self, f, inputs, wrt, rng, name, caller="check_gradients", names=None):
        self.f, self.rng, self.name, self.caller = f, rng, name, caller
        self.readout: list[list[Tensor]] | None = None  # u, v, w for each output, drawn at the first evaluation
        self.inputs = [copied(x) for x in inputs]
        if not isinstance(f, Module) and not any(True for _ in tensors_in(self.inputs)):
            self.inputs = [Tensor(np.array(x)) if isinstance(x, float) else x for x in self.inputs]
        found = list(tensors_in(self.inputs))
        call = (lambda place: f"input {place}") if names is None else (lambda place: names[int(place)])
        named = {call(place): x for place, x in found if x.is_floating_point()}
        state: list[Tensor] = []
        if isinstance(f, Module):
            named |= {key: p for key, p in f.named_parameters() if p.requires_grad}
            state = [*f.parameters(), *f.buffers()]
        named = self.choose(named, wrt)
        for key, x in named.items():
            self.require_float64(key, x)
        self.leaves = [Leaf(key, x.requires_grad_(), x.array.copy(order="K")) for key, x in named.items()]
        leaves = {id(leaf.tensor) for leaf in self.leaves}
        constants = [x for x in [*(x for _, x in found), *state] if id(x) not in leaves]
        self.frozen = [(x, x.array.copy(order="K")) for x in constants]
        self.rng_state = get_rng_state()
        self.given = [(leaf.tensor, leaf.origin) for leaf in self.leaves]

    def choose(self, named: dict[str, Tensor], wrt) -> dict[str, Tensor]:
        """Keep what ``wrt`` asks for, and refuse to differentiate nothing."""
        if wrt is not None:
            wanted = [f"input {key}" if isinstance(key, int) else key for key in wrt]
            unknown = [key for key in wanted if key not in named]
            if unknown:
                raise ValueError(
                    f"{self.caller}: wrt asks for {', '.join(unknown)}, but {self.name} has {', '.join(named)}"
                )
            named = {key: named[key] for key in wanted}
        if not named:
            raise ValueError(f"{self.caller}: {self.name} has no float64 input or parameter to differentiate")
        return named

    def require_float64(self, what, x):
        """Refuse a tensor in which finite differences would see rounding only."""
        if x.dtype != np.float64:
            raise TypeError(
                f"{self.caller}: {what} {x.shape} is {x.dtype}, but finite differences need float64 (a difference of "
                "two float32 values keeps about 3 digits, too few to judge a gradient): use x.double() or "
                "model.double()"
            )

    # ---- evaluation -------------------------------------------------------------------------------------------

    def restore(self):
        """Put random state, buffers and parameters back to what they were."""
        for tensor, value in [*self.frozen, *self.given]:
            write(tensor, value)
        set_rng_state(self.rng_state)

    def outputs(self) -> list[Tensor]:
        """What f returns at the leaves' present values, under the same random draws and buffers as ever."""
        set_rng_state(self.rng_state)
        for tensor, value in self.frozen:
            write(tensor, value)
        returned = self.f(*self.inputs)
        outputs = []
        for y in _flat(returned):
            if not isinstance(y, Tensor):
                raise TypeError(f"{self.caller}: {self.name} returned a {type(y).__name__}, not a Tensor")
            if y.is_floating_point():
                self.require_float64("its output", y)
                outputs.append(y)
        if not outputs:
            raise ValueError(f"{self.caller}: {self.name} returned no floating-point tensor to differentiate")
        return outputs

    def loss(self) -> Tensor:
        """The random nonlinear readout of the outputs: sum(u*y + v*y**2/2 + w*y**3/6)."""
        outputs = self.outputs()
        if self.readout is None:
            self.readout = [[self.random(y, self.rng.standard_normal) for _ in range(3)] for y in outputs]
        terms = [
            (u * y + v * y * y / 2 + w * y * y * y / 6).sum()
            for y, (u, v, w) in zip(outputs, self.readout, strict=True)
        ]
        return sum(terms[1:], terms[0])

    def grad_outputs(self) -> list[np.ndarray]:
        """The gradient of the readout with respect to each output: u + v*y + w*y**2/2."""
        return [
            to_numpy(u + v * y + w * y * y / 2) for y, (u, v, w) in zip(self.outputs(), self.readout or [], strict=True)
        ]

    # ---- derivatives along directions -----------------------------------------------------------------------------

    def random(self, like: Tensor, draw) -> Tensor:
        """Random numbers in the shape of a tensor, on its device."""
        return Tensor(array_module(like.array).asarray(draw(like.shape)))

    def moves(self) -> list[Move]:
        """A random direction for every leaf (and for its earlier directions), entries in [-1, 1]."""
        moves = []
        for leaf in self.leaves:
            tensors = leaf.moving()
            drawn = [self.random(x, lambda shape: self.rng.uniform(-1, 1, shape)).requires_grad_() for x in tensors]
            leaf.tangents.append(drawn)
            origins = [x.array.copy(order="K") for x in tensors]
            moves.append(list(zip(tensors, origins, drawn, strict=True)))
        return moves

    def slopes(self, scalar: Scalar, moves: list[Move]) -> list[Tensor]:
        """The slope of ``scalar`` along each move, by backward; 0 where no gradient arrives."""
        y = scalar()
        tensors = [x for move in moves for x, _, _ in move]
        gradients = iter([None] * len(tensors))
        if y.requires_grad:
            gradients = iter(grad(y, tensors, create_graph=True, allow_unused=True))
        slopes = []
        for move in moves:
            terms = [((0.0 if g is None else g) * v).sum() for (_, _, v), g in zip(move, gradients)]
            slopes.append(sum(terms[1:], terms[0]))
        return slopes

    def total_slope(self, scalar: Scalar, moves: list[Move]) -> Scalar:
        """The function whose value is the slope of ``scalar`` along all moves at once."""

        def slope():
            slopes = self.slopes(scalar, moves)
            return sum(slopes[1:], slopes[0])

        return slope

    def along(self, scalar: Scalar, move: Move) -> Callable[[float], float]:
        """The function t -> ``scalar`` after a step of t along a move; it comes back to the origin by itself."""

        def at(t):
            for x, origin, direction in move:
                write(x, origin + t * direction.array)
            value = scalar().item()
            for x, origin, _ in move:
                write(x, origin)
            return value

        return at

    def refuse_unfrozen(self):
        """Raise if two evaluations at the same point differ, or give no number at all."""
        first, second = self.loss().item(), self.loss().item()
        if first != second and not (np.isnan(first) and np.isnan(second)):
            raise ValueError(
                f"{self.caller}: {self.name} gave {first!r} and then {second!r} at the same point: it draws from a "
                "random source other than minigen's or keeps something from call to call"
            )
        if not np.isfinite(first):
            raise ValueError(
                f"{self.caller}: {self.name} returns NaN or infinity at this point, and nothing can be compared "
                "there; give inputs inside of its domain"
            )


# ---- tensors and what holds them -----------------------------------------------------------------------------------


def tensors_in(values, prefix="") -> Iterator[tuple[str, Tensor]]:
    """The tensors among arguments, each with its place: "0", or "1[0]" inside a tuple or list."""
    for i, x in enumerate(values):
        place = f"{prefix}[{i}]" if prefix else str(i)
        if isinstance(x, Tensor):
            yield place, x
        elif isinstance(x, tuple | list):
            yield from tensors_in(x, place)


def copied(x):
    """A leaf of its own with the values and the memory layout of ``x``; what is no array stays what it is."""
    if isinstance(x, Tensor):
        return Tensor(x.array.copy(order="K"))
    if isinstance(x, np.ndarray):
        return Tensor(x.copy(order="K"))
    if type(x) in (tuple, list) and any(isinstance(y, Tensor | np.ndarray | tuple | list) for y in x):
        return type(x)(copied(y) for y in x)
    return x


def write(tensor, value):
    """Overwrite a tensor's values in place, as an optimizer does."""
    tensor.array[...] = value
    tensor.bump_version()


def to_numpy(x: Tensor) -> np.ndarray:
    """A NumPy copy of a tensor's values, wherever it lives."""
    return x.detach().cpu().numpy().copy()


def _flat(returned) -> Iterator[Any]:
    if isinstance(returned, dict):
        returned = tuple(returned.values())
    if isinstance(returned, tuple | list):
        for y in returned:
            yield from _flat(y)
    else:
        yield returned
