# %% [markdown]
# # Museum 5. A norm of three numbers
#
# ## What one sees
#
# A WGAN with gradient penalty, for colour pictures. It trains, but the critic's scores grow and grow, and the
# penalty falls to a value near 0 only after the critic has become far too steep. With grey pictures it is worse.
# Vectors instead of pictures, as in the first toy experiment, gave no trouble at all.

# %%
import numpy as np

from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: the penalty should punish slopes above 1 only
# - b: the length of each picture's gradient is taken over the channels only
# - c: the penalty should be summed over the batch, not averaged
# - d: the root has an infinite slope at 0
#
# Name the guilty one, and repair the function. `gradients` holds one gradient a picture, in the picture's own shape
# (the first axis is the batch, and there may be any number of others). The penalty is the mean over the pictures of
# the squared difference between the gradient's length and 1.

# %%
### BEGIN SOLUTION penalty_of_gradients
FAULT = "b"
### BLANK
# FAULT = ""
### END SOLUTION


def penalty_of_gradients(gradients):
    ### BEGIN SOLUTION penalty_of_gradients
    lengths = np.sqrt((gradients.reshape(len(gradients), -1) ** 2).sum(axis=1))
    ### BLANK
    # lengths = np.sqrt((gradients**2).sum(axis=1))
    ### END SOLUTION
    return np.mean((lengths - 1) ** 2)


rng = np.random.default_rng(0)
for shape in ((8, 20), (8, 3, 16, 16), (8, 1, 16, 16)):
    gradients = rng.standard_normal(shape)
    gradients /= np.sqrt((gradients**2).sum(axis=tuple(range(1, len(shape))), keepdims=True))  # all have length 1
    print(f"gradients {shape}, each of length 1: the penalty is {penalty_of_gradients(gradients):.3f}")
check.penalty_of_gradients(penalty_of_gradients, FAULT)
### BEGIN SOLUTION penalty_of_gradients

# %% [markdown]
# ## What it was
#
# A gradient with respect to a picture has as many numbers as the picture, and its length is taken over all of them.
# A sum over axis 1 gave one short length for each pixel: a critic of slope 1, which should pay `0.000`, seemed far
# too flat, and was pulled to be steeper, by the root of the number of pixels. For vectors axis 1 is all there is, so
# the toy experiment was right.
#
# ## Further reading
#
# - I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin and A. Courville, "Improved training of Wasserstein GANs",
#   *Advances in Neural Information Processing Systems* 30 (2017), algorithm 1.

# %%
### BLANK
### END SOLUTION
