# %% [markdown]
# # Museum 10. A classifier that is never sure
#
# ## What one sees
#
# A classifier of two kinds of pictures. Its loss starts at 0.72 instead of the 0.69 of a coin, falls for a while,
# and then stays at about a half, whatever one does. It is often right, and the loss still says that it knows
# nothing.

# %%
import numpy as np

from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: the learning rate is too small at the end
# - b: the scores go through the sigmoid twice
# - c: the labels should be -1 and 1
# - d: the loss should be summed over the batch
#
# Name the guilty one, and repair `loss_of_scores`. A score is any number, above 0 for "kind 1".
# `cross_entropy_of_logits` is right, and does not overflow.

# %%
### BEGIN SOLUTION loss_of_scores
FAULT = "b"
### BLANK
# FAULT = ""
### END SOLUTION


def squash(scores):
    return 0.5 * (1 + np.tanh(scores / 2))  # the sigmoid


def cross_entropy_of_logits(logits, labels):
    return np.mean(np.maximum(logits, 0) - logits * labels + np.log1p(np.exp(-np.abs(logits))))


def loss_of_scores(scores, labels):
    ### BEGIN SOLUTION loss_of_scores
    return cross_entropy_of_logits(scores, labels)
    ### BLANK
    # return cross_entropy_of_logits(squash(scores), labels)
    ### END SOLUTION


labels = np.array([1.0, 0.0])
for size in (0.0, 5.0, 50.0):
    print(f"right scores of size {size:2.0f}: the loss is {loss_of_scores(size * (2 * labels - 1), labels):.4f}")
check.loss_of_scores(loss_of_scores, FAULT)
### BEGIN SOLUTION loss_of_scores

# %% [markdown]
# ## What it was
#
# A loss "with logits" applies the sigmoid itself, since only then it can avoid the overflow. Handed a number that is
# already between 0 and 1, it takes it for a score: the smallest is 0, "I do not know", and the largest 1, which is a
# probability of no more than 0.73. So the best loss is (0.69 + 0.31) / 2 for as many pictures of either kind. A loss
# that does not go to 0 on a handful of training examples is always worth a look. (Right, and of size 5, is
# `0.0067`.)
#
# ## Further reading
#
# - C. M. Bishop, *Pattern recognition and machine learning*, Springer (2006), section 4.3.2: the sigmoid and its
#   loss belong together.

# %%
### BLANK
### END SOLUTION
