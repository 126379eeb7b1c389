"""What programs and other surroundings than a terminal may rely on: --json, exit codes, help, pipes, --config."""

import json
import os
import re
import subprocess
import sys

import pytest
from PIL import Image
from test_cli import TINY, elsewhere, refused  # noqa: F401 (a fixture that all tests here use)
from test_own_runs import OWN
from test_resume import log_without_times

import minigen.cli
from minigen.cli import main

pytestmark = pytest.mark.usefixtures("elsewhere")
COMMANDS = ["train", "sample", "evaluate", "doctor", "check", "list", "data", "course"]
OF_COMMANDS = {"data": ["list", "download", "unpack", "preview"], "course": ["list", "student", "check", "grade"]}
WITH_JSON = ["train", "sample", "evaluate", "doctor", "check", "list"]


def printed_help(capsys, *words):
    with pytest.raises(SystemExit) as leaving:
        main([*words, "--help"])
    assert leaving.value.code == 0
    return capsys.readouterr().out


def test_every_command_is_among_those_tested_here(capsys):
    listed = re.search(r"\ncommands:\n(.*?)\n\n", printed_help(capsys), re.DOTALL)
    names = re.findall(r"^    (\w+) ", listed[1], re.MULTILINE)
    assert sorted(names) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_shows_examples_and_exit_codes(command, capsys):
    shown = printed_help(capsys, command)
    assert re.search(rf"^  minigen {command}\b", shown.partition("examples:\n")[2], re.MULTILINE)
    assert re.search(r"Exit codes?: ?0", shown)
    assert ("--json" in shown) == (command in WITH_JSON)


@pytest.mark.parametrize(("command", "own"), [(name, own) for name, all_ in OF_COMMANDS.items() for own in all_])
def test_so_does_the_help_of_a_commands_own_commands(command, own, capsys):
    assert f"    {own} " in printed_help(capsys, command)
    shown = printed_help(capsys, command, own)
    assert re.search(rf"^  minigen {command} {own}\b", shown.partition("examples:\n")[2], re.MULTILINE)
    assert re.search(r"Exit codes?: ?0", shown)


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        ("trian dcgan", "train"),
        ("lst", "list"),
        ("train dcgan --epoch 3", "--epochs"),
        ("train vae --latent-sice 3", "--latent-size"),
        ("train vae --on-nan skp", "skip"),
        ("train dcgan --quite", "--quiet"),
        ("sample run --labels 3", "--label"),
        ("evaluate run --sample 3", "--samples"),
        ("doctor run --jsn", "--json"),
        ("check x.py::f --shape 3", "--shapes"),
        ("list --device", "--devices"),
        ("--verson", "--version"),
    ],
)
def test_an_unknown_word_is_told_the_nearest(words, nearest, capsys):
    assert f"did you mean {nearest}?" in refused(capsys, *words.split())


# --- --json -----------------------------------------------------------------------------------------------------------


def as_json(capsys, *words, code=0):
    capsys.readouterr()
    assert main([*words, "--json"]) == code
    (line,) = capsys.readouterr().out.splitlines()
    return json.loads(line)


def test_every_command_can_speak_to_programs(tmp_path, capsys):
    found = as_json(capsys, *TINY.split(), "--out", "run")
    assert (found["system"], found["steps"], found["finished"]) == ("dcgan", 2, True)
    assert all((tmp_path / found[name]).exists() for name in ("run", "picture", "checkpoint"))
    assert found["last"]["step"] == 2
    assert found["resume"] == "minigen train --resume run"
    found = as_json(capsys, "sample", "run", "--n", "4", "--out", "four.png")
    assert found == {"images": 4, "file": "four.png", "kinds": []}
    found = as_json(capsys, "evaluate", "run", "--samples", "30")
    assert found["figures"]["loss_d"] > 0
    assert (tmp_path / found["page"]).exists()
    assert found == {**json.loads((tmp_path / "run/evaluation/figures.json").read_text()), "page": found["page"]}
    found = as_json(capsys, "doctor", "run")
    assert (found["step"], found["findings"]) == (2, [])
    (tmp_path / "mine.py").write_text("def f(x): return x * x\ndef g(x): return x.detach() * x\n")
    found = as_json(capsys, "check", "mine.py::f")
    assert found["right"]
    assert found["comparisons"][0]["order"] == 1
    assert not as_json(capsys, "check", "mine.py::g", code=1)["right"]
    found = as_json(capsys, "list")
    assert {"name": "cpu"}.items() <= found["devices"][0].items()
    assert "dcgan" in [system["name"] for system in found["systems"]]
    assert "mnist" in found["data"]


# --- --config ---------------------------------------------------------------------------------------------------------


def contents(folder):
    """All that a run leaves, without the times."""
    kept = [path for path in folder.rglob("*") if path.suffix in (".png", ".safetensors") and path.stem != "curves"]
    files = {str(path.relative_to(folder)): path.read_bytes() for path in kept}
    config = (folder / "config.toml").read_text()
    return files, log_without_times(folder), config


@pytest.mark.parametrize(
    "words",
    [
        "vae --hidden-size 4 --latent-size 3 --images 60 --steps 9 --seed 3 --checkpoint-every 4 --keep 3 --workers 1",
        "lenet --filters 2 --images 60 --epochs 2",
        "wgan --data moons --hidden-size 8 --steps 3 --images 200",
        "autoencoder --data photos --hidden-size 64 --latent-size 3 --steps 2 --image-size 28 --channels 1",
        "mine.py --images 40 --steps 3 --lr 0.25",
    ],
)
def test_a_configuration_repeats_a_run_exactly(words, tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    (tmp_path / "photos").mkdir()
    for shade in range(12):
        Image.new("L", (40, 30), 20 * shade).save(tmp_path / "photos" / f"{shade}.png")
    assert main(["train", *words.split(), "--batch-size", "8", "--quiet", "--out", "first"]) == 0
    own = ["--system", "mine.py"] if words.startswith("mine.py") else []
    (tmp_path / "elsewhere").mkdir()
    os.chdir(tmp_path / "elsewhere")
    own = ["--system", "../mine.py"] if own else []
    assert main(["train", "--config", "../first/config.toml", "--quiet", "--out", "again", *own]) == 0
    assert contents(tmp_path / "elsewhere" / "again") == contents(tmp_path / "first")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('system = "vae"\nlatent_size = 3\n', "'latent_size' is unknown"),
        ('system = "vae"\nstep = 3\n', "'step' is unknown; did you mean 'steps'?"),
        ('system = "vae"\n[options]\nlatent_sice = 3\n', "did you mean 'latent_size'?"),
        ('system = "vae"\n[options]\nlatent_size = "3"\n', "must be a whole number, not '3'"),
        ('system = "vae"\n[options]\nlatent_size = 0\n', "latent_size must be at least 1"),
        ('system = "vea"\n', "did you mean 'vae'?"),
        ('system = "vae"\nworkers = 1000000\n', "workers must be from 0 to 256"),
        ('system = "vae"\non_nan = "never"\n', "on_nan must be one of stop, skip"),
        ('system = "vae"\nsteps = true\n', "steps must be a whole number"),
        ("steps = 3\n", "it names no system"),
        ('system = "vae"\n[options]\nhidden_size = 100000000000000\n', "more than the"),
    ],
)
def test_a_configuration_with_a_slip_is_one_line(text, message, tmp_path, capsys):
    (tmp_path / "config.toml").write_text(text)
    assert message in refused(capsys, "train", "--config", "config.toml", "--out", "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--seed 3", "--config does what the file says; leave out --seed"),
        ("--steps 3", "leave out --steps"),
        ("vae", "leave out a system"),
        ("--out run", "there is a run in this folder"),
    ],
)
def test_what_does_not_go_with_a_configuration_is_one_line(words, message, capsys):
    main([*TINY.split(), "--out", "run"])
    capsys.readouterr()
    assert message in refused(capsys, "train", "--config", "run/config.toml", *words.split())


# --- other surroundings than a terminal -------------------------------------------------------------------------------


def shell(command):
    program = f"{sys.executable} -m minigen"
    return subprocess.run(
        ["bash", "-c", command.replace("MINIGEN", program)], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end differently")
@pytest.mark.parametrize("rest", ["2>&1 | head -c 1", "<&- >&- 2>&-", "</dev/null >/dev/full 2>/dev/full"])
def test_training_goes_on_where_nobody_reads_what_it_says(rest, tmp_path):
    words = "--hidden-size 4 --batch-size 8 --images 40 --steps 10 --sample-every 2 --log-every 1"
    shell(f"MINIGEN train vae {words} --out run {rest}")
    assert (tmp_path / "run/checkpoints/step-00000010.safetensors").exists()
    assert (tmp_path / "run/curves.png").exists()


def test_a_notebook_has_a_bar_and_no_warning(tmp_path, capsys, monkeypatch):
    """There is no terminal, and perhaps no widgets either; and a command is a function that returns its code."""
    monkeypatch.setitem(sys.modules, "ipykernel", minigen)
    assert main([*TINY.replace("--quiet", "").split(), "--out", "run"]) == 0
    shown = capsys.readouterr()
    assert "2/2" in shown.err
    assert "Traceback" not in shown.err
    assert main(["sample", "nowhere"]) == 2


def test_the_exit_codes_that_are_documented_are_those_that_there_are():
    words = minigen.cli.__doc__
    assert all(code in words for code in ("0 done", "1 a gradient", "2 the input", "130", "143", "129", "141"))
