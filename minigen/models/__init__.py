"""The systems, by name.  Each file is one method, to be read from top to bottom; none needs another."""

from __future__ import annotations

import difflib

from minigen.models.cnn import CNN
from minigen.models.dcgan import DCGAN
from minigen.models.system import System
from minigen.models.vae import VAE

__all__ = ["CNN", "DCGAN", "SYSTEMS", "VAE", "System", "find_system"]

SYSTEMS: dict[str, type[System]] = {system.name: system for system in (CNN, DCGAN, VAE)}


def find_system(name: str) -> type[System]:
    """Return the class of a system.

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
    close = difflib.get_close_matches(name.lower(), SYSTEMS, n=1, cutoff=0.4)
    hint = f"did you mean {close[0]!r}?" if close else ""
    raise ValueError(" ".join(f"unknown system {name!r}; {hint} (systems: {', '.join(SYSTEMS)})".split()))
