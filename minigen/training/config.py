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
from minigen.data import DataLoader, PictureFolder, RandomPieces, WholePictures, atomic_write
from minigen.data.folder import FOLDER_SIZE, ON_BAD_IMAGE
from minigen.files import as_path
from minigen.models import System, find_system
from minigen.models.arguments import check_shape, check_type, short
from minigen.modes import allowing
from minigen.training.checkpoint import KEEP
from minigen.training.environment import machine_memory
from minigen.training.options import closest, make_options, same_system
from minigen.training.state import SPARE

CONFIG_FILE = "config.toml"
# TOML has no None: then they are left out.
CAN_BE_NONE = ("data", "test_data", "image_size", "channels", "images", "epochs", "steps")
ON_NAN = ("stop", "skip")
MOST_WORKERS = 256
MOST_PARTS = 1000  # of an option that is a list
MOST_BYTES = 2**16  # of a configuration: thirty times the longest
FLOAT32 = 4  # bytes
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
    on_bad_image : str
        ``"error"`` or ``"skip"``: what becomes of a picture of a folder that cannot be read.
    seed : int
        Of weights, order, noise: all that is random.
    device : str
        ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
    workers : int
        Threads that prepare batches.
    epochs, steps : float and int, optional
        Where the run ends: at whichever is reached first.
    log_every, sample_every, checkpoint_every, evaluate_every, keep : int
        See `Trainer`.
    on_nan : str
        ``"stop"`` or ``"skip"``; see `Trainer`.
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
    on_bad_image: str = "error"
    seed: int = 0
    device: str = "cpu"
    workers: int = 2
    epochs: float | None = 10.0
    steps: int | None = None
    log_every: int = 10
    sample_every: int = 100
    checkpoint_every: int = 500
    evaluate_every: int = 1
    keep: int = KEEP
    on_nan: str = "stop"
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Range:
    """What a number or a word of a configuration may be."""

    kind: type
    least: float = 0
    most: float = 2**53
    words: tuple[str, ...] = ()


FIELDS = {
    "system": Range(str),
    "data": Range(str),
    "test_data": Range(str),
    "image_size": Range(int, 1, 2**16),
    "channels": Range(int, 1, 3),
    "images": Range(int, 1),
    "download": Range(bool),
    "on_bad_image": Range(str, words=ON_BAD_IMAGE),
    "seed": Range(int, 0, 2**63 - 1),  # what TOML holds
    "device": Range(str),
    "workers": Range(int, 0, MOST_WORKERS),
    "epochs": Range(float, 1e-300),
    "steps": Range(int, 1),
    "log_every": Range(int, 1),
    "sample_every": Range(int, 1),
    "checkpoint_every": Range(int, 1),
    "evaluate_every": Range(int, 0),
    "keep": Range(int, 1, 10_000),
    "on_nan": Range(str, words=ON_NAN),
    "options": Range(dict),
}


def check_config(config: Config) -> None:
    """Refuse values of a wrong type or out of range.

    Raises
    ------
    ValueError
        Naming the entry, its value and what it may be.
    """
    for name, allowed in FIELDS.items():
        value = getattr(config, name)
        if value is None and name in CAN_BE_NONE:
            continue
        check_type(name, value, allowed.kind)
        if allowed.words and value not in allowed.words:
            raise ValueError(f"{name} must be one of {', '.join(allowed.words)}, not {short(value)}")
        if allowed.kind in (int, float) and not allowed.least <= value <= allowed.most:
            raise ValueError(f"{name} must be from {allowed.least} to {allowed.most}, not {short(value)}")
    for name, value in config.options.items():
        parts = value if isinstance(value, (list, tuple)) else [value]
        if len(parts) > MOST_PARTS or not all(isinstance(part, (bool, int, float, str)) for part in parts):
            raise ValueError(
                f"option {short(name)} must be a number, a text, true, false or a list, not {short(value)}"
            )


def build(
    config: Config, kind: type[System] | None = None, like: Path | None = None
) -> tuple[System, DataLoader, DataLoader | None]:
    """Seed the random source, and make system, training and test data.

    Parameters
    ----------
    config : Config
        What was asked for.
    kind : type, optional
        The class of a system of your own.  A configuration names it, but nothing is imported because of that.
    like : Path, optional
        A checkpoint of the run, which the system is not to outgrow; by default the machine's memory is the limit.

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
    check_config(config)
    if kind is not None and not same_system(config.system, kind.source or kind.name):
        raise ValueError(f"the run's system is {short(config.system)}, not {kind.source or kind.name}; leave that out")
    kind = kind or find_system(config.system)
    find_device(config.device)
    options = make_options(kind, config.options)
    size = config.image_size or kind.image_sizes[0]
    check_shape(kind, (config.channels or 1, size, size))
    train_set = load_samples(config, kind, train=True)
    minigen.manual_seed(config.seed)
    with allowing(SPARE + like.stat().st_size if like else machine_memory() // FLOAT32):
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
    if isinstance(train_set, PictureFolder) and config.test_data is None:
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
            on_bad_image=config.on_bad_image,
        )

    size = config.image_size
    if size is None and name not in data.NAMES and FOLDER_SIZE not in kind.image_sizes:
        size = kind.image_sizes[0]  # a folder's pictures have no size of their own, and bringing them to one takes time
    samples = load(size)
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
        samples = RandomPieces(name, size, channels, kind.value_range, config.on_bad_image, config.images)
    else:
        samples = WholePictures(name, channels, kind.value_range, config.on_bad_image, config.images)
    return samples


def write_config(folder: str | Path, config: Config) -> None:
    """Write ``config.toml`` into a run's folder, which is made where it is missing."""
    for name in ("data", "test_data"):
        place = getattr(config, name)
        if place is not None and place not in data.NAMES:
            config = dataclasses.replace(config, **{name: os.path.abspath(place)})  # resuming may start elsewhere
    values = {name: value for name, value in dataclasses.asdict(config).items() if value is not None}
    with atomic_write(as_path("write_config", "folder", folder, "folder") / CONFIG_FILE, "w") as file:
        file.write(f"# What `minigen train` was asked for; made by minigen {minigen.__version__}.\n")
        file.write(tomli_w.dumps(values))


def read_config(folder: str | Path) -> Config:
    """Read the ``config.toml`` of a run, whose folder is given, or any such file.  Nothing is imported or built.

    Raises
    ------
    FileNotFoundError
        If the folder holds no run.
    ValueError
        If the file is no configuration of minigen's.
    """
    path = as_path("read_config", "folder", folder, "folder")
    path = path / CONFIG_FILE if path.is_dir() or path.suffix != ".toml" else path
    if not path.is_file():
        what = "there is no such file" if path == Path(folder) else f"there is no run in this folder (no {CONFIG_FILE})"
        raise FileNotFoundError(f"{folder}: {what}")
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path}: this is no configuration of a run: it has more than {MOST_BYTES} bytes")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        names = [one.name for one in dataclasses.fields(Config)]
        for name in values:
            if name not in names:
                raise ValueError(f"{short(name)} is unknown{closest(name, names)}")
        if "system" not in values:
            raise ValueError("it names no system")
        settings: dict[str, Any] = {**dict.fromkeys(CAN_BE_NONE), **values}
        config = Config(**settings)
        check_config(config)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: this is no configuration of a run: {str(error)[:300]}") from None
    return config
