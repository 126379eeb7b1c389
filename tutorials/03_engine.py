# %% [markdown]
# # 3. The engine in 60 lines
#
# *Can the backward pass write itself?*
#
# ## What you will learn
#
# - to record a computation while it happens: every result remembers what it was made from, and with which slopes;
# - in which order one must walk back, and what goes wrong in any other;
# - why an engine must not call itself for each step;
# - what minigen's own engine has in common with your 60 lines.
#
# ## Before you start
#
# Needed: chapter 1 and chapter 2 (paths, dx for each line), and how a Python class defines `__add__`. About 2.5
# hours.

# %%
import sys

import minigen
from minigen import plot
from minigen.course import check, quick, show, source
from minigen.course.figures import curves

# %% [markdown]
# ## Remembering
#
# In chapter 2 you read the lines of a program from the last to the first. A machine can do so if each line is
# written down when it is run. We need a number that remembers. For every number it was made from, it keeps a pair:
# that number, and the slope of the edge between them.
#
# Here is the smallest such thing, for one product. Nothing is walked yet; only look at what is remembered.

# %%
drawn = minigen.tensor(3.0, requires_grad=True)
product = drawn * drawn + 1
show(plot.graph(product, {"x": drawn}), "03_graph")
print("x * x + 1 was made by", type(product.grad_fn).__name__, "from the result of", end=" ")
print(type(product.grad_fn.inputs[0].grad_fn).__name__)

# %% [markdown]
# ## In which order?
#
# A number may hand on what it has collected only when *everybody* who used it has given their share. So walk in an
# order in which each number comes after all that were made from it.
#
# **Predict before you run.** Let `b = a + a`, then `c = b + b`, and so on, 20 times. Somebody writes the walk so:
# "give your parents their share, and let each of them do the same at once". How many visits does that make? How
# many numbers are there?


# %%
def visits_at_once(depth):
    """Count the visits of a walk that goes on at once: each number has two edges to the one before."""
    return 1 if depth == 0 else 1 + 2 * visits_at_once(depth - 1)


depths = range(1, quick(17, 12))
at_once = [visits_at_once(depth) for depth in depths]
print(f"10 doublings: {visits_at_once(10):,} visits at once, 11 in order")
print(f"20 doublings: {2**21 - 1:,} visits at once, 21 in order")
lines = {"at once": (depths, at_once), "in order": (depths, [depth + 1 for depth in depths])}
show(curves(lines, x="doublings", y="visits", log="y", title="Why the order matters"), "03_visits")

# %% [markdown]
# `2,047` against `11`, and `2,097,151` against `21`. It is the count of paths of chapter 1: the walk at once lists
# the paths, the walk in order lets each number collect first.
#
# ### Exercise 3.1: the order
#
# The numbers of a computation are called 0, 1, 2, ... and `parents[i]` lists those from which `i` was made. Write
# `walk_order(parents, last)`: a list that begins with `last`, has everything that `last` depends on exactly once,
# and each number before its parents. A chain may be 20,000 long, and Python allows about a thousand calls in calls:
# use a list of things to do instead of recursion. (One way: count how often each is still to be used; who is used
# no more can be walked.)


# %%
def walk_order(parents, last):
    ### BEGIN SOLUTION walk_order
    uses = {last: 0}
    to_do = [last]
    while to_do:
        for parent in parents[to_do.pop()]:
            if parent not in uses:
                uses[parent] = 0
                to_do.append(parent)
            uses[parent] += 1
    order, ready = [], [last]
    while ready:
        number = ready.pop()
        order.append(number)
        for parent in parents[number]:
            uses[parent] -= 1
            if uses[parent] == 0:
                ready.append(parent)
    return order
    ### END SOLUTION


check.walk_order(walk_order)

# %% [markdown]
# ## The engine
#
# ### Exercise 3.2: Value
#
# Write what is missing in `Value`. `parents` is a list of pairs (value, slope). `backward()` sets its own gradient
# to 1, walks back in the right order, and adds to each parent's `grad` its own `grad` times the slope. You may use
# your `walk_order` or do otherwise; a simple way is to number the values as they are made (`Value.made`), and to
# walk from the largest number to the smallest.


# %%
class Value:
    made = 0

    def __init__(self, data, parents=()):
        self.data = data
        self.parents = list(parents)
        self.grad = 0.0
        self.number = Value.made
        Value.made += 1

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        ### BEGIN SOLUTION Value
        return Value(self.data + other.data, [(self, 1.0), (other, 1.0)])
        ### END SOLUTION

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        ### BEGIN SOLUTION Value
        return Value(self.data * other.data, [(self, other.data), (other, self.data)])
        ### END SOLUTION

    def __pow__(self, n):
        ### BEGIN SOLUTION Value
        return Value(self.data**n, [(self, n * self.data ** (n - 1))])
        ### END SOLUTION

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + -other

    def __truediv__(self, other):
        return self * other**-1

    def backward(self):
        ### BEGIN SOLUTION Value
        found, to_do = {self.number: self}, [self]
        while to_do:
            for parent, _ in to_do.pop().parents:
                if parent.number not in found:
                    found[parent.number] = parent
                    to_do.append(parent)
        self.grad = 1.0
        for number in sorted(found, reverse=True):
            for parent, slope in found[number].parents:
                parent.grad += found[number].grad * slope
        ### END SOLUTION


check.Value(Value)

# %% [markdown]
# That is an engine. Everything else is more functions: each computes its value, and its slope.
#
# ### Exercise 3.3: one function more
#
# Write `leaky(x)` for a `Value`: `x` where it is positive, `LEAK * x` where not. It needs no new method: make a
# `Value` with the right data and the right slope.

# %%
LEAK = 0.1


def leaky(x):
    ### BEGIN SOLUTION leaky
    slope = 1.0 if x.data > 0 else LEAK
    return Value(slope * x.data, [(x, slope)])
    ### END SOLUTION


check.leaky(leaky, Value)

# %% [markdown]
# ## Does the library agree?
#
# The same formula with minigen's tensors. The derivative of $x^3 - 2/x$ is $3x^2 + 2/x^2$.

# %%
x = minigen.tensor(2.0, dtype=minigen.float64, requires_grad=True)
(x**3 - 2 / x).backward()
print(f"minigen: {x.grad.item()}, by hand: {3 * 2.0**2 + 2 / 2.0**2}")
print(f"Python allows {sys.getrecursionlimit()} calls in calls; minigen walks a chain of", end=" ")
chain = start = minigen.tensor(1.0, requires_grad=True)
for _ in range(quick(20_000, 2_000)):
    chain = chain + 1
chain.backward()
print(f"{int(chain.item()) - 1:,} additions, gradient {start.grad.item():.0f}")

# %% [markdown]
# Both say `12.5`.
#
# ## The library's version
#
# The heart of minigen's engine, in two methods of the walk. `_receive` keeps a gradient until all users have added
# to it, and puts the tensor into a queue that is ordered by the number of the call that made it, as your
# `Value.made` does. `_visit` takes the latest one, asks its call for the gradients of the inputs, and hands them
# on. It differs in what it takes care of: a wrong shape is refused with the name of the function, a changed value
# is noticed, and the graph is taken apart on the way, so that its memory is free.

# %%
source(minigen.engine._Walk._receive)
source(minigen.engine._Walk._visit)

# %% [markdown]
# ## What it cannot do
#
# - A Python object for every number: a picture of 28 by 28 pixels would be 784 of them. minigen has one for every
#   array.
# - `slope` is a plain number here, so the gradient itself cannot be differentiated. In minigen `backward` computes
#   with tensors, which is how chapter 15 gets gradients of gradients.
# - What is changed in place after it was recorded is recorded wrongly. minigen counts versions, and raises.
#
# ## Common misconceptions
#
# - *"The graph is compiled from the program's text."* It is a record of what happened. Other data may take another
#   branch, and make another graph.
# - *"Each function's backward must know where it stands."* It knows its own slopes, and nothing else.
# - *"Gradients are set."* They are added to: twice used means twice added, and so does a second `backward()`.
# - *"Reverse mode is always the quick one."* It costs one walk for each *output*. For one input and a thousand
#   outputs, forward mode is a thousand times quicker.
#
# ## Further exercises
#
# - Give `Value` the method `exp`, and write `tanh` from it. How many values does one `tanh` make?
# - Count the values that are alive after `backward()`. Who holds them? What would free them on the way?
# - Write forward mode: a pair (value, slope with respect to one input), and `+` and `*` for such pairs.
#
# ## Further reading
#
# - A. Karpathy, *micrograd* (2020), github.com/karpathy/micrograd: an engine of scalars.
# - S. Tokui, K. Oono, S. Hido and J. Clayton, "Chainer: a next-generation open source framework for deep learning",
#   NIPS workshop on machine learning systems (2015). Define by run.
# - A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd edition, SIAM (2008), chapters 3 and 4.
