# %% [markdown]
# # Museum 3. Twenty-five votes against one
#
# ## What one sees
#
# A GAN for pictures of 32 by 32 points. No error, no warning. The discriminator wins at once, whatever the learning
# rates, and the samples, looked at closely, are small.

# %%
import minigen
from minigen import nn
from minigen.course import check

minigen.manual_seed(0)

# %% [markdown]
# ## Suspects
#
# - a: `Tanh` at the end of the generator cannot make white
# - b: the networks are made for pictures of different sizes than the real ones, and nothing compares sizes
# - c: the noise has too few numbers
# - d: leaky relu lets negative numbers through
#
# Name the guilty one, and repair both networks: pictures of 32 by 32, and one number for each picture. (The labels
# were made with `ones_like(scores)`, so they had whatever shape the scores had.)

# %%
### BEGIN SOLUTION Generator32
FAULT = "b"
### BLANK
# FAULT = ""
### END SOLUTION


def Generator32():
    return nn.Sequential(
        nn.ConvTranspose2d(16, 32, 4),  # (N, 32, 4, 4)
        nn.ReLU(),
        nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),  # (N, 16, 8, 8)
        nn.ReLU(),
        ### BEGIN SOLUTION Generator32
        nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1),  # (N, 8, 16, 16)
        nn.ReLU(),
        nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1),  # (N, 1, 32, 32)
        ### BLANK
        # nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1),
        ### END SOLUTION
        nn.Tanh(),
    )


def Discriminator32():
    return nn.Sequential(
        nn.Conv2d(1, 8, 4, stride=2, padding=1),  # (N, 8, 16, 16)
        nn.LeakyReLU(0.2),
        nn.Conv2d(8, 16, 4, stride=2, padding=1),  # (N, 16, 8, 8)
        nn.LeakyReLU(0.2),
        ### BEGIN SOLUTION Generator32
        nn.Conv2d(16, 32, 4, stride=2, padding=1),  # (N, 32, 4, 4)
        nn.LeakyReLU(0.2),
        nn.Conv2d(32, 1, 4),  # (N, 1, 1, 1)
        ### BLANK
        # nn.Conv2d(16, 1, 4),
        ### END SOLUTION
    )


fakes = Generator32()(minigen.randn(2, 16, 1, 1))
reals = minigen.randn(2, 1, 32, 32)
D = Discriminator32()
print("fakes", tuple(fakes.shape), "are answered with", tuple(D(fakes).shape))
print("reals", tuple(reals.shape), "are answered with", tuple(D(reals).shape))
check.Generator32(Generator32, Discriminator32, FAULT)
### BEGIN SOLUTION Generator32

# %% [markdown]
# ## What it was
#
# The generator ended at 16 by 16, and the discriminator had two halvings where 32 by 32 needs three. So it gave 5
# by 5 votes on each real picture and one on each fake; `ones_like` and `zeros_like` made labels of any shape, and
# the loss averaged over whatever came. Convolutions take pictures of every size. Write the shape at the end of each
# line, and compare: `assert fakes.shape == reals.shape`. `minigen check --shapes FILE` finds this fault by itself.
#
# ## Further reading
#
# - A. Radford, L. Metz and S. Chintala, "Unsupervised representation learning with deep convolutional generative
#   adversarial networks", arXiv:1511.06434 (2015), figure 1: a generator with its sizes.

# %%
### BLANK
### END SOLUTION
