"""Rows of losses."""

import numpy as np

import minigen
import minigen.nn.functional as F
from minigen.checks import reference
from minigen.functional import classification, losses
from table.arithmetic import near_but_apart
from table.row import Row

ALL = ("mean", "sum", "none")


def loss(name, inputs, covers=(), batched=(0, 1), reductions=ALL, title="", torch="", **options):
    """Rows of one loss for each reduction; only "none" keeps the batch.  torch=None: PyTorch has it not."""
    arrays = {key: value for key, value in options.items() if isinstance(value, np.ndarray)}

    def call(module, make, xs, reduction):
        made = {key: make(value, dtype=xs[0].dtype, device=xs[0].device) for key, value in arrays.items()}
        return getattr(module, name)(*xs, reduction=reduction, **(options | made))

    return [
        Row(
            f"{name} ({reduction}{title})",
            lambda *xs, r=reduction: call(F, minigen.tensor, xs, r),
            inputs,
            lambda *xs, r=reduction: getattr(reference, name)(*xs, reduction=r, **options),
            covers,
            None if torch is None else lambda t, *xs, r=reduction: call(t.nn.functional, t.tensor, xs, r),
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


def apart_by(d, bound):
    """Differences on both sides of a bound, at least 0.1 from it and from 0."""
    target = d.normal(4, 3)
    steps = np.where(
        d.mask(4, 3), d.positive(4, 3, low=0.1, high=bound - 0.1), d.positive(4, 3, low=bound + 0.1, high=3)
    )
    return target + steps * np.where(d.mask(4, 3), 1, -1), target


def predicted(shape):
    """Means, targets and variances."""
    return lambda d: (d.normal(4, 3), d.normal(4, 3), d.positive(*shape))


def log_probabilities(d):
    return -d.positive(4, 3), d.positive(4, 3, low=0.1, high=0.9)


def signed(d, margin):
    """Scores on both sides of a margin at `margin` and `-margin`, and targets of 1 and -1."""
    scores, _ = apart_by(d, margin)
    scores[np.abs(np.abs(scores) - margin) < 0.1] += 0.3
    return scores, np.where(d.mask(4, 3), 1, -1)


def angled(d):
    return d.away(4, 5), d.away(4, 5), np.array([1, -1, -1, 1])


def grey_levels(d):
    """8-bit pixels, among them the darkest, the brightest and their neighbours."""
    levels = d.labels(4, 3, 2, classes=256)
    levels.flat[:4] = 0, 255, 1, 254
    return levels


def logistic_bins(t, mean, log_scale, levels):
    """What the distribution function gains over each bin, measured from the nearer end: there nothing cancels."""
    upper, lower = (((levels.double() + side) / 127.5 - 1 - mean) / log_scale.exp() for side in (0.5, -0.5))
    inner = t.where(lower > 0, (-lower).sigmoid() - (-upper).sigmoid(), upper.sigmoid() - lower.sigmoid())
    mass = t.where(levels == 0, upper.sigmoid(), t.where(levels == 255, (-lower).sigmoid(), inner))
    return -mass.log()


def likelihood(name, inputs, torch, f=None):
    """Rows of a term in nats per image; `torch` gives the nats of the pixels."""
    f = f or getattr(F, name)

    def theirs(t, *xs, r):
        images = torch(t, *xs).flatten(1).sum(1)
        return images if r == "none" else getattr(images, r)()

    return [
        Row(
            f"{name} ({reduction})",
            lambda *xs, r=reduction: f(*xs, reduction=r),
            inputs,
            lambda *xs, r=reduction: getattr(reference, name)(*xs, r),
            (),
            lambda t, *xs, r=reduction: theirs(t, *xs, r=r),
            batched=(0, 1, 2)[: 2 + (name != "bernoulli_nll")] if reduction == "none" else (),
        )
        for reduction in ("mean", "none")
    ]


ROWS = [
    *loss("mse_loss", lambda d: (d.normal(4, 3), d.normal(4, 3))),
    *loss("l1_loss", near_but_apart),
    *loss("smooth_l1_loss", lambda d: apart_by(d, 0.7), (losses.Huber,), title=", beta", beta=0.7),
    *loss("smooth_l1_loss", near_but_apart, reductions=("mean",), title=", beta=0", beta=0),
    *loss("huber_loss", lambda d: apart_by(d, 1.3), (losses.Huber,), title=", delta", delta=1.3),
    *loss(
        "huber_loss",
        lambda d: apart_by(d, 1.0),
        (losses.Huber,),
        reductions=("mean", "none"),
        batched=(),
        title=", weight",
        weight=np.arange(1.0, 13.0).reshape(4, 3) / 5,
    ),
    *loss("gaussian_nll_loss", predicted((4, 3)), batched=(0, 1, 2)),
    *loss("gaussian_nll_loss", predicted((4, 1)), batched=(0, 1, 2), title=", one variance a row", full=True),
    *loss(
        "binary_cross_entropy",
        lambda d: (d.positive(4, 3, low=0.2, high=0.8), d.positive(4, 3, low=0.1, high=0.9)),
        (classification.BinaryCrossEntropy,),
    ),
    *loss(
        "binary_cross_entropy_with_logits",
        lambda d: (d.normal(4, 3), d.positive(4, 3, low=0.1, high=0.9)),
        (classification.BinaryCrossEntropyWithLogits,),
    ),
    *loss(
        "binary_cross_entropy_with_logits",
        lambda d: (d.normal(4, 3), d.positive(4, 3, low=0.1, high=0.9)),
        (classification.BinaryCrossEntropyWithLogits,),
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
    *loss("kl_div", log_probabilities, reductions=("batchmean", "sum", "none")),
    *loss("kl_div", log_probabilities, reductions=("mean",), torch=None),  # PyTorch warns of it
    *loss(
        "kl_div",
        lambda d: (-d.positive(4, 3), -d.positive(4, 3)),
        reductions=("batchmean", "none"),
        title=", log_target",
        log_target=True,
    ),
    *[
        row
        for name, torch_name in (("hinge_loss", None), ("soft_margin_loss", "soft_margin_loss"))
        for row in loss(name, lambda d: signed(d, 1.0), torch=torch_name)
    ],
    *loss("hinge_embedding_loss", lambda d: signed(d, 0.6), title=", margin", margin=0.6),
    *loss("cosine_embedding_loss", angled, batched=(0, 1, 2), title=", margin", margin=0.1),
    Row(
        "cosine_similarity",
        F.cosine_similarity,
        lambda d: (d.away(4, 3), d.away(4, 3)),
        reference.cosine_similarity,
        (),
        lambda t, a, b: t.nn.functional.cosine_similarity(a, b),
        batched=(0, 1),
    ),
    Row(
        "cosine_similarity (all pairs, along an inner axis)",
        lambda a, b: F.cosine_similarity(a, b, dim=-2),
        lambda d: (d.away(4, 1, 3, 2), d.away(5, 3, 1)),
        lambda a, b: reference.cosine_similarity(a, b, dim=-2),
        (),
        lambda t, a, b: t.nn.functional.cosine_similarity(a, b, dim=-2),
        batched=(0,),
    ),
    *[
        Row(
            f"ssim ({reduction})",
            lambda x, y, r=reduction: F.ssim(x, y, 2.0, 5, 1.1, reduction=r),
            lambda d: (d.positive(2, 2, 6, 7, low=0.2, high=1.8), d.positive(2, 2, 6, 7, low=0.2, high=1.8)),
            lambda x, y, r=reduction: reference.ssim(x, y, 2.0, 5, 1.1, r),
            batched=(0, 1) if reduction == "none" else (),
        )
        for reduction in ("mean", "none")
    ],
    *likelihood(
        "bernoulli_nll",
        lambda d: (d.normal(4, 3, 2), d.positive(4, 3, 2, low=0.1, high=0.9)),
        lambda t, x, y: t.nn.functional.binary_cross_entropy_with_logits(x, y, reduction="none"),
    ),
    *likelihood(
        "gaussian_nll",
        lambda d: (d.normal(4, 3, 2), d.normal(4, 3, 2), d.normal(4, 3, 2)),
        lambda t, m, v, y: -t.distributions.Normal(m, (v / 2).exp()).log_prob(y),
    ),
    *likelihood(
        "discretised_logistic_nll",
        lambda d: (d.normal(4, 3, 2) / 2, d.normal(4, 3, 2) / 2 - 1, grey_levels(d)),
        logistic_bins,
        lambda mean, log_scale, x, **options: F.discretised_logistic_nll(
            mean, log_scale, x.to(mean.dtype) / 127.5 - 1, **options
        ),
    ),
    Row(
        "gaussian_kl (between two)",
        F.gaussian_kl,
        lambda d: (d.normal(4, 3), d.normal(4, 3), d.normal(4, 3), d.normal(4, 3)),
        reference.gaussian_kl_between,
        (),
        lambda t, m, v, mp, vp: (
            t.distributions.kl_divergence(
                t.distributions.Normal(m, (v / 2).exp()), t.distributions.Normal(mp, (vp / 2).exp())
            ).sum()
            / len(m)
        ),
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
