"""Write docs/speed.md from its figures: ``python -m benchmarks.speed_page``, the end of ``make bench``.

Tables go between the markers of the page, the words around them stay as they are; the plot is drawn anew.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from benchmarks import overhead
from benchmarks.files import fill, write_whole
from benchmarks.sides import TUNED
from benchmarks.speed_plot import draw

ROOT = Path(__file__).parents[1]
Row = dict[str, Any]

# (step, threads) -> the ratio of median times to PyTorch's that is wanted, and the one that is aimed at
BARS: dict[tuple[str, int], tuple[float, float | None]] = {
    ("W1", 2): (1.10, 0.95),
    ("W2", 2): (1.25, 1.05),
    ("W3", 2): (1.00, 0.85),
    ("W4", 2): (0.80, 0.60),
    ("W5", 2): (1.20, None),
    ("W6", 2): (1.30, None),
    ("W1", 1): (1.00, None),
    ("W2", 1): (1.00, None),
    ("W3", 1): (0.90, None),
    ("W4", 1): (0.60, None),
}
MEMORY_BARS = {"W1": 0.60, "W2": 0.50, "W3": 0.50, "W4": 0.50, "W5": 0.50, "W6": 0.50}


def table(head: list[str], rows: list[list[str]]) -> str:
    """Lay out a table in Markdown: words to the left, figures to the right."""
    figures = [all(row[i][:1].isdigit() or row[i][:1] in ("", "—", "*") for row in rows) for i in range(len(head))]
    rule = ["--:" if figure else ":--" for figure in figures]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *rows])


def milliseconds(value: float) -> str:
    """Three digits, however long it took."""
    return (
        f"{value:.0f}"
        if value >= 100
        else f"{value:.1f}"
        if value >= 10
        else f"{value:.2f}"
        if value >= 1
        else (f"{value:.3f}")
    )


def against(reached: float, bar: float) -> str:
    """Tell what was reached, and whether it is the bar or better: both have two digits."""
    return f"{reached:.2f}" if round(reached, 2) <= bar else f"**{reached:.2f}**, missed"


def bars_table(figures: Row) -> str:
    """What was wanted beside what was reached."""
    steps = {(row["name"], row["threads"]): row for row in figures["steps"]}
    rows = []
    for (name, threads), (bar, aim) in BARS.items():
        row = steps.get((name, threads))
        rows.append([
            name,
            str(threads),
            f"{bar:.2f}",
            f"{aim:.2f}" if aim else "—",
            against(row["ratio"], bar) if row else "—",
            f"{row['ratio_low']:.2f} to {row['ratio_high']:.2f}" if row else "—",
            f"{MEMORY_BARS[name]:.2f}",
            against(row["memory_ratio"], MEMORY_BARS[name]) if row else "—",
        ])  # fmt: skip
    head = ["step", "threads", "time: bar", "aim", "reached", "rounds", "memory: bar", "reached"]
    return table(head, rows)


def floor_ms(row: Row, figures: Row) -> float:
    """The least time of a step's FLOPs: at the peak that sgemm reached with as many threads."""
    return row["flops"] / figures["sgemm_peak"][str(row["threads"])] * 1e3


def steps_table(figures: Row) -> str:
    """Times, ratios, multiples of the floor, and memory of each step."""
    rows = []
    for row in figures["steps"]:
        ours, theirs, tuned, floor = row["minigen"], row["torch"], row[TUNED], floor_ms(row, figures)
        times = [side["median_ms"] for side in (ours, theirs, tuned)]
        rows.append(
            [row["name"], str(row["threads"]), *map(milliseconds, times)]
            + [f"{row['ratio']:.2f}", f"{row['ratio_of_minima']:.2f}", f"{times[0] / times[2]:.2f}"]
            + [milliseconds(floor), *(f"{time / floor:.2f}" for time in times)]
            + [str(side["peak_mb"]) for side in (ours, theirs, tuned)]
        )
    head = "step|threads|minigen, ms|PyTorch, ms|PyTorch+, ms|ratio|of minima|to PyTorch+|floor, ms|minigen / floor"
    head += "|PyTorch / floor|PyTorch+ / floor|minigen, MB|PyTorch, MB|PyTorch+, MB"
    return table(head.split("|"), rows)


def functions_table(figures: Row) -> str:
    """Medians and ratios of single functions; thread counts side by side."""
    threads = sorted({row["threads"] for row in figures["functions"]})
    lines: dict[tuple[str, ...], list[str]] = {}
    for count in threads:
        for row in figures["functions"]:
            if row["threads"] == count:
                cells = lines.setdefault((row["family"], row["name"], row["direction"]), [])
                cells += [milliseconds(row[side]["median_ms"]) for side in ("minigen", "torch")]
                cells.append(f"{row['ratio']:.2f}")
    head = ["family", "function", "direction"]
    for count in threads:
        head += [f"{count} thread{'s' * (count > 1)}: minigen, ms", "PyTorch, ms", "ratio"]
    return table(head, [[*names, *cells] for names, cells in lines.items()])


def series_of(rows: list[Row]) -> dict[str, list[Row]]:
    """The two ways to grow, each from its smallest step on: more images, larger images."""
    by_flops = sorted(rows, key=lambda row: row["flops"])
    batch = min(row["batch"] for row in rows if row["size"] != 64)
    return {
        "batch": [row for row in by_flops if row["size"] == 64],
        "image size": [row for row in by_flops if row["batch"] == batch],
    }


def exponent(x: list[float], y: list[float]) -> float:
    """The p of y = c * x**p, by least squares of the logarithms."""
    u, v = [math.log(a) for a in x], [math.log(b) for b in y]
    mean_u, mean_v = math.fsum(u) / len(u), math.fsum(v) / len(v)
    return math.fsum((a - mean_u) * (b - mean_v) for a, b in zip(u, v)) / math.fsum((a - mean_u) ** 2 for a in u)


def growth_table(figures: Row) -> str:
    """Time and memory of W1 as it grows, each beside the smallest of its series, and the fitted exponents."""
    rows, fits = [], []
    for what, series in series_of(figures["growth"]).items():
        flops, first = [row["flops"] for row in series], series[0]
        for row in series:
            cells = [what, f"{row['batch']} of {row['size']}x{row['size']}", f"{row['flops'] / 1e9:.1f}"]
            for side in ("minigen", "torch"):
                share = (row[side]["min_ms"] / row["flops"]) / (first[side]["min_ms"] / first["flops"])
                cells += [milliseconds(row[side]["min_ms"]), f"{share:.2f}", str(row[side]["peak_mb"])]
            rows.append(cells)
        for side, name in (("minigen", "minigen"), ("torch", "PyTorch")):
            p, q = (exponent(flops, [row[side][figure] for row in series]) for figure in ("min_ms", "peak_mb"))
            fits.append([what, name, f"{p:.2f}", f"{q:.2f}"])
    head = ["grows", "images", "GFLOP", "minigen, ms", "per FLOP", "MB", "PyTorch, ms", "per FLOP", "MB"]
    fit_head = ["grows", "library", "time ~ FLOPs to the power", "memory ~ FLOPs to the power"]
    return table(head, rows) + "\n\n" + table(fit_head, fits)


def profiles_table(figures: Row) -> str:
    """Milliseconds a step by kind of work, one column a step; the floor below."""
    profiles = figures["profiles"]
    steps = {(row["name"], row["threads"]): row for row in figures["steps"]}
    kinds = list(dict.fromkeys(kind for profile in profiles for kind in profile["kinds_ms"]))
    rows = []
    for kind in kinds:
        spent = [profile["kinds_ms"].get(kind, 0.0) for profile in profiles]
        shares = [100 * time / sum(profile["kinds_ms"].values()) for time, profile in zip(spent, profiles)]
        rows.append([kind, *(f"{milliseconds(time)} ({share:.0f} %)" for time, share in zip(spent, shares))])
    rows.append(["all, profiled", *(milliseconds(sum(profile["kinds_ms"].values())) for profile in profiles)])
    rows.append(["all, not profiled", *(milliseconds(profile["median_ms"]) for profile in profiles)])
    floors = [floor_ms(steps[profile["name"], profile["threads"]], figures) for profile in profiles]
    rows.append(["floor", *map(milliseconds, floors)])
    return table([f"ms a step, {profiles[0]['threads']} thread", *(profile["name"] for profile in profiles)], rows)


def machine_text(figures: Row) -> str:
    """What the figures were measured on."""
    peaks = (
        f"{1e-9 * peak:.0f} GFLOP/s with {n} thread{'s' * (n != '1')}" for n, peak in figures["sgemm_peak"].items()
    )
    lines = [[key, str(value)] for key, value in figures["machine"].items()]
    return table(["machine", ""], [*lines, ["sgemm of NumPy", ", ".join(peaks)], ["rounds", str(figures["rounds"])]])


def blocks_of(figures: Row, picture: str) -> dict[str, str]:
    """All that stands between markers, by name."""
    return {
        "machine": machine_text(figures),
        "bars": bars_table(figures),
        "plot": f"![Times, memory, growth and single functions, beside PyTorch]({picture})",
        "steps": steps_table(figures),
        "growth": growth_table(figures),
        "functions": functions_table(figures),
        "profiles": profiles_table(figures),
        "overhead": overhead.table(figures["overhead"]),
    }


def main() -> None:
    """Draw the plot and fill the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, default=ROOT / "benchmarks" / "speed.json", help="the figures")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "speed.md", help="with the markers to fill")
    parser.add_argument("--plot", type=Path, default=ROOT / "docs" / "_static" / "speed.png")
    options = parser.parse_args()
    figures = json.loads(options.json.read_text(encoding="utf-8"))
    beside = options.json.with_name("overhead.json")
    figures["overhead"] = json.loads(beside.read_text(encoding="utf-8")) if beside.exists() else None
    missing = [part for part in ("steps", "functions", "growth", "profiles", "overhead") if not figures.get(part)]
    if missing:
        raise SystemExit(f"{options.json} lacks {', '.join(missing)}: it is of a part only; run `make bench`")
    picture = options.plot.resolve().relative_to(options.page.resolve().parent).as_posix()
    page = fill(options.page.read_text(encoding="utf-8"), blocks_of(figures, picture))
    write_whole(options.plot, draw(figures))
    write_whole(options.page, page.encode())
    print(f"wrote {options.page} and {options.plot}")


if __name__ == "__main__":
    main()
