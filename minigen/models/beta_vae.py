"""beta-VAE: a VAE that pays more (or less) than one nat for each nat that z says about the image.

A VAE minimises distortion plus rate: how badly the image can be told from z, plus how much z says about it.  Higgins
et al. (2017) multiply the rate by beta.  With beta > 1 every nat in z is dear, and independent causes (where a thing
is, how large, which colour) tend to get a latent each, because that is the cheapest way to say them; the images become
blurred in exchange.  Over beta, rate against distortion is a curve with a slope of -beta, which says more about a model
than the bound alone (Alemi et al. 2018).

Two remedies against latents that fall silent before they have begun to mean anything are built in.  *Free bits*: below
so many nats, a latent's rate costs nothing.  *Warm-up*: beta grows from 0 in the first steps.

References
----------
Higgins, Matthey, Pal, Burgess, Glorot, Botvinick, Mohamed, Lerchner, beta-VAE: Learning Basic Visual Concepts with a
Constrained Variational Framework, 2017.
Alemi et al., Fixing a Broken ELBO, 2018, arXiv:1711.00464.
Kingma et al., Improving Variational Inference with Inverse Autoregressive Flow, 2016, arXiv:1606.04934: free bits.
Bowman et al., Generating Sentences from a Continuous Space, 2016, arXiv:1511.06349; Sonderby et al., Ladder Variational
Autoencoders, 2016, arXiv:1602.02282: warm-up.

Deviations
----------
- Adam for all data; the paper has Adagrad for the set of 2-D shapes.
- The weight of the rate is the same for images of any size; the paper also speaks of beta * Z / pixels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import minigen
import minigen.nn.functional as F
from minigen import Tensor
from minigen.models import vae
from minigen.models.arguments import images_for
from minigen.models.system import Mean, Shape, evaluating, option
from minigen.models.variational import reparameterise, with_free_bits


@dataclass
class Options(vae.Options):
    """The settings of the VAE, some of which Higgins et al. (2017, appendix A.1) choose otherwise, and three more."""

    batch_size: int = option(64, "images a step")
    network: str = option(
        "convolutional", "kind of encoder and decoder (as for the paper's images)", choices=("dense", "convolutional")
    )
    hidden_size: int = option(256, "units of the dense layer between convolutions and z (paper)")
    latent_size: int = option(10, "length Z of the hidden cause z (paper, 2-D shapes)")
    lr: float = option(5e-4, "Adam's step size (Burgess et al. 2018, appendix A)")
    beta: float = option(4.0, "price of a nat of rate in nats of distortion; 1 is the VAE (paper, 2-D shapes)")
    free_bits: float = option(0.0, "nats a latent may say for nothing (Kingma et al. 2016, appendix C.8; paper: none)")
    warmup_steps: int = option(0, "steps in which beta grows from 0 (Sonderby et al. 2016; paper: none)", least=0)


# ------------------------------------------------------------------------------------------------ networks
# Those of vae.py: `vae.networks`.


# ----------------------------------------------------------------------------------------------- objective
# distortion + beta * rate, in nats per image.  With free bits, lambda nats a latent, the rate in it is
# sum_j max(lambda, mean of KL_j over the batch): see `with_free_bits`.


# -------------------------------------------------------------------------------------------------- system


class BetaVAE(vae.VAE):
    """A VAE with a price on the rate; it draws and restores as `minigen.models.vae.VAE` does.

    Attributes
    ----------
    steps : Tensor
        Steps done, int64: where the warm-up stands, also after a run is resumed.

    Examples
    --------
    >>> system = BetaVAE(Options(hidden_size=16, width=2, latent_size=2), shape=(3, 32, 32))
    >>> system.sample(3).shape
    (3, 3, 32, 32)
    """

    name = "beta_vae"
    summary = "VAE with a price on what z says (Higgins et al. 2017)"
    Options = Options
    data = "shapes"

    def __init__(self, options: Any = None, *, shape: Shape = (1, 28, 28), classes: int = 10) -> None:
        super().__init__(options, shape=shape, classes=classes)
        self.register_buffer("steps", minigen.zeros((), dtype=minigen.int64))

    def terms(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return distortion, rate, and the rate as it is paid for, in nats per image, for images x (N, C, H, W)."""
        mu, logvar = self.encoder(x)  # (N, C, H, W) -> (N, Z), (N, Z)
        z = reparameterise(mu, logvar, self.noise(len(x)))
        rate = F.gaussian_kl(mu, logvar)
        paid = with_free_bits(mu, logvar, self.options.free_bits) if self.options.free_bits else rate
        return self.distortion(z, x), rate, paid

    def beta_now(self) -> Tensor | float:
        """Return the weight of the rate: beta, or what it has grown to of that during the warm-up."""
        if self.options.warmup_steps == 0:
            return self.options.beta
        return self.options.beta * (self.steps / self.options.warmup_steps).clamp(max=1)

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """One step down the gradient of distortion + beta * rate."""
        distortion, rate, paid = self.terms(images_for(self, batch))
        beta = self.beta_now()
        loss = distortion + beta * paid
        self.optimizers["vae"].zero_grad()
        loss.backward()
        self.optimizers["vae"].step()
        self.steps.add_(1)
        values = {"loss": loss, "distortion": distortion, "rate": rate}
        return values | {"beta": beta} if self.options.warmup_steps else values

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return distortion and rate in nats per image, and their sum: the bound on -log p(x), whatever beta is."""
        mean = Mean()
        with evaluating(self.encoder, self.decoder):
            for batch in loader:
                x = images_for(self, batch)
                distortion, rate, _ = self.terms(x)
                mean.add(len(x), nats=distortion + rate, distortion=distortion, rate=rate)
        return mean.result()
