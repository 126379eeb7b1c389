"""The training doctor: each finding is provoked on purpose, by a run that goes wrong; no healthy run is accused."""

import re
from pathlib import Path

import numpy as np
import pytest
import standin
from table.systems import make, shapes_of

import minigen
from minigen import models, nn
from minigen.cli import doctor as command
from minigen.cli import main
from minigen.data import DataLoader, Glyphs, TensorDataset, Toy2D
from minigen.models import DCGAN, VAE, System, dcgan, vae
from minigen.models.system import random_state_of
from minigen.optim import SGD, Adam
from minigen.training import Trainer, doctor, read_log
from minigen.training.doctor import Doctor
from minigen.training.findings import (
    checkerboard,
    collapse,
    discriminator_won,
    exploding_loss,
    mean_distance,
    missing_classes,
)

PAGE = (Path(__file__).parents[1] / "docs" / "doctor.md").read_text(encoding="utf-8")
SECTIONS = {heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.+)$", PAGE, re.MULTILINE)}
SMALL_VAE = {"hidden_size": 16, "latent_size": 4, "batch_size": 16}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, tmp_path_factory, monkeypatch):
    """Work in an empty folder, on a machine without real data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIGEN_DATA", raising=False)
    monkeypatch.setenv("MINIGEN_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def early(monkeypatch):
    """Judge samples and latents after 100 steps of a tiny network."""
    monkeypatch.setattr(doctor, "PATIENCE", 100)


def digits(system, n=128):
    low_high = system.value_range
    _, height, _ = system.shape
    return Glyphs(n, height, color=system.shape[0] == 3, value_range=low_high)


def findings(capsys, system, steps, dataset=None, every=50, **options):
    """Train, and return what was said meanwhile, by name; each must have a section in docs/doctor.md."""
    dataset = dataset or digits(system)
    loader = DataLoader(dataset, batch_size=16, shuffle=True, seed=0, drop_last=True)
    options = {"log_every": 5, "sample_every": every, "samples": 8, "checkpoint_every": 10_000} | options
    capsys.readouterr()
    Trainer(system, loader, "run", **options).fit(steps=steps)
    lines = re.findall(
        r"^([a-z][a-zA-Z ]+): (.*) \(docs/doctor\.md#([a-z-]+)\)$", capsys.readouterr().err, re.MULTILINE
    )
    names = [name for name, _, _ in lines]
    assert len(set(names)) == len(names), "said twice"
    assert {section for _, _, section in lines} <= SECTIONS
    return {name: text for name, text, _ in lines}


def small_dcgan(**options):
    minigen.manual_seed(0)
    return DCGAN(dcgan.Options(generator_width=4, discriminator_width=4, latent_size=8, **options))


# --- what goes wrong while training
# ---------------------------------------------------------------------------------


class Descent(System):
    """A line y = w x fitted by gradient descent."""

    Options = vae.Options
    generates = False

    def __init__(self, lr):
        super().__init__(None)
        self.line = nn.Linear(1, 1, bias=False)
        self.optimizers = {"line": SGD(self.parameters(), lr=lr)}

    def training_step(self, batch):
        x = batch[0].flatten(1)[:, :1] * 0 + 1
        loss = ((self.line(x) - 5 * x) ** 2).mean()
        self.optimizers["line"].zero_grad()
        loss.backward()
        self.optimizers["line"].step()
        return {"loss": loss}


def test_an_objective_that_explodes(capsys):
    """Of (w - 5)^2 the curvature is 2: beyond a step size of 1, every step leads further away."""
    found = findings(capsys, Descent(lr=1.1), 60)
    assert set(found) == {"exploding loss"}
    assert "loss grew from" in found["exploding loss"]
    assert "step size (lr)" in found["exploding loss"]


def test_an_objective_that_falls(capsys):
    assert findings(capsys, Descent(lr=0.9), 60, every=60) == {}


@pytest.mark.parametrize("fault", ["no step size", "another network's parameters"])
def test_a_generator_that_does_not_move(capsys, fault):
    system = small_dcgan()
    if fault == "no step size":
        system.optimizers["generator"].param_groups[0]["lr"] = 0.0
    else:
        system.optimizers["generator"] = Adam(dcgan.Generator(system.shape, system.options).parameters())
    found = findings(capsys, system, 100)
    assert set(found) == {"dead generator"}
    assert "moved by 0, at a length of" in found["dead generator"]


def test_an_optimizer_that_steps_now_and_then_is_not_dead(capsys):
    """The generator of a Wasserstein GAN moves once in five steps, and looks may be closer than that."""
    system = make("wgan_gp", n_critic=5)
    assert findings(capsys, system, 12, every=1) == {}


def test_a_discriminator_that_wins(capsys):
    """Against a generator that all but stands still, and stays alone with noise in its hands."""
    system = small_dcgan(lr_discriminator=5e-3)
    system.optimizers["generator"].param_groups[0]["lr"] = 1e-5
    found = findings(capsys, system, 250)
    assert "discriminator won" in found
    assert re.search(r"D\(x\) (0\.99|1\.0).*D\(G\(z\)\) [\d.e-]+, loss_d", found["discriminator won"])


def test_a_generator_that_draws_one_image(capsys, early):
    """Its noise is always the same."""
    system = make("gan", shape=(1, 28, 28))
    system.noise = lambda n: minigen.ones(n, 5)
    found = findings(capsys, system, 150)
    assert set(found) == {"collapse"}
    assert "0.00 times as far from each other as real ones are" in found["collapse"]


@pytest.mark.parametrize(("within_a_class", "collapsed"), [(0.001, True), (1.0, False)])
def test_a_conditional_generator_that_draws_one_image_a_class(early, within_a_class, collapsed):
    """Over all classes its samples differ, and within one they do not."""
    system = make("cgan")

    def sample(n, noise=None, labels=None):
        return labels.float().reshape(-1, 1, 1, 1) + within_a_class * minigen.rand(n, *system.shape)

    system.sample = sample
    images, labels = minigen.rand(128, *system.shape), minigen.arange(128) % 10
    looker = Doctor(system, DataLoader(TensorDataset(images, labels), batch_size=16))
    found = {one.name: one for step in (0, 200) for one in looker.look(step)}
    assert ("collapse" in found) == collapsed
    if collapsed:
        assert "drawn samples of class" in found["collapse"].evidence


def test_a_posterior_that_collapses(capsys, early):
    """Of noise there is nothing to be told: the best encoder says the prior, whatever the image."""
    minigen.manual_seed(0)
    system = VAE(vae.Options(**SMALL_VAE, lr=1e-2))
    found = findings(capsys, system, 150, TensorDataset(minigen.rand(512, 1, 28, 28)))
    assert set(found) == {"posterior collapse"}
    assert re.search(r"0 of 4 latents are active, and the encoder says [\d.e-]+ nats", found["posterior collapse"])


# --- what is wrong from the beginning
# -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "value_range", "text"),
    [
        (lambda: VAE(vae.Options(**SMALL_VAE)), (-1, 1), r"in \[-1, 1\], the output of Sigmoid in \[0, 1\]"),
        (lambda: make("autoencoder"), (0, 255), r"in \[0, 255\], what the system wants in \[0, 1\]"),
    ],
)
def test_data_that_losses_refuse_are_also_found(system, value_range, text):
    (found,) = Doctor(system(), DataLoader(Glyphs(128, value_range=value_range), batch_size=16)).look(0)
    assert found.name == "data range"
    assert re.search(text, found.evidence)


def test_data_in_another_range(capsys):
    found = findings(capsys, small_dcgan(), 2, Glyphs(128, value_range=(0, 1)), every=1)
    assert set(found) == {"data range"}
    assert "the data lie in [0, 1], the output of Tanh in [-1, 1]" in found["data range"]
    assert "value_range=(-1, 1)" in found["data range"]


def test_a_transposed_convolution_of_kernel_3_and_stride_2(capsys):
    system = small_dcgan()
    system.generator.layers[2] = nn.ConvTranspose2d(
        8, 4, kernel_size=3, stride=2, padding=1, output_padding=1, bias=False
    )
    system.optimizers["generator"] = Adam(system.generator.parameters(), lr=2e-4)
    found = findings(capsys, system, 2, every=1)
    assert set(found) == {"checkerboard"}
    assert "'generator.layers.2': kernel_size (3, 3) is no multiple of stride (2, 2)" in found["checkerboard"]


@pytest.mark.parametrize(
    ("layer", "uneven"),
    [
        (nn.ConvTranspose2d(1, 1, 4, stride=2), False),
        (nn.ConvTranspose2d(1, 1, 2, stride=2), False),
        (nn.ConvTranspose2d(1, 1, 3, stride=1), False),
        (nn.ConvTranspose2d(1, 1, (4, 3), stride=2), True),
        (nn.ConvTranspose2d(1, 1, 2, stride=3), True),
        (nn.ConvTranspose1d(1, 1, 5, stride=2), True),
        (nn.Conv2d(1, 1, 3, stride=2), False),
    ],
)
def test_what_overlaps_unevenly(layer, uneven):
    assert (checkerboard(nn.Sequential(layer)) is not None) == uneven


class OwnPenalty(System):
    """A critic of points with a gradient penalty written by hand, with a norm or without."""

    Options = vae.Options
    takes_points = True
    generates = False

    def __init__(self, norm):
        super().__init__(None, shape=(2,))
        self.critic = nn.Sequential(nn.Linear(2, 8), norm, nn.Tanh(), nn.Linear(8, 1))
        self.optimizers = {"critic": Adam(self.parameters(), lr=1e-3)}

    def training_step(self, batch):
        x = batch[0].clone().requires_grad_()
        (slope,) = minigen.autograd.grad(self.critic(x).sum(), x, create_graph=True)
        loss = ((slope.norm(dim=1) - 1) ** 2).mean() + self.critic(x).mean()
        self.optimizers["critic"].zero_grad()
        loss.backward()
        self.optimizers["critic"].step()
        return {"loss": loss}


@pytest.mark.parametrize(("norm", "names"), [(nn.BatchNorm1d, {"batch norm in critic"}), (nn.LayerNorm, set())])
def test_batch_norm_under_a_gradient_penalty(capsys, norm, names):
    found = findings(capsys, OwnPenalty(norm(8)), 3, Toy2D("ring-8", 128), every=1)
    assert set(found) == names
    assert all("went through 1 batch norm in one training step" in text for text in found.values())


# --- the log alone
# --------------------------------------------------------------------------------------------------


def log(steps=40, **curves):
    return [{"step": 10 * i} | {name: float(curve(i)) for name, curve in curves.items()} for i in range(steps)]


WON = {"D(x)": lambda i: 0.999, "D(G(z))": lambda i: 0.001}


def test_a_discriminator_has_won_when_it_is_sure_for_long():
    assert discriminator_won(log(**WON, loss_d=lambda i: 0.002)).evidence.endswith(
        "loss_d 0.002 on average from step 200 to 390"
    )
    assert discriminator_won(log(19, **WON)) is None
    assert discriminator_won(log(**WON | {"D(x)": lambda i: 0.98 if i == 25 else 1.0})) is None
    assert discriminator_won(log(**WON | {"D(G(z))": lambda i: 0.02 if i == 39 else 0.0})) is None
    assert discriminator_won(log(**WON | {"D(x)": lambda i: 7.0})) is None, "a score is no probability"
    assert discriminator_won(log(**WON | {"D(G(z))": lambda i: -7.0})) is None
    assert discriminator_won(log(loss=lambda i: 0.0)) is None


@pytest.mark.parametrize(
    ("players", "curves", "found"),
    [
        (1, {"nats": lambda i: 50 if i < 30 else 600}, True),
        (1, {"nats": lambda i: 600 - i}, False),
        (1, {"nats": lambda i: 10 - 50 * i}, False),  # a density's nats may fall far below 0
        (1, {"loss": lambda i: 0.001 + (i == 39)}, False),  # one bad batch
        (1, {"accuracy": lambda i: i}, False),
        (2, {"loss_d": lambda i: 0.7 + i, "loss_g": lambda i: 1 - 3 * i}, False),  # a critic's
        (2, {"loss_g": lambda i: -(2.0**i)}, True),
        (2, {"loss_d": lambda i: 1.4, "loss_g": lambda i: 100 if i > 20 else 1}, False),
    ],
)
def test_what_counts_as_exploding(players, curves, found):
    assert (exploding_loss(log(**curves), players) is not None) == found
    assert exploding_loss(log(9, **curves), players) is None


def test_samples_that_become_different_have_not_collapsed():
    assert collapse(0.05, before=0.04) is None
    assert collapse(0.05, before=0.049) is not None
    assert collapse(0.11, before=0.9) is None


def test_the_mean_distance_is_the_one_between_different_samples():
    assert mean_distance(np.array([[0.0], [3.0], [6.0]])) == pytest.approx(4)
    assert mean_distance(np.ones((5, 1, 2, 2))) == 0
    assert mean_distance(np.ones((1, 2))) == 0


def test_missing_classes_are_common_in_the_data():
    labels = np.repeat(np.arange(4), [100, 100, 100, 2])
    assert missing_classes(np.arange(300) % 2, labels, "abcd").evidence.endswith("takes 0 for c")
    assert missing_classes(np.arange(300) % 3, labels, "abcd") is None  # hardly any d in the data either
    few = np.r_[np.arange(290) % 2, np.full(8, 2)]
    assert missing_classes(few, labels, "abcd").evidence == "of 298 drawn samples, a classifier takes 8 for c"
    assert missing_classes(np.r_[few, np.full(30, 2)], labels, "abcd") is None


# --- healthy runs
# ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "shape"), [(name, shapes_of(name)[0]) for name in models.SYSTEMS])
def test_a_healthy_system_is_not_accused(capsys, name, shape):
    minigen.manual_seed(0)
    assert findings(capsys, make(name, shape), 60, every=15) == {}


@pytest.mark.parametrize("name", [name for name, system in models.SYSTEMS.items() if system.takes_points])
def test_a_healthy_system_on_points_is_not_accused(capsys, name):
    minigen.manual_seed(0)
    assert findings(capsys, make(name, (2,)), 60, Toy2D("ring-8", 256), every=15) == {}


@pytest.mark.learning
@pytest.mark.parametrize(
    ("name", "options", "steps"),
    [
        ("vae", {"hidden_size": 100, "latent_size": 10}, 400),
        ("cvae", {"hidden_size": 100, "latent_size": 10}, 400),
        ("iwae", {"hidden_size": 50, "latent_size": 10, "k": 5}, 400),
        ("gan", {"hidden_size": 64, "latent_size": 16}, 400),
        ("dcgan", {"generator_width": 8, "discriminator_width": 8, "latent_size": 32}, 400),
    ],
)
def test_a_system_that_learns_is_not_accused_when_samples_and_latents_are_judged(
    capsys, monkeypatch, name, options, steps
):
    monkeypatch.setattr(doctor, "PATIENCE", steps // 2)
    minigen.manual_seed(0)
    system = make(name, (1, 28, 28), **options)
    assert findings(capsys, system, steps, digits(system, 2000), every=100) == {}


@pytest.mark.parametrize("name", models.SYSTEMS)
def test_a_look_changes_nothing(name, early):
    system = make(name)
    system.train()
    loader = DataLoader(digits(system), batch_size=16)
    minigen.manual_seed(1)
    random, before = minigen.get_rng_state(), {k: t.numpy().copy() for k, t in system.state_dict().items()}
    looker = Doctor(system, loader)
    looker.look(0)
    looker.look(200)
    assert minigen.get_rng_state() == random
    assert all(np.array_equal(before[k], t.numpy()) for k, t in system.state_dict().items())
    assert all(module.training for module in system.modules())
    assert all(parameter.grad is None for parameter in system.parameters())


@pytest.mark.parametrize("name", models.SYSTEMS)
def test_a_look_at_a_system_on_a_device(name, early):
    """The same is found there, whether anything is or not."""
    system = make(name)
    loader = DataLoader(digits(system), batch_size=16)
    here = Doctor(system, loader)
    expected = [one.name for step in (0, 200) for one in here.look(step)]
    with standin.installed() as place:
        there = Doctor(system.to(place), loader)
        assert [one.name for step in (0, 200) for one in there.look(step)] == expected


def test_a_quiet_run_says_nothing(capsys):
    assert findings(capsys, small_dcgan(), 2, Glyphs(64), every=1, quiet=True) == {}


def test_a_run_that_goes_on_is_judged_by_its_whole_log(capsys):
    system = Descent(lr=1.1)
    loader = DataLoader(digits(system), batch_size=16, seed=0)
    Trainer(system, loader, "run", log_every=1, quiet=True).fit(steps=12)
    trainer = Trainer(Descent(lr=1.1), loader, "run", log_every=1, sample_every=5).resume()
    trainer.fit(steps=15)
    assert "exploding loss: loss grew from" in capsys.readouterr().err


# --- the command
# ----------------------------------------------------------------------------------------------------

TINY = "--hidden-size 8 --latent-size 3 --batch-size 16 --images 64 --log-every 1 --quiet --out run"


def contents(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def test_the_command_finds_nothing_in_a_healthy_run_and_changes_nothing(capsys):
    assert main(f"train vae {TINY} --steps 60 --checkpoint-every 30".split()) == 0
    before = contents("run")
    capsys.readouterr()
    assert main(["doctor", "run"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "vae of run after 60 steps; looked at 75 records of the log, weights and samples 30 steps apart"
    )
    assert "too few to be compared" in out
    assert "one training step" in out
    assert out.endswith("nothing found\n")
    assert contents("run") == before


def test_the_command_compares_checkpoints(capsys):
    assert main(f"train vae {TINY} --steps 60 --lr 0".split()) == 0
    capsys.readouterr()
    assert main(["doctor", "run"]) == 0
    out = capsys.readouterr().out
    assert re.search(
        r"\n  dead vae: its \d+ parameters moved by 0.*\n    See .*\n    read docs/doctor\.md#dead-generator", out
    )
    assert "nothing found" not in out


OWN_SYSTEM = """
import minigen
from minigen.models import vae

class Distance(vae.VAE):
    name = "distance"

    def training_step(self, batch):
        images, _ = batch
        self.count = getattr(self, "count", 0) + 1
        mu, _ = self.encoder(images)
        error = (self.decoder(mu).sigmoid() - images).flatten(1)
        loss = (error * (self.count % 7 != 0)).pow(2).sum(1).sqrt().mean()  # of no error at all, now and then
        self.optimizers["vae"].zero_grad()
        loss.backward()
        self.optimizers["vae"].step()
        return {"nats": loss}
"""


def test_the_function_that_made_a_nan_is_named(capsys):
    """The square root of 0 is 0, and its derivative infinite: the next loss is NaN, and no line of it is to blame."""
    Path("mine.py").write_text(OWN_SYSTEM)
    assert main(f"train mine.py {TINY} --steps 30".split()) == 2
    err = capsys.readouterr().err
    assert "nats became nan by step 8" in err
    assert "minigen doctor run" in err
    assert read_log("run/log.jsonl")[-1]["failed"] == "nats became nan"
    before = contents("run")
    assert main("doctor run --system mine.py".split()) == 0
    out = capsys.readouterr().out
    assert re.search(r"NaN: nats became nan by step 8; Sqrt\.backward made an infinity", out)
    assert "mine.py, line 13: loss = (error * (self.count % 7 != 0))" in out
    assert "docs/doctor.md#nan" in out
    assert "nan" in SECTIONS
    assert contents("run") == before


def test_a_step_size_that_is_too_large_is_named(capsys):
    assert main(f"train vae {TINY} --steps 60 --lr 1000".split()) == 2
    capsys.readouterr()
    assert main(["doctor", "run"]) == 0
    out = capsys.readouterr().out
    assert re.search(
        r"NaN: .* by step \d+; Exp made an infinity.*; (vae|variational)\.py, line \d+: .*; input 0 of", out
    )


def test_a_nan_that_does_not_come_again_is_said_to(capsys):
    assert main(f"train vae {TINY} --steps 10".split()) == 0
    with open("run/log.jsonl", "a") as file:
        file.write('{"step": 12, "failed": "nats became nan"}\n')
    capsys.readouterr()
    assert main(["doctor", "run"]) == 0
    assert "it did not happen" in capsys.readouterr().out


def test_digits_that_are_not_drawn_are_named_by_the_course_classifier(capsys, monkeypatch, early):
    class Judge:
        def probabilities(self, images):
            assert images.shape == (500, 1, 28, 28)
            assert 0 <= images.min() <= images.max() <= 1
            return np.eye(10)[np.arange(500) % 9]

    monkeypatch.setattr(command, "PATIENCE", 30)
    monkeypatch.setattr(command, "course_classifier", Judge)
    assert main(f"train vae {TINY} --steps 30".split()) == 0
    capsys.readouterr()
    assert main(["doctor", "run"]) == 0
    out = capsys.readouterr().out
    assert "collapse: of 500 drawn samples, a classifier takes 0 for 9." in out
    assert "the digits in 500 samples" in out


def test_a_folder_without_a_run_is_refused(capsys):
    assert main(["doctor", "nowhere"]) == 2
    assert "there is no run in this folder" in capsys.readouterr().err
    Path("empty").mkdir()
    Path("empty/config.toml").write_text('system = "vae"\nimages = 64\n')
    assert main(["doctor", "empty"]) == 2
    assert "no checkpoint here" in capsys.readouterr().err
    assert main(["doctor"]) == 2


def test_the_page_has_a_section_for_each_finding_and_no_other():
    source = Path(doctor.__file__).with_name("findings.py").read_text(encoding="utf-8")
    names = re.findall(r'finding\(\s*f?"([^"]+)"', source)
    names = {"dead generator" if "{" in name else name for name in names}
    assert {name.lower().replace(" ", "-") for name in names} == SECTIONS


def test_random_transforms_do_not_disturb_training():
    draws = []

    class Noisy(TensorDataset):
        def get_batch(self, indices):
            draws.append(minigen.rand(1).item())
            return super().get_batch(indices)

    system = make("vae")
    images = minigen.rand(32, 1, 28, 28)
    with random_state_of(3):
        state = minigen.get_rng_state()
        Doctor(system, DataLoader(Noisy(images), batch_size=4))
        assert minigen.get_rng_state() == state
    assert draws
