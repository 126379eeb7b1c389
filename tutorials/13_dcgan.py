# %% [markdown]
# # 13. DCGAN on digits: every choice of the recipe ablated
#
# *A recipe works. Which of its choices does it need, and how would one find out?*
#
# ## What you will learn
#
# - to build a generator and a discriminator of convolutions whose sizes fit, for any size of picture;
# - to compute how loud the last layer is at the start, and what batch norm has to do with it;
# - to scale pictures into the range of tanh and back without losing a byte;
# - what batch norm in D sees, and why real and forged pictures go through it in batches of their own;
# - to *ablate*: change one choice, hold all others, measure, and say how much of the difference is chance.
#
# ## Before you start
#
# Needed: chapter 7 (transposed convolution, checkerboards), chapter 8 (batch norm) and chapter 12 (the game, and why
# its losses do not say how good the pictures are). About 3 hours.

# %%
from itertools import pairwise

import numpy as np

import minigen
from minigen import nn
from minigen.course import check, quick, show, source
from minigen.course.figures import images
from minigen.data import Glyphs
from minigen.metrics import confidence_share, course_classifier, frechet_distance, to_grey28
from minigen.models import dcgan
from minigen.models.objectives import cross_entropy_discriminator_loss, non_saturating_generator_loss
from minigen.optim import Adam
from minigen.plot import make_grid

minigen.manual_seed(0)

# %% [markdown]
# ## The recipe
#
# Early GANs of convolutions mostly fell over. Radford, Metz and Chintala tried many, and wrote down what held (2016,
# sections 3 and 4):
#
# 1. strides in the place of pooling: D halves the picture with convolutions, G doubles it with transposed ones;
# 2. batch norm in G and in D, but not in G's last layer nor D's first;
# 3. ReLU in G, LeakyReLU with slope 0.2 in D;
# 4. tanh at G's end, and pictures scaled to its range, -1 to 1;
# 5. all weights from N(0, 0.02);
# 6. Adam with a step size of 0.0002 and $\beta_1 = 0.5$ in the place of 0.9; 128 pictures a batch.
#
# It is a list of what worked. It is not a proof that every line is needed. We will look at four of its choices by
# calculation first, and then play the game 13 times.
#
# ## Sizes
#
# G begins with a small map and enlarges it. The paper's layers have a kernel of 5, stride 2 and padding 2. Such a
# convolution takes $n$ pixels to $\lceil n / 2 \rceil$. Its transpose takes $n$ to $2n - 1$, and with an
# `output_padding` of 1 to $2n$ (chapter 7).
#
# ### Exercise 13.1: a plan for any size
#
# Write `plan_generator(size)`: the sizes of G's maps, for pictures of `size` by `size`. Go backwards from the picture:
# halve, rounding up, until the map is `SMALLEST` or less. Return `(sizes, extras)`: the sizes from the smallest up to
# the picture's, and for each layer between them its `output_padding`, in the same order.

# %%
SMALLEST = 4


def plan_generator(size):
    ### BEGIN SOLUTION plan_generator
    sizes = [size]
    while sizes[0] > SMALLEST:
        sizes.insert(0, (sizes[0] + 1) // 2)
    extras = [large - (2 * small - 1) for small, large in pairwise(sizes)]
    return sizes, extras
    ### END SOLUTION


check.plan_generator(plan_generator)

# %% [markdown]
# Most programs today take a kernel of 4 with padding 1. It takes $n$ to $2n$ exactly, with nothing to choose, but then
# only sizes like 4, 8, 16 or 7, 14, 28 can be made. We take that, for pictures of 16 by 16: on one core there is no
# time for larger ones.

# %%
RECIPE = {"norm_g": True, "norm_d": True, "end": nn.Tanh, "kernel": 4, "std": 0.02, "slope": 0.2}
RECIPE |= {"one_batch": False, "range": (-1.0, 1.0), "beta1": 0.5, "lr": 0.004}
LATENT, WIDTH = 32, 16


def norm(on, channels):
    return [nn.BatchNorm2d(channels)] if on else []


def networks(recipe):
    """Return G, noise (N, Z) to pictures (N, 1, 16, 16), and D, pictures to logits (N,)."""
    w, sizes = WIDTH, {"kernel_size": recipe["kernel"], "output_padding": 4 - recipe["kernel"]}
    generator = nn.Sequential(
        nn.Linear(LATENT, 2 * w * 4 * 4, bias=False),
        nn.Unflatten(1, (2 * w, 4, 4)),
        *norm(recipe["norm_g"], 2 * w),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * w, w, stride=2, padding=1, bias=False, **sizes),
        *norm(recipe["norm_g"], w),
        nn.ReLU(),
        nn.ConvTranspose2d(w, 1, stride=2, padding=1, bias=False, **sizes),
        recipe["end"](),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, w, 4, stride=2, padding=1, bias=False),
        nn.LeakyReLU(recipe["slope"]),
        nn.Conv2d(w, 2 * w, 4, stride=2, padding=1, bias=False),
        *norm(recipe["norm_d"], 2 * w),
        nn.LeakyReLU(recipe["slope"]),
        nn.Conv2d(2 * w, 1, 4, bias=False),
        nn.Flatten(0),
    )
    for network in (generator, discriminator):
        dcgan.initialise(network, recipe["std"])
    return generator, discriminator


for name, network in zip("GD", networks(RECIPE), strict=True):
    print(f"{name} has {sum(p.numel() for p in network.parameters()):,} weights")

# %% [markdown]
# ## How loud is the last layer?
#
# At the start all weights are independent, with mean 0 and variance $\sigma^2$. So the variance of a sum of $m$
# products $w_i h_i$ is $m \sigma^2$ times the *mean square* of the $h_i$, and nothing else about $h$ matters. Count
# the products for one pixel of a transposed convolution with kernel $k$ and stride 2, away from the edge: each
# channel reaches it through $(k/2)^2$ taps. ReLU lets half of what comes through, and what has mean 0 and is
# symmetric keeps half of its mean square.
#
# ### Exercise 13.2: the spread before tanh
#
# Write `spread_before_tanh(widths, std, batch_norm)`: the standard deviation of a pixel before tanh, in an untrained
# G. `widths` is `[Z, C1, ..., CL, C]`: noise of Z numbers from N(0, 1), the channels of all maps, and those of the
# picture. The first layer is a linear one, all others are transposed convolutions with the kernel `KERNEL` and stride
# 2. All weights are from N(0, std). Each layer but the last is followed by batch norm, if it is on, and by ReLU.
# (Batch norm makes the variance 1.)

# %%
KERNEL = 4


def spread_before_tanh(widths, std, batch_norm):
    ### BEGIN SOLUTION spread_before_tanh
    square = widths[0] * std**2  # behind the linear layer; all means are 0, so this is the variance
    for channels in widths[1:-1]:
        if batch_norm:
            square = 1.0
        square = square / 2  # relu
        square = channels * (KERNEL / 2) ** 2 * std**2 * square
    return np.sqrt(square)
    ### END SOLUTION


check.spread_before_tanh(spread_before_tanh)

# %% [markdown]
# **Predict before you run.** G has three layers, and each number of weights is in the hundreds. With weights of
# 0.02, how far do the first pictures differ from an even grey? Is it 0.1, 0.01, or less? With batch norm, and
# without?

# %%
for std, batch_norm in ((0.02, True), (0.02, False), (0.2, True), (0.2, False)):
    found = []
    for _ in range(20):
        generator, _ = networks(RECIPE | {"norm_g": batch_norm, "std": std})
        with minigen.no_grad():
            found.append(generator[:-1](minigen.randn(100, LATENT))[:, :, 2:-2, 2:-2].numpy().std())
    square, taps = LATENT * std**2, (RECIPE["kernel"] / 2) ** 2
    for channels in (2 * WIDTH, WIDTH):
        square = channels * taps * std**2 * (1.0 if batch_norm else square) / 2
    print(f"std {std}, batch norm {batch_norm!s:5}: predicted {square**0.5:.4f}, measured {np.mean(found):.4f}")

# %% [markdown]
# With batch norm it is `0.1131`: only the last layer counts, because all before it is made loud again. Without, each
# layer takes its share, and `0.0020` is left. Such pictures are grey, all alike, and they stay so until the weights of
# three layers have grown together. A weight of 0.02 is no law of nature: it fits *these* widths *with* batch norm.
# (The measured numbers are those of one network, and stray a little.)
#
# ## Scaling
#
# Pictures are bytes, 0 to 255. tanh gives -1 to 1. Between them stand two small formulas, which everybody writes, and
# in which there is room for three mistakes: off by one, off by half, and round the corner (256 is stored as 0).
#
# ### Exercise 13.3: into the range and back
#
# Write `to_range(pictures)`, which takes bytes to `LOW` ... 1 (0 to `LOW`, 255 to 1, evenly), and `to_bytes(values)`,
# the way back: an array of `np.uint8` with the *nearest* bytes. Values outside of the range become 0 or 255.

# %%
LOW = -1.0


def to_range(pictures):
    ### BEGIN SOLUTION to_range
    return LOW + (1 - LOW) * (pictures / 255)
    ### END SOLUTION


def to_bytes(values):
    ### BEGIN SOLUTION to_range
    grey = 255 * (values - LOW) / (1 - LOW)
    return np.round(np.clip(grey, 0, 255)).astype(np.uint8)
    ### END SOLUTION


check.to_range(to_range, to_bytes)

# %% [markdown]
# ## What batch norm sees
#
# D's batch norm takes mean and variance from the batch. Which batch? D learns from real pictures and from forged ones.
# They can go through D apart, each normalised by itself, or together as one batch of twice the size.
#
# ### Exercise 13.4: two batches or one
#
# Write `normalised(real, fake, together)`. `real` is (N, C, H, W), `fake` (M, C, H, W). Return both, normalised: for
# each channel, minus the mean, divided by the root of the (biased) variance plus $10^{-5}$. If `together`, mean and
# variance are of all N + M pictures; else each batch has its own.


# %%
def normalised(real, fake, together):
    ### BEGIN SOLUTION normalised
    both = np.concatenate([real, fake])
    results = []
    for x in (real, fake):
        seen = both if together else x
        mean = seen.mean(axis=(0, 2, 3), keepdims=True)
        variance = seen.var(axis=(0, 2, 3), keepdims=True)
        results.append((x - mean) / np.sqrt(variance + 1e-5))
    return tuple(results)
    ### END SOLUTION


check.normalised(normalised)

# %% [markdown]
# **Predict before you run.** A feature of D is much larger for forged pictures than for real ones. After batch norm,
# how far apart are the two means: apart, and together? Can the gap become as large as one likes?

# %%
rng = np.random.default_rng(0)
layer = nn.BatchNorm2d(1, affine=False)
for gap in (1.0, 3.0, 30.0):
    real, fake = rng.standard_normal((2, 64, 1, 4, 4)).astype(np.float32)
    batches = minigen.from_numpy(real), minigen.from_numpy(fake + np.float32(gap))
    apart = [layer(x).mean().item() for x in batches]
    mixed = layer(minigen.cat(batches))
    together = [mixed[:64].mean().item(), mixed[64:].mean().item()]
    print(f"gap {gap:4.1f}: apart {abs(apart[1] - apart[0]):.1f}, together {together[1] - together[0]:.1f}")

# %% [markdown]
# Apart, the gap is `0.0`: D is made blind for the *level* of this feature, and must find other differences. G gets no
# gradient that only says "darker, all of it". Together, the gap is there, but never above 2. And each picture's logit
# then depends on all others in the batch, real ones and forged ones. Advice says: apart. We will see.
#
# ## Thirteen games
#
# The game is chapter 12's: one step of D, one of G, cross entropy, the non-saturating loss. Each game has the same
# number of steps. To judge, we draw 1000 digits, enlarge them to 28 by 28, and ask the course's classifier, which has
# never heard of G:
#
# - *FID*, the Fréchet distance from real digits in the classifier's features: lower is better (chapter 16 builds it);
# - *sure*, the share of pictures of whose class the classifier is at least 90 % sure;
# - *D right*, the share of pictures that D puts on the right side, real or forged, in the last 100 steps;
# - *checks*, the mean square of $(a - b - c + d) / 4$ over squares of $2 \times 2$ pixels, compared with real digits.

# %%
digits = Glyphs(quick(4000, 500), size=16).data[:, None] / np.float32(255)
unseen = Glyphs(1000, size=16, train=False).data[:, None] / np.float32(255)
COUNT = quick(1000, 150)
judge = course_classifier()
features = judge.features(to_grey28(unseen[:COUNT]))


def checks(p):
    return np.mean((p[..., ::2, ::2] - p[..., ::2, 1::2] - p[..., 1::2, ::2] + p[..., 1::2, 1::2]) ** 2)


def judged(pictures):
    """Return FID, share of sure pictures, and checks, of pictures (N, 1, 16, 16) from 0 to 1."""
    seen, p = judge.examine(to_grey28(pictures))
    return frechet_distance(seen, features), confidence_share(p), checks(pictures) / checks(unseen)


def play(recipe, seed):
    """Play one game; return 1000 pictures from 0 to 1, and how often D was right in the end."""
    minigen.manual_seed(seed)
    draw = np.random.default_rng(seed)
    g, d = networks(recipe)
    optimizer_g, optimizer_d = (Adam(n.parameters(), lr=recipe["lr"], betas=(recipe["beta1"], 0.999)) for n in (g, d))
    low, high = recipe["range"]

    def logits(real, fake):
        if recipe["one_batch"]:
            both = d(minigen.cat([real, fake]))
            return both[: len(real)], both[len(real) :]
        return d(real), d(fake)

    right = []
    for _ in range(quick(180, 2)):
        real = minigen.from_numpy(low + (high - low) * digits[draw.integers(len(digits), size=32)])
        fake = g(minigen.randn(32, LATENT))
        on_real, on_fake = logits(real, fake.detach())
        loss = cross_entropy_discriminator_loss(on_real, on_fake)
        optimizer_d.zero_grad()
        loss.backward()
        optimizer_d.step()
        right.append(((on_real > 0).numpy().mean() + (on_fake < 0).numpy().mean()) / 2)
        d.requires_grad_(False)
        loss = non_saturating_generator_loss(logits(real, fake)[1])
        optimizer_g.zero_grad()
        loss.backward()
        optimizer_g.step()
        d.requires_grad_(True)
    g.eval()
    with minigen.no_grad():
        pictures = (g(minigen.randn(COUNT, LATENT)).numpy() - low) / (high - low)
    return pictures.clip(0, 1), np.mean(right[-100:])


fid, sure, _ = judged(digits[:COUNT])
print(f"{'digits of the training set':29} FID {fid:5.1f}, sure {sure:.2f}")

# %% [markdown]
# **Predict before you run.** Here are the games. Which three will do worst? Will any do *better* than the
# recipe? Write it down: afterwards everybody has always known.

# %%
GAMES = {
    "the recipe": {},
    "the recipe, seed 1": {"seed": 1},
    "the recipe, seed 2": {"seed": 2},
    "no batch norm in G": {"norm_g": False},
    "no batch norm in D": {"norm_d": False},
    "one batch for D": {"one_batch": True},
    "sigmoid, pictures from -1": {"end": nn.Sigmoid},
    "tanh, pictures from 0": {"range": (0.0, 1.0)},
    "kernel 3": {"kernel": 3},
    "weights of 0.2": {"std": 0.2},
    "ReLU in D": {"slope": 0.0},
    "beta1 0.9": {"beta1": 0.9},
    "step size 0.0002": {"lr": 0.0002},
}
drawn = {}
for name, changed in GAMES.items():
    pictures, right = play(RECIPE | changed, changed.get("seed", 0))
    fid, sure, ratio = judged(pictures)
    drawn[name] = make_grid(minigen.from_numpy(pictures[:25]), nrow=5, pad_value=1.0)[0].numpy()
    print(f"{name:29} FID {fid:5.1f}, sure {sure:.2f}, D right {right:.2f}, checks {ratio:.1f}")
drawn["real digits"] = make_grid(minigen.from_numpy(unseen[:25]), nrow=5, pad_value=1.0)[0].numpy()
show(images(drawn), "13_games")

# %% [markdown]
# ## Reading the table
#
# **First the recipe's own three rows.** They differ in nothing but the seed, and still their FIDs lie tens apart. That
# is the ruler: a difference of this size says nothing. (No digit here is good. Real ones have 1.6, and these games
# last seconds where others last hours. What we compare is who learns in 180 steps, and who does not.)
#
# *What ends the game.* With a sigmoid, G cannot draw what D is shown. The pictures go down to -1, the sigmoid ends at
# 0, so D only looks at the background: it is right on `~1.00` of all pictures. G goes as low as it can, to where the
# sigmoid is flat and no gradient comes through. Nothing of it is sure, and its picture is an even grey. This happens
# whatever the seed. The other mismatch, tanh with pictures from 0 to 1, is harmless: G can reach all that it needs.
#
# *What makes a great difference.* With $\beta_1 = 0.9$ D wins, and nothing that G draws is sure. Adam then steps along
# a mean of some ten gradients, and the D against whom the older ones were computed is no longer there. With the
# paper's step size of 0.0002 hardly anything has been learnt yet: the number belongs to wide networks and many steps,
# and not to the recipe's idea. Without batch norm in D the FID is much worse. All three were worse than the recipe from
# four other seeds, too.
#
# *What is a lottery.* Without batch norm in G this game never began: the pictures are still the even grey of exercise
# 13.2. From four other seeds that happened once more; once G was slow, once as good as the recipe from the same seed,
# and once better. One seed would have told you any of these stories.
#
# *What did not help here.* ReLU in D and weights of 0.2 did *better* than the recipe from the same seed, from each of
# five seeds; one mixed batch for D did so from four of five. Kernel 3 was worse from four of five, but it has no more
# checks than kernel 4: so few steps make blurred pictures, which have few of any kind. (The stripes in its ground,
# row by row, are another pattern, which this figure does not see.) All this holds for small networks, 16 by 16 pixels,
# and 180 steps. It does not refute the paper, whose networks are ten times as wide. It says which lines of a recipe
# you should not believe before you have tried.
#
# ## The library's version
#
# G as in `minigen train dcgan`, for 28, 32 and 64 pixels, and the first weights. Note batch norm's scales: they are
# weights, too, but their mean is 1.

# %%
source(dcgan.Generator)
source(dcgan.initialise)

# %% [markdown]
# ## What it cannot do
#
# - One change at a time does not see pairs. No batch norm in G *with* weights of 0.2 may be fine; ten changes have 45
#   pairs.
# - The recipe was tuned, and so was our step size, for it. Each rival plays with the recipe's settings, not with its
#   own best ones. That favours the recipe.
# - FID comes from a classifier of digits. It says nothing of whether G has learnt the digits by heart (chapter 16).
# - A stable game is not a complete one: G may have left out slanted sevens, and no figure here would say so.
#
# ## Common misconceptions
#
# - *"DCGAN needs every line of its recipe."* It needs those whose absence was shown to hurt, at its own scale.
# - *"Batch norm in G is there so that G is deep."* With two hidden maps it decides already how loud the last layer is.
# - *"D must be held at 50 %, so that G learns."* In the games that went well D was right on 60 to 80 % of the pictures.
#   What is bad is 100 %, pinned there.
# - *"Sigmoid or tanh is a matter of taste."* Either is fine where the pictures are scaled to it. The mismatch kills.
# - *"It got better in my run, so it is better."* Than by how much does the same run differ from itself?
#
# ## Further exercises
#
# - Play "no batch norm in G" with weights of 0.2, from five seeds. Does the lottery end? What does exercise 13.2 say?
# - `checks` is blind to stripes. Which two other sums of a, b, c and d, with two minus signs each, see them? Measure
#   kernel 3 and kernel 4 with all three, and the untrained networks as well.
# - Give sigmoid its own range, pictures from 0. Where is it then, beside tanh?
# - Draw with the running mean of G's weights (`minigen.models.averaging.moving_average`, decay 0.98). How much FID
#   does it bring, at no cost in training? Why do both players have to circle for that to work?
# - Let one choice have 20 seeds, and the recipe, too. How many seeds does it take to see a difference of 20 in FID?
#
# ## Further reading
#
# - A. Radford, L. Metz and S. Chintala, "Unsupervised representation learning with deep convolutional generative
#   adversarial networks", *ICLR* (2016), sections 3 and 4: the recipe. arXiv:1511.06434.
# - A. Odena, V. Dumoulin and C. Olah, "Deconvolution and checkerboard artifacts", *Distill* (2016),
#   doi:10.23915/distill.00003.
# - T. Salimans et al., "Improved techniques for training GANs", *NeurIPS* (2016), section 3.5: batch norm makes each
#   picture depend on its batch, and a way out. arXiv:1606.03498.
# - M. Lucic, K. Kurach, M. Michalski, S. Gelly and O. Bousquet, "Are GANs created equal? A large-scale study",
#   *NeurIPS* (2018): many seeds and settings for each rival, and what is then left. arXiv:1711.10337.
# - G. Gidel et al., "Negative momentum for improved game dynamics", *AISTATS* (2019): why momentum harms a game.
#   arXiv:1807.04740.
