"""``minigen sample``: what a trained system draws, or makes of given images, in one picture."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import minigen
from minigen.cli.errors import CommandError, user_input
from minigen.cli.output import add_json, report
from minigen.cli.parser import Parser, add_offline, natural_integer, positive_integer
from minigen.cli.program import add_system, own_system
from minigen.training import load_system, read_config
from minigen.training.config import load_samples
from minigen.training.pictures import draw_samples, first_samples, save_restored, save_samples

DESCRIPTION = (
    "Draw with a trained system, side by side in one picture; of one that restores images, show what it restored."
)
EXAMPLES = """\
examples:
  minigen sample runs/dcgan-glyphs --n 64 --out grid.png
  minigen sample runs/dcgan-glyphs --n 10 --nrow 10 --seed 7 --out ten.png
  minigen sample runs/cdcgan-glyphs --label 3              threes, from a system that is told what to draw
  minigen sample runs/inpainting-glyphs --n 12             12 test images: with a hole, filled, and as they were
  minigen sample runs/super_resolution --data photos       pictures of your own: small, enlarged, and as they were
  minigen sample runs/dcgan-glyphs/checkpoints/step-00000500.safetensors --out early.png
  minigen sample runs/my_gan-glyphs --system my_gan.py     from a system of your own: type its file again

Exit codes: 0 drawn; 2 the input cannot be used.
"""


def add_parser(commands: Any, argv: list[str]) -> None:
    """Add the command."""
    parser: Parser = commands.add_parser(
        "sample", help="draw images with a trained system", description=DESCRIPTION, epilog=EXAMPLES
    )
    parser.set_defaults(run=run, parser=parser, n=64, out="samples.png", seed=0, nrow=None, label=None, device="cpu")
    parser.add_argument("path", metavar="RUN", help="a run's folder, or one of its checkpoints")
    parser.add_argument("--n", type=positive_integer, metavar="N", help="how many images (64)")
    parser.add_argument("--label", type=natural_integer, metavar="K", help="the class to draw (all in turn)")
    parser.add_argument("--out", metavar="FILE", help="the picture, .png or .jpg (samples.png)")
    parser.add_argument("--data", metavar="NAME", help="images to restore: a data set, or a folder (those of the run)")
    parser.add_argument("--nrow", type=positive_integer, metavar="N", help="images in a row (8, or one of each class)")
    parser.add_argument("--seed", type=natural_integer, metavar="N", help="another seed, other images (0)")
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda or cuda:N (cpu)")
    add_system(parser)
    add_offline(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw, save, and say where."""
    with user_input():
        system = load_system(arguments.path, arguments.device, own_system(vars(arguments)))
    if arguments.label is not None and not system.conditional:
        raise CommandError(f"{arguments.path}: {system.name} cannot be told what to draw; leave out --label")
    if "data" in arguments and system.generates:
        raise CommandError(f"{arguments.path}: {system.name} draws from noise, not from images; leave out --data")
    if arguments.label is not None and arguments.label >= system.classes:
        raise CommandError(f"--label {arguments.label}: there are {system.classes} classes, 0 to {system.classes - 1}")
    minigen.manual_seed(arguments.seed)
    out = Path(arguments.out)
    if system.generates:
        samples = draw_samples(system, arguments.n, label=arguments.label)
        with user_input():
            save_samples(system, samples, out, nrow=arguments.nrow)
        found = {"images": arguments.n, "file": str(out), "kinds": []}
        report(arguments, found, f"{counted(arguments.n)} in {out}")
    elif system.restores:
        folder = Path(arguments.path)
        with user_input():
            config = read_config(folder if folder.is_dir() else folder.parent.parent)
            if "data" in arguments:
                config = dataclasses.replace(config, test_data=arguments.data)
            images = first_samples(load_samples(config, type(system), train=False, shape=system.shape), arguments.n)
            kinds = save_restored(system, images, out)
        found = {"images": len(images), "file": str(out), "kinds": kinds}
        report(arguments, found, f"{counted(len(images))} in {out}, each as: {', '.join(kinds)}")
    else:
        raise CommandError(f"{arguments.path}: {system.name} draws no images; see what it can with: minigen evaluate")
    return 0


def counted(n: int) -> str:
    """Say how many images there are."""
    return "1 image" if n == 1 else f"{n} images"
