# %% [markdown]
# # 2. Back-propagation by hand
#
# *How does one get the gradients of a whole network without ever thinking about the whole network?*
#
# ## What you will learn
#
# - to write "dx for each line": the backward pass as the forward pass, read from its last line to its first;
# - why a variable that is used twice collects twice;
# - to do the same in chunks, matrices at a time, and to find the formula by its shapes;
# - to write a loss that does not overflow, and its gradient.
#
# ## Before you start
#
# Needed: chapter 1 (gradients, paths), the derivatives of `x**2`, `exp` and `tanh`, and how `@` multiplies
# matrices. About 2.5 hours.

# %%
import numpy as np

import minigen
import minigen.nn.functional as F
from minigen import plot
from minigen.course import check, quick, show, source
from minigen.course.figures import curves
from minigen.data import Glyphs

minigen.manual_seed(0)

# %% [markdown]
# ## One line, one derivative
#
# Take a formula apart until each line does one thing:
#
# ```python
# a = x * w b = a + c d = np.tanh(b)
# ```
#
# Write `da` for "how much the end changes when `a` does". At the end itself that is 1: `dd = 1`. Now read the lines
# from the last to the first. Each says how to get the `d...` of what stands at its right from the `d...` of what
# stands at its left:
#
# ```python
# db = dd * (1 - d**2)     # tanh has the slope 1 - tanh**2 da = db                  # a sum hands on what it gets
# ... dc = db                  # ... to everybody in it dx = da * w              # a product hands on, times the
# other factor dw = da * x
# ```
#
# That is all of back-propagation. No line needs to know what the others do.
#
# **Predict before you run.** If `x` were 0, which of the three gradients would be 0? And if `b` were 10?

# %%
for x, b_wanted in ((0.0, 0.5), (2.0, 10.0)):
    w, c = 3.0, b_wanted - 3.0 * x
    d = np.tanh(x * w + c)
    db = 1 - d**2
    print(f"x = {x:.0f}, b = {b_wanted:4.1f}:  dx {db * w:.2g}, dw {db * x:.2g}, dc {db:.2g}")

# %% [markdown]
# With `x = 0` the weight's gradient is 0: a weight learns nothing from an input that is not there. With `b = 10`
# tanh is flat and hands on `8.2e-09` of what it gets; everything before it stops learning. One says that the unit
# is saturated.
#
# ### Exercise 2.1: six lines backward
#
# Here `x` is used twice. Write `scalar_backward(x, w, c)` for the lines
#
# ```python
# a = x * w b = a + c d = np.tanh(b) p = x**POWER y = d * p
# ```
#
# It returns `(dx, dw, dc)` for `dy = 1`. What reaches `x` along its two paths is added.

# %%
POWER = 2


def scalar_backward(x, w, c):
    a = x * w
    b = a + c
    d = np.tanh(b)
    p = x**POWER
    ### BEGIN SOLUTION scalar_backward
    dd = p
    dp = d
    dx = dp * POWER * x ** (POWER - 1)
    db = dd * (1 - d**2)
    da = db
    dc = db
    dx += da * w
    dw = da * x
    return dx, dw, dc
    ### END SOLUTION


check.scalar_backward(scalar_backward)

# %% [markdown]
# ## In chunks
#
# A layer of a network does the same to a whole batch: `out = x @ w + b`, with `x` of shape (N, D), `w` (D, M), `b`
# (M,). One could write a line for each of the numbers. It is shorter to find out once what the matrices do.
#
# Two helpers. *Shapes*: `dx` has the shape of `x`, always, and there are few ways to get it from `dout` (N, M) and
# `w` (D, M): only `dout @ w.T`. *Sharing*: `b` is added to every row, so it is used N times, and it collects N
# times: a sum over the rows.
#
# ### Exercise 2.2: the backward of a linear layer
#
# Write `affine_backward(dout, x, w)`, which returns `(dx, dw, db)`. No loops.


# %%
def affine_backward(dout, x, w):
    ### BEGIN SOLUTION affine_backward
    dx = dout @ w.T
    dw = x.T @ dout
    db = dout.sum(axis=0)
    return dx, dw, db
    ### END SOLUTION


check.affine_backward(affine_backward)

# %% [markdown]
# ### Exercise 2.3: the backward of relu
#
# `relu(x)` is `x` where `x` is positive, and 0 elsewhere. Write `relu_backward(dout, x)`.


# %%
def relu_backward(dout, x):
    ### BEGIN SOLUTION relu_backward
    return dout * (x > 0)
    ### END SOLUTION


check.relu_backward(relu_backward)

# %% [markdown]
# ## The end of the chain
#
# A classifier gives a score to each class. Softmax makes probabilities of the scores $s$, and the loss is what the
# right class lacks:
#
# $$ p_k = \frac{e^{s_k}}{\sum_j e^{s_j}}, \qquad L = -\frac1N \sum_n \log p_{n, t_n} $$
#
# Written down just so, it overflows: `np.exp(1000)` is infinite. Probabilities do not change when the same number
# is taken from all scores of a row, so take the largest one. And its gradient is the nicest of all: probabilities,
# minus 1 at the right class, divided by N.
#
# ### Exercise 2.4: softmax and cross entropy, forward and backward
#
# Write `cross_entropy(scores, targets)`, which returns `(loss, dscores)`. `scores` is (N, K), `targets` (N,) holds
# the numbers of the right classes.


# %%
def cross_entropy(scores, targets):
    ### BEGIN SOLUTION cross_entropy
    rows = np.arange(len(scores))
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -np.mean(log_p[rows, targets])
    dscores = np.exp(log_p)
    dscores[rows, targets] -= 1
    dscores /= len(scores)
    return loss, dscores
    ### END SOLUTION


check.cross_entropy(cross_entropy)

# %% [markdown]
# ## It learns
#
# Two linear layers, relu between them, and the digits of chapter 1. The forward pass is five lines, the backward
# pass is the same five lines from the last to the first. (If you have not written yours yet, the library's
# functions stand in: this cell runs on tensors.)
#
# **Predict before you run.** There are ten classes, and at first the network knows nothing. What is the loss of
# somebody who gives every class the same probability?

# %%
print(f"log(10) = {np.log(10):.3f}")
images, labels = (minigen.stack(column) for column in zip(*(Glyphs(500)[i] for i in range(500)), strict=True))
flat = images.flatten(1)  # (500, 784)
w1 = (minigen.randn(784, 32) * 0.03).requires_grad_()
w2 = (minigen.randn(32, 10) * 0.03).requires_grad_()
losses = []
for _ in range(quick(150, 25)):
    loss = F.cross_entropy(F.relu(flat @ w1) @ w2, labels)
    w1.grad = w2.grad = None
    loss.backward()
    with minigen.no_grad():
        for w in (w1, w2):
            w -= 0.3 * w.grad
    losses.append(loss.item())
print(f"first loss {losses[0]:.3f}, last loss {losses[-1]:.2f}")
show(curves({"loss": (range(len(losses)), losses)}, x="step", y="loss (nats)", title="500 digits"), "02_loss")
again = F.cross_entropy(F.relu(flat @ w1) @ w2, labels)  # backward() has taken the graph above apart
show(plot.graph(again, {"w1": w1, "w2": w2}), "02_graph")

# %% [markdown]
# It begins at log 10, `2.303`, and ends at `~0.11`. The graph shows the lines that `backward()` read from the last
# to the first.
#
# ## The library's version
#
# The matrix product of minigen, and its backward. It is your exercise 2.2, for any number of axes in front.

# %%
source(minigen.ops.matmul.MatMul)

# %% [markdown]
# ## What it cannot do
#
# - Every line that you change forward must be changed backward, by you, and nobody notices if you forget. Chapter 3
#   writes the backward pass by machine, and chapter 4 finds out whether it is right.
# - All values of the forward pass are kept until the backward pass has used them. That is where the memory of
#   training goes.
#
# ## Common misconceptions
#
# - *"Back-propagation is how a network learns."* It computes gradients. Learning is what the optimizer does with
#   them.
# - *"dw is x.T @ dout because of some law."* It is because of the shapes, and because every example uses the same
#   `w`: the product adds up over the batch.
# - *"The gradient of relu at 0 is 1/2."* It can be any number between 0 and 1; everybody has agreed on 0.
# - *"Backward costs much more than forward."* It costs about twice as much: one product for `dx`, one for `dw`.
#
# ## Further exercises
#
# - Write the backward of `x / x.sum(axis=1, keepdims=True)`. Which of the two uses of `x` is forgotten most easily?
# - Show that the rows of `dscores` add up to 0. What does that say about adding the same number to all scores?
# - Write the five backward lines of the little network with your own functions, and compare with `w1.grad`.
#
# ## Further reading
#
# - D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by back-propagating errors",
#   *Nature* 323 (1986), pages 533-536.
# - Y. LeCun, L. Bottou, G. B. Orr and K.-R. Müller, "Efficient BackProp", in *Neural Networks: Tricks of the
#   Trade*, Springer (1998). Why units saturate, and what to do.
# - M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation", in
#   *Advances in Automatic Differentiation*, Springer (2008).
