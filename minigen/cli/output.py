"""What a command prints: text for people, or with ``--json`` one JSON object for programs."""

from __future__ import annotations

import argparse
import json
import math
from typing import Any


def add_json(parser: Any) -> None:
    """Add the option ``--json``."""
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object, for programs")


def report(arguments: argparse.Namespace, found: dict[str, Any], text: str) -> None:
    """Print what was found, as text or as one line of JSON."""
    print(to_json(found) if "json" in arguments else text)


def to_json(found: dict[str, Any]) -> str:
    """Return one line of strict JSON: a number that is none becomes null.

    Examples
    --------
    >>> to_json({"loss": float("nan"), "steps": 3})
    '{"loss": null, "steps": 3}'
    """
    return json.dumps(finite(found), allow_nan=False)


def finite(value: Any) -> Any:
    """Replace NaN and infinities, which JSON does not have, by None."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
