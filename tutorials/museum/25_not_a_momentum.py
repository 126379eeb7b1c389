# %% [markdown]
# # Museum 25. A number in the wrong place
#
# ## What one sees
#
# A generator copied from a page full of stars. It trains slowly; its features, looked at behind the batch norms,
# have a variance of about a third where it should be 1. Quiet channels stay quiet.

# %%
import numpy as np

from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: a momentum of 0.8 is too large
# - b: 0.8 stands where eps is expected
# - c: the variance should be divided by N - 1
# - d: the running mean should be used in training
#
# Name the guilty one, and repair `normed_features`: its running mean should take a fifth of the new mean, and its
# eps should be the usual one. `normalise` is right.

# %%
### BEGIN SOLUTION normed_features
FAULT = "b"
### BLANK
# FAULT = ""
### END SOLUTION


def normalise(x, running_mean, eps=1e-5, momentum=0.1):
    mean = x.mean(axis=0)
    running_mean = running_mean + momentum * (mean - running_mean)
    return (x - mean) / np.sqrt(x.var(axis=0) + eps), running_mean


def normed_features(x, running_mean):
    ### BEGIN SOLUTION normed_features
    return normalise(x, running_mean, momentum=0.2)
    ### BLANK
    # return normalise(x, running_mean, 0.8)
    ### END SOLUTION


rng = np.random.default_rng(0)
for size in (0.1, 0.7, 10.0):
    y, running_mean = normed_features(size * rng.standard_normal((1000, 3)) + 5, np.zeros(3))
    print(f"size {size:4.1f}: the variance becomes {y.var():.2f}, the running mean {running_mean.mean():.1f}")
check.normed_features(normed_features, FAULT)
### BEGIN SOLUTION normed_features

# %% [markdown]
# ## What it was
#
# The first free place is that of eps, which is added to the variance so that nothing is divided by 0. With 0.8
# there, a channel of variance 0.49 leaves with 0.38 instead of 1, and a quieter one nearly vanishes. What was meant
# was a momentum as *another* library counts it: there 0.8 is the share of the old, here momentum is the share of the
# new, so it is 0.2 (and the running mean after one batch `1.0`). Write the names of arguments that are numbers.
# `nn.BatchNorm2d(n, 0.8)` makes the same mistake; minigen warns of it.
#
# ## Further reading
#
# - S. Ioffe and C. Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
#   shift", arXiv:1502.03167 (2015), algorithm 1: where eps stands.

# %%
### BLANK
### END SOLUTION
