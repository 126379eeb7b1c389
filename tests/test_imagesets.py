"""Image sets in memory, the shapes, points in the plane, and finding a data set by its name."""

import time

import numpy as np
import pytest
from datafiles import TRAINING_FILES, save_picture, write_cifar, write_mnist
from PIL import Image

import minigen
from minigen import data
from minigen.data import CIFAR10, DataLoader, ImageSet, Shapes, Subset, Toy2D
from minigen.data import shapes as shapes_module
from minigen.data.transforms import Compose, Normalize, RandomCrop, Resize, ToTensor


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """Neither read nor write the user's cache."""
    monkeypatch.setenv("MINIGEN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def no_data(monkeypatch):
    monkeypatch.delenv("MINIGEN_DATA", raising=False)


@pytest.fixture
def small_cifar(monkeypatch):
    """Files of 4 images, of 3 in the part's test file."""
    counts = dict.fromkeys((*TRAINING_FILES, "test_batch.bin"), 4) | {"test_batch_first2000.bin": 3}
    monkeypatch.setattr(CIFAR10, "counts", counts)


# --- shapes ---


def test_shapes_are_seeded_and_their_parts_share_no_image():
    train, test, other = Shapes(2000), Shapes(2000, train=False), Shapes(2000, seed=1)
    assert train.data.shape == (2000, 32, 32, 3)
    assert train.image_shape == (3, 32, 32)
    assert (train.data == Shapes(2000).data).all()
    assert (Shapes(70).data == train.data[:70]).all()
    assert (Shapes(70).factors == train.factors[:70]).all()
    rows = [{tuple(row) for row in shapes.factors.tolist()} for shapes in (train, test, other)]
    assert [len(row) for row in rows] == [2000, 2000, 2000]
    assert not rows[0] & rows[1]
    assert not rows[1] & rows[2]
    assert rows[0] != rows[2]
    assert np.bincount(train.targets).min() > 400
    assert (train.targets == train.factors[:, 0]).all()


def test_every_value_of_every_factor_is_drawn_and_no_combination_is_in_both_parts():
    shapes = Shapes(1)
    assert shapes.factor_names == ("shape", "colour", "size", "rotation", "x", "y")
    assert shapes.factor_sizes == (4, 8, 5, 10, 13, 13)
    total = np.prod(shapes.factor_sizes)
    parts = [shapes_module.chosen(total, seed, train) for seed, train in ((5, True), (6, False))]
    assert sorted(np.concatenate(parts)) == list(range(total))
    for part in parts:
        factors = np.stack(np.unravel_index(part, shapes.factor_sizes), axis=1)
        for values, size in zip(factors.T, shapes.factor_sizes):
            counts = np.bincount(values, minlength=size)
            assert counts.min() > 0.9 * counts.mean()


@pytest.mark.parametrize("size", [28, 32, 64])
def test_a_shape_has_the_size_and_place_that_its_factors_name(size):
    """The sum of its pixels is its area, their centre of mass its place; they are whole within the image."""
    shapes = Shapes(400, size=size, color=False)
    ink = shapes.data / 255
    edge = shapes_module.SIZES[shapes.factors[:, 2]] * size
    np.testing.assert_allclose(ink.sum(axis=(1, 2)), edge**2, rtol=0.04)
    pixel = np.arange(size) + 0.5
    for axis, factor in ((1, 4), (2, 5)):
        centre = (ink.sum(axis=axis) * pixel).sum(axis=1) / ink.sum(axis=(1, 2))
        wanted = size * (0.5 + shapes_module.PLACES[shapes.factors[:, factor]])
        np.testing.assert_allclose(centre, wanted, atol=0.1)


def test_shapes_are_those_that_are_named():
    """Seen at 400 pixels, upright: the square fills its box, the ellipse is 2:1, heart and triangle end in a point."""
    factors = np.array([[shape, 0, 4, 0, 6, 6] for shape in range(4)])
    ink = shapes_module.draw_shapes(factors, 400, color=False) > 127
    boxes = [(np.flatnonzero(image.any(axis=0)), np.flatnonzero(image.any(axis=1))) for image in ink]
    widths = np.array([(x[-1] - x[0] + 1, y[-1] - y[0] + 1) for x, y in boxes]) / (0.34 * 400)
    half = 1 / np.sqrt(2 * np.pi)
    side = 2 / 3**0.25
    np.testing.assert_allclose(widths[[0, 1, 3]], [(1, 1), (4 * half, 2 * half), (side, side * 3**0.5 / 2)], atol=0.02)
    rows = [image.sum(axis=1)[y[0] : y[-1] + 1] for image, (_, y) in zip(ink, boxes)]
    assert rows[2][-3:].max() < 10 < rows[2][5]
    assert rows[3][:3].max() < 10 < rows[3][-5]
    heart = ink[2][boxes[2][1][0] + 3]
    assert heart.any()
    assert not heart[200]  # the dent between the lobes
    assert all((image == image[:, ::-1]).all() for image in ink)


def test_rotation_is_counter_clockwise_and_y_counts_downwards():
    quarter = np.array([[3, 0, 4, 0, 6, 6], [1, 0, 4, 5, 6, 6], [0, 0, 0, 0, 6, 12]])
    triangle, ellipse, square = shapes_module.draw_shapes(quarter, 64, color=False).astype(float)
    assert triangle[:32].sum() < triangle[32:].sum()  # the corner is up
    assert ellipse[:32, 32:].sum() > 2 * ellipse[:32, :32].sum()  # to the upper right, after 45 degrees
    assert square[:32].sum() == 0


def test_colours_are_pure_hues_and_edges_are_smooth():
    shapes = Shapes(2000)
    middle = shapes.data.reshape(2000, -1, 3).max(axis=1)
    expected = {0: (255, 0, 0), 4: (0, 255, 255), 2: (128, 255, 0), 6: (128, 0, 255)}
    for hue, colour in expected.items():
        assert (middle[shapes.factors[:, 1] == hue] == colour).all(), hue
    grey = Shapes(2000, color=False)
    assert grey.factor_sizes[1] == 1
    assert ((grey.data > 20) & (grey.data < 235)).mean() > 0.01
    assert (grey.data == 255).any(axis=(1, 2)).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 0}, "n is 0"),
        ({"size": 4}, "size is 4"),
        ({"seed": -1}, "seed is -1"),
        ({"n": 2.5}, "n is 2.5"),
        ({"n": 300_000}, "300,000, but there are 236,600 combinations of the factors in the training part"),
        ({"n": 5000, "train": False, "color": False}, "4,225 combinations of the factors in the test part"),
    ],
)
def test_bad_options_of_shapes(options, words):
    with pytest.raises(ValueError, match=words):
        Shapes(**options)


# --- image sets ---


@pytest.mark.parametrize("value_range", [(0, 1), (-1, 1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_image_set_batches_are_its_samples(channels, value_range):
    rng = np.random.default_rng(0)
    shape = (6, 4, 5) if channels == 1 else (6, 4, 5, 3)
    images = ImageSet(rng.integers(0, 256, shape, dtype=np.uint8), np.arange(6), value_range=value_range)
    batch, labels = images.get_batch(np.array([5, 0, 2]))
    assert images.image_shape == batch.shape[1:] == (channels, 4, 5)
    assert (batch.dtype, labels.dtype) == (minigen.float32, minigen.int64)
    for row, i in enumerate([5, 0, 2]):
        image, label = images[i]
        assert (image.numpy() == batch.numpy()[row]).all()
        assert label == labels[row].item() == i
    expected = images.data.reshape(6, 4, 5, channels).transpose(0, 3, 1, 2) / 255
    low, high = value_range
    np.testing.assert_allclose(images.get_batch(range(6))[0].numpy(), low + expected * (high - low), atol=1e-6)
    assert batch.numpy().transpose(0, 2, 3, 1).flags.c_contiguous  # channels last in memory
    assert images[-1][1] == 5


def test_image_set_without_transform_equals_to_tensor():
    bytes_ = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    plain = ImageSet(bytes_, np.zeros(1, np.int64))[0][0].numpy()
    assert (plain == ImageSet(bytes_, np.zeros(1, np.int64), ToTensor())[0][0].numpy()).all()
    scaled = ImageSet(bytes_, np.zeros(1, np.int64), Compose([ToTensor(), Normalize(0.5, 0.5)]))
    np.testing.assert_allclose(
        ImageSet(bytes_, np.zeros(1, np.int64), value_range=(-1, 1))[0][0].numpy(),
        scaled[0][0].numpy(),
        atol=1e-7,
    )


def test_image_set_with_a_transform_gives_it_pillow_images_one_by_one():
    images = ImageSet(np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8), np.arange(20))
    images.transform = Compose([RandomCrop(6), ToTensor()])

    def run(dataset, workers):
        return [b[0].numpy().tobytes() for b in DataLoader(dataset, 5, seed=1, num_workers=workers)]

    assert run(images, 0) == run(images, 2)
    assert run(Subset(images, range(20)), 2) == run(images, 0)
    batch, labels = next(iter(DataLoader(images, 5)))
    assert batch.shape == (5, 1, 6, 6)
    assert labels.tolist() == [0, 1, 2, 3, 4]


def test_image_set_errors_teach():
    good = np.zeros((2, 4, 4), np.uint8)
    with pytest.raises(ValueError, match="must be uint8"):
        ImageSet(good.astype(float), np.zeros(2, int))
    with pytest.raises(ValueError, match=r"2 images, but labels of shape \(3,\)"):
        ImageSet(good, np.zeros(3, int))
    with pytest.raises(ValueError, match="low, high"):
        ImageSet(good, np.zeros(2, int), value_range=(1, 0))
    with pytest.raises(IndexError, match="sample 2 of a data set of 2"):
        ImageSet(good, np.zeros(2, int))[2]


def test_a_batch_of_an_image_set_costs_next_to_nothing():
    images = ImageSet(np.zeros((2000, 28, 28), np.uint8), np.zeros(2000, np.int64))
    loader = DataLoader(images, 128, shuffle=True, seed=0)
    list(loader)
    start = time.process_time()
    list(loader)
    assert (time.process_time() - start) / len(loader) < 0.01  # 0.3 ms on a quiet machine


# --- points in the plane ---


@pytest.mark.parametrize("name", ["ring-8", "grid-25", "moons", "swiss-roll", "circles"])
def test_toy_sets_are_seeded_and_of_a_size_to_see(name):
    points = Toy2D(name, n=2000, seed=3)
    assert points.data.shape == (2000, 2)
    assert points.data.dtype == np.float32
    assert (points.data == Toy2D(name, 2000, 3).data).all()
    assert (points.data != Toy2D(name, 2000, 4).data).any()
    assert 1 < np.abs(points.data).max() < 5
    x, labels = next(iter(DataLoader(points, 100)))
    assert (x.shape, x.dtype, labels.shape, labels.dtype) == (
        (100, 2),
        minigen.float32,
        (100,),
        minigen.int64,
    )
    assert (points[7][0].tolist(), points[7][1]) == (x[7].tolist(), labels[7].item())


@pytest.mark.parametrize(("name", "modes", "sigma", "distance"), [("ring-8", 8, 0.02, 1.53), ("grid-25", 25, 0.05, 2)])
def test_mixtures_have_the_centres_and_width_that_they_name(name, modes, sigma, distance):
    points = Toy2D(name, n=20_000)
    assert points.centers.shape == (modes, 2)
    assert points.sigma == sigma
    gaps = np.linalg.norm(points.centers[:, None] - points.centers[None], axis=-1) + 9 * np.eye(modes)
    assert gaps.min() == pytest.approx(distance, abs=0.01)
    away = points.data - points.centers[points.targets]
    assert away.std() == pytest.approx(sigma, rel=0.02)
    assert np.abs(away.mean(axis=0)).max() < sigma / 20
    share = np.bincount(points.targets, minlength=modes) / 20_000
    assert np.abs(share * modes - 1).max() < 0.15


def test_shapes_follow_their_formulas():
    circles = Toy2D("circles", 5000)
    radius = np.linalg.norm(circles.data, axis=1)
    assert radius[circles.targets == 0].mean() == pytest.approx(1, abs=0.01)
    assert radius[circles.targets == 1].mean() == pytest.approx(0.5, abs=0.01)
    moons = Toy2D("moons", 5000)
    upper, lower = moons.data[moons.targets == 0], moons.data[moons.targets == 1]
    assert np.linalg.norm(upper, axis=1).std() < 0.06
    assert np.linalg.norm(lower - [1, 0.5], axis=1).std() < 0.06
    assert lower[:, 1].mean() < 0 < upper[:, 1].mean()
    roll = Toy2D("swiss-roll", 5000)
    t = 7.5 * np.linalg.norm(roll.data, axis=1)
    assert 4 < t.min() < 5
    assert 13.5 < t.max() < 15.5
    assert roll.centers is None


def test_unknown_toy_set():
    with pytest.raises(ValueError, match="ring-8, grid-25"):
        Toy2D("ring-9")
    with pytest.raises(ValueError, match="n must be an integer >= 1, not 0"):
        Toy2D("moons", 0)


# --- finding a data set by name ---


def test_load_finds_every_kind(tmp_path, no_data):
    write_mnist(tmp_path / "cache" / "mnist", count=6)
    save_picture(tmp_path / "pictures" / "a.png")
    assert data.load("glyphs", n=30).image_shape == (1, 28, 28)
    assert data.load("glyphs", n=30, image_size=32, channels=3).image_shape == (3, 32, 32)
    assert len(data.load("mnist", n=4)) == 4
    assert data.load("mnist", image_size=64).image_shape == (1, 64, 64)
    assert data.load("grid-25", n=50).data.shape == (50, 2)
    assert data.load(tmp_path / "pictures").image_shape == (3, 64, 64)
    assert data.load(str(tmp_path / "pictures"), image_size=8, channels=1).image_shape == (1, 8, 8)


def test_load_finds_the_colour_sets(tmp_path, no_data, small_cifar):
    assert data.load("shapes", n=30).image_shape == (3, 32, 32)
    assert data.load("shapes", n=30, image_size=28, channels=1).image_shape == (1, 28, 28)
    images = write_cifar(tmp_path / "cache" / "cifar-10", TRAINING_FILES)
    assert data.load("cifar10", n=4).image_shape == (3, 32, 32)
    assert data.load("cifar10", value_range=(-1, 1))[0][0].numpy().min() < 0
    larger = data.load("cifar10", image_size=64).data
    assert (larger == [Resize((64, 64))(image) for image in images]).all()
    grey = data.load("cifar10", channels=1, n=7).data
    assert (grey == [np.asarray(Image.fromarray(image).convert("L")) for image in images[:7]]).all()


@pytest.mark.parametrize("size", [64, 32, 20, 28])
def test_load_scales_all_images_as_resize_scales_one(tmp_path, no_data, size):
    images, _ = write_mnist(tmp_path / "cache" / "mnist", count=5)
    scaled = data.load("mnist", image_size=size).data
    assert (scaled == [Resize((size, size))(image) for image in images]).all()


def test_load_gives_different_training_and_test_points():
    assert (data.load("moons", n=9).data != data.load("moons", n=9, train=False).data).all()


@pytest.mark.parametrize(
    ("name", "options", "error", "words"),
    [
        ("mnits", {}, ValueError, "did you mean 'mnist'.*glyphs, mnist, fashion-mnist, cifar10, shapes, ring-8"),
        ("xyzzy", {}, ValueError, "neither a data set nor a folder; The data sets"),
        ("no/such/folder", {}, FileNotFoundError, "no folder no/such/folder"),
        ("ring-8", {"image_size": 28}, ValueError, "made of points"),
        ("glyphs", {"channels": 2}, ValueError, "channels is 2"),
        ("glyphs", {"image_size": 0}, ValueError, "image_size is 0"),
        ("glyphs", {"n": 0}, ValueError, "n is 0"),
    ],
)
def test_load_errors_teach(name, options, error, words):
    with pytest.raises(error, match=words):
        data.load(name, **options)
