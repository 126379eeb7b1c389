# %% [markdown]
# # 6. im2col, and why it is fast
#
# *The loops of chapter 5 are right, and far too slow. How can the same sums be done hundreds of times as fast?*
#
# ## What you will learn
#
# - to write all windows of a batch as the rows of one matrix, so that a convolution is one product;
# - what that costs in memory, in bytes, and how to pay less;
# - what an adjoint is, and a test of one line for the backward pass of a linear function;
# - why the order in which numbers lie in memory decides whether they must be copied.
#
# ## Before you start
#
# Needed: chapter 2 (the backward of a product) and chapter 5 (windows, stride, the three gradients). About 2 hours.

# %%
import time

import numpy as np

import minigen
import minigen.nn.functional as F
from minigen.course import check, quick, show, source
from minigen.course.figures import curves, images
from minigen.data import Glyphs

minigen.manual_seed(0)
rng = np.random.default_rng(0)

# %% [markdown]
# ## Windows as rows
#
# An output pixel is a sum of products: a window times a kernel. So is an element of a product of matrices: a row times
# a column. So write each window as a row, each kernel as a column, and
#
# $$ \underbrace{\text{cols}}_{(N \cdot OH \cdot OW,\; C \cdot KH \cdot KW)} \;@\;
#    \underbrace{w^\top}_{(C \cdot KH \cdot KW,\; O)} \;=\; \underbrace{y}_{(N \cdot OH \cdot OW,\; O)} $$
#
# is the whole convolution. Making `cols` is called *im2col*. (The name comes from programs that write the windows as
# columns. Here they are rows.)

# %%
digit = Glyphs(8, size=14)[7][0].numpy()[0]  # (14, 14)
windows = np.lib.stride_tricks.sliding_window_view(digit, (3, 3)).reshape(-1, 9)  # (144, 9)
show(images({"14 x 14 pixels": digit, "its 144 windows of 3 x 3": windows.T.repeat(8, axis=0)}), "06_windows")
print(f"{digit.size} pixels, {windows.size} numbers in the matrix")

# %% [markdown]
# On the right is the matrix on its side: 144 windows from left to right, 9 numbers each from top to bottom. Every line
# shows the digit again, cut into lines of 12 pixels and put end to end.
#
# ### Exercise 6.1: the matrix of windows
#
# Write `im2col_rows(x, kernel, stride)` for images `x` (N, C, H, W) and square windows of K x K, without padding. Row
# number `(n * OH + i) * OW + j` is the window at place (i, j) of image n. In it the pixel (k, l) of channel c has the
# number `(c * K + k) * K + l`, as in `w.reshape(O, -1)`.


# %%
def im2col_rows(x, kernel, stride):
    ### BEGIN SOLUTION im2col_rows
    n, channels, height, width = x.shape
    rows = (height - kernel) // stride + 1
    columns = (width - kernel) // stride + 1
    cols = np.empty((n, rows, columns, channels, kernel, kernel))
    for i, j in np.ndindex(rows, columns):
        top, left = i * stride, j * stride
        cols[:, i, j] = x[:, :, top : top + kernel, left : left + kernel]
    return cols.reshape(n * rows * columns, channels * kernel * kernel)
    ### END SOLUTION


check.im2col_rows(im2col_rows)

# %% [markdown]
# ### Exercise 6.2: one product
#
# Write `conv_from_rows(cols, w, b, size)`: the convolution, from the matrix of windows. `w` is (O, C, KH, KW), `b`
# (O,), and `size` is `(N, OH, OW)`. The result is (N, O, OH, OW). Think before you reshape: in which order do the
# numbers of the product lie?


# %%
def conv_from_rows(cols, w, b, size):
    ### BEGIN SOLUTION conv_from_rows
    product = cols @ w.reshape(len(w), -1).T + b  # (N*OH*OW, O)
    return product.reshape(*size, len(w)).transpose(0, 3, 1, 2)
    ### END SOLUTION


check.conv_from_rows(conv_from_rows)

# %% [markdown]
# ## How much faster?
#
# **Predict before you run.** Both ways multiply and add exactly the same numbers, and im2col has to copy besides.
# Will the product be 3 times as fast as the loops, 30 times, or more than 100 times?


# %%
def by_loops(x, w):
    n, _, height, width = x.shape
    o, _, k, _ = w.shape
    y = np.empty((n, o, height - k + 1, width - k + 1), x.dtype)
    for m, p, i, j in np.ndindex(y.shape):
        y[m, p, i, j] = np.sum(x[m, :, i : i + k, j : j + k] * w[p])
    return y


def by_product(x, w):
    cols = F.unfold(minigen.from_numpy(x), w.shape[2]).numpy()  # (N, C*K*K, OH*OW): windows as columns
    y = w.reshape(len(w), -1) @ cols
    return y.reshape(len(x), len(w), x.shape[2] - w.shape[2] + 1, -1)


def by_library(x, w):
    return F.conv2d(minigen.from_numpy(x), minigen.from_numpy(w)).numpy()


def seconds(f, *arguments):
    f(*arguments)  # once without the clock: memory is fetched, buffers are made
    best = np.inf
    for _ in range(quick(3, 2)):
        start = time.perf_counter()
        f(*arguments)
        best = min(best, time.perf_counter() - start)
    return best


ways = {"loops": by_loops, "one product": by_product, "the library": by_library}
taken, sides = {name: [] for name in ways}, (8, 12, 16, 24, 32)[: quick(5, 3)]
for side in sides:
    x = rng.normal(size=(4, 16, side, side)).astype(np.float32)
    w = rng.normal(size=(32, 16, 3, 3)).astype(np.float32)
    same = np.allclose(by_loops(x, w), by_product(x, w), atol=1e-3)
    for name, way in ways.items():
        taken[name].append(seconds(way, x, w))
products = 4 * 32 * (side - 2) ** 2 * 16 * 9  # of the last size
print(f"the same numbers: {same}")
for name, times in taken.items():
    print(f"{name}: {times[-1]:.2g} s, {products / times[-1] / 1e6:.3g} million products a second")
print(f"the product is {taken['loops'][-1] / taken['one product'][-1]:.0f} times as fast as the loops")
lines = {name: (sides, times) for name, times in taken.items()}
show(curves(lines, x="pixels on a side", y="seconds", log="xy", title="The same sums in three ways"), "06_seconds")

# %% [markdown]
# Your own numbers stand above; they differ from machine to machine. There are two reasons. First, the loop asks
# Python for every output pixel: look up names, cut out views, call two functions. That takes some microseconds, for
# 144 products that the processor makes in about a hundredth of one. Second, a product of matrices is the best kind of
# work for a processor: of matrices with $n^2$ numbers it makes $n^3$ products, so each number that was fetched from
# memory is used many times while it is near. Libraries for it (BLAS) have been polished for forty years.
#
# The library does not do much better than one product here. What it does better is the memory.
#
# ## What it costs
#
# Each pixel stands in up to KH * KW windows, so the matrix is up to that many times as large as the images. Numbers
# of float32 have 4 bytes.
#
# **Predict before you run.** A batch of 64 images with 64 channels of 32 x 32 pixels, a kernel of 3 x 3, padding 1:
# how many megabytes is the batch, how many the matrix?

# %%
batch = 64 * 64 * 32 * 32 * 4
print(f"the images: {batch / 2**20:.0f} MiB, the matrix: {9 * batch / 2**20:.0f} MiB")

# %% [markdown]
# `16` and `144`, for one layer, and all layers together must fit. The cure: make the rows of a few images, multiply,
# forget them, and take the same memory for the next ones. If these rows fit into the processor's cache (some
# megabytes), it is even faster.
#
# ### Exercise 6.3: bytes
#
# Write `matrix_bytes(n, channels, side, kernel, budget)` for `n` square images in float32, no padding, and a stride of
# `STRIDE`. It returns `(whole, at_once)`: the bytes of the matrix of windows, and of how many images at a time the
# rows fit into `budget` bytes. At least one, however small the budget is, and no more than there are.

# %%
STRIDE = 1


def matrix_bytes(n, channels, side, kernel, budget):
    ### BEGIN SOLUTION matrix_bytes
    places = ((side - kernel) // STRIDE + 1) ** 2
    image = places * channels * kernel * kernel * 4
    return n * image, min(n, max(1, budget // image))
    ### END SOLUTION


check.matrix_bytes(matrix_bytes)

# %% [markdown]
# ## The way back
#
# The backward of `y = cols @ W` stands in chapter 2: `dW = cols.T @ dy` and `dcols = dy @ W.T`. What is missing is
# the way from `dcols` to `dx`. Each number of `cols` is a copy of a pixel; a pixel that was copied several times
# collects from all of its copies. That is *col2im*: put every row back to where its window was, and add.
#
# **Predict before you run.** All pixels are 1. Take the windows of 3 x 3 of a 4 x 4 image, and put them back. Is the
# result the image?

# %%
ones = minigen.ones(1, 1, 4, 4)
print(F.fold(F.unfold(ones, 3), (4, 4), 3)[0, 0].numpy())

# %% [markdown]
# It is not: each pixel comes back as often as windows saw it, `1.` at the corner, `4.` in the middle. So col2im is not
# the inverse of im2col. It is its *adjoint*. Think of im2col as a (very sparse) matrix $A$ which is multiplied by all
# pixels of $x$; then col2im is $A^\top$. What characterises it is that for *all* $x$ and $y$
#
# $$ \langle A x,\, y \rangle = \langle x,\, A^\top y \rangle $$
#
# where $\langle a, b \rangle$ is the sum of all products of corresponding elements. This is what a backward pass
# needs: if $y$ is the gradient at the output, both sides say how much the loss changes along $x$.
#
# ### Exercise 6.4: put them back
#
# Write `col2im_rows(cols, shape, kernel, stride)`: the adjoint of exercise 6.1, for images of shape `shape`, which is
# `(N, C, H, W)`.


# %%
def col2im_rows(cols, shape, kernel, stride):
    ### BEGIN SOLUTION col2im_rows
    n, channels, height, width = shape
    rows = (height - kernel) // stride + 1
    columns = (width - kernel) // stride + 1
    parts = cols.reshape(n, rows, columns, channels, kernel, kernel)
    x = np.zeros(shape)
    for i, j in np.ndindex(rows, columns):
        top, left = i * stride, j * stride
        x[:, :, top : top + kernel, left : left + kernel] += parts[:, i, j]
    return x
    ### END SOLUTION


check.col2im_rows(col2im_rows)

# %% [markdown]
# ### Exercise 6.5: a test of one line
#
# The identity is a test, and a far sharper one than finite differences: no step, no rounding to speak of, one run of
# each function. Write `adjoint_gap(forward, back, x, y)`, which measures
#
# $$ \frac{|\langle A x,\, y \rangle - \langle x,\, A^\top y \rangle|}{\max(1,\, |\langle A x,\, y \rangle|)} $$
#
# where `forward` is $A$, `back` may be $A^\top$, and `y` has the shape of `forward(x)`.


# %%
def adjoint_gap(forward, back, x, y):
    ### BEGIN SOLUTION adjoint_gap
    there = np.sum(forward(x) * y)
    back_again = np.sum(x * back(y))
    return abs(there - back_again) / max(1.0, abs(there))
    ### END SOLUTION


check.adjoint_gap(adjoint_gap)

# %%
x, y = rng.normal(size=(2, 3, 6, 6)), rng.normal(size=(2, 27, 16))
there = np.sum(F.unfold(minigen.from_numpy(x), 3).numpy() * y)
back_again = np.sum(x * F.fold(minigen.from_numpy(y), (6, 6), 3).numpy())
print(f"the library's unfold and fold: they differ by {abs(there - back_again):.6f}")

# %% [markdown]
# The library's pair passes: `0.000000`. Draw `x` and `y` anew for every test, and choose sizes for which windows
# overlap and pixels are left over.
#
# ## Which number lies beside which
#
# Memory is a line. Of an image (N, C, H, W), as NumPy makes it, the pixels of one channel lie side by side. In
# *channels-last* memory the C numbers of one pixel do. The product of exercise 6.2 has the shape (N\*OH\*OW, O): all
# channels of a pixel, then the next pixel. It *is* channels-last. To hand it on as (N, O, OH, OW) one may copy it, or
# show the same memory under other indices.

# %%
product = rng.normal(size=(2 * 5 * 5, 8)).astype(np.float32)
shown = product.reshape(2, 5, 5, 8).transpose(0, 3, 1, 2)
copied = np.ascontiguousarray(shown)
print(f"shape {shown.shape}, the same memory: {np.shares_memory(shown, product)}")
print(f"bytes from one channel to the next: {shown.strides[1]}, in the copy {copied.strides[1]}")
from_library = F.conv2d(minigen.randn(2, 3, 7, 7), minigen.randn(8, 3, 3, 3)).numpy()
print(f"in what F.conv2d returns: {from_library.strides[1]}")

# %% [markdown]
# The library's images are (N, C, H, W) by their indices and channels-last in memory: `4` bytes from channel to
# channel, not `100`. So the product is written straight into the output image, and nothing is copied. The next
# layer's im2col gains, too: a row of a window is KW pixels with all their channels, KW * C numbers side by side,
# which are copied in one run. Channels first it would be C * KH runs of KW numbers each, 3 at a time. And for a
# kernel of 1 x 1 the rows of the matrix lie in memory already: there is nothing to copy at all.
#
# ## The library's version
#
# The convolution of minigen. `im2col` makes the rows of a block of images, `_matmul` multiplies them into the output,
# and `spread` gives the blocks to the processor's cores.

# %%
source(minigen.functional.windows.conv)


# %% [markdown]
# ## What it cannot do
#
# - It saves no products: all of them are made. There are ways with fewer (Winograd's, and Fourier's for large kernels).
# - It helps little where a product is thin: a kernel for each channel (depthwise) has nothing to use twice.
# - Its result differs from that of the loops in the last digits, for it adds in another order.
#
# ## Common misconceptions
#
# - *"It is faster because it does less."* It does more: the same products, and the copying. But of the kind that a
#   processor does well.
# - *"col2im is the inverse of im2col."* It is the adjoint; pixels come back as often as they were seen.
# - *"reshape puts the axes in another order."* It keeps the order in which the numbers are read, and only cuts
#   it in other places; `transpose` changes the order. `reshape(N, O, OH, OW)` of the product has the right shape and
#   nonsense in it.
# - *"A transpose is expensive."* It writes four other strides. What may be expensive is a later copy.
# - *"The adjoint test shows that the function is right."* It shows that two functions belong together. If both leave
#   the stride out, they still do.
#
# ## Further exercises
#
# - Write `im2col_rows` with a loop over the kernel * kernel taps instead of the windows. When is it faster?
# - Write it without a loop, with `np.lib.stride_tricks.as_strided`. Which of its results are views?
# - Leave the crop of the padding out of a backward pass, and see whether `adjoint_gap` and `check_backward` find it.
# - Measure the time over the number of images at a time. Where is your processor's cache full?
#
# ## Further reading
#
# - K. Chellapilla, S. Puri and P. Simard, "High performance convolutional neural networks for document processing",
#   *Tenth International Workshop on Frontiers in Handwriting Recognition* (2006). Convolution as a product of matrices.
# - S. Chetlur, C. Woolley, P. Vandermersch and others, "cuDNN: efficient primitives for deep learning",
#   arXiv:1410.0759 (2014), section 3. The rows made a block at a time, on a GPU.
# - K. Goto and R. A. van de Geijn, "Anatomy of high-performance matrix multiplication", *ACM Transactions on
#   Mathematical Software* 34 (2008), article 12. Why the product is fast.
# - J. F. Claerbout, *Earth Soundings Analysis: Processing versus Inversion*, Blackwell (1992), the chapter on adjoint
#   operators. There the test is called the dot-product test.
