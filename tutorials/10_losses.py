# %% [markdown]
# # 10. Losses that do not overflow: softmax, logits, nats
#
# *How does one write a loss that never becomes infinite, never goes blind, and means the same in every program?*
#
# ## What you will learn
#
# - at which numbers `exp` and `log` break in float32, and how few they need to be;
# - one function, log-sum-exp, behind softplus and both cross entropies, and how to compute it;
# - why losses take logits, and why their gradient is $p - y$;
# - what a nat is, what a bit is, and why a loss must say over what it is a sum and over what a mean;
# - why a VAE whose pixels are averaged learns nothing in its latents.
#
# ## Before you start
#
# Needed: chapter 2 (softmax and cross entropy by hand) and chapter 4 (what rounding does). About 2.5 hours.

# %%
import numpy as np

import minigen
import minigen.nn.functional as F
from minigen import nn, optim
from minigen.course import check, quick, show, source
from minigen.course.figures import curves, images
from minigen.data import Glyphs
from minigen.models.variational import reconstruction_loss, reparameterise

minigen.manual_seed(0)

# %% [markdown]
# ## How far float32 reaches
#
# A *logit* is what a network says before anything is done to it: any real number. A probability is made of it by
# `exp`, and a loss of the probability by `log`. Mathematically nothing can happen. But a float32 has an end above,
# an end below, and a neighbour.
#
# **Predict before you run.** At which whole number `x` does `exp(x)` become infinite in float32? At which does
# `exp(-x)` become 0? And from which on is the sigmoid $1 / (1 + e^{-x})$ exactly 1, so that $\log(1 - p)$ is
# $-\infty$?

# %%
whole = np.arange(1, 200, dtype=np.float32)
with np.errstate(all="ignore"):  # NumPy would warn, rightly
    infinite = np.isinf(np.exp(whole))
    nothing = np.exp(-whole) == 0
    certain = 1 / (1 + np.exp(-whole)) == 1
for name, where in (("exp(x) is infinite", infinite), ("exp(-x) is 0", nothing), ("sigmoid(x) is 1", certain)):
    print(f"{name:18} from {whole[where][0]:.0f} on")
info = np.finfo(np.float32)
print(f"the largest float32 is {info.max:.1e} = exp({np.log(float(info.max)):.2f})")
print(f"the smallest is {info.smallest_subnormal:.0e} = exp({np.log(float(info.smallest_subnormal)):.2f})")
print(f"the next number above 1 is {info.eps:.1e} away; exp(-17) = {np.exp(-17):.1e}")

# %% [markdown]
# `89` above: 88 still fits. `104` below: the smallest number, `1e-45`, is about exp(-103.28), and what is less
# than half of it becomes 0. These two one may hope never to meet. The third is the dangerous one, because `17` is
# nothing special for a network that is sure. Next to 1 the float32 numbers are `1.2e-07` apart; whoever adds
# `4.1e-08` to 1, gets 1. Floating-point numbers lie densely around 0 and nowhere else, so a small probability
# keeps all its digits, and how far a large one is from 1 is lost.
#
# Hence the rule of this chapter: **never make a probability only to take its logarithm.** Do both in one formula, on
# the logits, and rewrite that formula until every `exp` in it has an argument of at most 0.
#
# ## One function behind all
#
# $$ \mathrm{lse}(s) = \log \sum_k e^{s_k} $$
#
# is a soft maximum: a little more than the largest score. With it, softmax and the losses have no quotient and no
# logarithm of a probability any more:
#
# $$ \log p_k = s_k - \mathrm{lse}(s), \qquad \mathrm{softplus}(x) = \log(1 + e^x) = \mathrm{lse}(0, x). $$
#
# Add a number $c$ to all scores, and lse grows by just $c$. So take the largest score $m$ away from all, and add it
# again at the end: $\mathrm{lse}(s) = m + \log \sum_k e^{s_k - m}$. The largest term is then $e^0 = 1$. Nothing
# overflows, and a term that becomes 0 is too small to matter.
#
# ### Exercise 10.1: log-sum-exp
#
# Write `log_sum_exp(x)` for an array `x` of any number of axes: the sum goes over the last one, which disappears.
# (N, K) becomes (N,).


# %%
def log_sum_exp(x):
    ### BEGIN SOLUTION log_sum_exp
    largest = x.max(axis=-1)
    return largest + np.log(np.exp(x - largest[..., None]).sum(axis=-1))
    ### END SOLUTION


check.log_sum_exp(log_sum_exp)

# %% [markdown]
# ## Softplus, and the other end
#
# For two numbers the same trick gives $\mathrm{softplus}(x) = \max(x, 0) + \log(1 + e^{-|x|})$. No overflow is left.
# Is it good, then?
#
# **Predict before you run.** softplus(-20) is about $e^{-20}$, 2e-09. What does `np.log(1 + np.exp(x))` give for
# x = -20 in float32? And what for x = 90?


# %%
def as_written(x):
    return np.log(1 + np.exp(x))


left = np.linspace(-18, -14, 801, dtype=np.float32)
with np.errstate(all="ignore"):
    print("as written: ", *(f"softplus({x}) = {as_written(np.float32(x)):.1e}" for x in (-20, 20, 90)), sep="  ")
    wanted = {x: F.softplus(minigen.tensor(float(x))).item() for x in (-20, 20, 90)}
    print("the library:", *(f"softplus({x}) = {y:.1e}" for x, y in wanted.items()), sep="  ")
    rough = as_written(left)
fine = F.softplus(minigen.from_numpy(left)).numpy()
lines = {"the library's": (left, fine), "log(1 + exp(x)), as written": (left, rough)}
show(curves(lines, x="x", y="softplus(x)", title="The left end of softplus in float32"), "10_softplus")

# %% [markdown]
# `0.0e+00` at -20, where the library says `2.1e-09`; and `inf` at 90. The left end is the neighbour of 1 again: in
# $1 + e^{-20}$ the small number is rounded away *before* the logarithm could save it. The curve becomes a staircase,
# and its last step is 0. An absolute error of 2e-09 seems harmless, but softplus also makes variances and rates, which
# are divided by. NumPy has a function that does both steps in one: `np.log1p(u)` is $\log(1 + u)$, precise however
# small `u` is.
#
# ### Exercise 10.2: softplus, precise at both ends
#
# Write `stable_softplus(x)` for an array of any shape. It is judged by its *relative* error, from -80 to 1000, also
# for float32.


# %%
def stable_softplus(x):
    ### BEGIN SOLUTION stable_softplus
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    ### END SOLUTION


check.stable_softplus(stable_softplus)

# %% [markdown]
# ## Yes or no: the binary cross entropy
#
# A discriminator says "real", a decoder says "this pixel is white". With the probability $p = \sigma(x)$ and the
# target $t$ between 0 and 1, the loss is $L = -t \log p - (1 - t) \log(1 - p)$. Now $-\log p$ is softplus(-x), and
# $-\log(1 - p)$ is softplus(x), and these two differ by $x$. So
#
# $$ L = \mathrm{softplus}(x) - t\,x, \qquad \frac{dL}{dx} = \sigma(x) - t = p - t, $$
#
# because the slope of softplus is the sigmoid. There is the famous gradient, and it says: *what the network
# believes, minus what is true*. It is never larger than 1, and it is largest where the network is surely wrong.
#
# Many programs compute the probability first, and guard the logarithm. `F.binary_cross_entropy` does it as PyTorch
# does: logarithms end at -100, and a denominator is at least 1e-12.
#
# **Predict before you run.** The target is 1, and the network is wrong, then very wrong. Both losses go up. What
# happens to their gradients with respect to the logit?

# %%
print("   logit |  from the probability   |  from the logit")
for logit in (-5.0, -20.0, -50.0, -104.0, -200.0):
    row = []
    for loss_of in (lambda x, t: F.binary_cross_entropy(x.sigmoid(), t), F.binary_cross_entropy_with_logits):
        x = minigen.tensor(logit, requires_grad=True)
        loss = loss_of(x, minigen.tensor(1.0))
        loss.backward()
        row.append(f"loss {loss.item():7.3f}, dx {x.grad.item() + 0.0:8.0e}")
    print(f"{logit:8.0f} | {row[0]} | {row[1]}")

# %% [markdown]
# At -50 the guard tells: the loss is right, but the gradient is `-2e-10` instead of `-1e+00`. From -104 on
# the probability is 0; the loss stays at `100.000` whatever one does, and its gradient is 0. **The more wrong it is,
# the less it learns**, and no error and no NaN tells you. From the logit the gradient stays -1.
#
# ### Exercise 10.3: binary cross entropy from logits
#
# Write `bce_from_logits(x, t)`, which returns `(loss, dx)`, both of the shape of `x`: the loss of each element, and
# its gradient with respect to this element. Both must be right for logits of ±1000, too. No `if` for single elements;
# `np.where` is allowed.


# %%
def bce_from_logits(x, t):
    ### BEGIN SOLUTION bce_from_logits
    small = np.exp(-np.abs(x))
    loss = np.maximum(x, 0) - x * t + np.log1p(small)
    p = np.where(x >= 0, 1, small) / (1 + small)
    dx = p - t
    return loss, dx
    ### END SOLUTION


check.bce_from_logits(bce_from_logits)

# %% [markdown]
# ## One of many: cross entropy, and softer labels
#
# For K classes the target is a distribution $q$ over the classes. The loss is $-\sum_k q_k \log p_k$, and with
# $\log p_k = s_k - \mathrm{lse}(s)$ and $\sum_k q_k = 1$
#
# $$ L = \mathrm{lse}(s) - \sum_k q_k s_k, \qquad \frac{dL}{ds_k} = p_k - q_k, $$
#
# because the gradient of lse is the softmax. It is the formula of the section before, once more.
#
# Usually $q$ is 1 at the right class. Then $p - q$ becomes 0 only when the right logit is infinitely far above the
# others, and training pushes it there for ever. *Label smoothing* takes a little from the right class and spreads it
# evenly over all K, the right one included: $q = (1 - \varepsilon)\,\mathrm{onehot} + \varepsilon / K$.
#
# **Predict before you run.** With ten classes and $\varepsilon = 0.1$: how far above the others is the right logit
# where the gradient is 0? And is the loss 0 there?

# %%
smooth = minigen.zeros(10, requires_grad=True)
label = minigen.tensor(3)
for _ in range(quick(2000, 1000)):
    smooth.grad = None
    loss = F.cross_entropy(smooth, label, label_smoothing=0.1)
    loss.backward()
    with minigen.no_grad():
        smooth -= 2.0 * smooth.grad
q = np.array([0.91] + 9 * [0.01])
print(f"logit of the right class minus another: {(smooth[3] - smooth[0]).item():.3f}, loss {loss.item():.3f}")
print(f"log(0.91 / 0.01) = {np.log(0.91 / 0.01):.3f}, and -sum q log q = {-np.sum(q * np.log(q)):.3f}")

# %% [markdown]
# It stops at `4.511`, where $p = q$. The loss does not become 0; it ends at the entropy of $q$, `0.500`. So do not
# compare losses that were measured with different smoothing: evaluate without it.
#
# ### Exercise 10.4: smoothed cross entropy
#
# Write `smoothed_cross_entropy(logits, targets)` with the smoothing `EPSILON`, which returns `(loss, dlogits)`.
# `logits` is (N, K), `targets` (N,) holds the right classes. The loss is the mean over the N examples.

# %%
EPSILON = 0.1


def smoothed_cross_entropy(logits, targets):
    ### BEGIN SOLUTION smoothed_cross_entropy
    n, k = logits.shape
    q = np.full((n, k), EPSILON / k)
    q[np.arange(n), targets] += 1 - EPSILON
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -np.sum(q * log_p) / n
    dlogits = (np.exp(log_p) - q) / n
    return loss, dlogits
    ### END SOLUTION


check.smoothed_cross_entropy(smoothed_cross_entropy)

# %% [markdown]
# ## Nats and bits
#
# $-\log p$ has a unit. With the natural logarithm it is the *nat*, with $\log_2$ the *bit*: how many binary digits the
# best code spends on something of probability $p$. One nat is $1 / \ln 2$ bits.
#
# The unit is the lesser half of the question. The other half: *of what?* A loss of a batch of images (N, C, H, W) is
# made of N·C·H·W numbers. Their sum, the mean over all, and the sum over each image averaged over the batch are all
# called "the loss" by somebody.

# %%
coin = F.binary_cross_entropy_with_logits(minigen.zeros(4, 1, 28, 28), minigen.rand(4, 1, 28, 28), reduction="none")
print(f"mean over everything:      {coin.mean().item():.4f} nats per pixel")
print(f"the same in bits:          {coin.mean().item() / np.log(2):.4f} bits per pixel")
print(f"sum over an image:         {coin.sum().item() / len(coin):.2f} nats per image")
print(f"sum over all of the batch: {coin.sum().item():.1f} nats per batch of 4")
print(f"log(10) = {np.log(10):.3f} nats = {np.log2(10):.3f} bits")

# %% [markdown]
# Four numbers for one thing: a model that says 1/2 for each pixel. `0.6931` nats are `1.0000` bit, the toss of a coin.
# `543.43` is what the articles on VAEs print. And the number of the batch depends on its size, so it means nothing to
# anybody. The log 10 with which an untrained classifier begins (chapter 2), `2.303`, is `3.322` bits.
#
# ### Exercise 10.5: nats per image, bits per dimension
#
# A variational autoencoder pays twice for an image: the binary cross entropies of its pixels, and a divergence for
# each of its latents. Write `nats_and_bits(pixels, latents)`. `pixels` is (N, C, H, W) and holds the losses of the
# pixels, `latents` is (N, Z); all in nats. It returns `(nats, bits)`: what an image costs altogether, as a mean over
# the batch, and the same in bits per dimension, where an image has C·H·W dimensions.


# %%
def nats_and_bits(pixels, latents):
    ### BEGIN SOLUTION nats_and_bits
    n, c, h, w = pixels.shape
    nats = (pixels.sum() + latents.sum()) / n
    bits = nats / np.log(2) / (c * h * w)
    return nats, bits
    ### END SOLUTION


check.nats_and_bits(nats_and_bits)

# %% [markdown]
# ## Where it decides: the balance of a VAE
#
# Why the fuss, if a constant factor changes no minimum? Because a VAE's loss has *two* terms (chapter 11 derives
# them): the *distortion*, how badly the image is told, and the *rate*, how much the latents say about it, which is
# what they cost. Both are nats per image. Whoever takes `reduction="mean"` for the first has divided it by 784, and not
# the second. One nat that a latent says is now worth it only if it saves 784 nats in the pixels. None does.
#
# **Predict before you run.** Three runs, alike but for the weights of the two terms: 1 and 1; 1/784 and 1, the
# mistake; 1/784 and 1/784. Which two will end alike?

# %%
glyphs = Glyphs(1000)
digits = minigen.stack([glyphs[i][0] for i in range(1000)]).flatten(1)  # (1000, 784)


def train(of_pixels, of_latents, steps):
    minigen.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 16))
    decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 784))
    adam = optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=2e-3)
    distortions, rates = [], []
    for _ in range(steps):
        x = digits[minigen.randint(0, len(digits), (64,))]
        mu, logvar = encoder(x).chunk(2, 1)
        distortion = reconstruction_loss(decoder(reparameterise(mu, logvar, minigen.randn_like(mu))), x)
        rate = F.gaussian_kl(mu, logvar)
        adam.zero_grad()
        (of_pixels * distortion + of_latents * rate).backward()
        adam.step()
        distortions.append(distortion.item())
        rates.append(rate.item())
    print(f"distortion {round(np.mean(distortions[-100:]), -1):3.0f}, rate {np.mean(rates[-100:]):4.1f} nats per image")
    with minigen.no_grad():
        drawn = decoder(encoder(digits[:16]).chunk(2, 1)[0]).sigmoid()
    return rates, drawn.numpy()


runs = {
    name: train(*weights, quick(1000, 40))
    for name, weights in {
        "summed": (1.0, 1.0),
        "pixels averaged": (1 / 784, 1.0),
        "both divided by 784": (1 / 784, 1 / 784),
    }.items()
}
lines = {name: (range(1, len(rates) + 1), rates) for name, (rates, _) in runs.items()}
show(curves(lines, x="step", y="rate (nats per image)", log="xy", title="What the latents say"), "10_rate")
sheet = lambda a: a.reshape(4, 4, 28, 28).transpose(0, 2, 1, 3).reshape(112, 112)  # noqa: E731
pictures = {"the images": digits[:16].numpy()} | {name: drawn for name, (_, drawn) in list(runs.items())[:2]}
show(images({name: sheet(a) for name, a in pictures.items()}, columns=3), "10_decoded")

# %% [markdown]
# The first and the third: their curves lie upon each other. Dividing both terms by 784 makes all gradients 784 times
# smaller, which Adam hardly notices. Dividing one of them makes another model. Its latents say `~0.0` nats about an
# image, where the others' say more than ten. Its decoder, which is told nothing, draws the same blurred average for
# every digit, and tells the pixels for about `~230` nats instead of `~150`. This is *posterior collapse*, by a slip in
# the reduction; and the loss of the faulty run falls as smoothly as any. So print both terms by themselves, in nats
# per image.
#
# One may *want* another balance. Then say so, with a factor before the rate (beta, chapter 11), and not by a mean.
#
# ## The library's version
#
# Log-sum-exp, with a line for rows that are all $-\infty$; the binary cross entropy, which is exercise 10.3; and the
# distortion of the VAE, whose last line is the subject of this chapter.

# %%
source(minigen.ops.reductions.LogSumExp)
source(minigen.functional.classification.BinaryCrossEntropyWithLogits)
source(reconstruction_loss)

# %% [markdown]
# ## What it cannot do
#
# - It does not make wrong logits right. If they are NaN or infinite, so is the loss, and the cause lies earlier.
# - It does not help where the model ends in a sigmoid and only probabilities come out: what was rounded to 1 there is
#   lost. Leave the last sigmoid out of the model, and apply it when you look.
# - Grey pixels between 0 and 1 are no coin tosses. Their cross entropy is a usable loss, but no likelihood, and its
#   least value is not 0. The nats of such a model may be compared only with those of one trained on the same images.
# - Smaller formats have nearer ends. In float16 `exp` overflows at 12, and the rule is the same.
#
# ## Common misconceptions
#
# - *"`log(p + 1e-8)` is safe."* It is finite. In float32, `1 - p + 1e-8` has lost all but the 1e-8 at a logit of 17,
#   and the gradient with it.
# - *"Softmax first, then `cross_entropy`."* It takes logits and applies softmax itself. Twice is no error message,
#   only slow learning: the scores then lie between 0 and 1, and the loss of ten classes cannot fall below 1.46.
# - *"The gradient of the loss vanishes where the sigmoid is flat."* That is so for the squared error behind a
#   sigmoid. In $p - t$ the flat slope has cancelled.
# - *"Sum or mean is a matter of the learning rate."* For a single term it is. Between two terms it is their balance.
#
# ## Further exercises
#
# - What does your `log_sum_exp` say to a row of $-\infty$ only? What should it say? Read how the library does it.
# - Show that the sum over k of $p_k - q_k$ is 0, and that lse is convex.
# - Write the loss of a batch of *distributions* and measure how far below the entropy of $q$ it can get.
# - Train the VAE with `of_latents` of 0.1, 0.3, 3 and 10, and draw distortion over rate.
#
# ## Further reading
#
# - P. Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and softmax functions", *IMA
#   Journal of Numerical Analysis* 41 (2021), pages 2311-2330. That the shift is safe, with proof.
# - M. Mächler, "Accurately computing log(1 - exp(-|a|)), assessed by the Rmpfr package", vignette of the R package
#   Rmpfr (2012). `log1p`, `expm1`, and softplus.
# - C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna, "Rethinking the Inception architecture for computer
#   vision", CVPR (2016), section 7. Label smoothing.
# - R. Müller, S. Kornblith and G. Hinton, "When does label smoothing help?", NeurIPS (2019).
# - D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", ICLR (2014), appendix C.1. The Bernoulli decoder.
