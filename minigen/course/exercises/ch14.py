"""Exercises of chapter 14: label maps, a bias for each class, wrong labels in D's loss, obedience and variety."""

from __future__ import annotations

import math

import numpy as np

from minigen.course.compare import expect
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import named

# ---- 14.1 ---------------------------------------------------------------------------------------------------------


def _maps(part_of):
    def part(answer, draw):
        classes = draw.constants["CLASSES"]
        n, c, h, w = draw.sizes(4, 2, 6)
        x, labels = draw.normal(n, c, h, w), draw.integers(0, classes, n)
        labels[:2] = 0, classes - 1
        want = np.zeros((n, c + classes, h, w))
        for i in range(n):
            for k in range(c):
                want[i, k] = x[i, k]
            for k in range(classes):
                for row in range(h):
                    for column in range(w):
                        want[i, c + k, row, column] = float(k == labels[i])
        got = answer(x, labels)
        expect(np.shape(got), want.shape, "the shape")
        chosen = slice(0, c) if part_of == "the picture's channels" else slice(c, None)
        expect(got[:, chosen], want[:, chosen], part_of)

    return part


MAPS = Exercise(
    name="with_label_maps",
    task="pictures with a map for each class behind their channels, all 1 for the picture's class",
    constants={"CLASSES": (10, 7, 8, 9, 11, 12)},
    parts=[
        Part("maps", 2, _maps("the maps of the classes")),
        Part("channels", 1, _maps("the picture's channels")),
    ],
    wrong=[
        Wrong(
            {"[x, maps]": "[maps, x]"},
            "The maps come after the channels of the picture; here they stand before them.",
        ),
        Wrong(
            {"maps[np.arange(n), labels] = 1": "maps[:, labels] = 1"},
            "With maps[:, labels] every picture gets the maps of all labels of the batch: pair each row with its own.",
        ),
        Wrong(
            {"maps[np.arange(n), labels] = 1": "maps += (labels / CLASSES)[:, None, None, None]"},
            "A class is no quantity. Each class has a map of its own, 1 or 0.",
        ),
        Wrong(
            {"maps[np.arange(n), labels] = 1": "maps[np.arange(n), labels, 0, 0] = 1"},
            "Only one pixel says the class. A convolution looks at a small window: the whole map must be 1.",
        ),
        Wrong(
            {"maps[np.arange(n), labels] = 1": "maps[np.arange(n), labels - 1] = 1"},
            "Classes count from 0, so class 0 has the first map and not the last.",
        ),
    ],
)

# ---- 14.2 ---------------------------------------------------------------------------------------------------------


def _layer(draw):
    inputs, classes, units, n = draw.sizes(4, 3, 8)
    return inputs, classes, units, n, draw.normal(inputs + classes, units), draw.normal(units)


def _weights(answer, draw):
    inputs, _, units, _, w, b = _layer(draw)
    want = [[w[i, j] for j in range(units)] for i in range(inputs)]
    expect(named(answer(w, b, inputs), ("weights", "biases"))["weights"], want, "weights")


def _biases(answer, draw):
    """What the layer gives for each class where all pixels are 0."""
    inputs, classes, units, _, w, b = _layer(draw)
    got = named(answer(w, b, inputs), ("weights", "biases"))["biases"]
    want = np.zeros((classes, units))
    for label in range(classes):
        given = [0.0] * inputs + [draw.constants["GAIN"] * (k == label) for k in range(classes)]
        for j in range(units):
            want[label, j] = math.fsum(a * w[i, j] for i, a in enumerate(given)) + b[j]
    expect(got, want, "biases")


def _together(answer, draw):
    inputs, classes, units, n, w, b = _layer(draw)
    x, labels = draw.normal(n, inputs), draw.integers(0, classes, n)
    got = named(answer(w, b, inputs), ("weights", "biases"))
    want = np.zeros((n, units))
    for i in range(n):
        given = [*x[i], *(draw.constants["GAIN"] * (k == labels[i]) for k in range(classes))]
        for j in range(units):
            want[i, j] = math.fsum(a * w[k, j] for k, a in enumerate(given)) + b[j]
    expect(np.asarray(x @ got["weights"] + got["biases"][labels]), want, "x @ weights + biases[labels]")


BIASES = Exercise(
    name="class_biases",
    task="the weights of a linear layer for the pixels, and the bias that it has for each class",
    constants={"GAIN": (8.0, 3.0, 5.0, 12.0, 20.0)},
    parts=[Part("weights", 1, _weights), Part("biases", 2, _biases), Part("the same layer", 1, _together)],
    wrong=[
        Wrong({"b + GAIN": "GAIN"}, "The layer's own bias is lost: it is the same for all classes, and stays."),
        Wrong({"GAIN * w[inputs:]": "w[inputs:]"}, "The 1 of the one-hot vector is multiplied by GAIN."),
        Wrong(
            {"weights = w[:inputs]": "weights = w[-inputs:]", "w[inputs:]": "w[:-inputs]"},
            "The pixels stand first in the input, so theirs are the first rows.",
        ),
        Wrong(
            {"b + GAIN * w[inputs:]": "GAIN * (b + w[inputs:])"},
            "The gain belongs to the one-hot vector, and b is added afterwards: it has no gain.",
        ),
        Wrong(
            {"b + GAIN * w[inputs:]": "b + GAIN * w[inputs:].sum(axis=0)"},
            "A one-hot vector picks out one row of the weights; this is the sum of all of them.",
        ),
    ],
)

# ---- 14.3 ---------------------------------------------------------------------------------------------------------


def _softplus(x):
    """Compute log(1 + exp(x)) in scalars."""
    x = float(x)
    return x + math.log1p(math.exp(-x)) if x > 0 else math.log1p(math.exp(x))


def _pairs(scale, only=None):
    def part(answer, draw):
        sizes = dict(zip(("real", "fake", "wrong"), draw.sizes(3, 3, 9), strict=True))
        logits = {name: scale * draw.normal(n) for name, n in sizes.items()}
        if scale > 1:  # each kind is surely misjudged somewhere
            for name, sign in (("real", -1), ("fake", 1), ("wrong", 1)):
                logits[name][0] = sign * draw.number(800, 1000)
        if only:
            logits |= {name: np.full(n, -60.0) for name, n in sizes.items() if name not in (only, "real")}
            logits["real"] = np.full(sizes["real"], 60.0) if only != "real" else logits["real"]
        weight = draw.constants["WRONG_WEIGHT"]
        shares = {"real": 1.0, "fake": 1 - weight, "wrong": weight}
        want = math.fsum(
            share * math.fsum(_softplus(-x if name == "real" else x) for x in logits[name]) / sizes[name]
            for name, share in shares.items()
        )
        expect(answer(*logits.values()), want, "the loss")

    return part


PAIRS = Exercise(
    name="three_pairs_loss",
    task="D's loss on real pairs, forged ones, and real pictures under wrong labels",
    constants={"WRONG_WEIGHT": (0.5, 0.2, 0.3, 0.4, 0.6)},
    parts=[
        Part("real and forged", 2, _pairs(1.0, "fake")),
        Part("all three", 2, _pairs(1.0)),
        Part("stability", 1, _pairs(1000.0)),
    ],
    wrong=[
        Wrong(
            {"np.logaddexp(0, wrong)": "np.logaddexp(0, -wrong)"},
            "Pairs with a wrong label are to be called forged, though the picture is real: log(1 - D).",
        ),
        Wrong(
            {"(1 - WRONG_WEIGHT) * for_fake": "for_fake"},
            "Here the forgeries weigh 1 + w together. Wrong pairs take their share from G's: 1 - w is left to those.",
        ),
        Wrong(
            {"+ WRONG_WEIGHT * for_wrong": ""},
            "The wrong labels are left out: D has no reason to read.",
        ),
        Wrong(
            {"for_fake = np.logaddexp(0, fake)": "for_fake = np.logaddexp(0, -fake)"},
            "For what G draws it is log(1 - D), and 1 - s(x) = s(-x): the sign of the logit changes.",
        ),
        Wrong(
            {"np.logaddexp(0, fake).mean()": "-np.log(1 - 1 / (1 + np.exp(-fake))).mean()"},
            "Where D is sure, 1 - D is rounded to 0 before its logarithm is taken. log(1 - s(x)) is -logaddexp(0, x).",
        ),
        Wrong(
            {"return for_real + ": "return (1 - WRONG_WEIGHT) * for_real + "},
            "Only the forgeries are divided into two kinds. The real pairs keep their whole weight.",
        ),
    ],
)

# ---- 14.4 ---------------------------------------------------------------------------------------------------------


def _drawn(draw, kind):
    """Draw verdicts and features; one class has a single obedient picture, and one has none."""
    classes, size = draw.sizes(2, 4, 7)
    wanted = draw.rng.permutation(np.repeat(np.arange(classes), draw.integers(4, 9, classes)))
    n = len(wanted)
    found = np.where(draw.uniform(0, 1, n) < 0.6, wanted, draw.integers(0, classes, n))
    found[wanted == 0] = 1
    found[np.flatnonzero(wanted == 1)[1:]] = 0
    found[np.flatnonzero(wanted == 1)[0]] = 1
    found[np.flatnonzero(wanted == 2)[:3]] = 2
    if kind == "none":
        found = (wanted + 1) % classes
    if kind == "all":
        found = wanted
    odds = draw.uniform(0.1, 1, n, classes)
    odds[np.arange(n), found] += 1.5
    features = draw.normal(n, size) + 3 * draw.normal(classes, size)[wanted]
    return odds / odds.sum(axis=1, keepdims=True), features, wanted, found


def _obedience(name, kind="some"):
    def part(answer, draw):
        probabilities, features, wanted, found = _drawn(draw, kind)
        obeyed = [i for i in range(len(wanted)) if found[i] == wanted[i]]
        spreads = []
        for label in sorted(set(wanted.tolist())):
            rows = [features[i] for i in obeyed if wanted[i] == label]
            if len(rows) > 1:
                mean = [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)]
                squares = [math.fsum((a - m) ** 2 for a, m in zip(row, mean, strict=True)) for row in rows]
                spreads.append(math.fsum(squares) / (len(rows) - 1))
        want = {
            "obedience": len(obeyed) / len(wanted),
            "variety": math.fsum(spreads) / len(spreads) if spreads else 0.0,
        }
        got = named(answer(probabilities, features, wanted), want)
        if kind == "none":
            expect(got["obedience"], want["obedience"], "obedience")
        expect(got[name], want[name], name)

    return part


OBEDIENCE = Exercise(
    name="obedience_and_variety",
    task="the share of pictures that are what was asked for, and how much those of a class differ",
    parts=[
        Part("obedience", 1, _obedience("obedience")),
        Part("variety", 2, _obedience("variety")),
        Part("all obey", 1, _obedience("variety", "all")),
        Part("none obeys", 1, _obedience("variety", "none")),
    ],
    wrong=[
        Wrong(
            {"features[obeyed & (wanted == label)]": "features[wanted == label]"},
            "Disobedient pictures count as variety here. Take those that show the class that was asked for.",
        ),
        Wrong(
            {"features[obeyed & (wanted == label)]": "features[probabilities.argmax(axis=1) == label]"},
            "These are all pictures in which the class was found, asked for or not.",
        ),
        Wrong(
            {"/ (len(f) - 1)": "/ len(f)"},
            "Divide by n - 1: the mean was taken from the same pictures.",
        ),
        Wrong(
            {"((f - f.mean(axis=0)) ** 2).sum()": "((f - features[obeyed].mean(axis=0)) ** 2).sum()"},
            "The distance is from the mean of the class, not of all pictures: classes differ, and that is no variety.",
        ),
        Wrong(
            {"((f - f.mean(axis=0)) ** 2).sum() / (len(f) - 1)": "f.var(axis=0, ddof=1).mean()"},
            "This is the mean over the features. A squared distance is their sum.",
        ),
        Wrong(
            {"np.mean(found) if found else 0.0": "np.mean(found)"},
            "If no class has two obedient pictures, this is the mean of nothing, which is no number: return 0.",
        ),
        Wrong(
            {"np.mean(found) if found else 0.0": "np.sum(found) / len(np.unique(wanted))"},
            "A class without two obedient pictures is left out of the mean; here it counts as one without variety.",
        ),
    ],
)

CHAPTER = Chapter(
    number=14,
    name="conditions",
    title="Conditions: cGAN, cDCGAN, CVAE",
    hours=3,
    needs=(11, 12, 13),
    exercises=[MAPS, BIASES, PAIRS, OBEDIENCE],
)
