"""The plot of docs/speed.md: times over the floor, memory, single functions and growth, beside PyTorch."""

from __future__ import annotations

import io
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.sides import SIDES

COLOURS = dict(zip(SIDES, ("#0072B2", "#E69F00", "#999999")))  # Okabe and Ito: told apart by colour-blind people
MARKERS = dict(zip(SIDES, "os^"))
NAMES = dict(zip(SIDES, ("minigen", "PyTorch", "PyTorch, allocator set")))
Figures = dict[str, Any]


def bars(axes: Any, figures: Figures, threads: int, height: Any) -> None:
    """One group of bars a step, one bar a side; its figure above each."""
    rows = [row for row in figures["steps"] if row["threads"] == threads]
    for i, side in enumerate(SIDES):
        places, heights = np.arange(len(rows)) + 0.27 * (i - 1), [height(row, side) for row in rows]
        drawn = axes.bar(places, heights, 0.26, color=COLOURS[side], label=NAMES[side])
        axes.bar_label(drawn, fmt="{:.3g}", fontsize=6, padding=1)
    axes.set_xticks(np.arange(len(rows)), [row["name"] for row in rows])


def label_logarithms(axis: Any) -> None:
    """Label an axis with a logarithmic scale by 1, 2, 5, 10 and so on."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def functions(axes: Any, figures: Figures, threads: int) -> None:
    """One point a function and direction, one line a family: the ratio of the times."""
    rows = [row for row in figures["functions"] if row["threads"] == threads]
    families = list(dict.fromkeys(row["family"] for row in rows))
    directions = (("forward", "o", "#0072B2", 0.15), ("backward", "D", "#D55E00", -0.15), ("step", "s", "#009E73", 0.0))
    for direction, marker, colour, shift in directions:
        chosen = [row for row in rows if row["direction"] == direction]
        heights = [families.index(row["family"]) - shift for row in chosen]
        ratios = [row["ratio"] for row in chosen]
        axes.plot(ratios, heights, marker, color=colour, alpha=0.7, markersize=4, linestyle="", label=direction)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    label_logarithms(axes.xaxis)
    axes.set_yticks(range(len(families)), families)
    axes.invert_yaxis()
    axes.set_xlabel("time of minigen / time of PyTorch (left of 1: minigen is faster)")
    axes.set_title(f"Single functions, {threads} thread{'s' * (threads > 1)}", loc="left")
    axes.legend(fontsize=7, ncols=3, loc="lower right", bbox_to_anchor=(1, 1))


def growth(axes: Any, figures: Figures) -> None:
    """Time over FLOPs, both on logarithmic scales, with a line along which time grows as FLOPs do."""
    rows = sorted(figures["growth"], key=lambda row: row["flops"])
    for side in SIDES[:2]:
        for size, filled in ((64, True), (None, False)):
            chosen = [row for row in rows if (row["size"] == 64) == filled]
            gigaflops, times = [row["flops"] / 1e9 for row in chosen], [row[side]["min_ms"] for row in chosen]
            face = COLOURS[side] if filled else "none"
            label = f"{NAMES[side]}, {'more images' if size else 'smaller and larger images'}"
            axes.plot(
                gigaflops, times, MARKERS[side], color=COLOURS[side], markerfacecolor=face, markersize=6, label=label
            )
    ends = np.array([rows[0]["flops"], rows[-1]["flops"]]) / 1e9
    axes.plot(ends, ends / ends[0] * rows[0]["minigen"]["min_ms"], "k:", linewidth=0.8, label="as the FLOPs do")
    axes.set_xscale("log")
    axes.set_yscale("log")
    label_logarithms(axes.xaxis)
    label_logarithms(axes.yaxis)
    axes.set_xlabel("GFLOP a step")
    axes.set_ylabel("time of a step, ms")
    axes.set_title(f"W1 grows, {rows[0]['threads']} thread{'s' * (rows[0]['threads'] > 1)}")
    axes.legend(fontsize=7)


def draw(figures: Figures) -> bytes:
    """Draw everything, as a PNG."""
    threads = max(row["threads"] for row in figures["steps"])
    figure, ((top_left, top_right), (left, right)) = plt.subplots(2, 2, figsize=(12, 9), layout="constrained")
    peak = figures["sgemm_peak"][str(threads)]
    bars(top_left, figures, threads, lambda row, side: row[side]["median_ms"] / (row["flops"] / peak * 1e3))
    top_left.axhline(1, color="black", linewidth=0.8, linestyle=":")
    top_left.set_ylabel("time of a step / least time of its FLOPs")
    top_left.set_title(f"Training steps, multiples of the floor, {threads} thread{'s' * (threads > 1)}")
    top_left.legend(fontsize=7)
    bars(top_right, figures, threads, lambda row, side: row[side]["peak_mb"])
    top_right.set_ylabel("peak memory of the process, MB")
    top_right.set_title("Memory")
    functions(left, figures, threads)
    growth(right, figures)
    for axes in (top_left, top_right, left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(True, alpha=0.25, linewidth=0.5)
        axes.set_axisbelow(True)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    plt.close(figure)
    return content.getvalue()
