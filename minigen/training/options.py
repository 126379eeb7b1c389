"""Options from a file: checked by name, type and range before anything is made of them."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from minigen.models import System
from minigen.models.system import check_options

KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", dict: "a table"}
KINDS |= {list: "a list", tuple: "a list"}


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
        default = fields[name].default
        if default is None or default is dataclasses.MISSING:
            given[name] = value
        else:
            check_type(f"{kind.name}: option {name}", value, type(default))
            given[name] = tuple(value) if isinstance(default, tuple) else value  # files know lists only
    options = kind.Options(**given)
    check_options(kind.name, options)
    return options


def check_type(name: str, value: Any, kind: type) -> None:
    """Refuse a value of another type; a whole number does for a number.

    Raises
    ------
    ValueError
        Naming the value and the type wanted.
    """
    allowed = {float: (int, float), tuple: (list, tuple)}.get(kind, (kind,))
    if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{name} must be {KINDS.get(kind, kind.__name__)}, not {short(value)}")


def same_system(stored: str, own: str) -> bool:
    """Say whether two names mean the same system; one of the user's own may have moved to another file."""
    return stored == own or (stored.endswith(".py") and own.endswith(".py"))


def closest(name: str, names: Iterable[str]) -> str:
    """Return the end of a message that suggests the closest of some names, or nothing where none is close."""
    close = difflib.get_close_matches(name[:80], list(names), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def short(value: Any) -> str:
    """Return a value as it would be written, but no more than a line of it.

    Examples
    --------
    >>> short("x" * 1000)[-10:]
    'xxxxxxx...'
    """
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return "a number of more than 64 bits"
    if isinstance(value, (list, dict)) and not (len(value) <= 4 and all(isinstance(one, int) for one in value)):
        return f"a {type(value).__name__} of {len(value)}"  # it may be deep
    text = repr(value[:100] if isinstance(value, str) else value)[:100]
    return text if len(text) <= 80 else text[:77] + "..."
