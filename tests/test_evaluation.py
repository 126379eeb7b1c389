"""What `minigen evaluate` puts on its page: which figure stands where, which images stand beside each other."""

import numpy as np
import pytest
from table.systems import make

import minigen
from minigen import plot
from minigen.training import evaluation
from minigen.training.pictures import draw_samples, wanted_classes


def found(data="mnist"):
    shares = {kind: [start + digit / 100 for digit in range(10)] for kind, start in zip(evaluation.KINDS, (1, 2, 3))}
    figures = {"recall": {"value": 0.5, "floor": 0.9, "ceiling": 0.0}, "accuracy": dict.fromkeys(evaluation.KINDS)}
    return {
        "system": "dcgan",
        "data": data,
        "test_images": 7,
        "figures": {"loss <d>": 0.25},
        "samples": {"figures": figures, "classes": shares},
    }


def test_rows_show_samples_then_real_images_then_noise():
    own, judged = evaluation.rows(found())
    assert own == [("loss <d>", "0.2500")]
    assert judged[0] == ("recall", "0.5", "0.9", "0")
    assert judged[1] == ("accuracy", "", "", "")
    assert judged[2:4] == [("share of 0", "1", "2", "3"), ("share of 1", "1.01", "2.01", "3.01")]
    assert len(judged) == 12
    assert len(evaluation.rows(found("photos"))[1]) == 2, "a classifier of digits has no say about photos"
    assert evaluation.rows(found() | {"samples": {"modes_100": 24}})[0][1] == ("modes_100", "24")


def test_the_page_is_html_with_what_was_measured():
    page = evaluation.page(found(), {"grid.png": 'Drawn "now".'})
    assert "<h1>dcgan on mnist</h1><p>7 test images.</p>" in page
    assert "<td>loss &lt;d&gt;</td><td>0.2500</td>" in page
    assert '<img src="grid.png" alt="Drawn &quot;now&quot;.">' in page


def test_neighbours_stand_beside_their_image():
    train = minigen.arange(40.0).reshape(40, 1, 1, 1)
    drawn = minigen.tensor([10.2, 30.9]).reshape(2, 1, 1, 1)
    together = evaluation.beside_neighbours(drawn, train).flatten().tolist()
    assert together == pytest.approx([10.2, 10, 11, 9, 12, 30.9, 31, 30, 32, 29])


@pytest.mark.parametrize("name", ["vae", "cvae"])
def test_an_interpolation_begins_and_ends_at_noise_and_stays_as_long(name):
    system = make(name, latent_size=60)  # noises so long are at right angles, nearly
    seen = []
    system.sample = lambda n, noise, **labels: seen.append((noise.numpy(), labels)) or noise
    minigen.manual_seed(0)
    evaluation.interpolation(system, rows=3)
    minigen.manual_seed(0)
    ends = [system.noise(3).numpy() for _ in range(2)]
    path = seen[0][0].reshape(3, evaluation.STEPS, -1)
    np.testing.assert_allclose(path[:, 0], ends[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(path[:, -1], ends[1], rtol=1e-4, atol=1e-5)
    shorter = np.minimum(*(np.linalg.norm(end, axis=1, keepdims=True) for end in ends))
    assert (np.linalg.norm(path, axis=2) >= 0.99 * shorter).all()
    if system.conditional:
        labels = seen[0][1]["labels"].reshape(3, -1).numpy()
        assert (labels == labels[:, :1]).all(), "a row is of one class"


def test_samples_are_drawn_in_parts_of_all_classes_in_turn():
    system = make("cvae")
    wanted = []
    system.sample = lambda n, noise, labels: wanted.append((n, labels.numpy())) or minigen.zeros(n, 1)
    assert len(draw_samples(system, 300)) == 300
    assert [n for n, _ in wanted] == [256, 44]
    assert np.array_equal(np.concatenate([labels for _, labels in wanted]), np.arange(300) % system.classes)
    assert wanted_classes(system, 3, label=2).tolist() == [2, 2, 2]


def test_points_are_shown_in_the_part_of_the_plane_that_the_real_ones_take(monkeypatch):
    figures = []
    monkeypatch.setattr(plot, "_save_figure", lambda figure, path: figures.append(figure))
    real = minigen.tensor([[0.0, 0.0], [10.0, 4.0]])
    plot.plot_points(minigen.tensor([[500.0, 0.0], [5.0, 2.0]]), "a.png", real=real)
    axes = figures[0].axes[0]
    assert axes.get_xlim() == pytest.approx((-1, 11))
    assert axes.get_ylim() == pytest.approx((-4, 8))
    assert [len(cloud.get_offsets()) for cloud in axes.collections] == [2, 2]
    with pytest.raises(ValueError, match=r"plot_points: points must be \(N, 2\), not \(2, 3\)"):
        plot.plot_points(minigen.zeros(2, 3), "a.png")
