"""Archives of pictures: tar, plain and compressed, and zip."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

from minigen.data import ArchiveError, unpack
from torture.bombs import later, squeezed, squeezed_by_bzip2
from torture.configs import with_text
from torture.kind import Kind

BLOCKS = bytes(1024)  # two blocks of zeros end a tar
SECONDS = 15.0  # a bomb is unpacked up to 128 MiB before it is known for one
OUTSIDE = ("../outside", "a/../../outside", "/outside", "..\\outside", "C:\\outside", "a/./../../../outside", "..")


def files(rng: Random) -> dict[str, bytes]:
    """Return names and contents of some files."""
    folder = rng.choice(("", "photos/", "a/b/c/"))
    return {f"{folder}{name}.png": rng.randbytes(rng.randint(0, 3000)) for name in ("cat", "dög", "猫", "x" * 90)}


def make_tar(folder: Path, rng: Random) -> Path:
    """Write a tar, compressed or not, in one of its formats."""
    path = folder / "archive.tar"
    format = rng.choice((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    with tarfile.open(path, rng.choice(("w", "w:gz", "w:bz2")), format=format) as archive:
        for name, content in files(rng).items():
            archive.addfile(entry(name, len(content)), io.BytesIO(content))
    return path


def make_zip(folder: Path, rng: Random) -> Path:
    """Write a zip, compressed or not."""
    path = folder / "archive.zip"
    with zipfile.ZipFile(path, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, content in files(rng).items():
            archive.writestr(name, content)
    return path


def read(path: Path) -> None:
    """Unpack it; all is there, or nothing."""
    before = sorted(os.listdir(path.parent))
    out = path.parent / "unpacked"
    try:
        count = unpack(path, out)
    except ArchiveError:
        assert sorted(os.listdir(path.parent)) == before, "something was left"
        raise
    found = [file for file in out.rglob("*") if not file.is_dir()]
    assert len(found) == count > 0
    assert not any(file.is_symlink() for file in found)


def entry(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    """Return the header of an entry."""
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, target
    return info


def tar(*entries: tarfile.TarInfo, pack: Callable[[bytes], bytes] = bytes, body: bytes | None = None) -> bytes:
    """Return a tar of entries whose contents are zeros, or one body for all."""
    parts = []
    for info in entries:
        content = bytes(max(0, -(-info.size // 512) * 512)) if body is None else body
        parts.append(info.tobuf(tarfile.GNU_FORMAT) + content)
    return pack(b"".join(parts) + BLOCKS)


def head(name: str, size: int) -> bytes:
    """Return the header of a file alone."""
    return entry(name, size).tobuf(tarfile.GNU_FORMAT)


def zip_bomb(zeros: int) -> bytes:
    """Return a zip of one file of zeros."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.png", "w") as entry:
        for _ in range(0, zeros, 10**6):
            entry.write(bytes(10**6))
    return file.getvalue()


def pax(record: bytes, size: int | None = None) -> bytes:
    """Return a tar whose one file has a PAX header."""
    padded = record + bytes(-len(record) % 512)
    head = entry("pax", len(record) if size is None else size, tarfile.XHDTYPE).tobuf(tarfile.GNU_FORMAT)
    return head + padded + entry("a.png").tobuf(tarfile.GNU_FORMAT) + BLOCKS


def zipped(names: dict[str, bytes], change: Callable[[bytes], bytes] = bytes, mode: int | None = None) -> bytes:
    """Return a zip, changed afterwards; with a mode, its entries say that they are a link or so."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in names.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.filename = name  # ZipInfo would have cut it
            if mode is not None:
                info.external_attr = mode << 16
            archive.writestr(info, content)
    return change(file.getvalue())


def overlapping(count: int) -> bytes:
    """Return a zip of many names for the same compressed bytes."""
    content = zipped({"a.png": bytes(10**6)})
    place = content.index(b"PK\1\2")
    one = content[place : content.index(b"PK\5\6")]
    directory = b"".join(one.replace(b"a.png", f"{i:05}".encode()) for i in range(count))
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(directory), place, 0)
    return content[:place] + directory + end


LINKS = {"SYM": tarfile.SYMTYPE, "LNK": tarfile.LNKTYPE}
TARS = {
    "empty": b"",
    "only the end": BLOCKS,
    **{f"named {name}": tar(entry(name, 5)) for name in OUTSIDE},
    **{
        f"{word} to {to}": tar(entry("link", 0, kind, to), entry("link/outside", 5))
        for word, kind in LINKS.items()
        for to in ("..", "/etc/passwd", "../outside", "link")
    },
    "a device": tar(entry("device", 0, tarfile.CHRTYPE)),
    "a pipe": tar(entry("pipe", 0, tarfile.FIFOTYPE)),
    "a file of 8 GB": tar(entry("a.png", 2**33), body=b""),
    "a file of 2**63": tar(entry("a.png", 2**63 - 1), body=b""),
    "less than nothing": tar(entry("a.png", -512), entry("b.png", 5), body=bytes(512)),
    "a long name of 1 TB": tar(entry("x", 2**40, tarfile.GNUTYPE_LONGNAME), body=b""),
    "a sparse file of 1 TB": tar(entry("x", 2**40, tarfile.GNUTYPE_SPARSE), body=b""),
    "a bomb": later(lambda: squeezed(head("a.png", 15 * 10**7), 15 * 10**7 + 128, BLOCKS)),
    "a bomb of bzip2": later(lambda: squeezed_by_bzip2(head("a.png", 15 * 10**7), 15 * 10**7 + 128, BLOCKS)),
    "a bomb after the end": later(lambda: squeezed(tar(entry("a.png", 5)), 3 * 10**8)),
    "a hundred thousand entries": later(lambda: head("a.png", 0) * 100_000 + BLOCKS),
    "a thousand files": later(lambda: b"".join(head(f"{i}.png", 0) for i in range(1_000)) + BLOCKS),
    "PAX header of 1 TB": pax(b"20 path=a\n", 2**40),
    "PAX header of digits": pax(b"1" * 16_000),
    "PAX header of digits and blanks": pax(b"1 " * 8_000),
    "PAX header of many keys": pax(b"9 a=bcde\n" * 1700),
    "PAX path outside": pax(b"20 path=../outside\n"),
    "PAX size below nothing": pax(b"13 size=-512\n"),
    "PAX sparse map": pax(b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n27 GNU.sparse.size=99999999\n"),
    "a PAX header for itself": entry("pax", 0, tarfile.XHDTYPE).tobuf(tarfile.GNU_FORMAT) * 50_000,
    "a folder under a file": tar(entry("a", 5), entry("a/b", 5)),
    "a name of 4,000 letters": tar(entry("x" * 90 + "/" + "y" * 90, 5), entry("/".join(["d" * 50] * 40), 5), body=b""),
    "gzip in gzip": gzip.compress(gzip.compress(tar(entry("a.png", 5)))),
}
ZIPS = {
    "empty": b"",
    "only the end": zipped({}),
    **{f"named {name}": zipped({name: b"x"}) for name in OUTSIDE},
    "a link": zipped({"link": b"/etc/passwd"}, mode=0o120777),
    "a device": zipped({"device": b""}, mode=0o020666),
    "a bomb": later(lambda: zip_bomb(15 * 10**7)),
    "a bomb that says it is small": later(
        lambda: zip_bomb(15 * 10**7).replace(struct.pack("<I", 15 * 10**7), b"\5\0\0\0")
    ),
    "many names for the same bytes": later(lambda: overlapping(60_000)),
    "a thousand files": later(lambda: zipped({f"{i}": b"" for i in range(1_000)})),
    "the same name in two cases": zipped({"a.png": b"x", "A.png": b"y"}),
    "a folder under a file": zipped({"a": b"x", "a/b": b"y"}),
    "locked": zipped({"a": b"x"}, lambda content: content.replace(b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1")),
    "a directory that is elsewhere": zipped({"a": b"x"}, lambda content: content[:-6] + b"\xff\xff\xff\x7f\0\0"),
    "a comment of 64 kB": zipped({"a": b"x"}, lambda content: content[:-2] + b"\xff\xff" + bytes(65_535)),
    "a long name": zipped({"x" * 60_000: b"x"}),
}


def kind(name: str, make: Callable[[Path, Random], Path], crafted: dict[str, bytes | Callable[[Path], None]]) -> Kind:
    """Return the kind of an archive."""
    attacks = {how: with_text(what) if isinstance(what, bytes) else what for how, what in crafted.items()}
    return Kind(name, make, read, errors=(ArchiveError,), crafted=attacks, seconds=SECONDS)


KINDS = [kind("tar archive", make_tar, TARS), kind("zip archive", make_zip, ZIPS)]
