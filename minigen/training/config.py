"""What a run was asked to be: one dataclass, kept in the run's folder as ``config.toml``.

From it alone, `build` makes the same system and the same data again; together with a checkpoint that is all
that resuming needs.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

import minigen
from minigen import data
from minigen.backend import find_device
from minigen.data import DataLoader, ImageFolder, RandomPieces, WholePictures, atomic_write
from minigen.models import System, find_system
from minigen.models.system import check_options, check_shape

CONFIG_FILE = "config.toml"
# TOML has no None: then they are left out.
CAN_BE_NONE = ("data", "test_data", "image_size", "channels", "images", "epochs", "steps")
EVALUATION_BATCH = 250  # images; it changes no figure, only the memory that is needed


@dataclass
class Config:
    """A run, as it was asked for.

    Attributes
    ----------
    system : str
        A system's name, or a Python file that defines one.
    data : str, optional
        A data set's name, or a folder of images; None: what the system names.
    test_data : str, optional
        The same, to evaluate on; None: the test part of ``data``, which a folder does not have.
    image_size, channels : int, optional
        None: those of the data, where the system can be built for them.
    images : int, optional
        Take only so many training images (and at most as many for testing); None: all.
    download : bool
        Whether data that is not on this machine may be fetched.
    seed : int
        Of weights, order, noise: all that is random.
    device : str
        ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
    workers : int
        Threads that prepare batches.
    epochs, steps : float and int, optional
        Where the run ends: at whichever is reached first.
    log_every, sample_every, checkpoint_every, evaluate_every : int
        See `Trainer`.
    options : dict
        The fields of the system's ``Options``.
    """

    system: str = "dcgan"
    data: str | None = None
    test_data: str | None = None
    image_size: int | None = None
    channels: int | None = None
    images: int | None = None
    download: bool = False
    seed: int = 0
    device: str = "cpu"
    workers: int = 2
    epochs: float | None = 10.0
    steps: int | None = None
    log_every: int = 10
    sample_every: int = 100
    checkpoint_every: int = 500
    evaluate_every: int = 1
    options: dict[str, Any] = field(default_factory=dict)


def build(config: Config) -> tuple[System, DataLoader, DataLoader | None]:
    """Seed the random source, and make system, training and test data.

    Returns
    -------
    system : System
    loader : DataLoader
        The training set, shuffled.
    test_loader : DataLoader or None
        None for a folder of images, which has no test part, unless ``test_data`` is given.

    Raises
    ------
    ValueError, OSError, RuntimeError
        If a name is unknown, a file unreadable, a size impossible or a device not there.
    """
    kind = find_system(config.system)
    find_device(config.device)
    options = kind.Options(**config.options)
    check_options(kind.name, options)
    size = config.image_size or kind.image_sizes[0]
    check_shape(kind, (config.channels or 1, size, size))
    train_set = load_samples(config, kind, train=True)
    minigen.manual_seed(config.seed)
    system = kind(options, shape=sample_shape(train_set), classes=max(2, len(train_set.classes)))
    system.to(config.device)
    loader = DataLoader(
        train_set,
        batch_size=min(options.batch_size, len(train_set)),
        shuffle=True,
        num_workers=config.workers,
        drop_last=True,  # batch norm should not meet a last batch of three images
        seed=config.seed,
    )
    if isinstance(train_set, ImageFolder) and config.test_data is None:
        return system, loader, None
    test_set = load_samples(config, kind, train=False, shape=sample_shape(train_set))
    return system, loader, evaluation_loader(test_set)


def evaluation_loader(samples: Any) -> DataLoader:
    """Return the loader for `System.evaluate`: large batches, or whole pictures one by one, as their sizes differ."""
    return DataLoader(samples, batch_size=1 if isinstance(samples, WholePictures) else EVALUATION_BATCH)


def sample_shape(samples: Any) -> tuple[int, ...]:
    """Return the shape of one sample of a data set: (C, H, W), or (2,) for points in the plane."""
    return getattr(samples, "image_shape", (2,))


def load_samples(config: Config, kind: type[System], train: bool, shape: tuple[int, ...] | None = None) -> Any:
    """Load one part of the data, images at the size and in the range that the system wants.

    Parameters
    ----------
    train : bool
        What to learn from, or what to evaluate on.
    shape : tuple of int, optional
        That of the samples that the system was built for, which these must have, too.

    Raises
    ------
    ValueError
        If the samples cannot have that shape: points in the place of images.
    """
    name = (None if train else config.test_data) or config.data or kind.data
    if shape is not None and len(shape) == 3:
        config = dataclasses.replace(config, channels=shape[0], image_size=shape[1])
    if kind.crops and name not in data.NAMES:
        return load_pieces(name, config, kind, train)

    def load(image_size: int | None) -> Any:
        return data.load(
            name,
            image_size=image_size,
            channels=config.channels,
            train=train,
            n=config.images,
            value_range=kind.value_range,
            download=config.download,
        )

    samples = load(config.image_size)
    found = sample_shape(samples)
    if config.image_size is None and len(found) == 3 and found[1] not in kind.image_sizes:
        samples = load(kind.image_sizes[0])
    if shape is not None and sample_shape(samples) != shape:
        raise ValueError(
            f"{name}: its samples are {sample_shape(samples)}, but {kind.name} was built for {shape}; take others"
        )
    return samples


def load_pieces(name: str, config: Config, kind: type[System], train: bool) -> RandomPieces | WholePictures:
    """Load the pictures of a folder for a system that ``crops``: pieces of them to learn from, else whole ones."""
    channels, size = config.channels or 3, config.image_size or kind.image_sizes[0]
    samples: RandomPieces | WholePictures
    if train:
        samples = RandomPieces(name, size, channels, kind.value_range)
    else:
        samples = WholePictures(name, channels, kind.value_range)
    samples.paths = samples.paths[: config.images]
    return samples


def write_config(folder: str | Path, config: Config) -> None:
    """Write ``config.toml`` into a run's folder, which is made where it is missing."""
    for name in ("data", "test_data"):
        place = getattr(config, name)
        if place is not None and place not in data.NAMES:
            config = dataclasses.replace(config, **{name: os.path.abspath(place)})  # resuming may start elsewhere
    values = {name: value for name, value in dataclasses.asdict(config).items() if value is not None}
    with atomic_write(Path(folder) / CONFIG_FILE, "w") as file:
        file.write(f"# What `minigen train` was asked for; made by minigen {minigen.__version__}.\n")
        file.write(tomli_w.dumps(values))


def read_config(folder: str | Path) -> Config:
    """Read the ``config.toml`` of a run.

    Raises
    ------
    FileNotFoundError
        If the folder holds no run.
    ValueError
        If the file is no configuration of minigen's.
    """
    path = Path(folder) / CONFIG_FILE
    if not path.is_file():
        raise FileNotFoundError(f"{folder}: there is no run in this folder (it has no {CONFIG_FILE})")
    values: dict[str, Any] = dict.fromkeys(CAN_BE_NONE)
    try:
        return Config(**values | tomllib.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: this is no configuration of a run: {error}") from None
