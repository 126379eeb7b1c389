"""Points in the plane: data so small that a whole distribution can be drawn and every mode counted.

A ring of 8 Gaussians, a grid of 25, two moons, a swiss roll, two circles.  For ring and grid the centres and
the width of the modes are known, so that a generator's coverage can be measured; the others are for the eye.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minigen.creation import from_numpy
from minigen.data.dataset import Dataset
from minigen.functional.arguments import check_integer
from minigen.tensor import Tensor

RING_RADIUS, RING_SIGMA = 2.0, 0.02  # Gulrajani et al. 2017, appendix and code ("8 Gaussians")
GRID_SPACING, GRID_SIGMA = 2.0, 0.05  # the same ("25 Gaussians")
SHAPE_SIGMA = 0.05  # of the moons and the circles

Points = tuple[np.ndarray, np.ndarray]  # float64 (n, 2) and int64 (n,)


def ring_centers() -> np.ndarray:
    """Return the 8 centres of the ring, (8, 2), of radius 2, the first at (2, 0)."""
    angle = 2 * np.pi * np.arange(8) / 8
    return RING_RADIUS * np.stack([np.cos(angle), np.sin(angle)], axis=1)  # (8, 2)


def grid_centers() -> np.ndarray:
    """Return the 25 centres of the grid, (25, 2), 2 apart, the middle one at (0, 0)."""
    line = GRID_SPACING * (np.arange(5) - 2)
    return np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(25, 2)  # (5, 5, 2) -> (25, 2)


def ring(n: int, draw: np.random.Generator) -> Points:
    """Draw points of 8 Gaussians on a circle of radius 2, sigma 0.02; the label is the mode."""
    return _mixture(n, draw, ring_centers(), RING_SIGMA)


def grid(n: int, draw: np.random.Generator) -> Points:
    """Draw points of 25 Gaussians on a grid of spacing 2, sigma 0.05; the label is the mode."""
    return _mixture(n, draw, grid_centers(), GRID_SIGMA)


def moons(n: int, draw: np.random.Generator) -> Points:
    """Draw points of two half circles of radius 1 that reach into each other, sigma 0.05."""
    labels, angle = draw.integers(2, size=n), np.pi * draw.random(n)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)  # (n, 2)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)  # (n, 2)
    return np.where(labels[:, None] == 0, upper, lower) + SHAPE_SIGMA * draw.standard_normal((n, 2)), labels


def swiss_roll(n: int, draw: np.random.Generator) -> Points:
    """Draw points of a spiral t -> (t cos t, t sin t) / 7.5, t from 1.5 pi to 4.5 pi, sigma 0.25 / 7.5."""
    t = 1.5 * np.pi * (1 + 2 * draw.random(n))
    spiral = np.stack([t * np.cos(t), t * np.sin(t)], axis=1)  # (n, 2)
    return (spiral + 0.25 * draw.standard_normal((n, 2))) / 7.5, np.zeros(n, np.int64)


def circles(n: int, draw: np.random.Generator) -> Points:
    """Draw points of two circles round the origin, of radius 1 and 0.5, sigma 0.05."""
    labels, angle = draw.integers(2, size=n), 2 * np.pi * draw.random(n)
    radius = np.where(labels == 0, 1.0, 0.5)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)  # (n, 2)
    return points + SHAPE_SIGMA * draw.standard_normal((n, 2)), labels


def _mixture(n: int, draw: np.random.Generator, centers: np.ndarray, sigma: float) -> Points:
    labels = draw.integers(len(centers), size=n)
    return centers[labels] + sigma * draw.standard_normal((n, 2)), labels


SHAPES: dict[str, Callable[[int, np.random.Generator], Points]] = {
    "ring-8": ring,
    "grid-25": grid,
    "moons": moons,
    "swiss-roll": swiss_roll,
    "circles": circles,
}


class Toy2D(Dataset):
    """Points drawn at random from a distribution in the plane; a sample is ``(point, label)``.

    Parameters
    ----------
    name : "ring-8", "grid-25", "moons", "swiss-roll" or "circles"
        The distribution.
    n : int
        Number of points.
    seed : int
        What they are drawn from.

    Attributes
    ----------
    data : float32 array (n, 2)
    targets : int64 array (n,)
        The mode, moon or circle that a point is of.
    classes : list of str
        Their numbers, as names.
    centers : float32 array (modes, 2) or None
        The centres of the modes; None where the shape has none.
    sigma : float or None
        The standard deviation of a mode in each direction.

    Examples
    --------
    >>> points = Toy2D("grid-25", n=1000)
    >>> points.data.shape, points.centers.shape, points.sigma
    ((1000, 2), (25, 2), 0.05)
    """

    def __init__(self, name: str, n: int = 10_000, seed: int = 0) -> None:
        if not isinstance(name, str) or name not in SHAPES:
            raise ValueError(f"Toy2D: there is no {name!r}; the distributions are: {', '.join(SHAPES)}")
        n = check_integer("Toy2D", "n", n)
        points, labels = SHAPES[name](n, np.random.default_rng(seed))
        self.name = name
        self.data = points.astype(np.float32)
        self.targets = labels
        self.classes = [str(label) for label in range(labels.max() + 1)]
        modes = {"ring-8": (ring_centers, RING_SIGMA), "grid-25": (grid_centers, GRID_SIGMA)}.get(name)
        self.centers = modes[0]().astype(np.float32) if modes else None
        self.sigma = modes[1] if modes else None

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return from_numpy(self.data[index]), int(self.targets[index])

    def get_batch(self, indices: np.ndarray) -> list[Tensor]:
        """Return points (N, 2) and labels (N,) of ``indices`` (N,)."""
        return [from_numpy(self.data[indices]), from_numpy(self.targets[indices])]
