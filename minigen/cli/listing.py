"""``minigen list``: the systems and the data sets, and what goes with what."""

from __future__ import annotations

import argparse
from typing import Any

from minigen import data
from minigen.cli.parser import Parser
from minigen.models import SYSTEMS

DESCRIPTION = "List the systems that can be trained and the data sets that they can be trained on."


def add_parser(commands: Any, argv: list[str]) -> None:
    """Add the command."""
    parser: Parser = commands.add_parser("list", help="the systems and the data sets", description=DESCRIPTION)
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Print both lists."""
    width = max(map(len, (*SYSTEMS, *data.NAMES)))
    print("systems (minigen train NAME)")
    for name, system in SYSTEMS.items():
        sizes = "/".join(map(str, system.image_sizes))
        points = ", or points in the plane" if system.takes_points else ""
        labels = ", with labels" if system.needs_labels else ""
        wants = f"images of {sizes} pixels, grey or colour{points}{labels}"
        print(f"  {name:<{width}} {system.summary}")
        print(f"  {'':<{width}} wants {wants}; by default {system.data}")
    print("\ndata sets (minigen train ... --data NAME)")
    for name, text in data.NAMES.items():
        print(f"  {name:<{width}} {text}")
    print(f"  {'FOLDER':<{width}} your own images: a folder of files, or of one folder a class")
    return 0
