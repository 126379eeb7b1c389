"""Formulas as MathML, made while the site is built: the reader's browser needs no script, no font and no network.

KaTeX reads the TeX (its JavaScript comes with sphinxcontrib-katex and runs in QuickJS, so no Node is needed).  TeX that
it does not know stops the build.
"""

from __future__ import annotations

import functools
import importlib.util
import re
import unicodedata
from pathlib import Path
from typing import Any

import quickjs
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

__all__ = ["mathml", "setup"]

RENDER = """(function(tex, display) {
    return katex.renderToString(tex, {displayMode: display, output: "mathml", strict: "error"});
})"""
# Browsers draw no letters of another style for an attribute any more; Unicode has these letters itself.
STYLES = {"double-struck": "DOUBLE-STRUCK", "script": "SCRIPT", "bold": "BOLD", "bold-italic": "BOLD ITALIC"}
STYLED = re.compile(r'<mi mathvariant="(double-struck|script|bold|bold-italic)">([A-Za-z])</mi>')
APPLIED = "<mo>\u2061</mo>"  # between a function and what it is applied to


@functools.cache
def _katex() -> Any:
    package = importlib.util.find_spec("sphinxcontrib.katex")
    if package is None or package.origin is None:
        raise ExtensionError("the site's formulas need sphinxcontrib-katex: make docs installs it")
    context = quickjs.Context()
    context.eval("var self = this;" + (Path(package.origin).parent / "katex.min.js").read_text(encoding="utf-8"))
    return context.eval(RENDER)


def _letter(found: re.Match[str]) -> str:
    style, letter = STYLES[found[1]], found[2]
    size = "CAPITAL" if letter.isupper() else "SMALL"
    for name in (f"MATHEMATICAL {style} {size} {letter.upper()}", f"{style} {size} {letter.upper()}"):
        try:
            return f'<mi mathvariant="normal">{unicodedata.lookup(name)}</mi>'
        except KeyError:
            pass
    return found[0]


@functools.cache
def mathml(tex: str, display: bool) -> str:
    r"""Return a formula as MathML.

    Raises
    ------
    ExtensionError
        If KaTeX does not understand it.
    """
    try:
        made = _katex()(tex, display)
    except quickjs.JSException as error:
        raise ExtensionError(f"formula {tex!r}: {str(error).splitlines()[0]}") from error
    made = STYLED.sub(_letter, made)
    made = re.sub(rf"{APPLIED}(?!<mo [^>]*>\()", f'{APPLIED}<mspace width="0.17em"></mspace>', made)
    return re.sub(r"^<span class=\"katex\">(.*)</span>$", r"\1", made, flags=re.DOTALL)


def visit_inline(self: Any, node: nodes.math) -> None:
    """Write a formula inside a line."""
    self.body.append(mathml(node.astext(), False))
    raise nodes.SkipNode


def visit_display(self: Any, node: nodes.math_block) -> None:
    """Write a formula on lines of its own."""
    tex = node.astext()
    if "\\\\" in tex and "\\begin{" not in tex:
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    self.body.append(f'<div class="formula">{mathml(tex, True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer under the name that math has in Sphinx."""
    app.add_html_math_renderer("mathml", inline_renderers=(visit_inline, None), block_renderers=(visit_display, None))
    app.connect("config-inited", lambda app, config: setattr(config, "html_math_renderer", "mathml"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
