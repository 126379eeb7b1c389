# %% [markdown]
# # Museum 22. A square of differences
#
# ## What one sees
#
# A network that should predict one number for each picture. The loss falls to the variance of the targets and no
# further: the network answers with the mean for every picture. One library prints a warning about broadcasting;
# another says nothing.

# %%
import numpy as np

from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: the network is too small
# - b: the targets should be normalised
# - c: the mean should be a sum
# - d: predictions of shape (N, 1) and targets of shape (N,) make a table of N by N differences
#
# Name the guilty one, and repair the function: `predictions` has the shape (N, 1), as a linear layer gives it, and
# `targets` (N,).

# %%
### BEGIN SOLUTION score_error
FAULT = "d"
### BLANK
# FAULT = ""
### END SOLUTION


def score_error(predictions, targets):
    ### BEGIN SOLUTION score_error
    return np.mean((predictions[:, 0] - targets) ** 2)
    ### BLANK
    # return np.mean((predictions - targets) ** 2)
    ### END SOLUTION


targets = np.array([1.0, 2.0, 3.0, 6.0])
print(f"perfect predictions:   {score_error(targets[:, None], targets):.2f}")
print(f"the mean for everyone: {score_error(np.full((4, 1), 3.0), targets):.2f}")
check.score_error(score_error, FAULT)
### BEGIN SOLUTION score_error

# %% [markdown]
# ## What it was
#
# A column and a row are stretched to a table: every prediction minus every target. The least that the mean of all
# its squares can be is reached where every prediction is the mean of the targets; the right answers cost twice that.
# So the network learnt exactly what it was asked. Make the shapes equal before subtracting, and say so: `assert
# predictions.shape == targets.shape`. (The repaired function gives `0.00` and `3.50`.)
#
# ## Further reading
#
# - C. R. Harris et al., "Array programming with NumPy", *Nature* 585 (2020), figure 1: broadcasting.

# %%
### BLANK
### END SOLUTION
