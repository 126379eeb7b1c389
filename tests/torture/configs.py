"""A run's config.toml: what ``minigen train --resume`` and ``minigen train --config`` read."""

from __future__ import annotations

from pathlib import Path
from random import Random

from minigen.training import Config, read_config, write_config
from torture.kind import Kind


def make(folder: Path, rng: Random) -> Path:
    """Write the configuration of a run."""
    options = {"batch_size": rng.randint(1, 64), "hidden_size": 8, "latent_size": 3}
    write_config(folder, Config(system="vae", images=60, steps=rng.randint(1, 9), options=options))
    return folder / "config.toml"


def read(path: Path) -> None:
    """Read it; what comes back has the types that it should have."""
    config = read_config(path.parent)
    for name, kinds in (("system", str), ("seed", int), ("workers", int), ("options", dict)):
        assert isinstance(getattr(config, name), kinds), name


def with_text(text: str | bytes):
    """Return an attack that writes a text into the place of the file."""

    def craft(path: Path) -> None:
        path.write_bytes(text.encode() if isinstance(text, str) else text)

    return craft


KINDS = [
    Kind(
        "TOML configuration",
        make,
        read,
        errors=(ValueError,),
        crafted={
            "empty": with_text(""),
            "a folder's worth of brackets": with_text("a = " + "[" * 100_000),
            "deep tables": with_text("[" + ".".join("a" * 50_000) + "]"),
            "a million keys": with_text("".join(f"k{i} = 1\n" for i in range(200_000))),
            "one long line": with_text('system = "' + "x" * 20_000_000 + '"'),
            "a large number": with_text("seed = " + "9" * 100_000),
            "a program": with_text('system = "canary.py"\n'),
            "wrong types": with_text('system = 3\nseed = "x"\noptions = [1]\n'),
            "a number for a name": with_text("system = 3\n"),
            "a text for a table": with_text('system = "vae"\noptions = "x"\n'),
            "a table for a number": with_text('system = "vae"\n[steps]\na = 1\n'),
            "lists for options": with_text('system = "vae"\n[options]\nbatch_size = [1]\n'),
            "numbers out of range": with_text('system = "vae"\nseed = -1\nworkers = -5\nsteps = -2\n'),
            "not UTF-8": with_text(b'system = "\xff\xfe"\n'),
            "infinite": with_text('system = "vae"\nepochs = inf\nseed = nan\n'),
            "dates": with_text("system = 1979-05-27T07:32:00Z\nseed = 07:32:00\n"),
        },
    )
]
