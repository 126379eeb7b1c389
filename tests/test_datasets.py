"""The data sets but for the glyphs: IDX files, MNIST, points in the plane, folders, finding one by name."""

import functools
import gzip
import hashlib
import http.server
import struct
import threading
import time
import warnings

import numpy as np
import pytest
from PIL import Image

import minigen
from minigen import data
from minigen.data import (
    MNIST,
    DataLoader,
    FashionMNIST,
    IdxError,
    ImageFolder,
    ImageSet,
    Subset,
    Toy2D,
    read_idx,
)
from minigen.data import idx as idx_module
from minigen.data.transforms import Compose, Normalize, RandomCrop, Resize, ToTensor


def idx_bytes(array, code=0x08):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """Neither read nor write the user's cache."""
    monkeypatch.setenv("MINIGEN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def no_data(monkeypatch):
    monkeypatch.delenv("MINIGEN_DATA", raising=False)


# --- IDX ---


@pytest.mark.parametrize(
    ("code", "dtype"), [(8, "u1"), (9, "i1"), (0x0B, "i2"), (0x0C, "i4"), (0x0D, "f4"), (0x0E, "f8")]
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_reads_back_every_type(tmp_path, code, dtype, pack):
    array = (np.random.default_rng(0).standard_normal((3, 4, 5)) * 50).astype(dtype)
    (tmp_path / "file").write_bytes(pack(idx_bytes(array, code)))
    read = read_idx(tmp_path / "file", ndim=3)
    assert read.dtype == np.dtype(dtype)
    assert (read == array).all()
    read[0] = 0  # writeable


GOOD = idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "too short"),
        (b"\0\0", "too short"),
        (b"\x89PNG\r\n\x1a\n", "89 50 4e 47"),
        (b"\0\0\x07\x01\0\0\0\1x", "open no IDX"),
        (b"\0\0\x08\x00", "open no IDX"),
        (GOOD[:9], "within its header"),
        (GOOD[:-1], "wants 24 bytes, but 23"),
        (GOOD + b"x", "goes on after the 24 bytes"),
        (gzip.compress(GOOD, mtime=0)[:-9], "cut off or damaged"),
        (gzip.compress(GOOD, mtime=0)[:12], "cut off or damaged"),
        (gzip.compress(GOOD[:-1], mtime=0), "wants 24 bytes, but 23"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, 2**31, 2**31, 2**31), "promises"),
    ],
)
def test_idx_names_what_is_broken(tmp_path, content, words):
    path = tmp_path / "broken-file"
    path.write_bytes(content)
    with pytest.raises(IdxError, match=words) as caught:
        read_idx(path)
    assert "broken-file" in str(caught.value)


def test_idx_checks_damage_inside_gzip(tmp_path):
    packed = bytearray(gzip.compress(idx_bytes(np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8))))
    packed[2000] ^= 0x10
    (tmp_path / "file").write_bytes(packed)
    with pytest.raises(IdxError):
        read_idx(tmp_path / "file")


def test_idx_reads_no_more_than_the_header_promises(tmp_path, monkeypatch):
    (tmp_path / "bomb").write_bytes(gzip.compress(GOOD + bytes(10**7)))
    asked = []
    monkeypatch.setattr(
        idx_module.gzip.GzipFile,
        "read",
        lambda self, size=-1, read=gzip.GzipFile.read: asked.append(size) or read(self, size),
    )
    with pytest.raises(IdxError, match="goes on"):
        read_idx(tmp_path / "bomb")
    assert max(asked) == 24
    assert min(asked) >= 1


def test_idx_checks_the_number_of_axes(tmp_path):
    (tmp_path / "labels").write_bytes(idx_bytes(np.zeros(5, np.uint8)))
    with pytest.raises(IdxError, match="1 axes, but 3"):
        read_idx(tmp_path / "labels", ndim=3)


# --- MNIST on small files ---


def write_mnist(folder, train=True, count=20, label=None):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(count)
    images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    labels = np.arange(count, dtype=np.uint8) % 10 if label is None else np.full(count, label, np.uint8)
    part = "train" if train else "t10k"
    (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images)))
    (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels)))
    return images, labels


def test_mnist_looks_in_minigen_data_then_in_the_cache(tmp_path, monkeypatch):
    write_mnist(tmp_path / "cache" / "mnist", count=5)
    monkeypatch.delenv("MINIGEN_DATA", raising=False)
    assert len(MNIST()) == 5
    monkeypatch.setenv("MINIGEN_DATA", str(tmp_path / "shared"))
    assert len(MNIST()) == 5  # the shared folder does not have it
    images, labels = write_mnist(tmp_path / "shared" / "mnist", count=7)
    mnist = MNIST()
    assert (mnist.data == images).all()
    assert (mnist.targets == labels).all()
    assert (mnist.data.dtype, mnist.targets.dtype) == (np.uint8, np.int64)
    assert len(MNIST(root=tmp_path / "cache")) == len(MNIST(root=tmp_path / "cache" / "mnist")) == 5


def test_mnist_reads_unzipped_files(tmp_path, no_data):
    write_mnist(tmp_path / "mnist", count=3)
    for path in list((tmp_path / "mnist").iterdir()):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert len(MNIST(tmp_path)) == 3


def test_mnist_that_is_not_there_says_how_to_get_it(no_data, monkeypatch):
    monkeypatch.setattr(MNIST, "_download", lambda *a: pytest.fail("downloaded without being asked"))
    with pytest.raises(FileNotFoundError, match=r"FashionMNIST\(download=True\).*MINIGEN_DATA.*fashion-mnist"):
        FashionMNIST()


def test_mnist_checks_that_its_files_fit(tmp_path, no_data):
    write_mnist(tmp_path / "a", count=5)
    write_mnist(tmp_path / "b", count=6)
    (tmp_path / "b" / "train-labels-idx1-ubyte.gz").replace(tmp_path / "a" / "train-labels-idx1-ubyte.gz")
    with pytest.raises(IdxError, match=r"5 images.*6 labels"):
        MNIST(tmp_path / "a")
    write_mnist(tmp_path / "c", count=5, label=10)
    with pytest.raises(IdxError, match=r"outside 0\.\.9"):
        MNIST(tmp_path / "c")


# --- downloads, from a server on this machine ---


@pytest.fixture
def mirror(tmp_path):
    """Serve the folder "served" of this test; yields its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path / "served"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_mnist_is_downloaded_when_asked_and_checked(tmp_path, mirror, monkeypatch, no_data):
    images, _ = write_mnist(tmp_path / "served", count=4)
    hashes = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (tmp_path / "served").iterdir()}
    monkeypatch.setattr(MNIST, "sha256", hashes)
    monkeypatch.setattr(MNIST, "mirrors", (mirror + "nothing-here/", mirror))
    assert (MNIST(download=True).data == images).all()
    assert len(list((tmp_path / "cache" / "mnist").iterdir())) == 2
    monkeypatch.setattr(MNIST, "mirrors", ())
    assert len(MNIST(download=True)) == len(MNIST()) == 4  # what is there is not fetched again


def test_a_download_with_the_wrong_sha256_is_refused(tmp_path, mirror, monkeypatch, no_data):
    write_mnist(tmp_path / "served", count=4)
    monkeypatch.setattr(MNIST, "mirrors", (mirror,))
    with pytest.raises(FileNotFoundError, match=r"could not be downloaded \(http.*hash.*by other means"):
        MNIST(download=True)
    assert list((tmp_path / "cache").rglob("*.gz")) == []


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


# --- real data ---


@pytest.mark.parametrize(("dataset", "mean"), [(MNIST, 33.32), (FashionMNIST, 72.94)])
def test_real_sets_are_whole(real_data, monkeypatch, dataset, mean):
    monkeypatch.setenv("MINIGEN_DATA", str(real_data))
    train, test = dataset(), dataset(train=False)
    assert train.data.shape == (60_000, 28, 28)
    assert test.data.shape == (10_000, 28, 28)
    assert abs(train.data.mean() - mean) < 0.01
    assert len(train.classes) == 10
    assert np.bincount(test.targets).min() > 890
    if dataset is MNIST:
        assert train.targets[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]


@pytest.mark.data
def test_real_mnist_at_another_size():
    digits = data.load("mnist", train=False, image_size=32, channels=3, n=50, value_range=(-1, 1))
    assert len(digits) == 50
    assert digits.image_shape == (3, 32, 32)
    image = digits[0][0].numpy()
    assert (image[0] == image[2]).all()
    assert image.min() == -1
    assert image.max() > 0.9


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


# --- folders ---


def save_picture(path, size=(40, 30), mode="RGB", seed=0, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path, **options)


def test_folder_of_pictures_of_all_kinds_gives_one_size(tmp_path):
    save_picture(tmp_path / "b.jpg", (64, 48))
    save_picture(tmp_path / "a.png", (20, 50), "RGBA")
    save_picture(tmp_path / "c.PNG", (10, 10), "L")
    save_picture(tmp_path / "d.gif", (33, 20), "P")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "sub").mkdir()
    pictures = ImageFolder(tmp_path, image_size=16)
    assert [p.name for p in pictures.paths] == ["a.png", "b.jpg", "c.PNG", "d.gif"]
    batch, labels = next(iter(DataLoader(pictures, 4, num_workers=2)))
    assert batch.shape == (4, *pictures.image_shape) == (4, 3, 16, 16)
    assert labels.tolist() == [0, 0, 0, 0]
    assert 0 <= batch.numpy().min() < batch.numpy().max() <= 1
    grey = ImageFolder(tmp_path, image_size=16, channels=1, value_range=(-1, 1))[0][0]
    assert grey.shape == (1, 16, 16)
    assert grey.numpy().min() < 0


def test_folder_with_sub_folders_makes_them_classes(tmp_path):
    for name in ("dogs", "cats"):
        for i in range(2):
            save_picture(tmp_path / name / f"{i}.png")
    pictures = ImageFolder(tmp_path, image_size=8, transform=lambda image: np.asarray(image).shape)
    assert pictures.classes == ["cats", "dogs"]
    assert pictures.targets.tolist() == [0, 0, 1, 1]
    assert pictures[3] == ((8, 8, 3), 1)


def test_pictures_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    pixels = np.zeros((20, 20), np.uint8)
    pixels[:, :10] = 255  # the left half, which is the top half when upright
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    upright = ImageFolder(tmp_path, image_size=20, channels=1)[0][0].numpy()[0]
    assert upright[:9].min() == 1
    assert upright[11:].max() == 0


def test_folder_errors_teach(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        ImageFolder(tmp_path / "nowhere")
    (tmp_path / "file.png").write_text("")
    with pytest.raises(NotADirectoryError, match="is a file"):
        ImageFolder(tmp_path / "file.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no picture in .*empty.*\.jpg"):
        ImageFolder(tmp_path / "empty")
    with pytest.raises(ValueError, match=r"channels is 2"):
        ImageFolder(tmp_path, channels=2)


def test_unreadable_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("pathlib.Path.iterdir", lambda path: (_ for _ in ()).throw(PermissionError(13, "denied")))
    with pytest.raises(PermissionError, match="no permission to read the folder"):
        ImageFolder(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"cut"])
def test_a_broken_picture_is_named(tmp_path, content):
    save_picture(tmp_path / "good.png")
    if content == b"cut":
        content = (tmp_path / "good.png").read_bytes()[:1500]
    (tmp_path / "broken.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot read the picture .*broken\.png.*repair or remove"):
        list(DataLoader(ImageFolder(tmp_path, image_size=8), 2, num_workers=1))


def test_pictures_too_large_or_too_deep_are_refused(tmp_path, monkeypatch):
    Image.fromarray(np.full((4, 4), 60_000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(ValueError, match=r"deep\.png.*8 bits"):
        ImageFolder(tmp_path, image_size=4)[0]
    (tmp_path / "deep.png").unlink()
    save_picture(tmp_path / "bomb.png", (40, 30))
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    for limit in (1000, 100):  # Pillow only warns about the first
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(ValueError, match=r"bomb\.png"):
            ImageFolder(tmp_path, image_size=4)[0]


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
        ("mnits", {}, ValueError, "did you mean 'mnist'.*glyphs, mnist, fashion-mnist, ring-8"),
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
