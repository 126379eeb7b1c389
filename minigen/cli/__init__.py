"""The command ``minigen``: a file for each command, and here what they share: finding it, and failing well.

Exit codes: 0 done; 1 a gradient is wrong (`minigen check`); 2 the input cannot be used (one line on stderr says why);
130 stopped by Ctrl-C; 141 the reader of a pipe has gone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import minigen
from minigen.cli import check, doctor, evaluate, listing, sample, train
from minigen.cli.errors import CommandError
from minigen.cli.parser import Parser
from minigen.training import CheckpointError, TrainingError

__all__ = ["main"]

DESCRIPTION = "Train generative networks on an autograd engine written from scratch, and look at what they draw."
EXAMPLES = """\
first steps:
  minigen train dcgan --epochs 3 --out runs/first      learn to draw digits, on built-in data
  minigen sample runs/first --n 64 --out grid.png      draw 64 of them
  minigen check mine.py::my_function                   are the gradients of your own function right?
  minigen list                                         the systems and the data sets there are
  minigen train dcgan --help                           every option of a system, and where its default is from
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments after the program's name; those of the process by default.
    """
    try:
        code = run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains when it closes it
        return 141
    except (CommandError, CheckpointError, TrainingError, OSError) as error:
        print(f"minigen: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except MemoryError:
        print("minigen: there is not enough memory; a smaller --batch-size needs less", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("minigen: stopped", file=sys.stderr)
        return 130
    return code


def run(argv: list[str]) -> int:
    """Parse the arguments and call the command's function."""
    parser = Parser(prog="minigen", description=DESCRIPTION, epilog=EXAMPLES)
    parser.add_argument("--version", action="version", version=f"minigen {minigen.__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", parser_class=Parser)
    for command in (train, sample, evaluate, doctor, check, listing):
        command.add_parser(commands, argv)
    if not argv:
        parser.print_help()
        return 0
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        getattr(arguments, "parser", parser).unknown(unknown[0])
    minigen.tune_allocator()
    return arguments.run(arguments)
