# %% [markdown]
# # Museum 17. Clipped too soon
#
# ## What one sees
#
# A WGAN that clips the critic's weights to [-c, c], as in the first paper. Yet the weights that are saved lie
# outside, the more the larger the learning rate, and the reported distance is larger than the largest that such a
# critic could give.

# %%
import numpy as np

from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: the weights are clipped before the step, so that every step ends outside
# - b: the gradient should be clipped, not the weights
# - c: the critic is trained too often
# - d: real and forged pictures are exchanged in the distance
#
# Name the guilty one, and repair the training of this critic. Its score is `x @ w`; for each pair of batches it
# climbs the difference of the mean scores. Weights that come in may lie outside.

# %%
### BEGIN SOLUTION critic_steps
FAULT = "a"
### BLANK
# FAULT = ""
### END SOLUTION


def critic_steps(w, batches, rate, c):
    for real, fake in batches:
        slope = real.mean(axis=0) - fake.mean(axis=0)
        ### BEGIN SOLUTION critic_steps
        w = np.clip(w + rate * slope, -c, c)
        ### BLANK
        # w = np.clip(w, -c, c) + rate * slope
        ### END SOLUTION
    return w


rng = np.random.default_rng(0)
batches = [(rng.standard_normal((16, 3)) + 2, rng.standard_normal((16, 3))) for _ in range(5)]
for rate in (0.001, 0.01, 0.1):
    w = critic_steps(np.zeros(3), batches, rate, c=0.01)
    print(f"rate {rate:.3f}: the largest weight is {np.abs(w).max():.4f}, and 0.0100 is allowed")
check.critic_steps(critic_steps, FAULT)
### BEGIN SOLUTION critic_steps

# %% [markdown]
# ## What it was
#
# What is clipped is what the generator should be taught by, so clipping belongs *after* each step of the critic: in
# the paper's algorithm it is the last line of the inner loop. Clipped before, the critic that the generator meets is
# outside by up to one whole step, and the bound on its slope, for which all this is done, does not hold. Clipping
# after the inner loop only leaves the steps between unbound, too. Whatever restores a condition goes behind whatever
# breaks it.
#
# ## Further reading
#
# - M. Arjovsky, S. Chintala and L. Bottou, "Wasserstein GAN", arXiv:1701.07875 (2017), algorithm 1, line 7.

# %%
### BLANK
### END SOLUTION
