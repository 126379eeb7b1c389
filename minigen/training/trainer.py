"""The loop around any system: batches in, steps done, and everything a run leaves behind.

A run is a folder::

    config.toml                      what was asked for (written by `minigen train`)
    log.jsonl                        losses every few steps, figures over the test set after each epoch
    samples/step-00000100.png        images from the same noise each time
    checkpoints/step-00000500.safetensors    the last two
    training.gif, curves.png         at the end

The loop knows no algorithm: `System.training_step` is where learning happens.  What it promises is that
stopping and resuming changes nothing: a resumed run has the weights of one that was never stopped, bit for
bit.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import minigen
from minigen import plot
from minigen.data import DataLoader
from minigen.models.system import System, random_state_of
from minigen.training.checkpoint import (
    CheckpointError,
    checkpoint_path,
    checkpoints_in,
    newest_checkpoint,
    read_checkpoint,
    remove_old_checkpoints,
    write_checkpoint,
)
from minigen.training.doctor import Doctor
from minigen.training.findings import is_about_nan
from minigen.training.log import Log, read_log
from minigen.training.pictures import first_samples, save_restored, save_samples
from minigen.training.progress import Progress
from minigen.training.state import restore_system, system_state

FILM_FRAMES = 60


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
        quiet: bool = False,
    ) -> None:
        self.system, self.loader, self.test_loader = system, loader, test_loader
        self.folder = Path(folder)
        self.log = Log(self.folder / "log.jsonl")
        self.log_every, self.sample_every, self.checkpoint_every = log_every, sample_every, checkpoint_every
        self.evaluate_every, self.samples, self.quiet = evaluate_every, samples, quiet
        self.step = 0
        self.seconds = 0.0

    @property
    def epochs_done(self) -> float:
        """Epochs done, with the fraction of the one that was begun."""
        return self.step / len(self.loader)

    # ---------------------------------------------------------------------------------------------- the loop

    def fit(self, epochs: float | None = None, steps: int | None = None) -> bool:
        """Train until ``epochs`` epochs or ``steps`` steps are done in all, whichever comes first.

        Ctrl-C lets the step in hand finish, saves, and returns; a second Ctrl-C stops at once.

        Returns
        -------
        bool
            True if the goal was reached, False after Ctrl-C.

        Raises
        ------
        ValueError
            If neither epochs nor steps are given, or they are not positive.
        TrainingError
            If a loss is not finite, or the folder holds another run.
        """
        goal = self.goal(epochs, steps)
        if self.step == 0 and checkpoints_in(self.checkpoints):
            raise TrainingError(f"{self.folder}: there is a run in this folder already; resume it, or take another")
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        self.noise = self.system.fixed_noise(self.samples) if self.system.generates else None
        with random_state_of(0):  # random transforms draw numbers, too
            self.shown = first_samples((self.test_loader or self.loader).dataset, self.samples)
        if self.step == 0:
            self.draw_samples()
            self.save()
        log = read_log(self.log.path) if self.log.path.exists() else []
        self.doctor = Doctor(self.system, self.loader, log)
        self.system.train()
        self.loader.load_state_dict(self.loader.state_dict())  # go on in mid-epoch, where the last call stopped
        started = time.monotonic() - self.seconds
        with Interruption() as interruption, Progress(self.step, goal, self.quiet) as progress:
            while self.step < goal and not interruption.requested:
                for batch in self.loader:
                    values = self.train_on(to_device(batch, self.system.device))
                    self.step += 1
                    self.seconds = time.monotonic() - started
                    progress.step()
                    self.after_step(values, goal, progress)
                    if self.step >= goal or interruption.requested:
                        break
            self.save()
        if self.step < goal:
            return False
        self.draw_summary()
        return True

    def train_on(self, batch: Any) -> dict[str, Any]:
        """Do one step of the system's algorithm; a NaN ends training with the same words wherever it is noticed."""
        try:
            with self.doctor.watching():
                return self.system.training_step(batch)
        except ValueError as error:
            if not is_about_nan(error):
                raise
            self.step += 1
            self.give_up(str(error).partition(" at ")[0])

    def give_up(self, failure: str) -> NoReturn:
        """End a run whose numbers are none any more."""
        self.log.write(self.where() | {"failed": failure})
        raise TrainingError(
            f"{failure} by step {self.step}: training has failed. A smaller step size (lr) is the first remedy; "
            f"the last checkpoint is in {self.checkpoints}; minigen doctor {self.folder} finds the function to blame"
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
        if self.step % self.log_every == 0 or self.step == goal:
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
        for name, number in numbers.items():
            if not math.isfinite(number):
                self.give_up(f"{name} became {number}")
        self.log.write(self.where() | numbers)
        self.doctor.records.append(self.where() | numbers)
        progress.show(self.epochs_done, goal / len(self.loader), numbers)

    def evaluate(self, loader: DataLoader, progress: Progress) -> None:
        """Log the system's figures over the test set; the random source, hence training, does not notice."""
        with random_state_of(0):
            figures = self.system.evaluate(loader)
        self.log.write(self.where() | {f"test/{name}": value for name, value in figures.items()})
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
        """Write a checkpoint of this moment, and remove those before the last two."""
        path = checkpoint_path(self.checkpoints, self.step)
        if path.exists():
            return
        arrays, record = system_state(self.system)
        record |= {"step": self.step, "random": minigen.get_rng_state(), "loader": self.loader.state_dict()}
        write_checkpoint(path, arrays, record)
        remove_old_checkpoints(self.checkpoints)

    def resume(self) -> Trainer:
        """Go back to the newest checkpoint: weights, optimizers, random source, place in the data, log.

        Raises
        ------
        CheckpointError
            If there is none, it is damaged, or it is not of this system and data.
        """
        self.restore()
        self.log.cut_after(self.step)
        self.seconds = max((r["seconds"] for r in read_log(self.log.path)), default=0.0)
        return self

    def restore(self) -> None:
        """Do what `resume` does, but for the log: only this object changes, no file."""
        path = newest_checkpoint(self.checkpoints)
        try:
            arrays, record = read_checkpoint(path)
            restore_system(self.system, arrays, record)
            self.loader.load_state_dict(record["loader"])
        except (CheckpointError, ValueError) as error:
            older = checkpoints_in(self.checkpoints)[:-1]
            remedy = f" Remove it, and training resumes from {older[-1].name}." if older else ""
            raise CheckpointError(f"{path}: cannot resume: {error}.{remedy}") from error
        minigen.set_rng_state(record["random"])
        self.step = record["step"]

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


class Interruption:
    """Inside, the first Ctrl-C (or SIGTERM) sets ``requested``; the second acts as it always does."""

    def __init__(self) -> None:
        self.requested = False
        self.previous: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():  # others cannot set handlers
            for number in (signal.SIGINT, signal.SIGTERM):
                self.previous[number] = signal.signal(number, self.request)
        return self

    def request(self, number: int, frame: FrameType | None) -> None:
        """Note the wish, and put the usual handlers back."""
        self.requested = True
        self.restore()

    def restore(self) -> None:
        """Put the handlers back that were there before."""
        for number, handler in self.previous.items():
            signal.signal(number, handler)
        self.previous = {}

    def __exit__(self, *error: object) -> None:
        self.restore()


def to_device(batch: Any, device: str) -> Any:
    """Move all tensors of a batch to a device."""
    if isinstance(batch, (list, tuple)):
        return [to_device(part, device) for part in batch]
    return batch.to(device) if isinstance(batch, minigen.Tensor) else batch
