"""The built-in digits: the same bytes for the same seed, quickly, cached, and learnable."""

import subprocess
import sys
import time

import numpy as np
import pytest

from minigen.data import Glyphs, WriteError, glyphs
from minigen.data.glyphs import draw_glyphs


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIGEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "glyphs"


def test_grey_glyphs_look_like_mnist():
    digits = Glyphs(n=1000)
    assert digits.data.shape == (1000, 28, 28)
    assert (digits.data.dtype, digits.targets.dtype) == (np.uint8, np.int64)
    assert digits.image_shape == (1, 28, 28)
    border = np.concatenate([digits.data[:, :2].reshape(-1), digits.data[:, :, -2:].reshape(-1)])
    assert border.mean() < 5  # black round a digit in the middle
    assert 0.08 < digits.data.mean() / 255 < 0.20  # MNIST: 0.13
    assert ((digits.data > 60) & (digits.data < 190)).mean() > 0.05  # antialiased
    place = np.arange(28)
    weight = digits.data.sum(axis=(1, 2)).astype(float)
    for axis in (1, 2):
        centre = (digits.data.sum(axis=3 - axis) * place).sum(axis=1) / weight
        assert abs(centre.mean() - 13.5) < 0.5
        assert 0.3 < centre.std() < 2


def test_classes_are_balanced_in_every_run_of_ten():
    labels = Glyphs(n=730).targets
    assert (np.sort(labels.reshape(-1, 10), axis=1) == np.arange(10)).all()
    assert (labels[:10] != labels[10:20]).any()


def test_stroke_widths_vary():
    ones = draw_glyphs(2000)[0][draw_glyphs(2000)[1] == 1]
    ink = ones.mean(axis=(1, 2))
    assert np.quantile(ink, 0.9) > 2 * np.quantile(ink, 0.1)


def test_colour_glyphs():
    digits = Glyphs(n=300, size=32, color=True)
    assert digits.data.shape == (300, 32, 32, 3)
    assert digits[0][0].shape == (3, 32, 32)
    ground = digits.data[:, 0, 0].astype(float)
    assert ground.std(axis=0).min() > 50
    contrast = digits.data.astype(float).std(axis=(1, 2)).mean(axis=1)
    assert contrast.min() > 10


def test_same_seed_same_bytes_and_a_longer_set_begins_with_the_shorter():
    images, labels = draw_glyphs(700, seed=3)
    again, same = draw_glyphs(700, seed=3)
    assert images.tobytes() == again.tobytes()
    assert labels.tobytes() == same.tobytes()
    assert draw_glyphs(30, seed=3)[0].tobytes() == images[:30].tobytes()


def test_another_process_draws_the_same_bytes():
    code = "import hashlib, sys; from minigen.data.glyphs import draw_glyphs; "
    code += "sys.stdout.write(hashlib.sha256(draw_glyphs(100)[0].tobytes()).hexdigest())"
    digests = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(digests) == 1


def test_seeds_parts_and_blocks_share_no_image():
    train, test, other = (
        {image.tobytes() for image in draw_glyphs(1200, **options)[0]}
        for options in ({}, {"train": False}, {"seed": 1})
    )
    assert len(train) == len(test) == len(other) == 1200
    assert not train & test
    assert not train & other


def test_digits_can_be_told_apart():
    """Linear regression on pixels, a weak learner, names most digits of the test part."""
    (x, y), (x_test, y_test) = draw_glyphs(4000), draw_glyphs(500, train=False)
    x, x_test = (a.reshape(len(a), -1) / 255.0 for a in (x, x_test))
    gram = x.T @ x + 30 * np.eye(x.shape[1])
    weight = np.linalg.solve(gram, x.T @ np.eye(10)[y])
    accuracy = ((x_test @ weight).argmax(axis=1) == y_test).mean()
    assert accuracy > 0.85
    assert accuracy < 0.999  # a font without distortion would be learnt by heart


def test_ten_thousand_are_drawn_in_ten_seconds_of_one_core():
    start = time.process_time()
    draw_glyphs(10_000)
    assert time.process_time() - start < 10


# --- the cache ---


def test_second_time_comes_from_the_cache(cache, monkeypatch):
    first = Glyphs(n=40, seed=5)
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr(glyphs, "draw_glyphs", lambda *a: pytest.fail("drawn again"))
    second = Glyphs(n=40, seed=5)
    assert second.data.tobytes() == first.data.tobytes()
    assert second.targets.tobytes() == first.targets.tobytes()


@pytest.mark.parametrize("options", [{"n": 41}, {"size": 20}, {"color": True}, {"seed": 6}, {"train": False}])
def test_the_cache_is_keyed_by_all_that_the_bytes_depend_on(options, cache):
    Glyphs(n=40, seed=5)
    Glyphs(**{"n": 40, "seed": 5, **options})
    assert len(list(cache.iterdir())) == 2


def test_another_version_does_not_read_an_old_cache(cache, monkeypatch):
    Glyphs(n=20)
    monkeypatch.setattr(glyphs, "VERSION", glyphs.VERSION + 1)
    Glyphs(n=20)
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "text", "other shape"])
def test_a_broken_cache_file_is_drawn_again(cache, damage):
    good = Glyphs(n=20)
    (path,) = cache.iterdir()
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 0xFF
    new = {"empty": b"", "cut": content[: len(content) // 2], "flipped": bytes(flipped), "text": b"hello"}
    if damage in new:
        path.write_bytes(new[damage])
    else:
        with open(path, "wb") as file:
            np.savez(file, data=good.data[:, :20], targets=good.targets)
    assert Glyphs(n=20).data.tobytes() == good.data.tobytes()
    assert path.read_bytes() == content


def test_a_cache_that_cannot_be_written_is_done_without(monkeypatch):
    def full(path):
        raise WriteError("cannot write: disk full")

    monkeypatch.setattr(glyphs, "atomic_write", full)
    assert len(Glyphs(n=20)) == 20


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 0}, "n is 0"),
        ({"size": 4}, "size is 4"),
        ({"seed": -1}, "seed is -1"),
        ({"n": 2.5}, "n is 2.5"),
    ],
)
def test_bad_options(options, words):
    with pytest.raises(ValueError, match=words):
        Glyphs(**options)
