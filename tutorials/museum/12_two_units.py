# %% [markdown]
# # Museum 12. Two terms in two units
#
# ## What one sees
#
# A variational autoencoder for digits. Reconstructions are very sharp; both terms of the loss go down. But pictures
# from latents that are drawn from the prior are scribbles that look like no digit. With more latents it gets worse.

# %%
import numpy as np

from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: the reconstruction should be averaged over the pixels
# - b: the divergence is averaged over the latents, where the bound has their sum
# - c: both terms should be summed over the batch, too
# - d: the decoder is too weak
#
# Name the guilty one, and repair the function. `errors` has the reconstruction's nats of each pixel, (N, P);
# `divergences` those of each latent, (N, D). Wanted is the negative bound, in nats a picture, averaged over the
# batch.

# %%
### BEGIN SOLUTION vae_loss
FAULT = "b"
### BLANK
# FAULT = ""
### END SOLUTION


def vae_loss(errors, divergences):
    ### BEGIN SOLUTION vae_loss
    return np.mean(errors.sum(axis=1) + divergences.sum(axis=1))
    ### BLANK
    # return errors.sum(axis=1).mean() + divergences.mean()
    ### END SOLUTION


errors = np.full((8, 784), 0.1)
for latents in (2, 20, 200):
    loss = vae_loss(errors, np.full((8, latents), 0.5))
    print(f"{latents:3d} latents of half a nat each: the loss is {loss:6.2f} nats a picture")
check.vae_loss(vae_loss, FAULT)
### BEGIN SOLUTION vae_loss

# %% [markdown]
# ## What it was
#
# The bound is log p(x|z), which is a sum over the pixels, minus a divergence, which is a sum over the latents. A
# mean over one of them is that term times a small weight: with 20 latents the encoder paid a twentieth of what
# information costs. So it used far too much of it, the latents of the training pictures lay far from the prior, and
# the prior's own samples fell into places that no decoder had seen. Weights are allowed (a "beta-VAE" has one), if
# they are named, and no accident of `mean()`. Averaging over pixels instead is the same fault the other way round,
# and more common.
#
# ## Further reading
#
# - D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", arXiv:1312.6114 (2013), equations 7 and 10.
# - I. Higgins et al., "beta-VAE: learning basic visual concepts with a constrained variational framework", *ICLR*
#   (2017): a weight on purpose.

# %%
### BLANK
### END SOLUTION
