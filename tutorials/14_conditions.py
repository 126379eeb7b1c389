# %% [markdown]
# # 14. Conditions: cGAN, cDCGAN, CVAE
#
# *How does one ask a network for a 7, and how does one notice that it does not listen?*
#
# ## What you will learn
#
# - to give a class to a network: one-hot beside numbers, maps beside pictures;
# - why that is nothing but a bias that is looked up by class;
# - why a discriminator may ignore the class, and the third kind of pair that forces it to read;
# - to measure both obedience and variety, because either alone is easy;
# - to recognise a condition that is ignored, and one that is obeyed with a single picture a class.
#
# ## Before you start
#
# Needed: chapter 11 (VAE), chapter 12 (the game, the best discriminator) and chapter 13 (DCGAN). About 3 hours.

# %%
import numpy as np

import minigen
import minigen.nn.functional as F
from minigen import nn
from minigen.course import check, quick, show, source
from minigen.course.figures import images
from minigen.data import Glyphs
from minigen.metrics import conditional_accuracy, course_classifier, within_class_variance
from minigen.models import cdcgan, cgan, cvae
from minigen.models.system import with_batch_statistics, wrong_labels
from minigen.plot import make_grid

minigen.manual_seed(0)
digits, unseen = Glyphs(quick(5000, 400)), Glyphs(1000, train=False)

# %% [markdown]
# ## A question instead of luck
#
# The generators of the last chapters draw what they like: samples of $p(x)$. Now we want $p(x \mid y)$, pictures of a
# class $y$ that we name. The idea is the same for all: tell the class to *every* network that takes part. In a
# conditional GAN (Mirza and Osindero 2014), G makes $G(z, y)$, and D judges the *pair* of picture and class. In a
# conditional VAE (Sohn, Lee and Yan 2015), the encoder guesses $q(z \mid x, y)$, and the decoder draws from
# $p(x \mid z, y)$.
#
# A class is a number, but not a quantity: 7 is not more than 3. So it is given as a *one-hot* vector of K zeros with a
# 1 at place $y$. Beside noise or flat pixels that is all. A convolution wants maps: there each class has a map of its
# own, all 1 if it is the picture's class, and all 0 if not.
#
# ### Exercise 14.1: label maps
#
# Write `with_label_maps(x, labels)`. `x` is (N, C, H, W), `labels` (N,). Return (N, C + CLASSES, H, W): the channels
# of the picture, and after them the maps of the `CLASSES` classes.

# %%
CLASSES = 10


def with_label_maps(x, labels):
    ### BEGIN SOLUTION with_label_maps
    n, _, height, width = x.shape
    maps = np.zeros((n, CLASSES, height, width))
    maps[np.arange(n), labels] = 1
    return np.concatenate([x, maps], axis=1)
    ### END SOLUTION


check.with_label_maps(with_label_maps)

# %% [markdown]
# ## What the network makes of it
#
# Let a linear layer get $[x, a \, e_y]$: the pixels, and beside them the one-hot vector $e_y$, times a number $a$, its
# *gain*. Divide the rows of the weights in the same way, $W_x$ for the pixels and $W_y$ for the class:
#
# $$ [x, a\,e_y] \begin{pmatrix} W_x \\ W_y \end{pmatrix} + b = x W_x + (a \, e_y W_y + b). $$
#
# $e_y W_y$ picks out row $y$ of $W_y$. So the whole condition is a **bias that is looked up by class**. It moves the
# point at which each hidden unit switches on. It cannot do anything else: no pixel is multiplied by a class here.
#
# ### Exercise 14.2: a bias for each class
#
# Write `class_biases(w, b, inputs)`: `w` is (inputs + K, M), the first `inputs` rows for the pixels, `b` is (M,), and
# the gain of the one-hot vector is `GAIN`. Return `(weights, biases)`, (inputs, M) and (K, M), so that
# `x @ weights + biases[labels]` is what the layer gives.

# %%
GAIN = 8.0


def class_biases(w, b, inputs):
    ### BEGIN SOLUTION class_biases
    weights = w[:inputs]
    biases = b + GAIN * w[inputs:]
    return weights, biases
    ### END SOLUTION


check.class_biases(class_biases)

# %% [markdown]
# **Predict before you run.** The first layer of the dense cGAN's discriminator gets 784 pixels and 10 numbers for the
# class, and its weights are all alike at first. Change the class of a picture, or change the picture: what moves the
# hidden units more, if the gain is 1?

# %%
pixels = minigen.from_numpy(digits.data[:200].reshape(200, -1) / np.float32(127.5) - 1)
layer = cgan.CGAN().discriminator.network.layers[0]  # a linear layer of 784 + 10 numbers
with minigen.no_grad():
    w, b = layer.weight.detach().numpy().T, layer.bias.detach().numpy()
    by_picture = (pixels.numpy() @ w[:784]).std(axis=0).mean()
    for gain in (1.0, 8.0, 28.0):
        y = gain * F.one_hot(minigen.from_numpy(digits.targets[:200]), 10).float()
        looked_up = pixels.numpy() @ w[:784] + (b + gain * w[784:])[digits.targets[:200]]
        same = np.abs(layer(minigen.cat([pixels, y], dim=1)).numpy() - looked_up).max() < 1e-4
        by_class = (gain * w[784:]).std(axis=0).mean()
        print(
            f"gain {gain:4.1f}: a bias: {same}; the class moves {by_class / by_picture:.1f} times what the picture does"
        )

# %% [markdown]
# With a gain of 1 the class is a whisper beside 784 pixels, `0.1` times as loud. The library's cGAN takes 8 in D, and 3
# in G beside 100 numbers of noise, found by trying. How *loud* a condition is decides whether it is heard. Too loud,
# and G hears nothing else.
#
# For a convolution the same sum holds at each place: a map of ones gives the sum of its taps, a bias for the class.
# With one exception:

# %%
taps = nn.Conv2d(10, 1, kernel_size=4, stride=2, padding=1, bias=False)
maps = F.one_hot(minigen.tensor([7]), 10).float()[:, :, None, None].expand(-1, -1, 8, 8)
with minigen.no_grad():
    seen, kernel = taps(maps)[0, 0].numpy(), taps.weight[0, 7].detach().numpy()
print("in the middle the sum of 16 taps:", bool(np.allclose(seen[1:-1, 1:-1], kernel.sum(), atol=1e-6)))
print("in the corner the sum of  9 taps:", bool(np.allclose(seen[0, 0], kernel[1:, 1:].sum(), atol=1e-6)))

# %% [markdown]
# At the edge some taps look at the padding, where the map of ones is 0. The bias is another one there.
#
# ## Why D need not listen
#
# By chapter 12, the best D for pairs is $D^*(x, y) = p(x, y) / (p(x, y) + q(x, y))$. If G ignored the class, $D^*$
# would catch it. So where is the trouble? Look at the beginning of the game. Let there be two classes, and three
# kinds of picture: a real 0, a real 1, and the scribble that G draws.

# %%
p = np.array([[0.5, 0.0], [0.0, 0.5], [0.0, 0.0]])  # rows: a real 0, a real 1, a scribble; columns: labels 0 and 1
q = np.array([[0.0, 0.0], [0.0, 0.0], [0.5, 0.5]])  # what G draws for the labels 0 and 1
wrong = p[:, ::-1]  # real pictures under the other label
for weight in (0.0, 0.5):
    forged = (1 - weight) * q + weight * wrong
    shown = p + forged > 0
    best = np.where(shown, p / np.where(shown, p + forged, 1), np.nan)
    print(f"wrong labels {weight}: D* for a real 0 under both labels {best[0]}, for a scribble {best[2]}")

# %% [markdown]
# A real 0 under the label 1 is never shown: `nan`. D can be perfect and judge by the picture alone, and it will, for
# that is easier. But where will G find out that the label matters? Just there, at the pair that D was never asked
# about.
#
# Reed et al. (2016, algorithm 1) show it: real pictures under wrong labels, as a second kind of forgery. Of these D
# can only say "forged" by reading. With a share $w$ of the forgeries the loss is
#
# $$ L_D = -\overline{\log D(x, y)} - (1 - w) \, \overline{\log (1 - D(G(z, y), y))}
#          - w \, \overline{\log (1 - D(x, y'))}, \qquad y' \ne y. $$
#
# ### Exercise 14.3: three kinds of pairs
#
# Write `three_pairs_loss(real, fake, wrong)`, from D's *logits* for the three kinds, (N,), (M,) and (L,). A bar is a
# mean, $D$ is the sigmoid of the logit, and $w$ is `WRONG_WEIGHT`. Logits may be 1000.

# %%
WRONG_WEIGHT = 0.5


def three_pairs_loss(real, fake, wrong):
    ### BEGIN SOLUTION three_pairs_loss
    for_real = np.logaddexp(0, -real).mean()
    for_fake = np.logaddexp(0, fake).mean()
    for_wrong = np.logaddexp(0, wrong).mean()
    return for_real + (1 - WRONG_WEIGHT) * for_fake + WRONG_WEIGHT * for_wrong
    ### END SOLUTION


check.three_pairs_loss(three_pairs_loss)

# %% [markdown]
# ## Two figures
#
# *Obedience* is the share of pictures in which a classifier finds the class that was asked for. It is easily had: draw
# one fine picture for each class. *Variety* is how much the pictures of a class differ, the mean squared distance
# from their mean, in the classifier's features. That is easily had, too: draw anything. And a disobedient generator
# even seems more varied: there are 3s among its 7s. So we take the variety among the pictures that *did* obey.
#
# ### Exercise 14.4: obedience and variety
#
# Write `obedience_and_variety(probabilities, features, wanted)`: a classifier's probabilities (N, K) and features
# (N, D) of N pictures, and the classes that were asked for (N,). Return the share of obedient pictures, and the
# variety: for each class, over its obedient pictures, $\frac{1}{n - 1} \sum \|f - \bar f\|^2$; then the mean over the
# classes that have at least two of them. It is 0 if there is no such class.


# %%
def obedience_and_variety(probabilities, features, wanted):
    ### BEGIN SOLUTION obedience_and_variety
    obeyed = probabilities.argmax(axis=1) == wanted
    found = []
    for label in np.unique(wanted):
        f = features[obeyed & (wanted == label)]
        if len(f) > 1:
            found.append(((f - f.mean(axis=0)) ** 2).sum() / (len(f) - 1))
    return obeyed.mean(), np.mean(found) if found else 0.0
    ### END SOLUTION


check.obedience_and_variety(obedience_and_variety)

# %% [markdown]
# Here are the two figures for things that are no generators: real digits, noise, and the mean picture of each class.
# Variety is given as a share of that of real digits.
#
# **Predict before you run.** What will the mean pictures get?

# %%
COUNT = quick(1000, 150)
judge = course_classifier()
ASKED = np.arange(COUNT) % 10


def measured(pictures, wanted):
    """Return obedience, variety of the obedient, and variety of all, of pictures (N, 1, 28, 28) from 0 to 1."""
    f, p = judge.examine(pictures)
    obeyed = p.argmax(axis=1) == wanted
    some = obeyed.sum() > 10 * 2
    varied = within_class_variance(f[obeyed], wanted[obeyed]) if some else 0.0
    return conditional_accuracy(p, wanted), varied, within_class_variance(f, wanted)


real = unseen.data[:, None] / np.float32(255)
_, variety, _ = measured(real, unseen.targets)
means = np.stack([digits.data[digits.targets == k].mean(axis=0) for k in range(10)])[ASKED, None] / 255
noise = np.random.default_rng(0).random((COUNT, 1, 28, 28))
for name, pictures, wanted in (
    ("real digits", real, unseen.targets),
    ("noise", noise, ASKED),
    ("means of the classes", means, ASKED),
):
    obedience, varied, _ = measured(pictures, wanted)
    print(f"{name:21} obedience {obedience:.2f}, variety {varied / variety:.2f}")

# %% [markdown]
# ## Six generators
#
# Three of them are conditional DCGANs, with narrow networks and few steps. In the first G is told the class, but D is
# deaf: it is given the label 0, always. In the second D is told, too. The third has Reed's pairs besides.
#
# The others are conditional VAEs. One tells the class quietly, with small first weights for it, and has 20 latents.
# One has the library's settings: the class is loud, and z has 8 numbers only. In the last the rate, the KL term of
# the ELBO, is weighed 30 times.
#
# **Predict before you run.** Which of the six ignore the class? Which obey? Which draw one picture a class?


# %%
class Deaf(nn.Module):
    """A discriminator that hears the label 0, whatever it is told."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x, labels):
        return self.inner(x, labels * 0)


def gan_of(deaf=False, **changed):
    settings = {"generator_width": 8, "discriminator_width": 8, "latent_size": 16}
    settings |= {"lr_generator": 0.004, "lr_discriminator": 0.004}
    system = cdcgan.CDCGAN(cdcgan.Options(**settings | changed))
    if deaf:
        system.discriminator = Deaf(system.discriminator)
    return system


def vae_of(**changed):
    return cvae.CVAE(cvae.Options(hidden_size=128, **changed))


def step_of(system, batch, rate):
    if isinstance(system, cdcgan.CDCGAN):
        return system.training_step(batch)
    reconstruction, kl = system.negative_elbo(*batch)
    system.optimizers["vae"].zero_grad()
    (reconstruction + rate * kl).backward()
    return system.optimizers["vae"].step()


def trained(make, steps, changed, rate):
    """Make a system and train it with pairs of digits and labels, always the same ones."""
    minigen.manual_seed(0)
    draw = np.random.default_rng(0)
    system = make(**changed)
    low, high = system.value_range
    for _ in range(steps):
        rows = draw.integers(len(digits), size=32)
        pictures = digits.data[rows, None] * np.float32((high - low) / 255) + np.float32(low)
        step_of(system, (minigen.from_numpy(pictures), minigen.from_numpy(digits.targets[rows])), rate)
    return system


def drawn(system, wanted, **given):
    low, high = system.value_range
    pictures = system.sample(len(wanted), labels=minigen.from_numpy(wanted), **given).numpy()
    return ((pictures - low) / (high - low)).clip(0, 1)


GAN_STEPS, VAE_STEPS = quick(250, 2), quick(700, 3)
SIX = {
    "GAN, D is deaf": (gan_of, GAN_STEPS, {"deaf": True, "wrong_labels": 0.0}, 1),
    "GAN, no wrong labels": (gan_of, GAN_STEPS, {"wrong_labels": 0.0}, 1),
    "GAN, wrong labels": (gan_of, GAN_STEPS, {}, 1),
    "VAE, a quiet class": (vae_of, VAE_STEPS, {"label_std": 0.05, "latent_size": 20}, 1),
    "VAE, a loud class": (vae_of, VAE_STEPS, {}, 1),
    "VAE, the rate 30-fold": (vae_of, VAE_STEPS, {}, 30),
}
systems, pictures = {}, {}
rows = np.repeat(np.arange(10), 10)
for name, (make, steps, changed, rate) in SIX.items():
    system = systems[name] = trained(make, steps, changed, rate)
    obedience, varied, of_all = measured(drawn(system, ASKED), ASKED)
    print(f"{name:21} obedience {obedience:.2f}, variety {varied / variety:.2f} (of all: {of_all / variety:.2f})")
    shown = drawn(system, np.arange(100) % 10, noise=system.noise(10)[rows])  # a row: one noise, asked for all classes
    pictures[name] = make_grid(minigen.from_numpy(shown), nrow=10, pad_value=1.0)[0].numpy()
show(images(pictures, columns=3), "14_six")

# %% [markdown]
# Each column was asked for its own class, from 0 to 9. Along a row the noise is the same. *Ignored* is what one sees in
# the first and the fourth: along a row nothing changes. Their obedience is one in ten, or little more: that is luck.
# *Obeyed, with one picture a class* is the last: its columns are all alike, its obedience is `~1.00`, and its variety
# `~0.01`. By obedience alone it is the best of the six. It is no better than the ten mean pictures above.
#
# Why? With the rate 30-fold the encoder says nothing, and the decoder gets a $z$ that means nothing: chapter 11's
# collapse. What is left to it is the class, and for the class the mean picture is the best answer. In the quiet VAE it
# is the other way round: $z$ is wide and is trained sooner than the small weights of the class, so the encoder puts
# the class *into $z$*. When drawing, $z$ comes from chance, and with it the class. The loud class is known from the
# first step, and $z$ is left with what differs within a class: slant, width, weight. Look along its rows, one
# handwriting each, and down its columns.
#
# The GANs tell the same story from the other side. A deaf D never asks for the class, so G need not listen. A D that
# *may* read teaches G a little: obedience is two or three in ten. With wrong labels it is about seven in ten after the
# same number of steps, at the price of a third batch for D. Two other seeds gave the same order. These pictures are
# still rough, and here the variety goes wrong: what is hardly a digit strays far in the features. A variety above 1
# is no merit. (And "of all" shows why we look at the obedient: disobedience counts as variety there.)
#
# ## Does D read?
#
# The cause can be measured, too. Show D real digits that it has never seen, with their labels and with wrong ones.
#
# **Predict before you run.** The second D was given right labels only. How far apart are its verdicts?

# %%
x = minigen.from_numpy(unseen.data[:500, None] / np.float32(127.5) - 1)
y = minigen.from_numpy(unseen.targets[:500])
for name, system in systems.items():
    if isinstance(system, cdcgan.CDCGAN):
        with with_batch_statistics(system.discriminator):
            says = [minigen.sigmoid(system.discriminator(x, z)).mean().item() for z in (y, wrong_labels(y, 10))]
        print(f"{name:21} D says {says[0]:.2f} to real pairs, {says[1]:.2f} under wrong labels")

# %% [markdown]
# The deaf one cannot tell. The second reads hardly: a few hundredths lie between a right and a wrong label, although
# it was told the label with every picture. For the third it is about a quarter, and G is taught by what D can read.
#
# ## The library's version
#
# One round of the conditional game, and the VAE's layer for the class. It is your exercise 14.2: a linear layer of a
# one-hot vector, without a bias of its own, added to that of the pixels. Its first weights are large on purpose.

# %%
source(cdcgan.CDCGAN.training_step)
source(cvae.label_layer)
source(cvae.Decoder.forward)

# %% [markdown]
# ## What it cannot do
#
# - Obedience is a classifier's opinion, and variety is measured in its features. For digits we have one that was never
#   trained on drawn pictures; for most conditions somebody must build one.
# - A concatenated class moves thresholds. It cannot say "look at another part of the picture": for that, features must
#   be *multiplied* by something that depends on the class (Dumoulin et al. 2018).
# - A thousand classes are a thousand maps before D's first layer. Miyato and Koyama (2018) compare class and picture at
#   D's end instead: they add $v_y \cdot \phi(x)$ to the logit, a vector for each class times the last features.
# - A share of obedience says nothing of the single picture. If you need a 7, draw several, and ask the classifier.
#
# ## Common misconceptions
#
# - *"D is given the label, so it uses it."* It uses what makes its loss small. At first that is the picture.
# - *"It obeys in all cases, so it is done."* Ten stored pictures obey.
# - *"In a conditional VAE $z$ is style."* Only if the class did not get into $z$. Nothing but training decides.
# - *"A louder condition is a better one."* In D it helps until the picture is drowned. In G it drowns the noise.
# - *"Wrong labels make D confused."* Right and wrong are told apart by the label alone. It is a task, not noise.
#
# ## Further exercises
#
# - Build Miyato and Koyama's D: `Discriminator` without labels, whose last features are multiplied by a row of
#   `nn.Embedding(10, ...)`. Does it obey without wrong labels?
# - Train the library's dense `cgan.CGAN` with a gain of 1, 8 and 28 in D. (It takes some minutes: 2000 steps.) Draw
#   obedience against variety.
# - Weigh the rate of the loud VAE by 0.3, 1, 3 and 10. Where does variety end? Does obedience ever fall?
# - Give the sixth VAE's decoder a $z$ three times as wide when drawing. Why does that not bring variety back?
#
# ## Further reading
#
# - M. Mirza and S. Osindero, "Conditional generative adversarial nets", arXiv:1411.1784 (2014), section 3.
# - S. Reed, Z. Akata, X. Yan, L. Logeswaran, B. Schiele and H. Lee, "Generative adversarial text to image synthesis",
#   *ICML* (2016), section 4.2 and algorithm 1: three kinds of pairs. arXiv:1605.05396.
# - K. Sohn, H. Lee and X. Yan, "Learning structured output representation using deep conditional generative models",
#   *NeurIPS* (2015), section 4: the conditional VAE.
# - T. Miyato and M. Koyama, "cGANs with projection discriminator", *ICLR* (2018), section 2. arXiv:1802.05637.
# - V. Dumoulin et al., "Feature-wise transformations", *Distill* (2018), doi:10.23915/distill.00011: concatenation is a
#   bias, and what multiplying adds.
