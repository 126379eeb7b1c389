"""The built site, for the tests that look at it: built with short chapters, or the one that MINIGEN_SITE names."""

import html.parser
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
VOID = {"img", "br", "hr", "link", "meta", "input", "source", "path", "mspace"}


@pytest.fixture(scope="session")
def site():
    """The folder of the built site."""
    if folder := os.environ.get("MINIGEN_SITE"):
        return (ROOT / folder).resolve()
    pytest.importorskip("sphinx", reason="Sphinx is not installed: make docs does it")
    pytest.importorskip("quickjs", reason="QuickJS is not installed: make docs does it")
    folder = ROOT / "docs" / "_build" / "quick"
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", str(ROOT / "docs"), str(folder)]
    variables = os.environ | {"MINIGEN_QUICK": "1"}
    run = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=1800, check=False)
    assert run.returncode == 0, run.stderr[-5000:]
    return folder


class Page(html.parser.HTMLParser):
    """What a page of HTML holds: links, ids, what it loads, its text outside of code."""

    def __init__(self, path):
        super().__init__()
        self.links, self.ids, self.loads, self.text, self.formulas = [], set(), [], [], 0
        self._open = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag not in VOID:
            self._open.append(tag)
        if "id" in given:
            self.ids.add(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.loads += [given[key] for key in ("src", "srcset", "data", "poster") if given.get(key) and tag != "a"]
        if tag == "link" and given.get("rel") not in ("canonical", "next", "prev", "search", "index", "help"):
            self.loads.append(given["href"])
        self.formulas += tag == "math"

    def handle_endtag(self, tag):
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data):
        if not {"script", "style", "code", "pre", "annotation"} & set(self._open):
            self.text.append(data)
