"""Pictures of one's own folder: PNG, JPEG and GIF, damaged, enormous, or something else in disguise."""

from __future__ import annotations

import io
import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
import tqdm  # noqa: F401  (what reading imports is imported before it is watched)
from PIL import Image

from minigen.data import ImageFolder, PictureError
from torture.bombs import PLAIN, later, squeezed
from torture.configs import with_text
from torture.kind import Kind

MODES = {"PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"), "JPEG": ("L", "RGB", "CMYK"), "GIF": ("L", "P", "RGB")}
OPTIONS = {"PNG": {}, "JPEG": {"progressive": True, "quality": 90}, "GIF": {"interlace": False}}
SECONDS = 15.0  # for 81 million pixels, which are allowed; all others take milliseconds
MEBIBYTES = 1024  # Pillow's limit of 89 million pixels is four bytes each, and a copy
GHOSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(sung) (w) file closefile\nshowpage\n"


def maker(format: str) -> Callable[[Path, Random], Path]:
    """Return how a picture of a format is made: of any mode and size, with a turn in its EXIF data, or several."""

    def make(folder: Path, rng: Random) -> Path:
        Image.init()  # imports what it knows, which makes classes as it goes: nothing that a file has brought about
        size = (rng.randint(3, 70), rng.randint(3, 70), 3)
        noise = np.random.default_rng(rng.randrange(2**32)).integers(0, 256, size)
        image, mode = Image.fromarray(noise.astype(np.uint8)), rng.choice(MODES[format])
        image = Image.fromarray(noise[..., 0].astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
        options = dict(OPTIONS[format]) if rng.random() < 0.5 else {}
        if format != "GIF":
            exif = Image.Exif()
            exif[0x0112] = rng.randint(1, 8)
            options["exif"] = exif
        elif rng.random() < 0.3:
            options |= {"save_all": True, "append_images": [image.rotate(90), image.rotate(45)]}
        path = folder / f"picture.{format.lower()}"
        image.save(path, **options)
        return path

    return make


def read(path: Path) -> None:
    """Take it for a folder of one's own; a picture that was refused is refused again, by the cache."""
    os.environ["MINIGEN_CACHE"] = str(path.parent / ".cache")
    try:
        samples = ImageFolder(path.parent, image_size=16)
    except PictureError as first:
        with pytest.raises(PictureError, match=re.escape(path.name)) as caught:
            ImageFolder(path.parent, image_size=16, on_bad_image="skip")
        if caught.value.reason != first.reason:
            raise AssertionError(f"refused first with: {first.reason}; then with: {caught.value.reason}") from None
        raise
    assert samples.data.shape == (1, 16, 16, 3)
    assert len(samples[0]) == 2


def chunk(kind: bytes, content: bytes, length: int | None = None) -> bytes:
    """Return a chunk of a PNG."""
    size = struct.pack(">I", len(content) if length is None else length)
    return size + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bomb(kind: bytes) -> bytes:
    """Return a chunk of a PNG that is compressed and holds 100 MB of zeros."""
    return chunk(kind, b"a\0\0" + squeezed(b"", 10**8, kind=PLAIN))


def png(width: int, height: int, *chunks: bytes, colour: int = 0, bits: int = 8, rows: bytes | None = None) -> bytes:
    """Return a PNG with any header, further chunks, and rows of pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(height * (width + 1)) if rows is None else rows, 9))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + body + chunk(b"IEND", b"")


def jpeg(width: int, height: int) -> bytes:
    """Return a JPEG whose header tells other sizes than it has."""
    file = io.BytesIO()
    Image.new("L", (16, 16)).save(file, "JPEG")
    content = file.getvalue()
    place = content.index(b"\xff\xc0") + 5
    return content[:place] + struct.pack(">HH", height, width) + content[place + 4 :]


def with_exif(exif: bytes) -> bytes:
    """Return a JPEG with such EXIF data."""
    file = io.BytesIO()
    Image.new("L", (16, 16)).save(file, "JPEG", exif=exif)
    return file.getvalue()


def gif(width: int, height: int, frames: int = 1) -> bytes:
    """Return a GIF of any size, of which each frame holds a pixel or two."""
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x44\x01\x00"
    palette = bytes(12)
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x91, 0, 0) + palette + frame * frames + b";"


def loop_in_exif() -> bytes:
    """Return EXIF data whose directory follows itself."""
    return b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\xff\xff\x08\0\0\0\x08\0\0\0"


EVERYWHERE = {
    "empty": with_text(b""),
    "PostScript in disguise": with_text(GHOSTSCRIPT),
    "a program": with_text("import os\nos.system('touch canary')\n"),
    "SVG": with_text('<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/hostname"/></svg>'),
    "a pickle": with_text(b"\x80\x04cos\nsystem\n(S'touch canary'\ntR."),
}
CRAFTED = {
    "PNG": {
        "a bomb of pixels": with_text(png(60_000, 60_000, rows=bytes(1000))),
        "a bomb just below Pillow's error": with_text(png(13_000, 13_000, rows=bytes(1000))),
        "a large one that is allowed": later(lambda: png(9_000, 9_000)),
        "no height": with_text(png(10, 0)),
        "2**31 wide": with_text(png(2**31 - 1, 1, rows=b"")),
        "one pixel wide": with_text(png(1, 100_000)),
        "a bomb of text": later(lambda: png(4, 4, chunk(b"zTXt", b"a\0\0" + squeezed(b"", 10**8, kind=PLAIN)))),
        "a bomb of a profile": later(lambda: png(4, 4, chunk(b"iCCP", b"a\0\0" + squeezed(b"", 10**8, kind=PLAIN)))),
        "many texts": later(lambda: png(4, 4, chunk(b"tEXt", b"a\0" + b"b" * 100) * 100_000)),
        "a chunk of 4 GB": with_text(png(4, 4, chunk(b"tEXt", b"a\0b", length=2**32 - 1))),
        "more pixels than promised": later(lambda: png(4, 4, rows=bytes(3 * 10**7))),
        "fewer pixels than promised": with_text(png(100, 100, rows=bytes(500))),
        "a palette that is not there": with_text(png(4, 4, colour=3)),
        "an unknown type of colour": with_text(png(4, 4, colour=5)),
        "a turn that is none": with_text(png(4, 4, chunk(b"eXIf", loop_in_exif()[6:]))),
    },
    "JPEG": {
        "a bomb of pixels": with_text(jpeg(65_500, 65_500)),
        "a large one that is allowed": with_text(jpeg(9_000, 9_000)),
        "no width": with_text(jpeg(0, 10)),
        "EXIF data in a circle": with_text(with_exif(loop_in_exif())),
        "EXIF data of noise": with_text(with_exif(b"Exif\0\0" + Random(0).randbytes(60_000))),
        "only markers": with_text(b"\xff\xd8" + b"\xff\xe0\0\2" * 100_000),
        "many comments": later(lambda: b"\xff\xd8" + (b"\xff\xfe\xff\xff" + bytes(65_533)) * 200),
    },
    "GIF": {
        "a bomb of pixels": with_text(gif(65_535, 65_535)),
        "a large one that is allowed": with_text(gif(9_000, 9_000)),
        "no width": with_text(gif(0, 10)),
        "a hundred thousand frames": later(lambda: gif(2, 1, 100_000)),
        "a code that is not there": with_text(gif(2, 2)[:-4] + b"\x02\xff\xff\x00;"),
        "comments without an end": with_text(gif(2, 2)[:-1] + b"!\xfe" + b"\xff" + bytes(255) * 10_000),
    },
}
KINDS = [
    Kind(
        f"{format} picture",
        maker(format),
        read,
        errors=(PictureError,),
        crafted=EVERYWHERE | CRAFTED[format],
        seconds=SECONDS,
        mebibytes=MEBIBYTES,
    )
    for format in CRAFTED
]
