"""All that can be said of a trained system: its own figures, those of its samples, and a page of pictures.

`evaluate_run` takes a run's folder and leaves ``evaluation/`` in it: figures.json, and page.html with the pictures
beside it.  The mathematics is that of `minigen.metrics`; here stands only what is measured on what.
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import numpy as np

import minigen
from minigen import Tensor, plot
from minigen.data import DataLoader, PictureFolder, Toy2D, atomic_write
from minigen.metrics import judge_generator, mode_coverage, nearest_neighbours, to_grey28
from minigen.models.arguments import images_of
from minigen.models.system import System, random_state_of
from minigen.training.checkpoint import newest_checkpoint
from minigen.training.config import EVALUATION_BATCH, Config, build, load_samples
from minigen.training.lock import refuse_links
from minigen.training.log import read_log
from minigen.training.pictures import draw_samples, first_samples, save_restored, save_samples, wanted_classes
from minigen.training.state import load_system

FOLDER = "evaluation"
KINDS = ("value", "floor", "ceiling")  # drawn images, training images in their place, noise
DIGITS = ("mnist", "glyphs")  # what the course classifier knows
NEIGHBOURS, STEPS = 4, 8  # training images beside a sample; images from one noise to another
JUDGED_TRAINING_IMAGES = 10_000


def evaluate_run(folder: Path, config: Config, samples: int = 2000, kind: type[System] | None = None) -> dict[str, Any]:
    """Measure a trained system on a data set, and write figures.json and page.html.

    Parameters
    ----------
    folder : Path
        The run's folder.
    config : Config
        What it was asked for; its ``data`` is what it is evaluated on.
    samples : int
        How many samples of a generator are judged.
    kind : type, optional
        The class of a system of your own, which the run names, but which is not imported because of that.

    Returns
    -------
    dict
        ``system``, ``data``, ``test_images`` (how many); ``figures``, what `System.evaluate` returned; ``samples``,
        of a generator what `sample_figures` returned, else None.

    Raises
    ------
    CheckpointError, ValueError, OSError
        If the run or the data cannot be read.
    """
    refuse_links(folder)
    system = load_system(folder, config.device, kind)
    _, train_loader, test_loader = build(config, kind, newest_checkpoint(folder / "checkpoints"))
    found: dict[str, Any] = {
        "system": system.name,
        "data": config.test_data or config.data or system.data,
        "test_images": len(test_loader.dataset) if test_loader else 0,
    }
    with random_state_of(0):
        found["figures"] = system.evaluate(test_loader) if test_loader else {}
        found["samples"] = sample_figures(system, config, samples) if system.generates else None
        out = Path(folder) / FOLDER
        out.mkdir(exist_ok=True)
        pictures = draw_pictures(system, (test_loader or train_loader).dataset, train_loader.dataset, folder, out)
    with atomic_write(out / "figures.json", "w") as file:
        file.write(json.dumps(found, indent=1) + "\n")
    with atomic_write(out / "page.html", "w") as file:
        file.write(page(found, pictures))
    return found


# --- figures ----------------------------------------------------------------------------------------------------------


def sample_figures(system: System, config: Config, samples: int) -> dict[str, Any] | None:
    """Judge what a system draws.

    Returns
    -------
    dict or None
        For images what `minigen.metrics.judge_generator` returns; for points of a mixture ``modes`` (how many there
        are), ``modes_20`` and ``modes_100`` (with at least so many samples), ``high_quality`` and ``kl``.  None for
        data without a test part, and for points whose distribution has no modes.
    """
    kind = type(system)
    train, test = (load_samples(config, kind, train=part, shape=system.shape) for part in (True, False))
    if isinstance(train, Toy2D):
        if train.centers is None or train.sigma is None:
            return None
        found = mode_coverage(draw_samples(system, samples).cpu(), train.centers, train.sigma)
        modes = {f"modes_{least}": count for least, count in found.covered.items()}
        return {"modes": len(train.centers), **modes, "high_quality": found.high_quality, "kl": found.kl}
    if isinstance(test, PictureFolder) and config.test_data is None:
        return None  # it is what the system learned from: as a test it would praise copies
    classes = wanted_classes(system, samples).numpy() if system.conditional else None
    drawn = as_judged(draw_samples(system, samples).cpu(), kind)
    seen = as_judged(all_images(train, JUDGED_TRAINING_IMAGES), kind)
    return judge_generator(
        drawn,
        as_judged(all_images(test), kind),
        seen,
        classes,
        test_labels=np.asarray(test.targets) if classes is not None else None,
    )


def as_judged(images: Tensor, kind: type[System]) -> np.ndarray:
    """Bring images (N, C, H, W) from a system's range to the (N, 1, 28, 28) in [0, 1] that the classifier looks at."""
    low, high = kind.value_range
    return to_grey28(((images - low) / (high - low)).clamp(0.0, 1.0).numpy())


def all_images(samples: Any, at_most: int | None = None) -> Tensor:
    """Return the images (N, C, H, W) of a data set, the first ones where there are more than wanted."""
    loader = DataLoader(samples, batch_size=EVALUATION_BATCH)
    parts, count = [], 0
    for batch in loader:
        parts.append(images_of(batch))
        count += len(parts[-1])
        if at_most is not None and count >= at_most:
            break
    return minigen.cat(parts)[:at_most]


# --- pictures ---------------------------------------------------------------------------------------------------------


def draw_pictures(system: System, test: Any, train: Any, folder: Path, out: Path) -> dict[str, str]:
    """Write the pictures of the page; return the caption of each file."""
    captions = {}
    points = len(system.shape) == 1
    if system.generates:
        drawn = draw_samples(system, 1000 if points else 80)
        nrow = system.classes if system.conditional else 16
        save_samples(system, drawn, out / "grid.png", nrow=nrow, real=first_samples(test, 1000) if points else None)
        captions["grid.png"] = "Points drawn, in front of real ones." if points else "Drawn from noise."
    if system.generates and not points:
        save_samples(system, interpolation(system), out / "interpolation.png", nrow=STEPS)
        captions["interpolation.png"] = "From one noise to another, a row each: neighbouring noise, similar images."
        beside = beside_neighbours(drawn[:STEPS].cpu(), all_images(train, JUDGED_TRAINING_IMAGES))
        save_samples(system, beside, out / "neighbours.png", nrow=1 + NEIGHBOURS)
        captions["neighbours.png"] = "Drawn images, each with the training images that are nearest to it, in pixels."
    if system.restores:
        kinds = save_restored(system, first_samples(test, 24), out / "restored.png")
        captions["restored.png"] = f"Test images, each as: {', '.join(kinds)}."
    log = Path(folder) / "log.jsonl"
    if log.exists():
        plot.plot_curves(read_log(log), out / "curves.png")
        captions["curves.png"] = "How training went."
    return captions


def interpolation(system: System, rows: int = 6) -> Tensor:
    """Draw images along arcs between two noises, (rows * STEPS, C, H, W).

    Along an arc, not along a line: the noise in the middle of a line is shorter than any that a generator has learned
    from (White 2016, "Sampling generative networks", section 2.1).
    """
    a, b = (system.noise(rows).cpu().numpy() for _ in range(2))
    cosine = (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    angle = np.arccos(cosine.clip(-1, 1)).clip(1e-6)[:, None]  # (rows, 1)
    share = np.linspace(0, 1, STEPS)
    noise = [(np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle) for t in share]
    path = minigen.from_numpy(np.stack(noise, axis=1).astype(np.float32)).flatten(0, 1)  # (rows, STEPS, Z)
    labels = {"labels": (minigen.arange(len(path)) // STEPS % system.classes).to(system.device)}
    return system.sample(len(path), path.to(system.device), **labels if system.conditional else {})


def beside_neighbours(drawn: Tensor, train: Tensor) -> Tensor:
    """Put each image (N, C, H, W) in front of its nearest training images."""
    _, indices = nearest_neighbours(drawn.flatten(1).numpy(), train.flatten(1).numpy(), NEIGHBOURS)
    return minigen.cat([minigen.cat([drawn[i : i + 1], train[row]]) for i, row in enumerate(indices)])


# --- the page ---------------------------------------------------------------------------------------------------------

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { padding: .2rem .8rem; text-align: right; }
th:first-child, td:first-child { text-align: left; } tr { border-bottom: 1px solid #ddd; }
img { max-width: 100%; min-width: 20rem; image-rendering: pixelated; }
figure { margin: 2rem 0; } figcaption { color: #555; }
"""


def rows(found: dict[str, Any]) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Return what is to be shown: (name, figure) of the system, and (name, samples, real, noise) of its samples."""
    own: list[tuple[str, ...]] = [(name, f"{value:.4f}") for name, value in found["figures"].items()]
    samples = found["samples"] or {}
    if "figures" not in samples:
        return [*own, *((name, f"{value:.4g}") for name, value in samples.items())], []
    judged = {name: [row[kind] for kind in KINDS] for name, row in samples["figures"].items()}
    if found["data"] in DIGITS:
        judged |= {f"share of {digit}": [samples["classes"][kind][digit] for kind in KINDS] for digit in range(10)}
    return own, [(name, *("" if x is None else f"{x:.4g}" for x in values)) for name, values in judged.items()]


def page(found: dict[str, Any], pictures: dict[str, str]) -> str:
    """Return the page as HTML; the pictures lie beside it."""

    def table(head: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
        def row(tag: str, cells: tuple[str, ...]) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        return "<table>" + row("th", head) + "".join(row("td", line) for line in lines) + "</table>" if lines else ""

    own, judged = rows(found)
    title = html.escape(f"{found['system']} on {found['data']}")
    shown = "".join(
        f'<figure><img src="{name}" alt="{html.escape(text)}"><figcaption>{html.escape(text)}</figcaption></figure>'
        for name, text in pictures.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f"<h1>{title}</h1><p>{found['test_images']} test images.</p>"
        + table(("figure", "value"), own)
        + table(("samples", "drawn", "training images in their place", "noise"), judged)
        + shown
        + "</html>\n"
    )
