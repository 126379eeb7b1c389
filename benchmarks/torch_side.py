"""Train a system with PyTorch in minigen's place: ``python -m benchmarks.torch_side FOLDER --out OTHER``.

The files of `minigen.models` use only names that PyTorch has too.  Here they are read a second time, as the package
``torch_models``, with every ``minigen`` in them replaced: tensors, layers and optimizers are PyTorch's.  Initial
weights, batches and random numbers are those of minigen's own run, number for number; dropout alone draws its masks
from PyTorch's source.  What comes out is a run's folder like any other: the code that computes minigen's figures
computes these.  `benchmarks.linear_vae`, which is no system, is read in the same way.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.abc
import importlib.machinery
import importlib.util
import json
import math
import re
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import minigen
from minigen import nn
from minigen.models.system import System
from minigen.training import Config, build, read_config, write_config
from minigen.training.checkpoint import checkpoint_path, write_checkpoint
from minigen.training.state import system_state
from minigen.training.trainer import to_device

PACKAGE = "torch_models"
# What has modules below it; where those are read that stand in files of ours; whose functions work on any tensor.
PACKAGES = ("", "benchmarks", "functional", "models", "nn", "nn.utils", "optim", "autograd")
SOURCES = {"models": Path(minigen.__file__).parent / "models", "benchmarks": Path(__file__).parent}
SHARED = ("data", "functional", "metrics")


# --- the package ------------------------------------------------------------------------------------------------------


class _Finder(importlib.abc.MetaPathFinder):
    """Finds ``torch_models.models.dcgan`` in minigen/models/dcgan.py, and all that is no system in PyTorch."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        package, _, name = fullname.partition(".")
        if package != PACKAGE:
            return None
        loader = _Sources() if name.partition(".")[0] in SOURCES else _PyTorch()
        return importlib.util.spec_from_loader(fullname, loader, is_package=name in PACKAGES)


class _Sources(importlib.abc.SourceLoader):
    """Reads a file of `minigen.models`, or of the benchmarks, with other imports."""

    def get_filename(self, fullname: str) -> str:
        folder, _, name = fullname.removeprefix(f"{PACKAGE}.").partition(".")
        return str(SOURCES[folder] / f"{name or '__init__'}.py")

    def get_data(self, path: Any) -> bytes:
        return re.sub(r"\bminigen\b", PACKAGE, Path(path).read_text()).encode()


class _PyTorch(importlib.abc.Loader):
    """Fills a module with the names of PyTorch's."""

    def exec_module(self, module: ModuleType) -> None:
        import torch

        name = module.__name__.removeprefix(PACKAGE).lstrip(".")
        if name == "":
            vars(module).update(_top(torch))
        elif name == "backend":
            vars(module).update(vars(minigen.backend))
        elif name.partition(".")[0] in SHARED:
            vars(module).update(vars(importlib.import_module(f"minigen.{name}")))
        elif name == "nn":
            vars(module).update({key: value for key, value in vars(torch.nn).items() if key[0] != "_"})
        elif name == "nn.functional":
            vars(module).update({**vars(torch.nn.functional), **_likelihoods(torch)})
        else:
            vars(module).update(vars(importlib.import_module(f"torch.{name}")))


def _top(torch: Any) -> dict[str, Any]:
    """The names of ``minigen`` itself; random numbers come from minigen's source."""

    def drawn(name: str) -> Any:
        def draw(*shape: Any, dtype: Any = None, device: Any = None) -> Any:
            dtype = {} if dtype is None else {"dtype": str(dtype).removeprefix("torch.")}
            return torch.from_numpy(getattr(minigen, name)(*shape, **dtype).numpy()).to(device)

        return draw

    def like(name: str) -> Any:
        draw = getattr(minigen, name)  # of the same dtype, too: it decides how many random numbers are used up
        return lambda x: torch.from_numpy(draw(minigen.from_numpy(x.detach().numpy())).numpy())

    names = {key: value for key, value in vars(torch).items() if key[0] != "_"}
    names |= {name: getattr(minigen, name) for name in ("manual_seed", "get_rng_state", "set_rng_state")}
    names |= {name: drawn(name) for name in ("rand", "randn", "randint")}
    names |= {name: like(name) for name in ("rand_like", "randn_like")}
    for name in ("nn", "optim", "models", "backend"):  # these are imported, each by its own rule
        names.pop(name, None)
    return names


def _likelihoods(torch: Any) -> dict[str, Any]:
    """The three likelihoods that PyTorch lacks under these names, in nats per image."""
    F = torch.nn.functional

    def reduced(nats: Any, reduction: str) -> Any:
        nats = nats.flatten(1).sum(1)
        return {"mean": nats.mean, "sum": nats.sum, "none": lambda: nats}[reduction]()

    def bernoulli_nll(logits: Any, target: Any, *, reduction: str = "mean") -> Any:
        return reduced(F.binary_cross_entropy_with_logits(logits, target, reduction="none"), reduction)

    def gaussian_nll(mean: Any, logvar: Any, target: Any, *, reduction: str = "mean") -> Any:
        square = (target - mean) ** 2 / logvar.exp()
        return reduced(0.5 * (math.log(2 * math.pi) + logvar + square), reduction)

    def gaussian_kl(mu: Any, logvar: Any, *, reduction: str = "mean") -> Any:
        return reduced(0.5 * (mu**2 + logvar.exp() - 1 - logvar), reduction)

    return {"bernoulli_nll": bernoulli_nll, "gaussian_nll": gaussian_nll, "gaussian_kl": gaussian_kl}


def torch_module(name: str) -> ModuleType:
    """Return a module, ``models.dcgan`` for instance, as it reads with PyTorch in minigen's place."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    return importlib.import_module(f"{PACKAGE}.{name}")


def torch_twin(system: System) -> Any:
    """Return the PyTorch system with the options and the weights of a minigen one."""
    module = torch_module(type(system).__module__.removeprefix("minigen."))
    kind = getattr(module, type(system).__name__)
    twin = kind(kind.Options(**dataclasses.asdict(system.options)), shape=system.shape, classes=system.classes)
    copy_to_torch(system, twin)
    return twin


def to_torch(value: Any) -> Any:
    """A minigen tensor, or a nest of lists of them, as PyTorch's."""
    import torch

    if isinstance(value, (list, tuple)):
        return [to_torch(part) for part in value]
    return torch.from_numpy(np.array(value.detach().numpy())) if isinstance(value, minigen.Tensor) else value


def as_floats(values: dict[str, Any]) -> dict[str, float]:
    """What a step returned, PyTorch's or minigen's, as numbers."""
    return {name: float(value.detach()) if hasattr(value, "detach") else float(value) for name, value in values.items()}


def copy_to_torch(module: nn.Module, twin: Any) -> None:
    """Write the weights of a minigen module into its PyTorch twin."""
    twin.load_state_dict({name: to_torch(value) for name, value in module.state_dict().items()})


def back_from_torch(twin: Any, module: nn.Module) -> None:
    """Write the weights of a PyTorch module into the minigen one."""
    module.load_state_dict({name: minigen.from_numpy(value.numpy()) for name, value in twin.state_dict().items()})


# --- a run ------------------------------------------------------------------------------------------------------------


def steps_of(config: Config, per_epoch: int) -> int:
    """After how many steps a run ends: by its steps or by its epochs, whichever comes first."""
    ends = [config.steps, config.epochs and math.ceil(config.epochs * per_epoch)]
    return min(end for end in ends if end is not None)


def train(config: Config, folder: Path) -> None:
    """Do with PyTorch what ``minigen train`` does; at the end the folder holds config, log and one checkpoint."""
    system, loader, _ = build(config)
    twin = torch_twin(system)
    twin.train()
    per_epoch, step, started = len(loader), 0, time.monotonic()
    goal = steps_of(config, per_epoch)
    records = []
    while step < goal:
        for batch in loader:
            values = twin.training_step(to_torch(to_device(batch, "cpu")))
            step += 1
            if step % config.log_every == 0 or step == goal:
                where = {"step": step, "epoch": round(step / per_epoch, 4), "seconds": time.monotonic() - started}
                records.append(where | as_floats(values))
            if step >= goal:
                break
    back_from_torch(twin, system)
    arrays, record = system_state(system)
    record |= {"step": step, "random": minigen.get_rng_state(), "loader": loader.state_dict()}
    write_config(folder, config)
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in records))
    (folder / "checkpoints").mkdir(exist_ok=True)
    write_checkpoint(checkpoint_path(folder / "checkpoints", step), arrays, record)


def main() -> None:
    """Train the twin of a run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="the folder of minigen's run")
    parser.add_argument("--out", type=Path, required=True, help="where to put PyTorch's")
    arguments = parser.parse_args()
    train(read_config(arguments.run), arguments.out)


if __name__ == "__main__":
    main()
