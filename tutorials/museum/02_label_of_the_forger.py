# %% [markdown]
# # Museum 2. The forger who wants to be caught
#
# ## What one sees
#
# A GAN trains without an error. The discriminator's loss falls to nearly 0 within a few steps and stays there. So
# does the generator's, and its pictures stay noise. The people who wrote it were pleased: both losses are small.

# %%
import numpy as np

from minigen.course import check

# %% [markdown]
# ## Suspects
#
# - a: the generator's learning rate is too small
# - b: the discriminator sees too many real pictures
# - c: the generator's loss asks for the label of a forgery
# - d: the loss overflows
#
# A score above 0 means "I take it for real". `bce` is the cross entropy of a score with a label, averaged; it is
# written so that it does not overflow, and it is right.


# %%
def bce(scores, labels):
    return np.mean(np.maximum(scores, 0) - scores * labels + np.log1p(np.exp(-np.abs(scores))))


def discriminator_loss(real_scores, fake_scores):
    return bce(real_scores, np.ones_like(real_scores)) + bce(fake_scores, np.zeros_like(fake_scores))


### BEGIN SOLUTION generator_loss
FAULT = "c"
### BLANK
# FAULT = ""
### END SOLUTION


def generator_loss(fake_scores):
    ### BEGIN SOLUTION generator_loss
    return bce(fake_scores, np.ones_like(fake_scores))
    ### BLANK
    # return bce(fake_scores, np.zeros_like(fake_scores))
    ### END SOLUTION


for score in (-3.0, 0.0, 3.0):
    print(f"the discriminator says {score:+.0f}: the generator's loss is {generator_loss(np.array([score])):.3f}")
check.generator_loss(generator_loss, FAULT)
### BEGIN SOLUTION generator_loss

# %% [markdown]
# ## What it was
#
# The generator's loss was small where the discriminator recognised the forgery. So every step made the forgeries
# easier to recognise: both players worked for the same side. The label must be that of a real picture. (Then the
# loss is `3.049` where the discriminator is sure that it sees a forgery, and `0.049` where it is taken in.)
# Changing the sign instead, as the first paper wrote the game, points the right way, but is flat just where the
# generator is worst.
#
# ## Further reading
#
# - I. Goodfellow et al., "Generative adversarial nets", *Advances in Neural Information Processing Systems* 27
#   (2014), section 3: why the generator should maximise log D(G(z)).

# %%
### BLANK
### END SOLUTION
