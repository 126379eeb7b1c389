# %% [markdown]
# # Museum 18. A memory of one step
#
# ## What one sees
#
# A critic with spectral norm. Each step does one step of the power iteration, as in the paper, and a thousand steps
# later the estimate of the largest singular value is still too small, and has not moved. So the weights are divided
# by too little, and the critic is steeper than promised.

# %%
import numpy as np

from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: one step of the power iteration is too few
# - b: the vector that was found is not kept for the next call
# - c: the weight should be divided by its largest entry
# - d: the vectors must not be normalised
#
# Name the guilty one, and repair the class. `norm_estimates` makes one and asks it `calls` times; `start` has as
# many numbers as the weight has rows.

# %%
### BEGIN SOLUTION norm_estimates
FAULT = "b"
### BLANK
# FAULT = ""
### END SOLUTION


class LargestStretch:
    def __init__(self, start):
        self.u = start / np.linalg.norm(start)

    def estimate(self, weight):
        v = weight.T @ self.u
        v = v / np.linalg.norm(v)
        u = weight @ v
        ### BEGIN SOLUTION norm_estimates
        self.u = u / np.linalg.norm(u)
        return self.u @ weight @ v
        ### BLANK
        # u = u / np.linalg.norm(u)
        # return u @ weight @ v
        ### END SOLUTION


def norm_estimates(weight, start, calls):
    stretch = LargestStretch(np.array(start))
    return [float(stretch.estimate(weight)) for _ in range(calls)]


rng = np.random.default_rng(0)
weight, start = rng.standard_normal((30, 20)), rng.standard_normal(30)
estimates = norm_estimates(weight, start, 100)
for call in (1, 2, 5, 20, 100):
    print(f"after {call:3d} calls: {estimates[call - 1]:.3f}, and right is {np.linalg.svd(weight)[1][0]:.3f}")
check.norm_estimates(norm_estimates, FAULT)
### BEGIN SOLUTION norm_estimates

# %% [markdown]
# ## What it was
#
# One step of the power iteration is a poor estimate; the trick is that the weight changes little from one training
# step to the next, so that the vector of last time is a very good beginning. It is a state of the layer, like a
# running mean: it must be kept, saved with the weights, and not be trained. Here every call began at the same place.
# (Where the graph still needs the old vector, give it a copy: a vector that is overwritten between forward and
# backward spoils the gradient.)
#
# ## Further reading
#
# - T. Miyato, T. Kataoka, M. Koyama and Y. Yoshida, "Spectral normalization for generative adversarial networks",
#   arXiv:1802.05957 (2018), section 2.2 and algorithm 1.

# %%
### BLANK
### END SOLUTION
