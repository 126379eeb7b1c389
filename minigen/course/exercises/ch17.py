"""Exercises of chapter 17: FLOPs and bytes, the roofline, a product a tap, blocks of windows, four products for six."""

from __future__ import annotations

import time

import numpy as np

from minigen.course.compare import expect, expect_that
from minigen.course.exercise import Chapter, Exercise, Part, Wrong
from minigen.course.exercises.common import named


def _convolution(x, w, stride=1):
    """Compute the convolution of (N, H, W, C) with (K, K, C, O), window by window."""
    kernel = len(w)
    tops, lefts = (range(0, length - kernel + 1, stride) for length in x.shape[1:3])
    y = np.zeros((len(x), len(tops), len(lefts), w.shape[3]))
    for i, top in enumerate(tops):
        for j, left in enumerate(lefts):
            window = x[:, top : top + kernel, left : left + kernel]
            y[:, i, j] = np.einsum("nklc,klco->no", window, w)
    return y


# ---- 17.1 ---------------------------------------------------------------------------------------------------------


def _work(name):
    def part(answer, draw):
        n, channels, out_channels = draw.sizes(3, 3, 10)
        kernel, side = draw.constants["KERNEL"], draw.size(12, 30)
        images, weights = np.empty((n, channels, side, side)), np.empty((out_channels, channels, kernel, kernel))
        places = len(range(side - kernel + 1)) ** 2
        result = np.empty((n, out_channels, places))
        flops = result.size * (2 * weights[0].size)
        moved = images.astype(np.float32).nbytes + weights.astype(np.float32).nbytes + result.astype(np.float32).nbytes
        want = {"flops": flops, "moved": moved, "intensity": flops / moved}
        got = named(answer(n, channels, out_channels, side), want)[name]
        expect(got, want[name], {"moved": "the bytes moved"}.get(name, name), 1e-12)

    return part


WORK = Exercise(
    name="conv_work",
    task="the FLOPs of a convolution, the bytes that it must move, and FLOPs for each byte",
    constants={"KERNEL": (3, 4, 5, 6, 7)},
    parts=[
        Part("flops", 2, _work("flops")),
        Part("moved", 2, _work("moved")),
        Part("intensity", 1, _work("intensity")),
    ],
    wrong=[
        Wrong({"flops = 2 * results": "flops = results"}, "A product is multiplied and added: two FLOPs for each."),
        Wrong({"side - KERNEL + 1": "side"}, "Without padding a kernel has side - KERNEL + 1 places in a row."),
        Wrong({"side - KERNEL + 1": "side - KERNEL"}, "There is one place more than steps: side - KERNEL + 1."),
        Wrong(
            {"results * channels * KERNEL**2": "results * KERNEL**2"},
            "Each result is a sum over all input channels, too: channels * KERNEL**2 products.",
        ),
        Wrong({"4 * (read + results)": "read + results"}, "These are numbers; one of float32 has 4 bytes."),
        Wrong({"(read + results)": "read"}, "The results must be written: they move, too."),
        Wrong(
            {" + out_channels * channels * KERNEL**2": ""}, "The kernels must be read: they are moved once, too."
        ),
        Wrong({"flops / moved": "moved / flops"}, "Intensity is FLOPs for each byte, not bytes for each FLOP."),
    ],
)  # fmt: skip

# ---- 17.2 ---------------------------------------------------------------------------------------------------------


def _least(name):
    def part(answer, draw):
        n = 2 * draw.size(3, 5)
        peak, bandwidth = draw.constants["PEAK"], draw.constants["BANDWIDTH"]
        factors = draw.uniform(1.5, 30, n) ** np.where(np.arange(n) % 2, 1, -1)  # by turns both sides of the ridge
        gigabytes = draw.uniform(0.1, 5, n)
        gflop = gigabytes * factors * peak / bandwidth
        want = {
            "seconds": [max(float(f) / peak, float(b) / bandwidth) for f, b in zip(gflop, gigabytes, strict=True)],
            "waits": [factor < 1 for factor in factors],
        }
        expect(named(answer(gflop, gigabytes), want)[name], want[name], name)

    return part


LEAST = Exercise(
    name="least_seconds",
    task="the least time of functions on a machine with two limits, and which of them wait for memory",
    constants={"PEAK": (100.0, 150.0, 80.0, 240.0), "BANDWIDTH": (20.0, 12.5, 25.0, 40.0)},
    parts=[Part("seconds", 2, _least("seconds")), Part("waits", 1, _least("waits"))],
    wrong=[
        Wrong(
            {"np.maximum(computing, fetching)": "computing + fetching"},
            "Computing and fetching go on at the same time: the longer of the two counts, not their sum.",
        ),
        Wrong(
            {"np.maximum(computing, fetching)": "np.minimum(computing, fetching)"},
            "The minimum belongs to the rates. Of two times the longer one decides.",
        ),
        Wrong({"fetching > computing": "fetching < computing"}, "It waits for memory where fetching takes longer."),
        Wrong(
            {"np.maximum(computing, fetching)": "np.minimum(PEAK, gflop / gigabytes * BANDWIDTH)"},
            "This is the rate, in GFLOP/s. The time is the FLOPs divided by it.",
        ),
        Wrong(
            {"gflop / PEAK, gigabytes / BANDWIDTH": "gflop * PEAK, gigabytes * BANDWIDTH"},
            "A rate is work for each second: divide the work by it.",
        ),
    ],
)

# ---- 17.3 ---------------------------------------------------------------------------------------------------------


def _taps(kernel, stride):
    def part(answer, draw):
        height, width, n, channels, out_channels = draw.sizes(5, 2, 6)
        low, high = kernel or draw.size(2, 3), stride or draw.size(2, 3)
        x, w = draw.normal(n, height + 5, width + 5, channels), draw.normal(low, low, channels, out_channels)
        expect(answer(x, w, high), _convolution(x, w, high), "y")

    return part


def _faster(answer, draw):
    """4096 windows and 32 kernels, beside loops over the results, of which some are done and the rest is computed."""
    x, w = draw.normal(4, 34, 34, 16), draw.normal(3, 3, 16, 32)
    expect(answer(x, w, 1), _convolution(x, w), "y")
    some, start = 1000, time.perf_counter()
    for i in range(some):
        np.sum(x[0, i % 32 : i % 32 + 3, 1:4] * w[..., i % 32])
    loops = (time.perf_counter() - start) * 4 * 32 * 32 * 32 / some
    expect_that(
        answer.seconds < loops / 10, f"it took {answer.seconds:.2g} s, and loops over all results take {loops:.2g} s"
    )


TAPS = Exercise(
    name="conv_by_taps",
    task="a convolution as a sum of products of matrices, one for each tap of the kernel",
    parts=[
        Part("one tap", 1, _taps(1, 1)),
        Part("all taps", 2, _taps(0, 1)),
        Part("stride", 1, _taps(0, 0)),
        Part("speed", 1, _faster, "Loop over the K * K taps only; x[...] @ w[k, l] takes all pixels at once."),
    ],
    wrong=[
        Wrong({"y += seen": "y = seen"}, "Each tap overwrites what the others brought: add them up (+=)."),
        Wrong({"w[k, l]": "w[l, k]"}, "Here the kernel is transposed: row k of the window meets row k of the kernel."),
        Wrong(
            {"w[k, l]": "w[-1 - k, -1 - l]"},
            "The kernel is turned round here. Networks do not turn it: tap (k, l) meets pixel (k, l) of the window.",
        ),
        Wrong(
            {"k : k + stride * rows : stride, l : l + stride * columns : stride": "k : k + rows, l : l + columns"},
            "These pixels touch. What neighbouring windows see at one tap lies stride pixels apart.",
        ),
        Wrong(
            {"k : k + stride * rows : stride, l : l + stride * columns : stride":
             ": stride * rows : stride, : stride * columns : stride"},
            "Every tap sees the same pixels here; tap (k, l) sees the window's pixel (k, l): begin at k and at l.",
        ),
    ],
)  # fmt: skip

# ---- 17.4 ---------------------------------------------------------------------------------------------------------


def _blocks(answer, draw, fit, look=None):
    """Ask for blocks of so many rows of results; 0 is a budget for less than one row.  Compare the result or look.

    Where sizes are looked at, results tell of the size of their block, so that a mistake is known by what it returns.
    """
    n, channels, out_channels = draw.sizes(3, 2, 6)
    kernel, columns, rows = draw.size(2, 3), draw.size(3, 4), draw.size(16, 20)
    x = draw.normal(n, rows + kernel - 1, columns + kernel - 1, channels)
    w = draw.normal(kernel, kernel, channels, out_channels)
    row = columns * kernel * kernel * channels
    budget = fit * row + draw.size(1, row - 1)
    scale, sizes = draw.number(2, 5), []

    def matmul(seen, matrix):
        sizes.append(np.size(seen))
        return (scale + (0 if look is None else len(seen))) * (np.asarray(seen) @ np.asarray(matrix))

    got = answer(x, w, budget, matmul)
    if look is None:
        expect(got, scale * _convolution(x, w), "y, in the check's scale")
    else:
        look(sizes, budget, row, n, rows, max(1, fit))


def _fits(sizes, budget, row, n, rows, fit):
    expect_that(sizes, "matmul was not called")
    expect_that(
        max(sizes) <= max(budget, row), f"a matrix of windows has {max(sizes)} numbers, where {budget} are allowed"
    )


def _few(sizes, budget, row, n, rows, fit):
    _fits(sizes, budget, row, n, rows, fit)
    want = n * -(-rows // fit)
    expect_that(
        len(sizes) == want,
        f"matmul was called {len(sizes)} times; {n} images of {rows} rows, {fit} rows at a time, are {want} calls",
    )


BLOCKS = Exercise(
    name="conv_in_blocks",
    task="a convolution by im2col whose matrix of windows never has more numbers than a budget",
    parts=[
        Part("value", 2, lambda answer, draw: _blocks(answer, draw, 3)),
        Part("budget", 2, lambda answer, draw: _blocks(answer, draw, 3, _fits)),
        Part("as many as fit", 1, lambda answer, draw: _blocks(answer, draw, 2, _few)),
        Part("less than a row", 1, lambda answer, draw: _blocks(answer, draw, 0)),
    ],
    wrong=[
        Wrong(
            {"budget // (columns * len(matrix))": "budget // len(matrix)"},
            "So many *windows* fit. A row of results has one for each column: divide by the columns, too.",
        ),
        Wrong(
            {"budget // (columns * len(matrix))": "rows"},
            "All rows of an image are taken at once here, whatever the budget is.",
        ),
        Wrong(
            {"budget // (columns * len(matrix))": "1"},
            "One row at a time always fits. More may fit, too: see the budget.",
        ),
        Wrong(
            {"max(1, budget // (columns * len(matrix)))": "budget // (columns * len(matrix))"},
            "With a small budget that is no row at all; take at least one.",
        ),
        Wrong(
            {"seen.transpose(0, 1, 3, 4, 2).reshape": "seen.reshape"},
            "In these windows the channel stands first, in w.reshape(-1, O) last: transpose before you reshape.",
        ),
        Wrong(
            {"top + at_once + kernel - 1]": "top + at_once]"},
            "R rows of results see R + K - 1 rows of the image: the windows of the last row reach further down.",
        ),
        Wrong({"matmul(seen, matrix)": "(seen @ matrix)"}, "Multiply with matmul, which was given, and not with @."),
    ],
)  # fmt: skip

# ---- 17.5 ---------------------------------------------------------------------------------------------------------


def _filter(answer, draw, numbers=0, count=False):
    d, g = draw.normal(numbers or 2 * draw.size(4, 9)), draw.normal(3)
    scale, products = draw.number(2, 5), [0]

    def multiply(a, b):
        product = np.asarray(a, dtype=float) * np.asarray(b, dtype=float)
        products[0] += product.size
        return scale * product

    got = answer(d, g, multiply)
    expect(got, [scale * sum(float(d[i + k]) * float(g[k]) for k in range(3)) for i in range(len(d) - 2)],
           "y, in the check's scale")  # fmt: skip
    expect_that(
        not count or products[0] <= 2 * (len(d) - 2),
        f"{products[0]} products were made for {len(d) - 2} results; {2 * (len(d) - 2)} are enough",
    )


FOUR = Exercise(
    name="filter_with_four",
    task="a filter of three taps, two results from four products",
    parts=[
        Part("two results", 1, lambda answer, draw: _filter(answer, draw, 4)),
        Part("a signal", 2, _filter),
        Part("four products", 2, lambda answer, draw: _filter(answer, draw, count=True)),
    ],
    wrong=[
        Wrong({"m1 - m2 - m3": "m1 - m2 + m3"}, "In y1 the sign of m3 is wrong: d3 * g2 must come out positive."),
        Wrong({"m1 - m2 - m3": "m1 + m2 - m3"}, "The sum m1 + m2 belongs to y0. In y1 it is m1 - m2."),
        Wrong({"m0 + m1 + m2": "m1 + m2 - m0"}, "In y0 the sign of m0 is wrong: d0 * g0 must come out positive."),
        Wrong(
            {"(g[0] + g[1] + g[2]) / 2": "g[0] + g[1] + g[2]", "(g[0] - g[1] + g[2]) / 2": "g[0] - g[1] + g[2]"},
            "The halves are missing: m1 and m2 have (g0 + g1 + g2) / 2 and (g0 - g1 + g2) / 2.",
        ),
        Wrong(
            {"m0 + m1 + m2": "multiply(d0, g[0]) + multiply(d1, g[1]) + multiply(d2, g[2])",
             "m1 - m2 - m3": "multiply(d1, g[0]) + multiply(d2, g[1]) + multiply(d3, g[2])"},
            "The results are right, but made of six products for each two: build them from m0 to m3.",
        ),
        Wrong(
            {"m0 = multiply(d0 - d2, g[0])": "m0 = (d0 - d2) * g[0]"},
            "A product was made with *: make each of them with multiply.",
        ),
    ],
)  # fmt: skip

CHAPTER = Chapter(
    number=17,
    name="making_it_fast",
    title="Making it fast: from loops to the library's convolution",
    hours=3,
    needs=(5, 6),
    exercises=[WORK, LEAST, TAPS, BLOCKS, FOUR],
)
