"""The pages of the reference, written from the package's own lists of public names; nothing here needs Sphinx.

A public name is one in the ``__all__`` of a module, or, where a module has none, one that was made there and does not
begin with an underscore.  Each thing has one entry, under the name by which people call it: `MODULES` says which module
comes first.  Other names of the same thing lead to it.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from site_chapters import keep_only, write_if_new
from site_text import as_written, paragraphs

import minigen

__all__ = ["Entry", "Page", "homes", "named", "pages", "public_names", "texts", "write"]

MODULES = {  # what people import, in the order in which they meet it; the module's page has this title
    "minigen": "Tensors and their functions",
    "minigen.autograd": "Gradients of all kinds",
    "minigen.linalg": "Norms",
    "minigen.cuda": "GPUs",
    "minigen.nn": "Layers",
    "minigen.nn.functional": "Functions of networks",
    "minigen.nn.init": "First weights",
    "minigen.nn.utils": "Clipping, and weights computed from others",
    "minigen.nn.utils.parametrize": "Weights computed from others",
    "minigen.nn.utils.parametrizations": "Spectral and weight norm",
    "minigen.optim": "Optimizers",
    "minigen.optim.lr_scheduler": "Schedules of the step size",
    "minigen.optim.swa_utils": "Averages of weights",
    "minigen.data": "Data sets and loaders",
    "minigen.data.transforms": "Transforms of images",
    "minigen.models": "Systems",
    "minigen.models.system": "What systems are made of",
    "minigen.training": "The loop around a system",
    "minigen.training.findings": "What the doctor looks for",
    "minigen.metrics": "How good is it?",
    "minigen.plot": "Pictures",
    "minigen.drawing": "Drawings of graphs",
    "minigen.checks": "Checks of gradients",
    "minigen.checks.reference": "Slow references",
    "minigen.course": "What the chapters call",
    "minigen.course.figures": "Drawings of the chapters",
    "minigen.cli": "The command",
}
READ = (
    "minigen.models.",
    "minigen.functional.windows",
)  # files that are read from top to bottom: what they define is theirs to show
LONG = 40  # a page with more entries is split by the files in which they are made
# Modules whose names are no promise to anybody: declarations, and what runs on import.
PRIVATE = ("minigen.__main__", "minigen.course.exercises")


@dataclass
class Entry:
    """One thing that has a name."""

    name: str  # minigen.nn.Conv2d
    thing: Any
    also: list[str] = field(default_factory=list)  # other names of the same

    @property
    def home(self) -> str:
        """The module in which it is made."""
        return str(getattr(self.thing, "__module__", None) or self.name.rpartition(".")[0])

    @property
    def kind(self) -> str:
        """The autodoc directive that documents it."""
        if isinstance(self.thing, type):
            if not self.home.startswith("minigen"):
                return "autodata"
            return "autoexception" if issubclass(self.thing, BaseException) else "autoclass"
        return "autofunction" if inspect.isroutine(self.thing) else "autodata"


@dataclass
class Page:
    """The entries of one module."""

    module: str
    title: str
    entries: list[Entry]


def named(name: str) -> Any:
    """Return the thing of a dotted name, where its module has one name more than the thing."""
    module, _, short = name.rpartition(".")
    return getattr(importlib.import_module(module), short)


def public_names(module: ModuleType) -> list[str]:
    """Return the public names of a module, but for modules."""
    listed = getattr(module, "__all__", None)
    if listed is None and module is not minigen:
        listed = [name for name, thing in vars(module).items() if getattr(thing, "__module__", "") == module.__name__]
    if listed is None:
        listed = list(vars(module))
    named = [name for name in listed if not name.startswith("_")]
    return [name for name in named if not inspect.ismodule(getattr(module, name))]


def all_modules() -> Iterator[ModuleType]:
    """Yield every module of the package, those in `MODULES` first."""
    found = [info.name for info in pkgutil.walk_packages(minigen.__path__, "minigen.")]
    for name in [*MODULES, *(name for name in found if name not in MODULES)]:
        if not name.startswith(PRIVATE):
            yield importlib.import_module(name)


def pages() -> list[Page]:
    """Return the pages of the reference: those of `MODULES`, then those of the rooms behind them."""
    made: list[Page] = []
    known: dict[int, Entry] = {}
    for module in all_modules():
        name = module.__name__
        if name not in MODULES and not name.startswith(READ) and not hasattr(module, "__all__"):
            continue
        entries = []
        for short in public_names(module):
            entry = Entry(f"{name}.{short}", getattr(module, short))
            if entry.kind != "autodata" and id(entry.thing) in known:
                if name in MODULES:
                    known[id(entry.thing)].also.append(entry.name)
                continue
            if entry.kind == "autodata" and name not in MODULES:
                continue
            known[id(entry.thing)] = entry
            entries.append(entry)
        if entries or name in MODULES:
            made.append(Page(name, MODULES.get(name, ""), entries))
    return made


def homes() -> dict[str, str]:
    """Return the names of entries by where the things are made: minigen.nn.conv.Conv2d is minigen.nn.Conv2d."""
    entries = [entry for page in pages() for entry in page.entries if hasattr(entry.thing, "__qualname__")]
    return {f"{entry.home}.{entry.thing.__qualname__}": entry.name for entry in entries}


def heading(text: str, line: str = "=") -> list[str]:
    """Return the lines of a heading."""
    return [text, line * len(text), ""]


def first_line(thing: Any) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def summary(entries: list[Entry]) -> list[str]:
    """Return a table of entries with the first lines of their docstrings."""
    lines = [".. list-table::", "   :widths: 30 70", ""]
    for entry in entries:
        said = first_line(entry.thing) if entry.kind != "autodata" else shown(entry.thing)
        said = as_written(said)
        lines += [f"   * - :py:obj:`{entry.name.rpartition('.')[2]} <{entry.name}>`", f"     - {said}"]
    return [*lines, ""]


def shown(value: Any) -> str:
    """Say what a constant is, in one line."""
    text = repr(value) if isinstance(value, str | int | float) or type(value).__module__ == "numpy.dtypes" else ""
    if isinstance(value, type):
        return f"``{value.__module__}.{value.__qualname__}``"
    names = ", ".join(f"``{key}``" for key in value) if isinstance(value, dict | tuple | list) else ""
    made = getattr(value, "__doc__", "") if callable(value) else ""
    return names or (f"``{text}``" if text else (made or type(value).__name__).partition("\n")[0])


def documented(entry: Entry) -> list[str]:
    """Return the directive of one entry."""
    if entry.kind == "autodata":
        return [f".. py:data:: {entry.name}", "", f"   {shown(entry.thing)}", ""]
    lines = [f".. {entry.kind}:: {entry.name}"]
    if isinstance(entry.thing, type):
        lines.append("   :members:")
    if entry.also:
        lines += ["", "   Also " + ", ".join(f"``{name}``" for name in entry.also) + "."]
    return [*lines, ""]


def page_of(module: str, title: str, entries: list[Entry], more: list[str], entered: bool) -> str:
    """Return one page; `entered`: the module has its entry elsewhere, or something else has its name."""
    text = inspect.getdoc(importlib.import_module(module)) or ""
    current = "currentmodule" if entered else "module"
    opening = [f".. py:{current}:: {module}", "", *(f"{paragraph}\n" for paragraph in paragraphs(text))]
    body = [line for entry in entries for line in documented(entry)]
    table = [*summary(entries), *heading("Entries", "-")] if len(entries) > 1 else []
    return "\n".join([*heading(title), *opening, *more, *table, *body])


def toctree(names: list[str]) -> list[str]:
    """Return a toctree that shows itself."""
    return [".. toctree::", "   :maxdepth: 1", "", *(f"   {name}" for name in names), ""]


def by_home(page: Page) -> dict[str, list[Entry]]:
    """Sort the entries of a page by the files in which they are made."""
    homes: dict[str, list[Entry]] = {}
    for entry in page.entries:
        home = entry.home if entry.home.startswith("minigen.") and entry.kind != "autodata" else page.module
        homes.setdefault(home, []).append(entry)
    return homes


def title_of(module: str) -> str:
    """Return the first line of a module's docstring, as far as a title wants it."""
    line = first_line(importlib.import_module(module)).rstrip(".")
    return line.partition(":")[0].replace("`", "")


def texts() -> dict[str, str]:
    """Return the pages of the reference by the names of their files."""
    made: dict[str, str] = {}
    taken = {entry.name for page in pages() for entry in page.entries}
    for page in pages():
        title = f"{page.module}: {page.title}" if page.title else page.module
        homes = by_home(page) if len(page.entries) > LONG else {page.module: page.entries}
        rest = {home: entries for home, entries in homes.items() if home != page.module}
        names = [f"{page.module}/{home.rpartition('.')[2]}" for home in rest]
        made[page.module] = page_of(
            page.module, title, homes.get(page.module, []), toctree(names) if names else [], False
        )
        for name, (home, entries) in zip(names, rest.items(), strict=True):
            made[name] = page_of(home, title_of(home), entries, [], home in taken or home in MODULES)
    outside = [name for name in made if name in MODULES]
    inside = [name for name in made if name not in MODULES and "/" not in name]
    made["index"] = "\n".join(
        [
            *heading("Reference"),
            "Every public name of minigen: what it computes, its shapes, its derivative where that is worth a word,",
            "and an example that is run as a test.  It is written from the docstrings when the site is built.",
            "",
            *heading("What you import", "-"),
            *toctree(outside),
            *heading("The rooms behind", "-"),
            "For those who change minigen: no promise is made about these names.",
            "",
            *toctree(inside),
        ]
    )
    return made


def write(folder: Path) -> None:
    """Write the pages of the reference into a folder."""
    keep_only(folder, [write_if_new(folder / f"{name}.rst", text) for name, text in texts().items()])
