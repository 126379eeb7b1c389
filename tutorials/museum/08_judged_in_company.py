# %% [markdown]
# # Museum 8. Judged in company
#
# ## What one sees
#
# A WGAN with gradient penalty whose critic was taken from a good GAN. The penalty does not settle. One picture,
# shown twice, gets different scores; it depends on which other pictures are in the batch.

# %%
import minigen
from minigen import nn
from minigen.course import check

minigen.manual_seed(0)

# %% [markdown]
# ## Suspects
#
# - a: the batch norm: one picture's score depends on the others
# - b: the critic has no sigmoid at its end
# - c: leaky relu has a kink, and the penalty needs second derivatives
# - d: a stride of 2 loses every other pixel
#
# Name the guilty one, and repair the critic, for pictures of 16 by 16. Some normalisation is still wanted in the
# place of the old one.

# %%
### BEGIN SOLUTION PenaltyCritic
FAULT = "a"
### BLANK
# FAULT = ""
### END SOLUTION


def PenaltyCritic():
    return nn.Sequential(
        nn.Conv2d(1, 8, 4, stride=2, padding=1),  # (N, 8, 8, 8)
        nn.LeakyReLU(0.2),
        nn.Conv2d(8, 16, 4, stride=2, padding=1),  # (N, 16, 4, 4)
        ### BEGIN SOLUTION PenaltyCritic
        nn.GroupNorm(num_groups=1, num_channels=16),
        ### BLANK
        # nn.BatchNorm2d(16),
        ### END SOLUTION
        nn.LeakyReLU(0.2),
        nn.Conv2d(16, 1, 4),  # (N, 1, 1, 1)
    )


critic, picture = PenaltyCritic(), minigen.randn(1, 1, 16, 16)
for company in range(3):
    scores = critic(minigen.cat([picture, (company + 1) * minigen.randn(7, 1, 16, 16)]))
    print(f"company {company}: the same picture gets {float(scores[0]):+.3f}")
check.PenaltyCritic(PenaltyCritic, FAULT)
### BEGIN SOLUTION PenaltyCritic

# %% [markdown]
# ## What it was
#
# Batch norm takes mean and variance over the batch, so a score is a function of all pictures in it. The penalty is
# about the gradient of *one* score with respect to *one* picture: with batch norm there is no such thing, and the
# gradient that is taken sums over what the picture does to its neighbours. A norm within each picture, over channels
# and pixels (one group, as here: layer norm), or within each channel of each picture, keeps them apart. So do
# weights that are normalised themselves.
#
# ## Further reading
#
# - I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin and A. Courville, "Improved training of Wasserstein GANs",
#   *Advances in Neural Information Processing Systems* 30 (2017), section 4, no critic batch normalization.
# - Y. Wu and K. He, "Group normalization", arXiv:1803.08494 (2018), figure 2.

# %%
### BLANK
### END SOLUTION
