"""Layers that slide windows, pad or resize: each beside PyTorch's of the same name, and what they refuse.

The functions behind them are tested elsewhere; here are arguments, parameters, `state_dict`, and what is printed.
"""

import numpy as np
import pytest

import minigen
from minigen import Tensor, nn

LAYERS = {  # how it is written in both libraries, and the shape of what goes in
    "Conv1d(4, 6, 3)": (2, 4, 9),
    "Conv1d(4, 6, 3, 2, 1, 2, 2, False)": (2, 4, 9),
    "Conv1d(4, 6, 4, padding='same', padding_mode='circular')": (2, 4, 9),
    "Conv1d(4, 6, (3,), padding=2, padding_mode='replicate')": (4, 9),
    "Conv2d(4, 6, 3, padding='same', dilation=(1, 2))": (2, 4, 5, 6),
    "Conv2d(4, 6, (3, 2), padding=(2, 1), padding_mode='reflect', stride=2)": (2, 4, 5, 6),
    "Conv2d(4, 6, 3, padding=1, padding_mode='circular', groups=2, bias=False)": (4, 5, 6),
    "Conv2d(4, 6, (2, 4), padding='same', padding_mode='replicate', dtype={}.float64)": (2, 4, 5, 6),
    "Conv2d(4, 6, 3, padding='valid', padding_mode='reflect')": (2, 4, 5, 6),
    "Conv2d(4, 4, 3, groups=4)": (2, 4, 5, 6),
    "ConvTranspose1d(4, 6, 3, 2, 1, 1)": (2, 4, 5),
    "ConvTranspose1d(4, 6, 3, dilation=2, groups=2, bias=False)": (4, 5),
    "ConvTranspose2d(4, 6, 3, (2, 1), 1, (1, 0), 2)": (2, 4, 5, 6),
    "MaxPool1d(3, 2, 1, ceil_mode=True)": (2, 3, 8),
    "MaxPool1d(2, return_indices=True)": (3, 8),
    "MaxPool2d((3, 2), 2, 1, 2)": (2, 3, 8, 7),
    "MaxPool2d(2, None, 0, 1, True, True)": (2, 3, 5, 7),
    "AvgPool1d(3, 2, 1)": (2, 3, 8),
    "AvgPool2d(3, 2, 1, True, False)": (2, 3, 8, 7),
    "AvgPool2d(2, divisor_override=3)": (2, 3, 8, 7),
    "AdaptiveAvgPool1d(3)": (2, 3, 8),
    "AdaptiveAvgPool2d((3, None))": (2, 3, 8, 7),
    "AdaptiveAvgPool2d(1)": (3, 8, 7),
    "AdaptiveMaxPool1d(3)": (2, 3, 8),
    "AdaptiveMaxPool2d((3, 2), return_indices=True)": (2, 3, 8, 7),
    "Upsample(scale_factor=2, mode='bilinear', align_corners=True)": (2, 3, 4, 5),
    "Upsample((3, 9), mode='bicubic')": (2, 3, 4, 5),
    "Upsample(scale_factor=1.7, mode='linear', recompute_scale_factor=True)": (2, 3, 4),
    "UpsamplingNearest2d(scale_factor=2)": (2, 3, 4, 5),
    "UpsamplingBilinear2d((7, 3))": (2, 3, 4, 5),
    "PixelShuffle(2)": (2, 12, 3, 4),
    "PixelUnshuffle(2)": (3, 4, 6),
    "Unfold((2, 3), 1, 1, 2)": (2, 3, 4, 5),
    "Fold((4, 5), (2, 3), padding=1, stride=2)": (2, 18, 9),
    "ZeroPad1d(2)": (2, 3, 5),
    "ZeroPad2d((1, 2, 0, -1))": (2, 3, 5, 4),
    "ConstantPad1d((1, 2), 3.5)": (2, 3, 5),
    "ConstantPad2d(1, 3.5)": (3, 5, 4),
    "ReflectionPad1d((1, 2))": (3, 5),
    "ReflectionPad2d((1, 2, 0, 3))": (2, 3, 5, 4),
    "ReplicationPad1d(3)": (2, 3, 5),
    "ReplicationPad2d((1, -1, 4, 0))": (2, 3, 5, 4),
    "CircularPad1d((5, 0))": (2, 3, 5),
    "CircularPad2d((1, 2, 0, 3))": (3, 5, 4),
}


def made(text, library, name):
    return eval(f"library.{text.format(name)}", {"library": library.nn, name: library})


@pytest.mark.parametrize("text", LAYERS)
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_each_layer_is_that_of_torch(torch, text):
    ours, theirs = made(text, minigen, "minigen"), made(text, torch, "torch")
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: tuple(v.shape) for k, v in theirs.state_dict().items()
    }
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    x = np.random.default_rng(0).standard_normal(LAYERS[text])
    ours, theirs = ours.double(), theirs.double()
    results, wanted = ours(Tensor(x)), theirs(torch.tensor(x))
    if not isinstance(results, tuple):
        results, wanted = (results,), (wanted,)
    for y, z in zip(results, wanted, strict=True):
        np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=0, atol=1e-12)
        assert y.shape == tuple(z.shape)


@pytest.mark.parametrize("text", LAYERS)
def test_each_layer_is_printed_as_in_torch(torch, text):
    assert repr(made(text, minigen, "minigen")) == repr(made(text, torch, "torch"))


@pytest.mark.parametrize("layer", ["Conv1d(3, 4, 5)", "Conv2d(3, 4, (5, 2))", "ConvTranspose1d(4, 3, 5)"])
def test_weights_lie_channels_last_in_memory(layer):
    weight = made(layer, minigen, "minigen").weight.array
    assert weight.transpose(0, *range(2, weight.ndim), 1).flags.c_contiguous


def test_an_output_size_chooses_between_those_that_are_possible(torch):
    for size in ((9, 7), (10, 7), (9, 8)):
        layer, theirs = nn.ConvTranspose2d(3, 2, 3, 2, (1, 2)), torch.nn.ConvTranspose2d(3, 2, 3, 2, (1, 2))
        x = np.zeros((1, 3, 5, 5), np.float32)
        assert layer(Tensor(x), output_size=size).shape == tuple(theirs(torch.tensor(x), output_size=size).shape)
    assert layer(Tensor(x), (1, 2, 10, 8)).shape == (1, 2, 10, 8)


def test_unpooling_finds_the_size_that_was_pooled():
    x = minigen.randn(2, 3, 7, 6)
    y, places = nn.MaxPool2d(2, return_indices=True)(x)
    assert nn.MaxUnpool2d(2)(y, places, output_size=x.shape).shape == x.shape
    assert nn.MaxUnpool2d(2)(y, places).shape == (2, 3, 6, 6)


REFUSED = {
    "Conv1d: in_channels=3 cannot be divided into groups=2": lambda: nn.Conv1d(3, 4, 3, groups=2),
    "Conv1d: kernel_size must be one integer, not (3, 3)": lambda: nn.Conv1d(3, 4, (3, 3)),
    "Conv1d: padding='full' is not one of 'same', 'valid'": lambda: nn.Conv1d(3, 4, 3, padding="full"),
    'Conv2d: padding="same" works with stride 1 only, not stride=2': lambda: nn.Conv2d(3, 4, 3, 2, "same"),
    "Conv2d: padding_mode='mirror' is not one of 'zeros', 'reflect'": lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"),
    'ConvTranspose1d: padding_mode is "zeros" only': lambda: nn.ConvTranspose1d(3, 4, 3, padding_mode="reflect"),
    "ConvTranspose2d: output_padding must be an integer >= 0": lambda: nn.ConvTranspose2d(3, 4, 3, output_padding=-1),
    "an output_size from (9, 9) to (10, 10) can be made, not (11, 9)": lambda: nn.ConvTranspose2d(3, 2, 3, 2, 1)(
        minigen.zeros(1, 3, 5, 5), output_size=(11, 9)
    ),
    "MaxPool1d: stride must be an integer >= 1, not 0": lambda: nn.MaxPool1d(2, 0),
    "MaxPool2d: dilation must be an integer >= 1, not 0": lambda: nn.MaxPool2d(2, dilation=0),
    "MaxUnpool2d: kernel_size must be an integer >= 1, not 0": lambda: nn.MaxUnpool2d(0),
    "AvgPool2d: divisor_override must be an integer": lambda: nn.AvgPool2d(2, divisor_override=0.5),
    "AvgPool2d: divisor_override must not be 0": lambda: nn.AvgPool2d(2, divisor_override=0),
    "Upsample: size must be an integer >= 1, not 0": lambda: nn.Upsample((0, 3)),
    "Upsample: scale_factor must be above 0, not 0": lambda: nn.Upsample(scale_factor=(2, 0)),
    "Upsample: scale_factor must be a number at least 0, not '2'": lambda: nn.Upsample(scale_factor="2"),
    "AvgPool1d: padding must be an integer >= 0, not -1": lambda: nn.AvgPool1d(2, padding=-1),
    "AdaptiveAvgPool2d: output_size must be an integer >= 1, not 0": lambda: nn.AdaptiveAvgPool2d((None, 0)),
    "AdaptiveMaxPool1d: output_size must be one integer, not (1, 2)": lambda: nn.AdaptiveMaxPool1d((1, 2)),
    "Upsample: mode='cubic' is not one of": lambda: nn.Upsample(2, mode="cubic"),
    "UpsamplingBilinear2d: give either size or scale_factor": lambda: nn.UpsamplingBilinear2d(),
    "PixelShuffle: upscale_factor must be an integer >= 1, not 0": lambda: nn.PixelShuffle(0),
    "PixelUnshuffle: downscale_factor must be an integer >= 1, not 1.5": lambda: nn.PixelUnshuffle(1.5),
    "Unfold: dilation must be an integer >= 1, not 0": lambda: nn.Unfold(2, 0),
    "Fold: output_size must be an integer >= 1, not 0": lambda: nn.Fold(0, 2),
    "ReflectionPad2d: padding must be 4 integers, not (1, 2)": lambda: nn.ReflectionPad2d((1, 2)),
    "ConstantPad1d: value must be a number": lambda: nn.ConstantPad1d(1, "a"),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_fit_is_refused_in_words(message):
    with pytest.raises((ValueError, TypeError)) as caught:
        REFUSED[message]()
    assert message in str(caught.value)
