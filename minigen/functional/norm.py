"""Batch normalisation: every channel brought to mean 0 and variance 1, then scaled and shifted as learnt.

The derivative is where programs go wrong: mean and variance depend on every element, so a change of one element
moves all the others, and the derivative of that dependence shows again in the second derivative.  Hence
`BatchNorm.backward` computes the statistics anew, as Tensors; a stored 1/sigma gives a right first derivative
and a wrong second one, in silence.  (The first-order shortcut beside it may use stored ones: nothing is ever derived
from it.)

Not here: the running statistics' place in a model (`minigen.nn.BatchNorm2d`).
"""

from __future__ import annotations

import math

from minigen import kernels
from minigen.backend import Array, array_module
from minigen.engine import Function
from minigen.functional.arguments import check_floating, check_number
from minigen.functional.channels import add_up, channel_sum, per_channel, row_blocks, rows_by_channel, sum_rows, widen
from minigen.functional.windows import scratch
from minigen.parallel import spread
from minigen.tensor import Tensor


class BatchNorm(Function):
    """weight * (x - mean) / sqrt(var + eps) + bias, with the mean and variance of each channel of x (N, C, ...).

    `mean` and `var` are given as options because the caller keeps running averages of them; they are those of x,
    and only `forward` and the shortcut `backward_arrays` use them.
    """

    mean: Array
    var: Array
    eps: float

    def forward(self, x: Array, weight: Array, bias: Array) -> Array:
        """Normalise block by block, as x * scale + shift."""
        xp = array_module(x)
        if kernels.usable(x):
            rows = rows_by_channel(x)
            return _restore(kernels.normalise(rows, self.mean, self.var, weight, bias, self.eps), x.shape)
        self.inv_std = 1 / xp.sqrt(self.var + self.eps)
        rows = widen(rows_by_channel(x))
        scale = self.inv_std * weight
        scale, shift = _repeat(rows, scale), _repeat(rows, bias - self.mean * scale)
        y = xp.empty_like(rows)

        def normalise(block: slice) -> None:
            xp.multiply(rows[block], scale, out=y[block])
            y[block] += shift

        spread(xp, normalise, row_blocks(rows))
        return _restore(y, x.shape)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Differentiate through the statistics, which are functions of x, too."""
        x, weight, _ = self.inputs
        needs_x, needs_weight, needs_bias = self.needs_input_grad
        n = x.numel() // x.shape[1]
        centred = x - per_channel(channel_sum(x) * (1 / n), x.ndim)
        inv_std = (channel_sum(centred * centred) * (1 / n) + self.eps) ** -0.5
        sum_grad = channel_sum(grad)
        sum_product = channel_sum(grad * centred) * inv_std
        grad_x = None
        if needs_x:
            slope = per_channel(inv_std * sum_product * (1 / n), x.ndim)
            grad_x = per_channel(weight * inv_std, x.ndim) * (
                grad - per_channel(sum_grad * (1 / n), x.ndim) - centred * slope
            )
        return grad_x, sum_product if needs_weight else None, sum_grad if needs_bias else None

    def backward_arrays(self, grad: Array) -> tuple[Array | None, ...]:
        """The same with the statistics of `forward`, block by block in place: 3 times as fast as `backward`."""
        xp, (x, weight, _) = array_module(grad), (tensor.array for tensor in self.inputs)
        if kernels.usable(x):
            rows, needs_x = (rows_by_channel(x), rows_by_channel(grad)), self.needs_input_grad[0]
            found = kernels.normalise_backward(*rows, self.mean, self.var, weight, self.eps, needs_x)
            return None if found[0] is None else _restore(found[0], x.shape), *found[1:]
        rows, grads = widen(rows_by_channel(x)), widen(rows_by_channel(grad))
        n, channels = x.size // x.shape[1], x.shape[1]
        mean = _repeat(rows, self.mean)

        def reduce(block: slice) -> tuple[Array, Array]:
            centred = _less(rows[block], mean)
            centred *= grads[block]
            return sum_rows(grads[block]), sum_rows(centred)

        sums, products = zip(*spread(xp, reduce, row_blocks(rows)))
        sum_grad, sum_product = add_up(sums, channels), add_up(products, channels) * self.inv_std
        if not self.needs_input_grad[0]:
            return None, sum_product, sum_grad
        scale = weight * self.inv_std
        slope, shift = _repeat(rows, -scale * self.inv_std * sum_product / n), _repeat(rows, -scale * sum_grad / n)
        scale, grad_x = _repeat(rows, scale), xp.empty_like(rows)

        def combine(block: slice) -> None:
            centred = _less(rows[block], mean)
            centred *= slope
            xp.multiply(grads[block], scale, out=grad_x[block])
            grad_x[block] += centred
            grad_x[block] += shift

        spread(xp, combine, row_blocks(rows))
        return _restore(grad_x, x.shape), sum_product, sum_grad

    def reads(self) -> tuple[int, ...]:
        """The gradients read x and the weight."""
        return (0, 1)


def _less(block: Array, mean: Array) -> Array:
    """``block - mean``, in a buffer that the next call overwrites."""
    xp = array_module(block)
    return xp.subtract(block, mean, out=scratch(xp, "centred", block.shape, block.dtype))


def _repeat(rows: Array, v: Array) -> Array:
    """(C,) -> (repeats*C,): as long as the rows of `widen`."""
    return array_module(v).tile(v, rows.shape[1] // len(v))


def _restore(rows: Array, shape: tuple[int, ...]) -> Array:
    """Rows (pixels, C) -> (N, C, ...), a view: the inverse of `rows_by_channel`."""
    n, channels, *rest = shape
    return array_module(rows).moveaxis(rows.reshape(n, *rest, channels), -1, 1)


def _statistics(x: Array) -> tuple[Array, Array]:
    """Mean and (biased) variance of every channel of x (N, C, ...).

    In two passes: first the mean, then the squares of what is left of it.  A single pass with
    E[x^2] - E[x]^2 loses all digits where the mean is much larger than the deviation.
    """
    rows, channels = widen(rows_by_channel(x)), x.shape[1]
    n, xp = x.size // channels, array_module(x)
    mean = add_up(spread(xp, lambda block: sum_rows(rows[block]), row_blocks(rows)), channels) / n
    wide_mean = _repeat(rows, mean)

    def sum_centred(block: slice) -> tuple[Array, Array]:
        centred = _less(rows[block], wide_mean)
        return sum_rows(centred), sum_rows(xp.multiply(centred, centred, out=centred))

    sums, squares = zip(*spread(xp, sum_centred, row_blocks(rows)))
    rest = add_up(sums, channels) / n  # what rounding left of the mean: nearly zero
    return mean + rest, add_up(squares, channels) / n - rest * rest


def _learn_statistics(
    x: Array, running_mean: Tensor | None, running_var: Tensor | None, momentum: float, n: int
) -> tuple[Array, Array]:
    """The statistics of x, which has n values a channel; they enter the running averages, where there are any."""
    averages = [running for running in (running_mean, running_var) if running is not None]
    for running in averages:
        running.bump_version()
    if kernels.usable(x) and all(running.array.flags.c_contiguous for running in averages):
        return kernels.moments(rows_by_channel(x), [running.array for running in averages], momentum)
    mean, var = _statistics(x)
    for running, new in zip(averages, (mean, var * (n / (n - 1)))):
        running.array[...] += momentum * (new - running.array)
    return mean, var


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise every channel over the batch and all pixels: ``weight * (x - mean) / sqrt(var + eps) + bias``.

    Parameters
    ----------
    input : Tensor
        x, of shape (N, C), (N, C, L), (N, C, H, W) or with more axes behind the channels.
    running_mean, running_var : Tensor or None
        Of shape (C,).  While training they are updated in place (if given); otherwise they are what is used.
    weight, bias : Tensor, optional
        Of shape (C,); 1 and 0 where missing.
    training : bool, default False
        Use the statistics of this batch, with the biased variance.
    momentum : float, default 0.1
        The weight of this batch in the running averages, sensibly in [0, 1]; the variance that enters them is the
        unbiased one.
    eps : float, default 1e-5
        Added to the variance, so that a constant channel does not divide by zero.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.  An empty batch gives an empty result and leaves the running averages alone.

    Raises
    ------
    ValueError, TypeError
        If shapes or dtypes do not fit together, if there is a single value a channel while training, no running
        statistics when not, or only one of the two.

    Notes
    -----
    With y the normalised x and N values a channel, dL/dx = weight / sigma * (g - mean(g) - y * mean(g * y)): what a
    common shift or a common scale of the batch would change is taken out of the gradient g.

    References
    ----------
    Ioffe and Szegedy (2015), "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
    Shift", ICML, algorithm 1.

    Examples
    --------
    >>> import minigen
    >>> batch_norm(minigen.tensor([[1.0], [3.0]]), None, None, training=True, eps=0.0)
    tensor([[-1.],
            [ 1.]])
    """
    _check(input, running_mean, running_var, weight, bias, training)
    momentum = check_number("batch_norm", "momentum", momentum, low=-math.inf)
    eps = check_number("batch_norm", "eps", eps, low=0.0)
    channels = input.shape[1]
    weight = input.new_ones(channels) if weight is None else weight
    bias = input.new_zeros(channels) if bias is None else bias
    if not training:
        assert running_mean is not None
        assert running_var is not None
        scale = weight * (running_var + eps) ** -0.5
        shift = bias - running_mean * scale
        return input * per_channel(scale, input.ndim) + per_channel(shift, input.ndim)
    n = input.numel() // channels if channels else 0
    if not n:
        return input * per_channel(weight, input.ndim) + per_channel(bias, input.ndim)
    mean, var = _learn_statistics(input.array, running_mean, running_var, momentum, n)
    return BatchNorm.apply(input, weight, bias, mean=mean, var=var, eps=eps)


def _check(x, running_mean, running_var, weight, bias, training) -> None:
    given = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    given = {name: tensor for name, tensor in given.items() if tensor is not None}
    check_floating("batch_norm", input=x, **given)
    if x.ndim < 2:
        raise ValueError(f"batch_norm: input is (N, C), (N, C, L) or (N, C, H, W), but its shape is {x.shape}")
    for name, tensor in given.items():
        if tensor.shape != x.shape[1:2]:
            raise ValueError(
                f"batch_norm: {name} has shape {tensor.shape}, but input {x.shape} has {x.shape[1]} channels"
            )
    if not training and (running_mean is None or running_var is None):
        raise ValueError("batch_norm: without running_mean and running_var only training=True has statistics to use")
    if (running_mean is None) != (running_var is None):
        raise ValueError("batch_norm: give both running_mean and running_var, or neither")
    if training and x.numel() == x.shape[1] > 0:
        raise ValueError(
            f"batch_norm: input {x.shape} has no more than one value a channel, so there is no variance to train with; "
            "use a larger batch, or eval mode"
        )
