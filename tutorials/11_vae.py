# %% [markdown]
# # 11. Autoencoders and the VAE: ELBO term by term, posterior collapse, beta
#
# *A network that can copy images through a few numbers knows something. How does one draw new images from it?*
#
# ## What you will learn
#
# - why an autoencoder copies well and draws badly: its codes leave holes;
# - the bound that a VAE is trained on, term by term: distortion, rate, and what is missing to the true likelihood;
# - the divergence of a Gaussian with its derivatives, and how a gradient gets through chance;
# - a case where the best possible VAE is known, and what it says about beta and about latents that fall silent;
# - to provoke posterior collapse, to measure it, and to cure it.
#
# ## Before you start
#
# Needed: chapter 2 (derivatives by hand) and chapter 10 (cross entropy from logits, nats, sums and means). The density
# of a normal distribution, and what an expectation is. About 3 hours.

# %%
import numpy as np

import minigen
import minigen.nn.functional as F
from minigen import nn
from minigen.course import check, quick, show, source
from minigen.course.figures import curves, images
from minigen.data import Glyphs
from minigen.models.beta_vae import BetaVAE, Options
from minigen.models.variational import reconstruction_loss, reparameterise, with_free_bits
from minigen.optim import Adam
from minigen.optim.lr_scheduler import CosineAnnealingLR

minigen.manual_seed(0)
glyphs = Glyphs(quick(2500, 800))
digits = minigen.stack([glyphs[i][0] for i in range(len(glyphs))])  # (N, 1, 28, 28)
digits = (F.avg_pool2d(digits, 2) > 0.5).float()  # (N, 1, 14, 14), each pixel black or white
training, fresh = digits[:-500], digits[-500:]

# %% [markdown]
# The digits are made small, so that everything below takes seconds, and black or white, so that the cross entropy of
# a pixel is a true likelihood (chapter 10). What is said of `fresh` digits is said of images no network was trained on.
#
# ## A machine that copies
#
# An *autoencoder* is two networks. The encoder makes a short *code* $z$ of an image, the decoder makes an image of a
# code, and both are trained to give the image back. Ours has a code of two numbers, so that all codes can be seen.
#
# To draw a new digit, one would choose a code at random and decode it. At random from what? Nobody has said. The best
# guess is a Gaussian with the mean and the covariance of the codes that occur.
#
# **Predict before you run.** Take codes at random from this Gaussian, and ask how far each is from the nearest code of
# a training digit. Then ask the same for the codes of fresh digits. Which is farther, and what does that mean?


# %%
def farther(drawn, occurring):
    """How far drawn codes are from the nearest of the first codes that occur, where the last 500 have 1."""
    nearest = [np.sqrt(((c[:, None] - occurring[:-500]) ** 2).sum(2).min(1)) for c in (drawn, occurring[-500:])]
    return nearest[0].mean() / nearest[1].mean()


def look_at(name, codes, center, width, decoder):
    """Where the codes lie, and what is drawn of codes on a lattice over the same square."""
    counts = np.histogram2d(*((codes - center) / width).T, bins=32, range=[[-2.5, 2.5]] * 2)[0].T[::-1]
    ticks = np.linspace(-2.2, 2.2, 8)
    lattice = np.stack(np.meshgrid(ticks, ticks[::-1]), axis=-1).reshape(-1, 2) * width + center
    with minigen.no_grad():
        drawn = decoder(minigen.from_numpy(lattice.astype(np.float32))).sigmoid().numpy()
    sheet = drawn.reshape(8, 8, 14, 14).transpose(0, 2, 1, 3).reshape(112, 112)
    return {f"{name}: where codes lie": np.minimum(counts / 8, 1), f"{name}: decoded": sheet}


encoder = nn.Sequential(nn.Flatten(), nn.Linear(196, 64), nn.ReLU(), nn.Linear(64, 2))
decoder = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 196), nn.Unflatten(1, (1, 14, 14)))
adam = Adam([*encoder.parameters(), *decoder.parameters()], lr=5e-3)
for _ in range(quick(400, 10)):
    x = training[minigen.randint(0, len(training), (250,))]
    loss = reconstruction_loss(decoder(encoder(x)), x)
    adam.zero_grad()
    loss.backward()
    adam.step()

with minigen.no_grad():
    codes = encoder(digits).numpy()
rng = np.random.default_rng(0)
guessed = rng.multivariate_normal(codes.mean(0), np.cov(codes.T), 2000)
print(f"random codes are {farther(guessed, codes):.1f} times as far from training codes as those of fresh digits")
pictures = look_at("AE", codes, codes.mean(0), codes.std(0), decoder)
show(images(pictures, columns=2), "11_holes")

# %% [markdown]
# Random codes are farther (1 would mean: they fall where codes are). The left picture shows why. The codes form a dense
# patch with thin arms and empty corners, of no shape that one could draw from. In the right picture the decoder was
# asked on the whole square. Where no codes lie, in the corner at the top right for instance, it draws what nobody has
# trained it to draw. These are the *holes*. Nothing in the loss speaks of them: it asks only that *each* image comes
# back from *its* code. (Two numbers are few for ten kinds of digits; most are blurred anyway.)
#
# ## A lower bound, and its two terms
#
# Turn it round. Say first how codes are drawn: $z \sim p(z) = N(0, I)$. Say how an image is drawn from a code: the
# decoder gives $p(x \mid z)$. Then a training image has the probability $p(x) = \int p(x \mid z)\, p(z)\, dz$, and the
# best decoder is the one that makes the training images most probable. But the integral goes over all codes, and
# nearly all of them have nothing to do with $x$.
#
# So let an encoder say which codes matter: a distribution $q(z \mid x)$, for us a Gaussian with the mean $\mu$ and the
# variance $\sigma^2$ of each latent, which a network computes from $x$. By Bayes' rule, and for *every* z,
# $p(x) = p(x \mid z)\, p(z) / p(z \mid x)$. Take logarithms, bring $q$ in, and average over $z \sim q$:
#
# $$ \log p(x) = \underbrace{\mathbb{E}_q \log p(x \mid z)}_{-\text{distortion}}
#    - \underbrace{\mathrm{KL}(q(z \mid x) \,\|\, p(z))}_{\text{rate}}
#    + \underbrace{\mathrm{KL}(q(z \mid x) \,\|\, p(z \mid x))}_{\text{gap}}. $$
#
# The gap is never negative, and we cannot compute it. Without it, what stands there is a *lower bound* of
# $\log p(x)$, the evidence lower bound or ELBO. A VAE minimises
#
# $$ -\mathrm{ELBO} = \text{distortion} + \text{rate} \;\ge\; -\log p(x). $$
#
# - The **distortion** is what it costs to tell the image to somebody who has $z$: chapter 10's cross entropy.
# - The **rate** is what it costs to tell $z$ to somebody who expects $N(0, I)$. It is the new term.
# - The **gap** is what is paid because $q$ is not the true $p(z \mid x)$.
#
# ## The rate
#
# For one latent with $q = N(\mu, \sigma^2)$, the integral has a closed form (Kingma and Welling, appendix B):
#
# $$ \mathrm{KL} = \tfrac12 \left( \mu^2 + \sigma^2 - 1 - \log \sigma^2 \right). $$
#
# The encoder gives $v = \log \sigma^2$, because that may be any real number. Latents are independent, so their
# divergences add up.
#
# **Predict before you run.** An encoder moves a latent by one standard deviation ($\mu = 1$, $\sigma = 1$); or makes it
# ten times as precise ($\mu = 0$, $\sigma = 0.1$); or ten times as vague ($\mu = 0$, $\sigma = 10$). Which is dearest?

# %%
for mu, sigma in ((0, 1), (1, 1), (3, 1), (0, 0.1), (0, 10)):
    kl = F.gaussian_kl(minigen.tensor([[float(mu)]]), minigen.tensor([[float(sigma**2)]]).log())
    print(f"mu = {mu}, sigma = {sigma:4}: {kl.item():6.3f} nats")

# %% [markdown]
# Being precise is cheap, `1.808` nats for a tenth of the width: half a nat less than $\log 10$, what it costs to name
# one of ten equal drawers. Being vague is absurdly dear, `47.197`. A latent that says nothing costs nothing.
#
# ### Exercise 11.1: the divergence of each latent
#
# Write `gaussian_rate(mu, logvar)` for arrays (N, Z). It returns `(kl, dmu, dlogvar)`, each (N, Z): the divergence of
# each latent of each image in nats, and its derivatives with respect to `mu` and `logvar`. It must be right for
# `logvar` between -2000 and 600, and a divergence of 1e-12 must have its digits. (`np.expm1(u)` is $e^u - 1$, precise
# however small `u` is.)


# %%
def gaussian_rate(mu, logvar):
    ### BEGIN SOLUTION gaussian_rate
    excess = np.expm1(logvar)  # sigma**2 - 1
    kl = 0.5 * (mu**2 + (excess - logvar))
    dmu = mu
    dlogvar = 0.5 * excess
    return kl, dmu, dlogvar
    ### END SOLUTION


check.gaussian_rate(gaussian_rate)

# %% [markdown]
# ## A gradient through chance
#
# The distortion is an expectation over $z \sim q$, and $q$ is what we want to change. Drawing a $z$ gives an estimate
# of the distortion, but a drawn number has no derivative. The way out: draw the noise *first*, and make $z$ of it,
#
# $$ z = \mu + \sigma \varepsilon, \qquad \varepsilon \sim N(0, 1), \qquad
#    \frac{\partial}{\partial \mu}\, \mathbb{E}\, f(\mu + \sigma\varepsilon) = \mathbb{E}\, f'(z). $$
#
# Now $z$ is an ordinary function of $\mu$ and $\sigma$, and chance is an input like any other. This is the *pathwise*
# gradient, or reparameterisation trick. There is an older way, which needs no derivative of $f$: the *score function*,
# $\frac{\partial}{\partial\mu} \mathbb{E} f(z) = \mathbb{E}\left[ f(z)\, (z - \mu) / \sigma^2 \right]$.
#
# **Predict before you run.** Let $f(z) = \sum_j z_j^2$, $\mu = 1$, $\sigma = 1$. Both ways have the mean 2. Which one
# scatters more from draw to draw? And when there are 20 latents instead of one?

# %%
for latents in (1, 20):
    z = 1 + rng.standard_normal((200_000, latents))
    for name, estimate in (("pathwise", 2 * z[:, 0]), ("score", (z**2).sum(axis=1) * (z[:, 0] - 1))):
        print(f"{latents:2} latents, {name:8}: mean {estimate.mean():.1f}, standard deviation {estimate.std():.0f}")

# %% [markdown]
# The pathwise gradient of a latent scatters by `2`, however many other latents there are. The score function only knows
# that $f$ was large, not which latent was to blame; with 20 of them it scatters by `43`. That is why a VAE gets along
# with a single draw for each image.
#
# ### Exercise 11.2: the pathwise gradient
#
# Write `pathwise_gradients(slope, mu, logvar, epsilon)`. `mu` and `logvar` are (Z,), `epsilon` holds K draws (K, Z),
# and `slope(z)` gives the gradient of $f$ at each of K points: (K, Z) for `z` of (K, Z). It returns `(dmu, dlogvar)`,
# (Z,) each: the gradients of the *mean* of $f(z)$ over the K draws.


# %%
def pathwise_gradients(slope, mu, logvar, epsilon):
    ### BEGIN SOLUTION pathwise_gradients
    sigma = np.exp(0.5 * logvar)
    at_z = slope(mu + sigma * epsilon)
    dmu = at_z.mean(axis=0)
    dlogvar = (at_z * epsilon * sigma / 2).mean(axis=0)
    return dmu, dlogvar
    ### END SOLUTION


check.pathwise_gradients(pathwise_gradients)

# %% [markdown]
# ## The loss
#
# Both terms are nats *per image*: summed over pixels, summed over latents, averaged over the batch. Chapter 10 showed
# what becomes of a VAE whose pixels are averaged. Whoever wants another balance gives it a name and a place: $\beta$,
# the price of a nat of rate in nats of distortion (Higgins et al. 2017). $\beta = 1$ is the bound.
#
# ### Exercise 11.3: distortion, rate, loss
#
# Write `beta_elbo(logits, x, mu, logvar)` with the price `BETA`. `logits` and `x` are (N, C, H, W), `mu` and `logvar`
# (N, Z). It returns `(distortion, rate, loss)`, three numbers, in nats per image. Logits may be ±1000.

# %%
BETA = 4.0


def beta_elbo(logits, x, mu, logvar):
    ### BEGIN SOLUTION beta_elbo
    n = len(x)
    distortion = (np.logaddexp(0, logits) - x * logits).sum() / n
    rate = 0.5 * (mu**2 + np.expm1(logvar) - logvar).sum() / n
    loss = distortion + BETA * rate
    return distortion, rate, loss
    ### END SOLUTION


check.beta_elbo(beta_elbo)

# %% [markdown]
# ## Is it right? A VAE whose best is known
#
# Let encoder and decoder be linear, and let the decoder's noise have a fixed variance $s^2$: $x = Wz + s\,\varepsilon$.
# Then $x$ is Gaussian with the covariance $WW^\top + s^2 I$, the true $p(z \mid x)$ is a Gaussian that a linear encoder
# can say, and everything can be computed. It is *probabilistic PCA*. Along a principal direction of the data, in which
# their variance is $\lambda$, the best latent says
#
# $$ \text{rate} = \tfrac12 \log \frac{\lambda}{\beta s^2} \quad\text{nats where } \lambda > \beta s^2,
#    \qquad\text{and nothing where } \lambda \le \beta s^2. $$
#
# (For $\beta = 1$ the latent's posterior variance is $s^2 / \lambda$, and its means have the variance
# $1 - s^2 / \lambda$; put that into the formula for KL. With $\beta$, divide the loss by $\beta$: what is left is the
# old loss with $\beta s^2$ in the place of $s^2$.)
#
# So a direction in which the data vary less than the decoder's noise is not worth a latent. **At the optimum** that
# latent has $q(z \mid x) = p(z)$ for every image: it has *collapsed*, and no fault of the training is to blame. A
# larger $\beta$ does the same as a noisier decoder.
#
# **Predict before you run.** The data vary by 9, 4, 2, 0.5, 0.25 and 0.25 in six directions; $s^2 = 1$, and there are
# four latents. How many of them will say anything for $\beta$ = 1, 3, 6 and 10? For $\beta = 1$, will the trained VAE
# reach the best likelihood, and will the bound be tight?

# %%
variances = np.array([9, 4, 2, 0.5, 0.25, 0.25])
turn = np.linalg.qr(rng.standard_normal((6, 6)))[0]
white = rng.standard_normal((1000, 6))
points = np.linalg.qr(white - white.mean(0))[0] * np.sqrt(1000 * variances) @ turn.T  # just these variances
covariance = points.T @ points / 1000


def exactly(W, V, logvar):
    """-log p(x), -ELBO, and the rate of each latent, without a draw."""
    mu, total = points @ V.T, W @ W.T + np.eye(6)
    evidence = 0.5 * (6 * np.log(2 * np.pi) + np.linalg.slogdet(total)[1] + np.linalg.solve(total, covariance).trace())
    squares = ((points - mu @ W.T) ** 2).sum(1).mean() + (W**2 @ np.exp(logvar)).sum()
    rates = 0.5 * ((mu**2).mean(0) + np.expm1(logvar) - logvar)
    return evidence, 0.5 * (6 * np.log(2 * np.pi) + squares) + rates.sum(), rates


def train_linear(beta, steps):
    minigen.manual_seed(0)
    x = minigen.from_numpy(points.astype(np.float32))
    up, down, logvar = nn.Linear(6, 4, bias=False), nn.Linear(4, 6, bias=False), nn.Parameter(minigen.zeros(4))
    adam = Adam([*up.parameters(), *down.parameters(), logvar], lr=0.05)
    schedule, way = CosineAnnealingLR(adam, steps), []
    for _ in range(steps):
        mu = up(x)
        distortion = F.gaussian_nll(down(reparameterise(mu, logvar, minigen.randn_like(mu))), minigen.tensor(0.0), x)
        adam.zero_grad()
        (distortion + beta * F.gaussian_kl(mu, logvar.expand(1000, -1))).backward()
        adam.step()
        schedule.step()
        way.append(exactly(*(p.detach().numpy().astype(float) for p in (down.weight, up.weight, logvar))))
    return way


for beta in (1, 3, 6, 10):
    way = train_linear(beta, quick(300, 4))
    if beta == 1:
        evidence, bound, _ = zip(*way, strict=True)
    wanted = 0.5 * np.log(np.maximum(variances[:4] / beta, 1))
    rows = (" ".join(f"{r:.2f}" for r in rates) for rates in (wanted, np.sort(way[-1][2])[::-1]))
    print(f"beta {beta:2}: rates should be {next(rows)}, and are {next(rows)}")
best = 0.5 * (6 * np.log(2 * np.pi) + np.log(variances[:3]).sum() + 3 + variances[3:].sum())
print(f"beta 1: best possible -log p(x) {best:.2f}, reached {evidence[-1]:.2f}, -ELBO {bound[-1]:.2f}")
steps = range(1, len(bound) + 1)
lines = {"-ELBO": (steps, bound), "-log p(x)": (steps, evidence), "best": (steps, [best] * len(steps))}
show(curves(lines, x="step", y="nats", log="x", title="The bound is above, and closes"), "11_linear")

# %% [markdown]
# Three latents for $\beta = 1$, then two, one and none; and the first says `1.10` nats, as it should, $\frac12 \log 9$.
# The figure shows the gap: $-$ELBO is never below $-\log p(x)$, and both end at the best that any linear model can do,
# `9.65`. Both terms, the draws, the optimizer: all of it together finds the known answer. Keep such a
# test for every VAE that you write. (`docs/results.md` has it for MNIST, in the row `linear_vae`.)
#
# ### Exercise 11.4: which latents are in use?
#
# A collapsed latent is silent, but how does one see it from outside? By its rate: 0. But a rate need not be news: a
# latent with $\mu = 3$ for *every* image costs 4.5 nats and tells nothing. In the mean over the images
#
# $$ \text{rate} = I(x; z) + \mathrm{KL}(q(z) \,\|\, p(z)), \qquad q(z) = \mathbb{E}_x\, q(z \mid x): $$
#
# what $z$ tells about $x$, and besides how far the codes as a whole are from the prior: the second term is the holes.
# So Burda et al. (2016) call a latent *active* if its mean moves with the image: if the variance of $\mu_j$ over the
# images is greater than 0.01.
#
# Write `latents_in_use(mu, logvar)` for arrays (N, Z). It returns `(rates, active)`, both (Z,): the mean rate of each
# latent in nats, and whether the variance of its `mu` is greater than `THRESHOLD`.

# %%
THRESHOLD = 0.01


def latents_in_use(mu, logvar):
    ### BEGIN SOLUTION latents_in_use
    kl = 0.5 * (mu**2 + np.expm1(logvar) - logvar)
    rates = kl.mean(axis=0)
    active = mu.var(axis=0) > THRESHOLD
    return rates, active
    ### END SOLUTION


check.latents_in_use(latents_in_use)

# %% [markdown]
# ## Digits, at several prices
#
# Now the digits. First the VAE with two latents beside the autoencoder: the same layers, and a rate. Then eight latents
# at five prices.
#
# **Predict before you run.** With growing beta, the rate falls and the distortion rises. What does their sum do, the
# bound? Where is it lowest?


# %%
class Small(BetaVAE):
    image_sizes = (14,)


def fit(kind, latents, steps, beta=1.0, **settings):
    minigen.manual_seed(0)
    options = Options(network="dense", hidden_size=64, latent_size=latents, lr=5e-3, beta=beta, **settings)
    system, rates = kind(options, shape=(1, 14, 14)), []
    for _ in range(steps):
        rates.append(system.training_step(training[minigen.randint(0, len(training), (250,))])["rate"].item())
    return system, rates


def report(name, system):
    with minigen.no_grad():
        distortion, rate = (term.item() for term in system.terms(fresh)[:2])
        active = (system.encoder(fresh)[0].numpy().var(axis=0) > 0.01).sum()
    print(f"{name}: distortion {distortion:4.1f} + rate {rate:4.1f} = {distortion + rate:4.1f} nats, active {active}")
    return distortion, rate


system, _ = fit(Small, 2, quick(400, 10))
with minigen.no_grad():
    z = reparameterise(*system.encoder(digits), minigen.randn(len(digits), 2)).numpy()
print(f"with two latents, random codes are {farther(rng.standard_normal((2000, 2)), z):.1f} times as far as fresh ones")
show(images(pictures | look_at("VAE", z, 0, 1, system.decoder)), "11_filled")

found, pictures = [], {}
for beta in (0.1, 0.5, 1.0, 2.0, 4.0):
    system, _ = fit(Small, 8, quick(400, 10), beta)
    found.append(report(f"beta {beta}", system))
    drawn = system.sample(16).numpy().reshape(4, 4, 14, 14).transpose(0, 2, 1, 3).reshape(56, 56)
    pictures[f"beta {beta}"] = drawn
distortions, rates = zip(*found, strict=True)
bought = -np.diff(distortions) / np.diff(rates)
print("from one beta to the next a nat of rate buys", " ".join(f"{nats:.1f}" for nats in bought), "nats of distortion")
lines = {"beta 0.1, 0.5, 1, 2, 4": (rates, distortions)}
lines["distortion + rate = that of beta 1"] = (rates[1:], [sum(found[2]) - r for r in rates[1:]])
show(curves(lines, x="rate (nats)", y="distortion (nats)", title="What a nat of rate buys"), "11_prices")
show(images(pictures, columns=5), "11_samples")

# %% [markdown]
# The holes are filled: random codes are hardly farther from what occurs than the codes of fresh digits, and the
# decoder draws something like a digit nearly everywhere, with slow passages in between. Two forces made it so. Each
# image owns a *cloud* of codes instead of a point, so neighbours must decode alike; and the rate pulls all clouds
# towards the same $N(0, I)$.
#
# With eight latents: at $\beta = 0.1$ the latents say more than 20 nats, and most of them are of no use to the
# pixels. Some draws are smears, because the clouds are small again and leave holes. At $\beta = 4$ hardly anything is
# said, and the draws look like the mean of many digits. In between, the sum is lowest at $\beta = 1$, as it should
# be: it is what that run was trained for. The curve has the slope $-\beta$ at the point that belongs to $\beta$:
# there one nat more of rate saves just $\beta$ nats of distortion. So from $\beta = 1$ to $2$ a nat should buy
# between one and two, and it does. The straight line has the slope $-1$ and touches the curve at $\beta = 1$.
#
# The same for MNIST, with both terms for each $\beta$, stands in `docs/results.md`, in the rows whose names begin with
# `vae` and `beta_vae`.
#
# ## Collapse, provoked
#
# Latents also fall silent where they *would* be worth having. Let the decoder see more than $z$: each pixel is told
# from $z$ *and* from the pixels before it, row by row. (`triu(..., 1)` keeps weights from earlier to later pixels only,
# so $p(x \mid z)$ is still a distribution.) Text is modelled so, word by word. At first $z$ is noise, and
# the neighbours are reliable, and learned quickly. The decoder learns to do without $z$; then every nat in $z$ is a
# waste, and the encoder gives up; then there is nothing left in $z$ to learn from (Bowman et al. 2016).
#
# Two cures are built into `BetaVAE`. *Warm-up*: $\beta$ grows from 0, so that $z$ is full before it has to pay. *Free
# bits*: each latent may say so many nats for nothing (Kingma et al. 2016).
#
# **Predict before you run.** Three runs: as it is, with a warm-up of 400 steps, with half a nat free for each of eight
# latents. Where does each rate end? Which of the three has the best bound?


# %%
class Neighbours(Small):
    def __init__(self, options, *, shape):
        super().__init__(options, shape=shape)
        self.decoder = nn.Sequential(
            nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 196)
        )  # fmt: skip
        others = list(self.parameters())
        self.before = nn.Parameter(minigen.zeros(196, 196))
        groups = [{"params": others}, {"params": [self.before], "lr": 2e-2}]
        self.optimizers = {"vae": Adam(groups, lr=options.lr)}

    def distortion(self, z, x):
        x = x.flatten(1)
        return reconstruction_loss(self.decoder(z) + x @ minigen.triu(self.before, 1), x)


lines = {}
for name, settings in {
    "as it is": {},
    "warm-up": {"warmup_steps": quick(400, 8)},
    "free bits": {"free_bits": 0.5},
}.items():
    system, rates = fit(Neighbours, 8, quick(500, 10), **settings)
    report(f"{name:9}", system)
    lines[name] = (range(1, len(rates) + 1), np.maximum(rates, 1e-2))
show(curves(lines, x="step", y="rate (nats per image)", log="y", title="Silent, full, and on allowance"), "11_collapse")

# %% [markdown]
# As it is, the rate ends at `~0.0`, and `~0` latents are active. The bound is not bad at all: it is better than that of
# every VAE above. **A good bound does not say that the latents are used.** What was built is a model of neighbouring
# pixels with a useless encoder. So always look at the rate and at the active latents.
#
# Look at the first 50 steps. In all three runs the latents begin to speak, and are silenced when the neighbours are
# learned. Where speaking is cheap, they come back, because there are things that neighbours cannot know; where it
# costs its full price from the start, they never do. With the warm-up the rate stays when $\beta$ has reached 1, and
# the bound is *better* than before: this collapse was no optimum, but a dead end of the training. With free bits the
# rate ends at about what is free, 8 times 0.5 nats, and all latents are active. Their bound is no better than the
# collapsed one: the allowance is free in the loss, but counts in the bound. Whether latents are worth that is a
# question of what they are wanted for.
#
# ### Exercise 11.5: free bits
#
# Write `paid_rate(kl)` for the divergences (N, Z) of each latent of each image. Each latent's divergence is averaged
# over the batch; below `FREE_NATS` it counts as `FREE_NATS`; then the latents are summed. It returns `(paid, dkl)`:
# this number, and its gradient with respect to `kl`, (N, Z).

# %%
FREE_NATS = 0.5


def paid_rate(kl):
    ### BEGIN SOLUTION paid_rate
    means = kl.mean(axis=0)
    paid = np.maximum(means, FREE_NATS).sum()
    dkl = np.zeros(kl.shape)
    dkl[:, means > FREE_NATS] = 1 / len(kl)
    return paid, dkl
    ### END SOLUTION


check.paid_rate(paid_rate)

# %% [markdown]
# ## The library's version
#
# The pathwise draw, which is one line, since the engine walks back through it by itself; both terms together; one step
# with the price; and free bits.

# %%
source(reparameterise)
source(BetaVAE.terms)
source(BetaVAE.training_step)
source(with_free_bits)

# %% [markdown]
# ## What it cannot do
#
# - The bound is no likelihood. Two models may differ in the gap only; many draws make it narrower (Burda et al. 2016,
#   and `minigen.models.iwae`).
# - A decoder that tells each pixel by itself draws blurred images, because it must be right on average. GANs (chapter
#   12) need not be, and cannot name a likelihood at all.
# - A Gaussian $q$ with independent latents cannot say "either here or there". Where the true posterior does, a gap
#   stays.
# - Nothing makes single latents mean something. A large $\beta$ sometimes seems to; it is no guarantee.
#
# ## Common misconceptions
#
# - *"The KL term is a regulariser, its weight is a matter of taste."* With weight 1 the sum is a bound of $-\log p(x)$.
#   With another it is another problem, which one may want.
# - *"Collapse means that the training has failed."* It may be the optimum: the linear VAE with $\beta = 10$. It may be
#   a dead end: the neighbours. The bound of a second run tells which.
# - *"An autoencoder cannot draw."* Fit a density to its codes *afterwards*, a better one than our Gaussian, and it
#   draws quite well. The VAE fixes the density before, and bends the codes to fit.
# - *"A VAE draws means, so the decoder's noise does not matter."* The noise sets the exchange rate between the two
#   terms. Squared error without a factor means $s^2 = 1/2$, which is far too noisy for pixels between 0 and 1.
# - *"The lower the KL, the better."* At 0 nothing is said. At what is best for the bound it is far from 0.
#
# ## Further exercises
#
# - Derive the rate of the linear VAE in one dimension. Minimise over the encoder first, then over $w$.
# - Show that the gap is 0 in the linear case with $\beta = 1$, and not with another $\beta$. Print it.
# - Draw from the eight-latent autoencoder ($\beta = 0$, no noise) with a Gaussian fitted to its codes, and compare.
# - Cure the collapse with a weaker decoder: let each pixel see the row above only. With dropout of pixels (Bowman et
#   al.).
# - Let the linear VAE learn $s^2$, too. What does it become, and how many latents are active?
#
# ## Further reading
#
# - D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", ICLR (2014), sections 2.2 to 2.4: the bound and the
#   two estimators; appendix B: the divergence. arXiv:1312.6114.
# - D. J. Rezende, S. Mohamed and D. Wierstra, "Stochastic backpropagation and approximate inference in deep generative
#   models", ICML (2014), section 3: the gradient through a Gaussian draw. arXiv:1401.4082.
# - S. R. Bowman et al., "Generating sentences from a continuous space", CoNLL (2016), section 3.1: collapse, annealing
#   of the KL term and word dropout. arXiv:1511.06349.
# - Y. Burda, R. Grosse and R. Salakhutdinov, "Importance weighted autoencoders", ICLR (2016), section 5: active units.
#   arXiv:1509.00519.
# - J. Lucas, G. Tucker, R. Grosse and M. Norouzi, "Don't blame the ELBO! A linear VAE perspective on posterior
#   collapse", NeurIPS (2019). The linear VAE, its optimum, and what the decoder's noise decides. arXiv:1911.02469.
# - M. E. Tipping and C. M. Bishop, "Probabilistic principal component analysis", *Journal of the Royal Statistical
#   Society B* 61 (1999), pages 611-622.
# - I. Higgins et al., "beta-VAE: learning basic visual concepts with a constrained variational framework", ICLR (2017).
# - A. A. Alemi et al., "Fixing a broken ELBO", ICML (2018), section 2: distortion, rate, and the curve.
#   arXiv:1711.00464.
# - D. P. Kingma et al., "Improving variational inference with inverse autoregressive flow", NeurIPS (2016), appendix
#   C.8: free bits. arXiv:1606.04934.
# - M. D. Hoffman and M. J. Johnson, "ELBO surgery: yet another way to carve up the variational evidence lower bound",
#   NeurIPS workshop on advances in approximate Bayesian inference (2016). Rate = mutual information + distance to the
#   prior.
