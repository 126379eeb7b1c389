# %% [markdown]
# # Museum 4. Spread too far
#
# ## What one sees
#
# A variational autoencoder. Its encoder gives a mean and the logarithm of a variance for each picture, and a latent
# is drawn from there. It trains, the loss falls, but reconstructions stay blurred, and the latents of one picture,
# drawn many times, scatter more (or less) than the encoder said.

# %%
import numpy as np

from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: the noise is drawn from a normal distribution instead of a uniform one
# - b: `exp` of the log-variance is a variance, and it is used as a standard deviation
# - c: mean and noise should be joined end to end, not added
# - d: the encoder should give the variance itself, not its logarithm
#
# Name the guilty one, and repair `draw_latent`. `noise` is standard normal, in the shape of `mean`.

# %%
### BEGIN SOLUTION draw_latent
FAULT = "b"
### BLANK
# FAULT = ""
### END SOLUTION


def draw_latent(mean, log_variance, noise):
    ### BEGIN SOLUTION draw_latent
    return mean + np.exp(log_variance / 2) * noise
    ### BLANK
    # return mean + np.exp(log_variance) * noise
    ### END SOLUTION


noise = np.random.default_rng(0).standard_normal(100_000)
for variance in (0.25, 1.0, 4.0):
    drawn = draw_latent(np.zeros_like(noise), np.full_like(noise, np.log(variance)), noise)
    print(f"the encoder says {variance:.2f}, the latents have the variance {drawn.var():.2f}")
check.draw_latent(draw_latent, FAULT)
### BEGIN SOLUTION draw_latent

# %% [markdown]
# ## What it was
#
# The square root was missing: with `exp(log_variance)` in the place of the standard deviation, a variance of 4
# became one of 16, and one of 0.25 one of 0.06. Where the variance is 1, nothing shows, and a new network begins
# near 1: a test at the start of training finds nothing. Meanwhile the KL term computed with the right variance, so
# that the two terms of the loss spoke of two different distributions. Halving the logarithm is the square root.
#
# ## Further reading
#
# - D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", arXiv:1312.6114 (2013), section 2.4 and appendix
#   B.

# %%
### BLANK
### END SOLUTION
