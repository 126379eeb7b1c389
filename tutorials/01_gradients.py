# %% [markdown]
# # 1. Tensors, graphs, and what a gradient is
#
# *A network has a million numbers in it, and a loss that says how bad it is. Which of the million should grow,
# which should shrink, and by how much?*
#
# ## What you will learn
#
# - what a tensor is, and why a picture is one;
# - what a gradient says, and how to measure one by nudging;
# - why a gradient is a sum over paths through a graph;
# - how the gradient is used: one step downhill, and then another.
#
# ## Before you start
#
# Needed: Python, a little NumPy (`x.shape`, `x * y`, `x.sum()`), and what the slope of a curve is. No chapter comes
# before this one. About 1.5 hours.

# %%
import numpy as np

import minigen
from minigen import plot
from minigen.course import check, quick, show, source
from minigen.course.figures import curves, images
from minigen.data import Glyphs

minigen.manual_seed(0)

# %% [markdown]
# ## A picture is a tensor
#
# A tensor is a box of numbers with a shape. A grey picture of 28 by 28 points has the shape (1, 28, 28): one
# channel, 28 rows, 28 columns. A batch of N such pictures has the shape (N, 1, 28, 28). minigen draws its own
# digits, so that nothing must be downloaded.

# %%
pictures = [Glyphs(4)[i] for i in range(4)]
for picture, label in pictures:
    print(
        f"a {int(label)}: shape {tuple(picture.shape)}, from {picture.min().item():.1f} to {picture.max().item():.1f}"
    )
show(images({f"a {int(label)}": picture[0].numpy() for picture, label in pictures}), "01_digits")

# %% [markdown]
# ## A gradient is what nudging shows
#
# Take the smallest network there is: one weight $w$. It looks at $x$, says $w \cdot x$, and should have said $y$.
# How bad it is, on all examples together, is the mean of the squares:
#
# $$ L(w) = \frac1N \sum_n (w\, x_n - y_n)^2 $$
#
# Nudge $w$ a little and see what $L$ does. The change of $L$ divided by the nudge is the slope. If it is positive,
# a larger $w$ makes things worse, so $w$ should shrink.

# %%
x = np.array([1.0, 2.0, 3.0])
y = np.array([2.0, 4.0, 6.0])


def loss(w):
    return np.mean((w * x - y) ** 2)


nudge = 1e-3
for w in (1.0, 2.0, 3.0):
    print(f"w = {w}: loss {loss(w):.4f}, slope {(loss(w + nudge) - loss(w)) / nudge:+.4f}")

# %% [markdown]
# At $w = 1$ the slope is about `-9.3287`: downhill is to the right. At $w = 2$, where every example is met exactly,
# it is nearly nothing (`+0.0047`, and not 0: the nudge has a length, and chapter 4 is about that).
#
# ### Exercise 1.1: the slope along one coordinate
#
# Write `nudge_slope(f, x, i, step)`: how fast the number `f(x)` changes when element `i` of the array `x` grows.
# `x` is the caller's and must not be changed.


# %%
def nudge_slope(f, x, i, step):
    ### BEGIN SOLUTION nudge_slope
    nudged = x.copy()
    nudged[i] += step
    return (f(nudged) - f(x)) / step
    ### END SOLUTION


check.nudge_slope(nudge_slope)

# %% [markdown]
# ## The same, exactly
#
# Nudging is slow: a million weights would want a million and one runs of the network. Calculus gives the slope
# itself. By the chain rule, the derivative of a square is twice its inside, times the derivative of the inside.
#
# ### Exercise 1.2: the gradient of the loss
#
# Write `loss_gradient(w, x, y)`: the derivative of $L(w)$ above, without any nudging.


# %%
def loss_gradient(w, x, y):
    ### BEGIN SOLUTION loss_gradient
    return 2 * np.mean((w * x - y) * x)
    ### END SOLUTION


check.loss_gradient(loss_gradient)

# %% [markdown]
# ## The machine that does it for you
#
# minigen writes down what is computed. A tensor made with `requires_grad=True` is watched: every function that is
# applied to it becomes a node of a graph. `backward()` walks the graph from its end to its beginning, and leaves
# the gradient in `.grad`.
#
# **Predict before you run.** At $w = 1$ nudging gave about -9.33. Which number will `w.grad` have? And what will it
# be after a *second* loss and a second `backward()`, without anything in between?

# %%
w = minigen.tensor(1.0, requires_grad=True)
inputs, targets = minigen.tensor(x.tolist()), minigen.tensor(y.tolist())
for time in ("first", "second"):
    squares = ((w * inputs - targets) ** 2).mean()
    squares.backward()
    print(f"after the {time} backward: w.grad = {w.grad.item():.4f}")

# %% [markdown]
# `-9.3333` is the slope without the error of the nudge. The second call gave `-18.6667`: gradients are *added* to
# what is there. That is what one wants when a tensor is used in several places, and it is why every training loop
# begins with `optimizer.zero_grad()`.
#
# This is the graph that was walked, drawn by minigen. Read it from the top: leaves, functions, and the loss at the
# end.

# %%
squares = ((w * inputs - targets) ** 2).mean()
drawing = plot.graph(squares, {"w": w, "x": inputs, "y": targets})
show(drawing, "01_graph")
print(len(drawing.boxes), "boxes,", len(drawing.edges), "edges")

# %% [markdown]
# ## A gradient is a sum over paths
#
# In a graph, what does the end feel of a nudge at the beginning? Along one path, each edge stretches the nudge by
# its own slope, so the slopes are multiplied. Where several paths lead to the end, their effects are added.
#
# **Predict before you run.** $z = a \cdot b$ with $a = x + 1$ and $b = x^2$, at $x = 2$. There are two paths from
# $x$ to $z$: by $a$ and by $b$. What is $dz/dx$?

# %%
start = minigen.tensor(2.0, requires_grad=True)
a, b = start + 1, start**2
(a * b).backward()
print(f"by a: 1 * b = {b.item():.0f};  by b: 2x * a = {(2 * start * a).item():.0f};  together {start.grad.item():.0f}")

# %% [markdown]
# `4` by one path and `12` by the other make `16`.
#
# ### Exercise 1.3: sum over the paths
#
# The nodes of a graph are numbered so that edges lead from smaller to larger numbers. `edges[i, j]` is the slope of
# node `j` with respect to node `i`, and 0 where there is no edge. Write `sum_over_paths(edges)`: the derivative of
# the last node with respect to node 0. There may be millions of paths (each diamond doubles them), so do not list
# them: go through the nodes once, and ask at each what it has collected so far.


# %%
def sum_over_paths(edges):
    ### BEGIN SOLUTION sum_over_paths
    effect = np.zeros(len(edges))
    effect[0] = 1.0
    for j in range(1, len(edges)):
        for i in range(j):
            effect[j] += effect[i] * edges[i, j]
    return effect[-1]
    ### END SOLUTION


check.sum_over_paths(sum_over_paths)

# %% [markdown]
# ## Downhill
#
# The gradient points uphill, so a step against it makes the loss smaller, if the step is small enough: $w
# \leftarrow w - \eta\, L'(w)$, where $\eta$ is the learning rate. Three learning rates, on the same loss:

# %%
steps = quick(15, 8)
lines = {}
for rate in (0.01, 0.1, 0.22):
    w_now, losses = 0.5, []
    for _ in range(steps):
        losses.append(loss(w_now))
        w_now -= rate * 2 * np.mean((w_now * x - y) * x)
    lines[f"learning rate {rate}"] = (range(steps), losses)
    print(f"learning rate {rate}: loss {losses[0]:.3f} at first, {losses[2]:.3f} after two steps")
show(curves(lines, x="step", y="loss", title="One weight, three learning rates"), "01_downhill")

# %% [markdown]
# After two steps the small rate has `7.095`, the middle one `0.000`, and the large one has *gained*: `12.926` from
# `10.500`. Each step goes so far beyond the minimum that it lands higher up on the other side. The bound is known
# here: this loss has the curvature 28/3, and every rate above 2 divided by the curvature, 0.214, climbs.
#
# ### Exercise 1.4: descend
#
# Write `descend(gradient, start)`: `STEPS` steps with the learning rate `RATE`, from the array `start`;
# `gradient(w)` gives the gradient at `w`. It returns the last `w`.

# %%
RATE = 0.1
STEPS = 5


def descend(gradient, start):
    ### BEGIN SOLUTION descend
    w = start.copy()
    for _ in range(STEPS):
        w = w - RATE * gradient(w)
    return w
    ### END SOLUTION


check.descend(descend)

# %% [markdown]
# ## The library's version
#
# A function of minigen is a class with two methods: `forward` computes, `backward` says what the slopes along its
# edges are, already multiplied with what came from above. This is the product of two tensors. (`sum_to_size` undoes the
# stretching of small arrays; `reads` says which inputs `backward` looks at.)

# %%
source(minigen.ops.arithmetic.Mul)

# %% [markdown]
# ## What it cannot do
#
# - A gradient is a promise about *small* steps. It says nothing about what is behind the next hill.
# - It is blind where the function is flat: a loss that counts mistakes has the slope 0 nearly everywhere.
# - It points downhill in the coordinates that you chose. Measure one weight in other units, and the direction
#   changes.
#
# ## Common misconceptions
#
# - *"The gradient is the direction to the minimum."* It is the direction in which the loss falls fastest right
#   here. In a narrow valley that is nearly at right angles to the way to the minimum.
# - *"`backward()` computes the gradient of a function."* It computes the gradient at one point, for the numbers
#   that went through the graph. There is no formula anywhere.
# - *"A gradient of 0 means that all is well."* It means that small nudges change nothing: a minimum, a maximum, a
#   saddle, or a dead part of the network.
# - *"`.grad` holds the gradient of the last loss."* It holds the sum of all since it was cleared.
#
# ## Further exercises
#
# - Find by trial the largest learning rate with which the loss above still falls, and compare it with 2 /
#   curvature.
# - Draw the graph of `((w * x).tanh() - y).abs().mean()`. Which edges have a slope that can be exactly 0?
# - How many paths lead through a chain of 40 diamonds? How many additions does your `sum_over_paths` need for it?
#
# ## Further reading
#
# - A. G. Baydin, B. A. Pearlmutter, A. A. Radul and J. M. Siskind, "Automatic differentiation in machine learning:
#   a survey", *Journal of Machine Learning Research* 18 (2018).
# - D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by back-propagating errors",
#   *Nature* 323 (1986), pages 533-536.
# - I. Goodfellow, Y. Bengio and A. Courville, *Deep Learning*, MIT Press (2016), sections 4.3 and 6.5.
