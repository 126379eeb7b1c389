"""The drawings of the chapters that are not graphs or grids of images: curves and heat maps, as PNG.

Matplotlib draws them, in its object-oriented form, so that a reader's own figures are left alone.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigen.files import atomic_write

__all__ = ["Picture", "curves", "images"]

# Okabe and Ito's palette, which colour-blind eyes tell apart; lines differ in their strokes, too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
STROKES = ("-", "--", "-.", ":")


@dataclass(frozen=True)
class Picture:
    """A finished picture: notebooks show it, ``save`` writes it."""

    png: bytes

    def _repr_png_(self) -> bytes:  # what Jupyter asks for
        return self.png

    def __repr__(self) -> str:
        return f"<Picture of {len(self.png)} bytes; .save('picture.png') writes it>"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the PNG file, whole or not at all."""
        with atomic_write(path) as file:
            file.write(self.png)


def curves(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    x: str,
    y: str,
    log: str = "",
    title: str = "",
) -> Picture:
    """Draw curves, each with its name.

    Parameters
    ----------
    lines : dict of str to (xs, ys)
        Any number of curves.
    x, y : str
        What the axes show, and the unit.
    log : "", "x", "y" or "xy"
        Which axes are logarithmic.
    title : str, optional
        What the picture says, in one line.

    Examples
    --------
    >>> curves({"x squared": ([0, 1, 2], [0, 1, 4])}, x="x", y="y").png[1:4]
    b'PNG'
    """
    if not lines or any(len(xs) != len(ys) for xs, ys in lines.values()):
        raise ValueError("curves: each curve is a pair of as many x as y, and there must be one")
    figure, axes = _figure(6.4, 3.8)
    for number, (name, (xs, ys)) in enumerate(lines.items()):
        stroke = STROKES[number // len(COLOURS) % len(STROKES)] if len(lines) > len(COLOURS) else STROKES[number % 4]
        axes.plot(xs, ys, stroke, color=COLOURS[number % len(COLOURS)], label=name, linewidth=1.8)
    axes.set(xlabel=x, ylabel=y, title=title)
    for axis in log:
        getattr(axes, f"set_{axis}scale")("log")
    axes.grid(True, color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    if len(lines) > 1:
        axes.legend(frameon=False)
    return _finish(figure)


def images(arrays: Mapping[str, Any], columns: int = 4) -> Picture:
    """Draw matrices side by side as grey or signed pictures: blue is negative, red positive, white 0.

    Examples
    --------
    >>> images({"a ramp": np.arange(6).reshape(2, 3)}).png[1:4]
    b'PNG'
    """
    if not arrays:
        raise ValueError("images: there is nothing to draw")
    columns = min(columns, len(arrays))
    rows = -(-len(arrays) // columns)
    figure, _ = _figure(2.4 * columns, 2.5 * rows, empty=True)
    for number, (name, array) in enumerate(arrays.items()):
        values = np.asarray(array, dtype=float)
        if values.ndim != 2:
            raise ValueError(f"images: {name} must be a matrix (H, W), not {values.shape}")
        axes = figure.add_subplot(rows, columns, number + 1)
        signed = values.min(initial=0) < 0
        most = np.abs(values).max(initial=1e-12)
        axes.imshow(values, cmap="RdBu_r" if signed else "gray", vmin=-most if signed else 0, vmax=most)
        axes.set_title(name, fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([])
    return _finish(figure)


def _figure(width: float, height: float, empty: bool = False) -> tuple[Any, Any]:
    """Return a figure of so many inches, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    return figure, None if empty else figure.add_subplot()


def _finish(figure: Any) -> Picture:
    """Draw it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return Picture(buffer.getvalue())
