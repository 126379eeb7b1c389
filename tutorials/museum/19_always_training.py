# %% [markdown]
# # Museum 19. Alone, everybody is average
#
# ## What one sees
#
# A network with batch norm, well trained. Asked about one picture it says the same as about any other picture. Asked
# about a hundred it is very good, unless all of them are of one kind.

# %%
import numpy as np

import minigen
from minigen import nn
from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: the running mean moves too slowly
# - b: batch norm needs batches, so it cannot be used on one picture
# - c: the network answers in training mode, with the statistics of the batch
# - d: gradients are recorded while it answers
#
# Name the guilty one, and repair `scores_alone`, which answers for each row of `x` by itself, after a training that
# only collects statistics.

# %%
### BEGIN SOLUTION scores_alone
FAULT = "c"
### BLANK
# FAULT = ""
### END SOLUTION


def scores_alone(seen, x, weight):
    net = nn.BatchNorm1d(seen.shape[1])
    for _ in range(100):  # "training"
        net(minigen.from_numpy(np.array(seen, dtype=np.float32)))
    rows = []
    for row in np.array(x, dtype=np.float32):
        ### BEGIN SOLUTION scores_alone
        net.eval()
        with minigen.no_grad():
            rows.append(net(minigen.from_numpy(row[None])).numpy()[0] @ weight)
        ### BLANK
        # with minigen.no_grad():  # the row twice, as one alone has no variance
        #     rows.append(net(minigen.from_numpy(np.stack([row, row]))).numpy()[0] @ weight)
        ### END SOLUTION
    return np.array(rows)


seen = np.random.default_rng(0).standard_normal((50, 3)) + 5
for kind, values in (("typical", [5.0, 5.0, 5.0]), ("large", [9.0, 9.0, 9.0]), ("small", [1.0, 1.0, 1.0])):
    print(f"{kind:>7}: {scores_alone(seen, [values], np.ones(3))[0]:+.1f}")
check.scores_alone(scores_alone, FAULT)
### BEGIN SOLUTION scores_alone

# %% [markdown]
# ## What it was
#
# In training mode each feature is compared with the other pictures of the batch. A picture that is alone is exactly
# average in everything, so every answer is the same. (An error told of that; somebody silenced it by giving the
# picture twice.) `eval()` makes the layer use what it has collected, and `no_grad` does not: they are two different
# things. In training mode every question also moves the running statistics.
#
# ## Further reading
#
# - S. Ioffe and C. Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
#   shift", arXiv:1502.03167 (2015), section 3.1 and algorithm 2.

# %%
### BLANK
### END SOLUTION
