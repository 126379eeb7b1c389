# %% [markdown]
# # Museum 21. Two shuffles
#
# ## What one sees
#
# A classifier learns nothing: the loss stays at that of a guess, then falls very slowly on the training set, where
# it learns by heart, and not at all on the test set. Without shuffling it learns.

# %%
import numpy as np

from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: shuffling makes training harder
# - b: pictures and labels are shuffled separately, so that each picture gets another's label
# - c: some pictures are drawn twice
# - d: the last batch is too small
#
# Name the guilty one, and repair the function, which returns all pictures and their labels in an order drawn by
# chance from `seed`.

# %%
### BEGIN SOLUTION mixed_epoch
FAULT = "b"
### BLANK
# FAULT = ""
### END SOLUTION


def mixed_epoch(pictures, labels, seed):
    rng = np.random.default_rng(seed)
    ### BEGIN SOLUTION mixed_epoch
    order = rng.permutation(len(pictures))
    return pictures[order], labels[order]
    ### BLANK
    # return rng.permutation(pictures), rng.permutation(labels)
    ### END SOLUTION


numbers = np.arange(1000)
pictures, labels = mixed_epoch(numbers, numbers, seed=0)
print(f"of 1000 pictures {int((pictures == labels).sum())} have their own label")
check.mixed_epoch(mixed_epoch, FAULT)
### BEGIN SOLUTION mixed_epoch

# %% [markdown]
# ## What it was
#
# Each call of `permutation` draws an order of its own. What belongs together must be moved by one and the same
# order: draw the order once, and index everything with it. No shape was wrong, and all pictures and all labels were
# there. The quickest test is to look at twenty pictures with their labels *as the network gets them*, after the
# loader. A large network learns wrong labels, too, by heart: a falling training loss proves little.
#
# ## Further reading
#
# - C. Zhang, S. Bengio, M. Hardt, B. Recht and O. Vinyals, "Understanding deep learning requires rethinking
#   generalization", arXiv:1611.03530 (2016), section 2.1: labels by chance are learnt by heart.

# %%
### BLANK
### END SOLUTION
