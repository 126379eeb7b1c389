"""Rows of losses."""

import numpy as np

import minigen
import minigen.nn.functional as F
from minigen.checks import reference
from minigen.functional import losses
from table.arithmetic import near_but_apart
from table.row import Row


def loss(name, inputs, covers=(), batched=(0, 1), reductions=("mean", "sum", "none"), title="", **options):
    """Rows of one loss for each reduction; only "none" keeps the batch."""
    arrays = {key: value for key, value in options.items() if isinstance(value, np.ndarray)}

    def call(module, make, xs, reduction):
        made = {key: make(value, xs[0].dtype) for key, value in arrays.items()}
        return getattr(module, name)(*xs, reduction=reduction, **(options | made))

    return [
        Row(
            f"{name} ({reduction}{title})",
            lambda *xs, r=reduction: call(F, lambda a, dtype: minigen.tensor(a, dtype=dtype), xs, r),
            inputs,
            lambda *xs, r=reduction: getattr(reference, name)(*xs, reduction=r, **options),
            covers,
            lambda t, *xs, r=reduction: call(t.nn.functional, lambda a, dtype: t.tensor(a, dtype=dtype), xs, r),
            batched=batched if reduction == "none" else (),
        )
        for reduction in reductions
    ]


CLASS_WEIGHTS = np.array([0.5, 2.0, 1.0])


def labelled(*shape, classes=3, ignored=False):
    """Scores (N, classes, ...) and labels (N, ...); with `ignored` the first label does not count."""

    def inputs(d):
        labels = d.labels(*shape, classes=classes)
        if ignored:
            labels.flat[0] = -100
        return d.normal(shape[0], classes, *shape[1:]), labels

    return inputs


ROWS = [
    *loss("mse_loss", lambda d: (d.normal(4, 3), d.normal(4, 3))),
    *loss("l1_loss", near_but_apart),
    *loss(
        "binary_cross_entropy",
        lambda d: (d.positive(4, 3, low=0.2, high=0.8), d.positive(4, 3, low=0.1, high=0.9)),
        (losses.BinaryCrossEntropy,),
    ),
    *loss(
        "binary_cross_entropy_with_logits",
        lambda d: (d.normal(4, 3), d.positive(4, 3, low=0.1, high=0.9)),
        (losses.BinaryCrossEntropyWithLogits,),
    ),
    *loss(
        "binary_cross_entropy_with_logits",
        lambda d: (d.normal(4, 3), d.positive(4, 3, low=0.1, high=0.9)),
        (losses.BinaryCrossEntropyWithLogits,),
        reductions=("mean",),
        title=", pos_weight",
        pos_weight=CLASS_WEIGHTS,
    ),
    *[
        row
        for name in ("nll_loss", "cross_entropy")
        for row in (
            *loss(name, labelled(5)),
            *loss(name, labelled(2, 2, 3), reductions=("mean", "none"), title=", images"),
            *loss(
                name,
                labelled(5, ignored=True),
                reductions=("mean", "sum"),
                title=", weight, ignored",
                weight=CLASS_WEIGHTS,
            ),
        )
    ],
    *loss(
        "cross_entropy",
        labelled(5),
        reductions=("mean", "none"),
        title=", smoothed, weight",
        weight=CLASS_WEIGHTS,
        label_smoothing=0.2,
    ),
    Row(
        "gaussian_kl",
        F.gaussian_kl,
        lambda d: (d.normal(4, 3), d.normal(4, 3)),
        reference.gaussian_kl,
        (),
        lambda t, mu, logvar: (mu**2 + logvar.exp() - 1 - logvar).sum() / (2 * len(mu)),
    ),
]
