# %% [markdown]
# # Museum 11. The loss without a bottom
#
# ## What one sees
#
# A variational autoencoder whose loss falls faster than any before: below 0, then below -1,000, and after some
# minutes it is not a number. The reconstructions were perfect until then. New pictures, made from latents drawn from
# the prior, are noise.

# %%
import numpy as np

from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: the decoder's scores overflow
# - b: the learning rate is too large
# - c: the divergence from the prior has the wrong sign
# - d: a log-variance must not be negative
#
# Name the guilty one, and repair the function: the divergence of a normal distribution with this mean and variance
# (independent numbers) from the standard normal, one for each picture. Both arrays have the shape (N, D).

# %%
### BEGIN SOLUTION kl_to_prior
FAULT = "c"
### BLANK
# FAULT = ""
### END SOLUTION


def kl_to_prior(mean, log_variance):
    ### BEGIN SOLUTION kl_to_prior
    return 0.5 * np.sum(mean**2 + np.exp(log_variance) - 1 - log_variance, axis=1)
    ### BLANK
    # return 0.5 * np.sum(1 + log_variance - mean**2 - np.exp(log_variance), axis=1)
    ### END SOLUTION


for shift in (0.0, 1.0, 3.0):
    kl = kl_to_prior(np.full((1, 4), shift), np.zeros((1, 4)))
    print(f"4 latents with the mean {shift:.0f} and the variance 1: {kl[0]:+.1f} nats")
check.kl_to_prior(kl_to_prior, FAULT)
### BEGIN SOLUTION kl_to_prior

# %% [markdown]
# ## What it was
#
# In the paper the formula stands with the opposite sign: there the bound is made *larger*, so it has "minus KL".
# Copied into a loss, it must be turned around. A divergence is never negative, and 0 only where both distributions
# are the same; here it paid the encoder for going away from the prior, and there is no farthest place. Two tests of
# one line each find this: 0 at the prior, and above 0 elsewhere (`+2.0` nats where each of 4 means is moved by 1).
#
# ## Further reading
#
# - D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", arXiv:1312.6114 (2013), appendix B: the formula,
#   as minus KL.

# %%
### BLANK
### END SOLUTION
