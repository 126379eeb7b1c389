"""What the pages of the course call beside minigen itself: `quick`, `show` and `source`.

None of it computes anything that a chapter is about.
"""

from __future__ import annotations

import inspect
import os
import sys
import textwrap
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["QUICK", "is_quick", "quick", "show", "source"]

QUICK = "MINIGEN_QUICK"
FIGURES = "figures"
Number = TypeVar("Number", int, float)


def is_quick() -> bool:
    """Tell whether the environment asks for short runs: ``MINIGEN_QUICK=1``."""
    return os.environ.get(QUICK, "0") not in ("", "0")


def quick(full: Number, short: Number) -> Number:
    """Return ``full``, or ``short`` where ``MINIGEN_QUICK=1`` is set: how many steps, how many images.

    Only a number changes, never the path through the code; so a test of the short run is a test of the long one.

    Examples
    --------
    >>> steps = quick(2000, 20)
    """
    for value in (full, short):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"quick: it chooses between two numbers, not {value!r}; no code may depend on it")
    return short if is_quick() else full


def show(picture: Any, name: str) -> None:
    """Show a picture: in the notebook, or else in a file ``figures/NAME`` whose path is printed.

    Parameters
    ----------
    picture
        What `minigen.plot.graph` or a function of `minigen.course.figures` returned.
    name : str
        What the file is called, without its ending.

    Examples
    --------
    >>> import minigen
    >>> from minigen import plot
    >>> x = minigen.ones(2, requires_grad=True)
    >>> show(plot.graph((x * x).sum(), {"x": x}), "graph")
    figures/graph.svg
    """
    ending = ".svg" if hasattr(picture, "_repr_svg_") else ".png"
    display = _notebook_display()
    if display is not None:
        display(picture)
        return
    Path(FIGURES).mkdir(exist_ok=True)
    picture.save(Path(FIGURES) / f"{name}{ending}")
    print(f"{FIGURES}/{name}{ending}")


def _notebook_display() -> Any:
    """Return IPython's function that shows an object, or None outside of a notebook."""
    core = sys.modules.get("IPython")
    if core is None or core.get_ipython() is None:
        return None
    return core.display.display


def source(thing: Any) -> None:
    """Print the library's own text of a function or a class, without its docstring.

    Examples
    --------
    >>> from minigen.functional import activations
    >>> source(activations.relu)
    def relu(...) -> Tensor:
        ...
    """
    lines = inspect.getsource(thing).splitlines()
    doc = inspect.getdoc(thing)
    if doc and getattr(thing, "__doc__", None):
        start = next(i for i, line in enumerate(lines) if line.lstrip().startswith(('"""', 'r"""')))
        one_line = lines[start].count('"""') == 2
        end = start if one_line else next(i for i in range(start + 1, len(lines)) if '"""' in lines[i])
        del lines[start : end + 1]
        if start < len(lines) and not lines[start].strip():
            del lines[start]
    print(textwrap.dedent("\n".join(lines)))
