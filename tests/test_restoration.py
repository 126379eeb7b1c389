"""What fills and enlarges images: the U-Net, holes, Matlab's bicubic, ESPCN, data in pieces, and PSNR, SSIM, luma."""

import math

import numpy as np
import pytest
from PIL import Image
from table.systems import make
from test_models import batch_for, snapshot

import minigen
from minigen import data, models
from minigen.cli import main
from minigen.data import DataLoader, RandomPieces, WholePictures
from minigen.metrics.images import luma, psnr, ssim
from minigen.models import inpainting, super_resolution
from minigen.models.system import random_state_of
from minigen.models.unet import UNet
from minigen.training import Config, Trainer, build, read_config, write_config

RESTORERS = ["super_resolution", "inpainting"]


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


# --- PSNR, SSIM, luma ----------------------------------------------------------------------------------------------


def pair(shape, seed=0):
    """Two images that differ by noise, computed without a random source."""
    n = math.prod(shape)
    i = np.arange(n, dtype=np.float64)
    a = (np.sin(i * 0.7 + seed) * np.cos(i * 0.013) + 1) / 2
    b = np.clip(a + 0.1 * np.sin(i * 12.9898 + seed) ** 3, 0, 1)
    return a.reshape(shape), b.reshape(shape)


# Made by scikit-image 0.26.0, with x, y = pair((1, 1, 24, 31), seed), as
#   peak_signal_noise_ratio(x[0, 0], y[0, 0], data_range=1)
#   structural_similarity(x[0, 0], y[0, 0], data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
SCIKIT_IMAGE = {0: (25.25098299807641, 0.980454300718101), 1: (25.245714393821785, 0.9807062253847573)}


@pytest.mark.parametrize("seed", SCIKIT_IMAGE)
def test_psnr_and_ssim_equal_scikit_images(seed):
    a, b = (minigen.from_numpy(x) for x in pair((1, 1, 24, 31), seed))
    expected_psnr, expected_ssim = SCIKIT_IMAGE[seed]
    assert psnr(a, b).item() == pytest.approx(expected_psnr, abs=1e-6)
    assert ssim(a, b).item() == pytest.approx(expected_ssim, abs=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_psnr_and_ssim_equal_scikit_images_where_it_is_installed(channels):
    metrics = pytest.importorskip("skimage.metrics")
    a, b = pair((2, channels, 20, 24))
    for i in range(2):
        x, y = a[i].transpose(1, 2, 0), b[i].transpose(1, 2, 0)
        options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 2}
        ours = [f(minigen.from_numpy(a), minigen.from_numpy(b))[i].item() for f in (psnr, ssim)]
        assert ours[0] == pytest.approx(metrics.peak_signal_noise_ratio(x, y, data_range=1), abs=1e-6)
        assert ours[1] == pytest.approx(metrics.structural_similarity(x, y, data_range=1, **options), abs=1e-6)


def test_psnr_is_of_each_image_and_knows_the_range():
    black, dark = minigen.zeros(2, 1, 4, 4), minigen.full((2, 1, 4, 4), 0.1)
    dark[1].fill_(0.01)
    assert psnr(black, dark).tolist() == pytest.approx([20.0, 40.0], abs=1e-4)
    assert psnr(255 * black, 255 * dark, 255).tolist() == pytest.approx([20.0, 40.0], abs=1e-4)
    assert psnr(dark, dark).tolist() == [math.inf, math.inf]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: psnr(x, x[:, :, 1:]), r"psnr: both must be images \(N, C, H, W\) of one shape"),
        (lambda x: psnr(x[0], x[0]), r"psnr: both must be .* becomes a batch by unsqueeze"),
        (lambda x: psnr(x, x, 0.0), "psnr: data_range must be positive"),
        (lambda x: psnr(x, x, math.inf), "psnr: data_range must be positive and finite"),
        (lambda x: psnr(x, x, "1"), "psnr: data_range must be a number at least 0, not '1'"),
        (lambda x: psnr(x, None), "psnr: b must be an array of numbers, not NoneType"),
        (lambda x: psnr(x.bool(), (255 * x).to(minigen.uint8)), "psnr: integers from .*; bytes have data_range=255"),
        (
            lambda x: psnr(0 * x.long(), 0 * x.long() + 9),
            "psnr: integers from 0 to 9 are further apart than data_range=1",
        ),
        (lambda x: ssim("x", x), "ssim: a must be an array of numbers, not str"),
        (lambda x: luma((255 * x).to(minigen.uint8)), r"luma: images must be floats .* by x / 255"),
        (lambda x: luma([["a"]]), "luma: images must be an array of numbers"),
        (lambda x: ssim(x, x[:, :, 1:]), "ssim: both must be images"),
        (lambda x: luma(x[0]), r"luma: images must be \(N, 3, H, W\) or \(N, 1, H, W\)"),
        (lambda x: luma(minigen.zeros(1, 2, 3, 3)), "luma: images must be"),
    ],
)
def test_metrics_of_images_refuse_what_they_cannot_compare(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(minigen.rand(1, 3, 12, 12))


def test_metrics_of_images_take_arrays_as_well():
    a, b = (minigen.rand(2, 3, 12, 12) for _ in range(2))
    for metric in (psnr, ssim):
        assert metric(a.numpy(), b.numpy()).tolist() == pytest.approx(metric(a, b).tolist(), rel=1e-6)
    assert np.allclose(luma(a.numpy()).numpy(), luma(a).numpy())
    bytes_a, bytes_b = ((255 * x).to(minigen.uint8) for x in (a, b))
    expected = psnr(bytes_a.double() / 255, bytes_b.double() / 255).tolist()
    assert psnr(bytes_a.numpy(), bytes_b, data_range=255).tolist() == pytest.approx(expected, rel=1e-9)


def test_luma_is_that_of_itu_r_bt_601():
    """Levels of Y for the primary colours as in Matlab's rgb2ycbcr; grey is the colour of three equal channels."""
    colours = {(1, 0, 0): 81.481, (0, 1, 0): 144.553, (0, 0, 1): 40.966, (1, 1, 1): 235.0, (0, 0, 0): 16.0}
    for colour, level in colours.items():
        image = minigen.tensor([float(c) for c in colour]).reshape(1, 3, 1, 1)
        assert 255 * luma(image).item() == pytest.approx(level, abs=1e-3)
    grey = minigen.rand(2, 1, 3, 3)
    assert np.allclose(luma(grey).numpy(), luma(minigen.cat([grey] * 3, dim=1)).numpy(), atol=1e-6)


# --- U-Net ---------------------------------------------------------------------------------------------------------


def test_a_unet_has_the_papers_widths_and_size():
    """Four halvings from 64 to 1,024 channels; 31.03 million weights with two classes and one grey channel."""
    network = UNet(channels=1, out_channels=2, width=64, depth=4, up="transposed")
    assert [pair[2].weight.shape[0] for pair in network.down] == [64, 128, 256, 512, 1024]
    assert parameters(network) == 31_030_658


@pytest.mark.parametrize("up", ["resize", "transposed"])
@pytest.mark.parametrize(("depth", "size"), [(1, (6, 10)), (2, (28, 28)), (3, (16, 24))])
def test_a_unet_keeps_the_size_and_its_whole_input_reaches_its_output(up, depth, size):
    network = UNet(2, 3, width=2, depth=depth, up=up)
    x = minigen.rand(2, 2, *size, requires_grad=True)
    y = network(x)
    assert y.shape == (2, 3, *size)
    (y**2).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert x.grad.shape == x.shape


def test_what_comes_up_is_laid_beside_what_went_down():
    """With nothing coming up, the detail still comes through the skips; with the skips silenced too, it does not."""
    network = UNet(1, 1, width=4, depth=1)
    x = minigen.rand(1, 1, 8, 8)
    other = x.clone()
    other[0, 0, 3, 3] = 2.0
    with minigen.no_grad():
        network.ups[0][1].weight.zero_()
        assert (network(x) - network(other)).abs().max().item() > 1e-4
        network.merge[0][0].weight[:, :4].zero_()  # (4, 8, 3, 3): the first four channels are the skip's
        assert (network(x) - network(other)).abs().max().item() == 0


@pytest.mark.parametrize("shape", [(1, 1, 6, 8), (1, 1, 8, 6)])
def test_a_unet_refuses_images_that_it_cannot_halve(shape):
    with pytest.raises(ValueError, match=r"UNet: height and width of images .* must be multiples of 4, since depth=2"):
        UNet(1, 1, width=2, depth=2)(minigen.zeros(*shape))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"depth": 0}, "depth=0 must be at least 1"), ({"up": "nearest"}, 'up must be "resize" or "transposed"')],
)
def test_a_unet_refuses_options_that_make_no_sense(arguments, message):
    with pytest.raises(ValueError, match=f"UNet: .*{message}"):
        UNet(1, 1, **{"width": 2, "depth": 1, **arguments})


def test_enlarging_by_copies_writes_every_pixel_alike(torch):
    """On a plane image, resize and convolution leave no pattern; PyTorch's network with the same weights agrees."""
    minigen.manual_seed(2)
    network = UNet(1, 1, width=2, depth=1)
    up = network.ups[0](minigen.ones(1, 4, 6, 6)).detach().numpy()[0, :, 1:-1, 1:-1]
    assert np.ptp(up, axis=(1, 2)).max() < 1e-6

    weights = {name: torch.tensor(value.numpy()) for name, value in network.state_dict().items()}
    conv = lambda x, name, pad=1: torch.nn.functional.conv2d(  # noqa: E731
        x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=pad
    )
    pair = lambda x, name: torch.relu(conv(torch.relu(conv(x, f"{name}.0")), f"{name}.2"))  # noqa: E731
    x = minigen.rand(2, 1, 8, 6)
    skip = pair(torch.tensor(x.numpy()), "down.0")
    low = pair(torch.nn.functional.max_pool2d(skip, 2), "down.1")
    up = conv(torch.nn.functional.interpolate(low, scale_factor=2), "ups.0.1")
    theirs = conv(pair(torch.cat([skip, up], dim=1), "merge.0"), "last", 0)
    assert np.abs(network(x).detach().numpy() - theirs.numpy()).max() < 1e-5


# --- inpainting ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64)])
@pytest.mark.parametrize("adversarial", [0.0, 0.5])
def test_known_pixels_are_copied_through_bit_for_bit(shape, adversarial):
    system = make("inpainting", shape, adversarial=adversarial)
    images = minigen.rand(5, *shape)
    masks = system.holes(images)
    filled = system.fill(images, masks).numpy()
    known = np.broadcast_to(masks.numpy() == 0, filled.shape)
    assert np.array_equal(filled[known], images.numpy()[known])
    assert not np.array_equal(filled[~known], images.numpy()[~known])


def test_what_is_in_the_hole_is_not_looked_at():
    system = make("inpainting")
    images = minigen.rand(4, 1, 28, 28)
    masks = system.holes(images)
    others = images * (1 - masks) + minigen.rand(4, 1, 28, 28) * masks
    assert np.array_equal(system.fill(images, masks).numpy(), system.fill(others, masks).numpy())


@pytest.mark.parametrize("place", ["random", "centre"])
@pytest.mark.parametrize("size", [28, 64])
def test_holes_are_squares_of_the_size_asked_for_within_the_image(place, size):
    system = make("inpainting", (1, size, size), place=place, hole=11)
    masks = system.holes(minigen.zeros(200, 1, size, size)).numpy()
    assert masks.shape == (200, 1, size, size)
    assert set(np.unique(masks)) == {0.0, 1.0}
    corners = set()
    for mask in masks[:, 0]:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert len(rows) == len(columns) == 11
        assert mask.sum() == 121
        corners.add((rows[0], columns[0]))
    if place == "centre":
        assert corners == {((size - 11) // 2, (size - 11) // 2)}
    else:
        tops, lefts = ({corner[axis] for corner in corners} for axis in (0, 1))
        assert min(tops) == min(lefts) == 0 or size > 28
        assert max(tops) == max(lefts) == size - 11 or size > 28
        assert len(corners) > 100


def test_holes_follow_from_the_seed():
    system, images = make("inpainting"), minigen.zeros(6, 1, 28, 28)
    drawn = []
    for seed in (1, 1, 2):
        with random_state_of(seed):
            drawn.append(system.holes(images).numpy())
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


@pytest.mark.parametrize("objective", ["bernoulli", "l1", "l2"])
def test_the_objective_counts_the_hole_alone(objective):
    logits, images = minigen.randn(3, 1, 4, 4), minigen.rand(3, 1, 4, 4)
    masks = (minigen.rand(3, 1, 4, 4) < 0.5).float()
    x, p, hole = images.numpy(), 1 / (1 + np.exp(-logits.numpy())), masks.numpy() == 1
    each = {
        "bernoulli": -(x * np.log(p) + (1 - x) * np.log(1 - p)),
        "l1": np.abs(x - p),
        "l2": (x - p) ** 2,
    }[objective]
    loss = inpainting.hole_loss(logits, images, masks, objective)
    assert loss.item() == pytest.approx(each[hole].sum() / 3, rel=1e-5)
    elsewhere = images * masks + minigen.rand(3, 1, 4, 4) * (1 - masks)
    assert inpainting.hole_loss(logits, elsewhere, masks, objective).item() == pytest.approx(loss.item(), rel=1e-6)


def test_without_an_adversarial_term_there_is_no_discriminator():
    system = make("inpainting", adversarial=0.0)
    assert list(system.optimizers) == ["painter"]
    assert all(name.startswith("painter.") for name, _ in system.named_parameters())
    assert set(system.training_step(batch_for(system))) == {"loss"}


def test_each_player_of_the_adversarial_form_moves_its_own_weights():
    system = make("inpainting", adversarial=0.5)
    system.optimizers["painter"].step = lambda: None
    before = snapshot(system)
    assert set(system.training_step(batch_for(system))) == {"loss", "loss_d", "loss_g"}
    after = snapshot(system)
    moved = {name.split(".")[0] for name in after if not np.array_equal(before[name], after[name])}
    assert moved == {"discriminator"}


def test_the_painter_learns_from_the_verdict(monkeypatch):
    """With the weight of the objective gone, the painter still moves: what is left is the discriminator's verdict."""
    system = make("inpainting", adversarial=0.5)
    monkeypatch.setattr(inpainting, "hole_loss", lambda logits, *_: (logits * 0).sum())
    before = snapshot(system)
    system.training_step(batch_for(system))
    after = snapshot(system)
    still = [name for name in after if name.startswith("painter") and np.array_equal(before[name], after[name])]
    assert still == []


def test_a_missing_detach_is_noticed(monkeypatch):
    system = make("inpainting", adversarial=0.5)
    monkeypatch.setattr(minigen.Tensor, "detach", lambda self: self)
    with pytest.raises(RuntimeError, match=r"discriminator's loss left a gradient on .*filled\.detach\(\)"):
        system.training_step(batch_for(system))


def test_the_figures_of_inpainting_are_those_of_the_hole():
    """By a loop over images: of the filled ones, and of holes filled with the mean of what is known."""
    system = make("inpainting", (3, 32, 32))
    images = minigen.rand(5, 3, 32, 32)
    with random_state_of(3):
        figures = system.evaluate([[images[:4], None], [images[4:], None]])
    with random_state_of(3):
        masks = minigen.cat([system.holes(images[:4]), system.holes(images[4:])])
    filled, squares, of_mean = system.fill(images, masks).numpy(), [], []
    for image, mask, guess in zip(images.numpy(), masks.numpy()[:, 0] == 1, filled, strict=True):
        for channel, painted in zip(image, guess, strict=True):
            squares.append((channel[mask] - painted[mask]) ** 2)
            of_mean.append((channel[mask] - channel[~mask].mean()) ** 2)
    assert figures["psnr_hole"] == pytest.approx(-10 * math.log10(np.mean(squares)), rel=1e-5)
    assert figures["psnr_mean_fill"] == pytest.approx(-10 * math.log10(np.mean(of_mean)), rel=1e-5)
    assert figures["gain"] == pytest.approx(figures["psnr_hole"] - figures["psnr_mean_fill"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hole": 28}, "a hole of 28 pixels leaves nothing of images of 28"),
        ({"depth": 3}, "images of 28 pixels cannot be halved depth=3 times"),
        ({"place": "corner"}, "option place must be one of random, centre"),
        ({"objective": "l3"}, "option objective must be one of bernoulli, l1, l2"),
    ],
)
def test_inpainting_refuses_what_cannot_be(options, message):
    with pytest.raises(ValueError, match=f"inpainting: {message}"):
        models.Inpainting(inpainting.Options(**options))


# --- bicubic interpolation as Matlab's -----------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new"), [(48, 16), (16, 48), (30, 10), (21, 7), (12, 12), (100, 37)])
def test_the_bicubic_matrix_equals_pillows_away_from_the_edges(old, new):
    """Pillow leaves out what lies beyond an edge, Matlab mirrors; between, both are Keys' cubic with a = -0.5."""
    line = np.sin(np.arange(old) * 0.7).astype(np.float32)
    theirs = np.asarray(Image.fromarray(np.tile(line, (old, 1))).resize((new, old), Image.Resampling.BICUBIC))[0]
    ours = super_resolution.bicubic_matrix(old, new).numpy() @ line
    edge = math.ceil(2.5 * max(1, new / old))
    assert np.abs(ours - theirs)[edge:-edge].max() < 1e-5


def test_the_bicubic_matrix_by_hand():
    """imresize([0 0 0 0 1 0 0 0 0 0 0 0], 1/3): weights of Keys' cubic at the distances 1/3, stretched by 3."""
    column = super_resolution.bicubic_matrix(12, 4).numpy()[:, 4]
    cubic = lambda x: 1.5 * x**3 - 2.5 * x**2 + 1 if x <= 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2  # noqa: E731
    total = sum(cubic(abs(k) / 3) for k in range(-6, 7))
    assert column.tolist() == pytest.approx([cubic(1) / total, cubic(0) / total, cubic(1) / total, 0.0], abs=1e-6)


@pytest.mark.parametrize(("old", "new"), [(48, 16), (16, 48), (5, 15), (7, 3), (4, 1)])
def test_rows_of_the_bicubic_matrix_sum_to_one_and_are_mirrored(old, new):
    matrix = super_resolution.bicubic_matrix(old, new).numpy()
    assert matrix.shape == (new, old)
    assert matrix.sum(axis=1) == pytest.approx(np.ones(new), abs=1e-5)
    assert np.abs(matrix - matrix[::-1, ::-1]).max() < 1e-6  # left and right are treated alike


def test_beyond_an_edge_the_image_is_mirrored():
    """Matlab's rule: a line and the same line with its mirror image on either side give the same in the middle."""
    line = np.random.default_rng(0).random(12).astype(np.float32)
    longer = np.concatenate([line[::-1], line, line[::-1]])
    middle = (super_resolution.bicubic_matrix(36, 12).numpy() @ longer)[4:8]
    assert super_resolution.bicubic_matrix(12, 4).numpy() @ line == pytest.approx(middle, abs=1e-5)


@pytest.mark.data
@pytest.mark.parametrize(("factor", "published"), [(2, 33.66), (3, 30.39), (4, 28.42)])
def test_bicubic_gives_the_published_figures_on_set5(factor, published, real_data):
    """Dong et al. (2014), SRCNN, table 1: mean PSNR on Y of the five images."""
    if not (real_data / "superres" / "Set5").is_dir():
        pytest.skip("MINIGEN_DATA has no superres/Set5")
    pictures = DataLoader(WholePictures(real_data / "superres" / "Set5"))
    system = make("super_resolution", factor=factor)
    assert system.evaluate(pictures)["psnr_bicubic"] == pytest.approx(published, abs=0.005)


# --- super-resolution ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_espcn_has_the_papers_size(factor):
    """Filters of 5, 3 and 3 pixels, n = 64, 32: 25 * 64 + 9 * 64 * 32 + 9 * 32 * r**2 weights, and biases."""
    expected = (25 * 64 + 64) + (9 * 64 * 32 + 32) + (9 * 32 + 1) * factor**2
    assert parameters(models.SuperResolution(super_resolution.Options(factor=factor))) == expected


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_espcn_equals_pytorchs(activation, torch):
    minigen.manual_seed(1)
    network = super_resolution.ESPCN(super_resolution.Options(filters1=6, filters2=4, activation=activation))
    layers, between = torch.nn, {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[activation]
    conv = lambda *sizes, pad: layers.Conv2d(*sizes, padding=pad, padding_mode="replicate")  # noqa: E731
    twin = layers.Sequential(
        conv(1, 6, 5, pad=2), between(), conv(6, 4, 3, pad=1), between(), conv(4, 9, 3, pad=1), layers.PixelShuffle(3)
    )
    values = [torch.tensor(value.numpy()) for value in network.state_dict().values()]
    twin.load_state_dict(dict(zip(twin.state_dict(), values, strict=True)))
    x = minigen.rand(2, 1, 7, 9)
    theirs = twin(torch.tensor(x.numpy())).detach().numpy()
    assert theirs.shape == (2, 1, 21, 27)
    assert np.abs(network(x).detach().numpy() - theirs).max() < 1e-5


def test_colour_is_that_of_bicubic_and_only_luma_is_the_networks():
    system = make("super_resolution", (3, 48, 48))
    images = 0.4 + 0.2 * minigen.rand(2, 3, 48, 48)
    with minigen.no_grad():
        system.network.conv3.weight.copy_(0.1 * system.network.conv3.weight)  # so that nothing leaves [0, 1]
        kinds = system.restore(images)
        _, wanted = system.enlarge(luma(system.shrink(images)))
    assert np.abs(luma(kinds["network"]).numpy() - wanted.numpy()).max() < 1e-5
    assert np.abs((wanted - luma(kinds["bicubic"])).numpy()).max() > 1e-3
    difference = (kinds["network"] - kinds["bicubic"]).numpy()
    assert np.abs(difference - difference[:, :1]).max() < 1e-6  # the same in red, green and blue


def test_images_are_cut_to_multiples_of_the_factor():
    system = make("super_resolution", factor=3)
    images = minigen.rand(1, 3, 20, 25)
    kinds = system.restore(images)
    assert {name: image.shape for name, image in kinds.items()} == dict.fromkeys(kinds, (1, 3, 18, 24))
    assert np.array_equal(kinds["original"].numpy(), images.numpy()[:, :, :18, :24])
    with pytest.raises(ValueError, match="too small for factor=3; at least 12 x 12 pixels"):
        system.restore(minigen.rand(1, 1, 11, 40))


def spoilt(images, place=None):
    """The luma of images, a level too bright, and with a line in which nothing is right."""
    y = luma(images) + 1 / 255
    if place is not None:
        y[:, :, place] = 0.0
    return y


def test_the_figures_of_super_resolution_leave_the_border_out(monkeypatch):
    """An error in the outermost ``factor`` pixels counts nothing, one further in does."""
    system, images, figures = make("super_resolution", factor=3), minigen.rand(2, 1, 24, 24), []
    for place in (None, 2, 21, 3, 20):
        monkeypatch.setattr(system, "enlarge", lambda small, place=place: (luma(images), spoilt(images, place)))
        figures.append(system.evaluate([[images, None]])["psnr"])
    assert figures[0] == figures[1] == figures[2] > max(figures[3:])


def test_one_level_too_bright_is_48_decibels(monkeypatch):
    system, images = make("super_resolution"), minigen.rand(3, 1, 24, 24)
    monkeypatch.setattr(system, "enlarge", lambda small: (luma(images) + 2 / 255, spoilt(images)))
    figures = system.evaluate([[images, None]])
    assert figures["psnr"] == pytest.approx(20 * math.log10(255), abs=0.01)
    assert figures["psnr_bicubic"] == pytest.approx(20 * math.log10(255 / 2), abs=0.01)
    assert figures["gain"] == pytest.approx(figures["psnr"] - figures["psnr_bicubic"])


# --- pictures in pieces and whole ----------------------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path):
    """Three pictures of different sizes; the pixel at (y, x) says where it is."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, (height, width) in enumerate([(60, 90), (70, 50), (52, 64)]):
        y, x = np.mgrid[:height, :width]
        Image.fromarray(np.stack([y, x, np.full_like(x, i)], axis=2).astype(np.uint8)).save(folder / f"{i}.png")
    return folder


def test_pieces_are_cut_from_the_pictures_as_they_are(photos):
    pieces = RandomPieces(photos, 48)
    assert len(pieces) == 3 * 50
    seen = set()
    for index in range(len(pieces)):
        piece = (255 * pieces[index][0].numpy()).round().astype(int)
        top, left, number = piece[:, 0, 0]
        assert number == index % 3
        assert np.array_equal(piece[0], np.broadcast_to(top + np.arange(48)[:, None], (48, 48)))
        assert np.array_equal(piece[1], np.broadcast_to(left + np.arange(48), (48, 48)))
        seen.add((number, top, left))
    assert len(seen) > 60


def test_pieces_follow_from_seed_epoch_and_index_whatever_the_number_of_threads(photos):
    def epochs(workers, seed):
        loader = DataLoader(RandomPieces(photos, 32), batch_size=7, shuffle=True, seed=seed, num_workers=workers)
        return [np.concatenate([images.numpy() for images, _ in loader]) for _ in range(2)]

    one, other, third = epochs(0, 5), epochs(2, 5), epochs(0, 6)
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert not np.array_equal(one[0], one[1])
    assert not np.array_equal(one[0], third[0])


def test_a_picture_smaller_than_a_piece_is_named(photos):
    pieces = RandomPieces(photos, 51)
    with pytest.raises(ValueError, match=r"1\.png has 70 x 50 pixels, too few for a piece of 51 x 51; .*--image-size"):
        pieces[1]


def test_a_system_that_crops_learns_from_pieces_and_is_tested_on_whole_pictures(photos, tmp_path):
    config = Config(system="super_resolution", data=str(photos), test_data=str(photos), image_size=32, steps=2)
    config.options = {"filters1": 2, "filters2": 2, "batch_size": 4}
    system, loader, test_loader = build(config)
    assert system.shape == (3, 32, 32)
    assert next(iter(loader))[0].shape == (4, 3, 32, 32)
    assert [images.shape for images, _ in test_loader] == [(1, 3, 60, 90), (1, 3, 70, 50), (1, 3, 52, 64)]
    trainer = Trainer(system, loader, tmp_path / "run", test_loader=test_loader, quiet=True)
    assert trainer.fit(steps=2)
    with Image.open(tmp_path / "run" / "samples" / "step-00000002.png") as picture:
        assert picture.height > 48
    assert set(system.evaluate(test_loader)) == {"psnr", "psnr_bicubic", "gain"}


def test_pictures_of_ones_own_are_restored_by_a_system_that_learned_from_others(photos, tmp_path, capsys):
    run, small = str(tmp_path / "run"), "--data shapes --images 40 --filters1 2 --steps 1 --quiet"
    assert main(f"train super_resolution {small} --out {run}".split()) == 0
    assert main(["sample", run, "--data", str(photos), "--out", str(tmp_path / "own.png"), "--n", "1"]) == 0
    assert "1 image in" in capsys.readouterr().out
    with Image.open(tmp_path / "own.png") as picture, Image.open(photos / "0.png") as own:
        width, height = (side // 3 * 3 for side in own.size)
        assert picture.size == (3 * (width + 2) + 2, height + 4)  # bicubic, network, original, and lines between them
        original = picture.convert("RGB").crop((2 * (width + 2) + 2, 2, 3 * (width + 2), height + 2))
        assert np.abs(np.asarray(original, int) - np.asarray(own, int)[:height, :width]).max() <= 1
    assert main(["sample", run, "--data", "no/such/folder"]) == 2
    assert "no/such/folder" in capsys.readouterr().err


def test_test_data_of_a_system_that_does_not_crop_gets_the_size_that_it_learns_from(photos):
    _, loader, test_loader = build(Config(system="inpainting", data="shapes", images=80, test_data=str(photos)))
    assert next(iter(loader))[0].shape[1:] == next(iter(test_loader))[0].shape[1:] == (3, 32, 32)
    assert build(Config(system="inpainting", data=str(photos)))[2] is None
    with pytest.raises(ValueError, match="grid-25 is made of points"):
        build(Config(system="inpainting", data="glyphs", images=80, test_data="grid-25"))
    with pytest.raises(ValueError, match=r"glyphs: its samples are \(1, 28, 28\), but wgan was built for \(2,\); take"):
        build(Config(system="wgan", data="grid-25", images=80, test_data="glyphs"))


def test_test_data_is_kept_in_the_configuration_with_its_whole_path(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(photos.parent)
    write_config(tmp_path, Config(system="super_resolution", data="photos", test_data="photos"))
    assert read_config(tmp_path).test_data == str(photos)


def test_the_commands_take_test_data_and_evaluate_on_another_folder(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (photos / "0.png").rename(other / "0.png")
    small = "--filters1 2 --filters2 2 --batch-size 4 --image-size 32 --steps 1 --quiet --out run"
    assert main(f"train super_resolution --data photos --test-data photos {small}".split()) == 0
    capsys.readouterr()
    assert main(["evaluate", "run"]) == 0
    assert "on 2 test images" in (printed := capsys.readouterr().out)
    assert "psnr_bicubic" in printed
    assert main(["evaluate", "run", "--data", "other"]) == 0
    assert "on 1 test images of other" in capsys.readouterr().out


# --- learning, in seconds ------------------------------------------------------------------------------------------

LEARNING = {
    "super_resolution": ({"filters1": 8, "filters2": 8, "lr": 5e-3, "factor": 2}, (1, 32, 32)),
    "inpainting": ({"width": 4, "lr": 5e-3, "adversarial": 0.01, "discriminator_width": 4}, (1, 28, 28)),
}


@pytest.mark.parametrize("name", RESTORERS)
def test_the_objective_falls_and_every_parameter_moves(name):
    """Smoke: in seconds, and on data that minigen draws itself."""
    minigen.manual_seed(0)
    options, shape = LEARNING[name]
    system = make(name, shape, **options)
    images = data.load("glyphs", n=64, image_size=shape[1])
    before, losses = snapshot(system), []
    for batch in [*DataLoader(images, batch_size=16, seed=0)] * 10:
        losses.append(system.training_step(batch)["loss"].item())
    assert np.mean(losses[-4:]) < 0.85 * np.mean(losses[:4])
    after = snapshot(system)
    assert [n for n, _ in system.named_parameters() if np.array_equal(before[n], after[n])] == []
    restored = list(system.restore(next(iter(DataLoader(images, batch_size=4)))[0]).values())
    assert not np.array_equal(restored[0].numpy(), restored[1].numpy())
