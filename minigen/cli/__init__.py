"""The command ``minigen``: a file for each command, and here what they share: finding it, and failing well.

Exit codes: 0 done; 1 a gradient or an answer is wrong (`minigen check`, `minigen course check`); 2 the input cannot be
used (one line on stderr says why); 130 stopped by Ctrl-C, 143 by SIGTERM, 129 by the end of the terminal; 141 the
reader of a pipe has gone.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence

import minigen
from minigen.cli import check, course, data, doctor, evaluate, listing, sample, train
from minigen.cli.errors import CommandError
from minigen.cli.parser import Parser
from minigen.data.download import offline
from minigen.training import CheckpointError, LockError, TrainingError

__all__ = ["main"]

DESCRIPTION = "Train generative networks on an autograd engine written from scratch, and look at what they draw."
EXAMPLES = """\
first steps:
  minigen train dcgan --epochs 3 --out runs/first      learn to draw digits, on built-in data
  minigen sample runs/first --n 64 --out grid.png      draw 64 of them
  minigen check mine.py::my_function                   are the gradients of your own function right?
  minigen course student mine                          chapters with exercises, and a check of your answers
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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files may be in any script, and its encoding may not
            stream.reconfigure(errors="backslashreplace")
    try:
        code = run(list(sys.argv[1:] if argv is None else argv))
        if sys.stdout is not None:  # a service may have none
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains when it closes it
        return 141
    except MemoryError:
        return fail("there is not enough memory; a smaller --batch-size needs less")
    except (CommandError, CheckpointError, LockError, TrainingError, OSError) as error:
        return fail(str(error))
    except KeyboardInterrupt:
        return fail("stopped", 130)
    return code


def fail(message: str, code: int = 2) -> int:
    """Print one line on stderr, and return the exit code.  What comes from files may hold no signs for the terminal."""
    line = "".join(sign if sign.isprintable() else "?" for sign in " ".join(message.split()))
    with contextlib.suppress(OSError, AttributeError):  # it is closed, or there is none
        print(f"minigen: {line}", file=sys.stderr, flush=True)
    return code


def run(argv: list[str]) -> int:
    """Parse the arguments and call the command's function."""
    parser = Parser(prog="minigen", description=DESCRIPTION, epilog=EXAMPLES)
    parser.add_argument("--version", action="version", version=f"minigen {minigen.__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", parser_class=Parser)
    for command in (train, sample, evaluate, doctor, check, data, course, listing):
        command.add_parser(commands, argv)
    if not argv:
        parser.print_help()
        return 0
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        getattr(arguments, "parser", parser).unknown(unknown[0])
    minigen.tune_allocator()
    with offline(getattr(arguments, "offline", False)):
        return arguments.run(arguments)
