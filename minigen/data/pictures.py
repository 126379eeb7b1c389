"""Reading one picture file: which files are pictures, and how any of them becomes grey or RGB with 8 bits a channel.

Pictures come from strangers.  Only the formats below are opened, whatever a file is called: Pillow knows some whose
reading starts another program.  A size is looked at before memory is taken for it, and whatever is wrong with a file
ends in a `PictureError` that names it.  Folders and sizes to train at are no matter of this file.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigen.files import shown

EXTENSIONS = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".ppm", ".pgm", ".pbm", ".tif", ".tiff", ".webp")
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP")  # as Pillow calls them
PAPER = (255, 255, 255)  # what a picture lies on that is transparent in places: white


class PictureError(ValueError):
    """A picture cannot be read; the message names the file and says why.

    Attributes
    ----------
    reason : str
        Why, without the file.
    """

    def __init__(self, path: str | os.PathLike[str], reason: str, remedy: str = "") -> None:
        super().__init__(f"cannot read the picture {shown(path)}: {reason}; repair or remove it{remedy}")
        self.reason = reason


def read_image(path: str | os.PathLike[str], channels: int = 3) -> Any:
    """Read a picture as a Pillow image, upright, grey or RGB.

    A palette is looked up, CMYK becomes RGB, 16 bits a channel become 8, what is transparent lies on white paper, and
    of an animation the first picture is taken.

    Parameters
    ----------
    path : str or path
        The file; its content, not its name, says which format it has.
    channels : 1 or 3
        Grey or colour.

    Raises
    ------
    PictureError
        If the file is broken, cut off, no picture, not readable, or of more than ``PIL.Image.MAX_IMAGE_PIXELS`` pixels.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> path = tempfile.mkdtemp() + "/deep.png"
    >>> Image.fromarray(np.full((2, 3), 65535, np.uint16)).save(path)
    >>> read_image(path).getpixel((0, 0))
    (255, 255, 255)
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path, formats=FORMATS) as image:
            refuse_a_bomb(image.width * image.height)
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            return eight_bits(image, "L" if channels == 1 else "RGB")
    except MemoryError:
        raise  # it says nothing about the picture
    except Exception as error:  # decoders of damaged files raise whatever they meet: KeyError, struct.error, ...
        raise PictureError(path, why(error)) from error


def refuse_a_bomb(pixels: int) -> None:
    """Raise where a picture would take more memory than any camera's."""
    from PIL import Image

    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and pixels > limit:  # Pillow only warns before twice as many
        raise ValueError(f"it has {pixels:,} pixels, the limit is {limit:,}")


@contextmanager
def bombs_are_errors() -> Iterator[None]:
    """Inside, let Pillow raise where it would only warn of a picture that is too large, and be still about the rest.

    To be entered by the main thread: filters of warnings belong to the process.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # odd metadata, of which the pixels know nothing
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def eight_bits(image: Any, mode: str) -> Any:
    """Bring a Pillow image of any mode to "L" or "RGB"."""
    from PIL import Image

    if image.mode.startswith("I"):
        image = from_sixteen_bits(image)
    elif image.mode == "F":
        raise ValueError("its pixels are fractions, and nothing says which of them is white; save it with 8 or 16 bits")
    elif image.has_transparency_data:
        glass = image.convert("RGBA")
        image = Image.new("RGB", image.size, PAPER)
        image.paste(glass, mask=glass.getchannel("A"))
    return image if image.mode == mode else image.convert(mode)


def from_sixteen_bits(image: Any) -> Any:
    """Bring a grey Pillow image of 16 bits, 0 to 65535, to 8: 65535 becomes 255."""
    from PIL import Image

    values = np.asarray(image)
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if low < 0 or high > 65535:
        raise ValueError(f"its pixels are numbers from {low} to {high}; save it with 8 or 16 bits, 0 to 65535")
    return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))


def why(error: Exception) -> str:
    """Say in words what a decoder has met."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return f"its content is none of {', '.join(FORMATS)}"
    if isinstance(error, (Image.DecompressionBombWarning, Image.DecompressionBombError)):
        return f"it has more pixels than the limit, {Image.MAX_IMAGE_PIXELS:,}"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if "truncated" in text.lower():
        text = f"it is cut off ({text})"
    return " ".join(text.split()) or f"its content is damaged ({type(error).__name__})"
