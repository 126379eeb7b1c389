"""``minigen check --shapes FILE``: do the sizes of the networks in a file fit each other."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from minigen.checks.shapes import lint
from minigen.cli.errors import CommandError
from minigen.cli.output import report
from minigen.cli.program import load_program

__all__ = ["run"]


def run(arguments: argparse.Namespace, path: Path) -> int:
    """Look at all networks of a file, print what does not fit, and return 1 if something does not."""
    trouble = None
    try:
        names = vars(load_program(path))
    except CommandError as error:  # where it breaks off, perhaps over a shape, what it has defined until then counts
        broken = sys.modules.get(f"own_file_{path.stem}")
        names, trouble = vars(broken) if broken is not None else {}, error
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    found, findings = lint(names, text, names.get("__file__") or "")
    looked = [network for network in found if network.takes]
    if not looked:
        raise trouble or CommandError(f"{path}: it has no network that takes pictures or noise and can be made")
    lines = [str(network) for network in looked if network.sizes]
    lines += [str(finding) for finding in findings]
    if not findings:
        lines.append(f"{len(looked)} network{'s' * (len(looked) > 1)}: nothing found")
    whole = {
        "networks": [{"name": n.name, "takes": n.takes, "channels": n.channels} for n in looked],
        "findings": [{"network": f.network, "line": f.line, "message": f.message} for f in findings],
    }
    report(arguments, whole, "\n".join(lines))
    return 1 if findings else 0
