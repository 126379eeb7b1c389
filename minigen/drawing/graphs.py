"""The picture of a computation: a box for each call of a function, an arrow for each tensor, as an SVG.

What is drawn is what the engine would walk: the calls that were recorded, from the leaves at the top to the output at
the bottom.  Nothing is traced or run for it, and layers are not seen here, only functions.
"""

from __future__ import annotations

import itertools
import os
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from minigen.drawing.layered import Item, Layout, lay_out
from minigen.engine import Function
from minigen.files import atomic_write
from minigen.nn.module import Module
from minigen.tensor import Tensor, float32

_FONT, _LINE, _CHARACTER = 11, 15, 6.65  # size of the letters, height of a line and width of a letter, in pixels
_MARGIN = 12
_COLOURS = {  # fill and border of each kind of box; told apart without colours by their corners and text
    "call": ("#e8eef7", "#4a6a9b"),
    "parameter": ("#fdf0d5", "#b5832a"),
    "leaf": ("#e6f4e6", "#4d8a4d"),
    "constant": ("#f2f2f2", "#999999"),
    "output": ("#ffffff", "#333333"),
}


@dataclass(frozen=True)
class Box:
    """What one box says: a title, and lines below it."""

    kind: str
    title: str
    lines: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in pixels."""
        longest = max(len(line) for line in (self.title, *self.lines))
        return longest * _CHARACTER + 16, (1 + len(self.lines)) * _LINE + 8


@dataclass(frozen=True)
class Drawing:
    """A finished picture.

    A notebook shows it by itself; ``save`` writes it; ``svg`` is its text.

    Attributes
    ----------
    boxes : list of Box
        From top to bottom, in the order of the calls.
    edges : list of (int, int)
        Which box leads to which.
    labels : list of str
        What stands on each edge.
    layout : Layout
        Where everything is, in pixels.
    """

    boxes: list[Box]
    edges: list[tuple[int, int]]
    labels: list[str]
    layout: Layout

    @property
    def svg(self) -> str:
        """The picture as text."""
        return _svg(self)

    def _repr_svg_(self) -> str:  # what Jupyter asks for
        return self.svg

    def __repr__(self) -> str:
        return f"<Drawing of {len(self.boxes)} boxes and {len(self.edges)} edges; .save('graph.svg') writes it>"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file whose name ends in .svg; whole, or not at all.

        Raises
        ------
        ValueError
            If the name has another ending.
        WriteError
            If the file cannot be written.
        """
        if Path(path).suffix.lower() != ".svg":
            raise ValueError(f"save: a drawing is an SVG, so the name must end in .svg, not {os.fspath(path)!r}")
        with atomic_write(path) as file:
            file.write(self.svg.encode())


def graph(
    y: Tensor | Sequence[Tensor], params: Mapping[str, Tensor] | Module | None = None, *, model: Module | None = None
) -> Drawing:
    """Draw the graph that leads to ``y``: what was computed from what, with the shapes on the edges.

    Parameters
    ----------
    y : Tensor or sequence of Tensor
        The end of the graph: a loss, an output, or a gradient that was made with ``create_graph=True``.
    params : mapping of str to Tensor, or nn.Module, optional
        Names of leaves, such as ``dict(net.named_parameters())``; a module stands for its parameters.
    model : nn.Module, optional
        The same, by name.

    Returns
    -------
    Drawing
        Shown by a notebook; ``.save("graph.svg")`` writes it.

    Raises
    ------
    TypeError
        If ``y`` is no Tensor, or ``params`` holds something else.
    ValueError
        If nothing was recorded for ``y``.
    RuntimeError
        If the graph has been freed by a backward pass.

    Notes
    -----
    A box with a blue border is a call of a function, with its options; orange ones are parameters, green ones other
    leaves that require gradients, grey ones constants (a constant of one element stands in the box of the call).
    Rows are found as in Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system
    structures", 1981; the same graph always gives the same picture.

    Examples
    --------
    >>> import minigen
    >>> w = minigen.ones(3, requires_grad=True)
    >>> drawing = graph((minigen.ones(2, 3) * w).tanh().sum(), {"w": w})
    >>> [box.title for box in drawing.boxes], drawing.labels[-1]
    (['tensor', 'w', 'Mul', 'Tanh', 'Sum', 'output'], '()')
    """
    outputs: list[Any] = list(y) if isinstance(y, (tuple, list)) else [y]
    names = _names(model if params is None else params)
    for output in outputs:
        if not isinstance(output, Tensor):
            raise TypeError(f"graph: a Tensor or a sequence of Tensors is wanted, not {type(output).__name__}")
        if output.grad_fn is None:
            raise ValueError(
                f"graph: nothing was recorded for this tensor of shape {output.shape}: it is a leaf, or was made "
                "under no_grad() or by detach()"
            )
    if not outputs:
        raise ValueError("graph: there is no tensor to draw")
    return _Painter(names).draw(outputs)


def _names(params: Any) -> dict[int, str]:
    """Names of leaves by the tensors' ids."""
    if params is None:
        return {}
    if isinstance(params, Module):
        params = dict(params.named_parameters())
    if not isinstance(params, Mapping) or not all(isinstance(p, Tensor) for p in params.values()):
        raise TypeError("graph: params must be an nn.Module or a dict of Tensors by their names")
    return {id(tensor): name for name, tensor in params.items()}


class _Painter:
    """Collects boxes and edges, from the first call to the last."""

    def __init__(self, names: dict[int, str]) -> None:
        self.names = names
        self.boxes: list[Box] = []
        self.edges: list[tuple[int, int]] = []
        self.labels: list[str] = []
        self.place: dict[int, int] = {}  # of calls and leaves, by id

    def draw(self, outputs: list[Tensor]) -> Drawing:
        for call in _calls_below(outputs):
            sources = [x for x in call.inputs if not _is_number(x)]
            for x in sources:
                if x.grad_fn is None and id(x) not in self.place:
                    self.place[id(x)] = self._add(self._leaf(x))
            self.place[id(call)] = self._add(Box("call", type(call).__name__, _options(call)))
            for x in sources:
                self._connect(x, self.place[id(call)])
        for i, output in enumerate(outputs):
            title = "output" if len(outputs) == 1 else f"output {i}"
            self._connect(output, self._add(Box("output", title)))
        sizes = [(len(label) * _CHARACTER + 6 if label else 0.0, _LINE if label else 0.0) for label in self.labels]
        layout = lay_out([box.size for box in self.boxes], self.edges, sizes)
        return Drawing(self.boxes, self.edges, self.labels, layout)

    def _add(self, box: Box) -> int:
        self.boxes.append(box)
        return len(self.boxes) - 1

    def _connect(self, x: Tensor, end: int) -> None:
        self.edges.append((self.place[id(x.grad_fn or x)], end))
        self.labels.append("" if x.grad_fn is None else _shape(x))  # a leaf's box says its shape itself

    def _leaf(self, x: Tensor) -> Box:
        name = self.names.get(id(x), x.name)
        kind = "constant" if not x.requires_grad else "parameter" if name else "leaf"
        return Box(kind, _short(name or "tensor"), (_shape(x),))


def _calls_below(outputs: list[Tensor]) -> list[Function]:
    """All calls that led to the outputs, in the order in which they were made."""
    found: dict[int, Function] = {}
    stack = [output.grad_fn for output in outputs]
    while stack:
        call = stack.pop()
        if call is None or id(call) in found:
            continue
        if call.inputs is None:
            raise RuntimeError(
                f"graph: the graph was freed by a backward pass ({type(call).__name__} has forgotten its inputs); draw "
                "it before, or give retain_graph=True to backward"
            )
        found[id(call)] = call
        stack.extend(x.grad_fn for x in call.inputs)
    return sorted(found.values(), key=lambda call: call.order)


def _is_number(x: Tensor) -> bool:
    return x.grad_fn is None and not x.requires_grad and x.numel() == 1


def _options(call: Function) -> tuple[str, ...]:
    """The options of a call and its constants of one element, in a few lines of text."""
    hidden = {"inputs", "needs_input_grad", "order"}
    words = [
        word for key, value in vars(call).items() if key[0] != "_" and key not in hidden for word in _words(key, value)
    ]
    words += [f"input {i} = {x.item():.6g}" for i, x in enumerate(call.inputs) if _is_number(x)]
    lines = textwrap.wrap(", ".join(words).replace(" ", "\0").replace(",\0", ", "), 30)
    lines = [line.replace("\0", " ") for line in lines]
    return tuple(_short(line) for line in lines[:4]) + (("...",) if len(lines) > 4 else ())


def _words(key: str, value: Any) -> Iterable[str]:
    """``key=value`` for what can be read at a glance; nothing for arrays and functions."""
    if hasattr(value, "_asdict"):  # a NamedTuple, such as the geometry of a convolution
        for name, part in value._asdict().items():
            yield from _words(name, part)
    elif isinstance(value, float):
        yield f"{key}={value:.6g}"
    elif isinstance(value, (bool, int, str)) or (isinstance(value, tuple) and all(isinstance(n, int) for n in value)):
        yield f"{key}={str(value).replace(', ', ',')}"


def _shape(x: Tensor) -> str:
    """The shape, and the dtype unless it is the usual one."""
    return str(x.shape) if x.dtype == float32 else f"{x.shape} {x.dtype}"


def _short(text: str, length: int = 36) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."


# --- SVG ----------------------------------------------------------------------------------------------------


def _svg(drawing: Drawing) -> str:
    layout = drawing.layout
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    arrivals = _arrivals(layout)
    lines = [_edge(path, arrivals[id(path[-1])]) for path in layout.paths]
    texts = [_label(path[1], label) for path, label in zip(layout.paths, drawing.labels, strict=True) if label]
    boxes = [_box(item, box) for item, box in zip(layout.boxes, drawing.boxes, strict=True)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="{-_MARGIN} {-_MARGIN} {width:.1f} {height:.1f}" font-size="{_FONT}" text-anchor="middle" '
            "font-family=\"'DejaVu Sans Mono', Menlo, Consolas, monospace\">",
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#666"/></marker></defs>',
            f'<rect x="{-_MARGIN}" y="{-_MARGIN}" width="100%" height="100%" fill="white"/>',
            *lines,
            *texts,
            *boxes,
            "</svg>\n",
        ]
    )


def _arrivals(layout: Layout) -> dict[int, dict[int, float]]:
    """Where the edges enter each box: spread over its upper side, in the order in which they come."""
    entering: dict[int, list[Item]] = {}
    for path in layout.paths:
        entering.setdefault(id(path[-1]), []).append(path[-2])
    places: dict[int, dict[int, float]] = {}
    for path in layout.paths:
        box, before = path[-1], sorted(entering[id(path[-1])], key=lambda item: item.x)
        step = 0.6 * box.width / len(before)
        places[id(box)] = {id(item): box.x + (i - (len(before) - 1) / 2) * step for i, item in enumerate(before)}
    return places


def _edge(path: list[Item], arrivals: dict[int, float]) -> str:
    """A line through the items of a path: curves between the rows, straight within them."""
    x, y = path[0].x, path[0].y + path[0].height / 2
    parts = [f"M{x:.1f},{y:.1f}"]
    for before, item in itertools.pairwise(path):
        end_x = arrivals[id(before)] if item is path[-1] else item.x
        top, bottom = item.y - item.height / 2, item.y + item.height / 2
        middle = (y + top) / 2
        parts.append(f"C{x:.1f},{middle:.1f} {end_x:.1f},{middle:.1f} {end_x:.1f},{top:.1f}")
        if item is not path[-1]:
            parts.append(f"V{bottom:.1f}")
        x, y = end_x, bottom
    return f'<path d="{" ".join(parts)}" fill="none" stroke="#666" marker-end="url(#arrow)"/>'


def _label(item: Item, text: str) -> str:
    left, top = item.x - item.width / 2, item.y - item.height / 2
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{item.width:.1f}" height="{item.height:.1f}" fill="white"/>'
        + _text(item.x, item.y, text, "#444")
    )


def _box(item: Item, box: Box) -> str:
    fill, border = _COLOURS[box.kind]
    left, top = item.x - item.width / 2, item.y - item.height / 2
    corner = 8 if box.kind == "call" else 0
    parts = [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{item.width:.1f}" height="{item.height:.1f}" rx="{corner}" '
        f'fill="{fill}" stroke="{border}"/>'
    ]
    for i, line in enumerate((box.title, *box.lines)):
        parts.append(_text(item.x, top + 4 + _LINE * (i + 0.5), line, "#000" if i == 0 else "#555", bold=i == 0))
    return "".join(parts)


def _text(x: float, y: float, text: str, colour: str, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y + 4:.1f}" fill="{colour}"{weight}>{escape(text)}</text>'
