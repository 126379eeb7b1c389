"""The cache of one's own pictures: keyed by content, made again where it is damaged, mapped, and flat in memory."""

import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from datafiles import save_picture
from PIL import Image
from torture.many import go_through, measure

from minigen.data import DataLoader, ImageFolder, PictureWarning, WriteError, prepared
from minigen.data.pictures import read_image


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory, monkeypatch):
    """Neither read nor write the user's cache; and let no cache of another test answer."""
    monkeypatch.setenv("MINIGEN_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr(prepared, "RECENT", 0.0)


def cached(ending):
    return sorted(Path(os.environ["MINIGEN_CACHE"]).rglob(f"*.{ending}"))


def bytes_of(samples):
    """Return the pixels of all samples, by way of batches."""
    return np.concatenate([np.rint(x.numpy() * 255) for x, _ in DataLoader(samples, 7)]).astype(np.uint8)


@pytest.fixture
def decoded(monkeypatch):
    """Return the list of the files that were decoded."""
    names = []
    monkeypatch.setattr(
        prepared, "read_image", lambda path, channels=3: names.append(Path(path).name) or read_image(path, channels)
    )
    return names


def test_pictures_are_decoded_once_wherever_they_lie(tmp_path, decoded):
    for i in range(3):
        save_picture(tmp_path / "a" / f"{i}.png", seed=i)
    before = bytes_of(ImageFolder(tmp_path / "a", image_size=8))
    assert len(decoded) == 3
    (tmp_path / "a").rename(tmp_path / "b")
    assert (bytes_of(ImageFolder(tmp_path / "b", image_size=8)) == before).all()
    assert len(decoded) == 3
    ImageFolder(tmp_path / "b", image_size=9)
    ImageFolder(tmp_path / "b", image_size=8, channels=1)
    assert len(decoded) == 9
    assert len(cached("pixels")) == 3


def test_a_changed_picture_is_seen_even_with_its_old_size_and_date(tmp_path, decoded):
    path = tmp_path / "a.bmp"
    save_picture(path, seed=1)
    save_picture(tmp_path / "b.bmp", seed=2)
    first = bytes_of(ImageFolder(tmp_path, image_size=8))
    status = path.stat()
    save_picture(path, seed=3)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    second = bytes_of(ImageFolder(tmp_path, image_size=8))
    assert (first[0] != second[0]).any()
    assert (first[1] == second[1]).all()


def test_files_that_have_not_changed_are_not_read_again_and_those_that_just_have_are(tmp_path, monkeypatch):
    save_picture(tmp_path / "a.png")
    hashed = []
    hashing = prepared.sha256_of
    monkeypatch.setattr(prepared, "sha256_of", lambda path: hashed.append(path) or hashing(path))
    for recent, times in ((3600, 1), (3600, 2), (0, 3), (0, 3)):
        monkeypatch.setattr(prepared, "RECENT", recent)
        ImageFolder(tmp_path, image_size=8)
        assert len(hashed) == times


@pytest.mark.parametrize("damage", ["cut", "short", "grown", "empty", "noise", "end", "another"])
def test_a_damaged_cache_is_made_again(tmp_path, damage):
    for i in range(3):
        save_picture(tmp_path / f"{i}.png", seed=i)
    right = bytes_of(ImageFolder(tmp_path, image_size=8))
    (file,) = cached("pixels")
    content = file.read_bytes()
    ImageFolder(tmp_path, image_size=8, n=2)
    (other,) = set(cached("pixels")) - {file}
    bad = {
        "cut": content[:-30],
        "short": content[7:],
        "grown": content + b"x",
        "empty": b"",
        "noise": os.urandom(len(content)),
        "end": content[:-16] + b"\xff" * 8 + content[-8:],
        "another": other.read_bytes(),
    }
    file.write_bytes(bad[damage])
    assert (bytes_of(ImageFolder(tmp_path, image_size=8)) == right).all()
    assert file.read_bytes() == content
    (note,) = [path for path in cached("hashes") if path.read_text().count("\n") == 2]
    note.write_text("nonsense")
    assert (bytes_of(ImageFolder(tmp_path, image_size=8)) == right).all()


def test_a_cache_without_room_says_what_helps(tmp_path, monkeypatch):
    save_picture(tmp_path / "a.png")
    monkeypatch.setattr("os.fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    monkeypatch.setattr(prepared, "RECENT", 3600)
    with pytest.raises(WriteError, match=r"No space left.*needs 0\.0 MB for these 1 pictures.*MINIGEN_CACHE") as caught:
        ImageFolder(tmp_path, image_size=8)
    assert caught.value.errno == 28
    assert cached("*") == []


def test_what_a_killed_process_has_left_is_removed_the_day_after(tmp_path):
    save_picture(tmp_path / "a.png")
    cache = Path(os.environ["MINIGEN_CACHE"]) / "pictures"
    cache.mkdir()
    old, new = cache / ".old.pixels.xyz.part", cache / ".new.pixels.xyz.part"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    ImageFolder(tmp_path, image_size=8)
    assert not old.exists()
    assert new.exists()  # another process may be writing it


def test_threads_keep_the_order(tmp_path):
    for i in range(200):
        save_picture(tmp_path / f"{i:03}.png", (9 + i % 7, 9), seed=i)
    (tmp_path / "150.png").write_bytes(b"")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PictureWarning)
        found = ImageFolder(tmp_path, image_size=8, on_bad_image="skip")
    assert len(found) == 199
    for i, path in enumerate(found.paths):
        assert (found.data[i] == np.asarray(prepared.fit(read_image(path), 8))).all()


def test_a_batch_is_its_samples_and_nobody_can_change_the_cache(tmp_path):
    for i in range(5):
        save_picture(tmp_path / f"{i}.png", seed=i)
    found = ImageFolder(tmp_path, image_size=8, value_range=(-1, 1))
    batch, labels = found.get_batch(np.array([3, 0]))
    assert (batch.numpy()[0] == found[3][0].numpy()).all()
    assert labels.tolist() == [0, 0]
    assert not found.data.flags.writeable
    with pytest.raises(IndexError):
        found[5]


linux = pytest.mark.skipif(sys.platform != "linux", reason="it reads the memory in use as Linux tells it")


@linux
def test_going_through_many_pictures_takes_no_more_memory_than_a_few(tmp_path):
    Image.new("RGB", (64, 64), (1, 2, 3)).save(tmp_path / "0.bmp")
    for i in range(1, 6_000):
        os.link(tmp_path / "0.bmp", tmp_path / f"{i}.bmp")
    found = go_through(tmp_path)
    assert (found["pictures"], found["pixels"]) == (6_000, 70.3125)
    assert found["mapped"] < 40
    assert found["grown"] < 45  # buffers of batches come and go; keeping what was read would be 70


@linux
@pytest.mark.nightly
def test_a_hundred_thousand_pictures_take_little_memory():
    found = measure(100_000)
    first, then = found["first"], found["then"]
    assert (first["pictures"], then["pixels"]) == (100_000, 1171.875)
    assert then["mapped"] < 60
    assert then["grown"] < 60
    assert max(first["highest"], then["highest"]) < 500  # with all that minigen imports, and names for all files
    assert then["seconds_to_open"] < first["seconds_to_open"] / 3  # nothing is decoded again
