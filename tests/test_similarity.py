"""Structural similarity: its properties, its closed forms, and what misuse is told.

Its value against a loop and its derivatives are tested with all other functions, in test_functions.py.
"""

import numpy as np
import pytest

import minigen
import minigen.nn.functional as F

random = np.random.default_rng(8)
X, Y = (minigen.tensor(a) for a in random.uniform(0, 1, (2, 3, 2, 14, 17)))


def test_an_image_is_like_itself():
    np.testing.assert_allclose(F.ssim(X, X, reduction="none").numpy(), 1, rtol=1e-12)
    x = X.detach().requires_grad_()
    F.ssim(x, X).backward()
    assert abs(x.grad.numpy()).max() < 1e-12  # there it is largest


def test_it_is_symmetric_and_below_one():
    assert F.ssim(X, Y).item() == pytest.approx(F.ssim(Y, X).item(), rel=1e-12)
    assert F.ssim(X, Y).item() < 1
    assert F.ssim(X, 1 - X).item() < 0  # a negative is its opposite


def test_of_two_flat_images_only_the_means_count():
    a, b, c1 = 0.3, 0.8, 0.01**2
    x, y = (minigen.full((1, 1, 12, 13), v, dtype=minigen.float64) for v in (a, b))
    assert F.ssim(x, y).item() == pytest.approx((2 * a * b + c1) / (a * a + b * b + c1), rel=1e-9)


def test_a_shift_of_the_luminance_costs_the_luminance_term():
    """Contrast and structure stay: of each window's term only the means' factor is left."""
    shift, c1 = 0.2, 0.01**2
    window = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(window, window) / window.sum() ** 2
    image = X[:1, :1, :11, :11] * 0.5
    mean = (image.numpy()[0, 0] * window).sum()
    expected = (2 * mean * (mean + shift) + c1) / (mean**2 + (mean + shift) ** 2 + c1)
    assert F.ssim(image, image + shift).item() == pytest.approx(expected, rel=1e-9)


def test_the_range_scales_out():
    assert F.ssim(X * 255, Y * 255, 255).item() == pytest.approx(F.ssim(X, Y).item(), rel=1e-10)


def test_one_number_an_image_whatever_its_shape():
    each = F.ssim(X, Y, reduction="none")
    assert each.shape == (3,)
    assert F.ssim(X, Y).item() == pytest.approx(each.mean().item(), rel=1e-12)
    assert F.ssim(X[0], Y[0]).item() == pytest.approx(each[0].item(), rel=1e-12)
    assert F.ssim(X[0], Y[0], reduction="none").shape == ()


def test_float32_keeps_its_digits():
    x, y = (X * 255).float(), (Y * 255).float()
    assert F.ssim(x, y, 255).dtype == minigen.float32
    assert F.ssim(x, y, 255).item() == pytest.approx(F.ssim(X, Y).item(), abs=1e-5)


def test_an_image_can_be_learnt_by_it():
    x = minigen.full_like(X, 0.5).requires_grad_()
    optimizer = minigen.optim.Adam([x], lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        (1 - F.ssim(x, X)).backward()
        optimizer.step()
    assert F.ssim(x.detach().clamp(0, 1), X).item() > 0.9


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: F.ssim(X[..., :10], Y[..., :10]),
            ValueError,
            r"at least window_size=11, not \(3, 2, 14, 10\); give a",
        ),
        (lambda: F.ssim(X[0, 0], Y[0, 0]), ValueError, r"\(N, C, H, W\) or \(C, H, W\)"),
        (lambda: F.ssim(X, Y[:2]), ValueError, "target has"),
        (lambda: F.ssim(X * 255, Y * 255), ValueError, r"input must .*data_range=1\]: give the data_range"),
        (lambda: F.ssim(X, Y * 2 - 1), ValueError, r"target must .*scale \[-1, 1\] by \(x \+ 1\) / 2"),
        (lambda: F.ssim(X, Y, window_size=4), ValueError, "window_size must be odd.*not 4"),
        (lambda: F.ssim(X, Y, window_size=0), ValueError, "window_size must be an integer >= 1"),
        (lambda: F.ssim(X, Y, sigma=0), ValueError, "sigma must be above 0"),
        (lambda: F.ssim(X, Y, data_range=0), ValueError, "data_range must be above 0"),
        (lambda: F.ssim(X, Y, k1=-1), ValueError, "k1"),
        (lambda: F.ssim(X, Y, reduction="avg"), ValueError, "reduction='avg'"),
        (lambda: F.ssim(X * np.nan, Y), ValueError, "ssim: input of shape .* NaN at 1428 of 1428"),
        (lambda: F.ssim(X[:0], Y[:0]), ValueError, "the mean over no element"),
        (lambda: F.ssim(X.float(), Y), TypeError, "float64"),
        (lambda: F.ssim(X.long(), Y.long()), TypeError, "int64"),
    ],
)
def test_misuse_is_told_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call()
