"""``minigen doctor``: what went wrong in a run, as far as log, weights, samples and layers tell."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from minigen.cli.errors import user_input
from minigen.cli.output import add_json, report
from minigen.cli.parser import Parser, add_offline
from minigen.cli.program import add_system, own_system
from minigen.metrics import course_classifier
from minigen.models.system import random_state_of
from minigen.training import Trainer, build, newest_checkpoint, read_checkpoint, read_config, read_log
from minigen.training.checkpoint import checkpoints_in
from minigen.training.doctor import APART, PATIENCE, Doctor
from minigen.training.evaluation import DIGITS, as_judged
from minigen.training.findings import Finding, first_bad_function, missing_classes, not_finite
from minigen.training.pictures import draw_samples
from minigen.training.state import restore_system
from minigen.training.trainer import to_device

DESCRIPTION = "Look for what is known to go wrong in training: in a run's log, weights, samples and layers."
EXAMPLES = """\
examples:
  minigen doctor runs/dcgan-mnist

Nothing in the run is changed.  A run that ended with a NaN is gone through again from its last checkpoint, until
the function is found that made it.  docs/doctor.md tells what each finding means, and what to do.

Exit codes: 0 looked at, whatever was found; 2 there is no run to look at.
"""
JUDGED = 500  # samples: of a class with its share, 50


def add_parser(commands: Any, argv: list[str]) -> None:
    """Add the command."""
    parser: Parser = commands.add_parser(
        "doctor", help="what went wrong in a run", description=DESCRIPTION, epilog=EXAMPLES
    )
    parser.set_defaults(run=run, parser=parser)
    parser.add_argument("path", metavar="RUN", help="a run's folder")
    add_system(parser)
    add_offline(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look, and print what was looked at and what was found."""
    folder = Path(arguments.path)
    with user_input():
        config = read_config(folder)
        newest = newest_checkpoint(folder / "checkpoints")
        system, loader, _ = build(config, own_system(vars(arguments)), newest)
        trainer = Trainer(system, loader, folder, quiet=True)
        trainer.restore()
        log = trainer.log.path
        records = read_log(log) if log.exists() else []
    doctor, looked_at = examine(trainer, records)
    found = doctor.look(trainer.step)
    if knows_digits(trainer, config.data or system.data):
        found += missing_digits(trainer)
        looked_at.append(f"the digits in {JUDGED} samples")
    found += after_a_failure(trainer, records)
    lines = [f"{system.name} of {folder} after {trainer.step} steps; looked at {', '.join(looked_at)}."]
    lines += [f"\n  {one.name}: {one.evidence}.\n    {one.remedy}\n    read {one.page}" for one in found]
    findings = [dataclasses.asdict(one) | {"page": one.page} for one in found]
    said = {"system": system.name, "run": str(folder), "step": trainer.step, "looked_at": looked_at}
    report(arguments, said | {"findings": findings}, "\n".join(lines if found else [*lines, "  nothing found"]))
    return 0


def examine(trainer: Trainer, records: list[dict[str, Any]]) -> tuple[Doctor, list[str]]:
    """Let a doctor see all that the run has left, and say what that is.

    The system goes through one training step, in which a gradient penalty shows, and back to where it was.
    """
    doctor, seen = Doctor(trainer.system, trainer.loader, records), [f"{len(records)} records of the log"]
    older = checkpoints_in(trainer.checkpoints)[:-1]
    if older:
        arrays, record = read_checkpoint(older[-1])
        restore_system(trainer.system, arrays, record)
        doctor.look(record["step"])
        doctor.said.clear()
        apart = trainer.step - record["step"]
        seen.append(f"weights and samples {apart} steps apart" + " (too few to be compared)" * (apart < APART))
    trainer.restore()
    with random_state_of(0), doctor.watching():
        trainer.system.train()
        first_bad_function(trainer.system, islice(rest_of(trainer), 1))
    trainer.restore()
    seen.append("one training step")
    if trainer.step < PATIENCE:
        seen.append(f"samples and latents, if any, not yet ({PATIENCE} steps)")
    return doctor, seen


def knows_digits(trainer: Trainer, data: str) -> bool:
    """Say whether the system has learned to draw digits for long enough."""
    return trainer.system.generates and data in DIGITS and trainer.step >= PATIENCE


def missing_digits(trainer: Trainer) -> list[Finding]:
    """Let the course classifier say which digits are hardly ever drawn."""
    system, dataset = trainer.system, trainer.loader.dataset
    with random_state_of(0):
        drawn = as_judged(draw_samples(system, JUDGED).cpu(), type(system))
    found = missing_classes(course_classifier().probabilities(drawn).argmax(1), dataset.targets, dataset.classes)
    return [] if found is None else [found]


def after_a_failure(trainer: Trainer, records: list[dict[str, Any]]) -> list[Finding]:
    """Go through the steps after the last checkpoint again where the log ends with a failure."""
    if not records or "failed" not in records[-1]:
        return []
    failure, steps = records[-1], records[-1]["step"] - trainer.step
    text = f"{failure['failed']} by step {failure['step']}"
    if "function" in failure:  # training has found it
        return [not_finite(text, str(failure["function"]))]
    print(f"{text}: going through the {steps} steps after the last checkpoint again ...", file=sys.stderr)
    trainer.system.train()
    return [not_finite(text, first_bad_function(trainer.system, islice(rest_of(trainer), steps)))]


def rest_of(trainer: Trainer) -> Iterator[Any]:
    """Yield the batches that follow the trainer's place in the data, epoch after epoch."""
    trainer.loader.load_state_dict(trainer.loader.state_dict())
    while True:
        for batch in trainer.loader:
            yield to_device(batch, trainer.system.device)
