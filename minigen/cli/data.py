"""``minigen data``: the data sets on this machine, fetching and unpacking them, and looking at your own pictures."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np

from minigen import data, from_numpy, plot
from minigen.cli.errors import CommandError, user_input
from minigen.cli.output import add_json, report
from minigen.cli.parser import Parser, add_offline, positive_integer
from minigen.data import ImageFolder, Toy2D
from minigen.data.download import is_offline
from minigen.data.find import is_inside
from minigen.data.folder import FOLDER_SIZE, ON_BAD_IMAGE
from minigen.data.preview import chosen, described, draw_preview, facts
from minigen.data.registry import FROM_FILES
from minigen.files import cache_folder, shown

DESCRIPTION = "See which data sets are on this machine, fetch them, unpack archives, and look at your own pictures."
EXAMPLES = """\
examples:
  minigen data list                                    the data sets, and where they lie
  minigen data download mnist cifar10                  fetch them once; checked by their sha256
  minigen data unpack photos.zip                       into photos/, nothing outside it
  minigen data preview photos                          what training would see of your pictures: preview.png
  minigen data preview photos --image-size 32 --n 40 --out small.png

Exit codes: 0 done; 2 it cannot be done (one line on stderr says why).
"""
DRAWN = ("glyphs", "shapes")  # on the spot: no more of them than are shown
LOOKED_AT = 2000  # pictures whose headers are read for the sizes


def add_parser(commands: Any, argv: list[str]) -> None:
    """Add the command and what it can do."""
    parser: Parser = commands.add_parser(
        "data", help="data sets: see, fetch, unpack, preview", description=DESCRIPTION, epilog=EXAMPLES
    )
    parser.set_defaults(run=lambda arguments: print_help(parser), parser=parser)
    own = parser.add_subparsers(title="what it can do", dest="data_command", metavar="WHAT", parser_class=Parser)

    one: Parser = own.add_parser("list", help="the data sets, and where they lie", epilog=EXAMPLES)
    one.set_defaults(run=run_list, parser=one)
    add_json(one)

    one = own.add_parser("download", help="fetch data sets", epilog=EXAMPLES)
    one.set_defaults(run=run_download, parser=one)
    one.add_argument("names", nargs="+", choices=tuple(FROM_FILES), metavar="NAME", help=", ".join(FROM_FILES))
    add_json(one)
    add_offline(one)

    one = own.add_parser("unpack", help="unpack a zip or tar archive of pictures", epilog=EXAMPLES)
    one.set_defaults(run=run_unpack, parser=one, out=None)
    one.add_argument("archive", metavar="FILE", help="a .zip, .tar, .tar.gz or .tar.bz2")
    one.add_argument("--out", metavar="FOLDER", help="a new folder (named after the archive)")
    add_json(one)

    one = own.add_parser("preview", help="what training would see of the data", epilog=EXAMPLES)
    one.set_defaults(run=run_preview, parser=one, out="preview.png", n=16, image_size=None, channels=None)
    one.set_defaults(on_bad_image="skip")
    one.add_argument("data", metavar="DATA", help="a folder of pictures, or a data set of `minigen list`")
    one.add_argument("--image-size", type=positive_integer, metavar="N", help=f"height and width ({FOLDER_SIZE})")
    one.add_argument("--channels", type=int, choices=(1, 3), help="1 grey, 3 colour (3)")
    one.add_argument("--n", type=positive_integer, metavar="N", help="how many pictures to show (16)")
    one.add_argument("--out", metavar="FILE", help="where to (preview.png)")
    one.add_argument("--on-bad-image", choices=ON_BAD_IMAGE, help="a picture that cannot be read (skip: list it)")
    add_json(one)
    add_offline(one)


def print_help(parser: Parser) -> int:
    """Say what there is to be done."""
    parser.print_help()
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """Print every data set, and where its files lie."""
    rows = []
    for name, text in data.NAMES.items():
        kind = FROM_FILES.get(name)
        place, whole = kind.where() if kind else (None, True)
        rows.append({"name": name, "about": text, "drawn": not kind, "folder": place and str(place), "whole": whole})
    width, lines = max(map(len, data.NAMES)), []
    for row in rows:
        lines.append(f"{row['name']:<{width}}  {row['about']}")
        if not row["drawn"]:
            part = "" if row["whole"] else " (a PART)"
            here = f"in {row['folder']}{part}" if row["folder"] else "not on this machine"
            fetch = "" if row["whole"] else f"; to fetch it: minigen data download {row['name']}"
            lines.append(f"{'':<{width}}  {here}{fetch}")
    lines += ["", f"What was fetched, and pictures brought to one size, lie in {cache_folder()}; it can be made again."]
    report(arguments, {"data": rows, "cache": str(cache_folder()), "offline": is_offline()}, "\n".join(lines))
    return 0


def run_download(arguments: argparse.Namespace) -> int:
    """Fetch what is missing, and say where it lies."""
    rows, lines = [], []
    for name in arguments.names:
        kind = FROM_FILES[name]
        with user_input():
            train, test = (len(kind(train=part, download=True)) for part in (True, False))
        rows.append({"name": name, "folder": str(kind.where()[0]), "train": train, "test": test})
        lines.append(f"{name}: {train:,} training and {test:,} test images in {kind.where()[0]}")
    report(arguments, {"data": rows}, "\n".join(lines))
    return 0


def run_unpack(arguments: argparse.Namespace) -> int:
    """Unpack an archive, and say what to do with it."""
    archive = Path(arguments.archive)
    folder = Path(arguments.out) if arguments.out else archive.with_name(archive.name.partition(".")[0])
    if folder == archive:
        raise CommandError(f"{archive}: its name has no ending; say where to unpack it: --out FOLDER")
    with user_input():
        count = data.unpack(archive, folder)
    text = f"{count:,} files in {folder}; look at them with: minigen data preview {folder}"
    report(arguments, {"folder": str(folder), "files": count}, text)
    return 0


def run_preview(arguments: argparse.Namespace) -> int:
    """Draw some samples, and say what the data are like."""
    out = Path(arguments.out)
    if arguments.data not in data.NAMES and is_inside(out, arguments.data):
        raise CommandError(f"--out {out}: there it would be taken for one of the pictures; name another folder")
    with user_input():
        samples: Any = data.load(
            arguments.data,
            image_size=arguments.image_size,
            channels=arguments.channels,
            n=arguments.n if arguments.data in DRAWN else None,
            on_bad_image=arguments.on_bad_image,
        )
        numbers = chosen(samples.targets, arguments.n)
        if isinstance(samples, Toy2D):
            plot.plot_points(from_numpy(samples.data[numbers]), out, real=from_numpy(samples.data))
        else:
            draw_preview(samples, numbers, out)
    report(arguments, summary(samples, numbers, out), in_words(arguments.data, samples, numbers, out))
    return 0


def summary(samples: Any, numbers: list[int], out: Path) -> dict[str, Any]:
    """Return what a program may want to know of the data."""
    counts = np.bincount(samples.targets, minlength=len(samples.classes)).tolist()
    found: dict[str, Any] = {"preview": str(out)}
    if isinstance(samples, ImageFolder):
        found |= {"samples": len(samples), "classes": dict(zip(samples.classes, counts))}
        found["left_out"] = dict(samples.skipped)
        found["bad"] = {shown(path): reason for path, reason in samples.bad.items()}
        found["shown"] = [shown(samples.paths[i]) for i in numbers]
    return found


def in_words(name: str, samples: Any, numbers: list[int], out: Path) -> str:
    """Say it for people."""
    if not isinstance(samples, ImageFolder):
        return f"{name}: {len(numbers)} samples in {out}"
    lines = [f"{shown(samples.root)}: {repr(samples).partition(': ')[2]}"]
    counts = np.bincount(samples.targets, minlength=len(samples.classes))
    if len(samples.classes) > 1:
        lines.append("classes: " + ", ".join(f"{shown(name)} {n:,}" for name, n in zip(samples.classes, counts)))
    paths, size = samples.paths[:: -(-len(samples.paths) // LOOKED_AT)], samples.image_shape[1]
    lines += described([facts(path) for path in paths], size)
    skip = " --on-bad-image skip" if samples.bad else ""
    files = [shown(os.path.relpath(samples.paths[i], samples.root)) for i in numbers]
    return "\n".join(
        [
            "\n  ".join(lines),
            f"\n{out} shows {len(numbers)}; what is cut off is dark, and beside it is what training sees:",
            *(f"  {place:>3}  {file}" for place, file in enumerate(files, 1)),
            f"\ntrain on them with:  minigen train dcgan --data {shown(samples.root)} --image-size {size}{skip}",
        ]
    )
