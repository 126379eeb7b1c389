r"""Kernels of our own for a GPU: the few places where launches or passes over memory decide, and nothing else.

On a GPU a function of CuPy's is one launch (some microseconds on the host) and one pass over memory for each array that
it reads or writes.  What is written with NumPy's names runs there as it is; but where many small functions follow each
other, counting says that one kernel is worth its lines.  The count, of launches and of how often as many bytes as an
image has go through memory, for images (32, 64, 32, 32) and for optimisers over 14 parameters
(`tests/test_kernels.py` counts again, on the stand-in for CuPy, and holds this table to it):

=====================  =====================================  ===========  ==========  ===========  ==========
kernel                 twin, in NumPy's names                 launches     passes      launches     passes
                                                              of the twin  of the twin with kernel  with kernel
=====================  =====================================  ===========  ==========  ===========  ==========
im2col                 `functional.windows.im2col`            6            10.1        1            5.0
col2im                 `windows.untap`, `windows._gather`     21           28.3        2            9.6
max_pool               `functional.pool._largest`             3            2.2         1            1.2
first_maxima           `functional.pool._first_largest`       15           4.2         1            1.1
put_at_maxima          `functional.pool._place`               8            2.8         1            1.3
moments                `functional.norm._statistics`          30           8.0         3            1.8
normalise              `BatchNorm.forward`                    11           6.0         1            2.0
normalise_backward     `BatchNorm.backward_arrays`            30           22.0        3            5.5
add_bias               `functional.rectified`                 5            11.0        1            2.0
adam                   `optim.Adam.update`                    168          31.0        1            7.0
sgd                    `optim.SGD.update`, with momentum      84           14.0        1            5.0
=====================  =====================================  ===========  ==========  ===========  ==========

The text below is CUDA C++, compiled by CuPy for float32 and for float64 when it is first used.  It obeys three rules.
**No thread waits for another**: no shared memory, no atomic additions, each number is written by one thread that adds
in a fixed order, so that a run repeats bit for bit; where a sum is too long for one thread, a second launch adds up
the parts.  **Neighbouring threads touch neighbouring numbers**, which is why channels come last everywhere.  **It is
plain C++ but for four words** (``__global__``, and the places in the grid), so that `tests/standin` compiles it for the
CPU and tries every row of the table of functions on it.

This file knows arrays only.  `usable` says where kernels can be launched; each caller asks it, and goes on with the
twin where they cannot.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigen.backend import Array, array_module, backend_of

Pair = tuple[int, int]

SOURCE = r"""
typedef long long Index;

// Which row of threads this is, where a block holds several; and which thread, where all stand in one line.
#define ROW (blockIdx.x * blockDim.y + threadIdx.y)
#define THREAD (blockIdx.x * blockDim.x + threadIdx.x)

extern "C" {

// One row of threads a window; its numbers, by taps and channels, side by side.  gridDim.y counts groups of channels.
__global__ void im2col(const Real* x, Real* cols, int windows, int height, int width, int channels,
                       int out_height, int out_width, int kernel_height, int kernel_width,
                       int down, int across, int top, int left, int row_step, int column_step,
                       Index to_image, Index to_row, Index to_column, Index to_channel)
{
    int window = ROW;
    if (window >= windows) return;
    int j = window % out_width, i = window / out_width % out_height, image = window / out_width / out_height;
    int numbers = kernel_height * kernel_width * channels;
    const Real* source = x + image * to_image + blockIdx.y * channels * to_channel;
    Real* target = cols + ((Index)blockIdx.y * windows + window) * numbers;
    for (int number = threadIdx.x; number < numbers; number += blockDim.x) {
        int channel = number % channels, tap = number / channels;
        int row = i * down - top + tap / kernel_width * row_step;
        int column = j * across - left + tap % kernel_width * column_step;
        bool inside = 0 <= row && row < height && 0 <= column && column < width;
        target[number] = inside ? source[row * to_row + column * to_column + channel * to_channel] : (Real)0;
    }
}

// One row of threads a pixel: it collects what the windows that see it have for it, in the order of the taps.
__global__ void col2im(const Real* cols, Real* x, int pixels, int height, int width, int channels,
                       int out_height, int out_width, int kernel_height, int kernel_width,
                       int down, int across, int top, int left, int row_step, int column_step)
{
    int pixel = ROW;
    if (pixel >= pixels) return;
    int w = pixel % width + left, h = pixel / width % height + top, image = pixel / width / height;
    int last_i = h / down < out_height ? h / down : out_height - 1;
    int last_j = w / across < out_width ? w / across : out_width - 1;
    for (int channel = threadIdx.x; channel < channels; channel += blockDim.x) {
        Real sum = 0;
        for (int i = last_i; i >= 0; i--) {
            int below = h - i * down, k = below / row_step;
            if (k >= kernel_height) break;
            if (below % row_step) continue;
            for (int j = last_j; j >= 0; j--) {
                int beside = w - j * across, l = beside / column_step;
                if (l >= kernel_width) break;
                if (beside % column_step) continue;
                Index window = ((Index)image * out_height + i) * out_width + j;
                sum += cols[((window * kernel_height + k) * kernel_width + l) * channels + channel];
            }
        }
        x[(Index)pixel * channels + channel] = sum;
    }
}

// The largest number of every window, or, where `first` is given, which tap it comes from: one thread a window and
// channel.  The first of equal ones counts, and the last NaN; a window that sees no pixel has `nothing`.
__global__ void max_pool(const Real* x, Real* y, unsigned char* first, int count, int height, int width, int channels,
                         int out_height, int out_width, int kernel_height, int kernel_width,
                         int down, int across, int top, int left, int row_step, int column_step,
                         Index to_image, Index to_row, Index to_column, Index to_channel, Real nothing)
{
    int place = THREAD;
    if (place >= count) return;
    int channel = place % channels, j = place / channels % out_width, i = place / channels / out_width % out_height;
    const Real* source = x + place / channels / out_width / out_height * to_image + channel * to_channel;
    Real largest = nothing;
    int where = 0;
    for (int k = 0; k < kernel_height; k++) {
        int row = i * down - top + k * row_step;
        if (row < 0 || row >= height) continue;
        for (int l = 0; l < kernel_width; l++) {
            int column = j * across - left + l * column_step;
            if (column < 0 || column >= width) continue;
            Real value = source[row * to_row + column * to_column];
            if (value > largest || value != value) {
                largest = value;
                where = k * kernel_width + l;
            }
        }
    }
    if (first) first[place] = where; else y[place] = largest;
}

// The adjoint: every pixel collects from the windows whose maximum it is, in the order of the taps.
__global__ void put_at_maxima(const Real* y, const unsigned char* first, Real* x, int count,
                              int height, int width, int channels, int out_height, int out_width,
                              int kernel_height, int kernel_width, int down, int across, int top, int left,
                              int row_step, int column_step)
{
    int place = THREAD;
    if (place >= count) return;
    int channel = place % channels, w = place / channels % width + left, h = place / channels / width % height + top;
    int image = place / channels / width / height;
    int last_i = h / down < out_height ? h / down : out_height - 1;
    int last_j = w / across < out_width ? w / across : out_width - 1;
    Real sum = 0;
    for (int i = last_i; i >= 0; i--) {
        int below = h - i * down, k = below / row_step;
        if (k >= kernel_height) break;
        if (below % row_step) continue;
        for (int j = last_j; j >= 0; j--) {
            int beside = w - j * across, l = beside / column_step;
            if (l >= kernel_width) break;
            if (beside % column_step) continue;
            Index window = (((Index)image * out_height + i) * out_width + j) * channels + channel;
            if (first[window] == k * kernel_width + l) sum += y[window];
        }
    }
    x[place] = sum;
}

// Rows (pixels, channels): thread number p * channels + c goes through the rows p, p + parts, ... of channel c, and
// leaves how many they are, their mean and their squared distances from it (Welford 1962: no digits are lost).
__global__ void moments(const Real* x, Real* partial, Index pixels, int channels, int parts)
{
    int thread = THREAD, size = parts * channels;
    if (thread >= size) return;
    Real count = 0, mean = 0, squares = 0;
    for (Index place = thread; place < pixels * channels; place += size) {
        count += 1;
        Real distance = x[place] - mean;
        mean += distance / count;
        squares += distance * (x[place] - mean);
    }
    partial[thread] = count;
    partial[size + thread] = mean;
    partial[2 * size + thread] = squares;
}

// Two groups of numbers become one (Chan, Golub and LeVeque 1983).
#define JOIN(more, their_mean, their_squares) { \
        Real all = count + (more), share = (more) / all, distance = (their_mean) - mean; \
        mean += distance * share; \
        squares += (their_squares) + distance * distance * (count * share); \
        count = all; }

// Thread q * channels + c joins the parts q, q + fewer, ... of channel c.
__global__ void join_moments(const Real* partial, Real* joined, int channels, int parts, int fewer)
{
    int thread = THREAD, size = parts * channels, new_size = fewer * channels;
    if (thread >= new_size) return;
    Real count = 0, mean = 0, squares = 0;
    for (int place = thread; place < size; place += new_size)
        JOIN(partial[place], partial[size + place], partial[2 * size + place])
    joined[thread] = count;
    joined[new_size + thread] = mean;
    joined[2 * new_size + thread] = squares;
}

// One thread a channel: the last parts become one, and enter the running averages.
__global__ void finish_moments(const Real* partial, Real* mean_and_var, Real* running_mean, Real* running_var,
                               int channels, int parts, Real momentum, Real unbiased)
{
    int channel = THREAD, size = parts * channels;
    if (channel >= channels) return;
    Real count = 0, mean = 0, squares = 0;
    for (int place = channel; place < size; place += channels)
        JOIN(partial[place], partial[size + place], partial[2 * size + place])
    Real var = squares / count;
    mean_and_var[channel] = mean;
    mean_and_var[channels + channel] = var;
    if (!running_mean) return;
    running_mean[channel] += momentum * (mean - running_mean[channel]);
    running_var[channel] += momentum * (var * unbiased - running_var[channel]);
}

// Thread p * channels + c goes through the rows p, p + parts, ...
__global__ void normalise(const Real* x, const Real* mean, const Real* var, const Real* weight, const Real* bias,
                          Real* y, Index pixels, int channels, int parts, Real eps)
{
    int thread = THREAD, size = parts * channels;
    if (thread >= size) return;
    int c = thread % channels;
    Real scale = weight[c] / sqrt(var[c] + eps), shift = bias[c] - mean[c] * scale;
    for (Index place = thread; place < pixels * channels; place += size) y[place] = x[place] * scale + shift;
}

__global__ void gradient_sums(const Real* x, const Real* grad, const Real* mean, const Real* var, Real* partial,
                              Index pixels, int channels, int parts, Real eps)
{
    int thread = THREAD, size = parts * channels, c = thread % channels;
    if (thread >= size) return;
    Real sum = 0, product = 0, centre = mean[c];
    for (Index place = thread; place < pixels * channels; place += size) {
        sum += grad[place];
        product += grad[place] * (x[place] - centre);
    }
    partial[thread] = sum;
    partial[size + thread] = product / sqrt(var[c] + eps);
}

__global__ void normalise_backward(const Real* x, const Real* grad, const Real* mean, const Real* var,
                                   const Real* weight, const Real* sums, Real* grad_x,
                                   Index pixels, int channels, int parts, Real eps)
{
    int thread = THREAD, size = parts * channels;
    if (thread >= size) return;
    int c = thread % channels;
    Real inv_std = 1 / sqrt(var[c] + eps), scale = weight[c] * inv_std, centre = mean[c];
    Real slope = -scale * inv_std * sums[channels + c] / pixels, shift = -scale * sums[c] / pixels;
    for (Index place = thread; place < pixels * channels; place += size)
        grad_x[place] = grad[place] * scale + (x[place] - centre) * slope + shift;
}

// x + bias where that is positive, else `slope` times it; 1 leaves it as it is.
__global__ void add_bias(const Real* x, const Real* bias, Real* y, Index pixels, int channels, int parts, Real slope)
{
    int thread = THREAD, size = parts * channels;
    if (thread >= size) return;
    Real b = bias[thread % channels];
    for (Index place = thread; place < pixels * channels; place += size) {
        Real sum = x[place] + b;
        y[place] = sum > 0 || sum != sum ? sum : slope ? sum * slope : 0;  // 0 times infinity would be none
    }
}

// A block for each chunk of a parameter; `addresses` holds those of all p, then of all g and b.
__global__ void sgd(const Index* addresses, const int* owner, const Index* first, const Index* length,
                    int parameters, int chunk, Real lr, Real momentum, Real decay, Real share, Real sign, int nesterov)
{
    int n = owner[blockIdx.x];
    Real* p = (Real*)addresses[n];
    const Real* g = (const Real*)addresses[parameters + n];
    Real* b = (Real*)addresses[2 * parameters + n];
    Index start = first[blockIdx.x], stop = start + chunk < length[n] ? start + chunk : length[n];
    for (Index i = start + threadIdx.x; i < stop; i += blockDim.x) {
        Real slope = sign * g[i] + decay * p[i], direction = slope;
        if (b) {
            Real velocity = b[i] * momentum + share * slope;
            b[i] = velocity;
            direction = nesterov ? slope + momentum * velocity : velocity;
        }
        p[i] -= lr * direction;
    }
}

// The same; `addresses` holds those of all p, then of all g, m, v and largest v.
__global__ void adam(const Index* addresses, const int* owner, const Index* first, const Index* length,
                     int parameters, int chunk, Real rate, Real eps, Real share_m, Real share_v,
                     Real shrink, Real decay, Real sign, int amsgrad)
{
    int n = owner[blockIdx.x];
    Real* p = (Real*)addresses[n];
    const Real* g = (const Real*)addresses[parameters + n];
    Real* m = (Real*)addresses[2 * parameters + n];
    Real* v = (Real*)addresses[3 * parameters + n];
    Index start = first[blockIdx.x], stop = start + chunk < length[n] ? start + chunk : length[n];
    for (Index i = start + threadIdx.x; i < stop; i += blockDim.x) {
        Real old = p[i], slope = sign * g[i] + decay * old;
        Real mean = m[i] + share_m * (slope - m[i]), square = v[i] + share_v * (slope * slope - v[i]);
        m[i] = mean;
        v[i] = square;
        if (amsgrad) {
            Real* largest = (Real*)addresses[4 * parameters + n];
            square = largest[i] >= square || largest[i] != largest[i] ? largest[i] : square;
            largest[i] = square;
        }
        p[i] = old * shrink - rate * (mean / (sqrt(square) + eps));
    }
}

}
"""

_THREADS = 256  # in a block
_PARTS = 2**18  # threads that share a pass over rows: as many as a large card runs at once
_FEW = 64  # parts that one thread joins at the end
_CHUNK = 4096  # numbers of a parameter that a block of Adam changes
_NOWHERE = np.uint64(0)  # the address of an array that is not there
_MOST = 2**30  # numbers in an array: more places than that are not counted with 32 bits


def usable(x: Array) -> bool:
    """True where kernels can be launched on ``x``: float32 or float64 on a GPU, and not too many numbers to count.

    Examples
    --------
    >>> usable(np.zeros(3))
    False
    """
    return type(x) is not np.ndarray and x.dtype.char in "fd" and x.size <= _MOST and backend_of(x).compiles


# --- launching --------------------------------------------------------------------------------------------------------


def options(dtype: np.dtype) -> tuple[str, ...]:
    """What the compiler is told: which type the kernels compute in."""
    return ("-DReal=double" if dtype.char == "d" else "-DReal=float",)


@functools.cache
def _kernel(xp: Any, char: str, name: str) -> Any:
    return _compiled(xp, char).get_function(name)


@functools.cache
def _compiled(xp: Any, char: str) -> Any:
    return xp.RawModule(code=SOURCE, options=options(np.dtype(char)))


def _launch(name: str, like: Array, grid: tuple[int, ...], block: tuple[int, ...], *arguments: Any) -> None:
    """Launch a kernel for the type of ``like``; whole numbers are 32 bits wide unless they are given as np.int64."""
    real = like.dtype.type
    given = [np.int32(a) if type(a) is int else real(a) if type(a) is float else a for a in arguments]
    _kernel(array_module(like), like.dtype.char, name)(grid, block, tuple(given))


def _rows_of_threads(rows: int, numbers: int) -> tuple[tuple[int], Pair]:
    """Grid and block for one row of threads a row of numbers: as wide as a block, or several rows in one."""
    across = min(_THREADS, max(8, 1 << max(numbers - 1, 0).bit_length()))
    down = _THREADS // across
    return (-(-rows // down),), (across, down)


def _single(threads: int) -> tuple[tuple[int], tuple[int]]:
    """Grid and block for so many threads in a line."""
    return (-(-threads // _THREADS),), (_THREADS,)


def _parts(pixels: int, channels: int, most: int = _PARTS) -> int:
    """Into how many parts to cut the rows, each for one thread a channel."""
    return max(1, min(pixels, most // max(channels, 1)))


def _steps(x: Array) -> tuple[np.int64, ...]:
    """The strides of an array, in numbers."""
    return tuple(np.int64(stride // x.itemsize) for stride in x.strides)


def _flat(geometry: Any) -> list[int]:
    """Stride, padding and dilation as six numbers."""
    return [number for part in geometry[:3] for number in part]


# --- windows ----------------------------------------------------------------------------------------------------------


def im2col(x: Array, kernel: Pair, size: Pair, geometry: Any, out: Array) -> None:
    """Copy the windows of images (N, H, W, C), in any layout, to the rows of ``out`` (G, N*OH*OW, KH*KW*C/G)."""
    channels = x.shape[3] // geometry.groups
    windows, numbers = len(x) * math.prod(size), math.prod(kernel) * channels
    if windows == 0:
        return
    (blocks,), block = _rows_of_threads(windows, numbers)
    shape = (windows, *x.shape[1:3], channels, *size, *kernel)
    _launch("im2col", x, (blocks, geometry.groups), block, x, out, *shape, *_flat(geometry), *_steps(x))


def col2im(cols: Array, kernel: Pair, size: Pair, geometry: Any, out: Array) -> None:
    """The adjoint: fill images ``out`` (N, H, W, C) with the sums of what windows (N*OH*OW, KH*KW*C) have for them."""
    pixels, channels = math.prod(out.shape[:3]), out.shape[3]
    if pixels == 0:
        return
    shape = (pixels, *out.shape[1:], *size, *kernel)
    _launch("col2im", out, *_rows_of_threads(pixels, channels), cols, out, *shape, *_flat(geometry))


def _max_pool(x: Array, y: Any, first: Any, kernel: Pair, size: Pair, geometry: Any) -> None:
    count = len(x) * math.prod(size) * x.shape[3]
    if count:
        shape = (count, *x.shape[1:], *size, *kernel)
        places = (_NOWHERE if y is None else y, _NOWHERE if first is None else first)
        _launch("max_pool", x, *_single(count), x, *places, *shape, *_flat(geometry), *_steps(x), -math.inf)


def max_pool(x: Array, kernel: Pair, size: Pair, geometry: Any) -> Array:
    """The largest number of every window of images (N, H, W, C), in any layout: (N, OH, OW, C)."""
    y = array_module(x).empty((len(x), *size, x.shape[3]), x.dtype)
    _max_pool(x, y, None, kernel, size, geometry)
    return y


def first_maxima(x: Array, kernel: Pair, size: Pair, geometry: Any) -> Array:
    """Which tap of its window each maximum comes from: (N, OH, OW, C), of at most 255 taps."""
    first = array_module(x).empty((len(x), *size, x.shape[3]), np.uint8)
    _max_pool(x, None, first, kernel, size, geometry)
    return first


def put_at_maxima(y: Array, first: Array, image: Pair, kernel: Pair, geometry: Any) -> Array:
    """The adjoint: images (N, H, W, C) with every number of ``y`` (N, OH, OW, C) added where the maximum was."""
    xp = array_module(y)
    y, first = xp.ascontiguousarray(y), xp.ascontiguousarray(first)
    x = xp.empty((len(y), *image, y.shape[3]), y.dtype)
    if x.size:
        shape = (x.size, *x.shape[1:], *y.shape[1:3], *kernel)
        _launch("put_at_maxima", y, *_single(x.size), y, first, x, *shape, *_flat(geometry))
    return x


# --- channels ---------------------------------------------------------------------------------------------------------


def moments(rows: Array, running: Sequence[Array], momentum: float) -> tuple[Array, Array]:
    """Mean and biased variance of every channel of rows (pixels, C); they enter the two running averages, if given."""
    xp, (pixels, channels) = array_module(rows), rows.shape
    parts = _parts(pixels, channels)
    partial = xp.empty((3, parts, channels), rows.dtype)
    _launch("moments", rows, *_single(parts * channels), rows, partial, np.int64(pixels), channels, parts)
    if parts > _FEW:
        fewer = math.isqrt(parts)
        joined = xp.empty((3, fewer, channels), rows.dtype)
        _launch("join_moments", rows, *_single(fewer * channels), partial, joined, channels, parts, fewer)
        parts, partial = fewer, joined
    found = xp.empty((2, channels), rows.dtype)
    averages = running or (_NOWHERE, _NOWHERE)
    unbiased = pixels / max(pixels - 1, 1)
    numbers = (channels, parts, float(momentum), float(unbiased))
    _launch("finish_moments", rows, *_single(channels), partial, found, *averages, *numbers)
    return found[0], found[1]


def normalise(rows: Array, mean: Array, var: Array, weight: Array, bias: Array, eps: float) -> Array:
    """``weight * (rows - mean) / sqrt(var + eps) + bias``."""
    xp, (pixels, channels) = array_module(rows), rows.shape
    y, weight, bias = xp.empty_like(rows), xp.ascontiguousarray(weight), xp.ascontiguousarray(bias)
    parts = _parts(pixels, channels)
    given = (rows, mean, var, weight, bias, y, np.int64(pixels), channels, parts, float(eps))
    _launch("normalise", rows, *_single(parts * channels), *given)
    return y


def normalise_backward(
    rows: Array, grad: Array, mean: Array, var: Array, weight: Array, eps: float, needs_x: bool
) -> tuple[Array | None, Array, Array]:
    """The gradients for rows, weight and bias, given that of the result."""
    xp, (pixels, channels) = array_module(rows), rows.shape
    parts = _parts(pixels, channels)
    partial = xp.empty((2, parts, channels), rows.dtype)
    walk, numbers = _single(parts * channels), (np.int64(pixels), channels, parts, float(eps))
    _launch("gradient_sums", rows, *walk, rows, grad, mean, var, partial, *numbers)
    sums = partial.sum(axis=1)  # (2, C): the gradients of bias and weight
    if not needs_x:
        return None, sums[1], sums[0]
    grad_x, weight = xp.empty_like(rows), xp.ascontiguousarray(weight)
    _launch("normalise_backward", rows, *walk, rows, grad, mean, var, weight, sums, grad_x, *numbers)
    return grad_x, sums[1], sums[0]


def add_bias(rows: Array, bias: Array, slope: float) -> Array:
    """``rows + bias`` (pixels, C), times ``slope`` where it is negative."""
    xp, (pixels, channels) = array_module(rows), rows.shape
    y, bias = xp.empty_like(rows), xp.ascontiguousarray(bias)
    if rows.size:
        parts = _parts(pixels, channels)
        given = (rows, bias, y, np.int64(pixels), channels, parts, float(slope))
        _launch("add_bias", rows, *_single(parts * channels), *given)
    return y


# --- optimisers -------------------------------------------------------------------------------------------------------


class ParameterTable:
    """Where parameters, their gradients and what belongs to them lie: what one launch over all of them must be told.

    It stays on the device for as long as the addresses do: an allocator that gives the gradients of every step the
    same places makes a copy of it necessary once only.
    """

    def __init__(self) -> None:
        self.lengths: tuple[int, ...] = ()
        self.addresses: list[int] = []
        self.on_device: list[Array] = []

    def update(self, arrays: Sequence[Sequence[Array | None]]) -> None:
        """Note the addresses of arrays: a sequence of all p, one of all g, and so on, with None where there is none."""
        xp = array_module(arrays[0][0])
        lengths = tuple(p.size for p in arrays[0] if p is not None)
        if lengths != self.lengths:
            chunks = [(n, start) for n, length in enumerate(lengths) for start in range(0, length, _CHUNK)]
            owner, first = (np.array([chunk[i] for chunk in chunks]) for i in (0, 1))
            tables = (owner.astype(np.int32), first.astype(np.int64), np.array(lengths, np.int64))
            self.lengths, self.addresses = lengths, []
            self.on_device = [xp.empty(0), *(xp.asarray(table) for table in tables)]
        addresses = [0 if array is None else array.data.ptr for row in arrays for array in row]
        if addresses != self.addresses:
            self.addresses, self.on_device[0] = addresses, xp.asarray(np.array(addresses, np.int64))


def adam(table: ParameterTable, like: Array, numbers: dict[str, float], amsgrad: bool) -> None:
    """One step of Adam for all parameters of a table, in one launch.

    Parameters
    ----------
    table : ParameterTable
        Of p, g, m, v and the largest v.
    like : array
        One of the parameters: all have its dtype.
    numbers : dict
        "rate" and "eps", which carry the corrections of the means; "share_m" and "share_v", 1 - beta each; "shrink",
        by which p is multiplied, "decay", of which as much is added to the gradient, and "sign".
    amsgrad : bool
        Whether there is a largest v.
    """
    names = ("rate", "eps", "share_m", "share_v", "shrink", "decay", "sign")
    _launch_over("adam", table, like, *(float(numbers[name]) for name in names), int(amsgrad))


def sgd(table: ParameterTable, like: Array, numbers: dict[str, float], sign: float, nesterov: bool) -> None:
    """One step of gradient descent for all parameters of a table, of p, g and the velocity b, in one launch.

    `numbers` are "lr", "momentum", "weight_decay", and the "share" of the gradient that enters b.
    """
    names = ("lr", "momentum", "weight_decay")
    given = (*(float(numbers[name]) for name in names), float(numbers.get("share", 0.0)), sign, int(nesterov))
    _launch_over("sgd", table, like, *given)


def _launch_over(name: str, table: ParameterTable, like: Array, *numbers: float | int) -> None:
    addresses, owner, first, lengths = table.on_device
    given = (addresses, owner, first, lengths, len(table.lengths), _CHUNK, *numbers)
    _launch(name, like, (len(owner),), (_THREADS,), *given)
