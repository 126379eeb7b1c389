"""Single functions over the shapes that the steps of `benchmarks.workloads` use, written once for both libraries.

A case is a layer and the shape of its input; its forward is timed while it records, its backward with gradients for
the input and the parameters.  Images lie in memory as the library's own convolutions leave them: channels last in
minigen, channels first in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.workloads import Case

Layer = Callable[[Any], Any]  # the library's nn -> a layer
Shape = tuple[int, ...]


def convolutions(transposed: bool) -> list[tuple[str, Layer, Shape]]:
    """The convolutions of W1, W2, W3 and W6: batch, channels in and out, image, kernel, stride, padding."""
    down = {
        "W1": (64, [(3, 64, 64), (64, 128, 32), (128, 256, 16), (256, 512, 8)], (4, 2, 1)),
        "W1 last": (64, [(512, 1, 4)], (4, 1, 0)),
        "W2": (128, [(1, 64, 28), (64, 128, 14)], (4, 2, 1)),
        "W2 last": (128, [(128, 1, 7)], (7, 1, 0)),
        "W3": (64, [(3, 32, 32), (32, 64, 16)], (3, 1, 1)),
        "W6": (64, [(3, 16, 32), (16, 16, 32), (32, 32, 16), (64, 64, 8)], (3, 1, 1)),
        "W6 halving": (64, [(16, 32, 32), (32, 64, 16)], (3, 2, 1)),
    }
    up = {
        "W1 first": (64, [(100, 512, 1)], (4, 1, 0)),
        "W1": (64, [(512, 256, 4), (256, 128, 8), (128, 64, 16), (64, 3, 32)], (4, 2, 1)),
        "W2": (128, [(128, 64, 7), (64, 1, 14)], (4, 2, 1)),
    }

    def layer(i: int, o: int, geometry: tuple[int, int, int]) -> Layer:
        return lambda nn: (nn.ConvTranspose2d if transposed else nn.Conv2d)(i, o, *geometry, bias=False)

    return [
        (f"{net}: {i} to {o}, {size}x{size}", layer(i, o, geometry), (batch, i, size, size))
        for net, (batch, layers, geometry) in (up if transposed else down).items()
        for i, o, size in layers
    ]


FAMILIES: dict[str, list[tuple[str, Layer, Shape]]] = {
    "conv2d": convolutions(transposed=False),
    "conv_transpose2d": convolutions(transposed=True),
    "pooling": [
        ("max 2x2, W3", lambda nn: nn.MaxPool2d(2), (64, 32, 32, 32)),
        ("max 2x2, W3", lambda nn: nn.MaxPool2d(2), (64, 64, 16, 16)),
        ("average 2x2", lambda nn: nn.AvgPool2d(2), (64, 32, 32, 32)),
        ("average 8x8, W6", lambda nn: nn.AvgPool2d(8), (64, 64, 8, 8)),
    ],
    "norms": [
        ("batch norm, W1", lambda nn: nn.BatchNorm2d(64), (64, 64, 32, 32)),
        ("batch norm, W1", lambda nn: nn.BatchNorm2d(512), (64, 512, 4, 4)),
        ("batch norm, W6", lambda nn: nn.BatchNorm2d(16), (64, 16, 32, 32)),
        ("layer norm", lambda nn: nn.LayerNorm(400), (128, 400)),
        ("layer norm", lambda nn: nn.LayerNorm([128, 16, 16]), (64, 128, 16, 16)),
        ("group norm", lambda nn: nn.GroupNorm(8, 128), (64, 128, 16, 16)),
        ("instance norm", lambda nn: nn.InstanceNorm2d(128), (64, 128, 16, 16)),
    ],
    "activations": [
        ("relu, W1", lambda nn: nn.ReLU(), (64, 64, 32, 32)),
        ("leaky_relu, W1", lambda nn: nn.LeakyReLU(0.2), (64, 64, 32, 32)),
        ("tanh, W1", lambda nn: nn.Tanh(), (64, 3, 64, 64)),
        ("relu, W4", lambda nn: nn.ReLU(), (128, 400)),
        ("sigmoid, W1", lambda nn: nn.Sigmoid(), (64,)),
        ("sigmoid", lambda nn: nn.Sigmoid(), (64, 128, 16, 16)),
        ("gelu", lambda nn: nn.GELU(), (64, 128, 16, 16)),
        ("silu", lambda nn: nn.SiLU(), (64, 128, 16, 16)),
        ("softplus", lambda nn: nn.Softplus(), (64, 128, 16, 16)),
        ("elu", lambda nn: nn.ELU(), (64, 128, 16, 16)),
    ],
    "softmax": [
        ("softmax, W3", lambda nn: nn.Softmax(1), (64, 10)),
        ("softmax", lambda nn: nn.Softmax(1), (1024, 1000)),
        ("log_softmax, W3", lambda nn: nn.LogSoftmax(1), (64, 10)),
        ("log_softmax", lambda nn: nn.LogSoftmax(1), (1024, 1000)),
    ],
    "losses": [
        ("cross_entropy, W3", lambda nn: nn.CrossEntropyLoss(), (64, 10)),
        ("cross_entropy", lambda nn: nn.CrossEntropyLoss(), (1024, 1000)),
        ("bce_with_logits, W4", lambda nn: nn.BCEWithLogitsLoss(), (128, 784)),
    ],
    "linear": [
        ("W2: 100 to 6272", lambda nn: nn.Linear(100, 6272), (128, 100)),
        ("W3: 4096 to 128", lambda nn: nn.Linear(4096, 128), (64, 4096)),
        ("W4: 784 to 400", lambda nn: nn.Linear(784, 400), (128, 784)),
        ("W4: 400 to 784", lambda nn: nn.Linear(400, 784), (128, 400)),
    ],
    "optimisers": [],  # no layers: see `optimisers`
}


def values(lib: Any, shape: Shape) -> Any:
    """Standard normal numbers; images with the layout of the library's own convolutions."""
    if lib.__name__ == "minigen" and len(shape) == 4:
        n, c, h, w = shape
        return lib.randn(n, h, w, c).permute(0, 3, 1, 2)  # (N, C, H, W), channels last in memory
    return lib.randn(*shape)


def target_of(lib: Any, layer: Any, shape: Shape) -> tuple[Any, ...]:
    """What a loss wants beside its input; nothing for other layers."""
    if isinstance(layer, lib.nn.CrossEntropyLoss):
        return (lib.randint(0, shape[1], shape[:1]),)
    return (lib.rand(*shape),) if isinstance(layer, lib.nn.BCEWithLogitsLoss) else ()


def layer_cases(lib: Any, make: Layer, shape: Shape) -> dict[str, Case]:
    """Forward and backward of one layer."""
    layer, x = make(lib.nn), values(lib, shape).requires_grad_()
    given = (x, *target_of(lib, layer, shape))
    wanted = [x, *layer.parameters()]
    grad = layer(*given).detach() * 0.5  # numbers in the output's own layout
    return {
        "forward": Case(lambda: None, lambda _: layer(*given)),
        "backward": Case(lambda: layer(*given), lambda y: lib.autograd.grad(y, wanted, grad)),
    }


def optimisers(lib: Any) -> dict[str, Case]:
    """One step of each optimizer, over the weights of W1's generator and over those of W4."""
    optim = lib.optim
    kinds: dict[str, Callable[[Any], Any]] = {
        "SGD, momentum": lambda weights: optim.SGD(weights, lr=1e-6, momentum=0.9),
        "Adam": lambda weights: optim.Adam(weights, lr=1e-6),
        "AdamW": lambda weights: optim.AdamW(weights, lr=1e-6),
        "RMSprop": lambda weights: optim.RMSprop(weights, lr=1e-6),
    }
    transposed = [(100, 512), (512, 256), (256, 128), (128, 64), (64, 3)]
    dense = [(784, 400), (400, 40), (20, 400), (400, 784)]

    def weights(net: str) -> list[Any]:
        layers = (
            [lib.nn.ConvTranspose2d(i, o, 4, bias=False) for i, o in transposed]
            if net == "W1's generator"
            else [lib.nn.Linear(i, o) for i, o in dense]
        )
        found = [weight for layer in layers for weight in layer.parameters()]
        for weight in found:
            weight.grad = weight.detach() * 0.5
        return found

    def case(optimizer: Any) -> Case:
        return Case(lambda: None, lambda _: optimizer.step())

    nets = ("W1's generator", "W4")
    return {f"{kind}, {net}|step": case(make(weights(net))) for net in nets for kind, make in kinds.items()}


def family(lib: Any, name: str) -> dict[str, Case]:
    """All cases of a family: "label|direction" -> what is timed."""
    if name == "optimisers":
        return optimisers(lib)
    cases = {}
    for label, make, shape in FAMILIES[name]:
        sized = label if ":" in label else f"{label}, {'x'.join(map(str, shape))}"
        cases |= {f"{sized}|{direction}": case for direction, case in layer_cases(lib, make, shape).items()}
    return cases
