"""The data sets but for the glyphs: IDX files, MNIST, CIFAR-10, shapes, points in the plane, folders, finding one."""

import functools
import gzip
import hashlib
import http.server
import io
import struct
import tarfile
import threading
import time
import warnings

import numpy as np
import pytest
from PIL import Image

import minigen
from minigen import data
from minigen.data import (
    CIFAR10,
    MNIST,
    CifarError,
    DataLoader,
    FashionMNIST,
    IdxError,
    ImageFolder,
    ImageSet,
    Shapes,
    Subset,
    Toy2D,
    mnist,
    read_idx,
)
from minigen.data import idx as idx_module
from minigen.data import shapes as shapes_module
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
    monkeypatch.setattr(mnist, "download_file", lambda *a: pytest.fail("downloaded without being asked"))
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


# --- CIFAR-10 on small files ---

TRAINING_FILES = [f"data_batch_{i}.bin" for i in range(1, 6)]
CIFAR_NAMES = "\n".join(CIFAR10.names) + "\n\n"


@pytest.fixture
def small_cifar(monkeypatch):
    """Files of 4 images, of 3 in the part's test file."""
    counts = dict.fromkeys((*TRAINING_FILES, "test_batch.bin"), 4) | {"test_batch_first2000.bin": 3}
    monkeypatch.setattr(CIFAR10, "counts", counts)


def cifar_bytes(count, seed=0, label=None):
    """Records whose image i has its red plane full of i, green i + 1, blue random; and what they hold."""
    rng = np.random.default_rng(seed)
    images = np.empty((count, 32, 32, 3), np.uint8)
    images[..., 0] = np.arange(count)[:, None, None] + 10 * seed
    images[..., 1] = images[..., 0] + 1
    images[..., 2] = rng.integers(0, 256, (count, 32, 32))
    labels = np.full(count, label) if label is not None else rng.integers(0, 10, count)
    records = [bytes([y]) + x.transpose(2, 0, 1).tobytes() for x, y in zip(images, labels)]
    return b"".join(records), images, labels


def write_cifar(folder, names, pack=bytes, ending=""):
    folder.mkdir(parents=True, exist_ok=True)
    images = []
    for seed, name in enumerate(names):
        content, more, _ = cifar_bytes(CIFAR10.counts[name], seed)
        (folder / (name + ending)).write_bytes(pack(content))
        images.append(more)
    return np.concatenate(images)


@pytest.mark.parametrize("inner", ["", "cifar-10", "cifar-10-batches-bin", "cifar-10/cifar-10-batches-bin"])
def test_cifar_reads_all_records_in_the_order_of_the_files(tmp_path, small_cifar, inner):
    images = write_cifar(tmp_path / inner, TRAINING_FILES)
    test = write_cifar(tmp_path / inner, ["test_batch.bin"], gzip.compress, ".gz")
    train = CIFAR10(tmp_path)
    assert (train.data == images).all()
    assert train.data.flags.c_contiguous
    assert (train.targets[:4] == cifar_bytes(4)[2]).all()
    assert (CIFAR10(tmp_path, train=False).data == test).all()
    assert not train.part
    assert "all 20 training images" in repr(train)
    assert train[5][0].shape == (3, 32, 32)
    assert train.classes[9] == "truck"


def test_a_part_of_cifar_is_called_one(tmp_path, small_cifar):
    images = write_cifar(tmp_path, ["data_batch_1.bin", "test_batch_first2000.bin"], gzip.compress, ".gz")
    (tmp_path / "batches.meta.txt").write_text(CIFAR_NAMES)
    train, test = CIFAR10(tmp_path), CIFAR10(tmp_path, train=False)
    assert (np.concatenate([train.data, test.data]) == images).all()
    assert train.part
    assert test.part
    assert repr(train).startswith("CIFAR10: a PART, 4 of 20 training images")
    assert repr(test).startswith("CIFAR10: a PART, 3 of 4 test images")
    assert "PART" in data.NAMES["cifar10"]


def test_the_full_set_goes_before_a_part(tmp_path, small_cifar, monkeypatch):
    monkeypatch.setenv("MINIGEN_DATA", str(tmp_path / "shared"))
    write_cifar(tmp_path / "shared" / "cifar-10", TRAINING_FILES[:1])
    assert CIFAR10().part
    write_cifar(tmp_path / "cache" / "cifar-10", TRAINING_FILES)
    assert not CIFAR10().part


@pytest.mark.parametrize(
    ("content", "ending", "words"),
    [
        (b"", "", "cut off: 4 records .* 12,292 bytes, but 0 are there"),
        (cifar_bytes(4)[0][:-1], "", "12,291 are there"),
        (cifar_bytes(4)[0][: 3 * 3073], "", "9,219 are there"),
        (cifar_bytes(5)[0], "", "goes on after the 12,292 bytes of its 4 records"),
        (cifar_bytes(4, label=10)[0], "", r"record 0 begins with the label 10, outside 0\.\.9"),
        (gzip.compress(cifar_bytes(4)[0], mtime=0)[:-9], ".gz", "gzip data is cut off or damaged"),
        (gzip.compress(cifar_bytes(4)[0], mtime=0)[:900], ".gz", "gzip data is cut off or damaged"),
        (cifar_bytes(4)[0], ".gz", "gzip data is cut off or damaged"),
    ],
)
def test_cifar_names_what_is_broken(tmp_path, small_cifar, content, ending, words):
    (tmp_path / f"data_batch_1.bin{ending}").write_bytes(content)
    with pytest.raises(CifarError, match=words) as caught:
        CIFAR10(tmp_path)
    assert "data_batch_1.bin" in str(caught.value)


def test_cifar_is_not_taken_from_other_classes_or_from_some_of_the_batches(tmp_path, small_cifar, no_data):
    write_cifar(tmp_path / "a", TRAINING_FILES[:1])
    (tmp_path / "a" / "batches.meta.txt").write_text(CIFAR_NAMES.replace("bird", "fish"))
    with pytest.raises(CifarError, match=r"batches\.meta\.txt: class 2 is 'fish' here and should be bird"):
        CIFAR10(tmp_path / "a")
    (tmp_path / "a" / "batches.meta.txt").write_text("airplane\n")
    with pytest.raises(CifarError, match="class 1 is missing here and should be automobile"):
        CIFAR10(tmp_path / "a")
    write_cifar(tmp_path / "b", TRAINING_FILES[:4])
    with pytest.raises(FileNotFoundError, match=r"data_batch_4, but not data_batch_5\.bin.*download=True"):
        CIFAR10(tmp_path / "b")
    with pytest.raises(FileNotFoundError, match=r"test images was found in .*download=True.*MINIGEN_DATA"):
        CIFAR10(train=False)
    with pytest.raises(TypeError, match="root must be the path"):
        CIFAR10(3)


def archive_of(folder, names, link=None):
    """Write an archive like the published one; ``link`` names a member that points out of it."""
    folder.mkdir()
    with tarfile.open(folder / CIFAR10.archive, "w:gz") as archive:
        for name, content in names.items():
            member = tarfile.TarInfo(f"{CIFAR10.inner}/{name}")
            member.size = len(content)
            if name == link:
                member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0
            archive.addfile(member, io.BytesIO(content))
    return hashlib.sha256((folder / CIFAR10.archive).read_bytes()).hexdigest()


def archived_files():
    files = {name: cifar_bytes(4, seed)[0] for seed, name in enumerate((*TRAINING_FILES, "test_batch.bin"))}
    return files | {"batches.meta.txt": CIFAR_NAMES.encode(), "../evil.txt": b"no", "readme.html": b"no"}


def test_cifar_is_downloaded_when_asked_and_only_what_is_wanted_is_unpacked(
    tmp_path, small_cifar, mirror, monkeypatch, no_data
):
    monkeypatch.setattr(CIFAR10, "sha256", archive_of(tmp_path / "served", archived_files()))
    monkeypatch.setattr(CIFAR10, "mirrors", (mirror + "nothing-here/", mirror))
    assert len(CIFAR10(download=True)) == 20
    left = sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert left == ["batches.meta.txt", *TRAINING_FILES, "test_batch.bin"]
    monkeypatch.setattr(CIFAR10, "mirrors", ())
    assert len(CIFAR10(train=False, download=True)) == len(CIFAR10(train=False)) == 4


def test_a_download_completes_a_part(tmp_path, small_cifar, mirror, monkeypatch):
    monkeypatch.setenv("MINIGEN_DATA", str(tmp_path / "shared"))
    write_cifar(tmp_path / "shared" / "cifar-10", TRAINING_FILES[:1])
    monkeypatch.setattr(CIFAR10, "sha256", archive_of(tmp_path / "served", archived_files()))
    monkeypatch.setattr(CIFAR10, "mirrors", (mirror,))
    assert not CIFAR10(download=True).part


def test_a_cifar_archive_that_is_not_what_it_should_be_is_refused(tmp_path, small_cifar, mirror, monkeypatch, no_data):
    monkeypatch.setattr(CIFAR10, "mirrors", (mirror,))
    right = archive_of(tmp_path / "served", {"data_batch_1.bin": b""})
    with pytest.raises(FileNotFoundError, match=r"could not be downloaded \(http.*hash.*by other means"):
        CIFAR10(download=True)
    monkeypatch.setattr(CIFAR10, "sha256", right)
    with pytest.raises(CifarError, match=r"no file cifar-10-batches-bin/batches\.meta\.txt in this archive"):
        CIFAR10(download=True)
    (tmp_path / "served" / CIFAR10.archive).unlink()
    (tmp_path / "served").rmdir()
    monkeypatch.setattr(CIFAR10, "sha256", archive_of(tmp_path / "served", archived_files(), link="batches.meta.txt"))
    with pytest.raises(CifarError, match="no file"):
        CIFAR10(tmp_path / "other", download=True)


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


def test_real_cifar_part(real_data, monkeypatch):
    monkeypatch.setenv("MINIGEN_DATA", str(real_data))
    train, test = CIFAR10(), CIFAR10(train=False)
    assert (len(train), len(test)) == (10_000, 2_000)
    assert train.part
    np.testing.assert_allclose(
        train.data.mean(axis=(0, 1, 2)), [125.8, 123.3, 114.0], atol=0.1
    )  # published: 125.3, ...
    assert np.bincount(test.targets).min() > 180
    assert train.classes[train.targets[0]] == "frog"


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
