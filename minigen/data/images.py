"""`ImageSet`: images of one size that lie in one array of bytes, and their labels.

The base of the built-in digits and of MNIST.  It knows how bytes become the numbers a network is fed with;
where the bytes come from is told in the data sets' own files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigen.creation import from_numpy
from minigen.data.collate import default_collate
from minigen.data.dataset import Dataset, take
from minigen.tensor import Tensor


class ImageSet(Dataset):
    """Labelled images held in memory as bytes.

    A sample is ``(image, label)``. Without a transform the image is a float32 Tensor (C, H, W) in
    ``value_range``; with one it is what the transform makes of the Pillow image, as in torchvision.

    Parameters
    ----------
    data : uint8 array (N, H, W) or (N, H, W, 3)
        Grey or colour images.
    targets : int64 array (N,)
        Labels.
    transform : callable, optional
        Is given a Pillow image; takes the place of ``value_range``.
    value_range : (float, float)
        What the bytes 0 and 255 become: (0, 1), or (-1, 1) for a generator that ends in tanh.
    classes : sequence of str
        The names of the labels 0, 1, ...

    Examples
    --------
    >>> digits = ImageSet(np.zeros((5, 28, 28), np.uint8), np.arange(5), value_range=(-1, 1))
    >>> image, label = digits[3]
    >>> image.shape, float(image.min()), label
    ((1, 28, 28), -1.0, 3)
    """

    def __init__(
        self,
        data: np.ndarray,
        targets: np.ndarray,
        transform: Callable[[Any], Any] | None = None,
        value_range: tuple[float, float] = (0.0, 1.0),
        classes: Sequence[str] = (),
    ) -> None:
        name = type(self).__name__
        if data.dtype != np.uint8 or data.ndim not in (3, 4) or (data.ndim == 4 and data.shape[3] != 3):
            raise ValueError(
                f"{name}: images must be uint8 of shape (N, H, W) or (N, H, W, 3), "
                f"not {data.dtype} of shape {data.shape}"
            )
        if targets.shape != data.shape[:1]:
            raise ValueError(f"{name}: {len(data)} images, but labels of shape {targets.shape}")
        self.data = data
        self.targets = targets
        self.transform = transform
        self.value_range = check_value_range(name, value_range)
        self.classes = list(classes)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape (C, H, W) of an image without a transform."""
        height, width = self.data.shape[1:3]
        return (self.data.shape[3] if self.data.ndim == 4 else 1), height, width

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"{type(self).__name__}: sample {index} of a data set of {len(self)} samples")
        label = int(self.targets[index])
        if self.transform is None:
            return bytes_to_tensor(self.data[index : index + 1 or None], self.value_range)[0], label
        from PIL import Image

        return self.transform(Image.fromarray(self.data[index])), label

    def get_batch(self, indices: np.ndarray) -> list[Tensor]:
        """Return images (N, C, H, W) and labels (N,) of ``indices`` (N,)."""
        indices = np.asarray(indices)
        if self.transform is not None:
            return default_collate(take(self, indices))
        return [bytes_to_tensor(self.data[indices], self.value_range), from_numpy(self.targets[indices])]


def bytes_to_tensor(images: np.ndarray, value_range: tuple[float, float] = (0.0, 1.0)) -> Tensor:
    """Turn images of bytes into a float32 tensor.

    Parameters
    ----------
    images : uint8 array (N, H, W) or (N, H, W, C)
        Grey images, or images of C channels.
    value_range : (float, float)
        What 0 and 255 become.

    Returns
    -------
    Tensor (N, C, H, W)
        The channels stay last in memory, the layout in which convolutions are fastest.
    """
    low, high = value_range
    byte = np.arange(256, dtype=np.float32) / np.float32(255)
    table = byte * np.float32(high - low) + np.float32(low)  # one value for each of the 256 bytes
    values = table[images if images.ndim == 4 else images[..., None]]  # (N, H, W) -> (N, H, W, 1)
    return from_numpy(values.transpose(0, 3, 1, 2))  # (N, H, W, C) -> (N, C, H, W)


def check_value_range(name: str, value_range: Sequence[float]) -> tuple[float, float]:
    """Check that a range is a pair of numbers, the lower one first."""
    low, high = (float(value) for value in value_range) if len(value_range) == 2 else (0.0, 0.0)
    if not low < high:
        raise ValueError(f"{name}: value_range is {value_range!r}; it must be (low, high), for instance (-1, 1)")
    return low, high
