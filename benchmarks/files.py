"""Files that stand in the repository and are written by commands: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

END = "<!-- end -->"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file in one go: whoever interrupts finds the old one."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)


def fill(page: str, blocks: dict[str, str]) -> str:
    r"""Put each block between its markers; what people wrote around them stays.

    Examples
    --------
    >>> fill("Before. <!-- measured: time -->\n3 s\n<!-- end --> After.", {"time": "2 s"})
    'Before. <!-- measured: time -->\n\n2 s\n\n<!-- end --> After.'
    """
    for name, text in blocks.items():
        marker = f"<!-- measured: {name} -->"
        if page.count(marker) != 1:
            raise ValueError(f"the page has {page.count(marker)} markers {marker!r}, and should have one")
        before, _, rest = page.partition(marker)
        old, end, after = rest.partition(END)
        if not end or "<!--" in old:
            raise ValueError(f"the page has no {END!r} after {marker!r}")
        page = f"{before}{marker}\n\n{text}\n\n{END}{after}"
    return page
