# %% [markdown]
# # 12. GAN: a game, and how it goes wrong
#
# *Two networks play against each other. What does each of them learn, and how does one see that nothing is learnt?*
#
# ## What you will learn
#
# - what the best discriminator says, $D^* = p / (p + q)$, and that a trained one comes near it;
# - which distance between two distributions the game is about, and where that distance is blind;
# - why the generator's loss is not the one that stands in the title of the theory;
# - to play the game on points, where a whole distribution can be seen;
# - to provoke mode collapse, and to measure it where the losses see nothing.
#
# ## Before you start
#
# Needed: chapter 2 (a derivative by hand) and chapter 10 (the sigmoid, logits, cross entropy). About 2.5 hours.

# %%
import numpy as np

import minigen
from minigen.course import check, quick, show, source
from minigen.course.figures import curves, images
from minigen.data import Toy2D
from minigen.metrics import mode_coverage, optimal_discriminator, wasserstein_1d
from minigen.metrics.toys import mixture_log_density
from minigen.models.gan import GAN, Discriminator, Options
from minigen.models.objectives import OBJECTIVES, cross_entropy_discriminator_loss
from minigen.optim import Adam

minigen.manual_seed(0)
rng = np.random.default_rng(0)

# %% [markdown]
# ## The game
#
# A *generator* G turns noise $z$ into a sample $G(z)$. A *discriminator* D is shown real samples and drawn ones, and
# says how probably each is real. D is a classifier with two classes; G tries to make it err. Call the density of the
# real samples $p$ and that of the drawn ones $q$. D raises, and G lowers,
#
# $$ V(D, G) = \mathbb{E}_{x \sim p} \log D(x) + \mathbb{E}_{x \sim q} \log(1 - D(x)). $$
#
# Nobody computes $p$ or $q$. G never even sees a real sample: all it gets is the gradient that comes through D.
#
# ## The best discriminator
#
# Hold G still. How large can D make $V$? Written as one integral, it is
#
# $$ V = \int p(x) \log D(x) + q(x) \log(1 - D(x)) \, dx, $$
#
# and D may choose its value at each $x$ separately. So maximise $p \log D + q \log(1 - D)$ for two fixed numbers $p$
# and $q$. The derivative with respect to $D$ is $p / D - q / (1 - D)$, and it is 0 where
#
# $$ D^*(x) = \frac{p(x)}{p(x) + q(x)}. $$
#
# The second derivative is negative everywhere, so this is the maximum. In words: of all samples that turn up at $x$,
# $D^*$ names the share that is real. A better discriminator cannot exist. In logarithms it is
# $D^* = s(\log p - \log q)$, with the sigmoid $s$: a network that ends in a logit learns $\log p - \log q$.
#
# ### Exercise 12.1: the best discriminator
#
# Half of the samples are real in the game. Let it be a share `REAL_SHARE`, so that $p$ counts `REAL_SHARE` times and
# $q$ the rest. Write `best_discriminator(log_p, log_q)`: what the best D says at N places, given the logarithms of
# the densities there, (N,) each. It must be right far out, where both densities are too small for a float, and where
# one of them is 0 (its logarithm `-inf`).

# %%
REAL_SHARE = 0.25


def best_discriminator(log_p, log_q):
    ### BEGIN SOLUTION best_discriminator
    logit = log_p - log_q + np.log(REAL_SHARE / (1 - REAL_SHARE))
    small = np.exp(-np.abs(logit))  # never above 1
    return np.where(logit >= 0, 1, small) / (1 + small)
    ### END SOLUTION


check.best_discriminator(best_discriminator)

# %% [markdown]
# ## A trained one beside it
#
# On a line we can look at all of D. Real samples come from two Gaussians round -1.5 and 1.5, drawn ones from one
# Gaussian round 0. G stands still; only D learns.
#
# **Predict before you run.** Sketch $D^*$ from -4 to 4. What is it at 0, between the two hills? What is it far out,
# where neither kind of sample comes: 0, 1/2 or 1? And will a trained D say the same there?

# %%
CENTERS, WIDTH = np.array([[-1.5], [1.5]]), 0.5


def real_samples(n):
    points = CENTERS[rng.integers(2, size=n)] + WIDTH * rng.standard_normal((n, 1))
    return minigen.from_numpy(points.astype(np.float32))  # (n, 1)


network = Discriminator((1,), 32, 0.0)
optimizer = Adam(network.parameters(), lr=3e-3)
for _ in range(quick(500, 5)):
    drawn = minigen.randn(512, 1)
    loss = cross_entropy_discriminator_loss(network(real_samples(512)), network(drawn))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

places = np.linspace(-4, 4, 161)[:, None]
log_p = mixture_log_density(places, CENTERS, WIDTH)
log_q = mixture_log_density(places, [[0.0]], 1.0)
best = optimal_discriminator(log_p, log_q)
with minigen.no_grad():
    trained = minigen.sigmoid(network(minigen.from_numpy(places.astype(np.float32)))).numpy()
weight = (np.exp(log_p) + np.exp(log_q)) / (np.exp(log_p) + np.exp(log_q)).sum()
for i in (80, 110, 160):
    print(f"at {places[i, 0]:.1f}: the best D says {best[i]:.3f}; the trained one {trained[i]:.2f}")
print(f"mean difference where samples come: {(weight * np.abs(trained - best)).sum():.2f}")
line = places[:, 0]
lines = {"the best D": (line, best), "a trained D": (line, trained)}
lines |= {"p, real": (line, np.exp(log_p)), "q, drawn": (line, np.exp(log_q))}
show(curves(lines, x="x", y="D(x), or density", title="D says which share of the samples at x is real"), "12_best")

# %% [markdown]
# `0.022` at 0: samples that come here are nearly all drawn. `0.755` on the hill at 1.5. At 4 the best D says
# `0.011`, although both densities are tiny: only their *quotient* matters, and a wide Gaussian always wins against a
# narrow one in the end. The trained D follows closely where samples come. At 4 it was never shown anything, goes on
# as it went before, and is sure of the opposite. What a discriminator says where there are no samples is worth
# nothing, and G, which has to find the way from far off, starts just there.
#
# ## Which distance is it?
#
# Put $D^*$ back into $V$. With $m = (p + q) / 2$,
#
# $$ V(D^*) = \mathbb{E}_p \log \frac{p}{2m} + \mathbb{E}_q \log \frac{q}{2m}
#           = 2 \, \mathrm{JS}(p, q) - 2 \log 2, \qquad
#    \mathrm{JS}(p, q) = \tfrac12 \mathrm{KL}(p \| m) + \tfrac12 \mathrm{KL}(q \| m). $$
#
# The *Jensen-Shannon divergence* is 0 where $p = q$ and at most $\log 2$. So a G that plays against the best D
# lowers it, and wins only by $q = p$; then D says 1/2 to everything, and D's loss $-V$ is $2 \log 2 = 1.386$. Remember
# that number. A D that is not the best gives a smaller $V$: what it shows is a *lower bound* of the divergence.
#
# ### Exercise 12.2: the divergence that D shows
#
# Write `jensen_shannon(real, fake)`: solve the formula above for JS, and put in the means over D's *logits* on real
# samples (N,) and on drawn ones (M,). In nats; logits may be 1000.


# %%
def jensen_shannon(real, fake):
    ### BEGIN SOLUTION jensen_shannon
    for_real = -np.logaddexp(0, -real).mean()
    for_fake = -np.logaddexp(0, fake).mean()
    return np.log(2) + (for_real + for_fake) / 2
    ### END SOLUTION


check.jensen_shannon(jensen_shannon)

# %% [markdown]
# ## The generator that gets nothing
#
# Let real samples be N(0, 1) and drawn ones N(d, 1), so that all can be computed. The logit of $D^*$ is
# $\log p - \log q = d^2/2 - d\,x$, with the slope $-d$. G could lower $\log(1 - D)$, as the formula of the game says
# (*minimax*). Or it could lower $-\log D$ (*non-saturating*), which also wants D to err.
#
# **Predict before you run.** The further apart the two are, the more G has to learn. Which of the two losses pulls
# harder at a drawn sample for d = 6? Is it a little, or a lot? Is the divergence 6 times as large as for d = 1?

# %%
sample = np.linspace(-3, 3, 601)
print("   d     JS      W1   D*(d)    pull: minimax  non-saturating")
for d in (0.5, 1.0, 2.0, 4.0, 6.0):
    x = np.linspace(-6, d + 6, 4001)[:, None]
    log_a, log_b = mixture_log_density(x, [[0.0]], 1.0), mixture_log_density(x, [[d]], 1.0)
    for_a = np.exp(log_a) * np.log(optimal_discriminator(log_a, log_b))
    for_b = np.exp(log_b) * np.log(optimal_discriminator(log_b, log_a))
    js = np.log(2) + (for_a + for_b).sum() * (x[1, 0] - x[0, 0]) / 2
    says = 1 / (1 + np.exp(d * d / 2))  # at x = d, in the middle of the drawn samples
    distance = wasserstein_1d(sample, sample + d)
    print(f"{d:4.1f}  {js:.4f}  {distance:.2f}  {says:.1e}  {says * d:13.7f}  {(1 - says) * d:14.4f}")

# %% [markdown]
# At d = 6 the minimax loss pulls with `0.0000001`, the other with `6.0000`. Both losses go through the same logit;
# the difference is the factor in front: $D$ for the one, $1 - D$ for the other. D finds every drawn sample out, so
# the first is nearly 0. A student whom the teacher only marks "wrong, wrong, wrong" learns as little.
#
# The divergence itself is no help: `0.6327` at d = 4, `0.6893` at 6. It is nearly at its ceiling $\log 2$ and flat.
# The *Wasserstein-1 distance*, how far one must carry samples on average, is simply d, and never fades. Chapter 15
# plays the game for that one.
#
# ### Exercise 12.3: what G feels
#
# Write `generator_pulls(logits)`, which returns `(minimax, non_saturating)`: the derivatives with respect to D's
# logits on drawn samples (N,) of the losses $\frac1N \sum \log(1 - s(l))$ and $-\frac1N \sum \log s(l)$. Small
# results must have all their digits; the logits stay below 500 in size. (Useful: $1 - s(l) = s(-l)$.)


# %%
def generator_pulls(logits):
    ### BEGIN SOLUTION generator_pulls
    n = len(logits)
    minimax = -np.exp(-np.logaddexp(0, -logits)) / n
    non_saturating = -np.exp(-np.logaddexp(0, logits)) / n
    return minimax, non_saturating
    ### END SOLUTION


check.generator_pulls(generator_pulls)

# %% [markdown]
# Now with networks. Real samples lie round 4, G has not learnt yet and draws round 0, and D alone learns. Every 60
# steps we ask how hard each loss would pull at what G draws.

# %%
system = GAN(Options(hidden_size=32, lr_discriminator=1e-3, beta2=0.9), shape=(1,))
ask = minigen.from_numpy(system.sample(256).detach().numpy()).requires_grad_()
turns, pulls = [], {"minimax": [], "non-saturating": []}
for step in range(6):
    for name, found in pulls.items():
        (gradient,) = minigen.grad(OBJECTIVES[name].generator_loss(system.discriminator(ask)), ask)
        found.append(float(np.abs(gradient.numpy()).sum()))
    turns.append(step * quick(60, 2))
    print(f"step {turns[-1]:3}:", ", ".join(f"{name} {found[-1]:.4f}" for name, found in pulls.items()))
    for _ in range(quick(60, 2)):
        with minigen.no_grad():
            drawn = system.sample(128)
        loss_d = system.objective.discriminator_loss(
            system.discriminator(real_samples(128) + 4), system.discriminator(drawn)
        )
        system.optimizers["discriminator"].zero_grad()
        loss_d.backward()
        system.optimizers["discriminator"].step()
lines = {name: (turns, found) for name, found in pulls.items()}
show(curves(lines, x="steps of D", y="pull at a drawn sample", log="y", title="Two losses, one D"), "12_pulls")

# %% [markdown]
# At first both grow, because D must have a slope before anything pulls at all. Then D becomes sure, the minimax loss
# fades, and the other goes on growing: after 300 steps they are more than a thousand times apart, through the same D.
# That is why nearly everybody uses the second. It has a price: against the best D it no longer lowers the
# Jensen-Shannon divergence, and its gradient can become very large.
#
# ## The game in one dimension
#
# Now both learn, in turns: one step of D, one step of G. The real samples are the two hills. Because the samples are
# numbers, `wasserstein_1d` measures exactly how far the drawn ones are off.

# %%
minigen.manual_seed(0)
system = GAN(Options(hidden_size=32, lr_generator=1e-3, lr_discriminator=1e-3, beta2=0.9), shape=(1,))
history, reference = [], real_samples(4000).numpy()[:, 0]
for step in range(8):
    for _ in range(quick(75, 3)):
        figures = system.training_step(real_samples(128))
    drawn = system.sample(4000).detach().numpy()[:, 0]
    history.append(wasserstein_1d(drawn, reference))
    share = (drawn > 0).mean()
    print(f"{step + 1}: W1 {history[-1]:.2f}, on the right {share:.2f}, loss of D {figures['loss_d'].item():.2f}")
steps = np.arange(1, 9) * quick(75, 3)
show(curves({"W1": (steps, history)}, x="step", y="distance", title="The distance does not simply fall"), "12_line")

# %% [markdown]
# At first all drawn samples lie on one side (a share on the right of `~0.00`). D learns that this side is drawn, and
# G sends a part to the other. Then both hills are found, and the distance is much smaller. But it does not simply
# fall: it goes down and up again, because each player goes down a landscape that the other one moves. Such a game can
# settle, or go round for ever. The argument above says nothing about that: it let D become the best after *every*
# step of G. And notice that D's loss did not tell you how far off the drawn samples were.
#
# ## The judge
#
# On a ring of 8 narrow Gaussians one can count. Three numbers, of 10,000 drawn points:
#
# - how many *modes* are found, that is, have at least 20 points within 3 standard deviations;
# - the share of points of *high quality*: within 3 standard deviations of any mode;
# - the divergence from evenness, $\mathrm{KL}(h \| u) = \sum_m h_m \log(M h_m)$: $h_m$ is the share of *all* points
#   whose nearest mode is $m$, and $M$ the number of modes. 0 is even; $\log 8 = 2.08$ is one mode alone.
#
# ### Exercise 12.4: coverage
#
# Write `coverage(points, centers)`, which returns `(modes, high_quality, kl)` for points (N, 2), centres (M, 2) and
# modes of standard deviation `SIGMA`. A mode without points adds 0 to the divergence.

# %%
SIGMA = 0.02


def coverage(points, centers):
    ### BEGIN SOLUTION coverage
    n, m = len(points), len(centers)
    distances = np.sqrt(((points[:, None] - centers) ** 2).sum(axis=2))  # (N, M)
    nearest = distances.argmin(axis=1)
    good = distances.min(axis=1) <= 3 * SIGMA
    counts = np.bincount(nearest[good], minlength=m)
    shares = np.bincount(nearest, minlength=m) / n
    shares = shares[shares > 0]
    return np.sum(counts >= 20), good.mean(), np.sum(shares * np.log(m * shares))
    ### END SOLUTION


check.coverage(coverage)

# %% [markdown]
# ## Collapse, provoked
#
# The same networks play twice on the ring. In the second game one number is different: G's step size is ten times
# that of D, so G runs ahead of D.
#
# **Predict before you run.** Which of these will tell you that the second game has gone wrong: D's loss, G's loss, the
# picture, the divergence from evenness? What will D's loss be there, near 0 or near 1.386?

# %%
toy = Toy2D("ring-8", n=20_000)
pictures = {}
games = {"calm": (5e-4, quick(500, 2)), "hasty": (5e-3, quick(150, 2))}
for game, (lr, rounds) in games.items():
    minigen.manual_seed(0)
    rng = np.random.default_rng(0)
    system = GAN(Options(hidden_size=64, lr_generator=lr, lr_discriminator=5e-4, beta2=0.9), shape=(2,))
    for part in range(1, 5):
        losses = []
        for _ in range(rounds):
            batch = minigen.from_numpy(toy.data[rng.integers(len(toy), size=128)])
            figures = system.training_step(batch)
            losses.append([figures["loss_d"].item(), figures["loss_g"].item()])
        points = system.sample(10_000).detach().numpy()
        found = mode_coverage(points, toy.centers, toy.sigma)
        loss_d, loss_g = np.mean(losses, axis=0)
        print(
            f"{game:5} step {part * rounds:4}: modes {found.covered[20]}, high quality {found.high_quality:.2f}, "
            f"KL {found.kl:.2f}; losses of D {loss_d:.2f}, of G {loss_g:.2f}"
        )
        counts = np.histogram2d(*points.T, bins=48, range=[[-2.6, 2.6]] * 2)[0].T[::-1]
        pictures[f"{game}, step {part * rounds}"] = np.minimum(counts / 50, 1)
show(images(pictures), "12_ring")

# %% [markdown]
# Each picture shows where the 10,000 drawn points lie, in the square from -2.6 to 2.6. In the calm game all `~8` modes
# are found, and the divergence stays near 0. It is not perfect: many points lie between the modes, on the lines
# along which a continuous G must pass from one to the next, and the share of high quality says so.
#
# The hasty game has collapsed. Whatever the noise, G draws nearly the same point, so the divergence is `~2.08`, its
# largest value, and at most one mode is found. From picture to picture the clump moves: D learns that this place is
# drawn, and the whole clump leaves it for another. Nothing tells G to draw samples *unlike each other*, because D
# judges each sample by itself.
#
# Now look at the losses. In the hasty game D's loss is about 1.4, just what theory promises for the perfect end:
# D cannot tell, because G is always a step ahead of it. In the *good* game it is lower, and G's loss rises while the
# samples improve. **The losses of a GAN say how the game stands, not how good the samples are.** One must look at the
# samples, and count.
#
# This was one seed, and a lucky one. Played again from two other seeds, the calm game had found six modes after 2000
# steps, and D was ahead of G (its loss near 0.7); the hasty one ended at `~2.08` again. Change the seed and see.
#
# Read the three numbers together, too. Early in the calm game the divergence is `~0.00` while hardly a point is any
# good: points spread evenly round the whole ring are even.
#
# ## The library's version
#
# Here is the judge, and one round of the game. In it look for two things that are easily forgotten: what G draws in
# D's turn is not recorded, and D stands still in G's.

# %%
source(mode_coverage)
source(GAN.training_step)

# %% [markdown]
# ## What it cannot do
#
# - Modes can be counted because we know them. For images nobody does; chapter 16 measures by other means.
# - A generator that has learnt the training points by heart covers all modes with perfect quality.
# - $D^*$ needs both densities. A GAN has no density: it cannot say how probable an image is.
# - One seed is one game. "This loss collapses, that one does not" needs several seeds for each.
#
# ## Common misconceptions
#
# - *"D's loss is 1.386, so the game is won."* It says that *this* D cannot tell. A collapsed G that keeps moving
#   fools it as well.
# - *"G's loss rises, so G gets worse."* It is measured by D, and D has become better.
# - *"D must not become too good."* That is true of the minimax loss. With the non-saturating one a good D is what G
#   learns from; trouble begins where D is so sure that its slope is useless.
# - *"Collapse means that one image is copied."* Mostly it is partial: some modes are missing, or too rare.
# - *"G learns from the real samples."* It never sees one. It sees D's gradient at its own samples.
#
# ## Further exercises
#
# - Show that $V(D, G) \le V(D^*, G)$ means that `jensen_shannon` of any D is a lower bound. When is it negative?
# - Play the hasty game with D's step size raised as well. With two steps of D for each of G. What helps?
# - Play on `Toy2D("grid-25")` with the settings of the calm game. How many of the 25 modes are found?
# - Give D pairs of samples, both real or both drawn (Lin et al. 2018). Why does that see collapse?
#
# ## Further reading
#
# - I. Goodfellow et al., "Generative adversarial nets", *NeurIPS* (2014), sections 3 and 4: the game, $D^*$, and both
#   losses of G. arXiv:1406.2661.
# - M. Arjovsky and L. Bottou, "Towards principled methods for training generative adversarial networks", *ICLR*
#   (2017), section 2: gradients that vanish, and gradients that are too large. arXiv:1701.04862.
# - L. Metz, B. Poole, D. Pfau and J. Sohl-Dickstein, "Unrolled generative adversarial networks", *ICLR* (2017):
#   collapse on a ring of Gaussians, and a cure. arXiv:1611.02163.
# - Z. Lin, A. Khetan, G. Fanti and S. Oh, "PacGAN: the power of two samples in generative adversarial networks",
#   *NeurIPS* (2018), section 4: the three figures of coverage. arXiv:1712.04086.
