"""The slow twins: every function once more, as loops over single numbers.

An oracle is worth something if it cannot be wrong in the same way as what it judges.  So nothing here shares an
expression with `minigen.functional` or `minigen.ops`: no matrix product, no window view, no reduction, only Python
floats, the `math` module and loops that follow the definition.  NumPy arrays carry the numbers in and out and
nothing more.  These functions take arrays, not Tensors; they know no gradients (finite differences judge those)
and are for small sizes only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

Array = np.ndarray


# ---- elementwise ----------------------------------------------------------------------------------------


def elementwise(f: Callable[..., float], *arrays) -> Array:
    """Apply a function of numbers at every position, after broadcasting the arrays against each other."""
    positions = np.broadcast(*arrays)
    values = [f(*(float(v) for v in numbers)) for numbers in positions]
    return np.array(values).reshape(positions.shape)


def relu(x):
    """x, or 0 where x is negative."""
    return elementwise(lambda v: v if v > 0 else 0.0, x)


def leaky_relu(x, negative_slope=0.01):
    """x, times the slope where x is negative."""
    return elementwise(lambda v: v if v > 0 else v * negative_slope, x)


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return elementwise(_sigmoid, x)


def _sigmoid(v):
    return 1.0 / (1.0 + math.exp(-v))


def tanh(x):
    """sinh(x) / cosh(x)."""
    return elementwise(lambda v: math.sinh(v) / math.cosh(v), x)


def softplus(x, beta=1.0, threshold=20.0):
    """log(1 + exp(beta x)) / beta, and x itself where beta x > threshold."""
    return elementwise(lambda v: v if v * beta > threshold else math.log(1.0 + math.exp(beta * v)) / beta, x)


# ---- along dimensions ---------------------------------------------------------------------------------------


def along(f: Callable[[list[float]], list[float]], x: Array, dim: int) -> Array:
    """Replace every line of `x` along `dim` by what a function of a list of numbers makes of it."""
    result = np.zeros(x.shape)
    dim = dim % x.ndim
    for index in np.ndindex(*x.shape[:dim], *x.shape[dim + 1 :]):
        line = (*index[:dim], slice(None), *index[dim:])
        result[line] = f([float(v) for v in x[line]])
    return result


def softmax(x, dim):
    """exp(x) / sum(exp(x)) along `dim`."""

    def of_line(line):
        total = math.fsum(math.exp(v) for v in line)
        return [math.exp(v) / total for v in line]

    return along(of_line, x, dim)


def log_softmax(x, dim):
    """The logarithm of `softmax`."""
    return elementwise(math.log, softmax(x, dim))


def reduce(f: Callable[[list[float]], float], x: Array, dim=None, keepdim=False) -> Array:
    """Apply a function of a list of numbers to all elements of `x` that differ only in their index along `dim`.

    `dim` is an integer, a tuple of them, or None for all.
    """
    dims = range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    dims = {d % x.ndim for d in dims}
    bags: dict[tuple, list[float]] = {}
    for index in np.ndindex(*x.shape):
        kept = tuple(0 if d in dims else i for d, i in enumerate(index))
        bags.setdefault(kept, []).append(float(x[index]))
    result = np.zeros([1 if d in dims else n for d, n in enumerate(x.shape)])
    for kept, values in bags.items():
        result[kept] = f(values)
    return result if keepdim else result.reshape([n for d, n in enumerate(x.shape) if d not in dims])


def logsumexp(x, dim=None, keepdim=False):
    """log(sum(exp(x))) over the dimensions `dim`."""
    return reduce(lambda values: math.log(math.fsum(math.exp(v) for v in values)), x, dim, keepdim)


def average(values: list[float]) -> float:
    """The sum over the count."""
    return math.fsum(values) / len(values)


def variance(values: list[float], correction: float = 1) -> float:
    """The sum over all pairs of their squared difference, so that no mean has to be subtracted."""
    pairs = math.fsum((a - b) ** 2 for i, a in enumerate(values) for b in values[:i])
    return pairs / (len(values) * (len(values) - correction))


# ---- moving elements --------------------------------------------------------------------------------------


def moved(x: Array, shape: tuple[int, ...], source: Callable[..., tuple]) -> Array:
    """An array of this shape, in which the element at ``(i, j, ...)`` is that of `x` at ``source(i, j, ...)``."""
    result = np.zeros(shape)
    for index in np.ndindex(*shape):
        result[index] = float(x[source(*index)])
    return result


def added(y: Array, shape: tuple[int, ...], target: Callable[..., tuple]) -> Array:
    """Zeros of this shape, to which the element of `y` at ``(i, j, ...)`` is added at ``target(i, j, ...)``."""
    result = np.zeros(shape)
    for index in np.ndindex(*y.shape):
        result[target(*index)] += float(y[index])
    return result


# ---- products -------------------------------------------------------------------------------------------


def matmul(a, b):
    """Row times column; leading dimensions broadcast, a vector is a row on the left and a column on the right."""
    left = a[np.newaxis, :] if a.ndim == 1 else a
    right = b[:, np.newaxis] if b.ndim == 1 else b
    lead = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    left = np.broadcast_to(left, lead + left.shape[-2:])
    right = np.broadcast_to(right, lead + right.shape[-2:])
    result = np.zeros((*lead, left.shape[-2], right.shape[-1]))
    for *batch, i, j in np.ndindex(*result.shape):
        row, column = left[*batch, i], right[*batch, :, j]
        result[*batch, i, j] = math.fsum(float(p) * float(q) for p, q in zip(row, column, strict=True))
    if b.ndim == 1:
        result = result[..., 0]
    return result[..., 0, :] if a.ndim == 1 and b.ndim > 1 else result[..., 0] if a.ndim == 1 else result


def linear(x, weight, bias=None):
    """Products of rows: x (..., I), weight (O, I), bias (O,) -> (..., O)."""
    result = np.zeros((*x.shape[:-1], weight.shape[0]))
    for *batch, o in np.ndindex(*result.shape):
        total = 0.0 if bias is None else float(bias[o])
        for c in range(x.shape[-1]):
            total += float(x[*batch, c]) * float(weight[o, c])
        result[*batch, o] = total
    return result


# ---- convolution ------------------------------------------------------------------------------------------


def _pair(value) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _starts(size, kernel, stride, padding, dilation, ceil_mode=False) -> list[int]:
    """Where windows begin along one axis: from -padding on, as long as they end inside the padded axis.

    With `ceil_mode` a window may reach out at the end, but must begin before the end of what is not padding.
    """
    last = size + padding - dilation * (kernel - 1) - 1
    starts = list(range(-padding, last + 1, stride))
    following = starts[-1] + stride if starts else -padding
    if ceil_mode and following - stride < last and following < size:
        starts.append(following)
    return starts


def _taps(x_shape, w_shape, stride, padding, dilation, groups) -> Iterable[tuple[tuple, tuple, tuple]]:
    """Every product of a convolution: the indices (into x, into weight, into y) of its three numbers.

    x (N, C, H, W), weight (O, C / groups, KH, KW), y (N, O, OH, OW); taps in the padding are left out.
    """
    (n_images, channels, height, width), (n_filters, per_group, *kernel) = x_shape, w_shape
    if channels != per_group * groups:
        raise ValueError(f"x has {channels} channels, but weight wants {per_group} in each of {groups} groups")
    rows, columns = (
        _starts(size, k, s, p, d)
        for size, k, s, p, d in zip(
            (height, width), kernel, _pair(stride), _pair(padding), _pair(dilation), strict=True
        )
    )
    down, right = _pair(dilation)
    for n, o, i, j in np.ndindex(n_images, n_filters, len(rows), len(columns)):
        group = o // (n_filters // groups)
        for c, k, m in np.ndindex(per_group, *kernel):
            row, column = rows[i] + k * down, columns[j] + m * right
            if 0 <= row < height and 0 <= column < width:
                yield (n, group * per_group + c, row, column), (o, c, k, m), (n, o, i, j)


def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Sum over each window: x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,) -> (N, O, OH, OW)."""
    result = np.zeros(_conv_shape(x.shape, weight.shape, stride, padding, dilation))
    for at_x, at_w, at_y in _taps(x.shape, weight.shape, stride, padding, dilation, groups):
        result[at_y] += float(x[at_x]) * float(weight[at_w])
    return _add_per_channel(result, bias)


def _conv_shape(x_shape, w_shape, stride, padding, dilation):
    sizes = zip(x_shape[2:], w_shape[2:], _pair(stride), _pair(padding), _pair(dilation), strict=True)
    return (x_shape[0], w_shape[0], *(len(_starts(*size)) for size in sizes))


def conv_transpose2d(y, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1, size=None):
    """Every number of `y` (N, O, OH, OW) is spread by the kernel `weight` (O, C / groups, KH, KW)."""
    sizes = size or [
        (n - 1) * s + d * (k - 1) + 1 - 2 * p + extra
        for n, k, s, p, extra, d in zip(
            y.shape[2:],
            weight.shape[2:],
            _pair(stride),
            _pair(padding),
            _pair(output_padding),
            _pair(dilation),
            strict=True,
        )
    ]
    result = np.zeros((y.shape[0], weight.shape[1] * groups, *sizes))
    for at_x, at_w, at_y in _taps(result.shape, weight.shape, stride, padding, dilation, groups):
        if all(i < n for i, n in zip(at_y, y.shape, strict=True)):
            result[at_x] += float(y[at_y]) * float(weight[at_w])
    return _add_per_channel(result, bias)


def conv2d_weight(x, y, kernel_size, stride=1, padding=0, dilation=1, groups=1):
    """The sum over all places of x under the kernel times y at the place; (O, C / groups, KH, KW)."""
    result = np.zeros((y.shape[1], x.shape[1] // groups, *_pair(kernel_size)))
    for at_x, at_w, at_y in _taps(x.shape, result.shape, stride, padding, dilation, groups):
        if all(i < n for i, n in zip(at_y, y.shape, strict=True)):
            result[at_w] += float(x[at_x]) * float(y[at_y])
    return result


def _add_per_channel(y, bias):
    for index in np.ndindex(*y.shape) if bias is not None else ():
        y[index] += float(bias[index[1]])
    return y


# ---- pooling, resampling ----------------------------------------------------------------------------------


def max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The largest number of x under each window."""

    def largest(values, _):
        return max(values)

    return _pool(largest, x, kernel_size, stride, padding, dilation, ceil_mode)


def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The mean under each window; zeros of the padding count or do not."""

    def mean(values, n_with_padding):
        return math.fsum(values) / (n_with_padding if count_include_pad else len(values))

    return _pool(mean, x, kernel_size, stride, padding, 1, ceil_mode)


def _pool(f, x, kernel_size, stride, padding, dilation, ceil_mode):
    """f(numbers of x under the window, number of places of the window inside x and its padding)."""
    kernel, pads, steps = _pair(kernel_size), _pair(padding), _pair(dilation)
    strides = kernel if stride is None else _pair(stride)
    starts = [_starts(*axis, ceil_mode) for axis in zip(x.shape[2:], kernel, strides, pads, steps, strict=True)]
    result = np.zeros((*x.shape[:2], len(starts[0]), len(starts[1])))
    for n, c, i, j in np.ndindex(*result.shape):
        window = [(starts[0][i] + k * steps[0], starts[1][j] + m * steps[1]) for k, m in np.ndindex(*kernel)]
        height, width = x.shape[2:]
        padded = [p for p in window if p[0] < height + pads[0] and p[1] < width + pads[1]]
        inside = [float(x[n, c, p, q]) for p, q in padded if 0 <= p < height and 0 <= q < width]
        result[n, c, i, j] = f(inside, len(padded))
    return result


def upsample_nearest(x, scale_factor):
    """Every pixel becomes a block of `scale_factor` (an integer or a pair) equal pixels."""
    down, right = _pair(scale_factor)
    result = np.zeros((*x.shape[:2], x.shape[2] * down, x.shape[3] * right))
    for n, c, i, j in np.ndindex(*x.shape):
        for a, b in np.ndindex(down, right):
            result[n, c, i * down + a, j * right + b] = float(x[n, c, i, j])
    return result


# ---- normalisation ----------------------------------------------------------------------------------------


def batch_norm(x, running_mean=None, running_var=None, weight=None, bias=None, training=False, eps=1e-5):
    """Each channel (dimension 1) by its own mean and biased variance, or by the running ones."""
    result = np.zeros(x.shape)
    for c in range(x.shape[1]):
        places = [index for index in np.ndindex(*x.shape) if index[1] == c]
        values = [float(x[index]) for index in places]
        if training:
            mean, var = average(values), variance(values, correction=0)
        else:
            mean, var = float(running_mean[c]), float(running_var[c])
        scale = 1.0 if weight is None else float(weight[c])
        shift = 0.0 if bias is None else float(bias[c])
        for index, value in zip(places, values, strict=True):
            result[index] = shift + scale * (value - mean) / math.sqrt(var + eps)
    return result


# ---- losses -----------------------------------------------------------------------------------------------


def reduced(losses: Array, reduction: str) -> Array:
    """A loss a place -> "none": as it is, "sum": added up, "mean": divided by their number."""
    if reduction == "none":
        return losses
    total = math.fsum(float(v) for v in losses.flat)
    return np.array(total if reduction == "sum" else total / losses.size)


def mse_loss(x, target, reduction="mean"):
    """(x - target)**2."""
    return reduced(elementwise(lambda p, t: (p - t) ** 2, x, target), reduction)


def l1_loss(x, target, reduction="mean"):
    """|x - target|."""
    return reduced(elementwise(lambda p, t: max(p - t, t - p), x, target), reduction)


def binary_cross_entropy(p, target, reduction="mean"):
    """Nats; a logarithm is at least -100, as in torch."""

    def loss(p, t):
        surprise_of_one = -max(math.log(p), -100.0) if p > 0 else 100.0
        surprise_of_zero = -max(math.log(1 - p), -100.0) if p < 1 else 100.0
        return t * surprise_of_one + (1 - t) * surprise_of_zero

    return reduced(elementwise(loss, p, target), reduction)


def binary_cross_entropy_with_logits(x, target, reduction="mean", pos_weight=None):
    """Nats; the loss of positive targets counts `pos_weight` times."""

    def loss(v, t, weight_of_one):
        return -t * weight_of_one * math.log(_sigmoid(v)) - (1 - t) * math.log(1 - _sigmoid(v))

    return reduced(elementwise(loss, x, target, 1.0 if pos_weight is None else pos_weight), reduction)


def nll_loss(log_p, target, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """log_p (N, C) or (N, C, ...); target (N,) or (N, ...) holds the index of the right class.

    The mean divides by the sum of the right classes' weights.
    """
    n_classes = log_p.shape[1]
    weights = [1.0] * n_classes if weight is None else [float(w) for w in weight]
    losses, divisor = np.zeros(target.shape), 0.0
    for index in np.ndindex(*target.shape):
        right = int(target[index])
        if right == ignore_index:
            continue
        costs = [-weights[c] * float(log_p[index[0], c, *index[1:]]) for c in range(n_classes)]
        losses[index] = (1 - label_smoothing) * costs[right] + label_smoothing * math.fsum(costs) / n_classes
        divisor += weights[right]
    return np.array(math.fsum(losses.flat) / divisor) if reduction == "mean" else reduced(losses, reduction)


def cross_entropy(logits, target, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """`nll_loss` of `log_softmax`."""
    log_p = log_softmax(logits, 1)
    return nll_loss(log_p, target, weight, ignore_index, label_smoothing, reduction)


def gaussian_kl(mu, logvar, n_steps=400):
    """KL(N(mu, exp(logvar)) || N(0, 1)) in nats per image, by integration of q log(q / p) over 12 deviations.

    The trapezoidal rule converges faster than any power on such an integrand: 400 points leave about 1e-13.
    """

    def log_density(z, mean, std):
        return -((z - mean) ** 2) / (2 * std**2) - math.log(std * math.sqrt(2 * math.pi))

    def of_one(mean, log_variance):
        std = math.sqrt(math.exp(log_variance))
        points = [mean + std * (24 * k / n_steps - 12) for k in range(n_steps + 1)]
        q, p = ([log_density(z, *of) for z in points] for of in ((mean, std), (0.0, 1.0)))
        terms = (math.exp(a) * (a - b) for a, b in zip(q, p, strict=True))
        return math.fsum(terms) * std * 24 / n_steps

    per_latent = elementwise(of_one, mu, logvar)
    return np.array(math.fsum(per_latent.flat) / len(mu))
