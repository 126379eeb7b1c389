"""Downloads from a server on this machine that fails in every way: an error, nothing left, and the next try works.

None of these tests leaves the machine; those that say offline do not even reach the server.
"""

import hashlib
import json
import os
import socket
import time

import pytest
from datafiles import (
    TRAINING_FILES,
    Quiet,
    archive_of,
    archived_files,
    hashes_of,
    serving,
    serving_folder,
    write_cifar,
    write_mnist,
)

from minigen.cli import main
from minigen.data import CIFAR10, MNIST, CifarError, DownloadError, FashionMNIST, WriteError, download
from minigen.data.download import download_file, is_offline, offline

CONTENT = bytes(range(256)) * 300
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """Neither read nor write the user's folders; and do not wait as long as for a real server."""
    monkeypatch.setenv("MINIGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MINIGEN_DATA", raising=False)
    monkeypatch.delenv("MINIGEN_OFFLINE", raising=False)
    monkeypatch.setattr(download, "WAITS", (0.01,))
    monkeypatch.setattr(download, "READ", 0.5)
    monkeypatch.setattr(download, "PATIENCE", 0.4)
    monkeypatch.setattr(download, "LEAST_SPEED", 10_000)


class Hostile(Quiet):
    """Does what the first part of the address says; counts who asks."""

    asked: list[str] = []

    def do_GET(self):
        """Answer."""
        self.asked.append(self.path)
        getattr(self, "do_" + self.path.split("/")[1].replace("-", "_"))()

    def send(self, content=CONTENT, length=None, status=200, **headers):
        """Send headers and a body."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def slowly(self, content, seconds):
        """Send bytes one by one, as long as somebody listens."""
        try:
            for place in range(len(content)):
                self.wfile.write(content[place : place + 1])
                self.wfile.flush()
                time.sleep(seconds)
        except OSError:
            self.close_connection = True

    def do_good(self):
        self.send()

    def do_wrong_hash(self):
        self.send(CONTENT[:-1] + b"\0")

    def do_truncated(self):
        self.send(CONTENT[:1000], len(CONTENT))
        self.close_connection = True

    def do_truncated_chunks(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"100\r\n" + CONTENT[:256] + b"\r\n200\r\n" + CONTENT[:100])
        self.close_connection = True

    def do_busy(self):
        self.send(b"later", status=503)

    def do_busy_at_first(self):
        self.send(status=200 if len(self.asked) > 2 else 503)

    def do_missing(self):
        self.send(b"no", status=404)

    def do_silent(self):
        time.sleep(1)

    def do_drip(self):
        self.send(b"", len(CONTENT))
        self.slowly(CONTENT[:100], 0.05)

    def do_dripping_headers(self):
        self.slowly(b"HTTP/1.0 200 OK\r\n" + b"X: y\r\n" * 100, 0.02)
        self.close_connection = True

    def do_endless(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(bytes(2**16))
        except OSError:
            self.close_connection = True

    def do_huge(self):
        self.send(b"", 2**40)
        self.close_connection = True

    def do_moved(self):
        self.send(b"", status=302, Location="/good/file")

    def do_in_circles(self):
        self.send(b"", status=302, Location=self.path)

    def do_into_the_files(self):
        self.send(b"", status=302, Location="file:///etc/hostname")

    def do_elsewhere(self):
        self.send(b"", status=302, Location="http://256.1.1.1:99999/")

    def do_renamed(self):
        self.send(Content_Disposition='attachment; filename="../../escaped"')

    def do_packed(self):
        self.send(Content_Encoding="gzip")  # it is not, and need not be: the sha256 is of what is sent

    def do_nonsense(self):
        self.wfile.write(b"\0\xff\0 what?\r\n\r\n")
        self.close_connection = True

    def do_hanging_up(self):
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True


@pytest.fixture
def server():
    """Give the address of the server."""
    Hostile.asked = []
    with serving(Hostile) as address:
        yield address


def fetch(folder, *mirrors):
    """Fetch the file from mirrors."""
    return download_file("Test", "file", SHA256, mirrors, folder)


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("wrong-hash", "another hash"),
        ("truncated", r"connection broke \(IncompleteRead\(1000 bytes"),
        ("truncated-chunks", "connection broke"),
        ("busy", "answered 503"),
        ("missing", "answered 404"),
        ("silent", "sent nothing|not begun"),
        ("drip", "too slow"),
        ("dripping-headers", "not begun to send"),
        ("endless", "more than 1,000,000 bytes"),
        ("huge", "wants to send 1,099,511,627,776 bytes"),
        ("in-circles", "from one address to the next"),
        ("into-the-files", "speak as it should"),
        ("elsewhere", "speak as it should|no connection"),
        ("nonsense", "no connection|speak"),
        ("hanging-up", "no connection"),
    ],
)
def test_a_failing_server_leaves_nothing_and_the_next_try_works(tmp_path, server, monkeypatch, behaviour, words):
    monkeypatch.setattr(download, "LARGEST", 1_000_000)
    folder = tmp_path / "cache" / "test"
    begun = time.monotonic()
    with pytest.raises(DownloadError, match=rf"^Test: file could not be downloaded \(http.*({words}).*put it into"):
        fetch(folder, f"{server}{behaviour}/")
    assert time.monotonic() - begun < 10
    assert list(tmp_path.iterdir()) == []  # no folder either, and nothing beside it
    assert fetch(folder, f"{server}{behaviour}/", f"{server}good/").read_bytes() == CONTENT
    assert [path.name for path in folder.rglob("*")] == ["file"]


def test_what_passes_is_tried_again_and_what_does_not_is_not(tmp_path, server):
    fetch(tmp_path, f"{server}busy-at-first/")
    assert len(Hostile.asked) == 3
    for behaviour, times in (("missing", 1), ("wrong-hash", 1), ("busy", download.ROUNDS)):
        Hostile.asked.clear()
        with pytest.raises(DownloadError):
            fetch(tmp_path / "other", f"{server}{behaviour}/")
        assert len(Hostile.asked) == times


@pytest.mark.parametrize("behaviour", ["moved", "renamed", "packed"])
def test_redirects_names_and_encodings_change_nothing(tmp_path, server, behaviour):
    path = fetch(tmp_path / "here", f"{server}{behaviour}/")
    assert path.read_bytes() == CONTENT
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")] == ["here", "here/file"]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask  # others who share the folder may read it


def test_a_name_that_leads_elsewhere_is_refused(tmp_path, server):
    for name in ("../file", "a/file", "/etc/file", ""):
        with pytest.raises(ValueError, match="no name of a file"):
            download_file("Test", name, SHA256, [f"{server}good/"], tmp_path)
    assert Hostile.asked == []


def test_what_a_killed_process_has_left_is_removed_the_day_after(tmp_path, server):
    for name, age in ((".download-old", 1), (".download-new", time.time())):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").write_bytes(b"half")
        os.utime(tmp_path / name, (age, age))
    fetch(tmp_path, f"{server}good/")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".download-new", "file"]


def test_the_old_file_stays_until_the_new_one_is_right(tmp_path, server):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(DownloadError):
        fetch(tmp_path, f"{server}truncated/")
    assert (tmp_path / "file").read_bytes() == b"old"
    fetch(tmp_path, f"{server}good/")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_full_disk_and_an_interruption_leave_nothing(tmp_path, server, monkeypatch):
    def fail(error):
        def fsync(handle):
            raise error

        monkeypatch.setattr("os.fsync", fsync)
        fetch(tmp_path / "cache", f"{server}good/")

    with pytest.raises(WriteError, match=r"cannot write .*file: No space left on device; nothing was left"):
        fail(OSError(28, "No space left on device"))
    with pytest.raises(KeyboardInterrupt):
        fail(KeyboardInterrupt())
    assert list(tmp_path.iterdir()) == []
    assert len(Hostile.asked) == 2  # a full disk is not the server's fault: it is not asked again


# --- offline ---


def test_offline_makes_no_connection_at_all(tmp_path, server, monkeypatch, capsys):
    monkeypatch.setattr(MNIST, "mirrors", (f"{server}good/",))
    monkeypatch.setattr(CIFAR10, "mirrors", (f"{server}good/",))
    monkeypatch.setattr(socket.socket, "connect", lambda *a: pytest.fail("a connection"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: pytest.fail("a look-up of an address"))
    for command in (
        "train lenet --data mnist --download --offline",
        "data download mnist --offline",
        "data download cifar10 --offline",
        "data preview mnist --offline",
    ):
        assert main(command.split()) == 2
        assert capsys.readouterr().err.count("\n") == 1
        assert not is_offline()  # it holds for the command
    monkeypatch.setenv("MINIGEN_OFFLINE", "1")
    with pytest.raises(DownloadError, match=r"not on this machine.*MINIGEN_OFFLINE forbids"):
        MNIST(download=True)
    assert main("data download mnist".split()) == 2
    assert Hostile.asked == []
    assert list(tmp_path.iterdir()) == []
    write_mnist(tmp_path / "cache" / "mnist")
    assert len(MNIST()) == 20  # what is here is read


@pytest.mark.parametrize(("value", "forbidden"), [("1", True), ("yes", True), ("0", False), ("", False), ("no", False)])
def test_the_variable_is_read_as_one_would(monkeypatch, value, forbidden):
    monkeypatch.setenv("MINIGEN_OFFLINE", value)
    assert is_offline() == forbidden
    with offline():
        assert is_offline()
    assert os.environ["MINIGEN_OFFLINE"] == value


# --- data sets ---


@pytest.fixture
def mirror(tmp_path):
    """Serve the folder "served" of this test; yields its address."""
    with serving_folder(tmp_path / "served") as address:
        yield address


@pytest.fixture
def small_cifar(monkeypatch):
    """Files of 4 images, of 3 in the part's test file."""
    counts = dict.fromkeys((*TRAINING_FILES, "test_batch.bin"), 4) | {"test_batch_first2000.bin": 3}
    monkeypatch.setattr(CIFAR10, "counts", counts)


@pytest.mark.parametrize("kind", [MNIST, FashionMNIST, CIFAR10])
def test_every_set_has_several_mirrors_and_a_sha256_for_each_file(kind):
    assert len(kind.mirrors) >= 2
    assert all(address.startswith("http") and address.endswith("/") for address in kind.mirrors)
    hashes = kind.sha256.values() if isinstance(kind.sha256, dict) else [kind.sha256]
    assert all(len(bytes.fromhex(text)) == 32 for text in hashes)


def test_mnist_is_downloaded_when_asked_and_checked(tmp_path, mirror, monkeypatch):
    images, _ = write_mnist(tmp_path / "served", count=4)
    monkeypatch.setattr(MNIST, "sha256", hashes_of(tmp_path / "served"))
    monkeypatch.setattr(MNIST, "mirrors", (mirror + "nothing-here/", mirror))
    assert (MNIST(download=True).data == images).all()
    assert len(list((tmp_path / "cache" / "mnist").iterdir())) == 2
    monkeypatch.setattr(MNIST, "mirrors", ())
    assert len(MNIST(download=True)) == len(MNIST()) == 4  # what is there is not fetched again


def test_a_download_with_the_wrong_sha256_is_refused(tmp_path, mirror, monkeypatch):
    write_mnist(tmp_path / "served", count=4)
    monkeypatch.setattr(MNIST, "mirrors", (mirror,))
    with pytest.raises(FileNotFoundError, match=r"could not be downloaded \(http.*hash.*by other means"):
        MNIST(download=True)
    assert not (tmp_path / "cache").exists()


def test_a_file_that_was_damaged_in_the_cache_is_fetched_again(tmp_path, mirror, monkeypatch):
    images, _ = write_mnist(tmp_path / "served", count=4)
    monkeypatch.setattr(MNIST, "sha256", hashes_of(tmp_path / "served"))
    monkeypatch.setattr(MNIST, "mirrors", (mirror,))
    MNIST(download=True)
    path = tmp_path / "cache" / "mnist" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    assert (MNIST(download=True).data == images).all()
    own = tmp_path / "own"
    write_mnist(own, count=5)
    assert len(MNIST(own, download=True)) == 5  # a user's own files are not replaced


def test_cifar_is_downloaded_when_asked_and_only_what_is_wanted_is_unpacked(tmp_path, small_cifar, mirror, monkeypatch):
    monkeypatch.setattr(CIFAR10, "sha256", archive_of(tmp_path / "served", archived_files()))
    monkeypatch.setattr(CIFAR10, "mirrors", (mirror + "nothing-here/", mirror))
    assert len(CIFAR10(download=True)) == 20
    left = sorted(path.name for path in (tmp_path / "cache" / "cifar-10").iterdir())
    assert left == ["batches.meta.txt", *TRAINING_FILES, "test_batch.bin"]
    batch = tmp_path / "cache" / "cifar-10" / "data_batch_3.bin"
    batch.write_bytes(batch.read_bytes()[:-1])
    assert len(CIFAR10(download=True)) == 20  # fetched again
    monkeypatch.setattr(CIFAR10, "mirrors", ())
    assert len(CIFAR10(train=False, download=True)) == len(CIFAR10(train=False)) == 4


def test_a_download_completes_a_part(tmp_path, small_cifar, mirror, monkeypatch):
    monkeypatch.setenv("MINIGEN_DATA", str(tmp_path / "shared"))
    write_cifar(tmp_path / "shared" / "cifar-10", TRAINING_FILES[:1])
    monkeypatch.setattr(CIFAR10, "sha256", archive_of(tmp_path / "served", archived_files()))
    monkeypatch.setattr(CIFAR10, "mirrors", (mirror,))
    assert not CIFAR10(download=True).part


def test_a_cifar_archive_that_is_not_what_it_should_be_is_refused(tmp_path, small_cifar, mirror, monkeypatch):
    monkeypatch.setattr(CIFAR10, "mirrors", (mirror,))
    right = archive_of(tmp_path / "served", {"data_batch_1.bin": b""})
    with pytest.raises(FileNotFoundError, match=r"could not be downloaded \(http.*hash.*by other means"):
        CIFAR10(download=True)
    monkeypatch.setattr(CIFAR10, "sha256", right)
    with pytest.raises(CifarError, match=r"no file cifar-10-batches-bin/batches\.meta\.txt in this archive"):
        CIFAR10(download=True)
    linked = archive_of(tmp_path / "served", archived_files(), link="batches.meta.txt")
    monkeypatch.setattr(CIFAR10, "sha256", linked)
    with pytest.raises(CifarError, match="no file"):
        CIFAR10(tmp_path / "other", download=True)
    assert [path for name in ("cache", "other") for path in (tmp_path / name).rglob("*") if path.is_file()] == []


def test_the_command_fetches_both_parts(tmp_path, mirror, monkeypatch, capsys):
    write_mnist(tmp_path / "served", count=4)
    write_mnist(tmp_path / "served", train=False, count=3)
    monkeypatch.setattr(MNIST, "sha256", hashes_of(tmp_path / "served"))
    monkeypatch.setattr(MNIST, "mirrors", (mirror,))
    assert main(["data", "download", "mnist"]) == 0
    assert f"4 training and 3 test images in {tmp_path / 'cache' / 'mnist'}" in capsys.readouterr().out
    assert main(["data", "download", "mnist", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["data"]
    assert row == {"name": "mnist", "folder": str(tmp_path / "cache" / "mnist"), "train": 4, "test": 3}
