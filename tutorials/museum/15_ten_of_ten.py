# %% [markdown]
# # Museum 15. Everything is a zero
#
# ## What one sees
#
# A classifier of ten kinds of clothes. With batches of ten pictures it trains: the loss falls, and in the end the
# network says "0" to everything, or "1" now and then. Nine tenths of its answers are wrong. With any other size of
# batch there is an error about shapes that cannot be broadcast.

# %%
import numpy as np

from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: ten pictures are too few for a batch
# - b: the softmax overflows
# - c: the labels come as rows of zeros and a one, and are used as class numbers
# - d: there are more pictures of class 0 than of the others
#
# Name the guilty one, and repair the loss. `scores` and `labels` have the shape (N, K); a row of `labels` has a 1 at
# the right class and 0 elsewhere.

# %%
### BEGIN SOLUTION loss_of_classes
FAULT = "c"
### BLANK
# FAULT = ""
### END SOLUTION


def loss_of_classes(scores, labels):
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_shares = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    ### BEGIN SOLUTION loss_of_classes
    return -(log_shares * labels).sum(axis=1).mean()
    ### BLANK
    # return -log_shares[np.arange(len(labels)), labels.astype(int)].mean()
    ### END SOLUTION


labels = np.eye(10)
print(f"right and sure:    {loss_of_classes(9 * labels, labels):.3f}")
always = np.zeros((10, 10))
always[:, 0] = 9
print(f"always sure of 0:  {loss_of_classes(always, labels):.3f}")
check.loss_of_classes(loss_of_classes, FAULT)
### BEGIN SOLUTION loss_of_classes

# %% [markdown]
# ## What it was
#
# Ten rows of zeros and ones, used as column numbers, ask for column 0 ninety times and for column 1 ten times. NumPy
# stretches the ten row numbers over the table without a word, since ten fits ten. So the loss was small for whoever
# always says 0; here it is `8.101`, and `0.001` for the right answers. Class numbers have the shape (N,) and are
# whole; write the shape beside the name, and try another size of batch than the number of classes: two lengths of
# one program should never be equal by accident.
#
# ## Further reading
#
# - C. R. Harris et al., "Array programming with NumPy", *Nature* 585 (2020), figure 1: indexing with arrays, and
#   what is stretched.

# %%
### BLANK
### END SOLUTION
