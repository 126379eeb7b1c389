"""Make the classifier that judges generators of digits, and record how good it is: a quarter of an hour on one core.

It learns from the 60,000 training digits of MNIST (in ``MINIGEN_DATA`` or the cache) and as many as a third of them
that minigen draws, so that it can judge both; and beside them, from noise and shuffled pixels, to be sure of nothing
there.  Everything follows from the seed: on the same processor, with the same
versions of NumPy and Pillow, the same bytes come out again.  The settings were chosen by what is usual and not by the
test images, which are looked at once, at the end.

    python -m benchmarks.course_classifier               make it: weights and record go into minigen/metrics
    python -m benchmarks.course_classifier --out FOLDER  put them elsewhere, and leave the package as it is
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import re
import time
from pathlib import Path

import numpy as np
import PIL
from safetensors.numpy import save

import minigen
import minigen.nn.functional as F
from benchmarks.files import write_whole
from minigen import Tensor
from minigen.data import MNIST, Glyphs, ImageSet
from minigen.data.images import bytes_to_tensor
from minigen.metrics import classifier
from minigen.metrics.arguments import CLASSES
from minigen.metrics.classifier import CourseClassifier, Network
from minigen.metrics.verdicts import calibration, confidence_share
from minigen.optim import Adam
from minigen.optim.lr_scheduler import OneCycleLR

SEED = 0
GLYPHS = 20_000
EPOCHS = 10
BATCH_SIZE = 128
LARGEST_RATE = 3e-3  # three times Adam's usual one, as one-cycle schedules allow (Smith and Topin 2019)
SHIFT = 2  # pixels by which an image is moved at most, in each direction
JUNK = 16  # images a step that are no digits: half noise, half digits with their pixels shuffled


def shifted(images: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Move each image (N, 28, 28) by up to `SHIFT` pixels; black comes in at the edge."""
    size = images.shape[1]
    padded = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)))
    down, right = draw.integers(0, 2 * SHIFT + 1, (2, len(images), 1))  # (N, 1) each
    rows, columns = down + np.arange(size), right + np.arange(size)  # (N, 28)
    return padded[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]]


def junk(images: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Make `JUNK` images that are no digits (JUNK, 28, 28), of some that are: of each, every class is as likely.

    Without them the network would be sure of noise, too (Hendrycks, Mazeika and Dietterich, "Deep anomaly detection
    with outlier exposure", 2019).
    """
    half = JUNK // 2
    brightest = draw.integers(1, 256, (half, 1, 1))
    noise = draw.integers(0, 1 + brightest, (half, *images.shape[1:])).astype(np.uint8)
    shuffled = draw.permuted(images[:half].reshape(half, -1), axis=1).reshape(noise.shape)  # each its own way
    return np.concatenate([noise, shuffled])


def train(images: np.ndarray, labels: np.ndarray, epochs: int) -> Network:
    """Return a network that has learned from bytes (N, 28, 28)."""
    minigen.manual_seed(SEED)
    draw = np.random.default_rng(SEED)
    network = Network()
    optimizer = Adam(network.parameters())
    steps = len(images) // BATCH_SIZE
    schedule = OneCycleLR(optimizer, max_lr=LARGEST_RATE, total_steps=epochs * steps)
    start = time.perf_counter()
    for epoch in range(epochs):
        order, losses = draw.permutation(len(images)), []
        for step in range(steps):
            chosen = order[step * BATCH_SIZE : (step + 1) * BATCH_SIZE]
            digits = shifted(images[chosen], draw)
            batch = bytes_to_tensor(np.concatenate([digits, junk(digits, draw)]))  # (B + JUNK, 1, 28, 28)
            wanted = np.full((len(batch), CLASSES), 1 / CLASSES, np.float32)
            wanted[: len(chosen)] = np.eye(CLASSES)[labels[chosen]]
            losses.append(train_step(network, optimizer, batch, minigen.from_numpy(wanted)))
            schedule.step()
        seconds = time.perf_counter() - start
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f} nats, {seconds:.0f} s", flush=True)
    return network


def train_step(network: Network, optimizer: Adam, images: Tensor, wanted: Tensor) -> float:
    """Take one step down the cross-entropy with the probabilities wanted (N, 10), and return it in nats."""
    loss = F.cross_entropy(network(images), wanted)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def measure(judge: CourseClassifier, digits: ImageSet) -> dict:
    """Return accuracy, confidence and calibration over test digits."""
    features, p = judge.examine(digits.data[:, None] / 255)
    bins = calibration(p, digits.targets)
    return {
        "images": len(digits),
        "accuracy": float((p.argmax(1) == digits.targets).mean()),
        "mean_confidence": float(p.max(1).mean()),
        "confidence_share_0.9": confidence_share(p),
        "calibration_error": bins.error,
        "reliability": [
            {"images": int(n), "confidence": round(float(c), 4), "accuracy": round(float(a), 4)}
            for n, c, a in zip(*bins[1:], strict=True)
            if n
        ],
        "unused_features": int((features.max(axis=0) == 0).sum()),
    }


def record_of(judge: CourseClassifier, sha256: str, epochs: int, seconds: float) -> dict:
    """Return what is stored beside the weights."""
    noise = np.random.default_rng(SEED).random((1000, 1, 28, 28))
    p = judge.probabilities(noise)
    return {
        "command": "python -m benchmarks.course_classifier",
        "sha256": sha256,
        "seed": SEED,
        "trained_on": f"MNIST, 60,000 training digits; minigen.data.Glyphs({GLYPHS})",
        "epochs": epochs,
        "batch_size": BATCH_SIZE,
        "optimizer": f"Adam, one cycle up to {LARGEST_RATE}",
        "largest_shift_pixels": SHIFT,
        "junk_images_a_step": JUNK,
        "wall_seconds": round(seconds),
        "made_with": f"minigen {minigen.__version__}, NumPy {np.__version__}, Pillow {PIL.__version__}, "
        f"Python {platform.python_version()}, {platform.machine()}",
        "parameters": sum(parameter.numel() for parameter in judge.network.parameters()),
        "mnist_test": measure(judge, MNIST(train=False)),
        "glyphs_test": measure(judge, Glyphs(10_000, train=False)),
        "uniform_noise": {"mean_confidence": float(p.max(1).mean()), "confidence_share_0.9": confidence_share(p)},
    }


def main() -> None:
    """Train, write the weights and the record, and put the sha256 into the package."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--out", type=Path, help="folder; by default the package's own")
    arguments = parser.parse_args()
    minigen.set_num_threads(1)  # sums are added in the order of the blocks, and these follow the threads
    mnist, glyphs = MNIST(train=True), Glyphs(GLYPHS)
    images = np.concatenate([mnist.data, glyphs.data])  # (80000, 28, 28)
    labels = np.concatenate([mnist.targets, glyphs.targets])  # (80000,)
    start = time.perf_counter()
    network = train(images, labels, arguments.epochs)
    seconds = time.perf_counter() - start
    content = save({name: np.asarray(tensor.numpy(), order="C") for name, tensor in network.state_dict().items()})
    sha256 = hashlib.sha256(content).hexdigest()
    record = record_of(CourseClassifier(network), sha256, arguments.epochs, seconds)
    path = classifier.weights_path(sha256)
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        path = arguments.out / path.name
    write_whole(path, content)
    write_whole(path.with_suffix(".json"), (json.dumps(record, indent=1) + "\n").encode())
    print(json.dumps(record, indent=1))
    print(f"{path}: {len(content)} bytes")
    if arguments.out is None:
        source = Path(classifier.__file__)
        text = re.sub(r'^SHA256 = ".*"$', f'SHA256 = "{sha256}"', source.read_text(encoding="utf-8"), flags=re.M)
        write_whole(source, text.encode())


if __name__ == "__main__":
    main()
