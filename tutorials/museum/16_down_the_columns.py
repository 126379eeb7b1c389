# %% [markdown]
# # Museum 16. Shares of the wrong whole
#
# ## What one sees
#
# A classifier trains well enough with large batches. Used on a single picture it says that every class has the
# probability 1. In a large batch no picture is ever given to a rare class for sure.

# %%
import numpy as np

from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: the network was left in training mode
# - b: the shares are made to sum to 1 over the batch, not over the classes
# - c: single pictures are not normalised as the batches were
# - d: the exponential of a negative score is negative
#
# Name the guilty one, and repair the function: scores (N, K) come in, shares go out, and the scores may be large.

# %%
### BEGIN SOLUTION shares_of_classes
FAULT = "b"
### BLANK
# FAULT = ""
### END SOLUTION


def shares_of_classes(scores):
    ### BEGIN SOLUTION shares_of_classes
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
    ### BLANK
    # powers = np.exp(scores - scores.max(axis=0))
    # return powers / powers.sum(axis=0)
    ### END SOLUTION


scores = np.array([[2.0, 1.0, 0.0], [0.0, 0.0, 4.0]])
for n in (2, 1):
    print(f"with {n} in the batch the first picture's shares are", shares_of_classes(scores[:n])[0].round(3))
check.shares_of_classes(shares_of_classes, FAULT)
### BEGIN SOLUTION shares_of_classes

# %% [markdown]
# ## What it was
#
# The shares summed to 1 down each column: "of all pictures in this batch, how much is this one of class 3?" Nothing
# complains, as the shape is right, and a large, mixed batch even trains: it contains some of each class. A single
# picture was all of every class. Without `axis` (or `keepdims`) a sum goes, or is stretched, along the first axis it
# finds. The test: each row sums to 1, and a picture's answer does not change with its company.
#
# ## Further reading
#
# - C. M. Bishop, *Pattern recognition and machine learning*, Springer (2006), section 4.3.4.

# %%
### BLANK
### END SOLUTION
