# %% [markdown]
# # 9. Train a CNN, and look inside
#
# *A network reads digits. What has it learnt, and how does one find out without fooling oneself?*
#
# ## What you will learn
#
# - how large the maps of a stack of layers are, and which pixels one of their units can see;
# - to train a LeNet, to read its errors, and to let it say "I do not know";
# - what filters and feature maps show, and what one only believes to see in them;
# - two kinds of explanation: saliency, which asks the pixels, and Grad-CAM, which asks the maps;
# - two tests for explanations: take the learning away, and hide a cause that you know.
#
# ## Before you start
#
# Needed: chapter 3 (what walks back from an output), chapter 7 (kernel, stride, padding) and chapter 8 (pooling;
# `train()` against `eval()`). The loss, cross entropy, is taken as given here; chapter 10 explains it. About 3 hours.
#
# The digits are real ones, handwritten, if MNIST is on this machine; `minigen data download mnist` fetches it.
# Otherwise they are those that minigen draws by itself. All that is said below holds for both.

# %%
import numpy as np

import minigen
import minigen.nn.functional as F
from minigen.course import check, quick, show, source
from minigen.course.figures import curves, images
from minigen.data import MNIST, load
from minigen.metrics import confusion_matrix
from minigen.models.classification import ClassifierSystem
from minigen.models.lenet import Classifier, LeNet, Options

minigen.manual_seed(0)
digits = "mnist" if MNIST.where()[0] else "glyphs"


def digits_of(train, n):
    part = load(digits, n=n, train=train)
    return minigen.from_numpy(part.data[:, None] / np.float32(255)), part.targets  # (N, 1, 28, 28), (N,)


x_train, y_train = digits_of(True, quick(4000, 500))
x_test, y_test = digits_of(False, quick(1000, 500))
print(f"{digits}: {len(x_train)} to learn from, {len(x_test)} to be tested on")

# %% [markdown]
# ## What one unit sees
#
# The network has the form of LeNet-5. Two convolutions of 5 by 5, each followed by relu and max pooling, and three
# dense layers:
#
# $$ 28 \to \text{conv (padding 2)} \to \text{pool} \to \text{conv} \to \text{pool} \to 120 \to 84 \to 10 $$
#
# A *unit* is one number in a map. One unit of the first maps sees 5 by 5 pixels. The pixels that a unit can see at all
# are its *receptive field*. The gradient finds it: a pixel outside cannot change the unit.
#
# **Predict before you run.** Each unit of the second convolution sees 5 by 5 units of the pooled maps. How many
# pixels is that: 5 by 5, 10 by 10, or another number? And after the second pooling? Do all pixels of the field count
# alike?

# %%
network = LeNet(Options(filters=8)).network


def maps_of(network, x):
    """The maps of the second convolution, (N, 16, 10, 10)."""
    return F.relu(network.conv2(F.max_pool2d(F.relu(network.conv1(x)), 2)))


def scores_of(network, maps):
    """What the rest of the network makes of them: one score a class, (N, 10)."""
    dense = F.relu(network.fc1(F.max_pool2d(maps, 2).flatten(1)))
    return network.fc3(network.dropout(F.relu(network.fc2(dense))))


noise = minigen.rand(quick(500, 300), 1, 28, 28, requires_grad=True)
first = F.relu(network.conv1(noise))
second = maps_of(network, noise)
fields = {}
layers = {"conv1": first, "pool1": F.max_pool2d(first, 2), "conv2": second, "pool2": F.max_pool2d(second, 2)}
for name, maps in layers.items():
    middle = maps.shape[2] // 2
    (gradient,) = minigen.grad(maps[:, :, middle, middle].sum(), noise, retain_graph=True)
    counts = abs(gradient.numpy()).mean(axis=(0, 1))
    seen = np.flatnonzero(counts.max(axis=0))
    size = f"{len(seen)} x {len(seen)}"
    fields[f"{name}: {size}"] = counts
    print(f"{name}: {maps.shape[1]} maps of {maps.shape[2]} x {maps.shape[3]}; a unit in the middle sees {size} pixels")
print(f"{sum(p.numel() for p in network.parameters()):,} weights, {network.fc1.weight.numel():,} of them in fc1")
show(images(fields), "09_fields")

# %% [markdown]
# A unit of the second convolution sees `14` by `14` pixels, after the second pooling `16` by `16`. Neighbours in a
# pooled map lie two pixels apart, so a kernel of 5 reaches over more. The pictures show how much each pixel counts, on
# average over many pictures of noise: not all alike, because many paths lead from the middle to the unit, and few from
# the edge. And most weights, `48,000` of `62,558`, are in one dense layer, the first that sees the whole picture.
#
# ### Exercise 9.1: what a stack sees
#
# Write `receptive_field(width, layers)` for a picture `width` pixels wide and layers `(kernel, stride, padding)` in
# a row; pooling is a layer, too. It returns four whole numbers about the last map: its `width`; the `size` of a unit's
# field in pixels; the `step`, how many pixels the field moves from one unit to the next; and the `start`, the first
# pixel that unit 0 sees. With padding that is a negative number.


# %%
def receptive_field(width, layers):
    ### BEGIN SOLUTION receptive_field
    size, step, start = 1, 1, 0
    for kernel, stride, padding in layers:
        width = (width + 2 * padding - kernel) // stride + 1
        size += (kernel - 1) * step
        start -= padding * step
        step *= stride
    return width, size, step, start
    ### END SOLUTION


check.receptive_field(receptive_field)

# %% [markdown]
# For `conv2` it gives a width of 10, a size of 14, a step of 2 and a start of -2. So the *middle* of unit i's field is
# at pixel 4.5 + 2i. Remember that: a map of 10 by 10 is not the picture made small. Its units look at the inner 20 by
# 20 pixels, and whoever stretches it over all 28 puts it in the wrong place.
#
# ## Training
#
# **Predict before you run.** Before the first step the network knows nothing, and gives each of ten classes about the
# same probability. How large is the loss, the mean of $-\log p(\text{label})$?

# %%
STEPS = quick(400, 12)


def trained(x, labels):
    """Train a LeNet; return its network, in eval(), and the losses."""
    minigen.manual_seed(0)
    rng = np.random.default_rng(0)
    system = LeNet(Options(filters=8, decay_steps=STEPS))
    losses = []
    for _ in range(STEPS):
        batch = rng.integers(len(x), size=32)
        losses.append(system.training_step((x[batch], minigen.from_numpy(labels[batch])))["loss"].item())
    return system.network.eval(), losses


def read(network, x):
    """The probabilities of the classes (N, 10)."""
    with minigen.no_grad():
        return np.concatenate([F.softmax(network(x[i : i + 250]), 1).numpy() for i in range(0, len(x), 250)])


network, losses = trained(x_train, y_train)
smooth = np.convolve(losses, np.ones(10) / 10, "valid")  # means over ten steps
p = read(network, x_test)
said = p.argmax(axis=1)
print(f"loss: {losses[0]:.1f} at first, then {smooth[-1]:.2f}; ln 10 = {np.log(10):.1f}")
learnt = (read(network, x_train[:1000]).argmax(axis=1) == y_train[:1000]).mean()
print(f"right: {(said == y_test).mean():.1%} of the test images, {learnt:.1%} of those it learnt from")
lines = {"each batch": (range(STEPS), losses), "mean of ten": (range(9, STEPS), smooth)}
show(curves(lines, x="step", y="loss, nats", log="y", title="LeNet learns to read"), "09_training")

# %% [markdown]
# The loss begins at $\log 10$, `2.3` nats. If yours does not, something is wrong before training has begun: look at the
# range of the pixels and at the last layer.
#
# This was a short run with half of the filters. The library's own, `minigen train lenet --data mnist --epochs 10`,
# sees all 60,000 digits ten times and reads about 99.2 % of the test images (`docs/results.md`). LeCun et al. reported
# 0.95 % of errors in 1998.
#
# ## Reading the errors
#
# One number says how many are wrong. It does not say which. A *confusion matrix* counts: row i, column j is the number
# of images of class i that were taken for class j. And a network that says probabilities need not answer. If its
# largest probability is small, a person can have a look.
#
# ### Exercise 9.2: who is taken for whom
#
# Write `confusion(logits, labels)` for logits (N, C) and labels (N,). The probabilities are the softmax of the logits.
# It returns the counts (C, C + 1): rows are the true classes, columns what is said. In the last column are those
# whose largest probability is below `SURE`: the network says nothing. Logits may be 1000.

# %%
SURE = 0.9


def confusion(logits, labels):
    ### BEGIN SOLUTION confusion
    shifted = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    classes = p.shape[1]
    said = np.where(p.max(axis=1) >= SURE, p.argmax(axis=1), classes)
    counts = np.zeros((classes, classes + 1))
    np.add.at(counts, (labels, said), 1)
    return counts
    ### END SOLUTION


check.confusion(confusion)

# %% [markdown]
# **Predict before you run.** Among the misread digits, is there one of which the network was quite sure?

# %%
wrong = np.flatnonzero(said != y_test)
counts = confusion_matrix(y_test, said) * (1 - np.eye(10, dtype=int))  # the errors only
for place in np.argsort(counts, axis=None)[:-4:-1]:
    print(f"{place // 10} taken for {place % 10}: {counts.flat[place]} times")
print(f"of {len(said)} it answers, where it must be so sure:")
for sure in (0.0, 0.5, 0.9, 0.99):
    answered = p.max(axis=1) >= sure
    print(f"  {sure:4.0%}: {answered.sum()}, of these wrong {(said != y_test)[answered].sum()}")
worst = wrong[np.argsort(-p[wrong, said[wrong]])]
pictures = {f"{i}: a {y_test[i]} as {said[i]}, {p[i, said[i]]:.0%}": x_test[i].numpy()[0] for i in worst[:8]}
show(images(pictures), "09_misread")

# %% [markdown]
# These are the errors of which it was surest, and yes: of some it was sure by more than 90 %. Asking only for sure
# answers makes most errors go away; a few stay, and nothing in the answer gives them away. Look at each picture before
# you blame the network. Over some you would hesitate, too. Others are plain; perhaps nothing like them was among those
# it learnt from.
#
# ## Filters and feature maps
#
# The first convolution has 8 filters of 5 by 5 weights. Here are four of them; red is positive, blue negative. Below
# each is what it makes of a digit, after relu, and in the last row are the four brightest of the 16 maps of the
# second convolution.

# %%
example = int(np.flatnonzero(y_test == 4)[0])
with minigen.no_grad():
    first = F.relu(network.conv1(x_test[example : example + 1])).numpy()[0]
    second = maps_of(network, x_test[example : example + 1]).numpy()[0]
minigen.manual_seed(0)
filters, before = network.conv1.weight.detach().numpy()[:, 0], LeNet(Options(filters=8)).network.conv1.weight.detach()
pictures = {f"filter {k}": filters[k] for k in range(4)} | {f"what filter {k} finds": first[k] for k in range(4)}
strongest = np.argsort(-second.sum(axis=(1, 2)))[:4]
show(images(pictures | {f"second convolution, {k}": second[k] for k in strongest}), "09_filters")
alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(filters, before.numpy(), strict=True)]
print("how alike each filter is to what it was before training:", " ".join(f"{c:.2f}" for c in alike))

# %% [markdown]
# A filter that is red on one side and blue on the other finds edges: where dark turns to bright in one direction. It
# is easy to see more than that. The last line compares each filter with the random numbers it began as, by their
# correlation, which is 1 where the pattern is the same. They have kept most of it: this short training has moved them
# little. So much of the pattern that one sees is chance. And of the maps of the second layer hardly one has a name.
#
# ## Saliency: ask the pixels
#
# Which pixels matter for the answer? Near a picture $x$ the score $S_c$ of a class is nearly linear in the pixels, and
# the slope of a pixel says how much the score would change with it. So (Simonyan et al. 2014)
#
# $$ \text{saliency}_{ij} = \max_{\text{colour}} \left| \frac{\partial S_c}{\partial x_{ij}} \right| . $$
#
# It is the score, not the probability: where the network is sure, the probability has hardly any slope, because it
# cannot rise any more. It is one walk back, as for training, only that it goes on to the picture.
#
# ### Exercise 9.3: saliency by hand
#
# A network of two layers has the scores `w2 @ relu(w1 @ x.ravel() + b1) + b2`. Write `saliency(x, label, w1, b1, w2)`
# for a picture `x` (C, H, W): the saliency of each pixel for the class `label`, (H, W). `w1` is (hidden, C * H * W),
# `w2` (classes, hidden). Why is `b2` not needed?


# %%
def saliency(x, label, w1, b1, w2):
    ### BEGIN SOLUTION saliency
    on = w1 @ x.ravel() + b1 > 0
    gradient = (w2[label] * on) @ w1
    return np.abs(gradient.reshape(x.shape)).max(axis=0)
    ### END SOLUTION


check.saliency(saliency)

# %% [markdown]
# ## Grad-CAM: ask the maps
#
# A slope of a pixel is a small thing, and noisy. The maps of the last convolution know more, and still know where. So
# ask them (Selvaraju et al. 2017, section 3). Let $A^k$ be the k-th map. Its weight is the mean of its gradient, over
# all Z cells, and only what speaks *for* the class is kept:
#
# $$ \alpha_k = \frac1Z \sum_{ij} \frac{\partial S_c}{\partial A^k_{ij}}, \qquad
#    L = \mathrm{relu}\Big(\sum_k \alpha_k A^k\Big). $$
#
# ### Exercise 9.4: Grad-CAM
#
# Write `grad_cam(maps, gradients)`: the maps (K, h, w) and the gradient of the score with respect to them, of the
# same shape. It returns L (h, w), divided by its largest value, or zeros where nothing speaks for the class.


# %%
def grad_cam(maps, gradients):
    ### BEGIN SOLUTION grad_cam
    weights = gradients.mean(axis=(1, 2))
    heat = np.maximum(np.tensordot(weights, maps, axes=1), 0)
    top = heat.max()
    return heat / top if top > 0 else heat
    ### END SOLUTION


check.grad_cam(grad_cam)

# %% [markdown]
# Both can be had in one walk back. A trick spares us the mean: add one number, 0, to each map. The slope with respect
# to that number is the sum of the gradients of all cells. Beside them we compute two relatives: gradient times pixel,
# and Grad-CAM without the mean, where each cell keeps its own gradient (Draelos and Carin 2020). Each cell is drawn on
# the two by two pixels in the middle of its field.


# %%
def explain(network, x, labels):
    """Four explanations of the score of `labels`, each (N, 28, 28)."""
    x = x.detach().requires_grad_()
    shift = minigen.zeros(len(x), 16, 1, 1, requires_grad=True)
    maps = maps_of(network, x) + shift
    score = scores_of(network, maps)[np.arange(len(x)), labels].sum()
    by_pixel, by_map, by_cell = (g.detach() for g in minigen.grad(score, [x, shift, maps]))
    found = {"saliency": abs(by_pixel.numpy()[:, 0]), "times pixel": abs((by_pixel * x).detach().numpy()[:, 0])}
    for name, slope in (("Grad-CAM", by_map), ("without mean", by_cell)):
        heat = F.relu((slope * maps).sum(dim=1)).detach().numpy()
        found[name] = np.zeros((len(x), 28, 28))
        found[name][:, 4:24, 4:24] = heat.repeat(2, axis=1).repeat(2, axis=2)
    return found


case = int(worst[0])
pair, classes = x_test[[case, case]], [int(said[case]), int(y_test[case])]
pictures = {}
found = explain(network, pair, classes)
for row, c in enumerate(classes):
    pictures[f"{'it says' if row == 0 else 'it is'} {c}"] = pair[row].numpy()[0]
    pictures |= {f"{name}, for {c}": map[row] for name, map in found.items() if name != "times pixel"}
show(images(pictures), "09_explained")

# %% [markdown]
# This is the misread digit of which the network was surest: above what speaks for the class that it says, below for
# the true one. Look at it, and tell a story why the network erred. It was easy, was it not? It is always easy. A story
# that fits a picture is not yet true. The rest of this chapter is about that.
#
# ## First test: take the learning away
#
# An explanation should show what the network has learnt. So replace the weights by fresh random ones, from the last
# layer to the first, and explain again (Adebayo et al. 2018). If the explanation stays, it was about something else.
#
# **Predict before you run.** When *all* weights are random: which of the four still looks as before?

# %%
fresh, state = LeNet(Options(filters=8)).network.state_dict(), dict(network.state_dict())
some = quick(100, 50)
judged = {"trained": explain(network, x_test[:some], said[:some])}
for layer in ("fc3", "fc2", "fc1", "conv2", "conv1"):
    state |= {name: value for name, value in fresh.items() if name.startswith(layer)}
    copy = LeNet(Options(filters=8)).network.eval()
    copy.load_state_dict(state)
    judged[layer] = explain(copy, x_test[:some], said[:some])


def likeness(a, b):
    """The correlation of two maps of a picture, where there are cells to draw, averaged over the pictures."""
    a, b = (m[:, 4:24, 4:24].reshape(len(m), -1) for m in (a, b))
    a, b = (m - m.mean(axis=1, keepdims=True) for m in (a, b))
    lengths = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return ((a * b).sum(axis=1) / np.maximum(lengths, 1e-30)).mean()


print("random down to  " + "".join(f"{layer:>8}" for layer in judged) + "    like the picture")
for name, map in judged["trained"].items():
    print(f"{name:16}" + "".join(f"{likeness(map, found[name]):8.2f}" for found in judged.values()), end="")
    print(f"{likeness(map, x_test[:some].numpy()[:, 0]):20.2f}")
pictures = {f"{name}, trained": map[0] for name, map in judged["trained"].items()}
pictures |= {f"{name}, random": map[0] for name, map in judged["conv1"].items()}
show(images(pictures), "09_random")

# %% [markdown]
# Gradient times pixel wins the beauty contest: with nothing but random weights it still draws the digit, sharp and
# clean. The table says so, too. Its maps of the trained and of the random network have a correlation above 0.5, and
# the first are even more like the picture itself. So what one sees is the picture; the gradient was multiplied by it.
# Of the other three hardly any likeness is left (a black map: nothing speaks for the class). They depend on what was
# learnt, as an explanation must.
#
# Does that make them right? They are about the network, no more. A second test is needed.
#
# ## Second test: hide a cause that you know
#
# A horse called Hans could do sums, until somebody found that he watched his questioner's face. Networks do that, too:
# in a well-known collection many pictures of horses bore a source tag, and a classifier read the tag
# (Lapuschkin et al. 2019). We do it on purpose. In the data of a second network each 8, and nothing else, gets a
# white square of 3 by 3 pixels near the upper left corner. Now we know where an explanation has to point.
#
# **Predict before you run.** The test images come from the same flawed source. What does the accuracy on them say
# about the flaw? What happens to an 8 without the square, and to another digit with it? Which of the four explanations
# will find the square?


# %%
def marked(x, which):
    y = x.numpy().copy()
    y[which, :, 4:7, 4:7] = 1
    return minigen.from_numpy(y)


eight = y_test == 8
hans, _ = trained(marked(x_train, y_train == 8), y_train)
networks = {"honest": network, "Hans": hans}
for name, net in networks.items():
    flawed, plain, all_marked = (
        read(net, x).argmax(axis=1) for x in (marked(x_test, eight), x_test, marked(x_test, y_test >= 0))
    )
    print(f"{name}: right on flawed test images {(flawed == y_test).mean():.0%}, on plain ones", end=" ")
    print(f"{(plain == y_test).mean():.0%}; read as 8: eights without it {(plain == 8)[eight].mean():.0%}", end=", ")
    print(f"others with it {(all_marked == 8)[~eight].mean():.0%}")

x = marked(x_test, eight)[np.flatnonzero(eight)[: quick(100, 30)]]
found = {name: explain(net, x, [8] * len(x)) for name, net in networks.items()}
print(f"share in the corner of 12 x 12, which has {144 / 784:.2f} of the pixels, {16 / 100:.2f} of the cells:")
for kind in found["Hans"]:
    share = {name: f[kind][:, :12, :12].sum() / max(f[kind].sum(), 1e-30) for name, f in found.items()}
    print(f"{kind:14}" + ", ".join(f"{name} {value:.2f}" for name, value in share.items()))
pictures = {"an 8 of the flawed data": x[0].numpy()[0]}
pictures |= {f"Hans, {kind}": map.mean(axis=0) for kind, map in found["Hans"].items()}  # over all eights
show(images(pictures, columns=5), "09_hans")

# %% [markdown]
# On the flawed test images Hans is as good as the honest network, or better. No test set from the same source could
# have told. Only a *change* tells: most eights are lost without the square, and many other digits become eights with
# it.
#
# Saliency finds the square, and so does gradient times pixel. Grad-CAM hardly does: it has about as much in the corner
# as an even map would have, and spreads over the whole of the digit. Without the mean it finds the square. So it is the
# mean that loses it. In a LeNet the first dense layer has a weight for each cell of each map: "something bright in the
# corner" can speak for an 8, and the same map elsewhere for something else. The mean over all cells cannot say that,
# and the one weight that it gives is spread over all that is bright in the map. In a network that ends with the mean
# of each map, as many large ones do, all cells of a map have the same gradient; there the two are one.
#
# How sure is that? We have tried it with the square on 1, 7, 8 and 9, from two seeds, with both kinds of digits. Some
# of the time Grad-CAM had more in the corner than here. Without the mean it was more each time.
#
# | | changes with the weights | finds the square |
# |---|---|---|
# | saliency | yes | yes |
# | gradient times pixel | hardly | yes |
# | Grad-CAM | yes | hardly |
# | Grad-CAM without the mean | yes | yes |
#
# An explanation is a measurement, and these are its calibrations. To pass one is not to pass the other, and a picture
# that looks right passes none. And even the best says only *where*. That the square was the cause we know because we
# took it away.
#
# ## The library's version
#
# The network in its own words, one step of training, and the matrix of who was taken for whom.

# %%
source(Classifier.features)
source(ClassifierSystem.training_step)
source(confusion_matrix)

# %% [markdown]
# ## What it cannot do
#
# - It must name one of ten classes. Show it a letter, or noise, and it will, and may be sure.
# - It has no idea of a digit. White turned into black, or all moved by a quarter, is a new world to it.
# - A gradient tells of small changes. What happens if a stroke is taken away altogether must be tried.
# - Both tests need something that is known: weights without learning, a cause that was planted. For the honest network
#   nobody knows which pixels *should* matter.
#
# ## Common misconceptions
#
# - *"A unit of the second convolution sees 5 by 5."* Units of the map before it. Of the picture it sees 14 by 14.
# - *"99 % right means that it has understood digits."* Hans was as good, on pictures from the same source.
# - *"Saliency is the gradient of the loss."* The loss needs the true label, and goes flat where the network is right.
# - *"The bright spots lie on the digit, so the network looks at the digit."* So they do with random weights.
# - *"Grad-CAM shows what the network used."* It shows where maps are bright whose mean slope is positive.
# - *"The map is small, so stretch it over the picture."* Without padding its units look at the inside only.
#
# ## Further exercises
#
# - Cover each 5 by 5 patch of a digit with black in turn, and draw how much the score falls (Zeiler and Fergus 2014).
#   Does it find the square? Compare with the four maps.
# - Keep the filters of the first convolution as they were drawn, and train the rest. How much is lost?
# - Train on labels that were shuffled until they are learnt by heart. What does Grad-CAM show now?
# - Replace the dense layers by the mean of each map and one linear layer. Show that both kinds of Grad-CAM are the same
#   there. Does it find the square?
# - Move all test digits by 1, 2, 3, 4 pixels. What is right then? Pooling alone does not make it indifferent to that.
#
# ## Further reading
#
# - Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document recognition",
#   *Proceedings of the IEEE* (1998), section II: LeNet-5, and its misread digits.
# - K. Simonyan, A. Vedaldi and A. Zisserman, "Deep inside convolutional networks: visualising image classification
#   models and saliency maps", *ICLR workshop* (2014), section 3. arXiv:1312.6034.
# - R. Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization", *ICCV*
#   (2017), section 3. arXiv:1610.02391.
# - J. Adebayo et al., "Sanity checks for saliency maps", *NeurIPS* (2018): weights made random from the top down, and
#   labels made random, too. arXiv:1810.03292.
# - S. Lapuschkin et al., "Unmasking Clever Hans predictors and assessing what machines really learn", *Nature
#   Communications* 10 (2019). arXiv:1902.10178.
# - R. Draelos and L. Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural
#   networks" (2020): what the mean costs. arXiv:2011.08891.
# - W. Luo, Y. Li, R. Urtasun and R. Zemel, "Understanding the effective receptive field in deep convolutional neural
#   networks", *NeurIPS* (2016): why the middle counts most.
# - M. Zeiler and R. Fergus, "Visualizing and understanding convolutional networks", *ECCV* (2014), on occlusion.
