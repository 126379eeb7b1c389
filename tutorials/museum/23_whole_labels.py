# %% [markdown]
# # Museum 23. Nine tenths of nothing
#
# ## What one sees
#
# A GAN with one-sided label smoothing: real pictures have the label 0.9 instead of 1. Since it was built in, the
# discriminator gives low scores to real and forged pictures alike, and the generator learns nothing.

# %%
import numpy as np

from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: the forgeries should have the label 0.1
# - b: 0.9 is too far from 1
# - c: the labels are whole numbers, so that 0.9 becomes 0
# - d: the cross entropy needs labels of 0 or 1
#
# Name the guilty one, and repair `softened_loss`: the discriminator's loss for real pictures, with the label
# `target` for all of them. `cross_entropy_of_scores` is right.

# %%
### BEGIN SOLUTION softened_loss
FAULT = "c"
### BLANK
# FAULT = ""
### END SOLUTION


def cross_entropy_of_scores(scores, labels):
    return np.mean(np.maximum(scores, 0) - scores * labels + np.log1p(np.exp(-np.abs(scores))))


def softened_loss(real_scores, target):
    ### BEGIN SOLUTION softened_loss
    labels = np.full(len(real_scores), target)
    ### BLANK
    # labels = np.full(len(real_scores), 1)
    # labels[:] = labels * target
    ### END SOLUTION
    return cross_entropy_of_scores(real_scores, labels)


for score in (-4.0, 0.0, 2.2, 4.0):
    print(f"all real pictures are given {score:+.1f}: the loss is {softened_loss(np.full(8, score), 0.9):.3f}")
check.softened_loss(softened_loss, FAULT)
### BEGIN SOLUTION softened_loss

# %% [markdown]
# ## What it was
#
# An array of whole numbers stays one: what is written into it is cut off, and 0.9 becomes 0, without a word. So the
# discriminator was told that real pictures are forgeries, and so are forgeries. (`labels *= 0.9` would have been
# refused; writing into a slice is not.) With the right labels the loss is smallest, `0.325`, near a score of 2.2,
# whose sigmoid is 0.9. Look at labels after they are made, kind included.
#
# ## Further reading
#
# - T. Salimans, I. Goodfellow, W. Zaremba, V. Cheung, A. Radford and X. Chen, "Improved techniques for training
#   GANs", arXiv:1606.03498 (2016), section 3.4.

# %%
### BLANK
### END SOLUTION
