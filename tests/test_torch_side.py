"""Every system beside itself with PyTorch underneath: the same file, weights, batches and noise, some steps long."""

import numpy as np
import pytest
from table.systems import make, shapes_of
from test_models import batch_for

import minigen
from minigen import models
from minigen.models.system import random_state_of

torch_side = pytest.importorskip("benchmarks.torch_side")
pytest.importorskip("torch")

STEPS = 6
NEAR = 1e-6  # in float64, where a rounding error that Adam takes for a direction stays small
DROPOUT = ("dropout",)  # options; the masks come from each library's own source


def without_dropout(name):
    fields = vars(models.SYSTEMS[name].Options())
    return {key: 0.0 for key in DROPOUT if key in fields}


@pytest.mark.parametrize(
    ("name", "shape"), [(n, s) for n in models.SYSTEMS for s in dict.fromkeys((shapes_of(n)[0], shapes_of(n)[-1]))]
)
def test_steps_equal_those_of_pytorch(name, shape):
    system = make(name, shape, **without_dropout(name))
    twin = torch_side.torch_twin(system).double()
    system.to(dtype=minigen.float64)
    for one in (system, twin):
        drawn = one.noise if one.generates else None
        one.noise = lambda n, drawn=drawn: drawn(n).double()
        one.train()
    for seed in range(STEPS):
        images, labels = batch_for(system)
        batch = [images.double(), labels]
        with random_state_of(seed):
            ours = torch_side.as_floats(system.training_step(batch))
        with random_state_of(seed):
            theirs = torch_side.as_floats(twin.training_step(torch_side.to_torch(batch)))
        assert list(ours) == list(theirs)
        assert ours == pytest.approx(theirs, rel=NEAR, abs=NEAR), f"step {seed}"
    after = {key: value.numpy() for key, value in twin.state_dict().items()}
    for key, value in system.state_dict().items():
        assert np.abs(value.numpy() - after[key]).max() <= NEAR * max(np.abs(after[key]).max(), 1e-2), key


def test_a_twin_begins_with_the_same_weights_and_trains_into_a_run(tmp_path):
    from minigen.training import Config, load_system, read_log

    config = Config(system="vae", data="glyphs", images=64, steps=3, log_every=1, options={"batch_size": 16})
    torch_side.train(config, tmp_path)
    system = load_system(tmp_path)
    assert system.sample(2).shape == (2, 1, 28, 28)
    records = read_log(tmp_path / "log.jsonl")
    assert [record["step"] for record in records] == [1, 2, 3]


def test_a_linear_vae_ends_at_the_same_place():
    from benchmarks import linear_vae

    ours, theirs = (linear_vae.measure("toy", side=side) for side in ("minigen", "torch"))
    assert ours._asdict() == pytest.approx(theirs._asdict(), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(("steps", "epochs", "ends"), [(3, None, 3), (None, 2.5, 25), (30, 2, 20), (10, 2, 10)])
def test_a_twin_trains_as_long(steps, epochs, ends):
    from minigen.training import Config

    config = Config(system="vae", data="glyphs", steps=steps, epochs=epochs)
    assert torch_side.steps_of(config, per_epoch=10) == ends
