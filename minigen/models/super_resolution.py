"""Super-resolution by ESPCN: a network that looks at the small image and computes the large one's pixels there.

Enlarging first and improving then means to compute at the large size.  Shi et al. (2016) compute at the small size
instead, where a convolution costs r * r times less, until every small pixel has r * r numbers: the pixels of the square
that it becomes.  A last step, the pixel shuffle, only puts them in their places.

Only the luma (Y) is computed, in which the eye sees detail; the two colour differences are enlarged by bicubic
interpolation, as the paper does (section 3).

References
----------
Shi et al., Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network,
CVPR 2016, arXiv:1609.05158.
Keys, Cubic Convolution Interpolation for Digital Image Processing, 1981.

Deviations
----------
- Small images are made as those of the published figures are, by Matlab's antialiased bicubic ``imresize``; the paper
  blurs with a Gaussian before it takes every r-th pixel (section 3.1).
- Adam with a step size that falls steadily; the paper lowers it from 0.01 to 0.0001 when the loss no longer falls, with
  a tenth of it in the last layer (section 3.2).
- The network computes what is to be added to bicubic interpolation, not the whole image, and has ReLU by default in the
  place of tanh.  With tanh it was no better after 10,000 steps than the best linear filter of the same 9 x 9 pixels
  (added to bicubic, after 5,000); with both changes it was better after 1,500.  Trained for long, the paper finds, tanh
  is a little better than ReLU.
- At the edges an image is continued by copies of its last pixels, so that no border is lost.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import minigen
import minigen.nn.functional as F
from minigen import Tensor, nn
from minigen.metrics.images import luma, psnr
from minigen.models.arguments import images_for
from minigen.models.system import Mean, Shape, System, decay_rate, evaluating, option
from minigen.optim import Adam


@dataclass
class Options:
    """The settings of ESPCN; the sections are those of Shi et al. (2016)."""

    batch_size: int = option(16, "pieces a step")
    factor: int = option(3, "r, how many times larger images become (section 3: 3)", least=2)
    activation: str = option("relu", "what follows the first two convolutions (paper: tanh)", choices=("relu", "tanh"))
    filters1: int = option(64, "n1, filters of the first convolution, 5 x 5 (section 3.2)")
    filters2: int = option(32, "n2, filters of the second convolution, 3 x 3 (section 3.2)")
    lr: float = option(2e-3, "Adam's step size in the first step (chosen on pictures held out)")
    decay_steps: int = option(5000, "steps within which it falls to a tenth; 0: never", least=0)


# -------------------------------------------------------------------------------------- making images smaller


@functools.lru_cache(maxsize=32)
def bicubic_matrix(old: int, new: int) -> Tensor:
    """Return the matrix (new, old) by which Matlab's ``imresize`` makes a line of ``new`` pixels from ``old``.

    Each new pixel is a weighted mean of those around its place, by Keys' cubic with a = -0.5; if the line gets shorter,
    the cubic is stretched as much, so that no pixel is skipped (antialiasing).  Beyond its ends the line is mirrored.

    Examples
    --------
    >>> [round(weight, 3) for weight in bicubic_matrix(4, 8)[3].tolist()]  # its place is 1.25
    [-0.07, 0.867, 0.227, -0.023]
    """
    matrix = [[0.0] * old for _ in range(new)]
    stretch = max(1.0, old / new)
    for row in range(new):
        place = (row + 0.5) * old / new - 0.5  # of the new pixel's middle, in old pixels
        first, last = math.ceil(place - 2 * stretch), math.floor(place + 2 * stretch)
        weights = [keys_cubic((place - pixel) / stretch) for pixel in range(first, last + 1)]
        for pixel, weight in enumerate(weights, start=first):
            pixel %= 2 * old  # 0 .. old - 1, and mirrored again
            matrix[row][min(pixel, 2 * old - 1 - pixel)] += weight / sum(weights)
    return minigen.tensor(matrix)


def keys_cubic(x: float) -> float:
    """Return the weight of a pixel at distance x (Keys 1981, equation 15): 1 at 0, and 0 from 2 on."""
    x = abs(x)
    if x <= 1:
        return (1.5 * x - 2.5) * x * x + 1
    return ((-0.5 * x + 2.5) * x - 4) * x + 2 if x < 2 else 0.0


def resize(images: Tensor, height: int, width: int) -> Tensor:
    """Return images (N, C, height, width) made from (N, C, H, W) by `bicubic_matrix`; they may leave [0, 1] a bit."""
    rows, columns = bicubic_matrix(images.shape[2], height), bicubic_matrix(images.shape[3], width)
    rows, columns = (m.to(device=images.device, dtype=images.dtype) for m in (rows, columns))
    return rows @ images @ columns.transpose(0, 1)  # (h, H) @ (N, C, H, W) @ (W, w) -> (N, C, h, w)


# ------------------------------------------------------------------------------------------------- network


class ESPCN(nn.Module):
    """Small luma images (N, 1, h, w) to what their bicubic enlargements (N, 1, h * r, w * r) lack."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        n1, n2, self.factor = options.filters1, options.filters2, options.factor
        self.conv1 = nn.Conv2d(1, n1, kernel_size=5, padding=2, padding_mode="replicate")
        self.conv2 = nn.Conv2d(n1, n2, kernel_size=3, padding=1, padding_mode="replicate")
        self.conv3 = nn.Conv2d(n2, self.factor**2, kernel_size=3, padding=1, padding_mode="replicate")
        self.activation = nn.Tanh() if options.activation == "tanh" else nn.ReLU()

    def forward(self, small: Tensor) -> Tensor:
        """Return (N, 1, h * r, w * r)."""
        x = self.activation(self.conv1(small))  # (N, 1, h, w) -> (N, 64, h, w)
        x = self.activation(self.conv2(x))  # (N, 32, h, w)
        x = self.conv3(x)  # (N, 9, h, w)
        return F.pixel_shuffle(x, self.factor)  # (N, 9, h, w) -> (N, 1, 3h, 3w)


# ----------------------------------------------------------------------------------------------- objective


def reconstruction_loss(enlarged: Tensor, original: Tensor) -> Tensor:
    """The mean of (enlarged - original)**2 over pixels and images (equation 4), of luma in [0, 1]."""
    return F.mse_loss(enlarged, original)


# -------------------------------------------------------------------------------------------------- system


class SuperResolution(System):
    """ESPCN, which learns from images alone: it makes them small itself, and must find them again.

    Examples
    --------
    >>> system = SuperResolution()
    >>> sum(parameter.numel() for parameter in system.parameters())
    22729
    >>> {name: images.shape for name, images in system.restore(minigen.rand(1, 3, 50, 40)).items()}
    {'bicubic': (1, 3, 48, 39), 'network': (1, 3, 48, 39), 'original': (1, 3, 48, 39)}
    """

    name = "super_resolution"
    summary = "images made larger by a sub-pixel convolutional network, ESPCN (Shi et al. 2016)"
    Options = Options
    image_sizes = (48, 32, 51, 96)
    generates = False
    restores = True
    crops = True

    def __init__(self, options: Any = None, *, shape: Shape = (1, 48, 48), classes: int = 10) -> None:
        super().__init__(options, shape=shape, classes=classes)
        self.network = ESPCN(self.options)
        self.optimizers = {"network": Adam(self.network.parameters(), lr=self.options.lr)}

    def cut(self, images: Tensor) -> Tensor:
        """Cut off the rows and columns at the end that make height or width no multiple of the factor.

        Raises
        ------
        ValueError
            If the images are too small to be made smaller and compared.
        """
        factor, (height, width) = self.options.factor, images.shape[2:]
        if min(height, width) < 4 * factor:
            raise ValueError(
                f"super_resolution: images {tuple(images.shape)} are too small for factor={factor}; "
                f"at least {4 * factor} x {4 * factor} pixels are wanted"
            )
        return images[:, :, : height - height % factor, : width - width % factor]

    def shrink(self, images: Tensor) -> Tensor:
        """Return images (N, C, H / r, W / r) as the network is given them."""
        return resize(images, images.shape[2] // self.options.factor, images.shape[3] // self.options.factor)

    def enlarge(self, small: Tensor) -> tuple[Tensor, Tensor]:
        """Return luma images (N, 1, h, w) r times larger: by bicubic interpolation, and by the network on top of it."""
        factor = self.options.factor
        bicubic = resize(small, factor * small.shape[2], factor * small.shape[3])
        return bicubic, bicubic + self.network(small)

    def training_step(self, batch: Any) -> dict[str, Tensor | float]:
        """One step down the gradient of the loss on one batch of images (N, C, H, W)."""
        original = luma(self.cut(images_for(self, batch)))  # (N, 3, H, W) -> (N, 1, H, W)
        _, enlarged = self.enlarge(self.shrink(original))
        loss = reconstruction_loss(enlarged, original)
        optimizer = self.optimizers["network"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay_rate(optimizer, self.options.decay_steps)
        return {"loss": loss}

    def restore(self, images: Tensor) -> dict[str, Tensor]:
        """Return images (N, C, H, W), cut to a multiple of the factor, made small and large again.

        To add to Y and leave Cb and Cr as they are is to add the same to red, green and blue: 255 / 219 of it.
        """
        original = self.cut(images_for(self, images))
        small = self.shrink(original)
        bicubic = resize(small, *original.shape[2:])
        with evaluating(self.network):
            network = bicubic + 255 / 219 * self.network(luma(small))
        return {"bicubic": bicubic.clamp(0, 1), "network": network.clamp(0, 1), "original": original}

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return the mean PSNR in decibels on Y, of bicubic interpolation, of the network, and what it gains.

        As in published tables, ``factor`` pixels are cut off each side before comparing, since there a part of what is
        seen must be made up, and Y has 256 levels.
        """
        mean, border = Mean(), self.options.factor
        with evaluating(self.network):
            for batch in loader:
                original = luma(self.cut(images_for(self, batch)))
                images = (original, *self.enlarge(self.shrink(original)))
                wanted, bicubic, enlarged = (levels(y)[:, :, border:-border, border:-border] for y in images)
                figures = [psnr(y, wanted, 255).mean() for y in (bicubic, enlarged)]
                mean.add(len(original), psnr_bicubic=figures[0], psnr=figures[1], gain=figures[1] - figures[0])
        return mean.result()


def levels(y: Tensor) -> Tensor:
    """Return luma in [0, 1] as one of 256 levels, as a file would hold it."""
    return (255 * y).round().clamp(0, 255)
