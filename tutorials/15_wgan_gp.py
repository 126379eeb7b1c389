# %% [markdown]
# # 15. Gradients of gradients: WGAN-GP and spectral norm
#
# *A critic that may be as steep as it likes measures nothing. How does one hold a slope, which is itself a gradient?*
#
# ## What you will learn
#
# - why the Wasserstein distance is the largest gap that a critic of slope 1 can show, and how the best one looks;
# - what happens if the slope is held by clipping weights;
# - to write a loss that is made of gradients, and its gradient with respect to the weights, by hand;
# - to bound a slope everywhere instead: the power method, and a weight divided by its largest singular value;
# - to play the game that collapsed in chapter 12 once more.
#
# ## Before you start
#
# Needed: chapter 2 (a backward by hand), chapter 4 (differences), chapter 8 (what a second derivative needs) and
# chapter 12 (the game, and the ring). About 3 hours.

# %%
import numpy as np

import minigen
from minigen import nn
from minigen.course import check, quick, show, source
from minigen.course.figures import curves, images
from minigen.data import Toy2D
from minigen.metrics import mode_coverage, wasserstein_1d
from minigen.models import gan, wgan_gp
from minigen.models.objectives import wasserstein_critic_loss
from minigen.models.penalties import gradient_penalty
from minigen.models.wgan import clip_weights
from minigen.nn.utils.parametrizations import divide_by_sigma, spectral_norm
from minigen.optim import Adam

minigen.manual_seed(0)
rng = np.random.default_rng(0)

# %% [markdown]
# ## A gap that is a distance
#
# Chapter 12 ended with a distance that never fades: the *Wasserstein-1 distance* W1, how far the drawn samples must be
# carried, on average, to become the real ones. How could a network measure that? It looks at samples one by one, and
# gives each a score $f(x)$. Say the scores of the real samples are higher by $\mathbb{E}_p f - \mathbb{E}_q f$, the
# *gap*. If $f$ nowhere rises by more than 1 per unit of length (it is *1-Lipschitz*), then carrying a sample by a
# distance $d$ changes its score by at most $d$; so the gap cannot be larger than W1.
#
# On a line we can see that it gets just as large. Let $P$ and $Q$ be the distribution functions (the share of samples
# to the left of $x$). Integrate by parts:
#
# $$ \mathbb{E}_p f - \mathbb{E}_q f = \int f(x)\,(p(x) - q(x))\,dx = \int f'(x)\,(Q(x) - P(x))\,dx
#    \le \int |Q(x) - P(x)|\,dx . $$
#
# The last integral is W1, and equality holds for the $f$ that rises with slope 1 where $Q > P$, and falls with slope
# -1 where $Q < P$. This is the best *critic*. It is not a probability, and it does not saturate.
#
# **Predict before you run.** Real samples come from two hills round -2 and 2, drawn ones from a hill round 0. Sketch
# the best critic. What is its slope far out, where no sample ever comes near?

# %%
REAL, FAKE = (-2.0, 2.0), (0.0,)


def draw(centers, n):
    x = rng.choice(centers, n) + 0.3 * rng.standard_normal(n)
    return minigen.from_numpy(np.stack([x, rng.standard_normal(n)], axis=1).astype(np.float32))  # (n, 2)


real, fake = (np.sort(draw(centers, 20_000).numpy()[:, 0].astype(float)) for centers in (REAL, FAKE))
x = np.linspace(-4, 4, 801)
below_real, below_fake = (np.searchsorted(samples, x) / len(samples) for samples in (real, fake))
best = np.cumsum(np.sign(below_fake - below_real)) * (x[1] - x[0])
best -= best[400]
gap = np.interp(real, x, best).mean() - np.interp(fake, x, best).mean()
print(f"W1 {wasserstein_1d(real, fake):.2f}; the gap of the best critic {gap:.2f}")
lines = {"P, real": (x, below_real), "Q, drawn": (x, below_fake), "the best critic": (x, best)}
show(curves(lines, x="x", y="share, or score", title="Up where Q > P, down where Q < P"), "15_best")

# %% [markdown]
# It is a V, and both numbers are `1.76`. Far out the slope is 0 here, since $P = Q$; any other up to 1 would do, too.
#
# ## Nothing holds the slope
#
# From here on samples have two coordinates: the one above, and a second one, which is the same noise for both. It need
# not be carried anywhere, so W1 stays as it is; but a critic must find out which direction matters. Let a network
# raise its gap, and nothing else.

# %%


def make_critic(wrap=lambda layer: layer):
    layers = [wrap(nn.Linear(2, 32)), nn.LeakyReLU(0.2), wrap(nn.Linear(32, 32)), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, wrap(nn.Linear(32, 1, bias=False)))


def train(critic, penalty=0.0, after=lambda critic: None):
    optimizer = Adam(critic.parameters(), lr=3e-3, betas=(0.5, 0.9))
    for _ in range(quick(300, 4)):
        real, fake = draw(REAL, 256), draw(FAKE, 256)
        loss = wasserstein_critic_loss(critic(real), critic(fake))  # minus the gap
        if penalty:
            loss = loss + penalty * gradient_penalty(critic, real, fake)[0]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        after(critic)
    return critic.eval()


def look(name, critic):
    places = minigen.cat([draw(REAL, 2000), draw(FAKE, 2000)]).requires_grad_()
    scores = critic(places).flatten()
    slopes = minigen.grad(scores.sum(), places)[0].norm(dim=1).numpy()  # one a sample
    gap = (scores[:2000].mean() - scores[2000:].mean()).item()
    print(f"{name:14} gap {gap:9.4f}, slope {slopes.mean():8.4f}, gap / steepest slope {gap / slopes.max():.2f}")


look("not held", train(make_critic()))

# %% [markdown]
# The gap is hundreds of times W1, and would go on growing: a function that is twice as steep has twice the gap. Only
# divided by its steepest slope does it say anything, and then it is below W1, as it must be.
#
# ## Held by clipping
#
# Arjovsky et al. (2017) move every weight back into the box from $-c$ to $c$ after each step. In a box, slopes are
# bounded. The authors themselves call it "a clearly terrible way".
#
# **Predict before you run.** Three values of $c$: 0.02, 0.1 and 0.5. How do the slopes differ? And which weights
# will one find in the box: mostly small ones, evenly spread ones, or mostly those at its two ends?

# %%
for c in (0.02, 0.1, 0.5):
    clipped = train(make_critic(), after=lambda critic, c=c: clip_weights(critic, c))
    look(f"clipped at {c}", clipped)
    weights = np.concatenate([p.detach().numpy().ravel() for p in clipped.parameters()])
    print(f"{'':14} {(np.abs(weights) > 0.99 * c).mean():.0%} of the weights lie at an end of the box")
    if c == 0.1:
        by_clipping, held_by_clipping = weights, clipped

# %% [markdown]
# Most weights are pushed to the two ends. The objective wants as much slope as there is, and in a box the corners give
# most. So a critic that has a thousand weights is hardly more than a choice of signs. It shows less of W1 than
# one of slope 1 could, and its slope depends wildly on $c$, as a product of three layers must. The gradient that G gets
# through such a critic is far too small, or far too large.
#
# ## Held by a penalty
#
# Gulrajani et al. (2017) look at the best critic instead. Where samples are carried from $\tilde x$ to $x$, it rises
# with slope 1 along the way. So ask for that: at points between drawn and real samples the gradient should have length
# 1, and what it costs to differ is
#
# $$ \lambda\, \frac1N \sum_i (\|\nabla_{\hat x} f(\hat x_i)\| - 1)^2, \qquad
#    \hat x_i = \epsilon_i x_i + (1 - \epsilon_i)\, \tilde x_i, \quad \epsilon_i \sim U[0, 1). $$
#
# ### Exercise 15.1: between
#
# Write `between(real, fake, seed)`: the points $\hat x$ for samples of any shape, images (N, C, H, W) or points
# (N, D). Draw with `np.random.default_rng(seed)`. Each must lie on the line from its drawn sample to its real one.


# %%
def between(real, fake, seed):
    ### BEGIN SOLUTION between
    epsilon = np.random.default_rng(seed).random((len(real),) + (1,) * (real.ndim - 1))
    return epsilon * real + (1 - epsilon) * fake
    ### END SOLUTION


check.between(between)

# %% [markdown]
# ## A gradient of a gradient
#
# The penalty holds a gradient with respect to the *input*. To learn, we need the gradient of that with respect to
# the *weights*. So the backward pass must itself be recorded, like any other computation: that is what
# `create_graph=True` says.
#
# **Predict before you run.** The critic has leaky relu, whose second derivative is 0 (but for the kink). Is the
# gradient of the penalty 0, too? For the weights? For the biases? And what happens without `create_graph`?

# %%
small = nn.Sequential(nn.Linear(2, 5), nn.LeakyReLU(0.2), nn.Linear(5, 1)).double()
places = minigen.randn(6, 2, dtype=minigen.float64, requires_grad=True)


def penalty_of(critic, create_graph=True):
    (slope,) = minigen.grad(critic(places).sum(), places, create_graph=create_graph)  # row i belongs to sample i
    return ((slope.norm(dim=1) - 1) ** 2).mean()


print("without create_graph, the penalty can be differentiated:", penalty_of(small, False).requires_grad)
names = [name for name, _ in small.named_parameters()]
gradients = minigen.grad(penalty_of(small), list(small.parameters()), allow_unused=True)
for name, parameter, gradient in zip(names, small.parameters(), gradients, strict=True):
    direction = minigen.randn(*parameter.shape, dtype=minigen.float64)
    ends = []
    for step in (1e-5, -2e-5):
        with minigen.no_grad():
            parameter += step * direction
        ends.append(penalty_of(small, False).item())
    with minigen.no_grad():
        parameter += 1e-5 * direction
    slope = 0.0 if gradient is None else (gradient * direction).sum().item()
    print(f"{name:8} by two backwards {slope:9.6f}, by differences {(ends[0] - ends[1]) / 2e-5:9.6f}")

# %% [markdown]
# Without `create_graph` the penalty is a plain number: nothing complains when it is added to the loss, but
# no weight ever feels it. With it, both ways agree.
#
# The weights *do* get a gradient. The slope of a network with relu is a *product of its weights* (less the rows that
# are switched off), and a product has a derivative with respect to its factors, however straight the pieces are. The
# biases get `0.000000`. They only say *where* the kinks are, not how steep the pieces. Through a smooth activation they
# would get something, by its second derivative.
#
# ### Exercise 15.2: twice back through tanh
#
# Going forward, $y = \tanh x$. Going back, `dx = dy * (1 - y**2)`. Now `dx` has become part of a loss, and its
# gradient `u` comes back. Write `tanh_twice(x, dy, u)`, which returns `(for_x, for_dy)`: the gradients of
# $\sum u \cdot dx$ with respect to `x` and `dy`. (Chapter 8: $y$ was stored, but it depends on $x$.)


# %%
def tanh_twice(x, dy, u):
    ### BEGIN SOLUTION tanh_twice
    y = np.tanh(x)
    for_x = u * dy * -2 * y * (1 - y**2)
    for_dy = u * (1 - y**2)
    return for_x, for_dy
    ### END SOLUTION


check.tanh_twice(tanh_twice)

# %% [markdown]
# For relu, `for_x` is 0 everywhere and `for_dy` is `u` where the unit was on. So what comes back passes through
# `dy`, that is, *up* the layers that the first backward came down, and on its way it meets their weights.
#
# ### Exercise 15.3: the whole penalty by hand
#
# A critic of two layers: $f(x) = w_2 \cdot a(W_1 x + b_1)$, with leaky relu of slope `LEAK` below 0. Write
# `penalty_gradients(x, w1, b1, w2)` for samples (N, D), `w1` (H, D), `b1` (H,) and `w2` (H,), at the places `x` as they
# are. It returns `(penalty, dw1, dw2)`: the mean of $(\|g_i\| - 1)^2$, and its gradients. Begin with $g_i$ as a
# product of matrices. Where a $g_i$ is exactly 0, its length counts as having the derivative 0.

# %%
LEAK = 0.2


def penalty_gradients(x, w1, b1, w2):
    ### BEGIN SOLUTION penalty_gradients
    slopes = np.where(x @ w1.T + b1 > 0, 1.0, LEAK)  # (N, H)
    g = (slopes * w2) @ w1  # (N, D)
    norms = np.sqrt((g**2).sum(axis=1))
    penalty = np.mean((norms - 1) ** 2)
    dnorms = 2 * (norms - 1) / len(x)
    dg = dnorms[:, None] * (g / np.maximum(norms, 1e-300)[:, None])
    dw1 = (slopes * w2).T @ dg
    dw2 = (slopes * (dg @ w1.T)).sum(axis=0)
    return penalty, dw1, dw2
    ### END SOLUTION


check.penalty_gradients(penalty_gradients)

# %% [markdown]
# Now the critic from above, with the penalty, $\lambda = 10$.

# %%
penalised = train(make_critic(), penalty=10.0)
look("penalty", penalised)
weights = np.concatenate([p.detach().numpy().ravel() for p in penalised.parameters()])
lines = {}
for name, values in {"clipped at 0.1": by_clipping, "with the penalty": weights}.items():
    shares, edges = np.histogram(values, bins=60, range=(-0.6, 0.6))
    lines[name] = ((edges[1:] + edges[:-1]) / 2, shares / len(values))
show(curves(lines, x="weight", y="share of the weights", title="Clipping drives weights to two ends"), "15_weights")

# %% [markdown]
# The slope is near 1, and the gap near W1, though both are a little too large. That is no accident. A critic whose
# slope is $s$ has the gap $s\,W_1$ and pays $\lambda (s - 1)^2$, and the difference is largest at
# $s = 1 + W_1 / (2\lambda)$, here 1.09. As G gets better, W1 falls, and the error with it.
#
# Batch norm has no place in such a critic (chapter 8): with it the score of one sample depends on all others, the
# gradient of the *sum* of scores no longer holds each sample's own slope, and "the slope at this sample" means nothing.
# The library refuses:

# %%
try:
    gradient_penalty(nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)), draw(REAL, 8), draw(FAKE, 8))
except ValueError as error:
    print(error)

# %% [markdown]
# ## Held everywhere: spectral norm
#
# The penalty looks at a few points. Can one bound the slope at *all* points? A linear layer $x \mapsto W x$ stretches
# no vector by more than its largest singular value $\sigma(W)$, and leaky relu stretches nothing. Slopes multiply
# along the layers, so if each layer computes with $W / \sigma(W)$, the whole critic has slope 1 at most (Miyato et al.
# 2018). What is needed is $\sigma$, in each step, cheaply.
#
# The *power method*: take any vectors and go back and forth, $v = W^T u / \|W^T u\|$, then $u = W v / \|W v\|$. With
# each round trip the part of $u$ along the first singular vector grows by $\sigma_1^2$ and the next by $\sigma_2^2$;
# soon the first is all there is, and $\sigma = u^T W v$. In training one round trip a step is enough, because $u$ is
# kept, and $W$ moves little from one step to the next.
#
# ### Exercise 15.4: the power method
#
# Write `power_steps(weight, u)` for the weight (O, C, KH, KW) of a convolution, taken as a matrix with a row for each
# filter, and a vector `u` (O,) of length 1. Do `STEPS` round trips, and return `(sigma, u, v)`.

# %%
STEPS = 2


def power_steps(weight, u):
    ### BEGIN SOLUTION power_steps
    matrix = weight.reshape(len(weight), -1)  # (O, C*KH*KW)
    for _ in range(STEPS):
        v = matrix.T @ u
        v = v / np.sqrt((v**2).sum())
        u = matrix @ v
        u = u / np.sqrt((u**2).sum())
    return u @ (matrix @ v), u, v
    ### END SOLUTION


check.power_steps(power_steps)

# %% [markdown]
# How soon? It depends on how far the second singular value is below the first.

# %%
lines = {}
for ratio in (0.5, 0.9, 0.99):
    left, right = (np.linalg.qr(rng.standard_normal((20, 20)))[0] for _ in range(2))
    matrix = left @ np.diag([1.0, ratio, *np.linspace(0.4, 0.1, 18)]) @ right  # the largest singular value is 1
    u, errors = left @ np.full(20, 20**-0.5), []  # as much of each direction
    for _ in range(30):
        v = matrix.T @ u / np.linalg.norm(matrix.T @ u)
        u = matrix @ v / np.linalg.norm(matrix @ v)
        errors.append(max(1 - u @ matrix @ v, 1e-16))
    print(f"second at {ratio}: within 1 % after {sum(error > 0.01 for error in errors) + 1} round trips")
    lines[f"second at {ratio}"] = (range(1, 31), errors)
show(curves(lines, x="round trips", y="1 - estimate", log="y", title="The gap between them sets the pace"), "15_power")

# %% [markdown]
# In every case 1 % is reached after a few round trips (at most `6`). Where two values are nearly equal, the *vector*
# takes long to decide between them, but either of them will do for $\sigma$.
#
# ### Exercise 15.5: the gradient of W / sigma
#
# $\sigma$ depends on $W$. With its first singular vectors, $\sigma = u^T W v$ and $\partial\sigma / \partial W = u
# v^T$. Write `spectral_backward(dout, w, u, v)`: given the gradient `dout` of a loss with respect to $W / \sigma$, the
# gradient with respect to $W$. Take `u` and `v` for constants. (With the exact ones this is right, too: they sit
# at a maximum of $u^T W v$, so moving them a little changes nothing.)


# %%
def spectral_backward(dout, w, u, v):
    ### BEGIN SOLUTION spectral_backward
    sigma = u @ w @ v
    return (dout - (dout * w).sum() / sigma * np.outer(u, v)) / sigma
    ### END SOLUTION


check.spectral_backward(spectral_backward)

# %% [markdown]
# What is taken out of `dout` is the part that would only make $W$ larger, which $W / \sigma$ does not notice.
#
# **Predict before you run.** Three layers of slope 1 at most, trained to show as large a gap as they can. Will it be
# W1? More? Less?

# %%
normed = train(make_critic(spectral_norm))
look("spectral norm", normed)
w1, w2 = np.array([[1.0], [-1.0]]), np.array([[1.0, 1.0]])  # |x| = relu(x) + relu(-x)
by_layer = [np.linalg.svd(w, compute_uv=False)[0] for w in (w1, w2)]
print(
    f"|x| of two relus: sigma {by_layer[0]:.4f} and {by_layer[1]:.4f}; divided, the slope {1 / np.prod(by_layer):.2f}"
)
across = np.stack([x, 0 * x], axis=1).astype(np.float32)
lines = {"the best": (x, best)}
for name, critic in {"clipped": held_by_clipping, "penalty": penalised, "spectral norm": normed}.items():
    with minigen.no_grad():
        scores = critic(minigen.from_numpy(across)).numpy()[:, 0]
    steepest = np.abs(np.diff(scores) / np.diff(x)).max() if name == "clipped" else 1.0
    lines[name] = (x, (scores - scores[400]) / steepest)
show(curves(lines, x="x", y="score, 0 at x = 0", title="Four critics (the clipped one: over its slope)"), "15_critics")

# %% [markdown]
# Less: the bound holds, but it is not reached. A V of two relus has slope 1, yet both its layers have $\sigma =$
# `1.4142`, because both units answer to the same input, though never at once. Divided, the V has slope `0.50`. A
# lopsided one does no better: its two slopes then add up to 1, which is what the picture shows. The product of the
# $\sigma$ is an upper bound for the slope, and often a loose one. So a critic with spectral norm does not measure W1.
# It is used where a bounded slope is enough: with the hinge loss, in `sngan`.
#
# ## The game again
#
# In chapter 12 a GAN whose G had ten times D's step size collapsed on the ring. Here it plays again, with the same
# step sizes, as a GAN and as WGAN-GP. WGAN-GP does five steps of the critic for each of G. That alone could be what
# helps, so a third game gives the GAN five steps of D as well.

# %%
toy = Toy2D("ring-8", n=20_000)


def batch():
    return minigen.from_numpy(toy.data[rng.integers(len(toy), size=64)])


def step_of_d(system):
    with minigen.no_grad():
        drawn = system.sample(64)
    loss = system.objective.discriminator_loss(system.discriminator(batch()), system.discriminator(drawn))
    system.optimizers["discriminator"].zero_grad()
    loss.backward()
    system.optimizers["discriminator"].step()


def gan_round(system, extra):
    for _ in range(extra):
        step_of_d(system)
    return system.training_step(batch())["loss_d"].item()


def wgan_gp_round(system, extra):
    return np.mean([system.training_step(batch())["w1"].item() for _ in range(1 + extra)])


hasty = gan.Options(hidden_size=64, lr_generator=5e-3, lr_discriminator=5e-4, beta2=0.9)
held = wgan_gp.Options(hidden_size=64, lr=5e-4, penalty_weight=1.0, spread=1.414)
games = {"GAN": (gan.GAN, hasty, gan_round, 0), "GAN, 5 of D": (gan.GAN, hasty, gan_round, 4)}
games["WGAN-GP"] = (wgan_gp.WGANGP, held, wgan_gp_round, 4)
pictures = {}
for name, (kind, options, play, extra) in games.items():
    minigen.manual_seed(0)
    rng = np.random.default_rng(0)
    system = kind(options, shape=(2,))
    system.optimizers["generator"].param_groups[0]["lr"] = 5e-3
    for part in range(1, 5):
        said = np.mean([play(system, extra) for _ in range(quick(100, 1))])
        points = system.sample(10_000).detach().numpy()
        found = mode_coverage(points, toy.centers, toy.sigma)
        near = mode_coverage(points, toy.centers, toy.sigma, within=10.0).high_quality
        what = "its W1" if name == "WGAN-GP" else "loss of D"
        print(f"{name:11} part {part}: KL {found.kl:.2f}, within 10 sigma {near:.2f}; {what} {said:.2f}")
    counts = np.histogram2d(*points.T, bins=48, range=[[-2.6, 2.6]] * 2)[0].T[::-1]
    pictures[name] = np.minimum(counts / 50, 1)
show(images(pictures), "15_ring")

# %% [markdown]
# The GAN collapses as before: the divergence from evenness ends at `~2.08`, a single clump. Five steps of D help a
# great deal; but the longer it plays, the more uneven the modes become. WGAN-GP begins with a clump and spreads it
# out, and then stays even. From two more seeds the GAN with five steps ended at 0.23 and 0.15, WGAN-GP at 0.01 both
# times. So here the steps cure the collapse, and the distance cures the rest. A comparison without the third game
# would have given all the credit to the distance.
#
# And look at the last column. The loss of D says nothing, as in chapter 12. The critic's W1 falls while the samples
# get better: it is a figure that one can watch.
#
# The points are not sharp yet. After 400 steps about half of them lie within 10 standard deviations of a mode, and few
# within 3. The critic pulls with slope 1 however near a point is; only smaller steps would let them settle.
#
# ## The library's version
#
# The penalty with its one epsilon a sample, and what a layer with spectral norm computes with. The copies of `u` and
# `v` matter: the next forward pass moves them, before this one's backward has read them.

# %%
source(gradient_penalty)
source(divide_by_sigma)

# %% [markdown]
# ## What it cannot do
#
# - The penalty bounds nothing. It asks for slope 1, at the points it looks at, and the critic weighs that against its
#   gap.
# - It takes $-1$ for as good as $1$. On a line a critic that leans the wrong way would have to become flat before it
#   can turn round, and with $\lambda = 10$ it may stay as it is. In two dimensions it can turn sideways.
# - The critic's W1 is an estimate by one network, of whatever is in the batches. A critic that has learnt the training
#   images by heart shows a gap that test images do not (Gulrajani et al. 2017, figure 5).
# - Two backwards cost: a step with the penalty takes about twice as long.
# - For a convolution, $\sigma$ of the weight as a matrix bounds the slope only up to a factor, since several windows
#   see one pixel.
#
# ## Common misconceptions
#
# - *"Relu has no second derivative, so the penalty has no gradient."* Its gradient comes from the product of the
#   weights, not from the bend of the activation.
# - *"`create_graph=True` only costs memory."* Without it the penalty is a constant, and nothing is held.
# - *"The critic must not become too good."* That was the trouble of a saturating loss. The better this critic is, the
#   better is what G learns from; hence five steps of it for each of G.
# - *"A smaller clipping box is safer."* It makes the slopes smaller, by a power of the number of layers, and changes
#   nothing in their direction.
# - *"WGAN-GP cannot collapse."* It can, for instance if the critic is too weak or too slow to tell.
#
# ## Further exercises
#
# - Repeat the training of the critics with one coordinate only, from several seeds. How often does the gap of the
#   penalised one come out much too small, or negative? What does $\lambda = 1$ change?
# - Take `max(norm - 1, 0)` in the penalty: only too steep is wrong. What becomes of the critic that leans the wrong
#   way?
# - Derive `db1` of exercise 15.3 for tanh in the place of leaky relu.
# - Multiply all weights of layer 1 by 2 and divide those of layer 2 by 2. What changes for clipping, for the penalty,
#   for spectral norm?
#
# ## Further reading
#
# - M. Arjovsky, S. Chintala and L. Bottou, "Wasserstein GAN", *ICML* (2017), sections 2 and 3: the distance, the
#   critic, clipping. arXiv:1701.07875.
# - I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin and A. Courville, "Improved training of Wasserstein GANs",
#   *NeurIPS* (2017), sections 3 and 4, and figure 1: weights at two ends, the penalty. arXiv:1704.00028.
# - T. Miyato, T. Kataoka, M. Koyama and Y. Yoshida, "Spectral normalization for generative adversarial networks",
#   *ICLR* (2018), section 2 and algorithm 1. arXiv:1802.05957.
# - C. Anil, J. Lucas and R. Grosse, "Sorting out Lipschitz function approximation", *ICML* (2019): why relu with
#   bounded layers cannot show |x|, and what can. arXiv:1811.05381.
