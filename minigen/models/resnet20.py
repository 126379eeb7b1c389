"""ResNet-20: a classifier of twenty layers, whose blocks compute what to add to their input.

Deeper networks should do no worse than shallow ones, since further layers could do nothing; but plain ones did do
worse (He et al. 2016, figure 1): doing nothing is hard to learn for a stack of convolutions.  With a shortcut around
every two layers it is easy, a residual of 0, and the gradient finds its way back through the shortcuts undiminished.

References
----------
He, Zhang, Ren, Sun, Deep Residual Learning for Image Recognition, 2016, arXiv:1512.03385, section 4.2.
He, Zhang, Ren, Sun, Delving Deep into Rectifiers, 2015, arXiv:1502.01852 (initial weights).

Deviations
----------
- The step size falls steadily, by a factor of ten in 32,000 steps; the paper's falls by that factor after 32,000 steps
  and again after 48,000, and training ends at 64,000.  In a shorter run, ``--decay-steps`` should be half of the steps.
- Pixels lie in [-1, 1] instead of having the mean of all training images, pixel by pixel, taken off.
- Shifting and mirroring images is the data's matter, not the network's; `minigen train` does neither, so the figures of
  the paper, made with both, are out of reach.
- Images of 28 x 28 pixels become 14 and 7 in the second and third stage; the paper's are 32, 16 and 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import minigen.nn.functional as F
from minigen import Tensor, nn
from minigen.models.classification import ClassifierSystem
from minigen.models.system import Shape, option
from minigen.optim import SGD


@dataclass
class Options:
    """The settings of ResNet-20; the sections are those of He et al. (2016)."""

    batch_size: int = option(128, "images a step (section 4.2)")
    blocks: int = option(3, "n, blocks in each of the three stages; the network has 6n + 2 layers (section 4.2)")
    width: int = option(16, "filters of the first stage; each further one has twice as many (section 4.2)")
    lr: float = option(0.1, "step size of SGD in the first step (section 4.2)")
    momentum: float = option(0.9, "share of the last move that is made again (section 4.2)")
    weight_decay: float = option(1e-4, "pull of all weights towards 0 (section 4.2)")
    decay_steps: int = option(32_000, "steps within which the step size falls to a tenth; 0: never", least=0)


# ------------------------------------------------------------------------------------------------- network


def conv3x3(channels: int, filters: int, stride: int = 1) -> nn.Conv2d:
    """A convolution of 3 x 3 pixels, without a bias: the batch norm behind it has one."""
    return nn.Conv2d(channels, filters, kernel_size=3, stride=stride, padding=1, bias=False)


class Block(nn.Module):
    """relu(x + f(x)), f two convolutions (figure 2); with a stride of 2, half as large and with twice the channels."""

    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv3x3(channels, filters, stride), nn.BatchNorm2d(filters)
        self.conv2, self.bn2 = conv3x3(filters, filters), nn.BatchNorm2d(filters)
        self.stride, self.more = stride, filters - channels

    def shortcut(self, x: Tensor) -> Tensor:
        """Return x in the shape of f(x): every other pixel, and zeros in the channels that it lacks.

        This is option A of section 3.3: it has no weights.
        """
        if self.stride == 1:
            return x
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, filters, H / stride, W / stride)."""
        residual = F.relu(self.bn1(self.conv1(x)))  # (N, 16, 32, 32) -> (N, 32, 16, 16)
        residual = self.bn2(self.conv2(residual))
        return F.relu(self.shortcut(x) + residual)


class ResidualNetwork(nn.Module):
    """Images (N, C, H, W) in [-1, 1] to one logit a class (N, classes)."""

    def __init__(self, channels: int, classes: int, options: Options) -> None:
        super().__init__()
        width = options.width
        self.conv, self.bn = conv3x3(channels, width), nn.BatchNorm2d(width)
        stages = [stage(width, width, 1, options.blocks)]
        for _ in range(2):
            stages.append(stage(width, 2 * width, 2, options.blocks))
            width *= 2
        self.stages = nn.Sequential(*stages)
        self.fc = nn.Linear(width, classes)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.kaiming_normal_(parameter, nonlinearity="relu")  # N(0, 2 / fan_in): He et al. (2015), eq. (10)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes)."""
        x = F.relu(self.bn(self.conv(x)))  # (N, 3, 32, 32) -> (N, 16, 32, 32)
        x = self.stages(x)  # (N, 16, 32, 32) -> (N, 64, 8, 8)
        return self.fc(x.mean((2, 3)))  # (N, 64, 8, 8) -> (N, 64) -> (N, classes)


def stage(channels: int, filters: int, stride: int, blocks: int) -> nn.Sequential:
    """Blocks of one size of feature maps; the first comes from the stage before."""
    first = Block(channels, filters, stride)
    return nn.Sequential(first, *(Block(filters, filters, 1) for _ in range(blocks - 1)))


# -------------------------------------------------------------------------------------------------- system


class ResNet20(ClassifierSystem):
    """The network and its optimizer; loss and step are those of `classification.py`.

    Examples
    --------
    >>> import minigen
    >>> system = ResNet20()
    >>> sum(parameter.numel() for parameter in system.parameters())  # table 6: 0.27 million
    269722
    >>> system(minigen.zeros(2, 3, 32, 32)).shape
    (2, 10)
    """

    name = "resnet20"
    summary = "residual classifier of 20 layers (He et al. 2016)"
    Options = Options
    data = "shapes"
    image_sizes = (32, 28)
    value_range = (-1.0, 1.0)

    def __init__(self, options: Any = None, *, shape: Shape = (3, 32, 32), classes: int = 10) -> None:
        super().__init__(options, shape=shape, classes=classes)
        options = self.options
        self.network = ResidualNetwork(shape[0], classes, options)
        self.optimizers = {
            "network": SGD(
                self.network.parameters(),
                lr=options.lr,
                momentum=options.momentum,
                weight_decay=options.weight_decay,
            )
        }
