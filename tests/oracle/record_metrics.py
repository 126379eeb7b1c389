"""Ask SciPy, scikit-learn, prdc and torch-fidelity for the figures of `numbers()`, and write metrics.json.

Run it in an environment of its own, from the folder tests:

    python -m venv oracle; oracle/bin/pip install numpy scipy scikit-learn prdc torch-fidelity
    oracle/bin/python -m oracle.record_metrics
"""

import json
from importlib.metadata import version

import numpy as np
import torch
from prdc import compute_prdc
from scipy.linalg import sqrtm
from scipy.special import logsumexp
from scipy.stats import mannwhitneyu, wasserstein_distance
from sklearn.metrics import mutual_info_score
from sklearn.neighbors import NearestNeighbors
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

from oracle import PATH, numbers


def frechet(a, b):
    """The formula with SciPy's root of the product as it stands, complex numbers and all."""
    c1, c2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = sqrtm(c1 @ c2)
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(c1) + np.trace(c2) - 2 * np.trace(root).real)


def fidelity_frechet(a, b):
    """The same from torch-fidelity."""
    statistics = [fid_features_to_statistics(torch.from_numpy(x)) for x in (a, b)]
    return float(fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"])


def fidelity_kernel(a, b):
    """torch-fidelity's kernel distance, of all rows at once: the choice of blocks does not matter."""
    a, b = (torch.from_numpy(x[: min(len(a), len(b))]) for x in (a, b))
    result = kid_features_to_metric(a, b, kid_subsets=1, kid_subset_size=len(a), rng_seed=0, verbose=False)
    return float(result["kernel_inception_distance_mean"])


def fidelity_inception(logits, splits):
    """torch-fidelity's Inception score, the images in the order given."""
    result = isc_features_to_metric(torch.from_numpy(logits), splits, shuffle=False)
    return [float(result[f"inception_score_{name}"]) for name in ("mean", "std")]


def nearest(queries, reference):
    """scikit-learn's distances of the two nearest rows."""
    return NearestNeighbors(n_neighbors=2, algorithm="brute").fit(reference).kneighbors(queries)[0]


def information(codes, factors):
    """scikit-learn's mutual information of binned codes and factors."""
    edges = [np.histogram_bin_edges(column, 20)[1:-1] for column in codes.T]
    binned = [np.digitize(column, edge) for column, edge in zip(codes.T, edges, strict=True)]
    return [[float(mutual_info_score(unit, factor)) for factor in factors.T] for unit in binned]


def main():
    """Ask, and write."""
    x = numbers()
    real, fake = x["real"], x["fake"]
    held_out, train = real[:100], real[100:]
    distances = [nearest(queries, train)[:, 0] for queries in (fake, held_out)]
    u = mannwhitneyu(*distances).statistic / (len(fake) * len(held_out))
    packages = ("numpy", "scipy", "scikit-learn", "prdc", "torch-fidelity", "torch")
    answers = {
        "made_with": {name: version(name) for name in packages},
        "frechet": {"scipy": frechet(fake, real), "torch-fidelity": fidelity_frechet(fake, real)},
        "frechet_unused": {
            "scipy": frechet(x["unused"], x["unused_real"]),
            "torch-fidelity": fidelity_frechet(x["unused"], x["unused_real"]),
        },
        "kernel": fidelity_kernel(fake, real),
        "inception": {splits: fidelity_inception(x["logits"], splits) for splits in (1, 10)},
        "prdc": {k: {n: float(v) for n, v in compute_prdc(real, fake, nearest_k=k).items()} for k in (3, 5)},
        "nearest": nearest(fake[:5], real).tolist(),
        "closer": 1 - float(u),
        "wasserstein": float(wasserstein_distance(fake[:, 0], real[:, 0])),
        "bounds": {
            k: -float(np.mean(logsumexp(x["log_weights"].reshape(20, -1, k), axis=2) - np.log(k))) for k in (1, 3, 12)
        },
        "information": information(x["codes"], x["factors"]),
    }
    PATH.write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")
    print(PATH.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
