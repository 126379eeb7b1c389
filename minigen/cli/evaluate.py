"""``minigen evaluate``: a trained system's figures over a test set, and a page of pictures."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import warnings
from pathlib import Path
from typing import Any

from minigen.cli.errors import user_input
from minigen.cli.output import add_json, report
from minigen.cli.parser import Parser, add_offline, positive_integer
from minigen.cli.program import add_system, own_system
from minigen.training import read_config
from minigen.training.evaluation import DIGITS, FOLDER, evaluate_run, rows

DESCRIPTION = """\
Print a trained system's figures over images that it did not learn from, and write them to RUN/evaluation: figures.json,
and page.html with pictures.  What a generator draws is judged by a small classifier of digits that comes with minigen;
beside its figures stand those of real training images and of noise.
"""
EXAMPLES = """\
examples:
  minigen evaluate runs/lenet-mnist                     on the test set of the data that it learned from
  minigen evaluate runs/lenet-mnist --data glyphs       on another one
  minigen evaluate runs/dcgan-mnist --samples 10000     judge more samples; takes longer, is more precise
  minigen evaluate runs/my_gan --system my_gan.py       a system of your own: type its file again
  minigen evaluate runs/lenet-mnist --json              for programs: what figures.json holds

Exit codes: 0 measured; 2 the input cannot be used.
"""


def add_parser(commands: Any, argv: list[str]) -> None:
    """Add the command."""
    parser: Parser = commands.add_parser(
        "evaluate",
        help="a trained system's figures over a test set, and a page of pictures",
        description=DESCRIPTION,
        epilog=EXAMPLES,
    )
    parser.set_defaults(run=run, parser=parser, samples=2000)
    parser.add_argument("path", metavar="RUN", help="a run's folder")
    parser.add_argument("--data", metavar="NAME", help="a data set of `minigen list`, or a folder of images")
    add_system(parser)
    add_offline(parser)
    add_json(parser)
    parser.add_argument("--samples", type=positive_integer, metavar="N", help="how many samples to judge (2000)")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, print one line a figure, and say where the page is."""
    folder = Path(arguments.path)
    with user_input():
        config = read_config(folder)
        if "data" in arguments:
            config = dataclasses.replace(config, test_data=arguments.data)
        with warnings.catch_warnings(record=True) as caught:  # of too few samples, which the figures still show
            warnings.simplefilter("always")
            found = evaluate_run(folder, config, arguments.samples, own_system(vars(arguments)))
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        print(f"minigen: {message}", file=sys.stderr)
    page = str(folder / FOLDER / "page.html")
    report(arguments, {**found, "page": page}, as_text(folder, found, arguments.samples, page))
    return 0


def as_text(folder: Path, found: dict[str, Any], samples: int, page: str) -> str:
    """Return the figures, one line each, and where the page is."""
    own, judged = rows(found)
    lines = [f"{found['system']} of {folder}, on {found['test_images']} test images of {found['data']}:"]
    lines += [f"  {name:<22} {value:>9}" for name, value in own]
    if judged:
        lines.append(f"\n  {samples:<22} {'samples':>9} {'training':>10} {'noise':>10}")
        lines += [f"  {name:<22} {values[0]:>9} {values[1]:>10} {values[2]:>10}" for name, *values in judged]
        if found["data"] not in DIGITS:
            lines.append("  The classifier knows digits only: of others its verdicts say nothing, distances little.")
    return "\n".join([*lines, f"\npictures in {page}"])
