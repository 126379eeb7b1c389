"""U-Net: a network from images to images that sees the whole and keeps the detail; a building block, no system.

On the way down, an image is halved again and again, so that a convolution sees ever more of it; on the way up it is
doubled as often.  What was seen at each size on the way down is laid beside what comes up at that size, so that nothing
fine needs to pass through the narrow bottom.  `inpainting.py` fills holes with it; for images from images (Isola et al.
2017) or diffusion it serves just as well.

References
----------
Ronneberger, Fischer, Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, 2015, arXiv:1505.04597.
Odena, Dumoulin, Olah, Deconvolution and Checkerboard Artifacts, Distill, 2016.

Deviations
----------
- Convolutions are padded, so that the result is as large as the image and nothing need be cut off the skips; the
  paper's are not, and lose 184 of 572 pixels.
- The way up may double by copying pixels, followed by a convolution of 3 x 3 (``up="resize"``): every pixel is then
  written as often as its neighbour (Odena et al. 2016).  The paper's transposed convolution of 2 x 2 with stride 2
  (``up="transposed"``) writes each pixel once, but with one of four different kernels.
"""

from __future__ import annotations

import minigen
import minigen.nn.functional as F
from minigen import Tensor, nn


class UNet(nn.Module):
    """Images (N, C, H, W) to images (N, O, H, W); O numbers a pixel, without an activation.

    Parameters
    ----------
    channels : int
        C, of the images given.
    out_channels : int
        O, of the images made.
    width : int
        Channels at full size; each halving doubles them (section 2: 64).
    depth : int
        How often images are halved; height and width must be multiples of 2**depth (section 2: 4).
    up : "resize" or "transposed"
        How they are doubled.

    Raises
    ------
    ValueError
        If a number is not positive or ``up`` is unknown; later, if an image cannot be halved so often.

    Examples
    --------
    >>> network = UNet(channels=2, out_channels=1, width=4, depth=2)
    >>> network(minigen.zeros(1, 2, 28, 20)).shape
    (1, 1, 28, 20)
    >>> network(minigen.zeros(1, 2, 30, 20))
    Traceback (most recent call last):
        ...
    ValueError: UNet: height and width of images (1, 2, 30, 20) must be multiples of 4, since depth=2 halves them so
    often; crop or pad them, or take a smaller depth
    """

    def __init__(self, channels: int, out_channels: int, width: int = 64, depth: int = 4, up: str = "resize") -> None:
        super().__init__()
        if min(channels, out_channels, width, depth) < 1:
            raise ValueError(
                f"UNet: channels={channels}, out_channels={out_channels}, width={width} and depth={depth} must be "
                "at least 1"
            )
        self.depth = depth
        widths = [width * 2**level for level in range(depth + 1)]  # 64, 128, 256, 512, 1024
        self.down = nn.ModuleList([Pair(a, b) for a, b in zip([channels, *widths], widths)])
        self.ups = nn.ModuleList([doubling(2 * w, w, up) for w in widths[:-1]])
        self.merge = nn.ModuleList([Pair(2 * w, w) for w in widths[:-1]])
        self.last = nn.Conv2d(width, out_channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, O, H, W)."""
        if x.shape[2] % 2**self.depth or x.shape[3] % 2**self.depth:
            raise ValueError(
                f"UNet: height and width of images {tuple(x.shape)} must be multiples of {2**self.depth}, since "
                f"depth={self.depth} halves them so often; crop or pad them, or take a smaller depth"
            )
        skips = []
        for level in range(self.depth):
            x = self.down[level](x)  # (N, C, H, W) -> (N, 64, H, W)
            skips.append(x)
            x = F.max_pool2d(x, 2)  # (N, 64, H, W) -> (N, 64, H/2, W/2)
        x = self.down[self.depth](x)
        for level in reversed(range(self.depth)):
            x = self.ups[level](x)  # (N, 128, H/2, W/2) -> (N, 64, H, W)
            x = self.merge[level](minigen.cat([skips[level], x], dim=1))  # (N, 128, H, W) -> (N, 64, H, W)
        return self.last(x)


class Pair(nn.Sequential):
    """Two convolutions of 3 x 3 with ReLU (figure 1), which keep the size."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__(
            convolution(channels, filters, 3),
            nn.ReLU(),
            convolution(filters, filters, 3),
            nn.ReLU(),
        )


def doubling(channels: int, filters: int, up: str) -> nn.Module:
    """Return a module that makes images twice as large: (N, channels, H, W) to (N, filters, 2H, 2W)."""
    if up == "resize":
        return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), convolution(channels, filters, 3))
    if up == "transposed":
        return nn.ConvTranspose2d(channels, filters, kernel_size=2, stride=2)
    raise ValueError(f'UNet: up must be "resize" or "transposed", not {up!r}')


def convolution(channels: int, filters: int, kernel_size: int) -> nn.Conv2d:
    """Return a convolution that keeps the size, with weights from N(0, 2 / fan_in) (section 3)."""
    layer = nn.Conv2d(channels, filters, kernel_size, padding=kernel_size // 2)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return layer
