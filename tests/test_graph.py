"""plot.graph: what is drawn, where it is put (nothing on top of anything else), and the SVG that comes of it."""

import itertools
import random
import xml.etree.ElementTree as ET

import pytest

import minigen
from minigen import Function, nn, plot
from minigen.drawing.layered import BOX_GAP, ROW_GAP, Item, _crossings, _untangle, lay_out
from minigen.models.dcgan import Discriminator, Options

SVG = "{http://www.w3.org/2000/svg}"


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return (x + self.second(self.norm(self.first(x)).relu())).relu()


def draw_mlp():
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    return plot.graph(((net(minigen.ones(5, 4)) - 1.5) ** 2).mean(), model=net)


def draw_discriminator():
    net = Discriminator((3, 64, 64), Options())
    return plot.graph(net(minigen.ones(2, 3, 64, 64)).mean(), net)


def draw_residual():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), Residual(8), Residual(8), nn.Flatten(), nn.Linear(8 * 36, 10))
    return plot.graph(net(minigen.ones(4, 3, 8, 8)), net)


def draw_second_order():
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    x = minigen.ones(5, 4, requires_grad=True)
    (slope,) = minigen.grad(net(x).sum(), x, create_graph=True)
    return plot.graph((((slope * slope).sum(dim=1)).sqrt() - 1).mean(), net)


def draw_fan():
    x = minigen.ones(3, requires_grad=True)
    y = x.exp()
    return plot.graph(sum((y * float(i)).tanh() for i in range(2, 9)) * y * y)


DRAWINGS = pytest.mark.parametrize(
    "draw", [draw_mlp, draw_discriminator, draw_residual, draw_second_order, draw_fan], ids=lambda f: f.__name__[5:]
)


class TestContent:
    def test_boxes_edges_and_shapes(self):
        w = minigen.ones(3, requires_grad=True)
        x = minigen.ones(2, 3)
        drawing = plot.graph((x * w).sum(dim=1), {"weight": w})
        assert [(box.kind, box.title, box.lines) for box in drawing.boxes] == [
            ("constant", "tensor", ("(2, 3)",)),
            ("parameter", "weight", ("(3,)",)),
            ("call", "Mul", ()),
            ("call", "Sum", ("dim=(1,), keepdim=False",)),
            ("output", "output", ()),
        ]
        assert drawing.edges == [(0, 2), (1, 2), (2, 3), (3, 4)]
        assert drawing.labels == ["", "", "(2, 3)", "(2,)"]

    def test_the_dtype_is_told_where_it_is_not_the_usual_one(self):
        x = minigen.ones(2, dtype=minigen.float64, requires_grad=True)
        drawing = plot.graph(x.exp())
        assert drawing.boxes[0].lines == ("(2,) float64",) and drawing.labels[-1] == "(2,) float64"
        assert drawing.boxes[0].kind == "leaf"

    def test_options_and_numbers_stand_in_the_box(self):
        conv = nn.Conv2d(2, 4, 3, stride=2, padding=1)
        text = " ".join(plot.graph(conv(minigen.ones(1, 2, 8, 8)) * 2.5).boxes[3].lines)
        assert "size=(4,4)" in text and "stride=(2,2)" in text and "groups=1" in text
        titles = [(box.title, box.lines) for box in plot.graph(minigen.ones(2, requires_grad=True) * 2.5).boxes]
        assert ("Mul", ("input 1 = 2.5",)) in titles and len(titles) == 3

    def test_parameters_are_named(self):
        titles = [box.title for box in draw_mlp().boxes if box.kind == "parameter"]
        assert titles == ["0.weight", "0.bias", "2.weight", "2.bias"]
        net = nn.Linear(2, 2)
        assert plot.graph(net(minigen.ones(1, 2))).boxes[1].title == "Linear.weight", "without names: its own"

    def test_a_tensor_used_twice_fans_out(self):
        x = minigen.ones(3, requires_grad=True)
        y = x.exp()
        drawing = plot.graph(y * y + x)
        at = {box.title: i for i, box in enumerate(drawing.boxes)}
        assert drawing.edges.count((at["Exp"], at["Mul"])) == 2
        assert {end for start, end in drawing.edges if start == at["tensor"]} == {at["Exp"], at["Add"]}

    def test_several_outputs(self):
        x = minigen.ones(3, requires_grad=True)
        drawing = plot.graph([x.exp(), x.tanh()])
        assert [box.title for box in drawing.boxes if box.kind == "output"] == ["output 0", "output 1"]

    def test_the_same_graph_gives_the_same_picture(self):
        assert draw_residual().svg == draw_residual().svg

    def test_drawing_changes_nothing(self):
        x = minigen.ones(3, requires_grad=True)
        y = x.exp().sum()
        plot.graph(y)
        y.backward()
        assert x.grad is not None

    def test_long_graphs(self):
        x = minigen.ones(2, requires_grad=True)
        y = x
        for _ in range(3000):
            y = y + 1.0
        drawing = plot.graph(y)
        assert len(drawing.boxes) == 3002 and drawing.layout.width < 200


class TestPlaces:
    @DRAWINGS
    def test_nothing_overlaps(self, draw):
        items = [item for item in draw().layout.items if item.width]
        assert [pair for pair in itertools.combinations(items, 2) if pair[0].overlaps(pair[1])] == []

    @DRAWINGS
    def test_no_edge_runs_through_a_box(self, draw):
        """Within a row an edge is a vertical line at its point of passage."""
        layout = draw().layout
        for path in layout.paths:
            for item, other in itertools.product(path[1:-1], layout.boxes):
                assert item.row != other.row or abs(item.x - other.x) > other.width / 2

    @DRAWINGS
    def test_edges_lead_down_and_all_is_inside(self, draw):
        drawing = draw()
        layout = drawing.layout
        for path in layout.paths:
            assert all(a.y < b.y and a.row + 1 == b.row for a, b in itertools.pairwise(path))
        for item in layout.items:
            assert item.width / 2 - 1e-6 <= item.x <= layout.width - item.width / 2 + 1e-6
            assert item.height / 2 - 1e-6 <= item.y <= layout.height - item.height / 2 + 1e-6

    @DRAWINGS
    def test_labels_stand_on_their_edges_and_text_fits_its_box(self, draw):
        drawing = draw()
        for path, label in zip(drawing.layout.paths, drawing.labels, strict=True):
            assert bool(label) == (path[1].width > 0)
        for item, box in zip(drawing.layout.boxes, drawing.boxes, strict=True):
            assert (item.width, item.height) == box.size
            assert item.width >= 6.62 * max(map(len, (box.title, *box.lines))), "0.602 em of 11 pixels a letter"

    @pytest.mark.parametrize("seed", range(20))
    def test_random_graphs(self, seed):
        chance = random.Random(seed)
        count = chance.randint(1, 40)
        edges = [(chance.randrange(b), b) for b in range(1, count) for _ in range(chance.randint(0, 3))]
        boxes = [(chance.uniform(20, 200), chance.uniform(10, 60)) for _ in range(count)]
        labels = [(chance.choice([0.0, 60.0]), 12.0) for _ in edges]
        layout = lay_out(boxes, edges, labels)
        items = [item for item in layout.items if item.width]
        assert not any(a.overlaps(b) for a, b in itertools.combinations(items, 2))
        for a, b in itertools.combinations(layout.items, 2):
            if a.row == b.row:
                assert abs(a.x - b.x) >= (a.width + b.width) / 2 + BOX_GAP - 1e-6
            elif a.row + 1 == b.row:
                assert b.y - b.height / 2 >= a.y + a.height / 2 + ROW_GAP - 1e-6

    def test_a_chain_is_a_straight_line_and_a_simple_crossing_is_undone(self):
        chain = lay_out([(50, 20), (80, 20), (30, 20)], [(0, 1), (1, 2)], [(0, 0), (40, 10)])
        assert [round(item.x, 3) for item in chain.boxes] == [40, 40, 40]
        crossed = lay_out([(20, 20)] * 4, [(0, 3), (1, 2)], [(0, 0)] * 2)
        a, b, c, d = (item.x for item in crossed.boxes)
        assert (a - b) * (d - c) > 0

    def test_crossings_are_counted_and_never_become_more(self):
        fewer = 0
        for seed in range(40):
            chance = random.Random(seed)
            rows = [[Item(10, 10, row) for _ in range(7)] for row in range(4)]
            for upper, lower in itertools.pairwise(rows):
                for a, b in itertools.product(upper, lower):
                    if chance.random() < 0.3:
                        a.below.append(b)
                        b.above.append(a)
            before = _crossings(rows)
            assert before == sum(map(self.crossings_of_two_rows, rows, rows[1:]))
            counts = [before]
            for sweeps in range(1, 6):
                tried = [list(row) for row in rows]
                _untangle(tried, sweeps)
                counts.append(_crossings(tried))
            assert counts == sorted(counts, reverse=True), "a further sweep is only kept where it helps"
            fewer += counts[-1] < before
        assert fewer > 30

    @staticmethod
    def crossings_of_two_rows(upper, lower):
        ends = [(i, lower.index(b)) for i, a in enumerate(upper) for b in a.below]
        return sum((i - k) * (j - m) < 0 for (i, j), (k, m) in itertools.combinations(ends, 2))

    def test_of_nothing(self):
        assert lay_out([], [], []).items == []


class TestSvg:
    @DRAWINGS
    def test_it_is_xml_and_says_all(self, draw):
        drawing = draw()
        root = ET.fromstring(drawing.svg)
        assert root.tag == f"{SVG}svg"
        texts = [text.text for text in root.iter(f"{SVG}text")]
        expected = [line for box in drawing.boxes for line in (box.title, *box.lines)] + [
            x for x in drawing.labels if x
        ]
        assert sorted(texts) == sorted(expected)
        assert len(list(root.iter(f"{SVG}path"))) == len(drawing.edges) + 1  # and the arrow's head
        assert drawing._repr_svg_() == drawing.svg

    def test_text_is_escaped(self):
        x = minigen.ones(1, 2, requires_grad=True)
        drawing = plot.graph(x.exp(), {"<w> & 'v' \"u\"": x})
        assert "<w> & 'v' \"u\"" in [text.text for text in ET.fromstring(drawing.svg).iter(f"{SVG}text")]

    def test_long_names_are_cut(self):
        x = minigen.ones(2, requires_grad=True)
        assert plot.graph(x.exp(), {"a" * 100: x}).boxes[0].title == "a" * 33 + "..."

        class Long(Function):
            def forward(self, x):
                return x * 1.0

        lines = plot.graph(Long.apply(x, **{f"option_{i}": i for i in range(30)})).boxes[1].lines
        assert len(lines) == 5 and lines[-1] == "..."

    def test_save(self, tmp_path):
        drawing = draw_mlp()
        path = tmp_path / "new" / "graph.svg"
        drawing.save(path)
        assert path.read_text(encoding="utf-8") == drawing.svg
        assert [p.name for p in path.parent.iterdir()] == ["graph.svg"]
        with pytest.raises(ValueError, match=r"must end in \.svg, not '.*graph\.png'"):
            drawing.save(tmp_path / "graph.png")

    def test_repr(self):
        assert repr(draw_mlp()).startswith("<Drawing of 13 boxes and 12 edges")


class TestMisuse:
    def test_what_is_no_tensor(self):
        with pytest.raises(TypeError, match=r"graph: a Tensor .* not Linear"):
            plot.graph(nn.Linear(2, 2))
        with pytest.raises(TypeError, match=r"graph: params must be an nn\.Module or a dict"):
            plot.graph(minigen.ones(2, requires_grad=True).exp(), [1])
        with pytest.raises(ValueError, match="no tensor"):
            plot.graph([])

    def test_nothing_recorded(self):
        for y in (minigen.ones(2), minigen.ones(2, requires_grad=True), minigen.ones(2, requires_grad=True).detach()):
            with pytest.raises(ValueError, match=r"graph: nothing was recorded .*\(2,\)"):
                plot.graph(y)

    def test_a_freed_graph(self):
        y = minigen.ones(2, requires_grad=True).exp().sum()
        y.backward()
        with pytest.raises(RuntimeError, match=r"freed by a backward pass.*retain_graph=True"):
            plot.graph(y)
