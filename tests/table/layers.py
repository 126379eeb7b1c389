"""The table of layers: at least ONE CASE FOR EVERY CLASS that `minigen.nn` exports, from which test_layers.py works.

A case says how the layer is made (the same words make PyTorch's), at which inputs it is tried, and which values its
constructor must refuse. What then holds for all of them is in test_layers.py; no test is written here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Case:
    """One layer, ready to be made and called.

    Attributes
    ----------
    cls : str
        Name of the class.
    options : dict
        The constructor's arguments; they also make PyTorch's layer.
    inputs : callable or None
        Draw -> the arrays it is called with, the batch first; None for containers that compute nothing.
    bad : dict
        For each argument the values that must be refused when the layer is made.
    note : str
        What is special about this case, where a class has several.
    torch : bool
        Whether PyTorch has it.
    rows : bool
        In evaluation, row i of the output depends on row i of the inputs alone.
    near : float
        How near PyTorch's float64 comes, some of whose constants are rounded to float32.
    smooth : bool
        The gradient is the derivative.
    echo : bool
        The layer's repr, PyTorch's, makes the layer again.
    make_with : callable or None
        (nn or torch.nn) -> layer, where the constructor takes more than numbers and words.
    """

    cls: str
    options: dict = field(default_factory=dict)
    inputs: Callable | None = lambda d: (d.away(4, 3, 4, 6),)
    bad: dict = field(default_factory=dict)
    note: str = ""
    torch: bool = True
    rows: bool = True
    near: float = 1e-9
    smooth: bool = True
    echo: bool = True
    make_with: Callable | None = None

    @property
    def name(self):
        return f"{self.cls} ({self.note})" if self.note else self.cls

    def make(self, library, **changes):
        """The layer; `changes` replace options."""
        if self.make_with is not None:
            return self.make_with(library)
        return getattr(library, self.cls)(**{**self.options, **changes})


def images(*shape):
    return lambda d: (d.normal(*shape),)


def apart(*shape):
    """No two elements alike: what a maximum is to be taken of."""
    return lambda d: (d.distinct(*shape),)


def predictions(d):
    """Probabilities, and probabilities as targets."""
    return d.rng.uniform(0.1, 0.9, (4, 3)), d.rng.uniform(0.1, 0.9, (4, 3))


def pairs(d):
    """Predictions and targets at least 0.3 apart, but not by 1: there are the kinks of the absolute losses."""
    first = d.normal(4, 3)
    return first, first + d.away(4, 3) * 0.3 + d.mask(4, 3) * 2.5


def scores_and_labels(d):
    return d.normal(6, 4), d.labels(6, classes=4)


def maxima_and_places(d):
    """Images of 2 x 3, and where in an image of 4 x 6 each pixel came from: somewhere in its window of 2 x 2."""
    corners = 12 * np.arange(2)[:, np.newaxis] + 2 * np.arange(3)  # (2, 3): the first place of each window
    return d.normal(4, 2, 2, 3), corners + d.rng.choice([0, 1, 6, 7], (4, 2, 2, 3))


COUNT, WORD = (0, -1, 2.5, "3"), ("average",)
SIZE = (0, -1, 2.5, (1, 2, 3, 4))
BORDER = (-1, 1.5, (1, 2, 3, 4))
NUMBER = (math.nan, "0.1")
POSITIVE = (-1.0, *NUMBER)
AXIS = (1.5, "1")
MOMENTUM = (-0.1, 1.5, math.nan)

CONV = {
    "in_channels": COUNT,
    "out_channels": COUNT,
    "kernel_size": SIZE,
    "stride": SIZE,
    "padding": (*BORDER, "full"),
    "dilation": SIZE,
    "groups": (*COUNT, 3),
    "padding_mode": ("mirror",),
}
TRANSPOSED = CONV | {"output_padding": BORDER}
NORM = {"num_features": COUNT, "eps": POSITIVE, "momentum": MOMENTUM}
DROP = {"p": (-0.1, 1.1, math.nan, "0.5")}
REDUCTION = {"reduction": WORD}
POOL = {"kernel_size": SIZE, "stride": SIZE, "padding": BORDER}
UNFOLD = POOL | {"dilation": SIZE}
OUTPUT = (0, -1, 2.5, (1, 2, 3))
FACTOR = (0, -1.0, "2")

ACTIVATIONS = [
    *[Case(name) for name in "Hardswish LogSigmoid Mish ReLU ReLU6 SELU SiLU Sigmoid Softsign Tanh".split()],
    Case("Hardsigmoid", near=1e-7),
    Case("ReLU", {"inplace": True}, note="in place"),
    Case("LeakyReLU", {"negative_slope": 0.2}, bad={"negative_slope": NUMBER}),
    Case("LeakyReLU", {"negative_slope": 1.5, "inplace": True}, note="steep"),
    Case("LeakyReLU", {"negative_slope": -0.5}, note="falling"),
    Case("PReLU", {"num_parameters": 3}, bad={"num_parameters": COUNT, "init": NUMBER}),
    Case("ELU", {"alpha": 0.7}, bad={"alpha": NUMBER}),
    Case("CELU", {"alpha": 0.7}, bad={"alpha": (0, *NUMBER)}, near=1e-7),
    Case("Hardtanh", {"min_val": -0.05, "max_val": 3.0}, bad={"min_val": (4, *NUMBER), "max_val": (-1, *NUMBER)}),
    Case("GELU", bad={"approximate": ("fast",)}),
    Case("GELU", {"approximate": "tanh"}, note="tanh"),
    Case("GLU", {"dim": -1}, bad={"dim": AXIS}),
    Case("Softplus", {"beta": 2.0, "threshold": 30.0}, bad={"beta": (0, *POSITIVE), "threshold": NUMBER}),
    Case("Softmax", {"dim": 1}, bad={"dim": AXIS}),
    Case("LogSoftmax", {"dim": -1}, bad={"dim": AXIS}),
    Case("Softmax2d"),
    Case("Dropout", {"p": 0.3}, bad=DROP),
    Case("AlphaDropout", {"p": 0.3}, bad=DROP),
    Case("Dropout1d", {"p": 0.3}, lambda d: (d.away(4, 3, 5),), bad=DROP),
    Case("Dropout2d", {"p": 0.3}, bad=DROP),
]

PLAIN = [
    Case("Identity"),
    Case("Flatten", bad={"start_dim": AXIS, "end_dim": AXIS}),
    Case("Flatten", {"start_dim": 2, "end_dim": -1}, note="images"),
    Case(
        "Unflatten",
        {"dim": 1, "unflattened_size": (1, 3)},
        bad={"dim": AXIS, "unflattened_size": (3, (), (1.5, 2), (-2, 3))},
    ),
    Case(
        "Linear",
        {"in_features": 5, "out_features": 3},
        images(4, 5),
        bad={"in_features": COUNT, "out_features": COUNT},
    ),
    Case("Linear", {"in_features": 6, "out_features": 3, "bias": False}, note="no bias"),
    Case(
        "Embedding",
        {"num_embeddings": 5, "embedding_dim": 3},
        lambda d: (d.labels(4, 2, classes=5),),
        bad={"num_embeddings": COUNT, "embedding_dim": COUNT, "padding_idx": (5, -6, 1.5)},
    ),
    Case(
        "Embedding",
        {"num_embeddings": 5, "embedding_dim": 3, "padding_idx": 1},
        lambda d: (d.labels(4, 2, classes=5),),
        note="padding",
        smooth=False,
    ),
]

CONTAINERS = [
    Case(
        "Sequential",
        inputs=images(4, 2, 4, 4),
        make_with=lambda n: n.Sequential(
            n.Conv2d(2, 4, 3, padding=1, bias=False),
            n.BatchNorm2d(4),
            n.LeakyReLU(0.2),
            n.ConvTranspose2d(4, 2, 4, 2, 1, groups=2),
            n.Flatten(),
            n.Linear(2 * 8 * 8, 3, bias=False),
            n.BatchNorm1d(3),
        ),
    ),
    Case(
        "ModuleList",
        inputs=None,
        make_with=lambda n: n.ModuleList([n.Linear(2, 1), n.ReLU(), n.ReLU(), n.Linear(1, 2)]),
    ),
    Case("ModuleDict", inputs=None, make_with=lambda n: n.ModuleDict({"a": n.Linear(2, 1), "b": n.ReLU()})),
    Case("ParameterList", inputs=None, torch=False, make_with=lambda n: n.ParameterList(n.Linear(2, 1).parameters())),
    Case(
        "ParameterDict",
        inputs=None,
        torch=False,
        make_with=lambda n: n.ParameterDict(dict(n.Linear(2, 1).named_parameters())),
    ),
]

CONVOLUTIONS = [
    Case("Conv2d", {"in_channels": 4, "out_channels": 2, "kernel_size": 3, "groups": 2}, images(4, 4, 5, 6), bad=CONV),
    Case(
        "Conv2d",
        {
            "in_channels": 3,
            "out_channels": 4,
            "kernel_size": (3, 2),
            "stride": (2, 1),
            "padding": (1, 0),
            "dilation": 2,
            "bias": False,
        },
        images(4, 3, 6, 7),
        note="geometry",
    ),
    Case("Conv2d", {"in_channels": 3, "out_channels": 2, "kernel_size": 3, "padding": "same"}, note="same", echo=False),
    Case(
        "ConvTranspose2d",
        {"in_channels": 4, "out_channels": 2, "kernel_size": 3, "groups": 2},
        images(4, 4, 3, 2),
        bad=TRANSPOSED,
    ),
    Case(
        "ConvTranspose2d",
        {
            "in_channels": 3,
            "out_channels": 4,
            "kernel_size": (3, 2),
            "stride": 2,
            "padding": (1, 0),
            "output_padding": (1, 0),
            "bias": False,
        },
        images(4, 3, 3, 2),
        note="geometry",
    ),
]

CONVOLUTIONS_1D = [
    Case("Conv1d", {"in_channels": 4, "out_channels": 2, "kernel_size": 3, "groups": 2}, images(4, 4, 6), bad=CONV),
    Case(
        "Conv1d",
        {"in_channels": 3, "out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1, "bias": False},
        images(4, 3, 7),
        note="geometry",
    ),
    Case(
        "ConvTranspose1d",
        {"in_channels": 4, "out_channels": 2, "kernel_size": 3, "stride": 2, "groups": 2},
        images(4, 4, 3),
        bad=TRANSPOSED,
    ),
]

POOLS = [
    Case("MaxPool2d", {"kernel_size": 2}, apart(4, 2, 4, 6), bad=POOL | {"dilation": SIZE}),
    Case(
        "MaxPool2d",
        {"kernel_size": (3, 2), "stride": 2, "padding": 1, "dilation": 1, "ceil_mode": True},
        apart(4, 2, 5, 6),
        note="geometry",
    ),
    Case("MaxPool1d", {"kernel_size": 2}, apart(4, 2, 6), bad=POOL | {"dilation": SIZE}),
    Case("AvgPool2d", {"kernel_size": 2}, bad=POOL | {"divisor_override": (0, 2.5)}),
    Case(
        "AvgPool2d",
        {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False},
        note="geometry",
    ),
    Case("AvgPool1d", {"kernel_size": 3, "stride": 2}, images(4, 2, 7), bad=POOL),
    Case("AdaptiveAvgPool1d", {"output_size": 3}, images(4, 2, 7), bad={"output_size": OUTPUT}),
    Case("AdaptiveAvgPool2d", {"output_size": (2, 3)}, images(4, 2, 5, 7), bad={"output_size": OUTPUT}),
    Case("AdaptiveMaxPool1d", {"output_size": 3}, apart(4, 2, 7), bad={"output_size": OUTPUT}),
    Case("AdaptiveMaxPool2d", {"output_size": (2, 3)}, apart(4, 2, 5, 7), bad={"output_size": OUTPUT}),
    Case("MaxUnpool2d", {"kernel_size": 2}, maxima_and_places, bad=POOL),
]

IMAGES = [
    Case("Upsample", {"scale_factor": 2}, bad={"scale_factor": FACTOR, "mode": ("fourier",)}),
    Case("Upsample", {"size": (3, 9)}, bad={"size": (0, -1, 2.5)}, note="size"),
    Case("Upsample", {"scale_factor": 2, "mode": "bilinear", "align_corners": True}, note="bilinear"),
    Case("UpsamplingNearest2d", {"scale_factor": 2}, bad={"scale_factor": FACTOR}, echo=False),
    Case("UpsamplingNearest2d", {"size": (3, 9)}, bad={"size": (0, -1, 2.5)}, note="size", echo=False),
    Case("UpsamplingBilinear2d", {"scale_factor": 2}, bad={"scale_factor": FACTOR}, echo=False),
    Case("UpsamplingBilinear2d", {"size": (3, 9)}, bad={"size": (0, -1, 2.5)}, note="size", echo=False),
    Case("PixelShuffle", {"upscale_factor": 2}, images(4, 8, 2, 3), bad={"upscale_factor": COUNT}),
    Case("PixelUnshuffle", {"downscale_factor": 2}, images(4, 2, 4, 6), bad={"downscale_factor": COUNT}),
    Case("Unfold", {"kernel_size": (2, 3)}, bad=UNFOLD),
    Case(
        "Fold",
        {"output_size": (4, 5), "kernel_size": (2, 3)},
        images(4, 12, 9),
        bad=UNFOLD | {"output_size": (0, -1, 2.5, (1, 2, 3))},
    ),
    *[
        Case(
            f"{kind}Pad{n}d", {"padding": pads} | more, bad={"padding": ("1", 1.5, (1, 2, 3))} | refused, inputs=inputs
        )
        for n, pads, inputs in ((1, (2, 1), images(4, 2, 5)), (2, (2, 1, 0, 3), images(4, 2, 5, 6)))
        for kind, more, refused in (
            ("Zero", {}, {}),
            ("Reflection", {}, {}),
            ("Replication", {}, {}),
            ("Circular", {}, {}),
            ("Constant", {"value": 3.5}, {"value": ("0.1",)}),
        )
    ],
]

NORMS = [
    Case("BatchNorm1d", {"num_features": 3}, images(6, 3), bad=NORM),
    Case("BatchNorm1d", {"num_features": 3, "momentum": None}, images(6, 3, 4), note="plain mean"),
    Case("BatchNorm2d", {"num_features": 3}, images(4, 3, 4, 5), bad=NORM),
    Case("BatchNorm2d", {"num_features": 3, "affine": False}, note="not affine"),
    Case(
        "BatchNorm2d",
        {"num_features": 3, "track_running_stats": False, "eps": 1e-3},
        images(4, 3, 4, 5),
        note="no statistics",
        rows=False,
    ),
    Case(
        "ConditionalBatchNorm2d",
        {"num_features": 3, "num_classes": 4},
        lambda d: (d.normal(4, 3, 4, 5), d.labels(4, classes=4)),
        bad=NORM | {"num_classes": COUNT},
        torch=False,
    ),
    Case("InstanceNorm1d", {"num_features": 3}, images(4, 3, 5), bad=NORM),
    Case("InstanceNorm2d", {"num_features": 3}, bad=NORM),
    Case("InstanceNorm2d", {"num_features": 3, "affine": True, "track_running_stats": True}, note="all"),
    Case(
        "AdaptiveInstanceNorm2d",
        {"num_features": 3, "style_features": 5},
        lambda d: (d.normal(4, 3, 4, 5), d.normal(4, 5)),
        bad={"num_features": COUNT, "style_features": COUNT, "eps": POSITIVE},
        torch=False,
        echo=False,
    ),
    Case(
        "GroupNorm",
        {"num_groups": 2, "num_channels": 4},
        images(4, 4, 3, 5),
        bad={"num_groups": (*COUNT, 3), "num_channels": COUNT, "eps": POSITIVE},
    ),
    Case(
        "LayerNorm",
        {"normalized_shape": (4, 6)},
        bad={"normalized_shape": (0, -1, 2.5, ()), "eps": POSITIVE},
    ),
    Case("RMSNorm", {"normalized_shape": 6}, bad={"normalized_shape": (0, -1, 2.5, ()), "eps": POSITIVE}),
    Case(
        "LocalResponseNorm",
        {"size": 2},
        images(4, 5, 3, 4),
        bad={"size": COUNT, "alpha": NUMBER, "beta": NUMBER, "k": NUMBER},
    ),
]

LOSSES = [
    Case("MSELoss", {"reduction": "none"}, pairs, bad=REDUCTION),
    Case("MSELoss", {}, pairs, note="mean", rows=False),
    Case("L1Loss", {"reduction": "none"}, pairs, bad=REDUCTION),
    Case("BCELoss", {"reduction": "none"}, predictions, bad=REDUCTION),
    Case(
        "BCEWithLogitsLoss",
        {"reduction": "none"},
        lambda d: (d.normal(4, 3), d.rng.uniform(0.1, 0.9, (4, 3))),
        bad=REDUCTION,
    ),
    Case(
        "CrossEntropyLoss",
        {"reduction": "none", "label_smoothing": 0.1},
        scores_and_labels,
        bad=REDUCTION | {"ignore_index": (1.5,), "label_smoothing": (-0.1, 1.5)},
    ),
    Case("NLLLoss", {"reduction": "none"}, scores_and_labels, bad=REDUCTION | {"ignore_index": (1.5,)}),
    Case("SmoothL1Loss", {"reduction": "none"}, pairs, bad=REDUCTION | {"beta": POSITIVE}),
    Case("HuberLoss", {"reduction": "none"}, pairs, bad=REDUCTION | {"delta": (0, *POSITIVE)}),
    Case(
        "KLDivLoss",
        {"reduction": "none"},
        lambda d: (np.log(d.rng.uniform(0.1, 0.9, (4, 3))), d.rng.uniform(0.1, 0.9, (4, 3))),
        bad=REDUCTION,
    ),
    Case(
        "GaussianNLLLoss",
        {"reduction": "none"},
        lambda d: (d.normal(4, 3), d.normal(4, 3), d.positive(4, 3)),
        bad=REDUCTION | {"eps": POSITIVE},
    ),
    Case(
        "HingeEmbeddingLoss",
        {"reduction": "none", "margin": 5.0},
        lambda d: (d.normal(4, 3), d.mask(4, 3) * 2 - 1),
        bad=REDUCTION | {"margin": NUMBER},
    ),
    Case(
        "CosineEmbeddingLoss",
        {"reduction": "none", "margin": -0.9},
        lambda d: (d.normal(4, 3), d.normal(4, 3), d.mask(4) * 2 - 1),
        bad=REDUCTION | {"margin": NUMBER},
    ),
    Case(
        "SoftMarginLoss",
        {"reduction": "none"},
        lambda d: (d.normal(4, 3), d.mask(4, 3) * 2 - 1),
        bad=REDUCTION,
    ),
    Case("CosineSimilarity", {}, pairs, bad={"dim": AXIS, "eps": POSITIVE}),
]

CASES = [
    *ACTIVATIONS,
    *PLAIN,
    *CONTAINERS,
    *CONVOLUTIONS,
    *CONVOLUTIONS_1D,
    *POOLS,
    *IMAGES,
    *NORMS,
    *LOSSES,
]
