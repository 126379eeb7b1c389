"""Kill, fill, damage and wear out, count what is left, and write docs/reliability.md: ``make torture``.

The words of the page stand here, the numbers in it come from this run.  What is done stands in ``tests/torture``, whose
short version is part of the tests.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from torture import KINDS, endurance, faults, kills, many  # noqa: E402  (tests/torture)
from torture.run import Tally, run_attack  # noqa: E402

from minigen.training.environment import blas  # noqa: E402

PAGE = """\
# What survives, and what a file cannot do

Laptops are killed, disks fill up, and courses grade strangers' files.  Here stands what minigen promises then, and what
was measured.  `make torture` measures again and writes this page; a short version is part of `make test`.

## What is promised

1. **A checkpoint is there whole or not at all.**  It is one safetensors file: arrays, and one JSON text with format,
   system, options, step, random states and a sha256 of it all.  It is written under another name, forced to the disk,
   renamed, and the folder is forced to the disk.  The last `--keep` (2) are kept, and the best one
   (`best.safetensors`) where a figure over the test set says which that is: accuracy, PSNR, bound in nats, error; a
   GAN's losses do not.
2. **A stopped run loses nothing, a killed one what came after its last checkpoint.**  Ctrl-C, SIGTERM and the end of
   the terminal let the step in hand finish, save, and say how to go on; a full disk leaves what was saved before, and
   says so.  A resumed run ends with the bits of one that never stopped.
3. **One run, one process.**  Who comes second is told who is first: process, user, machine, since when.  The lock of a
   process that was killed is explained and taken over; that of another machine is explained and left.
4. **No NaN is ever saved.**  A loss or a weight that is none sends the run back to its last good state; the steps since
   are done again, the first bad one under `detect_anomaly`, and function and line are named.  Then the run ends with
   that state saved (`--on-nan stop`), or goes on without the step (`--on-nan skip`).
5. **No code from files.**  No pickle, no eval, no exec; a test reads the source.  A run that was trained with a program
   of yours names it and never runs it: `sample`, `evaluate`, `doctor`, `train --resume` and `train --config` want
   `--system mine.py` typed again.  One function loads a program, from a path that was typed.
6. **A hostile file costs little.**  It is refused with a sentence of minigen's own, in seconds; what it describes is
   never built larger than what lies in it.  A sha256 finds accidents, it keeps nobody out: some of the attacks below
   sign what they have changed.
7. **Same seed, same bits**: weights, samples and logs of two processes on one machine are the same, whatever the number
   of threads that make batches; there is a test for each of the {systems} systems.

## What may differ between machines

The last bits of a sum depend on the order in which it is added up: on the BLAS library, its version and the kind of
processor that it chooses its code for, on the number of threads (`OPENBLAS_NUM_THREADS`, `minigen.set_num_threads`), on
NumPy's version, on the device.  Training can make such differences larger from step to step, until two machines draw
different pictures.  So every run has an `environment.json` with all of these, from which step on, and a run that is
resumed with others says so.  What does not differ: the order of the data, the first weights, the random numbers.

## Into PyTorch and back

The arrays have PyTorch's names and layouts under `system.`, so PyTorch reads a checkpoint as it is:

```text
from safetensors.torch import load_file

arrays = load_file("runs/vae/checkpoints/step-00000500.safetensors")
net.load_state_dict({{name.removeprefix("system."): a for name, a in arrays.items() if name.startswith("system.")}})
```

and back, with what PyTorch has saved by `safetensors.torch.save_file(net.state_dict(), "theirs.safetensors")`:

```text
system = minigen.training.load_system("runs/vae")
system.load_state_dict(minigen.load("theirs.safetensors"))
```

`tests/test_checkpoint_exchange.py` does both with every system, in float64 (outputs equal to 1e-9 of their largest) and
float32 (1e-5).

## What was measured

{machine}  All of it took {minutes:.0f} minutes.

### Killed

| what | kills | in the middle of a write | whole afterwards | the same bits in the end |
|---|---|---|---|---|
{kills}

A run is killed while it trains, starts, resumes or saves, and resumed each time; at the end its checkpoints, pictures,
film and log are compared with those of a run left in peace.  A process that does nothing but save is killed as well:
the old state or the new one must be there.

### Full

| what | figure |
|---|---|
| moments at which a write failed, one in each run | {places} |
| ... nothing was saved yet, and nothing was left | {began_again} |
| ... the run went on from a saved state, and ended with the same bits | {went_on} |
| a disk of 1 MiB, really full | {disk} |

### Damaged

| kind of file | files | crafted | refused | read all the same | faults | seconds, of allowed | MiB, of allowed |
|---|---|---|---|---|---|---|---|
{files}

The crafted files are attacks thought out one by one; the others are good files damaged at random: cut, bits flipped,
large numbers and hostile words put in, stretches repeated, brackets opened.  A fault would be any error that is not
minigen's own, more time or memory for a file than is allowed, a file written or changed outside of its folder, code run
that did not come with Python and its packages, a connection, a half-restored state.  MiB are by how much the
process had grown at most, over all files.  "Read all the same" are files whose damage did no harm, as in a comment, or
that nothing can tell from good ones, as another number in a log.

### Worn

| what | figure |
|---|---|
| steps, checkpoints | {steps:,}, {checkpoints} |
| memory after a tenth of the steps, and its growth from there | {start_mebibytes:.0f} MiB, {grown_mebibytes:+.1f} MiB |
| open files, and their growth | {start_files:.0f}, {grown_files:+.0f} |
| threads, and their growth | {start_threads:.0f}, {grown_threads:+.0f} |
| pictures of 64x64 in a folder of one's own, and their pixels | {many[pictures]:,.0f}, {many[pixels]:,.0f} MiB |
| seconds to open it the first time, and then | {many_first[seconds_to_open]:.0f}, {many[seconds_to_open]:.0f} |
| most memory while it is opened | {many_first[highest]:.0f} MiB |
| three epochs in random order: pixels that were in memory at most | {many[mapped]:.0f} MiB |
| ... growth of the process's own memory from the first epoch to the last | {many[grown]:+.0f} MiB |
| ... most memory in all | {many[highest]:.0f} MiB |

## What is not promised

- Ctrl-C and killing were tried on Linux only; locks on Windows are written and untried.
- A power cut was not tried: that a file which was forced to the disk is there afterwards is the disk's promise.
- What a system of your own keeps outside of its parameters, buffers and optimizers is in no checkpoint, and is not
  undone by `--on-nan skip`.
- On a GPU values are looked at when they are logged, so that the device is not waited for: a NaN is noticed some steps
  later, and found by the same search.  Bits were compared on the CPU only.
- `--system mine.py` runs that program with all your rights.  So does `minigen check`.
"""


def row(*cells: Any) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(map(str, cells))} |"


def rows_of_kills(training: kills.Kills, saving: kills.Kills) -> str:
    """Return the table of kills."""
    named = (("training", training), ("saving", saving))
    return "\n".join(
        row(name, one.kills, one.inside, one.loaded, "yes" if one.same else "NO: " + "; ".join(one.faults))
        for name, one in named
    )


def rows_of_files(tallies: list[Tally]) -> str:
    """Return the table of hostile files."""
    return "\n".join(
        row(
            one.kind, one.files, len(KINDS[one.kind].crafted), one.refused, one.read, len(one.faults),
            f"{one.seconds:.1f} of {KINDS[one.kind].seconds:g}",
            f"{one.mebibytes:.0f} of {KINDS[one.kind].mebibytes}",
        )
        for one in tallies
    )  # fmt: skip


def in_a_folder(what: Callable[..., Any], *arguments: Any) -> Any:
    """Call something with a folder of its own, and say how long it took."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        result = what(Path(folder), *arguments)
    print(f"{what.__name__}: {time.monotonic() - started:.0f} s: {result}", flush=True)
    return result


def attacked(files: int, seed: int) -> list[Tally]:
    """Attack every kind of file."""
    tallies = []
    for kind in KINDS.values():
        tallies.append(run_attack(kind, files, seed))
        print(tallies[-1], flush=True)
    return tallies


def main() -> int:
    """Measure, and write docs/reliability.md; return 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--checkpoints", type=int, default=50)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "reliability.md")
    arguments = parser.parse_args()
    started = time.monotonic()
    tallies = attacked(arguments.files, arguments.seed)
    training = in_a_folder(kills.kill_training, arguments.kills, arguments.seed)
    saving = in_a_folder(kills.kill_saving, arguments.kills, arguments.seed)
    failed = in_a_folder(faults.fail_everywhere)
    disk = in_a_folder(faults.small_disk)
    worn = endurance.in_a_process(arguments.steps, arguments.checkpoints)
    print(worn, flush=True)
    pictures = many.measure(arguments.pictures)
    print(pictures, flush=True)
    minutes = (time.monotonic() - started) / 60
    arguments.out.write_text(page(tallies, training, saving, failed, disk, worn, pictures, minutes), encoding="utf-8")
    wrong = [fault for one in tallies for fault in one.faults] + training.faults + saving.faults + failed.faults
    for fault in wrong:
        print(f"FAULT: {fault}", file=sys.stderr)
    return 1 if wrong else 0


def page(
    tallies: list[Tally],
    training: kills.Kills,
    saving: kills.Kills,
    failed: faults.Faults,
    disk: str,
    worn: dict[str, Any],
    pictures: dict[str, Any],
    minutes: float,
) -> str:
    """Return the page."""
    from minigen.models import SYSTEMS

    library = ", ".join(f"{one['internal_api']} {one['version']}" for one in blas())
    return PAGE.format(
        systems=len(SYSTEMS),
        machine=f"Python {platform.python_version()}, NumPy {np.__version__}, {library}, {platform.system()} on "
        f"{platform.machine()}.",
        minutes=minutes,
        kills=rows_of_kills(training, saving),
        places=failed.places,
        began_again=failed.began_again,
        went_on=failed.went_on,
        disk=disk,
        files=rows_of_files(tallies),
        steps=worn["steps"],
        checkpoints=worn["checkpoints"],
        many=pictures["then"],
        many_first=pictures["first"],
        **{f"start_{name}": value for name, value in worn["start"].items()},
        **{f"grown_{name}": value for name, value in worn["grown"].items()},
    )


if __name__ == "__main__":
    sys.exit(main())
