"""`ImageFolder`: your own pictures, from a folder, all brought to one size.

Pictures may lie in the folder itself (then their label is 0) or in a sub-folder for each class.  They are
decoded when they are asked for, so that a folder may be larger than the memory; let threads do it ahead of
time (``DataLoader(..., num_workers=2)``).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from minigen.data.dataset import Dataset
from minigen.data.images import bytes_to_tensor, check_value_range
from minigen.data.transforms import CenterCrop, Compose, Resize

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")


class ImageFolder(Dataset):
    """The pictures of a folder; a sample is ``(image, label)``.

    A picture is turned upright, made grey or RGB, scaled until its shorter edge is ``image_size``, and its
    middle is cut out.

    Parameters
    ----------
    root : str or path
        A folder of pictures, or of sub-folders of pictures: one a class, numbered in alphabetical order.
    image_size : int
        Edge of an image in pixels.
    channels : 3 or 1
        Colour or grey.
    transform : callable, optional
        Is given the Pillow image, scaled and cut; see `ImageSet`.
    value_range : (float, float)
        Range of the image tensors when no transform is given.

    Attributes
    ----------
    paths : list of Path
    targets : int64 array (N,)
    classes : list of str

    Raises
    ------
    NotADirectoryError, FileNotFoundError, PermissionError
        If the folder is none, is missing, or cannot be read.
    ValueError
        If it holds no picture; later, when a broken picture is met, which is then named.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        image_size: int = 64,
        channels: int = 3,
        transform: Callable[[Any], Any] | None = None,
        value_range: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        if channels not in (1, 3):
            raise ValueError(f"ImageFolder: channels is {channels!r}; it must be 1 (grey) or 3 (colour)")
        self.root = Path(root)
        self._fit = Compose([Resize(image_size), CenterCrop(image_size)])
        self.image_shape = (channels, image_size, image_size)
        self.transform = transform
        self.value_range = check_value_range("ImageFolder", value_range)
        folders = sorted(path for path in _list(self.root) if path.is_dir() and not path.name.startswith("."))
        found = [(path, 0) for path in _pictures(self.root)]
        if not found:
            self.classes = [folder.name for folder in folders]
            found = [(path, label) for label, folder in enumerate(folders) for path in _pictures(folder)]
        else:
            self.classes = [self.root.name]
        if not found:
            raise ValueError(
                f"ImageFolder: no picture in {self.root} or its sub-folders; pictures end in {', '.join(EXTENSIONS)}"
            )
        self.paths = [path for path, _ in found]
        self.targets = np.array([label for _, label in found], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = self._fit(read_image(self.paths[index], self.image_shape[0]))
        label = int(self.targets[index])
        if self.transform is not None:
            return self.transform(image), label
        return bytes_to_tensor(np.asarray(image)[None], self.value_range)[0], label


def read_image(path: str | os.PathLike[str], channels: int = 3) -> Any:
    """Read a picture as a Pillow image, upright, grey or RGB.

    Raises
    ------
    ValueError
        If the file is broken, no picture, too large to be harmless, or of more than 8 bits a channel.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            pixels, limit = image.width * image.height, Image.MAX_IMAGE_PIXELS
            if limit is not None and pixels > limit:  # Pillow only warns before twice as many
                raise ValueError(f"it has {pixels:,} pixels, the limit is {limit:,}")
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith(("I", "F")):
                raise ValueError("it has more than 8 bits a channel; save it with 8")
            return upright.convert("L" if channels == 1 else "RGB")
    except (OSError, SyntaxError, ValueError, Warning, Image.DecompressionBombError) as error:
        raise ValueError(f"cannot read the picture {path}: {error}; repair or remove it") from error


def _list(folder: Path) -> list[Path]:
    """List a folder, or say in one line why that is impossible."""
    try:
        return list(folder.iterdir())
    except NotADirectoryError:
        raise NotADirectoryError(f"ImageFolder: {folder} is a file; give the folder that holds it") from None
    except FileNotFoundError:
        raise FileNotFoundError(f"ImageFolder: there is no folder {folder}") from None
    except PermissionError:
        raise PermissionError(f"ImageFolder: no permission to read the folder {folder}") from None


def _pictures(folder: Path) -> list[Path]:
    """Return the pictures in a folder, by name."""
    return sorted(path for path in _list(folder) if path.suffix.lower() in EXTENSIONS and path.is_file())
