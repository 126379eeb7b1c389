"""Write docs/gpu.md from the figures of `benchmarks.gpu`: its first line, and the tables between its markers.

The words around them stay as they are; without figures nothing is written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.files import fill, write_whole
from benchmarks.roofline import floor_seconds
from benchmarks.speed_page import milliseconds, table

PAGE = Path(__file__).parents[1] / "docs" / "gpu.md"
BAR, AIM = 2.0, 1.3  # of PyTorch's time for a DCGAN's step, on a data-centre card
Row = dict[str, Any]


def first_line(figures: Row) -> str:
    """What was measured on: the first line of the page."""
    found = dict(figures["machine"])
    card = found.pop("card", "no card")
    return f"Measured on {card}; " + ", ".join(f"{name} {version}" for name, version in found.items()) + "."


def card_table(figures: Row) -> str:
    """The two figures of the card that floors are made of."""
    card = figures["card"]
    rows = [["copying, read and written", f"{card['copy bytes a second'] / 1e9:.0f} GB/s"]]
    rows += [[f"matrix product, {p}", f"{card[f'{p} flops a second'] / 1e12:.1f} TFLOP/s"] for p in ("float32", "TF32")]
    return table(["of the card, measured", "rate"], rows)


def ratio(row: Row) -> str:
    """Our time over PyTorch's, where it took part."""
    return f"{row['minigen']['median_ms'] / row['torch']['median_ms']:.2f}" if "torch" in row else "—"


def step_rows(figures: Row) -> list[list[str]]:
    """A line for each step and precision."""
    rows, card = [], figures["card"]
    for step in figures["steps"]:
        for precision in ("float32", "TF32"):
            times = step[precision]
            rates = card[f"{precision} flops a second"], card["copy bytes a second"]
            floor = 1e3 * floor_seconds(step["calls"], *rates)
            ours, theirs = (times.get(side, {}).get("median_ms") for side in ("minigen", "torch"))
            rows.append([
                step["name"],
                precision,
                milliseconds(ours),
                milliseconds(theirs) if theirs else "—",
                ratio(times),
                milliseconds(floor),
                f"{ours / floor:.1f}",
                f"{theirs / floor:.1f}" if theirs else "—",
                step["waits"],
            ])  # fmt: skip
    return rows


def steps_table(figures: Row) -> str:
    """Times, ratios, and multiples of the floor of each step; then whether the bar was met."""
    head = "step|products|minigen, ms|PyTorch, ms|ratio|floor, ms|minigen / floor|PyTorch / floor|makes the host wait"
    rows = step_rows(figures)
    reached = rows[0][4]
    verdict = f"The bar for the first line is {BAR:.1f}, the aim {AIM:.1f}: "
    if reached == "—":
        verdict += "without PyTorch nobody can say."
    else:
        met = "the aim is met" if float(reached) <= AIM else "the bar is met" if float(reached) <= BAR else "missed"
        verdict += f"{reached}, {met}."
    memory = [
        f"{step['name']}: " + ", ".join(f"{key} {mb} MB" for key, mb in step["memory_mb"].items())
        for step in figures["steps"]
    ]
    held = "Memory held by each library after its steps so far: " + "; ".join(memory) + "."
    return f"{table(head.split('|'), rows)}\n\n{verdict}\n\n{held}"


def functions_table(figures: Row) -> str:
    """Single functions, in full precision."""
    rows = []
    for row in figures["functions"]:
        theirs = milliseconds(row["torch"]["median_ms"]) if "torch" in row else "—"
        ours = milliseconds(row["minigen"]["median_ms"])
        rows.append([row["family"], row["name"], row["direction"], ours, theirs, ratio(row)])
    return table(["family", "function", "direction", "minigen, ms", "PyTorch, ms", "ratio"], rows)


def accuracy_table(figures: Row) -> str:
    """What TF32 costs."""
    rows = []
    for side, found in figures["accuracy"].items():
        for precision, errors in found.items():
            rows.append([side, precision, f"{errors['output']:.1e}", f"{errors['gradient']:.1e}"])
    return table(["library", "products", "error of the output", "of the first layer's gradient"], rows)


def render(page: str, figures: Row) -> str:
    """The page with these figures."""
    blocks = {
        "card": card_table(figures),
        "steps": steps_table(figures),
        "functions": functions_table(figures),
        "accuracy": accuracy_table(figures),
    }
    _, newline, rest = page.partition("\n")
    return first_line(figures) + newline + fill(rest, blocks)


def write_page(figures: Row) -> None:
    """Write the page anew."""
    write_whole(PAGE, render(PAGE.read_text(encoding="utf-8"), figures).encode())
