"""What pages and their parts have for other readers, made right for the site.

A link to a file of the repository that is no page of the site (a program, a folder) becomes its text.  The comment
``<!-- site: prerequisites -->`` becomes the picture that the course's declarations draw.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

__all__ = ["for_the_site", "setup"]

OUTSIDE = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?:\.\./)+(?!docs/)[^)#]*\)")
PICTURE = "<!-- site: prerequisites -->"


def for_the_site(docname: str, text: str) -> str:
    """Return a page as the site shows it."""
    if docname.startswith(("chapters/", "reference/")):
        return text
    up = "../" * docname.count("/")
    inside = re.compile(rf"\]\({up}\.\./") if up else re.compile(r"\]\(\.\./")
    text = re.sub(OUTSIDE, lambda link: link["text"] if inside.search(link[0]) else link[0], text)
    return text.replace(
        PICTURE, f"![Which chapter needs which; the table says the same]({up}chapters/prerequisites.svg)"
    )


def _write(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Let screen readers say what stands on a fold, "Solution", and how high the headings of the navigation are."""
    for part, wrong, right in (
        ("body", '<summary aria-label="Toggle hidden content">', "<summary>"),
        ("furo_navigation_tree", 'role="heading"', 'role="heading" aria-level="2"'),
    ):
        if part in context:
            context[part] = context[part].replace(wrong, right)


def _read(app: Sphinx, docname: str, source: list[str]) -> None:
    source[0] = for_the_site(docname, source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the change."""
    app.connect("source-read", _read)
    app.connect("html-page-context", _write, priority=900)  # after the theme
    return {"parallel_read_safe": True, "parallel_write_safe": True}
