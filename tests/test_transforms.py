"""Transforms: torchvision's geometry and numbers on Pillow images, arrays and tensors."""

import numpy as np
import pytest
from PIL import Image

import minigen
from minigen.data import DataLoader, Dataset
from minigen.data.transforms import (
    CenterCrop,
    Compose,
    Normalize,
    RandomCrop,
    RandomHorizontalFlip,
    Resize,
    ToTensor,
)


def picture(height=6, width=9, channels=3, seed=0):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def three_kinds(array):
    """Return one image as Pillow image, array and tensor, each with a way back to an array."""
    tensor = minigen.from_numpy(array.transpose(2, 0, 1).copy() if array.ndim == 3 else array)
    return [
        (Image.fromarray(array), np.asarray),
        (array, np.asarray),
        (tensor, lambda t: t.numpy().transpose(1, 2, 0) if t.dim() == 3 else t.numpy()),
    ]


# --- Resize ---


@pytest.mark.parametrize(
    ("size", "shape", "expected"),
    [
        (14, (28, 56), (14, 28)),
        (14, (56, 28), (28, 14)),
        (10, (17, 40), (10, 23)),  # 23.53 is cut off
        ((5, 7), (17, 40), (5, 7)),
        (64, (28, 28), (64, 64)),
    ],
)
def test_resize_keeps_proportions_for_an_int(size, shape, expected):
    for channels in (1, 3):
        image = picture(*shape, channels)
        resized = Resize(size)(image)
        assert resized.shape[:2] == expected
        assert (np.asarray(Resize(size)(Image.fromarray(image))) == resized).all()


def test_resize_is_antialiased_and_leaves_the_right_size_alone():
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))  # (64, 64): every second column white
    grey = Resize(16)(stripes)[:, 2:-2]
    assert grey.min() > 110
    assert grey.max() < 145
    image = picture()
    assert Resize((6, 9))(image) is image


def test_resize_errors_teach():
    with pytest.raises(TypeError, match="before ToTensor"):
        Resize(4)(minigen.zeros(3, 8, 8))
    with pytest.raises(TypeError, match="uint8"):
        Resize(4)(np.zeros((8, 8)))
    with pytest.raises(TypeError, match="str is no image"):
        Resize(4)("image.png")
    with pytest.raises(ValueError, match="at least 1"):
        Resize(0)
    with pytest.raises(ValueError, match="interpolation 'magic'"):
        Resize(4, "magic")
    with pytest.raises(ValueError, match="height, width"):
        Resize((3, 4, 5))


# --- crops ---


@pytest.mark.parametrize(
    ("shape", "size", "top", "left"),
    [((6, 9), (4, 4), 1, 2), ((7, 9), 4, 2, 2), ((9, 7), (4, 7), 2, 0), ((5, 5), (2, 2), 2, 2)],
)
def test_center_crop_takes_the_middle(shape, size, top, left):
    # The offsets are Python's round((length - size) / 2), half to even: 2.5 -> 2, 1.5 -> 2.
    array = picture(*shape)
    height, width = size if isinstance(size, tuple) else (size, size)
    for image, back in three_kinds(array):
        assert (back(CenterCrop(size)(image)) == array[top : top + height, left : left + width]).all()


def test_center_crop_pads_with_zeros_where_the_image_is_smaller():
    for image, back in three_kinds(picture(3, 8)):
        cropped = back(CenterCrop((6, 4))(image))
        assert cropped.shape == (6, 4, 3)
        assert (cropped[1:4] == picture(3, 8)[:, 2:6]).all()
        assert not cropped[0].any()
        assert not cropped[4:].any()


def test_random_crop_cuts_every_place_that_exists():
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    corners = {int(RandomCrop(2)(array)[0, 0]) for _ in range(200)}
    assert corners == {0, 1, 2, 4, 5, 6}


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
def test_random_crop_padding(mode):
    array = picture(5, 6)
    padded = np.pad(array, ((2, 2), (1, 1), (0, 0)), mode=mode)
    for image, back in three_kinds(array):
        assert (back(RandomCrop((9, 8), padding=(1, 2), padding_mode=mode)(image)) == padded).all()


def test_random_crop_fill_and_four_sides():
    array = picture(2, 2)
    filled = RandomCrop((4, 6), padding=(1, 0, 3, 2), fill=(9, 8, 7))(array)
    assert (filled[:2, 1:3] == array).all()
    assert filled[3, 5].tolist() == filled[0, 0].tolist() == [9, 8, 7]


def test_random_crop_of_a_small_image():
    with pytest.raises(ValueError, match=r"cannot cut \(8, 8\) out of an image of \(6, 9\).*Resize"):
        RandomCrop(8)(picture(6, 9))
    assert RandomCrop((8, 8), pad_if_needed=True)(picture(6, 9)).shape == (8, 8, 3)
    with pytest.raises(ValueError, match="padding"):
        RandomCrop(8, padding=(1, 2, 3))
    with pytest.raises(ValueError, match="padding_mode"):
        RandomCrop(8, padding_mode="wrap")


# --- flip ---


def test_flip_mirrors_left_and_right_with_its_probability():
    array = picture()
    for image, back in three_kinds(array):
        assert (back(RandomHorizontalFlip(1.0)(image)) == array[:, ::-1]).all()
        assert (back(RandomHorizontalFlip(0.0)(image)) == array).all()
    flips = sum(int(RandomHorizontalFlip(0.3)(np.array([[0, 1]]))[0, 0]) for _ in range(1000))
    assert 240 < flips < 360
    with pytest.raises(ValueError, match="p must be a number from 0 to 1, not 2"):
        RandomHorizontalFlip(2)


# --- ToTensor and Normalize ---


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_to_tensor_divides_bytes_and_puts_channels_first(channels):
    array = picture(channels=channels)
    for image in (array, Image.fromarray(array)):
        tensor = ToTensor()(image)
        assert tensor.dtype == minigen.float32
        assert tensor.shape == (channels, 6, 9)
        expected = array.reshape(6, 9, channels).astype(np.float32) / np.float32(255)
        assert (tensor.numpy().transpose(1, 2, 0) == expected).all()


def test_to_tensor_leaves_numbers_that_are_no_bytes():
    assert ToTensor()(np.full((2, 2), 7.5)).tolist() == [[[7.5, 7.5], [7.5, 7.5]]]
    assert ToTensor()(np.full((2, 2), 300, np.int32)).dtype == minigen.int32
    assert ToTensor()(Image.new("1", (2, 1), 1)).tolist() == [[[1.0, 1.0]]]
    array = np.zeros((2, 2))
    ToTensor()(array).add_(1)
    assert not array.any()  # a copy


def test_normalize_agrees_with_its_formula():
    image = ToTensor()(picture())
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.25, 2.0]
    result = Normalize(mean, std)(image).numpy()
    for c in range(3):
        np.testing.assert_allclose(result[c], (image.numpy()[c] - mean[c]) / std[c], rtol=1e-6)
    assert result.dtype == np.float32
    batch = minigen.stack([image, image])
    np.testing.assert_array_equal(Normalize(mean, std)(batch).numpy()[1], result)
    assert Normalize(0.5, 0.5)(minigen.tensor([[[0.0, 1.0]]])).tolist() == [[[-1.0, 1.0]]]
    image = minigen.ones(1, 2, 2).requires_grad_()
    Normalize(0.5, 0.25)(image).sum().backward()
    assert image.grad.tolist() == [[[4.0, 4.0], [4.0, 4.0]]]


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda: Normalize(0.5, 0.0), ValueError, "divide by zero"),
        (lambda: Normalize(0.5, 0.5)(picture()), TypeError, "ToTensor"),
        (lambda: Normalize(0.5, 0.5)(minigen.zeros(3, 4, 4).long()), TypeError, "int64"),
        (lambda: Normalize([0.5] * 2, 0.5)(minigen.zeros(3, 4, 4)), ValueError, r"2 means .* \(3, 4, 4\)"),
        (lambda: ToTensor()(minigen.zeros(3, 4, 4)), TypeError, "already"),
        (lambda: ToTensor()(np.zeros(4)), ValueError, r"not \(4,\)"),
    ],
)
def test_tensor_transforms_errors_teach(act, error, words):
    with pytest.raises(error, match=words):
        act()


# --- together ---


def test_compose_runs_in_order_and_shows_itself():
    transform = Compose(
        [Resize(8), CenterCrop(6), RandomCrop(4), RandomHorizontalFlip(), ToTensor(), Normalize(0.5, 0.5)]
    )
    image = transform(Image.fromarray(picture(20, 30)))
    assert image.shape == (3, 4, 4)
    assert image.numpy().min() < 0
    text = repr(transform)
    assert text.index("Resize(8") < text.index("CenterCrop") < text.index("RandomCrop") < text.index("Normalize")


def test_augmentation_is_the_same_for_any_number_of_threads():
    class Pictures(Dataset):
        transform = Compose([RandomCrop(4, padding=2), RandomHorizontalFlip(), ToTensor()])

        def __len__(self):
            return 24

        def __getitem__(self, index):
            return self.transform(picture(seed=index)), index

    def run(workers):
        loader = DataLoader(Pictures(), 4, shuffle=True, seed=5, num_workers=workers)
        return [image.numpy().tobytes() for _ in range(2) for image, _ in loader]

    state = minigen.get_rng_state()
    alone = run(0)
    assert run(1) == run(3) == alone
    assert len(set(alone)) == 12
    assert minigen.get_rng_state() == state
