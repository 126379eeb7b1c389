"""Data: data sets, the loader that batches them, and transforms; PyTorch's ``torch.utils.data`` and more.

What stands where: `dataset.py`, `collate.py` and `loader.py` are the machinery, `sampling.py` its random
numbers, `transforms.py` what is done to an image; then a file for each data set, and `registry.py`, which
finds them by name.
"""

from minigen.data.archives import ArchiveError, unpack
from minigen.data.cifar10 import CIFAR10, CifarError
from minigen.data.collate import default_collate
from minigen.data.dataset import Dataset, Subset, TensorDataset, random_split
from minigen.data.download import DownloadError
from minigen.data.folder import ImageFolder, PictureFolder, PictureWarning
from minigen.data.glyphs import Glyphs
from minigen.data.idx import IdxError, read_idx
from minigen.data.images import ImageSet
from minigen.data.loader import DataLoader
from minigen.data.mnist import MNIST, FashionMNIST
from minigen.data.pictures import PictureError
from minigen.data.pieces import RandomPieces, WholePictures
from minigen.data.registry import NAMES, load
from minigen.data.sampling import sample_generator
from minigen.data.shapes import Shapes
from minigen.data.toy2d import Toy2D
from minigen.files import WriteError, atomic_write, cache_folder

__all__ = [
    "CIFAR10",
    "MNIST",
    "NAMES",
    "ArchiveError",
    "CifarError",
    "DataLoader",
    "Dataset",
    "DownloadError",
    "FashionMNIST",
    "Glyphs",
    "IdxError",
    "ImageFolder",
    "ImageSet",
    "PictureError",
    "PictureFolder",
    "PictureWarning",
    "RandomPieces",
    "Shapes",
    "Subset",
    "TensorDataset",
    "Toy2D",
    "WholePictures",
    "WriteError",
    "atomic_write",
    "cache_folder",
    "default_collate",
    "load",
    "random_split",
    "read_idx",
    "sample_generator",
    "unpack",
]
