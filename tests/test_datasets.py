"""The data sets that are read from files: IDX, MNIST and Fashion-MNIST, CIFAR-10; and the real ones, where they are."""

import gzip
import struct

import numpy as np
import pytest
from datafiles import CIFAR_NAMES, TRAINING_FILES, cifar_bytes, idx_bytes, write_cifar, write_mnist

from minigen import data
from minigen.data import CIFAR10, MNIST, CifarError, FashionMNIST, IdxError, mnist, read_idx
from minigen.data import idx as idx_module


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
        (struct.pack(">BBBB3I", 0, 0, 8, 3, 0, 2**32 - 1, 2**32 - 1), "holds nothing"),
        (b"\0\0\x08\xff" + bytes(1020), "open no IDX"),
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


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (np.zeros((5, 28, 28), "f4"), np.zeros(5, "u1"), "holds float32 of shape"),
        (np.zeros((5, 32, 32), "u1"), np.zeros(5, "u1"), r"shape \(5, 32, 32\), not bytes of \(N, 28, 28\)"),
        (np.zeros((5, 28, 28), "u1"), np.full(5, 3.7, "f4"), "its labels are float32, not bytes"),
    ],
)
def test_mnist_takes_no_other_arrays(tmp_path, images, labels, words):
    code = {"u1": 0x08, "f4": 0x0D}
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        content = idx_bytes(array, code[array.dtype.str[1:]])
        (tmp_path / f"train-{name}-ubyte.gz").write_bytes(gzip.compress(content))
    with pytest.raises(IdxError, match=words):
        MNIST(tmp_path)


def test_sets_say_where_they_lie(tmp_path, small_cifar, monkeypatch):
    monkeypatch.setenv("MINIGEN_DATA", str(tmp_path / "shared"))
    assert MNIST.where() == CIFAR10.where() == (None, False)
    write_mnist(tmp_path / "shared" / "mnist")
    assert MNIST.where() == (None, False)  # the test part is missing
    write_mnist(tmp_path / "shared" / "mnist", train=False)
    assert MNIST.where() == (tmp_path / "shared" / "mnist", True)
    write_cifar(tmp_path / "shared" / "cifar-10", TRAINING_FILES[:1])
    assert CIFAR10.where() == (tmp_path / "shared" / "cifar-10", False)
    write_cifar(tmp_path / "cache" / "cifar-10", [*TRAINING_FILES, "test_batch.bin"])
    assert CIFAR10.where() == (tmp_path / "cache" / "cifar-10", True)


# --- CIFAR-10 on small files ---


@pytest.fixture
def small_cifar(monkeypatch):
    """Files of 4 images, of 3 in the part's test file."""
    counts = dict.fromkeys((*TRAINING_FILES, "test_batch.bin"), 4) | {"test_batch_first2000.bin": 3}
    monkeypatch.setattr(CIFAR10, "counts", counts)


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
