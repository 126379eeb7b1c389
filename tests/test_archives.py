"""Unpacking archives from strangers: right ones whole, others not at all, and never anything outside the folder."""

import bz2
import gzip
import io
import os
import struct
import tarfile
import zipfile
import zlib

import pytest

from minigen.cli import main
from minigen.data import ArchiveError, ImageFolder, WriteError, archives, unpack

FILES = {"cats/a.txt": b"a" * 1000, "dogs/deep/猫.txt": b"b" * 70_000, "empty.txt": b""}


def tar_of(path, members=None, mode="w:gz"):
    """Write a tar of files: bytes by name, or TarInfo objects with their content."""
    with tarfile.open(path, mode) as archive:
        for name, content in (FILES if members is None else members).items():
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def zip_of(path, members=None, **options):
    """Write a zip of files: bytes by name, or ZipInfo objects with their content."""
    with zipfile.ZipFile(path, "w", **{"compression": zipfile.ZIP_DEFLATED, **options}) as archive:
        for name, content in (FILES if members is None else members).items():
            archive.writestr(name, content)
    return path


def special(name, kind, target=""):
    """Return the header of a link, a device or a pipe."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def found_in(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(tmp_path, path, words, **options):
    """Unpack what must be refused; nothing may be left, beside or below."""
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ArchiveError, match=words) as caught:
        unpack(path, tmp_path / "new" / "target", **options)
    assert path.name in str(caught.value)
    assert "nothing was unpacked" in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_an_archive_is_unpacked_whole(tmp_path, make):
    path = make(tmp_path / "archive")  # its name says nothing
    assert unpack(path, tmp_path / "new" / "target") == 3
    assert found_in(tmp_path / "new" / "target") == FILES
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["target"]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2"])
@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_kind_of_tar_is_read(tmp_path, mode, format):
    with tarfile.open(tmp_path / "a.tar", mode, format=format) as archive:
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / ("long" * 24 + ".txt")).write_bytes(b"x")
        archive.add(tmp_path / "in", ".")  # begins with an entry for the folder itself
    assert unpack(tmp_path / "a.tar", tmp_path / "out") == 1


def test_zips_of_other_programs_are_read(tmp_path):
    backslashes = zipfile.ZipInfo("cats\\a.txt")
    backslashes.filename = "cats\\a.txt"
    zip_of(tmp_path / "a.zip", {backslashes: b"x", "猫.txt": b"y"}, compression=zipfile.ZIP_STORED)
    content = (tmp_path / "a.zip").read_bytes().replace(struct.pack("<H", 0x800), struct.pack("<H", 0))
    (tmp_path / "a.zip").write_bytes(content)  # UTF-8 without a flag that says so
    unpack(tmp_path / "a.zip", tmp_path / "out")
    assert found_in(tmp_path / "out") == {"cats/a.txt": b"x", "猫.txt": b"y"}


def test_what_is_not_wanted_is_passed_by(tmp_path):
    path = tar_of(tmp_path / "a.tar", {"../evil": b"x", special("link", tarfile.SYMTYPE, "/etc"): b"", "good": b"y"})
    assert unpack(path, tmp_path / "out", only=lambda name: name == "good") == 1
    assert found_in(tmp_path / "out") == {"good": b"y"}
    path = zip_of(tmp_path / "a.zip", {"../evil": b"x", "good": b"y"})
    assert unpack(path, tmp_path / "out2", only=lambda name: name == "good") == 1


@pytest.mark.parametrize("make", [tar_of, zip_of])
@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/evil", "//evil", "a/../b", "..", "C:evil", "C:/evil", "..\\evil", "\\evil"]
)
def test_names_that_lead_out_are_refused(tmp_path, make, name):
    refused(tmp_path, make(tmp_path / "a", {"good": b"x", name: b"evil"}), "leads out of the folder")


@pytest.mark.parametrize(
    "entry",
    [
        special("link", tarfile.SYMTYPE, "/etc/passwd"),
        special("link", tarfile.SYMTYPE, "good"),
        special("link", tarfile.LNKTYPE, "../evil"),
        special("link", tarfile.LNKTYPE, "good"),
        special("device", tarfile.CHRTYPE),
        special("pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda info: f"{info.type.decode()}{info.linkname}",
)
def test_links_and_devices_are_refused(tmp_path, entry):
    refused(tmp_path, tar_of(tmp_path / "a.tar", {"good": b"x", entry: b""}), "is a link or a device")


def test_links_in_zips_are_refused(tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    refused(tmp_path, zip_of(tmp_path / "a.zip", {link: b"/etc/passwd"}), "is a link or a device")


@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_two_entries_of_one_name_are_refused(tmp_path, make):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for content in (b"one", b"two"):
            info = tarfile.TarInfo("same")
            info.size = 3
            archive.addfile(info, io.BytesIO(content))
    refused(tmp_path, tmp_path / "a.tar", "two entries are called 'same'")
    refused(tmp_path, make(tmp_path / "b", {"a": b"x", "a/b": b"y"}), "no archive.*or damaged|two entries")


@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_there_are_limits(tmp_path, make, monkeypatch):
    path = make(tmp_path / "a")
    refused(tmp_path, path, "more than 2 files", max_files=2)
    refused(tmp_path, path, "more than 70,999 bytes", max_bytes=70_999)
    assert unpack(path, tmp_path / "out", max_files=3, max_bytes=71_000) == 3
    monkeypatch.setattr(archives, "SMALL", 100_000)
    bomb = make(tmp_path / "bomb", {"zeros": bytes(10**6)})
    assert bomb.stat().st_size * archives.RATIO < 10**6
    refused(tmp_path, bomb, r"unpacks to more than 1\d\d,\d\d\d bytes")


def test_a_zip_that_lies_about_its_sizes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "SMALL", 100_000)
    path = zip_of(tmp_path / "a.zip", {"zeros": bytes(10**6)})
    content = path.read_bytes().replace(struct.pack("<I", 10**6), struct.pack("<I", 1000))
    path.write_bytes(content)
    refused(tmp_path, path, "damaged")


def test_other_zips_are_refused_with_a_reason(tmp_path):
    refused(tmp_path, zip_of(tmp_path / "a.zip", compression=zipfile.ZIP_LZMA), "packed in a way that is not read")
    path = zip_of(tmp_path / "b.zip")
    content = bytearray(path.read_bytes())
    for magic, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(magic) + place] |= 1
    path.write_bytes(content)
    refused(tmp_path, path, "locked with a password")


def header_of(size, kind=b"x"):
    """Return the 512 bytes of a tar's header that claims a size."""
    info = tarfile.TarInfo("name")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no archive"),
        (b"not an archive", "no archive"),
        (gzip.compress(b"not an archive"), "no archive"),
        (bytes(10_240), "holds no file"),
        (header_of(2**40, b"x") + bytes(1024), "claims to be very long"),
        (header_of(2**40, b"L") + bytes(1024), "claims to be very long"),
        (header_of(2**40, b"0") + bytes(1024), "unpacks to more than"),
        (gzip.compress(header_of(2**33, b"L") + bytes(10**7)), "claims to be very long"),
        (header_of(-512, b"0") + bytes(1024), "less than no bytes|damaged"),
        (header_of(-512, b"x") + bytes(1024), "claims to be very long|damaged"),
        (header_of(1000, b"0") + bytes(512), "damaged"),
    ],
)
def test_broken_archives_are_refused(tmp_path, content, words):
    path = tmp_path / "a.tar"
    path.write_bytes(content)
    refused(tmp_path, path, words)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95, 0.985])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_a_tar_that_is_cut_off_is_refused(tmp_path, pack, share):
    noise = {f"{i}.bin": os.urandom(3000 + i) for i in range(20)}
    whole = pack(tar_of(tmp_path / "whole.tar", noise, "w").read_bytes().rstrip(b"\0") + bytes(1024))
    (tmp_path / "a.tar").write_bytes(whole[: int(len(whole) * share)])
    refused(tmp_path, tmp_path / "a.tar", "cut off|damaged")


def test_damage_in_the_middle_of_a_tar_is_not_taken_for_its_end(tmp_path):
    content = bytearray(tar_of(tmp_path / "a.tar", {"a": b"x" * 100, "b": b"y" * 100}, "w").read_bytes())
    content[1024] ^= 1  # the name of the second entry: its checksum is wrong now
    (tmp_path / "a.tar").write_bytes(content)
    refused(tmp_path, tmp_path / "a.tar", "cut off, or damaged in the middle")


def test_damage_that_only_the_checksum_of_gzip_knows_is_found(tmp_path):
    content = bytearray(tar_of(tmp_path / "a.tgz").read_bytes())
    content[-8:-4] = struct.pack("<I", zlib.crc32(b"other"))
    (tmp_path / "a.tgz").write_bytes(content)
    refused(tmp_path, tmp_path / "a.tgz", "damaged .*CRC")


def test_nothing_is_written_over(tmp_path):
    path = tar_of(tmp_path / "a.tar")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    for name in ("full", "file"):
        with pytest.raises(ArchiveError, match="is there already and not empty; name a new folder"):
            unpack(path, tmp_path / name)
    assert unpack(path, tmp_path / "empty") == 3
    assert (tmp_path / "full" / "mine").read_text() == (tmp_path / "file").read_text() == "mine"
    with pytest.raises(ArchiveError, match=r"cannot read .*nowhere: No such file"):
        unpack(tmp_path / "nowhere", tmp_path / "new")


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    path = zip_of(tmp_path / "a.zip")
    before = sorted(tmp_path.rglob("*"))

    def full(source, target, limits):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives, "_write", full)
    with pytest.raises(WriteError, match=r"cannot write .*out: No space left on device; nothing was left"):
        unpack(path, tmp_path / "new" / "out")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_command_unpacks_pictures(tmp_path, capsys, monkeypatch):
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIGEN_CACHE", str(tmp_path / "cache"))
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "PNG")
    zip_of(tmp_path / "photos.zip", {f"photos/{name}/a.png": picture.getvalue() for name in ("cats", "dögs")})
    assert main(["data", "unpack", "photos.zip"]) == 0
    assert "2 files in photos; look at them with: minigen data preview photos" in capsys.readouterr().out
    assert ImageFolder("photos", image_size=8).classes == ["cats", "dögs"]
    for arguments, words in (
        (["photos.zip"], "is there already"),
        (["nowhere.zip"], "cannot read nowhere.zip"),
        (["photos"], "its name has no ending"),
    ):
        assert main(["data", "unpack", *arguments]) == 2
        assert words in capsys.readouterr().err
