# %% [markdown]
# # 17. Making it fast: from loops to the library's convolution
#
# *How fast could a convolution be on your machine, and what keeps a program from being that fast?*
#
# ## What you will learn
#
# - to count what a function must compute (FLOPs) and move (bytes), and to divide one by the other;
# - to measure two limits of your machine, and to draw the *roofline* under which every program stays;
# - to climb from loops to the library's convolution, and to say at each step what was gained and why;
# - to bound the memory that a program works in;
# - to make four products do the work of six, and when that pays.
#
# ## Before you start
#
# Needed: chapter 5 (convolution by loops) and chapter 6 (im2col, and numbers that lie side by side). About 3 hours.
# Close other programs: this chapter measures. Its seconds are yours alone, so no seconds are quoted here, only counts.

# %%
import time
import tracemalloc

import numpy as np

import minigen
import minigen.nn.functional as F
from minigen.course import check, quick, show, source
from minigen.course.figures import curves
from minigen.functional import windows, winograd
from minigen.functional.windows import Geometry

threads = minigen.get_num_threads()
minigen.set_num_threads(1)  # one core, in all of this chapter but its last measurement
rng = np.random.default_rng(0)


def draw(*shape):
    return rng.normal(size=shape).astype(np.float32)


def seconds(f, *arguments, tries=5):
    """The shortest of some runs: what disturbs a measurement makes it longer, never shorter."""
    best = np.inf
    for _ in range(tries):
        start = time.perf_counter()
        f(*arguments)
        best = min(best, time.perf_counter() - start)
    return best


# %% [markdown]
# ## Two limits
#
# A processor computes, and it fetches the numbers with which it computes. Both have a limit. A *FLOP* is one addition
# or multiplication of floating-point numbers; the best rate of them that we can reach is that of a large product of
# matrices. For the fetching we copy an array: each number of float32 is 4 bytes read and 4 bytes written. A large
# array comes from memory. A small one, copied again and again, comes from the *cache*, a small and fast memory beside
# each core.
#
# **Predict before you run.** `a + b` for two long arrays is one FLOP for each number. Which share of its best rate does
# the processor reach there: a half, a tenth, or a hundredth?


# %%
def copy_rate(numbers):
    a, b = np.ones(numbers, np.float32), np.empty(numbers, np.float32)
    often = max(1, 2**20 // numbers)
    return often * 8 * numbers / seconds(lambda: [np.copyto(b, a) for _ in range(often)])


side = quick(1024, 512)
a = draw(side, side)
matrix_rate = 2 * side**3 / seconds(np.matmul, a, a)
memory_rate, cache_rate = copy_rate(quick(32_000_000, 2_000_000)), copy_rate(2**15)
long = np.ones(quick(16_000_000, 1_000_000), np.float32)
total = np.empty_like(long)
add_rate = len(long) / seconds(lambda: np.add(long, long, out=total))
print(f"products of matrices: {matrix_rate / 1e9:.3g} GFLOP/s")
print(f"copies in memory: {memory_rate / 1e9:.3g} GB/s, in the cache: {cache_rate / 1e9:.3g} GB/s")
print(f"adding two arrays: {add_rate / 1e9:.3g} GFLOP/s, one part in {matrix_rate / add_rate:.0f}")

# %% [markdown]
# Some hundredths, on most machines: the processor waits. For one FLOP the sum moves 12 bytes, two numbers read and one
# written. A product of two matrices of 1024 x 1024 makes 2 * 1024 FLOPs for each number of its result, while each
# number moves once, if all goes well.
#
# ## Arithmetic intensity
#
# So what matters is FLOPs for each byte that is moved, the *arithmetic intensity*
#
# $$ I = \frac{\text{FLOPs}}{\text{bytes}}. $$
#
# A sum of arrays has 1/12. What has a convolution?
#
# ### Exercise 17.1: count
#
# Write `conv_work(n, channels, out_channels, side)` for `n` square images of `side` x `side` pixels in float32, kernels
# of `KERNEL` x `KERNEL`, stride 1, no padding, no bias. It returns `(flops, moved, intensity)`. Count one
# multiplication and one addition for each product. For `moved`, count bytes, and count each number once: the images
# and the kernels are read, the result is written.

# %%
KERNEL = 3


def conv_work(n, channels, out_channels, side):
    ### BEGIN SOLUTION conv_work
    out_side = side - KERNEL + 1
    results = n * out_channels * out_side**2
    flops = 2 * results * channels * KERNEL**2
    read = n * channels * side**2 + out_channels * channels * KERNEL**2
    moved = 4 * (read + results)
    return flops, moved, flops / moved
    ### END SOLUTION


check.conv_work(conv_work)

# %% [markdown]
# In a *depthwise* convolution each channel has one kernel of its own, and nothing is summed over channels.
#
# **Predict before you run.** Compare it with a full convolution from 32 to 32 channels, on the same images. How many
# times fewer FLOPs? How many times faster?

# %%
images = draw(quick(32, 2), 34, 34, 32)  # (N, H, W, C), channels last, as in the library's memory
x = minigen.from_numpy(images).permute(0, 3, 1, 2)
full, deep = minigen.randn(32, 32, 3, 3), minigen.randn(32, 1, 3, 3)
pixel = 4 * (32 + 32)  # bytes for a pixel: all channels read once, all written once
print(f"full: {2 * 9 * 32 * 32} FLOPs a pixel, {2 * 9 * 32 * 32 / pixel:.4g} for each byte")
print(f"depthwise: {2 * 9 * 32} FLOPs a pixel, {2 * 9 * 32 / pixel:.4g} for each byte")
F.conv2d(x, full)
ratio = seconds(F.conv2d, x, full) / seconds(lambda: F.conv2d(x, deep, groups=32))
print(f"32 times fewer FLOPs, {ratio:.1f} times as fast")

# %% [markdown]
# `18432` against `576`, and yet it is nowhere near 32 times as fast. A full convolution has an intensity of `72`, a
# depthwise one of `2.25`: it moves as many bytes, and has little to do with each. Networks with few FLOPs are not
# fast by that alone.
#
# ## The roofline
#
# Computing and fetching go on at the same time, so the slower of the two decides. A program of intensity $I$ runs at
# most at the rate
#
# $$ \min(\text{PEAK},\; I \cdot \text{BANDWIDTH}), $$
#
# a roof with a slanted part, where one waits for memory, and a flat part, where one computes. They meet at
# $I = \text{PEAK} / \text{BANDWIDTH}$. Left of it more FLOPs cost nothing; right of it fewer bytes gain nothing.
#
# ### Exercise 17.2: the least time
#
# Write `least_seconds(gflop, gigabytes)` for some functions at once: arrays (N,) of their FLOPs, in thousands of
# millions, and of their bytes, likewise. It returns `(seconds, waits)`: the time that each needs at least on a machine
# with `PEAK` GFLOP/s and `BANDWIDTH` GB/s, and whether it waits for memory.

# %%
PEAK = 100.0
BANDWIDTH = 20.0


def least_seconds(gflop, gigabytes):
    ### BEGIN SOLUTION least_seconds
    computing, fetching = gflop / PEAK, gigabytes / BANDWIDTH
    return np.maximum(computing, fetching), fetching > computing
    ### END SOLUTION


check.least_seconds(least_seconds)

# %% [markdown]
# ## Up from the loops
#
# Now climb. The images are `images` from above, (N, H, W, C), and the kernels (KH, KW, C, O). First the loops: one
# result at a time, in Python. Then a step that NumPy's users take first: whole arrays in place of numbers. For each
# tap of the kernel and each channel, all results of the batch get a multiple of what they see there.

# %%
kernels = draw(3, 3, 32, 32)  # (KH, KW, C, O)


def by_loops(x, w):
    y = np.empty((len(x), 32, 32, w.shape[3]), np.float32)
    for n, i, j, o in np.ndindex(y.shape):
        y[n, i, j, o] = np.sum(x[n, i : i + 3, j : j + 3] * w[..., o])
    return y


def by_multiples(x, w):
    y = np.zeros((len(x), 32, 32, w.shape[3]), np.float32)
    for k, l, c in np.ndindex(w.shape[:3]):
        y += x[:, k : k + 32, l : l + 32, c, None] * w[k, l, c]
    return y


work = 2 * 9 * 32 * 32 * 32 * 32  # FLOPs for an image
rates = {"loops": work / seconds(by_loops, images[:1], kernels, tries=1)}
rates["whole arrays"] = len(images) * work / seconds(by_multiples, images, kernels, tries=2)
print(f"{work / 1e6:.1f} million FLOPs for an image")
for name, rate in rates.items():
    print(f"{name}: {rate / 1e9:.3g} GFLOP/s, one part in {matrix_rate / rate:.0f} of what products of matrices reach")

# %% [markdown]
# Many times faster, because Python is asked once for each of 288 arrays, and not for each result. But this is far
# from the limit. The reason is the intensity: for two FLOPs it writes a product, reads it again, reads a
# sum and writes it: 16 bytes.
#
# All channels of a pixel, times the numbers of one tap, is a row times a matrix (C, O). So the loop over channels can
# go: one product of matrices for each tap, and no matrix of windows anywhere.
#
# ### Exercise 17.3: a product for each tap
#
# Write `conv_by_taps(x, w, stride)` for images (N, H, W, C) and square kernels (K, K, C, O), without padding: the sum
# over all taps of what the windows see there (N, OH, OW, C), times the matrix of that tap. It returns (N, OH, OW, O).
# The check also compares its time with that of loops.


# %%
def conv_by_taps(x, w, stride):
    ### BEGIN SOLUTION conv_by_taps
    kernel = len(w)
    rows = (x.shape[1] - kernel) // stride + 1
    columns = (x.shape[2] - kernel) // stride + 1
    y = np.zeros((len(x), rows, columns, w.shape[3]))
    for k, l in np.ndindex(kernel, kernel):
        seen = x[:, k : k + stride * rows : stride, l : l + stride * columns : stride]
        y += seen @ w[k, l]
    return y
    ### END SOLUTION


check.conv_by_taps(conv_by_taps)

# %% [markdown]
# ## Work in a small place
#
# With im2col (chapter 6) the product does the sum over taps, too. The sums no longer go through memory, but a matrix of
# windows does, nine times as large as the images. If only a part of it is made at a time, always in the same place,
# that part never leaves the cache.
#
# ### Exercise 17.4: blocks
#
# Write `conv_in_blocks(x, w, budget, matmul)`: the same convolution, with stride 1, by im2col. For each image take
# as many whole rows of *results* at a time as fit, and at least one: the matrix of their windows may have `budget`
# numbers. Multiply with `matmul(windows, matrix)`. The check's `matmul` looks at the size of what it is given, and
# its results are scaled by a secret number, so that a product made without it shows.


# %%
def conv_in_blocks(x, w, budget, matmul):
    ### BEGIN SOLUTION conv_in_blocks
    n, height, width, _ = x.shape
    kernel = len(w)
    rows, columns = height - kernel + 1, width - kernel + 1
    matrix = w.reshape(-1, w.shape[3])  # (K*K*C, O)
    y = np.empty((n, rows, columns, w.shape[3]))
    at_once = max(1, budget // (columns * len(matrix)))
    for image in range(n):
        for top in range(0, rows, at_once):
            strip = x[image, top : top + at_once + kernel - 1]
            seen = np.lib.stride_tricks.sliding_window_view(strip, (kernel, kernel), axis=(0, 1))
            seen = seen.transpose(0, 1, 3, 4, 2).reshape(-1, len(matrix))  # (R, OW, C, K, K) -> (R*OW, K*K*C)
            y[image, top : top + at_once] = matmul(seen, matrix).reshape(-1, columns, w.shape[3])
    return y
    ### END SOLUTION


check.conv_in_blocks(conv_in_blocks)

# %% [markdown]
# ## The climb in one picture
#
# Here are all steps. For each we count the bytes that go through memory for a pixel if the cache keeps nothing but one
# block, and get its intensity; and we measure its rate. (This is a pixel of all 32 channels; the kernels are read once
# and do not count.)
#
# **Predict before you run.** The two versions with a matrix of windows make the same products of the same numbers. What
# is the difference in memory? Which one will be faster?


# %%
def by_taps(x, w):  # channels first: kernels from the left
    planes = x.transpose(0, 3, 1, 2)
    return sum(w[k, l].T @ planes[:, :, k : k + 32, l : l + 32].reshape(-1, 32, 1024) for k, l in np.ndindex(3, 3))


def by_windows(x, w, at_once):
    seen = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
    y, place = np.empty((len(x), 32, 32, 32), np.float32), np.empty((at_once, 32, 32, 3, 3, 32), np.float32)
    for start in range(0, len(x), at_once):
        np.copyto(place, seen[start : start + at_once])
        np.matmul(place.reshape(-1, 288), w.reshape(288, 32), out=y[start : start + at_once].reshape(-1, 32))
    return y


ways = {"a product a tap": (by_taps,), "all windows": (by_windows, len(images)), "windows of an image": (by_windows, 1)}
for name, (way, *option) in ways.items():
    rates[name] = len(images) * work / seconds(way, images, kernels, *option)
results = by_windows(images, kernels, 1), np.moveaxis(by_taps(images, kernels).reshape(-1, 32, 32, 32), 1, 3)
print(f"the same numbers: {all(np.allclose(y, by_multiples(images, kernels), atol=1e-3) for y in results)}")
rates["the library"] = len(images) * work / seconds(F.conv2d, x, full)
for at_once in (len(images), 1):
    tracemalloc.start()
    by_windows(images, kernels, at_once)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"{at_once} images at once: {peak / 2**20:.0f} MiB at the peak")
pixel_bytes = {"loops": 2 * 9 * 32 * 32, "whole arrays": 9 * 32 * (4 * 32 + 1), "a product a tap": 9 * (32 + 4 * 32)}
pixel_bytes |= {"all windows": 32 + 2 * 9 * 32 + 32, "windows of an image": 32 + 32, "the library": 32 + 32}
intensity = {name: 2 * 9 * 32 * 32 / (4 * numbers) for name, numbers in pixel_bytes.items()}
for name, rate in rates.items():
    bound = min(matrix_rate, intensity[name] * memory_rate)
    print(f"{name:>20}: {intensity[name]:5.3g} FLOPs a byte, {rate / 1e9:7.3g} GFLOP/s, roof {bound / 1e9:5.3g}")
grid, low = np.geomspace(0.05, 10_000, 80), 0.5 * min(rates.values()) / 1e9
lines = {
    "roof, memory": (grid, np.minimum(matrix_rate, grid * memory_rate) / 1e9),
    "roof, cache": (grid, np.minimum(matrix_rate, grid * cache_rate) / 1e9),
}
lines |= {name: (np.full(40, intensity[name]), np.geomspace(low, rates[name] / 1e9, 40)) for name in list(rates)[:5]}
show(curves(lines, x="FLOPs a byte", y="GFLOP/s", log="xy", title="Under the roof"), "17_roofline")

# %% [markdown]
# A bar reaches from the floor to the measured rate; above it is its roof. Read it from the left.
#
# - *Loops* (`0.25`) are far below even the lowest roof. They do not wait for memory but for Python, and a roofline
#   does not know of that. Whoever is far below the roof need not look for bytes to save.
# - *Whole arrays* (`0.124`) come near the slanted part, as near as such short runs of numbers can. No cleverness in
#   the same order of work helps here: it must have more intensity.
# - *A product for each tap* (`3.2`) has it, and is many times faster. What is left to lose is the sum, which goes to
#   memory and comes back for each of the nine taps.
# - *All windows at once* (`7.2`): the matrix goes to memory and comes back, and costs `~40` MiB.
# - *The windows of an image* (`72`) stay in the cache, and the bar stands under the flat part. It takes `~5` MiB, 4 of
#   which are the result, and less time on most machines. The library works like that, with blocks of about 4 MiB. (They
#   suit caches that no other program uses. Where one does, the smaller blocks above may win.)
#
# A bar may stand above the slanted line of the memory: then its numbers came from the cache, whose line is higher. A
# bar that does not reach the flat part although its intensity is high is slow for another reason: here the products
# have only 32 columns, too narrow for the best rate.
#
# ## Fewer products
#
# Under the flat roof there is one way left: compute less. A filter of three taps gives two neighbouring results
#
# $$ y_0 = d_0 g_0 + d_1 g_1 + d_2 g_2, \qquad y_1 = d_1 g_0 + d_2 g_1 + d_3 g_2 $$
#
# of six products. Winograd found that four are enough:
#
# $$ m_0 = (d_0 - d_2)\, g_0, \quad m_1 = (d_1 + d_2)\, \tfrac{g_0 + g_1 + g_2}{2}, \quad
#    m_2 = (d_2 - d_1)\, \tfrac{g_0 - g_1 + g_2}{2}, \quad m_3 = (d_1 - d_3)\, g_2. $$
#
# Multiply out what $m_1 + m_2$ and $m_1 - m_2$ are, and you see how to make $y_0$ and $y_1$ of them. The sums of the
# $g$ are made once for the whole image, and additions of the $d$ are shared by all output channels.
#
# ### Exercise 17.5: four for six
#
# Write `filter_with_four(d, g, multiply)`: all results $y_i = d_i g_0 + d_{i+1} g_1 + d_{i+2} g_2$ of a signal `d`,
# (N,), where N is even and at least 4. They are (N - 2,), two from each four neighbours. Every product of data with a
# number of the kernel is to be made by `multiply(a, b)`, for numbers or arrays: the check's `multiply` counts, and
# again its results are scaled by a secret number.


# %%
def filter_with_four(d, g, multiply):
    ### BEGIN SOLUTION filter_with_four
    d0, d1, d2, d3 = d[0:-3:2], d[1:-2:2], d[2:-1:2], d[3::2]  # of all groups of four at once
    m0 = multiply(d0 - d2, g[0])
    m1 = multiply(d1 + d2, (g[0] + g[1] + g[2]) / 2)
    m2 = multiply(d2 - d1, (g[0] - g[1] + g[2]) / 2)
    m3 = multiply(d1 - d3, g[2])
    y = np.empty(len(d) - 2)
    y[0::2] = m0 + m1 + m2
    y[1::2] = m1 - m2 - m3
    return y
    ### END SOLUTION


check.filter_with_four(filter_with_four)

# %% [markdown]
# In two dimensions, rows and then columns, a 3 x 3 kernel needs 16 products for four results and not 36. The library
# uses the smaller cousin for kernels of 4 x 4 with stride 2, as DCGANs have them: 9 in place of 16.
#
# **Predict before you run.** 16 / 9 is 1.78. Will it be 1.78 times as fast? And how much less precise?

# %%
stride2 = Geometry(stride=(2, 2), padding=(1, 1))
inputs, filters = draw(quick(32, 4), 16, 16, 128), draw(256, 4, 4, 128)  # (N, H, W, C) and (O, KH, KW, C)
exact = windows.conv(inputs.astype(np.float64), filters.astype(np.float64), (8, 8), stride2)
used = {}
for name, way in (("windows", windows.conv), ("Winograd", winograd.conv)):
    error = np.abs(way(inputs, filters, (8, 8), stride2) - exact).max()
    used[name] = seconds(way, inputs, filters, (8, 8), stride2)
    print(f"{name}: {used[name] * 1e3:.3g} ms, largest error {error:.1e} of numbers up to {np.abs(exact).max():.0f}")
print(f"{used['windows'] / used['Winograd']:.2f} times as fast, where products alone would give {16 / 9:.2f}")

# %% [markdown]
# Less than `1.78`: the additions before and after are of the kind that waits for memory. With fewer than 64 channels
# they cost more than is saved, and the library goes back to windows. The error is larger, but still of the size of
# rounding, because differences of neighbouring numbers are rounded, too. With larger tiles there are fewer products
# still, and errors grow quickly.
#
# ## More cores
#
# The last step is the easiest to say: let every core take some blocks. Only the flat roof rises with the number of
# cores. The memory is shared.

# %%
for number in (1, 2):
    minigen.set_num_threads(number)
    F.conv2d(x, full)  # the threads are started
    used[number] = seconds(F.conv2d, x, full)
print(f"two threads: {used[1] / used[2]:.2f} times as fast")
minigen.set_num_threads(threads)

# %% [markdown]
# If two cores were free, this is well above 1, and below 2. If another program had one of them, it is near 1: measure
# again.
#
# ## The library's version
#
# How blocks are cut, and the whole of Winograd's convolution. `spread` gives the blocks to the threads, and `scratch`
# is the place that is used again and again.

# %%
source(minigen.functional.windows.blocks)
source(minigen.functional.winograd.conv)


# %% [markdown]
# ## What it cannot do
#
# - The roofline knows two limits. Python's calls, waiting for a thread, and instructions that are neither product nor
#   addition do not occur in it.
# - Its bytes are a model: what stays in the cache does not go through memory. One counts the least, and what a program
#   would move without a cache; the truth lies between.
# - Its flat roof is what *we* can reach, measured on a large product. A narrow product stays below it.
# - It is drawn in FLOPs of the direct way. A program that computes less, as Winograd's, may stand above it.
#
# ## Common misconceptions
#
# - *"Fewer FLOPs, so it is faster."* Left of the ridge FLOPs are free, and bytes are paid for.
# - *"It runs at 5 % of the peak, so it is badly written."* With an intensity of 0.1 that may be all that can be had.
# - *"A convolution needs a matrix of windows to be fast."* A product for each tap is fast, too, and makes none.
# - *"More threads are faster."* For what waits for memory, two threads wait together.
# - *"I have measured it: 3.1 ms."* Once, with what else running, in which state of the cache? Take the shortest of
#   several runs, measure both programs by turns, and compare in the same run.
#
# ## Further exercises
#
# - Measure the rate of `by_windows` over the number of images at a time. Where is your cache full?
# - Draw chapter 8's batch norm and an Adam step into the roofline. Which functions of a network are left of the ridge?
# - Count the bytes of `x * a + b` as NumPy computes it, and as one loop in C would. What would a compiler gain?
# - Write F(2x2, 3x3) with your one-dimensional function. How large is its error in float32, and that of F(4x4, 3x3)?
#
# ## Further reading
#
# - S. Williams, A. Waterman and D. Patterson, "Roofline: an insightful visual performance model for multicore
#   architectures", *Communications of the ACM* 52 (2009), pages 65-76.
# - A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks", *CVPR* (2016), section 4: F(2, 3), and
#   how it is nested in two dimensions. arXiv:1509.09308.
# - A. Vasudevan, A. Anderson and D. Gregg, "Parallel multi channel convolution using general matrix multiplication",
#   *ASAP* (2017). A product for each tap, in place of im2col. arXiv:1704.04428.
# - U. Drepper, "What every programmer should know about memory" (2007), section 3: caches, measured.
