# %% [markdown]
# # 18. Reading five articles critically
#
# *An article shows formulas and a program. How do you find out, in an hour and without a GPU, whether they are right?*
#
# ## What you will learn
#
# - five questions to put to any article: what are the sizes, what does it say before it has learnt, what do extreme
#   cases give, what changes when one thing changes, and how much of the result is chance;
# - what a loss must be at its first step, how low it can fall, and why a loss that falls may mean nothing;
# - to tell a fault that stops a program from one that does not, which is worse;
# - to say "this is not shown" instead of "this is wrong", where that is all you know.
#
# ## Before you start
#
# Needed: chapter 5 (sizes), chapter 10 (cross entropy, nats) and chapter 12 (the game of a GAN). What a variational
# autoencoder needs is said here. About 3 hours.

# %%
from itertools import pairwise

import numpy as np

import minigen
from minigen import nn
from minigen.checks.shapes import lint
from minigen.course import check, quick, show, source
from minigen.course.figures import curves

minigen.manual_seed(0)
rng = np.random.default_rng(0)

# %% [markdown]
# ## The five articles
#
# They are introductions to image generation, in Chinese, from the web, with nine programs. (Of two, our copies have
# neither a title nor an author.)
#
# 1. One on CNNs and GANs for "creative image generation". A classifier and a GAN, PyTorch.
# 2. "卷积神经网络在图像生成任务中的应用与实践" (convolutional networks in image generation: use and practice), by
#    禅与计算机程序设计艺术. A DCGAN, PyTorch.
# 3. One on neural networks in image generation. A classifier, a GAN and a VAE, TensorFlow.
# 4. "生成对抗网络与卷积神经网络的结合" (joining GANs and CNNs), by the same author. A DCGAN, PyTorch.
# 5. "机器学习与人工智能的图像生成应用" (image generation by machine learning), by the same author. A DCGAN, and one
#    with conditions, PyTorch.
#
# This is what came of running them:
#
# | program | what it does | faults, in our words |
# |---|---|---|
# | 1, classifier | stops | pooled twice, features counted as if once; hidden by `view(-1, ...)` (Museum 1) |
# | 1, GAN | stops | sizes; D is never shown a drawn picture; G wants to be caught (Museum 2) |
# | 2, DCGAN | stops | the number of colours is used as the width of the networks; G doubles once too often |
# | 3, classifier | wants labels of another form | sizes right; it is watched on the test set |
# | 3, GAN | stops | 32 pixels against 28; functions that do not exist; one drawn picture beside 128 real ones |
# | 3, "VAE" | stops | no mean, no variance, nothing is drawn; its divergence is none |
# | 4, DCGAN | **runs**, given pictures | draws 32 pixels, is shown 64; nothing compares them (Museum 3) |
# | 5, DCGAN | has no training | draws 16 pixels; D answers four or sixteen times for each larger picture |
# | 5, with conditions | stops | pictures and vectors are joined; a "condition" of 784 numbers for ten classes |
#
# Six stop with an error, whatever they are given. The most careful one is the one that harms: it runs to its end, its
# losses look like losses, and it trains the wrong thing. An error message is the best that can happen to a reader.
#
# To find this out needs no GPU, and for the most part no run. What it needs is questions. Nor is it meant as mockery:
# each of these faults is easily made, and you have probably made some of them.
#
# ## First question: what are the sizes?
#
# Take a pencil and write the shape behind each line. That takes ten minutes, and it finds most of what stands in the
# table.
#
# **Predict before you run.** In program 2 all sizes of the generator fit. But the variable that holds the number of
# colours, 3, stands where DCGAN has the width of the network, 64. By which factor do the parameters shrink: 21, 80, or
# 450?


# %%
def grow(*channels):
    """A generator: to 4 x 4 pixels, then doubled by every further layer."""
    layers = [nn.ConvTranspose2d(channels[0], channels[1], 4, 1, 0, bias=False)]
    for before, after in pairwise(channels[1:]):
        layers += [nn.BatchNorm2d(before), nn.ReLU(), nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False)]
    return nn.Sequential(*layers, nn.Tanh())


def shrink(*channels):
    """A discriminator: halved by every layer, and a last one with a window of 4 x 4."""
    layers = []
    for before, after in pairwise(channels[:-1]):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(channels[-2], channels[-1], 4, 1, 0, bias=False))


noise = minigen.randn(2, 100, 1, 1)
for width in (3, 64):
    generator = grow(100, 8 * width, 4 * width, 2 * width, width, 3)
    count = sum(p.numel() for p in generator.parameters())
    print(f"width {width}: {count:,} parameters, pictures {generator(noise).shape}")
discriminator = shrink(3, 6, 12, 24, 1)
for side in (32, 64):
    print(f"a discriminator made for 32 pixels, shown {side}: {discriminator(minigen.randn(2, 3, side, side)).shape}")
for side in (16, 32, 64):
    print(f"program 5, {side} pixels: {128 * (side // 4) ** 2} features, wanted {128 * 4 * 4 + 784}")

# %% [markdown]
# `44,682` in place of `3,576,704`, a factor of 80; the last hidden layer squeezes each picture through three maps. No
# size is wrong there, so count parameters, too: you know roughly what a network of its kind has. The pictures have
# 64 pixels a side and the discriminator was made for 32. It answers with 5 x 5 numbers, and here the loss stops the
# program, because its labels are made in one shape. Had they been made with `ones_like`, nothing would (Museum 3).
#
# The numbers of the second program of article 5 tell a story. It wants `2832` features, which no size of picture gives.
# 2832 is 2048 + 784, and 784 is 28 * 28: somebody once had MNIST in mind, and gave the *picture* where the *class*
# belongs. A number that you cannot explain is a place to dig.
#
# ### Exercise 18.1: the pencil
#
# Write `flatten_size(shape, layers)`: how many numbers a picture of shape (C, H, W) has after all layers, flattened,
# or 0 if some layer does not have room. A layer is `("conv", out_channels, kernel, stride, padding)`, or
# `("up", out_channels, kernel, stride, padding)`, which is a transposed convolution, or `("pool", kernel)`, whose
# windows touch.


# %%
def flatten_size(shape, layers):
    ### BEGIN SOLUTION flatten_size
    channels, *sides = shape
    for kind, *numbers in layers:
        if kind == "pool":
            sides = [side // numbers[0] for side in sides]
        else:
            channels, kernel, stride, padding = numbers
            if kind == "conv":
                sides = [(side + 2 * padding - kernel) // stride + 1 for side in sides]
            else:
                sides = [(side - 1) * stride + kernel - 2 * padding for side in sides]
        if min(sides) < 1:
            return 0
    return channels * sides[0] * sides[1]
    ### END SOLUTION


check.flatten_size(flatten_size)

# %% [markdown]
# ## Second question: what does it say before it has learnt?
#
# A classifier that knows nothing gives each of K classes the probability 1/K. Its loss is $\ln K$: 2.303 for ten
# classes, 0.693 for two. A discriminator's loss is a sum of two such: 1.386, or half of it where the program divides
# by two. So the first line that a program prints tells how many terms its loss has, in which unit, and whether labels
# and network fit. A first loss of 7 is a fault, or a bad start. One of 0.1 is a fault, unless the network comes
# trained.
#
# The last line has a limit, too. With labels 0 and 1 the loss of a perfect guess is 0. With softened labels it is not,
# and what is smaller than the limit is not that loss.
#
# ### Exercise 18.2: from where to where
#
# The loss is $\frac1N \sum_n \sum_k -t_{nk} \ln p_{nk}$, with targets `t` (N, K), not below 0, whose rows need not sum
# to 1. Write `loss_bounds(t)`, which returns `(untrained, least)`: the loss if all $p_{nk} = 1/K$, and the least loss
# that probabilities can reach. ($0 \ln 0$ is 0. The best $p$ of a row is proportional to its $t$.)


# %%
def loss_bounds(t):
    ### BEGIN SOLUTION loss_bounds
    weight = t.sum(axis=1, keepdims=True)  # (N, 1)
    untrained = weight.mean() * np.log(t.shape[1])
    shares = t / np.where(weight > 0, weight, 1)
    least = np.mean(np.sum(-t * np.log(np.where(shares > 0, shares, 1)), axis=1))
    return untrained, least
    ### END SOLUTION


check.loss_bounds(loss_bounds)

# %% [markdown]
# Here are two discriminators, both linear, both beginning with weights of 0. Real samples are N(0, 1), drawn ones
# N(2, 1). One is shown both kinds. The other, as in program 1, only real ones.
#
# **Predict before you run.** Where does each loss begin? Which falls lower, and which discriminator is the better one?

# %%
real, drawn = rng.normal(0, 1, 500), rng.normal(2, 1, 500)
lines = {}
for name, kinds in {"shown both": [(1, real), (-1, drawn)], "shown real ones only": [(1, real)]}.items():
    w, losses = np.zeros(2), []
    for _ in range(quick(200, 20)):
        scores = [sign * (w[0] * x + w[1]) for sign, x in kinds]  # positive where D is right
        losses.append(sum(np.logaddexp(0, -s).mean() for s in scores))
        for (sign, x), s in zip(kinds, scores, strict=True):
            pull = sign / (1 + np.exp(s))
            w = w + 0.3 * np.array([np.mean(pull * x), np.mean(pull)])
    says = np.mean(1 / (1 + np.exp(-(w[0] * drawn + w[1]))))
    print(f"{name}: first loss {losses[0]:.3f}, last {losses[-1]:.2f}; of drawn samples D says {says:.2f}")
    lines[name] = (range(len(losses)), losses)
show(curves(lines, x="step", y="loss (nats)", title="The lower loss is the worse discriminator"), "18_losses")

# %% [markdown]
# `1.386` and `0.693`: the first number of the log would have told that a term is missing. The second one falls to
# `~0.02`, because "real" to everything is a perfect answer if there is nothing but real; of drawn samples it says
# `~0.98`, and G, whom it should teach, would hear nothing. What *must* fall is a loss with a fixed target, as a
# classifier's on its training set. The losses of a game need not (chapter 12). And what falls to 0 at once was probably
# no question.
#
# ## Third question: what do extreme cases give?
#
# Put in numbers for which you know the answer: all equal, one alone, nothing, a perfect player, a player who is always
# wrong. Here are three formulas from the articles.
#
# - Article 1 pools by "the maximum over j of the mean over j".
# - Article 3 lets D *minimise* $\mathbb{E} \log D(x) + \mathbb{E} \log (1 - D(G(z)))$.
# - Article 3 has, for the divergence of its VAE from the prior, the cross entropy of *ones* and 32 latents. (Keras
#   divides them by their sum first.)
#
# **Predict before you run.** For each: which input shows in a moment that it cannot be right?

# %%
window = np.array([0.0, 0.0, 0.0, 8.0])
print(f"a window with one bright pixel: its maximum is {window.max():.0f}, the formula gives {window.mean():.0f}")
for name, on_real, on_drawn in (("perfect", 0.99, 0.01), ("blind", 0.5, 0.5), ("always wrong", 0.01, 0.99)):
    print(f"a D that is {name}: {np.log(on_real) + np.log(1 - on_drawn):.3f}")


def printed_divergence(latents):
    return -np.log(latents / latents.sum()).sum()


common = np.linspace(0.02, 0.98, 49)
printed = [printed_divergence(np.full(32, c)) for c in common]
true = [32 * c**2 / 2 for c in common]  # of N(c, 1) from N(0, 1), 32 times
for c in (0.1, 0.5, 0.9):
    latents = np.full(32, c)
    print(f"all latents {c}: the formula gives {printed_divergence(latents):.3f}, the divergence is {16 * c**2:.2f}")
lines = {"what is printed": (common, printed), "divergence of N(c, 1) from N(0, 1)": (common, true)}
show(curves(lines, x="c, the value of all 32 latents", y="nats", title="A formula that cannot tell"), "18_divergence")

# %% [markdown]
# - Over a mean there is nothing left to take a maximum of: `2` in place of `8`. It is average pooling.
# - The D that is always wrong has the smallest value, `-9.210`, and the perfect one the largest, `-0.020`. So D must
#   maximise. (The sign of a loss is the cheapest test of all: which player would it reward?)
# - A divergence must be 0 where two distributions agree, and grow where they part. This one is `110.904` wherever all
#   latents are equal, far from the prior or near it. It is smallest there, so it pulls the latents to *each other*. Its
#   least value is your `loss_bounds(np.ones((1, 32)))`: $32 \ln 32$.
#
# Article 3 also prints a bound for its VAE (chapter 11), with one term too many. What a VAE raises for a picture $x$ is
#
# $$ \mathbb{E}_{z \sim q} \log p(x | z) - \mathrm{KL}(q \| p_0), $$
#
# with the prior $p_0$ of the latents, and $q$, the distribution of latents that the encoder gives. The article adds
# $\mathbb{E} \log p_0(z)$. What extreme case helps? The expression is called a *lower bound* because it never is above
# $\log p(x)$, and equals it where $q$ is the true distribution of $z$ given $x$. Where everything is Gaussian, all of
# this can be computed.
#
# ### Exercise 18.3: a bound that is one
#
# Let $p_0 = N(0, 1)$, $p(x | z) = N(\text{SLOPE} \cdot z, 1)$ and $q = N(m, s^2)$, all of one dimension. Write
# `evidence_bound(x, m, s)` in nats, for arrays (N,), without drawing samples. The divergence is
# $\mathrm{KL} = \frac12 (m^2 + s^2 - 1) - \ln s$. (Useful: $\mathbb{E} (x - a z)^2 = (x - a m)^2 + a^2 s^2$.)

# %%
SLOPE = 2.0


def evidence_bound(x, m, s):
    ### BEGIN SOLUTION evidence_bound
    square = (x - SLOPE * m) ** 2 + SLOPE**2 * s**2
    reconstruction = -(np.log(2 * np.pi) + square) / 2
    divergence = (m**2 + s**2 - 1) / 2 - np.log(s)
    return reconstruction - divergence
    ### END SOLUTION


check.evidence_bound(evidence_bound)

# %% [markdown]
# The check holds it to these two properties, too. With the article's extra term the second one fails: the bound is
# highest at a $q$ that is too narrow, because the prior pulls twice.
#
# ## Fourth question: what changes when I change one thing?
#
# A program claims that D learns from real and drawn samples, and that G learns to fool D. Each of these is an
# experiment. In program 1 the loss of G has two terms: D's verdict on drawn samples, and D's verdict on *real* ones.
#
# **Predict before you run.** What does the second term do to G?


# %%
def gradient_of_g(with_real):
    g = minigen.tensor([0.5, 1.0], requires_grad=True)
    z, x = minigen.from_numpy(rng_z), minigen.from_numpy(real)
    loss = -minigen.log(minigen.sigmoid(0.7 * (g[0] * z + g[1]) - 0.2)).mean()
    if with_real:
        loss = loss - minigen.log(minigen.sigmoid(0.7 * x - 0.2)).mean()
    loss.backward()
    return loss.item(), g.grad.numpy()


rng_z = rng.normal(size=500)
(loss_without, without), (loss_with, with_real) = gradient_of_g(False), gradient_of_g(True)
print(f"the loss changes: {loss_without != loss_with}; G's gradient changes: {not np.array_equal(without, with_real)}")

# %% [markdown]
# Nothing: no way leads from D(x) to G. The number that is logged is larger, and that is all. One sees it by taking a
# term away and comparing gradients, not by looking at the loss.
#
# ### Exercise 18.4: an audit
#
# Somebody hands you a GAN as a function, `program(g, d, real, noise)`, which returns `(for_d, for_g)`: gradients, (2,)
# each. The program will step *against* them. G draws `g[0] * noise + g[1]`, D's score is `d[0] * x + d[1]`, and a
# positive score means "real". You cannot look into it, but you may call it as often as you like. Write
# `audit(program, g, d, real, noise)`, which returns three truths: does D's learning depend on the real samples, does it
# depend on the drawn ones, and would a small step of G raise D's mean score of what G draws?


# %%
def audit(program, g, d, real, noise):
    ### BEGIN SOLUTION audit
    def score(g):
        return np.mean(d[0] * (g[0] * noise + g[1]) + d[1])

    for_d, for_g = program(g, d, real, noise)
    sees_real = not np.allclose(program(g, d, real + 1, noise)[0], for_d)
    sees_drawn = not np.allclose(program(g, d, real, noise + 1)[0], for_d)
    fools = score(g - 0.001 * for_g) > score(g)
    return sees_real, sees_drawn, fools
    ### END SOLUTION


check.audit(audit)

# %% [markdown]
# ## Fifth question: how much of it is chance?
#
# Program 3's classifier is watched on the test set during training. If the best of what was seen there is then
# reported, it is too good: the test set has become part of the training. Here is the extreme case. A hundred
# classifiers have learnt *nothing*; they guess among ten classes.
#
# **Predict before you run.** Of 100 test pictures each gets about 10 right. How many has the best of the hundred?

# %%
labels = rng.integers(10, size=(2, 100))  # of the test set, and of a fresh one
guesses = rng.integers(10, size=(100, 2, 100))
right = (guesses == labels).sum(axis=2)  # (100, 2)
best = right[:, 0].argmax()
print(f"mean {right[:, 0].mean():.1f}; the best one {right[best, 0]}, and on fresh pictures {right[best, 1]}")
runs = (rng.random((2, 5, 200)) < 0.9).sum(axis=2)
for name, scores in zip("AB", runs, strict=True):
    print(f"method {name}: {scores.tolist()} of 200 right, mean {scores.mean():.1f}, best {scores.max()}")

# %% [markdown]
# The best one has `19`, nearly twice what guessing gives, and on fresh pictures `8`. So choose on a *validation* set,
# and report a test set on which nobody has chosen.
#
# The last lines are two "methods" which in truth are the same: every run gets each picture right with a probability of
# 0.9. By its best run B wins, `188` against `184`; by the mean A does, `180.4` against `180.0`; by the first run B.
# All three could be published. None of the five articles reports any number at all; many that do report one run, or
# the best.
#
# How surprising is a difference of means? If the methods were the same, the names A and B would have been given to the
# runs by chance. So give them in *all* possible ways and count. This is a *permutation test*, and it assumes nothing
# about how scores are distributed.
#
# ### Exercise 18.5: could it be chance?
#
# Write `chance_of_gap(a, b)` for the scores of some runs, (N,) and (M,), at most 12 in all. Of all ways to call N of
# the N + M scores "a", in which share is the difference of the two means, in size, at least as large as in fact? (The
# scores have few digits: count differences as equal that differ by less than 1e-9. `itertools.combinations` goes
# through all ways.)


# %%
def chance_of_gap(a, b):
    ### BEGIN SOLUTION chance_of_gap
    from itertools import combinations

    scores = np.concatenate([a, b])
    gap = abs(np.mean(a) - np.mean(b))
    gaps = []
    for chosen in combinations(range(len(scores)), len(a)):
        rest = np.delete(scores, chosen)
        gaps.append(abs(np.mean(scores[list(chosen)]) - np.mean(rest)))
    return np.mean(np.array(gaps) >= gap - 1e-9)
    ### END SOLUTION


check.chance_of_gap(chance_of_gap)

# %% [markdown]
# Even if all five runs of A lie above all five of B, this is 2 of 252 ways, 0.008; with three runs each it can never be
# below 0.1. Three runs cannot show what many articles claim from one.
#
# ## What else there was
#
# - *Words that do not fit the program.* Article 1 says that G should raise D's verdict; its program lowers it. Article
#   2 *joins* noise to mean and variance end to end; it should be $\mu + \sigma \epsilon$ (Museum 4 is about its
#   $\sigma$). Article 5 cures blurred pictures by "a better activation function".
# - *Formulas whose indices do not move.* The convolution of article 1 takes the pixel $x_{kl}$ for every place
#   $(i, j)$, and a kernel that depends on the place. That is a linear layer: nothing is shared (chapter 5).
# - *Confusions of a word.* A transposed convolution is the adjoint, not the inverse (chapter 6). A convolution is
#   equivariant, not invariant (chapter 5).
# - *References that nobody looked up.* Article 3 credits the authors of DCGAN with DALL-E, and others with the
#   progressive growing of GANs (Karras et al.). To follow one reference takes a minute, and tells much about the rest.
# - *What is not said.* No seed, no data, no number reached. One cannot say that a claim is false where none is made.
#
# And some things are right: the sizes of the classifier of article 3, the steps of training in article 4, the
# objectives in article 5.
#
# ## The library's version
#
# The pencil can be left to a machine. `minigen check --shapes model.py` runs the networks of a file on likely pictures
# and says what does not fit, also where no error is raised. Here it looks at the networks of program 4, as we
# rebuilt them.

# %%
networks = {"generator": grow(100, 512, 256, 128, 3), "discriminator": shrink(3, 128, 256, 512, 1)}
for finding in lint(networks, "img_size = 64", "model.py")[1]:
    print(finding)
source(minigen.checks.shapes.lint)


# %% [markdown]
# ## What it cannot do
#
# - These questions find what is wrong. That nothing was found does not show that all is right.
# - Sizes that fit, gradients that are right and a loss that falls can still compute the wrong thing. Against that helps
#   only a number that was reached elsewhere, and that you reach too.
# - A permutation test says whether a difference is chance, and not whether it matters, nor whether it holds on other
#   data.
# - Our list of faults is a reading, too. Where we only read and did not run, somebody may find that we erred.
#
# ## Common misconceptions
#
# - *"It runs, so it is right."* Of nine programs the one that ran was the hardest to find out.
# - *"The loss falls, so it learns."* Ask what it may fall to, and what would make it fall without learning.
# - *"It is in the formula, so the program does it."* Compare each term of one with each line of the other.
# - *"It is printed by somebody who knows."* Authors err, referees err, and this course errs. Run it.
# - *"To criticise I must know better."* You need an input for which you know the answer.
#
# ## Further exercises
#
# - Put the ten scores of methods A and B into `chance_of_gap`. Then report the best of each. What would you have said?
# - Take an article of your choice and answer the five questions, each with a program of at most ten lines.
# - Show that the article's bound with its extra term is highest at $s^2 = 1 / (\text{SLOPE}^2 + 2)$ for any $m$. What
#   is the true one?
# - Which of the nine programs could `minigen check --shapes` have stopped? Rebuild one, and see.
#
# ## Further reading
#
# - Z. C. Lipton and J. Steinhardt, "Troubling trends in machine learning scholarship", *ICML: The Debates* (2018),
#   section 3: explanation and speculation, sources of gains, and mathematics for show. arXiv:1807.03341.
# - M. Lucic, K. Kurach, M. Michalski, S. Gelly and O. Bousquet, "Are GANs created equal? A large-scale study",
#   *NeurIPS* (2018): with as much search and as many restarts, most GANs reach similar scores. arXiv:1711.10337.
# - A. Radford, L. Metz and S. Chintala, "Unsupervised representation learning with deep convolutional generative
#   adversarial networks", *ICLR* (2016), section 3: what a DCGAN is. arXiv:1511.06434.
# - D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", *ICLR* (2014), section 2.2: the bound.
#   arXiv:1312.6114.
# - A. Karpathy, "A recipe for training neural networks", karpathy.github.io (2019): the loss at the first step, and
#   other questions to ask early.
# - The five articles: their titles and authors, as far as our copies name them, stand at the top of this chapter.
