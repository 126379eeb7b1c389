"""docs/results.md, rendered from what `benchmarks.results` has stored: no figure on it is written by hand."""

from __future__ import annotations

from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.ledger import PICTURES, ROWS, SIDES, Bar, Row

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "results.md"
HEAD = """# What the systems reach

Written by `make results`, which trains every row below, with minigen and with PyTorch; it takes hours, and goes on
where it was stopped.  Both sides have the same files of `minigen.models` (`benchmarks/torch_side.py` reads them with
PyTorch's tensors, layers and optimizers in place of minigen's), initial weights, batches and noise, and their samples
are judged by the same code.  Lengths and settings were fixed before the test set was looked at, but where a row says
otherwise; the last weights count.  Where several seeds are wanted, the worst one counts, the others stand behind it,
and no bar is called met before all of them were run.  Minutes are those of a processor: every run was trained with one
thread.

"fid" and the like are distances on the features of the small classifier of digits that comes with minigen
(`minigen.metrics`), so they compare with each other and with no figure published elsewhere.  fid_floor is what as many
training images get in the place of the samples.

"""


def seeds_of(store: dict[str, Any], row: Row | str, side: str) -> dict[str, Any]:
    """What is stored of a row with one library, by seed; what an older command gave is left out."""
    name = row if isinstance(row, str) else row.name
    command = next(known.command for known in ROWS if known.name == name)
    runs = store.get(name, {}).get(side, {})
    return {seed: run for seed, run in sorted(runs.items(), key=lambda item: int(item[0])) if run["command"] == command}


def values(store: dict[str, Any], row: Row | str, side: str, figure: str) -> list[float]:
    """A figure of each seed."""
    return [run["figures"][figure] for run in seeds_of(store, row, side).values() if figure in run["figures"]]


def counted(found: list[float], bar: Bar | None) -> float:
    """The value that counts: the worst one for a bar, or the mean."""
    if bar is None or bar.mean or bar.relation == "within":
        return mean(found)
    return max(found) if bar.relation == "<=" else min(found)


def limit(store: dict[str, Any], row: Row, bar: Bar) -> float | None:
    """The number that a bar comes to; None while the other figure is missing."""
    if not bar.of:
        return bar.limit
    other = (
        values(store, row, "torch", bar.figure) if bar.of == "torch" else values(store, bar.of, "minigen", bar.figure)
    )
    if not other:
        return None
    return mean(other) if bar.relation == "within" else bar.limit * mean(other)


def met(store: dict[str, Any], row: Row, bar: Bar) -> bool | None:
    """Whether a bar is met; None while a figure or a seed is missing."""
    pairs = pairs_of(store, row, bar)
    if not pairs:
        return None
    if bar.relation == "within":
        held = all(abs(value - line) <= bar.limit for value, line in pairs)
    else:
        held = all(value <= line if bar.relation == "<=" else value >= line for value, line in pairs)
    decided = complete(store, row, bar) or not (held or bar.of or bar.mean)  # one bad seed is enough
    return held if decided else None


def pairs_of(store: dict[str, Any], row: Row, bar: Bar) -> list[tuple[float, float]]:
    """What is reached, and the number it is held against: once, or for each seed that both rows have."""
    if bar.by_seed:
        ours, theirs = seeds_of(store, row, "minigen"), seeds_of(store, bar.of, "minigen")
        name = bar.figure
        both = [(ours[seed]["figures"], theirs[seed]["figures"]) for seed in ours if seed in theirs]
        return [(one[name], bar.limit * other[name]) for one, other in both]
    found, line = values(store, row, "minigen", bar.figure), limit(store, row, bar)
    return [(counted(found, bar), line)] if found and line is not None else []


def complete(store: dict[str, Any], row: Row, bar: Bar) -> bool:
    """Whether all seeds were run that a bar is about: the row's, and those that it is compared with."""
    needed = [(row, "minigen")]
    if bar.of:
        needed += [(row, "torch") if bar.of == "torch" else (next(r for r in ROWS if r.name == bar.of), "minigen")]
    return all({str(seed) for seed in one.seeds} <= set(seeds_of(store, one, side)) for one, side in needed)


def in_words(bar: Bar) -> str:
    """A bar as the table says it."""
    whose = {"": "", "torch": "PyTorch's"}.get(bar.of, f"that of {bar.of}")
    if bar.relation == "within":
        return f"within {bar.limit:g} of {whose}"
    times = f"{bar.limit:g} x " if bar.of and bar.limit != 1 else ("" if bar.of else f"{bar.limit:g}")
    return f"{bar.relation} {times}{whose}" + (", each seed" if bar.by_seed else "")


def numbers(found: list[float], bar: Bar | None) -> str:
    """The value that counts, and behind it those of all seeds."""
    if not found:
        return "—"
    text = f"{counted(found, bar):.4g}"
    return text if len(found) == 1 else f"{text} ({', '.join(f'{value:.4g}' for value in found)})"


def section(store: dict[str, Any], row: Row) -> str:
    """One row of the ledger as a section of the page."""
    ours, theirs = (seeds_of(store, row, side) for side in ("minigen", "torch"))
    command = row.command if row.is_program else f"minigen train {row.command} --seed {'|'.join(map(str, row.seeds))}"
    text = [f"## {row.name}", "", "    " + command.format(data="$MINIGEN_DATA", runs="runs/results"), ""]
    text += [row.note, ""] if row.note else []
    if not ours:
        return "\n".join([*text, "Not run yet.", ""])
    text += ["| figure | minigen | PyTorch | bar | met |", "|---|--:|--:|---|---|"]
    for figure in next(iter(ours.values()))["figures"]:
        bars: list[Bar | None] = [bar for bar in row.bars if bar.figure == figure] or [None]
        for bar in bars:
            verdict = "" if bar is None else {True: "yes", False: "**no**", None: "not yet known"}[met(store, row, bar)]
            cells = [numbers(values(store, row, side, figure), bar) for side in ("minigen", "torch")]
            text.append(f"| {figure} | {' | '.join(cells)} | {'' if bar is None else in_words(bar)} | {verdict} |")
    minutes = [f"{mean(run['seconds'] for run in runs.values()) / 60:.1f}" if runs else "—" for runs in (ours, theirs)]
    text += [f"| minutes | {' | '.join(minutes)} | | |", ""]
    text += [f"Published: {row.published}", ""] if row.published else []
    for name in (f"{row.name}-{seed}" for seed in row.seeds):
        if name in PICTURES and (ROOT / f"docs/_static/{name}.png").exists():
            text += [f"![{row.name}](_static/{name}.png)", ""]
    return "\n".join(text)


def summary(store: dict[str, Any]) -> str:
    """All bars in one table."""
    lines = ["| row | figure | bar | reached | met |", "|---|---|---|--:|---|"]
    for row in ROWS:
        for bar in row.bars:
            found, verdict = values(store, row, "minigen", bar.figure), met(store, row, bar)
            reached = f"{counted(found, bar):.4g}" if found else "—"
            word = {True: "yes", False: "**no**", None: "not yet known"}[verdict]
            lines.append(f"| {row.name} | {bar.figure} | {in_words(bar)} | {reached} | {word} |")
    return "\n".join(lines) + "\n\n"


def versions(store: dict[str, Any]) -> str:
    """With what the rows were measured."""
    found = {run["versions"] for row in ROWS for side in SIDES for run in seeds_of(store, row, side).values()}
    return "Measured with " + "; ".join(sorted(found)) + ".\n\n" if found else ""


def render(store: dict[str, Any]) -> str:
    """The page."""
    return HEAD + versions(store) + summary(store) + "\n".join(section(store, row) for row in ROWS)


def write(store: dict[str, Any]) -> None:
    """Write docs/results.md."""
    PAGE.write_text(render(store).rstrip() + "\n")
