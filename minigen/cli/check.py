"""``minigen check``: tells whether the gradients of a function in one's own file are right.

The file that is named on the command line is run, as ``python FILE`` would; no other is.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import minigen
from minigen.checks import GradientError, GradientReport, check_backward, check_gradients
from minigen.cli import shapes
from minigen.cli.errors import CommandError
from minigen.cli.output import add_json, report
from minigen.cli.parser import Parser, natural_integer, positive_integer
from minigen.cli.program import blame_the_file, load_program
from minigen.nn import Module

DESCRIPTION = "Check the derivatives of a function in your own file, and say where and probably why they are wrong."
EXAMPLES = """\
examples:
  minigen check mine.py::swish                         a function of Tensors, tried on arrays of shape (3, 4)
  minigen check mine.py::Conv --shapes 2,3,8,8 4,3,3,3 a Function of your own; a shape for each argument
  minigen check mine.py::conv_forward,conv_backward    NumPy functions: backward(grad_output, cache or arguments)
  minigen check mine.py::conv                          the same, where both are called conv_...
  minigen check mine.py::model --shapes 8,3            a Module: its parameters, too
  minigen check --shapes mine.py                       do the sizes of all networks in the file fit each other?

Numbers are drawn at random.  Where they must be others (labels, positive numbers, options), let the file define a
function without parameters that returns all arguments: conv_inputs() for conv or conv_forward, Net_inputs() for Net.

Exit codes: 0 the gradients are right, 1 one is wrong, 2 they could not be checked.
"""
DEFAULT_SHAPE = (3, 4)


def add_parser(commands: Any, argv: list[str]) -> None:
    """Add the command."""
    parser: Parser = commands.add_parser(
        "check", help="the gradients of a function of your own", description=DESCRIPTION, epilog=EXAMPLES
    )
    parser.set_defaults(run=run, parser=parser, order=2, seed=0, shapes=None)
    parser.add_argument("target", metavar="FILE::NAME", nargs="?", help="a file and what in it to check")
    parser.add_argument(
        "--shapes",
        type=shape,
        nargs="+",
        metavar="N,N",
        help="one for each argument: 2,3 (1: a number); or only a file",
    )
    parser.add_argument("--order", type=positive_integer, metavar="N", help="derivatives up to this order (2)")
    parser.add_argument("--seed", type=natural_integer, metavar="N", help="other random numbers (0)")
    add_json(parser)


def shape(text: str) -> tuple[int, ...] | Path:
    """Read a shape: "2,3" is (2, 3); a file stands for the shapes of its networks."""
    if text.endswith(".py"):
        return Path(text)
    try:
        lengths = tuple(int(part) for part in text.strip("()").split(",") if part.strip())
    except ValueError:
        lengths = (-1,)
    if min(lengths, default=1) < 1:
        raise argparse.ArgumentTypeError(f"wants shapes such as 2,3 or 8, not {text!r}")
    return lengths


def run(arguments: argparse.Namespace) -> int:
    """Check, print, and return 0 if all is right and 1 if not."""
    files = [given for given in arguments.shapes or () if isinstance(given, Path)]
    if files and (len(arguments.shapes) > 1 or "target" in arguments):
        raise CommandError(f"--shapes wants shapes such as 2,3, or one file alone: minigen check --shapes {files[0]}")
    if files:
        return shapes.run(arguments, files[0])
    if "target" not in arguments:
        arguments.parser.error("the following arguments are required: FILE::NAME")
    path, _, name = arguments.target.partition("::")
    target = find(load_program(Path(path)), Path(path), name)
    minigen.manual_seed(arguments.seed)
    rng = np.random.default_rng(arguments.seed)
    with blame_the_file(Path(path)):
        inputs = target.inputs(arguments.shapes, rng)
    try:
        with blame_the_file(Path(path)):
            found = target.check(inputs, arguments.order, arguments.seed)
    except GradientError as error:
        report(arguments, as_json(error.report, False), str(error))
        return 1
    report(arguments, as_json(found, True), str(found))
    return 0


def as_json(found: GradientReport, right: bool) -> dict[str, Any]:
    """Return what a check found, for programs."""
    comparisons = [dataclasses.asdict(comparison) for comparison in found.comparisons]
    causes = [{"input": one.input, "cause": one.cause, "sentence": one.sentence} for one in found.diagnoses]
    return {
        "name": found.name, "right": right, "tolerance": found.tolerance, "comparisons": comparisons, "causes": causes,
    }  # fmt: skip


# ---- what is to be checked ---------------------------------------------------------------------------------------


@dataclass
class Target:
    """Something to check: a function of Tensors, or a pair of NumPy functions."""

    name: str
    f: Callable[..., Any]
    backward: Callable[..., Any] | None
    given: Any  # what the file says about its arguments: a function or a tuple

    def check(self, inputs, order: int, seed: int) -> GradientReport:
        """Check it."""
        if self.backward is not None:
            return check_backward(self.f, self.backward, *inputs, seed=seed, name=self.name)
        return check_gradients(self.f, *inputs, order=order, seed=seed, name=self.name)

    def inputs(self, shapes, rng) -> list[Any]:
        """The arguments: random arrays of the shapes asked for, else what the file gives, else one shape for all."""
        if shapes is None and self.given is not None:
            given = self.given() if callable(self.given) else self.given
            return list(given) if isinstance(given, tuple | list) else [given]
        names = self.parameters()
        if shapes is None:
            if not names:
                raise CommandError(f"{self.name}: say what it is given, with --shapes 2,3 (a shape for each argument)")
            shapes = [DEFAULT_SHAPE] * len(names)
        elif len(shapes) < len(names):
            raise CommandError(f"{self.name} wants {', '.join(names)}, but --shapes has {len(shapes)} of them")
        return [rng.standard_normal(s) for s in shapes]

    def parameters(self) -> list[str]:
        """The names of the arguments that have no default."""
        f = self.f.forward if isinstance(self.f, Module) else self.f
        if isinstance(owner := getattr(f, "__self__", None), type) and issubclass(owner, minigen.Function):
            f = owner().forward
        try:
            parameters = inspect.signature(f).parameters.values()
        except (TypeError, ValueError):
            return []
        plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return [p.name for p in parameters if p.kind in plain and p.default is p.empty]


def find(module: ModuleType, path: Path, name: str) -> Target:
    """Find what a name means in a file."""
    names = vars(module)
    if not name:
        raise CommandError(f"say what to check in it: {path}::NAME; it has {listed(module)}")
    first, comma, second = name.partition(",")
    base = first.removesuffix("_forward")
    if not comma and f"{base}_forward" in names and f"{base}_backward" in names and first in (base, f"{base}_forward"):
        first, second = f"{base}_forward", f"{base}_backward"
    for wanted in filter(None, (first, second)):
        if wanted not in names:
            close = difflib.get_close_matches(wanted, names, n=1)
            hint = f"did you mean {close[0]}?" if close else f"it has {listed(module)}"
            raise CommandError(f"{path} has no {wanted}; {hint}")
        if not callable(names[wanted]):
            raise CommandError(f"{path}::{wanted} is a {type(names[wanted]).__name__}, not a function")
    given = names.get(f"{base}_inputs")
    f = names[first]
    if isinstance(f, type) and issubclass(f, minigen.Function):
        f = f.apply
    elif isinstance(f, type) and issubclass(f, Module):
        with blame_the_file(path, f"make an instance in the file and check that: model = {first}(...)"):
            f = f()
    if isinstance(f, Module):
        f.double()
    return Target(base, f, names[second] if second else None, given)


def listed(module: ModuleType) -> str:
    """What a file defines that can be checked."""
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
    own = [name for name in own if not name.startswith("_") and not name.endswith("_inputs")]
    return ", ".join(own) or "nothing that can be checked"
