"""A VAE with linear networks beside what it must become, probabilistic PCA: ``python -m benchmarks.linear_vae``.

With x = W z + b + noise of one variance, log p(x) has its maximum in closed form: the columns of W span the first
principal components, and the variance is the mean of what the others hold (Tipping and Bishop 1999).  A linear encoder
with one variance for each latent can say the true p(z | x) of that solution, so the bound has the same maximum, and no
other (Lucas et al. 2019).  Here the VAE's own terms, with noise and all, are trained by Adam from random weights, and
the outcome is held against the closed form: the whole way from the objective to the optimizer, with a known end.

References
----------
Tipping, Bishop, Probabilistic Principal Component Analysis, 1999, section 3.2.
Lucas, Tucker, Grosse, Norouzi, Don't Blame the ELBO! A Linear VAE Perspective on Posterior Collapse, 2019.
"""

from __future__ import annotations

import argparse
import json
import math
from typing import NamedTuple

import numpy as np

import minigen
import minigen.nn.functional as F
from benchmarks.torch_side import back_from_torch, copy_to_torch, to_torch, torch_module
from minigen import Tensor, nn
from minigen.data import load
from minigen.models.variational import reparameterise
from minigen.optim import Adam
from minigen.optim.lr_scheduler import CosineAnnealingLR


class Figures(NamedTuple):
    """What came out; the likelihoods are log p(x) in nats a dimension, averaged over the data."""

    likelihood: float  # of the trained model, exactly: x is normal with covariance W W^T + s^2 I
    bound: float  # the ELBO of encoder and decoder, exactly
    best: float  # probabilistic PCA's likelihood, which nothing linear can beat
    angle: float  # the largest principal angle between W and the first components, in degrees


class LinearVAE(nn.Module):
    """D numbers to Z latents and back, by one linear layer a side.

    Attributes
    ----------
    logvar : Parameter
        (Z,), log-variances of q(z | x), the same for all x.
    noise_logvar : Parameter
        log s^2 of p(x | z), a scalar.
    """

    def __init__(self, dimensions: int, latent_size: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(dimensions, latent_size)
        self.decoder = nn.Linear(latent_size, dimensions)
        self.logvar = nn.Parameter(minigen.zeros(latent_size))
        self.noise_logvar = nn.Parameter(minigen.tensor(0.0))

    def negative_elbo(self, x: Tensor) -> Tensor:
        """Return the objective for x (N, D), in nats, with one draw of z each."""
        mu = self.encoder(x)  # (N, D) -> (N, Z)
        logvar = self.logvar.expand(len(x), -1)  # (Z,) -> (N, Z)
        z = reparameterise(mu, logvar, minigen.randn_like(mu))
        return F.gaussian_nll(self.decoder(z), self.noise_logvar, x) + F.gaussian_kl(mu, logvar)


def train(model: LinearVAE, x: Tensor, *, steps: int = 1000, lr: float = 0.05) -> None:
    """Train on all of x (N, D) in each step, with a step size that ends at 0: the noise of the draws fades."""
    optimizer = Adam(model.parameters(), lr=lr)
    schedule = CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        model.negative_elbo(x).backward()
        optimizer.step()
        schedule.step()


def compare(model: LinearVAE, data: Tensor) -> Figures:
    """Hold a trained model against the closed form on the data (N, D) that it learned from, in float64."""
    x = data.numpy().astype(np.float64)
    dimensions, latent_size = model.decoder.weight.shape
    covariance = np.cov(x.T, bias=True)
    values, vectors = np.linalg.eigh(covariance)
    components, kept, others = vectors[:, -latent_size:], values[-latent_size:], values[:-latent_size]
    best = -0.5 * (dimensions * (math.log(2 * math.pi) + 1) + np.log(kept).sum() + len(others) * np.log(others.mean()))

    V, a, W, b, logvar, noise_logvar = (
        p.detach().numpy().astype(np.float64)
        for p in (*model.encoder.parameters(), *model.decoder.parameters(), model.logvar, model.noise_logvar)
    )
    total = W @ W.T + np.exp(noise_logvar) * np.eye(dimensions)
    off_mean = x.mean(0) - b
    scatter = covariance + np.outer(off_mean, off_mean)
    likelihood = -0.5 * (
        dimensions * math.log(2 * math.pi) + np.linalg.slogdet(total)[1] + np.trace(np.linalg.solve(total, scatter))
    )
    mu = x @ V.T + a
    squares = ((x - mu @ W.T - b) ** 2).sum(1).mean() + (W**2 @ np.exp(logvar)).sum()
    distortion = 0.5 * (dimensions * (math.log(2 * math.pi) + noise_logvar) + squares / np.exp(noise_logvar))
    rate = 0.5 * ((mu**2).sum(1).mean() + (np.exp(logvar) - 1 - logvar).sum())
    outside = np.linalg.qr(W)[0]
    outside = outside - components @ (components.T @ outside)  # its norm is the sine of the largest angle
    angle = math.degrees(math.asin(min(1.0, np.linalg.norm(outside, 2))))
    return Figures(likelihood / dimensions, -(distortion + rate) / dimensions, best / dimensions, angle)


def toy(n: int = 500, dimensions: int = 12) -> Tensor:
    """Draw points (n, D) that have three directions of their own, with deviations of 3, 2 and 1.2 among 0.5."""
    rotation = np.linalg.qr(minigen.randn(dimensions, dimensions).numpy().astype(np.float64))[0]
    deviations = np.array([3.0, 2.0, 1.2] + [0.5] * (dimensions - 3))
    points = minigen.randn(n, dimensions).numpy() * deviations @ rotation.T + 1.0
    return minigen.from_numpy(points.astype(np.float32))


def digits(n: int = 2000, dimensions: int = 30) -> Tensor:
    """Return the first n digits of MNIST by their first principal components, (n, D)."""
    data = load("mnist", n=n)
    x = minigen.stack([data[i][0] for i in range(n)]).flatten(1).numpy().astype(np.float64)  # (n, 784)
    x = x - x.mean(0)
    _, vectors = np.linalg.eigh(x.T @ x)
    return minigen.from_numpy((x @ vectors[:, -dimensions:]).astype(np.float32))


DATA = {"toy": (toy, 3), "mnist": (digits, 5)}  # how it is made, and the number of latents


def measure(name: str, seed: int = 0, side: str = "minigen") -> Figures:
    """Train on one of `DATA` from a seed, with minigen or with PyTorch ("torch"), and return the figures."""
    minigen.manual_seed(seed)
    make, latent_size = DATA[name]
    data = make()
    model = LinearVAE(data.shape[1], latent_size)
    if side == "minigen":
        train(model, data)
    else:
        there = torch_module("benchmarks.linear_vae")
        twin = there.LinearVAE(data.shape[1], latent_size)
        copy_to_torch(model, twin)
        there.train(twin, to_torch(data))
        back_from_torch(twin, model)
    return compare(model, data)


def main() -> None:
    """Print the figures of some seeds as JSON, a line each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", choices=list(DATA), default="toy")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--side", choices=["minigen", "torch"], default="minigen", help="which library trains")
    arguments = parser.parse_args()
    for seed in range(arguments.seeds):
        found = measure(arguments.data, seed, arguments.side)
        print(json.dumps({"data": arguments.data, "seed": seed, **found._asdict()}))


if __name__ == "__main__":
    main()
