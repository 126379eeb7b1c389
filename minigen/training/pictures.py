"""What a system has to show, as one picture: samples side by side, restored images, points in the plane.

The loop draws one every so many steps, ``minigen sample`` on demand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import minigen
from minigen import Tensor, plot
from minigen.data.transforms import CenterCrop
from minigen.models.system import System

BATCH = 256  # samples drawn at once


def wanted_classes(system: System, n: int, label: int | None = None) -> Tensor:
    """Return the classes (n,) to ask a conditional system for: one after the other, or ``label`` alone."""
    return minigen.arange(n) % system.classes if label is None else minigen.full((n,), label).long()


def draw_samples(system: System, n: int, noise: Tensor | None = None, *, label: int | None = None) -> Tensor:
    """Draw n samples (n, ...), some at a time.

    Parameters
    ----------
    system : System
        One that ``generates``.
    n : int
        How many.
    noise : Tensor (n, ...), optional
        What to draw them from; else it comes from the global random source.
    label : int, optional
        The class that a ``conditional`` system shall draw; by default all in turn.
    """
    classes = wanted_classes(system, n, label)
    parts = []
    for start in range(0, n, BATCH):
        part = slice(start, min(start + BATCH, n))
        labels = {"labels": classes[part].to(system.device)} if system.conditional else {}
        parts.append(system.sample(part.stop - part.start, None if noise is None else noise[part], **labels))
    return minigen.cat(parts)


def first_samples(samples: Any, n: int) -> Tensor:
    """Return the first n samples (n, ...) of a data set, without their labels.

    Of pictures that differ in size, a middle that all of them have is cut out.
    """
    first = [samples[i][0] for i in range(min(n, len(samples)))]
    if len({sample.shape for sample in first}) > 1:
        height, width = (min(sample.shape[axis] for sample in first) for axis in (1, 2))
        first = [CenterCrop((height, width))(sample) for sample in first]
    return minigen.stack(first)


def save_samples(
    system: System, samples: Tensor, path: Path | str, *, nrow: int | None = None, real: Any = None
) -> None:
    """Save what a system has drawn.

    Parameters
    ----------
    system : System
        Whose samples they are.
    samples : Tensor
        Images (N, C, H, W) in the system's range, or points (N, 2).
    path : path or str
        The picture to write.
    nrow : int, optional
        Images in a row; by default 8, or of a conditional system one of each class.
    real : Tensor (M, 2), optional
        Points to be shown behind those drawn.
    """
    if len(system.shape) == 1:
        plot.plot_points(samples, path, real=real)
    else:
        nrow = nrow or (system.classes if system.conditional else 8)
        plot.save_image(samples, path, nrow=nrow, normalize=True, value_range=system.value_range)


def save_restored(system: System, images: Tensor, path: Path | str) -> list[str]:
    """Save what a system makes of images (N, C, H, W): each in all its kinds, side by side; return the kinds' names."""
    kinds = system.restore(images.to(system.device))
    together = minigen.stack(list(kinds.values()), dim=1).flatten(0, 1)  # K times (N, C, H, W) -> (N*K, C, H, W)
    nrow = len(kinds) * max(1, 9 // len(kinds))
    plot.save_image(together, path, nrow=nrow, normalize=True, value_range=system.value_range)
    return list(kinds)
