"""The loop around any system: batches in, steps done, and everything a run leaves behind.

A run is a folder::

    config.toml                      what was asked for (written by `minigen train`)
    log.jsonl                        losses every few steps, figures over the test set after each epoch
    samples/step-00000100.png        images from the same noise each time
    checkpoints/step-00000500.safetensors    the last few
    checkpoints/best.safetensors     the one with the best figure over the test set, where a figure says which that is
    environment.json                 versions, threads and hardware
    training.gif, curves.png         at the end
    lock                             while somebody trains

The loop knows no algorithm: `System.training_step` is where learning happens.  What it promises is that
stopping and resuming changes nothing: a resumed run has the weights of one that was never stopped, bit for
bit.  And that nothing is lost: Ctrl-C, a full disk, a number that is none end with a state from which to go on.
"""

from __future__ import annotations

import math
import re
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import minigen
from minigen import plot
from minigen.data import DataLoader
from minigen.files import as_path
from minigen.models.system import System, random_state_of
from minigen.training.checkpoint import (
    KEEP,
    CheckpointError,
    best_path,
    checkpoint_path,
    checkpoints_in,
    newest_checkpoint,
    read_checkpoint,
    remove_old_checkpoints,
    write_checkpoint,
)
from minigen.training.doctor import Doctor
from minigen.training.environment import note_environment
from minigen.training.lock import RunLock
from minigen.training.log import Log, read_log
from minigen.training.pictures import first_samples, save_restored, save_samples
from minigen.training.progress import Progress
from minigen.training.recovery import Moment, bad_parameter, bad_value, do_step, find_culprit, to_device
from minigen.training.state import MALFORMED, not_whole, restore_system, system_state

FILM_FRAMES = 60
REMEMBERED = 100  # steps between two good states in memory, from which a bad number is searched for
MOST_SKIPPED = 10  # bad steps one after the other: more is no accident
LEFTOVER = r"\.(step-\d+|best|curves|training|log|config|environment)\.(png|gif|safetensors|jsonl|json|toml)\."
# Figures over the test set that tell which checkpoint is best, and whether more is better; the first that there is.
MERITS = {"accuracy": True, "psnr": True, "gain": True, "nats": False, "squared_error": False, "loss": False}


class TrainingError(RuntimeError):
    """Training that cannot go on; the message says why, and what to change."""


class Trainer:
    """Train a system, and keep log, pictures and checkpoints in a folder.

    Parameters
    ----------
    system : System
        What to train; it says itself what one step is.
    loader : DataLoader
        The training set.
    folder : str or Path
        The run's folder; it is made when training begins.
    test_loader : DataLoader, optional
        The images for `System.evaluate`.
    evaluate_every : int
        Epochs between two evaluations; 0: never.
    log_every, sample_every, checkpoint_every : int
        Steps between two lines of the log, two grids of samples, two checkpoints.
    samples : int
        Images in a grid.
    keep : int
        The last checkpoints that are kept, at least one.  The best one is kept, too, where the figures over the test
        set have one of accuracy, psnr, gain (the highest), nats, squared_error, loss (the lowest).
    on_nan : "stop" or "skip"
        What happens at a NaN or an infinity in a loss or a weight: the last good state is saved and training ends, or
        the step is undone and left out.  Either way the log names the function that made it.
    quiet : bool
        Show no progress.

    Examples
    --------
    >>> import tempfile
    >>> from minigen.data import TensorDataset
    >>> from minigen.models import VAE
    >>> images = minigen.rand(32, 1, 28, 28)
    >>> loader = DataLoader(TensorDataset(images), batch_size=8, shuffle=True, seed=0)
    >>> trainer = Trainer(VAE(), loader, tempfile.mkdtemp(), quiet=True)
    >>> trainer.fit(epochs=2)
    True
    >>> trainer.step
    8
    """

    def __init__(
        self,
        system: System,
        loader: DataLoader,
        folder: str | Path,
        *,
        test_loader: DataLoader | None = None,
        evaluate_every: int = 1,
        log_every: int = 10,
        sample_every: int = 100,
        checkpoint_every: int = 500,
        samples: int = 64,
        keep: int = KEEP,
        on_nan: str = "stop",
        quiet: bool = False,
    ) -> None:
        if on_nan not in ("stop", "skip"):
            raise ValueError(f"Trainer: on_nan must be 'stop' or 'skip', not {on_nan!r}")
        if keep < 1:
            raise ValueError(f"Trainer: keep must be at least 1, not {keep}")
        self.system, self.loader, self.test_loader = system, loader, test_loader
        self.folder = as_path("Trainer", "folder", folder, "folder")
        self.log = Log(self.folder / "log.jsonl")
        self.log_every, self.sample_every, self.checkpoint_every = log_every, sample_every, checkpoint_every
        self.evaluate_every, self.samples, self.quiet = evaluate_every, samples, quiet
        self.keep, self.on_nan = keep, on_nan
        self.skipped, self.last_skipped = 0, 0  # how many steps in a row, up to which
        self.lock = RunLock(self.folder)
        self.step, self.resumed = 0, False
        self.seconds = 0.0
        self.stopped_by: int | None = None  # the number of a signal

    @property
    def epochs_done(self) -> float:
        """Epochs done, with the fraction of the one that was begun."""
        return self.step / len(self.loader)

    # ---------------------------------------------------------------------------------------------- the loop

    def fit(self, epochs: float | None = None, steps: int | None = None) -> bool:
        """Train until ``epochs`` epochs or ``steps`` steps are done in all, whichever comes first.

        Ctrl-C, SIGTERM or the end of the terminal let the step in hand finish; then it is saved, and this returns.  A
        second Ctrl-C stops at once.

        Returns
        -------
        bool
            True if the goal was reached, False after a signal (``stopped_by`` is its number).

        Raises
        ------
        ValueError
            If neither epochs nor steps are given, or they are not positive.
        TrainingError
            If a number is not finite, or the folder holds another run.
        minigen.training.LockError
            If somebody else trains in the folder.
        minigen.data.WriteError
            If the disk is full; what was saved before is still there.
        """
        goal = self.goal(epochs, steps)
        if self.step == 0 and not self.resumed and checkpoints_in(self.checkpoints):
            raise TrainingError(f"{self.folder}: there is a run in this folder already; resume it, or take another")
        with self.lock, Interruption() as interruption, Progress(self.step, goal, self.quiet) as progress:
            self.begin(progress)
            started = time.monotonic() - self.seconds
            while self.step < goal and not interruption.requested:
                self.loader.load_state_dict(self.loader.state_dict())  # go on in mid-epoch, where the last call stopped
                for batch in self.loader.batches_on(self.system.device):
                    values, failure = self.train_on(batch)
                    self.step += 1
                    self.seconds = time.monotonic() - started
                    progress.step()
                    stopping = interruption.requested or self.step >= goal
                    failure = failure or self.bad_number(values, stopping)
                    if failure:
                        self.after_failure(failure, goal, progress)
                        break  # the loader stands elsewhere
                    self.after_step(values, goal, progress)
                    if stopping:
                        break
            self.save()
        if self.step < goal:
            self.stopped_by = interruption.requested
            return False
        self.draw_summary()
        return True

    def begin(self, progress: Progress) -> None:
        """Make ready what the loop needs: the folder, what is shown, the doctor, the first good state."""
        if self.lock.notice:
            progress.message(self.lock.notice)
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.folder)
        changed = note_environment(self.folder, self.step, self.system.device)
        if changed:
            progress.message(changed)
        self.noise = self.system.fixed_noise(self.samples) if self.system.generates else None
        with random_state_of(0):  # random transforms draw numbers, too
            self.shown = first_samples((self.test_loader or self.loader).dataset, self.samples)
        if self.step == 0:
            self.draw_samples()
            self.save()
        log = read_log(self.log.path) if self.log.path.exists() else []
        self.best = best_of(log)
        self.doctor = Doctor(self.system, self.loader, log)
        self.system.train()
        self.good = Moment.now(self.step, self.system, self.loader)

    def train_on(self, batch: Any) -> tuple[dict[str, Any], str | None]:
        """Do one step of the system's algorithm; see `do_step`."""
        with self.doctor.watching():
            return do_step(self.system, to_device(batch, self.system.device))

    # ------------------------------------------------------------------------------------- numbers that are none

    def bad_number(self, values: dict[str, Any], stopping: bool) -> str | None:
        """Say what is NaN or infinite: among the values of this step, and where a state is to be kept in the weights.

        On a GPU a look at a value makes the host wait, so only values that are logged anyhow are looked at.
        """
        keeping = stopping or self.step % REMEMBERED == 0 or self.step % self.checkpoint_every == 0
        logged = stopping or self.step % self.log_every == 0
        failure = bad_value(values) if logged or self.system.device == "cpu" else None
        if keeping and failure is None:
            failure = bad_parameter(self.system)
            if failure is None and self.step % REMEMBERED == 0:
                self.good = Moment.now(self.step, self.system, self.loader)
        return failure

    def after_failure(self, failure: str, goal: int, progress: Progress) -> None:
        """Go back to before the step that made a bad number; end there, or leave that step out."""
        noticed = self.where()
        progress.message(
            f"{failure} by step {self.step}: doing the steps since {self.good.step} again, to find out why"
        )
        culprit = find_culprit(self.good, self.step, self.system, self.loader)
        self.good, self.step = culprit.before, culprit.before.step
        self.log.cut_after(self.step)
        self.doctor.records = [record for record in self.doctor.records if record["step"] <= self.step]
        record = noticed | ({"function": culprit.function} if culprit.function else {})
        in_a_row = culprit.step in (None, self.last_skipped + 1)  # None: it did not happen again, and may for ever
        self.skipped = self.skipped + 1 if in_a_row else 1
        self.last_skipped = culprit.step or self.step
        if self.on_nan == "stop" or self.skipped > MOST_SKIPPED:
            self.end_with(failure, record, culprit.function)
        if culprit.step is not None:
            self.step = culprit.step
            self.log.write(record | self.where() | {"skipped": failure})
            progress.message(f"step {self.step} is left out: {culprit.function or failure}")
            self.good = Moment.now(self.step, self.system, self.loader)
        progress.back_to(self.step)
        self.after_step({}, goal, progress)

    def end_with(self, failure: str, record: dict[str, Any], function: str | None) -> NoReturn:
        """Save the good state that was gone back to, and end with words about the bad one."""
        self.loader.load_state_dict(self.good.place)
        self.save()
        self.log.write(record | {"failed": failure})
        many = f" (the {MOST_SKIPPED} steps before were left out)" if self.skipped > MOST_SKIPPED else ""
        because = f" {function}." if function else ""
        raise TrainingError(
            f"{failure} by step {record['step']}{many}: training has failed.{because} A smaller step size (lr) is the "
            f"first remedy; --on-nan skip leaves such steps out. The last good state is that of step {self.step}, in "
            f"{self.checkpoints}; minigen doctor {self.folder} says more"
        ) from None

    def goal(self, epochs: float | None, steps: int | None) -> int:
        """Return the number of steps to be done in all."""
        if epochs is None and steps is None:
            raise ValueError("fit: say how long: epochs=3, or steps=1000")
        for name, value in (("epochs", epochs), ("steps", steps)):
            if value is not None and not value > 0:
                raise ValueError(f"fit: {name} must be positive, not {value}")
        by_epochs = math.inf if epochs is None else math.ceil(epochs * len(self.loader))
        return int(min(by_epochs, math.inf if steps is None else steps))

    def after_step(self, values: dict[str, Any], goal: int, progress: Progress) -> None:
        """Do what is due after this step; the checkpoint last, when all that it claims has been done."""
        if values and (self.step % self.log_every == 0 or self.step == goal):
            self.log_values(values, goal, progress)
        if self.step % self.sample_every == 0 or self.step == goal:
            self.draw_samples()
            for finding in self.doctor.look(self.step):
                progress.message(str(finding))
        epoch, rest = divmod(self.step, len(self.loader))
        if self.test_loader is not None and self.evaluate_every and rest == 0 and epoch % self.evaluate_every == 0:
            self.evaluate(self.test_loader, progress)
        if self.step % self.checkpoint_every == 0:
            self.save()

    def log_values(self, values: dict[str, Any], goal: int, progress: Progress) -> None:
        """Read the step's values (on a GPU this waits for the device, hence not every step), and log them."""
        numbers = {name: float(value) for name, value in values.items()}
        self.log.write(self.where() | numbers)
        self.doctor.records.append(self.where() | numbers)
        progress.show(self.epochs_done, goal / len(self.loader), numbers)

    def evaluate(self, loader: DataLoader, progress: Progress) -> None:
        """Log the system's figures over the test set; the random source, hence training, does not notice."""
        with random_state_of(0):
            figures = self.system.evaluate(loader)
        record = self.where() | {f"test/{name}": float(value) for name, value in figures.items()}
        self.log.write(record)
        best = best_of([record])
        if best is not None and (self.best is None or best > self.best):
            self.best = best
            self.write(best_path(self.checkpoints))
        text = ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
        progress.message(f"epoch {self.step // len(self.loader)}: on the test set {text}")

    def where(self) -> dict[str, Any]:
        """Return what each line of the log begins with."""
        return {"step": self.step, "epoch": round(self.epochs_done, 4), "seconds": round(self.seconds, 2)}

    # ---------------------------------------------------------------------------------------- what is kept

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.folder / "checkpoints"

    def save(self) -> None:
        """Write a checkpoint of this moment, and remove those before the last ones."""
        path = checkpoint_path(self.checkpoints, self.step)
        if not path.exists():
            self.log.sync()
            self.write(path)
        remove_old_checkpoints(self.checkpoints, self.keep)

    def write(self, path: Path) -> None:
        """Write the present state into a file."""
        arrays, record = system_state(self.system)
        record |= {"step": self.step, "random": minigen.get_rng_state(), "loader": self.loader.state_dict()}
        write_checkpoint(path, arrays, record)

    def resume(self) -> Trainer:
        """Go back to the newest checkpoint: weights, optimizers, random source, place in the data, log.

        Raises
        ------
        CheckpointError
            If there is none, it is damaged, or it is not of this system and data.
        minigen.training.LockError
            If somebody else trains in the folder.
        """
        newest_checkpoint(self.checkpoints)  # else the lock would make a folder
        with self.lock:
            self.restore()
            self.log.cut_after(self.step)
        log = read_log(self.log.path) if self.log.path.exists() else []
        self.seconds = max((record.get("seconds", 0.0) for record in log), default=0.0)
        return self

    def restore(self) -> None:
        """Do what `resume` does, but for the log: only this object changes, no file; and where it raises, nothing.

        Raises
        ------
        CheckpointError
            As `resume` does.
        """
        path = newest_checkpoint(self.checkpoints)
        try:
            arrays, record = read_checkpoint(path)
            self.restore_from(arrays, record)
        except CheckpointError as error:
            older = checkpoints_in(self.checkpoints)[:-1]
            remedy = f". Remove it, and training resumes from {older[-1].name}" if older else ""
            raise CheckpointError(f"{path}: cannot resume: {error}{remedy}") from error

    def restore_from(self, arrays: dict[str, Any], record: dict[str, Any]) -> None:
        """Take over what a checkpoint holds, all of it or nothing."""
        step, random, place = record.get("step"), minigen.get_rng_state(), self.loader.state_dict()
        if not isinstance(step, int) or isinstance(step, bool) or not 0 <= step < 2**63:
            raise CheckpointError("the checkpoint's entry 'step' is no number of steps")
        try:
            minigen.set_rng_state(record["random"])
            self.loader.load_state_dict(record["loader"])
            restore_system(self.system, arrays, record)
        except (CheckpointError, *MALFORMED) as error:
            minigen.set_rng_state(random)
            self.loader.load_state_dict(place)
            raise not_whole(error) from error
        self.step, self.resumed = step, True

    # -------------------------------------------------------------------------------------------- pictures

    def draw_samples(self) -> None:
        """Save what the system draws from the noise that is the same each time, or makes of the same images."""
        path = self.folder / "samples" / f"step-{self.step:08d}.png"
        with random_state_of(0):
            if self.noise is not None:
                save_samples(self.system, self.system.sample(self.samples, self.noise), path, real=self.shown)
            elif self.system.restores:
                save_restored(self.system, self.shown, path)

    def draw_summary(self) -> None:
        """Save the curves of the log, and the grids of samples as a film."""
        plot.plot_curves(read_log(self.log.path), self.folder / "curves.png")
        frames = sorted((self.folder / "samples").glob("step-*.png"))
        if len(frames) > 1:
            apart = math.ceil(len(frames) / FILM_FRAMES)
            plot.save_gif(frames[::-apart][::-1], self.folder / "training.gif")  # the last one is among them


def best_of(records: list[dict[str, Any]]) -> float | None:
    """Return the best figure of merit over the test set in a log, more being better; None where there is none.

    Examples
    --------
    >>> best_of([{"step": 5, "test/nats": 110.0}, {"step": 9, "test/nats": 105.5}])
    -105.5
    >>> best_of([{"step": 5, "test/loss_d": 0.7}])
    """
    for name, higher in MERITS.items():
        values = [record[f"test/{name}"] for record in records if f"test/{name}" in record]
        finite = [value if higher else -value for value in values if math.isfinite(value)]
        if values:
            return max(finite, default=None)
    return None


def remove_leftovers(folder: Path) -> None:
    """Remove the half-written files that a killed process has left in a run's folder."""
    for place in (folder, folder / "samples", folder / "checkpoints"):
        for part in place.glob(".*.part"):
            if re.match(LEFTOVER, part.name):
                part.unlink(missing_ok=True)


class Interruption:
    """Inside, the first Ctrl-C, SIGTERM or SIGHUP is noted in ``requested``; the second acts as it always does."""

    def __init__(self) -> None:
        self.requested: int = 0  # the number of the signal
        self.previous: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():  # others cannot set handlers
            for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", None)):
                if number is None or (number != signal.SIGINT and signal.getsignal(number) == signal.SIG_IGN):
                    continue  # `nohup` wants the end of a terminal to be ignored
                self.previous[number] = signal.signal(number, self.request)
        return self

    def request(self, number: int, frame: FrameType | None) -> None:
        """Note the wish, and put the usual handlers back."""
        self.requested = number
        self.restore()

    def restore(self) -> None:
        """Put the handlers back that were there before."""
        for number, handler in self.previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: not Python's own
        self.previous = {}

    def __exit__(self, *error: object) -> None:
        self.restore()
