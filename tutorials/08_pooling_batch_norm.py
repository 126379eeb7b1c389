# %% [markdown]
# # 8. Pooling and batch normalisation
#
# *Two layers with hardly a weight between them: what do they do to a gradient, and how does one train with them
# without being fooled?*
#
# ## What you will learn
#
# - max pooling routes a gradient, mean pooling spreads it; what happens at a tie;
# - batch norm in training and in evaluation, the statistics that it keeps, and what goes wrong when the two are
#   mixed up;
# - its derivative by hand, along three paths, and why the obvious check of it is blind;
# - what a stored number does to the second derivative.
#
# ## Before you start
#
# Needed: chapter 2 ("dx for each line") and chapter 4 (finite differences, the blind sum). About 3 hours.

# %%
import numpy as np

import minigen
import minigen.nn.functional as F
from minigen import nn
from minigen.checks import check_backward, check_gradients
from minigen.course import check, quick, show, source
from minigen.course.figures import curves, images
from minigen.data import Glyphs

minigen.manual_seed(0)

# %% [markdown]
# ## A window becomes one number
#
# Pooling makes an image smaller. It cuts it into windows, and takes the largest or the mean value of each. `size`
# is the width of a window, `stride` the way from one window to the next. With a stride below the size, windows
# overlap.
#
# **Predict before you run.** Each window of 2 by 2 is handed the gradient 1. What arrives at the four pixels of a
# window, under max and under mean? And what arrives at the four equal pixels of the window at the top left?

# %%
board = minigen.tensor([[3.0, 3, 0, 7], [3, 3, 1, 2], [0, 5, 9, 8], [4, 1, 8, 6]], requires_grad=True)
for name, pool in (("max", F.max_pool2d), ("mean", F.avg_pool2d)):
    y = pool(board.reshape(1, 1, 4, 4), 2)
    dx = minigen.grad(y.sum(), board)[0]
    print(f"{name}: {y.flatten().tolist()}, dx in total {dx.sum().item():.0f}\n{dx.numpy()}")

# %% [markdown]
# Max pooling is a switch. It finds out where the largest value is, and connects that pixel with the output. A
# gradient goes back along the same wire; the other three pixels get 0. If they change a little, nothing happens.
#
# Mean pooling gives each of its pixels the same share, `0.25`. Both hand on as much as they get: `4` in total.
#
# At a tie there is no derivative: the four equal pixels stand on a kink (chapter 4). One must choose. minigen and
# PyTorch give all to the *first* of them, row by row. In a picture with a black background most windows are
# ties. Here the windows, 4 by 4 pixels, are handed the gradients 1 and 2 in turn, as on a chessboard:

# %%
digit = F.relu(Glyphs(1)[0][0].reshape(1, 1, 28, 28) - 0.2).requires_grad_()  # without the noise behind it
given = minigen.from_numpy(1 + np.indices((7, 7)).sum(axis=0, keepdims=True)[None] % 2).float()  # 1 and 2 in turn
arrives = {pool: minigen.grad(pool(digit, 4), digit, given)[0].numpy()[0, 0] for pool in (F.max_pool2d, F.avg_pool2d)}
pictures = {
    "a digit": digit.detach().numpy()[0, 0],
    "max: one pixel a window": arrives[F.max_pool2d],
    "mean: all pixels alike": arrives[F.avg_pool2d],
}
show(images(pictures, columns=3), "08_routes")

# %% [markdown]
# Under max, one pixel of each window gets all: its brightest, where the digit is; the one at the top left, where all
# is black. Under mean, all pixels of a window are alike, whatever the picture shows.
#
# ### Exercise 8.1: the backward of max pooling
#
# Write `max_pool_backward(dy, x, size, stride)` for one image `x` (H, W). `dy` (OH, OW) holds the gradient of each
# window. At a tie the first pixel gets it, row by row. In overlapping windows one pixel can win more than once.


# %%
def max_pool_backward(dy, x, size, stride):
    ### BEGIN SOLUTION max_pool_backward
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(dy.shape):
        top, left = i * stride, j * stride
        window = x[top : top + size, left : left + size]
        row, column = np.unravel_index(np.argmax(window), window.shape)
        dx[top + row, left + column] += dy[i, j]
    return dx
    ### END SOLUTION


check.max_pool_backward(max_pool_backward)

# %% [markdown]
# ## The mean is a matrix
#
# Mean pooling is linear: $y = P x$ for a matrix $P$ that does not depend on $x$. Then $dx = P^T dy$. One calls
# $P^T$ the adjoint of $P$, and knows it by a property that can be checked without any derivative: for all $x$ and
# $g$, the numbers $(Px) \cdot g$ and $x \cdot (P^T g)$ are equal.
#
# ### Exercise 8.2: the backward of mean pooling
#
# Write `mean_pool_backward(dy, height, width, size, stride)`: the gradient of an image of this height and width.
# There is no `x` among the arguments. Why is it not needed?


# %%
def mean_pool_backward(dy, height, width, size, stride):
    ### BEGIN SOLUTION mean_pool_backward
    dx = np.zeros((height, width))
    for i, j in np.ndindex(dy.shape):
        top, left = i * stride, j * stride
        dx[top : top + size, left : left + size] += dy[i, j] / size**2
    return dx
    ### END SOLUTION


check.mean_pool_backward(mean_pool_backward)

# %%
x, g = (minigen.randn(1, 1, n, n, dtype=minigen.float64, requires_grad=True) for n in (7, 3))
y = F.avg_pool2d(x, 3, stride=2)
dx = minigen.grad(y, x, g)[0]
print(f"(Px) . g - x . (P'g) is 0 up to rounding: {abs((y * g).sum().item() - (x * dx).sum().item()) < 1e-12}")

# %% [markdown]
# Nothing of `x` stands in the derivative of a linear function, so its second derivative is 0. That of max pooling
# is, too: as long as no window changes its winner, it is linear.
#
# ## Batch norm, forward
#
# The values of a channel can drift anywhere while the layers before it learn. Batch norm takes the values of one
# channel over the whole batch and all pixels, N of them, and brings them to mean 0 and variance 1. Then it
# lets the network choose mean and spread again, by a learnt weight and bias for each channel:
#
# $$ \hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}}, \qquad y = w\,\hat x + b $$
#
# The small $\varepsilon$ keeps a constant channel from dividing by 0. It stands under the root.
#
# **Training** takes $\mu$ and $\sigma^2$ of the batch at hand. A picture is thus seen beside its
# neighbours: another batch, another answer. **Evaluation** must not do that. So training keeps running statistics,
# of which each batch moves a share, the momentum $m$:
#
# $$ \text{running} \leftarrow (1 - m)\,\text{running} + m\,\text{new} $$
#
# They begin with mean 0 and variance 1. One subtlety, as in PyTorch: for normalising, the variance is the mean of
# the squares (divided by N). For the running one it is divided by N - 1, because it is an estimate for
# data that were not seen.
#
# ### Exercise 8.3: forward, in both modes
#
# Write `batch_norm_forward(x, weight, bias, running_mean, running_var, training)` for `x` (N, C, H, W); all others
# are (C,). It returns `(y, running_mean, running_var)`, the last two as *new* arrays.

# %%
MOMENTUM = 0.1
EPS = 1e-5


def batch_norm_forward(x, weight, bias, running_mean, running_var, training):
    ### BEGIN SOLUTION batch_norm_forward
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
        n = x.size // x.shape[1]
        running_mean = (1 - MOMENTUM) * running_mean + MOMENTUM * mean
        running_var = (1 - MOMENTUM) * running_var + MOMENTUM * var * n / (n - 1)
    scale = weight / np.sqrt(var + EPS)
    shift = bias - mean * scale
    return x * scale[:, None, None] + shift[:, None, None], running_mean, running_var
    ### END SOLUTION


check.batch_norm_forward(batch_norm_forward)

# %% [markdown]
# ## How soon to believe them
#
# **Predict before you run.** The data have variance 4. With momentum 0.1, how far is the running variance after 10
# batches? And with 0.01?

# %%
rng = np.random.default_rng(0)
batches = [minigen.from_numpy(rng.normal(5.0, 2.0, (32, 1))) for _ in range(quick(300, 100))]
lines = {"true variance": ([0, len(batches)], [4.0, 4.0])}
for momentum in (0.1, 0.01):
    mean, var = minigen.zeros(1, dtype=minigen.float64), minigen.ones(1, dtype=minigen.float64)
    track = [1.0]
    for batch in batches:
        F.batch_norm(batch, mean, var, training=True, momentum=momentum)
        track.append(var.item())
    lines[f"momentum {momentum}"] = (range(len(track)), track)
    print(f"momentum {momentum}: after 10 batches {track[10]:.2f}; {(1 - momentum) ** 10:.0%} is still the 1 of before")
show(curves(lines, x="batch", y="running variance", title="Quick and restless, or slow and calm"), "08_running")

# %% [markdown]
# It has come from 1 to `3.18`, or only to `1.31`. After k batches a share of $(1 - m)^k$ is still the start: after 10
# of them `35%`, or with the smaller momentum `90%`. A large momentum forgets sooner, but follows the chance of the
# last few batches.
#
# ## What goes wrong when they are mixed up
#
# A small network learns digits, with a batch norm in the middle. Then it is asked in three ways. `eval()` and
# shuffled batches of 50; `train()` and shuffled batches, as when somebody has forgotten `model.eval()`; `train()`
# and batches sorted by digit, as they come from a folder for each class.
#
# **Predict before you run.** Which of the three is much worse, and why?

# %%
rng = np.random.default_rng(1)
x, labels = (minigen.stack(column) for column in zip(*(Glyphs(1000)[i] for i in range(1000)), strict=True))
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
optimizer = minigen.optim.SGD(model.parameters(), lr=0.1)


def accuracy(order, training):
    state = {name: value.clone() for name, value in model.state_dict().items()}
    model.train(training)
    right = 0.0
    with minigen.no_grad():
        for batch in np.split(order, 10):
            right += (model(x[batch]).argmax(1) == labels[batch]).float().mean().item() / 10
    model.load_state_dict(state)  # train() has moved the running statistics
    model.train()
    return right


shuffled = 500 + rng.permutation(500)
by_digit = 500 + np.argsort(labels.numpy()[500:], kind="stable")
for step in range(quick(200, 60)):
    batch = rng.permutation(500)[:50]
    loss = F.cross_entropy(model(x[batch]), labels[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step == 0:
        print(f"after 1 step: train() {accuracy(shuffled, True):.1f}, eval() {accuracy(shuffled, False):.1f}")
print(f"eval():               {accuracy(shuffled, False):.1f} are right")
print(f"train(), shuffled:    {accuracy(shuffled, True):.1f}")
print(f"train(), by digit:    {accuracy(by_digit, True):.1f}")
try:
    model(x[:1])
except ValueError as error:
    print(f"train(), one picture: {str(error).splitlines()[0]}")

# %% [markdown]
# With shuffled batches the mistake hides: `0.9`. With sorted ones `0.2` is left. In a batch of nothing but
# threes, what makes a three is what all have in common; batch norm takes it away as the mean. A single picture has
# no variance at all, and the layer refuses it.
#
# The other mix-up is evaluation too early. After 1 step the running statistics are mostly their start: `eval()` has
# `0.2` right, where `train()` has `0.3`. And evaluating in `train()` mode does harm that stays: it moves the running
# statistics, though nothing is learnt. Write `model.eval()` before you measure, and `model.train()` after it.
#
# ## Its derivative
#
# Line by line, for one channel of N values:
#
# ```python
# mean = x.mean()
# centred = x - mean
# var = (centred**2).mean()
# inv_std = (var + eps) ** -0.5
# y = weight * (centred * inv_std) + bias
# ```
#
# Three paths lead from `x` to `y`: straight through `centred`; through `var`, for each value is part of the variance;
# and through `mean`. The last two connect *every* value with every output. Read the lines from the last to
# the first, and add what comes along the paths. In evaluation there is the first one only: the running statistics
# are constants.
#
# ### Exercise 8.4: three paths back
#
# Write `batch_norm_backward(dy, x, weight, eps)` for training. It returns `(dx, dweight, dbias)`. `x` is
# (N, C, H, W), `weight` (C,).


# %%
def batch_norm_backward(dy, x, weight, eps):
    ### BEGIN SOLUTION batch_norm_backward
    axes, n = (0, 2, 3), x.size // x.shape[1]
    centred = x - x.mean(axis=axes, keepdims=True)
    inv_std = (np.mean(centred**2, axis=axes, keepdims=True) + eps) ** -0.5
    dbias = dy.sum(axis=axes)
    dweight = (dy * centred * inv_std).sum(axis=axes)
    dxhat = dy * weight[:, None, None]
    dinv_std = (dxhat * centred).sum(axis=axes, keepdims=True)
    dvar = dinv_std * -0.5 * inv_std**3
    dcentred = dxhat * inv_std
    dcentred += dvar * 2 * centred / n
    dmean = -dcentred.sum(axis=axes, keepdims=True)
    dx = dcentred + dmean / n
    return dx, dweight, dbias
    ### END SOLUTION


check.batch_norm_backward(batch_norm_backward)

# %% [markdown]
# Put together, the three paths are one line, and each of its terms has a meaning:
#
# $$ dx = \frac{w}{\sigma}\,\big(\, dy - \text{mean}(dy) - \hat x\ \text{mean}(dy\,\hat x)\, \big) $$
#
# The output does not change when all values of a channel are shifted, so the gradient has no part along a
# shift: the mean is taken out of it. Nor does it change when all are scaled (but for $\varepsilon$), so the part
# along $\hat x$ is taken out as well.
#
# ## The check that sees nothing
#
# Here are four backwards for `y = (x - mean) / std`. One is right. In each of the others something is missing.
#
# **Predict before you run.** All are checked with the sum of the outputs as the loss. Which of the wrong ones pass?


# %%
def norm_forward(x):
    mean, std = x.mean(axis=0), np.sqrt(x.var(axis=0) + EPS)
    return (x - mean) / std, ((x - mean) / std, std)


backwards = {
    "right": lambda dy, c: (dy - dy.mean(axis=0) - c[0] * (dy * c[0]).mean(axis=0)) / c[1],
    "no path through mean": lambda dy, c: (dy - c[0] * (dy * c[0]).mean(axis=0)) / c[1],
    "no path through var": lambda dy, c: (dy - dy.mean(axis=0)) / c[1],
    "nothing but zeros": lambda dy, c: 0 * dy,
}
data = rng.normal(size=(6, 3))
bumps = 1e-5 * np.eye(data.size).reshape(-1, *data.shape)
y, cache = norm_forward(data)
readouts = {"sum(y)": (lambda y: y.sum(), np.ones_like(y)), "sum(y**2)/2": (lambda y: (y**2).sum() / 2, y)}
for name, backward in backwards.items():
    verdicts = []
    for loss, dy in readouts.values():
        numeric = [(loss(norm_forward(data + b)[0]) - loss(norm_forward(data - b)[0])) / 2e-5 for b in bumps]
        passes = np.allclose(backward(dy, cache).ravel(), numeric, atol=1e-3)
        verdicts.append("passes" if passes else "fails")
    try:
        check_backward(norm_forward, backward, data)
        verdicts.append("passes")
    except AssertionError:
        verdicts.append("fails")
    print(f"{name:22}" + "".join(f"{r}: {v:8}" for r, v in zip([*readouts, "random"], verdicts, strict=True)))

# %% [markdown]
# The outputs of a channel add up to 0, whatever `x` is. So the true gradient of their sum is 0, and every backward
# that gives 0 for equal `dy` passes, zeros among them. Only the forgotten mean is seen. The sum of squares is
# no better: it is N, whatever `x` is (but for $\varepsilon$), and now the forgotten mean passes, and the forgotten
# variance is seen. A random readout (chapter 4) sees all three.
#
# ## What was stored is a constant
#
# The forward pass has computed 1/std. Why not keep it for the backward pass? For one derivative this is right, and
# saves time. But chapter 15 differentiates gradients. Then the backward pass is itself a function of `x`, and a
# stored *number* is a constant in it: its own dependence on `x` is lost.
#
# It can be seen without a formula. Double all inputs: the outputs stay the same, so a step of 1 in `x` now matters
# half as much, and the gradient is *half as large*. Let the inputs grow by 1%, and the gradient shrinks by 1%. That is
# what its own derivative must say.
#
# **Predict before you run.** What does it say if 1/std is stored?


# %%
class StoredNorm(minigen.Function):
    def forward(self, x):
        self.inv_std = (x.var(axis=0) + EPS) ** -0.5
        return (x - x.mean(axis=0)) * self.inv_std

    def backward(self, grad):
        (x,) = self.inputs
        inv_std = minigen.from_numpy(self.inv_std)  # a number without a past
        y = (x - x.mean(dim=0)) * inv_std
        return inv_std * (grad - grad.mean(dim=0) - y * (grad * y).mean(dim=0))


x = minigen.from_numpy(1e3 * data).requires_grad_()  # large, so that eps does not show
dy = minigen.from_numpy(rng.normal(size=data.shape))
norms = {"library": lambda x: F.batch_norm(x, None, None, training=True), "stored": StoredNorm.apply}
for name, norm in norms.items():
    dx = minigen.grad(norm(x), x, dy, create_graph=True)[0]
    slope = minigen.grad(dx, x, dx.detach())[0]  # of dx, weighted with dx
    shrinks = abs((slope * x).sum() / (dx * dx).sum()).item()  # the relative change of its length
    print(f"{name}: inputs 1% larger, gradient {shrinks:.2f}% smaller")
small = minigen.from_numpy(data).requires_grad_()
check_gradients(StoredNorm.apply, small, order=1)
print("first derivative of the stored one: right")
try:
    check_gradients(StoredNorm.apply, small, order=2)
except AssertionError as error:
    print(str(error).splitlines()[0])

# %% [markdown]
# `1.00%` is right. The stored one claims `0.00%`: the shrinking came from 1/std alone, and a number does not
# change. Nothing complains. The first derivative is right, training runs, only what is trained with second derivatives
# learns something else. The cure is to compute the
# statistics anew in the backward pass, with operations that record.
#
# ### Exercise 8.5: a gradient that has a gradient
#
# Write `norm_gradient(x, dy)` in minigen's tensors (N, C): the gradient `dx` of `y = (x - mean) / std` with
# `EPS` under the root, such that minigen can differentiate the *result* with respect to both arguments.


# %%
def norm_gradient(x, dy):
    ### BEGIN SOLUTION norm_gradient
    centred = x - x.mean(dim=0)
    inv_std = ((centred * centred).mean(dim=0) + EPS) ** -0.5
    y = centred * inv_std
    return inv_std * (dy - dy.mean(dim=0) - y * (dy * y).mean(dim=0))
    ### END SOLUTION


check.norm_gradient(norm_gradient)

# %% [markdown]
# ## The library's version
#
# Max pooling keeps *where* the maxima were. Those are whole numbers, constant under a small change, so nothing is lost.
# Batch norm computes its statistics anew, as tensors. (Beside it stands a shortcut with stored ones, for when no
# second derivative is wanted.)

# %%
source(minigen.functional.pool.MaxPool2d.backward)
source(minigen.functional.norm.BatchNorm.backward)

# %% [markdown]
# ## What it cannot do
#
# - Pooling forgets where in its window something was. For a label that is welcome, for drawing a picture it is not;
#   generators use strides instead.
# - Batch norm needs a batch. With two pictures mean and variance are mostly chance; with one vector they do not exist.
# - It ties the pictures of a batch together: the gradient of one picture's output reaches all the others. A loss that
#   is meant for each picture by itself, such as the penalty of WGAN-GP, does not go with it.
#
# ## Common misconceptions
#
# - *"Max pooling has a gradient of 1, so nothing is lost."* All other pixels of the window learn nothing from it.
# - *"`eval()` turns gradients off."* It changes what batch norm and dropout compute. `no_grad()` turns gradients off.
# - *"Momentum 0.9 means slow, as in an optimizer."* Here it is the share of the *new* batch: 0.9 hardly remembers.
# - *"mean and std are numbers, so the gradient is dy * weight / std."* That is the gradient in evaluation.
# - *"My check passed, and the gradients are exactly 0."* Then look at the readout.
#
# ## Further exercises
#
# - Write max pooling that shares the gradient among equal pixels. Does it differ from ours in a network that is
#   trained on photographs? On drawings?
# - Show by hand that the short formula is the same as your three paths.
# - A linear layer before batch norm has a bias. What is its gradient, and why do people leave it out?
# - Let weight decay shrink the weights of that layer. What changes in the output, and what in the gradient?
#
# ## Further reading
#
# - S. Ioffe and C. Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
#   shift", *ICML* (2015). Algorithms 1 and 2, and the derivative in section 3.
# - S. Santurkar, D. Tsipras, A. Ilyas and A. Madry, "How does batch normalization help optimization?", *NeurIPS*
#   (2018). Why the name of the paper above may not be the reason.
# - I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin and A. Courville, "Improved training of Wasserstein GANs",
#   *NeurIPS* (2017), section 4: why no batch norm in the critic.
