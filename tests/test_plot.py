"""Pictures: torchvision's grid and bytes, animations, curves, and files written whole or not at all."""

import io
import json

import numpy as np
import pytest
from PIL import Image

import minigen
from minigen import plot
from minigen.data import WriteError


def read(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def images(*shape, seed=0, low=-1.0, high=2.0):
    return minigen.from_numpy(np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32))


# --- make_grid ---


def test_grid_by_hand():
    grid = plot.make_grid(minigen.ones(3, 1, 1, 2) * minigen.tensor([1.0, 2, 3]).view(3, 1, 1, 1), 2, 1, pad_value=9)
    expected = [
        [9, 9, 9, 9, 9, 9, 9],
        [9, 1, 1, 9, 2, 2, 9],
        [9, 9, 9, 9, 9, 9, 9],
        [9, 3, 3, 9, 9, 9, 9],
        [9, 9, 9, 9, 9, 9, 9],
    ]
    assert grid.tolist() == [expected] * 3


@pytest.mark.parametrize(
    ("shape", "options", "expected"),
    [
        ((10, 1, 28, 28), {}, (3, 2 * 30 + 2, 8 * 30 + 2)),
        ((10, 3, 4, 5), {"nrow": 3, "padding": 0}, (3, 16, 15)),
        ((2, 3, 4, 5), {"nrow": 8}, (3, 8, 16)),
        ((4, 4, 4, 5), {"nrow": 2}, (4, 14, 16)),
        ((1, 3, 4, 5), {}, (3, 4, 5)),  # one image has no border
        ((1, 1, 4, 5), {}, (3, 4, 5)),
        ((3, 4, 5), {}, (3, 4, 5)),
        ((1, 4, 5), {}, (3, 4, 5)),
        ((4, 5), {}, (3, 4, 5)),
        ((2, 4, 5), {}, (2, 4, 5)),
    ],
)
def test_grid_shapes(shape, options, expected):
    x = images(*shape)
    grid = plot.make_grid(x, **options)
    assert grid.shape == expected
    assert grid.dtype == minigen.float32
    if len(shape) < 4:
        assert (grid.numpy() == np.broadcast_to(x.numpy(), grid.shape)).all()


def test_grid_normalizes_as_documented():
    x = images(4, 3, 2, 2)
    array = x.numpy()
    before = array.copy()

    def inside(grid, i):
        return grid.numpy()[:, 2:4, 2 + 4 * i : 4 + 4 * i]

    whole = plot.make_grid(x, normalize=True)
    ranged = plot.make_grid(x, normalize=True, value_range=(0, 0.5))
    each = plot.make_grid(x, normalize=True, scale_each=True)
    for i in range(4):
        np.testing.assert_allclose(inside(whole, i), (array[i] - array.min()) / np.ptp(array), atol=1e-6)
        np.testing.assert_allclose(inside(ranged, i), array[i].clip(0, 0.5) / 0.5, atol=1e-6)
        np.testing.assert_allclose(inside(each, i), (array[i] - array[i].min()) / np.ptp(array[i]), atol=1e-6)
    assert (array == before).all()
    assert plot.make_grid(minigen.ones(2, 1, 2, 2), normalize=True).numpy().max() == 0  # constant: no division by 0


def test_grid_of_a_list_and_of_a_tensor_with_a_graph():
    x = images(3, 3, 4, 4)
    assert (plot.make_grid([x[0], x[1], x[2]]).numpy() == plot.make_grid(x).numpy()).all()
    x.requires_grad_()
    assert not plot.make_grid(x * 2).requires_grad


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda: plot.make_grid(np.zeros((2, 3, 4, 4))), TypeError, "not ndarray"),
        (lambda: plot.make_grid([]), TypeError, "non-empty"),
        (lambda: plot.make_grid([images(3, 4, 4), images(3, 4, 5)]), ValueError, "differ in shape"),
        (lambda: plot.make_grid(images(0, 3, 4, 4)), ValueError, "not empty"),
        (lambda: plot.make_grid(images(1, 2, 3, 4, 4)), ValueError, r"not \(1, 2, 3, 4, 4\)"),
        (lambda: plot.make_grid(images(2, 3, 4, 4), nrow=0), ValueError, "nrow is 0"),
        (lambda: plot.make_grid(images(2, 3, 4, 4), normalize=True, value_range=1), TypeError, "pair"),
        (lambda: plot.make_grid(images(2, 3, 4, 4).long(), normalize=True), TypeError, "float"),
    ],
)
def test_grid_errors_teach(act, error, words):
    with pytest.raises(error, match=words):
        act()


# --- save_image ---


def test_saved_bytes_are_rounded_and_clipped(tmp_path):
    values = [-1.0, 0.0, 0.5 / 255, 0.49 / 255, 1 - 0.51 / 255, 1.0, 3.0]
    plot.save_image(minigen.tensor([values]), tmp_path / "sub" / "x.png")
    pixels = read(tmp_path / "sub" / "x.png")
    assert pixels.shape == (1, 7, 3)
    assert pixels[0, :, 0].tolist() == [0, 0, 1, 0, 254, 255, 255]


def test_saving_a_batch_saves_its_grid(tmp_path):
    x = images(5, 3, 4, 4, low=0, high=1)
    plot.save_image(x, tmp_path / "x.png", nrow=2, pad_value=1)
    expected = (plot.make_grid(x, nrow=2, pad_value=1).numpy() * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)
    assert (read(tmp_path / "x.png") == expected).all()
    buffer = io.BytesIO()
    plot.save_image(x, buffer, format="png", nrow=2, pad_value=1)
    assert buffer.getvalue() == (tmp_path / "x.png").read_bytes()
    plot.save_image(x, str(tmp_path / "x.jpg"))
    assert (tmp_path / "x.jpg").read_bytes().startswith(b"\xff\xd8")  # a JPEG


@pytest.mark.parametrize(
    ("tensor", "name", "error", "words"),
    [
        (minigen.full((3, 4, 4), float("nan")), "x.png", ValueError, "48 of 48 values are NaN"),
        (minigen.zeros(2, 4, 4), "x.png", ValueError, "1, 3 or 4 channels"),
        (minigen.full((3, 4, 4), 200), "x.png", TypeError, "divide bytes by 255"),
        (minigen.zeros(3, 4, 4), "x.xyz", ValueError, "names no format"),
        (minigen.zeros(3, 4, 4), "x", ValueError, "names no format"),
    ],
)
def test_save_image_errors_teach(tmp_path, tensor, name, error, words):
    with pytest.raises(error, match=words):
        plot.save_image(tensor, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_full_disk_leaves_the_old_picture(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    plot.save_image(minigen.zeros(3, 4, 4), path)
    old = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    for write in (
        lambda: plot.save_image(minigen.ones(3, 4, 4), path),
        lambda: plot.save_gif([minigen.ones(3, 4, 4)], path),
        lambda: plot.plot_curves({"loss": [1, 2]}, path),
    ):
        with pytest.raises(WriteError, match=r"x\.png: No space left on device; nothing half-written"):
            write()
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


# --- animations ---


def test_gif_holds_every_frame_in_a_loop(tmp_path):
    frames = [minigen.full((3, 8, 8), i / 4) for i in range(5)]
    for i, frame in enumerate(frames):
        plot.save_image(frame, tmp_path / f"{i}.png")
    paths = sorted(tmp_path.glob("*.png"))
    for name, given in (("tensors.gif", frames), ("paths.gif", paths)):
        plot.save_gif(given, tmp_path / name, duration=100, hold=700)
        with Image.open(tmp_path / name) as gif:
            assert (gif.n_frames, gif.info["loop"], gif.info["duration"]) == (5, 0, 100)
            gif.seek(4)
            assert gif.info["duration"] == 700
            assert gif.convert("RGB").getpixel((3, 3)) == (255, 255, 255)


def test_gif_errors_teach(tmp_path):
    with pytest.raises(ValueError, match="no frame"):
        plot.save_gif([], tmp_path / "x.gif")
    with pytest.raises(ValueError, match=r"frame 1 is \(5, 4\).*frame 0 \(4, 4\)"):
        plot.save_gif([minigen.zeros(3, 4, 4), minigen.zeros(3, 4, 5)], tmp_path / "x.gif")
    with pytest.raises(TypeError, match="int"):
        plot.save_gif([3], tmp_path / "x.gif")


# --- curves ---

RECORDS = [
    {"step": i, "seconds": i / 7, "loss_d": 1 / i, "loss_g": float("inf") if i == 5 else i / 20, "note": "x"}
    for i in range(1, 21)
]


@pytest.fixture
def drawn(monkeypatch):
    """The lines of the last figure: name -> (steps, values) of its faint line."""
    from matplotlib.axes import Axes

    lines = []
    original = Axes.plot

    def watched(self, x, y, **options):
        lines.append((options.get("label"), list(x), list(y)))
        return original(self, x, y, **options)

    monkeypatch.setattr(Axes, "plot", watched)
    return lines


def test_curves_from_a_file_records_or_a_dict(tmp_path, drawn):
    lines = [json.dumps(record) for record in RECORDS]
    (tmp_path / "log.jsonl").write_text("\n".join(lines) + '\n{"step": 21, "loss_d": 0.')  # killed while writing
    table = {key: [record[key] for record in RECORDS] for key in ("step", "loss_d", "loss_g")}
    found = []
    for i, log in enumerate([tmp_path / "log.jsonl", RECORDS, table]):
        drawn.clear()
        plot.plot_curves(log, tmp_path / f"{i}.png")
        found.append(list(drawn))
        assert read(tmp_path / f"{i}.png").shape[:2] == (480, 840)
    assert found[0] == found[1] == found[2]
    (_, steps, values), (name, _, _), (_, steps_g, _), (name_g, _, _) = found[0]
    assert (name, name_g) == ("loss_d", "loss_g")
    assert steps == list(range(1, 21))
    assert values == [1 / i for i in steps]
    assert steps_g == [i for i in steps if i != 5]  # what is not finite is left out


def test_curves_chosen_by_name_and_without_steps(tmp_path, drawn):
    plot.plot_curves({"accuracy": [0.1, 0.5]}, tmp_path / "x.svg")
    assert [line[0] for line in drawn] == [None, "accuracy"]
    assert drawn[0][1:] == ([0, 1], [0.1, 0.5])
    drawn.clear()
    plot.plot_curves(RECORDS, tmp_path / "x.png", keys=["loss_g"])
    assert [line[0] for line in drawn] == [None, "loss_g"]
    assert (tmp_path / "x.svg").read_text().startswith("<?xml")


def test_running_mean_keeps_constants_and_smooths():
    assert plot._running_mean(np.full(100, 3.0)) == pytest.approx(3)
    noise = np.random.default_rng(0).standard_normal(400)
    assert plot._running_mean(noise).std() < noise.std() / 3
    assert plot._running_mean(np.array([1.0, 2.0])).tolist() == [1, 2]


def test_curves_errors_teach(tmp_path):
    with pytest.raises(ValueError, match=r"no curve .* in the log; it holds"):
        plot.plot_curves([], tmp_path / "x.png")
    with pytest.raises(ValueError, match=r"no curve \['fid'\].*loss_d"):
        plot.plot_curves(RECORDS, tmp_path / "x.png", keys=["fid"])
    (tmp_path / "log.jsonl").write_text('{"step": 1}\nrubbish\n{"step": 2}\n')
    with pytest.raises(ValueError, match=r"line 2 of .*log\.jsonl.*rubbish"):
        plot.plot_curves(tmp_path / "log.jsonl", tmp_path / "x.png")


def test_curves_leave_matplotlib_as_it_was(tmp_path):
    import matplotlib.pyplot as plt

    figures = plt.get_fignums()
    plot.plot_curves(RECORDS, tmp_path / "x.png")
    assert plt.get_fignums() == figures


# --- filters ---


def test_filters_are_scaled_one_by_one():
    colour = plot.filter_grid(images(4, 3, 5, 5), nrow=2, padding=1)
    assert colour.shape == (3, 13, 13)
    grey = plot.filter_grid(images(4, 2, 5, 5) * minigen.arange(1, 5).view(4, 1, 1, 1), nrow=8, padding=1)
    assert grey.shape == (3, 7, 49)
    for i in range(8):
        kernel = grey.numpy()[0, 1:6, 1 + 6 * i : 6 + 6 * i]
        assert kernel.min() == 0
        assert kernel.max() == pytest.approx(1)
    with pytest.raises(ValueError, match="O, C, KH, KW"):
        plot.filter_grid(images(4, 5, 5))
