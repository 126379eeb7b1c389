"""`ImageFolder`: your own pictures, from a folder, all brought to one size.

Pictures may lie in the folder itself (then they are one class) or in a sub-folder for each class.  They are decoded
once, before anything is learned from them, into a file of the cache that is mapped into memory: so a broken picture is
known at the beginning, an epoch costs no decoding, and a folder may be larger than the memory.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from minigen.data.dataset import Dataset
from minigen.data.find import Listing, find_pictures, said
from minigen.data.images import ImageSet, check_value_range
from minigen.data.pictures import PictureError
from minigen.data.prepared import Prepared, prepare
from minigen.files import as_path, shown
from minigen.tensor import Tensor

FOLDER_SIZE = 64  # pixels, where nobody asks for another size
LARGEST_EDGE = 4096  # pixels: 50 MB an image
ON_BAD_IMAGE = ("error", "skip")
NAMED = 5  # broken pictures that a message names; the others it counts


class PictureWarning(UserWarning):
    """Pictures were left out; the message names them."""


class PictureFolder(Dataset):
    """What all sets of pictures from a folder have in common: which pictures they are, and which were left out.

    Attributes
    ----------
    root : Path
    paths : list of Path
    targets : int64 array (N,)
    classes : list of str
    skipped : Counter
        How many entries of the folder were left out, by their kind.
    bad : dict of Path to str
        The pictures that were left out because they cannot be read, and why.
    """

    root: Path
    paths: list[Path]
    targets: np.ndarray
    classes: list[str]
    skipped: Counter[str]
    bad: dict[Path, str]

    def _look(
        self, root: str | os.PathLike[str], size: int, channels: int, on_bad_image: str, n: int | None
    ) -> Prepared:
        """Find the pictures, look at each of them, and leave out or refuse those that cannot be read."""
        owner = type(self).__name__
        root = as_path(owner, "root", root, "folder")
        if channels not in (1, 3):
            raise ValueError(f"{owner}: channels is {channels!r}; it must be 1 (grey) or 3 (colour)")
        if on_bad_image not in ON_BAD_IMAGE:
            raise ValueError(f"{owner}: on_bad_image is {on_bad_image!r}; it must be one of {', '.join(ON_BAD_IMAGE)}")
        listing = find_pictures(owner, root).first(n)
        prepared = prepare(listing.files, size, channels)
        self.root, self.skipped = listing.root, listing.skipped
        self.bad = {Path(listing.files[i].path): reason for i, reason in prepared.bad.items()}
        if self.bad:
            listing = self._without_bad(owner, listing, prepared.bad, on_bad_image)
        self.paths = [Path(found.path) for found in listing.files]
        self.targets, self.classes = listing.targets, listing.classes
        return prepared

    def _without_bad(self, owner: str, listing: Listing, bad: dict[int, str], on_bad_image: str) -> Listing:
        """Return the listing of the good pictures, or refuse the whole.

        Raises
        ------
        PictureError
            If no broken picture may be there, or there is nothing else.
        """
        broken = list(self.bad.items())
        named = "; ".join(f"{shown(os.path.relpath(path, self.root))}: {why}" for path, why in broken[1:NAMED])
        more = f"; and {len(broken) - NAMED:,} more" if len(broken) > NAMED else ""
        others = f" ({len(broken) - 1:,} others cannot be read either: {named}{more})" if named else ""
        if on_bad_image == "error" or len(broken) == len(listing.files):
            skip = '; or leave such pictures out: on_bad_image="skip" (--on-bad-image skip)'
            remedy = skip if on_bad_image == "error" else ""
            raise PictureError(broken[0][0], f"{broken[0][1]}{others}", remedy)
        warnings.warn(
            f"{owner}: {len(broken):,} of {len(listing.files):,} pictures cannot be read and are left out: "
            f"{shown(os.path.relpath(broken[0][0], self.root))}: {broken[0][1]}{'; ' if named else ''}{named}{more}",
            PictureWarning,
            stacklevel=4,
        )
        good = listing.only(np.setdiff1d(np.arange(len(listing.files)), list(bad)))
        lost = np.setdiff1d(listing.targets, good.targets)  # a class all of whose pictures are broken is none
        kept = np.setdiff1d(np.arange(len(listing.classes)), lost)
        good.classes = [listing.classes[label] for label in kept]
        good.targets = np.asarray(np.searchsorted(kept, good.targets))
        return good

    def __repr__(self) -> str:
        left_out = f"; left out: {said(self.skipped)}" if self.skipped else ""
        broken = f"; {len(self.bad):,} that cannot be read" if self.bad else ""
        classes = f" in {len(self.classes)} classes" if len(self.classes) > 1 else ""
        count = f"{len(self.paths):,} picture{'s' if len(self.paths) != 1 else ''}"
        return f"{type(self).__name__}: {count}{classes}{left_out}{broken}"


class ImageFolder(PictureFolder, ImageSet):
    """The pictures of a folder; a sample is ``(image, label)``.

    A picture is turned upright, made grey or RGB with 8 bits a channel (what is transparent becomes white), scaled
    until its shorter edge is ``image_size``, and its middle is cut out.  Hidden files and those whose names are not
    those of pictures are left out and counted.

    Parameters
    ----------
    root : str or path
        A folder of pictures, or of sub-folders: one a class, numbered in alphabetical order; all that lies in a
        sub-folder, however deep, belongs to its class.
    image_size : int
        Edge of an image in pixels.
    channels : 3 or 1
        Colour or grey.
    transform : callable, optional
        Is given the Pillow image, scaled and cut; see `ImageSet`.
    value_range : (float, float)
        Range of the image tensors when no transform is given.
    on_bad_image : "error" or "skip"
        What becomes of a file that should be a picture and cannot be read: all such are named, or left out and named by
        a `PictureWarning`.
    n : int, optional
        Take only so many pictures: the first of every class, then the second of every class, and so on.

    Attributes
    ----------
    data : uint8 array (N, H, W) or (N, H, W, 3), mapped from the file in the cache, not writeable
    paths, targets, classes, skipped, bad
        See `PictureFolder`.

    Raises
    ------
    NotADirectoryError, FileNotFoundError, PermissionError
        If the folder is none, is missing, or cannot be read.
    PictureError
        If a picture cannot be read, and it is not to be skipped; or if none can.
    ValueError
        If there is no picture, or an option is wrong.
    WriteError
        If the cache folder has no room for the pictures.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("cats", "dogs"):
    ...     (folder / name).mkdir()
    ...     Image.new("CMYK", (30, 20)).save(folder / name / "one.jpg")
    >>> pictures = ImageFolder(folder, image_size=16)
    >>> pictures
    ImageFolder: 2 pictures in 2 classes
    >>> pictures[1][0].shape, pictures[1][1]
    ((3, 16, 16), 1)
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        image_size: int = FOLDER_SIZE,
        channels: int = 3,
        transform: Callable[[Any], Any] | None = None,
        value_range: tuple[float, float] = (0.0, 1.0),
        on_bad_image: str = "error",
        n: int | None = None,
    ) -> None:
        if isinstance(image_size, bool) or not isinstance(image_size, int) or not 1 <= image_size <= LARGEST_EDGE:
            raise ValueError(f"ImageFolder: image_size is {image_size!r}; it must be 1 to {LARGEST_EDGE} pixels")
        check_value_range("ImageFolder", value_range)  # before the work begins
        self._prepared = self._look(root, image_size, channels, on_bad_image, n)
        ImageSet.__init__(self, self._prepared.data, self.targets, transform, value_range, self.classes)

    def get_batch(self, indices: np.ndarray) -> list[Tensor]:
        """Return images (N, C, H, W) and labels (N,) of ``indices`` (N,)."""
        batch = super().get_batch(indices)
        self._prepared.give_back(len(indices))
        return batch

    def __getitem__(self, index: int) -> tuple[Any, int]:
        sample = super().__getitem__(index)
        self._prepared.give_back(1)
        return sample
