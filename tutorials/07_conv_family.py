# %% [markdown]
# # 7. Three functions, one number: the convolution family, and checkerboards
#
# *A convolution must be differentiated, and its derivative, and the derivative of that. Where does it end?*
#
# ## What you will learn
#
# - to see convolution, transposed convolution and weight gradient as three ways to sort one list of products;
# - why nothing has to be derived, and why gradients of any order are made of these three functions only;
# - how large the result of a transposed convolution is, and what `output_padding` chooses;
# - where the checkerboards in generated pictures come from, what a kernel of 4 cures, and what it does not.
#
# ## Before you start
#
# Needed: chapter 2 (dx for each line) and chapter 5 (a convolution by loops, stride, padding). About 3 hours.

# %%
from collections import Counter

import numpy as np

import minigen
import minigen.nn.functional as F
from minigen import nn, optim
from minigen.course import check, quick, show, source
from minigen.course.figures import images

minigen.manual_seed(0)
rng = np.random.default_rng(1)

# %% [markdown]
# ## One list of meetings
#
# Take a line of pixels $x$, a kernel $w$ and a stride of 2, with one zero of padding. Output pixel $i$ looks through
# tap $k$ at input pixel $j = 2i + k - 1$. Let us call this a *meeting* of $i$, $k$ and $j$. All that a convolution
# knows about geometry is the list of its meetings.
#
# Now take a third line $y$, of the output's size, and add up a product for each meeting:
#
# $$ T(x, w, y) = \sum_{(i, k, j)} y_i \, w_k \, x_j $$
#
# One number. There are three ways to sort its products. Collect what belongs to each $y_i$: that is the convolution.
# Collect what belongs to each $x_j$, or to each $w_k$: that makes two other functions.
#
# **Predict before you run.** The cell computes the three functions, and from each of them a number: `y @ conv`,
# `x @ transposed`, `w @ weight`. How do the three numbers compare?

# %%
x, w, y = (rng.integers(-3, 4, length).astype(float) for length in (7, 3, 4))
meetings = [(i, k, 2 * i + k - 1) for i in range(4) for k in range(3) if 0 <= 2 * i + k - 1 < 7]
conv, transposed, weight = np.zeros(4), np.zeros(7), np.zeros(3)
for i, k, j in meetings:
    conv[i] += w[k] * x[j]
    transposed[j] += w[k] * y[i]
    weight[k] += x[j] * y[i]
print(f"{len(meetings)} meetings (i, k, j): {meetings[0]}, {meetings[1]}, {meetings[2]}, ...")
print("conv", conv, "transposed", transposed, "weight", weight)
print(f"y @ conv = {y @ conv:.0f}, x @ transposed = {x @ transposed:.0f}, w @ weight = {w @ weight:.0f}")

# %% [markdown]
# They are the same number, `-47`: the same `10` products were added up in three orders. (Two of the 12 meetings fall
# on the padding, and a product with 0 can be left out.)
#
# The number is *linear* in each of the three lines while the two others are held still: no $x_j$ is multiplied by
# another. So its derivative with respect to $x_j$ is just what stands beside $x_j$:
#
# $$ \frac{\partial T}{\partial y} = \mathrm{conv}(x, w), \qquad
# \frac{\partial T}{\partial x} = \mathrm{transposed}(y, w), \qquad
# \frac{\partial T}{\partial w} = \mathrm{weight}(x, y) $$
#
# ## Why it is called transposed
#
# With the kernel held still, a convolution takes 7 pixels to 4, linearly. So it is a matrix of 4 rows and 7 columns.
# The second function takes 4 pixels to 7, and its matrix has the same entries, with rows and columns exchanged.

# %%
matrix = np.zeros((4, 7))
for i, k, j in meetings:
    matrix[i, j] = w[k]
print("matrix @ x is the convolution:", np.array_equal(matrix @ x, conv))
print("matrix.T @ y is the other one:", np.array_equal(matrix.T @ y, transposed))
print("x", x, "there and back", matrix.T @ matrix @ x)
show(images({"convolution: 7 to 4": matrix, "transposed: 4 to 7": matrix.T}), "07_matrix")

# %% [markdown]
# The rows of the first matrix are the kernel (red positive, blue negative), two steps further each time. The columns
# of the second are: every pixel of $y$ adds *its multiple of the kernel* to the result, and where two kernels overlap
# they add up. "There and back" is not where one began. A transpose is not an inverse, so the old name
# "deconvolution" is a wrong one.
#
# ### Exercise 7.1: the transposed convolution
#
# Now with pictures, batches and channels. Write `conv_transposed(y, w, size, stride, padding)`: `y` is (N, O, OH,
# OW), `w` is (O, C, KH, KW), and the result (N, C, *size). Pixel $(i, j)$ of `y` adds its multiple of the kernel
# where its window was: rows $i \cdot$ stride $-$ padding $+ k$, and columns likewise. What falls outside is dropped.
# Loop over the taps of the kernel only: each tap adds a whole picture to every stride-th pixel.


# %%
def conv_transposed(y, w, size, stride, padding):
    ### BEGIN SOLUTION conv_transposed
    n, _, rows, columns = y.shape
    _, c, kernel_rows, kernel_columns = w.shape
    x = np.zeros((n, c, size[0] + 2 * padding, size[1] + 2 * padding))
    for k in range(kernel_rows):
        for m in range(kernel_columns):
            down = slice(k, k + stride * (rows - 1) + 1, stride)
            across = slice(m, m + stride * (columns - 1) + 1, stride)
            x[:, :, down, across] += np.einsum("nohw,oc->nchw", y, w[:, :, k, m])
    return x[:, :, padding : padding + size[0], padding : padding + size[1]]
    ### END SOLUTION


check.conv_transposed(conv_transposed)

# %% [markdown]
# ### Exercise 7.2: the gradient of the kernel
#
# Write `kernel_gradient(x, y, kernel, stride, padding)`: `x` is (N, C, H, W), `y` is (N, O, OH, OW), and the result
# (O, C, *kernel). Tap $k$ of channel $c$ and output channel $o$ collects $x_j \, y_i$ from every meeting, over all
# places and all pictures of the batch.


# %%
def kernel_gradient(x, y, kernel, stride, padding):
    ### BEGIN SOLUTION kernel_gradient
    wide = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dw = np.zeros((y.shape[1], x.shape[1], *kernel))
    for k in range(kernel[0]):
        for m in range(kernel[1]):
            down = slice(k, k + stride * (y.shape[2] - 1) + 1, stride)
            across = slice(m, m + stride * (y.shape[3] - 1) + 1, stride)
            dw[:, :, k, m] = np.einsum("nchw,nohw->oc", wide[:, :, down, across], y)
    return dw
    ### END SOLUTION


check.kernel_gradient(kernel_gradient)

# %% [markdown]
# ## Nothing is left to derive
#
# A loss asks the convolution for `dx` and `dw`, and brings `dy`, the gradient of the output. Near the present point
# the loss changes like $T(x, w, dy)$ when $x$ or $w$ do. So put `dy` in the place of $y$, and take the two other
# functions. The same holds for each of the three:
#
# | function | makes a | its gradient is put there, and the two others give |
# |---|---|---|
# | `conv2d(x, w)` | y | dx = `conv_transpose2d(grad, w)`, dw = `conv2d_weight(x, grad)` |
# | `conv_transpose2d(y, w)` | x | dy = `conv2d(grad, w)`, dw = `conv2d_weight(grad, y)` |
# | `conv2d_weight(x, y)` | w | dx = `conv_transpose2d(y, grad)`, dy = `conv2d(x, grad)` |
#
# (`conv2d_weight` stands in `minigen.functional`.) Every function that the right column needs is in the left one.
# The family is closed.
#
# **Predict before you run.** The cell takes the gradient of a convolution, then the gradient of the gradient's
# squares, and once more. How many kinds of convolution will the graph of the third hold? And how many calls?


# %%
def calls_in(tensor):
    """Count the calls from which a tensor was made, by name."""
    calls, to_do = {}, [tensor.grad_fn]
    while to_do:
        call = to_do.pop()
        if call is not None and id(call) not in calls:
            calls[id(call)] = call
            to_do += [source_of.grad_fn for source_of in call.inputs]
    return Counter(type(call).__name__ for call in calls.values() if "Conv" in type(call).__name__)


picture = minigen.randn(1, 1, 6, 6, requires_grad=True)
kernel = minigen.randn(1, 1, 3, 3, requires_grad=True)
number = (F.conv2d(picture, kernel, stride=2) ** 3).sum()
for order in range(1, 4):
    dx, dw = minigen.grad(number, [picture, kernel], create_graph=True)
    number = (dx**2).sum() + (dw**2).sum()
    print(f"order {order}: {dict(sorted(calls_in(number).items()))}")

# %% [markdown]
# There are three kinds, however often one differentiates. But of each kind there are `1`, then `3`, then `9` calls:
# every call is followed by its two gradients, one of each other kind. Closed does not mean cheap.
#
# ### Exercise 7.3: the backward of the backward
#
# WGAN-GP (chapter 15) has a loss that is made of gradients. So somebody hands gradients *of the gradients* to the
# convolution: `u` for `dx = transpose(dy, w)`, and `v` for `dw = weight(x, dy)`. Write `backward_twice(x, w, dy, u,
# v, conv, transpose, weight)`, which returns the gradients of $\sum u \cdot dx + \sum v \cdot dw$ with respect to
# `x`, `w` and `dy`, in this order. The last three arguments are the family: `conv(x, w)`, `transpose(y, w)`,
# `weight(x, y)`. You need nothing else. (Write the number as $T(\ldots) + T(\ldots)$ first.)


# %%
def backward_twice(x, w, dy, u, v, conv, transpose, weight):
    ### BEGIN SOLUTION backward_twice
    # sum(u * dx) is T(u, w, dy), and sum(v * dw) is T(x, v, dy)
    for_x = transpose(dy, v)
    for_w = weight(u, dy)
    for_dy = conv(u, w) + conv(x, v)
    return for_x, for_w, for_dy
    ### END SOLUTION


check.backward_twice(backward_twice)

# %% [markdown]
# ## How large is the result?
#
# A convolution of stride 2 makes 4 pixels of 7. It makes 4 of 8 as well, because windows that do not fit are left
# out. So the way back from 4 has two possible ends, and somebody must choose.

# %%
for length in (7, 8):
    small = F.conv2d(minigen.ones(1, 1, length, length), minigen.ones(1, 1, 3, 3), stride=2, padding=1)
    print(f"conv2d: {length} to {small.shape[2]}")
small = minigen.tensor([[[[1.0, 1.0, 1.0, 1.0]]]])
for extra in (0, 1):
    back = F.conv_transpose2d(small, minigen.ones(1, 1, 1, 3), stride=2, padding=(0, 1), output_padding=(0, extra))
    print(f"conv_transpose2d, output_padding {extra}: 4 to {back.shape[3]}, {back.numpy().ravel()}")

# %% [markdown]
# That is `output_padding`: it does not pad with zeros. It keeps pixels that `padding` would cut off, and the kernel
# has written there: the last pixel is `1.`.
#
# ### Exercise 7.4: the ways back
#
# Write `sizes_back(length, kernel, padding)`: the list of *all* lengths which a convolution of stride `STRIDE` takes
# to `length`, from the smallest up. The last window begins at $(\mathrm{length} - 1) \cdot$ `STRIDE` $-$ padding.
# Where does it end, and how many pixels can follow before one window more fits in?

# %%
STRIDE = 2


def sizes_back(length, kernel, padding):
    ### BEGIN SOLUTION sizes_back
    smallest = (length - 1) * STRIDE + kernel - 2 * padding
    return list(range(smallest, smallest + STRIDE))
    ### END SOLUTION


check.sizes_back(sizes_back)

# %% [markdown]
# `conv_transpose2d` takes the smallest of them, plus `output_padding`, which is therefore less than the stride. Most
# people want to double exactly, without thinking: a kernel of 4, stride 2, padding 1 gives $(n - 1) \cdot 2 + 4 - 2 =
# 2n$.
#
# ## Checkerboards
#
# Generators enlarge. With a transposed convolution every pixel of the small picture lays its kernel on the large one,
# `stride` pixels apart. How often is a pixel of the large picture reached?
#
# ### Exercise 7.5: how often
#
# Write `overlap_map(shape, kernel, stride)`: for a small picture of `shape` (rows, columns) and a square kernel, how
# many small pixels reach each pixel of the large picture, without padding.


# %%
def overlap_map(shape, kernel, stride):
    ### BEGIN SOLUTION overlap_map
    large = np.zeros([(length - 1) * stride + kernel for length in shape])
    for i in range(shape[0]):
        for j in range(shape[1]):
            large[i * stride : i * stride + kernel, j * stride : j * stride + kernel] += 1
    return large
    ### END SOLUTION


check.overlap_map(overlap_map)

# %% [markdown]
# **Predict before you run.** With stride 2, in the middle of the picture: how many times more often is the luckiest
# pixel reached than the unluckiest, for kernels of 2, 3, 4 and 5?

# %%
maps = {}
for size in (2, 3, 4, 5):
    reached = F.conv_transpose2d(minigen.ones(1, 1, 6, 6), minigen.ones(1, 1, size, size), stride=2)[0, 0].numpy()
    maps[f"kernel {size}, stride 2"] = reached
    middle = reached[4:8, 4:8]
    print(f"kernel {size}: between {middle.min():.0f} and {middle.max():.0f} times")
show(images(maps), "07_overlap")

# %% [markdown]
# With a kernel of 3 it is `4` to `1`, with 5 it is `9` to `4`: a checkerboard, before anything was learned. With 2
# and 4 every pixel in the middle is reached alike. In a line, pixels are reached $\lceil k / s \rceil$ or $\lfloor k
# / s \rfloor$ times, so it is even where the kernel is a multiple of the stride.
#
# So take a kernel of 4, and be done?
#
# **Predict before you run.** A flat picture (all pixels 1) goes through a transposed convolution of a random kernel of
# 4, with stride 2. Is the result flat in the middle?

# %%
flat = minigen.ones(1, 1, 6, 6)


def enlarged(kind, image, w):
    """Enlarge an image twofold, by one of three ways."""
    if kind == "resize, kernel 3":
        return F.conv2d(F.interpolate(image, scale_factor=2), w, padding=1)
    return F.conv_transpose2d(image, w.transpose(0, 1), stride=2, padding=1, output_padding=4 - w.shape[2])


for kind, size in {"transposed, kernel 3": 3, "transposed, kernel 4": 4, "resize, kernel 3": 3}.items():
    results = enlarged(kind, flat, minigen.randn(20_000, 1, size, size))  # 20,000 kernels at once, a channel for each
    four = results[0, :, 4:6, 4:6].numpy().reshape(-1, 4)  # the neighbours of one square in the middle
    power, spread = np.mean(four**2, axis=0), np.mean(four.std(axis=1)) / np.sqrt(np.mean(four**2))
    print(f"{kind}: mean squares of the four neighbours {np.round(power)}, relative spread {spread:.1f}")

# %% [markdown]
# No! A large pixel's place among its four neighbours (even or odd row, even or odd column) decides which taps reach
# it. With a kernel of 3 the four places get 1, 2, 2 and 4 taps, and over random kernels their mean squares are `1`,
# `2`, `2` and `4`. A kernel of 4 makes the mean squares alike. But its 16 taps are dealt out: each place has four *of
# its own*. So for any single kernel the places differ, by `0.8` of their size, no less than with a kernel of 3. An
# even overlap means that no place is preferred beforehand. That the four sums become equal must be learned.
#
# ## Enlarge, then convolve
#
# The third way is Odena, Dumoulin and Olah's: copy every pixel to a square of 2 by 2, then convolve with stride 1.
# Now all four places are computed with the same nine taps. A flat picture stays flat, whatever the kernel is: the
# spread is `0.0`. It is a member of the family all the same, a transposed convolution whose 16 taps are made of 9:

# %%
w = minigen.randn(1, 1, 3, 3)
tied = F.conv_transpose2d(w.flip([2, 3]), minigen.ones(1, 1, 2, 2))  # each tap is copied to 2 by 2 places
image = minigen.randn(1, 1, 6, 6)
difference = enlarged("resize, kernel 3", image, w) - F.conv_transpose2d(image, tied, stride=2, padding=1)
print("kernel of", tuple(tied.shape[2:]), "largest difference below 0.00001:", difference.abs().max().item() < 1e-5)

# %% [markdown]
# ## Does training cure it?
#
# Three little autoencoders see soft blobs, and paint them from 8 by 8 places, with two enlarging layers each. Only
# these layers differ. We measure the *check*, $(a - b - c + d) / 4$ for each square of $2 \times 2$ pixels, and
# compare its mean square with that of the true pictures. 1 would be as it should.


# %%
def blobs(count):
    """Draw soft blobs on pictures of 32 by 32."""
    rows = np.arange(32)[:, None]
    where = rng.uniform(4, 28, (2, count, 3, 1, 1))  # down and across, for three blobs on each picture
    size, height = rng.uniform(3, 6, (count, 3, 1, 1)), rng.uniform(-1, 1, (count, 3, 1, 1))
    down, across = np.exp(-((rows - where) ** 2) / (2 * size**2))
    return minigen.from_numpy((height * down @ across.swapaxes(2, 3)).sum(1, keepdims=True)).float()


def autoencoder(kind):
    """Return a network that shrinks fourfold, and enlarges twice by one of the three ways."""

    def enlarging(c):
        if kind == "resize, kernel 3":
            return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(8, c, 3, padding=1))
        size = 3 if kind == "transposed, kernel 3" else 4
        return nn.ConvTranspose2d(8, c, size, stride=2, padding=1, output_padding=4 - size)

    return nn.Sequential(nn.Conv2d(1, 8, 4, stride=4), enlarging(8), nn.LeakyReLU(0.2), enlarging(1))


def check_power(pictures):
    """Return the mean square of a - b - c + d, over all squares of 2 by 2 pixels."""
    p = pictures.numpy()
    return np.mean((p[..., ::2, ::2] - p[..., ::2, 1::2] - p[..., 1::2, ::2] + p[..., 1::2, 1::2]) ** 2) / 16


held_out, painted = blobs(200), {}
for kind in ("transposed, kernel 3", "transposed, kernel 4", "resize, kernel 3"):
    found = []
    for seed in range(quick(3, 1)):
        minigen.manual_seed(seed)
        network = autoencoder(kind)
        optimizer = optim.Adam(network.parameters(), lr=0.01)
        for _ in range(quick(300, 15)):
            batch = blobs(16)
            loss = F.mse_loss(network(batch), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with minigen.no_grad():
            pictures = network(held_out)
        found.append((F.mse_loss(pictures, held_out).item(), check_power(pictures) / check_power(held_out)))
    error, checks = np.mean(found, 0)
    print(f"{kind}: squared error {error:.5f}, check {checks:.1f} times the true one")
    painted[kind] = (pictures - held_out)[0, 0].numpy()
show(images({"a true picture": held_out[0, 0].numpy(), **{f"error: {k}": e for k, e in painted.items()}}), "07_trained")

# %% [markdown]
# All three learn the blobs about equally well. But in mean square the checks of the transposed convolutions are `~4.5`
# and `~4.3` times those of the true pictures. Enlarging first leaves `~1.3`. In the errors (each in colours of its
# own) single pixels stand out from their neighbours. The kernel of 4, whose overlap is even, is little better than
# that of 3. Enlarging first has another weakness, the stripes: a copied pixel makes a step. A mean squared error
# forgives a pattern that is weak; an eye, or a discriminator, may not.
#
# ## The library's version
#
# The backward passes of minigen's three functions: the table above, and nothing else. They compute with tensors, so
# that they can be differentiated in their turn. `size` says what two members do not know of the third: which of the
# lengths of exercise 7.4 it was.

# %%
source(minigen.functional.conv.Conv2d.backward)
source(minigen.functional.conv.ConvTranspose2d.backward)
source(minigen.functional.conv.Conv2dWeight.backward)

# %% [markdown]
# ## What it cannot do
#
# - A loop over taps with `+=` moves much memory. The library computes each of the `stride * stride` places as a
#   convolution of its own, with the taps that belong to it (`minigen.functional.windows`).
# - Enlarging first costs more: four large pixels with nine taps are 36 products for each small pixel. A transposed
#   convolution with a kernel of 4 needs 16.
# - An even layer does not make an even generator. A loss, or a later layer, can bring checkerboards of its own: the
#   *gradient* of a convolution with kernel 3 and stride 2 is a transposed convolution, with the same uneven overlap.
#   In a discriminator made of such layers some pixels are seen by four windows, and their neighbours by one.
#
# ## Common misconceptions
#
# - *"A transposed convolution undoes a convolution."* It undoes its shape. The values come back as `matrix.T @
#   matrix @ x`.
# - *"The backward of a convolution flips the kernel."* If you collect for each pixel of $x$, tap $k$ is found at the
#   other end. If each pixel of $y$ spreads what it has, nothing is flipped. It is the same sum.
# - *"`output_padding` adds zeros."* It keeps pixels that would have been cut off.
# - *"A kernel of 4 with stride 2 cannot make checkerboards."* It does not prefer them. It can make any.
#
# ## Further exercises
#
# - Put a zero between all neighbours of `y`, pad, and convolve with the flipped kernel and stride 1. Show that this is
#   the transposed convolution. How much padding? How many of the products are with zeros?
# - Write down $T$ for a linear layer, `sum(y * (x @ w))`. What are its three functions? Is the family closed?
# - Measure the checks of an untrained network, for each of the three kinds. How many layers does it take until you
#   see them?
# - Give the transposed layers of kernel 4 first weights that are an enlarging by copying. Does training keep them
#   even?
#
# ## Further reading
#
# - V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285 (2016),
#   section 4. All sizes, drawn.
# - A. Odena, V. Dumoulin and C. Olah, "Deconvolution and checkerboard artifacts", *Distill* (2016),
#   doi:10.23915/distill.00003.
# - M. D. Zeiler, D. Krishnan, G. W. Taylor and R. Fergus, "Deconvolutional networks", *CVPR* (2010). Where the
#   misleading name comes from.
# - A. Aitken, C. Ledig, L. Theis and others, "Checkerboard artifact free sub-pixel convolution", arXiv:1707.02937
#   (2017). First weights with which the four places begin alike.
# - W. Shi, J. Caballero, F. Huszar and others, "Real-time single image and video super-resolution using an efficient
#   sub-pixel convolutional neural network", *CVPR* (2016). The four places as four convolutions.
