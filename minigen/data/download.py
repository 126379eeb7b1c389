"""Fetching a file from the network: from the first of several mirrors that has it, whole, as its sha256 says, or not.

Nothing is fetched unless somebody asked for it, and nothing at all where ``MINIGEN_OFFLINE`` is set.  A file lies in a
folder of its own beside the place where it shall be until it is known to be right; then it is moved there.  Which files
there are is told by the data sets.
"""

from __future__ import annotations

import os
import queue
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from minigen.files import WriteError, remove_stale, shown, umask

ROUNDS = 3  # times that each mirror is asked, but for one that said no for good
WAITS = (1.0, 4.0)  # seconds before the second and the third time
CONNECT, READ = 10.0, 20.0  # seconds to wait for a server, and for its next bytes
PATIENCE, LEAST_SPEED = 30.0, 5_000  # seconds in which a server must have sent so many bytes a second
LARGEST = 2**28  # bytes: more is none of our files
REDIRECTS = 5
BLOCK = 2**16  # bytes


class DownloadError(FileNotFoundError):
    """A file could not be fetched; the message says what each mirror answered and what can be done."""


class _NotNow(Exception):
    """A mirror failed in a way that may pass."""


class _Never(Exception):
    """A mirror failed for good: it has no such file, or another one."""


def is_offline() -> bool:
    """Say whether ``MINIGEN_OFFLINE`` forbids connections: set to anything but 0, false, no or nothing."""
    return os.environ.get("MINIGEN_OFFLINE", "").strip().lower() not in ("", "0", "false", "no", "off")


@contextmanager
def offline(forbidden: bool = True) -> Iterator[None]:
    """Inside, no connection is made, nor by programs that are started there; unless ``forbidden`` is False."""
    before = os.environ.get("MINIGEN_OFFLINE")
    if forbidden:
        os.environ["MINIGEN_OFFLINE"] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("MINIGEN_OFFLINE", None)
        else:
            os.environ["MINIGEN_OFFLINE"] = before


def download_file(owner: str, name: str, sha256: str, mirrors: Sequence[str], folder: Path) -> Path:
    """Fetch one file into ``folder`` from the first mirror that has it, checked against its sha256.

    Parameters
    ----------
    owner : str
        Whose file it is, for messages.
    name : str
        The file's name, at every mirror and in the folder.
    sha256 : str
        In hexadecimal digits.
    mirrors : sequence of str
        Addresses, to which the name is appended.
    folder : Path
        It is made where it is missing, and removed again if nothing could be put into it.

    Raises
    ------
    DownloadError
        If no mirror has it, or connections are forbidden.
    WriteError
        If the folder cannot be written, or the disk is full.
    """
    if not name or Path(name).name != name:
        raise ValueError(f"{owner}: {name!r} is no name of a file")
    target = Path(folder) / name
    if is_offline():
        raise DownloadError(
            f"{owner}: {name} is not on this machine, and --offline or MINIGEN_OFFLINE forbids to fetch it. "
            f"Put it into {folder}, or allow the connection"
        )
    with _staging(target) as staging:
        _first_that_has_it(owner, name, sha256, mirrors, staging, folder)
        os.replace(staging / name, target)
    return target


@contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """Make a folder beside a file's place, to be removed in any case, with the folders that were made for it."""
    made = [place for place in (target.parent, *target.parent.parents) if not place.exists()]
    staging = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_stale(target.parent, ".download-*")
        staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=".download-"))
        yield staging
    except OSError as error:
        if isinstance(error, (DownloadError, WriteError)):
            raise
        raise WriteError(f"cannot write {target}: {error.strerror or error}; nothing was left", error.errno) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
        for place in made:
            with suppress(OSError):  # something is in it
                place.rmdir()


def _first_that_has_it(owner: str, name: str, sha256: str, mirrors: Sequence[str], staging: Path, folder: Path) -> None:
    """Ask the mirrors in turn, and those that may have it later once more."""
    answers: dict[str, str] = {}
    asked = list(mirrors)
    for turn in range(ROUNDS):
        if turn and asked:
            time.sleep(WAITS[min(turn, len(WAITS)) - 1])
        for mirror in list(asked):
            try:
                _retrieve(mirror + name, name, sha256, staging)
                return
            except _Never as error:
                answers[mirror] = str(error)
                asked.remove(mirror)
            except _NotNow as error:
                answers[mirror] = str(error)
    said = "; ".join(f"{mirror}: {answer}" for mirror, answer in answers.items()) or "it has no mirror"
    raise DownloadError(
        f"{owner}: {name} could not be downloaded ({said}). Try again later, or fetch it by other means and put it "
        f"into {folder}"
    )


def _retrieve(address: str, name: str, sha256: str, staging: Path) -> None:
    """Let pooch fetch one file from one address and compare its sha256.

    Raises
    ------
    _Never, _NotNow
        Saying what was wrong.
    """
    import pooch

    pooch.get_logger().setLevel("WARNING")  # it would tell of the staging folder
    try:
        pooch.retrieve(address, f"sha256:{sha256}", fname=name, path=staging, downloader=_fetch)
    except ValueError as error:
        wrong = "what it sent has another hash (sha256) than the file that was published"
        raise _Never(wrong if "hash" in str(error) else _short(error)) from error
    os.chmod(staging / name, 0o666 & ~umask())  # pooch's files are for their owner only


def _fetch(address: str, output_file: str, pooch: Any) -> None:
    """Fetch one address into a file, for `pooch.retrieve`.

    pooch's own way waits for a server as long as it sends a byte now and then, and for as much as it sends.
    """
    import requests
    import urllib3

    with requests.Session() as session, open(output_file, "wb") as file:
        session.max_redirects = REDIRECTS
        try:
            with _answer(session, address) as answer:
                _refuse(answer)
                _copy(answer, file, address)
        except requests.exceptions.TooManyRedirects as error:
            raise _Never(f"it sends from one address to the next, more than {REDIRECTS} times") from error
        except requests.exceptions.ConnectionError as error:
            raise _NotNow(f"there is no connection to it ({_short(error)})") from error
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise _NotNow(f"it sent nothing for {READ:g} seconds") from error
        except urllib3.exceptions.ProtocolError as error:
            raise _NotNow(f"the connection broke ({_short(error)})") from error
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
            never = isinstance(error, (requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL))
            raise (_Never if never else _NotNow)(f"it does not speak as it should ({_short(error)})") from error
        file.flush()
        os.fsync(file.fileno())


def _answer(session: Any, address: str) -> Any:
    """Return what a server answers, without its body; a thread waits for that, which can be left alone.

    A server that sends its headers byte by byte would keep us for hours else.
    """
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        headers = {"Accept-Encoding": "identity"}
        try:
            answers.put(session.get(address, stream=True, timeout=(CONNECT, READ), headers=headers))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True, name="minigen-download").start()
    try:
        answer = answers.get(timeout=PATIENCE)
    except queue.Empty:
        raise _NotNow(f"it has not begun to send the file after {PATIENCE:g} seconds") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _refuse(answer: Any) -> None:
    """Raise unless the server has sent the file."""
    if answer.status_code != 200:
        said = f"it answered {answer.status_code} {shown(str(answer.reason or ''))[:100]}".rstrip()
        passing = answer.status_code >= 500 or answer.status_code in (408, 425, 429)
        raise (_NotNow if passing else _Never)(said)
    if answer.headers.get("content-length", "").isdigit() and int(answer.headers["content-length"]) > LARGEST:
        raise _Never(f"it wants to send {int(answer.headers['content-length']):,} bytes, the limit is {LARGEST:,}")


def _copy(answer: Any, file: BinaryIO, address: str) -> None:
    """Copy what a server sends, as long as it is quick enough and not too much."""
    from tqdm import tqdm

    length = answer.headers.get("content-length", "")
    promised = int(length) if length.isdigit() else None
    with tqdm(total=promised, desc=address.rpartition("/")[2], unit="B", unit_scale=True, disable=None) as shown:
        received, since, then = 0, time.monotonic(), 0
        while block := _some(answer.raw):
            file.write(block)
            received += len(block)
            shown.update(len(block))
            if received > LARGEST:
                raise _Never(f"it sends more than {LARGEST:,} bytes")
            if time.monotonic() - since > PATIENCE:
                if received - then < LEAST_SPEED * PATIENCE:
                    raise _NotNow(f"it sent {received - then:,} bytes in {PATIENCE:g} seconds, which is too slow")
                since, then = time.monotonic(), received
    if promised is not None and received < promised:
        raise _NotNow(f"the connection ended after {received:,} of {promised:,} bytes")


def _some(raw: Any) -> bytes:
    """Return the next bytes as they come, without waiting for a whole block where urllib3 can do that."""
    return raw.read1(BLOCK, decode_content=False) if hasattr(raw, "read1") else raw.read(1024, decode_content=False)


def _short(error: BaseException) -> str:
    """Say what was at the root of an error, without what each library on the way has put around it."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = shown(" ".join(text.split())) or type(error).__name__
    return text if len(text) <= 200 else text[:200] + "..."
