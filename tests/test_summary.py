"""minigen.summary: numbers that were computed by hand, and a model that is left as it was."""

import numpy as np
import pytest

import minigen
import minigen.nn.functional as F
from minigen import nn, summary
from minigen.models.dcgan import Discriminator, Generator, Options


def layer(result, name):
    (found,) = [row for row in result.layers if row.name == name]
    return found


class Residual(nn.Module):
    """A block as in a ResNet that halves the image: two convolutions, and a 1 x 1 convolution beside them."""

    def __init__(self, channels, out):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.short = nn.Conv2d(channels, out, 1, stride=2)

    def forward(self, x):
        return F.relu(self.conv2(F.relu(self.norm(self.conv1(x)))) + self.short(x))


class TestNumbers:
    def test_the_generator_of_dcgan(self):
        result = summary(Generator((3, 64, 64), Options()), (2, 100))
        by_hand = {
            "project": 100 * (4 * 4 * 512),
            "layers.2": (4 * 4) * 512 * 256 * (4 * 4),  # pixels in, channels, kernel
            "layers.5": (8 * 8) * 256 * 128 * (4 * 4),
            "layers.8": (16 * 16) * 128 * 64 * (4 * 4),
            "layers.11": (32 * 32) * 64 * 3 * (4 * 4),
        }
        assert {row.name: row.multiply_adds for row in result.layers if row.multiply_adds} == {
            name: 2 * count for name, count in by_hand.items()
        }
        assert result.multiply_adds == 2 * 104_628_224
        kernels = 16 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 3)
        assert result.parameters == result.trainable == 100 * 8192 + kernels + 2 * (512 + 256 + 128 + 64)
        assert result.parameter_bytes == 4 * result.parameters
        assert layer(result, "layers.11").output_shape == "(2, 3, 64, 64)"
        assert layer(result, "layers.11").activation_bytes == 2 * 3 * 64 * 64 * 4

    def test_the_discriminator_of_dcgan(self):
        model = Discriminator((3, 64, 64), Options())
        result = summary(model, (2, 3, 64, 64))
        convolutions = 32**2 * 64 * 3 * 16 + 16**2 * 128 * 64 * 16 + 8**2 * 256 * 128 * 16 + 4**2 * 512 * 256 * 16
        last = 4 * 4 * 512
        assert result.multiply_adds == 2 * (convolutions + last)
        assert result.parameters == sum(p.numel() for p in model.parameters())
        assert result.layers[0].output_shape == "(2,)"

    def test_a_residual_block(self):
        result = summary(Residual(8, 16), (1, 8, 10, 14))
        pixels = 5 * 7
        assert layer(result, "conv1").multiply_adds == pixels * 16 * 8 * 9
        assert layer(result, "conv2").multiply_adds == pixels * 16 * 16 * 9
        assert layer(result, "short").multiply_adds == pixels * 16 * 8
        block = result.layers[0]
        assert block.multiply_adds == 0 and block.parameters == 0
        assert block.activation_bytes == 3 * pixels * 16 * 4, "two ReLUs and a sum, which the block does itself"
        assert layer(result, "short").parameters == 16 * 8 + 16

    @pytest.mark.parametrize("groups", [1, 2, 4])
    def test_groups(self, groups):
        result = summary(nn.Conv2d(4, 8, (3, 2), groups=groups), (3, 4, 9, 5))
        assert result.multiply_adds == 3 * (7 * 4) * 8 * (4 // groups) * 6
        result = summary(nn.ConvTranspose2d(4, 8, (3, 2), stride=2, groups=groups), (3, 4, 9, 5))
        assert result.multiply_adds == 3 * (9 * 5) * 4 * (8 // groups) * 6

    def test_counts_equal_the_loops_of_a_convolution(self):
        """Count the products of the definition, zeros of the padding included."""
        count = 0
        for _n in range(2):
            for _o in range(6):
                for _i in range((7 + 2 - 3) // 2 + 1):
                    for _j in range((5 + 2 - 3) // 2 + 1):
                        count += 2 * 3 * 3  # channels of the group, kernel
        result = summary(nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), (2, 4, 7, 5))
        assert result.multiply_adds == count

    def test_products_of_matrices_in_a_forward(self):
        class Attention(nn.Module):
            def forward(self, x):
                return F.softmax(x @ x.mT, dim=-1) @ x

        assert summary(Attention(), (2, 5, 3)).multiply_adds == 2 * (5 * 3 * 5 + 5 * 5 * 3)

    def test_einsum(self):
        class Scores(nn.Module):
            def forward(self, x):
                return minigen.einsum("bic,bjc->bij", x, x)

        assert summary(Scores(), (2, 5, 3)).multiply_adds == 2 * 5 * 5 * 3

    def test_views_take_no_memory(self):
        assert summary(nn.Flatten(), (2, 3, 4)).activation_bytes == 0
        assert summary(nn.Tanh(), (2, 3, 4)).activation_bytes == 96


class TestTable:
    def test_nested_names_and_totals(self):
        text = str(summary(nn.Sequential(Residual(3, 4), nn.Flatten(), nn.Linear(100, 10)), (2, 3, 10, 10)))
        lines = text.splitlines()
        assert lines[2].startswith("Sequential")
        assert lines[3].split()[:6] == ["0:", "Residual", "(2,", "4,", "5,", "5)"]
        assert lines[4].startswith("    conv1: Conv2d ") and lines[4].split()[-4:] == ["108", "5,400", "800", "B"]
        assert "Input (2, 3, 10, 10)" in lines
        assert "Parameters 1,286 (1,286 trainable, 0 not), 5.14 kB" in lines

    def test_frozen_shared_again_and_not_called(self):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.step = nn.Linear(3, 3)
                self.tied = nn.Linear(3, 3)
                self.tied.weight = self.step.weight
                self.spare = nn.Linear(3, 5)

            def forward(self, x):
                return self.tied(self.step(self.step(x)))

        net = Net()
        net.spare.requires_grad_(False)
        result = summary(net, (2, 3))
        assert (result.parameters, result.trainable) == (9 + 3 + 3 + 20, 15)
        assert [(row.name, row.parameters, row.again) for row in result.layers[1:]] == [
            ("step", 12, False),
            ("step", 0, True),
            ("tied", 3, False),
        ]
        assert "step: Linear (again)" in str(result) and "Not called: spare" in str(result)
        assert repr(result) == str(result)

    def test_several_inputs_and_labels(self):
        class Net(nn.Module):
            def forward(self, image, label):
                return image * (label.reshape(-1, 1) == minigen.arange(3)), label

        result = summary(Net(), [(4, 3), minigen.tensor([0, 1, 2, 0])])
        assert result.layers[0].output_shape == "(4, 3), (4,)" and result.input_shape == "(4, 3), (4,)"
        assert summary(nn.Tanh(), minigen.ones(2, 2)).layers[0].output_shape == "(2, 2)"


class TestLeftAsItWas:
    @pytest.mark.parametrize("training", [True, False])
    def test_everything(self, training):
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)).train(training)
        for p in net.parameters():
            p.grad = minigen.ones(p.shape)
        buffers = [(b, b.tolist(), b._version) for b in net.buffers()]
        state = minigen.get_rng_state()
        summary(net, (2, 3, 8, 8))
        assert [(b, b.tolist(), b._version) for b in net.buffers()] == buffers
        assert minigen.get_rng_state() == state and net.training is net[1].training is training
        assert all(np.all(p.grad.numpy() == 1) for p in net.parameters())
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())

    def test_also_after_an_error(self):
        net = nn.Sequential(nn.BatchNorm2d(3), nn.Linear(4, 4))
        before = [b.tolist() for b in net.buffers()]
        with pytest.raises(ValueError, match="summary"):
            summary(net, (2, 3, 8, 8))
        assert [b.tolist() for b in net.buffers()] == before
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
        assert minigen.modes.observers.get() == () and minigen.is_grad_enabled()

    def test_the_models_dtype(self):
        assert summary(nn.Linear(2, 2).double(), (4, 2)).activation_bytes == 64


class TestMisuse:
    def test_a_shape_that_does_not_fit_names_the_layer(self):
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.Flatten(), nn.Linear(100, 2)))
        with pytest.raises(
            ValueError, match=r"summary: layer '1\.1' \(Linear\) was given \(2, 144\) and failed: linear"
        ):
            summary(net, (2, 3, 8, 8))
        with pytest.raises(ValueError, match=r"summary: layer '0' \(Conv2d\) was given \(2, 1, 8, 8\).*channels"):
            summary(net, (2, 1, 8, 8))

    def test_a_wrong_number_of_inputs(self):
        with pytest.raises(ValueError, match=r"summary: the model itself \(Linear\).*argument"):
            summary(nn.Linear(2, 2), [(1, 2), (1, 2)])

    @pytest.mark.parametrize("shape", [3, "1, 3", (1, -2), (1, 2.5), [[1, 2]], None])
    def test_what_is_no_shape(self, shape):
        with pytest.raises(TypeError, match="summary: input_shape must be a tuple of integers with the batch first"):
            summary(nn.Tanh(), shape)

    def test_what_is_no_model(self):
        with pytest.raises(TypeError, match=r"summary: the model must be an nn.Module, not a function"):
            summary(F.relu, (1, 3))
