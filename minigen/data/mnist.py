"""MNIST and Fashion-MNIST, from the original IDX files.

The files are looked for in ``MINIGEN_DATA``, then in the cache folder; they are downloaded only when asked.
What an image set can do is told in `ImageSet`.

References
----------
LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to document recognition" (MNIST).
Xiao, Rasul and Vollgraf 2017, "Fashion-MNIST: a novel image dataset for benchmarking machine learning".
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from minigen.data.download import download_file
from minigen.data.idx import IdxError, read_idx
from minigen.data.images import ImageSet
from minigen.files import data_folders, sha256_of

EDGE = 28  # pixels
MAX_BYTES = 2**26  # of an array: the largest that was published has 47,040,000


class MNIST(ImageSet):
    """70,000 handwritten digits, 28x28 grey: 60,000 to train on and 10,000 to test on.

    Parameters
    ----------
    root : str or path, optional
        The folder of the four files, or the folder that holds it as ``mnist``. By default the folder
        ``mnist`` in ``MINIGEN_DATA``, then the one in the cache folder.
    train : bool
        The training images, or the test images.
    transform : callable, optional
        Is given a Pillow image; see `ImageSet`.
    download : bool
        Fetch missing files, into ``root`` or the cache folder, and check them against their sha256; those in the cache
        folder are checked again, and fetched again where they are damaged.
    value_range : (float, float)
        Range of the image tensors when no transform is given.

    Attributes
    ----------
    data : uint8 array (N, 28, 28)
    targets : int64 array (N,)

    Raises
    ------
    FileNotFoundError
        If the files are not there and ``download`` is False, or no mirror has them.
    IdxError
        If a file is damaged.
    """

    folder: ClassVar[str] = "mnist"
    names: ClassVar[tuple[str, ...]] = tuple("0123456789")
    mirrors: ClassVar[tuple[str, ...]] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    sha256: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    }

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        download: bool = False,
        value_range: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        part = "train" if train else "t10k"
        image_file = self._find(root, f"{part}-images-idx3-ubyte.gz", download)
        label_file = self._find(root, f"{part}-labels-idx1-ubyte.gz", download)
        data, targets = read_idx(image_file, 3, MAX_BYTES), read_idx(label_file, 1, MAX_BYTES)
        if data.dtype != "uint8" or data.shape[1:] != (EDGE, EDGE):
            raise IdxError(f"{image_file}: holds {data.dtype} of shape {data.shape}, not bytes of (N, {EDGE}, {EDGE})")
        if targets.dtype != "uint8":
            raise IdxError(f"{label_file}: its labels are {targets.dtype}, not bytes")
        if len(data) != len(targets):
            raise IdxError(f"{image_file} holds {len(data)} images, but {label_file} {len(targets)} labels")
        if targets.size and not 0 <= targets.min() <= targets.max() < len(self.names):
            raise IdxError(f"{label_file}: a label lies outside 0..{len(self.names) - 1}")
        super().__init__(data, targets.astype("int64"), transform, value_range, classes=self.names)

    @classmethod
    def _find(cls, root: str | os.PathLike[str] | None, name: str, download: bool) -> Path:
        """Return where a file lies, zipped or not; fetch it where it is missing and that was asked for."""
        folders = data_folders(cls.__name__, root, cls.folder)
        ours = folders[0] if root is not None else folders[-1]
        for folder in folders:
            for path in (folder / name, folder / name.removesuffix(".gz")):
                if path.is_file() and not (download and root is None and folder == ours and cls._is_damaged(path)):
                    return path
        if download:
            return download_file(cls.__name__, name, cls.sha256[name], cls.mirrors, ours)
        looked = " and ".join(str(folder) for folder in folders)
        raise FileNotFoundError(
            f"{cls.__name__}: {name} was not found in {looked}. Say {cls.__name__}(download=True), "
            "or --download on the command line, to fetch it; or set MINIGEN_DATA to a folder that holds the "
            f"four files in {cls.folder}/"
        )

    @classmethod
    def where(cls) -> tuple[Path | None, bool]:
        """Return the folder in which all four files lie, None if there is none; and whether the set there is whole."""
        for folder in data_folders(cls.__name__, None, cls.folder):
            if all((folder / name).is_file() or (folder / name.removesuffix(".gz")).is_file() for name in cls.sha256):
                return folder, True
        return None, False

    @classmethod
    def _is_damaged(cls, path: Path) -> bool:
        """Say whether a file that was fetched is not, or no longer, the one that was published."""
        return path.name in cls.sha256 and sha256_of(path) != cls.sha256[path.name]


class FashionMNIST(MNIST):
    """70,000 pictures of clothes in ten classes, in the format of MNIST and harder than it.

    Parameters, attributes and errors are those of `MNIST`; the folder is called ``fashion-mnist``.
    """

    folder = "fashion-mnist"
    names = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip
    mirrors = (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    )
    sha256: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    }
