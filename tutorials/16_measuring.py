# %% [markdown]
# # 16. Measuring generators: FID from scratch, coverage, memorisation
#
# *"The pictures look good" is no result. What can be measured on samples, and what does each figure not see?*
#
# ## What you will learn
#
# - why images are compared by features, and what the Fréchet distance (FID) compares of them;
# - to compute it in real numbers, where others get complex ones;
# - that few samples make it larger, how to reckon with that, and a distance without this fault;
# - to tell images that are bad from images that are missing: precision and recall, density and coverage;
# - to catch a generator that has learnt its training images by heart, which has a superb FID;
# - to put every figure between a floor and a ceiling before you believe it.
#
# ## Before you start
#
# Needed: chapter 9 (a network's features) and chapter 12 (what a generator may do wrong). About 3 hours.

# %%
import numpy as np

import minigen
from minigen.course import check, quick, show, source
from minigen.course.figures import curves, images
from minigen.data import Glyphs
from minigen.metrics import (
    class_histogram,
    course_classifier,
    density_coverage,
    frechet_from_moments,
    kernel_distance,
    memorisation,
    nearest_neighbours,
    precision_recall,
)

minigen.manual_seed(0)
rng = np.random.default_rng(0)

# %% [markdown]
# ## Generators whose faults we know
#
# In chapter 12 we counted modes, because we had put them there. For images nobody knows the modes. So we need other
# figures, and for each the question comes first: *would it notice?* A figure that you have never seen fail tells you
# nothing. So here the generators are made up, each with one fault, and the figures are what is tested.
#
# The real images are the digits that minigen draws by itself. All generators are given the *training* images; the
# *test* images nobody has seen.

# %%


def digits(n, seed=0, train=True):
    found = Glyphs(n, seed=seed, train=train)
    return (found.data[:, None] / 255).astype(np.float32), found.targets  # (N, 1, 28, 28)


N = quick(1000, 200)
train, _ = digits(quick(4000, 600))
test, _ = digits(quick(4000, 600), train=False)
unseen, labels = digits(quick(4000, 600), seed=1)
fresh = unseen[:N]
noisy = np.clip(unseen + 0.1 * rng.standard_normal(unseen.shape, dtype=np.float32), 0, 1)
around = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
kinds = {
    "fresh": fresh,  # new images of the same source: nothing is wrong with them
    "copies": train[:N],
    "shifted copies": np.roll(train[:N], 1, axis=3),  # by one pixel
    "noisy": noisy[:N],
    "blurred": sum(np.roll(fresh, shift, axis=(2, 3)) for shift in around) / 9,
    "no sevens": unseen[labels != 7][:N],
    "20 images": np.tile(unseen[:20], (N // 20, 1, 1, 1)),  # each of them many times
    "pixel noise": rng.random(fresh.shape, dtype=np.float32),
}
pictures = {name: np.vstack([np.hstack(kind[:2, 0]), np.hstack(kind[2:4, 0])]) for name, kind in kinds.items()}
show(images(pictures), "16_kinds")

# %% [markdown]
# ## Features
#
# Pixels are a bad place to compare in: shifted by one pixel, a digit is the same for us, and far off for a sum of
# squares. So one asks a network that was trained to tell digits apart, and takes the values of its last hidden layer.
# For photographs everybody takes Inception-v3, with 2048 features; here it is the course classifier, with 64. It was
# frozen before any generator was judged with it. **Figures from different networks cannot be compared.**
#
# ## The distance of two clouds
#
# Now a set of images is a cloud of points in 64 dimensions. Describe each cloud by its mean $\mu$ and its covariance
# $\Sigma$, as if it were Gaussian, and ask how far one must carry the first to turn it into the second (the
# Wasserstein distance of chapter 12, with squares). In one dimension the answer is $(\mu_1 - \mu_2)^2 + (\sigma_1 -
# \sigma_2)^2$. In many it is the *Fréchet distance*
#
# $$ \|\mu_1 - \mu_2\|^2 + \mathrm{tr}\,\Sigma_1 + \mathrm{tr}\,\Sigma_2
#    - 2\, \mathrm{tr}\,(\Sigma_1 \Sigma_2)^{1/2}. $$
#
# The last term is the trouble. $\Sigma_1 \Sigma_2$ is not symmetric. Its eigenvalues are real and not negative, in
# theory.
#
# **Predict before you run.** We take 30 images for 64 features, so that the covariances have rank 29 at most. What does
# NumPy say the eigenvalues of the product are? And what becomes of their roots?

# %%
judge = course_classifier()
train_features, test_features = judge.features(train), judge.features(test)
products = [np.cov(features[:30], rowvar=False) for features in (train_features, test_features)]
eigenvalues = np.linalg.eigvals(products[0] @ products[1])
print("complex:", np.iscomplexobj(eigenvalues), "; some real parts below 0:", (eigenvalues.real < 0).any())

# %% [markdown]
# Rounding has made some complex and some negative. Many programs take a general root of the matrix, find a complex
# result, and drop its imaginary part with a warning, or add a little to the diagonal. None of that is needed. The
# products $AB$ and $BA$ have the same eigenvalues (but for zeros). Write $\Sigma_1 = R R^T$; then $\Sigma_1 \Sigma_2 =
# R \cdot (R^T \Sigma_2)$ has those of $R^T \Sigma_2 \cdot R$, and *this* one is symmetric. `np.linalg.eigvalsh` gives
# real eigenvalues, and what we want is the sum of their roots.
#
# ### Exercise 16.1: the Fréchet distance
#
# Write `frechet(mean1, covariance1, mean2, covariance2)`. For $R$ take the eigenvectors of $\Sigma_1$
# (`np.linalg.eigh`), each times the root of its eigenvalue. It must work for covariances that are not of full rank,
# whose eigenvalues may come out a little below 0.


# %%
def frechet(mean1, covariance1, mean2, covariance2):
    ### BEGIN SOLUTION frechet
    values, vectors = np.linalg.eigh(covariance1)
    root = vectors * np.sqrt(np.maximum(values, 0))  # R, one column an eigenvector
    inner = root.T @ covariance2 @ root
    eigenvalues = np.linalg.eigvalsh((inner + inner.T) / 2)
    overlap = 2 * np.sqrt(np.maximum(eigenvalues, 0)).sum()
    return ((mean1 - mean2) ** 2).sum() + np.trace(covariance1) + np.trace(covariance2) - overlap
    ### END SOLUTION


check.frechet(frechet)

# %% [markdown]
# ## Between a floor and a ceiling
#
# **Predict before you run.** Order the eight generators by their FID. Which are better than *fresh*, with which nothing
# is wrong? Which faults will hardly show?

# %%


def moments(features):
    return features.mean(axis=0), np.cov(features, rowvar=False)


def fid(features, reference):
    return frechet_from_moments(*moments(features), *moments(reference))


seen = {name: judge.examine(kind) for name, kind in kinds.items()}
for name, (features, _) in seen.items():
    print(f"{name:15} FID {fid(features, test_features):6.1f}")

# %% [markdown]
# Not one of these numbers means anything by itself. The *floor* is what new real images get, and it is not 0. The
# *ceiling* is what noise gets. In between, the figure sees noise that the eye hardly minds, sees blur well, and sees
# a missing digit. But a number such as 25 does not say *what* is wrong: no sevens at all, or twenty images
# over and over, or a bad pen.
#
# And the copies? They are about as good as the fresh ones. How could they not be: they *are* real images. If the
# distance is taken from the *training* images, as many articles do, it gets worse:

# %%
for name, reference in {"training": train_features, "test": test_features}.items():
    print(f"all training images, by heart: FID from the {name} images {abs(fid(train_features, reference)):.2f}")

# %% [markdown]
# A generator that has learnt everything by heart has an FID of `0.00` from the training images, which no honest one
# will ever reach. Take test images; but even then it is as good as can be. FID cannot see copies.
#
# ## Few samples make it larger
#
# Two samples of one source never have equal means. For N and M images, $\mathbb{E}\|\hat\mu_1 - \hat\mu_2\|^2 =
# (1/N + 1/M)\,\mathrm{tr}\,\Sigma$ although the true means are equal, and the covariances add their share. So even for
# a perfect generator FID is above 0, by about a constant over N. It is a *biased* figure.
#
# **Predict before you run.** Somebody reports an FID of 15 from 1600 images; you measure 17 from 100 images of your
# own generator. Which of the two generators is better?

# %%
sizes = quick(100, 16) * np.array([1, 2, 4, 8, 16])
pools = {"fresh": judge.features(unseen), "noisy": judge.features(noisy)}
tested = moments(test_features)
means = {}
for name, pool in pools.items():
    means[name] = []
    for n in sizes:
        rows = [rng.permutation(len(pool))[:n] for _ in range(5)]
        means[name].append(np.mean([frechet_from_moments(*moments(pool[r]), *tested) for r in rows]))
    print(f"{name:10}", ", ".join(f"N = {n}: {d:.1f}" for n, d in zip(sizes, means[name], strict=True)))
lines = {name: (1 / sizes, found) for name, found in means.items()}
show(curves(lines, x="1 / N", y="FID", title="Fewer images, larger FID"), "16_bias")

# %% [markdown]
# Nothing changes along a line but the number of images. With 100 images the *perfect* generator looks worse than the
# noisy one does with 1600. **Compare only at the same N**, and say which. Nor is the bias the same for all generators,
# since it depends on the generator's own $\Sigma$.
#
# Over $1/N$ the points lie nearly on a line (Chong and Forsyth 2020). So one may follow the line to $1/N = 0$.
#
# ### Exercise 16.2: infinitely many images
#
# Write `at_infinity(sizes, distances)`: where the least-squares line through the distances over $1/N$ meets $1/N = 0$.


# %%
def at_infinity(sizes, distances):
    ### BEGIN SOLUTION at_infinity
    return np.polyfit(1 / np.asarray(sizes), distances, 1)[1]
    ### END SOLUTION


check.at_infinity(at_infinity)

# %% [markdown]
# ## A distance without bias
#
# The *maximum mean discrepancy* compares pairs. With a kernel $k$ that says how alike two images are,
#
# $$ \mathrm{MMD}^2 = \mathbb{E}\,k(x, x') + \mathbb{E}\,k(y, y') - 2\,\mathbb{E}\,k(x, y) : $$
#
# how alike are two images of the first set, two of the second, and one of each? The three means are equal if the
# two sources are. For KID (Binkowski et al. 2018) the kernel is $(x \cdot y / D + 1)^3$, for D features. And the first
# two means are over pairs of *different* images. An image paired with itself says nothing about its source.
#
# ### Exercise 16.3: without the diagonal
#
# Write `squared_discrepancy(x, y)` for features (N, D) and (M, D), with `POWER` in the place of 3. N and M may
# differ.

# %%
POWER = 3


def squared_discrepancy(x, y):
    ### BEGIN SOLUTION squared_discrepancy
    n, m = len(x), len(y)
    xx, yy, xy = ((a @ b.T / a.shape[1] + 1) ** POWER for a, b in ((x, x), (y, y), (x, y)))
    same_x = (xx.sum() - np.trace(xx)) / (n * (n - 1))
    same_y = (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return same_x + same_y - 2 * xy.mean()
    ### END SOLUTION


check.squared_discrepancy(squared_discrepancy)

# %% [markdown]
# **Predict before you run.** The same experiment with this distance: which way does it go as N falls? Can it be
# negative?

# %%


def with_diagonal(x, y):
    xx, yy, xy = ((a @ b.T / a.shape[1] + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    return xx.mean() + yy.mean() - 2 * xy.mean()


for n in sizes:
    blocks = [[pool[rng.permutation(len(pool))[:n]] for pool in (pools["fresh"], test_features)] for _ in range(20)]
    without = [kernel_distance(*block, blocks=1, block_size=int(n)).mean for block in blocks]
    biased = [with_diagonal(*block) for block in blocks]
    print(f"N = {n:4}: {np.mean(without):7.1f} +- {np.std(without):5.1f}; with the diagonal {np.mean(biased):7.1f}")

# %% [markdown]
# Without the diagonal the mean stays near 0; single values are as often negative as positive, and only their *spread*
# grows as N falls. With the diagonal it is FID's fault again. (An unbiased estimate of something that cannot be
# negative must be negative at times, if the true value is 0.)
#
# ## What FID does not see
#
# Means and covariances are all that FID looks at. So take numbers from a Gaussian with just the moments of the test
# images' features. No image has such features: all are at least 0, and a third of these are not.

# %%
gaussian = rng.multivariate_normal(*tested, N)
for name, features in (("fresh", seen["fresh"][0]), ("gaussian", gaussian)):
    block = kernel_distance(features, test_features[:N], blocks=1)
    precision = precision_recall(features, test_features[:N]).precision
    print(f"{name:9} FID {fid(features, test_features):4.1f}; KID {block.mean:5.1f}; precision {precision:.2f}")

# %% [markdown]
# FID calls this nonsense nearly perfect. KID, with its third power, sees that something is wrong. The last figure says
# that hardly one of these points lies where real images lie. That is the next kind of figure.
#
# ## Bad ones, and missing ones
#
# One number cannot say whether images are *bad* or *missing*. So take two (Kynkäänniemi et al. 2019). Draw a ball round
# each real image that just reaches its k-th nearest other real one. *Precision* is the share of samples that lie in
# any ball. For *recall* draw the balls round the samples, and count the real images. A single real outlier has a huge
# ball, so Naeem et al. (2020) count otherwise: *density* is the mean number of balls a sample lies in, over k, and
# *coverage* the share of the balls that hold a sample.
#
# ### Exercise 16.4: density and coverage
#
# Write `density_and_coverage(samples, reference)` for features (N, D) and (M, D), with `K` in the place of k; the balls
# are round the rows of `reference`, and hold their edges.

# %%
K = 5


def density_and_coverage(samples, reference):
    ### BEGIN SOLUTION density_and_coverage
    def distances(a, b):
        return np.sqrt(((a[:, None] - b) ** 2).sum(axis=2))

    radii = np.sort(distances(reference, reference), axis=1)[:, K]  # the first is itself, at 0
    inside = distances(reference, samples) <= radii[:, None]  # (M, N)
    return inside.sum() / (K * len(samples)), inside.any(axis=1).mean()
    ### END SOLUTION


check.density_and_coverage(density_and_coverage)

# %%
print(f"{'':15} precision  recall  density  coverage  rarest digit")
for name, (features, probabilities) in seen.items():
    precision, recall = precision_recall(features, test_features[:N])
    density, coverage = density_coverage(features, test_features[:N])
    rarest = class_histogram(probabilities.argmax(axis=1)).min()
    print(f"{name:15} {precision:9.2f} {recall:7.2f} {density:8.2f} {coverage:9.2f} {rarest:13.3f}")

# %% [markdown]
# Read it row by row, beside *fresh*. *No sevens* is as precise as can be, and a tenth is missing from the recall and
# the coverage; the histogram of the digits that the classifier finds says which: the share of sevens is `0.000`. For
# *20 images* the recall is `0.00`: perfect images, and nothing else. *Blurred* is not what one might expect: blurred
# digits lie near real ones, but all in the same corner, so what they lack most is variety.
#
# The floor is not 1 here, either. New real images get a precision below 0.9.
#
# ## By heart
#
# Not one figure so far has found anything wrong with the copies. For that, one must look at the training images.
# A sample *is* always near to some training image; so are new real ones. What counts is whether it is *nearer than
# a test image would be*, which cannot have been copied (Meehan et al. 2020). So take each one's distance to its nearest
# training image, and ask how probably a sample's is smaller than a test image's: 0.5 for an honest generator, near 1
# for a copyist. (It is the statistic of Mann and Whitney.)
#
# ### Exercise 16.5: nearer than it should be
#
# Write `closer(samples, test, train)` for rows of numbers, flattened images or features: this probability, over all
# pairs of a sample and a test image. Equal distances count half.


# %%
def closer(samples, test, train):
    ### BEGIN SOLUTION closer
    def nearest(queries):
        return ((queries[:, None] - train) ** 2).sum(axis=2).min(axis=1)

    ours, theirs = nearest(samples), nearest(test)
    return (ours[:, None] < theirs).mean() + (ours[:, None] == theirs).mean() / 2
    ### END SOLUTION


check.closer(closer)

# %% [markdown]
# **Predict before you run.** Which of the eight generators are found out? In pixels, and in features?

# %%
flat = {name: kind.reshape(len(kind), -1) for name, kind in {**kinds, "test": test[:N], "train": train}.items()}
for name, (features, _) in seen.items():
    in_pixels = memorisation(flat[name], flat["test"], flat["train"]).closer
    in_features = memorisation(features, test_features[:N], train_features).closer
    print(f"{name:15} closer in pixels {in_pixels:.2f}, in features {in_features:.2f}")
pairs = {}
for name in ("fresh", "shifted copies"):
    _, places = nearest_neighbours(flat[name], flat["train"], 1)  # (N, 1)
    pairs |= {f"one of: {name}": kinds[name][0, 0], f"nearest to it ({name})": train[places[0, 0], 0]}
found = (places[:, 0] == np.arange(N)).mean()
print(f"shifted copies whose nearest training image is the one that was copied: {found:.0%}")
show(images(pairs), "16_nearest")

# %% [markdown]
# The copies are found at once (`1.00`). Shift them by a single pixel, and in pixels next to nothing shows; features
# still find them suspicious. Below 0.5 are samples that are like no real image, such as noise. Blurred images are a
# little above 0.5 in pixels without any copying, because blur is near to everything. *20 images* is innocent here:
# these images are not from the training set. Collapse and copying are different faults, and each has its own figure.
#
# The picture shows what articles like to show: a sample beside its nearest training image. The honest sample has a
# neighbour that looks like it; every digit has one. The shifted copy has one, too, but often it is not even the image
# that was copied. Such a picture proves nothing, one way or the other.
#
# ## The library's version
#
# `minigen.metrics.judge_generator` gives all of these figures, each beside its floor and its ceiling;
# `minigen evaluate` calls it. Here is the Fréchet distance, and the comparison of distances for copies.

# %%
source(frechet_from_moments)
source(minigen.metrics.compare_distances)

# %% [markdown]
# ## What it cannot do
#
# - No figure here knows what the network was never taught to see. A fault that leaves the features as they are is
#   invisible to all of them.
# - Copies that are shifted, bent or mirrored are near in features at most. A generator that has learnt by heart only
#   one image in ten is hardly seen in a mean; look at the smallest distances, too.
# - Distances in 64 dimensions are much alike. That is why balls are made by neighbours, and why k and N must be the
#   same wherever two figures are compared.
# - They judge a pile of images. Whether *this* image is what was asked for is another question (chapter 14).
#
# ## Common misconceptions
#
# - *"FID 8 is good."* From which network, how many images, which reference, and what do new real images get?
# - *"A lower FID means better images."* Or more of them, or copies.
# - *"The Fréchet distance assumes that features are Gaussian."* It compares means and covariances, of whatever it is
#   given. That is not wrong, but it is not everything.
# - *"KID is negative, so there is a bug."* Without bias it must be, half of the time, where there is nothing to find.
# - *"I showed the nearest neighbours, so nothing is copied."* In pixels a shift hides it; and without test images
#   nobody knows how near is near.
#
# ## Further exercises
#
# - Follow `means` to infinity with your `at_infinity`. Is the perfect generator at 0? (The test images are finite,
#   too.)
# - Mix copies into the fresh images: half, a tenth, a hundredth. From which share on does `closer` see it?
# - Let the reference be the training images in the table of precision and recall. What do the copies get?
# - Choose among ten generators of equal quality the one with the least FID, from 200 images each. What FID do you
#   report, and what does it get with new images?
#
# ## Further reading
#
# - M. Heusel, H. Ramsauer, T. Unterthiner, B. Nessler and S. Hochreiter, "GANs trained by a two time-scale update rule
#   converge to a local Nash equilibrium", *NeurIPS* (2017), "Experiments: performance measure". arXiv:1706.08500.
# - M. Binkowski, D. Sutherland, M. Arbel and A. Gretton, "Demystifying MMD GANs", *ICLR* (2018), section 4 and appendix
#   D: the bias of FID, and KID. arXiv:1801.01401.
# - M. Chong and D. Forsyth, "Effectively unbiased FID and Inception score and where to find them", *CVPR* (2020):
#   the line over 1 / N. arXiv:1911.07023.
# - T. Kynkäänniemi, T. Karras, S. Laine, J. Lehtinen and T. Aila, "Improved precision and recall metric for assessing
#   generative models", *NeurIPS* (2019), section 2. arXiv:1904.06991.
# - M. Naeem, S. Oh, Y. Uh, Y. Choi and J. Yoo, "Reliable fidelity and diversity metrics for generative models", *ICML*
#   (2020), section 3: density and coverage. arXiv:2002.09797.
# - C. Meehan, K. Chaudhuri and S. Dasgupta, "A non-parametric test to detect data-copying in generative models",
#   *AISTATS* (2020), section 3. arXiv:2004.05675.
