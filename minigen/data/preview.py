"""What becomes of pictures before anything is learned from them, as one picture: beside each, what is cut out of it.

So that it is seen before training, not after, when heads are cut off or small pictures enlarged.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minigen.data.folder import ImageFolder
from minigen.data.images import ImageSet
from minigen.data.pictures import FORMATS, read_image
from minigen.files import atomic_write

BOX = 160  # pixels: edge of the place for one image
GAP, LINE = 10, 18  # pixels between places; height of a line of text
WIDTH = 1400  # pixels, about
CUT, PAPER, INK, DARK = (213, 94, 0), (255, 255, 255), (0, 0, 0), 0.35  # DARK: brightness of what is cut off
SIDEWAYS = (5, 6, 7, 8)  # values of EXIF's tag of the orientation that change height and width
ORIENTATION = 0x0112
ENDINGS = (".png", ".jpg", ".jpeg", ".webp")


class Facts(NamedTuple):
    """What the header of a picture says: pixels when upright, Pillow's mode and name of the format."""

    width: int
    height: int
    mode: str
    format: str


def facts(path: str | os.PathLike[str]) -> Facts:
    """Read the header of a picture that `read_image` has read before."""
    from PIL import Image

    with Image.open(path, formats=FORMATS) as image:
        width, height = image.size
        if image.getexif().get(ORIENTATION) in SIDEWAYS:
            width, height = height, width
        return Facts(width, height, image.mode, image.format or "")


def chosen(targets: Sequence[int] | np.ndarray, n: int) -> list[int]:
    """Return the numbers of n samples that lie evenly among all, and as evenly among the classes as they can.

    Examples
    --------
    >>> chosen([0, 0, 0, 0, 1, 1], 4)
    [0, 3, 4, 5]
    """
    members = [np.flatnonzero(np.asarray(targets) == label) for label in np.unique(np.asarray(targets))]
    shares = [0] * len(members)
    while sum(shares) < min(n, len(targets)):  # the next one goes to the class that shows the fewest
        able = [i for i, own in enumerate(members) if shares[i] < len(own)]
        shares[min(able, key=lambda i: shares[i])] += 1
    picks = [own[np.linspace(0, len(own) - 1, share).round().astype(int)] for own, share in zip(members, shares)]
    return sorted(int(i) for pick in picks for i in pick)


def draw_preview(samples: ImageSet, numbers: Sequence[int], path: str | os.PathLike[str]) -> None:
    """Draw samples of a data set, those of a folder beside the pictures that they were cut from.

    Parameters
    ----------
    samples : ImageSet
        Without a transform.
    numbers : sequence of int
        Which samples.
    path : str or path
        The picture to write: .png, .jpg or .webp.

    Raises
    ------
    ValueError
        If the ending is another one.
    WriteError
        If it cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    if Path(path).suffix.lower() not in ENDINGS:
        raise ValueError(f"{path}: the preview is a picture; let its name end in {', '.join(ENDINGS)}")
    cells = [_cell(samples, index) for index in numbers]
    width, height = cells[0][0].width + GAP, BOX + LINE + GAP
    columns = max(1, min(len(cells), WIDTH // width))
    rows = math.ceil(len(cells) / columns)
    page = Image.new("RGB", (columns * width + GAP, rows * height + GAP), PAPER)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(size=13)
    for place, (picture, text) in enumerate(cells):
        left, top = GAP + place % columns * width, GAP + place // columns * height
        page.paste(picture, (left, top))
        pen.text((left, top + BOX + 2), f"{place + 1}:  {text}", fill=INK, font=font)
    with atomic_write(path) as file:
        page.save(file, format={".png": "PNG", ".webp": "WEBP"}.get(Path(path).suffix.lower(), "JPEG"))


def _cell(samples: ImageSet, index: int) -> tuple[Any, str]:
    """Return what is shown of one sample, and what stands below it."""
    from PIL import Image

    result = Image.fromarray(samples.data[index]).convert("RGB")
    if not isinstance(samples, ImageFolder):
        label = samples.classes[int(samples.targets[index])] if samples.classes else ""
        return _in_box(result), label if label.isascii() else ""
    whole = read_image(samples.paths[index])
    cell = Image.new("RGB", (2 * BOX + GAP, BOX), PAPER)
    cell.paste(_in_box(_marked(whole)), (0, 0))
    cell.paste(_in_box(result), (BOX + GAP, 0))
    return cell, f"{whole.width} x {whole.height}  to  {result.width} x {result.height}"


def _marked(whole: Any) -> Any:
    """Darken what is cut off a picture, and draw the edge of what remains; at the size at which it is shown."""
    from PIL import Image, ImageDraw

    shown = whole.resize(_fitting(whole.size), Image.Resampling.LANCZOS)
    edge = min(shown.size)
    left, top = (shown.width - edge) // 2, (shown.height - edge) // 2
    dark = shown.point(lambda value: value * DARK)
    dark.paste(shown.crop((left, top, left + edge, top + edge)), (left, top))
    ImageDraw.Draw(dark).rectangle((left, top, left + edge - 1, top + edge - 1), outline=CUT, width=2)
    return dark


def _in_box(image: Any) -> Any:
    """Put an image into the middle of its place: pixel by pixel where it is small."""
    from PIL import Image

    larger = min(image.size) and BOX // max(image.size)
    if larger > 1:
        image = image.resize((image.width * larger, image.height * larger), Image.Resampling.NEAREST)
    elif max(image.size) > BOX:
        image = image.resize(_fitting(image.size), Image.Resampling.LANCZOS)
    box = Image.new("RGB", (BOX, BOX), PAPER)
    box.paste(image, ((BOX - image.width) // 2, (BOX - image.height) // 2))
    return box


def _fitting(size: tuple[int, int]) -> tuple[int, int]:
    """Return width and height scaled so that the longer one is that of the box."""
    longest = max(size)
    return max(1, round(size[0] * BOX / longest)), max(1, round(size[1] * BOX / longest))


def described(found: Sequence[Facts], size: int) -> list[str]:
    """Say in a few lines what pictures are like, and what bringing them to ``size`` means for them."""
    widths, heights = [one.width for one in found], [one.height for one in found]
    smallest = min(found, key=lambda one: one.width * one.height)
    largest = max(found, key=lambda one: one.width * one.height)
    small = sum(min(one.width, one.height) < size for one in found)
    lost = 1 - np.mean([min(w, h) / max(w, h) for w, h in zip(widths, heights)])
    modes = Counter(f"{one.format} {one.mode}" for one in found).most_common()
    lines = [
        f"from {smallest.width} x {smallest.height} to {largest.width} x {largest.height} pixels; "
        + ", ".join(f"{count:,} {kind}" for kind, count in modes),
        f"each is scaled until its shorter edge is {size}, then its middle of {size} x {size} is cut out: "
        f"{lost:.0%} of the pixels are cut off",
    ]
    if small:
        lines.append(f"{small:,} {'is' if small == 1 else 'are'} smaller than {size} x {size} and will be enlarged")
    return lines
