"""The loop and what it keeps: whole and checked checkpoints, logs, pictures, errors that say what to do."""

import errno
import json
import os
import sys

import numpy as np
import pytest

import minigen
from minigen import saving
from minigen.data import DataLoader, TensorDataset
from minigen.models import DCGAN, VAE, vae
from minigen.models.dcgan import Options as DCGANOptions
from minigen.training import (
    CheckpointError,
    Trainer,
    TrainingError,
    checkpoint,
    load_system,
    newest_checkpoint,
    progress,
    read_checkpoint,
    read_log,
    write_checkpoint,
)

SMALL = vae.Options(batch_size=4, hidden_size=6, latent_size=2)


def small_trainer(folder, system=None, images=18, **options):
    """18 images in batches of 4: an epoch of 5 steps."""
    minigen.manual_seed(1)
    system = system if system is not None else VAE(SMALL)
    data = TensorDataset(minigen.rand(images, 1, 28, 28), minigen.zeros(images))
    loader = DataLoader(data, batch_size=4, shuffle=True, seed=2)
    return Trainer(system, loader, folder, **{"quiet": True, "samples": 4, **options})


# --- checkpoint files
# -----------------------------------------------------------------------------------------


def arrays_of_every_kind():
    return {
        "transposed": np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1),
        "every other": np.arange(10.0)[::2],
        "backwards": np.arange(5, dtype=np.int64)[::-1],
        "no axes": np.array(3, np.int64),
        "empty": np.zeros((0, 3), np.float32),
        "mask": np.array([True, False]),
        "bytes": np.arange(3, dtype=np.uint8),
    }


def test_arrays_come_back_as_they_were(tmp_path):
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, arrays_of_every_kind(), {"step": 7, "text": "é", "big": 2**100})
    arrays, record = read_checkpoint(path)
    assert record == {"format": checkpoint.FORMAT, "step": 7, "text": "é", "big": 2**100}
    assert arrays.keys() == arrays_of_every_kind().keys()
    for name, array in arrays_of_every_kind().items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert np.array_equal(arrays[name], array), name


LAYOUTS = {
    "C": lambda a: a,
    "Fortran": np.asfortranarray,
    "channels last": lambda a: np.ascontiguousarray(a.transpose(0, 2, 1)).transpose(0, 2, 1),
    "backwards": lambda a: a[::-1, :, ::-1],
    "gaps": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "broadcast": lambda a: np.broadcast_to(a[:, :1], a.shape),
    "empty": lambda a: a[:0],
    "no axes": lambda a: a[0, 0, 0],
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
}


@pytest.mark.parametrize("dtype", saving.STORED)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_every_dtype_comes_back_equal(tmp_path, layout, dtype):
    array = LAYOUTS[layout]((np.arange(24).reshape(2, 4, 3) % 7 - 3 * (dtype[0] != "u")).astype(dtype))
    write_checkpoint(tmp_path / "a", {"x": array}, {})
    back = read_checkpoint(tmp_path / "a")[0]["x"]
    assert back.dtype == np.dtype(dtype)
    assert back.shape == np.shape(array)
    assert np.array_equal(back, array)


@pytest.mark.parametrize("dtype", ["complex128", "U3", "O", "datetime64[s]"])
def test_a_dtype_that_no_checkpoint_holds_is_refused_by_name(tmp_path, dtype):
    write_checkpoint(tmp_path / "a", {"x": np.ones(3)}, {})
    with pytest.raises(TypeError, match=r"weight is .*, but a checkpoint holds bool, int8"):
        write_checkpoint(tmp_path / "a", {"weight": np.zeros(3, dtype)}, {})
    assert np.array_equal(read_checkpoint(tmp_path / "a")[0]["x"], np.ones(3))


@pytest.mark.parametrize("missing", ["array", "optimizer's array", "options", "random", "step", "optimizers"])
def test_a_missing_key_is_one_clear_error_that_offers_the_older_checkpoint(tmp_path, missing):
    small_trainer(tmp_path, checkpoint_every=2).fit(steps=4)
    path = newest_checkpoint(tmp_path / "checkpoints")
    arrays, record = read_checkpoint(path)
    if "array" in missing:
        wanted = "optimizer." if "optimizer" in missing else "system."
        arrays.pop(next(name for name in arrays if name.startswith(wanted)))
    else:
        record.pop(missing)
    write_checkpoint(path, arrays, record)
    again = small_trainer(tmp_path)
    before = {name: tensor.numpy().copy() for name, tensor in again.system.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"cannot resume: .*Remove it, and training resumes from step-00000002"):
        again.resume()
    assert all(np.array_equal(before[name], tensor.numpy()) for name, tensor in again.system.state_dict().items())
    path.unlink()
    assert again.resume().step == 2


def test_a_damaged_checkpoint_offers_the_older_one_to_those_who_sample(tmp_path):
    small_trainer(tmp_path, checkpoint_every=2).fit(steps=4)
    newest = newest_checkpoint(tmp_path / "checkpoints")
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"The one before it can be named in its place: .*step-00000002"):
        load_system(tmp_path)


def test_a_system_in_float64_comes_back_in_float64(tmp_path):
    trainer = small_trainer(tmp_path)
    trainer.fit(steps=1)
    arrays, record = read_checkpoint(newest_checkpoint(trainer.checkpoints))
    wide = {name: a.astype(np.float64) for name, a in arrays.items() if name.startswith("system.")}
    write_checkpoint(tmp_path / "wide.safetensors", arrays | wide, record)
    assert {str(parameter.dtype) for parameter in load_system(tmp_path / "wide.safetensors").parameters()} == {
        "float64"
    }
    write_checkpoint(newest_checkpoint(trainer.checkpoints), arrays | wide, record)
    with pytest.raises(CheckpointError, match=r"is float64, here float32"):
        small_trainer(tmp_path).resume()


def test_the_same_state_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_checkpoint(tmp_path / name, arrays_of_every_kind(), {"step": 1, "seed": 2, "lr": 0.1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.fixture
def stored(tmp_path):
    """Train five steps, and return the checkpoint."""
    trainer = small_trainer(tmp_path / "run")
    trainer.fit(steps=5)
    return newest_checkpoint(trainer.checkpoints)


def test_a_checkpoint_cut_off_anywhere_is_refused(stored):
    content = stored.read_bytes()
    for length in (0, 4, 100, len(content) // 2, len(content) - 1):
        stored.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match="damaged or cut off"):
            read_checkpoint(stored)


def test_a_single_flipped_bit_is_noticed_wherever_it_is(stored):
    content = bytearray(stored.read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    record = content.index(b"minigen")
    places = [
        record + 200,
        record + 600,
        header,
        header + 1000,
        (header + len(content)) // 2,
        len(content) - 1,
    ]
    for place in places:
        content[place] ^= 4
        stored.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"damaged|not a checkpoint"):
            read_checkpoint(stored)
        content[place] ^= 4


def test_a_file_that_is_no_checkpoint_is_named(tmp_path):
    from safetensors.numpy import save_file

    save_file({"x": np.zeros(3)}, tmp_path / "foreign.safetensors")
    (tmp_path / "text").write_text("hello")
    for name, message in (
        ("foreign.safetensors", "not a checkpoint of minigen"),
        ("text", "damaged or cut off"),
        ("nothing", "no such checkpoint"),
    ):
        with pytest.raises(CheckpointError, match=message):
            read_checkpoint(tmp_path / name)


def test_a_checkpoint_of_a_later_minigen_asks_for_an_upgrade(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT", 99)
    write_checkpoint(tmp_path / "late", {}, {})
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"format 99, .* up to format 2.*upgrade"):
        read_checkpoint(tmp_path / "late")


def test_a_full_disk_leaves_the_old_checkpoint_and_nothing_half_written(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, {"x": np.zeros(3)}, {"step": 1})

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_checkpoint(path, {"x": np.ones(3)}, {"step": 2})
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]
    assert read_checkpoint(path)[1]["step"] == 1


# --- resuming
# -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [3, 5, 7])
def test_two_fits_equal_one(tmp_path, steps):
    one, two = small_trainer(tmp_path / "one"), small_trainer(tmp_path / "two")
    one.fit(steps=12)
    minigen.manual_seed(1)
    two = small_trainer(tmp_path / "two")
    two.fit(steps=steps)
    two.fit(steps=12)
    newest = [newest_checkpoint(trainer.checkpoints).read_bytes() for trainer in (one, two)]
    assert newest[0] == newest[1]


@pytest.mark.parametrize("steps", [3, 5, 7])
def test_resuming_equals_going_on(tmp_path, steps):
    one = small_trainer(tmp_path / "one", log_every=1)
    one.fit(steps=12)
    small_trainer(tmp_path / "two", log_every=1).fit(steps=steps)
    minigen.manual_seed(77)
    two = small_trainer(tmp_path / "two", log_every=1).resume()
    assert two.step == steps
    two.fit(steps=12)
    newest = [newest_checkpoint(trainer.checkpoints).read_bytes() for trainer in (one, two)]
    assert newest[0] == newest[1]
    logs = [[{**r, "seconds": 0} for r in read_log(trainer.log.path)] for trainer in (one, two)]
    assert logs[0] == logs[1]


def test_a_state_is_written_into_the_arrays_that_are_there(tmp_path):
    """Replacing a weight's array would lose its memory layout, and with it the speed of convolutions."""
    options = DCGANOptions(generator_width=2, discriminator_width=2, batch_size=4)
    small_trainer(tmp_path, DCGAN(options)).fit(steps=2)
    system = DCGAN(options)
    before = {name: (p.array, p.array.strides) for name, p in system.named_parameters()}
    small_trainer(tmp_path, system).resume()
    for name, parameter in system.named_parameters():
        array, strides = before[name]
        assert parameter.array is array, name
        assert parameter.array.strides == strides, name


def test_the_last_two_checkpoints_are_kept(tmp_path):
    trainer = small_trainer(tmp_path, checkpoint_every=2)
    trainer.fit(steps=7)
    assert [path.stem for path in sorted(trainer.checkpoints.iterdir())] == ["step-00000006", "step-00000007"]


def test_a_damaged_checkpoint_names_the_one_before_it(tmp_path):
    small_trainer(tmp_path, checkpoint_every=2).fit(steps=4)
    newest = newest_checkpoint(tmp_path / "checkpoints")
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"Remove it, and training resumes from step-00000002"):
        small_trainer(tmp_path).resume()
    newest.unlink()
    assert small_trainer(tmp_path).resume().step == 2


@pytest.mark.parametrize(
    ("system", "images", "message"),
    [
        (lambda: DCGAN(DCGANOptions(generator_width=2)), 18, "its system is 'vae', here it is 'dcgan'"),
        (
            lambda: VAE(vae.Options(batch_size=4, hidden_size=6, latent_size=3)),
            18,
            "its option latent_size is 2",
        ),
        (lambda: VAE(SMALL, shape=(3, 28, 28)), 18, r"its shape is \[1, 28, 28\], here it is \[3, 28, 28\]"),
        (lambda: VAE(SMALL), 14, "samples 18, but this loader has 14"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(tmp_path, system, images, message):
    small_trainer(tmp_path).fit(steps=2)
    with pytest.raises(CheckpointError, match=message):
        small_trainer(tmp_path, system(), images).resume()


def test_a_trained_system_is_built_again_from_its_checkpoint(tmp_path):
    trainer = small_trainer(tmp_path)
    trainer.fit(steps=3)
    system = load_system(tmp_path)
    noise = system.fixed_noise(2)
    assert system.options == SMALL
    assert np.array_equal(system.sample(2, noise).numpy(), trainer.system.sample(2, noise).numpy())
    with pytest.raises(CheckpointError, match="no checkpoint here"):
        load_system(tmp_path / "samples")


# --- the loop
# -------------------------------------------------------------------------------------------------


def test_a_run_leaves_log_pictures_film_and_curves(tmp_path):
    test_loader = DataLoader(TensorDataset(minigen.rand(6, 1, 28, 28), minigen.zeros(6)), batch_size=4)
    trainer = small_trainer(tmp_path, test_loader=test_loader, log_every=2, sample_every=4)
    assert trainer.fit(epochs=2)
    records = read_log(tmp_path / "log.jsonl")
    assert [r["step"] for r in records if "nats" in r] == [2, 4, 6, 8, 10]
    assert [(r["step"], r["epoch"]) for r in records if "test/nats" in r] == [(5, 1.0), (10, 2.0)]
    samples = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert samples == [f"step-{step:08d}.png" for step in (0, 4, 8, 10)]
    assert {path.name for path in tmp_path.iterdir()} == {
        "checkpoints", "curves.png", "environment.json", "log.jsonl", "samples", "training.gif",
    }  # fmt: skip


@pytest.mark.parametrize(("evaluate_every", "epochs"), [(0, []), (1, [1.0, 2.0, 3.0]), (2, [2.0])])
def test_how_often_a_run_is_evaluated(tmp_path, evaluate_every, epochs):
    test_loader = DataLoader(TensorDataset(minigen.rand(6, 1, 28, 28), minigen.zeros(6)), batch_size=4)
    trainer = small_trainer(tmp_path, test_loader=test_loader, evaluate_every=evaluate_every)
    assert trainer.fit(epochs=3)
    assert [r["epoch"] for r in read_log(tmp_path / "log.jsonl") if "test/nats" in r] == epochs


def test_looking_at_a_run_does_not_change_it(tmp_path):
    test_loader = DataLoader(TensorDataset(minigen.rand(6, 1, 28, 28), minigen.zeros(6)), batch_size=4)
    often, never = tmp_path / "often", tmp_path / "never"
    small_trainer(often, test_loader=test_loader, log_every=1, sample_every=1, checkpoint_every=1).fit(steps=7)
    small_trainer(never, log_every=100, sample_every=100).fit(steps=7)
    name = "checkpoints/step-00000007.safetensors"
    assert (often / name).read_bytes() == (never / name).read_bytes()


def test_the_goal_is_whichever_is_reached_first(tmp_path):
    trainer = small_trainer(tmp_path)
    trainer.fit(epochs=1, steps=100)
    assert trainer.step == 5
    trainer.fit(epochs=100, steps=8)
    assert trainer.step == 8
    assert trainer.fit(steps=6), "a goal that was passed long ago is reached"
    assert trainer.step == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "say how long"),
        ({"steps": 0}, "steps must be positive"),
        ({"epochs": -1}, "epochs must be positive"),
    ],
)
def test_a_goal_that_is_none_is_refused(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        small_trainer(tmp_path).fit(**arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_new_run_does_not_write_over_an_old_one(tmp_path):
    small_trainer(tmp_path).fit(steps=1)
    with pytest.raises(TrainingError, match="there is a run in this folder already"):
        small_trainer(tmp_path).fit(steps=1)


def test_a_loss_that_is_not_finite_ends_training_with_advice(tmp_path):
    trainer = small_trainer(tmp_path, log_every=1)
    trainer.system.training_step = lambda batch: {"nats": minigen.tensor(float("nan"))}
    with pytest.raises(TrainingError, match=r"nats became nan by step 1.*smaller step size"):
        trainer.fit(steps=3)


# --- progress and log
# -----------------------------------------------------------------------------------------


def test_progress_that_is_piped_is_a_plain_line_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with progress.Progress(done=10, goal=12) as shown:
        shown.show(0.5, 0.6, {"loss": 0.25})
        shown.step()
        shown.message("a message")
        shown.step()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("step 11/12  epoch 0.5/0.6  loss 0.25  0:00 left")
    assert lines[1] == "a message"
    assert lines[-1] == "step 12/12  epoch 0.5/0.6  loss 0.25"
    assert not any("\r" in line or "\x1b" in line for line in lines)


def test_quiet_progress_shows_nothing(capsys):
    with progress.Progress(done=0, goal=1, quiet=True) as shown:
        shown.step()
        shown.message("a message")
    assert capsys.readouterr() == ("", "")


def test_progress_in_a_terminal_is_a_bar(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress.Progress(done=0, goal=2) as shown:
        shown.show(0.5, 1.0, {"loss": 0.25})
        shown.step()
        shown.step()
    shown = capsys.readouterr().err
    assert "2/2" in shown
    assert "loss 0.25" in shown


def test_a_line_that_is_no_record_is_named_by_number(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"step": 1}) + "\n[1, 2]\n")
    with pytest.raises(ValueError, match=r"line 2 is not a record"):
        read_log(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"on_nan": "never"}, "on_nan must be 'stop' or 'skip'"), ({"keep": 0}, "keep must be at least 1")],
)
def test_a_trainer_refuses_what_it_cannot_do(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        small_trainer(tmp_path, **options)


def test_a_checkpoint_that_a_running_run_removes_is_followed_by_the_newer_one(tmp_path, monkeypatch):
    small_trainer(tmp_path, checkpoint_every=2).fit(steps=4)
    found, state = newest_checkpoint(tmp_path / "checkpoints"), "minigen.training.state"
    newer = found.with_name("step-00000009.safetensors")
    monkeypatch.setattr(f"{state}.newest_checkpoint", lambda folder: newer if newer.exists() else found)
    read = read_checkpoint

    def late(path):
        if found.exists():
            found.rename(newer)
        return read(path)

    monkeypatch.setattr(f"{state}.read_checkpoint", late)
    assert load_system(tmp_path).name == "vae"
