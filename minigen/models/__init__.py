"""The systems, by name.  Each file is one method, to be read from top to bottom."""

from __future__ import annotations

import difflib
import importlib.util
from pathlib import Path

from minigen.models.autoencoder import Autoencoder
from minigen.models.beta_vae import BetaVAE
from minigen.models.cdcgan import CDCGAN
from minigen.models.cgan import CGAN
from minigen.models.cnn import CNN
from minigen.models.cvae import CVAE
from minigen.models.dcgan import DCGAN
from minigen.models.denoising_autoencoder import DenoisingAutoencoder
from minigen.models.gan import GAN
from minigen.models.inpainting import Inpainting
from minigen.models.iwae import IWAE
from minigen.models.lenet import LeNet
from minigen.models.lsgan import LSGAN
from minigen.models.resnet20 import ResNet20
from minigen.models.sngan import SNGAN
from minigen.models.super_resolution import SuperResolution
from minigen.models.system import System
from minigen.models.vae import VAE
from minigen.models.wgan import WGAN
from minigen.models.wgan_gp import WGANGP

__all__ = [
    "CDCGAN",
    "CGAN",
    "CNN",
    "CVAE",
    "DCGAN",
    "GAN",
    "IWAE",
    "LSGAN",
    "SNGAN",
    "SYSTEMS",
    "VAE",
    "WGAN",
    "WGANGP",
    "Autoencoder",
    "BetaVAE",
    "DenoisingAutoencoder",
    "Inpainting",
    "LeNet",
    "ResNet20",
    "SuperResolution",
    "System",
    "find_system",
]

SYSTEMS: dict[str, type[System]] = {
    system.name: system
    for system in (
        LeNet,
        CNN,
        ResNet20,
        GAN,
        DCGAN,
        LSGAN,
        WGAN,
        WGANGP,
        SNGAN,
        CGAN,
        CDCGAN,
        Autoencoder,
        DenoisingAutoencoder,
        VAE,
        BetaVAE,
        CVAE,
        IWAE,
        SuperResolution,
        Inpainting,
    )
}


def find_system(name: str) -> type[System]:
    """Return the class of a system.

    Parameters
    ----------
    name : str
        One of `SYSTEMS`; or the path of a Python file that defines one subclass of `System`, which is imported.

    Raises
    ------
    ValueError
        If there is none of that name, and the message names the closest one; or if the file defines none, or several.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> find_system("dcgan").summary
    'convolutional GAN (Radford et al. 2016)'
    """
    if not isinstance(name, str):
        raise TypeError(f"find_system: a name is wanted, not {name!r} (systems: {', '.join(SYSTEMS)})")
    if name in SYSTEMS:
        return SYSTEMS[name]
    if name.endswith(".py"):
        return _system_in(Path(name))
    close = difflib.get_close_matches(name.lower(), SYSTEMS, n=1, cutoff=0.4)
    hint = f"did you mean {close[0]!r}?" if close else ""
    raise ValueError(" ".join(f"unknown system {name!r}; {hint} (systems: {', '.join(SYSTEMS)})".split()))


def _system_in(path: Path) -> type[System]:
    """Import a Python file, and return the system that it defines."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # of a file that ends in .py there always is one
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"{path}: this file cannot be imported: {type(error).__name__}: {error}") from error
    own = [value for value in vars(module).values() if _is_system_of(value, path.stem)]
    if len(own) != 1:
        found = ", ".join(kind.__name__ for kind in own) or "none"
        raise ValueError(f"{path}: a file with one subclass of minigen.models.System is wanted; here is {found}")
    own[0].source = str(path.resolve())
    return own[0]


def _is_system_of(value: object, module: str) -> bool:
    return isinstance(value, type) and issubclass(value, System) and value.__module__ == module
