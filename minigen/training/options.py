"""Options from a file: checked by name, type and range before anything is made of them."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from minigen.models import System
from minigen.models.arguments import check_options, short


def make_options(kind: type[System], values: Mapping[str, Any]) -> Any:
    """Return the ``Options`` of a system from what a file says; what it does not say has its default.

    Parameters
    ----------
    kind : type
        The system.
    values : mapping of str to bool, int, float or str
        From a checkpoint or a configuration.

    Raises
    ------
    ValueError
        If a name is unknown (the closest one is named), or a value has the wrong type or is out of range.

    Examples
    --------
    >>> from minigen.models import VAE
    >>> make_options(VAE, {"latent_size": 3}).latent_size
    3
    >>> make_options(VAE, {"latent_sice": 3})
    Traceback (most recent call last):
        ...
    ValueError: vae has no option 'latent_sice'; did you mean 'latent_size'?
    """
    fields = {field.name: field for field in dataclasses.fields(kind.Options)}
    given: dict[str, Any] = {}
    for name, value in values.items():
        if name not in fields:
            raise ValueError(f"{kind.name} has no option {short(name)}{closest(name, fields)}")
        is_tuple = isinstance(fields[name].default, tuple) and isinstance(value, list)
        given[name] = tuple(value) if is_tuple else value  # files know lists only
    options = kind.Options(**given)
    check_options(kind.name, options)
    return options


def same_system(stored: str, own: str) -> bool:
    """Say whether two names mean the same system; one of the user's own may have moved to another file."""
    return stored == own or (stored.endswith(".py") and own.endswith(".py"))


def closest(name: str, names: Iterable[str]) -> str:
    """Return the end of a message that suggests the closest of some names, or nothing where none is close."""
    close = difflib.get_close_matches(name[:80], list(names), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
