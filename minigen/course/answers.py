"""An answer to an exercise, as a check sees it: something to call, wherever it runs.

`LocalAnswer` calls objects of this process, for a student's own notebook; `RemoteAnswer` asks the process of a hand-in.
Both bring values through the same narrow door (`minigen.course.wire`), so that what is right in the notebook is right
when it is graded.  What was asked and answered is noted: hints are found by putting the same questions to typical
mistakes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import minigen
from minigen.course.child import perform
from minigen.course.compare import Mismatch
from minigen.course.exercise import Exercise
from minigen.course.process import AnswerError, HandIn
from minigen.course.wire import WireError, decode, encode

__all__ = ["Answer", "Asked", "LocalAnswer", "RemoteAnswer"]


@dataclass
class Asked:
    """One question, and what came back: a value, or an error."""

    how: str
    name: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    result: Any = None
    error: AnswerError | None = None

    def __str__(self) -> str:
        """Write the question as a program would: my_relu(x (3, 4))."""
        if self.how == "value":
            return self.name
        if self.how == "drive":
            return f"{self.args[0]}" if self.args and type(self.args[0]) is str else self.name
        words = [_shown(a) for a in self.args] + [f"{key}={_shown(value)}" for key, value in self.kwargs.items()]
        return f"{self.name}({', '.join(words)})"


class Answer:
    """What a check is given: call it, ask for another name of the exercise, or have a driver run.

    Attributes
    ----------
    exercise : Exercise
        What it is an answer to.
    transcript : list of Asked
        What has been asked.
    seconds : float
        How long the last answer took.
    """

    def __init__(self, exercise: Exercise) -> None:
        self.exercise, self.seconds = exercise, 0.0
        self.transcript: list[Asked] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function that the exercise is named after.  Arrays, numbers, texts and functions may be given."""
        return self.ask("call", self.exercise.name, args, kwargs)

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call another function of the exercise."""
        return self.ask("call", name, args, kwargs)

    def value(self, name: str) -> Any:
        """Return a constant of the exercise."""
        return self.ask("value", name, (), {})

    def drive(self, driver: str, *args: Any) -> Any:
        """Run a driver of `minigen.course.drivers` on the answer's objects."""
        return self.ask("drive", driver, args, {})

    def ask(self, how: str, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Ask, note, and return what came.

        Raises
        ------
        AnswerError
            If nothing came but an error.
        Mismatch
            If an argument was changed in place.
        """
        copies = [np.array(a) if isinstance(a, np.ndarray) else a for a in args]
        asked = Asked(how, name, copies, dict(kwargs))
        self.transcript.append(asked)
        start = time.perf_counter()
        try:
            asked.result, changed = self.perform(asked)
        except AnswerError as error:
            asked.error = error
            raise
        finally:
            self.seconds = time.perf_counter() - start
        if changed:
            raise Mismatch(
                f"{name} writes into its argument {changed[0] + 1}, which belongs to the caller; compute on a copy"
            )
        return asked.result

    def perform(self, asked: Asked) -> tuple[Any, list[int]]:
        """Have it done; subclasses say where."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of whatever runs."""


class LocalAnswer(Answer):
    """An answer whose functions are objects of this process: no time limit, no protection, quick.

    Parameters
    ----------
    exercise : Exercise
        What it is an answer to.
    objects : dict of str to object
        Its functions, classes and constants.
    """

    def __init__(self, exercise: Exercise, objects: Mapping[str, Any]) -> None:
        super().__init__(exercise)
        self.objects = {"minigen": minigen, **objects}

    def perform(self, asked: Asked) -> tuple[Any, list[int]]:
        """Call it here."""
        functions: list[Callable[..., Any]] = []
        how, name, args, kwargs = decode(
            encode([asked.how, asked.name, list(asked.args), dict(asked.kwargs)], functions), functions
        )
        try:
            result, changed = perform(self.objects, how, name, args, kwargs)
            return decode(encode(result)), changed
        except WireError as error:
            raise AnswerError("WireError", f"it returned {error}") from None
        except Exception as error:
            raise AnswerError(type(error).__name__, str(error)) from error


class RemoteAnswer(Answer):
    """An answer in a process of its own."""

    def __init__(self, exercise: Exercise, hand_in: HandIn) -> None:
        super().__init__(exercise)
        self.hand_in = hand_in

    def perform(self, asked: Asked) -> tuple[Any, list[int]]:
        """Ask the process."""
        return self.hand_in.ask(asked.how, asked.name, asked.args, dict(asked.kwargs))

    def close(self) -> None:
        """End the process."""
        self.hand_in.close()


def _shown(value: Any) -> str:
    """Write an argument so that one knows which it is."""
    if isinstance(value, np.ndarray):
        if value.size > 4:
            return f"array {value.shape}"
        return np.array2string(value, precision=4, separator=", ")
    if callable(value):
        return getattr(value, "__name__", "function")
    text = repr(value)
    return text if len(text) < 40 else f"{text[:36]}..."
