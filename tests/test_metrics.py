"""Metrics of generators: closed forms, identities, other programs' figures, faults that must be seen, wrong input.

Figures that compare one image with another are tested elsewhere.
"""

import hashlib
import json
import math
import tracemalloc

import numpy as np
import oracle
import pytest

import minigen
from benchmarks import course_classifier as maker
from minigen import metrics
from minigen.data import MNIST, Glyphs, Toy2D
from minigen.metrics import classifier, neighbours

SAID = oracle.answers()
X = oracle.numbers()
random = np.random.default_rng(6)
BEGINNING = random.bit_generator.state


@pytest.fixture(autouse=True)
def the_same_numbers_whatever_ran_before():
    random.bit_generator.state = BEGINNING


def glyphs(n, train=False, seed=0):
    digits = Glyphs(n, train=train, seed=seed)
    return digits.data[:, None] / 255, digits.targets  # (N, 1, 28, 28)


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def close(value):
    return pytest.approx(value, rel=1e-6, abs=1e-6)


# --- the course classifier ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judge():
    return metrics.course_classifier()


@pytest.fixture(scope="module")
def record():
    return json.loads(classifier.weights_path(classifier.SHA256).with_suffix(".json").read_text(encoding="utf-8"))


def test_one_file_of_weights_is_shipped_and_its_name_and_its_record_hold_its_hash(record):
    (path,) = classifier.weights_path("").parent.glob("*.safetensors")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == classifier.SHA256 == record["sha256"]
    assert classifier.SHA256.startswith(path.stem.removeprefix("course-classifier-"))
    assert path.stat().st_size <= 500_000


def test_a_changed_byte_in_the_weights_is_noticed(tmp_path):
    content = bytearray(classifier.weights_path(classifier.SHA256).read_bytes())
    content[-5] ^= 1
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(RuntimeError, match=r"sha256 \w{10}\.\.\., not .* changed or damaged"):
        classifier.load_weights(path, classifier.SHA256)
    with pytest.raises(RuntimeError, match=r"is missing.*benchmarks\.course_classifier"):
        classifier.load_weights(tmp_path / "nowhere", classifier.SHA256)


def test_loading_the_classifier_leaves_everybodys_random_numbers_alone():
    minigen.manual_seed(1)
    expected = minigen.rand(3).tolist()
    minigen.manual_seed(1)
    classifier.load_weights(classifier.weights_path(classifier.SHA256), classifier.SHA256)
    assert minigen.rand(3).tolist() == expected


def test_the_classifier_reads_drawn_digits(judge, record):
    images, labels = glyphs(1000)
    accuracy = (judge.probabilities(images).argmax(1) == labels).mean()
    assert accuracy >= 0.98
    assert record["glyphs_test"]["accuracy"] >= 0.98
    assert accuracy == pytest.approx(record["glyphs_test"]["accuracy"], abs=0.01)


def test_the_classifier_reads_real_digits_as_well_as_its_record_says(judge, record, real_data):
    test = MNIST(train=False)
    p = judge.probabilities(test.data[:2000, None] / 255)
    assert record["mnist_test"]["accuracy"] >= 0.99
    assert (p.argmax(1) == test.targets[:2000]).mean() == pytest.approx(record["mnist_test"]["accuracy"], abs=0.005)


def test_the_docstring_quotes_the_record(record):
    for name in ("mnist_test", "glyphs_test"):
        assert f"{100 * record[name]['accuracy']:.2f} %" in classifier.__doc__
        assert f"{record[name]['calibration_error']:.4f}" in classifier.__doc__
    assert record["command"] in classifier.__doc__


def test_batches_neither_change_nor_mix_the_images(judge):
    images, _ = glyphs(classifier.BATCH + 3)
    features, p = judge.examine(images)
    assert features.dtype == p.dtype == np.float64
    assert features.shape == (len(images), classifier.FEATURES) and features.min() >= 0
    np.testing.assert_allclose(judge.features(images[-1:])[0], features[-1], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    again = judge.features(minigen.from_numpy(images.astype(np.float32)))
    np.testing.assert_array_equal(again, features)


def test_the_classifier_is_frozen(judge):
    assert not judge.network.training
    assert not any(parameter.requires_grad for parameter in judge.network.parameters())
    assert metrics.course_classifier() is judge


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((2, 3, 32, 32)), r"\(2, 3, 32, 32\); .*to_grey28"),
        (np.zeros((2, 28, 28)), r"not \(2, 28, 28\)"),
        (np.zeros((0, 1, 28, 28)), "no image"),
        (np.zeros((2, 1, 28, 28), np.uint8), "divide by 255"),
        (np.full((2, 1, 28, 28), -1.0), r"from -1 to -1; scale \[-1, 1\]"),
        (np.full((2, 1, 28, 28), np.nan), "1568 values that are NaN"),
        ("digits", "array of numbers"),
    ],
)
def test_images_in_another_form_are_refused_with_a_remedy(judge, images, words):
    with pytest.raises((TypeError, ValueError), match=words):
        judge.features(images)


def test_images_are_brought_to_28_pixels_and_grey():
    large = random.random((2, 1, 84, 84))
    means = large.reshape(2, 1, 28, 3, 28, 3).mean(axis=(3, 5))
    np.testing.assert_allclose(metrics.to_grey28(large), means, atol=1e-6)
    colours = np.eye(3)[:, :, None, None] * np.ones((3, 3, 28, 28))  # red, green, blue
    np.testing.assert_allclose(metrics.to_grey28(colours)[:, 0, 5, 5], [0.299, 0.587, 0.114], atol=1e-6)
    assert metrics.to_grey28(random.random((2, 1, 16, 20))).shape == (2, 1, 28, 28)
    images, _ = glyphs(3)
    np.testing.assert_allclose(metrics.to_grey28(images), images, atol=1e-6)
    with pytest.raises(ValueError, match=r"\(N, 1, H, W\) or \(N, 3, H, W\), not \(2, 4, 8, 8\)"):
        metrics.to_grey28(np.zeros((2, 4, 8, 8)))


def test_drawn_digits_of_other_sizes_are_read_after_resizing(judge):
    digits = Glyphs(300, size=32, color=False, train=False)
    p = judge.probabilities(metrics.to_grey28(digits.data[:, None] / 255))
    assert (p.argmax(1) == digits.targets).mean() > 0.95


def test_the_classifier_can_be_made_again_from_its_seed():
    digits = Glyphs(256)
    first, second = (maker.train(digits.data, digits.targets, epochs=1).state_dict() for _ in range(2))
    assert all((first[name].numpy() == second[name].numpy()).all() for name in first)
    drawn = classifier.Network().state_dict()
    assert all((first[name].numpy() != drawn[name].numpy()).any() for name in first)  # and it has learned


def test_training_images_are_moved_by_two_pixels_at_most():
    dots = np.zeros((500, 28, 28), np.uint8)
    dots[:, 1, 14] = 200
    moved = maker.shifted(dots, np.random.default_rng(0))
    image, row, column = moved.nonzero()
    assert set(row) == {0, 1, 2, 3} and set(column) == {12, 13, 14, 15, 16}  # one in five has left the image
    assert 0.7 < len(image) / 500 < 0.9 and moved.dtype == np.uint8


# --- distances ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["scipy", "torch-fidelity"])
def test_the_frechet_distance_is_other_programs(program):
    assert metrics.frechet_distance(X["fake"], X["real"]) == close(SAID["frechet"][program])


@pytest.mark.parametrize("program", ["scipy", "torch-fidelity"])
def test_features_that_never_fire_make_no_difference(program):
    assert metrics.frechet_distance(X["unused"], X["unused_real"]) == close(SAID["frechet_unused"][program])
    assert metrics.frechet_distance(X["unused"], X["unused_real"]) == close(SAID["frechet"]["scipy"])


def test_the_frechet_distance_of_gaussians_has_a_closed_form():
    """Covariances that commute: sum of (a - b)^2 of their standard deviations along common axes."""
    axes = np.linalg.qr(random.standard_normal((4, 4)))[0]
    a, b = np.array([1.0, 2.0, 0.0, 3.0]), np.array([2.0, 0.5, 1.0, 3.0])
    first, second = ((axes * deviations**2) @ axes.T for deviations in (a, b))
    shift = random.standard_normal(4)
    expected = ((a - b) ** 2).sum() + (shift**2).sum()
    assert metrics.frechet_from_moments(shift, first, np.zeros(4), second) == pytest.approx(expected, rel=1e-12)
    assert metrics.frechet_from_moments(np.zeros(4), second, shift, first) == pytest.approx(expected, rel=1e-12)


def test_the_frechet_distance_knows_its_square_root():
    """Where the covariances do not commute: tr (A B)^(1/2) from the eigenvalues of A B itself."""
    a, b = (m @ m.T for m in random.standard_normal((2, 5, 5)))
    roots = np.sqrt(np.linalg.eigvals(a @ b).real).sum()
    expected = np.trace(a) + np.trace(b) - 2 * roots
    assert metrics.frechet_from_moments(np.zeros(5), a, np.zeros(5), b) == pytest.approx(expected, rel=1e-9)


def test_a_set_has_no_distance_from_itself_and_the_order_of_rows_and_sets_is_nothing():
    for x in (X["real"], X["unused_real"]):
        assert abs(metrics.frechet_distance(x, x)) < 1e-6 * x.var(axis=0).sum()
    shuffled = random.permutation(X["real"])
    assert metrics.frechet_distance(shuffled, X["fake"]) == pytest.approx(
        metrics.frechet_distance(X["fake"], X["real"]), rel=1e-9
    )


def test_few_samples_for_a_covariance_are_warned_of():
    few = random.standard_normal((23, 12))
    with pytest.warns(UserWarning, match="samples has 23 rows for 12 features; with fewer than 24"):
        metrics.frechet_distance(few, X["real"])
    with pytest.warns(UserWarning, match="reference has 23 rows"):
        metrics.frechet_distance(X["real"], few)
    with pytest.raises(ValueError, match="too few rows; at least 2"):
        metrics.frechet_distance(few[:1], X["real"])


def test_matrices_that_are_no_covariances_are_refused():
    one, mean = np.eye(2), np.zeros(2)
    for wrong, words in (([[1, 0.5], [0.2, 1]], "not symmetric"), ([[1, 2], [2, 1]], "eigenvalue -1")):
        with pytest.raises(ValueError, match=f"covariance1 .*{words}|covariance1 is {words}"):
            metrics.frechet_from_moments(mean, wrong, mean, one)
        with pytest.raises(ValueError, match="covariance2"):
            metrics.frechet_from_moments(mean, one, mean, wrong)
    with pytest.raises(ValueError, match=r"mean2 \(3,\)"):
        metrics.frechet_from_moments(mean, one, np.zeros(3), np.eye(3))


def test_the_kernel_distance_is_torch_fidelitys():
    rows = min(len(X["fake"]), len(X["real"]))
    whole = metrics.kernel_distance(X["fake"][:rows], X["real"][:rows], blocks=1, block_size=rows)
    assert whole.mean == close(SAID["kernel"])
    assert whole.std == 0


def test_the_kernel_distance_is_unbiased_and_its_blocks_follow_from_the_seed():
    x, y = random.standard_normal((2, 600, 3))
    distance = metrics.kernel_distance(x, y, blocks=50, block_size=60)
    assert abs(distance.mean) < 3 * distance.std / math.sqrt(50) + 0.02
    assert distance == metrics.kernel_distance(x, y, blocks=50, block_size=60)
    assert distance != metrics.kernel_distance(x, y, blocks=50, block_size=60, seed=1)
    assert distance.std > 0


def test_the_kernel_is_cubic():
    """Two rows a set, by hand: k(x, y) = (x y + 1)^3 for one feature."""
    x, y = np.array([[1.0], [2.0]]), np.array([[1.0], [3.0]])
    within = (1 * 2 + 1) ** 3 + (1 * 3 + 1) ** 3
    between = sum((a * b + 1) ** 3 for a in (1, 2) for b in (1, 3)) / 4
    expected = within - 2 * between
    assert metrics.kernel_distance(x, y, blocks=1).mean == pytest.approx(expected, rel=1e-12)


def test_blocks_larger_than_a_set_are_refused():
    with pytest.raises(ValueError, match="block of 400 rows cannot be drawn from 350"):
        metrics.kernel_distance(X["fake"], X["real"], block_size=400)


@pytest.mark.parametrize("metric", ["frechet_distance", "kernel_distance", "precision_recall", "density_coverage"])
def test_sets_that_do_not_fit_are_refused_by_name(metric):
    function, real = getattr(metrics, metric), X["real"]
    with pytest.raises(ValueError, match=rf"{metric}: samples has 5 features a row, but reference has 12"):
        function(real[:, :5], real)
    with pytest.raises(ValueError, match=rf"{metric}: samples must be \(N, D\), not \(400,\)"):
        function(real[:, 0], real)
    broken = real.copy()
    broken[3, 4] = np.inf
    with pytest.raises(ValueError, match=rf"{metric}: reference \(400, 12\) holds 1 values that are NaN or infinite"):
        function(real, broken)
    with pytest.raises(TypeError, match=f"{metric}: samples must be an array of numbers"):
        function("features", real)
    assert function(minigen.from_numpy(X["fake"]), real) == function(X["fake"], real)


# --- neighbours -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("block_bytes", [8 * 400 * 7, neighbours.BLOCK_BYTES])
def test_precision_recall_density_and_coverage_are_those_of_prdc(monkeypatch, k, block_bytes):
    monkeypatch.setattr(neighbours, "BLOCK_BYTES", block_bytes)
    said = SAID["prdc"][str(k)]
    found = metrics.precision_recall(X["fake"], X["real"], k)._asdict()
    found |= metrics.density_coverage(X["fake"], X["real"], k)._asdict()
    assert found == {name: close(said[name]) for name in found}
    assert 0.2 < found["recall"] < 0.98 and 0.2 < found["coverage"] < 0.99  # so that a fault would show


def test_identical_sets_have_precision_and_recall_one_even_if_rows_repeat():
    for real in (X["real"], np.repeat(X["real"][:20], 6, axis=0), np.zeros((10, 2)), 1e6 + X["real"]):
        assert metrics.precision_recall(real, real) == (1, 1)
        assert metrics.density_coverage(real, real).coverage == 1


def test_what_each_of_the_four_sees():
    real = random.standard_normal((500, 2))
    narrow, wide = 0.05 * random.standard_normal((500, 2)), 6 * random.standard_normal((500, 2))
    sharp, vague = (metrics.precision_recall(x, real) for x in (narrow, wide))
    assert sharp.precision > 0.95 and sharp.recall < 0.2
    assert vague.precision < 0.5 and vague.recall > 0.8
    outlier = np.concatenate([real, [[1e3, 1e3]]])  # its ball reaches over everything
    far = random.standard_normal((500, 2)) + 20
    assert metrics.precision_recall(far, outlier).precision == 1
    assert metrics.density_coverage(far, outlier).density < 0.5
    fresh = metrics.density_coverage(random.standard_normal((500, 2)), real)
    assert fresh.density == pytest.approx(1, abs=0.15)
    assert fresh.coverage == pytest.approx(1 - 0.5**5, abs=0.03)


def test_a_ball_needs_its_neighbours():
    with pytest.raises(ValueError, match="samples has 3 rows; k=3 neighbours besides itself need at least 4"):
        metrics.precision_recall(X["real"][:3], X["real"])
    assert metrics.density_coverage(X["real"][:1], X["real"], k=3).density >= 0
    with pytest.raises(ValueError, match="reference has 3 rows"):
        metrics.density_coverage(X["real"], X["real"][:3], k=3)
    with pytest.raises(ValueError, match="k must be an integer >= 1"):
        metrics.precision_recall(X["real"], X["real"], k=0)


def test_nearest_neighbours_are_scikit_learns():
    distances, indices = metrics.nearest_neighbours(X["fake"][:5], X["real"], k=2)
    np.testing.assert_allclose(distances, SAID["nearest"], rtol=1e-6)
    again = np.linalg.norm(X["fake"][:5, None] - X["real"][indices], axis=2)
    np.testing.assert_allclose(again, distances, rtol=1e-6)
    far, _ = metrics.nearest_neighbours(X["fake"][:5] + 1e5, X["real"] + 1e5, k=2)  # nothing cancels
    np.testing.assert_allclose(far, SAID["nearest"], rtol=1e-6)


def test_equally_near_neighbours_are_all_found():
    distances, indices = metrics.nearest_neighbours(np.zeros((1, 2)), [[1, 0], [0, 2], [0, 0], [0, 0], [1, 0]], k=4)
    assert indices[0, :2].tolist() == [2, 3] and set(indices[0, 2:]) == {0, 4}
    np.testing.assert_allclose(distances, [[0, 0, 1, 1]], rtol=1e-12)
    with pytest.raises(ValueError, match="reference has 2 rows, so nothing has 3"):
        metrics.nearest_neighbours(np.zeros((1, 2)), np.zeros((2, 2)), k=3)


def test_memory_does_not_grow_with_the_number_of_pairs(monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK_BYTES", 2**21)
    x = random.standard_normal((3000, 8))
    tracemalloc.start()
    try:
        metrics.precision_recall(x, x)
        metrics.nearest_neighbours(x, x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 * neighbours.BLOCK_BYTES < 8 * len(x) ** 2 / 5


def test_copies_are_seen():
    held_out, train, new = X["real"][:100], X["real"][100:], X["fake"]
    assert metrics.memorisation(new, held_out, train).closer == close(SAID["closer"])
    copied = metrics.memorisation(train[:50], held_out, train)
    assert copied == (1, 1, 0)
    tenth = np.concatenate([held_out[:45], train[:5]])  # one in ten
    assert metrics.memorisation(tenth, held_out, train).copies == pytest.approx(0.1, abs=0.021)
    assert metrics.memorisation(held_out, held_out, train).closer == 0.5
    assert metrics.memorisation(held_out + 50, held_out, train).closer == 0
    assert math.isnan(metrics.memorisation(new, train[:3], train).median_ratio)  # "test" images that are not new


# --- verdicts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("splits", [1, 10])
def test_the_inception_score_is_torch_fidelitys(splits):
    found = metrics.inception_score(softmax(X["logits"]), splits)
    assert list(found) == [close(value) for value in SAID["inception"][str(splits)]]


def test_what_the_inception_score_is_of():
    sure = np.eye(10)[np.arange(200) % 10]
    assert metrics.inception_score(sure).mean == pytest.approx(10)  # sharp and diverse
    assert metrics.inception_score(np.full((50, 10), 0.1)).mean == pytest.approx(1)  # diverse, not sharp
    assert metrics.inception_score(np.eye(10)[np.zeros(50, int)]).mean == pytest.approx(1)  # sharp, not diverse
    with pytest.raises(ValueError, match="5 images cannot be divided into 10 parts"):
        metrics.inception_score(sure[:5], splits=10)


def test_probabilities_are_asked_for_and_logits_refused():
    with pytest.raises(ValueError, match=r"inception_score: probabilities must be .* softmax\(1\)"):
        metrics.inception_score(X["logits"])
    with pytest.raises(ValueError, match=r"confidence_share: .*row 0 adds up to 0.5"):
        metrics.confidence_share([[0.25, 0.25]])


def test_labels_are_whole_numbers_one_an_image():
    p = softmax(X["logits"])
    for wanted, words in (
        (np.zeros(3, int), "3 wanted for 350 images"),
        (np.zeros(350), "whole numbers"),
        (np.full(350, 5), "run from 5 to 5; 5 classes are 0 to 4"),
        (np.full(350, -1), "run from -1"),
    ):
        with pytest.raises(ValueError, match=f"conditional_accuracy: .*{words}"):
            metrics.conditional_accuracy(p, wanted)


def test_shares_of_classes_and_of_confidence():
    p = np.array([[0.9, 0.1, 0], [0.05, 0.95, 0], [0.5, 0.3, 0.2], [0, 1, 0]])
    assert metrics.confidence_share(p) == 0.75
    assert metrics.confidence_share(p, 0.96) == 0.25
    assert metrics.class_histogram(p.argmax(1), 3).tolist() == [0.5, 0.5, 0]
    assert metrics.conditional_accuracy(p, [0, 1, 2, 1]) == 0.75
    assert metrics.confusion_matrix([0, 1, 2, 1], p.argmax(1), 3).tolist() == [[1, 0, 0], [0, 2, 0], [1, 0, 0]]


def test_the_variance_within_classes_does_not_see_that_between_them():
    y = np.repeat([0, 1, 2], [200, 300, 1])
    spread = np.array([1.0, 2.0, 0.0])[y, None] * random.standard_normal((501, 3))
    found = metrics.within_class_variance(spread + 100 * y[:, None], y)
    assert found == pytest.approx((3 * 1 + 3 * 4) / 2, rel=0.15)
    assert metrics.within_class_variance(np.ones((4, 2)), [0, 0, 1, 1]) == 0
    with pytest.raises(ValueError, match="no class has 2 of the 3 images"):
        metrics.within_class_variance(np.ones((3, 2)), [0, 1, 2])


def test_calibration_compares_confidence_with_accuracy():
    confidence = np.repeat([0.65, 0.95], 100)
    p = np.stack([confidence, 1 - confidence], axis=1)
    labels = np.concatenate([np.arange(100) >= 65, np.arange(100) >= 75]).astype(int)  # right: 65 %, 75 %
    found = metrics.calibration(p, labels, bins=10)
    assert found.error == pytest.approx(0.1)
    assert found.counts.tolist() == [0, 0, 0, 0, 0, 0, 100, 0, 0, 100]
    assert found.accuracy[[6, 9]].tolist() == [0.65, 0.75] and np.isnan(found.accuracy[0])
    edges = metrics.calibration([[1.0, 0.0], [0.5, 0.5]], [0, 0], bins=2)
    assert edges.counts.tolist() == [1, 1]  # a bin has its upper edge


# --- toys -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "modes"), [("ring-8", 8), ("grid-25", 25)])
def test_a_toy_covers_its_own_modes(name, modes):
    toy = Toy2D(name)
    found = metrics.mode_coverage(toy.data, toy.centers, toy.sigma)
    assert found.covered == {20: modes, 100: modes}
    assert found.high_quality == pytest.approx(1 - math.exp(-4.5), abs=0.005)  # of a Gaussian in the plane
    assert found.kl < 0.01
    assert found.counts.sum() == pytest.approx(found.high_quality * len(toy))


def test_lost_and_thin_modes_are_seen():
    toy = Toy2D("grid-25")
    counts = np.full(25, 500)
    counts[:5] = 0, 19, 99, 20, 100
    points = np.repeat(toy.centers, counts, axis=0)
    found = metrics.mode_coverage(points, toy.centers, toy.sigma)
    assert found.covered == {20: 23, 100: 21} and found.counts.tolist() == counts.tolist()
    assert found.high_quality == 1
    shares = counts[1:] / counts.sum()
    assert found.kl == pytest.approx((shares * np.log(25 * shares)).sum())
    one = metrics.mode_coverage(np.zeros((50, 2)), toy.centers, toy.sigma)
    assert one.covered == {20: 1, 100: 0} and one.kl == pytest.approx(math.log(25))
    noise = metrics.mode_coverage(random.uniform(-5, 5, (10_000, 2)), toy.centers, toy.sigma)
    assert noise.high_quality < 0.03 and noise.kl < 0.01
    with pytest.raises(ValueError, match="mode_coverage: points has 3 features a row, but centers has 2"):
        metrics.mode_coverage(np.zeros((5, 3)), toy.centers, toy.sigma)
    with pytest.raises(ValueError, match="sigma must be a number at least 0"):
        metrics.mode_coverage(np.zeros((5, 2)), toy.centers, -1.0)


def test_a_mode_ends_at_three_standard_deviations():
    points = [[0.2999, 0.0], [0.3001, 0.0]]
    assert metrics.mode_coverage(points, [[0.0, 0.0]], 0.1).counts.tolist() == [1]
    assert metrics.mode_coverage(points, [[0.0, 0.0]], 0.1, within=4).high_quality == 1


def test_the_wasserstein_distance_is_scipys_and_that_of_sorted_pairs():
    fake, real = X["fake"][:, 0], X["real"][:, 0]
    assert metrics.wasserstein_1d(fake, real) == close(SAID["wasserstein"])
    pairs = np.abs(np.sort(fake) - np.sort(real[:350])).mean()
    assert metrics.wasserstein_1d(fake, real[:350]) == pytest.approx(pairs, rel=1e-12)
    assert metrics.wasserstein_1d(fake, fake) == 0
    assert metrics.wasserstein_1d(np.repeat(fake, 2), fake) == pytest.approx(0, abs=1e-12)
    assert metrics.wasserstein_1d([1.0], [4.0]) == 3
    with pytest.raises(ValueError, match=r"wasserstein_1d: b must be \(N,\), not \(350, 12\)"):
        metrics.wasserstein_1d(fake, X["fake"])


def test_the_optimal_discriminator_is_p_over_p_plus_q():
    p, q = random.random((2, 50)) + 1e-3
    np.testing.assert_allclose(metrics.optimal_discriminator(np.log(p), np.log(q)), p / (p + q), rtol=1e-12)
    never = metrics.optimal_discriminator([-np.inf, 0.0, -5000.0], [0.0, -np.inf, -5001.0])
    assert never.tolist() == [0, 1, pytest.approx(1 / (1 + math.exp(-1)))]
    with pytest.raises(ValueError, match="both densities are 0"):
        metrics.optimal_discriminator([-np.inf], [-np.inf])
    with pytest.raises(ValueError, match=r"log_p .* NaN or infinite"):
        metrics.optimal_discriminator([np.inf], [0.0])
    with pytest.raises(ValueError, match="same places"):
        metrics.optimal_discriminator([0.0], [0.0, 0.0])
    with pytest.raises(TypeError, match="optimal_discriminator: log_p must be an array of numbers"):
        metrics.optimal_discriminator(np.zeros(3, complex), np.zeros(3))


def test_a_mixtures_density_is_one_in_all():
    toy = Toy2D("ring-8")
    axis, step = np.linspace(-2.2, 2.2, 881, retstep=True)
    places = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    log_density = metrics.mixture_log_density(places, toy.centers, toy.sigma)
    assert np.exp(log_density).sum() * step**2 == pytest.approx(1, abs=1e-6)
    assert np.isfinite(log_density).all()


# --- latents --------------------------------------------------------------------------------------------------------


def test_importance_bounds_are_scipys_and_only_get_tighter():
    found = metrics.importance_bounds(X["log_weights"], (1, 3, 12))
    assert found == {int(k): close(value) for k, value in SAID["bounds"].items()}
    assert found[1] > found[3] > found[12]
    assert found[1] == pytest.approx(metrics.negative_elbo(X["log_weights"]), rel=1e-12)
    tensor = minigen.from_numpy(X["log_weights"])
    assert metrics.importance_bounds(tensor, [5]) == metrics.importance_bounds(X["log_weights"][:, :10], [5])


def test_bounds_of_extreme_weights_stay_finite():
    rows = np.array([[-5000.0, -5000.0 + math.log(3)], [2000.0, -9000.0]])
    expected = -((-5000 + math.log(2)) + (2000 - math.log(2))) / 2
    assert metrics.importance_bounds(rows, [2])[2] == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match="has 2 columns; a bound of k=5"):
        metrics.importance_bounds(rows, [5])
    with pytest.raises(TypeError, match="sequence of integers"):
        metrics.importance_bounds(rows, 2)
    with pytest.raises(ValueError, match="NaN or infinite"):
        metrics.negative_elbo([[np.nan]])


def test_an_exact_posterior_makes_every_bound_the_likelihood():
    """p(z) = N(0, 1), p(x | z) = N(z, 1): log p(x) = log N(x; 0, 2), and all weights are p(x)."""
    x = random.standard_normal((30, 1))
    z = x / 2 + math.sqrt(0.5) * random.standard_normal((30, 8))
    normal = lambda y, mean, variance: -0.5 * ((y - mean) ** 2 / variance + np.log(2 * np.pi * variance))  # noqa: E731
    terms = normal(x, z, 1.0), normal(z, 0.0, 1.0), normal(z, x / 2, 0.5)
    weights = terms[0] + terms[1] - terms[2]
    exact = -float(normal(x, 0.0, 2.0).mean())
    assert metrics.importance_bounds(weights, (1, 2, 8)) == {k: pytest.approx(exact) for k in (1, 2, 8)}
    parts = metrics.rate_distortion(*terms)
    assert sum(parts) == pytest.approx(metrics.negative_elbo(weights), rel=1e-12)
    assert parts.distortion == pytest.approx(-terms[0].mean()) and parts.rate > 0
    with pytest.raises(ValueError, match="the shapes differ"):
        metrics.rate_distortion(terms[0], terms[1], terms[2][:, :3])


def test_active_units_are_those_that_depend_on_the_image():
    means = random.standard_normal((2000, 4)) * [1.0, 0.2, 0.05, 0.0] + [0, 0, 7, 9]
    found = metrics.active_units(means)
    assert found.active == 2
    np.testing.assert_allclose(found.variances, [1, 0.04, 0.0025, 0], rtol=0.1, atol=1e-9)
    assert metrics.active_units(means, threshold=0.001).active == 3
    with pytest.raises(ValueError, match="at least 2"):
        metrics.active_units(means[:1])


def test_the_information_of_units_and_factors_is_scikit_learns():
    found = metrics.mutual_information_gap(X["codes"], X["factors"])
    np.testing.assert_allclose(found.information, SAID["information"], rtol=1e-6, atol=1e-9)
    ordered = np.sort(SAID["information"], axis=0)
    np.testing.assert_allclose(found.gaps, (ordered[-1] - ordered[-2]) / found.entropies, rtol=1e-6, atol=1e-9)
    assert found.mig == pytest.approx(found.gaps.mean())


def test_the_gap_is_one_for_one_unit_a_factor_and_none_for_shared_or_unrelated_units():
    factors = np.stack([random.integers(3, size=5000), random.integers(5, size=5000)], axis=1)
    noise = random.standard_normal((5000, 2))
    assert metrics.mutual_information_gap(np.concatenate([factors, noise], 1), factors).mig > 0.98
    assert metrics.mutual_information_gap(np.repeat(factors, 2, axis=1), factors).mig == pytest.approx(0, abs=1e-9)
    assert metrics.mutual_information_gap(noise, factors).mig < 0.01
    angle = random.random((5000, 1))  # continuous: cut into bins
    found = metrics.mutual_information_gap(np.concatenate([angle, noise], 1), angle)
    assert found.entropies[0] == pytest.approx(math.log(20), abs=0.01) and found.mig > 0.9
    many = np.arange(5000.0)[:, None] % 30  # whole numbers are classes, of whatever type
    assert metrics.mutual_information_gap(noise, many).entropies[0] == pytest.approx(math.log(30), abs=0.01)
    assert metrics.mutual_information_gap(np.concatenate([angle, 0 * angle], 1), factors).mig < 0.01  # a dead unit


def test_wrong_codes_and_factors_are_refused():
    for codes, factors, words in (
        (X["codes"][:, :1], X["factors"], "one unit; a gap lies between two"),
        (X["codes"][:5], X["factors"], "codes of 5 images, but factors of 400"),
        (X["codes"], 0 * X["factors"], "factor 0 has the same value"),
        (X["codes"], X["factors"][:, 0], r"factors must be \(N, F\)"),
    ):
        with pytest.raises(ValueError, match=words):
            metrics.mutual_information_gap(codes, factors)


# --- a generator as a whole -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real():
    return glyphs(400), glyphs(1000, train=True)


def judged(samples, real, **options):
    (test, _), (train, _) = real
    return metrics.judge_generator(samples, test, train, neighbours=150, **options)


@pytest.fixture(scope="module")
def verdict(real):
    images, labels = glyphs(400, seed=3)
    return judged(images, real, labels=labels, test_labels=real[0][1])


def test_a_perfect_generator_gets_the_figures_of_the_floor(verdict):
    figures = verdict["figures"]
    for name, figure in figures.items():
        assert set(figure) == {"value", "floor", "ceiling"}, name
        near, far = abs(figure["value"] - figure["floor"]), abs(figure["ceiling"] - figure["floor"])
        if not name.startswith(("copies", "closer_in_pixels")):
            assert near < 0.35 * far, (name, figure)
    assert figures["conditional_accuracy"]["value"] > 0.95 and figures["conditional_accuracy"]["ceiling"] < 0.3
    assert 0.3 < figures["closer_in_features"]["value"] < 0.7
    assert figures["closer_in_features"]["floor"] != 0.5  # one half of them against the other, not against itself
    assert figures["frechet_distance"]["floor"] > 0.01  # other images than the test images themselves
    assert verdict["images"] == {"samples": 400, "test": 400, "train": 1000}
    assert all(sum(shares) == pytest.approx(1) for shares in verdict["classes"].values())
    assert json.loads(json.dumps(verdict)) == verdict


def test_each_fault_of_a_generator_shows_in_its_figure(real, verdict):
    train, known = real[1]
    images, labels = glyphs(400, seed=3)
    fine = {name: figure["value"] for name, figure in verdict["figures"].items()}
    blurred = sum(np.roll(images, (i, j), axis=(2, 3)) for i in (-1, 0, 1) for j in (-1, 0, 1)) / 9
    typical = np.stack([images[labels == label][0] for label in range(10)])[np.arange(400) % 10]
    wrong = (np.arange(400) + 1) % 10
    copied, soft, alike = (
        judged(samples, real, labels=wanted)["figures"]
        for samples, wanted in ((train[known < 5][:400], None), (blurred, labels), (typical, wrong))
    )
    assert copied["smallest_class"]["value"] < 0.03 < fine["smallest_class"]
    assert copied["recall"]["value"] < 0.7 * fine["recall"]
    assert copied["closer_in_pixels"]["value"] == copied["closer_in_features"]["value"] == 1
    assert copied["copies_in_pixels"]["value"] == 1
    assert "conditional_accuracy" not in copied
    assert soft["frechet_distance"]["value"] > 2 * fine["frechet_distance"]
    assert soft["conditional_accuracy"]["floor"] is None  # the test images' classes were not given
    assert alike["within_class_variance"]["value"] < 0.1 * fine["within_class_variance"]
    assert alike["conditional_accuracy"]["value"] < 0.1


def test_a_verdict_repeats(real):
    images, _ = glyphs(130, seed=3)
    assert judged(images, real, seed=2) == judged(images, real, seed=2)


def test_what_cannot_be_judged_is_refused(real):
    (test, _), (train, _) = real
    with pytest.raises(ValueError, match="judge_generator: 5 samples are too few"):
        metrics.judge_generator(test[:5], test, train)
    with pytest.raises(ValueError, match="to_grey28"):
        metrics.judge_generator(np.zeros((50, 3, 32, 32)), test, train)
    with pytest.raises(ValueError, match="3 labels for 50 images"):
        metrics.judge_generator(test[:50], test, train, labels=[1, 2, 3])
