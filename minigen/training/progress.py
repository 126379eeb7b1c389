"""How far training is: a bar in a terminal or a notebook, else a plain line now and then.

It shows numbers and decides nothing; what must be kept is in the log.
"""

from __future__ import annotations

import sys
import time
import warnings

SECONDS_BETWEEN_LINES = 20.0
BAR = "{percentage:3.0f}%|{bar:10}| {n_fmt}/{total_fmt} [{remaining} left, {rate_fmt}]{postfix}"


class Progress:
    """Show steps done, losses and the time left.

    Parameters
    ----------
    done, goal : int
        Steps done before, and to be done in all.
    quiet : bool
        Show nothing at all.
    """

    def __init__(self, done: int, goal: int, quiet: bool = False) -> None:
        self.first, self.done, self.goal, self.quiet = done, done, goal, quiet
        self.started = self.line_at = time.monotonic()
        self.losses = ""
        self.bar = None
        if not quiet and (is_terminal() or "ipykernel" in sys.modules):
            with warnings.catch_warnings():  # of a notebook without widgets, which has a bar of text
                warnings.simplefilter("ignore")
                from tqdm.auto import tqdm

                self.bar = tqdm(initial=done, total=goal, unit="step", dynamic_ncols=True, bar_format=BAR)

    def step(self) -> None:
        """Count one step."""
        self.done += 1
        if self.bar is not None:
            self.bar.update()
        elif not self.quiet and time.monotonic() - self.line_at >= SECONDS_BETWEEN_LINES:
            self.line_at = time.monotonic()
            self.print(self.line())

    def back_to(self, step: int) -> None:
        """Have fewer steps done than before."""
        if self.bar is not None:
            self.bar.update(step - self.done)
        self.done = step

    def show(self, epoch: float, epochs: float, losses: dict[str, float]) -> None:
        """Take in what to show beside the number of steps: epochs done and wanted, and the last losses."""
        values = "  ".join(f"{name} {value:.3g}" for name, value in losses.items())
        self.losses = f"epoch {epoch:.1f}/{epochs:.1f}  {values}"
        if self.bar is not None:
            self.bar.set_postfix_str(self.losses, refresh=False)

    def message(self, text: str) -> None:
        """Print a line above the bar."""
        if self.quiet:
            return
        if self.bar is not None:
            self.bar.write(text, file=sys.stderr)
        else:
            self.print(text)

    def print(self, text: str) -> None:
        """Print a line on stderr; where nobody reads it any more, training goes on and is quiet."""
        try:
            print(text, file=sys.stderr, flush=True)
        except (OSError, ValueError):  # the reader of a pipe has gone, the terminal is closed
            self.quiet = True

    def line(self) -> str:
        """Return the state as one line."""
        seconds = time.monotonic() - self.started
        left = seconds / max(1, self.done - self.first) * (self.goal - self.done)
        return f"step {self.done}/{self.goal}  {self.losses}  {clock(left)} left"

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.close()
        elif not self.quiet:
            self.print(f"step {self.done}/{self.goal}  {self.losses}")


def is_terminal() -> bool:
    """Say whether somebody looks at stderr as it is written; a service may have none at all."""
    return sys.stderr is not None and sys.stderr.isatty()


def clock(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds.

    Examples
    --------
    >>> clock(7), clock(65.2), clock(3600 * 25 + 1)
    ('0:07', '1:05', '25:00:01')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
