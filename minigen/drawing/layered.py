"""A layered layout for graphs without cycles: boxes in rows, every edge downwards, nothing on top of anything else.

The method is that of Sugiyama, Tagawa and Toda (1981), in four steps: give every box a row; cut long edges into pieces
from row to row; order the rows so that few edges cross; move the boxes sideways towards their neighbours.  Labels of
edges are items of rows of their own between the rows of boxes, so they take part in all that.

Plain numbers in, plain numbers out: this file knows neither tensors nor SVG, nor what the boxes mean.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

ROW_GAP = 16.0  # between two rows, where edges run aslant
BOX_GAP = 18.0  # between two neighbours in a row

Size = tuple[float, float]


@dataclass(eq=False)
class Item:
    """Something that takes a place in a row: a box, the label of an edge, or a point where an edge passes."""

    width: float
    height: float
    row: int
    x: float = 0.0  # of its centre
    y: float = 0.0
    above: list[Item] = field(default_factory=list, repr=False)
    below: list[Item] = field(default_factory=list, repr=False)
    weight: float = 1.0  # how much it resists being moved aside, and draws its neighbours

    def overlaps(self, other: Item) -> bool:
        """Tell whether two items have more than an edge in common."""
        across = abs(self.x - other.x) * 2 < self.width + other.width - 1e-9
        return across and abs(self.y - other.y) * 2 < self.height + other.height - 1e-9


@dataclass
class Layout:
    """Where everything is.

    Attributes
    ----------
    boxes : list of Item
        In the order in which they were given.
    paths : list of list of Item
        For each edge the items that it runs through, from box to box; the second one carries its label.
    width, height : float
        Of the whole.
    """

    boxes: list[Item]
    paths: list[list[Item]]
    width: float
    height: float

    @property
    def items(self) -> list[Item]:
        """All boxes, labels and points of passage."""
        return self.boxes + [item for path in self.paths for item in path[1:-1]]


def lay_out(boxes: Sequence[Size], edges: Sequence[tuple[int, int]], labels: Sequence[Size]) -> Layout:
    """Find a place for every box and every label.

    Parameters
    ----------
    boxes : sequence of (width, height)
        An edge may only lead from one to a later one.
    edges : sequence of (int, int)
        From box to box, by index.
    labels : sequence of (width, height)
        One for each edge; (0, 0) where there is none.
    """
    items = [Item(width, height, 2 * row) for (width, height), row in zip(boxes, _rows(len(boxes), edges), strict=True)]
    paths = [_path(items[a], items[b], label) for (a, b), label in zip(edges, labels, strict=True)]
    _weigh(items, paths)
    rows: list[list[Item]] = [[] for _ in range(1 + max((item.row for item in items), default=0))]
    for item in _from_below(items):
        rows[item.row].append(item)
    _untangle(rows)
    _spread(rows)
    width, height = _settle(rows)
    return Layout(items, paths, width, height)


def _rows(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """As far down as possible: just above the highest box that an edge leads to."""
    distance = [0] * count  # from the bottom
    for a, b in sorted(edges, reverse=True):  # by their beginnings, the last first
        distance[a] = max(distance[a], distance[b] + 1)
    return [max(distance, default=0) - d for d in distance]


def _path(start: Item, end: Item, label: Size) -> list[Item]:
    """Cut an edge into pieces, with the label in the first row below its beginning."""
    path = [start]
    for row in range(start.row + 1, end.row):
        width, height = label if row == start.row + 1 else (0.0, 0.0)
        path.append(Item(width, height, row))
    path.append(end)
    for upper, lower in itertools.pairwise(path):
        upper.below.append(lower)
        lower.above.append(upper)
    return path


def _weigh(boxes: list[Item], paths: list[list[Item]]) -> None:
    """Long edges should be straight, and what only feeds into something stands aside for what leads on."""
    for path in paths:
        for item in path[1:-1]:
            item.weight = 4.0 if path[0].above else 0.1
    for box in boxes:
        if not box.above:
            box.weight = 0.05


def _from_below(items: list[Item]) -> list[Item]:
    """All items in the order in which a walk upwards meets them: neighbours in it belong together."""
    found: list[Item] = []
    seen: set[int] = set()
    stack = [item for item in items if not item.below]
    while stack:
        item = stack.pop()
        if id(item) not in seen:
            seen.add(id(item))
            found.append(item)
            stack.extend(reversed(item.above))
    return found


def _untangle(rows: list[list[Item]], sweeps: int = 12) -> None:
    """Order each row by the mean place of its items' neighbours, down and up in turn; keep the best order seen."""
    best, order = _crossings(rows), [list(row) for row in rows]
    for sweep in range(sweeps):
        if best == 0:
            break
        down = sweep % 2 == 0
        for row in rows[1:] if down else rows[-2::-1]:
            _order_by_neighbours(row, rows, down)
        count = _crossings(rows)
        if count < best:
            best, order = count, [list(row) for row in rows]
    for row, kept in zip(rows, order, strict=True):
        row[:] = kept


def _order_by_neighbours(row: list[Item], rows: list[list[Item]], down: bool) -> None:
    place = {id(item): float(i) for item_row in _beside(row, rows, down) for i, item in enumerate(item_row)}
    key = {}
    for i, item in enumerate(row):
        neighbours = [place[id(other)] for other in (item.above if down else item.below)]
        key[id(item)] = sum(neighbours) / len(neighbours) if neighbours else float(i)
    row.sort(key=lambda item: key[id(item)])


def _beside(row: list[Item], rows: list[list[Item]], down: bool) -> list[list[Item]]:
    return [rows[row[0].row + (-1 if down else 1)]] if row else []


def _crossings(rows: list[list[Item]]) -> int:
    """How many pairs of edges cross: inversions between the order above and the order below."""
    total = 0
    for upper, lower in itertools.pairwise(rows):
        place = {id(item): i for i, item in enumerate(lower)}
        ends = [end for item in upper for end in sorted(place[id(other)] for other in item.below)]
        passed: list[int] = []
        for end in ends:
            total += len(passed) - bisect.bisect_right(passed, end)
            bisect.insort(passed, end)
    return total


def _spread(rows: list[list[Item]], sweeps: int = 24) -> None:
    """Move the items of a row towards their neighbours above and below, keeping order and distances."""
    for row in rows:
        _place(row, [0.0] * len(row))
    for sweep in range(sweeps):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wishes = []
            for item in row:
                near = item.above if sweep % 2 == 0 else item.below
                if sweep >= sweeps // 2 or not near:
                    near = item.above + item.below
                total = sum(other.weight for other in near)
                wishes.append(sum(other.x * other.weight for other in near) / total if near else item.x)
            _place(row, wishes)


def _place(row: list[Item], wishes: list[float]) -> None:
    """The places nearest to the wishes (least squares) at which nothing overlaps.

    With the widths taken off, "in order and far enough apart" becomes "not decreasing", and the nearest sequence that
    does not decrease is found by joining neighbours that are out of order into blocks at their mean (isotonic
    regression).
    """
    offsets, offset = [], 0.0
    for i, item in enumerate(row):
        if i:
            offset += (row[i - 1].width + item.width) / 2 + BOX_GAP
        offsets.append(offset)
    blocks: list[list[float]] = []  # sum of weight * wish, sum of weights, number of items
    for item, wish, offset in zip(row, wishes, offsets, strict=True):
        blocks.append([item.weight * (wish - offset), item.weight, 1])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] > blocks[-1][0] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    means = [total / weight for total, weight, count in blocks for _ in range(int(count))]
    for item, mean, offset in zip(row, means, offsets, strict=True):
        item.x = mean + offset


def _settle(rows: list[list[Item]]) -> Size:
    """Give the rows their heights, and move everything so that it begins at 0."""
    left = min((item.x - item.width / 2 for row in rows for item in row), default=0.0)
    top = 0.0
    for row in rows:
        height = max((item.height for item in row), default=0.0)
        for item in row:
            item.x, item.y = item.x - left, top + height / 2
        top += height + ROW_GAP
    return max((item.x + item.width / 2 for row in rows for item in row), default=0.0), max(top - ROW_GAP, 0.0)
