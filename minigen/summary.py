"""What a model is made of, and what it costs: a table of its layers, from one run of it.

Shapes and numbers are those of what really ran, seen by looking on, not guessed from the kinds of the layers: a
model with a loop, a layer used twice, or a product of matrices in the middle of a forward is counted right.  The
table says nothing about time, which depends on much more than the number of multiplications.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from minigen.autograd.recompute import Snapshot
from minigen.backend import array_module
from minigen.creation import zeros
from minigen.engine import Function
from minigen.functional.conv import Conv2d, Conv2dWeight, ConvTranspose2d
from minigen.functional.linear import Linear
from minigen.modes import Observer, no_grad, observing
from minigen.nn.module import Module
from minigen.ops.einsum import Einsum
from minigen.ops.matmul import MatMul
from minigen.tensor import Tensor, float32


def _lengths(equation: str, inputs: tuple[Tensor, ...]) -> dict[str, int]:
    """The length of the axis that each letter stands for."""
    terms = equation.partition("->")[0].split(",")
    return {letter: n for term, x in zip(terms, inputs, strict=True) for letter, n in zip(term, x.shape, strict=True)}


# How many products each kind of call adds up, from its inputs and its output.  Biases are not counted, nor are zeros
# of a padding taken out; a transposed convolution multiplies each pixel that it is given with a kernel.
MULTIPLY_ADDS: dict[type[Function], Callable[[Any, tuple[Tensor, ...], Tensor], int]] = {
    Conv2d: lambda call, inputs, y: y.numel() * math.prod(inputs[1].shape[1:]),
    ConvTranspose2d: lambda call, inputs, y: inputs[0].numel() * math.prod(inputs[1].shape[1:]),
    Conv2dWeight: lambda call, inputs, y: inputs[1].numel() * math.prod(y.shape[1:]),
    Linear: lambda call, inputs, y: y.numel() * inputs[1].shape[1],
    MatMul: lambda call, inputs, y: y.numel() * inputs[0].shape[-1],
    Einsum: lambda call, inputs, y: (len(inputs) - 1) * math.prod(_lengths(call.equation, inputs).values()),
}


@dataclass
class Layer:
    """One call of a layer: what it did itself, without the layers in it.

    Attributes
    ----------
    name, kind : str
        Its dotted name in the model, and its class.
    input_shape, output_shape : str
        As text, because there may be several tensors.
    parameters : int
        How many numbers it owns that no row above owns, too.
    multiply_adds : int
        Products of convolutions and of matrices.
    activation_bytes : int
        The size of all arrays that its functions made; views are none.
    again : bool
        Whether the same layer has been called before.
    """

    name: str
    kind: str
    input_shape: str
    parameters: int = 0
    again: bool = False
    output_shape: str = ""
    multiply_adds: int = 0
    activation_bytes: int = 0

    @property
    def depth(self) -> int:
        """How many layers it is inside of."""
        return self.name.count(".") + 1 if self.name else 0


@dataclass
class Summary:
    """What `summary` returns; printed, it is a table.

    Attributes
    ----------
    layers : list of Layer
        In the order of their calls.
    parameters, trainable : int
        How many numbers the model's parameters hold, and how many of them require gradients.
    parameter_bytes, activation_bytes : int
        The size of the parameters, and of all arrays that a run makes: an upper bound of what a graph keeps.
    multiply_adds : int
        Products of convolutions and of matrices, for the whole batch.
    not_called : list of str
        The layers without layers in them that did not take part.
    """

    input_shape: str
    parameters: int
    trainable: int
    parameter_bytes: int
    layers: list[Layer] = field(default_factory=list)
    not_called: list[str] = field(default_factory=list)

    @property
    def multiply_adds(self) -> int:
        """The sum over all layers."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def activation_bytes(self) -> int:
        """The sum over all layers."""
        return sum(layer.activation_bytes for layer in self.layers)

    def __str__(self) -> str:
        head = ("Layer", "Output shape", "Parameters", "Multiply-adds", "Activations")
        rows = [head, *(_cells(layer) for layer in self.layers)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
        rule = "-" * (sum(widths) + 2 * len(head) - 2)
        kinds = f"{self.trainable:,} trainable, {self.parameters - self.trainable:,} not"
        foot = [
            f"Input {self.input_shape}",
            f"Parameters {self.parameters:,} ({kinds}), {_size(self.parameter_bytes)}",
            f"Multiply-adds {self.multiply_adds:,}",
            f"Activations {_size(self.activation_bytes)}",
        ]
        if self.not_called:
            foot.append(f"Not called: {', '.join(self.not_called)}")
        return "\n".join([lines[0], rule, *lines[1:], rule, *foot])

    __repr__ = __str__


def summary(model: Module, input_shape: Any) -> Summary:
    """Run a model once and return a table of its layers: output shapes, parameters, multiply-adds, activations.

    Parameters
    ----------
    model : nn.Module
        Left as it was: mode, buffers, gradients, hooks and the state of the random source do not change.
    input_shape : tuple of int, Tensor, or list of these
        The shape of the input **with the batch**: ``(1, 3, 32, 32)``.  The input is zeros, of the parameters' dtype.
        A Tensor is taken as it is, which labels need.  A list holds one entry for each argument of ``forward``.

    Returns
    -------
    Summary
        ``print`` it, or read ``.parameters``, ``.multiply_adds``, ``.activation_bytes``, ``.layers``.

    Raises
    ------
    TypeError
        If ``model`` is no module, or ``input_shape`` no shape.
    ValueError
        If a layer cannot take what it is given; the message names it.

    Notes
    -----
    A row counts what its layer does itself; the layers in it have rows of their own.  One multiply-add is one product
    added to a sum, half of what is called a FLOP; counted are convolutions and products of matrices, for the whole
    batch.  Activations are all arrays that the layer's functions make: what training keeps for backward at most.
    MB are 10^6 bytes.

    The model runs in the mode that it is in; in training, batch norm wants more than one value a channel.

    Examples
    --------
    >>> from minigen import nn
    >>> print(summary(nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)), (16, 4)))
    Layer        Output shape  Parameters  Multiply-adds  Activations
    -----------------------------------------------------------------
    Sequential   (16, 2)                -              -            -
      0: Linear  (16, 8)               40            512        512 B
      1: Tanh    (16, 8)                -              -        512 B
      2: Linear  (16, 2)               18            256        128 B
    -----------------------------------------------------------------
    Input (16, 4)
    Parameters 58 (58 trainable, 0 not), 232 B
    Multiply-adds 768
    Activations 1.15 kB
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary: the model must be an nn.Module, not a {type(model).__name__}")
    inputs = _inputs(model, input_shape)
    parameters = list(model.parameters())
    result = Summary(
        input_shape=_shapes(inputs),
        parameters=sum(p.numel() for p in parameters),
        trainable=sum(p.numel() for p in parameters if p.requires_grad),
        parameter_bytes=sum(p.numel() * p.element_size() for p in parameters),
    )
    recorder = _Recorder(result)
    with recorder.attached(model), Snapshot(model).as_before(), no_grad(), observing(recorder):
        try:
            model(*inputs)
        except Exception as error:
            raise recorder.explained(error) from error
    called = {layer.name for layer in result.layers}
    leaves = [name for name, module in model.named_modules() if not any(module.children())]
    result.not_called = [name for name in leaves if name not in called]
    return result


class _Recorder(Observer):
    """Writes a row for each layer that is called, and adds to it what its functions do."""

    def __init__(self, result: Summary) -> None:
        self.layers = result.layers
        self.stack: list[Layer] = []  # the layers that are being computed, from the outside in
        self.counted: set[int] = set()  # parameters, by id
        self.called: set[Module] = set()

    @contextmanager
    def attached(self, model: Module) -> Iterator[None]:
        """Hang hooks on all layers for the length of a ``with`` block."""
        with ExitStack() as stack:
            for name, module in model.named_modules():
                enter = module.register_forward_pre_hook(functools.partial(self._enter, name))
                stack.callback(enter.remove)
                stack.callback(module.register_forward_hook(self._leave).remove)
            yield

    def _enter(self, name: str, module: Module, args: tuple) -> None:
        own = [p for p in module.parameters(recurse=False) if id(p) not in self.counted]
        self.counted.update(id(p) for p in own)
        layer = Layer(name, type(module).__name__, _shapes(args), sum(p.numel() for p in own), module in self.called)
        self.called.add(module)
        self.layers.append(layer)
        self.stack.append(layer)

    def _leave(self, module: Module, args: tuple, output: Any) -> None:
        self.stack.pop().output_shape = _shapes(output)

    def forward(self, call: Function, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        layer = self.stack[-1]
        count = MULTIPLY_ADDS.get(type(call))
        if count:
            layer.multiply_adds += count(call, inputs, output)
        share = array_module(output.array).may_share_memory
        if not (call.view and share(output.array, inputs[0].array)):
            layer.activation_bytes += output.numel() * output.element_size()

    def explained(self, error: Exception) -> ValueError:
        """Say in which layer an error came up."""
        if not self.stack:
            return ValueError(f"summary: the model cannot take these inputs: {error}")
        layer = self.stack[-1]
        where = f"layer {layer.name!r} ({layer.kind})" if layer.name else f"the model itself ({layer.kind})"
        return ValueError(f"summary: {where} was given {layer.input_shape or 'nothing'} and failed: {error}")


def _inputs(model: Module, input_shape: Any) -> list[Tensor]:
    """Make the inputs out of shapes; tensors are taken as they are."""
    like = next((p for p in model.parameters() if p.is_floating_point()), None)
    dtype, device = (float32, None) if like is None else (like.dtype, like.device)
    inputs = []
    for entry in input_shape if isinstance(input_shape, list) else [input_shape]:
        if isinstance(entry, Tensor):
            inputs.append(entry)
        elif isinstance(entry, tuple) and all(isinstance(n, int) and n >= 0 for n in entry):
            inputs.append(zeros(entry, dtype=dtype, device=device))
        else:
            raise TypeError(
                "summary: input_shape must be a tuple of integers with the batch first, such as (1, 3, 32, 32), a "
                f"Tensor, or a list of these for several inputs; not {entry!r}"
            )
    return inputs


def _shapes(values: Any) -> str:
    """The shapes of tensors, also in tuples, lists and dicts; the type's name for anything else."""
    if isinstance(values, Tensor):
        return str(values.shape)
    if isinstance(values, dict):
        values = list(values.values())
    if isinstance(values, (tuple, list)):
        return ", ".join(map(_shapes, values))
    return type(values).__name__


def _cells(layer: Layer) -> tuple[str, ...]:
    name = layer.name.rpartition(".")[2]
    title = "  " * layer.depth + (f"{name}: " if name else "") + layer.kind + (" (again)" if layer.again else "")
    counts = [f"{n:,}" if n else "-" for n in (layer.parameters, layer.multiply_adds)]
    return title, layer.output_shape, *counts, _size(layer.activation_bytes) if layer.activation_bytes else "-"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Text to the left, numbers to the right."""
    return [cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))]


def _size(count: int) -> str:
    """Bytes as people read them: 512 B, 1.15 kB, 13.6 MB."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return f"{count} B"
