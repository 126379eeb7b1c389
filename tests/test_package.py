"""The package as a stranger gets it: the wheel, in an empty environment, used from outside the checkout.

The wheel is built from the checkout with the build backend that the test tools bring; its dependencies are
installed afresh, so this needs what any installation needs: a package index.
"""

import email
import os
import re
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXTRAS = {"cuda12", "cuda13", "cuda12-local", "cuda13-local", "tensorboard", "course"}

pytestmark = pytest.mark.xdist_group("package")  # one worker builds and installs, once


def call(*command, folder, expect=0):
    """Run a command in `folder`, with nothing of this checkout in sight, and return what it printed."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    variables["MINIGEN_CACHE"] = str(folder / "cache")
    words = [str(word) for word in command]
    run = subprocess.run(words, cwd=folder, env=variables, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == expect, f"{' '.join(words)} gave {run.returncode}\n{run.stdout}\n{run.stderr}"
    return run.stdout + run.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = "-m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir"
    call(sys.executable, *build.split(), folder, ROOT, folder=folder)
    (wheel,) = folder.glob("minigen-*.whl")
    return wheel


@pytest.fixture(scope="module")
def minigen(wheel, tmp_path_factory):
    """Install the wheel and its dependencies into an empty environment; return a caller of its command."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder / "venv", with_pip=False)  # pip installs into it from here, which saves half the time
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    call(sys.executable, "-m", "pip", "--python", programs / "python", "install", wheel, folder=folder)
    place = call(programs / "python", "-c", "import minigen; print(minigen.__file__)", folder=folder)
    assert str(folder / "venv") in place
    (folder / "mine.py").write_text("def cube(x):\n    return x**3\n")
    return lambda words, expect=0: call(programs / "minigen", *words.split(), folder=folder, expect=expect)


def test_the_wheel_holds_the_package_and_says_what_it_is(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        about = email.message_from_bytes(archive.read(metadata))
    parts = [path for path in (ROOT / "minigen").rglob("*") if path.suffix in (".py", ".safetensors", ".json")]
    assert {path.relative_to(ROOT).as_posix() for path in parts} <= set(names)
    assert any(name.endswith(".safetensors") for name in names), "the weights of the course classifier"
    assert {name.split("/")[0] for name in names} == {"minigen", "pytest_minigen.py", metadata.split("/")[0]}
    assert metadata.replace("METADATA", "licenses/LICENSE") in names
    assert about["Version"] == version("minigen")
    assert about["License-Expression"] == "MIT"
    assert set(about.get_all("Provides-Extra")) == EXTRAS


def test_every_command_runs_outside_the_checkout(minigen):
    small = "--batch-size 8 --generator-width 4 --discriminator-width 4 --quiet"
    lines = [
        "list",
        f"train dcgan --data glyphs --out run --steps 3 --checkpoint-every 2 {small}",
        "train --resume run --steps 5",
        "sample run --n 4 --out grid.png",
        "train lenet --out judge --steps 2 --quiet",
        "evaluate judge",
        "doctor run",
        "check mine.py::cube",
        "course student copies --chapters 1 museum",
        "data list",
    ]
    printed = {line: minigen(line) for line in lines}
    commands = re.findall(r"^    ([a-z]+) ", minigen("--help"), flags=re.MULTILINE)
    assert sorted(commands) == sorted({line.split()[0] for line in lines})
    assert all(minigen(f"{command} --help") for command in commands)
    assert "glyphs" in printed["list"]
    assert "5 steps" in printed["train --resume run --steps 5"]
    assert "nothing found" in printed["doctor run"]
    assert "grid.png" in printed["sample run --n 4 --out grid.png"]
    assert re.search(r"accuracy +[\d.]+", printed["evaluate judge"])
    assert "agree with finite differences" in printed["check mine.py::cube"]
    assert "01_gradients.py" in printed["course student copies --chapters 1 museum"]
    assert "0 of 17 points" in minigen("course check copies/01_gradients.py", expect=1)
    assert "0 of 107" in minigen("course grade copies/museum --chapters museum --seed 1 --out grades")


def test_a_wrong_command_is_one_line_and_exit_code_2(minigen):
    message = minigen("train dcgam", expect=2)
    assert "dcgan" in message
    assert message.count("\n") == 1
