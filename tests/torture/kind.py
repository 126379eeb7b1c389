"""What a kind of hostile file is: how a good one is made, how minigen reads it, and what it may say to a bad one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any


@dataclass(frozen=True)
class Kind:
    """A kind of file that strangers may hand to minigen.

    Attributes
    ----------
    name : str
        As docs/reliability.md calls it: "TOML configuration".
    make : callable
        Given an empty folder and a source of random numbers, it writes one good file, with whatever must stand beside
        it, and returns its path.  Each call may make another one.
    read : callable
        Given the path, it does with the file what minigen does with it.  It returns where minigen could read it; else
        minigen's error passes through.  Where more is promised than an error (no partial state; if it is read, then
        right), it looks itself, and raises AssertionError.
    errors : tuple of exception types
        minigen's own errors for this kind.  Everything else that comes out of ``read`` is a fault.
    crafted : dict of str to callable
        Attacks that chance would not find, by name: each is given the path of a good file and puts a hostile one in its
        place.  `attack` tries them all before it begins to damage at random.
    damaged : callable, optional
        Given the good content (bytes) and random numbers, it returns what was done, and the damaged content; by default
        `torture.damage.damage`.
    seconds : float
        No file may take longer.
    mebibytes : int
        No file may make the process larger by more than this.
    """

    name: str
    make: Callable[[Path, Random], Path]
    read: Callable[[Path], Any]
    errors: tuple[type[Exception], ...]
    crafted: dict[str, Callable[[Path], None]] = field(default_factory=dict)
    damaged: Callable[[bytes, Random], tuple[str, bytes]] | None = None
    seconds: float = 5.0
    mebibytes: int = 256
