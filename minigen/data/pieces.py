"""Pictures of a folder as they are: random pieces of them to learn from, whole ones to be tested on.

For networks that look at details, such as those that enlarge images: scaling a photograph down, as `ImageFolder` does,
would take away what they are to learn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from minigen.data.folder import PictureFolder
from minigen.data.images import bytes_to_tensor, check_value_range
from minigen.data.pictures import read_image
from minigen.data.transforms import RandomCrop

PIECES = 50  # of each picture in an epoch: about as many of 48 x 48 pixels cover a photograph of 480 x 320
KEPT_BYTES = 2**28  # decoded pictures that are kept in memory; reading a PNG takes longer than learning from a piece


class WholePictures(PictureFolder):
    """The pictures of a folder at their own sizes, which may differ: batches are of one picture.

    Parameters and errors are those of `ImageFolder`, without a size and a transform.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> folder = tempfile.mkdtemp()
    >>> Image.new("RGB", (30, 20)).save(f"{folder}/one.png")
    >>> WholePictures(folder)[0][0].shape
    (3, 20, 30)
    """

    def __init__(
        self,
        root: str | Path,
        channels: int = 3,
        value_range: tuple[float, float] = (0.0, 1.0),
        on_bad_image: str = "error",
        n: int | None = None,
    ) -> None:
        self.value_range = check_value_range("WholePictures", value_range)
        self._look(root, 0, channels, on_bad_image, n)
        self.channels = channels

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = np.asarray(read_image(self.paths[index], self.channels))
        return bytes_to_tensor(image[None], self.value_range)[0], int(self.targets[index])


class RandomPieces(PictureFolder):
    """Square pieces of the pictures of a folder, cut out at random places; `PIECES` of each picture are an epoch.

    The place depends on the loader's seed, the epoch and the index alone (`sample_generator`).

    Parameters
    ----------
    root : str or path
        See `ImageFolder`, as for ``channels``, ``value_range``, ``on_bad_image`` and ``n``.
    size : int
        Edge of a piece in pixels.

    Raises
    ------
    ValueError
        When a picture is met that is smaller than a piece; it is named.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> folder = tempfile.mkdtemp()
    >>> Image.new("RGB", (30, 20)).save(f"{folder}/one.png")
    >>> pieces = RandomPieces(folder, 16)
    >>> len(pieces), pieces[49][0].shape
    (50, (3, 16, 16))
    """

    def __init__(
        self,
        root: str | Path,
        size: int,
        channels: int = 3,
        value_range: tuple[float, float] = (0.0, 1.0),
        on_bad_image: str = "error",
        n: int | None = None,
    ) -> None:
        self.value_range = check_value_range("RandomPieces", value_range)
        self._look(root, 0, channels, on_bad_image, n)
        self.image_shape = (channels, size, size)
        self.crop = RandomCrop(size)
        self.kept: dict[int, np.ndarray] = {}
        self.kept_bytes = 0

    def __len__(self) -> int:
        return PIECES * len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        index = range(len(self))[index] % len(self.paths)  # -1 is the last one
        picture, size = self.picture(index), self.image_shape[1]
        if min(picture.shape[:2]) < size:
            raise ValueError(
                f"RandomPieces: {self.paths[index]} has {picture.shape[0]} x {picture.shape[1]} pixels, too few for a "
                f"piece of {size} x {size}; take smaller pieces (--image-size), or remove the picture"
            )
        return bytes_to_tensor(self.crop(picture)[None], self.value_range)[0], int(self.targets[index])

    def picture(self, index: int) -> np.ndarray:
        """Return a decoded picture (H, W) or (H, W, 3); the first ones met are kept."""
        picture = self.kept.get(index)
        if picture is None:
            picture = np.asarray(read_image(self.paths[index], self.image_shape[0]))
            if self.kept_bytes + picture.nbytes <= KEPT_BYTES:
                self.kept[index] = picture
                self.kept_bytes += picture.nbytes
        return picture
