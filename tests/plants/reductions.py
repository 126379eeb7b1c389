"""Faults in reductions, shapes, indices and losses."""

import numpy as np

from minigen.functional import classification
from minigen.ops import indexing, reductions, shapes
from plants.plant import Plant


def log_softmax_over(axis):
    def backward(self, grad):
        return grad - self.output.exp() * grad.sum(dim=axis, keepdim=True)

    return backward


def put_overwrites(self, y):
    x = np.zeros(self.shape, y.dtype)
    x[self.index] = y
    return x


PLANTS = [
    Plant(
        "softmax: the sum is treated as a constant",
        reductions.Softmax,
        "backward",
        lambda self, grad: self.output * (1 - self.output) * grad,
        "softmax (dim 1)",
        1,
    ),
    Plant(
        "softmax: the output is detached",
        reductions.Softmax,
        "backward",
        lambda self, grad: (
            self.output.detach() * (grad - (grad * self.output.detach()).sum(dim=self.dim, keepdim=True))
        ),
        "softmax (dim 1)",
        2,
    ),
    Plant(
        "log_softmax: sum over the wrong axis",
        reductions.LogSoftmax,
        "backward",
        log_softmax_over(0),
        "log_softmax (dim 1)",
        1,
        hidden_in="log_softmax (dim 0)",
    ),
    Plant(
        "logsumexp: the softmax is an array",
        reductions.LogSumExp,
        "backward",
        lambda self, grad, right=reductions.LogSumExp.backward: (
            right(self, grad * 0 + 1).detach()
            * grad.reshape([1 if i in self.dim else n for i, n in enumerate(self.inputs[0].shape)])
        ),
        "logsumexp",
        2,
    ),
    Plant(
        "sum: each element gets its share only",
        reductions.Sum,
        "backward",
        lambda self, grad, right=reductions.Sum.backward: (
            right(self, grad) * (self.output.numel() / self.inputs[0].numel())
        ),
        "sum (dim)",
        1,
    ),
    Plant(
        "amax: everybody gets the gradient",
        reductions.Amax,
        "backward",
        lambda self, grad: grad.reshape(4, 1, 5).broadcast_to(self.inputs[0].shape),
        "amax",
        1,
    ),
    Plant(
        "index: a row chosen twice gets its last gradient only",
        indexing.PutItem,
        "forward",
        put_overwrites,
        "index (repeated rows)",
        1,
        hidden_in="slice",
    ),
    Plant(
        "broadcast: the mean of the gradients instead of their sum",
        shapes.SumTo,
        "forward",
        lambda self, x, right=shapes.SumTo.forward: right(self, x) * np.prod(self.shape) / x.size,
        "expand",
        1,
    ),
    Plant(
        "permute: the same order instead of the inverse one",
        shapes.Permute,
        "backward",
        lambda self, grad: shapes.Permute.apply(grad, dims=self.dims),
        "permute",
        "shape",
        hidden_in="transpose",
    ),
    Plant(
        "cat: every piece is the first",
        shapes.Cat,
        "backward",
        lambda self, grad: tuple(grad[:, : x.shape[1]] for x in self.inputs),
        "cat",
        1,
    ),
    Plant(
        "cross-entropy with logits: sigmoid detached",
        classification.BinaryCrossEntropyWithLogits,
        "backward",
        lambda self, grad: (
            grad * (self.inputs[0].sigmoid().detach() - self.inputs[1]),
            -grad * self.inputs[0],
        ),
        "binary_cross_entropy_with_logits (mean)",
        2,
    ),
]
