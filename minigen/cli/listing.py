"""``minigen list``: the systems and the data sets, what goes with what, and the devices of this machine."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from minigen import cuda_setup, data
from minigen.cli.output import add_json, to_json
from minigen.cli.parser import Parser
from minigen.models import SYSTEMS
from minigen.parallel import get_num_threads

DESCRIPTION = "List the systems that can be trained, the data sets to train them on, and the devices of this machine."
EXAMPLES = """\
examples:
  minigen list                     systems, data sets and devices
  minigen list --devices           what this machine can compute on
  minigen list --json              systems, data sets and devices, for programs

Exit codes: 0 always.
"""


def add_parser(commands: Any, argv: list[str]) -> None:
    """Add the command."""
    parser: Parser = commands.add_parser(
        "list", help="the systems, the data sets, the devices", description=DESCRIPTION, epilog=EXAMPLES
    )
    parser.add_argument("--devices", action="store_true", help="list the devices of this machine only")
    add_json(parser)
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Print all three lists, or that of the devices."""
    if "json" in arguments:
        print(to_json(everything()))
        return 0
    if getattr(arguments, "devices", False):
        return list_devices()
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
    print(f"  {'FOLDER':<{width}} your own images: a folder of files, or of one folder a class\n")
    return list_devices()


def everything() -> dict[str, Any]:
    """Return systems, data sets and devices, for programs."""
    systems = [
        {
            "name": name,
            "summary": system.summary,
            "data": system.data,
            "image_sizes": list(system.image_sizes),
            "takes_points": system.takes_points,
            "needs_labels": system.needs_labels,
            "generates": system.generates,
            "restores": system.restores,
        }
        for name, system in SYSTEMS.items()
    ]
    found: dict[str, Any] = {"systems": systems, "data": dict(data.NAMES)}
    devices: list[dict[str, Any]] = [{"name": "cpu", "numpy": np.__version__, "threads": get_num_threads()}]
    try:
        cards = cuda_setup.cards(cuda_setup.usable_cupy())
    except RuntimeError as error:
        return found | {"devices": devices, "cuda": str(error)}
    devices += [{"name": f"cuda:{number}", "card": str(card)} for number, card in enumerate(cards)]
    return found | {"devices": devices, "cuda": None}


def list_devices() -> int:
    """Print what can be computed on, and why a GPU cannot where it cannot."""
    print("devices (minigen train ... --device NAME)")
    threads = get_num_threads()
    print(f"  cpu     NumPy {np.__version__}, {threads} thread{'s' * (threads > 1)}")
    try:
        cupy = cuda_setup.usable_cupy()
    except RuntimeError as error:
        print(f"  cuda    cannot be used: {error}")
        return 0
    for number, card in enumerate(cuda_setup.cards(cupy)):
        print(f"  {f'cuda:{number}' if number else 'cuda':<7} {card}")
    print(f"  {'':<7} {', '.join(f'{name} {text}' for name, text in cuda_setup.versions(cupy).items())}")
    return 0
