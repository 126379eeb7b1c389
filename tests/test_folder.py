"""Your own pictures: which of a folder are taken, and what becomes of each kind of them, and of broken ones."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from datafiles import save_picture
from PIL import Image

from minigen import data
from minigen.data import (
    DataLoader,
    ImageFolder,
    PictureError,
    PictureWarning,
    RandomPieces,
    WholePictures,
    prepared,
)
from minigen.data.pictures import read_image
from minigen.data.transforms import CenterCrop, Resize


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


# --- which pictures, and of which class ---


def test_pictures_of_all_kinds_get_one_size(tmp_path):
    save_picture(tmp_path / "b.jpg", (64, 48))
    save_picture(tmp_path / "a.png", (20, 50), "RGBA")
    save_picture(tmp_path / "c.PNG", (10, 10), "L")
    save_picture(tmp_path / "d.gif", (33, 20), "P")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "sub").mkdir()
    found = ImageFolder(tmp_path, image_size=16)
    assert [p.name for p in found.paths] == ["a.png", "b.jpg", "c.PNG", "d.gif"]
    batch, labels = next(iter(DataLoader(found, 4, num_workers=2)))
    assert batch.shape == (4, *found.image_shape) == (4, 3, 16, 16)
    assert labels.tolist() == [0, 0, 0, 0]
    assert 0 <= batch.numpy().min() < batch.numpy().max() <= 1
    grey = ImageFolder(tmp_path, image_size=16, channels=1, value_range=(-1, 1))[0][0]
    assert grey.shape == (1, 16, 16)
    assert grey.numpy().min() < 0


def test_sub_folders_are_classes_however_deep_they_are(tmp_path):
    for name in ("dogs", "cats/indoor", "cats/outdoor/wild", "dogs/small"):
        for i in range(2):
            save_picture(tmp_path / name / f"{i}.png")
    (tmp_path / "birds").mkdir()
    found = ImageFolder(tmp_path, image_size=8, transform=lambda image: np.asarray(image).shape)
    assert found.classes == ["cats", "dogs"]  # one without pictures is none
    assert found.skipped == {"empty folder": 1}
    assert found.targets.tolist() == [0] * 4 + [1] * 4
    assert found[4] == ((8, 8, 3), 1)
    assert found[-1][1] == 1


def test_one_folder_around_the_classes_is_passed_through(tmp_path):
    for name in ("all/of/them/cats", "all/of/them/dogs"):
        save_picture(tmp_path / name / "0.png")
    (tmp_path / "__MACOSX").mkdir()
    found = ImageFolder(tmp_path, image_size=8)
    assert found.classes == ["cats", "dogs"]
    assert found.root == tmp_path / "all/of/them"
    save_picture(tmp_path / "all/of/them.png")
    assert ImageFolder(tmp_path, image_size=8).classes == ["all"]  # now it is a class of its own


def test_what_is_left_out_is_counted(tmp_path):
    save_picture(tmp_path / "cats" / "a.png")
    for name in ("notes.txt", "cats/more.txt", "cats/a.heic", "README", ".DS_Store", "cats/._a.png"):
        (tmp_path / name).write_text("")
    save_picture(tmp_path / ".ipynb_checkpoints" / "hidden.png")
    os.symlink("nowhere", tmp_path / "cats" / "gone.png")
    os.mkfifo(tmp_path / "cats" / "pipe.png")  # opening it would wait for ever
    os.symlink(tmp_path, tmp_path / "cats" / "around")
    found = ImageFolder(tmp_path, image_size=8)
    assert [path.name for path in found.paths] == ["a.png"]
    assert found.skipped == {
        ".txt file": 2,
        ".heic file": 1,
        "other file": 1,
        "hidden file": 3,
        "broken link": 1,
        "pipe or device": 1,
        "link back to its own folder": 1,
    }
    assert "left out: 3 hidden files, 2 .txt files" in repr(found)


def test_links_to_pictures_and_folders_are_followed(tmp_path):
    save_picture(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "set").mkdir()
    os.symlink(tmp_path / "elsewhere", tmp_path / "set" / "cats")
    (tmp_path / "set" / "dogs").mkdir()
    os.symlink(tmp_path / "elsewhere" / "a.png", tmp_path / "set" / "dogs" / "b.png")
    found = ImageFolder(tmp_path / "set", image_size=8)
    assert (found.classes, found.targets.tolist()) == (["cats", "dogs"], [0, 1])


def test_names_in_any_script_and_case(tmp_path):
    names = ["z.PNG", "Z.png", "猫.png", "o\u0308.png", "ö2.jpg", " .png", "a\nb.png", "'\".png", "-n.png", "%s{0}.png"]
    for name in names:
        save_picture(tmp_path / "κλάση" / name)
    save_picture(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe/1.png")))
    found = ImageFolder(tmp_path, image_size=8)
    assert len(found) == len(names) + 1
    assert len(found.classes) == 2
    assert bytes_of(found).shape == (len(names) + 1, 3, 8, 8)
    assert cached("hashes")


def test_folders_whose_classes_nobody_can_tell_are_refused(tmp_path):
    save_picture(tmp_path / "loose.png")
    save_picture(tmp_path / "cats" / "a.png")
    with pytest.raises(ValueError, match=r"holds pictures itself \(loose\.png\) and in its sub-folders \(cats\)"):
        ImageFolder(tmp_path)


def test_errors_teach(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        ImageFolder(tmp_path / "nowhere")
    (tmp_path / "file.png").write_text("")
    with pytest.raises(NotADirectoryError, match="is a file; give the folder"):
        ImageFolder(tmp_path / "file.png")
    (tmp_path / "file.zip").write_text("")
    with pytest.raises(NotADirectoryError, match=r"is a file; unpack it first: minigen data unpack .*file\.zip"):
        ImageFolder(tmp_path / "file.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no picture in .*empty.*\.jpg"):
        ImageFolder(tmp_path / "empty")
    (tmp_path / "empty" / "a.heic").write_text("")
    with pytest.raises(ValueError, match=r"no picture in .*\(1 \.heic file\)"):
        ImageFolder(tmp_path / "empty")
    with pytest.raises(OSError, match="cannot read the folder"):
        ImageFolder("x" * 5000)
    with pytest.raises(OSError, match=r"cannot read the folder a\\x00b"):
        ImageFolder("a\0b")
    for options, words in (
        ({"channels": 2}, "channels is 2"),
        ({"image_size": 0}, "image_size is 0"),
        ({"image_size": 8.5}, "image_size is 8.5"),
        ({"on_bad_image": "ignore"}, "must be one of error, skip"),
        ({"value_range": (1, 0)}, "value_range"),
    ):
        save_picture(tmp_path / "good" / "a.png")
        with pytest.raises(ValueError, match=words):
            ImageFolder(tmp_path / "good", **options)
    with pytest.raises(TypeError, match="root must be the path"):
        ImageFolder(3)


def test_folders_that_cannot_be_read(tmp_path, monkeypatch):
    save_picture(tmp_path / "cats" / "deep" / "a.png")
    scan = os.scandir

    def scandir(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    class Blind:
        """An entry of a folder that may be listed, but in which nothing may be looked at."""

        def __init__(self, path):
            self.path, self.name = str(path), path.name

        def is_dir(self):
            return False

        def stat(self):
            raise PermissionError(13, "Permission denied")

    class Blinded(list):
        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", lambda path: Blinded([Blind(tmp_path / "a.png")]))
        with pytest.raises(PermissionError, match=r"no permission to look at .*a\.png"):
            ImageFolder(tmp_path)
    monkeypatch.setattr(os, "scandir", scandir)  # for root, who may read everything
    with pytest.raises(PermissionError, match=r"no permission to read the folder .*deep"):
        ImageFolder(tmp_path)


def test_so_many_pictures_are_taken_from_all_classes(tmp_path):
    for name, count in (("a", 5), ("b", 1), ("c", 3)):
        for i in range(count):
            save_picture(tmp_path / name / f"{i}.png")
    for n, targets in ((1, [0]), (3, [0, 1, 2]), (5, [0, 0, 1, 2, 2]), (8, [0, 0, 0, 0, 1, 2, 2, 2]), (99, None)):
        found = data.load(tmp_path, n=n, image_size=8)
        assert found.targets.tolist() == (targets or [0] * 5 + [1] + [2] * 3)
        assert found.classes == ["a", "b", "c"]
    found = data.load(tmp_path, n=5, image_size=8)
    assert [path.name for path in found.paths] == ["0.png", "1.png", "0.png", "0.png", "1.png"]


# --- what becomes of a picture ---


@pytest.mark.parametrize(
    ("name", "mode", "value", "rgb"),
    [
        ("a.png", "L", 100, (100, 100, 100)),
        ("a.png", "1", 1, (255, 255, 255)),
        ("a.png", "LA", (100, 0), (255, 255, 255)),
        ("a.png", "LA", (100, 255), (100, 100, 100)),
        ("a.png", "RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("a.png", "RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("a.webp", "RGBA", (255, 0, 0, 0), (255, 255, 255)),
        ("a.png", "I;16", 100 * 257, (100, 100, 100)),
        ("a.tif", "I;16", 65535, (255, 255, 255)),
        ("a.tif", "CMYK", (255, 0, 0, 0), (0, 255, 255)),
        ("a.bmp", "RGB", (1, 2, 3), (1, 2, 3)),
        ("a.pgm", "L", 7, (7, 7, 7)),
    ],
)
def test_every_mode_becomes_eight_bits(tmp_path, name, mode, value, rgb):
    options = {"lossless": True} if name.endswith("webp") else {}
    Image.new(mode, (8, 6), value).save(tmp_path / name, **options)
    found = ImageFolder(tmp_path, image_size=4)
    assert (found.data == np.array(rgb, np.uint8)).all()
    assert (found[0][0].numpy() * 255).round().transpose(1, 2, 0)[0, 0].tolist() == list(rgb)


def test_palettes_may_have_a_transparent_colour(tmp_path):
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.gif", transparency=1)
    found = ImageFolder(tmp_path, image_size=4)
    assert found.data[0, 0, 0].tolist() == [200, 100, 50]
    assert found.data[1, 0, 0].tolist() == [255, 255, 255]


def test_an_animation_gives_its_first_picture(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert ImageFolder(tmp_path, image_size=4).data[0, 0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("value", [1.5, -3, 70_000])
def test_numbers_that_do_not_say_what_is_white_are_refused(tmp_path, value):
    Image.new("F" if isinstance(value, float) else "I", (4, 4), value).save(tmp_path / "a.tif")
    with pytest.raises(PictureError, match=r"a\.tif: its pixels are .*save it with 8 or 16 bits"):
        ImageFolder(tmp_path)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(tmp_path, orientation):
    upright = np.zeros((24, 16, 3), np.uint8)
    upright[:12, :8], upright[:12, 8:], upright[12:, :8] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    turned = [0, 2, 3, 4, 5, 6, 7, 8][orientation - 1]  # Pillow's numbers of turns differ from EXIF's
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}.get(turned)
    image = Image.fromarray(upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = image if undo is None else image.transpose(Image.Transpose(undo))
    stored.save(tmp_path / "a.png", exif=exif)
    assert (np.asarray(read_image(tmp_path / "a.png")) == upright).all()


def test_the_middle_is_cut_out_at_the_size_of_the_shorter_edge(tmp_path):
    save_picture(tmp_path / "a.png", (50, 20))
    save_picture(tmp_path / "b.png", (7, 9))
    found = ImageFolder(tmp_path, image_size=16)
    for i, path in enumerate(found.paths):
        assert (found.data[i] == np.asarray(CenterCrop(16)(Resize(16)(Image.open(path))))).all()


def test_a_thread_of_pixels_does_not_become_a_large_picture(tmp_path, monkeypatch):
    Image.new("L", (1, 20_000), 50).save(tmp_path / "a.png")
    largest = []
    resize = Resize.__call__
    monkeypatch.setattr(Resize, "__call__", lambda self, image: largest.append(resize(self, image)) or largest[-1])
    assert (ImageFolder(tmp_path, image_size=32).data == 50).all()
    assert max(largest[0].size) == 32 * prepared.LONG


def test_the_content_counts_not_the_name_and_only_picture_formats_are_opened(tmp_path):
    save_picture(tmp_path / "a.jpg", format="PNG")
    assert len(ImageFolder(tmp_path, image_size=8)) == 1
    Image.new("RGB", (8, 8)).save(tmp_path / "b.png", format="EPS")  # Pillow reads it by running Ghostscript
    with pytest.raises(PictureError, match=r"b\.png: its content is none of JPEG, PNG"):
        ImageFolder(tmp_path, image_size=8)


def test_pictures_that_are_too_large_are_refused(tmp_path, monkeypatch):
    save_picture(tmp_path / "bomb.png", (40, 30))
    for limit in (1000, 100):  # Pillow only warns about the first
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(PictureError, match=rf"bomb\.png: it has more pixels than the limit, {limit:,}"):
            ImageFolder(tmp_path, image_size=4)
        for part in cached("pixels"):
            part.unlink()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with pytest.raises(PictureError, match=rf"bomb\.png.*limit.*{limit:,}"):
                read_image(tmp_path / "bomb.png")


# --- broken pictures ---


@pytest.fixture
def some_broken(tmp_path):
    """Return a folder of two classes with three good pictures and three broken ones."""
    for i in range(3):
        save_picture(tmp_path / "ab"[i % 2] / f"good{i}.png", seed=i)
    whole = (tmp_path / "a" / "good0.png").read_bytes()
    (tmp_path / "a" / "cut.png").write_bytes(whole[:1500])
    (tmp_path / "a" / "empty.jpg").write_bytes(b"")
    (tmp_path / "b" / "text.png").write_bytes(b"not a picture")
    return tmp_path


def test_all_broken_pictures_are_named_before_anything_else_happens(some_broken):
    with pytest.raises(PictureError) as caught:
        ImageFolder(some_broken, image_size=8)
    said = str(caught.value)
    assert said.startswith(f"cannot read the picture {some_broken}/a/cut.png: it is cut off")
    assert "(2 others cannot be read either: a/empty.jpg: its content is none of JPEG" in said
    assert "b/text.png" in said
    assert said.endswith("--on-bad-image skip)")


def test_broken_pictures_are_skipped_and_named_when_asked(some_broken):
    with pytest.warns(PictureWarning, match=r"3 of 6 .* left out: a/cut\.png: it is cut off .*b/text\.png"):
        found = ImageFolder(some_broken, image_size=8, on_bad_image="skip")
    assert [path.name for path in found.paths] == ["good0.png", "good2.png", "good1.png"]
    assert found.targets.tolist() == [0, 0, 1]
    assert [path.name for path in found.bad] == ["cut.png", "empty.jpg", "text.png"]
    assert "3 pictures in 2 classes" in repr(found)
    assert "3 that cannot be read" in repr(found)
    for i, path in enumerate(found.paths):  # pixels and labels still belong together
        assert (found.data[i] == np.asarray(prepared.fit(read_image(path), 8))).all()


def test_a_class_of_broken_pictures_alone_is_none(tmp_path):
    for name in "acd":
        save_picture(tmp_path / name / "good.png")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "broken.png").write_bytes(b"")
    with pytest.warns(PictureWarning, match=r"1 of 4 .*b/broken\.png"):
        found = ImageFolder(tmp_path, image_size=8, on_bad_image="skip")
    assert (found.classes, found.targets.tolist()) == (["a", "c", "d"], [0, 1, 2])


def test_many_broken_pictures_are_counted(tmp_path):
    save_picture(tmp_path / "good.png")
    for i in range(9):
        (tmp_path / f"{i}.png").write_bytes(b"x" * i)
    with pytest.warns(PictureWarning, match=r"9 of 10 .*: 0\.png.*4\.png: [^;]*; and 4 more$"):
        ImageFolder(tmp_path, image_size=8, on_bad_image="skip")
    (tmp_path / "good.png").unlink()
    with pytest.raises(PictureError, match=r"0\.png.*8 others"):
        ImageFolder(tmp_path, image_size=8, on_bad_image="skip")  # there is nothing else


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "bmp", "webp", "tif"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_pictures_are_named(tmp_path, ending, share):
    save_picture(tmp_path / f"whole.{ending}", (64, 64))
    content = (tmp_path / f"whole.{ending}").read_bytes()
    (tmp_path / f"cut.{ending}").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(PictureError, match=rf"cut\.{ending}"):
        ImageFolder(tmp_path, image_size=8)


@pytest.mark.parametrize(("ending", "options"), [("png", {}), ("jpg", {}), ("jpg", {"progressive": True}), ("gif", {})])
def test_a_picture_that_is_cut_anywhere_is_refused_or_has_all_its_pixels(tmp_path, ending, options):
    path = tmp_path / f"a.{ending}"
    save_picture(path, (24, 20), **options)
    whole, content = np.asarray(read_image(path)), path.read_bytes()
    refused = 0
    for length in range(0, len(content), 11):
        path.write_bytes(content[:length])
        try:
            assert (np.asarray(read_image(path)) == whole).all()
        except PictureError:
            refused += 1
    assert refused > 0.9 * len(content) / 11


def test_a_picture_that_may_not_be_read_is_a_broken_one_and_is_not_remembered(tmp_path, monkeypatch):
    save_picture(tmp_path / "a.png")
    save_picture(tmp_path / "b.png", seed=1)
    hashing = prepared.sha256_of

    def sha256_of(path):
        if str(path).endswith("b.png"):
            raise PermissionError(13, "Permission denied")
        return hashing(path)

    with monkeypatch.context() as patch:
        patch.setattr(prepared, "sha256_of", sha256_of)
        with pytest.raises(PictureError, match=r"b\.png: Permission denied"):
            ImageFolder(tmp_path, image_size=8)
        with pytest.warns(PictureWarning, match="Permission denied"):
            assert len(ImageFolder(tmp_path, image_size=8, on_bad_image="skip")) == 1
    assert len(ImageFolder(tmp_path, image_size=8)) == 2


def test_the_faults_of_a_disk_are_not_remembered_as_those_of_a_picture(tmp_path, monkeypatch):
    save_picture(tmp_path / "a.png")

    def too_many_files(*arguments, **options):
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(Image, "open", too_many_files)
        with pytest.raises(PictureError, match="Too many open files"):
            ImageFolder(tmp_path, image_size=8, on_bad_image="skip")
    assert cached("pixels") == []
    assert len(ImageFolder(tmp_path, image_size=8)) == 1


def test_a_picture_that_changes_while_it_is_read_is_not_remembered(tmp_path, monkeypatch):
    save_picture(tmp_path / "a.png", seed=1)

    def slow_read(path, channels=3):
        image = read_image(path, channels)
        save_picture(tmp_path / "a.png", seed=2)
        return image

    with monkeypatch.context() as patch:
        patch.setattr(prepared, "read_image", slow_read)
        with pytest.raises(PictureError, match=r"a\.png: it was changed while it was read.*or try again"):
            ImageFolder(tmp_path, image_size=8)
    assert cached("pixels") == []
    right = np.asarray(prepared.fit(read_image(tmp_path / "a.png"), 8))
    assert (ImageFolder(tmp_path, image_size=8).data[0] == right).all()


def test_pieces_of_pictures_and_whole_ones_skip_and_refuse_alike(some_broken):
    for make in (
        lambda **options: RandomPieces(some_broken, 8, **options),
        lambda **o: WholePictures(some_broken, **o),
    ):
        with pytest.raises(PictureError, match=r"cut\.png"):
            make()
        with pytest.warns(PictureWarning, match="3 of 6"):
            found = make(on_bad_image="skip")
        assert len(found.paths) == 3
        assert found[-1][1] == 1
        with pytest.raises(ValueError, match="low, high"):
            make(on_bad_image="skip", value_range=(1, 0))
