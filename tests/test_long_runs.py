"""What can happen to a long run, and what is left of it: signals, full disks, locks, torn logs, NaN."""

import errno
import json
import os
import signal
import sys

import numpy as np
import pytest
from test_cli import elsewhere, refused  # noqa: F401 (a fixture that all tests here use)
from test_resume import finish, log_without_times, start, wait_for
from test_training import small_trainer

import minigen
from minigen.cli import main
from minigen.data import DataLoader, TensorDataset
from minigen.models import VAE, LeNet, lenet, vae
from minigen.training import (
    LockError,
    RunLock,
    Trainer,
    TrainingError,
    load_system,
    newest_checkpoint,
    read_checkpoint,
    read_log,
)
from minigen.training.environment import read_environments

TINY = "train vae --hidden-size 4 --latent-size 2 --batch-size 8 --images 80 --quiet"
pytestmark = pytest.mark.usefixtures("elsewhere")


# --- locks ------------------------------------------------------------------------------------------------------------


def test_two_runs_in_one_folder_are_refused_with_the_owner(tmp_path):
    with RunLock(tmp_path):
        trainer = small_trainer(tmp_path)
        with pytest.raises(LockError, match=rf"process {os.getpid()} of .*it is this very process"):
            trainer.fit(steps=1)
    assert small_trainer(tmp_path).fit(steps=1)
    assert not (tmp_path / "lock").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for one process on Windows")
def test_a_running_run_is_not_overwritten_nor_resumed_and_goes_on(tmp_path, capsys):
    folder = tmp_path / "run"
    process = start("-m", "minigen", *TINY.split(), "--steps", "100000", "--log-every", "1", "--out", folder)
    log = folder / "log.jsonl"
    wait_for(lambda: log.exists() and log.read_text().count("\n") >= 3, process)
    for words in (
        [*TINY.split(), "--overwrite", "--steps", "1", "--out", folder],
        ["train", "--resume", folder, "--quiet"],
    ):
        said = refused(capsys, *words)
        assert f"being trained in this folder by process {process.pid} of" in said
        assert "since 20" in said
    before = log.read_text().count("\n")
    wait_for(lambda: log.read_text().count("\n") > before + 3, process)
    process.send_signal(signal.SIGTERM)
    out, err = finish(process, expect=143)
    assert err == ""
    assert f"minigen train --resume {folder}" in out
    assert not (folder / "lock").exists()
    stopped = read_log(log)[-1]["step"]
    assert read_checkpoint(newest_checkpoint(folder / "checkpoints"))[1]["step"] == stopped


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_the_lock_of_a_killed_process_is_explained_and_taken_over(tmp_path, capsys):
    folder = tmp_path / "run"
    process = start("-m", "minigen", *TINY.split(), "--steps", "100000", "--log-every", "1", "--out", folder)
    wait_for(lambda: (folder / "log.jsonl").exists(), process)
    process.kill()
    finish(process, expect=-signal.SIGKILL)
    assert json.loads((folder / "lock").read_text())["pid"] == process.pid
    words = ["train", "--resume", str(folder), "--steps", "1000", "--json"]
    assert main(words) == 0
    err = capsys.readouterr().err
    assert f"the lock of process {process.pid} of" in err
    assert "ended without a chance to save; it is taken over" in err
    assert not (folder / "lock").exists()


def test_a_lock_of_another_machine_is_refused_and_says_what_to_remove(tmp_path):
    small_trainer(tmp_path).fit(steps=1)
    (tmp_path / "lock").write_text('{"pid": 7, "user": "ada", "host": "elsewhere.example", "since": "yesterday"}')
    with pytest.raises(LockError, match=r"process 7 of ada on elsewhere.example.*if it has ended.*remove .*lock"):
        small_trainer(tmp_path).resume()
    (tmp_path / "lock").write_text("no JSON")
    assert small_trainer(tmp_path).resume().step == 1


# --- signals and full disks -------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="signals of one process are POSIX's")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_within_a_step_saves_after_that_step(tmp_path, number, code):
    trainer = small_trainer(tmp_path)
    step = trainer.system.training_step

    def interrupted(batch):
        if trainer.step == 2:
            os.kill(os.getpid(), number)
        return step(batch)

    trainer.system.training_step = interrupted
    assert not trainer.fit(steps=100)
    assert (trainer.step, 128 + trainer.stopped_by) == (3, code)
    assert newest_checkpoint(trainer.checkpoints).stem == "step-00000003"
    assert signal.getsignal(number) != trainer  # the handlers are those of before
    whole = small_trainer(tmp_path / "whole")
    whole.fit(steps=5)
    again = small_trainer(tmp_path).resume()
    again.fit(steps=5)
    names = [newest_checkpoint(one.checkpoints).read_bytes() for one in (whole, again)]
    assert names[0] == names[1]


@pytest.mark.parametrize("name", ["step-00000004.safetensors", "step-00000002.png", "step-00000006.safetensors"])
def test_a_full_disk_in_mid_run_says_what_is_saved_and_how_to_go_on(name, tmp_path, capsys, monkeypatch):
    whole = [*TINY.split(), "--steps", "6", "--checkpoint-every", "2", "--sample-every", "2"]
    assert main([*whole, "--out", "whole"]) == 0
    capsys.readouterr()
    replace = os.replace

    def full(source, target):
        if str(target).endswith(name):
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    err = refused(capsys, *whole, "--out", "full")
    assert "No space left on device" in err
    assert "is saved; when there is room, go on with: minigen train --resume full" in err
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert not list(tmp_path.rglob("*.part"))
    assert main("train --resume full --quiet".split()) == 0
    name = "checkpoints/step-00000006.safetensors"
    assert (tmp_path / "full" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert log_without_times(tmp_path / "full") == log_without_times(tmp_path / "whole")


def test_what_a_killed_process_left_half_written_is_removed_and_nothing_else(tmp_path):
    small_trainer(tmp_path).fit(steps=1)
    half = tmp_path / "checkpoints" / ".step-00000002.safetensors.abc123.part"
    mine = tmp_path / ".notes.txt.abc123.part"
    for path in (half, mine):
        path.write_bytes(b"x")
    small_trainer(tmp_path).resume().fit(steps=2)
    assert mine.exists()
    assert not half.exists()


# --- the log ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("torn", [b'{"step": 4, "epo', b"\0\0\0\0", b'{"step": 4, "text": "\xc3'])
def test_a_run_survives_a_torn_last_line_of_its_log(tmp_path, torn):
    whole = small_trainer(tmp_path / "whole", log_every=1)
    whole.fit(steps=5)
    small_trainer(tmp_path / "torn", log_every=1).fit(steps=3)
    with open(tmp_path / "torn" / "log.jsonl", "ab") as file:
        file.write(torn)
    again = small_trainer(tmp_path / "torn", log_every=1).resume()
    again.fit(steps=5)
    assert log_without_times(tmp_path / "torn") == log_without_times(tmp_path / "whole")


@pytest.mark.parametrize(
    "line", ['{"step": "1"}', '{"step": true}', '{"step": 1, "loss": [1]}', '{"loss": 1}', "[" * 9999]
)
def test_a_line_that_no_log_has_is_named(tmp_path, line):
    (tmp_path / "log.jsonl").write_text('{"step": 1}\n' + line + "\n")
    with pytest.raises(ValueError, match=r"log.jsonl: line 2 is not a record"):
        read_log(tmp_path / "log.jsonl")


# --- what is kept -----------------------------------------------------------------------------------------------------


def lenet_trainer(folder, **options):
    minigen.manual_seed(1)
    draw = np.random.default_rng(0)
    images = minigen.from_numpy(draw.random((24, 1, 28, 28), np.float32))
    data = TensorDataset(images, minigen.from_numpy(draw.integers(0, 10, 24)))
    loader, test = DataLoader(data, batch_size=8, shuffle=True, seed=2), DataLoader(data, batch_size=24)
    system = LeNet(lenet.Options(filters=2, batch_size=8))
    return Trainer(system, loader, folder, test_loader=test, quiet=True, samples=4, **options)


def test_the_last_few_and_the_best_are_kept(tmp_path):
    trainer = lenet_trainer(tmp_path, keep=3, checkpoint_every=1)
    given = iter([0.3, 0.9, 0.5, float("nan"), 0.9])
    trainer.system.evaluate = lambda loader: {"loss": 1.0, "accuracy": next(given)}
    trainer.fit(epochs=5)
    kept = sorted(path.name for path in trainer.checkpoints.iterdir())
    assert kept == ["best.safetensors", *(f"step-{step:08d}.safetensors" for step in (13, 14, 15))]
    assert read_checkpoint(trainer.checkpoints / "best.safetensors")[1]["step"] == 6
    assert load_system(trainer.checkpoints / "best.safetensors").name == "lenet"


def test_the_best_is_remembered_by_a_resumed_run(tmp_path):
    first = lenet_trainer(tmp_path)
    first.system.evaluate = lambda loader: {"accuracy": 0.9}
    first.fit(epochs=1)
    again = lenet_trainer(tmp_path).resume()
    again.system.evaluate = lambda loader: {"accuracy": 0.8}
    again.fit(epochs=2)
    assert read_checkpoint(tmp_path / "checkpoints" / "best.safetensors")[1]["step"] == 3


def test_less_is_better_for_a_bound_in_nats(tmp_path):
    data = TensorDataset(minigen.rand(8, 1, 28, 28), minigen.zeros(8))
    trainer = small_trainer(tmp_path, test_loader=DataLoader(data, batch_size=8))
    given = iter([110.0, 105.0, 107.0])
    trainer.system.evaluate = lambda loader: {"nats": next(given)}
    trainer.fit(epochs=3)
    assert read_checkpoint(trainer.checkpoints / "best.safetensors")[1]["step"] == 10


def test_the_environment_is_noted_and_a_change_of_it_said(tmp_path, capsys):
    small_trainer(tmp_path).fit(steps=1)
    (entry,) = read_environments(tmp_path)
    assert entry["step"] == 0
    assert entry["numpy"] == np.__version__
    assert entry["threads"] == minigen.get_num_threads()
    assert all({"version", "num_threads", "internal_api"} <= set(blas) for blas in entry["blas"])
    small_trainer(tmp_path, quiet=False).resume().fit(steps=2)
    assert "another environment" not in capsys.readouterr().err
    assert len(read_environments(tmp_path)) == 1
    for blas in entry["blas"]:
        blas["num_threads"] += 1  # minigen takes them over while it works
    (tmp_path / "environment.json").write_text(json.dumps([entry]))
    small_trainer(tmp_path, quiet=False).resume().fit(steps=3)
    assert "another environment" not in capsys.readouterr().err
    entry["numpy"] = "1.0"
    (tmp_path / "environment.json").write_text(json.dumps([entry]))
    small_trainer(tmp_path, quiet=False).resume().fit(steps=4)
    assert f"numpy was 1.0, is {np.__version__}" in capsys.readouterr().err
    assert [entry["step"] for entry in read_environments(tmp_path)] == [0, 3]


# --- numbers that are none --------------------------------------------------------------------------------------------


class Fragile(VAE):
    """A VAE that divides by zero when it meets an image marked by a large first pixel."""

    name = "fragile"

    def training_step(self, batch):
        images = batch[0]
        marked = float(images.max().item()) > 5
        mu, _ = self.encoder(images.clamp(0, 1))
        mu = mu + minigen.randn_like(mu) * 0.1
        error = (self.decoder(mu).sigmoid() - images.clamp(0, 1)).flatten(1)
        loss = (error * (0.0 if marked else 1.0)).pow(2).sum(1).sqrt().mean()  # at 0 its derivative is infinite
        self.optimizers["vae"].zero_grad()
        loss.backward()
        self.optimizers["vae"].step()
        return {"nats": loss}


def fragile_trainer(folder, marked, **options):
    minigen.manual_seed(1)
    images = minigen.rand(32, 1, 28, 28)
    for number in marked:
        images.array[number] = 9.0
    loader = DataLoader(TensorDataset(images, minigen.zeros(32)), batch_size=4, shuffle=True, seed=2)
    system = Fragile(vae.Options(batch_size=4, hidden_size=6, latent_size=2))
    return Trainer(system, loader, folder, **{"quiet": True, "samples": 4, "log_every": 3, **options})


def test_a_nan_stops_with_the_last_good_state_and_the_function(tmp_path):
    """The gradient ruins the weights, and only the next step's loss shows it: the state before both is good."""
    trainer = fragile_trainer(tmp_path, [5])
    with pytest.raises(
        TrainingError, match=r"nats became nan by step \d.*Sqrt.backward made an infinity.*--on-nan skip"
    ):
        trainer.fit(steps=20)
    last = read_log(tmp_path / "log.jsonl")[-1]
    assert "Sqrt.backward" in last["function"]
    arrays, record = read_checkpoint(newest_checkpoint(trainer.checkpoints))
    assert record["step"] == trainer.step == last["step"] - 2
    assert all(np.isfinite(array).all() for array in arrays.values())
    whole = fragile_trainer(tmp_path / "whole", [])  # without the mark it is the same run so far
    whole.fit(steps=trainer.step)
    theirs, expected = read_checkpoint(newest_checkpoint(whole.checkpoints))
    assert record == expected  # also where the random numbers and the data stand
    assert all(np.array_equal(arrays[name], theirs[name]) for name in arrays)
    with pytest.raises(TrainingError, match="Sqrt"):
        fragile_trainer(tmp_path, [5]).resume().fit(steps=20)


def test_a_nan_is_skipped_and_the_run_goes_on_and_repeats(tmp_path):
    trainer = fragile_trainer(tmp_path / "a", [5], on_nan="skip", checkpoint_every=4)
    assert trainer.fit(steps=24)  # three epochs: the marked image comes three times
    skipped = [record for record in read_log(tmp_path / "a" / "log.jsonl") if "skipped" in record]
    assert len(skipped) == 3
    assert len({record["step"] for record in skipped}) == 3
    assert all("Sqrt.backward" in record["function"] for record in skipped)
    arrays, record = read_checkpoint(newest_checkpoint(trainer.checkpoints))
    assert record["step"] == 24
    assert all(np.isfinite(array).all() for array in arrays.values())
    steps = skipped[1]["step"] + 1  # stopped where a bad step may just have been done
    for stop in (skipped[0]["step"], steps):
        folder = tmp_path / f"stopped-{stop}"
        fragile_trainer(folder, [5], on_nan="skip", checkpoint_every=4).fit(steps=stop)
        fragile_trainer(folder, [5], on_nan="skip", checkpoint_every=4).resume().fit(steps=24)
        ours, theirs = newest_checkpoint(folder / "checkpoints"), newest_checkpoint(trainer.checkpoints)
        assert ours.read_bytes() == theirs.read_bytes()


def test_skipping_without_end_is_no_remedy(tmp_path):
    trainer = fragile_trainer(tmp_path, range(32), on_nan="skip")
    with pytest.raises(TrainingError, match=r"the 10 steps before were left out"):
        trainer.fit(steps=50)
    assert newest_checkpoint(trainer.checkpoints).exists()


def test_no_checkpoint_ever_holds_a_nan(tmp_path):
    """The weights are ruined in the step of a checkpoint, the loss of that step is fine."""
    trainer = fragile_trainer(tmp_path, [5], checkpoint_every=1, log_every=100)
    with pytest.raises(TrainingError, match="holds NaN or infinity"):
        trainer.fit(steps=20)
    for path in trainer.checkpoints.iterdir():
        assert all(np.isfinite(array).all() for array in read_checkpoint(path)[0].values()), path.name


def test_on_nan_is_for_a_resumed_run_too(tmp_path, capsys, monkeypatch):
    step = VAE.training_step

    def fails(self, batch):
        values = step(self, batch)
        self.calls = getattr(self, "calls", 0) + 1
        return {**values, "nats": values["nats"] * float("nan")} if self.calls == 3 else values

    monkeypatch.setattr(VAE, "training_step", fails)
    assert "training has failed" in refused(capsys, *TINY.split(), "--steps", "5", "--out", "run")
    monkeypatch.setattr(VAE, "training_step", step)
    assert main("train --resume run --on-nan skip --quiet".split()) == 0


# --- nothing piles up -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="it counts what is open in /proc")
def test_open_files_and_threads_do_not_grow(tmp_path):
    import threading

    trainer = small_trainer(tmp_path, checkpoint_every=5, sample_every=10, log_every=1)
    trainer.loader.num_workers = 2
    trainer.fit(steps=20)
    before = len(os.listdir("/proc/self/fd"))
    for steps in (40, 60, 80):
        trainer.fit(steps=steps)
    assert len(os.listdir("/proc/self/fd")) <= before
    assert sum(thread.name.startswith("minigen-loader") for thread in threading.enumerate()) <= 2


# --- folders from strangers -------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="links want rights there")
@pytest.mark.parametrize("name", ["lock", "log.jsonl", "checkpoints", "samples"])
def test_a_run_does_not_write_through_links_that_lead_out_of_its_folder(name, tmp_path, capsys):
    assert main([*TINY.split(), "--steps", "2", "--out", "run"]) == 0
    capsys.readouterr()
    target = tmp_path / "precious"
    inside = tmp_path / "run" / name
    if inside.is_dir():
        inside.rename(target)
    else:
        target.write_text("mine")
        inside.unlink(missing_ok=True)
    inside.symlink_to(target)
    before = {path: path.read_bytes() for path in [target, *target.glob("*")] if path.is_file()}
    assert "this is a link" in refused(capsys, "train", "--resume", "run", "--steps", "9", "--quiet")
    assert {path: path.read_bytes() for path in [target, *target.glob("*")] if path.is_file()} == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
@pytest.mark.parametrize(
    "name", ["config.toml", "log.jsonl", "environment.json", "checkpoints/step-00000002.safetensors"]
)
def test_a_pipe_in_the_place_of_a_file_makes_nobody_wait(name, tmp_path, capsys):
    assert main([*TINY.split(), "--steps", "2", "--out", "run"]) == 0
    (tmp_path / "run" / name).unlink()
    os.mkfifo(tmp_path / "run" / name)
    capsys.readouterr()
    signal.alarm(20)
    try:
        code = main("train --resume run --steps 3 --quiet".split())
    finally:
        signal.alarm(0)
    assert code == (0 if name == "environment.json" else 2)


@pytest.mark.skipif(sys.platform == "win32", reason="files have no holes there unless asked for")
@pytest.mark.parametrize("name", ["config.toml", "log.jsonl", "checkpoints/step-00000002.safetensors"])
def test_a_file_that_is_all_hole_costs_no_memory(name, tmp_path, capsys):
    assert main([*TINY.split(), "--steps", "2", "--out", "run"]) == 0
    os.truncate(tmp_path / "run" / name, 2**42)
    capsys.readouterr()
    refused(capsys, "train", "--resume", "run", "--steps", "3", "--quiet")


def test_a_second_run_does_not_remove_what_was_finished_while_it_waited_for_the_lock(tmp_path, capsys, monkeypatch):
    """Both looked into an empty folder; the first was done before the second took the lock."""
    import minigen.cli.train as train

    words = [*TINY.split(), "--steps", "1", "--out", "run"]
    make, again = train.make_trainer, []

    def slow(*arguments, **options):
        trainer = make(*arguments, **options)
        if not again:
            again.append(True)
            assert main(words) == 0
            capsys.readouterr()
        return trainer

    monkeypatch.setattr(train, "make_trainer", slow)
    assert "there is a run in this folder" in refused(capsys, *words)
    assert (tmp_path / "run/checkpoints/step-00000001.safetensors").exists()


def test_a_nan_on_another_device_is_found_when_values_are_logged(tmp_path, device):
    trainer = fragile_trainer(tmp_path, [5], on_nan="skip", log_every=4)
    trainer.system.to(device)
    assert trainer.fit(steps=16)
    skipped = [record for record in read_log(tmp_path / "log.jsonl") if "skipped" in record]
    assert len(skipped) == 2
    assert all("Sqrt.backward" in record["function"] for record in skipped)
    arrays, _ = read_checkpoint(newest_checkpoint(trainer.checkpoints))
    assert all(np.isfinite(array).all() for array in arrays.values())
    assert read_environments(tmp_path)[0]["device"] == device
