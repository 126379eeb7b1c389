"""Inpainting: a U-Net looks at an image with a hole, and paints what may have been there.

It learns from whole images: a square is cut out, the network sees the rest and where the hole is, and its loss is how
badly it guessed the square.  The pixels around are not its business: they are copied through as they are.

Of all that may have been in the hole, the mean errs least; hence such paintings are blurred.  Pathak et al. (2016) add
a discriminator, which finds blurred squares out (``--adversarial``): edges become sharp, and pixels more often wrong.

References
----------
Pathak, Krähenbühl, Donahue, Darrell, Efros, Context Encoders: Feature Learning by Inpainting, CVPR 2016,
arXiv:1604.07379.
Isola, Zhu, Zhou, Efros, Image-to-Image Translation with Conditional Adversarial Networks, CVPR 2017, arXiv:1611.07004.

Deviations
----------
- A U-Net (Ronneberger et al. 2015), not the paper's encoder and decoder with a narrow layer between: its skips carry
  the lines that lead into the hole.
- The loss counts the hole alone, no margin around it; by default it is a Bernoulli likelihood, whose best guess is the
  mean as for squares, and which suits values in [0, 1].
- The discriminator judges the whole image, piece by piece (Isola et al. 2017, section 3.2.2), so that it sees how well
  the hole's edge fits; the paper's sees the hole alone.
- Holes are squares of one size at a random place; the paper has central ones and random shapes (section 3.3).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import minigen
import minigen.nn.functional as F
from minigen import Tensor, nn
from minigen.models.arguments import images_for
from minigen.models.objectives import cross_entropy_discriminator_loss, non_saturating_generator_loss
from minigen.models.system import Mean, Shape, System, decay_rate, evaluating, option, refuse_gradients
from minigen.models.unet import UNet
from minigen.optim import Adam


@dataclass
class Options:
    """The settings of inpainting; the sections are those of Pathak et al. (2016)."""

    batch_size: int = option(32, "images a step")
    hole: int = option(12, "edge of the square hole in pixels (section 3.3: half of the image's)")
    place: str = option("random", "where the hole is", choices=("random", "centre"))
    objective: str = option("bernoulli", "how a guess is judged (section 3.2: l2)", choices=("bernoulli", "l1", "l2"))
    width: int = option(16, "channels of the U-Net at full size (Ronneberger et al. 2015: 64)")
    depth: int = option(2, "how often the U-Net halves images (Ronneberger et al. 2015: 4)")
    up: str = option("resize", "how it doubles them (Odena et al. 2016)", choices=("resize", "transposed"))
    lr: float = option(2e-3, "Adam's step size in the first step (chosen on training images held out)")
    decay_steps: int = option(2500, "steps within which it falls to a tenth; 0: never", least=0)
    adversarial: float = option(0.0, "weight of the discriminator's verdict beside the objective; 0: none")
    discriminator_width: int = option(32, "channels of the discriminator's first layer (Isola et al. 2017: 64)")
    discriminator_lr: float = option(2e-4, "Adam's step size in the discriminator (Radford et al. 2016, section 4)")


# ------------------------------------------------------------------------------------------------ networks


class Painter(nn.Module):
    """Images (N, C, H, W) and masks (N, 1, H, W), 1 in the hole, to logits (N, C, H, W) of what is in the hole."""

    def __init__(self, channels: int, options: Options) -> None:
        super().__init__()
        self.unet = UNet(channels + 1, channels, options.width, options.depth, options.up)

    def forward(self, images: Tensor, masks: Tensor) -> Tensor:
        """Return logits (N, C, H, W); what the images hold in the hole is not looked at."""
        known = images * (1 - masks)
        return self.unet(minigen.cat([known, masks], dim=1))  # (N, C + 1, H, W) -> (N, C, H, W)


class Discriminator(nn.Sequential):
    """Images (N, C, H, W) to logits (N, 1, H/4, W/4), each on how real the 18 x 18 pixels around it are."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(
            nn.Conv2d(channels, width, kernel_size=4, stride=2, padding=1),  # (N, C, H, W) -> (N, 32, H/2, W/2)
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, kernel_size=4, stride=2, padding=1),  # (N, 64, H/4, W/4)
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, kernel_size=3, padding=1),
        )


# ----------------------------------------------------------------------------------------------- objective


def hole_loss(logits: Tensor, images: Tensor, masks: Tensor, objective: str) -> Tensor:
    """How badly the hole was guessed: summed over its pixels, averaged over the images.

    With p = sigmoid(logits) and x the image, a pixel counts -[x log p + (1 - x) log(1 - p)] nats (``"bernoulli"``), the
    absolute value of x - p (``"l1"``), or its square (``"l2"``).
    """
    if objective == "bernoulli":
        each = F.binary_cross_entropy_with_logits(logits, images, reduction="none")
    else:
        error = images - logits.sigmoid()
        each = error.abs() if objective == "l1" else error**2
    return (each * masks).sum() / len(images)


# -------------------------------------------------------------------------------------------------- system


class Inpainting(System):
    """The painter, and where its weight is not 0 the discriminator.

    Examples
    --------
    >>> system = Inpainting(Options(width=4))
    >>> images = minigen.rand(2, 1, 28, 28)
    >>> masks = system.holes(images)
    >>> masks.sum((1, 2, 3)).tolist()
    [144.0, 144.0]
    >>> filled = system.fill(images, masks)
    >>> bool(((filled == images) | (masks == 1)).all().item())
    True
    """

    name = "inpainting"
    summary = "holes in images filled by a U-Net (after Pathak et al. 2016)"
    Options = Options
    image_sizes = (28, 32, 64, 128)
    generates = False
    restores = True

    def __init__(self, options: Any = None, *, shape: Shape = (1, 28, 28), classes: int = 10) -> None:
        super().__init__(options, shape=shape, classes=classes)
        options, size = self.options, shape[1]
        if options.hole >= size:
            raise ValueError(f"inpainting: a hole of {options.hole} pixels leaves nothing of images of {size}")
        if size % 2**options.depth:
            raise ValueError(f"inpainting: images of {size} pixels cannot be halved depth={options.depth} times")
        self.painter = Painter(shape[0], options)
        self.optimizers = {"painter": Adam(self.painter.parameters(), lr=options.lr)}
        if options.adversarial:
            self.discriminator = Discriminator(shape[0], options.discriminator_width)
            self.optimizers["discriminator"] = Adam(
                self.discriminator.parameters(), lr=options.discriminator_lr, betas=(0.5, 0.999)
            )

    def holes(self, images: Tensor) -> Tensor:
        """Return masks (N, 1, H, W) for images (N, C, H, W): 1 in the hole, 0 around it."""
        n, _, height, width = images.shape
        hole = self.options.hole
        top, left = (self.corner(n, edge - hole).reshape(n, 1) for edge in (height, width))
        y, x = minigen.arange(height), minigen.arange(width)
        rows, columns = (y >= top) & (y < top + hole), (x >= left) & (x < left + hole)  # (N, H), (N, W)
        return (rows.reshape(n, 1, height, 1) & columns.reshape(n, 1, 1, width)).to(images)

    def corner(self, n: int, last: int) -> Tensor:
        """Return where n holes begin (n,), from 0 to ``last``."""
        if self.options.place == "centre":
            return minigen.zeros(n).long() + last // 2
        return minigen.randint(0, last + 1, (n,))

    def fill(self, images: Tensor, masks: Tensor) -> Tensor:
        """Return images (N, C, H, W) whose holes are painted, and whose other pixels are as they were."""
        with evaluating(self.painter):
            return paste(self.painter(images, masks), images, masks)

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """One step on the objective; with a discriminator, its turn first, on what the painter just painted."""
        images = images_for(self, batch)  # (N, C, H, W)
        masks = self.holes(images)
        logits = self.painter(images, masks)
        reconstruction = hole_loss(logits, images, masks, self.options.objective)
        self.zero_grad()
        if not self.options.adversarial:
            self.step_painter(reconstruction)
            return {"loss": reconstruction}

        filled = paste(logits, images, masks)
        loss_d = cross_entropy_discriminator_loss(self.discriminator(images), self.discriminator(filled.detach()))
        loss_d.backward()
        refuse_gradients(self.painter, "discriminator", "give the discriminator filled.detach()")
        self.optimizers["discriminator"].step()

        self.discriminator.requires_grad_(False)
        verdict = non_saturating_generator_loss(self.discriminator(filled))
        self.step_painter(reconstruction + self.options.adversarial * verdict)
        self.discriminator.requires_grad_(True)
        return {"loss": reconstruction, "loss_d": loss_d, "loss_g": verdict}

    def step_painter(self, loss: Tensor) -> None:
        """Move the painter down the gradient of a loss."""
        loss.backward()
        self.optimizers["painter"].step()
        decay_rate(self.optimizers["painter"], self.options.decay_steps)

    def restore(self, images: Tensor) -> dict[str, Tensor]:
        """Return images (N, C, H, W) with a grey hole, with the hole filled, and as they were."""
        images = images_for(self, images)
        masks = self.holes(images)
        grey = images * (1 - masks) + 0.5 * masks
        return {"hole": grey, "filled": self.fill(images, masks), "original": images}

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return the PSNR in decibels of the holes alone, painted, or filled with the mean of the known pixels.

        The square error is averaged over all images first: an image that is guessed without an error would else make
        the mean infinite.
        """
        mean = Mean()
        with evaluating(self.painter):
            for batch in loader:
                images = images_for(self, batch)
                masks = self.holes(images)
                known = (images * (1 - masks)).sum((2, 3), keepdim=True) / (1 - masks).sum((2, 3), keepdim=True)
                guesses = {"psnr_hole": self.fill(images, masks), "psnr_mean_fill": known}
                errors = {name: ((guess - images) ** 2 * masks).sum() for name, guess in guesses.items()}
                pixels = masks.sum() * images.shape[1]
                mean.add(len(images), **{name: error / pixels for name, error in errors.items()})
        figures = {name: -10 * math.log10(max(error, 1e-10)) for name, error in mean.result().items()}
        return figures | {"gain": figures["psnr_hole"] - figures["psnr_mean_fill"]}


def paste(logits: Tensor, images: Tensor, masks: Tensor) -> Tensor:
    """Return the images with sigmoid(logits) in their holes."""
    return images * (1 - masks) + logits.sigmoid() * masks
