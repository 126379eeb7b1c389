"""``minigen evaluate``: a trained system's figures over a test set."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import minigen
from minigen.cli.errors import CommandError, user_input
from minigen.cli.parser import Parser
from minigen.training import build, load_system, read_config

DESCRIPTION = "Print a trained system's figures over images that it did not learn from."
EXAMPLES = """\
examples:
  minigen evaluate runs/cnn-mnist                     on the test set of the data that it learned from
  minigen evaluate runs/cnn-mnist --data glyphs       on another one
"""


def add_parser(commands: Any, argv: list[str]) -> None:
    """Add the command."""
    parser: Parser = commands.add_parser(
        "evaluate",
        help="a trained system's figures over a test set",
        description=DESCRIPTION,
        epilog=EXAMPLES,
    )
    parser.set_defaults(run=run, parser=parser)
    parser.add_argument("path", metavar="RUN", help="a run's folder")
    parser.add_argument("--data", metavar="NAME", help="a data set of `minigen list`, or a folder of images")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, and print one line a figure."""
    folder = Path(arguments.path)
    with user_input():
        config = read_config(folder)
        if "data" in arguments:
            config = dataclasses.replace(config, data=arguments.data)
        system, (_, _, test_loader) = load_system(folder, config.device), build(config)
    if test_loader is None:
        raise CommandError(f"{config.data}: this data set has no test part")
    minigen.manual_seed(0)
    figures = system.evaluate(test_loader)
    print(f"{system.name} of {folder}, on {len(test_loader.dataset)} test images of {config.data}:")
    for name, value in figures.items():
        print(f"  {name:<16} {value:.4f}")
    return 0
