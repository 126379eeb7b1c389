"""The systems, by name.  Each file is one method, to be read from top to bottom."""

from __future__ import annotations

import difflib

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
    """Return the class of one of minigen's systems.

    Parameters
    ----------
    name : str
        One of `SYSTEMS`.  The path of a Python file is refused: nothing is imported because of a name.

    Raises
    ------
    ValueError
        If there is none of that name; the message names the closest one.

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
        raise ValueError(
            f"{name} is a program, and no program is run because a file names it; if you trust it, name it yourself: "
            f"--system {name} on the command line, or the class as kind=... in Python"
        )
    close = difflib.get_close_matches(name.lower(), SYSTEMS, n=1, cutoff=0.4)
    hint = f"did you mean {close[0]!r}?" if close else ""
    raise ValueError(" ".join(f"unknown system {name[:80]!r}; {hint} (systems: {', '.join(SYSTEMS)})".split()))
