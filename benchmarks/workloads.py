"""Six training steps written once, against the names that minigen and PyTorch share.

Each builder takes the library as a module (``minigen`` or ``torch``) and returns a function without arguments
that does one whole training step: forward, backward and the optimisers.

W1  DCGAN on 64x64 colour images, the networks of pytorch/examples, batch 64
W2  DCGAN on 28x28 grey images: a linear layer to 7x7x128, two transposed convolutions, batch 128
W3  a CNN on 32x32 colour images: two convolutions with pooling, two linear layers, batch 64
W4  the VAE 784-400-20 of pytorch/examples, batch 128
W5  WGAN-GP on 28x28 grey images, batch 64: the critic's step with its gradient penalty, then the generator's
W6  ResNet-20 on 32x32 colour images, batch 64
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

Step = Callable[[], Any]


class Case(NamedTuple):
    """Something to be timed: `timed` is given what `prepare` made just before, off the clock."""

    prepare: Callable[[], Any]
    timed: Callable[[Any], Any]


def gan_step(lib: Any, generator: Any, discriminator: Any, real: Any, noise_shape: tuple[int, ...]) -> Step:
    """One round of the game: D on real and on drawn images, then G; binary cross entropy and Adam."""
    loss = lib.nn.BCELoss()
    adam_g = lib.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    adam_d = lib.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    ones, zeros = lib.ones(len(real)), lib.zeros(len(real))

    def step() -> None:
        fake = generator(lib.randn(*noise_shape))
        adam_d.zero_grad()
        loss(discriminator(real), ones).backward()
        loss(discriminator(fake.detach()), zeros).backward()
        adam_d.step()
        adam_g.zero_grad()
        loss(discriminator(fake), ones).backward()
        adam_g.step()

    return step


def w1(lib: Any, batch: int = 64, size: int = 64) -> Step:
    """DCGAN: 64 filters beside the image, twice as many with each halving, up to 512, as in pytorch/examples.

    Its images are 64x64, by four halvings; other sizes, by one more or fewer, show how time and memory grow.
    """
    nn, z = lib.nn, 100
    widths = [min(64 << i, 512) for i in range(size.bit_length() - 3)]  # 64x64: 64, 128, 256, 512

    def up(i: int, o: int, stride: int = 2, padding: int = 1) -> list[Any]:
        return [nn.ConvTranspose2d(i, o, 4, stride, padding, bias=False), nn.BatchNorm2d(o), nn.ReLU(True)]

    def down(i: int, o: int) -> list[Any]:
        return [nn.Conv2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(0.2, inplace=True)]

    generator = nn.Sequential(
        *up(z, widths[-1], 1, 0),
        *[layer for i, o in itertools.pairwise(widths[::-1]) for layer in up(i, o)],
        nn.ConvTranspose2d(widths[0], 3, 4, 2, 1, bias=False),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(3, widths[0], 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2, inplace=True),
        *[layer for i, o in itertools.pairwise(widths) for layer in down(i, o)],
        nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False),
        nn.Flatten(0),
        nn.Sigmoid(),
    )
    return gan_step(lib, generator, discriminator, lib.randn(batch, 3, size, size), (batch, z, 1, 1))


def w2(lib: Any) -> Step:
    """DCGAN 28x28, batch 128."""
    nn = lib.nn
    generator = nn.Sequential(
        nn.Linear(100, 7 * 7 * 128, bias=False),
        nn.Unflatten(1, (128, 7, 7)),
        nn.BatchNorm2d(128),
        nn.ReLU(True),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(True),
        nn.ConvTranspose2d(64, 1, 4, 2, 1, bias=False),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(64, 128, 4, 2, 1, bias=False),
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(128, 1, 7, bias=False),
        nn.Flatten(0),
        nn.Sigmoid(),
    )
    return gan_step(lib, generator, discriminator, lib.randn(128, 1, 28, 28), (128, 100))


def w3(lib: Any) -> Step:
    """CNN on 32x32x3, batch 64."""
    nn = lib.nn
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 8 * 8, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )
    adam, loss = lib.optim.Adam(model.parameters(), lr=1e-3), nn.CrossEntropyLoss()
    images, labels = lib.randn(64, 3, 32, 32), lib.randint(0, 10, (64,))

    def step() -> None:
        adam.zero_grad()
        loss(model(images), labels).backward()
        adam.step()

    return step


def w4(lib: Any, batch: int = 128) -> Step:
    """VAE 784-400-20."""
    nn = lib.nn
    encoder, heads = nn.Sequential(nn.Linear(784, 400), nn.ReLU()), nn.Linear(400, 40)
    decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
    parts = nn.ModuleList([encoder, heads, decoder])
    adam, images = lib.optim.Adam(parts.parameters(), lr=1e-3), lib.rand(batch, 784)
    bce = nn.BCEWithLogitsLoss(reduction="sum")

    def step() -> None:
        mu, logvar = heads(encoder(images)).chunk(2, 1)
        z = mu + lib.randn_like(mu) * (logvar * 0.5).exp()
        kl = -0.5 * (1 + logvar - mu * mu - logvar.exp()).sum()
        adam.zero_grad()
        ((bce(decoder(z), images) + kl) / batch).backward()
        adam.step()

    return step


def w5(lib: Any) -> Step:
    """WGAN-GP 28x28, batch 64: one step of the critic (Gulrajani et al. 2017, no batch norm in it) and one of G."""
    nn, n = lib.nn, 64
    generator = nn.Sequential(
        nn.Linear(100, 7 * 7 * 128),
        nn.ReLU(True),
        nn.Unflatten(1, (128, 7, 7)),
        nn.ConvTranspose2d(128, 64, 4, 2, 1),
        nn.ReLU(True),
        nn.ConvTranspose2d(64, 1, 4, 2, 1),
        nn.Tanh(),
    )
    critic = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(64, 128, 4, 2, 1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Flatten(),
        nn.Linear(7 * 7 * 128, 1),
    )
    adam_g = lib.optim.Adam(generator.parameters(), lr=1e-4, betas=(0.5, 0.9))
    adam_c = lib.optim.Adam(critic.parameters(), lr=1e-4, betas=(0.5, 0.9))
    real = lib.randn(n, 1, 28, 28)

    def step() -> None:
        fake = generator(lib.randn(n, 100))
        share = lib.rand(n, 1, 1, 1)
        between = (share * real + (1 - share) * fake.detach()).requires_grad_()
        (slope,) = lib.autograd.grad(critic(between).sum(), between, create_graph=True)
        norm = (slope.flatten(1) ** 2).sum(1).sqrt()
        adam_c.zero_grad()
        (critic(fake.detach()).mean() - critic(real).mean() + 10 * ((norm - 1) ** 2).mean()).backward()
        adam_c.step()
        adam_g.zero_grad()
        (-critic(fake).mean()).backward()
        adam_g.step()

    return step


def w6(lib: Any, batch: int = 64) -> Step:
    """ResNet-20 (He et al. 2016, section 4.2; identity shortcuts, padded with zero channels)."""
    nn = lib.nn

    class Block(nn.Module):
        def __init__(self, i: int, o: int) -> None:
            super().__init__()
            stride = o // i
            self.one, self.norm_one = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
            self.two, self.norm_two = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)

        def forward(self, x: Any) -> Any:
            y = self.norm_two(self.two(lib.relu(self.norm_one(self.one(x)))))
            if y.shape != x.shape:
                x = x[:, :, ::2, ::2]
                x = lib.cat([x, lib.zeros(*x.shape)], 1)
            return lib.relu(x + y)

    widths = [16, 16, 16, 16, 32, 32, 32, 64, 64, 64]
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        *[Block(i, o) for i, o in itertools.pairwise(widths)],
        nn.AvgPool2d(8),
        nn.Flatten(),
        nn.Linear(64, 10),
    )
    sgd, loss = lib.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4), nn.CrossEntropyLoss()
    images, labels = lib.randn(batch, 3, 32, 32), lib.randint(0, 10, (batch,))

    def step() -> None:
        sgd.zero_grad()
        loss(model(images), labels).backward()
        sgd.step()

    return step


WORKLOADS: dict[str, Callable[..., Step]] = {"W1": w1, "W2": w2, "W3": w3, "W4": w4, "W5": w5, "W6": w6}


def step_case(lib: Any, name: str, **options: int) -> Case:
    """Build the step called ``name``, as something to be timed."""
    step = WORKLOADS[name](lib, **options)
    return Case(lambda: None, lambda _: step())
