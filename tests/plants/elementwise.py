"""Faults in functions that treat every element alike."""

from minigen import Function, Tensor
from minigen.functional import activations
from minigen.ops import arithmetic, elementwise
from plants.plant import Plant


class HalfOfMask(Function):
    """grad * mask, with half of the right derivative."""

    def forward(self, grad):
        return grad * self.mask

    def backward(self, grad):
        return HalfOfMask.apply(grad, mask=self.mask) * 0.5


class SigmoidSlope(Function):
    """y (1 - y), whose own derivative is right once and then constant."""

    def forward(self, y):
        return y * (1 - y)

    def backward(self, grad):
        return grad * (1 - 2 * self.inputs[0].detach())


PLANTS = [
    Plant(
        "relu: the second derivative is halved",
        elementwise.Relu,
        "backward",
        lambda self, grad: HalfOfMask.apply(grad, mask=self.output.array > 0),
        "relu",
        2,
    ),
    Plant(
        "tanh: the second derivative is halved",
        elementwise.Tanh,
        "backward",
        lambda self, grad: grad * (1 - self.output * self.output.detach()),
        "tanh",
        2,
    ),
    Plant(
        "sigmoid: the third derivative is wrong",
        elementwise.Sigmoid,
        "backward",
        lambda self, grad: grad * SigmoidSlope.apply(self.output),
        "sigmoid",
        3,
    ),
    Plant(
        "exp: the output is an array",
        elementwise.Exp,
        "backward",
        lambda self, grad: grad * Tensor(self.output.array),
        "exp",
        2,
    ),
    Plant(
        "log: the input is detached",
        elementwise.Log,
        "backward",
        lambda self, grad: grad / self.inputs[0].detach(),
        "log",
        2,
    ),
    Plant(
        "leaky relu: nothing leaks back",
        activations.LeakyRelu,
        "backward",
        lambda self, grad: grad * (self.inputs[0] > 0),
        "leaky_relu (slope 0.2)",
        1,
    ),
    Plant(
        "softplus: the straight part forgotten",
        activations.Softplus,
        "backward",
        lambda self, grad: grad * (self.inputs[0] * self.beta).sigmoid(),
        "softplus (beta, threshold)",
        1,
        hidden_in="softplus",
    ),
    Plant(
        "sub: missing sign",
        arithmetic.Sub,
        "backward",
        lambda self, grad: (grad, grad),
        "sub",
        1,
    ),
    Plant(
        "mul: one factor detached",
        arithmetic.Mul,
        "backward",
        lambda self, grad: (grad * self.inputs[1], grad * self.inputs[0].detach()),
        "mul",
        2,
    ),
    Plant(
        "div: dropped term",
        arithmetic.Div,
        "backward",
        lambda self, grad: (grad / self.inputs[1], None),
        "div",
        1,
    ),
    Plant(
        "pow: the exponent is not reduced",
        arithmetic.PowScalar,
        "backward",
        lambda self, grad: grad * self.inputs[0] ** self.exponent * self.exponent,
        "pow 3",
        1,
    ),
]
