# %% [markdown]
# # Museum 7. Not on the line
#
# ## What one sees
#
# A WGAN with gradient penalty again, and now the length of the gradient is right. The slope is near 1 where the
# penalty looks, and still the critic is steep between a real picture and a forged one. A look at the pictures at
# which the penalty is computed: they look like neither, and like nothing in between, but like noise.

# %%
import numpy as np

from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: the share must be drawn from a normal distribution
# - b: the penalty should be computed at real pictures only
# - c: each real picture should be mixed with the forgery that is most like it
# - d: each pixel gets a share of its own, where each picture should have one
#
# Name the guilty one, and repair the function. `uniform(shape)` draws numbers between 0 and 1 in that shape; `real`
# and `fake` have the shape (N, C, H, W).

# %%
### BEGIN SOLUTION between_real_and_fake
FAULT = "d"
### BLANK
# FAULT = ""
### END SOLUTION


def between_real_and_fake(real, fake, uniform):
    ### BEGIN SOLUTION between_real_and_fake
    share = uniform((len(real), 1, 1, 1))
    ### BLANK
    # share = uniform(real.shape)
    ### END SOLUTION
    return real + share * (fake - real)


rng = np.random.default_rng(0)
mixed = between_real_and_fake(np.zeros((4, 1, 8, 8)), np.ones((4, 1, 8, 8)), lambda shape: rng.uniform(size=shape))
for number, picture in enumerate(mixed, 1):
    print(f"between a black and a white picture, number {number}: from {picture.min():.2f} to {picture.max():.2f}")
check.between_real_and_fake(between_real_and_fake, FAULT)
### BEGIN SOLUTION between_real_and_fake

# %% [markdown]
# ## What it was
#
# The penalty is computed at points chosen by chance on the straight line from a real picture to a forged one. One
# share a picture gives such a point. A share for each pixel gives a point somewhere in a box whose corners are the
# two, and almost none of it is near the line. Half of all code for this penalty looks alike; the shape of the share
# is the place to look at first. (Between black and white each picture should be of one grey.)
#
# ## Further reading
#
# - I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin and A. Courville, "Improved training of Wasserstein GANs",
#   *Advances in Neural Information Processing Systems* 30 (2017), section 4, sampling distribution.

# %%
### BLANK
### END SOLUTION
