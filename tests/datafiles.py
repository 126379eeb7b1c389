"""Small files in the formats of the data sets, and a server on this machine: what tests of data share."""

import functools
import gzip
import hashlib
import http.server
import io
import struct
import tarfile
import threading
from contextlib import contextmanager

import numpy as np
from PIL import Image

from minigen.data import CIFAR10

TRAINING_FILES = [f"data_batch_{i}.bin" for i in range(1, 6)]
CIFAR_NAMES = "\n".join(CIFAR10.names) + "\n\n"


def idx_bytes(array, code=0x08):
    """Write an array as an IDX file."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_mnist(folder, train=True, count=20, label=None):
    """Write the two files of a part of MNIST; return images and labels."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(count)
    images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    labels = np.arange(count, dtype=np.uint8) % 10 if label is None else np.full(count, label, np.uint8)
    part = "train" if train else "t10k"
    (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images)))
    (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels)))
    return images, labels


def hashes_of(folder):
    """Return the sha256 of every file in a folder, by its name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def cifar_bytes(count, seed=0, label=None):
    """Records whose image i has its red plane full of i, green i + 1, blue random; and what they hold."""
    rng = np.random.default_rng(seed)
    images = np.empty((count, 32, 32, 3), np.uint8)
    images[..., 0] = np.arange(count)[:, None, None] + 10 * seed
    images[..., 1] = images[..., 0] + 1
    images[..., 2] = rng.integers(0, 256, (count, 32, 32))
    labels = np.full(count, label) if label is not None else rng.integers(0, 10, count)
    records = [bytes([y]) + x.transpose(2, 0, 1).tobytes() for x, y in zip(images, labels)]
    return b"".join(records), images, labels


def write_cifar(folder, names, pack=bytes, ending=""):
    """Write files of CIFAR-10 with as many records as `CIFAR10.counts` says; return their images."""
    folder.mkdir(parents=True, exist_ok=True)
    images = []
    for seed, name in enumerate(names):
        content, more, _ = cifar_bytes(CIFAR10.counts[name], seed)
        (folder / (name + ending)).write_bytes(pack(content))
        images.append(more)
    return np.concatenate(images)


def archive_of(folder, names, link=None):
    """Write an archive like the published one; ``link`` names a member that points out of it.  Return its sha256."""
    folder.mkdir(exist_ok=True)
    with tarfile.open(folder / CIFAR10.archive, "w:gz") as archive:
        for name, content in names.items():
            member = tarfile.TarInfo(f"{CIFAR10.inner}/{name}")
            member.size = len(content)
            if name == link:
                member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0
            archive.addfile(member, io.BytesIO(content))
    return hashlib.sha256((folder / CIFAR10.archive).read_bytes()).hexdigest()


def archived_files():
    """Return what the published archive holds, and something evil."""
    files = {name: cifar_bytes(4, seed)[0] for seed, name in enumerate((*TRAINING_FILES, "test_batch.bin"))}
    return files | {"batches.meta.txt": CIFAR_NAMES.encode(), "../evil.txt": b"no", "readme.html": b"no"}


def save_picture(path, size=(40, 30), mode="RGB", seed=0, **options):
    """Save a picture of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path, **options)


@contextmanager
def serving(handler):
    """Serve on this machine while the block runs; gives the address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True  # one that drips must not keep the test
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, *arguments):
        """Say nothing."""


def serving_folder(folder):
    """Serve the files of a folder; see `serving`."""
    return serving(functools.partial(Quiet, directory=str(folder)))
