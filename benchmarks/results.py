"""Train on real digits and write down what came out: ``python -m benchmarks.results`` (or ``make results``).

Every step is a command that anybody can type; it is printed before it runs.  Runs are kept in runs/results and
resumed, so that an interrupted call goes on where it was.  Real MNIST is taken from MINIGEN_DATA or the cache, or
downloaded where ``--download`` is given.  The judge, a CNN, is trained and stored before the generators
that it judges.  The output is docs/results.md, with grids of samples beside it in docs/_static.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np

import minigen
from minigen.data import DataLoader, load
from minigen.models.system import System, evaluating
from minigen.training import load_system, read_log

ROOT = Path(__file__).parents[1]
RUNS = Path("runs/results")
STATIC = ROOT / "docs" / "_static"
JUDGED = 1000  # samples a generator is judged on

# name, the command that trains it, and the grid of samples that the page shows
TRAINING = {
    "judge": "minigen train cnn --data mnist --epochs 3 --seed 0",
    "glyph-judge": "minigen train cnn --data glyphs --epochs 3 --seed 0",
    "dcgan": "minigen train dcgan --data mnist --epochs 5 --seed 0",
    "vae": "minigen train vae --data mnist --epochs 10 --seed 0",
    "demo": "minigen train dcgan --data glyphs --steps 2500 --batch-size 32 --lr 8e-4 --generator-width 32 "
    "--discriminator-width 32 --evaluate-every 0 --sample-every 200 --seed 0",
}
PICTURES = {"dcgan": "dcgan-mnist.png", "vae": "vae-mnist.png", "demo": "demo.png"}


def command(line: str) -> None:
    """Show a minigen command, and run it with this Python, its BLAS on one core: another core stays free."""
    print("$", line, flush=True)
    one_core = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", *line.split()], check=True, env={**os.environ, **one_core})


def train(name: str, extra: str) -> str:
    """Train one run, or go on with it; return the command that does it in one go."""
    folder, whole = RUNS / name, f"{TRAINING[name]} --out {RUNS / name}{extra}"
    command(f"minigen train --resume {folder} --quiet" if (folder / "config.toml").exists() else f"{whole} --quiet")
    return whole


def last_test_line(name: str) -> dict:
    """The last line of a run's log that holds figures over the test set."""
    return [line for line in read_log(RUNS / name / "log.jsonl") if any(key.startswith("test/") for key in line)][-1]


# --- judging ------------------------------------------------------------------------------------------------


def verdicts(judge: System, batches) -> tuple[minigen.Tensor, minigen.Tensor]:
    """The judge's class (N,) and its confidence (N,), the probability of that class, for images in [0, 1]."""
    with evaluating(judge):
        best = [judge(images).softmax(1).max(1) for images in batches]
    return minigen.cat([b.indices for b in best]), minigen.cat([b.values for b in best])


def judged_samples(judge: System, generator: System, seed: int = 0) -> tuple[minigen.Tensor, minigen.Tensor]:
    """What the judge says of `JUDGED` images drawn from one seed."""
    minigen.manual_seed(seed)
    low, high = generator.value_range
    images = (generator.sample(JUDGED) - low) / (high - low)
    return verdicts(judge, images.split(250))


def summary(title: str, classes: minigen.Tensor, confidence: minigen.Tensor) -> str:
    """One line of the table of verdicts: mean confidence, how many are sure, and the share of each class."""
    shares = [float((classes == digit).float().mean()) for digit in range(10)]
    sure = float((confidence >= 0.9).float().mean())
    cells = " | ".join(f"{100 * share:.1f}" for share in shares)
    return f"| {title} | {float(confidence.mean()):.3f} | {100 * sure:.1f} % | {cells} |"


VERDICT_HEAD = (
    "| images | mean confidence | confidence >= 0.9 | "
    + " | ".join(f"{digit} (%)" for digit in range(10))
    + " |\n|---|---|---|"
    + "---|" * 10
)


# --- the page -----------------------------------------------------------------------------------------------

PAGE = """# What the systems reach

Written by `make results` ({versions}).  Every figure comes from the
command above it.  Training times are those of one busy machine with {cores} cores, one of them for BLAS, and say little
about another.

## The classifier, which is the judge

    {judge}

LeNet-like CNN, real MNIST, 3 epochs: **{accuracy:.2f} %** of the 10,000 test digits ({judge_seconds:.0f} s).
It was stored before the generators on MNIST below were trained, and is used as it is.

## DCGAN

    {dcgan}

Radford et al. (2016), real MNIST, 5 epochs ({dcgan_seconds:.0f} s).  1,000 samples from one seed, classified by the
judge; beside them its verdicts on the real test digits.

{verdict_head}
{real_verdict}
{dcgan_verdict}

![digits drawn by the DCGAN](_static/dcgan-mnist.png)

## VAE

    {vae}

784-400-20, real MNIST, 10 epochs ({vae_seconds:.0f} s), grey levels in the Bernoulli likelihood: **{nats:.2f} nats**
per test image (negative ELBO; {reconstruction:.2f} reconstruction + {kl:.2f} KL).  Grey-level figures compare with
grey-level figures only: those of binarised digits are 15 to 20 nats lower.

![digits drawn by the VAE](_static/vae-mnist.png)

## The demo

    {demo}

Half as wide as above, on the built-in glyphs, as `make demo` trains it ({demo_seconds:.0f} s).  1,000 samples,
classified by a CNN of {glyph_accuracy:.2f} % accuracy on test glyphs (`{glyph_judge}`).

{verdict_head}
{glyph_verdict}
{demo_verdict}

The demo's step size, batch and width were chosen by such a table, among a handful of settings, so its line is not an
independent test.

![digits drawn by the demo](_static/demo.png)
"""


def verdict_on_test_set(title: str, judge: System, data: str) -> str:
    """The judge's line on the test set that it was made for."""
    loader = DataLoader(load(data, train=False), batch_size=250)
    return summary(title, *verdicts(judge, (images for images, _ in loader)))


def main() -> None:
    """Train everything that is not trained yet, judge, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--download", action="store_true", help="fetch MNIST if it is not on this machine")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "results.md", help="where to write the page")
    arguments = parser.parse_args()
    minigen.tune_allocator()

    facts: dict[str, object] = {}
    for name, line in TRAINING.items():
        extra = " --download" if arguments.download and "mnist" in line else ""
        facts[name.replace("-", "_")] = train(name, extra)
        facts[f"{name.replace('-', '_')}_seconds"] = read_log(RUNS / name / "log.jsonl")[-1]["seconds"]
    STATIC.mkdir(parents=True, exist_ok=True)
    for name, picture in PICTURES.items():
        command(f"minigen sample {RUNS / name} --n 80 --nrow 16 --out {STATIC / picture}")

    judge, glyph_judge = load_system(RUNS / "judge"), load_system(RUNS / "glyph-judge")
    vae = last_test_line("vae")
    facts |= {
        "versions": versions(),
        "cores": os.cpu_count(),
        "accuracy": 100 * last_test_line("judge")["test/accuracy"],
        "glyph_accuracy": 100 * last_test_line("glyph-judge")["test/accuracy"],
        "nats": vae["test/nats"],
        "reconstruction": vae["test/reconstruction"],
        "kl": vae["test/kl"],
        "verdict_head": VERDICT_HEAD,
        "real_verdict": verdict_on_test_set("real test digits", judge, "mnist"),
        "dcgan_verdict": summary("DCGAN", *judged_samples(judge, load_system(RUNS / "dcgan"))),
        "glyph_verdict": verdict_on_test_set("test glyphs", glyph_judge, "glyphs"),
        "demo_verdict": summary("demo", *judged_samples(glyph_judge, load_system(RUNS / "demo"))),
    }
    page = PAGE.format(**facts)
    arguments.page.write_text(page)
    print(page)


def versions() -> str:
    """The versions that the figures depend on."""
    return f"minigen {minigen.__version__}, NumPy {np.__version__}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
