"""Two convolutional networks that are each other's mirror image: pictures to features, and back.

The one halves height and width with each convolution, the other doubles them with each transposed convolution; in
between stands a dense layer, which sees the whole picture at once.  Autoencoders of every kind are built of such a
pair; what they do with it is told in their own files.  The kernels are 4 wide and the strides 2, so that each output
pixel of a transposed convolution is reached by as many input pixels as its neighbours (no checkerboard).

References
----------
Higgins et al., beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework, 2017, appendix A.1,
table 1: four convolutions of 32, 32, 64 and 64 channels for 64 x 64, a dense layer of 256, and all of it mirrored.
Odena, Dumoulin, Olah, Deconvolution and Checkerboard Artifacts, 2016.
"""

from __future__ import annotations

from itertools import pairwise

from minigen import Tensor, nn
from minigen.models.system import Shape


def levels(shape: Shape, width: int) -> tuple[list[int], int]:
    """Return the channels of each level, those of the image first, and the size of the last level in pixels.

    The size is halved while it is even and above 4; the first half of the levels has ``width`` channels, the others
    twice as many.

    Examples
    --------
    >>> levels((3, 64, 64), 32)
    ([3, 32, 32, 64, 64], 4)
    >>> levels((1, 28, 28), 32)
    ([1, 32, 64], 7)
    """
    channels, size, _ = shape
    times = 0
    while size % 2 == 0 and size > 4:
        size //= 2
        times += 1
    return [channels] + [width if i < times // 2 else 2 * width for i in range(times)], size


class Contraction(nn.Module):
    """Images (N, C, H, W) to features (N, F), not negative.

    Examples
    --------
    >>> import minigen
    >>> Contraction((1, 28, 28), width=4, features=10)(minigen.zeros(2, 1, 28, 28)).shape
    (2, 10)
    """

    def __init__(self, shape: Shape, width: int, features: int) -> None:
        super().__init__()
        channels, size = levels(shape, width)
        layers: list[nn.Module] = []
        for i, o in pairwise(channels):
            layers += [nn.Conv2d(i, o, kernel_size=4, stride=2, padding=1), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.features = nn.Linear(size * size * channels[-1], features)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (N, F)."""
        x = self.layers(x)  # (N, C, H, W) -> (N, 2W, 7, 7), or 4 x 4
        x = x.permute(0, 2, 3, 1).flatten(1)  # (N, 7*7*2W): channels are last in memory, nothing is copied
        return self.features(x).relu()  # (N, F)


class Expansion(nn.Module):
    """Vectors (N, Z) to images (N, C, H, W) of numbers without bounds: the mirror image of `Contraction`.

    Examples
    --------
    >>> import minigen
    >>> Expansion((3, 32, 32), width=4, features=10, latent_size=5)(minigen.zeros(2, 5)).shape
    (2, 3, 32, 32)
    """

    def __init__(self, shape: Shape, width: int, features: int, latent_size: int) -> None:
        super().__init__()
        channels, self.size = levels(shape, width)
        channels = channels[::-1]
        self.widest = channels[0]
        self.features = nn.Linear(latent_size, features)
        self.project = nn.Linear(features, self.size * self.size * self.widest)
        layers: list[nn.Module] = []
        for i, o in pairwise(channels):
            layers += [nn.ReLU(), nn.ConvTranspose2d(i, o, kernel_size=4, stride=2, padding=1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """Return images (N, C, H, W), to be squashed or taken as logits by the caller."""
        x = self.project(self.features(z).relu())  # (N, Z) -> (N, F) -> (N, 7*7*2W)
        x = x.reshape(len(z), self.size, self.size, self.widest).permute(0, 3, 1, 2)  # (N, 2W, 7, 7)
        return self.layers(x)  # (N, C, H, W)
