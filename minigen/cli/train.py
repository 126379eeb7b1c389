"""``minigen train``: train a system into a folder, or go on with a run that was stopped."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import shlex
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from minigen.cli.errors import CommandError, user_input
from minigen.cli.output import add_json, report
from minigen.cli.parser import Parser, add_offline, natural_integer, positive_integer, positive_number
from minigen.cli.program import add_system, own_system, typed_system
from minigen.data import NAMES, PictureFolder
from minigen.data.find import is_inside
from minigen.data.folder import ON_BAD_IMAGE
from minigen.models import SYSTEMS, System, find_system
from minigen.training import Config, Trainer, build, newest_checkpoint, read_config, read_log, write_config
from minigen.training.checkpoint import checkpoints_in
from minigen.training.config import CONFIG_FILE, ON_NAN
from minigen.training.environment import ENVIRONMENT_FILE
from minigen.training.lock import LOCK_FILE
from minigen.training.progress import clock

USAGE = """\
minigen train SYSTEM [options]
       minigen train --resume RUN [--epochs N] [--steps N] [--on-nan skip] [--quiet]
       minigen train --config RUN/config.toml [--out FOLDER] [--quiet]"""
DESCRIPTION = "Train a system, and keep log, pictures and checkpoints in a folder."
EXAMPLES = """\
examples:
  minigen train dcgan                                      digits, on built-in data, into runs/dcgan-glyphs
  minigen train dcgan --data mnist --epochs 5 --out runs/mnist
  minigen train dcgan --data photos/ --image-size 64       your own images, a folder of files
  minigen train lenet --data mnist --steps 1000            stop after 1000 steps
  minigen train --resume runs/mnist                        go on where it was stopped
  minigen train --resume runs/mnist --epochs 10            go on further than was asked at first
  minigen train vae --help                                 a system's options, and where defaults are from
  minigen train --config runs/mnist/config.toml --out runs/again    the same once more, from the start
  minigen train my_gan.py                                  a system of your own: one subclass of System
  minigen train --resume runs/my_gan-glyphs --system my_gan.py      a run names a program and never runs it

Ctrl-C saves before it stops; after a crash or a power cut, the last checkpoint serves.
A resumed run ends with the weights of one that never stopped, bit for bit.

Exit codes: 0 trained; 2 the input cannot be used, or a number became NaN; 130 stopped by Ctrl-C, 143 by SIGTERM, 129 by
the end of the terminal, and saved.
"""
PARSERS_OWN = ("command", "run", "parser", "named", "kind", "offline")
# What a run leaves in its folder; --overwrite removes these and nothing else.
RUN_FILES = (
    CONFIG_FILE, "log.jsonl", "curves.png", "training.gif", "samples", "checkpoints", "evaluation", ENVIRONMENT_FILE,
    LOCK_FILE,
)  # fmt: skip
WITH_RESUME = ("epochs", "steps", "on_nan")  # what a resumed run may change
WITH_CONFIG = ("out", "overwrite")


def add_parser(commands: Any, argv: list[str]) -> None:
    """Add the command; where ``argv`` names a system, with the options of that system."""
    parser: Parser = commands.add_parser(
        "train", help="train a system", usage=USAGE, description=DESCRIPTION, epilog=EXAMPLES
    )
    words = argv[1:] if argv[:1] == ["train"] else []
    named = next((word for word in words if word in SYSTEMS), None)
    if words and words[0].endswith(".py"):  # elsewhere it may be the value of an option, and nothing to be run
        named = words[0]
    kind = None
    if named:
        with user_input():
            kind = typed_system(named)
    parser.set_defaults(run=run, parser=parser, named=named, kind=kind)
    defaults = Config()
    parser.add_argument("system", nargs="?", metavar="SYSTEM", help=f"one of: {', '.join(SYSTEMS)}; or a Python file")
    parser.add_argument("--resume", metavar="RUN", help="go on with the run in this folder")
    parser.add_argument("--config", metavar="FILE", help="do what a run's config.toml says, from the start")
    add_system(parser, "with --resume or --config")

    group = parser.add_argument_group("how long (in all, also for a resumed run)")
    group.add_argument(
        "--epochs", type=positive_number, metavar="N", help=f"passes over the data ({defaults.epochs:g})"
    )
    group.add_argument("--steps", type=positive_integer, metavar="N", help="stop after so many steps")

    group = parser.add_argument_group("data")
    text = "a data set of `minigen list`, or a folder of images (what the system names)"
    group.add_argument("--data", metavar="NAME", help=text)
    text = "the same, to evaluate on (the test part of the data; a folder has none)"
    group.add_argument("--test-data", metavar="NAME", help=text)
    text = "height and width in pixels (those of the data, if the system can)"
    group.add_argument("--image-size", type=positive_integer, metavar="N", help=text)
    text = "1 grey, 3 colour (those of the data)"
    group.add_argument("--channels", type=int, choices=(1, 3), help=text)
    group.add_argument("--images", type=positive_integer, metavar="N", help="take only so many images (all)")
    group.add_argument("--download", action="store_true", help="fetch the data if it is not on this machine")
    add_offline(group)
    text = f"a picture of a folder that cannot be read: refuse the folder, or leave it out ({defaults.on_bad_image})"
    group.add_argument("--on-bad-image", choices=ON_BAD_IMAGE, help=text)
    text = f"threads that prepare batches; they change nothing but the speed ({defaults.workers})"
    group.add_argument("--workers", type=natural_integer, metavar="N", help=text)

    group = parser.add_argument_group("the run")
    group.add_argument("--out", metavar="FOLDER", help="where to keep the run (runs/SYSTEM-DATA)")
    group.add_argument("--overwrite", action="store_true", help="remove the run that is in --out")
    text = f"where all random numbers come from; same seed, same result ({defaults.seed})"
    group.add_argument("--seed", type=natural_integer, metavar="N", help=text)
    group.add_argument("--device", metavar="NAME", help=f"cpu, cuda or cuda:N ({defaults.device})")
    for name, text in (
        ("log", "two lines of the log"),
        ("sample", "two grids of samples"),
        ("checkpoint", "two checkpoints"),
    ):
        text = f"steps between {text} ({getattr(defaults, name + '_every')})"
        group.add_argument(f"--{name}-every", type=positive_integer, metavar="N", help=text)
    text = f"epochs between two evaluations on the test set; 0: none ({defaults.evaluate_every})"
    group.add_argument("--evaluate-every", type=natural_integer, metavar="N", help=text)
    text = f"how many of the last checkpoints to keep; the best is kept anyhow ({defaults.keep})"
    group.add_argument("--keep", type=positive_integer, metavar="N", help=text)
    text = f"at a NaN or an infinity: end with the last good state, or leave the step out ({defaults.on_nan})"
    group.add_argument("--on-nan", choices=ON_NAN, help=text)
    group.add_argument("--quiet", action="store_true", help="show no progress")
    add_json(group)
    if kind:
        add_system_options(parser, kind)


def add_system_options(parser: Parser, system: type[System]) -> None:
    """Add one option for each field of the system's ``Options``."""
    group = parser.add_argument_group(f"options of {system.name}")
    for field in dataclasses.fields(system.Options):
        flag = "--" + field.name.replace("_", "-")
        text = f"{field.metadata.get('help', '')} [{field.default}]".strip()
        if isinstance(field.default, bool):
            group.add_argument(flag, action=argparse.BooleanOptionalAction, help=text)
        elif field.metadata.get("choices"):
            group.add_argument(flag, choices=field.metadata["choices"], help=text)
        elif isinstance(field.default, (int, float, str)):  # others are for configurations
            group.add_argument(flag, type=type(field.default), metavar="X", help=text)


def run(arguments: argparse.Namespace) -> int:
    """Train, and return the exit code."""
    given = {name: value for name, value in vars(arguments).items() if name not in PARSERS_OWN}
    quiet, _ = given.pop("quiet", False), given.pop("json", False)
    resumed, overwrite = "resume" in given, given.get("overwrite", False)
    if resumed:
        trainer, config = resumed_run(given, quiet)
    elif "config" in given:
        trainer, config = configured_run(given, quiet)
    else:
        trainer, config = new_run(given, arguments, quiet)
    if isinstance(trainer.loader.dataset, PictureFolder) and not quiet:
        print(trainer.loader.dataset, file=sys.stderr)
    go_on = resume_command(trainer)
    try:
        with trainer.lock:
            begin(trainer, config, resumed, overwrite)
            finished = trainer.fit(config.epochs, config.steps)
    except KeyboardInterrupt:  # the second Ctrl-C; the last checkpoint has to do
        if not checkpoints_in(trainer.checkpoints):
            remove_run(trainer.folder)
            raise
        finished = False
    except OSError as error:
        if not checkpoints_in(trainer.checkpoints):  # the disk was full at once: there is nothing to go on with
            remove_run(trainer.folder)
            raise
        saved = newest_checkpoint(trainer.checkpoints).stem
        raise CommandError(
            f"{error}. The state of {saved} is saved; when there is room, go on with: {go_on}"
        ) from error
    found = result(trainer, finished)
    if finished:
        report(arguments, found, summary(trainer))
        return 0
    report(arguments, found, f"Stopped at step {trainer.step}.  To go on:  {go_on}")
    return 128 + (trainer.stopped_by or signal.SIGINT)


def begin(trainer: Trainer, config: Config, resumed: bool, overwrite: bool) -> None:
    """Make the run's folder ready, which nobody else trains in now."""
    with user_input():
        if resumed:
            trainer.resume()
        else:
            check_folder(trainer.folder, overwrite)  # again: somebody may have trained there until now
            remove_run(trainer.folder)
        write_config(trainer.folder, config)


def new_run(given: dict[str, Any], arguments: argparse.Namespace, quiet: bool) -> tuple[Trainer, Config]:
    """Build the run that the options describe."""
    kind = arguments.kind
    with user_input():
        if "own_system" in given:
            raise ValueError(
                f"--system goes with --resume or --config; begin with: minigen train {given['own_system']}"
            )
        if "system" not in given:
            raise ValueError(f"say what to train, for instance: minigen train dcgan (systems: {', '.join(SYSTEMS)})")
        if given["system"] != arguments.named:
            if not given["system"].endswith(".py"):
                find_system(given["system"])
            raise ValueError(f"name the system first: minigen train {given['system']} ...")
        options = {field.name: given.pop(field.name, field.default) for field in dataclasses.fields(kind.Options)}
        given["system"] = kind.source or kind.name
        given.setdefault("data", kind.data)
        folder, overwrite = given.pop("out", None), given.pop("overwrite", False)
        if "steps" in given:
            given.setdefault("epochs", None)
        config = Config(**given, options=options)
        return make_trainer(config, kind, new_folder(folder, config, kind, overwrite), quiet), config


def configured_run(given: dict[str, Any], quiet: bool) -> tuple[Trainer, Config]:
    """Build the run that a configuration describes."""
    path = Path(given.pop("config"))
    with user_input():
        refuse_others(given, WITH_CONFIG, "--config does what the file says")
        config = read_config(path)
        kind = own_system(given) or find_system(config.system)
        folder = new_folder(given.get("out"), config, kind, given.get("overwrite", False))
        return make_trainer(config, kind, folder, quiet), config


def resumed_run(given: dict[str, Any], quiet: bool) -> tuple[Trainer, Config]:
    """Build the run in the folder ``given["resume"]``, to be taken up where its newest checkpoint left it."""
    folder = Path(given["resume"])
    given = {name: value for name, value in given.items() if name != "resume"}
    with user_input():
        refuse_others(given, WITH_RESUME, "--resume goes on with the run as it was begun")
        config = read_config(folder)
        newest = newest_checkpoint(folder / "checkpoints")
        kind = own_system(given)
        if {"epochs", "steps"} & set(given):
            config = dataclasses.replace(config, epochs=given.get("epochs"), steps=given.get("steps"))
        config = dataclasses.replace(config, on_nan=given.get("on_nan", config.on_nan))
        return make_trainer(config, kind, folder, quiet, like=newest), config


def refuse_others(given: dict[str, Any], allowed: tuple[str, ...], reason: str) -> None:
    """Refuse options that do not go with --resume or --config."""
    for name in given:
        if name not in (*allowed, "own_system"):
            option = "a system" if name == "system" else "--" + name.replace("_", "-")
            raise ValueError(f"{reason}; leave out {option}")


def new_folder(out: str | None, config: Config, kind: type[System], overwrite: bool) -> Path:
    """Return the folder of a new run; refuse one where something else lies."""
    place = config.data or kind.data
    folder = Path(out or f"runs/{kind.name}-{Path(os.path.abspath(place)).name}")
    if place not in NAMES and is_inside(folder, place):
        raise ValueError(f"--out {folder}: its samples would be taken for pictures to learn from; name another folder")
    check_folder(folder, overwrite)
    return folder


def make_trainer(
    config: Config, kind: type[System] | None, folder: Path, quiet: bool, like: Path | None = None
) -> Trainer:
    """Build system and data from a configuration, and the loop around them."""
    system, loader, test_loader = build(config, kind, like)
    return Trainer(
        system,
        loader,
        folder,
        test_loader=test_loader,
        log_every=config.log_every,
        sample_every=config.sample_every,
        checkpoint_every=config.checkpoint_every,
        evaluate_every=config.evaluate_every,
        keep=config.keep,
        on_nan=config.on_nan,
        quiet=quiet,
    )


def check_folder(folder: Path, overwrite: bool) -> None:
    """Refuse to put a run where something else lies.

    Raises
    ------
    ValueError
        Saying what is there, and what can be done.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out {folder}: this is a file; name a folder")
    entries = {path.name for path in folder.iterdir()} - {LOCK_FILE} if folder.exists() else set()
    if entries & set(RUN_FILES) and not overwrite:
        raise ValueError(
            f"--out {folder}: there is a run in this folder; go on with it "
            f"(minigen train --resume {folder}), replace it (--overwrite), or name another folder"
        )
    if entries - set(RUN_FILES) and not entries & set(RUN_FILES):
        raise ValueError(f"--out {folder}: this folder holds other files; name a new one")


def remove_run(folder: Path) -> None:
    """Remove what a run has left in a folder, and the folder, unless it holds anything else; a lock stays."""
    for name in RUN_FILES:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif name != LOCK_FILE:
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it is missing, or holds other files
        folder.rmdir()


def resume_command(trainer: Trainer) -> str:
    """Return the command that goes on with a run."""
    source = trainer.system.source
    own = f" --system {shlex.quote(source)}" if source else ""
    return f"minigen train --resume {shlex.quote(str(trainer.folder))}{own}"


def result(trainer: Trainer, finished: bool) -> dict[str, Any]:
    """Return for programs what a run has come to."""
    folder = trainer.folder
    pictures = sorted((folder / "samples").glob("*.png"))
    log = read_log(trainer.log.path) if trainer.log.path.exists() else []
    return {
        "run": str(folder),
        "system": trainer.system.name,
        "finished": finished,
        "steps": trainer.step,
        "epochs": trainer.epochs_done,
        "seconds": trainer.seconds,
        "last": log[-1] if log else None,
        "picture": str(pictures[-1]) if pictures else None,
        "checkpoint": str(newest_checkpoint(trainer.checkpoints)),
        "resume": resume_command(trainer),
    }


def summary(trainer: Trainer) -> str:
    """Say what there is now, and what to do next."""
    folder, own = trainer.folder, f" --system {trainer.system.source}" if trainer.system.source else ""
    lines = [f"{trainer.step} steps ({trainer.epochs_done:.1f} epochs) in {clock(trainer.seconds)} of training."]
    pictures = sorted((folder / "samples").glob("*.png"))
    if pictures:
        lines.append(f"  pictures  {pictures[-1]}  (the last of {len(pictures)})")
    if (folder / "training.gif").exists():
        lines.append(f"  film      {folder / 'training.gif'}")
    lines.append(f"  curves    {folder / 'curves.png'}")
    if trainer.system.generates:
        lines.append(f"  draw more with:  minigen sample {folder}{own} --n 64 --out grid.png")
    else:
        lines.append(f"  test it with:    minigen evaluate {folder}{own}")
    return "\n".join(lines)
