"""How the names in docstrings become links.

In a docstring `name` is a link where the reference has such a name, and plain code where it has none (a parameter, a
method of NumPy's, a file).  What begins with ``minigen.`` must exist: a wrong one is reported, and stops the build.
"""

from __future__ import annotations

import functools
import importlib
import re
from typing import Any

import site_reference
from docutils import nodes
from site_text import as_written
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole
from sphinx.util.nodes import make_refnode

__all__ = ["exists", "setup"]

NAME = re.compile(r"~?[A-Za-z_][\w.]*(\(\))?")
BACK = re.compile(r'(?P<before>id="(?P<name>[\w.]+)">\s*)<a class="viewcode-back" href="[^"]*">')
HOUSES = ("minigen", "minigen.nn", "minigen.nn.functional", "minigen.data", "minigen.models", "minigen.Tensor")


class House(SphinxRole):
    """The role of `text` without another role."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Make code of it, which is resolved later where it may be a name."""
        code = nodes.literal(self.text, self.text.lstrip("~"), classes=["py"])
        if not NAME.fullmatch(self.text):
            return [code], []
        target = self.text.lstrip("~").removesuffix("()")
        context = [self.env.ref_context.get(key) for key in ("py:module", "py:class")]
        reference = addnodes.pending_xref("", code, refdomain="", reftype="house", reftarget=target, context=context)
        reference.source, reference.line = self.get_source_info()
        return [reference], []


def exists(name: str) -> bool:
    """Tell whether a dotted name is that of a module, or of something in one.

    Examples
    --------
    >>> exists("minigen.nn.Conv2d.forward"), exists("minigen.nn.Conv3d")
    (True, False)
    """
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            thing: Any = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        for part in parts[count:]:
            if not hasattr(thing, part):
                return part in getattr(thing, "__annotations__", {})
            thing = getattr(thing, part)
        return True
    return False


homes = functools.cache(site_reference.homes)


def entry_of(name: str) -> str:
    """Return the name of the entry of something that is called by the name of its file."""
    thing, inside = name, ""
    while thing:
        if thing in homes():
            return homes()[thing] + inside
        thing, _, last = thing.rpartition(".")
        inside = f".{last}{inside}"
    return name


def link_back(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Lead from the text of a module to the entries of what it defines; viewcode thinks they are all in one place."""
    if not pagename.startswith("_modules/"):
        return
    module = pagename.removeprefix("_modules/").replace("/", ".")
    objects = app.env.domains["py"].objects

    def back(found: re.Match[str]) -> str:
        entry = objects.get(entry_of(f"{module}.{found['name']}"))
        if entry is None:
            return found["before"]
        address = app.builder.get_relative_uri(pagename, entry.docname)
        return f'{found["before"]}<a class="viewcode-back" href="{address}#{entry.node_id}">'

    context["body"] = BACK.sub(back, context["body"])


def resolve(app: Sphinx, env: Any, node: addnodes.pending_xref, code: nodes.Element) -> nodes.Node | None:
    """Find the entry of a name: in the same class, in the same module, then where most things are."""
    target, objects = node["reftarget"], env.domains["py"].objects
    if node["reftype"] != "house":
        return code if exists(target) or (node.get("py:module") and exists(f"{node['py:module']}.{target}")) else None
    module, cls = node["context"]
    houses = [f"{module}.{cls}", module, *HOUSES]
    for name in [target, entry_of(target), *(f"{house}.{target}" for house in houses if house)]:
        if name in objects:
            entry = objects[name]
            return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, code, name)
    if target.startswith("minigen.") and not exists(target):
        return None  # reported, for the build is nitpicky
    return code


def escape(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Escape bars in every docstring, after numpydoc has made RST of it."""
    lines[:] = as_written("\n".join(lines)).split("\n")


def skip(app: Sphinx, what: str, name: str, thing: object, skipped: bool, options: object) -> bool | None:
    """Leave out the fields of named tuples, which the docstring describes better."""
    return True if type(thing).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register role and handlers."""
    app.add_role("house", House())
    app.connect("missing-reference", resolve)
    app.connect("autodoc-process-docstring", escape, priority=900)
    app.connect("autodoc-skip-member", skip)
    app.connect("html-page-context", link_back)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
