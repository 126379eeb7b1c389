"""Exercises of chapter 13: sizes of a generator, the loudness of its last layer, tanh's range, batches for D."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from minigen.course.compare import expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import named

# ---- 13.1 ---------------------------------------------------------------------------------------------------------


def _reached(small, extra):
    """Count the pixels that a transposed convolution (kernel 5, stride 2, padding 2) makes of ``small`` ones."""
    last = max(2 * i + k for i in range(small) for k in range(5))
    return len(range(2, last - 2 + 1)) + extra


def _plan(name, kind):
    """Check a plan step by step: each map is what a convolution makes of the next, and is enlarged to just that."""

    def part(answer, draw):
        smallest = draw.constants["SMALLEST"]
        for _ in range(3):
            if kind == "powers":
                size = smallest * 2 ** draw.size(2, 4)
            elif kind == "odd":
                size = smallest * 8 - draw.size(1, smallest)
            else:
                size = draw.size(1, smallest)
            want = [size]
            while want[0] > smallest:
                want.insert(0, len(range(0, want[0], 2)))  # a window begins at every second pixel
            got = named(answer(size), ("sizes", "extras"))
            if name == "sizes":
                expect(got["sizes"], want, f"the sizes for {size} pixels")
                continue
            extras = [0 if _reached(a, 0) == b else 1 for a, b in pairwise(want)]
            expect(np.asarray(got["extras"], dtype=float), np.asarray(extras, dtype=float), f"extras for {size} pixels")

    return part


PLAN = Exercise(
    name="plan_generator",
    task="the sizes of a generator's maps and the output_padding of its layers, for a wanted size of picture",
    constants={"SMALLEST": (4, 3, 5, 6, 7)},
    parts=[
        Part("sizes", 2, _plan("sizes", "odd")),
        Part("extras", 2, _plan("extras", "odd")),
        Part("even doublings", 1, _plan("extras", "powers")),
        Part("nothing to enlarge", 1, _plan("sizes", "small")),
    ],
    wrong=[
        Wrong(
            {"(sizes[0] + 1) // 2": "sizes[0] // 2"},
            "A convolution of stride 2, padding 2 and kernel 5 takes 7 pixels to 4, not to 3: round up.",
        ),
        Wrong(
            {"sizes[0] > SMALLEST": "sizes[0] >= SMALLEST"},
            "This halves once more than it must: a map of just SMALLEST pixels is small enough.",
        ),
        Wrong(
            {"large - (2 * small - 1)": "large - 2 * small"},
            "The layer takes n to 2n - 1, so the extra is what is missing from there, 0 or 1; it is never below 0.",
        ),
        Wrong(
            {"return sizes, extras": "return sizes[::-1], extras[::-1]"},
            "G begins with its smallest map, and you begin with the picture: turn the lists round.",
        ),
        Wrong(
            {"large - (2 * small - 1) for": "1 for"},
            "An extra of 1 everywhere doubles each map exactly. Where the next size is odd, that is 1 too many.",
        ),
    ],
)

# ---- 13.2 ---------------------------------------------------------------------------------------------------------


def _spread(batch_norm, deep=False):
    """Compare with the closed form: only the last layer counts, or all of them."""

    def part(answer, draw):
        for _ in range(2):
            layers = draw.size(3, 5) if deep else 1
            widths = [draw.size(10, 100), *(2 ** draw.size(3, 7) for _ in range(layers)), draw.size(1, 3)]
            std, half = draw.number(0.01, 0.3), draw.constants["KERNEL"] / 2
            if batch_norm:
                want = std * half * math.sqrt(widths[-2] / 2)
            else:
                want = std ** (layers + 1) * half**layers * math.sqrt(math.prod(c / 2 for c in widths[1:-1]))
                want *= math.sqrt(widths[0])
            got = answer(widths, std, batch_norm)
            expect(np.asarray(got, dtype=float) / want, 1.0, "the spread, divided by the right one,")

    return part


SPREAD = Exercise(
    name="spread_before_tanh",
    task="the standard deviation of a pixel before tanh in an untrained generator, with and without batch norm",
    constants={"KERNEL": (4, 2, 6, 8)},
    parts=[
        Part("one hidden map", 1, _spread(False)),
        Part("without batch norm", 2, _spread(False, deep=True)),
        Part("batch norm", 2, _spread(True, deep=True)),
    ],
    wrong=[
        Wrong(
            {"(KERNEL / 2) ** 2": "KERNEL**2"},
            "Of the k * k taps only every second in each direction reaches a given pixel: (k/2)**2 of them.",
        ),
        Wrong(
            {"        square = square / 2  # relu\n": ""},
            "ReLU is left out: it makes half of the numbers 0, and half of the mean square is left.",
        ),
        Wrong(
            {"square / 2  # relu": "square * (1 - 1 / np.pi) / 2"},
            "This is the variance behind ReLU. The next layer adds products of h, and their spread needs the mean of "
            "h squared, mean and all.",
        ),
        Wrong({"return np.sqrt(square)": "return square"}, "This is the variance; the standard deviation is its root."),
        Wrong(
            {"channels * (KERNEL / 2) ** 2 * std**2": "channels * (KERNEL / 2) ** 2 * std"},
            "The variance of a weight is std squared.",
        ),
        Wrong(
            {
                "    for channels in widths[1:-1]:\n        if batch_norm:\n            square = 1.0\n": (
                    "    for channels in widths[1:-1]:\n"
                ),
                "    return np.sqrt(square)": "    return 1.0 if batch_norm else np.sqrt(square)",
            },
            "Batch norm stands behind the hidden layers only. The last layer has none, so its spread is its own.",
        ),
        Wrong(
            {"    for channels in widths[1:-1]:": "    for channels in widths[2:]:"},
            "The products for one pixel come from the channels that go into the layer, not from those that come out.",
        ),
    ],
)

# ---- 13.3 ---------------------------------------------------------------------------------------------------------


def _there(answer, draw):
    low = draw.constants["LOW"]
    pictures = draw.integers(0, 256, *draw.sizes(3, 2, 6)).astype(np.uint8)
    pictures.flat[:3] = 0, 255, 254
    want = [low + (1 - low) * (int(byte) / 255) for byte in pictures.flat]
    expect(answer(pictures), np.reshape(want, pictures.shape), "the values")


def _back(answer, draw):
    """All 256 bytes, in any order, each a little off."""
    low = draw.constants["LOW"]
    bytes_ = draw.rng.permutation(256)
    off = draw.uniform(0.1, 0.45, 256) * draw.rng.choice([-1.0, 1.0], 256)
    off[(bytes_ == 0) | (bytes_ == 255)] = 0.0
    values = np.array([low + (1 - low) * (b + o) / 255 for b, o in zip(bytes_, off, strict=True)])
    expect(answer.call("to_bytes", values.reshape(16, 16)), bytes_.reshape(16, 16), "the bytes")


def _ends(answer, draw):
    low = draw.constants["LOW"]
    values = np.array([low, 1.0, low - draw.number(0.1, 3), 1 + draw.number(0.1, 3), 1 + 1e-7])
    got = answer.call("to_bytes", values)
    expect(got, [0, 255, 0, 255, 255], "the bytes of both ends and of values beyond them")
    expect_that(getattr(got, "dtype", None) == np.uint8, "the bytes should be an array of np.uint8")


RANGE = Exercise(
    name="to_range",
    names=("to_bytes",),
    task="bytes into the range LOW to 1, and values back into the nearest bytes",
    constants={"LOW": (-1.0, -0.5, -2.0, -1.5)},
    parts=[Part("there", 1, _there), Part("back", 2, _back), Part("ends", 1, _ends)],
    wrong=[
        Wrong(
            {"(pictures / 255)": "(pictures / 256)"},
            "A byte ends at 255. Divided by 256, white does not become 1.",
        ),
        Wrong(
            {"return LOW + (1 - LOW) * (pictures / 255)": "return LOW + pictures / 255"},
            "The range from LOW to 1 is 1 - LOW long: the bytes must be stretched as well as shifted.",
        ),
        Wrong(
            {"np.round(np.clip(grey, 0, 255))": "np.clip(grey, 0, 255)"},
            "What is behind the point is cut off by astype, so many bytes come back one too small: round first.",
        ),
        Wrong(
            {"np.round(np.clip(grey, 0, 255))": "np.round(grey)"},
            "Beyond the ends a byte goes round the corner: 256 is stored as 0. Clip before astype.",
        ),
        Wrong(
            {"grey = 255 *": "grey = 256 *"},
            "There are 256 bytes, but from 0 to 255 it is 255 steps.",
        ),
        Wrong(
            {"np.round(np.clip(grey, 0, 255))": "np.clip(grey + 1, 0, 255)"},
            "Adding 1 and cutting off rounds up. The nearest byte needs + 0.5, or np.round.",
        ),
    ],
)

# ---- 13.4 ---------------------------------------------------------------------------------------------------------


def _channel(x, seen):
    """Normalise the numbers of one channel by the moments of those in ``seen``, in scalars."""
    seen = [float(v) for v in np.ravel(seen)]
    mean = math.fsum(seen) / len(seen)
    variance = math.fsum((v - mean) ** 2 for v in seen) / len(seen)
    return (x - mean) / math.sqrt(variance + 1e-5)


def _normalised(together, name, scale=1.0):
    def part(answer, draw):
        n, m, c, h, w = draw.sizes(5, 2, 7)
        batches = {
            "real": scale * draw.normal(n, c, h, w),
            "fake": scale * (draw.normal(m, c, h, w) * draw.uniform(0.5, 2, c, 1, 1) + draw.away_from_zero(c, 1, 1)),
        }
        got = named(answer(*batches.values(), together), batches)[name]
        want = np.empty(batches[name].shape)
        for k in range(c):
            seen = [x[:, k].ravel() for x in batches.values()] if together else [batches[name][:, k].ravel()]
            want[:, k] = _channel(batches[name][:, k], np.concatenate(seen))
        expect(got, want, f"the normalised {name} pictures")

    return part


NORMALISED = Exercise(
    name="normalised",
    task="real and forged pictures after batch norm, in batches of their own or in one",
    parts=[
        Part("apart", 2, _normalised(False, "fake")),
        Part("together, real", 1, _normalised(True, "real")),
        Part("together, fake", 1, _normalised(True, "fake")),
        Part("nearly flat channels", 1, _normalised(False, "real", 1e-3)),
    ],
    wrong=[
        Wrong(
            {"seen = both if together else x": "seen = both"},
            "Apart, each batch has its own mean and variance; these are those of all pictures.",
        ),
        Wrong(
            {"seen = both if together else x": "seen = x"},
            "Together, mean and variance are of all N + M pictures; these are those of each kind.",
        ),
        Wrong(
            {"seen = both if together else x": "seen = both if together else real"},
            "Here the forged pictures are normalised by the real ones. Each batch has its own mean and variance.",
        ),
        Wrong(
            {
                "variance = seen.var(axis=(0, 2, 3), keepdims=True)": (
                    "variance = (real.var(axis=(0, 2, 3), keepdims=True) + fake.var(axis=(0, 2, 3), keepdims=True)) / 2"
                    " if together else seen.var(axis=(0, 2, 3), keepdims=True)"
                )
            },
            "The variance of the whole batch is not the mean of the two: the gap between their means belongs to it.",
        ),
        Wrong(
            {
                "seen.mean(axis=(0, 2, 3), keepdims=True)": "seen.mean(axis=0, keepdims=True)",
                "seen.var(axis=(0, 2, 3), keepdims=True)": "seen.var(axis=0, keepdims=True)",
            },
            "Each pixel has a mean of its own here. A channel has one, over pictures, rows and columns.",
        ),
        Wrong(
            {"np.sqrt(variance + 1e-5)": "np.sqrt(variance)"},
            "Add 1e-5 to the variance: in a nearly flat channel it matters.",
        ),
    ],
)

CHAPTER = Chapter(
    number=13,
    name="dcgan",
    title="DCGAN on digits: every choice of the recipe ablated",
    hours=3,
    needs=(7, 8, 12),
    exercises=[PLAN, SPREAD, RANGE, NORMALISED],
)
