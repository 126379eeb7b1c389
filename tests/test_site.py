"""The built site as files: nothing foreign is loaded, every link leads somewhere, every cell was executed."""

import json
import re
import shutil
import subprocess
import sys
from urllib.parse import unquote

import pytest
from site_build import ROOT, Page, site  # noqa: F401 (a fixture)

pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group("site")]
FOREIGN = re.compile(r"^(?:https?:)?//")


@pytest.fixture(scope="module")
def pages(site):  # noqa: F811
    return {path: Page(path) for path in sorted(site.rglob("*.html")) if "_static" not in path.parts}


def foreign_requests(name, text):
    """Return what a style sheet or a script would load from elsewhere."""
    if name.endswith(".css"):
        return re.findall(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s]+)""", text)
    return re.findall(r"""(?:fetch|importScripts|import|\.open|\.src\s*=)\s*\(?\s*["'`]((?:https?:)?//[^"'`]+)""", text)


def test_nothing_is_loaded_from_elsewhere(site, pages):  # noqa: F811
    assert len(pages) > 100
    loaded = {path.name: [name for name in page.loads if FOREIGN.match(name)] for path, page in pages.items()}
    assert {name: found for name, found in loaded.items() if found} == {}
    for path in [*site.rglob("*.css"), *site.rglob("*.js")]:
        assert foreign_requests(path.name, path.read_text(encoding="utf-8")) == [], path.name


def test_what_is_loaded_from_elsewhere_is_seen(tmp_path):
    (tmp_path / "a.html").write_text(
        '<img src="//x.y/a.png"><link rel="stylesheet" href="https://x.y/a.css"><a href="/b">'
    )
    assert [name for name in Page(tmp_path / "a.html").loads if FOREIGN.match(name)] == [
        "//x.y/a.png",
        "https://x.y/a.css",
    ]
    assert foreign_requests("a.css", "@import 'https://x.y'; a { b: url(//z) }") == ["https://x.y", "//z"]
    assert foreign_requests("a.js", 'fetch("https://x.y/z")') == ["https://x.y/z"]


def test_every_link_inside_leads_somewhere(site, pages):  # noqa: F811
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            there = (path.parent / unquote(name)).resolve() if name else path
            if not there.is_file() or (anchor and there in pages and unquote(anchor) not in pages[there].ids):
                broken.append(f"{path.relative_to(site)}: {link}")
    assert broken == []


def test_what_a_page_loads_is_there(pages):
    missing = [
        (path.name, name)
        for path, page in pages.items()
        for name in page.loads
        if not name.startswith("data:") and not (path.parent / unquote(name.partition("?")[0])).is_file()
    ]
    assert missing == []


def test_formulas_were_made(pages):
    """No TeX is left in the text, and where a page writes formulas there are some."""
    assert sum(page.formulas for page in pages.values()) > 100
    left = [
        (path.name, text)
        for path, page in pages.items()
        for text in page.text
        if re.search(r"\\(frac|sum|log)\b", text)
    ]
    assert left == []


def test_every_chapter_was_executed(site, pages):  # noqa: F811
    """Each notebook has a page, and on it the outputs of the cells that print."""
    notebooks = sorted((ROOT / "docs" / "chapters").rglob("*.ipynb"))
    assert len(notebooks) > 30
    for notebook in notebooks:
        page = site / notebook.relative_to(ROOT / "docs").with_suffix(".html")
        made = page.read_text(encoding="utf-8")
        cells = [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]
        speaking = [cell for cell in cells if re.search(r"^(print|show|source|check\.)", "".join(cell["source"]), re.M)]
        assert made.count("cell_output") >= len(speaking), notebook.name
        assert "NotImplementedError: " not in Page(page).text


def notebook(code):
    """Return a notebook of a title and one cell."""
    kernel = {"name": "python3", "display_name": "Python", "language": "python"}
    cells = [
        {"cell_type": "markdown", "metadata": {}, "id": "a", "source": "# Page"},
        {"cell_type": "code", "metadata": {}, "id": "b", "source": code, "outputs": [], "execution_count": None},
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells})


FAULTS = {
    "nothing": ("", ""),
    "a cell that fails": ("page.ipynb", notebook("1 / 0")),
    "a page that no table of contents has": ("other.md", "# Other\n"),
    "a link to no page": ("page.md", "# Page\n\n[there](nowhere.md)\n"),
    "a link to no heading": ("page.md", "# Page\n\n[there](index.md#nowhere)\n"),
    "a picture that is not there": ("page.md", "# Page\n\n![there](nowhere.png)\n"),
    "a formula that is none": ("page.md", "# Page\n\n$\\frax{1}{2}$\n"),
    "a name that is none": ("page.rst", "Page\n====\n\n`minigen.nn.Conv9`\n"),
    "an entry of nothing": ("page.rst", "Page\n====\n\n.. autofunction:: minigen.nn.functional.conv9d\n"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_stops_the_build(fault, tmp_path):
    """A small site with the same settings is built without and with one thing wrong."""
    pytest.importorskip("sphinx", reason="Sphinx is not installed: make docs does it")
    settings = (ROOT / "docs" / "conf.py").read_text()
    settings = re.sub(r"^site_\w+\.write\(.*\n", "", settings, flags=re.MULTILINE)
    settings = settings.replace('HERE / "extensions"', f'"{ROOT}/docs/extensions"')
    (tmp_path / "conf.py").write_text(settings)
    (tmp_path / "_static").mkdir()
    for name in ("site.css", "site.js", "favicon.svg"):
        shutil.copy(ROOT / "docs" / "_static" / name, tmp_path / "_static")
    (tmp_path / "index.md").write_text("# Index\n\n$x^2$\n\n```{toctree}\npage\n```\n")
    (tmp_path / "page.rst").write_text("Page\n====\n\n`minigen.nn` and `x`\n")
    name, text = FAULTS[fault]
    if name.startswith("page"):
        (tmp_path / "page.rst").unlink()
    if name:
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", str(tmp_path), str(tmp_path / "html")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (run.returncode == 0) == (fault == "nothing"), run.stderr
