"""Back from a number that is none: states of a run in memory, and the search for the step and the function to blame.

A loss that is NaN has no culprit in sight: the step before may have ruined the weights.  So the steps since the last
good state are done again, one at a time, each looked at as a whole; and the first bad one once more, under
`minigen.autograd.detect_anomaly`, which names function and line.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

import minigen
from minigen.backend import array_module
from minigen.data import DataLoader
from minigen.data.ahead import to_device
from minigen.models.system import System
from minigen.training.findings import first_bad_function, is_about_nan
from minigen.training.state import restore_system, system_state


@dataclass
class Moment:
    """A state of a run: after ``step`` steps these were its arrays, its record, its random numbers, its place."""

    step: int
    arrays: dict[str, np.ndarray]
    record: dict[str, Any]
    random: dict[str, Any]
    place: dict[str, int]

    @classmethod
    def now(cls, step: int, system: System, loader: DataLoader) -> Moment:
        """Copy the present state."""
        arrays, record = system_state(system)
        copies = {name: array.copy() for name, array in arrays.items()}
        return cls(step, copies, record, minigen.get_rng_state(), loader.state_dict())

    def bring_back(self, system: System) -> None:
        """Write weights, optimizers and random numbers back.  The loader stays where it is."""
        restore_system(system, self.arrays, self.record)
        minigen.set_rng_state(self.random)


@dataclass
class Culprit:
    """Which step was the first bad one, the state before it, and what function was to blame, as far as is known."""

    before: Moment
    step: int | None
    function: str | None = None


def do_step(system: System, batch: Any) -> tuple[dict[str, Any], str | None]:
    """Do one step of a system's algorithm.

    Returns
    -------
    values : dict of str to Tensor or float
        What is worth logging.
    failure : str or None
        What a loss said that was given a NaN, and therefore raised.
    """
    try:
        return system.training_step(batch), None
    except ValueError as error:
        if not is_about_nan(error):
            raise
        return {}, str(error).partition(" at ")[0]


def bad_value(values: dict[str, Any]) -> str | None:
    """Say which of a step's values is NaN or infinite (on a GPU this waits for the device)."""
    for name, value in values.items():
        number = float(value)
        if not math.isfinite(number):
            return f"{name} became {number}"
    return None


def bad_parameter(system: System) -> str | None:
    """Say which parameter holds a NaN or an infinity."""
    for name, parameter in system.named_parameters():
        xp = array_module(parameter.array)
        if parameter.is_floating_point() and not bool(xp.isfinite(parameter.array).all()):
            return f"{name} holds NaN or infinity"
    return None


def find_culprit(start: Moment, until: int, system: System, loader: DataLoader) -> Culprit:
    """Go back to a good state, and do the steps after it again until one is bad.

    Afterwards the system is as it was before the bad step, and the loader stands behind that step's batch; where no
    step was bad this time, both are where ``until`` steps lead.

    Parameters
    ----------
    start : Moment
        A good state.
    until : int
        The steps after which something was noticed.
    """
    start.bring_back(system)
    loader.load_state_dict(start.place)
    step, place = start.step, start.place
    while step < until:
        for batch in loader:
            before, twin = Moment.now(step, system, loader), twin_of(system)
            before.place, place = place, before.place  # that of before this batch, and of after it
            batch = to_device(batch, system.device)
            values, failure = do_step(system, batch)
            if failure or bad_value(values) or bad_parameter(system):
                minigen.set_rng_state(before.random)
                function = first_bad_function(twin, [batch]) if twin is not None else None
                before.bring_back(system)
                return Culprit(before, step + 1, function)
            step += 1
            if step == until:
                break
    return Culprit(Moment.now(until, system, loader), None)


def twin_of(system: System) -> System | None:
    """Copy a system with all it holds, also what is in no checkpoint; None where that cannot be copied."""
    try:
        return copy.deepcopy(system)
    except (TypeError, ValueError, RuntimeError, AttributeError, copy.Error):
        return None
