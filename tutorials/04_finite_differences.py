# %% [markdown]
# # 4. Finite differences, and the ways they lie
#
# *You have written a gradient. How do you find out that it is wrong, and when must you not believe the answer?*
#
# ## What you will learn
#
# - to measure a gradient by nudging to both sides, and how large the nudge should be;
# - to check a gradient of a million elements with two runs of the function;
# - three ways in which such a check lies: float32, kinks, and the blind sum;
# - what a check must look like so that you may believe it.
#
# ## Before you start
#
# Needed: chapter 1 (the slope by nudging) and chapter 2 (a backward by hand). About 2 hours.

# %%
import numpy as np

import minigen
import minigen.nn.functional as F
from minigen.checks import check_backward, check_gradients
from minigen.course import check, quick, show, source
from minigen.course.figures import curves

minigen.manual_seed(0)

# %% [markdown]
# ## To both sides
#
# Chapter 1 nudged to one side, and at the minimum the slope was not quite 0. Nudge to both sides, and the errors of
# the two cancel: what is left shrinks with the *square* of the step.
#
# $$ f'(x) \approx \frac{f(x + h) - f(x - h)}{2h} $$


# %%
def one_sided(f, x, step):
    return (f(x + step) - f(x)) / step


def two_sided(f, x, step):
    return (f(x + step) - f(x - step)) / (2 * step)


true = np.cos(1.0)
for step in (1e-1, 1e-2, 1e-3):
    errors = [abs(rule(np.sin, 1.0, step) - true) for rule in (one_sided, two_sided)]
    print(f"step {step}: error to one side {errors[0]:.1e}, to both sides {errors[1]:.1e}")

# %% [markdown]
# Ten times smaller steps make the error ten times smaller to one side (`4.2e-03` to `4.2e-04`), and a hundred times
# smaller to both (`9.0e-06` to `9.0e-08`).
#
# ### Exercise 4.1: the gradient of an array
#
# Write `central_difference(f, x, step)`: the gradient of the number `f(x)` with respect to the array `x`, of any
# shape, to both sides. `x` belongs to the caller. Two calls of `f` for each element are enough.


# %%
def central_difference(f, x, step):
    ### BEGIN SOLUTION central_difference
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = (f(up) - f(down)) / (2 * step)
    return gradient
    ### END SOLUTION


check.central_difference(central_difference)

# %% [markdown]
# ## The first lie: rounding
#
# **Predict before you run.** If a step of 1e-3 is better than 1e-2, is 1e-12 better still? Sketch the error over
# the step before you look.


# %%
def cube(x):
    return x * x * x  # products round in the same way on every machine; sin need not


steps = np.logspace(0, -14, quick(120, 60))
lines = {}
for name, dtype in (("float64", np.float64), ("float32", np.float32)):
    x = dtype(1.1)
    errors = [abs(float(two_sided(cube, x, dtype(h))) - 3 * 1.1**2) for h in steps]
    lines[name] = (steps, np.maximum(errors, 1e-13))
    for h in (1e-2, 1e-5, 1e-12):
        print(f"{name}, step {h:.0e}: error {abs(float(two_sided(cube, x, dtype(h))) - 3 * 1.1**2):.0e}")
show(curves(lines, x="step", y="error", log="xy", title="Two errors fight"), "04_steps")

# %% [markdown]
# At 1e-12 the error is `3e-04` again. Two errors fight. The formula's own error falls with the square of the step.
# But f(x + h) and f(x - h) agree in nearly all their digits, and their difference is made of what is left: the
# rounding error, divided by the step, *grows* as the step shrinks. At the best step both are equal. If numbers are
# precise to $\varepsilon$ (2.2e-16 in float64, 1.2e-7 in float32), the best step is about $\sqrt[3]{\varepsilon}$,
# times the size of $x$, because rounding is relative.
#
# In float32 the same step of 1e-05 that is nearly the best in float64 (`1e-10`) leaves an error of `6e-03`, and
# 1e-12 is nonsense altogether (`4e+00`: nothing of the nudge is left in x). A check in float32 calls right
# gradients wrong, or, with a tolerance that lets them pass, wrong ones right. **Check in float64.**
#
# ### Exercise 4.2: a good step
#
# Write `good_step(x, epsilon)`: the cube root of `epsilon`, times the size of the number `x`, but at least the step
# that belongs to 1.


# %%
def good_step(x, epsilon):
    ### BEGIN SOLUTION good_step
    return epsilon ** (1 / 3) * max(1.0, abs(x))
    ### END SOLUTION


check.good_step(good_step)

# %% [markdown]
# ## A million elements in two runs
#
# Element by element is slow. But the gradient says how $f$ changes in *every* direction: by $g \cdot v$ along $v$.
# So draw one random direction and compare the numbers. If some elements of $g$ are wrong, a random direction sees
# it, unless the errors cancel to the last digit, which chance does not do.
#
# The error should be measured against the size of what is compared, but not divided by a number near 0: $\;|a - n|
# / \max(1, |a|)$, for the analytic $a$ and the numeric $n$.
#
# ### Exercise 4.3: along one direction
#
# Write `direction_error(f, x, gradient, direction)`: how far the gradient is from the truth along this direction,
# with nudges of `STEP` times the direction.

# %%
STEP = 0.001


def direction_error(f, x, gradient, direction):
    ### BEGIN SOLUTION direction_error
    analytic = np.sum(gradient * direction)
    numeric = (f(x + STEP * direction) - f(x - STEP * direction)) / (2 * STEP)
    return abs(analytic - numeric) / max(1.0, abs(analytic))
    ### END SOLUTION


check.direction_error(direction_error)

# %% [markdown]
# ## The second lie: kinks
#
# Relu has a corner at 0, abs too, and max pooling wherever two pixels of a window are equal. A nudge that steps
# over a corner measures the mean of two slopes, which is the derivative of nothing.
#
# **Predict before you run.** What does the two-sided rule say about relu at exactly 0? And a little beside it, at
# 1e-9?

# %%
relu = lambda x: np.maximum(x, 0.0)  # noqa: E731
for x in (0.0, 1e-9, 1e-3):
    print(f"at {x:.0e}: {two_sided(relu, x, 1e-5):.4f}")

# %% [markdown]
# `0.5000` at 0, and again a little beside it, where the slope is 1: the check would call a right gradient wrong.
# Stay away from kinks with the inputs, or look whether the measured slope jumps when the step is halved.
#
# ## The third lie: the blind sum
#
# A function with many outputs must be made into one number before it can be checked. The obvious way is to add them
# up.
#
# **Predict before you run.** Somebody's softmax has a backward that returns zeros. Will a check of
# `softmax(x).sum()` notice?


# %%
class LazySoftmax(minigen.Function):
    def forward(self, x):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def backward(self, grad):
        return grad * 0


x = minigen.randn(3, 5, dtype=minigen.float64, requires_grad=True)
analytic = minigen.grad(LazySoftmax.apply(x).sum(), x)[0].numpy()
plain, bumps = x.detach().numpy(), 1e-5 * np.eye(15).reshape(15, 3, 5)  # each bump nudges one element
total = lambda a: F.softmax(minigen.from_numpy(a), -1).sum().item()  # noqa: E731
numeric = [(total(plain + bump) - total(plain - bump)) / 2e-5 for bump in bumps]
print(f"sum(y): largest difference {np.abs(analytic.ravel() - numeric).max():.6f}")
try:
    check_gradients(LazySoftmax.apply, x)
except AssertionError as error:
    print(str(error).splitlines()[0])

# %% [markdown]
# The sum of probabilities is 1, whatever `x` is. Its true gradient *is* 0 (`0.000000`), so zeros pass. The same
# holds for batch norm, whose outputs add up to 0. And under *any* sum with fixed weights, a second derivative of a
# linear function is never asked for. The cure is a readout that is random and curved:
#
# $$ L = \sum_i u_i\, y_i + \tfrac12 v_i\, y_i^2 $$
#
# ### Exercise 4.4: a readout that sees
#
# Write `readout(y, u, v)`, which returns `(loss, dy)`: the number above, and its gradient with respect to the array
# `y`.


# %%
def readout(y, u, v):
    ### BEGIN SOLUTION readout
    loss = np.sum(u * y + v * y**2 / 2)
    dy = u + v * y
    return loss, dy
    ### END SOLUTION


check.readout(readout)

# %% [markdown]
# ## Use it
#
# `minigen check` and `check_backward` do all of this, and where a gradient is wrong they say at which elements and
# probably why. Here is a linear layer in whose backward somebody has averaged where a sum belongs.


# %%
def layer_forward(x, w, b):
    return x @ w + b, (x, w)


def layer_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.mean(axis=0)


rng = np.random.default_rng(0)
try:
    check_backward(layer_forward, layer_backward, rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=2))
except AssertionError as error:
    print(error)

# %% [markdown]
# ## The library's version
#
# This is how minigen takes a difference quotient: four points instead of two, because then the error falls with the
# fourth power of the step. Below it, the readout: random and curved, as in exercise 4.4, with a third power, so
# that third derivatives can be checked, too.

# %%
source(minigen.checks.kinks.slope)
source(minigen.checks.experiment.Experiment.loss)


# %% [markdown]
# ## What it cannot do
#
# - It looks at one point. A backward that is wrong only for negative inputs passes where all inputs are positive.
# - It compares with *your* forward. If that computes the wrong thing, a right derivative of the wrong thing passes.
# - It says nothing about speed, memory, or what happens in float32.
#
# ## Common misconceptions
#
# - *"The smaller the step, the better."* Below the best step rounding takes over, and the error grows.
# - *"An error of 1e-4 is small."* In float64, with the right step, a right gradient gives 1e-8 or less. 1e-4 is a
#   fault, or a kink, or float32.
# - *"My gradient is 0 and the measured one is 0, so it is right."* It may be that your readout cannot see.
# - *"It passed once, so it is right."* Check other shapes: height unlike width, batches of more than one, strides
#   unlike the kernel. Many faults show only there.
#
# ## Further exercises
#
# - Derive the rule of four points, and measure its best step.
# - The complex step: `np.imag(f(x + 1e-30j)) / 1e-30` has no rounding error at all. Why? For which functions does
#   it fail?
# - Plant a fault in `layer_backward` that `check_backward` does not find. (It is hard. Begin with special inputs.)
#
# ## Further reading
#
# - W. H. Press, S. A. Teukolsky, W. T. Vetterling and B. P. Flannery, *Numerical Recipes*, 3rd edition, Cambridge
#   University Press (2007), section 5.7.
# - W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real functions", *SIAM Review* 40
#   (1998), pages 110-112.
# - D. Goldberg, "What every computer scientist should know about floating-point arithmetic", *ACM Computing
#   Surveys* 23 (1991), pages 5-48.
