"""What other programs say of the same numbers: `record_metrics.py` asks them, and metrics.json holds the answers.

Here are the numbers that both sides are given; they follow from a seed.  The tests need neither of those programs.
"""

import json
from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("metrics.json")
REAL, FAKE, SIZE, CLASSES = 400, 350, 12, 5


def numbers():
    """Return by name what is measured: features like those behind a ReLU, logits, weights, codes and factors."""
    draw = np.random.default_rng(20)
    mix = draw.standard_normal((SIZE, SIZE))
    real = np.maximum(draw.standard_normal((REAL, SIZE)) @ mix + 0.5, 0)
    fake = np.maximum(draw.standard_normal((FAKE, SIZE)) @ (mix + 0.2 * draw.standard_normal((SIZE, SIZE))) + 0.8, 0)
    factors = np.stack([draw.integers(3, size=REAL), draw.integers(4, size=REAL)], axis=1)
    codes = factors @ draw.standard_normal((2, 4)) + 0.3 * draw.standard_normal((REAL, 4))
    return {
        "real": real,
        "fake": fake,
        "unused": np.concatenate([fake, np.zeros((FAKE, 3))], axis=1),  # features that never fire: singular covariances
        "unused_real": np.concatenate([real, np.zeros((REAL, 3))], axis=1),
        "logits": 3 * draw.standard_normal((FAKE, CLASSES)),
        "log_weights": -100 + 5 * draw.standard_normal((20, 12)),
        "factors": factors,
        "codes": codes,
    }


def answers():
    """Return what the other programs said."""
    return json.loads(PATH.read_text(encoding="utf-8"))
