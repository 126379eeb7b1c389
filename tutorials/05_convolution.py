# %% [markdown]
# # 5. Convolution by loops: what it shares, what it is equivariant to
#
# *An edge looks the same wherever it is. How does a layer use that, what does it save, and how does it learn?*
#
# ## What you will learn
#
# - to slide a kernel over an image, and to say how many windows fit, with padding and stride;
# - why what everybody calls a convolution is a cross-correlation, and when that matters;
# - what sharing weights saves, in numbers;
# - what it means that the layer is equivariant to shifts, and what breaks it: padding, stride, pooling;
# - to write the three gradients, of the image, the kernel and the bias, with nothing but loops.
#
# ## Before you start
#
# Needed: chapter 2 (one line backward at a time; what is used twice collects twice) and chapter 4 (finite
# differences). About 2.5 hours.

# %%
import numpy as np

import minigen
import minigen.nn.functional as F
from minigen import nn
from minigen.checks import check_backward
from minigen.course import check, quick, show, source
from minigen.course.figures import images
from minigen.data import Glyphs

minigen.manual_seed(0)
rng = np.random.default_rng(0)

# %% [markdown]
# ## Sliding a window
#
# Lay a small matrix of weights, the *kernel*, on an image. Multiply each weight by the pixel below it, and add up:
# that is one pixel of the output. Move the kernel by one pixel and do it again, until the kernel has been
# everywhere.
#
# What the layer sees depends on the weights alone. These were chosen by hand; a network learns its own.

# %%
digit = Glyphs(8)[7][0].unsqueeze(0)  # (1, 1, 28, 28)
kernels = {
    "upright edges": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "level edges": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "blur": [[1 / 9] * 3] * 3,
}
pictures = {"the image": digit[0, 0].numpy()}
for name, rows in kernels.items():
    pictures[name] = F.conv2d(digit, minigen.tensor(rows, dtype=minigen.float32).reshape(1, 1, 3, 3))[0, 0].numpy()
    print(f"{name}: {digit.shape[2:]} -> {pictures[name].shape}")
show(images(pictures), "05_kernels")

# %% [markdown]
# Red is positive, blue negative, white 0. The kernel of upright edges answers where the image gets lighter from left
# to right (red) or darker (blue). It is silent on a level stroke.
#
# With several input channels, the kernel has a slice for each, and all products go into *one* sum. With several
# output channels there are as many kernels, each with a bias of its own. For an image $x$ of shape (N, C, H, W),
# kernels $w$ of shape (O, C, KH, KW), stride $s$ and padding $p$,
#
# $$ y_{n,o,i,j} = b_o + \sum_{c,k,l} w_{o,c,k,l}\; x_{n,\,c,\,i s + k - p,\,j s + l - p} $$
#
# where $x$ counts as 0 outside of the image.
#
# ## It is called convolution, and is not
#
# **Predict before you run.** The image is 0 everywhere, but for a single 1 in the middle. The kernel is 1, 2, 3 / 4,
# 5, 6 / 7, 8, 9. What is the output?

# %%
spot = minigen.zeros(1, 1, 5, 5)
spot[0, 0, 2, 2] = 1.0
kernel = minigen.arange(1.0, 10.0).reshape(1, 1, 3, 3)
print(F.conv2d(spot, kernel)[0, 0].numpy())
signal, weights = np.array([0.0, 0.0, 1.0, 0.0, 0.0]), np.array([1.0, 2.0, 3.0])
print("np.correlate:", np.correlate(signal, weights, "valid"))
print("np.convolve: ", np.convolve(signal, weights, "valid"))

# %% [markdown]
# The kernel comes out turned by half a turn: `9.`, 8, 7 in the first row. The *first* window has the spot at its last
# place, so the first output is the last weight. Mathematicians turn the kernel round before they slide it. Then the
# spot gives the kernel as it is, and $x * w = w * x$. That is *convolution* (`np.convolve`). What our formula
# describes, without the turn, is *cross-correlation* (`np.correlate`). Deep learning says convolution and means
# cross-correlation.
#
# For a layer that learns there is no difference: it learns the turned kernel. It matters when you carry weights over
# from a book on signals, and it will come back in the gradient below.
#
# ## How many windows fit
#
# *Padding* $p$ puts so many rows and columns of zeros on every side. *Stride* $s$ moves the window by $s$ pixels at a
# time. A window that would stick out is left out, and pixels at the end may be seen by nobody.
#
# ### Exercise 5.1: the size of the output
#
# Write `output_size(length, kernel, stride, padding)`: how many windows fit along an axis of `length` pixels. Draw a
# row of 7 pixels with a kernel of 3 and a stride of 2 first.


# %%
def output_size(length, kernel, stride, padding):
    ### BEGIN SOLUTION output_size
    return (length + 2 * padding - kernel) // stride + 1
    ### END SOLUTION


check.output_size(output_size)

# %%
for length in (7, 8):
    halved = nn.Conv2d(1, 1, 3, stride=2, padding=1)(minigen.zeros(1, 1, length, length))
    print(f"kernel 3, stride 2, padding 1: {length} pixels -> {halved.shape[2]}")

# %% [markdown]
# A stride of 2 makes `4` pixels of 7 *and* of 8. So the size of the output does not tell the size of the input, which
# is why a layer that goes the other way has to be told. Two cases are worth remembering: an odd kernel $k$ with
# $p = (k-1)/2$ and stride 1 keeps the size; a kernel of 4 with $p = 1$ and stride 2 halves every even one exactly.
#
# ## What it shares
#
# Three layers make 8 pictures of 26 x 26 pixels of one of 28 x 28. In the first, every output pixel has a weight for
# every input pixel. In the second, it looks at its own window of 3 x 3 only, but each place has weights of its own.
# In the third, all places share one kernel.
#
# **Predict before you run.** How many numbers has the first to learn, how many the third?

# %%
for name, layer in {"dense": nn.Linear(28 * 28, 8 * 26 * 26), "convolution": nn.Conv2d(1, 8, 3)}.items():
    print(f"{name}: {sum(p.numel() for p in layer.parameters()):,} numbers")

# %% [markdown]
# `4,245,280` against `80`. Two ideas are in this. *Looking only nearby* takes away most of the weights; *sharing*
# takes away most of the rest, and makes what was learnt at one place hold at all others.
#
# ### Exercise 5.2: what each idea saves
#
# Write `count_weights(channels, kernels, height, width)` for kernels of `KERNEL` x `KERNEL`, stride 1 and no padding.
# It returns three numbers `(shared, local, dense)`: how many weights and biases the convolution has, the layer with a
# kernel and a bias for each output pixel, and the dense layer.

# %%
KERNEL = 3


def count_weights(channels, kernels, height, width):
    ### BEGIN SOLUTION count_weights
    window = channels * KERNEL * KERNEL
    places = (height - KERNEL + 1) * (width - KERNEL + 1)
    shared = kernels * (window + 1)
    local = places * shared
    dense = places * kernels * (channels * height * width + 1)
    return shared, local, dense
    ### END SOLUTION


check.count_weights(count_weights)

# %% [markdown]
# Ask yours about `(1, 8, 28, 28)`. What is shared has another side: each of the 80 numbers is used 26 x 26 times, and
# it will collect as many gradients.
#
# ## Loops
#
# Read the formula as a program: for each image, each kernel and each place, cut out the window, multiply, add up.
#
# ### Exercise 5.3: forward
#
# Write `conv_loops(x, w, b, stride, padding)`, with shapes as above and `b` of shape (O,). Loop as much as you like:
# speed is the business of chapter 6. `np.pad` makes the zeros.


# %%
def conv_loops(x, w, b, stride, padding):
    ### BEGIN SOLUTION conv_loops
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    kernels, _, kh, kw = w.shape
    rows = (x.shape[2] - kh) // stride + 1
    columns = (x.shape[3] - kw) // stride + 1
    y = np.zeros((len(x), kernels, rows, columns))
    for n, o, i, j in np.ndindex(y.shape):
        top, left = i * stride, j * stride
        window = x[n, :, top : top + kh, left : left + kw]
        y[n, o, i, j] = np.sum(window * w[o]) + b[o]
    return y
    ### END SOLUTION


check.conv_loops(conv_loops)

# %% [markdown]
# ## What it is equivariant to
#
# All places are treated alike. So if the image moves by a pixel, the output should be the old one, moved by a pixel:
#
# $$ f(\text{shift}(x)) = \text{shift}(f(x)) $$
#
# Such an $f$ is called *equivariant* to shifts. (*Invariant* is another thing: the output would not move at all.) To
# measure it we need a shift that loses nothing, so let what leaves on the right come in on the left: `np.roll`.
#
# ### Exercise 5.4: measure it
#
# Write `shift_error(f, x, step)`. `x` is an image (H, W), and `f` makes another one of it, as large. Roll by `step`
# columns (axis 1). Return the largest difference between the two sides of the formula.


# %%
def shift_error(f, x, step):
    ### BEGIN SOLUTION shift_error
    seen_moved = f(np.roll(x, step, axis=1))
    moved_seen = np.roll(f(x), step, axis=1)
    return np.max(np.abs(seen_moved - moved_seen))
    ### END SOLUTION


check.shift_error(shift_error)

# %% [markdown]
# Now four layers, on an image of noise, which has detail everywhere. Behind a stride of 2, a shift of 2 pixels should
# move the output by 1, and a shift of 1 by a half, which does not exist. There we take whichever of 0 and 1 fits
# better.
#
# **Predict before you run.** Which of them are equivariant, and where in the picture do the others fail?

# %%
noise = minigen.tensor(rng.normal(size=(1, 1, 16, 16)))
w = minigen.tensor(rng.normal(size=(1, 1, 3, 3)))
around = lambda x: F.pad(x, (1, 1, 1, 1), mode="circular")  # noqa: E731
layers = {
    "padding: wrapped": (lambda x: F.conv2d(around(x), w), 1),
    "padding: zeros": (lambda x: F.conv2d(x, w, padding=1), 1),
    "stride 2": (lambda x: F.conv2d(around(x), w, stride=2), 2),
    "max pooling 2": (lambda x: F.max_pool2d(x, 2), 2),
}
pictures = {}
for name, (layer, stride) in layers.items():
    before = layer(noise).numpy()[0, 0]
    for step in (1, 2):
        after = layer(minigen.roll(noise, step, 3)).numpy()[0, 0]
        moves = {step // stride, -(-step // stride)}  # the two whole pixels beside step / stride
        differences = [np.abs(after - np.roll(before, move, axis=1)) for move in moves]
        error = min(differences, key=np.max)
        print(f"{name}, shift by {step}: error {error.max():.2f}, in {(error > 1e-9).any(axis=0).sum()} columns")
        if step == 1:
            pictures[name] = error
show(images(pictures), "05_equivariance")

# %% [markdown]
# The pictures show the difference after a shift of 1 (black is 0). With an image that wraps round, the convolution
# is equivariant: `0.00`. Zeros at the border fail, but only in `3` columns of 16: two whose windows reach over the
# edge now, and one whose window did so before it was shifted. Deeper in a network there are more of them: every layer
# carries the border further in.
#
# Stride 2 and max pooling are equivariant to shifts of 2, and to shifts of 1 they are not, in any of their `8`
# columns. Every other window is thrown away, and the shift moves other ones into its place. A classifier that halves
# its image five times can promise this for shifts by 32 pixels, and for none that are smaller.
#
# ## Three gradients
#
# We begin with one axis and one channel: `y[i] += w[k] * x[i + k]`. That line is run once for each place `i` and each
# tap `k`. A product hands on what it gets, times the other factor; and whatever is used again collects again. So the
# backward pass is the same loop with two lines in it:


# %%
def line_forward(x, w, b):
    y = np.full(len(x) - len(w) + 1, b[0])
    for i in range(len(y)):
        for k in range(len(w)):
            y[i] += w[k] * x[i + k]
    return y


def line_backward(dy, x, w, b):
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    for i in range(len(dy)):
        for k in range(len(w)):
            dx[i + k] += dy[i] * w[k]
            dw[k] += dy[i] * x[i + k]
    return dx, dw, np.array([dy.sum()])


x, w, b = rng.normal(size=quick(40, 7)), rng.normal(size=3), rng.normal(size=1)
report = check_backward(line_forward, line_backward, x, w, b)
print(f"faults that finite differences found: {len(report.failures)}")
dx, dw, _ = line_backward(np.array([1.0, 0.0, 10.0]), np.arange(5.0), np.array([1.0, 2.0, 3.0]), b)
print("dx:", dx, " and np.convolve(dy, w):", np.convolve([1.0, 0.0, 10.0], [1.0, 2.0, 3.0]))
print("dw:", dw, " and np.correlate(x, dy):", np.correlate(np.arange(5.0), [1.0, 0.0, 10.0], "valid"))

# %% [markdown]
# No fault: `0`. And look at what the loops compute. In `dx` the pixel in the middle was seen by two windows that got
# a gradient, at the last tap of one and the first tap of the other, so it gets 3 + 10 = `13.`. Altogether `dx` is a
# true *convolution* of `dy` with the kernel: the half turn is back. And `dw` is a cross-correlation of the image with
# `dy`. The gradients of a convolution are convolutions.
#
# ### Exercise 5.5: backward
#
# Write `conv_loops_backward(dout, x, w, stride, padding)`, which returns `(dx, dw, db)`. Each element of `dout`
# (N, O, OH, OW) belongs to one window. Work on the padded image, and at the end cut off from its gradient what
# belongs to the padding.


# %%
def conv_loops_backward(dout, x, w, stride, padding):
    ### BEGIN SOLUTION conv_loops_backward
    p, (kh, kw), (height, width) = padding, w.shape[2:], x.shape[2:]
    wide = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    dwide, dw = np.zeros(wide.shape), np.zeros(w.shape)
    for n, o, i, j in np.ndindex(dout.shape):
        rows, columns = slice(i * stride, i * stride + kh), slice(j * stride, j * stride + kw)
        dwide[n, :, rows, columns] += dout[n, o, i, j] * w[o]
        dw[o] += dout[n, o, i, j] * wide[n, :, rows, columns]
    db = dout.sum(axis=(0, 2, 3))
    dx = dwide[:, :, p : p + height, p : p + width]
    return dx, dw, db
    ### END SOLUTION


check.conv_loops_backward(conv_loops_backward)

# %% [markdown]
# ## The library's version
#
# The same three gradients, in terms of three functions. `conv_transpose2d` is what your `dx` is (each output pixel
# adds its multiple of the kernel to the image), `conv2d_weight` is `dw`, and `channel_sum` is `db`. Chapter 7 is
# about this family.

# %%
source(minigen.functional.conv.Conv2d)

# %% [markdown]
# ## What it cannot do
#
# - It is slow. A loop of Python takes longer than the few products inside. Chapter 6 turns it into one product of
#   matrices.
# - It is equivariant to shifts, and to nothing else: not to turns, not to mirrors, not to scale. Those must be learnt,
#   from examples that are turned and scaled.
# - It sees only as far as its kernel. Two layers of 3 x 3 see 5 x 5 pixels; what is far apart meets only after many
#   layers, or after strides.
#
# ## Common misconceptions
#
# - *"A convolutional network does not care where the object is."* A convolution is equivariant: the answer moves with
#   the object. What makes it invariant is a mean or a maximum over all places at the end, and strides and borders
#   spoil even that.
# - *"Padding with zeros is harmless."* It marks the border, and a network can read its place from it.
# - *"There is one kernel for each output channel, of 3 x 3 numbers."* Of C x 3 x 3 numbers: it sees all input channels
#   at once.
# - *"dw should be averaged over the places."* What is shared collects from everybody who used it: a sum.
# - *"The gradient needs a turned kernel, so I turn it."* If you scatter with `+=`, as in the exercise, the turn comes
#   by itself. It is only needed where you write the same thing as a sliding window.
#
# ## Further exercises
#
# - Add a dilation: the taps of the kernel stand `d` pixels apart. What changes in the size, in the loops?
# - Check your exercise 5.5 with `check_backward`, as the library's own tests do. Which strides and sizes leave pixels
#   that no window sees, and what is their `dx`?
# - Write the kernel of a convolution on 5 pixels as a matrix of shape (3, 5), so that `y = A @ x`. What is `A.T`?
# - Blur before you throw every other pixel away, and measure the error of a shift by 1 again (Zhang 2019).
#
# ## Further reading
#
# - Y. LeCun, B. Boser, J. S. Denker and others, "Backpropagation applied to handwritten zip code recognition", *Neural
#   Computation* 1 (1989), pages 541-551. Shared weights, on digits.
# - V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285 (2016), chapter 2.
#   Sizes, in pictures.
# - I. Goodfellow, Y. Bengio and A. Courville, *Deep Learning*, MIT Press (2016), sections 9.1 and 9.2.
# - A. Azulay and Y. Weiss, "Why do deep convolutional networks generalize so poorly to small image transformations?",
#   *Journal of Machine Learning Research* 20 (2019), article 184.
# - M. A. Islam, S. Jia and N. D. B. Bruce, "How much position information do convolutional neural networks encode?",
#   *ICLR* (2020). What padding with zeros gives away.
# - R. Zhang, "Making convolutional networks shift-invariant again", *ICML* (2019).
