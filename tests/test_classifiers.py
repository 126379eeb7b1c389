"""The classifiers: sizes of their networks as published, the same numbers as PyTorch, and learning in seconds."""

import math

import numpy as np
import pytest
from table.systems import make
from test_models import batch_for, snapshot

import minigen
import minigen.nn.functional as F
from minigen import data, models
from minigen.data import DataLoader
from minigen.metrics.images import accuracy
from minigen.models import classification, cnn, lenet, resnet20

CLASSIFIERS = ["lenet", "cnn", "resnet20"]
every_classifier = pytest.mark.parametrize("name", CLASSIFIERS)


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


# --- the networks as they were published ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((3, 32, 32), 896 + 18_496 + (4096 * 128 + 128) + 1290),  # article 000, with 64 * 8 * 8 features
        ((1, 28, 28), 688_138),  # article 002, as Keras counts
    ],
)
def test_the_articles_networks_have_their_sizes(shape, expected):
    assert parameters(models.CNN(shape=shape)) == expected


def test_the_articles_network_gives_one_verdict_an_image():
    """The listing's ``view(-1, 64 * 16 * 16)`` glues four images into one row, and 3 images raise."""
    for n in (1, 3, 64):
        assert models.CNN(shape=(3, 32, 32))(minigen.zeros(n, 3, 32, 32)).shape == (n, 10)


def test_the_keras_network_passes_through_the_sizes_of_the_article():
    sizes, x = [], minigen.zeros(1, 1, 28, 28)
    for layer in models.CNN(shape=(1, 28, 28)).network:
        x = layer(x)
        if type(layer).__name__ in ("Conv2d", "MaxPool2d"):
            sizes.append(x.shape[2])
        elif type(layer).__name__ == "Flatten":
            assert x.shape == (1, 1152)
    assert sizes == [26, 13, 11, 5, 3]


@pytest.mark.parametrize(("blocks", "layers", "millions"), [(3, 20, 0.27), (5, 32, 0.46), (7, 44, 0.66), (9, 56, 0.85)])
def test_resnets_have_the_layers_and_parameters_of_table_6(blocks, layers, millions):
    system = models.ResNet20(resnet20.Options(blocks=blocks))
    weights = [p for p in system.parameters() if p.dim() > 1]  # of convolutions and of the dense layer
    assert len(weights) == layers
    assert round(parameters(system) / 1e6, 2) == millions


@pytest.mark.parametrize(("size", "sizes"), [(32, [32, 16, 8]), (28, [28, 14, 7])])
def test_the_stages_of_a_resnet_halve_the_image_and_double_the_channels(size, sizes):
    network = models.ResNet20(shape=(1, size, size)).network
    x, found = F.relu(network.bn(network.conv(minigen.zeros(2, 1, size, size)))), []
    for stage in network.stages:
        x = stage(x)
        found.append(x.shape)
    assert found == [(2, width, side, side) for width, side in zip((16, 32, 64), sizes, strict=True)]


def test_a_shortcut_of_option_a_takes_every_other_pixel_and_adds_channels_of_zeros():
    block = resnet20.Block(2, 4, stride=2)
    x = minigen.rand(1, 2, 6, 6)
    shortcut = block.shortcut(x)
    assert np.array_equal(shortcut[:, :2].numpy(), x.numpy()[:, :, ::2, ::2])
    assert shortcut[:, 2:].abs().max().item() == 0
    assert resnet20.Block(2, 2, stride=1).shortcut(x) is x


def test_a_block_whose_residual_is_zero_hands_its_input_on():
    """What makes deep residual networks trainable: doing nothing is easy."""
    block = resnet20.Block(3, 3, stride=1)
    block.bn2.weight.data.zero_()
    x = minigen.rand(2, 3, 8, 8)
    assert np.array_equal(block(x).detach().numpy(), x.numpy())


def test_initial_weights_of_a_resnet_have_the_deviation_of_he():
    for name, weight in models.ResNet20().network.named_parameters():
        if weight.dim() == 4 and weight.numel() > 4000:
            fan_in = weight.numel() / weight.shape[0]
            assert weight.std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=0.05), name


def test_a_resnet_learns_as_in_section_4_2():
    (group,) = models.ResNet20().optimizers["network"].param_groups
    assert [group[name] for name in ("lr", "momentum", "weight_decay")] == [0.1, 0.9, 1e-4]


# --- beside PyTorch ------------------------------------------------------------------------------------------------


def torch_resnet(torch, blocks, width):
    """A residual network written for PyTorch, its modules in the order of ours."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, channels, filters, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(filters)
            self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(filters)

        def forward(self, x):
            y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
            if y.shape != x.shape:
                zeros = torch.zeros(len(x), y.shape[1] - x.shape[1], *y.shape[2:])
                x = torch.cat([x[:, :, ::2, ::2], zeros], dim=1)
            return torch.relu(x + y)

    layers, channels = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()], width
    for stage in range(3):
        for block in range(blocks):
            first = stage > 0 and block == 0
            layers.append(Block(channels, width * 2**stage, 2 if first else 1))
            channels = width * 2**stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def test_three_resnet_steps_equal_pytorchs(torch):
    """The same weights and images: losses, weights, and batch norm's running statistics."""
    minigen.manual_seed(4)
    system = models.ResNet20(resnet20.Options(blocks=2, width=4, lr=0.05, weight_decay=0.05))
    twin = torch_resnet(torch, 2, 4)
    ours, theirs = system.network.state_dict(), twin.state_dict()
    pairs = list(zip(ours, theirs, strict=True))
    twin.load_state_dict({other: torch.tensor(ours[name].numpy()) for name, other in pairs})
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.05, momentum=0.9, weight_decay=0.05)
    for step in range(3):
        images, labels = batch_for(system, 8)
        loss = torch.nn.functional.cross_entropy(twin(torch.tensor(images.numpy())), torch.tensor(labels.numpy()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for group in optimizer.param_groups:
            group["lr"] = 0.05 * 0.1 ** ((step + 1) / 32_000)
        assert system.training_step([images, labels])["loss"].item() == pytest.approx(loss.item(), rel=1e-4)
    after = twin.state_dict()
    for name, other in pairs:
        own, value = ours[name].numpy(), after[other].numpy()
        assert np.abs(own - value).max() <= 1e-3 * max(np.abs(value).max(), 1e-3), name


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28)])
def test_two_steps_of_the_articles_networks_equal_pytorchs(shape, torch):
    nn = torch.nn
    minigen.manual_seed(5)
    system = models.CNN(cnn.Options(filters=4), shape=shape)
    if shape[1] == 32:
        layers = [nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3, padding=1), nn.ReLU()]
        layers += [nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 8 * 8, 16), nn.ReLU(), nn.Linear(16, 10)]
    else:
        layers = [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3), nn.ReLU(), nn.MaxPool2d(2)]
        layers += [nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 64), nn.ReLU(), nn.Linear(64, 10)]
    twin = nn.Sequential(*layers)
    twin.load_state_dict({name: torch.tensor(value.numpy()) for name, value in system.network.state_dict().items()})
    optimizer = torch.optim.Adam(twin.parameters(), lr=1e-3)
    for _ in range(2):
        images, labels = batch_for(system, 8)
        loss = nn.functional.cross_entropy(twin(torch.tensor(images.numpy())), torch.tensor(labels.numpy()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert system.training_step([images, labels])["loss"].item() == pytest.approx(loss.item(), rel=1e-4)


# --- training ------------------------------------------------------------------------------------------------------


@every_classifier
def test_every_classifier_shares_one_objective(name):
    system = make(name)
    assert isinstance(system, classification.ClassifierSystem)
    assert system.needs_labels
    assert not system.generates
    images, labels = batch_for(system)
    system.eval()
    logits = system(images)
    p = np.exp(logits.detach().numpy().astype(np.float64))
    p /= p.sum(axis=1, keepdims=True)
    nats = -np.log(p[np.arange(len(labels)), labels.numpy()]).mean()
    assert classification.classification_loss(logits, labels).item() == pytest.approx(nats, rel=1e-5)
    assert system.evaluate([[images, labels]])["loss"] == pytest.approx(nats, rel=1e-5)


@pytest.mark.parametrize(("name", "steps"), [("lenet", 4), ("resnet20", 4), ("cnn", 0)])
def test_the_step_size_falls_to_a_tenth_and_a_checkpoint_knows_it(name, steps, tmp_path):
    from minigen.training.checkpoint import checkpoint_path, read_checkpoint, write_checkpoint
    from minigen.training.state import restore_system, system_state

    system = make(name, **({"decay_steps": steps} if steps else {}))
    (group,) = system.optimizers["network"].param_groups
    first = group["lr"]
    for _ in range(4):
        system.training_step(batch_for(system))
    assert group["lr"] == pytest.approx(first * (0.1 if steps else 1))
    path = checkpoint_path(tmp_path, 4)
    write_checkpoint(path, *system_state(system))
    again = make(name, **({"decay_steps": steps} if steps else {}))
    restore_system(again, *read_checkpoint(path))
    assert again.optimizers["network"].param_groups[0]["lr"] == group["lr"]


def test_dropout_works_in_training_alone():
    system = models.LeNet(lenet.Options(dropout=0.5))
    images, _ = batch_for(system)
    assert not np.array_equal(system(images).detach().numpy(), system(images).detach().numpy())
    system.eval()
    assert np.array_equal(system(images).detach().numpy(), system(images).detach().numpy())


def test_labels_that_do_not_fit_the_images_are_refused():
    with pytest.raises(ValueError, match=r"accuracy: logits must be \(N, classes\) and labels \(N,\), not \(16, 10\)"):
        accuracy(minigen.zeros(16, 10), minigen.zeros(64).long())
    with pytest.raises(TypeError, match="accuracy: labels must be an array of numbers, not list"):
        accuracy([[0.1, 2.0]], ["one"])
    assert accuracy([[0.1, 2.0], [3.0, 1.0]], np.array([1, 1])).item() == 0.5


@every_classifier
def test_a_classifier_learns_a_batch_by_heart(name):
    """Smoke: in seconds and on data of its own, the loss falls and every parameter moves."""
    minigen.manual_seed(0)
    options = {
        "lenet": {"filters": 4, "dropout": 0.0, "lr": 0.01},
        "cnn": {"filters": 8, "lr": 3e-3},
        "resnet20": {"lr": 0.05},
    }[name]
    system = make(name, **options)
    images, labels = batch_for(system, 12)
    images[:, :, :14] = labels.reshape(-1, 1, 1, 1).to(images) / 9  # the upper half is as bright as the label says
    before, losses = snapshot(system), []
    for _ in range(40):
        losses.append(system.training_step([images, labels])["loss"].item())
    assert np.mean(losses[-5:]) < 0.7 * losses[0]
    after = snapshot(system)
    assert [n for n, _ in system.named_parameters() if np.array_equal(before[n], after[n])] == []


@pytest.mark.learning
def test_the_articles_network_learns_the_built_in_digits():
    """60 steps of 32 images; before them it is right in a tenth of all cases, in a trial after them in 88 %."""
    train, test = (data.load("glyphs", n=n, train=n > 1000) for n in (2000, 500))
    minigen.manual_seed(0)
    system = models.CNN(cnn.Options(batch_size=32), shape=train.image_shape)
    batches = iter(DataLoader(train, batch_size=32, shuffle=True, seed=0))
    for _ in range(60):
        system.training_step(next(batches))
    assert system.evaluate(DataLoader(test, batch_size=100))["accuracy"] > 0.75
