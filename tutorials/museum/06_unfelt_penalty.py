# %% [markdown]
# # Museum 6. The penalty that nobody feels
#
# ## What one sees
#
# A critic with gradient penalty. The penalty is computed, multiplied by 10, added to the loss, and printed: it
# grows. The critic's weights grow, too. Multiplying it by 1000 instead changes what is printed, and not one weight.

# %%
import numpy as np

import minigen
from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: the weight of the penalty is still too small
# - b: `tanh` is too flat for a critic
# - c: the slope with respect to the pictures was computed without a graph, so nothing leads back to the weights
# - d: the penalty must be subtracted, as the critic maximises
#
# Name the guilty one, and repair the function. The critic is `tanh(x @ w1) @ w2`; wanted is the gradient of mean
# score plus 10 times penalty with respect to `w1` and `w2`. (A whole critic's loss has real and forged pictures; one
# kind is enough to see the fault.)

# %%
### BEGIN SOLUTION critic_pull
FAULT = "c"
### BLANK
# FAULT = ""
### END SOLUTION


def critic_pull(w1, w2, x):
    w1, w2, x = (minigen.from_numpy(np.array(a)).requires_grad_() for a in (w1, w2, x))
    scores = (x @ w1).tanh() @ w2  # (N, 1)
    ### BEGIN SOLUTION critic_pull
    (slope,) = minigen.grad(scores.sum(), [x], create_graph=True)  # (N, D)
    ### BLANK
    # (slope,) = minigen.grad(scores.sum(), [x], retain_graph=True)  # (N, D)
    ### END SOLUTION
    penalty = (((slope**2).sum(1).sqrt() - 1) ** 2).mean()
    loss = scores.mean() + 10 * penalty
    return [g.numpy() for g in minigen.grad(loss, [w1, w2])]


rng = np.random.default_rng(0)
x, w1, w2 = rng.standard_normal((5, 3)), rng.standard_normal((3, 4)), 5 * rng.standard_normal((4, 1))
dw1, dw2 = critic_pull(w1, w2, x)
print(f"the length of the gradient: {np.linalg.norm(dw1):.1f} for w1, {np.linalg.norm(dw2):.1f} for w2")
check.critic_pull(critic_pull, FAULT)
### BEGIN SOLUTION critic_pull

# %% [markdown]
# ## What it was
#
# The penalty is made of a gradient. To change it, one needs the gradient of a gradient, and for that the first walk
# backward must record what it computes: `create_graph=True`. With `retain_graph=True` the graph of the scores is
# kept for another walk, but the slope is a constant like any other array. The mean score kept the loss attached to
# the weights, so no error was raised; alone, the penalty would have complained. A good test of every term of a loss:
# leave out all the others, and see that the weights get a gradient.
#
# ## Further reading
#
# - I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin and A. Courville, "Improved training of Wasserstein GANs",
#   *Advances in Neural Information Processing Systems* 30 (2017), section 4.

# %%
### BLANK
### END SOLUTION
