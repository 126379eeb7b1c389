"""Every system from the command line: trained on its own data, sampled, evaluated; and a system in a user's file."""

import json
import re

import pytest
from PIL import Image
from table.systems import SMALL
from test_cli import elsewhere, refused  # noqa: F401 (a fixture that all tests here use)

from minigen import models
from minigen.cli import main
from minigen.training import Config, read_config

OWN = '''
from dataclasses import dataclass

import minigen
from minigen import nn
from minigen.models import VAE, System
from minigen.optim import SGD


@dataclass
class Options:
    batch_size: int = 8
    lr: float = 0.1


class Mean(System):
    """Learns the mean image."""

    name, Options, generates = "mean", Options, False

    def __init__(self, options=None, *, shape=(1, 28, 28), classes=10):
        super().__init__(options, shape=shape, classes=classes)
        self.mean = nn.Parameter(minigen.zeros(*shape))
        self.optimizers = {"mean": SGD([self.mean], lr=self.options.lr)}

    def training_step(self, batch):
        loss = ((batch[0] - self.mean) ** 2).sum() / len(batch[0])
        self.optimizers["mean"].zero_grad()
        loss.backward()
        self.optimizers["mean"].step()
        return {"loss": loss}

    def evaluate(self, loader):
        return {"norm": float((self.mean**2).sum())}
'''


def words(options):
    return [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]


@pytest.mark.parametrize("name", models.SYSTEMS)
def test_a_system_trains_on_its_own_data_and_is_sampled_and_evaluated(name, elsewhere, capsys):  # noqa: F811
    small = words({"batch_size": 8} | SMALL[name])
    assert main(["train", name, "--steps", "2", "--images", "60", "--quiet", "--out", "run", *small]) == 0
    kind = models.SYSTEMS[name]
    assert read_config("run").data == kind.data
    if kind.generates or kind.restores:
        assert (elsewhere / "run/samples/step-00000002.png").exists()
        assert main(["sample", "run", "--n", "6", "--out", "six.png"]) == 0
        with Image.open("six.png") as picture:
            assert min(picture.size) > 20
    capsys.readouterr()
    assert main(["evaluate", "run", "--samples", "40"]) == 0
    out, err = capsys.readouterr()
    found = json.loads((elsewhere / "run/evaluation/figures.json").read_text())
    assert found["figures"]
    assert ("samples has 40 rows for 64 features" in err) == kind.generates
    assert all(re.search(rf"^  {re.escape(figure)} +-?[\d.]+$", out, re.MULTILINE) for figure in found["figures"])
    page = (elsewhere / "run/evaluation/page.html").read_text()
    shown = re.findall(r'<img src="([^"]+)"', page)
    assert "curves.png" in shown
    assert all((elsewhere / "run/evaluation" / picture).exists() for picture in shown)
    expected = {"grid.png", "interpolation.png", "neighbours.png"} if kind.generates else set()
    assert set(shown) >= expected | ({"restored.png"} if kind.restores else set())
    if kind.generates:
        assert set(found["samples"]["figures"]["frechet_distance"]) == {"value", "floor", "ceiling"}
        assert "training" in out


@pytest.mark.parametrize("name", [name for name, kind in models.SYSTEMS.items() if kind.takes_points])
def test_points_in_the_plane_are_drawn_and_counted(name, elsewhere, capsys):  # noqa: F811
    small = words({"batch_size": 8} | SMALL[name])
    assert main(["train", name, "--data", "grid-25", "--steps", "2", "--quiet", "--out", "run", *small]) == 0
    assert main(["sample", "run", "--n", "50", "--out", "points.png"]) == 0
    assert main(["evaluate", "run", "--samples", "100"]) == 0
    found = json.loads((elsewhere / "run/evaluation/figures.json").read_text())["samples"]
    assert found["modes"] == 25
    assert found["modes_100"] <= found["modes_20"] <= 25
    assert 0 <= found["kl"] <= 3.3
    assert main(["train", name, "--data", "moons", "--steps", "2", "--quiet", "--out", "two", *small]) == 0
    assert main(["evaluate", "two", "--samples", "100"]) == 0, "there are no modes to count, but pictures to be drawn"


def test_a_folder_without_a_test_part_is_shown_and_not_measured(elsewhere, capsys):  # noqa: F811
    (elsewhere / "photos").mkdir()
    for shade in range(30):
        Image.new("L", (28, 28), 8 * shade).save(elsewhere / "photos" / f"{shade}.png")
    command = "train vae --hidden-size 4 --batch-size 8 --steps 1 --channels 1 --image-size 28 --quiet "
    command += "--data photos --out run"
    main(command.split())
    capsys.readouterr()
    assert main(["evaluate", "run", "--samples", "40"]) == 0
    assert "on 0 test images" in capsys.readouterr().out
    found = json.loads((elsewhere / "run/evaluation/figures.json").read_text())
    assert found["figures"] == {}
    assert found["samples"] is None
    assert main(["evaluate", "run", "--samples", "40", "--data", "photos"]) == 0
    assert json.loads((elsewhere / "run/evaluation/figures.json").read_text())["samples"]["images"]["test"] == 30


def test_a_label_is_for_those_who_can_be_told(elsewhere, capsys):  # noqa: F811
    small = words({"batch_size": 8} | SMALL["cgan"])
    main(["train", "cgan", "--steps", "1", "--images", "40", "--quiet", "--out", "told", *small])
    main([*"train vae --hidden-size 4 --steps 1 --images 40 --quiet --out untold".split(), "--batch-size", "8"])
    capsys.readouterr()
    assert main("sample told --label 3 --n 4 --out threes.png".split()) == 0
    assert main("sample told --n 4 --out turn.png".split()) == 0
    assert (elsewhere / "threes.png").read_bytes() != (elsewhere / "turn.png").read_bytes()
    capsys.readouterr()
    assert "there are 10 classes, 0 to 9" in refused(capsys, "sample", "told", "--label", "10")
    assert "cannot be told what to draw" in refused(capsys, "sample", "untold", "--label", "1")
    assert "draws from noise" in refused(capsys, "sample", "untold", "--data", "glyphs")


def test_a_system_in_a_file_of_ones_own_is_trained_resumed_and_evaluated(elsewhere, capsys):  # noqa: F811
    (elsewhere / "mine.py").write_text(OWN)
    assert main("train mine.py --steps 2 --images 40 --lr 0.25 --quiet --out run".split()) == 0
    assert read_config("run") == Config(
        system=str(elsewhere / "mine.py"),
        data="glyphs",
        images=40,
        epochs=None,
        steps=2,
        options={"batch_size": 8, "lr": 0.25},
    )
    assert main("train --resume run --system mine.py --steps 4 --quiet".split()) == 0
    assert main("evaluate run --system mine.py".split()) == 0
    assert "mean of run" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no such file"),
        ("x = 1", "one subclass of minigen.models.System is wanted; here is none"),
        (OWN + "class Other(Mean): pass\n", "here is Mean, Other"),
        ("import nowhere", "mine.py, line 1: ModuleNotFoundError: No module named 'nowhere'"),
        ("def", "mine.py, line 1: SyntaxError"),
        ("import sys; sys.exit(0)", "mine.py, line 1: SystemExit: 0"),
    ],
)
def test_a_file_that_is_no_system_is_one_line(text, message, elsewhere, capsys):  # noqa: F811
    if text is not None:
        (elsewhere / "mine.py").write_text(text)
    assert message in refused(capsys, "train", "mine.py", "--out", "run")
    assert not (elsewhere / "run").exists()


def test_options_that_are_lists_survive_a_checkpoint_and_a_configuration(elsewhere):  # noqa: F811
    """The command line cannot give them, but a dataclass may have them."""
    listed = OWN.replace("    lr: float = 0.1\n", "    lr: float = 0.1\n    widths: tuple = (3, 5)\n")
    (elsewhere / "mine.py").write_text(listed)
    assert main("train mine.py --steps 1 --images 40 --quiet --out run".split()) == 0
    assert main("train --resume run --system mine.py --steps 2 --quiet".split()) == 0
    assert main("train --config run/config.toml --system mine.py --quiet --out again".split()) == 0
    assert main("evaluate again --system mine.py".split()) == 0
