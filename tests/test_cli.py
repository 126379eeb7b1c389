"""The command line as it is used: what it prints and leaves; one line and exit code 2 for misuse."""

import os
import re
import subprocess
import sys
import tomllib

import pytest

import minigen
from minigen import models
from minigen.cli import main

TINY = "train dcgan --generator-width 2 --discriminator-width 2 --latent-size 4 --batch-size 8 --quiet"
TINY += " --images 40 --steps 2"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, tmp_path_factory, monkeypatch):
    """Work in an empty folder, on a machine without real data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIGEN_DATA", raising=False)
    monkeypatch.setenv("MINIGEN_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return the folder of a small run that is only read."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    assert main([*TINY.split(), "--out", str(folder)]) == 0
    return folder


def in_a_process(*arguments, **options):
    command = [sys.executable, "-m", "minigen", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **options)


def refused(capsys, *arguments):
    """Run a command that must fail: exit code 2, nothing on stdout, one line on stderr, which is returned."""
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("minigen: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    return err


# --- what works
# -----------------------------------------------------------------------------------------------


def test_a_command_asks_for_freed_memory_to_be_kept(monkeypatch):
    asked = []
    monkeypatch.setattr(minigen, "tune_allocator", lambda: asked.append(True))
    assert main(["list"]) == 0
    assert asked


def test_train_then_sample(trained, elsewhere, capsys):
    assert main(["sample", str(trained), "--n", "6", "--out", "grid.png"]) == 0
    assert "6 images in grid.png" in capsys.readouterr().out
    first = (elsewhere / "grid.png").read_bytes()
    main(["sample", str(trained), "--n", "1", "--out", "one.png"])
    assert "1 image in one.png" in capsys.readouterr().out
    main(["sample", str(trained), "--n", "6", "--out", "again.png"])
    main(["sample", str(trained), "--n", "6", "--seed", "1", "--out", "other.png"])
    assert (elsewhere / "again.png").read_bytes() == first
    assert (elsewhere / "other.png").read_bytes() != first


def test_train_says_where_the_pictures_are_and_what_comes_next(elsewhere, capsys):
    assert main([*TINY.split(), "--out", "runs/a"]) == 0
    out = capsys.readouterr().out
    for name in re.findall(r"runs/a/\S+", out):
        assert (elsewhere / name).exists(), name
    assert "runs/a/samples/step-00000002.png" in out
    assert "minigen sample runs/a" in out


def test_a_run_can_be_taken_further(elsewhere):
    main([*TINY.split(), "--out", "a"])
    assert main(["train", "--resume", "a", "--steps", "5", "--quiet"]) == 0
    assert (elsewhere / "a" / "checkpoints" / "step-00000005.safetensors").exists()
    assert tomllib.loads((elsewhere / "a" / "config.toml").read_text())["steps"] == 5
    main([*TINY.split(), "--steps", "5", "--out", "b"])
    name = "checkpoints/step-00000005.safetensors"
    assert (elsewhere / "a" / name).read_bytes() == (elsewhere / "b" / name).read_bytes()


def test_the_number_of_workers_changes_nothing(elsewhere):
    for workers in ("0", "3"):
        main([*TINY.split(), "--workers", workers, "--out", workers])
    name = "checkpoints/step-00000002.safetensors"
    assert (elsewhere / "0" / name).read_bytes() == (elsewhere / "3" / name).read_bytes()


def test_the_configuration_holds_every_option(trained):
    config = tomllib.loads((trained / "config.toml").read_text())
    assert config["system"] == "dcgan"
    assert config["steps"] == 2
    assert config["options"]["latent_size"] == 4
    assert config["options"]["beta1"] == 0.5


def test_overwrite_removes_a_run_but_nothing_else(elsewhere):
    main([*TINY.split(), "--steps", "3", "--out", "a"])
    (elsewhere / "a" / "notes.txt").write_text("mine")
    assert main([*TINY.split(), "--out", "a", "--overwrite"]) == 0
    assert (elsewhere / "a" / "notes.txt").read_text() == "mine"
    assert sorted(p.stem[-1] for p in (elsewhere / "a" / "checkpoints").iterdir()) == ["0", "2"]


def test_a_folder_of_images_in_colour(elsewhere):
    from PIL import Image

    (elsewhere / "photos").mkdir()
    for shade in range(5):
        Image.new("RGB", (40, 50), (50 * shade, 10, 200)).save(elsewhere / "photos" / f"{shade}.png")
    assert main([*TINY.split(), "--data", "photos", "--image-size", "32", "--out", "a"]) == 0
    assert main(["sample", "a", "--n", "2", "--out", "two.png"]) == 0
    assert main([*"train lenet --data photos --steps 1 --quiet --out c".split()]) == 0


def test_evaluate_prints_figures(elsewhere, capsys):
    main("train lenet --filters 2 --images 40 --steps 2 --quiet --out judge".split())
    capsys.readouterr()
    assert main(["evaluate", "judge"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"accuracy +0\.\d{4}\n", out)
    assert "test images of glyphs" in out


def test_list_names_systems_and_data(capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in (*models.SYSTEMS, "glyphs", "mnist", "fashion-mnist"))


@pytest.mark.parametrize("system", models.SYSTEMS)
def test_help_shows_every_option_of_a_system_with_its_source(system, capsys):
    with pytest.raises(SystemExit) as leaving:
        main(["train", system, "--help"])
    assert leaving.value.code == 0
    out = capsys.readouterr().out
    for name in vars(models.SYSTEMS[system].Options()):
        assert "--" + name.replace("_", "-") in out


def test_version_and_help_without_a_command(capsys):
    assert main([]) == 0
    assert "minigen train dcgan" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"minigen {minigen.__version__}\n"


def test_help_loads_no_heavy_library():
    program = "import sys\nfrom minigen.cli import main\ntry: main(['train', '--help'])\nexcept SystemExit: pass\n"
    program += "print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True)
    assert "minigen train" in run.stdout
    assert not set(run.stderr.split()) & {"matplotlib", "PIL", "pooch", "tqdm", "cupy"}


# --- what cannot be
# -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train dgcan", "unknown system 'dgcan'; did you mean 'dcgan'"),
        ("train", "say what to train"),
        ("trian dcgan", "invalid choice: 'trian'"),
        ("train dcgan --data mnits", "did you mean 'mnist'"),
        ("train dcgan --data ./nowhere", "nowhere"),
        ("train dcgan --data mnist", "mnist"),
        ("train dcgan --data ring-8", "dcgan learns from images, not from points"),
        ("train dcgan --image-size 30", "30 pixels are not among its sizes: 28, 32, 64"),
        ("train dcgan --channels 2", "--channels"),
        ("train dcgan --steps -3", "--steps: wants a whole number of at least 1, not '-3'"),
        ("train dcgan --steps many", "wants a whole number"),
        ("train dcgan --epochs 0", "wants a number above 0"),
        ("train dcgan --epochs nan", "wants a number above 0"),
        ("train dcgan --batch-size 0", "batch_size must be at least 1"),
        ("train dcgan --lr-generator -1", "lr_generator must be at least 0"),
        ("train dcgan --epoch 3", "unknown argument --epoch; did you mean --epochs?"),
        ("train vae --beta1 0.9", "unknown argument --beta1"),
        ("train dcgan --device gpu", "'gpu' is unknown"),
        ("train --resume nowhere", "there is no run in this folder"),
        ("train --resume nowhere --lr 0.1", "unknown argument --lr"),
        ("train dcgan --resume nowhere", "leave out a system"),
        ("train --resume nowhere --seed 3", "leave out --seed"),
        ("sample nowhere", "nowhere"),
        ("sample", "required: RUN"),
        ("evaluate nowhere", "there is no run in this folder"),
    ],
)
def test_misuse_is_one_line_and_leaves_nothing(arguments, message, elsewhere, capsys):
    assert message in refused(capsys, *arguments.split())
    assert list(elsewhere.iterdir()) == []


def test_a_gpu_that_is_not_there_is_one_line(elsewhere, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "needs CuPy" in refused(capsys, "train", "dcgan", "--device", "cuda")
    assert list(elsewhere.iterdir()) == []


def test_a_folder_that_holds_a_run_is_not_written_over(trained, capsys):
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*")}
    message = refused(capsys, *TINY.split(), "--out", trained)
    assert f"minigen train --resume {trained}" in message
    assert "--overwrite" in message
    assert {path: path.stat().st_mtime_ns for path in trained.rglob("*")} == before


def test_a_folder_of_other_things_is_no_place_for_a_run(elsewhere, capsys):
    (elsewhere / "mine").mkdir()
    (elsewhere / "mine" / "thesis.tex").write_text("x")
    for extra in ([], ["--overwrite"]):
        assert "holds other files" in refused(capsys, *TINY.split(), "--out", "mine", *extra)
    (elsewhere / "file").write_text("x")
    assert "this is a file" in refused(capsys, *TINY.split(), "--out", "file")


def test_a_system_that_draws_nothing_cannot_be_sampled(elsewhere, capsys):
    main("train lenet --filters 2 --images 40 --steps 1 --quiet --out judge".split())
    capsys.readouterr()
    assert "lenet draws no images" in refused(capsys, "sample", "judge")


@pytest.mark.parametrize("out", ["grid.xyz", "grid"])
def test_a_picture_of_an_unknown_kind_is_refused(trained, out, elsewhere, capsys):
    assert "names no format" in refused(capsys, "sample", trained, "--out", out)
    assert list(elsewhere.iterdir()) == []


def test_damaged_files_of_a_run_are_one_line(elsewhere, capsys):
    main([*TINY.split(), "--out", "a"])
    capsys.readouterr()
    newest = elsewhere / "a" / "checkpoints" / "step-00000002.safetensors"
    content = newest.read_bytes()
    newest.write_bytes(content[:-40])
    assert "damaged or cut off" in refused(capsys, "sample", "a")
    assert "Remove it, and training resumes from step-00000000" in refused(capsys, "train", "--resume", "a")
    newest.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "sha256" in refused(capsys, "sample", "a")
    (elsewhere / "a" / "config.toml").write_text("system = 3 4")
    assert "no configuration of a run" in refused(capsys, "train", "--resume", "a")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_one_line(elsewhere, capsys):
    (elsewhere / "locked").mkdir(mode=0o500)
    assert "ermission" in refused(capsys, *TINY.split(), "--out", "locked/run")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit on the size of files")
@pytest.mark.parametrize("size", [100, 2_000])
def test_a_disk_that_is_full_is_one_line_and_leaves_nothing(size, elsewhere):
    """As a full disk, a limit on the size of files (bytes): not enough for config.toml, or for a picture."""
    import resource

    run = in_a_process(
        *TINY.split(),
        "--out",
        "a",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},  # else the .pyc files of minigen itself are cut off
    )
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "cannot write a/" in run.stderr
    assert list(elsewhere.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end differently")
def test_a_reader_who_leaves_is_no_error():
    command = f"{sys.executable} -m minigen list | true"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=300, check=False)
    assert run.stderr == ""


def test_mnist_that_is_not_there_says_how_to_get_it(capsys):
    assert "--download" in refused(capsys, "train", "dcgan", "--data", "mnist")
