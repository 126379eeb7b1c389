"""``minigen data`` and the options of ``minigen train`` that are about data, as they are used."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from datafiles import save_picture, write_mnist
from PIL import Image

from minigen.cli import main
from minigen.data import ImageFolder
from minigen.data.preview import chosen, described, facts

TINY = "train vae --hidden-size 8 --latent-size 2 --batch-size 2 --steps 1 --image-size 28"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, tmp_path_factory, monkeypatch):
    """Work in an empty folder, on a machine without real data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIGEN_DATA", raising=False)
    monkeypatch.delenv("MINIGEN_OFFLINE", raising=False)
    monkeypatch.setenv("MINIGEN_CACHE", str(tmp_path_factory.mktemp("cache")))
    return tmp_path


@pytest.fixture
def photos(elsewhere):
    """Return a folder of two classes, with a broken picture, a text and something hidden."""
    Image.new("RGB", (90, 60), (250, 0, 0)).save(elsewhere / "a.png")
    folder = elsewhere / "photos"
    for i, mode in enumerate(("RGB", "L", "CMYK")):
        save_picture(folder / "cats" / f"{i}.jpg", (60 + i, 40), mode)
    save_picture(folder / "dögs" / "big.png", (300, 200))
    save_picture(folder / "dögs" / "small.png", (10, 12))
    (folder / "dögs" / "broken.png").write_bytes(b"\x89PNG")
    (folder / "notes.txt").write_text("")
    (folder / ".hidden").write_text("")
    return folder


def refused(capsys, *arguments):
    """Run a command that must fail: exit code 2, nothing on stdout, one line on stderr, which is returned."""
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("minigen: ")
    assert err.count("\n") == 1
    return err


def pixels_of(path):
    with Image.open(path) as image:
        return np.asarray(image)


# --- preview ---


def test_the_preview_says_what_training_would_see(photos, capsys):
    assert main(["data", "preview", "photos"]) == 0
    out, err = capsys.readouterr()
    assert err.startswith("minigen: ImageFolder: 1 of 6 pictures cannot be read and are left out: dögs/broken.png: ")
    for words in (
        "photos: 5 pictures in 2 classes; left out: ",
        "1 hidden file",
        "1 .txt file",
        "1 that cannot be read",
        "classes: cats 3, dögs 2",
        "from 10 x 12 to 300 x 200 pixels; 2 PNG RGB, 1 JPEG RGB, 1 JPEG L, 1 JPEG CMYK",
        "scaled until its shorter edge is 64, then its middle of 64 x 64 is cut out",
        "4 are smaller than 64 x 64 and will be enlarged",
        "preview.png shows 5;",
        "  1  cats/0.jpg",
        "  5  dögs/small.png",
        "minigen train dcgan --data photos --image-size 64 --on-bad-image skip",
    ):
        assert words in out
    assert pixels_of("preview.png").shape[1] > 300


def test_the_picture_shows_what_is_cut_off(elsewhere):
    picture = Image.new("RGB", (60, 20), (200, 200, 200))
    picture.paste((0, 0, 200), (20, 0, 40, 20))  # the middle, which is all that is seen
    (elsewhere / "set").mkdir()
    picture.save(elsewhere / "set" / "a.png")
    assert main(["data", "preview", "set", "--image-size", "16", "--out", "out/p.png"]) == 0
    page = pixels_of("out/p.png").astype(int)
    blue = (page[..., 2] > 150) & (page[..., 0] < 30)
    left, right = blue[:, : page.shape[1] // 2], blue[:, page.shape[1] // 2 :]
    assert 0.9 * 50 * 50 < left.sum() < 54 * 54  # the middle third of a picture that is 160 wide, less its frame
    assert right.sum() == 160 * 160  # what is left, enlarged ten times
    dimmed = (page == 70).all(axis=2)  # 200 at 0.35
    assert dimmed[:, : page.shape[1] // 2].sum() > 4000


def test_a_preview_for_programs(photos, capsys):
    assert main("data preview photos --json --n 2 --out p.jpg".split()) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["samples"] == 5
    assert found["classes"] == {"cats": 3, "dögs": 2}
    assert found["left_out"] == {"hidden file": 1, ".txt file": 1}
    assert list(found["bad"]) == [os.path.join("photos", "dögs", "broken.png")]
    assert len(found["shown"]) == 2
    assert facts(found["preview"]).format == "JPEG"


@pytest.mark.parametrize("name", ["glyphs", "shapes", "ring-8", "mnist"])
def test_every_data_set_has_a_preview(elsewhere, monkeypatch, capsys, name):
    monkeypatch.setenv("MINIGEN_DATA", str(elsewhere))
    write_mnist(elsewhere / "mnist")
    assert main(["data", "preview", name, "--n", "5"]) == 0
    assert f"{name}: 5 samples in preview.png" in capsys.readouterr().out
    assert pixels_of("preview.png").std() > 1


def test_previews_that_cannot_be_made(photos, capsys):
    assert "cannot read the picture" in refused(capsys, "data", "preview", "photos", "--on-bad-image", "error")
    assert "taken for one of the pictures" in refused(capsys, "data", "preview", "photos", "--out", "photos/p.png")
    assert "taken for one" in refused(capsys, "data", "preview", "photos", "--out", "photos/cats/x/p.png")
    assert "let its name end in .png" in refused(capsys, "data", "preview", "glyphs", "--out", "p.bmp")
    assert "there is no folder no/where" in refused(capsys, "data", "preview", "no/where")
    assert "did you mean 'mnist'" in refused(capsys, "data", "preview", "mnits")
    assert "is a file" in refused(capsys, "data", "preview", "photos/cats/0.jpg")
    assert "at least 1" in refused(capsys, "data", "preview", "photos", "--n", "0")
    assert "1 to 4096 pixels" in refused(capsys, "data", "preview", "photos", "--image-size", "100000")
    assert "1 to 4096 pixels" in refused(capsys, "data", "preview", "glyphs", "--image-size", "100000")
    assert "did you mean preview" in refused(capsys, "data", "previw")
    assert "did you mean --image-size" in refused(capsys, "data", "preview", "photos", "--image-siz", "3")
    assert not os.path.exists("preview.png")


def test_samples_are_chosen_evenly():
    assert chosen([0] * 100, 3) == [0, 50, 99]
    assert chosen([0] * 5 + [1] * 5 + [2], 5) == [0, 4, 5, 9, 10]
    assert chosen([2, 0, 1], 99) == [0, 1, 2]
    assert chosen([1, 1, 1], 1) == [0]


def test_facts_are_of_the_upright_picture(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (30, 20)).save(tmp_path / "a.jpg", exif=exif)
    found = facts(tmp_path / "a.jpg")
    assert found == (20, 30, "L", "JPEG")
    assert "33% of the pixels are cut off" in described([found], 8)[1]
    assert len(described([found], 8)) == 2
    assert described([found], 21)[2] == "1 is smaller than 21 x 21 and will be enlarged"


# --- list, and the command alone ---


def test_the_list_says_where_sets_lie(elsewhere, monkeypatch, capsys):
    monkeypatch.setenv("MINIGEN_DATA", str(elsewhere))
    write_mnist(elsewhere / "mnist")
    write_mnist(elsewhere / "mnist", train=False)
    assert main(["data", "list"]) == 0
    out = capsys.readouterr().out
    assert f"in {elsewhere / 'mnist'}" in out
    assert "not on this machine; to fetch it: minigen data download fashion-mnist" in out
    assert main(["data", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["data"]}
    assert rows["mnist"]["folder"] == str(elsewhere / "mnist")
    assert rows["glyphs"]["drawn"]
    assert rows["cifar10"]["folder"] is None


def test_the_command_alone_says_what_it_can(capsys):
    assert main(["data"]) == 0
    out = capsys.readouterr().out
    for word in ("list", "download", "unpack", "preview", "examples:", "Exit codes"):
        assert word in out
    assert "did you mean mnist" in refused(capsys, "data", "download", "mnits")
    refused(capsys, "data", "download")


# --- training on a folder ---


def test_train_refuses_or_skips_broken_pictures_before_it_begins(photos, capsys):
    assert "dögs/broken.png: " in refused(capsys, *TINY.split(), "--data", "photos", "--out", "run")
    assert not os.path.exists("run")
    assert main([*TINY.split(), "--data", "photos", "--out", "run", "--on-bad-image", "skip"]) == 0
    err = capsys.readouterr().err
    assert "1 of 6 pictures cannot be read and are left out: dögs/broken.png" in err
    assert "ImageFolder: 5 pictures in 2 classes; left out: " in err
    assert 'on_bad_image = "skip"' in Path("run/config.toml").read_text()
    assert main("train --resume run --steps 2 --quiet".split()) == 0
    capsys.readouterr()
    assert "choose from" in refused(capsys, *TINY.split(), "--data", "photos", "--on-bad-image", "ignore")


def test_a_run_does_not_become_its_own_data(photos, capsys, monkeypatch):
    (photos / "dögs" / "broken.png").unlink()
    said = refused(capsys, *TINY.split(), "--data", "photos", "--out", "photos/run")
    assert "--out photos/run: its samples would be taken for pictures" in said
    monkeypatch.chdir(photos)
    assert "taken for pictures" in refused(capsys, *TINY.split(), "--data", ".")
    monkeypatch.chdir(photos.parent)
    assert main([*TINY.split(), "--data", "photos/../photos/", "--quiet"]) == 0
    assert os.path.isdir("runs/vae-photos")


def test_any_system_takes_a_folder_at_a_size_that_it_can(photos, capsys):
    (photos / "dögs" / "broken.png").unlink()
    assert main("train lenet --data photos --steps 1 --batch-size 2 --out run --quiet".split()) == 0
    made = list(Path(os.environ["MINIGEN_CACHE"]).rglob("*.pixels"))
    assert len(made) == 1  # none at a size that is not used


def test_output_that_is_no_utf8_does_not_break_it(photos):
    os.rename(photos / "cats", os.fsencode(photos) + b"/\xffcats")
    env = os.environ | {"PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "minigen", "data", "preview", "photos"]
    run = subprocess.run(command, env=env, capture_output=True, check=False)
    assert run.returncode == 0, run.stderr
    assert b"  1  d\\xf6gs/big.png" in run.stdout


def test_a_folder_is_the_same_for_library_and_command(photos, capsys):
    (photos / "dögs" / "broken.png").unlink()
    assert main(["data", "preview", "photos", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["samples"] == len(ImageFolder("photos"))
