"""``minigen sample``: draw images with a system that was trained, into one picture."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import minigen
from minigen import plot
from minigen.cli.errors import CommandError, user_input
from minigen.cli.parser import Parser, natural_integer, positive_integer
from minigen.training import load_system

DESCRIPTION = "Draw images with a trained system, side by side in one picture."
EXAMPLES = """\
examples:
  minigen sample runs/dcgan-glyphs --n 64 --out grid.png
  minigen sample runs/dcgan-glyphs --n 10 --nrow 10 --seed 7 --out ten.png
  minigen sample runs/dcgan-glyphs/checkpoints/step-00000500.safetensors --out early.png
"""
BATCH = 256  # images drawn at once


def add_parser(commands: Any, argv: list[str]) -> None:
    """Add the command."""
    parser: Parser = commands.add_parser(
        "sample", help="draw images with a trained system", description=DESCRIPTION, epilog=EXAMPLES
    )
    parser.set_defaults(run=run, parser=parser, n=64, out="samples.png", seed=0, nrow=8, device="cpu")
    parser.add_argument("path", metavar="RUN", help="a run's folder, or one of its checkpoints")
    parser.add_argument("--n", type=positive_integer, metavar="N", help="how many images (64)")
    parser.add_argument("--out", metavar="FILE", help="the picture, .png or .jpg (samples.png)")
    parser.add_argument("--nrow", type=positive_integer, metavar="N", help="images in a row (8)")
    parser.add_argument("--seed", type=natural_integer, metavar="N", help="another seed, other images (0)")
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda or cuda:N (cpu)")


def run(arguments: argparse.Namespace) -> int:
    """Draw, save, and say where."""
    with user_input():
        system = load_system(arguments.path, arguments.device)
    if not system.generates:
        raise CommandError(f"{arguments.path}: a {system.name} draws no images; see what it can with: minigen evaluate")
    minigen.manual_seed(arguments.seed)
    counts = [min(BATCH, arguments.n - start) for start in range(0, arguments.n, BATCH)]
    images = minigen.cat([system.sample(count) for count in counts])
    with user_input():
        plot.save_image(images, arguments.out, nrow=arguments.nrow, normalize=True, value_range=system.value_range)
    print(f"{arguments.n} images in {Path(arguments.out)}")
    return 0
