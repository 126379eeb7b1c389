"""``minigen check --shapes``: it finds sizes that do not fit, in lines of the file, and is silent where all fits."""

import json

import pytest

from minigen.checks.shapes import sizes_said
from minigen.cli import main
from minigen.course.catalogue import exercises
from minigen.course.copies import blank, page_of

HEAD = "import minigen\nimport minigen.nn.functional as F\nfrom minigen import nn\n\n\n"
CNN = (
    HEAD
    + """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc = nn.Linear(FEATURES, 10)

    def forward(self, x):
        x = F.max_pool2d(self.conv1(x).relu(), 2)
        x = F.max_pool2d(self.conv2(x).relu(), 2)
        x = FLAT
        return self.fc(x)
"""
)
GAN = (
    HEAD
    + """\
class Generator(nn.Module):
    def __init__(self, latent_dim):
        super().__init__()
        self.net = nn.Sequential(
            nn.ConvTranspose2d(latent_dim, 32, 4), nn.BatchNorm2d(32), nn.ReLU(),
            nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(8, CHANNELS, 4, 2, 1), nn.Tanh(),
        )

    def forward(self, z):
        return self.net(z)


class Block(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 4, 2, 1)

    def forward(self, x):
        return F.leaky_relu(self.conv(x), 0.2)


class Discriminator(nn.Module):
    def __init__(self, img_channels=3):
        super().__init__()
        self.net = nn.Sequential(Block(img_channels, 8), Block(8, 16), BLOCKS nn.Conv2d(16, 1, 4))

    def forward(self, x):
        return self.net(x)
"""
)


def cnn(features, flat):
    return CNN.replace("FEATURES", features).replace("FLAT", flat)


def gan(blocks, channels="3", said=""):
    return said + GAN.replace("BLOCKS", "Block(16, 16), " * blocks).replace("CHANNELS", channels)


KEPT, FOLDED = "x.view(x.size(0), -1)", "x.view(-1, self.fc.in_features)"
FAULTS = {
    "flatten, said": ("image_size = 32\n" + cnn("16 * 16 * 16", KEPT), ["wants 4096", "16*8*8 = 1024", "line 18"]),
    "flatten, by an example": (
        cnn("16 * 16 * 16", KEPT) + "\n\nnet = Net()\nnet(minigen.randn(8, 3, 32, 32))\n",
        ["net", "wants 4096", "nn.Linear(1024, ...)"],
    ),
    "folded": (cnn("16 * 16 * 16", FOLDED), ["glued together: (4, 16, 8, 8) becomes (1, 4096)", "line 16"]),
    "folded, the other way": (cnn("16 * 4 * 4", FOLDED), ["(1, 16, 8, 8) becomes (4, 256)", "nn.Linear(1024, ...)"]),
    "folded by reshape": (cnn("16 * 16 * 16", FOLDED.replace("view", "reshape")), ["glued together", "line 16"]),
    "folded, and then the file breaks off": (
        cnn("16 * 16 * 16", FOLDED) + "\n\nF.cross_entropy(Net()(minigen.randn(4, 3, 32, 32)), minigen.arange(4))\n",
        ["glued together"],
    ),
    "votes": (gan(0), ["makes pictures of (3, 32, 32)", "gives 25 numbers for each", "one number for 16 by 16"]),
    "too small": (gan(2), ["makes pictures of (3, 32, 32)", "cannot work with them", "one number for 64 by 64"]),
    "not what is said": (
        gan(1, said="img_size = 64\n"),
        ["makes pictures of 32 by 32", "speaks of 64 by 64", "25 numbers"],
    ),
    "channels": (gan(1, channels="1"), ["takes 3 channels", "(1, 32, 32)"]),
}
RIGHT = {
    "kept": cnn("16 * 8 * 8", KEPT),
    "folding that does not show": cnn("16 * 8 * 8", FOLDED),
    "made for another size, and honest": cnn("16 * 16 * 16", KEPT),
    "said and right": "image_size = 64\n" + cnn("16 * 16 * 16", KEPT),
    "a pair": gan(1),
    "a pair, said": gan(1, said="img_size = 32\n"),
    "grey digits": cnn("16 * 7 * 7", KEPT).replace("Conv2d(3,", "Conv2d(1,"),
    "any size": cnn("16", "x.mean((2, 3))"),
}


def check(text, folder, *words):
    (folder / "model.py").write_text(text)
    return main(["check", "--shapes", str(folder / "model.py"), *words])


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault, tmp_path, capsys):
    text, words = FAULTS[fault]
    assert check(text, tmp_path) == 1
    out, err = capsys.readouterr()
    assert [word for word in words if word not in out] == []
    assert err == ""


@pytest.mark.parametrize("name", RIGHT)
def test_where_all_fits_nothing_is_found(name, tmp_path, capsys):
    assert check(RIGHT[name], tmp_path) == 0, capsys.readouterr().out
    assert "nothing found" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["FoldedNet", "Generator32"])
def test_it_finds_the_shape_faults_of_the_museum(name, tmp_path, capsys):
    page = page_of(exercises()[name])
    assert check(blank(page), tmp_path) == 1
    assert check(page, tmp_path) == 0, capsys.readouterr().out


def test_the_findings_can_be_read_by_programs(tmp_path, capsys):
    assert check(FAULTS["folded"][0], tmp_path, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["findings"][0]["line"] == 16
    assert found["networks"] == [{"name": "Net", "takes": "pictures", "channels": 3}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "it has no network that takes pictures or noise"),
        ("def f(:\n", "SyntaxError"),
        ("import nowhere_at_all\n", "No module named 'nowhere_at_all'"),
    ],
)
def test_a_file_without_networks_is_one_line_and_exit_code_2(text, message, tmp_path, capsys):
    assert check(text, tmp_path) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and message in err


def test_what_else_the_option_can_be_given(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(RIGHT["kept"])
    assert main(["check", "--shapes", "nowhere.py"]) == 2
    assert main(["check", "model.py::Net", "--shapes", "model.py"]) == 2
    assert main(["check", "--shapes", "2,3"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert "there is no such file" in said[0]
    assert "or one file alone: minigen check --shapes model.py" in said[1]
    assert "required: FILE::NAME" in said[2]


def test_sizes_in_a_text():
    assert sizes_said("img_size = 64; x = randn(8, 3, 28, 28)  # 32x32 or 32 × 32, not 3x4") == [64, 28, 32]
    assert sizes_said("def f(image_size: int = 48): ...") == [48]
    assert sizes_said("2x2 pooling, 4096x4096") == []
