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
from minigen.data import DataLoader, ImageFolder, atomic_write
from minigen.models import System, find_system
from minigen.models.system import check_images, check_options

CONFIG_FILE = "config.toml"
CAN_BE_NONE = ("image_size", "channels", "images", "epochs", "steps")  # TOML has no None: then they are left out
EVALUATION_BATCH = 250  # images; it changes no figure, only the memory that is needed


@dataclass
class Config:
    """A run, as it was asked for.

    Attributes
    ----------
    system, data : str
        A system's name; a data set's name, or a folder of images.
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
    data: str = "glyphs"
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
        None for a folder of images, which has no test part.

    Raises
    ------
    ValueError, OSError, RuntimeError
        If a name is unknown, a file unreadable, a size impossible or a device not there.
    """
    kind = find_system(config.system)
    find_device(config.device)
    options = kind.Options(**config.options)
    check_options(kind.name, options)
    check_images(kind, config.image_size or kind.image_sizes[0], config.channels or 1)
    train_set = load_images(config, kind, train=True)
    channels, image_size, _ = train_set.image_shape
    minigen.manual_seed(config.seed)
    system = kind(options, image_size=image_size, channels=channels, classes=max(2, len(train_set.classes)))
    system.to(config.device)
    loader = DataLoader(
        train_set,
        batch_size=min(options.batch_size, len(train_set)),
        shuffle=True,
        num_workers=config.workers,
        drop_last=True,  # batch norm should not meet a last batch of three images
        seed=config.seed,
    )
    if isinstance(train_set, ImageFolder):
        return system, loader, None
    return system, loader, DataLoader(load_images(config, kind, train=False), batch_size=EVALUATION_BATCH)


def load_images(config: Config, kind: type[System], train: bool) -> Any:
    """Load one part of the data at the size and in the range that the system wants."""

    def load(image_size: int | None) -> Any:
        return data.load(
            config.data,
            image_size=image_size,
            channels=config.channels,
            train=train,
            n=config.images,
            value_range=kind.value_range,
            download=config.download,
        )

    images = load(config.image_size)
    if not hasattr(images, "image_shape"):
        raise ValueError(f"{kind.name} learns from images, but {config.data} is made of points")
    if config.image_size is None and images.image_shape[1] not in kind.image_sizes:
        images = load(kind.image_sizes[0])
    return images


def write_config(folder: str | Path, config: Config) -> None:
    """Write ``config.toml`` into a run's folder, which is made where it is missing."""
    if config.data not in data.NAMES:
        config = dataclasses.replace(config, data=os.path.abspath(config.data))  # resuming may start elsewhere
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
