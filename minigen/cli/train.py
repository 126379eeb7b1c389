"""``minigen train``: train a system into a folder, or go on with a run that was stopped."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import shutil
from pathlib import Path
from typing import Any

from minigen.cli.errors import user_input
from minigen.cli.parser import Parser, natural_integer, positive_integer, positive_number
from minigen.models import SYSTEMS, System, find_system
from minigen.training import Config, Trainer, build, read_config, write_config
from minigen.training.checkpoint import checkpoints_in
from minigen.training.config import CONFIG_FILE
from minigen.training.progress import clock

USAGE = """\
minigen train SYSTEM [options]
       minigen train --resume RUN [--epochs N] [--steps N] [--quiet]"""
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
  minigen train my_gan.py                                  a system of your own: one subclass of System

Ctrl-C saves before it stops; after a crash or a power cut, the last checkpoint serves.
A resumed run ends with the weights of one that never stopped, bit for bit.
"""
PARSERS_OWN = ("command", "run", "parser", "named")
# What a run leaves in its folder; --overwrite removes these and nothing else.
RUN_FILES = (CONFIG_FILE, "log.jsonl", "curves.png", "training.gif", "samples", "checkpoints", "evaluation")


def add_parser(commands: Any, argv: list[str]) -> None:
    """Add the command; where ``argv`` names a system, with the options of that system."""
    parser: Parser = commands.add_parser(
        "train", help="train a system", usage=USAGE, description=DESCRIPTION, epilog=EXAMPLES
    )
    words = argv if argv[:1] == ["train"] else []
    named = next((word for word in words if word in SYSTEMS or word.endswith(".py")), None)
    parser.set_defaults(run=run, parser=parser, named=named)
    defaults = Config()
    parser.add_argument("system", nargs="?", metavar="SYSTEM", help=f"one of: {', '.join(SYSTEMS)}; or a Python file")
    parser.add_argument("--resume", metavar="RUN", help="go on with the run in this folder")

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
    group.add_argument("--quiet", action="store_true", help="show no progress")
    if named:
        with user_input():
            add_system_options(parser, find_system(named))


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
        else:
            group.add_argument(flag, type=type(field.default), metavar="X", help=text)


def run(arguments: argparse.Namespace) -> int:
    """Train, and return the exit code."""
    given = {name: value for name, value in vars(arguments).items() if name not in PARSERS_OWN}
    quiet = given.pop("quiet", False)
    trainer, config = resumed_run(given, quiet) if "resume" in given else new_run(given, arguments.named, quiet)
    try:
        write_config(trainer.folder, config)
        finished = trainer.fit(config.epochs, config.steps)
    except KeyboardInterrupt:  # the second Ctrl-C; the last checkpoint has to do
        finished = False
    except OSError:
        if not checkpoints_in(trainer.checkpoints):  # the disk was full at once: there is nothing to go on with
            remove_run(trainer.folder)
        raise
    if not finished:
        print(f"Stopped at step {trainer.step}.  To go on:  minigen train --resume {trainer.folder}")
        return 130
    report(trainer)
    return 0


def new_run(given: dict[str, Any], named: str | None, quiet: bool) -> tuple[Trainer, Config]:
    """Build the run that the options describe, and its folder."""
    overwrite = given.pop("overwrite", False)
    with user_input():
        if "system" not in given:
            raise ValueError(f"say what to train, for instance: minigen train dcgan (systems: {', '.join(SYSTEMS)})")
        system = find_system(given["system"])
        if given["system"] != named:
            raise ValueError(f"name the system first: minigen train {given['system']} ...")
        options = {field.name: given.pop(field.name, field.default) for field in dataclasses.fields(system.Options)}
        folder = Path(given.pop("out", f"runs/{system.name}-{Path(given.get('data', system.data)).name}"))
        given["system"] = system.source or system.name
        check_folder(folder, overwrite)
        if "steps" in given:
            given.setdefault("epochs", None)
        config = Config(**given, options=options)
        trainer = make_trainer(config, folder, quiet)
    remove_run(folder)
    return trainer, config


def resumed_run(given: dict[str, Any], quiet: bool) -> tuple[Trainer, Config]:
    """Take up the run in the folder ``given["resume"]``, where its newest checkpoint left it."""
    folder = Path(given.pop("resume"))
    fixed = [name for name in given if name not in ("epochs", "steps")]
    with user_input():
        if fixed:
            option = "a system" if fixed[0] == "system" else "--" + fixed[0].replace("_", "-")
            raise ValueError(f"--resume goes on with the run as it was begun; leave out {option}")
        config = read_config(folder)
        if given:
            config = dataclasses.replace(config, epochs=given.get("epochs"), steps=given.get("steps"))
        trainer = make_trainer(config, folder, quiet).resume()
    return trainer, config


def make_trainer(config: Config, folder: Path, quiet: bool) -> Trainer:
    """Build system and data from a configuration, and the loop around them."""
    system, loader, test_loader = build(config)
    return Trainer(
        system,
        loader,
        folder,
        test_loader=test_loader,
        log_every=config.log_every,
        sample_every=config.sample_every,
        checkpoint_every=config.checkpoint_every,
        evaluate_every=config.evaluate_every,
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
    entries = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if entries & set(RUN_FILES) and not overwrite:
        raise ValueError(
            f"--out {folder}: there is a run in this folder; go on with it "
            f"(minigen train --resume {folder}), replace it (--overwrite), or name another folder"
        )
    if entries - set(RUN_FILES) and not entries & set(RUN_FILES):
        raise ValueError(f"--out {folder}: this folder holds other files; name a new one")


def remove_run(folder: Path) -> None:
    """Remove what a run has left in a folder, and the folder, unless it holds anything else."""
    for name in RUN_FILES:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it is missing, or holds other files
        folder.rmdir()


def report(trainer: Trainer) -> None:
    """Say what there is now, and what to do next."""
    folder = trainer.folder
    print(f"{trainer.step} steps ({trainer.epochs_done:.1f} epochs) in {clock(trainer.seconds)} of training.")
    pictures = sorted((folder / "samples").glob("*.png"))
    if pictures:
        print(f"  pictures  {pictures[-1]}  (the last of {len(pictures)})")
    if (folder / "training.gif").exists():
        print(f"  film      {folder / 'training.gif'}")
    print(f"  curves    {folder / 'curves.png'}")
    if trainer.system.generates:
        print(f"  draw more with:  minigen sample {folder} --n 64 --out grid.png")
    else:
        print(f"  test it with:    minigen evaluate {folder}")
